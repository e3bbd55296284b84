#include "evm/core/bls12.h"

#include "evm/core/bls12_internal.h"

/* ---- points as bytes ------------------------------------------------------------------------- */

static bool load_g1(struct bls_g1_affine *p, const uint8_t *in)
{
    bool ok = bls_load_fp(&p->x, in);
    ok = bls_load_fp(&p->y, in + 64) && ok;
    p->infinity = bls_fp_is_zero(&p->x) && bls_fp_is_zero(&p->y);
    return ok && bls_g1_on_curve(p, &bls_four);
}

static bool load_g2(struct bls_g2_affine *p, const uint8_t *in)
{
    bool ok = bls_load_fp2(&p->x, in);
    ok = bls_load_fp2(&p->y, in + 128) && ok;
    p->infinity = bls_fp2_is_zero(&p->x) && bls_fp2_is_zero(&p->y);
    return ok && bls_g2_on_curve(p, &bls_b_twist);
}

/* ---- subgroups ------------------------------------------------------------------------------- */

/* Both tests: an endomorphism acts on the subgroup as a known number, and nowhere else on the curve
 * (Scott, ePrint 2021/1130). Here it is (x, y) -> (beta x, y), which multiplies by -x^2. */
bool evm_bls12_in_g1(const struct bls_g1_affine *p)
{
    struct bls_g1_point q, image;
    if (p->infinity)
        return true;
    bls_g1_from_affine(&q, p, &bls_one);
    image = q;
    bls_fp_mul(&image.x, &image.x, &bls_beta);
    bls_g1_mul_sparse(&q, &q, BLS_X);
    bls_g1_mul_sparse(&q, &q, BLS_X);
    bls_g1_neg(&q, &q);
    return bls_g1_eq(&q, &image);
}

/* Here it is Frobenius, which multiplies by x. */
bool evm_bls12_in_g2(const struct bls_g2_affine *p)
{
    struct bls_g2_point q, image;
    if (p->infinity)
        return true;
    bls_g2_from_affine(&q, p, &bls_fp2_one);
    bls_psi(&image, &q);
    bls_g2_mul_sparse(&q, &q, BLS_X);
    bls_g2_neg(&q, &q);
    return bls_g2_eq(&q, &image);
}

/* ---- sums ------------------------------------------------------------------------------------ */

bool evm_bls12_g1_add(const uint8_t in[256], uint8_t out[128])
{
    struct bls_g1_affine a, b;
    struct bls_g1_point sum;
    if (!load_g1(&a, in) || !load_g1(&b, in + 128))
        return false;
    bls_g1_from_affine(&sum, &a, &bls_one);
    bls_g1_add_affine(&sum, &sum, &b, &bls_one);
    bls_store_g1(out, &sum);
    return true;
}

bool evm_bls12_g2_add(const uint8_t in[512], uint8_t out[256])
{
    struct bls_g2_affine a, b;
    struct bls_g2_point sum;
    if (!load_g2(&a, in) || !load_g2(&b, in + 256))
        return false;
    bls_g2_from_affine(&sum, &a, &bls_fp2_one);
    bls_g2_add_affine(&sum, &sum, &b, &bls_fp2_one);
    bls_store_g2(out, &sum);
    return true;
}

/* k modulo r, to the base |x|: four digits, as r < x^4. */
static void digits_of_scalar(uint64_t d[4], const struct evm_u256 *k)
{
    struct evm_u256 e;
    evm_u256_mod(&e, k, &bls_order);
    for (int i = 0; i < 4; i++) {
        d[i] = evm_u256_mod_u64(&e, BLS_X);
        evm_u256_div_u64(&e, &e, BLS_X);
    }
}

/* k P = k0 P + k1 x^2 P, and x^2 P = (beta x, -y) by the endomorphism above. */
void evm_bls12_split_g1(struct bls_g1_term t[2], const struct bls_g1_affine *p,
                        const struct evm_u256 *k)
{
    uint64_t d[4];
    digits_of_scalar(d, k);
    evm_u128 k0 = (evm_u128)d[1] * BLS_X + d[0], k1 = (evm_u128)d[3] * BLS_X + d[2];
    t[0].p = t[1].p = *p;
    t[0].e = (struct evm_u256){{(uint64_t)k0, (uint64_t)(k0 >> 64), 0, 0}};
    t[1].e = (struct evm_u256){{(uint64_t)k1, (uint64_t)(k1 >> 64), 0, 0}};
    bls_fp_mul(&t[1].p.x, &p->x, &bls_beta);
    bls_fp_neg(&t[1].p.y, &p->y);
}

/* k P = the sum of d_i |x|^i P, and |x| P = -psi(P). */
static void split_g2(struct bls_g2_term t[4], const struct bls_g2_affine *p,
                     const struct evm_u256 *k)
{
    uint64_t d[4];
    digits_of_scalar(d, k);
    for (int i = 0; i < 4; i++) {
        t[i].e = evm_u256_of(d[i]);
        t[i].p = *p;
        if (i > 0) {
            bls_fp2_conj(&t[i].p.x, &t[i - 1].p.x);
            bls_fp2_mul(&t[i].p.x, &t[i].p.x, &bls_psi_x);
            bls_fp2_conj(&t[i].p.y, &t[i - 1].p.y);
            bls_fp2_mul(&t[i].p.y, &t[i].p.y, &bls_psi_y);
            bls_fp2_neg(&t[i].p.y, &t[i].p.y);
        }
    }
}

bool evm_bls12_g1_msm(const uint8_t *in, size_t n, uint8_t out[128])
{
    struct bls_g1_term terms[LIMB_MANY];
    struct bls_g1_affine p;
    struct bls_g1_point sum;
    struct evm_u256 k;
    size_t have = 0;
    bls_g1_set_infinity(&sum);
    for (size_t i = 0; i < n; i++) {
        if (!load_g1(&p, in + 160 * i) || !evm_bls12_in_g1(&p))
            return false;
        evm_u256_load_be(&k, in + 160 * i + 128);
        evm_bls12_split_g1(terms + have, &p, &k);
        have += 2;
        if (have == LIMB_MANY || i + 1 == n) {
            bls_g1_add_terms(&sum, terms, have, &bls_one);
            have = 0;
        }
    }
    bls_store_g1(out, &sum);
    return true;
}

bool evm_bls12_g2_msm(const uint8_t *in, size_t n, uint8_t out[256])
{
    struct bls_g2_term terms[LIMB_MANY];
    struct bls_g2_affine p;
    struct bls_g2_point sum;
    struct evm_u256 k;
    size_t have = 0;
    bls_g2_set_infinity(&sum);
    for (size_t i = 0; i < n; i++) {
        if (!load_g2(&p, in + 288 * i) || !evm_bls12_in_g2(&p))
            return false;
        evm_u256_load_be(&k, in + 288 * i + 256);
        split_g2(terms + have, &p, &k);
        have += 4;
        if (have == LIMB_MANY || i + 1 == n) {
            bls_g2_add_terms(&sum, terms, have, &bls_fp2_one);
            have = 0;
        }
    }
    bls_store_g2(out, &sum);
    return true;
}

/* ---- pairing --------------------------------------------------------------------------------- */

/* The ate pairing's Miller value f_{x,Q}(P); x is negative, which a conjugation makes good. */
void evm_bls12_miller(struct bls_fp12 *out, struct bls_pair *pairs, size_t n)
{
    struct bls_fp12 f;
    struct bls_line l;
    bls_fp12_set_one(&f);
    for (size_t i = 0; i < n; i++)
        pairs[i].t = (struct bls_twist_point){pairs[i].q.x, pairs[i].q.y, bls_fp2_one};
    for (int bit = 62; bit >= 0; bit--) {
        bls_fp12_sqr(&f, &f);
        for (size_t i = 0; i < n; i++) {
            struct bls_pair *r = &pairs[i];
            bls_step_double(&r->t, &l);
            bls_mul_line(&f, &l, &r->p.x, &r->p.y);
            if (BLS_X >> bit & 1) {
                bls_step_add(&r->t, &l, &r->q.x, &r->q.y);
                bls_mul_line(&f, &l, &r->p.x, &r->p.y);
            }
        }
    }
    bls_fp12_conj(&f, &f);
    bls_fp12_mul(out, out, &f);
}

/* a^x in the cyclotomic subgroup, for the negative x. */
static void pow_x(struct bls_fp12 *out, const struct bls_fp12 *a)
{
    bls_fp12_cyclotomic_pow(out, a, BLS_X);
    bls_fp12_conj(out, out);
}

/* Hard part: 3 (p^4 - p^2 + 1) / r = (x - 1)^2 (x + p) (x^2 + p^2 - 1) + 3 (Hayashida, Hayasaka,
 * Teruya, ePrint 2020/875); the factor 3 does not divide r. */
void evm_bls12_final_exponentiation(struct bls_fp12 *f)
{
    struct bls_fp12 a, b, t;
    bls_easy_exponentiation(f);
    bls_fp12_conj(&t, f);
    pow_x(&a, f);
    bls_fp12_mul(&a, &a, &t);
    bls_fp12_conj(&t, &a);
    pow_x(&b, &a);
    bls_fp12_mul(&a, &b, &t); /* f^((x - 1)^2) */
    pow_x(&b, &a);
    bls_fp12_frobenius(&t, &a);
    bls_fp12_mul(&b, &b, &t); /* ^(x + p) */
    pow_x(&a, &b);
    pow_x(&a, &a);
    bls_fp12_frobenius(&t, &b);
    bls_fp12_frobenius(&t, &t);
    bls_fp12_mul(&a, &a, &t);
    bls_fp12_conj(&b, &b);
    bls_fp12_mul(&a, &a, &b); /* ^(x^2 + p^2 - 1) */
    bls_fp12_cyclotomic_sqr(&t, f);
    bls_fp12_mul(&t, &t, f);
    bls_fp12_mul(f, &a, &t);
}

/* So many pairs share the squarings of one Miller loop, without a heap. */
#define BATCH 8

bool evm_bls12_pairing(const uint8_t *in, size_t pairs, bool *one)
{
    struct bls_pair batch[BATCH];
    struct bls_fp12 f;
    size_t n = 0;
    bls_fp12_set_one(&f);
    for (size_t i = 0; i < pairs; i++) {
        struct bls_pair *r = &batch[n];
        if (!load_g1(&r->p, in + 384 * i) || !load_g2(&r->q, in + 384 * i + 128) ||
            !evm_bls12_in_g1(&r->p) || !evm_bls12_in_g2(&r->q))
            return false;
        /* A pairing with infinity is one. */
        n += !r->p.infinity && !r->q.infinity;
        if (n == BATCH) {
            evm_bls12_miller(&f, batch, n);
            n = 0;
        }
    }
    if (n > 0)
        evm_bls12_miller(&f, batch, n);
    evm_bls12_final_exponentiation(&f);
    *one = bls_fp12_is_one(&f);
    return true;
}
