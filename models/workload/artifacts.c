#include "models/workload/artifacts.h"

/* The assembler reads the files, so nothing is copied into a C array that could drift from them. */
#define EMBED(symbol, file)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 8\n"                                                                          \
            ".global " #symbol "_size\n" #symbol "_size: .quad 1f - " #symbol "\n"                 \
            ".global " #symbol "\n" #symbol ": .incbin \"" file "\"\n"                             \
            "1:\n"                                                                                 \
            ".previous\n");                                                                        \
    extern const uint64_t symbol##_size;                                                           \
    extern const uint8_t symbol[]

#define ARTIFACTS(X) X(Token) X(Pair) X(Workshop)

#define EMBED_BOTH(name)                                                                           \
    EMBED(workload_##name##_create, "scenarios/contracts/build/" #name ".create.bin");             \
    EMBED(workload_##name##_runtime, "scenarios/contracts/build/" #name ".runtime.bin");
ARTIFACTS(EMBED_BOTH)

bool workload_artifact_find(const char *name, struct workload_artifact *out)
{
#define MATCH(artifact)                                                                            \
    if (!strcmp(name, #artifact)) {                                                                \
        out->create =                                                                              \
            (struct evm_bytes){workload_##artifact##_create, workload_##artifact##_create_size};   \
        out->runtime =                                                                             \
            (struct evm_bytes){workload_##artifact##_runtime, workload_##artifact##_runtime_size}; \
        return true;                                                                               \
    }
    ARTIFACTS(MATCH)
    return false;
}
