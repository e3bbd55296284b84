/* models/crosslayer/crosslayer.h - how a transaction that touches accounts of several layers is
 * carried through: one .c file a protocol behind this vtable.
 *
 * The desk (models/world/desk.h) finds out which accounts a transaction touches, by executing it on
 * the last committed states of all layers, and opens a crossing once its sender's nonce is next.
 * From then on the protocol says what happens, by the functions below; the desk carries it out in
 * blocks and mail:
 *
 *   parties    the layers whose accounts it touches, ascending; each is asked to hold them
 *   run        it is executed in a block of its layer `at`, by the real EVM, over the accounts
 * there and what the parties brought; when that block is final the desk sends every party what its
 * accounts became, and that frees them
 *
 * What a transaction touches may have changed until it runs: then it is not in the block, all is
 * let go, and start() is called again (`tries` tells how often). Everything happens at the layer
 * `at`, as its replicated service: no single node's crash ends it. Called by one thread, in the
 * run's order. */
#ifndef MODELS_CROSSLAYER_CROSSLAYER_H
#define MODELS_CROSSLAYER_CROSSLAYER_H

#include "evm/state/changes.h"
#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

enum party_phase { PARTY_IDLE, PARTY_ASKED, PARTY_HELD };

struct crossing_party {
    layer_id layer;
    uint8_t phase;             /* enum party_phase */
    struct evm_addr *accounts; /* ascending */
    uint32_t count;
    struct evm_changes values; /* PARTY_HELD: what was touched of them; of every account its balance
                                  and nonce */
};

enum crossing_phase {
    CROSSING_WAITS,   /* for its sender's nonce, for an account on its way, or for another try */
    CROSSING_GATHERS, /* the protocol's */
    CROSSING_RUNS,    /* on its way into a block of `at` */
    CROSSING_DONE,    /* executed and final; parties may still hear of it */
    CROSSING_DROPPED,
};

struct crossing {
    uint64_t id; /* from 1 */
    layer_id at; /* executes it */
    uint8_t phase;
    bool plain;      /* a payment of ether to an account without code: nothing is called */
    bool blind;      /* runs without other layers' values: run() */
    bool rooted;     /* its sender has a piece at every layer: no other than `at` can execute it */
    struct tx **txs; /* references; one, unless a protocol joined several */
    uint32_t tx_count;
    struct crossing_party *parties;
    uint32_t party_count;
    uint32_t tries;
    uint64_t note;       /* the protocol's own; 0 at every start() */
    uint32_t credit_gas; /* of a block: what paying out takes after a blind run; the protocol's */
    /* A blind run: who pays there, and gets here what was paid, or NULL. Its share of the tip; how
     * long a payment waits while it has too little there, and then goes without it. */
    const struct evm_addr *broker;
    double broker_share;
    sim_time broker_wait;
    sim_time born, started, ready, done; /* -1 before; started, ready: of the last try */
    uint64_t bytes;                      /* of mail for it */
    uint32_t timer;                      /* the desk's */
};

struct cross_env;
struct cross_host {
    sim_time (*now)(struct cross_env *env);
    /* Asks the party to lock its accounts (party->layer may be c->at too). waits: until whoever
     * holds one lets go; else it refuses at once. checks: it refuses unless its accounts are as
     * party->values says (PARTY_IDLE with values: what the last look found). Then held() or
     * refused(). */
    void (*ask)(struct cross_env *env, struct crossing *c, struct crossing_party *p, bool waits,
                bool checks);
    /* Asks that the party's accounts move to c->at, to stay there; locked for c until it has run.
     * Then held() or refused(). */
    void (*bring)(struct cross_env *env, struct crossing *c, struct crossing_party *p);
    /* Reads the party's accounts without locking them: a request and an answer by mail. Then
     * party->values are filled, its phase is idle, and read() is called. */
    void (*look)(struct cross_env *env, struct crossing *c, struct crossing_party *p);
    /* Into a block of c->at. All parties but c->at must be PARTY_HELD; or, blind (plain crossings
     * only): nobody is asked, the paid account stands for itself as an empty one, and what it is
     * paid goes there afterwards. */
    void (*run)(struct cross_env *env, struct crossing *c, bool blind);
    /* Lets go of all it holds and has asked for; then, after `delay`, looks again at what it
     * touches and calls start(). */
    void (*again)(struct cross_env *env, struct crossing *c, sim_time delay);
    /* Lets go likewise, and drops its transactions: users see them as dropped. */
    void (*drop)(struct cross_env *env, struct crossing *c);
    /* Calls late() after `delay`, unless it has run, or begun again, by then. One at a time: a new
     * one takes the place of the last. */
    void (*timer)(struct cross_env *env, struct crossing *c, sim_time delay);
    /* It is carried through and executed by `layer` instead of its sender's, which sends it there:
     * came() follows. Only before anything is asked for. */
    void (*send_to)(struct cross_env *env, struct crossing *c, layer_id layer);
    /* `from`'s transactions join c behind its own, to run in one block (what cannot run there
     * becomes a crossing of its own again); from is gone, without ended(). Both at the same layer,
     * before anything is asked for by either. */
    void (*join)(struct cross_env *env, struct crossing *c, struct crossing *from);
    uint64_t (*gas_limit)(struct cross_env *env, layer_id layer); /* of the layer's next block */
    uint64_t (*gas)(const struct crossing *c); /* that its transactions may use, at most */
    void (*fail)(struct cross_env *env);       /* memory is out */
};
struct cross_env {
    const struct cross_host *host;
    void *world;
    layer_id layers;
    struct sim_stream *rng;
};

struct crosslayer_ops {
    struct field_model model;
    size_t state_size; /* one a run, zeroed before init */
    bool moves;        /* accounts come to stay with who needs them */
    bool plain_only;   /* takes plain payments only; others go by its setting `otherwise` */
    enum err_code (*init)(void *state, const void *cfg, struct cross_env *env, struct err *err);
    void (*start)(void *state, struct crossing *c);
    void (*held)(void *state, struct crossing *c, struct crossing_party *p);
    /* why: "gone", "locked", "changed" */
    void (*refused)(void *state, struct crossing *c, struct crossing_party *p, const char *why);
    void (*read)(void *state, struct crossing *c, struct crossing_party *p); /* may be NULL */
    void (*late)(void *state, struct crossing *c);                           /* may be NULL */
    void (*came)(void *state, struct crossing *c);                           /* may be NULL */
    /* It has run, and its block is final. May be NULL. */
    void (*done)(void *state, struct crossing *c);
    /* This try ends: start() follows later, or it was dropped. May be NULL. */
    void (*ended)(void *state, struct crossing *c);
    /* The i-th account of which every layer gets a piece of so much at the start; false: there is
     * none. May be NULL. */
    bool (*piece)(const void *state, uint32_t i, struct evm_addr *addr, struct evm_u256 *each);
    void (*fini)(void *state);
};

extern const struct field_registry crosslayer_registry;

/* Row of protocols that take plain payments only. */
#define CROSSLAYER_OTHERWISE_DOC "How what calls a contract is carried through."

#endif
