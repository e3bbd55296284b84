/* Bullshark over Narwhal, partially synchronous: Spiegelman, Giridharan, Sonnino, Kokoris-Kogias,
 * "Bullshark: DAG BFT Protocols Made Practical", CCS'22 (arXiv 2201.05677), and its version for
 * partial synchrony alone (arXiv 2209.05633); Danezis, Kokoris-Kogias, Sonnino, Spiegelman,
 * "Narwhal and Tusk", EuroSys'22 (arXiv 2105.11827).
 *
 * Kept. Narwhal: in each round a validator makes one vertex, a batch of transactions that stands on
 * certified vertices of more than two thirds of the round before; who has that past and the batch
 * vouches for the first vertex it sees of an author and round; vouchers of more than two thirds
 * make a certificate of availability, which its author sends to everyone. Headers are made when
 * there is something to carry, or after a longest delay; rounds far below what is ordered are
 * forgotten. Bullshark: a leader by rotation in every odd round; votes are the references of the
 * even round after it; more than a third of them decide it, and bring along earlier leaders in its
 * past; then its past is ordered, by round and author, within gc_depth of it. A validator waits for
 * the leader's vertex in odd rounds, and in even ones until enough voted for it or can no longer,
 * at most leader_timeout.
 *
 * Left out. Workers: a vertex carries its batch itself, so one machine a validator does it all.
 * The asynchronous fall-back with its common coin. Transactions of forgotten vertices need no
 * proposing again: they are in the pools until the chain holds them.
 *
 * Ours: validators share the senders out, by rotation over rounds, so that batches differ and a
 * crashed validator holds nobody up. An ordered leader makes one block of the chain (env_order). A
 * node far behind fetches those blocks and goes on from the leader of the last one.
 *
 * The graph and the order: bullshark_dag.c. What is missing: bullshark_fetch.c. */
#include "models/consensus/bullshark.h"
#include "evm/core/keccak.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

FIELD_ENUM_DEFINE(bullshark_certificates, BS_CERTIFICATES);
FIELD_DEFINE(bullshark_cfg, BS_FIELDS, "Bullshark over Narwhal.", NULL);

static void consider_vertex(struct bullshark *t, uint64_t round, uint32_t author);
static void go_on(struct bullshark *t);

/* ---- what is said ---- */

static bool aggregates(const struct bullshark *t)
{
    return t->cfg->certificates == BS_AGGREGATE;
}

static void digest_of(const struct bullshark *t, const struct block *batch,
                      const struct bs_vertex *v, struct evm_hash *out)
{
    struct evm_hash parts[2];
    parts[0] = batch->hash;
    evm_keccak256(&parts[1],
                  (struct evm_bytes){(const uint8_t *)v->refs, t->words * sizeof *v->refs});
    evm_keccak256(out, (struct evm_bytes){parts[0].b, sizeof parts});
}

static struct message *vertex_message(struct bullshark *t, struct block *batch)
{
    struct message *m = message_create(CHANNEL_BLOCK, MSG_VERTEX,
                                       sizeof(struct bs_vertex) + t->words * sizeof(uint64_t));
    if (!m)
        return NULL;
    struct bs_vertex *v = (struct bs_vertex *)m->payload;
    v->round = t->building;
    v->height = t->final->height;
    v->author = t->env->me;
    memcpy(v->refs, t->refs, t->words * sizeof *v->refs);
    digest_of(t, batch, v, &v->digest);
    m->size = VERTEX_BYTES + REFERENCE_BYTES * bs_size(t, v->refs);
    message_set_block(m, batch);
    m->signs = m->verifies = 1;
    return m;
}

static void send_ack(struct bullshark *t, const struct bs_vertex *v)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_ACK, sizeof(struct bs_ack));
    if (!m)
        return;
    *(struct bs_ack *)m->payload = (struct bs_ack){
        .round = v->round, .digest = v->digest, .author = v->author, .voter = t->env->me};
    m->size = ACK_BYTES + (aggregates(t) ? (uint32_t)BLS_BYTES : (uint32_t)ECDSA_BYTES);
    m->signature_kind = aggregates(t) ? SIGNATURE_BLS : SIGNATURE_ECDSA;
    m->signs = m->verifies = 1;
    env_send(t->env, t->env->validators->nodes[v->author], m);
}

static struct message *certificate_message(struct bullshark *t)
{
    size_t bytes = sizeof(struct bs_certificate) + t->words * sizeof(uint64_t);
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_CERTIFICATE, bytes);
    if (!m)
        return NULL;
    uint32_t signers = bs_size(t, t->votes->signers);
    memcpy(m->payload, t->votes, bytes);
    ((struct bs_certificate *)m->payload)->height = t->final->height;
    m->size = CERTIFICATE_BYTES + (t->n + 7) / 8 +
              (aggregates(t) ? (uint32_t)BLS_BYTES : (uint32_t)ECDSA_BYTES * signers);
    m->signature_kind = aggregates(t) ? SIGNATURE_BLS : SIGNATURE_ECDSA;
    m->verifies = aggregates(t) ? 1 : signers;
    m->keys = aggregates(t) ? signers : 0;
    return m;
}

/* ---- certificates ---- */

/* All three are here: vertex, certificate, past. */
static void accept(struct bullshark *t, uint64_t round, uint32_t author)
{
    struct bs_round *r = bs_find(t, round);
    struct bs_slot *s = &r->slots[author];
    s->accepted = true;
    r->waiting--;
    bs_add(r->accepted, author);
    r->accepted_weight += t->env->validators->weights[author];
    struct bs_round *next = bs_find(t, round + 1);
    for (uint32_t i = 0; next && next->waiting && i < t->n; i++)
        consider_vertex(t, round + 1, i);
}

static void set_waiting(struct bullshark *t, struct bs_round *r, struct bs_slot *s, bool was)
{
    bool is = (s->vertex || s->certificate) && !s->accepted;
    if (is && !was) {
        r->waiting++;
        s->since = env_now(t->env);
    }
}

/* A vertex that is judged valid and whose past is here gets this node's word, once. */
static void vouch(struct bullshark *t, struct bs_slot *s)
{
    const struct bs_vertex *v = bs_vertex_of(s);
    if (s->acked || !s->valid || t->env->me == VALIDATOR_NONE || v->author == t->env->me)
        return;
    s->acked = true;
    send_ack(t, v);
}

static uint64_t tag_of(uint64_t round, uint32_t author)
{
    return round << 24 | author;
}

/* Whatever can be done with what is known of a slot now. */
static void consider_vertex(struct bullshark *t, uint64_t round, uint32_t author)
{
    struct bs_round *r = bs_find(t, round);
    struct bs_slot *s = r ? &r->slots[author] : NULL;
    if (!s || s->accepted || !s->vertex)
        return;
    const struct bs_vertex *v = bs_vertex_of(s);
    if (!bs_past_is_here(t, v)) {
        bs_arm_fetch(t);
        return;
    }
    if (!s->checked) {
        s->checked = true;
        env_check(t->env, s->vertex->block, tag_of(round, author));
    }
    vouch(t, s);
    const struct bs_certificate *c = bs_certificate_of(s);
    if (c && evm_hash_eq(&c->digest, &v->digest))
        accept(t, round, author);
}

static void keep_certificate(struct bullshark *t, struct message *m)
{
    const struct bs_certificate *c = (const struct bs_certificate *)m->payload;
    struct bs_round *r = bs_get(t, c->round);
    struct bs_slot *s = r ? &r->slots[c->author] : NULL;
    if (!s || s->certificate)
        return;
    bool was = s->vertex != NULL;
    s->certificate = message_ref(m);
    /* The author said something else to this node: what is certified counts. */
    if (s->vertex && !evm_hash_eq(&bs_vertex_of(s)->digest, &c->digest)) {
        message_unref(s->vertex);
        s->vertex = NULL;
    }
    set_waiting(t, r, s, was);
    bs_arm_fetch(t);
    consider_vertex(t, c->round, c->author);
}

static void certify(struct bullshark *t)
{
    struct consensus_env *env = t->env;
    struct bs_slot *own = &bs_find(t, t->round)->slots[env->me];
    struct message *m = certificate_message(t);
    uint32_t *signers = mem_alloc(t->n, sizeof *signers);
    uint32_t count = 0;
    for (uint32_t i = 0; signers && i < t->n; i++)
        if (bs_has(t->votes->signers, i))
            signers[count++] = i;
    if (m && signers) {
        /* Each vertex has its own: to judges, a round an author. */
        env_certify(env, "availability", own->vertex->block, t->round * t->n + env->me, signers,
                    count);
        mem_free(t->votes);
        t->votes = NULL;
        keep_certificate(t, m);
        env_broadcast(env, m);
        m = NULL;
    }
    message_unref(m);
    mem_free(signers);
}

static void on_ack(struct bullshark *t, const struct message *m)
{
    const struct bs_ack *a = (const struct bs_ack *)m->payload;
    if (!t->votes || a->author != t->env->me || a->round != t->round || a->voter >= t->n ||
        t->env->validators->nodes[a->voter] != m->origin ||
        !evm_hash_eq(&a->digest, &t->votes->digest) || bs_has(t->votes->signers, a->voter))
        return;
    bs_add(t->votes->signers, a->voter);
    t->voted += t->env->validators->weights[a->voter];
    if (validators_quorum(t->env->validators, t->voted)) {
        certify(t);
        go_on(t);
    }
}

static void on_vertex(struct bullshark *t, node_id from, const struct message *m)
{
    const struct bs_vertex *v = (const struct bs_vertex *)m->payload;
    if (v->author >= t->n || t->env->validators->nodes[v->author] != m->origin || v->round == 0 ||
        !m->block || !m->block->batch)
        return;
    bs_hear_height(t, from, v->height);
    if (v->round > 1 && !validators_quorum(t->env->validators, bs_weight(t, v->refs)))
        return;
    struct bs_round *r = bs_get(t, v->round);
    if (!r)
        return;
    struct bs_slot *s = &r->slots[v->author];
    const struct bs_certificate *c = bs_certificate_of(s);
    if (s->vertex) {
        /* Said again: its author did not hear this node. */
        if (s->acked && !s->certificate && evm_hash_eq(&bs_vertex_of(s)->digest, &v->digest))
            send_ack(t, bs_vertex_of(s));
        return;
    }
    if (c && !evm_hash_eq(&c->digest, &v->digest))
        return;
    bool was = s->certificate != NULL;
    /* const is dropped to count a reference; the message itself is not changed */
    s->vertex = message_ref((struct message *)(uintptr_t)m);
    set_waiting(t, r, s, was);
    consider_vertex(t, v->round, v->author);
    go_on(t);
}

static void on_certificate(struct bullshark *t, node_id from, const struct message *m)
{
    const struct bs_certificate *c = (const struct bs_certificate *)m->payload;
    if (c->author >= t->n || c->round == 0 ||
        !validators_quorum(t->env->validators, bs_weight(t, c->signers)))
        return;
    bs_hear_height(t, from, c->height);
    keep_certificate(t, (struct message *)(uintptr_t)m);
    go_on(t);
}

/* ---- rounds ---- */

/* Whether this node has waited enough for the leader of a round of which a quorum is here: for its
 * vertex in an odd round, and for votes on it, as many as decide or rule out that, in an even one.
 */
static bool leader_was_heard(const struct bullshark *t, uint64_t round)
{
    const struct validators *all = t->env->validators;
    const struct bs_round *r = bs_find(t, round);
    if (round == 0 || t->timed_out >= round)
        return true;
    if (round % 2 == 1)
        return r->slots[bs_leader(t, round)].accepted;
    uint32_t leader = bs_leader(t, round - 1);
    const struct bs_round *before = bs_find(t, round - 1);
    if (!before || !before->slots[leader].accepted)
        return true;
    uint64_t yes = 0, no = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (r->slots[i].accepted)
            *(bs_has(bs_vertex_of(&r->slots[i])->refs, leader) ? &yes : &no) += all->weights[i];
    return validators_third(all, yes) || validators_quorum(all, no);
}

static void arm(struct bullshark *t, sim_time at)
{
    sim_time now = env_now(t->env);
    env_cancel(t->env, &t->tick);
    t->tick = env_timer(t->env, at > now ? at - now : 0, TIMER_TICK, 0);
}

static uint64_t batch_gas(const struct bullshark *t)
{
    uint64_t limit = t->final->fees.gas_limit;
    if (t->cfg->batch_gas)
        return t->cfg->batch_gas;
    return limit / (t->n < 16 ? t->n : 16);
}

/* Batches that the next vertex brings along, so that its own holds others. */
static struct block **spoken_for(struct bullshark *t, uint64_t round, uint32_t *count)
{
    struct bs_past past;
    struct block **taken = NULL;
    *count = 0;
    if (round < t->first || !bs_reach(t, round, t->refs, t->first, &past))
        return NULL;
    uint32_t room = 0;
    for (uint64_t r = past.low; r <= past.high; r++)
        room += bs_size(t, bs_past_at(t, &past, r));
    taken = mem_alloc(room, sizeof *taken);
    for (uint64_t r = past.low; taken && r <= past.high; r++)
        for (uint32_t i = 0; i < t->n; i++)
            if (bs_has(bs_past_at(t, &past, r), i))
                taken[(*count)++] = bs_find(t, r)->slots[i].vertex->block;
    mem_free(past.sets);
    return taken;
}

/* The share of senders goes on by about n over the golden ratio each round: vertices of validators
 * whose messages come late are often left out by everyone, and such ones may be neighbours. */
static uint32_t share_of(const struct bullshark *t, uint64_t round)
{
    uint64_t stride = (uint64_t)((double)t->n * 0.6180339887498949), a, b;
    for (stride += stride == 0;; stride++) {
        for (a = stride, b = t->n; b;) { /* until they have no common divisor */
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return (uint32_t)((t->env->me + round % t->n * stride) % t->n);
    }
}

static void build(struct bullshark *t, uint64_t round)
{
    const struct bs_round *before = bs_find(t, round - 1);
    uint32_t count = 0;
    memset(t->refs, 0, t->words * sizeof *t->refs);
    if (before)
        memcpy(t->refs, before->accepted, t->words * sizeof *t->refs);
    struct block **taken = spoken_for(t, round - 1, &count);
    t->building = round;
    t->carries = false;
    for (uint32_t i = 0; i < count; i++)
        t->carries |= taken[i]->tx_count > 0;
    struct build_request request = {.parent = t->final,
                                    .round = round,
                                    .difficulty = 1,
                                    .tag = round,
                                    .batch = true,
                                    .taken = taken,
                                    .taken_count = count,
                                    .share = share_of(t, round),
                                    .shares = t->n,
                                    .gas = batch_gas(t)};
    env_build(t->env, &request);
    mem_free(taken);
}

/* Makes the next vertex, or sees to it that this is looked at again in time. */
static void advance(struct bullshark *t)
{
    uint64_t top = bs_top(t);
    if (t->env->me == VALIDATOR_NONE || t->building || top < t->round || top + 1 < t->first ||
        (top == 0 && t->first > 1))
        return;
    sim_time now = env_now(t->env), least = t->proposed + t->cfg->min_delay;
    sim_time patience = t->proposed + t->cfg->leader_timeout;
    if (top == t->round && top > 0 && !leader_was_heard(t, top)) {
        if (now < patience) {
            arm(t, patience);
            return;
        }
        t->timed_out = top;
        env_note(t->env, "round", t->final->height + 1, top);
    }
    if (now < least && top > 0)
        arm(t, least);
    else
        build(t, top + 1);
}

static void go_on(struct bullshark *t)
{
    bs_order(t);
    advance(t);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct bullshark *t = state;
    if (tag != t->building)
        return;
    sim_time now = env_now(t->env), last = t->proposed + t->cfg->max_delay;
    if (b->tx_count == 0 && tag > 1 && now < last && !t->carries) {
        t->building = 0;
        sim_time again = now + (t->cfg->min_delay > SIM_MS ? t->cfg->min_delay : SIM_MS);
        arm(t, again < last ? again : last);
        return;
    }
    struct bs_round *r = bs_get(t, tag);
    struct message *m = r ? vertex_message(t, b) : NULL;
    struct bs_certificate *votes = mem_zalloc(1, sizeof *votes + t->words * sizeof(uint64_t));
    t->building = 0;
    if (!m || !votes || r->slots[t->env->me].vertex) {
        message_unref(m);
        mem_free(votes);
        return;
    }
    struct bs_slot *own = &r->slots[t->env->me];
    const struct bs_vertex *v = (const struct bs_vertex *)m->payload;
    votes->round = tag;
    votes->author = t->env->me;
    votes->digest = v->digest;
    bs_add(votes->signers, t->env->me);
    mem_free(t->votes);
    t->votes = votes;
    t->voted = t->env->validators->weights[t->env->me];
    t->round = tag;
    t->proposed = now;
    own->vertex = message_ref(m);
    own->checked = own->valid = own->acked = true;
    set_waiting(t, r, own, false);
    env_broadcast(t->env, m);
    if (validators_quorum(t->env->validators, t->voted)) { /* one has it alone */
        certify(t);
        go_on(t);
    }
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct bullshark *t = state;
    uint64_t round = tag >> 24;
    struct bs_round *r = bs_find(t, round);
    struct bs_slot *s = r ? &r->slots[tag & 0xffffff] : NULL;
    if (!s || !s->vertex || s->vertex->block != b)
        return;
    s->valid = valid;
    vouch(t, s);
}

/* ---- the other calls ---- */

static void message(void *state, node_id from, const struct message *m)
{
    struct bullshark *t = state;
    switch ((enum bs_message)m->type) {
    case MSG_VERTEX: on_vertex(t, from, m); break;
    case MSG_ACK: on_ack(t, m); break;
    case MSG_CERTIFICATE: on_certificate(t, from, m); break;
    case MSG_HOLDINGS: bs_on_holdings(t, from, m); break;
    }
}

/* Says again what others may have missed, and asks everyone. */
static void repeat(struct bullshark *t)
{
    struct bs_round *r = t->round ? bs_find(t, t->round) : NULL;
    struct bs_slot *own = r && t->env->me != VALIDATOR_NONE ? &r->slots[t->env->me] : NULL;
    const struct message *last = own ? (own->certificate ? own->certificate : own->vertex) : NULL;
    struct message *m = last ? bs_copy(last, t, t->env->me) : NULL;
    if (m)
        env_broadcast(t->env, m);
    bs_ask(t, NODE_NONE);
}

static void on_resend(struct bullshark *t)
{
    uint64_t top = bs_top(t);
    if (top == t->stuck_top && t->round == t->stuck_round)
        repeat(t);
    t->stuck_top = top;
    t->stuck_round = t->round;
    env_timer(t->env, t->cfg->resend, TIMER_RESEND, 0);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct bullshark *t = state;
    (void)value;
    if (kind == TIMER_TICK)
        go_on(t);
    else if (kind == TIMER_FETCH)
        bs_on_fetch(t);
    else
        on_resend(t);
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct bullshark *t = state;
    t->env = env;
    t->cfg = cfg;
    t->n = env->validators->count;
    t->words = (t->n + 63) / 64;
    t->final = block_ref(env->genesis);
    t->first = 1;
    t->marked = true;
    t->height_from = NODE_NONE;
    if (t->cfg->max_delay < t->cfg->min_delay)
        return err_set(err, ERR_INPUT, "bullshark: max_delay is less than min_delay");
    if (t->n >= 1u << 24)
        return err_set(err, ERR_INPUT, "bullshark takes fewer than 2^24 validators");
    t->refs = env->me == VALIDATOR_NONE ? NULL : mem_zalloc(t->words, sizeof *t->refs);
    if (env->me != VALIDATOR_NONE && !t->refs)
        return err_set(err, ERR_MEMORY, "no memory for bullshark");
    return ERR_OK;
}

static void start(void *state)
{
    struct bullshark *t = state;
    env_timer(t->env, t->cfg->resend, TIMER_RESEND, 0);
    advance(t);
}

/* Catch-up: the block of a leader, ordered by others. */
static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct bullshark *t = state;
    (void)from;
    if (!committed || b->height != t->final->height + 1 || b->parent != t->final)
        return;
    env_commit(t->env, b, NULL, 0);
    bs_adopt_final(t, b);
    for (uint32_t i = 0; i < t->n; i++) /* what lacked a past that no longer counts */
        consider_vertex(t, t->first, i);
    go_on(t);
}

static void recovered(void *state)
{
    struct bullshark *t = state;
    t->building = 0;
    t->fetching = false;
    t->tick = (struct sim_timer){0};
    env_timer(t->env, t->cfg->resend, TIMER_RESEND, 0);
    /* What was being judged is judged again. */
    for (uint32_t i = 0; i < t->count; i++)
        for (uint32_t v = 0; t->rounds[i] && v < t->n; v++) {
            struct bs_slot *s = &t->rounds[i]->slots[v];
            if (s->checked && !s->valid) {
                s->checked = false;
                consider_vertex(t, t->first + i, v);
            }
        }
    repeat(t);
    bs_arm_fetch(t);
    go_on(t);
}

static void fini(void *state)
{
    struct bullshark *t = state;
    if (t->env)
        bs_drop_below(t, t->first + t->count);
    mem_free(t->rounds);
    mem_free(t->refs);
    mem_free(t->votes);
    block_unref(t->final);
    memset(t, 0, sizeof *t);
}

static sim_time patience(const void *cfg, uint64_t validators)
{
    const struct bullshark_cfg *c = cfg;
    (void)validators;
    return c->leader_timeout > c->max_delay ? c->leader_timeout : c->max_delay;
}

const struct consensus_ops consensus_bullshark = {
    .model = {"bullshark", "A graph of certified batches; leaders of every second round order it.",
              &bullshark_cfg_table},
    .state_size = sizeof(struct bullshark),
    .traits = {.final = true,
               .batches = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .timeout = patience,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
};
