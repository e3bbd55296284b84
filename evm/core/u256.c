#include "evm/core/u256.h"

#include "evm/core/limbs.h"

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
    if ((a->w[1] | a->w[2] | a->w[3] | b->w[1] | b->w[2] | b->w[3]) == 0) {
        evm_u128 p = (evm_u128)a->w[0] * b->w[0];
        *out = (struct evm_u256){{(uint64_t)p, (uint64_t)(p >> 64), 0, 0}};
        return;
    }
    limb_mul_low(out->w, a->w, b->w);
}

bool evm_u256_mul_overflow(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 low = {{0}}, high = {{0}};
    limb_mul_full(low.w, high.w, a->w, b->w);
    *out = low;
    return !evm_u256_is_zero(&high);
}

/* ---- division ---------------------------------------------------------------------------------
 * By one limb: the machine's division of two limbs by one, or where it has none Möller and
 * Granlund's. By more: Knuth's algorithm D (The Art of Computer Programming, volume 2, 4.3.1) with
 * quotient limbs from Möller and Granlund's division of three limbs by two with a reciprocal
 * ("Improved division by invariant integers", IEEE Transactions on Computers 60, 2011). */

/* floor((2^192 - 1) / (d1:d0)) - 2^64 for d1 with its top bit set: their algorithm 6, whose start,
 * the reciprocal of d1 alone, is one division. */
static inline uint64_t reciprocal_3by2(uint64_t d1, uint64_t d0)
{
    uint64_t unused, v = evm_div_2by1(~d1, UINT64_MAX, d1, &unused);
    uint64_t p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    evm_u128 t = (evm_u128)v * d0;
    p += (uint64_t)(t >> 64);
    if (p < (uint64_t)(t >> 64)) {
        v--;
        if (((evm_u128)p << 64 | (uint64_t)t) >= ((evm_u128)d1 << 64 | d0))
            v--;
    }
    return v;
}

/* (u2:u1:u0) / d for (u2:u1) < d, with v of reciprocal_3by2: their algorithm 5. */
static inline uint64_t div_3by2(uint64_t u2, uint64_t u1, uint64_t u0, evm_u128 d, uint64_t v,
                                evm_u128 *rem)
{
    evm_u128 q = (evm_u128)v * u2 + ((evm_u128)u2 << 64 | u1);
    uint64_t q1 = (uint64_t)(q >> 64) + 1, d1 = (uint64_t)(d >> 64);
    uint64_t r1 = u1 - (q1 - 1) * d1;
    evm_u128 r = ((evm_u128)r1 << 64 | u0) - (evm_u128)(uint64_t)d * (q1 - 1) - d;
    if ((uint64_t)(r >> 64) >= (uint64_t)q) {
        q1--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        q1++;
        r -= d;
    }
    *rem = r;
    return q1;
}

/* u[0..n-1] -= q * v[0..n-1]; returns what is missing above. */
static inline uint64_t mul_sub(uint64_t *u, const uint64_t *v, size_t n, uint64_t q)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        evm_u128 p = (evm_u128)q * v[i] + carry;
        uint64_t low = (uint64_t)p;
        carry = (uint64_t)(p >> 64) + (u[i] < low);
        u[i] -= low;
    }
    return carry;
}

static inline void add_back(uint64_t *u, const uint64_t *v, size_t n)
{
    unsigned char carry = 0;
    for (size_t i = 0; i < n; i++)
        carry = limb_add(carry, u[i], v[i], &u[i]);
}

/* The quotient limb of u[0..n] by d[0..n-1], of which the remainder is left in u[0..n-1]; the top n
 * limbs of u are not above d. top: the two top limbs of d; v: their reciprocal. */
static inline uint64_t quotient_limb(uint64_t *u, const uint64_t *d, size_t n, evm_u128 top,
                                     uint64_t v)
{
    evm_u128 r;
    uint64_t q;
    if (__builtin_expect(((evm_u128)u[n] << 64 | u[n - 1]) >= top, 0)) {
        /* Equal, so the quotient by the top limbs would not fit. 2^64 - 1 is right: as u is short
         * of d 2^64 by less than 2^(64 (n - 1)), taking d 2^64 - d away leaves more than 0. */
        mul_sub(u, d, n, UINT64_MAX);
        return UINT64_MAX;
    }
    q = div_3by2(u[n], u[n - 1], u[n - 2], top, v, &r);
    uint64_t borrow = mul_sub(u, d, n - 2, q);
    bool negative = r < borrow;
    r -= borrow;
    u[n - 2] = (uint64_t)r;
    u[n - 1] = (uint64_t)(r >> 64);
    if (__builtin_expect(negative, 0)) {
        q--;
        add_back(u, d, n);
    }
    return q;
}

/* Limb i of a << shift, for shift < 64 and a of n limbs; i may be n. */
static inline uint64_t shifted(const uint64_t *a, size_t n, size_t i, unsigned shift)
{
    uint64_t high = i < n ? a[i] << shift : 0;
    return high | (i ? (a[i - 1] >> 1) >> (63 - shift) : 0);
}

/* Limb i of a >> shift likewise. */
static inline uint64_t shifted_back(const uint64_t *a, size_t n, size_t i, unsigned shift)
{
    return a[i] >> shift | (i + 1 < n ? (a[i + 1] << 1) << (63 - shift) : 0);
}

/* Divides a (na limbs, at least n and at most 8) by d (n limbs, 2 to 4, the top one not zero). q
 * (may be NULL) gets na - n + 1 limbs, r (may be NULL) gets n. na and n are constants: all loops
 * unroll, and what is small stays in registers. */
static inline __attribute__((always_inline)) void divide_by_n(uint64_t *q, uint64_t *r,
                                                              const uint64_t *a, const size_t na,
                                                              const uint64_t *d, const size_t n)
{
    unsigned shift = (unsigned)__builtin_clzll(d[n - 1]);
    uint64_t u[9], m[4] = {0};
    LIMB_UNROLL
    for (size_t i = 0; i < n; i++)
        m[i] = shifted(d, n, i, shift);
    LIMB_UNROLL
    for (size_t i = 0; i <= na; i++)
        u[i] = shifted(a, na, i, shift);
    evm_u128 top = (evm_u128)m[n - 1] << 64 | m[n - 2];
    uint64_t v = reciprocal_3by2(m[n - 1], m[n - 2]);
    LIMB_UNROLL
    for (size_t k = 0; k <= na - n; k++) {
        size_t j = na - n - k;
        uint64_t digit = 0;
        if (u[j + n] != 0 || u[j + n - 1] >= m[n - 1])
            digit = quotient_limb(u + j, m, n, top, v);
        if (q)
            q[j] = digit;
    }
    LIMB_UNROLL
    for (size_t i = 0; r && i < n; i++)
        r[i] = shifted_back(u, n, i, shift);
}

/* Divides a (na limbs, a constant from 4 to 8) by d, which is not zero. q (NULL if d is of one
 * limb) gets na - 1 limbs or fewer and r up to 4; both must be zero before, neither may be a or d.
 */
static inline __attribute__((always_inline)) void
divide(uint64_t *q, uint64_t *r, const uint64_t *a, const size_t na, const uint64_t d[4])
{
    if (d[3]) {
        divide_by_n(q, r, a, na, d, 4);
    } else if (d[2]) {
        divide_by_n(q, r, a, na, d, 3);
    } else if (d[1]) {
        divide_by_n(q, r, a, na, d, 2);
    } else if (r) {
        LIMB_UNROLL
        for (size_t k = na; k > 0; k--)
            evm_div_2by1(r[0], a[k - 1], d[0], &r[0]);
    }
}

static __attribute__((noinline)) void divide_4(struct evm_u256 *q, const struct evm_u256 *a,
                                               const struct evm_u256 *b)
{
    divide(q->w, NULL, a->w, 4, b->w);
}

static __attribute__((noinline)) void remainder_4(struct evm_u256 *r, const struct evm_u256 *a,
                                                  const struct evm_u256 *b)
{
    divide(NULL, r->w, a->w, 4, b->w);
}

static __attribute__((noinline)) void divide_8(uint64_t q[8], const uint64_t a[8],
                                               const struct evm_u256 *b)
{
    divide(q, NULL, a, 8, b->w);
}

static __attribute__((noinline)) void remainder_8(struct evm_u256 *r, const uint64_t a[8],
                                                  const struct evm_u256 *m)
{
    divide(NULL, r->w, a, 8, m->w);
}

void evm_u256_div(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 q = {{0}};
    if (evm_u256_fits64(b)) {
        evm_u256_div_u64(out, a, b->w[0]);
        return;
    }
    if (evm_u256_is_power_of_2(b))
        evm_u256_shr(&q, a, evm_u256_bits(b) - 1);
    else
        divide_4(&q, a, b);
    *out = q;
}

void evm_u256_mod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 r = {{0}};
    if (evm_u256_fits64(b)) {
        *out = evm_u256_of(evm_u256_mod_u64(a, b->w[0]));
        return;
    }
    if (evm_u256_is_power_of_2(b)) {
        struct evm_u256 one = evm_u256_of(1);
        evm_u256_sub(&r, b, &one);
        for (int i = 0; i < 4; i++)
            r.w[i] &= a->w[i];
    } else {
        remainder_4(&r, a, b);
    }
    *out = r;
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
    struct evm_u256 x = magnitude(a), y = magnitude(b);
    evm_u256_div(out, &x, &y);
    if (negative)
        evm_u256_neg(out, out);
}

void evm_u256_smod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b)
{
    bool negative = evm_u256_is_negative(a);
    struct evm_u256 x = magnitude(a), y = magnitude(b);
    evm_u256_mod(out, &x, &y);
    if (negative)
        evm_u256_neg(out, out);
}

void evm_u256_addmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m)
{
    struct evm_u256 sum, less, rest = {{0}};
    bool carry = evm_u256_add(&sum, a, b);
    /* Reduced operands, the common case of field arithmetic: one subtraction at most. */
    if (evm_u256_lt(a, m) && evm_u256_lt(b, m)) {
        bool borrow = evm_u256_sub(&less, &sum, m);
        *out = carry || !borrow ? less : sum;
        return;
    }
    if (!evm_u256_is_zero(m)) {
        uint64_t wide[8] = {sum.w[0], sum.w[1], sum.w[2], sum.w[3], carry};
        remainder_8(&rest, wide, m);
    }
    *out = rest;
}

/* ---- products modulo a number that comes again ----------------------------------------------- */

/* Contracts that do field arithmetic multiply modulo the same number thousands of times. A thread
 * remembers the last modulus of four limbs; when it is used a second time, it is scaled to have its
 * top bit set and its reciprocal is computed, as a "limb" of 256 bits for algorithm 4 of the same
 * paper. What is remembered changes no result. */
struct modulus {
    struct evm_u256 m;
    struct evm_u256 d;          /* m << shift */
    struct evm_u256 reciprocal; /* floor((2^512 - 1) / d) - 2^256 */
    unsigned shift;
    bool ready;
};

static void modulus_prepare(struct modulus *k)
{
    uint64_t ones[8], q[8] = {0};
    memset(ones, 0xff, sizeof ones);
    k->shift = (unsigned)__builtin_clzll(k->m.w[3]);
    evm_u256_shl(&k->d, &k->m, k->shift);
    divide_8(q, ones, &k->d);
    memcpy(k->reciprocal.w, q, sizeof k->reciprocal.w); /* q[4] is 1 */
    k->ready = true;
}

/* a + b + carry modulo 2^256. */
static inline void add_carry(struct evm_u256 *out, const struct evm_u256 *a,
                             const struct evm_u256 *b, bool carry)
{
#if defined(__x86_64__)
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3];
    unsigned char c = carry;
    __asm__("addb $255, %[c]\n\t"
            "adcq %[b0], %[r0]\n\t"
            "adcq %[b1], %[r1]\n\t"
            "adcq %[b2], %[r2]\n\t"
            "adcq %[b3], %[r3]"
            : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [c] "+&r"(c)
            : [b0] "rm"(b->w[0]), [b1] "rm"(b->w[1]), [b2] "rm"(b->w[2]), [b3] "rm"(b->w[3])
            : "cc");
    *out = (struct evm_u256){{r0, r1, r2, r3}};
#else
    struct evm_u256 c = evm_u256_of(carry);
    evm_u256_add(out, a, b);
    evm_u256_add(out, out, &c);
#endif
}

/* a * b mod k->m, by algorithm 4 on (a << shift) * b; false if neither a << shift nor b << shift
 * fits or the high half of the product is not below d. */
static inline bool modulus_mul(struct evm_u256 *out, const struct evm_u256 *a,
                               const struct evm_u256 *b, const struct modulus *k)
{
    struct evm_u256 x, low = {{0}}, high = {{0}}, t0, t1;
    if (a->w[3] >> 1 >> (63 - k->shift)) {
        if (b->w[3] >> 1 >> (63 - k->shift))
            return false;
        const struct evm_u256 *other = a;
        a = b;
        b = other;
    }
    LIMB_UNROLL
    for (size_t i = 0; i < 4; i++)
        x.w[i] = shifted(a->w, 4, i, k->shift);
    limb_mul_full(low.w, high.w, x.w, b->w);
    if (!evm_u256_lt(&high, &k->d))
        return false;
    /* (t1:t0) = reciprocal * high + (high:low); the quotient is t1 + 1 or near it, and only
     * low - (t1 + 1) d matters. No branch: half of the corrections are needed, and no history
     * tells which half. */
    limb_mul_full(t0.w, t1.w, k->reciprocal.w, high.w);
    add_carry(&t1, &t1, &high, evm_u256_add(&t0, &t0, &low));
    limb_mul_low(t1.w, t1.w, k->d.w);
    evm_u256_sub(&low, &low, &t1);
    evm_u256_sub(&low, &low, &k->d);
    uint64_t too_large = 0 - (uint64_t)evm_u256_lt(&t0, &low);
    LIMB_UNROLL
    for (size_t i = 0; i < 4; i++)
        x.w[i] = k->d.w[i] & too_large;
    evm_u256_add(&low, &low, &x);
    if (__builtin_expect(!evm_u256_lt(&low, &k->d), 0))
        evm_u256_sub(&low, &low, &k->d);
    LIMB_UNROLL
    for (size_t i = 0; i < 4; i++)
        x.w[i] = shifted_back(low.w, 4, i, k->shift);
    *out = x;
    return true;
}

void evm_u256_mulmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m)
{
    static _Thread_local struct modulus last;
    struct evm_u256 rest = {{0}};
    uint64_t wide[8];
    if (m->w[3]) {
        if (!evm_u256_eq(m, &last.m)) {
            last.m = *m;
            last.ready = false;
        } else {
            if (!last.ready)
                modulus_prepare(&last);
            if (modulus_mul(out, a, b, &last))
                return;
        }
    }
    if (!evm_u256_is_zero(m)) {
        limb_mul_full(wide, wide + 4, a->w, b->w);
        remainder_8(&rest, wide, m);
    }
    *out = rest;
}

/* ---- powers ---------------------------------------------------------------------------------- */

void evm_u256_exp(struct evm_u256 *out, const struct evm_u256 *base, const struct evm_u256 *e)
{
    struct evm_u256 power = *base, exponent = *e, r = *base;
    unsigned bits = evm_u256_bits(&exponent);
    if (bits == 0) {
        *out = evm_u256_of(1);
        return;
    }
    if (!(power.w[0] & 1) && bits > 8) { /* an even base to the 256th or more */
        *out = evm_u256_of(0);
        return;
    }
    if (evm_u256_is_power_of_2(&power)) {
        /* An exponent of 2^8 and more is left with base 1 only. */
        uint64_t shift = (uint64_t)(evm_u256_bits(&power) - 1) * (bits > 8 ? 0 : exponent.w[0]);
        r = evm_u256_of(1);
        if (shift < 256)
            evm_u256_shl(out, &r, (unsigned)shift);
        else
            *out = evm_u256_of(0);
        return;
    }
    for (unsigned i = bits - 1; i-- > 0;) {
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
    unsigned at = (unsigned)i->w[0] / 8, shift = 56 - 8 * ((unsigned)i->w[0] % 8);
    int64_t top = (int64_t)(a->w[at] << shift) >> shift; /* arithmetic, by every compiler we use */
    uint64_t fill = -(uint64_t)(top < 0);
    struct evm_u256 r = {{a->w[0], at < 1 ? fill : a->w[1], at < 2 ? fill : a->w[2], fill}};
    r.w[at] = (uint64_t)top;
    *out = r;
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
