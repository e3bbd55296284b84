/* sim/record/reference.h - the reference page of the results file, from the rows of tables.def. */
#ifndef SIM_RECORD_REFERENCE_H
#define SIM_RECORD_REFERENCE_H

#include <stdio.h>

/* Writes docs/results-format.md. The caller checks the stream. */
void record_write_reference(FILE *out);

#endif
