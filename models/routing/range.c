/* range: layer l of k holds the addresses from l/k to (l + 1)/k of their space. Nothing ever moves.
 * Even where addresses are, as those of keys; those chosen near one another stay together. */
#include "models/routing/routing.h"

FIELD_DECLARE_EMPTY(router_range_cfg);
FIELD_DEFINE_EMPTY(router_range_cfg, "Settings of range: none.");

struct range {
    layer_id layers;
};

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct range *r = state;
    (void)cfg, (void)err;
    r->layers = env->layer_count;
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    const struct range *r = state;
    uint64_t top = 0; /* four bytes tell 65,535 layers apart */
    (void)account, (void)contract;
    for (int i = 0; i < 4; i++)
        top = top << 8 | addr->b[i];
    return (layer_id)(top * r->layers >> 32);
}

const struct router_ops router_range = {
    .model = {"range", "Equal ranges of the address space; nothing moves.",
              &router_range_cfg_table},
    .state_size = sizeof(struct range),
    .init = init,
    .place = place,
};
