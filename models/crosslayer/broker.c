/* broker: a payment to another layer goes through somebody who has money in both. The sender pays
 * at his layer, where the amount is kept; the broker pays the recipient at the other layer, of his
 * own; when that is final, what was kept is his. A broker's money in a layer is limited: where he
 * has too little, the payment waits until others' payments have brought him some, and after `wait`
 * it is paid out of what was kept instead, as relay does.
 *
 * Huang et al., "BrokerChain: A Cross-Shard Blockchain Protocol for Account/Balance-based State
 * Sharding", INFOCOM 2022, section IV (a broker's accounts at several shards; the token locked at
 * the first shard until the broker's payment is confirmed, or a time is over). Kept: accounts in
 * pieces, the two halves of a payment, the lock and its end. Changed: after that end the recipient
 * is paid, where the paper pays the sender back; so a payment that was taken is never undone. The
 * brokers are accounts of the first state, the same sum at each layer, and take crossings by turns.
 * What calls a contract cannot be carried so: see crosslayer_calls. */
#include "models/crosslayer/crosslayer.h"

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "sim/base/mem.h"

#include <string.h>

#define BROKER_FIELDS(F, S)                                                                        \
    F(S, COUNT, brokers, "10", "1", "10k", "Brokers, each with money at every layer.")             \
    F(S, WEI, liquidity, "1000ether", "0wei", NULL, "Of each, at each layer, at the start.")       \
    F(S, FRACTION, share, "0%", "0%", "100%",                                                      \
      "Of the tip of what he carries, that a broker gets from who proposed its block.")            \
    F(S, DURATION, wait, "10s", "0s", "1h",                                                        \
      "How long a payment waits for a broker who has too little; then it goes without him.")       \
    F(S, GAS, payment_gas, "21kgas", "0gas", "30Mgas",                                             \
      "Of the block that it stands in, that a broker's payment takes, and each that he gets.")
FIELD_DECLARE(broker_cfg, BROKER_FIELDS);
FIELD_DEFINE(broker_cfg, BROKER_FIELDS, "Settings of broker.", NULL);

struct broker {
    const struct broker_cfg *cfg;
    struct cross_env *env;
    struct evm_addr *addrs;
};

/* Nobody has their keys. */
static void address_of(uint64_t i, struct evm_addr *out)
{
    static const char name[] = "weft broker";
    uint8_t text[sizeof name + sizeof i];
    struct evm_hash hash;
    memcpy(text, name, sizeof name);
    for (size_t k = 0; k < sizeof i; k++)
        text[sizeof name + k] = (uint8_t)(i >> 8 * k);
    evm_keccak256(&hash, (struct evm_bytes){text, sizeof text});
    memcpy(out->b, hash.b + 12, sizeof out->b);
}

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct broker *s = state;
    s->cfg = cfg;
    s->env = env;
    s->addrs = mem_alloc(s->cfg->brokers, sizeof *s->addrs);
    if (!s->addrs)
        return err_set(err, ERR_MEMORY, "no memory for brokers");
    for (uint64_t i = 0; i < s->cfg->brokers; i++)
        address_of(i, &s->addrs[i]);
    return ERR_OK;
}

static bool piece(const void *state, uint32_t i, struct evm_addr *addr, struct evm_u256 *each)
{
    const struct broker *s = state;
    const uint64_t *w = s->cfg->liquidity.w;
    if (i >= s->cfg->brokers)
        return false;
    *addr = s->addrs[i];
    *each = (struct evm_u256){{w[0], w[1], w[2], w[3]}};
    return true;
}

static void start(void *state, struct crossing *c)
{
    struct broker *s = state;
    c->credit_gas = (uint32_t)s->cfg->payment_gas;
    c->broker = &s->addrs[c->id % s->cfg->brokers];
    c->broker_share = s->cfg->share;
    c->broker_wait = s->cfg->wait;
    s->env->host->run(s->env, c, true);
}

static void fini(void *state)
{
    struct broker *s = state;
    mem_free(s->addrs);
}

const struct crosslayer_ops crosslayer_broker = {
    .model = {"broker", "Payments go through brokers, who have money at both layers.",
              &broker_cfg_table},
    .state_size = sizeof(struct broker),
    .plain_only = true,
    .init = init,
    .start = start,
    .piece = piece,
    .fini = fini,
};
