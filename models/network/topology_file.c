/* Topologies from files: `file`, a list of edges or GraphML. */
#include "models/network/topology_igraph.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (UINT64_C(1) << 30) /* an edge list of 100 million edges has about as much */

/* Rows E(S, ENUMERATOR, "spelling", "One sentence.") */
#define TOPOLOGY_FORMATS(E, S)                                                                     \
    E(S, TOPOLOGY_BY_NAME, "by-name", "graphml where the file's name ends in .graphml or .xml.")   \
    E(S, TOPOLOGY_EDGES, "edges",                                                                  \
      "A line for each link: two node numbers from 0, a blank or comma between; # begins a "       \
      "comment.")                                                                                  \
    E(S, TOPOLOGY_GRAPHML, "graphml", "GraphML; nodes count in the order of the file.")
FIELD_ENUM_DECLARE(topology_format, TOPOLOGY_FORMATS);
FIELD_ENUM_DEFINE(topology_format, TOPOLOGY_FORMATS);

#define TOPOLOGY_FILE_FIELDS(F, S)                                                                 \
    F(S, PATH, path, NULL, NULL, NULL,                                                             \
      "Links of one layer, used for each: it must name all its nodes and be connected. Links "     \
      "have "                                                                                      \
      "no direction; loops and repetitions are left out.")                                         \
    F(S, ENUM(topology_format), format, "by-name", NULL, NULL, "How it is written.")
FIELD_DECLARE(topology_file, TOPOLOGY_FILE_FIELDS);
FIELD_DEFINE(topology_file, TOPOLOGY_FILE_FIELDS, "The links that a file lists.", NULL);

static bool ends_in(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

static const char *skip_blank(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

/* A node number at *p, which moves on. False with a text. */
static bool read_node(const char **p, uint32_t count, uint32_t *out, const char *path,
                      unsigned line, struct err *err)
{
    char *end;
    if (!isdigit((unsigned char)**p)) {
        err_set(err, ERR_INPUT, "%s:%u: two node numbers are expected on a line", path, line);
        return false;
    }
    unsigned long long n = strtoull(*p, &end, 10);
    if (n >= count) {
        err_set(err, ERR_INPUT, "%s:%u: %.*s is no node of a layer with %u nodes (0 to %u)", path,
                line, (int)(end - *p < 24 ? end - *p : 24), *p, count, count - 1);
        return false;
    }
    *out = (uint32_t)n;
    *p = end;
    return true;
}

static bool read_line(struct edges *e, char *text, const char *path, unsigned line, struct err *err)
{
    uint32_t a, b;
    text[strcspn(text, "#")] = 0;
    const char *p = skip_blank(text);
    if (!*p)
        return true;
    if (!read_node(&p, e->count, &a, path, line, err))
        return false;
    p = skip_blank(p);
    if (*p == ',')
        p = skip_blank(p + 1);
    if (!read_node(&p, e->count, &b, path, line, err))
        return false;
    if (*skip_blank(p)) {
        err_set(err, ERR_INPUT, "%s:%u: more than two node numbers", path, line);
        return false;
    }
    edges_add(e, a, b);
    return true;
}

static enum err_code read_edges(struct edges *e, const char *path, struct err *err)
{
    FILE *f = file_open(path, FILE_MAX, err);
    char *text = NULL;
    size_t room = 0;
    unsigned line = 0;
    bool good = true;
    if (!f)
        return err->code;
    while (good && getline(&text, &room, f) >= 0)
        good = read_line(e, text, path, ++line, err);
    if (good && ferror(f)) {
        err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        good = false;
    }
    free(text);
    fclose(f);
    return good ? ERR_OK : err->code;
}

static enum err_code file_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                const char *(*region)(void *, uint32_t), void *self,
                                struct topology_graph *out, struct err *err)
{
    const struct topology_file *c = cfg;
    struct edges e;
    struct err own = {0};
    (void)rng, (void)region, (void)self;
    err = err ? err : &own;
    bool graphml = c->format == TOPOLOGY_GRAPHML ||
                   (c->format == TOPOLOGY_BY_NAME &&
                    (ends_in(c->path, ".graphml") || ends_in(c->path, ".xml")));
    enum err_code code = edges_init(&e, count, err);
    if (!code)
        code = graphml ? topology_read_graphml(&e, c->path, err) : read_edges(&e, c->path, err);
    uint32_t which = 0, away = code ? 0 : edges_unreachable(&e, &which);
    if (away)
        code = err_set(err, ERR_INPUT,
                       "%s: %u of %u nodes, node %u among them, cannot be reached from node 0",
                       c->path, away, count, which);
    if (!code)
        code = edges_graph(&e, out, err);
    edges_fini(&e);
    return code;
}

const struct topology_ops topology_file_model = {
    .model = {"file", "The links that a list of edges or a GraphML file has.",
              &topology_file_table},
    .build = file_build,
};
