/* models/world/internal.h - the world's own structs and the functions its files share.
 * White-box tests may include it; models may not. */
#ifndef MODELS_WORLD_INTERNAL_H
#define MODELS_WORLD_INTERNAL_H

#include "evm/block/block.h"
#include "models/consensus/consensus.h"
#include "models/execution/execution.h"
#include "models/faults/faults.h"
#include "models/fees/fees.h"
#include "models/mempool/mempool.h"
#include "models/workload/workload.h"
#include "models/world/audit.h"
#include "models/world/book.h"
#include "models/world/desk.h"
#include "models/world/execution.h"
#include "models/world/layers.h"
#include "models/world/mail.h"
#include "models/world/routes.h"
#include "models/world/takeover.h"
#include "models/world/trace.h"
#include "models/world/verify.h"
#include "models/world/world.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/engine/engine.h"
#include "sim/record/record.h"

/* Sources of events that are no node's: these, and then the entries of workload and faults. Nodes
 * have their own numbers. */
enum { SOURCE_RECORD, SOURCE_POOLS, SOURCE_AUDITS, SOURCE_DESK, SOURCE_ENTRIES };

/* What happens, and whose `target` it is. */
enum world_event {
    EVENT_TIMER,    /* a protocol's timer; node. arg: kind, epoch, value */
    EVENT_INBOX,    /* a message's signatures are checked; node. arg: struct parcel */
    EVENT_OUTBOX,   /* a message's signatures are made; node. arg: struct parcel */
    EVENT_EXECUTE,  /* the head of the node's execution queue is due; node */
    EVENT_CALL,     /* an answer that needs no work; node. arg: struct task */
    EVENT_EMIT,     /* a transaction is due; workload entry */
    EVENT_RESUBMIT, /* a user tries another node; arg: struct tx */
    EVENT_WAKE,     /* what a closed loop asked for; workload entry */
    EVENT_FAULT,    /* a fault model's moment; faults entry. arg: kind, value */
    EVENT_SYNC,     /* a fetch takes too long; node. arg: epoch, serial */
    EVENT_REFILL,   /* a pool is asked for once more; node. arg: epoch, peer */
    EVENT_POOLS,    /* pools look for old transactions */
    EVENT_MAIL,     /* an outbox between layers is due; outbox. arg: what for */
    EVENT_AUDIT,    /* a window ends, or a proof is sent again; arg: struct audit */
    EVENT_DESK,     /* a crossing times out, or tries again; arg: its number */
    EVENT_ROUTE,    /* a report, or an epoch; a layer, or LAYER_NONE */
    EVENT_SAMPLE,   /* series */
    EVENT_COUNT
};

/* A message with what is needed around it. */
struct parcel {
    struct message *message; /* a reference */
    node_id peer;            /* inbox: handed over by; outbox: to, or NODE_NONE for everyone */
    uint8_t epoch;
};

/* A piece of a node's execution work. */
enum task_kind {
    TASK_BUILD,   /* then built() */
    TASK_CHECK,   /* then checked() */
    TASK_RUN,     /* an ancestor, or a block already ordered; then executed() */
    TASK_FETCHED, /* a block of a catch-up; then block() */
    TASK_RECOVER, /* senders of a block's transactions that the pool did not hold */
    TASK_AUDIT,   /* another layer's block, for audit.h; tag: a proof, counted from 1, or 0 */
};
struct task {
    struct task *next;
    struct block *block; /* a reference */
    struct audit *audit; /* TASK_AUDIT: a reference */
    uint64_t tag;
    node_id from; /* TASK_FETCHED */
    uint8_t kind; /* enum task_kind */
    uint8_t epoch;
    bool collected;   /* its duration is known */
    bool committed;   /* TASK_FETCHED: as the peer said */
    uint32_t count;   /* TASK_RECOVER: transactions */
    bool valid;       /* what checked() will hear */
    uint8_t instance; /* of the node's twins, that asked */
    uint64_t serial;  /* TASK_BUILD: forgotten if a later one was asked for */
};

struct node_sync; /* sync.c */

/* The second life of a node that equivocates: the honest protocol once more, under the same
 * identity, after Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021. Both lives share the
 * node's blocks, pool, cores, links and crashes; the head and the final block that the world knows
 * are those of the first. */
struct twin {
    struct consensus_env env;
    struct block *final; /* a reference: last that the second life committed */
    uint64_t build_serial;
    uint64_t handed;    /* height up to which it was last given what the first life holds, ... */
    sim_time handed_at; /* ... and when */
    struct sim_stream random;
    uint16_t voices; /* fault models that let it speak; at 0 nothing it says leaves the node */
    _Alignas(16) unsigned char state[];
};

/* Copies of up and watched, a byte a node: struct world, marks. */
enum { NODE_DOWN = 1, NODE_WATCHED = 2 };

struct node {
    layer_id layer;
    uint8_t class;    /* of the layer's hardware classes */
    uint8_t epoch;    /* counts crashes */
    uint16_t watched; /* fault models that look at its messages */
    bool up, byzantine;
    uint16_t lapses[LAPSE_COUNT]; /* fault models that want each */
    uint8_t awaits;             /* instances that are to hear of the next transaction in the pool */
    bool running;               /* the queue's head is under way */
    struct block *head, *final; /* references; final: last committed here */
    struct block *executed;     /* a reference: last executed committed block */
    struct task *queue, *queue_last; /* FIFO on the node's cores */
    struct task *waiting;            /* for the roots of an ancestor */
    struct sim_timer execute;
    sim_time run_start, run_end; /* of the queue's head, once collected */
    int64_t run_busy;
    sim_time message_free; /* messages' signatures keep the cores busy until then */
    sim_time recover_free; /* senders of transactions are recovered until then, if not running */
    sim_time recover_held; /* of the recovery's time, what was left when the block began */
    int64_t recovered, recovered_before; /* core time asked for in all; when the block began */
    int64_t message_time;                /* core time of messages' signatures asked for in all */
    int64_t block_recovery;              /* core time of TASK_RECOVER, but for the one under way */
    sim_time fetch_free;                 /* fetched blocks are hashed until then */
    sim_time stolen; /* of the queue's head: what messages' signatures took from it so far */
    uint64_t build_serial;
    struct node_sync *sync; /* NULL until something is missing */
    struct twin *twin;      /* NULL but in nodes that equivocate */
    struct vec *orphans; /* struct parcel *: blocks whose ancestors are missing; NULL: none yet */
    struct sim_stream random;
    /* totals */
    uint64_t proposed, accepted, executed_blocks;
    int64_t busy, execution_time, crashed_time;
    sim_time down_since;
    uint64_t lost; /* messages that found it down */
    uint64_t shed; /* transactions of other nodes that would have waited too long */
};

/* Who has a block. Three bits a node of the layer: got it, has it with all ancestors, executed. */
enum track_bit { TRACK_GOT, TRACK_HAS, TRACK_EXECUTED, TRACK_BITS };
/* Whether a block and those it stands on state what their execution gave. */
enum track_truth { TRUTH_UNKNOWN, TRUTH_HOLDS, TRUTH_BROKEN };
struct block_track {
    uint32_t got, executed, finals; /* nodes */
    sim_time first_received, median_received, most_received, nearly_received, last_received;
    /* most: nine in ten; nearly: ninety-nine in a hundred */
    sim_time last_spread; /* last_received, catch-up apart */
    sim_time median_executed, committed;
    sim_time speculated;               /* by env_speculate(), first of all */
    sim_time final_quorum, final_last; /* when so many of the chain's nodes had committed it */
    struct block_fees next;            /* what a child charges */
    uint8_t status;                    /* RECORD_BLOCK_STATUS_* */
    uint8_t truth;                     /* enum track_truth */
    bool fate_known, settled, written, keep_schedule, built, published;
    uint64_t gas_used, reverted;
    uint64_t tips[3];
    double fees, burnt;
    struct execution_timing timing; /* of the proposer's class */
    uint64_t words[];               /* TRACK_BITS runs of bits */
};

/* A block that env_order() made. */
struct ordered {
    struct evm_hash key; /* of what it was asked for with */
    struct block *block; /* a reference */
};

struct committed {
    struct block *block; /* a reference, until every node is well past it */
    struct evm_hash hash;
};

/* A time in which no node's chain grew. */
struct stall {
    sim_time since, length;
    uint64_t rounds; /* that failed in it; while it lasts, the layer's count when it began */
    uint32_t fewest; /* validators that were up, at the worst moment */
};

/* Nodes that agree on one order of blocks: those of one layer, or (ordering: global) of all. A
 * block holds transactions of its proposer's layer, and that layer's nodes execute it. */
struct chain {
    layer_id first_layer, layer_count; /* a run of w->layers */
    node_id first, count;
    struct validators validators;
    const struct consensus_ops *consensus;
    const void *consensus_cfg;
    unsigned char *consensus_states; /* count states */
    size_t consensus_stride;
    struct consensus_env *consensus_envs;
    struct block *genesis;
    struct vec committed;  /* struct committed, by height */
    struct vec open;       /* struct block *: references; every block whose row is not written */
    struct vec hidden;     /* struct block *: references; built, and not published at the time */
    struct vec ordered;    /* struct ordered: blocks that some node may still ask for */
    uint64_t ordered_gone; /* of them, those that no node asks for any more */
    struct map ordered_at; /* key: their number, counted from the first that ever was */
    uint64_t settled;      /* next height to settle */
    uint64_t flattened;    /* states up to this height have been folded away */
    uint64_t cut;          /* heights below it have let their blocks go */
    struct stall stall, longest; /* since the last new height of any head; the longest */
    uint64_t head_height;        /* of the highest head that a node has had */
    uint64_t last_round;         /* highest (height, round) that a protocol noted */
    uint64_t rounds;             /* beyond a height's first */
};

/* What a layer tells others of its last committed block (fees: global). */
struct fees_report {
    uint64_t height;
    uint64_t gas_used, gas_target; /* used is smoothed; 0: nothing was heard */
    struct evm_u256 base_fee;      /* of the block after it */
};

struct layer {
    layer_id id;
    struct chain *chain;
    const struct world_layer *cfg;
    char name[WORLD_LAYER_NAME];
    node_id first, count;
    const struct fees_ops *fees;
    void *fees_state;
    const struct mempool_ops *mempool;
    const struct execution_ops *execution; /* serial where the layer is sequential */
    const struct execution_cfg *execution_cfg;
    struct evm_exec_params execution_params; /* the executor's own settings */
    bool after_order; /* blocks are executed after they are ordered, or while they are */
    bool on_proposal; /* of those: while */
    bool with_list;   /* blocks carry their access lists */
    unsigned char *mempool_states; /* count states */
    size_t mempool_stride;
    struct mempool_env *mempool_envs;
    struct hardware_class *classes;
    struct evm_profile *profiles; /* theirs, slowed down */
    uint32_t class_count;
    struct execution_service *service;
    struct block *genesis;   /* with its first state; the chain's where it is its first layer */
    struct block *base;      /* a reference: its last block that the chain let go of, or genesis */
    struct block *flattened; /* a reference: the block whose state is the base */
    struct vec turns;        /* of senders whose transactions came in batches: order.c */
    struct map turn_at;      /* address: the place there */
    bool turned_back;        /* some order was not that of one chain */
    struct sim_stream sizes; /* least sizes of blocks */
    struct fees_report *heard; /* by layer; NULL until something is (fees: global) */
    struct fees_note note;     /* of it, summed up */
    struct evm_u256 heard_fees;
    uint32_t heard_count;    /* layers */
    struct mail_item **told; /* by layer: a reference on the last report; NULL until there is one */
    layer_id told_count;
    uint64_t schedules_kept;
    /* totals */
    uint64_t crossings; /* transactions that touched other layers too */
    uint64_t blocks, stale, offered, committed_txs, reverted, dropped, pending;
    uint64_t gas_used, executions, aborts;
    double fees_paid, fees_burnt;
    uint64_t sample_offered, sample_committed, sample_gas; /* since the last sample */
    struct layer_tally {
        uint64_t blocks, full, packed, gas_limit; /* as struct tally's */
        double base_fee;                          /* wei: the sum over blocks */
    } tally;                                      /* of the measured part */
};

struct source; /* sources.c */

struct fault {
    const struct fault_ops *ops;
    void *state;
    struct fault_env env;
};

/* Figures of the measured part. */
struct tally {
    uint64_t offered, committed, reverted;
    uint64_t dropped, invalid, skipped; /* each counts those behind it too */
    uint64_t gave_up;                   /* of dropped: their users waited for a lower fee */
    uint64_t waiting;                   /* offered, and held back by their users so far */
    uint64_t gas, packed, gas_limit;    /* packed: what counts against the limit */
    uint64_t blocks, full, txs, executions, aborts;
    int64_t serial, makespan, critical_path, duration, ladder;
    struct vec latency, tip, fee; /* double */
    struct vec half, most, all;   /* double: seconds until so many nodes had a block that won */
    struct vec after_first[2];    /* likewise, from the first node that got it: half, 99 in 100 */
    struct vec speculative;       /* double: seconds until one was final if nobody lied */
    struct vec final[3]; /* double: until one was, at the first, two thirds, all of the nodes */
    uint64_t won, lost, uncles; /* blocks by their fate; stale ones that those that won name */
    double first_base_fee, last_base_fee, least_base_fee, most_base_fee, last_span;
    sim_time first_block, last_block;
};

struct world {
    const struct scenario *scenario;
    const struct world_cfg *cfg;
    struct world_options options;
    struct sim *sim;
    struct net *net;
    struct record *record;
    struct trace *trace;       /* NULL where none is asked for */
    struct desk *desk;         /* NULL where the network is not partitioned */
    struct routes *routes;     /* likewise */
    struct verify *verify;     /* NULL: not asked for */
    struct takeover *takeover; /* likewise */
    struct mail *mail;         /* NULL where layers tell one another nothing */
    struct book *book;         /* NULL where the network is not partitioned */
    struct audits *audits;     /* NULL: off */
    uint32_t messages_table, interlayer_table, audits_table; /* where the file has them */
    struct workers *workers;
    struct evm_codes *codes;
    const struct evm_rules *rules;
    sim_handler_id handlers[EVENT_COUNT];
    struct layer *layers;
    layer_id layer_count;
    struct chain *chains;
    layer_id chain_count;
    struct node *nodes;
    node_id node_count;
    uint8_t *marks; /* by node: what every message asks of both its ends, NODE_DOWN, NODE_WATCHED */
    node_id *layer_first; /* layer_count + 1 */
    node_id *chain_first; /* likewise of chains: the network's groups */
    struct source *sources;
    uint32_t source_count;
    struct fault *faults;
    uint32_t fault_count;
    struct pool parcels, tasks;
    struct tx *open_txs, *open_last; /* in order of emission; one reference each */
    uint64_t pooled;                 /* transactions in pools, once for each pool */
    struct vec fallen;               /* struct tx *: no pool holds them; references */
    struct tx **pick;                /* room for a proposer's choice */
    uint32_t pick_room;
    uint32_t tx_count;
    struct sim_stream entry_random;
    sim_time load_end, end;
    int64_t *sample_busy; /* by node, at the last sample */
    sim_time *sample_up, *sample_down;
    uint64_t *sample_out;
    sim_time sampled;
    struct tally tally;
    struct seat *seats; /* court.c */
    uint32_t seat_count;
    struct world_finding findings[WORLD_FINDINGS]; /* the first ones */
    struct world_fault struck[WORLD_FAULTS];       /* for the summary */
    uint32_t struck_kinds;
    uint32_t finding_count;
    uint64_t stalls;    /* violations of liveness */
    uint32_t unsettled; /* faults that keep the network from having bounds */
    sim_time settled;   /* since when there is none */
    uint64_t violations, crashes, drops_full, messages, bytes;
    bool started, stopped, finished;
    char digest[RECORD_DIGEST_SIZE];
    enum err_code failed; /* first failure inside a handler, with its text */
    struct err failure;
};

/* ---- world.c ---- */
bool world_has_mail(const struct world *w); /* whether layers tell one another anything */
void world_out_of_memory(struct world *w);
void world_fail(struct world *w, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_schedule(struct world *w, sim_time at, uint32_t class, uint32_t source,
                    enum world_event event, uint32_t target, uint64_t arg);
static inline uint32_t world_source(const struct world *w, uint32_t which)
{
    return w->node_count + which;
}
static inline struct layer *layer_of(struct world *w, node_id node)
{
    return &w->layers[w->nodes[node].layer];
}
/* The network's group of nodes. */
static inline uint32_t chain_index(const struct world *w, const struct chain *c)
{
    return (uint32_t)(c - w->chains);
}
static inline struct chain *chain_of(struct world *w, node_id node)
{
    return layer_of(w, node)->chain;
}
static inline void *consensus_state(struct chain *c, node_id node)
{
    return c->consensus_states + (size_t)(node - c->first) * c->consensus_stride;
}
/* The state of one of the node's lives: 0, or 1 where it has a twin. */
static inline void *life_state(struct world *w, node_id node, uint8_t instance)
{
    struct twin *twin = w->nodes[node].twin;
    return instance && twin ? twin->state : consensus_state(chain_of(w, node), node);
}
static inline uint8_t lives(const struct world *w, node_id node)
{
    return w->nodes[node].twin ? 2 : 1;
}
static inline void *mempool_state(struct layer *l, node_id node)
{
    return l->mempool_states + (size_t)(node - l->first) * l->mempool_stride;
}

/* ---- genesis.c ---- */
struct genesis;
enum err_code genesis_create(struct genesis **out, struct evm_codes *codes,
                             const struct evm_rules *rules, uint64_t chain_id, struct err *err);
/* From now on, ERR_LIMIT from whatever is asked of it while *stop is non-zero; stop may be NULL. */
void genesis_heed(struct genesis *g, const volatile sig_atomic_t *stop);
/* Writes what is pending, seals and hands the state over. */
enum err_code genesis_finish(struct genesis *g, struct evm_state **out, struct err *err);
void genesis_destroy(struct genesis *g); /* accepts NULL */

/* ---- chain.c: blocks; commit.c: heads and commits ---- */
bool track_get(const struct chain *c, const struct block *b, enum track_bit bit, node_id node);
/* False if it was set already. */
bool track_set(const struct chain *c, struct block *b, enum track_bit bit, node_id node);
void chain_date(struct block *b, sim_time created);
/* The account to which a proposer's fees go. */
void chain_beneficiary(node_id node, struct evm_addr *out);
/* The last block of the layer in the chain that ends with b (may be NULL): b itself, an ancestor,
 * or where those are gone the layer's base. O(distance). */
struct block *chain_latest(const struct layer *l, struct block *b);
/* The block on whose state b is executed: the one of its layer before it; NULL if it is gone. */
struct block *chain_before(const struct world *w, const struct block *b);
struct block *chain_block(struct world *w, struct layer *l, node_id proposer,
                          const struct build_request *request, const struct block_fees *fees);
/* Fills roots, hash and size from the transactions and, with result non-NULL, the execution. */
enum evm_status chain_seal(struct world *w, struct layer *l, struct block *b,
                           const struct execution_result *result);
/* Takes over state and held (NULL: the network is not partitioned). */
enum err_code chain_genesis(struct world *w, struct layer *l, struct evm_state *state,
                            struct holdings *held, struct err *err);
/* b is complete and its proposer has it; then its proposer sends it for the first time, and it is
 * one of the run's blocks. */
void chain_built(struct world *w, struct block *b);
void chain_publish(struct world *w, struct block *b);
/* Whether b is on the final chain (RECORD_BLOCK_STATUS_*); once. */
void chain_decide(struct world *w, struct block *b, unsigned status);
/* fetched: by catch-up, which is not how blocks spread. */
void chain_got(struct world *w, node_id node, struct block *b, bool fetched);
/* The node made b of batches that it holds: as chain_got, but nothing new came in. */
void chain_made(struct world *w, node_id node, struct block *b);
/* Validators that are up. O(validators). */
uint32_t chain_validators_up(const struct world *w, const struct chain *c);
/* A node went down. */
void chain_crashed(struct world *w, struct chain *c);
/* The longest time without a new head, the one that lasts included. */
struct stall chain_longest_stall(const struct world *w, const struct chain *c);
void chain_adopt(struct world *w, node_id node, struct block *b);
void chain_commit(struct world *w, node_id node, struct block *b);
/* What follows from committed blocks that are executed and final does. */
void chain_settle(struct world *w, struct chain *c);
/* The node's second life commits: that counts nowhere, but where execution follows ordering the
 * node executes what it ordered. */
void chain_commit_twin(struct world *w, node_id node, struct block *b);
void chain_executed(struct world *w, node_id node, struct block *b);
/* Executed on the host from now on, if its parent is; false if it cannot be executed any more. */
bool chain_execute(struct world *w, struct layer *l, struct block *b);
/* Of its ancestors, those that BLOCKHASH may ask for; how many. */
size_t chain_hashes(const struct block *b, uint64_t numbers[256], struct evm_hash hashes[256]);
/* Whether one more transaction like b's largest would not have fitted. */
bool chain_is_full(const struct block *b);
/* Takes tx off the list of open ones, with its reference: its fate is known. */
void chain_close_tx(struct world *w, struct tx *tx);
/* Blocks that its layer has committed and the node has not; where execution follows the order: has
 * not executed. */
uint64_t chain_behind(const struct world *w, node_id node);
void chain_fini(struct chain *c);

/* ---- charges.c: fees ---- */
/* b is complete: what its children charge. r: what its header's results are from, or NULL. */
enum evm_status fees_follow(struct world *w, struct layer *l, struct block *b,
                            const struct execution_result *r);
/* The callbacks of struct pool_request, whose `choice` this is. */
struct fees_choice {
    const struct layer *layer;
    const struct block_fees *fees;
    void *room; /* of fees_ops.room */
};
bool fees_offers(void *self, const struct tx *tx, struct evm_u256 *out);
bool fees_takes(void *self, const struct tx *tx);
/* Bytes of mail that a crossing has taken on average, for each transaction. */
uint32_t fees_usual_mail(const struct world *w);
/* Whether tx, which crosses layers, offers what the next block of its layer asks. Not const: it is
 * noted how much mail it may cause. */
bool fees_crosses(struct world *w, struct tx *tx);
/* The highest surcharge that a block with these fees asks for a recipient, as far as 64 bits go. */
uint64_t fees_top_surcharge(const struct block_fees *fees);
/* What tx, in a block with these fees, paid its proposer a gas. */
void fees_tip_of(const struct block_fees *fees, const struct evm_tx *tx, struct evm_u256 *out);
/* Layer `at` hears of layer `of`: an older report than one heard already changes nothing. False
 * when memory is out. */
bool fees_hear(struct world *w, layer_id at, layer_id of, const struct fees_report *report);
/* Everybody knows all genesis blocks. False when memory is out. */
bool fees_begin(struct world *w);
/* b is the first block of its height that its layer commits, at this node: other layers are told.
 */
void fees_committed(struct world *w, const struct block *b, node_id node);
void fees_fini(struct layer *l);
static inline struct fees_note fees_heard(const struct layer *l)
{
    return l->note;
}

/* ---- order.c: blocks made of batches ---- */
struct block *order_block(struct world *w, node_id node, struct block *parent,
                          struct block *const *batches, uint32_t count, uint64_t round,
                          node_id proposer);
void order_init(struct chain *c);
void order_fini(struct chain *c);
void order_layer_init(struct layer *l);
void order_layer_fini(struct layer *l);

/* ---- cores.c: building, checking, executing on a node's cores ---- */
/* instance: of the node's lives, the one that asks and is answered. */
void cores_build(struct world *w, node_id node, uint8_t instance,
                 const struct build_request *request);
void cores_check(struct world *w, node_id node, uint8_t instance, struct block *b, uint64_t tag);
void cores_run(struct world *w, node_id node, uint8_t instance, struct block *b);
/* execute-on-proposal: b and its ancestors are at the node. */
void cores_speculate(struct world *w, node_id node, struct block *b);
/* b is executed before it is final, whether or not proposals are; where execution follows ordering.
 */
void cores_ahead(struct world *w, node_id node, struct block *b);
/* instance: 0 for all lives of the node, 1 for the second one alone. */
void cores_fetched(struct world *w, node_id node, uint8_t instance, struct block *b, node_id from,
                   bool committed);
void cores_on_execute(struct sim *sim, void *self, const struct sim_event *ev);
void cores_on_call(struct sim *sim, void *self, const struct sim_event *ev);
/* b came to the node, or is taken up again after a crash: before it executes, the node's cores
 * recover the senders of the transactions that its pool does not hold. */
void cores_recover(struct world *w, node_id node, struct block *b);
/* The node is to execute another layer's block, after what its own layer asks. */
void cores_audit(struct world *w, node_id node, struct block *b, struct audit *a, uint64_t tag);
int64_t cores_recovery(const struct world *w, node_id node); /* core time of that, up to now */
/* Signatures of messages need `work` of one core's time now: what executes ends so much later. */
void cores_yield(struct world *w, node_id node, sim_time work);
/* Execution follows ordering: fills what b's header says of results, those of the ancestor
 * `root_delay` below, and returns them; NULL if that one was never executed. */
bool cores_truthful(const struct world *w, struct block *b);
/* The block whose results b's header states: b itself, or the ancestor `root_delay` below; NULL
 * where it is gone. */
struct block *cores_rooted(const struct world *w, struct block *b);
const struct execution_result *cores_root(struct world *w, struct block *b);
void cores_crash(struct world *w, node_id node);
int64_t cores_busy(const struct world *w, node_id node); /* up to now */

/* ---- post.c: messages and protocols ---- */
extern const struct consensus_host post_consensus_host;
struct net_host post_net_host(struct world *w);
void post_on_timer(struct sim *sim, void *self, const struct sim_event *ev);
void post_on_inbox(struct sim *sim, void *self, const struct sim_event *ev);
void post_on_outbox(struct sim *sim, void *self, const struct sim_event *ev);
/* Sends m, of CHANNEL_LAYER, to a node of another layer. Takes over the reference. */
void post_layer(struct world *w, node_id node, node_id to, struct message *m);
/* b and its ancestors are at the node: hands over what waited for it. */
void post_connect(struct world *w, node_id node, struct block *b);
void post_crash(struct world *w, node_id node);
/* A transaction comes to a node, whose cores recover its sender between blocks. False if its pool
 * does not take it, or if it is not the node's own and would wait longer than `ingress_wait`. */
bool post_offer(struct world *w, node_id node, struct tx *tx, bool local);
/* Blocks go first: recovery rests from the moment a node begins with one until it is done. */
void post_rest(struct world *w, node_id node);
void post_resume(struct world *w, node_id node);
int64_t post_message_time(const struct world *w, node_id node);   /* of it, messages' */
int64_t post_signature_time(const struct world *w, node_id node); /* core time, up to now */

/* Messages of CHANNEL_SYNC. */
enum sync_type {
    SYNC_REQUEST = 1, /* blocks */
    SYNC_ANSWER,
    SYNC_POOL, /* what a pool holds, and what of it is missing */
    SYNC_POOL_IDS,
    SYNC_POOL_WANT,
    SYNC_POOL_BODIES,
};

/* ---- mail.c: between layers; the rest is models/world/mail.h ---- */
void mail_on_event(struct sim *sim, void *self, const struct sim_event *ev);
void mail_rows(struct world *w); /* at the end */

/* ---- refill.c: fetching transactions that gossip brought to others meanwhile ---- */
/* Twice: what was on its way to the peer itself comes with the second answer. */
void refill_ask(struct world *w, node_id node, node_id peer);
void refill_on_again(struct sim *sim, void *self, const struct sim_event *ev);
void refill_message(struct world *w, node_id node, node_id from, struct message *m);

/* ---- sync.c: fetching missed blocks ---- */
void sync_start(struct world *w, node_id node, node_id from, uint64_t height);
void sync_random(struct world *w, node_id node);
/* A neighbour, drawn by the node; false if it has none. */
bool sync_neighbour(struct world *w, node_id node, node_id *out);
/* The node's second life misses blocks: it gets what the first one holds, and what neither holds
 * is fetched. */
void sync_twin(struct world *w, node_id node, node_id from, uint64_t height);
void sync_message(struct world *w, node_id node, node_id from, struct message *m);
void sync_on_timeout(struct sim *sim, void *self, const struct sim_event *ev);
void sync_crash(struct world *w, node_id node);
void sync_fini(struct node *n);

/* ---- partition.c ---- */
/* Accounts of which every layer has a piece from the start: funds them with the sum. */
enum err_code partition_pieces(struct world *w, struct genesis *g, struct err *err);
/* All layers' genesis blocks, from the state of all workloads together (borrowed). */
/* Numbers the accounts of that state, by address. */
enum err_code partition_number(struct world *w, const struct evm_state *whole, struct err *err);
enum err_code partition_genesis(struct world *w, struct evm_state *whole, struct err *err);

/* ---- sources.c: workloads, signing, entry ---- */
enum err_code sources_create(struct world *w, struct err *err);
enum err_code sources_genesis(struct world *w, layer_id layer, struct genesis *g, struct err *err);
void sources_start(struct world *w);
/* What all entries will offer, by time: each() gets one transaction after the other, with its
 * sender; what it points to lasts for the call. Before the run. ERR_INPUT where an entry depends on
 * how the run goes; what each() returns. */
typedef enum err_code sources_coming_fn(void *self, const struct evm_state *first, sim_time at,
                                        const struct evm_tx *tx);
enum err_code sources_foresee(struct world *w, const struct evm_state *first,
                              sources_coming_fn *each, void *self, struct err *err);
/* tx goes to a node of its layer, chosen by chance. */
void sources_enter(struct world *w, struct tx *tx);
void sources_on_emit(struct sim *sim, void *self, const struct sim_event *ev);
void sources_on_resubmit(struct sim *sim, void *self, const struct sim_event *ev);
void sources_observe(struct world *w, const struct tx *tx);
void sources_on_wake(struct sim *sim, void *self, const struct sim_event *ev);
/* The node has executed b, which is final there. */
void sources_executed(struct world *w, node_id node, const struct block *b);
/* Whether the entry tells latencies itself. */
bool sources_answer(const struct world *w, uint16_t workload);
/* Layers that no entry of the workload sends to, where an entry goes to the first only because it
 * names none; 0 where routing says otherwise, or committees make use of them. */
uint32_t sources_idle(const struct world *w);
const char *sources_name(const struct world *w, uint16_t workload);
void sources_destroy(struct world *w);

/* ---- pools.c ---- */
extern const struct mempool_host pools_host;
bool pools_offer(struct world *w, node_id node, struct tx *tx, bool local);
/* A block joined, or left, the node's chain: its pool, and those whose transactions ran at another
 * layer, hear of it. */
void pools_included(struct world *w, node_id node, const struct block *b);
void pools_reverted(struct world *w, node_id node, const struct block *b);
void pools_crash(struct world *w, node_id node);
/* A transaction that is open ends as dropped; no pool holds it. */
void pools_drop(struct world *w, struct tx *tx, unsigned status);
void pools_on_tick(struct sim *sim, void *self, const struct sim_event *ev);
/* Decides the fate of transactions that no pool holds. */
void pools_settle_fallen(struct world *w, bool last);

/* ---- trouble.c: faults ---- */
enum err_code trouble_create(struct world *w, struct err *err);
void trouble_on_fault(struct sim *sim, void *self, const struct sim_event *ev);
void trouble_destroy(struct world *w);
void trouble_fini_node(struct world *w, node_id node); /* its twin */
bool trouble_hears(struct world *w, node_id node, uint8_t instance, const struct message *m);
bool trouble_refuses(struct world *w, node_id node, const struct tx *tx);
bool trouble_filter(struct world *w, node_id from, node_id to, const struct message *m,
                    sim_time *delay, struct message **replace);

/* ---- court.c: judges ---- */
enum err_code court_create(struct world *w, struct err *err); /* after validators are known */
void court_destroy(struct world *w);
/* An honest node is about to take b as final. */
void court_commit(struct world *w, node_id node, struct block *b, const uint32_t *signers,
                  uint32_t signer_count);
void court_certificate(struct world *w, node_id node, const char *what, const struct block *b,
                       uint64_t round, const uint32_t *signers, uint32_t signer_count);
/* b is committed and executed; holds: its header states what that gave. */
void court_executed(struct world *w, const struct block *b, bool holds);
void court_tick(struct world *w);
/* Safety broke, as somebody else than a judge found. judge: what it is called; lasts. */
void court_finding(struct world *w, const char *judge, layer_id layer, uint64_t height,
                   const char *text);

/* ---- rows.c: the results file ---- */
/* Makes the results file, still without rows: before the work of setting up, so that a run that is
 * killed leaves a file that says so. After create_frame. */
enum err_code rows_open(struct world *w, struct err *err);
void rows_start(struct world *w); /* the first rows of nodes and layers */
void rows_on_sample(struct sim *sim, void *self, const struct sim_event *ev);
bool rows_recorded(const struct world *w, const struct tx *tx); /* whether it gets a row */
/* b: the block that committed it, or NULL. */
void rows_transaction(struct world *w, struct tx *tx, unsigned status, const struct block *b);
void rows_blocks(struct world *w, struct chain *c, bool last);
void rows_schedule(struct world *w, const struct block *b, const struct execution_result *r);
void rows_insight(struct world *w, const struct block *b, const struct execution_result *r,
                  bool deep);
void rows_event(struct world *w, unsigned level, const char *kind, int64_t node, int64_t layer,
                const char *format, ...) __attribute__((format(printf, 6, 7)));
void rows_violation(struct world *w, const struct world_finding *f, uint64_t height,
                    uint64_t round);
/* The interval between blocks that the protocol's section asks for; 0 where it has none. */
sim_time rows_interval(const struct layer *l);
void rows_fault(struct world *w, const char *kind, int64_t node, const char *detail);
enum err_code rows_finish(struct world *w, struct err *err);
unsigned rows_phase(const struct world *w, sim_time at);

double wei_double(const struct evm_u256 *x);

#endif
