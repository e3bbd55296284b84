#include "models/routing/series.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORGET     0.8 /* of an error, what the next epoch keeps */
#define CORRELATED 0.5
#define LEAST_LAG  3

enum err_code series_init(struct series_set *s, const struct holt_winters_rules *rules,
                          uint32_t room, uint32_t season)
{
    *s = (struct series_set){.rules = *rules,
                             .room = room,
                             .given = season,
                             .season = season > 1 && season <= SERIES_PAST / 2 ? season : 0};
    s->series = mem_zalloc(room, sizeof *s->series);
    if (!s->series)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < room; i++)
        s->series[i].account = ACCOUNT_NONE;
    return ERR_OK;
}

void series_fini(struct series_set *s)
{
    for (uint32_t i = 0; i < s->room && s->series; i++) {
        for (int m = 0; m < SERIES_METHODS; m++)
            holt_winters_fini(&s->series[i].by[m]);
    }
    mem_free(s->series);
    mem_free(s->slot);
    *s = (struct series_set){0};
}

static double past(const struct series *x, uint32_t i)
{
    return (double)x->past[i % SERIES_PAST];
}

static void guess(const struct series_set *s, struct series *x)
{
    x->guess[SERIES_LAST] = past(x, x->seen - 1);
    x->guess[SERIES_TREND] = holt_winters_forecast(&x->by[SERIES_TREND], 1);
    x->guess[SERIES_SEASON] = s->season && holt_winters_warm(&x->by[SERIES_SEASON])
                                  ? holt_winters_forecast(&x->by[SERIES_SEASON], 1)
                                  : NAN;
}

/* The next value goes into errors and methods. */
static void take(const struct series_set *s, struct series *x, double value)
{
    for (int m = 0; m < SERIES_METHODS && x->seen; m++) {
        double off = x->guess[m] - value;
        if (!isnan(off))
            x->error[m] = FORGET * x->error[m] + (1 - FORGET) * off * off;
    }
    holt_winters_add(&x->by[SERIES_TREND], value);
    if (s->season)
        holt_winters_add(&x->by[SERIES_SEASON], value);
    x->seen++;
    guess(s, x);
}

/* (Re)starts the methods and gives them what is remembered. */
static enum err_code replay(const struct series_set *s, struct series *x)
{
    uint32_t seen = x->seen, first = seen > SERIES_PAST ? seen - SERIES_PAST : 0;
    enum err_code e = ERR_OK;
    for (int m = SERIES_TREND; m < SERIES_METHODS && !e; m++) {
        holt_winters_fini(&x->by[m]);
        e = holt_winters_init(&x->by[m], &s->rules, m == SERIES_SEASON ? s->season : 0);
    }
    memset(x->error, 0, sizeof x->error);
    x->seen = 0;
    if (first) { /* numbers of values start anew */
        float all[SERIES_PAST];
        for (uint32_t i = 0; i < SERIES_PAST; i++)
            all[i] = x->past[(first + i) % SERIES_PAST];
        memcpy(x->past, all, sizeof all);
        seen = SERIES_PAST;
    }
    for (uint32_t i = 0; i < seen && !e; i++)
        take(s, x, past(x, i));
    return e;
}

/* ---- which accounts ---- */

struct candidate {
    double mean;
    account_id account;
};

static int by_mean(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->mean != y->mean)
        return x->mean < y->mean ? 1 : -1;
    return x->account < y->account ? -1 : x->account > y->account;
}

static enum err_code grow(struct series_set *s, uint32_t accounts)
{
    if (accounts <= s->known)
        return ERR_OK;
    uint32_t *slot = mem_resize(s->slot, accounts, sizeof *slot);
    if (!slot)
        return ERR_MEMORY;
    for (uint32_t a = s->known; a < accounts; a++)
        slot[a] = ACCOUNT_NONE;
    s->slot = slot;
    s->known = accounts;
    return ERR_OK;
}

/* The weakest series that is free or that `mark` has not. */
static uint32_t weakest(const struct series_set *s, const bool *mark)
{
    uint32_t worst = ACCOUNT_NONE;
    for (uint32_t i = 0; i < s->room; i++) {
        if (mark[i])
            continue;
        if (s->series[i].account == ACCOUNT_NONE)
            return i;
        if (worst == ACCOUNT_NONE || s->series[i].mean < s->series[worst].mean)
            worst = i;
    }
    return worst;
}

static enum err_code seat(struct series_set *s, struct candidate *top, uint32_t count)
{
    bool *mark = mem_zalloc(s->room, sizeof *mark);
    enum err_code e = mark ? ERR_OK : ERR_MEMORY;
    for (uint32_t i = 0; i < count && !e; i++) {
        if (s->slot[top[i].account] != ACCOUNT_NONE)
            mark[s->slot[top[i].account]] = true;
    }
    for (uint32_t i = 0; i < count && !e; i++) {
        account_id a = top[i].account;
        if (s->slot[a] != ACCOUNT_NONE)
            continue;
        uint32_t at = weakest(s, mark);
        struct series *x = &s->series[at];
        if (x->account != ACCOUNT_NONE)
            s->slot[x->account] = ACCOUNT_NONE;
        x->account = a;
        x->seen = 0;
        s->slot[a] = at;
        mark[at] = true;
        e = replay(s, x);
    }
    mem_free(mark);
    return e;
}

static enum err_code choose(struct series_set *s, const double *mean, uint32_t accounts)
{
    uint32_t count = 0;
    struct candidate *all = mem_alloc(accounts, sizeof *all);
    if (!all)
        return ERR_MEMORY;
    for (uint32_t a = 0; a < accounts; a++) {
        if (mean[a] > 0)
            all[count++] = (struct candidate){mean[a], a};
    }
    if (count)
        qsort(all, count, sizeof *all, by_mean);
    enum err_code e = seat(s, all, count < s->room ? count : s->room);
    mem_free(all);
    return e;
}

/* ---- the season ---- */

/* Correlation of all series with themselves `lag` epochs before. */
static double correlation(const struct series_set *s, uint32_t lag, uint32_t *most)
{
    double with = 0, alone = 0;
    for (uint32_t i = 0; i < s->room; i++) {
        const struct series *x = &s->series[i];
        uint32_t n = x->seen < SERIES_PAST ? x->seen : SERIES_PAST, first = x->seen - n;
        double mean = 0;
        *most = x->account != ACCOUNT_NONE && n > *most ? n : *most;
        if (x->account == ACCOUNT_NONE || n < 2 * lag)
            continue;
        for (uint32_t k = 0; k < n; k++)
            mean += past(x, first + k) / n;
        for (uint32_t k = lag; k < n; k++) {
            double a = past(x, first + k) - mean, b = past(x, first + k - lag) - mean;
            with += a * b;
            alone += (a * a + b * b) / 2;
        }
    }
    return alone > 0 ? with / alone : 0;
}

static uint32_t find_season(const struct series_set *s)
{
    double at[SERIES_PAST / 2 + 2] = {0}, best = CORRELATED;
    uint32_t most = 0, lag = 0;
    for (uint32_t k = 1; k <= SERIES_PAST / 2; k++)
        at[k] = correlation(s, k, &most);
    for (uint32_t k = LEAST_LAG; 2 * k <= most; k++) {
        bool peak = at[k] >= at[k - 1] && (2 * (k + 1) > most || at[k] >= at[k + 1]);
        if (peak && at[k] > best + (lag ? 0.1 : 0)) { /* of multiples, the shortest */
            best = at[k];
            lag = k;
        }
    }
    return lag;
}

/* ---- an epoch ---- */

enum err_code series_add(struct series_set *s, const double *now, const double *mean,
                         uint32_t accounts)
{
    double error[SERIES_METHODS] = {0}, square = 0;
    enum err_code e = grow(s, accounts);
    e = e ? e : choose(s, mean, accounts);
    for (uint32_t i = 0; i < s->room && !e; i++) {
        struct series *x = &s->series[i];
        if (x->account == ACCOUNT_NONE)
            continue;
        double value = x->account < accounts ? now[x->account] : 0;
        x->mean = x->account < accounts ? mean[x->account] : 0;
        x->past[x->seen % SERIES_PAST] = (float)value;
        take(s, x, value);
        for (int m = 0; m < SERIES_METHODS; m++)
            error[m] += x->error[m];
        square += value * value;
    }
    s->epochs++;
    uint32_t season = e || s->given ? s->season : find_season(s);
    bool changed = season != s->season;
    s->season = season;
    for (uint32_t i = 0; i < s->room && changed && !e; i++) {
        if (s->series[i].account != ACCOUNT_NONE)
            e = replay(s, &s->series[i]);
    }
    for (int m = 0; m < SERIES_METHODS; m++)
        s->error[m] = square > 0 ? error[m] / square : 0;
    return e;
}

const struct series *series_of(const struct series_set *s, account_id account)
{
    uint32_t at = account < s->known ? s->slot[account] : ACCOUNT_NONE;
    return at == ACCOUNT_NONE ? NULL : &s->series[at];
}

enum series_method series_best(const struct series_set *s, const struct series *x)
{
    double own = 0, all = 0, least = INFINITY;
    enum series_method best = SERIES_LAST;
    for (int m = 0; m < SERIES_METHODS; m++) {
        own += x->error[m];
        all += s->error[m];
    }
    for (int m = 0; m < SERIES_METHODS; m++) {
        bool can = m == SERIES_LAST || holt_winters_warm(&x->by[m]);
        double score = (own > 0 ? x->error[m] / own : 0) + (all > 0 ? s->error[m] / all : 0);
        if ((m == SERIES_SEASON && !s->season) || !can || score >= least)
            continue;
        least = score;
        best = (enum series_method)m;
    }
    return best;
}

static double forecast(const struct series *x, enum series_method m, uint32_t steps)
{
    return m == SERIES_LAST ? x->guess[SERIES_LAST] : holt_winters_forecast(&x->by[m], steps);
}

double series_forecast(const struct series_set *s, const struct series *x, double steps)
{
    enum series_method m = series_best(s, x);
    uint32_t whole = steps > 1 ? (uint32_t)steps : 1;
    double part = steps > 1 ? steps - whole : 0;
    double value = (1 - part) * forecast(x, m, whole);
    if (part > 0)
        value += part * forecast(x, m, whole + 1);
    return fmax(value, 0);
}

void series_forecasts(const struct series_set *s, double steps, uint32_t accounts, double *out)
{
    for (account_id a = 0; a < accounts; a++) {
        const struct series *x = series_of(s, a);
        out[a] = x ? series_forecast(s, x, steps) : -1;
    }
}
