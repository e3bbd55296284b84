/* erc20: payments in tokens, through the real bytecode of scenarios/contracts/Token.sol. */
#include "evm/core/buf.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "models/workload/artifacts.h"
#include "models/workload/targets.h"
#include "models/workload/users.h"

#define WORKLOAD_ERC20_FIELDS(F, S)                                                                \
    WORKLOAD_COMMON_FIELDS(F, S)                                                                   \
    WORKLOAD_USER_FIELDS(F, S)                                                                     \
    F(S, COUNT, tokens, "1", "1", "1k", "Token contracts, deployed before the run.")               \
    F(S, SKEW, token_skew, "uniform", NULL, NULL, "Which token is paid in.")                       \
    F(S, ENUM(targets_by), token_by, "skew", NULL, NULL, "What picks it.")                         \
    F(S, DIST(COUNT), amount, "1k", "0", NULL, "Units of the token that are paid.")                \
    F(S, COUNT, token_balance, "1G", "0", NULL,                                                    \
      "Units of each token that an account begins with.")                                          \
    F(S, GAS, gas_limit, "60kgas", "21kgas", "30Mgas", "Gas limit of a payment.")
FIELD_DECLARE(workload_erc20_cfg, WORKLOAD_ERC20_FIELDS);
FIELD_DEFINE(workload_erc20_cfg, WORKLOAD_ERC20_FIELDS, "Settings of erc20.", NULL);

struct erc20 {
    struct users users;
    const struct workload_erc20_cfg *cfg;
    struct targets tokens;
    struct sim_stream rng_amount;
    uint64_t seed, instance;
};

static enum err_code init(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err)
{
    struct erc20 *e = state;
    e->cfg = cfg;
    e->seed = env->seed;
    e->instance = env->instance;
    struct users_settings settings = USERS_SETTINGS(e->cfg);
    sim_stream_init(&e->rng_amount, env->seed, (uint32_t)env->instance,
                    sim_purpose("workload.amount"));
    enum err_code code = users_init(&e->users, &settings, env, err);
    if (code == ERR_OK)
        code = targets_init(&e->tokens, (uint32_t)e->cfg->tokens, &e->cfg->token_skew,
                            e->cfg->token_by, &e->users, env, err);
    return code;
}

/* --- deploying -------------------------------------------------------------------------------- */

static void add_word(struct evm_buf *b, const struct evm_u256 *word)
{
    uint8_t *to = evm_buf_extend(b, 32);
    if (to)
        evm_u256_store_be(to, word);
}

static void add_number(struct evm_buf *b, uint64_t n)
{
    struct evm_u256 word = evm_u256_of(n);
    add_word(b, &word);
}

static void add_string(struct evm_buf *b, const char *s) /* at most 32 bytes */
{
    uint8_t padded[32] = {0};
    memcpy(padded, s, strlen(s));
    add_number(b, strlen(s));
    evm_buf_append(b, (struct evm_bytes){padded, sizeof padded});
}

/* Creation code and constructor(string name, string symbol, uint256 supply), ABI-encoded. */
static bool token_initcode(struct evm_buf *b, const struct evm_u256 *supply)
{
    struct workload_artifact token;
    if (!workload_artifact_find("Token", &token))
        return false;
    evm_buf_append(b, token.create);
    add_number(b, 0x60); /* where the name starts */
    add_number(b, 0xa0); /* and the symbol */
    add_word(b, supply);
    add_string(b, "Weft Token");
    add_string(b, "WFT");
    return !b->failed;
}

/* Storage key of balanceOf[addr]: keccak256(addr . slot), as Solidity lays a mapping out. */
static struct evm_u256 balance_key(const struct evm_addr *addr)
{
    uint8_t words[64] = {0};
    struct evm_hash h;
    struct evm_u256 key;
    memcpy(words + 12, addr->b, 20);
    words[63] = TOKEN_SLOT_BALANCES;
    evm_keccak256(&h, (struct evm_bytes){words, sizeof words});
    evm_u256_load_be(&key, h.b);
    return key;
}

/* The constructor gives the supply to the deployer; it is moved to the accounts in storage, where
 * 50,000 calls would take the time of the run. The sum stays the supply. */
static enum err_code spread(const struct erc20 *e, struct genesis *g, const struct evm_addr *token,
                            const struct evm_addr *deployer, struct err *err)
{
    struct evm_u256 zero = {{0}}, balance = evm_u256_of(e->cfg->token_balance);
    struct evm_u256 key = balance_key(deployer);
    enum err_code code = genesis_store(g, token, &key, &zero, err);
    for (uint32_t i = 0; i < e->users.accounts.count && code == ERR_OK; i++) {
        key = balance_key(&e->users.accounts.addrs[i]);
        code = genesis_store(g, token, &key, &balance, err);
    }
    return code;
}

static enum err_code deploy(struct erc20 *e, struct genesis *g, const struct evm_addr *deployer,
                            uint32_t i, struct err *err)
{
    struct evm_u256 each = evm_u256_of(e->cfg->token_balance);
    struct evm_u256 count = evm_u256_of(e->users.accounts.count), supply;
    struct evm_buf code = {0};
    enum err_code status = ERR_MEMORY;
    evm_u256_mul(&supply, &each, &count);
    if (token_initcode(&code, &supply))
        status = targets_deploy(&e->tokens, i, g, deployer, evm_buf_bytes(&code), err);
    else
        err_set(err, ERR_MEMORY, "out of memory for a token contract");
    evm_buf_fini(&code);
    return status == ERR_OK ? spread(e, g, &e->tokens.addrs[i], deployer, err) : status;
}

static enum err_code genesis(void *state, struct genesis *g, struct err *err)
{
    struct erc20 *e = state;
    struct accounts deployer = {0};
    enum err_code code = users_fund(&e->users, g, err);
    if (code == ERR_OK)
        code = accounts_init(&deployer, e->seed, e->instance, "deployer", 1, err);
    for (uint32_t i = 0; i < e->cfg->tokens && code == ERR_OK; i++)
        code = deploy(e, g, &deployer.addrs[0], i, err);
    accounts_fini(&deployer);
    return code;
}

/* --- paying ----------------------------------------------------------------------------------- */

static bool next(void *state, struct workload_tx *out)
{
    static const uint8_t transfer[4] = {0xa9, 0x05, 0x9c, 0xbb}; /* transfer(address,uint256) */
    struct erc20 *e = state;
    struct evm_addr to;
    uint32_t group;
    if (!users_next(&e->users, out, &to, &group))
        return false;
    struct evm_u256 amount = users_draw(&e->cfg->amount, &e->rng_amount);
    memset(out->input, 0, 68);
    memcpy(out->input, transfer, 4);
    memcpy(out->input + 4 + 12, to.b, 20);
    evm_u256_store_be(out->input + 36, &amount);
    out->tx.input = (struct evm_bytes){out->input, 68};
    out->tx.to = *targets_pick(&e->tokens, group);
    out->tx.gas_limit = e->cfg->gas_limit;
    return true;
}

static void fini(void *state)
{
    struct erc20 *e = state;
    users_fini(&e->users);
    targets_fini(&e->tokens);
}

const struct workload_ops workload_erc20 = {
    .model = {"erc20", "Payments in ERC-20 tokens, by real token contracts.",
              &workload_erc20_cfg_table},
    .state_size = sizeof(struct erc20),
    .init = init,
    .genesis = genesis,
    .next = next,
    .fini = fini,
};
