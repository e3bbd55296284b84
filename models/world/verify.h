/* models/world/verify.h - `verify: serialisable`: proof that the layers together are one state.
 *
 * Every transaction that a layer commits is executed once more, one after the other, on a state
 * that is not partitioned, in the block that it was committed in (its base fee, beneficiary,
 * number), in the order in which blocks were committed and settled, over all layers. That order is
 * a serial one for what two-phase commit and its like promise: an account that a crossing uses is
 * locked from before it ran until its home has the result, so nobody else's transaction stands
 * between. A block whose receipts differ, or an account that differs at the end once all that is
 * under way is counted in, is reported as a violation of safety. So is, at the end, a layer that
 * has an account of which the directory says that it lives elsewhere, or the reverse, and a lock
 * whose crossing is over while nothing is under way that frees it. Costs one more execution of
 * everything, on the engine's thread, and the memory of one more state. w->verify is NULL where it
 * is not asked for. */
#ifndef MODELS_WORLD_VERIFY_H
#define MODELS_WORLD_VERIFY_H

#include "models/world/execution.h"
#include "models/world/world.h"

struct world;
struct layer;

/* Takes a reference on the state before it is cut up. */
enum err_code verify_create(struct world *w, struct evm_state *whole, struct err *err);
void verify_destroy(struct world *w);
/* b is committed and executed; in the run's order. */
void verify_block(struct world *w, const struct layer *l, const struct block *b,
                  const struct execution_result *r);
/* An op that brings values somewhere, or frees accounts, is on its way from now on. */
void verify_posted(struct world *w, struct op *op);
/* One that only moves money between accounts with pieces has taken effect. */
void verify_pieces(struct world *w, const struct op *op);
void verify_end(struct world *w); /* the run is over */
/* All zero where w->verify is NULL. */
void verify_summarise(const struct world *w, struct world_verified *out);

#endif
