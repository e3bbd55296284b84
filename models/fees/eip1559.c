/* EIP-1559: the base fee follows the gas that the parent used. */
#include "models/fees/common.h"

FIELD_DECLARE(fees_eip1559_cfg, FEES_BASE_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fees_eip1559_cfg *c = cfg;
    struct fees_base base = FEES_BASE(c);
    fees_base_check(&base, report);
}
FIELD_DEFINE(fees_eip1559_cfg, FEES_BASE_FIELDS, "Settings of eip1559.", check);

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct fees_base *f = state;
    const struct fees_eip1559_cfg *c = cfg;
    (void)err;
    *f = FEES_BASE(c);
    return ERR_OK;
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    *out = fees_base_next(state, parent);
}

const struct fees_ops fees_eip1559 = {
    .model = {"eip1559", "The base fee moves with the gas of the block before (EIP-1559).",
              &fees_eip1559_cfg_table},
    .state_size = sizeof(struct fees_base),
    .init = init,
    .next = next,
    .tip = fees_tip,
};
