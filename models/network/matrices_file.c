/* A user's own table of round trips between regions, from a CSV file. */
#include "models/network/matrices.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/base/nearest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_YET = -2, FROM_BACK = -1, NAME_MAX_LENGTH = 64, FILE_MAX = 8 << 20 };
static const double TIME_MAX = 3600e3; /* ms */

/* The matrix and all it points to, one allocation. */
struct own_matrix {
    struct net_matrix matrix;
    const char *names[NET_REGIONS_MAX];
    char text[NET_REGIONS_MAX][NAME_MAX_LENGTH];
    double ms[];
};

struct table_reader {
    const char *path;
    char *at, *end; /* the rest of the file, which a zero byte ends */
    unsigned line;
    struct err *err;
};

static enum err_code read_all(const char *path, char **text, size_t *size, struct err *err)
{
    FILE *f = file_open(path, FILE_MAX, err);
    if (!f)
        return err->code;
    char *all = mem_alloc(FILE_MAX + 1, 1);
    if (!all) {
        fclose(f);
        return err_set(err, ERR_MEMORY, "%s: no memory for it", path);
    }
    size_t have = fread(all, 1, FILE_MAX, f);
    enum err_code e =
        ferror(f) ? err_set(err, ERR_IO, "%s: cannot read: %s", path, strerror(errno)) : ERR_OK;
    fclose(f);
    all[have] = '\0';
    *text = all;
    *size = have;
    return e;
}

/* The next line that says something, NULL at the end. Cuts it off with a zero. */
static char *next_line(struct table_reader *r)
{
    while (r->at < r->end) {
        char *line = r->at, *stop = memchr(line, '\n', (size_t)(r->end - line));
        r->at = stop ? stop + 1 : r->end;
        r->line++;
        if (stop)
            *stop = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (line[0] != '#' && line[strspn(line, " \t")])
            return line;
    }
    return NULL;
}

/* The next cell of a line, blanks around it and one pair of quotes cut off; NULL past the last. */
static char *next_cell(char **line)
{
    char *cell = *line;
    if (!cell)
        return NULL;
    size_t length = strcspn(cell, ",");
    *line = cell[length] ? cell + length + 1 : NULL;
    cell[length] = '\0';
    cell += strspn(cell, " \t\"");
    for (size_t n = strlen(cell); n && strchr(" \t\"", cell[n - 1]); n--)
        cell[n - 1] = '\0';
    return cell;
}

static enum err_code read_names(struct table_reader *r, char *line, struct own_matrix *m)
{
    uint32_t count = 0;
    next_cell(&line);
    for (char *name = next_cell(&line); name; name = next_cell(&line)) {
        if (count == NET_REGIONS_MAX)
            return err_set(r->err, ERR_INPUT, "%s:%u: more than %d regions", r->path, r->line,
                           NET_REGIONS_MAX);
        if (!name[0] || strlen(name) >= NAME_MAX_LENGTH)
            return err_set(r->err, ERR_INPUT,
                           "%s:%u: the name of region %u is %s; the first line names the regions, "
                           "after a cell that is not used",
                           r->path, r->line, count + 1, name[0] ? "too long" : "empty");
        for (uint32_t i = 0; i < count; i++)
            if (!strcmp(m->names[i], name))
                return err_set(r->err, ERR_INPUT, "%s:%u: %s stands twice", r->path, r->line, name);
        strcpy(m->text[count], name);
        m->names[count] = m->text[count];
        count++;
    }
    if (!count)
        return err_set(r->err, ERR_INPUT, "%s:%u: names no region; write from,EAST,WEST", r->path,
                       r->line);
    m->matrix.count = count;
    return ERR_OK;
}

static enum err_code read_row(struct table_reader *r, char *line, struct own_matrix *m)
{
    uint32_t count = m->matrix.count, from = 0, to = 0;
    const char *name = next_cell(&line);
    while (from < count && strcmp(m->names[from], name) != 0)
        from++;
    if (from == count) {
        const char *near = nearest_name(name, m->names, count);
        return err_set(r->err, ERR_INPUT, "%s:%u: %.64s is no region of the first line%s%s",
                       r->path, r->line, name, near ? "; did you mean " : "", near ? near : "");
    }
    double *row = m->ms + (size_t)from * count;
    if (row[0] != NOT_YET)
        return err_set(r->err, ERR_INPUT, "%s:%u: %s has a line already", r->path, r->line, name);
    for (char *cell = next_cell(&line); cell; cell = next_cell(&line), to++) {
        char *stop;
        if (to == count)
            return err_set(r->err, ERR_INPUT, "%s:%u: more than %u times", r->path, r->line, count);
        row[to] = cell[0] ? strtod(cell, &stop) : FROM_BACK;
        if (cell[0] && (*stop || !(row[to] >= 0 && row[to] <= TIME_MAX)))
            return err_set(r->err, ERR_INPUT,
                           "%s:%u: %s to %s: `%.40s` is no time; write milliseconds of round trip, "
                           "0 to 3600000",
                           r->path, r->line, name, m->names[to], cell);
    }
    if (to < count)
        return err_set(r->err, ERR_INPUT, "%s:%u: %u times for %u regions", r->path, r->line, to,
                       count);
    return ERR_OK;
}

/* Every region has its line, and what is empty is as the way back. */
static enum err_code complete(const struct table_reader *r, struct own_matrix *m)
{
    uint32_t count = m->matrix.count;
    for (uint32_t i = 0; i < count; i++)
        if (m->ms[(size_t)i * count] == NOT_YET)
            return err_set(r->err, ERR_INPUT, "%s:%u: %s has no line", r->path, r->line,
                           m->names[i]);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++) {
            double *ms = &m->ms[(size_t)i * count + j];
            if (*ms == FROM_BACK)
                *ms = m->ms[(size_t)j * count + i];
            if (*ms < 0)
                return err_set(r->err, ERR_INPUT, "%s:%u: no time from %s to %s, nor back", r->path,
                               r->line, m->names[i], m->names[j]);
        }
    return ERR_OK;
}

static enum err_code read_table(struct table_reader *r, struct net_matrix **out)
{
    char *line = next_line(r);
    if (!line)
        return err_set(r->err, ERR_INPUT, "%s: is empty", r->path);
    uint32_t commas = 0;
    for (const char *c = line; *c; c++)
        commas += *c == ',';
    commas = commas < NET_REGIONS_MAX ? commas : NET_REGIONS_MAX;
    struct own_matrix *m = mem_zalloc(1, sizeof *m + (size_t)commas * commas * sizeof m->ms[0]);
    if (!m)
        return err_set(r->err, ERR_MEMORY, "%s: no memory for %u regions", r->path, commas);
    enum err_code e = read_names(r, line, m);
    for (uint32_t i = 0; !e && i < commas * commas; i++)
        m->ms[i] = NOT_YET;
    while (!e && (line = next_line(r)))
        e = read_row(r, line, m);
    if (!e)
        e = complete(r, m);
    m->matrix = (struct net_matrix){m->matrix.count, m->names, m->ms, NULL, 0.5, NULL, NULL, NULL};
    if (e)
        mem_free(m);
    else
        *out = &m->matrix;
    return e;
}

enum err_code net_matrix_read(struct net_matrix **out, const char *path, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    enum err_code e = read_all(path, &text, &size, err);
    if (!e && memchr(text, '\0', size))
        e = err_set(err, ERR_INPUT, "%s: has zero bytes; write text", path);
    struct table_reader r = {
        .path = path, .at = text, .end = text ? text + size : NULL, .err = err};
    if (!e)
        e = read_table(&r, out);
    mem_free(text);
    return e;
}
