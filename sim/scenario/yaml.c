/* libyaml's events made into a tree. Anchors, aliases, tags and several documents are refused: a
 * scenario must say in one place what it says, and aliases can make a small file huge. */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "sim/scenario/tree.h"

struct builder {
    struct sc_load *load;
    const struct sc_source *source;
    yaml_parser_t parser;
    struct sc_node *stack[SC_MAX_DEPTH];
    bool flow[SC_MAX_DEPTH];
    int depth;
    size_t nodes;
    struct sc_node *root;
    const char *key; /* read, its value still to come */
    struct sc_place key_at;
    /* A scalar of a flow collection whose parentheses are still open: its commas are its own. */
    struct sc_node *open;
    bool joining; /* the key of a piece was read, its empty value is still to come */
};

static struct sc_place place(const struct builder *b, const yaml_mark_t *m)
{
    return (struct sc_place){b->source, (int)m->line + 1, (int)m->column + 1};
}

static bool refuse(struct builder *b, const yaml_event_t *e, const char *what)
{
    sc_problem(b->load, place(b, &e->start_mark), NULL, "%s", what);
    return false;
}

static int paren_balance(const char *s)
{
    int open = 0;
    for (; *s; s++)
        open += (*s == '(') - (*s == ')');
    return open;
}

/* Adds a node to the collection being read; false when a limit is reached. */
static bool attach(struct builder *b, struct sc_node *n)
{
    if (++b->nodes > SC_MAX_NODES) {
        sc_problem(b->load, n->at, NULL, "more than %d values; a scenario is smaller than that",
                   SC_MAX_NODES);
        return false;
    }
    if (b->depth == 0) {
        b->root = n;
        return true;
    }
    struct sc_node *parent = b->stack[b->depth - 1];
    if (parent->kind == SC_MAP) {
        n->key = b->key;
        n->key_at = b->key_at;
        b->key = NULL;
        if (parent->count >= SC_MAX_KEYS) {
            sc_problem(b->load, n->key_at, NULL, "more than %d keys in one map", SC_MAX_KEYS);
            return false;
        }
    }
    sc_node_append(parent, n);
    return true;
}

/* `tip: lognormal(1gwei, 2gwei)` within braces: YAML cuts it at the comma into a value and a key
 * (or into two items). The pieces are put together again until the parentheses close. */
static bool join(struct builder *b, const yaml_event_t *e, const char *text, bool *taken)
{
    struct sc_node *parent = b->depth ? b->stack[b->depth - 1] : NULL;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *taken = false;
    if (b->joining) { /* the value of a piece that YAML took for a key: nothing stands there */
        b->joining = false;
        *taken = true;
        if (*text || !plain) {
            sc_problem(b->load, b->open ? b->open->at : b->key_at, NULL,
                       "a `(` is not closed before the next `:`; put the text in quotes");
            return false;
        }
        return true;
    }
    if (!b->open || !plain || !parent)
        return true;
    b->open->text = sc_format(b->load, "%s, %s", b->open->text, text);
    if (!b->open->text)
        return false;
    b->joining = parent->kind == SC_MAP;
    b->key_at = place(b, &e->start_mark);
    if (paren_balance(b->open->text) <= 0)
        b->open = NULL;
    *taken = true;
    return true;
}

static bool on_scalar(struct builder *b, const yaml_event_t *e)
{
    const char *raw = (const char *)e->data.scalar.value;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, taken;
    if (strlen(raw) != e->data.scalar.length)
        return refuse(b, e, "a text with a zero byte in it");
    if (!join(b, e, raw, &taken) || taken)
        return taken;
    char *text = sc_copy(b->load, raw, e->data.scalar.length);
    if (!text)
        return false;
    if (b->depth && b->stack[b->depth - 1]->kind == SC_MAP && !b->key) {
        if (plain && strcmp(text, "<<") == 0)
            return refuse(b, e, "merge keys (`<<`) are not supported; use `extends`");
        b->key = text;
        b->key_at = place(b, &e->start_mark);
        return true;
    }
    struct sc_node *n = sc_node_new(b->load, SC_SCALAR, place(b, &e->start_mark));
    if (!n)
        return false;
    n->text = text;
    n->quoted = !plain;
    if (plain && b->depth && b->flow[b->depth - 1] && paren_balance(text) > 0)
        b->open = n;
    return attach(b, n);
}

static bool on_open(struct builder *b, const yaml_event_t *e, enum sc_kind kind, bool flow)
{
    if (b->open || b->joining)
        return refuse(b, e, "a `(` is not closed before this; put the text in quotes");
    if (b->depth && b->stack[b->depth - 1]->kind == SC_MAP && !b->key)
        return refuse(b, e, "a key must be a plain text");
    if (b->depth >= SC_MAX_DEPTH)
        return refuse(b, e, "nested more than 64 levels deep");
    struct sc_node *n = sc_node_new(b->load, kind, place(b, &e->start_mark));
    if (!n || !attach(b, n))
        return false;
    b->flow[b->depth] = flow;
    b->stack[b->depth++] = n;
    return true;
}

static bool on_close(struct builder *b)
{
    if (b->open) {
        sc_problem(b->load, b->open->at, NULL, "`%.60s` has a `(` without its `)`", b->open->text);
        return false;
    }
    b->depth--;
    return true;
}

static bool has_extras(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return e->data.scalar.anchor || e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor || e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return e->data.mapping_start.anchor || e->data.mapping_start.tag;
    default: return e->type == YAML_ALIAS_EVENT;
    }
}

static bool on_event(struct builder *b, const yaml_event_t *e)
{
    if (has_extras(e))
        return refuse(b, e,
                      "anchors (`&`), aliases (`*`) and tags (`!`) are not supported; write the "
                      "value out, or share it through `extends`");
    switch (e->type) {
    case YAML_SCALAR_EVENT: return on_scalar(b, e);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, e, SC_MAP, e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, e, SC_LIST, e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: return on_close(b);
    case YAML_DOCUMENT_START_EVENT:
        return !b->root || refuse(b, e, "a second document; a scenario is one document");
    default: return true;
    }
}

static bool syntax_problem(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        b->load->out_of_memory = true;
        return false;
    }
    struct sc_place at = place(b, &p->problem_mark);
    const char *problem = p->problem ? p->problem : "unreadable";
    if (p->error == YAML_READER_ERROR) /* has an offset, no mark */
        sc_problem(b->load, sc_start(b->source), NULL, "not valid YAML: %s at byte %zu", problem,
                   p->problem_offset);
    else if (p->context)
        sc_problem(b->load, at, NULL, "not valid YAML: %s, %s that starts at line %zu", problem,
                   p->context, p->context_mark.line + 1);
    else
        sc_problem(b->load, at, NULL, "not valid YAML: %s", problem);
    return false;
}

static bool read_all(struct builder *b)
{
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&b->parser, &e))
            return syntax_problem(b);
        more = e.type != YAML_STREAM_END_EVENT;
        bool ok = on_event(b, &e);
        yaml_event_delete(&e);
        if (!ok)
            return false;
    }
    return true;
}

struct sc_node *sc_yaml_read(struct sc_load *l, const struct sc_source *source, const char *text,
                             size_t size)
{
    struct builder b = {.load = l, .source = source};
    if (!yaml_parser_initialize(&b.parser)) {
        l->out_of_memory = true;
        return NULL;
    }
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    bool ok = read_all(&b);
    yaml_parser_delete(&b.parser);
    if (ok && !b.root)
        sc_problem(l, sc_start(source), NULL, "nothing in it");
    return ok ? b.root : NULL;
}
