#include "evm/core/precompile.h"

#include "evm/core/error.h"
#include "evm/core/precompile_internal.h"

/* ---- what several rows share ----------------------------------------------------------------- */

void evm_precompile_read(uint8_t *out, struct evm_bytes in, size_t offset, size_t n)
{
    size_t have = offset < in.size ? in.size - offset : 0;
    if (have > n)
        have = n;
    if (have)
        memcpy(out, in.data + offset, have);
    memset(out + have, 0, n - have);
}

static uint64_t per_word(struct evm_bytes in, uint64_t base, uint64_t word)
{
    return base + word * ((in.size + 31) / 32);
}

/* ---- 0x01 to 0x04 ---------------------------------------------------------------------------- */

static uint64_t ecrecover_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 3000;
}

static uint64_t sha256_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return per_word(in, 60, 12);
}

static uint64_t ripemd160_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return per_word(in, 600, 120);
}

static uint64_t identity_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return per_word(in, 15, 3);
}

static bool identity_run(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    evm_buf_append(out, in);
    return true;
}

/* ---- 0x100 ----------------------------------------------------------------------------------- */

static uint64_t p256verify_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules, (void)in;
    return 6900;
}

/* ---- the rows -------------------------------------------------------------------------------- */

static const struct evm_precompile rows[] = {
    {1, "ECREC", "address that signed a hash", ecrecover_gas, evm_pre_ecrecover},
    {2, "SHA256", "SHA-256", sha256_gas, evm_pre_sha256},
    {3, "RIPEMD160", "RIPEMD-160", ripemd160_gas, evm_pre_ripemd160},
    {4, "ID", "the input itself", identity_gas, identity_run},
    {5, "MODEXP", "b^e mod m (EIP-198, 2565, 7823, 7883)", evm_pre_modexp_gas, evm_pre_modexp},
    {6, "BN254_ADD", "sum of two points of bn254 (EIP-196, 1108)", evm_pre_bn254_add_gas,
     evm_pre_bn254_add},
    {7, "BN254_MUL", "multiple of a point of bn254 (EIP-196, 1108)", evm_pre_bn254_mul_gas,
     evm_pre_bn254_mul},
    {8, "BN254_PAIRING", "product of pairings on bn254 (EIP-197, 1108)", evm_pre_bn254_pairing_gas,
     evm_pre_bn254_pairing},
    {9, "BLAKE2F", "rounds of BLAKE2b (EIP-152)", evm_pre_blake2f_gas, evm_pre_blake2f},
    {0x0a, "KZG_POINT_EVALUATION", "opening of a KZG commitment (EIP-4844)", evm_pre_kzg_gas,
     evm_pre_kzg},
    {0x0b, "BLS12_G1ADD", "sum of two points of BLS12-381 (EIP-2537)", evm_pre_bls12_g1_add_gas,
     evm_pre_bls12_g1_add},
    {0x0c, "BLS12_G1MSM", "sum of multiples of points (EIP-2537)", evm_pre_bls12_g1_msm_gas,
     evm_pre_bls12_g1_msm},
    {0x0d, "BLS12_G2ADD", "sum of two points of its twist (EIP-2537)", evm_pre_bls12_g2_add_gas,
     evm_pre_bls12_g2_add},
    {0x0e, "BLS12_G2MSM", "sum of multiples of points (EIP-2537)", evm_pre_bls12_g2_msm_gas,
     evm_pre_bls12_g2_msm},
    {0x0f, "BLS12_PAIRING_CHECK", "product of pairings on BLS12-381 (EIP-2537)",
     evm_pre_bls12_pairing_gas, evm_pre_bls12_pairing},
    {0x10, "BLS12_MAP_FP_TO_G1", "field element to a point (EIP-2537)", evm_pre_bls12_map_g1_gas,
     evm_pre_bls12_map_g1},
    {0x11, "BLS12_MAP_FP2_TO_G2", "field element to a point (EIP-2537)", evm_pre_bls12_map_g2_gas,
     evm_pre_bls12_map_g2},
    {0x100, "P256VERIFY", "secp256r1 signature check (EIP-7951)", p256verify_gas,
     evm_pre_p256verify},
};

const struct evm_precompile *evm_precompile_at(size_t i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}

const struct evm_precompile *evm_precompile_find(const struct evm_rules *rules,
                                                 const struct evm_addr *addr)
{
    static const uint8_t zeros[18];
    /* Nearly every address ends here. */
    if (addr->b[0] || memcmp(addr->b, zeros, sizeof zeros) != 0)
        return NULL;
    unsigned n = (unsigned)addr->b[18] << 8 | addr->b[19];
    bool there = (n >= 1 && n <= rules->precompiles) || (n == 0x100 && rules->p256verify);
    if (there && rules->bls12_draft && n >= 0x0b)
        return evm_bls12_draft_at(n);
    for (size_t i = 0; there && i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].address == n)
            return &rows[i];
    return NULL;
}
