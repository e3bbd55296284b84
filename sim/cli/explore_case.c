/* Files that keep what an exploration found. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/io/file.h"
#include "evm/io/json.h"
#include "sim/cli/explore_block.h"
#include "sim/cli/text.h"

static void add_text(struct cli_text *t, const char *name, const char *value)
{
    cli_text_add(t, ",\n  \"%s\": ", name);
    cli_text_json(t, value);
}

enum evm_status explore_case_write(const char *path, const struct explore_case *c,
                                   struct evm_err *err)
{
    struct cli_text t = {0};
    FILE *f = fopen(path, "w");
    if (!f)
        return evm_fail(err, EVM_ERR_IO, "cannot write %.150s: %.80s", path, strerror(errno));
    cli_text_add(&t, "{\n  \"weft\": \"explored case\"");
    add_text(&t, "block", c->block);
    add_text(&t, "executor", c->executor);
    cli_text_add(&t, ",\n  \"params\": [");
    for (uint32_t i = 0; i < c->param_count; i++) {
        cli_text_add(&t, "%s", i ? ", " : "");
        cli_text_json(&t, c->params[i]);
    }
    cli_text_add(&t, "],\n  \"cores\": %u,\n  \"seed\": \"%llu\",\n  \"depth\": %u", c->cores,
                 (unsigned long long)c->seed, c->depth);
    cli_text_add(&t, ",\n  \"transactions\": [");
    for (uint32_t i = 0; i < c->count; i++)
        cli_text_add(&t, "%s%u", i ? ", " : "", c->items[i]);
    cli_text_add(&t, "]\n}\n");
    bool fine = t.text && !t.failed && fputs(t.text, f) >= 0;
    fine &= fclose(f) == 0;
    cli_text_fini(&t);
    return fine ? EVM_OK : evm_fail(err, EVM_ERR_IO, "cannot write %.200s", path);
}

static bool read_list(struct evm_jval root, struct explore_case *c)
{
    struct evm_jval list = evm_json_get(root, "transactions");
    struct evm_jval params = evm_json_get(root, "params");
    c->items = calloc(evm_json_count(list) + 1, sizeof *c->items);
    c->params = calloc(evm_json_count(params) + 1, sizeof *c->params);
    if (!c->items || !c->params)
        return false;
    for (; c->count < evm_json_count(list); c->count++) {
        uint64_t v;
        if (!evm_json_u64(evm_json_at(list, c->count), &v) || v > UINT32_MAX ||
            (c->count && v <= c->items[c->count - 1]))
            return false;
        c->items[c->count] = (uint32_t)v;
    }
    for (; c->param_count < evm_json_count(params); c->param_count++) {
        const char *text = evm_json_string(evm_json_at(params, c->param_count));
        if (!text || !(c->params[c->param_count] = strdup(text)))
            return false;
    }
    return true;
}

static enum evm_status read_case(struct evm_jval root, const char *path, struct explore_case *c,
                                 struct evm_err *err)
{
    const char *block = evm_json_string(evm_json_get(root, "block"));
    const char *executor = evm_json_string(evm_json_get(root, "executor"));
    uint64_t cores = 0, depth = 0;
    bool fine = block && executor && evm_json_u64(evm_json_get(root, "cores"), &cores) &&
                evm_json_u64(evm_json_get(root, "depth"), &depth) &&
                evm_json_u64(evm_json_get(root, "seed"), &c->seed) && c->seed >= 1 && cores >= 1 &&
                cores <= 1024 && depth <= EVM_CHAOS_DEPTH && read_list(root, c);
    if (!fine)
        return evm_fail(err, EVM_ERR_INPUT, "%.200s: not a case that weft explore wrote", path);
    c->cores = (uint32_t)cores;
    c->depth = (uint32_t)depth;
    c->block = strdup(block);
    c->executor = strdup(executor);
    return c->block && c->executor ? EVM_OK : evm_fail(err, EVM_ERR_MEMORY, "out of memory");
}

enum evm_status explore_case_read(const char *path, struct explore_case *c, bool *is_case,
                                  struct evm_err *err)
{
    struct evm_json *doc = NULL;
    struct evm_buf text = {0};
    *c = (struct explore_case){0};
    *is_case = false;
    enum evm_status st = evm_file_read(path, &text, err);
    if (st == EVM_OK)
        st = evm_json_parse(&doc, (const char *)text.data, text.size, path, err);
    evm_buf_fini(&text);
    if (st != EVM_OK)
        return st;
    struct evm_jval root = evm_json_root(doc);
    const char *mark = evm_json_string(evm_json_get(root, "weft"));
    *is_case = mark && !strcmp(mark, "explored case");
    if (*is_case)
        st = read_case(root, path, c, err);
    evm_json_destroy(doc);
    return st;
}

void explore_case_fini(struct explore_case *c)
{
    for (uint32_t i = 0; i < c->param_count; i++)
        free(c->params[i]);
    free(c->params);
    free(c->items);
    free(c->block);
    free(c->executor);
    *c = (struct explore_case){0};
}
