/* evm/core/program_stack.h - the stack while a block is translated: where each word lies.
 *
 * Places are counted in words from the block's stack pointer: -1 is the top word at the block's
 * start, 0 the first one above. A word of the stack is either somewhere in a place (its own, at
 * best) or a constant. DUP, SWAP, POP and PUSH only change this; moves are emitted when a place is
 * about to be overwritten or the block ends. */
#ifndef EVM_CORE_PROGRAM_STACK_H
#define EVM_CORE_PROGRAM_STACK_H

#include "evm/core/program_internal.h"

/* A block ends when the stack has moved that far from its start. */
#define PLACES_BOUND 900
/* Temporary places above the stack: results wait there for their own place. The vm's stacks have
 * as many words more than 1024. */
#define PLACES_SPARE  VM_STACK_SPARE
#define PLACES_MIDDLE (PLACES_BOUND + 64)
#define PLACES_TOTAL  (2 * PLACES_MIDDLE + PLACES_SPARE)

/* A place, or VALUE_CONST + index of a constant. */
typedef int32_t value;
#define VALUE_CONST 0x10000

#define PLACES_CONSTS 1024

struct places {
    int height, lowest, highest; /* now; least and most touched so far */
    int away;                    /* words of the stack that do not lie in their place */
    unsigned const_count;
    value at_[PLACES_TOTAL];      /* by height: where that word is */
    uint16_t refs_[PLACES_TOTAL]; /* by place: how many words lie there */
    struct evm_u256 consts[PLACES_CONSTS];
};

static inline value *place_value(struct places *s, int height)
{
    return &s->at_[height + PLACES_MIDDLE];
}

static inline uint16_t *place_refs(struct places *s, int place)
{
    return &s->refs_[place + PLACES_MIDDLE];
}

static inline bool value_is_const(value v)
{
    return v >= VALUE_CONST;
}

static inline const struct evm_u256 *value_const(const struct places *s, value v)
{
    return &s->consts[v - VALUE_CONST];
}

/* Forgets the block before. */
static inline void places_reset(struct places *s)
{
    int n = s->highest + PLACES_SPARE - s->lowest;
    memset(place_refs(s, s->lowest), 0, (size_t)n * sizeof s->refs_[0]);
    s->height = s->lowest = s->highest = s->away = 0;
    s->const_count = 0;
}

/* Words not looked at yet lie in their places. */
static inline void places_reach(struct places *s, int height)
{
    while (s->lowest > height) {
        s->lowest--;
        *place_value(s, s->lowest) = s->lowest;
        *place_refs(s, s->lowest) = 1;
    }
}

static inline void places_push(struct places *s, value v)
{
    int h = s->height++;
    *place_value(s, h) = v;
    s->away += v != h;
    if (!value_is_const(v))
        ++*place_refs(s, v);
    if (s->height > s->highest)
        s->highest = s->height;
}

static inline value places_peek(struct places *s, int depth)
{
    places_reach(s, s->height - depth);
    return *place_value(s, s->height - depth);
}

/* The top word leaves the stack and its place. */
static inline value places_pop(struct places *s)
{
    value v = places_peek(s, 1);
    s->height--;
    s->away -= v != s->height;
    if (!value_is_const(v))
        --*place_refs(s, v);
    return v;
}

static inline void places_swap(struct places *s, int depth)
{
    places_reach(s, s->height - depth);
    int x = s->height - 1, y = s->height - depth;
    value vx = *place_value(s, x), vy = *place_value(s, y);
    s->away += (vy != x) + (vx != y) - (vx != x) - (vy != y);
    *place_value(s, x) = vy;
    *place_value(s, y) = vx;
}

static inline value places_const(struct places *s, const struct evm_u256 *word)
{
    s->consts[s->const_count] = *word;
    return VALUE_CONST + (value)s->const_count++;
}

/* A word of the stack is now in another place. */
static inline void places_set(struct places *s, int height, value v)
{
    value *at = place_value(s, height);
    s->away += (v != height) - (*at != height);
    if (!value_is_const(*at))
        --*place_refs(s, *at);
    if (!value_is_const(v))
        ++*place_refs(s, v);
    *at = v;
}

/* A free place for what will be word `height`: its own, else one of a and b, else a spare one. As
 * long as fewer than PLACES_SPARE words are away, there is one. */
static inline int places_free(struct places *s, int height, value a, value b)
{
    int p = height;
    if (*place_refs(s, p) == 0)
        return p;
    if (!value_is_const(a) && *place_refs(s, a) == 0)
        return a;
    if (!value_is_const(b) && *place_refs(s, b) == 0)
        return b;
    while (*place_refs(s, p) != 0)
        p++;
    return p;
}

#endif
