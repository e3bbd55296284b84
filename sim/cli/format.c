/* weft format: the reference of the results file. */
#include <stdio.h>

#include "sim/cli/cli.h"
#include "sim/record/reference.h"

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, NULL, &operands);
    if (status >= 0)
        return status;
    record_write_reference(stdout);
    return cli_finish(self, CLI_DONE);
}

const struct cli_command cli_format = {
    .name = "format",
    .operands = "",
    .summary = "print the reference of the results file",
    .details =
        "Every table, column, unit and series of the HDF5 file that a run writes, as Markdown;\n"
        "docs/results-format.md is made of it.",
    .run = run,
};
