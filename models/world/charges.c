/* The layers' fee markets at work: what a block's children charge, what a proposer takes by it, and
 * what layers tell each other where one base fee is for all. */
#include "models/world/internal.h"

#include "evm/core/u256.h"

/* ---- what children charge ---- */

uint32_t fees_usual_mail(const struct world *w)
{
    enum { BEFORE = 300 }; /* a lock and new values, while nothing has been measured */
    const struct desk *d = w->desk;
    return d->cross_txs ? (uint32_t)(d->cross_bytes / d->cross_txs) : BEFORE;
}

/* What each transaction used, as the block's receipts say; NULL where they are not known yet, which
 * they are not where execution follows ordering. Also remembers it with the transactions. */
static struct fees_use *uses_of(const struct world *w, const struct block *b,
                                const struct execution_result *r)
{
    struct fees_use *uses = mem_zalloc(b->tx_count, sizeof *uses);
    for (uint32_t i = 0; uses && i < b->tx_count; i++) {
        const struct evm_receipt *got = &r->receipts[i];
        uses[i] = (struct fees_use){got->gas_used, r->storage ? r->storage[got->tx_index] : 0};
        struct tx *tx = b->txs[i];
        tx->seen = uses[i];
        if (!tx->crossing)
            continue;
        uint64_t so_far = tx->crossing->bytes / tx->crossing->tx_count; /* more comes after b */
        uint32_t usual = fees_usual_mail(w);
        tx->cross_bytes = so_far > usual ? (uint32_t)so_far : usual;
    }
    return uses;
}

enum evm_status fees_follow(struct world *w, struct layer *l, struct block *b,
                            const struct execution_result *r)
{
    bool told = l->fees->tables && !l->after_order && r && r->receipt_count == b->tx_count;
    struct fees_use *uses = told ? uses_of(w, b, r) : NULL;
    if (told && !uses)
        return EVM_ERR_MEMORY;
    struct fees_parent parent = {
        .block = b, .fees = &b->fees, .gas_used = b->header_gas_used, .uses = uses};
    l->fees->next(l->fees_state, &parent, &b->track->next);
    mem_free(uses);
    fee_table_unref(b->due);
    b->due = b->track->next.table;
    return b->track->next.failed ? EVM_ERR_MEMORY : EVM_OK;
}

/* ---- what a proposer takes ---- */

bool fees_offers(void *self, const struct tx *tx, struct evm_u256 *out)
{
    const struct fees_choice *c = self;
    return c->layer->fees->tip(c->layer->fees_state, c->fees, tx, out);
}

bool fees_takes(void *self, const struct tx *tx)
{
    const struct fees_choice *c = self;
    return c->layer->fees->fits(c->room, tx);
}

bool fees_crosses(struct world *w, struct tx *tx)
{
    const struct layer *l = &w->layers[tx->layer];
    const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
    struct evm_u256 tip;
    if (!tx->seen.gas)
        tx->cross_bytes = fees_usual_mail(w);
    const struct block_fees *fees = &chain_latest(l, top->block)->track->next;
    return tx->evm.gas_limit <= fees->gas_limit && l->fees->tip(l->fees_state, fees, tx, &tip);
}

uint64_t fees_top_surcharge(const struct block_fees *fees)
{
    uint64_t most = 0;
    for (uint32_t i = 0; fees->table && i < fees->table->count; i++) {
        uint64_t surcharge = evm_u256_clamp64(&fees->table->entries[i].surcharge);
        most = surcharge > most ? surcharge : most;
    }
    return most;
}

void fees_tip_of(const struct block_fees *fees, const struct evm_tx *tx, struct evm_u256 *out)
{
    if (evm_u256_sub(out, &tx->max_fee, &fees->base_fee))
        *out = evm_u256_of(0);
    else if (evm_u256_lt(&tx->max_priority_fee, out))
        *out = tx->max_priority_fee;
}

/* ---- what layers tell each other ---- */

bool fees_hear(struct world *w, layer_id at, layer_id of, const struct fees_report *report)
{
    struct layer *l = &w->layers[at];
    if (!l->heard && !(l->heard = mem_zalloc(w->layer_count, sizeof *l->heard)))
        return false;
    struct fees_report *known = &l->heard[of];
    if (known->gas_target && known->height >= report->height)
        return true;
    /* Kept summed up, so that a block's note costs nothing. */
    l->note.gas_used += report->gas_used - known->gas_used;
    l->note.gas_target += report->gas_target - known->gas_target;
    evm_u256_add(&l->heard_fees, &l->heard_fees, &report->base_fee);
    evm_u256_sub(&l->heard_fees, &l->heard_fees, &known->base_fee);
    l->heard_count += !known->gas_target;
    struct evm_u256 count = evm_u256_of(l->heard_count);
    evm_u256_div(&l->note.base_fee, &l->heard_fees, &count);
    *known = *report;
    return true;
}

static struct fees_report report_of(const struct block *b)
{
    const struct block_fees *next = &b->track->next;
    return (struct fees_report){b->height, next->gas_smoothed, next->gas_target, next->base_fee};
}

bool fees_begin(struct world *w)
{
    for (layer_id at = 0; at < w->layer_count; at++)
        for (layer_id of = 0; w->layers[at].fees->reports && of < w->layer_count; of++) {
            struct fees_report genesis = report_of(w->layers[of].genesis);
            if (at != of && w->layers[of].fees->reports && !fees_hear(w, at, of, &genesis))
                return false;
        }
    return true;
}

enum { REPORT_BYTES = 58 }; /* layer 2, height 8, gas used 8, target 8, base fee 32 */

/* Mail: what one layer tells another. */
struct told {
    struct mail_item item; /* first member */
    struct fees_report report;
};

static void hear(struct world *w, struct mail_item *item, node_id node)
{
    const struct told *t = (const struct told *)item; /* its first member */
    (void)node;
    if (!fees_hear(w, item->to, item->from, &t->report))
        world_out_of_memory(w);
    mail_done(w, item);
}

/* Whether what was posted got lost, or never left: what is newer goes in its place. */
static bool is_stuck(const struct world *w, const struct mail_item *item)
{
    return !item->arrived &&
           (item->sendings > 1 || sim_now(w->sim) - item->posted > w->cfg->interlayer.retry);
}

static bool tell(struct world *w, struct layer *l, layer_id to, const struct fees_report *report,
                 node_id node)
{
    struct told *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return false;
    t->item =
        (struct mail_item){.refs = 1, .size = REPORT_BYTES, .from = l->id, .to = to, .hear = hear};
    t->report = *report;
    if (l->told[to] && is_stuck(w, l->told[to]))
        mail_done(w, l->told[to]);
    mail_unref(l->told[to]);
    l->told[to] = &t->item;
    mail_post(w, &t->item, node);
    return true;
}

void fees_committed(struct world *w, const struct block *b, node_id node)
{
    struct layer *l = &w->layers[b->layer];
    if (!l->fees->reports || w->layer_count == 1)
        return;
    struct fees_report report = report_of(b);
    bool ok = l->told || (l->told = mem_zalloc(w->layer_count, sizeof *l->told));
    l->told_count = ok ? w->layer_count : 0;
    for (layer_id to = 0; ok && to < w->layer_count; to++)
        if (to != l->id && w->layers[to].fees->reports)
            ok = tell(w, l, to, &report, node);
    if (!ok)
        world_out_of_memory(w);
}

void fees_fini(struct layer *l)
{
    for (layer_id i = 0; i < l->told_count; i++)
        mail_unref(l->told[i]);
    mem_free(l->told);
    mem_free(l->heard);
    if (l->fees_state && l->fees->fini)
        l->fees->fini(l->fees_state);
    mem_free(l->fees_state);
}
