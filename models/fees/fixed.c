/* A price that never moves: what proof-of-authority networks and many studies use. */
#include "models/fees/common.h"

#define FEES_FIXED_FIELDS(F, S)                                                                    \
    F(S, GAS, gas_limit, "30Mgas", "21kgas", "1000Ggas", "Gas that a block holds.")                \
    F(S, WEI, base_fee, "0wei", "0wei", NULL, "Burnt for every gas of every transaction.")
FIELD_DECLARE(fees_fixed_cfg, FEES_FIXED_FIELDS);
FIELD_DEFINE(fees_fixed_cfg, FEES_FIXED_FIELDS, "Settings of fixed.", NULL);

struct fixed {
    uint64_t gas_limit;
    struct evm_u256 base_fee;
};

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct fixed *f = state;
    const struct fees_fixed_cfg *c = cfg;
    (void)err;
    f->gas_limit = c->gas_limit;
    f->base_fee = fees_wei(&c->base_fee);
    return ERR_OK;
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    const struct fixed *f = state;
    (void)parent;
    *out = (struct block_fees){.base_fee = f->base_fee,
                               .gas_limit = f->gas_limit,
                               .gas_target = f->gas_limit,
                               .blob_base_fee = {{1}}};
}

const struct fees_ops fees_fixed = {
    .model = {"fixed", "Every block charges the same base fee, 0 for none.", &fees_fixed_cfg_table},
    .state_size = sizeof(struct fixed),
    .init = init,
    .next = next,
    .tip = fees_tip,
};
