/* Gasper: who proposes and who attests when.
 *
 * Committees come from the swap-or-not shuffle (beacon-chain.md, compute_shuffled_index and
 * compute_committee), whose point is that one place can be found without shuffling the rest, and
 * back again: each of the 90 rounds is its own inverse. Its bits come from the run's counter-based
 * streams in place of SHA-256 of a RANDAO mix, so they are the same on every fork and known
 * beforehand: what biasing RANDAO gains is out of the model. */
#include "models/consensus/pos.h"

enum { ROUNDS = 90 };

static uint32_t draw(uint64_t seed, uint32_t purpose, uint64_t epoch, uint32_t a, uint32_t b)
{
    const uint32_t counter[4] = {a, b, (uint32_t)epoch, purpose};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (uint32_t)(epoch >> 32)};
    uint32_t out[4];
    sim_philox(out, counter, key);
    return out[0];
}

struct pos_committees pos_committees_of(const struct pos_cfg *cfg, const struct validators *v,
                                        uint64_t seed)
{
    uint64_t most = v->count / cfg->slots_per_epoch / cfg->committee_size;
    if (most > cfg->committees)
        most = cfg->committees;
    return (struct pos_committees){.seed = seed,
                                   .spe = cfg->slots_per_epoch,
                                   .validators = v->count,
                                   .per_slot = most ? (uint32_t)most : 1};
}

/* compute_committee: equal parts of the shuffle, in order. */
void pos_committee(const struct pos_committees *c, uint64_t slot, uint32_t index, uint32_t *first,
                   uint32_t *size)
{
    uint64_t parts = c->spe * c->per_slot, part = slot % c->spe * c->per_slot + index;
    *first = (uint32_t)(c->validators * part / parts);
    *size = (uint32_t)(c->validators * (part + 1) / parts) - *first;
}

static uint32_t shuffle(const struct pos_committees *c, uint64_t epoch, uint32_t index, bool back)
{
    uint32_t n = c->validators, pivots = sim_purpose("pos.pivot"), bits = sim_purpose("pos.swap");
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t round = back ? ROUNDS - 1 - i : i;
        uint32_t pivot = draw(c->seed, pivots, epoch, round, 0) % n;
        uint32_t flip = (uint32_t)(((uint64_t)pivot + n - index) % n);
        uint32_t position = index > flip ? index : flip;
        if (draw(c->seed, bits, epoch, round, position) & 1)
            index = flip;
    }
    return index;
}

uint32_t pos_shuffled(const struct pos_committees *c, uint64_t epoch, uint32_t position)
{
    return shuffle(c, epoch, position, false);
}

uint32_t pos_position(const struct pos_committees *c, uint64_t epoch, uint32_t validator)
{
    return shuffle(c, epoch, validator, true);
}

void pos_duty(const struct pos_committees *c, uint64_t epoch, uint32_t validator, uint64_t *slot,
              uint32_t *index, uint32_t *position)
{
    uint32_t at = pos_position(c, epoch, validator), first, size;
    uint64_t parts = c->spe * c->per_slot, part = at * parts / c->validators;
    for (;; part++) {
        *slot = epoch * c->spe + part / c->per_slot;
        *index = (uint32_t)(part % c->per_slot);
        pos_committee(c, *slot, *index, &first, &size);
        if (at >= first && at - first < size)
            break;
    }
    *position = at - first;
}

/* compute_proposer_index accepts candidates by weight; a point of the cumulated weights has the
 * same law. */
uint32_t pos_proposer(const struct validators *v, uint64_t seed, uint64_t slot)
{
    struct sim_stream s;
    sim_stream_init(&s, seed ^ slot << 32, (uint32_t)slot, sim_purpose("pos.proposer"));
    uint64_t point = sim_stream_below(&s, v->total);
    uint32_t low = 0, high = v->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->upto[middle] <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
