/* What simulated machines cost: profile files, the storage device, caches' switches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/keccak_memo.h"
#include "evm/parallel/executor.h"
#include "evm/parallel/storage.h"

/* ---- profile files --------------------------------------------------------------------------- */

static struct evm_bytes bytes_of(const char *text)
{
    return (struct evm_bytes){(const uint8_t *)text, strlen(text)};
}

static void a_printed_profile_reads_back(void **state)
{
    (void)state;
    const struct evm_profile *p;
    for (size_t i = 0; (p = evm_profile_at(i)); i++) {
        struct evm_profile back;
        struct evm_err err = {0};
        struct evm_buf text = {0};
        assert_int_equal(evm_profile_print(p, "two\nlines", &text), EVM_OK);
        assert_int_equal(evm_profile_parse(&back, "x.yaml", evm_buf_bytes(&text), &err), EVM_OK);
        assert_string_equal(back.name, p->name);
        assert_string_equal(back.doc, p->doc);
        const struct evm_profile_field *f;
        for (size_t k = 0; (f = evm_profile_field_at(k)); k++) {
            double a = *evm_profile_value(&back, f);
            double b = *(const double *)(const void *)((const char *)p + f->offset);
            assert_true(fabs(a - b) <= 1e-3 * b);
        }
        evm_buf_fini(&text);
    }
}

static void a_base_gives_what_is_not_said(void **state)
{
    (void)state;
    const struct evm_profile *base = evm_profile_find("validator-2025");
    struct evm_profile p;
    struct evm_err err = {0};
    const char *text = "---\nname: mine # a comment\nwrite: 1234.5\n\nbase: validator-2025\r\n"
                       "# another\n  tx_base :  7e2\n";
    assert_int_equal(evm_profile_parse(&p, "x", bytes_of(text), &err), EVM_OK);
    assert_string_equal(p.name, "mine");
    assert_true(p.write == 1234.5 && p.tx_base == 700);
    assert_true(p.read_versions == base->read_versions && p.op[3] == base->op[3]);
}

static void damaged_files_are_told_by_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"name: a\nbase: abacus\n", "f.yaml:2: base: no cost profile is called 'abacus'"},
        {"name: a\nbase: validator-2025\nwrite: fast\n", "f.yaml:3: write: 'fast' is not a number"},
        {"name: a\nwrite: -1\n", "f.yaml:2: write: -1 is not within 0 and"},
        {"name: a\nwrite: nan\n", "f.yaml:2: write: 'nan' is not a number"},
        {"name: a\nwrite: 0x10\n", "f.yaml:2: write: '0x10' is not a number"},
        {"name: a\nwrite:\n", "f.yaml:2: write: '' is not a number"},
        {"cached: 1.5\n", "f.yaml:1: cached: 1.5 is not within 0 and 1"},
        {"device_depth: 0\n", "f.yaml:1: device_depth: 0 is not within 1 and"},
        {"name: a\nwrite: 1\nwrite: 2\n", "f.yaml:3: write is given twice; first in line 2"},
        {"name: a\nname: b\n", "f.yaml:2: name is given twice"},
        {"speed: 9\n", "f.yaml:1: no value of a cost profile is called 'speed'"},
        {"just words\n", "f.yaml:1: 'just words' is not of the form"},
        {"write:3\n", "f.yaml:1: 'write:3' is not of the form"},
        {"name: \"\"\n", "f.yaml:1: name must have 1 to"},
        {"base: validator-2025\n", "f.yaml: the profile has no name"},
        {"", "f.yaml: the profile has no name"},
        {"name: a\nop_cheap: 1\n", "f.yaml: op_mul (a multiplication"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evm_profile p;
        struct evm_err err = {0};
        assert_int_equal(evm_profile_parse(&p, "f.yaml", bytes_of(cases[i].text), &err),
                         EVM_ERR_INPUT);
        if (strncmp(err.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("case %zu says '%s', not '%s'", i, err.text, cases[i].says);
    }
    struct evm_profile p;
    struct evm_err err = {0};
    const struct evm_bytes zero = {(const uint8_t *)"name: a\n\0b: 1\n", 14};
    assert_int_equal(evm_profile_parse(&p, "f.yaml", zero, &err), EVM_ERR_INPUT);
    assert_memory_equal(err.text, "f.yaml:2: a zero byte", 21);
    assert_int_equal(evm_profile_load(&p, "/nowhere/at.all", &err), EVM_ERR_IO);
    assert_int_equal(evm_profile_load(&p, "abacus", &err), EVM_ERR_INPUT);
    assert_non_null(strstr(err.text, "validator-2025"));
}

static void scaling_leaves_the_device_alone(void **state)
{
    (void)state;
    struct evm_profile p = *evm_profile_find("validator-2025");
    struct evm_profile slow = p;
    slow.device_latency = p.device_latency = 80000;
    evm_profile_scale(&slow, 3);
    assert_true(slow.write == 3 * p.write && slow.op[0] == 3 * p.op[0]);
    assert_true(slow.device_latency == 80000 && slow.cached == p.cached && slow.plain == p.plain);
}

/* ---- the device ------------------------------------------------------------------------------ */

static struct evm_addr address(uint32_t i)
{
    return (struct evm_addr){{(uint8_t)(i * 37), (uint8_t)(i >> 8), (uint8_t)i, 0xab}};
}

static struct evm_storage device(double latency, double depth, double cached, uint64_t seed)
{
    const struct evm_profile p = {
        .device_latency = latency, .device_depth = depth, .cached = cached};
    struct evm_storage s;
    assert_int_equal(evm_storage_init(&s, &p, seed), EVM_OK);
    return s;
}

/* k misses at once over depth d take ceil(k / d) latencies. */
static void misses_at_once_wait_in_line(void **state)
{
    (void)state;
    for (uint32_t d = 1; d <= 9; d += 4)
        for (uint32_t k = 1; k < 2000; k = k * 3 + 1) {
            struct evm_storage s = device(700, d, 0, 5);
            int64_t last = 0;
            for (uint32_t i = 0; i < k; i++) {
                struct evm_addr a = address(i);
                int64_t ready = evm_storage_read(&s, &a, NULL, 1000);
                assert_int_equal(ready, 1000 + (int64_t)(i / d + 1) * 700);
                last = ready > last ? ready : last;
            }
            assert_int_equal(last, 1000 + (int64_t)((k + d - 1) / d) * 700);
            assert_int_equal(evm_storage_serial(&s), (int64_t)k * 700);
            evm_storage_fini(&s);
        }
}

static void one_request_serves_all_who_want_it(void **state)
{
    (void)state;
    struct evm_storage s = device(700, 2, 0, 5);
    struct evm_addr a = address(4);
    struct evm_u256 key = {{9, 8, 7, 6}};
    assert_int_equal(evm_storage_read(&s, &a, NULL, 100), 800);
    assert_int_equal(evm_storage_read(&s, &a, NULL, 300), 800);
    assert_int_equal(evm_storage_read(&s, &a, NULL, 900), 900);
    assert_int_equal(evm_storage_read(&s, &a, &key, 900), 1600); /* its slot is another place */
    assert_int_equal(s.misses, 2);
    evm_storage_fini(&s);
}

/* What the page cache holds follows from location and seed alone. */
static void hits_do_not_depend_on_the_order(void **state)
{
    enum { N = 20000 };
    (void)state;
    struct evm_storage up = device(700, 64, 0.75, 11), down = device(700, 3, 0.75, 11);
    struct evm_storage other = device(700, 64, 0.75, 12);
    static bool hit[N];
    for (uint32_t i = 0; i < N; i++) {
        struct evm_addr a = address(i);
        hit[i] = evm_storage_read(&up, &a, NULL, 0) == 0;
        evm_storage_read(&other, &a, NULL, 0);
    }
    for (uint32_t i = N; i-- > 0;) {
        struct evm_addr a = address(i);
        assert_int_equal(evm_storage_read(&down, &a, NULL, 0) == 0, hit[i]);
    }
    assert_int_equal(up.misses, down.misses);
    assert_true(up.misses != other.misses);
    /* Six standard deviations of a binomial. */
    assert_true(fabs((double)up.misses - 0.25 * N) < 6 * sqrt(0.25 * 0.75 * N));
    evm_storage_fini(&up);
    evm_storage_fini(&down);
    evm_storage_fini(&other);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

enum { TXS = 60 };
struct block {
    struct evm_codes *codes;
    struct evm_state *pre;
    struct evm_tx txs[TXS];
    const struct evm_tx *list[TXS];
    struct evm_block_env env;
};

static int by_addr(const void *x, const void *y)
{
    const struct evm_account_change *a = x, *b = y;
    return memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
}

/* Plain transfers between 2 * TXS accounts. */
static void make_block(struct block *b)
{
    struct evm_changes c;
    evm_changes_init(&c);
    b->codes = evm_codes_create();
    b->pre = evm_state_create(b->codes);
    assert_int_equal(evm_changes_reserve(&c, 2 * TXS, 0), EVM_OK);
    for (uint32_t i = 0; i < 2 * TXS; i++)
        c.accounts[c.account_count++] =
            (struct evm_account_change){.addr = address(i),
                                        .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                        .balance = {{0, 1, 0, 0}}};
    qsort(c.accounts, c.account_count, sizeof *c.accounts, by_addr);
    assert_int_equal(evm_state_apply(b->pre, &c), EVM_OK);
    evm_state_seal(b->pre);
    evm_changes_fini(&c);
    for (uint32_t i = 0; i < TXS; i++) {
        b->txs[i] = (struct evm_tx){.has_sender = true,
                                    .sender = address(i),
                                    .to = address(TXS + i),
                                    .gas_limit = 21000,
                                    .max_fee = {{10, 0, 0, 0}},
                                    .max_priority_fee = {{10, 0, 0, 0}},
                                    .value = {{i + 5, 0, 0, 0}}};
        b->list[i] = &b->txs[i];
    }
    b->env = (struct evm_block_env){
        .number = 1, .gas_limit = 1u << 30, .chain_id = 1, .coinbase = {{0xfe}}};
}

static void block_fini(struct block *b)
{
    evm_state_unref(b->pre);
    evm_codes_destroy(b->codes);
}

static struct evm_block_result run(const struct block *b, const char *executor, uint32_t cores,
                                   const struct evm_profile *profile, bool prefetch)
{
    const struct evm_exec_config config = {.executor = evm_executor_find(executor),
                                           .driver = EVM_DRIVER_VIRTUAL,
                                           .cores = cores,
                                           .seed = 3,
                                           .profile = profile,
                                           .caches = {.prefetch = prefetch}};
    const struct evm_block_input in = {.rules = evm_rules_of(EVM_CANCUN),
                                       .env = &b->env,
                                       .txs = b->list,
                                       .tx_count = TXS,
                                       .pre = b->pre};
    struct evm_block_result r;
    struct evm_err err = {0};
    if (evm_execute(&config, &in, &r, &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(r.receipt_count, TXS);
    const struct evm_block_result numbers = r;
    evm_block_result_fini(&r);
    return numbers; /* its numbers */
}

static struct evm_profile on_device(double latency, double depth)
{
    struct evm_profile p = *evm_profile_find("validator-2025");
    p.device_latency = latency;
    p.device_depth = depth;
    p.cached = 0;
    return p;
}

/* One core waits for each of the 2 * TXS accounts; the serial reference says so too. */
static void a_device_makes_blocks_longer(void **state)
{
    struct block b;
    (void)state;
    make_block(&b);
    const struct evm_profile slow = on_device(1e6, 256);
    struct evm_block_result memory =
        run(&b, "serial", 1, evm_profile_find("validator-2025"), false);
    struct evm_block_result one = run(&b, "serial", 1, &slow, false);
    assert_int_equal(memory.device_reads, 0);
    assert_true(one.device_reads >= 2 * TXS && one.device_reads <= 2 * TXS + 1);
    int64_t waits = (int64_t)one.device_reads * 1000000;
    assert_int_equal(one.device_ns, waits);
    assert_true(llabs(one.makespan_ns - memory.makespan_ns - waits) <= TXS);
    assert_true(llabs(one.serial_ns - one.makespan_ns) <= TXS + one.makespan_ns / 1000);
    /* Forty cores wait for forty reads at a time. */
    struct evm_block_result many = run(&b, "ladder", 40, &slow, false);
    assert_int_equal(many.device_reads, one.device_reads);
    assert_true(many.makespan_ns < one.makespan_ns / 15);
    assert_int_equal(many.serial_ns / 1000000, one.serial_ns / 1000000);
    /* A device that does one thing at a time takes as long however many wait. */
    const struct evm_profile narrow = on_device(1e6, 1);
    assert_true(run(&b, "ladder", 40, &narrow, false).makespan_ns >= waits);
    block_fini(&b);
}

/* All that is known is asked for at once: then the whole block waits for ceil(k / d) latencies. */
static void prefetch_hides_latency(void **state)
{
    struct block b;
    (void)state;
    make_block(&b);
    const struct evm_profile slow = on_device(1e6, 60);
    struct evm_block_result blind = run(&b, "ladder", 4, &slow, false);
    struct evm_block_result told = run(&b, "ladder", 4, &slow, true);
    assert_int_equal(told.device_reads, blind.device_reads);
    assert_true(told.makespan_ns >= 2000000 && told.makespan_ns < 3100000);
    assert_true(blind.makespan_ns > TXS / 4 * 2 * 1000000 - 1000000);
    assert_int_equal(told.serial_ns, blind.serial_ns);
    block_fini(&b);
}

/* While the cores ask for twice what memory gives, everything takes twice as long. */
static void bandwidth_is_shared(void **state)
{
    struct block b;
    (void)state;
    make_block(&b);
    struct evm_profile p = *evm_profile_find("validator-2025");
    p.bytes_read = p.bytes_lookup = p.bytes_write = 1000;
    int64_t free_1 = run(&b, "ladder", 1, &p, false).makespan_ns;
    int64_t free_8 = run(&b, "ladder", 8, &p, false).makespan_ns;
    p.bandwidth = 1e5;
    assert_int_equal(run(&b, "ladder", 8, &p, false).makespan_ns, free_8);
    p.bandwidth = 1;
    int64_t bound_1 = run(&b, "ladder", 1, &p, false).makespan_ns;
    int64_t bound_8 = run(&b, "ladder", 8, &p, false).makespan_ns;
    assert_true(bound_1 > free_1);
    assert_true(bound_8 > 3 * free_8);
    assert_true(bound_8 * 10 > bound_1 * 9 - 10 * free_1); /* more cores give no more bytes */
    block_fini(&b);
}

static void costs_are_deterministic(void **state)
{
    struct block b;
    (void)state;
    make_block(&b);
    struct evm_profile p = on_device(50000, 3);
    p.cached = 0.5;
    p.bandwidth = 5;
    p.bytes_read = p.bytes_lookup = p.bytes_write = 300;
    for (uint32_t cores = 1; cores <= 64; cores = cores * 3 + 1) {
        struct evm_block_result x = run(&b, "ladder", cores, &p, cores & 1);
        struct evm_block_result y = run(&b, "ladder", cores, &p, cores & 1);
        assert_int_equal(x.makespan_ns, y.makespan_ns);
        assert_int_equal(x.device_ns, y.device_ns);
        assert_int_equal(x.busy_ns, y.busy_ns);
    }
    block_fini(&b);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

static void a_core_remembers_what_it_hashed(void **state)
{
    (void)state;
    uint64_t tags[8] = {0};
    struct evm_keccak_kept core = {tags, 8}, nothing = {NULL, 0};
    uint32_t last = EVM_KECCAK_MET_NONE;
    struct evm_keccak_memo m = {.core = &core, .last = &last};
    const struct evm_addr caller = {{1, 2, 3}};
    uint8_t key[64] = {0}, input[36] = {0xa9, 0x05, 0x9c, 0xbb};
    const struct evm_bytes in = {key, 64}, call = {input, 36};
    const struct evm_hash a = {{0x11, 0x22, 0x33, 0x44}}, b = {{0x91, 0x22, 0x34, 0x44}};
    memcpy(key + 12, caller.b, 20);
    assert_int_equal(evm_keccak_memo_meet(&m, &caller, call, in, &a), EVM_KECCAK_FOLLOWS);
    assert_int_equal(evm_keccak_memo_meet(&m, &caller, call, in, &a), EVM_KECCAK_KEPT);
    key[40] = 1;
    key[5] = 9; /* neither the caller nor an argument */
    assert_int_equal(evm_keccak_memo_meet(&m, &caller, call, in, &b), EVM_KECCAK_NEW);
    memcpy(input + 4, key, 32);
    m.core = &nothing;
    assert_int_equal(evm_keccak_memo_meet(&m, &caller, call, in, &b), EVM_KECCAK_NEW);
    assert_int_equal(m.count, 3);
    assert_int_equal(m.met[2].before, 1);
    evm_keccak_memo_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_printed_profile_reads_back),
        cmocka_unit_test(a_base_gives_what_is_not_said),
        cmocka_unit_test(damaged_files_are_told_by_line),
        cmocka_unit_test(scaling_leaves_the_device_alone),
        cmocka_unit_test(misses_at_once_wait_in_line),
        cmocka_unit_test(one_request_serves_all_who_want_it),
        cmocka_unit_test(hits_do_not_depend_on_the_order),
        cmocka_unit_test(a_device_makes_blocks_longer),
        cmocka_unit_test(prefetch_hides_latency),
        cmocka_unit_test(bandwidth_is_shared),
        cmocka_unit_test(costs_are_deterministic),
        cmocka_unit_test(a_core_remembers_what_it_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
