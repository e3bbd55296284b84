/* models/network/igraph_loan.h - borrowing the igraph library for the time of one call.
 *
 * igraph keeps its generator of random numbers and its handlers of errors in places of its own.
 * Between begin and end its random numbers come from our stream, and an error comes back as a code
 * and a text. One thread; loans do not nest. Only files that call igraph include this. */
#ifndef MODELS_NETWORK_IGRAPH_LOAN_H
#define MODELS_NETWORK_IGRAPH_LOAN_H

#include <igraph/igraph.h>

#include "sim/engine/random.h"

struct igraph_loan {
    igraph_rng_t rng;
    igraph_error_handler_t *error;
    igraph_warning_handler_t *warning;
};

/* rng: what igraph draws from, until the end; NULL where it draws nothing. */
void igraph_loan_begin(struct igraph_loan *b, struct sim_stream *rng);
void igraph_loan_end(const struct igraph_loan *b);

/* What the last error since begin said; "" for none. Valid until the next begin of this thread. */
const char *igraph_loan_said(void);

#endif
