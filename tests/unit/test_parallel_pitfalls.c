/* The traps that parallel engines have fallen into, one test each, by the numbers of the list in
 * docs/parallel.md: those of scheduling and of bookkeeping. What the state itself has in store is
 * in test_parallel_pitfalls_state.c. Each block is built so that the trap is there, and each test
 * says that it was; every executor, driver and number of cores must give what serial order gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

#include "evm/core/hash.h"
#include "tests/unit/parallel_world.h"

/* Words: a, b, work, c. Reads slot a, works, reads slot b, works, writes their sum + 1 to slot c.
 */
static const char sums[] = "0 CALLDATALOAD SLOAD "
                           "64 CALLDATALOAD :a 1 SWAP1 SUB DUP1 @a JUMPI POP "
                           "32 CALLDATALOAD SLOAD ADD "
                           "64 CALLDATALOAD :b 1 SWAP1 SUB DUP1 @b JUMPI POP "
                           "1 ADD 96 CALLDATALOAD SSTORE";

static struct evm_tx *sum(struct world *w, unsigned from, unsigned contract, uint64_t a, uint64_t b,
                          uint64_t work, uint64_t c)
{
    struct evm_tx *tx = w_tx(w, from, W_CONTRACT(contract));
    w_number(w, tx, a);
    w_number(w, tx, b);
    w_number(w, tx, work);
    w_number(w, tx, c);
    return tx;
}

static struct world *sums_world(void)
{
    struct world *w = w_create(EVM_CANCUN);
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, sums);
    w_contract(w, W_CONTRACT(1), 0, sums);
    return w;
}

/* 1: the block is over when the last transaction is committed, not when it was handed out. The last
 * two are aborted late, by one that takes longer than all the others. */
static void pitfall_01_last_one_aborts(void **state)
{
    struct world *w = sums_world();
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        sum(w, i, 0, 100 + i, 100 + i, 3, 100 + i);
    sum(w, 20, 0, 1, 1, 900, 1);
    sum(w, 21, 0, 1, 2, 300, 2);
    sum(w, 22, 0, 2, 1, 1, 3);
    struct w_seen seen = w_check(w);
    assert_true(seen.aborts > 0);
    assert_int_equal(w->serial.receipt_count, 23);
    assert_int_equal(w_stored(w, W_CONTRACT(0), 3), 4); /* 1, then 2, then 1 + 2 + 1 */
    w->policy = EVM_INVALID_REJECTS_BLOCK;
    w_check(w);
    w_destroy(w);
}

/* 2: transactions wait for one that is itself aborted for another reason and runs again, so the
 * wake-up they get belongs to a run that is gone. */
static void pitfall_02_stale_wake(void **state)
{
    struct world *w = sums_world();
    (void)state;
    for (unsigned g = 0; g < 8; g++) {
        sum(w, 5 * g, 0, 1, 1, 200, 1);                  /* everybody's head */
        sum(w, 5 * g + 1, 0, 50 + g, 1, 30, 10 + g);     /* two that the head aborts, */
        sum(w, 5 * g + 2, 0, 60 + g, 1, 90, 20 + g);     /* one of them late */
        sum(w, 5 * g + 3, 0, 10 + g, 20 + g, 5, 30 + g); /* waits for both */
        sum(w, 5 * g + 4, 0, 30 + g, 20 + g, 1, 40 + g); /* waits for the waiting one */
    }
    assert_true(w_check(w).aborts > 0);
    w_destroy(w);
}

/* 3: incarnations write in different places, so what a late check or an old run leaves behind
 * stands where nobody writes any more. Word: work. The slot written is named by what slot 1 holds.
 */
static void pitfall_03_other_places_each_time(void **state)
{
    struct world *w = sums_world();
    (void)state;
    w_contract(w, W_CONTRACT(2), 0,
               "1 SLOAD 0 CALLDATALOAD :a 1 SWAP1 SUB DUP1 @a JUMPI POP "
               "DUP1 7 AND 100 ADD DUP1 SLOAD 1 ADD SWAP1 SSTORE 1 ADD 1 SSTORE");
    for (unsigned i = 0; i < 40; i++)
        w_number(w, w_tx(w, i, W_CONTRACT(2)), i % 3 ? 2 + i % 5 : 400);
    assert_true(w_check(w).aborts > 0);
    for (uint64_t slot = 100; slot < 108; slot++)
        assert_int_equal(w_stored(w, W_CONTRACT(2), slot), 5);
    assert_int_equal(w_stored(w, W_CONTRACT(2), 1), 40);
    w_destroy(w);
}

/* 4: one transaction waits for six others in turn, which end in another order than it asks. */
static void pitfall_04_several_blockers(void **state)
{
    struct world *w = sums_world();
    (void)state;
    w_contract(w, W_CONTRACT(4), 0, /* words: slot to sum into; or slot to count in, work */
               "32 CALLDATALOAD @w JUMPI "
               "6 SLOAD 1 SLOAD ADD 5 SLOAD ADD 2 SLOAD ADD 4 SLOAD ADD 3 SLOAD ADD "
               "0 CALLDATALOAD SSTORE STOP "
               ":w 32 CALLDATALOAD :a 1 SWAP1 SUB DUP1 @a JUMPI POP "
               "0 CALLDATALOAD SLOAD 1 ADD 0 CALLDATALOAD SSTORE");
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 1; i <= 6; i++) {
            struct evm_tx *tx = w_tx(w, round * 8 + i, W_CONTRACT(4));
            w_number(w, tx, i);
            w_number(w, tx, 20 + 37 * i % 7 * 60);
        }
        for (unsigned i = 0; i < 2; i++)
            w_number(w, w_tx(w, round * 8 + 7 * i, W_CONTRACT(4)), 100 + 2 * round + i);
    }
    assert_true(w_check(w).aborts > 0);
    for (unsigned round = 0; round < 5; round++)
        assert_int_equal(w_stored(w, W_CONTRACT(4), 100 + 2 * round), 6 * (round + 1));
    w_destroy(w);
}

/* 5: nothing conflicts, so nothing is executed twice, and (ladder) nothing is validated but once,
 * by the ladder. */
static void pitfall_05_needless_validation(void **state)
{
    struct world *w = sums_world();
    (void)state;
    for (unsigned i = 0; i < 60; i++)
        sum(w, i, i % 2, 100 + i, 200 + i, 1 + i * 7 % 40, 100 + i);
    struct w_seen seen = w_check(w);
    assert_int_equal(seen.aborts, 0);
    assert_int_equal(seen.executions, seen.runs * 60);
    struct evm_exec_config config = {.executor = evm_executor_find("ladder"),
                                     .driver = EVM_DRIVER_VIRTUAL,
                                     .profile = evm_profile_at(0),
                                     .cores = 8,
                                     .pool = w->pool};
    struct evm_block_result r;
    w_execute(w, &config, &r);
    assert_true(r.validations <= 60);
    evm_block_result_fini(&r);
    w_destroy(w);
}

/* 6: each reads what the one before writes last: one abort must not tear down all that follow again
 * and again. */
static void pitfall_06_cascade(void **state)
{
    enum { N = 48 };
    struct world *w = sums_world();
    (void)state;
    for (unsigned i = 0; i < N; i++)
        sum(w, i, 0, i, i, 60, i + 1);
    w_check(w);
    assert_true(w_stored(w, W_CONTRACT(0), N) == (1ull << N) - 1);
    uint64_t most = 0;
    for (uint32_t cores = 2; cores <= 64; cores *= 2) {
        struct evm_exec_config config = {.executor = evm_executor_find("ladder"),
                                         .driver = EVM_DRIVER_VIRTUAL,
                                         .profile = evm_profile_at(0),
                                         .cores = cores,
                                         .pool = w->pool};
        struct evm_block_result r;
        w_execute(w, &config, &r);
        most = r.executions > most ? r.executions : most;
        evm_block_result_fini(&r);
    }
    assert_true(most > N && most < 4 * N); /* a full cascade would be N * N / 2 */
    w_destroy(w);
}

/* 7: two contracts that call each other touch the same locations in opposite orders; locks held in
 * the order of access would close a circle. (A hang ends by the alarm in main.) */
static void pitfall_07_opposite_orders(void **state)
{
    static const char counts_and_calls[] = /* if there is input: counts, then calls the other */
        "0 SLOAD 1 ADD 0 SSTORE CALLDATASIZE @c JUMPI STOP "
        ":c 0 0 0 0 CALLVALUE 0 CALLDATALOAD GAS CALL POP 1 SLOAD 1 ADD 1 SSTORE";
    struct world *w = w_create(EVM_CANCUN);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 50, counts_and_calls);
    w_contract(w, W_CONTRACT(1), 50, counts_and_calls);
    for (unsigned i = 0; i < 60; i++)
        w_name(w, w_pay(w, i, W_CONTRACT(i % 2), i % 3), W_CONTRACT(1 - i % 2));
    assert_true(w_check(w).aborts > 0);
    assert_int_equal(w_failures(w), 0);
    assert_int_equal(w_stored(w, W_CONTRACT(0), 0), 60);
    w_destroy(w);
}

/* How many of the transactions fail, or are invalid, on the state before the block. */
static uint32_t fail_alone(struct world *w)
{
    uint32_t fail = 0, n = w->tx_count;
    struct evm_exec_config config = {
        .executor = evm_executor_find("serial"), .cores = 1, .pool = w->pool};
    const struct evm_tx *first = w->list[0];
    w->tx_count = 1;
    w->policy = EVM_INVALID_IS_SKIPPED;
    for (uint32_t i = 0; i < n; i++) {
        struct evm_block_result r;
        w->list[0] = &w->txs[i];
        w_execute(w, &config, &r);
        fail += r.receipt_count == 0 || !r.receipts[0].success;
        evm_block_result_fini(&r);
    }
    w->list[0] = first;
    w->tx_count = n;
    return fail;
}

/* 8: seen too early, each of these fails: money that comes from the one before, nonces of one
 * sender, a creation where something stands until it is destroyed, gas for a slot that is not yet
 * set. None does in serial order, so none may get the block rejected. */
static void pitfall_08_errors_too_early(void **state)
{
    struct world *w = w_create(EVM_SHANGHAI);
    (void)state;
    w_bytes(w, W_SENDER(0), 100000000, NULL, 0);
    w_bytes(w, W_SENDER(40), 100000000, NULL, 0);
    w_bytes(w, W_SENDER(41), 100000000, NULL, 0);
    w_contract(w, W_CONTRACT(0), 0, "0 SLOAD 1 ADD 0 SSTORE");
    w_contract(w, W_CONTRACT(1), 0, sums);
    for (unsigned i = 0; i < 16; i++) /* 16 hand on what they just got */
        w_pay(w, i, W_SENDER(i + 1), 100000000 - 210000 * (i + 1))->gas_limit = 21000;
    for (unsigned i = 0; i < 12; i++) /* one sender's, the first of them slow */
        sum(w, 40, 1, 1, 2, i ? 1 : 500, 9 + i)->gas_limit = 150000;
    sum(w, 41, 1, 3, 3, 500, 3); /* sets slot 3; who finds it set needs 15,000 less */
    w_tx(w, 41, W_CONTRACT(0));
    sum(w, 40, 1, 3, 4, 1, 3)->gas_limit = 32000;
    w_tx(w, 40, W_CONTRACT(0))->gas_limit = 32000;
    w->policy = EVM_INVALID_REJECTS_BLOCK;
    w_check(w);
    assert_int_equal(w->serial.invalid, EVM_TX_VALID);
    assert_int_equal(w_failures(w), 0);
    assert_int_equal(fail_alone(w), 15 + 11 + 2 + 1); /* all but the three senders' first */
    w_destroy(w);
}

/* 18: a block that is one chain must cost about what serial execution costs. */
static void pitfall_18_hot_spot(void **state)
{
    struct world *w = sums_world();
    (void)state;
    for (unsigned i = 0; i < W_TXS; i++)
        sum(w, i % W_SENDERS, 0, 1, 1, 100, 1);
    w->env.gas_limit = 3000000000;
    w->seeds = 1;
    w_check(w);
    struct evm_exec_config config = {.executor = evm_executor_find("ladder"),
                                     .driver = EVM_DRIVER_VIRTUAL,
                                     .profile = evm_profile_at(0),
                                     .cores = 16,
                                     .pool = w->pool};
    struct evm_block_result r;
    w_execute(w, &config, &r);
    assert_true(r.makespan_ns * 10 < r.serial_ns * 13);
    evm_block_result_fini(&r);
    w_destroy(w);
}

/* 19: more workers than transactions, and one pool for blocks of every size. */
static void pitfall_19_small_blocks(void **state)
{
    static const uint32_t sizes[] = {60, 0, 1, 2, 3, 60, 1};
    struct world *w = sums_world();
    (void)state;
    for (unsigned i = 0; i < 60; i++)
        sum(w, i, 0, i % 4, 1, 20, i % 4);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        w->tx_count = sizes[k];
        struct w_seen seen = w_check(w);
        assert_true(sizes[k] > 1 || seen.aborts == 0);
        assert_true(seen.executions >= seen.runs * sizes[k]);
        struct evm_exec_config config = {.driver = EVM_DRIVER_VIRTUAL,
                                         .profile = evm_profile_at(0),
                                         .cores = 1024,
                                         .pool = w->pool};
        for (size_t e = 0; (config.executor = evm_executor_at(e)); e++) {
            struct w_seen many = {0};
            w_compare(w, &config, &many);
        }
    }
    w_destroy(w);
}

/* ---- 20: a location is its whole name ---------------------------------------------------------
 */

struct hashed {
    uint64_t part;
    uint32_t i;
};

static int by_part(const void *x, const void *y)
{
    const struct hashed *a = x, *b = y;
    return a->part < b->part ? -1 : a->part > b->part;
}

static struct evm_addr with_front(uint32_t i)
{
    struct evm_addr a = {{0}};
    uint64_t front = (i + 1) * 0x9e3779b97f4a7c15u;
    memcpy(a.b, &front, 8);
    return a;
}

/* Two addresses whose 64-bit hashes in the tables are equal. evm_hash_addr adds the last four bytes
 * to a sum, so two fronts whose parts of the sum lie within 2^32 of each other give a pair; among
 * 2^18 there are some. */
static void colliding_addresses(struct evm_addr out[2])
{
    enum { FRONTS = 1 << 18 };
    struct hashed *all = calloc(FRONTS, sizeof *all);
    assert_non_null(all);
    for (uint32_t i = 0; i < FRONTS; i++) {
        struct evm_addr a = with_front(i);
        uint64_t front;
        memcpy(&front, a.b, 8);
        all[i] =
            (struct hashed){evm_hash_fold(front ^ 0x9e3779b97f4a7c15u, 0xa0761d6478bd642fu), i};
    }
    qsort(all, FRONTS, sizeof *all, by_part);
    uint32_t k = 1;
    while (k < FRONTS && all[k].part - all[k - 1].part > UINT32_MAX)
        k++;
    assert_true(k < FRONTS);
    uint32_t gap = (uint32_t)(all[k].part - all[k - 1].part);
    out[0] = with_front(all[k - 1].i);
    out[1] = with_front(all[k].i);
    memcpy(out[0].b + 16, &gap, 4);
    free(all);
    assert_true(evm_hash_addr(&out[0]) == evm_hash_addr(&out[1]));
    assert_false(evm_addr_eq(&out[0], &out[1]));
}

static void pitfall_20_whole_keys(void **state)
{
    static const char counts_slot[] =
        "0 CALLDATALOAD SLOAD 1 ADD CALLVALUE ADD 0 CALLDATALOAD SSTORE";
    struct world *w = w_create(EVM_CANCUN);
    struct evm_addr twins[2];
    (void)state;
    colliding_addresses(twins);
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, twins[0], 3, counts_slot);
    w_contract(w, twins[1], 500, counts_slot);
    for (unsigned i = 0; i < 160; i++) { /* accounts one bit apart */
        struct evm_addr a = W_NOBODY(0);
        a.b[i / 8] ^= (uint8_t)(1u << i % 8);
        w_pay(w, i % W_SENDERS, a, 1 + i);
    }
    for (unsigned i = 0; i < 40; i++)
        w_number(w, w_pay(w, i, twins[i % 2], i), 5 + i % 4);
    w_check(w);
    assert_int_equal(w_changed(w, twins[0])->slot_count, 2); /* even slots to the one */
    w->tx_count = 0;
    memset(w->nonces, 0, sizeof w->nonces);
    for (unsigned i = 0; i < 256; i++) { /* slots one bit apart */
        struct evm_u256 key = {{0}};
        key.w[i / 64] = 1ull << i % 64;
        w_word(w, w_pay(w, i % W_SENDERS, twins[i & 1], 1), key);
    }
    w_check(w);
    assert_int_equal(w->serial.changes.slot_count, 256);
    for (uint32_t k = 0; k < 256; k++)
        assert_int_equal(w->serial.changes.slots[k].value.w[0], 2);
    w_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pitfall_01_last_one_aborts),
        cmocka_unit_test(pitfall_02_stale_wake),
        cmocka_unit_test(pitfall_03_other_places_each_time),
        cmocka_unit_test(pitfall_04_several_blockers),
        cmocka_unit_test(pitfall_05_needless_validation),
        cmocka_unit_test(pitfall_06_cascade),
        cmocka_unit_test(pitfall_07_opposite_orders),
        cmocka_unit_test(pitfall_08_errors_too_early),
        cmocka_unit_test(pitfall_18_hot_spot),
        cmocka_unit_test(pitfall_19_small_blocks),
        cmocka_unit_test(pitfall_20_whole_keys),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
