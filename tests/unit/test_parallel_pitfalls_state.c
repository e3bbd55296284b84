/* The traps that parallel engines have fallen into, one test each, by the numbers of the list in
 * docs/parallel.md: those of the state and of what a block adds up. Scheduling's are in
 * test_parallel_pitfalls.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

#include "tests/unit/parallel_world.h"

static const char counts[] = "0 SLOAD 1 ADD 0 SSTORE";

/* Reads a slot and an account's balance, code size and code hash; word: the account. Writes all
 * four, so that each observation is in the state afterwards. */
static const char observes[] =
    "0 CALLDATALOAD BALANCE 1 SSTORE 0 CALLDATALOAD EXTCODESIZE 2 SSTORE "
    "0 CALLDATALOAD EXTCODEHASH 3 SSTORE 4 SLOAD 1 ADD 4 SSTORE";

/* 9: a self-destruction in the middle of a block, slots that are read before, in and after it, and
 * the rest of the block still runs in parallel. */
static void pitfall_09_self_destruction(void **state)
{
    struct world *w = w_create(EVM_SHANGHAI);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    /* Without input counts in slot 0; with input destroys itself. */
    w_contract(w, W_CONTRACT(0), 77,
               "CALLDATASIZE @d JUMPI 0 SLOAD 1 ADD 0 SSTORE STOP "
               ":d 0 CALLDATALOAD SELFDESTRUCT");
    w_slot(w, evm_u256_of(0), 5);
    w_slot(w, evm_u256_of(9), 6);
    w_contract(w, W_CONTRACT(1), 0, observes);
    w_contract(w, W_CONTRACT(2), 0, /* work */
               "200 :a 1 SWAP1 SUB DUP1 @a JUMPI 0 CALLDATALOAD SSTORE");
    for (unsigned i = 0; i < 60; i++) {
        if (i == 7 || i == 31)
            w_name(w, w_tx(w, i, W_CONTRACT(0)), W_NOBODY(i));
        else if (i % 8 == 3)
            w_pay(w, i, W_CONTRACT(0), i);
        else if (i % 8 == 5)
            w_name(w, w_tx(w, i, W_CONTRACT(1)), W_CONTRACT(0));
        else
            w_number(w, w_tx(w, i, W_CONTRACT(2)), 1000 + i);
    }
    w_check(w);
    assert_true(w_changed(w, W_NOBODY(7)) != NULL); /* got the 77 */
    assert_true(w_changed(w, W_CONTRACT(0))->wrote & EVM_WROTE_WIPE);
    struct evm_exec_config config = {.executor = evm_executor_find("ladder"),
                                     .driver = EVM_DRIVER_VIRTUAL,
                                     .profile = evm_profile_at(0),
                                     .cores = 8,
                                     .pool = w->pool};
    struct evm_block_result r;
    w_execute(w, &config, &r);
    assert_true(r.makespan_ns * 2 < r.serial_ns); /* no fallback for the block */
    evm_block_result_fini(&r);
    w_destroy(w);
}

/* 10: destroyed, called as if it lived, paid while dead, made again at the same address, and so on:
 * what is there follows from the last life alone. */
static void pitfall_10_revival(void **state)
{
    /* initcode: 7 1 SSTORE, then MSTORE of the runtime and RETURN. Runtime: CALLDATASIZE PUSH1 13
     * JUMPI PUSH1 2 SLOAD PUSH1 1 ADD PUSH1 2 SSTORE JUMPDEST ... is kept short: with input it
     * destroys itself for its caller, without it counts. */
    static const uint8_t runtime[] = {0x36, 0x60, 0x0d, 0x57, 0x60, 0x02, 0x54, 0x60,
                                      0x01, 0x01, 0x60, 0x02, 0x55, 0x5b, 0x36, 0x60,
                                      0x13, 0x57, 0x00, 0x5b, 0x33, 0xff};
    static const uint8_t head[] = {0x60,           0x07,           0x60, 0x01, 0x55, 0x60,
                                   sizeof runtime, 0x60,           17,   0x60, 0x00, 0x39,
                                   0x60,           sizeof runtime, 0x60, 0x00, 0xf3};
    /* CREATE2 of the input, with the value: CALLDATACOPY, then the address to slot 0. */
    static const char creates[] =
        "CALLDATASIZE 0 0 CALLDATACOPY 0 CALLDATASIZE 0 CALLVALUE CREATE2 "
        "0 SSTORE";
    struct world *w = w_create(EVM_SHANGHAI);
    uint8_t initcode[sizeof head + sizeof runtime];
    struct evm_addr child;
    const struct evm_u256 salt = {{0}};
    (void)state;
    memcpy(initcode, head, sizeof head);
    memcpy(initcode + sizeof head, runtime, sizeof runtime);
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, creates);
    w_contract(w, W_CONTRACT(1), 0, observes);
    evm_create2_address(&w->changes.accounts[w->changes.account_count - 2].addr, &salt,
                        (struct evm_bytes){initcode, sizeof initcode}, &child);
    for (unsigned i = 0; i < 63; i++) {
        unsigned what = i % 9;
        struct evm_tx *tx = NULL;
        if (what == 0) { /* makes it; a second time in the round it collides */
            tx = w_pay(w, i, W_CONTRACT(0), i % 2);
            memcpy(w->inputs[i], initcode, sizeof initcode);
            tx->input = (struct evm_bytes){w->inputs[i], sizeof initcode};
            tx->gas_limit = 200000;
        } else if (what == 4) { /* ends it */
            w_number(w, w_tx(w, i, child), 1);
        } else if (what == 3 || what == 7) {
            w_name(w, w_tx(w, i, W_CONTRACT(1)), child);
        } else { /* counts; 5: calls the dead; 6, 8: pays it */
            w_pay(w, i, child, what == 6 || what == 8 ? i : 0);
        }
    }
    struct w_seen seen = w_check(w);
    assert_true(seen.aborts > 0);
    const struct evm_account_change *c = w_changed(w, child);
    assert_true(c && c->wrote & EVM_WROTE_BALANCE); /* what was paid after its last end */
    assert_int_equal(c->balance.w[0], 60 + 62);
    assert_false(c->wrote & EVM_WROTE_CODE);
    assert_int_equal(c->slot_count, 0);
    w->tx_count -= 7; /* the round ends while it lives: two counts (what 1 and 2) are in it */
    w_check(w);
    assert_true(w_changed(w, child)->wrote & EVM_WROTE_CODE);
    assert_int_equal(w_stored(w, child, 1), 7);
    assert_int_equal(w_stored(w, child, 2), 1);
    w_destroy(w);
}

/* 10, where an account may be empty and there: a call without value to a dead account makes it
 * anew. */
static void pitfall_10_empty_again(void **state)
{
    struct world *w = w_create(EVM_TANGERINE_WHISTLE);
    (void)state;
    w->env.base_fee = evm_u256_of(0);
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 5, "CALLER SELFDESTRUCT");
    w_contract(w, W_CONTRACT(1), 0, "0 0 0 0 0 0 CALLDATALOAD GAS CALL 0 SSTORE");
    w_contract(w, W_CONTRACT(2), 5, "CALLER SELFDESTRUCT");
    for (unsigned i = 0; i < 40; i++) {
        if (i == 4 || i == 21)
            w_tx(w, i, W_CONTRACT(0));
        else if (i == 39)
            w_tx(w, i, W_CONTRACT(2));
        else
            w_name(w, w_tx(w, i, W_CONTRACT(1)), i % 2 ? W_CONTRACT(0) : W_NOBODY(i));
    }
    w_check(w);
    assert_true(w_changed(w, W_CONTRACT(2))->wrote & EVM_WROTE_DELETED);
    assert_false(w_changed(w, W_CONTRACT(0))->wrote & EVM_WROTE_DELETED); /* called when dead */
    assert_true(w_changed(w, W_NOBODY(6)) != NULL);
    w_destroy(w);
}

/* 11: the beneficiary is a contract that destroys itself and is paid with every transaction. What
 * it was paid until then goes with it; what comes later makes it anew. */
static void pitfall_11_beneficiary_destroys_itself(void **state)
{
    struct world *w = w_create(EVM_SHANGHAI);
    uint64_t fees = 0;
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 1000, "CALLVALUE @d JUMPI STOP :d 0x77 SELFDESTRUCT");
    w->env.coinbase = W_CONTRACT(0);
    for (unsigned i = 0; i < 40; i++)
        w_pay(w, i, i % 4 ? W_NOBODY(i) : W_CONTRACT(0), i == 12 || i == 24 ? 1 : 0);
    w_check(w);
    for (uint32_t i = 13; i < 40; i++)
        fees += w->serial.receipts[i].gas_used * 3; /* a price of 10 over a base fee of 7 */
    const struct evm_account_change *c = w_changed(w, W_CONTRACT(0));
    assert_true(c->wrote & EVM_WROTE_BALANCE);
    assert_int_equal(c->balance.w[0], fees + 1);
    w->tx_count = 13; /* the last one ends it */
    w_check(w);
    assert_true(w_changed(w, W_CONTRACT(0))->wrote & EVM_WROTE_DELETED);
    w_destroy(w);
}

/* 12: code changes from one delegation to another, and to none; callers in between run what stands
 * there at their turn. */
static void pitfall_12_redelegation(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_addr account = W_NOBODY(1), nothing = {{0}};
    uint64_t nonce = 1;
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, "0 SLOAD 1 ADD 0 SSTORE");
    w_contract(w, W_CONTRACT(1), 0, "1 SLOAD 1 ADD 1 SSTORE");
    w_contract(w, W_CONTRACT(2), 0, observes);
    w_delegated(w, account, 10, W_CONTRACT(0));
    for (unsigned i = 0; i < 60; i++) {
        struct evm_tx *tx = w_tx(w, i, i % 5 == 4 ? W_CONTRACT(2) : account);
        if (i % 5 == 4)
            w_name(w, tx, account);
        if (i == 10 || i == 20 || i == 40)
            w_authorize(w, tx, account, nonce++, W_CONTRACT(i == 20 ? 0 : 1));
        if (i == 30)
            w_authorize(w, tx, account, nonce++, nothing);
        if (i == 50) /* its nonce is wrong: skipped */
            w_authorize(w, tx, account, nonce + 1, W_CONTRACT(0));
    }
    w_check(w);
    assert_int_equal(w_stored(w, account, 0), 8 + 8);  /* 0..9 and 20..29, without the observers */
    assert_int_equal(w_stored(w, account, 1), 8 + 16); /* 10..19 and 40..59 */
    assert_true(w_changed(w, account)->wrote & EVM_WROTE_CODE);
    assert_int_equal(w_changed(w, account)->nonce, nonce);
    assert_int_equal(nonce, 5);
    w_destroy(w);
}

/* 12, and nonces that cannot be predicted: a sender that is delegated runs CREATE when it is
 * called, which moves its nonce between its own transactions; another becomes an authority in the
 * middle of the block. */
static void pitfall_12_nonces_move(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    (void)state;
    w_senders(w, 40, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, "0 0 0 CREATE 0 SSTORE");
    w_delegated(w, W_SENDER(50), 1000000000, W_CONTRACT(0));
    w->nonces[50] = 1;
    w_bytes(w, W_SENDER(51), 1000000000, NULL, 0);
    for (unsigned i = 0; i < 40; i++) {
        if (i % 5 == 1) { /* called by another: its nonce goes up */
            w_tx(w, i, W_SENDER(50));
            w->nonces[50]++;
        } else if (i % 5 == 2) {
            w_pay(w, 50, W_NOBODY(3), 1);
        } else if (i % 10 == 3) { /* authorises in a stranger's transaction */
            w_authorize(w, w_tx(w, i, W_NOBODY(4)), W_SENDER(51), w->nonces[51], W_CONTRACT(0));
            w->nonces[51]++;
        } else if (i % 10 == 4) {
            w_tx(w, 51, W_NOBODY(5));
        } else if (i % 10 == 8) { /* a nonce that is too low by the time */
            w_tx(w, 51, W_NOBODY(6))->nonce--;
            w->nonces[51]--;
        } else {
            w_tx(w, i, W_NOBODY(7));
        }
    }
    w_check(w);
    assert_int_equal(w->serial.receipt_count, 40 - 4);
    assert_int_equal(w_changed(w, W_SENDER(50))->nonce, w->nonces[50]);
    assert_int_equal(w_changed(w, W_SENDER(51))->nonce, w->nonces[51]);
    w->policy = EVM_INVALID_REJECTS_BLOCK;
    w_check(w);
    assert_int_equal(w->serial.invalid, EVM_TX_NONCE_TOO_LOW);
    w_destroy(w);
}

/* 13: the beneficiary is looked at, paid, pays, and is emptied, while fees come in: its balance,
 * its being empty, money that it has only by this block's fees. */
static void pitfall_13_beneficiary_in_every_role(void **state)
{
    static const struct evm_addr system = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
    const struct evm_addr who[] = {W_COINBASE, W_SENDER(60), system, W_CONTRACT(3)};
    (void)state;
    for (size_t k = 0; k < sizeof who / sizeof who[0]; k++) {
        struct world *w = w_create(k % 2 ? EVM_CANCUN : EVM_LONDON);
        w->env.coinbase = who[k];
        w_senders(w, 60, 1000000000);
        w_contract(w, W_CONTRACT(0), 0, observes);
        w_contract(w, W_CONTRACT(1), 0,
                   "COINBASE BALANCE TIMESTAMP SSTORE 0 0 0 0 1 COINBASE GAS CALL "
                   "POP SELFBALANCE NUMBER SSTORE");
        w_contract(w, W_CONTRACT(3), 0, counts);
        for (unsigned i = 0; i < 60; i++) {
            struct evm_tx *tx;
            if (i % 6 == 1)
                w_name(w, w_tx(w, i, W_CONTRACT(0)), who[k]);
            else if (i % 6 == 3)
                w_pay(w, i, W_CONTRACT(1), i)->gas_limit = 150000;
            else if (i % 6 == 4)
                w_pay(w, i, who[k], i % 4);
            else if (i % 12 == 11 && k == 1) /* spends what this block gave it */
                w_pay(w, 60, W_NOBODY(i), 5)->gas_limit = 22000;
            else
                w_pay(w, i, W_NOBODY(i % 7), 1);
            tx = &w->txs[i];
            if (i % 5 == 2) /* no tip: the fee is nothing, and still touches */
                tx->max_fee = tx->max_priority_fee = evm_u256_of(7);
        }
        w_check(w);
        assert_int_equal(w->serial.receipt_count, 60);
        assert_true(!evm_u256_is_zero(&w->serial.fees));
        assert_true(w_changed(w, who[k])->wrote & EVM_WROTE_BALANCE);
        assert_true(k != 1 || w_changed(w, who[k])->nonce == 5);
        w_destroy(w);
    }
}

/* ---- 14: what is told at each commit adds up to the same root ---------------------------------
 */

static enum evm_status committed(void *self, uint32_t tx, const struct evm_changes *changes)
{
    struct evm_state **s = self;
    struct evm_state *next = evm_state_fork(*s);
    (void)tx;
    assert_non_null(next);
    assert_int_equal(evm_state_apply(next, changes), EVM_OK);
    evm_state_seal(next);
    evm_state_unref(*s);
    *s = next;
    return EVM_OK;
}

static void roots_agree(struct world *w, const struct evm_exec_config *config,
                        struct evm_hash *expected)
{
    struct evm_state *by_tx = evm_state_ref(w->pre), *at_once = evm_state_fork(w->pre);
    struct evm_hash told, whole;
    struct evm_block_result r;
    const struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                       .env = &w->env,
                                       .txs = w->list,
                                       .tx_count = w->tx_count,
                                       .pre = w->pre,
                                       .invalid_policy = w->policy,
                                       .committed = committed,
                                       .committed_self = &by_tx};
    assert_int_equal(evm_execute(config, &in, &r, NULL), EVM_OK);
    assert_int_equal(evm_state_apply(at_once, &r.changes), EVM_OK);
    evm_state_seal(at_once);
    assert_int_equal(evm_state_root(by_tx, &told), EVM_OK);
    assert_int_equal(evm_state_root(at_once, &whole), EVM_OK);
    if (config->executor == evm_executor_at(0) && config->driver == EVM_DRIVER_THREADS)
        *expected = whole;
    assert_memory_equal(told.b, whole.b, 32);
    assert_memory_equal(told.b, expected->b, 32);
    evm_block_result_fini(&r);
    evm_state_unref(by_tx);
    evm_state_unref(at_once);
}

static void pitfall_14_one_root(void **state)
{
    static const enum evm_fork forks[] = {EVM_FRONTIER,        EVM_TANGERINE_WHISTLE,
                                          EVM_SPURIOUS_DRAGON, EVM_BYZANTIUM,
                                          EVM_LONDON,          EVM_PRAGUE};
    (void)state;
    for (size_t k = 0; k < sizeof forks / sizeof forks[0]; k++) {
        struct world *w = w_create(forks[k]);
        struct evm_hash expected = {{0}};
        w_senders(w, 40, 1000000000);
        w_contract(w, W_CONTRACT(0), 9, "CALLER SELFDESTRUCT");
        w_contract(w, W_CONTRACT(1), 0, counts);
        w_contract(w, W_CONTRACT(2), 0, "0 0 0 0 0 0 CALLDATALOAD GAS CALL 0 SSTORE");
        for (unsigned i = 0; i < 40; i++) {
            struct evm_tx *tx = w_tx(w, i,
                                     i % 8 == 5   ? W_CONTRACT(0)
                                     : i % 4 == 1 ? W_CONTRACT(1)
                                     : i % 4 == 2 ? W_NOBODY(i)
                                                  : W_CONTRACT(2));
            w_name(w, tx, i % 3 ? W_COINBASE : W_NOBODY(i + 1));
            if (i < 20) /* no tip: from EIP-161 on no beneficiary comes of it */
                tx->max_fee = tx->max_priority_fee = evm_u256_of(7);
        }
        w_check(w);
        struct evm_exec_config config = {.profile = evm_profile_at(0), .pool = w->pool};
        for (size_t e = 0; (config.executor = evm_executor_at(e)); e++)
            for (config.cores = 1; config.cores <= 8; config.cores += 7)
                for (int d = 0; d < 2; d++) {
                    config.driver = d ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS;
                    roots_agree(w, &config, &expected);
                }
        w_destroy(w);
    }
}

/* 15: what SSTORE costs depends on the value at the transaction's start, which the one before has
 * just changed. */
static void pitfall_15_original_value(void **state)
{
    static const uint64_t values[] = {0, 5, 5, 0, 1, 2, 0, 0, 5, 0};
    enum { N = sizeof values / sizeof values[0] };
    struct world *w = w_create(EVM_CANCUN);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, /* writes 3, then the word: dirty in between */
               "3 0 SSTORE 0 CALLDATALOAD 0 SSTORE");
    w_slot(w, evm_u256_of(0), 5);
    for (unsigned i = 0; i < 40; i++)
        w_number(w, w_tx(w, i, W_CONTRACT(0)), values[i % N]);
    w_check(w);
    /* Each kind of change has another price: 5 -> 0, 0 -> 5, 5 -> 5, 0 -> 0. */
    const struct evm_receipt *r = w->serial.receipts;
    assert_true(r[0].gas_used != r[1].gas_used && r[1].gas_used != r[2].gas_used);
    assert_int_equal(r[3].gas_used, r[0].gas_used);
    assert_int_equal(r[4].gas_used, r[1].gas_used);
    assert_true(r[7].gas_used != r[6].gas_used);
    w_destroy(w);
}

/* What ran ahead on old values, before the ladder went on with one worker alone, wrote where the
 * real run does not, and where an earlier transaction has written: all of it goes. */
static void ahead_of_a_stretch(void **state)
{
    enum { N = 400 };
    struct world *w = w_create(EVM_CANCUN);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, /* the place after the last one taken gets the word */
               "0 CALLDATALOAD 0 SLOAD DUP1 1 ADD 0 SSTORE 1000 ADD SSTORE");
    for (unsigned i = 0; i < N; i++)
        w_number(w, w_tx(w, i % W_SENDERS, W_CONTRACT(0)), 7 + i);
    struct w_seen seen = w_check(w);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(w_stored(w, W_CONTRACT(0), 1000 + i), 7 + i);
    assert_true(seen.aborts > 0);
    w_destroy(w);
}

/* 16: refunds capped at a fifth, the floor of the input's price, and what they add up to. */
static void pitfall_16_refunds(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, /* clears slots 1..9 if they are set, else sets them */
               "9 :a 0 DUP2 SLOAD ISZERO DUP3 SSTORE POP 1 SWAP1 SUB DUP1 @a JUMPI");
    for (unsigned k = 1; k <= 9; k++)
        w_slot(w, evm_u256_of(k), 1);
    for (unsigned i = 0; i < 40; i++) {
        struct evm_tx *tx = w_tx(w, i, i % 4 == 3 ? W_NOBODY(i) : W_CONTRACT(0));
        tx->gas_limit = 400000;
        if (i % 4 == 3) { /* bytes and nothing else: the floor */
            memset(w->inputs[i], 0xff, W_CODE);
            tx->input = (struct evm_bytes){w->inputs[i], W_CODE};
        }
    }
    w_check(w);
    const struct evm_receipt *r = w->serial.receipts;
    const uint64_t plain = 21000 + 9 * 5000; /* nine slots cleared, by at least that */
    assert_true(r[0].gas_used < plain && r[0].gas_used > plain * 4 / 5); /* the cap */
    assert_true(r[1].gas_used > 21000 + 9 * 20000);
    assert_int_equal(r[3].gas_used, 21000 + 10 * 4 * W_CODE);
    assert_int_equal(r[39].cumulative_gas, w->serial.gas_used);
    w_destroy(w);
}

/* 17: whether a transaction still fits depends on the gas that those before it really used, which
 * depends on what they met. */
static void pitfall_17_block_limits(void **state)
{
    struct world *w = w_create(EVM_CANCUN);
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, /* works a thousand rounds if slot 0 is odd */
               "0 SLOAD DUP1 1 ADD 0 SSTORE 1 AND @o JUMPI STOP "
               ":o 1000 :a 1 SWAP1 SUB DUP1 @a JUMPI");
    for (unsigned i = 0; i < 60; i++) {
        struct evm_tx *tx = w_tx(w, i, i % 3 ? W_CONTRACT(0) : W_NOBODY(i));
        if (i % 10 == 9) { /* as many blobs as a block takes two of, then smaller ones */
            tx->type = EVM_TX_BLOB;
            tx->has_chain_id = true;
            tx->chain_id = 1;
            tx->max_blob_fee = evm_u256_of(5);
            for (int b = 0; b < 3; b++)
                w->blobs[b].b[0] = 1;
            tx->blob_hashes = w->blobs;
            tx->blob_count = i == 59 ? 1 : i == 29 ? 2 : 3;
        }
        tx->gas_limit = i % 3 ? 60000 + 500 * i : 21000;
        if (!(i % 3) && i % 10 == 9)
            tx->gas_limit = 22000;
    }
    w->env.gas_limit = 1500000;
    w_check(w);
    assert_true(w->serial.receipt_count < 55 && w->serial.receipt_count > 30);
    assert_true(w->serial.gas_used <= 1500000 && w->serial.gas_used > 1400000);
    assert_true(w->serial.blob_gas_used > 4 * EVM_GAS_PER_BLOB &&
                w->serial.blob_gas_used <= 6 * EVM_GAS_PER_BLOB);
    for (uint32_t n = 0; n < 4; n++) { /* exactly full, and one short of it */
        w->env.gas_limit = w->serial.gas_used - n % 2;
        w->policy = n < 2 ? EVM_INVALID_IS_SKIPPED : EVM_INVALID_REJECTS_BLOCK;
        w_check(w);
        if (w->policy == EVM_INVALID_REJECTS_BLOCK) {
            assert_true(w->serial.invalid != EVM_TX_VALID);
            break;
        }
    }
    w_destroy(w);
}

/* 21: precompile 3 stays touched by a call that ran out of gas, so the empty account that stands
 * there since before EIP-161 is deleted; another empty one (precompile 2) is not. */
static void pitfall_21_ripemd(void **state)
{
    struct world *w = w_create(EVM_BYZANTIUM);
    struct evm_addr ripemd = {{[19] = 3}}, sha256 = {{[19] = 2}};
    (void)state;
    w->env.base_fee = evm_u256_of(0);
    w_senders(w, W_SENDERS, 1000000000);
    w_bytes(w, ripemd, 0, NULL, 0);
    w_bytes(w, sha256, 0, NULL, 0);
    w_contract(w, W_CONTRACT(0), 0, /* calls it without enough gas, then fails itself */
               "0 0 0 0 0 0 CALLDATALOAD 10 CALL POP INVALID");
    w_contract(w, W_CONTRACT(1), 0, "0 CALLDATALOAD EXTCODEHASH 0 SLOAD ADD 0 SSTORE");
    w_contract(w, W_CONTRACT(2), 0, counts);
    for (unsigned i = 0; i < 40; i++) {
        if (i == 11 || i == 12)
            w_name(w, w_tx(w, i, W_CONTRACT(0)), i == 11 ? ripemd : sha256);
        else if (i == 30) /* and it comes back, by money */
            w_pay(w, i, i < 20 ? ripemd : W_NOBODY(3), 1);
        else
            w_name(w, w_tx(w, i, W_CONTRACT(1 + i % 2)), ripemd);
    }
    w_check(w);
    assert_true(w_failures(w) >= 2);
    assert_true(w_changed(w, ripemd) && w_changed(w, ripemd)->wrote & EVM_WROTE_DELETED);
    assert_null(w_changed(w, sha256));
    w->fork = EVM_CONSTANTINOPLE; /* where EXTCODEHASH tells the two apart */
    w_check(w);
    assert_true(w_failures(w) == 2);
    assert_true(w_changed(w, ripemd)->wrote & EVM_WROTE_DELETED);
    w_destroy(w);
}

/* ---- 22: the system's calls before and after the transactions ---------------------------------
 */

static struct evm_addr system_contract(int which)
{
    static const struct evm_addr all[] = {
        {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
          0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}}, /* EIP-4788 */
        {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
          0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}}, /* EIP-2935 */
        {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
          0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}}, /* EIP-7002 */
        {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
          0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}}, /* EIP-7251 */
    };
    return all[which];
}

/* Simpler than the real ones. Called by the system, the first two keep the word they get; the other
 * two hand over one request that begins with what the block's transactions paid them, and forget
 * it. Called by others, the first two give what they keep, the others add the value up. */
static void system_world(struct world *w)
{
    static const char keeps[] = "CALLER 0xfffffffe AND 0xfffffffe EQ @s JUMPI "
                                "0 SLOAD 0 MSTORE 32 0 RETURN :s 0 CALLDATALOAD 0 SSTORE";
    static const char hands[] = "CALLER 0xfffffffe AND 0xfffffffe EQ @s JUMPI "
                                "0 SLOAD CALLVALUE ADD 0 SSTORE STOP "
                                ":s 0 SLOAD 0 MSTORE 0 0 SSTORE";
    char text[256];
    for (int i = 0; i < 2; i++)
        w_contract(w, system_contract(i), 0, keeps);
    for (int i = 2; i < 4; i++) {
        snprintf(text, sizeof text, "%s %d 0 RETURN", hands, i == 2 ? 76 : 116);
        w_contract(w, system_contract(i), 0, text);
    }
}

/* Asks the contract named by the word, adds what it says to slot 0. */
static const char asks[] = "32 0 0 0 0 0 CALLDATALOAD GAS CALL POP 0 MLOAD 0 SLOAD ADD 0 SSTORE";

static void transition(struct world *w, const struct evm_exec_config *config,
                       const struct evm_block *block, struct evm_block_result *r,
                       struct evm_hash *root)
{
    struct evm_state *post;
    struct evm_err err = {0};
    const struct evm_transition_input in = {
        .chain = evm_chain_find("prague"), .block = block, .parent = w->pre};
    if (evm_block_transition(config, &in, r, &post, &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(r->fault, EVM_BLOCK_FINE);
    assert_non_null(post);
    assert_int_equal(evm_state_root(post, root), EVM_OK);
    evm_state_unref(post);
}

static void same_transition(struct world *w, const struct evm_exec_config *config,
                            const struct evm_block *block, const struct evm_block_result *serial,
                            const struct evm_hash *expected)
{
    struct evm_block_result r;
    struct evm_hash root;
    struct evm_err err = {0};
    transition(w, config, block, &r, &root);
    if (evm_block_result_compare(serial, &r, &err) != EVM_OK)
        fail_msg("%s, %u cores: %s", evm_executor_name(config->executor), config->cores, err.text);
    for (int t = EVM_REQUEST_WITHDRAWAL; t <= EVM_REQUEST_CONSOLIDATION; t++) {
        assert_int_equal(r.requests.of[t].size, serial->requests.of[t].size);
        assert_memory_equal(r.requests.of[t].data, serial->requests.of[t].data,
                            r.requests.of[t].size);
    }
    assert_memory_equal(root.b, expected->b, 32);
    evm_block_result_fini(&r);
}

static void pitfall_22_system_calls(void **state)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_block block = {.header = {.number = 1000,
                                         .timestamp = 12000,
                                         .gas_limit = 30000000,
                                         .coinbase = W_COINBASE,
                                         .parent_hash = {{0xaa}},
                                         .has_base_fee = true,
                                         .base_fee = evm_u256_of(7),
                                         .has_withdrawals_root = true,
                                         .has_blob_gas = true,
                                         .parent_beacon_root = {{[31] = 99}},
                                         .has_requests_hash = true},
                              .has_withdrawals = true};
    const struct evm_withdrawal withdrawals[] = {{1, 2, 30, W_CONTRACT(1)}, {2, 3, 40, W_COINBASE}};
    (void)state;
    w_senders(w, W_SENDERS, 1000000000);
    system_world(w);
    w_contract(w, W_CONTRACT(0), 0, asks);
    w_contract(w, W_CONTRACT(1), 5, "COINBASE SELFDESTRUCT");
    for (unsigned i = 0; i < 60; i++) {
        if (i % 3 == 0)
            w_name(w, w_tx(w, i, W_CONTRACT(0)), system_contract((int)(i / 3 % 2)));
        else if (i % 3 == 1)
            w_pay(w, i, system_contract(2 + (int)(i / 3 % 2)), i);
        else
            w_tx(w, i, i == 8 ? W_CONTRACT(1) : W_NOBODY(i));
    }
    block.txs = w->list;
    block.tx_count = w->tx_count;
    block.withdrawals = withdrawals;
    block.withdrawal_count = 2;
    w_seal(w);
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 1,
                                     .profile = evm_profile_at(0),
                                     .pool = w->pool};
    struct evm_block_result serial;
    struct evm_hash root;
    transition(w, &config, &block, &serial, &root);
    assert_int_equal(serial.requests.of[EVM_REQUEST_WITHDRAWAL].size, 76);
    assert_int_equal(serial.requests.of[EVM_REQUEST_CONSOLIDATION].size, 116);
    uint64_t paid[2] = {0}; /* what the transactions paid the two contracts */
    for (unsigned i = 1; i < 60; i += 3)
        paid[i / 3 % 2] += i;
    assert_int_equal(serial.requests.of[EVM_REQUEST_WITHDRAWAL].data[30], paid[0] >> 8);
    assert_int_equal(serial.requests.of[EVM_REQUEST_WITHDRAWAL].data[31], paid[0] & 255);
    assert_int_equal(serial.requests.of[EVM_REQUEST_CONSOLIDATION].data[31], paid[1] & 255);
    for (size_t e = 0; (config.executor = evm_executor_at(e)); e++)
        for (size_t c = 0; c < sizeof cores / sizeof cores[0]; c++)
            for (int d = 0; d < 2; d++) {
                config.cores = cores[c];
                config.driver = d ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS;
                same_transition(w, &config, &block, &serial, &root);
            }
    evm_block_result_fini(&serial);
    w_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pitfall_09_self_destruction),
        cmocka_unit_test(pitfall_10_revival),
        cmocka_unit_test(pitfall_10_empty_again),
        cmocka_unit_test(pitfall_11_beneficiary_destroys_itself),
        cmocka_unit_test(pitfall_12_redelegation),
        cmocka_unit_test(pitfall_12_nonces_move),
        cmocka_unit_test(pitfall_13_beneficiary_in_every_role),
        cmocka_unit_test(pitfall_14_one_root),
        cmocka_unit_test(pitfall_15_original_value),
        cmocka_unit_test(ahead_of_a_stretch),
        cmocka_unit_test(pitfall_16_refunds),
        cmocka_unit_test(pitfall_17_block_limits),
        cmocka_unit_test(pitfall_21_ripemd),
        cmocka_unit_test(pitfall_22_system_calls),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
