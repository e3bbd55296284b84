#include "models/workload/accounts.h"

#include "evm/core/keccak.h"
#include "evm/core/sig.h"
#include "evm/core/u256.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

static void hash_of(struct evm_hash *out, uint64_t a, uint64_t b, const char *purpose)
{
    struct evm_keccak k;
    uint8_t numbers[16];
    evm_store_be64(numbers, a);
    evm_store_be64(numbers + 8, b);
    evm_keccak_init(&k);
    evm_keccak_update(&k, (struct evm_bytes){numbers, sizeof numbers});
    evm_keccak_update(&k, (struct evm_bytes){(const uint8_t *)purpose, strlen(purpose)});
    evm_keccak_final(&k, out);
}

void accounts_secret(const struct accounts *a, uint32_t i, uint8_t secret[32])
{
    struct evm_u256 base, step = evm_u256_of(i);
    evm_u256_load_be(&base, a->base);
    evm_u256_add(&base, &base, &step);
    evm_u256_store_be(secret, &base);
}

static void address_of(struct evm_addr *out, const uint8_t key[64])
{
    struct evm_hash h;
    evm_keccak256(&h, (struct evm_bytes){key, 64});
    memcpy(out->b, h.b + 12, 20);
}

enum err_code accounts_init(struct accounts *a, uint64_t seed, uint64_t instance,
                            const char *purpose, uint32_t count, struct err *err)
{
    struct evm_hash h;
    uint8_t key[64];
    *a = (struct accounts){.count = count, .addrs = mem_alloc(count, sizeof *a->addrs)};
    if (!a->addrs)
        return err_set(err, ERR_MEMORY, "out of memory for %u accounts", count);
    hash_of(&h, seed, instance, purpose);
    h.b[0] = (uint8_t)((h.b[0] & 0x7f) | 1); /* below half the order, so no sum wraps; not 0 */
    memcpy(a->base, h.b, 32);
    CHECK(evm_sig_public_key(a->base, key), "no key for entry %llu", (unsigned long long)instance);
    for (uint32_t i = 0; i < count; i++) {
        address_of(&a->addrs[i], key);
        CHECK(evm_sig_next_public_key(key), "no key after account %u", i);
    }
    return ERR_OK;
}

void accounts_fini(struct accounts *a)
{
    mem_free(a->addrs);
    *a = (struct accounts){0};
}

void accounts_fresh(struct accounts *a, struct evm_addr *out)
{
    struct evm_hash h;
    hash_of(&h, evm_load_be64(a->base), a->fresh++, "fresh");
    memcpy(out->b, h.b + 12, 20);
}
