/* Tendermint: what a node heard at its height: rounds, votes by value, who spoke. */
#include "models/consensus/tendermint.h"
#include "sim/base/mem.h"

#include <string.h>

void tm_round_free(struct round *r)
{
    if (!r)
        return;
    block_unref(r->block);
    mem_free(r);
}

struct round *tm_round_get(struct tendermint *t, uint64_t number)
{
    if (number >= t->round_count) {
        if (number > 100000)
            return NULL;
        uint32_t count = (uint32_t)number + 4;
        struct round **rounds = mem_resize(t->rounds, count, sizeof *rounds);
        if (!rounds)
            return NULL;
        memset(rounds + t->round_count, 0, (count - t->round_count) * sizeof(struct round *));
        t->rounds = rounds;
        t->round_count = count;
    }
    if (!t->rounds[number]) {
        uint32_t n = t->env->validators->count;
        struct round *r = mem_zalloc(1, sizeof *r + (size_t)n * 3);
        if (!r)
            return NULL;
        r->votes[PREVOTE].voted = r->memory;
        r->votes[PRECOMMIT].voted = r->memory + n;
        r->heard = r->memory + (size_t)n * 2;
        t->rounds[number] = r;
    }
    return t->rounds[number];
}

struct round *tm_round_find(const struct tendermint *t, int64_t number)
{
    return number >= 0 && (uint64_t)number < t->round_count ? t->rounds[number] : NULL;
}

bool tm_voted_for(const struct tally *v, uint32_t validator, const struct evm_hash *hash)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->voted[validator] >> i & 1 && evm_hash_eq(&v->candidates[i].hash, hash))
            return true;
    return false;
}

uint64_t tm_tally_of(const struct tally *v, const struct evm_hash *hash)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (evm_hash_eq(&v->candidates[i].hash, hash))
            return v->candidates[i].weight;
    return 0;
}

void tm_hear(const struct tendermint *t, struct round *r, uint32_t validator)
{
    if (r->heard[validator])
        return;
    r->heard[validator] = 1;
    r->seen += t->env->validators->weights[validator];
}

void tm_count_vote(const struct tendermint *t, struct round *r, const struct vote_payload *vote)
{
    struct tally *v = &r->votes[vote->kind];
    uint32_t i = 0;
    while (i < v->count && !evm_hash_eq(&v->candidates[i].hash, &vote->hash))
        i++;
    if (i == CANDIDATES || v->voted[vote->validator] >> i & 1)
        return;
    if (i == v->count)
        v->candidates[v->count++] = (struct candidate){.hash = vote->hash};
    uint64_t weight = t->env->validators->weights[vote->validator];
    if (!v->voted[vote->validator])
        v->weight += weight;
    v->voted[vote->validator] |= (uint8_t)(1 << i);
    v->candidates[i].weight += weight;
    tm_hear(t, r, vote->validator);
}

uint32_t tm_proposer_of(const struct tendermint *t, uint64_t round)
{
    return validators_turn(t->env->validators, t->height + round);
}
