#include "sim/record/record_internal.h"

/* One pass over tables.def for each kind of array. */
/* clang-format off */
#define ENUM(set)                     static const struct record_label items_##set[] = {
#define LABEL(set, c_name, name, doc) {name, doc},
#define END_ENUM(set)                 };
#include "sim/record/tables.def"

#define ENUM(set)                                                                                  \
    static const struct record_labels labels_##set = {                                             \
        #set, items_##set, sizeof items_##set / sizeof items_##set[0]};
#include "sim/record/tables.def"

#define D_u64(t, n, arg)     RECORD_U64,     offsetof(struct record_##t##_row, n), 0, NULL
#define D_i64(t, n, arg)     RECORD_I64,     offsetof(struct record_##t##_row, n), 0, NULL
#define D_u32(t, n, arg)     RECORD_U32,     offsetof(struct record_##t##_row, n), 0, NULL
#define D_i32(t, n, arg)     RECORD_I32,     offsetof(struct record_##t##_row, n), 0, NULL
#define D_f64(t, n, arg)     RECORD_F64,     offsetof(struct record_##t##_row, n), 0, NULL
#define D_boolean(t, n, arg) RECORD_BOOLEAN, offsetof(struct record_##t##_row, n), 0, NULL
#define D_hash(t, n, arg)    RECORD_HASH,    offsetof(struct record_##t##_row, n), 0, NULL
#define D_text(t, n, arg)    RECORD_TEXT,    offsetof(struct record_##t##_row, n), arg, NULL
#define D_label(t, n, arg)   RECORD_LABEL,   offsetof(struct record_##t##_row, n), 0, &labels_##arg

#define WITH_OPTIONAL
#define TABLE(name, kind, doc)                       static const struct record_column columns_##name[] = {
#define COLUMN(table, type, name, arg, unit, doc)    {#name, D_##type(table, name, arg), unit, doc},
#define END_TABLE(name)                              };
#include "sim/record/tables.def"

#define TABLE(name, kind, doc)                                                                     \
    {#name, doc, RECORD_##kind, sizeof(struct record_##name##_row), columns_##name,                \
     sizeof columns_##name / sizeof columns_##name[0]},
const struct record_table record_tables[RECORD_TABLE_COUNT] = {
#include "sim/record/tables.def"
};

#define ONLY_OPTIONAL
#define TABLE(name, kind, doc)                                                                     \
    {#name, doc, RECORD_##kind, sizeof(struct record_##name##_row), columns_##name,                \
     sizeof columns_##name / sizeof columns_##name[0]},
const struct record_table record_optional_tables[RECORD_OPTIONAL_COUNT] = {
#include "sim/record/tables.def"
};

#define SERIES(c_name, name, dimension, unit, doc) {#name, RECORD_##dimension, unit, doc},
const struct record_series record_standard_series[RECORD_SERIES_COUNT] = {
#include "sim/record/tables.def"
};
/* clang-format on */

const struct record_labels *rec_phases(void)
{
    return &labels_PHASE;
}
