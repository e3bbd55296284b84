#include "models/workload/arrivals.h"

#include <math.h>

FIELD_ENUM_DEFINE(workload_arrivals, WORKLOAD_ARRIVALS);
FIELD_DEFINE(workload_wave, WORKLOAD_WAVE_FIELDS, "A load that swings around its mean.", NULL);

static void check_crowd(const void *cfg, struct field_report *report)
{
    const struct workload_crowd *c = cfg;
    if (c->rise + c->length + c->fall == 0)
        field_complain(report, "length", "a crowd that takes no time brings nothing");
}
FIELD_DEFINE(workload_crowd, WORKLOAD_CROWD_FIELDS, "A flash crowd.", check_crowd);

/* ---- the load, in multiples of the rate, and its integral, in seconds ---- */

static const double turn = 6.283185307179586;

/* h(t) of one crowd; *integral is its integral from 0 on. */
static double crowd_at(const struct workload_crowd *c, double t, double *integral)
{
    double rise = (double)c->rise / 1e9, stay = (double)c->length / 1e9;
    double fall = (double)c->fall / 1e9, x = t - (double)c->at / 1e9;
    *integral = 0;
    if (x <= 0)
        return 0;
    if (x < rise) {
        *integral = x * x / (2 * rise);
        return x / rise;
    }
    *integral = rise / 2;
    x -= rise;
    if (x < stay) {
        *integral += x;
        return 1;
    }
    *integral += stay;
    x -= stay;
    if (x < fall) {
        *integral += x - x * x / (2 * fall);
        return 1 - x / fall;
    }
    *integral += fall / 2;
    return 0;
}

static double load_at(const struct arrivals_settings *cfg, double t, double *integral)
{
    double load = 1, sum = t;
    if (cfg->wave.amplitude > 0) {
        double period = (double)cfg->wave.period / 1e9;
        double angle = turn * (t / period + cfg->wave.phase);
        load += cfg->wave.amplitude * sin(angle);
        sum -= cfg->wave.amplitude * period / turn * cos(angle);
    }
    const struct workload_crowd *crowds = cfg->crowds.items;
    for (size_t i = 0; i < cfg->crowds.count; i++) {
        double under, height = crowd_at(&crowds[i], t, &under);
        load += (crowds[i].factor - 1) * height;
        sum += (crowds[i].factor - 1) * under;
    }
    *integral = sum;
    return load;
}

double arrivals_expected(const struct arrivals *a, sim_time from, sim_time to)
{
    double before, after;
    from = from < a->start ? a->start : from;
    to = to > a->end ? a->end : to;
    if (from >= to)
        return 0;
    load_at(&a->cfg, (double)from / 1e9, &before);
    load_at(&a->cfg, (double)to / 1e9, &after);
    return a->cfg.rate * (after - before);
}

/* ---- the process ---- */

void arrivals_init(struct arrivals *a, const struct arrivals_settings *cfg, sim_time start,
                   sim_time end, uint64_t seed, uint64_t instance)
{
    *a = (struct arrivals){.cfg = *cfg, .start = start, .end = end, .last = start};
    a->shaped = cfg->wave.amplitude > 0 || cfg->crowds.count > 0;
    if (a->shaped && start < end) {
        double at_end;
        load_at(cfg, (double)start / 1e9, &a->at_start);
        load_at(cfg, (double)end / 1e9, &at_end);
        a->whole = at_end - a->at_start;
    }
    sim_stream_init(&a->rng, seed, (uint32_t)instance, sim_purpose("workload.arrivals"));
}

/* The time at which the load's integral from the start on is `work`: Newton's method from the last
 * arrival, kept between bounds that close in by halves where the load is close to nothing. */
static sim_time time_of(const struct arrivals *a, double work)
{
    double low = (double)a->last / 1e9, high = (double)a->end / 1e9, t = low, sum;
    for (int i = 0; i < 100; i++) {
        double load = load_at(&a->cfg, t, &sum), off = sum - a->at_start - work;
        if (off < 0)
            low = t;
        else
            high = t;
        double next = load > 0 ? t - off / load : high;
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        if (fabs(next - t) < 1e-10)
            return (sim_time)(next * 1e9 + 0.5);
        t = next;
    }
    return (sim_time)(t * 1e9 + 0.5);
}

static bool next_shaped(struct arrivals *a, sim_time *out)
{
    if (a->cfg.arrivals == WORKLOAD_CONSTANT)
        a->work = (double)a->count++ / a->cfg.rate;
    else
        a->work -= log(sim_stream_positive(&a->rng)) / a->cfg.rate;
    if (a->work >= a->whole)
        return false;
    sim_time at = time_of(a, a->work);
    if (at < a->last)
        at = a->last;
    if (at >= a->end)
        return false;
    *out = a->last = at;
    return true;
}

bool arrivals_next(struct arrivals *a, sim_time *out)
{
    if (a->cfg.rate <= 0)
        return false;
    if (a->shaped)
        return next_shaped(a, out);
    double gap;
    if (a->cfg.arrivals == WORKLOAD_CONSTANT) /* from the start: roundings do not add up */
        gap = (double)a->count++ / a->cfg.rate * 1e9 - (double)(a->last - a->start);
    else
        gap = -log(sim_stream_positive(&a->rng)) / a->cfg.rate * 1e9;
    if (gap >= (double)(a->end - a->last))
        return false;
    sim_time at = a->last + (sim_time)(gap + 0.5);
    if (at >= a->end)
        return false;
    *out = a->last = at;
    return true;
}
