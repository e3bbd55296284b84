/* Ops of a block without a world: whom the guard lets through, what stays of what a block changed,
 * and the ops of a block that has lost transactions. */
#include "tests/unit/ops_rig.h"

/* ---- the guard ---- */

enum { CROSSING, OTHER_CROSSING, PLAIN, RUNNERS }; /* transactions: those of crossings first */

static struct evm_access touch(struct evm_addr a, enum evm_mv_kind kind, unsigned how, uint64_t key)
{
    return (struct evm_access){
        .addr = a, .kind = (uint8_t)kind, .how = (uint8_t)how, .key = evm_u256_of(key)};
}

struct watch {
    struct rig rig;
    struct tx txs[RUNNERS];
    struct op *ops[3];
    struct evm_addr coinbase, contract, delegated, precompile;
    struct ops_result result;
};

/* Crossing 5 holds HERE 0 and has brought THERE 0 with slot 7; crossing 6 has nothing; HERE 1 is
 * held by 9, which does not run here. */
static void open_watch(struct watch *w)
{
    static const char delegation[23] = "\xef\x01\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99";
    struct evm_changes c;
    *w = (struct watch){.coinbase = at(BEYOND, 0),
                        .contract = at(THERE, 2),
                        .delegated = at(THERE, 3),
                        .precompile = {{[19] = 4}}};
    open_rig(&w->rig);
    const struct evm_code *code = code_of(&w->rig, "\x60\x2a\x60\x00\x55", 5);
    const struct evm_code *to = code_of(&w->rig, delegation, sizeof delegation);
    evm_changes_init(&c);
    add(&c, w->contract, EVM_WROTE_NONCE | EVM_WROTE_CODE, 0, 1, code);
    add(&c, w->delegated, EVM_WROTE_NONCE | EVM_WROTE_CODE, 0, 1, to);
    settle_state(&w->rig, &c);
    hold(&w->rig, 5, at(HERE, 0));
    hold(&w->rig, 9, at(HERE, 1));
    w->ops[0] = make_one(OP_LOCK, 70, at(HERE, 3)); /* not an OP_EXECUTE: it is passed over */
    w->ops[1] = make(OP_EXECUTE, 5);
    w->ops[2] = make(OP_EXECUTE, 6);
    add_plain(&w->ops[1]->values, at(THERE, 0), 350, 4);
    add_slot(&w->ops[1]->values, 7, 77);
    for (int i = 0; i < RUNNERS; i++)
        w->txs[i].refs = 1; /* never the last: they are no heap's */
    for (int i = 0; i < PLAIN; i++) {
        struct tx *tx = &w->txs[i];
        run_by(w->ops[1 + i], &tx, 1);
    }
    w->result = applied(&w->rig, w->ops, 3);
}

static void close_watch(struct watch *w)
{
    ops_result_fini(&w->result);
    drop_ops(w->ops, 3);
    for (int i = 0; i < RUNNERS; i++)
        assert_int_equal(w->txs[i].refs, 1);
    close_rig(&w->rig);
}

/* Transaction `who` did these, the others nothing. */
static void judged(struct watch *w, int who, struct evm_access *list, uint32_t count, bool copies,
                   enum guard_verdict want)
{
    const struct evm_tx *txs[RUNNERS];
    uint32_t first[RUNNERS + 1] = {0};
    uint8_t verdicts[RUNNERS];
    for (int i = 0; i < RUNNERS; i++) {
        txs[i] = &w->txs[i].evm;
        first[i + 1] = i >= who ? count : 0;
    }
    struct evm_access_sets sets = {
        .list = list, .first = first, .tx_count = RUNNERS, .count = count};
    bool any =
        ops_guard(&w->result, copies, w->ops, 3, txs, RUNNERS, &w->coinbase, &sets, verdicts);
    for (int i = 0; i < RUNNERS; i++)
        assert_int_equal(verdicts[i], i == who ? want : GUARD_FINE);
    assert_int_equal(any, want != GUARD_FINE);
}

static void judged_one(struct watch *w, int who, struct evm_access a, enum guard_verdict want)
{
    judged(w, who, &a, 1, true, want);
}

static void test_guard_locks(void **state)
{
    struct watch w;
    (void)state;
    open_watch(&w);
    struct evm_access held = touch(at(HERE, 0), EVM_MV_BALANCE, EVM_ACCESS_READ, 0);
    struct evm_access slot = touch(at(HERE, 0), EVM_MV_SLOT, EVM_ACCESS_WRITE, 3);
    judged_one(&w, CROSSING, held, GUARD_FINE); /* its own hold */
    judged_one(&w, CROSSING, slot, GUARD_FINE);
    judged_one(&w, OTHER_CROSSING, held, GUARD_LOCKED);
    judged_one(&w, PLAIN, held, GUARD_LOCKED);
    judged_one(&w, PLAIN, slot, GUARD_LOCKED);
    judged_one(&w, CROSSING, touch(at(HERE, 1), EVM_MV_NONCE, EVM_ACCESS_READ, 0), GUARD_LOCKED);
    judged_one(&w, PLAIN, touch(at(HERE, 2), EVM_MV_NONCE, EVM_ACCESS_WRITE, 0), GUARD_FINE);
    /* A lock that takes effect after the transactions is none yet. */
    judged_one(&w, PLAIN, touch(at(HERE, 3), EVM_MV_BALANCE, EVM_ACCESS_WRITE, 0), GUARD_FINE);
    close_watch(&w);
}

static void test_guard_foreign(void **state)
{
    struct watch w;
    (void)state;
    open_watch(&w);
    struct evm_access brought = touch(at(THERE, 0), EVM_MV_BALANCE, EVM_ACCESS_WRITE, 0);
    struct evm_access slot = touch(at(THERE, 0), EVM_MV_SLOT, EVM_ACCESS_READ, 7);
    struct evm_access not_brought = touch(at(THERE, 0), EVM_MV_SLOT, EVM_ACCESS_READ, 8);
    struct evm_access foreign = touch(at(THERE, 1), EVM_MV_EXISTS, EVM_ACCESS_READ, 0);
    judged_one(&w, CROSSING, brought, GUARD_FINE);
    judged_one(&w, CROSSING, slot, GUARD_FINE);
    judged_one(&w, CROSSING, not_brought, GUARD_FOREIGN);
    judged_one(&w, CROSSING, foreign, GUARD_FOREIGN);
    judged_one(&w, OTHER_CROSSING, brought, GUARD_FOREIGN); /* it was brought for 5 alone */
    judged_one(&w, PLAIN, brought, GUARD_FOREIGN);
    judged_one(&w, PLAIN, slot, GUARD_FOREIGN);
    judged_one(&w, PLAIN, foreign, GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(at(THERE, 1), EVM_MV_BALANCE, EVM_ACCESS_DELTA, 0), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(w.coinbase, EVM_MV_BALANCE, EVM_ACCESS_DELTA, 0), GUARD_FINE);
    judged_one(&w, PLAIN, touch(w.precompile, EVM_MV_CODE, EVM_ACCESS_READ, 0), GUARD_FINE);
    judged_one(&w, PLAIN, touch(at(LAYER_ALL, 1), EVM_MV_BALANCE, EVM_ACCESS_WRITE, 0), GUARD_FINE);
    /* Of both, that it is not here: it will not help to wait for the lock. */
    struct evm_access both[] = {touch(at(HERE, 1), EVM_MV_BALANCE, EVM_ACCESS_READ, 0), foreign};
    judged(&w, PLAIN, both, 2, true, GUARD_FOREIGN);
    struct evm_access three[] = {touch(at(HERE, 1), EVM_MV_BALANCE, EVM_ACCESS_READ, 0),
                                 touch(at(HERE, 2), EVM_MV_BALANCE, EVM_ACCESS_READ, 0)};
    judged(&w, PLAIN, three, 2, true, GUARD_LOCKED);
    close_watch(&w);
}

/* Code of another layer's contract is read in place where copies of it last; nothing else is. */
static void test_guard_code(void **state)
{
    static const struct evm_rules shanghai = {.fork = EVM_SHANGHAI}, cancun = {.fork = EVM_CANCUN};
    struct watch w;
    (void)state;
    open_watch(&w);
    struct evm_access code = touch(w.contract, EVM_MV_CODE, EVM_ACCESS_READ, 0);
    judged(&w, PLAIN, &code, 1, code_lasts(&cancun), GUARD_FINE);
    judged(&w, PLAIN, &code, 1, code_lasts(&shanghai), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(w.contract, EVM_MV_CODE, EVM_ACCESS_WRITE, 0), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(w.contract, EVM_MV_BALANCE, EVM_ACCESS_READ, 0), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(w.contract, EVM_MV_SLOT, EVM_ACCESS_READ, 0), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(w.delegated, EVM_MV_CODE, EVM_ACCESS_READ, 0), GUARD_FOREIGN);
    judged_one(&w, PLAIN, touch(at(THERE, 1), EVM_MV_CODE, EVM_ACCESS_READ, 0), GUARD_FOREIGN);
    close_watch(&w);
}

/* ---- what stays ---- */

static void test_split(void **state)
{
    struct watch w;
    struct evm_changes all, here, away;
    (void)state;
    open_watch(&w);
    evm_changes_init(&all);
    evm_changes_init(&here);
    evm_changes_init(&away);
    add_plain(&all, at(HERE, 0), 10, 1);
    add_slot(&all, 1, 11);
    add_plain(&all, at(THERE, 0), 20, 2);
    add_slot(&all, 7, 21);
    add_slot(&all, 8, 22);
    add_plain(&all, w.coinbase, 30, 3);
    add_plain(&all, at(LAYER_ALL, 0), 40, 4);
    add_slot(&all, 9, 41);
    assert_int_equal(ops_split(&w.result, &w.coinbase, &all, &here, &away), EVM_OK);
    assert_int_equal(here.account_count, 3);
    assert_int_equal(away.account_count, 1);
    assert_int_equal(away.accounts[0].balance.w[0], 20);
    assert_int_equal(away.accounts[0].slot_count, 2);
    assert_int_equal(away.slots[away.accounts[0].first_slot + 1].value.w[0], 22);
    assert_int_equal(here.accounts[1].balance.w[0], 30);
    assert_int_equal(here.accounts[1].slot_count, 0);
    assert_int_equal(here.slots[here.accounts[2].first_slot].value.w[0], 41);
    evm_changes_fini(&all);
    evm_changes_fini(&here);
    evm_changes_fini(&away);
    close_watch(&w);
}

/* A block that holds some of a batch's transactions has an op that runs these; one whose all are
 * there stays as it is, and so do ops of other kinds. */
static void test_refill(void **state)
{
    struct tx txs[6] = {0}, *all[6];
    (void)state;
    for (int i = 0; i < 6; i++) {
        txs[i].refs = 1;
        all[i] = &txs[i];
    }
    struct op *whole = make(OP_EXECUTE, 5), *batch = make(OP_EXECUTE, 6), *other = make(OP_LOCK, 7);
    run_by(whole, all, 2);
    run_by(batch, all + 2, 3);
    batch->serial = 1234;
    add_plain(&batch->values, at(THERE, 0), 350, 4);
    struct tx *left[] = {all[0], all[1], all[2], all[4], all[5]};
    struct op *ops[] = {other, whole, batch};
    struct block b = {.ops = ops, .op_count = 3, .txs = left, .tx_count = 5};
    mail_ref(&batch->item);
    assert_true(desk_refill_ops(NULL, &b));
    assert_int_equal(b.op_count, 3);
    assert_ptr_equal(ops[0], other);
    assert_ptr_equal(ops[1], whole);
    assert_ptr_not_equal(ops[2], batch);
    assert_ptr_equal(ops[2]->origin, batch);
    assert_int_equal(ops[2]->tx_count, 2);
    assert_ptr_equal(ops[2]->txs[0], all[2]);
    assert_ptr_equal(ops[2]->txs[1], all[4]);
    assert_int_equal(ops[2]->serial, 1234);
    assert_int_equal(ops[2]->values.account_count, 1);
    op_unref(batch);
    drop_ops(ops, 3);
    for (int i = 0; i < 6; i++)
        assert_int_equal(txs[i].refs, 1);
}

/* Every op of a block, and their order, is in its header. */
static void test_root(void **state)
{
    struct op *x = make(OP_LOCK, 3), *y = make(OP_RELEASE, 4);
    struct op *both[] = {x, y}, *turned[] = {y, x};
    struct evm_hash one, two;
    (void)state;
    x->serial = 81;
    y->serial = 82;
    ops_root(both, 2, &one);
    ops_root(turned, 2, &two);
    assert_false(evm_hash_eq(&one, &two));
    ops_root(both, 1, &two);
    assert_false(evm_hash_eq(&one, &two));
    y->crossing = 5;
    ops_root(both, 2, &two);
    assert_false(evm_hash_eq(&one, &two));
    y->crossing = 4;
    ops_root(both, 2, &two);
    assert_true(evm_hash_eq(&one, &two));
    drop_ops(both, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_locks), cmocka_unit_test(test_guard_foreign),
        cmocka_unit_test(test_guard_code),  cmocka_unit_test(test_split),
        cmocka_unit_test(test_refill),      cmocka_unit_test(test_root)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
