/* The rows as pages for people: the reference in Markdown, the list of models. */
#include <stdio.h>
#include <string.h>

#include "sim/base/nearest.h"
#include "sim/scenario/catalog.h"

/* Cells of a Markdown table cannot hold a bar. */
static void add_cell(struct sc_text *t, const char *s)
{
    for (; *s; s++)
        if (*s == '|')
            sc_text_add(t, "\\|");
        else
            sc_text_bytes(t, s, 1);
}

static void add_range(struct sc_text *t, const struct field *row)
{
    if (row->min && row->max)
        sc_text_add(t, "%s to %s", row->min, row->max);
    else if (row->min)
        sc_text_add(t, "%s or more", row->min);
    else if (row->max)
        sc_text_add(t, "at most %s", row->max);
}

static void add_default(struct sc_text *t, const struct field *row)
{
    if (!row->def)
        sc_text_add(t, "must be given");
    else if (!*row->def)
        sc_text_add(t, row->type == FIELD_STRUCT ? "its own defaults" : "none");
    else {
        sc_text_add(t, "`");
        add_cell(t, row->def);
        sc_text_add(t, "`");
    }
}

static void table_page(struct sc_text *t, const struct field_table *table)
{
    if (!table->count) {
        sc_text_add(t, "No settings.\n\n");
        return;
    }
    sc_text_add(t, "| setting | type | default | range | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct field *row = &table->rows[i];
        sc_text_add(t, "| `%s` | ", row->name);
        sc_type_name(row, t);
        sc_text_add(t, " | ");
        add_default(t, row);
        sc_text_add(t, " | ");
        add_range(t, row);
        sc_text_add(t, " | ");
        add_cell(t, row->doc);
        for (size_t k = 0; row->names && k < row->names->count; k++) {
            sc_text_add(t, " `%s`: ", row->names->names[k]);
            add_cell(t, row->names->docs[k]);
        }
        sc_text_add(t, " |\n");
    }
    sc_text_add(t, "\n");
}

static void units_page(struct sc_text *t)
{
    sc_text_add(t, "## Values\n\n| type | units | example |\n|---|---|---|\n");
    for (int type = 0; type < FIELD_TYPE_COUNT; type++) {
        const struct value_kind *k = value_kind((enum field_type)type);
        if (!k)
            continue;
        sc_text_add(t, "| %s | ", k->name);
        for (size_t i = 0, n = 0; i < k->unit_count; i++)
            if (k->units[i].suffix[0])
                sc_text_add(t, "%s`%s`", n++ ? ", " : "", k->units[i].suffix);
        sc_text_add(t, "%s | `%s` |\n", k->bare_ok && k->unit_count > 1 ? " or none" : "",
                    k->example);
    }
    sc_text_add(t, "\n## Distributions\n\n| written | meaning |\n|---|---|\n");
    for (size_t i = 0; i < SIM_DIST_KINDS; i++) {
        const struct sim_dist_row *d = &sim_dist_rows()[i];
        sc_text_add(t, "| `%s(", d->name);
        for (unsigned k = 0; k < SIM_DIST_PARAMS && d->params[k]; k++)
            sc_text_add(t, "%s%s", k ? ", " : "", d->params[k]);
        sc_text_add(t, i == SIM_DIST_EMPIRICAL && !d->params[0] ? "file)` | " : ")` | ");
        add_cell(t, d->doc);
        sc_text_add(t, " |\n");
    }
    sc_text_add(t,
                "\nA bare value is a constant. A standard deviation in percent is a share of the "
                "mean. A file of `empirical` holds one\nvalue with its unit a line; `#` starts a "
                "comment. A skew is `uniform` or `zipf(s)`: rank k is picked with weight\n"
                "k^-s.\n\n");
}

static enum err_code give(struct sc_text *t, char **text, struct err *err)
{
    if (t->failed) {
        sc_text_fini(t);
        return err_set(err, ERR_MEMORY, "out of memory");
    }
    *text = t->data;
    return ERR_OK;
}

enum err_code scenario_markdown(const struct scenario_spec *spec, char **text, struct err *err)
{
    struct sc_text t = {0};
    struct sc_catalog *c = mem_zalloc(1, sizeof *c);
    *text = NULL;
    if (!c)
        return err_set(err, ERR_MEMORY, "out of memory");
    sc_catalog_make(c, spec);
    sc_text_add(
        &t,
        "# Scenario reference\n\n<!-- Made by `make gen` from the field tables; do not "
        "edit. -->\n\n%s\n\n`extends: other.yaml` lays a file over another: maps merge key "
        "by key, lists and values replace.\n`--set path=value` comes last, with paths like "
        "`layers[0].consensus.kind` or, where the items of a list have a\nname, "
        "`layers.main.fees.kind`. Either may name another `kind` of model: of the settings "
        "that files gave to the old\none, those that the new one has too (by name) stay and "
        "the others are dropped; a bare name (`fees: fixed`)\nreplaces the whole. A setting "
        "given by `--set` that the chosen model lacks is an error.\n\nWithin braces a comma "
        "between parentheses does not end a value; other YAML readers need such values in\n"
        "quotes.\n\n",
        spec->root->doc);
    units_page(&t);
    sc_text_add(&t, "## Top level\n\n");
    table_page(&t, spec->root);
    for (size_t i = 1; i < c->count; i++) {
        sc_text_add(&t, "## Section %s\n\n%s\n\n", c->tables[i]->name, c->tables[i]->doc);
        table_page(&t, c->tables[i]);
    }
    for (size_t i = 0; i < spec->registry_count; i++) {
        const struct field_registry *r = spec->registries[i];
        sc_text_add(&t, "## Models: %s\n\n%s\n\n", r->kind, r->doc);
        for (size_t k = 0; k < r->count; k++) {
            sc_text_add(&t, "### `%s`\n\n%s\n\n", r->entries[k]->name, r->entries[k]->doc);
            table_page(&t, r->entries[k]->table);
        }
    }
    mem_free(c);
    while (t.size > 1 && t.data[t.size - 1] == '\n' && t.data[t.size - 2] == '\n')
        t.data[--t.size] = 0;
    return give(&t, text, err);
}

static void model_lines(struct sc_text *t, const struct field_model *m)
{
    sc_text_add(t, "  %s\n      %s\n", m->name, m->doc);
    for (size_t i = 0; i < m->table->count; i++) {
        const struct field *row = &m->table->rows[i];
        struct sc_text type = {0};
        sc_type_name(row, &type);
        sc_text_add(t, "      %-22s %s, %s%s", row->name, type.data ? type.data : "",
                    row->def ? "default " : "must be given",
                    row->def ? (*row->def ? row->def : "none") : "");
        t->failed |= type.failed;
        sc_text_fini(&type);
        if (row->min || row->max) {
            sc_text_add(t, " (");
            add_range(t, row);
            sc_text_add(t, ")");
        }
        sc_text_add(t, "\n      %-22s %s\n", "", row->doc);
    }
}

enum err_code scenario_models(const struct scenario_spec *spec, const char *kind, char **text,
                              struct err *err)
{
    struct sc_text t = {0};
    const char *names[64];
    size_t n = 0;
    *text = NULL;
    for (; n < spec->registry_count && n < 64; n++)
        names[n] = spec->registries[n]->kind;
    if (kind && !sc_registry(spec, kind)) {
        const char *near = nearest_name(kind, names, n);
        char list[300] = "";
        for (size_t i = 0, used = 0; i < n && used < sizeof list; i++)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        return err_set(err, ERR_INPUT, "no models of kind '%s'; valid: %s%s%s%s", kind, list,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    for (size_t i = 0; i < spec->registry_count; i++) {
        const struct field_registry *r = spec->registries[i];
        if (kind && strcmp(kind, r->kind) != 0)
            continue;
        sc_text_add(&t, "%s%s: %s\n", t.size ? "\n" : "", r->kind, r->doc);
        for (size_t k = 0; k < r->count; k++)
            model_lines(&t, r->entries[k]);
    }
    return give(&t, text, err);
}
