/* Ops and notes on their way between layers: posted, and what is done when one has come. */
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <string.h>

void desk_post(struct world *w, struct op *op)
{
    if (w->takeover && takeover_reroutes(w, op)) {
        op_unref(op);
        return;
    }
    op->serial = w->desk->serial++;
    op->item.hear = desk_hear;
    if (w->verify)
        verify_posted(w, op);
    mail_post(w, &op->item, NODE_NONE);
    op_unref(op);
}

void desk_op_ends(struct world *w, struct op *op)
{
    op->settled = true;
    mail_done(w, &op->item);
}

/* ---- notes ---- */

struct crossing_party *desk_party_asked(struct desk_crossing *c, layer_id layer)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++)
        if (c->pub.parties[i].layer == layer && c->pub.parties[i].phase == PARTY_ASKED)
            return &c->pub.parties[i];
    return NULL;
}

/* Tells the crossing's layer. values: taken over, may be NULL. */
void desk_note(struct world *w, enum op_kind kind, layer_id from, uint64_t hold,
               enum op_outcome outcome, struct evm_changes *values)
{
    struct desk_crossing *c = desk_find(w, hold);
    struct op *op = op_create(kind, from, c ? c->pub.at : from, hold);
    if (!op) {
        if (values)
            evm_changes_fini(values);
        world_out_of_memory(w);
        return;
    }
    op->outcome = (uint8_t)outcome;
    if (values)
        op->values = *values;
    op_sized(op);
    if (c && c->pub.at != from)
        c->pub.bytes += op->item.size;
    desk_post(w, op);
}

void desk_release(struct world *w, layer_id from, layer_id to, uint64_t hold)
{
    struct op *op = op_create(OP_RELEASE, from, to, hold);
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op_sized(op);
    desk_post(w, op);
}

static const char *why(enum op_outcome outcome)
{
    return outcome == OP_REFUSED_GONE     ? "gone"
           : outcome == OP_REFUSED_LOCKED ? "locked"
                                          : "changed";
}

/* A party's answer has come to the crossing's layer. `from`: the party. */
static void hear_note(struct world *w, struct op *op)
{
    struct desk_crossing *c = desk_current(w, op->crossing);
    bool waits = c && c->pub.phase == CROSSING_GATHERS && !c->backing_out;
    void *state;
    if (op->kind == NOTE_SENT) {
        if (waits)
            desk_protocol(w, c, &state)->came(state, &c->pub);
        return;
    }
    layer_id from = op->kind == NOTE_HELD && op->other != LAYER_NONE ? op->other : op->item.from;
    struct crossing_party *p = waits ? desk_party_asked(c, from) : NULL;
    if (!p) /* what it asked for was taken back; RELEASE is on its way */
        return;
    const struct crosslayer_ops *protocol = desk_protocol(w, c, &state);
    if (op->kind == NOTE_REFUSED) {
        p->phase = PARTY_IDLE;
        protocol->refused(state, &c->pub, p, why((enum op_outcome)op->outcome));
        return;
    }
    evm_changes_fini(&p->values);
    if (evm_changes_copy(&p->values, &op->values) != EVM_OK) {
        world_out_of_memory(w);
        return;
    }
    p->phase = op->kind == NOTE_SEEN ? PARTY_IDLE : PARTY_HELD;
    if (op->kind == NOTE_SEEN)
        protocol->read(state, &c->pub, p);
    else
        protocol->held(state, &c->pub, p);
}

/* What the accounts and slots of `like` hold now in a state. */
bool desk_read_values(const struct world *w, const struct evm_state *s,
                      const struct evm_changes *like, struct evm_changes *out)
{
    evm_changes_init(out);
    if (evm_changes_copy(out, like) != EVM_OK)
        return false;
    for (uint32_t i = 0; i < out->account_count; i++) {
        struct evm_account_change *a = &out->accounts[i];
        struct evm_account have;
        evm_state_account(s, &a->addr, &have);
        a->wrote =
            have.exists ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_DELETED;
        a->balance = have.balance;
        a->nonce = have.nonce;
        a->code = have.exists ? evm_codes_find(w->codes, &have.code_hash) : NULL;
        for (uint32_t k = 0; k < a->slot_count; k++)
            evm_state_slot(s, &a->addr, &out->slots[a->first_slot + k].key,
                           &out->slots[a->first_slot + k].value);
    }
    return true;
}

static void answer_look(struct world *w, const struct op *op)
{
    struct evm_changes values;
    if (desk_read_values(w, desk_state(w, op->item.to), &op->values, &values))
        desk_note(w, NOTE_SEEN, op->item.to, op->crossing, OP_DONE, &values);
    else
        world_out_of_memory(w);
}

/* ---- an item has come to its layer ---- */

/* An op that is taken back before any block has it never stands in one. */
static void take_back(struct op *op)
{
    struct op *other = op->cancels;
    if (!other || other->settled || other->kind == OP_EXECUTE)
        return;
    other->withdrawn = true;
}

void desk_hear(struct world *w, struct mail_item *item, node_id node)
{
    struct op *op = op_of(item);
    (void)node;
    if (takeover_hears(w, op))
        return;
    if (op->kind < NOTE_HELD) {
        if (op->kind == OP_RELEASE)
            take_back(op);
        if (vec_push(&w->desk->layers[item->to].inbox, &op) != ERR_OK)
            world_out_of_memory(w);
        else
            mail_ref(item);
        return;
    }
    mail_ref(item);
    desk_op_ends(w, op);
    if (op->kind == NOTE_LOOK)
        answer_look(w, op);
    else
        hear_note(w, op);
    mail_unref(item);
}
