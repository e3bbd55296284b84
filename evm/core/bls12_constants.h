/* evm/core/bls12_constants.h - numbers of BLS12-381, in Montgomery form (R = 2^384); for
 * bls12_internal.h. They follow from x = -0xd201000000010000: r = x^4 - x^2 + 1,
 * p = (x - 1)^2 r / 3 + x, xi = 1 + u. */
#ifndef EVM_CORE_BLS12_CONSTANTS_H
#define EVM_CORE_BLS12_CONSTANTS_H

/* clang-format off */
static const struct bls_fp bls_modulus = {{0xb9feffffffffaaabu, 0x1eabfffeb153ffffu, 0x6730d2a0f6b0f624u, 0x64774b84f38512bfu, 0x4b1ba7b6434bacd7u, 0x1a0111ea397fe69au}};
#define BLS_NEG_INV 0x89f3fffcfffcfffdu /* -1/p modulo 2^64 */
static const struct bls_fp bls_one = {{0x760900000002fffdu, 0xebf4000bc40c0002u, 0x5f48985753c758bau, 0x77ce585370525745u, 0x5c071a97a256ec6du, 0x15f65ec3fa80e493u}};
static const struct bls_fp2 bls_fp2_one = {{{0x760900000002fffdu, 0xebf4000bc40c0002u, 0x5f48985753c758bau, 0x77ce585370525745u, 0x5c071a97a256ec6du, 0x15f65ec3fa80e493u}}, {{0}}};
static const struct bls_fp bls_r_squared = {{0xf4df1f341c341746u, 0x0a76e6a609d104f1u, 0x8de5476c4c95b6d5u, 0x67eb88a9939d83c0u, 0x9a793e85b519952du, 0x11988fe592cae3aau}};
/* xi^(i (p - 1) / 6), i from 1 to 5. */
static const struct bls_fp2 bls_frobenius[5] = {
    {{{0x07089552b319d465u, 0xc6695f92b50a8313u, 0x97e83cccd117228fu, 0xa35baecab2dc29eeu, 0x1ce393ea5daace4du, 0x08f2220fb0fb66ebu}}, {{0xb2f66aad4ce5d646u, 0x5842a06bfc497cecu, 0xcf4895d42599d394u, 0xc11b9cba40a8e8d0u, 0x2e3813cbe5a0de89u, 0x110eefda88847fafu}}},
    {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u}}, {{0xcd03c9e48671f071u, 0x5dab22461fcda5d2u, 0x587042afd3851b95u, 0x8eb60ebe01bacb9eu, 0x03f97d6e83d050d2u, 0x18f0206554638741u}}},
    {{{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u, 0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}}, {{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u, 0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}}},
    {{{0x890dc9e4867545c3u, 0x2af322533285a5d5u, 0x50880866309b7e2cu, 0xa20d1b8c7e881024u, 0x14e4f04fe2db9068u, 0x14e56d3f1564853au}}, {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u}}},
    {{{0x82d83cf50dbce43fu, 0xa2813e53df9d018fu, 0xc6f0caa53c65e181u, 0x7525cf528d50fe95u, 0x4a85ed50f4798a6bu, 0x171da0fd6cf8eebdu}}, {{0x3726c30af242c66cu, 0x7c2ac1aad1b6fe70u, 0xa04007fbba4b14a2u, 0xef517c3266341429u, 0x0095ba654ed2226bu, 0x02e370eccc86f7ddu}}},
};
static const struct bls_fp bls_four = {{0xaa270000000cfff3u, 0x53cc0032fc34000au, 0x478fe97a6b0a807fu, 0xb1d37ebee6ba24d7u, 0x8ec9733bbf78ab2fu, 0x09d645513d83de7eu}};
/* b xi for the twist, and three times that. */
static const struct bls_fp2 bls_b_twist = {{{0xaa270000000cfff3u, 0x53cc0032fc34000au, 0x478fe97a6b0a807fu, 0xb1d37ebee6ba24d7u, 0x8ec9733bbf78ab2fu, 0x09d645513d83de7eu}}, {{0xaa270000000cfff3u, 0x53cc0032fc34000au, 0x478fe97a6b0a807fu, 0xb1d37ebee6ba24d7u, 0x8ec9733bbf78ab2fu, 0x09d645513d83de7eu}}};
static const struct bls_fp2 bls_three_b_twist = {{{0x447600000027552eu, 0xdcb8009a43480020u, 0x6f7ee9ce4a6e8b59u, 0xb10330b7c0a95bc6u, 0x6140b1fcfb1e54b7u, 0x0381be097f0bb4e1u}}, {{0x447600000027552eu, 0xdcb8009a43480020u, 0x6f7ee9ce4a6e8b59u, 0xb10330b7c0a95bc6u, 0x6140b1fcfb1e54b7u, 0x0381be097f0bb4e1u}}};
#define BLS_X 0xd201000000010000u /* -x */
/* A cube root of 1: (x, y) -> (beta x, y) multiplies the points of order r by -x^2. */
static const struct bls_fp bls_beta = {{0x30f1361b798a64e8u, 0xf3b8ddab7ece5a2au, 0x16a8ca3ac61577f7u, 0xc26a2ff874fd029bu, 0x3636b76660701c6eu, 0x051ba4ab241b6160u}};
/* xi^-((p - 1) / 3) and xi^-((p - 1) / 2): Frobenius on the twist. */
static const struct bls_fp2 bls_psi_x = {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u}}, {{0x890dc9e4867545c3u, 0x2af322533285a5d5u, 0x50880866309b7e2cu, 0xa20d1b8c7e881024u, 0x14e4f04fe2db9068u, 0x14e56d3f1564853au}}};
static const struct bls_fp2 bls_psi_y = {{{0x3e2f585da55c9ad1u, 0x4294213d86c18183u, 0x382844c88b623732u, 0x92ad2afd19103e18u, 0x1d794e4fac7cf0b9u, 0x0bd592fc7d825ec8u}}, {{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u, 0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}}};
/* (p + 1) / 4, for square roots, and (p - 1) / 2; plain numbers. */
static const uint64_t bls_sqrt_exponent[6] = {0xee7fbfffffffeaabu, 0x07aaffffac54ffffu, 0xd9cc34a83dac3d89u, 0xd91dd2e13ce144afu, 0x92c6e9ed90d2eb35u, 0x0680447a8e5ff9a6u};
static const uint64_t bls_half[6] = {0xdcff7fffffffd555u, 0x0f55ffff58a9ffffu, 0xb39869507b587b12u, 0xb23ba5c279c2895fu, 0x258dd3db21a5d66bu, 0x0d0088f51cbff34du};
/* The order r = x^4 - x^2 + 1. */
static const struct evm_u256 bls_order = {{0xffffffff00000001u, 0x53bda402fffe5bfeu, 0x3339d80809a1d805u, 0x73eda753299d7d48u}};
/* clang-format on */

#endif
