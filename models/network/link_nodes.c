/* Which node has which access link: one for all, by region, drawn from a region's histogram, or by
 * class. Nodes of a kind share a profile, so that a node costs a byte. */
#include "models/network/link_internal.h"
#include "models/network/matrices.h"
#include "models/network/place.h"
#include "sim/base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIX = 6, BINS = 10, PROFILES_MAX = 256 };

/* ---- classes ---- */

/* One table a class; they differ in their defaults. NULL: must be given. */
#define CLASS_FIELDS(F, S, up_rate, down_rate, late, lost)                                         \
    F(S, FRACTION, share, "0%", "0%", "100%", "Of the nodes that no class has chosen.")            \
    F(S, STRINGS, chosen, "", NULL, NULL, "These nodes besides, by number: [0, 4-6].")             \
    F(S, BANDWIDTH, up, up_rate, "1kbit/s", NULL, "Upload rate.")                                  \
    F(S, BANDWIDTH, down, down_rate, "1kbit/s", NULL, "Download rate.")                            \
    F(S, DURATION, latency, late, "0ms", "1h", "Added to every wire that begins or ends here.")    \
    F(S, FRACTION, loss, lost, "0%", "99%", "Packets lost at this end.")

#define CLASS(id, spelling, text, up_rate, down_rate, late, lost)                                  \
    static const struct field id##_rows[] = {                                                      \
        CLASS_FIELDS(FIELD_ROW, link_class, up_rate, down_rate, late, lost)};                      \
    static const struct field_table id##_table = {"class_" #id,                                    \
                                                  text,                                            \
                                                  id##_rows,                                       \
                                                  sizeof id##_rows / sizeof id##_rows[0],          \
                                                  sizeof(struct link_class),                       \
                                                  NULL};                                           \
    static const struct field_model id##_class = {spelling, text, &id##_table}

CLASS(own, "own", "A class of your own.", NULL, NULL, "0ms", "0%");
/* lib/src/config/ethshadow.rs of ethereum/ethshadow. */
CLASS(reliable, "reliable", "ethshadow's reliable node.", "1Gbit/s", "1Gbit/s", "0ms", "0%");
CLASS(home, "home", "ethshadow's node at home.", "50Mbit/s", "50Mbit/s", "20ms", "0.1%");
CLASS(laggy, "laggy", "ethshadow's laggy node.", "50Mbit/s", "50Mbit/s", "300ms", "5%");
CLASS(constrained, "constrained", "ethshadow's node of little bandwidth.", "5Mbit/s", "5Mbit/s",
      "20ms", "0.1%");
CLASS(bad, "bad", "ethshadow's bad node.", "2Mbit/s", "2Mbit/s", "500ms", "20%");
/* EIP-7870, recommended network of each kind of node. */
CLASS(full, "full-node", "EIP-7870's full node.", "15Mbit/s", "50Mbit/s", "0ms", "0%");
CLASS(attester, "attester", "EIP-7870's attester.", "25Mbit/s", "50Mbit/s", "0ms", "0%");
CLASS(builder, "block-builder", "EIP-7870's local block builder.", "50Mbit/s", "100Mbit/s", "0ms",
      "0%");

static const struct field_model *const classes[] = {
    &own_class, &reliable_class, &home_class,     &laggy_class,  &constrained_class,
    &bad_class, &full_class,     &attester_class, &builder_class};
const struct field_registry class_registry = {"class", "Kinds of nodes by their access links.",
                                              classes, sizeof classes / sizeof classes[0]};

/* "3" or "4-6" */
static bool parse_range(const char *text, unsigned long *first, unsigned long *last)
{
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *first = *last = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *last = strtoul(end + 1, &end, 10);
    return !*end && !errno && *first <= *last;
}

static const struct link_class *class_at(const struct link_cfg *cfg, size_t i)
{
    return cfg->classes.items[i].cfg;
}

/* Chosen nodes get their class; of_none marks the others. */
static enum err_code choose(const struct link_cfg *cfg, uint8_t *profile_of, uint8_t of_none,
                            node_id count, struct err *err)
{
    memset(profile_of, of_none, count);
    for (size_t k = 0; k < cfg->classes.count; k++)
        for (size_t i = 0; i < class_at(cfg, k)->chosen.count; i++) {
            const char *text = class_at(cfg, k)->chosen.items[i];
            unsigned long first, last;
            if (!parse_range(text, &first, &last))
                return err_set(err, ERR_INPUT,
                               "link.classes: chosen: '%s' is no node; try 3 or 4-6", text);
            if (last >= count)
                return err_set(err, ERR_INPUT,
                               "link.classes: chosen: there is no node %lu; the last is %u", last,
                               count - 1);
            for (unsigned long n = first; n <= last; n++) {
                if (profile_of[n] != of_none)
                    return err_set(err, ERR_INPUT, "link.classes: chosen: node %lu stands twice",
                                   n);
                profile_of[n] = (uint8_t)k;
            }
        }
    return ERR_OK;
}

/* The others by shares, each class within one node of its own. */
static enum err_code share_out(const struct link_cfg *cfg, uint8_t *profile_of, uint8_t of_none,
                               const struct link_env *env, struct err *err)
{
    double shares[PROFILES_MAX];
    uint32_t open = 0;
    for (node_id n = 0; n < env->node_count; n++)
        open += profile_of[n] == of_none;
    for (size_t k = 0; k < cfg->classes.count; k++)
        shares[k] = class_at(cfg, k)->share;
    uint32_t *place = mem_alloc(open + 1, sizeof *place);
    if (!place)
        return err_set(err, ERR_MEMORY, "no memory for the classes of %u nodes", open);
    struct sim_stream rng;
    sim_stream_init(&rng, env->seed, 0, sim_purpose("network.class"));
    net_place(place, open, shares, (uint32_t)cfg->classes.count, &rng);
    for (node_id n = 0, at = 0; n < env->node_count; n++)
        if (profile_of[n] == of_none)
            profile_of[n] = (uint8_t)place[at++];
    mem_free(place);
    return ERR_OK;
}

static enum err_code by_class(const struct link_cfg *cfg, const struct link_env *env,
                              struct link_profile *profiles, uint8_t *profile_of, struct err *err)
{
    const uint8_t of_none = PROFILES_MAX - 1;
    for (size_t k = 0; k < cfg->classes.count; k++) {
        const struct link_class *c = class_at(cfg, k);
        profiles[k] = (struct link_profile){c->up, c->down, c->latency, log1p(-c->loss)};
    }
    enum err_code e = choose(cfg, profile_of, of_none, env->node_count, err);
    if (!e && cfg->rates == LINK_SAME)
        e = share_out(cfg, profile_of, of_none, env, err);
    return e;
}

/* ---- by region: the tables of SimBlock, Gervais et al. and JABS ---- */

/* clang-format off */
/* Mbit/s, down and up, in the order of the six regions. */
static const struct { double down[SIX], up[SIX]; } tables[] = {
    [LINK_SIMBLOCK_2015] = {{25,    24,    6.5,  10,    17.5, 14},   {4.7,  8.1,  1.8, 5.3,  3.4,  5.2}},
    [LINK_SIMBLOCK_2019] = {{52,    40,    18,   22.8,  22.8, 29.9}, {19.2, 20.7, 5.8, 15.7, 10.2, 11.3}},
    [LINK_GERVAIS]       = {{41.68, 21.29, 9.89, 14.56, 6.9,  16},   {6.74, 6.72, 2.2, 6.53, 1.7,  6.1}},
};

/* GlobalNetworkStats6Region.java of JABS: bit/s of a bin, and each region's weight of it. */
static const uint64_t jabs_down[BINS] = {600000,   1600000,  3600000,   7600000,   15600000,
                                         31600000, 63600000, 127600000, 255600000, 499600000};
static const uint64_t jabs_up[BINS] = {200000,  400000,   800000,   1600000,  3200000,
                                       6400000, 12800000, 25600000, 51200000, 99900000};
static const double jabs_down_weight[SIX][BINS] = {
    {0.13850, 0.05950, 0.09350, 0.12150, 0.14150, 0.20850, 0.15350, 0.06550, 0.01050, 0.00750},
    {0.10550, 0.06150, 0.08850, 0.14950, 0.19400, 0.17950, 0.13550, 0.06250, 0.02100, 0.00250},
    {0.29650, 0.13400, 0.15350, 0.18700, 0.13700, 0.05800, 0.02550, 0.00850, 0,       0},
    {0.19550, 0.12750, 0.17900, 0.18000, 0.15700, 0.08900, 0.04750, 0.02100, 0.00300, 0.00050},
    {0.25050, 0.10850, 0.14350, 0.11700, 0.09400, 0.11350, 0.06900, 0.09950, 0.00400, 0.00050},
    {0.18850, 0.10500, 0.12300, 0.18200, 0.16400, 0.12750, 0.05100, 0.05800, 0.00100, 0},
};
static const double jabs_up_weight[SIX][BINS] = {
    {0.09750, 0.07350, 0.11550, 0.15750, 0.12200, 0.24000, 0.13800, 0.03850, 0.01100, 0.00650},
    {0.07500, 0.05900, 0.08800, 0.09500, 0.14850, 0.18900, 0.16850, 0.09900, 0.06250, 0.01550},
    {0.21900, 0.17350, 0.16150, 0.10450, 0.18750, 0.12000, 0.02550, 0.00450, 0.00350, 0.00050},
    {0.14350, 0.06850, 0.11150, 0.11800, 0.17050, 0.12500, 0.14200, 0.08000, 0.03650, 0.00450},
    {0.11200, 0.07450, 0.08450, 0.14900, 0.21600, 0.23100, 0.10250, 0.02500, 0.00550, 0},
    {0.09650, 0.06950, 0.31000, 0.09550, 0.12600, 0.12650, 0.03000, 0.09850, 0.04550, 0.00200},
};
/* clang-format on */

/* The histogram sums up the thousand bins of bitcoin-topology-helper.cc (Gervais et al.), each of
 * its bins ending at its rate: shares of both agree. There a node's rate lies evenly between a and
 * b, the bounds of its bin; here it is the one rate whose transfers take their mean time, (b - a) /
 * ln(b / a). The first bin begins at 0.1 Mbit/s. */
static uint64_t within_bin(const uint64_t *bins, uint64_t rate)
{
    int at = 0;
    while (bins[at] != rate)
        at++;
    double a = at ? (double)bins[at - 1] : 1e5, b = (double)rate;
    return (uint64_t)llround((b - a) / log(b / a));
}

static uint64_t from_bins(const uint64_t *bins, const double *weights, struct sim_stream *rng)
{
    double sum = 0;
    for (int i = 0; i < BINS; i++)
        sum += weights[i];
    double left = sim_stream_double(rng) * sum;
    int at = 0;
    while (at + 1 < BINS && (left -= weights[at]) >= 0)
        at++;
    return bins[at];
}

bool link_region_rates(enum link_rates rates, const char *region, struct sim_stream *rng,
                       uint64_t *up, uint64_t *down)
{
    uint32_t r = net_region_index(net_matrix(NET_SIX_2019)->regions, SIX, region);
    if (r == UINT32_MAX)
        return false;
    if (rates == LINK_JABS || rates == LINK_GERVAIS_DRAWN) {
        *down = from_bins(jabs_down, jabs_down_weight[r], rng);
        *up = from_bins(jabs_up, jabs_up_weight[r], rng);
        if (rates == LINK_GERVAIS_DRAWN) {
            *down = within_bin(jabs_down, *down);
            *up = within_bin(jabs_up, *up);
        }
    } else {
        *down = (uint64_t)llround(tables[rates].down[r] * 1e6);
        *up = (uint64_t)llround(tables[rates].up[r] * 1e6);
    }
    return true;
}

static enum err_code by_region(const struct link_cfg *cfg, const struct link_env *env,
                               struct link_profile *profiles, uint8_t *profile_of, struct err *err)
{
    const uint32_t first = (uint32_t)cfg->classes.count;
    uint32_t count = first;
    for (node_id n = 0; n < env->node_count; n++) {
        struct link_profile p = {0};
        struct sim_stream rng;
        if (first && profile_of[n] < first)
            continue; /* a class has chosen it */
        const char *region = env->region(env->self, n);
        sim_stream_init(&rng, env->seed, n, sim_purpose("network.rates"));
        if (!link_region_rates(cfg->rates, region, &rng, &p.up, &p.down))
            return err_set(err, ERR_INPUT,
                           "link.rates: %s is by the six regions of SimBlock, of which %s%s is "
                           "none; choose matrix six-regions-2019, six-regions-2015 or gervais-2015",
                           link_rates_names.names[cfg->rates], region[0] ? "" : "(no region)",
                           region);
        uint32_t k = first;
        while (k < count && (profiles[k].up != p.up || profiles[k].down != p.down))
            k++;
        if (k == count)
            profiles[count++] = p; /* 100 pairs of bins and 64 classes at most */
        profile_of[n] = (uint8_t)k;
    }
    return ERR_OK;
}

enum err_code link_profiles(const struct link_cfg *cfg, const struct link_env *env,
                            struct link_profile **profiles, uint8_t **profile_of, struct err *err)
{
    bool same = !cfg->classes.count && cfg->rates == LINK_SAME;
    *profiles = mem_zalloc(same ? 1 : PROFILES_MAX, sizeof **profiles);
    if (!same)
        *profile_of = mem_zalloc(env->node_count, 1);
    if (!*profiles || (!same && !*profile_of))
        return err_set(err, ERR_MEMORY, "no memory for the rates of %u nodes", env->node_count);
    **profiles = (struct link_profile){.up = cfg->up, .down = cfg->down};
    if (same)
        return ERR_OK;
    enum err_code e = ERR_OK;
    if (cfg->classes.count)
        e = by_class(cfg, env, *profiles, *profile_of, err);
    if (!e && cfg->rates != LINK_SAME)
        e = by_region(cfg, env, *profiles, *profile_of, err);
    return e;
}
