/* models/world/audit.h - layers that watch one another: committees of other layers' nodes execute a
 * layer's committed blocks again, and prove a false one.
 *
 * When a block is first committed, a share `sample` of blocks gets a committee of nodes of the
 * other layers, each set equally likely. The draw is a counter-based stream keyed by (seed, block
 * hash): it stands for a beacon whose value nobody knows before the block is committed, so a
 * proposer cannot choose a block that suits it. The node of the layer that committed it first sends
 * each member the block and its witness (models/world/witness.h) over the links, once. The member
 * checks the certificate as of any mail between layers, hashes the witness, recovers the senders
 * and executes, on its own cores and by its own hardware's schedule, when its own layer's blocks
 * leave it time. What comes out is the shared execution of the block: a member finds a false root
 * because it is false.
 *
 * A member that finds fraud sends a proof (block and witness again) to a node of every other layer,
 * by turns until one accepts; there it is executed likewise, unless that node was a member too.
 * When more than half of those layers have found it true, and the challenge window (from commit on)
 * is not over, the block's proposer is slashed, and those validators of its layer whose votes the
 * first commit named; the challenger whose proof it was gets a share, the rest is burnt. Stakes are
 * the world's own amounts, no accounts of the EVM.
 *
 * Sources: proofs of false state transitions that need no state of one's own are those of
 * Al-Bassam, Sonnino, Buterin, "Fraud and Data Availability Proofs", 2018, here of whole blocks and
 * not of the stretch between two intermediate roots; the challenge within a window, with stakes at
 * both sides, is that of Kalodner et al., "Arbitrum", USENIX Security 2018, without its bisection
 * and the challenger's deposit; who verifies for nothing: Luu et al., "Demystifying Incentives in
 * the Consensus Computer", CCS 2015, section 2.3. Left out: false accusations (a Byzantine member
 * is silent), withheld data, the reversal of a block that was proven false, the end of a validator
 * without stake (it goes on, with nothing to lose). */
#ifndef MODELS_WORLD_AUDIT_H
#define MODELS_WORLD_AUDIT_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/scenario/field.h"

#define WORLD_ON_FRAUD(E, S)                                                                       \
    E(S, WORLD_ON_FRAUD_PROVE, "prove", "It sends a proof to all other layers.")                   \
    E(S, WORLD_ON_FRAUD_SILENT, "stay-silent", "Nothing: the verdict is counted, and that is all.")
FIELD_ENUM_DECLARE(world_on_fraud, WORLD_ON_FRAUD);

#define WORLD_VALIDATION_FIELDS(F, S)                                                              \
    F(S, COUNT, committee, "0", "0", "1024",                                                       \
      "Nodes of other layers that execute a committed block again; 0 is off.")                     \
    F(S, FRACTION, sample, "100%", "0%", "100%", "Share of blocks that get a committee at all.")   \
    F(S, DURATION, window, "10s", "1ms", "1000h",                                                  \
      "From commit on: a proof that has not convinced most other layers by then is too late.")     \
    F(S, WEI, stake, "32ether", "0wei", "1000000ether", "What each validator has at stake.")       \
    F(S, FRACTION, slash, "100%", "0%", "100%",                                                    \
      "Share of the stake that a proposer loses, and each validator whose vote is named, for a "   \
      "block that is proven false.")                                                               \
    F(S, FRACTION, reward, "50%", "0%", "100%",                                                    \
      "Share of what is slashed that goes to the challenger; the rest is burnt.")                  \
    F(S, ENUM(world_on_fraud), on_fraud, "prove", NULL, NULL,                                      \
      "What a member does that finds a false block.")                                              \
    F(S, DURATION, retry, "2s", "1ms", "1h",                                                       \
      "A layer that has not accepted a proof by then gets it again, at another node.")             \
    F(S, WEI, gain, "1ether", "0wei", "1000000ether",                                              \
      "What a false block that stands is worth to its proposer: for the summary's words alone.")   \
    F(S, COUNT, state, "0", "0", "1000G",                                                          \
      "Accounts in the state, and slots in each contract, that proofs are made from; 0: as many "  \
      "as the layer's first state has.")
FIELD_DECLARE(world_validation, WORLD_VALIDATION_FIELDS);

struct world;
struct layer;
struct sim;
struct sim_event;
struct task;
struct audit;
struct evm_state;
struct execution_config;

/* Chance that a committee of m, drawn without repetition from n nodes of which `bad` say nothing,
 * has at least one that speaks: 1 - C(bad, m) / C(n, m). m <= n. O(m). */
double audit_chance(uint64_t n, uint64_t bad, uint64_t m);
/* The least committee with which fraud does not pay, where a proposer gains `gain` from a block
 * that stands and loses `loss` over one that is proven false, of which a share `sample` is looked
 * at; 0: none is large enough. O(n). */
uint64_t audit_committee(uint64_t n, uint64_t bad, double sample, double gain, double loss);

struct world_audits; /* of the summary: models/world/world.h */

/* ---- for the world ---- */

/* w->audits, or NULL where it is off. After all layers' hardware classes are known, before their
 * execution services. ERR_INPUT with a text. */
enum err_code audits_create(struct world *w, struct err *err);
/* Adds the other layers' hardware to what the layer's blocks are executed on. */
void audits_execution(struct world *w, const struct layer *l, struct execution_config *config);
/* The layer's first state, which tells how large proofs are. */
enum err_code audits_state(struct world *w, const struct layer *l, const struct evm_state *state,
                           struct err *err);
/* Stakes; after validators are known. */
enum err_code audits_stakes(struct world *w, struct err *err);
void audits_finish(struct world *w);  /* rows of what is open at the end */
void audits_destroy(struct world *w); /* after nodes' tasks and messages are gone */
void audits_summarise(const struct world *w, struct world_audits *out);

/* The votes that the next audits_committed of b is by, or NULL; borrowed until the next call. */
void audits_signers(struct world *w, const struct block *b, const uint32_t *signers,
                    uint32_t signer_count);
/* b is committed for the first time anywhere, at `node`. */
void audits_committed(struct world *w, node_id node, struct block *b);
/* m of CHANNEL_LAYER is at the node; false if it is none of ours. */
bool audits_message(struct world *w, node_id node, const struct message *m);
/* For a trace; NULL if it is none of ours. */
const char *audits_message_name(const struct message *m);
void audits_on_event(struct sim *sim, void *self, const struct sim_event *ev);

/* A node begins with a TASK_AUDIT: how long it takes, and how much core time. False: no use any
 * more. Then, when it is done. */
bool audits_begin(struct world *w, node_id node, const struct task *t, sim_time *duration,
                  int64_t *busy);
void audits_done(struct world *w, node_id node, const struct task *t, int64_t busy);

struct audit *audit_ref(struct audit *a);
void audit_unref(struct audit *a); /* accepts NULL */

#endif
