#include "evm/parallel/blockrun.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/spin.h"
#include "evm/parallel/stretch.h"

/* ---- the view of a transaction in flight ------------------------------------------------------
 */

static enum evm_read stop(struct evm_run *run, enum evm_run_stop why)
{
    run->stop = (uint8_t)why;
    return EVM_READ_PENDING;
}

static enum evm_read blocked(struct evm_run *run, uint32_t blocker)
{
    run->blocker = blocker;
    return stop(run, EVM_RUN_BLOCKED);
}

/* May the read happen now? In virtual time each one is an event of its own; an executor with locks
 * has a say. */
static bool may_read(struct evm_run *run, enum evm_mv_kind kind, const struct evm_addr *addr,
                     const struct evm_u256 *key)
{
    const struct evm_blockrun *b = run->block;
    if (run->timed && !run->granted) {
        run->at = (struct evm_location){(uint8_t)kind, addr, key};
        stop(run, EVM_RUN_READ);
        return false;
    }
    if (!b->ops->admit)
        return true;
    struct evm_location at = {(uint8_t)kind, addr, key};
    if (b->ops->admit(b->sched, run->tx, &at, &run->blocker))
        return true;
    stop(run, EVM_RUN_BLOCKED);
    return false;
}

static enum evm_read answered(struct evm_run *run, enum evm_mv_answer answer, uint32_t blocker)
{
    switch (answer) {
    case EVM_MV_OK: run->granted = run->unguarded = false; return EVM_READ_OK;
    case EVM_MV_GUARDED: return stop(run, EVM_RUN_GUARDED);
    case EVM_MV_WAIT: return blocked(run, blocker);
    default: evm_blockrun_fail(run->block, EVM_ERR_MEMORY); return stop(run, EVM_RUN_FAILED);
    }
}

static enum evm_mv_kind first_kind(unsigned need)
{
    return need & EVM_NEED_BALANCE  ? EVM_MV_BALANCE
           : need & EVM_NEED_NONCE  ? EVM_MV_NONCE
           : need & EVM_NEED_CODE   ? EVM_MV_CODE
           : need & EVM_NEED_EXISTS ? EVM_MV_EXISTS
                                    : EVM_MV_STORED;
}

/* Who only pays the beneficiary, or spends less than it had before the block, need not wait: the
 * end of the run tells whether the balance was looked at. */
static bool may_guess(const struct evm_run *run, unsigned need)
{
    const struct evm_blockrun *b = run->block;
    return (b->traits & EVM_TRAIT_DELTAS) && !(need & EVM_NEED_EXISTS) &&
           b->body_ops->balance_bound && !b->records[run->tx].wants_turn;
}

/* The beneficiary's balance is on the ladder: all fees before this transaction are in it only when
 * everything before is committed. Then the value is final, so it needs no entry in the log. */
static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct evm_run *run = self;
    struct evm_blockrun *b = run->block;
    if (!may_read(run, first_kind(need), addr, NULL))
        return EVM_READ_PENDING;
    bool apart =
        (need & (EVM_NEED_BALANCE | EVM_NEED_EXISTS)) && evm_addr_eq(addr, &b->rules.beneficiary);
    bool turn = apart && atomic_load(&b->boundary) == run->tx;
    if (apart && !turn && !may_guess(run, need))
        return blocked(run, EVM_TURN);
    uint32_t blocker = EVM_NO_TX;
    b->records[run->tx].log.guarded = evm_run_may_save(run);
    enum evm_mv_answer answer = evm_mv_account(
        b->mv, run->tx, addr, need, out, &b->records[run->tx].log, &blocker, run->core, &run->cost);
    run->guessed |= apart && !turn && answer == EVM_MV_OK;
    if (turn && answer == EVM_MV_OK) {
        out->balance = b->ladder.beneficiary.balance;
        out->exists = b->ladder.beneficiary.exists;
        run->took_turn = true;
    }
    return answered(run, answer, blocker);
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct evm_run *run = self;
    struct evm_blockrun *b = run->block;
    if (!may_read(run, EVM_MV_SLOT, addr, key))
        return EVM_READ_PENDING;
    uint32_t blocker = EVM_NO_TX;
    b->records[run->tx].log.guarded = evm_run_may_save(run);
    enum evm_mv_answer answer = evm_mv_slot(
        b->mv, run->tx, addr, key, out, &b->records[run->tx].log, &blocker, run->core, &run->cost);
    return answered(run, answer, blocker);
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct evm_run *run = self;
    run->block->base.ops->block_hash(run->block->base.self, number, out);
}

static const struct evm_view_ops view_ops = {view_account, view_slot, view_block_hash};

/* ---- runs: one for each transaction in flight, kept from block to block -----------------------
 */

static struct evm_run *run_new(struct evm_blockrun *b)
{
    struct evm_run *run = evm_calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->block = b;
    run->body = b->body_ops->create(b->body_self);
    if (!run->body) {
        free(run);
        return NULL;
    }
    return run;
}

/* A body is large, so it is made outside the lock. */
static struct evm_run *run_take(struct evm_blockrun *b, uint32_t core)
{
    struct evm_run *spare = b->counts[core].spare;
    b->counts[core].spare = NULL;
    if (spare)
        return spare;
    evm_spin_lock(b->threaded, &b->runs_lock);
    struct evm_run *run = b->free_runs;
    if (run)
        b->free_runs = run->next_free;
    evm_spin_unlock(b->threaded, &b->runs_lock);
    if (run)
        return run;
    run = run_new(b);
    if (!run)
        return NULL;
    evm_spin_lock(b->threaded, &b->runs_lock);
    bool room = b->run_count < b->run_capacity;
    if (room)
        b->runs[b->run_count++] = run;
    evm_spin_unlock(b->threaded, &b->runs_lock);
    EVM_CHECK(room, "more than %u transactions in flight", b->run_capacity);
    return run;
}

static void run_give(struct evm_blockrun *b, struct evm_run *run)
{
    evm_spin_lock(b->threaded, &b->runs_lock);
    run->next_free = b->free_runs;
    b->free_runs = run;
    evm_spin_unlock(b->threaded, &b->runs_lock);
}

/* By the worker that ran it, which is likely to want one next. */
static void run_give_back(struct evm_run *run)
{
    struct evm_blockrun *b = run->block;
    if (b->threaded && !b->counts[run->core].spare)
        b->counts[run->core].spare = run;
    else
        run_give(b, run);
}

void evm_run_drop(struct evm_run *run)
{
    run_give(run->block, run);
}

void evm_blockrun_forget_bodies(struct evm_blockrun *b)
{
    for (uint32_t i = 0; i < b->run_count; i++) {
        b->body_ops->destroy(b->runs[i]->body);
        free(b->runs[i]);
    }
    b->run_count = 0;
    b->free_runs = NULL;
}

/* ---- a block --------------------------------------------------------------------------------- */

void evm_blockrun_fini(struct evm_blockrun *b)
{
    evm_blockrun_forget_bodies(b);
    for (uint32_t i = 0; i < b->record_capacity; i++) {
        evm_mv_log_fini(&b->records[i].log);
        evm_changes_fini(&b->records[i].changes);
        evm_touched_fini(&b->records[i].touched);
    }
    evm_changes_fini(&b->ladder.scratch);
    evm_stretch_fini(&b->stretch);
    free(b->records);
    free(b->counts);
    free(b->runs);
}

void evm_blockrun_fail(struct evm_blockrun *b, enum evm_status why)
{
    int none = EVM_OK;
    atomic_compare_exchange_strong(&b->error, &none, (int)why);
}

void evm_blockrun_stall(struct evm_blockrun *b, enum evm_stall how)
{
    b->stalled = how;
    evm_blockrun_fail(b, EVM_ERR_LIMIT);
}

static bool grow_records(struct evm_blockrun *b, uint32_t n)
{
    if (n <= b->record_capacity)
        return true;
    struct evm_tx_record *records = evm_realloc(b->records, n * sizeof *records);
    if (!records)
        return false;
    memset(records + b->record_capacity, 0, (n - b->record_capacity) * sizeof *records);
    for (uint32_t i = b->record_capacity; i < n; i++)
        evm_changes_init(&records[i].changes);
    b->records = records;
    b->record_capacity = n;
    return true;
}

static bool grow_workers(struct evm_blockrun *b)
{
    uint32_t runs = 2 * b->workers + b->parked_max + b->kept_max;
    if (runs > b->run_capacity) {
        struct evm_run **grown = evm_realloc(b->runs, runs * sizeof(*grown));
        if (!grown)
            return false;
        b->runs = grown;
        b->run_capacity = runs;
    }
    if (b->workers > b->count_capacity) {
        free(b->counts);
        b->count_capacity = 0;
        size_t size = sizeof *b->counts * b->workers;
        b->counts = evm_malloc_aligned(_Alignof(struct evm_worker_count), size);
        if (!b->counts)
            return false;
        b->count_capacity = b->workers;
    }
    memset(b->counts, 0, sizeof *b->counts * b->workers);
    return true;
}

static bool prepare_result(struct evm_block_result *r, uint32_t n)
{
    if (n == 0)
        return true;
    r->receipts = evm_malloc(n * sizeof *r->receipts);
    r->stats = evm_calloc(n, sizeof *r->stats);
    return r->receipts && r->stats;
}

static enum evm_status prepare_ladder(struct evm_blockrun *b)
{
    struct evm_account acc;
    struct evm_mv_cost cost = {0};
    uint32_t blocker;
    if (evm_mv_account(b->mv, 0, &b->rules.beneficiary, EVM_NEED_BALANCE | EVM_NEED_EXISTS, &acc,
                       NULL, &blocker, 0, &cost) != EVM_MV_OK)
        return EVM_ERR_MEMORY;
    struct evm_changes scratch = b->ladder.scratch;
    b->ladder = (struct evm_ladder){.beneficiary = {acc.exists, acc.balance}, .scratch = scratch};
    b->payee_before = acc.balance;
    return EVM_OK;
}

static void reset_runs(struct evm_blockrun *b)
{
    b->free_runs = NULL;
    b->parked = b->kept = 0;
    for (uint32_t i = b->run_count; i-- > 0;) {
        b->runs[i]->next_free = b->free_runs;
        b->free_runs = b->runs[i];
    }
}

enum evm_status evm_blockrun_begin(struct evm_blockrun *b, const struct evm_blockrun_setup *setup,
                                   struct evm_block_result *result)
{
    b->rules = *setup->rules;
    b->body_ops = setup->body_ops;
    b->body_self = setup->body_self;
    b->base = setup->base;
    b->workers = setup->workers;
    b->threaded = setup->threaded;
    b->timed = setup->timed;
    b->keep_sets = setup->keep_sets;
    b->caches = setup->caches;
    b->prefetch = setup->prefetch;
    b->bal = setup->bal;
    b->traits = b->ops->traits;
    if (!setup->params->deltas)
        b->traits &= ~(unsigned)EVM_TRAIT_DELTAS;
    if (!setup->params->partial || !b->body_ops->save)
        b->traits &= ~(unsigned)EVM_TRAIT_PARTIAL;
    b->result = result;
    b->parked_max = 2 * b->workers + 16;
    b->kept_max = b->traits & EVM_TRAIT_PARTIAL ? b->parked_max : 0;
    atomic_store(&b->boundary, 0);
    atomic_store(&b->error, EVM_OK);
    uint32_t n = b->rules.tx_count;
    if (!grow_records(b, n) || !grow_workers(b) || !prepare_result(result, n))
        return EVM_ERR_MEMORY;
    reset_runs(b);
    for (uint32_t i = 0; i < n; i++) {
        struct evm_tx_record *r = &b->records[i];
        r->has_receipt = r->published = r->took_turn = r->wants_turn = r->has_bound = false;
        r->incarnation = r->alone_depth = 0;
        r->read_stamp = r->change_stamp = 0;
        r->run = NULL;
        r->cost_ns = r->total_ns = r->path_ns = 0;
        evm_mv_log_clear(&r->log);
        evm_changes_clear(&r->changes);
    }
    b->stalled = EVM_STALL_NONE;
    b->chaos = setup->chaos;
    enum evm_status st = evm_mv_begin(b->mv, b->base, n, &b->rules.beneficiary, b->threaded,
                                      b->traits & EVM_TRAIT_BY_VERSION);
    if (st == EVM_OK)
        st = prepare_ladder(b);
    if (st != EVM_OK)
        return st;
    b->stretch.direct = setup->direct;
    b->stretch.in = setup->in;
    b->stretch.codes = setup->codes;
    b->stretch.hashes_ahead = !setup->caches.no_keccak;
    b->stretch.open = false;
    struct evm_sched_env env = {.tx_count = n,
                                .stretches = setup->direct != NULL,
                                .workers = b->workers,
                                .threaded = b->threaded,
                                .seed = setup->seed,
                                .txs = setup->txs,
                                .mv = b->mv,
                                .params = setup->params,
                                .sets = setup->sets,
                                .history = setup->history};
    return b->ops->begin(b->sched, &env);
}

static void sum_counts(const struct evm_blockrun *b, struct evm_block_result *r)
{
    for (uint32_t i = 0; i < b->workers; i++) {
        r->executions += b->counts[i].executions;
        r->aborts += b->counts[i].aborts;
        r->validations += b->counts[i].validations;
        r->wasted_gas += b->counts[i].wasted_gas - b->counts[i].returned_gas;
        r->kept_gas += b->counts[i].returned_gas;
        r->returns += b->counts[i].returns;
        r->busy_ns += b->counts[i].busy_ns;
    }
}

static void drop_receipts(struct evm_blockrun *b)
{
    for (uint32_t i = 0; i < b->rules.tx_count; i++)
        if (b->records[i].has_receipt)
            evm_receipt_fini(&b->records[i].receipt);
    struct evm_block_result *r = b->result;
    if (r->invalid == EVM_TX_VALID)
        return;
    for (uint32_t i = 0; i < r->receipt_count; i++)
        evm_receipt_fini(&r->receipts[i]);
    r->receipt_count = 0;
}

enum evm_status evm_blockrun_end(struct evm_blockrun *b)
{
    struct evm_block_result *r = b->result;
    enum evm_status error = (enum evm_status)atomic_load(&b->error);
    r->receipt_count = b->ladder.receipt_count;
    drop_receipts(b);
    sum_counts(b, r);
    if (error != EVM_OK || r->invalid != EVM_TX_VALID)
        return error;
    uint32_t boundary = atomic_load(&b->boundary);
    EVM_CHECK(boundary == b->rules.tx_count, "the driver stopped with %u of %u committed", boundary,
              b->rules.tx_count);
    r->gas_used = b->ladder.gas_used;
    r->blob_gas_used = b->ladder.blob_gas_used;
    r->fees = b->ladder.fees;
    r->burnt = b->ladder.burnt;
    r->critical_path_ns = b->ladder.longest_path;
    if (b->keep_sets) {
        error = evm_blockrun_keep_sets(b, &r->sets);
        if (error != EVM_OK)
            return error;
    }
    return evm_stretch_collect(b, &r->changes);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void run_begin(struct evm_run *run, struct evm_task task)
{
    struct evm_blockrun *b = run->block;
    struct evm_tx_record *r = &b->records[task.tx];
    run->tx = task.tx;
    run->parts = 0;
    run->returned = false;
    run->took_turn = run->guessed = run->unguarded = run->finished = false;
    run->save_count = run->uneven = 0;
    run->waited = 0;
    run->meter = (struct evm_meter){0};
    run->cost = (struct evm_mv_cost){0};
    evm_mv_log_clear(&r->log);
    r->read_stamp = evm_mv_stamp(b->mv);
    b->body_ops->begin(b->body_self, run->body, task.tx, (struct evm_view){&view_ops, run});
}

/* The transaction's run, parked or finished, which is kept no longer; NULL if there is none. */
static struct evm_run *take_kept(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_run *run = b->records[tx].run;
    if (!run)
        return NULL;
    b->records[tx].run = NULL;
    evm_spin_lock(b->threaded, &b->runs_lock);
    b->kept -= run->finished;
    b->parked -= !run->finished;
    evm_spin_unlock(b->threaded, &b->runs_lock);
    return run;
}

/* A run that is over for now: kept if it may go back, and given back if not. */
static void run_end(struct evm_run *run, uint64_t spent)
{
    struct evm_blockrun *b = run->block;
    run->spent = spent;
    run->finished = run->save_count > 0;
    if (run->finished) {
        evm_spin_lock(b->threaded, &b->runs_lock);
        run->finished = b->kept < b->kept_max;
        b->kept += run->finished;
        evm_spin_unlock(b->threaded, &b->runs_lock);
    }
    if (run->finished)
        b->records[run->tx].run = run;
    else
        run_give_back(run);
}

void evm_run_forget(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_run *run = take_kept(b, tx);
    if (run)
        run_give(b, run);
}

/* A kept run goes on only if all it has read so far is still so. */
static struct evm_run *run_resume(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                                  struct evm_task_result *result, struct evm_mv_cost *checked)
{
    struct evm_tx_record *r = &b->records[task.tx];
    struct evm_run *run = take_kept(b, task.tx);
    uint64_t stamp = evm_mv_stamp(b->mv);
    if (stamp != r->read_stamp) {
        if (!evm_mv_validate(b->mv, task.tx, &r->log, &result->blocker, core, checked)) {
            result->what = EVM_RAN_STALE;
            b->counts[core].aborts += !evm_run_ahead(run).skipped;
            run->core = core;
            run_end(run, 0);
            return NULL;
        }
        r->read_stamp = stamp;
    }
    return run;
}

/* At the start, or where an earlier incarnation can go on. NULL when memory is out. */
static struct evm_run *run_anew(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                                struct evm_mv_cost *checked)
{
    struct evm_run *run = take_kept(b, task.tx);
    if (run && evm_run_go_back(run, core, checked))
        return run;
    if (!run)
        run = run_take(b, core);
    if (run)
        run_begin(run, task);
    return run;
}

struct evm_run *evm_run_start(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                              bool timed, struct evm_task_result *result,
                              struct evm_mv_cost *checked)
{
    struct evm_tx_record *r = &b->records[task.tx];
    struct evm_run *run;
    *result = (struct evm_task_result){.blocker = EVM_NO_TX};
    if (r->run && !r->run->finished) {
        EVM_CHECK(task.kind == EVM_TASK_RESUME, "transaction %u is parked but task %u came",
                  task.tx, task.kind);
        run = run_resume(b, task, core, result, checked);
        if (!run)
            return NULL;
        run->returned = false;
    } else {
        run = run_anew(b, task, core, checked);
        if (!run) {
            result->what = EVM_RAN_ENDED;
            evm_blockrun_fail(b, EVM_ERR_MEMORY);
            return NULL;
        }
    }
    run->parts++;
    run->core = core;
    run->incarnation = task.incarnation;
    run->timed = timed;
    run->alone = task.kind == EVM_TASK_ALONE;
    run->granted = true; /* its first read happens when the task starts */
    r->incarnation = task.incarnation;
    return run;
}

enum evm_run_stop evm_run_step(struct evm_run *run)
{
    struct evm_meter *meter = run->block->timed ? &run->meter : NULL;
    for (;;) {
        switch (run->block->body_ops->step(run->body, meter, 0)) {
        case EVM_STEP_DONE: return EVM_RUN_DONE;
        case EVM_STEP_READ:
            if (run->stop != EVM_RUN_GUARDED)
                return (enum evm_run_stop)run->stop;
            evm_run_save(run);
            run->unguarded = true;
            break;
        case EVM_STEP_SLICE: break;
        }
    }
}

void evm_run_park(struct evm_run *run, struct evm_task_result *result)
{
    struct evm_blockrun *b = run->block;
    *result = (struct evm_task_result){.what = EVM_RAN_BLOCKED, .blocker = run->blocker};
    evm_spin_lock(b->threaded, &b->runs_lock);
    result->kept = (b->traits & EVM_TRAIT_PARKS) && b->parked < b->parked_max;
    b->parked += result->kept;
    evm_spin_unlock(b->threaded, &b->runs_lock);
    if (result->kept)
        b->records[run->tx].run = run;
    else
        run_give(b, run);
}

/* Takes what is worth keeping out of the run, whose next begin() forgets it. */
static enum evm_status keep_outcome(struct evm_run *run, struct evm_tx_record *r)
{
    struct evm_blockrun *b = run->block;
    const struct evm_tx_outcome *o = b->body_ops->outcome(run->body);
    if (r->has_receipt)
        evm_receipt_fini(&r->receipt);
    r->has_receipt = false;
    r->outcome = *o;
    r->outcome.output = (struct evm_bytes){0};
    r->outcome.logs = NULL;
    r->outcome.changes = NULL;
    r->took_turn = run->took_turn;
    r->skipped = evm_run_ahead(run).skipped;
    evm_changes_clear(&r->changes);
    if (o->error != EVM_OK)
        return o->error;
    if (o->invalid != EVM_TX_VALID)
        return EVM_OK;
    struct evm_changes swap = r->changes;
    r->changes = *o->changes;
    *o->changes = swap;
    evm_touched_clear(&r->touched);
    if (b->bal && b->body_ops->each_access)
        b->body_ops->each_access(run->body, evm_touched_visit, &r->touched);
    if (r->touched.failed)
        return EVM_ERR_MEMORY;
    if (!b->body_ops->receipt)
        return EVM_OK;
    enum evm_status st = b->body_ops->receipt(b->body_self, run->tx, o, &r->receipt);
    r->has_receipt = st == EVM_OK;
    return st;
}

static void wait_for_turn(struct evm_run *run, struct evm_task_result *result)
{
    struct evm_blockrun *b = run->block;
    b->records[run->tx].wants_turn = true;
    *result = (struct evm_task_result){.what = EVM_RAN_BLOCKED, .blocker = EVM_TURN};
    b->counts[run->core].aborts += !b->records[run->tx].skipped;
    b->counts[run->core].executions += !b->records[run->tx].skipped;
    run_give(b, run);
}

struct chain {
    const struct evm_blockrun *block;
    uint32_t longest;
};

static void follow(void *self, uint32_t writer)
{
    struct chain *c = self;
    if (writer == EVM_NO_TX || writer < c->block->alone_since)
        return;
    uint32_t depth = c->block->records[writer].alone_depth;
    c->longest = depth > c->longest ? depth : c->longest;
}

/* The longest chain of readers, since nobody else works, that ends with this transaction. */
static uint32_t alone_depth(struct evm_blockrun *b, uint32_t tx)
{
    struct chain c = {b, 0};
    if (tx == 0 || b->records[tx - 1].alone_depth == 0)
        b->alone_since = tx;
    evm_mv_log_writers(&b->records[tx].log, follow, &c);
    return c.longest + 1;
}

void evm_run_finish(struct evm_run *run, struct evm_task_result *result)
{
    struct evm_blockrun *b = run->block;
    struct evm_tx_record *r = &b->records[run->tx];
    *result = (struct evm_task_result){.what = EVM_RAN_FINISHED, .blocker = EVM_NO_TX};
    enum evm_status st = keep_outcome(run, r);
    if (st == EVM_OK && !evm_run_settle_balances(run)) {
        wait_for_turn(run, result);
        return;
    }
    struct evm_mv_published p = {0};
    result->overtaken = evm_mv_stamp(b->mv) != r->read_stamp;
    if (st == EVM_OK && b->ops->visibility == EVM_VISIBLE_FINISHED) {
        st = evm_mv_publish(b->mv, run->tx, run->incarnation, &r->changes, run->core, &p);
        r->published = true;
    }
    if (st != EVM_OK) {
        evm_blockrun_fail(b, st);
        result->what = EVM_RAN_ENDED;
    }
    if (p.changed)
        r->change_stamp = p.stamp;
    result->changed = p.changed;
    result->added = p.added;
    result->readers = p.readers;
    result->writes = p.writes;
    result->reads = r->log.count;
    result->gas_used = r->outcome.gas_used;
    r->alone_depth = run->alone ? alone_depth(b, run->tx) : 0;
    result->depth = r->alone_depth;
    b->counts[run->core].executions += !r->skipped;
    run_end(run, result->gas_used);
}

void evm_run_validate(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                      struct evm_task_result *result, struct evm_mv_cost *cost)
{
    struct evm_tx_record *r = &b->records[task.tx];
    *result = (struct evm_task_result){.what = EVM_RAN_VALID, .blocker = EVM_NO_TX};
    uint64_t stamp = evm_mv_stamp(b->mv);
    if (stamp == r->read_stamp)
        return;
    b->counts[core].validations++;
    if (evm_mv_validate(b->mv, task.tx, &r->log, &result->blocker, core, cost)) {
        r->read_stamp = stamp;
        return;
    }
    result->what = EVM_RAN_INVALID;
    b->counts[core].aborts += !r->skipped;
    b->counts[core].wasted_gas += r->skipped ? 0 : r->outcome.gas_used;
}
