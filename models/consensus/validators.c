#include "models/consensus/consensus.h"

__extension__ typedef unsigned __int128 uint128;

uint32_t validators_index(const struct validators *v, node_id node)
{
    uint32_t low = 0, high = v->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->count && v->nodes[low] == node ? low : VALIDATOR_NONE;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Turns step through [0, total) by a stride near total / phi that has no common divisor with
 * total, so `total` turns visit every point once: as often in each validator's interval as its
 * weight, and never in long runs (three-distance theorem). */
uint32_t validators_turn(const struct validators *v, uint64_t turn)
{
    if (v->equal)
        return (uint32_t)(turn % v->count);
    uint64_t stride = (uint64_t)((double)v->total * 0.6180339887498949);
    if (stride == 0)
        stride = 1;
    while (gcd(stride, v->total) != 1)
        stride++;
    uint64_t point = (uint64_t)((uint128)(turn % v->total) * stride % v->total);
    uint32_t low = 0, high = v->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->upto[middle] <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool validators_quorum(const struct validators *v, uint64_t weight)
{
    return weight > v->total / 3 * 2 + (v->total % 3) * 2 / 3;
}

bool validators_third(const struct validators *v, uint64_t weight)
{
    return weight > v->total / 3;
}
