/* Chained protocols: the pacemaker, and making up for messages that were lost. */
#include "models/consensus/chained.h"

#include <stdio.h>

#include "sim/base/mem.h"

enum { BALLOT_TIMEOUT = 2 };
enum { ALONE = 2 };         /* views failed in a row of which only the next leader is told */
enum { REPORT_BYTES = 12 }; /* view 8, validator 4; signature and certificate apart */

struct timeout_payload {
    uint64_t target; /* the view that its maker wants */
    struct cert *high;
    struct cert *entry; /* the time-outs that began its view, or NULL */
    uint32_t validator;
};
struct status_payload {
    uint64_t view;
    struct cert *high, *entry;
    uint32_t validator;
    bool answer;
};

static uint64_t next_leader(const struct chained *c, uint64_t view)
{
    return (view / c->cfg.leader_views + 1) * c->cfg.leader_views;
}

static void restart_timer(struct chained *c)
{
    env_cancel(c->env, &c->view_timer);
    if (c->env->me == VALIDATOR_NONE)
        return;
    sim_time wait =
        votes_backoff(c->cfg.view_timeout, c->cfg.backoff, c->failures,
                      c->cfg.longest_timeout > c->cfg.view_timeout ? c->cfg.longest_timeout
                                                                   : c->cfg.view_timeout);
    c->view_timer = env_timer(c->env, wait + c->cfg.block_interval + c->cfg.idle,
                              CHAINED_TIMER_VIEW, c->view & CHAINED_VIEW_MASK);
}

void chained_enter(struct chained *c, uint64_t view, uint64_t failures)
{
    if (view == c->view && failures < c->failures) { /* voted for before it was certified */
        c->failures = failures;
        restart_timer(c);
    }
    if (view <= c->view)
        return;
    c->together = failures <= c->failures;
    c->failures = failures;
    c->view = view;
    c->building = c->waiting = false;
    c->idle_until = 0;
    env_cancel(c->env, &c->propose_timer);
    if (c->entry && c->entry->view < view) {
        cert_set(&c->entry, NULL);
        c->entry_full = false;
    }
    votes_forget_views(&c->votes, view - 1);
    restart_timer(c);
    chained_propose(c);
}

/* ---- time-outs ---- */

void chained_learn_entry(struct chained *c, struct cert *entry)
{
    if (entry->view < c->view || (c->entry && c->entry->view >= entry->view && entry != c->entry))
        return;
    env_certify(c->env, "timeout", NULL, entry->view, entry->signers, entry->count);
    cert_set(&c->entry, entry);
    chained_enter(c, entry->view, c->failures + 1);
    c->together = true;
}

static struct cert *own_entry(const struct chained *c)
{
    return c->entry ? cert_ref(c->entry) : NULL;
}

/* A view, a signature, and this node's highest certificates, which are not checked again. */
static void sign_report(const struct chained *c, struct message *m)
{
    m->size = REPORT_BYTES + (c->cfg.certificates == CHAINED_BLS ? BLS_BYTES : ECDSA_BYTES);
    chained_charge(c, m, c->high);
    chained_charge(c, m, c->entry);
    m->signs = m->verifies = 1;
    m->keys = 0;
}

static void release_timeout(struct message *m)
{
    cert_unref(((struct timeout_payload *)m->payload)->high);
    cert_unref(((struct timeout_payload *)m->payload)->entry);
}

static struct message *timeout_message(struct chained *c, uint64_t target)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, CHAINED_TIMEOUT, sizeof(struct timeout_payload));
    if (!m)
        return NULL;
    *(struct timeout_payload *)m->payload = (struct timeout_payload){.target = target,
                                                                     .high = cert_ref(c->high),
                                                                     .entry = own_entry(c),
                                                                     .validator = c->env->me};
    m->release = release_timeout;
    sign_report(c, m);
    return m;
}

static void count_timeout(struct chained *c, uint32_t validator, uint64_t target, uint64_t high);
static void hear_want(struct chained *c, uint32_t validator, uint64_t view);

/* Asks for a view; from then on nothing of an earlier one gets this node's vote. */
static void ask_for(struct chained *c, uint64_t target)
{
    struct consensus_env *env = c->env;
    const struct validators *all = env->validators;
    uint32_t leader = chained_leader(c, target);
    bool everybody = c->cfg.pacemaker == CHAINED_QUADRATIC || c->failures >= ALONE;
    c->asked = target;
    if (c->voted < target - 1)
        c->voted = target - 1;
    struct message *m = timeout_message(c, target);
    if (m && everybody)
        env_broadcast(env, m);
    else if (m && leader != env->me)
        env_send(env, all->nodes[leader], m);
    else
        message_unref(m);
    if (c->cfg.pacemaker == CHAINED_LINEAR)
        chained_enter(c, target, c->failures + 1);
    hear_want(c, env->me, target);
    count_timeout(c, env->me, target, c->high->view);
}

void chained_view_over(struct chained *c)
{
    uint64_t target = next_leader(c, c->view);
    if (c->cfg.pacemaker == CHAINED_LINEAR && c->failures > ALONE && !c->together) {
        restart_timer(c);
        ask_for(c, c->asked);
        return;
    }
    env_note(c->env, "round", c->high->block->height + 1, c->view);
    if (target < c->asked)
        target = c->asked; /* a third of the others wanted more already */
    if (c->cfg.pacemaker == CHAINED_QUADRATIC)
        restart_timer(c);
    ask_for(c, target);
}

/* Weight of those that want a view or a later one. */
static uint64_t wanting(const struct chained *c, uint64_t view)
{
    const struct validators *all = c->env->validators;
    uint64_t weight = 0;
    for (uint32_t i = 0; c->wants && i < all->count; i++)
        weight += c->wants[i] >= view ? all->weights[i] : 0;
    return weight;
}

/* The highest view above this one that more than a third of the weight wants; 0: none. */
static uint64_t wanted_by_third(const struct chained *c)
{
    const struct validators *all = c->env->validators;
    uint64_t best = 0;
    for (uint32_t i = 0; i < all->count; i++)
        if (c->wants[i] > best && c->wants[i] > c->view &&
            validators_third(all, wanting(c, c->wants[i])))
            best = c->wants[i];
    return best;
}

/* A validator wants a view. */
static void hear_want(struct chained *c, uint32_t validator, uint64_t view)
{
    const struct validators *all = c->env->validators;
    if (c->env->me == VALIDATOR_NONE || view < c->view)
        return;
    if (!c->wants && !(c->wants = mem_zalloc(all->count, sizeof *c->wants)))
        return;
    if (c->wants[validator] >= view)
        return;
    c->wants[validator] = view;
    uint64_t target = wanted_by_third(c);
    if (target > c->asked && target > c->view)
        ask_for(c, target);
    if (!c->together && validators_quorum(all, wanting(c, c->view))) {
        c->together = true;
        restart_timer(c);
    }
}

static void count_timeout(struct chained *c, uint32_t validator, uint64_t target, uint64_t high)
{
    static const struct evm_hash none;
    const struct validators *all = c->env->validators;
    bool collects =
        c->cfg.pacemaker == CHAINED_QUADRATIC || chained_leader(c, target) == c->env->me;
    if (target < c->view || !collects)
        return;
    struct ballot *b = votes_add(&c->votes, BALLOT_TIMEOUT, 0, target, &none, validator);
    if (!b)
        return;
    if (b->high < high)
        b->high = high;
    bool full = b->weight == all->total;
    if (!b->done && validators_quorum(all, b->weight)) {
        struct cert *cert = cert_create(target, NULL, b->signers, b->count);
        if (!cert)
            return;
        b->done = true;
        cert->high = b->high;
        env_certify(c->env, "timeout", NULL, target, cert->signers, cert->count);
        cert_set(&c->entry, cert);
        cert_unref(cert);
        c->entry_at = env_now(c->env);
        c->entry_full = full;
        chained_enter(c, target, c->failures + 1);
        c->together = true;
        chained_propose(c);
    } else if (full && c->entry && c->entry->view == target) {
        c->entry_full = true;
        chained_propose(c);
    }
}

void chained_on_timeout(struct chained *c, node_id from, const struct message *m)
{
    const struct timeout_payload *t = (const struct timeout_payload *)m->payload;
    const struct validators *all = c->env->validators;
    if (t->validator >= all->count || all->nodes[t->validator] != m->origin || t->target == 0)
        return;
    chained_learn(c, t->high, from);
    if (t->entry)
        chained_learn_entry(c, t->entry);
    hear_want(c, t->validator, t->target);
    count_timeout(c, t->validator, t->target, t->high->view);
}

/* ---- statuses ---- */

static void release_status(struct message *m)
{
    cert_unref(((struct status_payload *)m->payload)->high);
    cert_unref(((struct status_payload *)m->payload)->entry);
}

void chained_send_status(struct chained *c, node_id to, bool answer)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, CHAINED_STATUS, sizeof(struct status_payload));
    if (!m)
        return;
    *(struct status_payload *)m->payload = (struct status_payload){.view = c->view,
                                                                   .high = cert_ref(c->high),
                                                                   .entry = own_entry(c),
                                                                   .validator = c->env->me,
                                                                   .answer = answer};
    m->release = release_status;
    sign_report(c, m);
    if (to == NODE_NONE)
        env_broadcast(c->env, m);
    else
        env_send(c->env, to, m);
}

void chained_on_status(struct chained *c, node_id from, const struct message *m)
{
    const struct status_payload *s = (const struct status_payload *)m->payload;
    const struct validators *all = c->env->validators;
    bool behind = s->high->view < c->high->view || s->view < c->view;
    chained_learn(c, s->high, from);
    if (s->entry)
        chained_learn_entry(c, s->entry);
    if (s->validator < all->count && all->nodes[s->validator] == m->origin)
        hear_want(c, s->validator, s->view);
    if (behind && !s->answer && c->env->me != VALIDATOR_NONE)
        chained_send_status(c, m->origin, true);
}

void chained_describe_report(const struct message *m, char *out, size_t size)
{
    const struct timeout_payload *t = (const struct timeout_payload *)m->payload;
    const struct status_payload *s = (const struct status_payload *)m->payload;
    bool timeout = m->type == CHAINED_TIMEOUT;
    snprintf(out, size, "%s view %llu, knows the certificate of view %llu",
             timeout ? "wants" : "is in", (unsigned long long)(timeout ? t->target : s->view),
             (unsigned long long)(timeout ? t->high : s->high)->view);
}
