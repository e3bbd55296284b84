/* Fee markets and wallets in small worlds: that what the models promise comes about where real
 * transactions, pools, blocks and mail between layers are in between. */
#include "tests/property/world_checks.h"

#include <math.h>

#define GWEI 1e9

/* ---- one layer ---- */

/* Payments that offer no tip, and beside them a token that everybody wants. A block of 2 Mgas every
 * 300 ms holds about 60 calls; target 1 Mgas, of which the token's share is half. */
static const char market[] =
    "duration: 30s\n"
    "drain: 3s\n"
    "signatures: modelled\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 3\n"
    "    consensus: {kind: poa, block_interval: 300ms, wiggle: 20ms}\n"
    "    fees: {kind: local, gas_limit: 2Mgas, share: 50%, min_base_fee: 1gwei,\n"
    "      first_surcharge: 2gwei}\n"
    "workload:\n"
    "  - {kind: transfer, rate: 40/s, accounts: 200, tip: 0gwei, max_fee: 3gwei}\n"
    "  - {kind: erc20, rate: 150/s, accounts: 500, tip: 'uniform(0gwei, 50gwei)',\n"
    "     max_fee: 400gwei}\n";

/* Committed transactions of one entry, and what they paid a gas in the last third of the run. */
struct paid {
    uint32_t count;
    double base, tip, gas; /* mean; mean; sum a block */
};

static struct paid paid_by(const struct fixture *f, uint16_t workload)
{
    const struct layer *l = &f->world->layers[0];
    struct paid p = {0};
    uint64_t from = l->chain->settled * 2 / 3;
    for (uint64_t h = from; h < l->chain->settled; h++) {
        const struct block *b = fixture_block(l, h);
        for (uint32_t i = 0; i < b->tx_count; i++) {
            const struct tx *tx = b->txs[i];
            struct evm_u256 tip = {{0}};
            if (tx->workload != workload)
                continue;
            fees_tip_of(&b->fees, &tx->evm, &tip);
            p.count++;
            p.tip += wei_double(&tip);
            p.base += wei_double(&b->fees.base_fee);
            p.gas += (double)tx->gas_used;
        }
    }
    if (p.count) {
        p.tip /= p.count;
        p.base /= p.count;
        p.gas /= (double)(l->chain->settled - from);
    }
    return p;
}

/* Nobody in a block offers less than it asks. */
static void fees_are_paid(const struct layer *l)
{
    for (uint64_t h = 1; h < l->chain->settled; h++) {
        const struct block *b = fixture_block(l, h);
        for (uint32_t i = 0; i < b->tx_count; i++) {
            struct evm_u256 tip;
            if (!l->fees->tip(l->fees_state, &b->fees, b->txs[i], &tip))
                fail_msg("transaction %u of block %llu does not pay what the block asks", i,
                         (unsigned long long)h);
        }
    }
}

static void test_hot_contract(void **state)
{
    static const char *const alone[] = {"workload[1].rate=0/s"},
                             *const one_market[] = {"layers.main.fees.kind=eip1559"};
    (void)state;
    struct fixture local = fixture_make(market, NULL, 0, 2, NULL);
    struct fixture calm = fixture_make(market, alone, 1, 2, NULL);
    struct fixture shared = fixture_make(market, one_market, 1, 2, NULL);
    fixture_run(&local);
    fixture_run(&calm);
    fixture_run(&shared);
    const struct layer *l = &local.world->layers[0];
    chain_is_sound(local.world, l);
    pools_are_counted(local.world);
    fees_are_paid(l);
    struct paid beside = paid_by(&local, 0), without = paid_by(&calm, 0),
                priced = paid_by(&shared, 0);
    struct paid token = paid_by(&local, 1);
    struct block *last = fixture_block(l, l->chain->settled - 1);
    /* The token has a surcharge, its callers pay it, and it uses about its share of the target. */
    assert_int_equal(last->fees.table->count, 1);
    assert_true((double)fees_top_surcharge(&last->fees) > 4 * GWEI);
    assert_true(token.tip > (double)fees_top_surcharge(&last->fees) / 2);
    if (token.gas < 400e3 || token.gas > 600e3)
        fail_msg("the token uses %.0f gas a block; half the target is 500000", token.gas);
    /* The others pay what they would without it, and as many get in; with one base fee for all they
     * are priced out. */
    assert_true(without.count > 300 && beside.count > without.count * 0.95);
    assert_true(beside.tip == 0 && without.tip == 0);
    if (beside.base > without.base + 0.1 * GWEI)
        fail_msg("payments pay %.3g gwei a gas beside a hot contract, %.3g gwei without it",
                 beside.base / GWEI, without.base / GWEI);
    assert_true(priced.count < without.count / 4);
    fixture_free(&local);
    fixture_free(&calm);
    fixture_free(&shared);
}

/* The price of storage settles where calls write what the target says; payments, which write
 * nothing, pay none of it. */
static void test_storage_price(void **state)
{
    static const char *const sets[] = {
        "layers.main.fees={kind: multidimensional, gas_limit: 4Mgas, "
        "storage_target: 2KB, storage_fee: 100gwei}"};
    (void)state;
    struct fixture f = fixture_make(market, sets, 1, 2, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    fees_are_paid(l);
    struct paid payments = paid_by(&f, 0), calls = paid_by(&f, 1);
    double price = wei_double(&fixture_block(l, l->chain->settled - 1)->fees.table->price[0]);
    double bytes = 0, blocks = 0;
    for (uint64_t h = l->chain->settled * 2 / 3; h < l->chain->settled; h++, blocks++) {
        const struct block *b = fixture_block(l, h);
        for (uint32_t i = 0; i < b->tx_count; i++)
            bytes += (double)b->txs[i]->seen.storage;
    }
    if (bytes / blocks < 1600 || bytes / blocks > 2400)
        fail_msg("%.0f bytes of storage a block, the target is 5000", bytes / blocks);
    assert_true(price > 200 * GWEI);
    assert_true(calls.tip > 0.5 * price * 128 / 52000); /* two slots a call */
    assert_true(payments.count > 300 && payments.tip == 0);
    fixture_free(&f);
}

/* ---- wallets ---- */

/* Twice what fits. Everybody would pay 200 gwei; half look at what others tip. */
static const char crowd[] = "duration: 20s\n"
                            "drain: 2s\n"
                            "signatures: modelled\n"
                            "network: {latency: {kind: constant, delay: 20ms}}\n"
                            "layers:\n"
                            "  - name: main\n"
                            "    nodes: 3\n"
                            "    consensus: {kind: poa, block_interval: 300ms, wiggle: 20ms}\n"
                            "    fees: {kind: fixed, gas_limit: 630kgas, base_fee: 1gwei}\n"
                            "workload:\n"
                            "  - {kind: transfer, rate: 100/s, accounts: 400, max_fee: 200gwei,\n"
                            "     tip: 'uniform(0.5gwei, 1.5gwei)', wallet: bid}\n"
                            "  - {kind: transfer, rate: 100/s, accounts: 400, max_fee: 200gwei,\n"
                            "     tip: 'uniform(0.5gwei, 1.5gwei)'}\n";

static double share_committed(const struct fixture *f, uint16_t workload)
{
    const struct layer *l = &f->world->layers[0];
    uint64_t in = 0, open = 0;
    for (uint64_t h = 1; h < l->chain->settled; h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++)
            in += fixture_block(l, h)->txs[i]->workload == workload;
    for (const struct tx *tx = f->world->open_txs; tx; tx = tx->next)
        open += tx->workload == workload;
    return (double)in / (double)(in + open);
}

static void test_bidders(void **state)
{
    (void)state;
    struct fixture f = fixture_make(crowd, NULL, 0, 2, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    pools_are_counted(f.world);
    double bidders = share_committed(&f, 0), others = share_committed(&f, 1);
    if (bidders < 0.75 || others > 0.35)
        fail_msg("%.0f %% of the bidders get in, %.0f %% of the others", bidders * 100,
                 others * 100);
    /* Among themselves they all fit: none needs to outbid another for long. */
    struct paid bids = paid_by(&f, 0);
    assert_true(bids.tip >= 1 * GWEI && bids.tip < 20 * GWEI);
    fixture_free(&f);
}

/* A base fee that load drives up. Those that wait never pay more than 3 gwei a gas, and what is not
 * sent is accounted for. */
static const char *const waits[] = {"layers.main.fees={kind: eip1559, gas_limit: 1Mgas}",
                                    "workload[0].max_fee=3gwei", "workload[0].wallet=wait",
                                    "workload[0].patience=4s", "workload[1].stop=10s"};

static void test_waiters(void **state)
{
    (void)state;
    struct fixture f = fixture_make(crowd, waits, 5, 2, NULL);
    fixture_run(&f);
    struct world *w = f.world;
    const struct layer *l = &w->layers[0];
    chain_is_sound(w, l);
    uint64_t late = 0, open = 0;
    for (uint64_t h = 1; h < l->chain->settled; h++) {
        const struct block *b = fixture_block(l, h);
        for (uint32_t i = 0; i < b->tx_count; i++)
            if (b->txs[i]->workload == 0) {
                assert_true(wei_double(&b->fees.base_fee) <= 3 * GWEI);
                late += b->txs[i]->emitted > 12 * SIM_SEC;
            }
    }
    for (const struct tx *tx = w->open_txs; tx; tx = tx->next)
        open++;
    struct world_summary s;
    world_summarise(w, &s);
    assert_true(s.base_fee_max_gwei > 4);
    assert_true(w->tally.gave_up > 50);
    assert_true(late > 100); /* the fee falls again, and they are back */
    assert_int_equal(s.offered, s.committed + s.dropped + s.pending);
    assert_int_equal(s.pending, open + w->tally.waiting);
    assert_int_equal(s.gave_up, w->tally.gave_up);
    assert_int_equal(l->offered, s.offered);
    assert_true(fabs((double)s.offered - 3000) < 250); /* as if nobody had waited */
    fixture_free(&f);
}

/* ---- several layers ---- */

/* One crowded layer and two that are nearly idle. */
static const char layers[] =
    "duration: 20s\n"
    "drain: 2s\n"
    "signatures: modelled\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers:\n"
    "  - {name: a, nodes: 3, consensus: {kind: poa, block_interval: 300ms, wiggle: 20ms},\n"
    "     fees: {kind: global, gas_limit: 1Mgas, initial_base_fee: 20gwei}}\n"
    "  - {name: b, nodes: 3, consensus: {kind: poa, block_interval: 300ms, wiggle: 20ms},\n"
    "     fees: {kind: global, gas_limit: 1Mgas, initial_base_fee: 20gwei}}\n"
    "  - {name: c, nodes: 3, consensus: {kind: poa, block_interval: 600ms, wiggle: 20ms},\n"
    "     fees: {kind: global, gas_limit: 1Mgas, initial_base_fee: 20gwei}}\n"
    "workload:\n"
    "  - {kind: transfer, layer: a, rate: 150/s, accounts: 300, max_fee: 900gwei}\n"
    "  - {kind: transfer, layer: b, rate: 20/s, accounts: 100, max_fee: 900gwei}\n"
    "  - {kind: transfer, layer: c, rate: 10/s, accounts: 100, max_fee: 900gwei}\n";

static double base_fee_at(const struct layer *l, sim_time at)
{
    uint64_t h = 0;
    while (h + 1 < l->chain->settled && fixture_block(l, h + 1)->created <= at)
        h++;
    return wei_double(&fixture_block(l, h)->fees.base_fee);
}

static void test_one_base_fee(void **state)
{
    static const char *const own[] = {"layers.a.fees.kind=eip1559", "layers.b.fees.kind=eip1559",
                                      "layers.c.fees.kind=eip1559"};
    (void)state;
    struct fixture f = fixture_make(layers, NULL, 0, 2, NULL);
    struct fixture apart = fixture_make(layers, own, 3, 2, NULL);
    fixture_run(&f);
    fixture_run(&apart);
    for (sim_time at = SIM_SEC; at < 20 * SIM_SEC; at += SIM_SEC / 2) {
        double a = base_fee_at(&f.world->layers[0], at);
        for (int i = 1; i < 3; i++) {
            double other = base_fee_at(&f.world->layers[i], at);
            if (other < a * 0.75 || other > a / 0.75)
                fail_msg("at %.1f s layer a charges %.3g gwei, layer %d %.3g gwei",
                         (double)at / 1e9, a / GWEI, i, other / GWEI);
        }
    }
    /* Half of what three layers could take at their targets is used: it falls, also for the crowd,
     * for whom it would rise if they were alone. */
    assert_true(base_fee_at(&f.world->layers[0], 20 * SIM_SEC) < 8 * GWEI);
    assert_true(base_fee_at(&apart.world->layers[0], 20 * SIM_SEC) > 40 * GWEI);
    struct mail_totals mail = mail_totals(f.world, LAYER_NONE, LAYER_NONE);
    assert_true(mail.arrived > 200 && mail.arrived <= mail.posted);
    fixture_free(&f);
    fixture_free(&apart);
}

/* ---- one state over two layers ---- */

/* A small layer, too small for the half of the users that hash gives it, and a large one. */
static const char uneven[] =
    "duration: 40s\n"
    "drain: 2s\n"
    "signatures: modelled\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "routing: {policy: hash}\n"
    "layers:\n"
    "  - {name: small, nodes: 4, consensus: {kind: tendermint, block_interval: 300ms},\n"
    "     fees: {kind: eip1559, gas_limit: 300kgas, initial_base_fee: 5gwei,\n"
    "       min_base_fee: 1gwei}}\n"
    "  - {name: large, nodes: 4, consensus: {kind: tendermint, block_interval: 300ms},\n"
    "     fees: {kind: eip1559, gas_limit: 4Mgas, initial_base_fee: 5gwei, min_base_fee: 1gwei}}\n"
    "workload:\n"
    "  - {kind: transfer, rate: 60/s, accounts: 400, max_fee: 900gwei, move_after: 4s}\n";

static uint32_t at_home(const struct world *w, layer_id layer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->desk->directory.accounts.len; i++)
        count += directory_at(&w->desk->directory, i)->home == layer;
    return count;
}

/* Who looks at fees leaves the small layer until its base fee is that of the large one. */
static void test_movers(void **state)
{
    static const char *const moves[] = {"workload[0].wallet=move"};
    (void)state;
    struct fixture stay = fixture_make(uneven, NULL, 0, 2, NULL);
    struct fixture go = fixture_make(uneven, moves, 1, 2, NULL);
    fixture_run(&stay);
    fixture_run(&go);
    assert_true(base_fee_at(&stay.world->layers[0], 40 * SIM_SEC) > 100 * GWEI);
    assert_true(base_fee_at(&go.world->layers[0], 40 * SIM_SEC) < 3 * GWEI);
    assert_int_equal(stay.world->desk->moves_begun, 0);
    const struct world *w = go.world; /* nothing gets lost on the way */
    assert_true(w->desk->moves_done > 40);
    assert_true(w->tally.dropped == 0 && w->tally.latency.len > w->tally.offered * 49 / 50);
    assert_true(at_home(go.world, 0) + 40 < at_home(stay.world, 0));
    assert_true(at_home(go.world, 0) > 40); /* they stop when it is no dearer */
    fixture_free(&stay);
    fixture_free(&go);
}

/* Twice the mail between layers that its target allows: its price rises until half of those who
 * would cross do not, and who stays within a layer pays none of it. */
static void test_cross_price(void **state)
{
    static const char *const sets[] = {
        "duration=60s",
        "layers.small.fees={kind: multidimensional, gas_limit: 8Mgas, "
        "min_base_fee: 1gwei, cross_target: 5KB, cross_fee: 3000gwei}",
        "layers.large.fees={kind: multidimensional, gas_limit: 8Mgas, "
        "min_base_fee: 1gwei, cross_target: 5KB, cross_fee: 3000gwei}",
        "workload[0]={kind: transfer, rate: 300/s, accounts: 20k, max_fee: 'uniform(2gwei, "
        "100gwei)', "
        "wallet: bid}",
        "layers.small.consensus.block_interval=600ms",
        "layers.large.consensus.block_interval=600ms"};
    (void)state;
    struct fixture f = fixture_make(uneven, sets, 6, 2, NULL);
    fixture_run(&f);
    for (int i = 0; i < 2; i++) {
        const struct layer *l = &f.world->layers[i];
        double bytes = 0, blocks = 0, tips[2] = {0}, count[2] = {0};
        uint64_t h = l->chain->settled / 2;
        for (; h < l->chain->settled && fixture_block(l, h)->created < 60 * SIM_SEC; h++, blocks++)
            for (uint32_t k = 0; k < fixture_block(l, h)->tx_count; k++) {
                const struct tx *tx = fixture_block(l, h)->txs[k];
                bytes += tx->cross_bytes;
                tips[tx->cross_bytes > 0] += wei_double(&tx->evm.max_priority_fee);
                count[tx->cross_bytes > 0]++;
            }
        double price = wei_double(&fixture_block(l, h - 1)->fees.table->price[FEE_CROSS]);
        if (bytes / blocks < 3500 || bytes / blocks > 6500)
            fail_msg("%.0f bytes of mail a block at %.3g gwei a byte, the target is 5000",
                     bytes / blocks, price / GWEI);
        assert_true(price > 2000 * GWEI);
        assert_true(count[0] > 3 * blocks && tips[0] / count[0] < 1.01 * GWEI);
        assert_true(tips[1] / count[1] > 15 * GWEI);
    }
    fixture_free(&f);
}

/* ---- the same whatever the host ---- */

static void digest_holds(const char *text, const char *const *sets, size_t count)
{
    char digest[RECORD_DIGEST_SIZE];
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        struct fixture f = fixture_make(text, sets, count, threads, NULL);
        fixture_run(&f);
        if (threads > 1)
            assert_string_equal(f.world->digest, digest);
        memcpy(digest, f.world->digest, sizeof digest);
        fixture_free(&f);
    }
}

static void test_threads(void **state)
{
    static const char *const brief[] = {"duration=8s"};
    const char *const brief_waits[] = {waits[0], waits[1], waits[2], waits[3], "duration=8s"};
    static const char *const brief_moves[] = {"duration=8s", "workload[0].wallet=move",
                                              "workload[0].move_after=1s"};
    (void)state;
    digest_holds(market, brief, 1);
    digest_holds(crowd, brief, 1);
    digest_holds(crowd, brief_waits, 5);
    digest_holds(layers, brief, 1);
    digest_holds(uneven, brief_moves, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot_contract), cmocka_unit_test(test_storage_price),
        cmocka_unit_test(test_bidders),      cmocka_unit_test(test_waiters),
        cmocka_unit_test(test_one_base_fee), cmocka_unit_test(test_movers),
        cmocka_unit_test(test_cross_price),  cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
