/* Memory, maps and vectors: against plain references, and when memory runs out. */
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sizes_and_overflow(void **state)
{
    (void)state;
    unsigned char *p = mem_zalloc(3, 7);
    for (int i = 0; i < 21; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xa5, 21);
    p = mem_resize(p, 100, 7);
    assert_non_null(p);
    assert_int_equal(p[20], 0xa5);
    assert_null(mem_resize(p, SIZE_MAX / 2, 3)); /* and p stays */
    assert_int_equal(p[0], 0xa5);
    mem_free(p);
    assert_null(mem_alloc(SIZE_MAX / 2, 3));
    assert_null(mem_zalloc(SIZE_MAX / 2 + 1, 2));
    assert_null(mem_alloc_lines(SIZE_MAX / 2, 3));
    p = mem_alloc(0, 5);
    assert_non_null(p);
    mem_free(p);
    mem_free(NULL);
    unsigned char *big = mem_alloc_lines(5, 1 << 20), *small = mem_alloc_lines(3, 11);
    assert_true(big && small);
    assert_int_equal((uintptr_t)small % 64, 0);
    assert_int_equal((uintptr_t)big % 4096, 0);
    memset(big, 1, 5 << 20);
    mem_free(big);
    mem_free(small);
}

static void arenas(void **state)
{
    (void)state;
    struct arena a;
    struct sim_stream s;
    unsigned char *piece[500];
    size_t size[500];
    arena_init(&a, 300);
    sim_stream_init(&s, 8, 0, 0);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 500; i++) {
            size[i] = sim_stream_below(&s, i % 50 == 7 ? 2000 : 90);
            piece[i] = arena_alloc(&a, size[i]);
            assert_non_null(piece[i]);
            assert_int_equal((uintptr_t)piece[i] % 16, 0);
            memset(piece[i], (int)(i * 31 % 251), size[i]);
        }
        for (size_t i = 0; i < 500; i++)
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(piece[i][k], i * 31 % 251);
        size_t held = a.bytes;
        arena_reset(&a);
        assert_true(a.bytes < held);
    }
    assert_null(arena_alloc(&a, SIZE_MAX - 3));
    arena_fini(&a);
    arena_fini(&a);
    assert_int_equal(a.bytes, 0);
}

static void pools(void **state)
{
    (void)state;
    struct pool p;
    uint64_t *object[300];
    pool_init(&p, sizeof **object);
    for (uint64_t i = 0; i < 300; i++) {
        object[i] = pool_get(&p);
        assert_non_null(object[i]);
        *object[i] = i * i;
    }
    for (uint64_t i = 0; i < 300; i++)
        assert_int_equal(*object[i], i * i);
    size_t held = p.arena.bytes;
    pool_put(&p, object[17]);
    pool_put(&p, object[233]);
    assert_int_equal(p.live, 298);
    assert_ptr_equal(pool_get(&p), object[233]); /* last in, first out */
    assert_ptr_equal(pool_get(&p), object[17]);
    assert_int_equal(p.arena.bytes, held);
    pool_fini(&p);
    pool_fini(&p);
}

/* Few distinct keys, so that every kind of run in the table comes and goes. */
static void map_against_array(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    struct map m;
    struct sim_stream s;
    uint64_t value[KEYS] = {0}, len = 0, got;
    bool has[KEYS] = {false};
    map_init(&m);
    sim_stream_init(&s, 31, 0, 0);
    assert_false(map_get(&m, 5, NULL));
    assert_false(map_del(&m, 5));
    for (int op = 0; op < 60000; op++) {
        uint64_t k = sim_stream_below(&s, op % 20000 < 10000 ? KEYS : 40);
        uint64_t key = k % 2 ? k : ~k << 32; /* keys alike in low bits, and 0's complement */
        if (sim_stream_below(&s, 5) < (op / 5000 % 2 ? 2U : 3U)) {
            uint64_t v = sim_stream_u64(&s);
            assert_int_equal(map_put(&m, key, v), ERR_OK);
            len += !has[k];
            has[k] = true;
            value[k] = v;
        } else {
            assert_int_equal(map_del(&m, key), has[k]);
            len -= has[k];
            has[k] = false;
        }
        assert_int_equal(m.len, len);
        k = sim_stream_below(&s, KEYS);
        key = k % 2 ? k : ~k << 32;
        assert_int_equal(map_get(&m, key, &got), has[k]);
        if (has[k])
            assert_int_equal(got, value[k]);
    }
    assert_true(map_bytes(&m) > 0);
    map_clear(&m);
    assert_int_equal(m.len, 0);
    assert_false(map_get(&m, 1, NULL));
    map_fini(&m);
    map_fini(&m);
}

static void vectors(void **state)
{
    (void)state;
    struct vec v;
    vec_init(&v, 12);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t triple[3] = {i, i * 7, ~i};
        assert_int_equal(vec_push(&v, triple), ERR_OK);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t triple[3] = {i, i * 7, ~i};
        assert_memory_equal(vec_at(&v, i), triple, sizeof triple);
    }
    assert_int_equal(vec_reserve(&v, 10), ERR_OK);
    assert_int_equal(v.len, 1000);
    assert_int_equal(vec_reserve(&v, SIZE_MAX / 4), ERR_MEMORY);
    assert_int_equal(v.len, 1000);
    vec_fini(&v);
    vec_fini(&v);
}

static void out_of_memory(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (long limit = 0; limit < 12; limit++) {
        struct map m;
        struct vec v;
        struct pool p;
        struct arena a;
        uint64_t put = 0, pushed = 0, got = 0;
        map_init(&m);
        vec_init(&v, sizeof put);
        pool_init(&p, 40);
        arena_init(&a, 0);
        mem_fail_after(limit);
        while (put < 200 && map_put(&m, put * 977, put) == ERR_OK)
            put++;
        while (pushed < 100 && vec_push(&v, &pushed) == ERR_OK)
            pushed++;
        while (got < 50 && pool_get(&p))
            got++;
        void *piece = arena_alloc(&a, 100);
        assert_true(limit > 4 || put < 200 || pushed < 100 || got < 50 || !piece);
        mem_fail_never();
        assert_int_equal(m.len, put);
        assert_int_equal(v.len, pushed);
        assert_int_equal(p.live, got);
        for (uint64_t i = 0; i < put; i++) {
            uint64_t value;
            assert_true(map_get(&m, i * 977, &value));
            assert_int_equal(value, i);
        }
        map_fini(&m);
        vec_fini(&v);
        pool_fini(&p);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_overflow),
        cmocka_unit_test(arenas),
        cmocka_unit_test(pools),
        cmocka_unit_test(map_against_array),
        cmocka_unit_test(vectors),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
