/* Selfish mining (Eyal and Sirer, "Majority is not Enough: Bitcoin Mining is Vulnerable", FC 2014,
 * Algorithm 1): a pool keeps its blocks to itself and shows them when that takes most from others.
 *
 * With P the height of the public head and V that of the pool's own, after a block of others:
 *   V < P       the pool gives up and mines on the public head
 *   V = P       (its lead was 1) it shows its last block: a race
 *   V = P + 1   (its lead was 2) it shows all
 *   V > P + 1   it shows as many as the others have
 * and after one of its own: in a race it shows it and wins, else it keeps it. What share of the
 * others mines on the pool's block in a race (gamma in the paper) follows from the network and from
 * their tie_switch.
 *
 * The pool takes as final only what both chains have. */
#include "models/consensus/pow.h"

#include "sim/base/mem.h"

static void set_public(struct pow_selfish *s, struct block *b)
{
    struct block *old = s->public;
    s->public = block_ref(b);
    block_unref(old);
}

/* Shows what is withheld up to `height`. */
static void show(struct pow *p, uint64_t height)
{
    struct vec *held = &p->selfish->withheld;
    struct block **all = held->data;
    size_t out = 0, left = 0;
    while (out < held->len && all[out]->height <= height) {
        pow_publish(p, all[out]);
        block_unref(all[out++]);
    }
    while (out < held->len)
        all[left++] = all[out++];
    held->len = left;
}

static void forget_withheld(struct pow_selfish *s)
{
    for (size_t i = 0; i < s->withheld.len; i++)
        block_unref(*(struct block **)vec_at(&s->withheld, i));
    s->withheld.len = 0;
}

/* The highest block that is public and on the pool's chain. */
static void confirm(struct pow *p)
{
    struct block *a = p->selfish->public, *b = p->head;
    while (a && b && a != b) {
        if (a->height >= b->height)
            a = a->parent;
        else
            b = b->parent;
    }
    uint64_t top = p->selfish->public->height;
    if (!a || !b || top <= p->cfg->confirmations)
        return;
    uint64_t deep = top - p->cfg->confirmations;
    struct block *final = block_ancestor(a, a->height < deep ? a->height : deep);
    if (final && final->height > 0)
        env_commit(p->env, final, NULL, 0);
}

/* All that it has is out, and it is the best there is. */
static void lead_in_public(struct pow *p)
{
    show(p, UINT64_MAX);
    set_public(p->selfish, p->head);
    p->selfish->racing = false;
}

void pow_selfish_found(struct pow *p, struct block *b)
{
    struct pow_selfish *s = p->selfish;
    if (b->parent != p->head) { /* found while the head moved: of no use */
        pow_side_add(p, b);
        return;
    }
    if (vec_push(&s->withheld, &b) != ERR_OK) {
        pow_publish(p, b);
        return;
    }
    block_ref(b);
    pow_adopt(p, b);
    if (s->racing)
        lead_in_public(p);
    confirm(p);
}

void pow_selfish_heard(struct pow *p, struct block *b)
{
    struct pow_selfish *s = p->selfish;
    pow_side_add(p, b);
    if (b->height <= s->public->height)
        return;
    set_public(s, b);
    if (p->head->height < b->height) {
        forget_withheld(s);
        s->racing = false;
        pow_adopt(p, b);
    } else if (p->head->height == b->height) {
        show(p, UINT64_MAX);
        s->racing = p->head != b;
    } else if (p->head->height == b->height + 1) {
        lead_in_public(p);
    } else {
        show(p, b->height);
    }
    confirm(p);
}

bool pow_selfish_switch(struct pow *p, bool on)
{
    if (on && !p->selfish) {
        p->selfish = mem_zalloc(1, sizeof *p->selfish);
        if (!p->selfish)
            return false;
        vec_init(&p->selfish->withheld, sizeof(struct block *));
        p->selfish->public = block_ref(p->head);
    } else if (!on && p->selfish) {
        show(p, UINT64_MAX);
        pow_selfish_fini(p);
    }
    return true;
}

void pow_selfish_fini(struct pow *p)
{
    if (!p->selfish)
        return;
    forget_withheld(p->selfish);
    vec_fini(&p->selfish->withheld);
    block_unref(p->selfish->public);
    mem_free(p->selfish);
    p->selfish = NULL;
}
