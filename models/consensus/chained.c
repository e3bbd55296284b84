/* Chained protocols: proposals, votes, certificates, locks and commits. */
#include "models/consensus/chained.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/mem.h"

FIELD_ENUM_DEFINE(chained_certificates, CHAINED_CERTIFICATES);
FIELD_ENUM_DEFINE(chained_pacemaker, CHAINED_PACEMAKER);

/* Bytes on the wire beside signatures and certificates: view 8, hash 32, validator 4. */
enum { PROPOSAL_BYTES = 12, VOTE_BYTES = 44 };
enum { BALLOT_VOTE = 1 };

static enum signature_kind signatures(const struct chained *c)
{
    return c->cfg.certificates == CHAINED_BLS ? SIGNATURE_BLS : SIGNATURE_ECDSA;
}

void chained_charge(const struct chained *c, struct message *m, const struct cert *cert)
{
    m->signature_kind = (uint8_t)signatures(c);
    if (!cert || !cert->count)
        return;
    m->size += cert_bytes(signatures(c), cert->count, c->env->validators->count);
    m->verifies += signatures(c) == SIGNATURE_BLS ? 1 : cert->count;
    if (signatures(c) == SIGNATURE_BLS)
        m->keys += cert->count;
}

static uint32_t signature_bytes(const struct chained *c)
{
    return signatures(c) == SIGNATURE_BLS ? BLS_BYTES : ECDSA_BYTES;
}

uint32_t chained_leader(const struct chained *c, uint64_t view)
{
    return validators_turn(c->env->validators, view / c->cfg.leader_views);
}

sim_time chained_timeout(const struct chained_settings *cfg)
{
    return cfg->view_timeout + cfg->block_interval + cfg->idle;
}

/* ---- certificates ---- */

static void commit(struct chained *c, struct block *b, const struct cert *proof)
{
    struct block *old = c->committed;
    c->committed = block_ref(b);
    block_unref(old);
    env_commit(c->env, b, proof && proof->count ? proof->signers : NULL, proof ? proof->count : 0);
}

/* The first of `links` blocks of consecutive rounds that end with b, or NULL. */
static struct block *chain_of(const struct chained *c, struct block *b)
{
    for (unsigned i = 1; i < c->rules->links; i++) {
        if (b->height <= c->committed->height + 1 || b->parent->round + 1 != b->round)
            return NULL;
        b = b->parent;
    }
    return b->height > c->committed->height ? b : NULL;
}

/* Every block up to the certified one is certified: the highest chain of them commits. */
static void commit_chains(struct chained *c, const struct cert *proof)
{
    for (struct block *b = proof->block; b->height > c->committed->height; b = b->parent) {
        struct block *final = chain_of(c, b);
        if (final) {
            commit(c, final, b == proof->block ? proof : NULL);
            return;
        }
    }
}

static void lock_on(struct chained *c, struct block *certified)
{
    struct block *b = certified;
    for (unsigned i = 0; b && i < c->rules->lock_below; i++)
        b = b->parent;
    if (!b || b->round <= c->lock->round)
        return;
    struct block *old = c->lock;
    c->lock = block_ref(b);
    block_unref(old);
}

void chained_learn(struct chained *c, struct cert *cert, node_id from)
{
    if (cert->view <= c->high->view)
        return;
    if (!env_has(c->env, cert->block)) {
        if (!c->ahead || cert->view > c->ahead->view)
            cert_set(&c->ahead, cert);
        env_behind(c->env, from, cert->block->height);
        return;
    }
    if (cert->count)
        env_certify(c->env, "quorum", cert->block, cert->view, cert->signers, cert->count);
    cert_set(&c->high, cert);
    if (c->ahead && c->ahead->view <= cert->view)
        cert_set(&c->ahead, NULL);
    c->progress = env_now(c->env);
    lock_on(c, cert->block);
    env_adopt(c->env, cert->block);
    commit_chains(c, cert);
    chained_enter(c, cert->view + 1, 0);
}

/* ---- votes ---- */

/* The leader of the next view has enough votes, and the block that they are for. */
static void try_certify(struct chained *c, struct ballot *b)
{
    if (!b || b->done || !c->proposal || c->proposal->round != b->view ||
        !validators_quorum(c->env->validators, b->weight) ||
        !evm_hash_eq(&b->hash, &c->proposal->hash))
        return;
    struct cert *cert = cert_create(b->view, c->proposal, b->signers, b->count);
    if (!cert)
        return;
    b->done = true;
    chained_learn(c, cert, c->env->node);
    cert_unref(cert);
    chained_propose(c);
}

static void count_vote(struct chained *c, const struct chained_vote *v)
{
    if (v->view + 1 < c->view || chained_leader(c, v->view + 1) != c->env->me)
        return;
    try_certify(c, votes_add(&c->votes, BALLOT_VOTE, 0, v->view, &v->hash, v->validator));
}

static void vote(struct chained *c, const struct block *b)
{
    struct consensus_env *env = c->env;
    struct chained_vote v = {.view = b->round, .hash = b->hash, .validator = env->me};
    uint32_t collector = chained_leader(c, b->round + 1);
    c->voted = b->round;
    if (c->cfg.pacemaker == CHAINED_LINEAR)
        chained_enter(c, b->round + 1, c->failures);
    if (collector == env->me) {
        count_vote(c, &v);
        return;
    }
    struct message *m = message_create(CHANNEL_CONSENSUS, CHAINED_VOTE, sizeof v);
    if (!m)
        return;
    memcpy(m->payload, &v, sizeof v);
    m->size = VOTE_BYTES + signature_bytes(c);
    m->signs = m->verifies = 1;
    m->signature_kind = (uint8_t)signatures(c);
    env_send(env, env->validators->nodes[collector], m);
}

static void on_vote(struct chained *c, const struct message *m)
{
    const struct chained_vote *v = (const struct chained_vote *)m->payload;
    const struct validators *all = c->env->validators;
    if (v->validator < all->count && all->nodes[v->validator] == m->origin)
        count_vote(c, v);
}

/* ---- proposals ---- */

static void set_proposal(struct chained *c, struct block *b)
{
    struct block *old = c->proposal;
    c->proposal = block_ref(b);
    block_unref(old);
}

static bool may_vote(const struct chained *c, const struct block *b)
{
    return c->env->me != VALIDATOR_NONE && b == c->proposal && b->round >= c->view &&
           b->round > c->voted && c->rules->safe(c, b);
}

static void release_proposal(struct message *m)
{
    struct chained_proposal *p = (struct chained_proposal *)m->payload;
    cert_unref(p->justify);
    cert_unref(p->entry);
}

static bool certified_before(const struct cert *justify, uint64_t view)
{
    return justify->view + 1 == view;
}

static bool well_formed(const struct chained *c, const struct message *m)
{
    const struct chained_proposal *p = (const struct chained_proposal *)m->payload;
    const struct block *b = m->block;
    return b && b->round == p->view && b->parent == p->justify->block &&
           p->justify->view == b->parent->round &&
           m->origin == c->env->validators->nodes[chained_leader(c, p->view)] &&
           (certified_before(p->justify, p->view) || (p->entry && p->entry->view == p->view));
}

static void on_proposal(struct chained *c, node_id from, const struct message *m)
{
    const struct chained_proposal *p = (const struct chained_proposal *)m->payload;
    if (!well_formed(c, m))
        return;
    chained_learn(c, p->justify, from);
    if (p->view < c->view || (c->proposal && c->proposal->round >= p->view))
        return;
    if (p->entry) {
        chained_learn_entry(c, p->entry);
        cert_set(&c->entry, p->entry); /* the proposal is judged by its own */
    }
    set_proposal(c, m->block);
    if (may_vote(c, m->block))
        env_check(c->env, m->block, p->view & CHAINED_VIEW_MASK);
    try_certify(c, votes_find(&c->votes, BALLOT_VOTE, 0, p->view, &m->block->hash));
}

void chained_checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct chained *c = state;
    (void)tag;
    if (valid && may_vote(c, b))
        vote(c, b);
}

static void send_proposal(struct chained *c, struct block *b)
{
    struct message *m =
        message_create(CHANNEL_BLOCK, CHAINED_PROPOSAL, sizeof(struct chained_proposal));
    if (!m)
        return;
    struct chained_proposal *p = (struct chained_proposal *)m->payload;
    bool fresh = certified_before(c->base, c->view);
    p->view = c->view;
    p->justify = cert_ref(c->base);
    p->entry = fresh || !c->entry ? NULL : cert_ref(c->entry);
    m->release = release_proposal;
    m->size = PROPOSAL_BYTES + signature_bytes(c);
    m->signs = m->verifies = 1;
    chained_charge(c, m, p->justify);
    chained_charge(c, m, p->entry);
    message_set_block(m, b);
    c->proposed = c->view;
    set_proposal(c, b);
    env_broadcast(c->env, m);
    if (may_vote(c, b))
        vote(c, b);
}

/* Whether a block that orders something waits for certificates on top of it. */
static bool must_push(const struct chained *c)
{
    for (const struct block *b = c->base->block; b->height > c->committed->height; b = b->parent)
        if (b->tx_count > 0)
            return true;
    return false;
}

static void build(struct chained *c)
{
    cert_set(&c->base, c->high);
    c->building = true;
    c->awake = false;
    env_await(c->env);
    struct build_request request = {.parent = c->base->block,
                                    .round = c->view,
                                    .difficulty = 1,
                                    .tag = c->view & CHAINED_VIEW_MASK};
    env_build(c->env, &request);
}

/* Comes back when it is time; true if it is. */
static bool due(struct chained *c, sim_time at)
{
    sim_time now = env_now(c->env);
    if (now >= at)
        return true;
    env_cancel(c->env, &c->propose_timer);
    c->propose_timer =
        env_timer(c->env, at - now, CHAINED_TIMER_PROPOSE, c->view & CHAINED_VIEW_MASK);
    return false;
}

void chained_propose(struct chained *c)
{
    if (c->env->me == VALIDATOR_NONE || c->proposed >= c->view || c->building || c->waiting ||
        chained_leader(c, c->view) != c->env->me)
        return;
    if (!certified_before(c->high, c->view)) {
        /* not before a block is here of which the time-outs tell */
        if (!c->entry || c->entry->view != c->view || c->entry->high > c->high->view)
            return;
        if (!c->entry_full && !due(c, c->entry_at + c->rules->gather))
            return;
    }
    if (due(c, c->high->block->created + c->cfg.block_interval))
        build(c);
}

void chained_built(void *state, struct block *b, uint64_t tag)
{
    struct chained *c = state;
    if (!c->building || tag != (c->view & CHAINED_VIEW_MASK) || b->parent != c->base->block)
        return;
    c->building = false;
    if (!c->idle_until)
        c->idle_until = env_now(c->env) + c->cfg.idle;
    if (b->tx_count > 0 || must_push(c) || env_now(c->env) >= c->idle_until)
        send_proposal(c, b);
    else if (c->awake)
        build(c);
    else
        c->waiting = !due(c, c->idle_until);
}

void chained_awake(void *state)
{
    struct chained *c = state;
    c->awake = true;
    if (!c->waiting)
        return;
    c->waiting = false;
    env_cancel(c->env, &c->propose_timer);
    chained_propose(c);
}

/* ---- the other calls ---- */

void chained_message(void *state, node_id from, const struct message *m)
{
    struct chained *c = state;
    switch (m->type) {
    case CHAINED_PROPOSAL: on_proposal(c, from, m); break;
    case CHAINED_VOTE: on_vote(c, m); break;
    case CHAINED_TIMEOUT: chained_on_timeout(c, from, m); break;
    case CHAINED_STATUS: chained_on_status(c, from, m); break;
    default: break;
    }
}

const char *chained_message_name(uint8_t type)
{
    static const char *const names[] = {[CHAINED_PROPOSAL] = "proposal",
                                        [CHAINED_VOTE] = "vote",
                                        [CHAINED_TIMEOUT] = "timeout",
                                        [CHAINED_STATUS] = "status"};
    return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

void chained_describe(const struct message *m, char *out, size_t size)
{
    const struct chained_proposal *p = (const struct chained_proposal *)m->payload;
    const struct chained_vote *v = (const struct chained_vote *)m->payload;
    if (m->type == CHAINED_PROPOSAL)
        snprintf(out, size, "view %llu, height %llu, certificate of view %llu%s",
                 (unsigned long long)p->view, (unsigned long long)m->block->height,
                 (unsigned long long)p->justify->view, p->entry ? ", after time-outs" : "");
    else if (m->type == CHAINED_VOTE)
        snprintf(out, size, "view %llu", (unsigned long long)v->view);
    else
        chained_describe_report(m, out, size);
}

void chained_timer(void *state, uint32_t kind, uint64_t value)
{
    struct chained *c = state;
    if (kind == CHAINED_TIMER_RESEND) {
        if (env_now(c->env) - c->progress >= c->cfg.resend)
            chained_send_status(c, NODE_NONE, false);
        env_timer(c->env, c->cfg.resend, CHAINED_TIMER_RESEND, 0);
    } else if (value == (c->view & CHAINED_VIEW_MASK)) {
        if (kind == CHAINED_TIMER_VIEW) {
            chained_view_over(c);
        } else {
            c->waiting = false;
            chained_propose(c);
        }
    }
}

/* A final block with its proof, by catch-up: nothing above it is known to be certified. */
static void take_over(struct chained *c, struct block *b)
{
    commit(c, b, NULL);
    if (b->round <= c->high->view)
        return;
    struct cert *cert = cert_create(b->round, b, NULL, 0);
    if (!cert)
        return;
    cert_set(&c->high, cert);
    cert_unref(cert);
    c->progress = env_now(c->env);
    if (b->round > c->lock->round) {
        block_unref(c->lock);
        c->lock = block_ref(b);
    }
    chained_enter(c, b->round + 1, 0);
}

void chained_block(void *state, struct block *b, node_id from, bool committed)
{
    struct chained *c = state;
    if (committed && b->height > c->committed->height &&
        block_ancestor(b, c->committed->height) == c->committed)
        take_over(c, b);
    if (c->ahead && env_has(c->env, c->ahead->block)) {
        struct cert *cert = c->ahead;
        c->ahead = NULL;
        chained_learn(c, cert, from);
        cert_unref(cert);
        chained_propose(c);
    }
}

enum err_code chained_init(struct chained *c, const struct chained_rules *rules,
                           const struct chained_settings *cfg, struct consensus_env *env,
                           struct err *err)
{
    c->env = env;
    c->rules = rules;
    c->cfg = *cfg;
    c->votes.all = env->validators;
    c->lock = block_ref(env->genesis);
    c->committed = block_ref(env->genesis);
    c->high = cert_create(0, env->genesis, NULL, 0);
    return c->high ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a certificate");
}

void chained_start(void *state)
{
    struct chained *c = state;
    env_timer(c->env, c->cfg.resend, CHAINED_TIMER_RESEND, 0);
    chained_enter(c, 1, 0);
}

void chained_recovered(void *state)
{
    struct chained *c = state;
    c->building = c->waiting = false;
    c->view_timer = c->propose_timer = (struct sim_timer){0};
    env_timer(c->env, c->cfg.resend, CHAINED_TIMER_RESEND, 0);
    c->view_timer = env_timer(c->env, chained_timeout(&c->cfg), CHAINED_TIMER_VIEW,
                              c->view & CHAINED_VIEW_MASK);
    chained_send_status(c, NODE_NONE, false);
    if (c->proposal && may_vote(c, c->proposal))
        env_check(c->env, c->proposal, c->view & CHAINED_VIEW_MASK);
    chained_propose(c);
}

void chained_fini(void *state)
{
    struct chained *c = state;
    cert_unref(c->high);
    cert_unref(c->ahead);
    cert_unref(c->entry);
    cert_unref(c->base);
    block_unref(c->lock);
    block_unref(c->committed);
    block_unref(c->proposal);
    votes_fini(&c->votes);
    mem_free(c->wants);
    memset(c, 0, sizeof *c);
}
