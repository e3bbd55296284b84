/* The first state of a partitioned network: that of all workloads together, cut up by the homes
 * that the policy gives its accounts. */
#include "models/world/desk.h"
#include "models/world/internal.h"
#include "models/world/routes.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

struct cut {
    struct world *world;
    struct evm_changes *parts; /* a layer */
    layer_id home;             /* of the account whose slots come */
    bool failed;
};

/* Code stands in every layer, without balance or storage where it is not at home. */
static bool put_code(struct cut *c, const struct evm_addr *addr, const struct evm_code *code)
{
    for (layer_id i = 0; i < c->world->layer_count; i++) {
        struct evm_changes *part = &c->parts[i];
        if (i == c->home)
            continue;
        if (evm_changes_reserve(part, 1, 0) != EVM_OK)
            return false;
        part->accounts[part->account_count++] = (struct evm_account_change){
            .addr = *addr, .wrote = EVM_WROTE_CODE, .code = code, .first_slot = part->slot_count};
    }
    return true;
}

/* The i-th account in pieces. */
static bool next_piece(const struct world *w, uint32_t i, struct evm_addr *addr,
                       struct evm_u256 *each)
{
    const struct desk *d = w->desk;
    return d->protocol->piece && d->protocol->piece(d->protocol_state, i, addr, each);
}

enum err_code partition_pieces(struct world *w, struct genesis *g, struct err *err)
{
    struct evm_addr addr;
    struct evm_u256 each, sum, layers = evm_u256_of(w->layer_count);
    enum err_code code = ERR_OK;
    for (uint32_t i = 0; code == ERR_OK && next_piece(w, i, &addr, &each); i++) {
        if (!addr_table_put(w->desk->directory.placement.homes, &addr, LAYER_ALL))
            return err_set(err, ERR_MEMORY, "no memory for accounts");
        if (evm_u256_mul_overflow(&sum, &each, &layers))
            return err_set(err, ERR_INPUT, "crosslayer: what brokers have is too much to count");
        code = genesis_fund(g, &addr, &sum, err);
    }
    return code;
}

/* Every layer's part of an account in pieces. */
static bool cut_pieces(struct cut *c, struct directory_account *a, const struct evm_account *acc)
{
    struct evm_u256 each, layers = evm_u256_of(c->world->layer_count);
    evm_u256_div(&each, &acc->balance, &layers);
    a->home = LAYER_ALL;
    a->from = route_by_hash(&a->addr, c->world->layer_count);
    for (layer_id i = 0; i < c->world->layer_count; i++) {
        struct evm_changes *part = &c->parts[i];
        if (evm_changes_reserve(part, 1, 0) != EVM_OK)
            return false;
        part->accounts[part->account_count++] =
            (struct evm_account_change){.addr = a->addr,
                                        .wrote = EVM_WROTE_BALANCE,
                                        .balance = each,
                                        .first_slot = part->slot_count};
    }
    return true;
}

static void take_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct cut *c = self;
    struct world *w = c->world;
    struct directory *d = &w->desk->directory;
    bool contract = !evm_hash_eq(&acc->code_hash, &evm_empty_code_hash);
    const struct evm_code *code = evm_codes_find(w->codes, &acc->code_hash);
    if (c->failed)
        return;
    account_id number = directory_number(d, addr);
    if (number == ACCOUNT_NONE) {
        c->failed = true;
        return;
    }
    struct directory_account *a = directory_at(d, number);
    bool pieces = a->home == LAYER_ALL;
    c->home = routes_place(w, number, addr, contract);
    if (pieces) {
        c->failed = !cut_pieces(c, a, acc);
        return;
    }
    a->contract = contract;
    a->home = a->from = c->home;
    struct evm_changes *part = &c->parts[c->home];
    if ((c->home != route_by_hash(addr, w->layer_count) &&
         !addr_table_put(d->placement.homes, addr, c->home)) ||
        (contract && !put_code(c, addr, code)) || evm_changes_reserve(part, 1, 0) != EVM_OK) {
        c->failed = true;
        return;
    }
    part->accounts[part->account_count++] =
        (struct evm_account_change){.addr = *addr,
                                    .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE,
                                    .balance = acc->balance,
                                    .nonce = acc->nonce,
                                    .code = code,
                                    .first_slot = part->slot_count};
}

static void take_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct cut *c = self;
    struct evm_changes *part = &c->parts[c->home];
    (void)addr;
    if (c->failed || evm_changes_reserve(part, 0, 1) != EVM_OK) {
        c->failed = true;
        return;
    }
    part->slots[part->slot_count++] = (struct evm_slot_change){*key, *value};
    part->accounts[part->account_count - 1].slot_count++;
}

static struct evm_state *make_part(const struct world *w, const struct evm_changes *part)
{
    struct evm_state *s = evm_state_create(w->codes);
    if (s && evm_state_apply(s, part) != EVM_OK) {
        evm_state_unref(s);
        return NULL;
    }
    if (s)
        evm_state_seal(s);
    return s;
}

static void number_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct cut *c = self;
    (void)acc;
    c->failed |= directory_number(&c->world->desk->directory, addr) == ACCOUNT_NONE;
}

enum err_code partition_number(struct world *w, const struct evm_state *whole, struct err *err)
{
    struct cut c = {.world = w};
    return evm_state_each(whole, number_account, NULL, &c) == EVM_OK && !c.failed
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for accounts");
}

static enum err_code cut_up(struct world *w, const struct evm_state *whole,
                            struct evm_changes *parts, struct err *err)
{
    struct cut c = {.world = w, .parts = parts};
    enum evm_status st = evm_state_each(whole, take_account, take_slot, &c);
    enum err_code code = st == EVM_OK && !c.failed ? ERR_OK : ERR_MEMORY;
    for (layer_id i = 0; i < w->layer_count && code == ERR_OK; i++) {
        struct evm_state *state = make_part(w, &parts[i]);
        struct holdings *held = state ? holdings_create(i, &w->desk->directory.placement) : NULL;
        if (!held) {
            evm_state_unref(state);
            code = ERR_MEMORY;
        } else if (w->audits && (code = audits_state(w, &w->layers[i], state, err)) != ERR_OK) {
            evm_state_unref(state);
            holdings_unref(held);
        } else {
            code = chain_genesis(w, &w->layers[i], state, held, err);
        }
    }
    return code == ERR_MEMORY ? err_set(err, ERR_MEMORY, "no memory for the first state") : code;
}

enum err_code partition_genesis(struct world *w, struct evm_state *whole, struct err *err)
{
    struct evm_changes *parts = mem_zalloc(w->layer_count, sizeof *parts);
    if (!parts)
        return err_set(err, ERR_MEMORY, "no memory for the first state");
    enum err_code code = cut_up(w, whole, parts, err);
    for (layer_id i = 0; i < w->layer_count; i++)
        evm_changes_fini(&parts[i]);
    mem_free(parts);
    return code;
}
