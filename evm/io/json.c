#include "evm/io/json.h"

#include <jansson.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"

struct chunk {
    struct chunk *next;
    _Alignas(16) uint8_t bytes[];
};

struct evm_json {
    json_t *root;
    struct chunk *chunks;
};

enum evm_status evm_json_parse(struct evm_json **out, const char *text, size_t size,
                               const char *name, struct evm_err *err)
{
    struct evm_json *doc = evm_calloc(1, sizeof *doc);
    *out = NULL;
    if (!doc)
        return evm_fail(err, EVM_ERR_MEMORY, "%s: out of memory", name);
    json_error_t e;
    doc->root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!doc->root) {
        free(doc);
        return evm_fail(err, EVM_ERR_INPUT, "%s:%d:%d: %s", name, e.line, e.column, e.text);
    }
    *out = doc;
    return EVM_OK;
}

void evm_json_destroy(struct evm_json *doc)
{
    if (!doc)
        return;
    while (doc->chunks) {
        struct chunk *next = doc->chunks->next;
        free(doc->chunks);
        doc->chunks = next;
    }
    json_decref(doc->root);
    free(doc);
}

struct evm_jval evm_json_root(const struct evm_json *doc)
{
    return (struct evm_jval){doc->root};
}

struct evm_jval evm_json_get(struct evm_jval object, const char *key)
{
    return (struct evm_jval){json_object_get(object.node, key)};
}

struct evm_jval evm_json_at(struct evm_jval array, size_t i)
{
    return (struct evm_jval){json_array_get(array.node, i)};
}

bool evm_json_present(struct evm_jval v)
{
    return v.node && !json_is_null((json_t *)v.node);
}

bool evm_json_is_object(struct evm_jval v)
{
    return json_is_object((json_t *)v.node);
}

bool evm_json_is_array(struct evm_jval v)
{
    return json_is_array((json_t *)v.node);
}

size_t evm_json_count(struct evm_jval v)
{
    return json_is_array((json_t *)v.node) ? json_array_size(v.node) : json_object_size(v.node);
}

const char *evm_json_string(struct evm_jval v)
{
    return json_string_value(v.node);
}

bool evm_json_next(struct evm_jval object, void **iter, const char **key, struct evm_jval *value)
{
    *iter = *iter ? json_object_iter_next(object.node, *iter) : json_object_iter(object.node);
    if (!*iter)
        return false;
    *key = json_object_iter_key(*iter);
    value->node = json_object_iter_value(*iter);
    return true;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static const char *skip_prefix(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

bool evm_hex_u256(const char *text, struct evm_u256 *out)
{
    *out = (struct evm_u256){{0}};
    return !*skip_prefix(text) ? text[0] == '0' : evm_u256_parse(out, text);
}

bool evm_hex_fixed(const char *text, uint8_t *out, size_t size)
{
    const char *digits = skip_prefix(text);
    for (size_t i = 0; i < size; i++) {
        int high = digit(digits[2 * i]);
        int low = high < 0 ? -1 : digit(digits[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return digits[2 * size] == 0;
}

bool evm_json_u256(struct evm_jval v, struct evm_u256 *out)
{
    if (json_is_integer((json_t *)v.node)) {
        json_int_t i = json_integer_value(v.node);
        *out = (struct evm_u256){{(uint64_t)i}};
        return i >= 0;
    }
    const char *text = evm_json_string(v);
    return text && evm_hex_u256(text, out);
}

bool evm_json_u64(struct evm_jval v, uint64_t *out)
{
    struct evm_u256 wide;
    if (!evm_json_u256(v, &wide) || (wide.w[1] | wide.w[2] | wide.w[3]) != 0)
        return false;
    *out = wide.w[0];
    return true;
}

bool evm_json_bool(struct evm_jval v, bool *out)
{
    *out = json_is_true((json_t *)v.node);
    return json_is_boolean((json_t *)v.node);
}

bool evm_json_addr(struct evm_jval v, struct evm_addr *out)
{
    const char *text = evm_json_string(v);
    return text && evm_hex_fixed(text, out->b, sizeof out->b);
}

bool evm_json_hash(struct evm_jval v, struct evm_hash *out)
{
    const char *text = evm_json_string(v);
    return text && evm_hex_fixed(text, out->b, sizeof out->b);
}

void *evm_json_alloc(struct evm_json *doc, size_t size)
{
    struct chunk *chunk = evm_calloc(1, sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->next = doc->chunks;
    doc->chunks = chunk;
    return chunk->bytes;
}

bool evm_json_bytes(struct evm_json *doc, struct evm_jval v, struct evm_bytes *out)
{
    const char *text = evm_json_string(v);
    if (!text)
        return false;
    size_t size = strlen(skip_prefix(text)) / 2;
    uint8_t *bytes = evm_json_alloc(doc, size);
    if (!bytes)
        return false;
    *out = (struct evm_bytes){bytes, size};
    return evm_hex_fixed(text, bytes, size);
}
