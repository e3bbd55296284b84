/* Streamlet: B. Chan, E. Shi, "Streamlet: Textbook Streamlined Blockchains", AFT 2020, section 3.
 *
 * An epoch's leader proposes a block on the longest notarised chain it knows; a node votes for it,
 * once an epoch, if it stands on a longest notarised chain of its own; votes of more than two
 * thirds notarise; of three blocks in a row from consecutive epochs, all but the last are final.
 *
 * Kept: all of that. Instead: the paper's nodes pass every message on; here a proposal carries the
 * votes for its parent, and who knows a longer chain answers a proposal with the votes for that.
 * Leaders take turns; the paper hashes epochs. */
#include "models/world/plugin.h"

#define STREAMLET_FIELDS(F, S)                                                                     \
    F(S, DURATION, epoch, "1s", "1ms", "1h", "One leader's time: two delays of a message or more.")
FIELD_DECLARE(streamlet_cfg, STREAMLET_FIELDS);
FIELD_DEFINE(streamlet_cfg, STREAMLET_FIELDS, "The clock of Streamlet.", NULL);

enum { PROPOSAL = 1, VOTE, LONGER }; /* types of messages */
enum { HEADER_BYTES = 112, VOTE_BYTES = 69, VOTERS_MAX = 64, HEARD = 8 };

/* Who voted for the block `hash` of `epoch`: a bit a validator. What every message carries. */
struct votes {
    struct evm_hash hash;
    uint64_t epoch, bits;
    struct block *block; /* of votes that a node has heard: a reference, if it came */
};
struct streamlet {
    struct consensus_env *env;
    sim_time length;           /* of an epoch */
    struct block *tip;         /* a reference: top of the longest notarised chain */
    struct votes proof;        /* of the tip */
    uint64_t voted, final;     /* the last epoch in which this node voted; last final height */
    struct votes heard[HEARD]; /* of the latest epochs */
};

/* Whether it is this epoch now, and this node leads it. */
static bool leads(const struct streamlet *s, node_id node, uint64_t epoch)
{
    return epoch == (uint64_t)(env_now(s->env) / s->length) &&
           node == s->env->validators->nodes[validators_turn(s->env->validators, epoch)];
}

static void commit(struct streamlet *s, struct block *b, const uint32_t *signers, uint32_t count)
{
    if (b->height <= s->final)
        return;
    env_commit(s->env, b, signers, count);
    s->final = b->height;
    if (s->tip->height < b->height)
        block_hold(&s->tip, b);
}

/* Whether these votes notarise b, and what follows. */
static bool look(struct streamlet *s, struct block *b, const struct votes *votes)
{
    const struct validators *all = s->env->validators;
    uint64_t weight = 0;
    uint32_t signers[VOTERS_MAX], count = 0;
    for (uint32_t i = 0; i < all->count; i++)
        if (votes->bits >> i & 1) {
            signers[count++] = i;
            weight += all->weights[i];
        }
    if (!validators_quorum(all, weight))
        return false;
    env_certify(s->env, "notarised", b, b->round, signers, count);
    if (b->height > s->tip->height) {
        block_hold(&s->tip, b);
        s->proof = *votes;
        env_adopt(s->env, b);
    }
    /* What b stands on is notarised too: else no honest node had voted for it. */
    struct block *parent = b->parent, *first = parent ? parent->parent : NULL;
    if (first && first->round + 1 == parent->round && parent->round + 1 == b->round)
        commit(s, parent, signers, count);
    return true;
}

/* Adds votes to those heard before; b: their block, if it came along. Is it here and notarised? */
static bool hear(struct streamlet *s, const struct votes *votes, struct block *b)
{
    struct votes *h = &s->heard[votes->epoch % HEARD];
    bool theirs = b && evm_hash_eq(&b->hash, &votes->hash);
    if (!evm_hash_eq(&h->hash, &votes->hash)) {
        if (theirs && look(s, b, votes)) /* votes that prove it need no room */
            return true;
        if (votes->epoch <= h->epoch)
            return false;
        block_unref(h->block);
        *h = (struct votes){.hash = votes->hash, .epoch = votes->epoch};
    }
    h->bits |= votes->bits;
    if (theirs)
        block_hold(&h->block, b);
    return h->block && look(s, h->block, h);
}

static void tell(struct streamlet *s, uint8_t type, struct block *b, const struct votes *votes)
{
    struct message *m = message_create(b ? CHANNEL_BLOCK : CHANNEL_CONSENSUS, type, sizeof *votes);
    if (!m)
        return;
    *(struct votes *)m->payload = *votes;
    m->signs = type != LONGER;
    m->verifies = (type == PROPOSAL) + (uint32_t)__builtin_popcountll(votes->bits);
    m->size = HEADER_BYTES + VOTE_BYTES * m->verifies;
    if (b)
        message_set_block(m, b);
    env_broadcast(s->env, m);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct streamlet *s = state;
    struct block *voted = m->type == PROPOSAL ? m->block->parent : m->block;
    bool notarised = hear(s, (const struct votes *)m->payload, voted) || voted == s->tip;
    if (m->type == PROPOSAL && m->block->height <= s->tip->height)
        tell(s, LONGER, s->tip, &s->proof);
    else if (m->type == PROPOSAL && notarised)
        env_check(s->env, m->block, 0);
    else if (m->block && !notarised) /* the sender may have what proves it */
        env_behind(s->env, from, m->block->height);
}

/* Votes for a proposal that was found valid. */
static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct streamlet *s = state;
    struct votes mine = {.hash = b->hash, .epoch = b->round};
    (void)tag;
    if (valid && s->env->me != VALIDATOR_NONE && b->round > s->voted &&
        leads(s, b->proposer, b->round) && b->height == s->tip->height + 1) {
        s->voted = b->round;
        mine.bits = UINT64_C(1) << s->env->me;
        tell(s, VOTE, NULL, &mine);
    }
    hear(s, &mine, b);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct streamlet *s = state;
    if (b->parent == s->tip)
        tell(s, PROPOSAL, b, &s->proof);
    checked(s, b, b->parent == s->tip, tag);
}

static void start(void *state) /* at time 0, and after a crash: waits for the next epoch */
{
    struct streamlet *s = state;
    sim_time now = env_now(s->env);
    env_timer(s->env, s->length - now % s->length, 0, (uint64_t)(now / s->length) + 1);
}

static void timer(void *state, uint32_t kind, uint64_t epoch)
{
    struct streamlet *s = state;
    struct build_request request = {.parent = s->tip, .round = epoch};
    (void)kind;
    if (leads(s, s->env->node, epoch))
        env_build(s->env, &request);
    start(s);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    (void)from;
    if (committed)
        commit(state, b, NULL, 0);
    hear(state, &(struct votes){.hash = b->hash, .epoch = b->round}, b);
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct streamlet *s = state;
    s->env = env;
    s->length = ((const struct streamlet_cfg *)cfg)->epoch;
    s->tip = block_ref(env->genesis);
    if (env->validators->count > VOTERS_MAX)
        return err_set(err, ERR_INPUT, "at most %d validators", VOTERS_MAX);
    return ERR_OK;
}

static void fini(void *state)
{
    struct streamlet *s = state;
    for (int i = 0; i < HEARD; i++)
        block_unref(s->heard[i].block);
    block_unref(s->tip);
}

/* clang-format off */
static const struct consensus_ops streamlet = {
    .model = {"streamlet", "A leader an epoch; final at three in a row.", &streamlet_cfg_table},
    .state_size = sizeof(struct streamlet),
    .traits = {.final = true, .quorum = QUORUM_TWO_THIRDS, .fault_share = 3, .crash_share = 3},
    .init = init, .start = start, .message = message, .timer = timer, .built = built,
    .checked = checked, .block = fetched, .recovered = start, .fini = fini,
};
WEFT_PLUGIN(consensus, streamlet);
