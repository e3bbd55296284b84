/* Delegated proof of stake, rule by rule: what a block vouches for, and which branch wins. */
#include "tests/unit/fake_consensus.h"

#include "models/consensus/dpos.h"

extern const struct consensus_ops consensus_dpos;

enum { SLOT = 2 }; /* the timer of an own slot */

static struct block *said(struct block *parent, node_id by, uint64_t slot, uint64_t base,
                          uint64_t proposed)
{
    struct block_seal *seal = block_seal_create(sizeof(struct dpos_seal));
    *(struct dpos_seal *)seal->payload = (struct dpos_seal){base, proposed, 0};
    return fake_block(parent, by, slot, seal);
}

static struct block *produce(struct fake *f, struct dpos *d, uint64_t slot)
{
    f->now = (sim_time)slot * SIM_SEC;
    consensus_dpos.timer(d, SLOT, slot);
    assert_int_equal(f->builds, 1);
    f->builds = 0;
    struct block *b = fake_block(f->built.parent, f->env.node, slot, block_seal_ref(f->built.seal));
    consensus_dpos.built(d, b, slot);
    return b;
}

static const struct dpos_seal *seal_of(const struct block *b)
{
    return (const struct dpos_seal *)b->seal->payload;
}

/* Four delegates, so three are more than two thirds. Node 0 builds on one branch, then on another:
 * there it vouches for what stands above the height at which it left. */
static void test_base(void **state)
{
    (void)state;
    struct fake f;
    struct dpos d = {0};
    struct dpos_cfg cfg = {.block_interval = SIM_SEC,
                           .delegates = 4,
                           .repeat = 1,
                           .approvals = 4,
                           .election_rounds = 1};
    fake_init(&f, 4, 1, 0);
    consensus_dpos.init(&d, &cfg, &f.env, NULL);
    struct block *a1 = produce(&f, &d, 1), *a2 = produce(&f, &d, 2);
    assert_int_equal(seal_of(a2)->base, 0); /* its own branch */
    struct block *b1 = said(f.genesis, 1, 3, 0, 0), *b2 = said(b1, 2, 4, 0, 0);
    struct block *b3 = said(b2, 1, 5, 0, 0);
    consensus_dpos.checked(&d, b2, true, 0);
    assert_ptr_equal(d.head, a2); /* of two alike the first stays */
    consensus_dpos.checked(&d, b3, true, 0);
    assert_ptr_equal(d.head, b3);
    struct block *b4 = produce(&f, &d, 6);
    assert_ptr_equal(b4->parent, b3);
    assert_int_equal(seal_of(b4)->base, 2);
    /* 1, 2 and, from height 3 on, 0: three vouch for nothing yet, as 2 stopped at height 2. */
    assert_int_equal(seal_of(b4)->proposed, 0);
    struct block *b5 = said(b4, 2, 7, 0, 3), *b6 = said(b5, 1, 8, 0, 3);
    consensus_dpos.checked(&d, b6, true, 0);
    struct block *b7 = produce(&f, &d, 9);
    assert_int_equal(seal_of(b7)->base, 2);
    assert_int_equal(seal_of(b7)->proposed, 5);     /* 0, 1 and 2 stand at 5 or above */
    assert_int_equal(seal_of(b7)->irreversible, 3); /* two others knew of 3, and it knows of 5 */
    assert_ptr_equal(f.final, b3);
    block_unref(a1), block_unref(a2);
    block_unref(b1), block_unref(b2), block_unref(b3);
    block_unref(b4), block_unref(b5), block_unref(b6), block_unref(b7);
    consensus_dpos.fini(&d);
    fake_fini(&f);
}

/* What was proposed counts before length; a chain that lacks what is final counts for nothing. */
static void test_branches(void **state)
{
    (void)state;
    struct fake f;
    struct dpos d = {0};
    struct dpos_cfg cfg = {.block_interval = SIM_SEC,
                           .delegates = 4,
                           .repeat = 1,
                           .approvals = 4,
                           .election_rounds = 1};
    fake_init(&f, 4, 1, 0);
    consensus_dpos.init(&d, &cfg, &f.env, NULL);
    struct block *a1 = said(f.genesis, 1, 1, 0, 0), *a2 = said(a1, 2, 2, 0, 1);
    struct block *b1 = said(f.genesis, 3, 3, 0, 0), *b2 = said(b1, 3, 4, 0, 0);
    struct block *b3 = said(b2, 3, 5, 0, 0), *b4 = said(b3, 3, 6, 0, 2);
    consensus_dpos.checked(&d, b3, true, 0);
    assert_ptr_equal(d.head, b3);
    consensus_dpos.checked(&d, a2, true, 0);
    assert_ptr_equal(d.head, a2); /* shorter, but it proposes */
    consensus_dpos.checked(&d, b3, true, 0);
    assert_ptr_equal(d.head, a2);
    consensus_dpos.block(&d, a1, 1, false);
    assert_ptr_equal(d.head, a2);
    consensus_dpos.checked(&d, b4, true, 0);
    assert_ptr_equal(d.head, b4);
    consensus_dpos.fini(&d);
    block_unref(a1), block_unref(a2);
    block_unref(b1), block_unref(b2), block_unref(b3), block_unref(b4);
    fake_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
