#include "sim/engine/random_gsl.h"

#include "sim/base/check.h"

/* Multipliers and Weyl increments of Philox4x32 (Salmon et al. 2011, section 3.3 and table 2). */
#define PHILOX_M0     UINT32_C(0xD2511F53)
#define PHILOX_M1     UINT32_C(0xCD9E8D57)
#define PHILOX_W0     UINT32_C(0x9E3779B9)
#define PHILOX_W1     UINT32_C(0xBB67AE85)
#define PHILOX_ROUNDS 10

__extension__ typedef unsigned __int128 u128;

void sim_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * x0, p1 = (uint64_t)PHILOX_M1 * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

uint32_t sim_purpose(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
    return hash;
}

void sim_stream_init(struct sim_stream *s, uint64_t seed, uint32_t entity, uint32_t purpose)
{
    *s = (struct sim_stream){.seed = seed, .entity = entity, .purpose = purpose};
}

uint32_t sim_stream_u32(struct sim_stream *s)
{
    if (s->left == 0) {
        /* (block, entity, purpose) is the whole 128-bit counter: no two streams share a block. */
        const uint32_t counter[4] = {(uint32_t)s->block, (uint32_t)(s->block >> 32), s->entity,
                                     s->purpose};
        const uint32_t key[2] = {(uint32_t)s->seed, (uint32_t)(s->seed >> 32)};
        sim_philox(s->word, counter, key);
        s->block++;
        s->left = 4;
    }
    return s->word[4 - s->left--];
}

uint64_t sim_stream_u64(struct sim_stream *s)
{
    uint64_t low = sim_stream_u32(s);
    return (uint64_t)sim_stream_u32(s) << 32 | low;
}

double sim_stream_double(struct sim_stream *s)
{
    return (double)(sim_stream_u64(s) >> 11) * 0x1p-53;
}

double sim_stream_positive(struct sim_stream *s)
{
    return ((double)(sim_stream_u64(s) >> 12) + 0.5) * 0x1p-52;
}

uint64_t sim_stream_below(struct sim_stream *s, uint64_t n)
{
    CHECK(n > 0, "sim_stream_below: empty range");
    /* Lemire's multiply-shift: reject the low products that would favour some values. */
    for (;;) {
        u128 product = (u128)sim_stream_u64(s) * n;
        if ((uint64_t)product >= -n % n)
            return (uint64_t)(product >> 64);
    }
}

void sim_stream_shuffle(struct sim_stream *s, uint32_t *values, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)sim_stream_below(s, i), value = values[i - 1];
        values[i - 1] = values[j];
        values[j] = value;
    }
}

static void gsl_set(void *state, unsigned long seed)
{
    sim_stream_init(state, seed, 0, 0);
}

static unsigned long gsl_get(void *state)
{
    return sim_stream_u32(state);
}

static double gsl_get_double(void *state)
{
    return sim_stream_double(state);
}

static const gsl_rng_type philox_type = {
    .name = "philox4x32-10",
    .max = UINT32_MAX,
    .min = 0,
    .size = sizeof(struct sim_stream),
    .set = gsl_set,
    .get = gsl_get,
    .get_double = gsl_get_double,
};

const gsl_rng_type *const sim_rng_type = &philox_type;

gsl_rng sim_stream_gsl(struct sim_stream *s)
{
    return (gsl_rng){.type = sim_rng_type, .state = s};
}
