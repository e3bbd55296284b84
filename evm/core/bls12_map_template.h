/* evm/core/bls12_map_template.h - the simplified SWU map and an isogeny over one field.
 *
 * A template: no include guard; beside GF, GF_ELEMENT and GP (evm/core/group_template.h) the
 * includer defines MAP(name), the prefix of the constants a, b, z (the isogenous curve and its
 * non-square) and of the isogeny's polynomials x_num, x_den, y_num, y_den; MAP_SQRT, MAP_SIGN and
 * MAP_ONE. */

/* Value of a polynomial of n coefficients, constant term first. */
static void MAP(eval)(GF_ELEMENT *out, const GF_ELEMENT *poly, size_t n, const GF_ELEMENT *x)
{
    GF_ELEMENT r = poly[n - 1];
    for (size_t i = n - 1; i-- > 0;) {
        GF(mul)(&r, &r, x);
        GF(add)(&r, &r, &poly[i]);
    }
    *out = r;
}

/* x^3 + a x + b */
static void MAP(curve)(GF_ELEMENT *out, const GF_ELEMENT *x)
{
    GF_ELEMENT r;
    GF(sqr)(&r, x);
    GF(add)(&r, &r, &MAP(a));
    GF(mul)(&r, &r, x);
    GF(add)(out, &r, &MAP(b));
}

/* A point of y^2 = x^3 + a x + b from u (RFC 9380, section 6.6.2). */
static void MAP(swu)(GF_ELEMENT *x, GF_ELEMENT *y, const GF_ELEMENT *u)
{
    GF_ELEMENT zuu, t, g;
    GF(sqr)(&zuu, u);
    GF(mul)(&zuu, &zuu, &MAP(z));
    GF(sqr)(&t, &zuu);
    GF(add)(&t, &t, &zuu); /* z^2 u^4 + z u^2 */
    if (GF(is_zero)(&t)) {
        GF(mul)(&g, &MAP(z), &MAP(a));
        GF(inv)(&g, &g);
        GF(mul)(x, &MAP(b), &g);
    } else {
        /* -b / a (1 + 1 / t) = -b (t + 1) / (a t) */
        GF(mul)(&g, &MAP(a), &t);
        GF(inv)(&g, &g);
        GF(add)(&t, &t, &MAP_ONE);
        GF(mul)(&t, &t, &MAP(b));
        GF(neg)(&t, &t);
        GF(mul)(x, &t, &g);
    }
    MAP(curve)(&g, x);
    if (!MAP_SQRT(y, &g)) {
        GF(mul)(x, x, &zuu);
        MAP(curve)(&g, x);
        MAP_SQRT(y, &g); /* one of the two is a square */
    }
    if (MAP_SIGN(u) != MAP_SIGN(y))
        GF(neg)(y, y);
}

#define MAP_EVAL(out, poly, x) MAP(eval)(out, MAP(poly), sizeof MAP(poly) / sizeof MAP(poly)[0], x)

/* (x_num / x_den, y y_num / y_den) as a Jacobian point with z = x_den y_den, which needs no
 * division and is the point at infinity where the isogeny has a pole. */
static void MAP(to_curve)(struct GP(point) * out, const GF_ELEMENT *u)
{
    GF_ELEMENT x, y, xn, xd, yn, yd, t;
    MAP(swu)(&x, &y, u);
    MAP_EVAL(&xn, x_num, &x);
    MAP_EVAL(&xd, x_den, &x);
    MAP_EVAL(&yn, y_num, &x);
    MAP_EVAL(&yd, y_den, &x);
    GF(mul)(&out->z, &xd, &yd);
    GF(mul)(&t, &out->z, &yd); /* xd yd^2 */
    GF(mul)(&out->x, &xn, &t);
    GF(mul)(&out->y, &y, &yn);
    GF(mul)(&out->y, &out->y, &t);
    GF(sqr)(&t, &xd);
    GF(mul)(&out->y, &out->y, &t); /* y yn xd^3 yd^2 */
}
#undef MAP_EVAL
