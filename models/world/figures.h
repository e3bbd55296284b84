/* models/world/figures.h - a run's figures by name, a row each (figures.def), and what a scenario
 * expects of them (expect.figures). */
#ifndef MODELS_WORLD_FIGURES_H
#define MODELS_WORLD_FIGURES_H

#include "models/world/world.h"

struct figure {
    const char *name, *unit, *doc; /* unit "" for counts and shares */
};
/* Row i, NULL past the end. */
const struct figure *figure_at(size_t i);
/* Its place, or SIZE_MAX. */
size_t figure_find(const char *name);
/* What to say behind "no figure is called NAME": the nearest, those of its family, or where all
 * are.
 */
void figure_hint(const char *name, char *out, size_t size);
/* Of a run; NAN where the run cannot tell. */
double figure_value(size_t i, const struct world_summary *s);

enum figure_verdict {
    FIGURE_HOLDS,
    FIGURE_EXPLAINED, /* off, and the scenario says why */
    FIGURE_OFF,
};
/* How far `value` is from what *e wants, in shares of it (0 within a bound), and what follows. */
enum figure_verdict figure_judge(const struct world_figure *e, double value, double *deviation);

#endif
