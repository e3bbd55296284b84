/* sim/engine/random_gsl.h - a stream as a gsl_rng, so that every gsl_ran_* works on it.
 * Apart from sim/engine/random.h so that only those who sample include GSL. */
#ifndef SIM_ENGINE_RANDOM_GSL_H
#define SIM_ENGINE_RANDOM_GSL_H

#include "sim/engine/random.h"

#include <gsl/gsl_rng.h>

/* The generator's type object: 32-bit outputs, 53-bit doubles in [0, 1). gsl_rng_set(r, seed)
 * makes the stream (seed, entity 0, purpose 0). */
extern const gsl_rng_type *const sim_rng_type;

/* sim_stream_gsl views a stream as a gsl_rng. The view borrows the stream: draws through either
 * advance both. Usage: gsl_rng r = sim_stream_gsl(&s); x = gsl_ran_gamma(&r, a, b); */
gsl_rng sim_stream_gsl(struct sim_stream *s);

#endif
