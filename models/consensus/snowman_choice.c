/* Snowman: conflicts between blocks on one parent. Each is decided bit by bit of the blocks'
 * hashes, by binary Snowflake with two thresholds (arXiv 1906.08936, sections on Snowflake and on
 * more than two colours), so that a preference grows however many rivals there are. A vote for a
 * block is one for all its ancestors. */
#include "models/consensus/snowman.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <string.h>

static bool bit_of(const struct evm_hash *h, uint32_t bit)
{
    return h->b[bit / 8] >> (7 - bit % 8) & 1;
}

/* The first bit in which they differ, 256 if none. */
static uint32_t common(const struct evm_hash *a, const struct evm_hash *b)
{
    uint32_t i = 0;
    while (i < 256 && bit_of(a, i) == bit_of(b, i))
        i++;
    return i;
}

struct snow_block *snow_find(const struct snowman *s, const struct block *b)
{
    for (uint32_t i = 0; i < s->block_count; i++)
        if (s->blocks[i].block == b)
            return &s->blocks[i];
    return NULL;
}

bool snow_add(struct snowman *s, struct block *b)
{
    if (s->block_count == s->block_room) {
        uint32_t room = s->block_room ? 2 * s->block_room : 8;
        struct snow_block *blocks = mem_resize(s->blocks, room, sizeof *blocks);
        if (!blocks)
            return false;
        s->blocks = blocks;
        s->block_room = room;
    }
    s->blocks[s->block_count++] = (struct snow_block){.block = block_ref(b), .order = s->order++};
    return true;
}

/* ---- sets of rivals ---- */

/* The undecided children of a parent whose hashes agree with `like` in the first `bits` bits. */
struct rivals {
    const struct block *parent;
    struct evm_hash like;
    uint32_t bits;
};

static bool is_rival(const struct rivals *r, const struct snow_block *b)
{
    return b->block->parent == r->parent && common(&b->block->hash, &r->like) >= r->bits;
}

/* How many they are; the first that came, and the first bit in which any two of them differ. */
static uint32_t look(const struct snowman *s, const struct rivals *r, struct snow_block **first,
                     uint32_t *bit)
{
    uint32_t count = 0;
    *first = NULL;
    *bit = 256;
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct snow_block *b = &s->blocks[i];
        if (!is_rival(r, b))
            continue;
        count++;
        if (!*first || b->order < (*first)->order)
            *first = b;
    }
    for (uint32_t i = 0; *first && i < s->block_count; i++)
        if (is_rival(r, &s->blocks[i])) {
            uint32_t at = common(&s->blocks[i].block->hash, &(*first)->block->hash);
            *bit = at < *bit ? at : *bit;
        }
    return count;
}

static struct rivals side(const struct rivals *r, const struct snow_block *like, uint32_t bit,
                          bool value)
{
    struct rivals part = {r->parent, like->block->hash, bit + 1};
    uint8_t mask = (uint8_t)(1u << (7 - bit % 8));
    if (value)
        part.like.b[bit / 8] |= mask;
    else
        part.like.b[bit / 8] &= (uint8_t)~mask;
    return part;
}

/* A rival that comes late meets what the first one has gathered until then. */
static struct snow_choice *choice_of(struct snowman *s, const struct rivals *r,
                                     const struct snow_block *first, uint32_t bit)
{
    for (uint32_t i = 0; i < s->choice_count; i++) {
        struct snow_choice *c = &s->choices[i];
        if (c->parent == r->parent && c->bit == bit &&
            common(&c->prefix, &first->block->hash) >= bit)
            return c;
    }
    if (s->choice_count == s->choice_room) {
        uint32_t room = s->choice_room ? 2 * s->choice_room : 8;
        struct snow_choice *choices = mem_resize(s->choices, room, sizeof *choices);
        if (!choices)
            return NULL;
        s->choices = choices;
        s->choice_room = room;
    }
    struct snow_choice *c = &s->choices[s->choice_count++];
    *c = (struct snow_choice){.parent = r->parent,
                              .prefix = first->block->hash,
                              .bit = bit,
                              .confidence = first->confidence,
                              .value = bit_of(&first->block->hash, bit)};
    return c;
}

static uint32_t votes_of(const struct snowman *s, const struct rivals *r)
{
    uint32_t votes = 0;
    for (uint32_t i = 0; i < s->block_count; i++)
        if (is_rival(r, &s->blocks[i]))
            votes += s->blocks[i].votes;
    return votes;
}

/* ---- a poll ---- */

static void count_alone(const struct snowman *s, struct snow_block *b)
{
    if (b->confidence >= s->cfg->beta)
        return;
    b->confidence = b->votes >= s->cfg->alpha_confidence ? b->confidence + 1 : 0;
}

static void count_choice(const struct snowman *s, struct snow_choice *c, const uint32_t votes[2])
{
    if (c->confidence >= s->cfg->beta)
        return;
    bool most = votes[1] > votes[0];
    if (votes[most] < s->cfg->alpha_preference) {
        c->confidence = 0;
        return;
    }
    if (most != c->value) {
        c->value = most;
        c->confidence = 0;
    }
    c->confidence = votes[most] >= s->cfg->alpha_confidence ? c->confidence + 1 : 0;
}

static void count_rivals(struct snowman *s, const struct rivals *r)
{
    struct snow_block *first;
    uint32_t bit, count = look(s, r, &first, &bit);
    if (count == 1)
        count_alone(s, first);
    if (count < 2)
        return;
    struct rivals zero = side(r, first, bit, false), one = side(r, first, bit, true);
    struct snow_choice *c = choice_of(s, r, first, bit);
    uint32_t votes[2] = {votes_of(s, &zero), votes_of(s, &one)};
    if (!c)
        return;
    count_choice(s, c, votes);
    count_rivals(s, &zero);
    count_rivals(s, &one);
}

struct snow_block *snow_counts_for(const struct snowman *s, struct block *b)
{
    for (; b && b->height > s->accepted->height; b = b->parent) {
        struct snow_block *found = snow_find(s, b);
        if (found)
            return found;
    }
    return NULL;
}

void snow_count(struct snowman *s, const struct snow_vote *votes, uint32_t count)
{
    for (uint32_t i = 0; i < s->block_count; i++)
        s->blocks[i].votes = 0;
    for (uint32_t i = 0; i < count; i++)
        for (struct snow_block *b = snow_counts_for(s, votes[i].block); b;
             b = snow_find(s, b->block->parent))
            b->votes += votes[i].count;
    /* Each parent once: with the first of its children in the list. */
    for (uint32_t i = 0; i < s->block_count; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < i; j++)
            seen |= s->blocks[j].block->parent == s->blocks[i].block->parent;
        struct rivals all = {s->blocks[i].block->parent, s->blocks[i].block->hash, 0};
        if (!seen)
            count_rivals(s, &all);
    }
}

/* ---- what follows ---- */

static void remove_at(struct snowman *s, uint32_t i)
{
    block_unref(s->blocks[i].block);
    memmove(&s->blocks[i], &s->blocks[i + 1], (s->block_count - i - 1) * sizeof *s->blocks);
    s->block_count--;
}

static bool stands_on(struct block *b, const struct block *base)
{
    return block_ancestor(b, base->height) == base;
}

/* Everything that stands on b, b too. */
static void reject(struct snowman *s, struct block *b)
{
    block_ref(b);
    for (uint32_t i = s->block_count; i-- > 0;)
        if (stands_on(s->blocks[i].block, b))
            remove_at(s, i);
    block_unref(b);
}

/* Of the rivals, those on the losing side of a decided choice. */
static bool throw_out(struct snowman *s, const struct rivals *r)
{
    bool any = false;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < s->block_count && !more; i++)
            if (is_rival(r, &s->blocks[i])) {
                reject(s, s->blocks[i].block);
                more = any = true;
            }
    }
    return any;
}

struct block *snow_decided(struct snowman *s)
{
    struct rivals r = {s->accepted, {{0}}, 0};
    for (;;) {
        struct snow_block *first;
        uint32_t bit, count = look(s, &r, &first, &bit);
        if (count == 1)
            return first->confidence >= s->cfg->beta ? first->block : NULL;
        struct snow_choice *c = count ? choice_of(s, &r, first, bit) : NULL;
        if (!c || c->confidence < s->cfg->beta)
            return NULL;
        struct rivals lost = side(&r, first, bit, !c->value);
        r = side(&r, first, bit, c->value);
        throw_out(s, &lost);
    }
}

void snow_accept(struct snowman *s, struct block *b)
{
    for (uint32_t i = s->block_count; i-- > 0;)
        if (s->blocks[i].block == b || !stands_on(s->blocks[i].block, b))
            remove_at(s, i);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->choice_count; i++) {
        bool alive = false;
        for (uint32_t j = 0; j < s->block_count; j++)
            alive |= s->blocks[j].block->parent == s->choices[i].parent;
        if (alive)
            s->choices[kept++] = s->choices[i];
    }
    s->choice_count = kept;
    block_hold(&s->accepted, b);
}

static struct snow_block *preferred_of(const struct snowman *s, struct rivals r)
{
    for (;;) {
        struct snow_block *first;
        uint32_t bit, count = look(s, &r, &first, &bit);
        if (count < 2)
            return first;
        bool value = bit_of(&first->block->hash, bit);
        for (uint32_t i = 0; i < s->choice_count; i++) {
            const struct snow_choice *c = &s->choices[i];
            if (c->parent == r.parent && c->bit == bit &&
                common(&c->prefix, &first->block->hash) >= bit)
                value = c->value;
        }
        struct rivals next = side(&r, first, bit, value);
        struct snow_block *any;
        if (!look(s, &next, &any, &bit)) /* it was thrown out, or never came */
            next = side(&r, first, bit, !value);
        r = next;
    }
}

struct block *snow_preferred(const struct snowman *s)
{
    struct block *tip = s->accepted;
    for (;;) {
        struct rivals r = {tip, {{0}}, 0};
        struct snow_block *next = preferred_of(s, r);
        if (!next)
            return tip;
        tip = next->block;
    }
}

void snow_choice_fini(struct snowman *s)
{
    for (uint32_t i = 0; i < s->block_count; i++)
        block_unref(s->blocks[i].block);
    mem_free(s->blocks);
    mem_free(s->choices);
}
