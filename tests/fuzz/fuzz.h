/* tests/fuzz/fuzz.h - what the fuzz targets share.
 *
 * A target is one file, fuzz_NAME.c, that states a property of any input: it calls EVM_CHECK, and a
 * sanitizer may stop it too. libFuzzer drives it in `make fuzz`; in `make test` replay.c does, over
 * the committed corpus and over a fixed number of inputs from a generator with a fixed seed. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "evm/core/error.h"
#include "evm/core/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How replay.c makes inputs for the target: how many, and of at most how many bytes. `reached`, if
 * there is one, is asked after them: did they meet what they are meant to meet? It prints what. */
struct fuzz_plan {
    unsigned runs;
    size_t max_size;
    bool (*reached)(void);
};
extern const struct fuzz_plan fuzz_plan;

/* Bytes taken from the front; behind the end come zeros. */
struct fuzz_in {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

static inline uint64_t fuzz_uint(struct fuzz_in *in, unsigned bytes)
{
    uint64_t x = 0;
    while (bytes-- > 0)
        x = x << 8 | fuzz_u8(in);
    return x;
}

static inline void fuzz_fill(struct fuzz_in *in, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fuzz_u8(in);
}

/* Up to n bytes, where they are. */
static inline struct evm_bytes fuzz_take(struct fuzz_in *in, size_t n)
{
    struct evm_bytes out = {in->data, n < in->size ? n : in->size};
    in->data += out.size;
    in->size -= out.size;
    return out;
}

#endif
