/* models/world/book.h - the book of a partitioned network: what crossed, what moved, how long locks
 * were held, how even the load was, and how far the policy's placement was from the best one found.
 *
 * It looks on and changes nothing: desk and routes tell it what happened, it writes the tables
 * /crossings, /moves and /routing and keeps what the summary says of layers. All functions are the
 * engine's thread's; where the network is not partitioned, w->book is NULL and nobody calls them.
 */
#ifndef MODELS_WORLD_BOOK_H
#define MODELS_WORLD_BOOK_H

#include "models/routing/oracle.h"
#include "models/world/desk.h"
#include "models/world/routes.h"
#include "models/world/world.h"
#include "sim/record/record.h"

struct world;
struct layer;

struct book_layer {
    uint64_t crossings;           /* that ran here */
    uint64_t moves_in, moves_out; /* accounts */
    sim_time locked;              /* crossings held locks here: the sum of their times */
    /* of its blocks of the measured part */
    uint64_t gas, gas_room;
    uint64_t blocks, full; /* ... without room for one more such transaction */
    sim_time makespan;     /* of their proposers */
    uint64_t open;         /* transactions that wait, as counted last */
    uint64_t epoch_gas;    /* of its blocks since the last epoch ended */
    struct map held;       /* hold: since when, plus 1 */
};

/* An account that is to move, or on its way. */
struct book_move {
    struct book_move *next, *previous;
    account_id account;
    layer_id from, to; /* to: or LAYER_ALL */
    sim_time ordered, left;
    uint64_t bytes;
    const char *by; /* the policy or the protocol */
};

struct book {
    uint32_t crossings_table, moves_table, routing_table; /* where the file has them */
    bool closed;                                          /* the last rows are written */
    struct book_layer *layers;
    struct map moving; /* account * 2 + whether it has left: struct book_move */
    struct book_move *moves, *last_move;
    /* of the epoch under way */
    uint32_t epoch;
    sim_time since;
    uint64_t txs, crossings, arrived;
    double *predicted, error; /* by layer; error: of its sum, or NAN */
    bool foretold;            /* predicted holds */
    struct vec sample;        /* struct route_future: every stride-th transaction */
    struct vec touched;       /* account_id: theirs */
    uint64_t seen, stride;
    struct regret regret;
    layer_id *homes; /* by account: scratch */
    uint32_t homes_room;
    struct regret_window judged; /* the last window; regret NAN: none was */
    bool judging;
    struct vec used; /* double, by account: gas of transactions that touched it, measured part */
    double gas;      /* of all of them */
    /* totals; of the measured part those that say so */
    uint64_t moves_done, moves_refused, move_bytes;
    struct vec local, cross;      /* double: latency in seconds, measured part */
    struct vec paid;              /* double: seconds until a payment that is carried by a message
                                     was there, measured part */
    uint64_t paying;              /* such payments under way */
    struct vec locks;             /* double: seconds that a crossing held a layer's accounts */
    uint64_t ended, tries;        /* crossings that ran; their tries */
    uint64_t carried, calls;      /* transactions of those; of them by crosslayer_calls */
    uint64_t dropped;             /* crossings */
    double regret_sum, error_sum; /* over epochs of the measured part */
    uint32_t regrets, errors;
    double imbalance_sum;
    uint32_t imbalances;
    double shares[WORLD_EPOCHS]; /* of the first epochs' transactions, those that crossed */
};

/* Adds its tables to the file, before record_start. ERR_MEMORY. */
enum err_code book_create(struct world *w, struct err *err);
void book_destroy(struct world *w);

/* ---- what the desk tells ---- */
/* The crossing is gone: it has run, was dropped, or goes on as a transaction of one layer. */
void book_crossing(struct world *w, const struct desk_crossing *c);
/* Money has left its sender's layer for another one's; it has come to whom a user paid at `since`.
 */
void book_pays(struct world *w);
void book_paid(struct world *w, sim_time since);
/* An op of the layer's committed block. */
void book_op(struct world *w, layer_id layer, const struct op *op, enum op_outcome outcome);
/* The policy orders a move; `by`: its name, for good. */
void book_ordered(struct world *w, account_id account, layer_id from, layer_id to, const char *by);
/* An OP_EXPORT of the account stands in a committed block of `from`, in *op's row of accounts. */
void book_left(struct world *w, account_id account, layer_id from, const struct op *op,
               enum op_outcome outcome);
/* It is there now, or everywhere. bytes: what travelled for it, or 0 where that is known. */
void book_came(struct world *w, account_id account, layer_id to, uint64_t bytes);
/* b is committed, and its transactions are settled. */
void book_settled(struct world *w, struct layer *l, const struct block *b);

/* Sets every layer's `open`: a transaction may end at another layer than where it was offered.
 * O(open transactions + layers). */
void book_count_open(struct world *w);

/* ---- what routes tell ---- */
/* An epoch ends: before the policy is asked. layers: as the policy knows them. */
void book_epoch_ends(struct world *w, const struct router_ops *ops, const void *state,
                     const struct route_layer *layers);
/* ... and after, with the number of moves it ordered. */
void book_epoch(struct world *w, const struct router_ops *ops, const void *state, uint32_t moves);

/* Rows of what is open at the end of the run. */
void book_finish(struct world *w);

#endif
