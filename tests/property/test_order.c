/* Blocks made of batches (models/world/order.c): equal for equal orders, each transaction once,
 * each sender's nonces without gaps, on any branch. */
#include "tests/property/world_checks.h"

static const char text[] = "duration: 2s\n"
                           "drain: 2s\n"
                           "network: {latency: {kind: constant, delay: 20ms}}\n"
                           "layers:\n"
                           "  - name: main\n"
                           "    nodes: 4\n"
                           "    consensus: {kind: bullshark, min_delay: 100ms, max_delay: 200ms}\n"
                           "    execution: {kind: serial, coupling: execute-after-order}\n"
                           "workload:\n"
                           "  - {kind: transfer, rate: 60/s, accounts: 12}\n";

/* A batch of the committed transactions for which `take` says so, in their order. */
static struct block *batch_of(struct fixture *f, bool (*take)(const struct tx *tx))
{
    struct layer *l = &f->world->layers[0];
    struct build_request request = {.parent = l->chain->genesis, .difficulty = 1, .batch = true};
    struct block *b = chain_block(f->world, l, 1, &request, &l->chain->genesis->track->next);
    b->txs = mem_zalloc(l->committed_txs, sizeof *b->txs);
    for (uint64_t h = 1; h < l->chain->settled; h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++)
            if (take(fixture_block(l, h)->txs[i]))
                b->txs[b->tx_count++] = tx_ref(fixture_block(l, h)->txs[i]);
    assert_int_equal(chain_seal(f->world, l, b, NULL), EVM_OK);
    return b;
}

static bool all(const struct tx *tx)
{
    return tx != NULL;
}

static bool late(const struct tx *tx)
{
    return tx->evm.nonce >= 2;
}

static bool without_second(const struct tx *tx)
{
    return tx->evm.nonce != 1;
}

static uint32_t count_nonce(const struct block *b, uint64_t nonce)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        count += b->txs[i]->evm.nonce == nonce;
    return count;
}

/* All on a branch beside the chain that the run made, where senders begin anew. */
static void test_order(void **state)
{
    (void)state;
    struct fixture f = fixture_make(text, NULL, 0, 1, NULL);
    fixture_run(&f);
    struct world *w = f.world;
    struct layer *l = &w->layers[0];
    assert_int_equal(l->committed_txs, l->offered);
    assert_ptr_equal(l->flattened, l->chain->genesis); /* short enough that nothing was folded */
    struct block *whole = batch_of(&f, all), *rest = batch_of(&f, late),
                 *gaps = batch_of(&f, without_second), *genesis = l->chain->genesis;
    uint32_t n = whole->tx_count;
    assert_true(n == l->committed_txs && rest->tx_count > 20);

    struct block *twice[] = {whole, whole}, *parts[] = {rest, gaps, whole};
    struct block *one = order_block(w, 0, genesis, twice, 1, 1000, 2);
    assert_int_equal(one->tx_count, n);
    for (uint32_t i = 0; i < n; i++)
        assert_ptr_equal(one->txs[i], whole->txs[i]);
    assert_ptr_equal(order_block(w, 3, genesis, twice, 1, 1000, 2), one);
    assert_true(track_get(l->chain, one, TRACK_HAS, 0) && track_get(l->chain, one, TRACK_HAS, 3) &&
                !track_get(l->chain, one, TRACK_HAS, 1));
    struct block *other = order_block(w, 1, genesis, twice, 2, 1001, 2);
    assert_true(other != one && other->tx_count == n); /* each once */

    /* On top of it nothing is left; beside it everything. */
    assert_int_equal(order_block(w, 1, one, twice, 1, 1002, 2)->tx_count, 0);
    assert_int_equal(order_block(w, 1, genesis, twice, 1, 1003, 2)->tx_count, n);

    /* Who comes before its predecessor is left out; the gap in the second batch lets through what
     * is before it, and the third brings all the rest. */
    assert_int_equal(order_block(w, 1, genesis, parts, 1, 1004, 2)->tx_count, 0);
    struct block *first = order_block(w, 1, genesis, parts, 2, 1005, 2);
    assert_int_equal(first->tx_count, count_nonce(whole, 0));
    assert_int_equal(first->tx_count, count_nonce(first, 0));
    assert_int_equal(order_block(w, 1, genesis, parts, 3, 1006, 2)->tx_count, n);
    assert_int_equal(order_block(w, 1, first, parts + 2, 1, 1007, 2)->tx_count,
                     n - first->tx_count);
    block_unref(whole);
    block_unref(rest);
    block_unref(gaps);
    fixture_free(&f);
}

/* A block that is too small for all takes of each sender what comes first. */
static void test_room(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.fees={kind: fixed, gas_limit: 480kgas}"};
    struct fixture f = fixture_make(text, sets, 1, 1, NULL);
    fixture_run(&f);
    struct world *w = f.world;
    struct layer *l = &w->layers[0];
    assert_ptr_equal(l->flattened, l->chain->genesis);
    struct block *whole = batch_of(&f, all), *parent = l->chain->genesis;
    uint32_t ordered = 0, blocks = 0;
    while (ordered < whole->tx_count && blocks < 100) {
        parent = order_block(w, 1, parent, &whole, 1, 2000 + blocks++, 2);
        assert_true(parent->tx_count > 0 && parent->tx_count <= 480000 / 21000);
        ordered += parent->tx_count;
    }
    assert_int_equal(ordered, whole->tx_count);
    assert_true(blocks >= (whole->tx_count + 21) / 22);
    block_unref(whole);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
