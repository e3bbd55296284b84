/* sim/cli/executors.h - the options --executor and --param of the subcommands that execute blocks.
 */
#ifndef SIM_CLI_EXECUTORS_H
#define SIM_CLI_EXECUTORS_H

#include "evm/parallel/executor.h"
#include "sim/cli/cli.h"

/* The text of --param's row, for all of them. */
#define CLI_PARAM_VALUE "NAME=VALUE"
#define CLI_PARAM_DOC   "a setting of the executor, as in window=64; may be given again"

/* Finds the executor and reads its settings (the rows that a scenario's execution section has for
 * it). Returns -1 to go on; else the status, and what is wrong has been said. */
int cli_executor(const struct cli_command *self, const char *name, const struct cli_list *settings,
                 const struct evm_executor_ops **executor, struct evm_exec_params *params);

/* Reads a list of numbers of cores, as in 2,4,8, behind the *count that are in `cores`, which has
 * room for `most`. Returns as cli_executor does. */
int cli_cores(const struct cli_command *self, const char *list, uint32_t *cores, size_t *count,
              size_t most);

#endif
