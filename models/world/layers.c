/* Layers by number: the entries of a scenario's list, each as often as its `count` says. */
#include "models/world/layers.h"

#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t world_layer_total(const struct world_cfg *cfg)
{
    const struct world_layer *entries = cfg->layers.items;
    uint64_t total = 0;
    for (size_t i = 0; i < cfg->layers.count; i++)
        total += entries[i].count;
    return (uint32_t)total; /* at most 1,024 entries of at most 1,024 each */
}

uint64_t world_layer_nodes(const struct world_cfg *cfg)
{
    const struct world_layer *entries = cfg->layers.items;
    uint64_t nodes = 0;
    for (size_t i = 0; i < cfg->layers.count; i++)
        nodes += entries[i].count * entries[i].nodes;
    return nodes;
}

/* The layer's entry, and which of that entry's layers it is. */
static const struct world_layer *find(const struct world_cfg *cfg, uint32_t layer, size_t *entry,
                                      uint64_t *within)
{
    const struct world_layer *entries = cfg->layers.items;
    *within = layer;
    for (*entry = 0; *entry < cfg->layers.count; ++*entry) {
        if (*within < entries[*entry].count)
            return &entries[*entry];
        *within -= entries[*entry].count;
    }
    return NULL;
}

const struct world_layer *world_layer_at(const struct world_cfg *cfg, uint32_t layer, size_t *entry)
{
    size_t at;
    uint64_t within;
    return find(cfg, layer, entry ? entry : &at, &within);
}

void world_layer_name(const struct world_cfg *cfg, uint32_t layer, char *out, size_t size)
{
    size_t entry;
    uint64_t within;
    const struct world_layer *l = find(cfg, layer, &entry, &within);
    if (!l || !l->name[0])
        snprintf(out, size, "layer-%u", layer);
    else if (l->count > 1)
        snprintf(out, size, "%s-%llu", l->name, (unsigned long long)within);
    else
        snprintf(out, size, "%s", l->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void check_names(const struct world_cfg *cfg, uint32_t total, struct field_report *report)
{
    char(*names)[WORLD_LAYER_NAME] = mem_alloc(total, sizeof *names);
    if (!names) {
        field_complain(report, "layers", "no memory for the names of %u", total);
        return;
    }
    for (uint32_t i = 0; i < total; i++)
        world_layer_name(cfg, i, names[i], sizeof names[i]);
    qsort(names, total, sizeof *names, by_name);
    for (uint32_t i = 1; i < total; i++) {
        bool same = strcmp(names[i - 1], names[i]) == 0;
        if (same && (i < 2 || strcmp(names[i - 2], names[i]) != 0))
            field_complain(report, "layers", "two are called '%s'", names[i]);
    }
    mem_free(names);
}

/* A name and the number behind it stand in columns of a fixed width. */
static bool names_fit(const struct world_cfg *cfg, struct field_report *report)
{
    const struct world_layer *entries = cfg->layers.items;
    bool fit = true;
    for (size_t i = 0; i < cfg->layers.count; i++) {
        size_t room = WORLD_LAYER_NAME - 1, size = strlen(entries[i].name);
        if (size && entries[i].count > 1)
            room -= (size_t)snprintf(NULL, 0, "-%llu", (unsigned long long)entries[i].count - 1);
        if (size <= room)
            continue;
        fit = false;
        field_complain(report, "layers", "the name of layers[%zu] has %zu characters; %zu fit", i,
                       size, room);
    }
    return fit;
}

void world_layers_check(const struct world_cfg *cfg, struct field_report *report)
{
    uint32_t total = world_layer_total(cfg);
    uint64_t nodes = world_layer_nodes(cfg);
    if (total > WORLD_LAYERS_MAX)
        field_complain(report, "layers", "%u in all; at most %u: let `count` be smaller", total,
                       (unsigned)WORLD_LAYERS_MAX);
    else if (names_fit(cfg, report))
        check_names(cfg, total, report);
    if (nodes >= SIM_SOURCES_MAX - 65536)
        field_complain(report, "layers", "%llu nodes are more than 16 million in all",
                       (unsigned long long)nodes);
}
