/* models/faults/messages.h - which messages of a node a fault means: settings that omission and
 * delay share. */
#ifndef MODELS_FAULTS_MESSAGES_H
#define MODELS_FAULTS_MESSAGES_H

#include "models/faults/select.h"

#define FAULT_WAY(E, S)                                                                            \
    E(S, FAULT_WAY_BOTH, "both", "What they send, and what they are sent.")                        \
    E(S, FAULT_WAY_OUT, "out", "What they send.")                                                  \
    E(S, FAULT_WAY_IN, "in", "What they are sent.")
FIELD_ENUM_DECLARE(fault_way, FAULT_WAY);

#define FAULT_SORT(E, S)                                                                           \
    E(S, FAULT_SORT_ANY, "any", "All messages.")                                                   \
    E(S, FAULT_SORT_TRANSACTIONS, "transactions", "Transactions and what announces them.")         \
    E(S, FAULT_SORT_BLOCKS, "blocks", "Proposals and blocks and what announces them.")             \
    E(S, FAULT_SORT_VOTES, "votes", "Consensus messages without a block.")                         \
    E(S, FAULT_SORT_SYNC, "sync", "Catch-up: requests and answers.")                               \
    E(S, FAULT_SORT_MAIL, "mail", "Mail between layers.")
FIELD_ENUM_DECLARE(fault_sort, FAULT_SORT);

#define FAULT_MESSAGE_FIELDS(F, S)                                                                 \
    F(S, ENUM(fault_way), way, "both", NULL, NULL, "Which way the messages go.")                   \
    F(S, ENUM(fault_sort), sort, "any", NULL, NULL, "Which messages.")

/* Whether the fault means a message from `from` to `to`. */
bool fault_means(const struct fault_strike *s, enum fault_way way, enum fault_sort sort,
                 node_id from, node_id to, const struct message *m);

#endif
