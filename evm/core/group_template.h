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

/* p times the number in `limbs` 64-bit limbs, least significant first. Four bits at a time. */
LIMB_LARGE void GP(mul)(struct GP(point) * out, const struct GP(point) * p, const uint64_t *e,
                        size_t limbs)
{
    struct GP(point) table[16], r;
    GP(set_infinity)(&table[0]);
    table[1] = *p;
    for (int i = 2; i < 16; i++) {
        if (i % 2)
            GP(add)(&table[i], &table[i - 1], p);
        else
            GP(dbl)(&table[i], &table[i / 2]);
    }
    GP(set_infinity)(&r);
    for (size_t i = limbs * 16; i-- > 0;) {
        if (!GP(is_infinity)(&r))
            for (int k = 0; k < 4; k++)
                GP(dbl)(&r, &r);
        unsigned digit = (unsigned)(e[i / 16] >> (4 * (i % 16))) & 15;
        if (digit)
            GP(add)(&r, &r, &table[digit]);
    }
    *out = r;
}

/* Digit `index` of `width` bits (at most 8), counted from the low end, of a 32-byte big-endian
 * number. */
LIMB_SMALL unsigned GP(digit)(const uint8_t *be, unsigned index, unsigned width)
{
    unsigned low = index * width, byte = low / 8;
    unsigned word = be[31 - byte] | (byte < 31 ? (unsigned)be[30 - byte] << 8 : 0);
    return word >> (low % 8) & ((1u << width) - 1);
}

/* Sum of n points times 256-bit numbers. Term i is read from in + i * stride: load() gives its
 * point (already checked), the number stands at `scalar_at`, big-endian. Buckets (Pippenger), whose
 * width grows with n; points are decoded again for every digit, which needs no heap and costs less
 * than a third of the addition that follows. */
LIMB_LARGE void GP(sum_of_products)(struct GP(point) * out, const uint8_t *in, size_t stride,
                                    size_t n, size_t scalar_at,
                                    void (*load)(struct GP(affine) * p, const uint8_t *in),
                                    const GF_ELEMENT *one)
{
    const unsigned width = n < 3 ? 2 : n < 8 ? 3 : n < 32 ? 4 : n < 96 ? 5 : n < 300 ? 6 : 7;
    struct GP(point) bucket[127], sum, running;
    struct GP(affine) a;
    GP(set_infinity)(out);
    if (n == 1) {
        uint64_t e[4];
        for (size_t i = 0; i < 4; i++)
            e[i] = evm_load_be64(in + scalar_at + 24 - 8 * i);
        load(&a, in);
        GP(from_affine)(out, &a, one);
        GP(mul)(out, out, e, 4);
        return;
    }
    for (unsigned digit = (256 + width - 1) / width; digit-- > 0;) {
        for (unsigned k = 0; k < width && !GP(is_infinity)(out); k++)
            GP(dbl)(out, out);
        memset(bucket, 0, ((1u << width) - 1) * sizeof bucket[0]);
        for (size_t i = 0; i < n; i++) {
            unsigned d = GP(digit)(in + i * stride + scalar_at, digit, width);
            if (d == 0)
                continue;
            load(&a, in + i * stride);
            GP(add_affine)(&bucket[d - 1], &bucket[d - 1], &a, one);
        }
        /* bucket 1 + 2 bucket 2 + 3 bucket 3 + ... as a sum of running sums */
        GP(set_infinity)(&sum);
        GP(set_infinity)(&running);
        for (unsigned d = (1u << width) - 1; d > 0; d--) {
            GP(add)(&running, &running, &bucket[d - 1]);
            GP(add)(&sum, &sum, &running);
        }
        GP(add)(out, out, &sum);
    }
}
