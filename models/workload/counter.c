/* counter: calls that count in a contract, Workshop.sol's increment(): all calls of one contract
 * read and write one slot, so no two can run side by side. The contract is the hot spot at its
 * purest; a token's payments meet only where their accounts do. */
#include "models/workload/artifacts.h"
#include "models/workload/targets.h"
#include "models/workload/users.h"

#include <string.h>

#define WORKLOAD_COUNTER_FIELDS(F, S)                                                              \
    WORKLOAD_COMMON_FIELDS(F, S)                                                                   \
    WORKLOAD_USER_FIELDS(F, S)                                                                     \
    F(S, COUNT, contracts, "1", "1", "10k", "Contracts, deployed before the run.")                 \
    F(S, SKEW, contract_skew, "uniform", NULL, NULL, "Which one is called.")                       \
    F(S, ENUM(targets_by), contract_by, "skew", NULL, NULL, "What picks it.")                      \
    F(S, GAS, gas_limit, "60kgas", "21kgas", "30Mgas", "Gas limit of a call.")
FIELD_DECLARE(workload_counter_cfg, WORKLOAD_COUNTER_FIELDS);
FIELD_DEFINE(workload_counter_cfg, WORKLOAD_COUNTER_FIELDS, "Settings of counter.", NULL);

struct counter {
    struct users users;
    const struct workload_counter_cfg *cfg;
    struct targets contracts;
    uint64_t seed, instance;
};

static enum err_code init(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err)
{
    struct counter *c = state;
    c->cfg = cfg;
    c->seed = env->seed;
    c->instance = env->instance;
    struct users_settings settings = USERS_SETTINGS(c->cfg);
    enum err_code code = users_init(&c->users, &settings, env, err);
    if (code == ERR_OK)
        code = targets_init(&c->contracts, (uint32_t)c->cfg->contracts, &c->cfg->contract_skew,
                            c->cfg->contract_by, &c->users, env, err);
    return code;
}

static enum err_code genesis(void *state, struct genesis *g, struct err *err)
{
    struct counter *c = state;
    struct accounts deployer = {0};
    struct workload_artifact workshop;
    if (!workload_artifact_find("Workshop", &workshop))
        return err_set(err, ERR_INPUT, "the contract Workshop is not in this program");
    enum err_code code = users_fund(&c->users, g, err);
    if (code == ERR_OK)
        code = accounts_init(&deployer, c->seed, c->instance, "deployer", 1, err);
    for (uint32_t i = 0; i < c->cfg->contracts && code == ERR_OK; i++)
        code = targets_deploy(&c->contracts, i, g, &deployer.addrs[0], workshop.create, err);
    accounts_fini(&deployer);
    return code;
}

static bool next(void *state, struct workload_tx *out)
{
    static const uint8_t increment[4] = {0xd0, 0x9d, 0xe0, 0x8a}; /* increment() */
    struct counter *c = state;
    struct evm_addr nobody;
    uint32_t group;
    if (!users_next(&c->users, out, &nobody, &group))
        return false;
    out->recipient = UINT32_MAX;
    memcpy(out->input, increment, 4);
    out->tx.input = (struct evm_bytes){out->input, 4};
    out->tx.to = *targets_pick(&c->contracts, group);
    out->tx.gas_limit = c->cfg->gas_limit;
    return true;
}

static void fini(void *state)
{
    struct counter *c = state;
    users_fini(&c->users);
    targets_fini(&c->contracts);
}

const struct workload_ops workload_counter = {
    .model = {"counter", "Calls that all change one slot of their contract.",
              &workload_counter_cfg_table},
    .state_size = sizeof(struct counter),
    .init = init,
    .genesis = genesis,
    .next = next,
    .fini = fini,
};
