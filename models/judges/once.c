/* Once: no transaction is in two committed blocks of one chain. One bit a transaction of the run.
 * After a reorganisation of committed blocks, which other judges tell of, the blocks to come stand
 * on another chain than those that were looked at, and nothing is known any more. */
#include "models/judges/judge.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <string.h>

FIELD_DECLARE_EMPTY(judge_once);
FIELD_DEFINE_EMPTY(judge_once, "Transactions are committed once.");

struct once {
    struct judge_env *env;
    uint64_t *words; /* by the transaction's number */
    size_t count;
    struct evm_hash last; /* of the block looked at last */
    uint64_t height;      /* its height, 0 before any */
    bool lost;            /* the chain was left */
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct once *s = state;
    (void)cfg;
    (void)err;
    s->env = env;
    return ERR_OK;
}

/* False when memory is out: the run ends elsewhere. */
static bool reach(struct once *s, uint32_t id)
{
    size_t need = (size_t)id / 64 + 1, room = s->count ? s->count : 64;
    if (need <= s->count)
        return true;
    while (room < need)
        room *= 2;
    uint64_t *words = mem_resize(s->words, room, sizeof *words);
    if (!words)
        return false;
    memset(words + s->count, 0, (room - s->count) * sizeof *words);
    s->words = words;
    s->count = room;
    return true;
}

static void executed(void *state, const struct block *b, bool holds)
{
    struct once *s = state;
    (void)holds;
    s->lost = s->lost || (s->height > 0 && !evm_hash_eq(&s->last, &b->parent_hash));
    s->last = b->hash;
    s->height = b->height;
    for (uint32_t i = 0; i < b->tx_count && !s->lost; i++) {
        uint32_t id = b->txs[i]->id;
        if (!reach(s, id))
            return;
        uint64_t bit = UINT64_C(1) << (id % 64);
        bool again = s->words[id / 64] & bit;
        s->words[id / 64] |= bit;
        if (!again)
            continue;
        char text[200];
        snprintf(text, sizeof text,
                 "transaction %u of block %llu, of node %u, was in a committed block before", i,
                 (unsigned long long)b->height, b->proposer);
        struct judge_violation v = {
            .node = b->proposer, .height = b->height, .round = b->round, .text = text};
        s->env->host->violation(s->env, &v);
    }
}

static void fini(void *state)
{
    struct once *s = state;
    mem_free(s->words);
}

const struct judge_ops judge_once_model = {
    .model = {"once", "No transaction is in two committed blocks of one chain.", &judge_once_table},
    .state_size = sizeof(struct once),
    .init = init,
    .executed = executed,
    .fini = fini,
};
