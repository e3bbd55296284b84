/* Programs on their codes: found, made once, freed with the store. */
#include <stdlib.h>

#include "evm/core/program_internal.h"

/* What a byte of code costs to translate, in bytes run plainly, about. */
#define PATIENCE_PER_BYTE 4
#define PATIENCE_AT_LEAST 2048

const struct evm_program *evm_program_find(const struct evm_code *code,
                                           const struct evm_rules *rules)
{
    if (!code->runs)
        return NULL;
    const struct evm_program *p = atomic_load_explicit(&code->runs->programs, memory_order_acquire);
    while (p && p->rules != rules)
        p = p->next;
    return p;
}

static void destroy(struct evm_program *p)
{
    free(p->words);
    free(p->entry_at);
    free(p);
}

/* Puts the program in front of the list, unless another thread brought one for the same rules
 * meanwhile: then that one is the result. */
static const struct evm_program *publish(const struct evm_code *code, struct evm_program *p)
{
    struct evm_program *first = atomic_load_explicit(&code->runs->programs, memory_order_acquire);
    for (;;) {
        p->next = first;
        if (atomic_compare_exchange_weak_explicit(&code->runs->programs, &first, p,
                                                  memory_order_acq_rel, memory_order_acquire))
            return p;
        const struct evm_program *found = evm_program_find(code, p->rules);
        if (found) {
            destroy(p);
            return found;
        }
    }
}

const struct evm_program *evm_program_get(const struct evm_code *code,
                                          const struct evm_rules *rules)
{
    const struct evm_program *found = evm_program_find(code, rules);
    if (found || !code->runs || code->size > EVM_PROGRAM_MAX_CODE)
        return found;
    struct evm_program *made = program_make(code, rules);
    return made ? publish(code, made) : NULL;
}

int64_t evm_program_patience(const struct evm_code *code)
{
    int64_t p = (int64_t)code->size * PATIENCE_PER_BYTE;
    if (code->size > EVM_PROGRAM_MAX_CODE)
        return INT64_MAX;
    return p < PATIENCE_AT_LEAST ? PATIENCE_AT_LEAST : p;
}

void evm_programs_destroy(const struct evm_code *code)
{
    struct evm_program *p = code->runs ? atomic_load(&code->runs->programs) : NULL;
    while (p) {
        struct evm_program *next = p->next;
        destroy(p);
        p = next;
    }
}

struct evm_program_size evm_program_size(const struct evm_program *p)
{
    return (struct evm_program_size){p->word_count, p->entry_count};
}
