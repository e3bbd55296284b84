/* sim/cli/evm_show.h - what `weft evm run` prints of a run. */
#ifndef SIM_CLI_EVM_SHOW_H
#define SIM_CLI_EVM_SHOW_H

#include "evm/core/vm.h"
#include "evm/state/state.h"
#include "sim/cli/text.h"

/* All borrowed. */
struct evm_show {
    const struct evm_rules *rules;
    const struct evm_vm_result *result;
    const struct evm_msg *msg;
    int64_t refund;
    const struct evm_log *logs;
    size_t log_count;
    const struct evm_state *before;
    const struct evm_changes *changes;
};

/* "Error(\"too late\")", "Panic(0x11): arithmetic overflow or underflow", or nothing, for what a
 * REVERT returned (Solidity's Error(string) and Panic(uint256)). */
void evm_show_reason(struct cli_text *t, struct evm_bytes output);

void evm_show_text(struct cli_text *t, const struct evm_show *s);
/* One object on one line. */
void evm_show_json(struct cli_text *t, const struct evm_show *s);

/* "success", "reverted", "out of gas". */
const char *evm_show_status(enum evm_halt halt);

/* "0x" and the bytes in hexadecimal. */
void evm_show_hex(struct cli_text *t, struct evm_bytes b);

#endif
