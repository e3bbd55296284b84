/* Figures of a partitioned network: crossings beside the others, locks, moves, how even layers are.
 */
#include "models/world/desk_internal.h"
#include "models/world/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double imbalance(const struct world *w)
{
    double most = 0, sum = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        double gas = (double)w->book->layers[i].gas;
        sum += gas;
        most = fmax(most, gas);
    }
    return sum > 0 ? most * w->layer_count / sum : NAN;
}

/* Of accounts that one layer holds, the one whose transactions used most gas. */
static void find_hottest(const struct world *w, struct world_partition *p)
{
    const struct vec *used = &w->book->used;
    double most = 0;
    for (size_t i = 0; i < used->len; i++) {
        double gas = *(double *)vec_at(used, i);
        if (gas <= most || directory_at(&w->desk->directory, (account_id)i)->home == LAYER_ALL)
            continue;
        most = gas;
        p->hottest = (uint32_t)i;
    }
    p->hottest_share = summary_ratio(most, w->book->gas);
}

static void find_held(const struct world *w, struct world_partition *p)
{
    const double now = (double)sim_now(w->sim);
    for (const struct desk_crossing *c = w->desk->open; c; c = c->next)
        for (layer_id i = 0; i < w->layer_count; i++) {
            uint64_t since;
            if (!map_get(&w->book->layers[i].held, desk_hold(c), &since))
                continue;
            p->held++;
            p->held_s = fmax(p->held_s, (now - (double)(since - 1)) * 1e-9);
        }
}

static void compare_fees(const struct world *w, struct world_partition *p)
{
    p->base_fee_least_gwei = p->base_fee_most_gwei = NAN;
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        if (!l->tally.blocks)
            continue;
        double fee = l->tally.base_fee / (double)l->tally.blocks * 1e-9;
        if (!(fee >= p->base_fee_least_gwei)) {
            p->base_fee_least_gwei = fee;
            snprintf(p->cheapest, sizeof p->cheapest, "%s", l->name);
        }
        if (!(fee <= p->base_fee_most_gwei)) {
            p->base_fee_most_gwei = fee;
            snprintf(p->dearest, sizeof p->dearest, "%s", l->name);
        }
    }
}

void summarise_layers(const struct world *w, struct world_summary *out)
{
    struct world_partition *p = &out->partition;
    const struct book *k = w->book;
    if (!k)
        return;
    *p = (struct world_partition){
        .on = true,
        .crossings = k->cross.len,
        .dropped = k->dropped,
        .cross_share = summary_ratio((double)k->cross.len, (double)(k->cross.len + k->local.len)),
        .cross_latency_s = summary_percentiles(&k->cross),
        .local_latency_s = summary_percentiles(&k->local),
        .paid_s = summary_percentiles(&k->paid),
        .paid = k->paid.len,
        .paying = k->paying,
        .locked_s = summary_percentiles(&k->locks),
        .tries = k->ended ? (double)k->tries / (double)k->ended : NAN,
        .moves = k->moves_done,
        .moves_refused = k->moves_refused,
        .move_bytes = k->move_bytes,
        .left_out_foreign = w->desk->foreign,
        .left_out_locked = w->desk->locked,
        .imbalance = k->imbalances ? k->imbalance_sum / k->imbalances : imbalance(w),
        .imbalance_whole = imbalance(w),
        .regret = k->regrets ? k->regret_sum / k->regrets : NAN,
        .prediction_error = k->errors ? k->error_sum / k->errors : NAN,
        .protocol = w->desk->protocol->model.name,
        .calls_by = w->desk->otherwise ? w->desk->otherwise->model.name : NULL,
        .carried = k->carried,
        .calls = k->calls,
        .locks = k->locks.len,
        .policy = w->cfg->routing.policy.model->name,
        .hottest = ACCOUNT_NONE,
    };
    p->epochs = k->epoch < WORLD_EPOCHS ? k->epoch : WORLD_EPOCHS;
    memcpy(p->epoch_share, k->shares, sizeof p->epoch_share);
    find_held(w, p);
    compare_fees(w, p);
    find_hottest(w, p);
}
