/* weft bench precompiles: time and gas per second of every precompile at usual inputs. */
#include "evm/core/precompile.h"
#include "evm/core/sig.h"
#include "evm/core/u256.h"
#include "evm/io/json.h"
#include "sim/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    const char *only;
    uint64_t iterations;
    bool json;
};

#define MAX_ITERATIONS 1000000

static const struct cli_option option_rows[] = {
    {.name = "case",
     .type = CLI_STRING,
     .offset = offsetof(struct options, only),
     .value = "NAME",
     .doc = "only the cases whose name holds this text"},
    {.name = "iterations",
     .letter = 'n',
     .type = CLI_U64,
     .offset = offsetof(struct options, iterations),
     .value = "N",
     .doc = "timed calls of each case (default: about a tenth of a second's worth)",
     .max = MAX_ITERATIONS},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "one JSON object a case"},
};

/* ---- inputs ---------------------------------------------------------------------------------- */

static const struct evm_rules *rules(void)
{
    return evm_rules_of(EVM_OSAKA);
}

static const struct evm_precompile *row_at(unsigned address)
{
    struct evm_addr a = {{[18] = (uint8_t)(address >> 8), [19] = (uint8_t)address}};
    return evm_precompile_find(rules(), &a);
}

/* Appends what the precompile says to the input. */
static bool append_output(struct evm_buf *b, unsigned address, const uint8_t *in, size_t size)
{
    struct evm_buf out = {0};
    bool ok = row_at(address)->run(rules(), (struct evm_bytes){in, size}, &out) && !out.failed;
    evm_buf_append(b, evm_buf_bytes(&out));
    evm_buf_fini(&out);
    return ok && !b->failed;
}

/* n bytes without a pattern, the same in every run. */
static bool append_noise(struct evm_buf *b, size_t n, uint64_t seed)
{
    uint8_t *to = evm_buf_extend(b, n);
    for (size_t i = 0; to && i < n; i++) {
        seed = seed * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
        to[i] = (uint8_t)(seed >> 56);
    }
    return to != NULL;
}

static bool append_hex(struct evm_buf *b, const char *text)
{
    uint8_t *to = evm_buf_extend(b, strlen(text) / 2);
    return to && evm_hex_fixed(text, to, strlen(text) / 2);
}

static bool fill_noise(struct evm_buf *b, size_t n)
{
    return append_noise(b, n, n);
}

static bool fill_ecrecover(struct evm_buf *b, size_t n)
{
    (void)n;
    uint8_t in[128] = {1, 2, 3}, secret[32] = {[31] = 77};
    struct evm_hash digest;
    int id;
    memcpy(digest.b, in, 32);
    if (!evm_sig_sign(&digest, secret, in + 64, in + 96, &id))
        return false;
    in[63] = (uint8_t)(27 + id);
    evm_buf_append(b, (struct evm_bytes){in, sizeof in});
    return true;
}

/* n bytes each of base, exponent and odd modulus; n > 4096: n - 4096 bytes, exponent 65537. */
static bool fill_modexp(struct evm_buf *b, size_t n)
{
    uint8_t head[96] = {0};
    size_t size = n > 4096 ? n - 4096 : n, exponent = n > 4096 ? 3 : n;
    evm_store_be64(head + 24, size);
    evm_store_be64(head + 56, exponent);
    evm_store_be64(head + 88, size);
    evm_buf_append(b, (struct evm_bytes){head, sizeof head});
    bool ok = append_noise(b, size, 1) &&
              (n > 4096 ? append_hex(b, "010001") : append_noise(b, exponent, 2)) &&
              append_noise(b, size, 3);
    if (ok) {
        b->data[96 + size] |= exponent == 3 ? 0 : 0x80;
        b->data[96 + size + exponent] |= 0x80;
        b->data[b->size - 1] |= 1;
    }
    return ok;
}

/* A multiple of the generator (1, 2). */
static bool append_bn_g1(struct evm_buf *b, uint64_t seed)
{
    struct evm_buf in = {0};
    evm_buf_append(&in, (struct evm_bytes){(const uint8_t[64]){[31] = 1, [63] = 2}, 64});
    bool ok = append_noise(&in, 32, seed) && append_output(b, 7, in.data, in.size);
    evm_buf_fini(&in);
    return ok;
}

static bool fill_bn_add(struct evm_buf *b, size_t n)
{
    (void)n;
    return append_bn_g1(b, 1) && append_bn_g1(b, 2);
}

static bool fill_bn_mul(struct evm_buf *b, size_t n)
{
    (void)n;
    return append_bn_g1(b, 1) && append_noise(b, 32, 5);
}

/* The second group's generator (EIP-197). */
static const char bn_g2[] = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                            "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                            "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                            "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";

static bool fill_bn_pairing(struct evm_buf *b, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = append_bn_g1(b, i) && append_hex(b, bn_g2);
    return ok;
}

static bool fill_blake2f(struct evm_buf *b, size_t n)
{
    uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    uint8_t last = 1;
    evm_buf_append(b, (struct evm_bytes){head, sizeof head});
    bool ok = append_noise(b, 208, 4);
    evm_buf_append(b, (struct evm_bytes){&last, 1});
    return ok;
}

/* Commitment and proof are the generator, which no z and y of ours match: all the work, and then a
 * refusal. */
static bool fill_kzg(struct evm_buf *b, size_t n)
{
    (void)n;
    static const char g1[] = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
                             "6c55e83ff97a1aeffb3af00adb22c6bb";
    static const char hash[] = "01da53bf1e6f2b6f2d9e7e2bb2ad1c8fa2d9dc9c1cd9d1a5b7c5a39cd6f8a7b4";
    bool ok =
        append_hex(b, hash) && append_noise(b, 64, 6) && append_hex(b, g1) && append_hex(b, g1);
    struct evm_buf digest = {0};
    ok = ok && append_output(&digest, 2, b->data + 96, 48); /* the versioned hash (EIP-4844) */
    if (ok) {
        memcpy(b->data + 1, digest.data + 1, 31);
        b->data[32] = b->data[64] = 0x12; /* below the order */
    }
    evm_buf_fini(&digest);
    return ok;
}

static bool append_bls(struct evm_buf *b, bool second, uint64_t seed)
{
    struct evm_buf in = {0};
    bool ok = append_noise(&in, second ? 128 : 64, seed);
    for (size_t i = 0; ok && i < in.size; i++)
        if (i % 64 < 17)
            in.data[i] = 0; /* below the modulus */
    ok = ok && append_output(b, second ? 0x11 : 0x10, in.data, in.size);
    evm_buf_fini(&in);
    return ok;
}

static bool fill_bls_g1_add(struct evm_buf *b, size_t n)
{
    (void)n;
    return append_bls(b, false, 1) && append_bls(b, false, 2);
}

static bool fill_bls_g2_add(struct evm_buf *b, size_t n)
{
    (void)n;
    return append_bls(b, true, 1) && append_bls(b, true, 2);
}

static bool fill_bls_g1_msm(struct evm_buf *b, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = append_bls(b, false, i) && append_noise(b, 32, i);
    return ok;
}

static bool fill_bls_g2_msm(struct evm_buf *b, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = append_bls(b, true, i) && append_noise(b, 32, i);
    return ok;
}

static bool fill_bls_pairing(struct evm_buf *b, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = append_bls(b, false, i) && append_bls(b, true, i);
    return ok;
}

static bool fill_bls_map(struct evm_buf *b, size_t n)
{
    bool ok = append_noise(b, n, 9);
    for (size_t i = 0; ok && i < n; i++)
        if (i % 64 < 17)
            b->data[i] = 0;
    return ok;
}

/* SHA-256 of "weft", signed by libcrypto with a key of no other use. */
static bool fill_p256(struct evm_buf *b, size_t n)
{
    (void)n;
    return append_hex(b, "e627e2237f44543d8b79e2772a7cc79f6c8d0ea2854eef84f69fbef586339c91"
                         "9c952380ce21d6029e9817e86e1366eeac474a967b3506e220bda09fe553249a"
                         "1b7646ae955518c8dfb6059a2532633cbfa6182b6fc7cf48de1a068cd970c10f"
                         "e63c2b5347a789854436fc0f634e2abc989a20811678ae8a4ac8aa9eb86d5c6d"
                         "b66bccc4ced06131732098a24c44c227f33bcb5ca69c2aee6caf79751b7d1b57");
}

static const struct case_row {
    const char *name;
    unsigned address;
    bool (*fill)(struct evm_buf *b, size_t n);
    size_t n;
    bool refused;
} cases[] = {
    {"ecrecover", 0x01, fill_ecrecover, 0, false},
    {"sha256/64", 0x02, fill_noise, 64, false},
    {"sha256/4096", 0x02, fill_noise, 4096, false},
    {"ripemd160/64", 0x03, fill_noise, 64, false},
    {"ripemd160/4096", 0x03, fill_noise, 4096, false},
    {"identity/64", 0x04, fill_noise, 64, false},
    {"identity/4096", 0x04, fill_noise, 4096, false},
    {"modexp/32", 0x05, fill_modexp, 32, false},
    {"modexp/64", 0x05, fill_modexp, 64, false},
    {"modexp/256", 0x05, fill_modexp, 256, false},
    {"modexp/1024", 0x05, fill_modexp, 1024, false},
    {"modexp/256^65537", 0x05, fill_modexp, 4096 + 256, false},
    {"bn254_add", 0x06, fill_bn_add, 0, false},
    {"bn254_mul", 0x07, fill_bn_mul, 0, false},
    {"bn254_pairing/1", 0x08, fill_bn_pairing, 1, false},
    {"bn254_pairing/2", 0x08, fill_bn_pairing, 2, false},
    {"bn254_pairing/4", 0x08, fill_bn_pairing, 4, false},
    {"blake2f/12", 0x09, fill_blake2f, 12, false},
    {"blake2f/10000", 0x09, fill_blake2f, 10000, false},
    {"kzg_point_evaluation", 0x0a, fill_kzg, 0, true},
    {"bls12_g1add", 0x0b, fill_bls_g1_add, 0, false},
    {"bls12_g1msm/1", 0x0c, fill_bls_g1_msm, 1, false},
    {"bls12_g1msm/8", 0x0c, fill_bls_g1_msm, 8, false},
    {"bls12_g1msm/128", 0x0c, fill_bls_g1_msm, 128, false},
    {"bls12_g2add", 0x0d, fill_bls_g2_add, 0, false},
    {"bls12_g2msm/1", 0x0e, fill_bls_g2_msm, 1, false},
    {"bls12_g2msm/8", 0x0e, fill_bls_g2_msm, 8, false},
    {"bls12_g2msm/128", 0x0e, fill_bls_g2_msm, 128, false},
    {"bls12_pairing/1", 0x0f, fill_bls_pairing, 1, false},
    {"bls12_pairing/2", 0x0f, fill_bls_pairing, 2, false},
    {"bls12_pairing/8", 0x0f, fill_bls_pairing, 8, false},
    {"bls12_map_fp_to_g1", 0x10, fill_bls_map, 64, false},
    {"bls12_map_fp2_to_g2", 0x11, fill_bls_map, 128, false},
    {"p256verify", 0x100, fill_p256, 0, false},
};

/* ---- timing ---------------------------------------------------------------------------------- */

struct figures {
    uint64_t gas, iterations;
    double min_us, median_us;
    bool agrees; /* accepted or refused as it should be, with an output if accepted */
};

/* Of this thread: waiting for a core does not count. */
static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Microseconds a call, of so many in a row. */
static double time_calls(const struct case_row *c, struct evm_bytes in, struct evm_buf *out,
                         uint64_t calls, bool *accepted)
{
    const struct evm_precompile *row = row_at(c->address);
    double start = now_us();
    for (uint64_t i = 0; i < calls; i++) {
        evm_buf_clear(out);
        *accepted = row->run(rules(), in, out);
    }
    return (now_us() - start) / (double)calls;
}

/* False if memory is out. */
static bool measure(const struct case_row *c, const struct options *o, struct figures *f)
{
    struct evm_buf in = {0}, out = {0};
    bool ok = c->fill(&in, c->n) && !in.failed, accepted = false;
    double *times = NULL;
    uint64_t samples = o->iterations, calls = 1;
    if (ok) {
        f->gas = row_at(c->address)->gas(rules(), evm_buf_bytes(&in));
        double us = time_calls(c, evm_buf_bytes(&in), &out, 1, &accepted);
        f->agrees = accepted != c->refused && (c->refused || out.size > 0);
        if (!samples) {
            /* Reading the clock takes about half a microsecond. */
            calls = us < 50 ? (uint64_t)(50 / us) + 1 : 1;
            samples = us > 1e4 ? 10 : (uint64_t)(1e5 / (us * (double)calls)) + 1;
        }
        f->iterations = samples * calls;
        times = malloc(samples * sizeof *times);
        ok = times != NULL;
    }
    for (uint64_t i = 0; ok && i < samples; i++) {
        times[i] = time_calls(c, evm_buf_bytes(&in), &out, calls, &accepted);
        ok = !out.failed;
    }
    if (ok) {
        qsort(times, samples, sizeof *times, ascending);
        f->min_us = times[0];
        f->median_us = times[samples / 2];
    }
    free(times);
    evm_buf_fini(&in);
    evm_buf_fini(&out);
    return ok;
}

static void print_case(const struct options *o, const char *name, const struct figures *f)
{
    double rate = (double)f->gas / f->min_us;
    if (o->json)
        printf("{\"case\": \"%s\", \"gas\": %llu, \"iterations\": %llu, \"min_us\": %.4f, "
               "\"median_us\": %.4f, \"mgas_per_s\": %.1f, \"check\": \"%s\"}\n",
               name, (unsigned long long)f->gas, (unsigned long long)f->iterations, f->min_us,
               f->median_us, rate, f->agrees ? "ok" : "WRONG");
    else
        printf("%-24s %10llu %8llu %12.3f %12.3f %10.1f  %s\n", name, (unsigned long long)f->gas,
               (unsigned long long)f->iterations, f->min_us, f->median_us, rate,
               f->agrees ? "ok" : "WRONG");
    fflush(stdout);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    bool wrong = false, any = false;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    if (!o.json)
        printf("%-24s %10s %8s %12s %12s %10s\n", "case", "gas", "calls", "min us", "median us",
               "Mgas/s");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct figures f = {0};
        if (o.only && !strstr(cases[i].name, o.only))
            continue;
        if (!measure(&cases[i], &o, &f))
            return cli_complain(self, "memory is out");
        print_case(&o, cases[i].name, &f);
        wrong |= !f.agrees;
        any = true;
    }
    if (!any)
        return cli_complain(self, "no case's name holds '%s'", o.only);
    return cli_finish(self, wrong ? CLI_FAILED : CLI_DONE);
}

const struct cli_command cli_bench_precompile = {
    .name = "bench precompiles",
    .operands = "",
    .summary = "time and gas per second of every precompile",
    .details =
        "Prices are Osaka's; gas per second is gas over the least time. The number behind a\n"
        "name is the input's size in bytes (sha256, ripemd160, identity, modexp: each of the\n"
        "three numbers), its rounds (blake2f) or its terms (pairings and sums). A call whose\n"
        "input is not accepted or refused as it should be is WRONG: exit status 1.",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .max_operands = 0,
    .run = run,
};
