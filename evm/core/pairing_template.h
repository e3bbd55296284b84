/* evm/core/pairing_template.h - the steps of a Miller loop over the tower of
 * evm/core/tower_template.h.
 *
 * A template: no include guard; beside that one's macros the includer defines
 *     TF_TWIST_D   1 if the twist is y^2 = x^3 + b / xi, 0 if it is y^2 = x^3 + b xi
 *     TF(three_b_twist)   three times the twist's constant
 *
 * Let T be on the twist, P = (xp, yp) on the curve, and l the slope of the line through T.
 * Untwisted, the line's value at P is, up to factors in proper subfields (which the final
 * exponentiation removes), D:  yp          - l xp w   + (l xt - yt) w^3 M:  yp w^3      - l xp w^2
 * + (l xt - yt) T is kept in homogeneous projective coordinates, and each line is scaled by its
 * denominator. Source: Costello, Lange, Naehrig, "Faster pairing computations on curves with
 * high-degree twists" (ePrint 2009/615), for the doubling formulas. */

struct TF(twist_point) {
    struct TF(fp2) x, y, z;
};

/* The line as coefficients of yp, of xp, and of 1. */
struct TF(line) {
    struct TF(fp2) of_y, of_x, constant;
};

/* f * line(P) */
LIMB_LARGE void TF(mul_line)(struct TF(fp12) * f, const struct TF(line) * l,
                             const struct TF(fp) * xp, const struct TF(fp) * yp)
{
    struct TF(fp2) at_y, at_x, sum;
    struct TF(fp6) a, b, e;
    TF(fp2_mul_fp)(&at_y, &l->of_y, yp);
    TF(fp2_mul_fp)(&at_x, &l->of_x, xp);
    TF(fp6_add)(&e, &f->c0, &f->c1);
#if TF_TWIST_D
    /* (at_y) + (at_x + constant v) w */
    TF(fp2_mul)(&a.c0, &f->c0.c0, &at_y);
    TF(fp2_mul)(&a.c1, &f->c0.c1, &at_y);
    TF(fp2_mul)(&a.c2, &f->c0.c2, &at_y);
    TF(fp6_mul_01)(&b, &f->c1, &at_x, &l->constant);
    TF(fp2_add)(&sum, &at_y, &at_x);
    TF(fp6_mul_01)(&e, &e, &sum, &l->constant);
#else
    /* (constant + at_x v) + (at_y v) w */
    TF(fp6_mul_01)(&a, &f->c0, &l->constant, &at_x);
    TF(fp2_mul)(&b.c0, &f->c1.c2, &at_y);
    TF(mul_xi)(&b.c0, &b.c0);
    TF(fp2_mul)(&b.c1, &f->c1.c0, &at_y);
    TF(fp2_mul)(&b.c2, &f->c1.c1, &at_y);
    TF(fp2_add)(&sum, &at_x, &at_y);
    TF(fp6_mul_01)(&e, &e, &l->constant, &sum);
#endif
    TF(fp6_sub)(&e, &e, &a);
    TF(fp6_sub)(&f->c1, &e, &b);
    TF(fp6_mul_v)(&b, &b);
    TF(fp6_add)(&f->c0, &a, &b);
}

/* T = 2T and the tangent at the old T: slope 3x^2 / 2y, scaled by 2yz. */
LIMB_LARGE void TF(step_double)(struct TF(twist_point) * t, struct TF(line) * l)
{
    struct TF(fp2) xx, b, c, e, f, g, h, xy;
    TF(fp2_mul)(&xy, &t->x, &t->y);
    TF(fp2_sqr)(&xx, &t->x);
    TF(fp2_sqr)(&b, &t->y);
    TF(fp2_sqr)(&c, &t->z);
    TF(fp2_mul)(&e, &c, &TF(three_b_twist));
    TF(fp2_dbl)(&f, &e);
    TF(fp2_add)(&f, &f, &e); /* 9 b' z^2 */
    TF(fp2_add)(&h, &t->y, &t->z);
    TF(fp2_sqr)(&h, &h);
    TF(fp2_sub)(&h, &h, &b);
    TF(fp2_sub)(&h, &h, &c); /* 2yz */

    l->of_y = h;
    TF(fp2_dbl)(&l->of_x, &xx);
    TF(fp2_add)(&l->of_x, &l->of_x, &xx);
    TF(fp2_neg)(&l->of_x, &l->of_x);
    TF(fp2_sub)(&l->constant, &b, &e); /* by the curve's equation */

    /* The published formulas times 4, so that nothing is halved: x3 = 2xy (b - f),
     * y3 = (b + f)^2 - 12 e^2, z3 = 4 b h. */
    TF(fp2_sub)(&g, &b, &f);
    TF(fp2_mul)(&g, &g, &xy);
    TF(fp2_dbl)(&t->x, &g);
    TF(fp2_add)(&g, &b, &f);
    TF(fp2_sqr)(&g, &g);
    TF(fp2_sqr)(&e, &e);
    TF(fp2_dbl)(&f, &e);
    TF(fp2_add)(&f, &f, &e);
    TF(fp2_dbl)(&f, &f);
    TF(fp2_dbl)(&f, &f);
    TF(fp2_sub)(&t->y, &g, &f);
    TF(fp2_mul)(&h, &h, &b);
    TF(fp2_dbl)(&h, &h);
    TF(fp2_dbl)(&t->z, &h);
}

/* T = T + Q and the line through both: slope (y - yq z) / (x - xq z), scaled by the denominator. */
LIMB_LARGE void TF(step_add)(struct TF(twist_point) * t, struct TF(line) * l,
                             const struct TF(fp2) * xq, const struct TF(fp2) * yq)
{
    struct TF(fp2) num, den, c, d, e, f, g, h;
    TF(fp2_mul)(&num, yq, &t->z);
    TF(fp2_sub)(&num, &t->y, &num);
    TF(fp2_mul)(&den, xq, &t->z);
    TF(fp2_sub)(&den, &t->x, &den);

    l->of_y = den;
    TF(fp2_neg)(&l->of_x, &num);
    TF(fp2_mul)(&c, &num, xq);
    TF(fp2_mul)(&d, &den, yq);
    TF(fp2_sub)(&l->constant, &c, &d);

    TF(fp2_sqr)(&c, &num);
    TF(fp2_sqr)(&d, &den);
    TF(fp2_mul)(&e, &den, &d);
    TF(fp2_mul)(&f, &t->z, &c);
    TF(fp2_mul)(&g, &t->x, &d);
    TF(fp2_add)(&h, &e, &f);
    TF(fp2_sub)(&h, &h, &g);
    TF(fp2_sub)(&h, &h, &g);
    TF(fp2_mul)(&t->x, &den, &h);
    TF(fp2_sub)(&g, &g, &h);
    TF(fp2_mul)(&g, &g, &num);
    TF(fp2_mul)(&c, &e, &t->y);
    TF(fp2_sub)(&t->y, &g, &c);
    TF(fp2_mul)(&t->z, &t->z, &e);
}

/* f^((p^6 - 1)(p^2 + 1)), which lies in the cyclotomic subgroup; f is not 0. */
LIMB_LARGE void TF(easy_exponentiation)(struct TF(fp12) * f)
{
    struct TF(fp12) t, s;
    TF(fp12_inv)(&t, f);
    TF(fp12_conj)(&s, f);
    TF(fp12_mul)(&s, &s, &t);
    TF(fp12_frobenius)(&t, &s);
    TF(fp12_frobenius)(&t, &t);
    TF(fp12_mul)(f, &t, &s);
}
