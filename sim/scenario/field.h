/* sim/scenario/field.h - settings as rows. One row is one setting: type, name, default, range, one
 * sentence. The struct, the parser, defaults, range errors, JSON Schema, the reference page and
 * the attributes of the results file all come from that row; only the macros below make the struct
 * and the rows, everything else is a plain loop over them.
 *
 * Defaults and ranges are texts in the language of the scenario file, so a page that shows them
 * shows what a person would write. default NULL: the setting must be given. min or max NULL: the
 * type's own bound (never below 0 but for INT and REAL). A default "" is an empty text or list, or
 * a section's own defaults. Config structs and all they point at belong to the struct scenario that
 * made them, are zero-filled first, and are read-only. */
#ifndef SIM_SCENARIO_FIELD_H
#define SIM_SCENARIO_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/units.h"
#include "sim/engine/dist.h"

/* clang-format off */
/* A worked example (tests/unit/test_scenario.c holds a longer one):
 *
 *     // link.h
 *     #define NET_LINK_FIELDS(F, S)                                                               \
 *         F(S, BANDWIDTH,      up,      "100Mbit/s", "1kbit/s", NULL,    "Upload rate of a node.") \
 *         F(S, DIST(DURATION), jitter,  "0ms",       "0ms",     "1h",    "Added to a message.")    \
 *         F(S, FRACTION,       loss,    "0%",        "0%",      "99%",   "Messages lost.")         \
 *         F(S, DURATION,       timeout, "never",     "1ms",     "never", "Gives up after this.")
 *     FIELD_DECLARE(net_link, NET_LINK_FIELDS);
 *
 *     // link.c
 *     static void check(const void *cfg, struct field_report *r)
 *     {
 *         const struct net_link *link = cfg;
 *         if (link->timeout < 10 * SIM_MS && link->loss > 0)
 *             field_complain(r, "timeout", "must be 10ms or more where messages are lost");
 *     }
 *     FIELD_DEFINE(net_link, NET_LINK_FIELDS, "One node's access link.", check);
 *
 * gives `struct net_link { uint64_t up; struct sim_dist jitter; double loss; sim_time timeout; }`
 * and `net_link_table`, which a bigger table uses as a row: F(S, STRUCT(net_link), link, "", NULL,
 * NULL, "..."). A model's own settings are a table too: its vtable starts with a struct field_model
 * and stands in the registry of its concern:
 *
 *     struct router_ops { struct field_model model; size_t state_size; int (*route)(...); };
 *     const struct router_ops router_hash = {
 *         .model = {"hash", "One sentence.", &router_hash_cfg_table}, ...};
 *     static const struct field_model *const entries[] = {&router_hash.model, ...};
 *     const struct field_registry router_registry = {"routing", "Picks a layer.", entries, 2};
 *
 * A row F(S, MODEL(routing), routing, "hash", NULL, NULL, "...") then yields a struct field_choice:
 * choice.model is the entry (cast it to the ops, whose first member it is), choice.cfg its filled
 * config struct. In YAML: `routing: hash` or `routing: {kind: hash, salt: 7}`. */
/* clang-format on */

enum field_type {
    FIELD_BOOL,      /* true, false; bool */
    FIELD_INT,       /* -3; int64_t */
    FIELD_REAL,      /* 0.5; double */
    FIELD_FRACTION,  /* 5% (also 0.05); double, 0.05 */
    FIELD_DURATION,  /* 250ms, 3s, 1.5h; sim_time. `never` (SIM_TIME_NEVER) where max is "never" */
    FIELD_RATE,      /* 2000/s, 6/min; double, per second */
    FIELD_BANDWIDTH, /* 100Mbit/s, 12MB/s; uint64_t, bits a second */
    FIELD_SIZE,      /* 100KB, 64KiB; uint64_t bytes */
    FIELD_GAS,       /* 30Mgas, 21000gas; uint64_t */
    FIELD_WEI,       /* 1.5gwei, 2ether; struct field_wei, exact */
    FIELD_COUNT,     /* 8, 50k, 1.5M; uint64_t. `unlimited` (UINT64_MAX) where max is "unlimited";
                        the same word holds for sizes and gas */
    FIELD_STRING,    /* const char *, never NULL; "" is the usual "none" */
    FIELD_STRINGS,   /* [a, b]; struct field_strings; range: how many */
    FIELD_ENUM,      /* one of the names; an enum */
    FIELD_PATH,      /* a file, relative to the file that names it; const char *, "" for none.
                        The text is made absolute or relative to the working directory */
    FIELD_PATHS,     /* [a.so, b.so]; struct field_strings of such files; range: how many */
    FIELD_DIST,    /* normal(250ms, 50ms); struct sim_dist in the value's base unit: ns, bytes, gas,
                      wei, bits a second. A bare value is constant. DIST rows take a relative sd
                      (lognormal(40ms, 10%)) as a share of the mean written beside it and hold
                      it absolute. AROUND rows keep relative parameters for sim_dist_around. The
                      range holds for the first parameter; draws are not clipped to it */
    FIELD_SKEW,    /* uniform, zipf(1.1): how items of a set are picked; struct field_skew */
    FIELD_WEIGHTS, /* {a: 40%, b: 60%}; struct field_weights, shares that sum to 1;
                      or none, where the default is "{}" */
    FIELD_STRUCT,  /* a nested table's struct; default "" (its own defaults) or NULL (required) */
    FIELD_LIST,    /* a list of a table's structs; struct field_list; range: how many */
    FIELD_MODEL,   /* a model and its settings; struct field_choice; default: a kind, or "none"
                      for a choice whose model is NULL */
    FIELD_MODELS,  /* a list of those; struct field_choices; range: how many */
    FIELD_TYPE_COUNT
};

/* An exact amount, least significant limb first: the layout of a 256-bit EVM word. */
struct field_wei {
    uint64_t w[4];
};

/* zipf(s): item of rank k (from 1) is picked with a weight of k^-s; uniform is s = 0. */
struct field_skew {
    double exponent;
};

struct field_strings {
    const char *const *items;
    size_t count;
};

struct field_weights { /* in the file's order */
    const char *const *names;
    const double *shares;
    size_t count;
};

struct field_list { /* items: an array of the row's struct */
    void *items;
    size_t count;
};

struct field_table;

/* First member of every model's vtable. */
struct field_model {
    const char *name, *doc; /* "least-loaded", one sentence */
    const struct field_table *table;
};

struct field_choice {
    const struct field_model *model; /* NULL only where the row's default is "none" */
    void *cfg;                       /* model->table's struct */
};

struct field_choices {
    const struct field_choice *items;
    size_t count;
};

/* The models of one concern. sim/ knows none: the caller passes a list of these. */
struct field_registry {
    const char *kind, *doc; /* "consensus", one sentence */
    const struct field_model *const *entries;
    size_t count;
};

struct field_enum {
    const char *name;
    size_t count;
    const char *const *names; /* as the scenario spells them, in the enum's order */
    const char *const *docs;
};

struct field {
    const char *name;
    enum field_type type;
    enum field_type of; /* FIELD_DIST: the type of its values */
    bool around;        /* FIELD_DIST: relative parameters are kept */
    const struct field_enum *names;
    const struct field_table *table;
    const char *registry;
    const char *def, *min, *max, *doc;
    size_t offset, size;
};

struct field_report;

/* Looks at a filled struct for combinations that no single row can refuse. Called once a struct,
 * only when all of its own fields parsed. */
typedef void (*field_check)(const void *cfg, struct field_report *report);

struct field_table {
    const char *name, *doc;
    const struct field *rows;
    size_t count, size; /* rows; bytes of the struct */
    field_check check;  /* may be NULL */
};

/* Adds one problem at the named field (NULL: the section itself). Text without line or path, and
 * without a full stop: "must be shorter than block_interval; try 500ms". */
void field_complain(struct field_report *report, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a line to scenario_notes: what is valid, and perhaps not what was meant. */
void field_note(struct field_report *report, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- making structs and rows ------------------------------------------------------------------ */

/* FIELD_DECLARE(tag, ROWS): struct tag and tag_table's declaration, in a header.
 * FIELD_DEFINE(tag, ROWS, doc, check): the rows, in one .c file.
 * FIELD_DEFINE_EMPTY / FIELD_DECLARE_EMPTY: a model without settings. */
#define FIELD_DECLARE(tag, ROWS)                                                                   \
    struct tag {                                                                                   \
        ROWS(FIELD_MEMBER, tag)                                                                    \
    };                                                                                             \
    extern const struct field_table tag##_table

#define FIELD_DEFINE(tag, ROWS, about, check_hook)                                                 \
    static const struct field tag##_rows[] = {ROWS(FIELD_ROW, tag)};                               \
    const struct field_table tag##_table = {#tag,                                                  \
                                            about,                                                 \
                                            tag##_rows,                                            \
                                            sizeof tag##_rows / sizeof tag##_rows[0],              \
                                            sizeof(struct tag),                                    \
                                            check_hook}

#define FIELD_DECLARE_EMPTY(tag)                                                                   \
    struct tag {                                                                                   \
        char none;                                                                                 \
    };                                                                                             \
    extern const struct field_table tag##_table
#define FIELD_DEFINE_EMPTY(tag, about)                                                             \
    const struct field_table tag##_table = {#tag, about, NULL, 0, sizeof(struct tag), NULL}

/* clang-format off */
/* An enum whose enumerators are rows E(S, ENUMERATOR, "spelling", "One sentence."):
 *     #define EXEC_COUPLING(E, S)                                                        \
 *         E(S, EXEC_BEFORE_VOTE, "execute-before-vote", "Validators run a block, then vote.") \
 *         E(S, EXEC_AFTER_ORDER, "execute-after-order", "Consensus orders, execution follows.")
 *     FIELD_ENUM_DECLARE(exec_coupling, EXEC_COUPLING);   // enum exec_coupling, in the header
 *     FIELD_ENUM_DEFINE(exec_coupling, EXEC_COUPLING);    // in the .c; a row: ENUM(exec_coupling)
 */
#define FIELD_ENUM_DECLARE(tag, ROWS)                                                              \
    enum tag { ROWS(FIELD_ENUM_MEMBER, tag) };                                                     \
    _Static_assert(sizeof(enum tag) == sizeof(int), "an enum is read as an int");                  \
    extern const struct field_enum tag##_names
#define FIELD_ENUM_DEFINE(tag, ROWS)                                                               \
    static const char *const tag##_spellings[] = {ROWS(FIELD_ENUM_NAME, tag)};                     \
    static const char *const tag##_docs[] = {ROWS(FIELD_ENUM_DOC, tag)};                           \
    const struct field_enum tag##_names = {                                                        \
        #tag, sizeof tag##_spellings / sizeof tag##_spellings[0], tag##_spellings, tag##_docs}

#define FIELD_ENUM_MEMBER(S, id, spelling, text) id,
#define FIELD_ENUM_NAME(S, id, spelling, text)   spelling,
#define FIELD_ENUM_DOC(S, id, spelling, text)    text,

#define FIELD_MEMBER(S, kind, id, fallback, least, most, text) FIELD_C_##kind id;
#define FIELD_ROW(S, kind, id, fallback, least, most, text)                                        \
    FIELD_ROW_IN(S, id, kind, id, fallback, least, most, text)
/* A row whose member is `path` of struct S: settings that several structs hold as one part. */
#define FIELD_ROW_IN(S, path, kind, id, fallback, least, most, text)                               \
    {.name = #id,                                                                                  \
     .def = fallback,                                                                              \
     .min = least,                                                                                 \
     .max = most,                                                                                  \
     .doc = text,                                                                                  \
     .offset = offsetof(struct S, path),                                                           \
     .size = sizeof(((struct S *)0)->path),                                                        \
     FIELD_R_##kind},

/* The C type of a row's kind ... */
#define FIELD_C_BOOL      bool
#define FIELD_C_INT       int64_t
#define FIELD_C_REAL      double
#define FIELD_C_FRACTION  double
#define FIELD_C_DURATION  sim_time
#define FIELD_C_RATE      double
#define FIELD_C_BANDWIDTH uint64_t
#define FIELD_C_SIZE      uint64_t
#define FIELD_C_GAS       uint64_t
#define FIELD_C_WEI       struct field_wei
#define FIELD_C_COUNT     uint64_t
#define FIELD_C_STRING    const char *
#define FIELD_C_STRINGS   struct field_strings
#define FIELD_C_ENUM(e)   enum e
#define FIELD_C_PATH      const char *
#define FIELD_C_PATHS     struct field_strings
#define FIELD_C_DIST(of)   struct sim_dist
#define FIELD_C_AROUND(of) struct sim_dist
#define FIELD_C_SKEW      struct field_skew
#define FIELD_C_WEIGHTS   struct field_weights
#define FIELD_C_STRUCT(t) struct t
#define FIELD_C_LIST(t)   struct field_list
#define FIELD_C_MODEL(k)  struct field_choice
#define FIELD_C_MODELS(k) struct field_choices

/* ... and what its row says of it. */
#define FIELD_R_BOOL      .type = FIELD_BOOL
#define FIELD_R_INT       .type = FIELD_INT
#define FIELD_R_REAL      .type = FIELD_REAL
#define FIELD_R_FRACTION  .type = FIELD_FRACTION
#define FIELD_R_DURATION  .type = FIELD_DURATION
#define FIELD_R_RATE      .type = FIELD_RATE
#define FIELD_R_BANDWIDTH .type = FIELD_BANDWIDTH
#define FIELD_R_SIZE      .type = FIELD_SIZE
#define FIELD_R_GAS       .type = FIELD_GAS
#define FIELD_R_WEI       .type = FIELD_WEI
#define FIELD_R_COUNT     .type = FIELD_COUNT
#define FIELD_R_STRING    .type = FIELD_STRING
#define FIELD_R_STRINGS   .type = FIELD_STRINGS
#define FIELD_R_ENUM(e)   .type = FIELD_ENUM, .names = &e##_names
#define FIELD_R_PATH      .type = FIELD_PATH
#define FIELD_R_PATHS     .type = FIELD_PATHS
#define FIELD_R_DIST(k)   .type = FIELD_DIST, .of = FIELD_##k
#define FIELD_R_AROUND(k) .type = FIELD_DIST, .of = FIELD_##k, .around = true
#define FIELD_R_SKEW      .type = FIELD_SKEW
#define FIELD_R_WEIGHTS   .type = FIELD_WEIGHTS
#define FIELD_R_STRUCT(t) .type = FIELD_STRUCT, .table = &t##_table
#define FIELD_R_LIST(t)   .type = FIELD_LIST, .table = &t##_table
#define FIELD_R_MODEL(k)  .type = FIELD_MODEL, .registry = #k
#define FIELD_R_MODELS(k) .type = FIELD_MODELS, .registry = #k

#endif
