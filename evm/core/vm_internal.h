/* evm/core/vm_internal.h - the interpreter's insides, shared by its own files:
 *   vm.c         life, frames' memory, entering the top message, results
 *   vm_frame.c   entering and leaving calls and creations
 *   vm_ops.c     opcodes that touch the state, each a function outside the loop
 *   vm_calls.c   CALL, CREATE and SELFDESTRUCT
 *   vm_loop.h    the plain loop, compiled twice: vm_fast.c and vm_metered.c
 *   vm_program.c the loop for translated programs (program_internal.h)
 *   vm_bodies.def  what each opcode does, for both
 *   vm_tier.c    which of them a frame runs in
 *   vm_save.c    going back to where a run was
 *
 * A loop keeps gas, stack pointer and code pointer in locals; before it calls any function here
 * that takes a frame it writes them back, and reads them again afterwards.
 *
 * An opcode that may wait for a read changes nothing before its last read has been answered: gas,
 * warmth and stack are written once that is sure. Memory is the exception (it grows early, because
 * CREATE2 must hash it) and is shrunk again when the opcode has to wait. */
#ifndef EVM_CORE_VM_INTERNAL_H
#define EVM_CORE_VM_INTERNAL_H

#include "evm/core/buf.h"
#include "evm/core/opcodes.h"
#include "evm/core/precompile.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"

#define VM_STACK_WORDS 1024
#define VM_STACK_SPARE 32   /* more, that only translated programs use, for what is on its way */
#define VM_MAX_DEPTH   1024 /* calls below the top one (Yellow Paper: Ie < 1024 may call) */

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* More memory than this costs over 2^45 gas (2^27 words squared / 512), a million blocks' worth, so
 * an offset or a size beyond it is out of gas. Keeps memory within what hosts have, and sizes and
 * costs far inside 64 bits. */
#define VM_MEMORY_LIMIT ((uint64_t)1 << 32)

union program_word;
struct evm_program;

struct frame {
    /* The loop's registers while it is elsewhere. sp points behind the top word. */
    const uint8_t *ip;
    const union program_word *tip; /* where the translated program goes on; NULL: it runs plainly */
    const struct evm_program *program; /* where tip lies */
    struct evm_u256 *sp;
    int64_t gas;

    struct evm_u256 *stack; /* VM_STACK_WORDS and the spare, made at first use, kept for good */
    const struct evm_code *code;
    size_t memory_offset; /* in the arena */
    size_t memory_size;   /* a multiple of 32 */
    size_t word_limit;    /* a word at any offset below this lies inside memory */

    struct evm_bytes input;
    struct evm_jaccount *self; /* whose storage and balance */
    struct evm_addr caller;
    enum evm_call_kind kind;
    struct evm_u256 value;
    bool is_static;
    evm_snapshot snapshot;
    size_t out_offset, out_size; /* where the caller wants the output */
    struct evm_code *initcode;   /* owned, creations only */

    /* A frame that runs plainly: bytes of code it may still run before it is translated, as of
     * `since`, the last jump's target. */
    int64_t patience;
    const uint8_t *since;
};

enum vm_phase { VM_IDLE, VM_START, VM_RUN, VM_DONE };

struct evm_vm {
    const struct evm_rules *rules;
    const struct evm_block_env *block;
    const struct evm_tx_env *tx;
    struct evm_journal *journal;

    struct frame *frames; /* VM_MAX_DEPTH + 1 */
    struct frame *top;    /* the running one */
    uint8_t *arena;       /* the frames' memories, one behind the other */
    size_t arena_size;
    struct evm_buf returndata; /* of the running frame's last call; at the end, the output */

    enum vm_phase phase;
    enum evm_halt halt; /* set where a function returns VM_HALT */
    bool no_memory;
    bool crossing; /* a loop has stopped because the top frame is for the other one */
    enum evm_vm_tier tier;
    bool retrying; /* the opcode at ip was started before and had to wait */
    struct evm_msg msg;
    struct evm_vm_result result;

    struct evm_meter *meter; /* NULL in the fast loop */
    struct evm_meter unread; /* where the metered loop counts if nobody asked */
    uint64_t budget;         /* opcodes left in this slice */
    const struct evm_tracer *tracer;
    bool trace_open;     /* a step was reported, its charge not yet */
    uint8_t trace_op;    /* of that step */
    int64_t trace_gas;   /* before it */
    int64_t trace_asked; /* what it asked for when the gas did not suffice, if known */

    /* Where each opcode's code lies, for the fork of `labels_of`. */
    const struct evm_rules *labels_of;
    const void *fast[256], *metered[256];
};

/* What the loop does after a function. */
enum vm_next {
    VM_NEXT,    /* the next opcode of the same frame; gas, stack and memory may have changed */
    VM_SWITCH,  /* another frame runs now, or the same one with ip already moved, or all is done */
    VM_PENDING, /* nothing happened: stop, start the opcode again at the next step */
    VM_HALT     /* the frame ends exceptionally with vm->halt */
};

static inline enum vm_next vm_halt(struct evm_vm *vm, enum evm_halt why)
{
    vm->halt = why;
    return VM_HALT;
}

/* Out of gas in an opcode that has asked for `cost` in all. */
static inline enum vm_next vm_short(struct evm_vm *vm, int64_t cost)
{
    vm->trace_asked = cost;
    return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
}

static inline void vm_count(struct evm_vm *vm, enum evm_cost_class c, uint64_t n)
{
    if (vm->meter)
        vm->meter->count[c] += n;
}

/* Tells the meter's memo of a hash (vm.c). */
void vm_meet_hash(struct evm_vm *vm, const struct evm_hash *hash, struct evm_bytes in);

static inline uint8_t *vm_memory(const struct evm_vm *vm, const struct frame *f)
{
    return vm->arena + f->memory_offset;
}

static inline uint64_t vm_words(uint64_t bytes)
{
    return (bytes + 31) / 32;
}

/* ---- vm.c ------------------------------------------------------------------------------------ */

/* Makes [offset, offset + size) of the frame's memory usable. Returns the gas left of `gas`;
 * below 0, what is missing (or -1), nothing was changed. May move the arena. */
int64_t vm_grow(struct evm_vm *vm, struct frame *f, const struct evm_u256 *offset,
                const struct evm_u256 *size, int64_t gas);
/* The same for a size of 1 or 32. */
int64_t vm_grow_some(struct evm_vm *vm, struct frame *f, const struct evm_u256 *offset,
                     uint64_t size, int64_t gas);
/* Takes the growth since `size` back; returns VM_PENDING. */
enum vm_next vm_wait(struct evm_vm *vm, struct frame *f, size_t size);
/* Tells the tracer what the open step cost: `gas` is what its frame has left. */
void vm_trace_charge(struct evm_vm *vm, int64_t gas, enum evm_halt halt);
/* Puts a frame on top with an empty stack and empty memory. NULL when memory is out. */
struct frame *vm_push_frame(struct evm_vm *vm);

/* Forgets the frames, and the initcode of those that never ended. */
void vm_drop_frames(struct evm_vm *vm);

/* ---- vm_frame.c ------------------------------------------------------------------------------ */

struct vm_call {
    enum evm_call_kind kind;
    struct evm_jaccount *self;   /* whose storage the code works on */
    struct evm_jaccount *callee; /* whose code it is */
    struct evm_jaccount *payer;  /* value leaves it for self; CALL with value only */
    struct evm_addr caller;
    struct evm_u256 value; /* as CALLVALUE shows it */
    struct evm_bytes input;
    int64_t gas;
    bool is_static;
    const struct evm_code *code;
    const struct evm_precompile *precompile; /* instead of code, if not NULL */
    size_t out_offset, out_size;
};

/* Begins the call on top of the running frame (or as the first one). Everything it needs is loaded
 * and the value is there. */
enum vm_next vm_enter_call(struct evm_vm *vm, const struct vm_call *c);
/* Likewise for a creation at c->self; c->input is the initcode. */
enum vm_next vm_enter_create(struct evm_vm *vm, const struct vm_call *c);
/* Ends the running frame; its registers are written back. Output is in its memory. */
void vm_leave(struct evm_vm *vm, enum evm_halt halt, const uint8_t *output, size_t size);
/* Hands a result that never had a frame to the running frame (or to the caller of the vm). */
void vm_deliver(struct evm_vm *vm, const struct vm_call *c, enum evm_halt halt, int64_t gas);

/* ---- vm_ops.c, vm_calls.c: one function an opcode ---------------------------------------------
 */

enum vm_next vm_op_balance(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_selfbalance(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_extcodesize(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_extcodecopy(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_extcodehash(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_blockhash(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_sload(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_sstore(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_tload(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_tstore(struct evm_vm *vm, struct frame *f);
enum vm_next vm_op_log(struct evm_vm *vm, struct frame *f, unsigned topics);
enum vm_next vm_op_call(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind);
enum vm_next vm_op_create(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind);
enum vm_next vm_op_selfdestruct(struct evm_vm *vm, struct frame *f);

/* Copies n bytes of src from `offset` on, with zeros past its end. */
void vm_copy_padded(uint8_t *to, struct evm_bytes src, const struct evm_u256 *offset, size_t n);

static inline int64_t vm_base_gas(const struct evm_vm *vm, enum evm_opcode op)
{
    return vm->rules->ops[op].gas;
}

/* The gas a first access costs on top of the opcode's price; 0 before EIP-2929. */
static inline int64_t vm_cold_account(const struct evm_vm *vm, const struct evm_jaccount *acc)
{
    return vm->rules->access_lists && !acc->warm ? (int64_t)vm->rules->cold_account_extra_gas : 0;
}

static inline void vm_warm_account(struct evm_vm *vm, struct evm_jaccount *acc)
{
    if (vm->rules->access_lists && !acc->warm)
        evm_journal_warm_account(vm->journal, acc);
}

/* Loads what is missing of an entry. */
static inline enum evm_read vm_load(struct evm_vm *vm, struct evm_jaccount *acc, unsigned need)
{
    return (acc->loaded & need) == need ? EVM_READ_OK : evm_journal_load(vm->journal, acc, need);
}

static inline struct evm_jaccount *vm_entry(struct evm_vm *vm, const struct evm_addr *addr)
{
    struct evm_jaccount *acc;
    evm_journal_account(vm->journal, addr, 0, &acc); /* never waits */
    return acc;
}

/* ---- the loops ------------------------------------------------------------------------------- */

/* Runs vm->top until the end, a pending read, or the end of the budget. With labels not NULL it
 * only tells where the opcodes' code is: 256 entries (NULL where there is no such opcode) and the
 * place for undefined ones. */
/* They also stop when the top frame belongs to the other kind of loop: vm->crossing. */
enum evm_step vm_run_fast(struct evm_vm *vm, const void *const **labels);
enum evm_step vm_run_metered(struct evm_vm *vm, const void *const **labels);
/* The same for frames with a translated program, counting or not. */
enum evm_step vm_run_program(struct evm_vm *vm, const void *const **handlers);

/* vm_tier.c. Where a new frame starts: sets tip, or patience. */
void vm_tier_start(struct evm_vm *vm, struct frame *f);
/* The frame's patience is over, at a JUMPDEST (f->ip). True if it goes on translated. */
bool vm_tier_rise(struct evm_vm *vm, struct frame *f);
/* The frame ends. */
void vm_tier_leave(struct frame *f);

#endif
