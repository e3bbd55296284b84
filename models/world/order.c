/* Blocks that are made of batches: a protocol agrees on an order of them, and every node that gets
 * there asks for the block that follows from it. The first one to ask has it made; for the others
 * it is found again by a hash of what was asked for. */
#include "models/world/internal.h"

#include "evm/core/keccak.h"
#include "sim/base/check.h"

static bool key_of(const struct block *parent, struct block *const *batches, uint32_t count,
                   uint64_t round, node_id proposer, struct evm_hash *out)
{
    struct evm_hash *all = mem_zalloc((size_t)count + 2, sizeof *all);
    if (!all)
        return false;
    all[0] = parent->hash;
    for (int i = 0; i < 8; i++)
        all[1].b[i] = (uint8_t)(round >> (8 * i));
    for (int i = 0; i < 4; i++)
        all[1].b[8 + i] = (uint8_t)(proposer >> (8 * i));
    for (uint32_t i = 0; i < count; i++)
        all[2 + i] = batches[i]->hash;
    evm_keccak256(out, (struct evm_bytes){all[0].b, ((size_t)count + 2) * sizeof *all});
    mem_free(all);
    return true;
}

/* Nodes ask for the latest ones, so it is near the end. */
static struct block *find(const struct chain *c, const struct evm_hash *key)
{
    for (size_t i = c->ordered.len; i-- > 0;) {
        const struct ordered *o = vec_at(&c->ordered, i);
        if (evm_hash_eq(&o->key, key))
            return o->block;
    }
    return NULL;
}

/* Lets go of those that every node has committed. */
static void prune(struct chain *c)
{
    struct ordered *all = c->ordered.data;
    size_t kept = 0;
    for (size_t i = 0; i < c->ordered.len; i++) {
        if (all[i].block->track->finals < c->count)
            all[kept++] = all[i];
        else
            block_unref(all[i].block);
    }
    c->ordered.len = kept;
}

/* Whether the chain up to parent holds tx. */
static bool held(struct block *parent, const struct tx *tx)
{
    if (!tx->ordered_height || tx->ordered_height > parent->height)
        return false;
    const struct block *on = block_ancestor(parent, tx->ordered_height);
    return !on || on == tx->ordered; /* NULL: so long ago that finality cut it off */
}

static bool take_batches(struct block *b, struct block *const *batches, uint32_t count)
{
    size_t room = 0;
    uint64_t gas = b->fees.gas_limit;
    for (uint32_t i = 0; i < count; i++)
        room += batches[i]->tx_count;
    b->txs = mem_alloc(room, sizeof *b->txs);
    if (!b->txs)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (batches[i]->created > b->created)
            chain_date(b, batches[i]->created);
        for (uint32_t t = 0; t < batches[i]->tx_count; t++) {
            struct tx *tx = batches[i]->txs[t];
            if (tx->ordered == b || held(b->parent, tx) || tx->evm.gas_limit > gas)
                continue;
            gas -= tx->evm.gas_limit;
            tx->ordered = b;
            tx->ordered_height = b->height;
            b->txs[b->tx_count++] = tx_ref(tx);
        }
    }
    return true;
}

static struct block *make(struct world *w, struct layer *l, struct block *parent,
                          struct block *const *batches, uint32_t count, uint64_t round,
                          node_id proposer)
{
    struct build_request request = {.parent = parent, .round = round, .difficulty = 1};
    struct block *b = chain_block(w, l, proposer, &request, &parent->track->next);
    if (!b)
        return NULL;
    chain_date(b, parent->created);
    if (!take_batches(b, batches, count)) {
        block_unref(b);
        return NULL;
    }
    const struct execution_result *r = cores_root(w, b);
    b->track->built = true;
    b->track->got = 0;
    chain_execute(w, l, b);
    if (chain_seal(w, l, b, r) != EVM_OK) {
        block_unref(b);
        return NULL;
    }
    return b;
}

struct block *order_block(struct world *w, node_id node, struct block *parent,
                          struct block *const *batches, uint32_t count, uint64_t round,
                          node_id proposer)
{
    struct layer *l = layer_of(w, node);
    struct ordered entry;
    if (!key_of(parent, batches, count, round, proposer, &entry.key)) {
        world_out_of_memory(w);
        return NULL;
    }
    entry.block = find(l->chain, &entry.key);
    if (!entry.block) {
        prune(l->chain);
        entry.block = make(w, l, parent, batches, count, round, proposer);
        if (!entry.block || vec_push(&l->chain->ordered, &entry) != ERR_OK) {
            block_unref(entry.block);
            world_out_of_memory(w);
            return NULL;
        }
        chain_publish(w, entry.block);
    }
    chain_got(w, node, entry.block);
    post_connect(w, node, entry.block);
    return entry.block;
}

void order_fini(struct chain *c)
{
    for (size_t i = 0; i < c->ordered.len; i++)
        block_unref(((struct ordered *)vec_at(&c->ordered, i))->block);
    vec_fini(&c->ordered);
}
