/* The graph of conflicts, as GraphML or DOT. Names of locations are made of letters, digits and a
 * few signs that neither format treats as its own (insight_names.def has no others). */
#include <stdlib.h>
#include <string.h>

#include "sim/cli/replay.h"

static const char *const kinds[EVM_MV_FIELDS + 1] = {"balance",   "nonce",   "code",
                                                     "existence", "storage", "slot"};

bool replay_graph_is_dot(const char *path)
{
    const char *end = strrchr(path, '.');
    return end && (!strcmp(end, ".dot") || !strcmp(end, ".gv"));
}

void replay_graph_begin(FILE *out, bool dot)
{
    if (!dot)
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
              "  <key id=\"gas\" for=\"node\" attr.name=\"gas\" attr.type=\"long\"/>\n"
              "  <key id=\"sender\" for=\"node\" attr.name=\"sender\" attr.type=\"string\"/>\n"
              "  <key id=\"recipient\" for=\"node\" attr.name=\"recipient\" "
              "attr.type=\"string\"/>\n"
              "  <key id=\"location\" for=\"edge\" attr.name=\"location\" attr.type=\"string\"/>\n"
              "  <key id=\"kind\" for=\"edge\" attr.name=\"kind\" attr.type=\"string\"/>\n",
              out);
}

void replay_graph_end(FILE *out, bool dot)
{
    if (!dot)
        fputs("</graphml>\n", out);
}

static void put_nodes(FILE *out, bool dot, const struct replay_case *c)
{
    const struct evm_block *b = &c->recorded->block;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        char sender[EVM_INSIGHT_NAME], to[EVM_INSIGHT_NAME] = "creation";
        unsigned long long gas = c->result->sets.gas_used[i];
        evm_insight_account_name(&b->txs[i]->sender, sender);
        if (!b->txs[i]->is_create)
            evm_insight_account_name(&b->txs[i]->to, to);
        fprintf(out,
                dot ? "  t%u [label=\"%u\", gas=%llu, sender=\"%s\", recipient=\"%s\"];\n"
                    : "    <node id=\"t%u\"><!-- transaction %u --><data key=\"gas\">%llu</data>"
                      "<data key=\"sender\">%s</data><data key=\"recipient\">%s</data></node>\n",
                i, i, gas, sender, to);
    }
}

static void put_edges(FILE *out, bool dot, const struct evm_oracle_input *in,
                      const struct evm_conflict *edges, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct evm_access *a = edges[i].at;
        const struct evm_hot_key at = {
            .addr = a->addr, .key = a->key, .kind = a->kind, .first_tx = edges[i].writer};
        char name[EVM_INSIGHT_NAME];
        evm_insight_key_name(in, &at, name);
        fprintf(out,
                dot ? "  t%u -> t%u [location=\"%s\", kind=%s];\n"
                    : "    <edge source=\"t%u\" target=\"t%u\"><data key=\"location\">%s</data>"
                      "<data key=\"kind\">%s</data></edge>\n",
                edges[i].writer, edges[i].reader, name, kinds[a->kind]);
    }
}

enum evm_status replay_graph_add(FILE *out, bool dot, const struct replay_case *c)
{
    const struct evm_oracle_input in = replay_known(c);
    struct evm_conflict *edges;
    uint32_t count;
    enum evm_status st = evm_insight_graph(&in, &edges, &count);
    if (st != EVM_OK)
        return st;
    fprintf(out,
            dot ? "digraph block_%llu {\n"
                : "  <graph id=\"block_%llu\" edgedefault=\"directed\">\n",
            (unsigned long long)c->recorded->block.header.number);
    put_nodes(out, dot, c);
    put_edges(out, dot, &in, edges, count);
    fputs(dot ? "}\n" : "  </graph>\n", out);
    free(edges);
    return EVM_OK;
}
