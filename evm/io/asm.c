#include "evm/io/asm.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "evm/core/u256.h"

enum { WORD_MAX = 80, LABELS_MAX = 64 };

/* Two passes: the first finds where the labels are, the second knows. */
struct assembler {
    const char *at;
    char word[WORD_MAX];
    struct {
        char name[WORD_MAX];
        size_t place;
    } labels[LABELS_MAX];
    size_t label_count;
    bool final;
    struct evm_buf *out;
    size_t start; /* of the code in *out */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static bool is_comment(const char *p)
{
    return *p == ';' || *p == '#' || (p[0] == '/' && p[1] == '/');
}

/* False at the end. A word that is too long is cut, and then means nothing. */
static bool next_word(struct assembler *a)
{
    while (is_blank(*a->at) || is_comment(a->at))
        a->at += is_comment(a->at) ? strcspn(a->at, "\n") : 1;
    size_t n = 0;
    for (; *a->at && !is_blank(*a->at) && !is_comment(a->at); a->at++)
        if (n + 1 < WORD_MAX)
            a->word[n++] = *a->at;
    a->word[n] = 0;
    return n > 0;
}

static int opcode_of(const char *name)
{
    const struct evm_op_info *ops = evm_ops_of(EVM_FORK_COUNT - 1);
    for (int i = 0; i < 256; i++)
        if (ops[i].defined && !strcasecmp(ops[i].name, name))
            return i;
    if (!strcasecmp(name, "SHA3"))
        return EVM_OP_KECCAK256;
    return !strcasecmp(name, "DIFFICULTY") ? EVM_OP_PREVRANDAO : -1;
}

static void put_byte(struct assembler *a, uint8_t b)
{
    evm_buf_append(a->out, (struct evm_bytes){&b, 1});
}

static void put_push(struct assembler *a, unsigned bytes, const struct evm_u256 *v)
{
    uint8_t be[32];
    evm_u256_store_be(be, v);
    put_byte(a, (uint8_t)(EVM_OP_PUSH0 + bytes));
    evm_buf_append(a->out, (struct evm_bytes){be + 32 - bytes, bytes});
}

/* PUSH, PUSH1 to PUSH32 (bytes -1: as many as it takes). */
static enum evm_status push(struct assembler *a, int bytes, struct evm_err *err)
{
    struct evm_u256 v = {{0}};
    if (!next_word(a))
        return evm_fail(err, EVM_ERR_INPUT,
                        "the code ends behind a PUSH, where its number should be");
    if (a->word[0] == '@') {
        size_t i = 0;
        while (i < a->label_count && strcmp(a->labels[i].name, a->word + 1) != 0)
            i++;
        if (a->final && i == a->label_count)
            return evm_fail(err, EVM_ERR_INPUT, "there is no label '%s'", a->word + 1);
        v = evm_u256_of(a->final ? a->labels[i].place : 0);
        bytes = bytes < 0 ? 2 : bytes;
    } else if (!evm_u256_parse(&v, a->word)) {
        return evm_fail(err, EVM_ERR_INPUT, "'%s' behind a PUSH is no number of 256 bits", a->word);
    }
    unsigned need = (evm_u256_bits(&v) + 7) / 8;
    if (bytes < 0)
        bytes = need ? (int)need : 1;
    if ((int)need > bytes)
        return evm_fail(err, EVM_ERR_INPUT, "%s needs %u bytes, PUSH%d has %d", a->word, need,
                        bytes, bytes);
    put_push(a, (unsigned)bytes, &v);
    return EVM_OK;
}

static enum evm_status label(struct assembler *a, size_t size, struct evm_err *err)
{
    a->word[size - 1] = 0;
    if (!a->final) {
        for (size_t i = 0; i < a->label_count; i++)
            if (!strcmp(a->labels[i].name, a->word))
                return evm_fail(err, EVM_ERR_INPUT, "label '%s' stands twice", a->word);
        if (a->label_count == LABELS_MAX)
            return evm_fail(err, EVM_ERR_LIMIT, "more than %d labels", LABELS_MAX);
        memcpy(a->labels[a->label_count].name, a->word, size);
        a->labels[a->label_count++].place = a->out->size - a->start;
    }
    put_byte(a, EVM_OP_JUMPDEST);
    return EVM_OK;
}

static enum evm_status raw_bytes(struct assembler *a, struct evm_err *err)
{
    const char *digits = a->word + 2;
    size_t n = strlen(digits);
    for (size_t i = 0; i < n; i += 2) {
        unsigned v;
        char pair[3] = {digits[i], digits[i + 1], 0};
        if (strspn(pair, "0123456789abcdefABCDEF") != 2 || sscanf(pair, "%x", &v) != 1)
            return evm_fail(err, EVM_ERR_INPUT, "'%s' is not whole bytes in hexadecimal", a->word);
        put_byte(a, (uint8_t)v);
    }
    return EVM_OK;
}

static enum evm_status pass(struct assembler *a, const char *text, struct evm_err *err)
{
    enum evm_status status = EVM_OK;
    a->at = text;
    while (status == EVM_OK && next_word(a)) {
        size_t size = strlen(a->word);
        int op = opcode_of(a->word);
        if (!strcasecmp(a->word, "PUSH"))
            status = push(a, -1, err);
        else if (op > EVM_OP_PUSH0 && op <= EVM_OP_PUSH32)
            status = push(a, op - EVM_OP_PUSH0, err);
        else if (op >= 0)
            put_byte(a, (uint8_t)op);
        else if (size > 1 && a->word[size - 1] == ':')
            status = label(a, size, err);
        else if (!strncmp(a->word, "0x", 2) && size > 2)
            status = raw_bytes(a, err);
        else
            status = evm_fail(err, EVM_ERR_INPUT, "'%s' is no opcode", a->word);
    }
    return status;
}

enum evm_status evm_asm(const char *text, struct evm_buf *out, struct evm_err *err)
{
    struct assembler a = {.out = out, .start = out->size};
    enum evm_status status = pass(&a, text, err);
    if (status == EVM_OK) {
        out->size = a.start;
        a.final = true;
        status = pass(&a, text, err);
    }
    if (status == EVM_OK && out->failed)
        status = evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    return status;
}

size_t evm_disasm(const struct evm_rules *rules, struct evm_bytes code, size_t at, char text[128])
{
    uint8_t op = code.data[at++];
    const struct evm_op_info *info = &rules->ops[op];
    size_t n = op > EVM_OP_PUSH0 && op <= EVM_OP_PUSH32 ? (size_t)(op - EVM_OP_PUSH0) : 0;
    int used = snprintf(text, 128, "%05zx  ", at - 1);
    if (!info->defined) {
        snprintf(text + used, 128 - (size_t)used, "0x%02x", op);
        return at;
    }
    used += snprintf(text + used, 128 - (size_t)used, n ? "%s 0x" : "%s", info->name);
    size_t have = code.size - at < n ? code.size - at : n;
    for (size_t i = 0; i < have; i++)
        used += snprintf(text + used, 128 - (size_t)used, "%02x", code.data[at + i]);
    if (have < n)
        snprintf(text + used, 128 - (size_t)used,
                 have ? " ; the code ends within it" : "00 ; the code ends before it");
    return at + have;
}
