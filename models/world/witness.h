/* models/world/witness.h - how many bytes of state a block needs with it, so that somebody who
 * holds no state can execute it and compute its root: values, codes, and one Merkle proof of them
 * all.
 *
 * Items are counted: what the block's transactions read or wrote in the end (evm/parallel/access.h)
 * and the beneficiary. The proof is an expectation: keys of tries are hashes, so of n keys of which
 * k are proven, a child of length d + 1 (probability p = 16^-(d+1)) has its hash in the proof if no
 * proven key is under it, some other key is, and some proven key is under its parent; over all of
 * them
 *     sum over d of 16^(d+1) (1 - (1 - p)^(n - k)) ((1 - p)^k - (1 - 16 p)^k)
 * hashes of 32 bytes. Left out: a bit a child that says which are there, extension nodes, and that
 * nodes below 32 bytes stand for themselves (Yellow Paper, appendix D). */
#ifndef MODELS_WORLD_WITNESS_H
#define MODELS_WORLD_WITNESS_H

#include "evm/core/code.h"
#include "evm/parallel/access.h"
#include "evm/state/state.h"

enum {
    WITNESS_ACCOUNT = 100, /* address, nonce, balance, storage root, code hash */
    WITNESS_SLOT = 66,     /* key and value */
    WITNESS_HASH = 32,
};

/* What proofs are made from. */
struct witness_state {
    double accounts; /* in the state; 0: headers state no root, nothing is proven */
    double slots;    /* in each contract that has any */
    bool code;       /* codes travel: whoever gets the witness does not have them */
};

struct witness {
    uint32_t accounts, slots, contracts; /* contracts: accounts of which slots are in it */
    uint64_t code_bytes;
    double hashes;
    uint64_t bytes; /* of all that */
};

/* Expected hashes in a proof of k of n keys. O(log n). */
double witness_hashes(double n, double k);

/* What sets say, over the state before the block, and `more` accounts that something else than its
 * transactions touched (ops of a partitioned network). EVM_ERR_MEMORY leaves *out zeroed. */
enum evm_status witness_make(struct witness *out, const struct witness_state *of,
                             const struct evm_access_sets *sets, const struct evm_state *pre,
                             uint32_t more);

#endif
