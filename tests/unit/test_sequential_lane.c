/* The lane without a world: a host that writes down what it is asked for, and time by hand. What
 * counts as a try, who is dropped when they are used up, and who keeps his place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/crosslayer/crosslayer.h"
#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

enum { LANE = 0, AWAY = 1, PARTY = 2, ALL = 6 };

#define LANE_FIELDS(F, S) F(S, MODEL(crosslayer), crosslayer, NULL, NULL, NULL, "The protocol.")
FIELD_DECLARE(lane_cfg, LANE_FIELDS);
FIELD_DEFINE(lane_cfg, LANE_FIELDS, "A protocol.", NULL);

/* A transaction and its crossing; joined, it is another's. */
struct wish {
    struct crossing pub; /* first member */
    struct crossing_party party;
    struct tx tx, *txs[ALL];
    sim_time late;
    bool joined, again, dropped, sent;
};

struct stage {
    struct cross_env env;
    struct sim_stream rng;
    struct scenario *scenario;
    const struct crosslayer_ops *ops;
    void *state;
    sim_time now;
    struct wish all[ALL];
    uint32_t asked;
};

static struct wish *wish_of(struct crossing *c)
{
    return (struct wish *)c;
}

static struct wish *by_tx(struct stage *s, const struct tx *tx)
{
    for (int i = 0; i < ALL; i++)
        if (&s->all[i].tx == tx)
            return &s->all[i];
    fail_msg("no such transaction");
    return NULL;
}

/* ---- the host ---- */

static sim_time host_now(struct cross_env *env)
{
    return ((struct stage *)env->world)->now;
}

static void host_ask(struct cross_env *env, struct crossing *c, struct crossing_party *p,
                     bool waits, bool checks)
{
    struct stage *s = env->world;
    (void)c, (void)waits, (void)checks;
    assert_int_equal(p->phase, PARTY_IDLE);
    p->phase = PARTY_ASKED;
    s->asked++;
}

static void host_run(struct cross_env *env, struct crossing *c, bool blind)
{
    (void)env;
    assert_false(blind);
    c->phase = CROSSING_RUNS;
}

/* As the desk: the try is over, and of several each is by itself again. */
static void end_try(struct cross_env *env, struct crossing *c, bool dropped)
{
    struct stage *s = env->world;
    struct tx *txs[ALL];
    uint32_t count = c->tx_count;
    memcpy(txs, c->txs, count * sizeof *txs);
    s->ops->ended(s->state, c);
    for (uint32_t i = 0; i < count; i++) {
        struct wish *w = by_tx(s, txs[i]);
        w->joined = false;
        w->dropped = dropped;
        w->again = !dropped;
        w->pub.phase = dropped ? CROSSING_DROPPED : CROSSING_WAITS;
        w->pub.tx_count = 1;
        w->txs[0] = &w->tx;
        w->party.phase = PARTY_IDLE;
    }
}

static void host_again(struct cross_env *env, struct crossing *c, sim_time delay)
{
    assert_true(delay >= 0);
    end_try(env, c, false);
}

static void host_drop(struct cross_env *env, struct crossing *c)
{
    end_try(env, c, true);
}

static void host_timer(struct cross_env *env, struct crossing *c, sim_time delay)
{
    wish_of(c)->late = ((struct stage *)env->world)->now + delay;
}

static void host_send_to(struct cross_env *env, struct crossing *c, layer_id layer)
{
    (void)env;
    assert_int_equal(layer, LANE);
    c->at = layer;
    wish_of(c)->sent = true;
}

static void host_join(struct cross_env *env, struct crossing *c, struct crossing *from)
{
    (void)env;
    assert_false(wish_of(from)->joined);
    for (uint32_t i = 0; i < from->tx_count; i++)
        c->txs[c->tx_count++] = from->txs[i];
    wish_of(from)->joined = true;
}

static uint64_t host_gas_limit(struct cross_env *env, layer_id layer)
{
    (void)env, (void)layer;
    return 1000000;
}

static uint64_t host_gas(const struct crossing *c)
{
    return 21000 * (uint64_t)c->tx_count;
}

static void host_fail(struct cross_env *env)
{
    (void)env;
    fail_msg("out of memory");
}

static const struct cross_host host = {.now = host_now,
                                       .ask = host_ask,
                                       .run = host_run,
                                       .again = host_again,
                                       .drop = host_drop,
                                       .timer = host_timer,
                                       .send_to = host_send_to,
                                       .join = host_join,
                                       .gas_limit = host_gas_limit,
                                       .gas = host_gas,
                                       .fail = host_fail};

/* ---- the stage ---- */

static void open_stage(struct stage *s, const char *settings)
{
    static const struct field_registry *const registries[] = {&crosslayer_registry};
    const struct scenario_spec spec = {
        .root = &lane_cfg_table, .registries = registries, .registry_count = 1};
    struct scenario_problems problems = {0};
    struct err err = {0};
    char text[256];
    *s = (struct stage){.env = {.host = &host, .layers = 3}};
    s->env.world = s;
    s->env.rng = &s->rng;
    sim_stream_init(&s->rng, 20261127, 0, sim_purpose("test.lane"));
    snprintf(text, sizeof text, "crosslayer: {kind: sequential-lane, %s}\n", settings);
    if (scenario_parse(&s->scenario, &spec, "test", text, strlen(text), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    const struct lane_cfg *cfg = scenario_root(s->scenario);
    s->ops = (const struct crosslayer_ops *)cfg->crosslayer.model;
    s->state = mem_zalloc(1, s->ops->state_size);
    assert_non_null(s->state);
    if (s->ops->init(s->state, cfg->crosslayer.cfg, &s->env, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < ALL; i++) {
        struct wish *w = &s->all[i];
        w->txs[0] = &w->tx;
        w->party = (struct crossing_party){.layer = PARTY};
        w->pub = (struct crossing){.id = (uint64_t)i + 1,
                                   .at = LANE,
                                   .txs = w->txs,
                                   .tx_count = 1,
                                   .parties = &w->party,
                                   .party_count = 1};
    }
}

static void close_stage(struct stage *s)
{
    s->ops->fini(s->state);
    mem_free(s->state);
    scenario_destroy(s->scenario);
}

/* The desk has looked at it, and it begins. */
static struct wish *start(struct stage *s, int i)
{
    struct wish *w = &s->all[i];
    w->again = false;
    w->pub.phase = CROSSING_GATHERS;
    w->pub.tries++;
    w->pub.note = 0;
    s->ops->start(s->state, &w->pub);
    return w;
}

/* Time goes on to when its timer is due. */
static void late(struct stage *s, struct wish *w)
{
    if (w->late > s->now)
        s->now = w->late;
    s->ops->late(s->state, &w->pub);
}

static void carry_through(struct stage *s, struct wish *w)
{
    w->party.phase = PARTY_HELD;
    s->ops->held(s->state, &w->pub, &w->party);
    assert_int_equal(w->pub.phase, CROSSING_RUNS);
    w->pub.phase = CROSSING_DONE;
    s->ops->done(s->state, &w->pub);
}

static void refuse(struct stage *s, struct wish *w)
{
    s->ops->refused(s->state, &w->pub, &w->party, "gone");
}

/* ---- tests ---- */

/* However long it stands in the queue: it keeps its place there, and has not tried yet. */
static void test_waiting_is_no_try(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s, "interval: 1s, timeout: 5s, tries: 1");
    struct wish *first = start(&s, 0);
    late(&s, first); /* the lane is free: it begins */
    assert_int_equal(s.asked, 1);
    assert_int_equal(first->tx.cross_tries, 1);
    struct wish *second = start(&s, 1), *third = start(&s, 2);
    for (int i = 0; i < 4; i++) {
        s.now += 6 * SIM_SEC;
        s.ops->late(s.state, &second->pub);
        s.ops->late(s.state, &third->pub);
    }
    assert_int_equal(s.asked, 1);
    assert_false(second->again || second->dropped || third->again || third->dropped);
    assert_int_equal(second->tx.cross_tries, 0);
    carry_through(&s, first);
    late(&s, second);
    assert_int_equal(s.asked, 2);
    assert_true(third->joined);
    assert_int_equal(second->pub.tx_count, 2);
    assert_int_equal(second->tx.cross_tries, 1);
    assert_int_equal(third->tx.cross_tries, 1);
    carry_through(&s, second);
    close_stage(&s);
}

/* Who has used up his tries is dropped; who was in the batch with him is not. */
static void test_each_counts_its_own(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s, "interval: 1s, timeout: 5s, tries: 2");
    struct wish *old = start(&s, 0);
    late(&s, old);
    refuse(&s, old); /* alone, for the first time */
    assert_true(old->again);
    start(&s, 0);
    struct wish *young = start(&s, 1);
    late(&s, old);
    assert_int_equal(old->pub.tx_count, 2);
    assert_true(young->joined);
    late(&s, old); /* the batch does not get further */
    assert_int_equal(old->tx.cross_tries, 2);
    assert_int_equal(young->tx.cross_tries, 1);
    assert_true(old->again && young->again);
    assert_false(young->dropped);
    start(&s, 0);
    assert_true(old->dropped);
    start(&s, 1);
    assert_false(young->dropped);
    late(&s, young);
    assert_int_equal(young->tx.cross_tries, 2);
    refuse(&s, young); /* the last one it had, and alone: at once */
    assert_true(young->dropped);
    close_stage(&s);
}

/* On its way to the lane it has not tried; and batches that fail do count, however they were
 * joined. */
static void test_on_its_way(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s, "interval: 1s, timeout: 5s, tries: 3");
    for (int i = 0; i < 8; i++) {
        s.all[0].pub.at = AWAY;
        struct wish *w = start(&s, 0);
        assert_true(w->sent);
        late(&s, w); /* the letter is lost, as it seems */
        assert_true(w->again);
        assert_int_equal(w->tx.cross_tries, 0);
    }
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 4; k++)
            start(&s, k);
        late(&s, &s.all[0]);
        assert_int_equal(s.all[0].pub.tx_count, 4);
        refuse(&s, &s.all[0]);
    }
    for (int k = 0; k < 4; k++) {
        assert_true(s.all[k].again);
        start(&s, k);
        assert_true(s.all[k].dropped);
    }
    close_stage(&s);
}

/* One that the lane cannot run tries by itself. */
static void test_rooted(void **state)
{
    struct stage s;
    (void)state;
    open_stage(&s, "timeout: 5s, tries: 1");
    s.all[0].pub.rooted = true;
    s.all[0].pub.at = AWAY;
    struct wish *w = start(&s, 0);
    assert_int_equal(w->party.phase, PARTY_ASKED);
    assert_int_equal(w->tx.cross_tries, 1);
    refuse(&s, w);
    assert_true(w->dropped);
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_is_no_try), cmocka_unit_test(test_each_counts_its_own),
        cmocka_unit_test(test_on_its_way), cmocka_unit_test(test_rooted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
