/* tests/fuzz/reference_internal.h - the reference's two halves to one another: reference.c (world,
 * messages, creations, the end of the transaction) and its opcodes (reference_frame.h). */
#ifndef TESTS_FUZZ_REFERENCE_INTERNAL_H
#define TESTS_FUZZ_REFERENCE_INTERNAL_H

#include "tests/fuzz/reference.h"

/* A message to run: what the Yellow Paper's I holds (section 9.3). */
struct ref_call {
    struct ref_addr self, caller;
    struct ref_word value;
    struct ref_bytes code, input;
    int64_t gas;
    int depth;
    bool is_static;
};

struct ref_result {
    enum ref_status status;
    int64_t gas;
    uint8_t *output; /* the caller's to free */
    size_t size;
};

/* ---- reference.c ----------------------------------------------------------------------------- */

/* Value moves first (transfer) or the account is touched; precompiles run natively. `at` is the
 * address called: whose precompile, if any, runs. */
struct ref_result ref_message_call(struct ref *r, const struct ref_call *c,
                                   const struct ref_addr *at, bool transfer, bool touch);
/* At c->self, with c->code the initcode. */
struct ref_result ref_creation(struct ref *r, const struct ref_call *c);

bool ref_is_precompile(const struct ref *r, const struct ref_addr *addr);
/* Nonce 0, balance 0, no code (EIP-161). */
bool ref_is_empty(struct ref *r, const struct ref_addr *addr);
struct ref_bytes ref_code_of(struct ref *r, const struct ref_addr *addr);
/* The target of a delegation (EIP-7702), if the code is one. */
bool ref_delegation(const struct ref *r, struct ref_bytes code, struct ref_addr *target);
struct ref_word ref_balance_of(struct ref *r, const struct ref_addr *addr);
void ref_touch(struct ref *r, const struct ref_addr *addr);
void ref_transfer(struct ref *r, const struct ref_addr *from, const struct ref_addr *to,
                  const struct ref_word *value);
void *ref_alloc(size_t size); /* zeroed; never NULL */
void ref_log_add(struct ref *r, const struct ref_log *log);

/* ---- reference_ops.c ------------------------------------------------------------------------- */

/* Runs c->code to its end. State it changed is not undone here. */
struct ref_result ref_execute(struct ref *r, const struct ref_call *c);

#endif
