#include "evm/parallel/explore.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/alloc.h"

/* ---- shrinking ------------------------------------------------------------------------------- */

/* Tries the list without items [from, to); takes it if that fails too. */
static bool drop(uint32_t *items, uint32_t *count, uint32_t from, uint32_t to, uint32_t *trial,
                 bool (*fails)(void *self, const uint32_t *items, uint32_t count), void *self)
{
    uint32_t rest = *count - (to - from);
    memcpy(trial, items, from * sizeof *trial);
    memcpy(trial + from, items + to, (*count - to) * sizeof *trial);
    if (!fails(self, trial, rest))
        return false;
    memcpy(items, trial, rest * sizeof *items);
    *count = rest;
    return true;
}

enum evm_status evm_shrink(uint32_t *items, uint32_t *count,
                           bool (*fails)(void *self, const uint32_t *items, uint32_t count),
                           void *self)
{
    uint32_t *trial = evm_calloc(*count ? *count : 1, sizeof *trial);
    if (!trial)
        return EVM_ERR_MEMORY;
    /* Parts of half the list, then of quarters, down to single items; after a success parts of the
     * same size are tried again, as what is left may now be cut where it could not before. */
    uint32_t size = (*count + 1) / 2;
    while (*count > 1) {
        bool cut = false;
        if (size > *count)
            size = *count;
        for (uint32_t from = 0; from<*count && * count> 1;) {
            uint32_t to = *count - from < size ? *count : from + size;
            bool whole = from == 0 && to == *count;
            if (!whole && drop(items, count, from, to, trial, fails, self))
                cut = true;
            else
                from = to;
        }
        if (size == 1 && !cut)
            break;
        size = size > 1 ? (size + 1) / 2 : 1;
    }
    free(trial);
    return EVM_OK;
}

/* ---- schedules ------------------------------------------------------------------------------- */

struct evm_exec_chaos evm_explore_schedule(const struct evm_explore_at *at, uint64_t horizon)
{
    static const int64_t jitters[] = {20, 200, 2000, 20000};
    struct evm_exec_chaos chaos = {.seed = at->seed, .depth = at->depth, .horizon = horizon};
    chaos.by_priority = at->seed % 3 != 0;
    if (!chaos.by_priority)
        chaos.jitter = jitters[at->seed / 3 % 4];
    return chaos;
}

enum evm_status evm_explore_horizon(const struct evm_explore_subject *subject,
                                    const struct evm_explore_at *at, const uint32_t *items,
                                    uint32_t count, uint64_t *horizon)
{
    struct evm_exec_chaos calm = {0};
    struct evm_explored_run run = {0};
    struct evm_explore_at any = *at;
    any.seed = 0; /* one horizon for all seeds, or a seed alone would not find its schedule again */
    enum evm_status st = subject->run(subject->self, &any, &calm, items, count, &run);
    *horizon = calm.step;
    return st;
}

/* The question that evm_shrink asks. */
struct shrinking {
    const struct evm_explore_subject *subject;
    struct evm_explore_at at, found; /* found: the schedule under which the last part failed */
    struct evm_explored_run run;
    enum evm_status error;
};

static bool still_fails(void *self, const uint32_t *items, uint32_t count)
{
    enum { TRIES = 24 }; /* a smaller block has other schedules under the same seed */
    struct shrinking *s = self;
    uint64_t horizon;
    if (s->error == EVM_OK)
        s->error = evm_explore_horizon(s->subject, &s->at, items, count, &horizon);
    for (uint64_t k = 0; k < TRIES && s->error == EVM_OK; k++) {
        struct evm_explore_at at = s->at;
        struct evm_explored_run run = {0};
        at.seed += k;
        struct evm_exec_chaos chaos = evm_explore_schedule(&at, horizon);
        s->error = s->subject->run(s->subject->self, &at, &chaos, items, count, &run);
        if (s->error != EVM_OK || run.verdict == EVM_EXPLORED_SAME)
            continue;
        s->found = at;
        s->run = run;
        return true;
    }
    return false;
}

enum evm_status evm_explore_shrink(const struct evm_explore_subject *subject,
                                   struct evm_explore_at *at, uint32_t *items, uint32_t *count,
                                   struct evm_explored_run *out)
{
    struct shrinking s = {.subject = subject, .at = *at, .found = *at, .run = *out};
    enum evm_status st = evm_shrink(items, count, still_fails, &s);
    *at = s.found;
    *out = s.run;
    return st == EVM_OK ? s.error : st;
}
