/* sim/cli/cli.h - the frame of the program `weft`: subcommands, their options, their exit statuses.
 *
 * A subcommand is one file sim/cli/NAME.c that defines `const struct cli_command cli_NAME`, and one
 * row in sim/cli/commands.def. Its options are rows of a table; parsing, --help and the "did you
 * mean" of a misspelt option come from those rows.
 *
 * stdout is for results, stderr for progress and complaints; progress only to a terminal. */
#ifndef SIM_CLI_CLI_H
#define SIM_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT_VERSION "0.1.0"

enum cli_status {
    CLI_DONE = 0,
    CLI_FAILED = 1,    /* a check failed: a test, a comparison, a scenario's own expectation */
    CLI_BAD_INPUT = 2, /* arguments, files, environment */
    CLI_UNSAFE = 3,    /* the simulated protocol broke safety */
};

enum cli_type {
    CLI_FLAG,   /* bool; --NAME, --NAME=true or --NAME=false */
    CLI_STRING, /* const char *, NULL before */
    CLI_U64,    /* uint64_t, decimal or 0x…, within [min, max] */
    CLI_CHOICE, /* const char *, one of `choices` */
    CLI_LIST,   /* struct cli_list, one item each time the option is given */
};

/* Items point into argv; cli_parse makes the array, cli_list_fini frees it. */
struct cli_list {
    const char **items;
    size_t count;
};
void cli_list_fini(struct cli_list *list);

/* One option. `offset` is where its value goes in the subcommand's own struct, filled with the
 * defaults beforehand. */
struct cli_option {
    const char *name; /* "seed", given as --seed N or --seed=N */
    char letter;      /* 'o' for -o, or 0 */
    enum cli_type type;
    size_t offset;
    const char *value;          /* what the help calls the value, "N"; NULL for a flag */
    const char *doc;            /* one line, with the default */
    uint64_t min, max;          /* CLI_U64; max 0 means no limit */
    const char *const *choices; /* CLI_CHOICE: NULL-terminated */
};

struct cli_command {
    const char *name;     /* "statetest"; "bench engine" has the two words */
    const char *operands; /* "PATH…", "" for none */
    const char *summary;  /* one line for the list of commands */
    const char *details;  /* paragraphs for --help, or NULL */
    void (*more)(void);   /* prints what --help says besides, from tables; or NULL */
    const char *statuses; /* its exit statuses, where they are not those of enum cli_status */
    const struct cli_option *options;
    size_t option_count;
    int min_operands, max_operands; /* max -1: any number */
    /* argv[0] is the (last) word of the name. Returns an enum cli_status. */
    int (*run)(const struct cli_command *self, int argc, char **argv);
};

struct cli_operands {
    char **items; /* a part of argv, reordered */
    int count;
};

/* Parses argv into *values (the struct the offsets refer to) and the operands. Returns -1 to go
 * on; else the status to return at once (help was asked for, or one line of complaint was printed).
 * "--" ends the options. */
int cli_parse(const struct cli_command *self, int argc, char **argv, void *values,
              struct cli_operands *operands);

/* Prints "weft NAME: text" on one line of stderr and returns CLI_BAD_INPUT. */
int cli_complain(const struct cli_command *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the page that --help gives, to stdout. */
void cli_help(const struct cli_command *self);

/* Flushes stdout; CLI_BAD_INPUT with a line on stderr if any output was lost, else `status`. Call
 * last. */
int cli_finish(const struct cli_command *self, int status);

/* Reads the decimal digits at *text and moves it behind them. False if there are none (a sign or a
 * blank is none), or if the number is beyond 64 bits; *text has moved then too. */
bool cli_digits(const char **text, uint64_t *out);

/* Processors of the host that are online, at least 1. */
uint32_t cli_processors(void);

/* The rows of commands.def, in order. */
#define CLI_COMMAND(symbol) extern const struct cli_command cli_##symbol;
#include "sim/cli/commands.def"
#undef CLI_COMMAND

#endif
