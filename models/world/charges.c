/* The layers' fee markets at work: what a block's children charge, what a proposer takes by it, and
 * what layers tell each other where one base fee is for all. */
#include "models/world/internal.h"

#include "evm/core/u256.h"

/* ---- what children charge ---- */

/* What each transaction used, as the block's receipts say; NULL where they are not known yet, which
 * they are not where execution follows ordering. Also remembers it with the transactions. */
static struct fees_use *uses_of(const struct layer *l, const struct block *b,
                                const struct execution_result *r)
{
    struct fees_use *uses = mem_zalloc(b->tx_count, sizeof *uses);
    for (uint32_t i = 0; uses && i < b->tx_count; i++) {
        const struct evm_receipt *got = &r->receipts[i];
        uses[i] = (struct fees_use){got->gas_used, r->storage ? r->storage[got->tx_index] : 0};
        b->txs[i]->seen = uses[i];
    }
    (void)l;
    return uses;
}

enum evm_status fees_follow(struct layer *l, struct block *b, const struct execution_result *r)
{
    bool told = l->fees->tables && !l->after_order && r && r->receipt_count == b->tx_count;
    struct fees_use *uses = told ? uses_of(l, b, r) : NULL;
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
    if (!l->fees->reports || at == of)
        return true;
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

struct fees_report fees_report_of(const struct block *b)
{
    const struct block_fees *next = &b->track->next;
    return (struct fees_report){b->height, next->gas_smoothed, next->gas_target, next->base_fee};
}
