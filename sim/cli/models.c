/* weft models: every model with its settings. */
#include <stdio.h>
#include <string.h>

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
    /* A scenario's section network holds models of several kinds. */
    static const char *const network[] = {"latency", "link", "topology", "gossip"};
    const char *kind = operands.count ? operands.items[0] : NULL;
    bool group = kind && !strcmp(kind, "network");
    for (size_t i = 0; i < (group ? sizeof network / sizeof network[0] : 1); i++) {
        if (scenario_models(&world_spec, group ? network[i] : kind, &text, &err) != ERR_OK)
            return cli_complain(self, "%s", err.text);
        printf("%s%s", i ? "\n" : "", text);
        mem_free(text);
    }
    return cli_finish(self, CLI_DONE);
}

const struct cli_command cli_models = {
    .name = "models",
    .operands = "[KIND]",
    .summary = "list the models of every kind, or of one, with their settings",
    .details = "KIND is consensus, fees, mempool, workload, ...; network stands for latency, link, "
               "topology\n"
               "and gossip.",
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
