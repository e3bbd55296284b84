#include "models/world/figures.h"

#include <math.h>
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
