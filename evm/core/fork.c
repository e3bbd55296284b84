#include "evm/core/fork.h"

#include <pthread.h>

#include "evm/core/error.h"
#include "evm/core/opcodes.h"
#include "evm/core/vm.h"

/* Written once, under pthread_once, and read only afterwards. */
static struct evm_rules all_rules[EVM_FORK_COUNT];
static struct evm_op_info all_ops[EVM_FORK_COUNT][256];
static pthread_once_t expanded = PTHREAD_ONCE_INIT;

/* ---- the rows -------------------------------------------------------------------------------- */

static const char *const fork_names[EVM_FORK_COUNT] = {
#define FORK(id, text) [EVM_##id] = text,
#define ALIAS(text, id)
#define SET(id, field, value)
#define VARIANT(id, text, base)
#define VARIANT_SET(id, field, value)
#include "evm/core/forks.def"
#undef FORK
#undef ALIAS
#undef SET
#undef VARIANT
#undef VARIANT_SET
};

static const struct {
    const char *name;
    enum evm_fork fork;
} fork_aliases[] = {
#define FORK(id, text)
#define ALIAS(text, id) {text, EVM_##id},
#define SET(id, field, value)
#define VARIANT(id, text, base)
#define VARIANT_SET(id, field, value)
#include "evm/core/forks.def"
#undef FORK
#undef ALIAS
#undef SET
#undef VARIANT
#undef VARIANT_SET
};

/* What fork f sets. */
static void apply_fork_rows(struct evm_rules *r, enum evm_fork f)
{
#define FORK(id, text)
#define ALIAS(text, id)
#define SET(id, field, value)                                                                      \
    if (f == EVM_##id)                                                                             \
        r->field = value;
#define VARIANT(id, text, base)
#define VARIANT_SET(id, field, value)
#include "evm/core/forks.def"
#undef FORK
#undef ALIAS
#undef SET
#undef VARIANT
#undef VARIANT_SET
}

/* ---- rule sets of no chain -------------------------------------------------------------------
 */

enum variant {
#define FORK(id, text)
#define ALIAS(text, id)
#define SET(id, field, value)
#define VARIANT(id, text, base) VARIANT_##id,
#define VARIANT_SET(id, field, value)
#include "evm/core/forks.def"
#undef FORK
#undef ALIAS
#undef SET
#undef VARIANT
#undef VARIANT_SET
    VARIANT_COUNT
};

static struct evm_rules variants[VARIANT_COUNT];

static void expand_variants(void)
{
#define FORK(id, text)
#define ALIAS(text, id)
#define SET(id, field, value)
#define VARIANT(id, text, base)                                                                    \
    variants[VARIANT_##id] = all_rules[EVM_##base];                                                \
    variants[VARIANT_##id].name = text;
#define VARIANT_SET(id, field, value) variants[VARIANT_##id].field = value;
#include "evm/core/forks.def"
#undef FORK
#undef ALIAS
#undef SET
#undef VARIANT
#undef VARIANT_SET
}

#define END   EVM_OPF_END
#define JUMP  EVM_OPF_JUMP
#define GAS   EVM_OPF_GAS
#define READ  EVM_OPF_READ
#define WRITE EVM_OPF_WRITE
static const struct {
    uint8_t byte;
    struct evm_op_info info;
} op_rows[] = {
#define OP(b, n, in, out, g, fork, f, c, text)                                                     \
    {b,                                                                                            \
     {.name = #n,                                                                                  \
      .doc = text,                                                                                 \
      .gas = g,                                                                                    \
      .pops = in,                                                                                  \
      .pushes = out,                                                                               \
      .flags = f,                                                                                  \
      .cost = EVM_COST_##c,                                                                        \
      .since = EVM_##fork,                                                                         \
      .defined = true}},
#define OP_GAS(name, fork, gas)
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
};
#undef END
#undef JUMP
#undef GAS
#undef READ
#undef WRITE

static const struct {
    uint8_t byte;
    uint16_t gas;
    enum evm_fork since;
} op_gas_rows[] = {
#define OP(byte, name, pops, pushes, gas, since, flags, cost, doc)
#define OP_GAS(name, fork, gas) {EVM_OP_##name, gas, EVM_##fork},
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
};

/* ---- expansion ------------------------------------------------------------------------------- */

static void expand_ops(struct evm_op_info table[256], enum evm_fork f)
{
    for (size_t i = 0; i < 256; i++)
        table[i] = (struct evm_op_info){.name = "UNDEFINED", .doc = "not an opcode of this fork"};
    for (size_t i = 0; i < sizeof op_rows / sizeof op_rows[0]; i++)
        if (op_rows[i].info.since <= f)
            table[op_rows[i].byte] = op_rows[i].info;
    for (size_t i = 0; i < sizeof op_gas_rows / sizeof op_gas_rows[0]; i++)
        if (op_gas_rows[i].since <= f)
            table[op_gas_rows[i].byte].gas = op_gas_rows[i].gas;
}

static void expand_all(void)
{
    struct evm_rules r = {0};
    for (enum evm_fork f = EVM_FRONTIER; f < EVM_FORK_COUNT; f++) {
        apply_fork_rows(&r, f);
        expand_ops(all_ops[f], f);
        r.fork = f;
        r.name = fork_names[f];
        r.ops = all_ops[f];
        all_rules[f] = r;
    }
    expand_variants();
}

const struct evm_rules *evm_rules_of(enum evm_fork fork)
{
    EVM_CHECK(fork < EVM_FORK_COUNT, "fork %d of %d", (int)fork, (int)EVM_FORK_COUNT);
    pthread_once(&expanded, expand_all);
    return &all_rules[fork];
}

const struct evm_op_info *evm_ops_of(enum evm_fork fork)
{
    return evm_rules_of(fork)->ops;
}

/* ---- names ----------------------------------------------------------------------------------- */

static char next_letter(const char **text)
{
    char c;
    do
        c = *(*text)++;
    while (c == ' ' || c == '-' || c == '_');
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Equal but for case, blanks, dashes and underscores. */
static bool same_name(const char *a, const char *b)
{
    for (;;) {
        char x = next_letter(&a), y = next_letter(&b);
        if (x != y)
            return false;
        if (!x)
            return true;
    }
}

bool evm_fork_from_name(const char *name, enum evm_fork *out)
{
    for (enum evm_fork f = EVM_FRONTIER; f < EVM_FORK_COUNT; f++) {
        if (same_name(name, fork_names[f])) {
            *out = f;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof fork_aliases / sizeof fork_aliases[0]; i++) {
        if (same_name(name, fork_aliases[i].name)) {
            *out = fork_aliases[i].fork;
            return true;
        }
    }
    return false;
}

const struct evm_rules *evm_rules_at(size_t i)
{
    pthread_once(&expanded, expand_all);
    if (i < EVM_FORK_COUNT)
        return &all_rules[i];
    i -= EVM_FORK_COUNT;
    return i < VARIANT_COUNT ? &variants[i] : NULL;
}

const struct evm_rules *evm_rules_from_name(const char *name)
{
    enum evm_fork fork;
    if (evm_fork_from_name(name, &fork))
        return evm_rules_of(fork);
    for (size_t i = EVM_FORK_COUNT; evm_rules_at(i); i++)
        if (same_name(name, evm_rules_at(i)->name))
            return evm_rules_at(i);
    return NULL;
}
