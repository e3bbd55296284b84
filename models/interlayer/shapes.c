/* Shapes of the mail between layers: mesh, hub, tree.
 *
 * A shape says the next layer on the way, so that from any layer to any other the way ends: in a
 * mesh at once, by the hub in two steps, in the tree up to the first layer above both and down. */
#include "models/interlayer/interlayer.h"

FIELD_DEFINE(interlayer_cfg, INTERLAYER_FIELDS, "How layers talk to one another.", NULL);

/* ---- mesh ---- */

FIELD_DECLARE_EMPTY(interlayer_mesh_cfg);
FIELD_DEFINE_EMPTY(interlayer_mesh_cfg, "Settings of mesh: none.");

static layer_id mesh_next(const void *cfg, layer_id layers, layer_id from, layer_id to)
{
    (void)cfg;
    (void)layers;
    (void)from;
    return to;
}

static const struct interlayer_ops mesh = {
    .model = {"mesh", "Every layer sends to every other.", &interlayer_mesh_cfg_table},
    .next = mesh_next,
};

/* ---- hub ---- */

#define INTERLAYER_HUB_FIELDS(F, S)                                                                \
    F(S, COUNT, layer, "0", "0", "1023", "Which layer is the hub, by number.")
FIELD_DECLARE(interlayer_hub, INTERLAYER_HUB_FIELDS);
FIELD_DEFINE(interlayer_hub, INTERLAYER_HUB_FIELDS, "One layer hands on what all others send.",
             NULL);

static enum err_code hub_check(const void *cfg, layer_id layers, struct err *err)
{
    const struct interlayer_hub *hub = cfg;
    if (hub->layer < layers)
        return ERR_OK;
    return err_set(err, ERR_INPUT, "the hub is layer %llu, but the last one is layer %u",
                   (unsigned long long)hub->layer, layers - 1U);
}

static layer_id hub_next(const void *cfg, layer_id layers, layer_id from, layer_id to)
{
    const struct interlayer_hub *hub = cfg;
    (void)layers;
    return from == hub->layer ? to : (layer_id)hub->layer;
}

static const struct interlayer_ops hub = {
    .model = {"hub", "Every layer sends to one, which hands on to the others.",
              &interlayer_hub_table},
    .check = hub_check,
    .next = hub_next,
};

/* ---- tree ---- */

#define INTERLAYER_TREE_FIELDS(F, S)                                                               \
    F(S, COUNT, arity, "2", "1", "1023",                                                           \
      "Layers right below each: that above layer i is (i - 1) / arity, and layer 0 is on top.")
FIELD_DECLARE(interlayer_tree, INTERLAYER_TREE_FIELDS);
FIELD_DEFINE(interlayer_tree, INTERLAYER_TREE_FIELDS,
             "Mail goes up to the first layer above both, and down.", NULL);

/* Numbers fall on the way up, so of two layers only the higher one can lie below the other:
 * climbing from `to` while it is above `from` by number finds whether `to` lies below `from`, and
 * by which of its children. O(depth). */
static layer_id tree_next(const void *cfg, layer_id layers, layer_id from, layer_id to)
{
    const struct interlayer_tree *tree = cfg;
    uint64_t at = to;
    (void)layers;
    while (at > from) {
        uint64_t above = (at - 1) / tree->arity;
        if (above == from)
            return (layer_id)at;
        at = above;
    }
    return (layer_id)((from - 1U) / tree->arity);
}

static const struct interlayer_ops tree = {
    .model = {"tree", "Layers stand in a tree, and each sends to those next to it.",
              &interlayer_tree_table},
    .next = tree_next,
};

static const struct field_model *const entries[] = {&mesh.model, &hub.model, &tree.model};
const struct field_registry interlayer_registry = {"interlayer", "Which layers send to which.",
                                                   entries, sizeof entries / sizeof entries[0]};
