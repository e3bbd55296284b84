/* models/world/routes.h - the routing policy at work: what layers report to it, and what it orders.
 *
 * Each layer sums up what it commits, and every routing.report_interval sends a report to the first
 * layer, where the policy sits; every routing.epoch the policy says which accounts move, and the
 * orders go out as ops (desk_move). The engine's thread owns everything; w->routes is NULL where
 * the network is not partitioned. */
#ifndef MODELS_WORLD_ROUTES_H
#define MODELS_WORLD_ROUTES_H

#include "models/routing/routing.h"
#include "models/world/execution.h"
#include "sim/engine/engine.h"

struct world;
struct layer;

/* Before the first state (borrowed), whose accounts are numbered, is cut up. */
enum err_code routes_create(struct world *w, const struct evm_state *first, struct err *err);
void routes_destroy(struct world *w);
void routes_start(struct world *w);
layer_id routes_place(struct world *w, account_id account, const struct evm_addr *addr,
                      bool contract);
/* b is committed, and its transactions are settled. */
void routes_settled(struct world *w, struct layer *l, const struct block *b);
/* One root over all layers: that of the list of their state roots, each
 * stated by the layer's last committed block. False when memory is out. */
bool routes_root(const struct world *w, struct evm_hash *out);
/* target: a layer's report is due; LAYER_NONE: an epoch ends. */
void routes_on_event(struct sim *sim, void *self, const struct sim_event *ev);

#endif
