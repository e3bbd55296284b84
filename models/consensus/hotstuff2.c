/* HotStuff-2: Malkhi, Nayak, "HotStuff-2: optimal two-phase responsive BFT", IACR ePrint 2023/397,
 * the pipelined protocol; and Jolteon's view change: Gelashvili, Kokoris-Kogias, Sonnino,
 * Spiegelman, Xiang, "Jolteon and Ditto", FC 2022.
 *
 * Two certified blocks of consecutive views make the first of them final; a node locks on the
 * highest block that it knows to be certified. view_change says how a leader that comes in by
 * time-outs stays safe and live:
 *   wait         (HotStuff-2) it waits `delta`, the bound on a message's delay, for the locks of
 *                all honest nodes, unless it has the certificate of the view before or heard of
 *                everybody; a node votes for what stands on its lock's view or a later one
 *   certificate  (Jolteon) it proposes at once; its certificate of time-outs tells the highest view
 *                that a quorum knew to be certified, and a node votes for what stands on that or
 *                later, whatever it is locked on. Jolteon sends time-outs to everybody:
 *                pacemaker: quadratic
 * Left out of HotStuff-2: its view synchroniser; the one of chained.h stands in. Of Jolteon: the
 * asynchronous fallback (Ditto).
 *
 * A leader of three views commits what it proposes first by itself: the default. */
#include "models/consensus/chained.h"

#define HOTSTUFF2_VIEW_CHANGE(E, S)                                                                \
    E(S, HOTSTUFF2_WAIT, "wait", "A leader waits `delta` for the locks of all honest nodes.")      \
    E(S, HOTSTUFF2_CERTIFICATE, "certificate", "Its time-outs prove that it need not (Jolteon).")
FIELD_ENUM_DECLARE(hotstuff2_view_change, HOTSTUFF2_VIEW_CHANGE);
FIELD_ENUM_DEFINE(hotstuff2_view_change, HOTSTUFF2_VIEW_CHANGE);

#define HOTSTUFF2_FIELDS(F, S)                                                                     \
    CHAINED_FIELDS(F, S, "3")                                                                      \
    F(S, ENUM(hotstuff2_view_change), view_change, "wait", NULL, NULL,                             \
      "How a leader that comes in by time-outs finds the highest certificate.")                    \
    F(S, DURATION, delta, "250ms", "0s", "1h", "wait: the bound on the delay of a message.")
FIELD_DECLARE(hotstuff2_cfg, HOTSTUFF2_FIELDS);
FIELD_DEFINE(hotstuff2_cfg, HOTSTUFF2_FIELDS, "HotStuff-2, or Jolteon.", NULL);

struct hotstuff2 {
    struct chained chain; /* first: chained.c's calls get a pointer to it */
    struct chained_rules rules;
};

static bool safe_by_lock(const struct chained *c, const struct block *b)
{
    return b->parent->round >= c->lock->round;
}

static bool safe_by_certificate(const struct chained *c, const struct block *b)
{
    return b->parent->round + 1 == b->round ||
           (c->entry && c->entry->view == b->round && b->parent->round >= c->entry->high);
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct hotstuff2 *h = state;
    const struct hotstuff2_cfg *of = cfg;
    struct chained_settings settings = CHAINED_SETTINGS(of);
    bool wait = of->view_change == HOTSTUFF2_WAIT;
    h->rules = (struct chained_rules){.links = 2,
                                      .safe = wait ? safe_by_lock : safe_by_certificate,
                                      .gather = wait ? of->delta : 0};
    return chained_init(&h->chain, &h->rules, &settings, env, err);
}

static uint64_t depth(const void *cfg, uint64_t validators)
{
    (void)cfg, (void)validators;
    return 2;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct hotstuff2_cfg *h = cfg;
    struct chained_settings settings = CHAINED_SETTINGS(h);
    (void)validators;
    return chained_timeout(&settings) + (h->view_change == HOTSTUFF2_WAIT ? h->delta : 0);
}

const struct consensus_ops consensus_hotstuff2 = {
    .model = {"hotstuff2", "HotStuff-2 or Jolteon: final with two certificates in a row.",
              &hotstuff2_cfg_table},
    .state_size = sizeof(struct hotstuff2),
    .traits = {.final = true,
               .follows = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = chained_start,
    .message = chained_message,
    .timer = chained_timer,
    .built = chained_built,
    .checked = chained_checked,
    .block = chained_block,
    .awake = chained_awake,
    .recovered = chained_recovered,
    .fini = chained_fini,
    .message_name = chained_message_name,
    .describe = chained_describe,
};
