#define _GNU_SOURCE /* strverscmp */
#include "sim/cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool add_file(struct cli_files *f, const char *path)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 64;
        char **paths = realloc(f->paths, capacity * sizeof *paths);
        if (!paths)
            return false;
        f->paths = paths;
        f->capacity = capacity;
    }
    f->paths[f->count] = strdup(path);
    return f->paths[f->count] && ++f->count;
}

static bool is_wanted(const struct cli_files *f, const char *name)
{
    size_t size = strlen(name);
    if (f->yaml)
        return size > 5 && !strcmp(name + size - 5, ".yaml");
    return (size > 5 && !strcmp(name + size - 5, ".json")) ||
           (size > 8 && !strcmp(name + size - 8, ".json.gz"));
}

/* As a person counts: 2 before 10. */
static int by_number(const struct dirent **a, const struct dirent **b)
{
    return strverscmp((*a)->d_name, (*b)->d_name);
}

int cli_files_add(const struct cli_command *self, struct cli_files *f, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return cli_complain(self, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return add_file(f, path) ? -1 : cli_complain(self, "out of memory");
    struct dirent **names;
    int n = scandir(path, &names, NULL, by_number), status = -1;
    if (n < 0)
        return cli_complain(self, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *child = NULL;
        if (names[i]->d_name[0] != '.' && status < 0) {
            size_t size = strlen(path) + strlen(names[i]->d_name) + 2;
            child = malloc(size);
            if (child)
                snprintf(child, size, "%s/%s", path, names[i]->d_name);
            if (!child)
                status = cli_complain(self, "out of memory");
            else if (stat(child, &st) == 0 && (S_ISDIR(st.st_mode) || is_wanted(f, child)))
                status = cli_files_add(self, f, child);
        }
        free(child);
        free(names[i]);
    }
    free(names);
    return status;
}

void cli_files_fini(struct cli_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->paths[i]);
    free(f->paths);
    *f = (struct cli_files){0};
}
