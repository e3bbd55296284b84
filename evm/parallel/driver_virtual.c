/* The virtual driver: N simulated cores on one host thread. Each core is a clock; whatever touches
 * what cores share - asking the executor, a read of the multi-version memory, a publication, a
 * validation, a commit - is an event at its virtual time, and events happen in the order of
 * (time, tie, core). Between two events of a core its transaction runs ahead of the clock, which
 * nobody can notice: it touches only its own journal and memory.
 *
 * Costs come from the profile, never from a clock of the host. */
#include <math.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak_memo.h"
#include "evm/parallel/blockrun.h"
#include "evm/parallel/precompute_internal.h"
#include "evm/parallel/storage.h"

enum phase {
    PHASE_ASK,     /* free: asks for a task */
    PHASE_READ,    /* its transaction's next read happens */
    PHASE_PUBLISH, /* its transaction ends */
    PHASE_CHECK,   /* its validation ends */
    PHASE_COMMIT,  /* its commit ends */
};

struct core {
    uint8_t phase;
    bool woken; /* was idle; if it finds work, the next idle one is woken */
    struct evm_task task;
    struct evm_run *run;
    bool fetched;          /* what the waiting read wants was asked of the device */
    int64_t start;         /* of the task */
    double before;         /* what the run had cost when this part of it began */
    double stall;          /* of this part: waited for the device and for memory's bandwidth, ... */
    int64_t waited;        /* ... the device alone */
    double settled, moved; /* of this part: cost and bytes up to the last event, ... */
    double rate;           /* ... and bytes a nanosecond from there on */
    struct evm_keccak_kept kept, code;
};

/* What is known of a transaction beside its record. */
struct virtual_tx {
    double single;   /* its cost in serial, without what caches of hashes save */
    uint32_t hashed; /* the last one in machine.memo */
    bool alone;      /* it ran with nobody beside it (EVM_TASK_ALONE) */
};

struct event {
    uint64_t rank; /* of the core; 0 unless an exploration gives it one */
    int64_t time;
    uint64_t tie;
    uint32_t core;
};

/* What an exploration does to the schedule (struct evm_exec_chaos). */
struct disturbance {
    struct evm_exec_chaos *config; /* NULL: nothing */
    uint64_t draws;
    uint64_t changes[EVM_CHAOS_DEPTH]; /* the steps at which the core at work loses its place */
    uint64_t *ranks;                   /* of the cores */
};

struct machine {
    struct evm_blockrun *b;
    const struct evm_profile *profile;
    struct evm_schedule *keep;
    struct core *cores;
    struct event *heap; /* one event for each core that is not idle */
    uint32_t heap_count;
    uint32_t *idle;
    uint32_t idle_count;
    uint64_t seed, draws;
    bool single;   /* serial: one version of everything, no scheduler, no ladder */
    double step;   /* one task handed out and taken back */
    int64_t end;   /* the last commit */
    double demand; /* bytes a nanosecond that all cores move */
    bool on_device;
    struct evm_storage storage;
    struct virtual_tx *txs;
    struct evm_keccak_memo memo;
    uint64_t *tags;           /* all cores', and those of code */
    uint32_t kept, code_kept; /* a core's */
    bool over;                /* the executor said so */
    uint64_t fruitless;       /* tasks since the last commit */
    struct disturbance chaos;
};

/* ---- time ------------------------------------------------------------------------------------ */

/* splitmix64's finalizer over the seed and a counter: ties fall differently for each seed and the
 * same way each time. */
static uint64_t mix(uint64_t seed, uint64_t count)
{
    uint64_t x = seed + count * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t draw(struct machine *m)
{
    return mix(m->seed, ++m->draws);
}

static uint64_t draw_chaos(struct disturbance *d)
{
    return mix(d->config->seed, ++d->draws);
}

static bool earlier(const struct event *a, const struct event *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->time != b->time)
        return a->time < b->time;
    return a->tie != b->tie ? a->tie < b->tie : a->core < b->core;
}

/* What the core does next comes later, and all that it does after that. */
static int64_t delay(struct machine *m, uint32_t core, int64_t most)
{
    int64_t late = (int64_t)(draw_chaos(&m->chaos) % ((uint64_t)most + 1));
    m->cores[core].start += late;
    return late;
}

static void push(struct machine *m, uint32_t core, enum phase phase, int64_t time)
{
    const struct evm_exec_chaos *chaos = m->chaos.config;
    if (chaos && chaos->jitter > 0)
        time += delay(m, core, chaos->jitter);
    struct event e = {chaos ? m->chaos.ranks[core] : 0, time, draw(m), core};
    m->cores[core].phase = (uint8_t)phase;
    uint32_t at = m->heap_count++;
    for (uint32_t up; at > 0 && (up = (at - 1) / 2, earlier(&e, &m->heap[up])); at = up)
        m->heap[at] = m->heap[up];
    m->heap[at] = e;
}

static struct event pop(struct machine *m)
{
    struct event first = m->heap[0], last = m->heap[--m->heap_count];
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < m->heap_count) {
        if (child + 1 < m->heap_count && earlier(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!earlier(&m->heap[child], &last))
            break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return first;
}

/* One idle core, drawn by the seed, asks at that time. */
static void wake_one(struct machine *m, int64_t time)
{
    if (m->idle_count == 0)
        return;
    uint32_t k = (uint32_t)(draw(m) % m->idle_count);
    uint32_t core = m->idle[k];
    m->idle[k] = m->idle[--m->idle_count];
    m->cores[core].woken = true;
    push(m, core, PHASE_ASK, time);
}

/* ---- costs ----------------------------------------------------------------------------------- */

static int64_t whole(double ns)
{
    return (int64_t)llround(ns);
}

/* One version of everything is enough: there is one core, or one at work. */
static bool is_single(const struct machine *m, const struct evm_run *run)
{
    return m->single || run->alone;
}

static unsigned how(const struct machine *m)
{
    const struct evm_exec_caches *caches = &m->b->caches;
    return (caches->no_code ? EVM_PROFILE_PLAIN : 0) | (caches->no_keccak ? 0 : EVM_PROFILE_AHEAD);
}

/* First reads of the state before the block, and lines fetched from other cores. */
static double cost_of_reads(const struct machine *m, const struct evm_mv_cost *c, bool single)
{
    const struct evm_profile *p = m->profile;
    double first = single ? ((double)c->accounts + c->slots) * p->first_single
                          : c->accounts * p->read_account + c->slots * p->read_slot;
    return first + c->contended * p->contended_line + c->copied * p->op[EVM_COST_COPY];
}

static double cost_executed(const struct machine *m, const struct evm_run *run)
{
    const struct evm_profile *p = m->profile;
    bool single = is_single(m, run);
    return p->tx_base + evm_profile_cost(p, &run->meter, how(m)) +
           run->cost.lookups * (single ? p->lookup_single : p->read_versions);
}

/* What depends on the transaction alone; of one that runs nothing because its result was kept from
 * before the block, comparing its reads. */
static double cost_of_work(const struct machine *m, const struct evm_run *run)
{
    const struct evm_profile *p = m->profile;
    const struct evm_body_ahead ahead = evm_run_ahead(run);
    double look = run->cost.lookups * (is_single(m, run) ? p->lookup_single : p->read_versions);
    return ahead.compared * p->validate_entry + (ahead.skipped ? look : cost_executed(m, run));
}

static double cost_of_run(const struct machine *m, const struct evm_run *run)
{
    return cost_of_work(m, run) + cost_of_reads(m, &run->cost, is_single(m, run));
}

static uint32_t writes_of(const struct machine *m, const struct evm_run *run)
{
    const struct evm_tx_outcome *o = m->b->body_ops->outcome(run->body);
    if (o->invalid != EVM_TX_VALID || !o->changes)
        return 0;
    return o->changes->account_count + o->changes->slot_count;
}

static double cost_of_writes(const struct machine *m, const struct evm_run *run, uint32_t writes)
{
    return writes * (is_single(m, run) ? m->profile->write_single : m->profile->write);
}

/* The same in serial, where nothing is remembered: what is, serial_time() takes off. */
static double cost_in_serial(const struct machine *m, const struct evm_run *run, uint32_t writes)
{
    const struct evm_profile *p = m->profile;
    struct evm_meter meter = run->meter;
    meter.keccak_kept = meter.keccak_follows = meter.cold_blocks = 0;
    return p->tx_base + evm_profile_cost(p, &meter, how(m)) + run->cost.lookups * p->lookup_single +
           writes * p->write_single;
}

static double bytes_of(const struct machine *m, const struct evm_run *run, uint32_t writes)
{
    const struct evm_profile *p = m->profile;
    const struct evm_mv_cost *c = &run->cost;
    return ((double)c->accounts + c->slots) * p->bytes_read + c->lookups * p->bytes_lookup +
           writes * p->bytes_write;
}

/* The piece of work up to `cost` begins (its core's last event is now): while all cores together
 * would move more than memory can, it takes longer by that factor. */
static void share_bandwidth(struct machine *m, struct core *c, double cost, uint32_t writes)
{
    double bound = m->profile->bandwidth, bytes, length = cost - c->settled;
    if (bound <= 0 || length <= 0)
        return;
    bytes = bytes_of(m, c->run, writes);
    m->demand -= c->rate;
    c->rate = (bytes - c->moved) / length;
    m->demand += c->rate;
    if (m->demand > bound)
        c->stall += length * (m->demand / bound - 1);
    c->settled = cost;
    c->moved = bytes;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* The core is free from `time` on: reports, then asks. */
static void report(struct machine *m, uint32_t core, const struct evm_task_result *result,
                   int64_t time)
{
    struct core *c = &m->cores[core];
    struct evm_wake wake = {0};
    m->b->counts[core].busy_ns += time - c->start - c->waited;
    m->b->result->device_ns += c->waited;
    m->demand -= c->rate;
    c->rate = 0;
    c->waited = 0;
    if (!evm_schedule_put(m->keep, core, c->task, c->start, time))
        evm_blockrun_fail(m->b, EVM_ERR_MEMORY);
    m->b->ops->done(m->b->sched, core, c->task, result, &wake);
    push(m, core, PHASE_ASK, time);
    for (uint32_t i = wake.all ? m->idle_count : 0; i-- > 0;)
        wake_one(m, time);
    if (wake.count > 1)
        wake_one(m, time);
}

/* The read that the run waits for happens at `time`, unless what it wants is not there before
 * *ready. */
static bool fetch(struct machine *m, struct core *c, int64_t time, int64_t *ready)
{
    if (m->on_device && !c->fetched) {
        const struct evm_location *at = &c->run->at;
        c->fetched = true;
        *ready = evm_storage_read(&m->storage, at->addr, at->key, time);
        if (*ready > time) {
            c->stall += (double)(*ready - time);
            c->waited += *ready - time;
            c->run->waited += *ready - time;
            return false;
        }
    }
    c->fetched = false;
    c->run->granted = true;
    return true;
}

/* Runs the transaction to its next event. While no other core has an event before this one's next
 * read, the read happens at once. */
static void advance(struct machine *m, uint32_t core)
{
    struct core *c = &m->cores[core];
    struct evm_run *run = c->run;
    for (;;) {
        m->memo.core = &c->kept;
        m->memo.code = &c->code;
        m->memo.last = &m->txs[run->tx].hashed;
        enum evm_run_stop stop = evm_run_step(run);
        uint32_t writes = stop == EVM_RUN_DONE ? writes_of(m, run) : 0;
        double cost = cost_of_run(m, run) + cost_of_writes(m, run, writes) - c->before;
        struct evm_task_result result;
        share_bandwidth(m, c, cost, writes);
        int64_t time = c->start + whole(cost + c->stall), ready;
        switch (stop) {
        case EVM_RUN_READ:
            if (m->heap_count > 0 && (m->chaos.config || m->heap[0].time <= time)) {
                push(m, core, PHASE_READ, time);
                return;
            }
            if (!fetch(m, c, time, &ready)) {
                push(m, core, PHASE_READ, ready);
                return;
            }
            break;
        case EVM_RUN_DONE: push(m, core, PHASE_PUBLISH, time); return;
        case EVM_RUN_BLOCKED:
            evm_run_park(run, &result);
            report(m, core, &result, time);
            return;
        default: evm_run_drop(run); return; /* memory is out: the loop ends */
        }
    }
}

static void read_now(struct machine *m, uint32_t core, int64_t time)
{
    int64_t ready;
    if (fetch(m, &m->cores[core], time, &ready))
        advance(m, core);
    else
        push(m, core, PHASE_READ, ready);
}

/* The scheduler's step comes first, then the work; a resumed run first checks what it has read. */
static void begin_run(struct machine *m, uint32_t core, int64_t time)
{
    struct core *c = &m->cores[core];
    struct evm_task_result result;
    struct evm_mv_cost checked = {0};
    bool alone = m->heap_count == 0 && !m->on_device;
    c->run = evm_run_start(m->b, c->task, core, !alone, &result, &checked);
    double spent = (c->task.kind == EVM_TASK_ALONE ? 0 : m->step) +
                   checked.lookups * m->profile->validate_entry +
                   checked.contended * m->profile->contended_line +
                   checked.copied * m->profile->op[EVM_COST_COPY];
    if (!c->run) {
        report(m, core, &result, time + whole(spent));
        return;
    }
    if (c->run->parts == 1)
        m->txs[c->task.tx] = (struct virtual_tx){.hashed = EVM_KECCAK_MET_NONE};
    else if (c->run->returned)
        m->txs[c->task.tx].hashed = c->run->hashed;
    c->run->meter.memo = &m->memo;
    c->before = (c->run->parts > 1 ? cost_of_run(m, c->run) : 0) - spent;
    c->moved = c->run->parts > 1 ? bytes_of(m, c->run, 0) : 0;
    c->stall = c->settled = 0;
    /* Its first read is an event like the others. */
    c->fetched = c->run->granted = false;
    advance(m, core);
}

static double cost_of_check(const struct machine *m, uint32_t tx)
{
    return m->b->records[tx].log.count * m->profile->validate_entry;
}

static double cost_of_commit(const struct machine *m, uint32_t tx)
{
    const struct evm_blockrun *b = m->b;
    if (m->single || m->txs[tx].alone)
        return 0; /* in tx_base */
    bool again = b->records[tx].read_stamp < b->ladder.max_change;
    return m->profile->commit_tx + (again ? cost_of_check(m, tx) : 0);
}

static void ask(struct machine *m, uint32_t core, int64_t time)
{
    struct core *c = &m->cores[core];
    bool woken = c->woken;
    c->woken = false;
    c->start = time;
    c->task = m->b->ops->next(m->b->sched, core);
    m->over |= c->task.kind == EVM_TASK_DONE;
    if (c->task.kind == EVM_TASK_DONE)
        return;
    if (c->task.kind == EVM_TASK_IDLE) {
        m->idle[m->idle_count++] = core;
        return;
    }
    m->fruitless++;
    if (woken)
        wake_one(m, time);
    uint32_t tx = c->task.tx;
    double more = 0;
    switch (c->task.kind) {
    case EVM_TASK_VALIDATE:
        push(m, core, PHASE_CHECK, time + whole(m->step + cost_of_check(m, tx)));
        return;
    case EVM_TASK_COMMITS:
        for (uint32_t i = 1; i < c->task.incarnation; i++)
            more += cost_of_commit(m, tx + i); /* fall through */
    case EVM_TASK_COMMIT:
        push(m, core, PHASE_COMMIT,
             time + whole((m->txs[tx].alone ? 0 : m->step) + cost_of_commit(m, tx) + more));
        return;
    default: begin_run(m, core, time);
    }
}

/* The serial reference and the oracle count it as if it had been executed here. */
static void count_as_executed(struct machine *m, struct evm_run *run,
                              const struct evm_precomputed *kept)
{
    const uint64_t *tags = kept->keccak_tags;
    run->meter = kept->meter;
    m->memo.last = &m->txs[run->tx].hashed;
    for (uint32_t i = 0; i < kept->keccak_count && m->kept; i++)
        evm_keccak_memo_add(&m->memo, tags[i]);
    for (uint32_t i = 0; i < kept->code_count; i++)
        m->memo.first_blocks += !evm_keccak_kept_meet(&m->memo.all, tags[kept->keccak_count + i]);
}

static void publish(struct machine *m, uint32_t core, int64_t time)
{
    struct evm_run *run = m->cores[core].run;
    struct evm_tx_record *r = &m->b->records[run->tx];
    struct virtual_tx *v = &m->txs[run->tx];
    uint32_t writes = writes_of(m, run);
    const struct evm_body_ahead ahead = evm_run_ahead(run);
    if (ahead.taken)
        count_as_executed(m, run, ahead.taken);
    double work = cost_executed(m, run) + cost_of_writes(m, run, writes);
    v->single = cost_in_serial(m, run, writes);
    v->alone = run->alone;
    r->cost_ns = whole(work);
    r->total_ns = whole(work + cost_of_reads(m, &run->cost, is_single(m, run))) + run->waited;
    struct evm_task_result result;
    evm_run_finish(run, &result);
    report(m, core, &result, time);
}

static void finish_check(struct machine *m, uint32_t core, int64_t time)
{
    struct evm_task_result result;
    struct evm_mv_cost cost = {0};
    evm_run_validate(m->b, m->cores[core].task, core, &result, &cost);
    report(m, core, &result, time + whole(cost.contended * m->profile->contended_line));
}

static void finish_commit(struct machine *m, uint32_t core, int64_t time)
{
    const struct core *c = &m->cores[core];
    struct evm_task_result result;
    struct evm_mv_cost cost = {0};
    evm_ladder_carry_out(m->b, c->task, core, &result, &cost);
    time += whole(cost.contended * m->profile->contended_line);
    m->b->result->ladder_ns += time - c->start;
    uint32_t commits =
        c->task.kind == EVM_TASK_COMMITS ? result.commits : result.what == EVM_RAN_COMMITTED;
    for (uint32_t i = 0; i < commits; i++)
        m->b->result->stats[c->task.tx + i].commit_ns = time;
    m->fruitless *= commits == 0;
    m->end = time;
    report(m, core, &result, time);
}

/* ---- disturbing the schedule ------------------------------------------------------------------
 */

/* Places for all cores, and the steps at which they change (Burckhardt et al., "A Randomized
 * Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010, section 3). */
static bool begin_chaos(struct machine *m, uint32_t cores)
{
    struct disturbance *d = &m->chaos;
    struct evm_exec_chaos *chaos = m->b->chaos;
    if (!chaos)
        return true;
    d->config = chaos;
    chaos->step = 0;
    d->ranks = evm_calloc(cores, sizeof *d->ranks);
    for (uint32_t i = 0; d->ranks && i < cores && chaos->by_priority; i++)
        d->ranks[i] = 1 + (draw_chaos(d) >> 32);
    for (uint32_t i = 0; i < chaos->depth; i++)
        d->changes[i] = 1 + draw_chaos(d) % (chaos->horizon ? chaos->horizon : 1);
    return d->ranks != NULL;
}

/* At some steps the core whose turn it is goes behind all others; without priorities it stands
 * still for a while, as if its host had something else to do. False if it has to wait. */
static bool chaos_lets(struct machine *m, const struct event *e)
{
    struct disturbance *d = &m->chaos;
    if (!d->config)
        return true;
    uint64_t step = ++d->config->step;
    for (uint32_t i = 0; i < d->config->depth; i++) {
        if (d->changes[i] != step)
            continue;
        int64_t late = 0;
        if (d->config->by_priority)
            d->ranks[e->core] = (1ull << 33) + i;
        else
            late = delay(m, e->core, 64 * d->config->jitter);
        push(m, e->core, (enum phase)m->cores[e->core].phase, e->time + late);
        return false;
    }
    return true;
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* Tasks and tasks, and none of them a commit: far more than any wave of executions and validations
 * takes. */
static bool is_livelock(const struct machine *m)
{
    return m->fruitless > 100000 + 1000 * ((uint64_t)m->b->rules.tx_count + m->b->workers);
}

static void run_machine(struct machine *m)
{
    while (m->heap_count > 0 && !evm_blockrun_failed(m->b)) {
        if (is_livelock(m)) {
            evm_blockrun_stall(m->b, EVM_STALL_NO_COMMIT);
            return;
        }
        struct event e = pop(m);
        if (!chaos_lets(m, &e))
            continue;
        switch (m->cores[e.core].phase) {
        case PHASE_ASK: ask(m, e.core, e.time); break;
        case PHASE_READ: read_now(m, e.core, e.time); break;
        case PHASE_PUBLISH: publish(m, e.core, e.time); break;
        case PHASE_CHECK: finish_check(m, e.core, e.time); break;
        default: finish_commit(m, e.core, e.time); break;
        }
    }
    if (!m->over && !evm_blockrun_failed(m->b))
        evm_blockrun_stall(m->b, EVM_STALL_NO_WORK);
}

/* ---- before and after the block ---------------------------------------------------------------
 */

/* Every location that is known is asked of the device at time 0, in the block's order. */
static void request(void *self, const struct evm_addr *addr, const struct evm_u256 *key)
{
    evm_storage_read(self, addr, key, 0);
}

/* All cores bring what is known into memory, each its share; then they ask for tasks. */
static void start(struct machine *m)
{
    const struct evm_profile *p = m->profile;
    const struct evm_prefetch_visit visit = {request, &m->storage};
    struct evm_mv_cost cost = {0};
    evm_prefetch(m->b, 0, 1, &cost, m->on_device ? &visit : NULL);
    double ns = cost.lookups * p->read_versions + cost.accounts * p->read_account +
                cost.slots * p->read_slot;
    for (uint32_t i = 0; i < m->b->workers; i++) {
        uint64_t *tags = m->tags + i * ((size_t)m->kept + m->code_kept);
        m->cores[i].kept = (struct evm_keccak_kept){tags, m->kept};
        m->cores[i].code = (struct evm_keccak_kept){tags + m->kept, m->code_kept};
        m->b->counts[i].busy_ns += whole(ns / m->b->workers);
        push(m, i, PHASE_ASK, whole(ns / m->b->workers));
    }
}

/* What one core that executes the block in order remembers, in nanoseconds that it saves. Uses the
 * first core's tags up. */
static double saved_by_hashes(const struct machine *m)
{
    const struct evm_profile *p = m->profile;
    struct evm_keccak_kept kept = {m->tags, m->kept};
    double saved = 0, hash = p->op[EVM_COST_KECCAK];
    if (!m->kept)
        return 0;
    memset(m->tags, 0, m->kept * sizeof *m->tags);
    for (uint32_t tx = 0; tx < m->b->rules.tx_count; tx++) {
        uint32_t first = EVM_KECCAK_MET_NONE, next;
        for (uint32_t at = m->txs[tx].hashed; at != EVM_KECCAK_MET_NONE; at = next) {
            next = m->memo.met[at].before;
            m->memo.met[at].before = first; /* now: the one after it */
            first = at;
        }
        for (uint32_t at = first; at != EVM_KECCAK_MET_NONE; at = m->memo.met[at].before) {
            uint64_t tag = m->memo.met[at].tag;
            if (evm_keccak_kept_meet(&kept, tag & ~(uint64_t)1))
                saved += hash - p->keccak_hit;
            else if (tag & 1)
                saved += hash - p->keccak_ahead;
        }
    }
    return saved;
}

/* The same work on one core, without anything that parallel execution adds. */
static int64_t serial_time(const struct machine *m)
{
    uint64_t accounts, slots;
    double sum = (double)m->memo.first_blocks * m->profile->code_cold - saved_by_hashes(m);
    evm_mv_touched(m->b->mv, &accounts, &slots);
    for (uint32_t i = 0; i < m->b->rules.tx_count; i++)
        sum += m->txs[i].single;
    accounts -= accounts > 0; /* the beneficiary, which the ladder looks up */
    sum += ((double)accounts + (double)slots) * m->profile->first_single;
    return whole(sum) + (m->on_device ? evm_storage_serial(&m->storage) : 0);
}

/* Filters of 2048 bits take a hash for each log's address and topic. */
static int64_t filter_time(const struct machine *m)
{
    const struct evm_block_result *r = m->b->result;
    uint64_t hashes = 0;
    for (uint32_t i = 0; i < m->b->ladder.receipt_count; i++)
        for (uint32_t k = 0; k < r->receipts[i].log_count; k++)
            hashes += 1 + r->receipts[i].logs[k].topic_count;
    return whole((double)hashes * m->profile->filter_hash / m->b->workers);
}

enum { ALL_CODE = 32768 }; /* stretches of code told apart over the whole block */

/* The largest that is not above x; 0 below 1. */
static uint32_t power_of_two(double x)
{
    uint32_t n = x >= 1;
    while (n && 2.0 * n <= x)
        n *= 2;
    return n;
}

static enum evm_status prepare(struct machine *m, uint32_t cores)
{
    const struct evm_profile *p = m->profile;
    m->kept = m->b->caches.no_keccak ? 0 : power_of_two(p->keccak_kept);
    m->code_kept = power_of_two(p->code_kept);
    uint32_t n = m->b->rules.tx_count;
    m->cores = evm_calloc(cores, sizeof *m->cores);
    m->heap = evm_calloc(cores, sizeof *m->heap);
    m->idle = evm_calloc(cores, sizeof *m->idle);
    m->txs = evm_calloc((size_t)n + 1, sizeof *m->txs);
    m->tags = evm_calloc(cores * ((size_t)m->kept + m->code_kept) + ALL_CODE, sizeof *m->tags);
    if (m->tags)
        m->memo.all =
            (struct evm_keccak_kept){m->tags + cores * ((size_t)m->kept + m->code_kept), ALL_CODE};
    if (!m->cores || !m->heap || !m->idle || !m->txs || !m->tags)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        m->txs[i].hashed = EVM_KECCAK_MET_NONE;
    m->on_device = p->device_latency > 0;
    return m->on_device ? evm_storage_init(&m->storage, p, m->seed) : EVM_OK;
}

static void release(struct machine *m)
{
    evm_storage_fini(&m->storage);
    evm_keccak_memo_fini(&m->memo);
    free(m->cores);
    free(m->heap);
    free(m->idle);
    free(m->txs);
    free(m->tags);
}

enum evm_status evm_drive_virtual(struct evm_blockrun *b, const struct evm_profile *profile,
                                  uint32_t cores, uint64_t seed, struct evm_schedule *keep)
{
    struct machine m = {.b = b, .profile = profile, .keep = keep, .seed = seed};
    m.single = b->ops->max_workers == 1;
    m.step = m.single ? 0 : profile->sched_step;
    enum evm_status st = prepare(&m, cores);
    if (!begin_chaos(&m, cores))
        st = EVM_ERR_MEMORY;
    if (st == EVM_OK) {
        start(&m);
        run_machine(&m);
        b->result->makespan_ns = m.end;
        b->result->serial_ns = serial_time(&m);
        b->result->filter_ns = filter_time(&m);
        b->result->device_reads = m.storage.misses;
        st = m.storage.failed ? EVM_ERR_MEMORY : EVM_OK;
    }
    free(m.chaos.ranks);
    release(&m);
    return st;
}
