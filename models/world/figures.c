#include "models/world/figures.h"

#include "sim/base/nearest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIGURE(name, unit, value, doc) {#name, unit, doc},
static const struct figure figures[] = {
#include "models/world/figures.def"
};
#undef FIGURE

enum { FIGURES = sizeof figures / sizeof figures[0] };

const struct figure *figure_at(size_t i)
{
    return i < FIGURES ? &figures[i] : NULL;
}

size_t figure_find(const char *name)
{
    for (size_t i = 0; i < FIGURES; i++)
        if (strcmp(figures[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

/* The nearest of those whose names begin with its first `family` characters, the dot among them, or
 * all of them. False: none does. */
static bool hint_family(const char *name, size_t family, char *out, size_t size)
{
    const char *ends[FIGURES] = {NULL};
    size_t found = 0, used = 0;
    for (size_t i = 0; i < FIGURES; i++)
        if (strncmp(figures[i].name, name, family) == 0)
            ends[i] = figures[i].name + family;
    const char *near = nearest_name(name + family, ends, FIGURES);
    if (near) {
        snprintf(out, size, "; did you mean %.*s%s?", (int)family, name, near);
        return true;
    }
    for (size_t i = 0; i < FIGURES && used < size; i++)
        if (ends[i])
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     found++ ? ", " : "; valid: ", figures[i].name);
    return found > 0;
}

void figure_hint(const char *name, char *out, size_t size)
{
    const char *names[FIGURES], *dot = strchr(name, '.');
    if (dot && hint_family(name, (size_t)(dot - name) + 1, out, size))
        return;
    for (size_t i = 0; i < FIGURES; i++)
        names[i] = figures[i].name;
    const char *near = nearest_name(name, names, FIGURES);
    if (near)
        snprintf(out, size, "; did you mean %s?", near);
    else
        snprintf(out, size, "; weft run --json has them all");
}

double figure_value(size_t i, const struct world_summary *s)
{
    const double values[FIGURES] = {
#define FIGURE(name, unit, value, doc) value,
#include "models/world/figures.def"
#undef FIGURE
    };
    return i < FIGURES ? values[i] : NAN;
}

enum figure_verdict figure_judge(const struct world_figure *e, double value, double *deviation)
{
    double off = e->target != 0 ? (value - e->target) / fabs(e->target) : value;
    bool holds = e->bound == WORLD_BOUND_LEAST  ? value >= e->target
                 : e->bound == WORLD_BOUND_MOST ? value <= e->target
                                                : fabs(off) <= e->within;
    *deviation = off;
    if (holds) /* never of a NAN */
        return FIGURE_HOLDS;
    return e->because[0] && isfinite(value) ? FIGURE_EXPLAINED : FIGURE_OFF;
}
