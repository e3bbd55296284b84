/* Every network model: one row each. */
#include "models/network/link_internal.h"
#include "models/network/network.h"

#define REGISTRY(name, about, ...)                                                                 \
    static const struct field_model *const name##_entries[] = {__VA_ARGS__};                       \
    const struct field_registry name##_registry = {                                                \
        #name, about, name##_entries, sizeof name##_entries / sizeof name##_entries[0]}

extern const struct latency_ops latency_regions_model, latency_constant_model, latency_drawn_model,
    latency_distance_model;
REGISTRY(latency, "How long the wire takes from one node to another.", &latency_regions_model.model,
         &latency_constant_model.model, &latency_drawn_model.model, &latency_distance_model.model);

extern const struct jitter_ops jitter_simblock_model, jitter_gervais_model, jitter_pareto_model,
    jitter_lognormal_model, jitter_generalised_pareto_model, jitter_measured_model,
    jitter_around_model;
REGISTRY(jitter, "How messages vary around the latency of their wire.",
         &jitter_simblock_model.model, &jitter_gervais_model.model, &jitter_pareto_model.model,
         &jitter_lognormal_model.model, &jitter_generalised_pareto_model.model,
         &jitter_measured_model.model, &jitter_around_model.model);

extern const struct link_ops link_access_model, link_serial_model;
REGISTRY(link, "What a node's access link does to a message.", &link_access_model.model,
         &link_serial_model.model);

extern const struct topology_ops topology_regular_model, topology_full_model, topology_random_model,
    topology_small_world_model, topology_preferential_model, topology_near_model,
    topology_outbound_model, topology_file_model;
REGISTRY(topology, "Who is whose neighbour.", &topology_regular_model.model,
         &topology_full_model.model, &topology_random_model.model,
         &topology_small_world_model.model, &topology_preferential_model.model,
         &topology_near_model.model, &topology_outbound_model.model, &topology_file_model.model);

extern const struct gossip_ops gossip_push_model, gossip_inv_model, gossip_direct_model,
    gossip_push_announce_model, gossip_compact_model, gossip_gossipsub_model, gossip_coded_model,
    gossip_arrivals_model;
REGISTRY(gossip, "How one message reaches a whole group.", &gossip_push_model.model,
         &gossip_inv_model.model, &gossip_push_announce_model.model, &gossip_compact_model.model,
         &gossip_gossipsub_model.model, &gossip_coded_model.model, &gossip_direct_model.model,
         &gossip_arrivals_model.model);

const struct field_registry *net_registry_at(size_t i)
{
    static const struct field_registry *const all[] = {&latency_registry,  &jitter_registry,
                                                       &link_registry,     &class_registry,
                                                       &topology_registry, &gossip_registry};
    return i < sizeof all / sizeof all[0] ? all[i] : NULL;
}
