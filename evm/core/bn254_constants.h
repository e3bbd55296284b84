/* evm/core/bn254_constants.h - numbers of the curve, in Montgomery form (R = 2^256); for bn254.c.
 * All follow from x = 4965661367192848881: p = 36x^4 + 36x^3 + 24x^2 + 6x + 1, xi = 9 + u. */
#ifndef EVM_CORE_BN254_CONSTANTS_H
#define EVM_CORE_BN254_CONSTANTS_H

/* clang-format off */
static const struct bn_fp bn_modulus = {{0x3c208c16d87cfd47u, 0x97816a916871ca8du, 0xb85045b68181585du, 0x30644e72e131a029u}};
#define BN_NEG_INV 0x87d20782e4866389u /* -1/p modulo 2^64 */
static const struct bn_fp bn_one = {{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}};
static const struct bn_fp2 bn_fp2_one = {{{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}}, {{0}}};
static const struct bn_fp bn_r_squared = {{0xf32cfc5b538afa89u, 0xb5e71911d44501fbu, 0x47ab1eff0a417ff6u, 0x06d89f71cab8351fu}};
/* xi^(i (p - 1) / 6), i from 1 to 5. */
static const struct bn_fp2 bn_frobenius[5] = {
    {{{0xaf9ba69633144907u, 0xca6b1d7387afb78au, 0x11bded5ef08a2087u, 0x02f34d751a1f3a7cu}}, {{0xa222ae234c492d72u, 0xd00f02a4565de15bu, 0xdc2ff3a253dfc926u, 0x10a75716b3899551u}}},
    {{{0xb5773b104563ab30u, 0x347f91c8a9aa6454u, 0x7a007127242e0991u, 0x1956bcd8118214ecu}}, {{0x6e849f1ea0aa4757u, 0xaa1c7b6d89f89141u, 0xb6e713cdfae0ca3au, 0x26694fbb4e82ebc3u}}},
    {{{0xe4bbdd0c2936b629u, 0xbb30f162e133bacbu, 0x31a9d1b6f9645366u, 0x253570bea500f8ddu}}, {{0xa1d77ce45ffe77c7u, 0x07affd117826d1dbu, 0x6d16bd27bb7edc6bu, 0x2c87200285defeccu}}},
    {{{0x7361d77f843abe92u, 0xa5bb2bd3273411fbu, 0x9c941f314b3e2399u, 0x15df9cddbb9fd3ecu}}, {{0x5dddfd154bd8c949u, 0x62cb29a5a4445b60u, 0x37bc870a0c7dd2b9u, 0x24830a9d3171f0fdu}}},
    {{{0xc970692f41690fe7u, 0xe240342127694b0bu, 0x32bee66b83c459e8u, 0x12aabced0ab08841u}}, {{0x0d485d2340aebfa9u, 0x05193418ab2fcc57u, 0xd3b0a40b8a4910f5u, 0x2f21ebb535d2925au}}},
};
static const struct bn_fp bn_three = {{0x7a17caa950ad28d7u, 0x1f6ac17ae15521b9u, 0x334bea4e696bd284u, 0x2a1f6744ce179d8eu}};
/* b / xi for the twist, and three times that. */
static const struct bn_fp2 bn_b_twist = {{{0x3bf938e377b802a8u, 0x020b1b273633535du, 0x26b7edf049755260u, 0x2514c6324384a86du}}, {{0x38e7ecccd1dcff67u, 0x65f0b37d93ce0d3eu, 0xd749d0dd22ac00aau, 0x0141b9ce4a688d4du}}};
static const struct bn_fp2 bn_three_b_twist = {{{0x3baa927cb62e0d6au, 0xd71e7c52d1b664fdu, 0x03873e63d95d4664u, 0x0e75b5b1082ab8f4u}}, {{0xaab7c6667596fe35u, 0x31d21a78bb6a27bau, 0x85dd7297680401ffu, 0x03c52d6adf39a7e9u}}};
#define BN_X 0x44e992b44a6909f1u /* the parameter x */
/* 6x + 2 with signed digits, without its top one, 2^65: where they are 1 and where -1. */
#define BN_LOOP_PLUS  ((evm_u128)0x2002004200804028u)
#define BN_LOOP_MINUS ((evm_u128)0x82889008420a0480u)
/* The order r, and the endomorphism (beta x, y), which multiplies by
 * lambda = 36x^3 + 18x^2 + 6x + 1. */
static const struct evm_u256 bn_order = {{0x43e1f593f0000001u, 0x2833e84879b97091u, 0xb85045b68181585du, 0x30644e72e131a029u}};
static const struct bn_fp bn_beta = {{0x71930c11d782e155u, 0xa6bb947cffbe3323u, 0xaa303344d4741444u, 0x2c3b3f0d26594943u}};
/* Short vectors (a, b) and (-b, c) of the lattice of a + b lambda = 0 modulo r, of determinant r;
 * 2^256 c / r and 2^256 b / r. */
static const struct evm_u256 bn_vector_a = {{0x0be4e1541221250bu, 0x6f4d8248eeb859fdu, 0, 0}};
static const struct evm_u256 bn_vector_b = {{0x89d3256894d213e3u, 0, 0, 0}};
static const struct evm_u256 bn_vector_c = {{0x8211bbeb7d4f1128u, 0x6f4d8248eeb859fcu, 0, 0}};
static const struct evm_u256 bn_split_1 = {{0x7a7bd9d4391eb18du, 0x4ccef014a773d2cfu, 0x2u, 0}};
static const struct evm_u256 bn_split_2 = {{0xd91d232ec7e0b3d7u, 0x2u, 0, 0}};
/* clang-format on */

#endif
