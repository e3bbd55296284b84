/* transfer: plain payments of ether, 21,000 gas each. */
#include "models/workload/users.h"

#define WORKLOAD_TRANSFER_FIELDS(F, S)                                                             \
    WORKLOAD_COMMON_FIELDS(F, S)                                                                   \
    WORKLOAD_USER_FIELDS(F, S)                                                                     \
    F(S, DIST(WEI), value, "1gwei", "0wei", NULL, "What is paid.")
FIELD_DECLARE(workload_transfer_cfg, WORKLOAD_TRANSFER_FIELDS);
FIELD_DEFINE(workload_transfer_cfg, WORKLOAD_TRANSFER_FIELDS, "Settings of transfer.", NULL);

struct transfer {
    struct users users;
    const struct workload_transfer_cfg *cfg;
    struct sim_stream rng;
};

static enum err_code init(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err)
{
    struct transfer *t = state;
    t->cfg = cfg;
    struct users_settings settings = USERS_SETTINGS(t->cfg);
    sim_stream_init(&t->rng, env->seed, (uint32_t)env->instance, sim_purpose("workload.value"));
    return users_init(&t->users, &settings, env, err);
}

static enum err_code genesis(void *state, struct genesis *g, struct err *err)
{
    struct transfer *t = state;
    return users_fund(&t->users, g, err);
}

static bool next(void *state, struct workload_tx *out)
{
    struct transfer *t = state;
    uint32_t group;
    if (!users_next(&t->users, out, &out->tx.to, &group))
        return false;
    out->tx.gas_limit = 21000;
    out->tx.value = users_draw(&t->cfg->value, &t->rng);
    return true;
}

static void fini(void *state)
{
    struct transfer *t = state;
    users_fini(&t->users);
}

const struct workload_ops workload_transfer = {
    .model = {"transfer", "Plain payments between accounts.", &workload_transfer_cfg_table},
    .state_size = sizeof(struct transfer),
    .init = init,
    .genesis = genesis,
    .next = next,
    .fini = fini,
};
