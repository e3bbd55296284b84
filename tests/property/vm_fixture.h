/* tests/property/vm_fixture.h - random worlds with programs in them, runs over them cut up in every
 * way, and what must be the same whichever way it was. The includer defines
 * `static void emit_program(struct program *p)`. */
#ifndef TESTS_PROPERTY_VM_FIXTURE_H
#define TESTS_PROPERTY_VM_FIXTURE_H

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

static void emit_program(struct program *p);

static struct evm_state *make_world(struct evm_codes *codes, enum evm_fork fork)
{
    struct evm_account_change accounts[ACCOUNTS];
    struct evm_slot_change slots[ACCOUNTS * 2];
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct program p = {.size = 0};
        if (i + 1 < ACCOUNTS)
            emit_program(&p);
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

static inline void run(struct outcome *o, const struct evm_state *world, const struct setting *set,
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

static void same_counts(uint64_t at, const char *how, const struct outcome *a,
                        const struct outcome *b)
{
    for (int c = 0; c < EVM_COST_CLASS_COUNT; c++)
        if (a->meter.count[c] != b->meter.count[c])
            fail_msg("seed %lu, %s: class %d counts %lu, should be %lu", (unsigned long)at, how, c,
                     (unsigned long)b->meter.count[c], (unsigned long)a->meter.count[c]);
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

/* All exceptional halts are one to whoever called. */
static enum evm_halt halt_class(const struct outcome *o)
{
    enum evm_halt h = o->result.halt;
    return h == EVM_HALT_STOP || h == EVM_HALT_REVERT ? h : EVM_HALT_OUT_OF_GAS;
}

static void same(uint64_t at, const char *how, const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(halt_class(a), halt_class(b));
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

#endif
