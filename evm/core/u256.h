/* evm/core/u256.h - arithmetic on 256-bit words, modulo 2^256, as the EVM defines it.
 *
 * Pure functions on plain values. `out` may be the same word as any input everywhere. Signed
 * operations read a word as two's complement. Division and remainder by zero give zero (Yellow
 * Paper, appendix H). The cheap operations are inline; the rest are in u256.c. */
#ifndef EVM_CORE_U256_H
#define EVM_CORE_U256_H

#include "evm/core/types.h"

__extension__ typedef unsigned __int128 evm_u128;

/* ---- making and looking ---------------------------------------------------------------------- */

static inline struct evm_u256 evm_u256_of(uint64_t x)
{
    return (struct evm_u256){{x, 0, 0, 0}};
}

static inline bool evm_u256_is_zero(const struct evm_u256 *a)
{
    return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

/* True if the value is below 2^64, so that w[0] is all of it. */
static inline bool evm_u256_fits64(const struct evm_u256 *a)
{
    return (a->w[1] | a->w[2] | a->w[3]) == 0;
}

/* The value, or UINT64_MAX if it is larger. */
static inline uint64_t evm_u256_clamp64(const struct evm_u256 *a)
{
    return evm_u256_fits64(a) ? a->w[0] : UINT64_MAX;
}

static inline bool evm_u256_eq(const struct evm_u256 *a, const struct evm_u256 *b)
{
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}

/* ---- addition and subtraction ---------------------------------------------------------------- */

/* a + b; returns the carry out of bit 255. */
static inline bool evm_u256_add(struct evm_u256 *out, const struct evm_u256 *a,
                                const struct evm_u256 *b)
{
#if defined(__x86_64__)
    /* By hand, because gcc 12 sends the limbs of its own carry chains through memory. */
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3];
    bool carry;
    __asm__("addq %[b0], %[r0]\n\t"
            "adcq %[b1], %[r1]\n\t"
            "adcq %[b2], %[r2]\n\t"
            "adcq %[b3], %[r3]"
            : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), "=@ccc"(carry)
            : [b0] "rm"(b->w[0]), [b1] "rm"(b->w[1]), [b2] "rm"(b->w[2]), [b3] "rm"(b->w[3]));
    *out = (struct evm_u256){{r0, r1, r2, r3}};
    return carry;
#else
    evm_u128 t = 0;
    for (int i = 0; i < 4; i++) {
        t += (evm_u128)a->w[i] + b->w[i];
        out->w[i] = (uint64_t)t;
        t >>= 64;
    }
    return t != 0;
#endif
}

/* a - b; returns the borrow, that is a < b. */
static inline bool evm_u256_sub(struct evm_u256 *out, const struct evm_u256 *a,
                                const struct evm_u256 *b)
{
#if defined(__x86_64__)
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3];
    bool borrow;
    __asm__("subq %[b0], %[r0]\n\t"
            "sbbq %[b1], %[r1]\n\t"
            "sbbq %[b2], %[r2]\n\t"
            "sbbq %[b3], %[r3]"
            : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), "=@ccc"(borrow)
            : [b0] "rm"(b->w[0]), [b1] "rm"(b->w[1]), [b2] "rm"(b->w[2]), [b3] "rm"(b->w[3]));
    *out = (struct evm_u256){{r0, r1, r2, r3}};
    return borrow;
#else
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        evm_u128 t = (evm_u128)a->w[i] - b->w[i] - borrow;
        out->w[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    return borrow != 0;
#endif
}

static inline void evm_u256_neg(struct evm_u256 *out, const struct evm_u256 *a)
{
    struct evm_u256 zero = {{0}};
    evm_u256_sub(out, &zero, a);
}

/* ---- comparison ------------------------------------------------------------------------------ */

static inline bool evm_u256_lt(const struct evm_u256 *a, const struct evm_u256 *b)
{
    struct evm_u256 unused;
    return evm_u256_sub(&unused, a, b);
}

/* -1, 0 or 1. */
static inline int evm_u256_cmp(const struct evm_u256 *a, const struct evm_u256 *b)
{
    return evm_u256_lt(a, b) ? -1 : !evm_u256_eq(a, b);
}

static inline bool evm_u256_is_negative(const struct evm_u256 *a)
{
    return a->w[3] >> 63;
}

static inline bool evm_u256_slt(const struct evm_u256 *a, const struct evm_u256 *b)
{
    /* Flipping the sign bits maps the signed order on the unsigned one. */
    const uint64_t sign = (uint64_t)1 << 63;
    struct evm_u256 x = *a, y = *b;
    x.w[3] ^= sign;
    y.w[3] ^= sign;
    return evm_u256_lt(&x, &y);
}

/* ---- bits ------------------------------------------------------------------------------------ */

/* a << n, a >> n, and the arithmetic a >> n, for n < 256. */
static inline void evm_u256_shl(struct evm_u256 *out, const struct evm_u256 *a, unsigned n)
{
    /* A window over eight limbs: no branch on n. */
    uint64_t t[8] = {0, 0, 0, 0, a->w[0], a->w[1], a->w[2], a->w[3]};
    const uint64_t *p = t + 4 - n / 64;
    unsigned k = n % 64;
    for (int i = 0; i < 4; i++)
        out->w[i] = p[i] << k | (p[i - 1] >> 1) >> (63 - k);
}

static inline void evm_u256_shr(struct evm_u256 *out, const struct evm_u256 *a, unsigned n)
{
    uint64_t t[8] = {a->w[0], a->w[1], a->w[2], a->w[3], 0, 0, 0, 0};
    const uint64_t *p = t + n / 64;
    unsigned k = n % 64;
    for (int i = 0; i < 4; i++)
        out->w[i] = p[i] >> k | (p[i + 1] << 1) << (63 - k);
}

static inline void evm_u256_sar(struct evm_u256 *out, const struct evm_u256 *a, unsigned n)
{
    uint64_t s = evm_u256_is_negative(a) ? UINT64_MAX : 0;
    uint64_t t[8] = {a->w[0], a->w[1], a->w[2], a->w[3], s, s, s, s};
    const uint64_t *p = t + n / 64;
    unsigned k = n % 64;
    for (int i = 0; i < 4; i++)
        out->w[i] = p[i] >> k | (p[i + 1] << 1) << (63 - k);
}

/* Number of bits up to the highest set one; 0 for zero. */
static inline unsigned evm_u256_bits(const struct evm_u256 *a)
{
    for (unsigned i = 4; i-- > 0;)
        if (a->w[i])
            return i * 64 + 64 - (unsigned)__builtin_clzll(a->w[i]);
    return 0;
}

/* Exactly one bit set? */
static inline bool evm_u256_is_power_of_2(const struct evm_u256 *a)
{
    return __builtin_popcountll(a->w[0]) + __builtin_popcountll(a->w[1]) +
               __builtin_popcountll(a->w[2]) + __builtin_popcountll(a->w[3]) ==
           1;
}

/* Byte i counted from the most significant one, i < 32. */
static inline uint8_t evm_u256_byte(const struct evm_u256 *a, unsigned i)
{
    return (uint8_t)(a->w[3 - i / 8] >> (56 - 8 * (i % 8)));
}

/* ---- big-endian bytes ------------------------------------------------------------------------ */

static inline uint64_t evm_load_be64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return __builtin_bswap64(x);
}

static inline void evm_store_be64(uint8_t *p, uint64_t x)
{
    x = __builtin_bswap64(x);
    memcpy(p, &x, 8);
}

/* 32 bytes. */
#if defined(__AVX2__) && defined(__x86_64__)
typedef unsigned char evm_bytes32 __attribute__((vector_size(32), aligned(1), may_alias));

static inline evm_bytes32 evm_bytes32_reversed(evm_bytes32 x)
{
    return (evm_bytes32)__builtin_shufflevector(x, x, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21,
                                                20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
                                                6, 5, 4, 3, 2, 1, 0);
}

static inline void evm_u256_load_be(struct evm_u256 *out, const uint8_t *p)
{
    *(evm_bytes32 *)(void *)out = evm_bytes32_reversed(*(const evm_bytes32 *)(const void *)p);
}

static inline void evm_u256_store_be(uint8_t *p, const struct evm_u256 *a)
{
    *(evm_bytes32 *)(void *)p = evm_bytes32_reversed(*(const evm_bytes32 *)(const void *)a);
}
#else
static inline void evm_u256_load_be(struct evm_u256 *out, const uint8_t *p)
{
    uint64_t w3 = evm_load_be64(p), w2 = evm_load_be64(p + 8);
    uint64_t w1 = evm_load_be64(p + 16), w0 = evm_load_be64(p + 24);
    *out = (struct evm_u256){{w0, w1, w2, w3}};
}

static inline void evm_u256_store_be(uint8_t *p, const struct evm_u256 *a)
{
    struct evm_u256 x = *a;
    evm_store_be64(p, x.w[3]);
    evm_store_be64(p + 8, x.w[2]);
    evm_store_be64(p + 16, x.w[1]);
    evm_store_be64(p + 24, x.w[0]);
}
#endif

/* n <= 32 bytes, the last one least significant. */
void evm_u256_load_be_n(struct evm_u256 *out, const uint8_t *p, size_t n);

static inline void evm_u256_from_addr(struct evm_u256 *out, const struct evm_addr *a)
{
    uint32_t top;
    memcpy(&top, a->b, 4);
    *out = (struct evm_u256){
        {evm_load_be64(a->b + 12), evm_load_be64(a->b + 4), __builtin_bswap32(top), 0}};
}

/* The low 20 bytes. */
static inline void evm_u256_to_addr(struct evm_addr *out, const struct evm_u256 *a)
{
    uint32_t top = __builtin_bswap32((uint32_t)a->w[2]);
    memcpy(out->b, &top, 4);
    evm_store_be64(out->b + 4, a->w[1]);
    evm_store_be64(out->b + 12, a->w[0]);
}

/* ---- multiplication, division, powers -------------------------------------------------------- */

void evm_u256_mul(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b);
/* The same; returns true if the product is 2^256 or more. */
bool evm_u256_mul_overflow(struct evm_u256 *out, const struct evm_u256 *a,
                           const struct evm_u256 *b);
void evm_u256_div(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b);
void evm_u256_mod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b);
/* Truncated towards zero; the remainder has the sign of a. -2^255 / -1 is -2^255. */
void evm_u256_sdiv(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b);
void evm_u256_smod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b);
/* (a + b) mod m and (a * b) mod m without losing the high bits. */
void evm_u256_addmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m);
void evm_u256_mulmod(struct evm_u256 *out, const struct evm_u256 *a, const struct evm_u256 *b,
                     const struct evm_u256 *m);
void evm_u256_exp(struct evm_u256 *out, const struct evm_u256 *base, const struct evm_u256 *e);
/* Extends the sign of byte i (counted from the least significant one); i >= 31 changes nothing. */
void evm_u256_signextend(struct evm_u256 *out, const struct evm_u256 *i, const struct evm_u256 *a);

/* ---- with a number of 64 bits ----------------------------------------------------------------
 * For constants: the interpreter's PUSH before an opcode, a caller's known divisor. */

/* (hi:lo) / d for hi < d. */
static inline uint64_t evm_div_2by1(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rem)
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

static inline void evm_u256_add_u64(struct evm_u256 *out, const struct evm_u256 *a, uint64_t b)
{
#if defined(__x86_64__)
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3];
    __asm__("addq %[b], %[r0]\n\tadcq $0, %[r1]\n\tadcq $0, %[r2]\n\tadcq $0, %[r3]"
            : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3)
            : [b] "re"(b)
            : "cc");
    *out = (struct evm_u256){{r0, r1, r2, r3}};
#else
    struct evm_u256 x = evm_u256_of(b);
    evm_u256_add(out, a, &x);
#endif
}

static inline void evm_u256_sub_u64(struct evm_u256 *out, const struct evm_u256 *a, uint64_t b)
{
#if defined(__x86_64__)
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3];
    __asm__("subq %[b], %[r0]\n\tsbbq $0, %[r1]\n\tsbbq $0, %[r2]\n\tsbbq $0, %[r3]"
            : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3)
            : [b] "re"(b)
            : "cc");
    *out = (struct evm_u256){{r0, r1, r2, r3}};
#else
    struct evm_u256 x = evm_u256_of(b);
    evm_u256_sub(out, a, &x);
#endif
}

static inline void evm_u256_and_u64(struct evm_u256 *out, const struct evm_u256 *a, uint64_t b)
{
    *out = evm_u256_of(a->w[0] & b);
}

static inline bool evm_u256_eq_u64(const struct evm_u256 *a, uint64_t b)
{
    return ((a->w[0] ^ b) | a->w[1] | a->w[2] | a->w[3]) == 0;
}

static inline bool evm_u256_lt_u64(const struct evm_u256 *a, uint64_t b)
{
    return evm_u256_fits64(a) && a->w[0] < b;
}

static inline bool evm_u256_gt_u64(const struct evm_u256 *a, uint64_t b)
{
    return !evm_u256_fits64(a) || a->w[0] > b;
}

static inline void evm_u256_mul_u64(struct evm_u256 *out, const struct evm_u256 *a, uint64_t b)
{
    evm_u128 p0 = (evm_u128)a->w[0] * b, p1 = (evm_u128)a->w[1] * b, p2 = (evm_u128)a->w[2] * b;
    p1 += (uint64_t)(p0 >> 64);
    p2 += (uint64_t)(p1 >> 64);
    uint64_t r3 = a->w[3] * b + (uint64_t)(p2 >> 64);
    *out = (struct evm_u256){{(uint64_t)p0, (uint64_t)p1, (uint64_t)p2, r3}};
}

/* a >> n for n < 64, without the window of evm_u256_shr; evm_u256_shl_small likewise. */
static inline void evm_u256_shr_small(struct evm_u256 *out, const struct evm_u256 *a, unsigned n)
{
    uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    out->w[0] = a0 >> n | (a1 << 1) << (63 - n);
    out->w[1] = a1 >> n | (a2 << 1) << (63 - n);
    out->w[2] = a2 >> n | (a3 << 1) << (63 - n);
    out->w[3] = a3 >> n;
}

static inline void evm_u256_shl_small(struct evm_u256 *out, const struct evm_u256 *a, unsigned n)
{
    uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    out->w[3] = a3 << n | (a2 >> 1) >> (63 - n);
    out->w[2] = a2 << n | (a1 >> 1) >> (63 - n);
    out->w[1] = a1 << n | (a0 >> 1) >> (63 - n);
    out->w[0] = a0 << n;
}

/* a / b and a mod b; 0 for b = 0. One division a limb that is not zero, or a shift. */
static inline void evm_u256_div_u64(struct evm_u256 *out, const struct evm_u256 *a, uint64_t b)
{
    if (evm_u256_fits64(a)) {
        *out = evm_u256_of(b ? a->w[0] / b : 0);
    } else if ((b & (b - 1)) == 0) {
        if (b)
            evm_u256_shr_small(out, a, (unsigned)__builtin_ctzll(b));
        else
            *out = evm_u256_of(0);
    } else {
        uint64_t rem, r3 = a->w[3] / b, r2, r1, r0;
        rem = a->w[3] % b;
        r2 = evm_div_2by1(rem, a->w[2], b, &rem);
        r1 = evm_div_2by1(rem, a->w[1], b, &rem);
        r0 = evm_div_2by1(rem, a->w[0], b, &rem);
        *out = (struct evm_u256){{r0, r1, r2, r3}};
    }
}

static inline uint64_t evm_u256_mod_u64(const struct evm_u256 *a, uint64_t b)
{
    uint64_t rem;
    if (evm_u256_fits64(a))
        return b ? a->w[0] % b : 0;
    if ((b & (b - 1)) == 0)
        return b ? a->w[0] & (b - 1) : 0;
    rem = a->w[3] % b;
    evm_div_2by1(rem, a->w[2], b, &rem);
    evm_div_2by1(rem, a->w[1], b, &rem);
    evm_div_2by1(rem, a->w[0], b, &rem);
    return rem;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* "0x" and hexadecimal digits, or decimal digits; nothing else, and below 2^256. False otherwise.
 */
bool evm_u256_parse(struct evm_u256 *out, const char *text);
/* "0x..." without leading zeros; `text` holds at least 67 bytes. */
void evm_u256_format(char *text, const struct evm_u256 *a);

#endif
