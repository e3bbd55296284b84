/* models/workload/wallets.h - wallets that look at fees before they send: they bid, wait, or have
 * their account moved to a cheaper layer. So fees feed back into load.
 *
 * A wish is a transaction that a user wants to send. Between the wish and the transaction stands
 * the wallet. With any wallet but `fixed` a workload is asked for each transaction at that
 * transaction's own moment, so that wallets see the fees of that moment. */
#ifndef MODELS_WORKLOAD_WALLETS_H
#define MODELS_WORKLOAD_WALLETS_H

#include "models/workload/workload.h"

#define WORKLOAD_WALLET(E, S)                                                                      \
    E(S, WORKLOAD_WALLET_FIXED, "fixed",                                                           \
      "Sends at once, with the fees drawn, whatever others pay.")                                  \
    E(S, WORKLOAD_WALLET_BID, "bid",                                                               \
      "Where blocks are full, raises its tip to what others paid there lately, within max_fee.")   \
    E(S, WORKLOAD_WALLET_WAIT, "wait", "Does not send while the base fee exceeds max_fee.")        \
    E(S, WORKLOAD_WALLET_MOVE, "move",                                                             \
      "Has its account moved to the layer with the lowest base fee, in a partitioned network.")
FIELD_ENUM_DECLARE(workload_wallet, WORKLOAD_WALLET);

#define WORKLOAD_WALLET_FIELDS(F, S)                                                               \
    F(S, ENUM(workload_wallet), wallet, "fixed", NULL, NULL, "What users do about fees.")          \
    F(S, FRACTION, bid_percentile, "60%", "0%", "100%",                                            \
      "wallet: bid takes this percentile of the tips in the last 20 blocks ...")                   \
    F(S, FRACTION, bid_raise, "10%", "0%", "1000%",                                                \
      "... and offers so much more, also of what the fees ask beyond the base fee.")               \
    F(S, DURATION, patience, "1min", "0s", "never",                                                \
      "wallet: wait gives a transaction up after that; it counts as offered, and as dropped.")     \
    F(S, DURATION, look_again, "500ms", "1ms", "1h",                                               \
      "wallet: wait looks at the base fee so often.")                                              \
    F(S, FRACTION, move_threshold, "20%", "0%", "100%",                                            \
      "wallet: move wants another layer's base fee to be lower by this ...")                       \
    F(S, DURATION, move_after, "10s", "0s", NULL,                                                  \
      "... at each of its transactions for so long, before it moves.")

struct wallets_settings {
    WORKLOAD_WALLET_FIELDS(FIELD_MEMBER, wallets_settings)
};
#define WALLETS_SETTING(C, kind, id, ...) .id = (C)->id,
#define WALLETS_SETTINGS(cfg)                                                                      \
    ((struct wallets_settings){WORKLOAD_WALLET_FIELDS(WALLETS_SETTING, cfg)})

struct wish {
    sim_time at;
    uint32_t sender, recipient; /* as in struct workload_tx */
    uint32_t group;             /* users_next's */
    struct evm_addr to;
    struct evm_u256 tip, max_fee; /* as drawn; the tip is not above max_fee */
    bool waited;                  /* counted as offered when it was wished */
    bool gone;                    /* waits no more */
};

struct wallets {
    struct wallets_settings cfg;
    const struct workload_env *env;
    const struct evm_addr *addrs; /* of senders; borrowed */
    struct wish next;             /* the next wish, where `has` */
    bool has, ended;              /* ended: there will be no other */
    struct wish *waiting;         /* in order of time; those that are gone go when it looks again */
    uint32_t count, room;
    uint32_t looked; /* of waiting: those below are still too poor at the base fee seen at ... */
    sim_time look;   /* when it looks again; SIM_TIME_NEVER: nobody waits */
    sim_time woken;  /* a wake-up is due then; SIM_TIME_NEVER: none */
    sim_time *since; /* by sender: since when another layer has been cheaper; -1: it is not */
};

/* Zeroed before; addrs: of `senders` accounts. With a wallet other than fixed it asks env to be
 * asked at transactions' own times. ERR_MEMORY; the caller then calls wallets_fini. */
enum err_code wallets_init(struct wallets *v, const struct wallets_settings *cfg,
                           const struct workload_env *env, const struct evm_addr *addrs,
                           uint32_t senders, struct err *err);
void wallets_fini(struct wallets *v); /* accepts zeroed */

/* The next wish that becomes a transaction now, with what it offers; wish() draws the next one, and
 * returns false when there are no more. False: none now (env will ask again), or no more. Not with
 * wallet: fixed. */
bool wallets_next(struct wallets *v, bool (*wish)(void *self, struct wish *out), void *self,
                  struct wish *out);

#endif
