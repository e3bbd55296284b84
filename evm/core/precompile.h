/* evm/core/precompile.h - contracts at fixed addresses whose code is native (Yellow Paper, appendix
 * E, and the EIPs named in the rows).
 *
 * One row each in precompile.c. Adding one is a gas function, a run function and a row; which
 * addresses a fork has stands in forks.def (rules->precompiles, rules->p256verify). An address of
 * the fork's set without a row behaves as an account without code. Const; safe from any thread. */
#ifndef EVM_CORE_PRECOMPILE_H
#define EVM_CORE_PRECOMPILE_H

#include "evm/core/buf.h"
#include "evm/core/fork.h"

struct evm_precompile {
    uint16_t address;
    const char *name, *doc;
    /* What the call costs; UINT64_MAX if no gas is enough. Total over all inputs. */
    uint64_t (*gas)(const struct evm_rules *rules, struct evm_bytes in);
    /* Appends the output to *out (empty before). False if the input is refused: the call fails and
     * its gas is gone. Called only when the gas is there. */
    bool (*run)(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
};

/* The row at that address under those rules, or NULL. */
const struct evm_precompile *evm_precompile_find(const struct evm_rules *rules,
                                                 const struct evm_addr *addr);
/* Row i of all forks' rows, or NULL past the end: for listings. */
const struct evm_precompile *evm_precompile_at(size_t i);

/* Copies n bytes of the input from `offset` on, with zeros past its end: how every precompile reads
 * its operands. */
void evm_precompile_read(uint8_t *out, struct evm_bytes in, size_t offset, size_t n);

#endif
