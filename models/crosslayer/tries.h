/* models/crosslayer/tries.h - what most protocols share: a deadline for each try, and when to try
 * again. */
#ifndef MODELS_CROSSLAYER_TRIES_H
#define MODELS_CROSSLAYER_TRIES_H

#include "models/crosslayer/crosslayer.h"

#define CROSS_TRIES_FIELDS(F, S, TIMEOUT, TRIES, BACKOFF)                                          \
    F(S, DURATION, timeout, TIMEOUT, "100ms", "1h",                                                \
      "What has got no further for so long is given up, to try again.")                            \
    F(S, COUNT, tries, TRIES, "1", "1M", "Then the transaction is dropped.")                       \
    F(S, DURATION, backoff, BACKOFF, "0s", "1h",                                                   \
      "Before another try: drawn from zero to this, doubled with each, up to 64 times this.")

struct cross_tries {
    sim_time timeout, backoff;
    uint64_t tries;
};
/* Of a config struct that has those rows. */
#define CROSS_TRIES(cfg)                                                                           \
    ((struct cross_tries){                                                                         \
        .timeout = (cfg)->timeout, .backoff = (cfg)->backoff, .tries = (cfg)->tries})

/* A try begins: it has its deadline, then late() is called. False: it was the last one, and c is
 * gone. */
bool cross_try(struct cross_env *env, struct crossing *c, const struct cross_tries *tries);
/* It got further: a new deadline. Who has waited for a lock until shortly before the old one shall
 * not let go of it unused. */
void cross_further(struct cross_env *env, struct crossing *c, const struct cross_tries *tries);
/* Lets go and tries again after the backoff that follows so many tries. */
void cross_later(struct cross_env *env, struct crossing *c, const struct cross_tries *tries,
                 uint64_t count);
/* Lets go and tries again, or drops it; c may be gone afterwards. */
void cross_again(struct cross_env *env, struct crossing *c, const struct cross_tries *tries);

#endif
