#include "evm/parallel/profile.h"

#include <string.h>

static const struct evm_profile rows[] = {
#define PROFILE(label, text, ...) {.name = label, .doc = text, __VA_ARGS__},
#include "evm/parallel/profiles.def"
#undef PROFILE
};
enum { ROWS = sizeof rows / sizeof rows[0] };

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

double evm_profile_cost(const struct evm_profile *p, const struct evm_meter *m)
{
    double sum = 0;
    for (int k = 0; k < EVM_COST_CLASS_COUNT; k++)
        sum += (double)m->count[k] * p->op[k];
    return sum;
}
