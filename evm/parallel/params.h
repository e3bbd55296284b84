/* evm/parallel/params.h - the settings of executors. One plain struct for all of them; the comment
 * of a member names who reads it. Zeroed memory is not the default: evm_exec_params_default is. */
#ifndef EVM_PARALLEL_PARAMS_H
#define EVM_PARALLEL_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/* Which ready transaction a free core takes. */
enum evm_pick {
    EVM_PICK_FIRST, /* the lowest: what the ladder needs next */
    EVM_PICK_BIG,   /* big gas limits first: a long transaction that starts late ends last */
};

/* Whose transactions a core takes. */
enum evm_split {
    EVM_SPLIT_SHARED, /* anybody's */
    EVM_SPLIT_STATIC, /* its own run of the block, and no other */
    EVM_SPLIT_STEAL,  /* its own first, then what others have not begun */
};

/* Where access-list and locks know from what transactions touch. */
enum evm_sets_source {
    EVM_SETS_PREVIOUS, /* a previous execution's sets: the block is executed serially beforehand, as
                          its proposer did, at no charge */
    EVM_SETS_DECLARED, /* senders, recipients and EIP-2930 lists: incomplete */
    EVM_SETS_BAL,      /* an EIP-7928 block access list: complete, with the values written */
};

struct evm_exec_params {
    enum evm_pick pick;        /* ladder, access-list, hybrid */
    enum evm_split split;      /* ladder */
    bool reserve_core;         /* ladder: from three cores on, one does nothing but commits */
    uint32_t window;           /* ladder: speculation at most this far ahead; 0: adapts */
    bool deltas;               /* ladder, hybrid: balances as differences */
    bool predict_nonces;       /* ladder, hybrid: a sender's later nonces are taken to follow */
    bool partial;              /* ladder: partial re-execution */
    uint32_t rounds;           /* occ: after so many, the rest of the block runs at the head */
    enum evm_sets_source sets; /* access-list, locks */
    uint32_t hot;        /* hybrid: from this many transactions to one recipient on (in this block
                            and, fading, in those before) it goes to the lane */
    uint32_t partitions; /* partitioned: 0: as many as cores */
};

static inline struct evm_exec_params evm_exec_params_default(void)
{
    return (struct evm_exec_params){
        .deltas = true, .predict_nonces = true, .partial = true, .rounds = 10, .hot = 4};
}

#endif
