/* tests/fuzz/program.h - from any bytes, a small world with programs in it and a message to run.
 *
 * The bytes are read as a list of phrases: an opcode with operands that make sense for it, a call
 * of one of the world's accounts, a creation, a jump to a real destination, a loop; and now and
 * then bytes as they are. So a change of one input byte changes one phrase, and deep behaviour is
 * near. */
#ifndef TESTS_FUZZ_PROGRAM_H
#define TESTS_FUZZ_PROGRAM_H

#include "evm/core/fork.h"

#define FUZZ_ACCOUNTS  10
#define FUZZ_SLOTS     4
#define FUZZ_CODE_SIZE 1536

struct fuzz_account {
    struct evm_addr addr;
    bool exists;
    uint64_t nonce;
    struct evm_u256 balance;
    uint8_t code[FUZZ_CODE_SIZE];
    size_t code_size;
    struct evm_u256 keys[FUZZ_SLOTS], values[FUZZ_SLOTS]; /* keys ascend */
    size_t slot_count;
    bool warm;         /* in the access list ... */
    bool slot_warm[2]; /* ... with keys 0 and 1 */
};

struct fuzz_world {
    enum evm_fork fork;
    struct fuzz_account accounts[FUZZ_ACCOUNTS]; /* 0 to 3 are contracts; 4 sends the message */
    bool create;
    struct evm_addr to;
    struct evm_u256 value;
    struct evm_bytes input; /* borrowed from the bytes, or from account 0's code for a creation */
    int64_t gas;
    uint64_t cuts; /* how the run is cut up: 0 not at all */
};

void fuzz_world_make(struct fuzz_world *w, struct evm_bytes bytes);

#endif
