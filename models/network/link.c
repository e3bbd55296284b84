/* The link model `access`: a rate and a queue each way, first come, first served. */
#include "models/network/link_internal.h"

FIELD_DEFINE(link_cfg, LINK_DEFAULT_FIELDS,
             "Upload and download rates with a queue each; jitter; loss with retransmission; slow "
             "start.",
             link_check);

/* What slow start adds to a message's last byte. The uplink is free for others while it waits: only
 * bits hold the queue. Bits that wait come at the lesser of both rates, which the receiver's queue
 * cannot know. */
static sim_time stall_of(const struct link_state *s, node_id from, node_id to, uint64_t bytes,
                         sim_time rtt)
{
    uint64_t up = link_profile_of(s, from)->up, down = link_profile_of(s, to)->down;
    uint64_t rate = up < down ? up : down;
    sim_time stall = link_slow_start(s->cfg, bytes, rate, rtt);
    return stall ? stall + link_transmission(bytes, rate) - link_transmission(bytes, up) : 0;
}

static void access_send(void *state, node_id from, node_id to, uint32_t size, bool control,
                        sim_time now, sim_time latency, struct link_departure *out)
{
    struct link_state *s = state;
    struct link_node *up = &s->nodes[from];
    sim_time wire = latency, delay = 0, wait = 0, stall = 0;
    uint64_t once = link_framed(s, size), bytes = once;
    out->lost = !link_wire(s, from, to, size, &wire, &delay, &bytes);
    if (s->costs) {
        wait = control ? 0 : s->cfg->processing;
        delay += control ? s->cfg->control : 0;
        stall = stall_of(s, from, to, once, 2 * wire);
    }
    sim_time takes = link_transmission(bytes, link_profile_of(s, from)->up) + wait;
    sim_time start = up->up_free > now ? up->up_free : now;
    up->up_free = start + takes;
    up->up_busy += takes;
    out->first = start + wait + wire + delay;
    out->last = start + takes + stall + wire + delay;
    out->sent = start + takes + stall;
}

static sim_time access_receive(void *state, node_id to, uint32_t size, sim_time now, sim_time last)
{
    struct link_state *s = state;
    struct link_node *down = &s->nodes[to];
    uint64_t bytes = link_framed(s, size);
    sim_time takes = link_transmission(bytes, link_profile_of(s, to)->down);
    sim_time start = down->down_free > now ? down->down_free : now;
    /* The queue is held for the bytes alone: a slow sender leaves room for others. */
    down->down_free = start + takes;
    down->down_busy += takes;
    return down->down_free > last ? down->down_free : last;
}

const struct link_ops link_access_model = {
    .model = {"access", "Rates with FIFO queues at both ends, jitter, loss with retransmission.",
              &link_cfg_table},
    .state_size = sizeof(struct link_state),
    .init = link_init,
    .send = access_send,
    .receive = access_receive,
    .crash = link_crash,
    .rates = link_rates_of,
    .busy = link_busy,
    .fini = link_fini,
};
