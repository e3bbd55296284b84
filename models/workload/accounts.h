/* models/workload/accounts.h - rows of accounts with deterministic keys.
 *
 * Account i of an entry has the secret base + i, base being a hash of (seed, entry), so that its
 * public key is that of account i - 1 plus the generator: 50,000 addresses cost about 0.2 s, and a
 * secret costs nothing until it signs. Whoever reads the scenario knows all keys; they guard
 * nothing. */
#ifndef MODELS_WORKLOAD_ACCOUNTS_H
#define MODELS_WORKLOAD_ACCOUNTS_H

#include "evm/core/types.h"
#include "sim/base/err.h"

struct accounts {
    uint8_t base[32];
    uint32_t count;
    struct evm_addr *addrs;
    uint64_t fresh; /* addresses made by accounts_fresh */
};

/* ERR_MEMORY. purpose keeps several rows of one entry apart. */
enum err_code accounts_init(struct accounts *a, uint64_t seed, uint64_t instance,
                            const char *purpose, uint32_t count, struct err *err);
void accounts_fini(struct accounts *a); /* accepts zeroed */
void accounts_secret(const struct accounts *a, uint32_t i, uint8_t secret[32]);
/* An address that nobody has, another with every call. */
void accounts_fresh(struct accounts *a, struct evm_addr *out);

#endif
