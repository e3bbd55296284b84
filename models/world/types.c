#include "models/world/types.h"

#include "models/world/execution.h"
#include "models/world/op.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

struct tx *tx_ref(struct tx *t)
{
    t->refs++;
    return t;
}

void tx_unref(struct tx *t)
{
    if (!t)
        return;
    CHECK(t->refs > 0, "transaction %u has no reference to drop", t->id);
    if (--t->refs)
        return;
    evm_tx_fini(&t->evm);
    mem_free(t->touched);
    mem_free(t->uses);
    mem_free(t);
}

struct block_seal *block_seal_create(size_t payload_size)
{
    struct block_seal *s = mem_zalloc(1, sizeof *s + payload_size);
    if (s)
        s->refs = 1;
    return s;
}

struct block_seal *block_seal_ref(struct block_seal *s)
{
    s->refs++;
    return s;
}

void block_seal_unref(struct block_seal *s)
{
    if (!s)
        return;
    CHECK(s->refs > 0, "a seal of %u bytes has no reference to drop", s->size);
    if (--s->refs == 0)
        mem_free(s);
}

struct fee_table *fee_table_ref(struct fee_table *t)
{
    if (t)
        t->refs++;
    return t;
}

void fee_table_unref(struct fee_table *t)
{
    if (!t)
        return;
    CHECK(t->refs > 0, "a table of %u fees has no reference to drop", t->count);
    if (--t->refs == 0)
        mem_free(t);
}

struct block *block_ref(struct block *b)
{
    b->refs++;
    return b;
}

/* A loop, not a recursion: dropping the last block of a long chain drops all of it. */
void block_unref(struct block *b)
{
    while (b) {
        CHECK(b->refs > 0, "block %llu has no reference to drop", (unsigned long long)b->height);
        if (--b->refs)
            return;
        struct block *parent = b->parent;
        for (uint32_t i = 0; i < b->tx_count; i++) {
            b->txs[i]->dead -= b->dead;
            tx_unref(b->txs[i]);
        }
        mem_free(b->txs);
        for (uint32_t i = 0; i < b->uncle_count; i++)
            block_unref(b->uncles[i]);
        mem_free(b->uncles);
        block_seal_unref(b->seal);
        fee_table_unref(b->fees.table);
        fee_table_unref(b->due);
        execution_unref(b->execution);
        for (uint32_t i = 0; i < b->op_count; i++)
            op_unref(b->ops[i]);
        mem_free(b->ops);
        mem_free(b->track);
        mem_free(b);
        b = parent;
    }
}

void block_hold(struct block **at, struct block *b)
{
    struct block *old = *at;
    *at = b ? block_ref(b) : NULL;
    block_unref(old);
}

void block_bury(struct block *b)
{
    CHECK(!b->dead, "block %llu dies twice", (unsigned long long)b->height);
    b->dead = true;
    for (uint32_t i = 0; i < b->tx_count; i++)
        b->txs[i]->dead++;
}

struct block *block_ancestor(struct block *b, uint64_t height)
{
    while (b && b->height > height)
        b = b->parent;
    return b && b->height == height ? b : NULL;
}

struct message *message_create(enum channel channel, uint8_t type, size_t payload_size)
{
    CHECK(payload_size < UINT32_MAX / 2, "a payload of %zu bytes", payload_size);
    struct message *m = mem_zalloc(1, sizeof *m + payload_size);
    if (!m)
        return NULL;
    m->refs = 1;
    m->channel = (uint8_t)channel;
    m->type = type;
    m->origin = NODE_NONE;
    m->signed_at = SIM_TIME_NEVER;
    m->payload_size = (uint32_t)payload_size;
    m->size = (uint32_t)payload_size;
    return m;
}

void message_set_block(struct message *m, struct block *b)
{
    CHECK(!m->block, "a message carries one block");
    m->block = block_ref(b);
    m->size += b->size;
}

void message_set_tx(struct message *m, struct tx *t)
{
    CHECK(!m->tx, "a message carries one transaction");
    m->tx = tx_ref(t);
    m->size += t->size;
}

struct message *message_ref(struct message *m)
{
    m->refs++;
    return m;
}

void message_unref(struct message *m)
{
    if (!m)
        return;
    CHECK(m->refs > 0, "a message of channel %u has no reference to drop", m->channel);
    if (--m->refs)
        return;
    if (m->release)
        m->release(m);
    block_unref(m->block);
    tx_unref(m->tx);
    if (m->route_fini)
        m->route_fini(m->route);
    mem_free(m->route);
    mem_free(m);
}
