#include "models/world/insight.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/base/mem.h"

static void put_key(struct insight *out, const struct evm_oracle_input *in,
                    const struct evm_hot_key *from)
{
    char name[EVM_INSIGHT_NAME];
    struct insight_key *key = &out->keys[out->key_count++];
    evm_insight_key_name(in, from, name);
    snprintf(key->name, sizeof key->name, "%.95s", name);
    key->conflicts = from->conflicts;
    key->readers = from->readers;
    key->writers = from->writers;
    key->gas = from->gas;
}

static enum evm_status put_edges(struct insight *out, const struct evm_oracle_input *in,
                                 const struct evm_hot_key *keys)
{
    struct evm_conflict *edges;
    uint32_t count;
    enum evm_status st = evm_insight_graph(in, &edges, &count);
    if (st != EVM_OK || count == 0)
        return st;
    out->edges = mem_alloc(count, sizeof *out->edges);
    st = out->edges ? EVM_OK : EVM_ERR_MEMORY;
    for (uint32_t i = 0; st == EVM_OK && i < count; i++) {
        uint32_t place = evm_insight_place(keys, out->key_count, edges[i].at);
        out->edges[out->edge_count++] = (struct insight_edge){
            edges[i].reader, edges[i].writer, place == EVM_NO_TX ? -1 : (int32_t)place};
    }
    free(edges);
    return st;
}

static enum evm_status put_points(struct insight *out, const struct evm_oracle_input *in,
                                  const struct evm_block_result *result, uint32_t cores)
{
    enum evm_status st = EVM_OK;
    bool own = false;
    for (uint32_t n = 1; st == EVM_OK && (n <= 64 || !own);) {
        uint32_t i = out->point_count++;
        bool here = !own && (cores <= n || n > 64);
        uint32_t at = here ? cores : n;
        out->cores[i] = at;
        out->makespan[i] = at == cores ? result->makespan_ns : -1;
        st = evm_oracle_block(in, result->serial_ns, at, &out->oracle[i]);
        own = own || here;
        if (at == n || n > 64)
            n *= 2;
    }
    return st;
}

enum evm_status insight_make(struct insight *out, const struct evm_block_result *result,
                             const struct evm_tx *const *txs, const struct evm_addr *beneficiary,
                             uint32_t cores, bool deep)
{
    const struct evm_oracle_input in = {&result->sets, txs, beneficiary};
    struct evm_hot_key keys[INSIGHT_KEYS];
    uint32_t count;
    *out = (struct insight){.key_count = 0};
    enum evm_status st = evm_insight_hottest(&in, keys, INSIGHT_KEYS, &count);
    for (uint32_t i = 0; st == EVM_OK && i < count; i++)
        put_key(out, &in, &keys[i]);
    if (st == EVM_OK && deep)
        st = put_edges(out, &in, keys);
    if (st == EVM_OK && deep)
        st = put_points(out, &in, result, cores);
    return st;
}

void insight_fini(struct insight *i)
{
    mem_free(i->edges);
    *i = (struct insight){.key_count = 0};
}
