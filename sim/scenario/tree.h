/* sim/scenario/tree.h - a scenario file as a tree that knows where everything stood, and the list
 * of what is wrong with it. Everything lives in the arena of one struct sc_load. */
#ifndef SIM_SCENARIO_TREE_H
#define SIM_SCENARIO_TREE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

enum {
    SC_MAX_BYTES = 8 << 20,
    SC_MAX_DEPTH = 64,
    SC_MAX_NODES = 200000,
    SC_MAX_KEYS = 4096, /* in one map: looking for a key twice is quadratic */
    SC_MAX_PROBLEMS = 100,
    SC_MAX_EXTENDS = 16,
};

struct sc_source {      /* a file, a --set, or a default of a table */
    const char *label;  /* how messages name it */
    const char *folder; /* where its relative paths start, "" for the working directory */
    const char *text;   /* of the file */
    bool is_file;       /* places in it have a line and a column */
    int rank;           /* order of problems: files first, in the order of reading */
};

struct sc_place {
    const struct sc_source *source;
    int line, column; /* from 1 */
};

static inline struct sc_place sc_start(const struct sc_source *source)
{
    return (struct sc_place){source, 1, 1};
}

enum sc_kind { SC_SCALAR, SC_MAP, SC_LIST };

struct sc_node {
    enum sc_kind kind;
    bool quoted;      /* scalar in quotes: empty means an empty text, not a missing value */
    const char *text; /* scalar */
    struct sc_place at;
    const char *key; /* in a map */
    struct sc_place key_at;
    bool other_kind; /* a file gave it to a model that a later layer replaced by another */
    struct sc_node *first, *last, *next;
    size_t count;
};

struct sc_problem {
    struct sc_place at;
    const char *text; /* "path: what is wrong", or without a path */
    size_t order;
};

struct sc_load {
    struct arena arena;
    struct sc_problem problems[SC_MAX_PROBLEMS];
    size_t problem_count, problems_dropped;
    int sources;
    bool out_of_memory;
    bool io_failed;
};

void *sc_alloc(struct sc_load *l, size_t size); /* zeroed; NULL and out_of_memory */
char *sc_copy(struct sc_load *l, const char *s, size_t size);
char *sc_format(struct sc_load *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where one is in the tree: frames live on the C stack of the walk. */
struct sc_frame {
    const struct sc_frame *up; /* NULL at the root */
    const char *name;          /* NULL: an item of a list */
    size_t index;
};
/* "layers[0].consensus.kind"; "" at the root. In the arena; NULL when memory is out. */
const char *sc_frame_path(struct sc_load *l, const struct sc_frame *f);

void sc_problem(struct sc_load *l, struct sc_place at, const struct sc_frame *where,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
void sc_problem_va(struct sc_load *l, struct sc_place at, const struct sc_frame *where,
                   const char *format, va_list args);
/* "file:line:column", into the arena. */
const char *sc_place_text(struct sc_load *l, struct sc_place at);

struct sc_source *sc_source_add(struct sc_load *l, const char *label, const char *folder,
                                const char *text, bool is_file);

struct sc_node *sc_node_new(struct sc_load *l, enum sc_kind kind, struct sc_place at);
void sc_node_append(struct sc_node *parent, struct sc_node *child);
struct sc_node *sc_node_get(const struct sc_node *map, const char *key); /* NULL if absent */

/* Reads YAML into a tree. NULL when there was a problem (then reported). An empty text is NULL with
 * a problem too. Defined in yaml.c, the only file that knows libyaml. */
struct sc_node *sc_yaml_read(struct sc_load *l, const struct sc_source *source, const char *text,
                             size_t size);

/* Lays over onto base: maps merge, all else replaces. Where over names another `kind`, what files
 * gave to the old one is kept and marked other_kind: only the tables can tell what the new one has
 * too. Both are used up. Returns the result. */
struct sc_node *sc_merge(struct sc_load *l, struct sc_node *base, struct sc_node *over);

/* Puts value at path ("layers[0].fees.kind"), making maps on the way. A problem is reported at
 * value's place. */
void sc_set(struct sc_load *l, struct sc_node *root, const char *path, struct sc_node *value);

/* The node that path names, or the nearest of those above it. */
const struct sc_node *sc_find(const struct sc_node *root, const char *path);

#endif
