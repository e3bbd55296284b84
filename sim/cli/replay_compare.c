/* A replayed block against its header. */
#include <string.h>

#include "sim/cli/replay.h"

bool replay_matches(const struct replay_comparison *c)
{
    return c->valid && c->gas && c->logs_bloom && c->blob_gas && c->requests &&
           (c->receipts || !c->judges_receipts);
}

enum evm_status replay_compare(struct replay_comparison *out, const struct evm_recorded *recorded,
                               const struct evm_block_result *result)
{
    const struct evm_header *h = &recorded->block.header;
    enum evm_fork fork = evm_chain_fork(&recorded->chain, h->number, h->timestamp);
    struct replay_comparison *c = out;
    *c = (struct replay_comparison){.judges_receipts = evm_rules_of(fork)->receipt_status};
    c->valid = result->invalid == EVM_TX_VALID && result->fault == EVM_BLOCK_FINE;
    enum evm_status status =
        evm_receipts_root(result->receipts, result->receipt_count, &c->receipts_root);
    if (status == EVM_OK)
        status = evm_requests_hash(&result->requests, &c->requests_hash);
    evm_receipts_bloom(result->receipts, result->receipt_count, &c->bloom);
    c->gas = result->gas_used == h->gas_used;
    c->blob_gas = result->blob_gas_used == h->blob_gas_used;
    c->requests = !h->has_requests_hash || evm_hash_eq(&c->requests_hash, &h->requests_hash);
    c->receipts = evm_hash_eq(&c->receipts_root, &h->receipts_root);
    c->logs_bloom = !memcmp(&c->bloom, &h->bloom, sizeof c->bloom);
    return status;
}

struct evm_oracle_input replay_known(const struct replay_case *c)
{
    const struct evm_block *b = &c->recorded->block;
    return (struct evm_oracle_input){&c->result->sets, b->txs, &b->header.coinbase};
}

void replay_sum(struct replay_sums *sums, const struct replay_case *c)
{
    const struct evm_block_result *r = c->result;
    sums->blocks++;
    sums->cores = c->config->cores;
    sums->serial_ns += r->serial_ns;
    sums->makespan_ns += r->makespan_ns;
    sums->oracle_ns += r->oracle_ns;
    sums->busy_ns += r->busy_ns;
    sums->core_ns += r->makespan_ns * c->config->cores;
    sums->txs += c->recorded->block.tx_count;
    sums->executions += r->executions;
    sums->aborts += r->aborts;
    sums->ahead_hits += r->ahead_hits;
    sums->ahead_misses += r->ahead_misses;
    sums->ahead_ns += r->ahead_ns;
    sums->validations += r->validations;
    sums->useful_gas += r->gas_used;
    sums->wasted_gas += r->wasted_gas;
}
