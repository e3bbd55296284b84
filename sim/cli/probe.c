#include "sim/cli/probe.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "sim/cli/timing.h"

enum {
    VARIANTS_MAX = 1024,
    CODE_MAX = 40000,
    RUNS_MIN = 9,
    RUNS_MAX = 400,
    PEOPLE = PROBE_TXS_MAX,
    SLOTS = 8
};

/* One block and the world it runs in. */
struct block {
    struct evm_state *pre;
    struct evm_tx *txs;
    const struct evm_tx **list;
    uint8_t (*inputs)[64];
    struct evm_block_env env;
    struct evm_block_input in;
};

static const struct evm_addr contract = {{0xff, 0x01}}, stopped = {{0xff, 0x02}};

/* Variants behind the first. */
static struct evm_addr variant_at(uint32_t v)
{
    struct evm_addr a = {{0xff, 0x03, (uint8_t)(v >> 8), (uint8_t)v}};
    return v ? a : contract;
}

static struct evm_addr person(uint32_t i)
{
    uint8_t seed[8] = {'p', 'r', 'o', 'b', (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 1};
    struct evm_hash h;
    struct evm_addr a;
    evm_keccak256(&h, (struct evm_bytes){seed, sizeof seed});
    memcpy(a.b, h.b, sizeof a.b);
    a.b[0] &= 0x7f;
    return a;
}

static unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* PUSH2 to, JUMP. */
static void put_jump(uint8_t *out, size_t to)
{
    out[0] = 0x61;
    out[1] = (uint8_t)(to >> 8);
    out[2] = (uint8_t)to;
    out[3] = 0x56;
}

/* `count` (a prime) pieces of 40 bytes, each a JUMPDEST and a jump to the next one, which is 37
 * pieces further round. */
static size_t scatter(uint8_t *out, size_t n, unsigned count)
{
    enum { SIZE = 40, STRIDE = 37 };
    const size_t first = n + 4, end = first + (size_t)count * SIZE;
    put_jump(out + n, first);
    memset(out + first, 0xfe, end - first);
    for (unsigned k = 0; k < count; k++) {
        size_t at = first + (size_t)(k * STRIDE % count) * SIZE;
        out[at] = 0x5b;
        put_jump(out + at + 1,
                 k + 1 < count ? first + (size_t)((k + 1) * STRIDE % count) * SIZE : end);
    }
    out[end] = 0x5b;
    return end + 1;
}

/* The variant's number, the two words of call data, then the copies. "PC" in the code stands for
 * the offset of the byte behind the next two (a jump to the JUMPDEST there). */
static size_t assemble(uint8_t *out, const char *code, unsigned copies, uint32_t variant)
{
    bool scattered = code[0] == '-';
    const uint8_t head[] = {
        0x61, (uint8_t)(variant >> 8), (uint8_t)variant, 0x50, 0x60, 0x00, 0x35, 0x60, 0x20, 0x35};
    size_t n = sizeof head;
    memcpy(out, head, n);
    if (scattered)
        return scatter(out, n, copies);
    for (unsigned k = 0; k < copies; k++)
        for (const char *c = code; *c && n + 2 < CODE_MAX;) {
            if (memcmp(c, "PC", 2) == 0) {
                size_t to = n + 3;
                out[n++] = (uint8_t)(to >> 8);
                out[n++] = (uint8_t)to;
                c += 2;
                continue;
            }
            out[n++] = (uint8_t)(nibble(c[0]) << 4 | nibble(c[1]));
            c += 2;
        }
    return n;
}

static int by_addr(const void *x, const void *y)
{
    const struct evm_account_change *a = x, *b = y;
    return memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
}

static int by_key(const void *x, const void *y)
{
    const struct evm_slot_change *a = x, *b = y;
    return evm_u256_cmp(&a->key, &b->key);
}

static struct evm_u256 slot_key(uint32_t tx, uint32_t i)
{
    return (struct evm_u256){{i, 0, 0, (uint64_t)(tx + 1) * 0x9e3779b97f4a7c15u}};
}

static enum evm_status fill(struct probe_bench *b, const struct probe *p, struct evm_changes *c)
{
    uint8_t *code = malloc(CODE_MAX);
    enum evm_status st =
        code ? evm_changes_reserve(c, PEOPLE + 1 + VARIANTS_MAX, PEOPLE * SLOTS) : EVM_ERR_MEMORY;
    for (uint32_t i = 0; st == EVM_OK && i < PEOPLE; i++)
        c->accounts[i] = (struct evm_account_change){.addr = person(i),
                                                     .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                                     .balance = {{0, 0, 1, 0}}};
    for (uint32_t i = 0; st == EVM_OK && i < PEOPLE * SLOTS; i++)
        c->slots[i] = (struct evm_slot_change){slot_key(i / SLOTS, i % SLOTS), evm_u256_of(77)};
    if (st == EVM_OK) {
        size_t size = assemble(code, p->code, p->copies, 0);
        qsort(c->accounts, PEOPLE, sizeof *c->accounts, by_addr);
        qsort(c->slots, PEOPLE * SLOTS, sizeof *c->slots, by_key);
        c->account_count = PEOPLE + 2;
        c->slot_count = PEOPLE * SLOTS;
        const unsigned made = EVM_WROTE_NONCE | EVM_WROTE_CODE | EVM_WROTE_CREATED;
        c->accounts[PEOPLE] = (struct evm_account_change){
            .addr = contract,
            .wrote = made,
            .nonce = 1,
            .code = evm_codes_add(b->codes, (struct evm_bytes){code, size}),
            .slot_count = PEOPLE * SLOTS};
        c->accounts[PEOPLE + 1] = (struct evm_account_change){
            .addr = stopped,
            .wrote = made,
            .nonce = 1,
            .first_slot = PEOPLE * SLOTS,
            .code = evm_codes_add(b->codes, (struct evm_bytes){(const uint8_t *)"\0", 1})};
        st = c->accounts[PEOPLE].code && c->accounts[PEOPLE + 1].code ? EVM_OK : EVM_ERR_MEMORY;
        for (uint32_t v = 1; st == EVM_OK && v < p->variants && v < VARIANTS_MAX; v++) {
            struct evm_account_change *a = &c->accounts[c->account_count++];
            *a = c->accounts[PEOPLE + 1];
            a->addr = variant_at(v);
            a->first_slot = c->slot_count;
            a->code = evm_codes_add(
                b->codes, (struct evm_bytes){code, assemble(code, p->code, p->copies, v)});
            st = a->code ? EVM_OK : EVM_ERR_MEMORY;
        }
    }
    free(code);
    return st;
}

static void make_txs(struct block *x, const struct probe *p)
{
    for (uint32_t i = 0; i < p->txs; i++) {
        struct evm_u256 key = slot_key(i, 0);
        /* Word 0: 161 bits to compute with; word 1: the first of the call's own slots. */
        memset(x->inputs[i], 0, 64);
        memset(x->inputs[i] + 11, 0x5b, 21);
        evm_u256_store_be(x->inputs[i] + 32, &key);
        x->txs[i] = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                                    .has_sender = true,
                                    .chain_id = 1,
                                    .has_chain_id = true,
                                    .sender = person(p->distinct ? i : 0),
                                    .nonce = p->distinct ? 0 : i,
                                    .gas_limit = UINT64_C(1) << 32,
                                    .max_fee = evm_u256_of(20),
                                    .max_priority_fee = evm_u256_of(1),
                                    .to = variant_at(p->variants ? i % p->variants : 0),
                                    .input = {x->inputs[i], 64}};
        x->list[i] = &x->txs[i];
    }
    x->env = (struct evm_block_env){.number = 1,
                                    .timestamp = 1700000000,
                                    .gas_limit = UINT64_C(1) << 60,
                                    .chain_id = 1,
                                    .coinbase = {{0xfe}},
                                    .base_fee = evm_u256_of(1)};
    x->in = (struct evm_block_input){.rules = evm_rules_of(EVM_CANCUN),
                                     .env = &x->env,
                                     .txs = x->list,
                                     .tx_count = p->txs,
                                     .pre = x->pre};
}

static void block_fini(struct block *x)
{
    evm_state_unref(x->pre);
    free(x->txs);
    free(x->list);
    free(x->inputs);
}

static bool block_make(struct probe_bench *b, const struct probe *p, struct block *x)
{
    struct evm_changes c;
    evm_changes_init(&c);
    *x = (struct block){.txs = calloc(p->txs, sizeof *x->txs),
                        .list = calloc(p->txs, sizeof(*x->list)),
                        .inputs = calloc(p->txs, sizeof *x->inputs)};
    bool ok = x->txs && x->list && x->inputs && fill(b, p, &c) == EVM_OK;
    x->pre = ok ? evm_state_create(b->codes) : NULL;
    ok = x->pre && evm_state_apply(x->pre, &c) == EVM_OK;
    if (ok) {
        evm_state_seal(x->pre);
        make_txs(x, p);
    }
    evm_changes_fini(&c);
    return ok;
}

struct probe_bench *probe_bench_create(void)
{
    struct probe_bench *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->codes = evm_codes_create();
    b->pool = evm_exec_pool_create();
    b->budget = 120e6;
    if (b->codes && b->pool)
        return b;
    probe_bench_destroy(b);
    return NULL;
}

void probe_bench_destroy(struct probe_bench *b)
{
    if (!b)
        return;
    evm_exec_pool_destroy(b->pool);
    evm_codes_destroy(b->codes);
    free(b);
}

/* The makespan; below 0 if the block was not executed whole. */
static double execute(struct probe_bench *b, const struct block *x, const struct probe *p,
                      const struct evm_profile *profile, bool translated)
{
    const struct evm_exec_config config = {.executor = p->executor,
                                           .driver =
                                               profile ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS,
                                           .cores = 1,
                                           .seed = 1,
                                           .profile = profile,
                                           .caches = {.no_code = !translated},
                                           .pool = b->pool};
    struct evm_block_result r;
    double ns = -1;
    if (evm_execute(&config, &x->in, &r, NULL) == EVM_OK && r.receipt_count == p->txs &&
        r.receipts[p->txs - 1].success)
        ns = (double)r.makespan_ns;
    evm_block_result_fini(&r);
    return ns;
}

static double time_block(struct probe_bench *b, const struct block *x, const struct probe *p,
                         bool translated)
{
    double ns[RUNS_MAX], spent = 0;
    size_t n = 0;
    for (int i = 0; i < 4; i++) /* code is translated, tables have grown */
        if (execute(b, x, p, NULL, translated) < 0)
            return -1;
    for (; n < RUNS_MAX && (n < RUNS_MIN || spent < b->budget); n++) {
        double from =
            cli_cpu_now(); /* of the processor: a busy machine takes longer, not fewer runs */
        ns[n] = execute(b, x, p, NULL, translated);
        spent += cli_cpu_now() - from;
    }
    struct cli_times t = cli_times_of(ns, n);
    double noise = t.median / t.best - 1;
    b->noise = noise > b->noise ? noise : b->noise;
    return t.best;
}

double probe_time(struct probe_bench *b, const struct probe *p, bool translated)
{
    struct block x;
    double ns = block_make(b, p, &x) ? time_block(b, &x, p, translated) : -1;
    block_fini(&x);
    return ns;
}

/* How often each time of a profile is charged. */
static bool count(struct probe_bench *b, const struct block *x, const struct probe *p,
                  double units[PROBE_FIELDS_MAX])
{
    const struct evm_profile_field *f;
    for (size_t i = 0; i < PROBE_FIELDS_MAX && (f = evm_profile_field_at(i)); i++) {
        struct evm_profile one = {
            .keccak_kept = 512, .code_kept = 4096, .device_depth = 1, .plain = 1};
        units[i] = 0;
        if (!f->is_time || strcmp(f->key, "device_latency") == 0)
            continue;
        *evm_profile_value(&one, f) = 1;
        units[i] = execute(b, x, p, &one, true);
        if (units[i] < 0)
            return false;
    }
    return true;
}

static bool measure(struct probe_bench *b, const struct probe *p, double *ns,
                    double units[PROBE_FIELDS_MAX])
{
    struct block x;
    bool ok =
        block_make(b, p, &x) && (*ns = time_block(b, &x, p, true)) >= 0 && count(b, &x, p, units);
    block_fini(&x);
    return ok;
}

bool probe_solve(struct probe_bench *b, const struct evm_profile *known, const char *field,
                 const struct probe *more, const struct probe *less, double *value)
{
    double ns, other = 0, units[PROBE_FIELDS_MAX], others[PROBE_FIELDS_MAX] = {0}, times = 0;
    if (!measure(b, more, &ns, units) || (less && !measure(b, less, &other, others)))
        return false;
    double left = ns - other;
    const struct evm_profile_field *f;
    for (size_t i = 0; i < PROBE_FIELDS_MAX && (f = evm_profile_field_at(i)); i++) {
        double n = units[i] - others[i];
        if (strcmp(f->key, field) == 0)
            times = n;
        else if (f->is_time)
            left -= n * *(const double *)(const void *)((const char *)known + f->offset);
    }
    *value = left / times;
    return times > 0;
}
