/* sim/scenario/internal.h - shared by the parts of sim/scenario; nobody else includes it. */
#ifndef SIM_SCENARIO_INTERNAL_H
#define SIM_SCENARIO_INTERNAL_H

#include "sim/scenario/scenario.h"
#include "sim/scenario/text.h"
#include "sim/scenario/tree.h"
#include "sim/scenario/value.h"

struct sc_sample_file { /* which file an empirical distribution was read from */
    const struct sim_dist *at;
    const char *file;
    struct sc_sample_file *next;
};

struct scenario {
    struct sc_load load;
    struct scenario_plugins plugins;
    bool plugin_failed; /* one that is named cannot be opened: reported */
    const char *path, *folder;
    const char *source;
    struct sc_node *tree; /* all files and --set laid over one another */
    void *cfg;
    struct sc_sample_file *sample_files;
    struct sc_text resolved;
    struct sc_text notes; /* scenario_notes */
};

const struct field_registry *sc_registry(const struct scenario_spec *spec, const char *kind);
const struct field_model *sc_model(const struct field_registry *r, const char *name);

/* The type of a row as a page names it: "duration", "list of layer", "distribution of durations".
 */
void sc_type_name(const struct field *row, struct sc_text *out);

/* Opens what `plugin: FILE` of a tree that was just read names, and puts `kind: NAME` in its
 * place. whole: the tree is a file's, and not the value of a --set. */
void sc_plugin_kinds(struct scenario *s, struct sc_node *tree, bool whole);
/* Opens the plug-in that a scalar names, and makes that scalar its model's name. False: reported.
 */
bool sc_plugin_open(struct scenario *s, struct sc_node *n, const struct sc_frame *frame);
/* Opens what the merged tree's `plugins` names, and adds those of sc_plugin_kinds to that list. */
void sc_plugin_list(struct scenario *s);

/* ERR_INPUT if a model's table has a fault of its own. */
enum err_code sc_check_model(const struct scenario_spec *spec, const struct field_model *m,
                             struct err *err);

/* Fills s->cfg from s->tree; problems go to s->load. */
void sc_fill(struct scenario *s);

/* The parts of fill that read one text: both report and return whether it went well. */
struct sc_spot { /* where a value stands, for messages */
    struct scenario *s;
    const struct field *row;
    const struct sc_node *node;
    const struct sc_frame *frame;
};
bool sc_complain(const struct sc_spot *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool sc_fill_dist(const struct sc_spot *at, struct sim_dist *out);
bool sc_fill_skew(const struct sc_spot *at, struct field_skew *out);
bool sc_fill_weights(const struct sc_spot *at, struct field_weights *out);
const char *sc_fill_path(const struct sc_spot *at, const char *text); /* NULL: reported */
/* Whether v is within the row's range; reports if not. */
bool sc_in_range(const struct sc_spot *at, enum field_type type, const struct value *v);
bool sc_in_range_real(const struct sc_spot *at, double v, const char *shown);

/* One line of canonical text of a setting that is neither struct, list of structs nor model. */
void sc_print_setting(const struct scenario *s, const struct field *row, const void *cfg,
                      struct sc_text *out);

/* Makes s->resolved. ERR_MEMORY. */
enum err_code sc_resolve(struct scenario *s);

/* Reads a whole file; NULL and a reason in why when it cannot be, or has more than SC_MAX_BYTES. */
char *sc_read_file(struct sc_load *l, const char *path, size_t *size, const char **why);
/* folder + path, unless path starts at the root or folder is empty. */
char *sc_join(struct sc_load *l, const char *folder, const char *path);

#endif
