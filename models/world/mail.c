/* Mail between layers: outboxes, batches, handing on, repetition.
 *
 * An outbox holds items in two lists: `fresh`, which go with the next batch, and `sent`, in order
 * of when they go again; since the time between is the same for all, both only grow at their ends,
 * and one timer each is enough. Items of others that a node is to hand on have an outbox of that
 * node's, without a second list: their own layer repeats them if the node loses them.
 *
 * Who has heard is a bit for each node and message, not item: an item leads to the messages that
 * brought it. Left out: acknowledgements on the wire (mail_done() stands for them), and the
 * certificates of several layers' blocks in a message that was handed on: it costs as any other. */
#include "models/world/internal.h"

#include "sim/base/check.h"

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

/* What an event of EVENT_MAIL is for: its arg; its target is a box. */
enum { LEAVE, AGAIN };

/* ---- items and copies ---- */

static void copy_unref(struct mail_copy *c)
{
    while (c && --c->refs == 0) {
        struct mail_copy *next = c->next;
        mem_free(c);
        c = next;
    }
}

static struct mail_copy *copy_create(const struct layer *l)
{
    size_t words = ((size_t)l->count + 63) / 64;
    struct mail_copy *c = mem_zalloc(1, sizeof *c + words * sizeof c->heard[0]);
    if (c)
        c->refs = 1;
    return c;
}

static void copy_set(struct mail_copy *c, node_id i)
{
    c->heard[i / 64] |= UINT64_C(1) << i % 64;
}

struct mail_item *mail_ref(struct mail_item *item)
{
    item->refs++;
    return item;
}

void mail_unref(struct mail_item *item)
{
    if (!item)
        return;
    CHECK(item->refs > 0, "an item from %u to %u has no reference to drop", item->from, item->to);
    if (--item->refs)
        return;
    if (item->release)
        item->release(item);
    copy_unref(item->copy);
    mem_free(item);
}

bool mail_heard(const struct world *w, const struct mail_item *item, node_id node)
{
    if (item->from == item->to)
        return item->arrived;
    node_id i = node - w->layers[item->to].first;
    for (const struct mail_copy *c = item->copy; c; c = c->next)
        if (c->heard[i / 64] >> i % 64 & 1)
            return true;
    return false;
}

/* ---- lists ---- */

static void list_append(struct mail_list *list, struct mail_item *item)
{
    item->next = NULL;
    item->previous = list->last;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}

static void list_remove(struct mail_list *list, struct mail_item *item)
{
    if (item->previous)
        item->previous->next = item->next;
    else
        list->first = item->next;
    if (item->next)
        item->next->previous = item->previous;
    else
        list->last = item->previous;
}

/* What stands in `head` comes before what is in the list. */
static void list_prepend(struct mail_list *list, const struct mail_list *head)
{
    if (!head->first)
        return;
    head->last->next = list->first;
    if (list->first)
        list->first->previous = head->last;
    else
        list->last = head->last;
    list->first = head->first;
}

/* ---- totals ---- */

static struct mail_totals *pair_of(struct world *w, layer_id from, layer_id to)
{
    struct mail *mail = w->mail;
    uint64_t key = (uint64_t)from << 16 | to, at = mail->pairs.len;
    if (map_get(&mail->by_pair, key, &at))
        return vec_at(&mail->pairs, at);
    const struct mail_totals none = {0};
    if (vec_push(&mail->pairs, &none) != ERR_OK || map_put(&mail->by_pair, key, at) != ERR_OK) {
        world_out_of_memory(w);
        return NULL;
    }
    return vec_at(&mail->pairs, at);
}

static void count(struct world *w, layer_id from, layer_id to, struct mail_totals more)
{
    struct mail_totals *both[2] = {&w->mail->all, pair_of(w, from, to)};
    for (int i = 0; i < 2 && both[i]; i++) {
        both[i]->posted += more.posted;
        both[i]->arrived += more.arrived;
        both[i]->repeated += more.repeated;
        both[i]->messages += more.messages;
        both[i]->bytes += more.bytes;
        both[i]->delay += more.delay;
    }
}

struct mail_totals mail_totals(const struct world *w, layer_id from, layer_id to)
{
    const struct mail *mail = w->mail;
    uint64_t at;
    if (!mail)
        return (struct mail_totals){0};
    if (from == LAYER_NONE)
        return mail->all;
    if (!map_get(&mail->by_pair, (uint64_t)from << 16 | to, &at))
        return (struct mail_totals){0};
    return *(const struct mail_totals *)vec_at(&mail->pairs, at);
}

/* ---- boxes ---- */

/* holder: NODE_NONE for a layer's own items. NULL without memory, which the run has heard of. */
static struct mail_box *box_of(struct world *w, layer_id from, layer_id next, node_id holder)
{
    struct mail *mail = w->mail;
    uint64_t key = (uint64_t)(holder + UINT64_C(1)) << 32 | (uint64_t)from << 16 | next;
    uint64_t at = mail->boxes.len;
    if (holder == NODE_NONE)
        key = (uint64_t)from << 16 | next;
    if (map_get(&mail->by_key, key, &at))
        return *(struct mail_box **)vec_at(&mail->boxes, at);
    CHECK(at < SIM_TARGETS_MAX, "%llu outboxes", (unsigned long long)at);
    struct mail_box *box = mem_zalloc(1, sizeof *box);
    if (!box || vec_push(&mail->boxes, &box) != ERR_OK) {
        mem_free(box);
        world_out_of_memory(w);
        return NULL;
    }
    *box = (struct mail_box){
        .number = (uint32_t)at, .from = from, .next = next, .holder = holder, .poster = NODE_NONE};
    vec_init(&box->passing, sizeof(struct mail_item *));
    if (map_put(&mail->by_key, key, at) != ERR_OK)
        world_out_of_memory(w);
    return box;
}

static void arm(struct world *w, struct mail_box *box, struct sim_timer *timer, sim_time at,
                uint64_t what)
{
    node_id source = box->holder == NODE_NONE ? w->layers[box->from].first : box->holder;
    if (!sim_timer_pending(w->sim, timer))
        sim_schedule_timer(w->sim, timer, at, SIM_CLASS_TIMER, source, w->handlers[EVENT_MAIL],
                           box->number, what);
}

static bool box_empty(const struct mail_box *box)
{
    return box->holder == NODE_NONE ? !box->fresh.first : box->passing.len == 0;
}

static void box_forget(struct mail_box *box)
{
    for (size_t i = 0; i < box->passing.len; i++)
        mail_unref(*(struct mail_item **)vec_at(&box->passing, i));
    box->passing.len = 0;
    box->bytes = 0;
}

/* ---- who sends to whom ---- */

/* The first that is up from the start-th on, round the layer; NODE_NONE: none is. */
static node_id up_from(const struct world *w, layer_id layer, uint64_t start)
{
    const struct layer *l = &w->layers[layer];
    for (node_id i = 0; i < l->count; i++) {
        node_id node = l->first + (node_id)((start + i) % l->count);
        if (w->nodes[node].up)
            return node;
    }
    return NODE_NONE;
}

static const struct mail_item *box_head(const struct mail_box *box)
{
    return box->holder == NODE_NONE ? box->fresh.first
                                    : *(struct mail_item **)vec_at(&box->passing, 0);
}

static node_id sender_of(const struct world *w, const struct mail_box *box)
{
    const struct mail_item *head = box_head(box);
    if (box->holder != NODE_NONE)
        return box->holder;
    if (head->sendings == 0 && box->poster != NODE_NONE && w->nodes[box->poster].up)
        return box->poster;
    /* What is repeated goes from and to each in turn, whatever else was sent in between. */
    return up_from(w, box->from, head->sendings ? box->number + head->sendings : box->turn);
}

/* Mail that is to be handed on gathers at one node of the layer for as long as a batch takes, so
 * that it leaves in batches too: whose turn it is follows from the time (golden ratio: neighbours
 * in time are far apart, and no interval of repetition always meets the same node). */
static node_id receiver_of(const struct world *w, const struct mail_box *box)
{
    const struct mail_item *head = box_head(box);
    if (head->to != box->next && w->mail->cfg->batch > 0) {
        uint64_t turn = (uint64_t)(sim_now(w->sim) / w->mail->cfg->batch);
        return up_from(w, box->next, turn * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    }
    return up_from(w, box->next,
                   head->sendings ? (uint64_t)box->number + head->sendings : box->turn);
}

/* ---- sending ---- */

static void release_letter(struct message *m)
{
    struct letter *letter = (struct letter *)m->payload;
    for (uint32_t i = 0; i < letter->count; i++)
        mail_unref(letter->items[i]);
    copy_unref(letter->copy);
    mem_free(letter->own);
}

/* A message for so many items, which are still to be put in. NULL without memory. */
static struct message *letter_create(struct world *w, layer_id from, layer_id to, uint32_t room)
{
    const struct interlayer_cfg *cfg = w->mail->cfg;
    struct letter *letter;
    struct message *m =
        message_create(CHANNEL_LAYER, 0, sizeof *letter + (size_t)room * sizeof letter->items[0]);
    if (!m) {
        world_out_of_memory(w);
        return NULL;
    }
    letter = (struct letter *)m->payload;
    letter->to = to;
    m->release = release_letter;
    m->size = (uint32_t)cfg->overhead;
    m->verifies = (uint32_t)cfg->signatures;
    if (cfg->signatures == 1) { /* of a quorum, aggregated */
        m->signature_kind = SIGNATURE_BLS;
        m->keys = w->layers[from].chain->validators.count * 2 / 3 + 1;
    }
    return m;
}

/* Takes over the reference. */
static void letter_add(struct message *m, struct mail_item *item)
{
    struct letter *letter = (struct letter *)m->payload;
    letter->items[letter->count++] = item;
    m->size += item->size;
}

static bool enough(const struct world *w, uint64_t bytes)
{
    return bytes >= w->mail->cfg->batch_size;
}

static void fill_own(struct world *w, struct mail_box *box, struct message *m)
{
    sim_time due = sim_now(w->sim) + w->mail->cfg->retry;
    for (uint64_t bytes = 0; box->fresh.first && !enough(w, bytes);) {
        struct mail_item *item = box->fresh.first;
        list_remove(&box->fresh, item);
        bytes += item->size;
        box->bytes -= item->size;
        item->sendings++;
        item->due = due;
        list_append(&box->sent, item);
        letter_add(m, mail_ref(item));
    }
    if (box->sent.first)
        arm(w, box, &box->again, box->sent.first->due, AGAIN);
}

static void fill_passing(struct world *w, struct mail_box *box, struct message *m)
{
    struct mail_item **all = box->passing.data;
    size_t taken = 0, kept = 0;
    for (uint64_t bytes = 0; taken < box->passing.len && !enough(w, bytes); taken++) {
        struct mail_item *item = all[taken];
        bytes += item->size;
        box->bytes -= item->size;
        if (item->done)
            mail_unref(item);
        else
            letter_add(m, item);
    }
    while (taken < box->passing.len)
        all[kept++] = all[taken++];
    box->passing.len = kept;
}

/* Items of the next message at most. */
static uint32_t next_count(const struct world *w, const struct mail_box *box)
{
    uint32_t n = 0;
    uint64_t bytes = 0;
    if (box->holder == NODE_NONE)
        for (const struct mail_item *i = box->fresh.first; i && !enough(w, bytes); i = i->next, n++)
            bytes += i->size;
    else
        for (size_t i = 0; i < box->passing.len && !enough(w, bytes); i++, n++)
            bytes += (*(struct mail_item **)vec_at(&box->passing, i))->size;
    return n;
}

static bool box_send(struct world *w, struct mail_box *box)
{
    node_id from = sender_of(w, box), to = receiver_of(w, box);
    if (from == NODE_NONE || to == NODE_NONE)
        return false;
    struct message *m = letter_create(w, box->from, box->next, next_count(w, box));
    if (!m)
        return false;
    if (box->holder == NODE_NONE)
        fill_own(w, box, m);
    else
        fill_passing(w, box, m);
    box->poster = NODE_NONE;
    box->turn++;
    if (((struct letter *)m->payload)->count == 0) {
        message_unref(m);
        return true;
    }
    count(w, box->from, box->next, (struct mail_totals){.messages = 1, .bytes = m->size});
    post_layer(w, from, to, m);
    return true;
}

/* Sends all that waits, or (`full`) only full batches. */
static void box_leave(struct world *w, struct mail_box *box, bool full)
{
    while (!box_empty(box) && (!full || enough(w, box->bytes)))
        if (!box_send(w, box)) {
            box->waits = true;
            sim_cancel(w->sim, &box->leave);
            arm(w, box, &box->leave, sim_now(w->sim) + w->mail->cfg->retry, LEAVE);
            return;
        }
    box->waits = false;
    if (box_empty(box))
        sim_cancel(w->sim, &box->leave);
}

static void box_added(struct world *w, struct mail_box *box)
{
    sim_time wait = box->from == box->next ? 0 : w->mail->cfg->batch;
    arm(w, box, &box->leave, sim_now(w->sim) + wait, LEAVE);
    if (!box->waits && box->from != box->next && enough(w, box->bytes))
        box_leave(w, box, true);
}

/* ---- the layer's own ---- */

static void arrive(struct world *w, struct mail_item *item, node_id node)
{
    if (item->arrived || item->done)
        return;
    item->arrived = true;
    item->first = sim_now(w->sim);
    count(w, item->from, item->to,
          (struct mail_totals){.arrived = 1, .delay = item->first - item->posted});
    if (item->hear)
        item->hear(w, item, node);
}

/* From the layer to itself: what is posted meanwhile has its own event. */
static void hand_out(struct world *w, struct mail_box *box)
{
    node_id node = box->poster != NODE_NONE && w->nodes[box->poster].up
                       ? box->poster
                       : up_from(w, box->from, box->turn);
    if (node == NODE_NONE) {
        arm(w, box, &box->leave, sim_now(w->sim) + w->mail->cfg->retry, LEAVE);
        return;
    }
    struct mail_list all = box->fresh;
    box->fresh = (struct mail_list){0};
    box->bytes = 0;
    box->poster = NODE_NONE;
    box->turn++;
    for (struct mail_item *item = all.first; item; item = item->next)
        item->box = NULL;
    for (struct mail_item *item = all.first; item;) {
        struct mail_item *next = item->next;
        arrive(w, item, node);
        mail_unref(item);
        item = next;
    }
}

void mail_post(struct world *w, struct mail_item *item, node_id node)
{
    const struct mail *mail = w->mail;
    CHECK(item->from < w->layer_count && item->to < w->layer_count && !item->box,
          "an item from %u to %u of %u layers", item->from, item->to, w->layer_count);
    item->posted = sim_now(w->sim);
    item->first = -1;
    item->due = -1;
    count(w, item->from, item->to, (struct mail_totals){.posted = 1});
    layer_id next = item->from == item->to ? item->to
                                           : mail->shape->next(mail->cfg->shape.cfg, w->layer_count,
                                                               item->from, item->to);
    struct mail_box *box = box_of(w, item->from, next, NODE_NONE);
    if (!box || item->done)
        return;
    if (!box->fresh.first)
        box->poster = node;
    item->box = box;
    list_append(&box->fresh, mail_ref(item));
    box->bytes += item->size;
    box_added(w, box);
}

void mail_done(struct world *w, struct mail_item *item)
{
    (void)w;
    struct mail_box *box = item->box;
    item->done = true;
    if (!box)
        return;
    item->box = NULL;
    if (item->due < 0)
        box->bytes -= item->size;
    list_remove(item->due < 0 ? &box->fresh : &box->sent, item);
    mail_unref(item);
}

/* What is due goes before what has not gone at all, in messages of its own if there is enough. */
static void again(struct world *w, struct mail_box *box)
{
    struct mail_list due = {0};
    while (box->sent.first && box->sent.first->due <= sim_now(w->sim)) {
        struct mail_item *item = box->sent.first;
        list_remove(&box->sent, item);
        item->due = -1;
        list_append(&due, item);
        box->bytes += item->size;
        count(w, item->from, item->to, (struct mail_totals){.repeated = 1});
    }
    list_prepend(&box->fresh, &due);
    if (due.first && !box->waits)
        box_leave(w, box, false);
    if (box->sent.first)
        arm(w, box, &box->again, box->sent.first->due, AGAIN);
}

void mail_on_event(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct mail_box *box = *(struct mail_box **)vec_at(&w->mail->boxes, ev->target);
    (void)sim;
    if (box->holder != NODE_NONE &&
        (!w->nodes[box->holder].up || w->nodes[box->holder].epoch != box->epoch))
        box_forget(box);
    if (ev->arg == AGAIN)
        again(w, box);
    else if (box->from == box->next)
        hand_out(w, box);
    else
        box_leave(w, box, false);
}

/* ---- at the other side ---- */

static void hear(struct world *w, const struct letter *letter, node_id at)
{
    node_id i = at - w->layers[letter->to].first;
    copy_set(letter->copy, i);
    for (uint32_t k = 0; letter->own && k < letter->count; k++)
        if (letter->own[k])
            copy_set(letter->own[k], i);
}

/* The items lead to the message's copy: those that came before, by one of their own, since they do
 * not share the earlier one with all that is in this message. */
static bool open_copy(struct world *w, struct letter *letter)
{
    const struct layer *l = &w->layers[letter->to];
    letter->copy = copy_create(l);
    for (uint32_t i = 0; letter->copy && i < letter->count; i++) {
        struct mail_item *item = letter->items[i];
        struct mail_copy *own = letter->copy;
        if (!item->copy) {
            own->refs++;
        } else {
            if (!letter->own &&
                !(letter->own = mem_zalloc(letter->count, sizeof(struct mail_copy *))))
                return false;
            if (!(own = copy_create(l)))
                return false;
            own->next = item->copy;
            letter->own[i] = own;
        }
        item->copy = own;
    }
    return letter->copy;
}

static void hand_on(struct world *w, struct mail_item *item, node_id at)
{
    const struct mail *mail = w->mail;
    layer_id layer = w->nodes[at].layer;
    layer_id next = mail->shape->next(mail->cfg->shape.cfg, w->layer_count, layer, item->to);
    struct mail_box *box = item->done ? NULL : box_of(w, layer, next, at);
    if (!box)
        return;
    if (box->epoch != w->nodes[at].epoch)
        box_forget(box);
    box->epoch = w->nodes[at].epoch;
    if (vec_push(&box->passing, &item) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    mail_ref(item);
    box->bytes += item->size;
    box_added(w, box);
}

/* Those that are for this layer, as a message of their own if there are others in it; the rest is
 * handed on. NULL: none is, or no memory. */
static struct message *keep_mine(struct world *w, node_id at, struct message *m)
{
    const struct letter *letter = (const struct letter *)m->payload;
    uint32_t mine = 0;
    for (uint32_t i = 0; i < letter->count; i++)
        mine += letter->items[i]->to == letter->to;
    if (mine == letter->count)
        return message_ref(m);
    struct message *own =
        mine ? letter_create(w, w->nodes[m->origin].layer, letter->to, mine) : NULL;
    if (own) {
        own->origin = at;
        own->layer = letter->to;
    }
    for (uint32_t i = 0; i < letter->count; i++)
        if (letter->items[i]->to != letter->to)
            hand_on(w, letter->items[i], at);
        else if (own)
            letter_add(own, mail_ref(letter->items[i]));
    return own;
}

void mail_message(struct world *w, node_id at, struct message *m)
{
    const struct letter *letter = (const struct letter *)m->payload;
    if (w->nodes[at].layer != letter->to)
        return; /* of one chain with it, and no more */
    if (letter->copy) {
        hear(w, letter, at);
        return;
    }
    struct message *mine = keep_mine(w, at, m);
    if (!mine)
        return;
    struct letter *own = (struct letter *)mine->payload;
    if (!open_copy(w, own)) {
        world_out_of_memory(w);
        message_unref(mine);
        return;
    }
    hear(w, own, at);
    net_publish(w->net, chain_index(w, chain_of(w, at)), at, message_ref(mine));
    for (uint32_t i = 0; i < own->count; i++)
        arrive(w, own->items[i], at);
    message_unref(mine);
}

/* ---- making ---- */

enum err_code mail_check(const struct world *w, struct err *err)
{
    const struct field_choice *shape = &w->cfg->interlayer.shape;
    const struct interlayer_ops *ops = (const struct interlayer_ops *)shape->model;
    struct err inner = {0};
    if (!ops->check || ops->check(shape->cfg, w->layer_count, &inner) == ERR_OK)
        return ERR_OK;
    return scenario_fail(w->scenario, err, "interlayer.shape", "%s", inner.text);
}

enum err_code mail_create(struct world *w, struct err *err)
{
    enum err_code code = mail_check(w, err);
    if (code != ERR_OK)
        return code;
    struct mail *mail = w->mail = mem_zalloc(1, sizeof *mail);
    if (!mail)
        return err_set(err, ERR_MEMORY, "no memory for mail between layers");
    mail->cfg = &w->cfg->interlayer;
    mail->shape = (const struct interlayer_ops *)mail->cfg->shape.model;
    map_init(&mail->by_key);
    map_init(&mail->by_pair);
    vec_init(&mail->boxes, sizeof(struct mail_box *));
    vec_init(&mail->pairs, sizeof(struct mail_totals));
    return ERR_OK;
}

static void list_fini(struct mail_list *list)
{
    while (list->first) {
        struct mail_item *item = list->first;
        list_remove(list, item);
        item->box = NULL;
        mail_unref(item);
    }
}

void mail_destroy(struct world *w)
{
    struct mail *mail = w->mail;
    if (!mail)
        return;
    for (size_t i = 0; i < mail->boxes.len; i++) {
        struct mail_box *box = *(struct mail_box **)vec_at(&mail->boxes, i);
        list_fini(&box->fresh);
        list_fini(&box->sent);
        box_forget(box);
        vec_fini(&box->passing);
        mem_free(box);
    }
    vec_fini(&mail->boxes);
    vec_fini(&mail->pairs);
    map_fini(&mail->by_key);
    map_fini(&mail->by_pair);
    mem_free(mail);
    w->mail = NULL;
}
