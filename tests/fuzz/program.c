#include "tests/fuzz/program.h"

#include "evm/core/address.h"
#include "evm/core/opcodes.h"
#include "evm/core/u256.h"
#include "tests/fuzz/fuzz.h"

#define MAX_JUMPS 64

/* ---- a program under construction --------------------------------------------------------------
 */

struct program {
    struct fuzz_in *in;
    const struct fuzz_world *world;
    const struct evm_op_info *ops;
    uint8_t *code;
    size_t size;
    size_t dests[MAX_JUMPS], dest_count; /* offsets of JUMPDESTs */
    size_t holes[MAX_JUMPS], hole_count; /* offsets of the two bytes that name one */
    uint8_t wishes[MAX_JUMPS];           /* which one */
    unsigned height;                     /* words on the stack, if no jump went astray */
};

static void emit(struct program *p, uint8_t b)
{
    if (p->size < FUZZ_CODE_SIZE)
        p->code[p->size++] = b;
}

static void emit_op(struct program *p, uint8_t op)
{
    const struct evm_op_info *info = &p->ops[op];
    p->height = (p->height < info->pops ? 0 : p->height - info->pops) + info->pushes;
    emit(p, op);
}

static void emit_number(struct program *p, uint64_t x)
{
    unsigned n = 1;
    while (n < 8 && x >> 8 * n)
        n++;
    emit_op(p, (uint8_t)(EVM_OP_PUSH1 + n - 1));
    for (unsigned i = n; i-- > 0;)
        emit(p, (uint8_t)(x >> 8 * i));
}

static void emit_bytes(struct program *p, const uint8_t *bytes, unsigned n)
{
    emit_op(p, (uint8_t)(EVM_OP_PUSH1 + n - 1));
    for (unsigned i = 0; i < n; i++)
        emit(p, bytes[i]);
}

static void emit_jumpdest(struct program *p)
{
    if (p->dest_count < MAX_JUMPS && p->size < FUZZ_CODE_SIZE)
        p->dests[p->dest_count++] = p->size;
    emit_op(p, EVM_OP_JUMPDEST);
}

/* Pushes the place of a JUMPDEST that is chosen when all are known. */
static void emit_place(struct program *p)
{
    uint8_t wish = fuzz_u8(p->in);
    emit_op(p, EVM_OP_PUSH1 + 1);
    if (p->hole_count < MAX_JUMPS && p->size + 2 <= FUZZ_CODE_SIZE) {
        p->wishes[p->hole_count] = wish;
        p->holes[p->hole_count++] = p->size;
    }
    emit(p, 0);
    emit(p, wish);
}

static void fill_places(struct program *p)
{
    for (size_t i = 0; i < p->hole_count && p->dest_count; i++) {
        size_t dest = p->dests[p->wishes[i] % p->dest_count];
        p->code[p->holes[i]] = (uint8_t)(dest >> 8);
        p->code[p->holes[i] + 1] = (uint8_t)dest;
    }
}

/* Enough words on the stack for the next opcode, a few that are there already among them. */
static void deepen(struct program *p, unsigned words)
{
    while (p->height < words)
        emit_number(p, p->height * 0x1111u);
}

/* ---- operands ----------------------------------------------------------------------------------
 */

/* Words at the edges of what arithmetic and conversions do. */
static void emit_edge(struct program *p, uint8_t which)
{
    uint8_t w[32] = {0};
    unsigned k = which / 8 % 32;
    switch (which % 8) {
    case 0: memset(w, 0xff, sizeof w); break;
    case 1: w[0] = 0x80; break;
    case 2:
        memset(w, 0xff, sizeof w);
        w[0] = 0x7f;
        break;
    case 3: w[31 - k] = 1; break; /* 2^(8k) */
    case 4:                       /* 2^(8k) - 1 */
        for (unsigned i = 0; i < k; i++)
            w[31 - i] = 0xff;
        break;
    case 5: /* -2^(8k) */ memset(w, 0xff, 32 - k); break;
    case 6: memset(w, 0xff, sizeof w), w[31] = (uint8_t)(0xff - k); break;
    default: w[31 - k] = 0x80;
    }
    emit_bytes(p, w, 32);
}

static void emit_address(struct program *p)
{
    uint8_t k = fuzz_u8(p->in);
    if (k % 32 < 20) {
        emit_bytes(p, p->world->accounts[k % FUZZ_ACCOUNTS].addr.b, 20);
    } else if (k % 32 < 30) {
        emit_number(p, k % 8 == 7 ? 0x100 : 1 + k / 8 % 18); /* the precompiles, and one beyond */
    } else {
        uint8_t other[20] = {0xdd, [19] = k};
        emit_bytes(p, other, 20);
    }
}

static void emit_operand(struct program *p)
{
    uint8_t k = fuzz_u8(p->in), v = fuzz_u8(p->in), bytes[32];
    switch (k % 16) {
    case 0:
    case 1:
    case 2:
    case 3: emit_number(p, v); break;
    case 4: emit_number(p, v % 4); break;
    case 5: emit_number(p, (uint64_t)v << 8 | fuzz_u8(p->in)); break;
    case 6:
    case 7: emit_edge(p, v); break;
    case 8:
        fuzz_fill(p->in, bytes, 32);
        emit_bytes(p, bytes, 1 + v % 32u);
        break;
    case 9: emit_address(p); break;
    case 10: deepen(p, v % 4 + 1u), emit_op(p, (uint8_t)(EVM_OP_DUP1 + v % 4)); break;
    case 11: { /* what the surroundings push by themselves */
        static const uint8_t plain[] = {EVM_OP_ADDRESS,    EVM_OP_ORIGIN,   EVM_OP_CALLER,
                                        EVM_OP_CALLVALUE,  EVM_OP_CODESIZE, EVM_OP_PC,
                                        EVM_OP_MSIZE,      EVM_OP_GAS,      EVM_OP_NUMBER,
                                        EVM_OP_PREVRANDAO, EVM_OP_COINBASE, EVM_OP_CALLDATASIZE};
        emit_op(p, plain[v % sizeof plain]);
        break;
    }
    case 12: emit_number(p, v), emit_op(p, EVM_OP_CALLDATALOAD); break;
    case 13: emit_number(p, v % 4), emit_op(p, EVM_OP_SLOAD); break;
    default: /* what lies on the stack already */
        if (p->height < 3)
            emit_number(p, v);
    }
}

/* Sizes at the edges of code, memory and hashing, or small. */
static void emit_size(struct program *p)
{
    static const uint16_t edges[] = {0,   1,   31,  32,   33,    64,    128,   136,  192,
                                     213, 256, 384, 1024, 24576, 24577, 49152, 49153};
    uint8_t v = fuzz_u8(p->in);
    emit_number(p, v < 200 ? v % 70u : edges[v % (sizeof edges / sizeof *edges)]);
}

static void emit_range(struct program *p)
{
    emit_size(p);
    emit_number(p, fuzz_u8(p->in));
}

/* ---- phrases -----------------------------------------------------------------------------------
 */

static void phrase_opcode(struct program *p)
{
    uint8_t op = fuzz_u8(p->in);
    while (!p->ops[op].defined) /* those that are not come with phrase_bytes */
        op += 0x2b;
    if (op >= EVM_OP_PUSH1)
        deepen(p, p->ops[op].pops);
    for (unsigned i = 0; op < EVM_OP_PUSH1 && i < p->ops[op].pops; i++)
        emit_operand(p);
    emit_op(p, op);
}

static void phrase_arithmetic(struct program *p)
{
    uint8_t k = fuzz_u8(p->in) % 27;
    uint8_t op = k < 12 ? k : (uint8_t)(k + 4); /* 0x00 to 0x0b, 0x10 to 0x1e */
    if (op == EVM_OP_STOP)
        op = EVM_OP_MULMOD;
    if (!p->ops[op].defined)
        op -= 0x10; /* SHL to CLZ: by ADDMOD and its like */
    for (unsigned i = 0; i < p->ops[op].pops; i++)
        emit_operand(p);
    emit_op(p, op);
}

static void phrase_call(struct program *p)
{
    static const uint8_t kinds[] = {EVM_OP_CALL,      EVM_OP_CALL,         EVM_OP_CALL,
                                    EVM_OP_CALLCODE,  EVM_OP_DELEGATECALL, EVM_OP_DELEGATECALL,
                                    EVM_OP_STATICCALL};
    uint8_t k = fuzz_u8(p->in);
    uint8_t op = kinds[k % sizeof kinds];
    if (!p->ops[op].defined)
        op = EVM_OP_CALL;
    emit_range(p);
    emit_range(p);
    if (op == EVM_OP_CALL || op == EVM_OP_CALLCODE)
        emit_number(p, k & 0x40 ? fuzz_u8(p->in) : 0);
    emit_address(p);
    if (k & 0x80) {
        emit_operand(p);
    } else if (k & 0x20) { /* nearly all, before EIP-150 did that by itself */
        emit_number(p, (uint64_t)fuzz_u8(p->in) << 3);
        emit_op(p, EVM_OP_GAS);
        emit_op(p, EVM_OP_SUB);
    } else {
        emit_op(p, EVM_OP_GAS);
    }
    emit_op(p, op);
}

/* Writes initcode to memory: a short program of the input's own, or one that returns some of this
 * code; then creates. */
static void phrase_create(struct program *p)
{
    uint8_t k = fuzz_u8(p->in);
    bool two = (k & 1) && p->ops[EVM_OP_CREATE2].defined;
    if (k & 2) {
        uint8_t init[32];
        fuzz_fill(p->in, init, sizeof init);
        emit_bytes(p, init, 32);
        emit_number(p, 0);
        emit_op(p, EVM_OP_MSTORE);
        if (two)
            emit_number(p, k >> 6);
        emit_number(p, 32);
        emit_number(p, 0);
    } else if (k & 4) { /* PUSH1 v PUSH1 k SSTORE, returns its own first bytes */
        uint8_t init[] = {0x60, (uint8_t)(k >> 5),
                          0x60, (uint8_t)(k >> 3 & 3),
                          0x55, 0x60,
                          k,    0x60,
                          0x00, 0x60,
                          0x00, 0x39,
                          0x60, k,
                          0x60, 0x00,
                          0xf3};
        emit_bytes(p, init, sizeof init);
        emit_number(p, 0);
        emit_op(p, EVM_OP_MSTORE);
        if (two)
            emit_number(p, k >> 6);
        emit_number(p, sizeof init);
        emit_number(p, 32 - sizeof init);
    } else { /* this very code as initcode */
        emit_op(p, EVM_OP_CODESIZE);
        emit_number(p, fuzz_u8(p->in));
        emit_number(p, 0);
        emit_op(p, EVM_OP_CODECOPY);
        if (two)
            emit_number(p, k >> 6);
        emit_size(p);
        emit_number(p, 0);
    }
    emit_number(p, k & 8 ? fuzz_u8(p->in) : 0);
    emit_op(p, two ? EVM_OP_CREATE2 : EVM_OP_CREATE);
}

static void phrase_storage(struct program *p)
{
    uint8_t k = fuzz_u8(p->in);
    if (k & 1) {
        emit_number(p, k >> 6);
        emit_number(p, k >> 2 & 3);
        emit_op(p, k & 2 && p->world->fork >= EVM_CANCUN ? EVM_OP_TSTORE : EVM_OP_SSTORE);
    } else {
        emit_number(p, k >> 2 & 3);
        emit_op(p, k & 2 && p->world->fork >= EVM_CANCUN ? EVM_OP_TLOAD : EVM_OP_SLOAD);
    }
}

static void phrase_copy(struct program *p)
{
    static const uint8_t ops[] = {EVM_OP_CALLDATACOPY, EVM_OP_CODECOPY, EVM_OP_RETURNDATACOPY,
                                  EVM_OP_MCOPY, EVM_OP_EXTCODECOPY};
    uint8_t op = ops[fuzz_u8(p->in) % sizeof ops];
    uint8_t k = fuzz_u8(p->in);
    if (!p->ops[op].defined)
        op = EVM_OP_CODECOPY;
    if (op == EVM_OP_RETURNDATACOPY && k % 8) { /* behind its end it fails */
        emit_number(p, k % 3);
        emit_op(p, EVM_OP_RETURNDATASIZE);
        emit_op(p, EVM_OP_SUB);
        emit_number(p, k % 3);
        emit_number(p, k);
        emit_op(p, op);
        return;
    }
    emit_size(p);
    if (k % 8)
        emit_number(p, fuzz_u8(p->in) % 64);
    else
        emit_operand(p);
    emit_number(p, fuzz_u8(p->in));
    if (op == EVM_OP_EXTCODECOPY)
        emit_address(p);
    emit_op(p, op);
}

static void phrase_jump(struct program *p)
{
    uint8_t k = fuzz_u8(p->in);
    if (k % 8 == 0) {
        emit_place(p);
        emit_op(p, EVM_OP_JUMP);
    } else if (k % 8 < 4) {
        emit_operand(p);
        deepen(p, 1);
        emit_place(p);
        emit_op(p, EVM_OP_JUMPI);
    } else { /* JUMPDEST ... while (gas > some) */
        emit_number(p, (uint64_t)k << 8);
        emit_op(p, EVM_OP_GAS);
        emit_op(p, EVM_OP_GT);
        emit_place(p);
        emit_op(p, EVM_OP_JUMPI);
    }
}

static void phrase_end(struct program *p)
{
    uint8_t k = fuzz_u8(p->in);
    switch (k % 8) {
    case 0: emit_op(p, EVM_OP_STOP); break;
    case 1:
    case 2: emit_range(p), emit_op(p, EVM_OP_RETURN); break;
    case 3:
    case 4:
        emit_range(p);
        emit_op(p, p->ops[EVM_OP_REVERT].defined ? EVM_OP_REVERT : EVM_OP_RETURN);
        break;
    case 5: emit_address(p), emit_op(p, EVM_OP_SELFDESTRUCT); break;
    case 6: emit_op(p, EVM_OP_INVALID); break;
    default: break;
    }
    emit_jumpdest(p);
}

static void phrase_look(struct program *p)
{
    static const uint8_t ops[] = {EVM_OP_BALANCE, EVM_OP_EXTCODESIZE, EVM_OP_EXTCODEHASH};
    uint8_t op = ops[fuzz_u8(p->in) % sizeof ops];
    if (!p->ops[op].defined)
        op = EVM_OP_BALANCE;
    emit_address(p);
    emit_op(p, op);
}

static void phrase_memory(struct program *p)
{
    static const uint8_t ops[] = {EVM_OP_MSTORE, EVM_OP_MSTORE8, EVM_OP_MSTORE, EVM_OP_MLOAD};
    uint8_t op = ops[fuzz_u8(p->in) % sizeof ops];
    if (op != EVM_OP_MLOAD) {
        emit_operand(p);
        deepen(p, 1);
    }
    emit_number(p, fuzz_u8(p->in));
    emit_op(p, op);
}

static void phrase_hash_or_log(struct program *p)
{
    uint8_t k = fuzz_u8(p->in) % 8;
    for (unsigned i = 0; k > 2 && i < k - 3u; i++)
        emit_operand(p);
    emit_range(p);
    emit_op(p, k > 2 ? (uint8_t)(EVM_OP_LOG0 + k - 3) : EVM_OP_KECCAK256);
}

static void phrase_bytes(struct program *p)
{
    for (unsigned n = fuzz_u8(p->in) % 16u; n > 0; n--)
        emit(p, fuzz_u8(p->in));
}

/* Shows what was computed: some words of the stack go to memory, or one to storage or a log; the
 * program may then end with all its memory as output. */
static void show(struct program *p, uint8_t how)
{
    for (unsigned i = how & 3; i > 0 && p->height > 0; i--) {
        emit_number(p, 32 * i);
        emit_op(p, EVM_OP_MSTORE);
    }
    if ((how & 4) && p->height > 0) {
        emit_number(p, how >> 3 & 3);
        emit_op(p, EVM_OP_SSTORE);
    } else if ((how & 8) && p->height > 0) {
        emit_number(p, 0);
        emit_number(p, 0);
        emit_op(p, EVM_OP_LOG0 + 1);
    }
    if (how & 0x20) {
        emit_op(p, EVM_OP_MSIZE);
        emit_number(p, 0);
        bool back = (how & 0x10) && p->ops[EVM_OP_REVERT].defined;
        emit_op(p, back ? EVM_OP_REVERT : EVM_OP_RETURN);
        emit_jumpdest(p);
    }
}

static void phrase_show(struct program *p)
{
    show(p, fuzz_u8(p->in) & 0x1f);
}

/* Until the input says that the program ends, or has no more. */
static void make_program(struct program *p)
{
    static void (*const phrases[])(struct program *) = {
        phrase_opcode,     phrase_opcode, phrase_opcode, phrase_opcode, phrase_arithmetic,
        phrase_arithmetic, phrase_call,   phrase_call,   phrase_create, phrase_storage,
        phrase_storage,    phrase_copy,   phrase_jump,   phrase_end,    phrase_hash_or_log,
        phrase_memory,     emit_jumpdest, emit_operand,  phrase_look,   phrase_show,
    };
    uint8_t t = 0;
    p->height = 0;
    while (p->in->size && p->size < FUZZ_CODE_SIZE) {
        t = fuzz_u8(p->in);
        if (t >= 0xf6)
            break;
        if (t >= 0xf0)
            phrase_bytes(p);
        else
            phrases[t % (sizeof phrases / sizeof *phrases)](p);
    }
    if (p->size)
        show(p, (uint8_t)(t * 37u) | (t & 3 ? 0x23 : 0));
    fill_places(p);
}

/* ---- the world ---------------------------------------------------------------------------------
 */

static struct evm_addr address_of(unsigned i)
{
    return (struct evm_addr){{0xc0, 0xde, [18] = (uint8_t)(i * 0x11), [19] = (uint8_t)(1 + i)}};
}

static void make_contract(struct fuzz_world *w, unsigned i, struct fuzz_in *in)
{
    struct fuzz_account *a = &w->accounts[i];
    uint8_t slots = fuzz_u8(in);
    a->exists = true;
    a->nonce = 1;
    a->balance = evm_u256_of(fuzz_u8(in) * 3u);
    for (unsigned k = 0; k < FUZZ_SLOTS; k++)
        if (slots >> 2 * k & 3) {
            a->keys[a->slot_count] = evm_u256_of(k);
            a->values[a->slot_count++] = evm_u256_of(slots >> 2 * k & 3);
        }
    struct program p = {.in = in, .world = w, .ops = evm_ops_of(w->fork), .code = a->code};
    make_program(&p);
    a->code_size = p.size;
}

/* 0xef0100 and an address: a delegation from Prague on, bad code before. */
static void make_delegating(struct fuzz_world *w, struct fuzz_account *a, uint8_t to)
{
    struct evm_addr target = to % 16 < FUZZ_ACCOUNTS ? w->accounts[to % 16].addr
                                                     : (struct evm_addr){{[19] = to % 16 - 8}};
    a->code[0] = 0xef;
    a->code[1] = 0x01;
    memcpy(a->code + 3, target.b, 20);
    a->code_size = 23;
    a->nonce = 1;
}

/* 4 sends; 5 delegates, 6 may too; 7 lies where contract 0's first creation would go; 8 is empty
 * (which only forks before EIP-161 know); 9 is not there. */
static void make_others(struct fuzz_world *w, struct fuzz_in *in)
{
    uint8_t k = fuzz_u8(in);
    struct fuzz_account *a = w->accounts;
    for (unsigned i = 4; i < 9; i++) {
        a[i].exists = true;
        a[i].balance = evm_u256_of(200 + 7 * i);
    }
    a[4].nonce = 7;
    make_delegating(w, &a[5], k);
    if (k & 0x10)
        make_delegating(w, &a[6], (uint8_t)(k >> 1));
    evm_create_address(&a[0].addr, 1, &a[7].addr);
    a[7].exists = k >> 5 & 1;
    a[7].nonce = k >> 5 == 3;
    if (!a[7].exists) {
        a[7].balance = evm_u256_of(0);
    } else if (k >> 5 == 5) {
        a[7].keys[0] = evm_u256_of(3);
        a[7].values[0] = evm_u256_of(9);
        a[7].slot_count = 1;
    }
    a[8].balance = evm_u256_of(0);
}

void fuzz_world_make(struct fuzz_world *w, struct evm_bytes bytes)
{
    struct fuzz_in in = {bytes.data, bytes.size};
    memset(w, 0, sizeof *w);
    for (unsigned i = 0; i < FUZZ_ACCOUNTS; i++)
        w->accounts[i].addr = address_of(i);
    uint8_t head = fuzz_u8(&in), kind = fuzz_u8(&in);
    w->fork = (enum evm_fork)(head % EVM_FORK_COUNT);
    w->gas = (int64_t)(fuzz_uint(&in, 2) + 3000) << (kind & 3) * 2;
    if (kind >> 2 == 9)
        w->gas = 8000000; /* enough to pay for the largest code */
    w->cuts = fuzz_u8(&in);
    w->value = evm_u256_of(kind & 0x40 ? fuzz_u8(&in) * 5u / 4 : 0);
    uint16_t warm = (uint16_t)fuzz_uint(&in, 2);
    make_others(w, &in);
    w->input = fuzz_take(&in, kind & 0x80 ? 40 : 4);
    for (unsigned i = 0; i < 4; i++)
        make_contract(w, i, &in);
    for (unsigned i = 0; i < FUZZ_ACCOUNTS; i++) {
        w->accounts[i].warm = warm >> i & 1;
        w->accounts[i].slot_warm[0] = w->accounts[i].warm && warm & 0x400;
        w->accounts[i].slot_warm[1] = w->accounts[i].warm && warm & 0x800;
    }
    w->create = (warm & 0xf000) == 0x1000;
    w->to = w->accounts[0].addr;
    if (w->create) {
        w->to = w->accounts[warm & 0x200 ? 7 : 9].addr;
        w->input = (struct evm_bytes){w->accounts[0].code, w->accounts[0].code_size};
    } else if ((warm & 0xf000) == 0x2000) {
        w->to = w->accounts[warm % FUZZ_ACCOUNTS].addr;
    }
}
