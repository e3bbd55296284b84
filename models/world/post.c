/* Messages on their way out of and into a node, and the env that protocols see.
 *
 * Signatures of messages go first on a node's cores: each is the work of one core, as many at a
 * time as there are cores, and what executes or recovers senders meanwhile ends later by what they
 * take (work over cores). */
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <string.h>

static const struct hardware_class *class_of(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    return &w->layers[n->layer].classes[n->class];
}

/* ---- recovery of senders ---- */

/* How long the node's cores need for the transactions whose senders are not recovered yet. */
static sim_time recovery_left(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    sim_time now = sim_now(w->sim);
    if (n->running)
        return n->recover_held + (n->recovered - n->recovered_before) / class_of(w, node)->cores;
    return n->recover_free > now ? n->recover_free - now : 0;
}

void post_rest(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    CHECK(!n->running, "node %u begins with two blocks", node);
    n->recover_held = recovery_left(w, node);
    n->recovered_before = n->recovered;
    n->running = true;
}

void post_resume(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    n->recover_free = sim_now(w->sim) + recovery_left(w, node);
    n->running = false;
}

/* Protocols that wait for a transaction hear of it once. */
static void awake(struct world *w, node_id node)
{
    uint8_t who = w->nodes[node].awaits;
    w->nodes[node].awaits = 0;
    for (uint8_t i = 0; i < lives(w, node); i++)
        if (who >> i & 1)
            layer_of(w, node)->chain->consensus->awake(life_state(w, node, i));
}

bool post_offer(struct world *w, node_id node, struct tx *tx, bool local)
{
    struct node *n = &w->nodes[node];
    if (!local && recovery_left(w, node) > w->layers[n->layer].execution_cfg->ingress_wait) {
        n->shed++;
        return false;
    }
    n->recovered += (int64_t)class_of(w, node)->profile->signature;
    bool taken = pools_offer(w, node, tx, local);
    if (taken && n->awaits)
        awake(w, node);
    return taken;
}

int64_t post_message_time(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    sim_time now = sim_now(w->sim);
    int64_t left = n->message_free > now ? (n->message_free - now) * class_of(w, node)->cores : 0;
    return n->message_time > left ? n->message_time - left : 0;
}

int64_t post_signature_time(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    int64_t time = n->recovered - recovery_left(w, node) * class_of(w, node)->cores;
    time += post_message_time(w, node) + cores_recovery(w, node);
    return time > 0 ? time : 0;
}

/* ---- messages' signatures ---- */

/* Occupies the cores for a message's signatures; when they are done. */
static sim_time sign_or_check(struct world *w, node_id node, double one, uint32_t count,
                              double more)
{
    struct node *n = &w->nodes[node];
    sim_time now = sim_now(w->sim);
    sim_time work = (sim_time)(one * count + more);
    if (work == 0)
        return now;
    if (count == 0)
        one = 0;
    if (n->message_free < now)
        n->message_free = now;
    n->message_time += work;
    n->message_free += work / class_of(w, node)->cores;
    cores_yield(w, node, work);
    sim_time alone = now + (sim_time)(one + more);
    return n->message_free > alone ? n->message_free : alone;
}

/* What a message costs its sender and whoever gets it, besides signatures. */
static double handling(const struct world *w, const struct message *m)
{
    return m->channel == CHANNEL_LAYER ? (double)w->cfg->interlayer.handling : 0;
}

static sim_time sign(struct world *w, node_id node, const struct message *m)
{
    const struct evm_profile *p = class_of(w, node)->profile;
    bool bls = m->signature_kind == SIGNATURE_BLS;
    return sign_or_check(w, node, bls ? p->bls_sign : p->sign, m->signs, handling(w, m));
}

static sim_time verify(struct world *w, node_id node, const struct message *m)
{
    const struct evm_profile *p = class_of(w, node)->profile;
    bool bls = m->signature_kind == SIGNATURE_BLS;
    return sign_or_check(w, node, bls ? p->bls_verify : p->signature, m->verifies,
                         handling(w, m) + (bls ? p->bls_add_key * m->keys : 0));
}

/* Takes over the reference; drops it when memory is out. */
static struct parcel *new_parcel(struct world *w, node_id node, node_id peer, struct message *m)
{
    struct parcel *p = pool_get(&w->parcels);
    if (!p) {
        message_unref(m);
        world_out_of_memory(w);
        return NULL;
    }
    *p = (struct parcel){.message = m, .peer = peer, .epoch = w->nodes[node].epoch};
    return p;
}

static void free_parcel(struct world *w, struct parcel *p)
{
    message_unref(p->message);
    pool_put(&w->parcels, p);
}

/* ---- out ---- */

static void leave(struct world *w, node_id node, node_id to, struct message *m)
{
    if (to == NODE_NONE)
        net_publish(w->net, chain_index(w, chain_of(w, node)), node, m);
    else
        net_send(w->net, node, to, m);
}

static void post_out(struct world *w, node_id node, uint8_t instance, node_id to, struct message *m)
{
    if (instance && !w->nodes[node].twin->voices) {
        message_unref(m);
        return;
    }
    m->instance = instance;
    m->layer = w->nodes[node].layer;
    if (m->origin == NODE_NONE)
        m->origin = node;
    if (m->block && m->block->proposer == node && !m->block->instance)
        chain_publish(w, m->block);
    sim_time at = sim_now(w->sim);
    if (m->signed_at == SIM_TIME_NEVER)
        m->signed_at = sign(w, node, m);
    if (at < m->signed_at)
        at = m->signed_at;
    if (at == sim_now(w->sim)) {
        leave(w, node, to, m);
        return;
    }
    struct parcel *p = new_parcel(w, node, to, m);
    if (p)
        world_schedule(w, at, SIM_CLASS_NETWORK, node, EVENT_OUTBOX, node, sim_arg(p));
}

void post_layer(struct world *w, node_id node, node_id to, struct message *m)
{
    post_out(w, node, 0, to, m);
}

void post_on_outbox(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct parcel *p = sim_arg_pointer(ev);
    node_id node = ev->target;
    (void)sim;
    if (w->nodes[node].up && p->epoch == w->nodes[node].epoch)
        leave(w, node, p->peer, message_ref(p->message));
    free_parcel(w, p);
}

/* ---- in ---- */

/* Whether the node holds b with all its ancestors now that b is there. */
static bool connect(struct world *w, node_id node, struct block *b)
{
    const struct chain *c = chain_of(w, node);
    if (track_get(c, b, TRACK_HAS, node))
        return true;
    if (b->parent ? !track_get(c, b->parent, TRACK_HAS, node) : b->height > 0)
        return false;
    track_set(c, b, TRACK_HAS, node);
    cores_speculate(w, node, b);
    return true;
}

static void hand_over(struct world *w, node_id node, node_id from, const struct message *m)
{
    struct layer *l = layer_of(w, node);
    /* What one twin signed is heard by the like life of another: they act in concert. */
    bool sides = w->nodes[node].twin && w->nodes[m->origin].twin;
    for (uint8_t i = 0; i < lives(w, node); i++)
        if (lives(w, node) == 1 || ((!sides || m->instance == i) && trouble_hears(w, node, i, m)))
            l->chain->consensus->message(life_state(w, node, i), from, m);
}

/* Keeps the message until its block's ancestors are here, and asks for them. */
static void keep_orphan(struct world *w, node_id node, struct parcel *p)
{
    struct vec **orphans = &w->nodes[node].orphans;
    if (!*orphans && (*orphans = mem_alloc(1, sizeof **orphans)))
        vec_init(*orphans, sizeof(struct parcel *));
    if (!*orphans || vec_push(*orphans, &p) != ERR_OK) {
        free_parcel(w, p);
        world_out_of_memory(w);
        return;
    }
    sync_start(w, node, p->peer, p->message->block->height - 1);
}

/* Blocks come in chains: each one that connects may let another one connect. */
void post_connect(struct world *w, node_id node, struct block *b)
{
    struct vec *orphans = w->nodes[node].orphans;
    if (!connect(w, node, b))
        return;
    for (size_t i = 0; orphans && i < orphans->len;) {
        struct parcel *p = *(struct parcel **)vec_at(orphans, i);
        if (!connect(w, node, p->message->block)) {
            i++;
            continue;
        }
        struct parcel **all = orphans->data;
        for (size_t j = i + 1; j < orphans->len; j++)
            all[j - 1] = all[j];
        orphans->len--;
        hand_over(w, node, p->peer, p->message);
        free_parcel(w, p);
        i = 0;
    }
}

void post_on_inbox(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct parcel *p = sim_arg_pointer(ev);
    node_id node = ev->target;
    struct block *b = p->message->block;
    (void)sim;
    if (!w->nodes[node].up || p->epoch != w->nodes[node].epoch) {
        free_parcel(w, p);
    } else if (b && !connect(w, node, b)) {
        keep_orphan(w, node, p);
    } else {
        if (b)
            post_connect(w, node, b);
        if (p->message->channel == CHANNEL_LAYER && !audits_message(w, node, p->message))
            mail_message(w, node, p->message);
        else if (p->message->channel != CHANNEL_LAYER)
            hand_over(w, node, p->peer, p->message);
        free_parcel(w, p);
    }
}

static bool deliver(void *self, node_id to, node_id from, struct message *m)
{
    struct world *w = self;
    if (!w->nodes[to].up) {
        w->nodes[to].lost++;
        return false;
    }
    if (m->channel == CHANNEL_TX && m->tx->layer != w->nodes[to].layer)
        return true; /* it only passes it on */
    if (m->channel == CHANNEL_TX)
        return post_offer(w, to, m->tx, false);
    if (m->channel == CHANNEL_SYNC) {
        sync_message(w, to, from, m);
        return true;
    }
    struct chain *c = chain_of(w, to);
    bool relay = true;
    if (m->block) {
        chain_got(w, to, m->block, false);
        relay = !c->consensus->relay || c->consensus->relay(consensus_state(c, to), m->block);
    }
    sim_time at = verify(w, to, m);
    struct parcel *p = new_parcel(w, to, from, message_ref(m));
    if (p)
        world_schedule(w, at, SIM_CLASS_NETWORK, to, EVENT_INBOX, to, sim_arg(p));
    return relay;
}

static bool node_up(void *self, node_id node)
{
    const struct world *w = self;
    return !(w->marks[node] & NODE_DOWN);
}

static bool filter(void *self, node_id from, node_id to, const struct message *m, sim_time *delay,
                   struct message **replace)
{
    struct world *w = self;
    return !((w->marks[from] | w->marks[to]) & NODE_WATCHED) ||
           trouble_filter(w, from, to, m, delay, replace);
}

static uint64_t weight(void *self, node_id node)
{
    const struct world *w = self;
    const struct validators *v = &w->layers[w->nodes[node].layer].chain->validators;
    uint32_t i = validators_index(v, node);
    return i < v->count ? v->weights[i] : 0;
}

static uint32_t missing(void *self, node_id node, const struct message *m)
{
    struct world *w = self;
    struct layer *l = layer_of(w, node);
    const void *pool = mempool_state(l, node);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->block->tx_count; i++) {
        const struct tx *t = m->block->txs[i];
        if (t->pools < l->count && !l->mempool->has(pool, t))
            bytes += t->size;
    }
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX - 1;
}

static void expect(void *self, node_id node, const struct message *m)
{
    struct world *w = self;
    struct layer *l = layer_of(w, node);
    if (l->mempool->expect)
        l->mempool->expect(mempool_state(l, node), m->tx);
}

struct net_host post_net_host(struct world *w)
{
    return (struct net_host){.self = w,
                             .deliver = deliver,
                             .watch = w->options.watch,
                             .up = node_up,
                             .filter = filter,
                             .weight = weight,
                             .missing = missing,
                             .expect = expect};
}

void post_crash(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    for (size_t i = 0; n->orphans && i < n->orphans->len; i++)
        free_parcel(w, *(struct parcel **)vec_at(n->orphans, i));
    if (n->orphans)
        n->orphans->len = 0;
    /* What was not done yet never will be. */
    n->recovered -= recovery_left(w, node) * class_of(w, node)->cores;
    n->message_time = post_message_time(w, node);
    n->message_free = 0;
    n->recover_free = 0;
    n->awaits = 0;
}

/* ---- the protocols' env ---- */

enum { TIMER_KINDS = 128 };

static sim_time host_now(struct consensus_env *env)
{
    const struct world *w = env->world;
    return sim_now(w->sim);
}

static void host_send(struct consensus_env *env, node_id to, struct message *m)
{
    post_out(env->world, env->node, env->instance, to, m);
}

static void host_broadcast(struct consensus_env *env, struct message *m)
{
    post_out(env->world, env->node, env->instance, NODE_NONE, m);
}

static struct sim_timer host_timer(struct consensus_env *env, sim_time delay, uint32_t kind,
                                   uint64_t value)
{
    struct world *w = env->world;
    struct sim_timer timer = {0};
    CHECK(delay >= 0 && kind < TIMER_KINDS && value >> 48 == 0,
          "timer in %lld ns, kind %u, value %llu", (long long)delay, kind,
          (unsigned long long)value);
    uint64_t arg = (uint64_t)env->instance << 63 | (uint64_t)kind << 56 |
                   (uint64_t)w->nodes[env->node].epoch << 48 | value;
    sim_time now = sim_now(w->sim);
    if (delay < SIM_TIME_NEVER - now)
        sim_schedule_timer(w->sim, &timer, now + delay, SIM_CLASS_TIMER, env->node,
                           w->handlers[EVENT_TIMER], env->node, arg);
    return timer;
}

void post_on_timer(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct node *n = &w->nodes[ev->target];
    struct layer *l = layer_of(w, ev->target);
    if (!n->up || (uint8_t)(ev->arg >> 48) != n->epoch)
        return;
    const struct world_watch *watch = w->options.watch;
    if (watch && watch->timer)
        watch->timer(watch->self, sim_now(sim), ev->target,
                     (uint32_t)(ev->arg >> 56) & (TIMER_KINDS - 1),
                     ev->arg & ((UINT64_C(1) << 48) - 1));
    l->chain->consensus->timer(life_state(w, ev->target, (uint8_t)(ev->arg >> 63)),
                               (uint32_t)(ev->arg >> 56) & (TIMER_KINDS - 1),
                               ev->arg & ((UINT64_C(1) << 48) - 1));
}

static void host_cancel(struct consensus_env *env, struct sim_timer *timer)
{
    struct world *w = env->world;
    sim_cancel(w->sim, timer);
}

static void host_build(struct consensus_env *env, const struct build_request *request)
{
    cores_build(env->world, env->node, env->instance, request);
}

static void host_check(struct consensus_env *env, struct block *b, uint64_t tag)
{
    cores_check(env->world, env->node, env->instance, b, tag);
}

static void host_await(struct consensus_env *env)
{
    struct world *w = env->world;
    w->nodes[env->node].awaits |= (uint8_t)(1 << env->instance);
}

static bool host_has(struct consensus_env *env, const struct block *b)
{
    struct world *w = env->world;
    return track_get(chain_of(w, env->node), b, TRACK_HAS, env->node);
}

static void host_adopt(struct consensus_env *env, struct block *b)
{
    struct world *w = env->world;
    if (env->instance)
        return;
    if (w->options.watch && w->options.watch->head)
        w->options.watch->head(w->options.watch->self, sim_now(w->sim), env->node, b);
    chain_adopt(w, env->node, b);
}

static void tell_claim(struct consensus_env *env, const char *what, const struct block *b,
                       uint64_t round, const uint32_t *signers, uint32_t signer_count)
{
    const struct world *w = env->world;
    const struct world_watch *watch = w->options.watch;
    const struct watch_claim c = {
        sim_now(w->sim), env->node,   w->nodes[env->node].byzantine, what, b, round,
        signers,         signer_count};
    void (*tell)(void *, const struct watch_claim *) = what ? watch->certificate : watch->commit;
    if (tell)
        tell(watch->self, &c);
}

static void host_commit(struct consensus_env *env, struct block *b, const uint32_t *signers,
                        uint32_t signer_count)
{
    const struct world *w = env->world;
    if (env->instance) {
        chain_commit_twin(env->world, env->node, b);
        return;
    }
    if (w->options.watch)
        tell_claim(env, NULL, b, b->round, signers, signer_count);
    court_commit(env->world, env->node, b, signers, signer_count);
    if (w->audits)
        audits_signers(env->world, b, signers, signer_count);
    chain_commit(env->world, env->node, b);
    if (w->audits)
        audits_signers(env->world, NULL, NULL, 0);
}

static void host_speculate(struct consensus_env *env, struct block *b)
{
    struct world *w = env->world;
    if (env->instance || w->nodes[env->node].byzantine)
        return;
    if (b->track->speculated == RECORD_NEVER)
        b->track->speculated = sim_now(w->sim);
    cores_ahead(w, env->node, b);
}

static void host_certify(struct consensus_env *env, const char *what, const struct block *b,
                         uint64_t round, const uint32_t *signers, uint32_t signer_count)
{
    const struct world *w = env->world;
    if (env->instance)
        return;
    if (w->options.watch)
        tell_claim(env, what, b, round, signers, signer_count);
    court_certificate(env->world, env->node, what, b, round, signers, signer_count);
}

static struct block *host_order(struct consensus_env *env, struct block *parent,
                                struct block *const *batches, uint32_t count, uint64_t round,
                                node_id proposer)
{
    return order_block(env->world, env->node, parent, batches, count, round, proposer);
}

static void host_behind(struct consensus_env *env, node_id from, uint64_t height)
{
    if (env->instance)
        sync_twin(env->world, env->node, from, height);
    else
        sync_start(env->world, env->node, from, height);
}

static struct sim_stream *host_random(struct consensus_env *env)
{
    struct world *w = env->world;
    struct node *n = &w->nodes[env->node];
    return env->instance ? &n->twin->random : &n->random;
}

/* Every node tells of a new round; the first one makes the row. */
static void host_note(struct consensus_env *env, const char *what, uint64_t height, uint64_t round)
{
    struct world *w = env->world;
    struct layer *l = layer_of(w, env->node);
    if (env->instance)
        return;
    if (strcmp(what, "round") == 0) {
        uint64_t key = height << 16 | (round & 0xffff);
        if (key <= l->chain->last_round)
            return;
        l->chain->last_round = key;
        l->chain->rounds++;
    }
    rows_event(w, RECORD_EVENT_LEVEL_INFO, what, env->node, env->layer, "height %llu, round %llu",
               (unsigned long long)height, (unsigned long long)round);
}

const struct consensus_host post_consensus_host = {
    .now = host_now,
    .send = host_send,
    .broadcast = host_broadcast,
    .timer = host_timer,
    .cancel = host_cancel,
    .build = host_build,
    .check = host_check,
    .await = host_await,
    .has = host_has,
    .adopt = host_adopt,
    .commit = host_commit,
    .speculate = host_speculate,
    .certify = host_certify,
    .order = host_order,
    .behind = host_behind,
    .random = host_random,
    .note = host_note,
};
