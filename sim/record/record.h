/* sim/record/record.h - the results file: tables and series, buffered, written to HDF5.
 *
 * What a file holds is data: rows of sim/record/tables.def, and tables and series that a model
 * adds. HDF5 layout, attributes, docs/results-format.md and the digest all come from those
 * definitions.
 *
 * Life: record_create, record_add_* for what is not standard, record_start, then rows and samples,
 * then record_finish; record_destroy in any case. One thread owns a record.
 *
 * Crash safety. At every moment the path named at record_start holds a whole, closed HDF5 file with
 * every row up to the last flush; the tables in it are of the same instant. Two files take turns: a
 * flush brings the hidden one up to date, closes it, and renames it over the path, which no crash
 * can do by halves. The hidden ones are called .NAME.weft-a and .NAME.weft-b beside the file; a
 * crash leaves one behind and the next run to the same path removes it. Not proof against loss of
 * power.
 *
 * Errors stick: after a write has failed every later call returns that first error and changes
 * nothing, so that a model may leave the result of record_append unread; record_finish tells. A
 * file whose run did not end has completed = 0 and no digest. */
#ifndef SIM_RECORD_RECORD_H
#define SIM_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/units.h"

#define RECORD_FORMAT_VERSION 1
#define RECORD_NEVER          ((sim_time)-1) /* in a column of time: it did not happen */
#define RECORD_DIGEST_SIZE    65             /* 64 hexadecimal digits and a zero */

/* ---- definitions: plain data, borrowed until record_destroy ---- */

enum record_type {
    RECORD_U64,
    RECORD_I64,
    RECORD_U32,
    RECORD_I32,
    RECORD_F64,
    RECORD_BOOLEAN, /* bool in C; HDF5 enumeration FALSE, TRUE */
    RECORD_HASH,    /* 32 bytes in C; text "0x..." in the file, so that every tool reads it */
    RECORD_TEXT,  /* char[size] in C, cut at the first zero; UTF-8 text of fixed size in the file */
    RECORD_LABEL, /* uint8_t in C; HDF5 enumeration with the labels' texts */
};

struct record_label {
    const char *name, *doc;
};

struct record_labels {
    const char *name;
    const struct record_label *items; /* the value is the index */
    size_t count;                     /* at most 255 */
};

struct record_column {
    const char *name;
    enum record_type type;
    size_t offset;                      /* in the row's C struct */
    size_t size;                        /* RECORD_TEXT: bytes of the array */
    const struct record_labels *labels; /* RECORD_LABEL */
    const char *unit, *doc;             /* unit "" where there is none */
};

enum record_table_kind {
    RECORD_APPEND,   /* rows are final once written */
    RECORD_SNAPSHOT, /* rows may be replaced until the end; all of them are kept in memory */
};

struct record_table {
    const char *name, *doc;
    enum record_table_kind kind;
    size_t row_size; /* of the C struct */
    const struct record_column *columns;
    size_t column_count;
};

enum record_dimension { RECORD_NONE, RECORD_LAYER, RECORD_NODE, RECORD_DIMENSION_COUNT };

struct record_series {
    const char *name;
    enum record_dimension dimension;
    const char *unit, *doc;
};

/* ---- the standard tables and series, from tables.def ---- */

#define RECORD_C_u64(name, arg)     uint64_t name;
#define RECORD_C_i64(name, arg)     int64_t name;
#define RECORD_C_u32(name, arg)     uint32_t name;
#define RECORD_C_i32(name, arg)     int32_t name;
#define RECORD_C_f64(name, arg)     double name;
#define RECORD_C_boolean(name, arg) bool name;
#define RECORD_C_hash(name, arg)    uint8_t name[32];
#define RECORD_C_text(name, arg)    char name[arg];
#define RECORD_C_label(name, arg)   uint8_t name;

/* Values of labels: RECORD_PHASE_WARM_UP, ...; rows: struct record_blocks_row, ...; numbers of the
 * tables and series: RECORD_T_blocks, RECORD_S_OFFERED, ... */
/* clang-format off */
#define WITH_OPTIONAL
#define ENUM(set)                                     enum {
#define LABEL(set, c_name, name, doc)                 RECORD_##set##_##c_name,
#define END_ENUM(set)                                 RECORD_##set##_COUNT };
#define TABLE(name, kind, doc)                        struct record_##name##_row {
#define COLUMN(table, type, name, arg, unit, doc)     RECORD_C_##type(name, arg)
#define END_TABLE(name)                               };
#include "sim/record/tables.def"

#define TABLE(name, kind, doc)                        RECORD_T_##name,
enum record_table_id {
#include "sim/record/tables.def"
    RECORD_TABLE_COUNT
};

#define ONLY_OPTIONAL
#define TABLE(name, kind, doc)                        RECORD_O_##name,
enum record_optional_id {
#include "sim/record/tables.def"
    RECORD_OPTIONAL_COUNT
};

#define SERIES(c_name, name, dimension, unit, doc)    RECORD_S_##c_name,
enum record_series_id {
#include "sim/record/tables.def"
    RECORD_SERIES_COUNT
};
/* clang-format on */

/* Their definitions, by those numbers. */
extern const struct record_table record_tables[RECORD_TABLE_COUNT];
extern const struct record_table record_optional_tables[RECORD_OPTIONAL_COUNT]; /* to be added */
extern const struct record_series record_standard_series[RECORD_SERIES_COUNT];

/* ---- writing ---- */

/* What is known when the run starts; becomes attributes of the file's root. Texts are copied; NULL
 * counts as "". Host facts (host, start) are for the reader and never part of the digest. */
struct record_info {
    const char *scenario_name;
    const char *scenario;          /* the scenario's text as given */
    const char *scenario_resolved; /* with every default and override filled in */
    const char *program_version;
    const char *cost_profile;
    const char *host, *start; /* machine; wall-clock time, ISO 8601 */
    const char *transactions; /* which are recorded: "all", "sampled 1/16", "none" */
    uint64_t seed;
    sim_time interval;      /* between samples of the series */
    sim_time warm_up_end;   /* 0 if there is no warm-up */
    sim_time load_end;      /* when offering load stops and draining starts */
    uint32_t layers, nodes; /* lengths of the series' dimensions, each at least 1 */
};

/* When rows go to the file by themselves: whichever comes first. Zeroed: 2 s and 64 MiB. */
struct record_policy {
    uint32_t host_ms;      /* of host time since the last flush, looked at when a sample is taken */
    size_t buffered_bytes; /* of rows not yet flushed */
};

struct record;

/* Knows the standard tables and series. ERR_MEMORY. */
enum err_code record_create(struct record **out, struct err *err);
void record_destroy(struct record *r); /* accepts NULL; without record_finish the run did not end */

/* Adds a table at /<name> or a series at /series/<name>; *id is its number for the calls below.
 * Only before record_start. ERR_INPUT if the name is taken or a definition impossible. */
enum err_code record_add_table(struct record *r, uint32_t *id, const struct record_table *table,
                               struct err *err);
enum err_code record_add_series(struct record *r, uint32_t *id, const struct record_series *series,
                                struct err *err);

/* Creates the file with its attributes and no rows, replacing what was at path; until the first
 * flush that is kept under the hidden name .NAME.weft-d. path NULL: nothing is written, only the
 * digest is computed. policy NULL: the default one. ERR_IO says in one line why the path cannot be
 * written (a file that is no HDF5 file is not replaced); then what was there stands there still. */
enum err_code record_start(struct record *r, const char *path, const struct record_info *info,
                           const struct record_policy *policy, struct err *err);

/* For a run that cannot begin: before the first flush, puts back what was at path before, or
 * nothing; later it changes nothing. Only record_destroy may follow. */
void record_discard(struct record *r);

/* A further attribute of the root, before or after record_start; written with the next flush. The
 * same name again replaces the value. Not part of the digest. */
enum err_code record_set_text(struct record *r, const char *name, const char *value,
                              struct err *err);
enum err_code record_set_number(struct record *r, const char *name, double value, struct err *err);

/* Copies one row, a struct record_<table>_row (or the C struct of an added table). O(row). */
enum err_code record_append(struct record *r, uint32_t table, const void *row, struct err *err);

/* Sets row `index` of a SNAPSHOT table; index at most the number of rows it has. */
enum err_code record_put(struct record *r, uint32_t table, uint64_t index, const void *row,
                         struct err *err);

/* Rows of a table so far. */
uint64_t record_rows(const struct record *r, uint32_t table);

/* Opens the sample of the interval that ended at `time`, of phase RECORD_PHASE_*; times increase.
 * Values are then set one by one, entity being the layer or the node (0 for RECORD_NONE); those not
 * set are NaN, which reads as "not measured". The sample closes with the next one or with
 * record_finish. */
enum err_code record_sample(struct record *r, sim_time time, unsigned phase, struct err *err);
enum err_code record_value(struct record *r, uint32_t series, uint32_t entity, double value);

/* Brings the file up to date now. */
enum err_code record_flush(struct record *r, struct err *err);

/* Last flush: sets end (wall-clock time, host fact), end_time (virtual), the digest and completed =
 * 1. digest receives RECORD_DIGEST_SIZE bytes; may be NULL. No rows after this. */
enum err_code record_finish(struct record *r, char *digest, sim_time end_time, const char *end,
                            struct err *err);

#endif
