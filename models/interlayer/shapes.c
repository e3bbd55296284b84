/* mesh: every layer sends to every other. */
#include "models/interlayer/interlayer.h"

FIELD_DEFINE(interlayer_cfg, INTERLAYER_FIELDS, "How layers talk to one another.", NULL);

FIELD_DECLARE_EMPTY(interlayer_mesh_cfg);
FIELD_DEFINE_EMPTY(interlayer_mesh_cfg, "Settings of mesh: none.");

static layer_id straight(const void *cfg, layer_id layers, layer_id from, layer_id to)
{
    (void)cfg;
    (void)layers;
    (void)from;
    return to;
}

static const struct interlayer_ops mesh = {
    .model = {"mesh", "Every layer sends to every other.", &interlayer_mesh_cfg_table},
    .next = straight,
};

static const struct field_model *const entries[] = {&mesh.model};
const struct field_registry interlayer_registry = {"interlayer", "Which layers send to which.",
                                                   entries, sizeof entries / sizeof entries[0]};
