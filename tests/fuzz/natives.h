/* tests/fuzz/natives.h - calls of precompiles by their number, for the targets that judge them. */
#ifndef TESTS_FUZZ_NATIVES_H
#define TESTS_FUZZ_NATIVES_H

#include "evm/core/precompile.h"

/* The row at that address; it must exist. */
const struct evm_precompile *native_row(unsigned address);
/* Runs it with Osaka's rules; the output must have exactly `size` bytes. False if it refuses. */
bool native_call(unsigned address, const void *in, size_t in_size, void *out, size_t size);
/* The same; it must not refuse. */
void native_must(unsigned address, const void *in, size_t in_size, void *out, size_t size);
/* Aborts with the law's name unless the bytes are equal. */
void native_same(const void *a, const void *b, size_t n, const char *law);

#endif
