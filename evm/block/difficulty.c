/* The difficulty of proof of work, block by block (Yellow Paper 4.3.4; EIP-2, 100, 649). */
#include "evm/block/block.h"
#include "evm/core/u256.h"

/* keccak256(rlp([])) */
const struct evm_hash evm_no_uncles_hash = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a,
                                             0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a,
                                             0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13,
                                             0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};

#define LEAST       131072
#define BOMB_PERIOD 100000

/* How many 2048ths of the parent's difficulty come on top: down to -99. */
static int64_t steps(enum evm_fork fork, const struct evm_header *parent, uint64_t seconds)
{
    if (fork < EVM_HOMESTEAD)
        return seconds < 13 ? 1 : -1;
    bool uncles = !evm_hash_eq(&parent->uncles_hash, &evm_no_uncles_hash);
    int64_t most = fork >= EVM_BYZANTIUM && uncles ? 2 : 1;
    uint64_t late = seconds / (fork >= EVM_BYZANTIUM ? 9 : 10);
    return late > 100 || most - (int64_t)late < -99 ? -99 : most - (int64_t)late;
}

void evm_next_difficulty(const struct evm_chain_config *chain, const struct evm_header *parent,
                         uint64_t timestamp, struct evm_u256 *out)
{
    const struct evm_u256 least = evm_u256_of(LEAST), one = evm_u256_of(1);
    uint64_t number = parent->number + 1, delay = evm_chain_bomb_delay(chain, number, timestamp);
    int64_t n =
        steps(evm_chain_fork(chain, number, timestamp), parent, timestamp - parent->timestamp);
    struct evm_u256 step, count = evm_u256_of((uint64_t)(n < 0 ? -n : n));
    evm_u256_shr(&step, &parent->difficulty, 11);
    evm_u256_mul(&step, &step, &count);
    if (n < 0)
        evm_u256_sub(out, &parent->difficulty, &step);
    else
        evm_u256_add(out, &parent->difficulty, &step);
    if (evm_u256_lt(out, &least))
        *out = least;
    uint64_t period = (number > delay ? number - delay : 0) / BOMB_PERIOD;
    if (period > 1) {
        struct evm_u256 bomb;
        evm_u256_shl(&bomb, &one, (unsigned)(period < 257 ? period - 2 : 255));
        evm_u256_add(out, out, &bomb);
    }
}
