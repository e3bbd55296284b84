/* The lists of `weft bench parallel`: given as A,B, as --recipe A --recipe B, or both. */
#include "sim/cli/bench_parallel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/executors.h"
#include "sim/cli/text.h"

struct choosing {
    const struct cli_command *self;
    const struct bench_options *o;
    struct bench_choice *out;
};

struct names {
    char *items[BENCH_MOST];
    size_t count;
};

static bool split(const struct cli_list *list, struct names *out)
{
    for (size_t i = 0; i < list->count; i++)
        for (const char *s = list->items[i]; *s;) {
            size_t n = strcspn(s, ",");
            if (n && out->count == BENCH_MOST)
                return false;
            if (n && !(out->items[out->count++] = strndup(s, n)))
                return false;
            s += n + (s[n] == ',');
        }
    return true;
}

static void names_fini(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i]);
    *n = (struct names){0};
}

static int unknown_recipe(const struct choosing *b, const char *name)
{
    struct cli_text t = {0};
    for (size_t i = 0; recipe_at(i); i++)
        cli_text_add(&t, "%s%s", i ? ", " : "", recipe_name(recipe_at(i)));
    int status = cli_complain(b->self, "--recipe: '%s' is not valid; valid are: all, %s", name,
                              t.text ? t.text : "");
    cli_text_fini(&t);
    return status;
}

static int choose_recipes(struct choosing *b, const struct names *names)
{
    static const char *const usual[] = {"raw",    "erc20",       "swap",
                                        "hybrid", "chain-erc20", "mainnet-like"};
    bool all = names->count == 1 && strcmp(names->items[0], "all") == 0;
    size_t n = names->count ? names->count : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < (all ? BENCH_MOST : n); i++) {
        const char *name = all ? NULL : names->count ? names->items[i] : usual[i];
        const struct recipe *r = all ? recipe_at(i) : recipe_find(name);
        if (!r && all)
            break;
        if (!r)
            return unknown_recipe(b, name);
        b->out->recipes[b->out->recipe_count++] = r;
    }
    return -1;
}

static int enter(struct choosing *b, const char *name)
{
    const struct cli_list none = {0};
    struct contestant *c = &b->out->contestants[b->out->contestant_count];
    bool serial = strcmp(name, "serial") == 0;
    int status = cli_executor(b->self, name, serial ? &none : &b->o->params, &c->ops, &c->params);
    if (status < 0)
        b->out->contestant_count++;
    return status;
}

/* Serial is always the first. */
static int choose_executors(struct choosing *b, const struct names *names)
{
    static const char *const usual[] = {"block-stm", "ladder"};
    bool all = names->count == 1 && strcmp(names->items[0], "all") == 0;
    int status = enter(b, "serial");
    if (names->count == 0)
        for (size_t i = 0; i < 2 && status < 0; i++)
            status = enter(b, usual[i]);
    for (size_t i = 0; all && evm_executor_at(i) && status < 0; i++)
        if (strcmp(evm_executor_name(evm_executor_at(i)), "serial") != 0)
            status = enter(b, evm_executor_name(evm_executor_at(i)));
    for (size_t i = 0; !all && i < names->count && status < 0; i++)
        if (strcmp(names->items[i], "serial") != 0)
            status = enter(b, names->items[i]);
    return status;
}

static int choose_cores(struct choosing *b, const struct names *names)
{
    static const uint32_t simulated[] = {1, 2, 8, 32};
    if (names->count == 0) {
        memcpy(b->out->cores[EVM_DRIVER_VIRTUAL], simulated, sizeof simulated);
        b->out->core_count[EVM_DRIVER_VIRTUAL] = sizeof simulated / sizeof simulated[0];
        b->out->cores[EVM_DRIVER_THREADS][0] = 1;
        b->out->cores[EVM_DRIVER_THREADS][1] = 2;
        b->out->core_count[EVM_DRIVER_THREADS] = cli_processors() > 1 ? 2 : 1;
    }
    for (size_t i = 0; i < names->count; i++) {
        for (int d = 0; d < 2; d++) {
            int status = cli_cores(b->self, names->items[i], b->out->cores[d],
                                   &b->out->core_count[d], BENCH_MOST);
            if (status >= 0)
                return status;
        }
    }
    for (int d = 0; d < 2; d++)
        if (b->o->driver && strcmp(b->o->driver, d == EVM_DRIVER_THREADS ? "threads" : "virtual"))
            b->out->core_count[d] = 0;
    return -1;
}

/* "1G", "30M", "2.5Ggas" */
static int read_gas(struct choosing *b)
{
    static const char units[] = "kMG";
    char *end;
    double x = strtod(b->o->gas, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        x *= pow(1000, (double)(unit - units + 1));
        end++;
    }
    if (strcmp(end, "gas") == 0)
        end += 3;
    if (*end || !(x >= 21000) || x > 1e12)
        return cli_complain(b->self, "--gas: '%s' is not an amount from 21k to 1000G, as in 1G",
                            b->o->gas);
    b->out->params.gas = (uint64_t)x;
    b->out->params.txs = 0;
    return -1;
}

int bench_choose(struct bench_choice *out, const struct cli_command *self,
                 const struct bench_options *o)
{
    struct choosing choosing = {self, o, out}, *b = &choosing;
    struct names recipes = {0}, executors = {0}, cores = {0};
    int status = -1;
    b->out->params = (struct recipe_params){.txs = (uint32_t)b->o->txs,
                                            .seed = b->o->seed,
                                            .accounts = (uint32_t)b->o->accounts,
                                            .hot = (uint32_t)b->o->hot};
    if (!split(&b->o->recipes, &recipes) || !split(&b->o->executors, &executors) ||
        !split(&b->o->cores, &cores))
        status =
            cli_complain(b->self, "more than %d names in a list, or out of memory", BENCH_MOST);
    if (status < 0)
        status = choose_recipes(b, &recipes);
    if (status < 0)
        status = choose_executors(b, &executors);
    if (status < 0)
        status = choose_cores(b, &cores);
    if (status < 0 && b->o->gas)
        status = read_gas(b);
    names_fini(&recipes);
    names_fini(&executors);
    names_fini(&cores);
    return status;
}
