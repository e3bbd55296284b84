/* The shared transaction tests: bytes, and for each fork either hash, sender and intrinsic gas or
 * the name of the reason why they are no valid transaction. Skipped where the fixtures are not
 * there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/block/txrun.h"
#include "evm/core/u256.h"
#include "evm/io/exceptions.h"
#include "evm/io/file.h"
#include "evm/io/json.h"

struct tally {
    size_t passed, failed;
};

/* A world where every sender is rich and has the right nonce: what is left are the rules of the
 * transaction itself. */
static enum evm_read rich_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    const struct evm_tx *tx = self;
    (void)need;
    *out = (struct evm_account){.code_hash = evm_empty_code_hash};
    if (evm_addr_eq(addr, &tx->sender)) {
        out->exists = true;
        memset(&out->balance, 0xff, sizeof out->balance);
        out->nonce = tx->nonce;
    }
    return EVM_READ_OK;
}

static enum evm_read no_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                             struct evm_u256 *out)
{
    (void)self, (void)addr, (void)key;
    *out = evm_u256_of(0);
    return EVM_READ_OK;
}

static void no_hash(void *self, uint64_t number, struct evm_hash *out)
{
    (void)self, (void)number;
    memset(out, 0, sizeof *out);
}

static const struct evm_view_ops rich = {rich_account, no_slot, no_hash};

/* Why it is invalid; the decoder's words are in *err. */
static enum evm_tx_invalid judge(struct evm_txrun *run, enum evm_fork fork, struct evm_bytes raw,
                                 struct evm_tx *tx, struct evm_err *err)
{
    const struct evm_rules *rules = evm_rules_of(fork);
    struct evm_block_env env = {.chain_id = 1, .gas_limit = INT64_MAX, .blob_base_fee = {{1}}};
    enum evm_tx_invalid why;
    assert_int_equal(evm_tx_read(tx, &why, raw, rules, 1, err), EVM_OK);
    if (why != EVM_TX_VALID)
        return why;
    evm_txrun_begin(run, rules, &env, tx, (struct evm_view){&rich, tx}, 0);
    while (evm_txrun_step(run, NULL, 0) != EVM_STEP_DONE)
        ;
    why = evm_txrun_outcome(run)->invalid;
    /* Well-formed transactions that no block could hold and nobody could pay are valid here. */
    if (why == EVM_TX_INSUFFICIENT_FUNDS ||
        (why == EVM_TX_GAS_LIMIT_TOO_HIGH && tx->gas_limit > INT64_MAX))
        why = EVM_TX_VALID;
    return why;
}

static bool one(struct evm_txrun *run, const char *fork_name, struct evm_jval expected,
                struct evm_bytes raw, const char **found)
{
    enum evm_fork fork;
    struct evm_tx tx = {0};
    struct evm_err err = {0};
    bool same = evm_fork_from_name(fork_name, &fork);
    char unknown[64];
    enum evm_tx_invalid why = judge(run, fork, raw, &tx, &err);
    const char *exception = evm_json_string(evm_json_get(expected, "exception"));
    if (exception) {
        same = same && why != EVM_TX_VALID &&
               evm_exception_check(exception, why, err.text, unknown) == EVM_EXCEPTION_SAME;
    } else {
        struct evm_hash hash;
        struct evm_addr sender;
        uint64_t intrinsic;
        same = same && why == EVM_TX_VALID &&
               evm_json_hash(evm_json_get(expected, "hash"), &hash) &&
               evm_json_addr(evm_json_get(expected, "sender"), &sender) &&
               evm_json_u64(evm_json_get(expected, "intrinsicGas"), &intrinsic) &&
               evm_hash_eq(&hash, &tx.hash) && evm_addr_eq(&sender, &tx.sender) &&
               intrinsic == evm_tx_intrinsic_gas(evm_rules_of(fork), &tx, NULL);
    }
    static char text[256];
    snprintf(text, sizeof text, "%.200s", err.text[0] ? err.text : evm_tx_invalid_name(why));
    *found = text;
    evm_tx_fini(&tx);
    return same;
}

static void run_file(const char *path, struct evm_txrun *run, struct tally *t)
{
    struct evm_buf text = {0};
    struct evm_json *doc;
    struct evm_err err = {0};
    assert_int_equal(evm_file_read(path, &text, &err), EVM_OK);
    assert_int_equal(evm_json_parse(&doc, (char *)text.data, text.size, path, &err), EVM_OK);
    void *iter = NULL;
    const char *name, *fork, *found;
    struct evm_jval test, expected;
    while (evm_json_next(evm_json_root(doc), &iter, &name, &test)) {
        struct evm_bytes raw;
        void *at = NULL;
        if (!evm_json_bytes(doc, evm_json_get(test, "txbytes"), &raw))
            continue; /* a text that is not hexadecimal holds no transaction at all */
        while (evm_json_next(evm_json_get(test, "result"), &at, &fork, &expected)) {
            bool ok = one(run, fork, expected, raw, &found);
            *(ok ? &t->passed : &t->failed) += 1;
            const char *exception = evm_json_string(evm_json_get(expected, "exception"));
            if (!ok)
                print_error("%s %s: expected %s, found %s\n", name, fork,
                            exception ? exception : "valid", found);
        }
    }
    evm_json_destroy(doc);
    evm_buf_fini(&text);
}

static void all_files(void **state)
{
    (void)state;
    const char *fixtures = getenv("WEFT_FIXTURES");
    char folder[512], path[1400];
    snprintf(folder, sizeof folder, "%s/conformance/transaction-tests",
             fixtures ? fixtures : "../shared");
    struct dirent **groups, **files;
    int n = scandir(folder, &groups, NULL, alphasort);
    if (n < 0)
        skip();
    struct evm_codes *codes = evm_codes_create();
    struct evm_txrun *run = evm_txrun_create(codes);
    struct tally t = {0};
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, groups[i]->d_name);
        int m = groups[i]->d_name[0] == '.' ? -1 : scandir(path, &files, NULL, alphasort);
        for (int k = 0; k < m; k++) {
            snprintf(path, sizeof path, "%s/%s/%s", folder, groups[i]->d_name, files[k]->d_name);
            if (strstr(files[k]->d_name, ".json"))
                run_file(path, run, &t);
            free(files[k]);
        }
        if (m >= 0)
            free(files);
        free(groups[i]);
    }
    free(groups);
    evm_txrun_destroy(run);
    evm_codes_destroy(codes);
    print_message("%zu verdicts as expected, %zu not\n", t.passed, t.failed);
    assert_true(t.passed > 1000);
    assert_int_equal(t.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
