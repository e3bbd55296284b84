#include "sim/scenario/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sc_alloc(struct sc_load *l, size_t size)
{
    void *p = arena_alloc(&l->arena, size ? size : 1);
    if (!p)
        l->out_of_memory = true;
    else
        memset(p, 0, size ? size : 1);
    return p;
}

char *sc_copy(struct sc_load *l, const char *s, size_t size)
{
    char *p = sc_alloc(l, size + 1);
    if (p && size)
        memcpy(p, s, size);
    return p;
}

static char *format_va(struct sc_load *l, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *p = size < 0 ? NULL : sc_alloc(l, (size_t)size + 1);
    if (p)
        vsnprintf(p, (size_t)size + 1, format, args);
    return p;
}

char *sc_format(struct sc_load *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *p = format_va(l, format, args);
    va_end(args);
    return p;
}

const char *sc_frame_path(struct sc_load *l, const struct sc_frame *f)
{
    if (!f || !f->up)
        return f && f->name ? f->name : "";
    const char *up = sc_frame_path(l, f->up);
    if (!up)
        return NULL;
    if (!f->name)
        return sc_format(l, "%s[%zu]", up, f->index);
    return sc_format(l, "%s%s%s", up, *up ? "." : "", f->name);
}

void sc_problem_va(struct sc_load *l, struct sc_place at, const struct sc_frame *where,
                   const char *format, va_list args)
{
    if (l->problem_count == SC_MAX_PROBLEMS) {
        l->problems_dropped++;
        return;
    }
    const char *path = sc_frame_path(l, where);
    char *text = format_va(l, format, args);
    if (path && *path && text)
        text = sc_format(l, "%s: %s", path, text);
    /* A problem is one line, whatever the value that it quotes holds. */
    for (char *p = text; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    size_t i = l->problem_count++;
    l->problems[i] = (struct sc_problem){at, text ? text : "out of memory", i};
}

void sc_problem(struct sc_load *l, struct sc_place at, const struct sc_frame *where,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sc_problem_va(l, at, where, format, args);
    va_end(args);
}

const char *sc_place_text(struct sc_load *l, struct sc_place at)
{
    if (!at.source->is_file)
        return at.source->label;
    return sc_format(l, "%s:%d:%d", at.source->label, at.line, at.column);
}

struct sc_source *sc_source_add(struct sc_load *l, const char *label, const char *folder,
                                const char *text, bool is_file)
{
    struct sc_source *s = sc_alloc(l, sizeof *s);
    if (!s)
        return NULL;
    s->label = sc_copy(l, label, strlen(label));
    s->folder = sc_copy(l, folder, strlen(folder));
    s->text = text;
    s->is_file = is_file;
    s->rank = l->sources++;
    return s->label && s->folder ? s : NULL;
}

struct sc_node *sc_node_new(struct sc_load *l, enum sc_kind kind, struct sc_place at)
{
    struct sc_node *n = sc_alloc(l, sizeof *n);
    if (n) {
        n->kind = kind;
        n->at = at;
    }
    return n;
}

void sc_node_append(struct sc_node *parent, struct sc_node *child)
{
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct sc_node *sc_node_get(const struct sc_node *map, const char *key)
{
    for (struct sc_node *n = map->first; n; n = n->next)
        if (n->key && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

static void replace_child(struct sc_node *map, struct sc_node *old, struct sc_node *now)
{
    struct sc_node **link = &map->first;
    while (*link != old)
        link = &(*link)->next;
    now->next = old->next;
    *link = now;
    if (map->last == old)
        map->last = now;
}

/* `fees: eip1559` in the long form {kind: eip1559}, so that settings can be laid over it. */
static struct sc_node *long_form(struct sc_load *l, struct sc_node *scalar)
{
    struct sc_node *map = sc_node_new(l, SC_MAP, scalar->at);
    struct sc_node *kind = sc_node_new(l, SC_SCALAR, scalar->at);
    if (!map || !kind)
        return NULL;
    map->key = scalar->key;
    map->key_at = scalar->key_at;
    kind->text = scalar->text;
    kind->key = "kind";
    kind->key_at = scalar->at;
    sc_node_append(map, kind);
    return map;
}

/* Whether kind, of a model's map or NULL, is another than the one that the map has. */
static bool other_kind(const struct sc_node *map, const struct sc_node *kind)
{
    const struct sc_node *old = sc_node_get(map, "kind");
    if (!kind || kind->kind != SC_SCALAR)
        return false;
    return !old || old->kind != SC_SCALAR || strcmp(old->text, kind->text) != 0;
}

/* The map's model is about to be another. What a --set gave stays as it is: it was asked for in
 * the same breath, and to drop it without a word would be wrong. */
static void mark_other_kind(struct sc_node *map)
{
    for (struct sc_node *n = map->first; n; n = n->next)
        n->other_kind = n->at.source->is_file;
}

struct sc_node *sc_merge(struct sc_load *l, struct sc_node *base, struct sc_node *over)
{
    if (base->kind == SC_LIST || over->kind != SC_MAP)
        return over;
    if (base->kind == SC_SCALAR && !(base = long_form(l, base)))
        return over;
    if (other_kind(base, sc_node_get(over, "kind")))
        mark_other_kind(base);
    for (struct sc_node *n = over->first, *next; n; n = next) {
        next = n->next;
        struct sc_node *old = sc_node_get(base, n->key);
        if (!old) {
            sc_node_append(base, n);
            continue;
        }
        struct sc_node *merged = sc_merge(l, old, n);
        merged->key = n->key;
        merged->key_at = n->key_at;
        merged->other_kind = false;
        replace_child(base, old, merged);
    }
    return base;
}

/* --- paths ------------------------------------------------------------------------------------ */

struct step { /* one step of a path: a name, or an index */
    char name[128];
    bool is_index;
    size_t index;
};

/* Reads the step at *path and moves past it; false for a malformed path. */
static bool step_read(const char **path, struct step *s)
{
    const char *p = *path;
    size_t n;
    *s = (struct step){0};
    if (*p == '[') {
        n = strspn(p + 1, "0123456789");
        if (n == 0 || n > 9 || p[1 + n] != ']')
            return false;
        s->is_index = true;
        s->index = (size_t)strtoul(p + 1, NULL, 10);
        p += n + 2;
    } else {
        n = strcspn(p, ".[");
        if (n == 0 || n >= sizeof s->name)
            return false;
        memcpy(s->name, p, n);
        p += n;
    }
    if (*p == '.' && p[1] && p[1] != '[')
        p++;
    else if (*p && *p != '[')
        return false;
    *path = p;
    return true;
}

static struct sc_node *list_item(const struct sc_node *list, const struct step *s)
{
    size_t i = 0;
    for (struct sc_node *n = list->first; n; n = n->next, i++) {
        if (s->is_index && i == s->index)
            return n;
        const struct sc_node *name = n->kind == SC_MAP ? sc_node_get(n, "name") : NULL;
        if (!s->is_index && name && name->kind == SC_SCALAR && strcmp(name->text, s->name) == 0)
            return n;
    }
    return NULL;
}

static struct sc_node *child(const struct sc_node *n, const struct step *s)
{
    if (n->kind == SC_LIST)
        return list_item(n, s);
    return n->kind == SC_MAP && !s->is_index ? sc_node_get(n, s->name) : NULL;
}

const struct sc_node *sc_find(const struct sc_node *root, const char *path)
{
    struct step s;
    while (*path && step_read(&path, &s)) {
        const struct sc_node *next = child(root, &s);
        if (!next)
            break;
        root = next;
    }
    return root;
}

static void list_replace(struct sc_node *list, struct sc_node *old, struct sc_node *now)
{
    replace_child(list, old, now);
}

static void set_problem(struct sc_load *l, const struct sc_node *value, const struct sc_node *in,
                        const struct step *s, const char *path)
{
    if (in->kind == SC_LIST && s->is_index)
        sc_problem(l, value->at, NULL, "%s: there is no [%zu]; the list has %zu items", path,
                   s->index, in->count);
    else if (in->kind == SC_LIST)
        sc_problem(l, value->at, NULL,
                   "%s: no item of the list has `name: %s`; write its index, as in [0]", path,
                   s->name);
    else
        sc_problem(l, value->at, NULL, "%s: [%zu] where there is no list in the file", path,
                   s->index);
}

static void adopt(struct sc_load *l, struct sc_node *in, const struct step *s, struct sc_node *n)
{
    n->key = sc_copy(l, s->name, strlen(s->name));
    n->key_at = n->at;
    if (n->key)
        sc_node_append(in, n);
}

void sc_set(struct sc_load *l, struct sc_node *root, const char *path, struct sc_node *value)
{
    const char *rest = path;
    struct step s;
    struct sc_node *in = root;
    int depth = 0;
    while (*rest) {
        if (!step_read(&rest, &s) || ++depth > SC_MAX_DEPTH) {
            sc_problem(l, value->at, NULL,
                       "`%.80s` is not a path; write one like layers[0].consensus.kind", path);
            return;
        }
        struct sc_node *next = child(in, &s);
        if (!next && (in->kind == SC_LIST || s.is_index)) {
            set_problem(l, value, in, &s, path);
            return;
        }
        if (!*rest) {
            if (strcmp(s.name, "kind") == 0 && other_kind(in, value))
                mark_other_kind(in);
            if (next) {
                struct sc_node *now = sc_merge(l, next, value);
                now->key = next->key;
                now->key_at = value->at;
                now->other_kind = false;
                if (now != next)
                    list_replace(in, next, now);
            } else
                adopt(l, in, &s, value);
            return;
        }
        if (!next) {
            if (!(next = sc_node_new(l, SC_MAP, value->at)))
                return;
            adopt(l, in, &s, next);
        } else if (next->kind == SC_SCALAR) {
            struct sc_node *map = long_form(l, next);
            if (!map)
                return;
            list_replace(in, next, map);
            next = map;
        }
        next->other_kind = false;
        in = next;
    }
}
