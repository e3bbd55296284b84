/* Field elements to points (RFC 9380, sections 6.6.3 and 8.8): the simplified SWU map onto a curve
 * isogenous to the one wanted, the isogeny, and multiplication by the cofactor. */
#include "evm/core/bls12.h"
#include "evm/core/bls12_internal.h"
#include "evm/core/bls12_map_constants.h"

/* ---- what differs between the two fields ----------------------------------------------------- */

/* The sign of RFC 9380, section 4.1: parity of the first coordinate that is not 0. */
static bool sign_fp(const struct bls_fp *a)
{
    struct bls_fp plain;
    bls_fp_plain(&plain, a);
    return plain.w[0] & 1;
}

static bool sign_fp2(const struct bls_fp2 *a)
{
    return bls_fp_is_zero(&a->c0) ? sign_fp(&a->c1) : sign_fp(&a->c0);
}

/* The complex method: with n^2 the norm of a, one of (re(a) + n) / 2 and (re(a) - n) / 2 is a
 * square, of the real part of the root. False if a is no square. */
static bool sqrt_fp2(struct bls_fp2 *out, const struct bls_fp2 *a)
{
    struct bls_fp n, t, half = {{0}}, x;
    struct bls_fp2 root, square;
    bls_fp_sqr(&n, &a->c0);
    bls_fp_sqr(&t, &a->c1);
    bls_fp_add(&n, &n, &t);
    if (!bls_fp_sqrt(&n, &n))
        return false;
    bls_fp_add(&half, &bls_one, &bls_one);
    bls_fp_inv(&half, &half);
    bls_fp_add(&t, &a->c0, &n);
    bls_fp_mul(&t, &t, &half);
    if (!bls_fp_sqrt(&x, &t)) {
        bls_fp_sub(&t, &t, &n);
        if (!bls_fp_sqrt(&x, &t))
            return false;
    }
    if (bls_fp_is_zero(&x)) {
        /* a is real and not positive: its root is imaginary. */
        bls_fp_neg(&t, &a->c0);
        root.c0 = x;
        bls_fp_sqrt(&root.c1, &t);
    } else {
        root.c0 = x;
        bls_fp_inv(&x, &x);
        bls_fp_mul(&x, &x, &half);
        bls_fp_mul(&root.c1, &a->c1, &x);
    }
    bls_fp2_sqr(&square, &root);
    *out = root;
    return bls_fp2_eq(&square, a);
}

/* ---- the map, once for each field ------------------------------------------------------------ */

#define GF(name)   bls_fp_##name
#define GF_ELEMENT struct bls_fp
#define GP(name)   bls_g1_##name
#define MAP(name)  map1_##name
#define MAP_SQRT   bls_fp_sqrt
#define MAP_SIGN   sign_fp
#define MAP_ONE    bls_one
#include "evm/core/bls12_map_template.h"
#undef GF
#undef GF_ELEMENT
#undef GP
#undef MAP
#undef MAP_SQRT
#undef MAP_SIGN
#undef MAP_ONE

#define GF(name)   bls_fp2_##name
#define GF_ELEMENT struct bls_fp2
#define GP(name)   bls_g2_##name
#define MAP(name)  map2_##name
#define MAP_SQRT   sqrt_fp2
#define MAP_SIGN   sign_fp2
#define MAP_ONE    bls_fp2_one
#include "evm/core/bls12_map_template.h"

bool evm_bls12_map_fp_to_g1(const uint8_t in[64], uint8_t out[128])
{
    struct bls_fp u;
    struct bls_g1_point p;
    if (!bls_load_fp(&u, in))
        return false;
    map1_to_curve(&p, &u);
    bls_g1_mul_sparse(&p, &p, BLS_X + 1); /* 1 - x, RFC 9380's h_eff */
    bls_store_g1(out, &p);
    return true;
}

/* p times the negative x. */
static void times_x(struct bls_g2_point *out, const struct bls_g2_point *p)
{
    bls_g2_mul_sparse(out, p, BLS_X);
    bls_g2_neg(out, out);
}

bool evm_bls12_map_fp2_to_g2(const uint8_t in[128], uint8_t out[256])
{
    struct bls_fp2 u;
    struct bls_g2_point p, a, b, t;
    if (!bls_load_fp2(&u, in))
        return false;
    map2_to_curve(&p, &u);
    /* h_eff p = (x^2 - x - 1) p + (x - 1) psi(p) + psi(psi(2p)) (Budroni, Pintore, ePrint
     * 2017/419), which is x a - a - p + psi(psi(2p)) with a = x p + psi(p). */
    times_x(&a, &p);
    bls_psi(&t, &p);
    bls_g2_add(&a, &a, &t);
    times_x(&b, &a);
    bls_g2_neg(&a, &a);
    bls_g2_add(&b, &b, &a);
    bls_g2_neg(&t, &p);
    bls_g2_add(&b, &b, &t);
    bls_g2_dbl(&t, &p);
    bls_psi(&t, &t);
    bls_psi(&t, &t);
    bls_g2_add(&b, &b, &t);
    bls_store_g2(out, &b);
    return true;
}
