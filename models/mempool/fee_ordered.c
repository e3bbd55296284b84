/* fee-ordered: queues of nonces a sender, in one order of tips over all of them.
 *
 * A sender's transactions stand sorted by nonce; those without a gap from the account's nonce are
 * ready. A full pool throws out the cheapest last transaction of any sender (its last, so that no
 * gap appears), found by a heap of senders that is made when the pool first fills up and made again
 * when the base fee moves. */
#include "models/mempool/fee_ordered.h"

#include "evm/block/txrun.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"

static void check(const void *cfg, struct field_report *report)
{
    const struct pool_cfg *c = cfg;
    if (c->per_sender > c->capacity)
        field_complain(report, "per_sender", "must not be above capacity");
}
FIELD_DEFINE(pool_cfg, POOL_FIELDS, "Settings of fee-ordered.", check);

static enum err_code pool_init_model(void *state, const void *cfg, struct mempool_env *env,
                                     struct err *err)
{
    struct fee_pool *p = state;
    const struct pool_cfg *c = cfg;
    (void)err;
    *p = (struct fee_pool){.cfg = c, .env = env};
    return ERR_OK;
}

static struct evm_u256 wei(const struct field_wei *w)
{
    return (struct evm_u256){{w->w[0], w->w[1], w->w[2], w->w[3]}};
}

/* The two places where a transaction comes into the pool and goes out of it. */
static bool take(struct fee_pool *p, struct fee_sender *s, uint32_t at, struct tx *tx)
{
    if (!fee_sender_insert(p, s, at, tx))
        return false;
    p->env->host->joined(p->env, tx);
    return true;
}

static void let_go(struct fee_pool *p, struct fee_sender *s, uint32_t at, enum pool_verdict why)
{
    struct tx *tx = fee_tx(s, at);
    fee_sender_remove(p, s, at);
    p->env->host->left(p->env, tx, why);
    tx_unref(tx);
}

static bool over(const struct fee_pool *p, uint32_t more, uint32_t bytes)
{
    return p->count + more > p->cfg->capacity || p->bytes + bytes > p->cfg->capacity_bytes;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* old * (1 + replacement), rounded up; true if now reaches it. */
static bool outbids(const struct fee_pool *p, const struct evm_u256 *now,
                    const struct evm_u256 *old)
{
    uint64_t bump = (uint64_t)(p->cfg->replacement * 10000 + 0.5);
    struct evm_u256 factor = evm_u256_of(10000 + bump), scale = evm_u256_of(10000), need, have;
    if (evm_u256_mul_overflow(&need, old, &factor) || evm_u256_mul_overflow(&have, now, &scale))
        return evm_u256_lt(old, now);
    return !evm_u256_lt(&have, &need);
}

static enum pool_verdict replace(struct fee_pool *p, struct fee_sender *s, uint32_t i,
                                 struct tx *tx)
{
    struct tx *old = fee_tx(s, i);
    if (old == tx || evm_hash_eq(&old->evm.hash, &tx->evm.hash))
        return POOL_KNOWN;
    if (!outbids(p, &tx->evm.max_fee, &old->evm.max_fee) ||
        !outbids(p, &tx->evm.max_priority_fee, &old->evm.max_priority_fee))
        return POOL_REPLACEMENT_UNDERPRICED;
    fee_items(s)[i] = (struct fee_item){tx_ref(tx), p->env->host->now(p->env)};
    p->bytes = p->bytes - old->size + tx->size;
    fee_heap_fix(p, s);
    p->env->host->joined(p->env, tx);
    p->env->host->left(p->env, old, POOL_REPLACED);
    tx_unref(old);
    return POOL_REPLACED;
}

/* What the account must own for its transactions up to this nonce, this one included. */
static bool affordable(const struct fee_sender *s, uint32_t at, const struct evm_tx *tx,
                       const struct evm_u256 *balance)
{
    struct evm_u256 sum, one;
    if (!evm_tx_max_cost(tx, &sum))
        return false;
    for (uint32_t i = 0; i < at; i++)
        if (!evm_tx_max_cost(&fee_tx(s, i)->evm, &one) || evm_u256_add(&sum, &sum, &one))
            return false;
    return !evm_u256_lt(balance, &sum);
}

/* Makes room for tx of sender s: throws out what is cheaper. */
static bool make_room(struct fee_pool *p, struct fee_sender *s, const struct tx *tx)
{
    while (over(p, 1, tx->size)) {
        struct fee_sender *cheapest = fee_heap_cheapest(p);
        if (!cheapest || cheapest == s)
            return false;
        if (!fee_cheaper(p, fee_tx(cheapest, cheapest->count - 1), tx))
            return false;
        let_go(p, cheapest, cheapest->count - 1, POOL_FULL);
    }
    return true;
}

static enum pool_verdict admit(struct fee_pool *p, struct fee_sender *s, struct tx *tx, bool local,
                               const struct evm_u256 *balance)
{
    const struct pool_cfg *c = p->cfg;
    struct evm_u256 min_tip = wei(&c->min_tip);
    uint64_t nonce = tx->evm.nonce;
    if (nonce < s->nonce)
        return POOL_NONCE_TOO_LOW;
    if (nonce - s->nonce > c->max_gap)
        return POOL_NONCE_GAP;
    if (!local && evm_u256_lt(&tx->evm.max_priority_fee, &min_tip))
        return POOL_UNDERPRICED;
    uint32_t at = fee_sender_find(s, nonce);
    if (!affordable(s, at, &tx->evm, balance))
        return POOL_FUNDS;
    if (at < s->count && fee_tx(s, at)->evm.nonce == nonce)
        return replace(p, s, at, tx);
    if (s->count >= c->per_sender)
        return POOL_SENDER_LIMIT;
    if (!make_room(p, s, tx) || !take(p, s, at, tx))
        return POOL_FULL;
    return POOL_ADDED;
}

static void ask_sender(const struct fee_pool *p, struct tx *tx, uint64_t *nonce,
                       struct evm_u256 *balance)
{
    if (p->env->host->sender)
        p->env->host->sender(p->env, tx, nonce, balance);
    else
        p->env->host->account(p->env, &tx->evm.sender, nonce, balance);
}

/* What the account shows was done elsewhere. */
static void catch_up(struct fee_pool *p, struct fee_sender *s, uint64_t nonce)
{
    s->nonce = nonce;
    while (s->count && fee_tx(s, 0)->evm.nonce < nonce)
        let_go(p, s, 0, POOL_NONCE_TOO_LOW);
}

static void pool_expect(const void *state, const struct tx *tx)
{
    const struct fee_pool *p = state;
    fee_sender_prefetch(p, &tx->evm.sender);
    if (p->sender_count < p->sender_capacity) /* a new one would stand there */
        __builtin_prefetch(&p->senders[p->sender_count], 1);
}

static enum pool_verdict pool_add(void *state, struct tx *tx, bool local)
{
    struct fee_pool *p = state;
    uint64_t nonce;
    struct evm_u256 balance;
    struct fee_sender *s = fee_sender_get(p, &tx->evm.sender);
    ask_sender(p, tx, &nonce, &balance);
    if (!s && !(s = fee_sender_add(p, &tx->evm.sender, nonce)))
        return POOL_FULL;
    if (s->nonce < nonce) /* it lived in another layer meanwhile */
        catch_up(p, s, nonce);
    enum pool_verdict v = admit(p, s, tx, local, &balance);
    if (!s->count && s->nonce <= nonce)
        fee_sender_drop(p, s);
    return v;
}

/* --- the chain moves -------------------------------------------------------------------------- */

/* Lets go of everything below the sender's nonce. */
static void settle(struct fee_pool *p, struct fee_sender *s, const struct tx *included)
{
    while (s->count && fee_tx(s, 0)->evm.nonce < s->nonce) {
        const struct tx *tx = fee_tx(s, 0);
        bool same = tx == included || evm_hash_eq(&tx->evm.hash, &included->evm.hash);
        let_go(p, s, 0, same ? POOL_INCLUDED : POOL_NONCE_TOO_LOW);
    }
}

/* Empty senders are kept only while their nonce is ahead of the account's: the block is ordered,
 * but this node has not executed it. */
static bool account_knows(const struct fee_pool *p, const struct evm_addr *addr, uint64_t next)
{
    uint64_t nonce;
    struct evm_u256 balance;
    p->env->host->account(p->env, addr, &nonce, &balance);
    return nonce >= next;
}

/* So many transactions ahead the index is fetched, and half as many the sender. */
enum { AHEAD = 8 };

static bool sender_knows(const struct fee_pool *p, struct tx *tx, uint64_t next)
{
    uint64_t nonce;
    struct evm_u256 balance;
    ask_sender(p, tx, &nonce, &balance);
    return nonce >= next;
}

static void pool_included(void *state, const struct block *b, const struct block_fees *fees)
{
    struct fee_pool *p = state;
    for (uint32_t i = 0; i < b->tx_count && i < AHEAD; i++)
        fee_sender_prefetch(p, &b->txs[i]->evm.sender);
    for (uint32_t i = 0; i < b->tx_count; i++) {
        struct tx *tx = b->txs[i];
        if (i + AHEAD < b->tx_count)
            fee_sender_prefetch(p, &b->txs[i + AHEAD]->evm.sender);
        if (i + AHEAD / 2 < b->tx_count)
            fee_sender_prefetch_own(p, &b->txs[i + AHEAD / 2]->evm.sender);
        struct fee_sender *s = fee_sender_get(p, &tx->evm.sender);
        if (!s && sender_knows(p, tx, tx->evm.nonce + 1))
            continue;
        if (!s && !(s = fee_sender_add(p, &tx->evm.sender, tx->evm.nonce)))
            continue; /* memory is out: the account's own nonce will tell later */
        if (s->nonce <= tx->evm.nonce)
            s->nonce = tx->evm.nonce + 1;
        settle(p, s, tx);
        if (!s->count && sender_knows(p, tx, s->nonce))
            fee_sender_drop(p, s);
    }
    p->head_height = b->height;
    p->base_fee = fees->base_fee;
    p->heap_valid = false;
}

/* Blocks that come back may overfill the pool: the cheapest goes, wherever it came from. */
static void shrink(struct fee_pool *p)
{
    while (over(p, 0, 0)) {
        struct fee_sender *cheapest = fee_heap_cheapest(p);
        if (!cheapest)
            return;
        let_go(p, cheapest, cheapest->count - 1, POOL_FULL);
    }
}

static void pool_reverted(void *state, const struct block *b)
{
    struct fee_pool *p = state;
    for (uint32_t i = b->tx_count; i-- > 0;) {
        struct tx *tx = b->txs[i];
        struct fee_sender *s = fee_sender_get(p, &tx->evm.sender);
        if (!s && !(s = fee_sender_add(p, &tx->evm.sender, tx->evm.nonce)))
            continue;
        s->nonce = tx->evm.nonce;
        uint32_t at = fee_sender_find(s, tx->evm.nonce);
        if (at < s->count && fee_tx(s, at)->evm.nonce == tx->evm.nonce)
            continue;       /* a rival came in meanwhile */
        take(p, s, at, tx); /* if memory is out it stays out */
    }
    shrink(p);
    p->head_height = b->height ? b->height - 1 : 0;
    p->heap_valid = false;
}

/* --- time passes ------------------------------------------------------------------------------ */

static void expire_sender(struct fee_pool *p, struct fee_sender *s, sim_time before)
{
    for (uint32_t i = s->count; i-- > 0;) {
        sim_time added = fee_items(s)[i].added;
        if (added <= before)
            let_go(p, s, i, POOL_EXPIRED);
        else if (added < p->oldest)
            p->oldest = added;
    }
}

static void pool_expire(void *state)
{
    struct fee_pool *p = state;
    sim_time now = p->env->host->now(p->env), lifetime = p->cfg->lifetime;
    bool old = lifetime != SIM_TIME_NEVER && now >= lifetime && p->oldest <= now - lifetime;
    if (old)
        p->oldest = SIM_TIME_NEVER;
    for (uint32_t i = p->sender_count; i-- > 0 && (old || p->empty);) {
        struct fee_sender *s = &p->senders[i];
        if (old)
            expire_sender(p, s, now - lifetime);
        if (!s->count && account_knows(p, &s->addr, s->nonce))
            fee_sender_drop(p, s);
    }
}

static bool pool_has(const void *state, const struct tx *tx)
{
    const struct fee_sender *s = fee_sender_get(state, &tx->evm.sender);
    uint32_t at = s ? fee_sender_find(s, tx->evm.nonce) : 0;
    return s && at < s->count && evm_hash_eq(&fee_tx(s, at)->evm.hash, &tx->evm.hash);
}

static void pool_forget(void *state, struct tx *tx, enum pool_verdict why)
{
    struct fee_pool *p = state;
    struct fee_sender *s = fee_sender_get(p, &tx->evm.sender);
    uint32_t at = s ? fee_sender_find(s, tx->evm.nonce) : 0;
    if (s && at < s->count && fee_tx(s, at) == tx)
        let_go(p, s, at, why);
}

static void pool_size(const void *state, uint32_t *count, uint64_t *bytes)
{
    const struct fee_pool *p = state;
    *count = p->count;
    *bytes = p->bytes;
}

static void pool_each(const void *state, void (*visit)(void *self, struct tx *tx), void *self)
{
    const struct fee_pool *p = state;
    for (uint32_t i = 0; i < p->sender_count; i++)
        for (uint32_t k = 0; k < p->senders[i].count; k++)
            visit(self, fee_tx(&p->senders[i], k));
}

static void pool_fini_model(void *state)
{
    struct fee_pool *p = state;
    while (p->sender_count) {
        struct fee_sender *s = &p->senders[p->sender_count - 1];
        while (s->count) {
            struct tx *tx = fee_tx(s, s->count - 1);
            fee_sender_remove(p, s, s->count - 1);
            tx_unref(tx);
        }
        fee_sender_drop(p, s);
    }
    mem_free(p->senders);
    mem_free(p->index);
    mem_free(p->heap);
    mem_free(p->ready);
    mem_free(p->progress);
    *p = (struct fee_pool){.cfg = p->cfg, .env = p->env};
}

static void pool_clear(void *state)
{
    struct fee_pool *p = state;
    for (uint32_t i = 0; i < p->sender_count; i++)
        while (p->senders[i].count)
            let_go(p, &p->senders[i], p->senders[i].count - 1, POOL_CRASHED);
    pool_fini_model(p);
}

const struct mempool_ops mempool_fee_ordered = {
    .model = {"fee-ordered", "Nonce queues a sender; the highest tip goes first, the lowest out.",
              &pool_cfg_table},
    .state_size = sizeof(struct fee_pool),
    .init = pool_init_model,
    .add = pool_add,
    .expect = pool_expect,
    .included = pool_included,
    .reverted = pool_reverted,
    .has = pool_has,
    .pick = fee_pool_pick,
    .forget = pool_forget,
    .expire = pool_expire,
    .size = pool_size,
    .each = pool_each,
    .clear = pool_clear,
    .fini = pool_fini_model,
};
