#include "models/network/matrices.h"

#include <stddef.h>
#include <stdlib.h>

FIELD_ENUM_DEFINE(net_matrix_kind, NET_MATRICES);
FIELD_ENUM_DEFINE(net_shares_kind, NET_SHARES);

enum { AWS = 33, CITIES = 21, RIPE = 157 };
#define REGIONS(...)
#define ROW(...) __VA_ARGS__,
static const double aws_p90[AWS * AWS] = {
#include "models/network/data/aws_2025_p90.def"
};
static const double aws_p50[AWS * AWS] = {
#include "models/network/data/aws_2025_p50.def"
};
static const double cities_2018[CITIES * CITIES] = {
#include "models/network/data/cities_2018.def"
};
static const int32_t ripe_mean[RIPE * (RIPE + 1) / 2] = {
#include "models/network/data/ripe_2025_mean.def"
};
static const int32_t ripe_sd[RIPE * (RIPE + 1) / 2] = {
#include "models/network/data/ripe_2025_sd.def"
};
#undef ROW
#undef REGIONS
#define REGIONS(...) __VA_ARGS__
#define ROW(...)
static const char *const aws_regions[AWS] = {
#include "models/network/data/aws_2025_p50.def"
};
static const char *const city_names[CITIES] = {
#include "models/network/data/cities_2018.def"
};
static const char *const ripe_countries[RIPE] = {
#include "models/network/data/ripe_2025_mean.def"
};
#undef ROW
#undef REGIONS

/* Six regions: one-way means. Source: NetworkConfiguration.java of dsg-titech/simblock; unrounded:
 * bitcoin-topology-helper.cc of arthurgervais/Bitcoin-Simulator. */
enum { SIX = 6 };
static const char *const six_regions[SIX] = {"north-america", "europe", "south-america",
                                             "asia-pacific",  "japan",  "australia"};
/* clang-format off */
static const double six_2019[SIX * SIX] = {
     32, 124, 184, 198, 151, 189,
    124,  11, 227, 237, 252, 294,
    184, 227,  88, 325, 301, 322,
    198, 237, 325,  85,  58, 198,
    151, 252, 301,  58,  12, 126,
    189, 294, 322, 198, 126,  16,
};
static const double six_2015[SIX * SIX] = {
     36, 119, 255, 310, 154, 208,
    119,  12, 221, 242, 266, 350,
    255, 221, 137, 347, 256, 269,
    310, 242, 347,  99, 172, 278,
    154, 266, 256, 172,   9, 163,
    208, 350, 269, 278, 163,  22,
};
static const double six_gervais[SIX * SIX] = {
     35.5,  119.49, 254.79, 310.11, 154.36, 207.91,
    119.49,  11.61, 221.08, 241.9,  266.45, 350.07,
    254.79, 221.08, 137.09, 346.65, 255.95, 268.91,
    310.11, 241.9,  346.65,  99.46, 172.24, 277.8,
    154.36, 266.45, 255.95, 172.24,   8.76, 162.59,
    207.91, 350.07, 268.91, 277.8,  162.59,  21.72,
};

/* The first four are SimBlock's, the others those of CBlockSim. */
static const double six_shares[][SIX] = {
    [NET_SHARES_BITCOIN_2015] = {0.3869, 0.5159, 0.0113, 0.0574, 0.0119, 0.0166},
    [NET_SHARES_BITCOIN_2019] = {0.3316, 0.4998, 0.009,  0.1177, 0.0224, 0.0195},
    [NET_SHARES_LITECOIN]     = {0.3661, 0.4791, 0.0149, 0.1022, 0.0238, 0.0139},
    [NET_SHARES_DOGECOIN]     = {0.3924, 0.4879, 0.0212, 0.0697, 0.0106, 0.0182},
    [NET_SHARES_ETHEREUM]     = {0.476,  0.222,  0,      0.297,  0.005,  0},
    [NET_SHARES_CBLOCKSIM]    = {0.2712, 0.5539, 0.0094, 0.1235, 0.0253, 0.0168},
};

/* Eight regions: one-way. Source: lib/src/config/ethshadow.rs of ethereum/ethshadow. */
enum { EIGHT = 8 };
static const char *const eight_regions[EIGHT] = {"australia", "east-asia", "europe", "na-west",
                                                 "na-east", "south-america", "south-africa",
                                                 "west-asia"};
static const double eight[EIGHT * EIGHT] = {
      2, 110, 165, 110, 150, 190, 220, 180,
    110,   4, 125, 100, 140, 175, 175, 110,
    165, 125,   2, 110,  70, 140,  95,  60,
    110, 100, 110,   2,  60, 100, 160, 150,
    150, 140,  70,  60,   2, 100, 130, 110,
    190, 175, 140, 100, 100,   7, 195, 145,
    220, 175,  95, 160, 130, 190,   7, 110,
    180, 110,  60, 150, 110, 145, 110,   5,
};
/* clang-format on */

const struct net_matrix *net_matrix(enum net_matrix_kind kind)
{
    static const struct net_matrix matrices[] = {
        [NET_AWS_2025] = {AWS, aws_regions, aws_p50, aws_p90, 0.5, NULL, NULL, NULL},
        [NET_SIX_2019] = {SIX, six_regions, six_2019, NULL, 1, six_shares[NET_SHARES_BITCOIN_2019],
                          NULL, NULL},
        [NET_SIX_2015] = {SIX, six_regions, six_2015, NULL, 1, six_shares[NET_SHARES_BITCOIN_2015],
                          NULL, NULL},
        [NET_GERVAIS] = {SIX, six_regions, six_gervais, NULL, 1,
                         six_shares[NET_SHARES_BITCOIN_2015], NULL, NULL},
        [NET_EIGHT] = {EIGHT, eight_regions, eight, NULL, 1, NULL, NULL, NULL},
        [NET_CITIES] = {CITIES, city_names, cities_2018, NULL, 0.5, NULL, NULL, NULL},
        [NET_RIPE] = {RIPE, ripe_countries, NULL, NULL, 0.5, NULL, ripe_mean, ripe_sd},
    };
    return kind == NET_FILE ? NULL : &matrices[kind];
}

static uint32_t in_triangle(uint32_t a, uint32_t b)
{
    uint32_t row = a > b ? a : b, column = a > b ? b : a;
    return row * (row + 1) / 2 + column;
}

double net_matrix_ms(const struct net_matrix *m, uint32_t from, uint32_t to)
{
    double ms = m->ms ? m->ms[from * m->count + to] : abs(m->tenths[in_triangle(from, to)]) / 10.0;
    return ms * m->one_way;
}

double net_matrix_sd_ms(const struct net_matrix *m, uint32_t from, uint32_t to)
{
    if (m->sd_tenths)
        return abs(m->sd_tenths[in_triangle(from, to)]) / 10.0 * m->one_way;
    if (!m->p90_ms)
        return -1;
    double above = m->p90_ms[from * m->count + to] - m->ms[from * m->count + to];
    return above > 0 ? above * m->one_way : 0;
}

const double *net_shares(enum net_shares_kind kind)
{
    return kind == NET_SHARES_SOURCE || kind == NET_SHARES_EQUAL ? NULL : six_shares[kind];
}
