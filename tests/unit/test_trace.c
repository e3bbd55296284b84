/* EIP-3155 traces: the EIP's own example line by line, and what each kind of opcode costs, worked
 * out by hand from the Yellow Paper and the EIPs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/u256.h"
#include "evm/io/json.h"
#include "evm/io/trace.h"
#include "evm/state/state.h"

static const struct evm_addr here = {{0xc0, 0xde, [19] = 0x01}}, sender = {{0x5e, [19] = 0x02}};
static const struct evm_addr callee = {{[18] = 0xca, [19] = 0x11}};

static struct evm_bytes bytes_of(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    assert_true(evm_hex_fixed(hex, out, size));
    return (struct evm_bytes){out, size};
}

static struct evm_state *make_world(struct evm_codes *codes, const char *code, const char *other)
{
    uint8_t a[256], b[256];
    const unsigned wrote = EVM_WROTE_BALANCE | EVM_WROTE_CODE | EVM_WROTE_CREATED | EVM_WROTE_NONCE;
    struct evm_account_change accounts[2] = {
        {.addr = callee, .nonce = 1, .code = evm_codes_add(codes, bytes_of(other, b))},
        {.addr = here,
         .nonce = 1,
         .balance = {{1000}},
         .code = evm_codes_add(codes, bytes_of(code, a))},
    };
    accounts[0].wrote = accounts[1].wrote = wrote;
    struct evm_changes changes = {.accounts = accounts, .account_count = 2};
    struct evm_state *world = evm_state_create(codes);
    assert_non_null(world);
    assert_int_equal(evm_state_apply(world, &changes), EVM_OK);
    return world;
}

/* Runs `code` at `here` (with `other` at 0xca11) and returns the trace, to be freed. */
static char *trace_of(const char *fork_name, const char *code, const char *other, int64_t gas,
                      unsigned flags)
{
    enum evm_fork fork;
    assert_true(evm_fork_from_name(fork_name, &fork));
    struct evm_codes *codes = evm_codes_create();
    struct evm_state *world = make_world(codes, code, other);
    struct evm_block_hashes no_hashes = {0};
    struct evm_state_view view = {world, &no_hashes};
    struct evm_journal *journal = evm_journal_create(codes);
    struct evm_vm *vm = evm_vm_create();
    struct evm_block_env block = {.number = 1000, .gas_limit = 30000000, .chain_id = 1};
    struct evm_tx_env tx = {.origin = sender};
    struct evm_msg msg = {.kind = EVM_CALL, .caller = sender, .to = here, .gas = gas};
    struct evm_vm_result result;
    struct evm_trace t;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    evm_trace_init(&t, out, flags);
    evm_journal_begin(journal, evm_rules_of(fork), evm_state_view(&view));
    evm_vm_begin(vm, evm_rules_of(fork), &block, &tx, journal, &msg);
    evm_vm_trace(vm, &t.tracer);
    assert_int_equal(evm_vm_step(vm, NULL, 0), EVM_STEP_DONE);
    assert_int_equal(evm_vm_result(vm, &result), EVM_OK);
    struct evm_trace_summary sum = {
        .pass = result.halt == EVM_HALT_STOP,
        .output = result.output,
        .gas_used = (uint64_t)(gas - result.gas_left),
        .error = result.halt == EVM_HALT_STOP ? NULL : evm_halt_name(result.halt),
        .fork = fork_name,
    };
    evm_trace_summary(&t, &sum);
    assert_true(evm_trace_fini(&t));
    fclose(out);
    evm_vm_destroy(vm);
    evm_journal_destroy(journal);
    evm_state_unref(world);
    evm_codes_destroy(codes);
    return text;
}

/* ---- the EIP's example -----------------------------------------------------------------------
 */

#define EIP_CODE "604080536040604055604060006040600060025afa6040f3"

/* memSize of MSTORE8 is 96 in the EIP's text, which says itself that it is the size before. */
static const char eip_trace[] =
    "{\"pc\":0,\"op\":96,\"gas\":\"0x2540be400\",\"gasCost\":\"0x3\",\"memSize\":0,\"stack\":[],"
    "\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":2,\"op\":128,\"gas\":\"0x2540be3fd\",\"gasCost\":\"0x3\",\"memSize\":0,\"stack\":["
    "\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"DUP1\"}\n"
    "{\"pc\":3,\"op\":83,\"gas\":\"0x2540be3fa\",\"gasCost\":\"0xc\",\"memSize\":0,\"stack\":["
    "\"0x40\",\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"MSTORE8\"}\n"
    "{\"pc\":4,\"op\":96,\"gas\":\"0x2540be3ee\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":[],"
    "\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":6,\"op\":96,\"gas\":\"0x2540be3eb\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":8,\"op\":85,\"gas\":\"0x2540be3e8\",\"gasCost\":\"0x4e20\",\"memSize\":96,\"stack\":["
    "\"0x40\",\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"SSTORE\"}\n"
    "{\"pc\":9,\"op\":96,\"gas\":\"0x2540b95c8\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":[],"
    "\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":11,\"op\":96,\"gas\":\"0x2540b95c5\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":13,\"op\":96,\"gas\":\"0x2540b95c2\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x40\",\"0x0\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":15,\"op\":96,\"gas\":\"0x2540b95bf\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x40\",\"0x0\",\"0x40\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":"
    "\"PUSH1\"}\n"
    "{\"pc\":17,\"op\":96,\"gas\":\"0x2540b95bc\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x40\",\"0x0\",\"0x40\",\"0x0\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,\"opName\":"
    "\"PUSH1\"}\n"
    "{\"pc\":19,\"op\":90,\"gas\":\"0x2540b95b9\",\"gasCost\":\"0x2\",\"memSize\":96,\"stack\":["
    "\"0x40\",\"0x0\",\"0x40\",\"0x0\",\"0x2\"],\"returnData\":\"0x\",\"depth\":1,\"refund\":0,"
    "\"opName\":\"GAS\"}\n"
    "{\"pc\":20,\"op\":250,\"gas\":\"0x2540b95b7\",\"gasCost\":\"0x24abb676c\",\"memSize\":96,"
    "\"stack\":[\"0x40\",\"0x0\",\"0x40\",\"0x0\",\"0x2\",\"0x2540b95b7\"],\"returnData\":\"0x\","
    "\"depth\":1,\"refund\":0,\"opName\":\"STATICCALL\"}\n"
    "{\"pc\":21,\"op\":96,\"gas\":\"0x2540b92a7\",\"gasCost\":\"0x3\",\"memSize\":96,\"stack\":["
    "\"0x1\"],\"returnData\":"
    "\"0xf5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b\","
    "\"depth\":1,\"refund\":0,\"opName\":\"PUSH1\"}\n"
    "{\"pc\":23,\"op\":243,\"gas\":\"0x2540b92a4\",\"gasCost\":\"0x0\",\"memSize\":96,\"stack\":["
    "\"0x1\",\"0x40\"],\"returnData\":"
    "\"0xf5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b\",\"depth\":1,"
    "\"refund\":0,\"opName\":\"RETURN\"}\n"
    "{\"pass\":true,\"output\":\"0x40\",\"gasUsed\":\"0x515c\",\"fork\":\"Istanbul\"}\n";

static void eip_example(void **state)
{
    (void)state;
    char *text = trace_of("Istanbul", EIP_CODE, "00", 10000000000, 0);
    assert_string_equal(text, eip_trace);
    free(text);
}

static void parts_on_demand(void **state)
{
    (void)state;
    const char expected[] =
        "{\"pc\":0,\"op\":54,\"gas\":\"0x64\",\"gasCost\":\"0x2\",\"memory\":\"0x\",\"memSize\":0,"
        "\"depth\":1,\"refund\":0,\"opName\":\"CALLDATASIZE\"}\n"
        "{\"pc\":1,\"op\":128,\"gas\":\"0x62\",\"gasCost\":\"0x3\",\"memory\":\"0x\",\"memSize\":0,"
        "\"depth\":1,\"refund\":0,\"opName\":\"DUP1\"}\n"
        "{\"pc\":2,\"op\":81,\"gas\":\"0x5f\",\"gasCost\":\"0x6\",\"memory\":\"0x\",\"memSize\":0,"
        "\"depth\":1,\"refund\":0,\"opName\":\"MLOAD\"}\n"
        "{\"pc\":3,\"op\":0,\"gas\":\"0x59\",\"gasCost\":\"0x0\",\"memory\":"
        "\"0x0000000000000000000000000000000000000000000000000000000000000000\",\"memSize\":32,"
        "\"depth\":1,\"refund\":0,\"opName\":\"STOP\"}\n"
        "{\"pass\":true,\"output\":\"0x\",\"gasUsed\":\"0xb\",\"fork\":\"Cancun\"}\n";
    unsigned flags = EVM_TRACE_MEMORY | EVM_TRACE_NO_STACK | EVM_TRACE_NO_RETURN_DATA;
    char *text = trace_of("Cancun", "36805100", "00", 100, flags);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- what opcodes cost -----------------------------------------------------------------------
 */

struct cost_case {
    const char *what, *fork, *code, *callee;
    int64_t gas;
    const char *expected; /* "depth opName cost; ", and the error where there is one */
};

static const struct cost_case cost_cases[] = {
    {"a new slot: 2,100 cold and 20,000", "Cancun", "600160005500", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 SSTORE 22100; 1 STOP 0; "},
    {"a slot set and cleared: the refund stands from the next opcode on", "Berlin",
     "6001600055600060005500", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 SSTORE 22100; 1 PUSH1 3; 1 PUSH1 3; 1 SSTORE 100; "
     "1 STOP 0 refund 19900; "},
    {"33 words of memory: 3 + 99 + 1089/512", "Cancun", "60006104005200", "00", 100000,
     "1 PUSH1 3; 1 PUSH2 3; 1 MSTORE 104; 1 STOP 0; "},
    {"32,769 words that are not there to be paid: 3 + 98,307 + 2,097,280", "Cancun",
     "6000621000005200", "00", 1000, "1 PUSH1 3; 1 PUSH3 3; 1 MSTORE 2195590 out of gas; "},
    {"more memory than anyone can pay: one more than there is", "Cancun",
     "60007fff000000000000000000000000000000000000000000"
     "0000000000000000000052",
     "00", 1000, "1 PUSH1 3; 1 PUSH32 3; 1 MSTORE 995 out of gas; "},
    {"a copy of 64 bytes, 3 a word, and 2 words of memory", "Cancun", "60406000600037", "00", 1000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 CALLDATACOPY 15; 1 STOP 0; "},
    {"the same with 14 gas left for it", "Cancun", "60406000600037", "00", 23,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 CALLDATACOPY 15 out of gas; "},
    {"exponent of two bytes", "Cancun",
     "6101006002"
     "0a",
     "00", 1000, "1 PUSH2 3; 1 PUSH1 3; 1 EXP 110; 1 STOP 0; "},
    {"value to a new account: 2,600 + 9,000 + 25,000 + 4,096 handed on", "Cancun",
     "6000600060006000600761beef611000f15a", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 PUSH2 3; 1 CALL 40696; "
     "1 GAS 2; 1 STOP 0; "},
    {"the same without the gas for the new account", "Cancun",
     "6000600060006000600761beef611000f15a", "00", 12000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 PUSH2 3; "
     "1 CALL 36600 out of gas; "},
    {"a precompile: 100 and the gas handed on, though most comes back", "Cancun",
     "600060006000600060046103e8fa", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 STATICCALL 1100; "
     "1 STOP 0; "},
    {"63 of 64 parts of 65,535 - 18 - 2,600 left", "Cancun",
     "6000600060006000"
     "61ca11"
     "62ffffff"
     "fa",
     "5a00", 65535,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 PUSH3 3; 1 STATICCALL 64534; "
     "2 GAS 2; 2 STOP 0; 1 STOP 0; "},
    {"a write in a static call", "Cancun",
     "6000600060006000"
     "61ca11"
     "61ea60"
     "fa",
     "6001600055", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 PUSH2 3; 1 STATICCALL 62600; "
     "2 PUSH1 3; 2 PUSH1 3; 2 SSTORE 0 static violation; 1 STOP 0; "},
    {"a revert is no error of the opcode", "Cancun",
     "6000600060006000"
     "61ca11"
     "61ea60"
     "fa",
     "60206000fd", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 PUSH2 3; 1 STATICCALL 62600; "
     "2 PUSH1 3; 2 PUSH1 3; 2 REVERT 3; 1 STOP 0; "},
    {"CREATE2 of 32 bytes: 32,000 + 3 memory + 2 initcode + 6 hash", "Cancun", "6005602060006000f5",
     "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 CREATE2 32011; 2 STOP 0; 1 STOP 0; "},
    {"CREATE before initcode had a price", "Berlin", "602060006000f0", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 CREATE 32003; 2 STOP 0; 1 STOP 0; "},
    {"CREATE without the gas: it fails at the memory, before the initcode is priced", "Cancun",
     "602060006000f0", "00", 30000, "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 CREATE 32003 out of gas; "},
    {"CREATE with more value than there is", "Cancun", "602060006107d0f0", "00", 100000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH2 3; 1 CREATE 32005; 1 STOP 0; "},
    {"the balance to a cold account that is not there: 5,000 + 2,600 + 25,000", "Cancun",
     "61beefff", "00", 100000, "1 PUSH2 3; 1 SELFDESTRUCT 32600; "},
    {"a cold slot", "Cancun", "60005400", "00", 10000, "1 PUSH1 3; 1 SLOAD 2100; 1 STOP 0; "},
    {"a cold slot without the gas", "Cancun", "60005400", "00", 100,
     "1 PUSH1 3; 1 SLOAD 2100 out of gas; "},
    {"a log of 32 bytes and a topic: 375 + 375 + 256 + 3 memory", "Cancun", "600060206000a1", "00",
     10000, "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 LOG1 1009; 1 STOP 0; "},
    {"the same without the gas", "Cancun", "600060206000a1", "00", 1000,
     "1 PUSH1 3; 1 PUSH1 3; 1 PUSH1 3; 1 LOG1 1009 out of gas; "},
    {"out of gas at once", "Cancun", "600160010100", "00", 8,
     "1 PUSH1 3; 1 PUSH1 3; 1 ADD 3 out of gas; "},
    {"nothing on the stack", "Cancun", "01", "00", 100, "1 ADD 3 stack underflow; "},
    {"no such opcode", "Cancun", "0c", "00", 100, "1 UNDEFINED 0 invalid opcode; "},
    {"a jump into nowhere", "Cancun", "600356", "00", 100, "1 PUSH1 3; 1 JUMP 8 bad jump; "},
};

static const char *text_of(struct evm_jval v, const char *key)
{
    const char *text = evm_json_string(evm_json_get(v, key));
    assert_non_null(text);
    return text;
}

static uint64_t number_of(struct evm_jval v, const char *key)
{
    uint64_t n = 0;
    assert_true(evm_json_u64(evm_json_get(v, key), &n));
    return n;
}

/* One line of the trace appended to `out` as the table has it. */
static void condense(char *line, char *out, size_t size)
{
    struct evm_json *doc = NULL;
    struct evm_err err;
    assert_int_equal(evm_json_parse(&doc, line, strlen(line), "trace", &err), EVM_OK);
    struct evm_jval v = evm_json_root(doc);
    size_t used = strlen(out);
    if (evm_json_present(evm_json_get(v, "opName"))) {
        const char *error = evm_json_string(evm_json_get(v, "error"));
        char refund[32] = "";
        if (number_of(v, "refund"))
            snprintf(refund, sizeof refund, " refund %u", (unsigned)number_of(v, "refund"));
        snprintf(out + used, size - used, "%u %s %llu%s%s%s; ", (unsigned)number_of(v, "depth"),
                 text_of(v, "opName"), (unsigned long long)number_of(v, "gasCost"), refund,
                 error ? " " : "", error ? error : "");
    }
    evm_json_destroy(doc);
}

static void costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cost_cases / sizeof cost_cases[0]; i++) {
        const struct cost_case *c = &cost_cases[i];
        char *text = trace_of(c->fork, c->code, c->callee, c->gas, 0), *save, seen[2048] = "";
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            condense(l, seen, sizeof seen);
        if (strcmp(seen, c->expected) != 0)
            fail_msg("%s:\n  got      %s\n  expected %s", c->what, seen, c->expected);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eip_example),
        cmocka_unit_test(parts_on_demand),
        cmocka_unit_test(costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
