/* sim/record through its interface; what is in the file is checked by reading it back with the
 * digest, which goes over every byte, and by tests/record/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/record/digest.h"
#include "sim/record/record.h"

static char folder[] = "/tmp/weft-record-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const struct record_info info = {.scenario_name = "unit",
                                        .scenario = "name: unit\n",
                                        .host = "h",
                                        .start = "s",
                                        .seed = UINT64_MAX - 5,
                                        .interval = 7 * SIM_MS,
                                        .layers = 2,
                                        .nodes = 3};

struct extra_row {
    double v;
    char word[7];
    bool yes;
};

static const struct record_column extra_columns[] = {
    {"v", RECORD_F64, offsetof(struct extra_row, v), 0, NULL, "m", "a length"},
    {"word", RECORD_TEXT, offsetof(struct extra_row, word), sizeof((struct extra_row){0}.word),
     NULL, "", "a word"},
    {"yes", RECORD_BOOLEAN, offsetof(struct extra_row, yes), 0, NULL, "", "or no"}};
static const struct record_table extra_table = {
    "extra", "A model's own.", RECORD_APPEND, sizeof(struct extra_row), extra_columns, 3};
static const struct record_series extra_series = {"depth", RECORD_NONE, "m", "a depth"};

struct plan {
    uint32_t host_ms;
    int flush_every; /* rows; 0: never */
    unsigned rows;
    uint64_t salt;    /* changes one value of one row */
    const char *note; /* attribute that must not matter */
};

/* Writes a run by the plan; path NULL: none. */
static void write_run(const char *path, const struct plan *p, char digest[RECORD_DIGEST_SIZE])
{
    struct err err = {0};
    struct record *r;
    uint32_t table, series;
    struct record_policy policy = {.host_ms = p->host_ms};
    struct record_info mine = info;
    mine.host = mine.start = p->note;
    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_add_table(r, &table, &extra_table, &err), ERR_OK);
    assert_int_equal(record_add_series(r, &series, &extra_series, &err), ERR_OK);
    assert_int_equal(record_start(r, path, &mine, &policy, &err), ERR_OK);
    for (unsigned i = 0; i < p->rows; i++) {
        struct record_blocks_row b = {.height = i * 0x9e3779b97f4a7c15u,
                                      .committed = RECORD_NEVER,
                                      .base_fee = UINT64_MAX - i,
                                      .layer = i & 1,
                                      .status = (uint8_t)(i % 3)};
        memset(b.hash, (int)(i * 37), sizeof b.hash);
        if (i == p->rows / 2)
            b.gas_used += p->salt;
        struct extra_row e = {.v = i % 5 ? (double)i / 3 : (double)NAN, .yes = i % 2};
        snprintf(e.word, sizeof e.word, "w%u", i % 9973);
        struct record_nodes_row n = {.id = i % 3, .bytes_in = i};
        assert_int_equal(record_append(r, RECORD_T_blocks, &b, &err), ERR_OK);
        assert_int_equal(record_append(r, table, &e, &err), ERR_OK);
        assert_int_equal(record_put(r, RECORD_T_nodes, i % 3, &n, &err), ERR_OK);
        assert_int_equal(
            record_sample(r, (sim_time)(i + 1) * 7 * SIM_MS, RECORD_PHASE_MEASURE, &err), ERR_OK);
        record_value(r, RECORD_S_OFFERED, i & 1, i);
        if (p->flush_every && i % (unsigned)p->flush_every == 0)
            assert_int_equal(record_flush(r, &err), ERR_OK);
        record_value(r, RECORD_S_UTILISATION, i % 3,
                     0.25); /* a flush may fall into an open sample */
        record_value(r, series, 0, -1.5 * i);
    }
    assert_int_equal(record_rows(r, RECORD_T_blocks), p->rows);
    assert_int_equal(record_finish(r, digest, SIM_SEC, p->note, &err), ERR_OK);
    record_destroy(r);
}

static void digest_depends_on_the_rows_alone(void **state)
{
    (void)state;
    static const struct plan plans[] = {{0, 0, 1200, 0, "one"},
                                        {1, 0, 1200, 0, "two"},
                                        {0, 100, 1200, 0, "three"},
                                        {0, 7, 1200, 0, "four"}};
    struct err err = {0};
    char first[RECORD_DIGEST_SIZE], digest[RECORD_DIGEST_SIZE], read[RECORD_DIGEST_SIZE];
    write_run(NULL, &plans[0], first);
    assert_int_equal(strlen(first), 64);
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        write_run(path_of("run.h5"), &plans[i], digest);
        assert_string_equal(digest, first);
        assert_int_equal(record_digest_file(path_of("run.h5"), read, &err), ERR_OK);
        assert_string_equal(read, first);
    }
}

static void digest_sees_one_changed_value(void **state)
{
    (void)state;
    char a[RECORD_DIGEST_SIZE], b[RECORD_DIGEST_SIZE], c[RECORD_DIGEST_SIZE];
    write_run(NULL, &(struct plan){0, 0, 500, 0, ""}, a);
    write_run(NULL, &(struct plan){0, 0, 500, 1, ""}, b);
    write_run(NULL, &(struct plan){0, 0, 501, 0, ""}, c);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
}

static void empty_run_is_whole(void **state)
{
    (void)state;
    struct err err = {0};
    char digest[RECORD_DIGEST_SIZE], read[RECORD_DIGEST_SIZE];
    write_run(path_of("empty.h5"), &(struct plan){0, 0, 0, 0, ""}, digest);
    assert_int_equal(record_digest_file(path_of("empty.h5"), read, &err), ERR_OK);
    assert_string_equal(read, digest);
}

static void unfinished_run_says_so(void **state)
{
    (void)state;
    struct err err = {0};
    struct record *r;
    char read[RECORD_DIGEST_SIZE];
    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_start(r, path_of("cut.h5"), &info, NULL, &err), ERR_OK);
    struct record_faults_row f = {.time = 5, .node = -1, .kind = "crash"};
    assert_int_equal(record_append(r, RECORD_T_faults, &f, &err), ERR_OK);
    assert_int_equal(record_flush(r, &err), ERR_OK);
    record_destroy(r);
    assert_int_equal(record_digest_file(path_of("cut.h5"), read, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "did not end"));
}

/* A run that cannot begin leaves what was there: the results of the run before, or nothing. */
static void discarded_run_was_never_there(void **state)
{
    (void)state;
    struct err err = {0};
    struct record *r;
    char digest[RECORD_DIGEST_SIZE], read[RECORD_DIGEST_SIZE];
    write_run(path_of("old.h5"), &(struct plan){0, 0, 9, 0, ""}, digest);
    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_start(r, path_of("old.h5"), &info, NULL, &err), ERR_OK);
    assert_int_equal(record_digest_file(path_of("old.h5"), read, &err), ERR_INPUT);
    record_discard(r);
    record_destroy(r);
    assert_int_equal(record_digest_file(path_of("old.h5"), read, &err), ERR_OK);
    assert_string_equal(read, digest);

    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_start(r, path_of("new.h5"), &info, NULL, &err), ERR_OK);
    assert_int_equal(access(path_of("new.h5"), F_OK), 0);
    record_discard(r);
    record_destroy(r);
    assert_int_equal(access(path_of("new.h5"), F_OK), -1);

    /* Once rows were written it is a run, and stays. */
    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_start(r, path_of("old.h5"), &info, NULL, &err), ERR_OK);
    assert_int_equal(record_flush(r, &err), ERR_OK);
    record_discard(r);
    record_destroy(r);
    assert_int_equal(record_digest_file(path_of("old.h5"), read, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "did not end"));
}

static void bad_definitions_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct record *r;
    struct record_table t = extra_table;
    struct record_series s = extra_series;
    struct record_column twice[] = {extra_columns[0], extra_columns[0]};
    struct record_column outside = extra_columns[0];
    assert_int_equal(record_create(&r, &err), ERR_OK);
    static const char *const names[] = {
        "blocks",
        "series",
        "",
        "Upper",
        "a/b",
        "a b",
        "x123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        t.name = names[i];
        assert_int_equal(record_add_table(r, NULL, &t, &err), ERR_INPUT);
    }
    t.name = "fine";
    t.columns = twice;
    t.column_count = 2;
    assert_int_equal(record_add_table(r, NULL, &t, &err), ERR_INPUT);
    outside.offset = sizeof(struct extra_row) - 1;
    t.columns = &outside;
    t.column_count = 1;
    assert_int_equal(record_add_table(r, NULL, &t, &err), ERR_INPUT);
    t.column_count = 0;
    assert_int_equal(record_add_table(r, NULL, &t, &err), ERR_INPUT);
    static const char *const series[] = {"time", "phase", "node", "layer", "offered", "no dots."};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        s.name = series[i];
        assert_int_equal(record_add_series(r, NULL, &s, &err), ERR_INPUT);
    }
    record_destroy(r);
}

/* After the path cannot be written, every call gives the first error and none does harm. */
static void errors_stick(void **state)
{
    (void)state;
    struct err err = {0}, later = {0};
    struct record *r;
    struct record_events_row e = {.time = 1};
    assert_int_equal(record_create(&r, &err), ERR_OK);
    assert_int_equal(record_start(r, path_of("no/such/run.h5"), &info, NULL, &err), ERR_IO);
    assert_non_null(strstr(err.text, "No such file or directory"));
    assert_int_equal(record_append(r, RECORD_T_events, &e, NULL), ERR_IO);
    assert_int_equal(record_sample(r, 5, RECORD_PHASE_DRAIN, NULL), ERR_IO);
    assert_int_equal(record_flush(r, NULL), ERR_IO);
    assert_int_equal(record_finish(r, NULL, 5, "", &later), ERR_IO);
    assert_string_equal(later.text, err.text);
    record_destroy(r);
}

/* Every column's place follows from the rows of tables.def, without gaps of meaning. */
static void standard_tables_are_sound(void **state)
{
    (void)state;
    for (size_t t = 0; t < RECORD_TABLE_COUNT; t++) {
        const struct record_table *table = &record_tables[t];
        for (size_t i = 0; i < table->column_count; i++) {
            const struct record_column *c = &table->columns[i];
            assert_true(c->doc[0] != 0);
            if (i > 0)
                assert_true(c->offset > table->columns[i - 1].offset);
            assert_true((c->type == RECORD_LABEL) == (c->labels != NULL));
            assert_true((c->type == RECORD_TEXT) == (c->size > 0));
        }
    }
    assert_string_equal(record_tables[RECORD_T_schedule].name, "schedule");
    assert_string_equal(record_standard_series[RECORD_S_BASE_FEE].name, "base_fee");
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"run.h5", "empty.h5", "cut.h5", "old.h5"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(path_of(names[i]));
    return rmdir(folder); /* fails if a hidden file was left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_depends_on_the_rows_alone),
        cmocka_unit_test(digest_sees_one_changed_value),
        cmocka_unit_test(empty_run_is_whole),
        cmocka_unit_test(unfinished_run_says_so),
        cmocka_unit_test(discarded_run_was_never_there),
        cmocka_unit_test(bad_definitions_are_refused),
        cmocka_unit_test(errors_stick),
        cmocka_unit_test(standard_tables_are_sound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
