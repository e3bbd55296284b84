#include "sim/cli/evm_show.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"

void evm_show_hex(struct cli_text *t, struct evm_bytes b)
{
    cli_text_add(t, "0x");
    for (size_t i = 0; i < b.size; i++)
        cli_text_add(t, "%02x", b.data[i]);
}

static void add_addr(struct cli_text *t, const struct evm_addr *a)
{
    evm_show_hex(t, (struct evm_bytes){a->b, sizeof a->b});
}

static void add_word(struct cli_text *t, const struct evm_u256 *v)
{
    char text[80];
    evm_u256_format(text, v);
    cli_text_add(t, "%s", text);
}

/* Wei as a decimal number: 19 digits at a time, the last ones first. */
static void add_wei(struct cli_text *t, const struct evm_u256 *v)
{
    unsigned long long parts[5];
    int n = 0;
    struct evm_u256 rest = *v, part, base = evm_u256_of(10000000000000000000u);
    do {
        evm_u256_mod(&part, &rest, &base);
        evm_u256_div(&rest, &rest, &base);
        parts[n++] = part.w[0];
    } while (!evm_u256_is_zero(&rest));
    cli_text_add(t, "%llu", parts[--n]);
    while (n > 0)
        cli_text_add(t, "%019llu", parts[--n]);
}

/* ---- why it reverted --------------------------------------------------------------------------
 */

static const struct {
    uint8_t code;
    const char *meaning;
} panics[] = {
    {0x00, "generic panic of the compiler"},
    {0x01, "an assert is false"},
    {0x11, "arithmetic overflow or underflow"},
    {0x12, "division or modulo by zero"},
    {0x21, "a number that is no member of the enum"},
    {0x22, "a storage byte array that is encoded wrongly"},
    {0x31, "pop() of an empty array"},
    {0x32, "an index beyond the array"},
    {0x41, "too much memory, or an array too large"},
    {0x51, "a call of a function variable that was never set"},
};

static void add_panic(struct cli_text *t, const struct evm_u256 *code)
{
    const char *meaning = "no code that Solidity has";
    for (size_t i = 0; i < sizeof panics / sizeof panics[0]; i++)
        if (evm_u256_fits64(code) && code->w[0] == panics[i].code)
            meaning = panics[i].meaning;
    cli_text_add(t, "Panic(");
    add_word(t, code);
    cli_text_add(t, "): %s", meaning);
}

/* Error(string): an offset of 32, the length, the text. */
static void add_error(struct cli_text *t, struct evm_bytes args)
{
    struct evm_u256 offset, size;
    if (args.size < 64)
        return;
    evm_u256_load_be(&offset, args.data);
    evm_u256_load_be(&size, args.data + 32);
    if (evm_u256_clamp64(&offset) != 32 || evm_u256_clamp64(&size) > args.size - 64)
        return;
    char *text = malloc((size_t)size.w[0] + 1);
    if (!text) {
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < size.w[0]; i++) { /* nothing that a terminal or JSON would stumble on */
        uint8_t c = args.data[64 + i];
        text[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
    }
    text[size.w[0]] = 0;
    cli_text_add(t, "Error(");
    cli_text_json(t, text);
    cli_text_add(t, ")");
    free(text);
}

void evm_show_reason(struct cli_text *t, struct evm_bytes output)
{
    static const uint8_t error[4] = {0x08, 0xc3, 0x79, 0xa0}, panic[4] = {0x4e, 0x48, 0x7b, 0x71};
    if (output.size < 4)
        return;
    struct evm_bytes args = {output.data + 4, output.size - 4};
    struct evm_u256 code;
    if (!memcmp(output.data, error, 4)) {
        add_error(t, args);
    } else if (!memcmp(output.data, panic, 4) && args.size == 32) {
        evm_u256_load_be(&code, args.data);
        add_panic(t, &code);
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

const char *evm_show_status(enum evm_halt halt)
{
    return halt == EVM_HALT_STOP     ? "success"
           : halt == EVM_HALT_REVERT ? "reverted"
                                     : evm_halt_name(halt);
}

static void text_logs(struct cli_text *t, const struct evm_show *s)
{
    for (size_t i = 0; i < s->log_count; i++) {
        const struct evm_log *log = &s->logs[i];
        cli_text_add(t, "log %zu      ", i);
        add_addr(t, &log->addr);
        for (uint32_t k = 0; k < log->topic_count; k++) {
            cli_text_add(t, "\n  topic %u  ", k);
            evm_show_hex(t, (struct evm_bytes){log->topics[k].b, sizeof log->topics[k].b});
        }
        cli_text_add(t, "\n  data     ");
        evm_show_hex(t, log->data);
        cli_text_add(t, "\n");
    }
}

static void text_slots(struct cli_text *t, const struct evm_show *s,
                       const struct evm_account_change *a)
{
    for (uint32_t i = 0; i < a->slot_count; i++) {
        const struct evm_slot_change *slot = &s->changes->slots[a->first_slot + i];
        struct evm_u256 was;
        evm_state_slot(s->before, &a->addr, &slot->key, &was);
        cli_text_add(t, "  slot ");
        add_word(t, &slot->key);
        cli_text_add(t, ": ");
        add_word(t, &was);
        cli_text_add(t, " -> ");
        add_word(t, &slot->value);
        cli_text_add(t, "\n");
    }
}

static void text_account(struct cli_text *t, const struct evm_show *s,
                         const struct evm_account_change *a)
{
    struct evm_account was;
    evm_state_account(s->before, &a->addr, &was);
    if (a->wrote & EVM_WROTE_DELETED && !was.exists)
        return;
    cli_text_add(t, "account    ");
    add_addr(t, &a->addr);
    cli_text_add(t, a->wrote & EVM_WROTE_DELETED ? " is gone\n" : was.exists ? "\n" : " is new\n");
    if (a->wrote & EVM_WROTE_DELETED)
        return;
    if (a->wrote & EVM_WROTE_BALANCE) {
        cli_text_add(t, "  balance: ");
        add_wei(t, &was.balance);
        cli_text_add(t, " -> ");
        add_wei(t, &a->balance);
        cli_text_add(t, " wei\n");
    }
    if (a->wrote & EVM_WROTE_NONCE)
        cli_text_add(t, "  nonce: %llu -> %llu\n", (unsigned long long)was.nonce,
                     (unsigned long long)a->nonce);
    if (a->wrote & EVM_WROTE_CODE)
        cli_text_add(t, "  code: %zu bytes\n", a->code->size);
    text_slots(t, s, a);
}

void evm_show_text(struct cli_text *t, const struct evm_show *s)
{
    const struct evm_vm_result *r = s->result;
    cli_text_add(t, "status     %s\n", evm_show_status(s->result->halt));
    cli_text_add(t, "gas used   %lld of %lld", (long long)(s->msg->gas - r->gas_left),
                 (long long)s->msg->gas);
    if (s->refund > 0)
        cli_text_add(t, " (refunds of %lld asked for)", (long long)s->refund);
    cli_text_add(t, "\noutput     ");
    evm_show_hex(t, r->output);
    cli_text_add(t, " (%zu bytes)\n", r->output.size);
    if (r->halt == EVM_HALT_REVERT) {
        struct cli_text reason = {0};
        evm_show_reason(&reason, r->output);
        if (reason.text)
            cli_text_add(t, "reason     %s\n", reason.text);
        t->failed |= reason.failed;
        cli_text_fini(&reason);
    }
    if (r->halt != EVM_HALT_STOP)
        return;
    if (s->msg->kind == EVM_CREATE) {
        cli_text_add(t, "created    ");
        add_addr(t, &s->msg->to);
        cli_text_add(t, "\n");
    }
    text_logs(t, s);
    for (uint32_t i = 0; i < s->changes->account_count; i++)
        text_account(t, s, &s->changes->accounts[i]);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_hex(struct cli_text *t, const char *before, struct evm_bytes b)
{
    cli_text_add(t, "%s\"", before);
    evm_show_hex(t, b);
    cli_text_add(t, "\"");
}

static void json_word(struct cli_text *t, const char *before, const struct evm_u256 *v)
{
    cli_text_add(t, "%s\"", before);
    add_word(t, v);
    cli_text_add(t, "\"");
}

static void json_logs(struct cli_text *t, const struct evm_show *s)
{
    cli_text_add(t, ", \"logs\": [");
    for (size_t i = 0; i < s->log_count; i++) {
        const struct evm_log *log = &s->logs[i];
        json_hex(t, i ? ", {\"address\": " : "{\"address\": ",
                 (struct evm_bytes){log->addr.b, sizeof log->addr.b});
        cli_text_add(t, ", \"topics\": [");
        for (uint32_t k = 0; k < log->topic_count; k++)
            json_hex(t, k ? ", " : "",
                     (struct evm_bytes){log->topics[k].b, sizeof log->topics[k].b});
        json_hex(t, "], \"data\": ", log->data);
        cli_text_add(t, "}");
    }
    cli_text_add(t, "]");
}

static void json_account(struct cli_text *t, const struct evm_show *s,
                         const struct evm_account_change *a)
{
    json_hex(t, "", (struct evm_bytes){a->addr.b, sizeof a->addr.b});
    cli_text_add(t, ": {\"deleted\": %s", a->wrote & EVM_WROTE_DELETED ? "true" : "false");
    if (a->wrote & EVM_WROTE_BALANCE)
        json_word(t, ", \"balance\": ", &a->balance);
    if (a->wrote & EVM_WROTE_NONCE)
        cli_text_add(t, ", \"nonce\": %llu", (unsigned long long)a->nonce);
    if (a->wrote & EVM_WROTE_CODE)
        json_hex(t, ", \"code\": ", (struct evm_bytes){a->code->bytes, a->code->size});
    cli_text_add(t, ", \"storage\": {");
    for (uint32_t i = 0; i < a->slot_count; i++) {
        const struct evm_slot_change *slot = &s->changes->slots[a->first_slot + i];
        struct evm_u256 was;
        evm_state_slot(s->before, &a->addr, &slot->key, &was);
        json_word(t, i ? ", " : "", &slot->key);
        json_word(t, ": {\"from\": ", &was);
        json_word(t, ", \"to\": ", &slot->value);
        cli_text_add(t, "}");
    }
    cli_text_add(t, "}}");
}

void evm_show_json(struct cli_text *t, const struct evm_show *s)
{
    const struct evm_vm_result *r = s->result;
    cli_text_add(t, "{\"fork\": ");
    cli_text_json(t, s->rules->name);
    cli_text_add(t, ", \"pass\": %s, \"status\": ", r->halt == EVM_HALT_STOP ? "true" : "false");
    cli_text_json(t, evm_show_status(s->result->halt));
    cli_text_add(t, ", \"gasUsed\": %lld, \"gasLeft\": %lld, \"refund\": %lld",
                 (long long)(s->msg->gas - r->gas_left), (long long)r->gas_left,
                 (long long)s->refund);
    json_hex(t, ", \"output\": ", r->output);
    if (r->halt == EVM_HALT_REVERT) {
        struct cli_text reason = {0};
        evm_show_reason(&reason, r->output);
        if (reason.text) {
            cli_text_add(t, ", \"reason\": ");
            cli_text_json(t, reason.text);
        }
        t->failed |= reason.failed;
        cli_text_fini(&reason);
    }
    if (s->msg->kind == EVM_CREATE && r->halt == EVM_HALT_STOP)
        json_hex(t, ", \"created\": ", (struct evm_bytes){s->msg->to.b, sizeof s->msg->to.b});
    json_logs(t, s);
    cli_text_add(t, ", \"changes\": {");
    for (uint32_t i = 0; i < s->changes->account_count; i++) {
        cli_text_add(t, i ? ", " : "");
        json_account(t, s, &s->changes->accounts[i]);
    }
    cli_text_add(t, "}}\n");
}
