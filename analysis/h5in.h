/* analysis/h5in.h - reading a results file: attributes, columns, series, by name.
 *
 * The only file of analysis that sees HDF5. The first error stays in the reader, later reads then
 * return nothing, so that a caller asks once, at the end, with h5in_error. Arrays belong to the
 * reader and live until h5in_close. */
#ifndef ANALYSIS_H5IN_H
#define ANALYSIS_H5IN_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/err.h"

struct h5in;

/* ERR_IO: missing, not HDF5, damaged. ERR_INPUT: not a results file, or of another format. */
enum err_code h5in_open(struct h5in **out, const char *path, struct err *err);
void h5in_close(struct h5in *in); /* accepts NULL */

/* ERR_OK, or the first error of all reads so far, copied to *err. */
enum err_code h5in_error(const struct h5in *in, struct err *err);

/* An attribute of the root; "" or NaN where there is none (not an error). */
const char *h5in_text(struct h5in *in, const char *name);
double h5in_number(struct h5in *in, const char *name);

/* Whether the file has the table, or with column non-NULL that column of it. Never an error. */
bool h5in_has(struct h5in *in, const char *table, const char *column);

size_t h5in_rows(struct h5in *in, const char *table);

/* A column of numbers, labels or truth values as doubles (exact up to 2^53); NULL if there are no
 * rows or after an error. */
const double *h5in_column(struct h5in *in, const char *table, const char *column);

/* Value of a label's text in a column, -1 if it has none such. */
int h5in_label(struct h5in *in, const char *table, const char *column, const char *text);

/* A column of text: strings of equal size, zero-terminated. */
const char *h5in_texts(struct h5in *in, const char *table, const char *column, size_t *size);

/* Rows [first, first + count) of a column of numbers. */
const double *h5in_column_part(struct h5in *in, const char *table, const char *column, size_t first,
                               size_t count);

/* /series/<name>: samples x width values, row by row; width 1 for time and phase. */
const double *h5in_series(struct h5in *in, const char *name, size_t *samples, size_t *width);

#endif
