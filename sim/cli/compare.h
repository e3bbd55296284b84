/* sim/cli/compare.h - the parts of weft compare: what is varied (compare_plan.c), the runs
 * (compare_runs.c), what is printed (compare_print.c). */
#ifndef SIM_CLI_COMPARE_H
#define SIM_CLI_COMPARE_H

#include "analysis/interval.h"
#include "models/world/world.h"
#include "sim/cli/cli.h"

enum {
    COMPARE_VARIES = 8,
    COMPARE_VALUES = 64, /* of one --vary */
    COMPARE_VARIANTS = 10000,
    COMPARE_SETS = 64,
    COMPARE_NAME = 160,
};

struct compare_options {
    struct cli_list sets, varies, figures;
    uint64_t seeds; /* 0: as the scenario's sweep says */
    uint64_t threads;
    const char *csv;
    bool json, across;
};

/* A setting and its values: "PATH=VALUE" for each, and what it is called where that is not the
 * value itself (NULL). */
struct compare_vary {
    char *sets[COMPARE_VALUES];
    char *names[COMPARE_VALUES];
    size_t path; /* characters of "PATH=" */
    size_t count;
};

/* One file: the combinations of its varies, the last of them fastest. */
struct compare_file {
    const char *path;
    struct compare_vary varies[COMPARE_VARIES];
    size_t vary_count, variants;
    uint64_t runs; /* of each variant */
    bool across;   /* a table a figure is asked for */
};

/* One row: a file and a value for each of its varies. */
struct compare_variant {
    const struct compare_file *file;
    size_t number; /* of the file's */
    char name[COMPARE_NAME];
    const char *sets[COMPARE_SETS + COMPARE_VARIES + 1]; /* the last one is for the seed */
    size_t set_count;
    uint64_t seed; /* the first run's */
    bool expects_unsafe, unsafe, failed;
    uint64_t begun, done;     /* runs */
    double *values;           /* figure by figure, a value a run; NAN: it cannot tell */
    struct interval *figures; /* once all runs are done */
    struct interval share;    /* committed of offered */
    enum world_limit limit;   /* of the first run, as what follows */
    uint32_t idle_layers, enough_layers;
    bool calls_only; /* crosslayer took nothing of what crossed */
};

struct compare {
    const struct cli_command *self;
    const struct compare_options *options;
    struct compare_file *files;
    size_t file_count;
    struct compare_variant *variants;
    size_t variant_count;
    const char **columns; /* figures beside the usual ones: names of figures.def */
    size_t column_count;
    size_t figures; /* rows of figures.def */
    bool across;    /* a table a figure */
    int status;     /* the worst so far */
};

/* ---- compare_plan.c ---- */
/* Reads files and what varies, and makes all variants; those that cannot run are told of and
 * marked. -1, or a status. */
int compare_plan(struct compare *c, char *const *paths, size_t count);
/* The value of a vary in the variant, without its path, or its name. */
const char *compare_value(const struct compare_variant *v, size_t vary);
void compare_fini(struct compare *c);

/* ---- compare_runs.c ---- */
/* Carries out all runs, several processes at a time, and calls done for every variant, in their
 * order. What comes out does not depend on how many there are. -1, or a status. */
int compare_run(struct compare *c,
                void (*done)(const struct compare *c, const struct compare_variant *v));

/* ---- compare_print.c ---- */
void compare_print_head(const struct compare *c);
void compare_print_row(const struct compare *c, const struct compare_variant *v);
/* A table a figure instead: a row for the values of all varies but the last, a column a value of
 * that, a block of rows a file. */
void compare_print_across(const struct compare *c);
/* Below either: what to know of some rows before they are compared. */
void compare_print_notes(const struct compare *c);
/* JSON on stdout; CSV into a file. False if the file cannot be written; errno says why. */
void compare_print_json(const struct compare *c);
bool compare_write_csv(const struct compare *c, const char *path);

#endif
