/* evm/io/file.h - whole files into memory, gzip or plain: the only door to zlib's files. */
#ifndef EVM_IO_FILE_H
#define EVM_IO_FILE_H

#include "evm/core/buf.h"
#include "evm/core/error.h"

/* Appends the (decompressed) content. EVM_ERR_IO if it cannot be opened or read, EVM_ERR_INPUT if
 * the compressed data are cut short or damaged; the text names the path. */
enum evm_status evm_file_read(const char *path, struct evm_buf *out, struct evm_err *err);

#endif
