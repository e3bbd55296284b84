/* From tree to structs: loops over the rows of tables. */
#include <stdio.h>
#include <string.h>

#include "sim/base/nearest.h"
#include "sim/scenario/internal.h"

struct field_report {
    struct scenario *s;
    const struct sc_node *map; /* NULL: the section is not in the file */
    struct sc_place at;
    const struct sc_frame *frame;
    bool complained;
};

/* A section to be filled. */
struct section {
    const struct field_table *table;
    const struct sc_node *map; /* NULL: nothing given */
    struct sc_place at;
    const struct sc_frame *frame;
    const struct field_registry *models; /* of a model: `kind` is no row of the table */
    int depth;
};

static bool fill_section(struct scenario *s, const struct section *in, void *cfg);
static bool fill_row(struct scenario *s, const struct field *row, const struct sc_node *node,
                     const struct sc_frame *frame, int depth, void *cfg);

const struct field_registry *sc_registry(const struct scenario_spec *spec, const char *kind)
{
    for (size_t i = 0; i < spec->registry_count; i++)
        if (strcmp(spec->registries[i]->kind, kind) == 0)
            return spec->registries[i];
    return NULL;
}

const struct field_model *sc_model(const struct field_registry *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->entries[i]->name, name) == 0)
            return r->entries[i];
    return NULL;
}

void field_complain(struct field_report *r, const char *field, const char *format, ...)
{
    const struct sc_node *n = field && r->map ? sc_node_get(r->map, field) : NULL;
    struct sc_frame f = {r->frame, field, 0};
    va_list args;
    va_start(args, format);
    sc_problem_va(&r->s->load, n ? n->at : r->at, field ? &f : r->frame, format, args);
    va_end(args);
    r->complained = true;
}

void field_note(struct field_report *r, const char *field, const char *format, ...)
{
    struct sc_text *out = &r->s->notes;
    struct sc_frame f = {r->frame, field, 0};
    const char *path = sc_frame_path(&r->s->load, field ? &f : r->frame);
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sc_text_add(out, "%s%s%s\n", path ? path : "", path && path[0] ? ": " : "", text);
    r->s->load.out_of_memory |= out->failed;
}

bool sc_complain(const struct sc_spot *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sc_problem_va(&at->s->load, at->node->at, at->frame, format, args);
    va_end(args);
    return false;
}

/* --- lists of valid names --------------------------------------------------------------------- */

/* "valid: a, b, c; did you mean b?" in the arena. */
static const char *valid_names(struct scenario *s, const char *word, const char *const *names,
                               size_t count)
{
    struct sc_text t = {0};
    sc_text_add(&t, "valid: ");
    for (size_t i = 0; i < count; i++)
        sc_text_add(&t, "%s%s", i ? ", " : "", names[i]);
    if (!count)
        sc_text_add(&t, "none");
    const char *near = nearest_name(word, names, count);
    if (near)
        sc_text_add(&t, "; did you mean %s?", near);
    const char *out = t.failed ? NULL : sc_copy(&s->load, t.data, t.size);
    sc_text_fini(&t);
    return out ? out : "";
}

static const char *valid_models(struct scenario *s, const char *word,
                                const struct field_registry *r)
{
    const char **names = sc_alloc(&s->load, r->count * sizeof *names);
    if (!names)
        return "";
    for (size_t i = 0; i < r->count; i++)
        names[i] = r->entries[i]->name;
    return valid_names(s, word, names, r->count);
}

static const char *valid_rows(struct scenario *s, const char *word, const struct section *in)
{
    const char **names = sc_alloc(&s->load, (in->table->count + 1) * sizeof *names);
    size_t n = 0;
    if (!names)
        return "";
    if (in->models)
        names[n++] = "kind";
    for (size_t i = 0; i < in->table->count; i++)
        names[n++] = in->table->rows[i].name;
    return valid_names(s, word, names, n);
}

/* --- single values ---------------------------------------------------------------------------- */

static bool range_fails(const struct sc_spot *at, const char *shown)
{
    const char *min = at->row->min, *max = at->row->max;
    if (min && max)
        return sc_complain(at, "`%s` is out of range; valid: %s to %s", shown, min, max);
    return sc_complain(at, "`%s` is out of range; valid: %s or %s", shown, min ? min : max,
                       min ? "more" : "less");
}

bool sc_in_range(const struct sc_spot *at, enum field_type type, const struct value *v)
{
    struct value bound;
    char why[VALUE_WHY], shown[VALUE_TEXT];
    const char *min = at->row->min, *max = at->row->max;
    if ((!min ||
         (value_scan(type, true, min, &bound, why) && value_compare(type, v, &bound) >= 0)) &&
        (!max || (value_scan(type, true, max, &bound, why) && value_compare(type, v, &bound) <= 0)))
        return true;
    value_print(type, v, shown);
    return range_fails(at, at->node->kind == SC_SCALAR ? at->node->text : shown);
}

bool sc_in_range_real(const struct sc_spot *at, double v, const char *shown)
{
    double bound;
    char why[VALUE_WHY];
    enum field_type type = at->row->of;
    const char *min = at->row->min, *max = at->row->max;
    if ((!min || (value_scan_real(type, min, &bound, why) && v >= bound)) &&
        (!max || (value_scan_real(type, max, &bound, why) && v <= bound)))
        return true;
    return range_fails(at, shown);
}

static bool row_unbounded(const struct field *row)
{
    return row->max && (strcmp(row->max, "never") == 0 || strcmp(row->max, "unlimited") == 0);
}

static bool fill_number(const struct sc_spot *at, void *cfg)
{
    struct value v;
    char why[VALUE_WHY];
    if (!value_scan(at->row->type, row_unbounded(at->row), at->node->text, &v, why))
        return sc_complain(at, "%s", why);
    if (!sc_in_range(at, at->row->type, &v))
        return false;
    value_store(at->row, cfg, &v);
    return true;
}

static bool count_in_range(const struct sc_spot *at, size_t count, const char *what)
{
    struct value n = {.big = {{count}}}, bound;
    char why[VALUE_WHY];
    const char *min = at->row->min, *max = at->row->max;
    if (min && value_scan(FIELD_COUNT, true, min, &bound, why) &&
        value_compare(FIELD_COUNT, &n, &bound) < 0)
        return sc_complain(at, "has %zu %s; at least %s needed", count, what, min);
    if (max && value_scan(FIELD_COUNT, true, max, &bound, why) &&
        value_compare(FIELD_COUNT, &n, &bound) > 0)
        return sc_complain(at, "has %zu %s; at most %s possible", count, what, max);
    return true;
}

static bool fill_enum(const struct sc_spot *at, int *out)
{
    const struct field_enum *e = at->row->names;
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->names[i], at->node->text) == 0) {
            *out = (int)i;
            return true;
        }
    return sc_complain(at, "`%.60s` is not possible; %s", at->node->text,
                       valid_names(at->s, at->node->text, e->names, e->count));
}

static bool fill_text(const struct sc_spot *at, const char **out)
{
    *out = at->row->type == FIELD_PATH ? sc_fill_path(at, at->node->text) : at->node->text;
    if (!*out)
        return false;
    return at->row->type == FIELD_PATH || count_in_range(at, strlen(*out), "letters");
}

static bool fill_scalar(const struct sc_spot *at, void *cfg)
{
    void *to = (char *)cfg + at->row->offset;
    switch (at->row->type) {
    case FIELD_STRING:
    case FIELD_PATH: return fill_text(at, to);
    case FIELD_ENUM: return fill_enum(at, to);
    case FIELD_DIST: return sc_fill_dist(at, to);
    case FIELD_SKEW: return sc_fill_skew(at, to);
    default: return fill_number(at, cfg);
    }
}

/* --- collections ------------------------------------------------------------------------------ */

static bool fill_strings(const struct sc_spot *at, struct field_strings *out)
{
    const char **items = sc_alloc(&at->s->load, at->node->count * sizeof *items);
    bool ok = items != NULL;
    size_t i = 0;
    for (const struct sc_node *n = at->node->first; n && items; n = n->next, i++) {
        struct sc_frame f = {at->frame, NULL, i};
        struct sc_spot spot = {at->s, at->row, n, &f};
        if (n->kind != SC_SCALAR || (!*n->text && !n->quoted))
            ok = sc_complain(&spot, "must be a text");
        else
            items[i] = at->row->type == FIELD_PATHS ? sc_fill_path(&spot, n->text) : n->text;
        ok &= items[i] != NULL;
    }
    *out = (struct field_strings){items, at->node->count};
    return ok && count_in_range(at, at->node->count, "items");
}

static bool fill_list(const struct sc_spot *at, int depth, struct field_list *out)
{
    const struct field_table *t = at->row->table;
    char *items = sc_alloc(&at->s->load, at->node->count * t->size);
    bool ok = items != NULL;
    size_t i = 0;
    for (const struct sc_node *n = at->node->first; n && items; n = n->next, i++) {
        struct sc_frame f = {at->frame, NULL, i};
        struct section in = {t, n, n->at, &f, NULL, depth + 1};
        ok &= fill_section(at->s, &in, items + i * t->size);
    }
    *out = (struct field_list){items, at->node->count};
    return ok && count_in_range(at, at->node->count, "items");
}

static bool has_row(const struct field_table *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].name, name) == 0)
            return true;
    return false;
}

/* Those of the file's settings that m has (kept), or that only its predecessor had, as a list. */
static size_t list_settings(struct sc_text *out, const struct sc_node *map,
                            const struct field_model *m, bool kept)
{
    size_t count = 0;
    for (const struct sc_node *n = map->first; n; n = n->next) {
        if (!n->other_kind || strcmp(n->key, "kind") == 0 || has_row(m->table, n->key) != kept)
            continue;
        sc_text_add(out, "%s%s", count++ ? ", " : "", n->key);
        if (n->kind == SC_SCALAR)
            sc_text_add(out, ": %s", n->text);
    }
    return count;
}

/* A --set made the model another: what became of the settings that the file gave to the old one. */
static void note_settings(const struct sc_spot *at, const struct field_model *m)
{
    struct sc_text *out = &at->s->notes, kept = {0}, dropped = {0};
    size_t keeps = list_settings(&kept, at->node, m, true);
    size_t drops = list_settings(&dropped, at->node, m, false);
    const char *path = sc_frame_path(&at->s->load, at->frame);
    if (drops) {
        sc_text_add(out, "%s is %s now: ", path ? path : "?", m->name);
        if (keeps)
            sc_text_add(out, "%s kept; ", kept.data ? kept.data : "?");
        sc_text_add(out, "%s dropped, since %s has no such setting%s\n",
                    dropped.data ? dropped.data : "?", m->name, drops > 1 ? "s" : "");
    }
    at->s->load.out_of_memory |= kept.failed || dropped.failed || out->failed;
    sc_text_fini(&kept);
    sc_text_fini(&dropped);
}

/* node: `name`, or {kind: name, ...}. */
static bool fill_choice(const struct sc_spot *at, int depth, struct field_choice *out)
{
    const struct field_registry *r = sc_registry(&at->s->plugins.spec, at->row->registry);
    const struct sc_node *node = at->node, *kind = node;
    if (node->kind == SC_MAP)
        kind = sc_node_get(node, "kind");
    if (node->kind == SC_LIST || (kind && kind->kind != SC_SCALAR))
        return sc_complain(at, "must be a %s model, as in `%s` or {kind: %s}; %s", r->kind,
                           r->count ? r->entries[0]->name : "NAME",
                           r->count ? r->entries[0]->name : "NAME", valid_models(at->s, "", r));
    /* Settings without a kind are those of the default model. */
    const char *name = kind ? kind->text : at->row->type == FIELD_MODEL ? at->row->def : NULL;
    if (!name || (!kind && strcmp(name, "none") == 0))
        return sc_complain(at, "has no `kind`; %s", valid_models(at->s, "", r));
    if (node->kind == SC_SCALAR && at->row->type == FIELD_MODEL && at->row->def &&
        strcmp(at->row->def, "none") == 0 && strcmp(node->text, "none") == 0)
        return true;
    const struct field_model *m = sc_model(r, name);
    struct sc_spot spot = {at->s, at->row, kind ? kind : node, at->frame};
    if (!m)
        return sc_complain(&spot, "`%.60s` is no %s model; %s", name, r->kind,
                           valid_models(at->s, name, r));
    if (kind && kind != node && !kind->at.source->is_file)
        note_settings(at, m);
    struct section in = {m->table, node->kind == SC_MAP ? node : NULL, node->at, at->frame, r,
                         depth + 1};
    void *cfg = sc_alloc(&at->s->load, m->table->size);
    *out = (struct field_choice){m, cfg};
    return cfg && fill_section(at->s, &in, cfg);
}

static bool fill_choices(const struct sc_spot *at, int depth, struct field_choices *out)
{
    struct field_choice *items = sc_alloc(&at->s->load, at->node->count * sizeof *items);
    bool ok = items != NULL;
    size_t i = 0;
    for (const struct sc_node *n = at->node->first; n && items; n = n->next, i++) {
        struct sc_frame f = {at->frame, NULL, i};
        struct sc_spot spot = {at->s, at->row, n, &f};
        ok &= fill_choice(&spot, depth, &items[i]);
    }
    *out = (struct field_choices){items, at->node->count};
    return ok && count_in_range(at, at->node->count, "items");
}

/* --- rows and sections ------------------------------------------------------------------------ */

static enum sc_kind wanted_kind(const struct field *row)
{
    switch (row->type) {
    case FIELD_STRINGS:
    case FIELD_PATHS:
    case FIELD_LIST:
    case FIELD_MODELS: return SC_LIST;
    case FIELD_STRUCT:
    case FIELD_WEIGHTS: return SC_MAP;
    default: return SC_SCALAR;
    }
}

static bool wrong_kind(const struct sc_spot *at, enum sc_kind wanted)
{
    static const char *const found[] = {[SC_MAP] = "a map", [SC_LIST] = "a list"};
    const struct sc_node *n = at->node;
    const struct value_kind *k = value_kind(at->row->type);
    char is[80];
    if (n->kind == SC_SCALAR)
        snprintf(is, sizeof is, "`%.60s`", n->text);
    else
        snprintf(is, sizeof is, "%s", found[n->kind]);
    if (wanted == SC_LIST)
        return sc_complain(at, "is %s; write a list, as in [%s]", is,
                           at->row->type == FIELD_STRINGS || at->row->type == FIELD_PATHS
                               ? "a, b"
                               : "{...}, {...}");
    if (at->row->type == FIELD_WEIGHTS)
        return sc_complain(at, "is %s; write shares, as in {a: 40%%, b: 60%%}", is);
    if (wanted == SC_MAP) {
        struct section in = {at->row->table, NULL, n->at, at->frame, NULL, 0};
        return sc_complain(at, "is %s; write a map of settings; %s", is,
                           valid_rows(at->s, "", &in));
    }
    if (k)
        return sc_complain(at, "is %s; write a %s, as in %s", is, k->name, k->example);
    return sc_complain(at, "is %s; write a single value", is);
}

static bool no_value(const struct sc_spot *at)
{
    if (at->row->def && *at->row->def)
        return sc_complain(at, "has no value; leave the line out for the default, %s",
                           at->row->def);
    return sc_complain(at, "has no value");
}

static bool fill_row(struct scenario *s, const struct field *row, const struct sc_node *node,
                     const struct sc_frame *frame, int depth, void *cfg)
{
    struct sc_spot at = {s, row, node, frame};
    void *to = (char *)cfg + row->offset;
    enum sc_kind wanted = wanted_kind(row);
    if (node->kind == SC_SCALAR && !node->quoted && !*node->text && node->at.source->is_file)
        return no_value(&at);
    if (row->type == FIELD_MODEL)
        return fill_choice(&at, depth, to);
    if (node->kind != wanted)
        return wrong_kind(&at, wanted);
    switch (row->type) {
    case FIELD_STRINGS:
    case FIELD_PATHS: return fill_strings(&at, to);
    case FIELD_LIST: return fill_list(&at, depth, to);
    case FIELD_MODELS: return fill_choices(&at, depth, to);
    case FIELD_WEIGHTS: return sc_fill_weights(&at, to);
    case FIELD_STRUCT: {
        struct section in = {row->table, node, node->at, frame, NULL, depth + 1};
        return fill_section(s, &in, to);
    }
    default: return fill_scalar(&at, cfg);
    }
}

/* What a row expects, for the message about a setting that is missing. */
static const char *expectation(struct scenario *s, const struct field *row)
{
    const struct value_kind *k = value_kind(row->type);
    if (k)
        return sc_format(&s->load, "a %s, as in %s", k->name, k->example);
    if (row->type == FIELD_ENUM)
        return sc_format(&s->load, "one of its names; %s",
                         valid_names(s, "", row->names->names, row->names->count));
    if (row->type == FIELD_MODEL)
        return sc_format(&s->load, "a %s model; %s", row->registry,
                         valid_models(s, "", sc_registry(&s->plugins.spec, row->registry)));
    return wanted_kind(row) == SC_LIST ? "a list" : wanted_kind(row) == SC_MAP ? "a map" : "a text";
}

static bool fill_default(struct scenario *s, const struct field *row, const struct section *in,
                         const struct sc_frame *frame, void *cfg)
{
    if (!row->def) {
        const char *what = expectation(s, row);
        sc_problem(&s->load, in->at, frame, "is missing; write %s", what ? what : "it");
        return false;
    }
    if (row->type == FIELD_STRUCT && !*row->def) {
        struct section sub = {row->table, NULL, in->at, frame, NULL, in->depth + 1};
        return fill_section(s, &sub, (char *)cfg + row->offset);
    }
    if (row->type == FIELD_MODEL && strcmp(row->def, "none") == 0)
        return true;
    struct sc_source *source =
        sc_source_add(&s->load, sc_format(&s->load, "default of %s", row->name), "", NULL, false);
    struct sc_node *node = NULL;
    if (!source)
        return false;
    if (wanted_kind(row) == SC_SCALAR && row->type != FIELD_MODEL) {
        node = sc_node_new(&s->load, SC_SCALAR, sc_start(source));
        if (node)
            node->text = row->def;
    } else {
        const char *def = !*row->def && wanted_kind(row) == SC_LIST ? "[]" : row->def;
        node = sc_yaml_read(&s->load, source, def, strlen(def));
    }
    return node && fill_row(s, row, node, frame, in->depth, cfg);
}

static bool has_setting(const struct field_registry *models, const char *name)
{
    for (size_t i = 0; i < models->count; i++)
        if (has_row(models->entries[i]->table, name))
            return true;
    return false;
}

/* ", but of a, b": models of the section's kind that do have it; "" where none does. */
static const char *owners(struct scenario *s, const struct section *in, const char *name)
{
    const char *text = "";
    size_t count = 0;
    for (size_t i = 0; in->models && i < in->models->count; i++) {
        const struct field_model *m = in->models->entries[i];
        if (!has_row(m->table, name))
            continue;
        if (count++ < 4)
            text = sc_format(&s->load, "%s%s%s", text, count > 1 ? ", " : ", but of ", m->name);
        if (!text)
            return "";
    }
    return count > 4 ? sc_format(&s->load, "%s and others", text) : text;
}

static void unknown_keys(struct scenario *s, const struct section *in)
{
    static const char *const later[] = {"sweep", "replications", "chains"};
    for (const struct sc_node *n = in->map->first; n; n = n->next) {
        if (has_row(in->table, n->key) || (in->models && strcmp(n->key, "kind") == 0) ||
            (n->other_kind && in->models && has_setting(in->models, n->key)))
            continue;
        struct sc_frame f = {in->frame, n->key, 0};
        bool is_later = false;
        for (size_t i = 0; i < sizeof later / sizeof later[0] && !in->frame->up; i++)
            is_later |= strcmp(later[i], n->key) == 0;
        if (is_later)
            sc_problem(&s->load, n->key_at, &f, "is not supported yet; leave it out");
        else
            sc_problem(&s->load, n->key_at, &f, "is no setting here%s; %s", owners(s, in, n->key),
                       valid_rows(s, n->key, in));
    }
}

static bool fill_section(struct scenario *s, const struct section *in, void *cfg)
{
    if (in->depth > SC_MAX_DEPTH) {
        sc_problem(&s->load, in->at, in->frame, "nested more than %d levels deep", SC_MAX_DEPTH);
        return false;
    }
    if (in->map && in->map->kind != SC_MAP) {
        sc_problem(&s->load, in->at, in->frame, "must be a map of settings; %s",
                   valid_rows(s, "", in));
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < in->table->count; i++) {
        const struct field *row = &in->table->rows[i];
        const struct sc_node *node = in->map ? sc_node_get(in->map, row->name) : NULL;
        struct sc_frame f = {in->frame, row->name, 0};
        ok &= node ? fill_row(s, row, node, &f, in->depth, cfg) : fill_default(s, row, in, &f, cfg);
    }
    if (in->map)
        unknown_keys(s, in);
    if (ok && in->table->check) {
        struct field_report r = {s, in->map, in->at, in->frame, false};
        in->table->check(cfg, &r);
        ok = !r.complained;
    }
    return ok;
}

void sc_fill(struct scenario *s)
{
    struct sc_frame root = {NULL, NULL, 0};
    struct section in = {s->plugins.spec.root, s->tree, s->tree->at, &root, NULL, 0};
    s->cfg = sc_alloc(&s->load, s->plugins.spec.root->size);
    if (s->cfg)
        fill_section(s, &in, s->cfg);
}
