/* sim/scenario/scenario.h - a scenario file read into the structs of a field table.
 *
 *     struct scenario *s;
 *     struct scenario_problems problems = {0};
 *     if (scenario_load(&s, &spec, "quickstart.yaml", sets, set_count, &problems))
 *         print problems.text, exit 2
 *     const struct world_cfg *cfg = scenario_root(s);
 *
 * The file, the files it `extends`, then each `--set path=value` in turn are laid over one another
 * (maps merge key by key, lists and values replace). Where a layer names another `kind` of model
 * (`layers.main.fees.kind=fixed`, or `fees: {kind: fixed}` over an eip1559), the settings that
 * files gave to the old one are kept as far as the model finally chosen has a setting of the same
 * name, and dropped otherwise; a bare name (`fees: fixed`) replaces all of them. Settings given by
 * --set are never dropped: one that the chosen model lacks is a problem. Then every problem is
 * found and reported at once, and nothing is made when there is one. */
#ifndef SIM_SCENARIO_SCENARIO_H
#define SIM_SCENARIO_SCENARIO_H

#include "sim/base/err.h"
#include "sim/scenario/field.h"

/* A model from a file of its own, a shared object. */
struct scenario_plugin {
    const char *path; /* as opened: the scenario's text joined to the folder of the file it is in */
    const char *kind; /* of the registry that it joins */
    const struct field_model *model;
    char hash[65]; /* of the file, in hexadecimal */
    void *handle;  /* the loader's; the same for the same file */
};

/* How plug-ins are opened: sim/ knows neither shared objects nor what a model must look like. */
struct scenario_loader {
    /* Fills all of *out but path. ERR_INPUT or ERR_IO: the text says what is wrong with the file,
     * without its name. */
    enum err_code (*open)(const char *path, struct scenario_plugin *out, struct err *err);
    void (*close)(struct scenario_plugin *p);
};

/* What a scenario may say: the table of its top level, and every registry that a MODEL row (at any
 * depth) names. Borrowed for the life of the scenario. With a loader (NULL: there are no plug-ins)
 * the root table has a row `plugins` of type PATHS, and wherever a model is named
 * `{plugin: ./mine.so, ...}` stands for `plugins: [./mine.so]` and `{kind: its name, ...}`. */
struct scenario_spec {
    const struct field_table *root;
    const struct field_registry *const *registries;
    size_t registry_count;
    const struct scenario_loader *loader;
};

/* A spec with the models of plug-ins added: zeroed, then scenario_plugins_add for each. Holds
 * them open until scenario_plugins_fini. The spec points into this struct: do not move it. */
struct scenario_plugins {
    struct scenario_spec spec;
    struct scenario_plugin *items;
    size_t count;
};
void scenario_plugins_init(struct scenario_plugins *p, const struct scenario_spec *base);
/* Opens one and adds its model to p->spec; a file that is open already is left alone. *added (may
 * be NULL) is the plug-in, borrowed. ERR_INPUT where the file is none, its name is taken or its
 * table is wrong. */
enum err_code scenario_plugins_add(struct scenario_plugins *p, const char *path,
                                   const struct scenario_plugin **added, struct err *err);
void scenario_plugins_fini(struct scenario_plugins *p);

/* Problems in the order of their place in the file, a line each: `file:line:column: path: what is
 * wrong; what is valid; did you mean NAME?`. Zeroed before; owned by the caller. */
struct scenario_problems {
    char *text; /* ends with a newline; NULL when there is none */
    size_t count;
};
void scenario_problems_fini(struct scenario_problems *p);

struct scenario;

/* Reads path and fills *out. sets: texts "path=value" (layers[0].consensus.block_interval=2s; a
 * list whose items have a `name` also takes layers.main.fees.kind). ERR_INPUT or ERR_IO with at
 * least one problem, ERR_MEMORY perhaps without. Reads at most 8 MiB and 64 levels of nesting. */
enum err_code scenario_load(struct scenario **out, const struct scenario_spec *spec,
                            const char *path, const char *const *sets, size_t set_count,
                            struct scenario_problems *problems);
/* The same from text; name stands for the file in messages, and relative paths start at its
 * folder. */
enum err_code scenario_parse(struct scenario **out, const struct scenario_spec *spec,
                             const char *name, const char *text, size_t size,
                             const char *const *sets, size_t set_count,
                             struct scenario_problems *problems);
void scenario_destroy(struct scenario *s);

const void *scenario_root(const struct scenario *s); /* the root table's struct */
const struct scenario_plugins *scenario_plugins(const struct scenario *s);
const char *scenario_source(const struct scenario *s); /* the file's own text */
const char *scenario_path(const struct scenario *s);

/* What a reader should know of a scenario that is valid; a line each, "" where there is nothing.
 * Where a --set made a model another: which of the file's settings it keeps, and which are dropped
 * because it has none of that name. Besides, what checks noted (field_note). Owned by the scenario.
 */
const char *scenario_notes(const struct scenario *s);

/* The whole scenario as canonical YAML: all files merged, every default filled in. Reading it back
 * gives the same structs, and the same text. Owned by the scenario. */
const char *scenario_resolved(const struct scenario *s);

/* Calls visit for every scalar setting in the order of the rows: its path, its text as in
 * scenario_resolved, the row (NULL for `kind`), and its value as a number in the unit of
 * field_unit, NAN where it is no number. For attributes of a results file. */
typedef void (*scenario_visit)(void *user, const char *path, const struct field *row,
                               const char *text, double number);
void scenario_each(const struct scenario *s, scenario_visit visit, void *user);
const char *field_unit(const struct field *row); /* "ns", "bit/s", "B", "gas", "wei", "1/s", "" */

/* For what only a model's set-up can find out: "file:line:column: path: text", into err. path as
 * in --set; the nearest part of it that stands in a file gives the place. Returns ERR_INPUT. */
enum err_code scenario_fail(const struct scenario *s, struct err *err, const char *path,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Checks the tables themselves: every default and range parses, default within range, names
 * unique, registries present. A test calls it. */
enum err_code scenario_spec_check(const struct scenario_spec *spec, struct err *err);

/* JSON Schema (draft 2020-12) of all valid scenarios; the reference page; the list of models (one
 * kind, or all with kind NULL; brief: no settings). Text is the caller's to free(). ERR_INPUT for
 * an unknown kind. */
enum err_code scenario_schema(const struct scenario_spec *spec, char **text, struct err *err);
enum err_code scenario_markdown(const struct scenario_spec *spec, char **text, struct err *err);
enum err_code scenario_models(const struct scenario_spec *spec, const char *kind, char **text,
                              struct err *err);

#endif
