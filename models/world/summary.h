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

/* ---- diagnosis_layers.c ---- */
/* Whether it is crossings, one account, one layer or the mail that limits a run whose load was not
 * carried; then says so in s->limit. */
bool explain_layers(const struct world *w, struct world_summary *s);
/* What layers that were given up cost, behind what s->limit_text says already. */
void explain_takeover(const struct world *w, struct world_summary *s);
/* s->warning: more layers than the load asks for; "" where there are not. */
void warn_layers(const struct world *w, struct world_summary *s);

#endif
