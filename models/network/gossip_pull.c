#include "models/network/gossip_pull.h"

#include "sim/base/mem.h"

/* A node's word: the phase in two bits, then two places among its neighbours, plus one, of 15 bits
 * each: who is asked next, and after that. */
enum { SPARE_BITS = 15, SPARE_MAX = (1 << SPARE_BITS) - 1 };

struct pull {
    uint32_t *nodes; /* NULL: all have it */
    uint32_t left;   /* nodes that do not */
};

static void pull_fini(void *route)
{
    struct pull *p = route;
    if (p)
        mem_free(p->nodes);
}

struct pull *pull_of(struct gossip_env *env, struct message *m)
{
    struct pull *p = m->route;
    if (p)
        return p;
    p = mem_alloc(1, sizeof *p);
    uint32_t *nodes = mem_zalloc(env->count, sizeof *nodes);
    if (!p || !nodes) {
        mem_free(p);
        mem_free(nodes);
        env->host->fail(env);
        return NULL;
    }
    *p = (struct pull){nodes, env->count};
    m->route = p;
    m->route_fini = pull_fini;
    return p;
}

enum pull_phase pull_phase(const struct pull *p, const struct gossip_env *env, node_id node)
{
    return p->nodes ? (enum pull_phase)(p->nodes[node - env->first] & 3) : PULL_HAS;
}

uint32_t gossip_position(struct gossip_env *env, node_id node, node_id peer)
{
    const node_id *all;
    uint32_t count = env->host->neighbours(env, node, &all);
    /* Ascending, but in a full mesh, where they follow one another from the node's own number on.
     */
    if (count && count == env->count - 1) {
        uint32_t guess = (peer + (peer < all[0] ? env->count : 0) - all[0]) % env->count;
        if (guess < count && all[guess] == peer)
            return guess;
    }
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (all[middle] < peer)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && all[low] == peer ? low : UINT32_MAX;
}

static void keep_in_mind(uint32_t *word, struct gossip_env *env, node_id at, node_id from)
{
    uint32_t first = *word >> 2 & SPARE_MAX, second = *word >> (2 + SPARE_BITS);
    if (second)
        return;
    uint32_t place = gossip_position(env, at, from);
    if (place >= SPARE_MAX)
        return;
    *word |= (place + 1) << (first ? 2 + SPARE_BITS : 2);
}

bool pull_heard(struct pull *p, struct gossip_env *env, node_id at, node_id from)
{
    uint32_t *word = p->nodes ? &p->nodes[at - env->first] : NULL;
    if (!word)
        return false;
    switch (*word & 3) {
    case PULL_UNKNOWN: *word = PULL_ASKED; return true;
    case PULL_ASKED: keep_in_mind(word, env, at, from); return false;
    default: return false;
    }
}

node_id pull_late(struct pull *p, struct gossip_env *env, node_id node)
{
    uint32_t *word = p->nodes ? &p->nodes[node - env->first] : NULL;
    if (!word || (*word & 3) != PULL_ASKED)
        return NODE_NONE;
    uint32_t first = *word >> 2 & SPARE_MAX, second = *word >> (2 + SPARE_BITS);
    if (!first) {
        *word = PULL_UNKNOWN;
        return NODE_NONE;
    }
    *word = PULL_ASKED | second << 2;
    const node_id *all;
    env->host->neighbours(env, node, &all);
    return all[first - 1];
}

bool pull_got(struct pull *p, const struct gossip_env *env, node_id node)
{
    enum pull_phase phase = pull_phase(p, env, node);
    if (phase == PULL_HAS || phase == PULL_REFUSED)
        return false;
    p->nodes[node - env->first] = PULL_HAS;
    if (--p->left == 0) {
        mem_free(p->nodes);
        p->nodes = NULL;
    }
    return true;
}

void pull_refused(struct pull *p, const struct gossip_env *env, node_id node)
{
    if (p->nodes)
        p->nodes[node - env->first] = PULL_REFUSED;
}

void gossip_tell(struct gossip_env *env, node_id node, node_id except, struct message *m,
                 uint8_t type, uint32_t size)
{
    const node_id *neighbours;
    const struct pull *p = pull_of(env, m);
    uint32_t count = p ? env->host->neighbours(env, node, &neighbours) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (neighbours[i] != except) {
            enum pull_phase there = pull_phase(p, env, neighbours[i]);
            bool known = there == PULL_HAS || there == PULL_REFUSED; /* for good */
            (known ? env->host->moot : env->host->link)(env, node, neighbours[i], message_ref(m),
                                                        type, size);
        }
}

uint32_t gossip_short_size(const struct message *m, uint32_t id, uint32_t fixed)
{
    uint64_t whole = 0, count = m->block ? m->block->tx_count : 0;
    for (uint32_t i = 0; i < count; i++)
        whole += m->block->txs[i]->size;
    uint64_t listed = count * id + fixed;
    return m->block && listed < whole ? (uint32_t)(m->size + listed - whole) : m->size;
}

uint32_t gossip_missing_size(struct gossip_env *env, node_id node, const struct message *m)
{
    /* Message header, block hash and count around the transactions. */
    enum { MISSING_FIXED = 24 + 32 + 3 };
    uint32_t bytes = env->host->missing(env, node, m);
    return bytes < m->size ? bytes + MISSING_FIXED : m->size;
}
