/* What the new view of PBFT takes over and what Tendermint's lock holds against, with leaders that
 * lie: as test_locks.c. */
#include "tests/unit/locks_rig.h"

#include "models/consensus/pbft.h"
#include "models/consensus/tendermint.h"

/* ---- PBFT ---- */

enum { NEW_VIEW = 3 };

static void release_change(struct message *m)
{
    struct pbft_change *c = (struct pbft_change *)m->payload;
    for (uint32_t i = 0; i < c->count; i++)
        cert_unref(c->prepared[i]);
}

static void release_new_view(struct message *m)
{
    struct pbft_new_view *v = (struct pbft_new_view *)m->payload;
    for (uint32_t i = 0; i < v->count; i++)
        message_unref(v->changes[i]);
}

/* A view-change to NEW_VIEW by one who prepared `prepared` in a view; NULL: nothing. */
static struct message *view_change(uint32_t validator, struct block *prepared, uint64_t view)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, PBFT_CHANGE,
                                       sizeof(struct pbft_change) + sizeof(struct cert *));
    assert_non_null(m);
    struct pbft_change *c = (struct pbft_change *)m->payload;
    *c = (struct pbft_change){.view = NEW_VIEW, .validator = validator};
    if (prepared)
        c->prepared[c->count++] = cert_create(view, prepared, signers, QUORUM);
    m->origin = validator;
    m->release = release_change;
    return m;
}

/* The new-view with changes of the first `count`: validator 4 has a of view 0, 9 has b of view 2,
 * 14 has c of view 1, the rest nothing. */
static void send_new_view(struct rig *r, struct block *const *prepared, uint32_t count)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, PBFT_NEW_VIEW,
                       sizeof(struct pbft_new_view) + count * sizeof(struct message *));
    assert_non_null(m);
    struct pbft_new_view *v = (struct pbft_new_view *)m->payload;
    v->view = NEW_VIEW;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t which = i == 4 ? 0 : i == 9 ? 1 : i == 14 ? 2 : 3;
        static const uint64_t views[4] = {0, 2, 1};
        v->changes[v->count++] = view_change(i, which < 3 ? prepared[which] : NULL, views[which]);
    }
    m->release = release_new_view;
    hear(r, m, NEW_VIEW);
}

static unsigned prepares(const struct rig *r, const struct block *b)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->f.sent_count; i++) {
        const struct pbft_vote *v = (const struct pbft_vote *)r->f.sent[i]->payload;
        if (r->f.sent[i]->type == PBFT_PREPARE && evm_hash_eq(&v->hash, &b->hash)) {
            assert_int_equal(v->view, NEW_VIEW);
            count++;
        }
    }
    return count;
}

static void send_preprepare(struct rig *r, struct block *b)
{
    struct message *m =
        message_create(CHANNEL_BLOCK, PBFT_PREPREPARE, sizeof(struct pbft_preprepare));
    assert_non_null(m);
    ((struct pbft_preprepare *)m->payload)->view = b->round;
    message_set_block(m, b);
    hear(r, m, (node_id)b->round);
    judge_all(r);
}

/* 4.4: of what was prepared at a height the highest view counts, and the primary cannot put
 * anything else there. */
static void test_pbft_new_view(void **state)
{
    (void)state;
    struct rig *r = rig_make("kind: pbft");
    struct block *genesis = r->f.genesis;
    struct block *prepared[3] = {make(r, genesis, 0, 0), make(r, genesis, 2, 2),
                                 make(r, genesis, 1, 1)};
    struct pbft *p = r->state;
    send_new_view(r, prepared, QUORUM - 1);
    assert_int_equal(p->view, 0); /* no quorum of view-changes */
    send_new_view(r, prepared, QUORUM);
    judge_all(r);
    assert_int_equal(p->view, NEW_VIEW);
    assert_int_equal(prepares(r, prepared[1]), 1);
    assert_int_equal(prepares(r, prepared[0]) + prepares(r, prepared[2]), 0);
    struct block *other = make(r, genesis, NEW_VIEW, NEW_VIEW);
    send_preprepare(r, other);
    assert_int_equal(prepares(r, other), 0);
    rig_free(r);
    r = rig_make("kind: pbft"); /* with nothing prepared it is free to */
    other = make(r, r->f.genesis, NEW_VIEW, NEW_VIEW);
    struct block *nothing[3] = {0};
    send_new_view(r, nothing, QUORUM);
    send_preprepare(r, other);
    assert_int_equal(prepares(r, other), 1);
    rig_free(r);
}

/* ---- Tendermint ---- */

/* Votes of a quorum, or of so many of it, none of them this replica's. */
static void tm_votes(struct rig *r, enum vote_kind kind, uint64_t round, const struct block *b,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct message *m =
            message_create(CHANNEL_CONSENSUS, MSG_VOTE, sizeof(struct vote_payload));
        assert_non_null(m);
        struct vote_payload *v = (struct vote_payload *)m->payload;
        *v = (struct vote_payload){
            .height = 1, .round = round, .validator = i, .kind = (uint8_t)kind};
        if (b)
            v->hash = b->hash;
        hear(r, m, i);
    }
    judge_all(r);
}

static void tm_propose(struct rig *r, uint64_t round, struct block *b, int64_t valid_round)
{
    struct message *m = tm_proposal_message(r->state, round, b, valid_round);
    assert_non_null(m);
    hear(r, m, tm_proposer_of(r->state, round));
    judge_all(r);
}

/* How often this replica voted for b (NULL: nil) in a round. */
static unsigned tm_said(const struct rig *r, enum vote_kind kind, uint64_t round,
                        const struct block *b)
{
    static const struct evm_hash nil;
    unsigned count = 0;
    for (uint32_t i = 0; i < r->f.sent_count; i++) {
        const struct vote_payload *v = (const struct vote_payload *)r->f.sent[i]->payload;
        count += r->f.sent[i]->type == MSG_VOTE && v->kind == kind && v->round == round &&
                 evm_hash_eq(&v->hash, b ? &b->hash : &nil);
    }
    return count;
}

/* Precommits for nothing end a round. */
static void tm_next_round(struct rig *r, uint64_t round)
{
    tm_votes(r, PRECOMMIT, round, NULL, QUORUM);
    fire(r, TIMER_PRECOMMIT);
    assert_int_equal(((struct tendermint *)r->state)->round, round + 1);
}

/* Lines 22 to 46: the lock holds against new values and against those whose two thirds of
 * prevotes are older, gives way to those whose are of its round or later. */
static void test_tendermint_lock(void **state)
{
    (void)state;
    struct rig *r = rig_make("kind: tendermint");
    struct tendermint *t = r->state;
    fire(r, TIMER_HEIGHT);
    struct block *v = make(r, r->f.genesis, 1, 1), *w = make(r, r->f.genesis, 2, 2),
                 *x = make(r, r->f.genesis, 3, 3);
    tm_propose(r, 0, x, -1); /* free: votes for what comes first, and for no other */
    tm_propose(r, 0, v, -1);
    assert_int_equal(tm_said(r, PREVOTE, 0, x), 1);
    assert_int_equal(tm_said(r, PREVOTE, 0, v), 0);
    tm_next_round(r, 0);
    assert_int_equal(t->locked_round, -1);
    tm_propose(r, 1, v, -1);
    tm_votes(r, PREVOTE, 1, v, QUORUM - 1); /* and its own: enough */
    assert_int_equal(tm_said(r, PREVOTE, 1, v), 1);
    assert_int_equal(tm_said(r, PRECOMMIT, 1, v), 1);
    assert_ptr_equal(t->locked, v);
    assert_int_equal(t->locked_round, 1);
    tm_next_round(r, 1);
    tm_propose(r, 2, w, -1); /* a new value */
    assert_int_equal(tm_said(r, PREVOTE, 2, w), 0);
    assert_int_equal(tm_said(r, PREVOTE, 2, NULL), 1);
    tm_next_round(r, 2);
    tm_votes(r, PREVOTE, 0, x, QUORUM);
    tm_propose(r, 3, x, 0); /* one of before the lock */
    assert_int_equal(tm_said(r, PREVOTE, 3, x), 0);
    assert_int_equal(tm_said(r, PREVOTE, 3, NULL), 1);
    tm_next_round(r, 3);
    tm_propose(r, 4, w, 2); /* one of after it, if that is so */
    assert_int_equal(tm_said(r, PREVOTE, 4, w) + tm_said(r, PREVOTE, 4, NULL), 0);
    tm_votes(r, PREVOTE, 2, w, QUORUM - 1);
    assert_int_equal(tm_said(r, PREVOTE, 4, w) + tm_said(r, PREVOTE, 4, NULL), 0);
    tm_votes(r, PREVOTE, 2, w, QUORUM);
    assert_int_equal(tm_said(r, PREVOTE, 4, w), 1);
    assert_ptr_equal(t->locked, v); /* until it precommits */
    tm_next_round(r, 4);
    tm_propose(r, 5, v, -1); /* the locked value goes, whoever proposes it */
    assert_int_equal(tm_said(r, PREVOTE, 5, v), 1);
    tm_votes(r, PRECOMMIT, 1, v, QUORUM - 2);
    assert_null(r->f.final);
    tm_votes(r, PRECOMMIT, 1, v, QUORUM - 1); /* two thirds with its own, of whichever round */
    assert_ptr_equal(r->f.final, v);
    assert_int_equal(r->f.final_signers, QUORUM);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pbft_new_view),
        cmocka_unit_test(test_tendermint_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
