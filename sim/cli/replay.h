/* sim/cli/replay.h - the parts of `weft replay`. Internal to it. */
#ifndef SIM_CLI_REPLAY_H
#define SIM_CLI_REPLAY_H

#include <stdio.h>

#include "evm/io/recorded.h"
#include "evm/parallel/insight.h"
#include "evm/parallel/transition.h"
#include "sim/base/err.h"
#include "sim/cli/text.h"

enum {
    REPLAY_CORES = 16, /* numbers of cores in one call at most */
    REPLAY_TOP = 100,  /* hottest keys of a block at most */
};

/* ---- comparing with the header ---- */

/* What a block gave, beside what its header says. */
struct replay_comparison {
    struct evm_hash receipts_root, requests_hash;
    struct evm_bloom bloom;
    bool judges_receipts; /* before Byzantium receipts hold state roots, which need the whole world
                           */
    bool gas, receipts, logs_bloom, blob_gas, requests, valid;
};
enum evm_status replay_compare(struct replay_comparison *out, const struct evm_recorded *recorded,
                               const struct evm_block_result *result);
bool replay_matches(const struct replay_comparison *c);

/* One execution of one block. */
struct replay_case {
    const char *path;
    const struct evm_recorded *recorded;
    const struct evm_exec_config *config;
    const struct evm_block_result *result;
    struct replay_comparison compared;
};

/* The sets of its result, for oracle and insight; nothing in them if they were not kept. */
struct evm_oracle_input replay_known(const struct replay_case *c);

/* ---- showing ---- */

/* Sums over the blocks that match, at one number of cores. */
struct replay_sums {
    uint32_t cores;
    size_t blocks;
    int64_t serial_ns, makespan_ns, oracle_ns, busy_ns, core_ns;
    uint64_t txs, executions, aborts, validations, useful_gas, wasted_gas;
    uint64_t ahead_hits, ahead_misses;
    int64_t ahead_ns;
};
void replay_sum(struct replay_sums *sums, const struct replay_case *c);

/* The block and how it compares; with the figures of one execution behind it if `figures`. */
void replay_add_block(struct cli_text *t, const struct replay_case *c, bool figures);
/* One line of figures of simulated cores. */
void replay_add_figures(struct cli_text *t, const struct replay_case *c);
void replay_add_hottest(struct cli_text *t, const struct replay_case *c, uint32_t top);
void replay_add_json(struct cli_text *t, const struct replay_case *c, uint32_t top);
void replay_add_totals(struct cli_text *t, const struct replay_sums *sums, size_t count, bool json);

/* ---- what the sets allow (--oracle) ---- */

/* Of the blocks so far, by model. Zeroed is empty. */
struct replay_oracle;
struct replay_oracle *replay_oracle_create(void); /* NULL when memory is out */
void replay_oracle_destroy(struct replay_oracle *o);
enum evm_status replay_oracle_add(struct replay_oracle *o, const struct replay_case *c);
enum evm_status replay_oracle_show(struct replay_oracle *o, struct cli_text *t, bool json);

/* ---- the graph of conflicts (--graph) ---- */

/* GraphML, or DOT if the name ends in .dot or .gv: begin, one graph a block, end. */
bool replay_graph_is_dot(const char *path);
void replay_graph_begin(FILE *out, bool dot);
enum evm_status replay_graph_add(FILE *out, bool dot, const struct replay_case *c);
void replay_graph_end(FILE *out, bool dot);

/* ---- the page (--report) ---- */

struct replay_page;
/* Starts a results file beside the page. ERR_* with one line. */
enum err_code replay_page_open(struct replay_page **out, const char *page,
                               const struct evm_exec_config *config, struct err *err);
/* One block as it was executed; the makespans at other numbers of cores are given apart. */
enum err_code replay_page_add(struct replay_page *p, const struct replay_case *c, uint32_t top,
                              const uint32_t *cores, const int64_t *makespans, uint32_t count,
                              struct err *err);
/* Writes the page; the results file is removed in any case. Frees *p; accepts NULL, and with
 * `write` false only cleans up. */
enum err_code replay_page_close(struct replay_page *p, bool write, struct err *err);

#endif
