/* Partitions: the network falls into groups of nodes that do not reach each other, and may heal.
 * What is sent from one group to another meanwhile is lost (a crash-stop link, not a slow one: see
 * asynchrony); what nodes missed they fetch when it heals. Groups are named by nodes, by regions,
 * or drawn by share, anew for each occurrence; nodes that none names are one group more. */
#include "models/faults/select.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_PARTITION_FIELDS(F, S)                                                               \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    F(S, STRINGS, groups, "", "0", "255",                                                          \
      "Groups by number of node, blanks between: [0-3, 4 6 8-9]; the others are one more.")        \
    F(S, STRINGS, regions, "", "0", "255",                                                         \
      "Groups by region, blanks between: [eu us-east-1, ap]; the others are one more.")            \
    F(S, STRINGS, shares, "", "0", "255",                                                          \
      "Groups by share of all nodes, drawn at random: [50%, 30%]; the others are one more. Half "  \
      "where neither groups nor regions are given.")
FIELD_DECLARE(fault_partition, FAULT_PARTITION_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fault_partition *c = cfg;
    int given = (c->groups.count > 0) + (c->regions.count > 0) + (c->shares.count > 0);
    if (given > 1)
        field_complain(report, NULL, "groups, regions and shares exclude each other");
}

FIELD_DEFINE(fault_partition, FAULT_PARTITION_FIELDS, "The network falls into groups.", check);

enum { BEGIN, END };

/* The end of an occurrence ends that occurrence alone; while several are on, messages pass that all
 * let pass. */
struct split {
    struct split *next;
    uint64_t id;
    uint8_t group[]; /* by node */
};

struct partition {
    struct fault_env *env;
    const struct fault_partition *cfg;
    struct split *open;
    uint64_t occurrences;
    uint32_t *order; /* nodes; scratch of shares */
};

/* ---- groups ---- */

typedef enum err_code put_word(struct partition *s, const char *word, uint8_t group, uint8_t *out,
                               struct err *err);

static enum err_code put_range(struct partition *s, const char *word, uint8_t group, uint8_t *out,
                               struct err *err)
{
    node_id first, last;
    if (!fault_parse_range(word, &first, &last))
        return err_set(err, ERR_INPUT, "groups: '%s' is no node; try 3 or 4-6", word);
    if (last >= s->env->node_count)
        return err_set(err, ERR_INPUT, "groups: there is no node %u; the last is %u", last,
                       s->env->node_count - 1);
    for (node_id n = first; n <= last; n++) {
        if (out[n])
            return err_set(err, ERR_INPUT, "groups: node %u is named twice", n);
        out[n] = group;
    }
    return ERR_OK;
}

static enum err_code put_region(struct partition *s, const char *word, uint8_t group, uint8_t *out,
                                struct err *err)
{
    uint32_t found = 0;
    for (node_id n = 0; n < s->env->node_count; n++)
        if (fault_in_region(s->env->region(s->env, n), word)) {
            out[n] = group;
            found++;
        }
    return found ? ERR_OK : err_set(err, ERR_INPUT, "regions: no node is in '%s'", word);
}

/* Entries of `list`, words of each entry, to group 1, 2, ... */
static enum err_code put_words(struct partition *s, const struct field_strings *list, put_word *put,
                               uint8_t *out, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        while (*text) {
            char word[64];
            size_t length = strcspn(text, " ");
            if (length > 0) {
                snprintf(word, sizeof word, "%.*s", (int)length, text);
                enum err_code e = put(s, word, (uint8_t)(i + 1), out, err);
                if (e != ERR_OK)
                    return e;
            }
            text += length + strspn(text + length, " ");
        }
    }
    return ERR_OK;
}

static enum err_code put_shares(struct partition *s, uint8_t *out, struct err *err)
{
    const struct field_strings *list = &s->cfg->shares;
    double sum = 0;
    uint32_t done = 0, count = s->env->node_count;
    for (node_id n = 0; n < count; n++)
        s->order[n] = n;
    sim_stream_shuffle(s->env->rng, s->order, count);
    for (size_t i = 0; i < (list->count ? list->count : 1); i++) {
        char *end = NULL;
        double share = list->count ? strtod(list->items[i], &end) / 100 : 0.5;
        if (list->count && (end == list->items[i] || strcmp(end, "%") != 0 || !(share > 0)))
            return err_set(err, ERR_INPUT, "shares: '%s' is no share; try 30%%", list->items[i]);
        sum += share;
        if (sum > 1 + 1e-9)
            return err_set(err, ERR_INPUT, "shares: more than 100%% in all");
        uint32_t upto = (uint32_t)floor(sum * count + 0.5);
        for (; done < upto && done < count; done++)
            out[s->order[done]] = (uint8_t)(i + 1);
    }
    return ERR_OK;
}

static enum err_code make_groups(struct partition *s, uint8_t *out, struct err *err)
{
    enum err_code e;
    memset(out, 0, s->env->node_count);
    if (s->cfg->groups.count)
        e = put_words(s, &s->cfg->groups, put_range, out, err);
    else if (s->cfg->regions.count)
        e = put_words(s, &s->cfg->regions, put_region, out, err);
    else
        e = put_shares(s, out, err);
    for (node_id n = 1; e == ERR_OK && n < s->env->node_count; n++)
        if (out[n] != out[0])
            return ERR_OK;
    return e == ERR_OK ? err_set(err, ERR_INPUT, "all nodes are in one group: nothing parts them")
                       : e;
}

/* ---- occurrences ---- */

static void schedule(struct partition *s, sim_time from)
{
    double wait =
        s->cfg->rate > 0 ? -log(sim_stream_positive(s->env->rng)) / s->cfg->rate * 1e9 : 0;
    bool due = wait < (double)(SIM_TIME_NEVER - from) &&
               (s->cfg->rate <= 0 || from + (sim_time)wait <= s->cfg->no_more);
    if (due)
        s->env->host->at(s->env, from + (sim_time)wait, BEGIN, 0);
}

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct partition *s = state;
    s->env = env;
    s->cfg = cfg;
    if (s->cfg->at == SIM_TIME_NEVER)
        return err_set(err, ERR_INPUT, "at: must be given: when does it begin?");
    s->order = mem_alloc(env->node_count, sizeof *s->order);
    uint8_t *tried = mem_alloc(env->node_count, 1);
    enum err_code e =
        s->order && tried ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a partition");
    struct sim_stream before = *env->rng;
    if (e == ERR_OK)
        e = make_groups(s, tried, err);
    *env->rng = before;
    mem_free(tried);
    if (e == ERR_OK)
        schedule(s, s->cfg->at);
    return e;
}

static void watch_all(struct partition *s, bool on)
{
    for (node_id n = 0; n < s->env->node_count; n++)
        s->env->host->watch(s->env, n, on);
    s->env->host->unsettle(s->env, on);
}

static uint32_t size_of(const struct partition *s, const struct split *split, unsigned group)
{
    uint32_t count = 0;
    for (node_id n = 0; n < s->env->node_count; n++)
        count += split->group[n] == group;
    return count;
}

/* "4 | 3 | 1": groups' sizes, the unnamed ones last. */
static void describe(const struct partition *s, const struct split *split, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned i = 1; i <= 256 && used < size; i++) {
        uint32_t count = size_of(s, split, i & 255);
        if (count > 0)
            used += (size_t)snprintf(text + used, size - used, used ? " | %u" : "%u", count);
    }
}

static void begin(struct partition *s)
{
    struct fault_env *env = s->env;
    struct err ignored = {0};
    struct split *split = mem_alloc(1, sizeof *split + env->node_count);
    if (!split || make_groups(s, split->group, &ignored) != ERR_OK) {
        mem_free(split);
        return;
    }
    char text[64];
    sim_time now = env->host->now(env), lasts = fault_time(&s->cfg->lasts, env->rng);
    split->id = s->occurrences++;
    split->next = s->open;
    s->open = split;
    describe(s, split, text, sizeof text);
    watch_all(s, true);
    env->host->note(env, "partition", NODE_NONE, text);
    if (lasts > 0)
        env->host->at(env, now + lasts, END, split->id);
    if (s->cfg->rate > 0)
        schedule(s, now);
}

/* Each node asks one of another group for what it missed. */
static void reconnect(struct partition *s, const struct split *split)
{
    uint32_t count = s->env->node_count;
    for (node_id n = 0; n < count; n++) {
        node_id peer = (node_id)sim_stream_below(s->env->rng, count);
        for (uint32_t i = 0; i < count && split->group[peer] == split->group[n]; i++)
            peer = (peer + 1) % count;
        s->env->host->reconnect(s->env, n, peer);
    }
}

static void fire(void *state, uint32_t kind, uint64_t value)
{
    struct partition *s = state;
    if (kind == BEGIN) {
        begin(s);
        return;
    }
    struct split **at = &s->open;
    while (*at && (*at)->id != value)
        at = &(*at)->next;
    CHECK(*at, "partition %llu heals twice", (unsigned long long)value);
    struct split *split = *at;
    *at = split->next;
    watch_all(s, false);
    reconnect(s, split);
    mem_free(split);
    s->env->host->note(s->env, "recover", NODE_NONE, "the partition heals");
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct partition *s = state;
    (void)m;
    for (const struct split *split = s->open; split; split = split->next)
        verdict->drop = verdict->drop || split->group[from] != split->group[to];
}

static void fini(void *state)
{
    struct partition *s = state;
    while (s->open) {
        struct split *split = s->open;
        s->open = split->next;
        mem_free(split);
    }
    mem_free(s->order);
}

const struct fault_ops fault_partition_model = {
    .model = {"partition", "The network falls into groups that do not reach each other.",
              &fault_partition_table},
    .state_size = sizeof(struct partition),
    .init = init,
    .fire = fire,
    .filter = filter,
    .fini = fini,
};
