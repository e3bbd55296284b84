/* When a replica may vote, what it locks on and when it commits, against leaders that lie: HotStuff
 * and HotStuff-2. Other tests run honest code, in which nobody proposes on a stale certificate, so
 * no lock is ever needed there. The others: test_locks_rounds.c, test_locks_monadbft.c. */
#include "tests/unit/locks_rig.h"

#include "models/consensus/chained.h"

#define NO_TIMEOUTS UINT64_MAX

static struct chained *chained_of(struct rig *r)
{
    return r->state; /* first member in each of them */
}

static void release_proposal(struct message *m)
{
    struct chained_proposal *p = (struct chained_proposal *)m->payload;
    cert_unref(p->justify);
    cert_unref(p->entry);
}

/* A proposal for a view, with a certificate for `certified`, and of time-outs by nodes of which
 * the best knew the certificate of view `high`. */
static void send_proposal(struct rig *r, struct block *b, struct block *certified, uint64_t high,
                          node_id from)
{
    struct message *m =
        message_create(CHANNEL_BLOCK, CHAINED_PROPOSAL, sizeof(struct chained_proposal));
    assert_non_null(m);
    struct chained_proposal *p = (struct chained_proposal *)m->payload;
    p->view = b->round;
    p->justify = cert_create(certified->round, certified, signers, QUORUM);
    if (high != NO_TIMEOUTS) {
        p->entry = cert_create(b->round, NULL, signers, QUORUM);
        p->entry->high = high;
    }
    m->release = release_proposal;
    message_set_block(m, b);
    hear(r, m, from);
}

static node_id leader_of(struct rig *r, uint64_t view)
{
    return chained_leader(chained_of(r), view);
}

/* The leader of a view proposes on the certificate of the view before. */
static struct block *propose(struct rig *r, struct block *parent, uint64_t view)
{
    struct block *b = make(r, parent, view, leader_of(r, view));
    send_proposal(r, b, parent, NO_TIMEOUTS, leader_of(r, view));
    judge_all(r);
    return b;
}

/* ... on an older one, after time-outs that tell of the certificate of view `high`. */
static struct block *propose_after(struct rig *r, struct block *parent, uint64_t view,
                                   uint64_t high)
{
    struct block *b = make(r, parent, view, leader_of(r, view));
    send_proposal(r, b, parent, high, leader_of(r, view));
    judge_all(r);
    return b;
}

/* How often the replica voted for b; votes go to the leader of the next view alone. */
static unsigned votes(struct rig *r, const struct block *b)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->f.sent_count; i++) {
        const struct message *m = r->f.sent[i];
        const struct chained_vote *v = (const struct chained_vote *)m->payload;
        if (m->type != CHAINED_VOTE || !evm_hash_eq(&v->hash, &b->hash))
            continue;
        assert_int_equal(v->view, b->round);
        assert_int_equal(v->validator, ME);
        assert_int_equal(r->f.to[i], leader_of(r, b->round + 1));
        count++;
    }
    return count;
}

static unsigned all_votes(const struct rig *r)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->f.sent_count; i++)
        count += r->f.sent[i]->type == CHAINED_VOTE;
    return count;
}

/* b[1] to b[upto], one a view on each other; b[0] is genesis. */
static void honest(struct rig *r, struct block **b, unsigned upto)
{
    b[0] = r->f.genesis;
    for (unsigned v = 1; v <= upto; v++) {
        b[v] = propose(r, b[v - 1], v);
        assert_int_equal(votes(r, b[v]), 1);
    }
    assert_int_equal(all_votes(r), upto);
}

static const char *const hotstuff = "kind: hotstuff, leader_views: 1";
static const char *const wait_mode = "kind: hotstuff2, leader_views: 1, view_change: wait";
static const char *const jolteon = "kind: hotstuff2, leader_views: 1, view_change: certificate, "
                                   "pacemaker: quadratic";

/* The proposal of view v brings the certificate of v - 1: the lock is `below` under that, and
 * what is final `links` - 1 under it, from the first link on and no block later. */
static void steps(const char *consensus, unsigned below, unsigned links)
{
    struct rig *r = rig_make(consensus);
    struct block *b[9] = {r->f.genesis};
    for (unsigned v = 1; v <= 8; v++) {
        b[v] = propose(r, b[v - 1], v);
        assert_int_equal(votes(r, b[v]), 1);
        assert_ptr_equal(chained_of(r)->high->block, b[v - 1]);
        assert_ptr_equal(chained_of(r)->lock, v - 1 > below ? b[v - 1 - below] : b[0]);
        assert_ptr_equal(r->f.final, v > links ? b[v - links] : NULL);
        assert_int_equal(r->f.final_signers, v > links ? QUORUM : 0);
    }
    rig_free(r);
}

static void test_honest_chain(void **state)
{
    (void)state;
    steps(hotstuff, 1, 3); /* algorithm 5: on the parent of the certified block; three in a row */
    steps(wait_mode, 0, 2);
    steps(jolteon, 0, 2);
}

/* Certificates of views 1, 2, 4, 5, ...: what is final are `links` of consecutive views alone. */
static void gap(const char *consensus, unsigned links)
{
    struct rig *r = rig_make(consensus);
    struct block *b[3], *top;
    honest(r, b, 2);
    struct block *first = top = propose_after(r, b[2], 4, 2);
    assert_int_equal(votes(r, top), 1);
    struct block *before = links == 2 ? b[1] : NULL; /* 1 and 2 are two in a row */
    for (unsigned i = 1; i < links; i++) {
        top = propose(r, top, 4 + i);
        assert_int_equal(votes(r, top), 1);
        assert_ptr_equal(r->f.final, before);
    }
    top = propose(r, top, 4 + links);
    assert_ptr_equal(r->f.final, first);
    rig_free(r);
}

static void test_gap(void **state)
{
    (void)state;
    gap(hotstuff, 3);
    gap(wait_mode, 2);
    gap(jolteon, 2);
}

/* Two certificates in a row with a gap above them, known only with the third. */
static void test_gap_above(void **state)
{
    (void)state;
    struct rig *r = rig_make(hotstuff);
    struct block *b[3];
    honest(r, b, 2);
    struct block *x = propose_after(r, b[2], 4, 2);
    struct block *y = propose_after(r, x, 6, 4);
    struct block *z = propose_after(r, y, 8, 6);
    propose_after(r, z, 10, 8);
    assert_int_equal(all_votes(r), 6);
    assert_null(r->f.final);
    assert_ptr_equal(chained_of(r)->lock, y); /* a parent's view may be any */
    rig_free(r);
}

/* HotStuff, safeNode: extends the lock, or a certificate of a later view than the lock's. */
static void test_hotstuff_lock(void **state)
{
    (void)state;
    struct rig *r = rig_make(hotstuff);
    struct block *b[5];
    honest(r, b, 4);
    assert_ptr_equal(chained_of(r)->lock, b[2]);
    struct block *beside = propose_after(r, b[1], 6, 1);
    assert_int_equal(votes(r, beside), 0);
    assert_int_equal(votes(r, propose_after(r, b[0], 7, 0)), 0);
    assert_int_equal(votes(r, propose_after(r, b[2], 8, 2)), 1); /* on the lock itself */
    assert_int_equal(votes(r, propose_after(r, b[3], 10, 2)), 1);
    struct block *later = propose_after(r, beside, 12, 6); /* others did vote for it */
    assert_int_equal(votes(r, later), 1);
    struct block *last = propose(r, later, 13);
    assert_int_equal(votes(r, last), 1);
    assert_ptr_equal(chained_of(r)->lock, beside); /* given up for a later view's */
    assert_int_equal(votes(r, propose_after(r, b[3], 15, 3)), 0);
    assert_ptr_equal(chained_of(r)->lock, beside);
    rig_free(r);
    r = rig_make(hotstuff); /* the same proposal, before there is a lock */
    honest(r, b, 2);
    assert_int_equal(votes(r, propose_after(r, b[1], 6, 1)), 1);
    rig_free(r);
}

/* HotStuff-2: a certificate of the lock's view or a later one, whatever time-outs say. */
static void test_hotstuff2_lock(void **state)
{
    (void)state;
    struct rig *r = rig_make(wait_mode);
    struct block *b[4];
    honest(r, b, 3);
    assert_ptr_equal(chained_of(r)->lock, b[2]);
    struct block *beside = propose_after(r, b[1], 6, 1);
    assert_int_equal(votes(r, beside), 0);
    assert_int_equal(votes(r, propose_after(r, b[2], 8, 2)), 1);
    struct block *later = propose_after(r, beside, 10, 2);
    assert_int_equal(votes(r, later), 1);
    assert_ptr_equal(chained_of(r)->lock, beside);
    assert_int_equal(votes(r, propose_after(r, b[3], 12, 3)), 0);
    assert_int_equal(votes(r, propose(r, later, 13)), 0); /* of view 10: needs time-outs */
    assert_int_equal(votes(r, propose_after(r, later, 14, 10)), 1);
    rig_free(r);
}

/* Jolteon: a certificate of the view before, or at least the highest that the time-outs of the
 * proposal tell of; those are the proof that no lock stands against it. */
static void test_jolteon_lock(void **state)
{
    (void)state;
    struct rig *r = rig_make(jolteon);
    struct block *b[4];
    honest(r, b, 3);
    assert_ptr_equal(chained_of(r)->lock, b[2]);
    struct block *beside = propose_after(r, b[1], 6, 2);
    assert_int_equal(votes(r, beside), 0);
    assert_int_equal(votes(r, propose_after(r, b[2], 7, 3)), 0);
    assert_int_equal(votes(r, propose_after(r, b[3], 8, 3)), 1);
    assert_int_equal(votes(r, propose_after(r, b[3], 9, 2)), 1);
    struct block *unlocked = propose_after(r, b[1], 11, 1);
    assert_int_equal(votes(r, unlocked), 1);
    assert_ptr_equal(chained_of(r)->lock, b[3]);
    struct block *later = propose(r, unlocked, 12);
    assert_int_equal(votes(r, later), 1);
    assert_ptr_equal(chained_of(r)->lock, unlocked);
    rig_free(r);
}

/* Neither for a second block of a view, nor for one of a view that is over. */
static void vote_once(const char *consensus)
{
    struct rig *r = rig_make(consensus);
    struct block *b[4];
    honest(r, b, 3);
    struct block *twin = make(r, b[2], 3, NODE_NONE);
    send_proposal(r, twin, b[2], NO_TIMEOUTS, leader_of(r, 3));
    judge_all(r);
    assert_int_equal(votes(r, twin), 0);
    struct block *old = make(r, b[1], 2, NODE_NONE);
    send_proposal(r, old, b[1], NO_TIMEOUTS, leader_of(r, 2));
    judge_all(r);
    assert_int_equal(votes(r, old), 0);
    /* a crash forgets no vote, and no vote that was under way is given twice */
    r->ops->recovered(r->state);
    judge_all(r);
    assert_int_equal(votes(r, b[3]), 1);
    struct block *pending = make(r, b[3], 4, leader_of(r, 4));
    send_proposal(r, pending, b[3], NO_TIMEOUTS, leader_of(r, 4));
    r->ops->recovered(r->state);
    assert_int_equal(r->f.check_count, 2);
    judge_all(r);
    assert_int_equal(votes(r, pending), 1);
    rig_free(r);
}

static void test_vote_once(void **state)
{
    (void)state;
    vote_once(hotstuff);
    vote_once("kind: hotstuff, leader_views: 1, pacemaker: quadratic");
    vote_once(wait_mode);
    vote_once(jolteon);
}

/* Whoever signed a time-out votes in that view no more: else one view could have a certificate of
 * votes above the one that its time-outs told of. */
static void give_up(const char *consensus)
{
    struct rig *r = rig_make(consensus);
    struct block *b[4];
    honest(r, b, 2);
    struct block *late = make(r, b[2], 3, leader_of(r, 3));
    if (chained_of(r)->view < 3) { /* quadratic: only a certificate leads on */
        send_proposal(r, late, b[2], NO_TIMEOUTS, leader_of(r, 3));
        assert_int_equal(chained_of(r)->view, 3);
        assert_int_equal(r->f.check_count, 1);
    }
    fire(r, CHAINED_TIMER_VIEW);
    send_proposal(r, late, b[2], NO_TIMEOUTS, leader_of(r, 3));
    judge_all(r);
    assert_int_equal(votes(r, late), 0);
    assert_int_equal(votes(r, propose(r, late, 4)), 1);
    rig_free(r);
}

static void test_give_up(void **state)
{
    (void)state;
    give_up(hotstuff);
    give_up("kind: hotstuff, leader_views: 1, pacemaker: quadratic");
    give_up(wait_mode);
    give_up(jolteon);
}

/* What is no proposal at all. */
static void test_malformed(void **state)
{
    (void)state;
    struct rig *r = rig_make(hotstuff);
    struct block *b[4];
    honest(r, b, 3);
    struct block *next = make(r, b[3], 4, leader_of(r, 4));
    send_proposal(r, next, b[2], 2, leader_of(r, 4)); /* certificate of another than the parent */
    send_proposal(r, next, b[3], NO_TIMEOUTS, leader_of(r, 5));
    struct block *jump = make(r, b[3], 6, leader_of(r, 6));
    send_proposal(r, jump, b[3], NO_TIMEOUTS, leader_of(r, 6)); /* a gap without time-outs */
    judge_all(r);
    assert_int_equal(all_votes(r), 3);
    send_proposal(r, next, b[3], NO_TIMEOUTS, leader_of(r, 4));
    r->ops->checked(r->state, next, false, 4);
    assert_int_equal(all_votes(r), 3); /* judged invalid */
    judge_all(r);
    assert_int_equal(votes(r, next), 1);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_chain),   cmocka_unit_test(test_gap),
        cmocka_unit_test(test_gap_above),      cmocka_unit_test(test_hotstuff_lock),
        cmocka_unit_test(test_hotstuff2_lock), cmocka_unit_test(test_jolteon_lock),
        cmocka_unit_test(test_vote_once),      cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
