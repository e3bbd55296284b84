/* models/interlayer/interlayer.h - how layers talk to one another: one .c file a shape.
 *
 * A layer's mail to another is gathered for `batch`, put into one message and sent from node to
 * node over the same links as everything else: to the other layer at once, or by way of others, as
 * the shape says. Who gets it there hands it on within the layer by the gossip of votes. A shape is
 * a pure function of two numbers; the work is done by models/world/mail.h. */
#ifndef MODELS_INTERLAYER_INTERLAYER_H
#define MODELS_INTERLAYER_INTERLAYER_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/scenario/field.h"

struct interlayer_ops {
    struct field_model model;
    /* ERR_INPUT with a text where the settings do not fit so many layers. May be NULL. */
    enum err_code (*check)(const void *cfg, layer_id layers, struct err *err);
    /* The layer that mail at `from` for `to` (another one) goes to next; `to` itself in the end. */
    layer_id (*next)(const void *cfg, layer_id layers, layer_id from, layer_id to);
};
extern const struct field_registry interlayer_registry;

#define INTERLAYER_FIELDS(F, S)                                                                    \
    F(S, MODEL(interlayer), shape, "mesh", NULL, NULL, "Which layers send to which.")              \
    F(S, DURATION, batch, "50ms", "0s", "1min",                                                    \
      "Mail for a layer waits this long for more, so that it goes as one message.")                \
    F(S, SIZE, batch_size, "128KB", "1KB", "64MB",                                                 \
      "A batch leaves at once when it is this large.")                                             \
    F(S, SIZE, overhead, "600B", "0B", "1MB",                                                      \
      "Of every message: header, certificate of the block it is from, proofs.")                    \
    F(S, COUNT, signatures, "1", "0", "1k",                                                        \
      "Signatures that whoever gets a message checks: one is BLS, an aggregate of the quorum of "  \
      "the layer that sends it; several are ECDSA.")                                               \
    F(S, DURATION, handling, "0us", "0s", "1s",                                                    \
      "Core time that each message costs who sends it and whoever gets it, besides signatures.")   \
    F(S, DURATION, retry, "4s", "100ms", "1h",                                                     \
      "What has not been taken up by then is sent again, by another node to another node.")
FIELD_DECLARE(interlayer_cfg, INTERLAYER_FIELDS);

#endif
