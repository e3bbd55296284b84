#include "sim/cli/outfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_outfile_open(struct cli_outfile *o, const char *path)
{
    struct stat st;
    size_t size = strlen(path) + 40;
    bool there = stat(path, &st) == 0;
    *o = (struct cli_outfile){.path = path};
    errno = 0;
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (there && access(path, W_OK) != 0)
        return false;
    if (there && !S_ISREG(st.st_mode)) { /* a pipe or a device has no other name */
        o->file = fopen(path, "wb");
        return o->file != NULL;
    }
    o->beside = malloc(size);
    if (!o->beside)
        return false;
    snprintf(o->beside, size, "%s.tmp-%ld", path, (long)getpid());
    o->file = fopen(o->beside, "wb");
    if (o->file)
        return true;
    int why = errno;
    free(o->beside);
    *o = (struct cli_outfile){.file = NULL};
    errno = why;
    return false;
}

void cli_outfile_write(struct cli_outfile *o, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, o->file) != size && !o->why)
        o->why = errno;
}

bool cli_outfile_close(struct cli_outfile *o, bool keep)
{
    if (!o->file)
        return true;
    bool fine = !ferror(o->file);
    int why = fine ? 0 : o->why ? o->why : EIO;
    if (fclose(o->file) != 0) {
        why = errno;
        fine = false;
    }
    if (fine && keep && o->beside && rename(o->beside, o->path) != 0) {
        why = errno;
        fine = false;
    }
    if (o->beside && !(fine && keep))
        unlink(o->beside);
    free(o->beside);
    *o = (struct cli_outfile){.file = NULL};
    errno = why;
    return fine || !keep;
}

bool cli_outfile_possible(const char *path)
{
    struct cli_outfile o;
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return access(path, W_OK) == 0;
    return cli_outfile_open(&o, path) && cli_outfile_close(&o, false);
}
