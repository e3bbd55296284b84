#include "evm/core/sig.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

/* Half of the group order, rounded down (SEC 2, secp256k1). */
static const uint8_t half_order[32] = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};

/* Signing needs a context with tables of its own. It is made once, never changes afterwards and is
 * the same for everybody: a constant that the library can only give at run time. */
static secp256k1_context *signer;
static pthread_once_t signer_once = PTHREAD_ONCE_INIT;

static void make_signer(void)
{
    signer = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
}

static const secp256k1_context *get_signer(void)
{
    pthread_once(&signer_once, make_signer);
    return signer;
}

static void put_key(const secp256k1_pubkey *key, uint8_t public_key[64])
{
    uint8_t bytes[65];
    size_t size = sizeof bytes;
    secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes, &size, key,
                                  SECP256K1_EC_UNCOMPRESSED);
    memcpy(public_key, bytes + 1, 64); /* the first byte says "uncompressed" */
}

bool evm_sig_recover(const struct evm_hash *digest, const uint8_t r[32], const uint8_t s[32],
                     int recovery_id, uint8_t public_key[64])
{
    uint8_t compact[64];
    memcpy(compact, r, 32);
    memcpy(compact + 32, s, 32);
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey key;
    if (recovery_id < 0 || recovery_id > 3 ||
        !secp256k1_ecdsa_recoverable_signature_parse_compact(secp256k1_context_static, &sig,
                                                             compact, recovery_id) ||
        !secp256k1_ecdsa_recover(secp256k1_context_static, &key, &sig, digest->b))
        return false;
    put_key(&key, public_key);
    return true;
}

bool evm_sig_sign(const struct evm_hash *digest, const uint8_t secret[32], uint8_t r[32],
                  uint8_t s[32], int *recovery_id)
{
    const secp256k1_context *ctx = get_signer();
    secp256k1_ecdsa_recoverable_signature sig;
    uint8_t compact[64];
    if (!ctx || !secp256k1_ecdsa_sign_recoverable(ctx, &sig, digest->b, secret, NULL, NULL))
        return false;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(ctx, compact, recovery_id, &sig);
    memcpy(r, compact, 32);
    memcpy(s, compact + 32, 32);
    return true;
}

bool evm_sig_public_key(const uint8_t secret[32], uint8_t public_key[64])
{
    const secp256k1_context *ctx = get_signer();
    secp256k1_pubkey key;
    if (!ctx || !secp256k1_ec_pubkey_create(ctx, &key, secret))
        return false;
    put_key(&key, public_key);
    return true;
}

static bool get_key(secp256k1_pubkey *key, const uint8_t public_key[64])
{
    uint8_t bytes[65] = {SECP256K1_TAG_PUBKEY_UNCOMPRESSED};
    memcpy(bytes + 1, public_key, 64);
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, key, bytes, sizeof bytes);
}

/* The generator of the group (SEC 2), which is the public key of secret 1. */
static const uint8_t generator[64] = {
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
    0x48, 0x3a, 0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8,
    0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4, 0xb8};

bool evm_sig_next_public_key(uint8_t public_key[64])
{
    secp256k1_pubkey key, one, sum;
    const secp256k1_pubkey *both[2] = {&key, &one};
    if (!get_key(&key, public_key) || !get_key(&one, generator) ||
        !secp256k1_ec_pubkey_combine(secp256k1_context_static, &sum, both, 2))
        return false;
    put_key(&sum, public_key);
    return true;
}

bool evm_sig_high_s(const uint8_t s[32])
{
    return memcmp(s, half_order, 32) > 0;
}
