#include "analysis/json.h"

#include <math.h>
#include <string.h>

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        /* The length of a well-formed UTF-8 sequence, or 0. */
        size_t more = *c < 0x80             ? 1
                      : (*c & 0xe0) == 0xc0 ? 2
                      : (*c & 0xf0) == 0xe0 ? 3
                      : (*c & 0xf8) == 0xf0 ? 4
                                            : 0;
        for (size_t i = 1; i < more; i++)
            if ((c[i] & 0xc0) != 0x80)
                more = 0;
        if (*c < 0x20 || *c == '"' || *c == '\\' || *c == '<' || *c == '>' || *c == '&' ||
            *c == 0x7f)
            fprintf(out, "\\u%04x", *c);
        else if (more == 0)
            fputs("\\ufffd", out);
        else
            fwrite(c, 1, more, out), c += more - 1;
    }
    fputc('"', out);
}

static void begin(struct json *j, const char *key)
{
    if (j->comma)
        fputc(',', j->out);
    if (key) {
        put_string(j->out, key);
        fputc(':', j->out);
    }
    j->comma = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    fputc(bracket, j->out);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    fputc(bracket, j->out);
    j->comma = true;
}

void json_text(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    put_string(j->out, text);
}

void json_number(struct json *j, const char *key, double value)
{
    begin(j, key);
    if (!isfinite(value))
        fputs("null", j->out);
    else if (value == nearbyint(value) && fabs(value) < 0x1p53)
        fprintf(j->out, "%.0f", value);
    else
        fprintf(j->out, "%.6g", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    fputs(value ? "true" : "false", j->out);
}
