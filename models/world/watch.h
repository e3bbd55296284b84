/* models/world/watch.h - what a run tells whoever looks on: `weft trace`, `weft conform`, the table
 * /messages of the results file. A watch changes nothing: with and without one, the run is the same
 * to the last event. Each function may be NULL; all are called by the engine's thread, in the order
 * of the run. What pointers point at is borrowed for the call. */
#ifndef MODELS_WORLD_WATCH_H
#define MODELS_WORLD_WATCH_H

#include "models/world/types.h"
#include "sim/base/units.h"

/* A message on its way to one node. */
struct watch_flight {
    const void
        *id; /* the same in sent() and ended(); used again after ended(). NULL: it was lost */
    sim_time now;
    node_id from, to;
    const struct message *message;
    uint32_t size; /* bytes on the wire */
    bool control;  /* not the message itself: it is announced, or asked for */
    bool lost;     /* sent(): a fault or the link drops it; ended() is not called */
};

/* What a protocol claims: a commit or a certificate. */
struct watch_claim {
    sim_time now;
    node_id node;
    bool byzantine;            /* the node is: what it claims is worth nothing */
    const char *what;          /* NULL of a commit */
    const struct block *block; /* NULL of a certificate for no block */
    uint64_t round;
    const uint32_t *signers; /* validator numbers, or NULL */
    uint32_t signer_count;
};

struct world_watch {
    void *self;
    void (*sent)(void *self, const struct watch_flight *f);
    /* It is there whole (and the node is up), or it never will be. */
    void (*ended)(void *self, const struct watch_flight *f, bool arrived);
    void (*timer)(void *self, sim_time now, node_id node, uint32_t kind, uint64_t value);
    void (*head)(void *self, sim_time now, node_id node, const struct block *b);
    void (*commit)(void *self, const struct watch_claim *c);
    void (*certificate)(void *self, const struct watch_claim *c);
    /* A row of /events or (level is RECORD_EVENT_LEVEL_COUNT) of /faults; node, layer: -1 is none.
     */
    void (*event)(void *self, sim_time now, unsigned level, const char *kind, int64_t node,
                  const char *detail);
};

#endif
