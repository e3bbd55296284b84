/* sim/record/record_internal.h - what the files of sim/record share.
 *
 * Every table, every series, and the series' time and phase are one `rec_data`: rows of fixed size,
 * packed as they stand in the file (little-endian, no gaps), the tail of them kept in memory. */
#ifndef SIM_RECORD_RECORD_INTERNAL_H
#define SIM_RECORD_RECORD_INTERNAL_H

#include "sim/record/record.h"

#define REC_HASH_TEXT 66 /* "0x" and 64 digits */
#define REC_PATH_MAX  80 /* "/series/<name>" */
#define REC_NAME_MAX  63

struct rec_sha; /* an unfinished SHA-256; digest.c */

enum rec_kind { REC_TABLE, REC_TIME, REC_PHASE, REC_SERIES };

struct rec_data {
    enum rec_kind kind;
    char path[REC_PATH_MAX];
    const struct record_table *table;   /* REC_TABLE */
    const struct record_series *series; /* REC_SERIES */
    size_t row_size;                    /* packed bytes */
    uint32_t width;                     /* REC_SERIES: values a sample */
    uint64_t rows, kept;                /* rows so far; rows [kept, rows) are in memory */
    uint8_t *bytes;
    size_t capacity;     /* of bytes */
    struct rec_sha *sha; /* over all rows so far; NULL for a SNAPSHOT table */
};

struct rec_attribute {
    char *name, *text; /* text NULL: a number */
    double number;
    uint64_t integer; /* counts if number is NaN */
    uint64_t version; /* of the record when it was set */
};

/* One of the two files that take turns. rows[i] belongs to data[i]. */
struct rec_file {
    char *path; /* hidden name */
    bool exists;
    uint64_t *rows;
    uint64_t version; /* attributes up to this one are in it */
};

struct record {
    struct rec_data *data;
    size_t data_count, data_capacity;
    size_t table_count, series_count;
    uint32_t *tables, *series; /* number given out -> index in data */
    uint32_t time, phase;      /* their indexes in data, after start */
    uint32_t dimensions[RECORD_DIMENSION_COUNT];
    struct rec_attribute *attributes;
    size_t attribute_count;
    uint64_t version;
    struct record_policy policy;
    char *path, *staging; /* path NULL: no file */
    char *before;         /* hidden name of what stood at path; NULL: there was nothing, or it can
                             no longer be put back */
    struct rec_file files[2];
    unsigned current; /* the file that stands at path */
    bool started, finished, sampling;
    uint64_t published_inode;
    sim_time last_sample;
    size_t buffered;                 /* bytes appended since the last flush */
    int64_t last_flush_ns, pause_ns; /* host clock; least pause before the next one */
    uint64_t flushes;
    struct err failed; /* the first failure, which sticks */
};

/* ---- layout.c: definitions to packed rows ---- */

size_t rec_column_size(const struct record_column *c);
size_t rec_table_row_size(const struct record_table *t);
void rec_pack(const struct record_table *t, uint8_t *to, const void *row);
double rec_number(double v); /* one bit pattern for all NaNs */

/* The type's name in digest and documentation: "u64", "text:23", "label:a,b". Cut to fit. */
void rec_type_text(const struct record_column *c, char *text, size_t size);

/* The labels of PHASE. */
const struct record_labels *rec_phases(void);

/* ---- store.c: which file stands where ---- */

/* Fills r->path and the hidden names, removes what dead runs left, keeps what stands there. */
enum err_code rec_store_open(struct record *r, const char *path, struct err *err);
/* Writes bytes as file f, replacing it. */
enum err_code rec_store_write(struct record *r, struct rec_file *f, const void *bytes, size_t size,
                              struct err *err);
/* Sees to it that the hidden file f exists, by copying the other if need be, that nobody reads it,
 * and that the disk has room for `room` more bytes. */
enum err_code rec_store_prepare(struct record *r, struct rec_file *f, size_t room, struct err *err);
/* Puts file f at r->path, at once and whole. */
enum err_code rec_store_publish(struct record *r, struct rec_file *f, struct err *err);
/* From now on what stood at r->path is given up. */
void rec_store_commit(struct record *r);
/* Puts it back, or removes the file if there was none. Only before rec_store_commit. */
void rec_store_discard(struct record *r);
/* Removes the hidden names. */
void rec_store_close(struct record *r);

/* ---- hdf5.c: the only writer of HDF5 ---- */

/* The file without rows, as bytes (free()). */
enum err_code rec_hdf5_image(const struct record *r, void **bytes, size_t *size, struct err *err);
/* Appends to the file at f->path what it lacks of rows and attributes. On an error the file is to
 * be thrown away. */
enum err_code rec_hdf5_update(const struct record *r, struct rec_file *f, struct err *err);

/* ---- digest.c ---- */

struct rec_sha *rec_sha_create(void); /* NULL: no memory */
void rec_sha_add(struct rec_sha *s, const void *bytes, size_t size);
/* Of what was added so far; s stays usable. */
bool rec_sha_value(const struct rec_sha *s, uint8_t value[32]);
void rec_sha_destroy(struct rec_sha *s);

/* Of the record as it stands. */
enum err_code rec_digest(const struct record *r, char digest[RECORD_DIGEST_SIZE], struct err *err);

#endif
