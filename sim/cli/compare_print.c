/* weft compare: the table, and the same for programs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/world/figures.h"
#include "sim/cli/compare.h"
#include "sim/cli/outfile.h"
#include "sim/cli/text.h"

static const struct column {
    const char *head, *figure; /* figure NULL: the share of what was offered */
    double scale;
    int width, digits;
} columns[] = {
    {"committed", NULL, 100, 10, 2},
    {"p50 s", "latency_s.p50", 1, 7, 2},
    {"p90 s", "latency_s.p90", 1, 7, 2},
    {"p99 s", "latency_s.p99", 1, 7, 2},
    {"block every", "block_interval_s", 1, 12, 2},
    {"rounds", "further_rounds", 1, 7, 0},
    {"stale", "stale_blocks", 1, 6, 0},
    {"messages", "per_block.messages", 1, 9, 0},
    {"kB", "per_block.bytes", 1e-3, 7, 0},
};
enum { COLUMNS = sizeof columns / sizeof columns[0], HALF_WIDTH = 6 };

/* ---- the table ---- */

static bool with_intervals(const struct compare *c)
{
    for (size_t f = 0; f < c->file_count; f++)
        if (c->files[f].runs > 1)
            return true;
    return false;
}

static int name_width(const struct compare *c)
{
    size_t width = 7;
    for (size_t i = 0; i < c->variant_count; i++)
        if (strlen(c->variants[i].name) > width)
            width = strlen(c->variants[i].name);
    return (int)width;
}

static int width_of(const struct compare *c, int width)
{
    return with_intervals(c) ? width + HALF_WIDTH : width;
}

static int own_width(const struct compare *c, const char *head)
{
    int width = width_of(c, 8), size = (int)strlen(head);
    return size > width ? size : width;
}

/* digits below 0: so many significant ones, and no powers of ten that need not be. */
static void put_number(struct cli_text *t, double value, int digits)
{
    if (digits < 0 && fabs(value) >= 100 && fabs(value) < 1e9)
        cli_text_add(t, "%.*f", fabs(value) < 1000 && digits < -3 ? 1 : 0, value);
    else if (digits < 0)
        cli_text_add(t, "%.*g", -digits, value);
    else
        cli_text_add(t, "%.*f", digits, value);
}

static void print_cell(int width, int digits, const struct interval *x, double scale,
                       const char *unit, bool empty)
{
    struct cli_text t = {0};
    int more = 0; /* bytes of a character beyond its first */
    if (isfinite(x->mean) && !empty) {
        put_number(&t, x->mean * scale, digits);
        if (isfinite(x->half)) {
            more = (int)strlen("\u00b1") - 1;
            cli_text_add(&t, "\u00b1");
            put_number(&t, x->half * scale, digits < 0 ? -2 : digits);
        }
        cli_text_add(&t, "%s", unit);
    } else {
        cli_text_add(&t, "-");
    }
    printf(" %*s", width + more, t.text ? t.text : "");
    cli_text_fini(&t);
}

void compare_print_head(const struct compare *c)
{
    printf("%-*s", name_width(c), "variant");
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %*s", width_of(c, columns[i].width), columns[i].head);
    for (size_t i = 0; i < c->column_count; i++)
        printf(" %*s", own_width(c, c->columns[i]), c->columns[i]);
    printf("  limit\n");
    fflush(stdout);
}

/* Little of the load came through: the latencies are those of the lucky ones. */
static bool is_low(const struct compare_variant *v)
{
    return v->share.mean < 0.95; /* not of a NAN */
}

/* Characters. */
static int put_mark(const struct compare_variant *v)
{
    return is_low(v) ? printf("*") : 0;
}

void compare_print_row(const struct compare *c, const struct compare_variant *v)
{
    bool none = !(v->figures[figure_find("committed")].mean > 0);
    int mark = 0; /* it takes the place of a blank */
    printf("%-*s", name_width(c), v->name);
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct column *col = &columns[i];
        bool by_commits = col->figure && (strncmp(col->figure, "latency", 7) == 0 ||
                                          strncmp(col->figure, "block_", 6) == 0);
        print_cell(width_of(c, col->width) - mark, col->digits,
                   col->figure ? &v->figures[figure_find(col->figure)] : &v->share, col->scale,
                   col->figure ? "" : " %", none && by_commits);
        mark = col->figure ? 0 : put_mark(v);
    }
    for (size_t i = 0; i < c->column_count; i++)
        print_cell(own_width(c, c->columns[i]), -4, &v->figures[figure_find(c->columns[i])], 1, "",
                   false);
    printf("  %s\n", world_limit_name(v->limit));
    fflush(stdout);
}

/* ---- a table a figure ---- */

/* The variant of that file and number. */
static const struct compare_variant *variant_at(const struct compare *c, size_t file, size_t number)
{
    size_t at = number;
    for (size_t f = 0; f < file; f++)
        at += c->files[f].variants;
    return &c->variants[at];
}

/* Its name without the value of the last vary, which has a column. */
static void put_row_name(struct cli_text *t, const struct compare *c,
                         const struct compare_variant *v)
{
    const char *slash = strrchr(v->file->path, '/');
    size_t rows = v->file->vary_count ? v->file->vary_count - 1 : 0;
    if (c->file_count > 1 || rows == 0)
        cli_text_add(t, "%s", slash ? slash + 1 : v->file->path);
    for (size_t i = 0; i < rows; i++)
        cli_text_add(t, "%s%s", t->size ? ", " : "", compare_value(v, i));
}

/* Of a file's row, or of its head where figure is SIZE_MAX. */
static void print_across_row(const struct compare *c, size_t file, size_t first, size_t across,
                             int names, size_t figure)
{
    struct cli_text name = {0};
    put_row_name(&name, c, variant_at(c, file, first));
    printf("%-*s", names, figure == SIZE_MAX ? "" : name.text ? name.text : "");
    cli_text_fini(&name);
    for (size_t i = 0, mark = 0; i < across; i++) {
        const struct compare_variant *v = variant_at(c, file, first + i);
        const char *head =
            v->file->vary_count ? compare_value(v, v->file->vary_count - 1) : "value";
        int width = width_of(c, 8), size = (int)strlen(head);
        width = (size > width ? size : width) - (int)mark;
        mark = 0;
        if (figure == SIZE_MAX)
            printf(" %*s", width, head);
        else if (v->failed || !v->figures)
            printf(" %*s", width, "-");
        else {
            print_cell(width, -4, &v->figures[figure], 1, "", false);
            mark = (size_t)put_mark(v);
        }
    }
    printf("\n");
}

static int row_names_width(const struct compare *c)
{
    int width = 7;
    for (size_t i = 0; i < c->variant_count; i++) {
        struct cli_text t = {0};
        put_row_name(&t, c, &c->variants[i]);
        width = (int)t.size > width ? (int)t.size : width;
        cli_text_fini(&t);
    }
    return width;
}

void compare_print_across(const struct compare *c)
{
    int names = row_names_width(c);
    for (size_t k = 0; k < c->column_count; k++) {
        size_t figure = figure_find(c->columns[k]);
        const struct figure *f = figure_at(figure);
        printf("%s%s%s%s%s: %s\n", k ? "\n" : "", f->name, *f->unit ? " (" : "", f->unit,
               *f->unit ? ")" : "", f->doc);
        for (size_t file = 0; file < c->file_count; file++) {
            const struct compare_file *of = &c->files[file];
            size_t across = of->vary_count ? of->varies[of->vary_count - 1].count : 1;
            print_across_row(c, file, 0, across, names, SIZE_MAX);
            for (size_t first = 0; first < of->variants; first += across)
                print_across_row(c, file, first, across, names, figure);
        }
    }
}

/* ---- below the table ---- */

enum note { NOTE_LOW, NOTE_FEWER, NOTE_IDLE, NOTE_CALLS };

/* What the note says of the variant: a number of layers, or 1; 0: nothing. */
static uint32_t noted(const struct compare_variant *v, enum note note)
{
    return v->failed || !v->figures ? 0
           : note == NOTE_LOW       ? is_low(v)
           : note == NOTE_FEWER     ? v->enough_layers
           : note == NOTE_IDLE      ? v->idle_layers
                                    : v->calls_only;
}

/* text, and those that it is true of; nothing if there are none. */
static void print_note(const struct compare *c, enum note note, const char *text)
{
    enum { MOST = 12 };
    size_t count = 0;
    for (size_t i = 0; i < c->variant_count; i++) {
        const struct compare_variant *v = &c->variants[i];
        uint32_t n = noted(v, note);
        if (!n || ++count > MOST)
            continue;
        printf("%s \"%s\"", count == 1 ? text : ",", v->name);
        if (note == NOTE_FEWER || note == NOTE_IDLE)
            printf(" (%u)", n);
    }
    if (count > MOST)
        printf(" and %zu more", count - MOST);
    if (count)
        printf("\n");
}

void compare_print_notes(const struct compare *c)
{
    bool low = false, any = false;
    for (size_t i = 0; i < c->variant_count; i++) {
        low |= noted(&c->variants[i], NOTE_LOW) != 0;
        for (enum note note = NOTE_LOW; note <= NOTE_CALLS; note++)
            any |= noted(&c->variants[i], note) != 0;
    }
    if (any)
        printf("\n");
    if (low)
        printf("* less than 95 %% was committed: latencies and fees are of that part, and what is "
               "left waits longest\n");
    print_note(c, NOTE_FEWER, "Fewer layers would carry the load (so many; weft run says more):");
    print_note(c, NOTE_IDLE, "Nothing is sent to layers (so many) of");
    print_note(c, NOTE_CALLS,
               "All that crossed were calls, which crosslayer_calls carries, not crosslayer:");
}

/* ---- for programs ---- */

static void add_number(struct cli_text *t, double x)
{
    if (isfinite(x))
        cli_text_add(t, "%.17g", x);
    else
        cli_text_add(t, "null");
}

static void add_member(struct cli_text *t, const char *key, double x)
{
    cli_text_add(t, "\"%s\": ", key);
    add_number(t, x);
    cli_text_add(t, ", ");
}

static void add_variant(struct cli_text *t, const struct compare *c,
                        const struct compare_variant *v)
{
    uint64_t runs = v->file->runs;
    cli_text_add(t, "{\"variant\": ");
    cli_text_json(t, v->name);
    cli_text_add(t, ", \"file\": ");
    cli_text_json(t, v->file->path);
    cli_text_add(t, ", \"settings\": {");
    for (size_t i = 0; i < v->file->vary_count; i++) {
        char path[COMPARE_NAME];
        const struct compare_vary *vary = &v->file->varies[i];
        snprintf(path, sizeof path, "%.*s", (int)vary->path - 1, vary->sets[0]);
        cli_text_add(t, i ? ", " : "");
        cli_text_json(t, path);
        cli_text_add(t, ": ");
        cli_text_json(t, compare_value(v, i));
    }
    cli_text_add(t, "}, \"runs\": %llu, \"seed\": %llu, \"limit\": \"%s\", \"figures\": {",
                 (unsigned long long)runs, (unsigned long long)v->seed, world_limit_name(v->limit));
    for (size_t f = 0; f < c->figures; f++) {
        const struct interval *x = &v->figures[f];
        cli_text_add(t, "%s\n  \"%s\": {", f ? "," : "", figure_at(f)->name);
        add_member(t, "mean", x->mean);
        add_member(t, "half_width_95", x->half);
        add_member(t, "sd", x->sd);
        cli_text_add(t, "\"values\": [");
        for (uint64_t i = 0; i < runs; i++) {
            cli_text_add(t, i ? ", " : "");
            add_number(t, v->values[f * runs + i]);
        }
        cli_text_add(t, "]}");
    }
    cli_text_add(t, "}}");
}

void compare_print_json(const struct compare *c)
{
    bool first = true;
    printf("[");
    for (size_t i = 0; i < c->variant_count; i++) {
        if (c->variants[i].failed)
            continue;
        struct cli_text t = {0};
        add_variant(&t, c, &c->variants[i]);
        printf("%s%s", first ? "\n" : ",\n", t.text && !t.failed ? t.text : "null");
        cli_text_fini(&t);
        first = false;
    }
    printf("\n]\n");
}

/* A field as RFC 4180 has it. */
static void add_field(struct cli_text *t, const char *text, size_t size)
{
    bool quote = strcspn(text, ",\"\r\n") < size;
    cli_text_add(t, quote ? "\"" : "");
    for (size_t i = 0; i < size; i++)
        cli_text_add(t, text[i] == '"' ? "\"\"" : "%c", text[i]);
    cli_text_add(t, quote ? "\"" : "");
}

static bool same_path(const struct compare_vary *a, const struct compare_vary *b)
{
    return a->path == b->path && memcmp(a->sets[0], b->sets[0], a->path) == 0;
}

/* The file's vary of that path, or SIZE_MAX. */
static size_t vary_like(const struct compare_file *f, const struct compare_vary *v)
{
    for (size_t i = 0; i < f->vary_count; i++)
        if (same_path(&f->varies[i], v))
            return i;
    return SIZE_MAX;
}

/* Whether this is the first file that varies the path: it gives the column. */
static bool gives_column(const struct compare *c, size_t file, size_t vary)
{
    for (size_t f = 0; f < file; f++)
        if (vary_like(&c->files[f], &c->files[file].varies[vary]) != SIZE_MAX)
            return false;
    return true;
}

/* v NULL: the heads of those columns. */
static void add_settings(struct cli_text *t, const struct compare *c,
                         const struct compare_variant *v)
{
    for (size_t f = 0; f < c->file_count; f++)
        for (size_t i = 0; i < c->files[f].vary_count; i++) {
            const struct compare_vary *vary = &c->files[f].varies[i];
            if (!gives_column(c, f, i))
                continue;
            cli_text_add(t, ",");
            size_t at = v ? vary_like(v->file, vary) : SIZE_MAX;
            if (!v)
                add_field(t, vary->sets[0], vary->path - 1);
            else if (at != SIZE_MAX)
                add_field(t, compare_value(v, at), strlen(compare_value(v, at)));
        }
}

static void add_csv_number(struct cli_text *t, double x)
{
    cli_text_add(t, ",");
    if (isfinite(x))
        cli_text_add(t, "%.17g", x);
}

static void add_csv(struct cli_text *t, const struct compare *c)
{
    cli_text_add(t, "file");
    add_settings(t, c, NULL);
    cli_text_add(t, ",runs,seed,limit");
    for (size_t f = 0; f < c->figures; f++)
        cli_text_add(t, ",%s,%s.half_width_95", figure_at(f)->name, figure_at(f)->name);
    cli_text_add(t, "\n");
    for (size_t i = 0; i < c->variant_count; i++) {
        const struct compare_variant *v = &c->variants[i];
        if (v->failed)
            continue;
        add_field(t, v->file->path, strlen(v->file->path));
        add_settings(t, c, v);
        cli_text_add(t, ",%llu,%llu,%s", (unsigned long long)v->file->runs,
                     (unsigned long long)v->seed, world_limit_name(v->limit));
        for (size_t f = 0; f < c->figures; f++) {
            add_csv_number(t, v->figures[f].mean);
            add_csv_number(t, v->figures[f].half);
        }
        cli_text_add(t, "\n");
    }
}

bool compare_write_csv(const struct compare *c, const char *path)
{
    struct cli_outfile out = {0};
    struct cli_text t = {0};
    add_csv(&t, c);
    bool good = !t.failed && cli_outfile_open(&out, path);
    if (t.failed)
        errno = ENOMEM;
    if (good) {
        cli_outfile_write(&out, t.text, t.size);
        good = cli_outfile_close(&out, true);
    }
    cli_text_fini(&t);
    return good;
}
