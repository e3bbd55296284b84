/* models/world/trace.h - the messages of a window of time, and what nodes did meanwhile. A watch
 * (models/world/watch.h) that writes down; changes nothing of the run. */
#ifndef MODELS_WORLD_TRACE_H
#define MODELS_WORLD_TRACE_H

#include "models/world/config.h"
#include "models/world/watch.h"
#include "sim/base/err.h"

struct trace_entry {
    sim_time sent, arrived; /* RECORD_NEVER: it never came; equal where no message travelled */
    node_id from, to;       /* NODE_NONE: none in particular; the node did this by itself */
    uint32_t bytes;
    bool lost, ended; /* dropped by a fault or the link; it came, or its receiver was gone */
    char kind[28], says[100];
};

struct trace;

/* Both borrowed for the trace's life. NULL when memory is out. */
struct trace *trace_create(const struct world_trace *cfg, const struct world_cfg *world);
void trace_destroy(struct trace *t); /* accepts NULL */
const struct world_watch *trace_watch(const struct trace *t);

/* Entries in order of `sent`, then as they happened. Borrowed. */
size_t trace_count(const struct trace *t);
const struct trace_entry *trace_at(const struct trace *t, size_t i);
uint64_t trace_left_out(const struct trace *t); /* what found no room */
size_t trace_open(const struct trace *t);       /* messages that are still on their way */
bool trace_failed(const struct trace *t);       /* memory ran out: entries are missing */

#endif
