/* Gasper: Casper FFG on a chain (beacon-chain.md, "Justification and finalization").
 *
 * Whether an epoch is justified is a function of the votes that a chain's blocks hold, so it is
 * worked out once, by the proposer, and travels with the block: every node shares it. Kept: the
 * four rules of weigh_justification_and_finalization, pulled-up tips, epochs without blocks. Left
 * out: balances that change (rewards, penalties, slashing, the inactivity leak), so weights are the
 * scenario's all along. A quorum is more than two thirds, where the specification takes two thirds
 * and more: the bound that all protocols here are judged by. */
#include "models/consensus/pos.h"
#include "sim/base/mem.h"

#include <string.h>

const struct pos_seal *pos_seal_of(const struct block *b)
{
    return b->seal ? (const struct pos_seal *)b->seal->payload : NULL;
}

const uint64_t *pos_set_of(const struct pos_seal *s, enum pos_set which)
{
    return s->data + (size_t)which * s->words;
}

const struct pos_vote *pos_votes_of(const struct pos_seal *s)
{
    return (const struct pos_vote *)(s->data + (size_t)POS_SETS * s->words);
}

const uint32_t *pos_voters_of(const struct pos_seal *s, const struct pos_vote *vote)
{
    return (const uint32_t *)(pos_votes_of(s) + s->votes) + vote->first;
}

void pos_state_of(const struct block *b, uint64_t spe, struct pos_state *out)
{
    const struct pos_seal *seal = pos_seal_of(b);
    struct pos_checkpoint here = {b->round / spe, b->height, b->hash};
    if (!seal) {
        *out = (struct pos_state){.previous_justified = here,
                                  .justified = here,
                                  .finalized = here,
                                  .boundary = {here, here},
                                  .pulled_justified = here,
                                  .pulled_finalized = here};
        return;
    }
    *out = seal->state;
    if (out->boundary_self)
        out->boundary[1] = here;
}

static uint64_t *set_of(struct pos_draft *d, enum pos_set which)
{
    return d->sets + (size_t)which * d->words;
}

static void copy_set(struct pos_draft *d, enum pos_set to, enum pos_set from)
{
    memcpy(set_of(d, to), set_of(d, from), d->words * sizeof(uint64_t));
}

/* weigh_justification_and_finalization at the end of the state's epoch. The votes of a rule are
 * those for the target of its link: the previous epoch's boundary in the first two, this one's in
 * the others. */
static void weigh(struct pos_draft *d, struct pos_state *s)
{
    uint64_t now = s->slot / d->spe;
    if (now <= 1)
        return;
    struct pos_checkpoint old_previous = s->previous_justified, old = s->justified;
    s->previous_justified = s->justified;
    s->bits = (uint8_t)(s->bits << 1 & 0xf);
    if (validators_quorum(d->validators, s->weight[0])) {
        s->justified = s->boundary[0];
        s->bits |= 2;
        copy_set(d, POS_JUSTIFIED, POS_PREVIOUS);
    }
    if (validators_quorum(d->validators, s->weight[1])) {
        s->justified = s->boundary[1];
        s->bits |= 1;
        copy_set(d, POS_JUSTIFIED, POS_CURRENT);
    }
    struct pos_checkpoint final = s->finalized;
    enum pos_set link = POS_FINALIZED;
    if ((s->bits & 0xe) == 0xe && old_previous.epoch + 3 == now)
        final = old_previous, link = POS_PREVIOUS;
    if ((s->bits & 0x6) == 0x6 && old_previous.epoch + 2 == now)
        final = old_previous, link = POS_PREVIOUS;
    if ((s->bits & 0x7) == 0x7 && old.epoch + 2 == now)
        final = old, link = POS_CURRENT;
    if ((s->bits & 0x3) == 0x3 && old.epoch + 1 == now)
        final = old, link = POS_CURRENT;
    if (final.epoch > s->finalized.epoch)
        copy_set(d, POS_FINALIZED, link);
    s->finalized = final;
}

/* process_epoch and on to the next one, whose boundary is `parent` unless a block fills its first
 * slot. */
static void next_epoch(struct pos_draft *d, const struct block *parent)
{
    struct pos_state *s = &d->state;
    weigh(d, s);
    copy_set(d, POS_PREVIOUS, POS_CURRENT);
    memset(set_of(d, POS_CURRENT), 0, d->words * sizeof(uint64_t));
    s->weight[0] = s->weight[1];
    s->weight[1] = 0;
    s->boundary[0] = s->boundary[1];
    s->boundary[1] = (struct pos_checkpoint){s->slot / d->spe + 1, parent->height, parent->hash};
    s->slot = (s->slot / d->spe + 1) * d->spe;
}

bool pos_draft_begin(struct pos_draft *d, const struct validators *v, uint64_t spe,
                     const struct block *parent, uint64_t slot)
{
    const struct pos_seal *seal = pos_seal_of(parent);
    *d = (struct pos_draft){.validators = v, .spe = spe, .words = (v->count + 63) / 64};
    d->sets = mem_zalloc((size_t)POS_SETS * d->words, sizeof(uint64_t));
    if (!d->sets)
        return false;
    if (seal)
        memcpy(d->sets, seal->data, (size_t)POS_SETS * d->words * sizeof(uint64_t));
    pos_state_of(parent, spe, &d->state);
    while (d->state.slot / spe < slot / spe)
        next_epoch(d, parent);
    d->state.slot = slot;
    d->state.boundary_self = slot % spe == 0;
    return true;
}

static bool same(const struct pos_checkpoint *a, const struct pos_checkpoint *b)
{
    return a->epoch == b->epoch && evm_hash_eq(&a->root, &b->root);
}

/* process_attestation: old enough, of this epoch or the last one (EIP-7045), with the source that
 * the state has, and the target that the chain has (others would earn, but not justify). */
uint64_t *pos_draft_set(struct pos_draft *d, const struct pos_data *data)
{
    const struct pos_state *s = &d->state;
    uint64_t now = s->slot / d->spe;
    if (data->slot >= s->slot || data->slot / d->spe != data->target.epoch)
        return NULL;
    if (data->target.epoch == now && same(&data->source, &s->justified) &&
        same(&data->target, &s->boundary[1]))
        return set_of(d, POS_CURRENT);
    if (data->target.epoch + 1 == now && same(&data->source, &s->previous_justified) &&
        same(&data->target, &s->boundary[0]))
        return set_of(d, POS_PREVIOUS);
    return NULL;
}

void pos_draft_vote(struct pos_draft *d, uint64_t *set, uint32_t validator)
{
    uint64_t mask = UINT64_C(1) << validator % 64;
    if (set[validator / 64] & mask)
        return;
    set[validator / 64] |= mask;
    d->state.weight[set == set_of(d, POS_CURRENT)] += d->validators->weights[validator];
}

/* The rules on a copy of the state; the sets of the state itself are put back afterwards. */
void pos_draft_pull_up(struct pos_draft *d)
{
    struct pos_state ahead = d->state;
    copy_set(d, POS_PULLED_JUSTIFIED, POS_JUSTIFIED);
    copy_set(d, POS_PULLED_FINALIZED, POS_FINALIZED);
    weigh(d, &ahead);
    for (uint32_t i = 0; i < d->words; i++) {
        uint64_t justified = set_of(d, POS_JUSTIFIED)[i], final = set_of(d, POS_FINALIZED)[i];
        set_of(d, POS_JUSTIFIED)[i] = set_of(d, POS_PULLED_JUSTIFIED)[i];
        set_of(d, POS_FINALIZED)[i] = set_of(d, POS_PULLED_FINALIZED)[i];
        set_of(d, POS_PULLED_JUSTIFIED)[i] = justified;
        set_of(d, POS_PULLED_FINALIZED)[i] = final;
    }
    d->state.pulled_justified = ahead.justified;
    d->state.pulled_finalized = ahead.finalized;
}

void pos_draft_end(struct pos_draft *d)
{
    mem_free(d->sets);
    d->sets = NULL;
}
