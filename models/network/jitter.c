/* Jitter models: how the wire time of single messages varies around the latency of their wire.
 *
 * One function a family, from a mean to a draw; what they share is here once: whether every message
 * is drawn, or every pair of nodes once, the same both ways and for the whole run. */
#include "models/network/network.h"
#include "models/network/place.h"
#include "sim/base/mem.h"

#include <math.h>

/* Rows M(S, ENUMERATOR, "spelling", "One sentence.") */
#define JITTER_EACH(M, S)                                                                          \
    M(S, JITTER_MESSAGE, "message", "Every message is drawn.")                                     \
    M(S, JITTER_PAIR, "pair", "Two nodes keep what was drawn for them, both ways.")
FIELD_ENUM_DECLARE(jitter_each, JITTER_EACH);
FIELD_ENUM_DEFINE(jitter_each, JITTER_EACH);

#define EACH(F, S, fallback) F(S, ENUM(jitter_each), each, fallback, NULL, NULL, "What is drawn.")

/* Draws a wire time, nanoseconds, from a mean (and a standard deviation, below 0 if unknown). */
typedef double jitter_family(const void *cfg, double mean, double spread, struct sim_stream *rng);

struct jitter_state {
    const void *cfg;
    jitter_family *family;
    uint64_t seed;
    bool by_pair;
};

static enum err_code start(void *state, const void *cfg, const struct jitter_env *env,
                           jitter_family *family, enum jitter_each each)
{
    *(struct jitter_state *)state =
        (struct jitter_state){cfg, family, env->seed, each == JITTER_PAIR};
    return ERR_OK;
}

static sim_time jitter_draw(const void *state, node_id from, node_id to, sim_time mean,
                            sim_time spread, struct sim_stream *rng)
{
    const struct jitter_state *s = state;
    struct sim_stream pair;
    if (s->by_pair) {
        pair = net_pair_stream(s->seed, from, to);
        rng = &pair;
    }
    return net_wire_time(s->family(s->cfg, (double)mean, (double)spread, rng));
}

static bool jitter_by_pair(const void *state)
{
    return ((const struct jitter_state *)state)->by_pair;
}

/* A Pareto draw: scale / U^(1 / shape), with mean scale shape / (shape - 1). */
static double pareto(double scale, double shape, struct sim_stream *rng)
{
    return scale * exp(-log(sim_stream_positive(rng)) / shape);
}

/* ---- simblock ---- */

#define JITTER_SIMBLOCK_FIELDS(F, S) EACH(F, S, "message")
FIELD_DECLARE(jitter_simblock, JITTER_SIMBLOCK_FIELDS);
FIELD_DEFINE(jitter_simblock, JITTER_SIMBLOCK_FIELDS,
             "Pareto with scale mean - 5 ms and shape mean / 5 ms, in whole milliseconds.", NULL);

/* getLatency() of SimBlock's Network.java. Its mean is the mean; a wire of 5 ms or less, for which
 * the source has no distribution, takes just that. */
static double simblock(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    double ms = mean / (double)SIM_MS;
    (void)cfg, (void)spread;
    return ms <= 5 ? mean : round(pareto(ms - 5, 0.2 * ms, rng)) * (double)SIM_MS;
}

static enum err_code simblock_init(void *state, const void *cfg, const struct jitter_env *env,
                                   struct err *err)
{
    (void)err;
    return start(state, cfg, env, simblock, ((const struct jitter_simblock *)cfg)->each);
}

/* ---- gervais ---- */

#define JITTER_GERVAIS_FIELDS(F, S)                                                                \
    EACH(F, S, "pair")                                                                             \
    F(S, DURATION, divider, "5ms", "1us", "1h", "The shape is the mean divided by this.")
FIELD_DECLARE(jitter_gervais, JITTER_GERVAIS_FIELDS);
FIELD_DEFINE(jitter_gervais, JITTER_GERVAIS_FIELDS,
             "Pareto with the wire's mean and shape mean / divider, once for every pair.", NULL);

/* The topology helper of Gervais et al. (CCS 2016) gives each link one draw of this. Below the
 * divider there is no such mean. */
static double gervais(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    double divider = (double)((const struct jitter_gervais *)cfg)->divider;
    (void)spread;
    return mean <= divider ? mean : pareto(mean - divider, mean / divider, rng);
}

static enum err_code gervais_init(void *state, const void *cfg, const struct jitter_env *env,
                                  struct err *err)
{
    (void)err;
    return start(state, cfg, env, gervais, ((const struct jitter_gervais *)cfg)->each);
}

/* ---- pareto ---- */

#define JITTER_PARETO_FIELDS(F, S)                                                                 \
    EACH(F, S, "message")                                                                          \
    F(S, REAL, shape, "5", "1.01", "1000", "Of the distribution; large is narrow.")
FIELD_DECLARE(jitter_pareto, JITTER_PARETO_FIELDS);
FIELD_DEFINE(jitter_pareto, JITTER_PARETO_FIELDS,
             "Pareto with the wire's mean and a fixed shape: at shape 5 the least is 4/5 of it.",
             NULL);

static double fixed_pareto(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    double shape = ((const struct jitter_pareto *)cfg)->shape;
    (void)spread;
    return pareto(mean * (shape - 1) / shape, shape, rng);
}

static enum err_code pareto_init(void *state, const void *cfg, const struct jitter_env *env,
                                 struct err *err)
{
    (void)err;
    return start(state, cfg, env, fixed_pareto, ((const struct jitter_pareto *)cfg)->each);
}

/* ---- lognormal ---- */

#define JITTER_LOGNORMAL_FIELDS(F, S)                                                              \
    EACH(F, S, "message")                                                                          \
    F(S, FRACTION, sd, "20%", "0%", "1000%", "Standard deviation, as a share of the mean.")
FIELD_DECLARE(jitter_lognormal, JITTER_LOGNORMAL_FIELDS);
FIELD_DEFINE(jitter_lognormal, JITTER_LOGNORMAL_FIELDS,
             "Log-normal with the wire's mean and a standard deviation in proportion.", NULL);

static double lognormal(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    double sd = ((const struct jitter_lognormal *)cfg)->sd;
    const struct sim_dist d = {
        .kind = SIM_DIST_LOGNORMAL, .count = 2, .param = {{.value = mean}, {.value = sd * mean}}};
    (void)spread;
    return sim_dist_sample(&d, rng);
}

static enum err_code lognormal_init(void *state, const void *cfg, const struct jitter_env *env,
                                    struct err *err)
{
    (void)err;
    return start(state, cfg, env, lognormal, ((const struct jitter_lognormal *)cfg)->each);
}

/* ---- generalised-pareto ---- */

#define JITTER_GPD_FIELDS(F, S)                                                                    \
    EACH(F, S, "message")                                                                          \
    F(S, REAL, location, "-0.3", "-1000", "1000",                                                  \
      "Milliseconds of round trip at the 0th "                                                     \
      "percentile.")                                                                               \
    F(S, REAL, scale, "0.35", "0", "1000", "Milliseconds of round trip.")                          \
    F(S, REAL, shape, "1.4", "-10", "10", "Of the distribution; above 1 the tail is heavy.")
FIELD_DECLARE(jitter_gpd, JITTER_GPD_FIELDS);
FIELD_DEFINE(jitter_gpd, JITTER_GPD_FIELDS,
             "Half of a generalised Pareto draw is added to the wire's mean; whole percentiles "
             "from 0 to 99 are drawn.",
             NULL);

/* Wittgenstein: one way is (round trip + draw) / 2. At the shape of the source the distribution has
 * no mean; that its draws are whole percentiles ends the tail at the 99th (79 ms one way). */
static double generalised_pareto(const void *cfg, double mean, double spread,
                                 struct sim_stream *rng)
{
    const struct jitter_gpd *c = cfg;
    double left = 1 - (double)sim_stream_below(rng, 100) / 100;
    double excess = fabs(c->shape) < 1e-12 ? -log(left) : expm1(-c->shape * log(left)) / c->shape;
    (void)spread;
    return mean + (c->location + c->scale * excess) / 2 * (double)SIM_MS;
}

static enum err_code gpd_init(void *state, const void *cfg, const struct jitter_env *env,
                              struct err *err)
{
    (void)err;
    return start(state, cfg, env, generalised_pareto, ((const struct jitter_gpd *)cfg)->each);
}

/* ---- measured ---- */

#define JITTER_MEASURED_FIELDS(F, S) EACH(F, S, "message")
FIELD_DECLARE(jitter_measured, JITTER_MEASURED_FIELDS);
FIELD_DEFINE(jitter_measured, JITTER_MEASURED_FIELDS,
             "Normal, cut at 0, as wide as the latency's source measured that pair of regions.",
             NULL);

static double measured(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    const struct sim_dist d = {
        .kind = SIM_DIST_NORMAL, .count = 3, .param = {{.value = mean}, {.value = spread}}};
    (void)cfg;
    return sim_dist_sample(&d, rng);
}

static enum err_code measured_init(void *state, const void *cfg, const struct jitter_env *env,
                                   struct err *err)
{
    if (!env->spread)
        return err_set(err, ERR_INPUT,
                       "jitter: measured needs a latency whose source says how it varies: aws-2025 "
                       "or ripe-2025; or choose another jitter");
    return start(state, cfg, env, measured, ((const struct jitter_measured *)cfg)->each);
}

/* ---- around ---- */

#define JITTER_AROUND_FIELDS(F, S)                                                                 \
    EACH(F, S, "message")                                                                          \
    F(S, AROUND(DURATION), by, NULL, "0ms", "1h",                                                  \
      "What moves the wire's delay; percentages are of that delay.")
FIELD_DECLARE(jitter_around, JITTER_AROUND_FIELDS);
FIELD_DEFINE(jitter_around, JITTER_AROUND_FIELDS, "Any distribution around the wire's mean.", NULL);

static double around(const void *cfg, double mean, double spread, struct sim_stream *rng)
{
    (void)spread;
    return sim_dist_around(&((const struct jitter_around *)cfg)->by, mean, rng);
}

static enum err_code around_init(void *state, const void *cfg, const struct jitter_env *env,
                                 struct err *err)
{
    (void)err;
    return start(state, cfg, env, around, ((const struct jitter_around *)cfg)->each);
}

#define JITTER_MODEL(id, spelling, rows, init_of, text)                                            \
    const struct jitter_ops jitter_##id##_model = {                                                \
        .model = {spelling, text, &jitter_##rows##_table},                                         \
        .state_size = sizeof(struct jitter_state),                                                 \
        .init = init_of,                                                                           \
        .draw = jitter_draw,                                                                       \
        .by_pair = jitter_by_pair}

JITTER_MODEL(simblock, "simblock", simblock, simblock_init, "SimBlock's Pareto distribution.");
JITTER_MODEL(gervais, "gervais", gervais, gervais_init,
             "The Pareto distribution of Gervais et al., once for every pair of nodes.");
JITTER_MODEL(pareto, "pareto", pareto, pareto_init, "Pareto of a fixed shape, as in JABS.");
JITTER_MODEL(lognormal, "lognormal", lognormal, lognormal_init, "Log-normal around the mean.");
JITTER_MODEL(generalised_pareto, "generalised-pareto", gpd, gpd_init,
             "Wittgenstein's generalised Pareto distribution, added.");
JITTER_MODEL(measured, "measured", measured, measured_init,
             "Normal, as wide as measured where the latency was.");
JITTER_MODEL(around, "around", around, around_init, "Any distribution around the mean.");
