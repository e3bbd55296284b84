#include "evm/core/bn254.h"

#include "evm/core/limbs.h"

#define TF(name)   bn_##name
#define TF_LIMBS   4
#define TF_NEG_INV BN_NEG_INV
#define TF_TWIST_D 1

#include "evm/core/tower_types_template.h"

#include "evm/core/bn254_constants.h"

#include "evm/core/tower_template.h"

#include "evm/core/pairing_template.h"

/* (9 + u) a */
static inline void bn_mul_xi(struct bn_fp2 *out, const struct bn_fp2 *a)
{
    struct bn_fp2 t;
    bn_fp2_dbl(&t, a);
    bn_fp2_dbl(&t, &t);
    bn_fp2_dbl(&t, &t);
    bn_fp2_add(&t, &t, a);
    struct bn_fp c0 = a->c0;
    bn_fp_sub(&out->c0, &t.c0, &a->c1);
    bn_fp_add(&out->c1, &t.c1, &c0);
}

#define GF(name)   bn_fp_##name
#define GF_ELEMENT struct bn_fp
#define GP(name)   bn_g1_##name
#include "evm/core/group_template.h"
#undef GF
#undef GF_ELEMENT
#undef GP

#define GF(name)   bn_fp2_##name
#define GF_ELEMENT struct bn_fp2
#define GP(name)   bn_g2_##name
#include "evm/core/group_template.h"

/* ---- points as bytes ------------------------------------------------------------------------- */

static bool load_g1(struct bn_g1_affine *p, const uint8_t *in)
{
    bool ok = bn_fp_load(&p->x, in);
    ok = bn_fp_load(&p->y, in + 32) && ok;
    p->infinity = bn_fp_is_zero(&p->x) && bn_fp_is_zero(&p->y);
    return ok && bn_g1_on_curve(p, &bn_three);
}

static void store_g1(uint8_t *out, const struct bn_g1_point *p)
{
    struct bn_g1_affine a;
    bn_g1_to_affine(&a, p);
    if (a.infinity) {
        memset(out, 0, 64);
        return;
    }
    bn_fp_store(out, &a.x);
    bn_fp_store(out + 32, &a.y);
}

/* The image of a twist point under untwist, Frobenius, twist: (conj(x) g^2, conj(y) g^3) with
 * g = xi^((p - 1) / 6). */
static void frobenius_g2(struct bn_fp2 *x, struct bn_fp2 *y)
{
    bn_fp2_conj(x, x);
    bn_fp2_mul(x, x, &bn_frobenius[1]);
    bn_fp2_conj(y, y);
    bn_fp2_mul(y, y, &bn_frobenius[2]);
}

static void frobenius_point(struct bn_g2_point *p)
{
    frobenius_g2(&p->x, &p->y);
    bn_fp2_conj(&p->z, &p->z);
}

/* The twist has points outside the group of order r. Inside it, and only there, with psi the
 * Frobenius above, (x + 1) Q + psi(x Q) + psi^2(x Q) = psi^3(2x Q). Source: El Housni, Guillevic,
 * Piellard, ePrint 2022/352. */
static bool in_g2(const struct bn_g2_affine *p)
{
    struct bn_g2_term term = {*p, {{BN_X}}};
    struct bn_g2_point xq, image, sum;
    if (p->infinity)
        return true;
    bn_g2_sum_of_few(&xq, &term, 1, &bn_fp2_one);
    bn_g2_add_affine(&sum, &xq, p, &bn_fp2_one);
    image = xq;
    for (int i = 0; i < 2; i++) {
        frobenius_point(&image);
        bn_g2_add(&sum, &sum, &image);
    }
    frobenius_point(&image);
    bn_g2_dbl(&image, &image);
    return bn_g2_eq(&sum, &image);
}

static bool load_g2(struct bn_g2_affine *p, const uint8_t *in)
{
    bool ok = bn_fp_load(&p->x.c1, in);
    ok = bn_fp_load(&p->x.c0, in + 32) && ok;
    ok = bn_fp_load(&p->y.c1, in + 64) && ok;
    ok = bn_fp_load(&p->y.c0, in + 96) && ok;
    p->infinity = bn_fp2_is_zero(&p->x) && bn_fp2_is_zero(&p->y);
    return ok && bn_g2_on_curve(p, &bn_b_twist) && in_g2(p);
}

/* ---- precompiles 6 and 7 --------------------------------------------------------------------- */

bool evm_bn254_add(const uint8_t in[128], uint8_t out[64])
{
    struct bn_g1_affine a, b;
    struct bn_g1_point sum;
    if (!load_g1(&a, in) || !load_g1(&b, in + 64))
        return false;
    bn_g1_from_affine(&sum, &a, &bn_one);
    bn_g1_add_affine(&sum, &sum, &b, &bn_one);
    store_g1(out, &sum);
    return true;
}

/* |k| p as a term, for k in two's complement. */
static void signed_term(struct bn_g1_term *t, const struct bn_g1_affine *p,
                        const struct evm_u256 *k)
{
    t->p = *p;
    t->e = *k;
    if (evm_u256_is_negative(k)) {
        evm_u256_neg(&t->e, k);
        bn_fp_neg(&t->p.y, &t->p.y);
    }
}

/* k P = k0 P + k1 lambda P with lambda P = (beta x, y) and both numbers below 2^127 in size: k less
 * the nearest sum of short vectors of the lattice of (a, b) with a + b lambda = 0 modulo r. */
static void split_g1(struct bn_g1_term t[2], const struct bn_g1_affine *p, const struct evm_u256 *k)
{
    struct evm_u256 e, c1, c2, k0, k1, s, unused;
    struct bn_g1_affine image = *p;
    evm_u256_mod(&e, k, &bn_order);
    limb_mul_full(unused.w, c1.w, e.w, bn_split_1.w);
    limb_mul_full(unused.w, c2.w, e.w, bn_split_2.w);
    evm_u256_mul(&s, &c1, &bn_vector_a);
    evm_u256_sub(&k0, &e, &s);
    evm_u256_mul(&s, &c2, &bn_vector_b);
    evm_u256_sub(&k0, &k0, &s);
    evm_u256_mul(&k1, &c2, &bn_vector_c);
    evm_u256_mul(&s, &c1, &bn_vector_b);
    evm_u256_sub(&k1, &k1, &s);
    bn_fp_mul(&image.x, &image.x, &bn_beta);
    signed_term(&t[0], p, &k0);
    signed_term(&t[1], &image, &k1);
}

bool evm_bn254_mul(const uint8_t in[96], uint8_t out[64])
{
    struct bn_g1_affine a;
    struct bn_g1_term terms[2];
    struct bn_g1_point p;
    struct evm_u256 e;
    if (!load_g1(&a, in))
        return false;
    evm_u256_load_be(&e, in + 64);
    split_g1(terms, &a, &e);
    bn_g1_sum_of_few(&p, terms, 2, &bn_one);
    store_g1(out, &p);
    return true;
}

/* ---- pairing --------------------------------------------------------------------------------- */

/* So many pairs share the squarings of one Miller loop, without a heap. */
#define BATCH 8

struct pair {
    struct bn_g1_affine p;
    struct bn_g2_affine q;
    struct bn_twist_point t;
};

static void add_and_multiply(struct bn_fp12 *f, struct pair *pair, const struct bn_fp2 *xq,
                             const struct bn_fp2 *yq)
{
    struct bn_line l;
    bn_step_add(&pair->t, &l, xq, yq);
    bn_mul_line(f, &l, &pair->p.x, &pair->p.y);
}

/* f times the optimal ate Miller value of the pairs: f_{6x+2,Q}(P) and two more lines (Vercauteren,
 * ePrint 2008/096). None of the points is at infinity. */
static void miller(struct bn_fp12 *out, struct pair *pairs, size_t n)
{
    struct bn_fp12 f;
    struct bn_line l;
    bn_fp12_set_one(&f);
    for (size_t i = 0; i < n; i++)
        pairs[i].t = (struct bn_twist_point){pairs[i].q.x, pairs[i].q.y, bn_fp2_one};
    for (int bit = 64; bit >= 0; bit--) {
        bool plus = BN_LOOP_PLUS >> bit & 1, minus = BN_LOOP_MINUS >> bit & 1;
        bn_fp12_sqr(&f, &f);
        for (size_t i = 0; i < n; i++) {
            bn_step_double(&pairs[i].t, &l);
            bn_mul_line(&f, &l, &pairs[i].p.x, &pairs[i].p.y);
            if (plus || minus) {
                struct bn_fp2 y = pairs[i].q.y;
                if (minus)
                    bn_fp2_neg(&y, &y);
                add_and_multiply(&f, &pairs[i], &pairs[i].q.x, &y);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct bn_fp2 x = pairs[i].q.x, y = pairs[i].q.y;
        frobenius_g2(&x, &y);
        add_and_multiply(&f, &pairs[i], &x, &y);
        frobenius_g2(&x, &y);
        bn_fp2_neg(&y, &y);
        add_and_multiply(&f, &pairs[i], &x, &y);
    }
    bn_fp12_mul(out, out, &f);
}

/* f^((p^12 - 1) / r). Hard part: Scott et al., "On the final exponentiation" (ePrint 2008/490), the
 * exponent as a polynomial in x to the base p, by an addition chain of vectors. */
static void final_exponentiation(struct bn_fp12 *f)
{
    struct bn_fp12 fx, fx2, fx3, y0, y2, y3, y4, y6, t0, t1;
    bn_easy_exponentiation(f);
    bn_fp12_cyclotomic_pow(&fx, f, BN_X);
    bn_fp12_cyclotomic_pow(&fx2, &fx, BN_X);
    bn_fp12_cyclotomic_pow(&fx3, &fx2, BN_X);

    bn_fp12_frobenius(&t0, f);
    bn_fp12_frobenius(&t1, &t0);
    bn_fp12_mul(&y0, &t0, &t1);
    bn_fp12_frobenius(&t1, &t1);
    bn_fp12_mul(&y0, &y0, &t1); /* f^(p + p^2 + p^3) */
    bn_fp12_frobenius(&t0, &fx2);
    bn_fp12_frobenius(&y2, &t0);
    bn_fp12_mul(&y4, &fx, &t0);
    bn_fp12_conj(&y4, &y4);
    bn_fp12_frobenius(&y3, &fx);
    bn_fp12_conj(&y3, &y3);
    bn_fp12_frobenius(&y6, &fx3);
    bn_fp12_mul(&y6, &y6, &fx3);
    bn_fp12_conj(&y6, &y6);
    bn_fp12_conj(&fx2, &fx2); /* y5 */
    bn_fp12_conj(f, f);       /* y1 */

    bn_fp12_cyclotomic_sqr(&t0, &y6);
    bn_fp12_mul(&t0, &t0, &y4);
    bn_fp12_mul(&t0, &t0, &fx2);
    bn_fp12_mul(&t1, &y3, &fx2);
    bn_fp12_mul(&t1, &t1, &t0);
    bn_fp12_mul(&t0, &t0, &y2);
    bn_fp12_cyclotomic_sqr(&t1, &t1);
    bn_fp12_mul(&t1, &t1, &t0);
    bn_fp12_cyclotomic_sqr(&t1, &t1);
    bn_fp12_mul(&t0, &t1, f);
    bn_fp12_mul(&t1, &t1, &y0);
    bn_fp12_cyclotomic_sqr(&t0, &t0);
    bn_fp12_mul(f, &t0, &t1);
}

bool evm_bn254_pairing(const uint8_t *in, size_t pairs, bool *one)
{
    struct pair batch[BATCH];
    struct bn_fp12 f;
    size_t n = 0;
    bn_fp12_set_one(&f);
    for (size_t i = 0; i < pairs; i++) {
        if (!load_g1(&batch[n].p, in + 192 * i) || !load_g2(&batch[n].q, in + 192 * i + 64))
            return false;
        /* A pairing with infinity is one. */
        n += !batch[n].p.infinity && !batch[n].q.infinity;
        if (n == BATCH) {
            miller(&f, batch, n);
            n = 0;
        }
    }
    if (n > 0)
        miller(&f, batch, n);
    final_exponentiation(&f);
    *one = bn_fp12_is_one(&f);
    return true;
}
