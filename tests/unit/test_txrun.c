/* Every rule of a transaction's validity, one at a time; who gets the money; reads that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/block/txrun.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"

static const struct evm_addr alice = {
    {0xa1, 0x1c, 0xe0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}};
static const struct evm_addr bob = {
    {0xb0, 0xb0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1}};
static const struct evm_addr contract = {
    {0xc0, 0xde, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2}};
static const struct evm_addr miner = {
    {0xee, 0xee, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}};

#define GWEI 1000000000ull

/* A view that answers each question only at the second asking, when told to. */
struct slow_view {
    struct evm_view inner;
    bool slow;
    uint64_t asked, refused;
};

static bool refuse(struct slow_view *v)
{
    v->asked++;
    if (!v->slow || v->asked % 2 == 0)
        return false;
    v->refused++;
    return true;
}

static enum evm_read slow_account(void *self, const struct evm_addr *a, unsigned need,
                                  struct evm_account *out)
{
    struct slow_view *v = self;
    return refuse(v) ? EVM_READ_PENDING : v->inner.ops->account(v->inner.self, a, need, out);
}

static enum evm_read slow_slot(void *self, const struct evm_addr *a, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct slow_view *v = self;
    return refuse(v) ? EVM_READ_PENDING : v->inner.ops->slot(v->inner.self, a, key, out);
}

static void slow_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct slow_view *v = self;
    v->inner.ops->block_hash(v->inner.self, number, out);
}

static const struct evm_view_ops slow_ops = {slow_account, slow_slot, slow_hash};

struct world {
    struct evm_codes *codes;
    struct evm_state *state;
    struct evm_txrun *run;
    struct evm_state_view view;
    struct slow_view slow;
    struct evm_block_env env;
    struct evm_tx tx;
};

static void put(struct world *w, const struct evm_addr *addr, uint64_t wei, uint64_t nonce,
                struct evm_bytes code)
{
    struct evm_account_change a = {
        .addr = *addr,
        .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE | EVM_WROTE_CREATED,
        .nonce = nonce,
        .balance = evm_u256_of(wei),
        .code = code.size ? evm_codes_add(w->codes, code) : evm_code_empty()};
    struct evm_changes c = {.accounts = &a, .account_count = 1, .account_capacity = 1};
    assert_int_equal(evm_state_apply(w->state, &c), EVM_OK);
}

/* alice: 1 ether less 1 wei and nonce 41; contract: SLOAD of slots 1 and 2, then STOP. */
static int setup(void **state)
{
    static const uint8_t code[] = {0x60, 1, 0x54, 0x60, 2, 0x54, 0x01, 0x60, 3, 0x55, 0x00};
    struct world *w = calloc(1, sizeof *w);
    w->codes = evm_codes_create();
    w->state = evm_state_create(w->codes);
    w->run = evm_txrun_create(w->codes);
    assert_non_null(w->run);
    put(w, &alice, 999999999999999999u, 41, (struct evm_bytes){0});
    put(w, &contract, 0, 1, (struct evm_bytes){code, sizeof code});
    w->view = (struct evm_state_view){w->state, NULL};
    w->slow.inner = evm_state_view(&w->view);
    w->env = (struct evm_block_env){.number = 777,
                                    .timestamp = 123456,
                                    .gas_limit = 30000000,
                                    .chain_id = 1,
                                    .coinbase = miner,
                                    .base_fee = evm_u256_of(7 * GWEI),
                                    .blob_base_fee = evm_u256_of(3)};
    w->tx = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                            .has_chain_id = true,
                            .has_sender = true,
                            .chain_id = 1,
                            .nonce = 41,
                            .gas_limit = 100000,
                            .max_fee = evm_u256_of(10 * GWEI),
                            .max_priority_fee = evm_u256_of(2 * GWEI),
                            .value = evm_u256_of(12345),
                            .to = bob,
                            .sender = alice};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    evm_txrun_destroy(w->run);
    evm_state_unref(w->state);
    evm_codes_destroy(w->codes);
    free(w);
    return 0;
}

static const struct evm_tx_outcome *run_flags(struct world *w, enum evm_fork fork, unsigned flags)
{
    w->slow.asked = w->slow.refused = 0;
    evm_txrun_begin(w->run, evm_rules_of(fork), &w->env, &w->tx,
                    (struct evm_view){&slow_ops, &w->slow}, flags);
    while (evm_txrun_step(w->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(w->run);
    assert_int_equal(o->error, EVM_OK);
    if (o->invalid != EVM_TX_VALID) {
        assert_int_equal(o->changes->account_count, 0);
        assert_true(evm_u256_is_zero(&o->fee));
        assert_false(o->pays_beneficiary);
    }
    return o;
}

static const struct evm_tx_outcome *run(struct world *w, enum evm_fork fork)
{
    return run_flags(w, fork, 0);
}

#define EXPECT(w, fork, why) assert_int_equal(run(w, fork)->invalid, why)

static void valid(void **state)
{
    struct world *w = *state;
    const struct evm_tx_outcome *o = run(w, EVM_CANCUN);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_true(o->success);
    assert_int_equal(o->gas_used, 21000);
    /* Effective price 7 + 2 = 9 gwei: 7 burnt, 2 to the beneficiary. */
    assert_int_equal(o->fee.w[0], 21000 * 2 * GWEI);
    assert_int_equal(o->burnt.w[0], 21000 * 7 * GWEI);
    assert_true(o->pays_beneficiary);
    assert_int_equal(o->changes->account_count, 2); /* alice, bob; the beneficiary is not in it */
    const struct evm_account_change *a = &o->changes->accounts[0];
    assert_memory_equal(&a->addr, &alice, 20);
    assert_int_equal(a->balance.w[0], 999999999999999999u - 12345 - 21000 * 9 * GWEI);
    assert_int_equal(a->nonce, 42);
    assert_int_equal(o->changes->accounts[1].balance.w[0], 12345);
}

/* The priority fee is what max fee leaves over the base fee. */
static void capped_tip(void **state)
{
    struct world *w = *state;
    w->tx.max_priority_fee = w->tx.max_fee;
    const struct evm_tx_outcome *o = run(w, EVM_LONDON);
    assert_int_equal(o->fee.w[0], 21000 * 3 * GWEI);
    w->tx.type = EVM_TX_LEGACY;
    o = run(w, EVM_BERLIN); /* before EIP-1559 all of it goes to the miner */
    assert_int_equal(o->fee.w[0], 21000 * 10 * GWEI);
    assert_true(evm_u256_is_zero(&o->burnt));
}

static void nonces(void **state)
{
    struct world *w = *state;
    w->tx.nonce = 40;
    EXPECT(w, EVM_CANCUN, EVM_TX_NONCE_TOO_LOW);
    w->tx.nonce = 42;
    EXPECT(w, EVM_CANCUN, EVM_TX_NONCE_TOO_HIGH);
    assert_int_equal(run_flags(w, EVM_CANCUN, EVM_TXRUN_SKIP_NONCE)->invalid, EVM_TX_VALID);
    w->tx.nonce = UINT64_MAX;
    EXPECT(w, EVM_CANCUN, EVM_TX_NONCE_OVERFLOW);
}

static void funds(void **state)
{
    struct world *w = *state;
    /* The limit counts, at max fee: 10^5 gas at 10^10 wei is 10^15. */
    uint64_t rest = 999999999999999999u - 100000 * 10 * GWEI;
    w->tx.value = evm_u256_of(rest);
    EXPECT(w, EVM_CANCUN, EVM_TX_VALID);
    w->tx.value = evm_u256_of(rest + 1);
    EXPECT(w, EVM_CANCUN, EVM_TX_INSUFFICIENT_FUNDS);
    w->tx.value = (struct evm_u256){{1, 2, 3, UINT64_MAX}};
    EXPECT(w, EVM_CANCUN, EVM_TX_INSUFFICIENT_FUNDS);
    w->tx.max_fee = (struct evm_u256){{0, 0, 0, UINT64_MAX}};
    EXPECT(w, EVM_CANCUN, EVM_TX_COST_OVERFLOW);
}

static void gas(void **state)
{
    struct world *w = *state;
    uint8_t input[100] = {1, 0, 2}; /* 2 non-zero bytes, 98 zeros */
    w->tx.input = (struct evm_bytes){input, sizeof input};
    uint64_t floor;
    assert_int_equal(evm_tx_intrinsic_gas(evm_rules_of(EVM_CANCUN), &w->tx, &floor),
                     21000 + 2 * 16 + 98 * 4);
    assert_int_equal(floor, 0);
    assert_int_equal(evm_tx_intrinsic_gas(evm_rules_of(EVM_BYZANTIUM), &w->tx, NULL),
                     21000 + 2 * 68 + 98 * 4);
    w->tx.gas_limit = 21424;
    EXPECT(w, EVM_CANCUN, EVM_TX_VALID);
    w->tx.gas_limit = 21423;
    EXPECT(w, EVM_CANCUN, EVM_TX_INTRINSIC_GAS);
    /* EIP-7623: 10 a token; 98 + 2 * 4 tokens. */
    evm_tx_intrinsic_gas(evm_rules_of(EVM_PRAGUE), &w->tx, &floor);
    assert_int_equal(floor, 21000 + 10 * (98 + 8));
    w->tx.gas_limit = floor - 1;
    EXPECT(w, EVM_PRAGUE, EVM_TX_FLOOR_GAS);
    w->tx.gas_limit = floor;
    assert_int_equal(run(w, EVM_PRAGUE)->gas_used, floor);
    w->tx.gas_limit = 16777217;
    w->tx.max_fee = w->env.base_fee;
    w->tx.max_priority_fee = evm_u256_of(0);
    EXPECT(w, EVM_PRAGUE, EVM_TX_VALID);
    EXPECT(w, EVM_OSAKA, EVM_TX_GAS_LIMIT_TOO_HIGH);
    w->tx.gas_limit = (uint64_t)INT64_MAX + 1;
    EXPECT(w, EVM_CANCUN, EVM_TX_GAS_LIMIT_TOO_HIGH);
}

static void fees(void **state)
{
    struct world *w = *state;
    w->tx.max_fee = evm_u256_of(7 * GWEI - 1);
    EXPECT(w, EVM_CANCUN, EVM_TX_FEE_BELOW_BASE_FEE);
    w->tx.max_fee = w->env.base_fee;
    EXPECT(w, EVM_CANCUN, EVM_TX_VALID);
    w->tx.max_priority_fee = evm_u256_of(7 * GWEI + 1);
    EXPECT(w, EVM_CANCUN, EVM_TX_PRIORITY_ABOVE_MAX_FEE);
}

static void form(void **state)
{
    struct world *w = *state;
    EXPECT(w, EVM_BERLIN, EVM_TX_TYPE_NOT_SUPPORTED);
    w->tx.chain_id = 2;
    EXPECT(w, EVM_CANCUN, EVM_TX_WRONG_CHAIN_ID);
    w->tx.chain_id = 1;
    w->tx.type = EVM_TX_LEGACY;
    EXPECT(w, EVM_HOMESTEAD, EVM_TX_WRONG_CHAIN_ID); /* before EIP-155 v cannot name a chain */
    w->tx.has_sender = false;
    EXPECT(w, EVM_CANCUN, EVM_TX_BAD_SIGNATURE);
    w->tx.has_sender = true;
    w->tx.sender = contract;
    w->tx.nonce = 1;
    EXPECT(w, EVM_CANCUN, EVM_TX_SENDER_NOT_EOA);
    /* A delegated account may send. */
    uint8_t delegation[23] = {0xef, 0x01, 0x00};
    memcpy(delegation + 3, bob.b, 20);
    put(w, &bob, 999999999999999999u, 5, (struct evm_bytes){delegation, sizeof delegation});
    w->tx.sender = bob;
    w->tx.nonce = 5;
    EXPECT(w, EVM_CANCUN, EVM_TX_SENDER_NOT_EOA);
    EXPECT(w, EVM_PRAGUE, EVM_TX_VALID);
}

static void creations(void **state)
{
    struct world *w = *state;
    uint8_t *initcode = calloc(1, 49153);
    w->tx.is_create = true;
    w->tx.gas_limit = 1000000;
    w->tx.input = (struct evm_bytes){initcode, 49153};
    EXPECT(w, EVM_PARIS, EVM_TX_VALID);
    EXPECT(w, EVM_SHANGHAI, EVM_TX_INITCODE_SIZE);
    w->tx.input.size = 49152;
    const struct evm_tx_outcome *o = run(w, EVM_SHANGHAI);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_true(o->success);
    assert_int_equal(o->gas_used, 21000 + 32000 + 4 * 49152 + 2 * 1536);
    struct evm_addr expected;
    evm_create_address(&alice, 41, &expected);
    assert_memory_equal(&o->created, &expected, 20);
    free(initcode);
}

static void blobs(void **state)
{
    struct world *w = *state;
    struct evm_hash hashes[10] = {{{0}}};
    for (int i = 0; i < 10; i++)
        hashes[i].b[0] = 1;
    w->tx.type = EVM_TX_BLOB;
    w->tx.blob_hashes = hashes;
    w->tx.max_blob_fee = evm_u256_of(3);
    EXPECT(w, EVM_CANCUN, EVM_TX_BLOB_NONE);
    w->tx.blob_count = 7;
    EXPECT(w, EVM_CANCUN, EVM_TX_BLOB_TOO_MANY);
    EXPECT(w, EVM_PRAGUE, EVM_TX_VALID);
    EXPECT(w, EVM_OSAKA, EVM_TX_BLOB_TOO_MANY); /* EIP-7594: 6 a transaction */
    w->tx.blob_count = 6;
    const struct evm_tx_outcome *o = run(w, EVM_CANCUN);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_int_equal(o->blob_gas_used, 6 * 131072);
    assert_int_equal(o->burnt.w[0], 21000 * 7 * GWEI + 6 * 131072 * 3);
    w->tx.max_blob_fee = evm_u256_of(2);
    EXPECT(w, EVM_CANCUN, EVM_TX_BLOB_FEE_TOO_LOW);
    w->tx.max_blob_fee = evm_u256_of(3);
    hashes[5].b[0] = 2;
    EXPECT(w, EVM_CANCUN, EVM_TX_BLOB_BAD_VERSION);
    w->tx.is_create = true;
    EXPECT(w, EVM_CANCUN, EVM_TX_BLOB_CREATE);
}

static void authorizations(void **state)
{
    struct world *w = *state;
    uint8_t secret[32] = {9, 8, 7, 6, 5};
    struct evm_authorization a[2] = {{.chain_id = {{1}}, .addr = contract},
                                     {.addr = contract, .nonce = 9}};
    assert_true(evm_authorization_sign(&a[0], secret));
    assert_true(evm_authorization_sign(&a[1], secret)); /* wrong nonce: passed over */
    w->tx.type = EVM_TX_SET_CODE;
    EXPECT(w, EVM_PRAGUE, EVM_TX_SET_CODE_EMPTY);
    w->tx.authorizations = a;
    w->tx.authorization_count = 2;
    EXPECT(w, EVM_CANCUN, EVM_TX_TYPE_NOT_SUPPORTED);
    const struct evm_tx_outcome *o = run(w, EVM_PRAGUE);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_int_equal(o->gas_used, 21000 + 2 * 25000); /* no refund: the authority did not exist */
    size_t found = 0;
    for (uint32_t i = 0; i < o->changes->account_count; i++) {
        const struct evm_account_change *c = &o->changes->accounts[i];
        if (!evm_addr_eq(&c->addr, &a[0].authority))
            continue;
        found++;
        assert_int_equal(c->nonce, 1);
        assert_true(c->code->is_delegation);
        assert_memory_equal(&c->code->delegate, &contract, 20);
    }
    assert_int_equal(found, 1);
    put(w, &a[0].authority, 1, 0, (struct evm_bytes){0});
    o = run(w, EVM_PRAGUE);
    assert_int_equal(o->gas_refunded, 12500);
    assert_int_equal(o->gas_used, 21000 + 2 * 25000 - 12500);
    w->tx.is_create = true;
    EXPECT(w, EVM_PRAGUE, EVM_TX_SET_CODE_CREATE);
}

/* Whatever waits, the outcome is the same, and every read was indeed refused once. */
static void pending(void **state)
{
    struct world *w = *state;
    struct evm_u256 keys[2] = {{{2}}, {{99}}};
    struct evm_access_entry entry = {.addr = contract, .keys = keys, .key_count = 2};
    w->tx.to = contract;
    w->tx.value = evm_u256_of(0);
    w->tx.access_list = &entry;
    w->tx.access_count = 1;
    const struct evm_tx_outcome *o = run(w, EVM_CANCUN);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    uint64_t used = o->gas_used;
    struct evm_u256 fee = o->fee;
    uint32_t accounts = o->changes->account_count;
    w->slow.slow = true;
    o = run(w, EVM_CANCUN);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_true(w->slow.refused >= 4);
    assert_int_equal(o->gas_used, used);
    assert_memory_equal(&o->fee, &fee, sizeof fee);
    assert_int_equal(o->changes->account_count, accounts);
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < EVM_TX_INVALID_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(evm_tx_invalid_name((enum evm_tx_invalid)i),
                                    evm_tx_invalid_name((enum evm_tx_invalid)k));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(valid), T(capped_tip), T(nonces),         T(funds),
                                       T(gas),   T(fees),       T(form),           T(creations),
                                       T(blobs), T(pending),    T(authorizations), T(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
