#include "models/workload/skew.h"

#include <math.h>

#include "sim/base/check.h"
#include "sim/base/mem.h"

enum err_code skew_init(struct skew *s, const struct field_skew *cfg, uint32_t count,
                        struct sim_stream *rng, struct err *err)
{
    CHECK(count > 0, "a skew over %u items", count);
    *s = (struct skew){.count = count};
    if (cfg->exponent == 0)
        return ERR_OK;
    s->sums = mem_alloc(count, sizeof *s->sums);
    s->item = mem_alloc(count, sizeof *s->item);
    if (!s->sums || !s->item) {
        skew_fini(s);
        return err_set(err, ERR_MEMORY, "out of memory for a skew over %u items", count);
    }
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += pow((double)i + 1, -cfg->exponent);
        s->sums[i] = sum;
        s->item[i] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        s->sums[i] /= sum;
    sim_stream_shuffle(rng, s->item, count);
    return ERR_OK;
}

void skew_fini(struct skew *s)
{
    mem_free(s->sums);
    mem_free(s->item);
    *s = (struct skew){0};
}

uint32_t skew_rank(const struct skew *s, uint32_t within, struct sim_stream *rng)
{
    DCHECK(within > 0 && within <= s->count, "rank below %u of %u", within, s->count);
    if (!s->sums)
        return (uint32_t)sim_stream_below(rng, within);
    double u = sim_stream_double(rng) * s->sums[within - 1];
    uint32_t low = 0, high = within - 1; /* whose sum is above every draw */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->sums[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t skew_pick(const struct skew *s, struct sim_stream *rng)
{
    uint32_t rank = skew_rank(s, s->count, rng);
    return s->item ? s->item[rank] : rank;
}

double skew_share(const struct skew *s, uint32_t rank)
{
    if (!s->sums)
        return 1.0 / s->count;
    return s->sums[rank] - (rank ? s->sums[rank - 1] : 0);
}
