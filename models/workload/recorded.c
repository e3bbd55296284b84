/* recorded: the transactions of blocks exported from a real node, sent again in their order.
 *
 * A recorded block brings the part of the state that it reads. The state before the first block is
 * put together from all of them: the blocks are executed one after another, and what a block's
 * pre-state holds that the execution so far does not explain must have been there from the start.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evm/io/recorded.h"
#include "evm/parallel/transition.h"
#include "models/workload/arrivals.h"
#include "models/workload/workload.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define WORKLOAD_RECORDED_FIELDS(F, S)                                                             \
    WORKLOAD_COMMON_FIELDS(F, S)                                                                   \
    F(S, PATH, source, NULL, NULL, NULL,                                                           \
      "A recorded block (JSON, gzip or plain), or a folder of "                                    \
      "blocks that follow one another.")                                                           \
    F(S, COUNT, blocks, "unlimited", "1", "unlimited", "Takes this many, from the lowest number.") \
    WORKLOAD_ARRIVAL_FIELDS(F, S)
FIELD_DECLARE(workload_recorded_cfg, WORKLOAD_RECORDED_FIELDS);
FIELD_DEFINE(workload_recorded_cfg, WORKLOAD_RECORDED_FIELDS, "Settings of recorded.", NULL);

struct recorded {
    const struct workload_recorded_cfg *cfg;
    struct arrivals arrivals;
    struct evm_codes *codes;
    struct vec blocks; /* struct evm_recorded, by number */
    size_t block;      /* where next() is */
    uint32_t tx, sent;
};

/* --- reading ---------------------------------------------------------------------------------- */

static enum err_code load_file(struct recorded *r, const char *path, struct err *err)
{
    struct evm_recorded block;
    struct evm_err why = {0};
    enum evm_status status = evm_recorded_load(path, r->codes, &block, &why);
    if (status == EVM_OK && vec_push(&r->blocks, &block) == ERR_OK)
        return ERR_OK;
    evm_recorded_fini(&block);
    if (status == EVM_ERR_INPUT || status == EVM_ERR_IO)
        return err_set(err, ERR_INPUT, "%s", why.text);
    return err_set(err, ERR_MEMORY, "out of memory for recorded blocks");
}

static bool is_block_file(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && ((n > 5 && strcmp(name + n - 5, ".json") == 0) ||
                              (n > 8 && strcmp(name + n - 8, ".json.gz") == 0));
}

static enum err_code load_folder(struct recorded *r, DIR *dir, struct err *err)
{
    enum err_code code = ERR_OK;
    const struct dirent *e;
    while (code == ERR_OK && (e = readdir(dir))) {
        if (!is_block_file(e->d_name))
            continue;
        size_t size = strlen(r->cfg->source) + strlen(e->d_name) + 2;
        char *path = mem_alloc(size, 1);
        if (!path)
            return err_set(err, ERR_MEMORY, "out of memory for recorded blocks");
        memcpy(path, r->cfg->source, strlen(r->cfg->source));
        path[strlen(r->cfg->source)] = '/';
        memcpy(path + strlen(r->cfg->source) + 1, e->d_name, strlen(e->d_name) + 1);
        code = load_file(r, path, err);
        mem_free(path);
    }
    return code;
}

static const struct evm_recorded *block_at(const struct recorded *r, size_t i)
{
    return (const struct evm_recorded *)r->blocks.data + i;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct evm_recorded *)a)->block.header.number;
    uint64_t y = ((const struct evm_recorded *)b)->block.header.number;
    return (x > y) - (x < y);
}

/* Folders list their files in any order. */
static void sort_and_cut(struct recorded *r)
{
    if (r->blocks.len)
        qsort(r->blocks.data, r->blocks.len, r->blocks.elem, by_number);
    for (; r->blocks.len > r->cfg->blocks; r->blocks.len--)
        evm_recorded_fini(vec_at(&r->blocks, r->blocks.len - 1));
}

static enum err_code check_blocks(const struct recorded *r, uint64_t chain_id, struct err *err)
{
    if (!r->blocks.len)
        return err_set(err, ERR_INPUT, "%s: no recorded block (*.json, *.json.gz) in it",
                       r->cfg->source);
    for (size_t i = 0; i < r->blocks.len; i++) {
        const struct evm_recorded *b = block_at(r, i);
        unsigned long long number = b->block.header.number;
        if (i && number != block_at(r, i - 1)->block.header.number + 1)
            return err_set(
                err, ERR_INPUT,
                "%s: block %llu follows block %llu; the blocks of a workload must follow "
                "one another",
                r->cfg->source, number,
                (unsigned long long)block_at(r, i - 1)->block.header.number);
        if (b->chain.chain_id != chain_id)
            return err_set(err, ERR_INPUT,
                           "%s: block %llu is of chain %llu; write `chain_id: %llu` at top level",
                           r->cfg->source, number, (unsigned long long)b->chain.chain_id,
                           (unsigned long long)b->chain.chain_id);
    }
    return ERR_OK;
}

static enum err_code init(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err)
{
    struct recorded *r = state;
    r->cfg = cfg;
    vec_init(&r->blocks, sizeof(struct evm_recorded));
    struct arrivals_settings when = ARRIVALS_SETTINGS(r->cfg);
    arrivals_init(&r->arrivals, &when, env->start, env->end, env->seed, env->instance);
    if (!(r->codes = evm_codes_create()))
        return err_set(err, ERR_MEMORY, "out of memory for recorded blocks");
    DIR *dir = opendir(r->cfg->source);
    enum err_code code = dir ? load_folder(r, dir, err) : load_file(r, r->cfg->source, err);
    if (dir)
        closedir(dir);
    sort_and_cut(r);
    return code == ERR_OK ? check_blocks(r, env->chain_id, err) : code;
}

/* --- the state before ------------------------------------------------------------------------- */

/* Compares a pre-state with the world as executed so far. */
struct gather {
    struct genesis *g;
    struct evm_codes *codes;
    const struct evm_state *world;
    struct evm_changes *missing; /* what the world must have had */
    struct err *err;
    enum err_code code;
};

static enum err_code add_account(struct gather *c, const struct evm_addr *addr,
                                 const struct evm_account *acc)
{
    const struct evm_code *code = evm_codes_find(c->codes, &acc->code_hash);
    struct evm_account_change *change = &c->missing->accounts[c->missing->account_count++];
    *change = (struct evm_account_change){.addr = *addr,
                                          .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE |
                                                   EVM_WROTE_CODE | EVM_WROTE_CREATED,
                                          .nonce = acc->nonce,
                                          .balance = acc->balance,
                                          .code = code,
                                          .first_slot = c->missing->slot_count};
    enum err_code status = genesis_fund(c->g, addr, &acc->balance, c->err);
    if (status == ERR_OK && acc->nonce)
        status = genesis_nonce(c->g, addr, acc->nonce, c->err);
    if (status == ERR_OK && code && code->size)
        status = genesis_code(c->g, addr, (struct evm_bytes){code->bytes, code->size}, c->err);
    return status;
}

static void on_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct gather *c = self;
    struct evm_account known;
    if (c->code != ERR_OK)
        return;
    if (evm_changes_reserve(c->missing, 1, 0) != EVM_OK) {
        c->code = err_set(c->err, ERR_MEMORY, "out of memory for a recorded state");
        return;
    }
    evm_state_account(c->world, addr, &known);
    if (!known.exists)
        c->code = add_account(c, addr, acc);
    else /* perhaps slots will follow */
        c->missing->accounts[c->missing->account_count++] =
            (struct evm_account_change){.addr = *addr, .first_slot = c->missing->slot_count};
}

static void on_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                    const struct evm_u256 *value)
{
    struct gather *c = self;
    struct evm_u256 known;
    if (c->code != ERR_OK)
        return;
    evm_state_slot(c->world, addr, key, &known);
    if (!memcmp(&known, value, sizeof known))
        return;
    if (evm_changes_reserve(c->missing, 0, 1) != EVM_OK) {
        c->code = err_set(c->err, ERR_MEMORY, "out of memory for a recorded state");
        return;
    }
    c->missing->accounts[c->missing->account_count - 1].slot_count++;
    c->missing->slots[c->missing->slot_count++] = (struct evm_slot_change){*key, *value};
    c->code = genesis_store(c->g, addr, key, value, c->err);
}

/* *world becomes the state after the block. */
static enum err_code add_block(struct recorded *r, struct genesis *g, size_t i,
                               struct evm_state **world, struct err *err)
{
    const struct evm_recorded *b = block_at(r, i);
    struct evm_changes missing;
    struct evm_block_result result = {0};
    struct evm_state *before = evm_state_fork(*world), *after = NULL;
    struct evm_err why = {0};
    evm_changes_init(&missing);
    struct gather c = {g, r->codes, *world, &missing, err, ERR_OK};
    bool ok = before && evm_state_each(b->pre, on_account, on_slot, &c) == EVM_OK;
    ok = ok && c.code == ERR_OK && evm_state_apply(before, &missing) == EVM_OK;
    evm_changes_fini(&missing);
    if (ok) {
        evm_state_seal(before);
        struct evm_exec_config config = {.executor = evm_executor_find("serial"), .cores = 1};
        struct evm_transition_input in = {
            .chain = &b->chain, .block = &b->block, .parent = before, .hashes = &b->hashes};
        enum evm_status status = evm_block_transition(&config, &in, &result, &after, &why);
        if (status != EVM_OK || !after)
            c.code =
                err_set(err, status == EVM_ERR_MEMORY ? ERR_MEMORY : ERR_INPUT,
                        "%s: block %llu cannot be executed: %s", r->cfg->source,
                        (unsigned long long)b->block.header.number,
                        status != EVM_OK                 ? why.text
                        : result.fault != EVM_BLOCK_FINE ? evm_block_fault_name(result.fault)
                                                         : evm_tx_invalid_name(result.invalid));
        evm_block_result_fini(&result);
    } else if (c.code == ERR_OK)
        c.code = err_set(err, ERR_MEMORY, "out of memory for a recorded state");
    evm_state_unref(before);
    if (after) {
        evm_state_unref(*world);
        *world = after;
    }
    return c.code;
}

static enum err_code genesis(void *state, struct genesis *g, struct err *err)
{
    struct recorded *r = state;
    struct evm_state *world = evm_state_create(r->codes);
    enum err_code code = ERR_OK;
    if (!world)
        return err_set(err, ERR_MEMORY, "out of memory for a recorded state");
    evm_state_seal(world);
    for (size_t i = 0; i < r->blocks.len && code == ERR_OK; i++)
        code = add_block(r, g, i, &world, err);
    evm_state_unref(world);
    return code;
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool next(void *state, struct workload_tx *out)
{
    struct recorded *r = state;
    while (r->block < r->blocks.len && r->tx == block_at(r, r->block)->block.tx_count) {
        r->block++;
        r->tx = 0;
    }
    if (r->block == r->blocks.len || !arrivals_next(&r->arrivals, &out->at))
        return false;
    const struct evm_tx *tx = block_at(r, r->block)->block.txs[r->tx++];
    out->tx.raw = tx->raw;
    out->from = tx->sender;
    out->sender = r->sent++;
    out->recipient = UINT32_MAX;
    out->entry = NODE_NONE;
    return true;
}

static void fini(void *state)
{
    struct recorded *r = state;
    for (size_t i = 0; i < r->blocks.len; i++)
        evm_recorded_fini(vec_at(&r->blocks, i));
    vec_fini(&r->blocks);
    evm_codes_destroy(r->codes);
    r->codes = NULL;
}

const struct workload_ops workload_recorded = {
    .model = {"recorded", "Transactions of blocks that a real node has exported.",
              &workload_recorded_cfg_table},
    .state_size = sizeof(struct recorded),
    .init = init,
    .genesis = genesis,
    .next = next,
    .fini = fini,
};
