/* weft bench stateroot: the Merkle-Patricia root of many dirty slots or accounts, from nothing and
 * from the nodes of the version before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "evm/state/state.h"
#include "sim/cli/cli.h"
#include "sim/cli/timing.h"

struct options {
    uint64_t items, repeat;
    const char *only;
    bool json;
};

/* `items` slots over so many accounts; 0: no slots, but as many accounts. */
static const struct layout {
    const char *name;
    uint32_t contracts;
} layouts[] = {{"slots-1", 1}, {"slots-1000", 1000}, {"accounts", 0}};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

struct bench {
    const struct cli_command *self;
    struct options o;
    struct evm_codes *codes;
    double *times;
    bool first;
};

static struct evm_addr address(uint32_t i)
{
    struct evm_addr a = {{0x5a}};
    for (int k = 0; k < 4; k++)
        a.b[16 + k] = (uint8_t)(i >> (24 - 8 * k));
    return a;
}

/* Writes `count` of the layout's items, evenly spread, with values that no other round gives.
 * Accounts are written in ascending order, with the slots of each in ascending order. */
static enum evm_status write_items(const struct bench *b, struct evm_state *s,
                                   const struct layout *l, uint32_t count, uint64_t round)
{
    uint32_t all = (uint32_t)b->o.items, step = all / count;
    uint32_t accounts = l->contracts ? l->contracts : all;
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status st = evm_changes_reserve(&c, count, l->contracts ? count : 0);
    uint32_t per = all / accounts + (all % accounts != 0); /* slots an account */
    for (uint32_t k = 0; k < count && st == EVM_OK; k++) {
        uint32_t i = k * step;
        struct evm_addr who = address(i / per);
        struct evm_u256 value = {{i + 1, round, 0, l->contracts ? UINT64_C(7) << 40 : 0}};
        struct evm_account_change *a = &c.accounts[c.account_count - (c.account_count > 0)];
        if (c.account_count == 0 || !evm_addr_eq(&a->addr, &who)) {
            a = &c.accounts[c.account_count++];
            *a = (struct evm_account_change){.addr = who, .first_slot = c.slot_count};
        }
        if (l->contracts) {
            c.slots[c.slot_count++] = (struct evm_slot_change){evm_u256_of(i % per), value};
            a->slot_count++;
        } else {
            a->wrote = EVM_WROTE_BALANCE;
            a->balance = value;
        }
    }
    if (st == EVM_OK)
        st = evm_state_apply(s, &c);
    if (st == EVM_OK)
        evm_state_seal(s);
    evm_changes_fini(&c);
    return st;
}

/* One version with `count` dirty items over `parent` (NULL: over nothing), and its root. */
static struct evm_state *make(struct bench *b, const struct layout *l, struct evm_state *parent,
                              uint32_t count, uint64_t round, double *ns)
{
    struct evm_hash root;
    struct evm_state *s = parent ? evm_state_fork(parent) : evm_state_create(b->codes);
    if (!s || write_items(b, s, l, count, round) != EVM_OK) {
        evm_state_unref(s);
        return NULL;
    }
    double start = cli_cpu_now();
    enum evm_status st = evm_state_root(s, &root);
    *ns = cli_cpu_now() - start;
    if (st == EVM_OK)
        return s;
    evm_state_unref(s);
    return NULL;
}

/* ---- is it right? ---------------------------------------------------------------------------- */

struct copy {
    struct evm_changes all;
    enum evm_status status;
};

static void copy_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct copy *c = self;
    if (c->status == EVM_OK)
        c->status = evm_changes_reserve(&c->all, 1, 0);
    if (c->status == EVM_OK)
        c->all.accounts[c->all.account_count++] =
            (struct evm_account_change){.addr = *addr,
                                        .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                        .balance = acc->balance,
                                        .first_slot = c->all.slot_count};
}

static void copy_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct copy *c = self;
    (void)addr;
    if (c->status == EVM_OK)
        c->status = evm_changes_reserve(&c->all, 0, 1);
    if (c->status != EVM_OK)
        return;
    c->all.slots[c->all.slot_count++] = (struct evm_slot_change){*key, *value};
    c->all.accounts[c->all.account_count - 1].slot_count++;
}

/* The root that grew step by step is that of the same content put together at once. */
static bool is_right(struct bench *b, struct evm_state *s)
{
    struct evm_hash grown, fresh;
    struct copy c = {.status = EVM_OK};
    struct evm_state *copy = evm_state_create(b->codes);
    bool ok = copy && evm_state_each(s, copy_account, copy_slot, &c) == EVM_OK &&
              c.status == EVM_OK && evm_state_apply(copy, &c.all) == EVM_OK;
    if (ok)
        evm_state_seal(copy);
    ok = ok && evm_state_root(s, &grown) == EVM_OK && evm_state_root(copy, &fresh) == EVM_OK &&
         evm_hash_eq(&grown, &fresh);
    evm_state_unref(copy);
    evm_changes_fini(&c.all);
    return ok;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void print_row(struct bench *b, const struct layout *l, const char *what, uint32_t dirty,
                      uint64_t permutations)
{
    struct cli_times t = cli_times_of(b->times, b->o.repeat);
    if (b->o.json)
        printf("%s\n    {\"layout\": \"%s\", \"step\": \"%s\", \"dirty\": %u, \"best_ms\": %.4f, "
               "\"median_ms\": %.4f, \"permutations\": %llu}",
               b->first ? "" : ",", l->name, what, dirty, t.best / 1e6, t.median / 1e6,
               (unsigned long long)permutations);
    else
        printf("%-11s %-6s %8u %10.3f %10.3f %10.0f %12llu\n", l->name, what, dirty, t.best / 1e6,
               t.median / 1e6, t.best / dirty, (unsigned long long)permutations);
    b->first = false;
}

static bool bench_layout(struct bench *b, const struct layout *l)
{
    uint32_t all = (uint32_t)b->o.items, hundred = all < 100 ? all : 100;
    const struct step {
        const char *name;
        uint32_t dirty;
    } steps[] = {
        {"first", all}, {"again", all}, {"1%", all / 100 ? all / 100 : 1}, {"100", hundred}};
    struct evm_state *base = NULL;
    bool ok = true;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && ok; i++) {
        struct evm_state *s = NULL;
        for (size_t k = 0; k < b->o.repeat && ok; k++) {
            evm_state_unref(s);
            s = make(b, l, base, steps[i].dirty, i * 1000 + k, &b->times[k]);
            ok = s != NULL;
        }
        if (!ok)
            cli_complain(b->self, "out of memory");
        else if (!is_right(b, s)) {
            cli_complain(b->self, "%s, %s: the root is not that of the content", l->name,
                         steps[i].name);
            ok = false;
        } else
            print_row(b, l, steps[i].name, steps[i].dirty, evm_state_root_permutations(s));
        if (i == 0)
            base = s;
        else
            evm_state_unref(s);
    }
    evm_state_unref(base);
    return ok;
}

static const char *const names[] = {"slots-1", "slots-1000", "accounts", NULL};

static const struct cli_option options[] = {
    {.name = "items",
     .type = CLI_U64,
     .offset = offsetof(struct options, items),
     .value = "N",
     .doc = "slots, or accounts (default 100000)",
     .min = 1,
     .max = 10000000},
    {.name = "repeat",
     .type = CLI_U64,
     .offset = offsetof(struct options, repeat),
     .value = "N",
     .doc = "repetitions (default 5)",
     .min = 1,
     .max = 1000},
    {.name = "layout",
     .type = CLI_CHOICE,
     .offset = offsetof(struct options, only),
     .value = "NAME",
     .doc = "this layout only: slots-1, slots-1000 or accounts",
     .choices = names},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "print JSON"},
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct bench b = {.self = self, .o = {.items = 100000, .repeat = 5}, .first = true};
    int status = cli_parse(self, argc, argv, &b.o, &operands);
    if (status >= 0)
        return status;
    b.codes = evm_codes_create();
    b.times = calloc(b.o.repeat, sizeof *b.times);
    bool ok = b.codes && b.times;
    if (b.o.json)
        printf("{\"items\": %llu, \"rows\": [", (unsigned long long)b.o.items);
    else
        printf("%-11s %-6s %8s %10s %10s %10s %12s\n", "layout", "step", "dirty", "best ms",
               "median ms", "ns/dirty", "permutations");
    for (int i = 0; i < LAYOUTS && ok; i++)
        if (!b.o.only || strcmp(b.o.only, layouts[i].name) == 0)
            ok = bench_layout(&b, &layouts[i]);
    if (b.o.json)
        printf("\n]}\n");
    evm_codes_destroy(b.codes);
    free(b.times);
    return cli_finish(self, ok ? CLI_DONE : CLI_FAILED);
}

const struct cli_command cli_bench_stateroot = {
    .name = "bench stateroot",
    .operands = "",
    .summary = "time the state root of many dirty slots and accounts",
    .details =
        "Layouts: slots-1 (all slots in one contract), slots-1000 (spread over 1,000), accounts\n"
        "(balances). Steps: first (from nothing), again (all of it, over the nodes of the first),\n"
        "1% and 100 (so many of them). Times are of the processor, without writing the values.\n"
        "Permutations are those of Keccak, keys included. The last root of each step is compared\n"
        "with one computed from nothing; if it differs the exit status is 1.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
