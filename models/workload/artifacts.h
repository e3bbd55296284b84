/* models/workload/artifacts.h - the contracts of scenarios/contracts, embedded in the program.
 * The bytes are what `make contracts` built and committed; sources and storage layout stand beside
 * them. */
#ifndef MODELS_WORKLOAD_ARTIFACTS_H
#define MODELS_WORKLOAD_ARTIFACTS_H

#include "evm/core/types.h"

struct workload_artifact {
    struct evm_bytes create;  /* creation code; constructor arguments go behind it */
    struct evm_bytes runtime; /* code of the deployed account; immutables are zero in it */
};

/* Fills *out for "Token", "Pair" or "Workshop" (bytes in static storage); false for another name.
 */
bool workload_artifact_find(const char *name, struct workload_artifact *out);

/* Token.sol's storage, as the compiler laid it out (build/Token.json). */
enum { TOKEN_SLOT_TOTAL_SUPPLY = 0, TOKEN_SLOT_BALANCES = 1, TOKEN_SLOT_ALLOWANCES = 2 };

#endif
