#include "models/world/holdings.h"

#include "evm/core/hash.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

/* ---- a table by address ---- */

struct row {
    struct evm_addr addr;
    bool used;
    uint64_t value;
};

struct addr_table {
    _Atomic uint32_t refs;
    uint32_t count, room; /* room: 0 or a power of two */
    struct row *rows;
};

struct addr_table *addr_table_create(void)
{
    struct addr_table *t = mem_zalloc(1, sizeof *t);
    if (t)
        atomic_init(&t->refs, 1);
    return t;
}

struct addr_table *addr_table_ref(struct addr_table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void addr_table_unref(struct addr_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(t->rows);
    mem_free(t);
}

struct addr_table *addr_table_copy(const struct addr_table *t)
{
    struct addr_table *out = addr_table_create();
    if (!out || !t->room)
        return out;
    out->rows = mem_alloc(t->room, sizeof *out->rows);
    if (!out->rows) {
        mem_free(out);
        return NULL;
    }
    memcpy(out->rows, t->rows, t->room * sizeof *out->rows);
    out->room = t->room;
    out->count = t->count;
    return out;
}

/* Its row, or the free one where it would be. */
static uint32_t seek(const struct addr_table *t, const struct evm_addr *addr)
{
    uint32_t i = (uint32_t)evm_hash_addr(addr) & (t->room - 1);
    while (t->rows[i].used && !evm_addr_eq(&t->rows[i].addr, addr))
        i = (i + 1) & (t->room - 1);
    return i;
}

bool addr_table_get(const struct addr_table *t, const struct evm_addr *addr, uint64_t *value)
{
    if (!t->count)
        return false;
    const struct row *r = &t->rows[seek(t, addr)];
    if (r->used)
        *value = r->value;
    return r->used;
}

static bool grow(struct addr_table *t)
{
    struct addr_table bigger = {.room = t->room ? t->room * 2 : 16};
    bigger.rows = mem_zalloc(bigger.room, sizeof *bigger.rows);
    if (!bigger.rows)
        return false;
    for (uint32_t i = 0; i < t->room; i++)
        if (t->rows[i].used)
            bigger.rows[seek(&bigger, &t->rows[i].addr)] = t->rows[i];
    mem_free(t->rows);
    t->rows = bigger.rows;
    t->room = bigger.room;
    return true;
}

bool addr_table_put(struct addr_table *t, const struct evm_addr *addr, uint64_t value)
{
    if (t->count * 2 >= t->room && !grow(t))
        return false;
    struct row *r = &t->rows[seek(t, addr)];
    t->count += !r->used;
    *r = (struct row){*addr, true, value};
    return true;
}

/* Rows behind a freed one close up, so that a search never ends too early. */
static void free_row(struct addr_table *t, uint32_t at)
{
    uint32_t mask = t->room - 1;
    t->rows[at].used = false;
    t->count--;
    for (uint32_t i = (at + 1) & mask; t->rows[i].used; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)evm_hash_addr(&t->rows[i].addr) & mask;
        if (((i - home) & mask) < ((i - at) & mask))
            continue;
        t->rows[at] = t->rows[i];
        t->rows[i].used = false;
        at = i;
    }
}

bool addr_table_del(struct addr_table *t, const struct evm_addr *addr)
{
    if (!t->count)
        return false;
    uint32_t i = seek(t, addr);
    if (!t->rows[i].used)
        return false;
    free_row(t, i);
    return true;
}

uint32_t addr_table_count(const struct addr_table *t)
{
    return t->count;
}

uint32_t addr_table_room(const struct addr_table *t)
{
    return t->room;
}

bool addr_table_row(const struct addr_table *t, uint32_t n, struct evm_addr *addr, uint64_t *value)
{
    *addr = t->rows[n].addr;
    *value = t->rows[n].value;
    return t->rows[n].used;
}

/* ---- what crossings hold ---- */

/* Open addressing by crossing, which may have several rows; 0 is a free one. Its own: each version
 * that changes locks copies both tables. */
struct owner_row {
    uint64_t crossing;
    struct evm_addr addr;
};

struct owner_table {
    _Atomic uint32_t refs;
    uint32_t count, room; /* room: 0 or a power of two */
    struct owner_row *rows;
};

static struct owner_table *owners_create(uint32_t room)
{
    struct owner_table *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->room = room;
    t->rows = mem_zalloc(room, sizeof *t->rows);
    if (t->rows)
        return t;
    mem_free(t);
    return NULL;
}

static struct owner_table *owners_ref(struct owner_table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

static void owners_unref(struct owner_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(t->rows);
    mem_free(t);
}

static struct owner_table *owners_copy(const struct owner_table *t)
{
    struct owner_table *out = owners_create(t->room);
    if (out && t->room)
        memcpy(out->rows, t->rows, t->room * sizeof *out->rows);
    if (out)
        out->count = t->count;
    return out;
}

static uint32_t owner_home(const struct owner_table *t, uint64_t crossing)
{
    return (uint32_t)((crossing * 0x9e3779b97f4a7c15u) >> 32) & (t->room - 1);
}

static void owners_insert(struct owner_table *t, const struct owner_row *row)
{
    uint32_t i = owner_home(t, row->crossing);
    while (t->rows[i].crossing)
        i = (i + 1) & (t->room - 1);
    t->rows[i] = *row;
    t->count++;
}

static bool owners_put(struct owner_table *t, uint64_t crossing, const struct evm_addr *addr)
{
    if (t->count * 2 >= t->room) {
        struct owner_table bigger = {.room = t->room ? t->room * 2 : 16};
        bigger.rows = mem_zalloc(bigger.room, sizeof *bigger.rows);
        if (!bigger.rows)
            return false;
        for (uint32_t i = 0; i < t->room; i++)
            if (t->rows[i].crossing)
                owners_insert(&bigger, &t->rows[i]);
        mem_free(t->rows);
        t->rows = bigger.rows;
        t->room = bigger.room;
    }
    owners_insert(t, &(struct owner_row){crossing, *addr});
    return true;
}

/* Takes one of the crossing's rows out (addr NULL: any), and tells its address. */
static bool owners_take(struct owner_table *t, uint64_t crossing, const struct evm_addr *addr,
                        struct evm_addr *out)
{
    uint32_t mask = t->room - 1, at;
    if (!t->count)
        return false;
    for (at = owner_home(t, crossing); t->rows[at].crossing; at = (at + 1) & mask)
        if (t->rows[at].crossing == crossing && (!addr || evm_addr_eq(addr, &t->rows[at].addr)))
            break;
    if (!t->rows[at].crossing)
        return false;
    *out = t->rows[at].addr;
    t->count--;
    for (uint32_t i = (at + 1) & mask; t->rows[i].crossing; i = (i + 1) & mask) {
        uint32_t home = owner_home(t, t->rows[i].crossing);
        if (((i - home) & mask) < ((i - at) & mask))
            continue;
        t->rows[at] = t->rows[i];
        at = i;
    }
    t->rows[at].crossing = 0;
    return true;
}

/* ---- a version ---- */

struct holdings *holdings_create(layer_id layer, const struct placement *placement)
{
    struct holdings *h = mem_zalloc(1, sizeof *h);
    if (!h)
        return NULL;
    atomic_init(&h->refs, 1);
    h->layer = layer;
    h->placement = placement;
    h->homes = addr_table_create();
    h->locks = addr_table_create();
    h->owners = owners_create(0);
    if (!h->homes || !h->locks || !h->owners) {
        holdings_unref(h);
        return NULL;
    }
    return h;
}

struct holdings *holdings_ref(struct holdings *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

void holdings_unref(struct holdings *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    addr_table_unref(h->homes);
    addr_table_unref(h->locks);
    owners_unref(h->owners);
    mem_free(h);
}

/* 0x01 to 0x1ff: all precompiles of all forks, which every layer has. Others of many zeros (0x0,
 * 0x..dead) are accounts like any. */
static bool is_precompile(const struct evm_addr *addr)
{
    static const uint8_t zeros[18];
    return memcmp(addr->b, zeros, sizeof zeros) == 0 && addr->b[18] < 2 &&
           (addr->b[18] || addr->b[19]);
}

layer_id placement_home(const struct placement *p, const struct evm_addr *addr)
{
    uint64_t home;
    if (is_precompile(addr))
        return LAYER_ALL;
    return addr_table_get(p->homes, addr, &home) ? (layer_id)home : route_by_hash(addr, p->layers);
}

layer_id succession_heir(const struct succession *s, const struct evm_addr *addr)
{
    if (s->count == 1)
        return s->heirs[0];
    return s->heirs[(evm_hash_addr(addr) * 0x9e3779b97f4a7c15u >> 32) % s->count];
}

/* Who has what a layer that was given up had: each is given up once, so this ends. */
static layer_id successor(const struct holdings *h, const struct evm_addr *addr, layer_id home)
{
    for (uint64_t left = h->heard; left;) {
        unsigned i = 0;
        while (i < SUCCESSIONS_MAX && !(left >> i & 1 && h->placement->successions[i].dead == home))
            i++;
        if (i == SUCCESSIONS_MAX)
            break;
        left &= ~(UINT64_C(1) << i);
        home = succession_heir(&h->placement->successions[i], addr);
    }
    return home;
}

layer_id holdings_home(const struct holdings *h, const struct evm_addr *addr)
{
    uint64_t home;
    if (addr_table_get(h->homes, addr, &home))
        return successor(h, addr, (layer_id)home);
    home = placement_home(h->placement, addr);
    return home == LAYER_ALL ? LAYER_ALL : successor(h, addr, (layer_id)home);
}

bool holdings_has(const struct holdings *h, const struct evm_addr *addr)
{
    layer_id home = holdings_home(h, addr);
    return home == h->layer || home == LAYER_ALL;
}

uint64_t holdings_lock(const struct holdings *h, const struct evm_addr *addr)
{
    uint64_t crossing;
    return addr_table_get(h->locks, addr, &crossing) ? crossing : 0;
}

/* ---- a version in the making ---- */

void holdings_begin(struct holdings_draft *d, const struct holdings *from)
{
    *d = (struct holdings_draft){.now = {.layer = from->layer,
                                         .placement = from->placement,
                                         .homes = from->homes,
                                         .locks = from->locks,
                                         .owners = from->owners,
                                         .heard = from->heard}};
}

/* The table becomes the draft's own. */
static bool own(struct holdings_draft *d, struct addr_table **table, bool *owned)
{
    if (!*owned && !d->failed) {
        struct addr_table *copy = addr_table_copy(*table);
        d->failed = !copy;
        *owned = copy != NULL;
        if (copy)
            *table = copy;
    }
    return !d->failed;
}

void holdings_move(struct holdings_draft *d, const struct evm_addr *addr, layer_id home)
{
    if (own(d, &d->now.homes, &d->own_homes) && !addr_table_put(d->now.homes, addr, home))
        d->failed = true;
}

/* Both tables of locks. */
static bool own_locks(struct holdings_draft *d)
{
    bool owned = d->own_locks;
    if (owned || !own(d, &d->now.locks, &d->own_locks))
        return !d->failed;
    struct owner_table *copy = owners_copy(d->now.owners);
    if (copy) {
        d->now.owners = copy;
        return true;
    }
    addr_table_unref(d->now.locks);
    d->own_locks = false;
    d->failed = true;
    return false;
}

void holdings_take(struct holdings_draft *d, const struct evm_addr *addr, uint64_t crossing)
{
    uint64_t before = holdings_lock(&d->now, addr);
    struct evm_addr same;
    if (before == crossing || !own_locks(d))
        return;
    if (before)
        owners_take(d->now.owners, before, addr, &same);
    if (!addr_table_put(d->now.locks, addr, crossing) || !owners_put(d->now.owners, crossing, addr))
        d->failed = true;
}

void holdings_free(struct holdings_draft *d, uint64_t crossing)
{
    struct evm_addr addr;
    if (!d->now.owners->count || !own_locks(d))
        return;
    while (owners_take(d->now.owners, crossing, NULL, &addr))
        addr_table_del(d->now.locks, &addr);
}

/* Whether, as far as is known here, the account is at a layer of which only `fresh` says that it
 * was given up: what that layer knew of it is newer. */
static bool is_at_dead(const struct holdings *h, const struct evm_addr *addr, uint64_t fresh)
{
    layer_id home = holdings_home(h, addr);
    for (unsigned i = 0; i < SUCCESSIONS_MAX; i++)
        if (fresh >> i & 1 && h->placement->successions[i].dead == home)
            return true;
    return false;
}

/* An account that left for this very layer is here once it came: until then it is nowhere. */
void holdings_inherit(struct holdings_draft *d, const struct addr_table *moved, uint64_t heard)
{
    struct evm_addr addr;
    uint64_t home, known, fresh = heard & ~d->now.heard;
    for (uint32_t i = 0; i < moved->room && !d->failed; i++)
        if (addr_table_row(moved, i, &addr, &home) &&
            (!addr_table_get(d->now.homes, &addr, &known) || is_at_dead(&d->now, &addr, fresh)))
            holdings_move(d, &addr, home == d->now.layer ? LAYER_NONE : (layer_id)home);
    d->now.heard |= heard;
}

void holdings_drop(struct holdings_draft *d)
{
    if (d->own_homes)
        addr_table_unref(d->now.homes);
    if (d->own_locks) {
        addr_table_unref(d->now.locks);
        owners_unref(d->now.owners);
    }
    d->own_homes = d->own_locks = false;
}

struct holdings *holdings_end(struct holdings_draft *d, struct holdings *from)
{
    struct holdings *h = NULL;
    if (!d->failed && !d->own_homes && !d->own_locks && d->now.heard == from->heard)
        return holdings_ref(from);
    if (!d->failed)
        h = mem_zalloc(1, sizeof *h);
    if (!h) {
        holdings_drop(d);
        return NULL;
    }
    atomic_init(&h->refs, 1);
    h->layer = from->layer;
    h->placement = from->placement;
    h->heard = d->now.heard;
    h->homes = d->own_homes ? d->now.homes : addr_table_ref(d->now.homes);
    h->locks = d->own_locks ? d->now.locks : addr_table_ref(d->now.locks);
    h->owners = d->own_locks ? d->now.owners : owners_ref(d->now.owners);
    return h;
}
