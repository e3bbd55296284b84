/* models/network/matrices.h - measured delays between regions, and where nodes are, as data.
 *
 * Numbers and sources: the .def files in models/network/data and the rows in matrices.c. What is
 * read from a user's file: matrices_file.c. */
#ifndef MODELS_NETWORK_MATRICES_H
#define MODELS_NETWORK_MATRICES_H

#include "sim/base/err.h"
#include "sim/scenario/field.h"

#include <stdint.h>

/* Rows M(S, ENUMERATOR, "spelling", "One sentence.") */
#define NET_MATRICES(M, S)                                                                         \
    M(S, NET_AWS_2025, "aws-2025", "33 AWS regions, round trips of July 2025 halved.")             \
    M(S, NET_SIX_2019, "six-regions-2019", "SimBlock's six regions of the world in 2019.")         \
    M(S, NET_SIX_2015, "six-regions-2015", "SimBlock's six regions of the world in 2015.")         \
    M(S, NET_GERVAIS, "gervais-2015", "The same of 2015 unrounded, as Gervais et al. have them.")  \
    M(S, NET_EIGHT, "eight-regions", "ethshadow's eight regions of Ethereum nodes.")               \
    M(S, NET_CITIES, "cities-2018", "21 cities, WonderNetwork's round trips of 2018 halved.")      \
    M(S, NET_RIPE, "ripe-2025", "157 countries, RIPE Atlas round trips of 2025 halved.")           \
    M(S, NET_FILE, "file", "Your own, of `file`.")
FIELD_ENUM_DECLARE(net_matrix_kind, NET_MATRICES);

/* Where the nodes of a chain are, by the six regions of three of the matrices. */
#define NET_SHARES(M, S)                                                                           \
    M(S, NET_SHARES_SOURCE, "source", "As the matrix's source has them, else equal.")              \
    M(S, NET_SHARES_EQUAL, "equal", "As many in each region.")                                     \
    M(S, NET_SHARES_BITCOIN_2015, "bitcoin-2015", "Bitcoin's in 2015, six regions.")               \
    M(S, NET_SHARES_BITCOIN_2019, "bitcoin-2019", "Bitcoin's in 2019, six regions.")               \
    M(S, NET_SHARES_LITECOIN, "litecoin", "Litecoin's, six regions.")                              \
    M(S, NET_SHARES_DOGECOIN, "dogecoin", "Dogecoin's, six regions.")                              \
    M(S, NET_SHARES_ETHEREUM, "ethereum-2019", "Ethereum's active ones in 2019, six regions.")     \
    M(S, NET_SHARES_CBLOCKSIM, "cblocksim", "CBlockSim's other table, six regions.")
FIELD_ENUM_DECLARE(net_shares_kind, NET_SHARES);

enum { NET_REGIONS_MAX = 256 };

struct net_matrix {
    uint32_t count;
    const char *const *regions;
    const double *ms;     /* count x count, from * count + to: mean or median, milliseconds */
    const double *p90_ms; /* likewise, 90th percentile; NULL where the source has none */
    double one_way;       /* share of those times that is one way: 0.5 of a round trip */
    const double *share;  /* where the source's nodes are, by region; NULL: equal shares */
    /* Instead of ms, where it is the same both ways: tenths of a millisecond and their standard
     * deviation; rows up to the diagonal. Below 0: not measured, but filled in. */
    const int32_t *tenths, *sd_tenths;
};

/* Never fails for an enumerator but NET_FILE, for which it is NULL. Static storage. */
const struct net_matrix *net_matrix(enum net_matrix_kind kind);

/* One way, milliseconds, before anything is drawn. */
double net_matrix_ms(const struct net_matrix *m, uint32_t from, uint32_t to);
/* Standard deviation of that: the source's own, or what the 90th percentile lies above the median,
 * which the estimator of commonware takes for it. Below 0 where the source has neither. */
double net_matrix_sd_ms(const struct net_matrix *m, uint32_t from, uint32_t to);

/* By the six regions, not quite summing to 1; NULL for NET_SHARES_SOURCE and _EQUAL. */
const double *net_shares(enum net_shares_kind kind);

/* Reads a table of round trips: a line of region names after an unused first cell, then a line for
 * each of them, in any order, of its name and milliseconds to every region. An empty cell is as the
 * way back. `#` starts a line that is skipped. At most NET_REGIONS_MAX regions and 8 MiB. ERR_IO,
 * ERR_INPUT ("FILE:LINE: ..."), ERR_MEMORY. The matrix is one block: mem_free it. */
enum err_code net_matrix_read(struct net_matrix **out, const char *path, struct err *err);

#endif
