/* Gasper: votes on their way: single attestations that aggregators gather, aggregates that everyone
 * hears, and what a proposer packs of them into its block.
 *
 * A vote heard by gossip counts in the fork choice from the next slot on (fork-choice.md,
 * validate_on_attestation), or once its block is there; one in a block counts at once. Aggregates
 * that overlap cannot be added up, so a proposer packs the largest it heard for each data
 * (p2p-interface.md lets everyone ignore what adds nobody). */
#include "models/consensus/pos.h"

#include "evm/core/keccak.h"
#include "sim/base/mem.h"

#include <string.h>

/* Bytes on the wire (SSZ of Electra): AttestationData 128, a signature 96, offsets 4 each.
 * Attestation: offset of its bits, data, signature, committee bits. SignedAggregateAndProof:
 * offset, signature; aggregator, offset, selection proof; an Attestation. SignedBeaconBlock and its
 * body without lists and payload. A bit list ends with one bit more. */
enum {
    ATTESTATION_BYTES = 4 + 128 + 96 + 8,
    AGGREGATE_BYTES = 4 + 96 + 8 + 4 + 96 + ATTESTATION_BYTES,
    BEACON_BYTES = 592,
};

static bool same_data(const struct pos_data *a, const struct pos_data *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static const struct pos_aggregate *aggregate_of(const struct message *m)
{
    return (const struct pos_aggregate *)m->payload;
}

static const uint8_t *seen_of(const struct pos_pending *e)
{
    return e->seen ? e->seen : pos_bits(aggregate_of(e->largest));
}

/* ---- latest messages ---- */

/* update_latest_messages: one of a later epoch replaces. */
void pos_count_vote(struct pos *p, uint32_t validator, uint64_t epoch, uint32_t entry)
{
    struct pos_latest *l = &p->latest[validator];
    uint64_t weight = p->env->validators->weights[validator];
    if (l->epoch > epoch)
        return;
    if (l->entry)
        p->tree[l->entry - 1].weight -= weight;
    p->tree[entry].weight += weight;
    *l = (struct pos_latest){entry + 1, (uint32_t)epoch + 1};
}

static void count_bits(struct pos *p, const struct pos_aggregate *a, const uint8_t *bits,
                       uint32_t entry)
{
    for (uint32_t i = 0; i < a->size; i++)
        if (pos_bit(bits, i))
            pos_count_vote(p, a->members[i], a->data.target.epoch, entry);
}

void pos_count_block(struct pos *p, const struct block *b)
{
    const struct pos_seal *s = pos_seal_of(b);
    for (uint32_t v = 0; v < s->votes; v++) {
        const struct pos_vote *vote = &pos_votes_of(s)[v];
        const uint32_t *voters = pos_voters_of(s, vote);
        uint32_t entry = pos_find(p, &vote->data.head);
        for (uint32_t i = 0; entry != UINT32_MAX && i < vote->count; i++)
            pos_count_vote(p, voters[i], vote->data.target.epoch, entry);
    }
}

/* ---- aggregates heard ---- */

/* False while they must wait: for the next slot, or for the block they vote for. */
static bool apply(struct pos *p, const struct pos_pending *e, uint64_t slot)
{
    const struct pos_aggregate *a = aggregate_of(e->largest);
    uint32_t entry = a->data.slot < slot ? pos_find(p, &a->data.head) : UINT32_MAX;
    if (entry == UINT32_MAX)
        return false;
    count_bits(p, a, seen_of(e), entry);
    return true;
}

void pos_apply_deferred(struct pos *p, uint64_t slot)
{
    uint32_t left = 0;
    for (uint32_t i = p->pool_count, todo = p->deferred; i-- > 0 && todo > 0;) {
        struct pos_pending *e = &p->pool[i];
        if (!e->deferred)
            continue;
        todo--;
        e->deferred = !apply(p, e, slot);
        left += e->deferred;
    }
    p->deferred = left;
}

static void drop_pending(struct pos *p, struct pos_pending *e)
{
    p->deferred -= e->deferred;
    message_unref(e->largest);
    mem_free(e->seen);
}

/* No block can hold them any more. */
void pos_forget_old(struct pos *p, uint64_t epoch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->pool_count; i++) {
        if (aggregate_of(p->pool[i].largest)->data.target.epoch + 1 < epoch)
            drop_pending(p, &p->pool[i]);
        else
            p->pool[kept++] = p->pool[i];
    }
    p->pool_count = kept;
}

static struct pos_pending *find_pending(const struct pos *p, const struct pos_data *data)
{
    for (uint32_t i = p->pool_count; i-- > 0;)
        if (same_data(&aggregate_of(p->pool[i].largest)->data, data))
            return &p->pool[i];
    return NULL;
}

/* const is dropped to count a reference; the message itself is not changed */
static struct message *keep(const struct message *m)
{
    return message_ref((struct message *)(uintptr_t)m);
}

static struct pos_pending *new_pending(struct pos *p, const struct message *m)
{
    if (p->pool_count == p->pool_room) {
        uint32_t room = p->pool_room ? p->pool_room * 2 : 8;
        struct pos_pending *pool = mem_resize(p->pool, room, sizeof *pool);
        if (!pool)
            return NULL;
        p->pool = pool;
        p->pool_room = room;
    }
    p->pool[p->pool_count] = (struct pos_pending){.largest = keep(m)};
    return &p->pool[p->pool_count++];
}

/* Takes in who is new. False if nobody is, or memory is out. */
static bool merge(struct pos_pending *e, const struct message *m)
{
    const struct pos_aggregate *a = aggregate_of(m);
    const uint8_t *bits = pos_bits(a), *seen = seen_of(e);
    size_t bytes = pos_bit_bytes(a->size);
    bool news = false, superset = true;
    for (size_t i = 0; i < bytes; i++) {
        news |= (bits[i] & ~seen[i]) != 0;
        superset &= (seen[i] & ~bits[i]) == 0;
    }
    if (news && superset) {
        mem_free(e->seen);
        e->seen = NULL;
    } else if (news) {
        if (!e->seen) {
            e->seen = mem_alloc(bytes, 1);
            if (!e->seen)
                return false;
            memcpy(e->seen, seen, bytes);
        }
        for (size_t i = 0; i < bytes; i++)
            e->seen[i] |= bits[i];
    }
    if (a->count > aggregate_of(e->largest)->count) {
        struct message *old = e->largest;
        e->largest = keep(m);
        message_unref(old);
    }
    return news;
}

void pos_hear(struct pos *p, node_id from, const struct message *m)
{
    const struct pos_aggregate *a = aggregate_of(m);
    uint64_t slot = pos_slot_now(p);
    if (a->data.slot > slot || a->data.target.epoch + 1 < slot / p->cfg->slots_per_epoch)
        return;
    struct pos_pending *e = find_pending(p, &a->data);
    if (e && !merge(e, m))
        return;
    if (!e && !(e = new_pending(p, m)))
        return;
    if (!e->deferred && !apply(p, e, slot)) {
        e->deferred = true;
        p->deferred++;
        if (a->data.slot < slot && a->data.head_height > p->head->height)
            env_behind(p->env, from, a->data.head_height);
    }
}

/* ---- packing a block ---- */

static uint32_t new_voters(const uint64_t *set, const struct pos_aggregate *a)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->size; i++) {
        uint32_t v = a->members[i];
        count += pos_bit(pos_bits(a), i) && !(set[v / 64] >> (v % 64) & 1);
    }
    return count;
}

/* The aggregate that adds most to the draft, the earlier one of two alike. */
static const struct pos_aggregate *best_of(const struct pos *p, struct pos_draft *d)
{
    const struct pos_aggregate *best = NULL;
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->pool_count; i++) {
        const struct pos_aggregate *a = aggregate_of(p->pool[i].largest);
        uint64_t *set = pos_draft_set(d, &a->data);
        uint32_t adds = set ? new_voters(set, a) : 0;
        if (adds > most) {
            most = adds;
            best = a;
        }
    }
    return best;
}

/* EIP-7549: committees of a slot that say the same share one attestation. */
static uint32_t wire_bytes(const struct pos_aggregate *const *chosen, uint32_t count)
{
    uint32_t bytes = BEACON_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        bool shared = false;
        for (uint32_t j = 0; j < i && !shared; j++)
            shared = chosen[j]->data.slot == chosen[i]->data.slot &&
                     evm_hash_eq(&chosen[j]->data.head, &chosen[i]->data.head) &&
                     evm_hash_eq(&chosen[j]->data.target.root, &chosen[i]->data.target.root);
        bytes += (shared ? 0 : 4 + ATTESTATION_BYTES + 1) + chosen[i]->size / 8;
    }
    return bytes;
}

static struct block_seal *seal_of(const struct pos_draft *d,
                                  const struct pos_aggregate *const *chosen, uint32_t count)
{
    uint32_t voters = 0;
    for (uint32_t i = 0; i < count; i++)
        voters += chosen[i]->count;
    size_t sets = (size_t)POS_SETS * d->words * sizeof(uint64_t);
    size_t votes = count * sizeof(struct pos_vote) + voters * sizeof(uint32_t);
    struct block_seal *out = block_seal_create(sizeof(struct pos_seal) + sets + votes);
    if (!out)
        return NULL;
    struct pos_seal *s = (struct pos_seal *)out->payload;
    s->state = d->state;
    s->words = d->words;
    s->votes = count;
    memcpy(s->data, d->sets, sets);
    struct pos_vote *vote = (struct pos_vote *)(s->data + (size_t)POS_SETS * d->words);
    uint32_t *voter = (uint32_t *)(vote + count);
    for (uint32_t i = 0; i < count; i++, vote++) {
        *vote = (struct pos_vote){chosen[i]->data, s->voters, chosen[i]->count};
        for (uint32_t k = 0; k < chosen[i]->size; k++)
            if (pos_bit(pos_bits(chosen[i]), k))
                voter[s->voters++] = chosen[i]->members[k];
    }
    out->size = wire_bytes(chosen, count);
    evm_keccak256(&out->hash, (struct evm_bytes){(uint8_t *)s->data + sets, votes});
    return out;
}

struct block_seal *pos_pack(struct pos *p, const struct block *parent, uint64_t slot)
{
    struct pos_committees c = pos_committees(p);
    uint32_t most = (uint32_t)p->cfg->block_attestations * c.per_slot, count = 0;
    const struct pos_aggregate **chosen = mem_alloc(most, sizeof *chosen), *next;
    struct block_seal *out = NULL;
    struct pos_draft d;
    if (chosen && pos_draft_begin(&d, p->env->validators, p->cfg->slots_per_epoch, parent, slot)) {
        while (count < most && (next = best_of(p, &d))) {
            uint64_t *set = pos_draft_set(&d, &next->data);
            for (uint32_t i = 0; i < next->size; i++)
                if (pos_bit(pos_bits(next), i))
                    pos_draft_vote(&d, set, next->members[i]);
            chosen[count++] = next;
        }
        pos_draft_pull_up(&d);
        out = seal_of(&d, chosen, count);
        pos_draft_end(&d);
    }
    mem_free((void *)(uintptr_t)chosen);
    return out;
}

/* ---- an aggregator's own committee ---- */

void pos_gather_one(struct pos *p, const struct pos_data *data, uint32_t position)
{
    struct pos_committees c = pos_committees(p);
    uint32_t first, size, i = 0;
    pos_committee(&c, data->slot, (uint32_t)data->committee, &first, &size);
    if (position >= size)
        return;
    if (!p->gather)
        p->gather = mem_zalloc(POS_GATHER_MAX, sizeof *p->gather);
    if (!p->gather)
        return;
    while (i < p->gather_count && !same_data(&p->gather[i].data, data))
        i++;
    if (i == POS_GATHER_MAX)
        return;
    struct pos_gather *g = &p->gather[i];
    if (i == p->gather_count) {
        uint8_t *bits = mem_zalloc(pos_bit_bytes(size), 1);
        if (!bits)
            return;
        *g = (struct pos_gather){.data = *data, .bits = bits};
        p->gather_count++;
    }
    g->count += !pos_bit(g->bits, position);
    g->bits[position / 8] |= (uint8_t)(1 << position % 8);
}

/* The aggregate of what this node itself attested to; NULL: nothing gathered, or memory is out. */
struct message *pos_aggregate_message(struct pos *p)
{
    struct pos_committees c = pos_committees(p);
    uint32_t first, size, i = 0;
    while (i < p->gather_count && !same_data(&p->gather[i].data, &p->said))
        i++;
    if (i == p->gather_count)
        return NULL;
    pos_committee(&c, p->said.slot, (uint32_t)p->said.committee, &first, &size);
    size_t bytes = sizeof(struct pos_aggregate) + size * sizeof(uint32_t) + pos_bit_bytes(size);
    struct message *m = message_create(CHANNEL_CONSENSUS, POS_AGGREGATE, bytes);
    if (!m)
        return NULL;
    struct pos_aggregate *a = (struct pos_aggregate *)m->payload;
    a->data = p->said;
    a->size = size;
    a->count = p->gather[i].count;
    for (uint32_t k = 0; k < size; k++)
        a->members[k] = pos_shuffled(&c, p->said.target.epoch, first + k);
    memcpy(pos_bits(a), p->gather[i].bits, pos_bit_bytes(size));
    m->size = AGGREGATE_BYTES + size / 8 + 1;
    m->signature_kind = SIGNATURE_BLS;
    m->signs = 2;    /* the selection proof; the message */
    m->verifies = 3; /* those two and the aggregate */
    m->keys = a->count;
    return m;
}

void pos_gather_clear(struct pos *p)
{
    for (uint32_t i = 0; i < p->gather_count; i++)
        mem_free(p->gather[i].bits);
    mem_free(p->gather);
    p->gather = NULL;
    p->gather_count = 0;
}

void pos_votes_fini(struct pos *p)
{
    pos_gather_clear(p);
    for (uint32_t i = 0; i < p->pool_count; i++)
        drop_pending(p, &p->pool[i]);
    mem_free(p->pool);
    p->pool_count = 0;
}
