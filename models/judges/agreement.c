/* Agreement: no two honest nodes commit different blocks at one height. A fork is told of once,
 * where it begins; heights that stand on it are part of it. */
#include "models/judges/judge.h"
#include "sim/base/mem.h"

#include <stdio.h>

FIELD_DECLARE_EMPTY(judge_agreement);
FIELD_DEFINE_EMPTY(judge_agreement, "No two blocks are final at one height.");

enum {
    WINDOW_FIRST = 64,  /* heights that are kept, at first ... */
    WINDOW_MOST = 4096, /* ... and at most, when nodes are that far apart */
    FORKS = 64,         /* latest blocks on forks */
};

struct height {
    uint64_t height; /* 0: none; genesis is no commit */
    struct evm_hash hash, parent;
    node_id node; /* first to commit it */
};
struct fork {
    uint64_t height;
    struct evm_hash hash;
};

struct agreement {
    struct judge_env *env;
    struct height *ring; /* by height modulo size */
    uint64_t size, highest;
    struct fork forks[FORKS];
    uint32_t fork_count;
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct agreement *s = state;
    (void)cfg;
    s->env = env;
    s->size = WINDOW_FIRST;
    s->ring = mem_zalloc(s->size, sizeof *s->ring);
    return s->ring ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a judge");
}

/* Room for nodes that commit far behind each other. Without memory the window stays as it is. */
static void grow(struct agreement *s)
{
    uint64_t size = s->size * 2;
    struct height *ring = mem_zalloc(size, sizeof *ring);
    if (!ring)
        return;
    for (uint64_t i = 0; i < s->size; i++)
        if (s->ring[i].height)
            ring[s->ring[i].height % size] = s->ring[i];
    mem_free(s->ring);
    s->ring = ring;
    s->size = size;
}

static bool on_fork(const struct agreement *s, uint64_t height, const struct evm_hash *hash)
{
    for (uint32_t i = 0; i < FORKS && i < s->fork_count; i++)
        if (s->forks[i].height == height && evm_hash_eq(&s->forks[i].hash, hash))
            return true;
    return false;
}

/* jumps: b does not stand on what the node had committed before. */
static void look(struct agreement *s, node_id node, const struct block *b, bool jumps)
{
    while (b->height + s->size <= s->highest && s->size < WINDOW_MOST) {
        uint64_t size = s->size;
        grow(s);
        if (s->size == size)
            break;
    }
    struct height *h = &s->ring[b->height % s->size];
    if (b->height > s->highest)
        s->highest = b->height;
    if (h->height < b->height) {
        *h = (struct height){b->height, b->hash, b->parent_hash, node};
        return;
    }
    if (h->height > b->height || evm_hash_eq(&h->hash, &b->hash) || on_fork(s, b->height, &b->hash))
        return;
    /* With different parents they part further down, where that is told of. */
    bool known = !jumps && !evm_hash_eq(&h->parent, &b->parent_hash);
    s->forks[s->fork_count++ % FORKS] = (struct fork){b->height, b->hash};
    if (known)
        return;
    char text[200];
    snprintf(text, sizeof text,
             "node %u commits block %02x%02x%02x%02x at height %llu, where node "
             "%u committed %02x%02x%02x%02x",
             node, b->hash.b[0], b->hash.b[1], b->hash.b[2], b->hash.b[3],
             (unsigned long long)b->height, h->node, h->hash.b[0], h->hash.b[1], h->hash.b[2],
             h->hash.b[3]);
    struct judge_violation v = {.node = node, .height = b->height, .round = b->round, .text = text};
    s->env->host->violation(s->env, &v);
}

static void commit(void *state, const struct judge_commit *c)
{
    struct agreement *s = state;
    for (uint64_t h = c->before->height + 1; h <= c->block->height; h++) {
        const struct block *b = block_ancestor(c->block, h);
        if (b)
            look(s, c->node, b, h == c->before->height + 1 && b->parent != c->before);
    }
}

static void fini(void *state)
{
    struct agreement *s = state;
    mem_free(s->ring);
}

const struct judge_ops judge_agreement_model = {
    .model = {"agreement", "No two honest nodes commit different blocks at one height.",
              &judge_agreement_table},
    .state_size = sizeof(struct agreement),
    .init = init,
    .commit = commit,
    .fini = fini,
};
