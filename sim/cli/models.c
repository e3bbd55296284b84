/* weft models: every model with its settings. */
#include <stdio.h>
#include <string.h>

#include "models/world/config.h"
#include "sim/base/mem.h"
#include "sim/cli/cli.h"
#include "sim/cli/plugins.h"

struct options {
    struct cli_list plugins;
};

static const struct cli_option options[] = {
    {.name = "plugin",
     .type = CLI_LIST,
     .offset = offsetof(struct options, plugins),
     .value = "FILE.so",
     .doc = "with the model of a plug-in; may be given again"},
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    struct scenario_plugins plugins;
    struct err err = {0};
    char *text = NULL;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status < 0)
        status = cli_plugins(self, &plugins, &o.plugins);
    cli_list_fini(&o.plugins);
    if (status >= 0)
        return status;
    /* A scenario's section network holds models of several kinds. */
    static const char *const network[] = {"latency", "link", "topology", "gossip"};
    const char *kind = operands.count ? operands.items[0] : NULL;
    bool group = kind && !strcmp(kind, "network");
    for (size_t i = 0; i < (group ? sizeof network / sizeof network[0] : 1); i++) {
        if (scenario_models(&plugins.spec, group ? network[i] : kind, &text, &err) != ERR_OK) {
            status = cli_complain(self, "%s", err.text);
            break;
        }
        printf("%s%s", i ? "\n" : "", text);
        mem_free(text);
    }
    scenario_plugins_fini(&plugins);
    return cli_finish(self, status < 0 ? CLI_DONE : status);
}

const struct cli_command cli_models = {
    .name = "models",
    .operands = "[KIND]",
    .summary = "list the models of every kind, or of one, with their settings",
    .details = "KIND is consensus, fees, mempool, workload, ...; network stands for latency, link, "
               "topology\n"
               "and gossip.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
