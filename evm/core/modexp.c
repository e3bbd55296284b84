/* Precompile 5: b^e mod m over numbers of any length, with GMP. Input: three lengths of 32 bytes,
 * then b, e and m; missing bytes are zeros. Source: EIP-198; prices of EIP-2565 and EIP-7883;
 * lengths capped by EIP-7823.
 *
 * GMP ends the process if it gets no memory, and no function of its own can prevent that (its
 * allocator may not return NULL, is global, and must not be left by a jump). The gas paid bounds
 * what it asks for: from Osaka on 1 KiB a number; before, at 100 million gas, some 140 KB of base
 * and modulus or 40 MB (Byzantium: 250 MB) of exponent, which is zeros beyond the input. */
#include <gmp.h>

#include "evm/core/precompile_internal.h"
#include "evm/core/u256.h"

/* Numbers longer than this cost more than 2^60 gas at every fork (their length squared alone),
 * unless there is nothing to compute. */
#define LENGTH_LIMIT ((uint64_t)1 << 32)
#define EIP7823_CAP  1024

struct lengths {
    struct evm_u256 base, exponent, modulus;
};

static void read_lengths(struct evm_bytes in, struct lengths *out)
{
    uint8_t head[96];
    evm_precompile_read(head, in, 0, sizeof head);
    evm_u256_load_be(&out->base, head);
    evm_u256_load_be(&out->exponent, head + 32);
    evm_u256_load_be(&out->modulus, head + 64);
}

/* Bit length - 1 of the exponent's first 32 bytes (0 for 0). */
static uint64_t head_bits(struct evm_bytes in, uint64_t base, uint64_t exponent)
{
    uint8_t head[32];
    struct evm_u256 e;
    size_t n = exponent < 32 ? (size_t)exponent : 32;
    size_t offset = base < SIZE_MAX - 96 ? 96 + (size_t)base : SIZE_MAX;
    evm_precompile_read(head, in, offset, n);
    evm_u256_load_be_n(&e, head, n);
    unsigned bits = evm_u256_bits(&e);
    return bits ? bits - 1 : 0;
}

static uint64_t saturate(evm_u128 x)
{
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

/* EIP-198's piecewise square. */
static evm_u128 complexity_198(uint64_t x)
{
    evm_u128 xx = (evm_u128)x * x;
    if (x <= 64)
        return xx;
    if (x <= 1024)
        return xx / 4 + (evm_u128)96 * x - 3072;
    return xx / 16 + (evm_u128)480 * x - 199680;
}

static evm_u128 complexity(const struct evm_rules *rules, uint64_t longest)
{
    uint64_t words = longest / 8 + (longest % 8 != 0);
    if (rules->modexp_eip7883)
        return longest <= 32 ? 16 : (evm_u128)2 * words * words;
    return rules->modexp_eip2565 ? (evm_u128)words * words : complexity_198(longest);
}

uint64_t evm_pre_modexp_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    struct lengths l;
    read_lengths(in, &l);
    uint64_t base = evm_u256_clamp64(&l.base), exponent = evm_u256_clamp64(&l.exponent);
    uint64_t modulus = evm_u256_clamp64(&l.modulus);
    uint64_t floor = rules->modexp_eip7883 ? 500 : rules->modexp_eip2565 ? 200 : 0;
    if (rules->modexp_eip7883 &&
        (base > EIP7823_CAP || exponent > EIP7823_CAP || modulus > EIP7823_CAP))
        return UINT64_MAX;
    if (base == 0 && modulus == 0 && !rules->modexp_eip7883)
        return floor;
    uint64_t longest = base > modulus ? base : modulus;
    uint64_t step = rules->modexp_eip7883 ? 16 : 8;
    evm_u128 iterations = head_bits(in, base, exponent);
    if (exponent > 32)
        iterations += (evm_u128)step * (exponent - 32);
    if (iterations == 0)
        iterations = 1;
    if (longest > LENGTH_LIMIT || iterations > UINT64_MAX)
        return UINT64_MAX;
    uint64_t work = saturate(complexity(rules, longest));
    evm_u128 gas = (evm_u128)work * (uint64_t)iterations;
    gas /= rules->modexp_eip7883 ? 1 : rules->modexp_eip2565 ? 3 : 20;
    uint64_t price = saturate(gas);
    return price < floor ? floor : price;
}

bool evm_pre_modexp(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    struct lengths l;
    read_lengths(in, &l);
    size_t nb = (size_t)evm_u256_clamp64(&l.base), nm = (size_t)evm_u256_clamp64(&l.modulus);
    if (nm == 0)
        return true;
    /* The gas was paid, so base and modulus are short. The exponent is too, unless the other two
     * are tiny: what lies beyond the input is zeros, and is not copied. */
    uint64_t exponent = evm_u256_clamp64(&l.exponent);
    uint8_t *result = evm_buf_extend(out, nm);
    struct evm_buf numbers = {0};
    uint8_t *b = evm_buf_extend(&numbers, nb + nm);
    if (!result || !b) {
        out->failed = true;
        evm_buf_fini(&numbers);
        return true;
    }
    uint8_t *m = b + nb;
    evm_precompile_read(b, in, 96, nb);
    size_t at = 96 + nb;
    size_t have = at < in.size ? in.size - at : 0;
    size_t ne = exponent < have ? (size_t)exponent : have;
    size_t behind = exponent < SIZE_MAX - at ? at + (size_t)exponent : SIZE_MAX;
    evm_precompile_read(m, in, behind, nm);

    mpz_t base, power, modulus;
    mpz_inits(base, power, modulus, NULL);
    mpz_import(base, nb, 1, 1, 0, 0, b);
    mpz_import(power, ne, 1, 1, 0, 0, in.data + (ne ? at : 0));
    mpz_import(modulus, nm, 1, 1, 0, 0, m);
    memset(result, 0, nm);
    if (exponent > ne && mpz_sgn(modulus) != 0 && mpz_sgn(power) != 0)
        mpz_mul_2exp(power, power, 8 * (exponent - ne));
    if (mpz_sgn(modulus) != 0) {
        mpz_powm(base, base, power, modulus);
        size_t size = (mpz_sizeinbase(base, 2) + 7) / 8;
        if (mpz_sgn(base) != 0)
            mpz_export(result + nm - size, NULL, 1, 1, 0, 0, base);
    }
    mpz_clears(base, power, modulus, NULL);
    evm_buf_fini(&numbers);
    return true;
}
