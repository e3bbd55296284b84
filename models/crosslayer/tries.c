#include "models/crosslayer/tries.h"

enum { DOUBLINGS = 6 };

bool cross_try(struct cross_env *env, struct crossing *c, const struct cross_tries *tries)
{
    if (c->tries > tries->tries) {
        env->host->drop(env, c);
        return false;
    }
    env->host->timer(env, c, tries->timeout);
    return true;
}

void cross_further(struct cross_env *env, struct crossing *c, const struct cross_tries *tries)
{
    env->host->timer(env, c, tries->timeout);
}

void cross_later(struct cross_env *env, struct crossing *c, const struct cross_tries *tries,
                 uint64_t count)
{
    uint64_t doubled = count < DOUBLINGS ? count : DOUBLINGS;
    double most = (double)tries->backoff * (double)(1u << doubled);
    env->host->again(env, c, (sim_time)(most * sim_stream_double(env->rng)));
}

void cross_again(struct cross_env *env, struct crossing *c, const struct cross_tries *tries)
{
    if (c->tries >= tries->tries)
        env->host->drop(env, c);
    else
        cross_later(env, c, tries, c->tries);
}
