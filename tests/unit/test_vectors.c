/* Runs tests/vectors/NAME.vec. One case a line, blank lines and # comments apart:
 *
 *   ADD | 0x3 0x5 | gas 3 | ok 0x8
 *   program | stack, top first | gas used | ok stack, top first   [| settings]
 *
 * A program is mnemonics of opcodes.def and, behind a PUSHn, its number. Instead of `ok ...` stands
 * the name of an exceptional halt ("out of gas"); the gas is then `gas *`. Settings: fork NAME
 * (Cancun unless said), limit N (gas at the program's start), slot K=V, input HEX, static. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/opcodes.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"
#include "evm/state/state.h"

#define MAX_WORDS 1024
#define MAX_CODE  65536

struct vector {
    const char *file;
    int line;
    uint8_t code[MAX_CODE];
    size_t code_size, program; /* the program begins behind the pushes of its operands */
    struct evm_u256 operands[MAX_WORDS], results[MAX_WORDS];
    size_t operand_count, result_count;
    struct evm_u256 keys[8], values[8];
    size_t slot_count;
    uint8_t input[1024];
    size_t input_size;
    int64_t limit, gas; /* gas is -1 for any */
    const char *halt;   /* NULL for ok */
    enum evm_fork fork;
    bool is_static;
};

/* What the tracer saw. */
struct seen {
    uint64_t program;
    int64_t gas_before, gas_after;
    struct evm_u256 stack[MAX_WORDS];
    size_t stack_size;
};

static void bad(const struct vector *v, const char *why, const char *what)
{
    fail_msg("%s:%d: %s: %s", v->file, v->line, why, what);
}

static char *trim(char *s)
{
    while (*s == ' ')
        s++;
    size_t n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\n'))
        s[--n] = 0;
    return s;
}

static int opcode_of(const char *name)
{
    const struct evm_op_info *ops = evm_ops_of(EVM_OSAKA);
    for (int i = 0; i < 256; i++)
        if (ops[i].defined && strcmp(ops[i].name, name) == 0)
            return i;
    return -1;
}

static void emit_push(struct vector *v, unsigned bytes, const struct evm_u256 *word)
{
    uint8_t be[32];
    evm_u256_store_be(be, word);
    assert_true(v->code_size + 33 < MAX_CODE);
    v->code[v->code_size++] = (uint8_t)(0x5f + bytes);
    memcpy(v->code + v->code_size, be + 32 - bytes, bytes);
    v->code_size += bytes;
}

static void parse_program(struct vector *v, char *text)
{
    char *save;
    for (char *t = strtok_r(text, " ", &save); t; t = strtok_r(NULL, " ", &save)) {
        if (t[0] == '0' && t[1] == 'x') { /* a bare byte: opcodes that do not exist */
            v->code[v->code_size++] = (uint8_t)strtoul(t, NULL, 16);
            continue;
        }
        int op = opcode_of(t);
        if (op < 0)
            bad(v, "no such opcode", t);
        if (op < EVM_OP_PUSH1 || op > EVM_OP_PUSH32) {
            v->code[v->code_size++] = (uint8_t)op;
            continue;
        }
        struct evm_u256 word;
        t = strtok_r(NULL, " ", &save);
        if (!t || !evm_u256_parse(&word, t))
            bad(v, "PUSH without a number", t ? t : "");
        emit_push(v, (unsigned)(op - EVM_OP_PUSH1 + 1), &word);
    }
}

static size_t parse_words(const struct vector *v, char *text, struct evm_u256 *out)
{
    size_t n = 0;
    char *save;
    for (char *t = strtok_r(text, " ", &save); t; t = strtok_r(NULL, " ", &save)) {
        char *times = strchr(t, '*'); /* 0x1*1024: repeated */
        unsigned long repeat = times ? strtoul(times + 1, NULL, 10) : 1;
        if (times)
            *times = 0;
        for (; repeat > 0; repeat--)
            if (n == MAX_WORDS || !evm_u256_parse(&out[n++], t))
                bad(v, "not a word", t);
    }
    return n;
}

static void parse_setting(struct vector *v, char *text)
{
    char *save, *key = strtok_r(text, " ", &save), *value = strtok_r(NULL, " ", &save);
    if (strcmp(key, "static") == 0) {
        v->is_static = true;
    } else if (strcmp(key, "fork") == 0 && value) {
        if (!evm_fork_from_name(value, &v->fork))
            bad(v, "no such fork", value);
    } else if (strcmp(key, "limit") == 0 && value) {
        v->limit = strtoll(value, NULL, 10);
    } else if (strcmp(key, "input") == 0 && value) {
        for (value += 2; value[0] && value[1]; value += 2) {
            char pair[3] = {value[0], value[1], 0};
            v->input[v->input_size++] = (uint8_t)strtoul(pair, NULL, 16);
        }
    } else if (strcmp(key, "slot") == 0 && value && strchr(value, '=')) {
        char *equals = strchr(value, '=');
        *equals = 0;
        if (!evm_u256_parse(&v->keys[v->slot_count], value) ||
            !evm_u256_parse(&v->values[v->slot_count], equals + 1))
            bad(v, "not a slot", value);
        v->slot_count++;
    } else {
        bad(v, "unknown setting", key);
    }
}

static void parse_result(struct vector *v, char *text)
{
    if (strncmp(text, "ok", 2) == 0) {
        v->result_count = parse_words(v, text + 2, v->results);
        return;
    }
    for (int h = 0; h < EVM_HALT_COUNT; h++)
        if (strcmp(text, evm_halt_name((enum evm_halt)h)) == 0)
            v->halt = evm_halt_name((enum evm_halt)h);
    if (!v->halt)
        bad(v, "neither ok nor the name of a halt", text);
}

static void parse(struct vector *v, char *line)
{
    char *field[16];
    int n = 0;
    for (char *p = line; p && n < 16; n++) {
        field[n] = p;
        p = strchr(p, '|');
        if (p)
            *p++ = 0;
        field[n] = trim(field[n]);
    }
    if (n < 4)
        bad(v, "needs four fields", line);
    v->operand_count = parse_words(v, field[1], v->operands);
    for (size_t i = v->operand_count; i-- > 0;)
        emit_push(v, 32, &v->operands[i]);
    v->program = v->code_size;
    parse_program(v, field[0]);
    if (strncmp(field[2], "gas ", 4) != 0)
        bad(v, "no gas", field[2]);
    v->gas = field[2][4] == '*' ? -1 : strtoll(field[2] + 4, NULL, 10);
    parse_result(v, field[3]);
    for (int i = 4; i < n; i++)
        parse_setting(v, field[i]);
}

static void see(void *self, const struct evm_trace_step *s)
{
    struct seen *seen = self;
    if (s->depth != 1)
        return;
    if (s->pc == seen->program)
        seen->gas_before = s->gas;
    seen->gas_after = s->gas;
    seen->stack_size = s->stack_size;
    memcpy(seen->stack, s->stack, s->stack_size * sizeof *s->stack);
}

static const struct evm_addr here = {{0xc0, 0xde, [19] = 0x01}}, sender = {{0x5e, [19] = 0x02}};

static struct evm_state *make_world(const struct vector *v, struct evm_codes *codes)
{
    struct evm_slot_change slots[8];
    for (size_t i = 0; i < v->slot_count; i++)
        slots[i] = (struct evm_slot_change){v->keys[i], v->values[i]};
    struct evm_account_change account = {
        .addr = here,
        .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CODE | EVM_WROTE_CREATED | EVM_WROTE_NONCE,
        .nonce = 1,
        .balance = {{1000}},
        .code = evm_codes_add(codes, (struct evm_bytes){v->code, v->code_size}),
        .slot_count = (uint32_t)v->slot_count,
    };
    struct evm_changes changes = {
        .accounts = &account,
        .slots = slots,
        .account_count = 1,
        .slot_count = (uint32_t)v->slot_count,
    };
    struct evm_state *world = evm_state_create(codes);
    assert_non_null(world);
    assert_int_equal(evm_state_apply(world, &changes), EVM_OK);
    return world;
}

static void check(const struct vector *v, const struct seen *seen, const struct evm_vm_result *r)
{
    const char *halt = evm_halt_name(r->halt);
    if (v->halt) {
        if (strcmp(v->halt, halt) != 0)
            bad(v, "halts with", halt);
        return;
    }
    if (r->halt != EVM_HALT_STOP)
        bad(v, "should succeed, halts with", halt);
    int64_t used = seen->gas_before - seen->gas_after;
    if (v->gas >= 0 && used != v->gas)
        fail_msg("%s:%d: uses %ld gas, should be %ld", v->file, v->line, (long)used, (long)v->gas);
    if (seen->stack_size != v->result_count)
        fail_msg("%s:%d: leaves %zu words, should be %zu", v->file, v->line, seen->stack_size,
                 v->result_count);
    for (size_t i = 0; i < v->result_count; i++) {
        const struct evm_u256 *got = &seen->stack[v->result_count - 1 - i];
        char text[70];
        evm_u256_format(text, got);
        if (!evm_u256_eq(got, &v->results[i]))
            bad(v, "leaves", text);
    }
}

static void run(const struct vector *v)
{
    struct evm_codes *codes = evm_codes_create();
    struct evm_state *world = make_world(v, codes);
    struct evm_block_hashes no_hashes = {0};
    struct evm_state_view view = {world, &no_hashes};
    struct evm_journal *journal = evm_journal_create(codes);
    struct evm_vm *vm = evm_vm_create();
    const struct evm_rules *rules = evm_rules_of(v->fork);
    struct evm_block_env block = {
        .number = 1000, .timestamp = 1700000000, .gas_limit = 30000000, .chain_id = 1};
    struct evm_tx_env tx = {.origin = sender};
    struct evm_msg msg = {
        .kind = EVM_CALL,
        .caller = sender,
        .to = here,
        .input = {v->input, v->input_size},
        .gas = v->limit + 3 * (int64_t)v->operand_count,
    };
    struct seen seen = {.program = v->program};
    struct evm_tracer tracer = {.step = see, .self = &seen};
    struct evm_vm_result result;
    evm_journal_begin(journal, rules, evm_state_view(&view));
    evm_vm_begin(vm, rules, &block, &tx, journal, &msg);
    evm_vm_trace(vm, &tracer);
    assert_int_equal(evm_vm_step(vm, NULL, 0), EVM_STEP_DONE);
    assert_int_equal(evm_vm_result(vm, &result), EVM_OK);
    check(v, &seen, &result);
    evm_vm_destroy(vm);
    evm_journal_destroy(journal);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

static void run_file(const char *name)
{
    char path[256], line[8192];
    snprintf(path, sizeof path, "tests/vectors/%s.vec", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct vector *v = malloc(sizeof *v);
    assert_non_null(v);
    int cases = 0;
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        char *text = trim(line);
        if (!*text || *text == '#')
            continue;
        memset(v, 0, sizeof *v);
        v->file = path;
        v->line = n;
        v->fork = EVM_CANCUN;
        v->limit = 1000000;
        parse(v, text);
        run(v);
        cases++;
    }
    free(v);
    fclose(f);
    assert_true(cases > 0);
}

static void arithmetic(void **state)
{
    (void)state;
    run_file("arithmetic");
}

static void memory(void **state)
{
    (void)state;
    run_file("memory");
}

static void control(void **state)
{
    (void)state;
    run_file("control");
}

static void storage(void **state)
{
    (void)state;
    run_file("storage");
}

static void forks(void **state)
{
    (void)state;
    run_file("forks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(memory), cmocka_unit_test(control),
        cmocka_unit_test(storage),    cmocka_unit_test(forks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
