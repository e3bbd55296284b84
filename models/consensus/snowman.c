/* Snowman: Team Rocket, Yin, Sekniqi, van Renesse, Sirer, "Scalable and Probabilistic Leaderless
 * BFT Consensus through Metastability", arXiv 1906.08936, on a chain as Avalanche runs it, with the
 * soft proposers of Snowman++ (avalanchego, vms/proposervm).
 *
 * Kept. While a block is undecided, a node polls k validators drawn by weight, again and again, and
 * each answers with the tip that it prefers: a vote for that block and its ancestors. Enough votes
 * (alpha_preference) change a preference; enough of them (alpha_confidence) in beta polls in a row
 * decide (Snowflake, with the two thresholds of later avalanchego). Blocks on one parent are in
 * conflict and decided bit by bit of their hashes. Some polls run at a time. A new block is pushed
 * to those its maker polls; whoever hears of a block that it lacks asks for it. Snowman++: for each
 * height some proposers are drawn by weight, alike for everybody; the i-th may propose i windows
 * after the parent, anybody when all have passed. Nodes without a vote poll as well.
 *
 * Left out. Snowball's counters, which avalanchego no longer has; transitive polls by height; the
 * benching of nodes that do not answer (they have no vote in the polls that drew them, and a poll
 * ends as soon as nothing can change it). Draws are with replacement, which is what drawing units
 * of stake comes to where stakes are large.
 *
 * Certainty is a matter of beta and of the share that lies; there is no certificate.
 *
 * Conflicts: snowman_choice.c. Polls and fetching: snowman_poll.c. */
#include "models/consensus/snowman.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <string.h>

FIELD_DEFINE(snowman_cfg, SNOWMAN_FIELDS, "Snowman.", NULL);

static void go_on(struct snowman *s);

/* ---- proposers ---- */

/* How many windows after its parent a validator may propose at a height. */
static uint64_t windows_before(const struct snowman *s, uint64_t height, uint32_t validator)
{
    const struct validators *v = s->env->validators;
    uint64_t windows = s->cfg->proposer_windows < v->count ? s->cfg->proposer_windows : v->count;
    uint32_t drawn[32];
    if (windows > 32)
        windows = 32;
    struct sim_stream stream;
    sim_stream_init(&stream, s->env->seed ^ height, s->env->layer,
                    sim_purpose("snowman.proposers"));
    for (uint64_t i = 0; i < windows; i++) {
        bool again = true;
        while (again) {
            uint64_t point = sim_stream_below(&stream, v->total);
            uint32_t low = 0, high = v->count - 1;
            while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (v->upto[middle] <= point)
                    low = middle + 1;
                else
                    high = middle;
            }
            drawn[i] = low;
            again = false;
            for (uint64_t j = 0; j < i; j++)
                again |= drawn[j] == low;
        }
        if (drawn[i] == validator)
            return i;
    }
    return windows;
}

static sim_time earliest(const struct snowman *s, const struct block *parent, uint32_t validator)
{
    sim_time wait =
        s->cfg->proposer_window * (sim_time)windows_before(s, parent->height + 1, validator);
    if (wait < s->cfg->block_interval)
        wait = s->cfg->block_interval;
    return parent->created + wait;
}

static bool header_fits(const struct snowman *s, const struct block *b)
{
    uint32_t proposer = validators_index(s->env->validators, b->proposer);
    return b->parent && proposer != VALIDATOR_NONE &&
           b->created >= earliest(s, b->parent, proposer);
}

/* When this node's turn to build on the tip comes. */
static void schedule_build(struct snowman *s)
{
    env_cancel(s->env, &s->build);
    if (s->env->me == VALIDATOR_NONE || s->built_on == s->tip ||
        s->block_count >= s->cfg->processing)
        return;
    sim_time due = earliest(s, s->tip, s->env->me), now = env_now(s->env);
    s->build = env_timer(s->env, due > now ? due - now : 0, TIMER_BUILD, 0);
}

static void build(struct snowman *s)
{
    if (s->built_on == s->tip || s->block_count >= s->cfg->processing)
        return;
    struct build_request request = {.parent = s->tip, .difficulty = 1};
    env_build(s->env, &request);
}

/* ---- blocks ---- */

static bool is_pending(const struct snowman *s, const struct block *b)
{
    for (size_t i = 0; i < s->pending.len; i++)
        if (*(struct block **)vec_at(&s->pending, i) == b)
            return true;
    return false;
}

/* Not pending any more; the list's reference goes to the caller. */
static bool take_pending(struct snowman *s, const struct block *b)
{
    struct block **all = s->pending.data;
    for (size_t i = 0; i < s->pending.len; i++)
        if (all[i] == b) {
            memmove(&all[i], &all[i + 1], (s->pending.len - i - 1) * sizeof *all);
            s->pending.len--;
            return true;
        }
    return false;
}

/* A block came, its ancestors are here. It is judged when its parent is undecided or accepted. */
static void consider(struct snowman *s, struct block *b)
{
    if (b->height <= s->accepted->height || b->height > s->accepted->height + 1000 ||
        snow_find(s, b) || is_pending(s, b) || !header_fits(s, b) || !env_has(s->env, b))
        return;
    struct block *held = block_ref(b);
    if (vec_push(&s->pending, &held) != ERR_OK) {
        block_unref(held);
        return;
    }
    if (b->parent == s->accepted || snow_find(s, b->parent))
        env_check(s->env, b, 0);
    else
        consider(s, b->parent); /* it may be here without having been considered */
}

static void judge_children(struct snowman *s, const struct block *parent)
{
    for (size_t i = 0; i < s->pending.len; i++) {
        struct block *b = *(struct block **)vec_at(&s->pending, i);
        if (b->parent == parent)
            env_check(s->env, b, 0);
    }
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct snowman *s = state;
    (void)tag;
    if (!take_pending(s, b))
        return;
    bool fits = b->parent == s->accepted || snow_find(s, b->parent);
    if (valid && fits && !snow_find(s, b) && snow_add(s, b)) {
        judge_children(s, b);
        snow_poll(s, b, false);
        go_on(s);
    }
    block_unref(b);
}

static void drop_pending_below(struct snowman *s)
{
    struct block **all = s->pending.data;
    size_t kept = 0;
    for (size_t i = 0; i < s->pending.len; i++)
        if (all[i]->height > s->accepted->height)
            all[kept++] = all[i];
        else
            block_unref(all[i]);
    s->pending.len = kept;
}

/* ---- what polls bring ---- */

static void accept(struct snowman *s, struct block *b)
{
    block_ref(b);
    env_commit(s->env, b, NULL, 0);
    snow_accept(s, b);
    drop_pending_below(s);
    judge_children(s, b);
    block_unref(b);
}

/* Follows what is preferred; asks on while something is open. */
static void go_on(struct snowman *s)
{
    for (struct block *b = snow_decided(s); b; b = snow_decided(s))
        accept(s, b);
    struct block *tip = snow_preferred(s);
    if (tip != s->tip) {
        block_hold(&s->tip, tip);
        env_adopt(s->env, tip);
    }
    schedule_build(s);
    while (s->block_count && snow_polls_open(s) < s->cfg->concurrent_polls) {
        uint32_t before = snow_polls_open(s);
        snow_poll(s, s->tip, false);
        if (snow_polls_open(s) == before)
            break;
    }
}

/* ---- messages ---- */

static void learn(struct snowman *s, node_id from, struct block *b)
{
    if (!b || b->height <= s->accepted->height || snow_find(s, b))
        return;
    if (env_has(s->env, b))
        consider(s, b);
    else
        snow_want(s, from, b);
}

static void on_chits(struct snowman *s, const struct message *m)
{
    const struct snow_chits *c = (const struct snow_chits *)m->payload;
    learn(s, m->origin, c->preferred);
    /* Much is accepted that this node never heard of. */
    if (c->accepted->height > s->accepted->height && !env_has(s->env, c->accepted))
        env_behind(s->env, m->origin, c->accepted->height);
    if (snow_answer(s, c->poll, m->origin, c->preferred))
        go_on(s);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct snowman *s = state;
    (void)from;
    switch ((enum snow_message)m->type) {
    case MSG_PUSH:
    case MSG_QUERY: {
        const struct snow_query *q = (const struct snow_query *)m->payload;
        if (s->env->me != VALIDATOR_NONE)
            snow_answer_query(s, m->origin, q->poll);
        learn(s, m->origin, q->block);
        break;
    }
    case MSG_CHITS: on_chits(s, m); break;
    case MSG_GET: snow_give(s, m->origin, ((const struct snow_get *)m->payload)->block); break;
    case MSG_PUT: consider(s, m->block); break;
    }
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct snowman *s = state;
    if (kind == TIMER_BUILD) {
        build(s);
    } else if (kind == TIMER_FRONTIER) {
        if (!snow_polls_open(s))
            snow_curious(s);
        env_timer(s->env, s->cfg->frontier, TIMER_FRONTIER, 0);
    } else if (snow_expire(s, (uint32_t)value)) {
        go_on(s);
    }
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct snowman *s = state;
    (void)tag;
    if (b->parent != s->tip || s->built_on == s->tip || !snow_add(s, b))
        return;
    block_hold(&s->built_on, b->parent);
    snow_poll(s, b, true);
    go_on(s);
}

/* ---- the other calls ---- */

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct snowman *s = state;
    const struct snowman_cfg *c = cfg;
    s->env = env;
    s->cfg = cfg;
    s->accepted = block_ref(env->genesis);
    s->tip = block_ref(env->genesis);
    vec_init(&s->pending, sizeof(struct block *));
    if (2 * c->alpha_preference <= c->k || c->alpha_confidence < c->alpha_preference ||
        c->k < c->alpha_confidence)
        return err_set(err, ERR_INPUT,
                       "snowman: k/2 < alpha_preference <= alpha_confidence <= k does not hold");
    if (c->concurrent_polls > c->beta)
        return err_set(err, ERR_INPUT, "snowman: concurrent_polls must be at most beta");
    if (c->proposer_windows > 32)
        return err_set(err, ERR_INPUT, "snowman: proposer_windows: at most 32");
    return ERR_OK;
}

static void start(void *state)
{
    struct snowman *s = state;
    schedule_build(s);
    /* Nodes do not ask all at one time. */
    sim_time first = (sim_time)sim_stream_below(env_random(s->env), (uint64_t)s->cfg->frontier);
    env_timer(s->env, first, TIMER_FRONTIER, 0);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct snowman *s = state;
    (void)from;
    if (committed && b->height == s->accepted->height + 1 && b->parent == s->accepted)
        accept(s, b);
    else
        consider(s, b);
    go_on(s);
}

static void recovered(void *state)
{
    struct snowman *s = state;
    s->build = (struct sim_timer){0};
    snow_polls_drop(s);
    for (size_t i = 0; i < s->pending.len; i++) { /* what was being judged */
        struct block *b = *(struct block **)vec_at(&s->pending, i);
        if (b->parent == s->accepted || snow_find(s, b->parent))
            env_check(s->env, b, 0);
    }
    snow_curious(s);
    env_timer(s->env, s->cfg->frontier, TIMER_FRONTIER, 0);
    go_on(s);
}

static void fini(void *state)
{
    struct snowman *s = state;
    snow_choice_fini(s);
    if (s->cfg)
        snow_poll_fini(s);
    for (size_t i = 0; i < s->pending.len; i++)
        block_unref(*(struct block **)vec_at(&s->pending, i));
    vec_fini(&s->pending);
    block_unref(s->built_on);
    block_unref(s->tip);
    block_unref(s->accepted);
    memset(s, 0, sizeof *s);
}

/* The next proposer's turn. */
static sim_time turn(const void *cfg, uint64_t validators)
{
    const struct snowman_cfg *c = cfg;
    (void)validators;
    return c->proposer_window > c->block_interval ? c->proposer_window : c->block_interval;
}

const struct consensus_ops consensus_snowman = {
    .model = {"snowman", "Polls of a few, drawn by stake, until beta in a row agree.",
              &snowman_cfg_table},
    .state_size = sizeof(struct snowman),
    .traits =
        {.final = true, .follows = true, .quorum = QUORUM_NONE, .fault_share = 5, .crash_share = 5},
    .timeout = turn,
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
