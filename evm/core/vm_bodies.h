/* evm/core/vm_bodies.h - what the bodies of vm_bodies.def use: the includer of both is a loop with
 * the locals vm, f, gas, mem, halt, and the labels out_of_gas and failed. */
#ifndef EVM_CORE_VM_BODIES_H
#define EVM_CORE_VM_BODIES_H

#include "evm/core/keccak.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/vm_internal.h"

#define CHARGE(n)                                                                                  \
    do {                                                                                           \
        if (UNLIKELY((gas -= (int64_t)(n)) < 0))                                                   \
            goto out_of_gas;                                                                       \
    } while (0)

/* Makes memory reach over [*offset, *offset + *size); afterwards both fit, or size is 0. */
#define REACH(offset, size)                                                                        \
    do {                                                                                           \
        gas = vm_grow(vm, f, (offset), (size), gas);                                               \
        if (UNLIKELY(gas < 0))                                                                     \
            goto out_of_gas;                                                                       \
        mem = vm_memory(vm, f);                                                                    \
    } while (0)

/* The same for one word or byte, with the usual case inline. */
#define REACH_CONST(offset, bound, n)                                                              \
    do {                                                                                           \
        if (UNLIKELY(!evm_u256_fits64(offset) || (offset)->w[0] >= f->bound)) {                    \
            gas = vm_grow_some(vm, f, (offset), (n), gas);                                         \
            if (UNLIKELY(gas < 0))                                                                 \
                goto out_of_gas;                                                                   \
            mem = vm_memory(vm, f);                                                                \
        }                                                                                          \
    } while (0)

/* To memory at a, from `source` at b, c bytes; one word of memory for 3 gas more. */
#define COPY_FROM(source)                                                                          \
    do {                                                                                           \
        REACH(a, c);                                                                               \
        uint64_t n = c->w[0];                                                                      \
        CHARGE(3 * vm_words(n));                                                                   \
        if (n)                                                                                     \
            vm_copy_padded(mem + a->w[0], source, b, (size_t)n);                                   \
        COUNT(COPY, vm_words(n));                                                                  \
    } while (0)

#endif
