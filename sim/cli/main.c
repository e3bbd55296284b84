/* The program `weft`: picks the subcommand. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "sim/base/nearest.h"
#include "sim/cli/cli.h"

#define CLI_COMMAND(symbol) &cli_##symbol,
static const struct cli_command *const commands[] = {
#include "sim/cli/commands.def"
    NULL};
#undef CLI_COMMAND

#define COMMAND_COUNT (sizeof commands / sizeof commands[0]) /* the closing NULL included */

static const struct cli_command program = {.name = "--help", .operands = ""};

static int help(void)
{
    printf("usage: weft COMMAND [arguments] [options]\n\n"
           "A discrete-event simulator for parallel-EVM networks.\n\ncommands:\n");
    for (size_t i = 0; commands[i]; i++)
        printf("  %-16s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n'weft COMMAND --help' or 'weft help COMMAND' says more; 'weft --version' prints the "
           "version.\n\n"
           "exit status: 0 done, 1 a check failed, 2 bad input or environment, "
           "3 safety violated\n");
    return cli_finish(&program, CLI_DONE);
}

/* Words of the name that the arguments match: 0 is no match. */
static int match(const char *name, int argc, char **argv)
{
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);
    if (strlen(argv[0]) != first || memcmp(argv[0], name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

/* "bench" alone, or with a second word that no command of the family has. */
static int family(int argc, char **argv)
{
    size_t size = strlen(argv[0]);
    const char *words[COMMAND_COUNT];
    size_t count = 0;
    for (size_t i = 0; commands[i]; i++)
        if (!strncmp(commands[i]->name, argv[0], size) && commands[i]->name[size] == ' ')
            words[count++] = commands[i]->name + size + 1;
    if (count == 0)
        return -1;
    bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    const struct cli_command *only = NULL;
    for (size_t i = 0; commands[i] && count == 1; i++)
        if (!strncmp(commands[i]->name, argv[0], size) && commands[i]->name[size] == ' ')
            only = commands[i];
    if (asked && only) {
        cli_help(only);
        return cli_finish(&program, CLI_DONE);
    }
    if (asked) {
        for (size_t i = 0; commands[i]; i++)
            if (!strncmp(commands[i]->name, argv[0], size) && commands[i]->name[size] == ' ')
                printf("weft %-16s %s\n", commands[i]->name, commands[i]->summary);
        return cli_finish(&program, CLI_DONE);
    }
    const char *near = argc > 1 ? nearest_name(argv[1], words, count) : NULL;
    if (argc > 1)
        fprintf(stderr, "weft %s: unknown '%s'; valid are:", argv[0], argv[1]);
    else
        fprintf(stderr, "weft %s: what? One of:", argv[0]);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, " %s", words[i]);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else if (only)
        fprintf(stderr, "; as in: weft %s %s [options]\n", only->name, only->operands);
    else
        fprintf(stderr, "\n");
    return CLI_BAD_INPUT;
}

static int unknown(const char *word)
{
    const char *names[COMMAND_COUNT + 2] = {"--help", "--version"};
    size_t count = 2;
    for (size_t i = 0; commands[i]; i++)
        names[count++] = commands[i]->name;
    const char *near = nearest_name(word, names, count);
    const char *what = word[0] == '-' ? "option" : "command";
    if (near)
        fprintf(stderr, "weft: unknown %s '%s'; did you mean '%s'?\n", what, word, near);
    else
        fprintf(stderr, "weft: unknown %s '%s'; 'weft --help' lists the valid ones\n", what, word);
    return CLI_BAD_INPUT;
}

/* "help run", "--help bench engine": the page of that command. */
static int help_of(int argc, char **argv)
{
    static char flag[] = "--help";
    for (size_t i = 0; commands[i]; i++)
        if (match(commands[i]->name, argc, argv)) {
            cli_help(commands[i]);
            return cli_finish(&program, CLI_DONE);
        }
    char *asked[] = {argv[0], flag};
    int status = family(2, asked);
    return status >= 0 ? status : unknown(argv[0]);
}

/* What one block gives back the next one wants: memory returned to the system would have to be
 * mapped and cleared again, page by page, which costs a small transaction a tenth of its time. And
 * no bins that every larger request would empty: with a thousand pools that let go of small pieces
 * that is a fifth of a run. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the largest it takes */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 4 << 20);
    mallopt(M_MXFAST, 0);
#endif
}

int main(int argc, char **argv)
{
    keep_memory();
    signal(SIGXFSZ,
           SIG_IGN); /* a file size limit is to be an error of the write, with its one line */
    if (argc < 2) {
        fprintf(stderr, "weft: no command given; 'weft --help' lists them\n");
        return CLI_BAD_INPUT;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return argc > 2 ? help_of(argc - 2, argv + 2) : help();
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v")) {
        printf("weft " WEFT_VERSION "\n");
        return cli_finish(&program, CLI_DONE);
    }
    for (size_t i = 0; commands[i]; i++) {
        int words = match(commands[i]->name, argc - 1, argv + 1);
        if (words)
            return commands[i]->run(commands[i], argc - words, argv + words);
    }
    int status = family(argc - 1, argv + 1);
    return status >= 0 ? status : unknown(argv[1]);
}
