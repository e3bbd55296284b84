#include "analysis/h5in.h"

#include <errno.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 1 };

struct block {
    struct block *next;
    max_align_t bytes[];
};

struct h5in {
    hid_t file;
    char *path;
    struct block *blocks; /* everything handed out */
    struct err err;
};

static void *keep(struct h5in *in, size_t size)
{
    struct block *b = malloc(sizeof *b + size);
    if (!b) {
        if (in->err.code == ERR_OK)
            err_set(&in->err, ERR_MEMORY, "no memory left to read '%s'", in->path);
        return NULL;
    }
    b->next = in->blocks;
    in->blocks = b;
    return b->bytes;
}

static void damaged(struct h5in *in, const char *what, const char *column)
{
    if (in->err.code == ERR_OK)
        err_set(&in->err, ERR_IO, "'%s' is damaged or lacks %s%s%s", in->path, what,
                column[0] ? ", column " : "", column);
}

enum err_code h5in_open(struct h5in **out, const char *path, struct err *err)
{
    *out = NULL;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    FILE *plain = fopen(path, "rb");
    if (!plain)
        return err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    bool unreadable = fgetc(plain) == EOF && ferror(plain);
    int why = errno;
    fclose(plain);
    if (unreadable) /* a folder opens, too */
        return err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(why));
    if (H5Fis_hdf5(path) <= 0)
        return err_set(err, ERR_IO, "'%s' is not an HDF5 file", path);
    struct h5in *in = calloc(1, sizeof *in);
    if (!in || !(in->path = strdup(path))) {
        free(in);
        return err_set(err, ERR_MEMORY, "no memory left to read '%s'", path);
    }
    enum err_code code = ERR_OK;
    in->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (in->file < 0)
        code = err_set(err, ERR_IO, "'%s' is damaged or cut short: HDF5 cannot open it", path);
    else if (isnan(h5in_number(in, "format_version")) || isnan(h5in_number(in, "completed")))
        code = err_set(err, ERR_INPUT, "'%s' is HDF5, but not a results file of weft", path);
    else if (h5in_number(in, "format_version") > FORMAT_VERSION)
        code = err_set(err, ERR_INPUT, "'%s' has format %g; this program reads format %d", path,
                       h5in_number(in, "format_version"), FORMAT_VERSION);
    if (code != ERR_OK) {
        h5in_close(in);
        return code;
    }
    *out = in;
    return ERR_OK;
}

void h5in_close(struct h5in *in)
{
    if (!in)
        return;
    while (in->blocks) {
        struct block *next = in->blocks->next;
        free(in->blocks);
        in->blocks = next;
    }
    if (in->file >= 0)
        H5Fclose(in->file);
    free(in->path);
    free(in);
}

enum err_code h5in_error(const struct h5in *in, struct err *err)
{
    if (in->err.code != ERR_OK)
        return err_set(err, in->err.code, "%s", in->err.text);
    return ERR_OK;
}

const char *h5in_text(struct h5in *in, const char *name)
{
    char *text = NULL, *copy = NULL;
    hid_t attribute = H5Aopen(in->file, name, H5P_DEFAULT), type = -1;
    if (attribute >= 0 && (type = H5Aget_type(attribute)) >= 0 && H5Tis_variable_str(type) > 0 &&
        H5Aread(attribute, type, &text) >= 0 && text && (copy = keep(in, strlen(text) + 1)))
        strcpy(copy, text);
    H5free_memory(text);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return copy ? copy : "";
}

double h5in_number(struct h5in *in, const char *name)
{
    double value = NAN;
    hid_t attribute = H5Aopen(in->file, name, H5P_DEFAULT);
    if (attribute >= 0 && H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0)
        value = NAN;
    if (attribute >= 0)
        H5Aclose(attribute);
    return value;
}

/* Opens a dataset and gives its extent; the second one is 1 where there is none. */
static hid_t open_dataset(struct h5in *in, const char *path, hsize_t size[2])
{
    hid_t dataset = H5Dopen2(in->file, path, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : -1;
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : 0;
    size[0] = 0;
    size[1] = 1;
    bool good = (rank == 1 || rank == 2) && H5Sget_simple_extent_dims(space, size, NULL) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (!good && dataset >= 0) {
        H5Dclose(dataset);
        dataset = -1;
    }
    if (dataset < 0)
        damaged(in, path, "");
    return dataset;
}

static hid_t open_table(struct h5in *in, const char *table, size_t *rows)
{
    char path[128];
    hsize_t size[2];
    snprintf(path, sizeof path, "/%s", table);
    hid_t dataset = open_dataset(in, path, size);
    *rows = (size_t)size[0];
    return dataset;
}

size_t h5in_rows(struct h5in *in, const char *table)
{
    size_t rows = 0;
    if (in->err.code != ERR_OK)
        return 0;
    hid_t dataset = open_table(in, table, &rows);
    if (dataset >= 0)
        H5Dclose(dataset);
    return rows;
}

/* Reads one member of a compound dataset as `type`. */
static bool read_member(hid_t dataset, const char *column, hid_t type, hsize_t first, hsize_t count,
                        void *to)
{
    bool done = false;
    hid_t whole = H5Tcreate(H5T_COMPOUND, H5Tget_size(type)), space = H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(1, &count, NULL);
    if (whole >= 0 && space >= 0 && memory >= 0 && H5Tinsert(whole, column, 0, type) >= 0 &&
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL) >= 0)
        done = H5Dread(dataset, whole, memory, space, H5P_DEFAULT, to) >= 0;
    if (whole >= 0)
        H5Tclose(whole);
    if (space >= 0)
        H5Sclose(space);
    if (memory >= 0)
        H5Sclose(memory);
    return done;
}

/* The type of a column in the file, -1 if there is no such column. */
static hid_t member_type(hid_t dataset, const char *column)
{
    hid_t type = H5Dget_type(dataset), member = -1;
    if (type >= 0 && H5Tget_class(type) == H5T_COMPOUND) {
        int index = H5Tget_member_index(type, column);
        if (index >= 0)
            member = H5Tget_member_type(type, (unsigned)index);
    }
    if (type >= 0)
        H5Tclose(type);
    return member;
}

/* Labels convert to no floating type, so they come as bytes first. */
static bool read_numbers(hid_t dataset, const char *column, hsize_t first, hsize_t count,
                         double *to)
{
    hid_t member = member_type(dataset, column);
    if (member < 0)
        return false;
    H5T_class_t class = H5Tget_class(member);
    bool label = class == H5T_ENUM && H5Tget_size(member) == 1, done = false;
    if (label && (done = read_member(dataset, column, member, first, count, to))) {
        const unsigned char *bytes = (const unsigned char *)to;
        for (hsize_t i = count; i-- > 0;) {
            double value = bytes[i];
            to[i] = value;
        }
    } else if (class == H5T_INTEGER || class == H5T_FLOAT) {
        done = read_member(dataset, column, H5T_NATIVE_DOUBLE, first, count, to);
    }
    H5Tclose(member);
    return done;
}

bool h5in_has(struct h5in *in, const char *table, const char *column)
{
    size_t rows;
    if (in->err.code != ERR_OK || H5Lexists(in->file, table, H5P_DEFAULT) <= 0)
        return false;
    hid_t dataset = column ? open_table(in, table, &rows) : -1;
    hid_t member = dataset >= 0 ? member_type(dataset, column) : -1;
    bool has = !column || member >= 0;
    if (member >= 0)
        H5Tclose(member);
    if (dataset >= 0)
        H5Dclose(dataset);
    return has;
}

const double *h5in_column_part(struct h5in *in, const char *table, const char *column, size_t first,
                               size_t count)
{
    size_t rows;
    if (in->err.code != ERR_OK)
        return NULL;
    hid_t dataset = open_table(in, table, &rows);
    if (dataset < 0)
        return NULL;
    double *values = NULL;
    if (first <= rows && count <= rows - first && count > 0 &&
        (values = keep(in, count * sizeof *values)) &&
        !read_numbers(dataset, column, first, count, values)) {
        damaged(in, table, column);
        values = NULL;
    }
    H5Dclose(dataset);
    return values;
}

const double *h5in_column(struct h5in *in, const char *table, const char *column)
{
    return h5in_column_part(in, table, column, 0, h5in_rows(in, table));
}

int h5in_label(struct h5in *in, const char *table, const char *column, const char *text)
{
    size_t rows;
    unsigned char value = 0;
    int found = -1;
    if (in->err.code != ERR_OK)
        return -1;
    hid_t dataset = open_table(in, table, &rows);
    hid_t member = dataset >= 0 ? member_type(dataset, column) : -1;
    if (member >= 0 && H5Tget_class(member) == H5T_ENUM && H5Tget_size(member) == 1 &&
        H5Tenum_valueof(member, text, &value) >= 0)
        found = value;
    if (member >= 0)
        H5Tclose(member);
    if (dataset >= 0)
        H5Dclose(dataset);
    return found;
}

/* Text of `size` bytes and a closing zero, out of the file's `size` bytes without one. */
static hid_t terminated(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size + 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

const char *h5in_texts(struct h5in *in, const char *table, const char *column, size_t *size)
{
    size_t rows;
    char *texts = NULL;
    *size = 0;
    if (in->err.code != ERR_OK)
        return NULL;
    hid_t dataset = open_table(in, table, &rows);
    hid_t member = dataset >= 0 ? member_type(dataset, column) : -1;
    if (member >= 0 && H5Tget_class(member) == H5T_STRING && H5Tis_variable_str(member) == 0) {
        hid_t type = terminated(H5Tget_size(member));
        *size = H5Tget_size(member) + 1;
        if (rows && type >= 0 && (texts = keep(in, rows * *size)) &&
            !read_member(dataset, column, type, 0, rows, texts))
            texts = NULL;
        if (type >= 0)
            H5Tclose(type);
    }
    if (dataset >= 0 && rows && !texts)
        damaged(in, table, column);
    if (member >= 0)
        H5Tclose(member);
    if (dataset >= 0)
        H5Dclose(dataset);
    return texts;
}

static bool read_all(hid_t dataset, hsize_t count, double *to)
{
    hid_t type = H5Dget_type(dataset);
    bool label = type >= 0 && H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1;
    bool done = type >= 0 && H5Dread(dataset, label ? type : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                                     H5P_DEFAULT, to) >= 0;
    const unsigned char *bytes = (const unsigned char *)to;
    for (hsize_t i = count; done && label && i-- > 0;) {
        double value = bytes[i];
        to[i] = value;
    }
    if (type >= 0)
        H5Tclose(type);
    return done;
}

const double *h5in_series(struct h5in *in, const char *name, size_t *samples, size_t *width)
{
    char path[128];
    hsize_t size[2];
    *samples = *width = 0;
    if (in->err.code != ERR_OK)
        return NULL;
    snprintf(path, sizeof path, "/series/%s", name);
    hid_t dataset = open_dataset(in, path, size);
    if (dataset < 0)
        return NULL;
    double *values = NULL;
    if (size[0] > 0 && (values = keep(in, (size_t)(size[0] * size[1]) * sizeof *values)) &&
        !read_all(dataset, size[0] * size[1], values)) {
        damaged(in, path, "");
        values = NULL;
    }
    H5Dclose(dataset);
    if (values) {
        *samples = (size_t)size[0];
        *width = (size_t)size[1];
    }
    return values;
}
