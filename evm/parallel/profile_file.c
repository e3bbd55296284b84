/* Profile files: lines "key: value". They are YAML too, so any tool reads them, but no reader of
 * YAML is needed here. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/io/file.h"
#include "evm/parallel/profile.h"

enum { FIELDS_MAX = 96, LINE_MAX_BYTES = 256 };

struct reader {
    struct evm_profile *out;
    const char *label;
    unsigned line;
    unsigned seen[FIELDS_MAX]; /* the line that gave field i; 0: none */
    bool name, doc, base;
    struct evm_err *err;
};

#define COMPLAIN(r, format, ...)                                                                   \
    evm_fail((r)->err, EVM_ERR_INPUT, "%s:%u: " format, (r)->label, (r)->line, __VA_ARGS__)

static const struct evm_profile_field *find_field(const char *key, size_t *index)
{
    const struct evm_profile_field *f;
    for (*index = 0; (f = evm_profile_field_at(*index)); ++*index)
        if (strcmp(f->key, key) == 0)
            return f;
    return NULL;
}

/* A text: bare, or in double quotes without escapes. */
static enum evm_status read_text(struct reader *r, const char *key, char *value, bool *given,
                                 char *out, size_t room)
{
    size_t n = strlen(value);
    if (*given)
        return COMPLAIN(r, "%s is given twice", key);
    *given = true;
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value[n - 1] = 0;
        value++;
        n -= 2;
    }
    if (n == 0 || n >= room || strpbrk(value, "\"\\"))
        return COMPLAIN(r, "%s must have 1 to %zu letters, without quotes and backslashes", key,
                        room - 1);
    memcpy(out, value, n + 1);
    return EVM_OK;
}

static enum evm_status read_base(struct reader *r, char *value)
{
    char name[sizeof r->out->name];
    enum evm_status st = read_text(r, "base", value, &r->base, name, sizeof name);
    if (st != EVM_OK)
        return st;
    const struct evm_profile *base = evm_profile_find(name);
    if (!base)
        return COMPLAIN(r, "base: no cost profile is called '%s'", name);
    for (size_t i = 0; i < FIELDS_MAX && evm_profile_field_at(i); i++) {
        const struct evm_profile_field *f = evm_profile_field_at(i);
        if (!r->seen[i])
            memcpy((char *)r->out + f->offset, (const char *)base + f->offset, sizeof(double));
    }
    return EVM_OK;
}

static enum evm_status read_number(struct reader *r, const char *key, const char *value)
{
    size_t i;
    const struct evm_profile_field *f = find_field(key, &i);
    char *end;
    if (!f)
        return COMPLAIN(r, "no value of a cost profile is called '%s'", key);
    if (r->seen[i])
        return COMPLAIN(r, "%s is given twice; first in line %u", key, r->seen[i]);
    errno = 0;
    double x = strtod(value, &end);
    /* strtod would take hexadecimal, "inf" and "nan" too. */
    if (end == value || *end || strspn(value, "0123456789.+-eE") != strlen(value))
        return COMPLAIN(r, "%s: '%s' is not a number", key, value);
    if (!isfinite(x) || x < f->least || x > f->most)
        return COMPLAIN(r, "%s: %s is not within %g and %g", key, value, f->least, f->most);
    *evm_profile_value(r->out, f) = x;
    r->seen[i] = r->line;
    return EVM_OK;
}

static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]))
        s[--n] = 0;
    return s;
}

/* As in YAML a comment starts the line or follows a blank. */
static void cut_comment(char *s)
{
    for (char *c = s; *c; c++)
        if (*c == '#' && (c == s || c[-1] == ' ' || c[-1] == '\t')) {
            *c = 0;
            return;
        }
}

static enum evm_status read_line(struct reader *r, char *line)
{
    cut_comment(line);
    char *key = trim(line);
    if (!*key || (r->line == 1 && strcmp(key, "---") == 0))
        return EVM_OK;
    char *colon = strchr(key, ':');
    if (!colon || colon == key || (colon[1] && !strchr(" \t", colon[1])))
        return COMPLAIN(r, "'%.40s' is not of the form 'key: value'", key);
    *colon = 0;
    char *value = trim(colon + 1);
    key = trim(key);
    if (strcmp(key, "name") == 0)
        return read_text(r, key, value, &r->name, r->out->name, sizeof r->out->name);
    if (strcmp(key, "doc") == 0)
        return read_text(r, key, value, &r->doc, r->out->doc, sizeof r->out->doc);
    if (strcmp(key, "base") == 0)
        return read_base(r, value);
    return read_number(r, key, value);
}

static enum evm_status complete(struct reader *r)
{
    if (!r->name)
        return evm_fail(r->err, EVM_ERR_INPUT, "%s: the profile has no name", r->label);
    const struct evm_profile_field *f;
    for (size_t i = 0; !r->base && (f = evm_profile_field_at(i)); i++)
        if (!r->seen[i])
            return evm_fail(r->err, EVM_ERR_INPUT,
                            "%s: %s (%s) is missing, and no base says what it is", r->label, f->key,
                            f->doc);
    return EVM_OK;
}

enum evm_status evm_profile_parse(struct evm_profile *out, const char *label, struct evm_bytes text,
                                  struct evm_err *err)
{
    struct reader r = {.out = out, .label = label, .err = err};
    char line[LINE_MAX_BYTES];
    *out = (struct evm_profile){.doc = "from a file"};
    for (size_t at = 0; at < text.size;) {
        const uint8_t *from = text.data + at, *end = memchr(from, '\n', text.size - at);
        size_t n = end ? (size_t)(end - from) : text.size - at;
        r.line++;
        if (n >= sizeof line)
            return COMPLAIN(&r, "the line has %zu bytes; %zu are the most", n, sizeof line - 1);
        if (memchr(from, 0, n))
            return COMPLAIN(&r, "%s", "a zero byte; this is not a text");
        memcpy(line, from, n);
        line[n] = 0;
        enum evm_status st = read_line(&r, line);
        if (st != EVM_OK)
            return st;
        at += n + 1;
    }
    return complete(&r);
}

static void put(struct evm_buf *out, const char *text)
{
    evm_buf_append(out, (struct evm_bytes){(const uint8_t *)text, strlen(text)});
}

enum evm_status evm_profile_print(const struct evm_profile *p, const char *remark,
                                  struct evm_buf *out)
{
    char line[LINE_MAX_BYTES];
    for (const char *s = remark; s && *s;) {
        size_t n = strcspn(s, "\n");
        snprintf(line, sizeof line, "# %.*s\n", (int)(n < 200 ? n : 200), s);
        put(out, line);
        s += n + (s[n] == '\n');
    }
    snprintf(line, sizeof line, "name: \"%s\"\ndoc: \"%s\"\n", p->name, p->doc);
    put(out, line);
    const struct evm_profile_field *f;
    for (size_t i = 0; (f = evm_profile_field_at(i)); i++) {
        double x;
        memcpy(&x, (const char *)p + f->offset, sizeof x);
        snprintf(line, sizeof line, "%s: %.4g  # %s%s\n", f->key, x, f->is_time ? "ns, " : "",
                 f->doc);
        put(out, line);
    }
    return out->failed ? EVM_ERR_MEMORY : EVM_OK;
}

enum evm_status evm_profile_load(struct evm_profile *out, const char *name, struct evm_err *err)
{
    const struct evm_profile *shipped = evm_profile_find(name);
    if (shipped) {
        *out = *shipped;
        return EVM_OK;
    }
    if (!strpbrk(name, "/.")) {
        char names[160] = "";
        size_t used = 0;
        for (size_t i = 0; evm_profile_at(i) && used < sizeof names; i++)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                     evm_profile_at(i)->name);
        return evm_fail(err, EVM_ERR_INPUT,
                        "no cost profile is called '%s'; there are %s, and files", name, names);
    }
    struct evm_buf text = {0};
    enum evm_status st = evm_file_read(name, &text, err);
    if (st == EVM_OK)
        st = evm_profile_parse(out, name, evm_buf_bytes(&text), err);
    evm_buf_fini(&text);
    return st;
}
