#include "models/workload/recipes_internal.h"

#include "sim/base/mem.h"

/* ---- the registry ---------------------------------------------------------------------------- */

const struct recipe *recipe_at(size_t i)
{
    if (i < recipes_pevm_count)
        return &recipes_pevm[i];
    i -= recipes_pevm_count;
    if (i < recipes_grevm_count)
        return &recipes_grevm[i];
    i -= recipes_grevm_count;
    return i < recipes_mainnet_count ? &recipes_mainnet[i] : NULL;
}

const struct recipe *recipe_find(const char *name)
{
    const struct recipe *r;
    for (size_t i = 0; (r = recipe_at(i)); i++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

const char *recipe_name(const struct recipe *r)
{
    return r->name;
}

const char *recipe_doc(const struct recipe *r)
{
    return r->doc;
}

struct recipe_params recipe_params_default(void)
{
    return (struct recipe_params){.txs = 2000, .seed = 1, .hot = 30};
}

/* ---- making ---------------------------------------------------------------------------------- */

void recipe_block_fini(struct recipe_block *b)
{
    evm_state_unref(b->pre);
    mem_free(b->txs);
    mem_free(b->list);
    mem_free(b->inputs);
    *b = (struct recipe_block){0};
}

struct evm_block_input recipe_input(const struct recipe_block *b)
{
    return (struct evm_block_input){
        .rules = b->rules, .env = &b->env, .txs = b->list, .tx_count = b->tx_count, .pre = b->pre};
}

static uint32_t crowd_of(const struct recipe *r, const struct recipe_params *p, uint32_t n)
{
    uint64_t drawn = r->published_accounts;
    if (p->accounts || !r->published)
        return p->accounts;
    drawn = drawn * n / r->published;
    return drawn < 20 ? 20 : (uint32_t)drawn;
}

static bool allocate(struct recipe_build *b, struct recipe_block *out)
{
    *out = (struct recipe_block){.rules = evm_rules_of(EVM_CANCUN),
                                 .env = {.number = 1,
                                         .timestamp = 1700000000,
                                         .gas_limit = UINT64_C(1) << 50,
                                         .chain_id = 1},
                                 .pre = evm_state_create(b->codes),
                                 .txs = mem_alloc(b->n, sizeof *out->txs),
                                 .list = mem_alloc(b->n, sizeof(*out->list)),
                                 .inputs = mem_zalloc(b->n, RECIPE_INPUT)};
    b->run = evm_txrun_create(b->codes);
    return out->pre && out->txs && out->list && out->inputs && b->run;
}

/* A block of n transactions. */
static enum err_code make(const struct recipe *r, const struct recipe_params *params, uint32_t n,
                          struct evm_codes *codes, struct recipe_block *out, struct err *err)
{
    struct recipe_build b = {.params = params,
                             .n = n,
                             .gas = params->txs ? 0 : params->gas,
                             .crowd = crowd_of(r, params, n),
                             .out = out,
                             .codes = codes};
    sim_stream_init(&b.rng, params->seed, 0, sim_purpose(r->name));
    if (!allocate(&b, out))
        b.status = ERR_MEMORY;
    else
        r->make(&b);
    evm_txrun_destroy(b.run);
    mem_free(b.nonces);
    if (b.status == ERR_MEMORY)
        return err_set(err, b.status, "out of memory for the block \"%s\" of %u transactions",
                       r->name, n);
    if (b.status != ERR_OK)
        return err_set(err, b.status, "the block \"%s\" cannot be made", r->name);
    for (uint32_t i = 0; i < out->tx_count; i++)
        out->list[i] = &out->txs[i];
    evm_state_seal(out->pre);
    return ERR_OK;
}

/* Executes it serially: its gas goes to *gas. */
static enum err_code measure(const struct recipe_block *b, uint64_t *gas, struct err *err)
{
    const struct evm_exec_config config = {
        .executor = evm_executor_find("serial"), .driver = EVM_DRIVER_THREADS, .cores = 1};
    const struct evm_block_input in = recipe_input(b);
    struct evm_block_result r;
    struct evm_err why = {0};
    enum err_code code = ERR_OK;
    enum evm_status st = evm_execute(&config, &in, &r, &why);
    if (st != EVM_OK)
        code = err_set(err, st == EVM_ERR_MEMORY ? ERR_MEMORY : ERR_INPUT, "%s", why.text);
    else if (r.invalid != EVM_TX_VALID)
        code = err_set(err, ERR_INPUT, "transaction %u: %s", r.invalid_tx,
                       evm_tx_invalid_name(r.invalid));
    *gas = r.gas_used;
    evm_block_result_fini(&r);
    return code;
}

/* Sizes tried so far: the largest that uses too little gas, the smallest that uses too much (0:
 * none yet). */
struct bracket {
    double low, low_gas, high, high_gas;
};

/* The next size to try: on the line through both ends, or in proportion while there is but one. */
static double next_size(struct bracket *b, double n, double gas, double target)
{
    if (gas < target) {
        b->low = n;
        b->low_gas = gas;
    } else {
        b->high = n;
        b->high_gas = gas;
    }
    if (b->high == 0 || b->low == 0)
        return n * target / gas + 0.5;
    return b->low + (b->high - b->low) * (target - b->low_gas) / (b->high_gas - b->low_gas) + 0.5;
}

/* From a small block's gas to the size, then until it fits: gas a transaction may depend on the
 * size. */
static enum err_code make_of_gas(const struct recipe *r, const struct recipe_params *params,
                                 struct evm_codes *codes, struct recipe_block *out, struct err *err)
{
    enum { FIRST = 256, TRIES = 12 };
    uint64_t most = params->gas / RECIPE_RAW_GAS + 1, gas = 0;
    uint32_t n = most < FIRST ? (uint32_t)most : FIRST;
    struct bracket b = {0};
    for (int i = 0;; i++) {
        enum err_code code = make(r, params, n, codes, out, err);
        if (code == ERR_OK)
            code = measure(out, &gas, err);
        if (code != ERR_OK)
            return code;
        uint64_t off = gas > params->gas ? gas - params->gas : params->gas - gas;
        double fit = next_size(&b, n, (double)gas, (double)params->gas);
        if (off <= params->gas / 250 || (uint32_t)fit == n || i == TRIES)
            return ERR_OK;
        if (fit > RECIPE_MOST)
            return err_set(err, ERR_INPUT, "%llu gas is more than %d transactions use",
                           (unsigned long long)params->gas, RECIPE_MOST);
        n = fit < 1 ? 1 : (uint32_t)fit;
        recipe_block_fini(out);
    }
}

enum err_code recipe_make(const struct recipe *r, const struct recipe_params *params,
                          struct evm_codes *codes, struct recipe_block *out, struct err *err)
{
    *out = (struct recipe_block){0};
    if (!params->txs && !params->gas)
        return err_set(err, ERR_INPUT, "neither transactions nor gas given for the block");
    if (params->hot > 100)
        return err_set(err, ERR_INPUT, "%u %% of the accounts drawn cannot be hot", params->hot);
    if (params->txs > RECIPE_MOST)
        return err_set(err, ERR_INPUT, "%u transactions; at most %d are possible", params->txs,
                       RECIPE_MOST);
    return params->txs ? make(r, params, params->txs, codes, out, err)
                       : make_of_gas(r, params, codes, out, err);
}
