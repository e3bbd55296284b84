/* evm/block/tx.h - transactions of types 0 to 4: encoding, signing, sender recovery.
 * Sources: Yellow Paper 4.2 and appendix F; EIP-155, 2718, 2930, 1559, 4844, 7702. */
#ifndef EVM_BLOCK_TX_H
#define EVM_BLOCK_TX_H

#include "evm/core/address.h"
#include "evm/core/error.h"
#include "evm/core/types.h"

#define EVM_GAS_PER_BLOB ((uint64_t)131072) /* EIP-4844 */

enum evm_tx_type {
    EVM_TX_LEGACY,
    EVM_TX_ACCESS_LIST,
    EVM_TX_DYNAMIC_FEE,
    EVM_TX_BLOB,
    EVM_TX_SET_CODE
};

struct evm_access_entry {
    struct evm_addr addr;
    const struct evm_u256 *keys;
    size_t key_count;
};

struct evm_authorization { /* EIP-7702 */
    struct evm_u256 chain_id;
    struct evm_addr addr;
    uint64_t nonce;
    struct evm_u256 y_parity, r, s;
    struct evm_addr authority; /* recovered beforehand ... */
    bool authority_valid;      /* ... if the signature allowed it */
};

/* One decoded transaction. All pointers go into one block owned by the transaction (evm_tx_fini),
 * or are borrowed where the maker says so. Read-only once made: shared by all nodes and threads. */
struct evm_tx {
    enum evm_tx_type type;
    bool has_chain_id; /* legacy before EIP-155 has none */
    bool is_create;
    bool has_sender; /* recovered, or given by a fixture */
    uint64_t chain_id, nonce, gas_limit;
    struct evm_u256 max_fee;          /* gas price for types 0 and 1 */
    struct evm_u256 max_priority_fee; /* equal to max_fee for types 0 and 1 */
    struct evm_u256 max_blob_fee;
    struct evm_u256 value;
    struct evm_addr to, sender;
    struct evm_bytes input;
    const struct evm_access_entry *access_list;
    size_t access_count;
    const struct evm_hash *blob_hashes;
    size_t blob_count;
    struct evm_authorization *authorizations;
    size_t authorization_count;
    struct evm_u256 y_parity, r,
        s; /* v of a legacy transaction is derived from y_parity and chain_id */
    struct evm_hash hash;
    struct evm_bytes raw; /* the encoding (type byte and all), as it travels */
    void *storage;        /* the owned block */
};

void evm_tx_fini(struct evm_tx *tx);

/* Decodes one EIP-2718 envelope (or legacy RLP list) strictly: canonical integers, no trailing
 * bytes, every length as its EIP says. Copies `raw`. Sets hash; recovers no sender. */
enum evm_status evm_tx_decode(struct evm_tx *out, struct evm_bytes raw, struct evm_err *err);

/* Encodes the fields into tx->raw and sets tx->hash. Everything that tx points to, borrowed or its
 * own, is copied into one new block; afterwards tx owns all it has. EVM_ERR_INPUT, tx unchanged,
 * for fields that no encoding holds (y_parity above 1). */
enum evm_status evm_tx_encode(struct evm_tx *tx, struct evm_err *err);

/* The same, but tx->hash may be anything afterwards: for who hashes many encodings at once. */
enum evm_status evm_tx_encode_unhashed(struct evm_tx *tx, struct evm_err *err);

/* The hash that is signed. Needs tx->raw (decoded or encoded before; the signature in it does not
 * matter). */
void evm_tx_signing_hash(const struct evm_tx *tx, struct evm_hash *out);

/* Signs with a 32-byte secret key (RFC 6979 nonces: deterministic), sets sender, raw and hash. */
enum evm_status evm_tx_sign(struct evm_tx *tx, const uint8_t secret[32], struct evm_err *err);

/* Recovers tx->sender (and every authority) from the signature; low s is required from Homestead
 * on, as the flag says. EVM_ERR_INPUT for a signature that recovers to nothing. Some 40 to 60 us;
 * safe from any thread. */
enum evm_status evm_tx_recover(struct evm_tx *tx, bool require_low_s, struct evm_err *err);

/* Recovers the authority of one EIP-7702 authorization into authority and authority_valid. */
void evm_authorization_recover(struct evm_authorization *a);

/* Signs chain_id, addr and nonce; sets the signature and the authority. False for a bad key. */
bool evm_authorization_sign(struct evm_authorization *a, const uint8_t secret[32]);

/* The address of a secret key; false if the key is 0 or not below the group order. */
bool evm_address_of_secret(const uint8_t secret[32], struct evm_addr *out);

#endif
