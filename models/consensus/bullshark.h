/* models/consensus/bullshark.h - the parts of Bullshark; only its own files include it. */
#ifndef MODELS_CONSENSUS_BULLSHARK_H
#define MODELS_CONSENSUS_BULLSHARK_H

#include "models/consensus/consensus.h"

#define BS_CERTIFICATES(E, S)                                                                      \
    E(S, BS_MULTI, "multi", "The signatures of all who vouch, one beside the other (ECDSA).")      \
    E(S, BS_AGGREGATE, "aggregate", "One aggregate of them (BLS).")
FIELD_ENUM_DECLARE(bullshark_certificates, BS_CERTIFICATES);

#define BS_FIELDS(F, S)                                                                            \
    F(S, DURATION, min_delay, "50ms", "0s", "1h", "Least time between two vertices of a node.")    \
    F(S, DURATION, max_delay, "500ms", "1ms", "1h",                                                \
      "A node without transactions waits this long before it makes an empty vertex.")              \
    F(S, DURATION, leader_timeout, "1s", "1ms", "1h",                                              \
      "Wait in a round for its leader's vertex, or for the votes on it.")                          \
    F(S, COUNT, gc_depth, "50", "4", "10k",                                                        \
      "Rounds below the last ordered leader that a node keeps, and that may still be ordered.")    \
    F(S, GAS, batch_gas, "0gas", "0gas", "1000Ggas",                                               \
      "Gas limits that a batch holds; 0 is a block's over the validators, a 16th of it at least.") \
    F(S, ENUM(bullshark_certificates), certificates, "multi", NULL, NULL,                          \
      "How a certificate proves its votes.")                                                       \
    F(S, DURATION, fetch_delay, "200ms", "1ms", "1h",                                              \
      "A vertex whose past is missing for so long is asked for.")                                  \
    F(S, DURATION, resend, "2s", "10ms", "1h",                                                     \
      "A node that stays in a round for this long repeats itself and asks.")
FIELD_DECLARE(bullshark_cfg, BS_FIELDS);

enum bs_message { MSG_VERTEX = 1, MSG_ACK, MSG_CERTIFICATE, MSG_HOLDINGS };
enum bs_timer { TIMER_TICK = 1, TIMER_FETCH, TIMER_RESEND };

/* Bytes on the wire. Vertex: round and height 8 each, author 4, digest 32, signature 65, and for
 * each reference an author and a digest. Vote: round 8, author and voter 4 each, digest 32 and a
 * signature. Certificate: round and height 8 each, author 4, digest 32, a bit a validator, and
 * signatures. Holdings: heights and rounds 8 each, signature 65, and a bit a validator and round.
 */
enum { VERTEX_BYTES = 117, REFERENCE_BYTES = 36, ACK_BYTES = 48, CERTIFICATE_BYTES = 52 };
enum { ECDSA_BYTES = 65, BLS_BYTES = 96, HOLDINGS_BYTES = 97 };

struct bs_vertex {
    uint64_t round, height; /* height: what its author has committed */
    struct evm_hash digest;
    uint32_t author;
    uint64_t refs[]; /* a bit a validator: whose vertices of the round before it stands on */
};
struct bs_ack {
    uint64_t round;
    struct evm_hash digest;
    uint32_t author, voter;
};
struct bs_certificate {
    uint64_t round, height;
    struct evm_hash digest;
    uint32_t author;
    uint64_t signers[]; /* a bit a validator */
};
/* What a node holds of the rounds first .. first + count - 1, certified: a bit a validator each. */
struct bs_holdings {
    uint64_t height, round;
    uint64_t first;
    uint32_t count;
    bool all;   /* asked of one node alone: whatever it holds; else only what it made itself */
    bool reply; /* says only how far its maker is */
    uint64_t bits[];
};

/* What a node knows of the vertex of one validator in one round. Messages are references. */
struct bs_slot {
    struct message *vertex, *certificate;
    sim_time since; /* something is missing since then */
    bool checked;   /* its batch was judged, or is being judged */
    bool valid, acked;
    bool accepted; /* it is here with its certificate and its past */
    bool ordered;
};
struct bs_round {
    uint64_t accepted_weight;
    uint32_t waiting;      /* slots that lack something */
    uint64_t *accepted;    /* bits */
    struct bs_slot *slots; /* one a validator */
};

struct bullshark {
    struct consensus_env *env;
    const struct bullshark_cfg *cfg;
    uint32_t n, words;   /* validators; words of a set of them */
    struct block *final; /* last committed: a reference */
    uint64_t first;      /* lowest round that is kept, from 1 */
    struct bs_round **rounds;
    uint32_t count, room;
    uint64_t anchor;              /* round of the leader that final came from; 0: none */
    bool marked;                  /* the past of that leader is marked as ordered */
    uint64_t round;               /* of this node's last vertex; 0: none */
    struct bs_certificate *votes; /* for it, until there are enough; NULL: it is certified */
    uint64_t voted;               /* weight of them */
    uint64_t *refs;               /* of the vertex that is being built */
    uint64_t building;            /* its round, or 0 */
    bool carries;                 /* transactions that are not ordered yet are in its past */
    sim_time proposed;            /* when the last vertex was made */
    uint64_t timed_out;           /* last round whose leader was given up */
    uint64_t stuck_round;         /* at the last look: own round and ... */
    uint64_t stuck_top;           /* ... highest round of which a quorum is here */
    struct sim_timer tick;
    bool fetching;         /* its timer runs */
    uint64_t height_heard; /* highest that anybody said it had committed */
    node_id height_from;
};

/* ---- sets ---- */

static inline bool bs_has(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}
static inline void bs_add(uint64_t *set, uint32_t i)
{
    set[i / 64] |= UINT64_C(1) << (i % 64);
}
uint64_t bs_weight(const struct bullshark *t, const uint64_t *set);
uint32_t bs_size(const struct bullshark *t, const uint64_t *set);

/* ---- the graph (bullshark_dag.c) ---- */

struct bs_round *bs_find(const struct bullshark *t, uint64_t round); /* NULL: nothing of it */
struct bs_round *bs_get(struct bullshark *t,
                        uint64_t round); /* NULL: too old, too new, no memory */
/* Drops all rounds below. */
void bs_drop_below(struct bullshark *t, uint64_t round);
uint64_t bs_last(const struct bullshark *t); /* highest round of which anything is known */
/* Highest round of which accepted vertices weigh a quorum; 0 if none does. */
uint64_t bs_top(const struct bullshark *t);

static inline const struct bs_vertex *bs_vertex_of(const struct bs_slot *s)
{
    return s->vertex ? (const struct bs_vertex *)s->vertex->payload : NULL;
}
static inline const struct bs_certificate *bs_certificate_of(const struct bs_slot *s)
{
    return s->certificate ? (const struct bs_certificate *)s->certificate->payload : NULL;
}
/* Whether all that v stands on is accepted here, or so old that it does not count. */
bool bs_past_is_here(const struct bullshark *t, const struct bs_vertex *v);

/* What is to be reached from a vertex: a set for each round low .. high. */
struct bs_past {
    uint64_t low, high;
    uint64_t *sets;
};
/* All that is not ordered yet, in rounds from `low` on, and reached from the validators `from` of
 * round `high`, these included. False when memory is out. */
bool bs_reach(const struct bullshark *t, uint64_t high, const uint64_t *from, uint64_t low,
              struct bs_past *out);
static inline uint64_t *bs_past_at(const struct bullshark *t, const struct bs_past *p,
                                   uint64_t round)
{
    return p->sets + (round - p->low) * t->words;
}

uint32_t bs_leader(const struct bullshark *t, uint64_t round);
/* Orders what the accepted vertices let it; commits. */
void bs_order(struct bullshark *t);
/* A block that came by catch-up is the last committed one now. */
void bs_adopt_final(struct bullshark *t, struct block *b);

/* ---- what is missing (bullshark_fetch.c) ---- */

struct message *bs_copy(const struct message *m, struct bullshark *t, uint32_t author);
/* To one node, or to everyone (NODE_NONE): what this node holds, so that it hears the rest. */
void bs_ask(struct bullshark *t, node_id to);
void bs_on_holdings(struct bullshark *t, node_id from, const struct message *m);
void bs_on_fetch(struct bullshark *t);
void bs_arm_fetch(struct bullshark *t);
void bs_hear_height(struct bullshark *t, node_id from, uint64_t height);

#endif
