/* Precompiles. On any bytes: no crash, the same answer twice, a price that is the EIP's, an output
 * of the size that the EIP says. On numbers and messages made from the bytes: recovered signers,
 * and the answers of a second way to compute the same (BLAKE2b, SHA-256 and RIPEMD-160 of
 * libcrypto, signatures over P-256 made by hand, MODEXP by squaring). Curves are fuzz_curves.c's.
 */
#include <gmp.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>

#include "evm/core/sig.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/natives.h"
#include "tests/fuzz/reference.h"

const struct fuzz_plan fuzz_plan = {.runs = 1500, .max_size = 700};

/* ---- any bytes ----------------------------------------------------------------------------------
 */

static size_t output_size(unsigned address, struct evm_bytes in, size_t got)
{
    switch (address) {
    case 1: return got ? 32 : 0;
    case 2:
    case 3:
    case 8:
    case 0x0f: return 32;
    case 4: return in.size;
    case 5: return got; /* judged by modexp() */
    case 6:
    case 7:
    case 9:
    case 0x0a: return 64;
    case 0x0b:
    case 0x0c:
    case 0x10: return 128;
    case 0x100: return got ? 32 : 0;
    default: return 256;
    }
}

static void any_bytes(unsigned address, enum evm_fork fork, struct evm_bytes in)
{
    const struct evm_rules *rules = evm_rules_of(fork);
    const struct evm_precompile *p = native_row(address);
    struct evm_buf first = {0}, second = {0};
    uint64_t gas = p->gas(rules, in);
    EVM_CHECK(gas == p->gas(rules, in), "%s: two prices", p->name);
    if (gas > 400000)
        return;
    bool ok = p->run(rules, in, &first);
    EVM_CHECK(p->run(rules, in, &second) == ok, "%s: two verdicts", p->name);
    if (ok) {
        EVM_CHECK(first.size == output_size(address, in, first.size), "%s: %zu bytes", p->name,
                  first.size);
        EVM_CHECK(first.size == second.size, "%s: %zu bytes, %zu bytes", p->name, first.size,
                  second.size);
        if (first.size)
            native_same(first.data, second.data, first.size, "one answer");
        if (address == 4 && in.size)
            native_same(first.data, in.data, in.size, "identity");
    }
    evm_buf_fini(&first);
    evm_buf_fini(&second);
}

/* ---- hashes and signatures
 * ------------------------------------------------------------------------ */

static void digest(const EVP_MD *kind, struct evm_bytes in, uint8_t *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVM_CHECK(context && EVP_DigestInit_ex(context, kind, NULL) == 1, "no digest%s", "");
    for (size_t i = 0; i < in.size; i++)
        EVP_DigestUpdate(context, in.data + i, 1);
    EVP_DigestFinal_ex(context, out, NULL);
    EVP_MD_CTX_free(context);
}

static void hashes(struct fuzz_in *in)
{
    struct evm_bytes all = {in->data, in->size};
    uint8_t ours[32], theirs[32] = {0};
    native_must(2, all.data, all.size, ours, 32);
    digest(EVP_sha256(), all, theirs);
    native_same(ours, theirs, 32, "SHA-256");
    memset(theirs, 0, 12);
    native_must(3, all.data, all.size, ours, 32);
    digest(EVP_ripemd160(), all, theirs + 12);
    native_same(ours, theirs, 32, "RIPEMD-160");
}

static void put_le(uint8_t *out, uint64_t x)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(x >> 8 * i);
}

/* BLAKE2b of a message is the compression function over its blocks (RFC 7693, section 3.3). */
static void blake2b(struct fuzz_in *in)
{
    static const uint64_t iv[8] = {0x6a09e667f3bcc908 ^ 0x01010040,
                                   0xbb67ae8584caa73b,
                                   0x3c6ef372fe94f82b,
                                   0xa54ff53a5f1d36f1,
                                   0x510e527fade682d1,
                                   0x9b05688c2b3e6c1f,
                                   0x1f83d9abfb41bd6b,
                                   0x5be0cd19137e2179};
    uint8_t block[213] = {[3] = 12}, h[64], theirs[64];
    size_t done = 0, size = in->size;
    for (int i = 0; i < 8; i++)
        put_le(h + 8 * i, iv[i]);
    do {
        size_t n = size - done < 128 ? size - done : 128;
        memcpy(block + 4, h, 64);
        memset(block + 68, 0, 128);
        if (n)
            memcpy(block + 68, in->data + done, n);
        done += n;
        put_le(block + 196, done);
        block[212] = done == size;
        native_must(9, block, sizeof block, h, 64);
    } while (done < size);
    digest(EVP_blake2b512(), (struct evm_bytes){in->data, size}, theirs);
    native_same(h, theirs, 64, "BLAKE2b");
}

static void recovers(struct fuzz_in *in)
{
    struct evm_hash hash;
    uint8_t secret[32] = {0}, input[128] = {0}, key[64], out[32];
    int id;
    fuzz_fill(in, hash.b, 32);
    fuzz_fill(in, secret + 1, 31);
    secret[31] |= 1;
    EVM_CHECK(evm_sig_sign(&hash, secret, input + 64, input + 96, &id), "does not sign (%d)",
              secret[31]);
    EVM_CHECK(evm_sig_public_key(secret, key), "no key (%d)", secret[31]);
    memcpy(input, hash.b, 32);
    input[63] = (uint8_t)(27 + id);
    native_must(1, input, sizeof input, out, 32);
    struct ref_word address = ref_keccak((struct ref_bytes){key, sizeof key});
    memset(address.b, 0, 12);
    native_same(out, address.b, 32, "recovery of the signer");
}

/* r = x(kG), s = (hash + r d) / k, as SEC 1 has it. */
static void p256(struct fuzz_in *in)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = EC_POINT_new(group);
    BN_CTX *context = BN_CTX_new();
    BIGNUM *d = BN_new(), *k = BN_new(), *r = BN_new(), *s = BN_new(), *h = BN_new();
    const BIGNUM *n = EC_GROUP_get0_order(group);
    uint8_t bytes[96], input[160], out[32], one[32] = {[31] = 1}, spoil;
    fuzz_fill(in, bytes, sizeof bytes);
    bytes[0] |= 1; /* none is 0 */
    bytes[32] |= 1;
    spoil = fuzz_u8(in);
    BN_bin2bn(bytes, 32, d);
    BN_bin2bn(bytes + 32, 32, k);
    BN_bin2bn(bytes + 64, 32, h);
    BN_nnmod(d, d, n, context);
    BN_nnmod(k, k, n, context);
    memcpy(input, bytes + 64, 32);
    EC_POINT_mul(group, point, k, NULL, NULL, context);
    EC_POINT_get_affine_coordinates(group, point, r, NULL, context);
    BN_nnmod(r, r, n, context);
    BN_mod_mul(s, r, d, n, context);
    BN_mod_add(s, s, h, n, context);
    BN_mod_inverse(k, k, n, context);
    BN_mod_mul(s, s, k, n, context);
    BN_bn2binpad(r, input + 32, 32);
    BN_bn2binpad(s, input + 64, 32);
    EC_POINT_mul(group, point, d, NULL, NULL, context);
    EC_POINT_get_affine_coordinates(group, point, r, s, context);
    BN_bn2binpad(r, input + 96, 32);
    BN_bn2binpad(s, input + 128, 32);
    native_must(0x100, input, sizeof input, out, 32);
    native_same(out, one, 32, "P-256");
    input[spoil % 96] ^= (uint8_t)(1 + spoil / 96); /* the hash, r or s */
    native_must(0x100, input, sizeof input, out, 0);
    BN_free(d), BN_free(k), BN_free(r), BN_free(s), BN_free(h);
    BN_CTX_free(context);
    EC_POINT_free(point);
    EC_GROUP_free(group);
}

/* ---- MODEXP -------------------------------------------------------------------------------------
 */

/* The price as EIP-198, EIP-2565 and EIP-7883 write it, without a bound. */
static void modexp_price(mpz_t gas, enum evm_fork fork, const mpz_t nb, const mpz_t ne,
                         const mpz_t nm, uint64_t head)
{
    bool osaka = fork >= EVM_OSAKA, berlin = fork >= EVM_BERLIN;
    mpz_t x, more;
    mpz_inits(x, more, NULL);
    mpz_set(x, mpz_cmp(nb, nm) > 0 ? nb : nm);
    if (berlin) {
        bool small = mpz_cmp_ui(x, 32) <= 0;
        mpz_cdiv_q_ui(gas, x, 8);
        mpz_mul(gas, gas, gas);
        if (osaka && small)
            mpz_set_ui(gas, 16);
        else if (osaka)
            mpz_mul_ui(gas, gas, 2);
    } else if (mpz_cmp_ui(x, 64) <= 0) {
        mpz_mul(gas, x, x);
    } else {
        bool middle = mpz_cmp_ui(x, 1024) <= 0;
        mpz_mul(gas, x, x);
        mpz_fdiv_q_ui(gas, gas, middle ? 4 : 16);
        mpz_addmul_ui(gas, x, middle ? 96 : 480);
        mpz_sub_ui(gas, gas, middle ? 3072 : 199680);
    }
    if (mpz_cmp_ui(ne, 32) > 0) {
        mpz_sub_ui(more, ne, 32);
        mpz_mul_ui(more, more, osaka ? 16 : 8);
    }
    mpz_add_ui(more, more, head);
    if (mpz_cmp_ui(more, 1) < 0)
        mpz_set_ui(more, 1);
    mpz_mul(gas, gas, more);
    mpz_fdiv_q_ui(gas, gas, osaka ? 1 : berlin ? 3 : 20);
    unsigned least = osaka ? 500 : berlin ? 200 : 0;
    if (mpz_cmp_ui(gas, least) < 0)
        mpz_set_ui(gas, least);
    mpz_clears(x, more, NULL);
}

/* Number i of the input: bytes from `offset` on, zeros behind its end. */
static void operand(mpz_t out, struct evm_bytes in, uint64_t offset, uint64_t size)
{
    uint8_t *bytes = calloc(1, size + 1);
    EVM_CHECK(bytes, "no memory%s", "");
    for (uint64_t i = 0; i < size && offset + i < in.size; i++)
        bytes[i] = in.data[offset + i];
    mpz_import(out, size, 1, 1, 1, 0, bytes);
    free(bytes);
}

/* Squares and multiplies, bit by bit. */
static void power(mpz_t out, const mpz_t b, const mpz_t e, const mpz_t m)
{
    mpz_set_ui(out, 1);
    mpz_mod(out, out, m);
    for (size_t i = mpz_sizeinbase(e, 2); i-- > 0;) {
        mpz_mul(out, out, out);
        mpz_mod(out, out, m);
        if (mpz_tstbit(e, i)) {
            mpz_mul(out, out, b);
            mpz_mod(out, out, m);
        }
    }
}

static void modexp(struct fuzz_in *head, enum evm_fork fork)
{
    uint64_t sizes[3];
    uint8_t wide = fuzz_u8(head), input[96 + 2048] = {0};
    for (int i = 0; i < 3; i++) {
        sizes[i] = wide >> i & 1 ? fuzz_uint(head, 2) % 1100 : fuzz_u8(head) % 70;
        input[32 * i + 30] = (uint8_t)(sizes[i] >> 8);
        input[32 * i + 31] = (uint8_t)sizes[i];
    }
    if (wide >> 3 == 1) /* no such memory: only the price matters */
        input[32 * (wide & 1) + (wide & 2 ? 3 : 25)] = 1;
    size_t have = head->size < 2048 ? head->size : 2048;
    if (have)
        memcpy(input + 96, head->data, have);
    struct evm_bytes in = {input, 96 + have};

    mpz_t n[3], b, e, m, price;
    mpz_inits(n[0], n[1], n[2], b, e, m, price, NULL);
    for (int i = 0; i < 3; i++)
        mpz_import(n[i], 32, 1, 1, 1, 0, input + 32 * i);
    bool huge = wide >> 3 == 1, capped = false;
    uint64_t base = sizes[0];
    for (int i = 0; i < 3; i++)
        capped = capped || (fork >= EVM_OSAKA && mpz_cmp_ui(n[i], 1024) > 0); /* EIP-7823 */
    if (!mpz_fits_ulong_p(n[0]) || mpz_get_ui(n[0]) != base)
        base = 1u << 30; /* behind the input */
    operand(e, in, 96 + base, mpz_cmp_ui(n[1], 32) > 0 ? 32 : mpz_get_ui(n[1]));
    uint64_t head_bits = mpz_sgn(e) ? mpz_sizeinbase(e, 2) - 1 : 0;
    modexp_price(price, fork, n[0], n[1], n[2], head_bits);
    uint64_t gas = native_row(5)->gas(evm_rules_of(fork), in);
    if (capped || mpz_sizeinbase(price, 2) > 50)
        EVM_CHECK(gas > (uint64_t)1 << 49, "MODEXP for %lu gas", (unsigned long)gas);
    else
        EVM_CHECK(mpz_cmp_ui(price, gas) == 0, "MODEXP for %lu gas, should be %lu",
                  (unsigned long)gas, mpz_get_ui(price));
    if (!huge && !capped) {
        uint8_t *ours = malloc(sizes[2] + 1), *theirs = calloc(1, sizes[2] + 1);
        EVM_CHECK(ours && theirs, "no memory%s", "");
        operand(b, in, 96, sizes[0]);
        operand(e, in, 96 + sizes[0], sizes[1]);
        operand(m, in, 96 + sizes[0] + sizes[1], sizes[2]);
        if (mpz_sgn(m)) {
            power(price, b, e, m);
            mpz_set(b, price);
            if (mpz_sgn(b))
                mpz_export(theirs + sizes[2] - (mpz_sizeinbase(b, 2) + 7) / 8, NULL, 1, 1, 1, 0, b);
        }
        native_must(5, in.data, in.size, ours, sizes[2]);
        native_same(ours, theirs, sizes[2], "MODEXP by squaring");
        free(ours);
        free(theirs);
    }
    mpz_clears(n[0], n[1], n[2], b, e, m, price, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t fixed[] = {1,    2,    3,    4,    5,    6,    7,    8,   9,
                                    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11};
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_u8(&in);
    enum evm_fork fork = (enum evm_fork)(fuzz_u8(&in) % EVM_FORK_COUNT);
    switch (what) {
    case 0: hashes(&in); break;
    case 1: blake2b(&in); break;
    case 2: recovers(&in); break;
    case 3: p256(&in); break;
    default: break;
    }
    if (what >= 4 && what < 0x40)
        modexp(&in, fork);
    else if (what >= 0x40)
        any_bytes(what % 18 < 17 ? fixed[what % 18] : 0x100, fork, fuzz_take(&in, in.size));
    return 0;
}
