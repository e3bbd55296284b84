/* sim/cli/outfile.h - a file that a subcommand writes: complete, or as it was before. */
#ifndef SIM_CLI_OUTFILE_H
#define SIM_CLI_OUTFILE_H

#include <stdio.h>

#include "sim/cli/cli.h"

/* Zeroed is none. */
struct cli_outfile {
    FILE *file;       /* borrowed by who writes */
    const char *path; /* borrowed from the caller */
    char *beside;     /* where it is written until it is complete; NULL: to its place, a device */
    int why;          /* errno of the first write that failed */
};

/* Opens a file beside `path`. False, with errno and nothing open, if `path` cannot become a file: a
 * folder, say, or one that may not be written to. */
bool cli_outfile_open(struct cli_outfile *o, const char *path);

/* A failure is told by close. */
void cli_outfile_write(struct cli_outfile *o, const void *bytes, size_t size);

/* Puts it in its place if it is to be kept and was written well, else leaves what was there. False,
 * with errno, if it was to be kept and could not be. Takes a zeroed one. */
bool cli_outfile_close(struct cli_outfile *o, bool keep);

/* Could it be written? Leaves everything as it is; false with errno. */
bool cli_outfile_possible(const char *path);

#endif
