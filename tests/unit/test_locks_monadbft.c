/* What a replica of MonadBFT votes for and commits, with leaders that lie: as test_locks.c. It has
 * no lock: after time-outs their certificate says what may be proposed (algorithm 1, safety
 * check). */
#include "tests/unit/locks_rig.h"

#include "models/consensus/monadbft.h"

static struct monadbft *state_of(struct rig *r)
{
    return r->state;
}

static struct mb_qc *qc_of(struct rig *r, struct block *b, uint64_t view)
{
    static const uint64_t voters = (UINT64_C(1) << QUORUM) - 1;
    struct mb_qc *qc = mb_qc_new(r->state, view, b, &voters);
    assert_non_null(qc);
    return qc;
}

/* A block of a view on its parent's certificate of view qc_view. */
static struct block *block_on(struct rig *r, struct block *parent, uint64_t qc_view, uint64_t view)
{
    struct mb_qc *qc = qc_of(r, parent, qc_view);
    struct block *b = make(r, parent, view, (node_id)view);
    b->seal = mb_seal_new(r->state, qc);
    assert_non_null(b->seal);
    mb_qc_unref(qc);
    return b;
}

/* Time-outs of a view, whose highest certificate is for `high`; tip: NULL for none above it. */
static struct mb_tc *time_outs(struct rig *r, uint64_t view, struct block *high, struct block *tip)
{
    struct mb_tc *tc = mem_zalloc(1, sizeof *tc + QUORUM * sizeof(uint32_t));
    assert_non_null(tc);
    tc->refs = 1;
    tc->view = view;
    tc->high_qc = qc_of(r, high, high->round);
    tc->tip = tip ? block_ref(tip) : NULL;
    tc->count = QUORUM;
    memcpy(tc->signers, signers, sizeof signers);
    return tc;
}

static struct mb_nec *no_endorsement(uint64_t view, uint64_t qc_view)
{
    struct mb_nec *nec = mem_zalloc(1, sizeof *nec + QUORUM * sizeof(uint32_t));
    assert_non_null(nec);
    nec->refs = 1;
    nec->view = view;
    nec->qc_view = qc_view;
    nec->count = QUORUM;
    memcpy(nec->signers, signers, sizeof signers);
    return nec;
}

static unsigned votes(const struct rig *r, const struct block *b, uint64_t view)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->f.sent_count; i++) {
        const struct mb_vote *v = (const struct mb_vote *)r->f.sent[i]->payload;
        /* to the next leader; this view's own gets another copy */
        count += r->f.sent[i]->type == MSG_VOTE && v->block == b && v->view == view &&
                 r->f.to[i] == view + 1;
    }
    return count;
}

static void release(struct message *m)
{
    struct mb_proposal *p = (struct mb_proposal *)m->payload;
    mb_tc_unref(p->tc);
    mb_nec_unref(p->nec);
}

/* Takes over tc and nec; how often the replica has voted for b in this view afterwards. */
static unsigned propose(struct rig *r, struct block *b, uint64_t view, struct mb_tc *tc,
                        struct mb_nec *nec)
{
    struct message *m = message_create(CHANNEL_BLOCK, MSG_PROPOSAL, sizeof(struct mb_proposal));
    assert_non_null(m);
    *(struct mb_proposal *)m->payload = (struct mb_proposal){.view = view, .tc = tc, .nec = nec};
    m->release = release;
    message_set_block(m, b);
    hear(r, m, (node_id)view);
    judge_all(r);
    return votes(r, b, view);
}

/* b[1] to b[upto], one a view on each other; b[0] is genesis. */
static struct rig *honest(struct block **b, unsigned upto)
{
    struct rig *r = rig_make("kind: monadbft");
    b[0] = r->f.genesis;
    for (unsigned v = 1; v <= upto; v++) {
        b[v] = block_on(r, b[v - 1], v - 1, v);
        assert_int_equal(propose(r, b[v], v, NULL, NULL), 1);
        assert_ptr_equal(state_of(r)->high->block, b[v - 1]);
        assert_ptr_equal(r->f.final, v > 2 ? b[v - 2] : NULL);
        assert_int_equal(r->f.final_signers, v > 2 ? QUORUM : 0);
    }
    return r;
}

static void test_honest_chain(void **state)
{
    (void)state;
    struct block *b[9];
    rig_free(honest(b, 8));
}

/* A certificate in the view right after the parent's makes the parent final, a later one not. */
static void test_gap(void **state)
{
    (void)state;
    struct block *b[3];
    struct rig *r = honest(b, 2);
    struct block *x = block_on(r, b[2], 2, 4);
    assert_int_equal(propose(r, x, 4, time_outs(r, 3, b[2], NULL), NULL), 1);
    assert_ptr_equal(r->f.final, b[1]);
    struct block *y = block_on(r, x, 4, 5);
    assert_int_equal(propose(r, y, 5, NULL, NULL), 1);
    assert_ptr_equal(r->f.final, b[1]); /* b[2] has a certificate of 2, x one of 4 */
    assert_int_equal(propose(r, block_on(r, y, 5, 6), 6, NULL, NULL), 1);
    assert_ptr_equal(r->f.final, x);
    rig_free(r);
}

/* No tip above the highest certificate: a new block on that, on nothing older. */
static void test_stale_certificate(void **state)
{
    (void)state;
    struct block *b[4];
    struct rig *r = honest(b, 3);
    struct block *stale = block_on(r, b[1], 1, 5), *on = block_on(r, b[2], 2, 5);
    assert_int_equal(propose(r, stale, 5, NULL, NULL), 0);
    assert_int_equal(propose(r, stale, 5, time_outs(r, 4, b[2], NULL), NULL), 0);
    assert_int_equal(state_of(r)->view, 5);
    assert_int_equal(propose(r, on, 5, NULL, NULL), 0); /* nothing proves the gap */
    assert_int_equal(propose(r, on, 5, time_outs(r, 3, b[2], NULL), NULL), 0);
    assert_int_equal(propose(r, b[3], 5, time_outs(r, 4, b[2], NULL), NULL), 0);
    assert_int_equal(propose(r, on, 5, time_outs(r, 4, b[2], NULL), NULL), 1);
    rig_free(r);
}

/* A tip: itself, or what replaces it with the word of a quorum that never voted for it. */
static void test_tip(void **state)
{
    (void)state;
    struct block *b[4];
    struct rig *r = honest(b, 3);
    struct block *fork = block_on(r, b[2], 2, 4), *stale = block_on(r, b[1], 1, 4);
    assert_int_equal(propose(r, fork, 4, time_outs(r, 3, b[2], b[3]), NULL), 0);
    assert_int_equal(propose(r, stale, 4, time_outs(r, 3, b[2], b[3]), NULL), 0);
    assert_int_equal(propose(r, stale, 4, time_outs(r, 3, b[2], b[3]), no_endorsement(4, 1)), 0);
    assert_int_equal(propose(r, fork, 4, time_outs(r, 3, b[2], b[3]), no_endorsement(3, 2)), 0);
    assert_int_equal(propose(r, fork, 4, time_outs(r, 3, b[2], b[3]), no_endorsement(4, 1)), 0);
    assert_int_equal(propose(r, b[3], 4, time_outs(r, 3, b[2], b[3]), NULL), 1);
    assert_int_equal(propose(r, fork, 4, time_outs(r, 3, b[2], b[3]), no_endorsement(4, 2)), 0);
    rig_free(r); /* that was a second block of the view; now the first */
    r = honest(b, 3);
    fork = block_on(r, b[2], 2, 4);
    assert_int_equal(propose(r, fork, 4, time_outs(r, 3, b[2], b[3]), no_endorsement(4, 2)), 1);
    assert_int_equal(propose(r, b[3], 4, time_outs(r, 3, b[2], b[3]), NULL), 0);
    rig_free(r);
}

/* Whoever gave a view up votes in it no more. */
static void test_give_up(void **state)
{
    (void)state;
    struct block *b[3];
    struct rig *r = honest(b, 2);
    struct block *late = block_on(r, b[2], 2, 3);
    struct mb_qc *qc = qc_of(r, b[2], 2);
    assert_true(mb_learn_qc(r->state, 2, qc));
    mb_qc_unref(qc);
    assert_int_equal(state_of(r)->view, 3);
    fire(r, TIMER_VIEW);
    assert_int_equal(propose(r, late, 3, NULL, NULL), 0);
    assert_int_equal(propose(r, block_on(r, late, 3, 4), 4, NULL, NULL), 1);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_chain),      cmocka_unit_test(test_gap),
        cmocka_unit_test(test_stale_certificate), cmocka_unit_test(test_tip),
        cmocka_unit_test(test_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
