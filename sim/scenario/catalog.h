/* sim/scenario/catalog.h - every table that a spec can reach, for what describes the language. */
#ifndef SIM_SCENARIO_CATALOG_H
#define SIM_SCENARIO_CATALOG_H

#include "sim/scenario/internal.h"

enum { SC_MAX_TABLES = 512 };

struct sc_catalog {
    const struct field_table
        *tables[SC_MAX_TABLES]; /* sections: the root first, then depth first */
    size_t count;
    bool overflow;
};
/* Sections of the root and of every model, each once; models' own tables are not among them. */
void sc_catalog_make(struct sc_catalog *c, const struct scenario_spec *spec);

#endif
