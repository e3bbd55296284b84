/* analysis/json.h - writing JSON, value by value; commas and escapes are its business.
 * What comes out may stand inside an HTML script element: "<" and "&" are escaped too. */
#ifndef ANALYSIS_JSON_H
#define ANALYSIS_JSON_H

#include <stdbool.h>
#include <stdio.h>

struct json {
    FILE *out;  /* borrowed; its error flag tells of lost output */
    bool comma; /* the next value needs one before it */
};

/* key NULL inside a list. */
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                 /* '}' or ']' */
void json_text(struct json *j, const char *key, const char *text);
/* Six significant digits; integers up to 2^53 whole; NaN and infinities as null. */
void json_number(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);

#endif
