/* evm/io/accounts.h - a world state from JSON: {"0xaddress": {balance, nonce, code, storage}}.
 * The shape of "pre" in state tests and of the prestate tracer; every part may be missing, and then
 * is zero or empty; what is there must be of its kind, null too is an error. */
#ifndef EVM_IO_ACCOUNTS_H
#define EVM_IO_ACCOUNTS_H

#include "evm/io/json.h"
#include "evm/state/state.h"

/* Writes the accounts into the unsealed, empty version *s. EVM_ERR_INPUT names what is wrong. */
enum evm_status evm_accounts_load(struct evm_json *doc, struct evm_jval accounts,
                                  struct evm_state *s, struct evm_err *err);

#endif
