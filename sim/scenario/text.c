#include "sim/scenario/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_room(struct text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->capacity - t->size > more)
        return true;
    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity - t->size <= more)
        capacity *= 2;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_bytes(struct text *t, const char *data, size_t size)
{
    if (!text_room(t, size))
        return;
    memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = 0;
}

void text_add(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size >= 0 && text_room(t, (size_t)size)) {
        vsnprintf(t->data + t->size, (size_t)size + 1, format, again);
        t->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

void text_fini(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

void text_json(struct text *t, const char *s)
{
    text_bytes(t, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_add(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            text_add(t, "\\u%04x", c);
        else
            text_bytes(t, s, 1);
    }
    text_bytes(t, "\"", 1);
}

struct arena_chunk {
    struct arena_chunk *next;
    max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (need < size) {
        a->failed = true;
        return NULL;
    }
    if (!a->chunks || a->room - a->used < need) {
        size_t room = need > 16384 ? need : 16384;
        struct arena_chunk *c = calloc(1, sizeof *c + room);
        if (!c) {
            a->failed = true;
            return NULL;
        }
        c->next = a->chunks;
        a->chunks = c;
        a->room = room;
        a->used = 0;
    }
    void *p = (char *)a->chunks->data + a->used;
    a->used += need;
    return p;
}

char *arena_copy(struct arena *a, const char *s, size_t size)
{
    char *p = arena_alloc(a, size + 1);
    if (p && size)
        memcpy(p, s, size);
    return p;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *p = size < 0 ? NULL : arena_alloc(a, (size_t)size + 1);
    if (p)
        vsnprintf(p, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}

void arena_fini(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks; c;) {
        struct arena_chunk *next = c->next;
        free(c);
        c = next;
    }
    *a = (struct arena){0};
}

enum { LONGEST = 63 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned change_cost(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? 1 : 2;
}

/* Optimal string alignment: three rows of the usual table are enough for swapped neighbours. */
unsigned text_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned rows[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return 1000;
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = 2 * j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = 2 * i;
        for (unsigned j = 1; j <= m; j++) {
            row[j] = least(up[j - 1] + change_cost(a[i - 1], b[j - 1]),
                           least(up[j], row[j - 1]) + 2);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], up2[j - 2] + 2);
        }
    }
    return rows[n % 3][m];
}

const char *text_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned d = text_distance(word, names[i]);
        if (!best || d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    /* One edit for every three letters; the doubled scale makes that 2 * (length / 3). */
    if (!best || best_distance > 2 * (1 + strlen(word) / 4) ||
        best_distance >= 2 * strlen(best))
        return NULL;
    return best;
}
