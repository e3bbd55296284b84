/* Mail between layers: outboxes, batches, handing on, repetition.
 *
 * An outbox holds items in two lists: `fresh`, which go with the next batch, and `sent`, in order
 * of when they go again; since the time between is the same for all, both only grow at their ends,
 * and one timer each is enough. Items of others that a node is to hand on have an outbox of that
 * node's, without a second list: their own layer repeats them if the node loses them.
 *
 * Left out: acknowledgements on the wire, for which mail_done() stands. */
#include "models/world/mail_internal.h"

#include "sim/base/check.h"

/* What an event of EVENT_MAIL is for: its arg; its target is a box. */
enum { LEAVE, AGAIN };

/* ---- items ---- */

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
    mail_copy_unref(item->copy);
    mem_free(item);
}

/* ---- lists ---- */

void mail_list_append(struct mail_list *list, struct mail_item *item)
{
    item->next = NULL;
    item->previous = list->last;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}

void mail_list_remove(struct mail_list *list, struct mail_item *item)
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

void mail_count(struct world *w, layer_id from, layer_id to, struct mail_totals more)
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

void mail_rows(struct world *w)
{
    for (uint32_t i = 0; w->mail && i < (uint32_t)w->layer_count * w->layer_count; i++) {
        layer_id from = (layer_id)(i / w->layer_count), to = (layer_id)(i % w->layer_count);
        const struct mail_totals t = mail_totals(w, from, to);
        const struct record_interlayer_row row = {
            .from = from,
            .to = to,
            .posted = t.posted,
            .arrived = t.arrived,
            .repeated = t.repeated,
            .messages = t.messages,
            .bytes = t.bytes,
            .delay = t.arrived ? t.delay / (sim_time)t.arrived : RECORD_NEVER,
        };
        if (t.posted || t.messages)
            record_append(w->record, w->interlayer_table, &row, NULL);
    }
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

void mail_remind(struct world *w, struct mail_box *box)
{
    if (box->sent.first)
        arm(w, box, &box->again, box->sent.first->due, AGAIN);
}

bool mail_box_empty(const struct mail_box *box)
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

/* ---- sending ---- */

/* Sends all that waits, or (`full`) only full batches. */
static void box_leave(struct world *w, struct mail_box *box, bool full)
{
    while (!mail_box_empty(box) && (!full || mail_enough(w, box->bytes)))
        if (!mail_send(w, box)) {
            box->waits = true;
            sim_cancel(w->sim, &box->leave);
            arm(w, box, &box->leave, sim_now(w->sim) + w->mail->cfg->retry, LEAVE);
            return;
        }
    box->waits = false;
    if (mail_box_empty(box))
        sim_cancel(w->sim, &box->leave);
}

static void box_added(struct world *w, struct mail_box *box)
{
    sim_time wait = box->from == box->next ? 0 : w->mail->cfg->batch;
    arm(w, box, &box->leave, sim_now(w->sim) + wait, LEAVE);
    if (!box->waits && box->from != box->next && mail_enough(w, box->bytes))
        box_leave(w, box, true);
}

/* ---- the layer's own ---- */

void mail_arrive(struct world *w, struct mail_item *item, node_id node)
{
    if (item->arrived || item->done)
        return;
    item->arrived = true;
    item->first = sim_now(w->sim);
    mail_count(w, item->from, item->to,
               (struct mail_totals){.arrived = 1, .delay = item->first - item->posted});
    if (item->hear)
        item->hear(w, item, node);
}

/* From the layer to itself: what is posted meanwhile has its own event. */
static void hand_out(struct world *w, struct mail_box *box)
{
    node_id node = box->poster != NODE_NONE && w->nodes[box->poster].up
                       ? box->poster
                       : mail_up_from(w, box->from, box->turn);
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
        mail_arrive(w, item, node);
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
    mail_count(w, item->from, item->to, (struct mail_totals){.posted = 1});
    layer_id next = item->from == item->to ? item->to
                                           : mail->shape->next(mail->cfg->shape.cfg, w->layer_count,
                                                               item->from, item->to);
    struct mail_box *box = box_of(w, item->from, next, NODE_NONE);
    if (!box || item->done)
        return;
    if (!box->fresh.first)
        box->poster = node;
    item->box = box;
    mail_list_append(&box->fresh, mail_ref(item));
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
    mail_list_remove(item->due < 0 ? &box->fresh : &box->sent, item);
    mail_unref(item);
}

void mail_each(struct world *w, layer_id from, layer_id to,
               void (*visit)(void *self, struct mail_item *item), void *self)
{
    uint64_t at;
    if (!map_get(&w->mail->by_key, (uint64_t)from << 16 | to, &at))
        return;
    struct mail_box *box = *(struct mail_box **)vec_at(&w->mail->boxes, at);
    struct mail_list lists[2] = {box->fresh, box->sent};
    for (int i = 0; i < 2; i++)
        for (struct mail_item *item = lists[i].first, *next; item; item = next) {
            next = item->next;
            visit(self, item);
        }
}

void mail_readdress(struct world *w, struct mail_item *item, layer_id by)
{
    struct mail_box *old = item->box;
    struct mail_box *box = old ? box_of(w, by, item->to, NODE_NONE) : NULL;
    if (!box)
        return;
    if (item->due < 0)
        old->bytes -= item->size;
    mail_list_remove(item->due < 0 ? &old->fresh : &old->sent, item);
    item->from = by;
    item->due = -1;
    item->box = box;
    mail_list_append(&box->fresh, item);
    box->bytes += item->size;
    box_added(w, box);
}

/* What is due goes before what has not gone at all, in messages of its own if there is enough. */
static void again(struct world *w, struct mail_box *box)
{
    struct mail_list due = {0};
    while (box->sent.first && box->sent.first->due <= sim_now(w->sim)) {
        struct mail_item *item = box->sent.first;
        mail_list_remove(&box->sent, item);
        item->due = -1;
        mail_list_append(&due, item);
        box->bytes += item->size;
        mail_count(w, item->from, item->to, (struct mail_totals){.repeated = 1});
    }
    list_prepend(&box->fresh, &due);
    if (due.first && !box->waits)
        box_leave(w, box, false);
    mail_remind(w, box);
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

void mail_pass(struct world *w, struct mail_item *item, node_id at)
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
        mail_list_remove(list, item);
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
