/* models/world/takeover.h - a layer of a partitioned network that stands still is given up, and
 * others take its accounts over.
 *
 * Finality. With takeover on, a block takes effect, for users and for other layers, not when its
 * layer commits it but when the layer knows that half of all layers (rounded down, itself not
 * counted) have its certificate. Each layer tells all others of each block that it commits, by
 * mail: a beat, with the certificate, and with what the layer has heard of the others; so a receipt
 * costs no message of its own, but a commit of the other layer.
 *
 * Silence. A layer that hears nothing of another for `after`, over four own blocks at least,
 * says so in its beats, and gives that layer no receipt any more: for good. When half of all layers
 * (rounded up, the silent one not counted) say so, the first layer by number that is not silent
 * itself gives it up, by OP_RETIRE in its own chain; the highest certificate that one of them has
 * is the state that is taken over. Any half that gave a receipt and any half that said so have a
 * layer in common: nothing that was final is lost, no clock is trusted, and a layer that is only
 * slow or cut off, and goes on, commits nothing that counts (Gifford, "Weighted Voting for
 * Replicated Data", SOSP 1979: read and write quorums intersect; here a receipt is the write). Two
 * that are left can judge nobody.
 *
 * Heirs. OP_ADOPT tells every layer; with it, it sends what it had for the lost layer to the heirs
 * instead, and begins crossings anew that still gathered there. The first heir carries on what the
 * lost layer had to say and the crossings that it carried through. Each heir asks for its part of
 * the state: a node of the lost layer that is up sends it, or (archive) it has it already, of what
 * came with the certificates. Accounts come as by OP_IMPORT, with the locks that crossings hold,
 * and OP_INHERIT ends it. Until its account has come a user waits, as for one that moves.
 *
 * A layer that was given up never resumes: when its nodes come back they build empty blocks, which
 * count for nothing.
 *
 * Simplified: that the lost layer's own nodes hear of it (their blocks are empty from the decision
 * on; they could hold nothing final); which new accounts live where is known to wallets at once;
 * the ops of crossings wait until all parts have come to all heirs. Where archives hold states,
 * reading them costs no time. The engine's thread owns everything; w->takeover is NULL where it is
 * off. */
#ifndef MODELS_WORLD_TAKEOVER_H
#define MODELS_WORLD_TAKEOVER_H

#include "models/world/op.h"
#include "sim/base/err.h"

struct world;
struct layer;
struct takeover;

enum err_code takeover_create(struct world *w, struct err *err); /* after mail_create */
void takeover_destroy(struct world *w);                          /* accepts a world without */

/* ---- asked by others; true, false and the layer itself where it is off ---- */
bool takeover_final(const struct world *w, const struct block *b);
bool takeover_retired(const struct world *w, layer_id layer);
/* What a layer that was given up still has: what no heir asked for yet. Borrowed. */
struct evm_state *takeover_rest(const struct world *w, layer_id layer);
/* Who does now what `layer` did as a layer, and who has its account. */
layer_id takeover_seat(const struct world *w, layer_id layer);
layer_id takeover_home(const struct world *w, layer_id layer, const struct evm_addr *addr);

/* ---- told ---- */
void takeover_committed(struct world *w, const struct block *b); /* first of its height */
/* b is final: accounts that came with it, before who waits for them is woken; then the rest. */
void takeover_came(struct world *w, struct layer *l, const struct block *b);
void takeover_settled(struct world *w, struct layer *l, const struct block *b);

/* ---- the desk's ops ---- */
/* op, not posted yet, is for a layer that its sender knows to be given up: true, and what is to
 * become of it is posted. */
bool takeover_reroutes(struct world *w, struct op *op);
/* op came to its layer: true where it is not the desk's to deal with. */
bool takeover_hears(struct world *w, struct op *op);
/* Of an op that yields to a succession: whether a proposer may take it. */
bool takeover_lets(const struct world *w, const struct op *op);

/* The layer whose state op, not settled yet, would change if all went at once: where its account is
 * as long as its heir has not asked for it, else op's own. */
layer_id takeover_still(const struct world *w, const struct op *op);

/* Zeros, and NANs, where it is off. */
struct world_takeovers;
void takeover_summarise(const struct world *w, struct world_takeovers *out);

#endif
