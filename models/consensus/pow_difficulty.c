/* How difficulty follows the strength of the miners.
 *
 * bitcoin: every `retarget` blocks it is multiplied by the time that they should have taken over
 * the time between the first and the last of them (one interval less, as in Bitcoin), at most by
 * four either way. Left out: rounding to compact form, the median rule for timestamps.
 *
 * ethereum (EIP-2, Homestead): parent + parent / 2048 * max(1 - elapsed / step, -99), at least
 * 131,072. The step is 10 s for Ethereum; here it is ln 2 of the interval, which is where the mean
 * settles: sum over k >= 1 of P(elapsed >= k step) = 1. Left out: the difficulty bomb; times count
 * in nanoseconds, not in whole seconds. */
#include "models/consensus/pow.h"

__extension__ typedef unsigned __int128 uint128;

enum { ETHEREUM_LEAST = 131072, ETHEREUM_DIVISOR = 2048, ETHEREUM_MOST_DOWN = 99 };

static uint64_t difficulty_of(const struct block *b)
{
    return b->height ? b->difficulty : POW_INITIAL;
}

static uint64_t bitcoin(const struct pow *p, struct block *parent)
{
    uint64_t every = p->cfg->retarget, now = difficulty_of(parent);
    if ((parent->height + 1) % every)
        return now;
    /* Where the chain was cut off below, all branches have that part in common. */
    struct block *first =
        parent == p->head ? NULL : block_ancestor(parent, parent->height + 1 - every);
    sim_time began = first ? first->created : p->period_began;
    uint128 should = (uint128)every * (uint64_t)p->cfg->block_interval;
    uint128 took = (uint128)(parent->created - began);
    took = took < should / 4 ? should / 4 : took > should * 4 ? should * 4 : took;
    uint128 next = now * should / took;
    return next < 1 ? 1 : next > UINT64_MAX / 8 ? UINT64_MAX / 8 : (uint64_t)next;
}

static uint64_t ethereum(const struct pow *p, const struct block *parent, int64_t steps)
{
    (void)p;
    uint64_t was = difficulty_of(parent);
    int64_t times = 1 - steps;
    if (times < -ETHEREUM_MOST_DOWN)
        times = -ETHEREUM_MOST_DOWN;
    uint64_t next = was + (uint64_t)((int64_t)(was / ETHEREUM_DIVISOR) * times);
    return next < ETHEREUM_LEAST ? ETHEREUM_LEAST : next;
}

static sim_time step_of(const struct pow *p)
{
    sim_time step = (sim_time)((double)p->cfg->block_interval * 0.69314718055994531);
    return step ? step : 1;
}

uint64_t pow_difficulty(const struct pow *p, struct block *parent, sim_time at)
{
    switch ((enum pow_rule)p->cfg->difficulty) {
    case POW_BITCOIN: return bitcoin(p, parent);
    case POW_ETHEREUM: return ethereum(p, parent, (at - parent->created) / step_of(p));
    case POW_FIXED: break;
    }
    return POW_INITIAL;
}

uint64_t pow_difficulty_least(const struct pow *p)
{
    if (p->cfg->difficulty == POW_ETHEREUM)
        return ethereum(p, p->head, 1 + ETHEREUM_MOST_DOWN);
    return pow_difficulty(p, p->head, 0);
}

void pow_difficulty_moved(struct pow *p, const struct block *old)
{
    uint64_t every = p->cfg->retarget;
    if (p->cfg->difficulty != POW_BITCOIN)
        return;
    if (p->head->parent == old && p->head->height % every)
        return; /* of the same period */
    const struct block *first = block_ancestor(p->head, p->head->height / every * every);
    if (first)
        p->period_began = first->created;
}
