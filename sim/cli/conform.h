/* sim/cli/conform.h - `weft conform consensus`: a protocol put through cases, each over many seeds,
 * and judged from outside. conform_consensus.c asks, conform_cases.c knows the cases and writes
 * their scenarios, conform_judge.c looks on at one run, conform_pool.c runs many, and
 * conform_report.c prints. */
#ifndef SIM_CLI_CONFORM_H
#define SIM_CLI_CONFORM_H

#include "models/consensus/consensus.h"
#include "models/world/world.h"
#include "sim/cli/cli.h"
#include "sim/cli/text.h"

#include <limits.h>

/* What must hold, as far as the protocol's traits promise it. */
enum conform_property {
    CONFORM_AGREEMENT,    /* honest nodes commit the same block at a height, and take none back */
    CONFORM_VALIDITY,     /* honest nodes commit blocks whose execution gives what they state */
    CONFORM_CERTIFICATES, /* a commit or a certificate has a quorum behind it, and no rival */
    CONFORM_LIVENESS,     /* blocks and transactions become final once the network is calm */
    CONFORM_CATCH_UP,     /* every node that is up gets what is final */
    CONFORM_DETERMINISM,  /* the same run twice, and on another number of threads */
    CONFORM_PROPERTIES
};
/* "catch-up", and a sentence. */
const char *conform_property_name(enum conform_property p);

enum conform_need {
    CONFORM_NEEDS_CRASH = 1,  /* at least one node may crash */
    CONFORM_NEEDS_FAULTY = 2, /* at least one may be Byzantine */
    CONFORM_MILD = 4,         /* protocols without finality promise agreement here too */
    CONFORM_GOSSIP = 8,       /* nodes pass blocks on, so that each hears all there are */
};

struct conform_case {
    const char *name, *doc;
    /* YAML: further settings of network, entries of faults; NULL for none. $2 is twice the unit of
     * time, $f and $c the number of Byzantine and of crashed nodes, $l one less than $f, $m one
     * more than $c, $b how long the network holds a message, $e when that ends, $p partitions from
     * $1 to then, $u the time between, $d per cent of messages. */
    const char *network, *faults;
    const char *models[3]; /* the fault models that it uses */
    unsigned calm;  /* units of time after which nothing more goes wrong than does for ever */
    unsigned needs; /* of enum conform_need */
};
/* Row i, NULL past the end. Row 0 is "healthy". */
const struct conform_case *conform_case_at(size_t i);

/* The protocol. */
struct conform_subject {
    const char *given;  /* on the command line */
    const char *kind;   /* its name */
    const char *plugin; /* absolute path of the shared object, or NULL */
    const struct consensus_ops *ops;
    const struct cli_list *sets;
};

/* What time means to the protocol with one number of nodes, whatever other numbers are tried. */
struct conform_clock {
    sim_time unit;     /* what it waits before it gives up on a leader, or its block interval */
    uint64_t patience; /* units of time until the first block must be final again */
    uint64_t tail;     /* and then until another one */
};
/* Nodes of n that may be Byzantine, that may crash. */
uint32_t conform_faulty(const struct conform_subject *s, uint32_t n);
uint32_t conform_crashed(const struct conform_subject *s, uint32_t n);
/* Blocks that stand on a final one. */
uint64_t conform_depth(const struct conform_subject *s, const void *cfg, uint32_t n);

/* One run to do. */
struct conform_item {
    const struct conform_case *c;
    uint32_t nodes;
    uint64_t seed;
    struct conform_clock clock;
    sim_time delay; /* one way; 0: a sixtieth of the unit */
    bool twice;     /* look at determinism: three runs */
};
/* When the network is calm, and when the run ends. */
sim_time conform_calm(const struct conform_item *item);
sim_time conform_end(const struct conform_item *item);
sim_time conform_delay(const struct conform_item *item);
/* Its scenario as YAML. */
void conform_scenario(const struct conform_subject *s, const struct conform_item *item,
                      struct cli_text *out);
/* The same read, with the user's settings. ERR_INPUT with the first problem. */
enum err_code conform_load(const struct conform_subject *s, const struct conform_item *item,
                           struct scenario **out, struct err *err);

enum conform_state {
    CONFORM_PENDING,
    CONFORM_RUNNING,
    CONFORM_DONE,
    CONFORM_REFUSED, /* the scenario is none for this protocol: text[0] says why */
    CONFORM_DIED,    /* the program stopped: `signal`, or 0 where it took too long */
};

/* Plain data in memory that processes share. */
struct conform_outcome {
    uint8_t state;  /* enum conform_state */
    uint8_t failed; /* a bit a property */
    int32_t signal;
    char text[CONFORM_PROPERTIES][240]; /* what failed, where it did */
    /* How far the run has come: of a run that never ends, the last that was seen of it. */
    sim_time at;
    uint32_t node;
    char doing[32];    /* "timer", "message prepare" */
    uint64_t heights;  /* that became final */
    uint64_t messages; /* of the protocol, one a receiver, from the calm on */
    uint64_t settled;  /* heights that became final from the calm on */
    sim_time recovery; /* from the calm to the first new final block; -1: none */
    /* Medians: of a block, from its making to being final at half of the nodes; of protocols that
     * order batches, of a transaction from its submission on. */
    sim_time latency;
};

/* Seconds of host time that a run may take. */
enum { CONFORM_SECONDS_MAX = 60 };

/* Runs the item and judges it. */
void conform_judge(const struct conform_subject *s, const struct conform_item *item,
                   struct conform_outcome *out);

/* Does all items, `jobs` processes at a time: what stops one of them stops no other. outcomes has
 * `count` zeroed entries that conform_pool_memory made. progress may be NULL. ERR_IO where
 * processes cannot be made. */
enum err_code conform_pool(const struct conform_subject *s, const struct conform_item *items,
                           struct conform_outcome *outcomes, size_t count, uint32_t jobs,
                           void (*progress)(size_t done, size_t count), struct err *err);
/* NULL when memory is out. Freed with the process. */
struct conform_outcome *conform_pool_memory(size_t count);

/* ---- between conform_consensus.c and conform_report.c ---- */

enum {
    CONFORM_SIZES_MAX = 16,
    CONFORM_NODES_MAX = 200,
    CONFORM_CASES_MAX = 64,
    CONFORM_PATIENCE = 40, /* the default */
    CONFORM_LADDER = 5,
};
#define CONFORM_NO_SEED UINT64_MAX

struct conform_options {
    struct cli_list sets, cases;
    const char *nodes, *keep;
    uint64_t seeds, seed, jobs, patience;
    bool all;
};

/* All that was asked for, all runs and what came out. */
struct conform {
    const struct cli_command *self;
    const struct conform_options *options;
    struct conform_subject subject;
    struct scenario_plugins plugins; /* holds the protocol open */
    char plugin[PATH_MAX];
    uint32_t sizes[CONFORM_SIZES_MAX];
    size_t size_count;
    const struct conform_case *cases[CONFORM_CASES_MAX];
    size_t case_count;
    struct conform_clock clocks[CONFORM_NODES_MAX + 1]; /* by number of nodes, once asked for */
    struct conform_item *items;
    struct conform_outcome *outcomes;
    size_t count, measured; /* items; those before the ones that only measure */
    sim_time delay;         /* of the first run that measures latency; the second's is twice that */
};

/* Numbers of nodes for which messages are counted. */
extern const uint32_t conform_ladder[CONFORM_LADDER];
/* All cases and seeds were asked for, and not one alone. */
bool conform_whole(const struct conform *k);
/* Why a case is left out with n nodes; NULL: it is not. */
const char *conform_left_out(const struct conform_subject *s, const struct conform_case *c,
                             uint32_t n);

/* Prints what came out, and writes the scenarios of failures where they are wanted. Returns an enum
 * cli_status. */
int conform_report(const struct conform *k);

#endif
