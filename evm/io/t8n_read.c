/* The transition tool's inputs: accounts and environment, and what the fork needs of it. */
#include <stdio.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/io/accounts.h"
#include "evm/io/file.h"
#include "evm/io/t8n_internal.h"

/* ---- fields ---------------------------------------------------------------------------------- */

bool evm_t8n_has(const struct evm_t8n_reader *r, const char *field)
{
    return evm_json_present(evm_json_get(r->in, field));
}

void evm_t8n_bad(struct evm_t8n_reader *r, const char *field, const char *why)
{
    const char *text = evm_json_string(evm_json_get(r->in, field));
    if (r->status)
        return;
    r->status = EVM_T8N_JSON;
    if (text)
        evm_fail(r->err, EVM_ERR_INPUT, "%.80s: %s: %s '%.60s' %s", r->file, r->where, field, text,
                 why);
    else
        evm_fail(r->err, EVM_ERR_INPUT, "%.80s: %s: %s %s", r->file, r->where, field, why);
}

/* Is there something to convert? */
static bool wanted(struct evm_t8n_reader *r, const char *field, bool required)
{
    if (r->status)
        return false;
    bool there = evm_t8n_has(r, field);
    if (!there && required)
        evm_t8n_bad(r, field, "is missing");
    return there;
}

bool evm_t8n_u64(struct evm_t8n_reader *r, const char *field, bool required, uint64_t *out)
{
    *out = 0;
    if (!wanted(r, field, required))
        return false;
    bool ok = evm_json_u64(evm_json_get(r->in, field), out);
    if (!ok)
        evm_t8n_bad(r, field, "is not a number of 64 bits");
    return ok;
}

bool evm_t8n_u256(struct evm_t8n_reader *r, const char *field, bool required, struct evm_u256 *out)
{
    *out = evm_u256_of(0);
    if (!wanted(r, field, required))
        return false;
    bool ok = evm_json_u256(evm_json_get(r->in, field), out);
    if (!ok)
        evm_t8n_bad(r, field, "is not a number of 256 bits");
    return ok;
}

bool evm_t8n_hash(struct evm_t8n_reader *r, const char *field, bool required, struct evm_hash *out)
{
    *out = (struct evm_hash){{0}};
    if (!wanted(r, field, required))
        return false;
    bool ok = evm_json_hash(evm_json_get(r->in, field), out);
    if (!ok)
        evm_t8n_bad(r, field, "is not 32 bytes");
    return ok;
}

bool evm_t8n_addr(struct evm_t8n_reader *r, const char *field, bool required, struct evm_addr *out)
{
    *out = (struct evm_addr){{0}};
    if (!wanted(r, field, required))
        return false;
    bool ok = evm_json_addr(evm_json_get(r->in, field), out);
    if (!ok)
        evm_t8n_bad(r, field, "is not an address");
    return ok;
}

bool evm_t8n_bytes(struct evm_t8n_reader *r, const char *field, struct evm_bytes *out)
{
    *out = (struct evm_bytes){0};
    if (!wanted(r, field, false))
        return false;
    bool ok = evm_json_bytes(r->doc, evm_json_get(r->in, field), out);
    if (!ok)
        evm_t8n_bad(r, field, "is not hexadecimal");
    return ok;
}

size_t evm_t8n_list(struct evm_t8n_reader *r, const char *name, struct evm_jval list, size_t size,
                    void *items)
{
    void *memory = NULL;
    size_t count = 0;
    if (!r->status && evm_json_present(list)) {
        count = evm_json_count(list);
        if (!evm_json_is_array(list))
            evm_t8n_bad(r, name, "is not an array");
        else if (!(memory = evm_json_alloc(r->doc, count * size))) {
            r->status = EVM_T8N_EVM;
            evm_fail(r->err, EVM_ERR_MEMORY, "out of memory");
        }
    }
    memcpy(items, &memory, sizeof memory);
    return memory ? count : 0;
}

struct evm_t8n_reader evm_t8n_item(const struct evm_t8n_reader *r, const char *name,
                                   struct evm_jval list, size_t i)
{
    struct evm_t8n_reader e = {.doc = r->doc,
                               .in = evm_json_at(list, i),
                               .file = r->file,
                               .status = r->status,
                               .err = r->err};
    snprintf(e.where, sizeof e.where, "%.20s, %.16s %zu", r->where, name, i);
    return e;
}

void evm_t8n_leave(struct evm_t8n_reader *r, const struct evm_t8n_reader *item)
{
    if (!r->status)
        r->status = item->status;
}

/* ---- the environment ------------------------------------------------------------------------- */

/* What stands in "parent…": only what the block's own fields are computed from. */
struct parent {
    struct evm_header header;
    bool has_difficulty, has_base_fee, has_gas, has_blob_gas;
};

static void get_hashes(struct evm_t8n_reader *r, struct evm_t8n *t)
{
    struct evm_jval map = evm_json_get(r->in, "blockHashes"), value;
    struct evm_header *h = &t->block.header;
    size_t room = evm_json_count(map) + 1, n = 0;
    uint64_t *numbers = evm_json_alloc(r->doc, room * sizeof *numbers);
    struct evm_hash *hashes = evm_json_alloc(r->doc, room * sizeof *hashes);
    void *iter = NULL;
    const char *key;
    if (!numbers || !hashes) {
        evm_t8n_bad(r, "blockHashes", "takes more memory than there is");
        return;
    }
    if (evm_json_present(map) && !evm_json_is_object(map))
        evm_t8n_bad(r, "blockHashes", "is not an object");
    while (!r->status && evm_json_next(map, &iter, &key, &value)) {
        struct evm_u256 number;
        if (!evm_hex_u256(key, &number) || !evm_u256_fits64(&number) ||
            !evm_json_hash(value, &hashes[n]))
            evm_t8n_bad(r, "blockHashes", "is not a map of numbers to hashes of 32 bytes");
        numbers[n] = number.w[0];
        if (h->number > 0 && numbers[n] == h->number - 1)
            h->parent_hash = hashes[n];
        n++;
    }
    t->hashes = (struct evm_block_hashes){numbers, hashes, n};
}

static void get_uncles(struct evm_t8n_reader *r, struct evm_t8n *t)
{
    struct evm_header *uncles = NULL;
    t->block.uncle_count =
        (uint32_t)evm_t8n_list(r, "ommers", evm_json_get(r->in, "ommers"), sizeof *uncles, &uncles);
    t->block.uncles = uncles;
    for (uint32_t i = 0; i < t->block.uncle_count && !r->status; i++) {
        struct evm_t8n_reader e = evm_t8n_item(r, "ommers", evm_json_get(r->in, "ommers"), i);
        uint64_t delta;
        evm_t8n_u64(&e, "delta", true, &delta);
        evm_t8n_addr(&e, "address", true, &uncles[i].coinbase);
        if (delta > 8)
            evm_t8n_bad(&e, "delta", "is more than 8");
        uncles[i].number = t->block.header.number - delta; /* the distance alone is used */
        evm_t8n_leave(r, &e);
    }
}

static void get_withdrawals(struct evm_t8n_reader *r, struct evm_t8n *t)
{
    struct evm_withdrawal *w = NULL;
    t->block.has_withdrawals = evm_t8n_has(r, "withdrawals");
    t->block.withdrawal_count =
        (uint32_t)evm_t8n_list(r, "withdrawals", evm_json_get(r->in, "withdrawals"), sizeof *w, &w);
    t->block.withdrawals = w;
    for (uint32_t i = 0; i < t->block.withdrawal_count && !r->status; i++) {
        struct evm_t8n_reader e =
            evm_t8n_item(r, "withdrawals", evm_json_get(r->in, "withdrawals"), i);
        evm_t8n_u64(&e, "index", true, &w[i].index);
        evm_t8n_u64(&e, "validatorIndex", true, &w[i].validator);
        evm_t8n_addr(&e, "address", true, &w[i].addr);
        evm_t8n_u64(&e, "amount", true, &w[i].amount);
        evm_t8n_leave(r, &e);
    }
}

static void get_parent(struct evm_t8n_reader *r, const struct evm_header *h, struct parent *p)
{
    *p = (struct parent){.header.number = h->number - 1, .header.uncles_hash = evm_no_uncles_hash};
    evm_t8n_u64(r, "parentTimestamp", false, &p->header.timestamp);
    p->has_difficulty = evm_t8n_u256(r, "parentDifficulty", false, &p->header.difficulty);
    p->has_base_fee = evm_t8n_u256(r, "parentBaseFee", false, &p->header.base_fee);
    p->has_gas = evm_t8n_u64(r, "parentGasUsed", false, &p->header.gas_used);
    p->has_gas &= evm_t8n_u64(r, "parentGasLimit", false, &p->header.gas_limit);
    p->has_blob_gas = evm_t8n_u64(r, "parentExcessBlobGas", false, &p->header.excess_blob_gas);
    p->has_blob_gas &= evm_t8n_u64(r, "parentBlobGasUsed", false, &p->header.blob_gas_used);
    static const struct evm_hash unknown;
    struct evm_hash uncles;
    if (evm_t8n_hash(r, "parentUncleHash", false, &uncles) && !evm_hash_eq(&uncles, &unknown))
        p->header.uncles_hash = uncles;
}

static void get_header(struct evm_t8n_reader *r, struct evm_t8n *t)
{
    struct evm_header *h = &t->block.header;
    struct evm_u256 random;
    evm_t8n_addr(r, "currentCoinbase", true, &h->coinbase);
    evm_t8n_u64(r, "currentGasLimit", true, &h->gas_limit);
    evm_t8n_u64(r, "currentNumber", true, &h->number);
    evm_t8n_u64(r, "currentTimestamp", true, &h->timestamp);
    t->has_difficulty = evm_t8n_u256(r, "currentDifficulty", false, &h->difficulty);
    if (evm_t8n_u256(r, "currentRandom", false, &random))
        evm_u256_store_be(h->mix_hash.b, &random);
    h->has_base_fee = evm_t8n_u256(r, "currentBaseFee", false, &h->base_fee);
    t->has_excess = evm_t8n_u64(r, "currentExcessBlobGas", false, &h->excess_blob_gas);
    evm_t8n_hash(r, "parentBeaconBlockRoot", false, &h->parent_beacon_root);
}

/* ---- what the fork needs --------------------------------------------------------------------- */

static void lacks(struct evm_t8n_reader *r, const char *what)
{
    if (r->status)
        return;
    r->status = EVM_T8N_CONFIG;
    evm_fail(r->err, EVM_ERR_INPUT, "%.120s: env: %s", r->file, what);
}

static void settle_difficulty(struct evm_t8n_reader *r, struct evm_t8n *t, const struct parent *p)
{
    struct evm_header *h = &t->block.header;
    if (t->rules->prev_randao) {
        if (!evm_t8n_has(r, "currentRandom"))
            lacks(r, "from Paris on there must be a currentRandom");
        if (!evm_u256_is_zero(&h->difficulty))
            lacks(r, "from Paris on currentDifficulty must be 0 or missing");
        t->has_difficulty = false;
        return;
    }
    if (t->has_difficulty)
        return;
    if (!p->has_difficulty)
        lacks(r, "there is neither currentDifficulty nor a parentDifficulty to compute it from");
    else if (h->number == 0)
        lacks(r, "block 0 needs a currentDifficulty, for it has no parent");
    else if (h->timestamp <= p->header.timestamp)
        lacks(r, "currentTimestamp must be above parentTimestamp to compute the difficulty");
    if (r->status)
        return;
    evm_next_difficulty(&t->chain.config, &p->header, h->timestamp, &h->difficulty);
    t->has_difficulty = true;
}

static void settle_base_fee(struct evm_t8n_reader *r, struct evm_t8n *t, const struct parent *p)
{
    struct evm_header *h = &t->block.header;
    bool given = h->has_base_fee;
    h->has_base_fee = t->rules->base_fee;
    if (given || !t->rules->base_fee)
        return;
    enum evm_fork before = evm_chain_fork(&t->chain.config, p->header.number, p->header.timestamp);
    if (h->number > 0 && !evm_rules_of(before)->base_fee)
        h->base_fee = evm_u256_of(1000000000); /* EIP-1559: the first one */
    else if (!p->has_base_fee || !p->has_gas || h->number == 0)
        lacks(r, "from London on there must be a currentBaseFee, or parentBaseFee, parentGasUsed "
                 "and parentGasLimit");
    else
        evm_next_base_fee(&p->header.base_fee, p->header.gas_used, p->header.gas_limit,
                          &h->base_fee);
}

static void settle_blobs(struct evm_t8n_reader *r, struct evm_t8n *t, const struct parent *p)
{
    struct evm_header *h = &t->block.header;
    h->has_blob_gas = t->rules->gas_per_blob > 0;
    if (!h->has_blob_gas) {
        h->excess_blob_gas = 0;
        t->has_excess = false;
        return;
    }
    if (!evm_t8n_has(r, "parentBeaconBlockRoot"))
        lacks(r, "from Cancun on there must be a parentBeaconBlockRoot");
    if (!t->has_excess && p->has_blob_gas) {
        h->excess_blob_gas = evm_next_excess_blob_gas(&t->chain.config, &p->header, h->timestamp);
        t->has_excess = true;
    }
}

static enum evm_t8n_status load_env(struct evm_t8n *t, struct evm_json *doc, struct evm_jval in,
                                    const char *file, struct evm_err *err)
{
    struct evm_t8n_reader r = {.doc = doc, .in = in, .file = file, .where = "env", .err = err};
    struct parent parent;
    if (!evm_json_is_object(in)) {
        evm_fail(err, EVM_ERR_INPUT, "%.120s: the environment is not an object", file);
        return EVM_T8N_JSON;
    }
    get_header(&r, t);
    get_parent(&r, &t->block.header, &parent);
    get_hashes(&r, t);
    get_uncles(&r, t);
    get_withdrawals(&r, t);
    t->rules = evm_rules_of(
        evm_chain_fork(&t->chain.config, t->block.header.number, t->block.header.timestamp));
    settle_difficulty(&r, t, &parent);
    settle_base_fee(&r, t, &parent);
    settle_blobs(&r, t, &parent);
    if (t->rules->withdrawals && !t->block.has_withdrawals)
        lacks(&r, "from Shanghai on there must be withdrawals, if only an empty array");
    if (!t->rules->withdrawals)
        t->block.has_withdrawals = false, t->block.withdrawal_count = 0;
    t->block.header.has_withdrawals_root = t->rules->withdrawals;
    t->block.header.has_requests_hash = t->rules->requests;
    return r.status;
}

/* ---- the three inputs ------------------------------------------------------------------------ */

/* An input: a document of its own, or a member of the one on the standard input. */
struct source {
    struct evm_json *doc;
    struct evm_jval in;
    const char *file;
};

static enum evm_t8n_status read_doc(struct evm_t8n *t, int slot, const char *path,
                                    struct evm_err *err)
{
    struct evm_buf text = {0};
    bool standard = !strcmp(path, "stdin");
    enum evm_status status = evm_file_read(standard ? "/dev/stdin" : path, &text, err);
    bool io = status != EVM_OK;
    if (status == EVM_OK)
        status = evm_json_parse(&t->docs[slot], (const char *)text.data, text.size, path, err);
    evm_buf_fini(&text);
    if (status == EVM_ERR_MEMORY)
        return EVM_T8N_EVM;
    return status == EVM_OK ? EVM_T8N_OK : io ? EVM_T8N_IO : EVM_T8N_JSON;
}

/* The standard input, read once, has the last slot. */
static enum evm_t8n_status open_source(struct evm_t8n *t, int slot, const char *path,
                                       const char *member, struct source *out, struct evm_err *err)
{
    bool standard = !strcmp(path, "stdin");
    int at = standard ? 3 : slot;
    enum evm_t8n_status status = EVM_T8N_OK;
    if (!t->docs[at])
        status = read_doc(t, at, path, err);
    if (status)
        return status;
    *out = (struct source){.doc = t->docs[at], .in = evm_json_root(t->docs[at]), .file = path};
    if (standard)
        out->in = evm_json_get(out->in, member);
    return EVM_T8N_OK;
}

static enum evm_t8n_status load_alloc(struct evm_t8n *t, const struct source *s,
                                      struct evm_err *err)
{
    struct evm_err inner = {0};
    t->codes = evm_codes_create();
    t->state = t->codes ? evm_state_create(t->codes) : NULL;
    enum evm_status status = EVM_ERR_MEMORY;
    if (t->state)
        status = evm_accounts_load(s->doc, s->in, t->state, &inner);
    if (status == EVM_OK)
        return EVM_T8N_OK;
    evm_fail(err, status, "%.100s: alloc: %.140s", s->file,
             inner.text[0] ? inner.text : "out of memory");
    return status == EVM_ERR_INPUT ? EVM_T8N_JSON : EVM_T8N_EVM;
}

enum evm_t8n_status evm_t8n_load(struct evm_t8n *t, const struct evm_t8n_options *options,
                                 struct evm_err *err)
{
    struct source alloc, env, txs;
    *t = (struct evm_t8n){.options = *options};
    if (!evm_chain_make(options->fork, options->chain_id, &t->chain)) {
        evm_fail(err, EVM_ERR_INPUT, "no fork is called '%.60s'", options->fork);
        return EVM_T8N_CONFIG;
    }
    enum evm_t8n_status status = open_source(t, 0, options->alloc, "alloc", &alloc, err);
    if (!status)
        status = open_source(t, 1, options->env, "env", &env, err);
    if (!status)
        status = open_source(t, 2, options->txs, "txs", &txs, err);
    if (!status && !strcmp(options->txs, "stdin")) {
        struct evm_jval rlp = evm_json_get(evm_json_root(txs.doc), "txsRlp");
        txs.in = evm_json_present(txs.in) ? txs.in : rlp;
    }
    if (!status)
        status = load_alloc(t, &alloc, err);
    if (!status)
        status = load_env(t, env.doc, env.in, env.file, err);
    if (!status)
        status = evm_t8n_load_txs(t, txs.doc, txs.in, txs.file, err);
    return status;
}

void evm_t8n_fini(struct evm_t8n *t)
{
    for (uint32_t i = 0; t->txs && i < t->tx_count; i++)
        evm_tx_fini(&t->txs[i].tx);
    for (uint32_t i = 0; i < t->block.tx_count; i++)
        evm_receipt_fini(&t->receipts[i]);
    free(t->txs);
    free(t->included);
    free(t->receipts);
    free(t->prices);
    evm_requests_fini(&t->requests);
    evm_state_unref(t->state);
    evm_codes_destroy(t->codes);
    for (size_t i = 0; i < sizeof t->docs / sizeof t->docs[0]; i++)
        evm_json_destroy(t->docs[i]);
    *t = (struct evm_t8n){0};
}
