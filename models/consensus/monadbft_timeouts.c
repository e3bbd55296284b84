/* MonadBFT: views that fail. Timeouts, what a quorum of them proves, and help for who is late
 * (arXiv 2502.20692, algorithms 3 and 4; v2: a timeout is a vote for its tip). */
#include "models/consensus/monadbft.h"
#include "sim/base/mem.h"

static void form(struct monadbft *t);

void mb_give_up(struct monadbft *t)
{
    t->timed_out = true;
    if (t->voted < t->view)
        t->voted = t->view;
    struct message *m = t->env->me == VALIDATOR_NONE ? NULL : mb_timeout(t);
    if (!m)
        return;
    if (!t->timeouts)
        t->timeouts = mem_zalloc(t->n, sizeof *t->timeouts);
    if (t->timeouts && !t->timeouts[t->env->me]) {
        t->timeouts[t->env->me] = message_ref(m);
        t->timeout_weight += t->env->validators->weights[t->env->me];
    }
    env_broadcast(t->env, m);
    form(t);
}

/* The highest tip of the timeouts of this view, and the bits of those whose timeout is a vote for
 * it; NULL: the highest certificate is as high. */
static struct block *high_tip(const struct monadbft *t, uint64_t *voters)
{
    struct block *tip = NULL;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct mb_timeout *p =
            t->timeouts[i] ? (const struct mb_timeout *)t->timeouts[i]->payload : NULL;
        if (p && p->tip && p->tip->round > t->high->view && (!tip || p->tip->round > tip->round))
            tip = p->tip;
    }
    for (uint32_t i = 0; tip && i < t->n; i++) {
        const struct mb_timeout *p =
            t->timeouts[i] ? (const struct mb_timeout *)t->timeouts[i]->payload : NULL;
        if (p && p->tip == tip && p->vote)
            voters[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return tip;
}

/* A quorum of timeouts: they certify their tip (v2), or that the view failed (algorithm 3). */
static void form(struct monadbft *t)
{
    const struct validators *all = t->env->validators;
    if (!t->timeouts || !validators_quorum(all, t->timeout_weight))
        return;
    uint64_t *voters = mem_zalloc(t->words, sizeof *voters), weight = 0;
    if (!voters)
        return;
    struct block *tip = high_tip(t, voters);
    for (uint32_t i = 0; tip && i < t->n; i++)
        weight += mb_has(voters, i) ? all->weights[i] : 0;
    if (tip && validators_quorum(all, weight)) {
        struct mb_qc *qc = mb_qc_new(t, t->view, tip, voters);
        env_note(t->env, "round", t->high->block->height + 1, t->view);
        if (qc) {
            uint64_t failures = t->failures + 1;
            mb_learn_qc(t, t->env->node, qc);
            t->failures = failures;
        }
        mb_qc_unref(qc);
    } else {
        struct mb_tc *tc = mb_tc_new(t, t->high, tip);
        mb_learn_tc(t, t->env->node, tc);
        mb_tc_unref(tc);
    }
    mem_free(voters);
}

/* Tells a node in an earlier view how this one came here. */
static void help(struct monadbft *t, node_id to)
{
    bool by_tc = t->high->view + 1 != t->view;
    struct message *m = mb_advance(t, t->high, by_tc ? t->tc : NULL);
    if (m)
        env_send(t->env, to, m);
}

void mb_on_timeout(struct monadbft *t, node_id from, const struct message *m)
{
    const struct mb_timeout *p = (const struct mb_timeout *)m->payload;
    if (p->voter >= t->n || t->env->validators->nodes[p->voter] != m->origin)
        return;
    mb_learn_qc(t, from, p->high_qc);
    mb_learn_tc(t, from, p->tc);
    if (p->view < t->view) {
        if (t->env->me != VALIDATOR_NONE)
            help(t, m->origin);
        return;
    }
    if (p->view > t->view)
        return;
    if (!t->timeouts)
        t->timeouts = mem_zalloc(t->n, sizeof *t->timeouts);
    if (!t->timeouts || t->timeouts[p->voter])
        return;
    /* const is dropped to count a reference; the message itself is not changed */
    t->timeouts[p->voter] = message_ref((struct message *)(uintptr_t)m);
    t->timeout_weight += t->env->validators->weights[p->voter];
    if (!t->timed_out && validators_third(t->env->validators, t->timeout_weight))
        mb_give_up(t);
    else
        form(t);
}
