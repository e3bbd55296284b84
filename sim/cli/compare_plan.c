/* weft compare: which variants there are, from --vary or a scenario's sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/world/figures.h"
#include "sim/cli/compare.h"

/* ---- what is varied ---- */

/* The end of the value at s: a comma outside brackets and quotes, or the text's end. */
static const char *value_end(const char *s)
{
    int depth = 0;
    char quote = 0;
    for (; *s && !(*s == ',' && depth == 0 && !quote); s++) {
        if (quote)
            quote = *s == quote ? 0 : quote;
        else if (*s == '\'' || *s == '"')
            quote = *s;
        else
            depth += (strchr("{[(", *s) != NULL) - (strchr("}])", *s) != NULL);
    }
    return s;
}

/* The characters of "NAME: " before a map or a list, or 0. */
static size_t name_size(const char *s, size_t size)
{
    size_t n = strcspn(s, ":,()[]{}'\"");
    return n > 0 && n + 2 < size && s[n] == ':' && s[n + 1] == ' ' && strchr("{[", s[n + 2]) ? n + 2
                                                                                             : 0;
}

/* The text and what it came from: "--vary", or "FILE: sweep.vary". -1, or a status. */
static int read_vary(struct compare *c, struct compare_file *f, const char *from, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return cli_complain(c->self, "%s: '%s' is not PATH=A,B,...", from, text);
    if (f->vary_count == COMPARE_VARIES)
        return cli_complain(c->self, "%s: more than %d settings", from, COMPARE_VARIES);
    struct compare_vary *v = &f->varies[f->vary_count++];
    v->path = (size_t)(equals - text) + 1;
    for (const char *s = equals + 1, *end;; s = end + 1) {
        end = value_end(s);
        size_t begin = strspn(s, " \n"), size = (size_t)(end - s);
        while (size > begin && strchr(" \n", s[size - 1]))
            size--;
        if (size <= begin)
            return cli_complain(c->self, "%s: an empty value in '%s'", from, text);
        if (v->count == COMPARE_VALUES)
            return cli_complain(c->self, "%s: more than %d values", from, COMPARE_VALUES);
        size_t name = name_size(s + begin, size - begin);
        char *set = malloc(v->path + size - begin - name + 1);
        v->sets[v->count] = set;
        v->names[v->count] = name ? strndup(s + begin, name - 2) : NULL;
        v->count++;
        if (!set || (name && !v->names[v->count - 1]))
            return cli_complain(c->self, "no memory left");
        snprintf(set, v->path + size - begin - name + 1, "%.*s%.*s", (int)v->path, text,
                 (int)(size - begin - name), s + begin + name);
        if (!*end)
            break;
    }
    f->variants *= v->count;
    return f->variants <= COMPARE_VARIANTS
               ? -1
               : cli_complain(c->self, "%s: more than %d variants", from, COMPARE_VARIANTS);
}

static size_t value_of(const struct compare_file *f, size_t number, size_t vary)
{
    for (size_t later = f->vary_count; later-- > vary + 1;)
        number /= f->varies[later].count;
    return number % f->varies[vary].count;
}

const char *compare_value(const struct compare_variant *v, size_t vary)
{
    const struct compare_vary *of = &v->file->varies[vary];
    size_t i = value_of(v->file, v->number, vary);
    return of->names[i] ? of->names[i] : of->sets[i] + of->path;
}

/* ---- columns ---- */

/* -1, or a status. */
static int add_column(struct compare *c, const char *from, const char *name)
{
    if (figure_find(name) == SIZE_MAX) {
        char hint[512];
        figure_hint(name, hint, sizeof hint);
        return cli_complain(c->self, "%s: no figure is called '%s'%s", from, name, hint);
    }
    for (size_t i = 0; i < c->column_count; i++)
        if (strcmp(c->columns[i], name) == 0)
            return -1;
    const char **columns = realloc(c->columns, (c->column_count + 1) * sizeof *columns);
    if (!columns)
        return cli_complain(c->self, "no memory left");
    c->columns = columns;
    c->columns[c->column_count++] = figure_at(figure_find(name))->name;
    return -1;
}

/* ---- files ---- */

/* What the scenario itself says; a file that is only valid with what --vary says has no say. */
static int read_sweep(struct compare *c, struct compare_file *f)
{
    const struct compare_options *o = c->options;
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    char from[COMPARE_NAME];
    int status = -1;
    f->runs = o->seeds ? o->seeds : 1;
    enum err_code code =
        scenario_load(&s, &world_spec, f->path, o->sets.items, o->sets.count, &problems);
    if (code == ERR_OK) {
        const struct world_sweep *sweep = &((const struct world_cfg *)scenario_root(s))->sweep;
        if (!o->seeds)
            f->runs = sweep->replications;
        f->across = sweep->across;
        snprintf(from, sizeof from, "%s: sweep.vary", f->path);
        for (size_t i = 0; i < sweep->vary.count && status < 0 && !o->varies.count; i++)
            status = read_vary(c, f, from, sweep->vary.items[i]);
        snprintf(from, sizeof from, "%s: sweep.figures", f->path);
        for (size_t i = 0; i < sweep->figures.count && status < 0; i++)
            status = add_column(c, from, sweep->figures.items[i]);
    } else if (!problems.text) {
        status = cli_complain(c->self, "no memory left");
    }
    scenario_destroy(s);
    scenario_problems_fini(&problems);
    for (size_t i = 0; i < o->varies.count && status < 0; i++)
        status = read_vary(c, f, "--vary", o->varies.items[i]);
    return status;
}

static void name_variant(const struct compare *c, struct compare_variant *v)
{
    size_t used = 0;
    if (c->file_count > 1 || v->file->vary_count == 0) {
        const char *slash = strrchr(v->file->path, '/');
        snprintf(v->name, sizeof v->name, "%s", slash ? slash + 1 : v->file->path);
        used = strlen(v->name);
    }
    for (size_t i = 0; i < v->file->vary_count && used < sizeof v->name - 1; i++) {
        snprintf(v->name + used, sizeof v->name - used, "%s%s", used ? ", " : "",
                 compare_value(v, i));
        used = strlen(v->name);
    }
}

/* Its scenario is read once beforehand: for what a reader should know of it, and for mistakes,
 * which cost that variant alone. */
static int look_at(struct compare *c, struct compare_variant *v)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    int status = -1;
    enum err_code code =
        scenario_load(&s, &world_spec, v->file->path, v->sets, v->set_count, &problems);
    if (code == ERR_OK) {
        const struct world_cfg *cfg = scenario_root(s);
        fputs(scenario_notes(s), stderr);
        v->seed = cfg->seed;
        v->expects_unsafe = cfg->expect.unsafe;
    } else if (problems.text) {
        fprintf(stderr, "weft compare: %s:\n%s", v->name, problems.text);
        v->failed = true;
        c->status = CLI_BAD_INPUT;
    } else {
        status = cli_complain(c->self, "no memory left");
    }
    scenario_destroy(s);
    scenario_problems_fini(&problems);
    return status;
}

static int make_variants(struct compare *c)
{
    const struct cli_list *common = &c->options->sets;
    size_t total = 0;
    int status = -1;
    for (size_t f = 0; f < c->file_count; f++)
        total += c->files[f].variants;
    if (total > COMPARE_VARIANTS)
        return cli_complain(c->self, "more than %d variants", COMPARE_VARIANTS);
    c->variants = calloc(total, sizeof *c->variants);
    if (!c->variants)
        return cli_complain(c->self, "no memory left");
    for (size_t f = 0; f < c->file_count; f++)
        for (size_t i = 0; i < c->files[f].variants && status < 0; i++) {
            struct compare_variant *v = &c->variants[c->variant_count++];
            v->file = &c->files[f];
            v->number = i;
            for (size_t k = 0; k < common->count; k++)
                v->sets[v->set_count++] = common->items[k];
            for (size_t k = 0; k < v->file->vary_count; k++)
                v->sets[v->set_count++] = v->file->varies[k].sets[value_of(v->file, i, k)];
            name_variant(c, v);
            status = look_at(c, v);
        }
    return status;
}

int compare_plan(struct compare *c, char *const *paths, size_t count)
{
    const struct compare_options *o = c->options;
    int status = -1;
    while (figure_at(c->figures))
        c->figures++;
    if (o->sets.count > COMPARE_SETS)
        return cli_complain(c->self, "more than %d times --set", COMPARE_SETS);
    for (size_t i = 0; i < o->figures.count && status < 0; i++)
        status = add_column(c, "--figure", o->figures.items[i]);
    c->files = calloc(count, sizeof *c->files);
    if (!c->files)
        return cli_complain(c->self, "no memory left");
    for (; c->file_count < count && status < 0; c->file_count++) {
        c->files[c->file_count] =
            (struct compare_file){.path = paths[c->file_count], .variants = 1};
        status = read_sweep(c, &c->files[c->file_count]);
    }
    for (size_t f = 0; f < c->file_count; f++)
        c->across |= c->files[f].across;
    c->across = (c->across || o->across) && !o->json;
    if (status < 0 && c->across && c->column_count == 0)
        status = cli_complain(c->self, "--across: no --figure is given, nor by the scenario");
    return status < 0 ? make_variants(c) : status;
}

void compare_fini(struct compare *c)
{
    for (size_t f = 0; f < c->file_count; f++)
        for (size_t v = 0; v < c->files[f].vary_count; v++)
            for (size_t i = 0; i < c->files[f].varies[v].count; i++) {
                free(c->files[f].varies[v].sets[i]);
                free(c->files[f].varies[v].names[i]);
            }
    for (size_t i = 0; i < c->variant_count; i++) {
        free(c->variants[i].values);
        free(c->variants[i].figures);
    }
    free(c->files);
    free(c->variants);
    free(c->columns);
}
