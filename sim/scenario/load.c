/* Files and overrides laid over one another, problems gathered and put in order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

char *sc_join(struct sc_load *l, const char *folder, const char *path)
{
    if (path[0] == '/' || !*folder)
        return sc_copy(l, path, strlen(path));
    return sc_format(l, "%s/%s", folder, path);
}

char *sc_read_file(struct sc_load *l, const char *path, size_t *size, const char **why)
{
    FILE *f = fopen(path, "rb");
    struct sc_text t = {0};
    char chunk[65536], *out = NULL;
    size_t n = 0;
    if (!f) {
        *why = strerror(errno);
        return NULL;
    }
    errno = 0;
    while (t.size <= SC_MAX_BYTES && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        sc_text_bytes(&t, chunk, n);
    if (ferror(f))
        *why = strerror(errno);
    else if (t.size > SC_MAX_BYTES)
        *why = "is larger than 8 MiB";
    else if (!t.failed)
        out = sc_copy(l, t.data ? t.data : "", t.size);
    *size = t.size;
    fclose(f);
    sc_text_fini(&t);
    return out;
}

static const char *folder_of(struct sc_load *l, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == path)
        return "/";
    return sc_copy(l, path, slash ? (size_t)(slash - path) : 0);
}

/* Keys given twice, at any depth: YAML readers would keep one of them silently. */
static void find_twins(struct sc_load *l, const struct sc_node *n, const struct sc_frame *up,
                       bool is_root)
{
    size_t i = 0;
    struct sc_frame root = {NULL, NULL, 0};
    for (const struct sc_node *c = n->first; c; c = c->next, i++) {
        struct sc_frame f = {is_root ? &root : up, c->key, i};
        if (n->kind == SC_MAP) {
            const struct sc_node *first = sc_node_get(n, c->key);
            if (first != c)
                sc_problem(l, c->key_at, &f, "is given twice; first at line %d",
                           first->key_at.line);
        }
        find_twins(l, c, &f, false);
    }
}

/* Takes the `extends` entry out of the tree. */
static struct sc_node *take_extends(struct sc_node *tree)
{
    struct sc_node *found = sc_node_get(tree, "extends"), *last = NULL;
    if (!found)
        return NULL;
    struct sc_node **link = &tree->first;
    while (*link != found)
        link = &(*link)->next;
    *link = found->next;
    for (struct sc_node *n = tree->first; n; n = n->next)
        last = n;
    tree->last = last;
    tree->count--;
    return found;
}

struct chain { /* the files being extended, for loops */
    const struct chain *up;
    const char *path;
    int length;
};

static struct sc_node *read_tree(struct scenario *s, const char *path, const char *text,
                                 size_t size, const struct chain *up);

static struct sc_node *read_base(struct scenario *s, const struct sc_node *extends,
                                 const struct chain *chain)
{
    struct sc_load *l = &s->load;
    struct sc_frame root = {NULL, NULL, 0}, f = {&root, "extends", 0};
    if (extends->kind != SC_SCALAR || !*extends->text) {
        sc_problem(l, extends->at, &f, "must be the name of a file");
        return NULL;
    }
    const char *path = sc_join(l, extends->at.source->folder, extends->text), *why = NULL;
    size_t size;
    if (!path)
        return NULL;
    for (const struct chain *c = chain; c; c = c->up)
        if (strcmp(c->path, path) == 0) {
            sc_problem(l, extends->at, &f, "`%s` extends itself", path);
            return NULL;
        }
    if (chain->length >= SC_MAX_EXTENDS) {
        sc_problem(l, extends->at, &f, "more than %d files extend one another", SC_MAX_EXTENDS);
        return NULL;
    }
    char *text = sc_read_file(l, path, &size, &why);
    if (!text) {
        sc_problem(l, extends->at, &f, "`%s`: %s", path, why ? why : "out of memory");
        l->io_failed = true;
        return NULL;
    }
    return read_tree(s, path, text, size, chain);
}

static struct sc_node *read_tree(struct scenario *s, const char *path, const char *text,
                                 size_t size, const struct chain *up)
{
    struct sc_load *l = &s->load;
    struct chain chain = {up, path, up ? up->length + 1 : 1};
    const char *folder = folder_of(l, path);
    struct sc_source *source = folder ? sc_source_add(l, path, folder, text, true) : NULL;
    struct sc_node *tree = source ? sc_yaml_read(l, source, text, size) : NULL;
    if (!tree)
        return NULL;
    if (tree->kind != SC_MAP) {
        sc_problem(l, tree->at, NULL, "a scenario is a map of settings, as in `name: quickstart`");
        return NULL;
    }
    find_twins(l, tree, NULL, true);
    sc_plugin_kinds(s, tree, true);
    struct sc_node *extends = take_extends(tree);
    if (!extends)
        return tree;
    struct sc_node *base = read_base(s, extends, &chain);
    return base ? sc_merge(l, base, tree) : NULL;
}

/* --set a.b.plugin=FILE is a.b.kind=NAME. NULL: reported. */
static const char *plugin_path(struct scenario *s, const char *path, struct sc_node *value)
{
    const char *dot = strrchr(path, '.');
    if (!s->plugins.spec.loader || !dot || strcmp(dot, ".plugin") != 0)
        return path;
    if (!sc_plugin_open(s, value, NULL))
        return NULL;
    return sc_format(&s->load, "%.*s.kind", (int)(dot - path), path);
}

static void apply_set(struct scenario *s, const char *set)
{
    struct sc_load *l = &s->load;
    const char *equals = strchr(set, '=');
    struct sc_source *source = sc_source_add(l, sc_format(l, "--set %.200s", set), "", NULL, false);
    if (!source)
        return;
    struct sc_place at = {source, 1, 1};
    if (!equals || equals == set) {
        sc_problem(l, at, NULL, "must be path=value, as in seed=7");
        return;
    }
    const char *path = sc_copy(l, set, (size_t)(equals - set));
    struct sc_node *value = NULL;
    if (equals[1])
        value = sc_yaml_read(l, source, equals + 1, strlen(equals + 1));
    else if ((value = sc_node_new(l, SC_SCALAR, at))) {
        value->text = "";
        value->quoted = true;
    }
    if (path && value) {
        find_twins(l, value, NULL, true);
        if (value->kind == SC_SCALAR && (path = plugin_path(s, path, value)) == NULL)
            return;
        sc_plugin_kinds(s, value, false);
        sc_set(l, s->tree, path, value);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct sc_problem *p = a, *q = b;
    if (p->at.source->rank != q->at.source->rank)
        return p->at.source->rank < q->at.source->rank ? -1 : 1;
    if (p->at.line != q->at.line)
        return p->at.line < q->at.line ? -1 : 1;
    if (p->at.column != q->at.column)
        return p->at.column < q->at.column ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

static void list_problems(struct sc_load *l, struct scenario_problems *out)
{
    struct sc_text t = {0};
    qsort(l->problems, l->problem_count, sizeof l->problems[0], by_place);
    for (size_t i = 0; i < l->problem_count; i++) {
        const char *place = sc_place_text(l, l->problems[i].at);
        sc_text_add(&t, "%s: %s\n", place ? place : "?", l->problems[i].text);
    }
    if (l->problems_dropped)
        sc_text_add(&t, "and %zu more problems\n", l->problems_dropped);
    if (t.failed) {
        sc_text_fini(&t);
        return;
    }
    out->text = t.data;
    out->count = l->problem_count + l->problems_dropped;
}

void scenario_problems_fini(struct scenario_problems *p)
{
    mem_free(p->text);
    *p = (struct scenario_problems){0};
}

static enum err_code finish(struct scenario **out, struct scenario *s,
                            struct scenario_problems *problems)
{
    struct sc_load *l = &s->load;
    bool io = l->io_failed;
    if (!l->problem_count && !l->out_of_memory && sc_resolve(s) != ERR_OK)
        l->out_of_memory = true;
    if (!l->problem_count && !l->out_of_memory) {
        *out = s;
        return ERR_OK;
    }
    bool memory = l->out_of_memory;
    list_problems(l, problems);
    scenario_destroy(s);
    return memory ? ERR_MEMORY : io ? ERR_IO : ERR_INPUT;
}

static struct scenario *scenario_new(const struct scenario_spec *spec, const char *path)
{
    struct scenario *s = mem_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    arena_init(&s->load.arena, 0);
    scenario_plugins_init(&s->plugins, spec);
    s->path = sc_copy(&s->load, path, strlen(path));
    s->folder = s->path ? folder_of(&s->load, s->path) : NULL;
    if (s->folder)
        return s;
    scenario_destroy(s);
    return NULL;
}

static enum err_code parse(struct scenario **out, struct scenario *s, const char *text, size_t size,
                           const char *const *sets, size_t set_count,
                           struct scenario_problems *problems)
{
    struct sc_load *l = &s->load;
    s->source = text;
    s->tree = read_tree(s, s->path, text, size, NULL);
    for (size_t i = 0; i < set_count && s->tree; i++)
        apply_set(s, sets[i]);
    if (s->tree && !l->out_of_memory)
        sc_plugin_list(s);
    if (s->tree && !l->out_of_memory && !s->plugin_failed)
        sc_fill(s); /* without its table, a plug-in's settings cannot be told from mistakes */
    return finish(out, s, problems);
}

enum err_code scenario_parse(struct scenario **out, const struct scenario_spec *spec,
                             const char *name, const char *text, size_t size,
                             const char *const *sets, size_t set_count,
                             struct scenario_problems *problems)
{
    struct scenario *s = scenario_new(spec, name);
    *out = NULL;
    char *copy = s ? sc_copy(&s->load, text, size) : NULL;
    if (!copy) {
        scenario_destroy(s);
        return ERR_MEMORY;
    }
    if (size > SC_MAX_BYTES) {
        struct sc_source *source = sc_source_add(&s->load, name, "", text, true);
        if (source)
            sc_problem(&s->load, sc_start(source), NULL, "is larger than 8 MiB");
        return finish(out, s, problems);
    }
    return parse(out, s, copy, size, sets, set_count, problems);
}

enum err_code scenario_load(struct scenario **out, const struct scenario_spec *spec,
                            const char *path, const char *const *sets, size_t set_count,
                            struct scenario_problems *problems)
{
    struct scenario *s = scenario_new(spec, path);
    const char *why = NULL;
    size_t size = 0;
    *out = NULL;
    if (!s)
        return ERR_MEMORY;
    char *text = sc_read_file(&s->load, path, &size, &why);
    if (text)
        return parse(out, s, text, size, sets, set_count, problems);
    struct sc_source *source = sc_source_add(&s->load, path, "", NULL, false);
    if (source && why) {
        sc_problem(&s->load, sc_start(source), NULL, "%s", why);
        s->load.io_failed = true;
    }
    return finish(out, s, problems);
}

void scenario_destroy(struct scenario *s)
{
    if (!s)
        return;
    scenario_plugins_fini(&s->plugins);
    arena_fini(&s->load.arena);
    sc_text_fini(&s->resolved);
    sc_text_fini(&s->notes);
    mem_free(s);
}

const void *scenario_root(const struct scenario *s)
{
    return s->cfg;
}

const struct scenario_plugins *scenario_plugins(const struct scenario *s)
{
    return &s->plugins;
}

const char *scenario_source(const struct scenario *s)
{
    return s->source;
}

const char *scenario_notes(const struct scenario *s)
{
    return s->notes.data ? s->notes.data : "";
}

const char *scenario_path(const struct scenario *s)
{
    return s->path;
}

enum err_code scenario_fail(const struct scenario *s, struct err *err, const char *path,
                            const char *format, ...)
{
    const struct sc_node *n = sc_find(s->tree, path);
    char text[400], place[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n->at.source->is_file)
        snprintf(place, sizeof place, "%s:%d:%d", n->at.source->label, n->at.line, n->at.column);
    else
        snprintf(place, sizeof place, "%s", n->at.source->label);
    return err_set(err, ERR_INPUT, "%s: %s%s%s", place, path, *path ? ": " : "", text);
}
