/* weft report: the page that shows a run. */
#include "analysis/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"

struct options {
    const char *page, *library;
};

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_STRING,
     .offset = offsetof(struct options, page),
     .value = "PAGE.html",
     .doc = "where the page goes (default: RUN.html)"},
    {.name = "library",
     .type = CLI_STRING,
     .offset = offsetof(struct options, library),
     .value = "DIR",
     .doc = "folder of the charting library (default: " REPORT_LIBRARY ")"},
};

/* RUN.h5 -> RUN.html; any other name gets .html behind it. */
static char *page_name(const char *results)
{
    size_t size = strlen(results);
    bool h5 = size > 3 && !strcmp(results + size - 3, ".h5");
    char *name = malloc(size + 6);
    if (name)
        sprintf(name, "%.*s.html", (int)(h5 ? size - 3 : size), results);
    return name;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    struct err err = {0};
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    char *page = o.page ? strdup(o.page) : page_name(operands.items[0]);
    if (!page)
        return cli_complain(self, "no memory left");
    if (report_write(operands.items[0], page, o.library, &err) != ERR_OK) {
        free(page);
        return cli_complain(self, "%s", err.text);
    }
    printf("%s\n", page);
    free(page);
    return cli_finish(self, CLI_DONE);
}

const struct cli_command cli_report = {
    .name = "report",
    .operands = "RUN.h5",
    .summary = "write the page that shows a run",
    .details = "One HTML page that needs no network: load, latency, fees, blocks, use of cores and "
               "links,\n"
               "the simulated cores at work on chosen blocks, failures and forks. Prints the "
               "page's name.\n"
               "A run that did not end is shown as far as its file goes, and the page says so.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
