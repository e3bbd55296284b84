/* sim/scenario/text.h - growing text, and memory freed at once. A failed allocation is remembered
 * in `failed`, so a chain of calls is checked once at its end. */
#ifndef SIM_SCENARIO_TEXT_H
#define SIM_SCENARIO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text { /* zeroed is empty; data is free()d by the owner */
    char *data; /* ends with a 0 once anything was added */
    size_t size, capacity;
    bool failed;
};
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(struct text *t, const char *data, size_t size);
void text_fini(struct text *t);

/* The text as JSON string content, with its quotes. */
void text_json(struct text *t, const char *s);

struct arena_chunk;
struct arena { /* zeroed is empty */
    struct arena_chunk *chunks;
    size_t used, room;
    bool failed;
};
/* Zeroed memory for any type, freed by arena_fini; NULL and failed when memory is out. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_copy(struct arena *a, const char *s, size_t size); /* a 0 is put after it */
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_fini(struct arena *a);

/* Number of single-letter edits (insert, drop, change, swap neighbours) from a to b; case counts as
 * half an edit, so results are doubled. Texts beyond 63 letters are 1000 apart. */
unsigned text_distance(const char *a, const char *b);

/* The closest of names, or NULL if none is close enough to be a slip of the pen. */
const char *text_nearest(const char *word, const char *const *names, size_t count);

#endif
