#include "evm/parallel/precompute_internal.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak_memo.h"
#include "evm/core/opcodes.h"
#include "evm/core/u256.h"

/* ---- what is read ---------------------------------------------------------------------------- */

/* The view of the transaction: the state, with the sender's queue done, taking notes. */
struct recorder {
    struct evm_view base;
    const struct evm_tx *tx;
    struct evm_precomputed *p;
    bool failed;
};

static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    uint32_t more = *capacity ? *capacity * 2 : 8;
    void *grown = evm_realloc(items, more * size);
    if (grown)
        *capacity = more;
    return grown;
}

static struct evm_kept_read *note(struct recorder *r)
{
    struct evm_precomputed *p = r->p;
    void *grown = grow(p->reads, p->read_count, &p->read_capacity, sizeof *p->reads);
    r->failed |= !grown;
    if (!grown)
        return NULL;
    p->reads = grown;
    return &p->reads[p->read_count++];
}

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct recorder *r = self;
    enum evm_read answer = r->base.ops->account(r->base.self, addr, need, out);
    if ((need & EVM_NEED_NONCE) && out->nonce < r->tx->nonce && evm_addr_eq(addr, &r->tx->sender))
        out->nonce = r->tx->nonce;
    struct evm_kept_read *row = note(r);
    if (row)
        *row = (struct evm_kept_read){.addr = *addr, .need = need, .account = *out};
    return answer;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct recorder *r = self;
    enum evm_read answer = r->base.ops->slot(r->base.self, addr, key, out);
    struct evm_kept_read *row = note(r);
    if (row)
        *row = (struct evm_kept_read){.addr = *addr, .key = *key, .value = *out};
    return answer;
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct recorder *r = self;
    struct evm_precomputed *p = r->p;
    r->base.ops->block_hash(r->base.self, number, out);
    void *grown = grow(p->hashes, p->hash_count, &p->hash_capacity, sizeof *p->hashes);
    r->failed |= !grown;
    if (!grown)
        return;
    p->hashes = grown;
    p->hashes[p->hash_count++] = (struct evm_kept_hash){number, *out};
}

static const struct evm_view_ops view_ops = {view_account, view_slot, view_block_hash};

bool evm_kept_read_holds(const struct evm_kept_read *r, const struct evm_account *account,
                         const struct evm_u256 *value)
{
    const struct evm_account *then = &r->account;
    if (r->need == 0)
        return evm_u256_eq(value, &r->value);
    if (r->need & EVM_NEED_BALANCE) {
        const struct evm_u256 *now = &account->balance;
        if (r->bounded ? !evm_balance_within(now, &then->balance)
                       : !evm_u256_eq(now, &then->balance))
            return false;
    }
    return (!(r->need & EVM_NEED_NONCE) || account->nonce == then->nonce) &&
           (!(r->need & EVM_NEED_CODE) || evm_hash_eq(&account->code_hash, &then->code_hash)) &&
           (!(r->need & EVM_NEED_EXISTS) || account->exists == then->exists) &&
           (!(r->need & EVM_NEED_STORAGE) || account->has_storage == then->has_storage);
}

/* ---- what could have mattered ---------------------------------------------------------------- */

static unsigned sight_of(uint8_t op)
{
    switch (op) {
    case EVM_OP_BLOCKHASH:
    case EVM_OP_NUMBER: return EVM_SEES_NUMBER;
    case EVM_OP_TIMESTAMP: return EVM_SEES_TIME;
    case EVM_OP_COINBASE: return EVM_SEES_BENEFICIARY;
    case EVM_OP_PREVRANDAO: return EVM_SEES_RANDOM;
    case EVM_OP_GASLIMIT: return EVM_SEES_GAS_LIMIT;
    case EVM_OP_BLOBBASEFEE: return EVM_SEES_BLOB_FEE;
    case EVM_OP_CREATE: /* initcode is found nowhere beforehand */
    case EVM_OP_CREATE2: return EVM_SEES_ALL;
    default: return 0;
    }
}

/* Jumps go to no data of a PUSH, so what a walk from the start meets is all that can run. */
static unsigned scan(struct evm_bytes code)
{
    unsigned sees = 0;
    for (size_t pc = 0; pc < code.size && sees != EVM_SEES_ALL; pc++) {
        uint8_t op = code.data[pc];
        if (op >= EVM_OP_PUSH1 && op <= EVM_OP_PUSH32)
            pc += (size_t)(op - EVM_OP_PUSH1) + 1;
        else
            sees |= sight_of(op);
    }
    return sees;
}

static unsigned look_at_codes(const struct evm_precomputed *p, const struct evm_codes *codes,
                              const struct evm_tx *tx)
{
    unsigned sees = tx->is_create ? EVM_SEES_ALL : 0;
    for (uint32_t i = 0; i < p->read_count && sees != EVM_SEES_ALL; i++) {
        const struct evm_kept_read *r = &p->reads[i];
        if (!(r->need & EVM_NEED_CODE) || evm_hash_eq(&r->account.code_hash, &evm_empty_code_hash))
            continue;
        const struct evm_code *code = evm_codes_find(codes, &r->account.code_hash);
        sees |= code ? scan((struct evm_bytes){code->bytes, code->size}) : EVM_SEES_ALL;
    }
    return sees | (tx->type == EVM_TX_BLOB ? EVM_SEES_BLOB_FEE : 0);
}

static bool was_accessed(const struct evm_precomputed *p, const struct evm_addr *addr)
{
    for (uint32_t i = 0; i < p->touched.count; i++)
        if (!p->touched.items[i].is_slot && evm_addr_eq(&p->touched.items[i].addr, addr))
            return true;
    return false;
}

static bool fits_beneficiary(const struct evm_precomputed *p, const struct evm_addr *addr)
{
    if (evm_addr_eq(&p->env.coinbase, addr))
        return true;
    return !(p->sees & EVM_SEES_BENEFICIARY) && !was_accessed(p, addr) &&
           !was_accessed(p, &p->env.coinbase);
}

bool evm_precomputed_fits(const struct evm_precomputed *p, const struct evm_rules *rules,
                          const struct evm_block_env *env)
{
    const struct evm_block_env *then = &p->env;
    unsigned differs = 0;
    if (p->rules != rules || then->chain_id != env->chain_id ||
        !evm_u256_eq(&then->base_fee, &env->base_fee))
        return false;
    if (then->number != env->number)
        differs |= EVM_SEES_NUMBER;
    if (then->timestamp != env->timestamp)
        differs |= EVM_SEES_TIME;
    if (!evm_u256_eq(&then->difficulty, &env->difficulty) ||
        !evm_hash_eq(&then->prev_randao, &env->prev_randao))
        differs |= EVM_SEES_RANDOM;
    if (then->gas_limit != env->gas_limit)
        differs |= EVM_SEES_GAS_LIMIT;
    if (!evm_u256_eq(&then->blob_base_fee, &env->blob_base_fee))
        differs |= EVM_SEES_BLOB_FEE;
    return !(p->sees & differs) && fits_beneficiary(p, &env->coinbase);
}

/* ---- running --------------------------------------------------------------------------------- */

enum {
    CODE_TAGS = 4096, /* basic blocks told apart in one transaction */
    ALL_TAGS = CODE_TAGS + 1
};

/* The tags are those of `memo`, whose core remembers next to nothing: who takes the result over
 * plays them through its own. */
static enum evm_status keep_tags(struct evm_precomputed *p, const struct evm_keccak_memo *memo,
                                 uint32_t last)
{
    uint32_t count = 0;
    for (uint32_t at = last; at != EVM_KECCAK_MET_NONE; at = memo->met[at].before)
        p->keccak_count++;
    for (uint32_t i = 0; i < CODE_TAGS; i++)
        p->code_count += memo->code->tags[i] != 0;
    size_t n = (size_t)p->keccak_count + p->code_count;
    p->keccak_tags = n ? evm_malloc(n * sizeof *p->keccak_tags) : NULL;
    if (n && !p->keccak_tags)
        return EVM_ERR_MEMORY;
    count = p->keccak_count;
    for (uint32_t at = last; at != EVM_KECCAK_MET_NONE; at = memo->met[at].before)
        p->keccak_tags[--count] = memo->met[at].tag;
    count = p->keccak_count;
    for (uint32_t i = 0; i < CODE_TAGS; i++)
        if (memo->code->tags[i])
            p->keccak_tags[count++] = memo->code->tags[i];
    return EVM_OK;
}

static enum evm_status run_metered(struct evm_precomputed *p, struct evm_txrun *run)
{
    uint64_t *tags = evm_calloc(ALL_TAGS, sizeof *tags);
    if (!tags)
        return EVM_ERR_MEMORY;
    uint32_t last = EVM_KECCAK_MET_NONE;
    struct evm_keccak_kept core = {tags + CODE_TAGS, 1}, code = {tags, CODE_TAGS};
    struct evm_keccak_memo memo = {.core = &core, .code = &code, .last = &last};
    p->meter.memo = &memo;
    while (evm_txrun_step(run, &p->meter, 0) != EVM_STEP_DONE)
        ;
    enum evm_status st = keep_tags(p, &memo, last);
    p->meter.memo = NULL;
    p->meter.keccak_kept = 0;
    evm_keccak_memo_fini(&memo);
    free(tags);
    return st;
}

/* Amounts that need only suffice become bounds, and their changes differences. */
static void find_bounds(struct evm_precomputed *p, const struct evm_txrun *run)
{
    for (uint32_t i = 0; i < p->read_count; i++) {
        struct evm_kept_read *r = &p->reads[i];
        struct evm_u256 bound;
        if (!(r->need & EVM_NEED_BALANCE) || !evm_txrun_balance_bound(run, &r->addr, &bound))
            continue;
        struct evm_account_change *a = evm_changes_find(&p->changes, &r->addr, NULL);
        if (a && (a->wrote & EVM_WROTE_BALANCE) && !(a->wrote & EVM_WROTE_DELTA)) {
            evm_u256_sub(&a->balance, &a->balance, &r->account.balance);
            a->wrote |= EVM_WROTE_DELTA;
        }
        r->account.balance = bound;
        r->bounded = true;
    }
}

/* Takes what is worth keeping out of the run. */
static enum evm_status keep(struct evm_precomputed *p, struct evm_txrun *run,
                            const struct evm_precompute_input *in, const struct evm_tx *tx)
{
    const struct evm_tx_outcome *o = evm_txrun_outcome(run);
    enum evm_status st = evm_receipt_make(&p->receipt, 0, tx, o, 0);
    if (st != EVM_OK)
        return st;
    p->outcome = *o;
    p->outcome.output = (struct evm_bytes){0};
    p->outcome.logs = NULL;
    p->outcome.changes = NULL;
    struct evm_changes none = p->changes;
    p->changes = *o->changes;
    *o->changes = none;
    evm_txrun_each_access(run, evm_touched_visit, &p->touched);
    if (p->touched.failed)
        return EVM_ERR_MEMORY;
    find_bounds(p, run);
    p->sees = look_at_codes(p, evm_state_codes(in->pre), tx);
    return EVM_OK;
}

enum evm_status evm_precompute(const struct evm_precomputed **out, struct evm_txrun *run,
                               const struct evm_precompute_input *in, const struct evm_tx *tx)
{
    struct evm_precomputed *p = evm_calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return EVM_ERR_MEMORY;
    struct evm_state_view state = {in->pre, in->hashes};
    struct recorder recorder = {evm_state_view(&state), tx, p, false};
    enum evm_status st = EVM_OK;
    evm_changes_init(&p->changes);
    p->rules = in->rules;
    p->env = *in->env;
    evm_txrun_begin(run, in->rules, in->env, tx, (struct evm_view){&view_ops, &recorder}, 0);
    if (in->metered)
        st = run_metered(p, run);
    else
        while (evm_txrun_step(run, NULL, 0) != EVM_STEP_DONE)
            ;
    if (st == EVM_OK)
        st = recorder.failed ? EVM_ERR_MEMORY : evm_txrun_outcome(run)->error;
    bool valid = st == EVM_OK && evm_txrun_outcome(run)->invalid == EVM_TX_VALID;
    if (valid)
        st = keep(p, run, in, tx);
    if (valid && st == EVM_OK)
        *out = p;
    else
        evm_precomputed_destroy(p);
    return st;
}

void evm_precomputed_destroy(const struct evm_precomputed *kept)
{
    struct evm_precomputed *p = (struct evm_precomputed *)(uintptr_t)kept;
    if (!p)
        return;
    evm_receipt_fini(&p->receipt);
    evm_changes_fini(&p->changes);
    evm_touched_fini(&p->touched);
    free(p->reads);
    free(p->hashes);
    free(p->keccak_tags);
    free(p);
}

double evm_precomputed_cost(const struct evm_precomputed *p, const struct evm_profile *profile)
{
    double writes = (double)p->changes.account_count + p->changes.slot_count;
    return profile->tx_base + evm_profile_cost(profile, &p->meter, 0) +
           p->read_count * (profile->lookup_single + profile->first_single) +
           writes * profile->write_single;
}

/* ---- a block's ------------------------------------------------------------------------------- */

enum evm_status evm_precompute_all(struct evm_ahead *out, const struct evm_precompute_input *in,
                                   const struct evm_tx *const *txs, uint32_t tx_count)
{
    struct evm_txrun *run = evm_txrun_create(evm_state_codes(in->pre));
    *out = (struct evm_ahead){.txs = evm_calloc((size_t)tx_count + 1, sizeof(*out->txs)),
                              .tx_count = tx_count};
    enum evm_status st = run && out->txs ? EVM_OK : EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < tx_count && st == EVM_OK; i++) {
        st = evm_precompute(&out->txs[i], run, in, txs[i]);
        out->kept += out->txs[i] != NULL;
    }
    evm_txrun_destroy(run);
    if (st != EVM_OK)
        evm_ahead_fini(out);
    return st;
}

void evm_ahead_fini(struct evm_ahead *a)
{
    for (uint32_t i = 0; i < a->tx_count && a->txs; i++)
        evm_precomputed_destroy(a->txs[i]);
    free(a->txs);
    *a = (struct evm_ahead){0};
}
