#include "models/routing/moves.h"
#include "sim/base/mem.h"

#include <stdlib.h>

struct weighed {
    double gas;
    struct route_move move;
};

static int by_gas(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    if (x->gas != y->gas)
        return x->gas < y->gas ? 1 : -1;
    return x->move.account < y->move.account ? -1 : x->move.account > y->move.account;
}

uint32_t moves_pick(const struct search_builder *b, const layer_id *home, struct route_move *out,
                    uint32_t room)
{
    uint32_t nodes = (uint32_t)b->nodes.len, count = 0;
    double *gas = mem_zalloc(nodes, sizeof *gas);
    struct weighed *all = mem_alloc(nodes, sizeof *all);
    for (size_t i = 0; i < b->nets.len && gas && all; i++) {
        const struct search_net *net = vec_at(&b->nets, i);
        for (uint32_t k = 0; k < net->count; k++)
            gas[*(uint32_t *)vec_at(&b->pins, net->first + k)] += net->gas;
    }
    for (uint32_t n = 0; n < nodes && gas && all; n++) {
        const struct search_share *start = vec_at(&b->shares, n);
        account_id account = *(account_id *)vec_at(&b->accounts, n);
        if (home[n] != start->layer)
            all[count++] = (struct weighed){gas[n], {account, home[n]}};
    }
    if (count)
        qsort(all, count, sizeof *all, by_gas);
    if (count > room)
        count = room;
    for (uint32_t i = 0; i < count; i++)
        out[i] = all[i].move;
    mem_free(gas);
    mem_free(all);
    return count;
}
