#include "sim/scenario/catalog.h"

#include <string.h>

static void add_sections(struct sc_catalog *c, const struct field_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct field_table *sub = t->rows[i].table;
        bool known = !sub;
        for (size_t k = 0; k < c->count && !known; k++)
            known = c->tables[k] == sub;
        if (known)
            continue;
        if (c->count == SC_MAX_TABLES) {
            c->overflow = true;
            return;
        }
        c->tables[c->count++] = sub;
        add_sections(c, sub);
    }
}

void sc_catalog_make(struct sc_catalog *c, const struct scenario_spec *spec)
{
    c->count = 1;
    c->overflow = false;
    c->tables[0] = spec->root;
    add_sections(c, spec->root);
    for (size_t i = 0; i < spec->registry_count; i++)
        for (size_t k = 0; k < spec->registries[i]->count; k++)
            add_sections(c, spec->registries[i]->entries[k]->table);
}

/* --- the tables' own faults ------------------------------------------------------------------- */

static bool bound_ok(const struct field *row, const char *text, char why[VALUE_WHY])
{
    struct value v;
    double real;
    if (!text)
        return true;
    if (value_kind(row->type))
        return value_scan(row->type, true, text, &v, why);
    if (row->type == FIELD_DIST)
        return value_scan_real(row->of, text, &real, why);
    return value_scan(FIELD_COUNT, true, text, &v, why);
}

static enum err_code check_row(const struct scenario_spec *spec, const struct field_table *t,
                               size_t i, bool is_model, struct err *err)
{
    const struct field *row = &t->rows[i];
    char why[VALUE_WHY];
    if (is_model && strcmp(row->name, "kind") == 0)
        return err_set(err, ERR_INPUT, "%s.kind: a model has no row of that name", t->name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(t->rows[k].name, row->name) == 0)
            return err_set(err, ERR_INPUT, "%s.%s: two rows of that name", t->name, row->name);
    if (!row->doc || !*row->doc || row->doc[strlen(row->doc) - 1] != '.')
        return err_set(err, ERR_INPUT, "%s.%s: its doc is no sentence", t->name, row->name);
    if (!bound_ok(row, row->min, why) || !bound_ok(row, row->max, why))
        return err_set(err, ERR_INPUT, "%s.%s: range: %s", t->name, row->name, why);
    if (row->registry && !sc_registry(spec, row->registry))
        return err_set(err, ERR_INPUT, "%s.%s: no registry %s", t->name, row->name, row->registry);
    return ERR_OK;
}

static enum err_code check_table(const struct scenario_spec *spec, const struct field_table *t,
                                 bool is_model, struct err *err)
{
    for (size_t i = 0; i < t->count; i++)
        if (check_row(spec, t, i, is_model, err) != ERR_OK)
            return ERR_INPUT;
    for (size_t i = 0; i < t->count; i++) {
        /* The row alone, as a table of its own, filled from its default. */
        struct scenario_problems problems = {0};
        struct scenario *s = NULL;
        struct field_table one = {t->name, t->doc, &t->rows[i], 1, t->size, NULL};
        struct scenario_spec alone = {&one, spec->registries, spec->registry_count, NULL};
        if (!t->rows[i].def || t->rows[i].type == FIELD_STRUCT)
            continue;
        enum err_code code = scenario_parse(&s, &alone, t->name, "{}", 2, NULL, 0, &problems);
        /* A default model may need settings that only a person can give. */
        if (code != ERR_OK && !(problems.text && strstr(problems.text, "is missing")))
            err_set(err, code, "%s.%s: default: %s", t->name, t->rows[i].name,
                    problems.text ? problems.text : "out of memory");
        else
            code = ERR_OK;
        scenario_problems_fini(&problems);
        scenario_destroy(s);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err_code sc_check_model(const struct scenario_spec *spec, const struct field_model *m,
                             struct err *err)
{
    return check_table(spec, m->table, true, err);
}

enum err_code scenario_spec_check(const struct scenario_spec *spec, struct err *err)
{
    struct sc_catalog *c = mem_zalloc(1, sizeof *c);
    enum err_code code = ERR_OK;
    if (!c)
        return err_set(err, ERR_MEMORY, "out of memory");
    sc_catalog_make(c, spec);
    if (c->overflow)
        code = err_set(err, ERR_LIMIT, "more than %d tables", SC_MAX_TABLES);
    for (size_t i = 0; i < c->count && code == ERR_OK; i++)
        code = check_table(spec, c->tables[i], false, err);
    for (size_t i = 0; i < spec->registry_count && code == ERR_OK; i++)
        for (size_t k = 0; k < spec->registries[i]->count && code == ERR_OK; k++)
            code = check_table(spec, spec->registries[i]->entries[k]->table, true, err);
    mem_free(c);
    return code;
}

/* --- names of types --------------------------------------------------------------------------- */

void sc_type_name(const struct field *row, struct sc_text *out)
{
    const struct value_kind *k = value_kind(row->type);
    switch (row->type) {
    case FIELD_STRING: sc_text_add(out, "text"); break;
    case FIELD_STRINGS: sc_text_add(out, "list of texts"); break;
    case FIELD_PATHS: sc_text_add(out, "list of files"); break;
    case FIELD_PATH: sc_text_add(out, "file"); break;
    case FIELD_SKEW: sc_text_add(out, "skew"); break;
    case FIELD_WEIGHTS: sc_text_add(out, "shares"); break;
    case FIELD_STRUCT: sc_text_add(out, "section %s", row->table->name); break;
    case FIELD_LIST: sc_text_add(out, "list of %s", row->table->name); break;
    case FIELD_MODEL: sc_text_add(out, "%s model", row->registry); break;
    case FIELD_MODELS: sc_text_add(out, "list of %s models", row->registry); break;
    case FIELD_DIST:
        sc_text_add(out, "distribution of a %s%s", value_kind(row->of)->name,
                    row->around ? ", or of shares" : "");
        break;
    case FIELD_ENUM:
        for (size_t i = 0; i < row->names->count; i++)
            sc_text_add(out, "%s%s", i ? " or " : "", row->names->names[i]);
        break;
    default: sc_text_add(out, "%s", k->name); break;
    }
}
