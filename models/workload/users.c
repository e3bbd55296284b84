#include "models/workload/users.h"

#include <math.h>

#include "evm/core/u256.h"
#include "sim/base/mem.h"

FIELD_ENUM_DEFINE(workload_arrivals, WORKLOAD_ARRIVALS);

void arrivals_init(struct arrivals *a, enum workload_arrivals kind, double rate, sim_time start,
                   sim_time end, uint64_t seed, uint64_t instance)
{
    *a = (struct arrivals){.kind = kind, .rate = rate, .start = start, .end = end, .last = start};
    sim_stream_init(&a->rng, seed, (uint32_t)instance, sim_purpose("workload.arrivals"));
}

bool arrivals_next(struct arrivals *a, sim_time *out)
{
    if (a->rate <= 0)
        return false;
    double gap;
    if (a->kind == WORKLOAD_CONSTANT) /* from the start, so that roundings do not add up */
        gap = (double)a->count++ / a->rate * 1e9 - (double)(a->last - a->start);
    else
        gap = -log(sim_stream_positive(&a->rng)) / a->rate * 1e9;
    if (gap >= (double)(a->end - a->last))
        return false;
    sim_time at = a->last + (sim_time)(gap + 0.5);
    if (at >= a->end)
        return false;
    *out = a->last = at;
    return true;
}

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
    struct sim_stream shuffle;
    u->cfg = *cfg;
    sim_stream_init(&shuffle, env->seed, entity, sim_purpose("workload.favourites"));
    sim_stream_init(&u->rng_sender, env->seed, entity, sim_purpose("workload.sender"));
    sim_stream_init(&u->rng_recipient, env->seed, entity, sim_purpose("workload.recipient"));
    sim_stream_init(&u->rng_fee, env->seed, entity, sim_purpose("workload.fee"));
    arrivals_init(&u->arrivals, cfg->arrivals, cfg->rate, env->start, env->end, env->seed,
                  env->instance);
    enum err_code code = accounts_init(&u->accounts, env->seed, env->instance, "users", n, err);
    if (code == ERR_OK)
        code = skew_init(&u->senders, &cfg->senders, n, &shuffle, err);
    if (code == ERR_OK)
        code = skew_init(&u->recipients, &cfg->recipients, n, &shuffle, err);
    if (code == ERR_OK && !(u->nonces = mem_zalloc(n, sizeof *u->nonces)))
        code = err_set(err, ERR_MEMORY, "out of memory for %u accounts", n);
    return code;
}

void users_fini(struct users *u)
{
    accounts_fini(&u->accounts);
    skew_fini(&u->senders);
    skew_fini(&u->recipients);
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

/* Who is paid: somebody else than the sender where there is somebody else. */
static uint32_t pick_recipient(struct users *u, uint32_t sender)
{
    uint32_t i = skew_pick(&u->recipients, &u->rng_recipient);
    return i == sender ? (i + 1) % u->accounts.count : i;
}

bool users_next(struct users *u, struct workload_tx *out, struct evm_addr *to)
{
    if (!arrivals_next(&u->arrivals, &out->at))
        return false;
    uint32_t sender = skew_pick(&u->senders, &u->rng_sender);
    bool fresh =
        u->cfg.new_recipients > 0 && sim_stream_double(&u->rng_recipient) < u->cfg.new_recipients;
    out->recipient = UINT32_MAX;
    if (fresh)
        accounts_fresh(&u->accounts, to);
    else {
        out->recipient = pick_recipient(u, sender);
        *to = u->accounts.addrs[out->recipient];
    }
    out->sender = sender;
    out->from = u->accounts.addrs[sender];
    out->entry = NODE_NONE;
    accounts_secret(&u->accounts, sender, out->secret);
    out->tx.type = EVM_TX_DYNAMIC_FEE;
    out->tx.has_chain_id = true;
    out->tx.nonce = u->nonces[sender]++;
    out->tx.max_priority_fee = users_draw(&u->cfg.tip, &u->rng_fee);
    out->tx.max_fee = users_draw(&u->cfg.max_fee, &u->rng_fee);
    if (evm_u256_lt(&out->tx.max_fee, &out->tx.max_priority_fee))
        out->tx.max_fee = out->tx.max_priority_fee;
    return true;
}
