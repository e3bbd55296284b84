/* Small scenarios, and what must hold after each run of one. */
#ifndef TESTS_PROPERTY_WORLD_CHECKS_H
#define TESTS_PROPERTY_WORLD_CHECKS_H

#include "tests/property/world_fixture.h"

/* Quick blocks, few accounts (so that transactions conflict), two kinds of load. */
static const char tendermint[] = "duration: 4s\n"
                                 "drain: 4s\n"
                                 "network: {latency: {kind: constant, delay: 30ms}}\n"
                                 "layers:\n"
                                 "  - name: main\n"
                                 "    nodes: 7\n"
                                 "    consensus: {kind: tendermint, block_interval: 250ms,\n"
                                 "      propose_timeout: 600ms, prevote_timeout: 200ms,\n"
                                 "      precommit_timeout: 200ms, resend: 2s}\n"
                                 "    execution: {kind: block-stm, cores: 4}\n"
                                 "workload:\n"
                                 "  - {kind: erc20, rate: 60/s, accounts: 20}\n"
                                 "  - {kind: transfer, rate: 40/s, accounts: 30}\n";

static const char poa[] = "duration: 6s\n"
                          "drain: 4s\n"
                          "network: {latency: {kind: constant, delay: 40ms}}\n"
                          "layers:\n"
                          "  - name: main\n"
                          "    nodes: 5\n"
                          "    consensus: {kind: poa, block_interval: 300ms, wiggle: 20ms}\n"
                          "    execution: {kind: serial, cores: 1}\n"
                          "workload:\n"
                          "  - {kind: transfer, rate: 60/s, accounts: 25}\n";

static const char after_order[] = "layers.main.execution.coupling=execute-after-order";

static inline int by_sender(const void *a, const void *b)
{
    const struct evm_tx *x = *(const struct evm_tx *const *)a,
                        *y = *(const struct evm_tx *const *)b;
    int order = memcmp(x->sender.b, y->sender.b, sizeof x->sender.b);
    return order ? order : (x->nonce > y->nonce) - (x->nonce < y->nonce);
}

/* Over the committed chain, each sender's nonces are 0, 1, 2, ... in the order of blocks. */
static inline void nonces_are_contiguous(const struct layer *l)
{
    size_t count = 0, n = 0;
    for (uint64_t h = 1; h < l->chain->settled; h++)
        count += fixture_block(l, h)->tx_count;
    assert_true(count > 0);
    const struct evm_tx **all = calloc(count, sizeof *all);
    for (uint64_t h = 1; h < l->chain->settled; h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++)
            all[n++] = &fixture_block(l, h)->txs[i]->evm;
    qsort(all, n, sizeof *all, by_sender);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && evm_addr_eq(&all[i]->sender, &all[i - 1]->sender);
        if (all[i]->nonce != (same ? all[i - 1]->nonce + 1 : 0))
            fail_msg("nonce %llu of a sender comes after %llu", (unsigned long long)all[i]->nonce,
                     same ? (unsigned long long)all[i - 1]->nonce : 0);
    }
    free(all);
}

static inline void chain_is_sound(const struct world *w, const struct layer *l)
{
    assert_int_equal(w->violations, 0);
    for (uint64_t h = 1; h < l->chain->committed.len; h++) {
        struct block *b = fixture_block(l, h), *parent = fixture_block(l, h - 1);
        assert_ptr_equal(b->parent, parent);
        assert_memory_equal(&b->parent_hash, &parent->hash, sizeof b->parent_hash);
        assert_true(b->created >= parent->created);
        assert_true(b->env.timestamp >= parent->env.timestamp);
        assert_true(b->track->committed >= b->created);
        assert_true(b->header_gas_used <= b->fees.gas_limit);
        for (uint32_t i = 0; i < b->tx_count; i++) {
            const struct tx *tx = b->txs[i];
            assert_true(tx->emitted <= tx->pooled && tx->pooled <= b->created);
            if (h < l->chain->settled)
                assert_true(tx->phase == TX_COMMITTED && tx->height == h &&
                            (tx->skipped || tx->committed >= b->created));
        }
    }
    for (node_id i = l->first; i < l->first + l->count; i++) {
        struct block *final = w->nodes[i].final;
        assert_ptr_equal(final, fixture_block(l, final->height));
    }
}

/* Each open transaction is in pools that count it, or among the fallen, once. */
static inline void pools_are_counted(struct world *w)
{
    const struct layer *l = &w->layers[0];
    uint64_t held = 0, counted = 0, open = 0;
    for (node_id i = 0; i < l->count; i++) {
        const struct node *n = &w->nodes[i];
        uint32_t count = 0;
        uint64_t bytes = 0;
        l->mempool->size(l->mempool_states + i * l->mempool_stride, &count, &bytes);
        assert_true(n->up || count == 0);
        held += count;
    }
    for (const struct tx *tx = w->open_txs; tx; tx = tx->next) {
        counted += tx->pools;
        open++;
    }
    assert_true(counted <= held); /* a lagging pool may still hold what is committed */
    assert_int_equal(l->offered, l->committed_txs + l->dropped + open);
    struct world_summary s;
    world_summarise(w, &s);
    assert_int_equal(s.offered, s.committed + s.dropped + s.pending);
}

#endif
