/* models/workload/groups.h - users in groups: members in a row, picked by rank. */
#ifndef MODELS_WORKLOAD_GROUPS_H
#define MODELS_WORKLOAD_GROUPS_H

#include "models/workload/pairs.h"
#include "models/workload/skew.h"

/* Members of group g stand at first[g] .. first[g + 1] - 1 of `member`, by rank: the first one is
 * the favourite of both skews. 8 bytes a user; 12 more a skew with an exponent. Zeroed is empty. */
struct groups {
    uint32_t count, users;
    uint32_t *first;    /* count + 1 */
    uint32_t *member;   /* all users in order of groups */
    uint32_t *group_of; /* by user */
    struct skew senders, recipients;
};

/* Room for so many groups and users; the caller then fills first, member and group_of, and calls
 * groups_rank. ERR_MEMORY. */
enum err_code groups_init(struct groups *g, uint32_t count, uint32_t users, struct err *err);
/* Tables of ranks for the largest group. ERR_MEMORY. */
enum err_code groups_rank(struct groups *g, const struct field_skew *senders,
                          const struct field_skew *recipients, struct err *err);
void groups_fini(struct groups *g); /* accepts zeroed */

static inline uint32_t groups_size(const struct groups *g, uint32_t group)
{
    return g->first[group + 1] - g->first[group];
}

/* A group by its size: each user weighs the same. `except` is left out; UINT32_MAX leaves none out.
 * Needs a user in another group than that one. */
uint32_t groups_any(const struct groups *g, uint32_t except, struct sim_stream *rng);
struct pick groups_sender(const struct groups *g, uint32_t group, struct sim_stream *rng);
/* With probability `inside` a member of the sender's group, else of another, by size. Where there
 * is nobody of the kind: the other kind; where the sender is alone, itself. */
struct pick groups_recipient(const struct groups *g, struct pick sender, double inside,
                             struct sim_stream *rng);
/* Two users of different groups, drawn by rng, change places and ranks. Needs two groups that are
 * not empty. */
void groups_swap(struct groups *g, struct sim_stream *rng);

#endif
