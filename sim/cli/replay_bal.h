/* sim/cli/replay_bal.h - what `weft replay` does with a block's access list (EIP-7928). */
#ifndef SIM_CLI_REPLAY_BAL_H
#define SIM_CLI_REPLAY_BAL_H

#include "evm/parallel/transition.h"
#include "sim/cli/cli.h"
#include "sim/cli/text.h"

struct replay_bal {
    const char *write, *verify; /* paths, or NULL */
    struct evm_bal want;        /* verify's content */
};

static inline bool replay_bal_asked(const struct replay_bal *b)
{
    return b->write || b->verify;
}

/* Reads the list to be verified. Needs one block. -1 to go on, or the status after a complaint. */
int replay_bal_open(const struct cli_command *self, struct replay_bal *b, size_t blocks);
void replay_bal_fini(struct replay_bal *b);

/* What the list to be verified tells an executor of the block's transactions; empty if there is
 * none, or if it cannot be this block's. */
enum evm_status replay_bal_sets(const struct replay_bal *b, const struct evm_block *block,
                                struct evm_codes *codes, struct evm_access_sets *out);

/* Writes and compares the list of an executed block, and adds a line on it. *differs: it is not the
 * one that was to be verified. */
enum evm_status replay_bal_judge(const struct replay_bal *b, const struct evm_bal *got, bool json,
                                 struct cli_text *line, bool *differs, struct evm_err *err);

#endif
