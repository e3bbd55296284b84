/* models/world/config.h - what a scenario may say: the table of its top level, and the registries
 * of every concern. */
#ifndef MODELS_WORLD_CONFIG_H
#define MODELS_WORLD_CONFIG_H

#include "models/interlayer/interlayer.h"
#include "models/network/network.h"
#include "models/world/audit.h"
#include "sim/scenario/scenario.h"

#define WORLD_LAYER_KIND(E, S)                                                                     \
    E(S, WORLD_LAYER_PARALLEL, "parallel", "Transactions run in parallel, as `execution` says.")   \
    E(S, WORLD_LAYER_SEQUENTIAL, "sequential",                                                     \
      "One transaction after the other, on one core, whatever `execution` says.")
FIELD_ENUM_DECLARE(world_layer_kind, WORLD_LAYER_KIND);

#define WORLD_LAYER_FIELDS(F, S)                                                                   \
    F(S, STRING, name, "", NULL, NULL,                                                             \
      "What results call it; empty is layer-N, of several with one entry NAME-N.")                 \
    F(S, COUNT, count, "1", "1", "1024", "So many layers like this one.")                          \
    F(S, ENUM(world_layer_kind), kind, "parallel", NULL, NULL, "How it runs transactions.")        \
    F(S, COUNT, nodes, NULL, "1", "16M",                                                           \
      "Nodes that work for it; for each where they are several.")                                  \
    F(S, COUNT, validators, "0", "0", "16M",                                                       \
      "How many of them vote, counted from the first; 0 is all.")                                  \
    F(S, DIST(COUNT), weights, "1", "1", "1G",                                                     \
      "Voting weight of each validator: stake, or power of mining.")                               \
    F(S, STRINGS, first_weights, "", NULL, NULL,                                                   \
      "Weights of the first validators, in order, in place of draws: [289, 196, 159].")            \
    F(S, DIST(SIZE), block_size, "0B", "0B", "1GB",                                                \
      "A block weighs at least this on the wire, drawn for each: opaque bytes fill it up.")        \
    F(S, MODEL(consensus), consensus, "tendermint", NULL, NULL, "How its blocks are agreed on.")   \
    F(S, MODEL(execution), execution, "ladder", NULL, NULL, "How its nodes execute blocks.")       \
    F(S, MODEL(fees), fees, "eip1559", NULL, NULL, "What its blocks charge and hold.")             \
    F(S, MODEL(mempool), mempool, "fee-ordered", NULL, NULL, "Every node's pool.")
FIELD_DECLARE(world_layer, WORLD_LAYER_FIELDS);

#define WORLD_SIGNATURES(E, S)                                                                     \
    E(S, WORLD_SIGNATURES_REAL, "real", "Transactions are really signed and recovered, once.")     \
    E(S, WORLD_SIGNATURES_MODELLED, "modelled", "Only the time of it is charged.")
FIELD_ENUM_DECLARE(world_signatures, WORLD_SIGNATURES);

#define WORLD_ORDER(E, S)                                                                          \
    E(S, WORLD_ORDER_PER_LAYER, "per-layer", "Each layer's validators order its own blocks.")      \
    E(S, WORLD_ORDER_GLOBAL, "global",                                                             \
      "All validators order all blocks in one chain, by the first layer's consensus; a block "     \
      "holds transactions of its proposer's layer, whose nodes alone execute it.")
FIELD_ENUM_DECLARE(world_order, WORLD_ORDER);

/* Accounts over layers. */
#define WORLD_ROUTING_FIELDS(F, S)                                                                 \
    F(S, MODEL(routing), policy, "none", NULL, NULL,                                               \
      "Which layer holds which account; none: each layer has a state of its own, and a workload "  \
      "is aimed at one by `layer`.")                                                               \
    F(S, DURATION, epoch, "10s", "100ms", "24h", "Time between two rounds of moves.")              \
    F(S, DURATION, report_interval, "2s", "10ms", "1h",                                            \
      "Time between two reports of a layer, by which the policy learns what goes on.")             \
    F(S, COUNT, report_edges, "20k", "0", "10M",                                                   \
      "Pairs of accounts that a report lists at most, those used together most often.")            \
    F(S, COUNT, moves, "1k", "0", "10M", "Accounts that move in one round at most.")               \
    F(S, COUNT, regret_sample, "2k", "0", "1M",                                                    \
      "Transactions of an epoch, evenly chosen, for which the best placement is sought, to "       \
      "compare "                                                                                   \
      "the policy's with; 0: none.")
FIELD_DECLARE(world_routing, WORLD_ROUTING_FIELDS);

#define WORLD_HEIRS(E, S)                                                                          \
    E(S, WORLD_HEIRS_NEXT, "next", "The next layer by number that is not given up.")               \
    E(S, WORLD_HEIRS_LEAST_LOADED, "least-loaded",                                                 \
      "The one whose last blocks were emptiest, as far as was heard.")                             \
    E(S, WORLD_HEIRS_SPREAD, "spread", "All that are not given up, each account by its hash.")
FIELD_ENUM_DECLARE(world_heirs, WORLD_HEIRS);

/* What becomes of a layer that stands still. */
#define WORLD_TAKEOVER_FIELDS(F, S)                                                                \
    F(S, DURATION, after, "never", "500ms", "never",                                               \
      "A layer that others hear nothing from for so long, and for four blocks of their own, is "   \
      "given up: others take its accounts over. Needs three layers and interlayer.shape: mesh. A " \
      "transaction is then committed once "                                                        \
      "other layers, half of all, have its block's certificate, and its layer knows that.")        \
    F(S, ENUM(world_heirs), by, "next", NULL, NULL, "Who takes its accounts over.")                \
    F(S, BOOL, archive, "true", NULL, NULL,                                                        \
      "With each certificate goes what the block changed, to every other layer, so that its "      \
      "state "                                                                                     \
      "outlives all its nodes. Without, the heirs need a node of it that is up.")
FIELD_DECLARE(world_takeover, WORLD_TAKEOVER_FIELDS);

#define WORLD_VERIFY(E, S)                                                                         \
    E(S, WORLD_VERIFY_NONE, "none", "Not at all.")                                                 \
    E(S, WORLD_VERIFY_SERIALISABLE, "serialisable",                                                \
      "Everything that is committed is executed once more, on one state that is not partitioned: " \
      "receipts and the final state must be the same.")
FIELD_ENUM_DECLARE(world_verify, WORLD_VERIFY);

#define WORLD_RECORDED(E, S)                                                                       \
    E(S, WORLD_RECORD_ALL, "all", "A row for every transaction.")                                  \
    E(S, WORLD_RECORD_SAMPLED, "sampled", "A row for one in `one_in`, chosen by hash.")            \
    E(S, WORLD_RECORD_NONE, "none", "No rows; totals and series only.")
FIELD_ENUM_DECLARE(world_recorded, WORLD_RECORDED);

#define WORLD_TRACE_FIELDS(F, S)                                                                   \
    F(S, DURATION, from, "0s", "0s", NULL, "Messages sent from then on ...")                       \
    F(S, DURATION, to, "0s", "0s", NULL, "... until then get a row; where it is 0s, none does.")   \
    F(S, COUNT, limit, "100k", "1", "100M", "Rows at most.")                                       \
    F(S, BOOL, transactions, "false", NULL, NULL, "Those of transactions too, and fetched blocks'.")
FIELD_DECLARE(world_trace, WORLD_TRACE_FIELDS);

#define WORLD_RECORD_FIELDS(F, S)                                                                  \
    F(S, DURATION, interval, "100ms", "1ms", "1h", "Time between samples of the series.")          \
    F(S, ENUM(world_recorded), transactions, "all", NULL, NULL, "Which transactions get a row.")   \
    F(S, COUNT, one_in, "16", "1", "1M", "transactions: sampled keeps one in this many.")          \
    F(S, STRUCT(world_trace), trace, "", NULL, NULL, "A table of messages, for a window of time.") \
    F(S, COUNT, schedules, "4", "0", "1000", "Blocks whose schedule of cores is kept, a layer.")   \
    F(S, DURATION, flush, "2s", "10ms", "1h",                                                      \
      "Host time between two writes to the file: a killed run loses about as much.")
FIELD_DECLARE(world_record, WORLD_RECORD_FIELDS);

#define WORLD_BOUND(E, S)                                                                          \
    E(S, WORLD_BOUND_NEAR, "near", "As near as `within` says.")                                    \
    E(S, WORLD_BOUND_LEAST, "at-least", "No less.")                                                \
    E(S, WORLD_BOUND_MOST, "at-most", "No more.")
FIELD_ENUM_DECLARE(world_bound, WORLD_BOUND);

/* A published or wanted figure; names: models/world/figures.def. */
#define WORLD_FIGURE_FIELDS(F, S)                                                                  \
    F(S, STRING, figure, NULL, NULL, NULL, "Its name, as weft run --json has it: latency_s.p50.")  \
    F(S, REAL, target, NULL, NULL, NULL, "What it should be, in the figure's unit.")               \
    F(S, ENUM(world_bound), bound, "near", NULL, NULL, "How it is compared.")                      \
    F(S, FRACTION, within, "10%", "0%", "1000%", "near: how far off it may be.")                   \
    F(S, STRING, source, "", NULL, NULL, "Where the target is from.")                              \
    F(S, STRING, because, "", NULL, NULL,                                                          \
      "Why it is off, where that is known: weft run and weft validate then pass it, marked so.")
FIELD_DECLARE(world_figure, WORLD_FIGURE_FIELDS);

#define WORLD_EXPECT_FIELDS(F, S)                                                                  \
    F(S, BOOL, unsafe, "false", NULL, NULL, "Broken safety is what this scenario shows.")          \
    F(S, COUNT, seeds, "1", "1", "1000", "weft validate: runs whose figures' mean is taken.")      \
    F(S, LIST(world_figure), figures, "", "0", "100", "Figures of the summary and their targets.")
FIELD_DECLARE(world_expect, WORLD_EXPECT_FIELDS);

/* What weft compare runs; no other command heeds it. */
#define WORLD_SWEEP_FIELDS(F, S)                                                                   \
    F(S, STRINGS, vary, "", "0", "8",                                                              \
      "Settings and their values, PATH=A,B,...; every combination of them runs, the last one's "   \
      "values changing fastest.")                                                                  \
    F(S, COUNT, replications, "1", "1", "1000",                                                    \
      "Runs of each combination, with seeds from the scenario's own on.")                          \
    F(S, STRINGS, figures, "", "0", "64",                                                          \
      "Columns beside the usual ones: figures by their names in weft run --json.")                 \
    F(S, BOOL, across, "false", NULL, NULL,                                                        \
      "Instead, a table for each of these figures: the values of the last setting across.")
FIELD_DECLARE(world_sweep, WORLD_SWEEP_FIELDS);

#define WORLD_FIELDS(F, S)                                                                         \
    F(S, STRING, name, "", NULL, NULL, "What the run is called; empty is the file's name.")        \
    F(S, PATHS, plugins, "", "0", "64", "Shared objects, each with a model of one's own.")         \
    F(S, STRING, description, "", NULL, NULL, "The question it asks.")                             \
    F(S, COUNT, seed, "1", "0", "9223372036854775807", "Every random draw follows from it.")       \
    F(S, DURATION, duration, "30s", "1ms", "10000h", "How long load is offered.")                  \
    F(S, DURATION, warm_up, "0s", "0s", NULL, "The first part of it, left out of the summary.")    \
    F(S, DURATION, drain, "5s", "0s", "24h", "Time afterwards for what is under way.")             \
    F(S, STRING, fork, "Cancun", NULL, NULL, "The EVM's rules.")                                   \
    F(S, COUNT, chain_id, "1337", "1", "9223372036854775807", "What transactions are signed for.") \
    F(S, ENUM(world_signatures), signatures, "real", NULL, NULL, "Transaction signatures.")        \
    F(S, STRUCT(net_cfg), network, "", NULL, NULL, "Links between the nodes.")                     \
    F(S, LIST(world_layer), layers, NULL, "1", "1024", "Execution layers.")                        \
    F(S, ENUM(world_order), ordering, "per-layer", NULL, NULL, "Who orders blocks with whom.")     \
    F(S, STRUCT(world_routing), routing, "", NULL, NULL, "Accounts over layers.")                  \
    F(S, MODEL(crosslayer), crosslayer, "two-phase-commit", NULL, NULL,                            \
      "How a transaction that touches accounts of several layers is carried through.")             \
    F(S, MODEL(crosslayer), crosslayer_calls, "two-phase-commit", NULL, NULL,                      \
      "The same for what calls a contract, where `crosslayer` takes plain payments only.")         \
    F(S, STRUCT(interlayer_cfg), interlayer, "", NULL, NULL, "Messages between layers.")           \
    F(S, STRUCT(world_takeover), takeover, "", NULL, NULL, "Layers that stand still.")             \
    F(S, STRUCT(world_validation), validation, "", NULL, NULL, "Layers that watch one another.")   \
    F(S, ENUM(world_verify), verify, "none", NULL, NULL, "Whether layers together are one state.") \
    F(S, MODELS(workload), workload, "", "0", "1024", "Who sends transactions.")                   \
    F(S, MODELS(faults), faults, "", "0", "1024", "What goes wrong.")                              \
    F(S, MODELS(judges), judges,                                                                   \
      "[agreement, certificates, quorum, finality, progress, validity, once]", "0", "64",          \
      "Who looks on, and tells of what must not be.")                                              \
    F(S, STRUCT(world_record), record, "", NULL, NULL, "What the results file holds.")             \
    F(S, STRUCT(world_expect), expect, "", NULL, NULL, "What is expected of the run.")             \
    F(S, STRUCT(world_sweep), sweep, "", NULL, NULL, "What weft compare runs of it.")
FIELD_DECLARE(world_cfg, WORLD_FIELDS);

/* An entry of first_weights; false if it is none. */
#define WORLD_WEIGHT_MAX UINT64_C(1000000000000)
bool world_weight(const char *text, uint64_t *out);

/* The root table and all registries, for scenario_load, `weft schema` and `weft models`. */
extern const struct scenario_spec world_spec;

#endif
