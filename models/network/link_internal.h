/* models/network/link_internal.h - what link models share: settings, who has which rates, loss,
 * and a connection's slow start. For models/network/link*.c and their tests. */
#ifndef MODELS_NETWORK_LINK_INTERNAL_H
#define MODELS_NETWORK_LINK_INTERNAL_H

#include "models/network/network.h"

/* Rows M(S, ENUMERATOR, "spelling", "One sentence.") */
#define LINK_RATES(M, S)                                                                           \
    M(S, LINK_SAME, "same", "All have up and down, or those of their class.")                      \
    M(S, LINK_SIMBLOCK_2019, "simblock-2019", "By SimBlock's six regions, 2019.")                  \
    M(S, LINK_SIMBLOCK_2015, "simblock-2015", "By SimBlock's six regions, 2015.")                  \
    M(S, LINK_GERVAIS, "gervais-2016", "By the same regions, of Gervais et al.")                   \
    M(S, LINK_JABS, "jabs", "Drawn for each node from JABS's histogram of its region.")            \
    M(S, LINK_GERVAIS_DRAWN, "gervais-drawn",                                                      \
      "Drawn from the same histogram as Gervais et al. have it: its bins end at those rates.")
FIELD_ENUM_DECLARE(link_rates, LINK_RATES);

/* control_cost and processing_cost: the models' own defaults. */
#define LINK_FIELDS(F, S, control_cost, processing_cost)                                           \
    F(S, BANDWIDTH, up, "100Mbit/s", "1kbit/s", NULL, "Upload rate of a node.")                    \
    F(S, BANDWIDTH, down, "100Mbit/s", "1kbit/s", NULL, "Download rate of a node.")                \
    F(S, ENUM(link_rates), rates, "same", NULL, NULL,                                              \
      "Whose rates: these, or a table's, for all nodes that no class has chosen.")                 \
    F(S, MODELS(class), classes, "", "0", "64",                                                    \
      "Kinds of nodes, with rates of their own in place of up and down.")                          \
    F(S, AROUND(DURATION), jitter, "0ms", "0ms", "1h",                                             \
      "Varies the wire's delay further; percentages are of that delay.")                           \
    F(S, FRACTION, loss, "0%", "0%", "99%", "Packets lost on the way.")                            \
    F(S, SIZE, packet, "1460B", "64B", "64KB", "Payload of a packet.")                             \
    F(S, DURATION, retransmit, "200ms", "1ms", "1h",                                               \
      "Least wait before lost packets are sent again; twice the delay where that is longer.")      \
    F(S, COUNT, attempts, "6", "1", "64", "A message is given up after so many rounds.")           \
    F(S, SIZE, header, "0B", "0B", "4KB",                                                          \
      "Bytes of every packet beside its payload: 40B of TCP over IPv4.")                           \
    F(S, SIZE, overhead, "0B", "0B", "1MB", "Bytes of every message beside its own.")              \
    F(S, COUNT, window, "0", "0", "1M",                                                            \
      "Packets a connection starts with before it hears back, doubling every round trip; 10 by "   \
      "RFC 6928; 0: at once at the full rate.")                                                    \
    F(S, DURATION, control, control_cost, "0ms", "1h",                                             \
      "Added to the delay of what holds neither block nor transaction.")                           \
    F(S, DURATION, processing, processing_cost, "0ms", "1h",                                       \
      "Holds the sender's link before each block or transaction.")

#define LINK_DEFAULT_FIELDS(F, S) LINK_FIELDS(F, S, "0ms", "0ms")
FIELD_DECLARE(link_cfg, LINK_DEFAULT_FIELDS); /* the table of `access` */

/* Refuses what no single row can. */
void link_check(const void *cfg, struct field_report *report);

/* One class; the settings of every model of the registry `class`. */
struct link_class {
    double share;
    struct field_strings chosen;
    uint64_t up, down;
    sim_time latency;
    double loss;
};

/* What nodes of one kind have in common. */
struct link_profile {
    uint64_t up, down; /* bit/s */
    sim_time latency;  /* added to wires that begin or end here */
    double log_kept;   /* logarithm of the share of packets that this end lets through */
};

#define LINK_WIRE_MOST (3600.0 * (double)SIM_SEC) /* where heavy tails of jitter end */

struct link_node {
    sim_time up_free, down_free; /* when the queue has run empty */
    sim_time up_busy, down_busy;
};

/* State of every link model. */
struct link_state {
    const struct link_cfg *cfg;
    struct link_node *nodes;
    struct link_profile *profiles;
    uint8_t *profile_of;        /* by node; NULL: all have the first */
    struct sim_stream *streams; /* by sender; NULL when nothing is drawn */
    double log_kept;            /* of what the wire itself lets through */
    bool loses;
    bool frames; /* headers or overhead */
    bool costs;  /* control, processing, slow start */
};

/* What is made so far goes with link_fini, errors too. */
enum err_code link_init(void *state, const void *cfg, const struct link_env *env, struct err *err);
void link_fini(void *state);

/* For vtables. */
void link_crash(void *state, node_id node, sim_time now);
void link_rates_of(const void *state, node_id node, uint64_t *up, uint64_t *down);
void link_busy(const void *state, node_id node, sim_time *up, sim_time *down);

/* Fills *profiles (and *profile_of where nodes differ) as the settings say; link_nodes.c. */
enum err_code link_profiles(const struct link_cfg *cfg, const struct link_env *env,
                            struct link_profile **profiles, uint8_t **profile_of, struct err *err);

/* Rates of a region of the six by a table, bit/s; false where it is none of them. JABS: drawn. */
bool link_region_rates(enum link_rates rates, const char *region, struct sim_stream *rng,
                       uint64_t *up, uint64_t *down);

static inline const struct link_profile *link_profile_of(const struct link_state *s, node_id node)
{
    return s->profile_of ? &s->profiles[s->profile_of[node]] : s->profiles;
}

/* ceil(size * 8 / rate) in nanoseconds. */
sim_time link_transmission_wide(uint64_t size, uint64_t rate);
static inline sim_time link_transmission(uint64_t size, uint64_t rate)
{
    /* Up to 1 GiB the bits times 10^9 fit 64 bits, and the rounding too: one plain division. */
    if (size <= 1 << 30 && rate <= UINT64_MAX / 4)
        return (sim_time)((size * 8 * (uint64_t)SIM_SEC + rate - 1) / rate);
    return link_transmission_wide(size, rate);
}

/* With headers and overhead. */
uint64_t link_frame(const struct link_cfg *cfg, uint32_t size);
static inline uint64_t link_framed(const struct link_state *s, uint32_t size)
{
    return s->frames ? link_frame(s->cfg, size) : size;
}

/* How much longer `bytes` take than at `rate` all the while, since the connection is idle before
 * each message and starts slowly (RFC 5681, 3.1 and 4.1): a round sends a window, which doubles
 * when a round trip is over; once a window takes a round trip to send, nothing waits any more.
 * Losses do not narrow it. */
sim_time link_slow_start(const struct link_cfg *cfg, uint64_t bytes, uint64_t rate, sim_time rtt);

/* Rounds of retransmission, each of the packets that the one before lost. Adds the bytes that are
 * sent again to *bytes and their waits to *delay; false: given up. */
bool link_retransmit(struct link_state *s, node_id from, node_id to, uint32_t size, sim_time wire,
                     sim_time *delay, uint64_t *bytes);

/* The wire of one message: both ends' latency, jitter, then retransmission. */
static inline bool link_wire(struct link_state *s, node_id from, node_id to, uint32_t size,
                             sim_time *wire, sim_time *delay, uint64_t *bytes)
{
    if (s->profile_of)
        *wire += link_profile_of(s, from)->latency + link_profile_of(s, to)->latency;
    if (!s->streams)
        return true;
    double varied = sim_dist_around(&s->cfg->jitter, (double)*wire, &s->streams[from]);
    *wire = varied < LINK_WIRE_MOST ? (sim_time)varied : (sim_time)LINK_WIRE_MOST;
    return !s->loses || link_retransmit(s, from, to, size, *wire, delay, bytes);
}

#endif
