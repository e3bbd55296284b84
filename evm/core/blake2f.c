/* Precompile 9 (EIP-152): the compression function of BLAKE2b (RFC 7693) with a free number of
 * rounds. Input, exactly 213 bytes: rounds (big-endian), h, m, t (little-endian), final flag. */
#include "evm/core/precompile_internal.h"
#include "evm/core/u256.h"

#define INPUT_SIZE 213

static const uint64_t iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static inline void mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

static inline __attribute__((always_inline)) void one_round(uint64_t v[16], const uint64_t m[16],
                                                            const uint8_t s[16])
{
    mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* Ten rounds at a time, so that where each takes its words from is known when this is compiled. */
static void run_rounds(uint64_t out[16], const uint64_t m[16], uint32_t rounds)
{
    uint64_t v[16];
    memcpy(v, out, sizeof v);
    for (; rounds >= 10; rounds -= 10) {
        one_round(v, m, sigma[0]);
        one_round(v, m, sigma[1]);
        one_round(v, m, sigma[2]);
        one_round(v, m, sigma[3]);
        one_round(v, m, sigma[4]);
        one_round(v, m, sigma[5]);
        one_round(v, m, sigma[6]);
        one_round(v, m, sigma[7]);
        one_round(v, m, sigma[8]);
        one_round(v, m, sigma[9]);
    }
    for (uint32_t i = 0; i < rounds; i++)
        one_round(v, m, sigma[i]);
    memcpy(out, v, sizeof v);
}

static uint64_t load_le(const uint8_t *p)
{
    return __builtin_bswap64(evm_load_be64(p));
}

static uint32_t rounds_of(struct evm_bytes in)
{
    return (uint32_t)in.data[0] << 24 | (uint32_t)in.data[1] << 16 | (uint32_t)in.data[2] << 8 |
           in.data[3];
}

uint64_t evm_pre_blake2f_gas(const struct evm_rules *rules, struct evm_bytes in)
{
    (void)rules;
    return in.size == INPUT_SIZE ? rounds_of(in) : 0; /* a wrong size fails in run */
}

bool evm_pre_blake2f(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    if (in.size != INPUT_SIZE || in.data[212] > 1)
        return false;
    uint64_t h[8], m[16], v[16];
    for (int i = 0; i < 8; i++) {
        h[i] = v[i] = load_le(in.data + 4 + 8 * i);
        v[i + 8] = iv[i];
    }
    for (int i = 0; i < 16; i++)
        m[i] = load_le(in.data + 68 + 8 * i);
    v[12] ^= load_le(in.data + 196);
    v[13] ^= load_le(in.data + 204);
    if (in.data[212])
        v[14] = ~v[14];
    run_rounds(v, m, rounds_of(in));
    uint8_t *to = evm_buf_extend(out, 64);
    for (int i = 0; to && i < 8; i++)
        evm_store_be64(to + 8 * i, __builtin_bswap64(h[i] ^ v[i] ^ v[i + 8]));
    return true;
}
