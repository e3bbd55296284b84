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

void cross_again(struct cross_env *env, struct crossing *c, const struct cross_tries *tries)
{
    if (c->tries >= tries->tries) {
        env->host->drop(env, c);
        return;
    }
    uint32_t doubled = c->tries < DOUBLINGS ? c->tries : DOUBLINGS;
    double most = (double)tries->backoff * (double)(1u << doubled);
    env->host->again(env, c, (sim_time)(most * sim_stream_double(env->rng)));
}
