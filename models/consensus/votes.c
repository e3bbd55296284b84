/* Votes by value, and certificates. */
#include "models/consensus/votes.h"

#include <string.h>

#include "sim/base/check.h"
#include "sim/base/mem.h"

struct cert *cert_create(uint64_t view, struct block *block, const uint32_t *signers,
                         uint32_t count)
{
    struct cert *c = mem_alloc(1, sizeof *c + count * sizeof *signers);
    if (!c)
        return NULL;
    *c = (struct cert){.refs = 1, .count = count, .view = view};
    c->block = block ? block_ref(block) : NULL;
    if (count)
        memcpy(c->signers, signers, count * sizeof *signers);
    return c;
}

struct cert *cert_ref(struct cert *c)
{
    c->refs++;
    return c;
}

void cert_unref(struct cert *c)
{
    if (!c || --c->refs)
        return;
    block_unref(c->block);
    mem_free(c);
}

void cert_set(struct cert **slot, struct cert *c)
{
    struct cert *old = *slot;
    *slot = c ? cert_ref(c) : NULL;
    cert_unref(old);
}

uint32_t cert_bytes(enum signature_kind kind, uint32_t signers, uint32_t validators)
{
    enum { VIEW_BYTES = 8, SIGNER_BYTES = 4 };
    uint32_t what = HASH_BYTES + VIEW_BYTES;
    return kind == SIGNATURE_BLS ? what + BLS_BYTES + (validators + 7) / 8
                                 : what + signers * (ECDSA_BYTES + SIGNER_BYTES);
}

/* ---- ballots ---- */

static uint8_t *voted_bits(const struct votes *v, struct ballot *b)
{
    return (uint8_t *)(b->signers + v->all->count);
}

struct ballot *votes_find(const struct votes *v, uint8_t kind, uint64_t number, uint64_t view,
                          const struct evm_hash *hash)
{
    struct ballot *b = v->first;
    while (b && !(b->view == view && b->number == number && b->kind == kind &&
                  evm_hash_eq(&b->hash, hash)))
        b = b->next;
    return b;
}

struct ballot *votes_add(struct votes *v, uint8_t kind, uint64_t number, uint64_t view,
                         const struct evm_hash *hash, uint32_t validator)
{
    uint32_t n = v->all->count;
    CHECK(validator < n, "a vote of validator %u of %u", validator, n);
    struct ballot *b = votes_find(v, kind, number, view, hash);
    if (!b) {
        if (v->count == BALLOTS)
            return NULL;
        b = mem_zalloc(1, sizeof *b + n * sizeof(uint32_t) + (n + 7) / 8);
        if (!b)
            return NULL;
        b->kind = kind;
        b->number = number;
        b->view = view;
        b->hash = *hash;
        b->next = v->first;
        v->first = b;
        v->count++;
    }
    uint8_t *byte = &voted_bits(v, b)[validator / 8], bit = (uint8_t)(1 << validator % 8);
    if (*byte & bit)
        return NULL;
    *byte |= bit;
    b->signers[b->count++] = validator;
    b->weight += v->all->weights[validator];
    return b;
}

static void forget(struct votes *v, uint64_t number, uint64_t view)
{
    struct ballot **at = &v->first;
    while (*at) {
        struct ballot *b = *at;
        if (b->number >= number && b->view >= view) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        mem_free(b);
        v->count--;
    }
}

void votes_forget(struct votes *v, uint64_t number)
{
    forget(v, number, 0);
}

void votes_forget_views(struct votes *v, uint64_t view)
{
    forget(v, 0, view);
}

void votes_fini(struct votes *v)
{
    forget(v, UINT64_MAX, UINT64_MAX);
}

sim_time votes_backoff(sim_time first, double factor, uint64_t failures, sim_time most)
{
    double wait = (double)first;
    for (uint64_t i = 0; i < failures && wait < (double)most; i++)
        wait *= factor;
    return wait < (double)most ? (sim_time)wait : most;
}
