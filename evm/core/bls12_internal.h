/* evm/core/bls12_internal.h - fields, groups and encodings of BLS12-381, for bls12.c, bls12_map.c
 * and kzg.c. */
#ifndef EVM_CORE_BLS12_INTERNAL_H
#define EVM_CORE_BLS12_INTERNAL_H

#include "evm/core/limbs.h"

#define TF(name)   bls_##name
#define TF_LIMBS   6
#define TF_NEG_INV BLS_NEG_INV
#define TF_TWIST_D 0

#include "evm/core/tower_types_template.h"

#include "evm/core/bls12_constants.h"

#include "evm/core/tower_template.h"

#include "evm/core/pairing_template.h"

/* (1 + u) a */
static inline void bls_mul_xi(struct bls_fp2 *out, const struct bls_fp2 *a)
{
    struct bls_fp c0 = a->c0;
    bls_fp_sub(&out->c0, &c0, &a->c1);
    bls_fp_add(&out->c1, &c0, &a->c1);
}

#define GF(name)   bls_fp_##name
#define GF_ELEMENT struct bls_fp
#define GP(name)   bls_g1_##name
#include "evm/core/group_template.h"
#undef GF
#undef GF_ELEMENT
#undef GP

#define GF(name)   bls_fp2_##name
#define GF_ELEMENT struct bls_fp2
#define GP(name)   bls_g2_##name
#include "evm/core/group_template.h"
#undef GF
#undef GF_ELEMENT
#undef GP

/* One pairing's points and its Miller loop's running point. */
struct bls_pair {
    struct bls_g1_affine p;
    struct bls_g2_affine q;
    struct bls_twist_point t;
};

/* *out *= Miller values of the pairs, none of which is at infinity; and f^(3 (p^12 - 1) / r), which
 * is one exactly where the pairing is. In bls12.c. */
void evm_bls12_miller(struct bls_fp12 *out, struct bls_pair *pairs, size_t n);
void evm_bls12_final_exponentiation(struct bls_fp12 *f);

/* Is the point, which is on its curve, in the subgroup of order r? In bls12.c. */
bool evm_bls12_in_g1(const struct bls_g1_affine *p);
bool evm_bls12_in_g2(const struct bls_g2_affine *p);

/* k p as a sum of two terms with numbers half as long; p is in the subgroup. In bls12.c. */
void evm_bls12_split_g1(struct bls_g1_term t[2], const struct bls_g1_affine *p,
                        const struct evm_u256 *k);

/* *out = (conj(x), conj(y)) turned as the twist needs: Frobenius on the twist. */
static inline void bls_psi(struct bls_g2_point *out, const struct bls_g2_point *p)
{
    bls_fp2_conj(&out->x, &p->x);
    bls_fp2_mul(&out->x, &out->x, &bls_psi_x);
    bls_fp2_conj(&out->y, &p->y);
    bls_fp2_mul(&out->y, &out->y, &bls_psi_y);
    bls_fp2_conj(&out->z, &p->z);
}

/* ---- encodings (EIP-2537) -------------------------------------------------------------------- */

static inline bool bls_load_fp(struct bls_fp *out, const uint8_t *in)
{
    static const uint8_t zero[16];
    bool ok = memcmp(in, zero, sizeof zero) == 0;
    return bls_fp_load(out, in + 16) && ok;
}

static inline bool bls_load_fp2(struct bls_fp2 *out, const uint8_t *in)
{
    bool ok = bls_load_fp(&out->c0, in);
    return bls_load_fp(&out->c1, in + 64) && ok;
}

static inline void bls_store_fp(uint8_t *out, const struct bls_fp *a)
{
    memset(out, 0, 16);
    bls_fp_store(out + 16, a);
}

static inline void bls_store_g1(uint8_t *out, const struct bls_g1_point *p)
{
    struct bls_g1_affine a;
    bls_g1_to_affine(&a, p);
    if (a.infinity) {
        memset(out, 0, 128);
        return;
    }
    bls_store_fp(out, &a.x);
    bls_store_fp(out + 64, &a.y);
}

static inline void bls_store_g2(uint8_t *out, const struct bls_g2_point *p)
{
    struct bls_g2_affine a;
    bls_g2_to_affine(&a, p);
    if (a.infinity) {
        memset(out, 0, 256);
        return;
    }
    bls_store_fp(out, &a.x.c0);
    bls_store_fp(out + 64, &a.x.c1);
    bls_store_fp(out + 128, &a.y.c0);
    bls_store_fp(out + 192, &a.y.c1);
}

/* a^((p + 1) / 4), the square root if there is one; says whether it is. */
static inline bool bls_fp_sqrt(struct bls_fp *out, const struct bls_fp *a)
{
    struct bls_fp root, square;
    bls_fp_pow(&root, a, bls_sqrt_exponent);
    bls_fp_sqr(&square, &root);
    bool ok = bls_fp_eq(&square, a);
    *out = root;
    return ok;
}

#endif
