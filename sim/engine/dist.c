#include "sim/engine/dist.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"
#include "sim/engine/random_gsl.h"

#include <errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V SIM_DIST_UNIT_VALUE
#define N SIM_DIST_UNIT_NUMBER
// clang-format off
static const struct sim_dist_row rows[SIM_DIST_KINDS] = {
    [SIM_DIST_CONSTANT]    = {"constant", "always the value", {"value"}, {V}, 1},
    [SIM_DIST_UNIFORM]     = {"uniform", "every value from low to high alike", {"low", "high"}, {V, V}, 2},
    [SIM_DIST_NORMAL]      = {"normal", "mean and standard deviation; drawn again outside low and high",
                              {"mean", "sd", "low", "high"}, {V, V, V, V}, 2},
    [SIM_DIST_LOGNORMAL]   = {"lognormal", "mean and standard deviation of the value itself", {"mean", "sd"}, {V, V}, 2},
    [SIM_DIST_EXPONENTIAL] = {"exponential", "by its mean", {"mean"}, {V}, 1},
    [SIM_DIST_PARETO]      = {"pareto", "scale is the least value", {"scale", "shape"}, {V, N}, 2},
    [SIM_DIST_WEIBULL]     = {"weibull", "by scale and shape", {"scale", "shape"}, {V, N}, 2},
    [SIM_DIST_GAMMA]       = {"gamma", "by mean and shape; the scale is mean / shape", {"mean", "shape"}, {V, N}, 2},
    [SIM_DIST_GENERALISED_PARETO] = {"generalised-pareto", "excess over the location", {"location", "scale", "shape"},
                              {V, V, N}, 3},
    [SIM_DIST_EMPIRICAL]   = {"empirical", "one of the listed values, each as likely", {NULL}, {V}, 0},
};
// clang-format on
#undef V
#undef N

const struct sim_dist_row *sim_dist_rows(void)
{
    return rows;
}

static unsigned params_max(const struct sim_dist_row *row)
{
    unsigned n = 0;
    while (n < SIM_DIST_PARAMS && row->params[n])
        n++;
    return n;
}

/* "constant, uniform, ..." */
static void list_names(char *text, size_t size)
{
    size_t at = 0;
    for (int k = 0; k < SIM_DIST_KINDS && at < size; k++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", k ? ", " : "", rows[k].name);
}

static enum err_code check_ranges(const struct sim_dist *d, struct err *err)
{
    const struct sim_dist_row *row = &rows[d->kind];
    for (unsigned i = 0; i < d->count; i++) {
        double v = d->param[i].value;
        if (!isfinite(v))
            return err_set(err, ERR_INPUT, "%s: %s is not a number", row->name, row->params[i]);
        if (row->units[i] == SIM_DIST_UNIT_NUMBER && d->param[i].relative)
            return err_set(err, ERR_INPUT, "%s: %s is a bare number, not a percentage", row->name,
                           row->params[i]);
        bool positive = !strcmp(row->params[i], "shape") || !strcmp(row->params[i], "scale");
        bool at_least_0 = !strcmp(row->params[i], "sd") || d->kind == SIM_DIST_EXPONENTIAL ||
                          d->kind == SIM_DIST_LOGNORMAL || d->kind == SIM_DIST_GAMMA;
        /* A generalised Pareto distribution has a meaning for every shape. */
        if (d->kind == SIM_DIST_GENERALISED_PARETO && i == 2)
            positive = false;
        if (positive && !(v > 0))
            return err_set(err, ERR_INPUT, "%s: %s must be above 0, is %g", row->name,
                           row->params[i], v);
        if (at_least_0 && v < 0)
            return err_set(err, ERR_INPUT, "%s: %s must not be negative, is %g", row->name,
                           row->params[i], v);
    }
    const struct sim_dist_param *p = d->param;
    if (d->kind == SIM_DIST_UNIFORM && p[0].value > p[1].value)
        return err_set(err, ERR_INPUT, "uniform: low %g is above high %g", p[0].value, p[1].value);
    if (d->kind == SIM_DIST_NORMAL && d->count == 4 && !(p[2].value < p[3].value))
        return err_set(err, ERR_INPUT, "normal: low %g is not below high %g", p[2].value,
                       p[3].value);
    return ERR_OK;
}

enum err_code sim_dist_make(struct sim_dist *d, const char *name,
                            const struct sim_dist_param *params, unsigned count, struct err *err)
{
    *d = (struct sim_dist){0};
    int kind = 0;
    while (kind < SIM_DIST_KINDS && strcmp(name, rows[kind].name) != 0)
        kind++;
    if (kind == SIM_DIST_KINDS) {
        char names[256];
        list_names(names, sizeof names);
        return err_set(err, ERR_INPUT, "no distribution is called '%s'; valid: %s", name, names);
    }
    if (kind == SIM_DIST_EMPIRICAL)
        return err_set(err, ERR_INPUT, "empirical needs a file or a list of values");
    const struct sim_dist_row *row = &rows[kind];
    unsigned max = params_max(row);
    if (count < row->required || count > max)
        return err_set(err, ERR_INPUT, "%s takes %u%s%.0u parameters, %u given", name,
                       row->required, max > row->required ? " to " : "",
                       max > row->required ? max : 0, count);
    struct sim_dist made = {.kind = (enum sim_dist_kind)kind, .count = count};
    memcpy(made.param, params, count * sizeof *params);
    enum err_code code = check_ranges(&made, err);
    if (code == ERR_OK)
        *d = made;
    return code;
}

static int compare_doubles(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

enum err_code sim_dist_make_empirical(struct sim_dist *d, const double *values, size_t len,
                                      struct err *err)
{
    *d = (struct sim_dist){0};
    if (len == 0)
        return err_set(err, ERR_INPUT, "empirical: no values");
    for (size_t i = 0; i < len; i++)
        if (!isfinite(values[i]))
            return err_set(err, ERR_INPUT, "empirical: value %zu is not a number", i + 1);
    double *table = mem_alloc(len, sizeof *table);
    if (!table)
        return err_set(err, ERR_MEMORY, "empirical: no memory for %zu values", len);
    memcpy(table, values, len * sizeof *table);
    qsort(table, len, sizeof *table, compare_doubles);
    *d = (struct sim_dist){.kind = SIM_DIST_EMPIRICAL, .table = table, .table_len = len};
    return ERR_OK;
}

/* Appends the numbers of a file to a growing array. */
static enum err_code read_values(FILE *f, const char *path, double unit, double **values,
                                 size_t *len, struct err *err)
{
    char line[256];
    size_t cap = 0;
    for (unsigned long number = 1; fgets(line, sizeof line, f); number++) {
        if (!strchr(line, '\n') && !feof(f))
            return err_set(err, ERR_INPUT, "%s:%lu: line too long for a number", path, number);
        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
            continue;
        char *end;
        double value = strtod(line, &end);
        if (end == line || end[strspn(end, " \t")] != '\0' || !isfinite(value * unit))
            return err_set(err, ERR_INPUT, "%s:%lu: not a number: %.40s", path, number, line);
        if (*len == cap) {
            cap = cap + cap / 2 + 64;
            double *bigger = mem_resize(*values, cap, sizeof *bigger);
            if (!bigger)
                return err_set(err, ERR_MEMORY, "%s: no memory for %zu values", path, cap);
            *values = bigger;
        }
        (*values)[(*len)++] = value * unit;
    }
    if (ferror(f))
        return err_set(err, ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    return ERR_OK;
}

enum err_code sim_dist_read_empirical(struct sim_dist *d, const char *path, double unit,
                                      struct err *err)
{
    *d = (struct sim_dist){0};
    FILE *f = fopen(path, "r");
    if (!f)
        return err_set(err, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    double *values = NULL;
    size_t len = 0;
    enum err_code code = read_values(f, path, unit, &values, &len, err);
    if (code == ERR_OK && len == 0)
        code = err_set(err, ERR_INPUT, "%s: no values", path);
    if (code == ERR_OK)
        code = sim_dist_make_empirical(d, values, len, err);
    mem_free(values);
    fclose(f);
    return code;
}

void sim_dist_fini(struct sim_dist *d)
{
    if (d)
        mem_free(d->table);
    if (d)
        *d = (struct sim_dist){0};
}

static double sample_normal(const struct sim_dist *d, const double *p, gsl_rng *r)
{
    double x = p[0];
    /* Redraw within the limits; a window far out in a tail ends at its nearer edge. */
    for (int attempt = 0; attempt < 1000; attempt++) {
        x = p[0] + gsl_ran_gaussian_ziggurat(r, p[1]);
        if ((d->count < 3 || x >= p[2]) && (d->count < 4 || x <= p[3]))
            return x;
    }
    return d->count > 2 && x < p[2] ? p[2] : p[3];
}

/* From mean and standard deviation of the value to those of its logarithm. */
static double sample_lognormal(double mean, double sd, gsl_rng *r)
{
    if (mean <= 0)
        return 0;
    double variance = log1p((sd / mean) * (sd / mean));
    return mean * exp(gsl_ran_gaussian_ziggurat(r, sqrt(variance)) - variance / 2);
}

static double sample(const struct sim_dist *d, const double *p, struct sim_stream *s)
{
    gsl_rng r = sim_stream_gsl(s);
    switch (d->kind) {
    case SIM_DIST_CONSTANT: return p[0];
    case SIM_DIST_UNIFORM: return p[0] + (p[1] - p[0]) * sim_stream_double(s);
    case SIM_DIST_NORMAL: return sample_normal(d, p, &r);
    case SIM_DIST_LOGNORMAL: return sample_lognormal(p[0], p[1], &r);
    case SIM_DIST_EXPONENTIAL: return -p[0] * log(sim_stream_positive(s));
    case SIM_DIST_PARETO: return gsl_ran_pareto(&r, p[1], p[0]);
    case SIM_DIST_WEIBULL: return gsl_ran_weibull(&r, p[0], p[1]);
    case SIM_DIST_GAMMA: return gsl_ran_gamma(&r, p[1], p[0] / p[1]);
    case SIM_DIST_GENERALISED_PARETO: {
        double u = sim_stream_positive(s);
        /* The limit of shape 0 is the exponential distribution. */
        double excess = fabs(p[2]) < 1e-12 ? -log(u) : expm1(-p[2] * log(u)) / p[2];
        return p[0] + p[1] * excess;
    }
    case SIM_DIST_EMPIRICAL: return d->table[sim_stream_below(s, d->table_len)];
    case SIM_DIST_KINDS: break;
    }
    check_failed(__FILE__, __LINE__, "distribution kind %d", (int)d->kind);
}

double sim_dist_sample(const struct sim_dist *d, struct sim_stream *s)
{
    double p[SIM_DIST_PARAMS];
    for (unsigned i = 0; i < SIM_DIST_PARAMS; i++)
        p[i] = d->param[i].value;
    return sample(d, p, s);
}

double sim_dist_around(const struct sim_dist *d, double base, struct sim_stream *s)
{
    double p[SIM_DIST_PARAMS];
    for (unsigned i = 0; i < SIM_DIST_PARAMS; i++)
        p[i] = d->param[i].relative ? d->param[i].value * base : d->param[i].value;
    double x;
    if (d->kind == SIM_DIST_LOGNORMAL) {
        p[0] += base; /* skewed, so it is the mean that moves, not the origin */
        x = sample(d, p, s);
    } else {
        x = base + sample(d, p, s);
    }
    return x < 0 ? 0 : x;
}

bool sim_dist_relative(const struct sim_dist *d)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->param[i].relative)
            return true;
    return false;
}

double sim_dist_mean(const struct sim_dist *d)
{
    double a = d->param[0].value, b = d->param[1].value, c = d->param[2].value, sum = 0;
    switch (d->kind) {
    case SIM_DIST_CONSTANT:
    case SIM_DIST_NORMAL:
    case SIM_DIST_LOGNORMAL:
    case SIM_DIST_EXPONENTIAL:
    case SIM_DIST_GAMMA: return a;
    case SIM_DIST_UNIFORM: return (a + b) / 2;
    case SIM_DIST_PARETO: return b > 1 ? a * b / (b - 1) : (double)INFINITY;
    case SIM_DIST_WEIBULL: return a * tgamma(1 + 1 / b);
    case SIM_DIST_GENERALISED_PARETO: return c < 1 ? a + b / (1 - c) : (double)INFINITY;
    case SIM_DIST_EMPIRICAL:
        for (size_t i = 0; i < d->table_len; i++)
            sum += d->table[i];
        return sum / (double)d->table_len;
    case SIM_DIST_KINDS: break;
    }
    check_failed(__FILE__, __LINE__, "distribution kind %d", (int)d->kind);
}
