/* models/world/summary.h - what the files of the summary share, and what they add of layers. */
#ifndef MODELS_WORLD_SUMMARY_H
#define MODELS_WORLD_SUMMARY_H

#include "models/world/internal.h"

/* Nearest rank; zeros of none. O(n log n). */
struct world_percentiles summary_percentiles(const struct vec *values);
/* a over b, 0 where b is not above 0. */
static inline double summary_ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* How one node spends the run, in shares of it. */
struct occupation {
    double execution; /* all its cores: blocks */
    double senders;   /* all its cores: recovery of senders */
    double messages;  /* all its cores: signatures of messages */
};
/* The node of these layers whose cores have the least time left for blocks and senders. */
struct occupation summary_busiest(const struct world *w, layer_id first, layer_id count);

/* ---- summary_layers.c: a partitioned network; the rest of *out is filled ---- */
void summarise_layers(const struct world *w, struct world_summary *out);

/* ---- diagnosis_space.c ---- */
/* Open transactions that cannot pay what the next block charges, those of the same sender behind
 * them, and those that wait for the fee to fall. O(open transactions). */
uint64_t summary_priced_out(const struct world *w);
/* Whether blocks have no room, or a price that most of what is pending does not pay; then says so
 * in s->limit. */
bool explain_space(const struct world *w, struct world_summary *s);
/* ... or those who waited for a lower fee gave up. */
bool explain_patience(struct world_summary *s);

/* ---- diagnosis_layers.c ---- */
/* Whether it is crossings, one account, one layer or the mail that limits a run whose load was not
 * carried; then says so in s->limit. */
bool explain_layers(const struct world *w, struct world_summary *s);
/* What layers that were given up cost, behind what s->limit_text says already. */
void explain_takeover(const struct world *w, struct world_summary *s);
/* s->warning: layers that nothing is sent to, or more layers than the load asks for; "" where
 * there are not. The latter of layers that are alike only. */
void warn_layers(const struct world *w, struct world_summary *s);

#endif
