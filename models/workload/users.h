/* models/workload/users.h - what workloads of many like users share: accounts, arrivals, fees. A
 * workload of its own kind embeds struct users and adds what its transactions do. */
#ifndef MODELS_WORKLOAD_USERS_H
#define MODELS_WORKLOAD_USERS_H

#include "models/workload/accounts.h"
#include "models/workload/arrivals.h"
#include "models/workload/pairs.h"
#include "models/workload/wallets.h"
#include "models/workload/workload.h"

#define WORKLOAD_USER_FIELDS(F, S)                                                                 \
    WORKLOAD_ARRIVAL_FIELDS(F, S)                                                                  \
    F(S, COUNT, accounts, "10k", "1", "16M", "Users, each with an account of its own.")            \
    F(S, SKEW, senders, "uniform", NULL, NULL, "Which users send.")                                \
    F(S, SKEW, recipients, "uniform", NULL, NULL, "Which users are paid.")                         \
    F(S, FRACTION, new_recipients, "0%", "0%", "100%",                                             \
      "Payments to an address never seen before.")                                                 \
    F(S, MODEL(pairs), pairs, "independent", NULL, NULL,                                           \
      "Who pays whom; in groups the two skews above hold within each group.")                      \
    F(S, DIST(WEI), tip, "1gwei", "0wei", NULL, "Priority fee a gas.")                             \
    F(S, DIST(WEI), max_fee, "100gwei", "0wei", NULL, "Highest fee a gas; never below the tip.")   \
    F(S, WEI, balance, "1000ether", "0wei", NULL, "What every account begins with.")               \
    WORKLOAD_WALLET_FIELDS(F, S)

struct users_settings {
    WORKLOAD_USER_FIELDS(FIELD_MEMBER, users_settings)
};
#define USERS_SETTINGS(cfg) ((struct users_settings){WORKLOAD_USER_FIELDS(ARRIVALS_SETTING, cfg)})

struct users {
    struct users_settings cfg;
    const struct workload_env *env;
    struct accounts accounts;
    struct arrivals arrivals;
    const struct pairs_ops *pairs;
    void *pairs_state;
    bool started;
    struct sim_stream rng_sender, rng_recipient, rng_fee;
    struct wallets wallets;
    uint64_t *nonces;
};

/* Zeroed before. ERR_MEMORY; the caller then calls users_fini. */
enum err_code users_init(struct users *u, const struct users_settings *cfg,
                         const struct workload_env *env, struct err *err);
void users_fini(struct users *u); /* accepts zeroed */
enum err_code users_fund(const struct users *u, struct genesis *g, struct err *err);

/* The next transaction but for gas limit, value, to and input. *to is who is paid, *group that
 * one's group: the sender's where the address is new. False when there is none or, with a wallet
 * that is not fixed, none now. */
bool users_next(struct users *u, struct workload_tx *out, struct evm_addr *to, uint32_t *group);

/* A draw in wei, or in units of a token, never negative; beyond 2^256 it saturates. */
struct evm_u256 users_draw(const struct sim_dist *d, struct sim_stream *rng);

#endif
