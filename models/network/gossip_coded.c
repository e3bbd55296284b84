/* Dissemination of erasure-coded chunks: `coded-tree`. The maker cuts a message into k chunks and
 * codes them into n = k * redundancy; each goes to a relay of its own, who sends it to all others,
 * or down a tree of a limited fanout; a node has the message once any k chunks are there.
 *
 * With relays by weight and no limit of fanout this is RaptorCast (Monad docs, "RaptorCast"; chunk
 * layout: monad-bft, monad-raptorcast/src/packet/regular.rs): 1,472 bytes of UDP payload, of which
 * 108 of header, 24 of chunk header and five Merkle hashes of 20 bytes for batches of 32 chunks.
 * With a fanout of 200 it has the shape of Turbine (Yakovenko, Solana: "Turbine", 2019).
 * Kept: sizes, who sends how much to whom, redundancy against lost chunks and silent relays.
 * Left out: the arithmetic of the code itself (its time belongs to the node's cores), the rounding
 * that gives even the smallest validator a chunk, order by stake within a Turbine tree (here each
 * chunk's tree goes round by number from its relay). Chunks that are lost stay lost. */
#include "models/network/network.h"
#include "sim/base/mem.h"

#include <math.h>
#include <string.h>

/* Rows E(S, ENUMERATOR, "spelling", "One sentence.") */
#define CODED_RELAYS(E, S)                                                                         \
    E(S, CODED_BY_WEIGHT, "by-weight",                                                             \
      "Each validator relays a share of the chunks as its weight.")                                \
    E(S, CODED_IN_TURN, "in-turn", "All who get it relay, one chunk after the other.")
FIELD_ENUM_DECLARE(coded_relays, CODED_RELAYS);
FIELD_ENUM_DEFINE(coded_relays, CODED_RELAYS);

#define CODED_AUDIENCE(E, S)                                                                       \
    E(S, CODED_EVERYONE, "everyone", "Every node of the layer.")                                   \
    E(S, CODED_VALIDATORS, "validators", "The layer's validators alone.")
FIELD_ENUM_DECLARE(coded_audience, CODED_AUDIENCE);
FIELD_ENUM_DEFINE(coded_audience, CODED_AUDIENCE);

#define GOSSIP_CODED_FIELDS(F, S)                                                                  \
    F(S, SIZE, payload, "1240B", "1B", "1GB", "Bytes of the message in a chunk.")                  \
    F(S, SIZE, header, "132B", "0B", "64KB", "Bytes of a chunk's header.")                         \
    F(S, SIZE, proof, "100B", "0B", "64KB", "Bytes of its Merkle proof.")                          \
    F(S, REAL, redundancy, "3", "1", "100", "Chunks sent for each one needed.")                    \
    F(S, FRACTION, surplus, "0%", "0%", "100%",                                                    \
      "Chunks that decoding takes beyond those of the message itself.")                            \
    F(S, ENUM(coded_relays), relays, "by-weight", NULL, NULL, "Who passes a chunk on.")            \
    F(S, ENUM(coded_audience), to, "everyone", NULL, NULL, "Who gets the chunks.")                 \
    F(S, COUNT, fanout, "unlimited", "1", "unlimited",                                             \
      "Nodes that one passes a chunk on to; unlimited: the relay sends it to all.")                \
    F(S, COUNT, bundle, "1", "1", "1M",                                                            \
      "So many chunks that go the same way are simulated as one message: faster, and coarser.")
FIELD_DECLARE(gossip_coded, GOSSIP_CODED_FIELDS);
FIELD_DEFINE(gossip_coded, GOSSIP_CODED_FIELDS,
             "Erasure-coded chunks over a relay each; any k of them make the message.", NULL);

enum { CHUNK_MAX = 1 << 24 }; /* of one message */

struct coded_state {
    struct gossip_env *env;
    const struct gossip_coded *cfg;
    node_id *audience;
    uint64_t *upto; /* sum of weights up to and with it */
    uint32_t count; /* of audience; 0: not looked at yet */
};

/* Of the whole message: chunks that each node has. */
struct coded_route {
    uint32_t need;
    uint32_t have[];
};

/* What hangs on a chunk's message, which is a copy of the whole one but for its size: whoever looks
 * at what travels sees what it is part of. */
struct chunk {
    struct message *whole; /* a reference */
    uint32_t maker;        /* its number in the audience */
    uint32_t relay;        /* place among the audience without the maker */
    uint32_t chunks;       /* of a bundle */
};

static enum err_code coded_init(void *state, const void *cfg, struct gossip_env *env,
                                struct err *err)
{
    struct coded_state *s = state;
    *s = (struct coded_state){.env = env, .cfg = cfg};
    s->audience = mem_alloc(env->count, sizeof *s->audience);
    s->upto = mem_alloc(env->count, sizeof *s->upto);
    return s->audience && s->upto ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for relays");
}

static void find_audience(struct coded_state *s)
{
    uint64_t sum = 0;
    for (node_id n = s->env->first; n < s->env->first + s->env->count; n++) {
        uint64_t weight = s->env->host->weight(s->env, n);
        if (s->cfg->to == CODED_VALIDATORS && !weight)
            continue;
        s->audience[s->count] = n;
        s->upto[s->count++] = sum += weight;
    }
}

/* ---- places: the audience without the maker ---- */

/* The maker's place among the audience; count where it is none of it. */
static uint32_t index_of(const struct coded_state *s, node_id node)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->audience[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->audience[low] == node ? low : s->count;
}

static uint32_t places(const struct coded_state *s, uint32_t maker)
{
    return s->count - (maker < s->count);
}

static node_id node_at(const struct coded_state *s, uint32_t maker, uint32_t place)
{
    return s->audience[place < maker ? place : place + 1];
}

/* Whose weight, the maker's apart, holds the share `at` of the whole (from 0 to below 1). */
static uint32_t place_by_weight(const struct coded_state *s, uint32_t maker, double at)
{
    uint64_t all = s->upto[s->count - 1];
    uint64_t before = maker < s->count && maker ? s->upto[maker - 1] : 0;
    uint64_t own = maker < s->count ? s->upto[maker] - before : 0;
    uint64_t point = (uint64_t)(at * (double)(all - own));
    if (maker < s->count && point >= before)
        point += own;
    uint32_t low = 0, high = s->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->upto[middle] <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low - (low > maker);
}

static uint32_t relay_of(const struct coded_state *s, uint32_t maker, uint32_t chunk,
                         uint32_t chunks)
{
    uint64_t own = maker < s->count ? s->upto[maker] - (maker ? s->upto[maker - 1] : 0) : 0;
    if (s->cfg->relays == CODED_IN_TURN || s->upto[s->count - 1] == own)
        return (uint32_t)(chunk / s->cfg->bundle % places(s, maker));
    return place_by_weight(s, maker, (chunk + 0.5) / chunks);
}

/* ---- chunks ---- */

static void chunk_fini(void *route)
{
    message_unref(((struct chunk *)route)->whole);
}

static struct message *chunk_create(const struct coded_state *s, struct message *whole,
                                    uint32_t maker, uint32_t relay, uint32_t chunks)
{
    struct message *m =
        message_create((enum channel)whole->channel, whole->type, whole->payload_size);
    struct chunk *c = mem_alloc(1, sizeof *c);
    if (!m || !c) {
        message_unref(m);
        mem_free(c);
        return NULL;
    }
    *c = (struct chunk){message_ref(whole), maker, relay, chunks};
    m->route = c;
    m->route_fini = chunk_fini;
    m->layer = whole->layer;
    m->origin = whole->origin;
    memcpy(m->payload, whole->payload, whole->payload_size); /* the whole one keeps what it owns */
    if (whole->block)
        message_set_block(m, whole->block);
    if (whole->tx)
        message_set_tx(m, whole->tx);
    uint64_t size = chunks * (s->cfg->payload + s->cfg->header + s->cfg->proof);
    m->size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    return m;
}

static uint32_t chunks_needed(const struct coded_state *s, const struct message *m)
{
    uint64_t k = (m->size + s->cfg->payload - 1) / s->cfg->payload;
    return k < 1 ? 1 : k < CHUNK_MAX ? (uint32_t)k : CHUNK_MAX;
}

/* NULL when memory is out: the run has been failed. */
static struct coded_route *route_of(const struct coded_state *s, struct message *m)
{
    if (m->route)
        return m->route;
    struct coded_route *r = mem_zalloc(1, sizeof *r + s->env->count * sizeof r->have[0]);
    if (!r) {
        s->env->host->fail(s->env);
        return NULL;
    }
    r->need = (uint32_t)ceil(chunks_needed(s, m) * (1 + s->cfg->surplus));
    m->route = r;
    return r;
}

static void coded_publish(void *state, node_id origin, struct message *m)
{
    struct coded_state *s = state;
    if (!s->count)
        find_audience(s);
    struct coded_route *r = route_of(s, m);
    uint32_t maker = index_of(s, origin);
    if (!r || places(s, maker) == 0)
        return;
    r->have[origin - s->env->first] = UINT32_MAX;
    uint32_t chunks = (uint32_t)ceil(chunks_needed(s, m) * s->cfg->redundancy);
    if (chunks < r->need)
        chunks = r->need;
    for (uint32_t c = 0; c < chunks;) {
        uint32_t relay = relay_of(s, maker, c, chunks), end = c + 1;
        while (end < chunks && end - c < s->cfg->bundle && relay_of(s, maker, end, chunks) == relay)
            end++;
        struct message *chunk = chunk_create(s, m, maker, relay, end - c);
        if (!chunk) {
            s->env->host->fail(s->env);
            return;
        }
        s->env->host->link(s->env, origin, node_at(s, maker, relay), chunk, 0, chunk->size);
        c = end;
    }
}

/* In its tree a node stands as far from the relay as its number is, round. */
static void pass_on(const struct coded_state *s, node_id at, struct message *m)
{
    const struct chunk *c = m->route;
    uint32_t maker = c->maker;
    uint64_t all = places(s, maker), index = index_of(s, at);
    if (index == s->count)
        return;
    uint64_t place = (index - (index > maker) + all - c->relay) % all;
    uint64_t fanout = s->cfg->fanout < all ? s->cfg->fanout : all;
    uint64_t first = place * fanout + 1, end = first + fanout;
    for (uint64_t p = first; p < end && p < all; p++)
        s->env->host->link(s->env, at, node_at(s, maker, (uint32_t)((p + c->relay) % all)),
                           message_ref(m), 0, m->size);
}

/* The node has so many chunks more. */
static void credit(const struct coded_state *s, node_id at, node_id from, struct message *whole,
                   uint32_t chunks)
{
    struct coded_route *r = route_of(s, whole);
    if (!r)
        return;
    uint32_t *have = &r->have[at - s->env->first];
    bool had = *have >= r->need;
    *have = *have > UINT32_MAX - chunks ? UINT32_MAX : *have + chunks;
    if (!had && *have >= r->need)
        s->env->host->deliver(s->env, at, from, whole);
}

static void coded_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct coded_state *s = state;
    (void)type;
    if (m->route_fini != chunk_fini) {
        credit(s, at, from, m, UINT32_MAX); /* a fault's, in place of a chunk */
        return;
    }
    const struct chunk *c = m->route;
    pass_on(s, at, m);
    credit(s, at, from, c->whole, c->chunks);
}

static void coded_fini(void *state)
{
    struct coded_state *s = state;
    mem_free(s->audience);
    mem_free(s->upto);
}

const struct gossip_ops gossip_coded_model = {
    .model = {"coded-tree", "Erasure-coded chunks over a relay each (RaptorCast, Turbine).",
              &gossip_coded_table},
    .state_size = sizeof(struct coded_state),
    .init = coded_init,
    .publish = coded_publish,
    .link = coded_link,
    .fini = coded_fini,
};
