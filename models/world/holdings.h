/* models/world/holdings.h - what a layer of a partitioned network holds at one of its blocks: which
 * accounts, and which of them are locked.
 *
 * Three tables decide where an account is, the first that knows it: what came and went since the
 * run began (this layer's own, a version a block), the first placement (one for all layers), and
 * the address itself (route_by_hash). Versions are immutable once made, share what did not change,
 * and are counted by reference from any thread. Nothing here draws, and no order of a table is
 * ever seen. */
#ifndef MODELS_WORLD_HOLDINGS_H
#define MODELS_WORLD_HOLDINGS_H

#include "models/routing/routing.h"

#include <stdatomic.h>

/* ---- a table by address ---- */

/* Open addressing; counted by reference. */
struct addr_table;
struct addr_table *addr_table_create(void); /* NULL when memory is out */
struct addr_table *addr_table_ref(struct addr_table *t);
void addr_table_unref(struct addr_table *t);                    /* accepts NULL */
struct addr_table *addr_table_copy(const struct addr_table *t); /* its own; NULL: memory */
bool addr_table_get(const struct addr_table *t, const struct evm_addr *addr, uint64_t *value);
bool addr_table_put(struct addr_table *t, const struct evm_addr *addr, uint64_t value); /* memory */
bool addr_table_del(struct addr_table *t, const struct evm_addr *addr);
uint32_t addr_table_count(const struct addr_table *t);
/* The n-th place of the table, up to addr_table_room: false where it is free. The order means
 * nothing. */
uint32_t addr_table_room(const struct addr_table *t);
bool addr_table_row(const struct addr_table *t, uint32_t n, struct evm_addr *addr, uint64_t *value);

/* ---- where accounts are first ---- */

/* What became of the accounts of a layer that is given up: takeover.h. */
struct succession {
    layer_id dead, count;
    const layer_id *heirs;
};
enum { SUCCESSIONS_MAX = 64 };
/* Which heir has the account. */
layer_id succession_heir(const struct succession *s, const struct evm_addr *addr);

struct placement {
    layer_id layers;
    struct addr_table *homes; /* address: layer, where it is not route_by_hash's */
    struct succession successions[SUCCESSIONS_MAX]; /* each set before any version knows of it */
};

/* LAYER_ALL for a precompile. */
layer_id placement_home(const struct placement *p, const struct evm_addr *addr);

/* ---- a version ---- */

struct holdings {
    _Atomic uint32_t refs;
    layer_id layer;
    const struct placement *placement; /* borrowed */
    struct addr_table *homes;          /* address: where it is now, as this layer knows */
    struct addr_table *locks;          /* address: the crossing that holds it */
    struct owner_table *owners;        /* the same by crossing */
    uint64_t heard; /* successions that it has to heed: bits of placement->successions */
};

/* Nothing moved, nothing locked. NULL when memory is out. */
struct holdings *holdings_create(layer_id layer, const struct placement *placement);
struct holdings *holdings_ref(struct holdings *h);
void holdings_unref(struct holdings *h); /* accepts NULL */

/* LAYER_ALL for an account of which every layer has a piece. */
layer_id holdings_home(const struct holdings *h, const struct evm_addr *addr);
/* Whether this layer has it, or a piece of it. */
bool holdings_has(const struct holdings *h, const struct evm_addr *addr);
/* The crossing that holds it, 0 for none. */
uint64_t holdings_lock(const struct holdings *h, const struct evm_addr *addr);

/* ---- a version in the making ---- */

/* Copies what it changes, at the first change. `failed`: memory is out, the rest means nothing. */
struct holdings_draft {
    struct holdings now; /* readable by the functions above */
    bool own_homes, own_locks, failed;
};
void holdings_begin(struct holdings_draft *d, const struct holdings *from);
void holdings_move(struct holdings_draft *d, const struct evm_addr *addr, layer_id home);
void holdings_take(struct holdings_draft *d, const struct evm_addr *addr, uint64_t crossing);
void holdings_free(struct holdings_draft *d, uint64_t crossing); /* all it holds: O(that) */
/* Heeds these successions too, and where accounts went that had left the layer given up: `moved`,
 * of its homes, where nothing newer is known here: that it went to that layer is older. O(moved).
 */
void holdings_inherit(struct holdings_draft *d, const struct addr_table *moved, uint64_t heard);
/* The new version, or `from` once more where nothing changed; NULL if it failed. Ends the draft. */
struct holdings *holdings_end(struct holdings_draft *d, struct holdings *from);
void holdings_drop(struct holdings_draft *d); /* ends it, for nothing */

#endif
