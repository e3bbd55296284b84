/* Latency by distance: what a wire takes grows with the great circle between two cities.
 *
 * Kept of Wittgenstein (ConsenSys): round trip = 0.022 ms a mile + 4.862 ms, a line fitted to
 * measurements. Left out: its nodes stand anywhere on a map drawn at random; here they stand in the
 * cities of the cities-2018 matrix, so that the formula can be held against what was measured. */
#include "models/network/matrices.h"
#include "models/network/network.h"
#include "models/network/place.h"
#include "sim/base/mem.h"

#include <math.h>

#define LATENCY_DISTANCE_FIELDS(F, S)                                                              \
    F(S, WEIGHTS, nodes, "{}", NULL, NULL,                                                         \
      "Share of the nodes in each of the cities of cities-2018; empty: equal shares.")             \
    F(S, STRINGS, first, "", NULL, NULL, "Cities of nodes 0, 1, ...; shares hold for the rest.")   \
    F(S, DURATION, per_mile, "22us", "0ns", "1s", "Round trip.")                                   \
    F(S, DURATION, base, "4862us", "0ns", "1h", "Round trip, at no distance.")
FIELD_DECLARE(latency_distance, LATENCY_DISTANCE_FIELDS);

static void check_distance(const void *cfg, struct field_report *report)
{
    const struct latency_distance *c = cfg;
    const struct net_matrix *m = net_matrix(NET_CITIES);
    for (size_t i = 0; i < c->nodes.count; i++)
        net_check_region(m->regions, m->count, c->nodes.names[i], "cities-2018", "nodes", report);
    for (size_t i = 0; i < c->first.count; i++)
        net_check_region(m->regions, m->count, c->first.items[i], "cities-2018", "first", report);
}
FIELD_DEFINE(latency_distance, LATENCY_DISTANCE_FIELDS,
             "Nodes stand in cities; the wire takes half of base + per_mile times their distance.",
             check_distance);

/* Latitude and longitude, degrees, in the order of the cities-2018 matrix. */
enum { CITIES = 21 };
static const struct {
    double north, east;
} where[CITIES] = {
    [0] = {40.71, -74.01},   /* new-york */
    [1] = {37.77, -122.42},  /* san-francisco */
    [2] = {41.88, -87.63},   /* chicago */
    [3] = {43.65, -79.38},   /* toronto */
    [4] = {51.51, -0.13},    /* london */
    [5] = {50.11, 8.68},     /* frankfurt */
    [6] = {48.86, 2.35},     /* paris */
    [7] = {52.37, 4.90},     /* amsterdam */
    [8] = {60.17, 24.94},    /* helsinki */
    [9] = {52.23, 21.01},    /* warsaw */
    [10] = {40.42, -3.70},   /* madrid */
    [11] = {-33.87, 151.21}, /* sydney */
    [12] = {35.68, 139.69},  /* tokyo */
    [13] = {1.35, 103.82},   /* singapore */
    [14] = {22.32, 114.17},  /* hong-kong */
    [15] = {37.57, 126.98},  /* seoul */
    [16] = {-23.55, -46.63}, /* sao-paulo */
    [17] = {-26.20, 28.05},  /* johannesburg */
    [18] = {25.20, 55.27},   /* dubai */
    [19] = {55.76, 37.62},   /* moscow */
    [20] = {32.09, 34.78},   /* tel-aviv */
};

struct distance_state {
    uint32_t *place; /* by node */
    sim_time between[CITIES][CITIES];
};

/* Great circle, statute miles, on a sphere of the Earth's mean radius (3958.8 miles). */
static double miles(uint32_t a, uint32_t b)
{
    const double degree = M_PI / 180;
    double rise = sin((where[a].north - where[b].north) * degree / 2);
    double turn = sin((where[a].east - where[b].east) * degree / 2);
    double h =
        rise * rise + cos(where[a].north * degree) * cos(where[b].north * degree) * turn * turn;
    return 2 * 3958.8 * asin(sqrt(h < 1 ? h : 1));
}

static enum err_code distance_init(void *state, const void *cfg, const struct latency_env *env,
                                   struct err *err)
{
    struct distance_state *s = state;
    const struct latency_distance *c = cfg;
    const struct net_matrix *m = net_matrix(NET_CITIES);
    s->place = mem_alloc(env->node_count, sizeof *s->place);
    if (!s->place)
        return err_set(err, ERR_MEMORY, "no memory for the places of %u nodes", env->node_count);
    for (uint32_t a = 0; a < CITIES; a++)
        for (uint32_t b = 0; b < CITIES; b++)
            s->between[a][b] =
                net_wire_time(((double)c->base + (double)c->per_mile * miles(a, b)) / 2);
    const struct net_places places = {m->regions, CITIES, NULL, &c->nodes, &c->first};
    return net_place_nodes(s->place, env->node_count, &places, "latency", env->rng, err);
}

static sim_time distance_between(const void *state, node_id from, node_id to)
{
    const struct distance_state *s = state;
    return s->between[s->place[from]][s->place[to]];
}

static const char *distance_region(const void *state, node_id node)
{
    const struct distance_state *s = state;
    return net_matrix(NET_CITIES)->regions[s->place[node]];
}

static void distance_fini(void *state)
{
    mem_free(((struct distance_state *)state)->place);
}

const struct latency_ops latency_distance_model = {
    .model = {"distance", "Delays by the distance between cities.", &latency_distance_table},
    .state_size = sizeof(struct distance_state),
    .init = distance_init,
    .between = distance_between,
    .region = distance_region,
    .fini = distance_fini,
};
