/* Proof of work (Nakamoto, "Bitcoin: A Peer-to-Peer Electronic Cash System", 2008).
 *
 * Kept: mining as a race without memory, each miner's chance in proportion to its weight; the chain
 * with the most work wins, the first seen of equal ones (or GHOST, pow_tree.c); uncles; difficulty
 * that follows the miners (pow_difficulty.c); finality by depth. A block's difficulty, ancestry and
 * uncles are checked by everybody before it is executed, then followed. No nonce is looked for: the
 * work of a block is believed. Left out: timestamps that miners choose, pools' own protocols.
 *
 * The race. A miner of weight w finds a block over its head at the rate w / total / interval *
 * POW_INITIAL / difficulty. Memory it has none, so its one pending timer holds whatever its head
 * becomes, as long as the difficulty is the same: nothing is cancelled or drawn when a block comes.
 * Where difficulty varies, the timer is drawn for a lower one (`floor`), and when it fires there is
 * a block with the chance floor / difficulty (thinning of a Poisson process: Lewis and Shedler,
 * 1979); it is drawn anew only when difficulty leaves the band that this allows. A thousand miners
 * cost a thousand pending events and nothing a block.
 *
 * A block is built, and with execute-before-vote executed, at the moment it is found; what real
 * miners prepare for each new head, found or not, is not charged. One that is found while the last
 * one is being built stands on that one. A block whose head was overtaken while it was built is
 * published all the same: its work is done.
 *
 * A node takes a block as final when `confirmations` blocks stand on it; a heavier chain that lacks
 * it is still followed, and shows up as broken safety. Missing ancestors are fetched by the world
 * when a block comes whose parent is not there, so a node that was away needs no protocol for it.
 */
#include "models/consensus/pow.h"

#include <math.h>
#include <string.h>

FIELD_ENUM_DEFINE(pow_choice, POW_CHOICES);
FIELD_ENUM_DEFINE(pow_rule, POW_RULES);
FIELD_DEFINE(pow_cfg, POW_FIELDS, "Proof of work: longest chain or GHOST.", NULL);

enum { POW_BLOCK = 1 };
enum { POW_TIMER_RACE = 1 };
enum { OWED_MOST = 64 }; /* more is a build that never comes back */

/* The share of the difficulty at which the race is drawn, where it varies; and how far it may rise
 * above that before it is drawn anew. */
#define FLOOR_SHARE 0.9
#define FLOOR_BAND  1.5

void pow_publish(struct pow *p, struct block *b)
{
    struct message *m = message_create(CHANNEL_BLOCK, POW_BLOCK, 0);
    if (!m)
        return;
    message_set_block(m, b);
    env_broadcast(p->env, m);
}

/* ---- the race ---- */

static void draw(struct pow *p)
{
    const struct validators *v = p->env->validators;
    if (p->env->me == VALIDATOR_NONE)
        return;
    env_cancel(p->env, &p->race);
    uint64_t least = pow_difficulty_least(p);
    p->floor = p->cfg->difficulty == POW_FIXED ? least : (uint64_t)((double)least * FLOOR_SHARE);
    p->floor += p->floor == 0;
    double mean = (double)p->cfg->block_interval * (double)v->total /
                  (double)v->weights[p->env->me] * ((double)p->floor / (double)POW_INITIAL);
    double delay = -log(sim_stream_positive(env_random(p->env))) * mean;
    const double most = (double)(SIM_TIME_NEVER / 4);
    p->race = env_timer(p->env, (sim_time)(delay < most ? delay : most), POW_TIMER_RACE, 0);
}

/* The head moved: is the pending timer still drawn for low enough a difficulty, and not for much
 * too low a one? */
static void keep_pace(struct pow *p)
{
    if (p->cfg->difficulty == POW_FIXED || p->env->me == VALIDATOR_NONE)
        return;
    uint64_t least = pow_difficulty_least(p);
    if (least < p->floor || (double)least * FLOOR_SHARE > (double)p->floor * FLOOR_BAND)
        draw(p);
}

static void build(struct pow *p)
{
    struct block *uncles[BUILD_UNCLES_MAX];
    if (p->building && p->owed < OWED_MOST) {
        p->owed++;
        return;
    }
    struct build_request request = {
        .parent = p->head,
        .round = p->head->height + 1,
        .difficulty = pow_difficulty(p, p->head, env_now(p->env)),
        .empty = p->cfg->empty,
        .uncles = uncles,
        .uncle_count = pow_uncles(p, uncles),
    };
    p->building = true;
    env_build(p->env, &request);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct pow *p = state;
    (void)kind, (void)value;
    p->race = (struct sim_timer){0};
    bool found = true;
    if (p->cfg->difficulty != POW_FIXED) {
        double now = (double)pow_difficulty(p, p->head, env_now(p->env));
        found = sim_stream_double(env_random(p->env)) * now < (double)p->floor;
    }
    draw(p);
    if (found)
        build(p);
}

/* ---- heads ---- */

/* A branch of one block falls with every stale block: those are in /blocks. A miner tells of longer
 * ones. */
static void note_reorg(struct pow *p, struct block *old, struct block *b)
{
    if (p->env->me == VALIDATOR_NONE || b->parent == old || old->height < 2)
        return;
    struct block *under = block_ancestor(b, old->height - 2);
    if (!under || (old->parent && old->parent->parent != under))
        env_note(p->env, "reorg", b->height, b->round);
}

void pow_adopt(struct pow *p, struct block *b)
{
    struct block *old = p->head;
    note_reorg(p, old, b);
    p->head = block_ref(b);
    pow_side_moved(p, old);
    pow_difficulty_moved(p, old);
    env_adopt(p->env, b);
    block_unref(old);
    keep_pace(p);
}

void pow_confirm(struct pow *p, struct block *top)
{
    if (top->height <= p->cfg->confirmations)
        return;
    struct block *final = block_ancestor(top, top->height - p->cfg->confirmations);
    if (final)
        env_commit(p->env, final, NULL, 0);
}

static void consider(struct pow *p, struct block *b)
{
    if (b->parent != p->head)
        pow_side_add(p, b);
    struct block *to = pow_choose(p, b);
    if (to == p->head)
        return;
    pow_adopt(p, to);
    pow_confirm(p, to);
}

static bool header_fits(const struct pow *p, struct block *b)
{
    return b->parent && validators_index(p->env->validators, b->proposer) != VALIDATOR_NONE &&
           b->created >= b->parent->created &&
           b->difficulty == pow_difficulty(p, b->parent, b->created) && pow_uncles_fit(p, b);
}

/* Its own header, and those between it and the node's chain: what is wrong there makes it void. */
static bool branch_fits(const struct pow *p, struct block *b)
{
    for (struct block *at = b; at->height > 0; at = at->parent)
        if (!header_fits(p, at))
            return false;
        else if (pow_on_chain(p, at->parent))
            return true;
    return true;
}

/* ---- the vtable ---- */

static uint64_t depth(const void *cfg, uint64_t validators)
{
    (void)validators;
    return ((const struct pow_cfg *)cfg)->confirmations;
}

/* Nobody waits for anybody; but seven intervals without a block come once in a thousand. */
static sim_time timeout(const void *cfg, uint64_t validators)
{
    (void)validators;
    return 7 * ((const struct pow_cfg *)cfg)->block_interval;
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct pow *p = state;
    (void)err;
    p->env = env;
    p->cfg = cfg;
    p->head = block_ref(env->genesis);
    return ERR_OK;
}

static void start(void *state)
{
    draw(state);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct pow *p = state;
    (void)from;
    if (m->block && branch_fits(p, m->block))
        env_check(p->env, m->block, 0);
}

/* Bitcoin's nodes tell of a block when it becomes their head; where branches that lost count, of
 * all.
 */
static bool relay(const void *state, const struct block *b)
{
    const struct pow *p = state;
    const struct block *head = p->selfish ? p->selfish->public : p->head;
    if (p->cfg->fork_choice == POW_GHOST || p->cfg->uncles > 0)
        return true;
    return b->total_difficulty > head->total_difficulty ||
           (p->cfg->tie_switch > 0 && b->total_difficulty == head->total_difficulty);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct pow *p = state;
    (void)tag;
    p->building = false;
    if (p->selfish) {
        pow_selfish_found(p, b);
    } else {
        pow_publish(p, b);
        consider(p, b);
    }
    if (p->owed) {
        p->owed--;
        build(p);
    }
}

static void take(struct pow *p, struct block *b)
{
    if (p->selfish)
        pow_selfish_heard(p, b);
    else
        consider(p, b);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    (void)tag;
    if (valid)
        take(state, b);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    (void)from, (void)committed;
    if (branch_fits(state, b))
        take(state, b);
}

static void recovered(void *state)
{
    struct pow *p = state;
    p->building = false;
    p->owed = 0;
    draw(p);
}

static bool misbehave(void *state, const char *how, bool on)
{
    return strcmp(how, "selfish-mining") == 0 && pow_selfish_switch(state, on);
}

static void fini(void *state)
{
    struct pow *p = state;
    pow_selfish_fini(p);
    pow_side_fini(p);
    block_unref(p->head);
    p->head = NULL;
}

const struct consensus_ops consensus_pow = {
    .model = {"pow",
              "Miners race for blocks; the chain with the most work wins (Bitcoin), or GHOST.",
              &pow_cfg_table},
    .state_size = sizeof(struct pow),
    .traits = {.final = false, .quorum = QUORUM_NONE, .fault_share = 2, .crash_share = 1},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .relay = relay,
    .block = fetched,
    .recovered = recovered,
    .misbehave = misbehave,
    .fini = fini,
};
