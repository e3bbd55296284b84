/* evm/state/state.h - persistent world state: a base table and one overlay per unfinalised block.
 *
 * A struct evm_state is a handle to one version of the world: the base itself, or an overlay that
 * holds only the differences from its parent. Versions are immutable once sealed, counted by
 * reference, and share everything they have in common, Merkle-Patricia nodes included, so forks and
 * lagging nodes cost their differences only.
 *
 *     child = evm_state_fork(parent);  evm_state_apply(child, &changes) ...; evm_state_seal(child);
 *
 * Any number of threads may read sealed versions (and fork from them) at once; apply and seal need
 * the version to be the caller's alone. evm_state_flatten folds finalised overlays into the base
 * and needs that nobody reads meanwhile. */
#ifndef EVM_STATE_STATE_H
#define EVM_STATE_STATE_H

#include "evm/core/error.h"
#include "evm/state/changes.h"
#include "evm/state/view.h"

struct evm_state;

/* An empty, unsealed base version; its reference count is 1. NULL when memory is out. The code
 * store is borrowed. */
struct evm_state *evm_state_create(struct evm_codes *codes);
/* A new unsealed version over a sealed parent (takes a reference on it). NULL when memory is out.
 */
struct evm_state *evm_state_fork(struct evm_state *parent);
struct evm_state *evm_state_ref(struct evm_state *s);
/* Accepts NULL. */
void evm_state_unref(struct evm_state *s);

struct evm_codes *evm_state_codes(const struct evm_state *s);

/* Reads; never PENDING. Cost: O(1) a version between here and the base that holds the item. */
void evm_state_account(const struct evm_state *s, const struct evm_addr *addr,
                       struct evm_account *out);
void evm_state_slot(const struct evm_state *s, const struct evm_addr *addr,
                    const struct evm_u256 *key, struct evm_u256 *out);

/* Writes *c into the unsealed version s. On EVM_ERR_MEMORY the version is unusable but can be
 * unref'd. */
enum evm_status evm_state_apply(struct evm_state *s, const struct evm_changes *c);
void evm_state_seal(struct evm_state *s);

/* The Merkle-Patricia root (Yellow Paper appendix D), computed incrementally from the parent's
 * nodes: O(dirty keys). Kept after the first call. s must be sealed; concurrent calls are safe. */
enum evm_status evm_state_root(struct evm_state *s, struct evm_hash *out);

/* Keccak permutations that the computation of this version's root took, keys' hashes included; 0
 * before it. Hashes that go four at a time count one by one. */
uint64_t evm_state_root_permutations(struct evm_state *s);

/* Folds every version from the base up to *s (sealed) into the base, in place: afterwards *s reads
 * in O(1) and other versions forked from a folded ancestor, other than through s, must be gone
 * (checked). Exclusive access. */
enum evm_status evm_state_flatten(struct evm_state *s);
/* Whether nobody else holds a version below, as flattening needs. O(versions). */
bool evm_state_foldable(const struct evm_state *s);

/* Bytes this version alone holds. */
size_t evm_state_bytes(const struct evm_state *s);

/* Every account of the version in ascending address order, with its slots; for dumps and proofs of
 * conservation. */
enum evm_status evm_state_each(const struct evm_state *s,
                               void (*account)(void *self, const struct evm_addr *addr,
                                               const struct evm_account *acc),
                               void (*slot)(void *self, const struct evm_addr *addr,
                                            const struct evm_u256 *key,
                                            const struct evm_u256 *value),
                               void *self);

/* The slots of one account that are not 0, by key ascending. O(slots of all accounts). */
enum evm_status evm_state_slots(const struct evm_state *s, const struct evm_addr *addr,
                                void (*slot)(void *self, const struct evm_addr *addr,
                                             const struct evm_u256 *key,
                                             const struct evm_u256 *value),
                                void *self);

/* A view over the sealed or unsealed version, for serial execution. block_hash answers from *hashes
 * (borrowed). */
struct evm_block_hashes;
struct evm_state_view {
    const struct evm_state *state;
    const struct evm_block_hashes *hashes;
};
struct evm_view evm_state_view(struct evm_state_view *v);

/* Ancestor hashes by number; a missing one reads as zero. */
struct evm_block_hashes {
    const uint64_t *numbers;
    const struct evm_hash *hashes;
    size_t count;
};

#endif
