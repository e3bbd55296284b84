/* weft bench signatures: signing transactions and recovering their senders, one by one and on
 * threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "evm/parallel/recover.h"
#include "sim/cli/cli.h"
#include "sim/cli/timing.h"

struct options {
    uint64_t txs, repeat, threads;
    bool json;
};

struct bench {
    const struct cli_command *self;
    struct options o;
    struct evm_tx *txs;
    struct evm_addr *senders;
    double *times;
    bool first;
};

static void secret_of(uint32_t i, uint8_t secret[32])
{
    memset(secret, 0x3c, 32);
    secret[28] = (uint8_t)(i >> 24);
    secret[29] = (uint8_t)(i >> 16);
    secret[30] = (uint8_t)(i >> 8);
    secret[31] = (uint8_t)i;
}

/* Transfers as a wallet makes them, each of another account. */
static bool make_txs(struct bench *b)
{
    for (uint32_t i = 0; i < b->o.txs; i++) {
        uint8_t secret[32];
        struct evm_tx *tx = &b->txs[i];
        *tx = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                              .has_chain_id = true,
                              .chain_id = 1,
                              .nonce = i % 100,
                              .gas_limit = 21000,
                              .max_fee = evm_u256_of(20000000000),
                              .max_priority_fee = evm_u256_of(1000000000),
                              .value = evm_u256_of(1000000007u * (i + 1ull)),
                              .to = {{1, (uint8_t)i}}};
        secret_of(i, secret);
        if (evm_tx_sign(tx, secret, NULL) != EVM_OK)
            return false;
        b->senders[i] = tx->sender;
    }
    return true;
}

static void forget_senders(struct bench *b)
{
    for (uint32_t i = 0; i < b->o.txs; i++) {
        b->txs[i].has_sender = false;
        memset(&b->txs[i].sender, 0, sizeof b->txs[i].sender);
    }
}

static bool senders_right(const struct bench *b)
{
    for (uint32_t i = 0; i < b->o.txs; i++)
        if (!b->txs[i].has_sender || !evm_addr_eq(&b->txs[i].sender, &b->senders[i]))
            return false;
    return true;
}

static void print_row(struct bench *b, const char *what, uint32_t threads)
{
    struct cli_times t = cli_times_of(b->times, b->o.repeat);
    double best = t.best / (double)b->o.txs / 1e3, median = t.median / (double)b->o.txs / 1e3;
    if (b->o.json)
        printf(
            "%s\n    {\"what\": \"%s\", \"threads\": %u, \"best_us\": %.3f, \"median_us\": %.3f}",
            b->first ? "" : ",", what, threads, best, median);
    else
        printf("%-10s %7u %12.2f %12.2f %12.0f\n", what, threads, best, median, 1e6 / best);
    b->first = false;
}

/* One thread's cost is its time on the processor; several are timed by the clock on the wall. */
static double (*clock_for(uint32_t threads))(void)
{
    return threads == 1 ? cli_cpu_now : cli_now;
}

static bool recover_all(struct bench *b, uint32_t threads)
{
    double (*now)(void) = clock_for(threads);
    for (size_t k = 0; k < b->o.repeat; k++) {
        forget_senders(b);
        double start = now();
        size_t done = evm_txs_recover(b->txs, b->o.txs, true, threads);
        b->times[k] = now() - start;
        if (done != b->o.txs || !senders_right(b)) {
            cli_complain(b->self, "transaction %zu: another sender than signed it", done);
            return false;
        }
    }
    print_row(b, "recover", threads);
    return true;
}

/* As wallets do: encode, hash, sign, encode again. */
static bool sign_all(struct bench *b)
{
    for (size_t k = 0; k < b->o.repeat; k++) {
        double start = cli_cpu_now();
        for (uint32_t i = 0; i < b->o.txs; i++) {
            uint8_t secret[32];
            secret_of(i, secret);
            if (evm_tx_sign(&b->txs[i], secret, NULL) != EVM_OK)
                return false;
        }
        b->times[k] = cli_cpu_now() - start;
    }
    print_row(b, "sign", 1);
    return true;
}

static const struct cli_option options[] = {
    {.name = "txs",
     .type = CLI_U64,
     .offset = offsetof(struct options, txs),
     .value = "N",
     .doc = "transactions (default 1000)",
     .min = 1,
     .max = 1000000},
    {.name = "repeat",
     .type = CLI_U64,
     .offset = offsetof(struct options, repeat),
     .value = "N",
     .doc = "repetitions (default 5)",
     .min = 1,
     .max = 1000},
    {.name = "threads",
     .letter = 'j',
     .type = CLI_U64,
     .offset = offsetof(struct options, threads),
     .value = "T",
     .doc = "most threads for a batch (default: one a processor)",
     .min = 1,
     .max = 1024},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "print JSON"},
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct bench b = {
        .self = self, .o = {.txs = 1000, .repeat = 5, .threads = cli_processors()}, .first = true};
    int status = cli_parse(self, argc, argv, &b.o, &operands);
    if (status >= 0)
        return status;
    b.txs = calloc(b.o.txs, sizeof *b.txs);
    b.senders = calloc(b.o.txs, sizeof *b.senders);
    b.times = calloc(b.o.repeat, sizeof *b.times);
    bool ok = b.txs && b.senders && b.times && make_txs(&b);
    if (!ok)
        cli_complain(self, "out of memory");
    if (b.o.json)
        printf("{\"transactions\": %llu, \"rows\": [", (unsigned long long)b.o.txs);
    else
        printf("%-10s %7s %12s %12s %12s\n", "what", "threads", "best us/tx", "median us/tx",
               "tx/s");
    ok = ok && recover_all(&b, 1);
    for (uint32_t t = 2; ok && t <= b.o.threads;
         t = t < b.o.threads && 2 * t > b.o.threads ? (uint32_t)b.o.threads : 2 * t)
        ok = recover_all(&b, t);
    ok = ok && sign_all(&b);
    if (b.o.json)
        printf("\n]}\n");
    for (uint32_t i = 0; b.txs && i < b.o.txs; i++)
        evm_tx_fini(&b.txs[i]);
    free(b.txs);
    free(b.senders);
    free(b.times);
    return cli_finish(self, ok ? CLI_DONE : CLI_FAILED);
}

const struct cli_command cli_bench_signatures = {
    .name = "bench signatures",
    .operands = "",
    .summary = "time the recovery of senders, alone and in batches over threads, and signing",
    .details =
        "Transfers signed by as many keys. recover: signing hash, public key, address, compared\n"
        "with who signed; microseconds a transaction: of processor time for one thread, of wall "
        "time\n"
        "for 2, 4 ... sign: encoding and signing, on one thread.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
