#include "evm/io/statetest.h"

#include <stdio.h>
#include <strings.h>

#include "evm/block/system.h"
#include "evm/block/txrun.h"
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/io/accounts.h"
#include "evm/io/file.h"

static const char *const reason_names[EVM_STATETEST_REASON_COUNT] = {
    [EVM_STATETEST_PASSED] = "passed",
    [EVM_STATETEST_SKIPPED] = "unknown fork",
    [EVM_STATETEST_MALFORMED] = "malformed",
    [EVM_STATETEST_EXCEPTION_EXPECTED] = "exception expected",
    [EVM_STATETEST_LOGS] = "logs mismatch",
    [EVM_STATETEST_ROOT] = "root mismatch",
};

const char *evm_statetest_reason_name(enum evm_statetest_reason r)
{
    return (unsigned)r < EVM_STATETEST_REASON_COUNT ? reason_names[r] : "?";
}

/* What the cases of a file share. */
struct runner {
    struct evm_json *doc;
    struct evm_codes *codes;
    struct evm_txrun *run;
    struct evm_state *pre; /* of the test at hand */
    struct evm_jval env, tx;
    struct evm_statetest_case c;
};

/* ---- a view whose ancestors are made up: the hash of block n is keccak256 of n in decimal ------
 */

struct test_view {
    struct evm_view state;
};

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct test_view *v = self;
    return v->state.ops->account(v->state.self, addr, need, out);
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct test_view *v = self;
    return v->state.ops->slot(v->state.self, addr, key, out);
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    (void)self;
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    evm_keccak256(out, (struct evm_bytes){(const uint8_t *)text, (size_t)size});
}

static const struct evm_view_ops test_view_ops = {view_account, view_slot, view_block_hash};

/* ---- reading the fixture --------------------------------------------------------------------- */

static bool read_env(struct evm_jval json, const struct evm_rules *rules, uint64_t chain_id,
                     struct evm_block_env *env)
{
    struct evm_jval random = evm_json_get(json, "currentRandom");
    struct evm_jval excess = evm_json_get(json, "currentExcessBlobGas");
    struct evm_jval base_fee = evm_json_get(json, "currentBaseFee");
    struct evm_jval difficulty = evm_json_get(json, "currentDifficulty");
    struct evm_u256 word = {{0}};
    *env = (struct evm_block_env){.chain_id = chain_id, .base_fee = evm_u256_of(10)};
    bool ok = evm_json_addr(evm_json_get(json, "currentCoinbase"), &env->coinbase) &&
              evm_json_u64(evm_json_get(json, "currentNumber"), &env->number) &&
              evm_json_u64(evm_json_get(json, "currentTimestamp"), &env->timestamp);
    /* Some old fixtures have gas limits of 2^63 and more; none of their transactions has. */
    ok = ok && evm_json_u256(evm_json_get(json, "currentGasLimit"), &word);
    env->gas_limit = evm_u256_clamp64(&word);
    if (evm_json_present(base_fee))
        ok = ok && evm_json_u256(base_fee, &env->base_fee);
    if (evm_json_present(difficulty))
        ok = ok && evm_json_u256(difficulty, &env->difficulty);
    word = env->difficulty;
    if (evm_json_present(random))
        ok = ok && evm_json_u256(random, &word);
    evm_u256_store_be(env->prev_randao.b, &word);
    if (evm_json_present(excess))
        ok = ok && evm_json_u64(excess, &env->excess_blob_gas);
    if (rules->blob_fee_fraction)
        evm_blob_base_fee(env->excess_blob_gas, rules->blob_fee_fraction, &env->blob_base_fee);
    return ok;
}

/* The transaction from its parts: fixtures without "txbytes" have legacy ones only. */
static bool read_legacy(struct runner *r, struct evm_tx *tx)
{
    struct evm_jval to = evm_json_get(r->tx, "to");
    struct evm_jval data = evm_json_at(evm_json_get(r->tx, "data"), r->c.data);
    struct evm_jval gas = evm_json_at(evm_json_get(r->tx, "gasLimit"), r->c.gas);
    struct evm_jval value = evm_json_at(evm_json_get(r->tx, "value"), r->c.value);
    struct evm_hash secret;
    const char *to_text = evm_json_string(to);
    *tx = (struct evm_tx){.type = EVM_TX_LEGACY, .has_sender = true};
    tx->is_create = !to_text || !to_text[0];
    bool ok = (tx->is_create || evm_json_addr(to, &tx->to)) &&
              evm_json_bytes(r->doc, data, &tx->input) && evm_json_u64(gas, &tx->gas_limit) &&
              evm_json_u256(value, &tx->value) &&
              evm_json_u64(evm_json_get(r->tx, "nonce"), &tx->nonce) &&
              evm_json_u256(evm_json_get(r->tx, "gasPrice"), &tx->max_fee);
    tx->max_priority_fee = tx->max_fee;
    if (!evm_json_addr(evm_json_get(r->tx, "sender"), &tx->sender))
        ok = ok && evm_json_hash(evm_json_get(r->tx, "secretKey"), &secret) &&
             evm_address_of_secret(secret.b, &tx->sender);
    return ok;
}

/* False: the bytes hold no transaction, with the reason in *err. */
static bool read_tx(struct runner *r, struct evm_jval post, const struct evm_rules *rules,
                    struct evm_tx *tx, struct evm_err *err)
{
    struct evm_jval text = evm_json_get(post, "txbytes");
    struct evm_bytes raw;
    *tx = (struct evm_tx){0};
    if (!evm_json_present(text)) {
        if (read_legacy(r, tx))
            return true;
        evm_fail(err, EVM_ERR_INPUT, "transaction: a field is missing or out of range");
        return false;
    }
    if (!evm_json_bytes(r->doc, text, &raw)) {
        evm_fail(err, EVM_ERR_INPUT, "transaction: bad hexadecimal text");
        return false;
    }
    return evm_tx_decode(tx, raw, err) == EVM_OK &&
           evm_tx_recover(tx, rules->low_s_required, err) == EVM_OK;
}

/* ---- one case -------------------------------------------------------------------------------- */

/* The verdict on a case, after its execution. */
struct verdict {
    bool invalid;
    char why[160]; /* of an invalid one */
    struct evm_hash logs, root;
};

static enum evm_status logs_hash(const struct evm_log *logs, uint32_t count, struct evm_hash *out)
{
    struct evm_buf b = {0};
    evm_logs_encode(&b, logs, count);
    evm_keccak256(out, evm_buf_bytes(&b));
    enum evm_status status = b.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&b);
    return status;
}

/* Runs the transaction over `s` and writes what it changes into it, fee included. */
static enum evm_status run_tx(struct runner *r, const struct evm_rules *rules,
                              const struct evm_block_env *env, const struct evm_tx *tx,
                              struct evm_state *s, struct verdict *v)
{
    struct evm_state_view inner = {s, NULL};
    struct test_view view = {evm_state_view(&inner)};
    evm_txrun_begin(r->run, rules, env, tx, (struct evm_view){&test_view_ops, &view}, 0);
    while (evm_txrun_step(r->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(r->run);
    if (o->error != EVM_OK)
        return o->error;
    v->invalid = o->invalid != EVM_TX_VALID;
    snprintf(v->why, sizeof v->why, "%s", evm_tx_invalid_name(o->invalid));
    if (v->invalid)
        return EVM_OK;
    enum evm_status status = logs_hash(o->logs, o->log_count, &v->logs);
    if (status == EVM_OK)
        status = evm_state_apply(s, o->changes);
    if (status == EVM_OK && o->pays_beneficiary)
        status = evm_credit(s, rules, &env->coinbase, &o->fee);
    return status;
}

static enum evm_status execute(struct runner *r, struct evm_jval post,
                               const struct evm_rules *rules, const struct evm_block_env *env,
                               struct verdict *v)
{
    struct evm_tx tx;
    struct evm_err err = {0};
    struct evm_state *s = evm_state_fork(r->pre);
    enum evm_status status = s ? logs_hash(NULL, 0, &v->logs) : EVM_ERR_MEMORY;
    v->invalid = !read_tx(r, post, rules, &tx, &err);
    if (v->invalid) {
        snprintf(v->why, sizeof v->why, "%.150s", err.text);
    } else if (tx.gas_limit > env->gas_limit) {
        v->invalid = true;
        snprintf(v->why, sizeof v->why, "%s", evm_tx_invalid_name(EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK));
    } else if (status == EVM_OK) {
        status = run_tx(r, rules, env, &tx, s, v);
    }
    const struct evm_u256 nothing = evm_u256_of(0);
    if (status == EVM_OK)
        status = evm_credit(s, rules, &env->coinbase, &nothing);
    if (status == EVM_OK) {
        evm_state_seal(s);
        status = evm_state_root(s, &v->root);
    }
    evm_state_unref(s);
    evm_tx_fini(&tx);
    return status;
}

static void mismatch(struct evm_statetest_case *c, enum evm_statetest_reason reason,
                     const struct verdict *v, const struct evm_hash *got,
                     const struct evm_hash *expected)
{
    char text[2][17];
    const struct evm_hash *h[2] = {got, expected};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 8; i++)
            snprintf(text[k] + 2 * i, 3, "%02x", h[k]->b[i]);
    c->reason = reason;
    snprintf(c->detail, sizeof c->detail, "got %s expected %s%s%.100s", text[0], text[1],
             v->invalid ? "; transaction invalid: " : "", v->invalid ? v->why : "");
}

static void judge(struct evm_statetest_case *c, struct evm_jval post, const struct verdict *v)
{
    struct evm_hash root, logs;
    const char *exception = evm_json_string(evm_json_get(post, "expectException"));
    if (!evm_json_hash(evm_json_get(post, "hash"), &root) ||
        !evm_json_hash(evm_json_get(post, "logs"), &logs)) {
        c->reason = EVM_STATETEST_MALFORMED;
        snprintf(c->detail, sizeof c->detail, "no post-state root or logs hash");
    } else if (exception && !v->invalid) {
        c->reason = EVM_STATETEST_EXCEPTION_EXPECTED;
        snprintf(c->detail, sizeof c->detail, "%.160s", exception);
    } else if (!evm_hash_eq(&logs, &v->logs)) {
        mismatch(c, EVM_STATETEST_LOGS, v, &v->logs, &logs);
    } else if (!evm_hash_eq(&root, &v->root)) {
        mismatch(c, EVM_STATETEST_ROOT, v, &v->root, &root);
    }
}

static enum evm_status run_case(struct runner *r, struct evm_jval post,
                                const struct evm_rules *rules, const struct evm_block_env *env)
{
    struct evm_jval indexes = evm_json_get(post, "indexes");
    struct verdict v = {0};
    r->c.data = r->c.gas = r->c.value = 0;
    if (!evm_json_u64(evm_json_get(indexes, "data"), &r->c.data) ||
        !evm_json_u64(evm_json_get(indexes, "gas"), &r->c.gas) ||
        !evm_json_u64(evm_json_get(indexes, "value"), &r->c.value)) {
        r->c.reason = EVM_STATETEST_MALFORMED;
        snprintf(r->c.detail, sizeof r->c.detail, "bad indexes");
        return EVM_OK;
    }
    enum evm_status status = execute(r, post, rules, env, &v);
    if (status == EVM_OK)
        judge(&r->c, post, &v);
    return status;
}

/* ---- tests and files ------------------------------------------------------------------------- */

static enum evm_status run_fork(struct runner *r, struct evm_jval test, const char *name,
                                struct evm_jval posts,
                                void (*report)(void *self, const struct evm_statetest_case *c),
                                void *self)
{
    enum evm_fork fork;
    struct evm_block_env env;
    uint64_t chain_id = 1;
    bool known = evm_fork_from_name(name, &fork);
    evm_json_u64(evm_json_get(evm_json_get(test, "config"), "chainid"), &chain_id);
    bool fine = known && read_env(r->env, evm_rules_of(fork), chain_id ? chain_id : 1, &env);
    r->c.fork = name;
    for (size_t i = 0; i < evm_json_count(posts); i++) {
        enum evm_status status = EVM_OK;
        r->c.index = i;
        r->c.reason = EVM_STATETEST_PASSED;
        r->c.detail[0] = 0;
        if (fine)
            status = run_case(r, evm_json_at(posts, i), evm_rules_of(fork), &env);
        else
            r->c.reason = known ? EVM_STATETEST_MALFORMED : EVM_STATETEST_SKIPPED;
        if (status != EVM_OK)
            return status;
        if (!fine)
            snprintf(r->c.detail, sizeof r->c.detail, known ? "bad env" : "fork %.60s", name);
        report(self, &r->c);
    }
    return EVM_OK;
}

static enum evm_status run_test(struct runner *r, struct evm_jval test, const char *only_fork,
                                void (*report)(void *self, const struct evm_statetest_case *c),
                                void *self, struct evm_err *err)
{
    void *iter = NULL;
    const char *fork;
    struct evm_jval posts;
    r->env = evm_json_get(test, "env");
    r->tx = evm_json_get(test, "transaction");
    r->pre = evm_state_create(r->codes);
    if (!r->pre)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    enum evm_status status = evm_accounts_load(r->doc, evm_json_get(test, "pre"), r->pre, err);
    evm_state_seal(r->pre);
    while (status == EVM_OK && evm_json_next(evm_json_get(test, "post"), &iter, &fork, &posts)) {
        enum evm_fork a, b;
        bool wanted = !only_fork || !strcasecmp(only_fork, fork) ||
                      (evm_fork_from_name(only_fork, &a) && evm_fork_from_name(fork, &b) && a == b);
        if (wanted && run_fork(r, test, fork, posts, report, self) != EVM_OK)
            status = evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    }
    evm_state_unref(r->pre);
    return status;
}

enum evm_status evm_statetest_file(const char *path, const char *only_fork,
                                   void (*report)(void *self, const struct evm_statetest_case *c),
                                   void *self, struct evm_err *err)
{
    struct runner r = {0};
    struct evm_buf text = {0};
    struct evm_err inner = {0};
    enum evm_status status = evm_file_read(path, &text, err);
    if (status == EVM_OK)
        status = evm_json_parse(&r.doc, (const char *)text.data, text.size, path, err);
    evm_buf_fini(&text);
    if (status != EVM_OK)
        return status;
    r.codes = evm_codes_create();
    r.run = r.codes ? evm_txrun_create(r.codes) : NULL;
    if (!r.run)
        status = evm_fail(err, EVM_ERR_MEMORY, "%s: out of memory", path);
    void *iter = NULL;
    struct evm_jval test;
    while (status == EVM_OK && evm_json_next(evm_json_root(r.doc), &iter, &r.c.test, &test)) {
        if (!evm_json_present(evm_json_get(test, "post")))
            continue; /* "_info" and the like */
        status = run_test(&r, test, only_fork, report, self, &inner);
        if (status != EVM_OK)
            evm_fail(err, status, "%.120s: %.100s", path, inner.text);
    }
    evm_txrun_destroy(r.run);
    evm_codes_destroy(r.codes);
    evm_json_destroy(r.doc);
    return status;
}
