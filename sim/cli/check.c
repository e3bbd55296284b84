/* weft check: reads a scenario and says what is wrong with it. */
#include <stdio.h>
#include <string.h>

#include "models/world/world.h"
#include "sim/cli/cli.h"

struct options {
    struct cli_list sets;
    bool resolved;
};

static const struct cli_option options[] = {
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting, as in layers.main.nodes=16; may be given again"},
    {.name = "resolved",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, resolved),
     .doc = "print the whole scenario: files merged, defaults filled in"},
};

static int report(const struct cli_command *self, enum err_code code,
                  const struct scenario_problems *problems)
{
    if (!problems->text)
        return cli_complain(self, code == ERR_MEMORY ? "out of memory" : "the file is unreadable");
    fputs(problems->text, stderr);
    return CLI_BAD_INPUT;
}

static int check(const struct cli_command *self, const char *path, const struct options *o)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    enum err_code code =
        scenario_load(&s, &world_spec, path, o->sets.items, o->sets.count, &problems);
    int status = CLI_DONE;
    struct err err = {0};
    if (code != ERR_OK)
        status = report(self, code, &problems);
    else if ((code = world_check(s, &err)) == ERR_INPUT) {
        fprintf(stderr, "%s\n", err.text);
        status = CLI_BAD_INPUT;
    } else if (code != ERR_OK)
        status = cli_complain(self, "%s", err.text);
    else
        fputs(scenario_notes(s), stderr);
    if (status == CLI_DONE && o->resolved)
        fputs(scenario_resolved(s), stdout);
    else if (status == CLI_DONE)
        printf("%s: good\n", path);
    scenario_problems_fini(&problems);
    scenario_destroy(s);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status < 0)
        status = cli_finish(self, check(self, operands.items[0], &o));
    cli_list_fini(&o.sets);
    return status;
}

const struct cli_command cli_check = {
    .name = "check",
    .operands = "FILE",
    .summary = "read a scenario and report every problem in it, without running it",
    .details =
        "A problem is a line on stderr: file:line:column: path: what is wrong; what is valid.\n"
        "All of them are reported at once, and the status is 2 if there is one.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
