/* EIP-1559: the base fee follows the gas that the parent used. */
#include "evm/core/u256.h"
#include "models/fees/common.h"

#define FEES_EIP1559_FIELDS(F, S)                                                                  \
    F(S, GAS, gas_limit, "30Mgas", "21kgas", "1000Ggas", "Gas that a block holds.")                \
    F(S, COUNT, elasticity, "2", "1", "1k", "The gas limit is this many times the target.")        \
    F(S, COUNT, denominator, "8", "1", "1M",                                                       \
      "A full or empty block moves the base fee by 1/this, "                                       \
      "at elasticity 2.")                                                                          \
    F(S, WEI, initial_base_fee, "1gwei", "0wei", NULL, "Base fee of the genesis block.")           \
    F(S, WEI, min_base_fee, "7wei", "0wei", NULL, "The base fee never falls below this.")
FIELD_DECLARE(fees_eip1559_cfg, FEES_EIP1559_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fees_eip1559_cfg *c = cfg;
    struct evm_u256 first = fees_wei(&c->initial_base_fee), least = fees_wei(&c->min_base_fee);
    if (evm_u256_lt(&first, &least))
        field_complain(report, "initial_base_fee", "must not be below min_base_fee");
    if (c->gas_limit < c->elasticity)
        field_complain(report, "elasticity", "leaves a gas target of 0");
}
FIELD_DEFINE(fees_eip1559_cfg, FEES_EIP1559_FIELDS, "Settings of eip1559.", check);

struct eip1559 {
    uint64_t gas_limit, gas_target, denominator;
    struct evm_u256 first, least;
};

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct eip1559 *f = state;
    const struct fees_eip1559_cfg *c = cfg;
    (void)err;
    f->gas_limit = c->gas_limit;
    f->gas_target = c->gas_limit / c->elasticity;
    f->denominator = c->denominator;
    f->first = fees_wei(&c->initial_base_fee);
    f->least = fees_wei(&c->min_base_fee);
    return ERR_OK;
}

/* base * distance / target / denominator, as the EIP rounds it. */
static struct evm_u256 step(const struct evm_u256 *base, uint64_t distance, uint64_t target,
                            uint64_t denominator)
{
    struct evm_u256 d = evm_u256_of(distance), t = evm_u256_of(target),
                    n = evm_u256_of(denominator), out;
    if (evm_u256_mul_overflow(&out, base, &d)) { /* above 2^192 wei a gas: order of the divisions
                                                    no longer matters */
        evm_u256_div(&out, base, &t);
        evm_u256_mul(&out, &out, &d);
    } else
        evm_u256_div(&out, &out, &t);
    evm_u256_div(&out, &out, &n);
    return out;
}

static struct evm_u256 next_base_fee(const struct eip1559 *f, const struct evm_u256 *base,
                                     uint64_t used, uint64_t target)
{
    struct evm_u256 out = *base;
    if (used > target) {
        struct evm_u256 up = step(base, used - target, target, f->denominator);
        if (evm_u256_is_zero(&up))
            up = evm_u256_of(1);
        if (evm_u256_add(&out, base, &up))
            out = (struct evm_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    } else if (used < target) {
        struct evm_u256 down = step(base, target - used, target, f->denominator);
        if (evm_u256_sub(&out, base, &down)) /* denominator 1 and an empty block: down is base */
            out = evm_u256_of(0);
    }
    return evm_u256_lt(&out, &f->least) ? f->least : out;
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    const struct eip1559 *f = state;
    *out = (struct block_fees){.base_fee = f->first,
                               .gas_limit = f->gas_limit,
                               .gas_target = f->gas_target,
                               .blob_base_fee = {{1}}};
    if (parent->block)
        out->base_fee =
            next_base_fee(f, &parent->fees->base_fee, parent->gas_used, parent->fees->gas_target);
}

const struct fees_ops fees_eip1559 = {
    .model = {"eip1559", "The base fee moves with the gas of the block before (EIP-1559).",
              &fees_eip1559_cfg_table},
    .state_size = sizeof(struct eip1559),
    .init = init,
    .next = next,
    .tip = fees_tip,
};
