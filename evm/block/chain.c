#include "evm/block/chain.h"

#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct evm_fork_at mainnet_forks[] = {
    {EVM_FRONTIER, false, 0},
    {EVM_HOMESTEAD, false, 1150000},
    {EVM_TANGERINE_WHISTLE, false, 2463000},
    {EVM_SPURIOUS_DRAGON, false, 2675000},
    {EVM_BYZANTIUM, false, 4370000},
    {EVM_PETERSBURG, false, 7280000}, /* together with Constantinople */
    {EVM_ISTANBUL, false, 9069000},
    {EVM_BERLIN, false, 12244000},
    {EVM_LONDON, false, 12965000},
    {EVM_PARIS, false, 15537394}, /* the first block after the terminal total difficulty */
    {EVM_SHANGHAI, true, 1681338455},
    {EVM_CANCUN, true, 1710338135},
    {EVM_PRAGUE, true, 1746612311},
    {EVM_OSAKA, true, 1764798551},
};

static const struct evm_blob_schedule mainnet_blobs[] = {
    {1765290071, 10, 15, 8346193},
    {1767747671, 14, 21, 11684671},
};

/* Muir, Arrow and Gray Glacier: EIP-2387, 4345, 5133. */
static const struct evm_bomb_delay mainnet_bombs[] = {
    {9200000, 9000000},
    {13773000, 10700000},
    {15050000, 11400000},
};

/* The public test networks, from go-ethereum's configuration of them. Sepolia went over to proof of
 * stake at the block given; the other two started with it. */
static const struct evm_fork_at sepolia_forks[] = {
    {EVM_LONDON, false, 0},           {EVM_PARIS, false, 1450409},
    {EVM_SHANGHAI, true, 1677557088}, {EVM_CANCUN, true, 1706655072},
    {EVM_PRAGUE, true, 1741159776},   {EVM_OSAKA, true, 1760427360},
};
static const struct evm_blob_schedule sepolia_blobs[] = {
    {1761017184, 10, 15, 8346193},
    {1761607008, 14, 21, 11684671},
};
static const struct evm_fork_at holesky_forks[] = {
    {EVM_PARIS, false, 0},          {EVM_SHANGHAI, true, 1696000704},
    {EVM_CANCUN, true, 1707305664}, {EVM_PRAGUE, true, 1740434112},
    {EVM_OSAKA, true, 1759308480},
};
static const struct evm_blob_schedule holesky_blobs[] = {
    {1759800000, 10, 15, 8346193},
    {1760389824, 14, 21, 11684671},
};
static const struct evm_fork_at hoodi_forks[] = {
    {EVM_CANCUN, false, 0},
    {EVM_PRAGUE, true, 1742999832},
    {EVM_OSAKA, true, 1761677592},
};
static const struct evm_blob_schedule hoodi_blobs[] = {
    {1762365720, 10, 15, 8346193},
    {1762955544, 14, 21, 11684671},
};

/* A chain that starts with a fork. */
#define ONE_FORK(id) static const struct evm_fork_at only_##id[] = {{EVM_##id, false, 0}};
ONE_FORK(FRONTIER)
ONE_FORK(HOMESTEAD)
ONE_FORK(TANGERINE_WHISTLE)
ONE_FORK(SPURIOUS_DRAGON)
ONE_FORK(BYZANTIUM)
ONE_FORK(CONSTANTINOPLE)
ONE_FORK(PETERSBURG)
ONE_FORK(ISTANBUL)
ONE_FORK(BERLIN)
ONE_FORK(LONDON)
ONE_FORK(PARIS)
ONE_FORK(SHANGHAI)
ONE_FORK(CANCUN)
ONE_FORK(PRAGUE)
ONE_FORK(OSAKA)

#define DEPOSIT_CONTRACT                                                                           \
    {                                                                                              \
        {                                                                                          \
            0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c, 0xbb, 0x83, 0x9c, 0xbe,    \
                0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa                                                 \
        }                                                                                          \
    }

#define ONE_FORK_ROW(text, id)                                                                     \
    {                                                                                              \
        .name = text, .doc = "one fork from the first block on", .chain_id = 1,                    \
        .forks = only_##id, .fork_count = 1, .deposit_contract = DEPOSIT_CONTRACT                  \
    }

static const struct evm_chain_config chains[] = {
    {.name = "mainnet",
     .doc = "Ethereum's main network, every fork at its block or time",
     .chain_id = 1,
     .forks = mainnet_forks,
     .fork_count = COUNT(mainnet_forks),
     .blobs = mainnet_blobs,
     .blob_count = COUNT(mainnet_blobs),
     .bombs = mainnet_bombs,
     .bomb_count = COUNT(mainnet_bombs),
     .deposit_contract = DEPOSIT_CONTRACT,
     .dao_block = 1920000,
     .system_contracts = true},
    {.name = "sepolia",
     .doc = "the test network Sepolia",
     .chain_id = 11155111,
     .forks = sepolia_forks,
     .fork_count = COUNT(sepolia_forks),
     .blobs = sepolia_blobs,
     .blob_count = COUNT(sepolia_blobs),
     .deposit_contract = {{0x7f, 0x02, 0xc3, 0xe3, 0xc9, 0x8b, 0x13, 0x30, 0x55, 0xb8,
                           0xb3, 0x48, 0xb2, 0xac, 0x62, 0x56, 0x69, 0xed, 0x29, 0x5d}},
     .system_contracts = true},
    {.name = "holesky",
     .doc = "the test network Holesky",
     .chain_id = 17000,
     .forks = holesky_forks,
     .fork_count = COUNT(holesky_forks),
     .blobs = holesky_blobs,
     .blob_count = COUNT(holesky_blobs),
     .deposit_contract = {{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42,
                           0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}},
     .system_contracts = true},
    {.name = "hoodi",
     .doc = "the test network Hoodi",
     .chain_id = 560048,
     .forks = hoodi_forks,
     .fork_count = COUNT(hoodi_forks),
     .blobs = hoodi_blobs,
     .blob_count = COUNT(hoodi_blobs),
     .deposit_contract = DEPOSIT_CONTRACT,
     .system_contracts = true},
    ONE_FORK_ROW("frontier", FRONTIER),
    ONE_FORK_ROW("homestead", HOMESTEAD),
    ONE_FORK_ROW("tangerine-whistle", TANGERINE_WHISTLE),
    ONE_FORK_ROW("spurious-dragon", SPURIOUS_DRAGON),
    ONE_FORK_ROW("byzantium", BYZANTIUM),
    ONE_FORK_ROW("constantinople", CONSTANTINOPLE),
    ONE_FORK_ROW("petersburg", PETERSBURG),
    ONE_FORK_ROW("istanbul", ISTANBUL),
    ONE_FORK_ROW("berlin", BERLIN),
    ONE_FORK_ROW("london", LONDON),
    ONE_FORK_ROW("paris", PARIS),
    ONE_FORK_ROW("shanghai", SHANGHAI),
    ONE_FORK_ROW("cancun", CANCUN),
    ONE_FORK_ROW("prague", PRAGUE),
    ONE_FORK_ROW("osaka", OSAKA),
};

const struct evm_chain_config *evm_chain_at(size_t i)
{
    return i < COUNT(chains) ? &chains[i] : NULL;
}

const struct evm_chain_config *evm_chain_find(const char *name)
{
    for (size_t i = 0; i < COUNT(chains); i++)
        if (!strcasecmp(chains[i].name, name))
            return &chains[i];
    return NULL;
}

enum evm_fork evm_chain_fork(const struct evm_chain_config *chain, uint64_t number,
                             uint64_t timestamp)
{
    enum evm_fork fork = chain->forks[0].fork;
    for (size_t i = 1; i < chain->fork_count; i++)
        if ((chain->forks[i].by_time ? timestamp : number) >= chain->forks[i].at)
            fork = chain->forks[i].fork;
    return fork;
}

struct evm_blob_schedule evm_chain_blobs(const struct evm_chain_config *chain, uint64_t number,
                                         uint64_t timestamp)
{
    const struct evm_rules *rules = evm_rules_of(evm_chain_fork(chain, number, timestamp));
    struct evm_blob_schedule s = {0, rules->blob_target, rules->blob_max, rules->blob_fee_fraction};
    for (size_t i = 0; i < chain->blob_count; i++)
        if (timestamp >= chain->blobs[i].from_time)
            s = chain->blobs[i];
    return s;
}

uint64_t evm_chain_bomb_delay(const struct evm_chain_config *chain, uint64_t number,
                              uint64_t timestamp)
{
    uint64_t delay = evm_rules_of(evm_chain_fork(chain, number, timestamp))->bomb_delay;
    for (size_t i = 0; i < chain->bomb_count; i++)
        if (number >= chain->bombs[i].from && chain->bombs[i].blocks > delay)
            delay = chain->bombs[i].blocks;
    return delay;
}
