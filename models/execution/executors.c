/* The executors' own settings: one vtable each, its name being evm_executor_find's. Defaults are
 * those of evm_exec_params_default; a test compares. */
#include "models/execution/execution.h"

/* Enums in the order of evm/parallel/params.h, which they are copied to by value. */
#define EXECUTION_PICK(E, S)                                                                       \
    E(S, EXECUTION_PICK_FIRST, "first", "The lowest: what has to be committed next.")              \
    E(S, EXECUTION_PICK_BIG, "big",                                                                \
      "The biggest gas limit: a long transaction that starts late ends last.")
FIELD_ENUM_DECLARE(execution_pick, EXECUTION_PICK);
FIELD_ENUM_DEFINE(execution_pick, EXECUTION_PICK);
_Static_assert((int)EXECUTION_PICK_FIRST == (int)EVM_PICK_FIRST, "one order");
_Static_assert((int)EXECUTION_PICK_BIG == (int)EVM_PICK_BIG, "one order");

#define EXECUTION_SPLIT(E, S)                                                                      \
    E(S, EXECUTION_SPLIT_SHARED, "shared", "Any core takes any transaction.")                      \
    E(S, EXECUTION_SPLIT_STATIC, "static", "Each core has a run of the block, and no other.")      \
    E(S, EXECUTION_SPLIT_STEAL, "steal", "Its own run first, then what others have not begun.")
FIELD_ENUM_DECLARE(execution_split, EXECUTION_SPLIT);
FIELD_ENUM_DEFINE(execution_split, EXECUTION_SPLIT);
_Static_assert((int)EXECUTION_SPLIT_SHARED == (int)EVM_SPLIT_SHARED, "one order");
_Static_assert((int)EXECUTION_SPLIT_STATIC == (int)EVM_SPLIT_STATIC, "one order");
_Static_assert((int)EXECUTION_SPLIT_STEAL == (int)EVM_SPLIT_STEAL, "one order");

#define EXECUTION_SETS(E, S)                                                                       \
    E(S, EXECUTION_SETS_PREVIOUS, "previous",                                                      \
      "From an execution beforehand, as the proposer's, which is not charged.")                    \
    E(S, EXECUTION_SETS_DECLARED, "declared",                                                      \
      "From senders, recipients and EIP-2930 lists: incomplete.")                                  \
    E(S, EXECUTION_SETS_BAL, "bal", "From an EIP-7928 block access list: complete, with values.")
FIELD_ENUM_DECLARE(execution_sets, EXECUTION_SETS);
FIELD_ENUM_DEFINE(execution_sets, EXECUTION_SETS);
_Static_assert((int)EXECUTION_SETS_PREVIOUS == (int)EVM_SETS_PREVIOUS, "one order");
_Static_assert((int)EXECUTION_SETS_DECLARED == (int)EVM_SETS_DECLARED, "one order");
_Static_assert((int)EXECUTION_SETS_BAL == (int)EVM_SETS_BAL, "one order");

static const struct execution_cfg *common(const void *cfg)
{
    return cfg; /* its first member */
}

/* EXECUTOR_TABLE(tag, ROWS, about): struct tag and its table. EXECUTOR: and tag_params, which
 * copies each own setting to the member of that name. Ranges of the rows fit the members. */
#define COMMON_ROW(S, kind, id, fallback, least, most, text)                                       \
    FIELD_ROW_IN(S, common.id, kind, id, fallback, least, most, text)
#define COPY(S, kind, id, fallback, least, most, text) out->id = (__typeof__(out->id))c->id;
#define EXECUTOR_TABLE(tag, ROWS, about)                                                           \
    struct tag {                                                                                   \
        struct execution_cfg common;                                                               \
        ROWS(FIELD_MEMBER, tag)                                                                    \
    };                                                                                             \
    static const struct field tag##_rows[] = {EXECUTION_FIELDS(COMMON_ROW, tag)                    \
                                                  ROWS(FIELD_ROW, tag)};                           \
    static void tag##_check(const void *cfg, struct field_report *report)                          \
    {                                                                                              \
        execution_cfg_table.check(cfg, report);                                                    \
    }                                                                                              \
    static const struct field_table tag##_table = {#tag,                                           \
                                                   about,                                          \
                                                   tag##_rows,                                     \
                                                   sizeof tag##_rows / sizeof tag##_rows[0],       \
                                                   sizeof(struct tag),                             \
                                                   tag##_check}
#define EXECUTOR(tag, ROWS, about)                                                                 \
    EXECUTOR_TABLE(tag, ROWS, about);                                                              \
    static void tag##_params(const void *cfg, struct evm_exec_params *out)                         \
    {                                                                                              \
        const struct tag *c = cfg;                                                                 \
        (void)c;                                                                                   \
        (void)out;                                                                                 \
        ROWS(COPY, tag)                                                                            \
    }

/* ---- rows that several have ------------------------------------------------------------------ */

#define ROW_PICK(F, S)                                                                             \
    F(S, ENUM(execution_pick), pick, "first", NULL, NULL,                                          \
      "Which ready transaction a free core takes.")
#define ROW_SETS(F, S)                                                                             \
    F(S, ENUM(execution_sets), sets, "previous", NULL, NULL,                                       \
      "How it knows what transactions touch.")
#define ROWS_FIELDS(F, S)                                                                          \
    F(S, BOOL, deltas, "true", NULL, NULL,                                                         \
      "Balances that nobody looks at change by differences, which do not conflict.")               \
    F(S, BOOL, predict_nonces, "true", NULL, NULL,                                                 \
      "A sender's later transactions run before its earlier ones have; nonces are checked at the " \
      "commit.")

/* ---- one each -------------------------------------------------------------------------------- */

#define NONE(F, S)
EXECUTOR(serial, NONE, "One core.")
const struct execution_ops execution_serial = {
    .model = {"serial", "One transaction after another, on one core.", &serial_table},
    .common = common,
    .params = serial_params,
};

EXECUTOR(block_stm, NONE, "The algorithm as published.")
const struct execution_ops execution_block_stm = {
    .model = {"block-stm",
              "Optimistic and parallel, with the result of serial order (arXiv 2203.06871).",
              &block_stm_table},
    .common = common,
    .params = block_stm_params,
};

#define LADDER_SAME(F, S)                                                                          \
    F(S, COUNT, window, "0", "0", "1M",                                                            \
      "Transactions run at most this far ahead of the commits; 0 adapts to what is thrown away.")  \
    ROW_PICK(F, S)                                                                                 \
    F(S, ENUM(execution_split), split, "shared", NULL, NULL, "Whose transactions a core takes.")   \
    F(S, BOOL, reserve_core, "false", NULL, NULL,                                                  \
      "From three cores on, one does nothing but commits.")                                        \
    ROWS_FIELDS(F, S)
#define LADDER(F, S)                                                                               \
    LADDER_SAME(F, S)                                                                              \
    F(S, BOOL, partial_reexecution, "true", NULL, NULL,                                            \
      "A run that read an old value goes back to just before that read, not to its start.")
EXECUTOR_TABLE(ladder, LADDER, "What the ordered ladder does beside the order.");
static void ladder_params(const void *cfg, struct evm_exec_params *out)
{
    const struct ladder *c = cfg;
    LADDER_SAME(COPY, ladder)
    out->partial = c->partial_reexecution;
}
const struct execution_ops execution_ladder = {
    .model = {"ladder",
              "Optimistic and parallel: ordered commits, values validated field by field.",
              &ladder_table},
    .common = common,
    .params = ladder_params,
};

#define OCC(F, S)                                                                                  \
    F(S, COUNT, rounds, "10", "1", "1M",                                                           \
      "After so many, the rest of the block runs one after another.")
EXECUTOR(occ, OCC, "Rounds.")
const struct execution_ops execution_occ = {
    .model = {"occ", "Runs all, validates in order, runs what conflicted again, in rounds.",
              &occ_table},
    .common = common,
    .params = occ_params,
};

#define ACCESS_LIST(F, S) ROW_SETS(F, S) ROW_PICK(F, S)
EXECUTOR(access_list, ACCESS_LIST, "Known accesses.")
const struct execution_ops execution_access_list = {
    .model = {"access-list", "Schedules by the dependencies that known access sets show.",
              &access_list_table},
    .common = common,
    .params = access_list_params,
};

#define LOCKS(F, S) ROW_SETS(F, S)
EXECUTOR(locks, LOCKS, "Known accesses.")
const struct execution_ops execution_locks = {
    .model = {"locks", "Locks the accounts that a transaction declares, as Solana's runtime does.",
              &locks_table},
    .common = common,
    .params = locks_params,
};

#define HYBRID(F, S)                                                                               \
    F(S, COUNT, hot, "4", "1", "1M",                                                               \
      "So many transactions to one recipient, in this block and fading in those before, send "     \
      "them to the lane.")                                                                         \
    ROW_PICK(F, S)                                                                                 \
    ROWS_FIELDS(F, S)
EXECUTOR(hybrid, HYBRID, "What goes to the sequential lane.")
const struct execution_ops execution_hybrid = {
    .model = {"hybrid",
              "What is predicted to conflict runs in a sequential lane, the rest in parallel.",
              &hybrid_table},
    .common = common,
    .params = hybrid_params,
};

#define PARTITIONED(F, S)                                                                          \
    F(S, COUNT, partitions, "0", "0", "1024", "Partitions of the accounts; 0: as many as cores.")
EXECUTOR(partitioned, PARTITIONED, "Partitions.")
const struct execution_ops execution_partitioned = {
    .model = {"partitioned", "Accounts hashed over the cores; what crosses partitions runs last.",
              &partitioned_table},
    .common = common,
    .params = partitioned_params,
};
