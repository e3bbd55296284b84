/* models/fees/common.h - what fee markets with a base fee and a tip share. */
#ifndef MODELS_FEES_COMMON_H
#define MODELS_FEES_COMMON_H

#include "models/fees/fees.h"

/* The two types have one layout, least significant limb first. */
static inline struct evm_u256 fees_wei(const struct field_wei *w)
{
    return (struct evm_u256){{w->w[0], w->w[1], w->w[2], w->w[3]}};
}

/* min(max priority fee, max fee - base fee): the fees_ops.tip of EIP-1559 transactions. */
bool fees_tip(const void *state, const struct block_fees *fees, const struct tx *tx,
              struct evm_u256 *out);

/* ---- the rule of EIP-1559 ---- */

#define FEES_BASE_FIELDS(F, S)                                                                     \
    F(S, GAS, gas_limit, "30Mgas", "21kgas", "1000Ggas", "Gas that a block holds.")                \
    F(S, COUNT, elasticity, "2", "1", "1k", "The gas limit is this many times the target.")        \
    F(S, COUNT, denominator, "8", "1", "1M",                                                       \
      "A full or empty block moves the base fee by 1/this, "                                       \
      "at elasticity 2.")                                                                          \
    F(S, WEI, initial_base_fee, "1gwei", "0wei", NULL, "Base fee of the genesis block.")           \
    F(S, WEI, min_base_fee, "7wei", "0wei", NULL, "The base fee never falls below this.")

struct fees_base {
    FEES_BASE_FIELDS(FIELD_MEMBER, fees_base)
};
/* Those rows of a bigger config struct; what its field_check does of them. */
#define FEES_BASE_ROW(C, kind, id, ...) .id = (C)->id,
#define FEES_BASE(cfg)                  ((struct fees_base){FEES_BASE_FIELDS(FEES_BASE_ROW, cfg)})
void fees_base_check(const struct fees_base *c, struct field_report *report);

/* What a block whose parent charged `fee` charges: the parent used so much where the target was
 * `target` > 0. Rounded as the EIP does; not below `least`. */
struct evm_u256 fees_step(const struct evm_u256 *fee, uint64_t used, uint64_t target,
                          uint64_t denominator, const struct evm_u256 *least);

/* Limits and base fee after the parent; everything else is zeroed. */
struct block_fees fees_base_next(const struct fees_base *c, const struct fees_parent *parent);

/* ---- sums and tables by recipient (table.c) ---- */

struct fee_sum {
    struct evm_addr addr;
    bool used;
    uint64_t gas, storage;
};
/* Open addressing; zeroed is empty. */
struct fee_sums {
    struct fee_sum *cells;
    uint32_t count, room; /* room: a power of two, or 0 */
    bool failed;          /* memory was out */
};
/* The recipient's sum, made if it is new; NULL when memory is out. Valid until the next call. */
struct fee_sum *fee_sums_at(struct fee_sums *s, const struct evm_addr *addr);
/* From here on cells[0..count) by ascending address; nothing can be added. */
void fee_sums_sort(struct fee_sums *s);
void fee_sums_fini(struct fee_sums *s);

/* The entry of an address, or NULL. t may be NULL. O(log). */
const struct fee_entry *fee_table_find(const struct fee_table *t, const struct evm_addr *addr);

/* A new table of those in `old` (may be NULL) and in sums (which is sorted by the call): step()
 * changes each, given what the block used of it, and says whether it stays; of more than `most`
 * those that come first by `order` do. One reference; NULL when memory is out. O(n log n). */
struct fee_table *fee_table_make(const struct fee_table *old, struct fee_sums *sums, uint32_t most,
                                 bool (*step)(const void *self, struct fee_entry *e,
                                              const struct fee_sum *used),
                                 int (*order)(const void *a, const void *b), const void *self);

#endif
