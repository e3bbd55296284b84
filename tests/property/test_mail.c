/* Mail between layers: whatever is lost on the way, each item arrives once; batches, bytes, delays
 * as written down. */
#include "tests/property/world_fixture.h"

#include "sim/engine/random.h"

#include <math.h>

enum { ITEMS_MAX = 4096 };

/* A layer's chain has nothing to do with it: proof of authority, rarely a block. */
static const char text[] =
    "duration: 30s\n"
    "drain: 30s\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers: [{name: l, count: 5, nodes: 4, consensus: {kind: poa, block_interval: 20s}}]\n"
    "routing: {policy: hash, report_interval: 1h}\n"
    "interlayer: {retry: 1s}\n"
    "signatures: modelled\n";

/* An item of the test's, told from others by its release. */
struct parcel_of_ours {
    struct mail_item item;
    uint32_t number;
};

static int released;

static void release(struct mail_item *item)
{
    (void)item;
    released++;
}

struct rig {
    struct fixture f;
    sim_handler_id post;
    struct mail_item *items[ITEMS_MAX]; /* references */
    uint32_t arrived[ITEMS_MAX];
    uint32_t count;
    bool done_on_arrival; /* else a moment later, when all have heard */
};

/* Arrivals have no other way to the rig: one test at a time. */
static struct rig *rig;

static void on_arrived(struct world *w, struct mail_item *item, node_id node)
{
    uint32_t number = ((struct parcel_of_ours *)item)->number;
    rig->arrived[number]++;
    assert_true(item->arrived);
    assert_int_equal(item->first, sim_now(w->sim));
    assert_int_equal(w->nodes[node].layer, item->to);
    assert_true(w->nodes[node].up);
    assert_true(mail_heard(w, item, node));
    if (rig->done_on_arrival)
        mail_done(w, item);
}

static void on_post(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct rig *r = self;
    (void)sim;
    mail_post(r->f.world, r->items[ev->arg], ev->target - 1U); /* 0: NODE_NONE */
}

static struct rig *rig_make(const char *const *sets, size_t count)
{
    struct rig *r = rig = calloc(1, sizeof *r);
    assert_non_null(r);
    released = 0;
    r->done_on_arrival = true;
    r->f = fixture_make(text, sets, count, 1, NULL);
    assert_int_equal(sim_add_handler(r->f.world->sim, &r->post, "test", on_post, r), ERR_OK);
    return r;
}

static struct mail_item *rig_item(struct rig *r, layer_id from, layer_id to, uint32_t size)
{
    struct parcel_of_ours *p = mem_zalloc(1, sizeof *p);
    assert_non_null(p);
    assert_true(r->count < ITEMS_MAX);
    p->item = (struct mail_item){
        .refs = 1, .size = size, .from = from, .to = to, .release = release, .hear = on_arrived};
    p->number = r->count;
    r->items[r->count++] = &p->item;
    return &p->item;
}

/* node: NODE_NONE for any. */
static struct mail_item *rig_post(struct rig *r, sim_time at, layer_id from, layer_id to,
                                  uint32_t size, node_id node)
{
    struct mail_item *item = rig_item(r, from, to, size);
    sim_schedule(r->f.world->sim, at, SIM_CLASS_WORKLOAD, world_source(r->f.world, SOURCE_ENTRIES),
                 r->post, node == NODE_NONE ? 0 : node + 1, r->count - 1);
    return item;
}

static void rig_free(struct rig *r)
{
    int all = (int)r->count;
    for (uint32_t i = 0; i < r->count; i++)
        mail_unref(r->items[i]);
    fixture_free(&r->f);
    assert_int_equal(released, all);
    free(r);
    rig = NULL;
}

static const char *const shapes[] = {"interlayer.shape=mesh",
                                     "interlayer.shape={kind: hub, layer: 3}",
                                     "interlayer.shape={kind: tree, arity: 2}"};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* ---- nothing is lost ---- */

static const char *const troubles[] = {
    "faults=[]",
    "faults=[{kind: omission, share: 50%, drop: 50%}]",
    "faults=[{kind: omission, share: 25%, drop: 100%, way: in}]",
    "faults=[{kind: crash, at: 1s, rate: 2/s, no_more: 25s, nodes: 2, recover_after: 2s}]",
    "faults=[{kind: crash, at: 2s, layer: l-2, nodes: 4, recover_after: 12s}]",
    "faults=[{kind: partition, at: 1s, lasts: 15s, groups: [\"0-7 10 13\", \"8-9 11-12\"]}]",
    "faults=[{kind: partition, at: 1s, lasts: 5s}, {kind: crash, at: 1s, rate: 1/s, no_more: 20s, "
    "recover_after: 3s}]",
};

static void post_at_random(struct rig *r, uint64_t seed, uint32_t items)
{
    struct sim_stream rng;
    sim_stream_init(&rng, seed, 0, sim_purpose("test.mail"));
    for (uint32_t i = 0; i < items; i++) {
        sim_time at = (sim_time)(sim_stream_double(&rng) * 25e9);
        layer_id from = (layer_id)sim_stream_below(&rng, 5),
                 to = (layer_id)sim_stream_below(&rng, 5);
        uint32_t size = 40 + (uint32_t)sim_stream_below(&rng, 4000);
        const struct layer *l = &r->f.world->layers[from];
        node_id node = l->first + (node_id)sim_stream_below(&rng, l->count);
        rig_post(r, at, from, to, size, i % 2 ? node : NODE_NONE);
    }
}

static void each_arrives_once(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < SHAPES; shape++)
        for (size_t trouble = 0; trouble < sizeof troubles / sizeof troubles[0]; trouble++) {
            char seed[24];
            uint64_t number = shape * 100 + trouble + 1;
            snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)number);
            const char *sets[] = {shapes[shape], troubles[trouble], seed,
                                  number % 2 ? "network.votes=push" : "network.votes=direct"};
            struct rig *r = rig_make(sets, 4);
            post_at_random(r, number, 400);
            fixture_run(&r->f);
            for (uint32_t i = 0; i < r->count; i++)
                if (r->arrived[i] != 1)
                    fail_msg("%s, %s: item %u from %u to %u came %u times, sent %u times",
                             shapes[shape], troubles[trouble], i, r->items[i]->from,
                             r->items[i]->to, r->arrived[i], r->items[i]->sendings);
            struct mail_totals t = mail_totals(r->f.world, LAYER_NONE, LAYER_NONE);
            assert_true(t.posted >= 400 && t.arrived >= 400);
            assert_true(trouble > 0 || t.repeated == 0);
            rig_free(r);
        }
}

/* Half of the nodes of the layer are down when it comes: those hear of it by a repetition. */
static void all_hear_in_the_end(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: crash, at: 1s, chosen: [8-9], recover_after: 3s}]",
                          "drain=0s", "duration=8s"};
    struct rig *r = rig_make(sets, 3);
    r->done_on_arrival = false;
    struct mail_item *item = rig_post(r, 2 * SIM_SEC, 0, 2, 100, NODE_NONE);
    struct sim *sim = r->f.world->sim;
    assert_int_equal(sim_run(sim, 2500 * SIM_MS), ERR_OK);
    for (node_id n = 8; n < 12; n++)
        assert_int_equal(mail_heard(r->f.world, item, n), n >= 10);
    assert_int_equal(sim_run(sim, 6 * SIM_SEC), ERR_OK);
    for (node_id n = 8; n < 12; n++)
        assert_true(mail_heard(r->f.world, item, n));
    assert_int_equal(r->arrived[0], 1);
    assert_int_equal(item->sendings, 4); /* at 2.05, 3.05, 4.05, 5.05 s */
    mail_done(r->f.world, item);
    mail_done(r->f.world, item);
    assert_int_equal(sim_run(sim, 8 * SIM_SEC), ERR_OK);
    assert_int_equal(item->sendings, 4);
    rig_free(r);
}

/* What is not needed any more before it left is never sent. */
static void done_before_it_leaves(void **state)
{
    (void)state;
    const char *sets[] = {"interlayer.batch=1s"};
    struct rig *r = rig_make(sets, 1);
    struct mail_item *first = rig_item(r, 0, 1, 100), *second = rig_item(r, 0, 1, 300);
    mail_post(r->f.world, first, NODE_NONE);
    mail_post(r->f.world, second, NODE_NONE);
    mail_done(r->f.world, first);
    assert_int_equal(sim_run(r->f.world->sim, 3 * SIM_SEC), ERR_OK);
    assert_int_equal(r->arrived[0], 0);
    assert_int_equal(first->sendings, 0);
    assert_int_equal(r->arrived[1], 1);
    struct mail_totals t = mail_totals(r->f.world, 0, 1);
    assert_int_equal(t.posted, 2);
    assert_int_equal(t.arrived, 1);
    assert_int_equal(t.bytes, 600 + 300);
    rig_free(r);
}

/* Of a layer with itself: at once, everywhere, and nothing on the links. */
static void to_oneself(void **state)
{
    (void)state;
    struct rig *r = rig_make(NULL, 0);
    struct mail_item *item = rig_item(r, 3, 3, 1000);
    mail_post(r->f.world, item, NODE_NONE);
    assert_int_equal(r->arrived[0], 0);
    assert_int_equal(sim_run(r->f.world->sim, 0), ERR_OK);
    assert_int_equal(r->arrived[0], 1);
    for (node_id n = 12; n < 16; n++)
        assert_true(mail_heard(r->f.world, item, n));
    assert_int_equal(mail_totals(r->f.world, 3, 3).messages, 0);
    assert_int_equal(net_traffic(r->f.world->net, CHANNEL_LAYER).messages, 0);
    rig_free(r);
}

/* ---- batches and bytes ---- */

/* Links on which bytes take next to no time, and nothing to check. */
static const char swift[] = "network.link={kind: access, up: 1Tbit/s, down: 1Tbit/s}";
static const char unsigned_mail[] = "interlayer.signatures=0";

static uint32_t steps(const struct world *w, layer_id from, layer_id to)
{
    const struct field_choice *shape = &w->cfg->interlayer.shape;
    uint32_t n = 0;
    for (; from != to; n++)
        from = ((const struct interlayer_ops *)shape->model)
                   ->next(shape->cfg, w->layer_count, from, to);
    return n;
}

static struct mail_totals sum_of_pairs(const struct world *w)
{
    struct mail_totals all = {0};
    for (layer_id from = 0; from < w->layer_count; from++)
        for (layer_id to = 0; to < w->layer_count; to++) {
            struct mail_totals t = mail_totals(w, from, to);
            all.posted += t.posted;
            all.arrived += t.arrived;
            all.repeated += t.repeated;
            all.messages += t.messages;
            all.bytes += t.bytes;
            all.delay += t.delay;
        }
    return all;
}

/* With one node a layer all of the channel's traffic is from layer to layer: overhead for each
 * message, and each item as often as it has steps to go. The summary tells the same. */
static void bytes_add_up(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < SHAPES; shape++) {
        const char *sets[] = {shapes[shape], "layers.l.nodes=1", "interlayer.batch_size=8KB",
                              "interlayer.batch=300ms"};
        struct rig *r = rig_make(sets, 4);
        post_at_random(r, 7 + shape, 600);
        fixture_run(&r->f);
        const struct world *w = r->f.world;
        uint64_t sizes = 0;
        sim_time delay = 0;
        for (uint32_t i = 0; i < r->count; i++) {
            const struct mail_item *item = r->items[i];
            sizes += (uint64_t)item->size * steps(w, item->from, item->to);
            delay += item->first - item->posted;
        }
        struct mail_totals t = mail_totals(w, LAYER_NONE, LAYER_NONE), sum = sum_of_pairs(w);
        struct net_traffic net = net_traffic(w->net, CHANNEL_LAYER);
        assert_memory_equal(&t, &sum, sizeof t);
        assert_int_equal(t.repeated, 0);
        assert_int_equal(t.bytes, 600 * t.messages + sizes);
        assert_int_equal(net.messages, t.messages);
        assert_int_equal(net.bytes, t.bytes);
        assert_int_equal(t.delay, delay);
        struct world_summary s;
        world_summarise(w, &s);
        assert_int_equal(s.mail.items, 600);
        assert_int_equal(s.mail.arrived, 600);
        assert_int_equal(s.mail.bytes, t.bytes);
        assert_int_equal(s.layers_sent.bytes, t.bytes);
        assert_true(fabs(s.mail.delay_s - (double)delay * 1e-9 / 600) < 1e-12);
        rig_free(r);
    }
}

static struct mail_totals play(const char *const *sets, size_t count, uint64_t seed)
{
    const char *all[5] = {"interlayer.retry=10s"};
    memcpy(all + 1, sets, count * sizeof *sets);
    struct rig *r = rig_make(all, count + 1);
    post_at_random(r, seed, 1000);
    fixture_run(&r->f);
    struct mail_totals t = mail_totals(r->f.world, LAYER_NONE, LAYER_NONE);
    assert_int_equal(t.arrived, 1000);
    rig_free(r);
    return t;
}

static void longer_batches_are_fewer(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < SHAPES; shape++) {
        const char *at_once[] = {shapes[shape], "interlayer.batch=0s"};
        const char *some[] = {shapes[shape], "interlayer.batch=200ms"};
        const char *many[] = {shapes[shape], "interlayer.batch=900ms"};
        const char *small[] = {shapes[shape], "interlayer.batch=900ms",
                               "interlayer.batch_size=1KB"};
        struct mail_totals a = play(at_once, 2, shape), b = play(some, 2, shape);
        struct mail_totals c = play(many, 2, shape), d = play(small, 3, shape);
        if (!(a.messages > b.messages && b.messages > c.messages && d.messages > c.messages))
            fail_msg("%s: %llu, %llu, %llu messages, %llu when they are small", shapes[shape],
                     (unsigned long long)a.messages, (unsigned long long)b.messages,
                     (unsigned long long)c.messages, (unsigned long long)d.messages);
        assert_true(a.bytes > b.bytes && b.bytes > c.bytes);
        assert_true(a.delay < b.delay && b.delay < c.delay && d.delay < c.delay);
    }
}

/* ---- delay in closed form ---- */

static sim_time delay_of_one(const char *shape, const char *more, layer_id from, layer_id to)
{
    const char *sets[] = {shape, swift, unsigned_mail, more};
    struct rig *r = rig_make(sets, 4);
    struct mail_item *item = rig_post(r, SIM_SEC, from, to, 200, NODE_NONE);
    assert_int_equal(sim_run(r->f.world->sim, 3 * SIM_SEC), ERR_OK);
    assert_int_equal(r->arrived[0], 1);
    sim_time delay = item->first - item->posted;
    rig_free(r);
    return delay;
}

static void near(sim_time got, sim_time want, sim_time within)
{
    if (llabs((long long)(got - want)) > within)
        fail_msg("%lld ns, not %lld", (long long)got, (long long)want);
}

/* One item alone waits for a whole batch at each step, and for the wire: 50 and 20 ms. */
static void delay_of_one_item(void **state)
{
    (void)state;
    const char *none = "interlayer.handling=0s", *some = "interlayer.handling=3ms";
    near(delay_of_one(shapes[0], none, 1, 4), 70 * SIM_MS, 1000);
    near(delay_of_one(shapes[1], none, 1, 3), 70 * SIM_MS, 1000);
    near(delay_of_one(shapes[1], none, 1, 4), 140 * SIM_MS, 1000);
    near(delay_of_one(shapes[2], none, 3, 4), 140 * SIM_MS, 1000); /* by layer 1 */
    near(delay_of_one(shapes[2], none, 4, 2), 210 * SIM_MS, 1000); /* by 1 and 0 */
    near(delay_of_one(shapes[2], none, 0, 3), 140 * SIM_MS, 1000);
    near(delay_of_one(shapes[0], "interlayer.batch=0s", 1, 4), 20 * SIM_MS, 1000);
    near(delay_of_one(shapes[0], some, 1, 4), 76 * SIM_MS, 1000); /* who sends, who gets it */
    near(delay_of_one(shapes[1], some, 1, 4), 152 * SIM_MS, 1000);
}

/* Of items that come at rate r, the first of a batch waits for b and those that come meanwhile, r b
 * on average, for half of it: b (1 + r b / 2) / (1 + r b). Poisson, so the gaps know nothing. */
static void delay_of_many(void **state)
{
    (void)state;
    const char *sets[] = {shapes[0], swift, unsigned_mail, "interlayer.batch=100ms",
                          "duration=60s"};
    struct rig *r = rig_make(sets, 5);
    struct sim_stream rng;
    sim_stream_init(&rng, 11, 0, sim_purpose("test.mail"));
    double rate = 40, batch = 0.1, at = 0;
    while ((at -= log(sim_stream_positive(&rng)) / rate) < 60)
        rig_post(r, (sim_time)(at * 1e9), 0, 1, 100, NODE_NONE);
    fixture_run(&r->f);
    struct mail_totals t = mail_totals(r->f.world, 0, 1);
    double mean = (double)t.delay / (double)t.arrived * 1e-9 - 0.02;
    double want = batch * (1 + rate * batch / 2) / (1 + rate * batch);
    double each = (double)t.arrived / (double)t.messages;
    if (fabs(mean / want - 1) > 0.02 || fabs(each / (1 + rate * batch) - 1) > 0.04)
        fail_msg("items wait %.4f s, not %.4f; %.3f a message, not %.3f", mean, want, each,
                 1 + rate * batch);
    rig_free(r);
}

/* Messages cost those who send and check them, and nobody else. */
static void handling_is_charged(void **state)
{
    (void)state;
    const char *sets[] = {"interlayer.handling=4ms", unsigned_mail, "interlayer.shape=mesh"};
    struct rig *r = rig_make(sets, 3);
    rig_post(r, SIM_SEC, 0, 1, 100, 2);
    assert_int_equal(sim_run(r->f.world->sim, 3 * SIM_SEC), ERR_OK);
    const struct world *w = r->f.world;
    for (node_id n = 0; n < w->node_count; n++) {
        int64_t want = n == 2 || (n >= 4 && n < 8) ? 4 * SIM_MS : 0;
        assert_int_equal(post_message_time(w, n), want);
    }
    rig_free(r);
}

/* ---- shapes ---- */

static void shapes_lead_there(void **state)
{
    (void)state;
    static const char *const texts[] = {"mesh", "{kind: hub, layer: 6}", "{kind: tree, arity: 1}",
                                        "{kind: tree, arity: 2}", "{kind: tree, arity: 7}"};
    static const uint32_t most[] = {1, 2, 36, 9, 4};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char set[64];
        snprintf(set, sizeof set, "interlayer.shape=%s", texts[i]);
        const char *sets[] = {set, "layers.l.count=37", "layers.l.nodes=1"};
        struct fixture f = fixture_make(text, sets, 3, 1, NULL);
        uint32_t longest = 0;
        for (layer_id a = 0; a < 37; a++)
            for (layer_id b = 0; b < 37; b++) {
                uint32_t n = steps(f.world, a, b), back = steps(f.world, b, a);
                assert_int_equal(n, back);
                longest = n > longest ? n : longest;
            }
        assert_int_equal(longest, most[i]);
        fixture_free(&f);
    }
}

static void a_hub_must_exist(void **state)
{
    (void)state;
    const char *sets[] = {"interlayer.shape={kind: hub, layer: 5}"};
    struct fixture f = {0};
    struct scenario_problems problems = {0};
    struct err err = {0};
    assert_int_equal(scenario_parse(&f.scenario, &world_spec, "test.yaml", text, strlen(text), sets,
                                    1, &problems),
                     ERR_OK);
    scenario_problems_fini(&problems);
    assert_int_equal(world_check(f.scenario, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "the hub is layer 5, but the last one is layer 4"));
    scenario_destroy(f.scenario);
}

/* ---- again ---- */

static void same_digest(void **state)
{
    (void)state;
    char digests[3][RECORD_DIGEST_SIZE];
    for (int i = 0; i < 3; i++) {
        const char *sets[] = {shapes[1], troubles[6], i < 2 ? "seed=5" : "seed=6"};
        struct rig *r = rig_make(sets, 3);
        post_at_random(r, 5, 500);
        fixture_run(&r->f);
        memcpy(digests[i], r->f.world->digest, sizeof digests[i]);
        rig_free(r);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

/* A run that ends while mail is everywhere gives all of it back. */
static void cut_short(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        const char *sets[] = {shapes[i % (int)SHAPES], troubles[i % 7], "interlayer.batch=200ms"};
        struct rig *r = rig_make(sets, 3);
        r->done_on_arrival = i % 2;
        post_at_random(r, (uint64_t)i, 400);
        assert_int_equal(sim_run(r->f.world->sim, (i + 1) * 777 * SIM_MS), ERR_OK);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_arrives_once),
        cmocka_unit_test(all_hear_in_the_end),
        cmocka_unit_test(done_before_it_leaves),
        cmocka_unit_test(to_oneself),
        cmocka_unit_test(bytes_add_up),
        cmocka_unit_test(longer_batches_are_fewer),
        cmocka_unit_test(delay_of_one_item),
        cmocka_unit_test(delay_of_many),
        cmocka_unit_test(handling_is_charged),
        cmocka_unit_test(shapes_lead_there),
        cmocka_unit_test(a_hub_must_exist),
        cmocka_unit_test(same_digest),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
