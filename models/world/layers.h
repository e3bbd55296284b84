/* models/world/layers.h - layers by number. An entry of the scenario's list stands for `count`
 * layers; numbers go through the entries in their order, so layer 0 is the first of the first.
 * All functions only read cfg, and cost O(entries). */
#ifndef MODELS_WORLD_LAYERS_H
#define MODELS_WORLD_LAYERS_H

#include "models/world/config.h"

enum { WORLD_LAYERS_MAX = 1024, WORLD_LAYER_NAME = 32 /* with the zero at its end */ };

/* Layers in all; their nodes. */
uint32_t world_layer_total(const struct world_cfg *cfg);
uint64_t world_layer_nodes(const struct world_cfg *cfg);

/* The entry that describes the layer, and where it stands in the list (entry may be NULL), for
 * error paths: layers[entry]. NULL beyond the last layer; *entry then is the number of entries. */
const struct world_layer *world_layer_at(const struct world_cfg *cfg, uint32_t layer,
                                         size_t *entry);

/* What results call it: the entry's name, with -0, -1, ... where the entry is several layers;
 * layer-N where it has none. */
void world_layer_name(const struct world_cfg *cfg, uint32_t layer, char *out, size_t size);

/* At most WORLD_LAYERS_MAX layers, no two of one name, names that fit into WORLD_LAYER_NAME, no
 * more nodes than the engine numbers. */
void world_layers_check(const struct world_cfg *cfg, struct field_report *report);

#endif
