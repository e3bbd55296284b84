/* Proof of authority after Clique (EIP-225): signers take turns by height, any other may step in
 * late, the chain with the most in-turn blocks wins.
 *
 * Kept: in-turn signer height % n with difficulty 2, others 1; a signer seals at most one of any
 * floor(n/2) + 1 blocks in a row; a block comes no earlier than `period` after its parent; a signer
 * out of turn waits a random wiggle of up to (floor(n/2) + 1) * wiggle; fork choice by total
 * difficulty. Left out: votes that change the signers, epoch blocks.
 *
 * Of chains with the same difficulty the lower one wins, as in go-ethereum; where that tosses a
 * coin between blocks of one height, the lower hash wins: a coin that falls alike for everybody.
 * With the first seen instead, signers that each stand on a block of their own wait for one another
 * forever. A crash may take a block from all but its signer, so nodes say which head they have when
 * they come back, and when the next block is overdue by `resend` (go-ethereum: on every connection,
 * and by fetching from a peer that is ahead every 10 s); who has a better one answers with it, who
 * has a worse one fetches.
 *
 * Clique has no finality. A node takes a block as final when `confirmations` blocks stand on it; a
 * heavier chain that lacks it is still followed, as real nodes do, and shows up as broken safety.
 *
 * An in-turn signer starts to build when its block is due, one out of turn when its wiggle is over:
 * work that real signers do for blocks they never publish is not charged. */
#include "models/consensus/consensus.h"
#include "sim/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POA_FIELDS(F, S)                                                                           \
    F(S, DURATION, block_interval, "1s", "1ms", "1h", "Least time between a block and its child.") \
    F(S, DURATION, wiggle, "500ms", "0s", "1min",                                                  \
      "Signers out of turn wait up to this times (n/2 + 1), drawn anew for each block.")           \
    F(S, COUNT, confirmations, "0", "0", "10k",                                                    \
      "Blocks that must stand on a final one; 0 is n/2 + 1.")                                      \
    F(S, DURATION, resend, "10s", "10ms", "1h",                                                    \
      "A node whose next block is overdue by this says which head it has.")
FIELD_DECLARE(poa_cfg, POA_FIELDS);
FIELD_DEFINE(poa_cfg, POA_FIELDS, "Clique-like proof of authority.", NULL);

enum { POA_BLOCK = 1, POA_STATUS };
enum { POA_TIMER_SEAL = 1, POA_TIMER_RESEND };
enum { POA_IN_TURN = 2, POA_OUT_OF_TURN = 1 };

/* Bytes on the wire: height and difficulty 8 each, hash 32, signature 65. */
enum { STATUS_BYTES = 113 };
struct status_payload {
    uint64_t height, total_difficulty;
    struct evm_hash hash;
};

struct poa {
    struct consensus_env *env;
    const struct poa_cfg *cfg;
    struct block *head; /* a reference */
    struct sim_timer seal;
    uint64_t confirmations;
};

/* The signature that extraData carries is part of the block's size already. */
static void publish(struct poa *p, struct block *b)
{
    struct message *m = message_create(CHANNEL_BLOCK, POA_BLOCK, 0);
    if (!m)
        return;
    message_set_block(m, b);
    m->signs = 1;
    m->verifies = 1;
    env_broadcast(p->env, m);
}

static struct status_payload status_of(const struct block *b)
{
    return (struct status_payload){b->height, b->total_difficulty, b->hash};
}

/* The fork choice: whether a node leaves `now` for `other`. */
static bool better(const struct status_payload *other, const struct status_payload *now)
{
    if (other->total_difficulty != now->total_difficulty)
        return other->total_difficulty > now->total_difficulty;
    if (other->height != now->height)
        return other->height < now->height;
    return memcmp(other->hash.b, now->hash.b, sizeof now->hash.b) < 0;
}

/* Which head this node has, to one node or to everyone. */
static void send_status(struct poa *p, node_id to)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, POA_STATUS, sizeof(struct status_payload));
    if (!m)
        return;
    *(struct status_payload *)m->payload = status_of(p->head);
    m->size = STATUS_BYTES;
    m->signs = m->verifies = 1;
    if (to == NODE_NONE)
        env_broadcast(p->env, m);
    else
        env_send(p->env, to, m);
}

static void on_status(struct poa *p, const struct message *m)
{
    const struct status_payload *theirs = (const struct status_payload *)m->payload;
    struct status_payload ours = status_of(p->head);
    if (better(theirs, &ours))
        env_behind(p->env, m->origin, theirs->height);
    else if (better(&ours, theirs))
        send_status(p, m->origin);
}

/* Whether `signer` sealed one of the floor(n/2) blocks up to and including `parent`. */
static bool signed_recently(const struct poa *p, const struct block *parent, uint32_t signer)
{
    uint32_t limit = p->env->validators->count / 2;
    node_id node = p->env->validators->nodes[signer];
    for (uint32_t i = 0; i < limit && parent && parent->height > 0; i++) {
        if (parent->proposer == node)
            return true;
        parent = parent->parent;
    }
    return false;
}

static uint64_t difficulty_of(const struct poa *p, uint64_t height, uint32_t signer)
{
    return height % p->env->validators->count == signer ? POA_IN_TURN : POA_OUT_OF_TURN;
}

/* Sets the moment at which this signer may seal a child of its head. */
static void schedule_seal(struct poa *p)
{
    struct consensus_env *env = p->env;
    env_cancel(env, &p->seal);
    if (env->me == VALIDATOR_NONE || signed_recently(p, p->head, env->me))
        return;
    sim_time due = p->head->created + p->cfg->block_interval;
    sim_time delay = due > env_now(env) ? due - env_now(env) : 0;
    if (difficulty_of(p, p->head->height + 1, env->me) == POA_OUT_OF_TURN) {
        uint64_t span = (uint64_t)p->cfg->wiggle * (env->validators->count / 2 + 1);
        delay += (sim_time)sim_stream_below(env_random(env), span + 1);
    }
    p->seal = env_timer(env, delay, POA_TIMER_SEAL, p->head->height);
}

static void confirm(struct poa *p)
{
    if (p->head->height <= p->confirmations)
        return;
    struct block *final = block_ancestor(p->head, p->head->height - p->confirmations);
    if (final && final->height > 0)
        env_commit(p->env, final, NULL, 0);
}

/* Follows b if its chain is better than the head's. */
static void consider(struct poa *p, struct block *b)
{
    struct status_payload other = status_of(b), now = status_of(p->head);
    if (!better(&other, &now))
        return;
    if (b->parent != p->head)
        env_note(p->env, "reorg", b->height, b->round);
    struct block *old = p->head;
    p->head = block_ref(b);
    env_adopt(p->env, b);
    block_unref(old);
    confirm(p);
    schedule_seal(p);
}

static bool header_fits(const struct poa *p, const struct block *b)
{
    uint32_t signer = validators_index(p->env->validators, b->proposer);
    return b->parent && signer != VALIDATOR_NONE && !signed_recently(p, b->parent, signer) &&
           b->difficulty == difficulty_of(p, b->height, signer) &&
           b->created >= b->parent->created + p->cfg->block_interval;
}

static uint64_t depth(const void *cfg, uint64_t validators)
{
    const struct poa_cfg *poa = cfg;
    return poa->confirmations ? poa->confirmations : validators / 2 + 1;
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct poa *p = state;
    (void)err;
    p->env = env;
    p->cfg = cfg;
    p->head = block_ref(env->genesis);
    p->confirmations = depth(cfg, env->validators->count);
    return ERR_OK;
}

static void start(void *state)
{
    struct poa *p = state;
    schedule_seal(p);
    env_timer(p->env, p->cfg->resend, POA_TIMER_RESEND, 0);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct poa *p = state;
    (void)from;
    if (m->type == POA_STATUS)
        on_status(p, m);
    else if (m->block && header_fits(p, m->block))
        env_check(p->env, m->block, 0);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct poa *p = state;
    if (kind == POA_TIMER_RESEND) {
        if (env_now(p->env) >= p->head->created + p->cfg->block_interval + p->cfg->resend)
            send_status(p, NODE_NONE);
        env_timer(p->env, p->cfg->resend, POA_TIMER_RESEND, 0);
        return;
    }
    if (value != p->head->height)
        return;
    struct build_request request = {
        .parent = p->head,
        .round = p->head->height + 1,
        .difficulty = difficulty_of(p, p->head->height + 1, p->env->me),
    };
    env_build(p->env, &request);
}

/* Another block may have become the head while this one was being built; then it stays unsealed. */
static void built(void *state, struct block *b, uint64_t tag)
{
    struct poa *p = state;
    (void)tag;
    if (b->parent != p->head)
        return;
    publish(p, b);
    consider(p, b);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct poa *p = state;
    (void)tag;
    if (valid)
        consider(p, b);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct poa *p = state;
    (void)from;
    (void)committed;
    if (header_fits(p, b))
        consider(p, b);
}

static void recovered(void *state)
{
    struct poa *p = state;
    send_status(p, NODE_NONE);
    start(p);
}

static void fini(void *state)
{
    struct poa *p = state;
    block_unref(p->head);
    p->head = NULL;
}

static const char *message_name(uint8_t type)
{
    return type == POA_BLOCK ? "block" : "status";
}

static void describe(const struct message *m, char *out, size_t size)
{
    const struct status_payload *s = (const struct status_payload *)m->payload;
    if (m->block)
        snprintf(out, size, "height %" PRIu64 ", difficulty %" PRIu64, m->block->height,
                 m->block->difficulty);
    else
        snprintf(out, size, "height %" PRIu64 ", total difficulty %" PRIu64, s->height,
                 s->total_difficulty);
}

const struct consensus_ops consensus_poa = {
    .model = {"poa",
              "Signers take turns, others may step in late; the heaviest chain wins (Clique).",
              &poa_cfg_table},
    .state_size = sizeof(struct poa),
    .traits = {.final = false, .fault_share = 2, .crash_share = 2},
    .depth = depth,
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
