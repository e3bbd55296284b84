/* models/faults/select.h - whom a fault strikes and when: the settings that every model shares, and
 * the code behind them.
 *
 * Who: a number or a share of the nodes that `layer`, `region` and `of` leave, or nodes by number.
 * When: once at a set time, or again and again at random moments (a Poisson process) from then on;
 * each occurrence lasts as long as was drawn for it, or to the end of the run.
 *
 * A model holds a struct fault_strike, is called back as nodes come under the fault and leave it,
 * and asks fault_struck() in its filter. Occurrences may overlap: a node comes under it with the
 * first and leaves it with the last. */
#ifndef MODELS_FAULTS_SELECT_H
#define MODELS_FAULTS_SELECT_H

#include "models/faults/faults.h"
#include "sim/engine/dist.h"

#define FAULT_OF(E, S)                                                                             \
    E(S, FAULT_OF_ANY, "any", "Every node.")                                                       \
    E(S, FAULT_OF_VALIDATORS, "validators", "Only those that vote.")                               \
    E(S, FAULT_OF_FOLLOWERS, "followers", "Only those that do not vote.")
FIELD_ENUM_DECLARE(fault_of, FAULT_OF);

#define FAULT_WHO_FIELDS(F, S)                                                                     \
    F(S, COUNT, nodes, "1", "1", NULL, "How many, drawn from those that the rest leaves.")         \
    F(S, FRACTION, share, "0%", "0%", "100%",                                                      \
      "This share of them, to the nearest node, in place of `nodes`; 0% is none.")                 \
    F(S, STRINGS, chosen, "", NULL, NULL, "These nodes instead, by number: [0, 4-6].")             \
    F(S, STRING, layer, "", NULL, NULL, "Only nodes of this layer; empty is any.")                 \
    F(S, STRING, region, "", NULL, NULL,                                                           \
      "Only nodes in this region, or regions whose names begin so (eu: eu-west-1); empty is any.") \
    F(S, ENUM(fault_of), of, "any", NULL, NULL, "Which of them.")

/* first: default of `at` */
#define FAULT_WHEN_FIELDS(F, S, first)                                                             \
    F(S, DURATION, at, first, "0s", "never", "When it begins; with a rate, when it may.")          \
    F(S, RATE, rate, "0/s", "0/s", NULL,                                                           \
      "Begins again and again from `at` on, at random, so often on average in all; 0/s is once.")  \
    F(S, DURATION, no_more, "never", "0s", "never", "With a rate: it does not begin after this.")
#define FAULT_LASTS_FIELDS(F, S)                                                                   \
    F(S, DIST(DURATION), lasts, "0s", "0s", NULL,                                                  \
      "How long, drawn for each occurrence: exponential(5s); 0s is to the end of the run.")

struct fault_who {
    uint64_t nodes;
    double share;
    const struct field_strings *chosen;
    const char *layer, *region;
    enum fault_of of;
};
struct fault_when {
    sim_time at;
    double rate;
    sim_time no_more;
    const struct sim_dist *lasts;
};
#define FAULT_WHO(c)                                                                               \
    ((struct fault_who){(c)->nodes, (c)->share, &(c)->chosen, (c)->layer, (c)->region, (c)->of})
#define FAULT_WHEN(c) ((struct fault_when){(c)->at, (c)->rate, (c)->no_more, &(c)->lasts})

/* A draw of a duration, from 0 to a day. */
sim_time fault_time(const struct sim_dist *d, struct sim_stream *rng);
/* Number of nodes written "7" or "4-6": first .. *last. */
bool fault_parse_range(const char *text, node_id *first, node_id *last);
/* "eu-west-1" is in "eu-west-1" and in "eu". */
bool fault_in_region(const char *region, const char *wanted);

struct fault_occurrence {
    struct fault_occurrence *next;
    uint64_t id;
    uint32_t count;
    node_id nodes[];
};

/* What the timed part of a strike calls: the model's. */
struct fault_strike_ops {
    const char *name; /* in /faults */
    /* One set of nodes for the whole run, known after init, in place of one for each occurrence. */
    bool fixed;
    bool watch; /* put the messages of struck nodes through the filter */
    bool quiet; /* no rows: begin and end make them */
    /* A node comes under the fault, leaves it. May be NULL. */
    void (*begin)(void *self, node_id node);
    void (*end)(void *self, node_id node);
};

/* Zeroed before init; fields are for reading. */
struct fault_strike {
    const struct fault_strike_ops *ops;
    void *self;
    struct fault_env *env;
    struct fault_who who;
    struct fault_when when;
    node_id *nodes; /* ops->fixed: the set, ascending */
    uint32_t count;
    uint16_t *depth; /* by node: occurrences it is under now */
    struct fault_occurrence *open;
    uint64_t occurrences;
    uint8_t *take; /* by node; scratch */
};

/* Chooses, and schedules the first occurrence. ERR_INPUT with the setting's name in the text.
 * O(nodes) an occurrence. who, when and their lists are copied shallowly. */
enum err_code fault_strike_init(struct fault_strike *s, const struct fault_strike_ops *ops,
                                void *self, struct fault_env *env, struct fault_who who,
                                struct fault_when when, struct err *err);
/* Moments of the strike have kinds 0 and 1; a model's own begin at FAULT_KIND. */
enum { FAULT_STRIKE_BEGIN, FAULT_STRIKE_END, FAULT_KIND };
void fault_strike_fire(struct fault_strike *s, uint32_t kind, uint64_t value);
void fault_strike_fini(struct fault_strike *s);
/* The same, for fault_ops of states whose first member is the strike. */
void fault_strike_on_fire(void *state, uint32_t kind, uint64_t value);
void fault_strike_on_fini(void *state);

static inline bool fault_struck(const struct fault_strike *s, node_id node)
{
    return s->depth[node] > 0;
}

#endif
