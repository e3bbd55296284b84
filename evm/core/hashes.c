/* Precompiles 2 and 3: SHA-256 and RIPEMD-160, from libcrypto. RIPEMD-160 sits in OpenSSL's default
 * provider since 3.0.7; with an older one the call marks the buffer failed, which ends the run as
 * lack of memory does, rather than giving a wrong result. */
#include <openssl/evp.h>

#include "evm/core/precompile_internal.h"

static bool digest_into(const EVP_MD *kind, struct evm_bytes in, uint8_t *out, size_t size)
{
    unsigned written = 0;
    return kind &&
           EVP_Digest(in.size ? in.data : (const uint8_t *)"", in.size, out, &written, kind,
                      NULL) == 1 &&
           written == size;
}

bool evm_pre_sha256(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t word[32];
    if (!digest_into(EVP_sha256(), in, word, sizeof word))
        out->failed = true;
    evm_buf_append(out, (struct evm_bytes){word, sizeof word});
    return true;
}

bool evm_pre_ripemd160(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    uint8_t word[32] = {0};
    if (!digest_into(EVP_ripemd160(), in, word + 12, 20))
        out->failed = true;
    evm_buf_append(out, (struct evm_bytes){word, sizeof word});
    return true;
}
