#include "evm/block/txrun.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"

/* Where a run stands. A state that reads may be entered several times: until its reads are
 * answered it changes nothing. */
enum stage {
    STAGE_CHECK, /* rules that need no state */
    STAGE_SENDER,
    STAGE_AUTHORITIES,
    STAGE_EXECUTE,
    STAGE_SETTLE, /* the call is over; the journal may have to look at touched accounts */
    STAGE_DONE
};

/* A state in STAGE_EXECUTE; what the stages before it made stays. */
struct saved {
    struct evm_vm_saved vm;
    struct evm_journal_saved journal;
    struct evm_tx_outcome outcome;
};

/* Copying more than this costs about as much as running again. */
#define SAVE_MOST ((size_t)1 << 16)

struct evm_txrun {
    struct evm_codes *codes;
    struct evm_vm *vm;
    struct evm_journal *journal;
    struct evm_changes changes;
    const struct evm_rules *rules;
    const struct evm_block_env *env;
    const struct evm_tx *tx;
    unsigned flags;
    enum stage stage;
    size_t authority; /* the next one */
    uint64_t intrinsic, floor;
    struct evm_u256 gas_price; /* effective */
    struct evm_u256 blob_fee;  /* blob gas times blob base fee */
    struct evm_u256 max_cost;
    struct evm_tx_env tx_env;
    struct evm_jaccount *sender;
    struct evm_tx_outcome outcome;
    struct saved saves[EVM_TXRUN_SAVES];
};

static const char *const invalid_names[EVM_TX_INVALID_COUNT] = {
    [EVM_TX_VALID] = "valid",
    [EVM_TX_NONCE_TOO_LOW] = "nonce too low",
    [EVM_TX_NONCE_TOO_HIGH] = "nonce too high",
    [EVM_TX_NONCE_OVERFLOW] = "nonce at its maximum",
    [EVM_TX_INSUFFICIENT_FUNDS] = "insufficient funds",
    [EVM_TX_INTRINSIC_GAS] = "gas limit below intrinsic gas",
    [EVM_TX_FLOOR_GAS] = "gas limit below the calldata floor",
    [EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK] = "gas limit exceeds what the block has left",
    [EVM_TX_GAS_LIMIT_TOO_HIGH] = "gas limit above the cap of a transaction",
    [EVM_TX_FEE_BELOW_BASE_FEE] = "max fee below the base fee",
    [EVM_TX_PRIORITY_ABOVE_MAX_FEE] = "priority fee above max fee",
    [EVM_TX_SENDER_NOT_EOA] = "sender has code",
    [EVM_TX_INITCODE_SIZE] = "initcode too large",
    [EVM_TX_TYPE_NOT_SUPPORTED] = "transaction type not supported",
    [EVM_TX_WRONG_CHAIN_ID] = "wrong chain id",
    [EVM_TX_BAD_SIGNATURE] = "bad signature",
    [EVM_TX_BLOB_NONE] = "no blobs",
    [EVM_TX_BLOB_TOO_MANY] = "too many blobs",
    [EVM_TX_BLOB_BAD_VERSION] = "unknown version of a blob hash",
    [EVM_TX_BLOB_FEE_TOO_LOW] = "max blob fee below the blob base fee",
    [EVM_TX_BLOB_CREATE] = "blob transaction cannot create a contract",
    [EVM_TX_SET_CODE_CREATE] = "set-code transaction cannot create a contract",
    [EVM_TX_SET_CODE_EMPTY] = "no authorizations",
    [EVM_TX_COST_OVERFLOW] = "cost overflows 256 bits",
    [EVM_TX_MALFORMED] = "malformed transaction",
};

const char *evm_tx_invalid_name(enum evm_tx_invalid why)
{
    return (unsigned)why < EVM_TX_INVALID_COUNT ? invalid_names[why] : "?";
}

/* ---- costs that need no state ---------------------------------------------------------------- */

/* True if the product passes 256 bits. */
static bool mul64(struct evm_u256 *out, uint64_t a, const struct evm_u256 *b)
{
    evm_u128 t = 0;
    for (int i = 0; i < 4; i++) {
        t += (evm_u128)a * b->w[i];
        out->w[i] = (uint64_t)t;
        t >>= 64;
    }
    return t != 0;
}

static uint64_t blob_gas(const struct evm_tx *tx)
{
    return (uint64_t)tx->blob_count * EVM_GAS_PER_BLOB;
}

bool evm_tx_max_cost(const struct evm_tx *tx, struct evm_u256 *out)
{
    struct evm_u256 gas, blobs;
    return !mul64(&gas, tx->gas_limit, &tx->max_fee) &&
           !mul64(&blobs, blob_gas(tx), &tx->max_blob_fee) && !evm_u256_add(out, &gas, &blobs) &&
           !evm_u256_add(out, out, &tx->value);
}

/* Eight bytes at a time: the upper bit of each byte of `set` says that the byte is not 0. */
static uint64_t count_zeros(struct evm_bytes b)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t others = 0;
    size_t i = 0;
    for (; i + 8 <= b.size; i += 8) {
        uint64_t x;
        memcpy(&x, b.data + i, sizeof x);
        uint64_t set = (((x & low) + low) | x) & ~low;
        others += (uint64_t)__builtin_popcountll(set);
    }
    for (; i < b.size; i++)
        others += b.data[i] != 0;
    return b.size - others;
}

uint64_t evm_tx_intrinsic_gas(const struct evm_rules *rules, const struct evm_tx *tx,
                              uint64_t *floor)
{
    uint64_t zeros = count_zeros(tx->input), others = tx->input.size - zeros;
    uint64_t gas =
        rules->tx_base_gas + rules->tx_data_zero_gas * zeros + rules->tx_data_nonzero_gas * others;
    if (tx->is_create)
        gas += rules->tx_create_gas + rules->initcode_word_gas * ((tx->input.size + 31) / 32);
    for (size_t i = 0; i < tx->access_count; i++)
        gas +=
            rules->tx_access_address_gas + rules->tx_access_slot_gas * tx->access_list[i].key_count;
    gas += rules->tx_auth_gas * tx->authorization_count;
    if (floor)
        *floor = rules->tx_floor_token_gas
                     ? rules->tx_base_gas + rules->tx_floor_token_gas * (zeros + 4 * others)
                     : 0;
    return gas;
}

/* ---- rules that need no state ---------------------------------------------------------------- */

static enum evm_tx_invalid check_blobs(const struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    const struct evm_rules *rules = run->rules;
    uint32_t max = rules->blob_max_per_tx ? rules->blob_max_per_tx : rules->blob_max;
    if (tx->type != EVM_TX_BLOB)
        return EVM_TX_VALID;
    if (tx->is_create)
        return EVM_TX_BLOB_CREATE;
    if (tx->blob_count == 0)
        return EVM_TX_BLOB_NONE;
    if (tx->blob_count > max)
        return EVM_TX_BLOB_TOO_MANY;
    for (size_t i = 0; i < tx->blob_count; i++)
        if (tx->blob_hashes[i].b[0] != 0x01) /* VERSIONED_HASH_VERSION_KZG */
            return EVM_TX_BLOB_BAD_VERSION;
    if (evm_u256_lt(&tx->max_blob_fee, &run->env->blob_base_fee))
        return EVM_TX_BLOB_FEE_TOO_LOW;
    return EVM_TX_VALID;
}

static enum evm_tx_invalid check_fees(const struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    if (evm_u256_lt(&tx->max_fee, &tx->max_priority_fee))
        return EVM_TX_PRIORITY_ABOVE_MAX_FEE;
    if (run->rules->base_fee && evm_u256_lt(&tx->max_fee, &run->env->base_fee))
        return EVM_TX_FEE_BELOW_BASE_FEE;
    return EVM_TX_VALID;
}

static enum evm_tx_invalid check_form(const struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    const struct evm_rules *rules = run->rules;
    if ((uint32_t)tx->type > rules->max_tx_type)
        return EVM_TX_TYPE_NOT_SUPPORTED;
    if (!tx->has_sender)
        return EVM_TX_BAD_SIGNATURE;
    if (tx->has_chain_id && (!rules->replay_protection || tx->chain_id != run->env->chain_id))
        return EVM_TX_WRONG_CHAIN_ID;
    if (tx->nonce == UINT64_MAX) /* EIP-2681 */
        return EVM_TX_NONCE_OVERFLOW;
    if (tx->is_create && rules->max_initcode_size && tx->input.size > rules->max_initcode_size)
        return EVM_TX_INITCODE_SIZE;
    if (tx->type == EVM_TX_SET_CODE && tx->is_create)
        return EVM_TX_SET_CODE_CREATE;
    if (tx->type == EVM_TX_SET_CODE && tx->authorization_count == 0)
        return EVM_TX_SET_CODE_EMPTY;
    return EVM_TX_VALID;
}

static enum evm_tx_invalid check_gas(struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    uint64_t cap = run->rules->tx_max_gas ? run->rules->tx_max_gas : INT64_MAX;
    run->intrinsic = evm_tx_intrinsic_gas(run->rules, tx, &run->floor);
    if (tx->gas_limit > cap) /* what is above 2^63 - 1 fits in no block anyway */
        return EVM_TX_GAS_LIMIT_TOO_HIGH;
    if (tx->gas_limit < run->intrinsic)
        return EVM_TX_INTRINSIC_GAS;
    if (tx->gas_limit < run->floor)
        return EVM_TX_FLOOR_GAS;
    return EVM_TX_VALID;
}

/* The effective gas price (EIP-1559) and what the blobs cost; both are at most what evm_tx_max_cost
 * counted, so they do not overflow. */
static void set_prices(struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    run->gas_price = tx->max_fee;
    if (run->rules->base_fee) {
        struct evm_u256 room;
        evm_u256_sub(&room, &tx->max_fee, &run->env->base_fee);
        const struct evm_u256 *tip =
            evm_u256_lt(&room, &tx->max_priority_fee) ? &room : &tx->max_priority_fee;
        evm_u256_add(&run->gas_price, &run->env->base_fee, tip);
    }
    mul64(&run->blob_fee, blob_gas(tx), &run->env->blob_base_fee);
    run->tx_env = (struct evm_tx_env){.origin = tx->sender,
                                      .gas_price = run->gas_price,
                                      .blob_hashes = tx->blob_hashes,
                                      .blob_count = tx->blob_count};
}

static enum evm_tx_invalid check(struct evm_txrun *run)
{
    enum evm_tx_invalid why = check_form(run);
    if (why == EVM_TX_VALID)
        why = check_fees(run);
    if (why == EVM_TX_VALID)
        why = check_blobs(run);
    if (why == EVM_TX_VALID && !evm_tx_max_cost(run->tx, &run->max_cost)) {
        /* The fees alone must fit in 256 bits; if only the value is too much, nobody has it. */
        struct evm_u256 gas;
        bool fits = !mul64(&gas, run->tx->gas_limit, &run->tx->max_fee);
        why = fits ? EVM_TX_INSUFFICIENT_FUNDS : EVM_TX_COST_OVERFLOW;
    }
    if (why == EVM_TX_VALID)
        why = check_gas(run);
    if (why == EVM_TX_VALID)
        set_prices(run);
    return why;
}

/* ---- prologue -------------------------------------------------------------------------------- */

static enum evm_tx_invalid check_sender(const struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    const struct evm_code *code = run->sender->code;
    if (!(run->flags & EVM_TXRUN_SKIP_NONCE)) {
        if (tx->nonce < run->sender->nonce)
            return EVM_TX_NONCE_TOO_LOW;
        if (tx->nonce > run->sender->nonce)
            return EVM_TX_NONCE_TOO_HIGH;
    }
    if (code->size > 0 && !(run->rules->delegation && code->is_delegation))
        return EVM_TX_SENDER_NOT_EOA;
    if (!(run->flags & EVM_TXRUN_SKIP_FUNDS) &&
        !evm_journal_balance_reaches(run->journal, run->sender, &run->max_cost))
        return EVM_TX_INSUFFICIENT_FUNDS;
    return EVM_TX_VALID;
}

static void warm_up(struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    evm_journal_warm_account(run->journal, run->sender);
    if (!tx->is_create) {
        struct evm_jaccount *to;
        evm_journal_account(run->journal, &tx->to, 0, &to); /* never waits: nothing is loaded */
        evm_journal_warm_account(run->journal, to);
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct evm_access_entry *e = &tx->access_list[i];
        struct evm_jaccount *acc;
        evm_journal_account(run->journal, &e->addr, 0, &acc);
        evm_journal_warm_account(run->journal, acc);
        for (size_t k = 0; k < e->key_count; k++) {
            struct evm_jslot *slot;
            evm_journal_slot(run->journal, acc, &e->keys[k], false, &slot);
            evm_journal_warm_slot(run->journal, acc, slot);
        }
    }
}

static enum evm_step stop(struct evm_txrun *run, enum evm_status error, enum evm_tx_invalid invalid)
{
    run->outcome.error = error;
    run->outcome.invalid = invalid;
    run->stage = STAGE_DONE;
    return EVM_STEP_DONE;
}

/* Buys the gas, bumps the nonce, warms the access list. */
static enum evm_read enter_sender(struct evm_txrun *run, enum evm_tx_invalid *why)
{
    unsigned need = EVM_NEED_BALANCE | EVM_NEED_NONCE | EVM_NEED_CODE;
    if (evm_journal_account(run->journal, &run->tx->sender, need, &run->sender) == EVM_READ_PENDING)
        return EVM_READ_PENDING;
    *why = check_sender(run);
    struct evm_u256 price;
    mul64(&price, run->tx->gas_limit, &run->gas_price);
    evm_u256_add(&price, &price, &run->blob_fee);
    if (*why == EVM_TX_VALID && !evm_journal_sub_balance(run->journal, run->sender, &price))
        *why = EVM_TX_INSUFFICIENT_FUNDS; /* only where the check of the funds was skipped */
    if (*why != EVM_TX_VALID)
        return EVM_READ_OK;
    /* A creation bumps the nonce here as well; its address comes from the nonce before. */
    evm_journal_set_nonce(run->journal, run->sender, run->tx->nonce + 1);
    warm_up(run);
    return EVM_READ_OK;
}

/* One authorization, EIP-7702 "behavior" steps 1 to 9. A tuple that fails is passed over. */
static enum evm_read enter_authority(struct evm_txrun *run, const struct evm_authorization *a)
{
    struct evm_journal *j = run->journal;
    struct evm_jaccount *acc;
    bool any_chain = evm_u256_is_zero(&a->chain_id);
    bool this_chain = evm_u256_fits64(&a->chain_id) && a->chain_id.w[0] == run->env->chain_id;
    if (!(any_chain || this_chain) || a->nonce == UINT64_MAX || !a->authority_valid)
        return EVM_READ_OK;
    if (evm_journal_account(j, &a->authority, EVM_NEED_NONCE | EVM_NEED_CODE, &acc) ==
        EVM_READ_PENDING)
        return EVM_READ_PENDING;
    evm_journal_warm_account(j, acc);
    if ((acc->code->size > 0 && !acc->code->is_delegation) || acc->nonce != a->nonce)
        return EVM_READ_OK;
    /* The refund asks whether the account is empty; its balance matters only if nothing else does.
     */
    bool empty = acc->nonce == 0 && acc->code->size == 0;
    if (empty) {
        const struct evm_u256 one = evm_u256_of(1);
        if (evm_journal_account(j, &a->authority, EVM_NEED_BALANCE, &acc) == EVM_READ_PENDING)
            return EVM_READ_PENDING;
        empty = !evm_journal_balance_reaches(j, acc, &one);
    }
    const struct evm_code *code = evm_code_empty();
    static const struct evm_addr nobody;
    if (!evm_addr_eq(&a->addr, &nobody)) {
        uint8_t bytes[23] = {0xef, 0x01, 0x00};
        memcpy(bytes + 3, a->addr.b, sizeof a->addr.b);
        code = evm_codes_add(run->codes, (struct evm_bytes){bytes, sizeof bytes});
    }
    if (!code) {
        run->outcome.error = EVM_ERR_MEMORY;
        return EVM_READ_OK;
    }
    if (!empty)
        evm_journal_add_refund(j, (int64_t)run->rules->tx_auth_existing_refund);
    evm_journal_set_code(j, acc, code);
    evm_journal_set_nonce(j, acc, acc->nonce + 1);
    return EVM_READ_OK;
}

static void enter_call(struct evm_txrun *run)
{
    const struct evm_tx *tx = run->tx;
    struct evm_msg msg = {.kind = tx->is_create ? EVM_CREATE : EVM_CALL,
                          .caller = tx->sender,
                          .to = tx->to,
                          .value = tx->value,
                          .input = tx->input,
                          .gas = (int64_t)(tx->gas_limit - run->intrinsic)};
    if (tx->is_create)
        evm_create_address(&tx->sender, tx->nonce, &msg.to);
    run->outcome.created = msg.to; /* taken back if nothing was created */
    evm_vm_begin(run->vm, run->rules, run->env, &run->tx_env, run->journal, &msg);
}

/* ---- epilogue -------------------------------------------------------------------------------- */

/* Gas used after refunds (EIP-3529) and the floor (EIP-7623). */
static void count_gas(struct evm_txrun *run, const struct evm_vm_result *result)
{
    uint64_t limit = run->tx->gas_limit, used = limit - (uint64_t)result->gas_left;
    int64_t counter = evm_journal_refund(run->journal);
    uint64_t cap = used / run->rules->refund_quotient;
    EVM_DCHECK(counter >= 0, "refund counter %lld at the end", (long long)counter);
    uint64_t refund = (uint64_t)counter < cap ? (uint64_t)counter : cap;
    used -= refund;
    run->outcome.gas_refunded = refund;
    run->outcome.gas_used = used < run->floor ? run->floor : used;
}

/* Who gets the money: the unused gas goes back, the base fee and the blob fee are burnt, the rest
 * is the beneficiary's. */
static void settle(struct evm_txrun *run)
{
    struct evm_tx_outcome *o = &run->outcome;
    struct evm_u256 back, tip = run->gas_price;
    mul64(&back, run->tx->gas_limit - o->gas_used, &run->gas_price);
    evm_journal_add_balance(run->journal, run->sender, &back);
    o->burnt = evm_u256_of(0);
    if (run->rules->base_fee) {
        mul64(&o->burnt, o->gas_used, &run->env->base_fee);
        evm_u256_sub(&tip, &tip, &run->env->base_fee);
    }
    evm_u256_add(&o->burnt, &o->burnt, &run->blob_fee);
    mul64(&o->fee, o->gas_used, &tip);
    const struct evm_jaccount *coinbase = evm_journal_find(run->journal, &run->env->coinbase);
    o->pays_beneficiary = !coinbase || !coinbase->destructed;
    if (!o->pays_beneficiary) {
        evm_u256_add(&o->burnt, &o->burnt, &o->fee);
        o->fee = evm_u256_of(0);
    }
}

/* After the call: what it came to, and who gets the money. False when memory is out. */
static bool end_call(struct evm_txrun *run)
{
    struct evm_tx_outcome *o = &run->outcome;
    struct evm_vm_result result;
    if (evm_vm_result(run->vm, &result) != EVM_OK || evm_journal_failed(run->journal))
        return false;
    o->halt = result.halt;
    o->success = result.halt == EVM_HALT_STOP;
    o->output = result.output;
    if (!run->tx->is_create || !o->success)
        o->created = (struct evm_addr){{0}};
    count_gas(run, &result);
    o->blob_gas_used = blob_gas(run->tx);
    settle(run);
    return true;
}

static enum evm_step leave(struct evm_txrun *run)
{
    struct evm_tx_outcome *o = &run->outcome;
    enum evm_status status = evm_journal_finish(run->journal, &run->changes);
    o->logs = evm_journal_logs(run->journal);
    o->log_count = evm_journal_log_count(run->journal);
    return stop(run, status, EVM_TX_VALID);
}

/* ---- the machine ----------------------------------------------------------------------------- */

struct evm_txrun *evm_txrun_create(struct evm_codes *codes)
{
    struct evm_txrun *run = evm_calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->codes = codes;
    run->vm = evm_vm_create();
    run->journal = evm_journal_create(codes);
    evm_changes_init(&run->changes);
    run->stage = STAGE_DONE;
    if (!run->vm || !run->journal) {
        evm_txrun_destroy(run);
        return NULL;
    }
    return run;
}

void evm_txrun_destroy(struct evm_txrun *run)
{
    if (!run)
        return;
    evm_vm_destroy(run->vm);
    evm_journal_destroy(run->journal);
    evm_changes_fini(&run->changes);
    for (size_t k = 0; k < EVM_TXRUN_SAVES; k++) {
        evm_vm_saved_fini(&run->saves[k].vm);
        evm_journal_saved_fini(&run->saves[k].journal);
    }
    free(run);
}

void evm_txrun_begin(struct evm_txrun *run, const struct evm_rules *rules,
                     const struct evm_block_env *env, const struct evm_tx *tx, struct evm_view view,
                     unsigned flags)
{
    run->rules = rules;
    run->env = env;
    run->tx = tx;
    run->flags = flags;
    run->stage = STAGE_CHECK;
    run->authority = 0;
    evm_changes_clear(&run->changes);
    run->outcome = (struct evm_tx_outcome){.changes = &run->changes};
    evm_journal_begin(run->journal, rules, view);
    if (rules->warm_coinbase)
        evm_journal_warm_always(run->journal, &env->coinbase);
}

/* The stages before the vm runs; EVM_STEP_SLICE means that it may run now. */
static enum evm_step prologue(struct evm_txrun *run)
{
    enum evm_tx_invalid why;
    if (run->stage == STAGE_CHECK) {
        why = check(run);
        if (why != EVM_TX_VALID)
            return stop(run, EVM_OK, why);
        run->stage = STAGE_SENDER;
    }
    if (run->stage == STAGE_SENDER) {
        if (enter_sender(run, &why) == EVM_READ_PENDING)
            return EVM_STEP_READ;
        if (why != EVM_TX_VALID)
            return stop(run, EVM_OK, why);
        run->stage = STAGE_AUTHORITIES;
    }
    if (run->stage == STAGE_AUTHORITIES) {
        for (; run->authority < run->tx->authorization_count; run->authority++)
            if (enter_authority(run, &run->tx->authorizations[run->authority]) == EVM_READ_PENDING)
                return EVM_STEP_READ;
        if (run->outcome.error != EVM_OK || evm_journal_failed(run->journal))
            return stop(run, EVM_ERR_MEMORY, EVM_TX_VALID);
        enter_call(run);
        run->stage = STAGE_EXECUTE;
    }
    return EVM_STEP_SLICE;
}

/* A call's stipend is gas that nobody paid for, so for a moment there may seem to be less. */
static void count_spent(const struct evm_txrun *run, struct evm_meter *meter)
{
    int64_t spent = (int64_t)run->tx->gas_limit - evm_vm_gas_left(run->vm);
    if (spent > (int64_t)meter->gas)
        meter->gas = (uint64_t)spent;
}

enum evm_step evm_txrun_step(struct evm_txrun *run, struct evm_meter *meter, uint64_t budget)
{
    if (run->stage < STAGE_EXECUTE) {
        enum evm_step s = prologue(run);
        if (s != EVM_STEP_SLICE)
            return s;
    }
    if (run->stage == STAGE_EXECUTE) {
        enum evm_step s = evm_vm_step(run->vm, meter, budget);
        if (meter)
            count_spent(run, meter);
        if (s != EVM_STEP_DONE)
            return s;
        if (!end_call(run))
            return stop(run, EVM_ERR_MEMORY, EVM_TX_VALID);
        run->stage = STAGE_SETTLE;
    }
    if (run->stage == STAGE_SETTLE) {
        if (evm_journal_settle(run->journal) == EVM_READ_PENDING)
            return EVM_STEP_READ;
        return leave(run);
    }
    return EVM_STEP_DONE;
}

const struct evm_tx_outcome *evm_txrun_outcome(const struct evm_txrun *run)
{
    return &run->outcome;
}

void evm_txrun_each_access(const struct evm_txrun *run,
                           void (*visit)(void *self, const struct evm_jaccount *acc,
                                         const struct evm_jslot *slot),
                           void *self)
{
    evm_journal_each_access(run->journal, visit, self);
}

bool evm_txrun_balance_bound(const struct evm_txrun *run, const struct evm_addr *addr,
                             struct evm_u256 *bound)
{
    const struct evm_jaccount *acc = evm_journal_find(run->journal, addr);
    return acc && evm_jaccount_balance_bound(acc, bound);
}

/* ---- going back ------------------------------------------------------------------------------ */

uint64_t evm_txrun_progress(const struct evm_txrun *run)
{
    return run->stage == STAGE_EXECUTE ? evm_vm_progress(run->vm) : 0;
}

static size_t size_of(const struct saved *s)
{
    return s->vm.bytes.size + evm_journal_saved_size(&s->journal);
}

size_t evm_txrun_save(struct evm_txrun *run, uint32_t k)
{
    struct saved *s = &run->saves[k];
    if (run->stage != STAGE_EXECUTE || !evm_vm_save(run->vm, SAVE_MOST, &s->vm) ||
        !evm_journal_save(run->journal, &s->journal))
        return 0;
    s->outcome = run->outcome;
    return size_of(s);
}

size_t evm_txrun_restore(struct evm_txrun *run, uint32_t k)
{
    const struct saved *s = &run->saves[k];
    evm_vm_restore(run->vm, &s->vm);
    evm_journal_restore(run->journal, &s->journal);
    run->outcome = s->outcome;
    run->stage = STAGE_EXECUTE;
    return size_of(s);
}

void evm_txrun_trace(struct evm_txrun *run, const struct evm_tracer *tracer)
{
    evm_vm_trace(run->vm, tracer);
}

void evm_txrun_set_tier(struct evm_txrun *run, enum evm_vm_tier tier)
{
    evm_vm_set_tier(run->vm, tier);
}
