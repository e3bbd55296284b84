/* What fee markets share: EIP-1559's rule, as its text and its rounding say. */
#include "models/fees/common.h"

#include "evm/core/u256.h"

bool fees_tip(const void *state, const struct block_fees *fees, const struct tx *tx,
              struct evm_u256 *out)
{
    (void)state;
    if (evm_u256_sub(out, &tx->evm.max_fee, &fees->base_fee))
        return false;
    if (evm_u256_lt(&tx->evm.max_priority_fee, out))
        *out = tx->evm.max_priority_fee;
    return true;
}

void fees_base_check(const struct fees_base *c, struct field_report *report)
{
    struct evm_u256 first = fees_wei(&c->initial_base_fee), least = fees_wei(&c->min_base_fee);
    if (evm_u256_lt(&first, &least))
        field_complain(report, "initial_base_fee", "must not be below min_base_fee");
    if (c->gas_limit < c->elasticity)
        field_complain(report, "elasticity", "leaves a gas target of 0");
}

/* fee * distance / target / denominator, as the EIP rounds it. */
static struct evm_u256 move(const struct evm_u256 *fee, uint64_t distance, uint64_t target,
                            uint64_t denominator)
{
    struct evm_u256 d = evm_u256_of(distance), t = evm_u256_of(target),
                    n = evm_u256_of(denominator), out;
    if (evm_u256_mul_overflow(&out, fee, &d)) { /* above 2^192 wei a gas: order of the divisions
                                                   no longer matters */
        evm_u256_div(&out, fee, &t);
        evm_u256_mul(&out, &out, &d);
    } else
        evm_u256_div(&out, &out, &t);
    evm_u256_div(&out, &out, &n);
    return out;
}

struct evm_u256 fees_step(const struct evm_u256 *fee, uint64_t used, uint64_t target,
                          uint64_t denominator, const struct evm_u256 *least)
{
    struct evm_u256 out = *fee;
    if (used > target) {
        struct evm_u256 up = move(fee, used - target, target, denominator);
        if (evm_u256_is_zero(&up))
            up = evm_u256_of(1);
        if (evm_u256_add(&out, fee, &up))
            out = (struct evm_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    } else if (used < target) {
        struct evm_u256 down = move(fee, target - used, target, denominator);
        if (evm_u256_sub(&out, fee, &down)) /* denominator 1 and an empty block: down is fee */
            out = evm_u256_of(0);
    }
    return evm_u256_lt(&out, least) ? *least : out;
}

struct block_fees fees_base_next(const struct fees_base *c, const struct fees_parent *parent)
{
    struct block_fees out = {.base_fee = fees_wei(&c->initial_base_fee),
                             .gas_limit = c->gas_limit,
                             .gas_target = c->gas_limit / c->elasticity,
                             .blob_base_fee = {{1}}};
    struct evm_u256 least = fees_wei(&c->min_base_fee);
    if (parent->block)
        out.base_fee = fees_step(&parent->fees->base_fee, parent->gas_used,
                                 parent->fees->gas_target, c->denominator, &least);
    return out;
}
