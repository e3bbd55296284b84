#include "evm/parallel/history.h"

#include <stdlib.h>

#include "evm/core/alloc.h"

struct evm_history {
    struct evm_heat *list; /* by address */
    size_t count;
};

struct evm_history *evm_history_create(void)
{
    return evm_calloc(1, sizeof(struct evm_history));
}

void evm_history_destroy(struct evm_history *h)
{
    if (!h)
        return;
    free(h->list);
    free(h);
}

struct evm_history *evm_history_copy(const struct evm_history *h)
{
    struct evm_history *copy = evm_history_create();
    if (!copy || h->count == 0)
        return copy;
    copy->list = evm_calloc(h->count, sizeof *copy->list);
    if (!copy->list) {
        free(copy);
        return NULL;
    }
    memcpy(copy->list, h->list, h->count * sizeof *copy->list);
    copy->count = h->count;
    return copy;
}

/* ---- looking --------------------------------------------------------------------------------- */

static int by_address(const void *x, const void *y)
{
    const struct evm_heat *a = x, *b = y;
    return memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
}

const struct evm_heat *evm_history_find(const struct evm_history *h, const struct evm_addr *addr)
{
    const struct evm_heat key = {.addr = *addr};
    return h && h->count ? bsearch(&key, h->list, h->count, sizeof *h->list, by_address) : NULL;
}

uint32_t evm_history_heat(const struct evm_history *h, const struct evm_addr *addr)
{
    const struct evm_heat *found = evm_history_find(h, addr);
    return found ? found->met : 0;
}

size_t evm_history_count(const struct evm_history *h)
{
    return h->count;
}

/* ---- learning -------------------------------------------------------------------------------- */

static bool is_storage(const struct evm_access *a)
{
    return a->kind == EVM_MV_SLOT || a->kind == EVM_MV_WIPE;
}

static bool meets(const struct evm_access *a)
{
    return (is_storage(a) || a->kind == EVM_MV_CODE) && (a->how & EVM_ACCESS_READ) &&
           a->from != EVM_NO_TX;
}

/* One row for each account that each transaction used: rows of one transaction stand by address. */
static size_t use_of_block(const struct evm_access_sets *sets, struct evm_heat *out)
{
    size_t count = 0;
    for (uint32_t tx = 0; tx < sets->tx_count; tx++) {
        uint32_t i = sets->first[tx], end = sets->first[tx + 1];
        while (i < end) {
            struct evm_heat heat = {.addr = sets->list[i].addr};
            for (; i < end && evm_addr_eq(&sets->list[i].addr, &heat.addr); i++) {
                if (meets(&sets->list[i]))
                    heat.met = EVM_HISTORY_ONE;
                if (is_storage(&sets->list[i]) || heat.met)
                    heat.seen = EVM_HISTORY_ONE;
            }
            if (heat.seen)
                out[count++] = heat;
        }
    }
    return count;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* Rows of one account become one; in place, sorted. */
static size_t merge(struct evm_heat *v, size_t count)
{
    size_t to = 0;
    if (count)
        qsort(v, count, sizeof *v, by_address);
    for (size_t i = 0; i < count; i++) {
        if (to && by_address(&v[to - 1], &v[i]) == 0) {
            v[to - 1].met = sum(v[to - 1].met, v[i].met);
            v[to - 1].seen = sum(v[to - 1].seen, v[i].seen);
        } else {
            v[to++] = v[i];
        }
    }
    return to;
}

static int hottest_first(const void *x, const void *y)
{
    const struct evm_heat *a = x, *b = y;
    if (a->met != b->met)
        return a->met > b->met ? -1 : 1;
    if (a->seen != b->seen)
        return a->seen > b->seen ? -1 : 1;
    return by_address(a, b);
}

/* Takes out what has faded away: a transaction is forgotten after eight blocks. */
static size_t drop_faded(struct evm_heat *v, size_t count)
{
    size_t to = 0;
    for (size_t i = 0; i < count; i++)
        if (v[i].seen > 1)
            v[to++] = v[i];
    return to;
}

enum evm_status evm_history_learn(struct evm_history *h, const struct evm_access_sets *sets)
{
    struct evm_heat *list = evm_calloc(h->count + sets->count + 1, sizeof *list);
    if (!list)
        return EVM_ERR_MEMORY;
    size_t used = merge(list, use_of_block(sets, list)), count = 0;
    for (size_t i = 0; i < used; i++) /* one user alone is no news, but of known accounts */
        if (list[i].seen > EVM_HISTORY_ONE || evm_history_find(h, &list[i].addr))
            list[count++] = list[i];
    for (size_t i = 0; i < h->count; i++) {
        struct evm_heat old = h->list[i];
        old.met /= 2;
        old.seen /= 2;
        list[count++] = old;
    }
    count = drop_faded(list, merge(list, count));
    if (count > EVM_HISTORY_MAX) {
        qsort(list, count, sizeof *list, hottest_first);
        count = EVM_HISTORY_MAX;
        qsort(list, count, sizeof *list, by_address);
    }
    free(h->list);
    h->list = list;
    h->count = count;
    return EVM_OK;
}
