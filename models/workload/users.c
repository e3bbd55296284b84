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

bool users_next(struct users *u, struct workload_tx *out, struct evm_addr *to, uint32_t *group)
{
    if ((!u->started && !start(u)) || !arrivals_next(&u->arrivals, &out->at))
        return false;
    struct pick from = u->pairs->sender(u->pairs_state, out->at, &u->rng_sender);
    bool fresh =
        u->cfg.new_recipients > 0 && sim_stream_double(&u->rng_recipient) < u->cfg.new_recipients;
    out->recipient = UINT32_MAX;
    *group = from.group;
    if (fresh)
        accounts_fresh(&u->accounts, to);
    else {
        struct pick paid = u->pairs->recipient(u->pairs_state, from, &u->rng_recipient);
        out->recipient = paid.user;
        *to = u->accounts.addrs[paid.user];
        *group = paid.group;
    }
    out->sender = from.user;
    out->from = u->accounts.addrs[from.user];
    out->entry = NODE_NONE;
    accounts_secret(&u->accounts, from.user, out->secret);
    out->tx.type = EVM_TX_DYNAMIC_FEE;
    out->tx.has_chain_id = true;
    out->tx.nonce = u->nonces[from.user]++;
    out->tx.max_priority_fee = users_draw(&u->cfg.tip, &u->rng_fee);
    out->tx.max_fee = users_draw(&u->cfg.max_fee, &u->rng_fee);
    if (evm_u256_lt(&out->tx.max_fee, &out->tx.max_priority_fee))
        out->tx.max_fee = out->tx.max_priority_fee;
    return true;
}
