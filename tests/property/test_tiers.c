/* Translated or not, a program does the same: over random programs full of stack shuffling,
 * arithmetic, memory, loops, calls within and between codes, a run in the plain loop, one that is
 * translated, both metered and not, with reads pending and in slices, give the same gas, output,
 * logs, writes and refund, and if they end normally the same counts. */
#include "evm/core/alloc.h"
#include "evm/core/program.h"
#include "tests/property/vm_fixture.h"

#define RUNS 6000

/* Where the generator is in a program: words that are surely on the stack. */
struct sketch {
    struct program *p;
    unsigned height;
};

static void push_word(struct sketch *k)
{
    static const uint8_t shapes[] = {0, 1, 2, 4, 7, 8, 9, 20, 31, 32};
    unsigned n = shapes[rnd() % sizeof shapes];
    uint64_t kind = rnd() % 4;
    emit(k->p, n ? (uint8_t)(EVM_OP_PUSH1 + n - 1) : EVM_OP_PUSH1);
    for (unsigned i = 0; i < (n ? n : 1); i++) {
        uint8_t b = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)rnd();
        if (kind == 1 && i == 0)
            b = (uint8_t)(1u << rnd() % 8); /* a power of two */
        emit(k->p, n ? b : (uint8_t)(rnd() % 2));
    }
    k->height++;
}

static void push_small(struct sketch *k, uint64_t bound)
{
    emit(k->p, EVM_OP_PUSH1);
    emit(k->p, (uint8_t)(rnd() % bound));
    k->height++;
}

/* An opcode with operands from the stack, or a constant before it. */
static void operate(struct sketch *k)
{
    static const uint8_t ops[] = {
        EVM_OP_ADD,          EVM_OP_MUL,
        EVM_OP_SUB,          EVM_OP_DIV,
        EVM_OP_SDIV,         EVM_OP_MOD,
        EVM_OP_SMOD,         EVM_OP_ADDMOD,
        EVM_OP_MULMOD,       EVM_OP_EXP,
        EVM_OP_LT,           EVM_OP_GT,
        EVM_OP_SLT,          EVM_OP_SGT,
        EVM_OP_EQ,           EVM_OP_ISZERO,
        EVM_OP_AND,          EVM_OP_OR,
        EVM_OP_XOR,          EVM_OP_NOT,
        EVM_OP_BYTE,         EVM_OP_SHL,
        EVM_OP_SHR,          EVM_OP_SAR,
        EVM_OP_SIGNEXTEND,   EVM_OP_CLZ,
        EVM_OP_CALLVALUE,    EVM_OP_CALLER,
        EVM_OP_MSIZE,        EVM_OP_PC,
        EVM_OP_GAS,          EVM_OP_TIMESTAMP,
        EVM_OP_PREVRANDAO,   EVM_OP_BLOBHASH,
        EVM_OP_CODESIZE,     EVM_OP_PUSH0,
        EVM_OP_CALLDATALOAD, EVM_OP_RETURNDATASIZE,
        EVM_OP_BLOCKHASH,
    };
    uint8_t op = ops[rnd() % sizeof ops];
    const struct evm_op_info *info = &evm_ops_of(EVM_OSAKA)[op];
    while (k->height < info->pops)
        push_word(k);
    if (info->pops && rnd() % 3 == 0) {
        if (op >= EVM_OP_BYTE && op <= EVM_OP_SAR && rnd() % 4)
            push_small(k, 256);
        else
            push_word(k);
        if (info->pops > 1 && rnd() % 3 == 0) {
            emit(k->p, EVM_OP_SWAP1);
        }
    }
    if (op == EVM_OP_CLZ && rnd() % 8) /* most forks have none */
        op = EVM_OP_NOT;
    emit(k->p, op);
    k->height += info->pushes;
    k->height -= info->pops;
}

static void shuffle(struct sketch *k)
{
    unsigned depth;
    while (k->height < 2)
        push_word(k);
    depth = k->height < 17 ? k->height : 17;
    switch (rnd() % 5) {
    case 0:
    case 1:
        depth = depth < 16 ? depth : 16;
        emit(k->p, (uint8_t)(EVM_OP_DUP1 + rnd() % depth));
        k->height++;
        break;
    case 2:
    case 3: emit(k->p, (uint8_t)(EVM_OP_SWAP1 + rnd() % (depth - 1))); break;
    default: emit(k->p, EVM_OP_POP); k->height--;
    }
}

static void remember(struct sketch *k)
{
    uint64_t kind = rnd() % 6;
    if (k->height == 0)
        push_word(k);
    if (kind < 4) { /* a constant offset, or one that is computed */
        push_small(k, 200);
        if (rnd() % 2) {
            emit(k->p, EVM_OP_DUP1);
            push_small(k, 64);
            emit(k->p, EVM_OP_ADD);
            emit(k->p, EVM_OP_SWAP1);
            emit(k->p, EVM_OP_POP);
            k->height--;
        }
    }
    switch (kind) {
    case 0: emit(k->p, EVM_OP_MLOAD); break;
    case 1:
    case 2:
        emit(k->p, rnd() % 4 ? EVM_OP_MSTORE : EVM_OP_MSTORE8);
        k->height -= 2;
        break;
    case 3:
        push_small(k, 100);
        emit(k->p, EVM_OP_SWAP1);
        emit(k->p, EVM_OP_KECCAK256);
        k->height--;
        break;
    case 4:
        push_small(k, 80);
        push_small(k, 80);
        push_small(k, 80);
        emit(k->p, rnd() % 2 ? EVM_OP_CALLDATACOPY : EVM_OP_CODECOPY);
        k->height -= 3;
        break;
    default:
        push_small(k, 60);
        push_small(k, 4);
        push_small(k, 4);
        emit(k->p, rnd() % 3 ? EVM_OP_MCOPY : EVM_OP_RETURNDATACOPY);
        k->height -= 3;
    }
}

static void touch_state(struct sketch *k)
{
    switch (rnd() % 8) {
    case 0:
    case 1:
        push_small(k, 4);
        emit(k->p, EVM_OP_SLOAD);
        break;
    case 2:
    case 3:
        if (k->height == 0)
            push_word(k);
        push_small(k, 4);
        emit(k->p, EVM_OP_SSTORE);
        k->height -= 2;
        break;
    case 4:
        push_address(k->p);
        emit(k->p, rnd() % 2 ? EVM_OP_BALANCE : EVM_OP_EXTCODESIZE);
        k->height++;
        break;
    case 5:
        push_small(k, 40);
        push_small(k, 40);
        emit(k->p, EVM_OP_LOG0);
        k->height -= 2;
        break;
    default:
        push_small(k, 64); /* output */
        push_small(k, 64);
        push_small(k, 64); /* input */
        push_small(k, 64);
        push_small(k, 2);
        push_address(k->p);
        push(k->p, rnd() % 60000);
        k->height += 2;
        emit(k->p, EVM_OP_CALL);
        k->height -= 6;
    }
}

/* PUSH2 of a place not known yet; returns where it is to be written. */
static size_t push_later(struct sketch *k)
{
    push(k->p, 0);
    return k->p->size - 2;
}

static void patch(struct program *p, size_t at, size_t to)
{
    if (at + 2 > p->size)
        return;
    p->code[at] = (uint8_t)(to >> 8);
    p->code[at + 1] = (uint8_t)to;
}

static void straight(struct sketch *k, uint64_t n)
{
    for (; n > 0; n--) {
        uint64_t x = rnd() % 32;
        if (x < 13)
            shuffle(k);
        else if (x < 16)
            push_word(k);
        else if (x < 26)
            operate(k);
        else if (x < 29)
            remember(k);
        else if (x < 30)
            touch_state(k);
        else if (x < 31)
            emit(k->p, EVM_OP_JUMPDEST);
        else if (rnd() % 40 == 0)
            emit(k->p, (uint8_t)rnd());
    }
}

/* Back to `height` words, which both sides of a jump have. */
static void level(struct sketch *k, unsigned height)
{
    while (k->height > height) {
        emit(k->p, EVM_OP_POP);
        k->height--;
    }
    while (k->height < height)
        push_word(k);
}

/* A condition on the stack: a comparison, negated some times, or any word. */
static void condition(struct sketch *k)
{
    static const uint8_t compare[] = {EVM_OP_LT, EVM_OP_GT, EVM_OP_SLT, EVM_OP_SGT, EVM_OP_EQ};
    while (k->height < 2)
        push_word(k);
    for (int i = 0; i < 2; i++) {
        if (rnd() % 3 == 0)
            push_word(k);
        else if (rnd() % 2)
            shuffle(k);
        while (k->height < 2)
            push_word(k);
    }
    if (rnd() % 4) {
        emit(k->p, compare[rnd() % sizeof compare]);
        k->height--;
    }
    for (uint64_t n = rnd() % 4; n > 0; n--)
        emit(k->p, EVM_OP_ISZERO);
}

static void branch(struct sketch *k)
{
    condition(k);
    size_t at = push_later(k);
    emit(k->p, EVM_OP_JUMPI);
    k->height--;
    unsigned height = k->height;
    straight(k, rnd() % 12);
    level(k, height);
    if (rnd() % 64)
        patch(k->p, at, k->p->size);
    emit(k->p, EVM_OP_JUMPDEST);
}

/* Its counter is in memory, out of reach of what the body does. */
static void loop(struct sketch *k)
{
    uint64_t counter = 0x400 + 32 * (k->p->size % 64);
    push(k->p, 1 + rnd() % 6);
    push(k->p, counter);
    emit(k->p, EVM_OP_MSTORE);
    size_t start = k->p->size;
    emit(k->p, EVM_OP_JUMPDEST);
    unsigned height = k->height;
    straight(k, rnd() % 14);
    level(k, height);
    emit(k->p, EVM_OP_PUSH1);
    emit(k->p, 1);
    push(k->p, counter);
    emit(k->p, EVM_OP_MLOAD);
    emit(k->p, EVM_OP_SUB);
    emit(k->p, EVM_OP_DUP1);
    push(k->p, counter);
    emit(k->p, EVM_OP_MSTORE);
    push(k->p, start);
    emit(k->p, EVM_OP_JUMPI);
}

/* A function inside the code: return address below its argument, back by SWAP and JUMP. */
static void inner_call(struct sketch *k)
{
    size_t back = push_later(k);
    push_word(k);
    size_t to = push_later(k);
    emit(k->p, EVM_OP_JUMP);
    size_t after = push_later(k); /* never run, or by chance */
    emit(k->p, EVM_OP_JUMP);
    patch(k->p, to, k->p->size);
    emit(k->p, EVM_OP_JUMPDEST);
    struct sketch inner = {k->p, 1};
    for (uint64_t n = rnd() % 6; n > 0; n--)
        operate(&inner);
    level(&inner, 1);
    emit(k->p, EVM_OP_SWAP1);
    emit(k->p, EVM_OP_JUMP);
    patch(k->p, back, k->p->size);
    patch(k->p, after, k->p->size);
    emit(k->p, EVM_OP_JUMPDEST);
}

static void emit_program(struct program *p)
{
    struct sketch k = {p, 0};
    for (uint64_t n = 1 + rnd() % 10; n > 0; n--) {
        switch (rnd() % 6) {
        case 0: branch(&k); break;
        case 1: loop(&k); break;
        case 2: inner_call(&k); break;
        default: straight(&k, rnd() % 24);
        }
    }
    /* The stack is the output. */
    unsigned words = k.height < 20 ? k.height : 20;
    for (unsigned i = 0; i < words; i++) {
        push(p, i * 32);
        emit(p, EVM_OP_MSTORE);
    }
    push(p, words * 32);
    push(p, 0);
    emit(p, rnd() % 8 ? EVM_OP_RETURN : EVM_OP_REVERT);
}

struct tally {
    uint64_t normal, compared, reads, slices, frames, writes, jumps;
};

/* Frames that ended exceptionally. */
static void see_charge(void *self, uint64_t gas_cost, enum evm_halt halt)
{
    (void)gas_cost;
    *(uint64_t *)self += halt != EVM_HALT_STOP && halt != EVM_HALT_REVERT;
}

static void tier(struct outcome *o, enum evm_vm_tier tier)
{
    evm_vm_set_tier(o->vm, tier);
}

static void one_seed(uint64_t at, struct tally *t)
{
    seed = at;
    struct evm_codes *codes = evm_codes_create();
    struct setting set = {
        .fork = rnd() % 4 ? EVM_OSAKA - (enum evm_fork)(rnd() % 3)
                          : (enum evm_fork)(rnd() % EVM_FORK_COUNT),
        .gas = (int64_t)(rnd() % 4 ? 200000 + rnd() % 2000000 : rnd() % 5000),
        .value = {{rnd() % 3 ? 0 : rnd() % 6000}},
    };
    struct evm_state *world = make_world(codes, set.fork);
    struct outcome plain, other, counted;
    outcome_init(&plain, codes);
    outcome_init(&other, codes);
    outcome_init(&counted, codes);
    tier(&plain, EVM_TIER_PLAIN);
    uint64_t failures = 0;
    struct evm_tracer tracer = {.charged = see_charge, .self = &failures};
    evm_vm_trace(plain.vm, &tracer);
    run(&plain, world, &set, false, true, 0);
    tier(&other, EVM_TIER_AUTO); /* goes over in the middle of loops, if at all */
    run(&other, world, &set, true, false, 0);
    same(at, "cold", &plain, &other);
    tier(&other, EVM_TIER_TRANSLATED);
    run(&other, world, &set, false, false, 0);
    same(at, "translated", &plain, &other);
    run(&other, world, &set, true, false, 0);
    same(at, "translated, reads pending", &plain, &other);
    t->reads += other.reads;
    tier(&counted, EVM_TIER_AUTO);
    run(&counted, world, &set, false, true, 0);
    same(at, "metered", &plain, &counted);
    t->normal += plain.result.halt == EVM_HALT_STOP || plain.result.halt == EVM_HALT_REVERT;
    if (failures == 0) {
        same_counts(at, "metered", &plain, &counted);
        t->compared++;
    }
    run(&other, world, &set, true, true, 1 + rnd() % 30);
    same(at, "metered, sliced, reads pending", &plain, &other);
    same_counts(at, "sliced", &counted, &other);
    t->slices += other.slices;
    t->frames += counted.meter.count[EVM_COST_CALL];
    t->jumps += counted.meter.count[EVM_COST_JUMP];
    t->writes += plain.changes.slot_count;
    outcome_fini(&plain);
    outcome_fini(&other);
    outcome_fini(&counted);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

static void tiers_agree(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t i = 0; i < RUNS; i++)
        one_seed(i * 104729 + 5, &t);
    printf("normal ends %lu, counts compared %lu, reads %lu, slices %lu, frames %lu, jumps %lu, "
           "slots written %lu\n",
           (unsigned long)t.normal, (unsigned long)t.compared, (unsigned long)t.reads,
           (unsigned long)t.slices, (unsigned long)t.frames, (unsigned long)t.jumps,
           (unsigned long)t.writes);
    assert_true(t.normal > RUNS / 4);
    assert_true(t.compared > RUNS / 8);
    assert_true(t.reads > RUNS);
    assert_true(t.frames > RUNS);
    assert_true(t.jumps > 4 * RUNS);
    assert_true(t.writes > RUNS / 20);
}

/* Without memory there is no translation, nothing is lost, and it can be tried again. */
static void translation_may_fail(void **state)
{
    (void)state;
#ifdef WEFT_TINY
    struct evm_codes *codes = evm_codes_create();
    struct program p = {.size = 0};
    seed = 12345;
    while (p.size < 500)
        emit_program(&p);
    const struct evm_code *code = evm_codes_add(codes, (struct evm_bytes){p.code, p.size});
    const struct evm_rules *rules = evm_rules_of(EVM_OSAKA);
    int64_t k = 0;
    const struct evm_program *made = NULL;
    for (; !made && k < 100; k++) {
        evm_alloc_fail_after(k);
        made = evm_program_get(code, rules);
        evm_alloc_fail_after(-1);
    }
    assert_non_null(made);
    assert_true(k > 4);
    assert_ptr_equal(made, evm_program_find(code, rules));
    evm_codes_destroy(codes);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_agree),
        cmocka_unit_test(translation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
