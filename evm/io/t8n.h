/* evm/io/t8n.h - one block as other projects' test generators ask for it: accounts, an environment
 * and transactions in, the state after them and a summary out (the "transition tool", t8n).
 *
 *     evm_t8n_load(&t, &how, &err);  evm_t8n_run(&t, &err);  evm_t8n_put_result(&t, &text);  ...
 *     evm_t8n_fini(&t);
 *
 * Every function gives one of the tool's own exit statuses, with one line of text for a person. */
#ifndef EVM_IO_T8N_H
#define EVM_IO_T8N_H

#include "evm/block/system.h"
#include "evm/io/json.h"

enum evm_t8n_status {
    EVM_T8N_OK = 0,
    EVM_T8N_EVM = 2,        /* the block cannot be made: an invalid deposit, no memory */
    EVM_T8N_CONFIG = 3,     /* unknown fork, or the environment lacks what the fork needs */
    EVM_T8N_BLOCK_HASH = 4, /* a contract asked for the hash of a block that was not given */
    EVM_T8N_JSON = 10,      /* malformed JSON, or a field that is */
    EVM_T8N_IO = 11,        /* a file could not be read or written */
    EVM_T8N_RLP = 12,       /* the list of encoded transactions is none */
};

struct evm_t8n_options {
    const char *alloc, *env, *txs; /* paths, or "stdin" */
    const char *fork;
    uint64_t chain_id;
    bool has_reward;
    struct evm_u256 reward;
    enum evm_vm_tier tier;
};

/* A transaction of the input. */
struct evm_t8n_tx {
    struct evm_tx tx;
    char rejected[192]; /* why it is not in the block; empty: it is */
};

struct evm_t8n {
    struct evm_chain_made chain;
    const struct evm_rules *rules;
    struct evm_block block; /* header: the environment; txs: those that are in it */
    bool has_difficulty, has_excess;
    struct evm_block_hashes hashes;
    struct evm_t8n_tx *txs; /* as they stand in the input */
    uint32_t tx_count;
    struct evm_t8n_options options;
    struct evm_codes *codes;
    struct evm_state *state;        /* before the run unsealed with the accounts; after it sealed */
    const struct evm_tx **included; /* block.tx_count of them */
    struct evm_receipt *receipts;   /* likewise */
    struct evm_u256 *prices;        /* effective gas prices, likewise */
    struct evm_u256 blob_base_fee;
    struct evm_requests requests;
    struct evm_json *docs[4]; /* the documents that the above points into */
};

/* Reads the three inputs. *t is initialised by the call, must stay where it is, and evm_t8n_fini is
 * due in any case. *options is copied, its texts are borrowed. */
enum evm_t8n_status evm_t8n_load(struct evm_t8n *t, const struct evm_t8n_options *options,
                                 struct evm_err *err);
void evm_t8n_fini(struct evm_t8n *t);

/* Asks for a tracer of the transaction that is about to run, and says when it is done; the tracer
 * may be NULL. A transaction that turns out to be invalid was not traced: rejected is true. */
struct evm_t8n_tracing {
    const struct evm_tracer *(*begin)(void *self, uint32_t index, const struct evm_tx *tx);
    void (*end)(void *self, uint32_t index, const struct evm_tx_outcome *outcome);
    void *self;
};

/* Executes the block: system calls, transactions, withdrawals, requests, reward. An invalid
 * transaction is noted and left out. tracing may be NULL. */
enum evm_t8n_status evm_t8n_run(struct evm_t8n *t, const struct evm_t8n_tracing *tracing,
                                struct evm_err *err);

/* After the run: append one JSON value, with `indent` blanks before every line but the first; the
 * accounts, the summary, and the included transactions as a hexadecimal RLP list. */
enum evm_t8n_status evm_t8n_put_alloc(const struct evm_t8n *t, unsigned indent, struct evm_buf *out,
                                      struct evm_err *err);
enum evm_t8n_status evm_t8n_put_result(const struct evm_t8n *t, unsigned indent,
                                       struct evm_buf *out, struct evm_err *err);
enum evm_t8n_status evm_t8n_put_body(const struct evm_t8n *t, struct evm_buf *out,
                                     struct evm_err *err);

#endif
