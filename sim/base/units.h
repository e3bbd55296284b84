/* sim/base/units.h - virtual time. The only clock is an integer count of nanoseconds. */
#ifndef SIM_BASE_UNITS_H
#define SIM_BASE_UNITS_H

#include <stdint.h>

typedef int64_t sim_time; /* nanoseconds since the start of the run */

#define SIM_NS  ((sim_time)1)
#define SIM_US  ((sim_time)1000)
#define SIM_MS  ((sim_time)1000000)
#define SIM_SEC ((sim_time)1000000000)

#define SIM_TIME_NEVER INT64_MAX

#endif
