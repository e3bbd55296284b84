/* The settings that are more than a number: distributions, skews, shares, paths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/nearest.h"
#include "sim/scenario/internal.h"

enum { PHRASE_ARGS = SIM_DIST_PARAMS, PHRASE_WORD = 40, PHRASE_ARG = 512 };

/* name(arg, arg) cut into its parts. */
struct phrase {
    char name[PHRASE_WORD];
    char args[PHRASE_ARGS][PHRASE_ARG];
    unsigned count;
};

static void copy_trimmed(char *out, const char *from, size_t size)
{
    while (size && from[0] == ' ') {
        from++;
        size--;
    }
    while (size && from[size - 1] == ' ')
        size--;
    memcpy(out, from, size);
    out[size] = 0;
}

/* False when text is not of that shape. */
static bool phrase_cut(const char *text, struct phrase *p)
{
    size_t name = strcspn(text, "("), size = strlen(text);
    *p = (struct phrase){0};
    if (name == 0 || name >= PHRASE_WORD || name == size || text[size - 1] != ')')
        return false;
    copy_trimmed(p->name, text, name);
    for (const char *from = text + name + 1, *end = text + size - 1; from <= end;) {
        size_t n = strcspn(from, ",)(");
        if (from[n] == '(' || (from[n] == ')' && from + n != end) || n >= PHRASE_ARG ||
            p->count == PHRASE_ARGS)
            return false;
        copy_trimmed(p->args[p->count], from, n);
        if (!p->args[p->count][0])
            return p->count == 0 && from + n == end;
        p->count++;
        from += n + 1;
    }
    return true;
}

/* --- distributions ---------------------------------------------------------------------------- */

static const struct sim_dist_row *dist_row(const char *name)
{
    for (size_t i = 0; i < SIM_DIST_KINDS; i++)
        if (strcmp(sim_dist_rows()[i].name, name) == 0)
            return &sim_dist_rows()[i];
    return NULL;
}

static bool unknown_dist(const struct sc_spot *at, const char *name)
{
    const char *names[SIM_DIST_KINDS];
    char list[256] = "";
    for (size_t i = 0, used = 0; i < SIM_DIST_KINDS; i++) {
        names[i] = sim_dist_rows()[i].name;
        if (used < sizeof list)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = nearest_name(name, names, SIM_DIST_KINDS);
    return sc_complain(at, "`%.40s` is no distribution; valid: %s%s%s%s", name, list,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* One parameter: of the value's own unit, a bare number, or a share of a base. */
static bool read_param(const struct sc_spot *at, const struct sim_dist_row *d, unsigned i,
                       const char *text, struct sim_dist_param *out)
{
    char why[VALUE_WHY];
    const struct field *row = at->row;
    size_t size = strlen(text);
    bool share = size && text[size - 1] == '%' && row->of != FIELD_FRACTION;
    enum field_type type = d->units[i] == SIM_DIST_UNIT_NUMBER ? FIELD_REAL : row->of;
    if (share && type != FIELD_REAL)
        type = FIELD_FRACTION;
    if (!value_scan_real(type, text, &out->value, why))
        return sc_complain(at, "%s of %s: %s", d->params[i], d->name, why);
    out->relative = share && type == FIELD_FRACTION;
    return true;
}

static bool resolve_shares(const struct sc_spot *at, const struct sim_dist_row *d,
                           struct sim_dist_param *p, unsigned count)
{
    for (unsigned i = 0; i < count && !at->row->around; i++) {
        if (!p[i].relative)
            continue;
        if (i == 0 || strcmp(d->params[i], "sd") != 0)
            return sc_complain(at, "%s of %s cannot be a share here; write a %s, as in %s",
                               d->params[i], d->name, value_kind(at->row->of)->name,
                               value_kind(at->row->of)->example);
        p[i].value *= p[0].value;
        p[i].relative = false;
    }
    return true;
}

static bool params_in_range(const struct sc_spot *at, const struct sim_dist_row *d,
                            const struct sim_dist_param *p, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char shown[VALUE_TEXT];
        if (p[i].relative || d->units[i] == SIM_DIST_UNIT_NUMBER || strcmp(d->params[i], "sd") == 0)
            continue;
        value_print_real(at->row->of, p[i].value, shown);
        if (p[i].value < 0 && at->row->of != FIELD_REAL && at->row->of != FIELD_INT)
            return sc_complain(at, "`%s` is negative; a %s is 0 or more", shown,
                               value_kind(at->row->of)->name);
        if (!sc_in_range_real(at, p[i].value, shown))
            return false;
    }
    return true;
}

static bool make_dist(const struct sc_spot *at, const struct sim_dist_row *d,
                      const struct phrase *p, struct sim_dist *out)
{
    struct sim_dist_param params[SIM_DIST_PARAMS] = {0};
    struct err err = {0};
    unsigned most = 0;
    while (most < SIM_DIST_PARAMS && d->params[most])
        most++;
    if (p->count < d->required || p->count > most) {
        char list[160] = "";
        for (unsigned i = 0, used = 0; i < most && used < sizeof list; i++)
            used += (unsigned)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                       d->params[i]);
        return sc_complain(at, "%s has %u parameters; write %s(%s)", d->name, p->count, d->name,
                           list);
    }
    for (unsigned i = 0; i < p->count; i++)
        if (!read_param(at, d, i, p->args[i], &params[i]))
            return false;
    if (!resolve_shares(at, d, params, p->count) || !params_in_range(at, d, params, p->count))
        return false;
    if (sim_dist_make(out, d->name, params, p->count, &err) != ERR_OK)
        return sc_complain(at, "%s", err.text);
    return true;
}

/* Cuts the next line of *text, without comment and spaces, in place. NULL at the end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!*line)
        return NULL;
    size_t n = strcspn(line, "\n");
    *text = line + n + (line[n] != 0);
    line[n] = 0;
    line[strcspn(line, "#")] = 0;
    line += strspn(line, " \t\r");
    size_t size = strlen(line);
    while (size && strchr(" \t\r", line[size - 1]))
        line[--size] = 0;
    return line;
}

static bool read_samples(const struct sc_spot *at, const char *path, char *text, double *values,
                         size_t *count)
{
    char why[VALUE_WHY];
    int number = 0;
    *count = 0;
    for (char *line; (line = next_line(&text));) {
        number++;
        if (!*line)
            continue;
        if (!value_scan_real(at->row->of, line, &values[*count], why))
            return sc_complain(at, "%s:%d: %s", path, number, why);
        if (!sc_in_range_real(at, values[*count], line))
            return false;
        ++*count;
    }
    return *count > 0 || sc_complain(at, "%s: no value in it; write one a line", path);
}

/* The samples move to the scenario's memory, so that a config struct needs no release. */
static bool keep_samples(const struct sc_spot *at, const char *path, double *values, size_t count,
                         struct sim_dist *out)
{
    struct err err = {0};
    struct sc_sample_file *f = sc_alloc(&at->s->load, sizeof *f);
    double *table = sc_alloc(&at->s->load, count * sizeof *table);
    struct sim_dist made = {0};
    if (!f || !table)
        return false;
    if (sim_dist_make_empirical(&made, values, count, &err) != ERR_OK)
        return sc_complain(at, "%s: %s", path, err.text);
    memcpy(table, made.table, made.table_len * sizeof *table);
    *out = made;
    out->table = table;
    sim_dist_fini(&made);
    *f = (struct sc_sample_file){out, path, at->s->sample_files};
    at->s->sample_files = f;
    return true;
}

static bool fill_empirical(const struct sc_spot *at, const struct phrase *p, struct sim_dist *out)
{
    size_t size, count, lines = 1;
    const char *why = NULL;
    if (p->count != 1)
        return sc_complain(at, "empirical needs a file of values, as in empirical(delays.txt)");
    const char *path = sc_fill_path(at, p->args[0]);
    char *text = path ? sc_read_file(&at->s->load, path, &size, &why) : NULL;
    if (path && !text)
        return sc_complain(at, "%s: %s", path, why ? why : "out of memory");
    if (!text)
        return false;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    double *values = sc_alloc(&at->s->load, lines * sizeof *values);
    return values && read_samples(at, path, text, values, &count) &&
           keep_samples(at, path, values, count, out);
}

bool sc_fill_dist(const struct sc_spot *at, struct sim_dist *out)
{
    const char *text = at->node->text;
    struct phrase p;
    if (!strpbrk(text, "()")) { /* a bare value */
        p = (struct phrase){.name = "constant", .count = 1};
        if (strlen(text) >= PHRASE_ARG)
            return sc_complain(at, "is too long a text");
        copy_trimmed(p.args[0], text, strlen(text));
        if (dist_row(p.args[0]))
            return sc_complain(at, "%s needs its parameters, as in %s(...)", p.args[0], p.args[0]);
        const char *end = text + strlen(text);
        bool share = end > text && end[-1] == '%' && at->row->of != FIELD_FRACTION;
        char why[VALUE_WHY];
        double unused;
        if (!share && !value_scan_real(at->row->of, p.args[0], &unused, why))
            return sc_complain(at, "%s", why);
        return make_dist(at, dist_row("constant"), &p, out);
    }
    if (!phrase_cut(text, &p))
        return sc_complain(at, "`%.60s` is no distribution; write one like normal(250ms, 50ms)",
                           text);
    const struct sim_dist_row *d = dist_row(p.name);
    if (!d)
        return unknown_dist(at, p.name);
    if (d == &sim_dist_rows()[SIM_DIST_EMPIRICAL])
        return fill_empirical(at, &p, out);
    return make_dist(at, d, &p, out);
}

/* --- skews, shares, paths --------------------------------------------------------------------- */

bool sc_fill_skew(const struct sc_spot *at, struct field_skew *out)
{
    struct phrase p;
    char why[VALUE_WHY];
    if (strcmp(at->node->text, "uniform") == 0) {
        out->exponent = 0;
        return true;
    }
    if (!phrase_cut(at->node->text, &p) || strcmp(p.name, "zipf") != 0 || p.count != 1)
        return sc_complain(at, "`%.60s` is no skew; valid: uniform, zipf(1.0)", at->node->text);
    if (!value_scan_real(FIELD_REAL, p.args[0], &out->exponent, why))
        return sc_complain(at, "exponent of zipf: %s", why);
    if (out->exponent < 0 || out->exponent > 10)
        return sc_complain(at, "`%s` is out of range; valid: zipf(0) to zipf(10)", at->node->text);
    return true;
}

static bool shares_add_up(const struct sc_spot *at, double *shares, size_t count, bool percent)
{
    double sum = 0;
    char shown[VALUE_TEXT];
    for (size_t i = 0; i < count; i++)
        sum += shares[i];
    value_print_real(FIELD_FRACTION, round(sum * 1e9) / 1e9, shown);
    if (sum <= 0)
        return sc_complain(at, "has no share above 0");
    if (percent && fabs(sum - 1) > 1e-6)
        return sc_complain(at, "shares add up to %s; they must make 100%%", shown);
    for (size_t i = 0; i < count && fabs(sum - 1) > 1e-6; i++)
        shares[i] /= sum;
    return true;
}

bool sc_fill_weights(const struct sc_spot *at, struct field_weights *out)
{
    size_t count = at->node->count, i = 0, percents = 0;
    const char **names = sc_alloc(&at->s->load, count * sizeof *names);
    double *shares = sc_alloc(&at->s->load, count * sizeof *shares);
    bool ok = names && shares;
    if (!count && at->row->def && strcmp(at->row->def, "{}") == 0) {
        *out = (struct field_weights){0}; /* none, and the row says what that means */
        return true;
    }
    if (!count)
        return sc_complain(at, "is empty; write shares, as in {a: 40%%, b: 60%%}");
    for (const struct sc_node *n = at->node->first; n && names && shares; n = n->next, i++) {
        struct sc_frame f = {at->frame, n->key, 0};
        struct sc_spot spot = {at->s, at->row, n, &f};
        char why[VALUE_WHY];
        struct value v;
        names[i] = n->key;
        if (n->kind != SC_SCALAR)
            ok = sc_complain(&spot, "must be a share, as in 40%%");
        else if (!value_scan(FIELD_FRACTION, false, n->text, &v, why))
            ok = sc_complain(&spot, "%s", why);
        else
            shares[i] = v.real;
        percents += n->kind == SC_SCALAR && strchr(n->text, '%');
    }
    *out = (struct field_weights){names, shares, count};
    if (ok && percents && percents != count)
        return sc_complain(at, "mixes percents and plain weights; write all as percents");
    return ok && shares_add_up(at, shares, count, percents > 0);
}

const char *sc_fill_path(const struct sc_spot *at, const char *text)
{
    if (!*text)
        return "";
    const char *path = sc_join(&at->s->load, at->node->at.source->folder, text);
    if (path && access(path, R_OK) != 0) {
        sc_complain(at, "`%s`: there is no such file, or it cannot be read", path);
        return NULL;
    }
    return path;
}
