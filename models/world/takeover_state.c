/* The state of a layer that was given up goes to its heirs (takeover.h). */
#include "models/world/takeover_internal.h"

#include "evm/core/u256.h"

enum {
    PART_ACCOUNTS = 200, /* of an OP_IMPORT at most, ... */
    PART_SLOTS = 2000,   /* ... and no more once it has so many slots */
};

struct leaving {
    struct world *world;
    struct taken *taken;
    layer_id heir;
    struct evm_changes all;    /* what the heir gets */
    struct evm_changes pieces; /* what stands there of accounts of others, to the first heir */
    bool mine, failed;
};

/* Where the lost layer's own chain has the account. */
static layer_id had(const struct leaving *g, const struct evm_addr *addr)
{
    return holdings_home(g->taken->held, addr);
}

static void leave_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct leaving *g = self;
    const struct succession *s = takeover_line(g->world, g->taken);
    bool own = had(g, addr) == g->taken->dead;
    bool piece = !own && g->heir == s->heirs[0] && !evm_u256_is_zero(&acc->balance);
    g->mine = own && succession_heir(s, addr) == g->heir;
    struct evm_changes *to = g->mine ? &g->all : &g->pieces;
    if (g->failed || (!g->mine && !piece))
        return;
    if (evm_changes_reserve(to, 1, 0) != EVM_OK) {
        g->failed = true;
        return;
    }
    to->accounts[to->account_count++] = (struct evm_account_change){
        .addr = *addr,
        .wrote = own ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_BALANCE,
        .balance = acc->balance,
        .nonce = acc->nonce,
        .code = own ? evm_codes_find(g->world->codes, &acc->code_hash) : NULL,
        .first_slot = to->slot_count};
}

static void leave_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                       const struct evm_u256 *value)
{
    struct leaving *g = self;
    (void)addr;
    if (g->failed || !g->mine)
        return;
    if (evm_changes_reserve(&g->all, 0, 1) != EVM_OK) {
        g->failed = true;
        return;
    }
    g->all.slots[g->all.slot_count++] = (struct evm_slot_change){*key, *value};
    g->all.accounts[g->all.account_count - 1].slot_count++;
}

/* From what is left: the accounts, and of the pieces the money. */
static bool cut_out(struct leaving *g)
{
    struct evm_state *rest = evm_state_fork(g->taken->rest);
    bool ok = rest && op_leave(rest, &g->all) == EVM_OK;
    for (uint32_t i = 0; ok && i < g->pieces.account_count; i++) {
        struct evm_account_change none = {.addr = g->pieces.accounts[i].addr,
                                          .wrote = EVM_WROTE_BALANCE};
        struct evm_changes c = {.accounts = &none, .account_count = 1};
        ok = evm_state_apply(rest, &c) == EVM_OK;
    }
    if (!ok) {
        evm_state_unref(rest);
        return false;
    }
    evm_state_seal(rest);
    evm_state_unref(g->taken->rest);
    g->taken->rest = rest;
    g->world->desk->serial_settled++;
    return true;
}

static struct op *part_create(struct leaving *g, layer_id from, enum op_kind kind, uint64_t hold)
{
    struct op *op = op_create(kind, from, g->heir, hold);
    if (!op) {
        g->failed = true;
        return NULL;
    }
    op->other = g->taken->dead;
    op->succession = (uint8_t)(takeover_index(g->world, g->taken) + 1);
    op->inherited = hold != 0;
    return op;
}

static void part_send(struct leaving *g, struct op *op)
{
    op_sized(op);
    g->taken->bytes += op->item.from == op->item.to ? 0 : op->item.size;
    g->taken->accounts += op->kind == OP_IMPORT ? op->values.account_count : 0;
    (op->kind == OP_IMPORT ? g->taken->parts : g->taken->ends)[g->heir]++;
    desk_post(g->world, op);
}

bool takeover_copy(struct op *op, const struct evm_changes *from, uint32_t i)
{
    struct evm_account_change a = from->accounts[i];
    struct evm_changes *to = &op->values;
    if (evm_changes_reserve(to, 1, a.slot_count) != EVM_OK)
        return false;
    for (uint32_t k = 0; k < a.slot_count; k++)
        to->slots[to->slot_count + k] = from->slots[a.first_slot + k];
    a.first_slot = to->slot_count;
    to->slot_count += a.slot_count;
    to->accounts[to->account_count++] = a;
    return true;
}

/* Accounts that a crossing holds go one by one, each with its lock. */
static void send_accounts(struct leaving *g, layer_id from)
{
    struct op *open = NULL;
    for (uint32_t i = 0; i < g->all.account_count && !g->failed; i++) {
        uint64_t hold = holdings_lock(g->taken->held, &g->all.accounts[i].addr);
        struct op *op = hold ? part_create(g, from, OP_IMPORT, hold) : open;
        if (!op && !(op = open = part_create(g, from, OP_IMPORT, 0)))
            break;
        g->failed |= !takeover_copy(op, &g->all, i);
        if (hold)
            part_send(g, op);
        else if (op->values.account_count >= PART_ACCOUNTS || op->values.slot_count >= PART_SLOTS) {
            part_send(g, op);
            open = NULL;
        }
    }
    if (open)
        part_send(g, open);
}

/* Fees that stood in the lost layer under an address of another one go home. */
static void send_pieces(struct leaving *g, layer_id from)
{
    for (uint32_t i = 0; i < g->pieces.account_count && !g->failed; i++) {
        const struct evm_addr *addr = &g->pieces.accounts[i].addr;
        layer_id home = desk_home(g->world, addr);
        struct op *op = op_create(OP_CREDIT, from, home == LAYER_ALL ? g->heir : home, 0);
        if (!op || !takeover_copy(op, &g->pieces, i)) {
            op_unref(op);
            g->failed = true;
            return;
        }
        op_sized(op);
        g->taken->bytes += op->item.from == op->item.to ? 0 : op->item.size;
        desk_post(g->world, op);
    }
}

/* The end: where accounts are that had left the lost layer, those apart that had come back. */
static void send_end(struct leaving *g, layer_id from)
{
    struct evm_addr addr;
    uint64_t home;
    struct op *op = part_create(g, from, OP_INHERIT, 0);
    const struct addr_table *homes = g->taken->held->homes;
    if (!op)
        return;
    op->heard = g->taken->held->heard | UINT64_C(1) << takeover_index(g->world, g->taken);
    op->moved = addr_table_create();
    bool ok = op->moved != NULL;
    for (uint32_t i = 0; ok && i < addr_table_room(homes); i++)
        if (addr_table_row(homes, i, &addr, &home) && home != g->taken->dead)
            ok = addr_table_put(op->moved, &addr, home);
    if (!ok) {
        op_unref(op);
        g->failed = true;
        return;
    }
    part_send(g, op);
}

void takeover_answer(struct world *w, struct op *want)
{
    layer_id dead = want->other, heir = (layer_id)want->heard;
    struct leaving g = {.world = w, .taken = takeover_taken(w, dead), .heir = heir};
    if (g.taken->answered[heir])
        return;
    g.taken->answered[heir] = true;
    evm_changes_init(&g.all);
    evm_changes_init(&g.pieces);
    if (evm_state_each(g.taken->rest, leave_account, leave_slot, &g) != EVM_OK || g.failed ||
        !cut_out(&g)) {
        world_out_of_memory(w);
    } else {
        send_accounts(&g, want->item.to);
        send_pieces(&g, want->item.to);
        send_end(&g, want->item.to);
        if (g.failed)
            world_out_of_memory(w);
    }
    evm_changes_fini(&g.all);
    evm_changes_fini(&g.pieces);
}

void takeover_want(struct world *w, struct taken *k, layer_id heir, layer_id by)
{
    struct op *op = op_create(NOTE_WANT, by, k->sources[heir], 0);
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op->other = k->dead;
    op->heard = heir;
    op_sized(op);
    desk_post(w, op);
}
