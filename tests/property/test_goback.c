/* A run that goes back to a saved state is a run from the start. Over random programs on random
 * worlds, at every fork, plainly and translated: a run is saved at a read, goes on to its end, is
 * put back, and ends again as it did; and when what it reads from there on has changed meanwhile,
 * it ends as a run that found those values from its start. */
#include "tests/property/vm_programs.h"

#define RUNS 8000

/* A view whose slots differ by `shift` from read number `from` on. Every read waits once. A journal
 * asks for a slot at most once. */
struct shifty {
    struct evm_view real;
    bool asked;
    uint64_t reads, from, shift;
};

static bool hesitates_now(struct shifty *s)
{
    s->asked = !s->asked;
    s->reads += !s->asked;
    return s->asked;
}

static enum evm_read shifty_account(void *self, const struct evm_addr *addr, unsigned need,
                                    struct evm_account *out)
{
    struct shifty *s = self;
    return hesitates_now(s) ? EVM_READ_PENDING
                            : s->real.ops->account(s->real.self, addr, need, out);
}

static enum evm_read shifty_slot(void *self, const struct evm_addr *addr,
                                 const struct evm_u256 *key, struct evm_u256 *out)
{
    struct shifty *s = self;
    if (hesitates_now(s))
        return EVM_READ_PENDING;
    enum evm_read r = s->real.ops->slot(s->real.self, addr, key, out);
    if (s->reads > s->from)
        out->w[0] += s->shift;
    return r;
}

static void shifty_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct shifty *s = self;
    s->real.ops->block_hash(s->real.self, number, out);
}

static const struct evm_view_ops shifty_ops = {shifty_account, shifty_slot, shifty_block_hash};

struct world_run {
    const struct evm_state *world;
    const struct setting *set;
    struct shifty view;
    struct evm_block_hashes hashes;
    struct evm_state_view base;
    struct evm_block_env block;
    struct evm_tx_env tx;
    struct evm_vm_saved vm;
    struct evm_journal_saved journal;
    struct evm_meter meter; /* at the saved state */
    bool saved, metered;
    uint64_t save_at; /* before read number so many, counted from 0 */
};

static void begin(struct world_run *w, struct outcome *o)
{
    static const uint8_t input[] = {1, 2, 3, 4, 5};
    const struct evm_rules *rules = evm_rules_of(w->set->fork);
    struct evm_msg msg = {
        .kind = EVM_CALL,
        .caller = address_of(6),
        .to = address_of(1),
        .value = w->set->value,
        .input = {input, sizeof input},
        .gas = w->set->gas,
    };
    w->base = (struct evm_state_view){w->world, &w->hashes};
    w->view.real = evm_state_view(&w->base);
    w->view.asked = false;
    w->view.reads = 0;
    w->block = (struct evm_block_env){.number = 300, .gas_limit = 30000000, .chain_id = 1};
    w->tx = (struct evm_tx_env){.origin = address_of(6)};
    memset(&o->meter, 0, sizeof o->meter);
    o->reads = 0;
    evm_journal_begin(o->journal, rules, (struct evm_view){&shifty_ops, &w->view});
    evm_vm_begin(o->vm, rules, &w->block, &w->tx, o->journal, &msg);
}

/* To the end; on the way it is saved if `save` says so. */
static void go(struct world_run *w, struct outcome *o, bool save)
{
    enum evm_step s;
    while ((s = evm_vm_step(o->vm, w->metered ? &o->meter : NULL, 0)) != EVM_STEP_DONE) {
        if (s != EVM_STEP_READ || !save || w->view.reads < w->save_at)
            continue;
        save = false;
        w->saved = evm_vm_save(o->vm, 1 << 20, &w->vm) && evm_journal_save(o->journal, &w->journal);
        w->meter = o->meter;
        w->save_at = w->view.reads;
    }
    assert_int_equal(evm_vm_result(o->vm, &o->result), EVM_OK);
    o->reads = w->view.reads;
    while (evm_journal_settle(o->journal) != EVM_READ_OK)
        ;
    assert_int_equal(evm_journal_finish(o->journal, &o->changes), EVM_OK);
}

static void go_back(struct world_run *w, struct outcome *o, uint64_t shift)
{
    evm_vm_restore(o->vm, &w->vm);
    evm_journal_restore(o->journal, &w->journal);
    o->meter = w->meter;
    w->view.asked = false;
    w->view.reads = w->view.from = w->save_at;
    w->view.shift = shift;
    go(w, o, false);
}

/* What the run found out about balances is part of its outcome. */
static void same_bounds(uint64_t at, const struct outcome *a, const struct outcome *b)
{
    for (uint64_t i = 1; i < 15; i++) {
        struct evm_addr addr = address_of(i);
        const struct evm_jaccount *x = evm_journal_find(a->journal, &addr);
        const struct evm_jaccount *y = evm_journal_find(b->journal, &addr);
        if (!x || !x->loaded)
            x = NULL;
        if (!y || !y->loaded)
            y = NULL;
        if (!x != !y)
            fail_msg("seed %lu: account %lu is known to one only", (unsigned long)at,
                     (unsigned long)i);
        if (x && (x->loaded != y->loaded || x->balance_observed != y->balance_observed ||
                  !evm_u256_eq(&x->balance_needed, &y->balance_needed)))
            fail_msg("seed %lu: account %lu was looked at differently", (unsigned long)at,
                     (unsigned long)i);
    }
}

struct tally {
    uint64_t saves, reads_after, differ, deep;
};

static void one_seed(uint64_t at, struct tally *t)
{
    seed = at;
    struct evm_codes *codes = evm_codes_create();
    struct setting set = {
        .fork = (enum evm_fork)(rnd() % EVM_FORK_COUNT),
        .gas = (int64_t)(rnd() % 8 ? 200000 + rnd() % 2000000 : rnd() % 100000),
        .value = {{rnd() % 3 ? 0 : rnd() % 6000}},
    };
    struct evm_state *world = make_world(codes, set.fork);
    struct outcome first, again;
    struct world_run w = {.world = world, .set = &set, .metered = rnd() % 2};
    outcome_init(&first, codes);
    outcome_init(&again, codes);
    const enum evm_vm_tier tier = rnd() % 2 ? EVM_TIER_TRANSLATED : EVM_TIER_PLAIN;
    evm_vm_set_tier(first.vm, tier);
    evm_vm_set_tier(again.vm, w.metered ? tier : EVM_TIER_AUTO);
    w.save_at = 1 + rnd() % 6;
    w.view.from = UINT64_MAX;
    begin(&w, &again);
    go(&w, &again, false);
    begin(&w, &first);
    go(&w, &first, true);
    same(at, "saved on the way", &again, &first);
    if (w.saved) {
        const uint64_t shift = 1 + rnd() % 2;
        t->saves++;
        t->deep += w.vm.depth > 1;
        t->reads_after += first.reads - w.save_at;
        go_back(&w, &first, 0);
        same(at, "again from there", &again, &first);
        same_bounds(at, &again, &first);
        const int64_t gas = first.result.gas_left;
        go_back(&w, &first, shift);
        begin(&w, &again);
        go(&w, &again, false);
        same(at, "from there with other values", &again, &first);
        same_bounds(at, &again, &first);
        if (w.metered)
            same_counts(at, "from there with other values", &again, &first);
        t->differ += gas != first.result.gas_left;
    }
    evm_vm_saved_fini(&w.vm);
    evm_journal_saved_fini(&w.journal);
    outcome_fini(&first);
    outcome_fini(&again);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

static void going_back_is_starting_again(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t i = 0; i < RUNS; i++)
        one_seed(i * 6007 + 3, &t);
    printf("saves %lu (%lu inside calls), reads after them %lu, other values mattered %lu times\n",
           (unsigned long)t.saves, (unsigned long)t.deep, (unsigned long)t.reads_after,
           (unsigned long)t.differ);
    assert_true(t.saves > RUNS / 4 && t.deep > RUNS / 30);
    assert_true(t.reads_after > RUNS && t.differ > RUNS / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(going_back_is_starting_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
