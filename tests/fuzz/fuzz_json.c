/* JSON from outside: documents, accounts, state tests, recorded blocks, the transition tool's
 * inputs. Any bytes: no crash, and what is refused is refused with a word. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evm/io/accounts.h"
#include "evm/io/recorded.h"
#include "evm/io/statetest.h"
#include "evm/io/t8n.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_plan fuzz_plan = {.runs = 3000, .max_size = 400};

/* Every conversion of every value; depth as the parser bounds it. */
static void walk(struct evm_json *doc, struct evm_jval v)
{
    struct evm_u256 word;
    struct evm_addr addr;
    struct evm_hash hash;
    struct evm_bytes bytes;
    struct evm_jval item;
    uint64_t n;
    bool flag;
    void *iter = NULL;
    const char *key;
    bool small = evm_json_u64(v, &n), big = evm_json_u256(v, &word);
    EVM_CHECK(!small || (big && word.w[0] == n && !(word.w[1] | word.w[2] | word.w[3])),
              "%lu as 64 bits, but not as 256", (unsigned long)n);
    evm_json_bool(v, &flag);
    evm_json_addr(v, &addr);
    evm_json_hash(v, &hash);
    if (evm_json_bytes(doc, v, &bytes))
        EVM_CHECK(bytes.size == 0 || bytes.data, "%zu bytes nowhere", bytes.size);
    for (size_t i = 0; evm_json_is_array(v) && i < evm_json_count(v); i++)
        walk(doc, evm_json_at(v, i));
    while (evm_json_is_object(v) && evm_json_next(v, &iter, &key, &item))
        walk(doc, item);
}

static void document(struct evm_bytes text)
{
    struct evm_json *doc = NULL;
    struct evm_err err = {0};
    if (evm_json_parse(&doc, (const char *)text.data, text.size, "input", &err) != EVM_OK) {
        EVM_CHECK(err.text[0], "refused without a word (%zu)", text.size);
        return;
    }
    walk(doc, evm_json_root(doc));
    struct evm_codes *codes = evm_codes_create();
    struct evm_state *state = codes ? evm_state_create(codes) : NULL;
    EVM_CHECK(state, "no memory%s", "");
    if (evm_accounts_load(doc, evm_json_root(doc), state, &err) != EVM_OK) {
        EVM_CHECK(err.text[0], "accounts refused without a word (%zu)", text.size);
    } else {
        struct evm_hash root;
        evm_state_seal(state);
        EVM_CHECK(evm_state_root(state, &root) == EVM_OK, "no root (%zu)", text.size);
    }
    evm_state_unref(state);
    evm_codes_destroy(codes);
    evm_json_destroy(doc);
}

static void any_case(void *self, const struct evm_statetest_case *c)
{
    (void)self;
    EVM_CHECK(evm_statetest_reason_name(c->reason)[0], "no name for %d", (int)c->reason);
}

static void from_file(uint8_t what, const char *path)
{
    struct evm_err err = {0};
    enum evm_status status = EVM_OK;
    if (what == 1) {
        status = evm_statetest_file(path, NULL, any_case, NULL, &err);
    } else if (what == 2) {
        struct evm_recorded r;
        struct evm_codes *codes = evm_codes_create();
        EVM_CHECK(codes, "no memory%s", "");
        status = evm_recorded_load(path, codes, &r, &err);
        evm_recorded_fini(&r);
        evm_codes_destroy(codes);
    } else {
        struct evm_t8n t;
        struct evm_t8n_options options = {
            .alloc = path, .env = path, .txs = path, .fork = "Prague", .chain_id = 1};
        if (evm_t8n_load(&t, &options, &err) != EVM_T8N_OK)
            status = EVM_ERR_INPUT;
        evm_t8n_fini(&t);
    }
    EVM_CHECK(status == EVM_OK || err.text[0], "kind %d refused without a word", what);
}

/* The first character says what the rest is taken for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_u8(&in) % 4;
    if (what == 0) {
        document((struct evm_bytes){in.data, in.size});
        return 0;
    }
    char path[64];
    int fd = memfd_create("input", 0);
    EVM_CHECK(fd >= 0 && write(fd, in.data, in.size) == (ssize_t)in.size, "no file (%zu)", in.size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    from_file(what, path);
    close(fd);
    return 0;
}
