#include "sim/scenario/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sim/base/mem.h"

static bool make_room(struct sc_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->capacity - t->size > more)
        return true;
    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity - t->size <= more)
        capacity *= 2;
    char *data = mem_resize(t->data, capacity, 1);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void sc_text_bytes(struct sc_text *t, const char *data, size_t size)
{
    if (!make_room(t, size))
        return;
    memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = 0;
}

void sc_text_add(struct sc_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size >= 0 && make_room(t, (size_t)size)) {
        vsnprintf(t->data + t->size, (size_t)size + 1, format, again);
        t->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

void sc_text_fini(struct sc_text *t)
{
    mem_free(t->data);
    *t = (struct sc_text){0};
}

/* Quotes, backslashes and control characters escaped in the way that both JSON and YAML read. */
void sc_text_json(struct sc_text *t, const char *s)
{
    sc_text_bytes(t, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            sc_text_add(t, "\\%c", c);
        else if (c == '\n')
            sc_text_add(t, "\\n");
        else if (c < 0x20 || c == 0x7f)
            sc_text_add(t, "\\u%04x", c);
        else
            sc_text_bytes(t, s, 1);
    }
    sc_text_bytes(t, "\"", 1);
}

static bool plain_is_safe(const char *s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "/._-0123456789";
    static const size_t starters = 53; /* the letters and the slash */
    if (!*s || !memchr(safe, *s, starters) || s[strspn(s, safe)])
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i], s) == 0)
            return false;
    return true;
}

void sc_text_yaml(struct sc_text *t, const char *s)
{
    if (plain_is_safe(s))
        sc_text_bytes(t, s, strlen(s));
    else
        sc_text_json(t, s);
}
