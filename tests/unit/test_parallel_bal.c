/* Block access lists (EIP-7928) of executed blocks: each rule of the EIP met once and looked up in
 * the list; every executor gives serial's list (parallel_world.h); what the system does stands at
 * the indices around the transactions'; a list alone is enough to schedule by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/parallel_world.h"

#include "evm/parallel/balsets.h"

/* 0x00..00ffff of the two bytes. */
static struct evm_addr small(unsigned n)
{
    return (struct evm_addr){{[18] = (uint8_t)(n >> 8), [19] = (uint8_t)n}};
}

static const struct evm_bal_account *listed(const struct evm_bal *bal, struct evm_addr addr)
{
    const struct evm_bal_account *a = evm_bal_find(bal, &addr);
    if (!a)
        fail_msg("account %02x%02x%02x..%02x%02x is not listed", addr.b[0], addr.b[1], addr.b[2],
                 addr.b[18], addr.b[19]);
    return a;
}

static void not_listed(const struct evm_bal *bal, struct evm_addr addr)
{
    assert_null(evm_bal_find(bal, &addr));
}

static void listed_empty(const struct evm_bal *bal, struct evm_addr addr)
{
    const struct evm_bal_account *a = listed(bal, addr);
    assert_int_equal(a->slot_count, 0);
    assert_int_equal(a->read_count, 0);
    assert_int_equal(a->balance_count, 0);
    assert_int_equal(a->nonce_count, 0);
    assert_int_equal(a->code_count, 0);
}

static void is_value(const struct evm_bal *bal, uint32_t at, uint32_t index, uint64_t value)
{
    assert_int_equal(bal->values[at].index, index);
    assert_true(evm_u256_fits64(&bal->values[at].value));
    assert_int_equal(bal->values[at].value.w[0], value);
}

/* ---- the transactions ------------------------------------------------------------------------ */

/* Reads slot 1; writes 20 into slot 2, which holds it; 5 into slot 3 and 30 back; 44 into slot 4;
 * looks at the balance of 0x4444; calls the precompile 4. */
static const char touches[] = "1 SLOAD POP 20 2 SSTORE 5 3 SSTORE 30 3 SSTORE 44 4 SSTORE "
                              "17476 BALANCE POP 0 0 0 0 4 GAS STATICCALL POP";
static const char reverts[] = "9 9 SSTORE 21845 EXTCODEHASH POP 0 0 REVERT";
/* CREATE2 of 6001 6007 55 30 ff: slot 7 is set, and it is gone, for itself. */
static const char makes[] = "0x600160075530ff 0 MSTORE 0 7 25 0 CREATE2 POP";
static const uint8_t made[] = {0x60, 0x01, 0x60, 0x07, 0x55, 0x30, 0xff};

static struct world *make_rules(struct evm_access_entry *declared)
{
    struct world *w = w_create(EVM_CANCUN);
    w_senders(w, W_SENDERS, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, touches);
    for (unsigned key = 1; key <= 3; key++)
        w_slot(w, evm_u256_of(key), 10 * key);
    w_contract(w, W_CONTRACT(1), 0, reverts);
    w_contract(w, W_CONTRACT(2), 0, makes);
    w_contract(w, W_CONTRACT(3), 0, "26214 SELFDESTRUCT");
    w_tx(w, 0, W_NOBODY(1));
    for (unsigned i = 0; i < 4; i++)
        w_tx(w, 1 + i, W_CONTRACT(i));
    struct evm_tx *tx = w_pay(w, 5, W_SENDER(6), 100);
    tx->type = EVM_TX_ACCESS_LIST;
    tx->has_chain_id = true;
    tx->chain_id = 1;
    tx->access_list = declared;
    tx->access_count = 1;
    w_pay(w, 0, small(4), 3); /* a precompile is paid */
    return w;
}

static void test_rules(void **state)
{
    (void)state;
    struct evm_u256 key = evm_u256_of(77), salt = evm_u256_of(0);
    struct evm_access_entry declared = {small(0x7777), &key, 1};
    struct world *w = make_rules(&declared);
    w_check(w);
    struct evm_exec_config config = {.executor = evm_executor_find("serial"), .cores = 1};
    struct evm_block_result r;
    w_list(w, config, &r);
    assert_int_equal(w_failures(w), 1);
    const struct evm_bal *bal = &r.bal;
    /* A transfer of nothing to nobody; accounts looked at; a precompile; the heir of nothing. */
    listed_empty(bal, W_NOBODY(1));
    listed_empty(bal, small(0x4444));
    listed_empty(bal, small(0x5555));
    listed_empty(bal, small(0x6666));
    not_listed(bal, small(0x7777));
    const struct evm_bal_account *a = listed(bal, small(4));
    assert_int_equal(a->balance_count, 1);
    is_value(bal, a->first_balance, 7, 3);
    /* Slot 4 changed; 1 was read, 2 and 3 are as before. */
    a = listed(bal, W_CONTRACT(0));
    assert_int_equal(a->slot_count, 1);
    assert_int_equal(bal->slots[a->first_slot].key.w[0], 4);
    is_value(bal, bal->slots[a->first_slot].first, 2, 44);
    assert_int_equal(a->read_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(bal->reads[a->first_read + i].w[0], i + 1);
    /* What a reverted frame wrote was read. */
    a = listed(bal, W_CONTRACT(1));
    assert_int_equal(a->slot_count, 0);
    assert_int_equal(a->read_count, 1);
    assert_int_equal(bal->reads[a->first_read].w[0], 9);
    /* Made and gone: no nonce, no code, its slot a read; its maker's nonce. */
    struct evm_addr maker = W_CONTRACT(2), child;
    evm_create2_address(&maker, &salt, (struct evm_bytes){made, sizeof made}, &child);
    a = listed(bal, child);
    assert_int_equal(a->slot_count + a->balance_count + a->nonce_count + a->code_count, 0);
    assert_int_equal(a->read_count, 1);
    assert_int_equal(bal->reads[a->first_read].w[0], 7);
    a = listed(bal, maker);
    assert_int_equal(a->nonce_count, 1);
    is_value(bal, a->first_nonce, 4, 2);
    /* A sender of two, one that is paid, and the beneficiary, which every fee changes. */
    a = listed(bal, W_SENDER(0));
    assert_int_equal(a->nonce_count, 2);
    is_value(bal, a->first_nonce, 1, 1);
    is_value(bal, a->first_nonce + 1, 7, 2);
    a = listed(bal, W_SENDER(6));
    assert_int_equal(a->nonce_count, 0);
    is_value(bal, a->first_balance, 6, 1000000100);
    a = listed(bal, W_COINBASE);
    assert_int_equal(a->balance_count, 7);
    is_value(bal, a->first_balance, 1, 21000 * 3);
    assert_int_equal(evm_bal_last_index(bal), 7);
    evm_block_result_fini(&r);
    w_destroy(w);
}

/* A fee of 0 changes nothing, but the beneficiary is listed. */
static void test_no_fee(void **state)
{
    (void)state;
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_block_result r;
    w_senders(w, 2, 1000000000);
    w_pay(w, 0, W_SENDER(1), 5)->max_fee = evm_u256_of(7);
    w->txs[0].max_priority_fee = evm_u256_of(0);
    w->txs[0].type = EVM_TX_DYNAMIC_FEE;
    w->txs[0].has_chain_id = true;
    w->txs[0].chain_id = 1;
    w_check(w);
    struct evm_exec_config config = {.executor = evm_executor_find("serial"), .cores = 1};
    w_list(w, config, &r);
    assert_int_equal(r.receipt_count, 1);
    assert_int_equal(r.bal.account_count, 3);
    listed_empty(&r.bal, W_COINBASE);
    evm_block_result_fini(&r);
    w_destroy(w);
}

/* ---- the system ------------------------------------------------------------------------------ */

static const uint8_t system_names[4][20] = {
    {0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
     0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}, /* EIP-4788 */
    {0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
     0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}, /* EIP-2935 */
    {0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
     0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}, /* EIP-7002 */
    {0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
     0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}, /* EIP-7251 */
};

static struct evm_addr system_name(int i)
{
    struct evm_addr a;
    memcpy(a.b, system_names[i], sizeof a.b);
    return a;
}

static void run_block(struct world *w, const struct evm_exec_config *config,
                      const struct evm_block *block, struct evm_block_result *r)
{
    struct evm_state *post;
    struct evm_err err = {0};
    const struct evm_transition_input in = {
        .chain = evm_chain_find("prague"), .block = block, .parent = w->pre};
    if (evm_block_transition(config, &in, r, &post, &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(r->fault, EVM_BLOCK_FINE);
    evm_state_unref(post);
}

/* Each system contract counts in slot 0 and reads slot 1; a transaction counts the same slot of the
 * withdrawals' contract in between. */
static void test_system(void **state)
{
    (void)state;
    struct world *w = w_create(EVM_PRAGUE);
    w_senders(w, 2, 1000000000);
    for (int i = 0; i < 4; i++)
        w_contract(w, system_name(i), 0, "1 SLOAD POP 0 SLOAD 1 ADD 0 SSTORE");
    const struct evm_withdrawal withdrawals[] = {
        {1, 2, 30, W_NOBODY(9)}, {2, 3, 0, W_NOBODY(8)}, {3, 4, 12, W_NOBODY(9)}};
    struct evm_block block = {.header = {.number = 1000,
                                         .timestamp = 12000,
                                         .gas_limit = 30000000,
                                         .coinbase = W_COINBASE,
                                         .parent_hash = {{0xaa}},
                                         .has_base_fee = true,
                                         .base_fee = evm_u256_of(7),
                                         .has_withdrawals_root = true,
                                         .has_blob_gas = true,
                                         .has_requests_hash = true},
                              .has_withdrawals = true,
                              .withdrawals = withdrawals,
                              .withdrawal_count = 3};
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 1,
                                     .profile = evm_profile_at(0),
                                     .keep_bal = true,
                                     .pool = w->pool};
    struct evm_block_result empty, serial;
    w_seal(w);
    run_block(w, &config, &block, &empty);
    assert_int_equal(empty.bal.account_count, 6);
    not_listed(&empty.bal, W_COINBASE);
    assert_int_equal(evm_bal_last_index(&empty.bal), 1);
    w_tx(w, 0, system_name(2));
    block.txs = w->list;
    block.tx_count = 1;
    run_block(w, &config, &block, &serial);
    for (int i = 0; i < 4; i++) {
        const struct evm_bal_account *a = listed(&serial.bal, system_name(i));
        assert_int_equal(a->read_count, 1);
        assert_int_equal(a->slot_count, 1);
        const struct evm_bal_slot *s = &serial.bal.slots[a->first_slot];
        assert_int_equal(s->count, i == 2 ? 2 : 1);
        is_value(&serial.bal, s->first, i < 2 ? 0 : i == 2 ? 1 : 2, 1);
        if (i == 2)
            is_value(&serial.bal, s->first + 1, 2, 2);
    }
    const struct evm_bal_account *a = listed(&serial.bal, W_NOBODY(9));
    assert_int_equal(a->balance_count, 1);
    is_value(&serial.bal, a->first_balance, 2, 42000000000);
    listed_empty(&serial.bal, W_NOBODY(8));
    /* Who calls the system's contracts is nobody. */
    struct evm_addr caller;
    memset(caller.b, 0xff, sizeof caller.b);
    caller.b[19] = 0xfe;
    not_listed(&serial.bal, caller);
    for (size_t e = 0; (config.executor = evm_executor_at(e)); e++) {
        struct evm_block_result r;
        struct evm_err err = {0};
        config.driver = EVM_DRIVER_VIRTUAL;
        config.cores = 3;
        run_block(w, &config, &block, &r);
        if (!evm_bal_same(&r.bal, &serial.bal, &err))
            fail_msg("%s: %s", evm_executor_name(config.executor), err.text);
        evm_block_result_fini(&r);
    }
    evm_block_result_fini(&empty);
    evm_block_result_fini(&serial);
    w_destroy(w);
}

/* ---- scheduling by a list -------------------------------------------------------------------- */

/* A chain in which each reads what the one before wrote: with the values known nobody waits. The
 * list goes through its bytes first. */
static void test_sets(void **state)
{
    (void)state;
    enum { COUNT = 32 };
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_block_result serial, r;
    struct evm_err err = {0};
    struct evm_buf bytes = {0};
    struct evm_bal bal;
    struct evm_access_sets sets;
    w_senders(w, COUNT, 1000000000);
    w_contract(w, W_CONTRACT(0), 0, "0 SLOAD 8192 0 KECCAK256 POP 1 ADD 0 SSTORE");
    for (unsigned i = 0; i < COUNT; i++)
        w_tx(w, i, W_CONTRACT(0));
    w_seal(w);
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .driver = EVM_DRIVER_VIRTUAL,
                                     .cores = 1,
                                     .profile = evm_profile_at(0)};
    w_list(w, config, &serial);
    evm_bal_encode(&bytes, &serial.bal);
    assert_int_equal(evm_bal_decode(&bal, evm_buf_bytes(&bytes), &err), EVM_OK);
    const struct evm_addr coinbase = W_COINBASE;
    assert_int_equal(evm_bal_sets(&bal, COUNT - 2, &coinbase, w->codes, &sets), EVM_ERR_INPUT);
    assert_null(sets.first);
    assert_int_equal(evm_bal_sets(&bal, COUNT, &coinbase, w->codes, &sets), EVM_OK);
    assert_int_equal(sets.tx_count, COUNT);
    assert_int_equal(sets.count, 3 * COUNT); /* slot 0; the sender's balance and nonce */
    struct evm_exec_params params = evm_exec_params_default();
    params.sets = EVM_SETS_BAL;
    config.executor = evm_executor_find("access-list");
    config.cores = 16;
    config.params = &params;
    const struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                       .env = &w->env,
                                       .txs = w->list,
                                       .tx_count = w->tx_count,
                                       .pre = w->pre,
                                       .sets = &sets};
    if (evm_execute(&config, &in, &r, &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(evm_block_result_compare(&serial, &r, &err), EVM_OK);
    assert_int_equal(r.aborts, 0);
    if (r.makespan_ns * 4 >= serial.makespan_ns)
        fail_msg("%lld ns, serial %lld", (long long)r.makespan_ns, (long long)serial.makespan_ns);
    evm_block_result_fini(&r);
    /* The same without a list: the executor lets one be made beforehand. */
    w_execute(w, &config, &r);
    assert_int_equal(evm_block_result_compare(&serial, &r, &err), EVM_OK);
    assert_int_equal(r.aborts, 0);
    evm_block_result_fini(&r);
    evm_block_result_fini(&serial);
    evm_access_sets_fini(&sets);
    evm_bal_fini(&bal);
    evm_buf_fini(&bytes);
    w_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_no_fee),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
