/* round-robin: the accounts of the first state are dealt out in turn. Nothing ever moves. The most
 * even placement by number of accounts, whatever they do. */
#include "models/routing/routing.h"

FIELD_DECLARE_EMPTY(router_round_robin_cfg);
FIELD_DEFINE_EMPTY(router_round_robin_cfg, "Settings of round-robin: none.");

struct round_robin {
    layer_id layers, next;
};

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct round_robin *r = state;
    (void)cfg, (void)err;
    r->layers = env->layer_count;
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    struct round_robin *r = state;
    layer_id at = r->next;
    (void)account, (void)addr, (void)contract;
    r->next = (layer_id)((at + 1) % r->layers);
    return at;
}

const struct router_ops router_round_robin = {
    .model = {"round-robin", "Accounts of the first state in turn; nothing moves.",
              &router_round_robin_cfg_table},
    .state_size = sizeof(struct round_robin),
    .init = init,
    .place = place,
};
