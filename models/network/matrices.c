#include "models/network/matrices.h"

#include <stddef.h>

FIELD_ENUM_DEFINE(net_matrix_kind, NET_MATRICES);

enum { AWS = 33 };
#define REGIONS(...)
#define ROW(...) __VA_ARGS__,
static const double aws_p90[AWS * AWS] = {
#include "models/network/data/aws_2025_p90.def"
};
static const double aws_p50[AWS * AWS] = {
#include "models/network/data/aws_2025_p50.def"
};
#undef ROW
#undef REGIONS
#define REGIONS(...) __VA_ARGS__
#define ROW(...)
static const char *const aws_regions[AWS] = {
#include "models/network/data/aws_2025_p50.def"
};
#undef ROW
#undef REGIONS

/* Six regions: one-way means. Source: NetworkConfiguration.java of dsg-titech/simblock. */
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
static const double six_2019_share[SIX] = {0.3316, 0.4998, 0.009, 0.1177, 0.0224, 0.0195};
static const double six_2015_share[SIX] = {0.3869, 0.5159, 0.0113, 0.0574, 0.0119, 0.0166};

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
        [NET_AWS_2025] = {AWS, aws_regions, aws_p50, aws_p90, 0.5, NULL},
        [NET_SIX_2019] = {SIX, six_regions, six_2019, NULL, 1, six_2019_share},
        [NET_SIX_2015] = {SIX, six_regions, six_2015, NULL, 1, six_2015_share},
        [NET_EIGHT] = {EIGHT, eight_regions, eight, NULL, 1, NULL},
    };
    return &matrices[kind];
}
