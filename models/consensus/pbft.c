/* PBFT: Castro, Liskov, "Practical Byzantine fault tolerance", OSDI 1999; the same, ACM TOCS 20(4),
 * 2002. Section numbers are OSDI's.
 *
 * Kept: pre-prepare, prepare, commit (4.2); a pre-prepare counts as its primary's prepare;
 * checkpoints, low and high watermarks, garbage collection (4.3); view changes with prepared
 * certificates and new-views that prove what they take over (4.4: pbft_views.c); MACs in place of
 * signatures but for view changes (5). A batch is a block, its sequence number the block's height.
 * Blocks form a chain, so a block is prepared only after its parent, and votes come in that order;
 * a new view re-proposes the chain of what was prepared, and needs no null requests.
 *
 * Backups start their timer with every commit, since the primary owes a block, empty at worst,
 * after block_interval and idle: nobody watches single requests. Left out: the reply protocol
 * (workloads hear of commits), tentative execution and read-only requests, digest replies, the
 * view-change acknowledgements that TOCS' MAC-only variant needs, proactive recovery. Prepares that
 * come again inside view changes are not checked again.
 *
 * What a node missed it fetches as committed blocks with their proof, which stands for state
 * transfer from a stable checkpoint. */
#include "models/consensus/pbft.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/mem.h"

static void check(const void *cfg, struct field_report *report)
{
    const struct pbft_cfg *c = cfg;
    if (c->window < c->checkpoint + c->depth)
        field_complain(report, "window", "must be checkpoint + depth at least");
}
FIELD_ENUM_DEFINE(pbft_authentication, PBFT_AUTHENTICATION);
FIELD_DEFINE(pbft_cfg, PBFT_FIELDS, "PBFT's batches, time-outs and watermarks.", check);

/* Bytes on the wire: view 8, height 8, hash 32, validator 4; a MAC 8. */
enum { VOTE_BYTES = 52, MAC_BYTES = 8 };
enum { EARLY_MAX = 64 };

uint32_t pbft_primary(const struct pbft *p, uint64_t view)
{
    return validators_turn(p->env->validators, view);
}

static bool is_primary(const struct pbft *p)
{
    return p->env->me != VALIDATOR_NONE && pbft_primary(p, p->view) == p->env->me;
}

/* What a message of the normal case carries to be believed. */
static void authenticate(const struct pbft *p, struct message *m)
{
    bool signs = p->cfg->authentication == PBFT_SIGNATURES;
    m->signs = m->verifies = signs;
    m->size += signs ? ECDSA_BYTES : MAC_BYTES * p->env->validators->count;
}

void pbft_send(struct pbft *p, node_id to, struct message *m)
{
    if (to == NODE_NONE)
        env_broadcast(p->env, m);
    else
        env_send(p->env, to, m);
}

/* ---- slots ---- */

static void slot_free(struct slot *s)
{
    if (!s)
        return;
    block_unref(s->block);
    cert_unref(s->prepared);
    cert_unref(s->final);
    mem_free(s);
}

struct slot *pbft_find(const struct pbft *p, uint64_t height)
{
    uint64_t i = height - p->stable->height - 1;
    return p->slots && height > p->stable->height && i < p->cfg->window ? p->slots[i] : NULL;
}

struct slot *pbft_slot(struct pbft *p, uint64_t height)
{
    uint64_t i = height - p->stable->height - 1;
    if (height <= p->stable->height || i >= p->cfg->window)
        return NULL;
    if (!p->slots)
        p->slots = mem_zalloc(p->cfg->window, sizeof(struct slot *));
    if (p->slots && !p->slots[i])
        p->slots[i] = mem_zalloc(1, sizeof(struct slot));
    return p->slots ? p->slots[i] : NULL;
}

/* 4.3: the log below a stable checkpoint goes. */
static void set_stable(struct pbft *p, struct block *b)
{
    uint64_t gone = b->height - p->stable->height;
    for (uint64_t i = 0; p->slots && i < p->cfg->window; i++) {
        if (i < gone)
            slot_free(p->slots[i]);
        p->slots[i] = i + gone < p->cfg->window ? p->slots[i + gone] : NULL;
        if (i + gone < p->cfg->window && gone)
            p->slots[i + gone] = NULL;
    }
    struct block *old = p->stable;
    p->stable = block_ref(b);
    block_unref(old);
    votes_forget(&p->votes, b->height + 1);
}

/* ---- votes ---- */

static void count_vote(struct pbft *p, uint8_t kind, const struct pbft_vote *v);

static void say(struct pbft *p, node_id to, uint8_t kind, uint64_t view, const struct block *b)
{
    struct pbft_vote v = {
        .view = view, .height = b->height, .hash = b->hash, .validator = p->env->me};
    struct message *m = message_create(CHANNEL_CONSENSUS, kind, sizeof v);
    if (m) {
        memcpy(m->payload, &v, sizeof v);
        m->size = VOTE_BYTES;
        authenticate(p, m);
        pbft_send(p, to, m);
    }
    if (to == NODE_NONE)
        count_vote(p, kind, &v);
}

/* Whether b is final here or prepared in this view. */
static bool stands(const struct pbft *p, const struct block *b)
{
    if (b->height <= p->committed->height)
        return block_ancestor(p->committed, b->height) == b;
    const struct slot *s = pbft_find(p, b->height);
    return s && s->block == b && s->prepared && s->prepared->view == p->view;
}

static bool quorum(const struct pbft *p, const struct ballot *b)
{
    return b && validators_quorum(p->env->validators, b->weight);
}

/* Judges know one number for a certificate: height and view. */
static void certify(struct pbft *p, const char *what, const struct block *b, uint64_t view,
                    const struct ballot *votes)
{
    env_certify(p->env, what, b, b->height << 16 | (view & 0xffff), votes->signers, votes->count);
}

static bool take_prepared(struct pbft *p, struct slot *s)
{
    if (p->changing || !s->block || s->view != p->view || s->judged != PBFT_VALID ||
        (s->prepared && s->prepared->view == p->view) || !stands(p, s->block->parent))
        return false;
    struct ballot *b =
        votes_find(&p->votes, PBFT_PREPARE, s->block->height, s->view, &s->block->hash);
    if (!quorum(p, b))
        return false;
    struct cert *cert = cert_create(s->view, s->block, b->signers, b->count);
    if (!cert)
        return false;
    certify(p, "prepare", s->block, s->view, b);
    cert_set(&s->prepared, cert);
    cert_unref(cert);
    if (s->block->height > p->committed->height)
        env_adopt(p->env, s->block);
    return true;
}

static void progress(struct pbft *p)
{
    p->progress = env_now(p->env);
    p->failures = 0;
    if (!p->changing)
        pbft_restart_timer(p);
}

void pbft_set_committed(struct pbft *p, struct block *b, struct cert *proof)
{
    struct block *old = p->committed;
    p->committed = block_ref(b);
    block_unref(old);
    cert_set(&p->proof, proof);
    env_commit(p->env, b, proof ? proof->signers : NULL, proof ? proof->count : 0);
    progress(p);
}

/* The highest checkpoint that a quorum vouches for and that this node has reached. */
static void take_stable(struct pbft *p)
{
    struct block *best = NULL;
    for (const struct ballot *b = p->votes.first; b; b = b->next) {
        if (b->kind != PBFT_CHECKPOINT || !quorum(p, b) || b->number > p->committed->height ||
            (best && b->number <= best->height))
            continue;
        struct block *at = block_ancestor(p->committed, b->number);
        if (at && evm_hash_eq(&at->hash, &b->hash))
            best = at;
    }
    if (best && best->height > p->stable->height)
        set_stable(p, best);
}

static void take_commits(struct pbft *p)
{
    for (;;) {
        struct slot *s = pbft_find(p, p->committed->height + 1);
        if (!s || !s->final || s->final->block->parent != p->committed)
            return;
        struct block *b = s->final->block;
        pbft_set_committed(p, b, s->final);
        if (b->height % p->cfg->checkpoint == 0 && p->env->me != VALIDATOR_NONE)
            say(p, NODE_NONE, PBFT_CHECKPOINT, PBFT_NO_VIEW, b);
        take_stable(p);
    }
}

/* A quorum of commits of one view for the block that is here proves it final, in whatever view this
 * node is now. */
static void take_final(struct pbft *p, struct slot *s, const struct ballot *b)
{
    if (s->final || !s->block || s->judged == PBFT_INVALID || !quorum(p, b) ||
        !evm_hash_eq(&s->block->hash, &b->hash) || !env_has(p->env, s->block))
        return;
    s->final = cert_create(b->view, s->block, b->signers, b->count);
    if (s->final)
        certify(p, "commit", s->block, b->view, b);
}

static void say_prepare(struct pbft *p, struct slot *s)
{
    if (p->changing || s->said_prepare || s->judged != PBFT_VALID || s->view != p->view ||
        p->env->me == VALIDATOR_NONE || is_primary(p))
        return;
    s->said_prepare = true;
    say(p, NODE_NONE, PBFT_PREPARE, s->view, s->block);
}

/* What is final here already is said to be so in every later view that re-proposes it. */
static void say_commit(struct pbft *p, struct slot *s)
{
    bool prepared = s->prepared && s->prepared->view == p->view;
    if (p->changing || s->said_commit || s->view != p->view || p->env->me == VALIDATOR_NONE ||
        !(prepared || s->block->height <= p->committed->height))
        return;
    s->said_commit = true;
    say(p, NODE_NONE, PBFT_COMMIT, s->view, s->block);
}

/* Goes up the chain from a height: what became prepared or final there may let what stands on it be
 * so. */
static void rules(struct pbft *p, uint64_t height)
{
    struct slot *s;
    for (uint64_t h = height; (s = pbft_find(p, h)) && s->block; h++) {
        say_prepare(p, s);
        bool more = take_prepared(p, s);
        say_commit(p, s);
        take_final(p, s, votes_find(&p->votes, PBFT_COMMIT, h, s->view, &s->block->hash));
        if (!more)
            break;
    }
    uint64_t before = p->committed->height;
    take_commits(p);
    if (p->committed->height > before)
        rules(p, p->committed->height + 1);
}

static void count_vote(struct pbft *p, uint8_t kind, const struct pbft_vote *v)
{
    if (v->height <= p->stable->height ||
        (kind != PBFT_CHECKPOINT && v->height <= p->committed->height))
        return;
    struct ballot *b = votes_add(&p->votes, kind, v->height, v->view, &v->hash, v->validator);
    if (!b || kind == PBFT_CHECKPOINT)
        return;
    struct slot *s = pbft_find(p, v->height);
    if (s && kind == PBFT_COMMIT)
        take_final(p, s, b);
}

static void on_vote(struct pbft *p, node_id from, const struct message *m)
{
    const struct pbft_vote *v = (const struct pbft_vote *)m->payload;
    const struct validators *all = p->env->validators;
    if (v->validator >= all->count || all->nodes[v->validator] != m->origin ||
        (m->type != PBFT_CHECKPOINT && v->height > p->stable->height + p->cfg->window))
        return;
    uint64_t before = p->committed->height + p->stable->height;
    count_vote(p, m->type, v);
    if (m->type == PBFT_CHECKPOINT) {
        struct ballot *b = votes_find(&p->votes, PBFT_CHECKPOINT, v->height, v->view, &v->hash);
        if (b && v->height > p->committed->height && validators_third(all, b->weight))
            env_behind(p->env, from, v->height);
        take_stable(p);
    } else {
        rules(p, v->height);
    }
    if (p->committed->height + p->stable->height > before)
        pbft_propose(p);
}

/* ---- pre-prepares ---- */

static void judge(struct pbft *p, struct slot *s)
{
    if (s->judged != PBFT_NOT_JUDGED || !env_has(p->env, s->block))
        return;
    if (s->block->height <= p->committed->height) {
        bool same = block_ancestor(p->committed, s->block->height) == s->block;
        s->judged = same ? PBFT_VALID : PBFT_INVALID;
        return;
    }
    s->judged = PBFT_ASKED;
    env_check(p->env, s->block, 0);
}

void pbft_accept(struct pbft *p, struct slot *s, struct block *b)
{
    struct block *old = s->block;
    if (old != b)
        s->judged = PBFT_NOT_JUDGED;
    s->block = block_ref(b);
    block_unref(old);
    s->view = p->view;
    s->said_prepare = s->said_commit = false;
    votes_add(&p->votes, PBFT_PREPARE, b->height, p->view, &b->hash, pbft_primary(p, p->view));
    judge(p, s);
    rules(p, b->height);
}

static void keep_early(struct pbft *p, const struct message *m)
{
    if (p->early_count == EARLY_MAX)
        return;
    if (!p->early && !(p->early = mem_alloc(EARLY_MAX, sizeof(struct message *))))
        return;
    /* const is dropped to count a reference; the message itself is not changed */
    p->early[p->early_count++] = message_ref((struct message *)(uintptr_t)m);
}

/* 4.2: of the present view, from its primary, between the watermarks, the first of its number; its
 * parent came before it. */
static void on_preprepare(struct pbft *p, const struct message *m)
{
    const struct pbft_preprepare *pre = (const struct pbft_preprepare *)m->payload;
    struct block *b = m->block;
    if (!b || pre->view < p->view || b->round != pre->view || b->height <= p->committed->height ||
        m->origin != p->env->validators->nodes[pbft_primary(p, pre->view)])
        return;
    struct slot *parent = pbft_find(p, b->height - 1);
    bool follows = b->parent == p->committed ||
                   (parent && parent->block == b->parent && parent->view == p->view);
    if (pre->view > p->view || p->changing || !follows) {
        keep_early(p, m);
        return;
    }
    struct slot *s = pbft_slot(p, b->height);
    if (s && !(s->block && s->view == p->view))
        pbft_accept(p, s, b);
}

void pbft_replay_early(struct pbft *p)
{
    struct message **early = p->early;
    uint32_t count = p->early_count;
    if (!count)
        return;
    p->early = NULL;
    p->early_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        on_preprepare(p, early[i]);
        message_unref(early[i]);
    }
    mem_free(early);
}

/* ---- proposing ---- */

static bool due(struct pbft *p, sim_time at)
{
    sim_time now = env_now(p->env);
    if (now >= at)
        return true;
    env_cancel(p->env, &p->propose_timer);
    p->propose_timer = env_timer(p->env, at - now, PBFT_TIMER_PROPOSE, p->view & PBFT_VIEW_MASK);
    return false;
}

static struct block *top_of(const struct pbft *p)
{
    return p->top && p->top->height > p->committed->height ? p->top : p->committed;
}

static void build(struct pbft *p)
{
    p->building = true;
    p->awake = false;
    env_await(p->env);
    struct build_request request = {
        .parent = top_of(p), .round = p->view, .difficulty = 1, .tag = p->view & PBFT_VIEW_MASK};
    env_build(p->env, &request);
}

void pbft_propose(struct pbft *p)
{
    if (!is_primary(p) || p->changing || p->building || p->waiting)
        return;
    struct block *top = top_of(p);
    if (top->height >= p->committed->height + p->cfg->depth ||
        top->height >= p->stable->height + p->cfg->window)
        return;
    if (due(p, top->created + p->cfg->block_interval))
        build(p);
}

static void set_top(struct pbft *p, struct block *b)
{
    struct block *old = p->top;
    p->top = b ? block_ref(b) : NULL;
    block_unref(old);
}

static void send_preprepare(struct pbft *p, node_id to, struct block *b)
{
    struct message *m =
        message_create(CHANNEL_BLOCK, PBFT_PREPREPARE, sizeof(struct pbft_preprepare));
    if (!m)
        return;
    ((struct pbft_preprepare *)m->payload)->view = p->view;
    m->size = VOTE_BYTES;
    authenticate(p, m);
    message_set_block(m, b);
    pbft_send(p, to, m);
}

void pbft_take_stable(struct pbft *p, uint64_t height)
{
    struct block *b = height <= p->committed->height && height > p->stable->height
                          ? block_ancestor(p->committed, height)
                          : NULL;
    if (b)
        set_stable(p, b);
}

static uint64_t last_checkpoint(const struct pbft *p)
{
    return p->committed->height / p->cfg->checkpoint * p->cfg->checkpoint;
}

void pbft_repeat_checkpoint(struct pbft *p, node_id to)
{
    struct block *b = last_checkpoint(p) ? block_ancestor(p->committed, last_checkpoint(p)) : NULL;
    if (b)
        say(p, to, PBFT_CHECKPOINT, PBFT_NO_VIEW, b);
}

void pbft_repeat(struct pbft *p, node_id to, const struct slot *s)
{
    if (is_primary(p) && s->block->round == p->view)
        send_preprepare(p, to, s->block);
    if (s->said_prepare)
        say(p, to, PBFT_PREPARE, s->view, s->block);
    if (s->said_commit)
        say(p, to, PBFT_COMMIT, s->view, s->block);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct pbft *p = state;
    if (!p->building || tag != (p->view & PBFT_VIEW_MASK) || b->parent != top_of(p))
        return;
    p->building = false;
    if (!p->idle_until)
        p->idle_until = env_now(p->env) + p->cfg->idle;
    if (b->tx_count == 0 && env_now(p->env) < p->idle_until) {
        if (p->awake)
            build(p);
        else
            p->waiting = !due(p, p->idle_until);
        return;
    }
    p->idle_until = 0;
    struct slot *s = pbft_slot(p, b->height);
    if (!s)
        return;
    set_top(p, b);
    send_preprepare(p, NODE_NONE, b);
    block_unref(s->block);
    s->block = block_ref(b);
    s->judged = PBFT_VALID;
    pbft_accept(p, s, b);
    pbft_propose(p);
}

static void awake(void *state)
{
    struct pbft *p = state;
    p->awake = true;
    if (!p->waiting)
        return;
    p->waiting = false;
    env_cancel(p->env, &p->propose_timer);
    pbft_propose(p);
}

/* ---- the other calls ---- */

void pbft_restart_timer(struct pbft *p)
{
    const struct pbft_cfg *c = p->cfg;
    env_cancel(p->env, &p->view_timer);
    if (p->env->me == VALIDATOR_NONE)
        return;
    sim_time most = c->longest_timeout > c->view_timeout ? c->longest_timeout : c->view_timeout;
    sim_time wait = votes_backoff(c->view_timeout, c->backoff, p->failures, most);
    p->view_timer = env_timer(p->env, wait + c->block_interval + c->idle, PBFT_TIMER_VIEW,
                              p->view & PBFT_VIEW_MASK);
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct pbft *p = state;
    (void)err;
    p->env = env;
    p->cfg = cfg;
    p->votes.all = env->validators;
    p->committed = block_ref(env->genesis);
    p->stable = block_ref(env->genesis);
    return ERR_OK;
}

static void start(void *state)
{
    struct pbft *p = state;
    env_timer(p->env, p->cfg->resend, PBFT_TIMER_RESEND, 0);
    pbft_restart_timer(p);
    pbft_propose(p);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct pbft *p = state;
    struct message *kept = (struct message *)(uintptr_t)m; /* to count references */
    switch (m->type) {
    case PBFT_PREPREPARE:
        on_preprepare(p, m);
        pbft_replay_early(p);
        break;
    case PBFT_PREPARE:
    case PBFT_COMMIT:
    case PBFT_CHECKPOINT: on_vote(p, from, m); break;
    case PBFT_CHANGE: pbft_on_change(p, from, kept); break;
    case PBFT_NEW_VIEW: pbft_on_new_view(p, kept); break;
    case PBFT_STATUS: pbft_on_status(p, from, m); break;
    default: break;
    }
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct pbft *p = state;
    if (kind == PBFT_TIMER_RESEND) {
        if (env_now(p->env) - p->progress >= p->cfg->resend)
            pbft_send_status(p, NODE_NONE, false);
        env_timer(p->env, p->cfg->resend, PBFT_TIMER_RESEND, 0);
    } else if (value == (p->view & PBFT_VIEW_MASK)) {
        if (kind == PBFT_TIMER_VIEW) {
            pbft_view_over(p);
        } else {
            p->waiting = false;
            pbft_propose(p);
        }
    }
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct pbft *p = state;
    struct slot *s = pbft_find(p, b->height);
    (void)tag;
    if (!s || s->block != b || s->judged != PBFT_ASKED)
        return;
    s->judged = valid ? PBFT_VALID : PBFT_INVALID;
    rules(p, b->height);
    pbft_propose(p);
}

void pbft_go_on(struct pbft *p)
{
    for (uint64_t h = p->committed->height + 1; h <= p->stable->height + p->cfg->window; h++) {
        struct slot *s = pbft_find(p, h);
        if (!s || !s->block)
            continue;
        judge(p, s);
        rules(p, h);
    }
    take_commits(p);
    take_stable(p);
    pbft_replay_early(p);
    pbft_try_new_view(p);
    pbft_propose(p);
}

/* Blocks of a catch-up: final ones, which may stand on others that this node had already, and those
 * that a new view re-proposes and this node lacked. */
static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct pbft *p = state;
    (void)from;
    if (committed && b->height > p->committed->height &&
        block_ancestor(b, p->committed->height) == p->committed) {
        pbft_set_committed(p, b, NULL);
        pbft_take_stable(p, last_checkpoint(p));
    }
    pbft_go_on(p);
}

static void recovered(void *state)
{
    struct pbft *p = state;
    p->building = p->waiting = false;
    p->view_timer = p->propose_timer = (struct sim_timer){0};
    env_timer(p->env, p->cfg->resend, PBFT_TIMER_RESEND, 0);
    pbft_restart_timer(p);
    pbft_send_status(p, NODE_NONE, false);
    for (uint64_t i = 0; p->slots && i < p->cfg->window; i++) {
        struct slot *s = p->slots[i];
        if (!s || !s->block)
            continue;
        if (s->judged == PBFT_ASKED)
            s->judged = PBFT_NOT_JUDGED;
        judge(p, s);
    }
    pbft_propose(p);
}

static void fini(void *state)
{
    struct pbft *p = state;
    for (uint64_t i = 0; p->slots && i < p->cfg->window; i++)
        slot_free(p->slots[i]);
    mem_free(p->slots);
    for (uint32_t i = 0; i < p->early_count; i++)
        message_unref(p->early[i]);
    mem_free(p->early);
    pbft_forget_views(p);
    votes_fini(&p->votes);
    cert_unref(p->proof);
    block_unref(p->committed);
    block_unref(p->stable);
    block_unref(p->top);
    memset(p, 0, sizeof *p);
}

static const char *message_name(uint8_t type)
{
    static const char *const names[] = {
        [PBFT_PREPREPARE] = "pre-prepare", [PBFT_PREPARE] = "prepare",
        [PBFT_COMMIT] = "commit",          [PBFT_CHECKPOINT] = "checkpoint",
        [PBFT_CHANGE] = "view-change",     [PBFT_NEW_VIEW] = "new-view",
        [PBFT_STATUS] = "status",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

static void describe(const struct message *m, char *out, size_t size)
{
    const struct pbft_preprepare *pre = (const struct pbft_preprepare *)m->payload;
    const struct pbft_vote *v = (const struct pbft_vote *)m->payload;
    if (m->type == PBFT_PREPREPARE)
        snprintf(out, size, "view %llu, height %llu", (unsigned long long)pre->view,
                 (unsigned long long)m->block->height);
    else if (m->type == PBFT_CHECKPOINT)
        snprintf(out, size, "height %llu", (unsigned long long)v->height);
    else if (m->type == PBFT_PREPARE || m->type == PBFT_COMMIT)
        snprintf(out, size, "view %llu, height %llu", (unsigned long long)v->view,
                 (unsigned long long)v->height);
    else /* view-change, new-view, status: all begin with the view */
        snprintf(out, size, "view %llu", (unsigned long long)pre->view);
}

static uint64_t depth(const void *cfg, uint64_t validators)
{
    (void)validators;
    return ((const struct pbft_cfg *)cfg)->depth - 1;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct pbft_cfg *c = cfg;
    (void)validators;
    return c->view_timeout + c->block_interval + c->idle;
}

const struct consensus_ops consensus_pbft = {
    .model = {"pbft", "Pre-prepare, prepare, commit under a primary; view changes.",
              &pbft_cfg_table},
    .state_size = sizeof(struct pbft),
    .traits = {.final = true,
               .steady = true,
               .follows = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .awake = awake,
    .recovered = recovered,
    .fini = fini,
    .message_name = message_name,
    .describe = describe,
};
