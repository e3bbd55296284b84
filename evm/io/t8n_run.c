/* The transition tool's block: one transaction after the other, each of them accepted or rejected.
 */
#include <stdio.h>

#include "evm/core/u256.h"
#include "evm/io/t8n.h"

/* ---- a view that notices when a hash is missing ---------------------------------------------- */

struct hash_view {
    struct evm_view state;
    const struct evm_block_hashes *hashes;
    bool missing;
    uint64_t number; /* the first that was asked for in vain */
};

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct hash_view *v = self;
    return v->state.ops->account(v->state.self, addr, need, out);
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct hash_view *v = self;
    return v->state.ops->slot(v->state.self, addr, key, out);
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct hash_view *v = self;
    for (size_t i = 0; i < v->hashes->count; i++)
        if (v->hashes->numbers[i] == number) {
            *out = v->hashes->hashes[i];
            return;
        }
    *out = (struct evm_hash){{0}};
    if (!v->missing)
        v->number = number;
    v->missing = true;
}

static const struct evm_view_ops hash_view_ops = {view_account, view_slot, view_block_hash};

/* ---- why a transaction is not in the block --------------------------------------------------- */

/* What the readers of a transition tool's result look for in the text, by what it is about; they
 * tell the rules apart by these words. */
static const char *const reasons[EVM_TX_INVALID_COUNT] = {
    [EVM_TX_NONCE_TOO_LOW] = "nonce too low",
    [EVM_TX_NONCE_TOO_HIGH] = "nonce too high",
    [EVM_TX_NONCE_OVERFLOW] = "nonce has max value",
    [EVM_TX_INSUFFICIENT_FUNDS] = "insufficient funds for gas * price + value",
    [EVM_TX_INTRINSIC_GAS] = "intrinsic gas too low",
    [EVM_TX_FLOOR_GAS] = "insufficient gas for floor data gas cost",
    [EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK] = "gas limit reached",
    [EVM_TX_GAS_LIMIT_TOO_HIGH] = "transaction gas limit too high",
    [EVM_TX_FEE_BELOW_BASE_FEE] = "max fee per gas less than block base fee",
    [EVM_TX_PRIORITY_ABOVE_MAX_FEE] = "max priority fee per gas higher than max fee per gas",
    [EVM_TX_SENDER_NOT_EOA] = "sender not an eoa",
    [EVM_TX_INITCODE_SIZE] = "max initcode size exceeded",
    [EVM_TX_TYPE_NOT_SUPPORTED] = "transaction type not supported",
    [EVM_TX_WRONG_CHAIN_ID] = "invalid chain id for signer",
    [EVM_TX_BAD_SIGNATURE] = "invalid transaction v, r, s values",
    [EVM_TX_BLOB_NONE] = "blob transaction missing blob hashes",
    [EVM_TX_BLOB_TOO_MANY] = "blob gas would exceed maximum allowance",
    [EVM_TX_BLOB_BAD_VERSION] = "blob has invalid hash version",
    [EVM_TX_BLOB_FEE_TOO_LOW] = "max fee per blob gas less than block blob gas fee",
    [EVM_TX_BLOB_CREATE] = "blob transaction of type create",
    [EVM_TX_SET_CODE_CREATE] = "set code transaction must not be a create transaction",
    [EVM_TX_SET_CODE_EMPTY] = "set code transaction with empty auth list",
    [EVM_TX_COST_OVERFLOW] = "insufficient funds for gas * price + value: it passes 256 bits",
    [EVM_TX_MALFORMED] = "malformed transaction",
};

static void reject(struct evm_t8n_tx *tx, enum evm_tx_invalid why)
{
    snprintf(tx->rejected, sizeof tx->rejected, "%s", reasons[why]);
}

/* ---- the run --------------------------------------------------------------------------------- */

struct runner {
    struct evm_t8n *t;
    struct evm_txrun *run;
    struct evm_system *sys;
    struct evm_block_env env;
    const struct evm_t8n_tracing *tracing;
    struct evm_err *err;
};

static enum evm_t8n_status no_memory(struct evm_err *err)
{
    evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    return EVM_T8N_EVM;
}

/* What the block has left is judged before the transaction runs. */
static enum evm_tx_invalid judge_room(const struct runner *r, const struct evm_tx *tx)
{
    const struct evm_header *h = &r->t->block.header;
    uint64_t blob_gas = (uint64_t)tx->blob_count * EVM_GAS_PER_BLOB;
    if (tx->gas_limit > h->gas_limit - h->gas_used)
        return EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK;
    if (r->env.blob_gas_limit && blob_gas > r->env.blob_gas_limit - h->blob_gas_used)
        return EVM_TX_BLOB_TOO_MANY;
    return EVM_TX_VALID;
}

/* The version is sealed to take its root, and a new one put on it. */
static enum evm_status root_between(struct evm_t8n *t, struct evm_hash *out)
{
    evm_state_seal(t->state);
    enum evm_status status = evm_state_root(t->state, out);
    struct evm_state *next = evm_state_fork(t->state);
    if (!next)
        return EVM_ERR_MEMORY;
    evm_state_unref(t->state);
    t->state = next;
    return status;
}

static void set_price(struct evm_u256 *out, const struct evm_tx *tx, const struct evm_header *h)
{
    struct evm_u256 sum;
    *out = tx->max_fee;
    if (!h->has_base_fee || evm_u256_add(&sum, &h->base_fee, &tx->max_priority_fee))
        return;
    if (evm_u256_lt(&sum, out))
        *out = sum;
}

/* Writes what a valid transaction did, and its receipt. */
static enum evm_status include(struct runner *r, struct evm_tx *tx, const struct evm_tx_outcome *o)
{
    struct evm_t8n *t = r->t;
    struct evm_header *h = &t->block.header;
    struct evm_receipt *receipt = &t->receipts[t->block.tx_count];
    enum evm_status status = evm_receipt_make(receipt, t->block.tx_count, tx, o, h->gas_used);
    set_price(&t->prices[t->block.tx_count], tx, h);
    t->included[t->block.tx_count++] = tx;
    h->gas_used += o->gas_used;
    h->blob_gas_used += o->blob_gas_used;
    if (status == EVM_OK)
        status = evm_state_apply(t->state, o->changes);
    if (status == EVM_OK && o->pays_beneficiary)
        status = evm_credit(t->state, t->rules, &h->coinbase, &o->fee);
    if (status == EVM_OK && !t->rules->receipt_status) {
        receipt->has_state_root = true;
        status = root_between(t, &receipt->state_root);
    }
    return status;
}

static enum evm_t8n_status run_tx(struct runner *r, struct evm_t8n_tx *in)
{
    struct evm_t8n *t = r->t;
    struct evm_state_view inner = {t->state, NULL};
    struct hash_view view = {evm_state_view(&inner), &t->hashes, false, 0};
    enum evm_tx_invalid why = judge_room(r, &in->tx);
    if (why != EVM_TX_VALID) {
        reject(in, why);
        return EVM_T8N_OK;
    }
    const struct evm_tracer *tracer =
        r->tracing ? r->tracing->begin(r->tracing->self, t->block.tx_count, &in->tx) : NULL;
    evm_txrun_trace(r->run, tracer);
    evm_txrun_begin(r->run, t->rules, &r->env, &in->tx, (struct evm_view){&hash_view_ops, &view},
                    0);
    while (evm_txrun_step(r->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(r->run);
    if (r->tracing)
        r->tracing->end(r->tracing->self, t->block.tx_count, o);
    if (view.missing) {
        evm_fail(r->err, EVM_ERR_INPUT,
                 "env: blockHashes lacks block %llu, which a transaction asks for",
                 (unsigned long long)view.number);
        return EVM_T8N_BLOCK_HASH;
    }
    if (o->error != EVM_OK)
        return no_memory(r->err);
    if (o->invalid != EVM_TX_VALID) {
        reject(in, o->invalid);
        return EVM_T8N_OK;
    }
    return include(r, &in->tx, o) == EVM_OK ? EVM_T8N_OK : no_memory(r->err);
}

static enum evm_t8n_status run_block(struct runner *r)
{
    struct evm_t8n *t = r->t;
    const struct evm_chain_config *chain = &t->chain.config;
    enum evm_block_fault fault = EVM_BLOCK_FINE;
    enum evm_t8n_status done = EVM_T8N_OK;
    enum evm_status status = evm_block_open(r->sys, chain, &t->block, &t->hashes, t->state);
    for (uint32_t i = 0; i < t->tx_count && status == EVM_OK && !done; i++)
        if (!t->txs[i].rejected[0])
            done = run_tx(r, &t->txs[i]);
    if (done)
        return done;
    if (status == EVM_OK && t->options.has_reward)
        status = evm_pay_rewards(&t->block, t->rules, &t->options.reward, t->state);
    if (status == EVM_OK)
        status = evm_pay_withdrawals(&t->block, t->rules, t->state);
    if (status == EVM_OK)
        status = evm_collect_requests(r->sys, chain, &t->block, &t->hashes, t->receipts,
                                      t->block.tx_count, t->state, &t->requests, &fault);
    if (status != EVM_OK)
        return no_memory(r->err);
    evm_receipts_filter(t->receipts, t->block.tx_count);
    evm_state_seal(t->state);
    if (fault == EVM_BLOCK_FINE)
        return EVM_T8N_OK;
    evm_fail(r->err, EVM_ERR_INPUT, "the block is invalid: %s", evm_block_fault_name(fault));
    return EVM_T8N_EVM;
}

/* The accounts as given become the version below the block's. */
static bool open_state(struct evm_t8n *t)
{
    struct evm_state *s;
    evm_state_seal(t->state);
    s = evm_state_fork(t->state);
    if (!s)
        return false;
    evm_state_unref(t->state);
    t->state = s;
    return true;
}

enum evm_t8n_status evm_t8n_run(struct evm_t8n *t, const struct evm_t8n_tracing *tracing,
                                struct evm_err *err)
{
    const struct evm_header *h = &t->block.header;
    struct runner r = {.t = t, .tracing = tracing, .err = err};
    enum evm_t8n_status done = EVM_T8N_OK;
    evm_block_env_of(&t->chain.config, h, &r.env);
    t->blob_base_fee = r.env.blob_base_fee;
    r.run = evm_txrun_create(t->codes);
    r.sys = evm_system_create(t->codes);
    if (!r.run || !r.sys || !open_state(t))
        done = no_memory(err);
    if (r.run)
        evm_txrun_set_tier(r.run, t->options.tier);
    if (!done)
        done = run_block(&r);
    evm_system_destroy(r.sys);
    evm_txrun_destroy(r.run);
    return done;
}
