#include "models/crosslayer/crosslayer.h"

extern const struct crosslayer_ops crosslayer_two_phase_commit;

static const struct field_model *const entries[] = {&crosslayer_two_phase_commit.model};

const struct field_registry crosslayer_registry = {
    "crosslayer", "How transactions that touch several layers are carried through.", entries,
    sizeof entries / sizeof entries[0]};
