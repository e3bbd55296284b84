#include "sim/base/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LETTERS 63

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int letter(const char *s, size_t i)
{
    return tolower((unsigned char)s[i]);
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > NAME_MAX_LETTERS || nb > NAME_MAX_LETTERS)
        return SIZE_MAX;
    /* Three rows of the edit table are enough: a swap looks two rows back. */
    size_t rows[3][NAME_MAX_LETTERS + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t replace = last[j - 1] + (letter(a, i - 1) != letter(b, j - 1));
            size_t best = min2(replace, min2(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && letter(a, i - 1) == letter(b, j - 2) &&
                letter(a, i - 2) == letter(b, j - 1))
                best = min2(best, before[j - 2] + 1);
            now[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!names[i])
            continue;
        size_t d = nearest_distance(word, names[i]);
        size_t longer = strlen(word) > strlen(names[i]) ? strlen(word) : strlen(names[i]);
        if (d <= (longer + 2) / 3 && d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
