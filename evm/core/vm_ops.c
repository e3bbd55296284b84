/* Opcodes that look at or change the state, calls and creations apart (vm_calls.c). Each finds what
 * it costs with the warmth as it is, gives up if the gas is not there, reads, and only then acts.
 */
#include "evm/core/vm_internal.h"

void vm_copy_padded(uint8_t *to, struct evm_bytes src, const struct evm_u256 *offset, size_t n)
{
    uint64_t start = evm_u256_clamp64(offset);
    size_t have = start < src.size ? src.size - (size_t)start : 0;
    if (have > n)
        have = n;
    if (have)
        memcpy(to, src.data + start, have);
    memset(to + have, 0, n - have);
}

/* ---- accounts -------------------------------------------------------------------------------- */

/* The common part of the opcodes that look at the account whose address is on top of the stack:
 * VM_NEXT with the entry loaded, warmed and paid for, `more` gas included. */
static enum vm_next look_at(struct evm_vm *vm, struct frame *f, enum evm_opcode op, unsigned need,
                            int64_t more, struct evm_jaccount **out)
{
    struct evm_addr addr;
    evm_u256_to_addr(&addr, &f->sp[-1]);
    struct evm_jaccount *acc = vm_entry(vm, &addr);
    int64_t cost = vm_base_gas(vm, op) + vm_cold_account(vm, acc) + more;
    if (f->gas < cost)
        return vm_short(vm, cost);
    if (vm_load(vm, acc, need) != EVM_READ_OK)
        return VM_PENDING;
    vm_warm_account(vm, acc);
    f->gas -= cost;
    *out = acc;
    return VM_NEXT;
}

enum vm_next vm_op_balance(struct evm_vm *vm, struct frame *f)
{
    struct evm_jaccount *acc;
    enum vm_next next = look_at(vm, f, EVM_OP_BALANCE, EVM_NEED_BALANCE, 0, &acc);
    if (next == VM_NEXT) {
        acc->balance_observed = true;
        f->sp[-1] = acc->balance;
    }
    return next;
}

enum vm_next vm_op_selfbalance(struct evm_vm *vm, struct frame *f)
{
    int64_t cost = vm_base_gas(vm, EVM_OP_SELFBALANCE);
    if (f->gas < cost)
        return vm_short(vm, cost);
    if (vm_load(vm, f->self, EVM_NEED_BALANCE) != EVM_READ_OK)
        return VM_PENDING;
    f->gas -= cost;
    f->self->balance_observed = true;
    *f->sp++ = f->self->balance;
    return VM_NEXT;
}

enum vm_next vm_op_extcodesize(struct evm_vm *vm, struct frame *f)
{
    struct evm_jaccount *acc;
    enum vm_next next = look_at(vm, f, EVM_OP_EXTCODESIZE, EVM_NEED_CODE, 0, &acc);
    if (next == VM_NEXT)
        f->sp[-1] = evm_u256_of(acc->code->size);
    return next;
}

enum vm_next vm_op_extcodecopy(struct evm_vm *vm, struct frame *f)
{
    const struct evm_u256 *to = &f->sp[-2], *from = &f->sp[-3], *size = &f->sp[-4];
    size_t before = f->memory_size;
    int64_t gas = vm_grow(vm, f, to, size, f->gas);
    if (gas < 0)
        return vm_short(vm, f->gas - gas);
    uint64_t words = vm_words(size->w[0]); /* memory took it, so it is small */
    int64_t more = f->gas - gas + (int64_t)(words * 3);
    struct evm_jaccount *acc;
    enum vm_next next = look_at(vm, f, EVM_OP_EXTCODECOPY, EVM_NEED_CODE, more, &acc);
    if (next == VM_PENDING)
        return vm_wait(vm, f, before);
    if (next != VM_NEXT)
        return next;
    if (words) {
        struct evm_bytes code = {acc->code->bytes, acc->code->size};
        vm_copy_padded(vm_memory(vm, f) + to->w[0], code, from, (size_t)size->w[0]);
        vm_count(vm, EVM_COST_COPY, words);
    }
    f->sp -= 4;
    return VM_NEXT;
}

enum vm_next vm_op_extcodehash(struct evm_vm *vm, struct frame *f)
{
    struct evm_addr addr;
    evm_u256_to_addr(&addr, &f->sp[-1]);
    struct evm_jaccount *acc = vm_entry(vm, &addr);
    int64_t cost = vm_base_gas(vm, EVM_OP_EXTCODEHASH) + vm_cold_account(vm, acc);
    if (f->gas < cost)
        return vm_short(vm, cost);
    if (vm_load(vm, acc, EVM_NEED_CODE) != EVM_READ_OK)
        return VM_PENDING;
    /* Only an account without code can be empty, and then nonce and balance decide. */
    bool empty = false;
    if (acc->code->size == 0) {
        if (evm_journal_empty(vm->journal, acc, &empty) != EVM_READ_OK)
            return VM_PENDING;
    }
    vm_warm_account(vm, acc);
    f->gas -= cost;
    if (empty)
        f->sp[-1] = evm_u256_of(0);
    else
        evm_u256_load_be(&f->sp[-1], acc->code->hash.b);
    return VM_NEXT;
}

enum vm_next vm_op_blockhash(struct evm_vm *vm, struct frame *f)
{
    int64_t cost = vm_base_gas(vm, EVM_OP_BLOCKHASH);
    if (f->gas < cost)
        return vm_short(vm, cost);
    f->gas -= cost;
    uint64_t number = evm_u256_clamp64(&f->sp[-1]), now = vm->block->number;
    struct evm_hash hash = {{0}};
    if (number < now && now - number <= 256)
        evm_journal_block_hash(vm->journal, number, &hash);
    evm_u256_load_be(&f->sp[-1], hash.b);
    return VM_NEXT;
}

/* ---- storage --------------------------------------------------------------------------------- */

enum vm_next vm_op_sload(struct evm_vm *vm, struct frame *f)
{
    struct evm_jslot *slot;
    evm_journal_slot(vm->journal, f->self, &f->sp[-1], false, &slot);
    bool cold = vm->rules->access_lists && !slot->warm;
    int64_t cost = vm_base_gas(vm, EVM_OP_SLOAD);
    if (cold)
        cost += (int64_t)vm->rules->cold_slot_extra_gas;
    if (f->gas < cost)
        return vm_short(vm, cost);
    if (!slot->loaded &&
        evm_journal_slot(vm->journal, f->self, &f->sp[-1], true, &slot) != EVM_READ_OK)
        return VM_PENDING;
    if (cold)
        evm_journal_warm_slot(vm->journal, f->self, slot);
    f->gas -= cost;
    f->sp[-1] = slot->current;
    return VM_NEXT;
}

struct store_price {
    int64_t gas, refund;
};

/* Before EIP-2200 and EIP-1283: only zero or not, before and after. */
static struct store_price gross_price(const struct evm_rules *r, const struct evm_jslot *slot,
                                      const struct evm_u256 *value)
{
    bool was = !evm_u256_is_zero(&slot->current), is = !evm_u256_is_zero(value);
    return (struct store_price){
        .gas = (int64_t)(!was && is ? r->sstore_set_gas : r->sstore_reset_gas),
        .refund = was && !is ? (int64_t)r->sstore_clear_refund : 0,
    };
}

/* EIP-1283 and EIP-2200 (with the numbers of EIP-2929 and EIP-3529): the difference between the
 * values at the start of the transaction, now, and after. */
static struct store_price net_price(const struct evm_rules *r, const struct evm_jslot *slot,
                                    const struct evm_u256 *value)
{
    struct store_price p = {(int64_t)r->sstore_noop_gas, 0};
    int64_t clear = (int64_t)r->sstore_clear_refund;
    if (evm_u256_eq(value, &slot->current))
        return p;
    bool was_zero = evm_u256_is_zero(&slot->original);
    if (evm_u256_eq(&slot->original, &slot->current)) {
        p.gas = (int64_t)(was_zero ? r->sstore_set_gas : r->sstore_reset_gas);
        if (!was_zero && evm_u256_is_zero(value))
            p.refund = clear;
        return p;
    }
    if (!was_zero) {
        if (evm_u256_is_zero(&slot->current))
            p.refund -= clear;
        else if (evm_u256_is_zero(value))
            p.refund += clear;
    }
    if (evm_u256_eq(value, &slot->original))
        p.refund +=
            (int64_t)((was_zero ? r->sstore_set_gas : r->sstore_reset_gas) - r->sstore_noop_gas);
    return p;
}

enum vm_next vm_op_sstore(struct evm_vm *vm, struct frame *f)
{
    const struct evm_rules *r = vm->rules;
    const struct evm_u256 *key = &f->sp[-1], *value = &f->sp[-2];
    if (f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    if (r->sstore_sentry_gas && f->gas <= (int64_t)r->sstore_sentry_gas)
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
    struct evm_jslot *slot;
    evm_journal_slot(vm->journal, f->self, key, false, &slot);
    bool cold = r->access_lists && !slot->warm;
    int64_t cost = cold ? (int64_t)r->cold_slot_gas : 0;
    if (f->gas < cost)
        return vm_short(vm, cost);
    if (!slot->loaded && evm_journal_slot(vm->journal, f->self, key, true, &slot) != EVM_READ_OK)
        return VM_PENDING;
    struct store_price p = r->sstore_net ? net_price(r, slot, value) : gross_price(r, slot, value);
    if (f->gas < cost + p.gas)
        return vm_short(vm, cost + p.gas);
    f->gas -= cost + p.gas;
    if (cold)
        evm_journal_warm_slot(vm->journal, f->self, slot);
    if (p.refund)
        evm_journal_add_refund(vm->journal, p.refund);
    if (!evm_u256_eq(value, &slot->current))
        evm_journal_set_slot(vm->journal, f->self, slot, value);
    f->sp -= 2;
    return VM_NEXT;
}

enum vm_next vm_op_tload(struct evm_vm *vm, struct frame *f)
{
    int64_t cost = vm_base_gas(vm, EVM_OP_TLOAD);
    if (f->gas < cost)
        return vm_short(vm, cost);
    f->gas -= cost;
    evm_journal_transient_get(vm->journal, f->self, &f->sp[-1], &f->sp[-1]);
    return VM_NEXT;
}

enum vm_next vm_op_tstore(struct evm_vm *vm, struct frame *f)
{
    int64_t cost = vm_base_gas(vm, EVM_OP_TSTORE);
    if (f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    if (f->gas < cost)
        return vm_short(vm, cost);
    f->gas -= cost;
    evm_journal_transient_set(vm->journal, f->self, &f->sp[-1], &f->sp[-2]);
    f->sp -= 2;
    return VM_NEXT;
}

/* ---- logs ------------------------------------------------------------------------------------ */

enum vm_next vm_op_log(struct evm_vm *vm, struct frame *f, unsigned topics)
{
    const struct evm_u256 *offset = &f->sp[-1], *size = &f->sp[-2];
    if (f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    int64_t gas = vm_grow(vm, f, offset, size, f->gas - vm_base_gas(vm, EVM_OP_LOG0 + topics));
    int64_t bytes_gas = gas < 0 ? 0 : (int64_t)(8 * size->w[0]);
    if (gas < bytes_gas)
        return vm_short(vm, f->gas - gas + bytes_gas);
    f->gas = gas - bytes_gas;
    struct evm_hash words[4];
    for (unsigned i = 0; i < topics; i++)
        evm_u256_store_be(words[i].b, &f->sp[-3 - (int)i]);
    struct evm_bytes data = {NULL, (size_t)size->w[0]};
    if (data.size)
        data.data = vm_memory(vm, f) + offset->w[0];
    evm_journal_log(vm->journal, &f->self->addr, topics, words, data);
    vm_count(vm, EVM_COST_COPY, vm_words(data.size));
    f->sp -= 2 + topics;
    return VM_NEXT;
}
