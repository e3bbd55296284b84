/* Why two files and not one that HDF5 keeps open: an HDF5 file that is being extended is not
 * readable at every moment, and in its single-writer mode it stays flagged as open after a kill, so
 * that ordinary tools refuse it. rename(2) is the one step that a kill cannot cut in half. Each of
 * the two keeps a hidden name of its own, so that bringing the other up to date costs what is new,
 * not the whole file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/record/record_internal.h"

static enum err_code complain(const struct record *r, struct err *err, int number)
{
    if (number == EFBIG)
        return err_set(err, ERR_IO, "cannot write results to '%s': file size limit reached",
                       r->path);
    return err_set(err, ERR_IO, "cannot write results to '%s': %s", r->path, strerror(number));
}

/* "dir/" + ".NAME.weft-PID-x"; the process in the name keeps two runs to one path apart. */
static char *hidden_name(const char *path, char letter)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t size = strlen(path) + 40;
    char *hidden = malloc(size);
    if (hidden)
        snprintf(hidden, size, "%.*s.%s.weft-%ld-%c", (int)(name - path), path, name,
                 (long)getpid(), letter);
    return hidden;
}

/* Removes hidden files of this results file whose process is gone. */
static void remove_stale(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const char *rest = e->d_name + 1 + length;
        if (e->d_name[0] != '.' || strncmp(e->d_name + 1, name, length) != 0 ||
            strncmp(rest, ".weft-", 6) != 0)
            continue;
        char *end;
        long pid = strtol(rest + 6, &end, 10);
        if (pid <= 0 || end[0] != '-' || !strchr("abcd", end[1]) || end[2] != 0)
            continue;
        if (pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
    free(folder);
}

/* Whether a file is there that no run has written: a scenario given as -o by mistake, say. */
static bool is_foreign(const char *path)
{
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    char head[sizeof signature];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n > 0 && (n < sizeof head || memcmp(head, signature, sizeof head) != 0);
}

enum err_code rec_store_open(struct record *r, const char *path, struct err *err)
{
    struct stat st;
    /* A symbolic link is to keep pointing at the results, not to be replaced by them. */
    char *real = realpath(path, NULL);
    r->path = real ? real : strdup(path);
    if (!r->path)
        return err_set(err, ERR_MEMORY, "no memory left to record results");
    r->files[0].path = hidden_name(r->path, 'a');
    r->files[1].path = hidden_name(r->path, 'b');
    r->staging = hidden_name(r->path, 'c');
    if (!r->files[0].path || !r->files[1].path || !r->staging)
        return err_set(err, ERR_MEMORY, "no memory left to record results");
    if (stat(r->path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_IO, "cannot write results to '%s': it is not a regular file", path);
    if (is_foreign(r->path))
        return err_set(err, ERR_IO,
                       "cannot write results to '%s': a file is there that holds no results", path);
    if (path[0] == 0 || path[strlen(path) - 1] == '/')
        return err_set(err, ERR_IO, "cannot write results to '%s': it names no file", path);
    remove_stale(r->path);
    /* Where there are no hard links, it is lost as soon as the new one is there. */
    char *before = hidden_name(r->path, 'd');
    if (before && link(r->path, before) == 0)
        r->before = before;
    else
        free(before);
    return ERR_OK;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

enum err_code rec_store_write(struct record *r, struct rec_file *f, const void *bytes, size_t size,
                              struct err *err)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return complain(r, err, errno);
    f->exists = true;
    int number = write_all(fd, bytes, size);
    if (close(fd) != 0 && number == 0)
        number = errno;
    if (number == 0)
        return ERR_OK;
    unlink(f->path);
    f->exists = false;
    return complain(r, err, number);
}

/* Copies the published file, which holds exactly what files[current] is said to hold. */
static enum err_code copy_published(struct record *r, struct rec_file *f, struct err *err)
{
    char buffer[65536];
    struct stat st;
    int number = 0, to = -1;
    int from = open(r->files[r->current].exists ? r->files[r->current].path : r->path,
                    O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) != 0)
        number = errno;
    else if ((uint64_t)st.st_ino != r->published_inode)
        number = ESTALE; /* someone put another file there, and no name of ours was left */
    if (number == 0 && (to = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
        number = errno;
    while (number == 0) {
        ssize_t n = read(from, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            number = errno;
        if (n <= 0)
            break;
        number = write_all(to, buffer, (size_t)n);
    }
    if (to >= 0 && close(to) != 0 && number == 0)
        number = errno;
    if (from >= 0)
        close(from);
    if (number != 0) {
        unlink(f->path);
        return complain(r, err, number);
    }
    f->exists = true;
    f->version = r->files[r->current].version;
    memcpy(f->rows, r->files[r->current].rows, r->data_count * sizeof *f->rows);
    return ERR_OK;
}

/* True if a reader holds the file's lock, as HDF5's readers do by default. */
static bool is_read(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool busy = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return busy;
}

enum err_code rec_store_prepare(struct record *r, struct rec_file *f, size_t room, struct err *err)
{
    struct stat st;
    if (f->exists && is_read(f->path)) { /* whoever reads it keeps it, unchanged */
        unlink(f->path);
        f->exists = false;
    }
    if (!f->exists) {
        enum err_code code = copy_published(r, f, err);
        if (code != ERR_OK)
            return code;
    }
    /* Asked for beforehand, so that HDF5, which recovers badly from it, meets no full disk. */
    int fd = open(f->path, O_RDWR | O_CLOEXEC), number = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        number = errno;
    else
        number = posix_fallocate(fd, st.st_size, (off_t)room);
    if (number == EOPNOTSUPP || number == EINVAL)
        number = 0;
    if (fd >= 0)
        close(fd);
    return number == 0 ? ERR_OK : complain(r, err, number);
}

enum err_code rec_store_publish(struct record *r, struct rec_file *f, struct err *err)
{
    struct stat st;
    if (stat(f->path, &st) != 0)
        return complain(r, err, errno);
    unlink(r->staging);
    if (link(f->path, r->staging) == 0) {
        if (rename(r->staging, r->path) != 0)
            return complain(r, err, errno);
    } else { /* a file system without hard links: the next turn starts from a copy */
        if (rename(f->path, r->path) != 0)
            return complain(r, err, errno);
        f->exists = false;
    }
    r->published_inode = (uint64_t)st.st_ino;
    return ERR_OK;
}

void rec_store_commit(struct record *r)
{
    if (r->before)
        unlink(r->before);
    free(r->before);
    r->before = NULL;
}

void rec_store_discard(struct record *r)
{
    struct stat st;
    if (r->published_inode == 0 || stat(r->path, &st) != 0 ||
        (uint64_t)st.st_ino != r->published_inode)
        return; /* not ours */
    if (!r->before || rename(r->before, r->path) != 0)
        unlink(r->path);
    rec_store_commit(r);
}

void rec_store_close(struct record *r)
{
    rec_store_commit(r);
    for (size_t i = 0; i < 2; i++) {
        if (r->files[i].exists)
            unlink(r->files[i].path);
        r->files[i].exists = false;
    }
    if (r->staging)
        unlink(r->staging);
}
