/* The irregular change of the DAO fork (EIP-779). */
#include "evm/block/system.h"

#define DAO(text) text,
static const char *const accounts[] = {
#include "evm/block/dao.def"
};
#undef DAO

/* Where it went: the contract from which the DAO's holders withdraw. */
static const char refund[] = "bf4ed7b27f1d666546e30d74d50d173d20bca754";

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void parse(const char *text, struct evm_addr *out)
{
    for (size_t i = 0; i < sizeof out->b; i++)
        out->b[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
}

bool evm_dao_account(size_t i, struct evm_addr *out)
{
    if (i >= sizeof accounts / sizeof accounts[0])
        return false;
    parse(accounts[i], out);
    return true;
}

void evm_dao_refund(struct evm_addr *out)
{
    parse(refund, out);
}

/* Sets the balance to 0; an account that was not there comes to exist, as one does that is
 * written. */
static enum evm_status drain(struct evm_state *s, const struct evm_addr *addr,
                             const struct evm_account *now)
{
    struct evm_account_change change = {
        .addr = *addr, .wrote = EVM_WROTE_BALANCE, .code = evm_code_empty()};
    if (!now->exists)
        change.wrote |= EVM_WROTE_CREATED | EVM_WROTE_NONCE | EVM_WROTE_CODE;
    struct evm_changes c = {.accounts = &change, .account_count = 1, .account_capacity = 1};
    return evm_state_apply(s, &c);
}

enum evm_status evm_dao_apply(const struct evm_rules *rules, struct evm_state *s)
{
    struct evm_addr to, from;
    evm_dao_refund(&to);
    for (size_t i = 0; evm_dao_account(i, &from); i++) {
        struct evm_account now;
        evm_state_account(s, &from, &now);
        enum evm_status status = drain(s, &from, &now);
        if (status == EVM_OK)
            status = evm_credit(s, rules, &to, &now.balance);
        if (status != EVM_OK)
            return status;
    }
    return EVM_OK;
}
