/* models/world/types.h - the nouns that every model shares: transactions, blocks, messages.
 *
 * A simulated object exists once, however many nodes hold it: it is immutable from the moment it is
 * shared, counted by reference, and a node keeps pointers to it. What a node knows (which blocks it
 * has, which it has executed) is a few bits a node beside the object, kept by the world.
 *
 * One thread, the engine's, touches reference counts and everything else here; host workers only
 * read transactions and fill executions (models/world/execution.h). Times are virtual. */
#ifndef MODELS_WORLD_TYPES_H
#define MODELS_WORLD_TYPES_H

#include "evm/block/tx.h"
#include "evm/core/vm.h"
#include "sim/base/units.h"

typedef uint32_t node_id;  /* 0 .. nodes - 1, over all layers */
typedef uint16_t layer_id; /* 0 .. layers - 1 */

#define NODE_NONE  UINT32_MAX
#define LAYER_NONE UINT16_MAX

/* ---- transactions ---- */

/* What fees may depend on beside a transaction's own fields. */
struct fees_use {
    uint64_t gas;
    uint64_t storage; /* bytes: 64 for each slot written (EIP-8037's weight of one), and code */
};

/* Where a transaction stands. Values only grow but for a reorg, which takes INCLUDED back to
 * PENDING. */
enum tx_phase {
    TX_PENDING,   /* emitted, not in a committed block */
    TX_INCLUDED,  /* in a block of some node's chain */
    TX_COMMITTED, /* in a committed block whose execution is known; executed, or skipped by it */
    TX_DROPPED,   /* the node it was given to refused it, or every pool let it go */
};

struct crossing; /* models/crosslayer/crosslayer.h */

/* One transaction of the run. `evm` is signed and complete before any model sees the struct. */
struct tx {
    uint32_t refs;
    uint32_t id;        /* order of emission, from 0 */
    uint16_t workload;  /* entry of the scenario's workload list */
    layer_id layer;     /* where it is executed */
    uint8_t phase;      /* enum tx_phase */
    bool failed;        /* committed, and reverted or skipped */
    node_id entry;      /* the node that a user gave it to */
    uint32_t size;      /* bytes on the wire */
    uint32_t sender;    /* the workload's own number of the sending account, for observe() */
    uint32_t recipient; /* likewise; UINT32_MAX for none */
    uint32_t pools;     /* nodes whose pool holds it */
    uint32_t dead;      /* of refs, those of blocks that lost */
    uint32_t position;  /* in its block */
    sim_time pooled;    /* when the first pool took it; -1 before */
    sim_time emitted;   /* when a user gave it to the entry node */
    sim_time included;  /* when the block that holds it was created; valid from TX_INCLUDED */
    sim_time committed; /* executed ones only; else RECORD_NEVER */
    uint64_t height;    /* of the block that holds it */
    uint64_t gas_used;
    struct evm_u256 gas_price;  /* effective; valid from TX_COMMITTED */
    struct tx *next, *previous; /* the world's list of transactions whose fate is open */
    uint8_t verdict;            /* enum pool_verdict: why the last pool let it go */
    bool fallen;                /* in the world's list of those that no pool holds */
    bool lost;                  /* no pool threw it out: a crash, or a block that lost, took it */
    bool row_due;               /* its row is written with its block's */
    bool skipped;               /* ordered, but execution left it out: counts as dropped */
    uint32_t executions;        /* by the node that proposed it, repeats included */
    struct tx_account {         /* its sender's account, as a pool last asked for it */
        uint64_t at;            /* the world's number of the state; 0: none did */
        uint64_t nonce;
        struct evm_u256 balance;
    } account;
    /* Of a partitioned network: */
    struct crossing *crossing; /* it touches several layers; the desk's, until its fate is known */
    uint32_t *touched;         /* accounts that it is known to touch, its sender first; its own */
    uint16_t touched_count;
    layer_id pool_layer; /* whose pools it was given to last; LAYER_NONE: none yet */
    struct tx_user
        *uses;    /* by which those accounts find it while it is open: the desk's; or NULL */
    bool crosses; /* at some time it touched several */
    uint32_t
        cross_tries; /* of crossings that carried it, those that had begun: sequential-lane's */
    uint32_t cross_bytes; /* of mail between layers that it causes; 0: none, or not known */
    struct fees_use seen; /* by its last execution in a built block; gas 0: there was none, or the
                             layer's fees do not ask */
    struct evm_tx evm;
};

struct tx *tx_ref(struct tx *t);
void tx_unref(struct tx *t); /* accepts NULL */

/* ---- fees of a block ---- */

/* Bytes that have a price of their own (fees: multidimensional). */
enum fee_bytes { FEE_STORAGE, FEE_CROSS, FEE_BYTES };

/* One recipient of transactions. */
struct fee_entry {
    struct evm_addr addr;
    struct evm_u256 surcharge; /* wei a gas, beyond the base fee (fees: local) */
    uint64_t gas, storage;     /* of transactions to it, blocks long ago counting less */
};

/* The part of a block's fees that is more than a few numbers. Immutable once a block has it, shared
 * and counted by reference. */
struct fee_table {
    uint32_t refs, count;
    struct evm_u256 price[FEE_BYTES]; /* wei a byte */
    struct fee_entry entries[];       /* addresses ascending, each once */
};
struct fee_table *fee_table_ref(struct fee_table *t); /* accepts NULL */
void fee_table_unref(struct fee_table *t);            /* accepts NULL */

/* What a fee model fixes for a block before it is filled. */
struct block_fees {
    struct evm_u256 base_fee; /* wei a gas */
    uint64_t gas_limit, gas_target;
    uint64_t excess_blob_gas;
    struct evm_u256 blob_base_fee;
    uint64_t gas_smoothed;   /* used by the blocks before it, smoothed (fees: global) */
    struct fee_table *table; /* or NULL */
    bool failed;             /* memory was out for the table */
};

/* What a block says of other layers: what its proposer's had heard of them when it was begun (fees:
 * global). Zeroed: nothing. */
struct fees_note {
    uint64_t gas_used, gas_target; /* of a block, summed over those layers; used is smoothed */
    struct evm_u256 base_fee;      /* their mean */
};

/* ---- blocks ---- */

/* What a protocol puts into a block beside its transactions: votes, a certificate. Immutable from
 * the moment that env_build() gets it, shared by all nodes like the block that holds it, and there
 * wherever the block is, also after a catch-up. Its hash stands for it in the header. */
struct block_seal {
    uint32_t refs;
    uint32_t size; /* bytes on the wire: counted in the block's */
    struct evm_hash hash;
    _Alignas(16) unsigned char payload[]; /* the protocol's own, zeroed by block_seal_create */
};

/* One reference for the caller; NULL when memory is out. */
struct block_seal *block_seal_create(size_t payload_size);
struct block_seal *block_seal_ref(struct block_seal *s);
void block_seal_unref(struct block_seal *s); /* accepts NULL */

struct execution; /* models/world/execution.h */
struct block_track;
struct op;

/* A block: header, transactions, size. Everything but `refs`, `execution` and `track` is final once
 * consensus gets it from built(); before that the builder fills it.
 *
 * The hash is keccak256 of the header's real RLP (the fields of an Ethereum header of Shanghai, the
 * consensus fields in extraData), `size` that of header and transactions as they travel. */
struct block {
    uint32_t refs;
    layer_id layer;
    bool dead;        /* another of its height is final: its transactions are not held by it */
    bool batch;       /* transactions only, on no parent, for env_order(); height is 0 */
    uint8_t instance; /* which of its proposer's instances built it; the world's; in the header */
    node_id proposer; /* NODE_NONE for genesis */
    uint64_t height;
    uint64_t round;            /* consensus' own: round, view or slot */
    uint64_t difficulty;       /* this block's weight in a fork choice by weight */
    uint64_t total_difficulty; /* with all its ancestors */
    sim_time created;          /* when its proposer began to build it */
    struct block *parent;      /* a reference; NULL for genesis and where finality cut it off */
    struct evm_hash hash, parent_hash;
    struct evm_hash transactions_root;
    struct evm_hash state_root;    /* of this block, or of `root_height` (delayed execution) */
    struct evm_hash receipts_root; /* likewise */
    uint64_t root_height;          /* the height whose results the header carries */
    uint64_t header_gas_used;      /* gas the header states: used, or the sum of limits */
    struct block_fees fees;        /* with a reference on its table */
    struct fee_table *due;         /* a reference, or NULL: the table of its children's fees */
    struct fees_note note;         /* in extraData where its fees ask for one */
    struct evm_block_env env;
    struct tx **txs; /* references */
    uint32_t tx_count;
    uint32_t uncle_count;
    struct block **uncles;   /* references, or NULL: stale blocks whose headers it carries */
    struct block_seal *seal; /* a reference, or NULL */
    struct op **ops;         /* references: what other layers' blocks do here (models/world/op.h) */
    uint32_t op_count;
    uint32_t size;               /* bytes on the wire */
    struct execution *execution; /* NULL until somebody asks for it */
    struct block_track *track;   /* the world's: who has it, who executed it */
};

struct block *block_ref(struct block *b);
void block_unref(struct block *b); /* accepts NULL */

/* *at holds a reference on b from now on, and none on what it held before; either may be NULL. */
void block_hold(struct block **at, struct block *b);

/* b lost: sets `dead`, and counts that in its transactions. Once a block. */
void block_bury(struct block *b);

/* The ancestor of b (or b itself) at `height`; NULL above b or where finality cut the tree.
 * O(difference). */
struct block *block_ancestor(struct block *b, uint64_t height);

/* ---- messages ---- */

/* Whose message it is: which receiver the world hands it to, and which dissemination the scenario
 * chose for it. */
enum channel {
    CHANNEL_TX,        /* transactions; made by the world */
    CHANNEL_BLOCK,     /* a message that carries a block: a proposal, a mined block */
    CHANNEL_CONSENSUS, /* votes, timeouts, certificates: what carries no block */
    CHANNEL_SYNC,      /* catch-up: requests and answers; made by the world, point to point */
    CHANNEL_CONTROL,   /* the network models' own: announcements, requests for announced things */
    CHANNEL_LAYER,     /* between layers */
    CHANNEL_COUNT
};

enum signature_kind { SIGNATURE_ECDSA, SIGNATURE_BLS };

/* Something that travels. Immutable once sent; one object however many receivers it has. */
struct message {
    uint32_t refs;
    uint8_t channel;        /* enum channel */
    uint8_t type;           /* the owner's own: a vote, a proposal, ... */
    uint8_t signature_kind; /* enum signature_kind, of the counts below */
    uint8_t instance;       /* which of its maker's instances made it; the world's */
    layer_id layer;
    node_id origin;        /* who made it */
    uint32_t size;         /* bytes on the wire, block and transaction included */
    uint32_t signs;        /* signatures its maker computes before it leaves */
    uint32_t verifies;     /* signatures each receiver checks before its owner sees it */
    sim_time signed_at;    /* when those were made, later sends wait for it; the world's */
    uint32_t keys;         /* of BLS: public keys that each receiver adds up for them, all told */
    uint32_t payload_size; /* bytes of payload */
    struct block *block;   /* a reference, or NULL */
    struct tx *tx;         /* a reference, or NULL */
    void (*release)(struct message *m); /* NULL, or drops what the payload refers to, at the end */
    void *route; /* the dissemination model's: who has it already. mem_free()d at the end ... */
    void (*route_fini)(void *route); /* ... after this, unless NULL, let go of what it refers to */
    _Alignas(16) unsigned char payload[]; /* the owner's own struct, zeroed by message_create */
};

/* One reference for the caller; NULL when memory is out. Takes its own references on block and tx
 * when they are set through message_set_block/tx. `size` starts as payload_size. */
struct message *message_create(enum channel channel, uint8_t type, size_t payload_size);
void message_set_block(struct message *m, struct block *b); /* adds b->size to size */
void message_set_tx(struct message *m, struct tx *t);       /* adds t->size to size */
struct message *message_ref(struct message *m);
void message_unref(struct message *m); /* accepts NULL */

#endif
