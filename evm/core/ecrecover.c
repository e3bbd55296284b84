/* Precompile 1 (Yellow Paper, appendix E): hash, v, r, s, 32 bytes each. What cannot be recovered
 * gives an empty output, not a failure. High s is accepted here. */
#include "evm/core/keccak.h"
#include "evm/core/precompile_internal.h"
#include "evm/core/sig.h"

bool evm_pre_ecrecover(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    static const uint8_t zeros[31];
    uint8_t data[128], key[64], word[32] = {0};
    evm_precompile_read(data, in, 0, sizeof data);
    int v = data[63];
    if (memcmp(data + 32, zeros, sizeof zeros) != 0 || (v != 27 && v != 28))
        return true;
    struct evm_hash digest, hashed;
    memcpy(digest.b, data, sizeof digest.b);
    if (!evm_sig_recover(&digest, data + 64, data + 96, v - 27, key))
        return true;
    evm_keccak256(&hashed, (struct evm_bytes){key, sizeof key});
    memcpy(word + 12, hashed.b + 12, 20);
    evm_buf_append(out, (struct evm_bytes){word, sizeof word});
    return true;
}
