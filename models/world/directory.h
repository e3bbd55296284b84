/* models/world/directory.h - the accounts of a partitioned network by number, and where they live.
 * The engine's thread owns it. What it says is what committed blocks made true: an account that
 * left one layer and has not come to another is on its way. */
#ifndef MODELS_WORLD_DIRECTORY_H
#define MODELS_WORLD_DIRECTORY_H

#include "models/world/holdings.h"
#include "sim/base/vec.h"

/* An open transaction in the list of those that are known to touch an account. */
struct tx_user {
    struct tx *tx;
    struct tx_user *next, *previous;
};

struct directory_account {
    struct evm_addr addr;
    layer_id home;         /* or LAYER_ALL; of one that moves, where it goes */
    layer_id from;         /* of one that moves, where it was; else home */
    bool ordered;          /* it is to move: an order is under way */
    bool moving;           /* it has left, and not come yet */
    bool contract;         /* it had code when it was first met */
    bool orphan;           /* first met, or without a state, while its layer is taken over: it is as
                              if on its way until its heir knows that */
    bool adopted;          /* its layer was given up */
    uint32_t moves;        /* so far */
    struct tx_user *users; /* open transactions that are known to touch it */
    uint32_t shares;       /* layers that have yet to learn that all hold it */
};

struct directory {
    layer_id layers;
    struct placement placement; /* address: first home, where it is not by hash */
    struct addr_table *numbers; /* address: number */
    uint64_t heard, open;       /* successions that took place; those that are not over */
    struct vec accounts;        /* struct directory_account */
};

enum err_code directory_create(struct directory *d, layer_id layers, struct err *err);
void directory_fini(struct directory *d); /* accepts zeroed */

/* Where it lives while nobody has met it: by placement, hash, and successions. */
layer_id directory_first_home(const struct directory *d, const struct evm_addr *addr, bool *open);
/* Its number, which it gets now if it is new: then it lives where placement and hash say.
 * ACCOUNT_NONE when memory is out. O(1). */
account_id directory_number(struct directory *d, const struct evm_addr *addr);
static inline struct directory_account *directory_at(const struct directory *d, account_id account)
{
    return (struct directory_account *)vec_at(&d->accounts, account);
}

#endif
