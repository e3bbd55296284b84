#include "sim/cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool room(struct cli_text *t, size_t more)
{
    size_t need = t->size + more + 1, capacity = t->capacity ? t->capacity : 256;
    if (t->failed)
        return false;
    while (capacity < need)
        capacity *= 2;
    if (capacity > t->capacity) {
        char *text = realloc(t->text, capacity);
        t->failed = !text;
        if (!text)
            return false;
        t->text = text;
        t->capacity = capacity;
    }
    return true;
}

void cli_text_add(struct cli_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || !room(t, (size_t)size))
        return;
    va_start(args, format);
    vsnprintf(t->text + t->size, (size_t)size + 1, format, args);
    va_end(args);
    t->size += (size_t)size;
}

void cli_text_json(struct cli_text *t, const char *string)
{
    cli_text_add(t, "\"");
    for (const char *c = string; *c; c++) {
        if (*c == '"' || *c == '\\')
            cli_text_add(t, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            cli_text_add(t, "\\u%04x", (unsigned)*c);
        else
            cli_text_add(t, "%c", *c);
    }
    cli_text_add(t, "\"");
}

void cli_text_fini(struct cli_text *t)
{
    free(t->text);
    *t = (struct cli_text){0};
}
