/* Raft without a network: messages delivered in any order, late, twice or never, nodes that crash
 * and come back, over many seeds. The paper's properties must hold after every single step
 * (figure 3): election safety, log matching and state machine safety; and once messages arrive
 * again, the log goes on. */
#include "tests/unit/fake_consensus.h"

#include "models/consensus/raft.h"

extern const struct consensus_ops consensus_raft;

enum { NODES_MAX = 7, PENDING = 2048, HEIGHTS = 2000, TERMS = 4000 };

struct storm {
    uint32_t n;
    struct raft_cfg cfg;
    struct fake f[NODES_MAX];
    struct raft r[NODES_MAX];
    bool up[NODES_MAX], building[NODES_MAX];
    struct block *genesis;
    struct build_request builds[NODES_MAX]; /* parent: a reference */
    struct {
        struct message *m;
        uint32_t to;
    } pending[PENDING];
    uint32_t pending_count;
    uint8_t leader_of[TERMS];     /* plus 1 */
    struct block *chain[HEIGHTS]; /* what was committed first: references */
    uint64_t height;              /* of the highest committed one */
    struct sim_stream rng;
    uint32_t leaders, drop, twice; /* in a thousand */
    sim_time now;
};

static void take_messages(struct storm *s, uint32_t node)
{
    struct fake *f = &s->f[node];
    for (uint32_t i = 0; i < f->sent_count; i++) {
        for (uint32_t to = 0; to < s->n; to++) {
            if (f->to[i] == NODE_NONE ? to == node : to != f->to[i])
                continue;
            uint32_t copies = 1;
            if (sim_stream_below(&s->rng, 1000) < s->drop)
                copies = 0;
            else if (sim_stream_below(&s->rng, 1000) < s->twice)
                copies = 2;
            for (; copies > 0 && s->pending_count < PENDING; copies--) {
                s->pending[s->pending_count].m = message_ref(f->sent[i]);
                s->pending[s->pending_count++].to = to;
            }
        }
        message_unref(f->sent[i]);
    }
    f->sent_count = 0;
}

static void holds(struct storm *s, uint32_t node)
{
    struct raft *r = &s->r[node];
    if (r->role == ROLE_LEADER) {
        assert_true(r->term < TERMS);
        if (!s->leader_of[r->term]) {
            s->leader_of[r->term] = (uint8_t)(node + 1);
            s->leaders++;
        }
        if (s->leader_of[r->term] != node + 1)
            fail_msg("term %llu has two leaders", (unsigned long long)r->term);
    }
    for (struct block *b = r->committed; b; b = b->parent) {
        assert_true(b->height < HEIGHTS);
        if (!s->chain[b->height])
            s->chain[b->height] = block_ref(b);
        else if (s->chain[b->height] != b)
            fail_msg("two blocks are committed at height %llu", (unsigned long long)b->height);
        else
            break; /* and all below it */
        if (s->height < b->height)
            s->height = b->height;
    }
    /* What is committed stays in the log. */
    assert_ptr_equal(block_ancestor(r->tip, r->committed->height), r->committed);
}

/* After whatever node did. */
static void settle(struct storm *s, uint32_t node)
{
    struct fake *f = &s->f[node];
    if (f->builds) {
        block_unref(s->builds[node].parent);
        s->builds[node] = f->built;
        block_ref(f->built.parent);
        s->building[node] = true;
        f->builds = 0;
    }
    take_messages(s, node);
    holds(s, node);
}

static void deliver(struct storm *s, uint32_t i)
{
    struct message *m = s->pending[i].m;
    uint32_t to = s->pending[i].to;
    s->pending[i] = s->pending[--s->pending_count];
    if (s->up[to]) {
        consensus_raft.message(&s->r[to], m->origin, m);
        settle(s, to);
    }
    message_unref(m);
}

static void finish_check(struct storm *s, uint32_t node)
{
    struct fake *f = &s->f[node];
    struct block *b = f->checks[0].block;
    uint64_t tag = f->checks[0].tag;
    memmove(f->checks, f->checks + 1, --f->check_count * sizeof f->checks[0]);
    consensus_raft.checked(&s->r[node], b, true, tag);
    block_unref(b);
    settle(s, node);
}

static void finish_build(struct storm *s, uint32_t node)
{
    struct build_request q = s->builds[node];
    struct block *b = fake_block(q.parent, node, q.round, NULL);
    b->created = s->now;
    s->building[node] = false;
    consensus_raft.built(&s->r[node], b, q.tag);
    block_unref(b);
    settle(s, node);
}

/* The clock goes on to the next timer of a node that is up. */
static void next_timer(struct storm *s)
{
    uint32_t node = 0, which = 0;
    sim_time best = SIM_TIME_NEVER;
    for (uint32_t n = 0; n < s->n; n++)
        for (uint32_t i = 0; s->up[n] && i < s->f[n].timer_count; i++)
            if (s->f[n].timers[i].at < best) {
                best = s->f[n].timers[i].at;
                node = n;
                which = i;
            }
    if (best == SIM_TIME_NEVER)
        return;
    s->now = best > s->now ? best : s->now;
    for (uint32_t n = 0; n < s->n; n++)
        s->f[n].now = s->now;
    struct fake *f = &s->f[node];
    uint32_t kind = f->timers[which].kind;
    uint64_t value = f->timers[which].value;
    f->timers[which] = f->timers[--f->timer_count];
    consensus_raft.timer(&s->r[node], kind, value);
    settle(s, node);
}

static void crash(struct storm *s, uint32_t node)
{
    fake_forget(&s->f[node]);
    s->building[node] = false;
    s->up[node] = false;
}

static void recover(struct storm *s, uint32_t node)
{
    s->up[node] = true;
    consensus_raft.recovered(&s->r[node]);
    settle(s, node);
}

static void storm_init(struct storm *s, uint32_t n, uint64_t seed, bool pre_vote)
{
    memset(s, 0, sizeof *s);
    s->n = n;
    s->cfg = (struct raft_cfg){.block_interval = 20 * SIM_MS,
                               .election_timeout = 100 * SIM_MS,
                               .heartbeat = 25 * SIM_MS,
                               .depth = 3,
                               .pre_vote = pre_vote};
    sim_stream_init(&s->rng, seed, 0, sim_purpose("test.raft"));
    for (uint32_t i = 0; i < n; i++) {
        fake_init(&s->f[i], n, 1, i);
        sim_stream_init(&s->f[i].random, seed, i, sim_purpose("test.raft.node"));
        if (i == 0)
            s->genesis = s->f[0].genesis;
        s->f[i].env.genesis = s->genesis;
        s->up[i] = true;
        assert_int_equal(consensus_raft.init(&s->r[i], &s->cfg, &s->f[i].env, NULL), ERR_OK);
        consensus_raft.start(&s->r[i]);
    }
}

static void storm_fini(struct storm *s)
{
    for (uint32_t i = 0; i < s->pending_count; i++)
        message_unref(s->pending[i].m);
    for (uint32_t h = 0; h < HEIGHTS; h++)
        block_unref(s->chain[h]);
    for (uint32_t i = 0; i < s->n; i++) {
        block_unref(s->builds[i].parent);
        consensus_raft.fini(&s->r[i]);
        fake_fini(&s->f[i]);
    }
}

/* One step of whatever can happen: mostly messages, in any order. */
static void step(struct storm *s)
{
    uint32_t node = (uint32_t)sim_stream_below(&s->rng, s->n);
    uint64_t what = sim_stream_below(&s->rng, 100);
    if (what < 2 && s->up[node])
        crash(s, node);
    else if (what < 4 && !s->up[node])
        recover(s, node);
    else if (what < 45 && s->up[node] && s->f[node].check_count > 0)
        finish_check(s, node);
    else if (what < 55 && s->building[node])
        finish_build(s, node);
    else if (what < 90 && s->pending_count > 0)
        deliver(s, (uint32_t)sim_stream_below(&s->rng, s->pending_count));
    else
        next_timer(s);
}

/* Synchrony: the clock goes on when everything else is done. */
static void calm_step(struct storm *s)
{
    for (uint32_t node = 0; node < s->n; node++) {
        while (s->f[node].check_count > 0)
            finish_check(s, node);
        if (s->building[node])
            finish_build(s, node);
    }
    if (s->pending_count > 0)
        deliver(s, (uint32_t)sim_stream_below(&s->rng, s->pending_count));
    else
        next_timer(s);
}

static void run_storm(uint32_t n, uint64_t seed, bool pre_vote, uint32_t *leaders)
{
    struct storm s;
    storm_init(&s, n, seed, pre_vote);
    s.drop = (uint32_t)sim_stream_below(&s.rng, 200);
    s.twice = 50;
    for (int i = 0; i < 1500; i++)
        step(&s);
    *leaders += s.leaders;
    s.drop = s.twice = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!s.up[i])
            recover(&s, i);
    uint64_t before = s.height;
    for (int i = 0; i < 8000 && s.height < before + 5; i++)
        calm_step(&s);
    if (s.height < before + 5)
        fail_msg("seed %llu: height %llu, and no further", (unsigned long long)seed,
                 (unsigned long long)s.height);
    for (int i = 0; i < 4000; i++)
        calm_step(&s);
    for (uint32_t i = 0; i < n; i++)
        if (s.r[i].committed->height < before + 5)
            fail_msg("seed %llu: node %u is left behind at %llu of %llu", (unsigned long long)seed,
                     i, (unsigned long long)s.r[i].committed->height, (unsigned long long)s.height);
    storm_fini(&s);
}

static void test_storms(void **state)
{
    (void)state;
    uint32_t leaders = 0, runs = 0;
    for (uint64_t seed = 1; seed <= 300; seed++, runs++)
        run_storm(seed % 3 == 0 ? 3 : seed % 3 == 1 ? 5 : 4, seed, seed % 2, &leaders);
    print_message("%u leaders in %u storms\n", leaders, runs);
    assert_true(leaders > runs); /* they do change */
}

/* ---- single rules ---- */

static struct message *request(uint64_t term, uint64_t height, uint64_t last_term, uint32_t from)
{
    /* As raft_elections.c lays it out: term, last_height, last_term, candidate, pre. */
    struct {
        uint64_t term, last_height, last_term;
        uint32_t candidate;
        bool pre;
    } p = {term, height, last_term, from, false};
    struct message *m = message_create(CHANNEL_CONSENSUS, 3, sizeof p);
    memcpy(m->payload, &p, sizeof p);
    m->origin = from;
    return m;
}

static bool grants(struct fake *f, struct raft *r, uint64_t term, uint64_t height,
                   uint64_t last_term, uint32_t from)
{
    struct message *m = request(term, height, last_term, from);
    uint32_t before = f->sent_count;
    consensus_raft.message(r, from, m);
    message_unref(m);
    assert_int_equal(f->sent_count, before + 1);
    assert_int_equal(f->to[before], from);
    return r->voted_for == from && r->term == term;
}

/* 5.2, 5.4.1: one vote a term, for logs at least as late. */
static void test_votes(void **state)
{
    (void)state;
    struct fake f;
    struct raft r = {0};
    struct raft_cfg cfg = {
        .block_interval = SIM_SEC, .election_timeout = SIM_SEC, .heartbeat = SIM_MS, .depth = 4};
    fake_init(&f, 5, 1, 0);
    consensus_raft.init(&r, &cfg, &f.env, NULL);
    struct block *a = fake_block(f.genesis, 1, 3, NULL), *b = fake_block(a, 1, 3, NULL);
    consensus_raft.block(&r, a, 1, true);
    consensus_raft.block(&r, b, 1, true);
    assert_true(r.tip == b && r.committed == b);
    assert_false(grants(&f, &r, 5, 1, 3, 1)); /* shorter */
    assert_int_equal(r.term, 5);
    assert_false(grants(&f, &r, 5, 9, 2, 2)); /* longer, of an earlier term */
    assert_true(grants(&f, &r, 5, 2, 3, 3));  /* alike */
    assert_false(grants(&f, &r, 5, 7, 4, 4)); /* better, but the vote is given */
    assert_int_equal(r.voted_for, 3);
    consensus_raft.recovered(&r);
    assert_false(grants(&f, &r, 5, 7, 4, 4)); /* a crash forgets nothing of that */
    assert_true(grants(&f, &r, 5, 2, 3, 3));
    assert_true(grants(&f, &r, 6, 1, 4, 4));  /* a later last term beats length */
    assert_false(grants(&f, &r, 4, 7, 6, 1)); /* of a term that is over */
    consensus_raft.fini(&r);
    block_unref(a);
    block_unref(b);
    fake_fini(&f);
}

static void say(struct raft *r, uint8_t type, const void *payload, size_t size, uint32_t from)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, type, size);
    memcpy(m->payload, payload, size);
    m->origin = from;
    consensus_raft.message(r, from, m);
    message_unref(m);
}

static void acks(struct raft *r, uint32_t from, uint64_t match)
{
    struct {
        uint64_t term, match;
        uint32_t follower;
        bool success;
    } p = {r->term, match, from, true};
    say(r, 2, &p, sizeof p, from);
}

/* 5.4.2 and figure 8: an entry of an earlier term is on a majority and may still be replaced, so
 * only one of the leader's own term, on top of it, commits both. */
static void test_figure_8(void **state)
{
    (void)state;
    struct fake f;
    struct raft r = {0};
    struct raft_cfg cfg = {
        .block_interval = SIM_SEC, .election_timeout = SIM_SEC, .heartbeat = SIM_MS, .depth = 1};
    fake_init(&f, 5, 1, 0);
    consensus_raft.init(&r, &cfg, &f.env, NULL);
    consensus_raft.start(&r);
    struct block *old = fake_block(f.genesis, 4, 2, NULL);
    block_unref(r.tip);
    r.tip = block_ref(old);
    r.term = 3;
    f.now = 2 * SIM_SEC;
    consensus_raft.timer(&r, 1, 0);
    assert_true(r.role == ROLE_CANDIDATE && r.term == 4);
    for (uint32_t voter = 1; voter <= 2; voter++) {
        struct {
            uint64_t term;
            uint32_t voter;
            bool granted, pre;
        } p = {4, voter, true, false};
        assert_int_equal(r.role, ROLE_CANDIDATE);
        say(&r, 4, &p, sizeof p, voter);
    }
    assert_int_equal(r.role, ROLE_LEADER);
    assert_int_equal(f.certificates, 1);
    for (uint32_t i = 1; i <= 4; i++)
        acks(&r, i, old->height);
    assert_ptr_equal(r.committed, f.genesis);
    consensus_raft.timer(&r, 3, 4); /* depth is reached, but a first block goes out */
    assert_int_equal(f.builds, 1);
    struct block *b = fake_block(old, 0, 4, NULL);
    consensus_raft.built(&r, b, 4);
    acks(&r, 1, b->height);
    assert_ptr_equal(r.committed, f.genesis);
    acks(&r, 3, b->height);
    assert_ptr_equal(r.committed, b);
    assert_int_equal(f.final_signers, 3);
    consensus_raft.fini(&r);
    block_unref(old);
    block_unref(b);
    fake_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_figure_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
