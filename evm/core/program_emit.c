/* Instructions, and bringing words to their places. */
#include "evm/core/alloc.h"
#include "evm/core/program_make.h"

union program_word *emit(struct maker *m, unsigned op, unsigned words)
{
    if (m->used + words > m->room) {
        size_t room = m->room ? m->room * 2 : 512;
        union program_word *grown = evm_realloc(m->words, room * sizeof *grown);
        if (grown) {
            m->words = grown;
            m->room = room;
        } else {
            m->no_memory = true;
            m->used = 0;
        }
    }
    union program_word *w = m->words + m->used;
    m->used += words;
    w[0].op = m->handlers[op];
    w[1].number = 0;
    return w;
}

static void emit_const(struct maker *m, int place, const struct evm_u256 *word)
{
    union program_word *w;
    if (evm_u256_fits64(word)) {
        w = emit(m, P_CONST64, 3);
        w[2].number = word->w[0];
    } else {
        w = emit(m, P_CONST, 6);
        emit_constant(w + 2, word);
    }
    w[1].at[0] = at(place);
}

value emit_place(struct maker *m, int depth)
{
    value v = places_peek(&m->s, depth);
    if (!value_is_const(v))
        return v;
    int height = m->s.height - depth;
    int place = places_free(&m->s, height, VALUE_CONST, VALUE_CONST);
    emit_const(m, place, value_const(&m->s, v));
    places_set(&m->s, height, place);
    return place;
}

/* The word at `height`, away, to its place, which is free. */
static void bring(struct maker *m, int height)
{
    value v = *place_value(&m->s, height);
    if (value_is_const(v)) {
        emit_const(m, height, value_const(&m->s, v));
    } else {
        union program_word *w = emit(m, P_MOVE, 2);
        w[1].at[0] = at(height);
        w[1].at[1] = at(v);
    }
    places_set(&m->s, height, height);
}

/* Brings what can be brought without overwriting anything; a word brought may free the place of
 * another one. */
static void settle_free(struct maker *m)
{
    struct places *s = &m->s;
    for (bool moved = true; moved && s->away;) {
        moved = false;
        for (int h = s->height - 1; h >= s->lowest && s->away; h--)
            if (*place_value(s, h) != h && *place_refs(s, h) == 0) {
                bring(m, h);
                moved = true;
            }
    }
}

/* Exchanges what lies in two places. */
static void exchange(struct maker *m, int x, int y)
{
    struct places *s = &m->s;
    union program_word *w = emit(m, P_SWAP, 2);
    w[1].at[0] = at(x);
    w[1].at[1] = at(y);
    uint16_t refs = *place_refs(s, x);
    *place_refs(s, x) = *place_refs(s, y);
    *place_refs(s, y) = refs;
    for (int h = s->lowest; h < s->height; h++) {
        value *v = place_value(s, h);
        if (*v == x || *v == y) {
            s->away -= *v != h;
            *v = *v == x ? y : x;
            s->away += *v != h;
        }
    }
}

/* What settle_free leaves are places whose words want each other's. */
void emit_settle(struct maker *m)
{
    struct places *s = &m->s;
    settle_free(m);
    while (s->away)
        for (int h = s->lowest; h < s->height && s->away; h++) {
            value v = *place_value(s, h);
            if (v == h || value_is_const(v))
                continue;
            exchange(m, h, v);
            settle_free(m);
        }
}

bool emit_settle_around(struct maker *m, value kept, int *to, int *from)
{
    struct places *s = &m->s;
    ++*place_refs(s, kept);
    settle_free(m);
    --*place_refs(s, kept);
    *to = *from = 0;
    if (s->away == 0)
        return true;
    if (s->away > 1 || kept < s->lowest || kept >= s->height)
        return false;
    value v = *place_value(s, kept);
    if (v == kept || value_is_const(v) || *place_refs(s, kept) != 0)
        return false;
    *to = kept;
    *from = v;
    places_set(s, kept, kept);
    return true;
}
