/* models/world/audit_internal.h - what the files of audit.h share. */
#ifndef MODELS_WORLD_AUDIT_INTERNAL_H
#define MODELS_WORLD_AUDIT_INTERNAL_H

#include "models/world/audit.h"
#include "models/world/internal.h"

/* Types of messages of CHANNEL_LAYER. */
enum { AUDIT_REQUEST = 0x51, AUDIT_PROOF };

struct audit_payload {
    struct audit *audit; /* a reference */
    uint32_t proof;      /* AUDIT_PROOF: which of its proofs */
};

enum audit_member_state {
    MEMBER_ASKED,  /* nothing came back: on its way, lost, or the member is down or busy */
    MEMBER_SILENT, /* looks away: Byzantine, or credulous */
    MEMBER_SOUND,  /* executed, and found the block true */
    MEMBER_FRAUD,  /* executed, and found it false */
};
struct audit_member {
    node_id node;
    uint8_t state; /* enum audit_member_state */
};

/* One challenger's. */
struct audit_proof {
    node_id challenger;
    uint32_t accepted, tries;
    uint8_t *by; /* a byte a layer: its node found the proof true */
};

/* One block under audit: from commit until nothing refers to it. */
struct audit {
    uint32_t refs;
    struct audit *next, *previous; /* w->audits->open, until its window is over */
    struct block *block, *subject; /* references; subject: the block whose results it states */
    struct witness_size {
        uint32_t request; /* bytes of a request, and of a proof */
        uint64_t hashed;  /* of them, what must be hashed to be believed */
    } size;
    sim_time committed;
    bool fraud;    /* as execution says; nobody in the simulation knows before it executes */
    bool decided;  /* a proof has convinced most other layers */
    bool closed;   /* the window is over */
    double chance; /* of at least one member that executes and speaks, when it was drawn */
    uint32_t executed, sound, frauds; /* members */
    sim_time found, proven;           /* RECORD_NEVER: not yet */
    node_id challenger;               /* of the proof that convinced */
    int64_t core_time;                /* of members and of those who looked at proofs */
    uint64_t slashed;                 /* gwei */
    node_id *culprits;                /* of a false block: proposer first */
    uint32_t culprit_count, proof_count, count;
    struct audit_proof *proofs;
    struct audit_member members[]; /* count */
};

/* A node's, all in gwei. */
struct audit_desk {
    uint64_t stake, lost, earned;
    int64_t core_time;
    uint32_t executed, checked; /* blocks as a member, proofs of others */
};

struct audits {
    const struct world_validation *cfg;
    /* Hardware: kinds are all that differ in the network. */
    uint32_t *kind_first;            /* by layer: its first class in kind_of */
    uint32_t *kind_of;               /* by layer and class */
    uint32_t kinds;                  /* in all */
    uint8_t *place;                  /* layer * kinds + kind: its class where that layer's blocks
                                        are executed */
    struct hardware_class **classes; /* by layer: its own, then guests */
    uint32_t *class_counts;          /* likewise */
    struct witness_state *states;    /* by layer */
    struct audit_desk *desks;        /* by node */
    struct audit *open, *open_last;
    uint64_t slash;                   /* gwei, each */
    uint64_t staked, burnt, rewarded; /* gwei, in all */
    /* Votes that the next first commit is by. */
    const struct block *signed_block;
    const uint32_t *signers;
    uint32_t signer_count;
    /* Totals over the run. frauds: those whose window is over, and of them: detected, in time;
     * found, by a member; late, proven afterwards. */
    uint64_t blocks, audited, unknown, asked, executed, checked;
    uint64_t frauds, detected, found, late;
    uint64_t request_bytes, witness_bytes;
    double delay, chances; /* sums: seconds from commit to proof; closed form over frauds */
};

/* audit.c */
bool audit_looks_away(const struct world *w, node_id node);
/* Nodes of layers other than l, and how many of them are down or look away. O(nodes). */
void audit_others(const struct world *w, const struct layer *l, uint64_t *n, uint64_t *bad);
void audit_send(struct world *w, struct audit *a, node_id from, node_id to, uint8_t type,
                uint32_t proof);
/* audit_proof.c */
void audit_name_culprits(struct world *w, struct audit *a);
void audit_challenge(struct world *w, struct audit *a, node_id challenger);
/* The layer's node found a proof true. */
void audit_accept(struct world *w, struct audit *a, uint32_t proof, layer_id by);
void audit_retry(struct world *w, struct audit *a, uint32_t proof);
bool audit_accepted(const struct audit *a, uint32_t proof, layer_id by);
uint64_t audit_gwei(const struct field_wei *wei);
/* audit_sum.c */
void audit_close(struct world *w, struct audit *a);

#endif
