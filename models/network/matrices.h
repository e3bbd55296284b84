/* models/network/matrices.h - measured delays between regions, as data.
 *
 * Numbers and sources: the .def files in models/network/data and the rows in matrices.c. */
#ifndef MODELS_NETWORK_MATRICES_H
#define MODELS_NETWORK_MATRICES_H

#include "sim/scenario/field.h"

#include <stdint.h>

/* Rows M(S, ENUMERATOR, "spelling", "One sentence.") */
#define NET_MATRICES(M, S)                                                                         \
    M(S, NET_AWS_2025, "aws-2025", "33 AWS regions, round trips of July 2025 halved.")             \
    M(S, NET_SIX_2019, "six-regions-2019", "SimBlock's six regions of the world in 2019.")         \
    M(S, NET_SIX_2015, "six-regions-2015", "SimBlock's six regions of the world in 2015.")         \
    M(S, NET_EIGHT, "eight-regions", "ethshadow's eight regions of Ethereum nodes.")
FIELD_ENUM_DECLARE(net_matrix_kind, NET_MATRICES);

struct net_matrix {
    uint32_t count;
    const char *const *regions;
    const double *ms;     /* count x count, from * count + to: mean or median, milliseconds */
    const double *p90_ms; /* likewise, 90th percentile; NULL where the source has none */
    double one_way;       /* share of those times that is one way: 0.5 of a round trip */
    const double *share;  /* where the source's nodes are, by region; NULL: equal shares */
};

/* Never fails for an enumerator. Static storage. */
const struct net_matrix *net_matrix(enum net_matrix_kind kind);

#endif
