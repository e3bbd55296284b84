/* JSON Schema, draft 2020-12, from the rows. Numbers with units are texts with a pattern; ranges of
 * those cannot be said in a schema and stand in the description. */
#include <string.h>

#include "sim/scenario/catalog.h"

#define NUMBER "[+-]?[0-9]+(\\\\.[0-9]+)?([eE][+-]?[0-9]+)?|[+-]?\\\\.[0-9]+([eE][+-]?[0-9]+)?"

static void unit_pattern(struct sc_text *t, const struct value_kind *k)
{
    sc_text_add(t, "(" NUMBER ") *(");
    for (size_t i = 0; i < k->unit_count; i++)
        sc_text_add(t, "%s%s", i ? "|" : "", k->units[i].suffix);
    sc_text_add(t, ")");
}

static void range_words(struct sc_text *t, const struct field *row)
{
    if (row->min && row->max)
        sc_text_add(t, " Range %s to %s.", row->min, row->max);
    else if (row->min)
        sc_text_add(t, " At least %s.", row->min);
    else if (row->max)
        sc_text_add(t, " At most %s.", row->max);
}

static void number_schema(struct sc_text *t, const struct field *row)
{
    const struct value_kind *k = value_kind(row->type);
    const char *word = NULL;
    if (row->max && (strcmp(row->max, "never") == 0 || strcmp(row->max, "unlimited") == 0))
        word = row->max;
    if (row->type == FIELD_BOOL) {
        sc_text_add(t, "\"type\": \"boolean\"");
        return;
    }
    if (k->bare_ok)
        sc_text_add(t, "\"type\": [\"%s\", \"string\"], ", k->real ? "number" : "integer");
    else
        sc_text_add(t, "\"type\": \"string\", ");
    if (k->bare_ok && row->type != FIELD_INT && row->type != FIELD_REAL)
        sc_text_add(t, "\"minimum\": 0, ");
    sc_text_add(t, "\"pattern\": \"^(");
    unit_pattern(t, k);
    sc_text_add(t, "%s%s)$\"", word ? "|" : "", word ? word : "");
}

static void dist_schema(struct sc_text *t, const struct field *row)
{
    const struct value_kind *k = value_kind(row->of);
    sc_text_add(t, k->bare_ok ? "\"type\": [\"number\", \"string\"], " : "\"type\": \"string\", ");
    sc_text_add(t, "\"pattern\": \"^(");
    unit_pattern(t, k);
    if (row->around)
        sc_text_add(t, "|(" NUMBER ") *%%");
    sc_text_add(t, "|(");
    for (size_t i = 0; i < SIM_DIST_KINDS; i++)
        sc_text_add(t, "%s%s", i ? "|" : "", sim_dist_rows()[i].name);
    sc_text_add(t, ") *\\\\([^()]+\\\\))$\"");
}

static void count_bounds(struct sc_text *t, const struct field *row, const char *what)
{
    struct value v;
    char why[VALUE_WHY];
    if (row->min && value_scan(FIELD_COUNT, true, row->min, &v, why))
        sc_text_add(t, ", \"min%s\": %llu", what, (unsigned long long)v.big.w[0]);
    if (row->max && value_scan(FIELD_COUNT, true, row->max, &v, why))
        sc_text_add(t, ", \"max%s\": %llu", what, (unsigned long long)v.big.w[0]);
}

static void type_schema(struct sc_text *t, const struct field *row)
{
    switch (row->type) {
    case FIELD_STRING: sc_text_add(t, "\"type\": [\"string\", \"number\"]"); break;
    case FIELD_PATH: sc_text_add(t, "\"type\": \"string\""); break;
    case FIELD_STRINGS:
    case FIELD_PATHS:
        sc_text_add(t, "\"type\": \"array\", \"items\": {\"type\": [\"string\", \"number\"]}");
        count_bounds(t, row, "Items");
        break;
    case FIELD_ENUM:
        sc_text_add(t, "\"enum\": [");
        for (size_t i = 0; i < row->names->count; i++)
            sc_text_add(t, "%s\"%s\"", i ? ", " : "", row->names->names[i]);
        sc_text_add(t, "]");
        break;
    case FIELD_DIST: dist_schema(t, row); break;
    case FIELD_SKEW:
        sc_text_add(t, "\"type\": \"string\", \"pattern\": \"^(uniform|zipf *\\\\([^()]+\\\\))$\"");
        break;
    case FIELD_WEIGHTS:
        sc_text_add(t, "\"type\": \"object\", \"minProperties\": 1, \"additionalProperties\": "
                       "{\"type\": [\"number\", \"string\"], \"minimum\": 0, \"pattern\": \"^(");
        unit_pattern(t, value_kind(FIELD_FRACTION));
        sc_text_add(t, ")$\"}");
        break;
    case FIELD_STRUCT: sc_text_add(t, "\"$ref\": \"#/$defs/%s\"", row->table->name); break;
    case FIELD_LIST:
        sc_text_add(t, "\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/%s\"}",
                    row->table->name);
        count_bounds(t, row, "Items");
        break;
    case FIELD_MODEL:
        sc_text_add(t, "\"anyOf\": [{\"$ref\": \"#/$defs/%s models\"}", row->registry);
        if (row->def && strcmp(row->def, "none") == 0)
            sc_text_add(t, ", {\"const\": \"none\"}");
        else if (row->def && !strpbrk(row->def, "{ ")) /* settings of the default model */
            sc_text_add(t, ", {\"$ref\": \"#/$defs/%s %s\"}", row->registry, row->def);
        sc_text_add(t, "]");
        break;
    case FIELD_MODELS:
        sc_text_add(t, "\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/%s models\"}",
                    row->registry);
        count_bounds(t, row, "Items");
        break;
    default: number_schema(t, row); break;
    }
}

static void row_schema(struct sc_text *t, const struct field *row, int indent)
{
    struct sc_text doc = {0};
    sc_text_add(&doc, "%s", row->doc);
    range_words(&doc, row);
    if (row->def && *row->def)
        sc_text_add(&doc, " Default %s.", row->def);
    sc_text_add(t, "%*s\"%s\": {\"description\": ", indent, "", row->name);
    sc_text_json(t, doc.data ? doc.data : "");
    t->failed |= doc.failed;
    sc_text_fini(&doc);
    sc_text_add(t, ", ");
    type_schema(t, row);
    sc_text_add(t, "}");
}

/* The members of an object schema of one table; kind: a model's name. */
static void table_schema(struct sc_text *t, const struct field_table *table, const char *kind,
                         bool is_root, int indent)
{
    const char *comma = "";
    sc_text_add(t, "%*s\"type\": \"object\", \"additionalProperties\": false,\n", indent, "");
    sc_text_add(t, "%*s\"properties\": {\n", indent, "");
    if (kind) {
        sc_text_add(t, "%*s\"kind\": {\"const\": \"%s\"}", indent + 2, "", kind);
        comma = ",\n";
    }
    if (is_root) {
        sc_text_add(t,
                    "%*s\"extends\": {\"description\": \"Another scenario file, which this one is "
                    "laid over.\", \"type\": \"string\"}",
                    indent + 2, "");
        comma = ",\n";
    }
    for (size_t i = 0; i < table->count; i++, comma = ",\n") {
        sc_text_add(t, "%s", comma);
        row_schema(t, &table->rows[i], indent + 2);
    }
    sc_text_add(t, "\n%*s}", indent, "");
    comma = "";
    /* A file that extends another may leave out what that one gives. */
    if (is_root) {
        sc_text_add(t, "\n");
        return;
    }
    sc_text_add(t, ",\n%*s\"required\": [", indent, "");
    for (size_t i = 0; i < table->count; i++)
        if (!table->rows[i].def) {
            sc_text_add(t, "%s\"%s\"", comma, table->rows[i].name);
            comma = ", ";
        }
    sc_text_add(t, "]\n");
}

static bool needs_nothing(const struct field_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->rows[i].def)
            return false;
    return true;
}

static void registry_schema(struct sc_text *t, const struct field_registry *r, bool plugins)
{
    const char *comma = "";
    sc_text_add(t, ",\n    \"%s models\": {\n      \"description\": ", r->kind);
    sc_text_json(t, r->doc);
    sc_text_add(t, ",\n      \"oneOf\": [\n        {\"enum\": [");
    for (size_t i = 0; i < r->count; i++)
        if (needs_nothing(r->entries[i]->table)) {
            sc_text_add(t, "%s\"%s\"", comma, r->entries[i]->name);
            comma = ", ";
        }
    sc_text_add(t, "]}");
    for (size_t i = 0; i < r->count; i++)
        sc_text_add(t, ",\n        {\"required\": [\"kind\"], \"$ref\": \"#/$defs/%s %s\"}",
                    r->kind, r->entries[i]->name);
    if (plugins)
        sc_text_add(t, ",\n        {\"type\": \"object\", \"required\": [\"plugin\"], "
                       "\"properties\": {\"plugin\": {\"description\": \"A shared object with a "
                       "model.\", \"type\": \"string\"}}}");
    sc_text_add(t, "\n      ]\n    }");
    for (size_t i = 0; i < r->count; i++) {
        sc_text_add(t, ",\n    \"%s %s\": {\n      \"description\": ", r->kind,
                    r->entries[i]->name);
        sc_text_json(t, r->entries[i]->doc);
        sc_text_add(t, ",\n");
        table_schema(t, r->entries[i]->table, r->entries[i]->name, false, 6);
        sc_text_add(t, "    }");
    }
}

enum err_code scenario_schema(const struct scenario_spec *spec, char **text, struct err *err)
{
    struct sc_text t = {0};
    struct sc_catalog *c = mem_zalloc(1, sizeof *c);
    *text = NULL;
    if (!c)
        return err_set(err, ERR_MEMORY, "out of memory");
    sc_catalog_make(c, spec);
    sc_text_add(&t, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                    "  \"title\": \"weft scenario\",\n  \"description\": ");
    sc_text_json(&t, spec->root->doc);
    sc_text_add(&t, ",\n");
    table_schema(&t, spec->root, NULL, true, 2);
    t.size -= t.size ? 1 : 0; /* the newline: more follows */
    sc_text_add(&t, ",\n  \"$defs\": {\n    \"none\": false");
    for (size_t i = 1; i < c->count; i++) {
        sc_text_add(&t, ",\n    \"%s\": {\n      \"description\": ", c->tables[i]->name);
        sc_text_json(&t, c->tables[i]->doc);
        sc_text_add(&t, ",\n");
        table_schema(&t, c->tables[i], NULL, false, 6);
        sc_text_add(&t, "    }");
    }
    for (size_t i = 0; i < spec->registry_count; i++)
        registry_schema(&t, spec->registries[i], spec->loader != NULL);
    sc_text_add(&t, "\n  }\n}\n");
    mem_free(c);
    if (t.failed) {
        sc_text_fini(&t);
        return err_set(err, ERR_MEMORY, "out of memory");
    }
    *text = t.data;
    return ERR_OK;
}
