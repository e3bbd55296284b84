#include "models/world/execution.h"

#include "evm/core/keccak.h"
#include "evm/parallel/balsets.h"
#include "evm/parallel/history.h"
#include "evm/parallel/scheduler.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <pthread.h>
#include <string.h>

struct execution_service {
    struct workers *workers;
    struct execution_config config;
    struct evm_exec_pool *pool;
    bool learns;               /* some class's executor wants the history of the blocks before */
    struct execution *running; /* begun, and not yet seen to be done: newest first */
    uint64_t made;
};

/* One class's share of an execution. */
struct class_job {
    struct job job;
    struct execution *execution;
    uint32_t class;
    enum evm_status status;
    struct execution_timing timing;
};

struct execution {
    uint32_t refs;
    uint64_t number;
    bool keep_schedule, genesis, settled; /* settled: all jobs seen done, inputs let go */
    struct execution_service *service;
    struct execution *parent, *next, *previous;
    struct evm_block_env env;
    enum evm_invalid_policy policy;
    const struct evm_tx **txs;
    uint32_t tx_count;
    struct evm_hash *hashes;
    uint64_t *hash_numbers;
    size_t hash_count;
    struct evm_state *pre; /* class 0's parent state, once its job is done; with precompute until
                              the execution's own state goes */
    pthread_mutex_t lock;  /* of `ahead`, which the first job that comes makes */
    bool has_ahead;
    enum evm_status ahead_status;
    struct evm_ahead ahead;
    struct op *const *ops; /* borrowed, like txs */
    uint32_t op_count;
    bool has_ops; /* under lock too: what they gave */
    enum evm_status ops_status;
    struct holdings *held; /* after it */
    struct evm_history
        *history; /* up to and with this block, once class 0's job is done; or NULL */
    struct execution_result result;
    struct class_job jobs[];
};

enum err_code execution_service_create(struct execution_service **out, struct workers *workers,
                                       const struct execution_config *config, struct err *err)
{
    CHECK(config->class_count > 0 && config->class_count <= EXECUTION_CLASSES_MAX,
          "%u hardware classes", config->class_count);
    *out = NULL;
    struct execution_service *s = mem_zalloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_MEMORY, "no memory for the execution service");
    s->workers = workers;
    s->config = *config;
    for (uint32_t i = 0; i + config->guests < config->class_count; i++)
        s->learns |= (config->classes[i].executor->traits & EVM_TRAIT_LEARNS) != 0;
    s->pool = evm_exec_pool_create();
    if (!s->pool) {
        mem_free(s);
        return err_set(err, ERR_MEMORY, "no memory for the executors");
    }
    *out = s;
    return ERR_OK;
}

void execution_service_destroy(struct execution_service *s)
{
    if (!s)
        return;
    CHECK(!s->running, "an execution outlives its service");
    evm_exec_pool_destroy(s->pool);
    mem_free(s);
}

/* ---- on a host thread ---- */

/* Without a real root, a header still commits to what the block wrote. */
static void digest_changes(const struct evm_changes *c, const struct evm_hash *before,
                           struct evm_hash *out)
{
    struct evm_keccak k;
    evm_keccak_init(&k);
    evm_keccak_update(&k, (struct evm_bytes){before->b, sizeof before->b});
    for (uint32_t i = 0; i < c->account_count; i++) {
        const struct evm_account_change *a = &c->accounts[i];
        uint64_t head[2] = {a->wrote, a->wrote & EVM_WROTE_NONCE ? a->nonce : 0};
        evm_keccak_update(&k, (struct evm_bytes){a->addr.b, sizeof a->addr.b});
        evm_keccak_update(&k, (struct evm_bytes){(const uint8_t *)head, sizeof head});
        if (a->wrote & EVM_WROTE_BALANCE)
            evm_keccak_update(&k, (struct evm_bytes){(const uint8_t *)&a->balance, 32});
        if (a->wrote & EVM_WROTE_CODE)
            evm_keccak_update(&k, (struct evm_bytes){a->code->hash.b, 32});
        for (uint32_t j = 0; j < a->slot_count; j++)
            evm_keccak_update(&k, (struct evm_bytes){(const uint8_t *)&c->slots[a->first_slot + j],
                                                     sizeof *c->slots});
    }
    evm_keccak_final(&k, out);
}

/* What a layer of a partitioned network keeps of the changes; the rest goes to result.away. */
static enum evm_status keep_own(struct execution *e, const struct evm_changes *all,
                                struct evm_changes *own)
{
    return ops_split(&e->result.ops, &e->env.coinbase, all, own, &e->result.away);
}

/* The state after the block, sealed, with its root. */
static enum evm_status settle_state(struct execution *e, const struct evm_changes *all)
{
    struct execution_result *r = &e->result;
    struct evm_changes own;
    const struct evm_changes *changes = all;
    evm_changes_init(&own);
    struct evm_state *state = evm_state_fork(e->op_count ? r->ops.base : e->pre);
    enum evm_status status = state ? EVM_OK : EVM_ERR_MEMORY;
    if (status == EVM_OK && e->op_count) {
        status = keep_own(e, all, &own);
        changes = &own;
    }
    if (status == EVM_OK)
        status = evm_state_apply(state, changes);
    r->change_bytes = op_values_bytes(changes) + r->ops.bytes;
    if (status == EVM_OK) {
        evm_state_seal(state);
        if (e->service->config.real_root)
            status = evm_state_root(state, &r->state_root);
        else
            digest_changes(changes, &e->parent->result.state_root, &r->state_root);
    }
    evm_changes_fini(&own);
    if (status != EVM_OK) {
        evm_state_unref(state);
        return status;
    }
    r->state = state;
    return EVM_OK;
}

/* Takes over what class 0's run of the block found out. */
static enum evm_status keep_result(struct execution *e, struct evm_block_result *from)
{
    struct execution_result *r = &e->result;
    r->valid = from->invalid == EVM_TX_VALID && !r->guarded;
    r->invalid = from->invalid;
    r->invalid_tx = from->invalid_tx;
    r->gas_used = from->gas_used + r->ops.gas;
    r->fees = from->fees;
    r->burnt = from->burnt;
    if (r->guarded) { /* its builder wants to know which ones were invalid beside */
        r->stats = from->stats;
        from->stats = NULL;
    }
    if (!r->valid)
        return EVM_OK;
    if (e->service->config.partitioned)
        e->held = holdings_ref(r->ops.after);
    evm_receipts_bloom(from->receipts, from->receipt_count, &r->bloom);
    enum evm_status status =
        evm_receipts_root(from->receipts, from->receipt_count, &r->receipts_root);
    if (status == EVM_OK)
        status = settle_state(e, &from->changes);
    r->receipts = from->receipts;
    r->receipt_count = from->receipt_count;
    r->stats = from->stats;
    r->slices = from->slices;
    r->slice_count = from->slice_count;
    from->receipts = NULL;
    from->receipt_count = 0;
    from->stats = NULL;
    from->slices = NULL;
    from->slice_count = 0;
    return status;
}

/* Bytes that each transaction wrote to storage and into code: models/world/types.h. */
static enum evm_status count_storage(struct execution_result *r, const struct evm_access_sets *sets)
{
    enum { SLOT_BYTES = 64 };
    r->storage = mem_zalloc(sets->tx_count, sizeof *r->storage);
    if (!r->storage)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < sets->tx_count; i++)
        for (uint32_t k = sets->first[i]; k < sets->first[i + 1]; k++) {
            const struct evm_access *a = &sets->list[k];
            if (!(a->how & EVM_ACCESS_WRITE))
                continue;
            if (a->kind == EVM_MV_SLOT)
                r->storage[i] += SLOT_BYTES;
            else if (a->kind == EVM_MV_CODE && a->how & EVM_ACCESS_VALUE && a->value.w[0])
                r->storage[i] += ((const struct evm_code *)(uintptr_t)a->value.w[0])->size;
        }
    return EVM_OK;
}

/* What this block adds to the parent's history: the same whatever the hardware. */
static enum evm_status learn(struct execution *e, const struct evm_access_sets *sets)
{
    if (!e->service->learns)
        return EVM_OK;
    e->history = e->parent->history ? evm_history_copy(e->parent->history) : evm_history_create();
    return e->history ? evm_history_learn(e->history, sets) : EVM_ERR_MEMORY;
}

/* The root is computed after the last commit, its sub-tries in parallel: one for each value of the
 * first nibble at most. */
static int64_t root_time(const struct execution_config *config, const struct hardware_class *class,
                         const struct evm_changes *changes, uint32_t written)
{
    if (!config->real_root)
        return 0;
    uint32_t lanes = class->cores < 16 ? class->cores : 16;
    double dirty = (double)changes->account_count + (double)changes->slot_count + written;
    return (int64_t)(dirty * class->profile->hash_dirty / lanes);
}

/* The state that the parent was executed on; NULL if it is gone. Needs the parent's first job done.
 */
static const struct evm_state *state_before(const struct execution *parent)
{
    return parent->genesis ? parent->result.state : parent->pre;
}

/* What nodes had executed before the block came: the same for all of them. */
static enum evm_status look_ahead(struct execution *e, const struct evm_block_hashes *hashes)
{
    const struct evm_precompute_input in = {.rules = e->service->config.rules,
                                            .env = &e->env,
                                            .pre = state_before(e->parent),
                                            .hashes = hashes,
                                            .metered = true};
    if (!e->service->config.precompute || !in.pre)
        return EVM_OK;
    pthread_mutex_lock(&e->lock);
    if (!e->has_ahead)
        e->ahead_status = evm_precompute_all(&e->ahead, &in, e->txs, e->tx_count);
    e->has_ahead = true;
    pthread_mutex_unlock(&e->lock);
    return e->ahead_status;
}

/* The same block where its access list came with it: executed by the list, in any order, while the
 * root is computed from the values that it tells. */
static enum evm_status time_with_list(struct class_job *c, const struct evm_exec_config *config,
                                      const struct evm_block_input *in,
                                      const struct evm_block_result *made)
{
    const struct execution_service *s = c->execution->service;
    const struct hardware_class *class = &s->config.classes[c->class];
    struct evm_exec_params params = *class->params;
    params.sets = EVM_SETS_BAL;
    struct evm_exec_config by_list = *config;
    by_list.executor = evm_executor_find("access-list");
    by_list.params = &params;
    by_list.keep_sets = by_list.keep_bal = by_list.keep_schedule = false;
    struct evm_block_input listed = *in;
    struct evm_access_sets sets;
    struct evm_block_result result = {0};
    enum evm_status st =
        evm_bal_sets(&made->bal, in->tx_count, &in->env->coinbase, s->config.codes, &sets);
    listed.sets = &sets;
    listed.history = NULL;
    if (st == EVM_OK)
        st = evm_execute(&by_list, &listed, &result, NULL);
    if (st == EVM_OK) {
        int64_t root = c->timing.root_ns, run = result.makespan_ns + result.filter_ns;
        uint32_t lanes = class->cores < 16 ? class->cores : 16;
        int64_t all = result.filter_ns + (result.busy_ns + root * lanes) / class->cores;
        c->timing.listed_busy_ns = result.busy_ns;
        c->timing.listed_duration_ns = run > root ? run : root;
        if (c->timing.listed_duration_ns < all)
            c->timing.listed_duration_ns = all;
    }
    evm_block_result_fini(&result);
    evm_access_sets_fini(&sets);
    return st;
}

static enum evm_status keep_list(struct execution_result *r, const struct evm_bal *bal)
{
    struct evm_buf raw = {0};
    evm_bal_encode(&raw, bal);
    enum evm_status st = raw.failed ? EVM_ERR_MEMORY : EVM_OK;
    r->list_size = (uint32_t)raw.size;
    if (st == EVM_OK)
        evm_keccak256(&r->list_hash, (struct evm_bytes){raw.data, raw.size});
    evm_buf_fini(&raw);
    return st;
}

/* What the block's ops give, found out by the first job that comes. */
static enum evm_status apply_ops(struct execution *e)
{
    if (!e->service->config.partitioned)
        return EVM_OK;
    pthread_mutex_lock(&e->lock);
    if (!e->has_ops)
        e->ops_status = ops_apply(&e->result.ops, e->ops, e->op_count, e->parent->result.state,
                                  e->parent->held);
    e->has_ops = true;
    pthread_mutex_unlock(&e->lock);
    return e->ops_status;
}

/* Whether every transaction touched only what it may; else the block is not valid, and `guarded`
 * tells whose fault that is. */
static enum evm_status guard(struct execution *e, const struct evm_block_result *from)
{
    struct execution_result *r = &e->result;
    if (!e->service->config.partitioned || from->invalid != EVM_TX_VALID || !e->tx_count)
        return EVM_OK;
    uint8_t *verdicts = mem_alloc(e->tx_count, 1);
    if (!verdicts)
        return EVM_ERR_MEMORY;
    if (ops_guard(&r->ops, code_lasts(e->service->config.rules), e->ops, e->op_count, e->txs,
                  e->tx_count, &e->env.coinbase, &from->sets, verdicts))
        r->guarded = verdicts;
    else
        mem_free(verdicts);
    return EVM_OK;
}

static void run_class(struct job *job)
{
    struct class_job *c = (struct class_job *)job; /* its first member */
    struct execution *e = c->execution;
    struct execution_service *s = e->service;
    const struct hardware_class *class = &s->config.classes[c->class];
    struct execution *parent = e->parent;
    if (!parent->genesis)
        workers_wait(s->workers, &parent->jobs[0].job);
    /* Not result.status: the engine's thread may be writing it. */
    enum evm_status before = parent->genesis ? EVM_OK : parent->jobs[0].status;
    if (before != EVM_OK || !parent->result.state) {
        c->status = before; /* an invalid parent: nothing to execute on */
        return;
    }
    if (c->class == 0)
        e->pre = evm_state_ref(parent->result.state);
    c->status = apply_ops(e);
    if (c->status != EVM_OK)
        return;
    struct evm_exec_config config = {
        .executor = class->executor,
        .driver = EVM_DRIVER_VIRTUAL,
        .cores = class->cores,
        .seed = s->config.seed,
        .profile = class->profile,
        .params = class->params,
        .caches = s->config.caches,
        .keep_schedule = e->keep_schedule && c->class == 0,
        .keep_sets = true,
        .keep_bal = s->config.lists,
        .pool = s->pool,
    };
    struct evm_block_hashes hashes = {e->hash_numbers, e->hashes, e->hash_count};
    struct evm_block_input in = {
        .rules = s->config.rules,
        .env = &e->env,
        .txs = e->txs,
        .tx_count = e->tx_count,
        .pre = e->op_count ? e->result.ops.lent : parent->result.state,
        .hashes = &hashes,
        .invalid_policy = e->policy,
        .gas_taken = e->result.ops.gas,
    };
    struct evm_block_result result = {0};
    if (c->class + s->config.guests < s->config.class_count) {
        c->status = look_ahead(e, &hashes);
        in.ahead = e->ahead.txs;
        in.history = parent->history;
    }
    if (c->status == EVM_OK)
        c->status = evm_execute(&config, &in, &result, NULL);
    if (c->status == EVM_OK) {
        c->timing = (struct execution_timing){
            .makespan_ns = result.makespan_ns,
            .busy_ns = result.busy_ns,
            .serial_ns = result.serial_ns,
            .ladder_ns = result.ladder_ns,
            .critical_path_ns = result.critical_path_ns,
            .oracle_ns = result.oracle_ns,
            .root_ns = root_time(&s->config, class, &result.changes, e->result.ops.written),
            .executions = result.executions,
            .aborts = result.aborts,
            .validations = result.validations,
            .wasted_gas = result.wasted_gas,
            .ahead_hits = result.ahead_hits,
            .ahead_misses = result.ahead_misses,
            .ahead_ns = result.ahead_ns,
        };
        c->timing.duration_ns = c->timing.makespan_ns + result.filter_ns + c->timing.root_ns;
        if (s->config.lists && result.invalid == EVM_TX_VALID)
            c->status = time_with_list(c, &config, &in, &result);
        if (c->class == 0 && c->status == EVM_OK)
            c->status = guard(e, &result);
        if (c->class == 0 && c->status == EVM_OK)
            c->status = keep_result(e, &result);
        if (c->class == 0 && c->status == EVM_OK && e->result.valid && s->config.lists)
            c->status = keep_list(&e->result, &result.bal);
        if (c->class == 0 && c->status == EVM_OK && e->result.valid && s->config.storage)
            c->status = count_storage(&e->result, &result.sets);
        if (c->class == 0 && c->status == EVM_OK && e->result.valid)
            c->status = learn(e, &result.sets);
        if (c->class == 0 && c->status == EVM_OK && e->result.valid && s->config.witness)
            c->status = witness_make(&e->result.witness, s->config.witness, &result.sets, in.pre,
                                     e->result.ops.written);
        if (c->class == 0 && c->status == EVM_OK && e->result.valid)
            c->status = insight_make(&e->result.insight, &result, e->txs, &e->env.coinbase,
                                     class->cores, e->keep_schedule);
    }
    evm_block_result_fini(&result);
}

/* ---- on the engine's thread ---- */

static struct execution *execution_alloc(struct execution_service *s, uint32_t classes)
{
    struct execution *e = mem_zalloc(1, sizeof *e + classes * sizeof(struct class_job));
    if (!e)
        return NULL;
    e->refs = 1;
    e->number = ++s->made;
    pthread_mutex_init(&e->lock, NULL);
    e->service = s;
    for (uint32_t i = 0; i < classes; i++) {
        e->jobs[i].execution = e;
        e->jobs[i].class = i;
        e->jobs[i].job.run = run_class;
    }
    return e;
}

uint64_t execution_number(const struct execution *e)
{
    return e->number;
}

static void execution_free(struct execution *e)
{
    pthread_mutex_destroy(&e->lock);
    mem_free(e);
}

struct execution *execution_genesis(struct execution_service *s, struct evm_state *state,
                                    struct holdings *held)
{
    struct execution *e = execution_alloc(s, 0);
    if (!e)
        return NULL;
    e->genesis = e->settled = true;
    e->result.valid = true;
    e->result.state = state;
    e->result.receipts_root = evm_empty_trie_root;
    if (s->config.real_root)
        e->result.status = evm_state_root(state, &e->result.state_root);
    if (e->result.status != EVM_OK) {
        execution_free(e);
        return NULL;
    }
    e->held = held;
    return e;
}

static bool copy_input(struct execution *e, const struct execution_input *in)
{
    const struct evm_block_hashes *hashes = in->hashes;
    uint32_t tx_count = in->tx_count;
    e->txs = mem_alloc(tx_count, sizeof *e->txs);
    e->hashes = mem_alloc(hashes->count, sizeof *e->hashes);
    e->hash_numbers = mem_alloc(hashes->count, sizeof *e->hash_numbers);
    if (!e->txs || !e->hashes || !e->hash_numbers)
        return false;
    for (uint32_t i = 0; i < tx_count; i++)
        e->txs[i] = &in->txs[i]->evm;
    e->tx_count = tx_count;
    e->ops = in->ops;
    e->op_count = in->op_count;
    e->env = *in->env;
    e->policy = in->policy;
    e->keep_schedule = in->keep_schedule;
    e->hash_count = hashes->count;
    if (hashes->count) {
        memcpy(e->hashes, hashes->hashes, hashes->count * sizeof *e->hashes);
        memcpy(e->hash_numbers, hashes->numbers, hashes->count * sizeof *e->hash_numbers);
    }
    return true;
}

static void drop_pre(struct execution *e)
{
    evm_state_unref(e->pre);
    e->pre = NULL;
}

static void drop_input(struct execution *e)
{
    mem_free(e->txs);
    mem_free(e->hashes);
    mem_free(e->hash_numbers);
    e->txs = NULL;
    e->hashes = NULL;
    e->hash_numbers = NULL;
    evm_ahead_fini(&e->ahead);
    /* Versions of the state that only this block's run needed. */
    evm_state_unref(e->result.ops.base);
    evm_state_unref(e->result.ops.lent);
    e->result.ops.base = e->result.ops.lent = NULL;
    if (!e->service->config.precompute)
        drop_pre(e);
}

static void list_remove(struct execution *e)
{
    struct execution_service *s = e->service;
    *(e->previous ? &e->previous->next : &s->running) = e->next;
    if (e->next)
        e->next->previous = e->previous;
    e->next = e->previous = NULL;
}

struct execution *execution_start(struct execution_service *s, struct execution *parent,
                                  const struct execution_input *in)
{
    if (parent->settled && !parent->result.state)
        return NULL;
    struct execution *e = execution_alloc(s, s->config.class_count);
    if (!e)
        return NULL;
    if (!copy_input(e, in)) {
        drop_input(e);
        execution_free(e);
        return NULL;
    }
    e->parent = execution_ref(parent);
    e->next = s->running;
    if (s->running)
        s->running->previous = e;
    s->running = e;
    for (uint32_t i = 0; i < s->config.class_count; i++)
        workers_submit(s->workers, &e->jobs[i].job);
    return e;
}

/* No job works on it any more. */
static void finish(struct execution *e)
{
    if (e->settled)
        return;
    e->settled = true;
    list_remove(e);
    drop_input(e);
    execution_unref(e->parent);
    e->parent = NULL;
}

/* Waits for every class, then lets the inputs go. */
static void settle(struct execution *e)
{
    if (e->settled)
        return;
    for (uint32_t i = 0; i < e->service->config.class_count; i++) {
        workers_help(e->service->workers, &e->jobs[i].job);
        if (e->result.status == EVM_OK)
            e->result.status = e->jobs[i].status;
    }
    finish(e);
}

struct execution *execution_ref(struct execution *e)
{
    e->refs++;
    return e;
}

void execution_trim(struct execution *e)
{
    settle(e);
    struct execution_result *r = &e->result;
    struct evm_block_result rest = {
        .receipts = r->receipts,
        .receipt_count = r->receipt_count,
        .stats = r->stats,
        .slices = r->slices,
        .slice_count = r->slice_count,
    };
    evm_block_result_fini(&rest);
    r->receipts = NULL;
    r->receipt_count = 0;
    r->stats = NULL;
    r->slices = NULL;
    r->slice_count = 0;
    mem_free(r->storage);
    r->storage = NULL;
    insight_fini(&r->insight);
    ops_result_fini(&r->ops);
    evm_changes_fini(&r->away);
    mem_free(r->guarded);
    r->guarded = NULL;
}

/* Jobs of children read the state, so they end first. */
void execution_drop_state(struct execution *e)
{
    settle(e);
    for (struct execution *c = e->service->running; c;) {
        struct execution *next = c->next;
        if (c->parent == e)
            settle(c);
        c = next;
    }
    evm_state_unref(e->result.state);
    e->result.state = NULL;
    drop_pre(e);
    evm_history_destroy(e->history);
    e->history = NULL;
}

void execution_unref(struct execution *e)
{
    if (!e)
        return;
    CHECK(e->refs > 0, "an execution has no reference to drop");
    if (--e->refs)
        return;
    if (!e->settled) /* nobody will want it: what has not begun never will */
        for (uint32_t i = 0; i < e->service->config.class_count; i++)
            workers_cancel(e->service->workers, &e->jobs[i].job);
    finish(e);
    execution_trim(e);
    execution_drop_state(e);
    holdings_unref(e->held);
    execution_free(e);
}

struct holdings *execution_holdings(struct execution *e)
{
    settle(e);
    return e->held;
}

const struct execution_result *execution_wait(struct execution *e)
{
    settle(e);
    return &e->result;
}

const struct execution_timing *execution_wait_timing(struct execution *e, uint32_t class)
{
    CHECK(!e->genesis && class < e->service->config.class_count, "class %u", class);
    settle(e);
    return &e->jobs[class].timing;
}

void execution_rest(struct execution_service *s)
{
    while (s && s->running)
        settle(s->running);
}

enum evm_status execution_flatten(struct execution *e)
{
    execution_rest(e->service);
    drop_pre(e); /* an older version, which is folded away */
    bool possible = e->result.state && evm_state_foldable(e->result.state);
    return possible ? evm_state_flatten(e->result.state) : EVM_OK;
}
