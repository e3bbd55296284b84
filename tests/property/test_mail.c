/* Mail between layers: whatever is lost on the way, each item arrives once; batches, bytes, delays
 * as written down. */
#include "tests/property/world_fixture.h"

#include "sim/engine/random.h"

enum { ITEMS_MAX = 4096 };

/* A layer's chain has nothing to do with it: proof of authority, rarely a block. */
static const char text[] =
    "duration: 30s\n"
    "drain: 30s\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers: [{name: l, count: 5, nodes: 4, consensus: {kind: poa, block_interval: 20s}}]\n"
    "routing: {policy: hash}\n"
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
        node_id node = from * 4U + (node_id)sim_stream_below(&rng, 4);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_arrives_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
