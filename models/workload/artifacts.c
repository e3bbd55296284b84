#include "models/workload/artifacts.h"

/* The assembler reads the files, so nothing is copied into a C array that could drift from them. */
#define EMBED(symbol, file)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".global " #symbol "\n" #symbol ":\n"                                                  \
            ".incbin \"" file "\"\n"                                                               \
            ".global " #symbol "_end\n" #symbol "_end:\n"                                          \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const uint8_t symbol[], symbol##_end[]

#define ARTIFACTS(X) X(Token) X(Pair) X(Workshop)

#define EMBED_BOTH(name)                                                                           \
    EMBED(workload_##name##_create, "scenarios/contracts/build/" #name ".create.bin");             \
    EMBED(workload_##name##_runtime, "scenarios/contracts/build/" #name ".runtime.bin");
ARTIFACTS(EMBED_BOTH)

/* Sizes are differences of symbols, which C does not accept in a static initialiser: hence by
 * value. */
bool workload_artifact_find(const char *name, struct workload_artifact *out)
{
#define MATCH(artifact)                                                                            \
    if (!strcmp(name, #artifact)) {                                                                \
        out->create.data = workload_##artifact##_create;                                           \
        out->create.size =                                                                         \
            (size_t)(workload_##artifact##_create_end - workload_##artifact##_create);             \
        out->runtime.data = workload_##artifact##_runtime;                                         \
        out->runtime.size =                                                                        \
            (size_t)(workload_##artifact##_runtime_end - workload_##artifact##_runtime);           \
        return true;                                                                               \
    }
    ARTIFACTS(MATCH)
    return false;
}
