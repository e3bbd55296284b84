/* Ops of a block without a world: what each comes to on what a layer holds, and what a block's ops
 * make of its state. */
#include "tests/unit/ops_rig.h"

/* ---- op_try ---- */

static void test_try_lock(void **state)
{
    struct rig r;
    struct holdings_draft d;
    (void)state;
    open_rig(&r);
    holdings_begin(&d, r.held);
    struct evm_addr two[] = {at(HERE, 0), at(HERE, 1)}, more[] = {at(HERE, 2), at(HERE, 1)};
    struct evm_addr mixed[] = {at(HERE, 2), at(THERE, 0)};
    assert_int_equal(tried(&d, make_of(OP_LOCK, 71, two, 2)), OP_DONE);
    assert_int_equal(lock_of(&d.now, two[0]), 71);
    assert_int_equal(lock_of(&d.now, two[1]), 71);
    assert_int_equal(tried(&d, make_of(OP_LOCK, 71, two, 2)), OP_DONE); /* its own */
    /* Refused as a whole: what is free of it stays free. */
    assert_int_equal(tried(&d, make_of(OP_LOCK, 82, more, 2)), OP_REFUSED_LOCKED);
    assert_int_equal(tried(&d, make_of(OP_LOCK, 82, mixed, 2)), OP_REFUSED_GONE);
    assert_int_equal(lock_of(&d.now, more[0]), 0);
    assert_int_equal(lock_of(&d.now, two[1]), 71);
    /* What every layer has a piece of is nobody's to lock. */
    assert_int_equal(tried(&d, make_one(OP_LOCK, 82, at(LAYER_ALL, 0))), OP_REFUSED_GONE);
    /* Two crossings; all of the one's locks go, none of the other's. */
    assert_int_equal(tried(&d, make_one(OP_LOCK, 82, at(HERE, 3))), OP_DONE);
    assert_int_equal(tried(&d, make(OP_RELEASE, 71)), OP_DONE);
    assert_int_equal(lock_of(&d.now, two[0]), 0);
    assert_int_equal(lock_of(&d.now, two[1]), 0);
    assert_int_equal(lock_of(&d.now, at(HERE, 3)), 82);
    assert_int_equal(tried(&d, make(OP_APPLY, 82)), OP_DONE);
    assert_int_equal(addr_table_count(d.now.locks), 0);
    assert_int_equal(addr_table_count(r.held->locks), 0); /* the version below is as it was */
    holdings_drop(&d);
    close_rig(&r);
}

static void test_try_export_import(void **state)
{
    struct rig r;
    struct holdings_draft d;
    (void)state;
    open_rig(&r);
    holdings_begin(&d, r.held);
    struct evm_addr mine = at(HERE, 0), other = at(HERE, 1), theirs = at(THERE, 2);
    assert_int_equal(tried(&d, make_one(OP_LOCK, 64, mine)), OP_DONE);
    struct op *out = make_one(OP_EXPORT, 65, mine);
    out->other = BEYOND;
    assert_int_equal(op_try(&d, out), OP_REFUSED_LOCKED);
    assert_int_equal(home_of(&d.now, mine), HERE);
    out->crossing = 64; /* who holds it may take it away */
    assert_int_equal(tried(&d, out), OP_DONE);
    assert_int_equal(home_of(&d.now, mine), BEYOND);
    assert_int_equal(tried(&d, make_one(OP_LOCK, 64, mine)), OP_REFUSED_GONE);
    out = make_one(OP_EXPORT, 0, theirs);
    out->other = BEYOND;
    assert_int_equal(tried(&d, out), OP_REFUSED_GONE);
    out = make_one(OP_EXPORT, 0, other); /* a policy's move: no crossing */
    out->other = THERE;
    assert_int_equal(tried(&d, out), OP_DONE);
    assert_int_equal(home_of(&d.now, other), THERE);

    struct op *in = make(OP_IMPORT, 77);
    add_plain(&in->values, theirs, 5, 1);
    assert_int_equal(tried(&d, in), OP_DONE);
    assert_int_equal(home_of(&d.now, theirs), HERE);
    assert_int_equal(lock_of(&d.now, theirs), 77);
    in = make(OP_IMPORT, 0);
    add_plain(&in->values, other, 5, 1);
    assert_int_equal(tried(&d, in), OP_DONE);
    assert_int_equal(home_of(&d.now, other), HERE);
    assert_int_equal(lock_of(&d.now, other), 0);
    holdings_drop(&d);
    close_rig(&r);
}

static struct op *share(struct evm_addr a, layer_id home)
{
    struct op *op = make_one(OP_SHARE, 0, a);
    op->other = home;
    return op;
}

static void test_try_share(void **state)
{
    struct rig r;
    struct holdings_draft d;
    (void)state;
    open_rig(&r);
    holdings_begin(&d, r.held);
    struct evm_addr mine = at(HERE, 0), theirs = at(THERE, 0), gone = at(THERE, 1);
    assert_int_equal(tried(&d, make_one(OP_LOCK, 91, mine)), OP_DONE);
    assert_int_equal(tried(&d, share(mine, HERE)), OP_REFUSED_LOCKED);
    assert_int_equal(home_of(&d.now, mine), HERE);
    assert_int_equal(tried(&d, make(OP_RELEASE, 91)), OP_DONE);
    assert_int_equal(tried(&d, share(mine, HERE)), OP_DONE);
    assert_int_equal(home_of(&d.now, mine), LAYER_ALL);
    /* Taken for its home, but it has left. */
    assert_int_equal(tried(&d, share(gone, HERE)), OP_REFUSED_GONE);
    assert_int_equal(home_of(&d.now, gone), THERE);
    /* It was shared at its home: here it has a piece from now on. */
    assert_int_equal(tried(&d, share(theirs, THERE)), OP_DONE);
    assert_int_equal(home_of(&d.now, theirs), LAYER_ALL);
    assert_true(holdings_has(&d.now, &theirs));
    holdings_drop(&d);
    close_rig(&r);
}

static struct op *pay(struct evm_addr to, uint64_t amount)
{
    struct op *op = make(OP_CREDIT, 0);
    add(&op->values, to, EVM_WROTE_BALANCE, amount, 0, NULL);
    return op;
}

static void test_try_credit(void **state)
{
    struct rig r;
    struct holdings_draft d;
    (void)state;
    open_rig(&r);
    holdings_begin(&d, r.held);
    assert_int_equal(tried(&d, make_one(OP_LOCK, 33, at(HERE, 1))), OP_DONE);
    assert_int_equal(tried(&d, pay(at(HERE, 0), 9)), OP_DONE);
    assert_int_equal(tried(&d, pay(at(LAYER_ALL, 0), 9)), OP_DONE);
    assert_int_equal(tried(&d, pay(at(THERE, 0), 9)), OP_REFUSED_GONE);
    assert_int_equal(tried(&d, pay(at(HERE, 1), 9)), OP_REFUSED_LOCKED);
    struct op *own = pay(at(HERE, 1), 9); /* the holder's OP_APPLY would undo it */
    own->crossing = 33;
    assert_int_equal(tried(&d, own), OP_REFUSED_LOCKED);
    holdings_drop(&d);
    close_rig(&r);
}

/* What layer THERE had is HERE's, but for what had left it. */
static void test_try_inherit(void **state)
{
    static const layer_id heirs[] = {HERE};
    struct rig r;
    struct holdings_draft d;
    (void)state;
    open_rig(&r);
    r.placement.successions[4] = (struct succession){THERE, 1, heirs};
    holdings_begin(&d, r.held);
    struct evm_addr left = at(THERE, 0), coming = at(THERE, 1);
    struct evm_addr left_me = at(HERE, 0), went_on = at(HERE, 1);
    struct op *out = make_one(OP_EXPORT, 0, left_me), *op = make(OP_INHERIT, 0);
    out->other = THERE;
    assert_int_equal(tried(&d, out), OP_DONE);
    out = make_one(OP_EXPORT, 0, went_on);
    out->other = THERE;
    assert_int_equal(tried(&d, out), OP_DONE);
    assert_int_equal(home_of(&d.now, at(THERE, 2)), THERE);
    op->moved = addr_table_create();
    op->heard = UINT64_C(1) << 4;
    assert_true(addr_table_put(op->moved, &left, BEYOND));
    assert_true(addr_table_put(op->moved, &coming, HERE)); /* under way: nowhere until it comes */
    assert_true(addr_table_put(op->moved, &went_on, BEYOND));
    assert_int_equal(tried(&d, op), OP_DONE);
    assert_int_equal(home_of(&d.now, went_on), BEYOND); /* by way of THERE */
    assert_int_equal(home_of(&d.now, at(THERE, 2)), HERE);
    assert_int_equal(home_of(&d.now, left_me), HERE); /* it came back with the rest */
    assert_int_equal(home_of(&d.now, left), BEYOND);
    assert_false(holdings_has(&d.now, &coming));
    struct holdings *next = holdings_end(&d, r.held);
    assert_int_equal(home_of(next, at(THERE, 2)), HERE);
    assert_int_equal(home_of(r.held, at(THERE, 2)), THERE);
    holdings_unref(next);
    close_rig(&r);
}

/* ---- ops_apply ---- */

/* A lock that checks nothing waits until the transactions are done, and the crossings that ran are
 * free; one that checks comes before. */
static void test_turns(void **state)
{
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add_plain(&c, at(HERE, 2), 40, 2);
    settle_state(&r, &c);
    hold(&r, 50, at(HERE, 0));
    struct op *ops[] = {make_one(OP_LOCK, 70, at(HERE, 0)), make_one(OP_LOCK, 71, at(HERE, 1)),
                        make_one(OP_LOCK, 72, at(HERE, 2)), make(OP_EXECUTE, 50),
                        make_one(OP_LOCK, 73, at(HERE, 1))};
    ops[2]->checks = true;
    add_plain(&ops[2]->values, at(HERE, 2), 40, 2);
    ops[0]->gas = 700;
    ops[3]->gas = 11;
    struct ops_result got = applied(&r, ops, 5);
    static const uint8_t want[] = {OP_DONE, OP_DONE, OP_DONE, OP_DONE, OP_REFUSED_LOCKED};
    assert_memory_equal(got.outcomes, want, sizeof want);
    assert_int_equal(lock_of(got.during, at(HERE, 0)), 50);
    assert_int_equal(lock_of(got.during, at(HERE, 1)), 0);
    assert_int_equal(lock_of(got.during, at(HERE, 2)), 72);
    assert_int_equal(lock_of(got.after, at(HERE, 0)), 70);
    assert_int_equal(lock_of(got.after, at(HERE, 1)), 71);
    assert_int_equal(lock_of(got.after, at(HERE, 2)), 72);
    assert_int_equal(got.gas, 711);
    ops_result_fini(&got);
    got = applied(&r, NULL, 0);
    assert_ptr_equal(got.after, r.held);
    assert_ptr_equal(got.lent, r.before);
    ops_result_fini(&got);
    drop_ops(ops, 5);
    close_rig(&r);
}

/* One lock that checks, of account HERE 0: balance 500, nonce 6, slot 12 = 34. */
static void checked(struct rig *r, unsigned wrote, uint64_t balance, uint64_t nonce, uint64_t slot,
                    enum op_outcome want)
{
    struct op *op = make_one(OP_LOCK, 99, at(HERE, 0));
    op->checks = true;
    add(&op->values, at(HERE, 0), wrote, balance, nonce, NULL);
    add_slot(&op->values, 12, slot);
    struct ops_result got = applied(r, &op, 1);
    assert_int_equal(got.outcomes[0], want);
    assert_int_equal(lock_of(got.during, at(HERE, 0)), want == OP_DONE ? 99 : 0);
    assert_int_equal(lock_of(got.after, at(HERE, 0)), want == OP_DONE ? 99 : 0);
    ops_result_fini(&got);
    op_unref(op);
}

static void test_checks(void **state)
{
    const unsigned both = EVM_WROTE_BALANCE | EVM_WROTE_NONCE;
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add_plain(&c, at(HERE, 0), 500, 6);
    add_slot(&c, 12, 34);
    settle_state(&r, &c);
    checked(&r, both, 500, 6, 34, OP_DONE);
    checked(&r, both, 501, 6, 34, OP_REFUSED_CHANGED);
    checked(&r, both, 500, 7, 34, OP_REFUSED_CHANGED);
    checked(&r, both, 500, 6, 35, OP_REFUSED_CHANGED);
    checked(&r, EVM_WROTE_DELETED, 0, 0, 34, OP_REFUSED_CHANGED); /* it was not there then */

    /* What an op in front of it in the block changes, it sees. */
    struct op *ops[] = {pay(at(HERE, 0), 1), make_one(OP_LOCK, 99, at(HERE, 0)),
                        make_one(OP_LOCK, 98, at(HERE, 1))};
    ops[1]->checks = ops[2]->checks = true;
    add_plain(&ops[1]->values, at(HERE, 0), 500, 6);
    add(&ops[2]->values, at(HERE, 1), EVM_WROTE_DELETED, 0, 0, NULL);
    struct ops_result got = applied(&r, ops, 3);
    assert_int_equal(got.outcomes[1], OP_REFUSED_CHANGED);
    assert_int_equal(got.outcomes[2], OP_DONE); /* it is still not there */
    ops_result_fini(&got);
    drop_ops(ops, 3);
    close_rig(&r);
}

/* A contract leaves whole, and its code stays; a user leaves nothing. */
static void test_export(void **state)
{
    struct rig r;
    struct evm_changes c;
    struct evm_account left;
    (void)state;
    open_rig(&r);
    const struct evm_code *code = code_of(&r, "\x60\x2a\x60\x00\x55", 5);
    evm_changes_init(&c);
    add(&c, at(HERE, 0), EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE, 81, 3, code);
    add_slot(&c, 5, 1005);
    add_slot(&c, 9, 1009);
    add_plain(&c, at(HERE, 1), 62, 17);
    settle_state(&r, &c);
    struct evm_addr both[] = {at(HERE, 0), at(HERE, 1)};
    struct op *op = make_of(OP_EXPORT, 21, both, 2);
    op->other = BEYOND;
    struct ops_result got = applied(&r, &op, 1);
    const struct evm_changes *out = &got.out[0];
    assert_int_equal(got.outcomes[0], OP_DONE);
    assert_int_equal(out->account_count, 2);
    assert_int_equal(out->accounts[0].balance.w[0], 81);
    assert_int_equal(out->accounts[0].nonce, 3);
    assert_ptr_equal(out->accounts[0].code, code);
    assert_int_equal(out->accounts[0].slot_count, 2);
    assert_int_equal(out->slots[0].key.w[0], 5);
    assert_int_equal(out->slots[1].value.w[0], 1009);
    assert_int_equal(out->accounts[1].balance.w[0], 62);
    assert_int_equal(out->accounts[1].nonce, 17);
    evm_state_account(got.base, &both[0], &left);
    assert_true(left.exists && !left.has_storage);
    assert_true(evm_u256_is_zero(&left.balance));
    assert_ptr_equal(evm_codes_find(r.codes, &left.code_hash), code);
    has_slot(got.base, both[0], 5, 0);
    assert_false(is_account(got.base, both[1]));
    assert_int_equal(home_of(got.after, both[0]), BEYOND);
    /* And it arrives as it was. */
    struct evm_state *far = evm_state_create(r.codes);
    assert_int_equal(op_bring_in(far, out), EVM_OK);
    has_account(far, both[0], 81, 3);
    has_slot(far, both[0], 9, 1009);
    has_account(far, both[1], 62, 17);
    evm_state_unref(far);
    ops_result_fini(&got);
    op_unref(op);
    close_rig(&r);
}

static void test_import(void **state)
{
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add(&c, at(THERE, 1), EVM_WROTE_BALANCE, 13, 0, NULL); /* fees that stood here */
    settle_state(&r, &c);
    struct op *op = make(OP_IMPORT, 44), *refused = make_one(OP_EXPORT, 45, at(THERE, 0));
    refused->other = BEYOND;
    add_plain(&op->values, at(THERE, 0), 800, 5);
    add_slot(&op->values, 6, 66);
    add_plain(&op->values, at(THERE, 1), 100, 2);
    struct op *ops[] = {op, refused};
    struct ops_result got = applied(&r, ops, 2);
    assert_int_equal(got.outcomes[0], OP_DONE);
    assert_int_equal(got.outcomes[1], OP_REFUSED_LOCKED);
    has_account(got.base, at(THERE, 0), 800, 5);
    has_slot(got.base, at(THERE, 0), 6, 66);
    has_account(got.base, at(THERE, 1), 113, 2);
    assert_int_equal(home_of(got.during, at(THERE, 0)), HERE);
    assert_int_equal(lock_of(got.after, at(THERE, 0)), 44);
    assert_int_equal(got.out[1].account_count, 0);
    ops_result_fini(&got);
    drop_ops(ops, 2);
    close_rig(&r);
}

static struct op *pay_from(struct evm_addr payer, struct evm_addr to, uint64_t amount, bool kept)
{
    struct op *op = pay(to, amount);
    op->has_payer = true;
    op->kept = kept;
    op->payer = payer;
    return op;
}

static void test_credit(void **state)
{
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add_plain(&c, at(HERE, 0), 1000, 8);
    add_plain(&c, at(HERE, 2), 7, 0);
    add(&c, at(LAYER_ALL, 0), EVM_WROTE_BALANCE, 60, 0, NULL);
    settle_state(&r, &c);
    hold(&r, 12, at(HERE, 2));
    struct evm_addr broker = at(LAYER_ALL, 0);
    struct op *ops[] = {
        pay(at(HERE, 0), 25),                        /* adds to what is there */
        pay(at(HERE, 1), 31),                        /* to one that is new */
        pay(at(HERE, 2), 3),                         /* held by 12 */
        pay(at(THERE, 0), 3),                        /* of another layer */
        pay_from(broker, at(HERE, 0), 50, true),     /* the broker has it */
        pay_from(broker, at(HERE, 0), 11, false),    /* has 10 left: it waits no more, no payment */
        pay_from(broker, at(HERE, 0), 200000, true), /* what is kept for it pays */
    };
    static const uint8_t want[] = {OP_DONE, OP_DONE,          OP_REFUSED_LOCKED, OP_REFUSED_GONE,
                                   OP_DONE, OP_REFUSED_SHORT, OP_DONE_SHORT};
    struct ops_result got = applied(&r, ops, 7);
    assert_memory_equal(got.outcomes, want, sizeof want);
    has_account(got.base, at(HERE, 0), 1000 + 25 + 50 + 200000, 8);
    has_account(got.base, at(HERE, 1), 31, 0);
    has_account(got.base, at(HERE, 2), 7, 0);
    assert_false(is_account(got.base, at(THERE, 0)));
    has_account(got.base, broker, 10, 0);
    assert_true(op_moves_pieces(ops[5]) && !op_moves_pieces(ops[4]) && !op_moves_pieces(ops[0]));
    ops_result_fini(&got);
    drop_ops(ops, 7);
    close_rig(&r);
}

/* A crossing's values are there while it runs, and nowhere else; an account that is here is its own
 * self, whatever was said of it. */
static void test_lend(void **state)
{
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add_plain(&c, at(HERE, 0), 1000, 8);
    settle_state(&r, &c);
    for (int first = 0; first < 2; first++) {
        struct op *whole = make(OP_EXECUTE, 5), *blind = make(OP_EXECUTE, 6);
        struct op *ops[] = {first ? blind : whole, first ? whole : blind};
        add_plain(&whole->values, at(HERE, 0), 1, 0);
        add_plain(&whole->values, at(THERE, 0), 350, 4);
        add_slot(&whole->values, 2, 22);
        blind->blind = true;
        add(&blind->values, at(THERE, 0), EVM_WROTE_DELETED, 0, 0, NULL);
        struct ops_result got = applied(&r, ops, 2);
        has_account(got.lent, at(HERE, 0), 1000, 8);
        has_account(got.lent, at(THERE, 0), 350, 4); /* not the stub */
        has_slot(got.lent, at(THERE, 0), 2, 22);
        assert_false(is_account(got.base, at(THERE, 0)));
        ops_result_fini(&got);
        got = applied(&r, &blind, 1);
        assert_false(is_account(got.lent, at(THERE, 0)));
        ops_result_fini(&got);
        struct evm_addr brought = at(THERE, 0), not_brought = at(THERE, 1);
        assert_true(ops_bring(ops, 2, &brought));
        assert_false(ops_bring(ops, 2, &not_brought));
        assert_false(ops_bring(&blind, 1, &brought));
        drop_ops(ops, 2);
    }
    close_rig(&r);
}

/* OP_APPLY: what the crossing made of the account, in place of what was there; and it is free. */
static void test_apply_home(void **state)
{
    struct rig r;
    struct evm_changes c;
    (void)state;
    open_rig(&r);
    evm_changes_init(&c);
    add_plain(&c, at(HERE, 0), 1000, 8);
    add_slot(&c, 4, 40);
    add_slot(&c, 5, 50);
    settle_state(&r, &c);
    hold(&r, 14, at(HERE, 0));
    struct op *op = make(OP_APPLY, 14);
    add(&op->values, at(HERE, 0), EVM_WROTE_BALANCE, 930, 0, NULL);
    add_slot(&op->values, 4, 41);
    struct ops_result got = applied(&r, &op, 1);
    has_account(got.base, at(HERE, 0), 930, 8);
    has_slot(got.base, at(HERE, 0), 4, 41);
    has_slot(got.base, at(HERE, 0), 5, 50);
    assert_int_equal(lock_of(got.during, at(HERE, 0)), 0);
    ops_result_fini(&got);
    op_unref(op);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_try_lock),    cmocka_unit_test(test_try_export_import),
        cmocka_unit_test(test_try_share),   cmocka_unit_test(test_try_credit),
        cmocka_unit_test(test_try_inherit), cmocka_unit_test(test_turns),
        cmocka_unit_test(test_checks),      cmocka_unit_test(test_export),
        cmocka_unit_test(test_import),      cmocka_unit_test(test_credit),
        cmocka_unit_test(test_lend),        cmocka_unit_test(test_apply_home)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
