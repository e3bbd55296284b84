#include "evm/parallel/profile.h"

#include <string.h>

static const struct evm_profile rows[] = {
#define PROFILE(label, text, ...) {.name = label, .doc = text, __VA_ARGS__},
#include "evm/parallel/profiles.def"
#undef PROFILE
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct evm_profile_field fields[] = {
#define NS(key, member, doc) {#key, doc, offsetof(struct evm_profile, member), true, 0, 1e12},
#define NUMBER(key, member, least, most, doc)                                                      \
    {#key, doc, offsetof(struct evm_profile, member), false, least, most},
#include "evm/parallel/profile_fields.def"
#undef NS
#undef NUMBER
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

const struct evm_profile_field *evm_profile_field_at(size_t i)
{
    return i < FIELDS ? &fields[i] : NULL;
}

double *evm_profile_value(struct evm_profile *p, const struct evm_profile_field *field)
{
    return (double *)(void *)((char *)p + field->offset);
}

const struct evm_profile *evm_profile_at(size_t i)
{
    return i < ROWS ? &rows[i] : NULL;
}

const struct evm_profile *evm_profile_find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

void evm_profile_scale(struct evm_profile *p, double by)
{
    double latency = p->device_latency;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].is_time)
            *evm_profile_value(p, &fields[i]) *= by;
    p->device_latency = latency;
}

double evm_profile_cost(const struct evm_profile *p, const struct evm_meter *m, unsigned how)
{
    /* The classes that blocks of translated code hold come first; after them the work is done by
     * the same functions either way. */
    double loop = 0, rest = 0, hash = p->op[EVM_COST_KECCAK];
    /* Counts stay far below 2^63, and signed integers convert in one instruction. */
    for (int k = 0; k <= EVM_COST_MEMORY; k++)
        loop += (double)(int64_t)m->count[k] * p->op[k];
    for (int k = EVM_COST_MEMORY + 1; k < EVM_COST_CLASS_COUNT; k++)
        rest += (double)(int64_t)m->count[k] * p->op[k];
    double exp = (double)(int64_t)m->count[EVM_COST_EXP] * p->op[EVM_COST_EXP];
    loop -= exp;
    rest += exp;
    rest -= (double)m->keccak_kept * (hash - p->keccak_hit);
    if (how & EVM_PROFILE_AHEAD)
        rest -= (double)m->keccak_follows * (hash - p->keccak_ahead);
    rest += (double)m->cold_blocks * p->code_cold + (double)m->gas * p->gas;
    return loop * (how & EVM_PROFILE_PLAIN ? p->plain : 1) + rest;
}
