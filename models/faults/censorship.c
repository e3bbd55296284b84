/* Censorship: proposers that leave transactions out of their blocks: those of some entries of the
 * workload, or of a share of senders (by a hash of the address, so that all censors mean the same
 * ones). What a censored sender sent later waits too, since nonces go in order. Censors pass
 * transactions on and vote for blocks that hold them; they count as honest, since all they claim is
 * true. A transaction waits until a proposer that is no censor takes it. */
#include "models/faults/select.h"
#include "models/mempool/mempool.h"

#include <stdlib.h>

#define FAULT_CENSORSHIP_FIELDS(F, S)                                                              \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    F(S, STRINGS, workload, "", NULL, NULL,                                                        \
      "Entries of the workload list whose transactions are meant, from 0: [1, 3-4].")              \
    F(S, FRACTION, senders, "0%", "0%", "100%",                                                    \
      "Share of senders whose transactions are meant too.")
FIELD_DECLARE(fault_censorship, FAULT_CENSORSHIP_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fault_censorship *c = cfg;
    if (!c->workload.count && c->senders <= 0)
        field_complain(report, NULL, "say what is censored: workload entries, or senders");
    for (size_t i = 0; i < c->workload.count; i++) {
        node_id first, last;
        if (!fault_parse_range(c->workload.items[i], &first, &last))
            field_complain(report, "workload", "'%s' is no entry; try 0 or 1-2",
                           c->workload.items[i]);
    }
}

FIELD_DEFINE(fault_censorship, FAULT_CENSORSHIP_FIELDS, "Proposers leave transactions out.", check);

struct censorship {
    struct fault_strike strike; /* first */
    const struct fault_censorship *cfg;
};

static void begin(void *self, node_id node)
{
    struct censorship *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_CENSORS, true);
}

static void end(void *self, node_id node)
{
    struct censorship *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_CENSORS, false);
}

static const struct fault_strike_ops strike = {.name = "censorship", .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct censorship *s = state;
    const struct fault_censorship *c = s->cfg = cfg;
    return fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
}

static bool refuses(void *state, node_id node, const struct tx *tx)
{
    const struct censorship *s = state;
    if (!fault_struck(&s->strike, node))
        return false;
    for (size_t i = 0; i < s->cfg->workload.count; i++) {
        node_id first, last;
        if (fault_parse_range(s->cfg->workload.items[i], &first, &last) && tx->workload >= first &&
            tx->workload <= last)
            return true;
    }
    return pool_sender_number(&tx->evm.sender) < s->cfg->senders * 4294967296.0;
}

const struct fault_ops fault_censorship_model = {
    .model = {"censorship", "Proposers leave transactions of some senders out of their blocks.",
              &fault_censorship_table},
    .state_size = sizeof(struct censorship),
    .init = init,
    .fire = fault_strike_on_fire,
    .refuses = refuses,
    .fini = fault_strike_on_fini,
};
