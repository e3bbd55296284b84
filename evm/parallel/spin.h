/* evm/parallel/spin.h - locks around a few instructions. The holder may lose its core, so a waiter
 * yields after a while. Without threads they cost nothing. */
#ifndef EVM_PARALLEL_SPIN_H
#define EVM_PARALLEL_SPIN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

static inline void evm_spin_lock(bool threaded, atomic_uchar *lock)
{
    if (!threaded)
        return;
    for (unsigned spins = 0; atomic_exchange_explicit(lock, 1, memory_order_acquire); spins++) {
        if (spins < 64)
            __builtin_ia32_pause();
        else
            sched_yield();
    }
}

static inline void evm_spin_unlock(bool threaded, atomic_uchar *lock)
{
    if (threaded)
        atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
