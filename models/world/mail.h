/* models/world/mail.h - mail between layers: items that one layer sends to another, in batches.
 *
 * An item is whatever another layer must hear of: a lock that is asked for, an account that moves,
 * a report of load. It is made once, shared, counted by reference and immutable but for what stands
 * below. The post keeps it until mail_done() and sends it again every interlayer.retry until then,
 * as the acknowledgement that a certified header of the other layer would bring; so a crash at
 * either side loses nothing. Two items may overtake one another.
 *
 * Items wait in an outbox, one for each layer and layer next to it, and leave as one message from a
 * node that is up (the one that posted the first of them, or else by turns) to a node of the next
 * layer that is up, by turns. Of a layer on the way, the node that got the message hands its items
 * on, and loses them if it crashes first. At the layer that it is for, the message is published by
 * that node to all others. The engine's thread owns everything. */
#ifndef MODELS_WORLD_MAIL_H
#define MODELS_WORLD_MAIL_H

#include "models/world/types.h"
#include "sim/base/err.h"

struct world;
struct mail_copy; /* who of a layer has what one message brought; the post's */
struct mail_box;  /* the post's */

struct mail_item {
    uint32_t refs;
    uint32_t size;          /* bytes on the wire */
    layer_id from, to;      /* `to` may be changed before mail_post() only */
    bool arrived;           /* some node of `to` had it whole */
    bool done;              /* nobody needs it any more */
    uint32_t sendings;      /* from its own layer */
    sim_time posted, first; /* first: when it arrived; -1 before; both from mail_post() on */
    void (*release)(struct mail_item *item); /* frees what it owns, not the item; may be NULL */
    /* What happens when the first node of `to` has it whole, once an item; may be NULL. It may post
     * and end items. */
    void (*hear)(struct world *w, struct mail_item *item, node_id node);
    /* The post's own. */
    struct mail_box *box; /* it waits there, to go or to go again; NULL: nowhere */
    struct mail_item *next, *previous;
    sim_time due;           /* when it goes again; -1: it has yet to go */
    struct mail_copy *copy; /* the last that came */
};

/* item: zeroed but for size, from, to, release, hear, with one reference, which the caller keeps:
 * from mem_alloc; it is freed with mem_free after release. */
struct mail_item *mail_ref(struct mail_item *item);
void mail_unref(struct mail_item *item); /* accepts NULL; at any time, also without a world */

/* Posts it from the layer; takes a reference of its own until mail_done(). Once an item. `node`
 * hands it in (NODE_NONE: any that is up). Where from == to nothing is sent: every node of the
 * layer has it at once, and hear() is called from an event of this very moment. While every node
 * of either side is down it waits. O(1). */
void mail_post(struct world *w, struct mail_item *item, node_id node);
/* It is not sent any more, and if it has not arrived, nobody hears of it. Idempotent. O(1). */
void mail_done(struct world *w, struct mail_item *item);
/* Whether the node, of layer item->to, has it. O(copies that came). */
bool mail_heard(const struct world *w, const struct mail_item *item, node_id node);

/* Items of `from` for `to` that are not done, those that go by the next layer `to` (a mesh: all).
 */
void mail_each(struct world *w, layer_id from, layer_id to,
               void (*visit)(void *self, struct mail_item *item), void *self);
/* What `from` had posted for `to`, and is not done, is sent by `by` instead, which knows it too. */
void mail_readdress(struct world *w, struct mail_item *item, layer_id by);

/* Totals since the start. Of items from one layer to another: posted, arrived, sent again, and the
 * time from posted to arrived, summed over those that arrived. Of messages from a node of the one
 * layer to a node of the other, where that is the next on the way: how many, and their bytes. What
 * a layer's nodes then tell one another is not in them (net_traffic of CHANNEL_LAYER has both). */
struct mail_totals {
    uint64_t posted, arrived, repeated, messages, bytes;
    sim_time delay;
};
/* Of one pair, or with LAYER_NONE for both: of all. Zeros where there is no mail. O(1). */
struct mail_totals mail_totals(const struct world *w, layer_id from, layer_id to);

/* Whether the shape fits so many layers. ERR_INPUT. */
enum err_code mail_check(const struct world *w, struct err *err);
/* After net_create. ERR_INPUT as mail_check, ERR_MEMORY. */
enum err_code mail_create(struct world *w, struct err *err);
void mail_destroy(struct world *w); /* lets go of what waits; accepts a world without mail */
/* A node got m, of CHANNEL_LAYER, whole, and has checked it (post.c calls it). */
void mail_message(struct world *w, node_id at, struct message *m);

#endif
