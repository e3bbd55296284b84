/* Scenario text: what is refused is refused with its place, line by line; what is taken, written
 * out in full, is taken again and gives the same text. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "models/world/config.h"
#include "sim/scenario/scenario.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_plan fuzz_plan = {.runs = 2000, .max_size = 300};

static void places(const struct scenario_problems *p)
{
    size_t lines = 0;
    EVM_CHECK(p->text && p->count > 0, "refused, with %zu problems", p->count);
    for (const char *line = p->text, *end; *line; line = end + 1) {
        int at = 0;
        unsigned row, column;
        end = strchr(line, '\n');
        EVM_CHECK(end, "the last of %zu problems does not end", p->count);
        EVM_CHECK(sscanf(line, "fuzz.yaml:%u:%u: %n", &row, &column, &at) == 2 && at > 0 &&
                      row > 0 && column > 0,
                  "a problem without its place: %.*s", (int)(end - line), line);
        lines++;
    }
    EVM_CHECK(lines == p->count, "%zu problems in %zu lines", p->count, lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Other files are not the input's to choose. */
    if (size && memmem(data, size, "extends", 7))
        return 0;
    struct scenario_spec spec = world_spec;
    spec.loader = NULL;
    struct scenario *s = NULL, *again = NULL;
    struct scenario_problems problems = {0};
    enum err_code code =
        scenario_parse(&s, &spec, "fuzz.yaml", (const char *)data, size, NULL, 0, &problems);
    if (code == ERR_OK) {
        const char *text = scenario_resolved(s);
        code = scenario_parse(&again, &spec, "fuzz.yaml", text, strlen(text), NULL, 0, &problems);
        EVM_CHECK(code == ERR_OK, "its own full text is refused: %s", problems.text);
        EVM_CHECK(strcmp(scenario_resolved(again), text) == 0, "its full text changes:\n%s%s", text,
                  scenario_resolved(again));
        scenario_destroy(again);
        scenario_destroy(s);
    } else {
        places(&problems);
    }
    scenario_problems_fini(&problems);
    return 0;
}
