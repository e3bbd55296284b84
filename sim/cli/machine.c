#include "sim/cli/machine.h"

#include <string.h>

const char *const cli_machine_storages[] = {"memory", "nvme", NULL};

int cli_machine_configure(const struct cli_command *self, struct cli_machine *m,
                          struct evm_exec_config *config)
{
    struct evm_err err = {0};
    if (evm_profile_load(&m->profile, m->profile_name, &err) != EVM_OK)
        return cli_complain(self, "--profile: %s", err.text);
    if (m->storage) {
        bool nvme = strcmp(m->storage, "nvme") == 0;
        m->profile.device_latency = nvme ? (double)m->latency * 1000 : 0;
        m->profile.device_depth = (double)m->depth;
        m->profile.cached = (double)m->cached / 100;
    }
    config->profile = &m->profile;
    config->caches = (struct evm_exec_caches){
        .prefetch = m->prefetch, .no_keccak = !m->keccak_cache, .no_code = !m->code_cache};
    return -1;
}
