#include "models/crosslayer/crosslayer.h"

extern const struct crosslayer_ops crosslayer_two_phase_commit, crosslayer_relay,
    crosslayer_migrate, crosslayer_broker, crosslayer_sequential_lane, crosslayer_optimistic;

static const struct field_model *const entries[] = {
    &crosslayer_two_phase_commit.model, &crosslayer_relay.model,
    &crosslayer_migrate.model,          &crosslayer_broker.model,
    &crosslayer_sequential_lane.model,  &crosslayer_optimistic.model,
};

const struct field_registry crosslayer_registry = {
    "crosslayer", "How transactions that touch several layers are carried through.", entries,
    sizeof entries / sizeof entries[0]};
