/* The scenario language on a small world of its own: what is read, what is refused with which words
 * at which place, what overrides what, and that a resolved scenario reads back as itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

/* --- the worked example ----------------------------------------------------------------------- */

#define TOY_LINK_FIELDS(F, S)                                                                      \
    F(S, BANDWIDTH, up, "100Mbit/s", "1kbit/s", NULL, "Upload rate of a node.")                    \
    F(S, AROUND(DURATION), jitter, "0ms", "0ms", "1h", "Added to a message.")                      \
    F(S, FRACTION, loss, "0%", "0%", "99%", "Messages lost.")                                      \
    F(S, DURATION, timeout, "never", "1ms", "never", "Gives up after this.")                       \
    F(S, WEIGHTS, regions, "{home: 100%}", NULL, NULL, "Where nodes stand.")
FIELD_DECLARE(toy_link, TOY_LINK_FIELDS);

#define TOY_COUPLING(E, S)                                                                         \
    E(S, TOY_BEFORE_VOTE, "execute-before-vote", "Run, then vote.")                                \
    E(S, TOY_AFTER_ORDER, "execute-after-order", "Order, then run.")
FIELD_ENUM_DECLARE(toy_coupling, TOY_COUPLING);

#define TOY_BFT_FIELDS(F, S)                                                                       \
    F(S, DURATION, block_interval, "1s", "1ms", "1h", "Time between blocks.")                      \
    F(S, DURATION, timeout, "3s", "1ms", "1h", "Wait for a proposal.")
FIELD_DECLARE(toy_bft, TOY_BFT_FIELDS);
#define TOY_POW_FIELDS(F, S)                                                                       \
    F(S, DURATION, block_interval, "1s", "1ms", "1h", "Time between blocks.")                      \
    F(S, COUNT, difficulty, "5", "1", NULL, "How hard it is.")
FIELD_DECLARE(toy_pow, TOY_POW_FIELDS);
FIELD_DECLARE_EMPTY(toy_solo);

#define TOY_LAYER_FIELDS(F, S)                                                                     \
    F(S, STRING, name, NULL, "1", "20", "What results call it.")                                   \
    F(S, COUNT, nodes, NULL, "1", "100k", "How many nodes.")                                       \
    F(S, MODEL(consensus), consensus, "bft", NULL, NULL, "How it agrees.")                         \
    F(S, MODEL(consensus), backup, "none", NULL, NULL, "What takes over.")                         \
    F(S, ENUM(toy_coupling), coupling, "execute-before-vote", NULL, NULL, "When it runs.")         \
    F(S, GAS, gas_limit, "30Mgas", "21kgas", "unlimited", "Of a block.")
FIELD_DECLARE(toy_layer, TOY_LAYER_FIELDS);

#define TOY_LOAD_FIELDS(F, S)                                                                      \
    F(S, RATE, rate, "100/s", "0/s", "1M/s", "Transactions offered.")                              \
    F(S, SKEW, recipients, "uniform", NULL, NULL, "Who is paid.")                                  \
    F(S, DIST(WEI), tip, "1gwei", "0wei", NULL, "What is paid for speed.")                         \
    F(S, WEI, balance, "10ether", "0wei", NULL, "What an account begins with.")
FIELD_DECLARE(toy_load, TOY_LOAD_FIELDS);

#define TOY_FIELDS(F, S)                                                                           \
    F(S, STRING, name, "", NULL, NULL, "Of the run.")                                              \
    F(S, INT, offset, "-7", "-100", "100", "A whole number.")                                      \
    F(S, REAL, factor, "0.5", NULL, "10", "A number.")                                             \
    F(S, BOOL, quiet, "false", NULL, NULL, "Says less.")                                           \
    F(S, COUNT, seed, "1", NULL, NULL, "Every draw follows from it.")                              \
    F(S, DURATION, duration, "30s", "1ms", NULL, "Of the run.")                                    \
    F(S, SIZE, buffer, "64KiB", "1B", "1GiB", "Bytes.")                                            \
    F(S, PATH, data, "", NULL, NULL, "A file.")                                                    \
    F(S, STRINGS, tags, "[]", NULL, "3", "Words.")                                                 \
    F(S, STRUCT(toy_link), network, "", NULL, NULL, "Links.")                                      \
    F(S, MODEL(consensus), backup, "none", NULL, NULL, "For all.")                                 \
    F(S, LIST(toy_layer), layers, NULL, "1", "4", "Layers.")                                       \
    F(S, MODELS(workload), workload, "", "0", "8", "Load.")
FIELD_DECLARE(toy, TOY_FIELDS);

static void check_link(const void *cfg, struct field_report *r)
{
    const struct toy_link *link = cfg;
    if (link->timeout < 10 * SIM_MS && link->loss > 0)
        field_complain(r, "timeout", "must be 10ms or more where messages are lost");
}

FIELD_DEFINE(toy_link, TOY_LINK_FIELDS, "One node's access link.", check_link);
FIELD_ENUM_DEFINE(toy_coupling, TOY_COUPLING);
FIELD_DEFINE(toy_bft, TOY_BFT_FIELDS, "Settings of bft.", NULL);
FIELD_DEFINE(toy_pow, TOY_POW_FIELDS, "Settings of pow.", NULL);
FIELD_DEFINE_EMPTY(toy_solo, "Settings of solo.");
FIELD_DEFINE(toy_layer, TOY_LAYER_FIELDS, "One layer.", NULL);
FIELD_DEFINE(toy_load, TOY_LOAD_FIELDS, "Settings of a load.", NULL);
FIELD_DEFINE(toy, TOY_FIELDS, "A toy world.", NULL);

static const struct field_model bft = {"bft", "Votes in rounds.", &toy_bft_table};
static const struct field_model solo = {"solo", "One node decides.", &toy_solo_table};
static const struct field_model pow_model = {"pow", "Work decides.", &toy_pow_table};
static const struct field_model transfer = {"transfer", "Plain payments.", &toy_load_table};
static const struct field_model token = {"token", "Token payments.", &toy_load_table};
static const struct field_model *const consensus_entries[] = {&bft, &solo, &pow_model};
static const struct field_model *const load_entries[] = {&transfer, &token};
static const struct field_registry consensus_models = {"consensus", "How layers agree.",
                                                       consensus_entries, 3};
static const struct field_registry load_models = {"workload", "Who sends what.", load_entries, 2};
static const struct field_registry *const registries[] = {&consensus_models, &load_models};
static const struct scenario_spec spec = {&toy_table, registries, 2, NULL};

/* --- helpers ---------------------------------------------------------------------------------- */

#define LAYERS "layers: [{name: main, nodes: 8}]\n"

static struct scenario *read_with(const char *text, const char *const *sets, size_t count)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    enum err_code code =
        scenario_parse(&s, &spec, "x.yaml", text, strlen(text), sets, count, &problems);
    if (code != ERR_OK)
        fail_msg("%s", problems.text ? problems.text : "no text");
    assert_null(problems.text);
    return s;
}

static void refused_with(const char *text, const char *set, const char *expected)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    enum err_code code =
        scenario_parse(&s, &spec, "x.yaml", text, strlen(text), &set, set ? 1 : 0, &problems);
    if (!problems.text)
        fail_msg("was read: %s (set %s)", text, set ? set : "nothing");
    assert_string_equal(problems.text, expected);
    assert_int_not_equal(code, ERR_OK);
    assert_null(s);
    scenario_problems_fini(&problems);
}

static char folder[] = "/tmp/weft-scenario-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    struct scenario *s = read_with(LAYERS, NULL, 0);
    const struct toy *t = scenario_root(s);
    const struct toy_layer *layer = t->layers.items;
    const struct toy_bft *b = layer->consensus.cfg;
    assert_string_equal(t->name, "");
    assert_int_equal(t->offset, -7);
    assert_true(t->factor == 0.5);
    assert_int_equal(t->duration, 30 * SIM_SEC);
    assert_int_equal(t->buffer, 65536);
    assert_int_equal(t->network.up, 100000000);
    assert_int_equal(t->network.timeout, SIM_TIME_NEVER);
    assert_int_equal(t->network.regions.count, 1);
    assert_true(t->network.regions.shares[0] == 1);
    assert_int_equal(t->layers.count, 1);
    assert_int_equal(layer->nodes, 8);
    assert_ptr_equal(layer->consensus.model, &bft);
    assert_int_equal(b->timeout, 3 * SIM_SEC);
    assert_null(layer->backup.model);
    assert_int_equal(layer->gas_limit, 30000000);
    assert_int_equal(t->workload.count, 0);
    assert_string_equal(scenario_source(s), LAYERS);
    scenario_destroy(s);
}

static const char full[] =
    "name: \"all: of it\"\n"
    "offset: 42\nfactor: 2.5\nquiet: true\nseed: 987654321\nduration: 12h\nbuffer: 1.5KiB\n"
    "tags: [a, 'b c', 7]\n"
    "network:\n"
    "  up: 20MB/s\n"
    "  jitter: lognormal(0ms, 5%)\n"
    "  loss: 0.01%\n"
    "  timeout: 750ms\n"
    "  regions: {us-east-1: 40%, eu-central-1: 40%, ap-northeast-1: 20%}\n"
    "layers:\n"
    "  - {name: main, nodes: 50k, consensus: {kind: bft, block_interval: 250ms}}\n"
    "  - name: side\n"
    "    nodes: 3\n"
    "    consensus: solo\n"
    "    backup: bft\n"
    "    coupling: execute-after-order\n"
    "    gas_limit: unlimited\n"
    "workload:\n"
    "  - {kind: token, rate: 800/s, recipients: zipf(1.1), tip: lognormal(1.5gwei, 0.5gwei)}\n"
    "  - transfer\n"
    "  - {kind: transfer, tip: normal(2gwei, 10%, 1gwei, 3gwei), balance: "
    "1.000000000000000001ether}\n";

static void test_everything(void **state)
{
    (void)state;
    struct scenario *s = read_with(full, NULL, 0);
    const struct toy *t = scenario_root(s);
    const struct toy_layer *layers = t->layers.items;
    const struct toy_bft *b = layers[0].consensus.cfg;
    assert_string_equal(t->name, "all: of it");
    assert_true(t->quiet);
    assert_int_equal(t->duration, 43200 * SIM_SEC);
    assert_string_equal(t->tags.items[1], "b c");
    assert_string_equal(t->tags.items[2], "7");
    assert_int_equal(t->network.up, 160000000);
    assert_int_equal(t->network.jitter.kind, SIM_DIST_LOGNORMAL);
    assert_true(t->network.jitter.param[1].relative);
    assert_true(t->network.jitter.param[1].value == 0.05);
    assert_int_equal(t->network.regions.count, 3);
    assert_string_equal(t->network.regions.names[2], "ap-northeast-1");
    assert_true(t->network.regions.shares[2] == 0.2);
    assert_int_equal(layers[0].nodes, 50000);
    assert_int_equal(b->block_interval, 250 * SIM_MS);
    assert_int_equal(b->timeout, 3 * SIM_SEC);
    assert_ptr_equal(layers[1].consensus.model, &solo);
    assert_ptr_equal(layers[1].backup.model, &bft);
    assert_int_equal(layers[1].coupling, TOY_AFTER_ORDER);
    assert_int_equal(layers[1].gas_limit, UINT64_MAX);
    const struct toy_load *load = t->workload.items[0].cfg;
    assert_true(load->rate == 800 && load->recipients.exponent == 1.1);
    assert_int_equal(load->tip.kind, SIM_DIST_LOGNORMAL);
    assert_true(load->tip.param[0].value == 1.5e9 && load->tip.param[1].value == 0.5e9);
    load = t->workload.items[2].cfg;
    assert_true(load->tip.param[1].value == 0.2e9 && !load->tip.param[1].relative);
    assert_int_equal(load->tip.count, 4);
    assert_int_equal(load->balance.w[0], 1000000000000000001);
    scenario_destroy(s);
}

/* Settings without a kind are those of the default model. */
static void test_default_kind(void **state)
{
    (void)state;
    struct scenario *s =
        read_with("layers: [{name: main, nodes: 8, consensus: {timeout: 7s}}]\n", NULL, 0);
    const struct toy *t = scenario_root(s);
    const struct toy_layer *layer = t->layers.items;
    assert_ptr_equal(layer->consensus.model, &bft);
    assert_int_equal(((const struct toy_bft *)layer->consensus.cfg)->timeout, 7 * SIM_SEC);
    scenario_destroy(s);
}

static void test_resolved_reads_back(void **state)
{
    (void)state;
    struct scenario *s = read_with(full, NULL, 0);
    const char *resolved = scenario_resolved(s);
    assert_non_null(strstr(resolved, "name: \"all: of it\"\n"));
    assert_non_null(strstr(resolved, "  - name: main\n    nodes: 50000\n    consensus:\n"
                                     "      kind: bft\n      block_interval: 250ms\n"));
    assert_non_null(strstr(resolved, "\n    backup: none\n"));
    assert_non_null(strstr(resolved, "\n  jitter: lognormal(0ms, 5%)\n"));
    assert_non_null(strstr(resolved, "    tip: lognormal(1.5gwei, 500Mwei)\n"));
    assert_non_null(strstr(resolved, "    balance: 1000000000000000001wei\n"));
    assert_non_null(strstr(resolved, "{us-east-1: 40%, eu-central-1: 40%, ap-northeast-1: 20%}"));
    struct scenario *again = read_with(resolved, NULL, 0);
    assert_string_equal(scenario_resolved(again), resolved);
    scenario_destroy(again);
    scenario_destroy(s);
}

/* --- refusing --------------------------------------------------------------------------------- */

static void test_one_problem(void **state)
{
    static const struct {
        const char *text, *set, *problem;
    } cases[] = {
        {LAYERS "sede: 7\n", NULL,
         "x.yaml:2:1: sede: is no setting here; valid: name, offset, factor, quiet, seed, "
         "duration, buffer, data, tags, network, backup, layers, workload; did you mean seed?\n"},
        {"layers: [{name: a, nodes: 2, consensus: btf}]\n", NULL,
         "x.yaml:1:41: layers[0].consensus: `btf` is no consensus model; valid: bft, solo, pow; "
         "did you "
         "mean bft?\n"},
        {"layers: [{name: a, nodes: 2, consensus: {kind: bft, block_intervall: 1s}}]\n", NULL,
         "x.yaml:1:53: layers[0].consensus.block_intervall: is no setting here; valid: kind, "
         "block_interval, timeout; did you mean block_interval?\n"},
        {"layers: [{name: a, nodes: 2, backup: {timeout: 1s}}]\n", NULL,
         "x.yaml:1:38: layers[0].backup: has no `kind`; valid: bft, solo, pow\n"},
        {LAYERS "workload: [{rate: 1/s}]\n", NULL,
         "x.yaml:2:12: workload[0]: has no `kind`; valid: transfer, token\n"},
        {"layers: [{name: a, nodes: 2, consensus: [bft]}]\n", NULL,
         "x.yaml:1:41: layers[0].consensus: must be a consensus model, as in `bft` or {kind: bft}; "
         "valid: bft, solo, pow\n"},
        {LAYERS "duration: 30\n", NULL,
         "x.yaml:2:11: duration: `30` has no unit; write one of ns, us, ms, s, min, h, d, as in "
         "250ms\n"},
        {LAYERS "duration: 0s\n", NULL,
         "x.yaml:2:11: duration: `0s` is out of range; valid: 1ms or more\n"},
        {LAYERS "offset: 101\n", NULL,
         "x.yaml:2:9: offset: `101` is out of range; valid: -100 to 100\n"},
        {LAYERS "factor: 10.5\n", NULL,
         "x.yaml:2:9: factor: `10.5` is out of range; valid: 10 or less\n"},
        {LAYERS "workload: [{kind: token, rate: -5/s}]\n", NULL,
         "x.yaml:2:32: workload[0].rate: `-5/s` is negative; a rate is 0 or more\n"},
        {LAYERS "quiet: yes\n", NULL, "x.yaml:2:8: quiet: `yes` is neither true nor false\n"},
        {LAYERS "quiet: {a: 1}\n", NULL,
         "x.yaml:2:8: quiet: is a map; write a true or false, as in true\n"},
        {LAYERS "network: fast\n", NULL,
         "x.yaml:2:10: network: is `fast`; write a map of settings; valid: up, jitter, loss, "
         "timeout, regions\n"},
        {"layers: main\n", NULL,
         "x.yaml:1:9: layers: is `main`; write a list, as in [{...}, {...}]\n"},
        {"layers: []\n", NULL, "x.yaml:1:9: layers: has 0 items; at least 1 needed\n"},
        {"layers: [main]\n", NULL,
         "x.yaml:1:10: layers[0]: must be a map of settings; valid: name, nodes, consensus, "
         "backup, "
         "coupling, gas_limit\n"},
        {"name: x\n", NULL, "x.yaml:1:1: layers: is missing; write a list\n"},
        {"layers: [{name: a}]\n", NULL,
         "x.yaml:1:10: layers[0].nodes: is missing; write a count, as in 50k\n"},
        {"layers: [{name: '', nodes: 1}]\n", NULL,
         "x.yaml:1:17: layers[0].name: has 0 letters; at least 1 needed\n"},
        {LAYERS "seed:\n", NULL,
         "x.yaml:2:6: seed: has no value; leave the line out for the default, 1\n"},
        {LAYERS "seed: 1\nname: x\nseed: 2\n", NULL,
         "x.yaml:4:1: seed: is given twice; first at line 2\n"},
        {LAYERS "tags: [a, b, c, d]\n", NULL,
         "x.yaml:2:7: tags: has 4 items; at most 3 possible\n"},
        {LAYERS "tags: [a, {b: 1}]\n", NULL, "x.yaml:2:11: tags[1]: must be a text\n"},
        {LAYERS "network: {loss: 1%, timeout: 5ms}\n", NULL,
         "x.yaml:2:30: network.timeout: must be 10ms or more where messages are lost\n"},
        {LAYERS "network: {regions: {a: 50%, b: 40%}}\n", NULL,
         "x.yaml:2:20: network.regions: shares add up to 90%; they must make 100%\n"},
        {LAYERS "network: {regions: {a: 50%, b: 1}}\n", NULL,
         "x.yaml:2:20: network.regions: mixes percents and plain weights; write all as percents\n"},
        {LAYERS "network: {jitter: lognorml(1ms, 5%)}\n", NULL,
         "x.yaml:2:19: network.jitter: `lognorml` is no distribution; valid: constant, uniform, "
         "normal, lognormal, exponential, pareto, weibull, gamma, generalised-pareto, empirical; "
         "did you mean lognormal?\n"},
        {LAYERS "network: {jitter: normal(1ms)}\n", NULL,
         "x.yaml:2:19: network.jitter: normal has 1 parameters; write normal(mean, sd, low, "
         "high)\n"},
        {LAYERS "network: {jitter: normal(1ms, 5)}\n", NULL,
         "x.yaml:2:19: network.jitter: sd of normal: `5` has no unit; write one of ns, us, ms, s, "
         "min, h, d, as in 250ms\n"},
        {LAYERS "network: {jitter: normal(2h, 5ms)}\n", NULL,
         "x.yaml:2:19: network.jitter: `2h` is out of range; valid: 0ms to 1h\n"},
        {LAYERS "network: {jitter: normal}\n", NULL,
         "x.yaml:2:19: network.jitter: normal needs its parameters, as in normal(...)\n"},
        {LAYERS "network: {jitter: normal(1ms, 5ms}\n", NULL,
         "x.yaml:2:19: `normal(1ms, 5ms` has a `(` without its `)`\n"},
        {LAYERS "workload: [{kind: token, tip: uniform(1gwei, 5%)}]\n", NULL,
         "x.yaml:2:31: workload[0].tip: high of uniform cannot be a share here; write a wei "
         "amount, as in 1.5gwei\n"},
        {LAYERS "workload: [{kind: token, recipients: zip(1)}]\n", NULL,
         "x.yaml:2:38: workload[0].recipients: `zip(1)` is no skew; valid: uniform, zipf(1.0)\n"},
        {LAYERS "data: nowhere.bin\n", NULL,
         "x.yaml:2:7: data: `nowhere.bin`: there is no such file, or it cannot be read\n"},
        {"layers: [{name: a, nodes: 1, coupling: execute-after}]\n", NULL,
         "x.yaml:1:40: layers[0].coupling: `execute-after` is not possible; valid: "
         "execute-before-vote, execute-after-order; did you mean execute-after-order?\n"},
        {LAYERS "sweep: {seed: [1, 2]}\n", NULL,
         "x.yaml:2:1: sweep: is not supported yet; leave it out\n"},
        {LAYERS "replications: 20\n", NULL,
         "x.yaml:2:1: replications: is not supported yet; leave it out\n"},
        {LAYERS "chains: []\n", NULL, "x.yaml:2:1: chains: is not supported yet; leave it out\n"},
        {LAYERS "extends: missing.yaml\n", NULL,
         "x.yaml:2:10: extends: `missing.yaml`: No such file or directory\n"},
        {LAYERS "a: &x 1\nb: *x\n", NULL,
         "x.yaml:2:4: anchors (`&`), aliases (`*`) and tags (`!`) are not supported; write the "
         "value out, or share it through `extends`\n"},
        {LAYERS "network: {<<: {up: 1Mbit/s}}\n", NULL,
         "x.yaml:2:11: merge keys (`<<`) are not supported; use `extends`\n"},
        {LAYERS "---\nseed: 1\n", NULL,
         "x.yaml:2:1: a second document; a scenario is one document\n"},
        {"? [a]\n: 1\n", NULL, "x.yaml:1:3: a key must be a plain text\n"},
        {"name: \"a\\0b\"\n", NULL, "x.yaml:1:7: a text with a zero byte in it\n"},
        {"- a\n", NULL, "x.yaml:1:1: a scenario is a map of settings, as in `name: quickstart`\n"},
        {"", NULL, "x.yaml:1:1: nothing in it\n"},
        {"layers: [{name: a, nodes: 2}\nseed: 1\n", NULL,
         "x.yaml:2:1: not valid YAML: did not find expected ',' or ']', while parsing a flow "
         "sequence that starts at line 1\n"},
        {"a: b: c\n", NULL,
         "x.yaml:1:5: not valid YAML: mapping values are not allowed in this context\n"},
        {"\tname: x\n", NULL,
         "x.yaml:1:1: not valid YAML: found character that cannot start any token, while scanning "
         "for the next token that starts at line 1\n"},
        {"name: \xff\xfe\n", NULL,
         "x.yaml:1:1: not valid YAML: invalid leading UTF-8 octet at byte 6\n"},
        {LAYERS, "seed=abc",
         "--set seed=abc: seed: `abc` is not a count; write a number, perhaps with k, M, G, as in "
         "50k\n"},
        {LAYERS, "layers[3].nodes=2",
         "--set layers[3].nodes=2: layers[3].nodes: there is no [3]; the list has 1 items\n"},
        {LAYERS, "layers.side.nodes=2",
         "--set layers.side.nodes=2: layers.side.nodes: no item of the list has `name: side`; "
         "write its index, as in [0]\n"},
        {LAYERS, "seed", "--set seed: must be path=value, as in seed=7\n"},
        {LAYERS, "layers[x]=1",
         "--set layers[x]=1: `layers[x]` is not a path; write one like "
         "layers[0].consensus.kind\n"},
        {LAYERS, "network.upp=1Mbit/s",
         "--set network.upp=1Mbit/s: network.upp: is no setting here; valid: up, jitter, loss, "
         "timeout, regions; did you mean up?\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused_with(cases[i].text, cases[i].set, cases[i].problem);
}

static void test_all_problems_at_once(void **state)
{
    (void)state;
    refused_with(
        "seed: abc\nduration: 5\nlayers:\n  - {name: a, nodes: 0, consensus: bftt}\n"
        "  - {nodes: 2}\nnonsense: 1\nseed: 2\n",
        "network.loss=100%",
        "x.yaml:1:7: seed: `abc` is not a count; write a number, perhaps with k, M, G, as "
        "in 50k\n"
        "x.yaml:2:11: duration: `5` has no unit; write one of ns, us, ms, s, min, h, d, as "
        "in 250ms\n"
        "x.yaml:4:22: layers[0].nodes: `0` is out of range; valid: 1 to 100k\n"
        "x.yaml:4:36: layers[0].consensus: `bftt` is no consensus model; valid: bft, solo, pow; "
        "did you mean bft?\n"
        "x.yaml:5:5: layers[1].name: is missing; write a text\n"
        "x.yaml:6:1: nonsense: is no setting here; valid: name, offset, factor, quiet, "
        "seed, duration, buffer, data, tags, network, backup, layers, workload\n"
        "x.yaml:7:1: seed: is given twice; first at line 1\n"
        "--set network.loss=100%: network.loss: `100%` is out of range; valid: 0% to 99%\n");
}

static void test_bounds(void **state)
{
    (void)state;
    char deep[2048] = "name: ";
    for (int i = 0; i < 700; i++)
        strcat(deep, "[");
    refused_with(deep, NULL, "x.yaml:1:70: nested more than 64 levels deep\n");
    size_t size = 9u << 20;
    char *big = malloc(size);
    assert_non_null(big);
    memset(big, 'a', size);
    struct scenario *s;
    struct scenario_problems problems = {0};
    assert_int_equal(scenario_parse(&s, &spec, "x.yaml", big, size, NULL, 0, &problems), ERR_INPUT);
    assert_string_equal(problems.text, "x.yaml:1:1: is larger than 8 MiB\n");
    scenario_problems_fini(&problems);
    char *p = big;
    p += sprintf(p, "tags: [");
    for (int i = 0; i < 300000; i++)
        p += sprintf(p, "a,");
    sprintf(p, "]\n");
    refused_with(big, NULL,
                 "x.yaml:1:400004: more than 200000 values; a scenario is smaller than that\n");
    free(big);
}

/* --- files ------------------------------------------------------------------------------------ */

static struct scenario *load(const char *name, const char *const *sets, size_t count,
                             struct scenario_problems *problems)
{
    char path[256];
    struct scenario *s = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    scenario_load(&s, &spec, path, sets, count, problems);
    return s;
}

static void test_extends_and_set(void **state)
{
    (void)state;
    put("base.yaml", "name: base\nseed: 1\nduration: 10s\nnetwork: {up: 1Mbit/s, loss: 1%}\n"
                     "layers: [{name: main, nodes: 4, consensus: {kind: bft, timeout: 9s}}]\n");
    put("mid.yaml", "extends: base.yaml\nseed: 2\nnetwork: {loss: 2%}\n");
    put("top.yaml", "extends: mid.yaml\nname: top\n");
    const char *sets[] = {"seed=3",
                          "seed=4",
                          "layers.main.consensus.block_interval=2s",
                          "layers[0].nodes=16",
                          "workload=[{kind: token}]",
                          "workload[0].tip=normal(1gwei, 1gwei)"};
    struct scenario_problems problems = {0};
    struct scenario *s = load("top.yaml", sets, 6, &problems);
    if (!s)
        fail_msg("%s", problems.text);
    const struct toy *t = scenario_root(s);
    const struct toy_layer *layer = t->layers.items;
    const struct toy_bft *b = layer->consensus.cfg;
    assert_string_equal(t->name, "top");
    assert_int_equal(t->seed, 4);
    assert_int_equal(t->duration, 10 * SIM_SEC);
    assert_int_equal(t->network.up, 1000000);
    assert_true(t->network.loss == 0.02);
    assert_int_equal(layer->nodes, 16);
    assert_int_equal(b->block_interval, 2 * SIM_SEC);
    assert_int_equal(b->timeout, 9 * SIM_SEC);
    assert_int_equal(t->workload.count, 1);
    scenario_destroy(s);
}

/* The one layer's consensus as `KIND block_interval timeout`, or `refused: PROBLEMS`. */
static const char *consensus_of(const char *file, const char *const *sets, size_t count)
{
    static char text[1024];
    struct scenario_problems problems = {0};
    struct scenario *s = load(file, sets, count, &problems);
    if (!s) {
        snprintf(text, sizeof text, "refused: %s", problems.text);
        scenario_problems_fini(&problems);
        return text;
    }
    const struct toy *t = scenario_root(s);
    const struct field_choice *c = &((const struct toy_layer *)t->layers.items)->consensus;
    const struct toy_bft *b = c->cfg;
    const struct toy_pow *p = c->cfg;
    if (c->model == &bft)
        snprintf(text, sizeof text, "bft %lld %lld", (long long)(b->block_interval / SIM_MS),
                 (long long)(b->timeout / SIM_MS));
    else if (c->model == &pow_model)
        snprintf(text, sizeof text, "pow %lld %lld", (long long)(p->block_interval / SIM_MS),
                 (long long)p->difficulty);
    else
        snprintf(text, sizeof text, "%s", c->model->name);
    scenario_destroy(s);
    return text;
}

static void test_another_kind(void **state)
{
    (void)state;
    put("bft.yaml", "layers:\n"
                    "  - name: main\n"
                    "    nodes: 4\n"
                    "    consensus: {kind: bft, block_interval: 7s, timeout: 9s}\n");
    put("nokind.yaml", "layers: [{name: m, nodes: 4, consensus: {block_interval: 7s, "
                       "timeout: 9s}}]\n");
    put("short.yaml", "layers: [{name: m, nodes: 4, consensus: bft}]\n");
    put("typo.yaml", "layers: [{name: m, nodes: 4, consensus: {kind: bft, timeuot: 9s}}]\n");
    put("list.yaml", "extends: bft.yaml\n"
                     "layers: [{name: m, nodes: 4, consensus: {kind: pow}}]\n");
    static const struct {
        const char *file, *sets[3], *expected;
    } cases[] = {
        {"bft.yaml", {"layers[0].consensus.kind=bft"}, "bft 7000 9000"},
        {"bft.yaml", {"layers[0].consensus.kind=pow"}, "pow 7000 5"},
        {"bft.yaml", {"layers.main.consensus.kind=solo"}, "solo"},
        {"bft.yaml", {"layers[0].consensus={kind: pow}"}, "pow 7000 5"},
        {"bft.yaml", {"layers[0].consensus={kind: pow, difficulty: 8}"}, "pow 7000 8"},
        {"bft.yaml", {"layers[0].consensus={kind: pow, block_interval: 2s}"}, "pow 2000 5"},
        {"bft.yaml",
         {"layers[0].consensus.block_interval=3s", "layers[0].consensus.kind=pow"},
         "pow 3000 5"},
        {"bft.yaml",
         {"layers[0].consensus.kind=pow", "layers[0].consensus.difficulty=6"},
         "pow 7000 6"},
        /* A bare name is the whole setting. */
        {"bft.yaml", {"layers[0].consensus=pow"}, "pow 1000 5"},
        {"bft.yaml", {"layers[0].consensus=solo"}, "solo"},
        /* Only the kind that stands in the end counts. */
        {"bft.yaml",
         {"layers[0].consensus.kind=solo", "layers[0].consensus.kind=bft"},
         "bft 7000 9000"},
        {"bft.yaml",
         {"layers[0].consensus.kind=pow", "layers[0].consensus={kind: bft}"},
         "bft 7000 9000"},
        /* Settings without a kind are those of the default model. */
        {"nokind.yaml", {NULL}, "bft 7000 9000"},
        {"nokind.yaml", {"layers[0].consensus.kind=pow"}, "pow 7000 5"},
        {"nokind.yaml", {"layers[0].consensus={kind: solo}"}, "solo"},
        {"short.yaml", {"layers[0].consensus.kind=pow"}, "pow 1000 5"},
        {"list.yaml", {NULL}, "pow 1000 5"}, /* a list replaces as a whole */
        /* Nothing that a --set gave is dropped. */
        {"bft.yaml",
         {"layers[0].consensus.kind=pow", "layers[0].consensus.timeout=1s"},
         "refused: --set layers[0].consensus.timeout=1s: layers[0].consensus.timeout: is no "
         "setting "
         "here, but of bft; valid: kind, block_interval, difficulty\n"},
        {"bft.yaml",
         {"layers[0].consensus.timeout=1s", "layers[0].consensus.kind=pow"},
         "refused: --set layers[0].consensus.timeout=1s: layers[0].consensus.timeout: is no "
         "setting "
         "here, but of bft; valid: kind, block_interval, difficulty\n"},
        /* What is wrong with the file is said all the same. */
        {"bft.yaml",
         {"layers[0].consensus.kind=pwo"},
         "refused: --set layers[0].consensus.kind=pwo: layers[0].consensus: `pwo` is no consensus "
         "model; valid: bft, solo, pow; did you mean pow?\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;
        while (count < 3 && cases[i].sets[count])
            count++;
        const char *got = consensus_of(cases[i].file, cases[i].sets, count);
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("%s, %s: %s, expected %s", cases[i].file,
                     cases[i].sets[0] ? cases[i].sets[0] : "as it is", got, cases[i].expected);
    }
    const char *solo_kind = "layers[0].consensus.kind=solo";
    assert_non_null(strstr(consensus_of("typo.yaml", &solo_kind, 1),
                           "typo.yaml:1:53: layers[0].consensus.timeuot: is no setting here"));
}

/* What a --set of another kind keeps and drops is told of; nothing where nothing is lost. */
static void test_another_kind_notes(void **state)
{
    (void)state;
    put("bft.yaml", "layers:\n"
                    "  - name: main\n"
                    "    nodes: 4\n"
                    "    consensus: {kind: bft, block_interval: 7s, timeout: 9s}\n");
    put("over.yaml", LAYERS "backup: {kind: bft, block_interval: 7s, timeout: 9s}\n");
    put("under.yaml", "extends: over.yaml\nbackup: {kind: pow}\n");
    static const struct {
        const char *file, *set, *expected;
    } cases[] = {
        {"bft.yaml", "seed=2", ""},
        {"bft.yaml", "layers.main.consensus.kind=bft", ""},
        {"bft.yaml", "layers.main.consensus.kind=pow",
         "layers[0].consensus is pow now: block_interval: 7s kept; timeout: 9s dropped, since pow "
         "has no such setting\n"},
        {"bft.yaml", "layers[0].consensus={kind: solo}",
         "layers[0].consensus is solo now: block_interval: 7s, timeout: 9s dropped, since solo has "
         "no such settings\n"},
        {"bft.yaml", "layers[0].consensus={kind: pow, block_interval: 1s}",
         "layers[0].consensus is pow now: timeout: 9s dropped, since pow has no such setting\n"},
        {"under.yaml", "seed=2", ""}, /* the file's own doing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_problems problems = {0};
        struct scenario *s = load(cases[i].file, &cases[i].set, 1, &problems);
        assert_non_null(s);
        assert_string_equal(scenario_notes(s), cases[i].expected);
        scenario_destroy(s);
    }
}

/* The same through `extends`: maps may lie in maps, a list replaces. */
static void test_another_kind_extends(void **state)
{
    (void)state;
    put("one.yaml", LAYERS "backup: {kind: bft, block_interval: 7s, timeout: 9s}\n");
    put("two.yaml", "extends: one.yaml\nbackup: {kind: pow, difficulty: 3}\n");
    put("three.yaml", "extends: two.yaml\nbackup: {kind: solo}\n");
    put("four.yaml", "extends: two.yaml\nbackup: {timeout: 2s}\n");
    static const struct {
        const char *file, *set, *expected;
    } cases[] = {
        {"two.yaml", NULL, "\nbackup:\n  kind: pow\n  block_interval: 7s\n  difficulty: 3\n"},
        {"three.yaml", NULL, "\nbackup:\n  kind: solo\n"},
        {"three.yaml", "backup.kind=bft",
         "\nbackup:\n  kind: bft\n  block_interval: 7s\n  timeout: 9s\n"},
        {"four.yaml", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_problems problems = {0};
        struct scenario *s = load(cases[i].file, &cases[i].set, cases[i].set ? 1 : 0, &problems);
        if (!s && cases[i].expected)
            fail_msg("%s", problems.text);
        if (s && !strstr(scenario_resolved(s), cases[i].expected ? cases[i].expected : "?"))
            fail_msg("%s: %s", cases[i].file, scenario_resolved(s));
        if (!s) {
            assert_non_null(strstr(problems.text,
                                   "four.yaml:2:10: backup.timeout: is no setting "
                                   "here, but of bft; valid: kind, block_interval, difficulty"));
            assert_int_equal(problems.count, 1);
        }
        scenario_problems_fini(&problems);
        scenario_destroy(s);
    }
}

static void test_extends_loop_and_origin(void **state)
{
    (void)state;
    char expected[512];
    struct scenario_problems problems = {0};
    put("a.yaml", "extends: b.yaml\n");
    put("b.yaml", "seed: 1\nextends: a.yaml\n");
    assert_null(load("a.yaml", NULL, 0, &problems));
    snprintf(expected, sizeof expected, "%s/b.yaml:2:10: extends: `%s/a.yaml` extends itself\n",
             folder, folder);
    assert_string_equal(problems.text, expected);
    scenario_problems_fini(&problems);
    put("c.yaml", "extends: d.yaml\nseed: -1\n");
    put("d.yaml", LAYERS "factor: 99\n");
    assert_null(load("c.yaml", NULL, 0, &problems));
    snprintf(expected, sizeof expected,
             "%s/c.yaml:2:7: seed: `-1` is negative; a count is 0 or more\n"
             "%s/d.yaml:2:9: factor: `99` is out of range; valid: 10 or less\n",
             folder, folder);
    assert_string_equal(problems.text, expected);
    scenario_problems_fini(&problems);
    assert_null(load("none.yaml", NULL, 0, &problems));
    snprintf(expected, sizeof expected, "%s/none.yaml: No such file or directory\n", folder);
    assert_string_equal(problems.text, expected);
    scenario_problems_fini(&problems);
}

static void test_paths_and_samples(void **state)
{
    (void)state;
    struct scenario_problems problems = {0};
    char expected[512];
    put("delays.txt", "# from a trace\n 12ms\n3.5ms # short\n\n1s\n");
    put("blob.bin", "x");
    put("e.yaml", LAYERS "data: blob.bin\nnetwork: {jitter: empirical(delays.txt)}\n");
    struct scenario *s = load("e.yaml", NULL, 0, &problems);
    if (!s)
        fail_msg("%s", problems.text);
    const struct toy *t = scenario_root(s);
    snprintf(expected, sizeof expected, "%s/blob.bin", folder);
    assert_string_equal(t->data, expected);
    assert_int_equal(t->network.jitter.table_len, 3);
    assert_true(t->network.jitter.table[0] == 3.5e6 && t->network.jitter.table[2] == 1e9);
    assert_non_null(strstr(scenario_resolved(s), "data: blob.bin\n"));
    assert_non_null(strstr(scenario_resolved(s), "jitter: empirical(delays.txt)\n"));
    put("f.yaml", scenario_resolved(s));
    struct scenario *again = load("f.yaml", NULL, 0, &problems);
    assert_string_equal(scenario_resolved(again), scenario_resolved(s));
    scenario_destroy(again);
    scenario_destroy(s);
    put("delays.txt", "12ms\n13\n");
    assert_null(load("e.yaml", NULL, 0, &problems));
    snprintf(expected, sizeof expected,
             "%s/e.yaml:3:19: network.jitter: %s/delays.txt:2: `13` has no unit; write one of ns, "
             "us, ms, s, min, h, d, as in 250ms\n",
             folder, folder);
    assert_string_equal(problems.text, expected);
    scenario_problems_fini(&problems);
}

/* --- describing ------------------------------------------------------------------------------- */

static void visit(void *user, const char *path, const struct field *row, const char *text,
                  double number)
{
    char *out = user;
    if (strcmp(path, "layers[1].gas_limit") == 0 || strcmp(path, "network.timeout") == 0 ||
        strcmp(path, "layers[0].consensus.kind") == 0 || strcmp(path, "workload[0].rate") == 0)
        sprintf(out + strlen(out), "%s=%s %g %s\n", path, text, row ? number : 0, field_unit(row));
}

static void test_each(void **state)
{
    (void)state;
    char seen[512] = "";
    struct scenario *s = read_with(full, NULL, 0);
    scenario_each(s, visit, seen);
    assert_string_equal(seen, "network.timeout=750ms 7.5e+08 ns\n"
                              "layers[0].consensus.kind=bft 0 \n"
                              "layers[1].gas_limit=unlimited inf gas\n"
                              "workload[0].rate=800/s 800 1/s\n");
    struct err err = {0};
    assert_int_equal(scenario_fail(s, &err, "layers[1].backup", "no room for %d", 3), ERR_INPUT);
    assert_string_equal(err.text, "x.yaml:20:13: layers[1].backup: no room for 3");
    scenario_fail(s, &err, "layers.side.consensus.timeout", "odd");
    assert_string_equal(err.text, "x.yaml:19:16: layers.side.consensus.timeout: odd");
    scenario_destroy(s);
}

static void test_descriptions(void **state)
{
    (void)state;
    struct err err = {0};
    char *text;
    if (scenario_spec_check(&spec, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(scenario_schema(&spec, &text, &err), ERR_OK);
    assert_non_null(strstr(text, "\"block_interval\": {\"description\": \"Time between blocks. "
                                 "Range 1ms to 1h. Default 1s.\", \"type\": \"string\""));
    mem_free(text);
    assert_int_equal(scenario_markdown(&spec, &text, &err), ERR_OK);
    assert_non_null(
        strstr(text, "| `nodes` | count | must be given | 1 to 100k | How many nodes. |"));
    mem_free(text);
    assert_int_equal(scenario_models(&spec, "consensus", &text, &err), ERR_OK);
    assert_string_equal(text, "consensus: How layers agree.\n  bft\n      Votes in rounds.\n"
                              "      block_interval         duration, default 1s (1ms to 1h)\n"
                              "                             Time between blocks.\n"
                              "      timeout                duration, default 3s (1ms to 1h)\n"
                              "                             Wait for a proposal.\n"
                              "  solo\n      One node decides.\n"
                              "  pow\n      Work decides.\n"
                              "      block_interval         duration, default 1s (1ms to 1h)\n"
                              "                             Time between blocks.\n"
                              "      difficulty             count, default 5 (1 or more)\n"
                              "                             How hard it is.\n");
    mem_free(text);
    assert_int_equal(scenario_models(&spec, "concensus", &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "no models of kind 'concensus'; valid: consensus, workload; did "
                                  "you mean consensus?");
}

#define BAD_DEFAULT(F, S) F(S, DURATION, wait, "5", NULL, NULL, "Waits.")
#define BAD_RANGE(F, S)   F(S, DURATION, wait, "5s", "1", NULL, "Waits.")
#define BAD_ORDER(F, S)   F(S, DURATION, wait, "5s", "10s", NULL, "Waits.")
#define BAD_KIND(F, S)    F(S, MODEL(nonsense), wait, "a", NULL, NULL, "Waits.")
FIELD_DECLARE(bad_default, BAD_DEFAULT);
FIELD_DECLARE(bad_range, BAD_RANGE);
FIELD_DECLARE(bad_order, BAD_ORDER);
FIELD_DECLARE(bad_kind, BAD_KIND);
FIELD_DEFINE(bad_default, BAD_DEFAULT, "x.", NULL);
FIELD_DEFINE(bad_range, BAD_RANGE, "x.", NULL);
FIELD_DEFINE(bad_order, BAD_ORDER, "x.", NULL);
FIELD_DEFINE(bad_kind, BAD_KIND, "x.", NULL);

static void test_spec_check_finds_faults(void **state)
{
    static const struct {
        const struct field_table *table;
        const char *text;
    } cases[] = {
        {&bad_default_table, "bad_default.wait: default: default of wait: wait: `5` has no unit"},
        {&bad_range_table, "bad_range.wait: range: `1` has no unit"},
        {&bad_order_table, "bad_order.wait: default: default of wait: wait: `5s` is out of range"},
        {&bad_kind_table, "bad_kind.wait: no registry nonsense"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_spec bad = {cases[i].table, registries, 2, NULL};
        struct err err = {0};
        assert_int_not_equal(scenario_spec_check(&bad, &err), ERR_OK);
        if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("%s", err.text);
    }
}

/* --- damage ----------------------------------------------------------------------------------- */

/* Whatever is done to a valid file, it is read or refused: and what was read resolves to a text
 * that reads back as itself. */
static void test_mutations(void **state)
{
    static const char spice[] = "{}[]():,-#&*!|>'\"%@`?\n\t \\0159eE.+_abkMGs/\x80\xff\x01~<";
    uint64_t x = 0x853c49e6748fea9b;
    int good = 0;
    (void)state;
    for (int round = 0; round < 4000; round++) {
        char text[sizeof full + 16];
        size_t size = sizeof full - 1;
        memcpy(text, full, size);
        x = x * 6364136223846793005u + 1442695040888963407u;
        for (unsigned edits = 1 + (unsigned)(x >> 60) % 4; edits; edits--) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(x >> 33) % size;
            char c = spice[(x >> 20) % (sizeof spice - 1)];
            switch ((x >> 28) % 3) {
            case 0: text[at] = c; break;
            case 1:
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
                break;
            default:
                memmove(text + at + 1, text + at, size - at);
                text[at] = c;
                size++;
            }
        }
        struct scenario *s = NULL, *again = NULL;
        struct scenario_problems problems = {0};
        enum err_code code = scenario_parse(&s, &spec, "x.yaml", text, size, NULL, 0, &problems);
        assert_true((code == ERR_OK) == (problems.text == NULL));
        scenario_problems_fini(&problems);
        if (!s)
            continue;
        good++;
        const char *resolved = scenario_resolved(s);
        if (scenario_parse(&again, &spec, "x.yaml", resolved, strlen(resolved), NULL, 0,
                           &problems) != ERR_OK)
            fail_msg("%.*s\n%s\n%s", (int)size, text, resolved, problems.text);
        assert_string_equal(scenario_resolved(again), resolved);
        scenario_destroy(again);
        scenario_destroy(s);
    }
    if (good < 100 || good > 3800)
        fail_msg("%d of 4000 were read", good);
}

/* Every allocation that fails gives ERR_MEMORY, never a crash or a half-made scenario. */
static void test_out_of_memory(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (long n = 0;; n++) {
        struct scenario *s = NULL;
        struct scenario_problems problems = {0};
        mem_fail_after(n);
        enum err_code code =
            scenario_parse(&s, &spec, "x.yaml", full, sizeof full - 1, NULL, 0, &problems);
        mem_fail_never();
        scenario_problems_fini(&problems);
        scenario_destroy(s);
        if (code == ERR_OK)
            break;
        assert_int_equal(code, ERR_MEMORY);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_default_kind),
        cmocka_unit_test(test_resolved_reads_back),
        cmocka_unit_test(test_one_problem),
        cmocka_unit_test(test_all_problems_at_once),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_extends_and_set),
        cmocka_unit_test(test_another_kind),
        cmocka_unit_test(test_another_kind_notes),
        cmocka_unit_test(test_another_kind_extends),
        cmocka_unit_test(test_extends_loop_and_origin),
        cmocka_unit_test(test_paths_and_samples),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_spec_check_finds_faults),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
