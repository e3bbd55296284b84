/* Gasper: the fork choice of one node (fork-choice.md).
 *
 * LMD-GHOST from the justified checkpoint, over the latest message of each validator, with proposer
 * boost, the filter of branches that could not justify (filter_block_tree, get_voting_source) and
 * pulled-up tips. Blocks are kept in order of arrival, so parents stand before children and one
 * pass from the end sums subtrees, filters, and finds each block's best child: O(blocks since
 * finality) a call, for any number of validators. Left out: equivocation evidence that takes a
 * validator's weight away. */
#include "models/consensus/pos.h"
#include "sim/base/mem.h"

#include <string.h>

enum { REORG_MAX_EPOCHS = 2 }; /* REORG_MAX_EPOCHS_SINCE_FINALIZATION */

uint32_t pos_find(const struct pos *p, const struct evm_hash *root)
{
    for (uint32_t i = p->tree_count; i-- > 0;)
        if (evm_hash_eq(&p->tree[i].block->hash, root))
            return i;
    return UINT32_MAX;
}

static uint64_t epoch_of(const struct pos *p, uint64_t slot)
{
    return slot / p->cfg->slots_per_epoch;
}

/* get_committee_weight's unit: what the validators of one slot weigh. */
uint64_t pos_committee_weight(const struct pos *p)
{
    return p->env->validators->total / p->cfg->slots_per_epoch;
}

/* ---- checkpoints ---- */

static uint32_t members_of(const struct pos *p, const uint64_t *set, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->env->validators->count; i++)
        if (set[i / 64] >> (i % 64) & 1)
            out[count++] = i;
    return count;
}

/* A checkpoint that was justified, told to judges; one that was finalised, committed. */
static void hold(struct pos *p, const struct pos_checkpoint *c, const uint64_t *set, bool final)
{
    uint32_t at = pos_find(p, &c->root);
    struct block *b = at == UINT32_MAX ? NULL : p->tree[at].block;
    uint32_t *signers = b ? mem_alloc(p->env->validators->count, sizeof *signers) : NULL;
    if (!signers)
        return;
    uint32_t count = members_of(p, set, signers);
    if (!final) {
        env_certify(p->env, "justification", b, c->epoch, signers, count);
    } else {
        env_commit(p->env, b, signers, count);
        pos_prune(p, b);
    }
    mem_free(signers);
}

/* update_checkpoints. `by` holds the sets. */
static void update(struct pos *p, struct block *by, bool pulled)
{
    const struct pos_seal *seal = pos_seal_of(by);
    struct pos_state s;
    if (!seal)
        return;
    pos_state_of(by, p->cfg->slots_per_epoch, &s);
    struct pos_checkpoint justified = pulled ? s.pulled_justified : s.justified;
    struct pos_checkpoint finalized = pulled ? s.pulled_finalized : s.finalized;
    block_ref(by); /* pruning may drop it */
    if (justified.epoch > p->justified.epoch) {
        p->justified = justified;
        hold(p, &justified, pos_set_of(seal, pulled ? POS_PULLED_JUSTIFIED : POS_JUSTIFIED), false);
    }
    if (finalized.epoch > p->finalized.epoch) {
        p->finalized = finalized;
        hold(p, &finalized, pos_set_of(seal, pulled ? POS_PULLED_FINALIZED : POS_FINALIZED), true);
    }
    block_unref(by);
}

static void remember(struct block **slot, struct block *b)
{
    struct block *old = *slot;
    *slot = block_ref(b);
    block_unref(old);
}

/* update_unrealized_checkpoints */
static void remember_pulled(struct pos *p, struct block *b)
{
    const struct pos_state *s = &pos_seal_of(b)->state;
    if (s->pulled_justified.epoch >
        (p->pulled_justified ? pos_seal_of(p->pulled_justified)->state.pulled_justified.epoch : 0))
        remember(&p->pulled_justified, b);
    if (s->pulled_finalized.epoch >
        (p->pulled_finalized ? pos_seal_of(p->pulled_finalized)->state.pulled_finalized.epoch : 0))
        remember(&p->pulled_finalized, b);
}

void pos_tick(struct pos *p)
{
    uint64_t slot = pos_slot_now(p), epoch = epoch_of(p, slot);
    if (epoch > p->epoch) {
        p->epoch = epoch;
        if (p->pulled_justified)
            update(p, p->pulled_justified, true);
        if (p->pulled_finalized)
            update(p, p->pulled_finalized, true);
        pos_forget_old(p, epoch);
    }
    if (p->deferred)
        pos_apply_deferred(p, slot);
}

/* ---- the tree ---- */

static bool push(struct pos *p, struct block *b, uint32_t parent, bool timely)
{
    if (p->tree_count == p->tree_room) {
        uint32_t room = p->tree_room ? p->tree_room * 2 : 16;
        struct pos_entry *tree = mem_resize(p->tree, room, sizeof *tree);
        if (!tree)
            return false;
        p->tree = tree;
        p->tree_room = room;
    }
    struct pos_state s;
    pos_state_of(b, p->cfg->slots_per_epoch, &s);
    p->tree[p->tree_count] = (struct pos_entry){.block = block_ref(b),
                                                .parent = parent,
                                                .timely = timely,
                                                .justified = s.justified.epoch,
                                                .pulled = s.pulled_justified.epoch};
    p->tree_count++;
    return true;
}

/* The first block makes room for the tree, whose root is genesis, and for the votes. */
static bool plant(struct pos *p)
{
    if (!p->latest)
        p->latest = mem_zalloc(p->env->validators->count, sizeof *p->latest);
    return p->latest && (p->tree_count || push(p, p->env->genesis, 0, false));
}

/* on_block: what the chain up to b says holds for the store. */
static bool add(struct pos *p, struct block *b, uint32_t parent)
{
    uint64_t slot = pos_slot_now(p);
    sim_time into = env_now(p->env) - (sim_time)slot * p->cfg->block_interval;
    bool timely =
        b->round == slot && (double)into < p->cfg->attest_at * (double)p->cfg->block_interval;
    if (!push(p, b, parent, timely))
        return false;
    if (timely && p->boost_slot != slot) {
        p->boost = b;
        p->boost_slot = slot;
    }
    pos_count_block(p, b);
    block_ref(b);
    remember_pulled(p, b);
    update(p, b, false);
    if (epoch_of(p, b->round) < epoch_of(p, slot))
        update(p, b, true);
    block_unref(b);
    return true;
}

/* The seal's own claims hold by construction; slot and proposer are checked. */
static bool header_fits(const struct pos *p, const struct block *b)
{
    const struct validators *v = p->env->validators;
    const struct pos_seal *seal = pos_seal_of(b);
    return seal && seal->state.slot == b->round && b->round > b->parent->round &&
           (sim_time)b->round * p->cfg->block_interval <= env_now(p->env) &&
           v->nodes[pos_proposer(v, p->env->seed, b->round)] == b->proposer;
}

bool pos_import(struct pos *p, struct block *b)
{
    if (!plant(p) || pos_find(p, &b->hash) != UINT32_MAX)
        return false;
    /* Ancestors whose own judgement comes later are valid if b is. */
    uint32_t missing = 0, parent;
    for (struct block *a = b;
         (parent = a->parent ? pos_find(p, &a->parent->hash) : UINT32_MAX) == UINT32_MAX;
         a = a->parent, missing++)
        if (!a->parent || a->parent->height <= p->tree[0].block->height)
            return false; /* off the final chain */
    for (uint32_t left = missing + 1; left > 0; left--) {
        struct block *a = block_ancestor(b, b->height - (left - 1));
        parent = pos_find(p, &a->parent->hash);
        if (parent == UINT32_MAX || !header_fits(p, a) || !add(p, a, parent))
            return false;
    }
    return true;
}

/* Latest messages for what is gone count for nothing; their epoch still holds. */
static void renumber(struct pos *p, const uint32_t *to)
{
    for (uint32_t i = 0; i < p->env->validators->count; i++) {
        struct pos_latest *l = &p->latest[i];
        if (l->entry)
            l->entry = to[l->entry - 1];
    }
}

void pos_prune(struct pos *p, const struct block *final)
{
    uint32_t root = pos_find(p, &final->hash), kept = 0;
    uint32_t *to = root == UINT32_MAX || root == 0 ? NULL : mem_zalloc(p->tree_count, sizeof *to);
    if (!to) /* nothing to prune; or the next time */
        return;
    for (uint32_t i = 0; i < p->tree_count; i++) {
        struct pos_entry *e = &p->tree[i];
        if (i != root && (i < root || !to[e->parent])) {
            if (p->boost == e->block)
                p->boost = NULL;
            block_unref(e->block);
            continue;
        }
        uint32_t parent = i == root ? 0 : to[e->parent] - 1;
        p->tree[kept] = *e;
        p->tree[kept].parent = parent;
        to[i] = ++kept;
    }
    p->tree_count = kept;
    renumber(p, to);
    mem_free(to);
}

/* ---- get_head ---- */

/* filter_block_tree, for a block without children. */
static bool viable(const struct pos *p, const struct pos_entry *e)
{
    uint64_t now = p->epoch;
    uint64_t source = epoch_of(p, e->block->round) < now ? e->pulled : e->justified;
    return p->justified.epoch == 0 || source == p->justified.epoch || source + 2 >= now;
}

static bool heavier(const struct pos_entry *a, const struct pos_entry *b)
{
    if (a->subtree != b->subtree)
        return a->subtree > b->subtree;
    return memcmp(a->block->hash.b, b->block->hash.b, sizeof a->block->hash.b) > 0;
}

uint32_t pos_choose(struct pos *p)
{
    if (!p->tree_count)
        return UINT32_MAX;
    for (uint32_t i = 0; i < p->tree_count; i++) {
        struct pos_entry *e = &p->tree[i];
        e->subtree = e->weight;
        e->best = UINT32_MAX;
        e->viable = e->inner = false;
        if (e->block == p->boost && p->boost_slot == pos_slot_now(p))
            e->subtree += (uint64_t)((double)pos_committee_weight(p) * p->cfg->proposer_boost);
    }
    for (uint32_t i = p->tree_count; i-- > 1;) {
        struct pos_entry *e = &p->tree[i], *up = &p->tree[e->parent];
        if (!e->inner)
            e->viable = viable(p, e);
        up->inner = true;
        up->subtree += e->subtree;
        if (!e->viable)
            continue;
        up->viable = true;
        if (up->best == UINT32_MAX || heavier(e, &p->tree[up->best]))
            up->best = i;
    }
    uint32_t at = pos_find(p, &p->justified.root);
    if (at == UINT32_MAX)
        at = 0;
    while (p->tree[at].best != UINT32_MAX)
        at = p->tree[at].best;
    return at;
}

void pos_follow(struct pos *p)
{
    uint32_t at = pos_choose(p);
    struct block *b = at == UINT32_MAX ? p->head : p->tree[at].block;
    if (b == p->head)
        return;
    if (block_ancestor(b, p->head->height) != p->head)
        env_note(p->env, "reorg", b->height, b->round);
    remember(&p->head, b);
    env_adopt(p->env, b);
}

/* get_proposer_head, the conditions in its order; subtrees are those of the last pos_choose(). */
static bool late_and_weak(const struct pos *p, uint32_t at, uint64_t slot)
{
    const struct pos_entry *head = &p->tree[at], *parent = &p->tree[head->parent];
    sim_time into = env_now(p->env) - (sim_time)slot * p->cfg->block_interval;
    double unit = (double)pos_committee_weight(p);
    return !head->timely && slot % p->cfg->slots_per_epoch != 0 && head->pulled == parent->pulled &&
           p->epoch <= p->finalized.epoch + REORG_MAX_EPOCHS &&
           (double)into <= p->cfg->attest_at * (double)p->cfg->block_interval / 2 &&
           parent->block->round + 1 == head->block->round && head->block->round + 1 == slot &&
           (double)head->subtree < unit * p->cfg->reorg_head &&
           (double)parent->subtree > unit * p->cfg->reorg_parent;
}

struct block *pos_proposer_head(struct pos *p)
{
    pos_follow(p);
    uint32_t at = pos_choose(p);
    if (!p->cfg->proposer_reorg || at == UINT32_MAX || at == 0 ||
        !late_and_weak(p, at, pos_slot_now(p)))
        return p->head;
    struct block *parent = p->tree[p->tree[at].parent].block;
    env_note(p->env, "late-block-left-out", p->head->height, p->head->round);
    remember(&p->head, parent);
    env_adopt(p->env, parent);
    return parent;
}

void pos_choice_fini(struct pos *p)
{
    for (uint32_t i = 0; i < p->tree_count; i++)
        block_unref(p->tree[i].block);
    mem_free(p->tree);
    mem_free(p->latest);
    block_unref(p->pulled_justified);
    block_unref(p->pulled_finalized);
}
