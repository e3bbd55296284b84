#include "evm/block/requests.h"

#include "evm/core/precompile.h"
#include "evm/core/u256.h"

void evm_requests_fini(struct evm_requests *r)
{
    for (int i = 0; i < EVM_REQUEST_COUNT; i++)
        evm_buf_fini(&r->of[i]);
}

/* ---- deposits -------------------------------------------------------------------------------- */

/* keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)") */
static const struct evm_hash deposit_event = {{0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                               0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                               0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                               0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};

/* The event's data is the ABI encoding of five byte strings: where each one's length word must
 * stand, and what it must hold (EIP-6110). */
static const struct {
    uint16_t offset, size;
} deposit_fields[] = {
    {160, 48}, /* public key */
    {256, 32}, /* withdrawal credentials */
    {320, 8},  /* amount, gwei */
    {384, 96}, /* signature */
    {512, 8},  /* index */
};
#define DEPOSIT_FIELDS (sizeof deposit_fields / sizeof deposit_fields[0])
#define DEPOSIT_DATA   576

static bool word_is(const uint8_t *at, uint64_t value)
{
    struct evm_u256 word;
    evm_u256_load_be(&word, at);
    return evm_u256_fits64(&word) && word.w[0] == value;
}

static bool add_deposit(struct evm_buf *out, struct evm_bytes data)
{
    if (data.size != DEPOSIT_DATA)
        return false;
    for (size_t i = 0; i < DEPOSIT_FIELDS; i++)
        if (!word_is(data.data + 32 * i, deposit_fields[i].offset) ||
            !word_is(data.data + deposit_fields[i].offset, deposit_fields[i].size))
            return false;
    for (size_t i = 0; i < DEPOSIT_FIELDS; i++)
        evm_buf_append(out, (struct evm_bytes){data.data + deposit_fields[i].offset + 32,
                                               deposit_fields[i].size});
    return true;
}

bool evm_requests_add_deposits(struct evm_requests *r, const struct evm_addr *contract,
                               const struct evm_log *logs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (evm_addr_eq(&logs[i].addr, contract) && logs[i].topic_count > 0 &&
            evm_hash_eq(&logs[i].topics[0], &deposit_event) &&
            !add_deposit(&r->of[EVM_REQUEST_DEPOSIT], logs[i].data))
            return false;
    return true;
}

/* ---- the hash -------------------------------------------------------------------------------- */

/* Appends the digest of the buffer's bytes. */
static void add_sha256(struct evm_buf *out, const struct evm_buf *in)
{
    static const struct evm_addr sha256 = {{[19] = 2}};
    const struct evm_rules *rules = evm_rules_of(EVM_PRAGUE);
    evm_precompile_find(rules, &sha256)->run(rules, evm_buf_bytes(in), out);
}

enum evm_status evm_requests_hash(const struct evm_requests *r, struct evm_hash *out)
{
    struct evm_buf item = {0}, digests = {0}, all = {0};
    for (uint8_t type = 0; type < EVM_REQUEST_COUNT; type++) {
        if (r->of[type].size == 0)
            continue;
        evm_buf_clear(&item);
        evm_buf_append(&item, (struct evm_bytes){&type, 1});
        evm_buf_append(&item, evm_buf_bytes(&r->of[type]));
        digests.failed |= item.failed || r->of[type].failed;
        add_sha256(&digests, &item);
    }
    add_sha256(&all, &digests);
    bool failed = digests.failed || all.failed;
    if (!failed)
        memcpy(out->b, all.data, sizeof out->b);
    evm_buf_fini(&item);
    evm_buf_fini(&digests);
    evm_buf_fini(&all);
    return failed ? EVM_ERR_MEMORY : EVM_OK;
}
