/* Dissemination without messages: `arrivals`. When an item is published, the times at which it
 * comes to the other nodes are taken from a course: one draw of how an item spreads from there,
 * over the topology, with the wires' delays and jitter, access rates, and what nodes take to pass
 * it on. One event a node instead of one for each announcement, request and body.
 *
 * A course is what `inv` does (or `push`, with asks: false) when nothing else is on the links: each
 * node asks whoever's announcement comes first. So times agree with those of the messages until
 * links queue; docs/networks.md shows where they part. Left out: queues behind other items and at
 * the receiver, loss, and that a node which refuses an item, or is down, does not pass it on.
 * Nothing is counted as sent. A node that is down when an item would come misses it.
 *
 * Courses are kept, twelve bytes a node each, while they fit into `memory`; an item that travels
 * takes 24 bytes. */
#include "models/network/network.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <string.h>

#define GOSSIP_ARRIVALS_FIELDS(F, S)                                                               \
    F(S, BOOL, asks, "true", NULL, NULL,                                                           \
      "A hop is an announcement, a request and the body, as inv; false: the body alone, as push.") \
    F(S, SIZE, announcement, "61B", "0B", "64KB", "Bytes that tell of one item.")                  \
    F(S, SIZE, request, "61B", "0B", "64KB", "Bytes that ask for one item.")                       \
    F(S, SIZE, body, "200B", "0B", "1GB", "Bytes of an item.")                                     \
    F(S, DIST(DURATION), processing, "0ms", "0ms", "1h", "Time before a node passes an item on.")  \
    F(S, COUNT, courses, "4", "1", "10000",                                                        \
      "Ways to spread from one node that are drawn; each item takes one of them.")                 \
    F(S, SIZE, memory, "64MB", "1MB", "1TB",                                                       \
      "For courses, in each layer; those that do not fit are drawn anew.")
FIELD_DECLARE(gossip_arrivals, GOSSIP_ARRIVALS_FIELDS);
FIELD_DEFINE(gossip_arrivals, GOSSIP_ARRIVALS_FIELDS,
             "Times of arrival drawn over the topology, instead of messages; nothing is counted as "
             "sent.",
             NULL);

struct arrival {
    node_id node, from;
    uint32_t after; /* microseconds since the origin had it; an hour fits */
};

/* Ascending by time. */
struct course {
    uint32_t uses; /* items under way, and the table */
    node_id origin;
    uint32_t draw; /* which of `courses` */
    uint32_t count;
    struct arrival list[];
};

/* What hangs on a message. */
struct ticket {
    struct course *course;
    sim_time begun;
    uint32_t next; /* of the course's list */
};

struct arrivals_state {
    struct gossip_env *env;
    const struct gossip_arrivals *cfg;
    struct course **table; /* direct-mapped by origin and draw */
    size_t slots;
    struct vec heap; /* struct step */
    uint8_t *phase;  /* by node, while a course is drawn */
};

/* Something that is due while a course is drawn. */
struct step {
    sim_time at;
    node_id node, from;
    uint32_t kind; /* enum step_kind */
};
enum step_kind { STEP_TOLD, STEP_HAS };
enum { PHASE_LACKS, PHASE_ASKED, PHASE_HAS };

static enum err_code arrivals_init(void *state, const void *cfg, struct gossip_env *env,
                                   struct err *err)
{
    struct arrivals_state *s = state;
    *s = (struct arrivals_state){.env = env, .cfg = cfg};
    vec_init(&s->heap, sizeof(struct step));
    size_t each = sizeof(struct course) + env->count * sizeof(struct arrival);
    uint64_t wanted = (uint64_t)env->count * s->cfg->courses, fit = s->cfg->memory / each;
    s->slots = wanted < fit ? wanted : fit > 0 ? fit : 1;
    s->table = mem_zalloc(s->slots, sizeof(struct course *));
    s->phase = mem_alloc(env->count, 1);
    return s->table && s->phase ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for courses");
}

/* ---- the heap: earliest step first, ties by node, kind and sender ---- */

static bool before(const struct step *a, const struct step *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->node != b->node)
        return a->node < b->node;
    return a->kind != b->kind ? a->kind < b->kind : a->from < b->from;
}

static bool put(struct arrivals_state *s, struct step step)
{
    if (vec_push(&s->heap, &step) != ERR_OK)
        return false;
    struct step *all = s->heap.data;
    size_t i = s->heap.len - 1;
    for (; i > 0 && before(&step, &all[(i - 1) / 2]); i = (i - 1) / 2)
        all[i] = all[(i - 1) / 2];
    all[i] = step;
    return true;
}

static struct step take(struct arrivals_state *s)
{
    struct step *all = s->heap.data, first = all[0], last = all[--s->heap.len];
    size_t i = 0, child;
    for (; (child = 2 * i + 1) < s->heap.len; i = child) {
        if (child + 1 < s->heap.len && before(&all[child + 1], &all[child]))
            child++;
        if (!before(&all[child], &last))
            break;
        all[i] = all[child];
    }
    all[i] = last;
    return first;
}

/* ---- drawing a course ---- */

static double seconds_of(uint64_t bytes, uint64_t rate)
{
    return 8.0 * (double)bytes / (double)(rate ? rate : 1);
}

/* From the sender's link to the receiver's: the slower one counts. */
static sim_time transfer(struct arrivals_state *s, node_id from, node_id to, uint64_t bytes,
                         struct sim_stream *rng)
{
    uint64_t up, down, unused;
    s->env->host->rates(s->env, from, &up, &unused);
    s->env->host->rates(s->env, to, &unused, &down);
    return s->env->host->wire(s->env, from, to, rng) +
           (sim_time)(seconds_of(bytes, up < down ? up : down) * (double)SIM_SEC);
}

/* What the node sends to its neighbours leaves one after the other. */
static bool spread_on(struct arrivals_state *s, const struct step *step, struct sim_stream *rng)
{
    const struct gossip_arrivals *c = s->cfg;
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, step->node, &peers);
    uint64_t bytes = c->asks ? c->announcement : c->body, up, down, sent = 0;
    s->env->host->rates(s->env, step->node, &up, &down);
    double pause = sim_dist_sample(&c->processing, rng);
    sim_time now = step->at + (step->from == NODE_NONE || pause < 0 ? 0 : (sim_time)pause);
    for (uint32_t i = 0; i < count; i++) {
        if (peers[i] == step->from)
            continue;
        sim_time queue = (sim_time)(seconds_of(sent, up) * (double)SIM_SEC);
        sent += bytes;
        if (s->phase[peers[i] - s->env->first] != PHASE_LACKS)
            continue;
        sim_time at = now + queue + transfer(s, step->node, peers[i], bytes, rng);
        if (!put(s, (struct step){at, peers[i], step->node, c->asks ? STEP_TOLD : STEP_HAS}))
            return false;
    }
    return true;
}

/* Tells lead to requests, requests to bodies, bodies to tells. */
static bool play(struct arrivals_state *s, struct course *course, struct sim_stream *rng)
{
    s->heap.len = 0;
    memset(s->phase, PHASE_LACKS, s->env->count);
    if (!put(s, (struct step){0, course->origin, NODE_NONE, STEP_HAS}))
        return false;
    while (s->heap.len > 0) {
        struct step step = take(s);
        uint8_t *phase = &s->phase[step.node - s->env->first];
        if (step.kind == STEP_TOLD) {
            if (*phase != PHASE_LACKS)
                continue;
            *phase = PHASE_ASKED;
            sim_time at = step.at + transfer(s, step.node, step.from, s->cfg->request, rng);
            at += transfer(s, step.from, step.node, s->cfg->body, rng);
            if (!put(s, (struct step){at, step.node, step.from, STEP_HAS}))
                return false;
            continue;
        }
        if (*phase == PHASE_HAS)
            continue;
        *phase = PHASE_HAS;
        if (step.from != NODE_NONE) {
            sim_time after = step.at / SIM_US;
            course->list[course->count++] = (struct arrival){
                step.node, step.from, after < UINT32_MAX ? (uint32_t)after : UINT32_MAX};
        }
        if (!spread_on(s, &step, rng))
            return false;
    }
    return true;
}

static void drop(struct course *course)
{
    if (course && --course->uses == 0)
        mem_free(course);
}

/* A course from the origin, for the caller to drop; NULL when memory is out. */
static struct course *course_from(struct arrivals_state *s, node_id origin)
{
    struct sim_stream *rng = s->env->host->random(s->env, origin);
    uint32_t draw = (uint32_t)sim_stream_below(rng, s->cfg->courses);
    uint64_t key = (uint64_t)(origin - s->env->first) * s->cfg->courses + draw;
    struct course **slot = &s->table[key % s->slots];
    if (!*slot || (*slot)->origin != origin || (*slot)->draw != draw) {
        struct course *new =
            mem_alloc(1, sizeof *new + (s->env->count - 1) * sizeof(struct arrival));
        if (!new)
            return NULL;
        *new = (struct course){.uses = 1, .origin = origin, .draw = draw};
        if (!play(s, new, rng)) {
            mem_free(new);
            return NULL;
        }
        drop(*slot);
        *slot = new;
    }
    (*slot)->uses++;
    return *slot;
}

/* ---- items ---- */

static void ticket_fini(void *route)
{
    struct ticket *t = route;
    if (t)
        drop(t->course);
}

static void arrivals_publish(void *state, node_id origin, struct message *m)
{
    struct arrivals_state *s = state;
    if (m->route)
        return; /* under way, or everywhere */
    struct ticket *t = m->route = mem_zalloc(1, sizeof *t);
    m->route_fini = ticket_fini;
    if (!t || !(t->course = course_from(s, origin))) {
        s->env->host->fail(s->env);
        return;
    }
    t->begun = s->env->host->now(s->env);
    if (t->course->count > 0)
        s->env->host->timer(s->env, t->course->list[0].node,
                            (sim_time)t->course->list[0].after * SIM_US, m);
}

/* Microseconds within which the host has not done much else. */
enum { SOON = 100 };

static void arrivals_timer(void *state, node_id node, struct message *m)
{
    struct arrivals_state *s = state;
    struct ticket *t = m->route;
    const struct arrival *a = &t->course->list[t->next++];
    if (t->next < t->course->count && a[1].after <= a->after + SOON)
        s->env->host->expect(s->env, a[1].node, m);
    if (s->env->host->up(s->env, node))
        s->env->host->deliver(s->env, node, a->from, m);
    if (t->next == t->course->count)
        return;
    a++;
    s->env->host->timer(s->env, a->node,
                        t->begun + (sim_time)a->after * SIM_US - s->env->host->now(s->env), m);
}

static void arrivals_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    (void)state, (void)at, (void)from, (void)m, (void)type; /* nothing is sent */
}

static void arrivals_fini(void *state)
{
    struct arrivals_state *s = state;
    for (size_t i = 0; s->table && i < s->slots; i++)
        drop(s->table[i]);
    mem_free(s->table);
    mem_free(s->phase);
    vec_fini(&s->heap);
}

const struct gossip_ops gossip_arrivals_model = {
    .model = {"arrivals", "Times of arrival drawn over the topology, instead of messages.",
              &gossip_arrivals_table},
    .state_size = sizeof(struct arrivals_state),
    .init = arrivals_init,
    .publish = arrivals_publish,
    .link = arrivals_link,
    .timer = arrivals_timer,
    .fini = arrivals_fini,
};
