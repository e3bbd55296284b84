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
#include "evm/parallel/blockrun.h"

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
    int64_t start; /* of the task */
    double before; /* what the run had cost when this part of it began */
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
    double step;        /* one task handed out and taken back */
    int64_t end;        /* the last commit */
    bool over;          /* the executor said so */
    uint64_t fruitless; /* tasks since the last commit */
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

static double cost_of_reads(const struct machine *m, const struct evm_mv_cost *c)
{
    const struct evm_profile *p = m->profile;
    return c->accounts * p->read_account + c->slots * p->read_slot +
           c->contended * p->contended_line;
}

/* What depends on the transaction alone. */
static double cost_of_work(const struct machine *m, const struct evm_run *run)
{
    return m->profile->tx_base + evm_profile_cost(m->profile, &run->meter) +
           run->cost.lookups * m->profile->read_versions;
}

static double cost_of_run(const struct machine *m, const struct evm_run *run)
{
    return cost_of_work(m, run) + cost_of_reads(m, &run->cost);
}

static int64_t whole(double ns)
{
    return (int64_t)llround(ns);
}

static double cost_of_writes(const struct machine *m, const struct evm_run *run)
{
    const struct evm_tx_outcome *o = m->b->body_ops->outcome(run->body);
    if (o->invalid != EVM_TX_VALID || !o->changes)
        return 0;
    double cost = (o->changes->account_count + o->changes->slot_count) * m->profile->write;
    for (uint32_t i = 0; o->logs && i < o->log_count; i++) /* the receipt's bloom */
        cost += (1 + o->logs[i].topic_count) * m->profile->op[EVM_COST_KECCAK];
    return cost;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* The core is free from `time` on: reports, then asks. */
static void report(struct machine *m, uint32_t core, const struct evm_task_result *result,
                   int64_t time)
{
    struct core *c = &m->cores[core];
    struct evm_wake wake = {0};
    m->b->counts[core].busy_ns += time - c->start;
    if (!evm_schedule_put(m->keep, core, c->task, c->start, time))
        evm_blockrun_fail(m->b, EVM_ERR_MEMORY);
    m->b->ops->done(m->b->sched, core, c->task, result, &wake);
    push(m, core, PHASE_ASK, time);
    if (wake.count > 1)
        wake_one(m, time);
}

/* Runs the transaction to its next event. While no other core has an event before this one's next
 * read, the read happens at once. */
static void advance(struct machine *m, uint32_t core)
{
    struct core *c = &m->cores[core];
    struct evm_run *run = c->run;
    for (;;) {
        enum evm_run_stop stop = evm_run_step(run);
        double cost = cost_of_run(m, run) - c->before;
        struct evm_task_result result;
        switch (stop) {
        case EVM_RUN_READ:
            if (m->heap_count > 0 &&
                (m->chaos.config || m->heap[0].time <= c->start + whole(cost))) {
                push(m, core, PHASE_READ, c->start + whole(cost));
                return;
            }
            run->granted = true;
            break;
        case EVM_RUN_DONE:
            push(m, core, PHASE_PUBLISH, c->start + whole(cost + cost_of_writes(m, run)));
            return;
        case EVM_RUN_BLOCKED:
            evm_run_park(run, &result);
            report(m, core, &result, c->start + whole(cost));
            return;
        default: evm_run_drop(run); return; /* memory is out: the loop ends */
        }
    }
}

/* The scheduler's step comes first, then the work; a resumed run first checks what it has read. */
static void begin_run(struct machine *m, uint32_t core, int64_t time)
{
    struct core *c = &m->cores[core];
    struct evm_task_result result;
    struct evm_mv_cost checked = {0};
    bool alone = m->heap_count == 0;
    c->run = evm_run_start(m->b, c->task, core, !alone, &result, &checked);
    double spent = m->step + checked.lookups * m->profile->validate_entry +
                   checked.contended * m->profile->contended_line;
    if (!c->run) {
        report(m, core, &result, time + whole(spent));
        return;
    }
    c->before = (c->run->parts > 1 ? cost_of_run(m, c->run) : 0) - spent;
    /* Its first read is an event like the others. */
    c->run->granted = false;
    advance(m, core);
}

static double cost_of_check(const struct machine *m, uint32_t tx)
{
    return m->b->records[tx].log.count * m->profile->validate_entry;
}

static double cost_of_commit(const struct machine *m, uint32_t tx)
{
    const struct evm_blockrun *b = m->b;
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
    switch (c->task.kind) {
    case EVM_TASK_VALIDATE:
        push(m, core, PHASE_CHECK, time + whole(m->step + cost_of_check(m, tx)));
        return;
    case EVM_TASK_COMMIT:
        push(m, core, PHASE_COMMIT, time + whole(m->step + cost_of_commit(m, tx)));
        return;
    default: begin_run(m, core, time);
    }
}

static void publish(struct machine *m, uint32_t core, int64_t time)
{
    struct evm_run *run = m->cores[core].run;
    struct evm_tx_record *r = &m->b->records[run->tx];
    double writes = cost_of_writes(m, run);
    r->cost_ns = whole(cost_of_work(m, run) + writes);
    r->total_ns = whole(cost_of_run(m, run) + writes);
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
    evm_ladder_commit(m->b, c->task, core, &result, &cost);
    time += whole(cost.contended * m->profile->contended_line);
    m->b->result->ladder_ns += time - c->start;
    if (result.what == EVM_RAN_COMMITTED)
        m->b->result->stats[c->task.tx].commit_ns = time;
    m->fruitless *= result.what != EVM_RAN_COMMITTED;
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
        case PHASE_READ:
            m->cores[e.core].run->granted = true;
            advance(m, e.core);
            break;
        case PHASE_PUBLISH: publish(m, e.core, e.time); break;
        case PHASE_CHECK: finish_check(m, e.core, e.time); break;
        default: finish_commit(m, e.core, e.time); break;
        }
    }
    if (!m->over && !evm_blockrun_failed(m->b))
        evm_blockrun_stall(m->b, EVM_STALL_NO_WORK);
}

/* The same work on one core, without anything that parallel execution adds. */
static int64_t serial_time(const struct machine *m)
{
    uint64_t accounts, slots;
    int64_t sum = 0;
    evm_mv_touched(m->b->mv, &accounts, &slots);
    for (uint32_t i = 0; i < m->b->rules.tx_count; i++)
        sum += m->b->records[i].cost_ns;
    accounts -= accounts > 0; /* the beneficiary, which the ladder looks up */
    return sum + whole((double)accounts * m->profile->read_account +
                       (double)slots * m->profile->read_slot +
                       m->b->rules.tx_count * m->profile->commit_tx);
}

enum evm_status evm_drive_virtual(struct evm_blockrun *b, const struct evm_profile *profile,
                                  uint32_t cores, uint64_t seed, struct evm_schedule *keep)
{
    struct machine m = {.b = b, .profile = profile, .keep = keep, .seed = seed};
    m.step = b->ops->max_workers == 1 ? 0 : profile->sched_step;
    m.cores = evm_calloc(cores, sizeof *m.cores);
    m.heap = evm_calloc(cores, sizeof *m.heap);
    m.idle = evm_calloc(cores, sizeof *m.idle);
    bool ready = begin_chaos(&m, cores);
    enum evm_status st = m.cores && m.heap && m.idle && ready ? EVM_OK : EVM_ERR_MEMORY;
    if (st == EVM_OK) {
        for (uint32_t i = 0; i < b->workers; i++)
            push(&m, i, PHASE_ASK, 0);
        run_machine(&m);
        b->result->makespan_ns = m.end;
        b->result->serial_ns = serial_time(&m);
    }
    free(m.cores);
    free(m.heap);
    free(m.idle);
    free(m.chaos.ranks);
    return st;
}
