/* weft evm run, weft evm disassemble: one piece of code, for somebody who wants to see what it
 * does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evm/core/address.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"
#include "evm/io/accounts.h"
#include "evm/io/asm.h"
#include "evm/io/file.h"
#include "evm/io/t8n.h"
#include "evm/io/trace.h"
#include "sim/base/nearest.h"
#include "sim/cli/cli.h"
#include "sim/cli/evm_show.h"
#include "sim/scenario/value.h"

#define HEX_DIGITS "0123456789abcdefABCDEF"

enum { DEFAULT_GAS = 30000000, MAX_ITERATIONS = 1000000 };

struct options {
    const char *code, *input, *fork, *gas, *value, *sender, *to, *prestate;
    uint64_t number, timestamp, iterations;
    bool create, trace, trace_memory, json, bench;
    const char *dump;
};

#define OPTION(field, text, kind, what, about)                                                     \
    {                                                                                              \
        .name = text, .type = kind, .offset = offsetof(struct options, field), .value = what,      \
        .doc = about                                                                               \
    }
static const struct cli_option run_options[] = {
    OPTION(code, "code", CLI_STRING, "CODE",
           "hexadecimal, or mnemonics ('PUSH1 1 PUSH1 2 ADD'), or @FILE with either"),
    OPTION(input, "input", CLI_STRING, "HEX", "call data, or @FILE with them (default: none)"),
    OPTION(fork, "fork", CLI_STRING, "NAME", "the rules (default: Osaka)"),
    OPTION(gas, "gas", CLI_STRING, "N", "gas the call gets, 100000 or 5Mgas (default: 30Mgas)"),
    OPTION(value, "value", CLI_STRING, "N",
           "wei sent with it, 7 or 1.5gwei or 2ether (default: 0)"),
    OPTION(sender, "sender", CLI_STRING, "ADDR",
           "who calls; gets 1,000,000 ether if it has no account (default: 0x…5e4d)"),
    OPTION(to, "to", CLI_STRING, "ADDR", "where the code is (default: 0x…c0de)"),
    OPTION(create, "create", CLI_FLAG, NULL, "the code is initcode: run it as a creation"),
    OPTION(prestate, "prestate", CLI_STRING, "FILE",
           "accounts before: {\"0xaddress\": {balance, nonce, code, storage}}"),
    OPTION(number, "number", CLI_U64, "N", "block number (default: 1)"),
    OPTION(timestamp, "timestamp", CLI_U64, "N", "block time, seconds (default: 1)"),
    OPTION(trace, "trace", CLI_FLAG, NULL, "EIP-3155 trace to stderr"),
    OPTION(trace_memory, "trace-memory", CLI_FLAG, NULL, "the same, with the memory"),
    OPTION(json, "json", CLI_FLAG, NULL, "the result as one JSON object"),
    OPTION(dump, "dump", CLI_STRING, "FILE",
           "accounts after the run, as --prestate reads them; -: to stdout, with nothing else"),
    OPTION(bench, "bench", CLI_FLAG, NULL, "how long it takes: minimum and median of many runs"),
    {.name = "iterations",
     .letter = 'n',
     .type = CLI_U64,
     .offset = offsetof(struct options, iterations),
     .value = "N",
     .doc = "runs of --bench (default: about half a second's worth)",
     .min = 1,
     .max = MAX_ITERATIONS},
};

/* Everything that a run needs. */
struct machine {
    const struct evm_rules *rules;
    struct evm_buf code, input;
    struct evm_json *doc;
    struct evm_codes *codes;
    struct evm_state *before, *after;
    struct evm_state_view view; /* the journal's, until it has finished */
    struct evm_journal *journal;
    struct evm_vm *vm;
    struct evm_block_env block;
    struct evm_tx_env tx;
    struct evm_msg msg;
    struct evm_vm_result result;
    struct evm_changes changes;
};

/* ---- arguments -------------------------------------------------------------------------------
 */

static void trim(struct evm_buf *b)
{
    while (b->size && strchr(" \t\r\n", b->data[b->size - 1]))
        b->size--;
    size_t skip = 0;
    while (skip < b->size && strchr(" \t\r\n", b->data[skip]))
        skip++;
    if (skip)
        memmove(b->data, b->data + skip, b->size - skip);
    b->size -= skip;
}

/* The option's text, or the file's that it names, ended by 0. -1 to go on. */
static int read_text(const struct cli_command *self, const char *option, const char *text,
                     struct evm_buf *out)
{
    struct evm_err err = {0};
    if (text[0] == '@') {
        if (evm_file_read(text + 1, out, &err) != EVM_OK)
            return cli_complain(self, "%s: %s", option, err.text);
        trim(out);
    } else {
        evm_buf_append(out, (struct evm_bytes){(const uint8_t *)text, strlen(text)});
    }
    if (out->size && memchr(out->data, 0, out->size))
        return cli_complain(self, "%s: %s is no text", option, text + 1);
    evm_buf_append(out, (struct evm_bytes){(const uint8_t *)"", 1});
    return out->failed ? cli_complain(self, "out of memory") : -1;
}

/* Hexadecimal digits, "0x" before them or not. */
static bool is_hex(const char *text)
{
    if (!strncmp(text, "0x", 2))
        text += 2;
    return !text[strspn(text, HEX_DIGITS)];
}

static int put_hex(const struct cli_command *self, const char *option, const char *text,
                   struct evm_buf *out)
{
    text += strncmp(text, "0x", 2) ? 0 : 2;
    size_t n = strlen(text);
    if (n % 2 || !is_hex(text))
        return cli_complain(self,
                            n % 2 && is_hex(text)
                                ? "%s: %zu hexadecimal digits; bytes have two each"
                                : "%s: not hexadecimal at digit %zu",
                            option, is_hex(text) ? n : strspn(text, HEX_DIGITS) + 1);
    uint8_t *to = evm_buf_extend(out, n / 2);
    if (n && !to)
        return cli_complain(self, "out of memory");
    for (size_t i = 0; i < n / 2; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        to[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return -1;
}

/* Code as hexadecimal or mnemonics; "0x" with blanks behind is a mnemonic text as well. */
static int read_code(const struct cli_command *self, const char *name, const char *arg,
                     struct evm_buf *out)
{
    struct evm_buf text = {0};
    struct evm_err err = {0};
    int status = read_text(self, name, arg, &text);
    if (status < 0) {
        const char *t = (const char *)text.data;
        size_t n = strlen(t);
        if (is_hex(t) && (!strncmp(t, "0x", 2) || n % 2 == 0))
            status = put_hex(self, name, t, out);
        else if (evm_asm(t, out, &err) != EVM_OK)
            status = cli_complain(self, "%s: %s", name, err.text);
    }
    evm_buf_fini(&text);
    return status;
}

static int read_input(const struct cli_command *self, const char *arg, struct evm_buf *out)
{
    struct evm_buf text = {0};
    int status = read_text(self, "--input", arg, &text);
    if (status < 0)
        status = put_hex(self, "--input", (const char *)text.data, out);
    evm_buf_fini(&text);
    return status;
}

static int read_rules(const struct cli_command *self, const char *name,
                      const struct evm_rules **out)
{
    const char *names[64];
    size_t n = 0;
    *out = evm_rules_from_name(name ? name : "Osaka");
    if (*out)
        return -1;
    for (; n < sizeof names / sizeof names[0] && evm_rules_at(n); n++)
        names[n] = evm_rules_at(n)->name;
    const char *near = nearest_name(name, names, n);
    if (near)
        return cli_complain(self, "--fork: no fork is called '%s'; did you mean %s?", name, near);
    return cli_complain(self, "--fork: no fork is called '%s'; the newest is %s", name,
                        evm_rules_of(EVM_FORK_COUNT - 1)->name);
}

/* A plain number, or one with a unit of `type`. */
static int read_amount(const struct cli_command *self, const char *option, enum field_type type,
                       const char *text, struct evm_u256 *out)
{
    char why[VALUE_WHY];
    struct value v;
    if (evm_u256_parse(out, text))
        return -1;
    if (!value_scan(type, false, text, &v, why))
        return cli_complain(self, "%s: %s", option, why);
    memcpy(out->w, v.big.w, sizeof out->w);
    return -1;
}

static int read_addr(const struct cli_command *self, const char *option, const char *text,
                     struct evm_addr *out)
{
    struct evm_u256 number;
    size_t digits = text && !strncmp(text, "0x", 2) ? strlen(text) - 2 : 0;
    if (!text)
        return -1;
    /* Leading zeros may be left away: 0xc0de. */
    if (!digits || digits > 40 || !evm_u256_parse(&number, text))
        return cli_complain(self, "--%s: '%s' is no address (0x and up to 40 hexadecimal digits)",
                            option, text);
    evm_u256_to_addr(out, &number);
    return -1;
}

static int read_message(const struct cli_command *self, const struct options *o, struct machine *m)
{
    struct evm_u256 gas = evm_u256_of(DEFAULT_GAS);
    m->msg.caller = (struct evm_addr){{[18] = 0x5e, [19] = 0x4d}};
    m->msg.to = (struct evm_addr){{[18] = 0xc0, [19] = 0xde}};
    int status = read_rules(self, o->fork, &m->rules);
    if (status < 0 && o->code)
        status = read_code(self, "--code", o->code, &m->code);
    if (status < 0 && o->input)
        status = read_input(self, o->input, &m->input);
    if (status < 0 && o->gas)
        status = read_amount(self, "gas", FIELD_GAS, o->gas, &gas);
    if (status < 0 && o->value)
        status = read_amount(self, "value", FIELD_WEI, o->value, &m->msg.value);
    if (status < 0)
        status = read_addr(self, "sender", o->sender, &m->msg.caller);
    if (status < 0)
        status = read_addr(self, "to", o->to, &m->msg.to);
    if (status < 0 && evm_u256_clamp64(&gas) > INT64_MAX)
        status = cli_complain(self, "--gas: %s is more than 2^63 - 1", o->gas);
    m->msg.gas = (int64_t)gas.w[0];
    return status;
}

static int check_options(const struct cli_command *self, const struct options *o)
{
    if (!o->code && !o->prestate)
        return cli_complain(self, "needs --code (or --prestate with code at --to); "
                                  "see 'weft evm run --help'");
    if (o->create && !o->code)
        return cli_complain(self, "--create needs --code");
    if (o->create && (o->to || o->input))
        return cli_complain(self, "--create takes no --%s: %s", o->to ? "to" : "input",
                            o->to ? "the address follows from sender and nonce"
                                  : "what a constructor is to get stands behind its code");
    if (o->bench && (o->trace || o->trace_memory || o->dump))
        return cli_complain(self, "--bench goes with neither --trace nor --dump");
    if (o->iterations && !o->bench)
        return cli_complain(self, "--iterations is for --bench");
    return -1;
}

/* ---- the world before -------------------------------------------------------------------------
 */

static int load_prestate(const struct cli_command *self, const char *path, struct machine *m)
{
    struct evm_buf text = {0};
    struct evm_err err = {0};
    enum evm_status status = evm_file_read(path, &text, &err);
    if (status == EVM_OK)
        status = evm_json_parse(&m->doc, (const char *)text.data, text.size, path, &err);
    evm_buf_fini(&text);
    if (status == EVM_OK) {
        status = evm_accounts_load(m->doc, evm_json_root(m->doc), m->before, &err);
        if (status != EVM_OK)
            return cli_complain(self, "--prestate: %s: %s", path, err.text);
    }
    return status == EVM_OK ? -1 : cli_complain(self, "--prestate: %s", err.text);
}

static bool write_account(struct machine *m, const struct evm_account_change *a)
{
    struct evm_account_change copy = *a;
    struct evm_changes one = {.accounts = &copy, .account_count = 1};
    return evm_state_apply(m->before, &one) == EVM_OK;
}

/* The sender's money, and the code where it is called. */
static bool place(struct machine *m, const struct options *o)
{
    struct evm_account sender;
    struct evm_account_change rich = {.addr = m->msg.caller, .wrote = EVM_WROTE_BALANCE};
    struct evm_u256 ether = evm_u256_of(1000000000000000000), million = evm_u256_of(1000000);
    evm_u256_mul(&rich.balance, &ether, &million);
    evm_state_account(m->before, &m->msg.caller, &sender);
    if (!sender.exists && !write_account(m, &rich))
        return false;
    struct evm_bytes code = evm_buf_bytes(&m->code);
    if (o->create) {
        evm_create_address(&m->msg.caller, sender.nonce, &m->msg.to);
        m->msg.kind = EVM_CREATE;
        m->msg.input = code;
        return true;
    }
    m->msg.kind = EVM_CALL;
    m->msg.input = evm_buf_bytes(&m->input);
    struct evm_account_change callee = {
        .addr = m->msg.to, .wrote = EVM_WROTE_CODE, .code = evm_codes_add(m->codes, code)};
    return !o->code || !code.size || (callee.code && write_account(m, &callee));
}

static int set_up(const struct cli_command *self, const struct options *o, struct machine *m)
{
    evm_changes_init(&m->changes);
    int status = read_message(self, o, m);
    if (status >= 0)
        return status;
    m->codes = evm_codes_create();
    m->vm = evm_vm_create();
    m->journal = m->codes ? evm_journal_create(m->codes) : NULL;
    m->before = m->codes ? evm_state_create(m->codes) : NULL;
    if (!m->vm || !m->journal || !m->before)
        return cli_complain(self, "out of memory");
    if (o->prestate)
        status = load_prestate(self, o->prestate, m);
    if (status < 0 && !place(m, o))
        status = cli_complain(self, "out of memory");
    evm_state_seal(m->before);
    uint64_t gas = (uint64_t)m->msg.gas;
    m->block = (struct evm_block_env){
        .number = o->number,
        .timestamp = o->timestamp,
        .gas_limit = gas > DEFAULT_GAS ? gas : DEFAULT_GAS,
        .chain_id = 1,
        .blob_base_fee = {{1}},
    };
    m->tx.origin = m->msg.caller;
    return status;
}

static void tear_down(struct machine *m)
{
    evm_changes_fini(&m->changes);
    evm_state_unref(m->after);
    evm_state_unref(m->before);
    evm_journal_destroy(m->journal);
    evm_vm_destroy(m->vm);
    evm_codes_destroy(m->codes);
    evm_json_destroy(m->doc);
    evm_buf_fini(&m->code);
    evm_buf_fini(&m->input);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void warm(struct machine *m, const struct evm_addr *addr)
{
    struct evm_jaccount *acc;
    evm_journal_account(m->journal, addr, 0, &acc);
    evm_journal_warm_account(m->journal, acc);
}

/* From a fresh journal, as a transaction would find it. False if memory is out. */
static bool run_once(struct machine *m)
{
    static const struct evm_block_hashes no_hashes;
    m->view = (struct evm_state_view){m->before, &no_hashes};
    evm_journal_begin(m->journal, m->rules, evm_state_view(&m->view));
    warm(m, &m->msg.caller);
    if (m->rules->warm_coinbase)
        warm(m, &m->block.coinbase);
    evm_vm_begin(m->vm, m->rules, &m->block, &m->tx, m->journal, &m->msg);
    while (evm_vm_step(m->vm, NULL, 0) != EVM_STEP_DONE)
        ;
    return evm_vm_result(m->vm, &m->result) == EVM_OK;
}

static bool finish(struct machine *m, struct evm_hash *root)
{
    m->after = evm_state_fork(m->before);
    bool fine = m->after && evm_journal_finish(m->journal, &m->changes) == EVM_OK &&
                evm_state_apply(m->after, &m->changes) == EVM_OK;
    if (fine)
        evm_state_seal(m->after);
    return fine && evm_state_root(m->after, root) == EVM_OK;
}

/* A file is complete or as it was: it is written beside and renamed. */
static int dump_accounts(const struct cli_command *self, const char *path, const struct machine *m)
{
    struct evm_t8n world = {.state = m->after, .codes = m->codes};
    struct evm_buf text = {0};
    struct evm_err err = {0};
    char beside[4096];
    int status = -1;
    if (evm_t8n_put_alloc(&world, 0, &text, &err) != EVM_T8N_OK) {
        status = cli_complain(self, "out of memory");
    } else if (!strcmp(path, "-")) {
        fwrite(text.data, 1, text.size, stdout);
        putchar('\n');
    } else if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) {
        status = cli_complain(self, "--dump: the name is too long");
    } else {
        FILE *f = fopen(beside, "w");
        bool fine = f && fwrite(text.data, 1, text.size, f) == text.size && putc('\n', f) != EOF;
        fine = f && fclose(f) == 0 && fine;
        if (!fine || rename(beside, path) != 0) {
            status =
                cli_complain(self, "--dump: '%s' cannot be written: %s", path, strerror(errno));
            if (f)
                remove(beside);
        }
    }
    evm_buf_fini(&text);
    return status;
}

static int print_result(const struct cli_command *self, const struct options *o, struct machine *m,
                        int64_t refund)
{
    struct cli_text t = {0};
    struct evm_show show = {
        .rules = m->rules,
        .result = &m->result,
        .msg = &m->msg,
        .refund = refund,
        .logs = evm_journal_logs(m->journal),
        .log_count = evm_journal_log_count(m->journal),
        .before = m->before,
        .changes = &m->changes,
    };
    (o->json ? evm_show_json : evm_show_text)(&t, &show);
    int status = t.failed ? cli_complain(self, "out of memory") : -1;
    if (status < 0 && o->dump)
        status = dump_accounts(self, o->dump, m);
    if (status < 0 && !(o->dump && !strcmp(o->dump, "-")))
        fputs(t.text, stdout);
    cli_text_fini(&t);
    return status < 0 ? cli_finish(self, CLI_DONE) : status;
}

static int run_and_show(const struct cli_command *self, const struct options *o, struct machine *m)
{
    struct evm_trace trace;
    struct evm_hash root;
    bool traced = o->trace || o->trace_memory;
    evm_trace_init(&trace, stderr, o->trace_memory ? EVM_TRACE_MEMORY : 0);
    evm_vm_trace(m->vm, traced ? &trace.tracer : NULL);
    bool fine = run_once(m);
    int64_t refund = evm_journal_refund(m->journal);
    fine = fine && finish(m, &root);
    bool passed = m->result.halt == EVM_HALT_STOP;
    struct evm_trace_summary sum = {
        .pass = passed,
        .output = m->result.output,
        .gas_used = (uint64_t)(m->msg.gas - m->result.gas_left),
        .error = passed ? NULL : evm_halt_name(m->result.halt),
        .state_root = &root,
        .fork = m->rules->name,
    };
    if (fine && traced)
        evm_trace_summary(&trace, &sum);
    if (!evm_trace_fini(&trace) && traced)
        return cli_complain(self, "the trace could not be written");
    return fine ? print_result(self, o, m, refund) : cli_complain(self, "out of memory");
}

/* ---- how long it takes ------------------------------------------------------------------------
 */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static int bench(const struct cli_command *self, const struct options *o, struct machine *m)
{
    double start = now_ns();
    bool fine = run_once(m); /* which also translates the code */
    double first = now_ns() - start;
    start = now_ns();
    fine = fine && run_once(m);
    double again = now_ns() - start;
    uint64_t n = o->iterations;
    if (!n)
        n = again > 1e8 ? 5 : again < 500 ? 1000000 : (uint64_t)(5e8 / again);
    double *times = malloc(n * sizeof *times);
    if (!times || !fine) {
        free(times);
        return cli_complain(self, "out of memory");
    }
    for (uint64_t i = 0; i < n && fine; i++) {
        start = now_ns();
        fine = run_once(m);
        times[i] = now_ns() - start;
    }
    qsort(times, n, sizeof *times, ascending);
    int64_t used = m->msg.gas - m->result.gas_left;
    double min = times[0], median = times[n / 2], rate = (double)used / median;
    const char *format =
        o->json
            ? "{\"status\": \"%s\", \"gasUsed\": %lld, \"iterations\": %llu, \"first_ns\": %.0f, "
              "\"min_ns\": %.0f, \"median_ns\": %.0f, \"gas_per_s\": %.0f}\n"
            : "status     %s\ngas used   %lld\nruns       %llu, after a first one of %.0f ns\n"
              "time       %.0f ns at least, %.0f ns in the median\n"
              "speed      %.3f Ggas/s in the median\n";
    printf(format, evm_show_status(m->result.halt), (long long)used, (unsigned long long)n, first,
           min, median, o->json ? rate * 1e9 : rate);
    free(times);
    return fine ? cli_finish(self, CLI_DONE) : cli_complain(self, "out of memory");
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.number = 1, .timestamp = 1};
    struct cli_operands none;
    struct machine m = {0};
    int status = cli_parse(self, argc, argv, &o, &none);
    if (status < 0)
        status = check_options(self, &o);
    if (status >= 0)
        return status;
    status = set_up(self, &o, &m);
    if (status < 0)
        status = o.bench ? bench(self, &o, &m) : run_and_show(self, &o, &m);
    tear_down(&m);
    return status;
}

const struct cli_command cli_evm_run = {
    .name = "evm run",
    .operands = "",
    .summary = "run one piece of EVM code and show what it did",
    .details =
        "Calls the code with the gas given (no intrinsic gas is taken) and prints how it ended, "
        "the\n"
        "gas used, the output, why it reverted (Solidity's Error and Panic), logs, and what "
        "changed\n"
        "in the accounts. Without --code, the code that --prestate has at --to is called. A call\n"
        "that reverts or halts is a result like any other: the status is 0.\n\n"
        "Mnemonics may have labels: 'loop: ... PUSH @loop JUMP'. PUSH without a size takes as "
        "many\n"
        "bytes as its number needs.\n\n"
        "examples:\n"
        "  weft evm run --code 'PUSH1 1 PUSH1 2 ADD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN'\n"
        "  weft evm run --code 0x5f3554600101805f5500 --fork Shanghai --trace\n"
        "  weft evm run --code @token.hex --input 0x18160ddd --prestate accounts.json --json\n"
        "  weft evm run --code @constructor.hex --create --value 1ether --dump after.json\n"
        "  weft evm run --code @loop.asm --gas 100Mgas --bench",
    .options = run_options,
    .option_count = sizeof run_options / sizeof run_options[0],
    .max_operands = 0,
    .run = run,
};

/* ---- disassembly ------------------------------------------------------------------------------
 */

static const struct cli_option disassemble_options[] = {
    OPTION(fork, "fork", CLI_STRING, "NAME",
           "the rules that say what is an opcode (default: Osaka)"),
};

static int disassemble(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands code;
    struct evm_buf bytes = {0};
    const struct evm_rules *rules = NULL;
    int status = cli_parse(self, argc, argv, &o, &code);
    if (status < 0)
        status = read_rules(self, o.fork, &rules);
    if (status < 0)
        status = read_code(self, "CODE", code.items[0], &bytes);
    for (size_t at = 0; status < 0 && at < bytes.size;) {
        char text[128];
        at = evm_disasm(rules, evm_buf_bytes(&bytes), at, text);
        puts(text);
    }
    evm_buf_fini(&bytes);
    return status < 0 ? cli_finish(self, CLI_DONE) : status;
}

const struct cli_command cli_evm_disassemble = {
    .name = "evm disassemble",
    .operands = "CODE",
    .summary = "show EVM code as mnemonics, one a line",
    .details =
        "CODE is hexadecimal or @FILE, as weft evm run has it. Each line is the place in\n"
        "hexadecimal, the name, and what a PUSH pushes; a byte that is no opcode of the fork\n"
        "stands as its number.\n\n"
        "example:\n"
        "  weft evm disassemble 0x6001600201",
    .options = disassemble_options,
    .option_count = sizeof disassemble_options / sizeof disassemble_options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = disassemble,
};
