#include "models/workload/users.h"

#include <math.h>

#include "evm/core/u256.h"
#include "sim/base/mem.h"

struct evm_u256 users_draw(const struct sim_dist *d, struct sim_stream *rng)
{
    double x = floor(sim_dist_sample(d, rng));
    struct evm_u256 out = {{0}};
    int exponent;
    if (!(x > 0))
        return out;
    if (x < 18446744073709551616.0)
        return evm_u256_of((uint64_t)x);
    double fraction = frexp(x, &exponent); /* x = fraction * 2^exponent, exponent > 64 */
    if (exponent > 256)
        return (struct evm_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    out = evm_u256_of((uint64_t)ldexp(fraction, 64));
    evm_u256_shl(&out, &out, (unsigned)(exponent - 64));
    return out;
}

enum err_code users_init(struct users *u, const struct users_settings *cfg,
                         const struct workload_env *env, struct err *err)
{
    uint32_t n = (uint32_t)cfg->accounts, entity = (uint32_t)env->instance;
    struct arrivals_settings when = ARRIVALS_SETTINGS(cfg);
    u->cfg = *cfg;
    u->env = env;
    u->pairs = (const struct pairs_ops *)cfg->pairs.model;
    sim_stream_init(&u->rng_sender, env->seed, entity, sim_purpose("workload.sender"));
    sim_stream_init(&u->rng_recipient, env->seed, entity, sim_purpose("workload.recipient"));
    sim_stream_init(&u->rng_fee, env->seed, entity, sim_purpose("workload.fee"));
    arrivals_init(&u->arrivals, &when, env->start, env->end, env->seed, env->instance);
    enum err_code code = accounts_init(&u->accounts, env->seed, env->instance, "users", n, err);
    if (code != ERR_OK)
        return code;
    u->nonces = mem_zalloc(n, sizeof *u->nonces);
    u->pairs_state = mem_zalloc(1, u->pairs->state_size);
    if (!u->nonces || !u->pairs_state)
        return err_set(err, ERR_MEMORY, "out of memory for %u accounts", n);
    struct wallets_settings wallets = WALLETS_SETTINGS(cfg);
    code = wallets_init(&u->wallets, &wallets, env, u->accounts.addrs, n, err);
    if (code != ERR_OK)
        return code;
    struct pairs_env pairs = {n, u->accounts.addrs, cfg->senders, cfg->recipients, env};
    return u->pairs->init(u->pairs_state, cfg->pairs.cfg, &pairs, err);
}

void users_fini(struct users *u)
{
    accounts_fini(&u->accounts);
    if (u->pairs_state)
        u->pairs->fini(u->pairs_state);
    mem_free(u->pairs_state);
    u->pairs_state = NULL;
    wallets_fini(&u->wallets);
    mem_free(u->nonces);
    u->nonces = NULL;
}

enum err_code users_fund(const struct users *u, struct genesis *g, struct err *err)
{
    const struct field_wei *w = &u->cfg.balance;
    struct evm_u256 wei = {{w->w[0], w->w[1], w->w[2], w->w[3]}};
    for (uint32_t i = 0; i < u->accounts.count; i++) {
        enum err_code code = genesis_fund(g, &u->accounts.addrs[i], &wei, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* Homes are known once the first transaction is asked for. */
static bool start(struct users *u)
{
    u->started = true;
    if (!u->pairs->start || u->pairs->start(u->pairs_state) == ERR_OK)
        return true;
    u->env->fail(u->env);
    return false;
}

/* Who wants to pay whom next, and what they would spend on it. */
static bool draw_wish(void *self, struct wish *w)
{
    struct users *u = self;
    *w = (struct wish){.recipient = UINT32_MAX};
    if ((!u->started && !start(u)) || !arrivals_next(&u->arrivals, &w->at))
        return false;
    struct pick from = u->pairs->sender(u->pairs_state, w->at, &u->rng_sender);
    bool fresh =
        u->cfg.new_recipients > 0 && sim_stream_double(&u->rng_recipient) < u->cfg.new_recipients;
    w->sender = from.user;
    w->group = from.group;
    if (fresh)
        accounts_fresh(&u->accounts, &w->to);
    else {
        struct pick paid = u->pairs->recipient(u->pairs_state, from, &u->rng_recipient);
        w->recipient = paid.user;
        w->to = u->accounts.addrs[paid.user];
        w->group = paid.group;
    }
    w->tip = users_draw(&u->cfg.tip, &u->rng_fee);
    w->max_fee = users_draw(&u->cfg.max_fee, &u->rng_fee);
    if (evm_u256_lt(&w->max_fee, &w->tip))
        w->max_fee = w->tip;
    return true;
}

bool users_next(struct users *u, struct workload_tx *out, struct evm_addr *to, uint32_t *group)
{
    struct wish w;
    bool fixed = u->cfg.wallet == WORKLOAD_WALLET_FIXED;
    if (fixed ? !draw_wish(u, &w) : !wallets_next(&u->wallets, draw_wish, u, &w))
        return false;
    *to = w.to;
    *group = w.group;
    out->at = fixed ? w.at : u->env->now(u->env);
    out->wished = w.waited ? w.at : -1;
    out->bids = u->cfg.wallet == WORKLOAD_WALLET_BID ? 1 + u->cfg.bid_raise : 0;
    out->recipient = w.recipient;
    out->sender = w.sender;
    out->from = u->accounts.addrs[w.sender];
    out->entry = NODE_NONE;
    accounts_secret(&u->accounts, w.sender, out->secret);
    out->tx.type = EVM_TX_DYNAMIC_FEE;
    out->tx.has_chain_id = true;
    out->tx.nonce = u->nonces[w.sender]++;
    out->tx.max_priority_fee = w.tip;
    out->tx.max_fee = w.max_fee;
    return true;
}
