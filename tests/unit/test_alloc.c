/* The allocation hook of the tiny build: every (n + 1)-th allocation fails, and only when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "evm/core/alloc.h"

static void fails_when_asked(void **unused)
{
    (void)unused;
#ifdef WEFT_TINY
    bool got[9];
    evm_alloc_fail_after(2);
    for (int i = 0; i < 9; i++) {
        void *p = i % 3 == 0   ? evm_malloc(17)
                  : i % 3 == 1 ? evm_calloc(3, 5)
                               : evm_realloc(NULL, 9);
        got[i] = p != NULL;
        free(p);
    }
    evm_alloc_fail_after(-1);
    for (int i = 0; i < 9; i++)
        assert_int_equal(got[i], i % 3 != 2);
#endif
    void *p = evm_calloc(2, 8);
    assert_non_null(p);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fails_when_asked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
