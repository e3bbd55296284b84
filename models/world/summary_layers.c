/* Figures of a partitioned network: crossings beside the others, locks, moves, how even layers are.
 */
#include "models/world/summary.h"

#include <math.h>
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
        .base_fee_least_gwei = INFINITY,
        .protocol = w->desk->protocol->model.name,
        .policy = w->cfg->routing.policy.model->name,
        .hottest = ACCOUNT_NONE,
    };
    p->epochs = k->epoch < WORLD_EPOCHS ? k->epoch : WORLD_EPOCHS;
    memcpy(p->epoch_share, k->shares, sizeof p->epoch_share);
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct chain *c = w->layers[i].chain;
        const struct committed *top = vec_at(&c->committed, c->committed.len - 1);
        double fee = wei_double(&chain_latest(&w->layers[i], top->block)->fees.base_fee) * 1e-9;
        p->base_fee_least_gwei = fmin(p->base_fee_least_gwei, fee);
        p->base_fee_most_gwei = fmax(p->base_fee_most_gwei, fee);
    }
    find_hottest(w, p);
}
