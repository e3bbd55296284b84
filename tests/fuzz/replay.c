/* Runs one target without libFuzzer:
 *
 *     fuzz_NAME FILE...            these files, and nothing else
 *     fuzz_NAME FOLDER...          every file of them, then the generator's inputs of the target's
 * plan fuzz_NAME --random COUNT     COUNT inputs of the generator fuzz_NAME --only N input N of the
 * generator
 *
 * Prints "ok" lines as tests/run.sh counts them, and on an
 * abort which input it was. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static char current[512]; /* the input that runs now, for the abort's message */

static void say_which(int sig)
{
    (void)sig;
    static const char before[] = "the input was ";
    if (write(2, before, sizeof before - 1) < 0 || write(2, current, strlen(current)) < 0 ||
        write(2, "\n", 1) < 0)
        _exit(3);
    _exit(1);
}

static bool run_file(const char *path)
{
    snprintf(current, sizeof current, "%s", path);
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return false;
    long size = ftell(f);
    rewind(f);
    /* Exactly as long as the input, so that a sanitizer sees a read behind its end. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    bool ok = data && size >= 0 && fread(data, 1, (size_t)size, f) == (size_t)size;
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    fclose(f);
    return ok;
}

static int order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int usage(FILE *to, const char *name, int status)
{
    fprintf(to,
            "usage: %s FILE...          run these files\n"
            "       %s FOLDER...        run all their files, then %u inputs of the generator\n"
            "       %s --random COUNT   run COUNT inputs of the generator\n"
            "       %s --only N         run input N of the generator\n",
            name, name, fuzz_plan.runs, name, name);
    return status;
}

/* In the order of the names. Returns how many files ran, or -1. */
static long run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return run_file(path) ? 1 : -1;
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        return -1;
    long ran = 0;
    char **names = calloc((size_t)n + 1, sizeof *names);
    for (int i = 0; names && i < n; i++)
        names[i] = entries[i]->d_name;
    if (names)
        qsort(names, (size_t)n, sizeof *names, order);
    for (int i = 0; names && i < n && ran >= 0; i++) {
        char file[512];
        if (names[i][0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        ran = run_file(file) ? ran + 1 : -1;
    }
    free(names);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return ran;
}

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Input n of the generator: bytes, some of them in runs, short inputs more often than long ones. */
static void run_random(uint64_t n)
{
    snprintf(current, sizeof current, "--only %lu", (unsigned long)n);
    uint64_t state = n * 0x2545f4914f6cdd1du + 1;
    size_t most = fuzz_plan.max_size >> mix(&state) % 5;
    size_t size = (size_t)(mix(&state) % (most + 1));
    uint8_t *data = malloc(size ? size : 1);
    if (!data)
        abort();
    for (size_t i = 0; i < size; i++) {
        uint64_t x = mix(&state);
        data[i] = i && x >> 60 == 0 ? data[i - 1] : (uint8_t)x;
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int argc, char **argv)
{
    unsigned long runs = 0;
    bool counted = false;
    if (argc < 2)
        return usage(stderr, argv[0], 2);
    signal(SIGABRT, say_which);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--random") == 0 && i + 1 < argc) {
            runs = strtoul(argv[++i], NULL, 10);
            counted = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            run_random(strtoul(argv[++i], NULL, 10));
            return 0;
        } else if (strcmp(argv[i], "--help") == 0) {
            return usage(stdout, argv[0], 0);
        } else if (argv[i][0] == '-') {
            return usage(stderr, argv[0], 2);
        } else {
            if (!counted && is_folder(argv[i]))
                runs = fuzz_plan.runs;
            long ran = run_path(argv[i]);
            if (ran <= 0) {
                printf("not ok %s: %s\n", argv[i], ran ? "cannot be read" : "holds no input");
                return 1;
            }
            printf("ok %s: %ld inputs\n", argv[i], ran);
        }
    }
    for (unsigned long n = 0; n < runs; n++)
        run_random(n);
    bool reached = runs < fuzz_plan.runs || !fuzz_plan.reached || fuzz_plan.reached();
    if (runs)
        printf("%s %lu inputs of the generator\n", reached ? "ok" : "not ok", runs);
    return !reached;
}
