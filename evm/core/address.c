#include "evm/core/address.h"

#include "evm/core/keccak.h"
#include "evm/core/u256.h"

void evm_create_address(const struct evm_addr *sender, uint64_t nonce, struct evm_addr *out)
{
    uint8_t bytes[32], number[8]; /* 1 + 21 + at most 9 */
    size_t zeros = 0, size = 1;
    struct evm_hash h;
    bytes[size++] = 0x80 + 20;
    memcpy(bytes + size, sender->b, 20);
    size += 20;
    evm_store_be64(number, nonce);
    while (zeros < 8 && number[zeros] == 0)
        zeros++;
    if (zeros != 7 || number[7] >= 0x80)
        bytes[size++] = (uint8_t)(0x80 + 8 - zeros);
    memcpy(bytes + size, number + zeros, 8 - zeros);
    size += 8 - zeros;
    bytes[0] = (uint8_t)(0xc0 + size - 1);
    evm_keccak256(&h, (struct evm_bytes){bytes, size});
    memcpy(out->b, h.b + 12, sizeof out->b);
}

void evm_create2_address(const struct evm_addr *sender, const struct evm_u256 *salt,
                         struct evm_bytes initcode, struct evm_addr *out)
{
    uint8_t bytes[85] = {0xff};
    struct evm_hash h;
    memcpy(bytes + 1, sender->b, 20);
    evm_u256_store_be(bytes + 21, salt);
    evm_keccak256(&h, initcode);
    memcpy(bytes + 53, h.b, 32);
    evm_keccak256(&h, (struct evm_bytes){bytes, sizeof bytes});
    memcpy(out->b, h.b + 12, sizeof out->b);
}
