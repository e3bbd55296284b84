/* evm/core/kzg_constants.h - the generators of BLS12-381 and the one point that EIP-4844's trusted
 * setup (the KZG ceremony of 2023, trusted_setup.json) contributes to verification: tau times the
 * second group's generator. Montgomery form; for kzg.c. */
#ifndef EVM_CORE_KZG_CONSTANTS_H
#define EVM_CORE_KZG_CONSTANTS_H

/* clang-format off */
static const struct bls_g1_affine g1_generator = {{{0x5cb38790fd530c16u, 0x7817fc679976fff5u, 0x154f95c7143ba1c1u, 0xf0ae6acdf3d0e747u, 0xedce6ecc21dbf440u, 0x120177419e0bfb75u}}, {{0xbaac93d50ce72271u, 0x8c22631a7918fd8eu, 0xdd595f13570725ceu, 0x51ac582950405194u, 0x0e1c8c3fad0059c0u, 0x0bbc3efc5008a26au}}, false};
static const struct bls_g2_affine g2_generator = {{{{0xf5f28fa202940a10u, 0xb3f5fb2687b4961au, 0xa1a893b53e2ae580u, 0x9894999d1a3caee9u, 0x6f67b7631863366bu, 0x058191924350bcd7u}}, {{0xa5a9c0759e23f606u, 0xaaa0c59dbccd60c3u, 0x3bb17e18e2867806u, 0x1b1ab6cc8541b367u, 0xc2b6ed0ef2158547u, 0x11922a097360edf3u}}}, {{{0x4c730af860494c4au, 0x597cfa1f5e369c5au, 0xe7e6856caa0a635au, 0xbbefb5e96e0d495fu, 0x07d3a975f0ef25a2u, 0x0083fd8e7e80dae5u}}, {{0xadc0fc92df64b05du, 0x18aa270a2b1461dcu, 0x86adac6a3be4eba0u, 0x79495c4ec93da33au, 0xe7175850a43ccaedu, 0x0b2bc2a163de1bf2u}}}, false};
static const struct bls_g2_affine g2_tau = {{{{0x6120a2099b0379f9u, 0xa2df815cb8210e4eu, 0xcb57be5577bd3d4fu, 0x62da0ea89a0c93f8u, 0x02e0ee16968e150du, 0x171f09aea833acd5u}}, {{0x11a3670749dfd455u, 0x04991d7b3abffadcu, 0x85446a8e14437f41u, 0x27174e7b4e76e3f2u, 0x7bfa6dd397f60a20u, 0x02fcc329ac07080fu}}}, {{{0xaa130838793b2317u, 0xe236dd220f891637u, 0x6502782925760980u, 0xd05c25f60557ec89u, 0x6095767a44064474u, 0x185693917080d405u}}, {{0x549f9e175b03dc0au, 0x32c0c95a77106cfeu, 0x64a74eae5705d080u, 0x53deeaf56659ed9eu, 0x09a1d368508afb93u, 0x12cf3a4525b5e9bdu}}}, false};
/* The order r of both groups, big-endian, as scalars are. */
static const uint8_t group_order[32] = {0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
/* clang-format on */

#endif
