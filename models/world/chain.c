/* Blocks, who has them, heads and commits of every node, and what finality lets go of. */
#include "models/world/internal.h"

#include "evm/core/keccak.h"
#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

/* Simulated chains begin on 2025-01-01; a header's timestamp is whole seconds after it. */
#define GENESIS_TIME UINT64_C(1735689600)

enum {
    EXTRA_BYTES = 81,   /* extraData: round 8, proposer 8, seal 65 */
    FLATTEN_EVERY = 8,  /* heights between two foldings of final state into the base */
    FLATTEN_DEPTH = 16, /* final blocks whose own state versions stay */
    CUT_DEPTH = 300,    /* final blocks that stay after every node has them (BLOCKHASH: 256) */
};

/* ---- who has it ---- */

static size_t track_words(const struct layer *l)
{
    return ((size_t)l->count + 63) / 64;
}

bool track_get(const struct layer *l, const struct block *b, enum track_bit bit, node_id node)
{
    uint32_t i = node - l->first;
    return b->track->words[bit * track_words(l) + i / 64] >> (i % 64) & 1;
}

bool track_set(const struct layer *l, struct block *b, enum track_bit bit, node_id node)
{
    uint32_t i = node - l->first;
    uint64_t *word = &b->track->words[bit * track_words(l) + i / 64], mask = UINT64_C(1)
                                                                             << (i % 64);
    if (*word & mask)
        return false;
    *word |= mask;
    return true;
}

/* ---- making a block ---- */

static void node_address(node_id node, struct evm_addr *out)
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
        b ? mem_zalloc(1, sizeof *t + TRACK_BITS * track_words(l) * sizeof(uint64_t)) : NULL;
    if (!t) {
        mem_free(b);
        return NULL;
    }
    t->first_received = t->median_received = RECORD_NEVER;
    t->most_received = t->last_received = RECORD_NEVER;
    t->median_executed = t->committed = RECORD_NEVER;
    t->status = RECORD_BLOCK_STATUS_UNDECIDED;
    b->refs = 1;
    b->track = t;
    b->layer = l->id;
    b->proposer = proposer;
    chain_date(b, sim_now(w->sim));
    b->round = request->round;
    b->difficulty = request->difficulty;
    b->fees = *fees;
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
        node_address(proposer, &env->coinbase);
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
                      const struct execution_result *result, uint8_t extra[EXTRA_BYTES],
                      struct evm_header *h)
{
    memset(extra, 0, EXTRA_BYTES);
    put_u64(extra, b->round);
    put_u64(extra + 8, b->proposer);
    if (b->seal)
        memcpy(extra + 16, b->seal->hash.b, sizeof b->seal->hash.b);
    extra[EXTRA_BYTES - 1] = b->instance;
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
        .extra = {extra, EXTRA_BYTES},
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

enum evm_status chain_seal(struct world *w, struct layer *l, struct block *b,
                           const struct execution_result *result)
{
    const struct evm_tx **txs = mem_alloc(b->tx_count, sizeof *txs);
    if (!txs)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < b->tx_count; i++)
        txs[i] = &b->txs[i]->evm;
    enum evm_status status = evm_transactions_root(txs, b->tx_count, &b->transactions_root);
    uint8_t extra[EXTRA_BYTES], uncle_extra[BUILD_UNCLES_MAX][EXTRA_BYTES];
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
                            (b->seal ? b->seal->size : 0));
    mem_free(txs);
    struct fees_parent parent = {.block = b, .fees = &b->fees, .gas_used = b->header_gas_used};
    l->fees->next(l->fees_state, &parent, &b->track->next);
    return status;
}

enum err_code chain_genesis(struct world *w, struct layer *l, struct evm_state *state,
                            struct err *err)
{
    struct block_fees fees = {0};
    struct fees_parent none = {0};
    l->fees->next(l->fees_state, &none, &fees);
    struct build_request request = {.difficulty = 1};
    struct block *b = chain_block(w, l, NODE_NONE, &request, &fees);
    if (!b) {
        evm_state_unref(state);
        return err_set(err, ERR_MEMORY, "no memory for a genesis block");
    }
    l->genesis = b;
    l->stall.fewest = UINT32_MAX; /* none is known to be down */
    b->execution = execution_genesis(l->service, state);
    if (!b->execution) {
        evm_state_unref(state);
        return err_set(err, ERR_MEMORY, "no memory for the genesis state");
    }
    b->state_root = execution_wait(b->execution)->state_root;
    b->receipts_root = evm_empty_trie_root;
    memset(b->track->words, 0xff, TRACK_BITS * track_words(l) * sizeof(uint64_t));
    b->track->got = b->track->executed = b->track->finals = l->count;
    b->track->fate_known = b->track->settled = b->track->written = true;
    b->track->status = RECORD_BLOCK_STATUS_CANONICAL;
    if (chain_seal(w, l, b, NULL) != EVM_OK)
        return err_set(err, ERR_MEMORY, "no memory for a genesis block");
    struct committed first = {block_ref(b), b->hash};
    l->settled = 1;
    return vec_push(&l->committed, &first);
}

/* ---- executing it on the host ---- */

/* The hashes that BLOCKHASH may ask for. */
static size_t ancestor_hashes(const struct block *b, uint64_t numbers[256],
                              struct evm_hash hashes[256])
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
    struct evm_block_hashes known = {numbers, hashes, ancestor_hashes(b, numbers, hashes)};
    bool keep = w->cfg->record.schedules > 0 && b->tx_count > 0 &&
                l->schedules_kept < w->cfg->record.schedules &&
                b->created >= w->cfg->warm_up + (w->cfg->duration - w->cfg->warm_up) *
                                                    (sim_time)(l->schedules_kept * 2 + 1) /
                                                    (sim_time)(w->cfg->record.schedules * 2);
    b->track->keep_schedule = keep;
    enum evm_invalid_policy policy =
        l->after_order || !b->track->built ? EVM_INVALID_IS_SKIPPED : EVM_INVALID_REJECTS_BLOCK;
    b->execution = execution_start(l->service, b->parent->execution, &b->env, b->txs, b->tx_count,
                                   &known, policy, keep);
    return b->execution != NULL;
}

/* Ancestors first: the oldest one without an execution stands on one that has it. */
bool chain_execute(struct world *w, struct layer *l, struct block *b)
{
    while (!b->execution) {
        struct block *oldest = b;
        while (oldest->parent && !oldest->parent->execution)
            oldest = oldest->parent;
        if (!oldest->parent || !start_execution(w, l, oldest))
            return false;
    }
    return true;
}

/* ---- what nodes do with it ---- */

static void decide_fate(struct layer *l, struct block *b, unsigned status)
{
    if (b->track->fate_known)
        return;
    b->track->fate_known = true;
    b->track->status = (uint8_t)status;
    if (status != RECORD_BLOCK_STATUS_STALE)
        return;
    l->stale++;
    block_bury(b);
}

void chain_built(struct world *w, struct block *b)
{
    struct layer *l = &w->layers[b->layer];
    b->track->built = true;
    track_set(l, b, TRACK_GOT, b->proposer);
    track_set(l, b, TRACK_HAS, b->proposer);
    b->track->got = 1;
}

void chain_publish(struct world *w, struct block *b)
{
    struct layer *l = &w->layers[b->layer];
    if (b->track->published)
        return;
    b->track->published = true;
    if (b->batch)
        return;
    if (vec_push(&l->open, &b) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    block_ref(b);
    w->nodes[b->proposer].proposed++;
    if (b->height < l->committed.len)
        decide_fate(l, b, RECORD_BLOCK_STATUS_STALE);
}

void chain_got(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    if (!track_set(l, b, TRACK_GOT, node))
        return;
    struct block_track *t = b->track;
    sim_time now = sim_now(w->sim);
    t->got++;
    if (t->got == 2)
        t->first_received = now;
    if (t->got == (l->count + 1) / 2 ||
        (t->got == 2 && t->median_received == RECORD_NEVER && l->count < 4))
        t->median_received = now;
    if (t->got == l->count - l->count / 10)
        t->most_received = now;
    t->last_received = now;
    cores_recover(w, node, b);
}

/* ---- heads ---- */

uint32_t chain_validators_up(const struct world *w, const struct layer *l)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < l->validators.count; i++)
        up += w->nodes[l->validators.nodes[i]].up;
    return up;
}

void chain_crashed(struct world *w, struct layer *l)
{
    uint32_t up = chain_validators_up(w, l);
    if (up < l->stall.fewest)
        l->stall.fewest = up;
}

/* The stall that lasts, as it is if it ends now. */
static struct stall stall_now(const struct world *w, const struct layer *l)
{
    struct stall s = l->stall;
    s.length = sim_now(w->sim) - s.since;
    s.rounds = l->rounds - s.rounds;
    if (s.fewest > l->validators.count)
        s.fewest = l->validators.count;
    return s;
}

struct stall chain_longest_stall(const struct world *w, const struct layer *l)
{
    struct stall s = stall_now(w, l);
    return s.length > l->longest.length ? s : l->longest;
}

static void head_grew(struct world *w, struct layer *l, const struct block *b)
{
    if (b->height <= l->head_height)
        return;
    l->head_height = b->height;
    l->longest = chain_longest_stall(w, l);
    l->stall = (struct stall){
        .since = sim_now(w->sim), .rounds = l->rounds, .fewest = chain_validators_up(w, l)};
}

void chain_adopt(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    if (n->head == b)
        return;
    void *pool = mempool_state(l, node);
    struct block *old = n->head, *common = b, *back = old;
    while (common && back && common != back) {
        if (common->height > back->height) {
            common = common->parent;
        } else {
            l->mempool->reverted(pool, back);
            back = back->parent;
        }
    }
    /* Upwards from the common ancestor, by walking down once for each: branches are short. */
    uint64_t from = common && back ? common->height : b->height - 1;
    for (uint64_t h = from + 1; h <= b->height; h++) {
        struct block *on = block_ancestor(b, h);
        if (on)
            l->mempool->included(pool, on, &on->track->next);
    }
    n->head = block_ref(b);
    block_unref(old);
    if (!n->byzantine)
        head_grew(w, l, b);
}

/* ---- commit ---- */

static void violated(struct world *w, node_id node, const struct block *b, const char *what)
{
    if (w->nodes[node].byzantine)
        return;
    w->violations++;
    rows_event(w, RECORD_EVENT_LEVEL_SAFETY, "safety", node, b->layer, "node %u %s at height %llu",
               node, what, (unsigned long long)b->height);
}

/* The first commit of a height anywhere in the layer. */
static void commit_first(struct world *w, struct layer *l, struct block *b)
{
    struct committed entry = {b, b->hash};
    if (vec_push(&l->committed, &entry) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    block_ref(b);
    b->track->committed = sim_now(w->sim);
    decide_fate(l, b, RECORD_BLOCK_STATUS_CANONICAL);
    if (b->proposer != NODE_NONE)
        w->nodes[b->proposer].accepted++;
    for (size_t i = 0; i < l->open.len; i++) {
        struct block *other = *(struct block **)vec_at(&l->open, i);
        if (other->height == b->height && other != b)
            decide_fate(l, other, RECORD_BLOCK_STATUS_STALE);
    }
}

static double tip_at(const double *sorted, uint32_t count, double share)
{
    return count ? sorted[(uint32_t)(share * (count - 1) + 0.5)] : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Wei that tx pays the proposer for each gas, and in all. */
static void price_of(const struct block *b, const struct evm_tx *tx, uint64_t gas, double *tip,
                     double *fee)
{
    double base = wei_double(&b->fees.base_fee), most = wei_double(&tx->max_fee);
    double priority = wei_double(&tx->max_priority_fee);
    *tip = most - base < priority ? most - base : priority;
    if (*tip < 0)
        *tip = 0;
    *fee = (base + *tip) * (double)gas;
}

static void tally_tx(struct world *w, const struct tx *tx, double tip, double fee)
{
    struct tally *t = &w->tally;
    sim_time now = sim_now(w->sim);
    if (now >= w->cfg->warm_up && now < w->load_end)
        t->committed++;
    if (tx->emitted < w->cfg->warm_up)
        return;
    double seconds = (double)(tx->committed - tx->emitted) / 1e9;
    t->reverted += tx->failed;
    if (vec_push(&t->latency, &seconds) != ERR_OK || vec_push(&t->tip, &tip) != ERR_OK ||
        vec_push(&t->fee, &fee) != ERR_OK)
        world_out_of_memory(w);
}

void chain_close_tx(struct world *w, struct tx *tx)
{
    *(tx->previous ? &tx->previous->next : &w->open_txs) = tx->next;
    *(tx->next ? &tx->next->previous : &w->open_last) = tx->previous;
    tx->next = tx->previous = NULL;
    tx_unref(tx);
}

static void count_committed(struct world *w, struct layer *l, struct block *b, struct tx *tx,
                            double fee)
{
    tx->committed = sim_now(w->sim);
    l->committed_txs++;
    l->sample_committed++;
    l->reverted += tx->failed;
    b->track->reverted += tx->failed;
    l->fees_paid += fee;
}

/* Ordered, but when its turn came it was not valid: it paid nothing and did nothing. */
static void count_skipped(struct world *w, struct layer *l, const struct tx *tx)
{
    l->dropped++;
    if (tx->emitted < w->cfg->warm_up)
        return;
    w->tally.dropped++;
    w->tally.invalid++;
    w->tally.skipped++;
}

/* What became of the transactions of a committed block that somebody has executed. */
static void settle_txs(struct world *w, struct layer *l, struct block *b,
                       const struct execution_result *r)
{
    double *tips = mem_alloc(b->tx_count, sizeof *tips);
    uint32_t receipt = 0;
    uint32_t priced = 0;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        struct tx *tx = b->txs[i];
        bool took = receipt < r->receipt_count && r->receipts[receipt].tx_index == i;
        const struct evm_receipt *got = took ? &r->receipts[receipt++] : NULL;
        double tip = 0, fee = 0;
        uint64_t gas = got ? got->gas_used : 0;
        price_of(b, &tx->evm, gas, &tip, &fee);
        if (tips && got)
            tips[priced++] = tip;
        if (tx->phase == TX_COMMITTED || tx->layer != l->id)
            continue;
        bool open = tx->phase != TX_DROPPED;
        tx->phase = TX_COMMITTED;
        tx->failed = !got || !got->success;
        tx->included = b->created;
        tx->height = b->height;
        tx->position = i;
        tx->gas_used = gas;
        tx->skipped = !got;
        if (got)
            count_committed(w, l, b, tx, fee);
        else if (open)
            count_skipped(w, l, tx);
        if (!open)
            continue;
        if (got)
            tally_tx(w, tx, tip, fee);
        tx->row_due = true;
        tx->executions = r->stats ? r->stats[i].incarnations : 1;
        sources_observe(w, tx);
        chain_close_tx(w, tx);
    }
    if (tips) {
        qsort(tips, priced, sizeof *tips, by_value);
        b->track->tips[0] = (uint64_t)tip_at(tips, priced, 0.1);
        b->track->tips[1] = (uint64_t)tip_at(tips, priced, 0.5);
        b->track->tips[2] = (uint64_t)tip_at(tips, priced, 0.9);
    }
    mem_free(tips);
}

/* Whether one more like its largest would not have fitted. */
static bool is_full(const struct block *b)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        if (b->txs[i]->evm.gas_limit > largest)
            largest = b->txs[i]->evm.gas_limit;
    return b->header_gas_used + largest > b->fees.gas_limit;
}

static void tally_block(struct world *w, const struct layer *l, const struct block *b)
{
    struct tally *t = &w->tally;
    const struct execution_timing *e = &b->track->timing;
    if (b->created < w->cfg->warm_up || b->created >= w->load_end)
        return;
    if (!t->blocks) {
        t->first_base_fee = wei_double(&b->fees.base_fee);
        t->first_block = b->created;
    }
    t->last_base_fee = wei_double(&b->fees.base_fee);
    if (!t->blocks || t->last_base_fee < t->least_base_fee)
        t->least_base_fee = t->last_base_fee;
    if (t->last_base_fee > t->most_base_fee)
        t->most_base_fee = t->last_base_fee;
    t->last_block = b->created;
    t->blocks++;
    t->txs += b->tx_count;
    t->gas += b->track->gas_used;
    t->packed += b->header_gas_used;
    t->full += is_full(b);
    t->gas_limit += b->fees.gas_limit;
    t->executions += e->executions;
    t->aborts += e->aborts;
    t->serial += e->serial_ns;
    t->makespan += e->makespan_ns;
    t->duration += e->duration_ns;
    t->critical_path += e->critical_path_ns;
    (void)l;
}

static void settle_block(struct world *w, struct layer *l, struct block *b)
{
    const struct execution_result *r = execution_wait(b->execution);
    struct block_track *t = b->track;
    t->timing = *execution_wait_timing(b->execution, w->nodes[b->proposer].class);
    t->gas_used = r->gas_used;
    t->fees = wei_double(&r->fees) + wei_double(&r->burnt);
    t->burnt = wei_double(&r->burnt);
    settle_txs(w, l, b, r);
    l->blocks++;
    l->gas_used += r->gas_used;
    l->sample_gas += r->gas_used;
    l->fees_burnt += t->burnt;
    l->executions += t->timing.executions;
    l->aborts += t->timing.aborts;
    tally_block(w, l, b);
    bool keep = t->keep_schedule && l->schedules_kept < w->cfg->record.schedules;
    if (keep) {
        rows_schedule(w, b, r);
        l->schedules_kept++;
    }
    rows_insight(w, b, r, keep);
    execution_trim(b->execution);
    t->settled = true;
}

static bool descends(struct block *b, const struct block *from)
{
    return b->height >= from->height && block_ancestor(b, from->height) == from;
}

/* Executions under way on blocks that lost give up their state too. */
static void drop_tasks(struct world *w, struct layer *l, const struct block *base)
{
    for (node_id i = l->first; i < l->first + l->count; i++)
        for (struct task *t = w->nodes[i].queue; t; t = t->next)
            if (t->block->execution && !descends(t->block, base))
                execution_drop_state(t->block->execution);
}

/* Folds the state that is final for long into the base. Nodes further behind read newer nonces
 * than they should know; that is the one place where lagging far changes what a pool takes. */
static void flatten(struct world *w, struct layer *l)
{
    if (l->settled < l->flattened + FLATTEN_EVERY + FLATTEN_DEPTH + 1)
        return;
    uint64_t height = l->settled - 1 - FLATTEN_DEPTH;
    struct block *base = ((struct committed *)vec_at(&l->committed, height))->block;
    for (uint64_t h = l->flattened; h < height; h++) {
        struct block *b = ((struct committed *)vec_at(&l->committed, h))->block;
        if (b && b->execution)
            execution_drop_state(b->execution);
    }
    for (size_t i = 0; i < l->open.len; i++) {
        struct block *b = *(struct block **)vec_at(&l->open, i);
        if (b->execution && !descends(b, base))
            execution_drop_state(b->execution);
    }
    drop_tasks(w, l, base);
    if (execution_flatten(base->execution) != EVM_OK)
        world_out_of_memory(w);
    l->flattened = height;
}

/* Lets go of blocks that every node is well past. */
static void cut(struct layer *l)
{
    while (l->cut + CUT_DEPTH < l->settled) {
        struct committed *c = vec_at(&l->committed, l->cut);
        struct block *next = ((struct committed *)vec_at(&l->committed, l->cut + 1))->block;
        if (next->track->finals < l->count || !next->track->written)
            return;
        block_unref(next->parent);
        next->parent = NULL;
        block_unref(c->block);
        c->block = NULL;
        l->cut++;
    }
}

static void settle_ready(struct world *w, struct layer *l)
{
    while (l->settled < l->committed.len) {
        struct block *b = ((struct committed *)vec_at(&l->committed, l->settled))->block;
        if (b->track->executed == 0)
            return;
        settle_block(w, l, b);
        l->settled++;
        flatten(w, l);
        cut(l);
    }
}

/* The blocks above the node's last final one, up to b, in order. */
static void commit_path(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    for (uint64_t h = w->nodes[node].final->height + 1; h <= b->height; h++) {
        struct block *on = block_ancestor(b, h);
        if (!on)
            continue;
        bool first = h >= l->committed.len;
        if (first && !w->nodes[node].byzantine)
            commit_first(w, l, on);
        else if (!first &&
                 !evm_hash_eq(&((struct committed *)vec_at(&l->committed, h))->hash, &on->hash))
            violated(w, node, on, "commits a block that is not the one committed before");
        on->track->finals++;
        if (l->after_order)
            cores_run(w, node, 0, on);
    }
}

void chain_commit(struct world *w, node_id node, struct block *b)
{
    struct node *n = &w->nodes[node];
    if (b->height <= n->final->height) {
        if (block_ancestor(n->final, b->height) != b)
            violated(w, node, b, "takes back a commit");
        return;
    }
    if (block_ancestor(b, n->final->height) != n->final)
        violated(w, node, b, "leaves the chain it had committed");
    commit_path(w, node, b);
    if (n->head != b && !descends(n->head, b))
        chain_adopt(w, node, b);
    struct block *old = n->final;
    n->final = block_ref(b);
    block_unref(old);
    settle_ready(w, layer_of(w, node));
}

void chain_commit_twin(struct world *w, node_id node, struct block *b)
{
    struct twin *twin = w->nodes[node].twin;
    if (b->height <= twin->final->height)
        return;
    for (uint64_t h = twin->final->height + 1; h <= b->height && layer_of(w, node)->after_order;
         h++) {
        struct block *on = block_ancestor(b, h);
        if (on)
            cores_run(w, node, 1, on);
    }
    struct block *old = twin->final;
    twin->final = block_ref(b);
    block_unref(old);
}

void chain_executed(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    if (!track_set(l, b, TRACK_EXECUTED, node))
        return;
    struct block_track *t = b->track;
    t->executed++;
    if (t->executed == (l->count + 1) / 2)
        t->median_executed = sim_now(w->sim);
    w->nodes[node].executed_blocks++;
    settle_ready(w, l);
}

uint64_t chain_behind(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    const struct layer *l = &w->layers[n->layer];
    return l->committed.len - 1 - (l->after_order ? n->executed : n->final)->height;
}

void chain_fini(struct layer *l)
{
    for (size_t i = 0; i < l->open.len; i++)
        block_unref(*(struct block **)vec_at(&l->open, i));
    vec_fini(&l->open);
    order_fini(l);
    for (size_t i = 0; i < l->committed.len; i++)
        block_unref(((struct committed *)vec_at(&l->committed, i))->block);
    vec_fini(&l->committed);
    block_unref(l->genesis);
    l->genesis = NULL;
}

double wei_double(const struct evm_u256 *x)
{
    double sum = 0;
    for (int i = 3; i >= 0; i--)
        sum = sum * 18446744073709551616.0 + (double)x->w[i];
    return sum;
}
