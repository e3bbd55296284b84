/* sim/base/nearest.h - "did you mean": the valid name closest to a misspelt one. */
#ifndef SIM_BASE_NEAREST_H
#define SIM_BASE_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b, letters compared without
 * case; names longer than 63 letters count as infinitely far (SIZE_MAX). */
size_t nearest_distance(const char *a, const char *b);

/* The closest of names[0..count), the first of equals; NULL when none is within a third of the
 * longer length, rounded up. NULL entries are passed over. */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
