#include "evm/parallel/mvmemory.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"
#include "evm/parallel/mvmemory_internal.h"
#include "evm/parallel/scheduler.h"
#include "evm/state/journal.h"

/* Incarnation numbers that no execution has. */
enum { NEVER_RAN = UINT32_MAX, WITHDRAWN = UINT32_MAX - 1, SUMMED = UINT32_MAX - 2 };

/* ---- life ------------------------------------------------------------------------------------ */

struct evm_mv *evm_mv_create(void)
{
    struct evm_mv *mv = evm_malloc_aligned(_Alignof(struct evm_mv), sizeof *mv);
    if (mv)
        memset(mv, 0, sizeof *mv);
    return mv;
}

void evm_mv_destroy(struct evm_mv *mv)
{
    if (!mv)
        return;
    mv_tables_free(mv);
    for (uint32_t i = 0; i < mv->tx_capacity; i++)
        free(mv->writes[i].cells);
    free(mv->writes);
    for (int i = 0; i < MV_PARTS; i++) {
        free(mv->parts[i].order);
        free(mv->parts[i].slots);
        evm_changes_fini(&mv->parts[i].changes);
    }
    free(mv);
}

enum evm_status evm_mv_begin(struct evm_mv *mv, struct evm_view base, uint32_t tx_count,
                             const struct evm_addr *apart, bool threaded, bool by_version)
{
    if (tx_count > mv->tx_capacity) {
        struct mv_writes *writes = evm_realloc(mv->writes, tx_count * sizeof *writes);
        if (!writes)
            return EVM_ERR_MEMORY;
        memset(writes + mv->tx_capacity, 0, (tx_count - mv->tx_capacity) * sizeof *writes);
        mv->writes = writes;
        mv->tx_capacity = tx_count;
    }
    mv->base = base;
    mv->has_apart = apart != NULL;
    if (apart)
        mv->apart = *apart;
    mv->threaded = threaded;
    mv->by_version = by_version;
    mv->tx_count = tx_count;
    atomic_store(&mv->boundary, 0);
    atomic_store(&mv->stamp, 0);
    for (uint32_t i = 0; i < tx_count; i++)
        mv->writes[i].count = 0;
    mv_tables_clear(mv);
    return EVM_OK;
}

uint64_t evm_mv_stamp(const struct evm_mv *mv)
{
    return atomic_load(&mv->stamp);
}

void evm_mv_settle(struct evm_mv *mv, uint32_t boundary)
{
    /* Who sees an older one keeps a version longer. */
    atomic_store_explicit(&mv->boundary, boundary, memory_order_release);
}

void evm_mv_touched(const struct evm_mv *mv, uint64_t *accounts, uint64_t *slots)
{
    *accounts = *slots = 0;
    for (int i = 0; i < MV_SHARDS; i++) {
        *accounts += mv->shards[i].accounts.used;
        *slots += mv->shards[i].slots.used;
    }
}

/* ---- logs ------------------------------------------------------------------------------------ */

void evm_mv_log_clear(struct evm_mv_log *log)
{
    log->count = 0;
}

void evm_mv_log_fini(struct evm_mv_log *log)
{
    free(log->reads);
    *log = (struct evm_mv_log){0};
}

bool evm_mv_log_cut(struct evm_mv_log *log, uint32_t count)
{
    bool any = false;
    log->count = count;
    for (uint32_t i = 0; i < count; i++) {
        any |= log->reads[i].bounded;
        log->reads[i].bounded = false;
    }
    return any;
}

void evm_mv_log_writers(const struct evm_mv_log *log, void (*visit)(void *self, uint32_t tx),
                        void *self)
{
    for (uint32_t i = 0; i < log->count; i++)
        visit(self, log->reads[i].bounded || log->reads[i].guessed ? EVM_NO_TX : log->reads[i].tx);
}

void evm_mv_log_bound(struct evm_mv_log *log,
                      bool (*ask)(void *self, const struct evm_addr *addr,
                                  const struct evm_u256 *read, struct evm_u256 *bound),
                      void *self)
{
    for (uint32_t i = 0; i < log->count; i++) {
        struct evm_mv_read *r = &log->reads[i];
        struct evm_u256 bound;
        if (r->kind != EVM_MV_BALANCE || r->bounded)
            continue;
        const struct mv_account *a = r->where;
        r->bounded = ask(self, &a->addr, &r->value, &bound);
        if (r->bounded)
            r->bound = bound;
    }
}

bool evm_mv_log_accesses(const struct evm_mv_log *log, struct evm_access_sets *out)
{
    for (uint32_t i = 0; i < log->count; i++) {
        const struct evm_mv_read *r = &log->reads[i];
        const struct mv_slot *s = r->kind == EVM_MV_SLOT ? r->where : NULL;
        const struct mv_account *a = s ? s->account : r->where;
        struct evm_access *row = evm_access_sets_add(out);
        if (!row)
            return false;
        row->addr = a->addr;
        row->kind = (uint8_t)(r->kind == EVM_MV_STORED ? EVM_MV_WIPE : r->kind);
        row->how = r->bounded ? EVM_ACCESS_PREDICATE : EVM_ACCESS_READ;
        row->from = r->tx;
        if (s)
            row->key = s->key;
    }
    return true;
}

static bool log_reserve(struct evm_mv_log *log, uint32_t more)
{
    if (log->capacity - log->count >= more)
        return true;
    uint32_t capacity = log->capacity ? log->capacity * 2 : 16;
    struct evm_mv_read *reads = evm_realloc(log->reads, capacity * sizeof *reads);
    if (!reads)
        return false;
    log->reads = reads;
    log->capacity = capacity;
    return true;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* What a location holds for one reader: the deciding version (MV_BASE: none) and the value. */
struct seen {
    uint32_t tx, incarnation, state;
    struct evm_u256 value;
    bool partial; /* the value before the block is to be added */
};

/* Index of the first version at or above tx. */
static uint32_t lower_bound(const struct mv_cell *c, uint32_t count, uint32_t tx)
{
    uint32_t lo = 0, hi = count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->versions[mid].tx < tx)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Differences from version `at` down to the first value; *out is that of `at`. What lies below them
 * all is told by out->partial. The cell is locked. */
static void add_up(const struct mv_cell *c, uint32_t at, struct seen *out)
{
    out->incarnation = SUMMED;
    out->partial = true;
    while (at-- > 0) {
        const struct mv_version *v = &c->versions[at];
        evm_u256_add(&out->value, &out->value, &v->value);
        if (v->state == MV_ESTIMATE || v->state == MV_EXPECTED) {
            out->state = v->state;
            out->tx = v->tx; /* whom to wait for */
        }
        if (!v->delta) {
            out->partial = false;
            return;
        }
    }
}

/* Notes that tx looks here. False if there are no versions at all. */
static inline bool visit(struct evm_mv *mv, struct mv_cell *c, uint32_t tx)
{
    uint64_t bit = (uint64_t)1 << (tx % 64);
    uint64_t readers = atomic_load_explicit(&c->readers, memory_order_relaxed);
    if (!(readers & bit) && mv->threaded)
        atomic_fetch_or_explicit(&c->readers, bit, memory_order_relaxed);
    else if (!(readers & bit))
        atomic_store_explicit(&c->readers, readers | bit, memory_order_relaxed);
    return atomic_load_explicit(&c->count, memory_order_acquire) != 0;
}

/* The highest version below tx, of a cell that was visited; false if there is none. */
static bool look_on(struct evm_mv *mv, struct mv_cell *c, uint32_t tx, uint32_t core,
                    struct evm_mv_cost *cost, struct seen *out)
{
    evm_spin_lock(mv->threaded, &c->lock);
    uint32_t at = lower_bound(c, atomic_load_explicit(&c->count, memory_order_relaxed), tx);
    if (at > 0) {
        const struct mv_version *v = &c->versions[at - 1];
        *out = (struct seen){v->tx, v->incarnation, v->state, v->value, false};
        if (v->delta)
            add_up(c, at - 1, out);
    }
    evm_spin_unlock(mv->threaded, &c->lock);
    cost->contended += atomic_load_explicit(&c->writer, memory_order_relaxed) != core;
    return at > 0;
}

static bool look(struct evm_mv *mv, struct mv_cell *c, uint32_t tx, uint32_t core,
                 struct evm_mv_cost *cost, struct seen *out)
{
    return visit(mv, c, tx) && look_on(mv, c, tx, core, cost, out);
}

/* Versions of CODE hold the pointer, readers get (and compare) the hash. */
static struct evm_u256 code_hash_of(const struct evm_u256 *version)
{
    const struct evm_code *code = (const void *)(uintptr_t)version->w[0];
    struct evm_u256 out;
    memcpy(&out, code->hash.b, sizeof out);
    return out;
}

static inline struct evm_u256 base_field(const struct mv_account *a, uint32_t kind)
{
    struct evm_u256 hash;
    switch (kind) {
    case EVM_MV_BALANCE: return a->base.balance;
    case EVM_MV_NONCE: return evm_u256_of(a->base.nonce);
    case EVM_MV_CODE: memcpy(&hash, a->base.code_hash.b, sizeof hash); return hash;
    case EVM_MV_EXISTS: return evm_u256_of(a->base.exists);
    default: return evm_u256_of(0);
    }
}

/* Takes over the version as the one that decides if it is from `since` or later. */
static void decide(struct evm_mv *mv, struct mv_cell *c, uint32_t since, uint32_t tx, uint32_t core,
                   struct evm_mv_cost *cost, struct seen *out)
{
    struct seen later;
    cost->lookups++;
    if (!look(mv, c, tx, core, cost, &later) || later.tx < since)
        return;
    *out = later;
    out->value = evm_u256_of(1);
}

/* Who writes to an account says that it exists only if that was not so before, and the deletion by
 * a lower transaction may be published after that. So existence after a deletion is derived: an
 * account that a later transaction wrote to exists again. Only accounts deleted in this block come
 * here. */
static void see_revival(struct evm_mv *mv, struct mv_account *a, uint32_t tx, uint32_t core,
                        struct evm_mv_cost *cost, struct seen *out)
{
    for (uint32_t kind = EVM_MV_BALANCE; kind <= EVM_MV_CODE; kind++)
        decide(mv, &a->cells[kind], out->tx + 1, tx, core, cost, out);
    for (struct mv_slot *s = atomic_load_explicit(&a->slots, memory_order_acquire); s; s = s->next)
        decide(mv, &s->cell, out->tx + 1, tx, core, cost, out);
}

/* The later of slot and wipe decides; a transaction that wipes and writes the slot lists it. */
static void see_slot(struct evm_mv *mv, struct mv_slot *s, uint32_t tx, uint32_t core,
                     struct evm_mv_cost *cost, struct seen *out)
{
    struct seen wipe;
    bool wiped = look(mv, &s->account->cells[EVM_MV_WIPE], tx, core, cost, &wipe);
    bool written = look(mv, &s->cell, tx, core, cost, out);
    if (wiped && (!written || wipe.tx > out->tx)) {
        *out = wipe;
        out->value = evm_u256_of(0);
    } else if (!written) {
        *out = (struct seen){MV_BASE, 0, MV_VALUE, s->base, false};
    }
}

/* Only creations ask for it, and the address of a new contract has no slots yet. */
static void see_stored(struct evm_mv *mv, struct mv_account *a, uint32_t tx, uint32_t core,
                       struct evm_mv_cost *cost, struct seen *out)
{
    uint32_t since = 0;
    if (look(mv, &a->cells[EVM_MV_WIPE], tx, core, cost, out)) {
        since = out->tx; /* what the same transaction sets comes after its wipe */
        out->value = evm_u256_of(0);
    } else {
        *out = (struct seen){MV_BASE, 0, MV_VALUE, evm_u256_of(a->base.has_storage), false};
        if (a->base.has_storage)
            return;
    }
    for (struct mv_slot *s = atomic_load_explicit(&a->slots, memory_order_acquire); s;
         s = s->next) {
        struct seen slot;
        cost->lookups++;
        see_slot(mv, s, tx, core, cost, &slot);
        if (slot.tx == MV_BASE || slot.tx < since || evm_u256_is_zero(&slot.value))
            continue;
        *out = slot;
        out->value = evm_u256_of(1);
        return;
    }
}

static void see_field(struct evm_mv *mv, struct mv_account *a, uint32_t kind, uint32_t tx,
                      uint32_t core, struct evm_mv_cost *cost, struct seen *out)
{
    if (kind == EVM_MV_STORED) {
        see_stored(mv, a, tx, core, cost, out);
        return;
    }
    if (!look(mv, &a->cells[kind], tx, core, cost, out))
        *out = (struct seen){MV_BASE, 0, MV_VALUE, base_field(a, kind), false};
    else if (out->partial)
        evm_u256_add(&out->value, &out->value, &a->base.balance);
    else if (kind == EVM_MV_CODE && out->state != MV_EXPECTED)
        out->value = code_hash_of(&out->value);
    else if (kind == EVM_MV_EXISTS && evm_u256_is_zero(&out->value))
        see_revival(mv, a, tx, core, cost, out);
}

static bool readable(const struct seen *s)
{
    return s->state == MV_VALUE || s->state == MV_GUESS;
}

static void log_put(struct evm_mv_log *log, void *where, uint32_t kind, const struct seen *s)
{
    log->reads[log->count++] = (struct evm_mv_read){.where = where,
                                                    .kind = (uint8_t)kind,
                                                    .guessed = s->state == MV_GUESS,
                                                    .tx = s->tx,
                                                    .incarnation = s->incarnation,
                                                    .value = s->value};
}

/* ---- reading --------------------------------------------------------------------------------- */

enum { FIELDS = 5 };

static void fill(struct evm_account *out, uint32_t kind, const struct evm_u256 *value)
{
    switch (kind) {
    case EVM_MV_BALANCE: out->balance = *value; break;
    case EVM_MV_NONCE: out->nonce = value->w[0]; break;
    case EVM_MV_CODE: memcpy(out->code_hash.b, value, sizeof out->code_hash.b); break;
    case EVM_MV_EXISTS: out->exists = value->w[0] != 0; break;
    default: out->has_storage = value->w[0] != 0; break;
    }
}

static inline bool is_apart(const struct mv_account *a, uint32_t kind)
{
    return a->apart && (kind == EVM_MV_BALANCE || kind == EVM_MV_EXISTS);
}

/* One call of evm_mv_account. */
struct reading {
    struct evm_mv *mv;
    struct mv_account *a;
    struct evm_account *out;
    struct evm_mv_log *log;
    uint32_t tx, core, *blocker;
    struct evm_mv_cost *cost;
};

/* A field that has versions, or follows from what has. False: there is somebody to wait for. */
static __attribute__((noinline)) bool read_versions(const struct reading *r, uint32_t kind)
{
    struct seen seen;
    see_field(r->mv, r->a, kind, r->tx, r->core, r->cost, &seen);
    if (!readable(&seen)) {
        *r->blocker = seen.tx;
        return false;
    }
    fill(r->out, kind, &seen.value);
    if (r->log)
        log_put(r->log, r->a, kind, &seen);
    return true;
}

/* The kind is a constant wherever this is called, so what is left of it is short. *out holds the
 * account before the block. */
static inline __attribute__((always_inline)) bool read_field(const struct reading *r, uint32_t kind)
{
    struct mv_account *a = r->a;
    if (is_apart(a, kind))
        return true;
    if (kind == EVM_MV_STORED || visit(r->mv, &a->cells[kind], r->tx))
        return read_versions(r, kind);
    if (!r->log)
        return true;
    struct evm_mv_read *put = &r->log->reads[r->log->count++];
    put->where = a;
    put->kind = (uint8_t)kind;
    put->bounded = put->guessed = false;
    put->tx = MV_BASE;
    put->incarnation = 0;
    put->value = base_field(a, kind);
    return true;
}

static bool is_contested(const struct mv_cell *c)
{
    return atomic_load_explicit(&c->contested, memory_order_relaxed);
}

/* Nonces and balances have many writers that nobody minds, so only what went wrong counts. */
static bool account_guarded(const struct mv_account *a, unsigned need)
{
    return ((need & EVM_NEED_BALANCE) && is_contested(&a->cells[EVM_MV_BALANCE])) ||
           ((need & EVM_NEED_NONCE) && is_contested(&a->cells[EVM_MV_NONCE])) ||
           ((need & EVM_NEED_CODE) && is_contested(&a->cells[EVM_MV_CODE])) ||
           ((need & EVM_NEED_EXISTS) && is_contested(&a->cells[EVM_MV_EXISTS]));
}

static bool slot_guarded(const struct mv_slot *s)
{
    return is_contested(&s->cell) || atomic_load_explicit(&s->cell.count, memory_order_relaxed) > 1;
}

enum evm_mv_answer evm_mv_account(struct evm_mv *mv, uint32_t tx, const struct evm_addr *addr,
                                  unsigned need, struct evm_account *out, struct evm_mv_log *log,
                                  uint32_t *blocker, uint32_t core, struct evm_mv_cost *cost)
{
    bool fresh;
    struct mv_account *a =
        log ? mv_account_near(mv, addr, core, &fresh) : mv_account_at(mv, addr, &fresh);
    if (!a || (log && !log_reserve(log, FIELDS)))
        return EVM_MV_NO_MEMORY;
    if (log && log->guarded && account_guarded(a, need))
        return EVM_MV_GUARDED;
    cost->lookups++;
    cost->accounts += fresh;
    const struct reading r = {mv, a, out, log, tx, core, blocker, cost};
    uint32_t before = log ? log->count : 0;
    *out = a->base;
    if ((!(need & EVM_NEED_BALANCE) || read_field(&r, EVM_MV_BALANCE)) &&
        (!(need & EVM_NEED_NONCE) || read_field(&r, EVM_MV_NONCE)) &&
        (!(need & EVM_NEED_CODE) || read_field(&r, EVM_MV_CODE)) &&
        (!(need & EVM_NEED_EXISTS) || read_field(&r, EVM_MV_EXISTS)) &&
        (!(need & EVM_NEED_STORAGE) || read_field(&r, EVM_MV_STORED)))
        return EVM_MV_OK;
    if (log)
        log->count = before;
    return EVM_MV_WAIT;
}

enum evm_mv_answer evm_mv_slot(struct evm_mv *mv, uint32_t tx, const struct evm_addr *addr,
                               const struct evm_u256 *key, struct evm_u256 *out,
                               struct evm_mv_log *log, uint32_t *blocker, uint32_t core,
                               struct evm_mv_cost *cost)
{
    bool fresh_account, fresh;
    struct mv_account *a = log ? mv_owner_near(mv, addr, core, &fresh_account)
                               : mv_account_at(mv, addr, &fresh_account);
    struct mv_slot *s = !a    ? NULL
                        : log ? mv_slot_near(mv, a, key, core, &fresh)
                              : mv_slot_at(mv, a, key, &fresh);
    if (!s || (log && !log_reserve(log, 1)))
        return EVM_MV_NO_MEMORY;
    if (log && log->guarded && slot_guarded(s))
        return EVM_MV_GUARDED;
    cost->lookups++;
    cost->accounts += fresh_account;
    cost->slots += fresh;
    struct seen seen = {MV_BASE, 0, MV_VALUE, s->base, false};
    bool wiped = visit(mv, &a->cells[EVM_MV_WIPE], tx), written = visit(mv, &s->cell, tx);
    if (wiped || written)
        see_slot(mv, s, tx, core, cost, &seen);
    if (!readable(&seen)) {
        *blocker = seen.tx;
        return EVM_MV_WAIT;
    }
    *out = seen.value;
    if (log)
        log_put(log, s, EVM_MV_SLOT, &seen);
    return EVM_MV_OK;
}

/* Would the reader have done the same, seeing what is there now? */
static bool holds(const struct evm_mv *mv, const struct evm_mv_read *r, const struct seen *now)
{
    if (now->state == MV_EXPECTED || now->state == MV_ESTIMATE)
        return false;
    if (r->bounded)
        return evm_balance_within(&now->value, &r->bound);
    if (mv->by_version && r->kind != EVM_MV_STORED)
        return false;
    return evm_u256_eq(&now->value, &r->value);
}

static void note_contested(const struct evm_mv_read *r)
{
    struct mv_account *a = r->where;
    struct mv_slot *s = r->where;
    if (r->kind == EVM_MV_SLOT)
        atomic_store_explicit(&s->cell.contested, true, memory_order_relaxed);
    else if (r->kind < EVM_MV_FIELDS)
        atomic_store_explicit(&a->cells[r->kind].contested, true, memory_order_relaxed);
}

bool evm_mv_validate(struct evm_mv *mv, uint32_t tx, struct evm_mv_log *log, uint32_t *culprit,
                     uint32_t core, struct evm_mv_cost *cost)
{
    for (uint32_t i = 0; i < log->count; i++) {
        struct evm_mv_read *r = &log->reads[i];
        struct seen now;
        cost->lookups++;
        if (r->kind == EVM_MV_SLOT)
            see_slot(mv, r->where, tx, core, cost, &now);
        else
            see_field(mv, r->where, r->kind, tx, core, cost, &now);
        /* STORED and sums follow from several versions, so their values alone tell. */
        if (r->kind != EVM_MV_STORED && now.incarnation != SUMMED && now.tx == r->tx &&
            now.incarnation == r->incarnation && now.state != MV_ESTIMATE)
            continue;
        if (!holds(mv, r, &now)) {
            note_contested(r);
            log->broken = i;
            *culprit = now.tx != MV_BASE ? now.tx : r->tx;
            return false;
        }
        r->tx = now.tx;
        r->incarnation = now.incarnation;
    }
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Below the boundary only the highest version can still be read (by the boundary's transaction and
 * those above it). The cell is locked. */
static uint32_t drop_settled(struct evm_mv *mv, struct mv_cell *c, uint32_t count)
{
    uint32_t below =
        lower_bound(c, count, atomic_load_explicit(&mv->boundary, memory_order_acquire));
    if (below < 2)
        return count;
    struct mv_version *keep = &c->versions[below - 1];
    for (uint32_t i = below - 1; keep->delta && i-- > 0;) {
        evm_u256_add(&keep->value, &keep->value, &c->versions[i].value);
        keep->delta = c->versions[i].delta;
    }
    memmove(c->versions, c->versions + below - 1, (count - below + 1) * sizeof *c->versions);
    return count - below + 1;
}

static bool cell_reserve(struct mv_cell *c, uint32_t count)
{
    if (count < c->capacity)
        return true;
    uint32_t capacity = c->capacity ? c->capacity * 2 : 2;
    struct mv_version *versions = evm_realloc(c->versions, capacity * sizeof *versions);
    if (!versions)
        return false;
    c->versions = versions;
    c->capacity = capacity;
    return true;
}

/* Puts or replaces the version; the cell is locked. *changed is set if readers may notice, *added
 * if the transaction had no version here. */
static bool put_locked(struct evm_mv *mv, struct mv_cell *c, const struct mv_version *v,
                       bool *changed, bool *added)
{
    uint32_t count = atomic_load_explicit(&c->count, memory_order_relaxed);
    uint32_t at = count && c->versions[count - 1].tx < v->tx ? count : lower_bound(c, count, v->tx);
    if (at < count && c->versions[at].tx == v->tx) {
        /* Nobody has read past an expected version, so it is no change. */
        const struct mv_version *old = &c->versions[at];
        if (old->state != MV_EXPECTED &&
            (mv->by_version || old->delta != v->delta || !evm_u256_eq(&old->value, &v->value)))
            *changed = true;
        c->versions[at] = *v;
        return true;
    }
    /* Sums run over them all, so those that may go do so early. */
    if (count > 1 && (count == c->capacity || (v->delta && count % 16 == 0))) {
        count = drop_settled(mv, c, count);
        atomic_store_explicit(&c->count, count, memory_order_relaxed);
        at = lower_bound(c, count, v->tx);
    }
    if (!cell_reserve(c, count))
        return false;
    if (at < count)
        memmove(c->versions + at + 1, c->versions + at, (count - at) * sizeof *c->versions);
    c->versions[at] = *v;
    atomic_store_explicit(&c->count, count + 1, memory_order_release);
    *changed = *added = true;
    return true;
}

static bool writes_put(struct mv_writes *w, struct mv_cell *c)
{
    if (w->count == w->capacity) {
        uint32_t capacity = w->capacity ? w->capacity * 2 : 8;
        struct mv_cell **cells = evm_realloc(w->cells, capacity * sizeof(*cells));
        if (!cells)
            return false;
        w->cells = cells;
        w->capacity = capacity;
    }
    w->cells[w->count++] = c;
    return true;
}

/* One publication under way. */
struct publishing {
    struct evm_mv *mv;
    uint32_t tx, incarnation, core;
    bool changed;
    uint64_t readers;
    bool added;
};

static void note_change(struct publishing *p, const struct mv_cell *c)
{
    p->changed = true;
    p->readers |= atomic_load_explicit(&c->readers, memory_order_relaxed);
}

static bool put_version(struct publishing *p, struct mv_cell *c, const struct evm_u256 *value,
                        bool delta, bool steady)
{
    struct mv_version v = {p->tx, p->incarnation, MV_VALUE, delta, steady, *value};
    bool changed = false;
    evm_spin_lock(p->mv->threaded, &c->lock);
    bool ok = put_locked(p->mv, c, &v, &changed, &p->added);
    evm_spin_unlock(p->mv->threaded, &c->lock);
    atomic_store_explicit(&c->writer, (uint16_t)p->core, memory_order_relaxed);
    if (changed)
        note_change(p, c);
    return ok && writes_put(&p->mv->writes[p->tx], c);
}

static bool put(struct publishing *p, struct mv_cell *c, const struct evm_u256 *value)
{
    return put_version(p, c, value, false, false);
}

static bool put_field(struct publishing *p, struct mv_account *a, uint32_t kind, uint64_t value)
{
    struct evm_u256 wide = evm_u256_of(value);
    return is_apart(a, kind) || put(p, &a->cells[kind], &wide);
}

static bool ever_written(const struct mv_account *a, uint32_t kind)
{
    return atomic_load_explicit(&a->cells[kind].count, memory_order_relaxed) > 0;
}

static bool put_deleted(struct publishing *p, struct mv_account *a)
{
    return put_field(p, a, EVM_MV_BALANCE, 0) && put_field(p, a, EVM_MV_NONCE, 0) &&
           put_field(p, a, EVM_MV_CODE, (uintptr_t)evm_code_empty()) &&
           put_field(p, a, EVM_MV_EXISTS, 0) && put_field(p, a, EVM_MV_WIPE, 1);
}

/* Existence is written only where it is news; so writers of a live contract do not meet there. */
static bool put_account(struct publishing *p, struct mv_account *a,
                        const struct evm_account_change *c)
{
    bool delta = (c->wrote & EVM_WROTE_DELTA) != 0;
    const struct evm_u256 nonce = evm_u256_of(c->nonce);
    if ((c->wrote & EVM_WROTE_BALANCE) && !is_apart(a, EVM_MV_BALANCE) &&
        !put_version(p, &a->cells[EVM_MV_BALANCE], &c->balance, delta, delta))
        return false;
    if ((c->wrote & EVM_WROTE_NONCE) &&
        !put_version(p, &a->cells[EVM_MV_NONCE], &nonce, false, !p->mv->by_version))
        return false;
    if ((c->wrote & EVM_WROTE_CODE) && !put_field(p, a, EVM_MV_CODE, (uintptr_t)c->code))
        return false;
    if ((c->wrote & EVM_WROTE_WIPE) && !put_field(p, a, EVM_MV_WIPE, 1))
        return false;
    return (a->base.exists && !ever_written(a, EVM_MV_EXISTS)) || put_field(p, a, EVM_MV_EXISTS, 1);
}

static bool put_change(struct publishing *p, const struct evm_changes *changes,
                       const struct evm_account_change *c)
{
    bool fresh;
    struct mv_account *a = mv_account_near(p->mv, &c->addr, p->core, &fresh);
    if (!a)
        return false;
    if (c->wrote & EVM_WROTE_DELETED)
        return put_deleted(p, a);
    for (uint32_t i = 0; i < c->slot_count; i++) {
        const struct evm_slot_change *sc = &changes->slots[c->first_slot + i];
        struct mv_slot *s = mv_slot_near(p->mv, a, &sc->key, p->core, &fresh);
        if (!s || !put(p, &s->cell, &sc->value))
            return false;
    }
    return put_account(p, a, c);
}

/* Removes tx's version unless this publication wrote it. */
static void retract(struct publishing *p, struct mv_cell *c)
{
    evm_spin_lock(p->mv->threaded, &c->lock);
    uint32_t count = atomic_load_explicit(&c->count, memory_order_relaxed);
    uint32_t at = lower_bound(c, count, p->tx);
    if (at < count && c->versions[at].tx == p->tx &&
        c->versions[at].incarnation != p->incarnation) {
        if (c->versions[at].state != MV_EXPECTED)
            note_change(p, c);
        memmove(c->versions + at, c->versions + at + 1, (count - at - 1) * sizeof *c->versions);
        atomic_store_explicit(&c->count, count - 1, memory_order_release);
    }
    evm_spin_unlock(p->mv->threaded, &c->lock);
}

/* Comes after the versions it stands for: who sees the number sees them. */
static uint64_t next_stamp(struct evm_mv *mv)
{
    if (mv->threaded)
        return atomic_fetch_add(&mv->stamp, 1) + 1;
    uint64_t stamp = atomic_load_explicit(&mv->stamp, memory_order_relaxed) + 1;
    atomic_store_explicit(&mv->stamp, stamp, memory_order_relaxed);
    return stamp;
}

enum evm_status evm_mv_publish(struct evm_mv *mv, uint32_t tx, uint32_t incarnation,
                               const struct evm_changes *changes, uint32_t core,
                               struct evm_mv_published *out)
{
    struct mv_writes *w = &mv->writes[tx];
    struct publishing p = {mv, tx, changes ? incarnation : WITHDRAWN, core, false, 0, false};
    uint32_t before = w->count;
    for (uint32_t i = 0; changes && i < changes->account_count; i++)
        if (!put_change(&p, changes, &changes->accounts[i]))
            return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < before; i++)
        retract(&p, w->cells[i]);
    w->count -= before;
    if (before && w->count)
        memmove(w->cells, w->cells + before, w->count * sizeof(*w->cells));
    out->changed = p.changed;
    out->added = p.added;
    out->readers = p.readers;
    out->writes = w->count;
    out->stamp = p.changed ? next_stamp(mv) : 0;
    return EVM_OK;
}

uint64_t evm_mv_estimate(struct evm_mv *mv, uint32_t tx, uint32_t incarnation)
{
    const struct mv_writes *w = &mv->writes[tx];
    uint64_t readers = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        struct mv_cell *c = w->cells[i];
        evm_spin_lock(mv->threaded, &c->lock);
        uint32_t count = atomic_load_explicit(&c->count, memory_order_relaxed);
        uint32_t at = lower_bound(c, count, tx);
        if (at < count && c->versions[at].tx == tx && c->versions[at].incarnation == incarnation) {
            c->versions[at].state = c->versions[at].steady ? MV_GUESS : MV_ESTIMATE;
            if (!c->versions[at].steady)
                readers |= atomic_load_explicit(&c->readers, memory_order_relaxed);
        }
        evm_spin_unlock(mv->threaded, &c->lock);
    }
    if (w->count > 0) /* whoever read them is to fail now, not when they change */
        next_stamp(mv);
    return readers;
}

/* A version of tx before its first execution. */
static enum evm_status foresee(struct evm_mv *mv, uint32_t tx, enum evm_mv_kind kind,
                               const struct evm_addr *addr, const struct evm_u256 *key,
                               enum mv_state state, const struct evm_u256 *value)
{
    bool fresh;
    struct mv_account *a = mv_account_at(mv, addr, &fresh);
    struct mv_slot *s = a && kind == EVM_MV_SLOT ? mv_slot_at(mv, a, key, &fresh) : NULL;
    if (!a || (kind == EVM_MV_SLOT && !s))
        return EVM_ERR_MEMORY;
    if (is_apart(a, kind))
        return EVM_OK;
    struct mv_cell *c = s ? &s->cell : &a->cells[kind];
    struct mv_version v = {tx, NEVER_RAN, (uint8_t)state, false, false, *value};
    bool changed = false, added = false;
    evm_spin_lock(mv->threaded, &c->lock);
    bool ok = put_locked(mv, c, &v, &changed, &added);
    evm_spin_unlock(mv->threaded, &c->lock);
    return ok && writes_put(&mv->writes[tx], c) ? EVM_OK : EVM_ERR_MEMORY;
}

enum evm_status evm_mv_expect(struct evm_mv *mv, uint32_t tx, enum evm_mv_kind kind,
                              const struct evm_addr *addr, const struct evm_u256 *key)
{
    const struct evm_u256 none = {{0}};
    return foresee(mv, tx, kind, addr, key, MV_EXPECTED, &none);
}

enum evm_status evm_mv_predict(struct evm_mv *mv, uint32_t tx, enum evm_mv_kind kind,
                               const struct evm_addr *addr, const struct evm_u256 *key,
                               const struct evm_u256 *value)
{
    return foresee(mv, tx, kind, addr, key, MV_GUESS, value);
}
