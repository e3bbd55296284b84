/* What the sets of the blocks allow, by model of conflict: the table of --oracle. */
#include <stdlib.h>
#include <string.h>

#include "sim/cli/replay.h"

enum { POINTS = 6 };
static const uint32_t points[POINTS] = {2, 4, 8, 16, 32, 64};

struct values {
    double *list;
    size_t count, capacity;
};

/* Over the blocks, weighing transactions by one measure. */
struct spans {
    double serial, makespan[POINTS];
};

struct model {
    struct values dependent, chain, bound; /* share of transactions, of the block; speed-up */
    struct spans gas, ns;
};

struct replay_oracle {
    struct model models[EVM_ORACLE_MODELS];
    size_t blocks, txs;
    uint64_t gas;
    bool timed;
};

struct replay_oracle *replay_oracle_create(void)
{
    return calloc(1, sizeof(struct replay_oracle));
}

void replay_oracle_destroy(struct replay_oracle *o)
{
    for (int m = 0; o && m < EVM_ORACLE_MODELS; m++) {
        free(o->models[m].dependent.list);
        free(o->models[m].chain.list);
        free(o->models[m].bound.list);
    }
    free(o);
}

static bool put(struct values *v, double x)
{
    if (v->count == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 64;
        double *grown = realloc(v->list, capacity * sizeof *grown);
        if (!grown)
            return false;
        v->list = grown;
        v->capacity = capacity;
    }
    v->list[v->count++] = x;
    return true;
}

static enum evm_status schedule(struct spans *s, const struct evm_oracle *o, const int64_t *weights)
{
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; i < o->tx_count; i++)
        s->serial += (double)weights[i];
    for (int p = 0; st == EVM_OK && p < POINTS; p++) {
        int64_t span;
        st = evm_oracle_makespan(o, weights, points[p], &span);
        s->makespan[p] += (double)span;
    }
    return st;
}

static enum evm_status add_model(struct model *m, const struct evm_oracle *o, const int64_t *gas,
                                 const int64_t *ns)
{
    int64_t longest = 0, heaviest = 0;
    uint32_t dependent = 0;
    double sum = 0;
    enum evm_status st = evm_oracle_chain(o, NULL, &longest);
    if (st == EVM_OK)
        st = evm_oracle_chain(o, gas, &heaviest);
    for (uint32_t i = 0; i < o->tx_count; i++) {
        dependent += o->first[i + 1] > o->first[i];
        sum += (double)gas[i];
    }
    if (st == EVM_OK && (!put(&m->dependent, (double)dependent / o->tx_count) ||
                         !put(&m->chain, (double)longest / o->tx_count) ||
                         !put(&m->bound, heaviest > 0 ? sum / (double)heaviest : 1)))
        st = EVM_ERR_MEMORY;
    if (st == EVM_OK)
        st = schedule(&m->gas, o, gas);
    if (st == EVM_OK && ns)
        st = schedule(&m->ns, o, ns);
    return st;
}

enum evm_status replay_oracle_add(struct replay_oracle *o, const struct replay_case *c)
{
    const struct evm_oracle_input in = replay_known(c);
    const struct evm_access_sets *s = in.sets;
    enum evm_status st = EVM_OK;
    if (s->tx_count == 0)
        return EVM_OK;
    int64_t *gas = malloc(s->tx_count * sizeof *gas);
    if (!gas)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < s->tx_count; i++)
        gas[i] = (int64_t)s->gas_used[i];
    o->timed = c->config->driver == EVM_DRIVER_VIRTUAL;
    o->blocks++;
    o->txs += s->tx_count;
    o->gas += c->result->gas_used;
    for (int m = 0; st == EVM_OK && m < EVM_ORACLE_MODELS; m++) {
        struct evm_oracle deps;
        st = evm_oracle_init(&deps, &in, (enum evm_oracle_model)m);
        if (st == EVM_OK)
            st = add_model(&o->models[m], &deps, gas, o->timed ? s->cost_ns : NULL);
        evm_oracle_fini(&deps);
    }
    free(gas);
    return st;
}

/* ---- the table ---- */

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double quantile(const struct values *v, double q)
{
    if (v->count == 0)
        return 0;
    double at = q * (double)(v->count - 1);
    size_t i = (size_t)at;
    double next = v->list[i + 1 < v->count ? i + 1 : i];
    return v->list[i] + (next - v->list[i]) * (at - (double)i);
}

static void add_spans(struct cli_text *t, const struct spans *s, const char *before)
{
    for (int p = 0; p < POINTS; p++)
        cli_text_add(t, "%s%.2f", p ? before : "",
                     s->makespan[p] > 0 ? s->serial / s->makespan[p] : 0);
}

static void add_json(struct cli_text *t, const struct replay_oracle *o, int m)
{
    const struct model *k = &o->models[m];
    cli_text_add(t,
                 "{\"model\": \"%s\", \"blocks\": %zu, \"transactions\": %zu, \"gas\": %llu, "
                 "\"dependent\": %.4f, \"longest_chain\": %.4f, \"bound\": %.3f, "
                 "\"cores\": [2, 4, 8, 16, 32, 64], \"speedup_gas\": [",
                 evm_oracle_name((enum evm_oracle_model)m), o->blocks, o->txs,
                 (unsigned long long)o->gas, quantile(&k->dependent, 0.5), quantile(&k->chain, 0.5),
                 quantile(&k->bound, 0.5));
    add_spans(t, &k->gas, ", ");
    cli_text_add(t, "]");
    if (o->timed) {
        cli_text_add(t, ", \"speedup_ns\": [");
        add_spans(t, &k->ns, ", ");
        cli_text_add(t, "]");
    }
    cli_text_add(t, "}\n");
}

static void add_row(struct cli_text *t, const struct replay_oracle *o, int m)
{
    const struct model *k = &o->models[m];
    cli_text_add(t, "  %-13s %5.2f (%.2f-%.2f)   %5.3f (%.2f)  %6.1f    ",
                 evm_oracle_name((enum evm_oracle_model)m), quantile(&k->dependent, 0.5),
                 quantile(&k->dependent, 0.1), quantile(&k->dependent, 0.9),
                 quantile(&k->chain, 0.5), quantile(&k->chain, 0.9), quantile(&k->bound, 0.5));
    add_spans(t, &k->gas, "/");
    if (o->timed) {
        cli_text_add(t, "   ");
        add_spans(t, &k->ns, "/");
    }
    cli_text_add(t, "\n");
}

enum evm_status replay_oracle_show(struct replay_oracle *o, struct cli_text *t, bool json)
{
    for (int m = 0; m < EVM_ORACLE_MODELS; m++) {
        struct values *lists[] = {&o->models[m].dependent, &o->models[m].chain,
                                  &o->models[m].bound};
        for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
            if (lists[i]->count)
                qsort(lists[i]->list, lists[i]->count, sizeof(double), ascending);
    }
    if (!json)
        cli_text_add(t,
                     "\noracle: in-order list schedule of known conflicts; %zu blocks, %zu "
                     "transactions, %.1f Mgas\n"
                     "  model         dependent txs       longest chain  chain's   speed-up of all "
                     "blocks at 2/4/8/16/32/64 cores,\n"
                     "                median (p10-p90)    /txs (p90)     bound     by gas%s\n",
                     o->blocks, o->txs, (double)o->gas / 1e6,
                     o->timed ? "                          by simulated time" : "");
    for (int m = 0; m < EVM_ORACLE_MODELS; m++)
        if (json)
            add_json(t, o, m);
        else
            add_row(t, o, m);
    return t->failed ? EVM_ERR_MEMORY : EVM_OK;
}
