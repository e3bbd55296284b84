/* What happens to a message between two access links, and on a node's own: shared by link models.
 */
#include "models/network/link_internal.h"
#include "sim/base/mem.h"

#include <math.h>

FIELD_ENUM_DEFINE(link_rates, LINK_RATES);

void link_check(const void *cfg, struct field_report *report)
{
    const struct link_cfg *c = cfg;
    double shares = 0;
    for (size_t i = 0; i < c->classes.count; i++)
        shares += ((const struct link_class *)c->classes.items[i].cfg)->share;
    if (c->classes.count && c->rates == LINK_SAME && fabs(shares - 1) > 1e-6)
        field_complain(report, "classes", "have shares of %.6g%% together; make it 100%%",
                       100 * shares);
    if (c->rates != LINK_SAME && shares > 0)
        field_complain(report, "rates",
                       "are those of all nodes that no class has chosen; leave out the shares of "
                       "classes, or rates");
}

enum err_code link_init(void *state, const void *cfg, const struct link_env *env, struct err *err)
{
    struct link_state *s = state;
    const struct link_cfg *c = s->cfg = cfg;
    enum err_code e = link_profiles(c, env, &s->profiles, &s->profile_of, err);
    if (e)
        return e;
    s->log_kept = log1p(-c->loss);
    s->loses = c->loss > 0;
    for (size_t i = 0; i < c->classes.count; i++) {
        const struct link_class *k = c->classes.items[i].cfg;
        s->loses |= k->loss > 0;
    }
    const struct sim_dist *jitter = &c->jitter;
    bool varies = jitter->kind != SIM_DIST_CONSTANT || jitter->param[0].value > 0;
    bool draws = s->loses || varies;
    s->frames = c->header || c->overhead;
    s->costs = c->window || c->control || c->processing;
    s->nodes = mem_zalloc(env->node_count, sizeof *s->nodes);
    if (draws)
        s->streams = mem_alloc(env->node_count, sizeof *s->streams);
    if (!s->nodes || (draws && !s->streams))
        return err_set(err, ERR_MEMORY, "no memory for the links of %u nodes", env->node_count);
    for (node_id n = 0; draws && n < env->node_count; n++)
        sim_stream_init(&s->streams[n], env->seed, n, sim_purpose("network.link"));
    return ERR_OK;
}

void link_fini(void *state)
{
    struct link_state *s = state;
    mem_free(s->nodes);
    mem_free(s->streams);
    mem_free(s->profiles);
    mem_free(s->profile_of);
}

__extension__ typedef unsigned __int128 wide;

sim_time link_transmission_wide(uint64_t size, uint64_t rate)
{
    wide bits = (wide)size * 8 * (uint64_t)SIM_SEC;
    return (sim_time)((bits + rate - 1) / rate);
}

uint64_t link_frame(const struct link_cfg *cfg, uint32_t size)
{
    uint64_t bytes = size + cfg->overhead;
    return bytes + (bytes + cfg->packet - 1) / cfg->packet * cfg->header;
}

sim_time link_slow_start(const struct link_cfg *cfg, uint64_t bytes, uint64_t rate, sim_time rtt)
{
    sim_time stall = 0;
    uint64_t window = cfg->window * (cfg->packet + cfg->header);
    while (cfg->window && bytes > window) {
        sim_time takes = link_transmission(window, rate);
        if (takes >= rtt)
            break;
        stall += rtt - takes;
        bytes -= window;
        window *= 2;
    }
    return stall;
}

/* How many of count packets are lost: a draw for each lost one, of how many get through first. */
static uint64_t lost_of(uint64_t count, double log_kept, struct sim_stream *rng)
{
    uint64_t lost = 0;
    for (uint64_t at = 0;; at++, lost++) {
        double through = floor(log(sim_stream_positive(rng)) / log_kept);
        if (through >= (double)(count - at))
            return lost;
        at += (uint64_t)through;
        if (at + 1 == count)
            return lost + 1;
    }
}

bool link_retransmit(struct link_state *s, node_id from, node_id to, uint32_t size, sim_time wire,
                     sim_time *delay, uint64_t *bytes)
{
    const struct link_cfg *cfg = s->cfg;
    double log_kept =
        s->log_kept + link_profile_of(s, from)->log_kept + link_profile_of(s, to)->log_kept;
    uint64_t missing = (size + cfg->overhead + cfg->packet - 1) / cfg->packet;
    sim_time wait = 2 * wire > cfg->retransmit ? 2 * wire : cfg->retransmit;
    for (uint64_t round = 0; log_kept < 0 && round < cfg->attempts; round++) {
        uint64_t lost = missing ? lost_of(missing, log_kept, &s->streams[from]) : 0;
        if (!lost)
            return true;
        missing = lost;
        *delay += wait;
        *bytes += lost * (cfg->packet + cfg->header);
    }
    return log_kept >= 0;
}

void link_crash(void *state, node_id node, sim_time now)
{
    struct link_node *n = &((struct link_state *)state)->nodes[node];
    if (n->up_free > now) {
        n->up_busy -= n->up_free - now;
        n->up_free = now;
    }
    if (n->down_free > now) {
        n->down_busy -= n->down_free - now;
        n->down_free = now;
    }
}

void link_rates_of(const void *state, node_id node, uint64_t *up, uint64_t *down)
{
    const struct link_profile *p = link_profile_of(state, node);
    *up = p->up;
    *down = p->down;
}

void link_busy(const void *state, node_id node, sim_time *up, sim_time *down)
{
    const struct link_state *s = state;
    *up = s->nodes[node].up_busy;
    *down = s->nodes[node].down_busy;
}
