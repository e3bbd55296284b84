/* The loop that counts cost classes, calls the tracer and honours the slice's budget. */
#define VM_LOOP    vm_run_metered
#define VM_LABELS  metered
#define VM_METERED 1
#include "evm/core/vm_loop.h"
