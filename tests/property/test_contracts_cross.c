/* Contracts over several layers whose users pay one another too, so that accounts that one crossing
 * brings are paid, and called, by others at the same time: contracts that pay on, that call
 * precompiles, burn to an address that is almost all zeros, read the hash of the block before, and
 * destroy themselves where that is possible. Whatever the protocol, the layers together are one
 * state, and all is done when it is quiet. */
#include "tests/property/crossing_rig.h"
#include "tests/property/recorded_file.h"

#include "sim/engine/random.h"

#include <unistd.h>

enum { USERS = 12, EACH = 4, TXS = 150 };

static const char town[] = "duration: 5s\n"
                           "drain: 90s\n"
                           "chain_id: 31337\n"
                           "verify: serialisable\n"
                           "signatures: modelled\n"
                           "routing: {policy: hash}\n"
                           "network: {latency: {kind: constant, delay: 20ms}}\n"
                           "layers:\n"
                           "  - count: 3\n"
                           "    nodes: 4\n"
                           "    consensus: {kind: tendermint, block_interval: 500ms}\n"
                           "workload: [transfer]\n";

enum does { PAYS, COUNTS, HASHES, BURNS, REMEMBERS, LOOKS, DOES };

static struct evm_addr contract(enum does what, unsigned i)
{
    struct evm_addr a = {{0xc7, (uint8_t)(what * 41 + 9), (uint8_t)(i * 83 + 5)}};
    a.b[18] = (uint8_t)(what + 1);
    a.b[19] = (uint8_t)(i * 57 + what * 13 + 2);
    return a;
}

static struct evm_addr fleeting(void)
{
    return (struct evm_addr){{0xde, 0x57, 0x40, [19] = 0x11}};
}

static struct evm_addr dead(void)
{
    return (struct evm_addr){{[18] = 0xde, [19] = 0xad}};
}

static const char *const codes[DOES] = {
    [PAYS] = "6000600060006000346000355af100", /* its value, to the address in its input */
    [COUNTS] = "600054600101600055",           /* one more */
    [HASHES] = "60206000602060006002"
               "5afa60005401600055", /* SHA-256; counts that it went well */
    [BURNS] = "60006000600060006001"
              "61dead5af100",           /* a wei of its own to 0x..dead */
    [REMEMBERS] = "600143034060005500", /* the hash of the block before */
    [LOOKS] = "73de57400000000000000000000000000000000011"
              "3b60010160005500", /* code's size + 1 */
};

/* Draws: two of five are payments, a quarter pays through a contract. */
static void one_of_them(struct recorded_file *f, struct sim_stream *rng)
{
    uint8_t input[32] = {0};
    struct evm_addr to = recorded_user((unsigned)sim_stream_below(rng, USERS));
    unsigned from = (unsigned)sim_stream_below(rng, USERS);
    unsigned which = (unsigned)sim_stream_below(rng, EACH);
    uint64_t draw = sim_stream_below(rng, 20), value = 1000 + sim_stream_below(rng, 5000);
    if (draw < 7) {
        recorded_tx(f, from, to, value, (struct evm_bytes){0}, 21000);
    } else if (draw < 8) {
        recorded_tx(f, from, dead(), value, (struct evm_bytes){0}, 21000);
    } else if (draw < 13) {
        memcpy(input + 12, to.b, sizeof to.b);
        recorded_tx(f, from, contract(PAYS, which), value, (struct evm_bytes){input, sizeof input},
                    200000);
    } else {
        enum does what = draw < 15   ? COUNTS
                         : draw < 17 ? HASHES
                         : draw < 18 ? BURNS
                         : draw < 19 ? REMEMBERS
                                     : LOOKS;
        recorded_tx(f, from, contract(what, which), 0, (struct evm_bytes){0}, 200000);
    }
}

static void record(const char *path, bool shanghai, uint64_t seed)
{
    static struct recorded_file f;
    struct sim_stream rng;
    memset(&f, 0, sizeof f);
    f.shanghai = shanghai;
    sim_stream_init(&rng, seed, 0, sim_purpose("test.contracts_cross"));
    for (unsigned i = 0; i < USERS; i++)
        recorded_account(&f, recorded_user(i), "3635c9adc5dea00000", ""); /* 1000 ether */
    for (enum does what = 0; what < DOES; what++)
        for (unsigned i = 0; i < EACH; i++)
            recorded_account(&f, contract(what, i), what == BURNS ? "f4240" : "0", codes[what]);
    recorded_account(&f, dead(), "1", "");
    recorded_account(&f, fleeting(), "5", "33ff");
    for (unsigned i = 0; i < TXS; i++) {
        if (shanghai && i == TXS / 3)
            recorded_tx(&f, 2, fleeting(), 0, (struct evm_bytes){0}, 200000);
        one_of_them(&f, &rng);
    }
    recorded_write(&f, path);
}

static char folder[] = "/tmp/weft-contracts-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    char path[64];
    (void)state;
    for (int shanghai = 0; shanghai < 2; shanghai++) { /* of a test that failed */
        snprintf(path, sizeof path, "%s/%d.json", folder, shanghai);
        unlink(path);
    }
    return rmdir(folder);
}

static const char by_hash[] = "routing={policy: hash}";

static void carried(const char *protocol, const char *path, bool shanghai, const char *routing,
                    uint64_t seed)
{
    char kind[64], workload[128];
    snprintf(kind, sizeof kind, "crosslayer=%s", protocol);
    snprintf(workload, sizeof workload, "workload[0]={kind: recorded, source: %s, rate: 60/s}",
             path);
    const char *sets[] = {kind, workload, shanghai ? "fork=Shanghai" : "fork=Cancun", routing};
    print_message("%s, %s, %s, seed %llu\n", kind, sets[2], routing, (unsigned long long)seed);
    struct fixture f = fixture_make(town, sets, 4, 1, NULL);
    struct evm_u256 genesis = rig_held(f.world);
    fixture_run(&f);
    const struct world *w = f.world;
    for (uint32_t i = 0; i < w->finding_count; i++)
        print_message("%s\n", w->findings[i].text);
    assert_int_equal(w->violations, 0);
    rig_once(w);
    rig_value_is_kept(w, &genesis);
    rig_all_is_quiet(w);
    uint64_t committed = 0, failed = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        committed += w->layers[i].committed_txs;
        for (uint64_t h = 1; h < w->layers[i].chain->settled; h++) {
            const struct block *b = fixture_block(&w->layers[i], h);
            for (uint32_t k = 0; k < b->tx_count; k++)
                failed += b->txs[k]->failed;
        }
    }
    assert_int_equal(w->tx_count, TXS + shanghai);
    assert_int_equal(committed, w->tx_count);
    assert_int_equal(failed, 0);
    /* Where accounts move, they come together. */
    bool settled = strcmp(protocol, "migrate") != 0 && routing == by_hash;
    assert_true(w->desk->cross_txs > (settled ? TXS / 3 : TXS / 20));
    fixture_free(&f);
}

static const char *const protocols[] = {"two-phase-commit", "relay", "migrate", "optimistic",
                                        "sequential-lane"};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

static const char *const restless[] = {
    "routing={policy: least-loaded, epoch: 1s, report_interval: 250ms}",
    "routing={policy: clpa, epoch: 1s, report_interval: 250ms}",
};

static void one(int protocol, bool shanghai, const char *routing, uint64_t seed)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%d.json", folder, shanghai);
    record(path, shanghai, seed);
    carried(protocols[protocol], path, shanghai, routing, seed);
    assert_int_equal(unlink(path), 0);
}

/* WEFT_CONTRACTS_SEEDS=N: so many draws. */
static void each_protocol(bool shanghai)
{
    const char *wanted = getenv("WEFT_CONTRACTS_SEEDS");
    uint64_t seeds = wanted ? strtoull(wanted, NULL, 10) : 1;
    for (uint64_t seed = 0; seed < seeds; seed++)
        for (int p = 0; p < PROTOCOLS; p++) {
            one(p, shanghai, by_hash, 100 * seed + (uint64_t)p);
            one(p, shanghai, restless[(seed + (uint64_t)p) % 2], 100 * seed + 50 + (uint64_t)p);
        }
}

static void under_cancun(void **state)
{
    (void)state;
    each_protocol(false);
}

/* Code may go away: nobody reads another layer's in place. */
static void under_shanghai(void **state)
{
    (void)state;
    each_protocol(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(under_cancun),
                                       cmocka_unit_test(under_shanghai)};
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
