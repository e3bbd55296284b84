/* models/workload/users.h - what workloads of many like users share: accounts, arrivals, fees. A
 * workload of its own kind embeds struct users and adds what its transactions do. */
#ifndef MODELS_WORKLOAD_USERS_H
#define MODELS_WORKLOAD_USERS_H

#include "models/workload/accounts.h"
#include "models/workload/skew.h"
#include "models/workload/workload.h"
#include "sim/engine/dist.h"

#define WORKLOAD_ARRIVALS(E, S)                                                                    \
    E(S, WORKLOAD_POISSON, "poisson", "Independent users: exponential gaps.")                      \
    E(S, WORKLOAD_CONSTANT, "constant", "Equal gaps.")
FIELD_ENUM_DECLARE(workload_arrivals, WORKLOAD_ARRIVALS);

/* The rate as transactions a second, and when the next one comes. */
struct arrivals {
    enum workload_arrivals kind;
    double rate;
    sim_time start, end, last;
    uint64_t count;
    struct sim_stream rng;
};
void arrivals_init(struct arrivals *a, enum workload_arrivals kind, double rate, sim_time start,
                   sim_time end, uint64_t seed, uint64_t instance);
bool arrivals_next(struct arrivals *a, sim_time *out); /* false: none before the end */

#define WORKLOAD_USER_FIELDS(F, S)                                                                 \
    F(S, RATE, rate, "100/s", "0/s", "100M/s", "Transactions that all users together offer.")      \
    F(S, ENUM(workload_arrivals), arrivals, "poisson", NULL, NULL, "When they come.")              \
    F(S, COUNT, accounts, "10k", "1", "16M", "Users, each with an account of its own.")            \
    F(S, SKEW, senders, "uniform", NULL, NULL, "Which users send.")                                \
    F(S, SKEW, recipients, "uniform", NULL, NULL, "Which users are paid.")                         \
    F(S, FRACTION, new_recipients, "0%", "0%", "100%",                                             \
      "Payments to an address never seen before.")                                                 \
    F(S, DIST(WEI), tip, "1gwei", "0wei", NULL, "Priority fee a gas.")                             \
    F(S, DIST(WEI), max_fee, "100gwei", "0wei", NULL, "Highest fee a gas; never below the tip.")   \
    F(S, WEI, balance, "1000ether", "0wei", NULL, "What every account begins with.")

struct users_settings {
    WORKLOAD_USER_FIELDS(FIELD_MEMBER, users_settings)
};
/* The users' rows of a bigger config struct that holds them. */
#define USERS_SETTING(C, kind, id, ...) .id = (C)->id,
#define USERS_SETTINGS(cfg)             ((struct users_settings){WORKLOAD_USER_FIELDS(USERS_SETTING, cfg)})

struct users {
    struct users_settings cfg;
    struct accounts accounts;
    struct skew senders, recipients;
    struct arrivals arrivals;
    struct sim_stream rng_sender, rng_recipient, rng_fee;
    uint64_t *nonces;
};

/* Zeroed before. ERR_MEMORY; the caller then calls users_fini. */
enum err_code users_init(struct users *u, const struct users_settings *cfg,
                         const struct workload_env *env, struct err *err);
void users_fini(struct users *u); /* accepts zeroed */
enum err_code users_fund(const struct users *u, struct genesis *g, struct err *err);

/* The next transaction but for gas limit, value, to and input; *to is who is paid. */
bool users_next(struct users *u, struct workload_tx *out, struct evm_addr *to);

/* A draw in wei, or in units of a token, never negative; beyond 2^256 it saturates. */
struct evm_u256 users_draw(const struct sim_dist *d, struct sim_stream *rng);

#endif
