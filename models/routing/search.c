/* The search proper. A move changes the work of two layers only, where a node leaves and where it
 * arrives: whatever other layers take part in a net keep their part of it, but for the layer that
 * had crossed with the node alone and no longer does, which is where it arrives. So one pass over a
 * node's nets prices its moves to all layers. */
#include "models/routing/search_internal.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double eighth(double x)
{
    double square = x * x, fourth = square * square;
    return fourth * fourth;
}

static double layer_value(const struct search_level *s, layer_id l, double work)
{
    double x = work / s->p->capacity[l];
    return x > 0 ? s->weight[l] * eighth(x) : 0; /* sums drift below 0 by rounding */
}

/* What moving would cost of those that started there. */
static double at_start(const struct search_problem *p, uint32_t node, layer_id layer)
{
    const struct search_node *n = &p->nodes[node];
    for (uint32_t i = 0; i < n->count; i++) {
        if (p->shares[n->first + i].layer == layer)
            return p->shares[n->first + i].moving;
    }
    return 0;
}

/* Layers of a net's pins other than `node` (ACCOUNT_NONE: of all) go to s->seen; how many, and one
 * of them. */
static uint32_t others(struct search_level *s, const struct search_net *net, uint32_t node,
                       layer_id *one)
{
    uint32_t layers = 0;
    s->token++;
    for (uint32_t i = 0; i < net->count; i++) {
        uint32_t pin = s->p->pins[net->first + i];
        layer_id at = pin == node ? LAYER_NONE : s->home[pin];
        if (at == LAYER_NONE || s->seen[at] == s->token)
            continue;
        s->seen[at] = s->token;
        *one = at;
        layers++;
    }
    return layers;
}

/* What all moves of a node have in common. */
struct prices {
    double leave;  /* work that its layer loses */
    double arrive; /* work that a layer gains, to which s->arrive[layer] comes */
    double apart;  /* gas that crosses from then on, to which s->joins[layer] comes */
};

/* What a move to `at` adds or takes beyond what all moves do. */
static void adjust(struct search_level *s, layer_id at, double arrive, double joins)
{
    if (s->arrive[at] == 0 && s->joins[at] == 0)
        s->near[s->near_count++] = at;
    s->arrive[at] += arrive;
    s->joins[at] += joins;
    if (s->arrive[at] == 0 && s->joins[at] == 0)
        s->arrive[at] = -0x1p-1000; /* listed once */
}

/* Takes `amount` off the layers marked by others(), through the net's pins. */
static void discount(struct search_level *s, const struct search_net *net, uint32_t node,
                     double amount)
{
    for (uint32_t i = 0; i < net->count; i++) {
        uint32_t pin = s->p->pins[net->first + i];
        layer_id at = pin == node ? LAYER_NONE : s->home[pin];
        if (at == LAYER_NONE || s->seen[at] != s->token)
            continue;
        s->seen[at] = s->token - 1; /* once */
        adjust(s, at, -amount, 0);
    }
    s->token++;
}

/* Prices the moves of a placed node (from: its home), or its first placement (from: LAYER_NONE). */
static struct prices price(struct search_level *s, uint32_t node, layer_id from)
{
    const struct search_problem *p = s->p;
    struct prices out = {0};
    while (s->near_count) {
        layer_id at = s->near[--s->near_count];
        s->arrive[at] = s->joins[at] = 0;
    }
    for (uint32_t i = s->first[node]; i < s->first[node + 1]; i++) {
        const struct search_net *net = &p->nets[s->of[i]];
        layer_id one = LAYER_NONE;
        uint32_t layers = others(s, net, node, &one);
        double part = net->gas * p->crossing;
        if (layers == 0) {
            out.leave += net->gas;
            out.arrive += net->gas;
            continue;
        }
        out.arrive += part;
        if (layers > 1) {
            if (from == LAYER_NONE || s->seen[from] != s->token)
                out.leave += part;
            discount(s, net, node, part);
        } else if (one == from) {
            out.leave += net->gas - part;
            out.apart += net->gas;
        } else {
            out.leave += part;
            adjust(s, one, from == LAYER_NONE ? -part : net->gas - 2 * part, -net->gas);
            if (from == LAYER_NONE)
                out.apart += net->gas;
        }
    }
    /* Those not where they started make work in both places. */
    const struct search_node *n = &p->nodes[node];
    double started = from == LAYER_NONE ? 0 : at_start(p, node, from);
    if (from != LAYER_NONE)
        out.leave += n->moving - 2 * started;
    out.arrive += n->moving;
    out.apart += from == LAYER_NONE ? n->moving : started;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct search_share *share = &p->shares[n->first + i];
        adjust(s, share->layer, -2 * share->moving, -share->moving);
    }
    return out;
}

static double apart_value(const struct search_level *s, double gas)
{
    return s->gas > 0 ? s->p->apart * gas / s->gas : 0;
}

#define ALL 32 /* layers of which all are weighed */

/* Weighs layer i of those to weigh against the best so far; of equals the lowest is best. */
static void weigh(const struct search_level *s, const struct prices *prices, layer_id l,
                  layer_id *best, double *least)
{
    double on = layer_value(s, l, s->work[l] + prices->arrive + s->arrive[l]) -
                layer_value(s, l, s->work[l]);
    double all = on + apart_value(s, prices->apart + s->joins[l]);
    if (*best != LAYER_NONE && (all > *least || (all == *least && l > *best)))
        return;
    *best = l;
    *least = all;
}

/* The best layer to move to, not `from`, and what that changes. A node's stay is not weighed. Where
 * layers are many, only those that the node has to do with and the least used one: to others a move
 * costs the same, but for what they have to do. */
static layer_id best_move(const struct search_level *s, const struct prices *prices, layer_id from,
                          double *change)
{
    bool all = s->p->layers <= ALL;
    layer_id best = LAYER_NONE, count = all ? s->p->layers : s->near_count;
    for (layer_id i = 0; i < count; i++) {
        layer_id l = all ? i : s->near[i];
        if (l != from)
            weigh(s, prices, l, &best, change);
    }
    if (!all && s->idle != from)
        weigh(s, prices, s->idle, &best, change);
    if (from != LAYER_NONE)
        *change += layer_value(s, from, s->work[from] - prices->leave) -
                   layer_value(s, from, s->work[from]);
    return best;
}

static void find_idle(struct search_level *s)
{
    s->idle = 0;
    for (layer_id l = 1; l < s->p->layers; l++) {
        if (s->work[l] / s->p->capacity[l] < s->work[s->idle] / s->p->capacity[s->idle])
            s->idle = l;
    }
}

static void move(struct search_level *s, const struct prices *prices, uint32_t node, layer_id to)
{
    layer_id from = s->home[node];
    if (from != LAYER_NONE)
        s->work[from] -= prices->leave;
    s->work[to] += prices->arrive + s->arrive[to];
    s->apart += prices->apart + s->joins[to];
    s->home[node] = to;
    if (s->p->layers > ALL && (to == s->idle || from != LAYER_NONE))
        find_idle(s);
}

/* ---- passes ---- */

#define PASSES      12
#define STEPS       48   /* uphill, a pass */
#define SCAN        64   /* nodes of the slowest layer that are weighed for a step */
#define WORTH       1e-9 /* of the value: less is rounding */
#define FM_ROUNDS   3
#define BIGGER_THAN 1e-12

static bool greedy_pass(struct search_level *s)
{
    bool moved = false;
    double value = search_level_value(s);
    for (uint32_t i = 0; i < s->p->node_count; i++) {
        uint32_t node = s->order[i];
        struct prices prices = price(s, node, s->home[node]);
        double change = 0;
        layer_id to = best_move(s, &prices, s->home[node], &change);
        if (to == LAYER_NONE || change >= -WORTH * value - BIGGER_THAN)
            continue;
        move(s, &prices, node, to);
        value += change;
        moved = true;
    }
    return moved;
}

static layer_id slowest(const struct search_level *s)
{
    layer_id worst = 0;
    for (layer_id l = 1; l < s->p->layers; l++) {
        if (s->work[l] / s->p->capacity[l] > s->work[worst] / s->p->capacity[worst])
            worst = l;
    }
    return worst;
}

struct step {
    uint32_t node;
    layer_id from;
};

/* The step off the slowest layer that costs least, made and locked. False: none is left. */
static bool fm_step(struct search_level *s, struct step *out, double *change)
{
    layer_id worst = slowest(s), to = LAYER_NONE;
    uint32_t weighed = 0, node = 0;
    for (uint32_t i = 0; i < s->p->node_count && weighed < SCAN; i++) {
        uint32_t n = s->order[i];
        double c;
        if (s->home[n] != worst || s->locked[n])
            continue;
        struct prices prices = price(s, n, worst);
        layer_id best = best_move(s, &prices, worst, &c);
        weighed++;
        if (best == LAYER_NONE || (to != LAYER_NONE && c >= *change))
            continue;
        *change = c;
        node = n;
        to = best;
    }
    if (to == LAYER_NONE)
        return false;
    struct prices prices = price(s, node, worst);
    *out = (struct step){node, worst};
    move(s, &prices, node, to);
    s->locked[node] = true;
    return true;
}

static bool fm_pass(struct search_level *s)
{
    struct step steps[STEPS];
    double sum = 0, least = -WORTH * search_level_value(s) - BIGGER_THAN;
    uint32_t count = 0, keep = 0;
    memset(s->locked, 0, s->p->node_count * sizeof *s->locked);
    while (count < STEPS) {
        double change = 0;
        if (!fm_step(s, &steps[count], &change))
            break;
        count++;
        sum += change;
        if (sum < least) {
            least = sum;
            keep = count;
        }
    }
    while (count > keep) {
        const struct step *back = &steps[--count];
        struct prices prices = price(s, back->node, s->home[back->node]);
        move(s, &prices, back->node, back->from);
    }
    return keep > 0;
}

void search_level_improve(struct search_level *s)
{
    for (int round = 0; round < FM_ROUNDS; round++) {
        for (int pass = 0; pass < PASSES && greedy_pass(s); pass++)
            ;
        if (!fm_pass(s))
            break;
    }
}

void search_level_fill(struct search_level *s)
{
    const struct search_problem *p = s->p;
    for (uint32_t n = 0; n < p->node_count; n++)
        s->home[n] = LAYER_NONE;
    for (layer_id l = 0; l < p->layers; l++)
        s->work[l] = p->base ? p->base[l] : 0;
    /* Exports are work where accounts started, wherever they go: all are out at first. */
    for (uint32_t n = 0; n < p->node_count; n++) {
        for (uint32_t i = 0; i < p->nodes[n].count; i++) {
            const struct search_share *share = &p->shares[p->nodes[n].first + i];
            s->work[share->layer] += share->moving;
        }
    }
    s->apart = 0;
    find_idle(s);
    for (uint32_t i = 0; i < p->node_count; i++) {
        double change = 0;
        struct prices prices = price(s, s->order[i], LAYER_NONE);
        layer_id to = best_move(s, &prices, LAYER_NONE, &change);
        move(s, &prices, s->order[i], to);
    }
    search_level_place(s, s->home); /* nets were counted half placed */
}

/* ---- a level ---- */

struct heavier {
    double load;
    uint32_t node;
};

static int by_load(const void *a, const void *b)
{
    const struct heavier *x = a, *y = b;
    if (x->load != y->load)
        return x->load < y->load ? 1 : -1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static enum err_code sort_nodes(struct search_level *s)
{
    uint32_t n = s->p->node_count;
    struct heavier *by = mem_alloc(n, sizeof *by);
    if (!by)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        by[i] = (struct heavier){s->load[i], i};
    qsort(by, n, sizeof *by, by_load);
    for (uint32_t i = 0; i < n; i++)
        s->order[i] = by[i].node;
    mem_free(by);
    return ERR_OK;
}

static void list_nets(struct search_level *s)
{
    const struct search_problem *p = s->p;
    for (uint32_t i = 0; i < p->net_count; i++) {
        const struct search_net *net = &p->nets[i];
        s->gas += net->gas;
        for (uint32_t k = 0; k < net->count; k++) {
            s->first[p->pins[net->first + k] + 1]++;
            s->load[p->pins[net->first + k]] += net->gas / net->count;
        }
    }
    for (uint32_t n = 0; n < p->node_count; n++)
        s->first[n + 1] += s->first[n];
    for (uint32_t i = 0; i < p->net_count; i++) {
        const struct search_net *net = &p->nets[i];
        for (uint32_t k = 0; k < net->count; k++)
            s->of[s->first[p->pins[net->first + k]]++] = i;
    }
    for (uint32_t n = p->node_count; n; n--) /* each now ends where the next began */
        s->first[n] = s->first[n - 1];
    s->first[0] = 0;
}

enum err_code search_level_init(struct search_level *s, const struct search_problem *p)
{
    uint32_t pins = 0, n = p->node_count;
    layer_id k = p->layers;
    double all = 0;
    for (uint32_t i = 0; i < p->net_count; i++)
        pins += p->nets[i].count;
    *s = (struct search_level){.p = p,
                               .home = mem_alloc(n, sizeof *s->home),
                               .work = mem_alloc(k, sizeof *s->work),
                               .weight = mem_alloc(k, sizeof *s->weight),
                               .of = mem_alloc(pins, sizeof *s->of),
                               .first = mem_zalloc((size_t)n + 1, sizeof *s->first),
                               .order = mem_alloc(n, sizeof *s->order),
                               .load = mem_zalloc(n, sizeof *s->load),
                               .arrive = mem_zalloc(k, sizeof *s->arrive),
                               .joins = mem_zalloc(k, sizeof *s->joins),
                               .near = mem_alloc(k, sizeof *s->near),
                               .seen = mem_zalloc(k, sizeof *s->seen),
                               .token = 1,
                               .locked = mem_alloc(n, sizeof *s->locked)};
    if (!s->home || !s->work || !s->weight || !s->of || !s->first || !s->order || !s->load ||
        !s->arrive || !s->joins || !s->near || !s->seen || !s->locked) {
        search_level_fini(s);
        return ERR_MEMORY;
    }
    for (layer_id l = 0; l < k; l++)
        all += p->capacity[l];
    for (layer_id l = 0; l < k; l++)
        s->weight[l] = p->capacity[l] / all;
    list_nets(s);
    enum err_code e = sort_nodes(s);
    if (e)
        search_level_fini(s);
    return e;
}

void search_level_fini(struct search_level *s)
{
    mem_free(s->home);
    mem_free(s->work);
    mem_free(s->weight);
    mem_free(s->of);
    mem_free(s->first);
    mem_free(s->order);
    mem_free(s->load);
    mem_free(s->arrive);
    mem_free(s->joins);
    mem_free(s->near);
    mem_free(s->seen);
    mem_free(s->locked);
    *s = (struct search_level){0};
}

void search_level_place(struct search_level *s, const layer_id *home)
{
    const struct search_problem *p = s->p;
    if (home != s->home)
        memcpy(s->home, home, p->node_count * sizeof *home);
    for (layer_id l = 0; l < p->layers; l++)
        s->work[l] = p->base ? p->base[l] : 0;
    s->apart = 0;
    for (uint32_t i = 0; i < p->net_count; i++) {
        const struct search_net *net = &p->nets[i];
        layer_id one = LAYER_NONE;
        uint32_t layers = others(s, net, ACCOUNT_NONE, &one);
        if (layers == 1)
            s->work[one] += net->gas;
        if (layers < 2)
            continue;
        s->apart += net->gas;
        for (uint32_t k = 0; k < net->count; k++) {
            layer_id at = s->home[p->pins[net->first + k]];
            if (s->seen[at] != s->token)
                continue;
            s->seen[at] = s->token - 1;
            s->work[at] += net->gas * p->crossing;
        }
        s->token++;
    }
    for (uint32_t n = 0; n < p->node_count; n++) {
        const struct search_node *node = &p->nodes[n];
        for (uint32_t i = 0; i < node->count; i++) {
            const struct search_share *share = &p->shares[node->first + i];
            if (share->layer == s->home[n])
                continue;
            s->work[share->layer] += share->moving;
            s->work[s->home[n]] += share->moving;
            s->apart += share->moving;
        }
    }
    find_idle(s);
}

double search_level_value(const struct search_level *s)
{
    double sum = apart_value(s, s->apart);
    for (layer_id l = 0; l < s->p->layers; l++)
        sum += layer_value(s, l, s->work[l]);
    return sum;
}
