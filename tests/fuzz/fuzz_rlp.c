/* What decodes encodes to the same bytes, at every depth and by every typed reader; what is not
 * canonical does not decode; and what the encoder writes decodes to what went in. */
#include "evm/core/rlp.h"

#include "evm/core/u256.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_plan fuzz_plan = {.runs = 20000, .max_size = 600};

/* Takes the input's items apart as far as they are well-formed, and puts them together again. */
static bool again(struct evm_bytes in, struct evm_buf *out)
{
    while (in.size) {
        struct evm_rlp_item item;
        struct evm_bytes before = in;
        if (!evm_rlp_next(&in, &item)) {
            EVM_CHECK(in.data == before.data && in.size == before.size, "a refused item took %zu",
                      before.size - in.size);
            return false;
        }
        EVM_CHECK(item.raw.data == before.data && item.raw.size + in.size == before.size,
                  "an item of %zu bytes, %zu are gone", item.raw.size, before.size - in.size);
        EVM_CHECK(item.payload.data + item.payload.size == item.raw.data + item.raw.size,
                  "a payload of %zu bytes ends elsewhere", item.payload.size);
        if (!item.is_list) {
            evm_rlp_put_string(out, item.payload);
            continue;
        }
        size_t open = evm_rlp_open(out);
        if (!again(item.payload, out))
            return false;
        evm_rlp_close(out, open);
    }
    return true;
}

static void same(const struct evm_buf *out, struct evm_bytes in, const char *how)
{
    EVM_CHECK(!out->failed && out->size == in.size &&
                  (!in.size || memcmp(out->data, in.data, in.size) == 0),
              "%s: %zu bytes encode to %zu others", how, in.size, out->size);
}

/* The first item, as each type. */
static void typed(struct evm_bytes in, struct evm_buf *out)
{
    struct evm_bytes rest = in, bytes;
    struct evm_rlp_item item;
    struct evm_u256 x;
    uint64_t n;
    uint8_t fixed[20];
    if (!evm_rlp_next(&rest, &item)) {
        rest = in;
        EVM_CHECK(!evm_rlp_next_u64(&rest, &n) && !evm_rlp_next_u256(&rest, &x) &&
                      !evm_rlp_next_string(&rest, &bytes) && !evm_rlp_next_list(&rest, &bytes),
                  "%zu bytes are no item, but a typed one", in.size);
        return;
    }
    rest = in;
    if (evm_rlp_next_u64(&rest, &n)) {
        evm_buf_clear(out);
        evm_rlp_put_u64(out, n);
        same(out, item.raw, "u64");
    }
    rest = in;
    if (evm_rlp_next_u256(&rest, &x)) {
        evm_buf_clear(out);
        evm_rlp_put_u256(out, &x);
        same(out, item.raw, "u256");
    }
    rest = in;
    if (evm_rlp_next_fixed(&rest, fixed, sizeof fixed)) {
        evm_buf_clear(out);
        evm_rlp_put_string(out, (struct evm_bytes){fixed, sizeof fixed});
        same(out, item.raw, "twenty bytes");
    }
    rest = in;
    bool list = evm_rlp_next_list(&rest, &bytes);
    EVM_CHECK(list == item.is_list, "a list reads as a list: %d, %d", list, item.is_list);
}

/* Writes what the input says: lists open and close, strings and numbers. */
static void write_items(struct evm_bytes bytes, struct evm_buf *out)
{
    struct fuzz_in in = {bytes.data, bytes.size};
    size_t open[32], depth = 0;
    while (in.size) {
        uint8_t k = fuzz_u8(&in);
        if (k < 0x30 && depth < 32)
            open[depth++] = evm_rlp_open(out);
        else if (k < 0x60 && depth > 0)
            evm_rlp_close(out, open[--depth]);
        else if (k < 0x90)
            evm_rlp_put_u64(out, fuzz_uint(&in, k % 9));
        else
            evm_rlp_put_string(out, fuzz_take(&in, k % 8 ? k - 0x90u : 300));
    }
    while (depth > 0)
        evm_rlp_close(out, open[--depth]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evm_bytes in = {data, size};
    struct evm_buf out = {0}, second = {0};
    struct evm_rlp_item item;
    struct evm_bytes rest = in;
    bool all = again(in, &out);
    bool one = evm_rlp_next(&rest, &item) && rest.size == 0;
    EVM_CHECK(evm_rlp_valid(in) == (all && one), "valid %d, taken apart %d, one item %d",
              evm_rlp_valid(in), all, one);
    if (all)
        same(&out, in, "items");
    typed(in, &out);
    evm_buf_clear(&out);
    write_items(in, &out);
    EVM_CHECK(again(evm_buf_bytes(&out), &second), "%zu written bytes do not read", out.size);
    same(&second, evm_buf_bytes(&out), "written items");
    evm_buf_fini(&out);
    evm_buf_fini(&second);
    return 0;
}
