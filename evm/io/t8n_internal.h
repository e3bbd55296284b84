/* evm/io/t8n_internal.h - reading the transition tool's inputs, field by field. */
#ifndef EVM_IO_T8N_INTERNAL_H
#define EVM_IO_T8N_INTERNAL_H

#include "evm/io/t8n.h"

/* Reads the fields of one object; the first fault fills *err with file, place, field and value, and
 * everything after it reads as 0. */
struct evm_t8n_reader {
    struct evm_json *doc;
    struct evm_jval in;
    const char *file;
    char where[48]; /* "env", "transaction 3" */
    enum evm_t8n_status status;
    struct evm_err *err;
};

bool evm_t8n_has(const struct evm_t8n_reader *r, const char *field);
void evm_t8n_bad(struct evm_t8n_reader *r, const char *field, const char *why);
/* False, with *out 0, if the field is missing (a fault where it is required) or malformed. */
bool evm_t8n_u64(struct evm_t8n_reader *r, const char *field, bool required, uint64_t *out);
bool evm_t8n_u256(struct evm_t8n_reader *r, const char *field, bool required, struct evm_u256 *out);
bool evm_t8n_hash(struct evm_t8n_reader *r, const char *field, bool required, struct evm_hash *out);
bool evm_t8n_addr(struct evm_t8n_reader *r, const char *field, bool required, struct evm_addr *out);
bool evm_t8n_bytes(struct evm_t8n_reader *r, const char *field, struct evm_bytes *out);
/* `list`, an array of objects or of anything that errors call `name`; its length, 0 if it is
 * missing. *items is zeroed memory of the document for that many items of `size` bytes. */
size_t evm_t8n_list(struct evm_t8n_reader *r, const char *name, struct evm_jval list, size_t size,
                    void *items);
/* A reader of item i of `list`, which is called "<where>, <name> i". */
struct evm_t8n_reader evm_t8n_item(const struct evm_t8n_reader *r, const char *name,
                                   struct evm_jval list, size_t i);
/* A fault of the item is one of the whole. */
void evm_t8n_leave(struct evm_t8n_reader *r, const struct evm_t8n_reader *item);

/* Parts of a transaction that state tests write as the tool does. `to` and is_create: */
void evm_t8n_tx_to(struct evm_t8n_reader *r, struct evm_tx *tx);
/* What tx->type asks for: fees, the access list (from `access_list`; missing: empty), blobs and
 * authorizations, whose authorities are not recovered. The lists belong to the document. */
void evm_t8n_tx_of_type(struct evm_t8n_reader *r, struct evm_jval access_list, struct evm_tx *tx);

/* t->txs from the JSON array or the RLP text in `in`. */
enum evm_t8n_status evm_t8n_load_txs(struct evm_t8n *t, struct evm_json *doc, struct evm_jval in,
                                     const char *file, struct evm_err *err);

#endif
