/* The loop as it runs when nobody counts. */
#define VM_LOOP    vm_run_fast
#define VM_LABELS  fast
#define VM_METERED 0
#include "evm/core/vm_loop.h"
