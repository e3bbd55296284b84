/* The cases of `weft conform consensus`, and the scenario of each run. */
#include "sim/cli/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_UNITS = 17 }; /* end of the trouble that protocols fear most, which begins at 1 */

/* Times in units: what a protocol waits before it gives up on a leader. Trouble ends early enough
 * for what waits to be tried again, and late enough for time-outs to have grown. */
static const struct conform_case cases[] = {
    {"healthy", "No faults.", NULL, NULL, {NULL}, 0, CONFORM_MILD},
    {"reordering",
     "Messages overtake one another: delays vary by three times their mean.",
     "  jitter: {kind: lognormal, sd: 300%}\n",
     NULL,
     {NULL},
     0,
     CONFORM_MILD},
    {"loss",
     "A share of all messages is lost, from a tenth to half, until the network is good.",
     NULL,
     "  - {kind: omission, at: $1, lasts: $u, share: 100%, drop: $d%}\n",
     {"omission"},
     BAD_UNITS,
     0},
    {"crash",
     "As many nodes as it tolerates crash and stay down.",
     NULL,
     "  - {kind: crash, at: $2, nodes: $c}\n",
     {"crash"},
     2,
     CONFORM_NEEDS_CRASH | CONFORM_MILD},
    {"crash-recover",
     "As many as it tolerates crash and come back five units later.",
     NULL,
     "  - {kind: crash, at: $2, nodes: $c, recover_after: $5}\n",
     {"crash"},
     7,
     CONFORM_NEEDS_CRASH | CONFORM_MILD},
    {"crash-many",
     "One more than it tolerates crashes, and comes back.",
     NULL,
     "  - {kind: crash, at: $2, nodes: $m, recover_after: $5}\n",
     {"crash"},
     7,
     0},
    {"partition",
     "The network falls into two halves and heals.",
     NULL,
     "  - {kind: partition, at: $2, lasts: $6, shares: [50%]}\n",
     {"partition"},
     8,
     0},
    {"asynchrony",
     "Every message is held and reordered until the network stabilises.",
     NULL,
     "  - {kind: asynchrony, at: $1, until: $e, bound: $b}\n",
     {"asynchrony"},
     BAD_UNITS,
     0},
    {"silent-leader",
     "Byzantine nodes do not propose when it is their turn.",
     NULL,
     "  - {kind: silent-leader, nodes: $f, of: validators}\n",
     {"silent-leader"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"equivocation",
     "Byzantine nodes lead two lives: another block and another vote for each half of the rest.",
     NULL,
     "  - {kind: equivocation, nodes: $f, of: validators}\n",
     {"equivocation"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"equivocation-heard",
     "Byzantine nodes lead two lives, and blocks are passed on: everybody hears both.",
     NULL,
     "  - {kind: equivocation, nodes: $f, of: validators}\n",
     {"equivocation"},
     0,
     CONFORM_NEEDS_FAULTY | CONFORM_GOSSIP},
    {"conflicting-votes",
     "Byzantine nodes vote for one thing here, another there.",
     NULL,
     "  - {kind: conflicting-votes, nodes: $f, of: validators}\n",
     {"conflicting-votes"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"invalid-root",
     "Blocks of Byzantine nodes state a wrong root.",
     NULL,
     "  - {kind: invalid-root, nodes: $f, of: validators}\n",
     {"invalid-root"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"credulous",
     "A Byzantine node states wrong roots, and all Byzantine nodes vote for those.",
     NULL,
     "  - {kind: invalid-root, chosen: [0]}\n"
     "  - {kind: credulous, chosen: [0-$l]}\n",
     {"invalid-root", "credulous"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"withheld",
     "Byzantine nodes hold their blocks back by a unit of time.",
     NULL,
     "  - {kind: withheld, nodes: $f, of: validators, hold: $1}\n",
     {"withheld"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"omission",
     "Faulty nodes lose half of what they send and hear, all the time.",
     NULL,
     "  - {kind: omission, nodes: $f, of: validators, drop: 50%}\n",
     {"omission"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"delay",
     "Messages of faulty nodes take a unit of time longer.",
     NULL,
     "  - {kind: delay, nodes: $f, of: validators, adds: $1}\n",
     {"delay"},
     0,
     CONFORM_NEEDS_FAULTY},
    {"splits",
     "The network falls apart anew again and again, each time otherwise.",
     NULL,
     "$p",
     {"partition"},
     BAD_UNITS,
     0},
    {"two-lives-asynchrony",
     "Byzantine nodes lead two lives, and until it stabilises the network reorders.",
     NULL,
     "  - {kind: equivocation, nodes: $f, of: validators}\n"
     "  - {kind: asynchrony, at: $1, until: $e, bound: $b}\n",
     {"equivocation", "asynchrony"},
     BAD_UNITS,
     CONFORM_NEEDS_FAULTY},
    {"two-lives-loss",
     "Byzantine nodes lead two lives, and a share of all messages is lost.",
     NULL,
     "  - {kind: equivocation, nodes: $f, of: validators}\n"
     "  - {kind: omission, at: $1, lasts: $u, share: 100%, drop: $d%}\n",
     {"equivocation", "omission"},
     BAD_UNITS,
     CONFORM_NEEDS_FAULTY},
    {"two-votes-loss",
     "Byzantine nodes vote twice, and a share of all messages is lost.",
     NULL,
     "  - {kind: conflicting-votes, nodes: $f, of: validators}\n"
     "  - {kind: omission, at: $1, lasts: $u, share: 100%, drop: $d%}\n",
     {"conflicting-votes", "omission"},
     BAD_UNITS,
     CONFORM_NEEDS_FAULTY},
    {"two-lives-splits",
     "Byzantine nodes lead two lives while the network falls apart again and again.",
     NULL,
     "  - {kind: equivocation, nodes: $f, of: validators}\n$p",
     {"equivocation", "partition"},
     BAD_UNITS,
     CONFORM_NEEDS_FAULTY},
    {"two-votes-splits",
     "Byzantine nodes vote twice while the network falls apart again and again.",
     NULL,
     "  - {kind: conflicting-votes, nodes: $f, of: validators}\n$p",
     {"conflicting-votes", "partition"},
     BAD_UNITS,
     CONFORM_NEEDS_FAULTY},
};

const struct conform_case *conform_case_at(size_t i)
{
    return i < sizeof cases / sizeof cases[0] ? &cases[i] : NULL;
}

const char *conform_property_name(enum conform_property p)
{
    static const char *const names[] = {"agreement", "validity", "certificates",
                                        "liveness",  "catch-up", "determinism"};
    return names[p];
}

/* Fewer than one in `share`. */
static uint32_t fewer(uint32_t n, unsigned share)
{
    return share ? (n - 1) / share : 0;
}

uint32_t conform_faulty(const struct conform_subject *s, uint32_t n)
{
    return fewer(n, s->ops->traits.fault_share);
}

uint32_t conform_crashed(const struct conform_subject *s, uint32_t n)
{
    return fewer(n, s->ops->traits.crash_share);
}

uint64_t conform_depth(const struct conform_subject *s, const void *cfg, uint32_t n)
{
    return s->ops->depth ? s->ops->depth(cfg, n) : 0;
}

sim_time conform_calm(const struct conform_item *item)
{
    return (sim_time)item->c->calm * item->clock.unit;
}

sim_time conform_end(const struct conform_item *item)
{
    return conform_calm(item) +
           (sim_time)(item->clock.patience + item->clock.tail) * item->clock.unit;
}

sim_time conform_delay(const struct conform_item *item)
{
    sim_time delay = item->delay ? item->delay : item->clock.unit / 60;
    return delay < SIM_MS ? SIM_MS : delay > 100 * SIM_MS && !item->delay ? 100 * SIM_MS : delay;
}

/* How long the network stays as it is while it is bad: from two units to an eighth of one, by seed,
 * for what breaks a protocol of one pace leaves one of another alone. */
static sim_time pace(const struct conform_item *item)
{
    return 2 * item->clock.unit >> (item->seed % 5);
}

/* Partitions one after the other; in halves, in thirds, now and then not at all. */
static void splits(const struct conform_item *item, struct cli_text *out)
{
    static const char *const shares[] = {"[50%]", "[34%, 33%]", "[30%]"};
    sim_time at = item->clock.unit, each = pace(item);
    for (int i = 0; at < BAD_UNITS * item->clock.unit; i++, at += each)
        if (i % 4 != 3)
            cli_text_add(out, "  - {kind: partition, at: %lldus, lasts: %lldus, shares: %s}\n",
                         (long long)(at / SIM_US), (long long)(each / SIM_US),
                         shares[(i + (int)(item->seed / 5)) % 3]);
}

/* A template with its $ filled in. */
static void fill(const struct conform_subject *s, const struct conform_item *item,
                 const char *template, struct cli_text *out)
{
    uint32_t faulty = conform_faulty(s, item->nodes), crashed = conform_crashed(s, item->nodes);
    for (const char *p = template; *p; p++) {
        if (*p != '$') {
            cli_text_add(out, "%c", *p);
            continue;
        }
        switch (*++p) {
        case 'f': cli_text_add(out, "%u", faulty); break;
        case 'l': cli_text_add(out, "%u", faulty - 1); break;
        case 'c': cli_text_add(out, "%u", crashed); break;
        case 'm': cli_text_add(out, "%u", crashed + 1); break;
        case 'b': cli_text_add(out, "%lldus", (long long)(pace(item) / SIM_US)); break;
        case 'p': splits(item, out); break;
        case 'u':
            cli_text_add(out, "%lldus", (long long)((BAD_UNITS - 1) * item->clock.unit / SIM_US));
            break;
        case 'd': cli_text_add(out, "%u", 10 + 10 * (unsigned)(item->seed % 5)); break;
        case 'e':
            cli_text_add(out, "%lldus", (long long)(BAD_UNITS * item->clock.unit / SIM_US));
            break;
        default:
            cli_text_add(out, "%lldus", (long long)((*p - '0') * item->clock.unit / SIM_US));
            break;
        }
    }
}

void conform_scenario(const struct conform_subject *s, const struct conform_item *item,
                      struct cli_text *out)
{
    const struct conform_case *c = item->c;
    bool batches = s->ops->traits.batches;
    cli_text_add(out, "name: %s-%s-%u-%llu\ndescription: ", s->kind, c->name, item->nodes,
                 (unsigned long long)item->seed);
    cli_text_json(out, c->doc);
    cli_text_add(out, "\n");
    if (s->plugin) {
        cli_text_add(out, "plugins: [");
        cli_text_json(out, s->plugin);
        cli_text_add(out, "]\n");
    }
    cli_text_add(out,
                 "seed: %llu\nduration: %lldus\ndrain: 0s\nsignatures: modelled\nnetwork:\n"
                 "  latency: {kind: constant, delay: %lldus}\n  topology: full-mesh\n"
                 "  blocks: %s\n  votes: direct\n%s",
                 (unsigned long long)item->seed, (long long)(conform_end(item) / SIM_US),
                 (long long)(conform_delay(item) / SIM_US),
                 c->needs & CONFORM_GOSSIP ? "push" : "direct", c->network ? c->network : "");
    cli_text_add(out,
                 "layers:\n  - name: main\n    nodes: %u\n    consensus: {kind: %s}\n"
                 "    execution: {kind: serial, cores: 1, state_root: none%s}\n",
                 item->nodes, s->kind,
                 batches ? ", coupling: execute-after-order, root_delay: 64" : "");
    /* A transaction in every other unit of time: enough for blocks that differ. More where the
     * latency of transactions is measured. */
    double rate = 0.5 * SIM_SEC / (double)item->clock.unit * (batches && item->delay ? 40 : 1);
    cli_text_add(out, "workload:\n  - {kind: transfer, rate: %.6f/s, accounts: 8}\n", rate);
    if (c->faults) {
        cli_text_add(out, "faults:\n");
        fill(s, item, c->faults, out);
    }
    cli_text_add(
        out, "record: {interval: %lldus, transactions: none, schedules: 0}\n",
        (long long)((item->clock.unit < 3600 * SIM_SEC ? item->clock.unit : 3600 * SIM_SEC) /
                    SIM_US));
}

enum err_code conform_load(const struct conform_subject *s, const struct conform_item *item,
                           struct scenario **out, struct err *err)
{
    struct cli_text text = {0};
    struct scenario_problems problems = {0};
    char name[256];
    snprintf(name, sizeof name, "%s.yaml", item->c->name);
    conform_scenario(s, item, &text);
    *out = NULL;
    enum err_code code = text.failed ? ERR_MEMORY
                                     : scenario_parse(out, &world_spec, name, text.text, text.size,
                                                      s->sets->items, s->sets->count, &problems);
    cli_text_fini(&text);
    if (code != ERR_OK) {
        size_t first = problems.text ? strcspn(problems.text, "\n") : 0;
        err_set(err, code, "%.*s", (int)first, problems.text ? problems.text : "");
    }
    scenario_problems_fini(&problems);
    return code;
}
