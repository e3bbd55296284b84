/* Precompiles on elliptic curves: gas, and the operands out of the input. */
#include "evm/core/bn254.h"
#include "evm/core/precompile_internal.h"

/* The 32-byte word 0 or 1. */
static void put_bool(struct evm_buf *out, bool value)
{
    uint8_t word[32] = {[31] = value};
    evm_buf_append(out, (struct evm_bytes){word, sizeof word});
}

/* ---- 0x06 to 0x08: bn254 (EIP-196, EIP-197; prices by EIP-1108) ------------------------------ */

uint64_t evm_pre_bn254_add_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)in;
    return rules->bn254_eip1108 ? 150 : 500;
}

bool evm_pre_bn254_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t operands[128], sum[64];
    evm_precompile_read(operands, in, 0, sizeof operands);
    if (!evm_bn254_add(operands, sum))
        return false;
    evm_buf_append(out, (struct evm_bytes){sum, sizeof sum});
    return true;
}

uint64_t evm_pre_bn254_mul_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)in;
    return rules->bn254_eip1108 ? 6000 : 40000;
}

bool evm_pre_bn254_mul(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t operands[96], product[64];
    evm_precompile_read(operands, in, 0, sizeof operands);
    if (!evm_bn254_mul(operands, product))
        return false;
    evm_buf_append(out, (struct evm_bytes){product, sizeof product});
    return true;
}

uint64_t evm_pre_bn254_pairing_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    uint64_t pairs = in.size / 192;
    return rules->bn254_eip1108 ? 45000 + 34000 * pairs : 100000 + 80000 * pairs;
}

bool evm_pre_bn254_pairing(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    bool one;
    if (in.size % 192 != 0 || !evm_bn254_pairing(in.data, in.size / 192, &one))
        return false;
    put_bool(out, one);
    return true;
}
