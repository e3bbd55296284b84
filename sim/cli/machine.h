/* sim/cli/machine.h - the options of subcommands that execute blocks: what the (simulated) machine
 * costs, where its state is, and which caches it has. */
#ifndef SIM_CLI_MACHINE_H
#define SIM_CLI_MACHINE_H

#include "evm/parallel/executor.h"
#include "sim/cli/cli.h"

struct cli_machine {
    const char *profile_name, *storage;
    uint64_t latency, depth, cached;
    bool prefetch, keccak_cache, code_cache;
    struct evm_profile profile; /* cli_machine_configure's */
};

#define CLI_MACHINE_DEFAULTS                                                                       \
    {                                                                                              \
        .profile_name = "validator-2025", .latency = 80, .depth = 64, .cached = 90,                \
        .keccak_cache = true, .code_cache = true                                                   \
    }

extern const char *const cli_machine_storages[];

/* Rows of an option table; `member` is the struct cli_machine in `owner`. */
#define CLI_MACHINE_ROW(owner, member, field, option, kind, what, text, ...)                       \
    {                                                                                              \
        .name = option, .type = kind, .offset = offsetof(owner, member.field), .value = what,      \
        .doc = text, __VA_ARGS__                                                                   \
    }
#define CLI_MACHINE_OPTIONS(owner, member)                                                         \
    CLI_MACHINE_ROW(owner, member, profile_name, "profile", CLI_STRING, "NAME|FILE",               \
                    "virtual driver: what work costs; a shipped profile (default validator-2025) " \
                    "or a file of weft calibrate",                                                 \
                    .min = 0),                                                                     \
        CLI_MACHINE_ROW(owner, member, storage, "storage", CLI_CHOICE, "KIND",                     \
                        "virtual driver: the state before a block is in memory, or on nvme "       \
                        "(default: as the profile says)",                                          \
                        .choices = cli_machine_storages),                                          \
        CLI_MACHINE_ROW(owner, member, latency, "device-latency", CLI_U64, "US",                   \
                        "--storage nvme: microseconds a read takes (default 80)", .min = 1,        \
                        .max = 1000000),                                                           \
        CLI_MACHINE_ROW(owner, member, depth, "device-depth", CLI_U64, "N",                        \
                        "--storage nvme: reads that the device does at once (default 64)",         \
                        .min = 1, .max = 65536),                                                   \
        CLI_MACHINE_ROW(owner, member, cached, "cached", CLI_U64, "PERCENT",                       \
                        "--storage nvme: share of the state in the page cache (default 90)",       \
                        .max = 100),                                                               \
        CLI_MACHINE_ROW(owner, member, prefetch, "prefetch", CLI_FLAG, NULL,                       \
                        "read what transactions declare to touch before the first one runs",       \
                        .min = 0),                                                                 \
        CLI_MACHINE_ROW(owner, member, keccak_cache, "keccak-cache", CLI_FLAG, NULL,               \
                        "remember hashes of mappings' keys (default true)", .min = 0),             \
        CLI_MACHINE_ROW(owner, member, code_cache, "code-cache", CLI_FLAG, NULL,                   \
                        "run contracts translated (default true)", .min = 0)

/* Loads the profile and puts it and the switches into *config, which borrows it from *m. Returns
 * -1, or the status after a complaint. */
int cli_machine_configure(const struct cli_command *self, struct cli_machine *m,
                          struct evm_exec_config *config);

#endif
