#include "evm/core/u256.h"

void evm_u256_load_be_n(struct evm_u256 *out, const uint8_t *p, size_t n)
{
    uint8_t full[32] = {0};
    if (n)
        memcpy(full + 32 - n, p, n);
    evm_u256_load_be(out, full);
}

/* ---- multiplication -------------------------------------------------------------------------- */

void evm_u256_mul(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    const uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    const uint64_t b0 = b->w[0], b1 = b->w[1], b2 = b->w[2], b3 = b->w[3];
    if ((a1 | a2 | a3 | b1 | b2 | b3) == 0) {
        evm_u128 p = (evm_u128)a0 * b0;
        *out = (struct evm_u256){{(uint64_t)p, (uint64_t)(p >> 64), 0, 0}};
        return;
    }
    /* Columns of the schoolbook product; the top one needs only low halves. */
    evm_u128 t = (evm_u128)a0 * b0;
    uint64_t r0 = (uint64_t)t;
    evm_u128 p01 = (evm_u128)a0 * b1, p10 = (evm_u128)a1 * b0;
    t = (t >> 64) + (uint64_t)p01 + (uint64_t)p10;
    uint64_t r1 = (uint64_t)t;
    evm_u128 p02 = (evm_u128)a0 * b2, p11 = (evm_u128)a1 * b1, p20 = (evm_u128)a2 * b0;
    t = (t >> 64) + (uint64_t)(p01 >> 64) + (uint64_t)(p10 >> 64) + (uint64_t)p02 + (uint64_t)p11 +
        (uint64_t)p20;
    uint64_t r2 = (uint64_t)t;
    uint64_t r3 = (uint64_t)(t >> 64) + (uint64_t)(p02 >> 64) + (uint64_t)(p11 >> 64) +
                  (uint64_t)(p20 >> 64) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
    *out = (struct evm_u256){{r0, r1, r2, r3}};
}

/* All eight limbs of a * b. */
static void mul_full(uint64_t r[8], const struct evm_u256 *a, const struct evm_u256 *b)
{
    memset(r, 0, 8 * sizeof r[0]);
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            /* Largest value: (2^64-1)^2 + 2 (2^64-1) = 2^128 - 1, so this never wraps. */
            evm_u128 t = (evm_u128)a->w[i] * b->w[j] + r[i + j] + carry;
            r[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        r[i + 4] = carry;
    }
}

bool evm_u256_mul_overflow(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    uint64_t r[8];
    mul_full(r, a, b);
    memcpy(out->w, r, sizeof out->w);
    return (r[4] | r[5] | r[6] | r[7]) != 0;
}

/* ---- division: Knuth, The Art of Computer Programming, volume 2, algorithm D ----------------- */

/* (hi:lo) / d with hi < d. */
static inline uint64_t div_2by1(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rem)
{
#if defined(__x86_64__)
    uint64_t q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "0"(lo), "1"(hi), "r"(d) : "cc");
    *rem = r;
    return q;
#else
    evm_u128 n = (evm_u128)hi << 64 | lo;
    *rem = (uint64_t)(n % d);
    return (uint64_t)(n / d);
#endif
}

/* The estimate of one quotient limb from the top three limbs of the dividend and the top two of the
 * normalised divisor; at most one too large (Knuth, 4.3.1, theorem B and exercise 20). */
static inline uint64_t estimate(const uint64_t *u, size_t n, const uint64_t *v)
{
    uint64_t rem, q;
    if (u[n] >= v[n - 1]) {
        q = UINT64_MAX;
        rem = u[n - 1] + v[n - 1];
        if (rem < v[n - 1])
            return q; /* the remainder is over 2^64: the test below cannot hold */
    } else {
        q = div_2by1(u[n], u[n - 1], v[n - 1], &rem);
    }
    while ((evm_u128)q * v[n - 2] > ((evm_u128)rem << 64 | u[n - 2])) {
        q--;
        rem += v[n - 1];
        if (rem < v[n - 1])
            break;
    }
    return q;
}

/* u[0..n] -= q * v[0..n-1]; returns the borrow out of u[n]. */
static inline uint64_t mul_sub(uint64_t *u, const uint64_t *v, size_t n, uint64_t q)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        evm_u128 p = (evm_u128)q * v[i] + carry;
        uint64_t low = (uint64_t)p;
        carry = (uint64_t)(p >> 64) + (u[i] < low);
        u[i] -= low;
    }
    uint64_t borrow = u[n] < carry;
    u[n] -= carry;
    return borrow;
}

static inline void add_back(uint64_t *u, const uint64_t *v, size_t n)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        evm_u128 t = (evm_u128)u[i] + v[i] + carry;
        u[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    u[n] += carry;
}

static size_t limbs(const uint64_t *a, size_t n)
{
    while (n > 0 && a[n - 1] == 0)
        n--;
    return n;
}

/* Divides a (na limbs, at most 8) by d (1 to 4 limbs, the top one not zero). q (may be NULL) gets
 * na limbs, r gets 4. */
static void divide(uint64_t *q, uint64_t r[4], const uint64_t *a, size_t na, const uint64_t *d,
                   size_t n)
{
    na = limbs(a, na);
    if (na < n) {
        for (size_t i = 0; i < 4; i++)
            r[i] = i < na ? a[i] : 0;
        return;
    }
    if (n == 1) {
        uint64_t rem = 0;
        for (size_t i = na; i-- > 0;) {
            uint64_t digit = div_2by1(rem, a[i], d[0], &rem);
            if (q)
                q[i] = digit;
        }
        r[0] = rem;
        r[1] = r[2] = r[3] = 0;
        return;
    }
    unsigned shift = (unsigned)__builtin_clzll(d[n - 1]);
    uint64_t u[9], v[4];
    for (size_t i = n; i-- > 0;)
        v[i] = d[i] << shift | (i ? (d[i - 1] >> 1) >> (63 - shift) : 0);
    u[na] = (a[na - 1] >> 1) >> (63 - shift);
    for (size_t i = na; i-- > 0;)
        u[i] = a[i] << shift | (i ? (a[i - 1] >> 1) >> (63 - shift) : 0);
    for (size_t j = na - n + 1; j-- > 0;) {
        uint64_t digit = estimate(u + j, n, v);
        if (mul_sub(u + j, v, n, digit)) {
            digit--;
            add_back(u + j, v, n);
        }
        if (q)
            q[j] = digit;
    }
    for (size_t i = 0; i < 4; i++)
        r[i] = i < n ? u[i] >> shift | (i + 1 < n ? (u[i + 1] << 1) << (63 - shift) : 0) : 0;
}

static void divmod(struct evm_u256 *q, struct evm_u256 *r, const struct evm_u256 *a,
                   const struct evm_u256 *b)
{
    uint64_t quotient[4] = {0}, rest[4] = {0};
    if (evm_u256_fits64(a) && evm_u256_fits64(b)) {
        if (b->w[0]) {
            quotient[0] = a->w[0] / b->w[0];
            rest[0] = a->w[0] % b->w[0];
        }
    } else {
        size_t n = limbs(b->w, 4);
        if (n)
            divide(quotient, rest, a->w, 4, b->w, n);
    }
    memcpy(q->w, quotient, sizeof q->w);
    memcpy(r->w, rest, sizeof r->w);
}

void evm_u256_div(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 r;
    divmod(out, &r, a, b);
}

void evm_u256_mod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 q;
    divmod(&q, out, a, b);
}

static struct evm_u256 magnitude(const struct evm_u256 *a)
{
    struct evm_u256 m = *a;
    if (evm_u256_is_negative(a))
        evm_u256_neg(&m, a);
    return m;
}

void evm_u256_sdiv(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    bool negative = evm_u256_is_negative(a) != evm_u256_is_negative(b);
    struct evm_u256 x = magnitude(a), y = magnitude(b), r;
    divmod(out, &r, &x, &y);
    if (negative)
        evm_u256_neg(out, out);
}

void evm_u256_smod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    bool negative = evm_u256_is_negative(a);
    struct evm_u256 x = magnitude(a), y = magnitude(b), q;
    divmod(&q, out, &x, &y);
    if (negative)
        evm_u256_neg(out, out);
}

void evm_u256_addmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m)
{
    size_t n = limbs(m->w, 4);
    if (n == 0) {
        *out = evm_u256_of(0);
        return;
    }
    struct evm_u256 sum, mod = *m;
    bool carry = evm_u256_add(&sum, a, b);
    /* Reduced operands, the common case of field arithmetic: one subtraction at most. */
    if (evm_u256_lt(a, &mod) && evm_u256_lt(b, &mod)) {
        if (carry || !evm_u256_lt(&sum, &mod))
            evm_u256_sub(&sum, &sum, &mod);
        *out = sum;
        return;
    }
    uint64_t wide[5] = {sum.w[0], sum.w[1], sum.w[2], sum.w[3], carry};
    divide(NULL, out->w, wide, 5, mod.w, n);
}

void evm_u256_mulmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m)
{
    uint64_t wide[8];
    struct evm_u256 mod = *m;
    size_t n = limbs(mod.w, 4);
    if (n == 0) {
        *out = evm_u256_of(0);
        return;
    }
    mul_full(wide, a, b);
    divide(NULL, out->w, wide, 8, mod.w, n);
}

void evm_u256_exp(struct evm_u256 *out, const struct evm_u256 *base, const struct evm_u256 *e)
{
    struct evm_u256 power = *base, exponent = *e, r = evm_u256_of(1);
    if (power.w[0] == 2 && evm_u256_fits64(&power)) {
        if (!evm_u256_fits64(&exponent) || exponent.w[0] > 255)
            *out = evm_u256_of(0);
        else
            evm_u256_shl(out, &r, (unsigned)exponent.w[0]);
        return;
    }
    for (unsigned i = evm_u256_bits(&exponent); i-- > 0;) {
        evm_u256_mul(&r, &r, &r);
        if (exponent.w[i / 64] >> (i % 64) & 1)
            evm_u256_mul(&r, &r, &power);
    }
    *out = r;
}

void evm_u256_signextend(struct evm_u256 *out, const struct evm_u256 *i, const struct evm_u256 *a)
{
    if (!evm_u256_fits64(i) || i->w[0] >= 31) {
        *out = *a;
        return;
    }
    unsigned shift = 248 - 8 * (unsigned)i->w[0];
    struct evm_u256 t;
    evm_u256_shl(&t, a, shift);
    evm_u256_sar(out, &t, shift);
}

/* ---- text ------------------------------------------------------------------------------------ */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

bool evm_u256_parse(struct evm_u256 *out, const char *text)
{
    int radix = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        radix = 16;
        text += 2;
    }
    if (!*text)
        return false;
    struct evm_u256 r = evm_u256_of(0), ten = evm_u256_of((uint64_t)radix);
    for (; *text; text++) {
        int d = digit_of(*text);
        struct evm_u256 digit = evm_u256_of((uint64_t)d);
        if (d >= radix || evm_u256_mul_overflow(&r, &r, &ten) || evm_u256_add(&r, &r, &digit))
            return false;
    }
    *out = r;
    return true;
}

void evm_u256_format(char *text, const struct evm_u256 *a)
{
    unsigned digits = (evm_u256_bits(a) + 3) / 4;
    if (digits == 0)
        digits = 1;
    *text++ = '0';
    *text++ = 'x';
    for (unsigned i = digits; i-- > 0;)
        *text++ = "0123456789abcdef"[a->w[i / 16] >> (4 * (i % 16)) & 15];
    *text = 0;
}
