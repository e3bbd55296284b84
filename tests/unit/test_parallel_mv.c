/* The parts of the parallel machinery by themselves: the ordered set, the multi-version memory, the
 * cost profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "evm/parallel/mvmemory_internal.h"
#include "evm/parallel/profile.h"
#include "evm/parallel/scheduler.h"
#include "evm/parallel/txset.h"
#include "tests/unit/parallel_toy.h"

/* ---- the ordered set ------------------------------------------------------------------------- */

static void set_gives_the_lowest(void **state)
{
    struct evm_txset s = {0};
    bool in[5000] = {false};
    uint64_t rng = 31;
    (void)state;
    assert_true(evm_txset_begin(&s, 5000));
    for (int step = 0; step < 20000; step++) {
        uint32_t x = (uint32_t)(toy_draw(&rng) % 5000);
        if (toy_draw(&rng) % 50 == 0) {
            uint32_t to = x + (uint32_t)(toy_draw(&rng) % (5000 - x + 1));
            uint64_t which = toy_draw(&rng) & toy_draw(&rng) & toy_draw(&rng);
            evm_txset_put_range(&s, x, to, which);
            for (uint32_t i = x; i < to; i++)
                in[i] |= (which >> (i % 64) & 1) != 0;
        } else if (toy_draw(&rng) % 4 == 0) {
            evm_txset_put(&s, x);
            in[x] = true;
        } else {
            uint32_t want = 0;
            while (want < x && !in[want])
                want++;
            assert_int_equal(evm_txset_take(&s, x), want < x ? want : UINT32_MAX);
            in[want] = want < x ? false : in[want];
        }
    }
    assert_true(evm_txset_begin(&s, 300)); /* smaller, and empty again */
    assert_int_equal(evm_txset_take(&s, 300), UINT32_MAX);
    evm_txset_fini(&s);
}

/* ---- the multi-version memory ------------------------------------------------------------------
 */

struct fixture {
    struct toy_world world;
    struct evm_mv *mv;
    struct evm_changes changes;
    struct evm_mv_log log;
    struct evm_mv_cost cost;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    uint64_t rng = 5;
    toy_draw_world(&f->world, &rng);
    f->world.accounts[1] = (struct toy_account){true, true, 1000, 3, {11, 22, 33, 44}};
    f->mv = evm_mv_create();
    evm_changes_init(&f->changes);
    return f->mv && evm_mv_begin(f->mv, (struct evm_view){&toy_view_ops, &f->world}, 100, NULL,
                                 false, false) == EVM_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    evm_mv_log_fini(&f->log);
    evm_changes_fini(&f->changes);
    evm_mv_destroy(f->mv);
    free(f);
    return 0;
}

/* One account's change: bits, balance, and one slot (key < TOY_SLOTS). */
static struct evm_mv_published publish(struct fixture *f, uint32_t tx, uint32_t incarnation,
                                       unsigned wrote, uint64_t balance, unsigned key,
                                       uint64_t value)
{
    struct evm_mv_published p;
    evm_changes_clear(&f->changes);
    assert_int_equal(evm_changes_reserve(&f->changes, 1, 1), EVM_OK);
    f->changes.accounts[f->changes.account_count++] =
        (struct evm_account_change){.addr = toy_addr(1),
                                    .wrote = wrote,
                                    .balance = evm_u256_of(balance),
                                    .slot_count = key < TOY_SLOTS};
    if (key < TOY_SLOTS)
        f->changes.slots[f->changes.slot_count++] =
            (struct evm_slot_change){toy_key(key), evm_u256_of(value)};
    assert_int_equal(evm_mv_publish(f->mv, tx, incarnation, &f->changes, 0, &p), EVM_OK);
    return p;
}

/* UINT64_MAX: must wait, for *blocker. */
static uint64_t read_slot(struct fixture *f, uint32_t tx, unsigned k, uint32_t *blocker)
{
    struct evm_addr a = toy_addr(1);
    struct evm_u256 key = toy_key(k), value;
    enum evm_mv_answer r = evm_mv_slot(f->mv, tx, &a, &key, &value, &f->log, blocker, 0, &f->cost);
    assert_int_not_equal(r, EVM_MV_NO_MEMORY);
    return r == EVM_MV_OK ? value.w[0] : UINT64_MAX;
}

static bool valid(struct fixture *f, uint32_t tx, uint32_t *culprit)
{
    return evm_mv_validate(f->mv, tx, &f->log, culprit, 0, &f->cost);
}

static void reads_the_highest_below(void **state)
{
    struct fixture *f = *state;
    uint32_t who = 0;
    assert_int_equal(read_slot(f, 50, 2, &who), 33);
    publish(f, 20, 0, 0, 0, 2, 2020);
    publish(f, 7, 0, 0, 0, 2, 707);
    publish(f, 40, 0, 0, 0, 2, 4040);
    publish(f, 50, 0, 0, 0, 2, 5050);
    assert_int_equal(read_slot(f, 7, 2, &who), 33);
    assert_int_equal(read_slot(f, 8, 2, &who), 707);
    assert_int_equal(read_slot(f, 40, 2, &who), 2020);
    assert_int_equal(read_slot(f, 50, 2, &who), 4040);
    assert_int_equal(read_slot(f, 99, 2, &who), 5050);
    assert_int_equal(read_slot(f, 99, 3, &who), 44); /* another key of the account */
}

/* A late mark of an earlier incarnation leaves the later one's versions alone. */
static void estimates_check_the_incarnation(void **state)
{
    struct fixture *f = *state;
    uint32_t who = 0;
    publish(f, 10, 0, 0, 0, 1, 100);
    evm_mv_estimate(f->mv, 10, 0);
    assert_int_equal(read_slot(f, 11, 1, &who), UINT64_MAX);
    assert_int_equal(who, 10);
    publish(f, 10, 1, 0, 0, 1, 101);
    evm_mv_estimate(f->mv, 10, 0);
    assert_int_equal(read_slot(f, 11, 1, &who), 101);
}

/* A re-execution that writes the same values changes nothing for anybody; one that no longer writes
 * a location gives it back. */
static void only_other_values_are_changes(void **state)
{
    struct fixture *f = *state;
    uint32_t who = 0;
    struct evm_mv_published p = publish(f, 10, 0, EVM_WROTE_BALANCE, 5, 1, 100);
    assert_true(p.changed && p.writes == 2);
    assert_int_equal(read_slot(f, 12, 1, &who), 100);
    assert_true(evm_mv_stamp(f->mv) == p.stamp);
    p = publish(f, 10, 1, EVM_WROTE_BALANCE, 5, 1, 100);
    assert_false(p.changed);
    assert_true(valid(f, 12, &who));
    p = publish(f, 10, 2, EVM_WROTE_BALANCE, 6, 1, 100);
    assert_true(p.changed);
    assert_true(!(p.readers & (uint64_t)1 << 12)); /* 12 read the slot, not the balance */
    assert_true(valid(f, 12, &who));
    p = publish(f, 10, 3, EVM_WROTE_BALANCE, 6, TOY_SLOTS, 0);
    assert_true(p.changed && p.writes == 1 && (p.readers & (uint64_t)1 << 12));
    assert_false(valid(f, 12, &who));
    assert_int_equal(who, 10);
    evm_mv_log_clear(&f->log);
    assert_int_equal(read_slot(f, 12, 1, &who), 22);
}

/* Every slot read depends on the wipe too, absence included. */
static void wipes_hide_what_is_below(void **state)
{
    struct fixture *f = *state;
    uint32_t who = 0;
    publish(f, 5, 0, 0, 0, 0, 500);
    assert_int_equal(read_slot(f, 30, 0, &who), 500);
    assert_int_equal(read_slot(f, 30, 3, &who), 44);
    publish(f, 20, 0, EVM_WROTE_WIPE, 0, 1, 2001);
    assert_false(valid(f, 30, &who));
    assert_int_equal(who, 20);
    evm_mv_log_clear(&f->log);
    assert_int_equal(read_slot(f, 20, 3, &who), 44);
    assert_int_equal(read_slot(f, 30, 0, &who), 0);
    assert_int_equal(read_slot(f, 30, 3, &who), 0);
    assert_int_equal(read_slot(f, 30, 1, &who), 2001);
    publish(f, 25, 0, 0, 0, 3, 2503);
    assert_int_equal(read_slot(f, 30, 3, &who), 2503);
}

/* Expected writes make readers wait; whether the write then comes or not, nobody was misled. */
static void expected_writes(void **state)
{
    struct fixture *f = *state;
    struct evm_addr a = toy_addr(1);
    struct evm_u256 key = toy_key(2);
    uint32_t who = 0;
    assert_int_equal(evm_mv_expect(f->mv, 3, EVM_MV_SLOT, &a, &key), EVM_OK);
    assert_int_equal(evm_mv_expect(f->mv, 4, EVM_MV_SLOT, &a, &key), EVM_OK);
    assert_int_equal(read_slot(f, 3, 2, &who), 33);
    assert_int_equal(read_slot(f, 9, 2, &who), UINT64_MAX);
    assert_int_equal(who, 4);
    assert_false(publish(f, 4, 0, 0, 0, TOY_SLOTS, 0).changed); /* it did not come */
    assert_int_equal(read_slot(f, 9, 2, &who), UINT64_MAX);
    assert_int_equal(who, 3);
    assert_false(publish(f, 3, 0, 0, 0, 2, 303).changed);
    assert_int_equal(read_slot(f, 9, 2, &who), 303);
}

/* Versions below the boundary go when room is needed, but the highest of them stays. */
static void settled_versions_go(void **state)
{
    struct fixture *f = *state;
    uint32_t who = 0;
    bool fresh;
    for (uint32_t i = 0; i < 90; i++) {
        publish(f, i, 0, 0, 0, 2, 1000 + i);
        evm_mv_settle(f->mv, i);
        assert_int_equal(read_slot(f, i + 1, 2, &who), 1000 + i);
        if (i)
            assert_int_equal(read_slot(f, i, 2, &who), 1000 + i - 1);
    }
    struct evm_addr a = toy_addr(1);
    struct evm_u256 key = toy_key(2);
    struct mv_slot *s = mv_slot_at(f->mv, mv_account_at(f->mv, &a, &fresh), &key, &fresh);
    assert_true(s->cell.capacity <= 4);
}

/* ---- profiles -------------------------------------------------------------------------------- */

static void profiles_are_usable(void **state)
{
    (void)state;
    assert_null(evm_profile_find("abacus"));
    assert_non_null(evm_profile_find("validator-2025"));
    size_t n = 0;
    for (const struct evm_profile *p; (p = evm_profile_at(n)); n++) {
        assert_ptr_equal(evm_profile_find(p->name), p);
        struct evm_meter m = {.gas = 7};
        double one_each = 0;
        if (p->gas > 0) { /* gas for time, and nothing else takes any */
            m.count[EVM_COST_MUL] = 100;
            assert_true(evm_profile_cost(p, &m, 0) == 7 * p->gas);
            continue;
        }
        for (int k = 0; k < EVM_COST_CLASS_COUNT; k++) {
            assert_true(p->op[k] > 0);
            m.count[k] = 3;
            one_each += p->op[k];
        }
        assert_true(evm_profile_cost(p, &m, 0) > 2.999 * one_each);
        assert_true(evm_profile_cost(p, &m, 0) < 3.001 * one_each);
        assert_true(p->tx_base > 0 && p->read_account > 0 && p->read_slot > 0);
        assert_true(p->read_versions > 0 && p->write > 0 && p->validate_entry > 0);
        assert_true(p->sched_step > 0 && p->commit_tx > 0 && p->contended_line > 0);
        assert_true(p->signature > 0 && p->hash_dirty > 0);
    }
    assert_true(n >= 2);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static enum evm_read nobody(void *self, const struct evm_addr *addr, unsigned need,
                            struct evm_account *out)
{
    (void)self, (void)addr, (void)need;
    *out = (struct evm_account){.code_hash = evm_empty_code_hash};
    return EVM_READ_OK;
}

static enum evm_read nothing(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                             struct evm_u256 *out)
{
    (void)self, (void)addr, (void)key;
    *out = evm_u256_of(0);
    return EVM_READ_OK;
}

static void no_hash(void *self, uint64_t number, struct evm_hash *out)
{
    (void)self, (void)number;
    *out = (struct evm_hash){{0}};
}

/* Many accounts, of which some have their first 64 bits in common, some with slots in no order. */
static void publish_crowd(struct evm_mv *mv, uint32_t n, struct evm_changes *c)
{
    uint64_t rng = 77;
    for (uint32_t i = 0; i < n; i++) {
        struct evm_mv_published p;
        struct evm_account_change a = {.wrote = EVM_WROTE_BALANCE, .balance = {{i + 1}}};
        uint64_t head = i % 5 ? toy_draw(&rng) : 0x8000000000000000u, tail = toy_draw(&rng);
        memcpy(a.addr.b, &head, 8);
        memcpy(a.addr.b + 8, &tail, 8);
        a.slot_count = i % 7 == 0 ? 3 : 0;
        evm_changes_clear(c);
        assert_int_equal(evm_changes_reserve(c, 1, 3), EVM_OK);
        for (uint32_t k = 0; k < a.slot_count; k++)
            c->slots[c->slot_count++] = (struct evm_slot_change){
                {{toy_draw(&rng), 0, 0, k % 2 ? toy_draw(&rng) : 5}}, evm_u256_of(i + k + 1)};
        c->accounts[c->account_count++] = a;
        assert_int_equal(evm_mv_publish(mv, i, 0, c, 0, &p), EVM_OK);
    }
}

static void parts_of_a_block_make_one(void **state)
{
    static const struct evm_view_ops empty = {nobody, nothing, no_hash};
    enum { CROWD = 5000 };
    static const uint32_t threads[] = {2, 3, 8, 64};
    struct evm_changes c, one, many;
    struct evm_mv *mv = evm_mv_create();
    (void)state;
    evm_changes_init(&c), evm_changes_init(&one), evm_changes_init(&many);
    assert_non_null(mv);
    assert_int_equal(evm_mv_begin(mv, (struct evm_view){&empty, NULL}, CROWD, NULL, false, false),
                     EVM_OK);
    publish_crowd(mv, CROWD, &c);
    assert_int_equal(evm_mv_collect(mv, NULL, 1, &one), EVM_OK);
    assert_int_equal(one.account_count, CROWD);
    assert_int_equal(one.slot_count, (CROWD + 6) / 7 * 3);
    for (uint32_t i = 1; i < one.account_count; i++)
        assert_true(memcmp(&one.accounts[i - 1].addr, &one.accounts[i].addr,
                           sizeof one.accounts[i].addr) < 0);
    for (size_t k = 0; k < sizeof threads / sizeof threads[0]; k++) {
        assert_int_equal(evm_mv_collect(mv, NULL, threads[k], &many), EVM_OK);
        assert_int_equal(many.account_count, one.account_count);
        assert_int_equal(many.slot_count, one.slot_count);
        assert_memory_equal(many.slots, one.slots, one.slot_count * sizeof *one.slots);
        for (uint32_t i = 0; i < one.account_count; i++) {
            const struct evm_account_change *x = &one.accounts[i], *y = &many.accounts[i];
            assert_memory_equal(&x->addr, &y->addr, sizeof x->addr);
            assert_true(evm_u256_eq(&x->balance, &y->balance) && x->wrote == y->wrote);
            assert_true(x->first_slot == y->first_slot && x->slot_count == y->slot_count);
        }
    }
    evm_changes_fini(&c), evm_changes_fini(&one), evm_changes_fini(&many);
    evm_mv_destroy(mv);
}

int main(void)
{
#define MV(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_gives_the_lowest),
        MV(reads_the_highest_below),
        MV(estimates_check_the_incarnation),
        MV(only_other_values_are_changes),
        MV(wipes_hide_what_is_below),
        MV(expected_writes),
        MV(settled_versions_go),
        cmocka_unit_test(parts_of_a_block_make_one),
        cmocka_unit_test(profiles_are_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
