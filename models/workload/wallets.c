/* What wallets do about fees. They see what a node of their account's layer tells, the base fee of
 * its next block and the tips in its last ones, and nothing of what others are about to offer.
 *
 * bid: as wallets that ask their node for a priority fee (go-ethereum's eth_maxPriorityFeePerGas
 * takes the 60th percentile over 20 blocks; there of each block's lowest three tips, here of all).
 * A percentile alone never falls again once all follow it; so where at least half of the blocks had
 * room, the tip is the one drawn.
 *
 * wait: holds a transaction back while the base fee seen exceeds its max_fee, and sends what waits,
 * oldest first, once it does not. A user whose patience ends wants it no more.
 *
 * move: where another layer has been cheaper by the threshold at each of an account's transactions
 * for long enough, the account asks to move there. All who look at the same fees do the same: that
 * they then overshoot is the point of trying. */
#include "models/workload/wallets.h"

#include "evm/core/u256.h"
#include "sim/base/mem.h"

FIELD_ENUM_DEFINE(workload_wallet, WORKLOAD_WALLET);

enum { MILLION = 1000000 };

enum err_code wallets_init(struct wallets *v, const struct wallets_settings *cfg,
                           const struct workload_env *env, const struct evm_addr *addrs,
                           uint32_t senders, struct err *err)
{
    v->cfg = *cfg;
    v->env = env;
    v->addrs = addrs;
    v->look = v->woken = SIM_TIME_NEVER;
    if (cfg->wallet == WORKLOAD_WALLET_FIXED)
        return ERR_OK;
    if (cfg->wallet == WORKLOAD_WALLET_MOVE) {
        v->since = mem_alloc(senders, sizeof *v->since);
        if (!v->since)
            return err_set(err, ERR_MEMORY, "out of memory for %u wallets", senders);
        for (uint32_t i = 0; i < senders; i++)
            v->since[i] = -1;
    }
    env->react(env);
    return ERR_OK;
}

void wallets_fini(struct wallets *v)
{
    mem_free(v->waiting);
    mem_free(v->since);
    v->waiting = NULL;
    v->since = NULL;
}

static layer_id home_of(const struct wallets *v, uint32_t sender)
{
    return v->env->home ? v->env->home(v->env, &v->addrs[sender]) : LAYER_NONE;
}

static struct evm_u256 base_fee_of(const struct wallets *v, uint32_t sender)
{
    struct evm_u256 fee;
    layer_id home = home_of(v, sender);
    if (home < v->env->layers)
        v->env->layer_fee(v->env, home, &fee);
    else
        v->env->base_fee(v->env, &fee);
    return fee;
}

/* x * (1 + more), saturating far beyond what anybody owns. */
static struct evm_u256 raised(const struct evm_u256 *x, double more)
{
    struct evm_u256 factor = evm_u256_of((uint64_t)((1 + more) * MILLION + 0.5)), out,
                    scale = evm_u256_of(MILLION);
    if (evm_u256_mul_overflow(&out, x, &factor))
        return *x;
    evm_u256_div(&out, &out, &scale);
    return out;
}

/* ---- bid ---- */

static void bid(const struct wallets *v, struct wish *w)
{
    struct evm_u256 others, room, base = base_fee_of(v, w->sender);
    double full = v->env->tips(v->env, home_of(v, w->sender), v->cfg.bid_percentile, &others);
    if (full < 0.5)
        return;
    others = raised(&others, v->cfg.bid_raise);
    if (evm_u256_sub(&room, &w->max_fee, &base)) /* priced out: more tip would not help */
        return;
    if (evm_u256_lt(&room, &others))
        others = room;
    if (evm_u256_lt(&w->tip, &others))
        w->tip = others;
}

/* ---- wait ---- */

static bool too_poor(const struct wallets *v, const struct wish *w)
{
    struct evm_u256 base = base_fee_of(v, w->sender);
    return evm_u256_lt(&w->max_fee, &base);
}

static bool hold(struct wallets *v, const struct wish *w)
{
    if (v->count == v->room) {
        uint32_t room = v->room ? 2 * v->room : 64;
        struct wish *more = mem_resize(v->waiting, room, sizeof *more);
        if (!more)
            return false;
        v->waiting = more;
        v->room = room;
    }
    v->waiting[v->count] = *w;
    v->waiting[v->count].waited = true;
    v->looked = ++v->count;
    if (v->look == SIM_TIME_NEVER)
        v->look = w->at + v->cfg.look_again;
    v->env->wished(v->env, &v->addrs[w->sender]);
    return true;
}

static bool patient(const struct wallets *v, const struct wish *w, sim_time now)
{
    return v->cfg.patience == SIM_TIME_NEVER || now - w->at < v->cfg.patience;
}

/* It is time to look: those whose patience has ended go. */
static void look(struct wallets *v, sim_time now)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct wish *w = &v->waiting[i];
        if (w->gone)
            continue;
        if (patient(v, w, now))
            v->waiting[kept++] = *w;
        else
            v->env->gave_up(v->env, &v->addrs[w->sender], w->at);
    }
    v->count = kept;
    v->looked = 0;
    v->look = kept ? now + v->cfg.look_again : SIM_TIME_NEVER;
}

/* The first of those that wait, and have not been looked at, that can pay now. */
static bool release(struct wallets *v, struct wish *out)
{
    for (; v->looked < v->count; v->looked++) {
        struct wish *w = &v->waiting[v->looked];
        if (w->gone || too_poor(v, w))
            continue;
        *out = *w;
        w->gone = true;
        return true;
    }
    return false;
}

/* ---- move ---- */

static void consider_move(struct wallets *v, const struct wish *w, sim_time now)
{
    const struct workload_env *env = v->env;
    if (!env->home || !env->move)
        return;
    layer_id home = home_of(v, w->sender), best = home;
    if (home >= env->layers) /* every layer holds a piece of it */
        return;
    struct evm_u256 here, least, fee;
    env->layer_fee(env, home, &here);
    least = here;
    for (layer_id i = 0; i < env->layers; i++) {
        env->layer_fee(env, i, &fee);
        if (evm_u256_lt(&fee, &least)) {
            least = fee;
            best = i;
        }
    }
    struct evm_u256 threshold = raised(&here, -v->cfg.move_threshold);
    if (best == home || evm_u256_lt(&threshold, &least)) {
        v->since[w->sender] = -1;
        return;
    }
    if (v->since[w->sender] < 0)
        v->since[w->sender] = now;
    if (now - v->since[w->sender] >= v->cfg.move_after &&
        env->move(env, &v->addrs[w->sender], best))
        v->since[w->sender] = -1;
}

/* ---- the next one ---- */

/* Asks to be asked again when there is something to decide. */
static void rest(struct wallets *v)
{
    sim_time at = v->has ? v->next.at : SIM_TIME_NEVER;
    if (v->look < at)
        at = v->look;
    if (at == SIM_TIME_NEVER || v->woken <= at)
        return;
    v->woken = at;
    v->env->wake(v->env, at);
}

static bool decided(struct wallets *v, const struct wish *w, sim_time now)
{
    if (v->cfg.wallet == WORKLOAD_WALLET_WAIT && too_poor(v, w)) {
        if (!hold(v, w))
            v->env->fail(v->env);
        return false;
    }
    if (v->cfg.wallet == WORKLOAD_WALLET_MOVE)
        consider_move(v, w, now);
    return true;
}

bool wallets_next(struct wallets *v, bool (*wish)(void *self, struct wish *out), void *self,
                  struct wish *out)
{
    sim_time now = v->env->now(v->env);
    if (v->woken <= now)
        v->woken = SIM_TIME_NEVER;
    if (now >= v->env->end) /* those that still wait are pending, for ever */
        return false;
    if (v->look <= now)
        look(v, now);
    bool got = release(v, out);
    while (!got) {
        if (!v->has && !v->ended) {
            v->has = wish(self, &v->next);
            v->ended = !v->has;
        }
        if (!v->has || v->next.at > now)
            break;
        v->has = false;
        got = decided(v, &v->next, now);
        *out = v->next;
    }
    if (!got) {
        rest(v);
        return false;
    }
    if (v->cfg.wallet == WORKLOAD_WALLET_BID)
        bid(v, out);
    return true;
}
