/* broker: the accounts used with others most, of those without code, become brokers: every layer
 * holds a piece of them, so that nobody crosses to deal with them. Chosen at the end of the first
 * epoch that shows any, for good; where there are too few, the next one adds to them. All others
 * stay where hash put them or, if so set, move as clpa moves them.
 *
 * Huang et al.: BrokerChain: a cross-shard blockchain protocol for account/balance-based state
 * sharding, INFOCOM 2022, sections III (brokers, accounts in segments) and IV (partition of the
 * state graph, there by Metis). Here brokers are taken rather than asked for, by how much they
 * are used, as BlockEmulator's list of them is made; a contract is none, for its storage has no
 * pieces. Their protocol for transactions between two others, which a broker carries across, is no
 * matter of placement: see the protocols of crossings. */
#include "models/routing/clpa.h"
#include "models/routing/graphed.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUTER_BROKER_OTHERS(E, S)                                                                 \
    E(S, BROKER_OTHERS_HASH, "hash", "They stay where their address put them.")                    \
    E(S, BROKER_OTHERS_CLPA, "clpa", "Every epoch some move, by label propagation.")
FIELD_ENUM_DECLARE(router_broker_others, ROUTER_BROKER_OTHERS);
FIELD_ENUM_DEFINE(router_broker_others, ROUTER_BROKER_OTHERS);

#define ROUTER_BROKER_FIELDS(F, S)                                                                 \
    F(S, COUNT, brokers, "10", "0", "100k", "Accounts that every layer holds a piece of.")         \
    F(S, ENUM(router_broker_others), others, "hash", NULL, NULL, "Where all other accounts are.")  \
    F(S, STRUCT(router_clpa_cfg), clpa, "", NULL, NULL, "How they move where others is clpa.")
FIELD_DECLARE(router_broker_cfg, ROUTER_BROKER_FIELDS);
FIELD_DEFINE(router_broker_cfg, ROUTER_BROKER_FIELDS, "Settings of broker.", NULL);

struct broker {
    struct route_graphed shared;
    const struct router_broker_cfg *cfg;
    struct vec contracts; /* account_id, ascending */
    uint32_t brokers;     /* chosen so far */
    uint32_t chosen;      /* in the last epoch */
};

static bool partition(void *state, layer_id *target)
{
    struct broker *s = state;
    return s->cfg->others != BROKER_OTHERS_CLPA ||
           clpa_partition(&s->shared.graph, &s->cfg->clpa, target);
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct broker *s = state;
    (void)err;
    s->cfg = cfg;
    const struct route_proof_rules rules = {.memory = 0, .density = 0, .proof = s->cfg->clpa.proof};
    route_graphed_init(&s->shared, env, &rules, partition);
    vec_init(&s->contracts, sizeof(account_id));
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    struct broker *s = state;
    if (contract && vec_push(&s->contracts, &account))
        s->shared.graph.env->fail(s->shared.graph.env);
    return route_graphed_place(state, account, addr, contract);
}

struct busy {
    double degree;
    account_id account;
};

static int by_degree(const void *x, const void *y)
{
    const struct busy *a = x, *b = y;
    if (a->degree > b->degree || a->degree < b->degree)
        return a->degree > b->degree ? -1 : 1;
    return (a->account > b->account) - (a->account < b->account);
}

static int by_number(const void *x, const void *y)
{
    const account_id *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Accounts without code that are used with others, the busiest first; returns how many. */
static uint32_t list_busy(const struct broker *s, struct busy *out)
{
    const struct route_graph *g = &s->shared.graph;
    uint32_t count = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        account_id account = g->account[v];
        bool contract = s->contracts.len && bsearch(&account, s->contracts.data, s->contracts.len,
                                                    sizeof account, by_number);
        if (!contract && g->first[v + 1] > g->first[v])
            out[count++] = (struct busy){route_graph_degree(g, v), account};
    }
    if (count)
        qsort(out, count, sizeof *out, by_degree);
    return count;
}

static uint32_t choose_brokers(struct broker *s, struct route_move *out, uint32_t room)
{
    struct route_graph *g = &s->shared.graph;
    uint32_t count = 0;
    if (!route_graph_build(g))
        return 0;
    struct busy *busy = mem_alloc(g->count, sizeof *busy);
    if (!busy) {
        g->env->fail(g->env);
        return 0;
    }
    uint32_t all = list_busy(s, busy);
    while (count < all && count < room && s->brokers < s->cfg->brokers) {
        out[count] = (struct route_move){busy[count].account, LAYER_ALL};
        count++;
        s->brokers++;
    }
    mem_free(busy);
    return count;
}

/* Brokers first: others move from the next epoch on, by a graph that has no brokers any more. */
static uint32_t epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct broker *s = state;
    s->chosen = 0;
    if (s->brokers < s->cfg->brokers) {
        uint32_t count = choose_brokers(s, out, room);
        if (count) {
            route_graph_age(&s->shared.graph, 0, 0);
            s->chosen = count;
            return count;
        }
    }
    return route_graphed_epoch(state, now, out, room);
}

static void reason(const void *state, char *out, size_t size)
{
    const struct broker *s = state;
    int used = snprintf(out, size, "%u brokers, %u of them new. ", s->brokers, s->chosen);
    if (!s->chosen && used > 0 && (size_t)used < size)
        route_graphed_reason(&s->shared, out + used, size - (size_t)used);
}

static void fini(void *state)
{
    struct broker *s = state;
    route_graphed_fini(&s->shared);
    vec_fini(&s->contracts);
}

const struct router_ops router_broker = {
    .model = {"broker", "The accounts used most have a piece at every layer.",
              &router_broker_cfg_table},
    .state_size = sizeof(struct broker),
    .init = init,
    .place = place,
    .observe = route_graphed_observe,
    .epoch = epoch,
    .reason = reason,
    .fini = fini,
};
