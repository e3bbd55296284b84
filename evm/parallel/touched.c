#include "evm/parallel/touched.h"

#include <stdlib.h>

#include "evm/core/alloc.h"

void evm_touched_clear(struct evm_touched *t)
{
    t->count = 0;
    t->failed = false;
}

void evm_touched_fini(struct evm_touched *t)
{
    free(t->items);
    *t = (struct evm_touched){0};
}

void evm_touched_visit(void *self, const struct evm_jaccount *acc, const struct evm_jslot *slot)
{
    struct evm_touched *t = self;
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity * 2 : 8;
        struct evm_touch *items = evm_realloc(t->items, capacity * sizeof *items);
        if (!items) {
            t->failed = true;
            return;
        }
        t->items = items;
        t->capacity = capacity;
    }
    struct evm_touch *item = &t->items[t->count++];
    *item = (struct evm_touch){.addr = acc->addr, .is_slot = slot != NULL};
    if (slot)
        item->key = slot->key;
}

void evm_touched_put(const struct evm_touched *t, struct evm_bal_builder *bal)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->items[i].is_slot)
            evm_bal_put_read(bal, &t->items[i].addr, &t->items[i].key);
        else
            evm_bal_put_account(bal, &t->items[i].addr);
    }
}
