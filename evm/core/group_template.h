/* evm/core/group_template.h - points of y^2 = x^3 + b over some field, in Jacobian coordinates.
 *
 * A template: no include guard; the includer defines
 *     GF(name)     prefix of the field's functions: GF(mul), GF(add), ... (out first)
 *     GF_ELEMENT   the field's element type
 *     GP(name)     prefix of what is defined here
 * Any point is a valid input, the one at infinity (z = 0) and equal ones included.
 * Source: dbl-2009-l, add-2007-bl and madd-2007-bl of the Explicit-Formulas Database. */

struct GP(affine) {
    GF_ELEMENT x, y;
    bool infinity;
};

struct GP(point) {
    GF_ELEMENT x, y, z;
};

LIMB_SMALL bool GP(is_infinity)(const struct GP(point) * p)
{
    return GF(is_zero)(&p->z);
}

LIMB_SMALL void GP(set_infinity)(struct GP(point) * p)
{
    memset(p, 0, sizeof *p);
}

LIMB_SMALL void GP(from_affine)(struct GP(point) * out, const struct GP(affine) * a,
                                const GF_ELEMENT *one)
{
    if (a->infinity) {
        GP(set_infinity)(out);
        return;
    }
    out->x = a->x;
    out->y = a->y;
    out->z = *one;
}

LIMB_LARGE void GP(to_affine)(struct GP(affine) * out, const struct GP(point) * p)
{
    GF_ELEMENT i, ii;
    out->infinity = GP(is_infinity)(p);
    GF(inv)(&i, &p->z);
    GF(sqr)(&ii, &i);
    GF(mul)(&out->x, &p->x, &ii);
    GF(mul)(&ii, &ii, &i);
    GF(mul)(&out->y, &p->y, &ii);
}

LIMB_LARGE bool GP(on_curve)(const struct GP(affine) * p, const GF_ELEMENT *b)
{
    GF_ELEMENT left, right;
    if (p->infinity)
        return true;
    GF(sqr)(&left, &p->y);
    GF(sqr)(&right, &p->x);
    GF(mul)(&right, &right, &p->x);
    GF(add)(&right, &right, b);
    return GF(eq)(&left, &right);
}

LIMB_LARGE void GP(neg)(struct GP(point) * out, const struct GP(point) * p)
{
    *out = *p;
    GF(neg)(&out->y, &p->y);
}

/* Same point? */
LIMB_LARGE bool GP(eq)(const struct GP(point) * p, const struct GP(point) * q)
{
    GF_ELEMENT zp, zq, a, b;
    if (GP(is_infinity)(p) || GP(is_infinity)(q))
        return GP(is_infinity)(p) && GP(is_infinity)(q);
    GF(sqr)(&zp, &p->z);
    GF(sqr)(&zq, &q->z);
    GF(mul)(&a, &p->x, &zq);
    GF(mul)(&b, &q->x, &zp);
    if (!GF(eq)(&a, &b))
        return false;
    GF(mul)(&zp, &zp, &p->z);
    GF(mul)(&zq, &zq, &q->z);
    GF(mul)(&a, &p->y, &zq);
    GF(mul)(&b, &q->y, &zp);
    return GF(eq)(&a, &b);
}

LIMB_LARGE void GP(dbl)(struct GP(point) * out, const struct GP(point) * p)
{
    GF_ELEMENT a, b, c, d, e, f;
    GF(sqr)(&a, &p->x);
    GF(sqr)(&b, &p->y);
    GF(sqr)(&c, &b);
    GF(add)(&d, &p->x, &b);
    GF(sqr)(&d, &d);
    GF(sub)(&d, &d, &a);
    GF(sub)(&d, &d, &c);
    GF(dbl)(&d, &d);
    GF(dbl)(&e, &a);
    GF(add)(&e, &e, &a);
    GF(sqr)(&f, &e);
    GF(mul)(&a, &p->y, &p->z);
    GF(dbl)(&out->z, &a);
    GF(sub)(&f, &f, &d);
    GF(sub)(&out->x, &f, &d);
    GF(sub)(&d, &d, &out->x);
    GF(mul)(&d, &d, &e);
    GF(dbl)(&c, &c);
    GF(dbl)(&c, &c);
    GF(dbl)(&c, &c);
    GF(sub)(&out->y, &d, &c);
}

/* The common end of both additions, from h = u2 - u1, r = 2 (s2 - s1), u1 and s1. out->z must hold
 * (z1 + z2)^2 - z1^2 - z2^2 already. */
LIMB_LARGE void GP(add_tail)(struct GP(point) * out, const GF_ELEMENT *h, const GF_ELEMENT *r,
                             const GF_ELEMENT *u1, const GF_ELEMENT *s1)
{
    GF_ELEMENT i, j, v, t, s = *s1;
    GF(dbl)(&i, h);
    GF(sqr)(&i, &i);
    GF(mul)(&j, h, &i);
    GF(mul)(&v, u1, &i);
    GF(sqr)(&t, r);
    GF(sub)(&t, &t, &j);
    GF(sub)(&t, &t, &v);
    GF(sub)(&out->x, &t, &v);
    GF(sub)(&v, &v, &out->x);
    GF(mul)(&v, &v, r);
    GF(mul)(&s, &s, &j);
    GF(dbl)(&s, &s);
    GF(sub)(&out->y, &v, &s);
    GF(mul)(&out->z, &out->z, h);
}

LIMB_LARGE void GP(add)(struct GP(point) * out, const struct GP(point) * p,
                        const struct GP(point) * q)
{
    GF_ELEMENT zp, zq, u1, u2, s1, s2, z;
    if (GP(is_infinity)(p)) {
        *out = *q;
        return;
    }
    if (GP(is_infinity)(q)) {
        *out = *p;
        return;
    }
    GF(sqr)(&zp, &p->z);
    GF(sqr)(&zq, &q->z);
    GF(mul)(&u1, &p->x, &zq);
    GF(mul)(&u2, &q->x, &zp);
    GF(mul)(&s1, &p->y, &q->z);
    GF(mul)(&s1, &s1, &zq);
    GF(mul)(&s2, &q->y, &p->z);
    GF(mul)(&s2, &s2, &zp);
    GF(sub)(&u2, &u2, &u1);
    GF(sub)(&s2, &s2, &s1);
    if (GF(is_zero)(&u2)) {
        if (GF(is_zero)(&s2))
            GP(dbl)(out, p);
        else
            GP(set_infinity)(out);
        return;
    }
    GF(add)(&z, &p->z, &q->z);
    GF(sqr)(&z, &z);
    GF(sub)(&z, &z, &zp);
    GF(sub)(&out->z, &z, &zq);
    GF(dbl)(&s2, &s2);
    GP(add_tail)(out, &u2, &s2, &u1, &s1);
}

/* p + q for an affine q. */
LIMB_LARGE void GP(add_affine)(struct GP(point) * out, const struct GP(point) * p,
                               const struct GP(affine) * q, const GF_ELEMENT *one)
{
    GF_ELEMENT zp, u2, s2, u1 = p->x, s1 = p->y;
    if (q->infinity) {
        *out = *p;
        return;
    }
    if (GP(is_infinity)(p)) {
        GP(from_affine)(out, q, one);
        return;
    }
    GF(sqr)(&zp, &p->z);
    GF(mul)(&u2, &q->x, &zp);
    GF(mul)(&s2, &q->y, &p->z);
    GF(mul)(&s2, &s2, &zp);
    GF(sub)(&u2, &u2, &u1);
    GF(sub)(&s2, &s2, &s1);
    if (GF(is_zero)(&u2)) {
        if (GF(is_zero)(&s2))
            GP(dbl)(out, p);
        else
            GP(set_infinity)(out);
        return;
    }
    GF(dbl)(&out->z, &p->z);
    GF(dbl)(&s2, &s2);
    GP(add_tail)(out, &u2, &s2, &u1, &s1);
}

/* e p, by doubling and adding: for numbers with few bits set. */
LIMB_LARGE void GP(mul_sparse)(struct GP(point) * out, const struct GP(point) * p, uint64_t e)
{
    struct GP(point) r = *p;
    for (int i = 62 - __builtin_clzll(e); i >= 0; i--) {
        GP(dbl)(&r, &r);
        if (e >> i & 1)
            GP(add)(&r, &r, p);
    }
    *out = r;
}

/* ---- sums of products ------------------------------------------------------------------------
 * Of terms whose numbers are short, because an endomorphism has split them (Gallant, Lambert,
 * Vanstone, CRYPTO 2001): below 2^LIMB_SCALAR_BITS. */

struct GP(term) {
    struct GP(affine) p;
    struct evm_u256 e;
};

/* Few terms (at most LIMB_FEW): each has a table of odd multiples up to 15 p, all share the
 * doublings (Straus), digits are odd numbers from -15 to 15 (Möller, width 5). */
LIMB_LARGE void GP(sum_of_few)(struct GP(point) * out, const struct GP(term) * terms, size_t n,
                               const GF_ELEMENT *one)
{
    struct GP(point) odd[LIMB_FEW][8], twice, r;
    int8_t digits[LIMB_FEW][LIMB_SCALAR_BITS + 1];
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t used = limb_odd_digits(digits[i], &terms[i].e);
        most = used > most ? used : most;
        GP(from_affine)(&odd[i][0], &terms[i].p, one);
        GP(dbl)(&twice, &odd[i][0]);
        for (size_t k = 1; k < 8; k++)
            GP(add)(&odd[i][k], &odd[i][k - 1], &twice);
    }
    GP(set_infinity)(&r);
    for (size_t k = most; k-- > 0;) {
        GP(dbl)(&r, &r);
        for (size_t i = 0; i < n; i++) {
            int d = digits[i][k];
            if (d > 0) {
                GP(add)(&r, &r, &odd[i][d / 2]);
            } else if (d < 0) {
                GP(neg)(&twice, &odd[i][-d / 2]);
                GP(add)(&r, &r, &twice);
            }
        }
    }
    *out = r;
}

/* Many terms (at most LIMB_MANY), by buckets (Pippenger) for signed digits of `width` bits, so that
 * a bucket serves d and -d. */
LIMB_LARGE void GP(sum_of_many)(struct GP(point) * out, const struct GP(term) * terms, size_t n,
                                const GF_ELEMENT *one)
{
    const unsigned width = n < 48 ? 4 : n < 128 ? 5 : 6, half = 1u << (width - 1);
    int8_t digits[LIMB_MANY][LIMB_SCALAR_BITS / 4 + 1];
    struct GP(point) bucket[32], sum, running;
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t used = limb_signed_digits(digits[i], &terms[i].e, width);
        most = used > most ? used : most;
    }
    GP(set_infinity)(out);
    for (size_t k = most; k-- > 0;) {
        for (unsigned i = 0; i < width && !GP(is_infinity)(out); i++)
            GP(dbl)(out, out);
        memset(bucket, 0, half * sizeof bucket[0]);
        for (size_t i = 0; i < n; i++) {
            int d = digits[i][k];
            struct GP(affine) a = terms[i].p;
            if (d == 0)
                continue;
            if (d < 0) {
                GF(neg)(&a.y, &a.y);
                d = -d;
            }
            GP(add_affine)(&bucket[d - 1], &bucket[d - 1], &a, one);
        }
        /* bucket 1 + 2 bucket 2 + 3 bucket 3 + ... as a sum of running sums */
        GP(set_infinity)(&sum);
        GP(set_infinity)(&running);
        for (unsigned d = half; d > 0; d--) {
            GP(add)(&running, &running, &bucket[d - 1]);
            GP(add)(&sum, &sum, &running);
        }
        GP(add)(out, out, &sum);
    }
}

/* *out += the terms' sum; at most LIMB_MANY of them. */
LIMB_LARGE void GP(add_terms)(struct GP(point) * out, const struct GP(term) * terms, size_t n,
                              const GF_ELEMENT *one)
{
    struct GP(point) sum;
    if (n <= LIMB_FEW)
        GP(sum_of_few)(&sum, terms, n, one);
    else
        GP(sum_of_many)(&sum, terms, n, one);
    GP(add)(out, out, &sum);
}
