#include "models/workload/groups.h"

#include "sim/base/mem.h"

enum err_code groups_init(struct groups *g, uint32_t count, uint32_t users, struct err *err)
{
    *g = (struct groups){
        .count = count,
        .users = users,
        .first = mem_zalloc((size_t)count + 1, sizeof *g->first),
        .member = mem_alloc(users, sizeof *g->member),
        .group_of = mem_alloc(users, sizeof *g->group_of),
    };
    if (g->first && g->member && g->group_of)
        return ERR_OK;
    groups_fini(g);
    return err_set(err, ERR_MEMORY, "out of memory for %u users in groups", users);
}

enum err_code groups_rank(struct groups *g, const struct field_skew *senders,
                          const struct field_skew *recipients, struct err *err)
{
    struct sim_stream unused; /* it would order items; members are in order already */
    uint32_t largest = 1;
    sim_stream_init(&unused, 0, 0, 0);
    for (uint32_t i = 0; i < g->count; i++)
        if (groups_size(g, i) > largest)
            largest = groups_size(g, i);
    enum err_code code = skew_init(&g->senders, senders, largest, &unused, err);
    if (code == ERR_OK)
        code = skew_init(&g->recipients, recipients, largest, &unused, err);
    return code;
}

void groups_fini(struct groups *g)
{
    mem_free(g->first);
    mem_free(g->member);
    mem_free(g->group_of);
    skew_fini(&g->senders);
    skew_fini(&g->recipients);
    *g = (struct groups){0};
}

uint32_t groups_any(const struct groups *g, uint32_t except, struct sim_stream *rng)
{
    if (except == UINT32_MAX)
        return g->group_of[g->member[sim_stream_below(rng, g->users)]];
    uint32_t size = groups_size(g, except);
    uint32_t at = (uint32_t)sim_stream_below(rng, g->users - size);
    return g->group_of[g->member[at < g->first[except] ? at : at + size]];
}

struct pick groups_sender(const struct groups *g, uint32_t group, struct sim_stream *rng)
{
    uint32_t rank = skew_rank(&g->senders, groups_size(g, group), rng);
    return (struct pick){g->member[g->first[group] + rank], group};
}

struct pick groups_recipient(const struct groups *g, struct pick sender, double inside,
                             struct sim_stream *rng)
{
    uint32_t group = sender.group, own = groups_size(g, group);
    bool stays = sim_stream_double(rng) < inside;
    if (g->users == own)
        stays = true;
    else if (own < 2)
        stays = false;
    if (!stays)
        group = groups_any(g, group, rng);
    uint32_t size = groups_size(g, group), rank = skew_rank(&g->recipients, size, rng);
    if (g->member[g->first[group] + rank] == sender.user)
        rank = (rank + 1) % size;
    return (struct pick){g->member[g->first[group] + rank], group};
}

void groups_swap(struct groups *g, struct sim_stream *rng)
{
    uint32_t a = (uint32_t)sim_stream_below(rng, g->users);
    uint32_t mine = g->group_of[g->member[a]], size = groups_size(g, mine);
    uint32_t b = (uint32_t)sim_stream_below(rng, g->users - size);
    if (b >= g->first[mine])
        b += size;
    uint32_t user = g->member[a], other = g->member[b];
    g->group_of[user] = g->group_of[other];
    g->group_of[other] = mine;
    g->member[a] = other;
    g->member[b] = user;
}
