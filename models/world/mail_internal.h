/* models/world/mail_internal.h - what mail.c (outboxes) and mail_letters.c (messages) share. */
#ifndef MODELS_WORLD_MAIL_INTERNAL_H
#define MODELS_WORLD_MAIL_INTERNAL_H

#include "models/world/internal.h"

/* Nodes of a layer that have what a message brought: bit i is the layer's node i. */
struct mail_copy {
    uint32_t refs;
    struct mail_copy *next; /* a reference: an earlier one that brought the same item */
    uint64_t heard[];
};

/* Payload of a message of CHANNEL_LAYER. */
struct letter {
    layer_id to; /* the next layer on the way */
    uint32_t count;
    struct mail_copy *copy; /* a reference; NULL until a node of the layer that it is for has it */
    struct mail_copy **own; /* of items that had come before, or NULL; borrowed from them */
    struct mail_item *items[]; /* references */
};

struct mail_list {
    struct mail_item *first, *last;
};

/* Where items of one layer wait for their way to the next. */
struct mail_box {
    uint32_t number;
    layer_id from, next; /* the same: of a layer to itself */
    node_id holder;      /* whose items of others they are; NODE_NONE: the layer's own */
    uint8_t epoch;       /* the holder's when it got them */
    struct mail_list fresh, sent;
    struct vec passing; /* struct mail_item *: references, in place of the lists */
    uint64_t bytes;     /* of what is to go next */
    node_id poster;     /* of the first that is to go; NODE_NONE: any */
    uint32_t turn;      /* messages so far */
    bool waits;         /* somebody must come up first */
    struct sim_timer leave, again;
};

struct mail {
    const struct interlayer_ops *shape;
    const struct interlayer_cfg *cfg;
    struct map by_key;  /* of a box: its number */
    struct vec boxes;   /* struct mail_box * */
    struct map by_pair; /* from << 16 | to: place in pairs */
    struct vec pairs;   /* struct mail_totals */
    struct mail_totals all;
};

/* ---- mail.c ---- */
void mail_list_append(struct mail_list *list, struct mail_item *item);
void mail_list_remove(struct mail_list *list, struct mail_item *item);
bool mail_box_empty(const struct mail_box *box);
/* What goes next is as large as a batch. */
static inline bool mail_enough(const struct world *w, uint64_t bytes)
{
    return bytes >= w->mail->cfg->batch_size;
}
/* The next repetition of what the box has sent has its timer. */
void mail_remind(struct world *w, struct mail_box *box);
/* Adds to the totals, those of the pair and those of all. */
void mail_count(struct world *w, layer_id from, layer_id to, struct mail_totals more);
/* The node, of item->to, has it: the first to, unless it came before. */
void mail_arrive(struct world *w, struct mail_item *item, node_id node);
/* The node, of a layer on the way, has it: it takes a reference and will hand it on. */
void mail_pass(struct world *w, struct mail_item *item, node_id node);

/* ---- mail_letters.c ---- */
void mail_copy_unref(struct mail_copy *c); /* accepts NULL */
/* The first node that is up from the start-th on, round the layer; NODE_NONE: none is. */
node_id mail_up_from(const struct world *w, layer_id layer, uint64_t start);
/* Sends one message of what waits in the box, which must not be empty. False: nobody is up on one
 * side, or memory is out, which the run has heard of. */
bool mail_send(struct world *w, struct mail_box *box);

#endif
