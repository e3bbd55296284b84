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

/* Keys are hashes: 64 bits of one find it, the rest confirms. */
static uint64_t short_key(const struct evm_hash *key)
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | key->b[i];
    return x;
}

static struct block *find(const struct chain *c, const struct evm_hash *key)
{
    uint64_t at;
    if (!map_get(&c->ordered_at, short_key(key), &at))
        return NULL;
    const struct ordered *o = vec_at(&c->ordered, at - c->ordered_gone);
    CHECK(evm_hash_eq(&o->key, key), "two orders of one key: %llx",
          (unsigned long long)short_key(key));
    return o->block;
}

static bool keep(struct chain *c, const struct ordered *entry)
{
    uint64_t at = c->ordered_gone + c->ordered.len;
    return map_put(&c->ordered_at, short_key(&entry->key), at) == ERR_OK &&
           vec_push(&c->ordered, entry) == ERR_OK;
}

/* Lets go of the oldest ones that every node has committed; now and then, so that it costs little
 * for each. */
static void prune(struct chain *c)
{
    enum { EVERY = 64 };
    struct ordered *all = c->ordered.data;
    size_t gone = 0;
    if (c->ordered.len % EVERY)
        return;
    while (gone < c->ordered.len && all[gone].block->track->finals == c->count) {
        map_del(&c->ordered_at, short_key(&all[gone].key));
        block_unref(all[gone++].block);
    }
    for (size_t i = gone; i < c->ordered.len; i++)
        all[i - gone] = all[i];
    c->ordered.len -= gone;
    c->ordered_gone += gone;
}

/* ---- whose turn it is, sender by sender ---- */

/* What has been ordered of one sender. */
struct turn {
    struct evm_addr sender;
    uint64_t nonce;         /* the next one */
    uint64_t height;        /* of ... */
    const struct block *at; /* ... the last block that holds one of its; compared only */
};

/* The nonce that a sender begins with: nothing of it has been ordered, so any state tells. */
static uint64_t first_nonce(const struct layer *l, const struct evm_addr *sender)
{
    struct evm_account account;
    evm_state_account(execution_wait(l->flattened->execution)->state, sender, &account);
    return account.nonce;
}

static struct turn *turn_of(struct layer *l, const struct evm_addr *sender)
{
    uint64_t key = 0, at;
    for (int i = 0; i < 8; i++)
        key = key << 8 | sender->b[i];
    for (; map_get(&l->turn_at, key, &at); key++) { /* two that begin alike: the next key */
        struct turn *t = vec_at(&l->turns, at);
        if (evm_addr_eq(&t->sender, sender))
            return t;
    }
    struct turn new = {.sender = *sender, .nonce = first_nonce(l, sender)};
    if (map_put(&l->turn_at, key, l->turns.len) != ERR_OK || vec_push(&l->turns, &new) != ERR_OK)
        return NULL;
    return vec_at(&l->turns, l->turns.len - 1);
}

/* An order that is not that of the chain up to b's parent, as after broken safety: what the chain
 * itself holds tells, as far back as it goes. */
static void turn_back(struct layer *l, struct turn *t, const struct block *b)
{
    l->turned_back = true;
    t->at = NULL;
    t->nonce = first_nonce(l, &t->sender);
    for (const struct block *on = b->parent; on && !t->at; on = on->parent)
        for (uint32_t i = 0; on->layer == l->id && i < on->tx_count; i++)
            if (evm_addr_eq(&on->txs[i]->evm.sender, &t->sender)) {
                t->nonce = on->txs[i]->evm.nonce + 1;
                t->at = on;
                t->height = on->height;
            }
}

/* Whether t holds for the chain up to b's parent, and what b took so far. */
static bool on_chain(const struct layer *l, struct block *b, const struct turn *t)
{
    if (t->at == b)
        return true;
    if (!t->at) /* nothing was ordered; on this branch, once there are several */
        return !l->turned_back;
    if (t->height >= b->height)
        return false;
    const struct block *on = block_ancestor(b->parent, t->height);
    return !on || on == t->at; /* NULL: so long ago that finality cut it off */
}

/* Whether b takes tx next: its sender's nonces go without gaps, it pays the fees, and there is
 * room. What is left out stays in the pools, and so does what its sender sent after it. */
static bool takes(struct layer *l, struct block *b, const struct tx *tx, uint64_t *gas, bool *ok)
{
    *ok = true;
    if (tx->layer != l->id) /* where one chain orders for all, a block is its proposer's layer's */
        return false;
    struct turn *t = turn_of(l, &tx->evm.sender);
    *ok = t != NULL;
    if (!t)
        return false;
    if (!on_chain(l, b, t))
        turn_back(l, t, b);
    struct evm_u256 tip;
    if (tx->evm.nonce != t->nonce || tx->evm.gas_limit > *gas ||
        !l->fees->tip(l->fees_state, &b->fees, tx, &tip))
        return false;
    *gas -= tx->evm.gas_limit;
    t->nonce++;
    t->at = b;
    t->height = b->height;
    return true;
}

static bool take_batches(struct layer *l, struct block *b, struct block *const *batches,
                         uint32_t count)
{
    size_t room = 0;
    uint64_t gas = b->fees.gas_limit;
    sim_time noted = -1;
    for (uint32_t i = 0; i < count; i++)
        room += batches[i]->tx_count;
    b->txs = mem_alloc(room, sizeof *b->txs);
    if (!b->txs)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(batches[i]->batch, "a block of height %llu among batches",
              (unsigned long long)batches[i]->height);
        if (batches[i]->created > b->created)
            chain_date(b, batches[i]->created);
        if (batches[i]->created > noted) { /* as its proposer had heard, not who orders it */
            noted = batches[i]->created;
            b->note = batches[i]->note;
        }
        for (uint32_t t = 0; t < batches[i]->tx_count; t++) {
            bool ok;
            if (takes(l, b, batches[i]->txs[t], &gas, &ok))
                b->txs[b->tx_count++] = tx_ref(batches[i]->txs[t]);
            if (!ok)
                return false;
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
    if (!take_batches(l, b, batches, count)) {
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
    struct layer *l = layer_of(w, proposer);
    struct ordered entry;
    if (!key_of(parent, batches, count, round, proposer, &entry.key)) {
        world_out_of_memory(w);
        return NULL;
    }
    entry.block = find(l->chain, &entry.key);
    if (!entry.block) {
        prune(l->chain);
        entry.block = make(w, l, parent, batches, count, round, proposer);
        if (!entry.block || !keep(l->chain, &entry)) {
            block_unref(entry.block);
            world_out_of_memory(w);
            return NULL;
        }
        chain_publish(w, entry.block);
    }
    chain_made(w, node, entry.block);
    post_connect(w, node, entry.block);
    return entry.block;
}

void order_fini(struct chain *c)
{
    for (size_t i = 0; i < c->ordered.len; i++)
        block_unref(((struct ordered *)vec_at(&c->ordered, i))->block);
    vec_fini(&c->ordered);
    map_fini(&c->ordered_at);
}

void order_init(struct chain *c)
{
    vec_init(&c->ordered, sizeof(struct ordered));
}

void order_layer_fini(struct layer *l)
{
    vec_fini(&l->turns);
    map_fini(&l->turn_at);
}

void order_layer_init(struct layer *l)
{
    vec_init(&l->turns, sizeof(struct turn));
}
