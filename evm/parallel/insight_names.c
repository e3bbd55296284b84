/* Names of locations: known addresses, fields, slots and the owners in mappings. */
#include <stdio.h>
#include <string.h>

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/parallel/insight.h"

static const struct known {
    const char *address, *name;
    int balances;
} known[] = {
#define NAME(address, name, balances) {address, name, balances},
#include "evm/parallel/insight_names.def"
#undef NAME
};
enum { KNOWN = sizeof known / sizeof known[0] };

bool evm_insight_known(size_t i, const char **address, const char **name, int *balances)
{
    if (i >= KNOWN)
        return false;
    *address = known[i].address;
    *name = known[i].name;
    *balances = known[i].balances;
    return true;
}

/* ---- accounts ---- */

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static const struct known *find(const struct evm_addr *addr)
{
    for (size_t i = 0; i < KNOWN; i++) {
        const char *hex = known[i].address + 2;
        size_t k = 0;
        while (k < sizeof addr->b && addr->b[k] == (digit(hex[2 * k]) << 4 | digit(hex[2 * k + 1])))
            k++;
        if (k == sizeof addr->b)
            return &known[i];
    }
    return NULL;
}

/* EIP-7587 keeps 1 to 0x1ff for precompiled contracts; those in use are few. */
static unsigned precompile(const struct evm_addr *addr)
{
    static const uint8_t zeros[18];
    unsigned n = (unsigned)addr->b[18] << 8 | addr->b[19];
    return !memcmp(addr->b, zeros, sizeof zeros) && (n <= 0x11 || n == 0x100) ? n : 0;
}

static void shorten(const struct evm_addr *addr, char out[EVM_INSIGHT_NAME])
{
    const uint8_t *b = addr->b;
    snprintf(out, EVM_INSIGHT_NAME, "0x%02x%02x%02x..%02x%02x", b[0], b[1], b[2], b[18], b[19]);
}

bool evm_insight_account_name(const struct evm_addr *addr, char out[EVM_INSIGHT_NAME])
{
    const struct known *k = find(addr);
    if (k)
        snprintf(out, EVM_INSIGHT_NAME, "%s", k->name);
    else if (precompile(addr))
        snprintf(out, EVM_INSIGHT_NAME, "precompile 0x%02x", precompile(addr));
    else
        shorten(addr, out);
    return k || precompile(addr);
}

/* ---- owners in mappings ---- */

enum {
    SLOTS = 12,     /* mappings are looked for in the first slots */
    WITNESSES = 3,  /* transactions that touch the location are asked for addresses ... */
    CANDIDATES = 24 /* ... so many at most */
};

struct owners {
    struct evm_addr list[CANDIDATES];
    uint32_t count;
    bool transfer; /* a witness called the contract to move tokens */
};

static void add_owner(struct owners *o, const struct evm_addr *addr)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (evm_addr_eq(&o->list[i], addr))
            return;
    if (o->count < CANDIDATES)
        o->list[o->count++] = *addr;
}

/* Words of the input that look like addresses: twelve zero bytes, then something. */
static void add_input(struct owners *o, struct evm_bytes in)
{
    static const uint8_t zeros[12];
    for (size_t at = 4; in.size >= 4 && in.size - at >= 32 && at < 4 + 32 * 16; at += 32) {
        struct evm_addr addr;
        memcpy(addr.b, in.data + at + 12, sizeof addr.b);
        if (!memcmp(in.data + at, zeros, sizeof zeros) && memcmp(addr.b, zeros, sizeof zeros))
            add_owner(o, &addr);
    }
}

static bool touches(const struct evm_access_sets *s, uint32_t tx, const struct evm_hot_key *key)
{
    for (uint32_t k = s->first[tx]; k < s->first[tx + 1]; k++)
        if (evm_insight_place(key, 1, &s->list[k]) == 0)
            return true;
    return false;
}

/* transfer(address,uint256) or transferFrom(address,address,uint256), EIP-20: what that writes in a
 * mapping by a single owner is a balance. */
static bool is_transfer(const struct evm_tx *t, const struct evm_addr *contract)
{
    static const uint8_t transfer[4] = {0xa9, 0x05, 0x9c, 0xbb};
    static const uint8_t transfer_from[4] = {0x23, 0xb8, 0x72, 0xdd};
    return !t->is_create && evm_addr_eq(&t->to, contract) && t->input.size >= 4 &&
           (!memcmp(t->input.data, transfer, 4) || !memcmp(t->input.data, transfer_from, 4));
}

static void witness(struct owners *o, const struct evm_oracle_input *in, uint32_t tx,
                    const struct evm_addr *contract)
{
    const struct evm_access_sets *s = in->sets;
    if (in->txs) {
        const struct evm_tx *t = in->txs[tx];
        o->transfer = o->transfer || is_transfer(t, contract);
        add_owner(o, &t->sender);
        if (!t->is_create)
            add_owner(o, &t->to);
        add_input(o, t->input);
    }
    for (uint32_t k = s->first[tx]; k < s->first[tx + 1]; k++)
        add_owner(o, &s->list[k].addr);
}

/* keccak256(owner as a word, slot as a word) == key? */
static bool is_entry(const struct evm_addr *owner, unsigned slot, const struct evm_u256 *key)
{
    uint8_t preimage[64] = {0};
    struct evm_hash h;
    struct evm_u256 got;
    memcpy(preimage + 12, owner->b, sizeof owner->b);
    preimage[63] = (uint8_t)slot;
    evm_keccak256(&h, (struct evm_bytes){preimage, sizeof preimage});
    evm_u256_load_be(&got, h.b);
    return evm_u256_cmp(&got, key) == 0;
}

struct entry {
    struct evm_addr owner;
    unsigned slot;
    bool transfer;
};

static bool find_entry(const struct evm_oracle_input *in, const struct evm_hot_key *key,
                       struct entry *out)
{
    struct owners o = {.count = 0};
    uint32_t seen = 0;
    for (uint32_t i = key->first_tx; i < in->sets->tx_count && seen < WITNESSES; i++)
        if (touches(in->sets, i, key)) {
            witness(&o, in, i, &key->addr);
            seen++;
        }
    for (uint32_t i = 0; i < o.count; i++)
        for (unsigned n = 0; n < SLOTS; n++)
            if (is_entry(&o.list[i], n, &key->key)) {
                *out = (struct entry){o.list[i], n, o.transfer};
                return true;
            }
    return false;
}

/* ---- locations ---- */

static void slot_name(const struct evm_oracle_input *in, const struct evm_hot_key *key, char *out,
                      size_t size)
{
    const struct evm_u256 *k = &key->key;
    const struct known *contract = find(&key->addr);
    char who[EVM_INSIGHT_NAME];
    struct entry at;
    if (!(k->w[1] | k->w[2] | k->w[3]) && k->w[0] < 10000) {
        snprintf(out, size, "slot %u", (unsigned)k->w[0]);
    } else if (find_entry(in, key, &at)) {
        evm_insight_account_name(&at.owner, who);
        if (contract && contract->balances >= 0 ? contract->balances == (int)at.slot : at.transfer)
            snprintf(out, size, "balances[%.40s]", who);
        else
            snprintf(out, size, "map %u[%.40s]", at.slot, who);
    } else {
        snprintf(out, size, "slot 0x%08x..%04x", (unsigned)(k->w[3] >> 32),
                 (unsigned)(k->w[0] & 0xffff));
    }
}

void evm_insight_key_name(const struct evm_oracle_input *in, const struct evm_hot_key *key,
                          char out[EVM_INSIGHT_NAME])
{
    static const char *const fields[EVM_MV_FIELDS] = {"balance", "nonce", "code", "existence",
                                                      "storage"};
    char who[EVM_INSIGHT_NAME], what[EVM_INSIGHT_NAME / 2];
    evm_insight_account_name(&key->addr, who);
    if (key->kind == EVM_MV_SLOT)
        slot_name(in, key, what, sizeof what);
    else
        snprintf(what, sizeof what, "%s",
                 key->kind < EVM_MV_FIELDS ? fields[key->kind] : "storage");
    snprintf(out, EVM_INSIGHT_NAME, "%.40s.%s", who, what);
}
