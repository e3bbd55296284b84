/* Block space as what limits a run: full blocks, of all layers or of one; and its price, which some
 * cannot pay, or wait to fall. */
#include "models/world/summary.h"

#include <stdio.h>
#include <string.h>

static uint64_t sender_key(const struct tx *tx)
{
    uint64_t key;
    memcpy(&key, tx->evm.sender.b, sizeof key);
    return key ^ tx->layer;
}

uint64_t summary_priced_out(const struct world *w)
{
    struct map poor = {0};
    uint64_t count = w->tally.waiting;
    for (const struct tx *tx = w->open_txs; tx; tx = tx->next) {
        const struct layer *l = &w->layers[tx->layer];
        const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
        const struct block_fees *next = &chain_latest(l, top->block)->track->next;
        struct evm_u256 tip;
        if (l->fees->tip(l->fees_state, next, tx, &tip) && !map_get(&poor, sender_key(tx), NULL))
            continue;
        count += tx->emitted >= w->cfg->warm_up;
        if (map_put(&poor, sender_key(tx), 1) != ERR_OK)
            break; /* memory is out: a lower count */
    }
    map_fini(&poor);
    return count;
}

/* Whether blocks ask for more than their base fee. */
static bool surcharged(const struct world *w)
{
    bool any = false;
    for (layer_id i = 0; i < w->layer_count; i++)
        any |= w->layers[i].fees->tables;
    return any;
}

static void explain_blocks(const struct world *w, struct world_summary *s, uint64_t poor)
{
    s->limit = WORLD_LIMIT_GAS;
    if (s->block_packed > 0.9 || s->full_blocks > 0.5)
        snprintf(s->limit_text, sizeof s->limit_text,
                 "Block space: %.0f %% of the blocks had no room for one more transaction, and "
                 "%llu were pending at the end. A higher gas limit or shorter block interval would "
                 "carry more, as long as execution keeps up.",
                 s->full_blocks * 100, (unsigned long long)s->pending);
    else if (surcharged(w))
        snprintf(s->limit_text, sizeof s->limit_text,
                 "Fees: %llu of the %llu transactions pending at the end, or others of the same "
                 "account before them, offer less than the next block asks: the base fee, and on "
                 "top what `fees` asks for a recipient in demand or for bytes.",
                 (unsigned long long)poor, (unsigned long long)s->pending);
    else
        snprintf(s->limit_text, sizeof s->limit_text,
                 "Block space: the base fee rose to %.4g gwei a gas, and %llu of the %llu "
                 "transactions pending at the end offer less than what the next block charges. A "
                 "higher gas target would carry more, as long as execution keeps up.",
                 s->base_fee_max_gwei, (unsigned long long)poor, (unsigned long long)s->pending);
}

/* The layer that most of what is pending waits for, where its blocks are full and others' are not:
 * the mean of all says nothing then. */
static bool explain_one(const struct world *w, struct world_summary *s)
{
    uint64_t *open = mem_zalloc(w->layer_count, sizeof *open), all = 0, rest_packed = 0, room = 0;
    layer_id at = 0;
    for (const struct tx *tx = w->open_txs; tx && open; tx = tx->next, all++)
        open[tx->layer]++;
    for (layer_id i = 0; open && i < w->layer_count; i++)
        at = open[i] > open[at] ? i : at;
    const struct layer *l = &w->layers[at];
    bool most = open && open[at] > all / 2;
    uint64_t mine = open ? open[at] : 0;
    mem_free(open);
    double full = summary_ratio((double)l->tally.full, (double)l->tally.blocks);
    if (w->layer_count < 2 || !most ||
        (full <= 0.5 && (double)l->tally.packed <= 0.9 * (double)l->tally.gas_limit))
        return false;
    for (layer_id i = 0; i < w->layer_count; i++) {
        rest_packed += i == at ? 0 : w->layers[i].tally.packed;
        room += i == at ? 0 : w->layers[i].tally.gas_limit;
    }
    s->limit = WORLD_LIMIT_GAS;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Block space of one layer: %.0f %% of the blocks of %s had no room for one more "
             "transaction, and %llu of the %llu pending at the end wait for it; the others' blocks "
             "are %.0f %% full. %s, or a higher gas limit there, would carry more.",
             full * 100, l->name, (unsigned long long)mine, (unsigned long long)all,
             summary_ratio((double)rest_packed, (double)room) * 100,
             w->book ? "Another routing.policy" : "A routing.policy");
    return true;
}

bool explain_space(const struct world *w, struct world_summary *s)
{
    uint64_t poor = summary_priced_out(w);
    if (s->block_packed <= 0.9 && s->full_blocks <= 0.5) {
        if (explain_one(w, s))
            return true;
        if (!poor || poor <= s->pending / 2)
            return false;
    }
    explain_blocks(w, s, poor);
    return true;
}

bool explain_patience(struct world_summary *s)
{
    if (s->gave_up <= (s->offered - s->committed) / 2)
        return false;
    s->limit = WORLD_LIMIT_GAS;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Block space: the base fee rose to %.4g gwei a gas, and of the offered transactions "
             "%llu were given up by users who waited for it to fall. A higher gas target would "
             "carry more, as long as execution keeps up.",
             s->base_fee_max_gwei, (unsigned long long)s->gave_up);
    return true;
}
