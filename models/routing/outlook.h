/* models/routing/outlook.h - what reports tell of pairs of accounts used together, and what of it
 * to expect: the ground that predictive and learned stand on.
 *
 * Of each pair: gas in the last epoch, and a mean in which an older epoch counts `memory` times as
 * much as the one after it. The gas of a report's pairs is scaled so that it adds up to what
 * its layer's blocks used (a transaction with three accounts stands in three pairs), and further to
 * what was asked for: committed transactions, and those by which the pool grew. All is as old as
 * the reports, and an epoch that reports cover in part is taken for whole.
 *
 * Zeroed means empty; one thread owns it; it keeps env. */
#ifndef MODELS_ROUTING_OUTLOOK_H
#define MODELS_ROUTING_OUTLOOK_H

#include "models/routing/cost.h"
#include "models/routing/search.h"

struct outlook_pair {
    account_id a, b;     /* a <= b */
    double now, mean;    /* gas an epoch */
    double by_a, by_b;   /* of the mean, what a sent, what b sent */
    double now_a, now_b; /* likewise of `now` */
    double expect;       /* gas of the coming epoch: outlook_expect() */
    uint32_t epochs;     /* in which it was seen */
};

struct outlook_layer {
    bool heard;             /* since the last fold */
    double covered;         /* seconds of the reports since the last fold */
    double times;           /* what makes a whole epoch of them */
    sim_time to;            /* end of the last window */
    double capacity, gas;   /* gas an epoch, from its reports */
    double txs, crossings;  /* an epoch */
    double pending, growth; /* transactions; over the epoch */
    double busy, conflicts, latency;
};

/* Pairs by the number of epochs in which they were seen: 1, 2, 3 or 4, more. */
enum { OUTLOOK_AGES = 4 };

struct outlook {
    const struct route_env *env;
    struct cost_rules rules;
    double memory;
    bool thin;      /* nothing was put to the test yet, and there are few transactions an account */
    uint32_t users; /* accounts in pairs, at the last fold */
    double weight;  /* of all epochs in the means: nears 1 */
    double tx_gas;  /* of a transaction, on average */
    uint32_t most;  /* pairs kept */
    double came[OUTLOOK_AGES], due[OUTLOOK_AGES]; /* gas of known pairs, and by their means */
    struct vec fresh;    /* of reports since the last fold, with the layer */
    struct vec pairs;    /* struct outlook_pair, by (a, b) */
    struct vec merged;   /* scratch */
    double asked;        /* what was asked for in the last epoch, over what was committed */
    double *now, *mean;  /* by account: gas of its pairs, an epoch */
    double *sent;        /* by account: of the mean, what it sent */
    double same, spread; /* how sent gas goes with its mean; of the means among themselves */
    layer_id *home;      /* by account, at the last fold */
    uint32_t known;      /* in all three */
    struct outlook_layer *layers, *open; /* at the last fold; what came since */
    double age;                          /* epochs since the windows' ends, at the last fold */
    struct search_builder builder;
    layer_id *found; /* by node of the builder */
    double *alone;   /* by account, scratch: gas that is not trusted to pairs */
    /* Groups, drawn as if all pairs came again: what they promise for pairs never seen before. */
    layer_id *groups;             /* by account; LAYER_NONE: not in it */
    uint32_t grouped;             /* accounts in groups */
    double promised;              /* share of gas inside them, as they were drawn */
    double group_came, group_due; /* gas inside beyond chance, of that promised; fades */
    double settled, new_gas; /* gas of new pairs that was local beyond chance, of theirs; fades */
};

/* most: pairs kept, the weakest go first. ERR_MEMORY leaves it empty. */
enum err_code outlook_init(struct outlook *o, const struct route_env *env,
                           const struct cost_rules *rules, double memory, uint32_t most);
void outlook_fini(struct outlook *o);

/* Adds a report. O(edges). env->fail when memory is out. */
void outlook_observe(struct outlook *o, const struct route_report *report);

/* Ends an epoch. False after env->fail when memory is out. O(pairs log pairs + accounts). */
bool outlook_fold(struct outlook *o, sim_time now);

/* Sets what is expected of each pair: its mean, by as much more or less as its heavier account is
 * expected to use than its mean. gas: by account, below 0 where only the last epoch tells; NULL:
 * nowhere more than that does. A few transactions are added on both sides, so that little used
 * accounts, which tell little, stay near their means. */
void outlook_expect(struct outlook *o, const double *gas);

/* How much of what a pair's mean promises comes true: as pairs of its age have shown, or as groups
 * have, if that is more. Near 1 where the same accounts meet again and again or stay in groups,
 * near 0 where anybody meets anybody. */
double outlook_trust(const struct outlook *o, const struct outlook_pair *p);

/* Of the gas of accounts put together with those they are used with, the share (beyond chance) that
 * stayed together in the epoch after, for that promised: 0 to 1. Tells of groups even where hardly
 * any pair comes again. */
double outlook_trust_groups(const struct outlook *o);

/* Share of gas of pairs never seen before that was local, beyond chance: what an account that moves
 * away leaves behind, as far as it is not told by pairs. 0 to 1. */
double outlook_settled(const struct outlook *o);

/* Likewise of what accounts send: the slope of an epoch's gas over the mean before, accounts
 * against one another. Near 0 where all are alike and only chance tells them apart. */
double outlook_trust_senders(const struct outlook *o);

/* A placement for what is expected: of each pair as much as can be trusted to come again; the rest
 * is work of its senders, drawn to their average as far as they cannot be told apart, and of every
 * layer alike where its recipients may live. Fills o->builder and o->found, from the present homes.
 * Where o->thin, they stay. Apart, moving: as in search.h. False after env->fail. */
struct outlook_aims {
    double apart;
    double moving, stall; /* of an account: gas, and share of the gas it is used with */
    unsigned levels;
};
bool outlook_search(struct outlook *o, const struct outlook_aims *aims);

/* o->found as the accounts are now; after a search, whose nodes are kept. */
void outlook_stay(struct outlook *o);

/* Gas that each layer is to execute of what is expected: at the senders' homes as of o->found, or
 * (found: false) as they are. */
void outlook_gas(const struct outlook *o, bool found, double *gas_by_layer);

/* Of the placement found (or the present one): work of each layer, that of crossings included
 * (work: NULL or by layer), the most used one's share of its capacity, and the share of gas that
 * crosses: of each pair as far as it is trusted; the rest as new pairs do. Work trusts all. */
void outlook_rate(const struct outlook *o, bool found, double *work, double *fullest,
                  double *apart);

#endif
