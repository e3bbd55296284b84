/* sim/cli/plugins.h - the option --plugin of subcommands that show what can be written. */
#ifndef SIM_CLI_PLUGINS_H
#define SIM_CLI_PLUGINS_H

#include "models/world/config.h"
#include "sim/cli/cli.h"

/* Opens all of them, over world_spec. -1; or the status to return, and *out needs no fini. */
int cli_plugins(const struct cli_command *self, struct scenario_plugins *out,
                const struct cli_list *paths);

#endif
