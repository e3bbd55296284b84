#include "evm/block/system.h"

#include "evm/core/alloc.h"
#include "evm/core/u256.h"

#define SYSTEM_GAS 30000000 /* EIP-4788 */

static const struct evm_addr system_address = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
static const struct evm_addr beacon_roots = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80,
                                              0x7e, 0xf1, 0x31, 0x9f, 0xb7, 0xb8, 0xbb,
                                              0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
static const struct evm_addr history_storage = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5,
                                                 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b,
                                                 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
static const struct evm_addr withdrawal_requests = {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e,
                                                     0xb5, 0x5e, 0x80, 0xd1, 0x9a, 0xd8, 0x35,
                                                     0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
static const struct evm_addr consolidation_requests = {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48,
                                                        0x86, 0x42, 0xfb, 0x57, 0x9f, 0x8b, 0x00,
                                                        0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};

enum evm_status evm_credit(struct evm_state *s, const struct evm_rules *rules,
                           const struct evm_addr *addr, const struct evm_u256 *wei)
{
    struct evm_account now;
    evm_state_account(s, addr, &now);
    struct evm_account_change change = {.addr = *addr, .code = evm_code_empty()};
    evm_u256_add(&change.balance, &now.balance, wei);
    bool empty = evm_u256_is_zero(&change.balance) && now.nonce == 0 &&
                 evm_hash_eq(&now.code_hash, &evm_empty_code_hash);
    if (empty && rules->state_clearing)
        change.wrote = now.exists ? EVM_WROTE_DELETED | EVM_WROTE_WIPE : 0;
    else if (!now.exists)
        change.wrote = EVM_WROTE_CREATED | EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE;
    else if (!evm_u256_is_zero(wei))
        change.wrote = EVM_WROTE_BALANCE;
    if (change.wrote == 0)
        return EVM_OK;
    struct evm_changes c = {.accounts = &change, .account_count = 1, .account_capacity = 1};
    return evm_state_apply(s, &c);
}

/* ---- calls of the system --------------------------------------------------------------------- */

struct evm_system {
    struct evm_vm *vm;
    struct evm_journal *journal;
    struct evm_changes changes;
    struct evm_bal_builder *bal; /* NULL: nothing is recorded */
    uint32_t bal_index;
};

struct evm_system *evm_system_create(struct evm_codes *codes)
{
    struct evm_system *sys = evm_calloc(1, sizeof *sys);
    if (!sys)
        return NULL;
    sys->vm = evm_vm_create();
    sys->journal = evm_journal_create(codes);
    evm_changes_init(&sys->changes);
    if (!sys->vm || !sys->journal) {
        evm_system_destroy(sys);
        return NULL;
    }
    return sys;
}

void evm_system_destroy(struct evm_system *sys)
{
    if (!sys)
        return;
    evm_vm_destroy(sys->vm);
    evm_journal_destroy(sys->journal);
    evm_changes_fini(&sys->changes);
    free(sys);
}

void evm_system_record(struct evm_system *sys, struct evm_bal_builder *bal, uint32_t index)
{
    sys->bal = bal;
    sys->bal_index = index;
}

static void put_access(void *self, const struct evm_jaccount *acc, const struct evm_jslot *slot)
{
    struct evm_bal_builder *bal = self;
    if (slot)
        evm_bal_put_read(bal, &acc->addr, &slot->key);
    else
        evm_bal_put_account(bal, &acc->addr);
}

/* The system gave it money, by now. */
static void record_credit(struct evm_system *sys, const struct evm_state *s,
                          const struct evm_addr *addr)
{
    struct evm_account now;
    if (!sys->bal)
        return;
    evm_state_account(s, addr, &now);
    evm_bal_put_account(sys->bal, addr);
    evm_bal_put_balance(sys->bal, sys->bal_index, addr, &now.balance);
}

enum evm_status evm_system_call(struct evm_system *sys, const struct evm_rules *rules,
                                const struct evm_block_env *env, struct evm_state *s,
                                const struct evm_block_hashes *hashes, const struct evm_addr *to,
                                struct evm_bytes input, struct evm_system_result *out)
{
    struct evm_account target;
    evm_state_account(s, to, &target);
    *out =
        (struct evm_system_result){.no_code = evm_hash_eq(&target.code_hash, &evm_empty_code_hash)};
    if (sys->bal)
        evm_bal_put_account(sys->bal, to);
    if (out->no_code)
        return EVM_OK;
    struct evm_state_view view = {s, hashes};
    struct evm_tx_env tx = {.origin = system_address};
    struct evm_msg msg = {
        .kind = EVM_CALL, .caller = system_address, .to = *to, .input = input, .gas = SYSTEM_GAS};
    struct evm_vm_result result;
    evm_journal_begin(sys->journal, rules, evm_state_view(&view));
    evm_vm_begin(sys->vm, rules, env, &tx, sys->journal, &msg);
    while (evm_vm_step(sys->vm, NULL, 0) != EVM_STEP_DONE)
        ;
    enum evm_status status = evm_vm_result(sys->vm, &result);
    if (status == EVM_OK && evm_journal_failed(sys->journal))
        status = EVM_ERR_MEMORY;
    if (status == EVM_OK)
        status = evm_journal_finish(sys->journal, &sys->changes);
    if (status == EVM_OK && sys->bal) {
        evm_journal_each_access(sys->journal, put_access, sys->bal);
        evm_bal_put_changes(sys->bal, sys->bal_index, &sys->changes);
    }
    if (status == EVM_OK)
        status = evm_state_apply(s, &sys->changes);
    out->failed = result.halt != EVM_HALT_STOP;
    if (!out->failed)
        out->output = result.output;
    return status;
}

/* ---- before the transactions ----------------------------------------------------------------- */

enum evm_status evm_block_open(struct evm_system *sys, const struct evm_chain_config *chain,
                               const struct evm_block *block, const struct evm_block_hashes *hashes,
                               struct evm_state *s)
{
    static const struct evm_hash none;
    const struct evm_header *h = &block->header;
    const struct evm_rules *rules = evm_rules_of(evm_chain_fork(chain, h->number, h->timestamp));
    struct evm_block_env env;
    struct evm_system_result ignored;
    enum evm_status status = EVM_OK;
    evm_block_env_of(chain, h, &env);
    if (chain->dao_block && h->number == chain->dao_block) {
        struct evm_addr addr;
        status = evm_dao_apply(rules, s);
        for (size_t i = 0; evm_dao_account(i, &addr); i++)
            record_credit(sys, s, &addr);
        evm_dao_refund(&addr);
        record_credit(sys, s, &addr);
    }
    if (status == EVM_OK && rules->beacon_root)
        status = evm_system_call(sys, rules, &env, s, hashes, &beacon_roots,
                                 (struct evm_bytes){h->parent_beacon_root.b, 32}, &ignored);
    if (status == EVM_OK && rules->history_contract && !evm_hash_eq(&h->parent_hash, &none))
        status = evm_system_call(sys, rules, &env, s, hashes, &history_storage,
                                 (struct evm_bytes){h->parent_hash.b, 32}, &ignored);
    return status;
}

/* ---- after them ------------------------------------------------------------------------------ */

enum evm_status evm_pay_withdrawals(const struct evm_block *block, const struct evm_rules *rules,
                                    struct evm_state *s)
{
    const struct evm_u256 gwei = evm_u256_of(1000000000);
    for (uint32_t i = 0; i < block->withdrawal_count; i++) {
        struct evm_u256 wei = evm_u256_of(block->withdrawals[i].amount);
        evm_u256_mul(&wei, &wei, &gwei);
        enum evm_status status = evm_credit(s, rules, &block->withdrawals[i].addr, &wei);
        if (status != EVM_OK)
            return status;
    }
    return EVM_OK;
}

static const struct {
    enum evm_request_type type;
    const struct evm_addr *contract;
} request_calls[] = {{EVM_REQUEST_WITHDRAWAL, &withdrawal_requests},
                     {EVM_REQUEST_CONSOLIDATION, &consolidation_requests}};

enum evm_status evm_collect_requests(struct evm_system *sys, const struct evm_chain_config *chain,
                                     const struct evm_block *block,
                                     const struct evm_block_hashes *hashes,
                                     const struct evm_receipt *receipts, uint32_t receipt_count,
                                     struct evm_state *s, struct evm_requests *out,
                                     enum evm_block_fault *fault)
{
    const struct evm_header *h = &block->header;
    const struct evm_rules *rules = evm_rules_of(evm_chain_fork(chain, h->number, h->timestamp));
    struct evm_block_env env;
    struct evm_system_result result;
    *fault = EVM_BLOCK_FINE;
    if (!rules->requests)
        return EVM_OK;
    evm_block_env_of(chain, h, &env);
    for (uint32_t i = 0; i < receipt_count; i++)
        if (!evm_requests_add_deposits(out, &chain->deposit_contract, receipts[i].logs,
                                       receipts[i].log_count))
            *fault = EVM_BLOCK_DEPOSIT_LAYOUT;
    for (size_t i = 0; i < sizeof request_calls / sizeof request_calls[0]; i++) {
        enum evm_status status = evm_system_call(
            sys, rules, &env, s, hashes, request_calls[i].contract, (struct evm_bytes){0}, &result);
        if (status != EVM_OK)
            return status;
        if (result.no_code && chain->system_contracts && *fault == EVM_BLOCK_FINE)
            *fault = EVM_BLOCK_NO_CONTRACT;
        if (result.failed && *fault == EVM_BLOCK_FINE)
            *fault = EVM_BLOCK_CONTRACT_FAILED;
        evm_buf_append(&out->of[request_calls[i].type], result.output);
    }
    for (int i = 0; i < EVM_REQUEST_COUNT; i++)
        if (out->of[i].failed)
            return EVM_ERR_MEMORY;
    return EVM_OK;
}

enum evm_status evm_pay_rewards(const struct evm_block *block, const struct evm_rules *rules,
                                const struct evm_u256 *reward, struct evm_state *s)
{
    const struct evm_u256 nephews = evm_u256_of(block->uncle_count), d32 = evm_u256_of(32);
    struct evm_u256 bonus, all;
    for (uint32_t i = 0; i < block->uncle_count; i++) {
        const struct evm_header *u = &block->uncles[i];
        struct evm_u256 part = evm_u256_of(8 + u->number - block->header.number);
        const struct evm_u256 eight = evm_u256_of(8);
        evm_u256_mul(&part, &part, reward);
        evm_u256_div(&part, &part, &eight);
        enum evm_status status = evm_credit(s, rules, &u->coinbase, &part);
        if (status != EVM_OK)
            return status;
    }
    evm_u256_div(&bonus, reward, &d32);
    evm_u256_mul(&bonus, &bonus, &nephews);
    evm_u256_add(&all, reward, &bonus);
    return evm_credit(s, rules, &block->header.coinbase, &all);
}

enum evm_status evm_block_close(struct evm_system *sys, const struct evm_chain_config *chain,
                                const struct evm_block *block,
                                const struct evm_block_hashes *hashes,
                                const struct evm_receipt *receipts, uint32_t receipt_count,
                                struct evm_state *s, struct evm_requests *requests,
                                enum evm_block_fault *fault)
{
    const struct evm_header *h = &block->header;
    const struct evm_rules *rules = evm_rules_of(evm_chain_fork(chain, h->number, h->timestamp));
    const struct evm_u256 reward = evm_u256_of(rules->block_reward);
    enum evm_status status = evm_pay_withdrawals(block, rules, s);
    for (uint32_t i = 0; i < block->withdrawal_count; i++)
        record_credit(sys, s, &block->withdrawals[i].addr);
    if (status == EVM_OK)
        status = evm_collect_requests(sys, chain, block, hashes, receipts, receipt_count, s,
                                      requests, fault);
    if (status == EVM_OK && rules->block_reward)
        status = evm_pay_rewards(block, rules, &reward, s);
    for (uint32_t i = 0; rules->block_reward && i < block->uncle_count; i++)
        record_credit(sys, s, &block->uncles[i].coinbase);
    if (rules->block_reward)
        record_credit(sys, s, &block->header.coinbase);
    return status;
}
