/* models/world/desk_internal.h - what the desk's own files share. */
#ifndef MODELS_WORLD_DESK_INTERNAL_H
#define MODELS_WORLD_DESK_INTERNAL_H

#include "models/world/desk.h"

/* ---- desk.c ---- */
/* What a crossing's locks are held under: another number for each try. */
uint64_t desk_hold(const struct desk_crossing *c);
struct desk_crossing *desk_current(const struct world *w, uint64_t hold);
const struct crosslayer_ops *desk_protocol(const struct world *w, const struct desk_crossing *c,
                                           void **state);
void desk_drop_parties(struct desk_crossing *c);
void desk_close(struct world *w, struct desk_crossing *c);
void desk_retry(struct world *w, struct desk_crossing *c, sim_time delay);
void desk_give_up(struct world *w, struct desk_crossing *c);
/* Each of its transactions becomes a crossing of its own again. */
void desk_split(struct world *w, struct desk_crossing *c);
/* Those of its transactions that `ran` did not run become crossings of their own again. */
void desk_leave_behind(struct world *w, struct desk_crossing *c, const struct op *ran);
/* Its transactions are another's now: it goes. */
void desk_joined(struct world *w, struct desk_crossing *c);

/* ---- desk_moves.c ---- */
/* Its home shares it, so that nothing of it is lent any more: the others may hear. */
void desk_share_on(struct world *w, account_id account);

/* ---- desk_host.c ---- */
extern const struct cross_host desk_cross_host;
/* Takes it back out of its layer's inbox, by that layer's chain; then lets go, and drops it or
 * tries again after `delay`. */
void desk_back_out(struct world *w, struct desk_crossing *c, bool drop, sim_time delay);
void desk_backed_out(struct world *w, struct desk_crossing *c);
/* Copies of what the party touches go into op: accounts, or values too. False: memory is out. */
bool desk_op_accounts(struct op *op, const struct evm_addr *accounts, uint32_t count);

/* ---- desk_notes.c ---- */
/* It stands in a committed block, or never will: it is not sent any more. */
void desk_op_ends(struct world *w, struct op *op);
/* Tells the crossing's layer. values: taken over, may be NULL. */
void desk_note(struct world *w, enum op_kind kind, layer_id from, uint64_t hold,
               enum op_outcome outcome, struct evm_changes *values);
/* Layer `to` is to let go of what the hold has there. */
void desk_release(struct world *w, layer_id from, layer_id to, uint64_t hold);
/* The party that is asked and has not answered, or NULL. */
struct crossing_party *desk_party_asked(struct desk_crossing *c, layer_id layer);
/* What the accounts and slots of `like` hold now in a state. False: memory is out. */
bool desk_read_values(const struct world *w, const struct evm_state *s,
                      const struct evm_changes *like, struct evm_changes *out);
/* ---- and desk_settle.c ---- */
void desk_hear(struct world *w, struct mail_item *item, node_id node);
void desk_ops_settled(struct world *w, struct layer *l, struct block *b);

#endif
