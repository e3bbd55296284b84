#include "models/network/igraph_loan.h"

#include <stdio.h>

static igraph_error_t stream_seed(void *state, igraph_uint_t seed)
{
    (void)state, (void)seed; /* the stream is seeded already */
    return IGRAPH_SUCCESS;
}

static igraph_uint_t stream_get(void *state)
{
    return sim_stream_u32(state);
}

static const igraph_rng_type_t stream_type = {
    .name = "weft", .bits = 32, .seed = stream_seed, .get = stream_get};

/* An igraph handler has no argument of its own, so what it said waits here until the call that
 * borrowed igraph returns. */
static _Thread_local char said[160];

static void on_error(const char *reason, const char *file, int line, igraph_error_t code)
{
    (void)file, (void)line, (void)code;
    snprintf(said, sizeof said, "%s", reason);
    IGRAPH_FINALLY_FREE();
}

static void on_warning(const char *reason, const char *file, int line)
{
    (void)reason, (void)file, (void)line;
}

void igraph_loan_begin(struct igraph_loan *b, struct sim_stream *rng)
{
    said[0] = 0;
    b->rng = *igraph_rng_default();
    b->error = igraph_set_error_handler(on_error);
    b->warning = igraph_set_warning_handler(on_warning);
    if (rng)
        *igraph_rng_default() = (igraph_rng_t){&stream_type, rng, true};
}

void igraph_loan_end(const struct igraph_loan *b)
{
    *igraph_rng_default() = b->rng;
    igraph_set_error_handler(b->error);
    igraph_set_warning_handler(b->warning);
}

const char *igraph_loan_said(void)
{
    return said;
}
