#include "evm/core/keccak.h"

/* Lanes are named by row (b g k m s) and column (a e i o u), as in the Keccak team's own notes: the
 * state lives in 25 locals and each round reads one set (A) and writes the other (E). */
#define ROL(x, n) ((x) << (n) | (x) >> (64 - (n)))

#define THETA(A)                                                                                   \
    ca = A##ba ^ A##ga ^ A##ka ^ A##ma ^ A##sa;                                                    \
    ce = A##be ^ A##ge ^ A##ke ^ A##me ^ A##se;                                                    \
    ci = A##bi ^ A##gi ^ A##ki ^ A##mi ^ A##si;                                                    \
    co = A##bo ^ A##go ^ A##ko ^ A##mo ^ A##so;                                                    \
    cu = A##bu ^ A##gu ^ A##ku ^ A##mu ^ A##su;                                                    \
    da = cu ^ ROL(ce, 1);                                                                          \
    de = ca ^ ROL(ci, 1);                                                                          \
    di = ce ^ ROL(co, 1);                                                                          \
    du = co ^ ROL(ca, 1);                                                                          \
    do_ = ci ^ ROL(cu, 1);

/* Theta's second half, rho, pi, chi and iota of one round, row by row of the new state. */
#define RHO_PI_CHI(A, E, rc)                                                                       \
    ba = A##ba ^ da;                                                                               \
    be = ROL(A##ge ^ de, 44);                                                                      \
    bi = ROL(A##ki ^ di, 43);                                                                      \
    bo = ROL(A##mo ^ do_, 21);                                                                     \
    bu = ROL(A##su ^ du, 14);                                                                      \
    E##ba = ba ^ (~be & bi) ^ rc;                                                                  \
    E##be = be ^ (~bi & bo);                                                                       \
    E##bi = bi ^ (~bo & bu);                                                                       \
    E##bo = bo ^ (~bu & ba);                                                                       \
    E##bu = bu ^ (~ba & be);                                                                       \
    ba = ROL(A##bo ^ do_, 28);                                                                     \
    be = ROL(A##gu ^ du, 20);                                                                      \
    bi = ROL(A##ka ^ da, 3);                                                                       \
    bo = ROL(A##me ^ de, 45);                                                                      \
    bu = ROL(A##si ^ di, 61);                                                                      \
    E##ga = ba ^ (~be & bi);                                                                       \
    E##ge = be ^ (~bi & bo);                                                                       \
    E##gi = bi ^ (~bo & bu);                                                                       \
    E##go = bo ^ (~bu & ba);                                                                       \
    E##gu = bu ^ (~ba & be);                                                                       \
    ba = ROL(A##be ^ de, 1);                                                                       \
    be = ROL(A##gi ^ di, 6);                                                                       \
    bi = ROL(A##ko ^ do_, 25);                                                                     \
    bo = ROL(A##mu ^ du, 8);                                                                       \
    bu = ROL(A##sa ^ da, 18);                                                                      \
    E##ka = ba ^ (~be & bi);                                                                       \
    E##ke = be ^ (~bi & bo);                                                                       \
    E##ki = bi ^ (~bo & bu);                                                                       \
    E##ko = bo ^ (~bu & ba);                                                                       \
    E##ku = bu ^ (~ba & be);                                                                       \
    ba = ROL(A##bu ^ du, 27);                                                                      \
    be = ROL(A##ga ^ da, 36);                                                                      \
    bi = ROL(A##ke ^ de, 10);                                                                      \
    bo = ROL(A##mi ^ di, 15);                                                                      \
    bu = ROL(A##so ^ do_, 56);                                                                     \
    E##ma = ba ^ (~be & bi);                                                                       \
    E##me = be ^ (~bi & bo);                                                                       \
    E##mi = bi ^ (~bo & bu);                                                                       \
    E##mo = bo ^ (~bu & ba);                                                                       \
    E##mu = bu ^ (~ba & be);                                                                       \
    ba = ROL(A##bi ^ di, 62);                                                                      \
    be = ROL(A##go ^ do_, 55);                                                                     \
    bi = ROL(A##ku ^ du, 39);                                                                      \
    bo = ROL(A##ma ^ da, 41);                                                                      \
    bu = ROL(A##se ^ de, 2);                                                                       \
    E##sa = ba ^ (~be & bi);                                                                       \
    E##se = be ^ (~bi & bo);                                                                       \
    E##si = bi ^ (~bo & bu);                                                                       \
    E##so = bo ^ (~bu & ba);                                                                       \
    E##su = bu ^ (~ba & be);

#define LANES(P)                                                                                   \
    P##ba, P##be, P##bi, P##bo, P##bu, P##ga, P##ge, P##gi, P##go, P##gu, P##ka, P##ke, P##ki,     \
        P##ko, P##ku, P##ma, P##me, P##mi, P##mo, P##mu, P##sa, P##se, P##si, P##so, P##su

/* The formatter never agrees with itself about this one. */
/* clang-format off */
#define EACH_LANE(F)                                                                               \
    F(0, ba)  F(1, be)  F(2, bi)  F(3, bo)  F(4, bu)                                               \
    F(5, ga)  F(6, ge)  F(7, gi)  F(8, go)  F(9, gu)                                               \
    F(10, ka) F(11, ke) F(12, ki) F(13, ko) F(14, ku)                                              \
    F(15, ma) F(16, me) F(17, mi) F(18, mo) F(19, mu)                                              \
    F(20, sa) F(21, se) F(22, si) F(23, so) F(24, su)
/* clang-format on */

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* A permutation over any lane type: one state, or several side by side in vector lanes. */
#define DEFINE_PERMUTE(name, lane_type)                                                            \
    static void name(lane_type s[25])                                                              \
    {                                                                                              \
        lane_type LANES(A), LANES(E);                                                              \
        lane_type ba, be, bi, bo, bu, ca, ce, ci, co, cu, da, de, di, do_, du;                     \
        EACH_LANE(LOAD)                                                                            \
        for (int round = 0; round < 24; round += 2) {                                              \
            THETA(A)                                                                               \
            RHO_PI_CHI(A, E, round_constants[round])                                               \
            THETA(E)                                                                               \
            RHO_PI_CHI(E, A, round_constants[round + 1])                                           \
        }                                                                                          \
        EACH_LANE(STORE)                                                                           \
    }
#define LOAD(i, lane)  A##lane = s[i];
#define STORE(i, lane) s[i] = A##lane;

/* Four lanes; compilers make of it what the machine has. */
typedef uint64_t lanes4 __attribute__((vector_size(32)));

DEFINE_PERMUTE(permute, uint64_t)
DEFINE_PERMUTE(permute4, lanes4)

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static void absorb_block(uint64_t s[25], const uint8_t *p)
{
    for (int i = 0; i < EVM_KECCAK_RATE / 8; i++)
        s[i] ^= load_le64(p + 8 * i);
    permute(s);
}

/* n < 8 bytes as a number, the first one least significant. */
static inline uint64_t load_le_n(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    while (n-- > 0)
        x = x << 8 | p[n];
    return x;
}

/* The last, partial block of n < 136 bytes with its padding: straight into the state. */
static inline void absorb_last(uint64_t s[25], const uint8_t *p, size_t n)
{
    size_t words = n / 8, rest = n % 8;
    for (size_t i = 0; i < words; i++)
        s[i] ^= load_le64(p + 8 * i);
    s[words] ^= load_le_n(p + 8 * words, rest) ^ (uint64_t)0x01 << (8 * rest);
    s[EVM_KECCAK_RATE / 8 - 1] ^= (uint64_t)0x80 << 56;
    permute(s);
}

static void squeeze(const uint64_t s[4], struct evm_hash *out)
{
    for (int i = 0; i < 4; i++) {
        uint64_t x = s[i];
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        x = __builtin_bswap64(x);
#endif
        memcpy(out->b + 8 * i, &x, 8);
    }
}

void evm_keccak256(struct evm_hash *out, struct evm_bytes in)
{
    uint64_t s[25] = {0};
    while (in.size >= EVM_KECCAK_RATE) {
        absorb_block(s, in.data);
        in.data += EVM_KECCAK_RATE;
        in.size -= EVM_KECCAK_RATE;
    }
    absorb_last(s, in.data, in.size);
    squeeze(s, out);
}

/* Block k of the padded input, or zeros past its end. */
static const uint8_t *padded_block(uint8_t buf[EVM_KECCAK_RATE], struct evm_bytes in, size_t k)
{
    size_t at = k * EVM_KECCAK_RATE, last = in.size / EVM_KECCAK_RATE;
    if (k < last)
        return in.data + at;
    memset(buf, 0, EVM_KECCAK_RATE);
    if (k == last) {
        if (in.size > at)
            memcpy(buf, in.data + at, in.size - at);
        buf[in.size - at] = 0x01;
        buf[EVM_KECCAK_RATE - 1] |= 0x80;
    }
    return buf;
}

/* Four inputs of the same size, less than a block: words and padding straight into the state. */
static void absorb_short4(lanes4 s[25], const struct evm_bytes in[4], size_t size)
{
    size_t words = size / 8, rest = size % 8;
    for (size_t i = 0; i < words; i++)
        s[i] = (lanes4){load_le64(in[0].data + 8 * i), load_le64(in[1].data + 8 * i),
                        load_le64(in[2].data + 8 * i), load_le64(in[3].data + 8 * i)};
    s[words] = (lanes4){0} + ((uint64_t)0x01 << (8 * rest));
    for (int x = 0; x < 4; x++)
        s[words][x] ^= load_le_n(in[x].data + 8 * words, rest);
    s[EVM_KECCAK_RATE / 8 - 1] ^= (uint64_t)0x80 << 56;
}

static void squeeze4(const lanes4 s[4], int x, struct evm_hash *out)
{
    squeeze((uint64_t[4]){s[0][x], s[1][x], s[2][x], s[3][x]}, out);
}

void evm_keccak256_x4(struct evm_hash out[4], const struct evm_bytes in[4])
{
    lanes4 s[25] = {0};
    size_t size = in[0].size;
    if (size < EVM_KECCAK_RATE && in[1].size == size && in[2].size == size && in[3].size == size) {
        absorb_short4(s, in, size);
        permute4(s);
        for (int x = 0; x < 4; x++)
            squeeze4(s, x, &out[x]);
        return;
    }
    size_t blocks[4], most = 0;
    for (int x = 0; x < 4; x++) {
        blocks[x] = in[x].size / EVM_KECCAK_RATE + 1;
        if (blocks[x] > most)
            most = blocks[x];
    }
    for (size_t k = 0; k < most; k++) {
        uint8_t buf[4][EVM_KECCAK_RATE];
        const uint8_t *p[4];
        for (int x = 0; x < 4; x++)
            p[x] = padded_block(buf[x], in[x], k);
        for (int i = 0; i < EVM_KECCAK_RATE / 8; i++)
            s[i] ^= (lanes4){load_le64(p[0] + 8 * i), load_le64(p[1] + 8 * i),
                             load_le64(p[2] + 8 * i), load_le64(p[3] + 8 * i)};
        permute4(s);
        for (int x = 0; x < 4; x++) {
            if (blocks[x] == k + 1)
                squeeze4(s, x, &out[x]);
        }
    }
}

void evm_keccak_init(struct evm_keccak *k)
{
    memset(k, 0, sizeof *k);
}

void evm_keccak_update(struct evm_keccak *k, struct evm_bytes in)
{
    /* Bytes are folded into the state as they come; a block is permuted when it is full. */
    for (size_t i = 0; i < in.size;) {
        if (k->fill == 0 && in.size - i >= EVM_KECCAK_RATE) {
            absorb_block(k->state, in.data + i);
            i += EVM_KECCAK_RATE;
            continue;
        }
        k->state[k->fill / 8] ^= (uint64_t)in.data[i] << (8 * (k->fill % 8));
        i++;
        if (++k->fill == EVM_KECCAK_RATE) {
            permute(k->state);
            k->fill = 0;
        }
    }
}

void evm_keccak_final(struct evm_keccak *k, struct evm_hash *out)
{
    k->state[k->fill / 8] ^= (uint64_t)0x01 << (8 * (k->fill % 8));
    k->state[EVM_KECCAK_RATE / 8 - 1] ^= (uint64_t)0x80 << 56;
    permute(k->state);
    squeeze(k->state, out);
}
