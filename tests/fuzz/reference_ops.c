/* The reference's opcodes: one frame from its first byte of code to its end. */
#include "tests/fuzz/reference_frame.h"

/* ---- control -----------------------------------------------------------------------------------
 */

/* Is there a JUMPDEST that is not the data of a PUSH? */
static bool is_jumpdest(struct ref_bytes code, uint64_t dest)
{
    size_t i = 0;
    while (i < code.size && i < dest) {
        uint8_t op = code.data[i];
        i += 1 + (op >= 0x60 && op <= 0x7f ? op - 0x5fu : 0);
    }
    return i == dest && i < code.size && code.data[i] == 0x5b;
}

static void jump(struct frame *f, const struct ref_word *dest)
{
    if (!is_jumpdest(f->call->code, ref_small(dest)))
        f->failed = true;
    else
        f->pc = (size_t)ref_small(dest);
}

static void end_with(struct frame *f, enum ref_status status)
{
    struct ref_word offset = pop(f), size = pop(f);
    if (!reach(f, &offset, &size))
        return;
    f->out_offset = ref_zero(&size) ? 0 : (size_t)ref_small(&offset);
    f->out_size = (size_t)ref_small(&size);
    f->status = status;
    f->done = true;
}

static void push_op(struct frame *f, size_t n)
{
    struct ref_word w = {{0}};
    for (size_t i = 0; i < n; i++)
        w.b[32 - n + i] = byte_at(f->call->code, f->pc, i);
    if (n == 0)
        since(f, REF_SHANGHAI);
    take(f, n ? 3 : 2);
    push(f, w);
    f->pc += n;
}

/* ---- one opcode --------------------------------------------------------------------------------
 */

static void arithmetic(struct frame *f, uint8_t op)
{
    static const uint8_t price[] = {
        [0x01] = 3, [0x02] = 5, [0x03] = 3,  [0x04] = 5, [0x05] = 5, [0x06] = 5, [0x07] = 5,
        [0x08] = 8, [0x09] = 8, [0x0a] = 10, [0x0b] = 5, [0x10] = 3, [0x11] = 3, [0x12] = 3,
        [0x13] = 3, [0x14] = 3, [0x15] = 3,  [0x16] = 3, [0x17] = 3, [0x18] = 3, [0x19] = 3,
        [0x1a] = 3, [0x1b] = 3, [0x1c] = 3,  [0x1d] = 3, [0x1e] = 5};
    bool one = op == 0x15 || op == 0x19 || op == 0x1e, three = op == 0x08 || op == 0x09;
    if (op > 0x1e || price[op] == 0) {
        f->failed = true;
        return;
    }
    if (op >= 0x1b && op <= 0x1d)
        since(f, REF_CONSTANTINOPLE);
    if (op == 0x1e)
        since(f, REF_OSAKA);
    struct ref_word a = pop(f), b = one ? ref_of(0) : pop(f), c = three ? pop(f) : ref_of(0);
    take(f, price[op]);
    if (op == 0x0a) { /* per byte of the exponent: 10, and 50 from EIP-160 on */
        int64_t bytes = 32;
        while (bytes > 0 && b.b[32 - bytes] == 0)
            bytes--;
        take(f, bytes * (f->fork >= REF_SPURIOUS_DRAGON ? 50 : 10));
    }
    push(f, ref_arithmetic(f->r->words, op, &a, &b, &c));
}

static void memory_op(struct frame *f, uint8_t op)
{
    struct ref_word at = pop(f), size = ref_of(op == 0x53 ? 1 : 32);
    take(f, 3);
    if (op == 0x51) {
        if (reach(f, &at, &size))
            push_bytes(f, f->memory + ref_small(&at), 32);
        return;
    }
    struct ref_word value = pop(f);
    if (!reach(f, &at, &size))
        return;
    if (op == 0x52)
        memcpy(f->memory + ref_small(&at), value.b, 32);
    else
        f->memory[ref_small(&at)] = value.b[31];
}

/* 0x30 to 0x4a: what the frame, the transaction and the block are like. */
static void environment(struct frame *f, uint8_t op)
{
    const struct ref_env *e = &f->r->env;
    const struct ref_call *c = f->call;
    struct ref_word a, b, d, w;
    struct ref_addr who;
    switch (op) {
    case 0x30: take(f, 2), push_bytes(f, c->self.b, 20); return;
    case 0x31:
        a = pop(f), who = address(&a);
        ref_take_account(f, &who, 20, 400, 700);
        push(f, ref_balance_of(f->r, &who));
        return;
    case 0x32: take(f, 2), push_bytes(f, e->origin.b, 20); return;
    case 0x33: take(f, 2), push_bytes(f, c->caller.b, 20); return;
    case 0x34: take(f, 2), push(f, c->value); return;
    case 0x35:
        a = pop(f);
        for (uint64_t i = 0; i < 32; i++)
            w.b[i] = byte_at(c->input, ref_small(&a), i);
        take(f, 3), push(f, w);
        return;
    case 0x36: take(f, 2), push(f, ref_of(c->input.size)); return;
    case 0x37:
        a = pop(f), b = pop(f), d = pop(f);
        take(f, 3), copy(f, c->input, &a, &b, &d);
        return;
    case 0x38: take(f, 2), push(f, ref_of(c->code.size)); return;
    case 0x39:
        a = pop(f), b = pop(f), d = pop(f);
        take(f, 3), copy(f, c->code, &a, &b, &d);
        return;
    case 0x3a: take(f, 2), push(f, e->gas_price); return;
    case 0x3b:
        a = pop(f), who = address(&a);
        ref_take_account(f, &who, 20, 700, 700);
        push(f, ref_of(ref_code_of(f->r, &who).size));
        return;
    case 0x3c:
        w = pop(f), who = address(&w);
        a = pop(f), b = pop(f), d = pop(f);
        ref_take_account(f, &who, 20, 700, 700);
        copy(f, ref_code_of(f->r, &who), &a, &b, &d);
        return;
    case 0x3d: since(f, REF_BYZANTIUM), take(f, 2), push(f, ref_of(f->returned_size)); return;
    case 0x3e:
        a = pop(f), b = pop(f), d = pop(f);
        since(f, REF_BYZANTIUM);
        if (ref_small(&b) > f->returned_size || ref_small(&d) > f->returned_size - ref_small(&b))
            f->failed = true; /* EIP-211 */
        take(f, 3), copy(f, (struct ref_bytes){f->returned, f->returned_size}, &a, &b, &d);
        return;
    case 0x3f: ref_op_extcodehash(f); return;
    case 0x40: ref_op_blockhash(f); return;
    case 0x41: take(f, 2), push_bytes(f, e->coinbase.b, 20); return;
    case 0x42: take(f, 2), push(f, ref_of(e->timestamp)); return;
    case 0x43: take(f, 2), push(f, ref_of(e->number)); return;
    case 0x44: take(f, 2), push(f, f->fork >= REF_PARIS ? e->prev_randao : e->difficulty); return;
    case 0x45: take(f, 2), push(f, ref_of(e->gas_limit)); return;
    case 0x46: since(f, REF_ISTANBUL), take(f, 2), push(f, ref_of(e->chain_id)); return;
    case 0x47: since(f, REF_ISTANBUL), take(f, 5), push(f, ref_balance_of(f->r, &c->self)); return;
    case 0x48: since(f, REF_LONDON), take(f, 2), push(f, e->base_fee); return;
    case 0x49:
        a = pop(f);
        since(f, REF_CANCUN), take(f, 3);
        push(f, ref_small(&a) < e->blob_count ? e->blob_hashes[ref_small(&a)] : ref_of(0));
        return;
    case 0x4a: since(f, REF_CANCUN), take(f, 2), push(f, e->blob_base_fee); return;
    default: f->failed = true;
    }
}

/* 0x50 to 0x5e. */
static void flow(struct frame *f, uint8_t op)
{
    struct ref_word a, b, c;
    switch (op) {
    case 0x50: pop(f), take(f, 2); return;
    case 0x51:
    case 0x52:
    case 0x53: memory_op(f, op); return;
    case 0x54: ref_op_sload(f); return;
    case 0x55: ref_op_sstore(f); return;
    case 0x56: a = pop(f), take(f, 8), jump(f, &a); return;
    case 0x57:
        a = pop(f), b = pop(f), take(f, 10);
        if (!ref_zero(&b))
            jump(f, &a);
        return;
    case 0x58: take(f, 2), push(f, ref_of(f->pc - 1)); return;
    case 0x59: take(f, 2), push(f, ref_of(f->memory_size)); return;
    case 0x5a:
        take(f, 2);
        if (!f->failed)
            push(f, ref_of((uint64_t)f->gas));
        return;
    case 0x5b: take(f, 1); return;
    case 0x5c:
        a = pop(f), since(f, REF_CANCUN), take(f, 100);
        push(f, ref_slot_at(&f->r->world, &f->call->self, &a)->transient);
        return;
    case 0x5d:
        a = pop(f), b = pop(f), since(f, REF_CANCUN), not_static(f), take(f, 100);
        ref_slot_at(&f->r->world, &f->call->self, &a)->transient = b;
        return;
    case 0x5e: /* EIP-5656 */
        a = pop(f), b = pop(f), c = pop(f);
        since(f, REF_CANCUN), take(f, 3), take_words(f, &c, 3);
        if (reach(f, &a, &c) && reach(f, &b, &c) && !ref_zero(&c))
            memmove(f->memory + ref_small(&a), f->memory + ref_small(&b), (size_t)ref_small(&c));
        return;
    default: f->failed = true;
    }
}

static void keccak(struct frame *f)
{
    struct ref_word offset = pop(f), size = pop(f);
    take(f, 30);
    take_words(f, &size, 6);
    if (reach(f, &offset, &size))
        push(f, ref_keccak(bytes_of(f, &offset, &size)));
}

static void dup_op(struct frame *f, size_t n)
{
    take(f, 3);
    if (f->height < n)
        f->failed = true;
    else
        push(f, f->stack[f->height - n]);
}

static void swap_op(struct frame *f, size_t n)
{
    take(f, 3);
    if (f->height <= n) {
        f->failed = true;
        return;
    }
    struct ref_word *top = &f->stack[f->height - 1], *other = top - n, held = *top;
    *top = *other;
    *other = held;
}

static void step(struct frame *f)
{
    uint8_t op = f->call->code.data[f->pc++];
    if (op == 0x00)
        f->done = true;
    else if (op <= 0x1f)
        arithmetic(f, op);
    else if (op == 0x20)
        keccak(f);
    else if (op >= 0x30 && op <= 0x4f)
        environment(f, op);
    else if (op >= 0x50 && op <= 0x5e)
        flow(f, op);
    else if (op >= 0x5f && op <= 0x7f)
        push_op(f, op - 0x5fu);
    else if (op >= 0x80 && op <= 0x8f)
        dup_op(f, op - 0x7fu);
    else if (op >= 0x90 && op <= 0x9f)
        swap_op(f, op - 0x8fu);
    else if (op >= 0xa0 && op <= 0xa4)
        ref_op_log(f, op - 0xa0u);
    else if (op == 0xf0 || op == 0xf5)
        ref_op_create(f, op == 0xf5);
    else if (op == 0xf1 || op == 0xf2 || op == 0xf4 || op == 0xfa)
        ref_op_call(f, op);
    else if (op == 0xf3)
        end_with(f, REF_OK);
    else if (op == 0xfd)
        since(f, REF_BYZANTIUM), end_with(f, REF_REVERT);
    else if (op == 0xff)
        ref_op_selfdestruct(f);
    else
        f->failed = true;
}

struct ref_result ref_execute(struct ref *r, const struct ref_call *c)
{
    struct frame *f = ref_alloc(sizeof *f);
    f->r = r;
    f->call = c;
    f->fork = r->env.fork;
    f->gas = c->gas;
    f->status = REF_OK;
    if (c->depth > r->deepest)
        r->deepest = c->depth;
    while (!f->done && !f->failed && f->pc < c->code.size) {
        uint8_t op = c->code.data[f->pc];
        step(f);
        r->executed[op] += !f->failed;
    }
    struct ref_result result = {.status = REF_FAIL};
    if (!f->failed) {
        result = (struct ref_result){f->status, f->gas, ref_alloc(f->out_size), f->out_size};
        if (f->out_size)
            memcpy(result.output, f->memory + f->out_offset, f->out_size);
    }
    free(f->memory);
    free(f->returned);
    free(f);
    return result;
}
