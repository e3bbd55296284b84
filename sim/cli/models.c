/* weft models: every model with its settings. */
#include <stdio.h>

#include "models/world/config.h"
#include "sim/base/mem.h"
#include "sim/cli/cli.h"

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct err err = {0};
    char *text = NULL;
    int status = cli_parse(self, argc, argv, NULL, &operands);
    if (status >= 0)
        return status;
    if (scenario_models(&world_spec, operands.count ? operands.items[0] : NULL, &text, &err) !=
        ERR_OK)
        return cli_complain(self, "%s", err.text);
    fputs(text, stdout);
    mem_free(text);
    return cli_finish(self, CLI_DONE);
}

const struct cli_command cli_models = {
    .name = "models",
    .operands = "[KIND]",
    .summary = "list the models of every kind, or of one, with their settings",
    .details = "KIND is consensus, fees, mempool, workload, ...",
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
