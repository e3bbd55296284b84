/* Raft: Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014
 * (section numbers are its); pre-vote from Ongaro's thesis (Stanford 2014), section 9.6.
 *
 * Kept: terms, leader election with randomised time-outs (5.2), the log, which here is a chain of
 * blocks, AppendEntries with one block each, the restriction on who may be elected (5.4.1), commit
 * by counting entries of the leader's own term alone (5.4.2), heartbeats, repair of logs that lag
 * or went another way (5.3), state that survives a crash (term, vote, log). A block's round is its
 * term. Logs agree up to an entry if they hold the same block: prevLogIndex and prevLogTerm are its
 * parent's hash, which the world has checked before this file sees the block. A leader keeps up to
 * `depth` blocks under way. A follower judges a block (and executes it, where that comes before
 * voting) before it answers.
 *
 * Left out: membership changes, snapshots (catch-up sends blocks), reads, the time of writing to
 * disk. Nobody lies: messages bear no signatures. A majority is one of weight.
 *
 * Blocks and heartbeats are broadcast, so that nodes without a vote follow; with `direct`
 * dissemination that is a message a follower, as in the paper, and 2 (n - 1) messages an entry.
 * Elections: raft_elections.c. */
#include "models/consensus/raft.h"
#include "models/consensus/consensus.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <string.h>

static void check(const void *cfg, struct field_report *report)
{
    const struct raft_cfg *c = cfg;
    if (c->heartbeat >= c->election_timeout)
        field_complain(report, "heartbeat",
                       "must be shorter than election_timeout, or followers give up on a live "
                       "leader; try a quarter of it");
}

FIELD_DEFINE(raft_cfg, RAFT_FIELDS, "Raft's time-outs.", check);

/* Bytes on the wire: terms and indices 8 each, numbers of nodes 4, hash 32, flags 1. */
enum { APPEND_BYTES = 60, ACK_BYTES = 21 };

struct append_payload {
    uint64_t term, commit;
    uint64_t last_height; /* of the leader's log, as it was sent */
    struct evm_hash last;
    uint32_t leader;
};
struct ack_payload {
    uint64_t term, match; /* the follower's log agrees with the leader's up to this height */
    uint32_t follower;
    bool success; /* false: the leader's term is over */
};
static uint64_t timer_value(const struct raft *r)
{
    return r->term & 0xffffffff;
}

bool raft_majority(const struct raft *r, uint64_t weight)
{
    return weight > r->env->validators->total / 2;
}

void raft_send(struct raft *r, node_id to, struct message *m, uint32_t bytes)
{
    if (!m)
        return;
    m->size += bytes - m->payload_size;
    if (to == NODE_NONE)
        env_broadcast(r->env, m);
    else
        env_send(r->env, to, m);
}

/* ---- the log ---- */

static void set_tip(struct raft *r, struct block *b)
{
    struct block *old = r->tip;
    if (b == old)
        return;
    r->tip = block_ref(b);
    env_adopt(r->env, b);
    block_unref(old);
}

static void commit(struct raft *r, struct block *b, const uint32_t *signers, uint32_t count)
{
    struct block *old = r->committed;
    r->committed = block_ref(b);
    block_unref(old);
    env_commit(r->env, b, signers, count);
}

static bool on_log(const struct raft *r, const struct block *b)
{
    return block_ancestor(r->tip, b->height) == b;
}

/* ---- leading ---- */

static struct message *append_message(const struct raft *r, struct block *b)
{
    struct message *m = message_create(b ? CHANNEL_BLOCK : CHANNEL_CONSENSUS, RAFT_APPEND,
                                       sizeof(struct append_payload));
    if (!m)
        return NULL;
    *(struct append_payload *)m->payload = (struct append_payload){.term = r->term,
                                                                   .commit = r->committed->height,
                                                                   .last_height = r->tip->height,
                                                                   .last = r->tip->hash,
                                                                   .leader = r->env->me};
    if (b)
        message_set_block(m, b);
    return m;
}

/* Builds when the last block is `block_interval` old and fewer than `depth` are under way. The
 * first block of a term goes out at once all the same: only it lets those of earlier terms be
 * committed (5.4.2).
 */
static void schedule_block(struct raft *r)
{
    sim_time now = env_now(r->env), due = r->tip->created + r->cfg->block_interval;
    bool first = r->tip->round != r->term;
    if (r->role != ROLE_LEADER || r->building ||
        (!first && r->tip->height - r->committed->height >= r->cfg->depth))
        return;
    env_cancel(r->env, &r->block);
    r->block =
        env_timer(r->env, due > now && !first ? due - now : 0, RAFT_TIMER_BLOCK, timer_value(r));
}

static void build(struct raft *r)
{
    r->building = true;
    struct build_request request = {
        .parent = r->tip, .round = r->term, .difficulty = 1, .tag = r->term};
    env_build(r->env, &request);
}

static void send_missing(struct raft *r, uint32_t to)
{
    struct raft_follower *f = &r->followers[to];
    while (f->next <= r->tip->height && f->next <= f->match + r->cfg->depth) {
        struct block *b = block_ancestor(r->tip, f->next);
        if (!b)
            return; /* so old that it was let go: the follower has it, or fetches */
        raft_send(r, r->env->validators->nodes[to], append_message(r, b), APPEND_BYTES);
        f->next++;
    }
}

/* Heartbeats; who made no progress since the last one is sent again what it lacks. */
static void beat(struct raft *r)
{
    for (uint32_t i = 0; i < r->env->validators->count; i++) {
        struct raft_follower *f = &r->followers[i];
        if (i == r->env->me || f->match >= r->tip->height)
            continue;
        if (f->match == f->before && f->answered) {
            f->next = f->match + 1;
            send_missing(r, i);
        }
        f->before = f->match;
        f->answered = false;
    }
    raft_send(r, NODE_NONE, append_message(r, NULL), APPEND_BYTES);
    env_timer(r->env, r->cfg->heartbeat, RAFT_TIMER_BEAT, timer_value(r));
}

static uint32_t matching(const struct raft *r, uint64_t height, uint32_t *out, uint64_t *weight)
{
    uint32_t count = 0;
    *weight = 0;
    for (uint32_t i = 0; i < r->env->validators->count; i++)
        if (r->followers[i].match >= height) {
            *weight += r->env->validators->weights[i];
            if (out)
                out[count] = i;
            count++;
        }
    return count;
}

/* The highest log entry that a majority holds, no higher than `most`. */
static uint64_t held_by_majority(const struct raft *r, uint64_t most)
{
    while (most > r->committed->height) {
        uint64_t weight, below = r->committed->height;
        matching(r, most, NULL, &weight);
        if (raft_majority(r, weight))
            return most;
        for (uint32_t i = 0; i < r->env->validators->count; i++)
            if (r->followers[i].match < most && r->followers[i].match > below)
                below = r->followers[i].match;
        most = below;
    }
    return 0;
}

/* 5.3, 5.4.2: entries of earlier terms are committed by one of this term that stands on them. */
static void try_commit(struct raft *r, uint64_t most)
{
    uint64_t weight, height = held_by_majority(r, most);
    struct block *b = height ? block_ancestor(r->tip, height) : NULL;
    if (!b || b->round != r->term)
        return;
    uint32_t *signers = mem_alloc(r->env->validators->count, sizeof *signers);
    if (!signers)
        return;
    uint32_t count = matching(r, height, signers, &weight);
    env_certify(r->env, "commit", b, b->height, signers, count);
    commit(r, b, signers, count);
    mem_free(signers);
    schedule_block(r);
}

void raft_lead(struct raft *r)
{
    uint32_t n = r->env->validators->count, count = 0;
    uint32_t *voters = mem_alloc(n, sizeof *voters);
    r->followers = mem_zalloc(n, sizeof *r->followers);
    if (!voters || !r->followers) {
        mem_free(voters);
        raft_stop_leading(r);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        r->followers[i].next = r->tip->height + 1;
        if (r->votes[i])
            voters[count++] = i;
    }
    env_certify(r->env, "election", NULL, r->term, voters, count);
    mem_free(voters);
    env_note(r->env, "leader", r->tip->height + 1, r->term);
    r->role = ROLE_LEADER;
    r->followers[r->env->me].match = r->tip->height;
    beat(r);
    schedule_block(r);
}

static void on_ack(struct raft *r, const struct message *m)
{
    const struct ack_payload *p = (const struct ack_payload *)m->payload;
    if (p->term > r->term) {
        raft_follow(r, p->term);
        return;
    }
    if (r->role != ROLE_LEADER || p->term != r->term || p->follower >= r->env->validators->count)
        return;
    struct raft_follower *f = &r->followers[p->follower];
    f->answered = true;
    if (p->match <= f->match)
        return;
    f->match = p->match;
    if (f->next <= f->match)
        f->next = f->match + 1;
    try_commit(r, f->match);
    if (r->role == ROLE_LEADER)
        send_missing(r, p->follower);
}

/* ---- following (5.3) ---- */

static void acknowledge(struct raft *r, uint32_t leader, bool success)
{
    if (r->env->me == VALIDATOR_NONE)
        return;
    struct message *m = message_create(CHANNEL_CONSENSUS, RAFT_ACK, sizeof(struct ack_payload));
    if (m)
        *(struct ack_payload *)m->payload =
            (struct ack_payload){r->term, r->matched, r->env->me, success};
    raft_send(r, r->env->validators->nodes[leader], m, ACK_BYTES);
}

static void commit_as_told(struct raft *r)
{
    uint64_t height = r->told < r->matched ? r->told : r->matched;
    struct block *b = height > r->committed->height ? block_ancestor(r->tip, height) : NULL;
    if (b)
        commit(r, b, NULL, 0);
}

/* A judged block of this term's leader: what stands in its place, and after it, goes. */
static void append(struct raft *r, struct block *b)
{
    if (!on_log(r, b)) {
        if (block_ancestor(b, r->committed->height) != r->committed)
            return; /* cannot be: a leader holds all that is committed (5.4.3) */
        set_tip(r, b);
    }
    if (r->matched < b->height)
        r->matched = b->height;
    commit_as_told(r);
    acknowledge(r, r->leader, true);
}

static void on_append(struct raft *r, node_id from, const struct message *m)
{
    const struct append_payload *p = (const struct append_payload *)m->payload;
    if (p->leader >= r->env->validators->count)
        return;
    if (p->term < r->term) {
        acknowledge(r, p->leader, false);
        return;
    }
    if (p->term > r->term || r->role != ROLE_FOLLOWER)
        raft_follow(r, p->term);
    r->leader = p->leader;
    r->heard = env_now(r->env);
    raft_wait_again(r);
    if (r->told < p->commit)
        r->told = p->commit;
    if (m->block) {
        if (on_log(r, m->block)) /* said again */
            append(r, m->block);
        else
            env_check(r->env, m->block, r->term);
        return;
    }
    struct block *last = block_ancestor(r->tip, p->last_height);
    if (last && evm_hash_eq(&last->hash, &p->last) && r->matched < p->last_height)
        r->matched = p->last_height;
    commit_as_told(r);
    if (r->env->me == VALIDATOR_NONE && r->told > r->matched)
        env_behind(r->env, from, r->told);
    acknowledge(r, p->leader, true);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct raft *r = state;
    if (valid && tag == r->term && r->role == ROLE_FOLLOWER)
        append(r, b);
}

/* ---- the other calls ---- */

/* `depth` blocks, and as many terms again that ended before their first block was committed. */
static uint64_t depth(const void *cfg, uint64_t validators)
{
    const struct raft_cfg *c = cfg;
    (void)validators;
    return 2 * c->depth;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct raft_cfg *c = cfg;
    (void)validators;
    return 2 * c->election_timeout;
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct raft *r = state;
    (void)err;
    r->env = env;
    r->cfg = cfg;
    r->tip = block_ref(env->genesis);
    r->committed = block_ref(env->genesis);
    r->voted_for = r->leader = VALIDATOR_NONE;
    return ERR_OK;
}

static void start(void *state)
{
    struct raft *r = state;
    if (r->env->me == VALIDATOR_NONE)
        return;
    raft_wait_again(r);
    r->heard = -r->cfg->election_timeout;
    env_timer(r->env, r->deadline - env_now(r->env), RAFT_TIMER_ELECTION, 0);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct raft *r = state;
    switch ((enum raft_message)m->type) {
    case RAFT_APPEND: on_append(r, from, m); break;
    case RAFT_ACK: on_ack(r, m); break;
    case RAFT_REQUEST: raft_on_request(r, m); break;
    case RAFT_VOTE: raft_on_vote(r, m); break;
    }
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct raft *r = state;
    if (kind == RAFT_TIMER_ELECTION) {
        raft_on_election(r);
        return;
    }
    if (r->role != ROLE_LEADER || value != timer_value(r))
        return;
    if (kind == RAFT_TIMER_BEAT)
        beat(r);
    else if (kind == RAFT_TIMER_BLOCK && !r->building)
        build(r);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct raft *r = state;
    if (r->role != ROLE_LEADER || tag != r->term)
        return;
    r->building = false;
    if (b->parent != r->tip) { /* a catch-up came between */
        schedule_block(r);
        return;
    }
    set_tip(r, b);
    for (uint32_t i = 0; i < r->env->validators->count; i++)
        if (r->followers[i].next == b->height)
            r->followers[i].next++; /* the broadcast brings it */
    r->followers[r->env->me].match = b->height;
    raft_send(r, NODE_NONE, append_message(r, b), APPEND_BYTES);
    try_commit(r, b->height);
    schedule_block(r);
}

/* Catch-up: a committed block is in the log of every leader to come. */
static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct raft *r = state;
    (void)from;
    if (!committed || b->height <= r->committed->height ||
        block_ancestor(b, r->committed->height) != r->committed)
        return;
    if (!on_log(r, b))
        set_tip(r, b);
    if (r->matched < b->height)
        r->matched = b->height;
    commit(r, b, NULL, 0);
}

/* Term, vote and log were written down; who led and what agreed with it was not. */
static void recovered(void *state)
{
    struct raft *r = state;
    raft_stop_leading(r);
    r->matched = r->committed->height;
    start(state);
}

static const char *message_name(uint8_t type)
{
    static const char *const names[] = {"append", "ack", "request-vote", "vote"};
    return type >= RAFT_APPEND && type <= RAFT_VOTE ? names[type - RAFT_APPEND] : "?";
}

static void describe(const struct message *m, char *out, size_t size)
{
    const struct append_payload *a = (const struct append_payload *)m->payload;
    const struct ack_payload *k = (const struct ack_payload *)m->payload;
    switch ((enum raft_message)m->type) {
    case RAFT_APPEND:
        snprintf(out, size, "term %llu, %s %llu, commit %llu", (unsigned long long)a->term,
                 m->block ? "entry" : "heartbeat at",
                 (unsigned long long)(m->block ? m->block->height : a->last_height),
                 (unsigned long long)a->commit);
        break;
    case RAFT_ACK:
        snprintf(out, size, "term %llu, %s %llu", (unsigned long long)k->term,
                 k->success ? "match" : "refused at", (unsigned long long)k->match);
        break;
    case RAFT_REQUEST:
    case RAFT_VOTE: raft_describe_election(m, out, size); break;
    }
}

static void fini(void *state)
{
    struct raft *r = state;
    raft_stop_leading(r);
    block_unref(r->tip);
    block_unref(r->committed);
    memset(r, 0, sizeof *r);
}

const struct consensus_ops consensus_raft = {
    .model = {"raft", "An elected leader replicates its log; final at a majority (crash faults).",
              &raft_cfg_table},
    .state_size = sizeof(struct raft),
    .traits = {.final = true,
               .steady = true,
               .quorum = QUORUM_MAJORITY,
               .fault_share = 0,
               .crash_share = 2},
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
