/* Catch-up: a node that misses blocks asks a peer, which sends its chain from the first block that
 * the node lacks, a few blocks an answer, over the ordinary links and in their real sizes.
 *
 * The request carries the node's head and stands for a block locator: its size is that of one (a
 * hash for each power of two back, at most 32), and the answer begins where the chains part. Of a
 * block that the node holds already, only the header travels. One fetch at a time a node; a peer
 * that does not answer within SYNC_TIMEOUT is replaced by the last one that said it was ahead, or
 * by another neighbour, drawn at random, and each failure doubles the time: a node on a slow link
 * must not ask again for what is under way. Blocks that came and wait for execution are not asked
 * for again: the next request starts from the highest of them. After a restart its neighbours are
 * asked one after the other, eight at most, until one has something. */
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <string.h>

#define SYNC_TIMEOUT (5 * SIM_SEC)

enum {
    ANSWER_BLOCKS = 32,     /* at most, and ... */
    ANSWER_BYTES = 2 << 20, /* ... no more than this, but for a first block that is larger */
    REQUEST_BYTES = 32 * 32 + 16,
    HEADER_BYTES = 640,
    ANSWER_HEADER_BYTES = 16,
    PATIENCE_MOST = 7,
    POLLED = 8,   /* Bitcoin's outbound connections: each is asked after a restart */
    ATTEMPTS = 8, /* without an answer before the node gives up until it is told again */
};

struct node_sync {
    node_id peer;
    node_id ahead;         /* said so while a request was under way; or NODE_NONE */
    struct block *fetched; /* highest that came since the crash: a reference, or NULL */
    uint64_t wanted;       /* height; UINT64_MAX: whatever the peer has */
    uint32_t serial;       /* of the request under way */
    uint32_t attempts;
    uint8_t patience;   /* a request is given SYNC_TIMEOUT * 2^patience */
    bool asking, guess; /* guess: nobody said that this peer is ahead */
    uint8_t polled;     /* neighbours that were asked in a row and had nothing */
};

struct request_payload {
    uint32_t serial;
    struct block *head; /* of the asking node: a reference */
};
struct answer_payload {
    uint32_t serial;
    bool more; /* the peer has further blocks */
    uint32_t count;
    uint64_t final;         /* the peer's last committed height */
    struct block *blocks[]; /* references, ascending */
};

static void release_answer(struct message *m)
{
    struct answer_payload *a = (struct answer_payload *)m->payload;
    for (uint32_t i = 0; i < a->count; i++)
        block_unref(a->blocks[i]);
}

static void release_request(struct message *m)
{
    block_unref(((struct request_payload *)m->payload)->head);
}

static void forget_fetched(struct node_sync *s)
{
    block_unref(s->fetched);
    s->fetched = NULL;
}

/* The request is for what stands on this block: the head, or what was fetched beyond it, or beside
 * it: a better branch need not be longer yet. */
static struct block *top_of(struct node *n)
{
    struct block *fetched = n->sync->fetched;
    if (fetched && block_ancestor(n->head, fetched->height) == fetched)
        forget_fetched(n->sync);
    return n->sync->fetched ? n->sync->fetched : n->head;
}

static void ask(struct world *w, node_id node)
{
    struct node_sync *s = w->nodes[node].sync;
    struct message *m = message_create(CHANNEL_SYNC, SYNC_REQUEST, sizeof(struct request_payload));
    if (!m) {
        world_out_of_memory(w);
        return;
    }
    s->asking = true;
    s->serial++;
    m->layer = w->nodes[node].layer;
    m->origin = node;
    m->size = REQUEST_BYTES;
    m->release = release_request;
    *(struct request_payload *)m->payload =
        (struct request_payload){s->serial, block_ref(top_of(&w->nodes[node]))};
    net_send(w->net, node, s->peer, m);
    sim_time patience = (sim_time)SYNC_TIMEOUT << s->patience;
    world_schedule(w, sim_now(w->sim) + patience, SIM_CLASS_TIMER, node, EVENT_SYNC, node,
                   (uint64_t)w->nodes[node].epoch << 32 | s->serial);
}

bool sync_neighbour(struct world *w, node_id node, node_id *out)
{
    const node_id *all;
    uint32_t count = net_neighbours(w->net, node, &all);
    if (count == 0)
        return false;
    *out = all[sim_stream_below(&w->nodes[node].random, count)];
    return true;
}

static void start(struct world *w, node_id node, node_id from, uint64_t height, bool guess)
{
    struct node *n = &w->nodes[node];
    if (!n->sync) {
        n->sync = mem_zalloc(1, sizeof *n->sync);
        if (!n->sync) {
            world_out_of_memory(w);
            return;
        }
        n->sync->ahead = NODE_NONE;
    }
    struct node_sync *s = n->sync;
    if (s->wanted < height)
        s->wanted = height;
    if (from == node)
        return;
    if (s->asking && !(s->guess && !guess && from != s->peer)) {
        if (!guess && from != s->peer)
            s->ahead = from;
        return;
    }
    s->peer = from;
    s->guess = guess;
    s->polled = 0;
    s->attempts = 0;
    ask(w, node);
}

void sync_start(struct world *w, node_id node, node_id from, uint64_t height)
{
    start(w, node, from, height, false);
}

void sync_random(struct world *w, node_id node)
{
    node_id peer;
    if (sync_neighbour(w, node, &peer))
        start(w, node, peer, UINT64_MAX, true);
}

void sync_twin(struct world *w, node_id node, node_id from, uint64_t height)
{
    struct node *n = &w->nodes[node];
    struct twin *twin = n->twin;
    struct block *top = chain_of(w, node)->consensus->traits.final ? n->final : n->head;
    uint64_t first = twin->final->height + 1;
    bool waits = twin->handed >= first && sim_now(w->sim) - twin->handed_at < SYNC_TIMEOUT;
    for (uint64_t h = first; h <= top->height && !waits; h++) {
        struct block *b = block_ancestor(top, h);
        if (b)
            cores_fetched(w, node, 1, b, node, h <= n->final->height);
        twin->handed = h;
        twin->handed_at = sim_now(w->sim);
    }
    if (height > n->head->height)
        sync_start(w, node, from, height);
}

/* The peer's chain above where it parts from the asking node's. */
static void answer(struct world *w, node_id node, node_id to, const struct request_payload *request)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    struct block *top = n->head->height > n->final->height ? n->head : n->final;
    struct block *first = NULL, *b = top, *theirs = request->head;
    uint32_t missing = 0;
    while (b && theirs && b != theirs) {
        if (theirs->height >= b->height) {
            theirs = theirs->parent;
        } else {
            first = b;
            b = b->parent;
            missing++;
        }
    }
    uint32_t count = missing < ANSWER_BLOCKS ? missing : ANSWER_BLOCKS;
    struct message *m = message_create(
        CHANNEL_SYNC, SYNC_ANSWER, sizeof(struct answer_payload) + count * sizeof(struct block *));
    if (!m) {
        world_out_of_memory(w);
        return;
    }
    struct answer_payload *a = (struct answer_payload *)m->payload;
    m->layer = l->id;
    m->origin = node;
    m->size = ANSWER_HEADER_BYTES;
    m->release = release_answer;
    a->serial = request->serial;
    a->final = n->final->height;
    for (uint64_t h = first ? first->height : 0; a->count < count; h++) {
        struct block *next = block_ancestor(top, h);
        CHECK(next, "no block at height %llu below %llu", (unsigned long long)h,
              (unsigned long long)top->height);
        uint32_t size = track_get(l->chain, next, TRACK_GOT, to) ? HEADER_BYTES : next->size;
        if (a->count > 0 && m->size + size > ANSWER_BYTES)
            break;
        a->blocks[a->count++] = block_ref(next);
        m->size += size;
    }
    a->more = a->count < missing;
    net_send(w->net, node, to, m);
}

/* The one after the last that was asked, as long as they are no more than POLLED in a row. */
static bool next_neighbour(struct world *w, node_id node, node_id *peer)
{
    struct node_sync *s = w->nodes[node].sync;
    const node_id *all;
    uint32_t count = net_neighbours(w->net, node, &all), at = 0;
    if (++s->polled >= POLLED || s->polled >= count)
        return false;
    while (at < count && all[at] != *peer)
        at++;
    *peer = all[(at + 1) % count];
    return true;
}

static void take_answer(struct world *w, node_id node, node_id from, struct message *m)
{
    struct node *n = &w->nodes[node];
    const struct answer_payload *a = (const struct answer_payload *)m->payload;
    if (!n->sync || !n->sync->asking || a->serial != n->sync->serial)
        return;
    n->sync->asking = false;
    if (n->sync->patience > 0)
        n->sync->patience--;
    struct layer *l = layer_of(w, node);
    uint64_t top = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        struct block *b = a->blocks[i];
        top = b->height;
        chain_got(w, node, b, true);
        cores_fetched(w, node, 0, b, from, b->height <= a->final);
        post_connect(w, node, b);
        /* Most protocols with finality take only what is final from a fetch. */
        const struct consensus_traits *traits = &l->chain->consensus->traits;
        if (b->height <= a->final || !traits->final || traits->follows) {
            forget_fetched(n->sync);
            n->sync->fetched = block_ref(b);
        }
    }
    if (a->more || (n->sync->wanted != UINT64_MAX && a->count > 0 && n->sync->wanted > top)) {
        n->sync->peer = from;
        n->sync->attempts = 0;
        ask(w, node);
    } else if (a->count == 0 && n->sync->ahead != NODE_NONE) {
        n->sync->peer = n->sync->ahead;
        n->sync->ahead = NODE_NONE;
        ask(w, node);
    } else if (a->count == 0 && n->sync->guess && next_neighbour(w, node, &n->sync->peer)) {
        ask(w, node);
    } else {
        n->sync->wanted = 0;
    }
}

void sync_message(struct world *w, node_id node, node_id from, struct message *m)
{
    if (m->type == SYNC_REQUEST)
        answer(w, node, from, (const struct request_payload *)m->payload);
    else if (m->type == SYNC_ANSWER)
        take_answer(w, node, from, m);
    else
        refill_message(w, node, from, m);
}

void sync_on_timeout(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    node_id node = ev->target;
    struct node *n = &w->nodes[node];
    (void)sim;
    if (!n->up || ev->arg >> 32 != n->epoch || !n->sync || !n->sync->asking ||
        (uint32_t)ev->arg != n->sync->serial)
        return;
    struct node_sync *s = n->sync;
    s->asking = false;
    if (s->patience < PATIENCE_MOST)
        s->patience++;
    forget_fetched(s); /* in doubt from the head */
    s->guess = s->ahead == NODE_NONE;
    if (!s->guess)
        s->peer = s->ahead;
    s->ahead = NODE_NONE;
    if (++s->attempts >= ATTEMPTS || (s->guess && !sync_neighbour(w, node, &s->peer))) {
        s->wanted = 0;
        return;
    }
    ask(w, node);
}

/* The serial goes on: an answer to a request from before the crash is not taken for a later one's.
 */
void sync_crash(struct world *w, node_id node)
{
    struct node_sync *s = w->nodes[node].sync;
    if (!s)
        return;
    forget_fetched(s);
    *s = (struct node_sync){.serial = s->serial, .ahead = NODE_NONE};
}

void sync_fini(struct node *n)
{
    if (n->sync)
        forget_fetched(n->sync);
    mem_free(n->sync);
    n->sync = NULL;
}
