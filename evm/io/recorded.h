/* evm/io/recorded.h - blocks exported from a real node, with the state they start from.
 *
 * A file is JSON, gzip or plain: {"block": eth_getBlockByNumber with full transactions,
 * "prestate": {"0xaddress": {balance, nonce, code, storage}}, "blockHashes": {"number": "0xhash"},
 * and perhaps "chain": {"name": "cancun", "chainId": N}}. Without it, transactions with chain id 1
 * are of Ethereum's main network, and others of a chain that has had one fork from the first block
 * on, the one that the header's fields show.
 * Everything is checked on the way in: each transaction is rebuilt, must have its recorded hash and
 * recover to its recorded sender; the header must have the block's hash and the roots it names. */
#ifndef EVM_IO_RECORDED_H
#define EVM_IO_RECORDED_H

#include "evm/block/block.h"
#include "evm/state/state.h"

struct evm_json;

struct evm_recorded {
    struct evm_chain_config chain;
    struct evm_block block; /* uncles: the format has their hashes only, so there are none here */
    uint32_t uncle_hashes;  /* how many there were */
    struct evm_hash hash;
    struct evm_block_hashes hashes;
    struct evm_state *pre; /* sealed; what the block touches, not the whole world */
    uint64_t size; /* bytes of the block's encoding as the node reported it, 0 if it did not */
    /* Owned memory behind the above. */
    struct evm_json *doc;
    struct evm_tx *txs;
    const struct evm_tx **tx_list;
};

/* *out is initialised by the call; evm_recorded_fini in any case. The code store is borrowed and
 * must outlive *out. EVM_ERR_INPUT names the file and what is wrong with it. */
enum evm_status evm_recorded_load(const char *path, struct evm_codes *codes,
                                  struct evm_recorded *out, struct evm_err *err);
void evm_recorded_fini(struct evm_recorded *r);

#endif
