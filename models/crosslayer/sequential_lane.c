/* sequential-lane: what touches several layers is ordered by one of them, the lane, and runs there.
 * Crossings are sent to the lane and gathered; every `interval` those that came are joined into one
 * batch, in the order in which they came. What the batch touches is locked at all layers at once;
 * there is one batch at a time, so that nobody waits for anybody; then its transactions run one
 * after the other in front of a block of the lane, and their results go home. Between a batch's
 * locks the layers run what is their own: a parallel phase and a sequential one.
 * A batch that fails falls apart, and what it was made of comes again. A try is counted for each
 * transaction of a batch that has begun; waiting for the lane is none.
 *
 * The division is that of systems that treat transactions over several partitions apart from the
 * rest and order them by themselves (Thomson et al., "Calvin: Fast Distributed Transactions for
 * Partitioned Database Systems", SIGMOD 2012, sections 2 and 3: a sequencer gathers them in epochs,
 * and their order is agreed on before they run, so that no commit protocol is needed). In Calvin
 * all partitions of a transaction run it; here the lane alone does, and reads and writes travel. */
#include "models/crosslayer/tries.h"

#include "sim/base/vec.h"

#define SEQUENTIAL_LANE_FIELDS(F, S)                                                               \
    F(S, COUNT, layer, "0", "0", "1023", "The layer that is the lane, counted from 0.")            \
    F(S, DURATION, interval, "1s", "1ms", "1h", "How long crossings are gathered, at least.")      \
    F(S, COUNT, batch, "1k", "1", "1M", "Transactions of a batch at most; and a block's gas.")     \
    CROSS_TRIES_FIELDS(F, S, "60s", "10", "500ms")
FIELD_DECLARE(sequential_lane_cfg, SEQUENTIAL_LANE_FIELDS);
FIELD_DEFINE(sequential_lane_cfg, SEQUENTIAL_LANE_FIELDS, "Settings of sequential-lane.", NULL);

struct sequential_lane {
    const struct sequential_lane_cfg *cfg;
    struct cross_tries tries;
    struct cross_env *env;
    struct vec came;          /* struct crossing *: in the order in which they came */
    struct crossing *running; /* the batch, or NULL */
    sim_time begun;           /* the last one */
};

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct sequential_lane *s = state;
    s->cfg = cfg;
    s->tries = CROSS_TRIES(s->cfg);
    s->env = env;
    s->begun = -s->cfg->interval;
    vec_init(&s->came, sizeof(struct crossing *));
    if (s->cfg->layer < env->layers)
        return ERR_OK;
    return err_set(err, ERR_INPUT, "layer: there is no layer %llu of %u",
                   (unsigned long long)s->cfg->layer, env->layers);
}

static struct crossing *nth(const struct sequential_lane *s, size_t i)
{
    return *(struct crossing **)vec_at(&s->came, i);
}

static void forget(struct sequential_lane *s, size_t from, size_t count)
{
    struct crossing **all = s->came.data;
    for (size_t i = from + count; i < s->came.len; i++)
        all[i - count] = all[i];
    s->came.len -= count;
}

static void count_try(struct crossing *c)
{
    for (uint32_t i = 0; i < c->tx_count; i++)
        c->txs[i]->cross_tries++;
}

static bool is_exhausted(const struct sequential_lane *s, const struct crossing *c)
{
    return c->tx_count == 1 && c->txs[0]->cross_tries >= s->tries.tries;
}

/* This try is over. Of several, each decides for itself when it comes again. */
static void give_way(struct sequential_lane *s, struct crossing *c)
{
    if (is_exhausted(s, c))
        s->env->host->drop(s->env, c);
    else
        cross_later(s->env, c, &s->tries, c->txs[0]->cross_tries);
}

/* All that came, as far as it fits, in one. */
static void begin(struct sequential_lane *s)
{
    const struct cross_host *host = s->env->host;
    struct crossing *c = nth(s, 0);
    uint64_t room = host->gas_limit(s->env, c->at), gas = host->gas(c);
    size_t count = 1;
    while (count < s->came.len && c->tx_count < s->cfg->batch) {
        struct crossing *next = nth(s, count);
        gas += host->gas(next);
        if (gas > room)
            break;
        count++;
        host->join(s->env, c, next);
    }
    forget(s, 0, count);
    count_try(c);
    s->running = c;
    s->begun = host->now(s->env);
    c->note = 0;
    host->timer(s->env, c, s->tries.timeout);
    for (uint32_t i = 0; i < c->party_count; i++)
        c->note += c->parties[i].layer != c->at;
    if (!c->note)
        host->run(s->env, c, false);
    for (uint32_t i = 0; c->phase == CROSSING_GATHERS && i < c->party_count; i++)
        if (c->parties[i].layer != c->at)
            host->ask(s->env, c, &c->parties[i], true, false);
}

/* The first of those that came has the timer of the next batch. */
static void go_on(struct sequential_lane *s)
{
    sim_time at = s->begun + s->cfg->interval, now = s->env->host->now(s->env);
    if (!s->running && s->came.len)
        s->env->host->timer(s->env, nth(s, 0), at > now ? at - now : 0);
}

static void came(void *state, struct crossing *c)
{
    struct sequential_lane *s = state;
    if (vec_push(&s->came, &c) != ERR_OK)
        s->env->host->fail(s->env);
    else if (s->came.len == 1)
        go_on(s);
}

/* One that the lane cannot execute takes what it needs itself, without waiting for anybody. */
static void run_here(struct sequential_lane *s, struct crossing *c)
{
    count_try(c);
    c->note = c->party_count;
    for (uint32_t i = 0; i < c->party_count; i++)
        s->env->host->ask(s->env, c, &c->parties[i], false, false);
}

static void start(void *state, struct crossing *c)
{
    struct sequential_lane *s = state;
    layer_id lane = (layer_id)s->cfg->layer;
    if (is_exhausted(s, c)) {
        s->env->host->drop(s->env, c);
        return;
    }
    cross_further(s->env, c, &s->tries);
    if (c->rooted)
        run_here(s, c);
    else if (c->at == lane)
        came(s, c);
    else
        s->env->host->send_to(s->env, c, lane);
}

static void held(void *state, struct crossing *c, struct crossing_party *p)
{
    struct sequential_lane *s = state;
    (void)p;
    cross_further(s->env, c, &s->tries);
    if (--c->note == 0)
        s->env->host->run(s->env, c, false);
}

static void refused(void *state, struct crossing *c, struct crossing_party *p, const char *why)
{
    struct sequential_lane *s = state;
    (void)p;
    (void)why;
    give_way(s, c);
}

/* Time to begin; or one that was sent has not come, or the batch does not get further. One that has
 * come keeps its place, however long it waits there. */
static void late(void *state, struct crossing *c)
{
    struct sequential_lane *s = state;
    size_t at = 0;
    while (at < s->came.len && nth(s, at) != c)
        at++;
    if (at == s->came.len)
        give_way(s, c);
    else if (at == 0 && !s->running)
        begin(s);
}

/* It ran, or will not: it is not the lane's any more. */
static void ended(void *state, struct crossing *c)
{
    struct sequential_lane *s = state;
    if (s->running == c)
        s->running = NULL;
    for (size_t i = s->came.len; i-- > 0;)
        if (nth(s, i) == c)
            forget(s, i, 1);
    go_on(s);
}

static void fini(void *state)
{
    struct sequential_lane *s = state;
    vec_fini(&s->came);
}

const struct crosslayer_ops crosslayer_sequential_lane = {
    .model = {"sequential-lane", "One layer orders all crossings, and runs them batch by batch.",
              &sequential_lane_cfg_table},
    .state_size = sizeof(struct sequential_lane),
    .init = init,
    .start = start,
    .held = held,
    .refused = refused,
    .late = late,
    .came = came,
    .done = ended,
    .ended = ended,
    .fini = fini,
};
