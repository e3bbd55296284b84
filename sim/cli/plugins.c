#include "sim/cli/plugins.h"

int cli_plugins(const struct cli_command *self, struct scenario_plugins *out,
                const struct cli_list *paths)
{
    struct err err = {0};
    scenario_plugins_init(out, &world_spec);
    for (size_t i = 0; i < paths->count; i++)
        if (scenario_plugins_add(out, paths->items[i], NULL, &err) != ERR_OK) {
            scenario_plugins_fini(out);
            return cli_complain(self, "%s: %s", paths->items[i], err.text);
        }
    return -1;
}
