/* evm/core/limbs.h - carries between 64-bit limbs, and the row of a Montgomery multiplication that
 * compilers do badly, for evm/core/tower_template.h. */
#ifndef EVM_CORE_LIMBS_H
#define EVM_CORE_LIMBS_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "evm/core/u256.h"

/* How the templates' functions are made. The large ones stay calls everywhere; in sanitizer and
 * debug builds all do, without unrolled loops, or one file takes a minute to compile. */
#define LIMB_LARGE static __attribute__((noinline, unused))
#ifdef WEFT_DEBUG
#define LIMB_SMALL static __attribute__((noinline, unused))
#define LIMB_UNROLL
#else
#define LIMB_SMALL  static inline
#define LIMB_UNROLL _Pragma("GCC unroll 8")
#endif

/* *out = a + b + carry; returns the carry out, 0 or 1. limb_sub: a - b - borrow likewise. */
static inline unsigned char limb_add(unsigned char carry, uint64_t a, uint64_t b, uint64_t *out)
{
#if defined(__x86_64__)
    unsigned long long r;
    carry = _addcarry_u64(carry, a, b, &r);
    *out = r;
    return carry;
#else
    evm_u128 x = (evm_u128)a + b + carry;
    *out = (uint64_t)x;
    return (unsigned char)(x >> 64);
#endif
}

static inline unsigned char limb_sub(unsigned char borrow, uint64_t a, uint64_t b, uint64_t *out)
{
#if defined(__x86_64__)
    unsigned long long r;
    borrow = _subborrow_u64(borrow, a, b, &r);
    *out = r;
    return borrow;
#else
    evm_u128 x = (evm_u128)a - b - borrow;
    *out = (uint64_t)x;
    return (unsigned char)(x >> 64) & 1;
#endif
}

#if defined(__ADX__) && defined(__BMI2__) && defined(__OPTIMIZE__)
#define LIMB_ASM 1

/* One round of t = (t + a * b + m * p) / 2^64, with m chosen so that the division is exact. The two
 * carry chains (low halves by adcx, high halves by adox) run side by side; see Ozturk et al., "New
 * instructions supporting large integer arithmetic on Intel architecture processors" (2012). */
#define LIMB_MUL(k, at, next) /* t[at] += low, t[next] += high of a[k] * rdx */                    \
    "mulx 8*" #k "(%[a]), %[lo], %[hi]\n\t"                                                        \
    "adcx %[lo], %[" #at "]\n\t"                                                                   \
    "adox %[hi], %[" #next "]\n\t"
#define LIMB_TOP(k, at) /* the same for the last limb: what leaves it is the top word */           \
    "mulx 8*" #k "(%[a]), %[lo], %[top]\n\t"                                                       \
    "adcx %[lo], %[" #at "]\n\t"                                                                   \
    "movl $0, %k[lo]\n\t"                                                                          \
    "adox %[lo], %[top]\n\t"                                                                       \
    "adcx %[lo], %[top]\n\t"
#define LIMB_FACTOR                                                                                \
    "movq %[t0], %%rdx\n\t"                                                                        \
    "imulq %[inv], %%rdx\n\t"                                                                      \
    "xorl %k[lo], %k[lo]\n\t"                                                                      \
    "mulx (%[p]), %[lo], %[hi]\n\t"                                                                \
    "adcx %[t0], %[lo]\n\t"                                                                        \
    "movq %[hi], %[t0]\n\t"
#define LIMB_REDUCE(k, at, from) /* t[at] = t[from] + high before + low of p[k] * rdx */           \
    "adcx %[" #from "], %[" #at "]\n\t"                                                            \
    "mulx 8*" #k "(%[p]), %[lo], %[" #from "]\n\t"                                                 \
    "adox %[lo], %[" #at "]\n\t"
#define LIMB_CLOSE(at)                                                                             \
    "movl $0, %k[lo]\n\t"                                                                          \
    "adcx %[lo], %[" #at "]\n\t"                                                                   \
    "adox %[top], %[" #at "]\n\t"

static inline __attribute__((always_inline)) void
limb_row_4(uint64_t t[4], const uint64_t *a, uint64_t b, const uint64_t *p, const uint64_t *inv)
{
    uint64_t lo, hi, top;
    __asm__("xorl %k[lo], %k[lo]\n\t" /* clears both carries */
            LIMB_MUL(0, t0, t1) LIMB_MUL(1, t1, t2) LIMB_MUL(2, t2, t3) LIMB_TOP(3, t3)
                LIMB_FACTOR LIMB_REDUCE(1, t0, t1) LIMB_REDUCE(2, t1, t2) LIMB_REDUCE(3, t2, t3)
                    LIMB_CLOSE(t3)
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [lo] "=&r"(lo), [hi] "=&r"(hi), [top] "=&r"(top), "+&d"(b)
            : [a] "r"(a), [p] "r"(p), [inv] "m"(*inv), "m"(*(const uint64_t(*)[4])a),
              "m"(*(const uint64_t(*)[4])p)
            : "cc");
}

static inline __attribute__((always_inline)) void
limb_row_6(uint64_t t[6], const uint64_t *a, uint64_t b, const uint64_t *p, const uint64_t *inv)
{
    uint64_t lo, hi, top;
    __asm__("xorl %k[lo], %k[lo]\n\t" LIMB_MUL(0, t0, t1) LIMB_MUL(1, t1, t2) LIMB_MUL(2, t2, t3)
                LIMB_MUL(3, t3, t4) LIMB_MUL(4, t4, t5) LIMB_TOP(5, t5)
                    LIMB_FACTOR LIMB_REDUCE(1, t0, t1) LIMB_REDUCE(2, t1, t2) LIMB_REDUCE(3, t2, t3)
                        LIMB_REDUCE(4, t3, t4) LIMB_REDUCE(5, t4, t5) LIMB_CLOSE(t5)
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
              [t4] "+&r"(t[4]), [t5] "+&r"(t[5]), [lo] "=&r"(lo), [hi] "=&r"(hi), [top] "=&r"(top),
              "+&d"(b)
            : [a] "r"(a), [p] "r"(p), [inv] "m"(*inv), "m"(*(const uint64_t(*)[6])a),
              "m"(*(const uint64_t(*)[6])p)
            : "cc");
}

#define LIMB_ASM_ROW_(n) limb_row_##n
#define LIMB_ASM_ROW(n)  LIMB_ASM_ROW_(n)
#endif

/* ---- inversion: Pornin, "Optimized Binary GCD for Modular Inversion" (ePrint 2020/972) --------
 * A binary extended Euclid whose decisions for LIMB_GCD_STEPS halvings are taken from the low
 * 31 bits and the top 33 of both numbers, and then carried out on all limbs at once. */

#define LIMB_GCD_STEPS 31

/* What a run of halvings makes of (a, b): (a f0 + b g0, a f1 + b g1) / 2^31, factors up to 2^31. */
struct limb_gcd {
    int64_t f0, g0, f1, g1;
};

/* The decisions for two numbers given by their low 31 and their top 33 bits. The factors of a row
 * stand in one word, 32 bits each, which no step overflows. */
static inline struct limb_gcd limb_gcd_steps(uint64_t a, uint64_t b)
{
    uint64_t row0 = 1, row1 = (uint64_t)1 << 32;
    for (int i = 0; i < LIMB_GCD_STEPS; i++) {
        /* If a is odd: the difference, its absolute value as a, the smaller one as b. */
        uint64_t even = (a & 1) - 1, less = ~even & b, minus = a < less ? UINT64_MAX : 0;
        a -= less;
        row0 -= ~even & row1;
        b += a & minus;
        row1 += row0 & minus;
        a = ((a ^ minus) - minus) >> 1;
        row0 = (row0 ^ minus) - minus;
        row1 <<= 1;
    }
    /* The low factor's sign has been borrowed from the high one; a bias gives it back. */
    const int64_t bias = 0x7fffffff;
    row0 += 0x7fffffff7fffffff;
    row1 += 0x7fffffff7fffffff;
    struct limb_gcd s = {(int64_t)(row0 & 0xffffffff) - bias, (int64_t)(row0 >> 32) - bias,
                         (int64_t)(row1 & 0xffffffff) - bias, (int64_t)(row1 >> 32) - bias};
    return s;
}

/* t[0..n] = a f + b g, two's complement; f is not negative. */
static inline void limb_combine(uint64_t *t, const uint64_t *a, const uint64_t *b, size_t n,
                                int64_t f, int64_t g)
{
    /* A negative term is the complement of |g| b and 1. */
    uint64_t negative = -(uint64_t)(g < 0), size = ((uint64_t)g ^ negative) - negative;
    uint64_t high_f = 0, high_g = 0;
    unsigned char carry = (unsigned char)(negative & 1);
    for (size_t i = 0; i < n; i++) {
        evm_u128 pf = (evm_u128)a[i] * (uint64_t)f + high_f;
        evm_u128 pg = (evm_u128)b[i] * size + high_g;
        high_f = (uint64_t)(pf >> 64);
        high_g = (uint64_t)(pg >> 64);
        carry = limb_add(carry, (uint64_t)pf, (uint64_t)pg ^ negative, &t[i]);
    }
    limb_add(carry, high_f, high_g ^ negative, &t[n]);
}

/* out[0..n-1] = |t| / 2^31, for t[0..n] a multiple of 2^31 below 2^(64 n + 31); true if t < 0. */
static inline bool limb_shift_31(uint64_t *out, const uint64_t *t, size_t n)
{
    uint64_t sign = 0 - (t[n] >> 63);
    unsigned char carry = (unsigned char)(sign & 1);
    for (size_t i = 0; i < n; i++)
        carry = limb_add(carry, (t[i] >> 31 | t[i + 1] << 33) ^ sign, 0, &out[i]);
    return sign != 0;
}

/* ---- digits of scalars, for evm/core/group_template.h ---------------------------------------- */

#define LIMB_SCALAR_BITS 130 /* the longest scalar has less than that */
#define LIMB_FEW         32
#define LIMB_MANY        256

/* Digits of e, each 0 or odd and from -15 to 15, least significant first, zeros filling the
 * row; returns how many there are. At least four zeros follow one that is not zero. */
static inline size_t limb_odd_digits(int8_t digits[LIMB_SCALAR_BITS + 1], const struct evm_u256 *e)
{
    struct evm_u256 x = *e;
    size_t n = 0;
    memset(digits, 0, LIMB_SCALAR_BITS + 1);
    for (; !evm_u256_is_zero(&x); evm_u256_shr_small(&x, &x, 1)) {
        int d = 0;
        if (x.w[0] & 1) {
            d = (int)(x.w[0] & 31);
            if (d > 16) {
                d -= 32;
                evm_u256_add_u64(&x, &x, (uint64_t)-d);
            } else {
                evm_u256_sub_u64(&x, &x, (uint64_t)d);
            }
        }
        digits[n++] = (int8_t)d;
    }
    return n;
}

/* Digits of e to the base 2^width (4 to 6), from -2^(width - 1) to 2^(width - 1), least significant
 * first; zeros fill the row. Returns how many there are up to the highest that is not zero. */
static inline size_t limb_signed_digits(int8_t digits[LIMB_SCALAR_BITS / 4 + 1],
                                        const struct evm_u256 *e, unsigned width)
{
    struct evm_u256 x = *e;
    size_t used = 0;
    for (size_t n = 0; n <= LIMB_SCALAR_BITS / 4; n++) {
        int d = (int)(x.w[0] & ((1u << width) - 1));
        evm_u256_shr_small(&x, &x, width);
        if (d > 1 << (width - 1)) {
            d -= 1 << width;
            evm_u256_add_u64(&x, &x, 1);
        }
        digits[n] = (int8_t)d;
        if (d)
            used = n + 1;
    }
    return used;
}

/* ---- products of four limbs by four ---------------------------------------------------------- */

#if defined(LIMB_ASM)
#define LIMB_STEP(k, at,                                                                           \
                  next) /* t[at] += low by the first chain, t[next] += high by the second */       \
    "mulx 8*" #k "(%[a]), %[lo], %[hi]\n\t"                                                        \
    "adcx %[lo], %[" #at "]\n\t"                                                                   \
    "adox %[hi], %[" #next "]\n\t"
#define LIMB_FIRST_ROW                                                                             \
    "movq (%[b]), %%rdx\n\t"                                                                       \
    "mulx (%[a]), %[t0], %[t1]\n\t"                                                                \
    "mulx 8(%[a]), %[lo], %[t2]\n\t"                                                               \
    "addq %[lo], %[t1]\n\t"                                                                        \
    "mulx 16(%[a]), %[lo], %[t3]\n\t"                                                              \
    "adcq %[lo], %[t2]\n\t"
#define LIMB_NEXT_ROW(i, done, at1, at2, at3, top) /* row i; t[done] is what row i - 1 finished */ \
    "movq %[" #done "], 8*(" #i " - 1)(%[r])\n\t"                                                  \
    "movq 8*" #i "(%[b]), %%rdx\n\t"                                                               \
    "xorl %k[" #done "], %k[" #done "]\n\t" LIMB_STEP(0, at1, at2) LIMB_STEP(1, at2, at3)          \
        LIMB_STEP(2, at3, top) LIMB_STEP(3, top, done) "adcq $0, %[" #done "]\n\t"
#endif

/* The low and the high half of a * b; low is apart from a and b. */
static inline void limb_mul_full(uint64_t low[4], uint64_t high[4], const uint64_t a[4],
                                 const uint64_t b[4])
{
#if defined(LIMB_ASM)
    uint64_t t0, t1, t2, t3, t4, lo, hi;
    __asm__(LIMB_FIRST_ROW "mulx 24(%[a]), %[lo], %[t4]\n\t"
                           "adcq %[lo], %[t3]\n\t"
                           "adcq $0, %[t4]\n\t" LIMB_NEXT_ROW(1, t0, t1, t2, t3, t4)
                               LIMB_NEXT_ROW(2, t1, t2, t3, t4, t0)
                                   LIMB_NEXT_ROW(3, t2, t3, t4, t0, t1)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4),
              [lo] "=&r"(lo), [hi] "=&r"(hi), "=m"(*(uint64_t(*)[3])low)
            : [a] "r"(a), [b] "r"(b), [r] "r"(low), "m"(*(const uint64_t(*)[4])a),
              "m"(*(const uint64_t(*)[4])b)
            : "rdx", "cc");
    low[3] = t3;
    high[0] = t4;
    high[1] = t0;
    high[2] = t1;
    high[3] = t2;
#else
    uint64_t r[8] = {0};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            /* Largest value: (2^64-1)^2 + 2 (2^64-1) = 2^128 - 1, so this never wraps. */
            evm_u128 t = (evm_u128)a[j] * b[i] + r[i + j] + carry;
            r[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        r[i + 4] = carry;
    }
    memcpy(low, r, 4 * sizeof r[0]);
    memcpy(high, r + 4, 4 * sizeof r[0]);
#endif
}

/* r = a * b modulo 2^256; r may be a or b. */
static inline void limb_mul_low(uint64_t r[4], const uint64_t a[4], const uint64_t b[4])
{
#if defined(LIMB_ASM)
    uint64_t t0, t1, t2, t3, lo, hi;
    __asm__(LIMB_FIRST_ROW "mulx 24(%[a]), %[lo], %[hi]\n\t"
                           "adcq %[lo], %[t3]\n\t"
                           "movq 8(%[b]), %%rdx\n\t"
                           "xorl %k[lo], %k[lo]\n\t" /* clears both carries */
            LIMB_STEP(0, t1, t2) LIMB_STEP(1, t2, t3) "mulx 16(%[a]), %[lo], %[hi]\n\t"
                                                      "adcx %[lo], %[t3]\n\t"
                                                      "movq 16(%[b]), %%rdx\n\t"
                                                      "mulx (%[a]), %[lo], %[hi]\n\t"
                                                      "addq %[lo], %[t2]\n\t"
                                                      "adcq %[hi], %[t3]\n\t"
                                                      "imulq 8(%[a]), %%rdx\n\t"
                                                      "addq %%rdx, %[t3]\n\t"
                                                      "movq 24(%[b]), %%rdx\n\t"
                                                      "imulq (%[a]), %%rdx\n\t"
                                                      "addq %%rdx, %[t3]\n\t"
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [lo] "=&r"(lo),
              [hi] "=&r"(hi)
            : [a] "r"(a), [b] "r"(b), "m"(*(const uint64_t(*)[4])a), "m"(*(const uint64_t(*)[4])b)
            : "rdx", "cc");
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
#else
    uint64_t t[4] = {0};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < 4; j++) {
            evm_u128 x = (evm_u128)a[j] * b[i] + t[i + j] + carry;
            t[i + j] = (uint64_t)x;
            carry = (uint64_t)(x >> 64);
        }
    }
    memcpy(r, t, sizeof t);
#endif
}

#endif
