#include "evm/parallel/transition.h"

static enum evm_status run(const struct evm_exec_config *config,
                           const struct evm_transition_input *in, struct evm_system *sys,
                           struct evm_bal_builder *bal, struct evm_state *s,
                           struct evm_block_result *result, struct evm_err *err)
{
    const struct evm_header *h = &in->block->header;
    struct evm_block_env env;
    evm_block_env_of(in->chain, h, &env);
    const struct evm_block_input input = {
        .rules = evm_rules_of(evm_chain_fork(in->chain, h->number, h->timestamp)),
        .env = &env,
        .txs = in->block->txs,
        .tx_count = in->block->tx_count,
        .pre = s,
        .hashes = in->hashes,
        .invalid_policy = in->invalid_policy,
        .history = in->history,
        .sets = in->sets,
        .ahead = in->ahead,
        .bal = bal};
    evm_system_record(sys, bal, 0);
    enum evm_status status = evm_block_open(sys, in->chain, in->block, in->hashes, s);
    if (status == EVM_OK) {
        status = evm_execute(config, &input, result, err);
        if (status != EVM_OK || result->invalid != EVM_TX_VALID)
            return status;
        status = evm_state_apply(s, &result->changes);
    }
    evm_system_record(sys, bal, in->block->tx_count + 1);
    if (status == EVM_OK)
        status = evm_block_close(sys, in->chain, in->block, in->hashes, result->receipts,
                                 result->receipt_count, s, &result->requests, &result->fault);
    if (status != EVM_OK)
        return evm_fail(err, status, "block %llu: out of memory", (unsigned long long)h->number);
    return EVM_OK;
}

/* With the list of everything from the parent's state on. */
static enum evm_status run_listed(const struct evm_exec_config *config,
                                  const struct evm_transition_input *in, struct evm_system *sys,
                                  struct evm_state *s, struct evm_block_result *result,
                                  struct evm_err *err)
{
    struct evm_bal_builder builder = {0};
    struct evm_state_view before = {in->parent, in->hashes};
    struct evm_exec_config parts = *config;
    parts.keep_bal = false;
    enum evm_status status = run(&parts, in, sys, &builder, s, result, err);
    if (status == EVM_OK && result->invalid == EVM_TX_VALID) {
        status = evm_bal_finish(&builder, evm_state_view(&before), &result->bal);
        if (status != EVM_OK)
            evm_fail(err, status, "out of memory for a block access list");
    }
    evm_bal_builder_fini(&builder);
    return status;
}

enum evm_status evm_block_transition(const struct evm_exec_config *config,
                                     const struct evm_transition_input *in,
                                     struct evm_block_result *result, struct evm_state **post,
                                     struct evm_err *err)
{
    struct evm_system *sys = evm_system_create(evm_state_codes(in->parent));
    struct evm_state *s = evm_state_fork(in->parent);
    enum evm_status status = EVM_ERR_MEMORY;
    *result = (struct evm_block_result){0};
    *post = NULL;
    if (sys && s)
        status = config->keep_bal ? run_listed(config, in, sys, s, result, err)
                                  : run(config, in, sys, NULL, s, result, err);
    else
        evm_fail(err, status, "out of memory");
    evm_system_destroy(sys);
    if (status != EVM_OK || result->invalid != EVM_TX_VALID || result->fault != EVM_BLOCK_FINE) {
        evm_state_unref(s);
        return status;
    }
    evm_state_seal(s);
    *post = s;
    return EVM_OK;
}
