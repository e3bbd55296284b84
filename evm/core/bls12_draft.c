/* EIP-2537 as drafted in April 2024, for rule sets with bls12_draft: nine precompiles at 0x0b to
 * 0x13, multiplications apart from the sums of them, one table of discounts for both groups.
 * Points, fields and pairings are those of the final EIP. */
#include "evm/core/precompile.h"
#include "evm/core/precompile_internal.h"

/* ---- prices ---------------------------------------------------------------------------------- */

#define PRICE(name, value)                                                                         \
    static uint64_t name(const struct evm_rules *rules, struct evm_bytes in)                       \
    {                                                                                              \
        (void)rules, (void)in;                                                                     \
        return value;                                                                              \
    }

PRICE(g1_add_gas, 500)
PRICE(g1_mul_gas, 12000)
PRICE(g2_add_gas, 800)
PRICE(g2_mul_gas, 45000)
PRICE(pairing_gas, 65000 + 43000 * (uint64_t)(in.size / 384))
PRICE(map_g1_gas, 5500)
PRICE(map_g2_gas, 75000)

/* In thousandths of a multiplication for each of 1, 2, ... 128 terms; more cost what 128 do. */
static const uint16_t discount[128] = {
    1200, 888, 764, 641, 594, 547, 500, 453, 438, 423, 408, 394, 379, 364, 349, 334, 330, 326, 322,
    318,  314, 310, 306, 302, 298, 294, 289, 285, 281, 277, 273, 269, 268, 266, 265, 263, 262, 260,
    259,  257, 256, 254, 253, 251, 250, 248, 247, 245, 244, 242, 241, 239, 238, 236, 235, 233, 232,
    231,  229, 228, 226, 225, 223, 222, 221, 220, 219, 219, 218, 217, 216, 216, 215, 214, 213, 213,
    212,  211, 211, 210, 209, 208, 208, 207, 206, 205, 205, 204, 203, 202, 202, 201, 200, 199, 199,
    198,  197, 196, 196, 195, 194, 193, 193, 192, 191, 191, 190, 189, 188, 188, 187, 186, 185, 185,
    184,  183, 182, 182, 181, 180, 179, 179, 178, 177, 176, 176, 175, 174};

static uint64_t msm_gas(size_t terms, uint64_t one)
{
    return terms == 0 ? 0 : terms * one * discount[terms < 128 ? terms - 1 : 127] / 1000;
}

PRICE(g1_msm_gas, msm_gas(in.size / 160, 12000))
PRICE(g2_msm_gas, msm_gas(in.size / 288, 45000))

/* ---- one multiplication ---------------------------------------------------------------------- */

static bool g1_mul(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    return in.size == 160 && evm_pre_bls12_g1_msm(rules, in, out);
}

static bool g2_mul(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    return in.size == 288 && evm_pre_bls12_g2_msm(rules, in, out);
}

static const struct evm_precompile rows[] = {
    {0x0b, "BLS12_G1ADD", "sum of two points (draft)", g1_add_gas, evm_pre_bls12_g1_add},
    {0x0c, "BLS12_G1MUL", "multiple of a point (draft)", g1_mul_gas, g1_mul},
    {0x0d, "BLS12_G1MSM", "sum of multiples (draft)", g1_msm_gas, evm_pre_bls12_g1_msm},
    {0x0e, "BLS12_G2ADD", "sum of two points (draft)", g2_add_gas, evm_pre_bls12_g2_add},
    {0x0f, "BLS12_G2MUL", "multiple of a point (draft)", g2_mul_gas, g2_mul},
    {0x10, "BLS12_G2MSM", "sum of multiples (draft)", g2_msm_gas, evm_pre_bls12_g2_msm},
    {0x11, "BLS12_PAIRING", "product of pairings (draft)", pairing_gas, evm_pre_bls12_pairing},
    {0x12, "BLS12_MAP_FP_TO_G1", "field to point (draft)", map_g1_gas, evm_pre_bls12_map_g1},
    {0x13, "BLS12_MAP_FP2_TO_G2", "field to point (draft)", map_g2_gas, evm_pre_bls12_map_g2},
};

const struct evm_precompile *evm_bls12_draft_at(unsigned address)
{
    size_t i = address - rows[0].address;
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}
