#include "evm/io/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>

#define CHUNK ((size_t)1 << 18)
#define LIMIT ((size_t)1 << 29)

enum evm_status evm_file_read(const char *path, struct evm_buf *out, struct evm_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return evm_fail(err, EVM_ERR_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return evm_fail(err, EVM_ERR_IO, "%s: is a directory", path);
    gzFile file = gzopen(path, "rb");
    if (!file)
        return evm_fail(err, EVM_ERR_IO, "%s: %s", path, strerror(errno ? errno : ENOMEM));
    int got = 0;
    for (;;) {
        uint8_t *at = evm_buf_extend(out, CHUNK);
        if (!at)
            break;
        got = gzread(file, at, (unsigned)CHUNK);
        out->size -= CHUNK - (got > 0 ? (size_t)got : 0);
        if (got <= 0)
            break;
        if (out->size > LIMIT) {
            gzclose_r(file);
            return evm_fail(err, EVM_ERR_INPUT, "%s: larger than %zu MiB", path, LIMIT >> 20);
        }
    }
    int code;
    const char *text = gzerror(file, &code);
    enum evm_status status = EVM_OK;
    if (out->failed)
        status = evm_fail(err, EVM_ERR_MEMORY, "%s: out of memory", path);
    else if (code == Z_BUF_ERROR)
        status = evm_fail(err, EVM_ERR_INPUT, "%s: the compressed data end too early", path);
    else if (got < 0)
        status = evm_fail(err, EVM_ERR_INPUT, "%s: damaged: %s", path, text);
    int closed = gzclose_r(file);
    if (status == EVM_OK && closed == Z_BUF_ERROR)
        status = evm_fail(err, EVM_ERR_INPUT, "%s: the compressed data end too early", path);
    return status;
}
