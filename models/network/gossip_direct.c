/* Dissemination by the maker alone: `direct`, as leaders of BFT protocols send their proposals.
 *
 * transactions: hashes is how libhotstuff sends a block (Yin et al., PODC 2019, section 8, and its
 * source): a list of hashes of commands, which clients give to every replica themselves. A receiver
 * that holds all of them has the block; one that does not asks the maker, who sends what it lacks.
 * Left out: asking anyone but the maker. After `tries` questions without an answer the receiver
 * goes without, until it catches up as it does after a lost message. */
#include "models/network/gossip_pull.h"
#include "sim/base/mem.h"

/* Rows E(S, ENUMERATOR, "spelling", "One sentence.") */
#define DIRECT_AUDIENCE(E, S)                                                                      \
    E(S, DIRECT_EVERYONE, "everyone", "Every other node of the layer.")                            \
    E(S, DIRECT_VALIDATORS, "validators",                                                          \
      "The layer's validators alone; other nodes hear of blocks only by catching up.")
FIELD_ENUM_DECLARE(direct_audience, DIRECT_AUDIENCE);
FIELD_ENUM_DEFINE(direct_audience, DIRECT_AUDIENCE);

#define DIRECT_BODY(E, S)                                                                          \
    E(S, DIRECT_WHOLE, "whole", "With a block, all its bytes.")                                    \
    E(S, DIRECT_HASHES, "hashes",                                                                  \
      "As hashes; who lacks some of them asks the maker. Blocks are hashed as such lists.")
FIELD_ENUM_DECLARE(direct_body, DIRECT_BODY);
FIELD_ENUM_DEFINE(direct_body, DIRECT_BODY);

#define GOSSIP_DIRECT_FIELDS(F, S)                                                                 \
    F(S, ENUM(direct_audience), to, "everyone", NULL, NULL, "Who gets it.")                        \
    F(S, ENUM(direct_body), transactions, "whole", NULL, NULL, "How those of a block travel.")     \
    F(S, SIZE, hash, "32B", "1B", "64B", "Bytes for each transaction where they are hashes.")      \
    F(S, SIZE, request, "61B", "1B", "64KB",                                                       \
      "Bytes that ask for what is missing, beside a bit for each transaction of the block.")       \
    F(S, DURATION, timeout, "1s", "1ms", "1h", "Wait for it before asking again.")                 \
    F(S, COUNT, tries, "3", "1", "100", "Questions before a node gives up.")
FIELD_DECLARE(gossip_direct, GOSSIP_DIRECT_FIELDS);
FIELD_DEFINE(gossip_direct, GOSSIP_DIRECT_FIELDS, "The maker sends to every other node itself.",
             NULL);

enum { DIRECT_BODY_WHOLE, DIRECT_LIST, DIRECT_QUESTION, DIRECT_ANSWER };

/* A node's word on m->route, which is made when somebody lacks something: who sent it the list,
 * plus one, above the questions that it has asked; or that it has the block. */
enum { ASKED_BITS = 7, ASKED_MASK = (1 << ASKED_BITS) - 1, ROUTE_HAS = ASKED_MASK };

struct direct_state {
    struct gossip_env *env;
    const struct gossip_direct *cfg;
};

static enum err_code direct_init(void *state, const void *cfg, struct gossip_env *env,
                                 struct err *err)
{
    (void)err;
    *(struct direct_state *)state = (struct direct_state){env, cfg};
    return ERR_OK;
}

static uint32_t direct_listed(const void *state)
{
    const struct direct_state *s = state;
    return s->cfg->transactions == DIRECT_HASHES ? (uint32_t)s->cfg->hash : 0;
}

static void direct_publish(void *state, node_id origin, struct message *m)
{
    const struct direct_state *s = state;
    struct gossip_env *env = s->env;
    uint32_t hash = direct_listed(s), size = hash ? gossip_short_size(m, hash, 0) : m->size;
    uint8_t type = size < m->size ? DIRECT_LIST : DIRECT_BODY_WHOLE;
    for (node_id n = env->first; n < env->first + env->count; n++)
        if (n != origin && (s->cfg->to == DIRECT_EVERYONE || env->host->weight(env, n) > 0))
            env->host->link(env, origin, n, message_ref(m), type, size);
}

/* ---- what is missing ---- */

static uint32_t *word_of(const struct direct_state *s, const struct message *m, node_id node)
{
    return (uint32_t *)m->route + (node - s->env->first);
}

static void ask(const struct direct_state *s, node_id node, struct message *m)
{
    uint32_t *word = word_of(s, m, node);
    uint32_t size = (uint32_t)s->cfg->request + (m->block->tx_count + 7) / 8;
    ++*word;
    s->env->host->link(s->env, node, (*word >> ASKED_BITS) - 1, message_ref(m),
                       DIRECT_QUESTION | LINK_CONTROL, size);
    s->env->host->timer(s->env, node, s->cfg->timeout, m);
}

static void hear_list(const struct direct_state *s, node_id at, node_id from, struct message *m)
{
    struct gossip_env *env = s->env;
    bool lacks = env->host->missing(env, at, m) > 0;
    if (lacks && !m->route && !(m->route = mem_zalloc(env->count, sizeof(uint32_t)))) {
        env->host->fail(env);
        return;
    }
    uint32_t *word = m->route ? word_of(s, m, at) : NULL;
    if (word && *word)
        return;
    if (word)
        *word = lacks ? (from + 1) << ASKED_BITS : ROUTE_HAS;
    if (lacks)
        ask(s, at, m);
    else
        env->host->deliver(env, at, from, m);
}

/* A second answer is one to a question that was asked again. */
static void hear_answer(const struct direct_state *s, node_id at, node_id from, struct message *m)
{
    uint32_t *word = m->route ? word_of(s, m, at) : NULL;
    if (word && *word == ROUTE_HAS)
        return;
    if (word)
        *word = ROUTE_HAS;
    s->env->host->deliver(s->env, at, from, m);
}

static void direct_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    const struct direct_state *s = state;
    struct gossip_env *env = s->env;
    switch (type) {
    case DIRECT_LIST: hear_list(s, at, from, m); break;
    case DIRECT_QUESTION:
        env->host->link(env, at, from, message_ref(m), DIRECT_ANSWER,
                        gossip_missing_size(env, from, m));
        break;
    case DIRECT_ANSWER: hear_answer(s, at, from, m); break;
    default: env->host->deliver(env, at, from, m);
    }
}

static void direct_timer(void *state, node_id node, struct message *m)
{
    const struct direct_state *s = state;
    uint32_t word = *word_of(s, m, node);
    if (word != ROUTE_HAS && (word & ASKED_MASK) < s->cfg->tries)
        ask(s, node, m);
}

static void nothing_to_fini(void *state)
{
    (void)state;
}

const struct gossip_ops gossip_direct_model = {
    .model = {"direct", "The maker sends to every other node, or validator, itself.",
              &gossip_direct_table},
    .state_size = sizeof(struct direct_state),
    .init = direct_init,
    .publish = direct_publish,
    .link = direct_link,
    .timer = direct_timer,
    .listed = direct_listed,
    .fini = nothing_to_fini,
};
