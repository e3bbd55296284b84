/* Precompile 0x100 (EIP-7951): hash, r, s, x, y of 32 bytes each; output is a word of 1 if the
 * signature over secp256r1 holds, and nothing in every other case. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "evm/core/precompile_internal.h"

/* A public key from 0x04 || x || y; libcrypto refuses a point that is not on the curve. */
static EVP_PKEY *make_key(uint8_t point[65])
{
    EVP_PKEY *key = NULL;
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 65),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

/* DER of the signature; 0 bytes if libcrypto has no memory. */
static int encode_signature(const uint8_t *r, const uint8_t *s, uint8_t **der)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *br = BN_bin2bn(r, 32, NULL), *bs = BN_bin2bn(s, 32, NULL);
    int size = 0;
    if (sig && br && bs && ECDSA_SIG_set0(sig, br, bs) == 1) {
        size = i2d_ECDSA_SIG(sig, der);
    } else {
        BN_free(br);
        BN_free(bs);
    }
    ECDSA_SIG_free(sig);
    return size;
}

static bool verify(EVP_PKEY *key, const uint8_t *der, size_t size, const uint8_t *hash)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = context && EVP_PKEY_verify_init(context) == 1 &&
              EVP_PKEY_verify(context, der, size, hash, 32) == 1;
    EVP_PKEY_CTX_free(context);
    return ok;
}

bool evm_pre_p256verify(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out)
{
    (void)rules;
    if (in.size != 160)
        return true;
    uint8_t point[65] = {0x04}, *der = NULL;
    memcpy(point + 1, in.data + 96, 64);
    EVP_PKEY *key = make_key(point);
    int size = key ? encode_signature(in.data + 32, in.data + 64, &der) : 0;
    if (size > 0 && verify(key, der, (size_t)size, in.data)) {
        uint8_t word[32] = {[31] = 1};
        evm_buf_append(out, (struct evm_bytes){word, sizeof word});
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return true;
}
