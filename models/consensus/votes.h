/* models/consensus/votes.h - votes by value and the certificates that enough of them make; shared
 * by the protocols of this folder that count votes of more than two thirds of the weight.
 *
 * A certificate is immutable and counted by reference: one object however many messages and nodes
 * hold it. Signers are validator numbers, each once, in the order in which their votes came. */
#ifndef MODELS_CONSENSUS_VOTES_H
#define MODELS_CONSENSUS_VOTES_H

#include "models/consensus/consensus.h"

/* Bytes on the wire. A certificate of ECDSA signatures lists them with their signers (libhotstuff);
 * one of BLS is an aggregate (96 bytes, G2) and a bit a validator. */
enum { HASH_BYTES = 32, ECDSA_BYTES = 65, BLS_BYTES = 96 };

struct cert {
    uint32_t refs;
    uint32_t count;      /* of signers; 0: taken over with a final block, nobody's votes at hand */
    uint64_t view;       /* in which they voted */
    uint64_t high;       /* of a certificate of time-outs: the highest view that one of them knew */
    struct block *block; /* what for: a reference; NULL: for no block */
    uint32_t signers[];
};

/* One reference for the caller; NULL when memory is out. */
struct cert *cert_create(uint64_t view, struct block *block, const uint32_t *signers,
                         uint32_t count);
struct cert *cert_ref(struct cert *c);
void cert_unref(struct cert *c); /* accepts NULL */
/* *slot refers to c from now on (a reference of its own), no longer to what it did. */
void cert_set(struct cert **slot, struct cert *c);
/* Of a certificate by this many of `validators` signers. */
uint32_t cert_bytes(enum signature_kind kind, uint32_t signers, uint32_t validators);

/* What one value of a kind, number and view got so far. */
struct ballot {
    struct ballot *next;
    uint64_t number, view; /* number: the protocol's own, a height or 0 */
    uint64_t high;         /* the protocol's own */
    uint64_t weight;
    struct evm_hash hash; /* of the block; zero: none */
    uint32_t count;
    uint8_t kind;
    bool done;          /* the protocol's own: it has made what it makes of a quorum */
    uint32_t signers[]; /* room for every validator, then a bit for each */
};

/* Zeroed but for `all` before the first call. At most BALLOTS values at a time are counted, so that
 * nobody fills a node's memory with votes for views that never come. */
enum { BALLOTS = 1024 };
struct votes {
    const struct validators *all;
    struct ballot *first; /* the newest */
    uint32_t count;
};

/* Counts a validator's vote: once a kind, number, view and value. NULL: it had voted, or there is
 * no room. O(ballots). */
struct ballot *votes_add(struct votes *v, uint8_t kind, uint64_t number, uint64_t view,
                         const struct evm_hash *hash, uint32_t validator);
struct ballot *votes_find(const struct votes *v, uint8_t kind, uint64_t number, uint64_t view,
                          const struct evm_hash *hash);
/* Forgets what is below a number, or (votes_forget_views) below a view. */
void votes_forget(struct votes *v, uint64_t number);
void votes_forget_views(struct votes *v, uint64_t view);
void votes_fini(struct votes *v);

/* How often the wait for a view has been `factor` times as long as the one before: `first` times
 * factor to the power of `failures`, `most` at most. */
sim_time votes_backoff(sim_time first, double factor, uint64_t failures, sim_time most);

#endif
