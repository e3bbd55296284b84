#include "sim/cli/explore_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/block/system.h"
#include "evm/parallel/compare.h"
#include "sim/cli/cli.h"

/* ---- the block --------------------------------------------------------------------------------
 */

/* TRANSACTIONS or TRANSACTIONS:SEED at *at, of a recipe `text`. */
static enum evm_status read_numbers(const char *text, const char *at, struct recipe_params *params,
                                    struct evm_err *err)
{
    uint64_t txs;
    const char *from = at;
    bool fits = cli_digits(&at, &txs) && txs >= 1 && txs <= RECIPE_MOST;
    bool fine = at > from && (*at == 0 || *at == ':');
    if (fine && !fits)
        return evm_fail(err, EVM_ERR_INPUT,
                        "recipe:%.80s: transactions: %.*s is out of range; valid is 1 to %d", text,
                        (int)(at - from > 40 ? 40 : at - from), from, RECIPE_MOST);
    params->txs = (uint32_t)txs;
    if (fine && *at == ':') {
        from = ++at;
        fits = cli_digits(&at, &params->seed);
        fine = at > from && *at == 0;
    }
    if (!fine)
        return evm_fail(err, EVM_ERR_INPUT, "recipe:%.120s is not recipe:NAME:TRANSACTIONS:SEED",
                        text);
    return fits ? EVM_OK
                : evm_fail(err, EVM_ERR_INPUT, "recipe:%.80s: the seed is beyond 64 bits", text);
}

/* recipe:NAME, recipe:NAME:TRANSACTIONS or recipe:NAME:TRANSACTIONS:SEED. */
static enum evm_status make_recipe(struct explore_block *b, const char *text, struct evm_err *err)
{
    char name[64];
    size_t size = strcspn(text, ":");
    struct recipe_params params = recipe_params_default();
    struct err inner = {0};
    snprintf(name, sizeof name, "%.*s", (int)(size < 63 ? size : 63), text);
    const struct recipe *recipe = recipe_find(name);
    if (!recipe)
        return evm_fail(err, EVM_ERR_INPUT,
                        "no recipe is called '%.40s' (weft bench parallel --list)", name);
    params.txs = 200;
    enum evm_status st = text[size] ? read_numbers(text, text + size + 1, &params, err) : EVM_OK;
    if (st != EVM_OK)
        return st;
    if (recipe_make(recipe, &params, b->codes, &b->recipe, &inner) != ERR_OK)
        return evm_fail(err, EVM_ERR_INPUT, "recipe:%s: %.200s", text, inner.text);
    b->input = recipe_input(&b->recipe);
    return EVM_OK;
}

/* The state that the transactions meet: the system's calls come before them. */
static enum evm_status load_recorded(struct explore_block *b, const char *path, struct evm_err *err)
{
    struct evm_recorded *r = &b->recorded;
    enum evm_status st = evm_recorded_load(path, b->codes, r, err);
    if (st != EVM_OK)
        return st;
    const struct evm_header *h = &r->block.header;
    struct evm_system *sys = evm_system_create(b->codes);
    b->pre = evm_state_fork(r->pre);
    st = sys && b->pre ? evm_block_open(sys, &r->chain, &r->block, &r->hashes, b->pre)
                       : EVM_ERR_MEMORY;
    evm_system_destroy(sys);
    if (st != EVM_OK)
        return evm_fail(err, st, "%s: out of memory", path);
    evm_state_seal(b->pre);
    evm_block_env_of(&r->chain, h, &b->env);
    b->input = (struct evm_block_input){
        .rules = evm_rules_of(evm_chain_fork(&r->chain, h->number, h->timestamp)),
        .env = &b->env,
        .txs = r->block.txs,
        .tx_count = r->block.tx_count,
        .pre = b->pre,
        .hashes = &r->hashes};
    return EVM_OK;
}

enum evm_status explore_block_load(struct explore_block *b, const char *name, struct evm_err *err)
{
    *b = (struct explore_block){.name = name};
    b->codes = evm_codes_create();
    b->pool = evm_exec_pool_create();
    if (!b->codes || !b->pool)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    bool recipe = strncmp(name, "recipe:", 7) == 0;
    enum evm_status st = recipe ? make_recipe(b, name + 7, err) : load_recorded(b, name, err);
    if (st != EVM_OK)
        return st;
    b->input.invalid_policy = EVM_INVALID_IS_SKIPPED;
    b->part = calloc(b->input.tx_count + 1u, sizeof *b->part);
    b->items = calloc(b->input.tx_count + 1u, sizeof *b->items);
    b->told = calloc(b->input.tx_count + 1u, sizeof *b->told);
    if (!b->part || !b->items || !b->told)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < b->input.tx_count; i++)
        evm_changes_init(&b->told[i]);
    return EVM_OK;
}

void explore_block_fini(struct explore_block *b)
{
    evm_block_result_fini(&b->serial);
    for (uint32_t i = 0; b->told && i < b->input.tx_count; i++)
        evm_changes_fini(&b->told[i]);
    evm_exec_pool_destroy(b->pool);
    evm_state_unref(b->pre);
    evm_recorded_fini(&b->recorded);
    recipe_block_fini(&b->recipe);
    evm_codes_destroy(b->codes);
    free(b->part);
    free(b->items);
    free(b->told);
    *b = (struct explore_block){0};
}

/* ---- running ----------------------------------------------------------------------------------
 */

static struct evm_block_input part_of(struct explore_block *b, const uint32_t *items,
                                      uint32_t count)
{
    struct evm_block_input in = b->input;
    for (uint32_t i = 0; i < count; i++)
        b->part[i] = b->input.txs[items[i]];
    in.txs = b->part;
    in.tx_count = count;
    return in;
}

static struct evm_exec_config serial_config(const struct explore_block *b)
{
    return (struct evm_exec_config){.executor = evm_executor_find("serial"),
                                    .driver = EVM_DRIVER_THREADS,
                                    .cores = 1,
                                    .pool = b->pool};
}

/* What serial order gives for that part; kept until another part is asked for. */
static enum evm_status run_serial(struct explore_block *b, const struct evm_block_input *in,
                                  const uint32_t *items)
{
    if (b->has_serial && b->item_count == in->tx_count &&
        !memcmp(b->items, items, in->tx_count * sizeof *items))
        return EVM_OK;
    const struct evm_exec_config config = serial_config(b);
    evm_block_result_fini(&b->serial);
    b->has_serial = false;
    enum evm_status st = evm_execute(&config, in, &b->serial, NULL);
    memmove(b->items, items, in->tx_count * sizeof *items);
    b->item_count = in->tx_count;
    b->has_serial = st == EVM_OK;
    return st;
}

static enum evm_status keep_told(void *self, uint32_t tx, const struct evm_changes *changes)
{
    struct explore_block *b = self;
    return evm_changes_copy(&b->told[tx], changes);
}

struct teller {
    struct explore_block *b;
    const struct evm_exec_chaos *chaos;
    struct evm_explored_run *out;
};

static enum evm_status compare_told(void *self, uint32_t tx, const struct evm_changes *changes)
{
    struct teller *t = self;
    struct evm_block_result got = {.changes = *changes}, want = {.changes = t->b->told[tx]};
    if (t->out->tx == EVM_NO_TX && evm_block_result_compare(&want, &got, NULL) != EVM_OK) {
        t->out->tx = tx;
        t->out->step = t->chaos->step;
    }
    return EVM_OK;
}

/* Looks once more, commit by commit, for the first transaction that did something else. */
static enum evm_status look_closer(struct explore_block *b, const struct evm_exec_config *config,
                                   struct evm_block_input in, struct evm_explored_run *out)
{
    struct evm_exec_config serial = serial_config(b);
    struct teller teller = {b, config->chaos, out};
    struct evm_block_result r;
    for (uint32_t i = 0; i < in.tx_count; i++)
        evm_changes_clear(&b->told[i]);
    in.committed = keep_told;
    in.committed_self = b;
    enum evm_status st = evm_execute(&serial, &in, &r, NULL);
    evm_block_result_fini(&r);
    if (st != EVM_OK)
        return st;
    in.committed = compare_told;
    in.committed_self = &teller;
    st = evm_execute(config, &in, &r, NULL);
    evm_block_result_fini(&r);
    return st;
}

static enum evm_status run(void *self, const struct evm_explore_at *at,
                           struct evm_exec_chaos *chaos, const uint32_t *items, uint32_t count,
                           struct evm_explored_run *out)
{
    struct explore_block *b = self;
    struct evm_block_result r;
    struct evm_err err = {0};
    struct evm_block_input in = part_of(b, items, count);
    const struct evm_exec_config config = {.executor = at->executor,
                                           .driver = EVM_DRIVER_VIRTUAL,
                                           .cores = at->cores,
                                           .seed = at->seed,
                                           .profile = evm_profile_at(0),
                                           .params = b->params,
                                           .chaos = chaos,
                                           .pool = b->pool};
    *out = (struct evm_explored_run){.tx = EVM_NO_TX};
    enum evm_status st = run_serial(b, &in, items);
    if (st != EVM_OK)
        return st;
    st = evm_execute(&config, &in, &r, &err);
    out->step = chaos->step;
    b->runs++;
    b->aborts += r.aborts;
    if (st == EVM_ERR_LIMIT) {
        out->verdict = EVM_EXPLORED_STALLED;
        st = EVM_OK;
    } else if (st == EVM_OK) {
        st = evm_block_result_compare(&b->serial, &r, &err);
        if (st == EVM_ERR_INPUT) {
            out->verdict = EVM_EXPLORED_DIFFERS;
            st = look_closer(b, &config, in, out);
        }
    }
    snprintf(out->text, sizeof out->text, "%.190s", err.text);
    evm_block_result_fini(&r);
    return st;
}

struct evm_explore_subject explore_block_subject(struct explore_block *b)
{
    return (struct evm_explore_subject){b, run};
}
