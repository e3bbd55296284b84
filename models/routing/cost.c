#include "models/routing/cost.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <math.h>
#include <string.h>

FIELD_DEFINE(cost_rules, COST_RULES_FIELDS, "What crossings and moves cost, for comparing plans.",
             NULL);

double cost_capacity(const struct cost_rules *rules, const struct route_layer *layer)
{
    double cores = fmax(layer->speed, 1e-3) * (double)rules->core_rate;
    if (layer->interval <= 0 || !layer->gas_limit)
        return cores;
    return fmin(cores, (double)layer->gas_limit / ((double)layer->interval / (double)SIM_SEC));
}

enum err_code cost_meter_init(struct cost_meter *m, const struct cost_rules *rules, layer_id layers,
                              const struct route_layer *of)
{
    *m = (struct cost_meter){.layers = layers, .factor = rules->crossing};
    m->capacity = mem_alloc(layers, sizeof *m->capacity);
    m->work = mem_zalloc(layers, sizeof *m->work);
    m->seen = mem_alloc(layers, sizeof *m->seen);
    if (!m->capacity || !m->work || !m->seen) {
        cost_meter_fini(m);
        return ERR_MEMORY;
    }
    for (layer_id l = 0; l < layers; l++)
        m->capacity[l] = cost_capacity(rules, &of[l]);
    return ERR_OK;
}

void cost_meter_fini(struct cost_meter *m)
{
    mem_free(m->capacity);
    mem_free(m->work);
    mem_free(m->seen);
    *m = (struct cost_meter){0};
}

/* Layers that transaction number i touches. */
static uint32_t touched(struct cost_meter *m, const account_id *accounts, uint32_t count,
                        const layer_id *home, uint32_t i)
{
    uint32_t layers = 0;
    for (uint32_t k = 0; k < count; k++) {
        layer_id at = home[accounts[k]];
        if (at == LAYER_ALL || m->seen[at] == i + 1)
            continue;
        m->seen[at] = i + 1;
        layers++;
    }
    return layers;
}

void cost_measure(struct cost_meter *m, const struct cost_batch *batch, const layer_id *home,
                  struct cost *out)
{
    *out = (struct cost){0};
    memset(m->work, 0, m->layers * sizeof *m->work);
    memset(m->seen, 0, m->layers * sizeof *m->seen);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct route_future *tx = &batch->txs[i];
        const account_id *accounts = batch->accounts + tx->first;
        uint32_t layers = touched(m, accounts, tx->count, home, i);
        double gas = (double)tx->gas, each = layers > 1 ? gas * m->factor : gas;
        out->gas += gas;
        out->crossing += layers > 1;
        if (!layers)
            m->work[tx->count ? accounts[0] % m->layers : 0] += gas;
        for (uint32_t k = 0; k < tx->count && layers; k++) {
            layer_id at = home[accounts[k]];
            if (at == LAYER_ALL || m->seen[at] != i + 1)
                continue;
            m->seen[at] = 0; /* once */
            m->work[at] += each;
        }
    }
    for (layer_id l = 0; l < m->layers; l++) {
        double time = m->work[l] / m->capacity[l];
        out->work += m->work[l];
        if (time > out->time) {
            out->time = time;
            out->slowest = l;
        }
    }
    out->crossings = batch->count ? (double)out->crossing / batch->count : 0;
}

enum err_code cost_bound(const struct cost_meter *m, const struct cost_batch *batch,
                         uint32_t accounts, double *time)
{
    double *of = mem_zalloc(accounts, sizeof *of), sum = 0, hottest = 0, all = 0, best = 0;
    if (!of)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct route_future *tx = &batch->txs[i];
        const account_id *a = batch->accounts + tx->first;
        sum += (double)tx->gas;
        for (uint32_t k = 0; k < tx->count; k++) {
            uint32_t before = 0;
            while (before < k && a[before] != a[k])
                before++;
            DCHECK(a[k] < accounts, "account %u of %u", a[k], accounts);
            if (before == k)
                of[a[k]] += (double)tx->gas;
        }
    }
    for (uint32_t a = 0; a < accounts; a++)
        hottest = fmax(hottest, of[a]);
    for (layer_id l = 0; l < m->layers; l++) {
        all += m->capacity[l];
        best = fmax(best, m->capacity[l]);
    }
    /* Wherever it lives, a transaction makes gas of work, or at least twice gas * factor. */
    *time = fmax(sum * fmin(1, 2 * m->factor) / all, hottest * fmin(1, m->factor) / best);
    mem_free(of);
    return ERR_OK;
}
