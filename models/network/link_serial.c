/* The link model `serial`: one upload at a time, as SimBlock has it.
 *
 * Kept of SimBlock (Node.java, BlockMessageTask.java, NetworkConfiguration.java): a node sends
 * blocks one after the other, the next one when the last has arrived, each at the lesser of its
 * upload rate and the receiver's download rate, 2 ms of processing first; all other messages take
 * the wire's delay and 10 ms more, whatever their size and however busy both ends are; receivers
 * have no queue. Left out: the cap between regions, which SimBlock declares and never reads. Loss,
 * slow start and headers are this program's, off at first. */
#include "models/network/link_internal.h"

#define LINK_SERIAL_FIELDS(F, S) LINK_FIELDS(F, S, "10ms", "2ms")

static const struct field link_serial_rows[] = {LINK_SERIAL_FIELDS(FIELD_ROW, link_cfg)};
static const struct field_table link_serial_table = {
    .name = "link_serial",
    .doc = "Blocks and transactions leave a node one at a time, at the lesser of both ends' rates; "
           "other messages take the wire's delay and a constant.",
    .rows = link_serial_rows,
    .count = sizeof link_serial_rows / sizeof link_serial_rows[0],
    .size = sizeof(struct link_cfg),
    .check = link_check,
};

static void serial_send(void *state, node_id from, node_id to, uint32_t size, bool control,
                        sim_time now, sim_time latency, struct link_departure *out)
{
    struct link_state *s = state;
    struct link_node *up = &s->nodes[from];
    uint64_t rate = link_profile_of(s, from)->up, down = link_profile_of(s, to)->down;
    uint64_t bytes = link_framed(s, size), once = bytes;
    sim_time wire = latency, delay = 0;
    rate = rate < down ? rate : down;
    out->lost = !link_wire(s, from, to, size, &wire, &delay, &bytes);
    out->sent = now;
    if (control) {
        out->first = out->last = now + wire + delay + s->cfg->control;
        return;
    }
    sim_time takes = s->cfg->processing + link_transmission(bytes, rate) +
                     link_slow_start(s->cfg, once, rate, 2 * wire);
    sim_time start = up->up_free > now ? up->up_free : now;
    out->sent = start + takes;
    up->up_busy += takes;
    up->up_free = out->first = out->last = out->sent + wire + delay;
}

const struct link_ops link_serial_model = {
    .model = {"serial", "One upload at a time, at the lesser of both ends' rates.",
              &link_serial_table},
    .state_size = sizeof(struct link_state),
    .init = link_init,
    .send = serial_send,
    .crash = link_crash,
    .rates = link_rates_of,
    .busy = link_busy,
    .fini = link_fini,
};
