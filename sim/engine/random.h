/* sim/engine/random.h - random streams that no other draw can shift.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC'11):
 * the seed is the key, (block number, entity, purpose) the counter. Two streams that differ in
 * any of the three never share a block. Making a stream costs nothing and draws nothing, so a new
 * node, metric or draw elsewhere changes no other stream. No environment variable is read.
 *
 * A stream is plain data: it may be copied (the copy repeats the draws) and needs no release. For
 * gsl_ran_* see sim/engine/random_gsl.h. */
#ifndef SIM_ENGINE_RANDOM_H
#define SIM_ENGINE_RANDOM_H

#include <stdint.h>

struct sim_stream {
    uint64_t seed;
    uint64_t block; /* next counter block */
    uint32_t entity;
    uint32_t purpose;
    uint32_t word[4]; /* the current block */
    uint32_t left;    /* words of it not drawn yet */
};

/* sim_purpose turns a name like "network.jitter" into the number that keys a stream (FNV-1a). Give
 * every kind of draw its own name. */
uint32_t sim_purpose(const char *name);

/* sim_stream_init keys a stream by (seed, entity, purpose). entity is a node, account or link
 * number; use 0 where there is one of a kind. */
void sim_stream_init(struct sim_stream *s, uint64_t seed, uint32_t entity, uint32_t purpose);

/* Uniform draws: 32 bits; 64 bits; a double in [0, 1) with 53 bits; a double in (0, 1); an integer
 * in [0, n) without bias, n > 0 (checked). */
uint32_t sim_stream_u32(struct sim_stream *s);
uint64_t sim_stream_u64(struct sim_stream *s);
double sim_stream_double(struct sim_stream *s);
double sim_stream_positive(struct sim_stream *s);
uint64_t sim_stream_below(struct sim_stream *s, uint64_t n);

/* sim_stream_shuffle permutes an array of 32-bit numbers uniformly. */
void sim_stream_shuffle(struct sim_stream *s, uint32_t *values, uint32_t count);

/* sim_philox computes one block: out = Philox4x32-10(counter, key). Exposed for its published
 * test vectors. */
void sim_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

#endif
