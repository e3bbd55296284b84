/* models/world/op.h - what one layer's block does to another layer: ops, which stand in blocks
 * beside transactions, and what the execution of a block makes of them.
 *
 *
 * An op follows from a committed block of its layer `item.from` (or from what the desk decides
 * there) and is brought by mail; the proposers of `item.to` take it into a block. A block's ops
 * take effect in order, on the state and the holdings of the block before; then its transactions
 * run, with the accounts of other layers that OP_EXECUTE brings for them; what these became is not
 * kept, it goes back to their homes. Whether an op is refused depends on what stands before it in
 * the chain alone, so every node finds the same. Immutable once posted. */
#ifndef MODELS_WORLD_OP_H
#define MODELS_WORLD_OP_H

#include "evm/parallel/access.h"
#include "evm/state/state.h"
#include "models/world/holdings.h"
#include "models/world/mail.h"
#include "models/world/types.h"

enum op_kind {
    OP_LOCK, /* takes `accounts` for the crossing, once the block's transactions have run; refused
                if one is not here or locked. Where it `checks`, before they run, and refused too
                if one does not hold what `values` says */
    OP_RELEASE, /* what the crossing holds here is free */
    OP_APPLY,   /* `values` are what its accounts hold from now on; then free */
    OP_EXECUTE, /* runs `txs` in this block, with `values` of other layers' accounts; what it holds
                   here is free after the block */
    OP_EXPORT,  /* `accounts` leave for layer `other`; refused as OP_LOCK */
    OP_IMPORT,  /* `values`, whole accounts, are here from now on, locked if there is a crossing */
    OP_CREDIT,  /* adds balances of `values`; refused where an account is not here, or locked. With
                   a payer: takes their sum from the payer's piece here, if that is enough; if not,
                   and the sum is kept elsewhere until now, it comes from there; else refused */
    OP_SHARE, /* `accounts` are in all layers from now on. First at their home, `other`, which keeps
                 what it has; refused as OP_EXPORT. Then everywhere else */
    OP_RETIRE,  /* layer `other` is given up: takeover.h */
    OP_ADOPT,   /* ... this layer hears of it */
    OP_INHERIT, /* all that came of layer `other` is here: who asks for its accounts finds them
                   here, but for those in `moved` */
    /* What stands in no block: the desks' notes to one another. */
    NOTE_HELD, /* an OP_LOCK was granted, `values` are what its accounts hold; or OP_IMPORT is done
                */
    NOTE_REFUSED, /* an OP_LOCK or OP_EXPORT was refused: `outcome` */
    NOTE_LOOK,    /* asks what `accounts`, with the slots of `values`, hold */
    NOTE_SEEN,    /* `values`: they hold that */
    NOTE_SENT,    /* a crossing is to be carried through by another layer */
    NOTE_RETIRED, /* an OP_RETIRE is final */
    NOTE_WANT,    /* asks for what layer `other` had that is `from`'s now */
    OP_KINDS
};
const char *op_kind_name(enum op_kind kind);

enum op_outcome {
    OP_DONE,
    OP_REFUSED_GONE,    /* an account is not here */
    OP_REFUSED_LOCKED,  /* another crossing holds one */
    OP_REFUSED_CHANGED, /* it does not hold what was expected */
    OP_REFUSED_SHORT,   /* OP_CREDIT: its payer has too little */
    OP_DONE_SHORT,      /* OP_CREDIT: likewise; what was kept for it pays */
};

struct op {
    struct mail_item item; /* first member: op_of() */
    uint8_t kind;          /* enum op_kind */
    bool waits;            /* OP_LOCK, OP_EXPORT: proposers leave it out while it would be refused
                              for a lock */
    bool checks;           /* OP_LOCK: `values` must be what is there */
    bool blind;            /* OP_EXECUTE: other layers' accounts stand for themselves as empty ones;
                              what they are paid goes as OP_CREDIT */
    layer_id other;
    uint64_t crossing; /* 0: none */
    uint64_t serial;   /* of the run's ops: in the block's hash */
    struct evm_addr *accounts;
    uint32_t account_count;
    struct evm_changes values; /* by address ascending */
    struct tx **txs; /* references; the order in which they run. OP_APPLY: those of senders of this
                        layer that ran elsewhere, for its pools */
    uint32_t tx_count;
    struct op
        *cancels;      /* OP_RELEASE: a reference on the op that it takes back if it can, or NULL */
    struct op *origin; /* OP_EXECUTE: a reference on the op of which it runs a part, or NULL */
    uint32_t gas;      /* of the block that it stands in */
    /* OP_CREDIT: */
    bool has_payer,
        kept; /* kept: the sum is kept at layer `other`, for the payer when it has paid */
    struct evm_addr payer;
    /* OP_CREDIT: proposers wait so long for a payer that has too little. OP_LOCK, OP_EXPORT that
     * wait: proposers leave it out from then on, for who asked will have given up before he could
     * use what he got. */
    sim_time until;
    /* Of a layer that is given up: */
    struct addr_table *moved; /* OP_INHERIT: a reference, homes of accounts that had left it */
    uint64_t heard;           /* OP_INHERIT: successions that it heeds */
    uint8_t succession;       /* from 1: of which it is a part; or, of others, to which it yields */
    bool inherited;           /* OP_IMPORT: the lock stays until its crossing lets go of it */
    sim_time since;           /* OP_CREDIT: when its user sent the payment; -1: it is no user's */
    /* The desk's own. */
    bool settled;    /* it stands in a committed block, or never will */
    bool withdrawn;  /* no proposer takes it any more */
    uint8_t outcome; /* NOTE_REFUSED: enum op_outcome */
    uint64_t mark;   /* desk_fill: the block that it stands in, or one below */
};

static inline struct op *op_of(struct mail_item *item)
{
    return (struct op *)item;
}
/* One reference for the caller, NULL when memory is out. Sizes: op_sized() once it is filled. */
struct op *op_create(enum op_kind kind, layer_id from, layer_id to, uint64_t crossing);
uint32_t op_values_bytes(const struct evm_changes *values); /* on the wire, without code */
void op_sized(struct op *op); /* sets item.size to what its parts take on the wire */
static inline void op_unref(struct op *op)
{
    mail_unref(op ? &op->item : NULL);
}

/* ---- in a block ---- */

/* Whether it takes effect when the block's transactions have run, and OP_EXECUTE's accounts are
 * free: so those of the layer's own users run between two crossings that want the same. */
static inline bool op_is_last(const struct op *op)
{
    return op->kind == OP_LOCK && !op->checks;
}

/* Accounts leave s, which is not sealed; their code stays. */
enum evm_status op_leave(struct evm_state *s, const struct evm_changes *gone);
/* Whole accounts come; a proposer's fees that stood there under one's address stay. */
enum evm_status op_bring_in(struct evm_state *s, const struct evm_changes *values);
uint64_t ops_gas(struct op *const *ops, uint32_t count); /* that they take of it */

/* Whether it only moves money from one account with pieces to another. */
static inline bool op_moves_pieces(const struct op *op)
{
    return op->kind == OP_CREDIT && op->has_payer && !op->kept;
}
/* What the op would come to on these holdings; changes them as it would. Looks at no state: an
 * OP_LOCK that checks may still be refused for what accounts hold. */
enum op_outcome op_try(struct holdings_draft *d, const struct op *op);

/* What the ops of a block gave. Zeroed is empty; ops_result_fini. */
struct ops_result {
    uint8_t *outcomes;       /* enum op_outcome, an op */
    struct evm_changes *out; /* of OP_EXPORT: the accounts whole; else empty; an op */
    uint32_t count;
    struct holdings *during; /* while its transactions run: the guard's */
    struct holdings *after;  /* a child block's */
    struct evm_state *base;  /* after the ops, sealed */
    struct evm_state *lent; /* base with the accounts that OP_EXECUTE brings, sealed; may be base */
    uint32_t written;       /* accounts and slots that ops wrote: the state root's work */
    uint64_t gas;           /* of the block, that ops take */
    uint32_t bytes;         /* of what ops wrote */
};
enum evm_status ops_apply(struct ops_result *out, struct op *const *ops, uint32_t count,
                          struct evm_state *before, struct holdings *held);
void ops_result_fini(struct ops_result *r); /* accepts zeroed */

/* Of a transaction that ran over ops_result.lent: */
enum guard_verdict {
    GUARD_FINE,
    GUARD_FOREIGN, /* it touched an account of another layer that was not brought for it */
    GUARD_LOCKED,  /* it touched one that another crossing holds */
};
/* verdicts: one for each of tx_count transactions. False when none is but FINE. copies: the layer
 * has the code of other layers' contracts as it is (code_lasts). */
bool ops_guard(const struct ops_result *r, bool copies, struct op *const *ops, uint32_t op_count,
               const struct evm_tx *const *txs, uint32_t tx_count, const struct evm_addr *coinbase,
               const struct evm_access_sets *sets, uint8_t *verdicts);

/* Whether one of the ops brings the account for what it runs, as its home said that it is. */
bool ops_bring(struct op *const *ops, uint32_t count, const struct evm_addr *addr);

/* Whether an account keeps its code for good, so that copies of it at other layers stay right: from
 * Cancun on nothing that lasts beyond its transaction self-destructs (EIP-6780); a delegation
 * (EIP-7702) is never copied. */
static inline bool code_lasts(const struct evm_rules *rules)
{
    return rules->fork >= EVM_CANCUN;
}

/* Splits what a block changed: what this layer keeps, and the rest, which its crossings send home.
 * Both initialised by the caller. */
enum evm_status ops_split(const struct ops_result *r, const struct evm_addr *coinbase,
                          const struct evm_changes *all, struct evm_changes *here,
                          struct evm_changes *away);

/* keccak256 over the ops, as the header states them. */
void ops_root(struct op *const *ops, uint32_t count, struct evm_hash *out);

#endif
