#include "sim/scenario/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/nearest.h"

static const struct value_unit none[] = {{"", 1, 1}};
static const struct value_unit counts[] = {
    {"", 1, 1}, {"k", 1000, 1}, {"M", 1000000, 1}, {"G", 1000000000, 1}};
static const struct value_unit fractions[] = {{"%", 1, 100}, {"", 1, 1}};
static const struct value_unit times[] = {{"ns", 1, 1},
                                          {"us", 1000, 1},
                                          {"ms", 1000000, 1},
                                          {"s", 1000000000, 1},
                                          {"min", 60000000000, 1},
                                          {"h", 3600000000000, 1},
                                          {"d", 86400000000000, 1}};
static const struct value_unit rates[] = {{"/s", 1, 1},    {"k/s", 1000, 1}, {"M/s", 1000000, 1},
                                          {"/min", 1, 60}, {"/h", 1, 3600},  {"/d", 1, 86400}};
static const struct value_unit bandwidths[] = {{"bit/s", 1, 1},
                                               {"kbit/s", 1000, 1},
                                               {"Mbit/s", 1000000, 1},
                                               {"Gbit/s", 1000000000, 1},
                                               {"Tbit/s", 1000000000000, 1},
                                               {"B/s", 8, 1},
                                               {"kB/s", 8000, 1},
                                               {"KB/s", 8000, 1},
                                               {"MB/s", 8000000, 1},
                                               {"GB/s", 8000000000, 1}};
static const struct value_unit sizes[] = {{"B", 1, 1},
                                          {"KB", 1000, 1},
                                          {"kB", 1000, 1},
                                          {"MB", 1000000, 1},
                                          {"GB", 1000000000, 1},
                                          {"TB", 1000000000000, 1},
                                          {"KiB", 1024, 1},
                                          {"MiB", 1048576, 1},
                                          {"GiB", 1073741824, 1},
                                          {"TiB", 1099511627776, 1}};
static const struct value_unit gases[] = {
    {"gas", 1, 1}, {"kgas", 1000, 1}, {"Mgas", 1000000, 1}, {"Ggas", 1000000000, 1}};
static const struct value_unit weis[] = {{"wei", 1, 1},
                                         {"kwei", 1000, 1},
                                         {"Mwei", 1000000, 1},
                                         {"gwei", 1000000000, 1},
                                         {"ether", 1000000000000000000, 1}};

#define UNITS(list) list, sizeof list / sizeof list[0]
static const struct value_kind kinds[FIELD_TYPE_COUNT] = {
    [FIELD_BOOL] = {"true or false", "true", "", UNITS(none), true, false},
    [FIELD_INT] = {"whole number", "-3", "", UNITS(none), true, false},
    [FIELD_REAL] = {"number", "0.5", "", UNITS(none), true, true},
    [FIELD_FRACTION] = {"fraction", "5%", "", UNITS(fractions), true, true},
    [FIELD_DURATION] = {"duration", "250ms", "ns", UNITS(times), false, false},
    [FIELD_RATE] = {"rate", "2000/s", "1/s", UNITS(rates), false, true},
    [FIELD_BANDWIDTH] = {"bandwidth", "100Mbit/s", "bit/s", UNITS(bandwidths), false, false},
    [FIELD_SIZE] = {"size", "100KB", "B", UNITS(sizes), false, false},
    [FIELD_GAS] = {"gas amount", "30Mgas", "gas", UNITS(gases), false, false},
    [FIELD_WEI] = {"wei amount", "1.5gwei", "wei", UNITS(weis), false, false},
    [FIELD_COUNT] = {"count", "50k", "", UNITS(counts), true, false},
};

const struct value_kind *value_kind(enum field_type type)
{
    return kinds[type].name ? &kinds[type] : NULL;
}

/* --- whole numbers of up to 384 bits, for exact decimals -------------------------------------- */

__extension__ typedef unsigned __int128 wide_product;

enum { LIMBS = 6 };
struct wide {
    uint64_t w[LIMBS];
};

static bool wide_mul_add(struct wide *x, uint64_t factor, uint64_t add)
{
    wide_product carry = add;
    for (int i = 0; i < LIMBS; i++) {
        carry += (wide_product)x->w[i] * factor;
        x->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

static uint64_t wide_div(struct wide *x, uint64_t by) /* returns the remainder */
{
    wide_product rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 64 | x->w[i];
        x->w[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    return (uint64_t)rest;
}

static void wide_of(struct wide *x, const struct field_wei *v)
{
    *x = (struct wide){{v->w[0], v->w[1], v->w[2], v->w[3]}};
}

/* --- reading ---------------------------------------------------------------------------------- */

struct number { /* a decimal as written, cut into its parts */
    bool negative;
    char digits[80]; /* whole part and fraction without the point, no leading zeros */
    int digit_count;
    int exponent; /* value = digits * 10^exponent */
    size_t length;
    char written[80];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool number_digit(struct number *n, char c)
{
    if (c == '0' && n->digit_count == 0)
        return true;
    if (n->digit_count >= (int)sizeof n->digits - 1)
        return false;
    n->digits[n->digit_count++] = c;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits]; false if text does not start with one. */
static bool number_read(const char *text, struct number *n)
{
    const char *p = text;
    bool any = false, fits = true;
    *n = (struct number){0};
    if (*p == '-' || *p == '+')
        n->negative = *p++ == '-';
    for (; is_digit(*p); p++, any = true)
        fits &= number_digit(n, *p);
    if (*p == '.' && is_digit(p[1])) {
        for (p++; is_digit(*p); p++, any = true) {
            fits &= number_digit(n, *p);
            n->exponent--;
        }
    }
    if (!any)
        return false;
    const char *e = p + 1;
    if ((*p == 'e' || *p == 'E') &&
        (is_digit(*e) || ((*e == '-' || *e == '+') && is_digit(e[1])))) {
        char *end;
        long exponent = strtol(e, &end, 10);
        fits &= exponent > -400 && exponent < 400;
        if (fits)
            n->exponent += (int)exponent;
        p = end;
    }
    n->length = (size_t)(p - text);
    if (!fits || n->length >= sizeof n->written)
        return false;
    memcpy(n->written, text, n->length);
    while (n->digit_count > 0 && n->digits[n->digit_count - 1] == '0') {
        n->digit_count--;
        n->exponent++;
    }
    return true;
}

enum exact { EXACT, TOO_FINE, TOO_LARGE };

static enum exact number_exact(const struct number *n, uint64_t factor, struct field_wei *out)
{
    struct wide x = {0};
    *out = (struct field_wei){0};
    if (n->digit_count == 0)
        return EXACT;
    for (int i = 0; i < n->digit_count; i++)
        if (!wide_mul_add(&x, 10, (uint64_t)(n->digits[i] - '0')))
            return TOO_LARGE;
    if (!wide_mul_add(&x, factor, 0))
        return TOO_LARGE;
    for (int e = n->exponent; e > 0; e--)
        if (!wide_mul_add(&x, 10, 0))
            return TOO_LARGE;
    for (int e = n->exponent; e < 0; e++)
        if (wide_div(&x, 10) != 0)
            return TOO_FINE;
    if (x.w[4] || x.w[5])
        return TOO_LARGE;
    memcpy(out->w, x.w, sizeof out->w);
    return EXACT;
}

enum { UNITS_TEXT = 96 };

static void list_units(const struct value_kind *k, char out[UNITS_TEXT])
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < k->unit_count; i++)
        if (k->units[i].suffix[0] && used < UNITS_TEXT)
            used += (size_t)snprintf(out + used, UNITS_TEXT - used, "%s%s", used ? ", " : "",
                                     k->units[i].suffix);
}

static const char *nearest_unit(const struct value_kind *k, const char *word)
{
    const char *names[16];
    for (size_t i = 0; i < k->unit_count; i++)
        names[i] = k->units[i].suffix;
    return nearest_name(word, names, k->unit_count);
}

static bool fail_unit(const struct value_kind *k, const struct number *n, const char *suffix,
                      char why[VALUE_WHY])
{
    char units[UNITS_TEXT];
    list_units(k, units);
    if (!units[0])
        snprintf(why, VALUE_WHY, "`%s%.24s` is not a %s; write a number without a unit, as in %s",
                 n->written, suffix, k->name, k->example);
    else if (!suffix[0])
        snprintf(why, VALUE_WHY, "`%s` has no unit; write one of %s, as in %s", n->written, units,
                 k->example);
    else {
        const char *near = nearest_unit(k, suffix);
        snprintf(why, VALUE_WHY, "`%.24s` is not a unit of a %s; valid: %s%s%s%s", suffix, k->name,
                 units, near && near[0] ? "; did you mean " : "", near ? near : "",
                 near && near[0] ? "?" : "");
    }
    return false;
}

/* Number and unit of text; why is filled on failure. */
static bool read_with_unit(const struct value_kind *k, const char *text, struct number *n,
                           const struct value_unit **unit, char why[VALUE_WHY])
{
    if (!number_read(text, n)) {
        char units[UNITS_TEXT];
        list_units(k, units);
        snprintf(why, VALUE_WHY, "`%.40s%s` is not a %s; write a number%s%s, as in %s", text,
                 strlen(text) > 40 ? "..." : "", k->name,
                 units[0] ? (k->bare_ok ? ", perhaps with " : " with one of ") : "", units,
                 k->example);
        return false;
    }
    const char *suffix = text + n->length;
    while (*suffix == ' ')
        suffix++;
    for (size_t i = 0; i < k->unit_count; i++)
        if (strcmp(suffix, k->units[i].suffix) == 0) {
            *unit = &k->units[i];
            return true;
        }
    return fail_unit(k, n, suffix, why);
}

static double number_real(const struct number *n, const struct value_unit *u)
{
    double x = strtod(n->written, NULL);
    return u->factor == 1 ? x / (double)u->divisor : x * (double)u->factor / (double)u->divisor;
}

static bool scan_bool(const char *text, struct value *out, char why[VALUE_WHY])
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        out->i = text[0] == 't';
        return true;
    }
    snprintf(why, VALUE_WHY, "`%.40s` is neither true nor false", text);
    return false;
}

static bool scan_unbounded(enum field_type type, const char *text, struct value *out)
{
    if (type == FIELD_DURATION && strcmp(text, "never") == 0) {
        out->big.w[0] = SIM_TIME_NEVER;
        return true;
    }
    if ((type == FIELD_COUNT || type == FIELD_SIZE || type == FIELD_GAS ||
         type == FIELD_BANDWIDTH) &&
        strcmp(text, "unlimited") == 0) {
        out->big.w[0] = UINT64_MAX;
        return true;
    }
    return false;
}

/* Fits the type's own storage? The largest value itself is kept for never and unlimited. */
static bool fits(enum field_type type, const struct field_wei *v)
{
    if (type == FIELD_WEI)
        return true;
    if (v->w[1] || v->w[2] || v->w[3])
        return false;
    if (type == FIELD_DURATION || type == FIELD_INT)
        return v->w[0] < INT64_MAX;
    return v->w[0] < UINT64_MAX;
}

static bool scan_exact(enum field_type type, const struct value_kind *k, const struct number *n,
                       const struct value_unit *u, struct value *out, char why[VALUE_WHY])
{
    switch (number_exact(n, u->factor, &out->big)) {
    case EXACT: break;
    case TOO_FINE:
        if (k->unit[0])
            snprintf(why, VALUE_WHY, "`%s%s` is finer than 1%s", n->written, u->suffix, k->unit);
        else
            snprintf(why, VALUE_WHY, "`%s%s` is not a whole number", n->written, u->suffix);
        return false;
    case TOO_LARGE: out->big.w[3] = out->big.w[2] = out->big.w[1] = UINT64_MAX; break;
    }
    if (!fits(type, &out->big) || (type == FIELD_WEI && out->big.w[3] == UINT64_MAX)) {
        snprintf(why, VALUE_WHY, "`%s%s` is too large for a %s", n->written, u->suffix, k->name);
        return false;
    }
    if (type == FIELD_INT)
        out->i = n->negative ? -(int64_t)out->big.w[0] : (int64_t)out->big.w[0];
    return true;
}

bool value_scan(enum field_type type, bool unbounded, const char *text, struct value *out,
                char why[VALUE_WHY])
{
    const struct value_kind *k = value_kind(type);
    const struct value_unit *u = NULL;
    struct number n;
    *out = (struct value){0};
    if (type == FIELD_BOOL)
        return scan_bool(text, out, why);
    if (scan_unbounded(type, text, out)) {
        if (unbounded)
            return true;
        snprintf(why, VALUE_WHY, "`%s` is not possible here; write a %s, as in %s", text, k->name,
                 k->example);
        return false;
    }
    if (!read_with_unit(k, text, &n, &u, why))
        return false;
    if (n.negative && n.digit_count && type != FIELD_INT && type != FIELD_REAL) {
        snprintf(why, VALUE_WHY, "`%.60s` is negative; a %s is 0 or more", text, k->name);
        return false;
    }
    if (!k->real)
        return scan_exact(type, k, &n, u, out, why);
    out->real = number_real(&n, u);
    if (isfinite(out->real))
        return true;
    snprintf(why, VALUE_WHY, "`%.60s` is too large for a %s", text, k->name);
    return false;
}

bool value_scan_real(enum field_type type, const char *text, double *out, char why[VALUE_WHY])
{
    const struct value_kind *k = value_kind(type);
    const struct value_unit *u = NULL;
    struct number n;
    if (!read_with_unit(k, text, &n, &u, why))
        return false;
    *out = number_real(&n, u);
    if (isfinite(*out))
        return true;
    snprintf(why, VALUE_WHY, "`%.60s` is too large for a %s", text, k->name);
    return false;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_wide(const struct field_wei *v, uint64_t by, const char *suffix,
                       char out[VALUE_TEXT])
{
    struct wide x;
    char digits[100];
    size_t n = sizeof digits;
    wide_of(&x, v);
    wide_div(&x, by);
    digits[--n] = 0;
    do
        digits[--n] = (char)('0' + wide_div(&x, 10));
    while (x.w[0] || x.w[1] || x.w[2] || x.w[3]);
    snprintf(out, VALUE_TEXT, "%s%s", digits + n, suffix);
}

static bool divides(const struct field_wei *v, uint64_t by)
{
    struct wide x;
    wide_of(&x, v);
    return wide_div(&x, by) == 0;
}

static void print_exact(enum field_type type, const struct field_wei *v, char out[VALUE_TEXT])
{
    const struct value_kind *k = &kinds[type];
    const struct value_unit *best = &k->units[0];
    bool zero = !(v->w[0] | v->w[1] | v->w[2] | v->w[3]);
    /* Counts stay plain digits, so that other YAML and JSON readers see a number. */
    for (size_t i = 0; i < k->unit_count && type != FIELD_COUNT && !zero; i++)
        if (type == FIELD_BANDWIDTH && k->units[i].suffix[strlen(k->units[i].suffix) - 3] == 'B')
            continue; /* bits read the same everywhere */
        else if (k->units[i].factor > best->factor && divides(v, k->units[i].factor))
            best = &k->units[i];
    if (zero && type == FIELD_DURATION)
        best = &k->units[2]; /* 0ms reads better than 0ns */
    print_wide(v, best->factor, best->suffix, out);
}

/* The shortest of all units' shortest texts that reads back as the same double. */
void value_print_real(enum field_type type, double v, char out[VALUE_TEXT])
{
    const struct value_kind *k = &kinds[type];
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < k->unit_count; i++) {
        const struct value_unit *u = &k->units[i];
        if (v == 0 && i != (type == FIELD_DURATION ? 2 : 0))
            continue;
        double shown = v * (double)u->divisor / (double)u->factor;
        for (int precision = 1; precision <= 17; precision++) {
            char text[VALUE_TEXT], why[VALUE_WHY];
            double back;
            snprintf(text, sizeof text, "%.*g%s", precision, shown, u->suffix);
            if (strlen(text) < best && value_scan_real(type, text, &back, why) && back == v) {
                best = strlen(text);
                memcpy(out, text, best + 1);
            }
        }
    }
    if (best == SIZE_MAX) /* cannot be: the base unit at 17 digits reads back */
        snprintf(out, VALUE_TEXT, "%.17g%s", v, k->units[0].suffix);
}

void value_print(enum field_type type, const struct value *v, char out[VALUE_TEXT])
{
    if (type == FIELD_BOOL)
        snprintf(out, VALUE_TEXT, "%s", v->i ? "true" : "false");
    else if (type == FIELD_INT)
        snprintf(out, VALUE_TEXT, "%lld", (long long)v->i);
    else if (value_is_unbounded(type, v))
        snprintf(out, VALUE_TEXT, "%s", type == FIELD_DURATION ? "never" : "unlimited");
    else if (kinds[type].real)
        value_print_real(type, v->real, out);
    else
        print_exact(type, &v->big, out);
}

bool value_is_unbounded(enum field_type type, const struct value *v)
{
    if (type == FIELD_DURATION)
        return v->big.w[0] == (uint64_t)SIM_TIME_NEVER;
    return (type == FIELD_COUNT || type == FIELD_SIZE || type == FIELD_GAS ||
            type == FIELD_BANDWIDTH) &&
           v->big.w[0] == UINT64_MAX;
}

int value_compare(enum field_type type, const struct value *a, const struct value *b)
{
    if (kinds[type].real)
        return (a->real > b->real) - (a->real < b->real);
    if (type == FIELD_INT || type == FIELD_BOOL)
        return (a->i > b->i) - (a->i < b->i);
    for (int i = 3; i >= 0; i--)
        if (a->big.w[i] != b->big.w[i])
            return a->big.w[i] > b->big.w[i] ? 1 : -1;
    return 0;
}

double value_number(enum field_type type, const struct value *v)
{
    if (kinds[type].real)
        return v->real;
    if (type == FIELD_INT || type == FIELD_BOOL)
        return (double)v->i;
    if (value_is_unbounded(type, v))
        return INFINITY;
    double x = 0;
    for (int i = 3; i >= 0; i--)
        x = x * 18446744073709551616.0 + (double)v->big.w[i];
    return x;
}

/* --- structs ---------------------------------------------------------------------------------- */

void value_store(const struct field *row, void *cfg, const struct value *v)
{
    char *to = (char *)cfg + row->offset;
    bool flag = v->i != 0;
    switch (row->type) {
    case FIELD_BOOL: memcpy(to, &flag, sizeof flag); break;
    case FIELD_INT: memcpy(to, &v->i, sizeof v->i); break;
    case FIELD_REAL:
    case FIELD_FRACTION:
    case FIELD_RATE: memcpy(to, &v->real, sizeof v->real); break;
    case FIELD_WEI: memcpy(to, &v->big, sizeof v->big); break;
    default: memcpy(to, &v->big.w[0], sizeof v->big.w[0]); break;
    }
}

void value_load(const struct field *row, const void *cfg, struct value *v)
{
    const char *from = (const char *)cfg + row->offset;
    bool flag = false;
    *v = (struct value){0};
    switch (row->type) {
    case FIELD_BOOL:
        memcpy(&flag, from, sizeof flag);
        v->i = flag;
        break;
    case FIELD_INT: memcpy(&v->i, from, sizeof v->i); break;
    case FIELD_REAL:
    case FIELD_FRACTION:
    case FIELD_RATE: memcpy(&v->real, from, sizeof v->real); break;
    case FIELD_WEI: memcpy(&v->big, from, sizeof v->big); break;
    default: memcpy(&v->big.w[0], from, sizeof v->big.w[0]); break;
    }
}
