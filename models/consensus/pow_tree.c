/* The blocks beside a node's chain: what GHOST weighs and what uncles are chosen from.
 *
 * GHOST (Sompolinsky and Zohar, "Secure High-Rate Transaction Processing in Bitcoin", FC 2015,
 * section 3): from the start on, to the child whose subtree has the most work. When a block comes
 * only the subtrees that hold it gain, so the walk can leave the head's chain at one place alone:
 * where the block's branch parts from it. From there it goes on among the blocks beside the chain.
 * A node counts the blocks that it has itself, none older than KEEP heights (or twice the
 * confirmations) beside its head.
 *
 * Uncles as in Ethereum (Yellow Paper, 11.1): at most two a block, their parent an ancestor of the
 * block, up to six heights below it, each named once in a chain. They earn nothing here, and add
 * nothing to the work of a chain, as in Ethereum; /blocks counts them. */
#include "models/consensus/pow.h"

#include "sim/base/mem.h"

enum { KEEP = 64, GENERATIONS = 6 };

static struct block **side_of(const struct pow *p, size_t *count)
{
    *count = p->side ? p->side->len : 0;
    return p->side ? p->side->data : NULL;
}

static bool wanted(const struct pow *p)
{
    return p->cfg->fork_choice == POW_GHOST || p->cfg->uncles > 0;
}

bool pow_on_chain(const struct pow *p, struct block *b)
{
    return b == p->head || (b->height < p->head->height && block_ancestor(p->head, b->height) == b);
}

/* ---- what is kept ---- */

static bool kept(const struct pow *p, const struct block *b)
{
    size_t count;
    struct block **all = side_of(p, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i] == b)
            return true;
    return false;
}

void pow_side_add(struct pow *p, struct block *b)
{
    if (!wanted(p) || kept(p, b) || pow_on_chain(p, b))
        return;
    if (!p->side) {
        p->side = mem_alloc(1, sizeof *p->side);
        if (!p->side)
            return;
        vec_init(p->side, sizeof(struct block *));
    }
    if (vec_push(p->side, &b) == ERR_OK)
        block_ref(b);
}

static uint64_t keep_of(const struct pow *p)
{
    return 2 * p->cfg->confirmations > KEEP ? 2 * p->cfg->confirmations : KEEP;
}

/* Forgets what is on the chain now, or too old. */
static void weed(struct pow *p)
{
    size_t count, left = 0;
    struct block **all = side_of(p, &count);
    for (size_t i = 0; i < count; i++) {
        struct block *b = all[i];
        if (b->height + keep_of(p) < p->head->height || pow_on_chain(p, b))
            block_unref(b);
        else
            all[left++] = b;
    }
    if (p->side)
        p->side->len = left;
}

void pow_side_moved(struct pow *p, struct block *old)
{
    size_t count;
    struct block **all = side_of(p, &count);
    if (!wanted(p))
        return;
    if (p->head->parent != old) {
        for (struct block *b = old; b && !pow_on_chain(p, b); b = b->parent)
            pow_side_add(p, b);
        weed(p);
    } else if (count && all[0]->height + keep_of(p) < p->head->height) {
        weed(p);
    }
}

void pow_side_fini(struct pow *p)
{
    size_t count;
    struct block **all = side_of(p, &count);
    for (size_t i = 0; i < count; i++)
        block_unref(all[i]);
    if (p->side)
        vec_fini(p->side);
    mem_free(p->side);
    p->side = NULL;
}

/* ---- the fork choice ---- */

static uint64_t work_of(const struct block *b)
{
    return b->height ? b->difficulty : POW_INITIAL;
}

/* Work of the blocks beside the chain that are `root` or stand on it. */
static uint64_t side_work(const struct pow *p, const struct block *root)
{
    uint64_t sum = 0;
    size_t count;
    struct block **all = side_of(p, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i]->height >= root->height && block_ancestor(all[i], root->height) == root)
            sum += work_of(all[i]);
    return sum;
}

/* Down the heaviest children, the first seen of equal ones. */
static struct block *descend(const struct pow *p, struct block *at)
{
    size_t count;
    struct block **all = side_of(p, &count);
    for (;;) {
        struct block *best = NULL;
        uint64_t most = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t work = all[i]->parent == at ? side_work(p, all[i]) : 0;
            if (work > most) {
                most = work;
                best = all[i];
            }
        }
        if (!best)
            return at;
        at = best;
    }
}

static bool gives_way(struct pow *p, uint64_t theirs, uint64_t ours)
{
    if (theirs != ours)
        return theirs > ours;
    return p->cfg->tie_switch > 0 && sim_stream_double(env_random(p->env)) < p->cfg->tie_switch;
}

/* The children of the last common block on either way; NULL where b's branch is cut off. */
static struct block *part(struct block *head, struct block *b, struct block **of_head)
{
    struct block *of_b = NULL;
    *of_head = NULL;
    while (b && head && b != head) {
        if (b->height >= head->height) {
            of_b = b;
            b = b->parent;
        } else {
            *of_head = head;
            head = head->parent;
        }
    }
    return b && head ? of_b : NULL;
}

static struct block *ghost(struct pow *p, struct block *b)
{
    struct block *ours, *theirs = part(p->head, b, &ours);
    if (!theirs || !ours)
        return theirs ? b : p->head;
    /* Of the head's branch: its chain, and what stands beside it. */
    uint64_t work = p->head->total_difficulty - ours->total_difficulty + work_of(ours);
    work += side_work(p, ours);
    return gives_way(p, side_work(p, theirs), work) ? descend(p, theirs) : p->head;
}

struct block *pow_choose(struct pow *p, struct block *b)
{
    if (b->parent == p->head)
        return b;
    if (p->cfg->fork_choice == POW_GHOST)
        return pow_on_chain(p, b) ? p->head : ghost(p, b);
    return gives_way(p, b->total_difficulty, p->head->total_difficulty) ? b : p->head;
}

/* ---- uncles ---- */

/* Whether a block over `parent` may name u. */
static bool may_name(struct block *parent, struct block *u)
{
    if (u->height > parent->height || u->height == 0 || !u->parent ||
        u->height + GENERATIONS <= parent->height)
        return false;
    struct block *at = parent;
    for (; at && at->height >= u->height; at = at->parent) {
        if (at == u)
            return false;
        for (uint32_t i = 0; i < at->uncle_count; i++)
            if (at->uncles[i] == u)
                return false;
    }
    return at == u->parent;
}

uint32_t pow_uncles(const struct pow *p, struct block **out)
{
    size_t count;
    uint32_t found = 0, most = (uint32_t)p->cfg->uncles;
    struct block **all = side_of(p, &count);
    for (uint64_t back = GENERATIONS; back > 0 && found < most; back--)
        for (size_t i = 0; i < count && found < most; i++)
            if (all[i]->height + back == p->head->height + 1 && may_name(p->head, all[i]))
                out[found++] = all[i];
    return found;
}

bool pow_uncles_fit(const struct pow *p, struct block *b)
{
    if (b->uncle_count > p->cfg->uncles)
        return false;
    for (uint32_t i = 0; i < b->uncle_count; i++)
        if (!may_name(b->parent, b->uncles[i]))
            return false;
    return b->uncle_count < 2 || b->uncles[0] != b->uncles[1];
}
