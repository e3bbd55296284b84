#include "evm/core/keccak_memo.h"

#include <stdlib.h>

#include "evm/core/alloc.h"

enum { WORDS = 8 /* arguments that are looked at, as by keccak_hints.c */ };

void evm_keccak_memo_fini(struct evm_keccak_memo *m)
{
    free(m->met);
    *m = (struct evm_keccak_memo){0};
}

/* word ‖ slot, where the word is the caller or an argument. */
static bool follows(const struct evm_addr *caller, struct evm_bytes input, struct evm_bytes in)
{
    static const uint8_t zeros[12];
    if (in.size != 64 || input.size < 4)
        return false;
    if (memcmp(in.data, zeros, 12) == 0 && memcmp(in.data + 12, caller->b, 20) == 0)
        return true;
    for (size_t w = 0, at = 4; w < WORDS && at + 32 <= input.size; w++, at += 32)
        if (memcmp(in.data, input.data + at, 32) == 0)
            return true;
    return false;
}

void evm_keccak_memo_add(struct evm_keccak_memo *m, uint64_t tag)
{
    if (m->count == m->capacity) {
        uint32_t room = m->capacity ? m->capacity * 2 : 1024;
        struct evm_keccak_met *grown =
            room < m->capacity ? NULL : evm_realloc(m->met, room * sizeof *grown);
        if (!grown)
            return;
        m->met = grown;
        m->capacity = room;
    }
    m->met[m->count] = (struct evm_keccak_met){tag, *m->last};
    *m->last = m->count++;
}

enum evm_keccak_known evm_keccak_memo_meet(struct evm_keccak_memo *m, const struct evm_addr *caller,
                                           struct evm_bytes input, struct evm_bytes in,
                                           const struct evm_hash *hash)
{
    if (m->core->capacity == 0 || (in.size != 20 && in.size != 32 && in.size != 64))
        return EVM_KECCAK_NEW;
    uint64_t tag;
    memcpy(&tag, hash->b, sizeof tag);
    tag = (tag | 2) & ~(uint64_t)1; /* never 0, which is free */
    bool foreseen = follows(caller, input, in);
    evm_keccak_memo_add(m, tag | foreseen);
    return evm_keccak_kept_meet(m->core, tag) ? EVM_KECCAK_KEPT
           : foreseen                         ? EVM_KECCAK_FOLLOWS
                                              : EVM_KECCAK_NEW;
}
