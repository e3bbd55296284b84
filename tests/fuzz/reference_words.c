/* The reference's numbers (through GMP) and its Keccak, written down as the standards say it. */
#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/reference.h"

struct ref_words {
    mpz_t a, b, c, r, modulus; /* modulus: 2^256 */
};

struct ref_words *ref_words_create(void)
{
    struct ref_words *w = malloc(sizeof *w);
    if (!w)
        abort();
    mpz_inits(w->a, w->b, w->c, w->r, w->modulus, (mpz_ptr)NULL);
    mpz_setbit(w->modulus, 256);
    return w;
}

void ref_words_destroy(struct ref_words *w)
{
    if (w)
        mpz_clears(w->a, w->b, w->c, w->r, w->modulus, (mpz_ptr)NULL);
    free(w);
}

/* ---- words and numbers ----------------------------------------------------------------------- */

static void number(mpz_t out, const struct ref_word *w)
{
    mpz_import(out, 32, 1, 1, 1, 0, w->b);
}

static void signed_number(struct ref_words *w, mpz_t out, const struct ref_word *word)
{
    number(out, word);
    if (word->b[0] & 0x80)
        mpz_sub(out, out, w->modulus);
}

/* Modulo 2^256; negative numbers in two's complement. */
static struct ref_word word(struct ref_words *w, const mpz_t x)
{
    struct ref_word out = {{0}};
    mpz_t m;
    mpz_init(m);
    mpz_mod(m, x, w->modulus);
    size_t bytes = (mpz_sizeinbase(m, 2) + 7) / 8;
    if (mpz_sgn(m) != 0)
        mpz_export(out.b + 32 - bytes, NULL, 1, 1, 1, 0, m);
    mpz_clear(m);
    return out;
}

struct ref_word ref_of(uint64_t x)
{
    struct ref_word w = {{0}};
    for (int i = 31; x; i--, x >>= 8)
        w.b[i] = (uint8_t)x;
    return w;
}

uint64_t ref_small(const struct ref_word *w)
{
    uint64_t x = 0;
    for (int i = 0; i < 24; i++)
        if (w->b[i])
            return UINT64_MAX;
    for (int i = 24; i < 32; i++)
        x = x << 8 | w->b[i];
    return x;
}

bool ref_zero(const struct ref_word *w)
{
    return ref_small(w) == 0;
}

int ref_compare(const struct ref_word *a, const struct ref_word *b)
{
    return memcmp(a->b, b->b, 32);
}

void ref_add(struct ref_words *w, struct ref_word *a, const struct ref_word *b)
{
    *a = ref_arithmetic(w, 0x01, a, b, b);
}

void ref_sub(struct ref_words *w, struct ref_word *a, const struct ref_word *b)
{
    *a = ref_arithmetic(w, 0x03, a, b, b);
}

/* ---- opcodes 0x01 to 0x1e -------------------------------------------------------------------- */

/* Bytes below byte k of b keep their value, those above become its sign. */
static struct ref_word sign_extend(const struct ref_word *k, const struct ref_word *b)
{
    struct ref_word out = *b;
    uint64_t from = ref_small(k);
    if (from >= 31)
        return out;
    uint8_t fill = b->b[31 - from] & 0x80 ? 0xff : 0;
    memset(out.b, fill, 31 - (size_t)from);
    return out;
}

static struct ref_word bitwise(uint8_t op, const struct ref_word *a, const struct ref_word *b)
{
    struct ref_word out;
    for (int i = 0; i < 32; i++) {
        switch (op) {
        case 0x16: out.b[i] = a->b[i] & b->b[i]; break;
        case 0x17: out.b[i] = a->b[i] | b->b[i]; break;
        case 0x18: out.b[i] = a->b[i] ^ b->b[i]; break;
        default: out.b[i] = (uint8_t)~a->b[i];
        }
    }
    return out;
}

static struct ref_word shift(struct ref_words *w, uint8_t op, const struct ref_word *by,
                             const struct ref_word *b)
{
    uint64_t n = ref_small(by) < 256 ? ref_small(by) : 256;
    if (op == 0x1d)
        signed_number(w, w->b, b);
    else
        number(w->b, b);
    if (op == 0x1b)
        mpz_mul_2exp(w->r, w->b, n);
    else
        mpz_fdiv_q_2exp(w->r, w->b, n);
    return word(w, w->r);
}

static struct ref_word compared(struct ref_words *w, uint8_t op, const struct ref_word *a,
                                const struct ref_word *b)
{
    bool is_signed = op == 0x12 || op == 0x13;
    if (is_signed) {
        signed_number(w, w->a, a);
        signed_number(w, w->b, b);
    } else {
        number(w->a, a);
        number(w->b, b);
    }
    int order = mpz_cmp(w->a, w->b);
    bool less = op == 0x10 || op == 0x12;
    return ref_of(op == 0x14 ? order == 0 : less ? order < 0 : order > 0);
}

static struct ref_word divided(struct ref_words *w, uint8_t op, const struct ref_word *a,
                               const struct ref_word *b)
{
    if (ref_zero(b))
        return ref_of(0);
    if (op == 0x05 || op == 0x07) {
        signed_number(w, w->a, a);
        signed_number(w, w->b, b);
    } else {
        number(w->a, a);
        number(w->b, b);
    }
    if (op == 0x04 || op == 0x05)
        mpz_tdiv_q(w->r, w->a, w->b);
    else
        mpz_tdiv_r(w->r, w->a, w->b);
    return word(w, w->r);
}

struct ref_word ref_arithmetic(struct ref_words *w, uint8_t op, const struct ref_word *a,
                               const struct ref_word *b, const struct ref_word *c)
{
    if (op >= 0x04 && op <= 0x07)
        return divided(w, op, a, b);
    if (op >= 0x10 && op <= 0x14)
        return compared(w, op, a, b);
    if (op >= 0x16 && op <= 0x19)
        return bitwise(op, a, b);
    if (op >= 0x1b && op <= 0x1d)
        return shift(w, op, a, b);
    number(w->a, a);
    number(w->b, b);
    number(w->c, c);
    switch (op) {
    case 0x01: mpz_add(w->r, w->a, w->b); break;
    case 0x02: mpz_mul(w->r, w->a, w->b); break;
    case 0x03: mpz_sub(w->r, w->a, w->b); break;
    case 0x08:
    case 0x09:
        if (ref_zero(c))
            return ref_of(0);
        if (op == 0x08)
            mpz_add(w->r, w->a, w->b);
        else
            mpz_mul(w->r, w->a, w->b);
        mpz_mod(w->r, w->r, w->c);
        break;
    case 0x0a: mpz_powm(w->r, w->a, w->b, w->modulus); break;
    case 0x0b: return sign_extend(a, b);
    case 0x15: return ref_of(ref_zero(a));
    case 0x1a: return ref_of(ref_small(a) < 32 ? b->b[ref_small(a)] : 0);
    case 0x1e: return ref_of(ref_zero(a) ? 256 : 256 - mpz_sizeinbase(w->a, 2));
    default: abort();
    }
    return word(w, w->r);
}

/* ---- Keccak-256 (Keccak reference 3.0, section 1.2; padding 0x01) -----------------------------
 */

static uint64_t rotate(uint64_t x, unsigned n)
{
    return n ? x << n | x >> (64 - n) : x;
}

/* rc(t) of FIPS 202, section 3.2.5: bit t of a linear feedback shift register. */
static bool round_bit(unsigned t)
{
    unsigned r = 1;
    for (t %= 255; t > 0; t--) {
        r <<= 1;
        if (r & 0x100)
            r ^= 0x171;
    }
    return r & 1;
}

static void permute(uint64_t a[5][5], uint64_t constants[24])
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], b[5][5];
        for (int x = 0; x < 5; x++)
            c[x] = a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4];
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 5; y++)
                a[x][y] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        b[0][0] = a[0][0];
        int x = 1, y = 0;
        for (unsigned t = 0; t < 24; t++) {
            b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y], (t + 1) * (t + 2) / 2 % 64);
            int next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
        }
        for (x = 0; x < 5; x++)
            for (y = 0; y < 5; y++)
                a[x][y] = b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]);
        a[0][0] ^= constants[round];
    }
}

struct ref_word ref_keccak(struct ref_bytes in)
{
    static uint64_t constants[24];
    for (unsigned i = 0; i < 24 && !constants[23]; i++)
        for (unsigned j = 0; j <= 6; j++)
            if (round_bit(j + 7 * i))
                constants[i] |= (uint64_t)1 << ((1u << j) - 1);
    uint64_t a[5][5] = {{0}};
    size_t blocks = in.size / 136 + 1;
    for (size_t k = 0; k < blocks; k++) {
        for (size_t i = 0; i < 136; i++) {
            size_t at = k * 136 + i;
            uint8_t byte = at < in.size ? in.data[at] : at == in.size ? 0x01 : 0x00;
            if (k == blocks - 1 && i == 135)
                byte |= 0x80;
            a[i / 8 % 5][i / 40] ^= (uint64_t)byte << 8 * (i % 8);
        }
        permute(a, constants);
    }
    struct ref_word out;
    for (size_t i = 0; i < 32; i++)
        out.b[i] = (uint8_t)(a[i / 8 % 5][i / 40] >> 8 * (i % 8));
    return out;
}

/* ---- addresses of new contracts ---------------------------------------------------------------
 */

static struct ref_addr last_twenty(struct ref_word hash)
{
    struct ref_addr out;
    memcpy(out.b, hash.b + 12, 20);
    return out;
}

struct ref_addr ref_create_address(const struct ref_addr *sender, uint64_t nonce)
{
    uint8_t rlp[40] = {0xc0, 0x94};
    memcpy(rlp + 2, sender->b, 20);
    size_t n = 22, bytes = 0;
    for (uint64_t x = nonce; x; x >>= 8)
        bytes++;
    if (nonce == 0 || nonce >= 0x80)
        rlp[n++] = (uint8_t)(0x80 + bytes);
    for (size_t i = bytes; i-- > 0;)
        rlp[n++] = (uint8_t)(nonce >> 8 * i);
    rlp[0] = (uint8_t)(0xc0 + n - 1);
    return last_twenty(ref_keccak((struct ref_bytes){rlp, n}));
}

struct ref_addr ref_create2_address(const struct ref_addr *sender, const struct ref_word *salt,
                                    struct ref_bytes initcode)
{
    uint8_t text[85] = {0xff};
    struct ref_word hash = ref_keccak(initcode);
    memcpy(text + 1, sender->b, 20);
    memcpy(text + 21, salt->b, 32);
    memcpy(text + 53, hash.b, 32);
    return last_twenty(ref_keccak((struct ref_bytes){text, sizeof text}));
}
