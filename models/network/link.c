/* Link models: what a node's access link does to a message. */
#include "models/network/network.h"
#include "sim/base/mem.h"

#include <math.h>

/* ---- access: asymmetric rates, FIFO queues at both ends, jitter, loss with retransmission ---- */

#define LINK_ACCESS_FIELDS(F, S)                                                                   \
    F(S, BANDWIDTH, up, "100Mbit/s", "1kbit/s", NULL, "Upload rate of a node.")                    \
    F(S, BANDWIDTH, down, "100Mbit/s", "1kbit/s", NULL, "Download rate of a node.")                \
    F(S, AROUND(DURATION), jitter, "0ms", "0ms", "1h",                                             \
      "Varies the wire's delay; percentages are of that delay.")                                   \
    F(S, FRACTION, loss, "0%", "0%", "99%", "Packets lost on the way.")                            \
    F(S, SIZE, packet, "1460B", "64B", "64KB", "Payload of a packet.")                             \
    F(S, DURATION, retransmit, "200ms", "1ms", "1h",                                               \
      "Least wait before lost packets are sent again; twice the delay where that is longer.")      \
    F(S, COUNT, attempts, "6", "1", "64", "A message is given up after so many rounds.")
FIELD_DECLARE(link_access, LINK_ACCESS_FIELDS);
FIELD_DEFINE(link_access, LINK_ACCESS_FIELDS,
             "Upload and download rates with a queue each; jitter; loss with retransmission.",
             NULL);

struct access_node {
    sim_time up_free, down_free; /* when the queue has run empty */
    sim_time up_busy, down_busy;
};

struct access_state {
    const struct link_access *cfg;
    struct access_node *nodes;
    struct sim_stream *streams; /* by sender; NULL when nothing is drawn */
    double log_kept;            /* logarithm of the share of packets that get through */
};

static enum err_code access_init(void *state, const void *cfg, const struct link_env *env,
                                 struct err *err)
{
    struct access_state *s = state;
    s->cfg = cfg;
    s->log_kept = log1p(-s->cfg->loss);
    s->nodes = mem_zalloc(env->node_count, sizeof *s->nodes);
    const struct sim_dist *jitter = &s->cfg->jitter;
    bool varies = jitter->kind != SIM_DIST_CONSTANT || jitter->param[0].value > 0;
    bool draws = s->cfg->loss > 0 || varies;
    if (draws)
        s->streams = mem_alloc(env->node_count, sizeof *s->streams);
    if (!s->nodes || (draws && !s->streams))
        return err_set(err, ERR_MEMORY, "no memory for the links of %u nodes", env->node_count);
    for (node_id n = 0; draws && n < env->node_count; n++)
        sim_stream_init(&s->streams[n], env->seed, n, sim_purpose("network.link"));
    return ERR_OK;
}

__extension__ typedef unsigned __int128 wide;

/* ceil(size * 8 / rate) in nanoseconds; 2^32 bytes at 1 kbit/s still fit. */
static sim_time transmission(uint64_t size, uint64_t rate)
{
    wide bits = (wide)size * 8 * (uint64_t)SIM_SEC;
    return (sim_time)((bits + rate - 1) / rate);
}

/* How many of count packets are lost: a draw for each lost one, of how many get through first. */
static uint64_t lost_of(uint64_t count, double log_kept, struct sim_stream *rng)
{
    uint64_t lost = 0;
    for (uint64_t at = 0;; at++, lost++) {
        double through = floor(log(sim_stream_positive(rng)) / log_kept);
        if (through >= (double)(count - at))
            return lost;
        at += (uint64_t)through;
        if (at + 1 == count)
            return lost + 1;
    }
}

/* Rounds of retransmission: each sends the packets that the one before lost. */
static bool retransmit(const struct access_state *s, struct sim_stream *rng, uint32_t size,
                       sim_time latency, sim_time *delay, uint64_t *resent)
{
    const struct link_access *cfg = s->cfg;
    uint64_t missing = (size + cfg->packet - 1) / cfg->packet;
    sim_time wait = 2 * latency > cfg->retransmit ? 2 * latency : cfg->retransmit;
    for (uint64_t round = 0; round < cfg->attempts; round++) {
        uint64_t lost = missing ? lost_of(missing, s->log_kept, rng) : 0;
        if (!lost)
            return true;
        missing = lost;
        *delay += wait;
        *resent += lost * cfg->packet;
    }
    return false;
}

static void access_send(void *state, node_id from, node_id to, uint32_t size, bool control,
                        sim_time now, sim_time latency, struct link_departure *out)
{
    struct access_state *s = state;
    struct access_node *up = &s->nodes[from];
    (void)to, (void)control;
    sim_time wire = latency, delay = 0;
    uint64_t bytes = size;
    out->lost = false;
    if (s->streams) {
        wire = (sim_time)sim_dist_around(&s->cfg->jitter, (double)latency, &s->streams[from]);
        if (s->cfg->loss > 0)
            out->lost = !retransmit(s, &s->streams[from], size, wire, &delay, &bytes);
    }
    sim_time takes = transmission(bytes, s->cfg->up);
    sim_time start = up->up_free > now ? up->up_free : now;
    up->up_free = start + takes;
    up->up_busy += takes;
    out->first = start + wire + delay;
    out->last = start + takes + wire + delay;
    out->sent = start + takes;
}

static sim_time access_receive(void *state, node_id to, uint32_t size, sim_time now, sim_time last)
{
    struct access_state *s = state;
    struct access_node *down = &s->nodes[to];
    sim_time takes = transmission(size, s->cfg->down);
    sim_time start = down->down_free > now ? down->down_free : now;
    /* The queue is held for the bytes alone: a slow sender leaves room for others. */
    down->down_free = start + takes;
    down->down_busy += takes;
    return down->down_free > last ? down->down_free : last;
}

static void access_crash(void *state, node_id node, sim_time now)
{
    struct access_node *n = &((struct access_state *)state)->nodes[node];
    if (n->up_free > now) {
        n->up_busy -= n->up_free - now;
        n->up_free = now;
    }
    if (n->down_free > now) {
        n->down_busy -= n->down_free - now;
        n->down_free = now;
    }
}

static void access_rates(const void *state, node_id node, uint64_t *up, uint64_t *down)
{
    const struct access_state *s = state;
    (void)node;
    *up = s->cfg->up;
    *down = s->cfg->down;
}

static void access_busy(const void *state, node_id node, sim_time *up, sim_time *down)
{
    const struct access_state *s = state;
    *up = s->nodes[node].up_busy;
    *down = s->nodes[node].down_busy;
}

static void access_fini(void *state)
{
    struct access_state *s = state;
    mem_free(s->nodes);
    mem_free(s->streams);
}

const struct link_ops link_access_model = {
    .model = {"access", "Rates with FIFO queues at both ends, jitter, loss with retransmission.",
              &link_access_table},
    .state_size = sizeof(struct access_state),
    .init = access_init,
    .send = access_send,
    .receive = access_receive,
    .crash = access_crash,
    .rates = access_rates,
    .busy = access_busy,
    .fini = access_fini,
};
