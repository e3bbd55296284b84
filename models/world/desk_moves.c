/* Accounts that move because the policy, or their owner, says so. */
#include "models/world/desk.h"
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

static struct op *order(struct world *w, enum op_kind kind, layer_id at,
                        const struct evm_addr *addr)
{
    struct op *op = op_create(kind, takeover_seat(w, 0), at, 0);
    if (!op || !desk_op_accounts(op, addr, 1)) {
        op_unref(op);
        world_out_of_memory(w);
        return NULL;
    }
    op->waits = true;
    op_sized(op);
    return op;
}

static void share(struct world *w, const struct directory_account *a, layer_id at)
{
    struct op *op = order(w, OP_SHARE, at, &a->addr);
    if (!op)
        return;
    op->other = a->home;
    desk_post(w, op);
}

void desk_move(struct world *w, account_id account, layer_id to)
{
    struct desk *d = w->desk;
    struct directory_account *a = directory_at(&d->directory, account);
    if (a->ordered || a->moving || a->home == to || a->home == LAYER_ALL ||
        (to != LAYER_ALL && takeover_retired(w, to)))
        return;
    a->ordered = true;
    d->moves_begun++;
    book_ordered(w, account, a->home, to, w->cfg->routing.policy.model->name);
    if (to != LAYER_ALL) {
        struct op *op = order(w, OP_EXPORT, a->home, &a->addr);
        if (op) {
            op->other = to;
            desk_post(w, op);
        }
        return;
    }
    a->shares = w->layer_count;
    share(w, a, a->home);
}

void desk_share_on(struct world *w, account_id account)
{
    struct directory_account *a = directory_at(&w->desk->directory, account);
    for (layer_id i = 0; i < w->layer_count; i++)
        if (i != a->home)
            share(w, a, i);
}
