/* The transition tool's module: a block of several kinds of transactions, and memory that fails at
 * any point of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "evm/io/t8n.h"

#define SECRET "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8"

static const char alloc_text[] =
    "{\"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b\": {\"balance\": \"0x56bc75e2d63100000\"},"
    " \"0x00000000000000000000000000000000000c0de1\": {\"code\": "
    "\"0x600160025560aa60bb60206000a200\","
    "  \"storage\": {\"0x9\": \"0x8\"}}}";
static const char env_text[] =
    "{\"currentCoinbase\": \"0xc94f5374fce5edbc8e2a8697c15331677e6ebf0b\", \"currentGasLimit\": "
    "\"30000000\","
    " \"currentNumber\": \"7\", \"currentTimestamp\": \"1000\", \"currentBaseFee\": \"7\", "
    "\"currentRandom\": \"5\","
    " \"blockHashes\": {\"6\": "
    "\"0x0000000000000000000000000000000000000000000000000000000000000006\"},"
    " \"withdrawals\": [{\"index\": 1, \"validatorIndex\": 2, \"amount\": 3,"
    "  \"address\": \"0x00000000000000000000000000000000000000aa\"}], \"currentExcessBlobGas\": "
    "\"0\","
    " \"parentBeaconBlockRoot\": "
    "\"0x0000000000000000000000000000000000000000000000000000000000000001\"}";
static const char txs_text[] =
    "[{\"nonce\": 0, \"gas\": 100000, \"gasPrice\": 9, \"to\": "
    "\"0x00000000000000000000000000000000000c0de1\","
    "  \"secretKey\": \"" SECRET "\"},"
    " {\"nonce\": 7, \"gas\": 100000, \"gasPrice\": 9, \"secretKey\": \"" SECRET "\"},"
    " {\"type\": 1, \"nonce\": 1, \"gas\": 200000, \"gasPrice\": 9, \"input\": \"0x60016000f3\", "
    "\"secretKey\": \"" SECRET "\","
    "  \"accessList\": [{\"address\": \"0x00000000000000000000000000000000000c0de1\", "
    "\"storageKeys\": [\"0x1\", \"0x2\"]}]},"
    " {\"type\": 4, \"nonce\": 2, \"gas\": 200000, \"maxFeePerGas\": 9, \"maxPriorityFeePerGas\": "
    "1,"
    "  \"to\": \"0x00000000000000000000000000000000000c0de1\", \"secretKey\": \"" SECRET "\","
    "  \"authorizationList\": [{\"chainId\": 0, \"address\": "
    "\"0x000000000000000000000000000000000000bbbb\", \"nonce\": 0,"
    "   \"yParity\": 1, \"r\": "
    "\"0x5011890f198f0356a887b0779bde5afa1ed04e6acb1e3f37f8f18c7b6f521b98\","
    "   \"s\": \"0x56c3fa3456b103f3ef4a0acb4b647b9cab9ec4bc68fbcdf1e10b49fb2bcbcf61\"}]}]";

static char folder[] = "/tmp/weft-t8n-XXXXXX";
static char paths[3][64];

static int write_inputs(void **state)
{
    static const char *const texts[3] = {alloc_text, env_text, txs_text};
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d.json", folder, i);
        FILE *f = fopen(paths[i], "w");
        if (!f || fputs(texts[i], f) < 0 || fclose(f) != 0)
            return -1;
    }
    return 0;
}

static int remove_inputs(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        remove(paths[i]);
    return rmdir(folder);
}

static enum evm_t8n_status make(struct evm_t8n *t, struct evm_buf out[3], struct evm_err *err)
{
    const struct evm_t8n_options how = {.alloc = paths[0],
                                        .env = paths[1],
                                        .txs = paths[2],
                                        .fork = "Prague",
                                        .chain_id = 1,
                                        .has_reward = true};
    enum evm_t8n_status status = evm_t8n_load(t, &how, err);
    if (!status)
        status = evm_t8n_run(t, NULL, err);
    if (!status)
        status = evm_t8n_put_alloc(t, 0, &out[0], err);
    if (!status)
        status = evm_t8n_put_result(t, 2, &out[1], err);
    if (!status)
        status = evm_t8n_put_body(t, &out[2], err);
    return status;
}

static void free_all(struct evm_t8n *t, struct evm_buf out[3])
{
    for (int i = 0; i < 3; i++)
        evm_buf_fini(&out[i]);
    evm_t8n_fini(t);
}

static void a_block(void **state)
{
    (void)state;
    struct evm_t8n t;
    struct evm_err err = {0};
    struct evm_buf out[3] = {{0}};
    assert_int_equal(make(&t, out, &err), EVM_T8N_OK);
    assert_int_equal(t.tx_count, 4);
    assert_int_equal(t.block.tx_count, 3);
    assert_string_equal(t.txs[1].rejected, "nonce too high");
    /* The type-4 one sets the code of the authority before it calls. */
    static const struct evm_addr authority = {{0x70, 0x3c, 0x4b, 0x2b, 0xd7, 0x0c, 0x16,
                                               0x9f, 0x57, 0x17, 0x10, 0x1c, 0xae, 0xe5,
                                               0x43, 0x29, 0x9f, 0xc9, 0x46, 0xc7}};
    struct evm_account acc;
    evm_state_account(t.state, &authority, &acc);
    assert_true(acc.exists && acc.nonce == 1);
    static const struct evm_addr paid = {{[19] = 0xaa}};
    evm_state_account(t.state, &paid, &acc);
    assert_int_equal(acc.balance.w[0], 3000000000);
    free_all(&t, out);
}

/* Every allocation fails once, in turn: the block is not made, a text says so, and nothing is left
 * (which the sanitizer sees). */
static void memory_out(void **state)
{
    (void)state;
#ifdef WEFT_TINY
    bool made = false;
    int64_t k = 0;
    for (; !made; k++) {
        struct evm_t8n t;
        struct evm_err err = {0};
        struct evm_buf out[3] = {{0}};
        evm_alloc_fail_after(k);
        enum evm_t8n_status status = make(&t, out, &err);
        evm_alloc_fail_after(-1);
        made = status == EVM_T8N_OK;
        if (!made && !err.text[0])
            fail_msg("allocation %lld: no text", (long long)k);
        free_all(&t, out);
    }
    assert_true(k > 50);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_block), cmocka_unit_test(memory_out)};
    return cmocka_run_group_tests(tests, write_inputs, remove_inputs);
}
