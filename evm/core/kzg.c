#include "evm/core/kzg.h"

#include "evm/core/bls12_internal.h"
#include "evm/core/kzg_constants.h"

/* A compressed point: three flag bits (compressed, infinity, larger y), then x. Must be in the
 * subgroup. */
static bool load_compressed(struct bls_g1_affine *out, const uint8_t in[48])
{
    uint8_t x[48];
    struct bls_fp right, plain;
    memcpy(x, in, sizeof x);
    bool compressed = x[0] & 0x80, infinity = x[0] & 0x40, larger = x[0] & 0x20;
    x[0] &= 0x1f;
    if (!compressed || !bls_fp_load(&out->x, x))
        return false;
    out->infinity = infinity;
    if (infinity)
        return !larger && bls_fp_is_zero(&out->x);
    bls_fp_sqr(&right, &out->x);
    bls_fp_mul(&right, &right, &out->x);
    bls_fp_add(&right, &right, &bls_four);
    if (!bls_fp_sqrt(&out->y, &right))
        return false;
    /* y is the larger of y and p - y if it exceeds (p - 1) / 2. */
    bls_fp_plain(&plain, &out->y);
    unsigned char borrow = 0;
    uint64_t unused;
    for (int i = 0; i < 6; i++)
        borrow = limb_sub(borrow, bls_half[i], plain.w[i], &unused);
    if ((borrow != 0) != larger)
        bls_fp_neg(&out->y, &out->y);
    return evm_bls12_in_g1(out);
}

/* Limbs of a scalar, which must be below the order. */
static bool load_scalar(struct evm_u256 *out, const uint8_t in[32])
{
    evm_u256_load_be(out, in);
    return memcmp(in, group_order, sizeof group_order) < 0;
}

/* The proof is right if (tau - z) proof = commitment - y, that is, with both points of the second
 * group fixed: e(commitment - y G1 + z proof, -G2) e(proof, tau G2) is one. */
bool evm_kzg_verify(const uint8_t commitment[48], const uint8_t z[32], const uint8_t y[32],
                    const uint8_t proof[48])
{
    struct bls_g1_affine c, g = g1_generator;
    struct bls_g1_term terms[4];
    struct bls_g1_point p;
    struct bls_pair pair[2];
    struct evm_u256 at, value;
    if (!load_scalar(&at, z) || !load_scalar(&value, y) || !load_compressed(&c, commitment) ||
        !load_compressed(&pair[1].p, proof))
        return false;

    bls_fp_neg(&g.y, &g.y);
    evm_bls12_split_g1(terms, &g, &value);
    evm_bls12_split_g1(terms + 2, &pair[1].p, &at);
    bls_g1_from_affine(&p, &c, &bls_one);
    bls_g1_add_terms(&p, terms, 4, &bls_one);
    bls_g1_to_affine(&pair[0].p, &p);
    pair[0].q = g2_generator;
    bls_fp2_neg(&pair[0].q.y, &pair[0].q.y);
    pair[1].q = g2_tau;

    struct bls_fp12 f;
    bls_fp12_set_one(&f);
    /* A pairing with infinity is one. */
    size_t first = pair[0].p.infinity, last = pair[1].p.infinity ? 1 : 2;
    if (first < last)
        evm_bls12_miller(&f, pair + first, last - first);
    evm_bls12_final_exponentiation(&f);
    return bls_fp12_is_one(&f);
}
