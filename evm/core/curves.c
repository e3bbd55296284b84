/* Precompiles on elliptic curves: gas, and the operands out of the input. */
#include "evm/core/bls12.h"
#include "evm/core/bn254.h"
#include "evm/core/kzg.h"
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

/* ---- 0x0a: KZG point evaluation (EIP-4844) --------------------------------------------------- */

uint64_t evm_pre_kzg_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 50000;
}

/* Input: versioned hash, z, y, commitment, proof. Output: field elements of a blob, and the modulus
 * of the scalars. */
bool evm_pre_kzg(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    static const uint8_t answer[64] = {
        [30] = 0x10, [31] = 0x00, [32] = 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39,
        0xd8,        0x08,        0x09,        0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe,
        0x5b,        0xfe,        0xff,        0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
    if (in.size != 192)
        return false;
    /* The hash's first byte is a version instead. */
    if (!evm_pre_sha256(rules, (struct evm_bytes){in.data + 96, 48}, out) || out->failed)
        return false;
    bool same = in.data[0] == 0x01 && memcmp(in.data + 1, out->data + 1, 31) == 0;
    evm_buf_clear(out);
    if (!same || !evm_kzg_verify(in.data + 96, in.data + 32, in.data + 64, in.data + 144))
        return false;
    evm_buf_append(out, (struct evm_bytes){answer, sizeof answer});
    return true;
}

/* ---- 0x0b to 0x11: BLS12-381 (EIP-2537) ------------------------------------------------------ */

uint64_t evm_pre_bls12_g1_add_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 375;
}

bool evm_pre_bls12_g1_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t sum[EVM_BLS12_G1_SIZE];
    if (in.size != 256 || !evm_bls12_g1_add(in.data, sum))
        return false;
    evm_buf_append(out, (struct evm_bytes){sum, sizeof sum});
    return true;
}

uint64_t evm_pre_bls12_g2_add_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 600;
}

bool evm_pre_bls12_g2_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t sum[EVM_BLS12_G2_SIZE];
    if (in.size != 512 || !evm_bls12_g2_add(in.data, sum))
        return false;
    evm_buf_append(out, (struct evm_bytes){sum, sizeof sum});
    return true;
}

/* What a term of a multi-scalar multiplication costs, in thousandths of one multiplication, when
 * there are 1, 2, ... 128 of them; more cost what 128 do. */
static const uint16_t g1_discount[128] = {
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
static const uint16_t g2_discount[128] = {
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

static uint64_t msm_gas(size_t terms, uint64_t one, const uint16_t discount[128])
{
    return terms == 0 ? 0 : terms * one * discount[terms < 128 ? terms - 1 : 127] / 1000;
}

uint64_t evm_pre_bls12_g1_msm_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return msm_gas(in.size / 160, 12000, g1_discount);
}

bool evm_pre_bls12_g1_msm(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t sum[EVM_BLS12_G1_SIZE];
    if (in.size == 0 || in.size % 160 != 0 || !evm_bls12_g1_msm(in.data, in.size / 160, sum))
        return false;
    evm_buf_append(out, (struct evm_bytes){sum, sizeof sum});
    return true;
}

uint64_t evm_pre_bls12_g2_msm_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return msm_gas(in.size / 288, 22500, g2_discount);
}

bool evm_pre_bls12_g2_msm(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t sum[EVM_BLS12_G2_SIZE];
    if (in.size == 0 || in.size % 288 != 0 || !evm_bls12_g2_msm(in.data, in.size / 288, sum))
        return false;
    evm_buf_append(out, (struct evm_bytes){sum, sizeof sum});
    return true;
}

uint64_t evm_pre_bls12_pairing_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return 37700 + 32600 * (uint64_t)(in.size / 384);
}

bool evm_pre_bls12_pairing(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    bool one;
    if (in.size == 0 || in.size % 384 != 0 || !evm_bls12_pairing(in.data, in.size / 384, &one))
        return false;
    put_bool(out, one);
    return true;
}

uint64_t evm_pre_bls12_map_g1_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 5500;
}

bool evm_pre_bls12_map_g1(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t point[EVM_BLS12_G1_SIZE];
    if (in.size != 64 || !evm_bls12_map_fp_to_g1(in.data, point))
        return false;
    evm_buf_append(out, (struct evm_bytes){point, sizeof point});
    return true;
}

uint64_t evm_pre_bls12_map_g2_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 23800;
}

bool evm_pre_bls12_map_g2(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t point[EVM_BLS12_G2_SIZE];
    if (in.size != 128 || !evm_bls12_map_fp2_to_g2(in.data, point))
        return false;
    evm_buf_append(out, (struct evm_bytes){point, sizeof point});
    return true;
}
