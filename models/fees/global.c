/* One base fee for all layers: EIP-1559's rule, given the gas of all of them.
 *
 * Each layer tells the others of its committed blocks (smoothed gas used, gas target, what the next
 * block charges), by mail like all that passes between layers. A block states what its proposer's
 * layer had heard by then, summed up in a note, and the fees of its children follow from the note
 * and from the block's own gas: so every node of the layer computes the same, and a layer knows of
 * the others no more than messages brought.
 *
 * Where all state the same, every layer charges what one chain that held all their gas would. Where
 * layers' blocks come at different times, each sees the others late, and what it adds up differs a
 * little from what they do; so a base fee is also drawn towards the mean of theirs, by `pull` a
 * block, without which such differences would add up for ever. Nobody checks a note: a proposer
 * that lies is not modelled. */
#include "evm/core/u256.h"
#include "models/fees/common.h"

#define FEES_GLOBAL_FIELDS(F, S)                                                                   \
    FEES_BASE_FIELDS(F, S)                                                                         \
    F(S, FRACTION, smoothing, "50%", "1%", "100%",                                                 \
      "Weight of the newest block in the gas that a layer's blocks use.")                          \
    F(S, FRACTION, pull, "10%", "0%", "100%",                                                      \
      "How much nearer a block brings the base fee to the mean of the other layers'.")
FIELD_DECLARE(fees_global_cfg, FEES_GLOBAL_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fees_global_cfg *c = cfg;
    struct fees_base base = FEES_BASE(c);
    fees_base_check(&base, report);
}
FIELD_DEFINE(fees_global_cfg, FEES_GLOBAL_FIELDS, "Settings of global.", check);

enum { MILLION = 1000000 };

struct global {
    struct fees_base base;
    uint64_t smoothing, pull; /* parts of a million */
};

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct global *g = state;
    const struct fees_global_cfg *c = cfg;
    (void)err;
    g->base = FEES_BASE(c);
    g->smoothing = (uint64_t)(c->smoothing * MILLION + 0.5);
    g->pull = (uint64_t)(c->pull * MILLION + 0.5);
    return ERR_OK;
}

/* a + (b - a) * parts / MILLION, towards a where it does not divide. */
static struct evm_u256 between(const struct evm_u256 *a, const struct evm_u256 *b, uint64_t parts)
{
    bool up = evm_u256_lt(a, b);
    struct evm_u256 distance, step, share = evm_u256_of(parts), whole = evm_u256_of(MILLION), out;
    evm_u256_sub(&distance, up ? b : a, up ? a : b);
    if (evm_u256_mul_overflow(&step, &distance, &share)) {
        evm_u256_div(&step, &distance, &whole);
        evm_u256_mul(&step, &step, &share);
    } else
        evm_u256_div(&step, &step, &whole);
    if (up)
        evm_u256_add(&out, a, &step);
    else
        evm_u256_sub(&out, a, &step);
    return out;
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    const struct global *g = state;
    *out = fees_base_next(&g->base, parent);
    out->gas_smoothed = out->gas_target;
    if (!parent->block)
        return;
    const struct fees_note *note = &parent->block->note;
    struct evm_u256 old = evm_u256_of(parent->fees->gas_smoothed);
    struct evm_u256 used = evm_u256_of(parent->gas_used), least = fees_wei(&g->base.min_base_fee);
    struct evm_u256 smoothed = between(&old, &used, g->smoothing);
    struct evm_u256 fee = parent->fees->base_fee;
    if (note->gas_target)
        fee = between(&fee, &note->base_fee, g->pull);
    out->gas_smoothed = smoothed.w[0];
    out->base_fee =
        fees_step(&fee, out->gas_smoothed + note->gas_used,
                  parent->fees->gas_target + note->gas_target, g->base.denominator, &least);
}

const struct fees_ops fees_global = {
    .model = {"global", "One base fee for all layers, which follows the gas of all their blocks.",
              &fees_global_cfg_table},
    .state_size = sizeof(struct global),
    .reports = true,
    .init = init,
    .next = next,
    .tip = fees_tip,
};
