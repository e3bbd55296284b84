/* Proof of stake as Ethereum runs it: Gasper (Buterin and others, "Combining GHOST and Casper",
 * arXiv 2003.03052), after ethereum/consensus-specs up to Electra.
 *
 * Kept: slots and epochs; a proposer a slot, drawn by weight; committees by swap-or-not shuffle,
 * each validator attesting once an epoch, when the slot's block is there or a third of the slot is
 * over; aggregation at two thirds of it; LMD-GHOST with proposer boost, filtered branches and
 * pulled-up tips; Casper FFG's four rules on the votes that blocks hold; proposers that leave out a
 * late and weak block (proposer_reorg); empty slots. A node takes a block as final with its
 * finalised checkpoint.
 *
 * Left out: deposits, exits, rewards, penalties, slashing and the inactivity leak (weights are
 * constant: finality waits while a third is away); sync committees; blobs; the separation of
 * builder and proposer. Attestation subnets are a direct send to the aggregators of the committee,
 * its first `aggregators` members (the specification draws as many on average, by a hash of a
 * signature); what a member that is no aggregator would hear on its subnets is not modelled. Clocks
 * agree.
 *
 * Signatures are BLS12-381; an aggregate costs three checks and a key each of its voters. Sizes are
 * those of the SSZ containers. Shuffles: pos_shuffle.c. Fork choice: pos_choice.c. Finality:
 * pos_ffg.c. Votes and what blocks hold of them: pos_votes.c. */
#include "models/consensus/pos.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <string.h>

static void check(const void *cfg, struct field_report *report)
{
    const struct pos_cfg *c = cfg;
    if (c->attest_at >= c->aggregate_at)
        field_complain(report, "aggregate_at",
                       "must come after attest_at, or there is nothing to aggregate; try 66.67%%");
}

FIELD_DEFINE(pos_cfg, POS_FIELDS, "Slots, epochs and committees of Gasper.", check);

enum pos_timer { TIMER_EPOCH = 1, TIMER_PROPOSE, TIMER_ATTEST, TIMER_AGGREGATE };

/* Bytes of a SingleAttestation (EIP-7549): committee and attester 8 each, data 128, signature 96.
 */
enum { SINGLE_BYTES = 240, MISSED_MAX = 64 };

/* ---- duties ---- */

static sim_time at_part(const struct pos *p, uint64_t slot, double part)
{
    return (sim_time)slot * p->cfg->block_interval +
           (sim_time)(part * (double)p->cfg->block_interval);
}

/* Not for a moment that is over. */
static void timer_at(struct pos *p, sim_time when, enum pos_timer kind, uint64_t value)
{
    sim_time now = env_now(p->env);
    if (when >= now)
        env_timer(p->env, when - now, kind, value);
}

/* What this validator has to do in an epoch, proposals from slot `from` on, and when to look again.
 */
static void plan(struct pos *p, uint64_t epoch, uint64_t from)
{
    struct consensus_env *env = p->env;
    if (env->me == VALIDATOR_NONE)
        return;
    struct pos_committees c = pos_committees(p);
    uint64_t duty;
    pos_duty(&c, epoch, env->me, &duty, &p->duty_committee, &p->duty_position);
    if (duty != p->duty_slot)
        p->attested = false;
    p->duty_slot = duty;
    if (!p->attested)
        timer_at(p, at_part(p, duty, p->cfg->attest_at), TIMER_ATTEST, duty);
    if (p->duty_position < p->cfg->aggregators)
        timer_at(p, at_part(p, duty, p->cfg->aggregate_at), TIMER_AGGREGATE, duty);
    for (uint64_t slot = epoch * c.spe; slot < (epoch + 1) * c.spe; slot++)
        if (slot >= from && pos_proposer(env->validators, env->seed, slot) == env->me)
            timer_at(p, at_part(p, slot, 0), TIMER_PROPOSE, slot);
    timer_at(p, at_part(p, (epoch + 1) * c.spe, 0), TIMER_EPOCH, epoch + 1);
}

/* ---- attesting ---- */

/* validator.md, "Attestation data": head, and the checkpoints as the head's chain has them now. */
static void fill_data(const struct pos *p, struct pos_data *d)
{
    uint64_t spe = p->cfg->slots_per_epoch, epoch = p->duty_slot / spe;
    const struct block *head = p->head;
    struct pos_state s;
    pos_state_of(head, spe, &s);
    bool earlier = head->round / spe < epoch;
    *d = (struct pos_data){
        .slot = p->duty_slot,
        .committee = p->duty_committee,
        .head_height = head->height,
        .head = head->hash,
        .source = earlier ? s.pulled_justified : s.justified,
        .target =
            earlier ? (struct pos_checkpoint){epoch, head->height, head->hash} : s.boundary[1],
    };
}

static struct message *attestation_message(const struct pos *p)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, POS_ATTESTATION, sizeof(struct pos_attestation));
    if (!m)
        return NULL;
    *(struct pos_attestation *)m->payload = (struct pos_attestation){p->said, p->duty_position};
    m->size = SINGLE_BYTES;
    m->signature_kind = SIGNATURE_BLS;
    m->signs = m->verifies = m->keys = 1;
    return m;
}

static void attest(struct pos *p)
{
    const struct validators *v = p->env->validators;
    struct pos_committees c = pos_committees(p);
    uint32_t first, size;
    pos_committee(&c, p->duty_slot, p->duty_committee, &first, &size);
    p->attested = true;
    fill_data(p, &p->said);
    if (p->duty_position < p->cfg->aggregators)
        pos_gather_one(p, &p->said, p->duty_position);
    struct message *m = attestation_message(p);
    for (uint32_t i = 0; m && i < size && i < p->cfg->aggregators; i++)
        if (i != p->duty_position)
            env_send(p->env, v->nodes[pos_shuffled(&c, p->said.target.epoch, first + i)],
                     message_ref(m));
    message_unref(m);
}

/* The signer must be the member whose place it claims. */
static void on_attestation(struct pos *p, const struct message *m)
{
    const struct pos_attestation *a = (const struct pos_attestation *)m->payload;
    struct pos_committees c = pos_committees(p);
    uint32_t first, size;
    if (a->data.slot != p->duty_slot || a->data.committee != p->duty_committee)
        return;
    pos_committee(&c, a->data.slot, p->duty_committee, &first, &size);
    if (a->position >= size || pos_shuffled(&c, a->data.slot / c.spe, first + a->position) !=
                                   validators_index(p->env->validators, m->origin))
        return;
    pos_gather_one(p, &a->data, a->position);
}

static void aggregate(struct pos *p)
{
    struct message *m = p->attested ? pos_aggregate_message(p) : NULL;
    pos_gather_clear(p);
    if (!m)
        return;
    pos_hear(p, p->env->node, m);
    env_broadcast(p->env, m);
}

/* ---- blocks ---- */

static void publish(struct pos *p, struct block *b)
{
    const struct pos_seal *seal = pos_seal_of(b);
    struct message *m = message_create(CHANNEL_BLOCK, POS_BLOCK, 0);
    if (!m)
        return;
    message_set_block(m, b);
    m->signature_kind = SIGNATURE_BLS;
    m->signs = 2; /* RANDAO reveal; the block */
    m->verifies = 2 + seal->votes;
    m->keys = 2 + seal->voters;
    env_broadcast(p->env, m);
}

static void propose(struct pos *p, uint64_t slot)
{
    struct block *parent = pos_proposer_head(p);
    if (parent->round >= slot)
        return;
    struct block_seal *seal = pos_pack(p, parent, slot);
    if (!seal)
        return;
    struct build_request request = {
        .parent = parent, .round = slot, .difficulty = 1, .tag = slot, .seal = seal};
    env_build(p->env, &request);
    block_seal_unref(seal);
}

/* validator.md, "Attesting": at once when the slot's block is there. */
static void imported(struct pos *p, struct block *b)
{
    pos_tick(p);
    if (!pos_import(p, b))
        return;
    uint64_t before = b->parent ? b->parent->round : b->round;
    for (uint64_t slot = before + 1; slot < b->round && slot <= before + MISSED_MAX; slot++)
        env_note(p->env, "round", b->height, slot);
    pos_follow(p);
    if (b->round == pos_slot_now(p) && b->round == p->duty_slot && !p->attested &&
        p->env->me != VALIDATOR_NONE)
        attest(p);
}

/* ---- the calls ---- */

/* A checkpoint comes up to an epoch after a block and needs two; but the first two epochs are not
 * judged, so the first checkpoint is final at the start of epoch 4. */
static uint64_t depth(const void *cfg, uint64_t validators)
{
    const struct pos_cfg *c = cfg;
    (void)validators;
    return 4 * c->slots_per_epoch;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct pos_cfg *c = cfg;
    (void)validators;
    return (sim_time)c->slots_per_epoch * c->block_interval;
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct pos *p = state;
    (void)err;
    p->env = env;
    p->cfg = cfg;
    p->head = block_ref(env->genesis);
    p->duty_slot = UINT64_MAX;
    p->justified = p->finalized = (struct pos_checkpoint){.root = env->genesis->hash};
    return ERR_OK;
}

static void start(void *state)
{
    struct pos *p = state;
    plan(p, 0, 1);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct pos *p = state;
    if (m->type == POS_ATTESTATION)
        on_attestation(p, m);
    else if (m->type == POS_AGGREGATE)
        pos_hear(p, from, m);
    else if (m->block && m->block->seal &&
             (sim_time)m->block->round * p->cfg->block_interval <= env_now(p->env))
        env_check(p->env, m->block, 0);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct pos *p = state;
    pos_tick(p);
    switch ((enum pos_timer)kind) {
    case TIMER_EPOCH: plan(p, value, value * p->cfg->slots_per_epoch); break;
    case TIMER_PROPOSE: propose(p, value); break;
    case TIMER_ATTEST:
        if (!p->attested && value == p->duty_slot) {
            pos_follow(p);
            attest(p);
        }
        break;
    case TIMER_AGGREGATE:
        if (value == p->duty_slot)
            aggregate(p);
        break;
    }
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct pos *p = state;
    (void)tag;
    publish(p, b);
    imported(p, b);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct pos *p = state;
    (void)tag;
    if (valid)
        imported(p, b);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct pos *p = state;
    (void)from;
    if (b->seal)
        imported(p, b);
    if (committed && pos_find(p, &b->hash) != UINT32_MAX) {
        env_commit(p->env, b, NULL, 0);
        pos_prune(p, b);
        pos_follow(p);
    }
}

/* A block at once would stand on a head from before the crash. */
static void recovered(void *state)
{
    struct pos *p = state;
    uint64_t slot = pos_slot_now(p);
    pos_tick(p);
    pos_gather_clear(p);
    plan(p, slot / p->cfg->slots_per_epoch, slot + 1);
}

static const char *message_name(uint8_t type)
{
    return type == POS_BLOCK ? "block" : type == POS_ATTESTATION ? "attestation" : "aggregate";
}

static void describe(const struct message *m, char *out, size_t size)
{
    const struct pos_aggregate *a = (const struct pos_aggregate *)m->payload;
    const struct pos_data *d = &a->data; /* an attestation begins with one too */
    if (m->type == POS_BLOCK) {
        snprintf(out, size, "height %llu, slot %llu, votes of %u",
                 (unsigned long long)m->block->height, (unsigned long long)m->block->round,
                 pos_seal_of(m->block)->voters);
        return;
    }
    int used = snprintf(out, size, "slot %llu, head %llu, epoch %llu to %llu",
                        (unsigned long long)d->slot, (unsigned long long)d->head_height,
                        (unsigned long long)d->source.epoch, (unsigned long long)d->target.epoch);
    if (m->type == POS_AGGREGATE && used > 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, ", %u of %u", a->count, a->size);
}

static void fini(void *state)
{
    struct pos *p = state;
    pos_votes_fini(p);
    pos_choice_fini(p);
    block_unref(p->head);
    memset(p, 0, sizeof *p);
}

const struct consensus_ops consensus_pos = {
    .model = {"pos", "Slots, committees, LMD-GHOST and Casper FFG (Ethereum's Gasper).",
              &pos_cfg_table},
    .state_size = sizeof(struct pos),
    .traits = {.final = true,
               .follows = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
    .message_name = message_name,
    .describe = describe,
};
