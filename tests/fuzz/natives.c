#include "tests/fuzz/natives.h"

#include "evm/core/error.h"

const struct evm_precompile *native_row(unsigned address)
{
    for (size_t i = 0; evm_precompile_at(i); i++)
        if (evm_precompile_at(i)->address == address)
            return evm_precompile_at(i);
    evm_check_failed(__FILE__, __LINE__, "no precompile %u", address);
}

bool native_call(unsigned address, const void *in, size_t in_size, void *out, size_t size)
{
    struct evm_buf buf = {0};
    struct evm_bytes bytes = {in, in_size};
    bool ok = native_row(address)->run(evm_rules_of(EVM_OSAKA), bytes, &buf);
    if (ok) {
        EVM_CHECK(!buf.failed && buf.size == size, "precompile %u gives %zu bytes, not %zu",
                  address, buf.size, size);
        if (size)
            memcpy(out, buf.data, size);
    }
    evm_buf_fini(&buf);
    return ok;
}

void native_must(unsigned address, const void *in, size_t in_size, void *out, size_t size)
{
    EVM_CHECK(native_call(address, in, in_size, out, size), "precompile %u refuses", address);
}

void native_same(const void *a, const void *b, size_t n, const char *law)
{
    EVM_CHECK(n == 0 || memcmp(a, b, n) == 0, "%s does not hold", law);
}
