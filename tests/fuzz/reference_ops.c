/* The reference's opcodes: one frame from its first byte of code to its end. An operation that
 * cannot go on sets `failed`, and whatever it still does is undone with the whole frame. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/reference_internal.h"

struct frame {
    struct ref *r;
    const struct ref_call *call;
    enum ref_fork fork;
    struct ref_word stack[1024];
    size_t height, pc, memory_size;
    uint8_t *memory;
    int64_t gas;
    uint8_t *returned; /* the last call's output */
    size_t returned_size;
    bool failed, done;
    enum ref_status status;
    size_t out_offset, out_size;
};

/* ---- gas, stack, memory ------------------------------------------------------------------------
 */

static void take(struct frame *f, int64_t gas)
{
    f->gas -= gas;
    if (f->gas < 0)
        f->failed = true;
}

/* The opcode is not there before that fork. */
static void since(struct frame *f, enum ref_fork fork)
{
    if (f->fork < fork)
        f->failed = true;
}

static void not_static(struct frame *f)
{
    if (f->call->is_static)
        f->failed = true;
}

static struct ref_word pop(struct frame *f)
{
    if (f->height == 0) {
        f->failed = true;
        return ref_of(0);
    }
    return f->stack[--f->height];
}

static void push(struct frame *f, struct ref_word w)
{
    if (f->height == 1024) {
        f->failed = true;
        return;
    }
    f->stack[f->height++] = w;
}

static void push_bytes(struct frame *f, const uint8_t *bytes, size_t n)
{
    struct ref_word w = {{0}};
    memcpy(w.b + 32 - n, bytes, n);
    push(f, w);
}

static struct ref_addr address(const struct ref_word *w)
{
    struct ref_addr a;
    memcpy(a.b, w->b + 12, 20);
    return a;
}

static int64_t memory_price(uint64_t words)
{
    return (int64_t)(3 * words + words * words / 512);
}

/* Makes memory [offset, offset + size) there and pays for it. False (and failed) if it cannot be
 * paid; nothing to do for size 0. Beyond 2^32 bytes memory costs more than any gas we run with. */
static bool reach(struct frame *f, const struct ref_word *offset, const struct ref_word *size)
{
    uint64_t from = ref_small(offset), n = ref_small(size), most = (uint64_t)1 << 32;
    if (n == 0)
        return !f->failed;
    if (from > most || n > most) {
        f->failed = true;
        return false;
    }
    uint64_t words = (from + n + 31) / 32;
    if (words * 32 > f->memory_size) {
        take(f, memory_price(words) - memory_price(f->memory_size / 32));
        if (f->failed)
            return false;
        f->memory = realloc(f->memory, words * 32);
        if (!f->memory)
            abort();
        memset(f->memory + f->memory_size, 0, words * 32 - f->memory_size);
        f->memory_size = words * 32;
    }
    return !f->failed;
}

static void take_words(struct frame *f, const struct ref_word *size, int64_t price)
{
    uint64_t n = ref_small(size);
    if (n > (uint64_t)1 << 32)
        f->failed = true;
    else
        take(f, price * (int64_t)((n + 31) / 32));
}

/* The bytes of a range that was reached. */
static struct ref_bytes bytes_of(const struct frame *f, const struct ref_word *offset,
                                 const struct ref_word *size)
{
    if (f->failed || ref_zero(size))
        return (struct ref_bytes){NULL, 0};
    return (struct ref_bytes){f->memory + ref_small(offset), ref_small(size)};
}

/* Byte i of something that goes on in zeros. */
static uint8_t byte_at(struct ref_bytes from, uint64_t offset, uint64_t i)
{
    return offset < from.size && i < from.size - offset ? from.data[offset + i] : 0;
}

/* CALLDATACOPY, CODECOPY, EXTCODECOPY: 3 gas a word and the memory, then the copy. */
static void copy(struct frame *f, struct ref_bytes from, const struct ref_word *to,
                 const struct ref_word *offset, const struct ref_word *size)
{
    take_words(f, size, 3);
    if (!reach(f, to, size))
        return;
    for (uint64_t i = 0; i < ref_small(size); i++)
        f->memory[ref_small(to) + i] = byte_at(from, ref_small(offset), i);
}

/* ---- accounts and storage ----------------------------------------------------------------------
 */

/* The price of looking at an account: of the fork, or (EIP-2929) of the first time and later. */
static void take_account(struct frame *f, const struct ref_addr *a, int64_t first,
                         int64_t tangerine_whistle, int64_t istanbul)
{
    struct ref_account *acc = ref_account_at(&f->r->world, a);
    if (f->fork >= REF_BERLIN)
        take(f, acc->warm || ref_is_precompile(f->r, a) ? 100 : 2600);
    else if (f->fork >= REF_ISTANBUL)
        take(f, istanbul);
    else
        take(f, f->fork >= REF_TANGERINE_WHISTLE ? tangerine_whistle : first);
    acc->warm = true;
}

static void extcodehash(struct frame *f)
{
    struct ref_word w = pop(f);
    struct ref_addr a = address(&w);
    since(f, REF_CONSTANTINOPLE);
    take_account(f, &a, 400, 400, 700);
    push(f, ref_is_empty(f->r, &a) ? ref_of(0) : ref_keccak(ref_code_of(f->r, &a)));
}

static void sload(struct frame *f)
{
    struct ref_word key = pop(f);
    struct ref_slot *s = ref_slot_at(&f->r->world, &f->call->self, &key);
    if (f->fork >= REF_BERLIN)
        take(f, s->warm ? 100 : 2100);
    else
        take(f, f->fork >= REF_ISTANBUL ? 800 : f->fork >= REF_TANGERINE_WHISTLE ? 200 : 50);
    s->warm = true;
    push(f, s->value);
}

/* EIP-1283, EIP-2200, EIP-2929, EIP-3529: net gas. */
static void net_store(struct frame *f, const struct ref_slot *s, const struct ref_word *value)
{
    int64_t again = f->fork >= REF_BERLIN ? 100 : f->fork >= REF_ISTANBUL ? 800 : 200;
    int64_t reset = f->fork >= REF_BERLIN ? 2900 : 5000;
    int64_t clear = f->fork >= REF_LONDON ? 4800 : 15000;
    int64_t *refund = &f->r->world.refund;
    if (ref_compare(&s->value, value) == 0) {
        take(f, again);
        return;
    }
    if (ref_compare(&s->original, &s->value) == 0) {
        take(f, ref_zero(&s->original) ? 20000 : reset);
        if (!ref_zero(&s->original) && ref_zero(value))
            *refund += clear;
        return;
    }
    take(f, again);
    if (!ref_zero(&s->original)) {
        if (ref_zero(&s->value))
            *refund -= clear;
        if (ref_zero(value))
            *refund += clear;
    }
    if (ref_compare(&s->original, value) == 0)
        *refund += ref_zero(&s->original) ? 20000 - again : reset - again;
}

static void sstore(struct frame *f)
{
    struct ref_word key = pop(f), value = pop(f);
    not_static(f);
    if (f->fork >= REF_ISTANBUL && f->gas <= 2300) /* EIP-2200 */
        f->failed = true;
    struct ref_slot *s = ref_slot_at(&f->r->world, &f->call->self, &key);
    if (f->fork >= REF_BERLIN && !s->warm)
        take(f, 2100);
    s->warm = true;
    if (f->fork == REF_CONSTANTINOPLE || f->fork >= REF_ISTANBUL) {
        net_store(f, s, &value);
    } else {
        take(f, ref_zero(&s->value) && !ref_zero(&value) ? 20000 : 5000);
        if (!ref_zero(&s->value) && ref_zero(&value))
            f->r->world.refund += 15000;
    }
    s->value = value;
    ref_touch(f->r, &f->call->self);
}

static void log_op(struct frame *f, unsigned topics)
{
    struct ref_word offset = pop(f), size = pop(f);
    struct ref_log log = {.addr = f->call->self, .topic_count = topics};
    not_static(f);
    for (unsigned i = 0; i < topics; i++)
        log.topics[i] = pop(f);
    take(f, 375 * (topics + 1));
    if (!reach(f, &offset, &size))
        return;
    struct ref_bytes data = bytes_of(f, &offset, &size);
    take(f, 8 * (int64_t)data.size);
    if (f->failed)
        return;
    log.data = ref_alloc(data.size);
    log.size = data.size;
    if (data.size)
        memcpy(log.data, data.data, data.size);
    ref_log_add(f->r, &log);
}

static void selfdestruct(struct frame *f)
{
    struct ref_word w = pop(f);
    struct ref_addr heir = address(&w), self = f->call->self;
    struct ref_word all = ref_balance_of(f->r, &self);
    struct ref_account *to = ref_account_at(&f->r->world, &heir);
    not_static(f);
    take(f, f->fork >= REF_TANGERINE_WHISTLE ? 5000 : 0);
    if (f->fork >= REF_BERLIN && !to->warm && !ref_is_precompile(f->r, &heir))
        take(f, 2600);
    to->warm = true;
    bool is_new = f->fork >= REF_SPURIOUS_DRAGON ? !ref_zero(&all) && ref_is_empty(f->r, &heir)
                                                 : f->fork >= REF_TANGERINE_WHISTLE && !to->exists;
    take(f, is_new ? 25000 : 0);
    bool goes = f->fork < REF_CANCUN || ref_account_at(&f->r->world, &self)->created;
    bool to_itself = memcmp(heir.b, self.b, 20) == 0;
    ref_touch(f->r, &heir);
    if (!to_itself)
        ref_transfer(f->r, &self, &heir, &all);
    struct ref_account *a = ref_account_at(&f->r->world, &self);
    if (goes) {
        a->balance = ref_of(0);
        if (!a->destructed && f->fork < REF_LONDON)
            f->r->world.refund += 24000;
        a->destructed = true;
    }
    f->done = true;
}

static void blockhash(struct frame *f)
{
    struct ref_word n = pop(f), hash = ref_of(0);
    const struct ref_env *e = &f->r->env;
    uint64_t number = ref_small(&n);
    if (number < e->number && number + 256 >= e->number)
        for (size_t i = 0; i < e->hash_count; i++)
            if (e->hash_numbers[i] == number)
                hash = e->hashes[i];
    take(f, 20);
    push(f, hash);
}

/* ---- calls and creations -----------------------------------------------------------------------
 */

static void keep_returned(struct frame *f, struct ref_result *result)
{
    free(f->returned);
    f->returned = result->output;
    f->returned_size = result->size;
    f->gas += result->gas;
}

static void call_op(struct frame *f, uint8_t op)
{
    bool has_value = op == 0xf1 || op == 0xf2;
    struct ref_word asked = pop(f), to = pop(f), value = has_value ? pop(f) : ref_of(0);
    struct ref_word in = pop(f), in_size = pop(f), out = pop(f), out_size = pop(f);
    struct ref_addr callee = address(&to), target;
    bool pays = !ref_zero(&value);
    if (op == 0xf4)
        since(f, REF_HOMESTEAD);
    if (op == 0xfa)
        since(f, REF_BYZANTIUM);
    if (op == 0xf1 && pays)
        not_static(f);
    reach(f, &in, &in_size);
    reach(f, &out, &out_size);
    take_account(f, &callee, 40, 700, 700);
    take(f, pays ? 9000 : 0);
    if (op == 0xf1) {
        bool is_new = f->fork >= REF_SPURIOUS_DRAGON
                          ? pays && ref_is_empty(f->r, &callee)
                          : !ref_account_at(&f->r->world, &callee)->exists;
        take(f, is_new ? 25000 : 0);
    }
    struct ref_bytes code = ref_code_of(f->r, &callee);
    if (!ref_is_precompile(f->r, &callee) && ref_delegation(f->r, code, &target)) {
        take_account(f, &target, 0, 0, 0);
        code = ref_is_precompile(f->r, &target) ? (struct ref_bytes){NULL, 0}
                                                : ref_code_of(f->r, &target);
    }
    if (f->failed)
        return;
    uint64_t most = (uint64_t)f->gas, wanted = ref_small(&asked);
    if (f->fork >= REF_TANGERINE_WHISTLE) {
        most -= most / 64;
        if (wanted > most)
            wanted = most;
    }
    if (wanted > most) {
        f->failed = true;
        return;
    }
    f->gas -= (int64_t)wanted;
    struct ref_call c = {
        .self = op == 0xf1 || op == 0xfa ? callee : f->call->self,
        .caller = op == 0xf4 ? f->call->caller : f->call->self,
        .value = op == 0xf4 ? f->call->value : value,
        .code = code,
        .input = bytes_of(f, &in, &in_size),
        .gas = (int64_t)wanted + (pays ? 2300 : 0),
        .depth = f->call->depth + 1,
        .is_static = f->call->is_static || op == 0xfa,
    };
    struct ref_word funds = ref_balance_of(f->r, &f->call->self);
    struct ref_result result = {.status = REF_FAIL, .gas = c.gas};
    if (f->call->depth < 1024 && ref_compare(&funds, &value) >= 0)
        result = ref_message_call(f->r, &c, &callee, op == 0xf1, op == 0xfa);
    keep_returned(f, &result);
    size_t n = result.size < ref_small(&out_size) ? result.size : (size_t)ref_small(&out_size);
    if (n)
        memcpy(f->memory + ref_small(&out), result.output, n);
    push(f, ref_of(result.status == REF_OK));
}

static void create_op(struct frame *f, bool two)
{
    struct ref_word value = pop(f), offset = pop(f), size = pop(f);
    struct ref_word salt = two ? pop(f) : ref_of(0);
    struct ref_addr self = f->call->self;
    if (two)
        since(f, REF_CONSTANTINOPLE);
    not_static(f);
    take(f, 32000);
    take_words(f, &size, two ? 6 : 0);
    if (f->fork >= REF_SHANGHAI) { /* EIP-3860 */
        take_words(f, &size, 2);
        if (ref_small(&size) > 49152)
            f->failed = true;
    }
    if (!reach(f, &offset, &size))
        return;
    struct ref_call c = {
        .caller = self,
        .value = value,
        .code = bytes_of(f, &offset, &size),
        .gas = f->fork >= REF_TANGERINE_WHISTLE ? f->gas - f->gas / 64 : f->gas,
        .depth = f->call->depth + 1,
    };
    struct ref_account *a = ref_account_at(&f->r->world, &self);
    struct ref_result result = {.status = REF_FAIL};
    if (f->call->depth < 1024 && ref_compare(&a->balance, &value) >= 0 && a->nonce != UINT64_MAX) {
        c.self =
            two ? ref_create2_address(&self, &salt, c.code) : ref_create_address(&self, a->nonce);
        a->nonce++;
        ref_touch(f->r, &self);
        ref_account_at(&f->r->world, &c.self)->warm = true;
        f->gas -= c.gas;
        result = ref_creation(f->r, &c);
    }
    if (result.status == REF_OK) {
        push_bytes(f, c.self.b, 20);
        result.size = 0;
    } else {
        push(f, ref_of(0));
    }
    keep_returned(f, &result);
}

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
        take_account(f, &who, 20, 400, 700);
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
        take_account(f, &who, 20, 700, 700);
        push(f, ref_of(ref_code_of(f->r, &who).size));
        return;
    case 0x3c:
        w = pop(f), who = address(&w);
        a = pop(f), b = pop(f), d = pop(f);
        take_account(f, &who, 20, 700, 700);
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
    case 0x3f: extcodehash(f); return;
    case 0x40: blockhash(f); return;
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
    case 0x54: sload(f); return;
    case 0x55: sstore(f); return;
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
        log_op(f, op - 0xa0u);
    else if (op == 0xf0 || op == 0xf5)
        create_op(f, op == 0xf5);
    else if (op == 0xf1 || op == 0xf2 || op == 0xf4 || op == 0xfa)
        call_op(f, op);
    else if (op == 0xf3)
        end_with(f, REF_OK);
    else if (op == 0xfd)
        since(f, REF_BYZANTIUM), end_with(f, REF_REVERT);
    else if (op == 0xff)
        selfdestruct(f);
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
