/* hash: an account's address decides, by its last 8 hexadecimal digits modulo the number of layers.
 * Nothing ever moves. */
#include "models/routing/routing.h"

FIELD_DECLARE_EMPTY(router_hash_cfg);
FIELD_DEFINE_EMPTY(router_hash_cfg, "Settings of hash: none.");

struct hash {
    layer_id layers;
};

layer_id route_by_hash(const struct evm_addr *addr, layer_id layers)
{
    uint32_t digits = 0;
    for (int i = 16; i < 20; i++)
        digits = digits << 8 | addr->b[i];
    return (layer_id)(digits % layers);
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct hash *h = state;
    (void)cfg;
    (void)err;
    h->layers = env->layer_count;
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    const struct hash *h = state;
    (void)account;
    (void)contract;
    return route_by_hash(addr, h->layers);
}

const struct router_ops router_hash = {
    .model = {"hash", "An account's address decides; nothing moves.", &router_hash_cfg_table},
    .state_size = sizeof(struct hash),
    .init = init,
    .place = place,
};
