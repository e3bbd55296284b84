/* models/world/takeover_internal.h - what takeover.c (who is given up) and takeover_heirs.c (what
 * becomes of it) share. */
#ifndef MODELS_WORLD_TAKEOVER_INTERNAL_H
#define MODELS_WORLD_TAKEOVER_INTERNAL_H

#include "models/world/desk_internal.h"
#include "models/world/internal.h"

/* What one layer knows of another. */
struct look {
    uint64_t height; /* of its highest certificate here; as it was, once it is held to be silent */
    uint64_t echo;   /* of the highest certificate of this layer that the other said it has */
    uint64_t heeded; /* successions that are over there */
    sim_time heard;  /* its last beat */
    sim_time missed; /* of this layer's own time since then */
    double fill;     /* of its last blocks */
    bool silent, gone;
};

struct vote {
    layer_id by, of;
    uint64_t height;
};

/* What one layer knows. */
struct outlook {
    struct look *of;    /* by layer */
    struct vec votes;   /* struct vote */
    struct beat **told; /* by layer: a reference on the last one, or NULL */
    sim_time last;      /* its own last commit */
    uint64_t final;     /* height up to which its blocks are */
    uint64_t heeded;    /* successions of which all its part has come here */
    uint32_t gone;      /* layers that it knows to be given up */
    layer_id proposed;  /* OP_RETIRE under way here; LAYER_NONE: none */
    double fill;
};

/* A layer that was given up. */
struct taken {
    layer_id dead;
    layer_id *heirs;
    uint32_t heir_count;
    uint64_t height;        /* of the block whose state is taken over */
    struct evm_state *rest; /* a reference */
    struct holdings *held;  /* a reference: at that block */
    bool *answered;         /* by layer: its part is on its way */
    uint32_t *parts, *ends; /* by layer: OP_IMPORT, OP_INHERIT on their way to it */
    layer_id *sources;      /* by layer: whom it asks */
    layer_id seat;          /* who carries on with its mail and crossings; LAYER_NONE: nobody yet */
    bool over;
    sim_time silent, decided, done,
        first; /* silent: when its last final block was committed; first: of its users; or -1 */
    uint64_t accounts, bytes, undone, lost;
    double fill_before;
};

struct takeover {
    const struct world_takeover *cfg;
    struct outlook *layers;
    struct taken taken[SUCCESSIONS_MAX];
    uint32_t count;
    uint32_t *retired; /* by layer: which of `taken`, from 1; 0: it goes on */
    uint64_t beats, beat_bytes;
    double gas, room; /* of blocks that took effect, of layers that go on, since the last change */
};

/* ---- takeover.c ---- */
/* Of this many layers: receipts that a block needs, and layers that must hold one to be silent. */
static inline uint32_t takeover_receipts(uint32_t layers)
{
    return layers / 2;
}
static inline uint32_t takeover_votes(uint32_t layers)
{
    return layers - layers / 2;
}
void takeover_recount(struct world *w, layer_id layer);

/* NULL: it goes on. */
static inline struct taken *takeover_taken(const struct world *w, layer_id layer)
{
    uint32_t n = w->takeover ? w->takeover->retired[layer] : 0;
    return n ? &w->takeover->taken[n - 1] : NULL;
}
static inline uint32_t takeover_index(const struct world *w, const struct taken *k)
{
    return (uint32_t)(k - w->takeover->taken);
}
static inline const struct succession *takeover_line(const struct world *w, const struct taken *k)
{
    return &w->desk->directory.placement.successions[takeover_index(w, k)];
}
/* A part of what the heirs get. */
static inline bool takeover_is_part(const struct op *op)
{
    return op->succession && (op->kind == OP_IMPORT || op->kind == OP_INHERIT);
}
/* Nothing more comes of it. */
static inline void takeover_drop(struct world *w, struct op *op)
{
    op->settled = true;
    mail_done(w, &op->item);
}

/* ---- takeover_state.c ---- */
/* Appends account i of `from` to what op carries. False: memory is out. */
bool takeover_copy(struct op *op, const struct evm_changes *from, uint32_t i);
/* NOTE_WANT has come: sends what is asked for, once. */
void takeover_answer(struct world *w, struct op *want);
/* `by` asks for what k had that is the heir's. */
void takeover_want(struct world *w, struct taken *k, layer_id heir, layer_id by);

/* ---- takeover_mail.c ---- */
/* Parts on their way to the layer become more, or fewer, by `by`; nothing where op is none. */
void takeover_part(struct world *w, const struct op *op, layer_id to, int by);
/* op was for the lost layer: what of it is still to happen goes to the heirs, from `by`. */
void takeover_reroute(struct world *w, struct op *op, layer_id by, const struct taken *k);
/* Likewise all that `from` had posted for it. */
void takeover_reroute_mail(struct world *w, layer_id from, layer_id by, const struct taken *k);
/* Crossings of `at` that gather there begin anew. */
void takeover_begin_anew(struct world *w, layer_id at, const struct taken *k);
/* The heir takes the lost layer's seat: its mail, and its crossings, none of which has run. */
void takeover_carry_on(struct world *w, layer_id heir, struct taken *k);

/* ---- takeover_heirs.c ---- */
/* OP_RETIRE of `dead` is final at `by`. */
void takeover_begin(struct world *w, layer_id by, layer_id dead);

#endif
