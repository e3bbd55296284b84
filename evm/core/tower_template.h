/* evm/core/tower_template.h - the field tower Fp, Fp2, Fp6, Fp12 of a pairing-friendly curve.
 *
 * A template: no include guard; the includer includes evm/core/limbs.h and defines
 *     TF(name)      the prefix, as in #define TF(name) bn_##name
 *     TF_LIMBS      64-bit limbs of the modulus, whose top bit must be 0
 *     TF_NEG_INV    -1/p modulo 2^64
 * and, after struct TF(fp) and struct TF(fp2) exist (evm/core/tower_types_template.h), the
 * constants TF(modulus), TF(one), TF(r_squared), TF(frobenius)[5], TF(mul_xi)(out, a).
 *
 *     Fp2 = Fp[u]/(u^2 + 1)   Fp6 = Fp2[v]/(v^3 - xi)   Fp12 = Fp6[w]/(w^2 - v)
 *
 * Elements of Fp are in Montgomery form, below p. Outputs come first and may be the same object as
 * any input. Nothing here is constant-time: all inputs are public.
 * Sources: Montgomery multiplication by operand scanning (Acar's thesis, CIOS; without the carry
 * word where the top bit of p is free); Karatsuba towers (Devegili et al., ePrint 2006/471);
 * squaring in the cyclotomic subgroup (Granger, Scott, ePrint 2009/565). */

/* ---- Fp -------------------------------------------------------------------------------------- */

LIMB_SMALL bool TF(fp_is_zero)(const struct TF(fp) * a)
{
    uint64_t any = 0;
    for (int i = 0; i < TF_LIMBS; i++)
        any |= a->w[i];
    return any == 0;
}

LIMB_SMALL bool TF(fp_eq)(const struct TF(fp) * a, const struct TF(fp) * b)
{
    uint64_t any = 0;
    for (int i = 0; i < TF_LIMBS; i++)
        any |= a->w[i] ^ b->w[i];
    return any == 0;
}

/* t - p if that is not negative, else t; t < 2p. */
LIMB_SMALL void TF(fp_reduce)(struct TF(fp) * out, const uint64_t t[TF_LIMBS])
{
    uint64_t d[TF_LIMBS];
    unsigned char borrow = 0;
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        borrow = limb_sub(borrow, t[i], TF(modulus).w[i], &d[i]);
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        out->w[i] = borrow ? t[i] : d[i];
}

LIMB_SMALL void TF(fp_add)(struct TF(fp) * out, const struct TF(fp) * a, const struct TF(fp) * b)
{
    uint64_t t[TF_LIMBS];
    unsigned char carry = 0;
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        carry = limb_add(carry, a->w[i], b->w[i], &t[i]);
    TF(fp_reduce)(out, t);
}

LIMB_SMALL void TF(fp_sub)(struct TF(fp) * out, const struct TF(fp) * a, const struct TF(fp) * b)
{
    uint64_t t[TF_LIMBS];
    unsigned char borrow = 0, carry = 0;
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        borrow = limb_sub(borrow, a->w[i], b->w[i], &t[i]);
    uint64_t mask = 0 - (uint64_t)borrow;
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        carry = limb_add(carry, t[i], TF(modulus).w[i] & mask, &out->w[i]);
}

LIMB_SMALL void TF(fp_neg)(struct TF(fp) * out, const struct TF(fp) * a)
{
    static const struct TF(fp) zero;
    TF(fp_sub)(out, &zero, a);
}

LIMB_SMALL void TF(fp_dbl)(struct TF(fp) * out, const struct TF(fp) * a)
{
    TF(fp_add)(out, a, a);
}

/* a * b / 2^(64 limbs). After each round the sum is below 2p, which fits the limbs because the top
 * bit of p is 0, so no carry word is kept. Not inline where it is a page of assembly. */
#ifdef LIMB_ASM
static __attribute__((noinline, unused)) void
TF(fp_mul)(struct TF(fp) * out, const struct TF(fp) * a, const struct TF(fp) * b)
{
    static const uint64_t neg_inv = TF_NEG_INV;
    uint64_t t[TF_LIMBS] = {0};
    LIMB_UNROLL
    for (int i = 0; i < TF_LIMBS; i++)
        LIMB_ASM_ROW(TF_LIMBS)(t, a->w, b->w[i], TF(modulus).w, &neg_inv);
    TF(fp_reduce)(out, t);
}
#else
LIMB_LARGE void TF(fp_mul)(struct TF(fp) * out, const struct TF(fp) * a, const struct TF(fp) * b)
{
    uint64_t t[TF_LIMBS] = {0};
    for (int i = 0; i < TF_LIMBS; i++) {
        evm_u128 x = (evm_u128)a->w[0] * b->w[i] + t[0];
        uint64_t m = (uint64_t)x * TF_NEG_INV;
        evm_u128 y = (evm_u128)m * TF(modulus).w[0] + (uint64_t)x;
        for (int j = 1; j < TF_LIMBS; j++) {
            x = (evm_u128)a->w[j] * b->w[i] + t[j] + (uint64_t)(x >> 64);
            y = (evm_u128)m * TF(modulus).w[j] + (uint64_t)x + (uint64_t)(y >> 64);
            t[j - 1] = (uint64_t)y;
        }
        t[TF_LIMBS - 1] = (uint64_t)(x >> 64) + (uint64_t)(y >> 64);
    }
    TF(fp_reduce)(out, t);
}
#endif

LIMB_SMALL void TF(fp_sqr)(struct TF(fp) * out, const struct TF(fp) * a)
{
    TF(fp_mul)(out, a, a);
}

/* a^e; e has TF_LIMBS limbs. Four bits at a time. */
LIMB_LARGE void TF(fp_pow)(struct TF(fp) * out, const struct TF(fp) * a, const uint64_t e[TF_LIMBS])
{
    struct TF(fp) power[16], r = TF(one);
    power[0] = TF(one);
    for (int i = 1; i < 16; i++)
        TF(fp_mul)(&power[i], &power[i - 1], a);
    for (int i = TF_LIMBS * 16; i-- > 0;) {
        for (int k = 0; k < 4; k++)
            TF(fp_sqr)(&r, &r);
        TF(fp_mul)(&r, &r, &power[e[i / 16] >> (4 * (i % 16)) & 15]);
    }
    *out = r;
}

/* (a f + b g) / 2^31 without its sign, and (u f + v g) / 2^31 modulo p with the same sign changed;
 * |f| + |g| is at most 2^31. na may be b, which nu's row does not read. */
LIMB_LARGE void TF(fp_gcd_row)(struct TF(fp) * na, struct TF(fp) * nu, const struct TF(fp) * a,
                               const struct TF(fp) * b, const struct TF(fp) * u,
                               const struct TF(fp) * v, int64_t f, int64_t g)
{
    uint64_t t[TF_LIMBS + 1];
    int64_t sign =
        -(int64_t)(f < 0); /* limb_combine wants no negative f; the sign is lost anyway */
    f = (f ^ sign) - sign;
    g = (g ^ sign) - sign;
    limb_combine(t, a->w, b->w, TF_LIMBS, f, g);
    bool minus = limb_shift_31(na->w, t, TF_LIMBS);
    limb_combine(t, u->w, v->w, TF_LIMBS, f, g);
    unsigned char carry = minus;
    for (int i = 0; i <= TF_LIMBS; i++)
        carry = limb_add(carry, t[i] ^ (0 - (uint64_t)minus), 0, &t[i]);
    /* Add the multiple of p that makes the low 31 bits zero; then |t| / 2^31 < 2p. */
    uint64_t m = t[0] * TF_NEG_INV & 0x7fffffff, high = 0;
    carry = 0;
    for (int i = 0; i < TF_LIMBS; i++) {
        evm_u128 x = (evm_u128)TF(modulus).w[i] * m + high;
        high = (uint64_t)(x >> 64);
        carry = limb_add(carry, t[i], (uint64_t)x, &t[i]);
    }
    t[TF_LIMBS] += high + carry;
    uint64_t negative = 0 - (t[TF_LIMBS] >> 63);
    carry = 0;
    for (int i = 0; i < TF_LIMBS; i++)
        t[i] = t[i] >> 31 | t[i + 1] << 33;
    for (int i = 0; i < TF_LIMBS; i++)
        carry = limb_add(carry, t[i], TF(modulus).w[i] & negative, &t[i]);
    TF(fp_reduce)(nu, t);
}

/* 1/a; 0 for 0. (a, b) starts as (a, p), and u x = a, v x = b modulo p throughout;
 * when a is 0, b is the greatest common divisor, 1, and v is 1/x. With u = R^2 instead of 1 to
 * begin with, v is R^2 / (x R), the Montgomery form of 1/x. */
LIMB_LARGE void TF(fp_inv)(struct TF(fp) * out, const struct TF(fp) * x)
{
    struct TF(fp) a = *x, b = TF(modulus), u = TF(r_squared), v = {{0}}, na, nu, nv;
    while (!TF(fp_is_zero)(&a)) {
        /* The 64 bits below the top of the longer one; all of both if they are that short. */
        int top = TF_LIMBS - 1;
        while (top > 0 && (a.w[top] | b.w[top]) == 0)
            top--;
        uint64_t ha = a.w[top], hb = b.w[top];
        if (top > 0) {
            unsigned shift = (unsigned)__builtin_clzll(ha | hb);
            ha = ha << shift | (a.w[top - 1] >> 1) >> (63 - shift);
            hb = hb << shift | (b.w[top - 1] >> 1) >> (63 - shift);
            ha = (ha & ~(uint64_t)0x7fffffff) | (a.w[0] & 0x7fffffff);
            hb = (hb & ~(uint64_t)0x7fffffff) | (b.w[0] & 0x7fffffff);
        }
        struct limb_gcd s = limb_gcd_steps(ha, hb);
        TF(fp_gcd_row)(&na, &nu, &a, &b, &u, &v, s.f0, s.g0);
        TF(fp_gcd_row)(&b, &nv, &a, &b, &u, &v, s.f1, s.g1);
        a = na;
        u = nu;
        v = nv;
    }
    *out = v;
}

/* From TF_LIMBS * 8 big-endian bytes; false if the number is not below p. */
LIMB_LARGE bool TF(fp_load)(struct TF(fp) * out, const uint8_t *p)
{
    struct TF(fp) x;
    for (int i = 0; i < TF_LIMBS; i++)
        x.w[i] = evm_load_be64(p + 8 * (TF_LIMBS - 1 - i));
    uint64_t borrow = 0;
    for (int i = 0; i < TF_LIMBS; i++)
        borrow = (uint64_t)(((evm_u128)x.w[i] - TF(modulus).w[i] - borrow) >> 64) & 1;
    TF(fp_mul)(out, &x, &TF(r_squared));
    return borrow;
}

/* Out of Montgomery form: plain limbs, least significant first. */
LIMB_SMALL void TF(fp_plain)(struct TF(fp) * out, const struct TF(fp) * a)
{
    const struct TF(fp) unit = {{1}};
    TF(fp_mul)(out, a, &unit);
}

LIMB_LARGE void TF(fp_store)(uint8_t *p, const struct TF(fp) * a)
{
    struct TF(fp) x;
    TF(fp_plain)(&x, a);
    for (int i = 0; i < TF_LIMBS; i++)
        evm_store_be64(p + 8 * (TF_LIMBS - 1 - i), x.w[i]);
}

/* ---- Fp2 ------------------------------------------------------------------------------------- */

LIMB_SMALL bool TF(fp2_is_zero)(const struct TF(fp2) * a)
{
    return TF(fp_is_zero)(&a->c0) && TF(fp_is_zero)(&a->c1);
}

LIMB_SMALL bool TF(fp2_eq)(const struct TF(fp2) * a, const struct TF(fp2) * b)
{
    return TF(fp_eq)(&a->c0, &b->c0) && TF(fp_eq)(&a->c1, &b->c1);
}

LIMB_SMALL void TF(fp2_add)(struct TF(fp2) * out, const struct TF(fp2) * a,
                            const struct TF(fp2) * b)
{
    TF(fp_add)(&out->c0, &a->c0, &b->c0);
    TF(fp_add)(&out->c1, &a->c1, &b->c1);
}

LIMB_SMALL void TF(fp2_sub)(struct TF(fp2) * out, const struct TF(fp2) * a,
                            const struct TF(fp2) * b)
{
    TF(fp_sub)(&out->c0, &a->c0, &b->c0);
    TF(fp_sub)(&out->c1, &a->c1, &b->c1);
}

LIMB_SMALL void TF(fp2_neg)(struct TF(fp2) * out, const struct TF(fp2) * a)
{
    TF(fp_neg)(&out->c0, &a->c0);
    TF(fp_neg)(&out->c1, &a->c1);
}

LIMB_SMALL void TF(fp2_dbl)(struct TF(fp2) * out, const struct TF(fp2) * a)
{
    TF(fp2_add)(out, a, a);
}

LIMB_SMALL void TF(fp2_conj)(struct TF(fp2) * out, const struct TF(fp2) * a)
{
    out->c0 = a->c0;
    TF(fp_neg)(&out->c1, &a->c1);
}

LIMB_LARGE void TF(fp2_mul)(struct TF(fp2) * out, const struct TF(fp2) * a,
                            const struct TF(fp2) * b)
{
    struct TF(fp) t0, t1, sa, sb;
    TF(fp_add)(&sa, &a->c0, &a->c1);
    TF(fp_add)(&sb, &b->c0, &b->c1);
    TF(fp_mul)(&t0, &a->c0, &b->c0);
    TF(fp_mul)(&t1, &a->c1, &b->c1);
    TF(fp_mul)(&sa, &sa, &sb);
    TF(fp_sub)(&sa, &sa, &t0);
    TF(fp_sub)(&out->c1, &sa, &t1);
    TF(fp_sub)(&out->c0, &t0, &t1);
}

LIMB_LARGE void TF(fp2_sqr)(struct TF(fp2) * out, const struct TF(fp2) * a)
{
    struct TF(fp) sum, difference, product;
    TF(fp_add)(&sum, &a->c0, &a->c1);
    TF(fp_sub)(&difference, &a->c0, &a->c1);
    TF(fp_mul)(&product, &a->c0, &a->c1);
    TF(fp_mul)(&out->c0, &sum, &difference);
    TF(fp_dbl)(&out->c1, &product);
}

LIMB_LARGE void TF(fp2_mul_fp)(struct TF(fp2) * out, const struct TF(fp2) * a,
                               const struct TF(fp) * b)
{
    TF(fp_mul)(&out->c0, &a->c0, b);
    TF(fp_mul)(&out->c1, &a->c1, b);
}

LIMB_LARGE void TF(fp2_inv)(struct TF(fp2) * out, const struct TF(fp2) * a)
{
    struct TF(fp) norm, t;
    TF(fp_sqr)(&norm, &a->c0);
    TF(fp_sqr)(&t, &a->c1);
    TF(fp_add)(&norm, &norm, &t);
    TF(fp_inv)(&norm, &norm);
    TF(fp_mul)(&out->c0, &a->c0, &norm);
    TF(fp_neg)(&norm, &norm);
    TF(fp_mul)(&out->c1, &a->c1, &norm);
}

static inline void TF(mul_xi)(struct TF(fp2) * out, const struct TF(fp2) * a);

/* ---- Fp6 ------------------------------------------------------------------------------------- */

LIMB_LARGE void TF(fp6_add)(struct TF(fp6) * out, const struct TF(fp6) * a,
                            const struct TF(fp6) * b)
{
    TF(fp2_add)(&out->c0, &a->c0, &b->c0);
    TF(fp2_add)(&out->c1, &a->c1, &b->c1);
    TF(fp2_add)(&out->c2, &a->c2, &b->c2);
}

LIMB_LARGE void TF(fp6_sub)(struct TF(fp6) * out, const struct TF(fp6) * a,
                            const struct TF(fp6) * b)
{
    TF(fp2_sub)(&out->c0, &a->c0, &b->c0);
    TF(fp2_sub)(&out->c1, &a->c1, &b->c1);
    TF(fp2_sub)(&out->c2, &a->c2, &b->c2);
}

LIMB_LARGE void TF(fp6_neg)(struct TF(fp6) * out, const struct TF(fp6) * a)
{
    TF(fp2_neg)(&out->c0, &a->c0);
    TF(fp2_neg)(&out->c1, &a->c1);
    TF(fp2_neg)(&out->c2, &a->c2);
}

/* a * v */
LIMB_LARGE void TF(fp6_mul_v)(struct TF(fp6) * out, const struct TF(fp6) * a)
{
    struct TF(fp2) top;
    TF(mul_xi)(&top, &a->c2);
    out->c2 = a->c1;
    out->c1 = a->c0;
    out->c0 = top;
}

/* (a + b)(c + d) - ac - bd: the cross term of Karatsuba. */
LIMB_LARGE void TF(fp2_cross)(struct TF(fp2) * out, const struct TF(fp2) * a,
                              const struct TF(fp2) * b, const struct TF(fp2) * c,
                              const struct TF(fp2) * d, const struct TF(fp2) * ac,
                              const struct TF(fp2) * bd)
{
    struct TF(fp2) s, t;
    TF(fp2_add)(&s, a, b);
    TF(fp2_add)(&t, c, d);
    TF(fp2_mul)(&s, &s, &t);
    TF(fp2_sub)(&s, &s, ac);
    TF(fp2_sub)(out, &s, bd);
}

LIMB_LARGE void TF(fp6_mul)(struct TF(fp6) * out, const struct TF(fp6) * a,
                            const struct TF(fp6) * b)
{
    struct TF(fp2) v0, v1, v2, t01, t02, t12;
    TF(fp2_mul)(&v0, &a->c0, &b->c0);
    TF(fp2_mul)(&v1, &a->c1, &b->c1);
    TF(fp2_mul)(&v2, &a->c2, &b->c2);
    TF(fp2_cross)(&t12, &a->c1, &a->c2, &b->c1, &b->c2, &v1, &v2);
    TF(fp2_cross)(&t01, &a->c0, &a->c1, &b->c0, &b->c1, &v0, &v1);
    TF(fp2_cross)(&t02, &a->c0, &a->c2, &b->c0, &b->c2, &v0, &v2);
    TF(mul_xi)(&t12, &t12);
    TF(fp2_add)(&out->c0, &v0, &t12);
    TF(fp2_add)(&out->c2, &t02, &v1);
    TF(mul_xi)(&v2, &v2);
    TF(fp2_add)(&out->c1, &t01, &v2);
}

/* a * (b0 + b1 v) */
LIMB_LARGE void TF(fp6_mul_01)(struct TF(fp6) * out, const struct TF(fp6) * a,
                               const struct TF(fp2) * b0, const struct TF(fp2) * b1)
{
    struct TF(fp2) v0, v1, t0, t1, t2;
    TF(fp2_mul)(&v0, &a->c0, b0);
    TF(fp2_mul)(&v1, &a->c1, b1);
    TF(fp2_mul)(&t0, &a->c2, b1);
    TF(mul_xi)(&t0, &t0);
    TF(fp2_mul)(&t2, &a->c2, b0);
    TF(fp2_cross)(&t1, &a->c0, &a->c1, b0, b1, &v0, &v1);
    TF(fp2_add)(&out->c0, &v0, &t0);
    out->c1 = t1;
    TF(fp2_add)(&out->c2, &v1, &t2);
}

LIMB_LARGE void TF(fp6_inv)(struct TF(fp6) * out, const struct TF(fp6) * a)
{
    struct TF(fp2) c0, c1, c2, t, s;
    TF(fp2_sqr)(&c0, &a->c0);
    TF(fp2_mul)(&t, &a->c1, &a->c2);
    TF(mul_xi)(&t, &t);
    TF(fp2_sub)(&c0, &c0, &t);
    TF(fp2_sqr)(&c1, &a->c2);
    TF(mul_xi)(&c1, &c1);
    TF(fp2_mul)(&t, &a->c0, &a->c1);
    TF(fp2_sub)(&c1, &c1, &t);
    TF(fp2_sqr)(&c2, &a->c1);
    TF(fp2_mul)(&t, &a->c0, &a->c2);
    TF(fp2_sub)(&c2, &c2, &t);

    TF(fp2_mul)(&s, &a->c2, &c1);
    TF(fp2_mul)(&t, &a->c1, &c2);
    TF(fp2_add)(&s, &s, &t);
    TF(mul_xi)(&s, &s);
    TF(fp2_mul)(&t, &a->c0, &c0);
    TF(fp2_add)(&s, &s, &t);
    TF(fp2_inv)(&s, &s);
    TF(fp2_mul)(&out->c0, &c0, &s);
    TF(fp2_mul)(&out->c1, &c1, &s);
    TF(fp2_mul)(&out->c2, &c2, &s);
}

/* ---- Fp12 ------------------------------------------------------------------------------------ */

LIMB_LARGE void TF(fp12_set_one)(struct TF(fp12) * out)
{
    memset(out, 0, sizeof *out);
    out->c0.c0.c0 = TF(one);
}

LIMB_LARGE bool TF(fp12_is_one)(const struct TF(fp12) * a)
{
    struct TF(fp12) one;
    TF(fp12_set_one)(&one);
    return memcmp(a, &one, sizeof one) == 0;
}

LIMB_LARGE void TF(fp12_mul)(struct TF(fp12) * out, const struct TF(fp12) * a,
                             const struct TF(fp12) * b)
{
    struct TF(fp6) v0, v1, s, t;
    TF(fp6_mul)(&v0, &a->c0, &b->c0);
    TF(fp6_mul)(&v1, &a->c1, &b->c1);
    TF(fp6_add)(&s, &a->c0, &a->c1);
    TF(fp6_add)(&t, &b->c0, &b->c1);
    TF(fp6_mul)(&s, &s, &t);
    TF(fp6_sub)(&s, &s, &v0);
    TF(fp6_sub)(&out->c1, &s, &v1);
    TF(fp6_mul_v)(&v1, &v1);
    TF(fp6_add)(&out->c0, &v0, &v1);
}

LIMB_LARGE void TF(fp12_sqr)(struct TF(fp12) * out, const struct TF(fp12) * a)
{
    struct TF(fp6) product, s, t;
    TF(fp6_mul)(&product, &a->c0, &a->c1);
    TF(fp6_add)(&s, &a->c0, &a->c1);
    TF(fp6_mul_v)(&t, &a->c1);
    TF(fp6_add)(&t, &t, &a->c0);
    TF(fp6_mul)(&s, &s, &t);
    TF(fp6_sub)(&s, &s, &product);
    TF(fp6_mul_v)(&t, &product);
    TF(fp6_sub)(&out->c0, &s, &t);
    TF(fp6_add)(&out->c1, &product, &product);
}

/* The conjugate over Fp6, which is the inverse in the cyclotomic subgroup. */
LIMB_LARGE void TF(fp12_conj)(struct TF(fp12) * out, const struct TF(fp12) * a)
{
    out->c0 = a->c0;
    TF(fp6_neg)(&out->c1, &a->c1);
}

LIMB_LARGE void TF(fp12_inv)(struct TF(fp12) * out, const struct TF(fp12) * a)
{
    struct TF(fp6) s, t;
    TF(fp6_mul)(&s, &a->c0, &a->c0);
    TF(fp6_mul)(&t, &a->c1, &a->c1);
    TF(fp6_mul_v)(&t, &t);
    TF(fp6_sub)(&s, &s, &t);
    TF(fp6_inv)(&s, &s);
    TF(fp6_mul)(&out->c0, &a->c0, &s);
    TF(fp6_neg)(&s, &s);
    TF(fp6_mul)(&out->c1, &a->c1, &s);
}

/* a^p */
LIMB_LARGE void TF(fp12_frobenius)(struct TF(fp12) * out, const struct TF(fp12) * a)
{
    const struct TF(fp2) *g = TF(frobenius);
    TF(fp2_conj)(&out->c0.c0, &a->c0.c0);
    TF(fp2_conj)(&out->c0.c1, &a->c0.c1);
    TF(fp2_conj)(&out->c0.c2, &a->c0.c2);
    TF(fp2_conj)(&out->c1.c0, &a->c1.c0);
    TF(fp2_conj)(&out->c1.c1, &a->c1.c1);
    TF(fp2_conj)(&out->c1.c2, &a->c1.c2);
    TF(fp2_mul)(&out->c1.c0, &out->c1.c0, &g[0]);
    TF(fp2_mul)(&out->c0.c1, &out->c0.c1, &g[1]);
    TF(fp2_mul)(&out->c1.c1, &out->c1.c1, &g[2]);
    TF(fp2_mul)(&out->c0.c2, &out->c0.c2, &g[3]);
    TF(fp2_mul)(&out->c1.c2, &out->c1.c2, &g[4]);
}

/* (a + b s)^2 for s^2 = xi. */
LIMB_LARGE void TF(fp4_sqr)(struct TF(fp2) * c0, struct TF(fp2) * c1, const struct TF(fp2) * a,
                            const struct TF(fp2) * b)
{
    struct TF(fp2) aa, bb, s;
    TF(fp2_sqr)(&aa, a);
    TF(fp2_sqr)(&bb, b);
    TF(fp2_add)(&s, a, b);
    TF(fp2_sqr)(&s, &s);
    TF(fp2_sub)(&s, &s, &aa);
    TF(fp2_sub)(c1, &s, &bb);
    TF(mul_xi)(&bb, &bb);
    TF(fp2_add)(c0, &bb, &aa);
}

/* 3t - 2z, and 3t + 2z. */
LIMB_LARGE void TF(fp2_3t_2z)(struct TF(fp2) * out, const struct TF(fp2) * t,
                              const struct TF(fp2) * z, bool plus)
{
    struct TF(fp2) s;
    if (plus)
        TF(fp2_add)(&s, t, z);
    else
        TF(fp2_sub)(&s, t, z);
    TF(fp2_dbl)(&s, &s);
    TF(fp2_add)(out, &s, t);
}

/* a^2 for a in the cyclotomic subgroup (after the easy part of the final exponentiation). */
LIMB_LARGE void TF(fp12_cyclotomic_sqr)(struct TF(fp12) * out, const struct TF(fp12) * a)
{
    struct TF(fp2) t0, t1, t2, t3, t4, t5;
    TF(fp4_sqr)(&t0, &t1, &a->c0.c0, &a->c1.c1);
    TF(fp4_sqr)(&t2, &t3, &a->c1.c0, &a->c0.c2);
    TF(fp4_sqr)(&t4, &t5, &a->c0.c1, &a->c1.c2);
    TF(mul_xi)(&t5, &t5);
    TF(fp2_3t_2z)(&out->c0.c0, &t0, &a->c0.c0, false);
    TF(fp2_3t_2z)(&out->c0.c1, &t2, &a->c0.c1, false);
    TF(fp2_3t_2z)(&out->c0.c2, &t4, &a->c0.c2, false);
    TF(fp2_3t_2z)(&out->c1.c0, &t5, &a->c1.c0, true);
    TF(fp2_3t_2z)(&out->c1.c1, &t1, &a->c1.c1, true);
    TF(fp2_3t_2z)(&out->c1.c2, &t3, &a->c1.c2, true);
}

/* a^e for a in the cyclotomic subgroup. */
LIMB_LARGE void TF(fp12_cyclotomic_pow)(struct TF(fp12) * out, const struct TF(fp12) * a,
                                        uint64_t e)
{
    struct TF(fp12) r = *a;
    for (int i = 62 - __builtin_clzll(e); i >= 0; i--) {
        TF(fp12_cyclotomic_sqr)(&r, &r);
        if (e >> i & 1)
            TF(fp12_mul)(&r, &r, a);
    }
    *out = r;
}
