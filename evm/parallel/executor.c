#include "evm/parallel/executor.h"

#include <pthread.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/aheadbody.h"
#include "evm/parallel/blockrun.h"
#include "evm/parallel/direct.h"
#include "evm/parallel/oracle.h"
#include "evm/parallel/txbody.h"

/* ---- the registry ---------------------------------------------------------------------------- */

static const struct evm_executor_ops *const registry[] = {
    &evm_executor_serial, &evm_executor_ladder,      &evm_executor_block_stm,
    &evm_executor_occ,    &evm_executor_access_list, &evm_executor_locks,
    &evm_executor_hybrid, &evm_executor_partitioned,
};
enum { EXECUTORS = sizeof registry / sizeof registry[0] };

const struct evm_executor_ops *evm_executor_at(size_t i)
{
    return i < EXECUTORS ? registry[i] : NULL;
}

const struct evm_executor_ops *evm_executor_find(const char *name)
{
    for (size_t i = 0; i < EXECUTORS; i++)
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    return NULL;
}

const char *evm_executor_name(const struct evm_executor_ops *ops)
{
    return ops->name;
}

const char *evm_executor_doc(const struct evm_executor_ops *ops)
{
    return ops->doc;
}

/* ---- pool: sets of memory, one for each execution under way ------------------------------------
 */

struct context {
    struct evm_blockrun run;
    struct evm_direct direct;
    struct evm_mv *mv;
    const struct evm_executor_ops *ops; /* whose state `sched` is */
    void *sched;
    struct evm_codes *codes; /* the runs' */
    bool ahead;              /* they compare results from before the block */
    bool *taken;             /* by transaction, of gas_limit_capacity */
    uint64_t *gas_limits;
    uint32_t gas_limit_capacity;
    struct context *next;
};

struct evm_exec_pool {
    pthread_mutex_t lock;
    struct context *spare;
};

static void context_destroy(struct context *c)
{
    if (!c)
        return;
    evm_blockrun_fini(&c->run);
    evm_direct_fini(&c->direct);
    evm_mv_destroy(c->mv);
    if (c->ops)
        c->ops->destroy(c->sched);
    free(c->gas_limits);
    free(c->taken);
    free(c);
}

static struct context *context_create(void)
{
    struct context *c = evm_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    evm_changes_init(&c->run.ladder.scratch);
    c->mv = evm_mv_create();
    if (c->mv)
        return c;
    context_destroy(c);
    return NULL;
}

struct evm_exec_pool *evm_exec_pool_create(void)
{
    struct evm_exec_pool *p = evm_calloc(1, sizeof *p);
    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void evm_exec_pool_destroy(struct evm_exec_pool *p)
{
    if (!p)
        return;
    for (struct context *c = p->spare, *next; c; c = next) {
        next = c->next;
        context_destroy(c);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct context *pool_take(struct evm_exec_pool *p)
{
    if (!p)
        return context_create();
    pthread_mutex_lock(&p->lock);
    struct context *c = p->spare;
    if (c)
        p->spare = c->next;
    pthread_mutex_unlock(&p->lock);
    return c ? c : context_create();
}

static void pool_give(struct evm_exec_pool *p, struct context *c)
{
    if (!p) {
        context_destroy(c);
        return;
    }
    pthread_mutex_lock(&p->lock);
    c->next = p->spare;
    p->spare = c;
    pthread_mutex_unlock(&p->lock);
}

/* The executor's state and the runs' bodies fit what they were made for only. */
static enum evm_status context_fit(struct context *c, const struct evm_executor_ops *ops,
                                   struct evm_codes *codes, bool ahead)
{
    if (c->codes != codes || c->ahead != ahead)
        evm_blockrun_forget_bodies(&c->run);
    c->codes = codes;
    c->ahead = ahead;
    if (c->ops != ops) {
        if (c->ops)
            c->ops->destroy(c->sched);
        c->ops = NULL;
        c->sched = ops->create();
        if (!c->sched)
            return EVM_ERR_MEMORY;
        c->ops = ops;
    }
    c->run.mv = c->mv;
    c->run.ops = ops;
    c->run.sched = c->sched;
    return EVM_OK;
}

/* ---- a block --------------------------------------------------------------------------------- */

static enum evm_status check(const struct evm_exec_config *config, const struct evm_block_input *in,
                             struct evm_err *err)
{
    if (!config->executor)
        return evm_fail(err, EVM_ERR_INPUT, "no executor given");
    if (config->cores < 1 || config->cores > 1024)
        return evm_fail(err, EVM_ERR_INPUT, "%u cores; 1 to 1024 are possible", config->cores);
    if (config->driver == EVM_DRIVER_VIRTUAL && !config->profile)
        return evm_fail(err, EVM_ERR_INPUT, "the virtual driver needs a cost profile");
    if (in->tx_count >= EVM_TURN)
        return evm_fail(err, EVM_ERR_INPUT, "%u transactions in a block", in->tx_count);
    if (config->chaos && config->chaos->depth > EVM_CHAOS_DEPTH)
        return evm_fail(err, EVM_ERR_INPUT, "a depth of %u; at most %d are possible",
                        config->chaos->depth, (int)EVM_CHAOS_DEPTH);
    return EVM_OK;
}

static uint32_t workers_of(const struct evm_exec_config *config, uint32_t tx_count)
{
    uint32_t n = config->cores;
    if (config->executor->max_workers && n > config->executor->max_workers)
        n = config->executor->max_workers;
    return tx_count < n ? (tx_count ? tx_count : 1) : n;
}

static enum evm_status block_rules(struct context *c, const struct evm_block_input *in,
                                   struct evm_block_rules *out)
{
    if (in->tx_count > c->gas_limit_capacity) {
        uint64_t *grown = evm_realloc(c->gas_limits, in->tx_count * sizeof *grown);
        bool *taken = evm_realloc(c->taken, in->tx_count * sizeof *taken);
        c->gas_limits = grown ? grown : c->gas_limits;
        c->taken = taken ? taken : c->taken;
        if (!grown || !taken)
            return EVM_ERR_MEMORY;
        c->gas_limit_capacity = in->tx_count;
    }
    for (uint32_t i = 0; i < in->tx_count; i++) {
        c->gas_limits[i] = in->txs[i]->gas_limit;
        c->taken[i] = false;
    }
    *out = (struct evm_block_rules){
        .tx_count = in->tx_count,
        .beneficiary = in->env->coinbase,
        .clears_empty = in->rules->state_clearing,
        .gas_limit = in->env->gas_limit > in->gas_taken ? in->env->gas_limit - in->gas_taken : 0,
        .blob_gas_limit = in->env->blob_gas_limit ? in->env->blob_gas_limit
                                                  : in->rules->blob_max * in->rules->gas_per_blob,
        .tx_gas_limits = c->gas_limits,
        .policy = in->invalid_policy,
        .committed = in->committed,
        .committed_self = in->committed_self,
    };
    return EVM_OK;
}

static int slice_order(const void *x, const void *y)
{
    const struct evm_slice *a = x, *b = y;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->core != b->core)
        return a->core < b->core ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* A slice was in vain if its incarnation is not the one that was committed. */
static void give_slices(struct evm_block_result *out, struct evm_schedule *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct evm_tx_stat *stat = &out->stats[s->slices[i].tx];
        s->slices[i].aborted = s->slices[i].incarnation + 1 != stat->incarnations;
    }
    if (s->count)
        qsort(s->slices, s->count, sizeof *s->slices, slice_order);
    out->slices = s->slices;
    out->slice_count = s->count;
    *s = (struct evm_schedule){0};
}

/* Hashing for the receipts' filters, which nothing before the end of a block waits for. */
static void filter_receipts(struct evm_block_result *r, uint32_t threads)
{
    enum { AT_ONCE = 128 };
    uint32_t parts = (r->receipt_count + AT_ONCE - 1) / AT_ONCE;
    (void)threads;
#ifndef __SANITIZE_THREAD__ /* libgomp is not instrumented */
#pragma omp parallel for num_threads((int)threads) if (threads > 1 && parts > 1)
#endif
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t first = i * AT_ONCE, rest = r->receipt_count - first;
        evm_receipts_filter(r->receipts + first, rest < AT_ONCE ? rest : AT_ONCE);
    }
}

static const struct evm_exec_params *params_of(const struct evm_exec_config *config,
                                               const struct evm_exec_params *defaults)
{
    return config->params ? config->params : defaults;
}

static void count_ahead(const struct evm_exec_config *config, const struct evm_block_input *in,
                        const bool *taken, struct evm_block_result *out)
{
    double ns = 0;
    for (uint32_t i = 0; in->ahead && i < in->tx_count; i++) {
        if (!in->ahead[i])
            continue;
        out->ahead_hits += taken[i];
        out->ahead_misses += !taken[i];
        if (config->driver == EVM_DRIVER_VIRTUAL)
            ns += evm_precomputed_cost(in->ahead[i], config->profile);
    }
    out->ahead_ns = (int64_t)ns;
}

/* What the proposer of the block knows, who has executed it: the sets of an execution in serial
 * order, in memory of its own. Amounts are told as differences (the ladder on one core), but in a
 * block access list, which has balances. A block that is rejected has no sets. */
static enum evm_status execute_beforehand(const struct evm_exec_config *config,
                                          const struct evm_block_input *in, bool balances,
                                          struct evm_access_sets *out)
{
    struct evm_exec_config serial = {
        .executor = balances ? &evm_executor_serial : &evm_executor_ladder,
        .driver = config->profile ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS,
        .cores = 1,
        .profile = config->profile,
        .keep_sets = true,
        .pool = config->pool};
    struct evm_block_input quiet = *in;
    struct evm_block_result result;
    quiet.committed = NULL;
    quiet.bal = NULL;
    quiet.ahead = NULL;
    enum evm_status st = evm_execute(&serial, &quiet, &result, NULL);
    *out = result.sets;
    result.sets = (struct evm_access_sets){0};
    evm_block_result_fini(&result);
    return st;
}

/* Of the block, whatever executor runs it: from the sets of the ladder, which knows amounts and
 * bounds from values. */
static enum evm_status ask_oracle(const struct evm_exec_config *config,
                                  const struct evm_block_input *in, const struct evm_addr *payee,
                                  uint32_t cores, struct evm_block_result *out)
{
    const struct evm_exec_params defaults = evm_exec_params_default();
    bool own = cores == 1 ||
               (config->executor == &evm_executor_ladder && params_of(config, &defaults)->deltas);
    struct evm_access_sets ladders = {0};
    enum evm_status st = own ? EVM_OK : execute_beforehand(config, in, false, &ladders);
    const struct evm_oracle_input known = {own ? &out->sets : &ladders, in->txs, payee};
    if (st == EVM_OK && known.sets->first)
        st = evm_oracle_block(&known, out->serial_ns, cores, &out->oracle_ns);
    evm_access_sets_fini(&ladders);
    return st;
}

/* Over the multi-version memory. */
static enum evm_status execute_versions(struct context *c, const struct evm_exec_config *config,
                                        const struct evm_block_input *in,
                                        const struct evm_block_rules *rules, struct evm_view base,
                                        const struct evm_access_sets *sets,
                                        const struct evm_access_sets *prefetch,
                                        struct evm_block_result *out)
{
    struct evm_schedule keep = {.on = config->keep_schedule};
    bool timed = config->driver == EVM_DRIVER_VIRTUAL;
    /* In virtual time plain code is a price, not something to run more slowly. */
    uint32_t workers = workers_of(config, in->tx_count);
    struct evm_aheadbody body = {.inner = {.in = in,
                                           .codes = c->codes,
                                           .plain = config->caches.no_code && !timed,
                                           .hashes_ahead = !config->caches.no_keccak && !timed,
                                           .workers = workers},
                                 .ahead = in->ahead,
                                 .taken = c->taken};
    const struct evm_exec_params defaults = evm_exec_params_default();
    bool stretches = !timed && !config->keep_schedule && !config->keep_sets && !in->bal &&
                     !in->committed && !in->ahead;
    const struct evm_blockrun_setup setup = {
        .rules = rules,
        .body_ops = in->ahead ? &evm_aheadbody_ops : &evm_txbody_ops,
        .body_self = in->ahead ? (void *)&body : (void *)&body.inner,
        .base = base,
        .workers = workers,
        .threaded = !timed && workers > 1,
        .timed = timed,
        .keep_sets = config->keep_sets,
        .bal = in->bal,
        .seed = config->seed,
        .params = params_of(config, &defaults),
        .direct = stretches ? &c->direct : NULL,
        .in = in,
        .codes = c->codes,
        .txs = in->txs,
        .sets = sets,
        .history = in->history,
        .chaos = config->chaos,
        .caches = config->caches,
        .prefetch = prefetch,
    };
    enum evm_status st = evm_blockrun_begin(&c->run, &setup, out);
    if (st != EVM_OK)
        return st;
    st = timed ? evm_drive_virtual(&c->run, config->profile, workers, config->seed, &keep)
               : evm_drive_threads(&c->run, &keep);
    if (st != EVM_OK)
        evm_blockrun_fail(&c->run, st);
    st = evm_blockrun_end(&c->run);
    give_slices(out, &keep);
    count_ahead(config, in, c->taken, out);
    if (st == EVM_OK && timed && config->keep_sets)
        st = ask_oracle(config, in, &rules->beneficiary, workers, out);
    return st;
}

/* Nobody asks for single transactions, bars of a chart, or other cores' clocks: then `serial` needs
 * no scheduler and no versions. */
static bool is_direct(const struct evm_exec_config *config, const struct evm_block_input *in)
{
    return config->executor == &evm_executor_serial && config->driver == EVM_DRIVER_THREADS &&
           !config->keep_schedule && !config->keep_sets && !in->bal && !in->committed && !in->ahead;
}

/* ---- access sets for those who schedule by them ---------------------------------------------- */

/* *own: made here, the caller's; *sets: what the executor gets, NULL if nothing is known. */
static enum evm_status find_sets(const struct evm_exec_config *config,
                                 const struct evm_block_input *in, struct evm_access_sets *own,
                                 const struct evm_access_sets **sets)
{
    const struct evm_exec_params defaults = evm_exec_params_default();
    enum evm_status st;
    *own = (struct evm_access_sets){0};
    *sets = in->sets;
    if (!(config->executor->traits & EVM_TRAIT_NEEDS_SETS))
        return EVM_OK;
    if (params_of(config, &defaults)->sets == EVM_SETS_DECLARED)
        st = evm_access_sets_declared(own, in->txs, in->tx_count);
    else if (in->sets)
        return EVM_OK;
    else
        st =
            execute_beforehand(config, in, params_of(config, &defaults)->sets == EVM_SETS_BAL, own);
    if (st == EVM_ERR_INPUT) /* sums of wei that pass 2^256: the execution itself will say so */
        st = EVM_OK;
    *sets = own->first ? own : NULL;
    return st;
}

/* ---- the whole of it ------------------------------------------------------------------------- */

static enum evm_status execute(struct context *c, const struct evm_exec_config *config,
                               const struct evm_block_input *in, struct evm_block_result *out)
{
    struct evm_block_rules rules;
    struct evm_state_view state = {in->pre, in->hashes};
    struct evm_view base = evm_state_view(&state);
    bool direct = is_direct(config, in);
    struct evm_access_sets own;
    const struct evm_access_sets *sets, *prefetch = NULL;
    enum evm_status st = find_sets(config, in, &own, &sets);
    if (st == EVM_OK && config->caches.prefetch && !direct) {
        prefetch = sets ? sets : &own;
        if (!sets)
            st = evm_access_sets_declared(&own, in->txs, in->tx_count);
    }
    if (st == EVM_OK)
        st = block_rules(c, in, &rules);
    if (st == EVM_OK)
        st = direct
                 ? evm_direct_execute(&c->direct, &rules, in, base, c->codes, &config->caches, out)
                 : execute_versions(c, config, in, &rules, base, sets, prefetch, out);
    evm_access_sets_fini(&own);
    bool threads = !direct && config->driver == EVM_DRIVER_THREADS;
    filter_receipts(out, threads ? workers_of(config, in->tx_count) : 1);
    return st;
}

static enum evm_status execute_pooled(const struct evm_exec_config *config,
                                      const struct evm_block_input *in,
                                      struct evm_block_result *out, struct evm_err *err)
{
    *out = (struct evm_block_result){0};
    evm_changes_init(&out->changes);
    enum evm_status st = check(config, in, err);
    if (st != EVM_OK)
        return st;
    struct context *c = pool_take(config->pool);
    if (!c)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    c->run.ladder.overflow = c->direct.own.overflow = false;
    st = context_fit(c, config->executor, evm_state_codes(in->pre), in->ahead != NULL);
    if (st == EVM_OK)
        st = execute(c, config, in, out);
    bool overflow = st == EVM_ERR_INPUT && (c->run.ladder.overflow || c->direct.own.overflow);
    enum evm_stall stalled = c->run.stalled;
    /* After an error its parts may be half grown; they still can be given back. */
    pool_give(st == EVM_OK ? config->pool : NULL, c);
    if (st == EVM_ERR_MEMORY)
        return evm_fail(err, st, "out of memory while executing a block of %u transactions",
                        in->tx_count);
    if (st == EVM_ERR_LIMIT)
        return evm_fail(err, st, "%s: %s after %u of %u transactions", config->executor->name,
                        stalled == EVM_STALL_NO_WORK ? "nothing left to do (deadlock)"
                                                     : "no commit any more (livelock)",
                        out->receipt_count, in->tx_count);
    if (overflow)
        return evm_fail(err, st, "the beneficiary's balance, or all fees, pass 2^256 wei");
    return st;
}

/* With an access list of these transactions alone. */
static enum evm_status execute_listed(const struct evm_exec_config *config,
                                      const struct evm_block_input *in,
                                      struct evm_block_result *out, struct evm_err *err)
{
    struct evm_bal_builder builder = {0};
    struct evm_state_view before = {in->pre, in->hashes};
    struct evm_block_input listed = *in;
    listed.bal = &builder;
    enum evm_status st = execute_pooled(config, &listed, out, err);
    if (st == EVM_OK && out->invalid == EVM_TX_VALID) {
        st = evm_bal_finish(&builder, evm_state_view(&before), &out->bal);
        if (st != EVM_OK)
            evm_fail(err, st, "out of memory for the access list of %u transactions", in->tx_count);
    }
    evm_bal_builder_fini(&builder);
    return st;
}

enum evm_status evm_execute(const struct evm_exec_config *config, const struct evm_block_input *in,
                            struct evm_block_result *out, struct evm_err *err)
{
    return config->keep_bal ? execute_listed(config, in, out, err)
                            : execute_pooled(config, in, out, err);
}

void evm_block_result_fini(struct evm_block_result *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->receipt_count; i++)
        evm_receipt_fini(&r->receipts[i]);
    evm_changes_fini(&r->changes);
    free(r->receipts);
    free(r->stats);
    free(r->slices);
    evm_access_sets_fini(&r->sets);
    evm_bal_fini(&r->bal);
    evm_requests_fini(&r->requests);
    *r = (struct evm_block_result){0};
}
