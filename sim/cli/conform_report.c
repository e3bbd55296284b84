/* What `weft conform consensus` says of its runs. */
#include "sim/cli/conform.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct row {
    uint32_t runs, died, failed[CONFORM_PROPERTIES];
    const char *refused; /* why the case is none for this protocol, or NULL */
    sim_time recovery;   /* the longest */
};

static struct row row_of(const struct conform *k, const struct conform_case *c)
{
    struct row r = {.recovery = -1};
    for (size_t i = 0; i < k->measured; i++) {
        const struct conform_outcome *o = &k->outcomes[i];
        if (k->items[i].c != c)
            continue;
        if (o->state == CONFORM_REFUSED)
            r.refused = o->text[0];
        r.runs += o->state != CONFORM_REFUSED;
        r.died += o->state == CONFORM_DIED;
        for (int p = 0; p < CONFORM_PROPERTIES && o->state == CONFORM_DONE; p++)
            r.failed[p] += o->failed >> p & 1;
        if (o->state == CONFORM_DONE && o->recovery > r.recovery)
            r.recovery = o->recovery;
    }
    return r;
}

static bool promised(const struct conform_subject *s, const struct conform_case *c, int p)
{
    const struct consensus_traits *t = &s->ops->traits;
    bool agrees = t->final || c->needs & CONFORM_MILD;
    return p == CONFORM_AGREEMENT      ? agrees
           : p == CONFORM_CERTIFICATES ? t->quorum != QUORUM_NONE
           : p == CONFORM_VALIDITY     ? !t->batches
                                       : true;
}

static bool print_row(const struct conform *k, const struct conform_case *c)
{
    struct row r = row_of(k, c);
    bool good = r.died == 0;
    if (!r.runs) {
        const char *why =
            r.refused ? r.refused : conform_left_out(&k->subject, c, k->sizes[k->size_count - 1]);
        printf("  %-22s left out: %s\n", c->name, why ? why : "");
        return true;
    }
    printf("  %-22s %5u", c->name, r.runs);
    for (int p = 0; p < CONFORM_PROPERTIES; p++) {
        char cell[24];
        if (r.failed[p])
            snprintf(cell, sizeof cell, "FAILS %u", r.failed[p]);
        else
            snprintf(cell, sizeof cell, "%s",
                     promised(&k->subject, c, p) && r.died < r.runs ? "holds" : "-");
        printf("  %-12s", cell);
        good &= !r.failed[p];
    }
    if (r.died)
        printf(" %u died", r.died);
    else if (r.recovery >= 0)
        printf(" %.2f s", (double)r.recovery / 1e9);
    printf("\n");
    return good;
}

/* The scenario of a failure, for others to run. */
static void keep(const struct conform *k, const struct conform_item *item, bool tell)
{
    struct scenario *s = NULL;
    struct err err = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s-%s-%u-%llu.yaml", k->options->keep, k->subject.kind,
             item->c->name, item->nodes, (unsigned long long)item->seed);
    if (conform_load(&k->subject, item, &s, &err) != ERR_OK)
        return;
    FILE *f = fopen(path, "w");
    if (f && fputs(scenario_resolved(s), f) >= 0 && tell)
        printf("    scenario: %s\n", path);
    if (!f || fclose(f) != 0)
        cli_complain(k->self, "%s: %s", path, strerror(errno));
    scenario_destroy(s);
}

static void print_failure(const struct conform *k, const struct conform_item *item,
                          const char *what, const char *text)
{
    printf("\n%s FAILS in %s, %u nodes, seed %llu:\n    %s\n", what, item->c->name, item->nodes,
           (unsigned long long)item->seed, text);
    printf("    replay: weft conform consensus %s --case %s --nodes %u --seed %llu",
           k->subject.given, item->c->name, item->nodes, (unsigned long long)item->seed);
    if (k->options->patience != CONFORM_PATIENCE)
        printf(" --patience %llu", (unsigned long long)k->options->patience);
    for (size_t s = 0; s < k->options->sets.count; s++)
        printf(" --set '%s'", k->options->sets.items[s]);
    printf("\n");
}

/* What stopped it, and what it was doing. */
static void print_death(const struct conform *k, const struct conform_item *item,
                        const struct conform_outcome *o)
{
    char text[240];
    int used = o->signal ? snprintf(text, sizeof text, "the program stopped with signal %d (%s)",
                                    o->signal, strsignal(o->signal))
                         : snprintf(text, sizeof text, "the run did not end within %d s",
                                    CONFORM_SECONDS_MAX);
    if (o->doing[0])
        snprintf(text + used, sizeof text - (size_t)used,
                 "; last seen at %.3f s of %.0f s: node %u, %s", (double)o->at / 1e9,
                 (double)conform_end(item) / 1e9, o->node, o->doing);
    else
        snprintf(text + used, sizeof text - (size_t)used, ", before the first message and timer");
    print_failure(k, item, "the protocol", text);
}

/* The first run of a case that fails in p (CONFORM_PROPERTIES: that died); measured: none. */
static size_t first_failure(const struct conform *k, const struct conform_case *c, int p)
{
    size_t i = 0;
    for (; i < k->measured; i++) {
        const struct conform_outcome *o = &k->outcomes[i];
        bool died = p == CONFORM_PROPERTIES && o->state == CONFORM_DIED;
        bool failed = p < CONFORM_PROPERTIES && o->state == CONFORM_DONE && o->failed >> p & 1;
        if (k->items[i].c == c && (died || failed))
            break;
    }
    return i;
}

/* One property: its first failure, and in which other cases there are more; with --all one of each
 * case. */
static void print_property(const struct conform *k, int p)
{
    const struct conform_case *others[CONFORM_CASES_MAX];
    size_t told = 0, other = 0;
    for (size_t c = 0; c < k->case_count; c++) {
        size_t i = first_failure(k, k->cases[c], p);
        if (i == k->measured)
            continue;
        bool tell = told == 0 || k->options->all;
        if (!tell)
            others[other++] = k->cases[c];
        else if (p == CONFORM_PROPERTIES)
            print_death(k, &k->items[i], &k->outcomes[i]);
        else
            print_failure(k, &k->items[i], conform_property_name((enum conform_property)p),
                          k->outcomes[i].text[p]);
        told += tell;
        if (k->options->keep)
            keep(k, &k->items[i], tell);
    }
    for (size_t c = 0; c < other; c++)
        printf("%s%s", c ? ", " : "    and in: ", others[c]->name);
    printf("%s", other ? " (--all tells of one failure in each)\n" : "");
}

static void print_failures(const struct conform *k)
{
    for (int p = 0; p <= CONFORM_PROPERTIES; p++)
        print_property(k, p);
}

/* Messages a block by number of nodes, and the power of n that they grow with between the largest
 * two: there, what is linear beside a square no longer shows much. */
static void print_messages(const struct conform *k)
{
    double before = 0, last = 0;
    uint32_t n_before = 0, n_last = 0;
    printf("\nmessages a block ");
    for (size_t i = 0; i < CONFORM_LADDER; i++) {
        const struct conform_outcome *o = &k->outcomes[k->measured + i];
        if (o->state != CONFORM_DONE || !o->settled || !o->messages)
            continue;
        before = last, n_before = n_last;
        last = (double)o->messages / (double)o->settled, n_last = conform_ladder[i];
        printf(" %u nodes: %.1f ", n_last, last);
    }
    if (n_before)
        printf(" grows as n^%.2f", log(last / before) / log((double)n_last / n_before));
    printf("\n");
}

/* What of a block's latency are hops, and what is waiting, from two networks. */
static void print_latency(const struct conform *k)
{
    const struct conform_outcome *a = &k->outcomes[k->measured + CONFORM_LADDER], *b = a + 1;
    if (a->state != CONFORM_DONE || b->state != CONFORM_DONE || a->latency < 0 || b->latency < 0)
        return;
    double delay = (double)k->delay, hops = (double)(b->latency - a->latency) / delay;
    double rest = ((double)a->latency - hops * delay) / 1e9;
    printf("from %s to being final: ",
           k->subject.ops->traits.batches ? "a transaction's submission" : "a block's making");
    /* Waiting that grows with the hops (for a batch, for a poll to end) leaves no constant. */
    if (rest < -0.0005)
        printf("%.1f to %.1f hops, with what is waited between them", (double)a->latency / delay,
               (double)b->latency / delay / 2);
    else
        printf("%.2f hops + %.3f s", hops, rest > 0 ? rest : 0);
    printf(" (%u nodes; %.3f s with %g ms one way, %.3f s with %g ms)\n", k->sizes[0],
           (double)a->latency / 1e9, delay / 1e6, (double)b->latency / 1e9, 2 * delay / 1e6);
}

/* The same for all numbers of nodes, or one a number. */
static void print_clocks(const struct conform *k)
{
    const struct conform_clock *first = &k->clocks[k->sizes[0]];
    bool same = true;
    for (size_t i = 1; i < k->size_count; i++)
        same &= memcmp(first, &k->clocks[k->sizes[i]], sizeof *first) == 0;
    for (size_t i = 0; i < (same ? 1 : k->size_count); i++) {
        const struct conform_clock *c = &k->clocks[k->sizes[i]];
        if (same)
            printf("Its unit of time here");
        else
            printf("Its unit of time with %u nodes", k->sizes[i]);
        printf(" is %.3g s; a block must be final within %llu of them.\n", (double)c->unit / 1e9,
               (unsigned long long)c->patience);
    }
    printf("\n");
}

static void print_head(const struct conform *k)
{
    const struct consensus_traits *t = &k->subject.ops->traits;
    printf("%s: %s\n", k->subject.kind, k->subject.ops->model.doc);
    printf("It promises: %s%s; ", t->final ? "commits are final" : "no finality",
           t->quorum == QUORUM_TWO_THIRDS ? ", certificates of more than two thirds"
           : t->quorum == QUORUM_MAJORITY ? ", certificates of more than half"
                                          : "");
    if (t->fault_share)
        printf("fewer than 1/%u Byzantine, ", t->fault_share);
    if (t->crash_share > 1)
        printf("fewer than 1/%u crashed.\n", t->crash_share);
    else
        printf("%s crashed.\n", t->crash_share ? "all but one" : "none");
    print_clocks(k);
    printf("  %-22s %5s", "case", "runs");
    for (int p = 0; p < CONFORM_PROPERTIES; p++)
        printf("  %-12s", conform_property_name((enum conform_property)p));
    printf(" slowest recovery\n");
}

int conform_report(const struct conform *k)
{
    bool good = true;
    for (size_t i = 0; i < k->count; i++)
        if (k->outcomes[i].state == CONFORM_REFUSED && k->items[i].c == conform_case_at(0))
            return cli_complain(k->self, "case %s with %u nodes: %s", k->items[i].c->name,
                                k->items[i].nodes, k->outcomes[i].text[0]);
    print_head(k);
    for (size_t c = 0; c < k->case_count; c++)
        good &= print_row(k, k->cases[c]);
    print_failures(k);
    if (conform_whole(k)) {
        print_messages(k);
        print_latency(k);
    }
    printf("\n%s\n",
           good ? "Everything holds that it promises." : "It does not keep its promises.");
    return good ? CLI_DONE : CLI_FAILED;
}
