/* PBFT's view changes (4.4), and making up for messages that were lost.
 *
 * A view-change tells the stable checkpoint and, for every height above it, the prepared
 * certificate of the highest view. The new primary takes for each height, from the highest stable
 * checkpoint of a quorum on, the certificate of the highest view, as long as they form a chain:
 * what may have been committed is always on it, since whoever prepared a block in a later view
 * prepared it on that chain. A new-view carries the view-changes; each backup computes the same.
 * Blocks that it lacks it fetches from the primary.
 *
 * A node that waits for a new view in vain goes to the one after it only once a quorum of
 * view-changes is here (4.5.2); until then it says its own again. */
#include "models/consensus/pbft.h"

#include "sim/base/mem.h"

/* Bytes on the wire: views and heights 8 each, validator 4. */
enum { CHANGE_BYTES = 20, NEW_VIEW_BYTES = 12, STATUS_BYTES = 22 };

/* ---- view-changes ---- */

static void release_change(struct message *m)
{
    struct pbft_change *c = (struct pbft_change *)m->payload;
    for (uint32_t i = 0; i < c->count; i++)
        cert_unref(c->prepared[i]);
}

static const struct pbft_change *change_of(const struct message *m)
{
    return (const struct pbft_change *)m->payload;
}

static struct message *change_message(struct pbft *p)
{
    uint32_t n = p->env->validators->count, count = 0;
    for (uint64_t i = 0; p->slots && i < p->cfg->window; i++)
        count += p->slots[i] && p->slots[i]->prepared;
    struct message *m = message_create(CHANNEL_CONSENSUS, PBFT_CHANGE,
                                       sizeof(struct pbft_change) + count * sizeof(struct cert *));
    if (!m)
        return NULL;
    struct pbft_change *c = (struct pbft_change *)m->payload;
    *c =
        (struct pbft_change){.view = p->view, .stable = p->stable->height, .validator = p->env->me};
    m->release = release_change;
    /* the checkpoint's proof is a quorum of signatures */
    m->size = CHANGE_BYTES + ECDSA_BYTES + cert_bytes(SIGNATURE_ECDSA, n * 2 / 3 + 1, n);
    for (uint64_t i = 0; p->slots && i < p->cfg->window; i++) {
        if (!p->slots[i] || !p->slots[i]->prepared)
            continue;
        struct cert *cert = p->slots[i]->prepared;
        c->prepared[c->count++] = cert_ref(cert);
        m->size += cert_bytes(SIGNATURE_ECDSA, cert->count, n);
    }
    m->origin = p->env->node;
    m->signs = m->verifies = 1;
    return m;
}

static bool keep_change(struct pbft *p, uint32_t validator, struct message *m)
{
    uint32_t n = p->env->validators->count;
    if (!p->changes && !(p->changes = mem_zalloc(n, sizeof(struct message *))))
        return false;
    struct message *old = p->changes[validator];
    if (old && change_of(old)->view > change_of(m)->view)
        return false;
    p->changes[validator] = message_ref(m);
    message_unref(old);
    return true;
}

/* Weight of those who want view (or, later, a later one). */
static uint64_t wanting(const struct pbft *p, uint64_t view, bool later)
{
    const struct validators *all = p->env->validators;
    uint64_t weight = 0;
    for (uint32_t i = 0; p->changes && i < all->count; i++)
        if (p->changes[i] && (change_of(p->changes[i])->view == view ||
                              (later && change_of(p->changes[i])->view > view)))
            weight += all->weights[i];
    return weight;
}

void pbft_start_change(struct pbft *p, uint64_t view)
{
    p->view = view;
    p->changing = true;
    p->failures++;
    p->building = p->waiting = false;
    p->idle_until = 0;
    env_cancel(p->env, &p->propose_timer);
    message_unref(p->new_view);
    p->new_view = NULL;
    pbft_restart_timer(p);
    env_note(p->env, "round", p->committed->height + 1, view);
    struct message *m = change_message(p);
    if (!m)
        return;
    if (keep_change(p, p->env->me, m))
        pbft_send(p, NODE_NONE, message_ref(m));
    message_unref(m);
    pbft_try_new_view(p);
}

void pbft_view_over(struct pbft *p)
{
    const struct validators *all = p->env->validators;
    if (!p->changing || validators_quorum(all, wanting(p, p->view, true))) {
        pbft_start_change(p, p->view + 1);
        return;
    }
    pbft_restart_timer(p);
    if (p->changes && p->changes[p->env->me])
        pbft_send(p, NODE_NONE, message_ref(p->changes[p->env->me]));
}

/* 4.5.2: a third of the weight wants later views: the smallest of them. */
static bool join(struct pbft *p)
{
    const struct validators *all = p->env->validators;
    uint64_t least = UINT64_MAX;
    if (!validators_third(all, wanting(p, p->view + 1, true)))
        return false;
    for (uint32_t i = 0; i < all->count; i++)
        if (p->changes[i] && change_of(p->changes[i])->view > p->view &&
            change_of(p->changes[i])->view < least)
            least = change_of(p->changes[i])->view;
    pbft_start_change(p, least);
    return true;
}

void pbft_on_change(struct pbft *p, node_id from, struct message *m)
{
    const struct pbft_change *c = change_of(m);
    const struct validators *all = p->env->validators;
    (void)from;
    if (c->validator >= all->count || all->nodes[c->validator] != m->origin)
        return;
    if (c->view <= p->view && !p->changing) {
        const struct message *before = p->changes ? p->changes[c->validator] : NULL;
        if (pbft_primary(p, p->view) != p->env->me || !p->new_view)
            return;
        if (before &&
            change_of(before)->view >= c->view) /* it says it again: the answer was lost */
            pbft_send(p, m->origin, message_ref(p->new_view));
        else
            keep_change(p, c->validator, m);
        return;
    }
    if (p->env->me == VALIDATOR_NONE || !keep_change(p, c->validator, m))
        return;
    while (join(p))
        ;
    pbft_try_new_view(p);
}

/* ---- new views ---- */

static void release_new_view(struct message *m)
{
    struct pbft_new_view *v = (struct pbft_new_view *)m->payload;
    for (uint32_t i = 0; i < v->count; i++)
        message_unref(v->changes[i]);
}

/* The certificate of the highest view for a height. */
static const struct cert *best_at(const struct pbft_new_view *v, uint64_t height)
{
    const struct cert *best = NULL;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct pbft_change *c = change_of(v->changes[i]);
        for (uint32_t j = 0; j < c->count; j++)
            if (c->prepared[j]->block->height == height &&
                (!best || c->prepared[j]->view > best->view))
                best = c->prepared[j];
    }
    return best;
}

/* The last block of the chain that the new view takes over; NULL: it begins on what is stable. */
static struct block *taken_over(const struct pbft_new_view *v, uint64_t *stable)
{
    uint64_t top = 0;
    struct block *last = NULL;
    *stable = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct pbft_change *c = change_of(v->changes[i]);
        if (c->stable > *stable)
            *stable = c->stable;
        if (c->count && c->prepared[c->count - 1]->block->height > top)
            top = c->prepared[c->count - 1]->block->height;
    }
    for (uint64_t h = *stable + 1; h <= top; h++) {
        const struct cert *best = best_at(v, h);
        if (!best)
            continue; /* its maker took the block over as final: what stands on it has it */
        if (last && block_ancestor(best->block, last->height) != last)
            break;
        last = best->block;
    }
    return last;
}

static void enter(struct pbft *p, struct message *m)
{
    const struct pbft_new_view *v = (const struct pbft_new_view *)m->payload;
    uint64_t stable;
    struct block *last = taken_over(v, &stable);
    node_id primary = p->env->validators->nodes[pbft_primary(p, v->view)];
    p->view = v->view;
    p->changing = false;
    p->building = p->waiting = false;
    p->idle_until = 0;
    struct message *old = p->new_view;
    p->new_view = message_ref(m);
    message_unref(old);
    votes_forget_views(&p->votes, p->view);
    block_unref(p->top);
    p->top = last ? block_ref(last) : NULL;
    pbft_restart_timer(p);
    if (stable > p->committed->height)
        pbft_send_status(p, primary, false);
    pbft_take_stable(p, stable);
    if (last && !env_has(p->env, last))
        env_behind(p->env, primary, last->height);
    for (uint64_t h = p->stable->height + 1; last && h <= last->height; h++) {
        struct block *b = block_ancestor(last, h);
        struct slot *s = b ? pbft_slot(p, h) : NULL;
        if (s)
            pbft_accept(p, s, b);
    }
    if (last && pbft_primary(p, p->view) == p->env->me && last->height > p->committed->height)
        env_adopt(p->env, last); /* so that others can fetch it here */
    pbft_replay_early(p);
    pbft_propose(p);
}

/* The primary of the view that this node goes to, with a quorum of view-changes, and all blocks
 * that they tell of. */
void pbft_try_new_view(struct pbft *p)
{
    const struct validators *all = p->env->validators;
    if (!p->changing || p->env->me == VALIDATOR_NONE || pbft_primary(p, p->view) != p->env->me ||
        !validators_quorum(all, wanting(p, p->view, false)))
        return;
    struct message *m =
        message_create(CHANNEL_CONSENSUS, PBFT_NEW_VIEW,
                       sizeof(struct pbft_new_view) + all->count * sizeof(struct message *));
    if (!m)
        return;
    struct pbft_new_view *v = (struct pbft_new_view *)m->payload;
    v->view = p->view;
    m->release = release_new_view;
    m->size = NEW_VIEW_BYTES + ECDSA_BYTES;
    for (uint32_t i = 0; i < all->count; i++) {
        if (!p->changes[i] || change_of(p->changes[i])->view != p->view)
            continue;
        v->changes[v->count++] = message_ref(p->changes[i]);
        m->size += p->changes[i]->size;
    }
    m->origin = p->env->node;
    m->signs = 1;
    m->verifies = 1 + v->count;
    uint64_t stable;
    struct block *last = taken_over(v, &stable);
    if (last && !env_has(p->env, last)) {
        for (uint32_t i = 0; i < v->count; i++)
            for (uint32_t j = 0; j < change_of(v->changes[i])->count; j++)
                if (change_of(v->changes[i])->prepared[j]->block == last)
                    env_behind(p->env, all->nodes[change_of(v->changes[i])->validator],
                               last->height);
        message_unref(m);
        return;
    }
    pbft_send(p, NODE_NONE, message_ref(m));
    enter(p, m);
    message_unref(m);
}

void pbft_on_new_view(struct pbft *p, struct message *m)
{
    const struct pbft_new_view *v = (const struct pbft_new_view *)m->payload;
    const struct validators *all = p->env->validators;
    uint64_t weight = 0;
    if (v->view < p->view || (v->view == p->view && !p->changing) ||
        m->origin != all->nodes[pbft_primary(p, v->view)])
        return;
    for (uint32_t i = 0; i < v->count; i++)
        if (change_of(v->changes[i])->view == v->view)
            weight += all->weights[change_of(v->changes[i])->validator];
    if (validators_quorum(all, weight))
        enter(p, m);
}

void pbft_forget_views(struct pbft *p)
{
    for (uint32_t i = 0; p->changes && i < p->env->validators->count; i++)
        message_unref(p->changes[i]);
    mem_free(p->changes);
    message_unref(p->new_view);
    p->changes = NULL;
    p->new_view = NULL;
}

/* ---- statuses ---- */

static void release_status(struct message *m)
{
    cert_unref(((struct pbft_status *)m->payload)->proof);
}

void pbft_send_status(struct pbft *p, node_id to, bool answer)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, PBFT_STATUS, sizeof(struct pbft_status));
    if (!m)
        return;
    struct pbft_status *s = (struct pbft_status *)m->payload;
    *s = (struct pbft_status){.view = p->view,
                              .height = p->committed->height,
                              .validator = p->env->me,
                              .changing = p->changing,
                              .answer = answer};
    m->release = release_status;
    m->size = STATUS_BYTES + ECDSA_BYTES;
    m->signs = m->verifies = 1;
    if (answer && p->proof) {
        s->proof = cert_ref(p->proof);
        m->size += cert_bytes(SIGNATURE_ECDSA, p->proof->count, p->env->validators->count);
        m->verifies += p->proof->count;
    }
    pbft_send(p, to, m);
}

/* Somebody has committed more: by its proof where the block is here, else by fetching. */
static void catch_up(struct pbft *p, node_id from, const struct pbft_status *s)
{
    struct block *b = s->proof ? s->proof->block : NULL;
    if (b && env_has(p->env, b) && b->height > p->committed->height &&
        block_ancestor(b, p->committed->height) == p->committed) {
        pbft_set_committed(p, b, s->proof);
        pbft_take_stable(p, s->height / p->cfg->checkpoint * p->cfg->checkpoint);
        pbft_go_on(p);
    } else {
        env_behind(p->env, from, s->height);
    }
}

/* To one that stands lower, in this view: what was said of the blocks above. */
static void tell(struct pbft *p, node_id to, const struct pbft_status *s)
{
    pbft_repeat_checkpoint(p, to);
    if (p->changing) {
        if (s->view <= p->view && p->changes && p->changes[p->env->me])
            pbft_send(p, to, message_ref(p->changes[p->env->me]));
        return;
    }
    if (p->new_view && (s->view < p->view || (s->view == p->view && s->changing)))
        pbft_send(p, to, message_ref(p->new_view));
    for (uint64_t h = s->height + 1; h <= p->stable->height + p->cfg->window; h++) {
        const struct slot *slot = pbft_find(p, h);
        if (slot && slot->block && slot->view == p->view)
            pbft_repeat(p, to, slot);
    }
}

void pbft_on_status(struct pbft *p, node_id from, const struct message *m)
{
    const struct pbft_status *s = (const struct pbft_status *)m->payload;
    (void)from;
    if (s->height > p->committed->height)
        catch_up(p, m->origin, s);
    if (p->env->me == VALIDATOR_NONE || s->answer)
        return;
    if (s->height < p->committed->height)
        pbft_send_status(p, m->origin, true);
    if (s->validator < p->env->validators->count)
        tell(p, m->origin, s);
}
