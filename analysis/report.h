/* analysis/report.h - the report of a run: one HTML page that needs nothing else when opened. */
#ifndef ANALYSIS_REPORT_H
#define ANALYSIS_REPORT_H

#include "sim/base/err.h"

/* Where Debian's package libjs-dygraphs puts the charting library. */
#define REPORT_LIBRARY "/usr/share/javascript/dygraphs"

/* Reads the results file and writes the page, whole or not at all (a temporary file beside it is
 * renamed). library NULL: REPORT_LIBRARY. Large runs are thinned for display: means with the least
 * and the greatest value of each stretch kept. ERR_IO, ERR_INPUT, ERR_MEMORY with one line. */
enum err_code report_write(const char *results, const char *page, const char *library,
                           struct err *err);

#endif
