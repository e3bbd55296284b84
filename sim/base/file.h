/* sim/base/file.h - opening files that a user names. */
#ifndef SIM_BASE_FILE_H
#define SIM_BASE_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"

/* Opens path for reading if it is a regular file of at most `most` bytes: a device or a pipe need
 * never end. NULL with ERR_IO or ERR_INPUT and "PATH: why" in err. fclose() is the caller's. */
FILE *file_open(const char *path, uint64_t most, struct err *err);

#endif
