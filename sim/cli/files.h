/* sim/cli/files.h - the JSON files, or scenarios, that the operands of a subcommand name. */
#ifndef SIM_CLI_FILES_H
#define SIM_CLI_FILES_H

#include "sim/cli/cli.h"

/* Zeroed means empty. */
struct cli_files {
    char **paths; /* owned */
    size_t count, capacity;
    bool yaml; /* set before: *.yaml in place of JSON */
};

/* Adds the file; of a directory every file below it named *.json or *.json.gz (or *.yaml), in the
 * order of their names. Returns -1 to go on, or the status to return after one line of complaint.
 */
int cli_files_add(const struct cli_command *self, struct cli_files *f, const char *path);
void cli_files_fini(struct cli_files *f);

#endif
