/* sim/scenario/value.h - single values with units: text to number, number to canonical text. */
#ifndef SIM_SCENARIO_VALUE_H
#define SIM_SCENARIO_VALUE_H

#include "sim/scenario/field.h"

/* One of the numeric types (BOOL to COUNT, WEI): real for REAL, FRACTION and RATE; i for BOOL and
 * INT; big for the others, never negative. DURATION's `never` and the others' `unlimited` are the
 * largest value of the type and are recognised by value_is_unbounded. */
struct value {
    double real;
    int64_t i;
    struct field_wei big;
};

struct value_unit {
    const char *suffix;
    uint64_t factor, divisor; /* value in base units = number * factor / divisor */
};

struct value_kind {
    const char *name;    /* "duration" */
    const char *example; /* "250ms" */
    const char *unit;    /* of the stored number: "ns", "B", "" */
    const struct value_unit *units;
    size_t unit_count;
    bool bare_ok; /* a number without a unit is fine */
    bool real;    /* stored as a double */
};
const struct value_kind *value_kind(enum field_type type); /* NULL for a type that is no number */

enum { VALUE_TEXT = 160, VALUE_WHY = 320 };

/* Reads text, all of it. `unbounded` allows the words never and unlimited. On failure returns false
 * and why says what is wrong and what is valid. */
bool value_scan(enum field_type type, bool unbounded, const char *text, struct value *out,
                char why[VALUE_WHY]);
/* The same as a double in base units, where fractions of a base unit are fine (distributions). */
bool value_scan_real(enum field_type type, const char *text, double *out, char why[VALUE_WHY]);

/* Canonical text: shortest that reads back as exactly this value. */
void value_print(enum field_type type, const struct value *v, char out[VALUE_TEXT]);
void value_print_real(enum field_type type, double v, char out[VALUE_TEXT]);

int value_compare(enum field_type type, const struct value *a, const struct value *b);
bool value_is_unbounded(enum field_type type, const struct value *v);
double value_number(enum field_type type, const struct value *v); /* in base units, rounded */

void value_store(const struct field *row, void *cfg, const struct value *v);
void value_load(const struct field *row, const void *cfg, struct value *v);

#endif
