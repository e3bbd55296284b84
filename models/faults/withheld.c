/* Withheld blocks: a proposer sends a block of its own to a few nodes at once, and to the others
 * only after a while, by when a vote may be over or a heavier chain found. Who hears first is drawn
 * for each block. Those few pass it on where blocks spread by gossip: with blocks that go directly
 * to everyone (votes: direct, blocks: direct) they are the only ones to know. */
#include "models/faults/select.h"
#include "sim/base/mem.h"

#include <string.h>

#define FAULT_WITHHELD_FIELDS(F, S)                                                                \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    F(S, DIST(DURATION), hold, "2s", "0s", NULL, "How long a block is held back, drawn for each.") \
    F(S, FRACTION, first, "0%", "0%", "100%", "Share of the nodes that get it at once.")
FIELD_DECLARE(fault_withheld, FAULT_WITHHELD_FIELDS);
FIELD_DEFINE(fault_withheld, FAULT_WITHHELD_FIELDS, "Nodes send their blocks late.", NULL);

/* The last block that a struck node began to send. */
struct held {
    struct evm_hash hash;
    sim_time release;
};

struct withheld {
    struct fault_strike strike; /* first */
    const struct fault_withheld *cfg;
    struct held *held; /* as strike.nodes */
};

static const struct fault_strike_ops strike = {.name = "withheld", .fixed = true, .watch = true};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct withheld *s = state;
    const struct fault_withheld *c = s->cfg = cfg;
    enum err_code e =
        fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
    if (e != ERR_OK)
        return e;
    for (uint32_t i = 0; i < s->strike.count; i++)
        env->host->byzantine(env, s->strike.nodes[i]);
    s->held = mem_zalloc(s->strike.count, sizeof *s->held);
    return s->held ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for withheld blocks");
}

static struct held *held_of(struct withheld *s, node_id node)
{
    uint32_t low = 0, high = s->strike.count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->strike.nodes[middle] <= node)
            low = middle;
        else
            high = middle;
    }
    return &s->held[low];
}

/* Equal whenever it is asked for: from the block's own hash (splitmix64's finisher). */
static bool hears_first(const struct withheld *s, const struct block *b, node_id to)
{
    uint64_t x;
    memcpy(&x, b->hash.b, sizeof x);
    x += (uint64_t)(to + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (double)(x >> 11) < s->cfg->first * 9007199254740992.0;
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct withheld *s = state;
    if (!fault_struck(&s->strike, from) || !m->block || m->block->proposer != from)
        return;
    struct held *h = held_of(s, from);
    sim_time now = s->strike.env->host->now(s->strike.env);
    if (!evm_hash_eq(&h->hash, &m->block->hash)) {
        h->hash = m->block->hash;
        h->release = now + fault_time(&s->cfg->hold, s->strike.env->rng);
    }
    if (h->release > now && !hears_first(s, m->block, to))
        verdict->delay = h->release - now;
}

static void fini(void *state)
{
    struct withheld *s = state;
    mem_free(s->held);
    fault_strike_fini(&s->strike);
}

const struct fault_ops fault_withheld_model = {
    .model = {"withheld", "Nodes send blocks of their own late, but for a few receivers.",
              &fault_withheld_table},
    .state_size = sizeof(struct withheld),
    .init = init,
    .fire = fault_strike_on_fire,
    .filter = filter,
    .fini = fini,
};
