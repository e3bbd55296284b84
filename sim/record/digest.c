/* The canonical text of a dataset is "path\n" + "name type\n" for each column + "rows N\n"; a
 * series has one column, "value", of type f64[width]. The digest is SHA-256 over, for every dataset
 * in the order of its path, that text and the SHA-256 of its packed rows. */
#include "sim/record/digest.h"

#include <errno.h>
#include <hdf5.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/record/record_internal.h"

enum { SLAB_BYTES = 1 << 20, ROW_MAX = 1 << 26, TYPE_TEXT = 8192 };

static const char heading[] = "weft results 1\n";

struct rec_sha {
    EVP_MD_CTX *context;
};

struct rec_sha *rec_sha_create(void)
{
    struct rec_sha *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->context = EVP_MD_CTX_new();
    if (!s->context || !EVP_DigestInit_ex(s->context, EVP_sha256(), NULL)) {
        rec_sha_destroy(s);
        return NULL;
    }
    return s;
}

void rec_sha_add(struct rec_sha *s, const void *bytes, size_t size)
{
    EVP_DigestUpdate(s->context, bytes, size);
}

bool rec_sha_value(const struct rec_sha *s, uint8_t value[32])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool done =
        copy && EVP_MD_CTX_copy_ex(copy, s->context) && EVP_DigestFinal_ex(copy, value, NULL);
    EVP_MD_CTX_free(copy);
    return done;
}

void rec_sha_destroy(struct rec_sha *s)
{
    if (s)
        EVP_MD_CTX_free(s->context);
    free(s);
}

static void add_text(struct rec_sha *s, const char *text)
{
    rec_sha_add(s, text, strlen(text));
}

static void hex(char digest[RECORD_DIGEST_SIZE], const uint8_t value[32])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(digest + 2 * i, 3, "%02x", value[i]);
}

/* ---- of a record in memory ---- */

static void add_columns(struct rec_sha *s, const struct rec_data *d)
{
    char type[TYPE_TEXT];
    if (d->kind == REC_TABLE) {
        for (size_t i = 0; i < d->table->column_count; i++) {
            rec_type_text(&d->table->columns[i], type, sizeof type);
            add_text(s, d->table->columns[i].name);
            add_text(s, " ");
            add_text(s, type);
            add_text(s, "\n");
        }
        return;
    }
    struct record_column phase = {.type = RECORD_LABEL, .labels = rec_phases()};
    if (d->kind == REC_TIME)
        snprintf(type, sizeof type, "i64");
    else if (d->kind == REC_PHASE)
        rec_type_text(&phase, type, sizeof type);
    else
        snprintf(type, sizeof type, "f64[%" PRIu32 "]", d->width);
    add_text(s, "value ");
    add_text(s, type);
    add_text(s, "\n");
}

static bool add_data(struct rec_sha *s, const struct rec_data *d)
{
    char rows[40];
    uint8_t value[32];
    add_text(s, d->path);
    add_text(s, "\n");
    add_columns(s, d);
    snprintf(rows, sizeof rows, "rows %" PRIu64 "\n", d->rows);
    add_text(s, rows);
    if (d->sha) {
        if (!rec_sha_value(d->sha, value))
            return false;
    } else if (!EVP_Digest(d->rows ? d->bytes : (const uint8_t *)"", (size_t)d->rows * d->row_size,
                           value, NULL, EVP_sha256(), NULL)) {
        return false;
    }
    rec_sha_add(s, value, sizeof value);
    return true;
}

static int by_path(const void *a, const void *b)
{
    const struct rec_data *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

enum err_code rec_digest(const struct record *r, char digest[RECORD_DIGEST_SIZE], struct err *err)
{
    uint8_t value[32];
    bool done = false;
    const struct rec_data **order = calloc(r->data_count, sizeof *order);
    struct rec_sha *s = rec_sha_create();
    if (order && s) {
        for (size_t i = 0; i < r->data_count; i++)
            order[i] = &r->data[i];
        qsort(order, r->data_count, sizeof *order, by_path);
        add_text(s, heading);
        done = true;
        for (size_t i = 0; i < r->data_count && done; i++)
            done = add_data(s, order[i]);
        done = done && rec_sha_value(s, value);
    }
    free(order);
    rec_sha_destroy(s);
    if (!done)
        return err_set(err, ERR_MEMORY, "no memory left to compute the results' digest");
    hex(digest, value);
    return ERR_OK;
}

/* ---- of a file ---- */

/* Names of all datasets but the dimension scales that say nothing (/series/layer, /series/node). */
struct names {
    char (*items)[REC_PATH_MAX];
    size_t count;
    const char *prefix;
    bool failed;
};

static herr_t collect(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    struct names *names = data;
    H5O_info_t object;
    (void)info;
    if (H5Oget_info_by_name1(group, name, &object, H5P_DEFAULT) < 0) {
        names->failed = true;
        return -1;
    }
    bool series = names->prefix[1] != 0;
    if (object.type != H5O_TYPE_DATASET ||
        (series && (!strcmp(name, "layer") || !strcmp(name, "node"))))
        return 0;
    void *grown = realloc(names->items, (names->count + 1) * sizeof *names->items);
    if (!grown || strlen(names->prefix) + strlen(name) >= REC_PATH_MAX) {
        if (grown)
            names->items = grown;
        names->failed = true;
        return -1;
    }
    names->items = grown;
    snprintf(names->items[names->count++], REC_PATH_MAX, "%s%s", names->prefix, name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool collect_all(hid_t file, struct names *names)
{
    names->prefix = "/";
    if (H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, collect, names) < 0 || names->failed)
        return false;
    names->prefix = "/series/";
    if (H5Literate_by_name(file, "series", H5_INDEX_NAME, H5_ITER_INC, NULL, collect, names,
                           H5P_DEFAULT) < 0 ||
        names->failed || names->count == 0)
        return false;
    qsort(names->items, names->count, sizeof *names->items, by_name);
    return true;
}

static bool label_text(hid_t type, char *text, size_t size)
{
    int count = H5Tget_nmembers(type);
    snprintf(text, size, "label:");
    for (int i = 0; i < count; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        size_t used = strlen(text);
        if (!name)
            return false;
        snprintf(text + used, size - used, "%s%s", i ? "," : "", name);
        H5free_memory(name);
    }
    return count > 0;
}

/* The same words as rec_type_text. */
static bool type_text(hid_t type, char *text, size_t size)
{
    size_t bytes = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        snprintf(text, size, "%c%zu", H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i', 8 * bytes);
        return H5Tget_order(type) == H5T_ORDER_LE;
    case H5T_FLOAT:
        snprintf(text, size, "f%zu", 8 * bytes);
        return H5Tget_order(type) == H5T_ORDER_LE;
    case H5T_STRING: snprintf(text, size, "text:%zu", bytes); return H5Tis_variable_str(type) == 0;
    case H5T_ENUM: return label_text(type, text, size);
    default: return false;
    }
}

static bool add_member(struct rec_sha *s, hid_t type, unsigned index)
{
    char text[TYPE_TEXT];
    char *name = H5Tget_member_name(type, index);
    hid_t member = H5Tget_member_type(type, index);
    bool done = name && member >= 0 && type_text(member, text, sizeof text);
    if (done) {
        add_text(s, name);
        add_text(s, " ");
        add_text(s, text);
        add_text(s, "\n");
    }
    if (name)
        H5free_memory(name);
    if (member >= 0)
        H5Tclose(member);
    return done;
}

static bool add_type(struct rec_sha *s, hid_t type, int rank, hsize_t width)
{
    char text[TYPE_TEXT], tail[32] = "";
    if (H5Tget_class(type) == H5T_COMPOUND) {
        int count = H5Tget_nmembers(type);
        for (int i = 0; i < count; i++)
            if (!add_member(s, type, (unsigned)i))
                return false;
        return count > 0 && rank == 1;
    }
    if (!type_text(type, text, sizeof text))
        return false;
    if (rank == 2)
        snprintf(tail, sizeof tail, "[%llu]", (unsigned long long)width);
    add_text(s, "value ");
    add_text(s, text);
    add_text(s, tail);
    add_text(s, "\n");
    return true;
}

/* The digest of the rows, read as they stand, a slab at a time. */
static bool hash_rows(hid_t dataset, hid_t type, hid_t space, int rank, const hsize_t size[2],
                      uint8_t value[32])
{
    size_t row = H5Tget_size(type) * (size_t)size[1];
    hsize_t most = row < SLAB_BYTES ? SLAB_BYTES / row : 1;
    void *slab = malloc((size_t)most * row);
    struct rec_sha *s = rec_sha_create();
    bool done = slab && s;
    for (hsize_t at = 0; done && at < size[0]; at += most) {
        hsize_t start[2] = {at, 0}, count[2] = {size[0] - at < most ? size[0] - at : most, size[1]};
        hid_t memory = H5Screate_simple(rank, count, NULL);
        done = memory >= 0 &&
               H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
               H5Dread(dataset, type, memory, space, H5P_DEFAULT, slab) >= 0;
        if (memory >= 0)
            H5Sclose(memory);
        if (done)
            rec_sha_add(s, slab, (size_t)count[0] * row);
    }
    done = done && rec_sha_value(s, value);
    rec_sha_destroy(s);
    free(slab);
    return done;
}

static bool add_dataset(struct rec_sha *s, hid_t file, const char *path)
{
    char rows[40];
    uint8_t value[32];
    hsize_t size[2] = {0, 1};
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), type = -1, space = -1;
    bool done =
        dataset >= 0 && (type = H5Dget_type(dataset)) >= 0 && (space = H5Dget_space(dataset)) >= 0;
    int rank = done ? H5Sget_simple_extent_ndims(space) : 0;
    done = done && (rank == 1 || rank == 2) && H5Sget_simple_extent_dims(space, size, NULL) >= 0 &&
           size[1] > 0 && size[1] <= ROW_MAX / H5Tget_size(type);
    if (done) {
        add_text(s, path);
        add_text(s, "\n");
        done = add_type(s, type, rank, size[1]);
    }
    snprintf(rows, sizeof rows, "rows %llu\n", (unsigned long long)size[0]);
    add_text(s, rows);
    done = done && hash_rows(dataset, type, space, rank, size, value);
    if (done)
        rec_sha_add(s, value, sizeof value);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (dataset >= 0)
        H5Dclose(dataset);
    return done;
}

static bool read_number(hid_t file, const char *name, int64_t *value)
{
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    bool done = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_INT64, value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    return done;
}

static bool read_digest(hid_t file, char digest[RECORD_DIGEST_SIZE])
{
    char *text = NULL;
    hid_t attribute = H5Aopen(file, "digest", H5P_DEFAULT), type = -1;
    bool done = attribute >= 0 && (type = H5Aget_type(attribute)) >= 0 &&
                H5Tis_variable_str(type) > 0 && H5Aread(attribute, type, &text) >= 0 && text;
    if (done)
        snprintf(digest, RECORD_DIGEST_SIZE, "%s", text);
    H5free_memory(text);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return done;
}

static enum err_code digest_open(hid_t file, const char *path, char digest[RECORD_DIGEST_SIZE],
                                 struct err *err)
{
    char stored[RECORD_DIGEST_SIZE] = "";
    int64_t version = 0, completed = 0;
    uint8_t value[32];
    struct names names = {0};
    if (!read_number(file, "format_version", &version) ||
        !read_number(file, "completed", &completed) || !read_digest(file, stored))
        return err_set(err, ERR_INPUT, "'%s' is HDF5, but not a results file of weft", path);
    if (version != RECORD_FORMAT_VERSION)
        return err_set(err, ERR_INPUT, "'%s' has format %lld; this program reads format %d", path,
                       (long long)version, RECORD_FORMAT_VERSION);
    if (!completed)
        return err_set(err, ERR_INPUT,
                       "'%s' is of a run that did not end: it holds the rows up to its last flush "
                       "and has no digest",
                       path);
    struct rec_sha *s = rec_sha_create();
    bool done = s && collect_all(file, &names);
    if (done)
        add_text(s, heading);
    for (size_t i = 0; done && i < names.count; i++)
        done = add_dataset(s, file, names.items[i]);
    done = done && rec_sha_value(s, value);
    rec_sha_destroy(s);
    free(names.items);
    if (!done)
        return err_set(err, ERR_IO, "'%s' is damaged: its tables cannot be read whole", path);
    hex(digest, value);
    if (strcmp(digest, stored) != 0)
        return err_set(err, ERR_INPUT,
                       "'%s' was changed after its run: digest %s, but the run stored %s", path,
                       digest, stored);
    return ERR_OK;
}

enum err_code record_digest_file(const char *path, char digest[RECORD_DIGEST_SIZE], struct err *err)
{
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
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return err_set(err, ERR_IO, "'%s' is damaged or cut short: HDF5 cannot open it", path);
    enum err_code code = digest_open(file, path, digest, err);
    H5Fclose(file);
    return code;
}
