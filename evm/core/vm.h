/* evm/core/vm.h - the interpreter: one message call (with everything it calls), resumable at every
 * read.
 *
 * Frames live in an explicit array (depth 1024): no C recursion. A vm is reused for any number of
 * calls; it keeps its memory. One thread at a time.
 *
 *     evm_vm_begin(vm, &env, journal, &msg);
 *     while ((s = evm_vm_step(vm)) != EVM_STEP_DONE) ...;   result = evm_vm_result(vm);
 *
 * Source: Yellow Paper (Shanghai version) section 9 and appendix H, and the EIPs named in
 * opcodes.def. */
#ifndef EVM_CORE_VM_H
#define EVM_CORE_VM_H

#include "evm/core/buf.h"
#include "evm/core/code.h"
#include "evm/core/fork.h"
#include "evm/core/types.h"
#include "evm/state/journal.h"

enum evm_step {
    EVM_STEP_DONE,
    EVM_STEP_READ,  /* a read is pending in the view; nothing happened since the opcode before; step
                       again to retry */
    EVM_STEP_SLICE, /* the slice's budget is used up; step again to go on */
};

/* How a call ended: a simulated outcome, not an error. */
enum evm_halt {
    EVM_HALT_STOP, /* STOP, RETURN, SELFDESTRUCT or the end of the code */
    EVM_HALT_REVERT,
    EVM_HALT_OUT_OF_GAS,
    EVM_HALT_INVALID_OPCODE,
    EVM_HALT_STACK_UNDERFLOW,
    EVM_HALT_STACK_OVERFLOW,
    EVM_HALT_BAD_JUMP,
    EVM_HALT_STATIC_VIOLATION,
    EVM_HALT_RETURN_DATA_BOUNDS,
    EVM_HALT_CALL_DEPTH,
    EVM_HALT_INSUFFICIENT_BALANCE,
    EVM_HALT_NONCE_OVERFLOW,
    EVM_HALT_ADDRESS_COLLISION,
    EVM_HALT_INITCODE_SIZE,
    EVM_HALT_CODE_SIZE,
    EVM_HALT_BAD_CODE_PREFIX, /* EIP-3541 */
    EVM_HALT_PRECOMPILE_FAILURE,
    EVM_HALT_COUNT
};
const char *evm_halt_name(enum evm_halt h); /* "out of gas" */

/* The block as the opcodes see it. Borrowed for the length of the run. */
struct evm_block_env {
    uint64_t number, timestamp, gas_limit, chain_id;
    struct evm_addr coinbase;
    struct evm_u256 base_fee;
    struct evm_u256 blob_base_fee;
    struct evm_u256 difficulty;  /* before Paris */
    struct evm_hash prev_randao; /* from Paris on */
    uint64_t excess_blob_gas;
    uint64_t blob_gas_limit; /* of the block; 0: as much as the fork allows */
    struct evm_hash parent_beacon_root;
};

struct evm_tx_env {
    struct evm_addr origin;
    struct evm_u256 gas_price; /* effective */
    const struct evm_hash *blob_hashes;
    size_t blob_count;
};

enum evm_call_kind {
    EVM_CALL,
    EVM_CALLCODE,
    EVM_DELEGATECALL,
    EVM_STATICCALL,
    EVM_CREATE,
    EVM_CREATE2
};

/* The top-level message. For EVM_CREATE `input` is the initcode and `to` the new address (its nonce
 * bump and collision check are the vm's; the sender's nonce is the transaction's). */
struct evm_msg {
    enum evm_call_kind kind; /* EVM_CALL or EVM_CREATE at top level */
    struct evm_addr caller, to;
    struct evm_u256 value;
    struct evm_bytes input; /* borrowed */
    int64_t gas;
};

/* What was done, for the virtual driver's cost table. Counted by the metered step only. */
enum evm_cost_class {
    EVM_COST_CHEAP, /* stack, arithmetic without MUL/DIV, comparison, bitwise, PUSH, DUP, SWAP,
                       environment */
    EVM_COST_MUL,   /* MUL, MULMOD, ADDMOD, SIGNEXTEND */
    EVM_COST_DIV,   /* DIV, SDIV, MOD, SMOD */
    EVM_COST_EXP,   /* per exponent byte */
    EVM_COST_JUMP,
    EVM_COST_MEMORY, /* MLOAD, MSTORE, MSTORE8, CALLDATALOAD and the copies' fixed part */
    EVM_COST_COPY,   /* per 32-byte word copied or newly cleared */
    EVM_COST_KECCAK, /* per Keccak-f permutation */
    EVM_COST_SLOAD,  /* slot accesses already loaded (the read itself is the view's) */
    EVM_COST_SSTORE,
    EVM_COST_TRANSIENT,
    EVM_COST_ACCOUNT, /* account accesses already loaded */
    EVM_COST_CALL,    /* frames entered */
    EVM_COST_CREATE,
    EVM_COST_LOG,        /* per log, plus COPY for its data */
    EVM_COST_PRECOMPILE, /* per unit of gas a precompile charged */
    EVM_COST_ECRECOVER,  /* calls of precompile 1; not in PRECOMPILE */
    EVM_COST_CLASS_COUNT
};
struct evm_keccak_memo;
struct evm_meter {
    uint64_t count[EVM_COST_CLASS_COUNT];
    uint64_t keccak_kept;    /* of KECCAK: hashes that `memo` remembered, ... */
    uint64_t keccak_follows; /* ... and others that could have been made beforehand */
    uint64_t gas;         /* what the transaction has used up so far (evm/block/txrun.h sets it) */
    uint64_t cold_blocks; /* basic blocks of code that the memo's core had not run lately */
    struct evm_keccak_memo *memo; /* NULL: nobody remembers */
};

struct evm_vm_result {
    enum evm_halt halt;
    int64_t gas_left;        /* 0 after an exceptional halt; all of it if the value was not there */
    struct evm_bytes output; /* owned by the vm until the next begin() */
};

/* The machine before an opcode (EIP-3155). Everything is borrowed for the length of the call. */
struct evm_trace_step {
    uint64_t pc;
    uint8_t op;
    const char *name; /* "ADD" */
    int64_t gas;
    uint32_t depth; /* 1 at top level */
    struct evm_bytes memory;
    const struct evm_u256 *stack; /* bottom first */
    size_t stack_size;
    struct evm_bytes return_data;
    int64_t refund;
};
/* Called from the metered loop only; any of the three may be NULL. Each step is followed by exactly
 * one charged, before the next step of whatever frame: what the opcode cost, and how it failed
 * (EVM_HALT_STOP or _REVERT if it did not). The cost is all that the opcode took from its frame:
 * for the CALL family with the gas handed on (without the stipend), for CREATE and CREATE2 without.
 * Of an opcode that failed it is as much as was asked for when it failed, its base price at
 * least; for memory beyond all bounds, one more than there was. An opcode that waits for a read is
 * one step, not two. */
struct evm_tracer {
    void (*step)(void *self, const struct evm_trace_step *s);
    void (*charged)(void *self, uint64_t gas_cost, enum evm_halt halt);
    void (*done)(void *self, const struct evm_vm_result *r, int64_t gas_used);
    void *self;
};

struct evm_vm;
struct evm_vm *evm_vm_create(void); /* NULL when memory is out */
void evm_vm_destroy(struct evm_vm *vm);

/* Borrows rules, block, tx, journal and *msg's input until the result is read. The value transfer,
 * the code lookup and precompiles at `to` are part of the run. The caller has deducted intrinsic
 * gas. */
void evm_vm_begin(struct evm_vm *vm, const struct evm_rules *rules,
                  const struct evm_block_env *block, const struct evm_tx_env *tx,
                  struct evm_journal *journal, const struct evm_msg *msg);

/* Runs until the end, a pending read, or (budget > 0) about `budget` opcodes later. With *meter
 * non-NULL it counts into it. Where translated code runs, a slice ends between basic blocks and a
 * block that fails half-way counts whole; which code that is depends on the run alone, so counts
 * and slices are the same for any thread and whatever ran before. */
enum evm_step evm_vm_step(struct evm_vm *vm, struct evm_meter *meter, uint64_t budget);

/* Of the message's gas, what is left in all frames together: between two steps, or at the end. */
int64_t evm_vm_gas_left(const struct evm_vm *vm);

/* Valid after EVM_STEP_DONE. EVM_ERR_MEMORY if an allocation failed on the way (the outcome is then
 * meaningless). */
enum evm_status evm_vm_result(const struct evm_vm *vm, struct evm_vm_result *out);

/* A copy of a run at a pending read. Zeroed is empty; fini gives the memory back. */
struct evm_vm_saved {
    struct evm_buf bytes; /* frames, their stacks, their memories, return data */
    uint32_t depth;
    size_t memory, returned;
    const uint8_t *arena; /* where the memories lay */
    size_t arena_size;
};
/* The gas that the call has used so far. 0 where the run cannot be saved: before its first opcode,
 * after its end, or inside a creation. */
uint64_t evm_vm_progress(const struct evm_vm *vm);
/* After EVM_STEP_READ: keeps the run as it is. False if it cannot be, if that takes more than
 * `most` bytes, or if memory is out. */
bool evm_vm_save(const struct evm_vm *vm, size_t most, struct evm_vm_saved *out);
/* Goes back there, after the end too; the journal must go back as well. */
void evm_vm_restore(struct evm_vm *vm, const struct evm_vm_saved *from);
void evm_vm_saved_fini(struct evm_vm_saved *saved);

/* How code is run. The outcome is the same; only which kind of exceptional halt is reported may
 * differ, where one basic block holds reasons for two. */
enum evm_vm_tier {
    EVM_TIER_AUTO, /* translated once it is hot; at once where the run is metered, so that counts
                      and slices depend on nothing that ran before */
    EVM_TIER_PLAIN,
    EVM_TIER_TRANSLATED /* at once */
};
/* Initcode, traced runs, and codes above EVM_PROGRAM_MAX_CODE are run plainly in any case. For the
 * calls that begin after this; EVM_TIER_AUTO at first. */
void evm_vm_set_tier(struct evm_vm *vm, enum evm_vm_tier tier);

/* NULL switches it off. Borrowed. */
void evm_vm_trace(struct evm_vm *vm, const struct evm_tracer *tracer);

#endif
