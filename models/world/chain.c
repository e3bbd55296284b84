/* Blocks: made, sealed, executed on the host, and who has them. */
#include "models/world/internal.h"

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

/* Simulated chains begin on 2025-01-01; a header's timestamp is whole seconds after it. */
#define GENESIS_TIME UINT64_C(1735689600)

enum {
    EXTRA_BYTES = 81, /* extraData: round 8, proposer 8, seal 65 */
    OPS_BYTES = 32,   /* then, where there are any, the ops' root */
    NOTE_BYTES = 48,  /* and where fees ask for notes: gas used 8, target 8, base fee 32 */
    EXTRA_MOST = EXTRA_BYTES + OPS_BYTES + NOTE_BYTES,
};

/* ---- who has it ---- */

static size_t track_words(const struct chain *c)
{
    return ((size_t)c->count + 63) / 64;
}

bool track_get(const struct chain *c, const struct block *b, enum track_bit bit, node_id node)
{
    uint32_t i = node - c->first;
    return b->track->words[bit * track_words(c) + i / 64] >> (i % 64) & 1;
}

bool track_set(const struct chain *c, struct block *b, enum track_bit bit, node_id node)
{
    uint32_t i = node - c->first;
    uint64_t *word = &b->track->words[bit * track_words(c) + i / 64], mask = UINT64_C(1)
                                                                             << (i % 64);
    if (*word & mask)
        return false;
    *word |= mask;
    return true;
}

struct block *chain_latest(const struct layer *l, struct block *b)
{
    while (b && b->layer != l->id)
        b = b->parent;
    return b ? b : l->base;
}

struct block *chain_before(const struct world *w, const struct block *b)
{
    const struct layer *l = &w->layers[b->layer];
    struct block *before = chain_latest(l, b->parent);
    return before && before->height < b->height ? before : NULL;
}

/* ---- making a block ---- */

void chain_beneficiary(node_id node, struct evm_addr *out)
{
    struct evm_hash hash;
    uint8_t text[16] = "weft node ";
    for (int i = 0; i < 4; i++)
        text[12 + i] = (uint8_t)(node >> (24 - 8 * i));
    evm_keccak256(&hash, (struct evm_bytes){text, sizeof text});
    memcpy(out->b, hash.b + 12, sizeof out->b);
}

void chain_date(struct block *b, sim_time created)
{
    b->created = created;
    b->env.timestamp = GENESIS_TIME + (uint64_t)(created / SIM_SEC);
}

struct block *chain_block(struct world *w, struct layer *l, node_id proposer,
                          const struct build_request *request, const struct block_fees *fees)
{
    struct block *parent = request->parent;
    struct block *b = mem_zalloc(1, sizeof *b);
    struct block_track *t =
        b ? mem_zalloc(1, sizeof *t + TRACK_BITS * track_words(l->chain) * sizeof(uint64_t)) : NULL;
    if (!t) {
        mem_free(b);
        return NULL;
    }
    t->first_received = t->median_received = RECORD_NEVER;
    t->most_received = t->nearly_received = t->last_received = RECORD_NEVER;
    t->last_spread = RECORD_NEVER;
    t->median_executed = t->committed = t->speculated = RECORD_NEVER;
    t->final_quorum = t->final_last = RECORD_NEVER;
    t->status = RECORD_BLOCK_STATUS_UNDECIDED;
    b->refs = 1;
    b->track = t;
    b->layer = l->id;
    b->proposer = proposer;
    chain_date(b, sim_now(w->sim));
    b->round = request->round;
    b->difficulty = request->difficulty;
    b->fees = *fees;
    fee_table_ref(b->fees.table);
    if (l->fees->reports && parent)
        b->note = fees_heard(l);
    b->batch = request->batch;
    if (request->uncle_count) {
        CHECK(request->uncle_count <= BUILD_UNCLES_MAX, "%u uncles", request->uncle_count);
        b->uncles = mem_alloc(request->uncle_count, sizeof(struct block *));
        for (uint32_t i = 0; b->uncles && i < request->uncle_count; i++)
            b->uncles[b->uncle_count++] = block_ref(request->uncles[i]);
    }
    if (request->seal)
        b->seal = block_seal_ref(request->seal);
    if (parent && !b->batch) {
        b->parent = block_ref(parent);
        b->parent_hash = parent->hash;
        b->height = parent->height + 1;
        b->total_difficulty = parent->total_difficulty + request->difficulty;
    }
    struct evm_block_env *env = &b->env;
    env->number = b->height;
    env->gas_limit = fees->gas_limit;
    env->chain_id = w->cfg->chain_id;
    env->base_fee = fees->base_fee;
    env->blob_base_fee = fees->blob_base_fee;
    env->excess_blob_gas = fees->excess_blob_gas;
    if (proposer != NODE_NONE)
        chain_beneficiary(proposer, &env->coinbase);
    evm_keccak256(&env->prev_randao, (struct evm_bytes){b->parent_hash.b, 32});
    env->parent_beacon_root = b->parent_hash;
    return b;
}

static void put_u64(uint8_t *out, uint64_t x)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(x >> (56 - 8 * i));
}

/* sha256(""): the hash of no requests (EIP-7685) */
static const struct evm_hash no_requests = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                             0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                             0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                             0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

static void header_of(const struct world *w, const struct block *b,
                      const struct execution_result *result, uint8_t extra[EXTRA_MOST],
                      struct evm_header *h)
{
    size_t size = EXTRA_BYTES;
    memset(extra, 0, EXTRA_MOST);
    put_u64(extra, b->round);
    put_u64(extra + 8, b->proposer);
    if (b->seal)
        memcpy(extra + 16, b->seal->hash.b, sizeof b->seal->hash.b);
    extra[EXTRA_BYTES - 1] = b->instance;
    if (b->op_count) {
        struct evm_hash ops;
        ops_root(b->ops, b->op_count, &ops);
        memcpy(extra + size, ops.b, OPS_BYTES);
        size += OPS_BYTES;
    }
    if (w->layers[b->layer].fees->reports) {
        put_u64(extra + size, b->note.gas_used);
        put_u64(extra + size + 8, b->note.gas_target);
        evm_u256_store_be(extra + size + 16, &b->note.base_fee);
        size += NOTE_BYTES;
    }
    *h = (struct evm_header){
        .parent_hash = b->parent_hash,
        .uncles_hash = evm_no_uncles_hash,
        .state_root = b->state_root,
        .transactions_root = b->transactions_root,
        .receipts_root = b->receipts_root,
        .coinbase = b->env.coinbase,
        .number = b->height,
        .gas_limit = b->fees.gas_limit,
        .gas_used = b->header_gas_used,
        .timestamp = b->env.timestamp,
        .extra = {extra, size},
        .mix_hash = b->env.prev_randao,
        .has_base_fee = true,
        .base_fee = b->fees.base_fee,
        .has_withdrawals_root = w->rules->fork >= EVM_SHANGHAI,
        .withdrawals_root = evm_empty_trie_root,
        .has_blob_gas = w->rules->fork >= EVM_CANCUN,
        .excess_blob_gas = b->fees.excess_blob_gas,
        .parent_beacon_root = b->parent_hash,
        .has_requests_hash = w->rules->fork >= EVM_PRAGUE,
        .requests_hash = no_requests,
    };
    h->difficulty.w[0] = w->rules->fork >= EVM_PARIS ? 0 : b->difficulty;
    if (!result)
        return;
    h->bloom = result->bloom;
    h->has_access_list_hash = w->layers[b->layer].with_list;
    h->access_list_hash = result->list_hash;
}

/* Opaque bytes bring a block up to the size that the scenario wants. */
static uint32_t filled_up(struct layer *l, const struct block *b, size_t size)
{
    double least = b->height > 0 || b->batch ? sim_dist_sample(&l->cfg->block_size, &l->sizes) : 0;
    return least > (double)size ? (uint32_t)(least < 4e9 ? least : 4e9) : (uint32_t)size;
}

static size_t ops_size(const struct block *b)
{
    size_t size = 0;
    for (uint32_t i = 0; i < b->op_count; i++)
        size += b->ops[i]->item.size;
    return size;
}

enum evm_status chain_seal(struct world *w, struct layer *l, struct block *b,
                           const struct execution_result *result)
{
    const struct evm_tx **txs = mem_alloc(b->tx_count, sizeof *txs);
    if (!txs)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < b->tx_count; i++)
        txs[i] = &b->txs[i]->evm;
    enum evm_status status = evm_transactions_root(txs, b->tx_count, &b->transactions_root);
    uint8_t extra[EXTRA_MOST], uncle_extra[BUILD_UNCLES_MAX][EXTRA_MOST];
    struct evm_header uncles[BUILD_UNCLES_MAX];
    struct evm_block whole = {.txs = txs,
                              .tx_count = b->tx_count,
                              .uncles = uncles,
                              .uncle_count = b->uncle_count,
                              .has_withdrawals = w->rules->fork >= EVM_SHANGHAI};
    for (uint32_t i = 0; i < b->uncle_count; i++)
        header_of(w, b->uncles[i], NULL, uncle_extra[i], &uncles[i]);
    header_of(w, b, result, extra, &whole.header);
    if (status == EVM_OK && b->uncle_count)
        status = evm_uncles_hash(&whole, &whole.header.uncles_hash);
    if (status == EVM_OK)
        status = evm_header_hash(&whole.header, &b->hash);
    b->size = filled_up(l, b,
                        evm_block_size(&whole) + (result ? result->list_size : 0) +
                            (b->seal ? b->seal->size : 0) + ops_size(b));
    mem_free(txs);
    return status == EVM_OK ? fees_follow(w, l, b, result) : status;
}

enum err_code chain_genesis(struct world *w, struct layer *l, struct evm_state *state,
                            struct holdings *held, struct err *err)
{
    struct block_fees fees = {0};
    struct fees_parent none = {0};
    l->fees->next(l->fees_state, &none, &fees);
    struct build_request request = {.difficulty = 1};
    struct block *b = fees.failed ? NULL : chain_block(w, l, NODE_NONE, &request, &fees);
    fee_table_unref(fees.table);
    if (!b) {
        evm_state_unref(state);
        holdings_unref(held);
        return err_set(err, ERR_MEMORY, "no memory for a genesis block");
    }
    l->genesis = b;
    l->base = block_ref(b);
    l->flattened = block_ref(b);
    b->execution = execution_genesis(l->service, state, held);
    if (!b->execution) {
        holdings_unref(held);
        evm_state_unref(state);
        return err_set(err, ERR_MEMORY, "no memory for the genesis state");
    }
    b->state_root = execution_wait(b->execution)->state_root;
    b->receipts_root = evm_empty_trie_root;
    struct chain *c = l->chain;
    memset(b->track->words, 0xff, TRACK_BITS * track_words(c) * sizeof(uint64_t));
    b->track->got = b->track->finals = c->count;
    b->track->executed = l->count;
    b->track->fate_known = b->track->settled = b->track->written = true;
    b->track->status = RECORD_BLOCK_STATUS_CANONICAL;
    if (chain_seal(w, l, b, NULL) != EVM_OK)
        return err_set(err, ERR_MEMORY, "no memory for a genesis block");
    if (l->id != c->first_layer)
        return ERR_OK;
    c->genesis = block_ref(b);
    c->stall.fewest = UINT32_MAX; /* none is known to be down */
    struct committed first = {block_ref(b), b->hash};
    c->settled = 1;
    return vec_push(&c->committed, &first);
}

/* ---- executing it on the host ---- */

/* The hashes that BLOCKHASH may ask for. */
size_t chain_hashes(const struct block *b, uint64_t numbers[256], struct evm_hash hashes[256])
{
    size_t count = 0;
    for (const struct block *p = b->parent; p && count < 256; p = p->parent, count++) {
        numbers[count] = p->height;
        hashes[count] = p->hash;
    }
    return count;
}

static bool start_execution(struct world *w, struct layer *l, struct block *b)
{
    uint64_t numbers[256];
    struct evm_hash hashes[256];
    struct evm_block_hashes known = {numbers, hashes, chain_hashes(b, numbers, hashes)};
    bool keep = w->cfg->record.schedules > 0 && b->tx_count > 0 &&
                l->schedules_kept < w->cfg->record.schedules &&
                b->created >= w->cfg->warm_up + (w->cfg->duration - w->cfg->warm_up) *
                                                    (sim_time)(l->schedules_kept * 2 + 1) /
                                                    (sim_time)(w->cfg->record.schedules * 2);
    b->track->keep_schedule = keep;
    enum evm_invalid_policy policy =
        l->after_order || !b->track->built ? EVM_INVALID_IS_SKIPPED : EVM_INVALID_REJECTS_BLOCK;
    struct execution_input in = {.env = &b->env,
                                 .txs = b->txs,
                                 .tx_count = b->tx_count,
                                 .ops = b->ops,
                                 .op_count = b->op_count,
                                 .hashes = &known,
                                 .policy = policy,
                                 .keep_schedule = keep};
    b->execution = execution_start(l->service, chain_before(w, b)->execution, &in);
    return b->execution != NULL;
}

/* Ancestors first: the oldest one without an execution stands on one that has it. */
bool chain_execute(struct world *w, struct layer *l, struct block *b)
{
    while (!b->execution) {
        struct block *oldest = b, *before = chain_before(w, b);
        while (before && !before->execution) {
            oldest = before;
            before = chain_before(w, oldest);
        }
        if (!before || !start_execution(w, l, oldest))
            return false;
    }
    return true;
}

/* ---- what nodes do with it ---- */

void chain_decide(struct world *w, struct block *b, unsigned status)
{
    if (b->track->fate_known)
        return;
    b->track->fate_known = true;
    b->track->status = (uint8_t)status;
    if (status != RECORD_BLOCK_STATUS_STALE)
        return;
    w->layers[b->layer].stale++;
    block_bury(b);
}

void chain_built(struct world *w, struct block *b)
{
    struct chain *c = w->layers[b->layer].chain;
    b->track->built = true;
    track_set(c, b, TRACK_GOT, b->proposer);
    track_set(c, b, TRACK_HAS, b->proposer);
    b->track->got = 1;
    if (b->batch)
        return;
    if (vec_push(&c->hidden, &b) == ERR_OK)
        block_ref(b);
    else
        world_out_of_memory(w);
}

void chain_publish(struct world *w, struct block *b)
{
    struct chain *c = w->layers[b->layer].chain;
    if (b->track->published)
        return;
    b->track->published = true;
    if (b->batch)
        return;
    if (vec_push(&c->open, &b) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    block_ref(b);
    w->nodes[b->proposer].proposed++;
    if (b->height < c->committed.len)
        chain_decide(w, b, RECORD_BLOCK_STATUS_STALE);
}

static bool count_got(struct world *w, node_id node, struct block *b, bool fetched)
{
    const struct chain *c = chain_of(w, node);
    if (!track_set(c, b, TRACK_GOT, node))
        return false;
    struct block_track *t = b->track;
    sim_time now = sim_now(w->sim);
    if (b->instance) /* of a second life: one of the run's once somebody else hears of it */
        chain_publish(w, b);
    t->got++;
    if (t->got == 2)
        t->first_received = now;
    if (t->got == (c->count + 1) / 2 ||
        (t->got == 2 && t->median_received == RECORD_NEVER && c->count < 4))
        t->median_received = now;
    t->last_received = now;
    if (fetched) /* who was down is no part of how it spread */
        return true;
    if (t->got >= c->count - c->count / 10 && t->most_received == RECORD_NEVER)
        t->most_received = now;
    if (t->got >= c->count - c->count / 100 && t->nearly_received == RECORD_NEVER)
        t->nearly_received = now;
    t->last_spread = now;
    return true;
}

void chain_got(struct world *w, node_id node, struct block *b, bool fetched)
{
    if (count_got(w, node, b, fetched))
        cores_recover(w, node, b);
}

void chain_made(struct world *w, node_id node, struct block *b)
{
    count_got(w, node, b, false);
}

double wei_double(const struct evm_u256 *x)
{
    double sum = 0;
    for (int i = 3; i >= 0; i--)
        sum = sum * 18446744073709551616.0 + (double)x->w[i];
    return sum;
}
