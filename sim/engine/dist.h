/* sim/engine/dist.h - distributions by name, sampled from a stream.
 *
 * A distribution is written constant(5ms) or lognormal(40ms, 10%) in a scenario. The parser turns
 * it into a name and parameters and calls sim_dist_make. All parameters that carry the unit of the
 * value, and the samples, are doubles in one unit of the caller's choice (ns for durations, wei
 * for tips...).
 *
 * name                      parameters                          samples
 * constant                  value                               value
 * uniform                   low, high                           [low, high)
 * normal                    mean, sd [, low [, high]]           clipped by redrawing into [low,
 * high] lognormal                 mean, sd                            mean and sd of the value
 * itself, not of its logarithm exponential               mean pareto                    scale,
 * shape                        scale * U^(-1/shape): >= scale weibull                   scale,
 * shape gamma                     mean, shape                         scale is mean / shape
 * generalised-pareto        location, scale, shape              location + scale ((U^-shape) - 1) /
 * shape empirical                 a file or a list                    sim_dist_make_empirical,
 * _read_empirical
 *
 * shape is a bare number. A parameter given in percent is relative: see sim_dist_around. */
#ifndef SIM_ENGINE_DIST_H
#define SIM_ENGINE_DIST_H

#include "sim/base/err.h"
#include "sim/engine/random.h"

#include <stdbool.h>
#include <stddef.h>

enum sim_dist_kind {
    SIM_DIST_CONSTANT,
    SIM_DIST_UNIFORM,
    SIM_DIST_NORMAL,
    SIM_DIST_LOGNORMAL,
    SIM_DIST_EXPONENTIAL,
    SIM_DIST_PARETO,
    SIM_DIST_WEIBULL,
    SIM_DIST_GAMMA,
    SIM_DIST_GENERALISED_PARETO,
    SIM_DIST_EMPIRICAL,
    SIM_DIST_KINDS
};

#define SIM_DIST_PARAMS 4

/* What a parameter is: of the value's unit, or a bare number. */
enum sim_dist_unit { SIM_DIST_UNIT_VALUE, SIM_DIST_UNIT_NUMBER };

/* One row a distribution: for the parser, the schema and the reference page. */
struct sim_dist_row {
    const char *name, *doc;
    const char *params[SIM_DIST_PARAMS]; /* names, NULL after the last */
    enum sim_dist_unit units[SIM_DIST_PARAMS];
    unsigned required; /* parameters that must be given; the rest are optional */
};

/* sim_dist_rows returns SIM_DIST_KINDS rows, indexed by kind. */
const struct sim_dist_row *sim_dist_rows(void);

struct sim_dist_param {
    double value;  /* in the caller's unit; 0.05 for 5% */
    bool relative; /* written in percent */
};

/* Zeroed is constant(0). Copies share the table of an empirical one: release one of them only. */
struct sim_dist {
    enum sim_dist_kind kind;
    unsigned count; /* parameters given */
    struct sim_dist_param param[SIM_DIST_PARAMS];
    double *table; /* empirical: values, ascending, owned */
    size_t table_len;
};

/* sim_dist_make checks the name, the number and the ranges of the parameters. ERR_INPUT with a
 * text that lists what is valid. Nothing to release except for empirical ones. */
enum err_code sim_dist_make(struct sim_dist *d, const char *name,
                            const struct sim_dist_param *params, unsigned count, struct err *err);

/* sim_dist_make_empirical copies and sorts the values; a sample is one of them, each with equal
 * chance. ERR_INPUT when len is 0 or a value is not finite; ERR_MEMORY. */
enum err_code sim_dist_make_empirical(struct sim_dist *d, const double *values, size_t len,
                                      struct err *err);

/* sim_dist_read_empirical reads numbers, one a line, '#' starts a comment, each multiplied by
 * unit. ERR_IO, ERR_INPUT (with the line number), ERR_MEMORY. */
enum err_code sim_dist_read_empirical(struct sim_dist *d, const char *path, double unit,
                                      struct err *err);

void sim_dist_fini(struct sim_dist *d);

/* sim_dist_sample draws a value. A relative parameter counts as its plain fraction. */
double sim_dist_sample(const struct sim_dist *d, struct sim_stream *s);

/* sim_dist_around draws a value spread around base (base >= 0), as jitter does: every relative
 * parameter is that fraction of base, and the sample is moved by base. So with base 100 ms,
 * lognormal(0ms, 5%) is lognormal with mean 100 ms and sd 5 ms, normal(0ms, 5%) likewise,
 * exponential(2ms) is 100 ms + Exp(2 ms), constant(0ms) is base itself. Never below 0. */
double sim_dist_around(const struct sim_dist *d, double base, struct sim_stream *s);

/* sim_dist_relative tells whether any parameter is relative, so that a caller without a base can
 * refuse it. sim_dist_mean is the expectation, infinite where there is none; limits
 * are not counted in. */
bool sim_dist_relative(const struct sim_dist *d);
double sim_dist_mean(const struct sim_dist *d);

#endif
