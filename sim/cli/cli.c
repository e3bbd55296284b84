#include "sim/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/nearest.h"

#define OPTIONS_MAX 32 /* of one subcommand; only the "did you mean" list needs the bound */

void cli_list_fini(struct cli_list *list)
{
    free(list->items);
    *list = (struct cli_list){0};
}

int cli_complain(const struct cli_command *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "weft %s: ", self->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_BAD_INPUT;
}

int cli_finish(const struct cli_command *self, int status)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_complain(self, "cannot write to the standard output: %s", strerror(errno));
    return status;
}

static void help_option(char letter, const char *name, const char *value, const char *doc)
{
    char left[64];
    char short_form[8] = "    ";
    if (letter)
        snprintf(short_form, sizeof short_form, "-%c, ", letter);
    snprintf(left, sizeof left, "%s--%s%s%s", short_form, name, value ? " " : "",
             value ? value : "");
    printf("  %-30s %s\n", left, doc);
}

void cli_help(const struct cli_command *self)
{
    printf("usage: weft %s%s%s%s\n\n%s\n", self->name, self->operands[0] ? " " : "", self->operands,
           " [options]", self->summary);
    if (self->details)
        printf("\n%s\n", self->details);
    if (self->more)
        self->more();
    printf("\noptions:\n");
    for (size_t i = 0; i < self->option_count; i++) {
        const struct cli_option *o = &self->options[i];
        help_option(o->letter, o->name, o->value, o->doc);
    }
    help_option('h', "help", NULL, "this page");
    printf("\nexit status: %s\n", self->statuses ? self->statuses
                                                 : "0 done, 1 a check failed, 2 bad input or "
                                                   "environment, 3 safety violated");
}

static const struct cli_option *find_option(const struct cli_command *self, const char *name,
                                            size_t size)
{
    for (size_t i = 0; i < self->option_count; i++)
        if (strlen(self->options[i].name) == size && !memcmp(self->options[i].name, name, size))
            return &self->options[i];
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_command *self, char letter)
{
    for (size_t i = 0; i < self->option_count; i++)
        if (self->options[i].letter && self->options[i].letter == letter)
            return &self->options[i];
    return NULL;
}

static int unknown_option(const struct cli_command *self, const char *arg)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (; count < self->option_count && count < OPTIONS_MAX; count++)
        names[count] = self->options[count].name;
    char word[64];
    snprintf(word, sizeof word, "%s", arg + strspn(arg, "-"));
    word[strcspn(word, "=")] = 0;
    const char *near = nearest_name(word, names, count);
    if (near)
        return cli_complain(self, "unknown option '%s'; did you mean --%s?", arg, near);
    return cli_complain(self, "unknown option '%s'; 'weft %s --help' lists the valid ones", arg,
                        self->name);
}

/* A number too large for 64 bits reads as the largest, *huge. */
static bool parse_u64(const char *text, uint64_t *out, bool *huge)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    unsigned long long v = strtoull(text, &end, base);
    if ((errno && errno != ERANGE) || *end)
        return false;
    *huge = errno == ERANGE;
    *out = v;
    return true;
}

static int set_choice(const struct cli_command *self, const struct cli_option *o, const char *text,
                      const char **out)
{
    char valid[256] = "";
    for (size_t i = 0; o->choices[i]; i++) {
        if (!strcmp(o->choices[i], text)) {
            *out = o->choices[i];
            return -1;
        }
        size_t used = strlen(valid);
        snprintf(valid + used, sizeof valid - used, "%s%s", i ? ", " : "", o->choices[i]);
    }
    return cli_complain(self, "--%s: '%s' is not valid; valid are: %s", o->name, text, valid);
}

static int set_option(const struct cli_command *self, const struct cli_option *o, const char *text,
                      void *values, int argc)
{
    void *at = (char *)values + o->offset;
    switch (o->type) {
    case CLI_FLAG:
        if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return cli_complain(self, "--%s: '%s' is neither true nor false", o->name, text);
        *(bool *)at = !text || !strcmp(text, "true");
        return -1;
    case CLI_STRING: *(const char **)at = text; return -1;
    case CLI_CHOICE: return set_choice(self, o, text, at);
    case CLI_U64: {
        uint64_t v, max = o->max ? o->max : UINT64_MAX;
        bool huge;
        if (!parse_u64(text, &v, &huge))
            return cli_complain(self, "--%s: '%s' is not a whole number", o->name, text);
        if (huge || v < o->min || v > max)
            return cli_complain(self, "--%s: %s is out of range; valid is %llu to %llu", o->name,
                                text, (unsigned long long)o->min, (unsigned long long)max);
        *(uint64_t *)at = v;
        return -1;
    }
    case CLI_LIST: {
        struct cli_list *list = at;
        if (!list->items)
            list->items = calloc((size_t)argc, sizeof *list->items);
        if (!list->items)
            return cli_complain(self, "out of memory");
        list->items[list->count++] = text;
        return -1;
    }
    }
    return -1;
}

/* One argument that starts with '-': finds its row and its value (which may be the next argument).
 */
static int parse_option(const struct cli_command *self, int argc, char **argv, int *at,
                        void *values)
{
    char *arg = argv[*at];
    const struct cli_option *o;
    const char *text = NULL;
    if (arg[1] == '-') {
        size_t size = strcspn(arg + 2, "=");
        o = find_option(self, arg + 2, size);
        if (arg[2 + size] == '=')
            text = arg + 3 + size;
    } else {
        o = find_letter(self, arg[1]);
        if (o && arg[2])
            text = arg + 2;
    }
    if (!o || (o->type == CLI_FLAG && text && arg[1] != '-'))
        return unknown_option(self, arg);
    if (o->type != CLI_FLAG && !text) {
        if (*at + 1 >= argc)
            return cli_complain(self, "--%s needs a value (%s)", o->name, o->value);
        text = argv[++*at];
    }
    return set_option(self, o, text, values, argc);
}

int cli_parse(const struct cli_command *self, int argc, char **argv, void *values,
              struct cli_operands *operands)
{
    *operands = (struct cli_operands){.items = argv + 1};
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && !strcmp(argv[i], "--")) {
            options = false;
        } else if (options && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
            cli_help(self);
            return cli_finish(self, CLI_DONE);
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            int status = parse_option(self, argc, argv, &i, values);
            if (status >= 0)
                return status;
        } else {
            operands->items[operands->count++] = argv[i];
        }
    }
    if (operands->count < self->min_operands)
        return cli_complain(self, "needs %s; see 'weft %s --help'", self->operands, self->name);
    if (self->max_operands >= 0 && operands->count > self->max_operands)
        return cli_complain(self, "one argument too many: '%s'",
                            operands->items[self->max_operands]);
    return -1;
}

bool cli_digits(const char **text, uint64_t *out)
{
    const char *at = *text;
    bool fits = true;
    for (*out = 0; *at >= '0' && *at <= '9'; at++)
        fits &= !__builtin_mul_overflow(*out, (uint64_t)10, out) &&
                !__builtin_add_overflow(*out, (uint64_t)(*at - '0'), out);
    bool some = at != *text;
    *text = at;
    return some && fits;
}

uint32_t cli_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}
