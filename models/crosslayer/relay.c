/* relay: a payment is debited at the sender's layer, in a block of its own like any other; once
 * that is final a message carries the amount to the recipient's layer, where a later block credits
 * it. Nobody locks anything and nobody waits: the sender's transaction is done at the first of the
 * two, the recipient has the money at the second, and meanwhile it is in neither account.
 *
 * Wang & Wang, "Monoxide: Scale out Blockchains with Asynchronous Consensus Zones", NSDI 2019,
 * section 5 (eventual atomicity: a withdraw transaction, a relay transaction that deposits). Kept:
 * the deposit takes room of the block that it stands in, `deposit_gas`, so that where every payment
 * crosses each takes room twice. Left out: proofs of Merkle paths, for a message between layers is
 * believed once the block that it is from is final; and withdrawal on a fork that loses, for the
 * same reason. What calls a contract cannot be carried so: see crosslayer_calls. */
#include "models/crosslayer/crosslayer.h"

#define RELAY_FIELDS(F, S)                                                                         \
    F(S, GAS, deposit_gas, "21kgas", "0gas", "30Mgas",                                             \
      "Of the recipient's layer's block, that paying out takes.")
FIELD_DECLARE(relay_cfg, RELAY_FIELDS);
FIELD_DEFINE(relay_cfg, RELAY_FIELDS, "Settings of relay.", NULL);

struct relay {
    const struct relay_cfg *cfg;
    struct cross_env *env;
};

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct relay *r = state;
    (void)err;
    r->cfg = cfg;
    r->env = env;
    return ERR_OK;
}

static void start(void *state, struct crossing *c)
{
    struct relay *r = state;
    c->credit_gas = (uint32_t)r->cfg->deposit_gas;
    r->env->host->run(r->env, c, true);
}

const struct crosslayer_ops crosslayer_relay = {
    .model = {"relay", "Payments are debited here, and credited there by a message.",
              &relay_cfg_table},
    .state_size = sizeof(struct relay),
    .plain_only = true,
    .init = init,
    .start = start,
};
