/* Messages between layers: who sends to whom, what goes into one, who has heard at the other side.
 *
 * Who has heard is a bit for each node and message, not item: an item leads to the messages that
 * brought it. Left out: the certificates of several layers' blocks in a message that is handed on,
 * which costs as any other. */
#include "models/world/mail_internal.h"

/* ---- copies ---- */

void mail_copy_unref(struct mail_copy *c)
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

/* ---- who sends to whom ---- */

/* The first that is up from the start-th on, round the layer; NODE_NONE: none is. */
node_id mail_up_from(const struct world *w, layer_id layer, uint64_t start)
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
    return mail_up_from(w, box->from, head->sendings ? box->number + head->sendings : box->turn);
}

/* Mail that is to be handed on gathers at one node of the layer for as long as a batch takes, so
 * that it leaves in batches too: whose turn it is follows from the time (golden ratio: neighbours
 * in time are far apart, and no interval of repetition always meets the same node). */
static node_id receiver_of(const struct world *w, const struct mail_box *box)
{
    const struct mail_item *head = box_head(box);
    if (head->to != box->next && w->mail->cfg->batch > 0) {
        uint64_t turn = (uint64_t)(sim_now(w->sim) / w->mail->cfg->batch);
        return mail_up_from(w, box->next, turn * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    }
    return mail_up_from(w, box->next,
                        head->sendings ? (uint64_t)box->number + head->sendings : box->turn);
}

/* ---- sending ---- */

static void release_letter(struct message *m)
{
    struct letter *letter = (struct letter *)m->payload;
    for (uint32_t i = 0; i < letter->count; i++)
        mail_unref(letter->items[i]);
    mail_copy_unref(letter->copy);
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

static void fill_own(struct world *w, struct mail_box *box, struct message *m)
{
    sim_time due = sim_now(w->sim) + w->mail->cfg->retry;
    for (uint64_t bytes = 0; box->fresh.first && !mail_enough(w, bytes);) {
        struct mail_item *item = box->fresh.first;
        mail_list_remove(&box->fresh, item);
        bytes += item->size;
        box->bytes -= item->size;
        item->sendings++;
        item->due = due;
        mail_list_append(&box->sent, item);
        letter_add(m, mail_ref(item));
    }
    mail_remind(w, box);
}

static void fill_passing(struct world *w, struct mail_box *box, struct message *m)
{
    struct mail_item **all = box->passing.data;
    size_t taken = 0, kept = 0;
    for (uint64_t bytes = 0; taken < box->passing.len && !mail_enough(w, bytes); taken++) {
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
        for (const struct mail_item *i = box->fresh.first; i && !mail_enough(w, bytes);
             i = i->next, n++)
            bytes += i->size;
    else
        for (size_t i = 0; i < box->passing.len && !mail_enough(w, bytes); i++, n++)
            bytes += (*(struct mail_item **)vec_at(&box->passing, i))->size;
    return n;
}

bool mail_send(struct world *w, struct mail_box *box)
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
    mail_count(w, box->from, box->next, (struct mail_totals){.messages = 1, .bytes = m->size});
    post_layer(w, from, to, m);
    return true;
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
            mail_pass(w, letter->items[i], at);
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
        mail_arrive(w, own->items[i], at);
    message_unref(mine);
}
