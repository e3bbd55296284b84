/* Every judge: one row. */
#include "models/judges/judge.h"

extern const struct judge_ops judge_agreement_model, judge_certificates_model, judge_quorum_model,
    judge_finality_model, judge_progress_model, judge_validity_model, judge_once_model;

static const struct field_model *const entries[] = {
    &judge_agreement_model.model, &judge_certificates_model.model, &judge_quorum_model.model,
    &judge_finality_model.model,  &judge_progress_model.model,     &judge_validity_model.model,
    &judge_once_model.model,
};

const struct field_registry judges_registry = {"judges", "What must hold whatever the protocol.",
                                               entries, sizeof entries / sizeof entries[0]};
