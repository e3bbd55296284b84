#include "models/routing/routing.h"

extern const struct router_ops router_hash;

static const struct field_model *const entries[] = {&router_hash.model};

const struct field_registry router_registry = {"routing", "Which layer holds an account.", entries,
                                               sizeof entries / sizeof entries[0]};
