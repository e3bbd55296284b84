/* sim/base/map.h - hash map from 64-bit keys to 64-bit values.
 *
 * Open addressing, linear probing, at most 3/4 full. There is no iteration on purpose: no result
 * may depend on hash order. Zeroed means empty; one thread owns a map. */
#ifndef SIM_BASE_MAP_H
#define SIM_BASE_MAP_H

#include "sim/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_cell;
struct map {
    struct map_cell *cells;
    size_t len; /* keys held */
    size_t mask;
};

void map_init(struct map *m);
void map_fini(struct map *m);

/* map_put sets the value of key, adding it when new. ERR_MEMORY leaves the map as it was.
 * Amortised O(1). */
enum err_code map_put(struct map *m, uint64_t key, uint64_t value);

/* map_get returns whether key is present and, where value is not NULL, its value. O(1). */
bool map_get(const struct map *m, uint64_t key, uint64_t *value);

/* map_del removes key and returns whether it was present. O(1). */
bool map_del(struct map *m, uint64_t key);

/* map_clear removes every key and keeps the memory. */
void map_clear(struct map *m);

/* map_bytes returns the memory held. */
size_t map_bytes(const struct map *m);

#endif
