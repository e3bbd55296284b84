/* weft digest: the digest of a results file. */
#include "sim/record/digest.h"

#include <stdio.h>

#include "sim/cli/cli.h"

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct err err = {0};
    char digest[RECORD_DIGEST_SIZE];
    int status = cli_parse(self, argc, argv, NULL, &operands);
    if (status >= 0)
        return status;
    if (record_digest_file(operands.items[0], digest, &err) != ERR_OK)
        return cli_complain(self, "%s", err.text);
    printf("%s\n", digest);
    return cli_finish(self, CLI_DONE);
}

const struct cli_command cli_digest = {
    .name = "digest",
    .operands = "RUN.h5",
    .summary = "print the digest over all results of a run",
    .details =
        "The digest is SHA-256 over every table and series: names, types and values. How the file\n"
        "is compressed, on which host and when the run took place do not enter, so two runs of\n"
        "one scenario and seed print the same. It is computed from the contents and compared\n"
        "with the one the run stored; a file that is damaged, changed or of a run that did not\n"
        "end gets status 2.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
