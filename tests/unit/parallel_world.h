/* tests/unit/parallel_world.h - small worlds of accounts and contracts, and blocks on them that go
 * through every executor of the registry under both drivers.
 *
 * Programs are written as words: opcode names, numbers (pushed in as few bytes as they need), :x a
 * place to jump to and @x its number. */
#ifndef TESTS_UNIT_PARALLEL_WORLD_H
#define TESTS_UNIT_PARALLEL_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/address.h"
#include "evm/core/opcodes.h"
#include "evm/core/u256.h"
#include "evm/parallel/compare.h"
#include "evm/parallel/transition.h"

enum { W_TXS = 1024, W_ACCOUNTS = 400, W_SLOTS = 600, W_CODE = 255, W_SENDERS = 64 };

/* What happened in all runs of a world, for the assertion that the trap was there. */
struct w_seen {
    uint64_t runs, aborts, executions, validations;
};

struct world {
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    struct evm_changes changes; /* the state before, as it grows */
    struct evm_state *pre;
    struct evm_block_env env;
    enum evm_fork fork;
    enum evm_invalid_policy policy;
    struct evm_tx txs[W_TXS];
    const struct evm_tx *list[W_TXS];
    uint8_t inputs[W_TXS][W_CODE];
    struct evm_authorization authorizations[W_TXS];
    struct evm_hash blobs[W_TXS];
    uint32_t tx_count;
    uint64_t nonces[W_SENDERS];
    struct evm_block_result serial; /* of the last check */
    uint64_t seeds;                 /* of the virtual driver, each with each number of cores */
};

/* ---- programs -------------------------------------------------------------------------------- */

static inline int w_opcode(const char *word, size_t size)
{
    const struct evm_op_info *ops = evm_ops_of(EVM_OSAKA);
    for (int i = 0; i < 256; i++)
        if (ops[i].defined && strlen(ops[i].name) == size && !memcmp(ops[i].name, word, size))
            return i;
    return -1;
}

static inline size_t w_push(uint8_t *out, uint64_t value)
{
    size_t n = 1;
    while (n < 8 && value >> 8 * n)
        n++;
    out[0] = (uint8_t)(EVM_OP_PUSH1 + n - 1);
    for (size_t i = 0; i < n; i++)
        out[1 + i] = (uint8_t)(value >> 8 * (n - 1 - i));
    return n + 1;
}

/* Returns the length. Aborts the test on a word that is none. */
static inline size_t w_assemble(uint8_t out[W_CODE], const char *text)
{
    uint8_t labels[128] = {0};
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        n = 0;
        for (const char *at = text; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
            size_t size = strcspn(at, " ");
            int op = w_opcode(at, size);
            assert_true(n + 10 < W_CODE);
            if (op >= 0) {
                out[n++] = (uint8_t)op;
            } else if (*at == ':') {
                labels[at[1] & 127] = (uint8_t)n;
                out[n++] = EVM_OP_JUMPDEST;
            } else if (*at == '@') {
                out[n++] = EVM_OP_PUSH1;
                out[n++] = labels[at[1] & 127];
            } else if (*at >= '0' && *at <= '9') {
                n += w_push(out + n, strtoull(at, NULL, 0));
            } else {
                fail_msg("no such word: %s", at);
            }
        }
    }
    return n;
}

/* ---- names ----------------------------------------------------------------------------------- */

static inline struct evm_addr w_addr(uint8_t kind, unsigned i)
{
    return (struct evm_addr){{kind, (uint8_t)(i >> 8), (uint8_t)i, 0x5e, 0xa1, 0x77}};
}
#define W_SENDER(i)   w_addr(0x20, i)
#define W_CONTRACT(i) w_addr(0x40, i)
#define W_NOBODY(i)   w_addr(0x90, i)
#define W_COINBASE    w_addr(0xc0, 1)

/* ---- the state before ------------------------------------------------------------------------ */

static inline struct world *w_create(enum evm_fork fork)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->fork = fork;
    w->seeds = 3;
    w->policy = EVM_INVALID_IS_SKIPPED;
    w->codes = evm_codes_create();
    w->pool = evm_exec_pool_create();
    assert_true(w->codes && w->pool);
    evm_changes_init(&w->changes);
    assert_int_equal(evm_changes_reserve(&w->changes, W_ACCOUNTS, W_SLOTS), EVM_OK);
    w->env = (struct evm_block_env){.number = 1000,
                                    .timestamp = 12000,
                                    .gas_limit = 30000000,
                                    .chain_id = 1,
                                    .coinbase = W_COINBASE,
                                    .base_fee = evm_u256_of(7),
                                    .blob_base_fee = evm_u256_of(1)};
    return w;
}

static inline void w_destroy(struct world *w)
{
    evm_block_result_fini(&w->serial);
    evm_state_unref(w->pre);
    evm_changes_fini(&w->changes);
    evm_exec_pool_destroy(w->pool);
    evm_codes_destroy(w->codes);
    free(w);
}

static inline void w_bytes(struct world *w, struct evm_addr addr, uint64_t balance,
                           const uint8_t *code, size_t size)
{
    assert_true(w->changes.account_count < W_ACCOUNTS);
    w->changes.accounts[w->changes.account_count++] = (struct evm_account_change){
        .addr = addr,
        .wrote =
            EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CREATED | (size ? EVM_WROTE_CODE : 0u),
        .nonce = size ? 1 : 0,
        .balance = evm_u256_of(balance),
        .code = size ? evm_codes_add(w->codes, (struct evm_bytes){code, size}) : NULL,
        .first_slot = w->changes.slot_count};
}

static inline void w_contract(struct world *w, struct evm_addr addr, uint64_t balance,
                              const char *program)
{
    uint8_t code[W_CODE];
    w_bytes(w, addr, balance, code, w_assemble(code, program));
}

/* Of the account added last; ascending keys. */
static inline void w_slot(struct world *w, struct evm_u256 key, uint64_t value)
{
    assert_true(w->changes.slot_count < W_SLOTS);
    w->changes.slots[w->changes.slot_count++] = (struct evm_slot_change){key, evm_u256_of(value)};
    w->changes.accounts[w->changes.account_count - 1].slot_count++;
}

/* An account whose code is another's (EIP-7702). */
static inline void w_delegated(struct world *w, struct evm_addr addr, uint64_t balance,
                               struct evm_addr to)
{
    uint8_t code[23] = {0xef, 0x01, 0x00};
    memcpy(code + 3, to.b, sizeof to.b);
    w_bytes(w, addr, balance, code, sizeof code);
}

static inline void w_senders(struct world *w, unsigned count, uint64_t balance)
{
    for (unsigned i = 0; i < count; i++)
        w_bytes(w, W_SENDER(i), balance, NULL, 0);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* The next transaction, to be altered at will: 100,000 gas at a price of 10, no value, no input;
 * `from` numbers a sender. */
static inline struct evm_tx *w_tx(struct world *w, unsigned from, struct evm_addr to)
{
    assert_true(w->tx_count < W_TXS && from < W_SENDERS);
    struct evm_tx *tx = &w->txs[w->tx_count];
    *tx = (struct evm_tx){.type = EVM_TX_LEGACY,
                          .has_sender = true,
                          .sender = W_SENDER(from),
                          .nonce = w->nonces[from]++,
                          .gas_limit = 100000,
                          .max_fee = evm_u256_of(10),
                          .max_priority_fee = evm_u256_of(10),
                          .to = to};
    w->list[w->tx_count++] = tx;
    return tx;
}

static inline struct evm_tx *w_pay(struct world *w, unsigned from, struct evm_addr to,
                                   uint64_t value)
{
    struct evm_tx *tx = w_tx(w, from, to);
    tx->value = evm_u256_of(value);
    return tx;
}

/* Adds a word to the input of that transaction. */
static inline void w_word(struct world *w, struct evm_tx *tx, struct evm_u256 word)
{
    uint8_t *at = w->inputs[tx - w->txs];
    size_t n = tx->input.size;
    assert_true(n + 32 <= W_CODE);
    evm_u256_store_be(at + n, &word);
    tx->input = (struct evm_bytes){at, n + 32};
}

static inline void w_number(struct world *w, struct evm_tx *tx, uint64_t number)
{
    w_word(w, tx, evm_u256_of(number));
}

static inline void w_name(struct world *w, struct evm_tx *tx, struct evm_addr addr)
{
    w_number(w, tx, 0);
    memcpy(w->inputs[tx - w->txs] + tx->input.size - 20, addr.b, sizeof addr.b);
}

static inline void w_program(struct world *w, struct evm_tx *tx, const char *program)
{
    uint8_t *at = w->inputs[tx - w->txs];
    tx->input = (struct evm_bytes){at, w_assemble(at, program)};
}

/* Makes it one of type 4 by which `authority`, at that nonce, becomes `to`. */
static inline void w_authorize(struct world *w, struct evm_tx *tx, struct evm_addr authority,
                               uint64_t nonce, struct evm_addr to)
{
    struct evm_authorization *a = &w->authorizations[tx - w->txs];
    *a = (struct evm_authorization){.chain_id = evm_u256_of(1),
                                    .addr = to,
                                    .nonce = nonce,
                                    .authority = authority,
                                    .authority_valid = true};
    tx->type = EVM_TX_SET_CODE;
    tx->has_chain_id = true;
    tx->chain_id = 1;
    tx->authorizations = a;
    tx->authorization_count = 1;
}

/* ---- running --------------------------------------------------------------------------------- */

static inline int w_order(const void *x, const void *y)
{
    return memcmp(((const struct evm_account_change *)x)->addr.b,
                  ((const struct evm_account_change *)y)->addr.b, sizeof(struct evm_addr));
}

static inline void w_seal(struct world *w)
{
    if (w->pre)
        return;
    qsort(w->changes.accounts, w->changes.account_count, sizeof *w->changes.accounts, w_order);
    w->pre = evm_state_create(w->codes);
    assert_non_null(w->pre);
    assert_int_equal(evm_state_apply(w->pre, &w->changes), EVM_OK);
    evm_state_seal(w->pre);
}

static inline void w_execute(struct world *w, const struct evm_exec_config *config,
                             struct evm_block_result *out)
{
    struct evm_err err = {0};
    const struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                       .env = &w->env,
                                       .txs = w->list,
                                       .tx_count = w->tx_count,
                                       .pre = w->pre,
                                       .invalid_policy = w->policy};
    if (evm_execute(config, &in, out, &err) != EVM_OK)
        fail_msg("%s, driver %d, %u cores, seed %llu: %s", evm_executor_name(config->executor),
                 (int)config->driver, config->cores, (unsigned long long)config->seed, err.text);
}

static inline void w_compare(struct world *w, const struct evm_exec_config *config,
                             struct w_seen *seen)
{
    struct evm_block_result r;
    struct evm_err err = {0};
    w_execute(w, config, &r);
    if (evm_block_result_compare(&w->serial, &r, &err) != EVM_OK)
        fail_msg("%s, %s, %u cores, seed %llu: %s", evm_executor_name(config->executor),
                 config->driver == EVM_DRIVER_VIRTUAL ? "virtual" : "threads", config->cores,
                 (unsigned long long)config->seed, err.text);
    seen->runs++;
    seen->aborts += r.aborts;
    seen->executions += r.executions;
    seen->validations += r.validations;
    evm_block_result_fini(&r);
}

/* The same block once more, with its access list. */
static inline void w_list(struct world *w, struct evm_exec_config config,
                          struct evm_block_result *out)
{
    config.keep_bal = true;
    w_execute(w, &config, out);
    if ((out->bal.account_count != 0) != (out->receipt_count != 0))
        fail_msg("%u accounts listed, %u receipts", out->bal.account_count, out->receipt_count);
}

static inline void w_compare_list(struct world *w, const struct evm_exec_config *config,
                                  const struct evm_block_result *serial)
{
    struct evm_block_result r;
    struct evm_err err = {0};
    w_list(w, *config, &r);
    if (evm_block_result_compare(serial, &r, &err) != EVM_OK)
        fail_msg("%s, listed, %u cores: %s", evm_executor_name(config->executor), config->cores,
                 err.text);
    evm_block_result_fini(&r);
}

/* Executes serially into w->serial, then with every executor, driver and number of cores. */
static inline struct w_seen w_check(struct world *w)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    struct w_seen seen = {0};
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 1,
                                     .profile = evm_profile_at(0),
                                     .pool = w->pool};
    w_seal(w);
    struct evm_block_result listed;
    evm_block_result_fini(&w->serial);
    w_execute(w, &config, &w->serial);
    w_list(w, config, &listed);
    for (size_t e = 0; (config.executor = evm_executor_at(e)); e++)
        for (size_t c = 0; c < sizeof cores / sizeof cores[0]; c++) {
            config.cores = cores[c];
            config.driver = EVM_DRIVER_VIRTUAL;
            for (config.seed = 1; config.seed <= w->seeds; config.seed++)
                w_compare(w, &config, &seen);
            w_compare_list(w, &config, &listed);
            config.driver = EVM_DRIVER_THREADS;
            w_compare(w, &config, &seen);
        }
    evm_block_result_fini(&listed);
    return seen;
}

/* ---- what came of it ------------------------------------------------------------------------- */

/* How the block changed that account; NULL if it did not. */
static inline const struct evm_account_change *w_changed(const struct world *w,
                                                         struct evm_addr addr)
{
    const struct evm_changes *c = &w->serial.changes;
    for (uint32_t i = 0; i < c->account_count; i++)
        if (evm_addr_eq(&c->accounts[i].addr, &addr))
            return &c->accounts[i];
    return NULL;
}

/* What the block made of that slot; all ones if it did not change it. */
static inline uint64_t w_stored(const struct world *w, struct evm_addr addr, uint64_t key)
{
    const struct evm_account_change *a = w_changed(w, addr);
    const struct evm_u256 wanted = evm_u256_of(key);
    for (uint32_t k = 0; a && k < a->slot_count; k++)
        if (evm_u256_eq(&w->serial.changes.slots[a->first_slot + k].key, &wanted))
            return w->serial.changes.slots[a->first_slot + k].value.w[0];
    return UINT64_MAX;
}

static inline uint32_t w_failures(const struct world *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->serial.receipt_count; i++)
        n += !w->serial.receipts[i].success;
    return n;
}

#endif
