/* evm/io/json.h - reading JSON fixtures: the only door to jansson.
 * A document owns everything; values are borrowed from it. A missing value is {NULL}, and every
 * function takes it: look-ups give missing, conversions give false. */
#ifndef EVM_IO_JSON_H
#define EVM_IO_JSON_H

#include "evm/core/error.h"
#include "evm/core/types.h"

struct evm_json;
struct evm_jval {
    void *node;
};

/* `name` goes into the error text, with line and column. */
enum evm_status evm_json_parse(struct evm_json **out, const char *text, size_t size,
                               const char *name, struct evm_err *err);
void evm_json_destroy(struct evm_json *doc);
struct evm_jval evm_json_root(const struct evm_json *doc);

struct evm_jval evm_json_get(struct evm_jval object, const char *key);
struct evm_jval evm_json_at(struct evm_jval array, size_t i);
bool evm_json_present(struct evm_jval v); /* neither missing nor null */
bool evm_json_is_object(struct evm_jval v);
bool evm_json_is_array(struct evm_jval v);
size_t evm_json_count(struct evm_jval v);       /* of an array or object; else 0 */
const char *evm_json_string(struct evm_jval v); /* NULL if it is none */

/* Walks an object in the file's order: *iter starts as NULL; false at the end. */
bool evm_json_next(struct evm_jval object, void **iter, const char **key, struct evm_jval *value);

/* Conversions from "0x…" strings, decimal strings or JSON integers; false if the value is missing,
 * malformed or too large. An empty "0x" is 0. */
bool evm_json_u64(struct evm_jval v, uint64_t *out);
bool evm_json_u256(struct evm_jval v, struct evm_u256 *out);
bool evm_json_bool(struct evm_jval v, bool *out);
/* Exactly 20 and 32 bytes; the "0x" may be missing. */
bool evm_json_addr(struct evm_jval v, struct evm_addr *out);
bool evm_json_hash(struct evm_jval v, struct evm_hash *out);
/* Any number of bytes, into memory that the document owns. */
bool evm_json_bytes(struct evm_json *doc, struct evm_jval v, struct evm_bytes *out);

/* Zeroed memory that the document owns; NULL when memory is out. */
void *evm_json_alloc(struct evm_json *doc, size_t size);

/* The same on text. */
bool evm_hex_u256(const char *text, struct evm_u256 *out);
bool evm_hex_fixed(const char *text, uint8_t *out, size_t size);

#endif
