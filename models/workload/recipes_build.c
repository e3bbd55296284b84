/* Accounts, contracts and transactions of a block under construction. */
#include "evm/core/keccak.h"
#include "evm/state/state.h"
#include "models/workload/artifacts.h"
#include "models/workload/recipes_internal.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#define POOL_DEPTH UINT64_C(1000000000000000)

static const struct evm_addr deployer = {{0xde}};
static const struct evm_u256 endless = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static void fail(struct recipe_build *b, enum err_code code)
{
    if (b->status == ERR_OK)
        b->status = code;
}

/* ---- addresses and slots --------------------------------------------------------------------- */

/* splitmix64's finaliser (Steele, Lea and Flood, OOPSLA 2014): one to one. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Spread over all addresses as hashes of keys are: sorting, tables and the price of calldata then
 * are what they are on a chain. */
static struct evm_addr spread(uint64_t kind, uint32_t i)
{
    struct evm_addr a;
    uint64_t tail = mix(kind << 32 | i | UINT64_C(1) << 48);
    evm_store_be64(a.b, mix(kind << 32 | i));
    evm_store_be64(a.b + 8, tail);
    memcpy(a.b + 16, &(uint32_t){(uint32_t)mix(tail)}, 4);
    return a;
}

struct evm_addr recipe_person(uint32_t i)
{
    return spread(1, i);
}

struct evm_addr recipe_token(uint32_t t)
{
    return spread(2, t);
}

static void put_word(uint8_t word[32], const struct evm_addr *addr)
{
    memset(word, 0, 12);
    memcpy(word + 12, addr->b, sizeof addr->b);
}

/* keccak256(who || at): where Solidity puts mapping[who] of a mapping at `at`. */
static struct evm_u256 mapped(const struct evm_addr *who, const struct evm_u256 *at)
{
    uint8_t key[64];
    struct evm_hash h;
    struct evm_u256 slot;
    put_word(key, who);
    evm_u256_store_be(key + 32, at);
    evm_keccak256(&h, (struct evm_bytes){key, sizeof key});
    evm_u256_load_be(&slot, h.b);
    return slot;
}

/* ---- the world ------------------------------------------------------------------------------- */

static void apply(struct recipe_build *b, const struct evm_changes *c)
{
    if (b->status == ERR_OK && evm_state_apply(b->out->pre, c) != EVM_OK)
        fail(b, ERR_MEMORY);
}

void recipe_fund(struct recipe_build *b, const struct evm_addr *who, uint64_t nonce,
                 const struct evm_u256 *balance)
{
    struct evm_account_change a = {.addr = *who,
                                   .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE,
                                   .nonce = nonce,
                                   .balance = *balance};
    apply(b, &(struct evm_changes){.accounts = &a, .account_count = 1});
}

void recipe_code(struct recipe_build *b, const struct evm_addr *where, const struct evm_code *code)
{
    struct evm_account_change a = {
        .addr = *where, .wrote = EVM_WROTE_CODE | EVM_WROTE_NONCE, .nonce = 1, .code = code};
    if (code)
        apply(b, &(struct evm_changes){.accounts = &a, .account_count = 1});
    else
        fail(b, ERR_MEMORY);
}

void recipe_slot(struct recipe_build *b, const struct evm_addr *where, const struct evm_u256 *key,
                 const struct evm_u256 *value)
{
    struct evm_slot_change s = {*key, *value};
    struct evm_account_change a = {.addr = *where, .slot_count = 1};
    apply(b,
          &(struct evm_changes){.accounts = &a, .account_count = 1, .slots = &s, .slot_count = 1});
}

void recipe_people(struct recipe_build *b, uint32_t n, const struct evm_u256 *balance)
{
    b->people = n;
    b->nonces = mem_alloc(n, sizeof *b->nonces);
    if (!b->nonces)
        fail(b, ERR_MEMORY);
    for (uint32_t i = 0; i < n && b->status == ERR_OK; i++) {
        struct evm_addr who = recipe_person(i);
        b->nonces[i] = 1;
        recipe_fund(b, &who, 1, balance);
    }
}

void recipe_make_token(struct recipe_build *b, uint32_t t)
{
    struct workload_artifact a;
    struct evm_addr where = recipe_token(t);
    if (!b->token_code && workload_artifact_find("Token", &a))
        b->token_code = evm_codes_add(b->codes, a.runtime);
    recipe_code(b, &where, b->token_code);
}

void recipe_mint(struct recipe_build *b, uint32_t t, const struct evm_addr *who, uint64_t amount)
{
    struct evm_addr where = recipe_token(t);
    struct evm_u256 at = evm_u256_of(TOKEN_SLOT_BALANCES), value = evm_u256_of(amount);
    struct evm_u256 key = mapped(who, &at);
    recipe_slot(b, &where, &key, &value);
}

void recipe_approve(struct recipe_build *b, uint32_t t, const struct evm_addr *owner,
                    const struct evm_addr *spender)
{
    struct evm_addr where = recipe_token(t);
    struct evm_u256 at = evm_u256_of(TOKEN_SLOT_ALLOWANCES);
    at = mapped(owner, &at);
    at = mapped(spender, &at);
    recipe_slot(b, &where, &at, &endless);
}

/* Runs creation code as the deployer; what it leaves goes into the state. */
static void deploy(struct recipe_build *b, struct evm_bytes initcode, struct evm_addr *out)
{
    struct evm_tx tx = {.has_sender = true,
                        .sender = deployer,
                        .nonce = b->deployed,
                        .is_create = true,
                        .gas_limit = 5000000,
                        .input = initcode};
    struct evm_state_view state = {b->out->pre, NULL};
    if (b->status != ERR_OK)
        return;
    evm_txrun_begin(b->run, b->out->rules, &b->out->env, &tx, evm_state_view(&state), 0);
    while (evm_txrun_step(b->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(b->run);
    if (o->error != EVM_OK) {
        fail(b, ERR_MEMORY);
        return;
    }
    CHECK(o->invalid == EVM_TX_VALID && o->success, "contract %llu was not deployed: %s, %s",
          (unsigned long long)b->deployed, evm_tx_invalid_name(o->invalid), evm_halt_name(o->halt));
    b->deployed++;
    *out = o->created;
    apply(b, o->changes);
}

void recipe_make_pool(struct recipe_build *b, uint32_t t0, uint32_t t1, struct evm_addr *out)
{
    struct workload_artifact a;
    struct evm_addr first = recipe_token(t0), second = recipe_token(t1);
    CHECK(workload_artifact_find("Pair", &a), "%s", "no contract Pair");
    uint8_t *code = mem_alloc(a.create.size + 64, 1);
    if (!code) {
        fail(b, ERR_MEMORY);
        return;
    }
    memcpy(code, a.create.data, a.create.size);
    put_word(code + a.create.size, &first);
    put_word(code + a.create.size + 32, &second);
    deploy(b, (struct evm_bytes){code, a.create.size + 64}, out);
    mem_free(code);
    /* Both reserves are 112 bits of slot 0 (build/Pair.json). */
    const uint64_t r = POOL_DEPTH;
    const struct evm_u256 zero = {{0}}, reserves = {{r, r << 48, r >> 16, 0}};
    recipe_slot(b, out, &zero, &reserves);
    recipe_mint(b, t0, out, POOL_DEPTH);
    recipe_mint(b, t1, out, POOL_DEPTH);
}

/* ---- transactions ---------------------------------------------------------------------------- */

uint32_t recipe_made(const struct recipe_build *b)
{
    return b->out->tx_count;
}

struct evm_tx *recipe_tx(struct recipe_build *b, uint32_t from, const struct evm_addr *to,
                         uint64_t gas_limit)
{
    if (b->status != ERR_OK)
        return NULL;
    CHECK(b->out->tx_count < b->n && from < b->people, "transaction %u of person %u",
          b->out->tx_count, from);
    struct evm_tx *tx = &b->out->txs[b->out->tx_count++];
    *tx = (struct evm_tx){.type = EVM_TX_LEGACY,
                          .has_sender = true,
                          .sender = recipe_person(from),
                          .nonce = b->nonces[from]++,
                          .gas_limit = gas_limit,
                          .max_fee = evm_u256_of(1),
                          .max_priority_fee = evm_u256_of(1),
                          .to = *to};
    return tx;
}

uint8_t *recipe_calldata(struct recipe_build *b, struct evm_tx *tx, size_t size)
{
    uint8_t *input = b->out->inputs + (size_t)(tx - b->out->txs) * RECIPE_INPUT;
    tx->input = (struct evm_bytes){input, size};
    return input;
}

void recipe_raw(struct recipe_build *b, uint32_t from, uint32_t to, uint64_t wei)
{
    struct evm_addr who = recipe_person(to);
    struct evm_tx *tx = recipe_tx(b, from, &who, RECIPE_RAW_GAS);
    if (tx)
        tx->value = evm_u256_of(wei);
}

void recipe_transfer(struct recipe_build *b, uint32_t t, uint32_t from, uint32_t to,
                     uint64_t amount)
{
    struct evm_addr where = recipe_token(t), who = recipe_person(to);
    struct evm_u256 value = evm_u256_of(amount);
    struct evm_tx *tx = recipe_tx(b, from, &where, RECIPE_TOKEN_LIMIT);
    if (!tx)
        return;
    uint8_t *in = recipe_calldata(b, tx, 68);
    memcpy(in, "\xa9\x05\x9c\xbb", 4); /* transfer(address,uint256) */
    put_word(in + 4, &who);
    evm_u256_store_be(in + 36, &value);
}

void recipe_swap(struct recipe_build *b, const struct evm_addr *pool, uint32_t from, uint32_t to,
                 bool zero_for_one, uint64_t amount)
{
    struct evm_addr who = recipe_person(to);
    struct evm_u256 value = evm_u256_of(amount);
    struct evm_tx *tx = recipe_tx(b, from, pool, RECIPE_SWAP_LIMIT);
    if (!tx)
        return;
    uint8_t *in = recipe_calldata(b, tx, 4 + 4 * 32);
    memcpy(in, "\xf9\x36\x64\x46", 4); /* swap(bool,uint256,uint256,address) */
    in[35] = zero_for_one;
    evm_u256_store_be(in + 36, &value);
    put_word(in + 100, &who);
}
