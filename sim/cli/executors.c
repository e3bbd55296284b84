#include "sim/cli/executors.h"

#include <string.h>

#include "models/execution/execution.h"
#include "sim/base/nearest.h"
#include "sim/cli/text.h"

static int unknown_executor(const struct cli_command *self, const char *name)
{
    enum { SHOWN = 32 };
    const char *names[SHOWN];
    size_t count = 0;
    struct cli_text t = {0};
    for (; count < SHOWN && evm_executor_at(count); count++) {
        names[count] = evm_executor_name(evm_executor_at(count));
        cli_text_add(&t, "%s%s", count ? ", " : "", names[count]);
    }
    const char *near = nearest_name(name, names, count);
    if (near)
        cli_text_add(&t, "; did you mean %s?", near);
    int status = cli_complain(self, "--executor: '%s' is not valid; valid are: %s", name,
                              t.text ? t.text : "");
    cli_text_fini(&t);
    return status;
}

/* Each problem of the scenario language is a line that calls the text's option --set; here each
 * becomes a complaint about --param. */
static int complain(const struct cli_command *self, enum err_code code,
                    const struct scenario_problems *problems)
{
    if (!problems->text)
        return cli_complain(self, code == ERR_MEMORY ? "out of memory" : "--param: unreadable");
    for (const char *line = problems->text; *line;) {
        size_t size = strcspn(line, "\n"), skip = strncmp(line, "--set ", 6) ? 0 : 6;
        cli_complain(self, "--param %.*s", (int)(size - skip), line + skip);
        line += size + (line[size] != 0);
    }
    return CLI_BAD_INPUT;
}

int cli_executor(const struct cli_command *self, const char *name, const struct cli_list *settings,
                 const struct evm_executor_ops **executor, struct evm_exec_params *params)
{
    const struct execution_ops *model = execution_find(name);
    struct scenario_problems problems = {0};
    *params = evm_exec_params_default();
    *executor = evm_executor_find(name);
    if (!*executor)
        return unknown_executor(self, name);
    if (!model)
        return settings->count ? cli_complain(self, "--param: %s has no settings", name) : -1;
    for (size_t i = 0; i < settings->count; i++)
        if (!strchr(settings->items[i], '='))
            return cli_complain(self, "--param '%s' is not " CLI_PARAM_VALUE, settings->items[i]);
    enum err_code code =
        execution_params(model, settings->items, settings->count, params, &problems);
    int status = code == ERR_OK ? -1 : complain(self, code, &problems);
    scenario_problems_fini(&problems);
    return status;
}

int cli_cores(const struct cli_command *self, const char *list, uint32_t *cores, size_t *count,
              size_t most)
{
    for (const char *at = list;; at++) {
        const char *from = at;
        uint64_t n;
        bool fits = cli_digits(&at, &n) && n >= 1 && n <= 1024;
        if (at == from || (*at && *at != ','))
            return cli_complain(self, "--cores: '%s' is not whole numbers, as in 8 or 2,4,8", list);
        if (!fits)
            return cli_complain(self, "--cores: %.*s is out of range; valid is 1 to 1024",
                                (int)(at - from), from);
        if (*count == most)
            return cli_complain(self, "--cores: more than %zu numbers", most);
        cores[(*count)++] = (uint32_t)n;
        if (!*at)
            return -1;
    }
}
