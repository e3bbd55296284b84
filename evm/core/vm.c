#include "evm/core/alloc.h"
#include "evm/core/keccak_memo.h"
#include "evm/core/vm_internal.h"

/* ---- life ------------------------------------------------------------------------------------ */

struct evm_vm *evm_vm_create(void)
{
    struct evm_vm *vm = evm_calloc(1, sizeof *vm);
    struct frame *frames = evm_calloc(VM_MAX_DEPTH + 1, sizeof *frames);
    if (!vm || !frames) {
        free(vm);
        free(frames);
        return NULL;
    }
    vm->frames = frames;
    return vm;
}

void vm_drop_frames(struct evm_vm *vm)
{
    for (struct frame *f = vm->top; f && f >= vm->frames; f--) {
        free(f->initcode);
        f->initcode = NULL;
    }
    vm->top = NULL;
}

void evm_vm_destroy(struct evm_vm *vm)
{
    if (!vm)
        return;
    vm_drop_frames(vm);
    for (size_t i = 0; i <= VM_MAX_DEPTH; i++)
        free(vm->frames[i].stack);
    free(vm->frames);
    free(vm->arena);
    evm_buf_fini(&vm->returndata);
    free(vm);
}

static void prepare_labels(const struct evm_rules *rules, const void *const *all, const void **mine)
{
    for (size_t i = 0; i < 256; i++)
        mine[i] = rules->ops[i].defined && all[i] ? all[i] : all[256];
}

void evm_vm_begin(struct evm_vm *vm, const struct evm_rules *rules,
                  const struct evm_block_env *block, const struct evm_tx_env *tx,
                  struct evm_journal *journal, const struct evm_msg *msg)
{
    vm_drop_frames(vm);
    if (vm->labels_of != rules) {
        const void *const *labels;
        vm_run_fast(vm, &labels);
        prepare_labels(rules, labels, vm->fast);
        vm_run_metered(vm, &labels);
        prepare_labels(rules, labels, vm->metered);
        vm->labels_of = rules;
    }
    vm->rules = rules;
    vm->block = block;
    vm->tx = tx;
    vm->journal = journal;
    vm->msg = *msg;
    vm->phase = VM_START;
    vm->no_memory = false;
    vm->retrying = false;
    vm->trace_open = false;
    evm_buf_clear(&vm->returndata);
}

void evm_vm_trace(struct evm_vm *vm, const struct evm_tracer *tracer)
{
    vm->tracer = tracer;
    vm->trace_open = false;
}

void evm_vm_set_tier(struct evm_vm *vm, enum evm_vm_tier tier)
{
    vm->tier = tier;
}

/* ---- frames and their memory ----------------------------------------------------------------- */

/* A larger arena; the inputs of frames that lie in the old one are pointed at the new one. */
static bool arena_grow(struct evm_vm *vm, size_t need)
{
    size_t size = vm->arena_size ? vm->arena_size : (size_t)1 << 16;
    while (size < need)
        size *= 2;
    uint8_t *arena = evm_malloc(size);
    if (!arena)
        return false;
    size_t used = vm->top->memory_offset + vm->top->memory_size;
    if (used)
        memcpy(arena, vm->arena, used);
    for (struct frame *f = vm->frames + 1; f <= vm->top; f++)
        if (f->input.size && f->input.data >= vm->arena &&
            f->input.data < vm->arena + vm->arena_size)
            f->input.data = arena + (f->input.data - vm->arena);
    free(vm->arena);
    vm->arena = arena;
    vm->arena_size = size;
    return true;
}

static void set_memory_size(struct frame *f, size_t size)
{
    f->memory_size = size;
    f->word_limit = size ? size - 31 : 0;
}

/* Memory to `words` words, more than there are. Yellow Paper, equation 324: 3 gas a word and a
 * 512th of the words squared. */
static int64_t grow_to(struct evm_vm *vm, struct frame *f, uint64_t words, int64_t gas)
{
    uint64_t before = f->memory_size / 32;
    gas -= (int64_t)((words - before) * 3 + words * words / 512 - before * before / 512);
    if (gas < 0)
        return gas;
    size_t end = f->memory_offset + (size_t)words * 32;
    if (UNLIKELY(end > vm->arena_size) && !arena_grow(vm, end)) {
        vm->no_memory = true;
        return -1;
    }
    uint8_t *to = vm->arena + end;
    if (words - before <= 4)
        for (uint8_t *p = to - (words - before) * 32; p < to; p += 32)
            memset(p, 0, 32);
    else
        memset(to - (words - before) * 32, 0, (words - before) * 32);
    set_memory_size(f, (size_t)words * 32);
    vm_count(vm, EVM_COST_COPY, words - before);
    return gas;
}

int64_t vm_grow(struct evm_vm *vm, struct frame *f, const struct evm_u256 *offset,
                const struct evm_u256 *size, int64_t gas)
{
    if (evm_u256_is_zero(size))
        return gas;
    uint64_t start = evm_u256_clamp64(offset), length = evm_u256_clamp64(size);
    if (start > VM_MEMORY_LIMIT || length > VM_MEMORY_LIMIT)
        return -1;
    uint64_t words = vm_words(start + length);
    return words * 32 <= f->memory_size ? gas : grow_to(vm, f, words, gas);
}

int64_t vm_grow_some(struct evm_vm *vm, struct frame *f, const struct evm_u256 *offset,
                     uint64_t size, int64_t gas)
{
    if (UNLIKELY(!evm_u256_fits64(offset) || offset->w[0] > VM_MEMORY_LIMIT))
        return -1;
    uint64_t words = vm_words(offset->w[0] + size);
    return words * 32 <= f->memory_size ? gas : grow_to(vm, f, words, gas);
}

enum vm_next vm_wait(struct evm_vm *vm, struct frame *f, size_t size)
{
    if (vm->meter)
        vm->meter->count[EVM_COST_COPY] -= (f->memory_size - size) / 32;
    set_memory_size(f, size);
    return VM_PENDING;
}

struct frame *vm_push_frame(struct evm_vm *vm)
{
    struct frame *f = vm->top ? vm->top + 1 : vm->frames;
    EVM_DCHECK(f - vm->frames <= VM_MAX_DEPTH, "frame %td", f - vm->frames);
    if (!f->stack) {
        f->stack = evm_malloc((VM_STACK_WORDS + VM_STACK_SPARE) * sizeof *f->stack);
        if (!f->stack) {
            vm->no_memory = true;
            return NULL;
        }
    }
    f->memory_offset = vm->top ? vm->top->memory_offset + vm->top->memory_size : 0;
    set_memory_size(f, 0);
    f->sp = f->stack;
    f->initcode = NULL;
    vm->top = f;
    return f;
}

/* ---- the top-level message ------------------------------------------------------------------- */

static enum vm_next refuse(struct evm_vm *vm, const struct vm_call *c, enum evm_halt why)
{
    vm_deliver(vm, c, why, vm->msg.gas); /* nothing ran: the caller keeps it */
    return VM_SWITCH;
}

/* Code the account runs: its own, or its delegate's (EIP-7702). */
static enum vm_next start_call(struct evm_vm *vm)
{
    const struct evm_msg *m = &vm->msg;
    bool pays = !evm_u256_is_zero(&m->value);
    struct evm_jaccount *payer = vm_entry(vm, &m->caller), *to = vm_entry(vm, &m->to);
    struct evm_jaccount *delegate = NULL;
    if (pays && (vm_load(vm, payer, EVM_NEED_BALANCE) || vm_load(vm, to, EVM_NEED_BALANCE)))
        return VM_PENDING;
    const struct evm_precompile *precompile = evm_precompile_find(vm->rules, &m->to);
    to->accessed = true;
    if (!precompile && vm_load(vm, to, EVM_NEED_CODE))
        return VM_PENDING;
    if (!precompile && vm->rules->delegation && to->code->is_delegation) {
        delegate = vm_entry(vm, &to->code->delegate);
        if (vm_load(vm, delegate, EVM_NEED_CODE))
            return VM_PENDING;
    }
    struct vm_call c = {
        .kind = EVM_CALL,
        .self = to,
        .callee = to,
        .payer = payer,
        .caller = m->caller,
        .value = m->value,
        .input = m->input,
        .gas = m->gas,
        .precompile = precompile,
    };
    if (!precompile)
        c.code = delegate ? delegate->code : to->code;
    if (pays && !evm_journal_balance_reaches(vm->journal, payer, &m->value))
        return refuse(vm, &c, EVM_HALT_INSUFFICIENT_BALANCE);
    vm_warm_account(vm, to);
    if (delegate) {
        vm_warm_account(vm, delegate);
        if (evm_precompile_find(vm->rules, &delegate->addr))
            c.code = evm_code_empty();
    }
    return vm_enter_call(vm, &c);
}

static enum vm_next start_create(struct evm_vm *vm)
{
    const struct evm_msg *m = &vm->msg;
    bool pays = !evm_u256_is_zero(&m->value);
    struct evm_jaccount *payer = vm_entry(vm, &m->caller), *to = vm_entry(vm, &m->to);
    unsigned need = EVM_NEED_NONCE | EVM_NEED_CODE | EVM_NEED_STORAGE;
    if ((pays && vm_load(vm, payer, EVM_NEED_BALANCE)) ||
        vm_load(vm, to, need | (pays ? EVM_NEED_BALANCE : 0)))
        return VM_PENDING;
    struct vm_call c = {
        .kind = EVM_CREATE,
        .self = to,
        .payer = payer,
        .caller = m->caller,
        .value = m->value,
        .input = m->input,
        .gas = m->gas,
    };
    if (pays && !evm_journal_balance_reaches(vm->journal, payer, &m->value))
        return refuse(vm, &c, EVM_HALT_INSUFFICIENT_BALANCE);
    vm_warm_account(vm, to);
    return vm_enter_create(vm, &c);
}

/* ---- traces ----------------------------------------------------------------------------------
 */

void vm_trace_charge(struct evm_vm *vm, int64_t gas, enum evm_halt halt)
{
    int64_t cost = vm->trace_gas - gas;
    if (halt != EVM_HALT_STOP && halt != EVM_HALT_REVERT) {
        int64_t base = vm->rules->ops[vm->trace_op].gas;
        cost = cost > vm->trace_asked ? cost : vm->trace_asked;
        cost = cost > base ? cost : base;
    }
    vm->trace_open = false;
    if (vm->tracer->charged)
        vm->tracer->charged(vm->tracer->self, (uint64_t)cost, halt);
}

/* ---- stepping -------------------------------------------------------------------------------- */

static void report_end(struct evm_vm *vm)
{
    if (vm->tracer && vm->tracer->done)
        vm->tracer->done(vm->tracer->self, &vm->result, vm->msg.gas - vm->result.gas_left);
}

/* Hands the frames to the loop they belong to. */
static enum evm_step run(struct evm_vm *vm, bool metered)
{
    enum evm_step s;
    do {
        vm->crossing = false;
        if (vm->top->tip)
            s = vm_run_program(vm, NULL);
        else
            s = metered ? vm_run_metered(vm, NULL) : vm_run_fast(vm, NULL);
    } while (vm->crossing);
    return s;
}

void vm_meet_hash(struct evm_vm *vm, const struct evm_hash *hash, struct evm_bytes in)
{
    const struct evm_msg *msg = &vm->msg;
    struct evm_meter *m = vm->meter;
    enum evm_keccak_known known = evm_keccak_memo_meet(m->memo, &msg->caller, msg->input, in, hash);
    m->keccak_kept += known == EVM_KECCAK_KEPT;
    m->keccak_follows += known == EVM_KECCAK_FOLLOWS;
}

enum evm_step evm_vm_step(struct evm_vm *vm, struct evm_meter *meter, uint64_t budget)
{
    bool metered = meter || budget || vm->tracer;
    vm->meter = meter ? meter : metered ? &vm->unread : NULL;
    vm->budget = budget ? budget : UINT64_MAX;
    EVM_CHECK(vm->phase != VM_IDLE, "evm_vm_step before evm_vm_begin (phase %d)", (int)vm->phase);
    if (vm->phase == VM_DONE)
        return EVM_STEP_DONE;
    if (vm->phase == VM_START) {
        enum vm_next next = vm->msg.kind == EVM_CREATE ? start_create(vm) : start_call(vm);
        if (next == VM_PENDING)
            return EVM_STEP_READ;
        if (vm->phase != VM_DONE)
            vm->phase = VM_RUN;
    }
    enum evm_step s = EVM_STEP_DONE;
    if (vm->phase == VM_RUN)
        s = run(vm, metered);
    if (s == EVM_STEP_DONE)
        report_end(vm);
    return s;
}

int64_t evm_vm_gas_left(const struct evm_vm *vm)
{
    int64_t sum = 0;
    if (vm->phase == VM_START)
        return vm->msg.gas;
    if (vm->phase == VM_DONE)
        return vm->result.gas_left;
    for (const struct frame *f = vm->frames; f <= vm->top; f++)
        sum += f->gas;
    return sum;
}

enum evm_status evm_vm_result(const struct evm_vm *vm, struct evm_vm_result *out)
{
    EVM_CHECK(vm->phase == VM_DONE, "evm_vm_result before the end (phase %d)", (int)vm->phase);
    *out = vm->result;
    bool failed = vm->no_memory || vm->returndata.failed || evm_journal_failed(vm->journal);
    return failed ? EVM_ERR_MEMORY : EVM_OK;
}

const char *evm_halt_name(enum evm_halt h)
{
    static const char *const names[EVM_HALT_COUNT] = {
        [EVM_HALT_STOP] = "stop",
        [EVM_HALT_REVERT] = "revert",
        [EVM_HALT_OUT_OF_GAS] = "out of gas",
        [EVM_HALT_INVALID_OPCODE] = "invalid opcode",
        [EVM_HALT_STACK_UNDERFLOW] = "stack underflow",
        [EVM_HALT_STACK_OVERFLOW] = "stack overflow",
        [EVM_HALT_BAD_JUMP] = "bad jump",
        [EVM_HALT_STATIC_VIOLATION] = "static violation",
        [EVM_HALT_RETURN_DATA_BOUNDS] = "return data bounds",
        [EVM_HALT_CALL_DEPTH] = "call depth",
        [EVM_HALT_INSUFFICIENT_BALANCE] = "insufficient balance",
        [EVM_HALT_NONCE_OVERFLOW] = "nonce overflow",
        [EVM_HALT_ADDRESS_COLLISION] = "address collision",
        [EVM_HALT_INITCODE_SIZE] = "initcode size",
        [EVM_HALT_CODE_SIZE] = "code size",
        [EVM_HALT_BAD_CODE_PREFIX] = "bad code prefix",
        [EVM_HALT_PRECOMPILE_FAILURE] = "precompile failure",
    };
    return (unsigned)h < EVM_HALT_COUNT ? names[h] : "unknown";
}
