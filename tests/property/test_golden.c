/* Golden runs: small scenarios of tests/golden whose whole course is written down beside them, with
 * simulated times. A change of a model's prediction shows up here as a difference that somebody
 * must accept: run with WEFT_ACCEPT=1 and look at the diff before committing it. */
#include "tests/property/world_fixture.h"

static const char *const names[] = {"tendermint", "poa", "pow", "after-order"};

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t size = text ? fread(text, 1, (1 << 20) - 1, f) : 0;
    (void)size;
    fclose(f);
    return text;
}

static void write_blocks(FILE *out, const struct layer *l)
{
    fprintf(out,
            "layer %s\n height round proposer  proposed_ns  committed_ns  last_received_ns  "
            "txs  gas_used makespan_ns  hash\n",
            l->name);
    for (uint64_t h = 1; h < l->chain->committed.len; h++) {
        const struct block *b = fixture_block(l, h);
        const struct block_track *t = b->track;
        fprintf(out, "%7llu %5llu %8u %12lld %13lld %17lld %4u %9llu %11lld  %02x%02x%02x%02x\n",
                (unsigned long long)h, (unsigned long long)b->round, b->proposer,
                (long long)b->created, (long long)t->committed, (long long)t->last_received,
                b->tx_count, (unsigned long long)t->gas_used, (long long)t->timing.makespan_ns,
                b->hash.b[0], b->hash.b[1], b->hash.b[2], b->hash.b[3]);
    }
}

static void write_run(FILE *out, const struct world *w)
{
    for (layer_id i = 0; i < w->layer_count; i++)
        write_blocks(out, &w->layers[i]);
    fprintf(out, "nodes\n   id final  executed         busy_ns  bytes_out\n");
    for (node_id i = 0; i < w->node_count; i++) {
        struct net_node_stats net;
        net_stats(w->net, i, &net);
        fprintf(out, "%5u %5llu %9llu %15lld %10llu\n", i,
                (unsigned long long)w->nodes[i].final->height,
                (unsigned long long)w->nodes[i].executed_blocks, (long long)w->nodes[i].busy,
                (unsigned long long)net.bytes_out);
    }
    struct world_summary s;
    world_summarise(w, &s);
    fprintf(out, "offered %llu committed %llu latency_s p50 %.9f p99 %.9f\ndigest %s\n",
            (unsigned long long)s.offered, (unsigned long long)s.committed, s.latency_s.p50,
            s.latency_s.p99, s.digest);
}

static void show_difference(const char *expected, const char *got)
{
    unsigned line = 1;
    const char *start = got, *was = expected;
    while (*expected && *expected == *got) {
        if (*got == '\n') {
            line++;
            start = got + 1;
            was = expected + 1;
        }
        expected++;
        got++;
    }
    print_error("line %u\n  expected: %.*s\n  got:      %.*s\n", line, (int)strcspn(was, "\n"), was,
                (int)strcspn(start, "\n"), start);
}

static void check_golden(const char *name)
{
    char path[256];
    struct scenario_problems problems = {0};
    struct fixture f = {0};
    struct err err = {0};
    snprintf(path, sizeof path, "tests/golden/%s.yaml", name);
    if (scenario_load(&f.scenario, &world_spec, path, NULL, 0, &problems) != ERR_OK)
        fail_msg("%s", problems.text ? problems.text : "no memory");
    scenario_problems_fini(&problems);
    struct world_options options = {.threads = 2, .program_version = "test"};
    if (world_create(&f.world, f.scenario, &options, &err) != ERR_OK)
        fail_msg("%s", err.text);
    fixture_run(&f);
    char *got = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&got, &size);
    write_run(out, f.world);
    fclose(out);
    fixture_free(&f);
    snprintf(path, sizeof path, "tests/golden/%s.txt", name);
    if (getenv("WEFT_ACCEPT")) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(got, file);
        fclose(file);
    }
    char *expected = read_file(path);
    assert_non_null(expected);
    if (strcmp(expected, got) != 0) {
        show_difference(expected, got);
        fail_msg("%s differs; if that is meant, run this test with WEFT_ACCEPT=1", path);
    }
    free(expected);
    free(got);
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_golden(names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
