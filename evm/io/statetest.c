#include "evm/io/statetest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "evm/block/system.h"
#include "evm/block/txrun.h"
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/io/accounts.h"
#include "evm/io/exceptions.h"
#include "evm/io/file.h"
#include "evm/io/t8n_internal.h"
#include "evm/io/trace.h"

static const char *const reason_names[EVM_STATETEST_REASON_COUNT] = {
    [EVM_STATETEST_PASSED] = "passed",
    [EVM_STATETEST_SKIPPED] = "unknown fork",
    [EVM_STATETEST_MALFORMED] = "malformed",
    [EVM_STATETEST_EXCEPTION_EXPECTED] = "exception expected",
    [EVM_STATETEST_EXCEPTION_WRONG] = "wrong exception",
    [EVM_STATETEST_EXCEPTION_UNKNOWN] = "unknown exception",
    [EVM_STATETEST_EXCEPTION_FOUND] = "unexpected exception",
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
    const struct evm_statetest_options *options;
    void (*report)(void *self, const struct evm_statetest_case *c);
    void *self;
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

/* The verdict on a case, after its execution. */
struct verdict {
    enum evm_tx_invalid invalid;
    struct evm_err err; /* of a malformed one */
    struct evm_hash logs, root;
    bool success;
    enum evm_halt halt;
    uint64_t gas_used;
    struct evm_bytes output; /* valid until the next run */
};

/* The fixture does not say the type: the fields that are there do. */
static enum evm_tx_type type_of(const struct evm_t8n_reader *in, struct evm_jval access_list)
{
    if (evm_t8n_has(in, "authorizationList"))
        return EVM_TX_SET_CODE;
    if (evm_t8n_has(in, "maxFeePerBlobGas") || evm_t8n_has(in, "blobVersionedHashes"))
        return EVM_TX_BLOB;
    if (evm_t8n_has(in, "maxFeePerGas") || evm_t8n_has(in, "maxPriorityFeePerGas"))
        return EVM_TX_DYNAMIC_FEE;
    return evm_json_present(access_list) ? EVM_TX_ACCESS_LIST : EVM_TX_LEGACY;
}

/* The values of the case's three indexes. */
static void get_indexed(struct evm_t8n_reader *in, const struct evm_statetest_case *c,
                        struct evm_tx *tx)
{
    if (in->status)
        return;
    if (!evm_json_bytes(in->doc, evm_json_at(evm_json_get(in->in, "data"), c->data), &tx->input))
        evm_t8n_bad(in, "data", "holds no hexadecimal text there");
    if (!evm_json_u64(evm_json_at(evm_json_get(in->in, "gasLimit"), c->gas), &tx->gas_limit))
        evm_t8n_bad(in, "gasLimit", "holds no number of 64 bits there");
    if (!evm_json_u256(evm_json_at(evm_json_get(in->in, "value"), c->value), &tx->value))
        evm_t8n_bad(in, "value", "holds no number of 256 bits there");
}

/* The transaction from its parts. */
static enum evm_status read_parts(struct runner *r, const struct evm_rules *rules,
                                  uint64_t chain_id, struct evm_tx *tx, struct verdict *v)
{
    struct evm_jval lists = evm_json_get(r->tx, "accessLists");
    struct evm_jval access_list = evm_json_at(lists, r->c.data);
    struct evm_hash secret;
    struct evm_t8n_reader in = {.doc = r->doc, .in = r->tx, .file = "transaction", .err = &v->err};
    snprintf(in.where, sizeof in.where, "case %llu/%llu/%llu", (unsigned long long)r->c.data,
             (unsigned long long)r->c.gas, (unsigned long long)r->c.value);
    *tx = (struct evm_tx){.type = type_of(&in, access_list), .has_sender = true};
    tx->has_chain_id = tx->type != EVM_TX_LEGACY;
    tx->chain_id = tx->has_chain_id ? chain_id : 0;
    if (evm_json_present(lists) && !access_list.node)
        evm_t8n_bad(&in, "accessLists", "holds nothing there");
    get_indexed(&in, &r->c, tx);
    evm_t8n_u64(&in, "nonce", true, &tx->nonce);
    evm_t8n_tx_to(&in, tx);
    evm_t8n_tx_of_type(&in, access_list, tx);
    for (size_t i = 0; i < tx->authorization_count && !in.status; i++)
        evm_authorization_recover(&tx->authorizations[i]);
    if (evm_t8n_has(&in, "sender"))
        evm_t8n_addr(&in, "sender", true, &tx->sender);
    else if (evm_t8n_hash(&in, "secretKey", true, &secret) &&
             !evm_address_of_secret(secret.b, &tx->sender))
        evm_t8n_bad(&in, "secretKey", "is not a secret key");
    if (in.status == EVM_T8N_EVM)
        return EVM_ERR_MEMORY;
    if (in.status)
        v->invalid = EVM_TX_MALFORMED;
    else if (tx->type > rules->max_tx_type)
        v->invalid = EVM_TX_TYPE_NOT_SUPPORTED;
    return EVM_OK;
}

/* v->invalid says why there is no transaction. */
static enum evm_status read_tx(struct runner *r, struct evm_jval post,
                               const struct evm_rules *rules, uint64_t chain_id, struct evm_tx *tx,
                               struct verdict *v)
{
    struct evm_jval text = evm_json_get(post, "txbytes");
    struct evm_bytes raw;
    *tx = (struct evm_tx){0};
    if (!evm_json_present(text))
        return read_parts(r, rules, chain_id, tx, v);
    if (!evm_json_bytes(r->doc, text, &raw)) {
        v->invalid = EVM_TX_MALFORMED;
        evm_fail(&v->err, EVM_ERR_INPUT, "transaction: bad hexadecimal text");
        return EVM_OK;
    }
    return evm_tx_read(tx, &v->invalid, raw, rules, chain_id, &v->err);
}

/* ---- one case -------------------------------------------------------------------------------- */

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
    v->invalid = o->invalid;
    if (v->invalid != EVM_TX_VALID)
        return EVM_OK;
    v->success = o->success;
    v->halt = o->halt;
    v->gas_used = o->gas_used;
    v->output = o->output;
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
    struct evm_tx tx = {0};
    struct evm_state *s = evm_state_fork(r->pre);
    enum evm_status status = s ? logs_hash(NULL, 0, &v->logs) : EVM_ERR_MEMORY;
    if (status == EVM_OK)
        status = read_tx(r, post, rules, env->chain_id, &tx, v);
    if (v->invalid == EVM_TX_VALID && tx.gas_limit > env->gas_limit)
        v->invalid = EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK;
    if (v->invalid == EVM_TX_VALID && status == EVM_OK)
        status = run_tx(r, rules, env, &tx, s, v);
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

/* Runs it with a trace, if one is wanted. */
static enum evm_status execute_traced(struct runner *r, struct evm_jval post,
                                      const struct evm_rules *rules,
                                      const struct evm_block_env *env, struct verdict *v)
{
    const struct evm_statetest_options *o = r->options;
    FILE *file = o->trace_open ? o->trace_open(r->self, &r->c) : NULL;
    if (!file)
        return execute(r, post, rules, env, v);
    struct evm_trace trace;
    evm_trace_init(&trace, file, o->trace_flags);
    evm_txrun_trace(r->run, &trace.tracer);
    enum evm_status status = execute(r, post, rules, env, v);
    evm_txrun_trace(r->run, NULL);
    const char *error = NULL;
    if (v->invalid != EVM_TX_VALID)
        error = evm_tx_invalid_name(v->invalid);
    else if (!v->success)
        error = evm_halt_name(v->halt);
    struct evm_trace_summary sum = {
        .pass = v->success,
        .output = v->output,
        .gas_used = v->gas_used,
        .error = error,
        .state_root = &v->root,
        .fork = r->c.fork,
    };
    evm_trace_summary(&trace, &sum);
    bool lost = !evm_trace_fini(&trace);
    if (o->trace_close)
        o->trace_close(r->self, file, lost);
    return status;
}

/* What is shown of the case, whatever the verdict. */
static void keep_result(struct evm_statetest_case *c, const struct verdict *v)
{
    c->executed = true;
    c->state_root = v->root;
    c->logs_hash = v->logs;
    c->gas_used = v->gas_used;
    if (v->err.text[0])
        snprintf(c->error, sizeof c->error, "%.150s", v->err.text);
    else if (v->invalid != EVM_TX_VALID)
        snprintf(c->error, sizeof c->error, "%s", evm_tx_invalid_name(v->invalid));
    else if (!v->success)
        snprintf(c->error, sizeof c->error, "%s", evm_halt_name(v->halt));
}

static void mismatch(struct evm_statetest_case *c, enum evm_statetest_reason reason,
                     const struct evm_hash *got, const struct evm_hash *expected)
{
    char text[2][17];
    const struct evm_hash *h[2] = {got, expected};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 8; i++)
            snprintf(text[k] + 2 * i, 3, "%02x", h[k]->b[i]);
    c->reason = reason;
    snprintf(c->detail, sizeof c->detail, "got %s expected %s", text[0], text[1]);
}

/* The exception that the fixture names, against the one there was. */
static void judge_exception(struct evm_statetest_case *c, const char *expected,
                            const struct verdict *v)
{
    char unknown[64];
    if (v->invalid == EVM_TX_VALID) {
        c->reason = EVM_STATETEST_EXCEPTION_EXPECTED;
        snprintf(c->detail, sizeof c->detail, "%.160s", expected);
        return;
    }
    switch (evm_exception_check(expected, v->invalid, v->err.text, unknown)) {
    case EVM_EXCEPTION_SAME: return;
    case EVM_EXCEPTION_WRONG:
        c->reason = EVM_STATETEST_EXCEPTION_WRONG;
        snprintf(c->detail, sizeof c->detail, "expected %.120s, got %.100s", expected, c->error);
        return;
    case EVM_EXCEPTION_UNKNOWN:
        c->reason = EVM_STATETEST_EXCEPTION_UNKNOWN;
        snprintf(c->detail, sizeof c->detail, "%s has no row in evm/io/exceptions.c; got %.100s",
                 unknown, c->error);
        return;
    }
}

static void judge(struct evm_statetest_case *c, struct evm_jval post, const struct verdict *v)
{
    struct evm_hash root, logs;
    const char *exception = evm_json_string(evm_json_get(post, "expectException"));
    if (!evm_json_hash(evm_json_get(post, "hash"), &root) ||
        !evm_json_hash(evm_json_get(post, "logs"), &logs)) {
        c->reason = EVM_STATETEST_MALFORMED;
        snprintf(c->detail, sizeof c->detail, "no post-state root or logs hash");
        return;
    }
    if (exception) {
        judge_exception(c, exception, v);
    } else if (v->invalid == EVM_TX_MALFORMED) {
        c->reason = EVM_STATETEST_MALFORMED;
        snprintf(c->detail, sizeof c->detail, "%.150s", c->error);
    } else if (v->invalid != EVM_TX_VALID && evm_json_present(evm_json_get(post, "txbytes"))) {
        /* Fixtures of before 2021 have neither bytes nor names of exceptions: the root tells. */
        c->reason = EVM_STATETEST_EXCEPTION_FOUND;
        snprintf(c->detail, sizeof c->detail, "%.150s", c->error);
    }
    if (c->reason != EVM_STATETEST_PASSED)
        return;
    if (!evm_hash_eq(&logs, &v->logs))
        mismatch(c, EVM_STATETEST_LOGS, &v->logs, &logs);
    else if (!evm_hash_eq(&root, &v->root))
        mismatch(c, EVM_STATETEST_ROOT, &v->root, &root);
    size_t used = strlen(c->detail);
    if (c->detail[0] && c->error[0])
        snprintf(c->detail + used, sizeof c->detail - used, "; the transaction: %.140s", c->error);
}

/* ---- tests and files ------------------------------------------------------------------------- */

static bool wanted_case(const struct evm_statetest_options *o, const struct evm_statetest_case *c)
{
    return (!o->has_index || c->index == o->index) && (!o->has_data || c->data == o->data) &&
           (!o->has_gas || c->gas == o->gas) && (!o->has_value || c->value == o->value);
}

static bool same_fork(const char *a, const char *b)
{
    enum evm_fork x, y;
    return !strcasecmp(a, b) || (evm_fork_from_name(a, &x) && evm_fork_from_name(b, &y) && x == y);
}

static bool wanted_fork(const struct evm_statetest_options *o, const char *fork)
{
    for (size_t i = 0; i < o->fork_count; i++)
        if (same_fork(o->forks[i], fork))
            return true;
    return o->fork_count == 0;
}

/* NULL for a name that is not known. */
static const struct evm_rules *rules_of(const struct evm_statetest_options *o, const char *fork)
{
    for (size_t i = 0; i < o->alias_count; i++)
        if (same_fork(o->aliases[i].label, fork))
            return o->aliases[i].rules;
    return evm_rules_from_name(fork);
}

/* A case that cannot be run: the reason, and what is wrong. */
static void refuse(struct runner *r, enum evm_statetest_reason reason, const char *what)
{
    r->c.reason = reason;
    snprintf(r->c.detail, sizeof r->c.detail, "%.200s", what);
    r->report(r->self, &r->c);
}

static enum evm_status offer_case(struct runner *r, struct evm_jval post,
                                  const struct evm_rules *rules, const struct evm_block_env *env)
{
    struct verdict v = {.invalid = EVM_TX_VALID};
    struct evm_tx tx = {0};
    const struct evm_statetest_offer offer = {&r->c, rules, env, r->pre, &tx};
    enum evm_status status = read_tx(r, post, rules, env->chain_id, &tx, &v);
    if (status == EVM_OK && v.invalid == EVM_TX_VALID)
        status = r->options->offer(r->self, &offer);
    evm_tx_fini(&tx);
    return status;
}

static enum evm_status run_case(struct runner *r, struct evm_jval post,
                                const struct evm_rules *rules, const struct evm_block_env *env)
{
    struct evm_jval indexes = evm_json_get(post, "indexes");
    struct verdict v = {.invalid = EVM_TX_VALID};
    struct evm_statetest_case fresh = {.test = r->c.test, .fork = r->c.fork, .index = r->c.index};
    r->c = fresh;
    bool fine = evm_json_u64(evm_json_get(indexes, "data"), &r->c.data) &&
                evm_json_u64(evm_json_get(indexes, "gas"), &r->c.gas) &&
                evm_json_u64(evm_json_get(indexes, "value"), &r->c.value);
    if (!wanted_case(r->options, &r->c))
        return EVM_OK;
    if (!rules || !fine || !env) {
        char text[80];
        snprintf(text, sizeof text, "fork %.60s", r->c.fork);
        refuse(r, rules ? EVM_STATETEST_MALFORMED : EVM_STATETEST_SKIPPED,
               !rules ? text
               : env  ? "bad indexes"
                      : "bad env");
        return EVM_OK;
    }
    if (r->options->offer)
        return offer_case(r, post, rules, env);
    enum evm_status status = execute_traced(r, post, rules, env, &v);
    if (status != EVM_OK)
        return status;
    keep_result(&r->c, &v);
    judge(&r->c, post, &v);
    r->report(r->self, &r->c);
    return EVM_OK;
}

static enum evm_status run_fork(struct runner *r, struct evm_jval test, struct evm_jval posts)
{
    struct evm_block_env env;
    uint64_t chain_id = 1;
    const struct evm_rules *rules = rules_of(r->options, r->c.fork);
    evm_json_u64(evm_json_get(evm_json_get(test, "config"), "chainid"), &chain_id);
    bool fine = rules && read_env(r->env, rules, chain_id ? chain_id : 1, &env);
    for (size_t i = 0; i < evm_json_count(posts); i++) {
        r->c.index = i;
        enum evm_status status = run_case(r, evm_json_at(posts, i), rules, fine ? &env : NULL);
        if (status != EVM_OK)
            return status;
    }
    const struct evm_statetest_offer end = {&r->c, rules, &env, r->pre, NULL};
    return r->options->offer && fine ? r->options->offer(r->self, &end) : EVM_OK;
}

static enum evm_status run_test(struct runner *r, struct evm_jval test, struct evm_err *err)
{
    void *iter = NULL;
    const char *fork;
    struct evm_jval posts;
    struct evm_err inner = {0};
    r->env = evm_json_get(test, "env");
    r->tx = evm_json_get(test, "transaction");
    r->pre = evm_state_create(r->codes);
    if (!r->pre)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    enum evm_status status = evm_accounts_load(r->doc, evm_json_get(test, "pre"), r->pre, &inner);
    evm_state_seal(r->pre);
    if (status == EVM_ERR_INPUT) {
        r->c = (struct evm_statetest_case){.test = r->c.test, .fork = "?"};
        refuse(r, EVM_STATETEST_MALFORMED, inner.text);
        status = EVM_OK;
    } else {
        while (status == EVM_OK &&
               evm_json_next(evm_json_get(test, "post"), &iter, &fork, &posts)) {
            r->c.fork = fork;
            if (wanted_fork(r->options, fork))
                status = run_fork(r, test, posts);
        }
    }
    evm_state_unref(r->pre);
    return status == EVM_OK ? EVM_OK : evm_fail(err, EVM_ERR_MEMORY, "out of memory");
}

enum evm_status evm_statetest_file(const char *path, const struct evm_statetest_options *options,
                                   void (*report)(void *self, const struct evm_statetest_case *c),
                                   void *self, struct evm_err *err)
{
    static const struct evm_statetest_options everything;
    struct runner r = {.options = options ? options : &everything, .report = report, .self = self};
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
    const char *name;
    while (status == EVM_OK && evm_json_next(evm_json_root(r.doc), &iter, &name, &test)) {
        bool wanted = !r.options->test || strstr(name, r.options->test);
        if (!wanted || !evm_json_present(evm_json_get(test, "post")))
            continue; /* filtered, or "_info" and the like */
        r.c.test = name;
        status = run_test(&r, test, &inner);
        if (status != EVM_OK)
            evm_fail(err, status, "%.120s: %.100s", path, inner.text);
    }
    evm_txrun_destroy(r.run);
    evm_codes_destroy(r.codes);
    evm_json_destroy(r.doc);
    return status;
}
