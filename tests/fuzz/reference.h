/* tests/fuzz/reference.h - a second EVM, slow and plain, to compare the interpreter with.
 *
 * Written from the Yellow Paper (appendix H) and the EIPs, not from evm/: it has no opcode table,
 * no fork table and no journal, counts with GMP, keeps words as 32 big-endian bytes, finds jump
 * destinations by walking the code at each jump, recurses for calls, and undoes by having copied
 * the whole world. It shares one thing with evm/: the functions behind the precompiles
 * (evm/core/precompile.h), whose own target is fuzz_precompiles.c. */
#ifndef TESTS_FUZZ_REFERENCE_H
#define TESTS_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ref_word {
    uint8_t b[32]; /* big-endian */
};
struct ref_addr {
    uint8_t b[20];
};
struct ref_bytes {
    const uint8_t *data; /* borrowed; NULL only if size is 0 */
    size_t size;
};

struct ref_account {
    struct ref_addr addr;
    uint64_t nonce;
    struct ref_word balance;
    struct ref_bytes code;
    bool exists; /* in the trie */
    bool warm, touched, created, destructed;
};

/* One slot of one account: what it holds, and what belongs to the transaction. */
struct ref_slot {
    struct ref_addr addr;
    struct ref_word key, value, original, transient;
    bool warm;
};

struct ref_world {
    struct ref_account *accounts;
    struct ref_slot *slots;
    size_t account_count, slot_count, account_room, slot_room;
    size_t log_count;
    int64_t refund;
};

struct ref_log {
    struct ref_addr addr;
    unsigned topic_count;
    struct ref_word topics[4];
    uint8_t *data;
    size_t size;
};

/* The forks by their order, as the chain had them. */
enum ref_fork {
    REF_FRONTIER,
    REF_HOMESTEAD,
    REF_TANGERINE_WHISTLE,
    REF_SPURIOUS_DRAGON,
    REF_BYZANTIUM,
    REF_CONSTANTINOPLE,
    REF_PETERSBURG,
    REF_ISTANBUL,
    REF_BERLIN,
    REF_LONDON,
    REF_PARIS,
    REF_SHANGHAI,
    REF_CANCUN,
    REF_PRAGUE,
    REF_OSAKA
};

struct ref_env {
    enum ref_fork fork;
    uint64_t number, timestamp, gas_limit, chain_id;
    struct ref_addr coinbase, origin;
    struct ref_word difficulty, prev_randao, base_fee, blob_base_fee, gas_price;
    const struct ref_word *blob_hashes;
    size_t blob_count;
    const uint64_t *hash_numbers; /* ancestors whose hashes are known */
    const struct ref_word *hashes;
    size_t hash_count;
};

enum ref_status { REF_OK, REF_REVERT, REF_FAIL };

/* One transaction's execution. Zeroed, then env and world filled in (ref_account_at,
 * ref_slot_at), then run. */
struct ref {
    struct ref_env env;
    struct ref_world world;
    struct ref_log *logs; /* those that count: world.log_count */
    size_t log_room;
    uint8_t **codes; /* deployed, owned */
    size_t code_count, code_room;
    struct ref_words *words; /* scratch numbers */
    enum ref_status status;
    int64_t gas;
    uint8_t *output;
    size_t output_size;
    /* What happened: opcodes that went well, and the depth that was reached. */
    uint64_t executed[256];
    int deepest;
};

/* The record, made (absent, empty) if there is none. Valid until the next record is made. */
struct ref_account *ref_account_at(struct ref_world *w, const struct ref_addr *addr);
struct ref_slot *ref_slot_at(struct ref_world *w, const struct ref_addr *addr,
                             const struct ref_word *key);

struct ref_message {
    bool create; /* `to` is then the new address and input the initcode */
    struct ref_addr caller, to;
    struct ref_word value;
    struct ref_bytes input;
    int64_t gas; /* below 2^40 */
};
/* Runs the message and ends the transaction: accounts that go are gone from the world. */
void ref_run(struct ref *r, const struct ref_message *m);
void ref_fini(struct ref *r);

/* ---- reference_words.c: arithmetic and hashing ------------------------------------------------
 */

struct ref_words *ref_words_create(void);
void ref_words_destroy(struct ref_words *w);
/* The result of opcode 0x01..0x1e on words a (the top), b and c. */
struct ref_word ref_arithmetic(struct ref_words *w, uint8_t op, const struct ref_word *a,
                               const struct ref_word *b, const struct ref_word *c);
/* *a += *b or *a -= *b. */
void ref_add(struct ref_words *w, struct ref_word *a, const struct ref_word *b);
void ref_sub(struct ref_words *w, struct ref_word *a, const struct ref_word *b);

struct ref_word ref_of(uint64_t x);
/* The value, or UINT64_MAX if it does not fit. */
uint64_t ref_small(const struct ref_word *w);
bool ref_zero(const struct ref_word *w);
/* < 0, 0, > 0, unsigned. */
int ref_compare(const struct ref_word *a, const struct ref_word *b);

struct ref_word ref_keccak(struct ref_bytes in);
struct ref_addr ref_create_address(const struct ref_addr *sender, uint64_t nonce);
struct ref_addr ref_create2_address(const struct ref_addr *sender, const struct ref_word *salt,
                                    struct ref_bytes initcode);

#endif
