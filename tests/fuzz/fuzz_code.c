/* The analysis of code: its jump destinations are those of a walk from the front, and so are the
 * entries of its translations; its hash is that of the plain Keccak, its bytes are followed by
 * zeros, and a store knows each code once. */
#include "evm/core/code.h"

#include <stdlib.h>

#include "evm/core/program_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

const struct fuzz_plan fuzz_plan = {.runs = 6000, .max_size = 1200};

static void walk(const uint64_t *bitmap, struct evm_bytes code)
{
    size_t next = 0; /* where the next opcode is */
    for (size_t i = 0; i < evm_jumpdest_words(code.size) * 64; i++) {
        bool is_opcode = i == next && i < code.size;
        bool dest = is_opcode && code.data[i] == 0x5b;
        if (is_opcode)
            next += 1 + (code.data[i] >= 0x60 && code.data[i] <= 0x7f ? code.data[i] - 0x5fu : 0);
        EVM_CHECK((bitmap[i / 64] >> i % 64 & 1) == dest, "byte %zu of %zu: a destination: %d", i,
                  code.size, !dest);
    }
}

static void check(const struct evm_code *c, struct evm_bytes in)
{
    static const uint8_t zeros[33];
    EVM_CHECK(c && c->size == in.size, "%zu bytes become %zu", in.size, c ? c->size : 0);
    EVM_CHECK(!in.size || memcmp(c->bytes, in.data, in.size) == 0, "%zu bytes changed", in.size);
    EVM_CHECK(memcmp(c->bytes + in.size, zeros, sizeof zeros) == 0, "no zeros behind %zu", in.size);
    walk(c->jumpdests, in);
    bool delegates = in.size == 23 && in.data[0] == 0xef && in.data[1] == 1 && in.data[2] == 0;
    EVM_CHECK(c->is_delegation == delegates, "a delegation: %d", c->is_delegation);
    if (delegates)
        EVM_CHECK(memcmp(c->delegate.b, in.data + 3, 20) == 0, "to elsewhere (%zu)", in.size);
}

/* A translation can be entered at its start and at each destination, and nowhere else by a jump. */
static void translate(const struct evm_code *c, enum evm_fork fork)
{
    const struct evm_rules *rules = evm_rules_of(fork);
    const struct evm_program *p = evm_program_get(c, rules);
    EVM_CHECK((p != NULL) == (c->size > 0 && c->size <= EVM_PROGRAM_MAX_CODE),
              "%zu bytes translate: %d", c->size, p != NULL);
    if (!p)
        return;
    EVM_CHECK(evm_program_find(c, rules) == p && evm_program_get(c, rules) == p,
              "%zu bytes translate twice", c->size);
    for (size_t i = 0; i < c->size; i++) {
        bool dest = c->jumpdests[i / 64] >> i % 64 & 1;
        uint16_t entry = p->entry_at[i];
        EVM_CHECK((entry != 0) == dest, "byte %zu is a destination: %d, an entry: %d", i, dest,
                  entry);
        EVM_CHECK(!entry || (entry < p->entry_count && p->entries[entry].pc == i),
                  "byte %zu is entry %u of %zu", i, entry, p->entry_count);
    }
    for (size_t i = 0; i < p->entry_count; i++) {
        const union program_word *body = p->entries[i].body;
        EVM_CHECK(body >= p->words && body < p->words + p->word_count && p->entries[i].gas >= 0,
                  "entry %zu of %zu leads nowhere", i, p->entry_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first byte says how often the rest is repeated, so that long codes are cheap to find. */
    struct fuzz_in head = {data, size};
    uint8_t first = fuzz_u8(&head);
    size_t times = 1 + first % 4u;
    struct evm_bytes in = {NULL, head.size * times};
    uint8_t *all = malloc(in.size ? in.size : 1);
    EVM_CHECK(all, "no memory%s", "");
    for (size_t i = 0; i < times && head.size; i++)
        memcpy(all + i * head.size, head.data, head.size);
    in.data = all;

    struct evm_codes *codes = evm_codes_create();
    struct evm_code *own = evm_code_make(NULL, in);
    const struct evm_code *stored = codes ? evm_codes_add(codes, in) : NULL;
    struct ref_word hash = ref_keccak((struct ref_bytes){in.data, in.size});
    check(own, in);
    check(stored, in);
    translate(stored, (enum evm_fork)(first / 4 % EVM_FORK_COUNT));
    EVM_CHECK(memcmp(stored->hash.b, hash.b, 32) == 0, "hash of %zu bytes", in.size);
    EVM_CHECK(evm_codes_add(codes, in) == stored, "%zu bytes stored twice", in.size);
    EVM_CHECK(evm_codes_find(codes, &stored->hash) == stored, "%zu bytes not found", in.size);
    if (in.size) { /* one more byte is another code */
        const struct evm_code *other =
            evm_codes_add(codes, (struct evm_bytes){in.data, in.size - 1});
        EVM_CHECK(other != stored, "two codes of %zu bytes are one", in.size);
        check(other, (struct evm_bytes){in.data, in.size - 1});
    }
    free(own);
    free(all);
    evm_codes_destroy(codes);
    return 0;
}
