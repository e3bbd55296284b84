/* The layout keeps to what HDF5 1.8 reads, since MATLAB and R shipped that for long: compound
 * tables with fixed-size text, two-dimensional series with dimension scales, shuffle + deflate,
 * checksums. */
#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/record/record_internal.h"

enum {
    CHUNK_BYTES = 32 << 10, /* small: a partly filled chunk is written anew by every flush */
    DEFLATE_LEVEL = 1       /* higher levels gain a few percent and cost several times as much */
};

static enum err_code fault(const struct record *r, struct err *err, const char *what)
{
    return err_set(err, ERR_IO, "cannot write results to '%s': %s", r->path, what);
}

/* ---- attributes ---- */

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 &&
        (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

/* One value, or a list of `count` of them; replaces the attribute of that name. */
static bool write_attribute(hid_t object, const char *name, hid_t file_type, hid_t type,
                            const void *value, hsize_t count)
{
    bool done = false;
    hid_t space = count ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR), attribute = -1;
    if (space >= 0 && (H5Aexists(object, name) <= 0 || H5Adelete(object, name) >= 0) &&
        (attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0)
        done = H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        done = H5Aclose(attribute) >= 0 && done;
    if (space >= 0)
        H5Sclose(space);
    return done;
}

static bool write_text(hid_t object, const char *name, const char *text)
{
    hid_t type = text_type();
    bool done = type >= 0 && write_attribute(object, name, type, type, &text, 0);
    if (type >= 0)
        H5Tclose(type);
    return done;
}

/* Whole numbers are stored as integers: that is how a reader expects to see them. */
static bool write_number(hid_t object, const struct rec_attribute *a)
{
    if (isnan(a->number))
        return write_attribute(object, a->name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &a->integer, 0);
    if (a->number != nearbyint(a->number) || fabs(a->number) > 9e15)
        return write_attribute(object, a->name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &a->number, 0);
    int64_t whole = (int64_t)a->number;
    return write_attribute(object, a->name, H5T_STD_I64LE, H5T_NATIVE_INT64, &whole, 0);
}

static bool write_attributes(const struct record *r, hid_t file, uint64_t since)
{
    for (size_t i = 0; i < r->attribute_count; i++) {
        const struct rec_attribute *a = &r->attributes[i];
        if (a->version <= since)
            continue;
        if (!(a->text ? write_text(file, a->name, a->text) : write_number(file, a)))
            return false;
    }
    return true;
}

/* ---- types: those of the file are those of the packed rows, so nothing is converted ---- */

static hid_t enum_type(const struct record_labels *labels)
{
    hid_t type = H5Tenum_create(H5T_STD_U8LE);
    for (size_t i = 0; type >= 0 && i < labels->count; i++) {
        uint8_t value = (uint8_t)i;
        if (H5Tenum_insert(type, labels->items[i].name, &value) < 0) {
            H5Tclose(type);
            return -1;
        }
    }
    return type;
}

/* What h5py and others take for a truth value: FALSE, TRUE over a signed byte. */
static hid_t boolean_type(void)
{
    int8_t no = 0, yes = 1;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    if (type >= 0 &&
        (H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t fixed_text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t column_type(const struct record_column *c)
{
    switch (c->type) {
    case RECORD_U64: return H5Tcopy(H5T_STD_U64LE);
    case RECORD_I64: return H5Tcopy(H5T_STD_I64LE);
    case RECORD_U32: return H5Tcopy(H5T_STD_U32LE);
    case RECORD_I32: return H5Tcopy(H5T_STD_I32LE);
    case RECORD_F64: return H5Tcopy(H5T_IEEE_F64LE);
    case RECORD_BOOLEAN: return boolean_type();
    case RECORD_LABEL: return enum_type(c->labels);
    case RECORD_HASH:
    case RECORD_TEXT: return fixed_text_type(rec_column_size(c));
    }
    return -1;
}

static hid_t table_type(const struct record_table *t)
{
    size_t at = 0;
    hid_t type = H5Tcreate(H5T_COMPOUND, rec_table_row_size(t));
    for (size_t i = 0; type >= 0 && i < t->column_count; i++) {
        const struct record_column *c = &t->columns[i];
        hid_t column = column_type(c);
        bool done = column >= 0 && H5Tinsert(type, c->name, at, column) >= 0;
        if (column >= 0)
            H5Tclose(column);
        if (!done) {
            H5Tclose(type);
            return -1;
        }
        at += rec_column_size(c);
    }
    return type;
}

/* Of one element: a table's row, one value of a series. */
static hid_t element_type(const struct rec_data *d)
{
    switch (d->kind) {
    case REC_TABLE: return table_type(d->table);
    case REC_TIME: return H5Tcopy(H5T_STD_I64LE);
    case REC_PHASE: return enum_type(rec_phases());
    case REC_SERIES: return H5Tcopy(H5T_IEEE_F64LE);
    }
    return -1;
}

/* ---- the file without rows ---- */

static hsize_t clamp(hsize_t v, hsize_t low, hsize_t high)
{
    return v < low ? low : v > high ? high : v;
}

static hid_t create_plist(const struct rec_data *d, int rank)
{
    hsize_t chunk[2] = {clamp(CHUNK_BYTES / d->row_size, 16, 4096), 1};
    if (rank == 2) {
        chunk[1] = clamp(d->width, 1, 256);
        chunk[0] = clamp(CHUNK_BYTES / (8 * chunk[1]), 16, 1024);
    }
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    if (plist >= 0 && (H5Pset_chunk(plist, rank, chunk) < 0 || H5Pset_shuffle(plist) < 0 ||
                       H5Pset_deflate(plist, DEFLATE_LEVEL) < 0 || H5Pset_fletcher32(plist) < 0 ||
                       H5Pset_attr_phase_change(plist, 16, 8) < 0)) {
        H5Pclose(plist);
        return -1;
    }
    return plist;
}

static hid_t create_dataset(hid_t file, const struct rec_data *d)
{
    int rank = d->kind == REC_SERIES ? 2 : 1;
    hsize_t size[2] = {0, d->width}, most[2] = {H5S_UNLIMITED, d->width};
    hid_t dataset = -1, type = element_type(d), space = H5Screate_simple(rank, size, most);
    hid_t plist = create_plist(d, rank);
    if (type >= 0 && space >= 0 && plist >= 0)
        dataset = H5Dcreate2(file, d->path, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (plist >= 0)
        H5Pclose(plist);
    return dataset;
}

/* Units and docs of the columns, as lists beside the dataset's own doc. */
static bool describe_table(hid_t dataset, const struct record_table *t)
{
    bool done = false;
    hid_t type = text_type();
    const char **units = calloc(t->column_count, sizeof *units);
    const char **docs = calloc(t->column_count, sizeof *docs);
    if (units && docs && type >= 0) {
        for (size_t i = 0; i < t->column_count; i++) {
            units[i] = t->columns[i].unit;
            docs[i] = t->columns[i].doc;
        }
        done = write_attribute(dataset, "column_units", type, type, units, t->column_count) &&
               write_attribute(dataset, "column_docs", type, type, docs, t->column_count) &&
               write_text(dataset, "doc", t->doc);
    }
    free(units);
    free(docs);
    if (type >= 0)
        H5Tclose(type);
    return done;
}

static bool describe(hid_t dataset, const struct rec_data *d)
{
    switch (d->kind) {
    case REC_TABLE: return describe_table(dataset, d->table);
    case REC_TIME:
        return write_text(dataset, "units", "ns") &&
               write_text(dataset, "doc", "virtual time at which the interval ended");
    case REC_PHASE: return write_text(dataset, "doc", "part of the run the interval belongs to");
    case REC_SERIES:
        return write_text(dataset, "units", d->series->unit) &&
               write_text(dataset, "doc", d->series->doc);
    }
    return false;
}

/* /series/layer or /series/node: the numbers 0, 1, ... that the second dimension stands for. */
static hid_t create_scale(hid_t file, const char *path, const char *name, const char *doc,
                          uint32_t count)
{
    hsize_t size = count;
    hid_t dataset = -1, space = H5Screate_simple(1, &size, NULL);
    uint32_t *ids = malloc(count * sizeof *ids);
    if (ids && space >= 0 &&
        (dataset = H5Dcreate2(file, path, H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                              H5P_DEFAULT)) >= 0) {
        for (uint32_t i = 0; i < count; i++)
            ids[i] = i;
        if (H5Dwrite(dataset, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, ids) < 0 ||
            !write_text(dataset, "doc", doc) || H5DSset_scale(dataset, name) < 0) {
            H5Dclose(dataset);
            dataset = -1;
        }
    }
    free(ids);
    if (space >= 0)
        H5Sclose(space);
    return dataset;
}

static bool create_series_scales(const struct record *r, hid_t file, hid_t scales[2])
{
    scales[0] = create_scale(file, "/series/layer", "layer", "number of the layer: row of /layers",
                             r->dimensions[RECORD_LAYER]);
    scales[1] = create_scale(file, "/series/node", "node", "number of the node: row of /nodes",
                             r->dimensions[RECORD_NODE]);
    return scales[0] >= 0 && scales[1] >= 0;
}

static bool create_all(const struct record *r, hid_t file)
{
    hid_t scales[2] = {-1, -1}, time = -1;
    hid_t group = H5Gcreate2(file, "/series", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool done = group >= 0 && H5Gclose(group) >= 0 && create_series_scales(r, file, scales);
    if (done && (time = create_dataset(file, &r->data[r->time])) >= 0)
        done = describe(time, &r->data[r->time]) && H5DSset_scale(time, "time") >= 0;
    for (size_t i = 0; done && time >= 0 && i < r->data_count; i++) {
        const struct rec_data *d = &r->data[i];
        if (d->kind == REC_TIME)
            continue;
        hid_t dataset = create_dataset(file, d);
        done = dataset >= 0 && describe(dataset, d);
        if (done && d->kind != REC_TABLE)
            done = H5DSattach_scale(dataset, time, 0) >= 0;
        if (done && d->kind == REC_SERIES && d->series->dimension != RECORD_NONE)
            done = H5DSattach_scale(dataset, scales[d->series->dimension == RECORD_NODE], 1) >= 0;
        if (dataset >= 0)
            done = H5Dclose(dataset) >= 0 && done;
    }
    for (size_t i = 0; i < 2; i++)
        if (scales[i] >= 0)
            H5Dclose(scales[i]);
    return time >= 0 && H5Dclose(time) >= 0 && done;
}

static hid_t access_plist(bool in_memory)
{
    hid_t plist = H5Pcreate(H5P_FILE_ACCESS);
    if (plist < 0)
        return -1;
    bool done = H5Pset_libver_bounds(plist, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
                H5Pset_fclose_degree(plist, H5F_CLOSE_STRONG) >= 0;
    if (in_memory)
        done = done && H5Pset_fapl_core(plist, 1 << 20, 0) >= 0;
    if (!done) {
        H5Pclose(plist);
        return -1;
    }
    return plist;
}

/* Not H5Fget_file_image: release 1.10.8 of it spoils the superblock's checksum in this format. */
static bool copy_image(hid_t file, hid_t access, void **bytes, size_t *size)
{
    hsize_t length = 0;
    void *handle = NULL;
    if (H5Fget_filesize(file, &length) < 0 || length == 0 ||
        H5Fget_vfd_handle(file, access, &handle) < 0 || !(*bytes = malloc((size_t)length)))
        return false;
    memcpy(*bytes, *(void **)handle, (size_t)length);
    *size = (size_t)length;
    return true;
}

enum err_code rec_hdf5_image(const struct record *r, void **bytes, size_t *size, struct err *err)
{
    bool done = false;
    hid_t file = -1, access = -1, create = -1;
    *bytes = NULL;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    access = access_plist(true);
    create = H5Pcreate(H5P_FILE_CREATE);
    if (access >= 0 && create >= 0 && H5Pset_attr_phase_change(create, 8, 6) >= 0)
        file = H5Fcreate("results", H5F_ACC_TRUNC, create, access);
    if (file >= 0 && create_all(r, file) && write_attributes(r, file, 0) &&
        H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0)
        done = copy_image(file, access, bytes, size);
    if (file >= 0)
        H5Fclose(file);
    if (access >= 0)
        H5Pclose(access);
    if (create >= 0)
        H5Pclose(create);
    return done ? ERR_OK : fault(r, err, "HDF5 cannot lay out the file");
}

/* ---- bringing a file up to date ---- */

static bool write_rows(hid_t dataset, const struct rec_data *d, uint64_t from)
{
    int rank = d->kind == REC_SERIES ? 2 : 1;
    hsize_t size[2] = {d->rows, d->width}, start[2] = {from, 0},
            count[2] = {d->rows - from, d->width};
    bool done = false;
    if (H5Dset_extent(dataset, size) < 0)
        return false;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(rank, count, NULL);
    if (type >= 0 && space >= 0 && memory >= 0 &&
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0)
        done = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT,
                        d->bytes + (size_t)(from - d->kept) * d->row_size) >= 0;
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (memory >= 0)
        H5Sclose(memory);
    return done;
}

static bool update_all(const struct record *r, struct rec_file *f, hid_t file)
{
    for (size_t i = 0; i < r->data_count; i++) {
        const struct rec_data *d = &r->data[i];
        uint64_t from = d->kind == REC_TABLE && d->table->kind == RECORD_SNAPSHOT ? 0 : f->rows[i];
        if (d->rows == from)
            continue;
        hid_t dataset = H5Dopen2(file, d->path, H5P_DEFAULT);
        bool done = dataset >= 0 && write_rows(dataset, d, from);
        if (dataset >= 0)
            done = H5Dclose(dataset) >= 0 && done;
        if (!done)
            return false;
        f->rows[i] = d->rows;
    }
    return write_attributes(r, file, f->version);
}

enum err_code rec_hdf5_update(const struct record *r, struct rec_file *f, struct err *err)
{
    bool done = false;
    hid_t access = access_plist(false), file = -1;
    if (access >= 0 && (file = H5Fopen(f->path, H5F_ACC_RDWR, access)) >= 0) {
        done = update_all(r, f, file);
        done = H5Fclose(file) >= 0 && done;
    }
    if (access >= 0)
        H5Pclose(access);
    if (!done)
        return fault(r, err, "HDF5 failed while writing (disk full or damaged?)");
    f->version = r->version;
    return ERR_OK;
}
