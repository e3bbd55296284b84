/* Ops of a block without a world: layer 0 of three, whose accounts' homes are written down one by
 * one, a state made by hand, and ops. */
#ifndef TESTS_UNIT_OPS_RIG_H
#define TESTS_UNIT_OPS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/u256.h"
#include "models/world/desk.h"
#include "models/world/op.h"
#include "sim/base/mem.h"

enum { HERE = 0, THERE = 1, BEYOND = 2, EACH = 5 };

struct rig {
    struct placement placement;
    struct holdings *held;
    struct evm_codes *codes;
    struct evm_state *before;
};

/* The i-th account whose first home is `home`; LAYER_ALL's sort behind all. */
static inline struct evm_addr at(layer_id home, unsigned i)
{
    struct evm_addr a = {{(uint8_t)(home == LAYER_ALL ? 0x40 : 0x10 + home), 0xa7, 0x31}};
    a.b[12] = (uint8_t)(i + 3);
    a.b[19] = (uint8_t)(0x95 ^ i * 29);
    return a;
}

static inline void open_rig(struct rig *r)
{
    static const layer_id homes[] = {HERE, THERE, BEYOND, LAYER_ALL};
    *r = (struct rig){.placement = {.layers = 3, .homes = addr_table_create()}};
    for (unsigned k = 0; k < 4; k++)
        for (unsigned i = 0; i < EACH; i++) {
            struct evm_addr a = at(homes[k], i);
            assert_true(addr_table_put(r->placement.homes, &a, homes[k]));
        }
    r->held = holdings_create(HERE, &r->placement);
    r->codes = evm_codes_create();
    r->before = evm_state_create(r->codes);
    assert_true(r->held && r->codes && r->before);
}

static inline void close_rig(struct rig *r)
{
    evm_state_unref(r->before);
    evm_codes_destroy(r->codes);
    holdings_unref(r->held);
    addr_table_unref(r->placement.homes);
}

/* ---- values ---- */

static inline void add(struct evm_changes *c, struct evm_addr a, unsigned wrote, uint64_t balance,
                       uint64_t nonce, const struct evm_code *code)
{
    assert_int_equal(evm_changes_reserve(c, 1, 0), EVM_OK);
    c->accounts[c->account_count++] = (struct evm_account_change){.addr = a,
                                                                  .wrote = wrote,
                                                                  .balance = evm_u256_of(balance),
                                                                  .nonce = nonce,
                                                                  .code = code,
                                                                  .first_slot = c->slot_count};
}

static inline void add_plain(struct evm_changes *c, struct evm_addr a, uint64_t balance,
                             uint64_t nonce)
{
    add(c, a, EVM_WROTE_BALANCE | EVM_WROTE_NONCE, balance, nonce, NULL);
}

/* To the account that was added last; keys ascending. */
static inline void add_slot(struct evm_changes *c, uint64_t key, uint64_t value)
{
    assert_int_equal(evm_changes_reserve(c, 0, 1), EVM_OK);
    c->slots[c->slot_count++] = (struct evm_slot_change){evm_u256_of(key), evm_u256_of(value)};
    c->accounts[c->account_count - 1].slot_count++;
}

static inline const struct evm_code *code_of(struct rig *r, const char *bytes, size_t size)
{
    const struct evm_code *code =
        evm_codes_add(r->codes, (struct evm_bytes){(const uint8_t *)bytes, size});
    assert_non_null(code);
    return code;
}

/* c becomes the rig's state; c is given back. */
static inline void settle_state(struct rig *r, struct evm_changes *c)
{
    assert_int_equal(evm_state_apply(r->before, c), EVM_OK);
    evm_state_seal(r->before);
    evm_changes_fini(c);
}

static inline void has_account(const struct evm_state *s, struct evm_addr a, uint64_t balance,
                               uint64_t nonce)
{
    struct evm_account have;
    struct evm_u256 want = evm_u256_of(balance);
    evm_state_account(s, &a, &have);
    assert_true(have.exists);
    assert_true(evm_u256_eq(&have.balance, &want));
    assert_int_equal(have.nonce, nonce);
}

static inline bool is_account(const struct evm_state *s, struct evm_addr a)
{
    struct evm_account have;
    evm_state_account(s, &a, &have);
    return have.exists;
}

static inline void has_slot(const struct evm_state *s, struct evm_addr a, uint64_t key,
                            uint64_t value)
{
    struct evm_u256 k = evm_u256_of(key), want = evm_u256_of(value), have;
    evm_state_slot(s, &a, &k, &have);
    assert_true(evm_u256_eq(&have, &want));
}

/* ---- ops ---- */

static inline struct op *make(enum op_kind kind, uint64_t crossing)
{
    struct op *op = op_create(kind, THERE, HERE, crossing);
    assert_non_null(op);
    return op;
}

static inline struct op *make_of(enum op_kind kind, uint64_t crossing,
                                 const struct evm_addr *accounts, uint32_t count)
{
    struct op *op = make(kind, crossing);
    op->accounts = mem_alloc(count, sizeof *op->accounts);
    assert_non_null(op->accounts);
    memcpy(op->accounts, accounts, count * sizeof *accounts);
    op->account_count = count;
    return op;
}

static inline struct op *make_one(enum op_kind kind, uint64_t crossing, struct evm_addr a)
{
    return make_of(kind, crossing, &a, 1);
}

static inline void run_by(struct op *op, struct tx **txs, uint32_t count)
{
    op->txs = mem_alloc(count, sizeof(struct tx *));
    assert_non_null(op->txs);
    for (uint32_t i = 0; i < count; i++)
        op->txs[op->tx_count++] = tx_ref(txs[i]);
}

/* What it comes to; the op is given back. */
static inline enum op_outcome tried(struct holdings_draft *d, struct op *op)
{
    enum op_outcome outcome = op_try(d, op);
    assert_false(d->failed);
    op_unref(op);
    return outcome;
}

static inline uint64_t lock_of(const struct holdings *h, struct evm_addr a)
{
    return holdings_lock(h, &a);
}

static inline layer_id home_of(const struct holdings *h, struct evm_addr a)
{
    return holdings_home(h, &a);
}

/* On the rig's state and holdings; the ops are the caller's. */
static inline struct ops_result applied(struct rig *r, struct op **ops, uint32_t count)
{
    struct ops_result out;
    assert_int_equal(ops_apply(&out, ops, count, r->before, r->held), EVM_OK);
    return out;
}

static inline void drop_ops(struct op **ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        op_unref(ops[i]);
}

/* `held` becomes what it is after these. */
static inline void hold(struct rig *r, uint64_t crossing, struct evm_addr a)
{
    struct holdings_draft d;
    holdings_begin(&d, r->held);
    assert_int_equal(tried(&d, make_one(OP_LOCK, crossing, a)), OP_DONE);
    struct holdings *next = holdings_end(&d, r->held);
    assert_non_null(next);
    holdings_unref(r->held);
    r->held = next;
}

#endif
