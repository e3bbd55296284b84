/* Every consensus protocol: one row. */
#include "models/consensus/consensus.h"

extern const struct consensus_ops consensus_poa, consensus_pow, consensus_tendermint;
extern const struct consensus_ops consensus_bullshark, consensus_monadbft, consensus_snowman;
extern const struct consensus_ops consensus_dpos, consensus_pos, consensus_raft;
extern const struct consensus_ops consensus_pbft, consensus_hotstuff, consensus_hotstuff2;

static const struct field_model *const entries[] = {
    &consensus_tendermint.model, &consensus_pbft.model,     &consensus_hotstuff.model,
    &consensus_hotstuff2.model,  &consensus_monadbft.model, &consensus_bullshark.model,
    &consensus_snowman.model,    &consensus_raft.model,     &consensus_pos.model,
    &consensus_dpos.model,       &consensus_poa.model,      &consensus_pow.model,
};

const struct field_registry consensus_registry = {"consensus",
                                                  "How the nodes of a layer agree on its blocks.",
                                                  entries, sizeof entries / sizeof entries[0]};
