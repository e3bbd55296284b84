/* models/world/mail.h - mail between layers: items that one layer sends to another, in batches.
 *
 * An item is whatever another layer must hear of: a lock that is asked for, an account that moves,
 * a report of load. It is made once, shared, counted by reference and immutable but for what stands
 * below. The post keeps it until mail_done() and sends it again every interlayer.retry until then,
 * as the acknowledgement that a certified header of the other layer would bring; so a crash at
 * either side loses nothing.
 *
 * A message leaves from a node that is up (the one that posted, or else the layer's first), goes to
 * a node of the next layer that is up, both chosen by turns, and is published within the layer that
 * it is for. The engine's thread owns everything. */
#ifndef MODELS_WORLD_MAIL_H
#define MODELS_WORLD_MAIL_H

#include "models/world/types.h"
#include "sim/base/err.h"

struct world;

struct mail_item {
    uint32_t refs;
    uint32_t size;          /* bytes on the wire */
    layer_id from, to;      /* `to` may be changed before mail_post() only */
    bool arrived;           /* some node of `to` had it whole */
    bool done;              /* nobody needs it any more */
    sim_time posted, first; /* first: when it arrived; -1 before */
    uint32_t sendings;
    void (*release)(struct mail_item *item); /* frees what it owns, not the item; may be NULL */
    uint64_t *heard;                         /* the post's: a bit for each node of `to` */
};

/* item: zeroed but for size, from, to, release, with one reference, which the caller keeps: from
 * mem_alloc; it is freed with mem_free after release. */
struct mail_item *mail_ref(struct mail_item *item);
void mail_unref(struct mail_item *item); /* accepts NULL */

/* Posts it from the layer; takes a reference of its own. `node` hands it in (NODE_NONE: any that is
 * up). Where from == to nothing is sent: every node of the layer has it at once, and arrived() is
 * called from an event of this very moment. While every node of either side is down it waits. */
void mail_post(struct world *w, struct mail_item *item, node_id node);
/* It is not sent any more. Idempotent. */
void mail_done(struct world *w, struct mail_item *item);
/* Whether the node, of layer item->to, has it. */
bool mail_heard(const struct world *w, const struct mail_item *item, node_id node);

/* What the world does with it when the first node of `to` has it whole: desk.c. Once an item. */
void desk_arrived(struct world *w, struct mail_item *item, node_id node);

/* Totals since the start; of one pair of layers, or LAYER_NONE for all. Items: posted, and of them
 * those that arrived; messages and bytes as links carried them (each hop and repetition counts);
 * delay: from posted to arrived, summed over those that arrived. */
struct mail_totals {
    uint64_t posted, arrived, repeated, messages, bytes;
    sim_time delay;
};
struct mail_totals mail_totals(const struct world *w, layer_id from, layer_id to);

enum err_code mail_create(struct world *w, struct err *err); /* after net_create */
void mail_destroy(struct world *w);
/* A node of CHANNEL_LAYER got m whole (post.c calls it). */
void mail_message(struct world *w, node_id at, node_id from, struct message *m);

#endif
