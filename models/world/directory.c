#include "models/world/directory.h"

enum err_code directory_create(struct directory *d, layer_id layers, struct err *err)
{
    d->layers = layers;
    vec_init(&d->accounts, sizeof(struct directory_account));
    d->numbers = addr_table_create();
    d->placement = (struct placement){.layers = layers, .homes = addr_table_create()};
    if (d->numbers && d->placement.homes)
        return ERR_OK;
    return err_set(err, ERR_MEMORY, "no memory for accounts");
}

void directory_fini(struct directory *d)
{
    addr_table_unref(d->numbers);
    addr_table_unref(d->placement.homes);
    vec_fini(&d->accounts);
    *d = (struct directory){0};
}

layer_id directory_first_home(const struct directory *d, const struct evm_addr *addr, bool *open)
{
    layer_id home = placement_home(&d->placement, addr);
    *open = false;
    if (home == LAYER_ALL)
        return home;
    for (uint64_t left = d->heard; left;) {
        unsigned i = 0;
        while (i < SUCCESSIONS_MAX && !(left >> i & 1 && d->placement.successions[i].dead == home))
            i++;
        if (i == SUCCESSIONS_MAX)
            break;
        left &= ~(UINT64_C(1) << i);
        *open |= d->open >> i & 1;
        home = succession_heir(&d->placement.successions[i], addr);
    }
    return home;
}

account_id directory_number(struct directory *d, const struct evm_addr *addr)
{
    uint64_t value;
    if (addr_table_get(d->numbers, addr, &value))
        return (account_id)value;
    struct directory_account a = {.addr = *addr};
    a.home = directory_first_home(d, addr, &a.orphan);
    a.moving = a.orphan;
    a.from = a.home;
    account_id number = (account_id)d->accounts.len;
    if (vec_push(&d->accounts, &a) != ERR_OK || !addr_table_put(d->numbers, addr, number))
        return ACCOUNT_NONE;
    return number;
}
