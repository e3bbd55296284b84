/* evm/core/program.h - code translated for one fork's rules, to be run by vm_program.c.
 *
 * A program is made at most once per code and rules, hangs on the code, is immutable from then on
 * and lives as long as the code's store; all threads share it. What it looks like is in
 * program_internal.h; how it is made, in docs/evm.md. */
#ifndef EVM_CORE_PROGRAM_H
#define EVM_CORE_PROGRAM_H

#include "evm/core/code.h"
#include "evm/core/fork.h"

/* Codes beyond it run untranslated. Twice EIP-170's bound. */
#define EVM_PROGRAM_MAX_CODE 49152u

struct evm_program;

/* The program if it was made already, or NULL. O(number of rules the code ran under). */
const struct evm_program *evm_program_find(const struct evm_code *code,
                                           const struct evm_rules *rules);

/* The program, made if it has to be. NULL for code outside a store or above the size bound, and
 * when memory is out. O(code size), about the time in which the plain loop runs four times as many
 * bytes. */
const struct evm_program *evm_program_get(const struct evm_code *code,
                                          const struct evm_rules *rules);

/* Bytes of code to run plainly before translating pays. */
int64_t evm_program_patience(const struct evm_code *code);

/* Frees the code's programs; for the store alone. */
void evm_programs_destroy(const struct evm_code *code);

struct evm_program_size {
    size_t words;   /* of 8 bytes: instructions with operands and constants */
    size_t entries; /* places where a run may enter */
};
struct evm_program_size evm_program_size(const struct evm_program *p);

#endif
