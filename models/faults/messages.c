#include "models/faults/messages.h"

FIELD_ENUM_DEFINE(fault_way, FAULT_WAY);
FIELD_ENUM_DEFINE(fault_sort, FAULT_SORT);

static bool of_sort(enum fault_sort sort, const struct message *m)
{
    switch (sort) {
    case FAULT_SORT_ANY: return true;
    case FAULT_SORT_TRANSACTIONS: return m->channel == CHANNEL_TX;
    case FAULT_SORT_BLOCKS: return m->channel == CHANNEL_BLOCK;
    case FAULT_SORT_VOTES: return m->channel == CHANNEL_CONSENSUS;
    case FAULT_SORT_SYNC: return m->channel == CHANNEL_SYNC;
    case FAULT_SORT_MAIL: return m->channel == CHANNEL_LAYER;
    }
    return false;
}

bool fault_means(const struct fault_strike *s, enum fault_way way, enum fault_sort sort,
                 node_id from, node_id to, const struct message *m)
{
    bool out = way != FAULT_WAY_IN && fault_struck(s, from);
    bool in = way != FAULT_WAY_OUT && fault_struck(s, to);
    return (out || in) && of_sort(sort, m);
}
