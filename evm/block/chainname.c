/* Chains by the name of a fork, as test suites and transition tools write them. */
#include <stdlib.h>

#include "evm/block/chain.h"

#define NAME_SIZE 64

/* What a name stands for beside a fork: what changed between two of them. */
struct part {
    enum evm_fork fork;
    uint64_t bomb_delay;
    struct evm_blob_schedule blobs;
    bool dao;
};

static const struct {
    const char *name;
    struct part part;
} between[] = {
    {"MuirGlacier", {.fork = EVM_ISTANBUL, .bomb_delay = 9000000}},
    {"ArrowGlacier", {.fork = EVM_LONDON, .bomb_delay = 10700000}},
    {"GrayGlacier", {.fork = EVM_LONDON, .bomb_delay = 11400000}},
    {"Dao", {.fork = EVM_HOMESTEAD, .dao = true}},
    {"BPO1", {.fork = EVM_OSAKA, .blobs = {0, 10, 15, 8346193}}},
    {"BPO2", {.fork = EVM_OSAKA, .blobs = {0, 14, 21, 11684671}}},
};

static bool find_part(const char *name, struct part *out)
{
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++)
        if (!strcmp(between[i].name, name)) {
            *out = between[i].part;
            return true;
        }
    *out = (struct part){0};
    return evm_fork_from_name(name, &out->fork);
}

/* "5", "15k" or "Time15k". */
static bool parse_when(const char *text, struct evm_fork_at *at)
{
    at->by_time = !strncmp(text, "Time", 4);
    text += at->by_time ? 4 : 0;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 15)
        return false;
    char *end;
    at->at = strtoull(text, &end, 10);
    if (*end == 'k') {
        at->at *= 1000;
        end++;
    }
    return *end == 0;
}

/* "ATo" "B" "At" "5": B may hold "At", as may A hold "To"; the first split that reads well counts.
 */
static bool split(const char *name, struct part *from, struct part *to, struct evm_fork_at *at)
{
    char text[NAME_SIZE];
    for (const char *p = strstr(name, "To"); p; p = strstr(p + 1, "To")) {
        const char *when = strstr(p, "At");
        if (!when || strlen(name) >= sizeof text)
            continue;
        memcpy(text, name, sizeof text < strlen(name) + 1 ? sizeof text : strlen(name) + 1);
        text[p - name] = text[when - name] = 0;
        if (find_part(text, from) && find_part(text + (p - name) + 2, to) &&
            parse_when(when + 2, at))
            return true;
    }
    return false;
}

static void add_part(struct evm_chain_made *made, const struct part *p,
                     const struct evm_fork_at *at)
{
    struct evm_chain_config *c = &made->config;
    made->forks[c->fork_count] = *at;
    made->forks[c->fork_count++].fork = p->fork;
    if (p->bomb_delay && !at->by_time)
        made->bombs[c->bomb_count++] = (struct evm_bomb_delay){at->at, p->bomb_delay};
    if (p->blobs.max) {
        made->blobs[c->blob_count] = p->blobs;
        made->blobs[c->blob_count++].from_time = at->at;
    }
    if (p->dao)
        c->dao_block = at->at;
}

bool evm_chain_make(const char *name, uint64_t chain_id, struct evm_chain_made *made)
{
    struct part from, to;
    const struct evm_fork_at start = {0};
    struct evm_fork_at at = {0};
    bool one = find_part(name, &from);
    if (!one && !split(name, &from, &to, &at))
        return false;
    *made = (struct evm_chain_made){0};
    made->config = (struct evm_chain_config){.name = name,
                                             .doc = "made by name",
                                             .chain_id = chain_id,
                                             .forks = made->forks,
                                             .blobs = made->blobs,
                                             .bombs = made->bombs,
                                             .deposit_contract = evm_chain_at(0)->deposit_contract};
    add_part(made, &from, &start);
    if (!one)
        add_part(made, &to, &at);
    return true;
}
