/* Judges at work: what nodes do is put before them, what they find becomes rows. */
#include "models/judges/judge.h"
#include "models/world/internal.h"

#include <stdio.h>
#include <string.h>

enum { ROWS_MOST = 1000 }; /* of one judge; more are counted only */

#define PATIENCE (10 * SIM_SEC) /* where a protocol has no time-out of its own */

/* One judge of one chain. */
struct seat {
    const struct judge_ops *ops;
    void *state;
    struct judge_env env;
    struct chain *chain;
    uint64_t found;
    bool calm; /* at the last look */
    sim_time calm_since;
};

static struct seat *seat_of(const struct judge_env *env)
{
    const struct world *w = env->world;
    return &w->seats[env->seat];
}

/* ---- the host of judges ---- */

static sim_time host_now(struct judge_env *env)
{
    return sim_now(((const struct world *)env->world)->sim);
}

static bool host_honest(struct judge_env *env, node_id node)
{
    return !((const struct world *)env->world)->nodes[node].byzantine;
}

/* Whether the weight of validators that are down, impaired or Byzantine is one that the protocol
 * goes on with. */
static bool tolerated(const struct world *w, const struct chain *c)
{
    const struct consensus_traits *traits = &c->consensus->traits;
    uint64_t faulty = 0;
    bool byzantine = false;
    for (uint32_t i = 0; i < c->validators.count; i++) {
        const struct node *n = &w->nodes[c->validators.nodes[i]];
        byzantine = byzantine || n->byzantine;
        if (n->byzantine || !n->up || n->lapses[LAPSE_IMPAIRED])
            faulty += c->validators.weights[i];
    }
    unsigned share = byzantine ? traits->fault_share : traits->crash_share;
    return faulty == 0 || (share > 0 && faulty < (c->validators.total + share - 1) / share);
}

static bool host_calm(struct judge_env *env, sim_time *since)
{
    const struct world *w = env->world;
    struct seat *s = seat_of(env);
    bool calm = w->unsettled == 0 && (w->fault_count == 0 || tolerated(w, s->chain));
    if (calm && !s->calm)
        s->calm_since = sim_now(w->sim);
    s->calm = calm;
    *since = s->calm_since > w->settled ? s->calm_since : w->settled;
    return calm;
}

static void keep_finding(struct world *w, const struct world_finding *f)
{
    if (w->finding_count < WORLD_FINDINGS)
        w->findings[w->finding_count++] = *f;
}

void court_finding(struct world *w, const char *judge, layer_id layer, uint64_t height,
                   const char *text)
{
    struct world_finding f = {.time = sim_now(w->sim), .judge = judge, .layer = layer, .node = -1};
    snprintf(f.text, sizeof f.text, "%s", text);
    w->violations++;
    keep_finding(w, &f);
    rows_violation(w, &f, height, 0);
}

static void host_violation(struct judge_env *env, const struct judge_violation *v)
{
    struct world *w = env->world;
    struct seat *s = seat_of(env);
    struct world_finding f = {.time = sim_now(w->sim),
                              .liveness = v->liveness,
                              .judge = s->ops->model.name,
                              .layer = s->chain->first_layer,
                              .node = v->node == NODE_NONE ? -1 : (int64_t)v->node};
    if (f.node >= 0)
        f.layer = w->nodes[v->node].layer;
    snprintf(f.text, sizeof f.text, "%s", v->text);
    *(v->liveness ? &w->stalls : &w->violations) += 1;
    keep_finding(w, &f);
    if (s->found++ < ROWS_MOST)
        rows_violation(w, &f, v->height, v->round);
}

static const struct judge_host host = {host_now, host_honest, host_calm, host_violation};

/* ---- making ---- */

static sim_time patience_of(const struct world *w, const struct chain *c)
{
    const struct consensus_ops *ops = c->consensus;
    if (ops->timeout)
        return ops->timeout(c->consensus_cfg, c->validators.count);
    uint64_t depth = ops->depth ? ops->depth(c->consensus_cfg, c->validators.count) : 0;
    sim_time interval = rows_interval(&w->layers[c->first_layer]) * (sim_time)(depth + 1);
    return interval > PATIENCE ? interval : PATIENCE;
}

enum err_code court_create(struct world *w, struct err *err)
{
    const struct field_choices *list = &w->cfg->judges;
    w->seats = mem_zalloc(list->count * w->chain_count, sizeof *w->seats);
    if (!w->seats)
        return err_set(err, ERR_MEMORY, "no memory for judges");
    for (layer_id c = 0; c < w->chain_count; c++)
        for (size_t i = 0; i < list->count; i++) {
            struct seat *s = &w->seats[w->seat_count];
            s->ops = (const struct judge_ops *)list->items[i].model;
            s->chain = &w->chains[c];
            s->calm = true;
            s->env = (struct judge_env){.host = &host,
                                        .world = w,
                                        .seat = w->seat_count++,
                                        .validators = &s->chain->validators,
                                        .traits = s->chain->consensus->traits,
                                        .timeout = patience_of(w, s->chain)};
            s->state = mem_zalloc(1, s->ops->state_size);
            if (!s->state)
                return err_set(err, ERR_MEMORY, "no memory for judges");
            enum err_code code = s->ops->init(s->state, list->items[i].cfg, &s->env, err);
            if (code != ERR_OK)
                return code;
        }
    return ERR_OK;
}

void court_destroy(struct world *w)
{
    for (uint32_t i = 0; i < w->seat_count; i++) {
        struct seat *s = &w->seats[i];
        if (s->state && s->ops->fini)
            s->ops->fini(s->state);
        mem_free(s->state);
    }
    mem_free(w->seats);
    w->seats = NULL;
    w->seat_count = 0;
}

/* ---- what they hear ---- */

void court_commit(struct world *w, node_id node, struct block *b, const uint32_t *signers,
                  uint32_t signer_count)
{
    const struct node *n = &w->nodes[node];
    const struct chain *chain = chain_of(w, node);
    if (n->byzantine || n->final == b)
        return;
    struct judge_commit c = {node, b, n->final, signers, signer_count};
    for (uint32_t i = 0; i < w->seat_count; i++)
        if (w->seats[i].chain == chain && w->seats[i].ops->commit)
            w->seats[i].ops->commit(w->seats[i].state, &c);
}

void court_certificate(struct world *w, node_id node, const char *what, const struct block *b,
                       uint64_t round, const uint32_t *signers, uint32_t signer_count)
{
    const struct chain *chain = chain_of(w, node);
    if (w->nodes[node].byzantine)
        return;
    struct judge_certificate c = {node, what, round, b, signers, signer_count};
    for (uint32_t i = 0; i < w->seat_count; i++)
        if (w->seats[i].chain == chain && w->seats[i].ops->certificate)
            w->seats[i].ops->certificate(w->seats[i].state, &c);
}

void court_executed(struct world *w, const struct block *b, bool holds)
{
    const struct chain *chain = w->layers[b->layer].chain;
    for (uint32_t i = 0; i < w->seat_count; i++)
        if (w->seats[i].chain == chain && w->seats[i].ops->executed)
            w->seats[i].ops->executed(w->seats[i].state, b, holds);
}

void court_tick(struct world *w)
{
    for (uint32_t i = 0; i < w->seat_count; i++)
        if (w->seats[i].ops->tick)
            w->seats[i].ops->tick(w->seats[i].state);
}
