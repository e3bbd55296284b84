#include "evm/block/listroot.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/code.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"

#define KEY_NIBBLES 18 /* rlp of a 64-bit index: at most 9 bytes */

struct entry {
    uint8_t nibbles[KEY_NIBBLES];
    uint8_t count;
    struct evm_bytes value;
};

static void set_key(struct entry *e, uint64_t index)
{
    uint8_t bytes[9], number[8];
    size_t zeros = 0, size = 0;
    evm_store_be64(number, index);
    while (zeros < 8 && number[zeros] == 0)
        zeros++;
    if (zeros != 7 || number[7] > 0x7f)
        bytes[size++] = (uint8_t)(0x80 + 8 - zeros);
    memcpy(bytes + size, number + zeros, 8 - zeros);
    size += 8 - zeros;
    for (size_t i = 0; i < size; i++) {
        e->nibbles[2 * i] = bytes[i] >> 4;
        e->nibbles[2 * i + 1] = bytes[i] & 15;
    }
    e->count = (uint8_t)(2 * size);
}

/* Keys in ascending order: 1..127, then 0 (its key is 0x80), then 128 and up; a longer key starts
 * with a larger byte. So no sorting is needed. */
static void set_keys(struct entry *entries, const struct evm_bytes *items, size_t count)
{
    size_t n = 0;
    for (size_t i = 1; i < count && i < 128; i++, n++) {
        set_key(&entries[n], i);
        entries[n].value = items[i];
    }
    set_key(&entries[n], 0);
    entries[n++].value = items[0];
    for (size_t i = 128; i < count; i++, n++) {
        set_key(&entries[n], i);
        entries[n].value = items[i];
    }
}

/* Hex-prefix encoding of a piece of key (Yellow Paper, appendix C). */
static void put_path(struct evm_buf *b, const uint8_t *nibbles, size_t count, bool leaf)
{
    uint8_t bytes[KEY_NIBBLES / 2 + 1];
    size_t size = 0, i = count % 2;
    bytes[size++] = (uint8_t)((leaf ? 0x20 : 0) | (i ? 0x10 | nibbles[0] : 0));
    for (; i < count; i += 2)
        bytes[size++] = (uint8_t)(nibbles[i] << 4 | nibbles[i + 1]);
    evm_rlp_put_string(b, (struct evm_bytes){bytes, size});
}

static size_t common_prefix(const struct entry *a, const struct entry *b, size_t depth)
{
    size_t n = depth;
    while (n < a->count && n < b->count && a->nibbles[n] == b->nibbles[n])
        n++;
    return n;
}

static void put_node(struct evm_buf *b, const struct entry *entries, size_t count, size_t depth);

/* A node of 32 bytes or more stands in its parent as its hash. */
static void put_reference(struct evm_buf *b, const struct entry *entries, size_t count,
                          size_t depth)
{
    size_t start = b->size;
    put_node(b, entries, count, depth);
    if (b->failed || b->size - start < 32)
        return;
    struct evm_hash h;
    evm_keccak256(&h, (struct evm_bytes){b->data + start, b->size - start});
    b->size = start;
    evm_rlp_put_hash(b, &h);
}

static void put_branch(struct evm_buf *b, const struct entry *entries, size_t count, size_t depth)
{
    size_t at = 0;
    for (uint8_t nibble = 0; nibble < 16; nibble++) {
        size_t first = at;
        while (at < count && entries[at].nibbles[depth] == nibble)
            at++;
        if (at > first)
            put_reference(b, entries + first, at - first, depth + 1);
        else
            evm_rlp_put_string(b, (struct evm_bytes){NULL, 0});
    }
    /* No key is the start of another, so a branch never holds a value. */
    evm_rlp_put_string(b, (struct evm_bytes){NULL, 0});
}

/* The encoding of the node above these entries, whose keys agree up to depth. Recursion is bounded
 * by the length of a key. */
static void put_node(struct evm_buf *b, const struct entry *entries, size_t count, size_t depth)
{
    const struct entry *first = &entries[0], *last = &entries[count - 1];
    size_t list = evm_rlp_open(b);
    if (count == 1) {
        put_path(b, first->nibbles + depth, first->count - depth, true);
        evm_rlp_put_string(b, first->value);
    } else {
        size_t split = common_prefix(first, last, depth);
        if (split > depth) {
            put_path(b, first->nibbles + depth, split - depth, false);
            put_reference(b, entries, count, split);
        } else {
            put_branch(b, entries, count, depth);
        }
    }
    evm_rlp_close(b, list);
}

enum evm_status evm_list_root(const struct evm_bytes *items, size_t count, struct evm_hash *out)
{
    if (count == 0) {
        *out = evm_empty_trie_root;
        return EVM_OK;
    }
    struct entry *entries = evm_calloc(count, sizeof *entries);
    struct evm_buf b = {0};
    if (!entries)
        return EVM_ERR_MEMORY;
    set_keys(entries, items, count);
    put_node(&b, entries, count, 0);
    if (!b.failed)
        evm_keccak256(out, evm_buf_bytes(&b));
    enum evm_status status = b.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&b);
    free(entries);
    return status;
}
