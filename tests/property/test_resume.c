/* However a run is cut up, its outcome is the same: over random programs on random worlds, at every
 * fork, a run whose every read is PENDING at first, a metered run, and a metered run in slices of a
 * few opcodes give the halt, gas, output, logs, refund and writes of the plain run, and the metered
 * ones count the same. */
#include "tests/property/vm_fixture.h"

#define RUNS 4000

static void push_range(struct program *p)
{
    push(p, rnd() % 70);  /* size */
    push(p, rnd() % 200); /* offset */
}

static void emit_call(struct program *p)
{
    static const uint8_t kinds[] = {EVM_OP_CALL, EVM_OP_CALL, EVM_OP_CALLCODE, EVM_OP_DELEGATECALL,
                                    EVM_OP_STATICCALL};
    uint8_t kind = kinds[rnd() % sizeof kinds];
    push_range(p);
    push_range(p);
    if (kind == EVM_OP_CALL || kind == EVM_OP_CALLCODE)
        push(p, rnd() % 3 ? 0 : rnd() % 2000);
    push_address(p);
    if (rnd() % 4)
        emit(p, EVM_OP_GAS);
    else
        push(p, rnd() % 30000);
    emit(p, kind);
}

/* Initcode in memory: code that stores a slot and returns a few bytes, or any bytes at all. */
static void emit_create(struct program *p)
{
    static const uint8_t init[] = {0x60, 0x07, 0x60, 0x01, 0x55, 0x60,
                                   0x05, 0x60, 0x00, 0xf3, 0x00, 0x00};
    bool two = rnd() % 2;
    emit(p, EVM_OP_PUSH1 + sizeof init - 1);
    for (size_t i = 0; i < sizeof init; i++)
        emit(p, rnd() % 16 ? init[i] : (uint8_t)rnd());
    push(p, 0);
    emit(p, EVM_OP_MSTORE);
    if (two)
        push(p, rnd() % 2); /* salt: collisions happen */
    push(p, sizeof init);
    push(p, 32 - sizeof init);
    push(p, rnd() % 4 ? 0 : rnd() % 2000);
    emit(p, two ? EVM_OP_CREATE2 : EVM_OP_CREATE);
}

static void emit_any(struct program *p)
{
    static const uint8_t account_ops[] = {EVM_OP_BALANCE, EVM_OP_EXTCODESIZE, EVM_OP_EXTCODEHASH};
    switch (rnd() % 16) {
    case 0:
    case 1:
    case 2: emit_call(p); break;
    case 3: emit_create(p); break;
    case 4:
    case 5:
        push(p, rnd() % 4);
        emit(p, EVM_OP_SLOAD);
        break;
    case 6:
    case 7:
    case 8:
        push(p, rnd() % 3);
        push(p, rnd() % 4);
        emit(p, EVM_OP_SSTORE);
        break;
    case 9:
        push_address(p);
        emit(p, account_ops[rnd() % 3]);
        break;
    case 10:
        push(p, rnd() % 50);
        push_range(p);
        push_address(p);
        emit(p, EVM_OP_EXTCODECOPY);
        break;
    case 11:
        push(p, rnd());
        push_range(p);
        emit(p, EVM_OP_LOG1);
        break;
    case 12:
        push(p, rnd() % 3);
        push(p, rnd() % 3);
        emit(p, rnd() % 2 ? EVM_OP_TSTORE : EVM_OP_ADD);
        break;
    case 13:
        push_range(p);
        emit(p, rnd() % 3 ? EVM_OP_KECCAK256 : EVM_OP_RETURN);
        break;
    case 14:
        if (rnd() % 8 == 0) {
            push_address(p);
            emit(p, EVM_OP_SELFDESTRUCT);
        } else {
            emit(p, EVM_OP_SELFBALANCE);
        }
        break;
    default: emit(p, rnd() % 6 ? EVM_OP_CALLVALUE : (uint8_t)rnd());
    }
}

static void emit_program(struct program *p)
{
    for (uint64_t n = 3 + rnd() % 20; n > 0; n--)
        emit_any(p);
}

/* What the runs met, so that the test cannot pass by doing nothing. */
struct tally {
    uint64_t stops, reads, slices, frames, creates, writes;
};

static void one_seed(uint64_t at, struct tally *t)
{
    seed = at;
    struct evm_codes *codes = evm_codes_create();
    struct setting set = {
        .fork = (enum evm_fork)(rnd() % EVM_FORK_COUNT),
        .gas = (int64_t)(rnd() % 8 ? 200000 + rnd() % 2000000 : rnd() % 100000),
        .value = {{rnd() % 3 ? 0 : rnd() % 6000}},
        .create = rnd() % 16 == 0,
    };
    struct evm_state *world = make_world(codes, set.fork);
    struct outcome plain, other, counted;
    outcome_init(&plain, codes);
    outcome_init(&other, codes);
    outcome_init(&counted, codes);
    run(&plain, world, &set, false, false, 0);
    run(&other, world, &set, true, false, 0);
    same(at, "reads pending", &plain, &other);
    t->reads += other.reads;
    run(&counted, world, &set, false, true, 0);
    same(at, "metered", &plain, &counted);
    run(&other, world, &set, true, true, 1 + rnd() % 9);
    same(at, "metered, sliced, reads pending", &plain, &other);
    same_counts(at, "sliced", &counted, &other);
    t->stops += plain.result.halt == EVM_HALT_STOP;
    t->slices += other.slices;
    t->frames += counted.meter.count[EVM_COST_CALL];
    t->creates += counted.meter.count[EVM_COST_CREATE];
    t->writes += plain.changes.slot_count;
    outcome_fini(&plain);
    outcome_fini(&other);
    outcome_fini(&counted);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

static void cut_up_runs_agree(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t i = 0; i < RUNS; i++)
        one_seed(i * 7919 + 1, &t);
    printf("stops %lu, reads %lu, slices %lu, frames %lu, creations %lu, slots written %lu\n",
           (unsigned long)t.stops, (unsigned long)t.reads, (unsigned long)t.slices,
           (unsigned long)t.frames, (unsigned long)t.creates, (unsigned long)t.writes);
    assert_true(t.stops > RUNS / 20);
    assert_true(t.reads > 4 * RUNS);
    assert_true(t.frames > 5 * RUNS);
    assert_true(t.creates > RUNS / 10);
    assert_true(t.writes > RUNS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_up_runs_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
