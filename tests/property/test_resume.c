/* However a run is cut up, its outcome is the same: over random programs on random worlds, at every
 * fork, a run whose every read is PENDING at first, a metered run, and a metered run in slices of a
 * few opcodes give the halt, gas, output, logs, refund and writes of the plain run, and the metered
 * ones count the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/opcodes.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"
#include "evm/state/state.h"

#define ACCOUNTS 6
#define RUNS     4000

static uint64_t seed;

static uint64_t rnd(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- random worlds --------------------------------------------------------------------------- */

/* 1..5: contracts, one of which may delegate to another; 6: no code; 7..9: nobody; then the first
 * precompiles. */
static struct evm_addr address_of(uint64_t i)
{
    struct evm_addr a = {{0}};
    if (i < 10)
        a.b[0] = 0xaa;
    a.b[19] = (uint8_t)(i < 10 ? i : i - 9);
    return a;
}

struct program {
    uint8_t code[2048];
    size_t size;
};

static void emit(struct program *p, uint8_t b)
{
    if (p->size < sizeof p->code)
        p->code[p->size++] = b;
}

static void push(struct program *p, uint64_t x)
{
    emit(p, EVM_OP_PUSH2);
    emit(p, (uint8_t)(x >> 8));
    emit(p, (uint8_t)x);
}

static void push_address(struct program *p)
{
    struct evm_addr a = address_of(1 + rnd() % 14);
    emit(p, EVM_OP_PUSH20);
    for (int i = 0; i < 20; i++)
        emit(p, a.b[i]);
}

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

static struct evm_state *make_world(struct evm_codes *codes, enum evm_fork fork)
{
    struct evm_account_change accounts[ACCOUNTS];
    struct evm_slot_change slots[ACCOUNTS * 2];
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct program p = {.size = 0};
        for (uint64_t n = 3 + rnd() % 20; n > 0 && i + 1 < ACCOUNTS; n--)
            emit_any(&p);
        if (i == 3 && fork >= EVM_PRAGUE) {
            struct evm_addr target = address_of(1 + rnd() % 14);
            p.size = 0;
            emit(&p, 0xef);
            emit(&p, 0x01);
            emit(&p, 0x00);
            for (int k = 0; k < 20; k++)
                emit(&p, target.b[k]);
        }
        accounts[i] = (struct evm_account_change){
            .addr = address_of(1 + i),
            .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE | EVM_WROTE_CREATED,
            .nonce = 1,
            .balance = {{rnd() % 5000}},
            .code = evm_codes_add(codes, (struct evm_bytes){p.code, p.size}),
            .first_slot = 2 * i,
            .slot_count = i + 1 < ACCOUNTS ? 2 : 0,
        };
        slots[2 * i] = (struct evm_slot_change){{{0}}, {{1 + rnd() % 2}}};
        slots[2 * i + 1] = (struct evm_slot_change){{{2}}, {{1 + rnd() % 2}}};
    }
    struct evm_changes changes = {
        .accounts = accounts,
        .slots = slots,
        .account_count = ACCOUNTS,
        .slot_count = 2 * ACCOUNTS,
    };
    struct evm_state *world = evm_state_create(codes);
    assert_non_null(world);
    assert_int_equal(evm_state_apply(world, &changes), EVM_OK);
    return world;
}

/* ---- a view that always hesitates ------------------------------------------------------------ */

struct shy {
    struct evm_view real;
    bool asked;
    uint64_t refusals;
};

static bool hesitate(struct shy *s)
{
    s->asked = !s->asked;
    s->refusals += s->asked;
    return s->asked;
}

static enum evm_read shy_account(void *self, const struct evm_addr *addr, unsigned need,
                                 struct evm_account *out)
{
    struct shy *s = self;
    return hesitate(s) ? EVM_READ_PENDING : s->real.ops->account(s->real.self, addr, need, out);
}

static enum evm_read shy_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                              struct evm_u256 *out)
{
    struct shy *s = self;
    return hesitate(s) ? EVM_READ_PENDING : s->real.ops->slot(s->real.self, addr, key, out);
}

static void shy_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct shy *s = self;
    s->real.ops->block_hash(s->real.self, number, out);
}

static const struct evm_view_ops shy_ops = {shy_account, shy_slot, shy_block_hash};

/* ---- one run --------------------------------------------------------------------------------- */

struct outcome {
    struct evm_journal *journal;
    struct evm_vm *vm;
    struct evm_vm_result result;
    struct evm_changes changes;
    struct evm_meter meter;
    uint64_t reads, slices;
};

struct setting {
    enum evm_fork fork;
    int64_t gas;
    struct evm_u256 value;
    bool create;
};

static void run(struct outcome *o, const struct evm_state *world, const struct setting *set,
                bool hesitates, bool metered, uint64_t budget)
{
    static const uint8_t input[] = {1, 2, 3, 4, 5};
    struct evm_block_hashes hashes = {0};
    struct evm_state_view base = {world, &hashes};
    struct shy shy = {.real = evm_state_view(&base)};
    struct evm_view view = hesitates ? (struct evm_view){&shy_ops, &shy} : shy.real;
    const struct evm_rules *rules = evm_rules_of(set->fork);
    struct evm_block_env block = {.number = 300, .gas_limit = 30000000, .chain_id = 1};
    struct evm_tx_env tx = {.origin = address_of(6)};
    struct evm_msg msg = {
        .kind = set->create ? EVM_CREATE : EVM_CALL,
        .caller = address_of(6),
        .to = address_of(set->create ? 9 : 1),
        .value = set->value,
        .input = {input, sizeof input},
        .gas = set->gas,
    };
    memset(&o->meter, 0, sizeof o->meter);
    o->reads = o->slices = 0;
    evm_journal_begin(o->journal, rules, view);
    evm_vm_begin(o->vm, rules, &block, &tx, o->journal, &msg);
    enum evm_step s;
    while ((s = evm_vm_step(o->vm, metered ? &o->meter : NULL, budget)) != EVM_STEP_DONE) {
        o->reads += s == EVM_STEP_READ;
        o->slices += s == EVM_STEP_SLICE;
    }
    assert_int_equal(evm_vm_result(o->vm, &o->result), EVM_OK);
    while (evm_journal_settle(o->journal) != EVM_READ_OK)
        ;
    assert_int_equal(evm_journal_finish(o->journal, &o->changes), EVM_OK);
    assert_true(o->reads <= shy.refusals);
}

#define SAME(a, b, field)                                                                          \
    do {                                                                                           \
        if ((a)->field != (b)->field)                                                              \
            fail_msg("seed %lu, %s: %s is %lu, should be %lu", (unsigned long)at, how, #field,     \
                     (unsigned long)(b)->field, (unsigned long)(a)->field);                        \
    } while (0)

static void same_changes(uint64_t at, const char *how, const struct evm_changes *a,
                         const struct evm_changes *b)
{
    SAME(a, b, account_count);
    SAME(a, b, slot_count);
    for (uint32_t i = 0; i < a->account_count; i++) {
        const struct evm_account_change *x = &a->accounts[i], *y = &b->accounts[i];
        assert_true(evm_addr_eq(&x->addr, &y->addr));
        SAME(x, y, wrote);
        SAME(x, y, slot_count);
        SAME(x, y, first_slot);
        if (x->wrote & EVM_WROTE_NONCE)
            SAME(x, y, nonce);
        if (x->wrote & EVM_WROTE_CODE)
            assert_ptr_equal(x->code, y->code);
        if (x->wrote & EVM_WROTE_BALANCE)
            assert_true(evm_u256_eq(&x->balance, &y->balance));
    }
    for (uint32_t i = 0; i < a->slot_count; i++) {
        assert_true(evm_u256_eq(&a->slots[i].key, &b->slots[i].key));
        assert_true(evm_u256_eq(&a->slots[i].value, &b->slots[i].value));
    }
}

static void same(uint64_t at, const char *how, const struct outcome *a, const struct outcome *b)
{
    SAME(&a->result, &b->result, halt);
    SAME(&a->result, &b->result, gas_left);
    SAME(&a->result, &b->result, output.size);
    if (a->result.output.size)
        assert_memory_equal(a->result.output.data, b->result.output.data, a->result.output.size);
    if (evm_journal_refund(a->journal) != evm_journal_refund(b->journal))
        fail_msg("seed %lu, %s: refund differs", (unsigned long)at, how);
    uint32_t logs = evm_journal_log_count(a->journal);
    assert_int_equal(logs, evm_journal_log_count(b->journal));
    for (uint32_t i = 0; i < logs; i++) {
        const struct evm_log *x = &evm_journal_logs(a->journal)[i];
        const struct evm_log *y = &evm_journal_logs(b->journal)[i];
        assert_true(evm_addr_eq(&x->addr, &y->addr));
        assert_int_equal(x->data.size, y->data.size);
        if (x->data.size)
            assert_memory_equal(x->data.data, y->data.data, x->data.size);
    }
    same_changes(at, how, &a->changes, &b->changes);
}

static void outcome_init(struct outcome *o, struct evm_codes *codes)
{
    o->journal = evm_journal_create(codes);
    o->vm = evm_vm_create();
    evm_changes_init(&o->changes);
    assert_non_null(o->journal);
    assert_non_null(o->vm);
}

static void outcome_fini(struct outcome *o)
{
    evm_vm_destroy(o->vm);
    evm_journal_destroy(o->journal);
    evm_changes_fini(&o->changes);
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
    for (int c = 0; c < EVM_COST_CLASS_COUNT; c++)
        if (counted.meter.count[c] != other.meter.count[c])
            fail_msg("seed %lu: class %d counts %lu, sliced %lu", (unsigned long)at, c,
                     (unsigned long)counted.meter.count[c], (unsigned long)other.meter.count[c]);
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
