#include "sim/base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

FILE *file_open(const char *path, uint64_t most, struct err *err)
{
    struct stat st;
    /* Before it is opened: that of a pipe would wait for a writer. */
    if (stat(path, &st) != 0) {
        err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(err, ERR_INPUT, "%s: is no regular file", path);
        return NULL;
    }
    if ((uint64_t)st.st_size > most) {
        err_set(err, ERR_INPUT, "%s: is larger than %llu MiB", path,
                (unsigned long long)(most >> 20));
        return NULL;
    }
    FILE *f = fopen(path, "rb");
    if (!f)
        err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return f;
}
