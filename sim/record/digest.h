/* sim/record/digest.h - the digest of a results file: SHA-256 over every table and series in the
 * order of their names: names, types and values in one canonical byte layout. Compression,
 * chunking, host, wall-clock times and attributes do not enter. */
#ifndef SIM_RECORD_DIGEST_H
#define SIM_RECORD_DIGEST_H

#include "sim/record/record.h"

/* Computes the digest of the file at path from its contents and compares it with the one stored at
 * the run's end. ERR_IO: cannot be opened or read (says whether it is missing, not HDF5 or
 * damaged). ERR_INPUT: not a results file, of an unfinished run, or changed since. */
enum err_code record_digest_file(const char *path, char digest[RECORD_DIGEST_SIZE],
                                 struct err *err);

#endif
