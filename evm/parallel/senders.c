#include "evm/parallel/senders.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/mvmemory.h"

void evm_senders_fini(struct evm_senders *s)
{
    free(s->last);
    *s = (struct evm_senders){0};
}

static uint32_t hash_sender(const struct evm_addr *a)
{
    uint64_t x, y;
    memcpy(&x, a->b, 8);
    memcpy(&y, a->b + 12, 8);
    x = (x ^ y * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    return (uint32_t)(x >> 32);
}

/* Accounts that a set-code transaction of the block names as authorities: their nonces move in
 * ways that their own transactions do not tell (EIP-7702). */
static bool is_authority(const struct evm_sched_env *env, const struct evm_addr *a)
{
    for (uint32_t i = 0; i < env->tx_count; i++)
        for (size_t k = 0; k < env->txs[i]->authorization_count; k++)
            if (evm_addr_eq(&env->txs[i]->authorizations[k].authority, a))
                return true;
    return false;
}

/* Transaction `before` is followed by another one of its sender, which will read the nonce. If it
 * need not wait for it, it need not for the balance, which it only asks to suffice. */
static enum evm_status expect_sender(const struct evm_sched_env *env, uint32_t before,
                                     bool authorizes)
{
    const struct evm_tx *tx = env->txs[before];
    const struct evm_exec_params *p = env->params;
    const struct evm_u256 next = evm_u256_of(tx->nonce + 1);
    enum evm_status st =
        p->predict_nonces && !(authorizes && is_authority(env, &tx->sender))
            ? evm_mv_predict(env->mv, before, EVM_MV_NONCE, &tx->sender, NULL, &next)
            : evm_mv_expect(env->mv, before, EVM_MV_NONCE, &tx->sender, NULL);
    if (st == EVM_OK && !p->deltas)
        st = evm_mv_expect(env->mv, before, EVM_MV_BALANCE, &tx->sender, NULL);
    return st;
}

enum evm_status evm_senders_foresee(struct evm_senders *s, const struct evm_sched_env *env)
{
    uint32_t n = env->tx_count, capacity = 64;
    bool authorizes = false;
    while (capacity < 2 * n)
        capacity *= 2;
    if (capacity > s->capacity) {
        uint32_t *grown = evm_realloc(s->last, capacity * sizeof *grown);
        if (!grown)
            return EVM_ERR_MEMORY;
        s->last = grown;
        s->capacity = capacity;
    }
    memset(s->last, 0, capacity * sizeof *s->last);
    for (uint32_t i = 0; i < n; i++)
        authorizes |= env->txs[i]->authorization_count > 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct evm_addr *from = &env->txs[i]->sender;
        uint32_t at = hash_sender(from) & (capacity - 1);
        while (s->last[at] && !evm_addr_eq(&env->txs[s->last[at] - 1]->sender, from))
            at = (at + 1) & (capacity - 1);
        uint32_t before = s->last[at];
        s->last[at] = i + 1;
        if (before && expect_sender(env, before - 1, authorizes) != EVM_OK)
            return EVM_ERR_MEMORY;
    }
    return EVM_OK;
}
