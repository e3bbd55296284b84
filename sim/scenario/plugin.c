/* Plug-ins: models from files that a scenario names, added to a copy of its registries. */
#include <string.h>

#include "sim/scenario/internal.h"

enum { SC_MAX_PLUGINS = 64 };

void scenario_plugins_init(struct scenario_plugins *p, const struct scenario_spec *base)
{
    *p = (struct scenario_plugins){.spec = *base};
}

/* The registries made here, in p->spec, own their lists of entries; those of the base do not. */
struct own_registry {
    struct field_registry r;
    const struct field_model **entries;
};

static bool is_own(const struct scenario_plugins *p, size_t registry)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].kind, p->spec.registries[registry]->kind) == 0)
            return true;
    return false;
}

/* NULL when memory is out. */
static struct own_registry *with_one_more(const struct field_registry *r,
                                          const struct field_model *m)
{
    struct own_registry *own = mem_alloc(1, sizeof *own);
    const struct field_model **entries = mem_alloc(r->count + 1, sizeof *entries);
    if (!own || !entries) {
        mem_free(own);
        mem_free(entries);
        return NULL;
    }
    memcpy(entries, r->entries, r->count * sizeof *entries);
    entries[r->count] = m;
    *own = (struct own_registry){{r->kind, r->doc, entries, r->count + 1}, entries};
    return own;
}

static void free_registry(const struct field_registry *r)
{
    struct own_registry *own = (struct own_registry *)(uintptr_t)r;
    mem_free(own->entries);
    mem_free(own);
}

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "out of memory");
}

/* The list of registries with that of item's kind replaced by one that has the model too. */
static enum err_code extend(struct scenario_plugins *p, const struct scenario_plugin *item,
                            struct err *err)
{
    size_t n = p->spec.registry_count, at = 0;
    while (at < n && strcmp(p->spec.registries[at]->kind, item->kind) != 0)
        at++;
    if (at == n)
        return err_set(err, ERR_INPUT, "it holds a %s model, which is no kind of model",
                       item->kind);
    if (sc_model(p->spec.registries[at], item->model->name))
        return err_set(err, ERR_INPUT, "there is a %s model %s already: give it another name",
                       item->kind, item->model->name);
    enum err_code code = sc_check_model(&p->spec, item->model, err);
    if (code != ERR_OK)
        return code;
    struct own_registry *own = with_one_more(p->spec.registries[at], item->model);
    const struct field_registry **all = mem_alloc(n, sizeof *all);
    struct scenario_plugin *items = mem_resize(p->items, p->count + 1, sizeof *items);
    if (items)
        p->items = items;
    if (!own || !all || !items) {
        if (own)
            free_registry(&own->r);
        mem_free(all);
        return no_memory(err);
    }
    memcpy(all, p->spec.registries, n * sizeof *all);
    if (is_own(p, at))
        free_registry(all[at]);
    all[at] = &own->r;
    if (p->count)
        mem_free((void *)(uintptr_t)p->spec.registries);
    p->spec.registries = all;
    p->items[p->count++] = *item;
    return ERR_OK;
}

enum err_code scenario_plugins_add(struct scenario_plugins *p, const char *path,
                                   const struct scenario_plugin **added, struct err *err)
{
    struct scenario_plugin item = {0};
    size_t size = strlen(path) + 1;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].path, path) == 0) {
            if (added)
                *added = &p->items[i];
            return ERR_OK;
        }
    if (p->count == SC_MAX_PLUGINS)
        return err_set(err, ERR_LIMIT, "more than %d plug-ins", SC_MAX_PLUGINS);
    char *copy = mem_alloc(size, 1);
    if (!copy)
        return no_memory(err);
    memcpy(copy, path, size);
    item.path = copy;
    enum err_code code = p->spec.loader->open(path, &item, err);
    for (size_t i = 0; code == ERR_OK && i < p->count; i++)
        if (p->items[i].handle == item.handle) { /* by another way to the same file */
            p->spec.loader->close(&item);
            mem_free(copy);
            if (added)
                *added = &p->items[i];
            return ERR_OK;
        }
    if (code == ERR_OK) {
        code = extend(p, &item, err);
        if (code != ERR_OK)
            p->spec.loader->close(&item);
    }
    if (code != ERR_OK)
        mem_free(copy);
    else if (added)
        *added = &p->items[p->count - 1];
    return code;
}

void scenario_plugins_fini(struct scenario_plugins *p)
{
    if (p->count) {
        for (size_t i = 0; i < p->spec.registry_count; i++)
            if (is_own(p, i))
                free_registry(p->spec.registries[i]);
        mem_free((void *)(uintptr_t)p->spec.registries);
    }
    for (size_t i = 0; i < p->count; i++) {
        p->spec.loader->close(&p->items[i]);
        mem_free((void *)(uintptr_t)p->items[i].path);
    }
    mem_free(p->items);
    *p = (struct scenario_plugins){0};
}

/* --- in a scenario ---------------------------------------------------------------------------- */

static const struct scenario_plugin *open_named(struct scenario *s, const struct sc_node *n,
                                                const struct sc_frame *frame)
{
    const struct scenario_plugin *added = NULL;
    struct err err = {0};
    if (n->kind != SC_SCALAR || !*n->text) {
        sc_problem(&s->load, n->at, frame, "must be the name of a shared object");
        return NULL;
    }
    const char *path = sc_join(&s->load, n->at.source->folder, n->text);
    if (path && scenario_plugins_add(&s->plugins, path, &added, &err) != ERR_OK) {
        s->plugin_failed = true;
        sc_problem(&s->load, n->at, frame, "`%s`: %s", path, err.text);
    }
    return added;
}

bool sc_plugin_open(struct scenario *s, struct sc_node *n, const struct sc_frame *frame)
{
    const struct scenario_plugin *p = open_named(s, n, frame);
    if (!p)
        return false;
    n->text = sc_copy(&s->load, p->model->name, strlen(p->model->name));
    return n->text != NULL;
}

static void kinds_in(struct scenario *s, struct sc_node *map, const struct sc_frame *up)
{
    size_t i = 0;
    for (struct sc_node *n = map->first; n; n = n->next, i++) {
        struct sc_frame f = {up, n->key, i};
        if (map->kind == SC_MAP && strcmp(n->key, "plugin") == 0) {
            const struct sc_node *kind = sc_node_get(map, "kind");
            if (kind)
                sc_problem(&s->load, n->key_at, &f, "names a model, and so does kind: leave one");
            if (kind)
                n->text = kind->text;
            else
                sc_plugin_open(s, n, &f);
            n->key = "kind";
            continue;
        }
        kinds_in(s, n, &f);
    }
}

void sc_plugin_kinds(struct scenario *s, struct sc_node *tree, bool whole)
{
    struct sc_frame root = {NULL, NULL, 0};
    if (!s->plugins.spec.loader)
        return;
    if (!whole) {
        kinds_in(s, tree, &root);
        return;
    }
    for (struct sc_node *n = tree->first; n; n = n->next) {
        struct sc_frame f = {&root, n->key, 0};
        kinds_in(s, n, &f);
    }
}

/* The list names all that are open, so that a resolved scenario is whole. */
static void list_open(struct scenario *s, struct sc_node *list, const char *const *listed,
                      size_t count)
{
    for (size_t i = 0; i < s->plugins.count; i++) {
        const char *path = s->plugins.items[i].path;
        bool known = false;
        for (size_t k = 0; k < count && !known; k++)
            known = listed[k] && strcmp(listed[k], path) == 0;
        struct sc_source *here = known ? NULL : sc_source_add(&s->load, path, "", NULL, false);
        struct sc_node *n = here ? sc_node_new(&s->load, SC_SCALAR, sc_start(here)) : NULL;
        if (!n)
            continue;
        n->text = sc_copy(&s->load, path, strlen(path));
        n->quoted = true;
        sc_node_append(list, n);
    }
}

void sc_plugin_list(struct scenario *s)
{
    struct sc_frame root = {NULL, NULL, 0}, frame = {&root, "plugins", 0};
    const char *listed[SC_MAX_PLUGINS];
    size_t count = 0;
    if (!s->plugins.spec.loader)
        return;
    struct sc_node *list = sc_node_get(s->tree, "plugins");
    if (list && list->kind != SC_LIST)
        return; /* fill says so */
    for (struct sc_node *n = list ? list->first : NULL; n; n = n->next, count++) {
        struct sc_frame f = {&frame, NULL, count};
        const struct scenario_plugin *p = open_named(s, n, &f);
        if (count < SC_MAX_PLUGINS)
            listed[count] = p ? p->path : NULL;
    }
    if (!s->plugins.count)
        return;
    if (!list) {
        list = sc_node_new(&s->load, SC_LIST, s->tree->at);
        if (!list)
            return;
        list->key = "plugins";
        list->key_at = s->tree->at;
        sc_node_append(s->tree, list);
    }
    list_open(s, list, listed, count < SC_MAX_PLUGINS ? count : SC_MAX_PLUGINS);
}
