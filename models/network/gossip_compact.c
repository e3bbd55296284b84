/* Dissemination of blocks as short transaction ids: `compact`, BIP 152 in low-bandwidth mode, where
 * a block is announced, asked for, and sent as a compact block if both ends can; who cannot
 * rebuild it asks the sender for what it lacks.
 *
 * Whether a node can is drawn as SimBlock 0.8 draws it (Nagayama, Banno, Shudo: "Identifying
 * impacts of protocol and Internet development on the Bitcoin network", ISCC 2020, from
 * measurements by Imtiaz et al. 2019), or looked up in its pool. SimBlock takes the class of the
 * sender for what is missing; here it is that of the node which lacks it. Left out: high-bandwidth
 * mode, where three peers send compact blocks unasked. */
#include "models/network/gossip_pull.h"
#include "sim/base/mem.h"

/* Rows E(S, ENUMERATOR, "spelling", "One sentence.") */
#define COMPACT_RECONSTRUCTION(E, S)                                                               \
    E(S, COMPACT_DRAWN, "drawn", "By chance, by the class of the node: as SimBlock.")              \
    E(S, COMPACT_POOL, "pool",                                                                     \
      "From the transactions in the node's pool; sizes are BIP 152's, the bytes missing are "      \
      "those "                                                                                     \
      "of the transactions that it lacks.")
FIELD_ENUM_DECLARE(compact_reconstruction, COMPACT_RECONSTRUCTION);
FIELD_ENUM_DEFINE(compact_reconstruction, COMPACT_RECONSTRUCTION);

#define GOSSIP_COMPACT_FIELDS(F, S)                                                                \
    F(S, ENUM(compact_reconstruction), reconstruction, "drawn", NULL, NULL,                        \
      "Whether a node can rebuild the block.")                                                     \
    F(S, FRACTION, usage, "96.4%", "0%", "100%", "Nodes that send and take compact blocks.")       \
    F(S, SIZE, compact, "18KB", "1B", "1GB",                                                       \
      "Bytes of a compact block where it is drawn; at most those of the block.")                   \
    F(S, FRACTION, churning, "97.6%", "0%", "100%",                                                \
      "Nodes that come and go, whose pools lack more; the others are stable.")                     \
    F(S, FRACTION, failure_stable, "13%", "0%", "100%",                                            \
      "Blocks that a stable node cannot rebuild.")                                                 \
    F(S, FRACTION, failure_churning, "27%", "0%", "100%",                                          \
      "Blocks that a churning node cannot rebuild.")                                               \
    F(S, FRACTION, missing_stable, "1%", "0%", "100%",                                             \
      "Of such a block, what a stable node lacks.")                                                \
    F(S, FRACTION, missing_churning, "0%", "0%", "100%",                                           \
      "What a churning node lacks; 0%: as SimBlock's table draws it, 1 to 96 %, 8.7 % on "         \
      "average.")                                                                                  \
    F(S, SIZE, announcement, "61B", "1B", "64KB", "Bytes that tell of one block.")                 \
    F(S, SIZE, request, "61B", "1B", "64KB",                                                       \
      "Bytes that ask for one block, or for what is missing of it.")                               \
    F(S, DURATION, timeout, "60s", "1ms", "1h", "Wait for a block before another is asked.")
FIELD_DECLARE(gossip_compact, GOSSIP_COMPACT_FIELDS);
FIELD_DEFINE(gossip_compact, GOSSIP_COMPACT_FIELDS,
             "Blocks are announced and sent as short ids of transactions that nodes have already.",
             NULL);

enum {
    COMPACT_ANNOUNCE,
    COMPACT_REQUEST,
    COMPACT_BODY,
    COMPACT_SHORT,
    COMPACT_MISSING_REQUEST,
    COMPACT_MISSING
};

/* BIP 152: nonce and counts beside the header; bytes of a short id. */
enum { SHORT_FIXED = 24 + 8 + 3 + 3, SHORT_ID = 6 };

struct compact_state {
    struct gossip_env *env;
    const struct gossip_compact *cfg;
    uint8_t *flags; /* by node */
};
enum { NODE_COMPACT = 1, NODE_CHURNS = 2 };

/* The share holds to within one node; which ones is drawn. */
static void deal(struct compact_state *s, uint32_t *order, double share, uint8_t flag)
{
    struct sim_stream *rng = s->env->host->random(s->env, s->env->first);
    for (uint32_t n = 0; n < s->env->count; n++)
        order[n] = n;
    sim_stream_shuffle(rng, order, s->env->count);
    for (uint32_t i = 0; i < s->env->count && i < share * s->env->count; i++)
        s->flags[order[i]] |= flag;
}

static enum err_code compact_init(void *state, const void *cfg, struct gossip_env *env,
                                  struct err *err)
{
    struct compact_state *s = state;
    *s = (struct compact_state){.env = env, .cfg = cfg};
    s->flags = mem_zalloc(env->count, 1);
    uint32_t *order = mem_alloc(env->count, sizeof *order);
    if (s->flags && order) {
        deal(s, order, s->cfg->usage, NODE_COMPACT);
        deal(s, order, s->cfg->churning, NODE_CHURNS);
    }
    mem_free(order);
    return s->flags && order ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for compact blocks");
}

static bool has_flag(const struct compact_state *s, node_id node, uint8_t flag)
{
    return s->flags[node - s->env->first] & flag;
}

/* ---- sizes and chances ---- */

static uint32_t short_size(const struct compact_state *s, const struct message *m)
{
    uint64_t size = s->cfg->compact;
    if (s->cfg->reconstruction == COMPACT_POOL && m->block)
        return gossip_short_size(m, SHORT_ID, SHORT_FIXED);
    return size < m->size ? (uint32_t)size : m->size;
}

/* In hundredths of the block, how many of the 945 entries of SimBlock's table for churning nodes
 * (SimulationConfiguration.java) have it. */
static uint32_t missing_percent(struct sim_stream *rng)
{
    static const uint16_t entries[] = {0, 546, 66, 39, 27, 21, 17, 14, 12, 11, 10, 9, 8,
                                       7, 7,   6,  6,  5,  5,  5,  4,  4,  4,  4,  4};
    uint32_t left = (uint32_t)sim_stream_below(rng, 945), percent = 1;
    for (;; percent++) {
        uint32_t here = percent <= 24   ? entries[percent]
                        : percent <= 32 ? 3
                        : percent <= 48 ? 2
                                        : 1;
        if (left < here)
            return percent;
        left -= here;
    }
}

static bool rebuilds(const struct compact_state *s, node_id node, const struct message *m)
{
    if (s->cfg->reconstruction == COMPACT_POOL && m->block)
        return s->env->host->missing(s->env, node, m) == 0;
    double failure =
        has_flag(s, node, NODE_CHURNS) ? s->cfg->failure_churning : s->cfg->failure_stable;
    return sim_stream_double(s->env->host->random(s->env, node)) >= failure;
}

/* Bytes that `node` lacks of the block, as they travel. */
static uint32_t missing_size(const struct compact_state *s, node_id node, const struct message *m)
{
    if (s->cfg->reconstruction == COMPACT_POOL && m->block)
        return gossip_missing_size(s->env, node, m);
    double share = s->cfg->missing_stable;
    if (has_flag(s, node, NODE_CHURNS))
        share = s->cfg->missing_churning > 0
                    ? s->cfg->missing_churning
                    : missing_percent(s->env->host->random(s->env, node)) / 100.0;
    return (uint32_t)(share * m->size) + 1;
}

/* ---- messages ---- */

static void ask(const struct compact_state *s, node_id node, node_id whom, struct message *m)
{
    s->env->host->link(s->env, node, whom, message_ref(m), COMPACT_REQUEST | LINK_CONTROL,
                       (uint32_t)s->cfg->request);
    s->env->host->timer(s->env, node, s->cfg->timeout, m);
}

static void announce(const struct compact_state *s, node_id node, node_id except, struct message *m)
{
    gossip_tell(s->env, node, except, m, COMPACT_ANNOUNCE | LINK_CONTROL,
                (uint32_t)s->cfg->announcement);
}

static void compact_publish(void *state, node_id origin, struct message *m)
{
    struct compact_state *s = state;
    struct pull *p = pull_of(s->env, m);
    if (!p)
        return;
    pull_got(p, s->env, origin);
    announce(s, origin, NODE_NONE, m);
}

static void answer(const struct compact_state *s, node_id at, node_id from, struct message *m)
{
    bool both = has_flag(s, at, NODE_COMPACT) && has_flag(s, from, NODE_COMPACT);
    s->env->host->link(s->env, at, from, message_ref(m), both ? COMPACT_SHORT : COMPACT_BODY,
                       both ? short_size(s, m) : m->size);
}

static void whole(const struct compact_state *s, struct pull *p, node_id at, node_id from,
                  struct message *m)
{
    if (!pull_got(p, s->env, at))
        return;
    if (s->env->host->deliver(s->env, at, from, m))
        announce(s, at, from, m);
    else
        pull_refused(p, s->env, at);
}

static void compact_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct compact_state *s = state;
    struct pull *p = pull_of(s->env, m);
    if (!p)
        return;
    bool has = pull_phase(p, s->env, at) == PULL_HAS;
    switch (type) {
    case COMPACT_ANNOUNCE:
        if (pull_heard(p, s->env, at, from))
            ask(s, at, from, m);
        break;
    case COMPACT_REQUEST:
        if (has)
            answer(s, at, from, m);
        break;
    case COMPACT_SHORT:
        if (has)
            break;
        if (rebuilds(s, at, m))
            whole(s, p, at, from, m);
        else
            s->env->host->link(s->env, at, from, message_ref(m),
                               COMPACT_MISSING_REQUEST | LINK_CONTROL, (uint32_t)s->cfg->request);
        break;
    case COMPACT_MISSING_REQUEST:
        if (has)
            s->env->host->link(s->env, at, from, message_ref(m), COMPACT_MISSING,
                               missing_size(s, from, m));
        break;
    default: whole(s, p, at, from, m);
    }
}

static void compact_timer(void *state, node_id node, struct message *m)
{
    struct compact_state *s = state;
    struct pull *p = pull_of(s->env, m);
    node_id next = p ? pull_late(p, s->env, node) : NODE_NONE;
    if (next != NODE_NONE)
        ask(s, node, next, m);
}

static void compact_fini(void *state)
{
    mem_free(((struct compact_state *)state)->flags);
}

const struct gossip_ops gossip_compact_model = {
    .model = {"compact",
              "Short ids of a block's transactions; what is missing is fetched (BIP 152).",
              &gossip_compact_table},
    .state_size = sizeof(struct compact_state),
    .init = compact_init,
    .publish = compact_publish,
    .link = compact_link,
    .timer = compact_timer,
    .fini = compact_fini,
};
