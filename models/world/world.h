/* models/world/world.h - a scenario put together and run.
 *
 *     struct world *w;
 *     world_create(&w, scenario, &options, &err);
 *     world_run(w, &err);
 *     world_summary(w, &summary);
 *     world_destroy(w);
 *
 * The world owns every simulated thing and is the only part that sees all concerns: it hands each
 * model its env and turns what they do into events, executions and rows. One thread owns it; its
 * own host workers (options.threads - 1 of them) execute blocks and sign transactions ahead. What
 * comes out depends on the scenario and the seed alone. */
#ifndef MODELS_WORLD_WORLD_H
#define MODELS_WORLD_WORLD_H

#include "models/world/config.h"
#include "models/world/layers.h"
#include "models/world/types.h"
#include "models/world/watch.h"
#include "sim/base/err.h"

#include <signal.h>

struct world;

struct world_options {
    uint32_t threads; /* of the host, at least 1 */
    const char *out;  /* results file, or NULL for none (the digest is computed all the same) */
    const char *program_version;
    const char *host;                  /* for the file's attributes; may be NULL */
    const char *start;                 /* wall-clock time, ISO 8601; may be NULL */
    const volatile sig_atomic_t *stop; /* non-zero ends the run early; may be NULL */
    /* Called about every 100 ms of virtual time; may be NULL. */
    void (*progress)(void *self, sim_time now, sim_time end, uint64_t committed, uint64_t height);
    void *progress_self;
    const struct world_watch *watch; /* who looks on; may be NULL */
};

/* Builds nodes, genesis and models; nothing has happened yet, but the results file is there. The
 * scenario is borrowed for the world's life. ERR_INPUT with place and text for what only now can be
 * found out; then what stood at options.out before stands there again. */
enum err_code world_create(struct world **out, const struct scenario *scenario,
                           const struct world_options *options, struct err *err);

/* What world_create would find wrong with workloads, places of nodes and faults: found out without
 * executing, signing or writing anything. ERR_INPUT with place and text of the first. */
enum err_code world_check(const struct scenario *scenario, struct err *err);

/* Runs to the end of duration and drain. ERR_OK also when stopped early (summary.stopped). */
enum err_code world_run(struct world *w, struct err *err);

/* Accepts NULL; at any time. */
void world_destroy(struct world *w);

/* What record.trace asked for; NULL where it did not, or options.watch was given. */
struct trace;
const struct trace *world_trace(const struct world *w);

struct world_percentiles {
    double p50, p90, p99, mean;
};

/* What limited a run, in the order in which they are looked for. */
enum world_limit {
    WORLD_LIMIT_UNSAFE,  /* two blocks at one height */
    WORLD_LIMIT_STOPPED, /* not known: the run was stopped early */
    WORLD_LIMIT_HALTED,  /* no node's chain grew for long, or nothing was committed */
    WORLD_LIMIT_LOAD,    /* nothing: (nearly) all was committed, or most of the rest was invalid */
    WORLD_LIMIT_GAS,     /* blocks are full, or their fee keeps transactions out */
    WORLD_LIMIT_CONFLICTS,  /* execution, and most of it waits for or repeats conflicting work */
    WORLD_LIMIT_EXECUTION,  /* execution on the cores there are */
    WORLD_LIMIT_SIGNATURES, /* senders of transactions, or messages, are checked most of the time */
    WORLD_LIMIT_NETWORK,    /* links are busy */
    WORLD_LIMIT_POOL,       /* pools refuse transactions, and blocks have room */
    WORLD_LIMIT_CONSENSUS,  /* rounds take long */
    WORLD_LIMIT_LADDER,     /* execution, and most of it makes transactions final one by one */
    /* Of a partitioned network: */
    WORLD_LIMIT_MAIL,      /* what layers tell one another comes late */
    WORLD_LIMIT_HOT,       /* one account, which one layer executes */
    WORLD_LIMIT_IMBALANCE, /* one layer has more than it can do, others have room */
    WORLD_LIMIT_LOCKS,     /* transactions that cross layers wait for one another */
};

/* "safety", "gas": as in --json and in the attribute `limit` of the results file. */
const char *world_limit_name(enum world_limit limit);

/* What a judge found. */
struct world_finding {
    sim_time time;
    bool liveness; /* the run got nowhere; else safety broke */
    const char *judge;
    layer_id layer;
    int64_t node; /* -1: none in particular */
    char text[200];
};
enum { WORLD_FINDINGS = 4 };

/* All faults of one kind, as far as they came about. */
struct world_fault {
    const char *kind;
    uint64_t begins, ends; /* the first may be more at the end of a run */
    sim_time first, last;  /* the first begin, the last end */
    node_id nodes[6];      /* whom they struck, each once; of more, the first ones */
    uint32_t node_count;
    bool more;
};
enum { WORLD_FAULTS = 8 };

/* Figures of the measured part (after warm-up, drain apart), over all layers. */
/* Layers that watch one another (models/world/audit.h); of the whole run. */
struct world_audits {
    bool on;
    uint64_t blocks, audited; /* committed; of them, those that got a committee */
    uint64_t asked, executed; /* members drawn; of them, those that executed the block */
    uint64_t checked;         /* executions for others' proofs */
    uint64_t frauds, found,
        detected;  /* false ones whose window is over; found so by a member; ... */
    uint64_t late; /* ... proven within the window; proven after it */
    double detected_share, expected_share; /* of frauds; as the closed form has it. NAN: none */
    double delay_s;                        /* from commit to proof; NAN: none */
    double core_share, core_s; /* of all cores' time; of one execution. The latter NAN: none */
    double request_bytes, witness_bytes; /* mean, to each member; of it, the witness; NAN: none */
    double slashed_ether, burnt_ether;   /* of the former */
    double income_ether;                 /* mean of the nodes that executed; NAN: none did */
    double chance; /* that a false block is proven, as nodes are at the end; the least of layers' */
    uint64_t enough; /* the least committee with which cheating does not pay; 0: none */
    char text[800];  /* whether it pays, in plain words */
};

/* A network whose accounts live on several layers; of the measured part, or, where it says so, of
 * the whole run. */
enum { WORLD_EPOCHS = 12 };
struct world_partition {
    bool on;
    const char *policy, *protocol;
    const char *calls_by; /* carries what the protocol does not take: calls; NULL: it takes all */
    uint64_t carried, calls; /* transactions that crossed, whole run; of them those by calls_by */
    uint64_t crossings;      /* committed transactions that touched several layers */
    double cross_share;      /* of the committed ones */
    struct world_percentiles cross_latency_s, local_latency_s; /* as latency_s */
    struct world_percentiles paid_s;   /* from submitted until the money that a message carries was
                                        * there (relay, broker), of ... */
    uint64_t paid, paying;             /* ... so many; under way at the end of the run */
    struct world_percentiles locked_s; /* for how long a crossing held accounts of a layer, of */
    uint64_t locks;                    /* ... so many that let go */
    uint64_t held;                     /* ... and so many hold them at the end, */
    double held_s;                     /* the first of them for so long */
    double tries;                      /* of a crossing that ran, mean, whole run; NAN: none did */
    uint64_t dropped;                  /* crossings given up, whole run */
    /* Whole run: times that execution left a transaction out of a block, as it touched another
     * layer's account, or one that a crossing held. */
    uint64_t left_out_foreign, left_out_locked;
    uint64_t moves, moves_refused, move_bytes; /* accounts, whole run */
    double imbalance; /* gas of the busiest layer over the mean, by epoch, mean; NAN: no blocks */
    double imbalance_whole;           /* of all epochs together */
    double regret, prediction_error;  /* mean over epochs, as in /routing; NAN: no epoch has one */
    double epoch_share[WORLD_EPOCHS]; /* of the transactions of each epoch, those that crossed; the
                                       * first epochs of the whole run; NAN: it had none */
    uint32_t epochs;
    /* Mean of a layer's blocks, of the layers where it is lowest and highest; NAN: no blocks. */
    double base_fee_least_gwei, base_fee_most_gwei;
    char cheapest[WORLD_LAYER_NAME], dearest[WORLD_LAYER_NAME]; /* these */
    uint32_t hottest;     /* account (account_id) in most of the gas; ACCOUNT_NONE */
    double hottest_share; /* of the gas, that of transactions that touched it */
};

/* Layers that were given up; the whole run. */
struct world_takeovers {
    bool on;
    uint64_t count, accounts, bytes; /* layers given up; what came to heirs of theirs */
    uint64_t undone;   /* transactions in blocks of theirs that were not final: they ran again */
    uint64_t lost;     /* final ones that are not in the state that was taken over */
    double detect_s;   /* from the last commit to the decision, mean; NAN of none */
    double move_s;     /* from there until all accounts had come, mean of those that are over */
    double recovery_s; /* from the last commit to the first commit elsewhere of one of its users */
    double beat_bytes; /* what a layer tells another of a block, mean */
    double fill_before, fill_after; /* gas used over gas limit of the layers that go on: before the
                                       first was given up, and after the last was taken over */
};

struct world_summary {
    bool stopped;
    char digest[65]; /* 64 hexadecimal digits */
    sim_time measured, end;
    /* Transactions; the first is the sum of committed (reverted ones too), dropped (skipped ones
     * too: ordered, but left out by execution) and pending. */
    uint64_t offered, committed, reverted, dropped, skipped, pending;
    uint64_t gave_up; /* of dropped: their users waited for a lower fee, and sent nothing */
    double offered_rate, achieved_rate;          /* a second */
    double gas_rate;                             /* gas a second */
    struct world_percentiles latency_s;          /* submitted to committed */
    struct world_percentiles tip_gwei, fee_gwei; /* a gas; a transaction */
    double base_fee_first_gwei, base_fee_last_gwei, base_fee_min_gwei, base_fee_max_gwei;
    uint64_t blocks, stale_blocks, failed_rounds;
    double block_interval_s, block_txs;
    double block_fill;   /* gas used over gas limit */
    double block_packed; /* what counts against the limit when a block is built, over it: gas used,
                          * or the sum of gas limits where order comes before execution */
    double full_blocks;  /* share of blocks in which one more such transaction had no room */
    uint64_t executions, aborts;
    double speed_up;              /* serial time over makespan, summed over blocks */
    double speed_up_bound;        /* serial time over critical path */
    double core_utilisation;      /* share of all cores' time */
    double signature_utilisation; /* signatures, as a share of those cores' time */
    uint64_t shed; /* times a node dropped another's transaction unseen, for lack of time */
    double link_utilisation; /* of the busiest node's uplink */
    /* Nodes that are up and further behind their layer at the end than its pipeline explains; the
     * furthest of them, and by how many blocks. */
    uint64_t nodes_behind, most_behind;
    node_id furthest;
    /* Over the blocks that won: seconds until half, nine in ten, and the last of the layer's nodes
     * had one whole, its proposer counted; those that had to fetch it later are not the last. */
    struct world_percentiles propagation_p50_s, propagation_p90_s, propagation_last_s;
    /* Likewise from its first reception on, to half and to 99 in 100 of the nodes. */
    struct world_percentiles dispersion_p50_s, dispersion_p99_s;
    struct world_percentiles speculative_s; /* from proposed to final, unless somebody lies */
    /* From proposed to final at the first, two thirds, all of the nodes. */
    struct world_percentiles finality_first_s, finality_quorum_s, finality_last_s;
    double stale_rate; /* of the blocks whose fate is known, those that lost */
    double uncle_rate; /* stale blocks named as uncles, a block that won */
    uint64_t liveness_violations;
    struct world_finding findings[WORLD_FINDINGS]; /* the first ones */
    uint32_t finding_count;
    struct world_fault faults[WORLD_FAULTS]; /* of the whole run, in order of their first; of more
                                              * kinds, the first ones */
    uint32_t fault_kinds;
    uint32_t judges; /* that looked on, over all chains */
    uint64_t safety_violations, crashes, messages, bytes, events;
    /* Of messages and bytes: what carries blocks, the protocol's other messages, transactions,
     * catch-up, announcements and requests, mail between layers (within them too). */
    struct world_traffic {
        uint64_t messages, bytes;
    } blocks_sent, votes_sent, txs_sent, sync_sent, control_sent, layers_sent;
    /* Mail between layers, of the whole run: items, those that arrived, times one was sent again,
     * messages from layer to layer, their bytes; from posted to arrived, mean (NAN: none did). */
    struct world_mail {
        uint64_t items, arrived, repeated, messages, bytes;
        double delay_s;
    } mail;
    uint64_t committed_blocks; /* of the whole run, over all chains: what the above were for */
    struct world_audits audits;
    struct world_partition partition;
    struct world_verified { /* verify: executed once more on one state, and what differed */
        bool on;
        uint64_t txs, blocks, differences;
    } verified;
    struct world_takeovers takeover;
    char warning[400];      /* what to change in the scenario before anything else; "" for
                                       nothing */
    uint32_t idle_layers;   /* ... as nothing is sent to these; 0: not so */
    uint32_t enough_layers; /* ... as so many would do; 0: not so */
    enum world_limit limit;
    char limit_text[800]; /* in plain words, with what to try; the file's attribute `verdict` */
};
void world_summarise(const struct world *w, struct world_summary *out);

#endif
