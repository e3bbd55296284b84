#include "evm/core/keccak_hints.h"

#include "evm/core/keccak_cache.h"

enum { FROM_CALLER = 0, FROM_INPUT = 1, WORDS = 8 /* arguments that are looked at */ };

/* keccak256(word ‖ slot). */
struct key_kind {
    uint8_t slot[32];
    uint32_t word;       /* FROM_CALLER, or FROM_INPUT + the argument's number */
    uint32_t learned_in; /* the number of the call */
    bool confirmed;      /* another call made such a key too */
};

struct row {
    struct evm_addr to;
    uint8_t selector[4];
    bool used;
    uint32_t count, announced;
    struct key_kind kinds[EVM_KECCAK_HINT_KEYS];
};

static _Thread_local struct {
    struct row rows[EVM_KECCAK_HINT_ROWS];
    struct evm_keccak_call running;
    uint32_t run_number;
    uint32_t key_count;
    uint8_t keys[EVM_KECCAK_HINT_AHEAD * EVM_KECCAK_HINT_KEYS][64];
} hints;

static struct row *row_of(const struct evm_keccak_call *call)
{
    uint64_t to;
    uint32_t selector;
    memcpy(&to, call->to->b + 12, 8);
    memcpy(&selector, call->input.data, 4);
    uint64_t h = (to ^ selector) * 0x9e3779b97f4a7c15u;
    return &hints.rows[(h >> 32) % EVM_KECCAK_HINT_ROWS];
}

static bool row_is_of(const struct row *r, const struct evm_keccak_call *call)
{
    return r->used && evm_addr_eq(&r->to, call->to) &&
           memcmp(r->selector, call->input.data, sizeof r->selector) == 0;
}

/* False where the input ends before the word does. */
static bool word_of(const struct evm_keccak_call *call, uint32_t word, uint8_t out[32])
{
    if (word == FROM_CALLER) {
        memset(out, 0, 12);
        memcpy(out + 12, call->caller->b, 20);
        return true;
    }
    size_t at = 4 + (size_t)(word - FROM_INPUT) * 32;
    if (call->input.size < at + 32)
        return false;
    memcpy(out, call->input.data + at, 32);
    return true;
}

void evm_keccak_hints_expect(const struct evm_keccak_call *call)
{
    if (call->input.size < 4)
        return;
    struct row *r = row_of(call);
    if (!row_is_of(r, call))
        return;
    if (++r->announced > EVM_KECCAK_HINT_LIFE) {
        r->used = false;
        return;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const struct key_kind *k = &r->kinds[i];
        if (!k->confirmed)
            continue;
        if (hints.key_count == sizeof hints.keys / sizeof hints.keys[0])
            evm_keccak_hints_hash();
        uint8_t *key = hints.keys[hints.key_count];
        if (!word_of(call, k->word, key))
            continue;
        memcpy(key + 32, k->slot, 32);
        hints.key_count++;
    }
}

void evm_keccak_hints_hash(void)
{
    evm_keccak_cache_fill(hints.keys[0], hints.key_count);
    hints.key_count = 0;
}

void evm_keccak_hints_run(const struct evm_keccak_call *call)
{
    if (!call) {
        hints.running.input.size = 0;
        return;
    }
    hints.running = *call;
    hints.run_number++;
}

/* Room for one more kind: a free one, or that of a key met in one call only. */
static struct key_kind *room(struct row *r)
{
    if (r->count < EVM_KECCAK_HINT_KEYS)
        return &r->kinds[r->count++];
    for (uint32_t i = 0; i < r->count; i++)
        if (!r->kinds[i].confirmed && r->kinds[i].learned_in != hints.run_number)
            return &r->kinds[i];
    return NULL;
}

static void learn(struct row *r, uint32_t word, const uint8_t slot[32])
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct key_kind *k = &r->kinds[i];
        if (k->word != word || memcmp(k->slot, slot, sizeof k->slot) != 0)
            continue;
        k->confirmed |= k->learned_in != hints.run_number;
        return;
    }
    struct key_kind *k = room(r);
    if (!k)
        return;
    *k = (struct key_kind){.word = word, .learned_in = hints.run_number};
    memcpy(k->slot, slot, sizeof k->slot);
}

void evm_keccak_hints_missed(const uint8_t in[64])
{
    const struct evm_keccak_call *call = &hints.running;
    if (call->input.size < 4)
        return;
    uint8_t word[32];
    for (uint32_t w = FROM_CALLER; w < FROM_INPUT + WORDS && word_of(call, w, word); w++) {
        if (memcmp(word, in, sizeof word) != 0)
            continue;
        struct row *r = row_of(call);
        if (!row_is_of(r, call)) {
            *r = (struct row){.to = *call->to, .used = true};
            memcpy(r->selector, call->input.data, sizeof r->selector);
        }
        learn(r, w, in + 32);
        return;
    }
}
