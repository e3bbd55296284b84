/* weft calibrate: what things cost on this machine, as a profile for the virtual driver. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/bls12.h"
#include "evm/core/keccak.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/sig.h"
#include "evm/core/u256.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/scheduler.h"
#include "sim/cli/cli.h"
#include "sim/cli/outfile.h"
#include "sim/cli/probe.h"
#include "sim/cli/timing.h"

struct settings {
    const char *output, *name;
    bool json;
};

struct calibration {
    struct probe_bench *bench;
    struct evm_profile profile;
    bool failed;
};

/* The best of `runs` times of work(self), each of `each` operations, an operation. */
static double best_of(struct calibration *c, int runs, double each, void (*work)(void *),
                      void *self)
{
    double ns[64];
    int n = runs < 64 ? runs : 64;
    for (int i = 0; i < n; i++) {
        double from = cli_now();
        work(self);
        ns[i] = cli_now() - from;
    }
    struct cli_times t = cli_times_of(ns, (size_t)n);
    double noise = t.median / t.best - 1;
    c->bench->noise = noise > c->bench->noise ? noise : c->bench->noise;
    return t.best / each;
}

static void set(struct calibration *c, const char *key, double value)
{
    const struct evm_profile_field *f;
    for (size_t i = 0; (f = evm_profile_field_at(i)); i++)
        if (strcmp(f->key, key) == 0)
            *evm_profile_value(&c->profile, f) = value > 0.01 || !f->is_time ? value : 0.01;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Eight slots, the same in every call; two of the call's own, read; and written. */
#define SAME                                                                                       \
    "6000545060015450600254506003545060045450"                                                     \
    "60055450600654506007545000"
#define READS  "80600001545080600101545000"
#define WRITES "600181600001556001816001015500"

/* The code's stack is [a, b], and stays so high. In the order in which they are solved: each may
 * use what stands above it. The times of `less` are taken off: half as many copies, or other code.
 */
static const struct row {
    const char *key, *executor, *code;
    unsigned copies, txs;
    bool distinct;
    const char *less; /* NULL: the same code, half as many copies */
    unsigned less_copies;
    bool less_distinct;
    unsigned variants;
} rows[] = {
    /* s = a + b, s ^= constant, s += a < s: eleven opcodes, of which seven move words, about as in
     * compiled code. */
    {"op_cheap", "serial", "8181019050639e3779b91881811001", 1500, 2, false, NULL, 0, false, 0},
    {"op_mul", "serial", "8102", 4000, 2, false, NULL, 0, false, 0},
    {"op_div", "serial", "818119069050", 2000, 2, false, NULL, 0, false, 0},
    {"op_exp", "serial", "639e3779b9820a9050", 800, 2, false, NULL, 0, false, 0},
    {"op_jump", "serial", "81811061PC575b", 2000, 2, false, NULL, 0, false, 0},
    {"op_memory", "serial", "8060005260205118", 1500, 2, false, NULL, 0, false, 0},
    {"op_copy", "serial",
     "61080060006000"
     "37",
     1500, 2, false, NULL, 0, false, 0},
    {"op_keccak", "serial",
     "60606000"
     "2018",
     1000, 2, false, NULL, 0, false, 0},
    {"keccak_hit", "serial",
     "60406000"
     "2018",
     2000, 2, false, NULL, 0, false, 0},
    {"op_sload", "serial", "60015418", 2000, 2, false, NULL, 0, false, 0},
    {"op_sstore", "serial",
     "8118"
     "80600155",
     1500, 2, false, NULL, 0, false, 0},
    {"op_transient", "serial", "81188060015d60015c18", 1000, 2, false, NULL, 0, false, 0},
    {"op_account", "serial",
     "30311830"
     "3b18",
     1500, 2, false, NULL, 0, false, 0},
    {"op_call", "serial", "600060006000600073ff020000000000000000000000000000000000005afa18", 500,
     2, false, NULL, 0, false, 0},
    {"op_log", "serial", "8060206000a1", 800, 2, false, NULL, 0, false, 0},
    {"op_precompile", "serial", "602060006060600060025afa18", 800, 2, false, NULL, 0, false, 0},
    /* One version of everything: the same eight slots again and again, other slots each time, other
     * senders, writes; what is left is the transaction's. */
    {"lookup_single", "serial", SAME, 1, 2048, false, "", 0, false, 0},
    {"first_single", "serial", READS, 1, 2048, false, "", 0, false, 0},
    {"write_single", "serial", WRITES, 1, 2048, false, READS, 1, false, 0},
    /* A thousand codes, none of which the core has run lately; against one. */
    {"code_cold", "serial", "-", 101, 1024, false, "-", 101, false, 1024},
    {"tx_base", "serial", "", 0, 2048, true, NULL, 0, false, 0},
    {"op_create", "serial", "600060006000f018", 60, 8, false, NULL, 0, false, 0},
    /* The same over many versions. */
    {"read_versions", "ladder", SAME, 1, 2048, false, "", 0, false, 0},
    {"read_slot", "ladder", READS, 1, 2048, false, "", 0, false, 0},
    {"write", "ladder", WRITES, 1, 2048, false, READS, 1, false, 0},
    {"read_account", "ladder", "", 0, 2048, true, "", 0, false, 0},
    {"commit_tx", "ladder", "", 0, 2048, false, NULL, 0, false, 0},
};

static void solve(struct calibration *c, const struct row *r)
{
    const struct evm_executor_ops *ops = evm_executor_find(r->executor);
    const struct probe more = {r->code, r->copies, r->txs, r->distinct, ops, r->variants};
    struct probe less = {r->code, r->copies / 2, r->txs, r->distinct, ops, 0};
    bool alone = !r->less && r->copies == 0;
    double value;
    if (r->less)
        less = (struct probe){r->less, r->less_copies, r->txs, r->less_distinct, ops, 0};
    if (!probe_solve(c->bench, &c->profile, r->key, &more, alone ? NULL : &less, &value))
        c->failed = true;
    else
        set(c, r->key, value);
}

static void solve_plain(struct calibration *c)
{
    const struct evm_executor_ops *ops = evm_executor_find("serial");
    const struct probe more = {"8181019050639e3779b9188181100180600052602051188181106"
                               "1PC575b",
                               600,
                               2,
                               false,
                               ops,
                               0};
    struct probe less = more;
    less.copies = 300;
    double plain = probe_time(c->bench, &more, false) - probe_time(c->bench, &less, false);
    double fast = probe_time(c->bench, &more, true) - probe_time(c->bench, &less, true);
    set(c, "plain", plain > fast && fast > 0 ? plain / fast : 1);
}

/* ---- hashes and signatures ------------------------------------------------------------------- */

enum { KEYS = 1024 };
struct keys {
    uint8_t in[KEYS][64];
    uint64_t round;
};

/* Keys that were never there before. */
static void fill_keys(void *self)
{
    struct keys *k = self;
    k->round++;
    for (uint64_t i = 0; i < KEYS; i++) {
        memcpy(k->in[i], &i, sizeof i);
        memcpy(k->in[i] + 32, &k->round, sizeof k->round);
    }
    for (int i = 0; i < KEYS; i += 8)
        evm_keccak_cache_fill(k->in[i], 8);
}

static void hash_four(void *self)
{
    struct keys *k = self;
    struct evm_hash out[4];
    for (int i = 0; i < KEYS; i += 4) {
        const struct evm_bytes in[4] = {
            {k->in[i], 32}, {k->in[i + 1], 32}, {k->in[i + 2], 32}, {k->in[i + 3], 32}};
        evm_keccak256_x4(out, in);
        memcpy(k->in[i], out[0].b, 32);
    }
}

struct signed_digest {
    struct evm_hash digest;
    uint8_t r[32], s[32], public_key[64];
    int id;
};

static void recover(void *self)
{
    struct signed_digest *d = self;
    for (int i = 0; i < 20; i++)
        evm_sig_recover(&d->digest, d->r, d->s, d->id, d->public_key);
}

static void make_signature(void *self)
{
    struct signed_digest *d = self;
    const uint8_t secret[32] = {[30] = 4, [31] = 9};
    for (int i = 0; i < 20; i++)
        evm_sig_sign(&d->digest, secret, d->r, d->s, &d->id);
}

/* Inputs of the operations that BLS signatures in G2 are made of: a field element, a point of each
 * group with a scalar, and two pairs. */
struct bls {
    uint8_t element[128], points[512], keys[256], term[288], pairs[768];
    bool one, ok;
};

/* RFC 9380's hash_to_curve: two elements of the field to the curve, added. */
static void hash_to_g2(struct bls *b)
{
    b->ok &= evm_bls12_map_fp2_to_g2(b->element, b->points) &&
             evm_bls12_map_fp2_to_g2(b->element, b->points + 256) &&
             evm_bls12_g2_add(b->points, b->term);
}

static void bls_sign(void *self)
{
    struct bls *b = self;
    hash_to_g2(b);
    b->ok &= evm_bls12_g2_msm(b->term, 1, b->points);
}

static void bls_verify(void *self)
{
    struct bls *b = self;
    hash_to_g2(b);
    b->ok &= evm_bls12_pairing(b->pairs, 2, &b->one);
}

static void bls_add_key(void *self)
{
    struct bls *b = self;
    for (int i = 0; i < 20; i++)
        b->ok &= evm_bls12_g1_add(b->keys, b->keys);
}

static void measure_bls(struct calibration *c)
{
    struct bls b = {.element = {[63] = 5, [127] = 7}, .ok = true};
    uint8_t g1[128], g1_element[64] = {[63] = 3};
    memset(b.term + 256, 0x5a, 32);
    b.ok = evm_bls12_map_fp_to_g1(g1_element, g1);
    memcpy(b.keys, g1, 128);
    g1_element[63] = 4;
    b.ok &= evm_bls12_map_fp_to_g1(g1_element, b.keys + 128);
    hash_to_g2(&b);
    for (int i = 0; i < 2; i++) {
        memcpy(b.pairs + 384 * i, g1, 128);
        memcpy(b.pairs + 384 * i + 128, b.term, 256);
    }
    set(c, "bls_sign", best_of(c, 10, 1, bls_sign, &b));
    set(c, "bls_verify", best_of(c, 10, 1, bls_verify, &b));
    set(c, "bls_add_key", best_of(c, 10, 20, bls_add_key, &b));
    c->failed |= !b.ok;
}

static void measure_hashes(struct calibration *c)
{
    static struct keys keys;
    struct signed_digest d = {.digest = {{7, 1, 3}}};
    const uint8_t secret[32] = {[31] = 9};
    set(c, "keccak_ahead", best_of(c, 30, KEYS, fill_keys, &keys) + c->profile.keccak_hit);
    set(c, "filter_hash", best_of(c, 30, KEYS, hash_four, &keys));
    c->failed |= !evm_sig_sign(&d.digest, secret, d.r, d.s, &d.id);
    double ns = best_of(c, 20, 20, recover, &d);
    set(c, "signature", ns);
    set(c, "op_ecrecover", ns);
    set(c, "sign", best_of(c, 20, 20, make_signature, &d));
    measure_bls(c);
}

static struct evm_account_change changed_account(uint32_t i)
{
    struct evm_account_change a = {.addr = {{(uint8_t)(i >> 8), (uint8_t)i, 1}},
                                   .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                   .first_slot = i,
                                   .slot_count = 1};
    return a;
}

/* The root after a change of 1,000 accounts and a slot of each. */
static void measure_root(struct calibration *c)
{
    enum { ACCOUNTS = 1000, RUNS = 7 };
    struct evm_changes changes;
    struct evm_hash root;
    struct evm_state *base = evm_state_create(c->bench->codes);
    double ns[RUNS];
    evm_changes_init(&changes);
    bool ok = base && evm_changes_reserve(&changes, ACCOUNTS, ACCOUNTS) == EVM_OK;
    for (uint32_t run = 0; ok && run <= RUNS; run++) {
        struct evm_state *s = run ? evm_state_fork(base) : evm_state_ref(base);
        for (uint32_t i = 0; i < ACCOUNTS; i++) {
            changes.accounts[i] = changed_account(i);
            if (run)
                changes.accounts[i].wrote = EVM_WROTE_BALANCE;
            changes.accounts[i].balance = evm_u256_of(1000 + run);
            changes.slots[i] = (struct evm_slot_change){evm_u256_of(i), evm_u256_of(5 + run)};
        }
        changes.account_count = changes.slot_count = ACCOUNTS;
        ok = s && evm_state_apply(s, &changes) == EVM_OK;
        if (ok)
            evm_state_seal(s);
        double from = cli_now();
        ok = ok && evm_state_root(s, &root) == EVM_OK;
        if (run)
            ns[run - 1] = cli_now() - from;
        evm_state_unref(s);
    }
    c->failed |= !ok;
    if (ok)
        set(c, "hash_dirty", cli_times_of(ns, RUNS).best / (2 * ACCOUNTS));
    evm_changes_fini(&changes);
    evm_state_unref(base);
}

/* ---- scheduler and versions ------------------------------------------------------------------ */

enum { STEPS = 800 };
struct stepping {
    const struct evm_executor_ops *ops;
    void *sched;
    struct evm_sched_env env;
    uint64_t tasks;
    bool failed;
};

/* Every task is handed out and taken back, and none is run. */
static void step_through(void *self)
{
    struct stepping *s = self;
    s->tasks = 0;
    s->failed |= s->ops->begin(s->sched, &s->env) != EVM_OK;
    for (struct evm_task t; !s->failed; s->tasks++) {
        t = s->ops->next(s->sched, 0);
        if (t.kind == EVM_TASK_DONE)
            return;
        struct evm_task_result r = {.what = EVM_RAN_FINISHED, .blocker = EVM_NO_TX, .reads = 4};
        struct evm_wake wake;
        s->failed |= t.kind == EVM_TASK_IDLE || s->tasks > 8 * STEPS;
        if (t.kind == EVM_TASK_VALIDATE)
            r.what = EVM_RAN_VALID;
        else if (t.kind == EVM_TASK_COMMITS)
            r = (struct evm_task_result){.what = EVM_RAN_COMMITTED, .commits = t.incarnation};
        s->ops->done(s->sched, 0, t, &r, &wake);
    }
}

struct checking {
    struct evm_mv *mv;
    struct evm_mv_log log;
    bool failed;
};

static void validate_log(void *self)
{
    struct checking *k = self;
    struct evm_mv_cost cost = {0};
    uint32_t culprit;
    for (int i = 0; i < 50; i++)
        k->failed |= !evm_mv_validate(k->mv, 1, &k->log, &culprit, 0, &cost);
}

/* Twenty reads, a transaction's, of slots that an earlier transaction wrote, as far as there was
 * something to write: the first half. */
static void measure_versions(struct calibration *c)
{
    struct evm_state *base = evm_state_create(c->bench->codes);
    struct evm_state_view view = {base, NULL};
    struct checking k = {.mv = evm_mv_create()};
    struct evm_changes changes;
    struct evm_mv_published published;
    const struct evm_addr at = {{0x31, 0x41, 0x59}};
    const struct evm_exec_params params = evm_exec_params_default();
    struct stepping s = {.ops = evm_executor_find("ladder")};
    enum { VERSIONS = 20 };
    evm_changes_init(&changes);
    k.failed = !base || !k.mv || evm_changes_reserve(&changes, 1, VERSIONS) != EVM_OK;
    if (!k.failed) {
        changes.accounts[0] = (struct evm_account_change){.addr = at, .slot_count = VERSIONS / 2};
        changes.account_count = 1;
        for (uint32_t i = 0; i < VERSIONS / 2; i++)
            changes.slots[i] = (struct evm_slot_change){evm_u256_of(i), evm_u256_of(i + 9)};
        changes.slot_count = VERSIONS / 2;
        k.failed = evm_mv_begin(k.mv, evm_state_view(&view), 2, NULL, true, false) != EVM_OK ||
                   evm_mv_publish(k.mv, 0, 0, &changes, 0, &published) != EVM_OK;
    }
    for (uint32_t i = 0; !k.failed && i < VERSIONS; i++) {
        struct evm_u256 key = evm_u256_of(i), value;
        struct evm_mv_cost cost = {0};
        uint32_t blocker;
        k.failed = evm_mv_slot(k.mv, 1, &at, &key, &value, &k.log, &blocker, 0, &cost) != EVM_MV_OK;
    }
    if (!k.failed)
        set(c, "validate_entry", best_of(c, 40, 50.0 * VERSIONS, validate_log, &k));
    s.sched = s.ops->create();
    s.env = (struct evm_sched_env){
        .tx_count = STEPS, .workers = 2, .threaded = true, .mv = k.mv, .params = &params};
    s.failed = k.failed || !s.sched ||
               evm_mv_begin(k.mv, evm_state_view(&view), STEPS, NULL, true, false) != EVM_OK;
    if (!s.failed) {
        step_through(&s);
        set(c, "sched_step", best_of(c, 40, (double)s.tasks, step_through, &s));
    }
    c->failed |= k.failed || s.failed;
    s.ops->destroy(s.sched);
    evm_mv_log_fini(&k.log);
    evm_changes_fini(&changes);
    evm_mv_destroy(k.mv);
    evm_state_unref(base);
}

/* ---- two cores ------------------------------------------------------------------------------- */

struct table_tennis {
    _Atomic uint64_t ball;
    uint64_t rounds;
};

static void *play_back(void *self)
{
    struct table_tennis *t = self;
    for (uint64_t i = 0; i < t->rounds; i++) {
        while (atomic_load(&t->ball) != 2 * i + 1)
            __builtin_ia32_pause();
        atomic_store(&t->ball, 2 * i + 2);
    }
    return NULL;
}

static void play(void *self)
{
    struct table_tennis *t = self;
    pthread_t other;
    atomic_store(&t->ball, 0);
    if (pthread_create(&other, NULL, play_back, t) != 0)
        return;
    for (uint64_t i = 0; i < t->rounds; i++) {
        atomic_store(&t->ball, 2 * i + 1);
        while (atomic_load(&t->ball) != 2 * i + 2)
            __builtin_ia32_pause();
    }
    pthread_join(other, NULL);
}

struct stream {
    uint64_t *words;
    size_t count;
    uint64_t sum;
};

static void *read_stream(void *self)
{
    struct stream *s = self;
    uint64_t sum[4] = {0};
    for (size_t i = 0; i + 32 <= s->count;
         i += 32) /* a word of each cache line, and its neighbour */
        for (size_t k = 0; k < 4; k++)
            sum[k] += s->words[i + 8 * k];
    s->sum = sum[0] + sum[1] + sum[2] + sum[3];
    return NULL;
}

enum { STREAMS_MAX = 64 };
struct streams {
    struct stream all[STREAMS_MAX];
    uint32_t count;
};

static void read_streams(void *self)
{
    struct streams *s = self;
    pthread_t threads[STREAMS_MAX];
    uint32_t started = 1;
    while (started < s->count &&
           pthread_create(&threads[started], NULL, read_stream, &s->all[started]) == 0)
        started++;
    read_stream(&s->all[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
}

static void measure_memory(struct calibration *c)
{
    static struct table_tennis tennis;
    struct streams s = {.count = cli_processors()};
    const size_t bytes = (size_t)48 << 20;
    s.count = s.count < STREAMS_MAX ? s.count : STREAMS_MAX;
    bool ok = true;
    for (uint32_t i = 0; i < s.count; i++) {
        s.all[i].count = bytes / sizeof(uint64_t);
        s.all[i].words = malloc(bytes);
        ok = ok && s.all[i].words;
        if (s.all[i].words)
            memset(s.all[i].words, (int)i + 1, bytes);
    }
    if (ok)
        set(c, "bandwidth", 1 / best_of(c, 9, (double)bytes * s.count, read_streams, &s));
    for (uint32_t i = 0; i < s.count; i++)
        free(s.all[i].words);
    c->failed |= !ok;
    tennis.rounds = 20000;
    if (cli_processors() > 1)
        set(c, "contended_line", best_of(c, 9, 2.0 * (double)tennis.rounds, play, &tennis) / 2);
    else
        set(c, "contended_line", 50); /* nobody to share with; the figure of a common server */
}

/* ---- the command ----------------------------------------------------------------------------- */

static void calibrate(struct calibration *c, const char *name)
{
    struct evm_profile *p = &c->profile;
    *p = (struct evm_profile){.keccak_kept = EVM_KECCAK_CACHE_ENTRIES,
                              .code_kept = 4096,
                              .plain = 1,
                              .device_depth = 64,
                              .cached = 0.9,
                              /* Lines of 64 bytes that the objects of mvmemory_internal.h span. */
                              .bytes_read = 512,
                              .bytes_lookup = 128,
                              .bytes_write = 256};
    snprintf(p->name, sizeof p->name, "%.*s", (int)sizeof p->name - 1, name);
    snprintf(p->doc, sizeof p->doc, "Measured by weft calibrate.");
    measure_versions(c);
    measure_memory(c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].key, "op_sload") == 0)
            measure_hashes(c);
        solve(c, &rows[i]);
    }
    solve_plain(c);
    measure_root(c);
}

static void print_json(const struct calibration *c, double seconds)
{
    struct evm_profile p = c->profile;
    const struct evm_profile_field *f;
    printf("{\"name\": \"%s\", \"seconds\": %.1f, \"noise\": %.3f", p.name, seconds,
           c->bench->noise);
    for (size_t i = 0; (f = evm_profile_field_at(i)); i++)
        printf(", \"%s\": %.4g", f->key, *evm_profile_value(&p, f));
    printf("}\n");
}

static int cannot_write(const struct cli_command *self, const char *path)
{
    return cli_complain(self, "--output: cannot write '%s': %s", path, strerror(errno));
}

static int write_profile(const struct cli_command *self, const struct calibration *c,
                         const char *path, double seconds)
{
    char remark[256];
    struct evm_buf text = {0};
    int status = CLI_DONE;
    snprintf(remark, sizeof remark,
             "Cost profile of weft (docs/parallel.md), measured in %.1f s on %u processors.\n"
             "The noisiest repetitions took %.0f %% longer than the best.",
             seconds, cli_processors(), 100 * c->bench->noise);
    if (evm_profile_print(&c->profile, remark, &text) != EVM_OK)
        status = cli_complain(self, "out of memory");
    struct cli_outfile out = {.file = NULL};
    if (status == CLI_DONE && path && !cli_outfile_open(&out, path))
        status = cannot_write(self, path);
    if (out.file)
        cli_outfile_write(&out, text.data, text.size);
    else if (status == CLI_DONE)
        fwrite(text.data, 1, text.size, stdout); /* cli_finish tells whether it got there */
    if (!cli_outfile_close(&out, status == CLI_DONE))
        status = cannot_write(self, path);
    evm_buf_fini(&text);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {.name = "this-machine"};
    struct cli_operands operands;
    struct calibration c = {.bench = NULL};
    int status = cli_parse(self, argc, argv, &set, &operands);
    if (status >= 0)
        return status;
    if (strlen(set.name) >= sizeof c.profile.name || !set.name[0] || strpbrk(set.name, "\"\\\n#"))
        return cli_complain(self, "--name: 1 to %zu letters, without quotes",
                            sizeof c.profile.name - 1);
    if (set.output && !cli_outfile_possible(set.output)) /* before a minute is spent */
        return cannot_write(self, set.output);
    double from = cli_now();
    c.bench = probe_bench_create();
    if (c.bench)
        calibrate(&c, set.name);
    double seconds = (cli_now() - from) / 1e9;
    if (!c.bench || c.failed)
        status = cli_complain(self, "out of memory");
    else if (set.output || !set.json)
        status = write_profile(self, &c, set.output, seconds);
    if (status <= CLI_DONE && set.json)
        print_json(&c, seconds);
    probe_bench_destroy(c.bench);
    return cli_finish(self, status < 0 ? CLI_DONE : status);
}

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_STRING,
     .offset = offsetof(struct settings, output),
     .value = "FILE",
     .doc = "write the profile there (default: print it)"},
    {.name = "name",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, name),
     .value = "NAME",
     .doc = "what the profile is called (default: this-machine)"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, json),
     .doc = "print the values as one JSON object"},
};

const struct cli_command cli_calibrate = {
    .name = "calibrate",
    .operands = "",
    .summary = "measure what work costs on this machine, and write a cost profile",
    .details =
        "The profile is what --profile of replay and bench parallel, and `profile` of a\n"
        "scenario's execution take. It is measured on the program's own code, with blocks\n"
        "made for that; no transfer, token or exchange is among them. Each value is the best\n"
        "of many repetitions; the noise is how much longer their median took, at the worst.\n"
        "Takes less than 30 s. Do nothing else on the machine meanwhile.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
