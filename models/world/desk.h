/* models/world/desk.h - the desk of a partitioned network: what no single layer does alone. It
 * finds out which layers a transaction touches, carries crossings through by the chosen protocol,
 * keeps the ops that wait for a block of each layer, and draws the consequences of those that are
 * committed. Not a node: each thing it does, it does as the layer that is named there, with what
 * mail has brought to that layer.
 *
 * All functions are the engine's thread's. w->desk is NULL where the network is not partitioned. */
#ifndef MODELS_WORLD_DESK_H
#define MODELS_WORLD_DESK_H

#include "models/crosslayer/crosslayer.h"
#include "models/world/directory.h"
#include "models/world/execution.h"
#include "models/world/op.h"
#include "sim/base/map.h"
#include "sim/engine/engine.h"

struct world;
struct layer;
struct fees_choice;

/* A party with what the desk keeps of it. */
struct desk_party {
    struct op *asked; /* a reference: OP_LOCK, OP_EXPORT or NOTE_LOOK under way, or NULL */
};

struct desk_crossing {
    struct crossing pub;                /* first member */
    struct desk_party *parties;         /* as pub.parties */
    struct op *running;                 /* OP_EXECUTE, a reference, or NULL */
    struct op *backing_out;             /* OP_RELEASE at `at` that takes `running` back, or NULL */
    bool dropping;                      /* ... and then it is dropped */
    sim_time wait;                      /* ... or tried again after this */
    struct sim_timer timer;             /* the protocol's, or that of another try */
    sim_time late, patience;            /* when that is due, and how long it was when it was set */
    bool retrying;                      /* the timer is that of another try */
    struct desk_crossing *next_waiting; /* of the same sender, for its nonce */
    bool is_waiting;
    struct desk_crossing *next, *previous; /* all that are open */
    sim_time proposed;                     /* the block in which it ran, once it has */
    uint32_t unsettled; /* ops for parties that are not in a committed block yet */
};

/* Ops that came to a layer and are in no committed block of it, in the order in which they came. */
struct desk_layer {
    struct vec inbox; /* struct op *: references */
    uint64_t ops[OP_KINDS], refused;
};

/* What a look at a transaction found: accounts ascending, slots of each ascending. */
struct discovery {
    struct evm_changes seen; /* values as found; `wrote` has the fields of an account that exists */
    struct vec accounts;     /* account_id, of seen's accounts, in that order */
    bool moving;             /* one of them is on its way */
    bool plain;              /* a payment to an account without code */
    uint64_t gas;
};

struct desk {
    struct directory directory;
    const struct crosslayer_ops *protocol,
        *otherwise; /* the latter of what the first does not take */
    void *protocol_state, *otherwise_state;
    struct cross_env env;
    struct sim_stream rng;
    struct desk_layer *layers;
    struct map crossings; /* id: struct desk_crossing *, of those that are open */
    struct desk_crossing *open, *open_last;
    struct map waiting; /* account_id: first struct desk_crossing that waits for its nonce */
    struct vec parked;  /* struct tx *: references; their sender's account is on its way */
    uint64_t next_id, serial;
    struct discovery found; /* of transaction found_for, while serial_settled is found_at */
    uint32_t found_for;
    uint64_t found_at, serial_settled; /* the latter grows whenever a block is settled */
    struct evm_txrun *run;
    struct vec landed; /* account_id: came to a layer with the block that is being settled */
    /* totals */
    uint64_t crossings_begun, crossings_done, crossings_dropped, tries;
    uint64_t cross_txs, cross_bytes; /* of those done: transactions, and mail for them */
    uint64_t unbrokered;             /* payments for which a broker had too little, too long */
    uint64_t moves_begun, moves_done, moves_refused, state_bytes;
    uint64_t foreign,
        locked; /* transactions left out of a block: they touched what they must not */
};

enum err_code desk_create(struct world *w, struct err *err);
void desk_destroy(struct world *w);
void desk_on_event(struct sim *sim, void *self, const struct sim_event *ev);

/* ---- discover.c ---- */
/* Runs tx on the last committed states of all layers. False when memory is out. */
bool discover(struct world *w, const struct tx *tx, struct discovery *out);
/* The same on the first state, before the run. */
bool discover_before(struct world *w, const struct evm_state *first, const struct evm_tx *tx,
                     struct discovery *out);
void discovery_fini(struct discovery *d);
/* The last committed and executed state of a layer; borrowed. */
struct evm_state *desk_state(const struct world *w, layer_id layer);
layer_id desk_home(const struct world *w, const struct evm_addr *addr);
/* The layer that executes what the account sends: its home, or of one in pieces where it was. */
layer_id desk_sends_from(const struct world *w, const struct evm_addr *addr);

/* ---- desk.c ---- */
/* A transaction is offered: says where it is executed, and opens a crossing if it needs one. */
void desk_offer(struct world *w, struct tx *tx);
/* The layer whose pools it waits in: its sender's. False: not now, the sender's account is on its
 * way; the desk hands it in when that has come. */
bool desk_seat(struct world *w, struct tx *tx, layer_id *at);
void desk_closed(struct world *w, struct tx *tx); /* its fate is known */
/* Its fate is known, and it was not executed: its crossing, if it has one, ends. */
void desk_dropped(struct world *w, struct tx *tx);
/* Whether a proposer of the layer must leave it to others, or for later, on a block after `held`.
 */
bool desk_refuses(const struct world *w, const struct holdings *held, const struct tx *tx);
/* No pool holds it, because its sender's account moves or has moved: true where that is not its
 * end. again: it is to be offered once more, to tx->layer; else when the account has arrived. */
bool desk_fallen(struct world *w, struct tx *tx, bool *again);
/* A builder left it out: of guard `verdict`, or as invalid. */
void desk_left_out(struct world *w, layer_id layer, struct tx *tx, enum guard_verdict verdict,
                   enum evm_tx_invalid invalid);
/* b is committed and executed, r what it gave; before its transactions are settled. */
void desk_settle(struct world *w, struct layer *l, struct block *b,
                 const struct execution_result *r);
/* ... and after. */
void desk_settled(struct world *w, struct layer *l, struct block *b);
void desk_post(struct world *w, struct op *op); /* takes over the reference */
struct desk_crossing *desk_find(const struct world *w, uint64_t hold);

/* ---- desk_fill.c; desk_settle() and desk_settled() above: desk_settle.c, desk.c ---- */
/* Gives b, which stands on `parent`, the ops that its proposer knows of, and in front of its
 * transactions those that ops run, as far as `choice` has room. *gas: limit left; less afterwards.
 * Returns what the layer holds once the ops have been applied, a reference; NULL: memory is out. */
struct holdings *desk_fill(struct world *w, struct layer *l, node_id node, struct block *b,
                           struct block *parent, struct fees_choice *choice, uint64_t *gas);
/* The pool's choice for b, in order: what runs it blindly, if it crosses so, joins b's ops. False:
 * memory is out. */
bool desk_picked(struct block *b, const struct tx *tx);
/* Transactions of b are gone from it: ops that ran them go, or run what is left. */
bool desk_refill_ops(struct world *w, struct block *b);

/* ---- desk_moves.c ---- */
/* The policy's: account moves, if it is not moving already. LAYER_ALL: it is shared. */
void desk_move(struct world *w, account_id account, layer_id to);

#endif
