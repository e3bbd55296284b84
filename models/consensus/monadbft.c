/* MonadBFT: Jalalzai, Babel, Komatovic, Klenze, Das, Elsheimy, Setrin, Bergschneider, Gilkalaye,
 * "MonadBFT: Fast, Responsive, Fork-Resistant Streamlined Consensus", arXiv 2502.20692. The numbers
 * of algorithms in comments are those of its first version; what its second version adds (fast
 * recovery, backup certificates) is said to be of v2.
 *
 * Kept. A view, a leader by rotation, a block on the certificate of the view before; votes go to
 * the next leader, who makes them a quorum certificate (QC) and proposes on it. A block is final
 * when a block that stands on it is certified in the view right after its own certificate's, and
 * final unless its leader equivocated as soon as it is certified (env_speculate). Timeouts carry
 * the tip, the block last voted for, if nothing as high is certified; a quorum of them is a timeout
 * certificate (TC), and the next leader must propose the highest tip of it again, or show that a
 * quorum never voted for it (no-endorsement certificate, NEC), or there is no tip above the
 * highest QC and it proposes on that (algorithms 1 to 3, 5). Pacemaker: timeouts of a third are
 * joined, certificates of a later view are followed (algorithm 4). v2: a timeout for a view is at
 * the same time a vote for its tip in that view, so if a quorum has one tip the next leader finds
 * it certified and proposes anew; a leader collects the votes on its own proposal as well, and
 * sends everyone the certificate.
 *
 * Left out. RaptorCast (the scenario's dissemination says how blocks travel), epochs, state hashes
 * in votes. Ours: timeouts grow with failures in a row; a timeout that did not suffice is said
 * again; the certificate of a block's parent is in the block, so its hash holds it.
 *
 * Timeouts: monadbft_timeouts.c. Certificates and messages: monadbft_certs.c. */
#include "models/consensus/monadbft.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

FIELD_DEFINE(monadbft_cfg, MB_FIELDS, "MonadBFT.", NULL);

enum { VIEWS_AHEAD = 3 }; /* votes for views further ahead say nothing: a certificate will */

static void enter(struct monadbft *t, uint64_t view);
static void propose(struct monadbft *t);

static node_id leader_node(const struct monadbft *t, uint64_t view)
{
    return t->env->validators->nodes[validators_turn(t->env->validators, view)];
}

static bool leads(const struct monadbft *t, uint64_t view)
{
    return t->env->me != VALIDATOR_NONE && validators_turn(t->env->validators, view) == t->env->me;
}

/* ---- certificates ---- */

/* What follows from a certificate whose block is here: the block is as good as final, and its
 * parent is final if their views follow one another (algorithm 2, lines 38 to 46). */
static void follow(struct monadbft *t, const struct mb_qc *qc)
{
    struct block *b = qc->block, *parent = b->parent;
    if (b->height <= t->final->height || !env_has(t->env, b))
        return;
    env_adopt(t->env, b);
    env_speculate(t->env, b);
    if (!parent || parent->height <= t->final->height || qc->view != mb_parent_view(b) + 1)
        return;
    env_commit(t->env, parent, qc->signers, qc->count);
    block_hold(&t->final, parent);
}

bool mb_learn_qc(struct monadbft *t, node_id from, struct mb_qc *qc)
{
    if (!qc || qc->view <= t->high->view)
        return false;
    mb_qc_unref(t->high);
    t->high = mb_qc_ref(qc);
    env_certify(t->env, "quorum", qc->block, qc->view, qc->signers, qc->count);
    if (env_has(t->env, qc->block))
        follow(t, qc);
    else if (from != t->env->node)
        env_behind(t->env, from, qc->block->height);
    if (qc->view >= t->view) {
        t->failures = 0;
        enter(t, qc->view + 1);
    }
    return true;
}

void mb_learn_tc(struct monadbft *t, node_id from, struct mb_tc *tc)
{
    if (!tc || tc->view < t->view)
        return;
    mb_tc_ref(tc);
    mb_learn_qc(t, from, tc->high_qc);
    if (tc->view >= t->view) {
        mb_tc_unref(t->tc);
        t->tc = mb_tc_ref(tc);
        t->failures++;
        env_certify(t->env, "timeout", NULL, tc->view, tc->signers, tc->count);
        env_note(t->env, "round", t->high->block->height + 1, tc->view);
        enter(t, tc->view + 1);
    }
    mb_tc_unref(tc);
}

/* The certificate that b carries. */
static void learn_from_block(struct monadbft *t, node_id from, struct block *b)
{
    if (!b->parent || mb_parent_view(b) <= t->high->view)
        return;
    struct mb_qc *qc = mb_qc_of_parent(b);
    mb_learn_qc(t, from, qc);
    mb_qc_unref(qc);
}

/* ---- views ---- */

static sim_time patience(const struct monadbft *t)
{
    uint64_t extra = t->failures < 1000 ? t->failures : 1000;
    return t->cfg->block_interval + t->cfg->view_timeout + t->cfg->timeout_delta * (sim_time)extra;
}

static uint64_t timer_value(uint64_t view)
{
    return view & 0xffffffffff;
}

/* Why a block is judged. */
enum { FOR_VOTE, FOR_PROPOSAL, FOR_ANSWER };

static void judge(struct monadbft *t, struct block *b, unsigned why)
{
    block_hold(why == FOR_ANSWER ? &t->asked : &t->candidate, b);
    env_check(t->env, b, timer_value(t->view) << 2 | why);
}

static void start_timer(struct monadbft *t)
{
    env_cancel(t->env, &t->timer);
    t->timer = env_timer(t->env, patience(t), TIMER_VIEW, timer_value(t->view));
}

static void forget_timeouts(struct monadbft *t)
{
    for (uint32_t i = 0; t->timeouts && i < t->n; i++)
        message_unref(t->timeouts[i]);
    mem_free(t->timeouts);
    t->timeouts = NULL;
    t->timeout_weight = 0;
}

static void forget_tally(struct mb_tally *v)
{
    block_unref(v->block);
    mem_free(v->voters);
    *v = (struct mb_tally){0};
}

static void enter(struct monadbft *t, uint64_t view)
{
    t->view = view;
    t->timed_out = false;
    block_hold(&t->candidate, NULL);
    block_hold(&t->asked, NULL);
    forget_timeouts(t);
    mem_free(t->no_endorsers);
    t->no_endorsers = NULL;
    t->no_endorser_weight = 0;
    for (uint32_t i = 0; i < TALLIES; i++) /* a certificate of an older view is of no use */
        if (t->tallies[i].block && t->tallies[i].view + 1 < view)
            forget_tally(&t->tallies[i]);
    start_timer(t);
    if (leads(t, view))
        propose(t);
}

/* ---- votes ---- */

/* Where votes for b in a view are counted. If there is no room, what has the least weight goes:
 * honest nodes vote once a view, for one of very few blocks. */
static struct mb_tally *tally_of(struct monadbft *t, uint64_t view, struct block *b)
{
    struct mb_tally *room = &t->tallies[0];
    for (uint32_t i = 0; i < TALLIES; i++) {
        struct mb_tally *v = &t->tallies[i];
        if (v->block == b && v->view == view)
            return v;
        if (room->block && (!v->block || v->weight < room->weight))
            room = v;
    }
    forget_tally(room);
    room->voters = mem_zalloc(t->words, sizeof(uint64_t));
    if (!room->voters)
        return NULL;
    room->view = view;
    room->block = block_ref(b);
    return room;
}

/* The first vote of a validator in a view counts. */
static bool has_voted(const struct monadbft *t, uint64_t view, uint32_t voter)
{
    for (uint32_t i = 0; i < TALLIES; i++)
        if (t->tallies[i].block && t->tallies[i].view == view &&
            mb_has(t->tallies[i].voters, voter))
            return true;
    return false;
}

static void certified(struct monadbft *t, uint64_t view, struct block *b, const uint64_t *voters)
{
    struct mb_qc *qc = mb_qc_new(t, view, b, voters);
    if (!qc)
        return;
    /* v2: the leader of the view tells everyone, unless the next one does, with its proposal. */
    if (t->cfg->backup_qc && view >= t->view && leads(t, view) && !leads(t, view + 1)) {
        struct message *m = mb_advance(t, qc, NULL);
        if (m)
            env_broadcast(t->env, m);
    }
    mb_learn_qc(t, t->env->node, qc);
    mb_qc_unref(qc);
}

static void count_vote(struct monadbft *t, uint64_t view, struct block *b, uint32_t voter)
{
    if (view < t->view || view <= t->high->view || has_voted(t, view, voter))
        return;
    struct mb_tally *v = tally_of(t, view, b);
    if (!v)
        return;
    v->voters[voter / 64] |= UINT64_C(1) << (voter % 64);
    v->weight += t->env->validators->weights[voter];
    if (!validators_quorum(t->env->validators, v->weight))
        return;
    struct mb_tally whole = *v;
    *v = (struct mb_tally){0};
    certified(t, view, b, whole.voters);
    forget_tally(&whole);
}

/* To the next leader, and to this view's own (v2). */
static void vote(struct monadbft *t, struct block *b)
{
    struct consensus_env *env = t->env;
    uint64_t view = t->view;
    node_id to[2] = {leader_node(t, view + 1), leader_node(t, view)};
    unsigned count = t->cfg->backup_qc && to[0] != to[1] ? 2 : 1;
    t->voted = view;
    block_hold(&t->tip, b);
    struct message *m = mb_vote(t, view, b);
    bool own = false;
    for (unsigned i = 0; m && i < count; i++) {
        if (to[i] == env->node)
            own = true;
        else
            env_send(env, to[i], message_ref(m));
    }
    message_unref(m);
    if (own)
        count_vote(t, view, b, env->me);
}

static void on_vote(struct monadbft *t, const struct message *m)
{
    const struct mb_vote *v = (const struct mb_vote *)m->payload;
    if (v->voter < t->n && t->env->validators->nodes[v->voter] == m->origin &&
        v->view < t->view + VIEWS_AHEAD)
        count_vote(t, v->view, v->block, v->voter);
}

/* ---- proposals ---- */

/* Whether b may be proposed in the current view (algorithm 1, safety check). */
static bool proposal_is_safe(const struct monadbft *t, const struct block *b,
                             const struct mb_tc *tc, const struct mb_nec *nec)
{
    uint64_t parent_view = mb_parent_view(b);
    if (!b->parent || parent_view >= t->view)
        return false;
    if (b->round == t->view && parent_view + 1 == t->view)
        return true;
    if (!tc || tc->view + 1 != t->view)
        return false;
    if (!tc->tip) /* nothing above the highest certificate: a new block on that */
        return b->round == t->view && b->parent == tc->high_qc->block &&
               parent_view == tc->high_qc->view;
    if (nec)
        return b->round == t->view && nec->view == t->view && parent_view == nec->qc_view &&
               b->parent == tc->tip->parent && nec->qc_view == mb_parent_view(tc->tip);
    return b == tc->tip;
}

/* A block came: it may be the one that a certificate, which came before it, is for. */
static void arrived(struct monadbft *t, const struct block *b)
{
    if (b != t->high->block)
        return;
    struct mb_qc *high = mb_qc_ref(t->high);
    follow(t, high);
    mb_qc_unref(high);
    if (leads(t, t->view))
        propose(t);
}

static void on_proposal(struct monadbft *t, node_id from, const struct message *m)
{
    const struct mb_proposal *p = (const struct mb_proposal *)m->payload;
    arrived(t, m->block);
    learn_from_block(t, from, m->block);
    mb_learn_tc(t, from, p->tc);
    if (p->view != t->view || leader_node(t, p->view) != m->origin ||
        t->env->me == VALIDATOR_NONE || t->voted >= p->view || t->candidate ||
        !proposal_is_safe(t, m->block, p->tc, p->nec))
        return;
    judge(t, m->block, FOR_VOTE);
}

static void publish(struct monadbft *t, struct block *b, struct mb_nec *nec)
{
    bool by_tc = t->high->view + 1 != t->view;
    struct message *m = mb_proposal(t, b, by_tc ? t->tc : NULL, nec);
    if (!m)
        return;
    t->proposed = t->view;
    env_broadcast(t->env, m);
    if (t->voted < t->view) {
        block_hold(&t->candidate, b);
        vote(t, b);
    }
}

/* A new block on a certificate. */
static void build_on(struct monadbft *t, const struct mb_qc *qc)
{
    if (!env_has(t->env, qc->block))
        return; /* it is being fetched */
    struct block_seal *seal = t->building < t->view ? mb_seal_new(t, qc) : NULL;
    if (!seal)
        return;
    t->building = t->view;
    struct build_request request = {.parent = qc->block,
                                    .round = t->view,
                                    .difficulty = 1,
                                    .tag = timer_value(t->view),
                                    .seal = seal};
    env_build(t->env, &request);
    block_seal_unref(seal);
}

/* The certificate that a new block of this view stands on: of the view before, or the highest that
 * a quorum of timeouts knew; NULL if there is a tip above it. */
static struct mb_qc *base(const struct monadbft *t)
{
    if (t->high->view + 1 == t->view)
        return t->high;
    return t->tc && t->tc->view + 1 == t->view && !t->tc->tip ? t->tc->high_qc : NULL;
}

/* Asks everyone for the tip, or for their word that they never voted for it. */
static void ask_for_tip(struct monadbft *t)
{
    if (t->no_endorsers)
        return;
    struct message *m = mb_recover(t);
    t->no_endorsers = mem_zalloc(t->words, sizeof(uint64_t));
    if (!m || !t->no_endorsers) {
        message_unref(m);
        return;
    }
    t->no_endorsers[t->env->me / 64] |= UINT64_C(1) << (t->env->me % 64);
    t->no_endorser_weight = t->env->validators->weights[t->env->me];
    env_broadcast(t->env, m);
}

/* A liar's tip may be a block that nobody honest could vote for. */
static void recover_tip(struct monadbft *t)
{
    struct block *tip = t->tc->tip;
    if (!env_has(t->env, tip) || tip == t->refused)
        ask_for_tip(t);
    else if (tip == t->tip)
        publish(t, tip, NULL);
    else
        judge(t, tip, FOR_PROPOSAL);
}

static void propose(struct monadbft *t)
{
    if (t->proposed >= t->view || t->timed_out)
        return;
    struct mb_qc *on = base(t);
    if (!on && t->tc && t->tc->view + 1 == t->view) {
        recover_tip(t);
        return;
    }
    if (!on)
        return;
    sim_time due = on->block->created + t->cfg->block_interval, now = env_now(t->env);
    if (now < due)
        env_timer(t->env, due - now, TIMER_PROPOSE, timer_value(t->view));
    else
        build_on(t, on);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct monadbft *t = state;
    if (tag != timer_value(t->view) || t->proposed >= t->view || t->timed_out)
        return;
    struct mb_nec *nec = NULL;
    if (!base(t)) { /* the tip turned out to have no endorsers */
        if (!t->no_endorsers || !t->tc || t->tc->view + 1 != t->view || !t->tc->tip)
            return;
        nec = mb_nec_new(t, mb_parent_view(t->tc->tip));
        if (!nec)
            return;
    }
    publish(t, b, nec);
}

/* ---- recovery of a tip (algorithm 5) ---- */

static void answer_recover(struct monadbft *t, struct block *tip, bool endorsed)
{
    struct message *m = endorsed ? mb_block(tip) : mb_no_endorsement(t, mb_parent_view(tip));
    if (m)
        env_send(t->env, leader_node(t, t->view), m);
}

static void on_recover(struct monadbft *t, node_id from, const struct message *m)
{
    const struct mb_recover *r = (const struct mb_recover *)m->payload;
    mb_learn_tc(t, from, r->tc);
    if (r->view != t->view || leader_node(t, r->view) != m->origin || !r->tc->tip ||
        t->env->me == VALIDATOR_NONE)
        return;
    struct block *tip = r->tc->tip;
    /* A vote needs the block, and what a node holds it keeps: who has it not never voted for it. */
    if (!env_has(t->env, tip) || tip == t->refused)
        answer_recover(t, tip, false);
    else if (tip == t->tip)
        answer_recover(t, tip, true);
    else
        judge(t, tip, FOR_ANSWER);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct monadbft *t = state;
    if (!valid)
        block_hold(&t->refused, b);
    if (tag >> 2 != timer_value(t->view) ||
        b != ((tag & 3) == FOR_ANSWER ? t->asked : t->candidate))
        return;
    switch (tag & 3) {
    case FOR_VOTE:
        if (valid && t->voted < t->view)
            vote(t, b);
        break;
    case FOR_PROPOSAL:
        if (valid && t->proposed < t->view && !t->timed_out)
            publish(t, b, NULL);
        else if (!valid)
            ask_for_tip(t);
        break;
    case FOR_ANSWER: answer_recover(t, b, valid); break;
    }
}

static void on_no_endorsement(struct monadbft *t, const struct message *m)
{
    const struct mb_no_endorsement *e = (const struct mb_no_endorsement *)m->payload;
    if (e->view != t->view || !t->no_endorsers || e->voter >= t->n ||
        t->env->validators->nodes[e->voter] != m->origin || mb_has(t->no_endorsers, e->voter) ||
        t->proposed >= t->view)
        return;
    t->no_endorsers[e->voter / 64] |= UINT64_C(1) << (e->voter % 64);
    t->no_endorser_weight += t->env->validators->weights[e->voter];
    if (!validators_quorum(t->env->validators, t->no_endorser_weight))
        return;
    struct mb_qc *qc = mb_qc_of_parent(t->tc->tip);
    if (qc)
        build_on(t, qc);
    mb_qc_unref(qc);
}

static void on_block(struct monadbft *t)
{
    if (leads(t, t->view) && t->no_endorsers)
        propose(t);
}

/* ---- the other calls ---- */

static void message(void *state, node_id from, const struct message *m)
{
    struct monadbft *t = state;
    switch ((enum mb_message)m->type) {
    case MSG_PROPOSAL: on_proposal(t, from, m); break;
    case MSG_VOTE: on_vote(t, m); break;
    case MSG_TIMEOUT: mb_on_timeout(t, from, m); break;
    case MSG_ADVANCE: {
        const struct mb_advance *a = (const struct mb_advance *)m->payload;
        mb_learn_qc(t, from, a->qc);
        mb_learn_tc(t, from, a->tc);
        break;
    }
    case MSG_RECOVER: on_recover(t, from, m); break;
    case MSG_BLOCK: on_block(t); break;
    case MSG_NO_ENDORSEMENT: on_no_endorsement(t, m); break;
    }
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct monadbft *t = state;
    if (value != timer_value(t->view))
        return;
    if (kind == TIMER_PROPOSE) {
        propose(t);
        return;
    }
    start_timer(t); /* first: giving up may enter the next view */
    mb_give_up(t);
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct monadbft *t = state;
    t->env = env;
    t->cfg = cfg;
    t->n = env->validators->count;
    t->words = (t->n + 63) / 64;
    t->final = block_ref(env->genesis);
    t->high = mb_qc_new(t, 0, env->genesis, NULL);
    if (!t->high)
        return err_set(err, ERR_MEMORY, "no memory for monadbft");
    return ERR_OK;
}

static void start(void *state)
{
    enter(state, 1);
}

/* Catch-up: a block that is final at the sender, or on the way to the highest certificate. */
static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct monadbft *t = state;
    if (committed && b->height == t->final->height + 1) {
        env_commit(t->env, b, NULL, 0);
        block_hold(&t->final, b);
    }
    learn_from_block(t, from, b);
    arrived(t, b);
    if (leads(t, t->view))
        propose(t);
}

static void recovered(void *state)
{
    struct monadbft *t = state;
    t->timer = (struct sim_timer){0};
    t->building = 0;
    block_hold(&t->candidate, NULL);
    /* What the others are doing they say to whoever is late. */
    start_timer(t);
    mb_give_up(t);
}

static void fini(void *state)
{
    struct monadbft *t = state;
    for (uint32_t i = 0; i < TALLIES; i++)
        forget_tally(&t->tallies[i]);
    forget_timeouts(t);
    mem_free(t->no_endorsers);
    mb_tc_unref(t->tc);
    mb_qc_unref(t->high);
    block_unref(t->candidate);
    block_unref(t->asked);
    block_unref(t->refused);
    block_unref(t->tip);
    block_unref(t->final);
    memset(t, 0, sizeof *t);
}

static sim_time view_timeout(const void *cfg, uint64_t validators)
{
    const struct monadbft_cfg *c = cfg;
    (void)validators;
    return c->block_interval + c->view_timeout;
}

const struct consensus_ops consensus_monadbft = {
    .model = {"monadbft",
              "Pipelined, final at two certificates, as good as final at one; tips stay.",
              &monadbft_cfg_table},
    .state_size = sizeof(struct monadbft),
    .traits = {.final = true,
               .follows = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .timeout = view_timeout,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
};
