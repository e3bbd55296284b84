/* Transactions executed before their block: when their results are taken over, what that saves, and
 * what must keep it from happening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "models/workload/recipes.h"
#include "tests/unit/parallel_world.h"

enum { TXS = 120 };

struct fixture {
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->codes = evm_codes_create();
    f->pool = evm_exec_pool_create();
    return f->codes && f->pool ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    evm_exec_pool_destroy(f->pool);
    evm_codes_destroy(f->codes);
    free(f);
    return 0;
}

static void execute(const struct evm_exec_config *config, const struct evm_block_input *in,
                    struct evm_block_result *out)
{
    struct evm_err err = {0};
    if (evm_execute(config, in, out, &err) != EVM_OK)
        fail_msg("%s: %s", evm_executor_name(config->executor), err.text);
}

static void ahead_of(const struct evm_block_input *in, const struct evm_state *pre,
                     const struct evm_block_env *env, struct evm_ahead *out)
{
    const struct evm_precompute_input how = {
        .rules = in->rules, .env = env, .pre = pre, .hashes = in->hashes, .metered = true};
    assert_int_equal(evm_precompute_all(out, &how, in->txs, in->tx_count), EVM_OK);
}

/* ---- whole blocks ---------------------------------------------------------------------------- */

/* Least and most of the transactions that are hits, in per cent; how much of the makespan is left
 * at most (to compare what a plain transfer reads costs as much as the transfer does); and whether
 * no transaction reads what another one writes, so that nothing needs to be executed. */
static const struct expected {
    const char *recipe;
    uint32_t least, most;
    double left;
    bool apart;
} shares[] = {
    {"raw-distinct", 100, 100, 1.05, true}, {"erc20-distinct", 100, 100, 0.95, true},
    {"swap", 100, 100, 0.7, true},          {"chain-swap", 0, 5, 1.1, false},
    {"chain-erc20", 0, 5, 1.1, false},      {"half-chain", 45, 55, 1.1, false},
    {"same-sender", 95, 100, 1.1, false}, /* nonces are foreseen, amounts only have to suffice */
    {"mainnet-like", 20, 100, 0.9, false},
};

static void judge(const struct evm_block_result *serial, const struct evm_block_result *without,
                  const struct evm_block_result *with, const struct expected *x)
{
    uint32_t n = serial->receipt_count, hits = with->ahead_hits;
    struct evm_err err = {0};
    if (evm_block_result_compare(serial, with, &err) != EVM_OK)
        fail_msg("%s: %s", x->recipe, err.text);
    if (hits * 100 < x->least * n || hits * 100 > x->most * n)
        fail_msg("%s: %u hits of %u", x->recipe, hits, n);
    assert_int_equal(without->ahead_hits + without->ahead_misses, 0);
    assert_true(with->executions >= n - hits);
    if (x->apart)
        assert_int_equal(with->executions, 0);
}

/* The reference stays what it is without (within a thousandth: which basic blocks a transaction ran
 * is kept in a table of limited size); the makespan falls if much is taken over, and what cannot
 * be costs little. */
static void judge_times(const struct evm_block_result *without, const struct evm_block_result *with,
                        const struct expected *x, const struct evm_exec_config *config)
{
    int64_t apart = llabs(without->serial_ns - with->serial_ns);
    if (apart * 1000 > without->serial_ns)
        fail_msg("%s: serial %lld ns, with results from before %lld", x->recipe,
                 (long long)without->serial_ns, (long long)with->serial_ns);
    assert_true(with->ahead_hits + with->ahead_misses == 0 || with->ahead_ns > 0);
    if ((double)with->makespan_ns > x->left * (double)without->makespan_ns)
        fail_msg("%s, %s, %u cores: %lld ns, with results from before %lld", x->recipe,
                 evm_executor_name(config->executor), config->cores,
                 (long long)without->makespan_ns, (long long)with->makespan_ns);
}

static void try_block(struct fixture *f, const struct recipe_block *b, const struct expected *x)
{
    static const uint32_t cores[] = {1, 8};
    const struct evm_block_input in = recipe_input(b);
    struct evm_block_input given = in;
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 1,
                                     .seed = 3,
                                     .profile = evm_profile_find("validator-2025"),
                                     .pool = f->pool};
    struct evm_block_result serial, without, with;
    struct evm_ahead ahead;
    ahead_of(&in, in.pre, in.env, &ahead);
    given.ahead = ahead.txs;
    execute(&config, &in, &serial);
    for (size_t e = 0; (config.executor = evm_executor_at(e)); e++)
        for (int k = 0; k < 4; k++) {
            config.cores = cores[k % 2];
            config.driver = k < 2 ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS;
            execute(&config, &in, &without);
            execute(&config, &given, &with);
            judge(&serial, &without, &with, x);
            if (k < 2)
                judge_times(&without, &with, x, &config);
            evm_block_result_fini(&without);
            evm_block_result_fini(&with);
        }
    evm_block_result_fini(&serial);
    evm_ahead_fini(&ahead);
}

static void shares_are_as_conflicts_say(void **state)
{
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        struct recipe_params p = recipe_params_default();
        struct recipe_block b;
        struct err err = {0};
        struct fixture *f = *state;
        p.txs = TXS;
        assert_int_equal(recipe_make(recipe_find(shares[i].recipe), &p, f->codes, &b, &err),
                         ERR_OK);
        try_block(f, &b, &shares[i]);
        recipe_block_fini(&b);
    }
}

/* ---- single transactions --------------------------------------------------------------------- */

/* Executes the world's block with results that were made on `before` in `env`; gives the hits. */
static uint32_t hits_of(struct world *w, const struct evm_state *before,
                        const struct evm_block_env *env, const struct evm_block_hashes *then,
                        const struct evm_block_hashes *now)
{
    struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                 .env = &w->env,
                                 .txs = w->list,
                                 .tx_count = w->tx_count,
                                 .pre = w->pre,
                                 .hashes = now,
                                 .invalid_policy = EVM_INVALID_IS_SKIPPED};
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 2,
                                     .profile = evm_profile_at(0),
                                     .pool = w->pool};
    const struct evm_precompute_input how = {
        .rules = in.rules, .env = env, .pre = before, .hashes = then, .metered = true};
    struct evm_block_result serial, r;
    struct evm_err err = {0};
    struct evm_ahead ahead;
    uint32_t hits = UINT32_MAX;
    assert_int_equal(evm_precompute_all(&ahead, &how, in.txs, in.tx_count), EVM_OK);
    execute(&config, &in, &serial);
    in.ahead = ahead.txs;
    for (size_t e = 0; (config.executor = evm_executor_at(e)); e++)
        for (int driver = 0; driver < 2; driver++) {
            config.driver = (enum evm_driver)driver;
            execute(&config, &in, &r);
            if (evm_block_result_compare(&serial, &r, &err) != EVM_OK)
                fail_msg("%s: %s", evm_executor_name(config.executor), err.text);
            if (hits != UINT32_MAX)
                assert_int_equal(r.ahead_hits, hits);
            hits = r.ahead_hits;
            assert_int_equal(r.ahead_hits + r.ahead_misses, ahead.kept);
            evm_block_result_fini(&r);
        }
    evm_block_result_fini(&serial);
    evm_ahead_fini(&ahead);
    return hits;
}

/* A state in which that account has another balance. */
static struct evm_state *with_balance(const struct world *w, struct evm_addr addr, uint64_t balance)
{
    struct evm_account_change a = {
        .addr = addr, .wrote = EVM_WROTE_BALANCE, .balance = evm_u256_of(balance)};
    const struct evm_changes c = {.accounts = &a, .account_count = 1};
    struct evm_state *s = evm_state_fork(w->pre);
    assert_non_null(s);
    assert_int_equal(evm_state_apply(s, &c), EVM_OK);
    evm_state_seal(s);
    return s;
}

/* 100,000 gas at 10 wei and 500 of value. */
enum { COST = 1000500 };

/* Paid from what suffices: it does not matter how much there is. */
static void a_balance_must_suffice(void **state)
{
    static const struct {
        uint64_t then, now;
        uint32_t hits;
    } cases[] = {
        {2 * COST, COST, 1}, {COST, 9 * COST, 1}, {COST, COST, 1},
        {COST, COST - 1, 0}, {COST - 1, COST, 0}, /* it could not have been in a block */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = w_create(EVM_CANCUN);
        w_senders(w, 2, cases[i].now);
        w_pay(w, 0, W_NOBODY(1), 500);
        w_seal(w);
        struct evm_state *before = with_balance(w, W_SENDER(0), cases[i].then);
        assert_int_equal(hits_of(w, before, &w->env, NULL, NULL), cases[i].hits);
        evm_state_unref(before);
        w_destroy(w);
    }
}

/* The contract stores its balance: that is looked at. */
static void a_balance_looked_at_must_be_equal(void **state)
{
    (void)state;
    for (uint64_t more = 0; more < 2; more++) {
        struct world *w = w_create(EVM_CANCUN);
        w_senders(w, 1, 10 * COST);
        w_contract(w, W_CONTRACT(0), 70, "SELFBALANCE 0 SSTORE STOP");
        w_tx(w, 0, W_CONTRACT(0));
        w_seal(w);
        struct evm_state *before = with_balance(w, W_CONTRACT(0), 70 + more);
        assert_int_equal(hits_of(w, before, &w->env, NULL, NULL), !more);
        evm_state_unref(before);
        w_destroy(w);
    }
}

/* ---- the block as it was expected ------------------------------------------------------------ */

static void other_base_fee(struct evm_block_env *e)
{
    e->base_fee = evm_u256_of(6);
}

static void other_number(struct evm_block_env *e)
{
    e->number--;
}

static void other_time(struct evm_block_env *e)
{
    e->timestamp += 12;
}

static void other_beneficiary(struct evm_block_env *e)
{
    e->coinbase = W_NOBODY(77);
}

static void other_randomness(struct evm_block_env *e)
{
    e->prev_randao.b[31] ^= 1;
}

static void other_limit(struct evm_block_env *e)
{
    e->gas_limit += 1000;
}

static void other_blob_fee(struct evm_block_env *e)
{
    e->blob_base_fee = evm_u256_of(5);
}

static void other_beacon_root(struct evm_block_env *e)
{
    e->parent_beacon_root.b[0] ^= 1; /* no opcode gives it */
}

#define ANY "0 SLOAD 1 ADD 0 SSTORE STOP"
/* With the hits of the one transaction. */
static const struct {
    void (*change)(struct evm_block_env *e);
    const char *program;
    uint32_t hits;
} fields[] = {
    {other_base_fee, ANY, 0},
    {other_number, ANY, 1},
    {other_number, "NUMBER 0 SSTORE STOP", 0},
    {other_number, "999 BLOCKHASH 0 SSTORE STOP", 0},
    {other_time, ANY, 1},
    {other_time, "TIMESTAMP 0 SSTORE STOP", 0},
    {other_time, "66 0 SSTORE STOP", 1},          /* 0x42, but as a number */
    {other_time, "0 0 SSTORE STOP TIMESTAMP", 0}, /* not reached: still cautious */
    {other_beneficiary, ANY, 1},
    {other_beneficiary, "COINBASE 0 SSTORE STOP", 0},
    {other_randomness, ANY, 1},
    {other_randomness, "PREVRANDAO 0 SSTORE STOP", 0},
    {other_limit, ANY, 1},
    {other_limit, "GASLIMIT 0 SSTORE STOP", 0},
    {other_blob_fee, ANY, 1},
    {other_blob_fee, "BLOBBASEFEE 0 SSTORE STOP", 0},
    {other_beacon_root, "NUMBER 0 SSTORE STOP", 1},
    {other_time, "0 0 0 CREATE 0 SSTORE STOP", 0}, /* whatever it makes may look */
};

static void what_was_seen_must_be_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (int nested = 0; nested < 2; nested++) {
            struct world *w = w_create(EVM_CANCUN);
            w_senders(w, 1, 10 * COST);
            w_contract(w, W_CONTRACT(0), 0, fields[i].program);
            w_contract(w, W_CONTRACT(1), 0, "0 0 0 0 0 0 CALLDATALOAD 70000 CALL POP STOP");
            struct evm_tx *tx = w_tx(w, 0, W_CONTRACT((unsigned)nested));
            w_name(w, tx, W_CONTRACT(0));
            w_seal(w);
            struct evm_block_env env = w->env;
            fields[i].change(&env);
            uint32_t hits = hits_of(w, w->pre, &env, NULL, NULL);
            if (hits != fields[i].hits)
                fail_msg("case %zu (%s), nested %d: %u hits", i, fields[i].program, nested, hits);
            w_destroy(w);
        }
}

/* EIP-3651: touching the beneficiary is cheap, so who it is matters to whoever touches either. */
static void a_touched_beneficiary_must_be_the_same(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct world *w = w_create(EVM_CANCUN);
        w_senders(w, 1, 10 * COST);
        w_contract(w, W_CONTRACT(0), 0, "0 CALLDATALOAD BALANCE POP STOP");
        struct evm_tx *tx = w_tx(w, 0, W_CONTRACT(0));
        w_name(w, tx, k == 0 ? W_NOBODY(5) : k == 1 ? W_NOBODY(77) : W_COINBASE);
        w_seal(w);
        struct evm_block_env env = w->env;
        other_beneficiary(&env);
        assert_int_equal(hits_of(w, w->pre, &env, NULL, NULL), k == 0);
        w_destroy(w);
    }
}

static void hashes_of_ancestors_are_compared(void **state)
{
    static const uint64_t numbers[] = {998, 999};
    const struct evm_hash then[] = {{{1}}, {{2}}}, now[] = {{{1}}, {{3}}};
    const struct evm_block_hashes a = {numbers, then, 2}, b = {numbers, now, 2};
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct world *w = w_create(EVM_CANCUN);
        w_senders(w, 1, 10 * COST);
        w_contract(w, W_CONTRACT(0), 0,
                   k ? "999 BLOCKHASH 0 SSTORE STOP" : "998 BLOCKHASH 0 SSTORE STOP");
        w_tx(w, 0, W_CONTRACT(0));
        w_seal(w);
        assert_int_equal(hits_of(w, w->pre, &w->env, &a, &b), !k);
        w_destroy(w);
    }
}

/* Rules of another fork are never the same block. */
static void another_fork_is_a_miss(void **state)
{
    (void)state;
    struct world *w = w_create(EVM_SHANGHAI);
    struct evm_ahead ahead;
    w_senders(w, 1, 10 * COST);
    w_pay(w, 0, W_NOBODY(1), 5);
    w_seal(w);
    const struct evm_block_input in = {
        .rules = evm_rules_of(w->fork), .txs = w->list, .tx_count = 1};
    ahead_of(&in, w->pre, &w->env, &ahead);
    assert_int_equal(ahead.kept, 1);
    assert_true(evm_precomputed_fits(ahead.txs[0], evm_rules_of(EVM_SHANGHAI), &w->env));
    assert_false(evm_precomputed_fits(ahead.txs[0], evm_rules_of(EVM_CANCUN), &w->env));
    evm_ahead_fini(&ahead);
    w_destroy(w);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Each allocation fails once: an error, or the result. */
static void memory_runs_out(void **state)
{
#ifdef WEFT_TINY
    struct fixture *f = *state;
    struct recipe_params p = recipe_params_default();
    struct recipe_block b;
    struct err err = {0};
    int failures = 0;
    p.txs = 12;
    assert_int_equal(recipe_make(recipe_find("erc20-distinct"), &p, f->codes, &b, &err), ERR_OK);
    const struct evm_block_input in = recipe_input(&b);
    const struct evm_precompute_input how = {
        .rules = in.rules, .env = in.env, .pre = in.pre, .metered = true};
    for (int64_t n = 0; n < 400; n++) {
        struct evm_ahead ahead;
        evm_alloc_fail_after(n);
        enum evm_status st = evm_precompute_all(&ahead, &how, in.txs, in.tx_count);
        evm_alloc_fail_after(-1);
        assert_true(st == EVM_OK ? ahead.kept == 12 : st == EVM_ERR_MEMORY && !ahead.txs);
        failures += st != EVM_OK;
        evm_ahead_fini(&ahead);
    }
    assert_true(failures > 50);
    struct evm_ahead ahead;
    ahead_of(&in, in.pre, in.env, &ahead);
    struct evm_block_input given = in;
    given.ahead = ahead.txs;
    for (int64_t n = 0, failed = 1; n < 5000 && failed; n++) {
        const struct evm_exec_config config = {.executor = evm_executor_find("ladder"),
                                               .driver = (enum evm_driver)(n % 2),
                                               .cores = 2,
                                               .profile = evm_profile_at(0)};
        struct evm_block_result r;
        evm_alloc_fail_after(n);
        enum evm_status st = evm_execute(&config, &given, &r, NULL);
        evm_alloc_fail_after(-1);
        assert_true(st == EVM_OK || st == EVM_ERR_MEMORY);
        failed = st != EVM_OK;
        evm_block_result_fini(&r);
    }
    evm_ahead_fini(&ahead);
    recipe_block_fini(&b);
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_are_as_conflicts_say, set_up, tear_down),
        cmocka_unit_test(a_balance_must_suffice),
        cmocka_unit_test(a_balance_looked_at_must_be_equal),
        cmocka_unit_test(what_was_seen_must_be_equal),
        cmocka_unit_test(a_touched_beneficiary_must_be_the_same),
        cmocka_unit_test(hashes_of_ancestors_are_compared),
        cmocka_unit_test(another_fork_is_a_miss),
        cmocka_unit_test_setup_teardown(memory_runs_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
