#include "models/routing/holt_winters.h"
#include "sim/base/mem.h"

enum { LINE = 4 }; /* values that the first line goes through */

static uint32_t warm_up(const struct holt_winters *h)
{
    return h->season > 1 ? 2 * h->season : LINE;
}

enum err_code holt_winters_init(struct holt_winters *h, const struct holt_winters_rules *rules,
                                uint32_t season)
{
    *h = (struct holt_winters){.rules = *rules, .season = season > 1 ? season : 0};
    h->seasonal = mem_zalloc(h->season, sizeof *h->seasonal);
    h->first = mem_alloc(warm_up(h), sizeof *h->first);
    if (h->seasonal && h->first)
        return ERR_OK;
    holt_winters_fini(h);
    return ERR_MEMORY;
}

void holt_winters_fini(struct holt_winters *h)
{
    mem_free(h->seasonal);
    mem_free(h->first);
    *h = (struct holt_winters){0};
}

bool holt_winters_warm(const struct holt_winters *h)
{
    return h->seen >= warm_up(h);
}

static void start_line(struct holt_winters *h)
{
    double mean = 0, slope = 0, squares = 0, middle = (LINE - 1) / 2.0;
    for (int i = 0; i < LINE; i++)
        mean += h->first[i] / LINE;
    for (int i = 0; i < LINE; i++) {
        slope += (i - middle) * (h->first[i] - mean);
        squares += (i - middle) * (i - middle);
    }
    h->trend = slope / squares;
    h->level = mean + h->trend * middle;
}

static void start_season(struct holt_winters *h)
{
    uint32_t m = h->season;
    double one = 0, two = 0, middle = (m - 1) / 2.0;
    for (uint32_t i = 0; i < m; i++) {
        one += h->first[i] / m;
        two += h->first[m + i] / m;
    }
    h->trend = (two - one) / m;
    h->level = two + h->trend * middle;
    for (uint32_t i = 0; i < m; i++) {
        double line = one + h->trend * (i - middle);
        h->seasonal[i] = (h->first[i] - line + h->first[m + i] - line - h->trend * m) / 2;
    }
}

void holt_winters_add(struct holt_winters *h, double value)
{
    const struct holt_winters_rules *r = &h->rules;
    uint32_t n = h->seen++;
    h->last = value;
    if (n < warm_up(h)) {
        h->first[n] = value;
        if (h->seen == warm_up(h) && h->season)
            start_season(h);
        else if (h->seen == warm_up(h))
            start_line(h);
        return;
    }
    double *season = h->season ? &h->seasonal[n % h->season] : NULL;
    double before = h->level + r->phi * h->trend; /* what was expected of the level */
    double level = r->alpha * (value - (season ? *season : 0)) + (1 - r->alpha) * before;
    if (season)
        *season = r->gamma * (value - before) + (1 - r->gamma) * *season;
    h->trend = r->beta * (level - h->level) + (1 - r->beta) * r->phi * h->trend;
    h->level = level;
}

double holt_winters_forecast(const struct holt_winters *h, uint32_t steps)
{
    double damped = 0, phi = 1;
    if (!holt_winters_warm(h))
        return h->last;
    for (uint32_t i = 0; i < steps; i++) {
        phi *= h->rules.phi;
        damped += phi;
    }
    double season = h->season ? h->seasonal[(h->seen + steps - 1) % h->season] : 0;
    return h->level + damped * h->trend + season;
}
