#include "sim/record/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/base/check.h"
#include "sim/record/digest.h"
#include "sim/record/record_internal.h"

enum {
    DEFAULT_HOST_MS = 2000,
    DEFAULT_BUFFER = 64 << 20,
    PAUSE_PER_COST =
        20 /* a flush of t ms is followed by 20 t ms without one: at most 5 % of the run */
};

static int64_t host_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The first failure is kept for every later call. */
static enum err_code fail(struct record *r, struct err *err, enum err_code code, const char *text)
{
    if (r->failed.code == ERR_OK)
        err_set(&r->failed, code, "%s", text);
    return err_set(err, r->failed.code, "%s", r->failed.text);
}

static enum err_code failed_before(const struct record *r, struct err *err)
{
    return err_set(err, r->failed.code, "%s", r->failed.text);
}

static enum err_code no_memory(struct record *r, struct err *err)
{
    return fail(r, err, ERR_MEMORY, "no memory left to record results");
}

/* ---- definitions ---- */

static struct rec_data *add_data(struct record *r)
{
    if (r->data_count == r->data_capacity) {
        size_t capacity = r->data_capacity ? 2 * r->data_capacity : 32;
        struct rec_data *data = realloc(r->data, capacity * sizeof *data);
        if (!data)
            return NULL;
        r->data = data;
        r->data_capacity = capacity;
    }
    struct rec_data *d = &r->data[r->data_count];
    memset(d, 0, sizeof *d);
    return d;
}

/* Appends the index of the next rec_data to a list of numbers. */
static bool add_number(struct record *r, uint32_t **list, size_t *count, uint32_t *id)
{
    uint32_t *grown = realloc(*list, (*count + 1) * sizeof **list);
    if (!grown)
        return false;
    *list = grown;
    grown[*count] = (uint32_t)r->data_count;
    if (id)
        *id = (uint32_t)*count;
    (*count)++;
    return true;
}

static bool good_name(const char *name)
{
    if (!name || !name[0] || strlen(name) > REC_NAME_MAX)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool good_columns(const struct record_table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct record_column *c = &t->columns[i];
        bool text = c->type == RECORD_TEXT, label = c->type == RECORD_LABEL;
        if (!good_name(c->name) || !c->unit || !c->doc || (text && c->size < 2) ||
            (label && (!c->labels || c->labels->count == 0 || c->labels->count > 255)))
            return false;
        size_t in_row = c->type == RECORD_HASH ? 32 : text ? c->size : rec_column_size(c);
        if (c->offset > t->row_size || in_row > t->row_size - c->offset)
            return false;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(c->name, t->columns[j].name))
                return false;
    }
    return t->column_count > 0;
}

static bool taken(const struct record *r, const char *path)
{
    for (size_t i = 0; i < r->data_count; i++)
        if (!strcmp(r->data[i].path, path))
            return true;
    return false;
}

enum err_code record_add_table(struct record *r, uint32_t *id, const struct record_table *table,
                               struct err *err)
{
    CHECK(!r->started, "table %s added after record_start", table->name);
    if (!good_name(table->name) || !strcmp(table->name, "series") || !good_columns(table))
        return err_set(err, ERR_INPUT, "results table '%s': impossible definition",
                       table->name ? table->name : "");
    struct rec_data *d = add_data(r);
    if (!d)
        return no_memory(r, err);
    d->kind = REC_TABLE;
    d->path[0] = '/';
    strcpy(d->path + 1, table->name);
    if (taken(r, d->path))
        return err_set(err, ERR_INPUT, "results table '%s': the name is taken", table->name);
    d->table = table;
    d->row_size = rec_table_row_size(table);
    if (table->kind == RECORD_APPEND && !(d->sha = rec_sha_create()))
        return no_memory(r, err);
    if (!add_number(r, &r->tables, &r->table_count, id)) {
        rec_sha_destroy(d->sha);
        return no_memory(r, err);
    }
    r->data_count++;
    return ERR_OK;
}

static struct rec_data *add_series_data(struct record *r, enum rec_kind kind, const char *name)
{
    struct rec_data *d = add_data(r);
    if (!d)
        return NULL;
    d->kind = kind;
    strcpy(d->path, "/series/");
    strcat(d->path, name);
    if (!(d->sha = rec_sha_create()))
        return NULL;
    return d;
}

enum err_code record_add_series(struct record *r, uint32_t *id, const struct record_series *series,
                                struct err *err)
{
    static const char *const reserved[] = {"time", "phase", "layer", "node"};
    CHECK(!r->started, "series %s added after record_start", series->name);
    bool good = good_name(series->name) && series->dimension < RECORD_DIMENSION_COUNT &&
                series->unit && series->doc;
    for (size_t i = 0; good && i < sizeof reserved / sizeof reserved[0]; i++)
        good = strcmp(series->name, reserved[i]) != 0;
    if (!good)
        return err_set(err, ERR_INPUT, "results series '%s': impossible definition",
                       series->name ? series->name : "");
    struct rec_data *d = add_series_data(r, REC_SERIES, series->name);
    if (!d)
        return no_memory(r, err);
    enum err_code code = ERR_OK;
    if (taken(r, d->path))
        code = err_set(err, ERR_INPUT, "results series '%s': the name is taken", series->name);
    else if (!add_number(r, &r->series, &r->series_count, id))
        code = no_memory(r, err);
    if (code != ERR_OK) {
        rec_sha_destroy(d->sha);
        return code;
    }
    d->series = series;
    r->data_count++;
    return ERR_OK;
}

enum err_code record_create(struct record **out, struct err *err)
{
    enum err_code code = ERR_OK;
    struct record *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return err_set(err, ERR_MEMORY, "no memory left to record results");
    for (size_t i = 0; i < RECORD_TABLE_COUNT && code == ERR_OK; i++)
        code = record_add_table(r, NULL, &record_tables[i], err);
    for (size_t i = 0; i < RECORD_SERIES_COUNT && code == ERR_OK; i++)
        code = record_add_series(r, NULL, &record_standard_series[i], err);
    if (code != ERR_OK) {
        record_destroy(r);
        return code;
    }
    *out = r;
    return ERR_OK;
}

void record_destroy(struct record *r)
{
    if (!r)
        return;
    rec_store_close(r);
    for (size_t i = 0; i < r->data_count; i++) {
        free(r->data[i].bytes);
        rec_sha_destroy(r->data[i].sha);
    }
    for (size_t i = 0; i < r->attribute_count; i++) {
        free(r->attributes[i].name);
        free(r->attributes[i].text);
    }
    for (size_t i = 0; i < 2; i++) {
        free(r->files[i].path);
        free(r->files[i].rows);
    }
    free(r->attributes);
    free(r->data);
    free(r->tables);
    free(r->series);
    free(r->path);
    free(r->staging);
    free(r);
}

/* ---- attributes ---- */

static struct rec_attribute *get_attribute(struct record *r, const char *name)
{
    for (size_t i = 0; i < r->attribute_count; i++)
        if (!strcmp(r->attributes[i].name, name))
            return &r->attributes[i];
    struct rec_attribute *a = realloc(r->attributes, (r->attribute_count + 1) * sizeof *a);
    if (!a)
        return NULL;
    r->attributes = a;
    a += r->attribute_count;
    memset(a, 0, sizeof *a);
    if (!(a->name = strdup(name)))
        return NULL;
    r->attribute_count++;
    return a;
}

static enum err_code set_attribute(struct record *r, const char *name, const char *text,
                                   double number, uint64_t integer, struct err *err)
{
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    char *copy = text ? strdup(text) : NULL;
    struct rec_attribute *a = get_attribute(r, name);
    if (!a || (text && !copy)) {
        free(copy);
        return no_memory(r, err);
    }
    free(a->text);
    a->text = copy;
    a->number = number;
    a->integer = integer;
    a->version = ++r->version;
    return ERR_OK;
}

enum err_code record_set_text(struct record *r, const char *name, const char *value,
                              struct err *err)
{
    return set_attribute(r, name, value ? value : "", 0, 0, err);
}

enum err_code record_set_number(struct record *r, const char *name, double value, struct err *err)
{
    return set_attribute(r, name, NULL, value, 0, err);
}

static enum err_code set_info(struct record *r, const struct record_info *info, struct err *err)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"scenario_name", info->scenario_name},
        {"scenario", info->scenario},
        {"scenario_resolved", info->scenario_resolved},
        {"program_version", info->program_version},
        {"cost_profile", info->cost_profile},
        {"host", info->host},
        {"start", info->start},
        {"record_transactions", info->transactions},
        {"end", ""},
        {"digest", ""},
        {"limit", ""},
        {"verdict", ""},
    };
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"interval", (double)info->interval},
        {"warm_up_end", (double)info->warm_up_end},
        {"load_end", (double)info->load_end},
        {"end_time", 0},
    };
    enum err_code code = record_set_text(r, "program", "weft", err);
    if (code == ERR_OK)
        code = record_set_number(r, "format_version", RECORD_FORMAT_VERSION, err);
    if (code == ERR_OK)
        code = record_set_number(r, "completed", 0, err);
    if (code == ERR_OK)
        code = set_attribute(r, "seed", NULL, NAN, info->seed, err);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && code == ERR_OK; i++)
        code = record_set_text(r, texts[i].name, texts[i].value, err);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && code == ERR_OK; i++)
        code = record_set_number(r, numbers[i].name, numbers[i].value, err);
    return code;
}

/* ---- rows ---- */

/* Room for `rows` more rows; where the first goes, or NULL. */
static uint8_t *reserve(struct rec_data *d, uint64_t rows)
{
    size_t used = (size_t)(d->rows - d->kept) * d->row_size;
    size_t need = used + (size_t)rows * d->row_size;
    if (need > d->capacity) {
        size_t capacity = d->capacity ? 2 * d->capacity : 4096;
        while (capacity < need)
            capacity *= 2;
        uint8_t *bytes = realloc(d->bytes, capacity);
        if (!bytes)
            return NULL;
        d->bytes = bytes;
        d->capacity = capacity;
    }
    return d->bytes + used;
}

/* Flushes if it is time to. Only the file is touched by what the host's clock says, never a row.
 * The clock is looked at between samples of the series only (`look`): a flush among the rows of one
 * block would leave a part of them in a killed run's file. */
static enum err_code tick(struct record *r, bool look, struct err *err)
{
    if (!r->path)
        return ERR_OK;
    bool due = r->buffered >= r->policy.buffered_bytes;
    if (!due && look) {
        int64_t passed = host_ns() - r->last_flush_ns;
        due = passed >= (int64_t)r->policy.host_ms * 1000000 && passed >= r->pause_ns;
    }
    return due ? record_flush(r, err) : ERR_OK;
}

enum err_code record_append(struct record *r, uint32_t table, const void *row, struct err *err)
{
    CHECK(r->started && !r->finished, "row appended before record_start or after record_finish");
    CHECK(table < r->table_count, "results table %u of %zu", table, r->table_count);
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    struct rec_data *d = &r->data[r->tables[table]];
    uint8_t *to = reserve(d, 1);
    if (!to)
        return no_memory(r, err);
    rec_pack(d->table, to, row);
    if (d->sha)
        rec_sha_add(d->sha, to, d->row_size);
    d->rows++;
    r->buffered += d->row_size;
    return tick(r, false, err);
}

enum err_code record_put(struct record *r, uint32_t table, uint64_t index, const void *row,
                         struct err *err)
{
    CHECK(table < r->table_count, "results table %u of %zu", table, r->table_count);
    struct rec_data *d = &r->data[r->tables[table]];
    CHECK(d->table->kind == RECORD_SNAPSHOT, "rows of %s are final", d->path);
    CHECK(index <= d->rows, "row %llu of %s, which has %llu", (unsigned long long)index, d->path,
          (unsigned long long)d->rows);
    if (index == d->rows)
        return record_append(r, table, row, err);
    CHECK(r->started && !r->finished, "row put before record_start or after record_finish");
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    rec_pack(d->table, d->bytes + (size_t)index * d->row_size, row);
    return tick(r, false, err);
}

uint64_t record_rows(const struct record *r, uint32_t table)
{
    CHECK(table < r->table_count, "results table %u of %zu", table, r->table_count);
    return r->data[r->tables[table]].rows;
}

/* A sample's values are hashed when it closes, since they come one by one. */
static void close_sample(struct record *r)
{
    if (!r->sampling)
        return;
    r->sampling = false;
    for (size_t i = 0; i < r->data_count; i++) {
        struct rec_data *d = &r->data[i];
        if (d->kind == REC_TABLE)
            continue;
        rec_sha_add(d->sha, d->bytes + (size_t)(d->rows - d->kept) * d->row_size, d->row_size);
        d->rows++;
        r->buffered += d->row_size;
    }
}

enum err_code record_sample(struct record *r, sim_time time, unsigned phase, struct err *err)
{
    CHECK(r->started && !r->finished, "sample before record_start or after record_finish");
    CHECK(phase < RECORD_PHASE_COUNT, "phase %u", phase);
    CHECK(time > r->last_sample, "sample at %lld after one at %lld", (long long)time,
          (long long)r->last_sample);
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    close_sample(r);
    enum err_code code = tick(r, true, err);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; i < r->data_count; i++) {
        struct rec_data *d = &r->data[i];
        if (d->kind == REC_TABLE)
            continue;
        uint8_t *to = reserve(d, 1);
        if (!to)
            return no_memory(r, err);
        double none = rec_number(NAN);
        if (d->kind == REC_TIME)
            memcpy(to, &time, sizeof time);
        else if (d->kind == REC_PHASE)
            to[0] = (uint8_t)phase;
        else
            for (size_t k = 0; k < d->width; k++)
                memcpy(to + 8 * k, &none, 8);
    }
    r->last_sample = time;
    r->sampling = true;
    return ERR_OK;
}

enum err_code record_value(struct record *r, uint32_t series, uint32_t entity, double value)
{
    CHECK(series < r->series_count, "results series %u of %zu", series, r->series_count);
    if (r->failed.code != ERR_OK)
        return r->failed.code;
    const struct rec_data *d = &r->data[r->series[series]];
    CHECK(r->sampling, "value of %s outside a sample", d->path);
    CHECK(entity < d->width, "entity %u of %s, which has %u", entity, d->path, d->width);
    value = rec_number(value);
    memcpy(d->bytes + (size_t)(d->rows - d->kept) * d->row_size + 8 * (size_t)entity, &value, 8);
    return ERR_OK;
}

/* ---- start, flush, finish ---- */

/* Space and time of the series, once their widths are known. */
static enum err_code start_series(struct record *r, const struct record_info *info, struct err *err)
{
    r->dimensions[RECORD_NONE] = 1;
    r->dimensions[RECORD_LAYER] = info->layers ? info->layers : 1;
    r->dimensions[RECORD_NODE] = info->nodes ? info->nodes : 1;
    for (size_t i = 0; i < r->data_count; i++) {
        struct rec_data *d = &r->data[i];
        if (d->kind != REC_SERIES)
            continue;
        d->width = r->dimensions[d->series->dimension];
        d->row_size = 8 * (size_t)d->width;
    }
    struct rec_data *d = add_series_data(r, REC_TIME, "time");
    if (!d)
        return no_memory(r, err);
    d->row_size = sizeof(sim_time);
    r->time = (uint32_t)r->data_count++;
    if (!(d = add_series_data(r, REC_PHASE, "phase")))
        return no_memory(r, err);
    d->row_size = 1;
    r->phase = (uint32_t)r->data_count++;
    return ERR_OK;
}

static enum err_code start_file(struct record *r, const char *path, struct err *err)
{
    void *image = NULL;
    size_t size = 0;
    for (size_t i = 0; i < 2; i++)
        if (!(r->files[i].rows = calloc(r->data_count, sizeof *r->files[i].rows)))
            return no_memory(r, err);
    enum err_code code = rec_store_open(r, path, err);
    if (code == ERR_OK)
        code = rec_hdf5_image(r, &image, &size, err);
    if (code == ERR_OK)
        code = rec_store_write(r, &r->files[0], image, size, err);
    if (code == ERR_OK)
        code = rec_store_publish(r, &r->files[0], err);
    free(image);
    r->files[0].version = r->version;
    r->current = 0;
    r->last_flush_ns = host_ns();
    return code;
}

enum err_code record_start(struct record *r, const char *path, const struct record_info *info,
                           const struct record_policy *policy, struct err *err)
{
    struct err local = {0};
    CHECK(!r->started, "record_start called twice");
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    r->started = true;
    r->last_sample = -1;
    r->policy = policy ? *policy : (struct record_policy){0};
    if (r->policy.host_ms == 0)
        r->policy.host_ms = DEFAULT_HOST_MS;
    if (r->policy.buffered_bytes == 0)
        r->policy.buffered_bytes = DEFAULT_BUFFER;
    enum err_code code = set_info(r, info, &local);
    if (code == ERR_OK)
        code = start_series(r, info, &local);
    if (code == ERR_OK && path)
        code = start_file(r, path, &local);
    if (code == ERR_OK)
        return ERR_OK;
    rec_store_close(r);
    return fail(r, err, code, local.text);
}

void record_discard(struct record *r)
{
    if (r->path && r->flushes == 0)
        rec_store_discard(r);
}

/* Rows that both files hold need not stay in memory. */
static void forget(struct record *r)
{
    const struct rec_file *now = &r->files[r->current], *other = &r->files[1 - r->current];
    for (size_t i = 0; i < r->data_count; i++) {
        struct rec_data *d = &r->data[i];
        if (d->kind == REC_TABLE && d->table->kind == RECORD_SNAPSHOT)
            continue;
        uint64_t held = other->exists ? other->rows[i] : now->rows[i];
        size_t gone = (size_t)(held - d->kept) * d->row_size;
        /* The sample that is open stands after the last row. */
        size_t left =
            (size_t)(d->rows - held + (r->sampling && d->kind != REC_TABLE)) * d->row_size;
        if (gone > 0)
            memmove(d->bytes, d->bytes + gone, left);
        d->kept = held;
    }
}

static size_t room_needed(const struct record *r, const struct rec_file *f)
{
    size_t room = 256 << 10; /* chunk indexes, attributes, partly filled chunks */
    for (size_t i = 0; i < r->data_count; i++) {
        const struct rec_data *d = &r->data[i];
        uint64_t from = d->kind == REC_TABLE && d->table->kind == RECORD_SNAPSHOT ? 0 : f->rows[i];
        room += (size_t)(d->rows - from) * d->row_size * 9 / 8 + 1024;
    }
    return room;
}

enum err_code record_flush(struct record *r, struct err *err)
{
    struct err local = {0};
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    if (!r->path)
        return ERR_OK;
    int64_t start = host_ns();
    struct rec_file *f = &r->files[1 - r->current];
    enum err_code code = rec_store_prepare(r, f, room_needed(r, f), &local);
    if (code == ERR_OK)
        code = rec_hdf5_update(r, f, &local);
    if (code == ERR_OK)
        code = rec_store_publish(r, f, &local);
    if (code != ERR_OK) {
        rec_store_close(r);
        return fail(r, err, code, local.text);
    }
    rec_store_commit(r);
    r->current = 1 - r->current;
    forget(r);
    r->buffered = 0;
    r->flushes++;
    r->last_flush_ns = host_ns();
    r->pause_ns = (r->last_flush_ns - start) * PAUSE_PER_COST;
    return ERR_OK;
}

enum err_code record_finish(struct record *r, char *digest, sim_time end_time, const char *end,
                            struct err *err)
{
    char text[RECORD_DIGEST_SIZE] = "";
    CHECK(r->started && !r->finished, "record_finish without record_start, or twice");
    if (r->failed.code != ERR_OK)
        return failed_before(r, err);
    close_sample(r);
    enum err_code code = rec_digest(r, text, err);
    if (code == ERR_OK)
        code = record_set_text(r, "digest", text, err);
    if (code == ERR_OK)
        code = record_set_text(r, "end", end, err);
    if (code == ERR_OK)
        code = record_set_number(r, "end_time", (double)end_time, err);
    if (code == ERR_OK)
        code = record_set_number(r, "completed", 1, err);
    if (code == ERR_OK)
        code = record_flush(r, err);
    if (code != ERR_OK)
        return code;
    r->finished = true;
    rec_store_close(r);
    if (digest)
        memcpy(digest, text, sizeof text);
    return ERR_OK;
}
