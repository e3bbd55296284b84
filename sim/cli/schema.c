/* weft schema: the language of scenarios, for editors and for people. */
#include <stdio.h>

#include "models/world/config.h"
#include "sim/base/mem.h"
#include "sim/cli/cli.h"
#include "sim/cli/plugins.h"

struct options {
    bool markdown;
    struct cli_list plugins;
};

static const struct cli_option options[] = {
    {.name = "markdown",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, markdown),
     .doc = "the reference page (docs/scenario-reference.md) instead"},
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
    struct err err = {0};
    char *text = NULL;
    int status = cli_parse(self, argc, argv, &o, &operands);
    struct scenario_plugins plugins;
    if (status < 0)
        status = cli_plugins(self, &plugins, &o.plugins);
    cli_list_fini(&o.plugins);
    if (status >= 0)
        return status;
    enum err_code code = scenario_spec_check(&plugins.spec, &err);
    if (code == ERR_OK)
        code = o.markdown ? scenario_markdown(&plugins.spec, &text, &err)
                          : scenario_schema(&plugins.spec, &text, &err);
    if (code == ERR_OK)
        fputs(text, stdout);
    else
        status = cli_complain(self, "%s", err.text);
    mem_free(text);
    scenario_plugins_fini(&plugins);
    return cli_finish(self, code == ERR_OK ? CLI_DONE : status);
}

const struct cli_command cli_schema = {
    .name = "schema",
    .operands = "",
    .summary = "print the JSON Schema (draft 2020-12) of scenario files",
    .details =
        "Made from the same tables as the reader, so it knows every setting, unit and model.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
