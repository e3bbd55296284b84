/* Roots of plain keys and values, without keeping nodes; and the encoding both tries share. */
#include "evm/core/alloc.h"
#include "evm/core/code.h"
#include "evm/core/keccak.h"
#include "evm/state/trie_internal.h"

/* ---- encoding -------------------------------------------------------------------------------- */

size_t trie_put_prefix(uint8_t *p, unsigned offset, size_t size)
{
    if (size < 56) {
        *p = (uint8_t)(offset + size);
        return 1;
    }
    unsigned bytes = 0;
    for (size_t rest = size; rest; rest >>= 8)
        bytes++;
    *p++ = (uint8_t)(offset + 55 + bytes);
    for (unsigned i = bytes; i-- > 0;)
        *p++ = (uint8_t)(size >> (8 * i));
    return bytes + 1;
}

size_t trie_put_path(uint8_t *p, const uint8_t *key, size_t from, size_t to, bool leaf)
{
    bool odd = (to - from) & 1;
    size_t size = (to - from) / 2 + 1, head = 0;
    unsigned flags = (leaf ? 2u : 0u) + odd;
    if (size > 1)
        head = trie_put_prefix(p, 0x80, size); /* a single flag byte is below 0x80: its own RLP */
    p += head;
    *p++ = (uint8_t)(flags << 4 | (odd ? trie_nibble(key, from) : 0));
    size_t i = from + odd;
    if (i % 2 == 0) { /* whole bytes of the key: always so in a leaf of even length */
        memcpy(p, key + i / 2, size - 1);
        return head + size;
    }
    for (; i < to; i += 2)
        *p++ = (uint8_t)(trie_nibble(key, i) << 4 | trie_nibble(key, i + 1));
    return head + size;
}

size_t trie_put_ref(uint8_t *p, const struct trie_ref *ref)
{
    size_t head = 0;
    if (ref->size == 32)
        p[head++] = 0xa0;
    memcpy(p + head, ref->bytes, ref->size);
    return head + ref->size;
}

void trie_make_ref(struct trie_ref *out, const uint8_t *rlp, size_t size)
{
    if (size < 32) {
        memcpy(out->bytes, rlp, size);
        out->size = (uint8_t)size;
        return;
    }
    struct evm_hash h;
    evm_keccak256(&h, (struct evm_bytes){rlp, size});
    memcpy(out->bytes, h.b, sizeof h.b);
    out->size = 32;
}

/* ---- plain pairs ----------------------------------------------------------------------------- */

/* The reference of the node whose payload is a || b, where b (a value) may be long and is preceded
 * by its own string prefix. */
static void ref_of(struct trie_ref *out, const uint8_t *a, size_t a_size, struct evm_bytes b,
                   bool has_b)
{
    uint8_t list[9], string[9], small[32];
    size_t s = 0;
    if (has_b && (b.size != 1 || b.data[0] >= 0x80))
        s = trie_put_prefix(string, 0x80, b.size);
    size_t payload = a_size + s + b.size, l = trie_put_prefix(list, 0xc0, payload);
    if (l + payload < 32) {
        memcpy(small, list, l);
        memcpy(small + l, a, a_size);
        memcpy(small + l + a_size, string, s);
        if (b.size)
            memcpy(small + l + a_size + s, b.data, b.size);
        trie_make_ref(out, small, l + payload);
        return;
    }
    struct evm_keccak k;
    struct evm_hash h;
    evm_keccak_init(&k);
    evm_keccak_update(&k, (struct evm_bytes){list, l});
    evm_keccak_update(&k, (struct evm_bytes){a, a_size});
    evm_keccak_update(&k, (struct evm_bytes){string, s});
    evm_keccak_update(&k, b);
    evm_keccak_final(&k, &h);
    memcpy(out->bytes, h.b, sizeof h.b);
    out->size = 32;
}

struct builder {
    uint8_t *path; /* scratch for one encoded path */
};

static size_t nibbles(const struct evm_trie_pair *p)
{
    return p->key.size * 2;
}

/* Pairs ascend by key, differ, and agree in all nibbles before `from`. The depth of the recursion
 * is at most the number of pairs. */
static void build(const struct builder *w, const struct evm_trie_pair *const *pairs, size_t n,
                  size_t from, struct trie_ref *out)
{
    const struct evm_bytes none = {NULL, 0};
    const struct evm_trie_pair *first = pairs[0], *last = pairs[n - 1];
    if (n == 1) {
        size_t size = trie_put_path(w->path, first->key.data, from, nibbles(first), true);
        ref_of(out, w->path, size, first->value, true);
        return;
    }
    /* Between the first and the last key lie all others, so their common part is everybody's. */
    size_t at = from;
    while (at < nibbles(first) && at < nibbles(last) &&
           trie_nibble(first->key.data, at) == trie_nibble(last->key.data, at))
        at++;
    struct trie_ref child;
    uint8_t buf[16 * 33], *p = buf;
    struct evm_bytes value = none;
    const struct evm_trie_pair *const *rest = pairs;
    if (nibbles(first) == at) {
        value = first->value;
        rest++;
        n--;
    }
    for (unsigned x = 0; x < 16; x++) {
        size_t k = 0;
        while (k < n && trie_nibble(rest[k]->key.data, at) == x)
            k++;
        if (k == 0) {
            *p++ = 0x80;
            continue;
        }
        build(w, rest, k, at + 1, &child);
        p += trie_put_ref(p, &child);
        rest += k;
        n -= k;
    }
    ref_of(out, buf, (size_t)(p - buf), value, true);
    if (at == from)
        return;
    size_t size = trie_put_path(w->path, first->key.data, from, at, false);
    size += trie_put_ref(w->path + size, out);
    ref_of(out, w->path, size, none, false);
}

static int pair_order(const void *x, const void *y)
{
    const struct evm_trie_pair *a = *(const struct evm_trie_pair *const *)x;
    const struct evm_trie_pair *b = *(const struct evm_trie_pair *const *)y;
    size_t common = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = common ? memcmp(a->key.data, b->key.data, common) : 0;
    return order ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

enum evm_status evm_trie_root_of_pairs(const struct evm_trie_pair *pairs, size_t n,
                                       struct evm_hash *out)
{
    size_t longest = 0, count = 0;
    const struct evm_trie_pair **sorted = evm_malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return EVM_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].value.size == 0)
            continue;
        sorted[count++] = &pairs[i];
        if (pairs[i].key.size > longest)
            longest = pairs[i].key.size;
    }
    struct builder w = {.path = evm_malloc(longest + 64)};
    if (!w.path) {
        free(sorted);
        return EVM_ERR_MEMORY;
    }
    if (count == 0) {
        *out = evm_empty_trie_root;
    } else {
        struct trie_ref root;
        qsort(sorted, count, sizeof *sorted, pair_order);
        build(&w, sorted, count, 0, &root);
        if (root.size == 32)
            memcpy(out->b, root.bytes, sizeof out->b);
        else
            evm_keccak256(out, (struct evm_bytes){root.bytes, root.size});
    }
    free(w.path);
    free(sorted);
    return EVM_OK;
}

/* rlp(i), at most 9 bytes. */
static size_t index_key(uint8_t *p, size_t i)
{
    unsigned bytes = 0;
    for (size_t rest = i; rest; rest >>= 8)
        bytes++;
    if (bytes == 1 && i < 0x80) {
        *p = (uint8_t)i;
        return 1;
    }
    *p++ = (uint8_t)(0x80 + bytes);
    for (unsigned k = bytes; k-- > 0;)
        *p++ = (uint8_t)(i >> (8 * k));
    return bytes + 1;
}

enum evm_status evm_trie_root_of_list(const struct evm_bytes *values, size_t n,
                                      struct evm_hash *out)
{
    struct evm_trie_pair *pairs = evm_malloc((n + 1) * (sizeof *pairs + 9));
    if (!pairs)
        return EVM_ERR_MEMORY;
    uint8_t *keys = (uint8_t *)(pairs + n);
    for (size_t i = 0; i < n; i++, keys += 9)
        pairs[i] = (struct evm_trie_pair){{keys, index_key(keys, i)}, values[i]};
    enum evm_status st = evm_trie_root_of_pairs(pairs, n, out);
    free(pairs);
    return st;
}
