/* From structs back to text: the resolved scenario, and a visit of every setting. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

struct walk {
    const struct scenario *s;
    struct sc_text *out; /* YAML, or NULL */
    scenario_visit visit;
    void *user;
    struct sc_text path;
    bool dash; /* the next line starts an item of a list */
};

/* --- one setting ------------------------------------------------------------------------------ */

static const char *sample_file(const struct scenario *s, const struct sim_dist *d)
{
    for (const struct sc_sample_file *f = s->sample_files; f; f = f->next)
        if (f->at == d)
            return f->file;
    return "";
}

/* A path so that it means the same to a file beside the scenario. */
static void print_path(const struct scenario *s, const char *path, bool quoted, struct sc_text *out)
{
    size_t n = strlen(s->folder);
    char real[PATH_MAX];
    if (n && strncmp(path, s->folder, n) == 0 && path[n] == '/')
        path += n + 1;
    else if (n && *path && path[0] != '/' && realpath(path, real))
        path = real;
    if (quoted)
        sc_text_yaml(out, path);
    else
        sc_text_add(out, "%s", path);
}

static void print_dist(const struct scenario *s, const struct field *row, const struct sim_dist *d,
                       struct sc_text *out)
{
    const struct sim_dist_row *r = &sim_dist_rows()[d->kind];
    char text[VALUE_TEXT];
    if (d->kind == SIM_DIST_EMPIRICAL) {
        sc_text_add(out, "empirical(");
        print_path(s, sample_file(s, d), false, out);
        sc_text_add(out, ")");
        return;
    }
    if (d->kind != SIM_DIST_CONSTANT)
        sc_text_add(out, "%s(", r->name);
    for (unsigned i = 0; i < d->count; i++) {
        enum field_type type = r->units[i] == SIM_DIST_UNIT_NUMBER ? FIELD_REAL : row->of;
        value_print_real(d->param[i].relative ? FIELD_FRACTION : type, d->param[i].value, text);
        if (d->param[i].relative && !strchr(text, '%')) { /* the sign is what makes it relative */
            value_print_real(FIELD_REAL, d->param[i].value * 100, text);
            strcat(text, "%");
        }
        sc_text_add(out, "%s%s", i ? ", " : "", text);
    }
    if (d->kind != SIM_DIST_CONSTANT)
        sc_text_add(out, ")");
}

static void print_skew(const struct field_skew *k, struct sc_text *out)
{
    char text[VALUE_TEXT];
    value_print_real(FIELD_REAL, k->exponent, text);
    sc_text_add(out, k->exponent == 0 ? "uniform" : "zipf(%s)", text);
}

static void print_weights(const struct field_weights *w, struct sc_text *out)
{
    sc_text_add(out, "{");
    for (size_t i = 0; i < w->count; i++) {
        char text[VALUE_TEXT];
        value_print_real(FIELD_FRACTION, w->shares[i], text);
        sc_text_add(out, i ? ", " : "");
        sc_text_yaml(out, w->names[i]);
        sc_text_add(out, ": %s", text);
    }
    sc_text_add(out, "}");
}

static void print_strings(const struct scenario *s, const struct field_strings *list, bool paths,
                          struct sc_text *out)
{
    sc_text_add(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        sc_text_add(out, i ? ", " : "");
        if (paths)
            print_path(s, list->items[i], true, out);
        else
            sc_text_yaml(out, list->items[i]);
    }
    sc_text_add(out, "]");
}

void sc_print_setting(const struct scenario *s, const struct field *row, const void *cfg,
                      struct sc_text *out)
{
    const void *at = (const char *)cfg + row->offset;
    struct value v;
    char text[VALUE_TEXT];
    const char *string;
    int index;
    switch (row->type) {
    case FIELD_STRING:
        memcpy(&string, at, sizeof string);
        sc_text_yaml(out, string);
        break;
    case FIELD_PATH:
        memcpy(&string, at, sizeof string);
        print_path(s, string, true, out);
        break;
    case FIELD_ENUM:
        memcpy(&index, at, sizeof index);
        sc_text_add(out, "%s", row->names->names[index]);
        break;
    case FIELD_DIST: print_dist(s, row, at, out); break;
    case FIELD_SKEW: print_skew(at, out); break;
    case FIELD_WEIGHTS: print_weights(at, out); break;
    case FIELD_STRINGS:
    case FIELD_PATHS: print_strings(s, at, row->type == FIELD_PATHS, out); break;
    default:
        value_load(row, cfg, &v);
        value_print(row->type, &v, text);
        sc_text_add(out, "%s", text);
        break;
    }
}

/* --- the walk --------------------------------------------------------------------------------- */

static void start_line(struct walk *w, int indent, const char *key)
{
    if (!w->out)
        return;
    if (w->dash)
        sc_text_add(w->out, "%*s- ", indent - 2, "");
    else
        sc_text_add(w->out, "%*s", indent, "");
    w->dash = false;
    if (key)
        sc_text_add(w->out, "%s:", key);
}

static size_t path_push(struct walk *w, const char *name, size_t index)
{
    size_t size = w->path.size;
    if (name)
        sc_text_add(&w->path, "%s%s", size ? "." : "", name);
    else
        sc_text_add(&w->path, "[%zu]", index);
    return size;
}

static void path_pop(struct walk *w, size_t size)
{
    w->path.size = size;
    if (w->path.data)
        w->path.data[size] = 0;
}

static void one_setting(struct walk *w, const struct field *row, const char *text, double number,
                        int indent, const char *key)
{
    start_line(w, indent, key);
    if (w->out)
        sc_text_add(w->out, " %s\n", text);
    if (w->visit && w->path.data)
        w->visit(w->user, w->path.data, row, text, number);
}

static void walk_rows(struct walk *w, const struct field_table *t, const void *cfg, int indent);

static void walk_choice(struct walk *w, const struct field_choice *c, int indent)
{
    size_t size = path_push(w, "kind", 0);
    one_setting(w, NULL, c->model->name, NAN, indent, "kind");
    path_pop(w, size);
    walk_rows(w, c->model->table, c->cfg, indent);
}

static void end_of_key(struct walk *w, const char *rest)
{
    if (w->out)
        sc_text_add(w->out, "%s\n", rest);
}

static void walk_list(struct walk *w, const struct field *row, const struct field_list *list,
                      int indent)
{
    const struct field_table *t = row->table;
    end_of_key(w, list->count ? "" : " []");
    for (size_t i = 0; i < list->count; i++) {
        size_t size = path_push(w, NULL, i);
        w->dash = true;
        if (t->count)
            walk_rows(w, t, (const char *)list->items + i * t->size, indent + 4);
        else {
            start_line(w, indent + 4, NULL);
            end_of_key(w, "{}");
        }
        path_pop(w, size);
    }
}

static void walk_choices(struct walk *w, const struct field_choices *list, int indent)
{
    end_of_key(w, list->count ? "" : " []");
    for (size_t i = 0; i < list->count; i++) {
        size_t size = path_push(w, NULL, i);
        w->dash = true;
        walk_choice(w, &list->items[i], indent + 4);
        path_pop(w, size);
    }
}

static void walk_scalar(struct walk *w, const struct field *row, const void *cfg, int indent)
{
    struct sc_text text = {0};
    double number = NAN;
    if (value_kind(row->type)) {
        struct value v;
        value_load(row, cfg, &v);
        number = value_number(row->type, &v);
    }
    sc_print_setting(w->s, row, cfg, &text);
    if (text.failed || !text.data)
        w->path.failed = true;
    else
        one_setting(w, row, text.data, number, indent, row->name);
    sc_text_fini(&text);
}

static void walk_model(struct walk *w, const struct field *row, const struct field_choice *c,
                       int indent)
{
    if (!c->model) {
        one_setting(w, row, "none", NAN, indent, row->name);
        return;
    }
    start_line(w, indent, row->name);
    end_of_key(w, "");
    walk_choice(w, c, indent + 2);
}

static void walk_rows(struct walk *w, const struct field_table *t, const void *cfg, int indent)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct field *row = &t->rows[i];
        const void *at = (const char *)cfg + row->offset;
        size_t size = path_push(w, row->name, 0);
        switch (row->type) {
        case FIELD_STRUCT:
            start_line(w, indent, row->name);
            end_of_key(w, row->table->count ? "" : " {}");
            walk_rows(w, row->table, at, indent + 2);
            break;
        case FIELD_LIST:
            start_line(w, indent, row->name);
            walk_list(w, row, at, indent);
            break;
        case FIELD_MODELS:
            start_line(w, indent, row->name);
            walk_choices(w, at, indent);
            break;
        case FIELD_MODEL: walk_model(w, row, at, indent); break;
        default: walk_scalar(w, row, cfg, indent); break;
        }
        path_pop(w, size);
    }
}

enum err_code sc_resolve(struct scenario *s)
{
    struct walk w = {.s = s, .out = &s->resolved};
    walk_rows(&w, s->plugins.spec.root, s->cfg, 0);
    bool failed = s->resolved.failed || w.path.failed;
    sc_text_fini(&w.path);
    return failed ? ERR_MEMORY : ERR_OK;
}

const char *scenario_resolved(const struct scenario *s)
{
    return s->resolved.data ? s->resolved.data : "";
}

void scenario_each(const struct scenario *s, scenario_visit visit, void *user)
{
    struct walk w = {.s = s, .visit = visit, .user = user};
    walk_rows(&w, s->plugins.spec.root, s->cfg, 0);
    sc_text_fini(&w.path);
}

const char *field_unit(const struct field *row)
{
    const struct value_kind *k = row ? value_kind(row->type) : NULL;
    return k ? k->unit : "";
}
