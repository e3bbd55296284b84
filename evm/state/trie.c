#include "evm/state/trie.h"

#include <stdatomic.h>

#include "evm/core/alloc.h"
#include "evm/core/code.h"
#include "evm/core/keccak.h"
#include "evm/state/trie_internal.h"

/* Nodes name nibbles by their absolute place in the key. A leaf and an extension keep a whole key
 * (for an extension any key below it will do), so moving them up or down copies no paths. */
enum node_kind { NODE_LEAF, NODE_EXTENSION, NODE_BRANCH };

struct evm_trie_node {
    _Atomic uint32_t refs;
    uint16_t bits; /* branch: which children there are */
    uint8_t kind;
    uint8_t from, to; /* nibbles the node takes; a leaf's end is 64 */
    uint8_t value_size;
    struct trie_ref ref; /* size 0 until hashed */
};

struct leaf {
    struct evm_trie_node head;
    uint8_t key[32];
    uint8_t value[];
};

struct extension {
    struct evm_trie_node head;
    uint8_t key[32];
    struct evm_trie_node *child; /* always a branch */
};

struct branch {
    struct evm_trie_node head;
    struct evm_trie_node *child[]; /* as many as bits are set, in order */
};

#define KEY_NIBBLES 64u

/* ---- references ------------------------------------------------------------------------------ */

struct evm_trie_node *evm_trie_ref(struct evm_trie_node *node)
{
    if (node)
        atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

static unsigned child_count(const struct evm_trie_node *n)
{
    return (unsigned)__builtin_popcount(n->bits);
}

static size_t node_bytes(const struct evm_trie_node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_LEAF: return sizeof(struct leaf) + n->value_size;
    case NODE_EXTENSION: return sizeof(struct extension);
    case NODE_BRANCH: break;
    }
    return sizeof(struct branch) + child_count(n) * sizeof(struct evm_trie_node *);
}

/* Recursion is bounded by the 64 nibbles of a key. */
size_t evm_trie_unref(struct evm_trie_node *n)
{
    if (!n || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
        return 0;
    size_t freed = node_bytes(n);
    if (n->kind == NODE_EXTENSION)
        freed += evm_trie_unref(((struct extension *)n)->child);
    if (n->kind == NODE_BRANCH)
        for (unsigned i = 0; i < child_count(n); i++)
            freed += evm_trie_unref(((struct branch *)n)->child[i]);
    free(n);
    return freed;
}

/* ---- making nodes ---------------------------------------------------------------------------- */

/* One update. NULL is a good trie, so running out of memory is told by the flag. */
struct update {
    bool failed;
    size_t bytes;
};

static void *node_make(struct update *u, size_t size, enum node_kind kind, unsigned from,
                       unsigned to)
{
    struct evm_trie_node *n = evm_malloc(size);
    if (!n) {
        u->failed = true;
        return NULL;
    }
    *n = (struct evm_trie_node){.kind = (uint8_t)kind, .from = (uint8_t)from, .to = (uint8_t)to};
    atomic_init(&n->refs, 1);
    u->bytes += size;
    return n;
}

static struct evm_trie_node *leaf_make(struct update *u, const uint8_t key[32], unsigned from,
                                       struct evm_bytes value)
{
    struct leaf *l = node_make(u, sizeof *l + value.size, NODE_LEAF, from, KEY_NIBBLES);
    if (!l)
        return NULL;
    l->head.value_size = (uint8_t)value.size;
    memcpy(l->key, key, sizeof l->key);
    memcpy(l->value, value.data, value.size);
    return &l->head;
}

/* Takes the reference on child, also when it fails. */
static struct evm_trie_node *extension_make(struct update *u, const uint8_t key[32], unsigned from,
                                            unsigned to, struct evm_trie_node *child)
{
    struct extension *e = node_make(u, sizeof *e, NODE_EXTENSION, from, to);
    if (!e) {
        u->bytes -= evm_trie_unref(child);
        return NULL;
    }
    memcpy(e->key, key, sizeof e->key);
    e->child = child;
    return &e->head;
}

/* The node, whose path began at nibble `at`, with a path that begins at `from` < at instead; the
 * nibbles between come from key. Takes the reference on n and gives one back. */
static struct evm_trie_node *lift(struct update *u, struct evm_trie_node *n, const uint8_t key[32],
                                  unsigned from, unsigned at)
{
    struct evm_trie_node *out = NULL;
    if (!n || from == at)
        return n;
    if (n->kind == NODE_BRANCH)
        return extension_make(u, key, from, at, n);
    if (n->kind == NODE_LEAF) {
        const struct leaf *l = (const struct leaf *)n;
        out = leaf_make(u, l->key, from, (struct evm_bytes){l->value, n->value_size});
    } else {
        const struct extension *e = (const struct extension *)n;
        out = extension_make(u, e->key, from, n->to, evm_trie_ref(e->child));
    }
    u->bytes -= evm_trie_unref(n);
    return out;
}

/* A node for the 16 children that a branch at nibble `at` would have, its path beginning at `from`;
 * key gives the nibbles before `at`. Takes the references on the children. */
static struct evm_trie_node *branch_make(struct update *u, struct evm_trie_node *child[16],
                                         const uint8_t key[32], unsigned from, unsigned at)
{
    unsigned count = 0, only = 0, bits = 0;
    for (unsigned i = 0; i < 16; i++)
        if (child[i]) {
            count++;
            only = i;
            bits |= 1u << i;
        }
    struct branch *b = NULL;
    if (!u->failed && count > 1)
        b = node_make(u, sizeof *b + count * sizeof b->child[0], NODE_BRANCH, at, at + 1);
    if (u->failed) {
        for (unsigned i = 0; i < 16; i++)
            u->bytes -= evm_trie_unref(child[i]);
        return NULL;
    }
    if (count == 0)
        return NULL;
    if (count == 1) {
        uint8_t path[32];
        memcpy(path, key, sizeof path);
        unsigned other = path[at / 2];
        path[at / 2] = (uint8_t)(at & 1 ? (other & 0xf0) | only : (other & 0x0f) | only << 4);
        return lift(u, child[only], path, from, at + 1);
    }
    b->head.bits = (uint16_t)bits;
    for (unsigned i = 0, k = 0; i < 16; i++)
        if (child[i])
            b->child[k++] = child[i];
    return lift(u, &b->head, key, from, at);
}

/* ---- update ---------------------------------------------------------------------------------- */

/* First nibble at or after `from` where the keys differ, at most `to`. */
static unsigned diverge(const uint8_t *a, const uint8_t *b, unsigned from, unsigned to)
{
    while (from < to && trie_nibble(a, from) == trie_nibble(b, from))
        from++;
    return from;
}

static struct evm_trie_node *update(struct update *u, struct evm_trie_node *old, unsigned from,
                                    const struct evm_trie_item *items, size_t n);

/* Deals the items out to the children by nibble `at`; child[] holds borrowed old children and gets
 * owned new ones. */
static void update_children(struct update *u, struct evm_trie_node *child[16], unsigned at,
                            const struct evm_trie_item *items, size_t n)
{
    for (unsigned x = 0; x < 16; x++) {
        size_t k = 0;
        while (k < n && trie_nibble(items[k].key.b, at) == x)
            k++;
        child[x] = u->failed ? NULL : update(u, child[x], at + 1, items, k);
        items += k;
        n -= k;
    }
}

static struct evm_trie_node *update_branch(struct update *u, struct evm_trie_node *old,
                                           const struct evm_trie_item *items, size_t n)
{
    const struct branch *b = (const struct branch *)old;
    struct evm_trie_node *child[16] = {0};
    unsigned k = 0, at = old->from;
    for (unsigned x = 0; x < 16; x++)
        if (old->bits >> x & 1)
            child[x] = b->child[k++];
    update_children(u, child, at, items, n);

    bool same = !u->failed;
    for (unsigned x = 0, i = 0; x < 16; x++)
        same = same && child[x] == (old->bits >> x & 1 ? b->child[i++] : NULL);
    if (!same)
        return branch_make(u, child, items[0].key.b, at, at);
    for (unsigned x = 0; x < 16; x++)
        evm_trie_unref(child[x]);
    return evm_trie_ref(old);
}

/* Items that part from each other, or from the old leaf or extension, at nibble `at`: a branch
 * there, with what the old node is below it among its children. */
static struct evm_trie_node *split(struct update *u, struct evm_trie_node *old,
                                   const uint8_t *old_key, unsigned from, unsigned at,
                                   const struct evm_trie_item *items, size_t n)
{
    struct evm_trie_node *child[16] = {0}, *rest = NULL;
    if (old && old->kind == NODE_LEAF)
        rest = evm_trie_ref(old);
    else if (old) {
        const struct extension *e = (const struct extension *)old;
        rest = evm_trie_ref(e->child);
        if (at + 1 < old->to)
            rest = extension_make(u, e->key, at + 1, old->to, rest);
    }
    if (rest)
        child[trie_nibble(old_key, at)] = rest;
    update_children(u, child, at, items, n);
    if (rest)
        u->bytes -= evm_trie_unref(rest);
    return branch_make(u, child, items[0].key.b, from, at);
}

static struct evm_trie_node *update_leaf(struct update *u, struct evm_trie_node *old, unsigned from,
                                         const struct evm_trie_item *items, size_t n)
{
    const struct leaf *l = (const struct leaf *)old;
    unsigned at = diverge(items[0].key.b, l->key, from, KEY_NIBBLES);
    if (n == 1) {
        const struct evm_trie_item *it = &items[0];
        bool here = at == KEY_NIBBLES;
        bool same = here && it->value.size == old->value_size &&
                    memcmp(it->value.data, l->value, old->value_size) == 0;
        if (same || (!here && it->value.size == 0))
            return lift(u, evm_trie_ref(old), l->key, from, old->from);
        if (here)
            return it->value.size ? leaf_make(u, it->key.b, from, it->value) : NULL;
    }
    at = diverge(items[0].key.b, items[n - 1].key.b, from, at);
    return split(u, old, l->key, from, at, items, n);
}

static struct evm_trie_node *update_extension(struct update *u, struct evm_trie_node *old,
                                              unsigned from, const struct evm_trie_item *items,
                                              size_t n)
{
    const struct extension *e = (const struct extension *)old;
    unsigned at = diverge(items[0].key.b, e->key, from, old->to);
    at = diverge(items[0].key.b, items[n - 1].key.b, from, at);
    if (at < old->to)
        return split(u, old, e->key, from, at, items, n);
    struct evm_trie_node *child = update(u, e->child, old->to, items, n);
    if (child == e->child) {
        evm_trie_unref(child);
        return evm_trie_ref(old);
    }
    return lift(u, child, e->key, from, old->to);
}

/* The trie at `old` (whose path may begin anywhere at or above `from`, because a leaf carries its
 * whole key) with n items written, as a node whose path begins at `from`. */
static struct evm_trie_node *update(struct update *u, struct evm_trie_node *old, unsigned from,
                                    const struct evm_trie_item *items, size_t n)
{
    if (old && old->kind == NODE_LEAF && n == 0 && old->from != from) {
        const struct leaf *l = (const struct leaf *)old;
        return leaf_make(u, l->key, from, (struct evm_bytes){l->value, old->value_size});
    }
    if (n == 0)
        return evm_trie_ref(old);
    if (!old && n == 1)
        return items[0].value.size ? leaf_make(u, items[0].key.b, from, items[0].value) : NULL;
    if (!old) {
        unsigned at = diverge(items[0].key.b, items[n - 1].key.b, from, KEY_NIBBLES);
        return split(u, NULL, NULL, from, at, items, n);
    }
    switch ((enum node_kind)old->kind) {
    case NODE_LEAF: return update_leaf(u, old, from, items, n);
    case NODE_EXTENSION: return update_extension(u, old, from, items, n);
    case NODE_BRANCH: break;
    }
    return update_branch(u, old, items, n);
}

/* ---- hashing --------------------------------------------------------------------------------- */

/* The payload of the node's RLP list at p. */
static size_t encode(const struct evm_trie_node *n, uint8_t *p)
{
    uint8_t *start = p;
    if (n->kind == NODE_LEAF) {
        const struct leaf *l = (const struct leaf *)n;
        p += trie_put_path(p, l->key, n->from, n->to, true);
        if (n->value_size > 1 || l->value[0] >= 0x80)
            p += trie_put_prefix(p, 0x80, n->value_size);
        memcpy(p, l->value, n->value_size);
        return (size_t)(p - start) + n->value_size;
    }
    if (n->kind == NODE_EXTENSION) {
        const struct extension *e = (const struct extension *)n;
        p += trie_put_path(p, e->key, n->from, n->to, false);
        p += trie_put_ref(p, &e->child->ref);
        return (size_t)(p - start);
    }
    const struct branch *b = (const struct branch *)n;
    for (unsigned x = 0, k = 0; x < 16; x++) {
        if (n->bits >> x & 1)
            p += trie_put_ref(p, &b->child[k++]->ref);
        else
            *p++ = 0x80;
    }
    *p++ = 0x80; /* keys all have the same length, so no branch has a value */
    return (size_t)(p - start);
}

/* Room for the longest node, a branch: prefix, 16 references of 33 bytes and an empty value. */
#define NODE_MAX (4 + 16 * 33 + 1)

/* The node's RLP, somewhere in buf. */
static struct evm_bytes encode_list(const struct evm_trie_node *n, uint8_t buf[NODE_MAX])
{
    uint8_t prefix[9], *payload = buf + 4;
    size_t size = encode(n, payload);
    size_t head = trie_put_prefix(prefix, 0xc0, size);
    memcpy(payload - head, prefix, head);
    return (struct evm_bytes){payload - head, head + size};
}

/* Gives every new node below n, and n, its reference, one after another; children first. */
static uint64_t permutations(size_t size)
{
    return size < 32 ? 0 : size / EVM_KECCAK_RATE + 1;
}

static void hash_each(struct evm_trie_node *n, uint64_t *cost)
{
    uint8_t buf[NODE_MAX];
    if (n->ref.size)
        return;
    if (n->kind == NODE_EXTENSION)
        hash_each(((struct extension *)n)->child, cost);
    if (n->kind == NODE_BRANCH)
        for (unsigned i = 0; i < child_count(n); i++)
            hash_each(((struct branch *)n)->child[i], cost);
    struct evm_bytes rlp = encode_list(n, buf);
    trie_make_ref(&n->ref, rlp.data, rlp.size);
    *cost += permutations(rlp.size);
}

/* Four hashes at once cost less than two, so new nodes are put in an order in which neighbours do
 * not depend on each other and are about as long: the deepest first (a child begins further down
 * the key than its parent), and by Keccak blocks among equals. */
#define BLOCKS_MAX  5u
#define ORDER_SLOTS ((KEY_NIBBLES + 1) * BLOCKS_MAX)

static unsigned order_slot(const struct evm_trie_node *n)
{
    unsigned size = n->kind == NODE_BRANCH ? 20 + 32 * child_count(n) : 0;
    return (KEY_NIBBLES - n->from) * BLOCKS_MAX + size / EVM_KECCAK_RATE;
}

static size_t count_new(const struct evm_trie_node *n, uint32_t count[ORDER_SLOTS])
{
    if (n->ref.size)
        return 0;
    size_t total = 1;
    count[order_slot(n)]++;
    if (n->kind == NODE_EXTENSION)
        total += count_new(((const struct extension *)n)->child, count);
    if (n->kind == NODE_BRANCH)
        for (unsigned i = 0; i < child_count(n); i++)
            total += count_new(((const struct branch *)n)->child[i], count);
    return total;
}

static void place_new(struct evm_trie_node *n, uint32_t next[ORDER_SLOTS],
                      struct evm_trie_node **order)
{
    if (n->ref.size)
        return;
    order[next[order_slot(n)]++] = n;
    if (n->kind == NODE_EXTENSION)
        place_new(((struct extension *)n)->child, next, order);
    if (n->kind == NODE_BRANCH)
        for (unsigned i = 0; i < child_count(n); i++)
            place_new(((struct branch *)n)->child[i], next, order);
}

/* References of up to four nodes that do not depend on each other. */
static void hash_group(struct evm_trie_node **nodes, unsigned n, uint64_t *cost)
{
    uint8_t buf[4][NODE_MAX];
    struct evm_bytes in[4];
    struct evm_hash out[4];
    for (unsigned i = 0; i < 4; i++)
        in[i] = i < n ? encode_list(nodes[i], buf[i]) : (struct evm_bytes){NULL, 0};
    if (n > 1)
        evm_keccak256_x4(out, in);
    for (unsigned i = 0; i < n; i++) {
        *cost += permutations(in[i].size);
        if (n == 1 || in[i].size < 32) {
            trie_make_ref(&nodes[i]->ref, in[i].data, in[i].size);
            continue;
        }
        memcpy(nodes[i]->ref.bytes, out[i].b, sizeof out[i].b);
        nodes[i]->ref.size = 32;
    }
}

static void hash_new(struct evm_trie_node *root, uint64_t *cost)
{
    uint32_t slot[ORDER_SLOTS] = {0}, at = 0;
    size_t total = count_new(root, slot);
    struct evm_trie_node **order =
        total > 3 ? evm_malloc(total * sizeof(struct evm_trie_node *)) : NULL;
    if (!order) {
        hash_each(root, cost);
        return;
    }
    for (unsigned k = 0; k < ORDER_SLOTS; k++) {
        uint32_t n = slot[k];
        slot[k] = at;
        at += n;
    }
    place_new(root, slot, order);
    for (size_t i = 0, n; i < total; i += n) {
        for (n = 1; n < 4 && i + n < total && order[i + n]->from == order[i]->from;)
            n++;
        hash_group(order + i, (unsigned)n, cost);
    }
    free(order);
}

/* ---- the interface --------------------------------------------------------------------------- */

enum evm_status evm_trie_update(struct evm_trie_node *old, const struct evm_trie_item *items,
                                size_t n, struct evm_trie_node **out, struct evm_trie_cost *cost)
{
    struct update u = {0};
    struct evm_trie_node *root = update(&u, old, 0, items, n);
    *out = NULL;
    if (u.failed) {
        evm_trie_unref(root);
        return EVM_ERR_MEMORY;
    }
    uint64_t hashed = 0;
    if (root)
        hash_new(root, &hashed);
    if (cost) {
        cost->bytes += u.bytes;
        cost->permutations += hashed;
    }
    *out = root;
    return EVM_OK;
}

void evm_trie_root(const struct evm_trie_node *root, struct evm_hash *out)
{
    if (!root)
        *out = evm_empty_trie_root;
    else if (root->ref.size == 32)
        memcpy(out->b, root->ref.bytes, 32);
    else
        evm_keccak256(out, (struct evm_bytes){root->ref.bytes, root->ref.size});
}
