/* The interpreter gives what the reference gives, plain and translated: how it ends, gas, output,
 * logs, refund and the world afterwards; however the run is cut up by pending reads and budgets. */
#include <stdio.h>
#include <stdlib.h>

#include "evm/core/opcodes.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"
#include "evm/state/state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/reference.h"

static bool reached(void);
const struct fuzz_plan fuzz_plan = {.runs = 4000, .max_size = 3000, .reached = reached};

/* ---- the block and the transaction, for both sides ----------------------------------------------
 */

static const struct evm_addr coinbase = {{0xcb, [19] = 0x0b}};
static const uint64_t hash_numbers[] = {744, 743, 999};
static const struct evm_hash hashes[] = {{{0x74, 0x44}}, {{0x74, 0x43}}, {{0x99, 0x99}}};
static const struct evm_hash blobs[] = {{{0x01, 0xb0}}, {{0x01, 0xb1}}};

static struct evm_block_env block_env(void)
{
    return (struct evm_block_env){
        .number = 1000,
        .timestamp = 0x65000001,
        .gas_limit = 36000000,
        .chain_id = 0x5e7,
        .coinbase = coinbase,
        .base_fee = {{7, 1}},
        .blob_base_fee = {{0x123}},
        .difficulty = {{0x20000, 0, 5}},
        .prev_randao = {{0xaa, 0xbb, [31] = 0xcc}},
    };
}

/* ---- our side ----------------------------------------------------------------------------------
 */

static struct evm_state *make_state(const struct fuzz_world *w, struct evm_codes *codes)
{
    struct evm_state *s = evm_state_create(codes);
    EVM_CHECK(s, "no memory%s", "");
    for (unsigned i = 0; i < FUZZ_ACCOUNTS; i++) {
        const struct fuzz_account *a = &w->accounts[i];
        bool empty = !a->nonce && !a->code_size && evm_u256_is_zero(&a->balance);
        if (!a->exists || (empty && !a->slot_count && w->fork >= EVM_SPURIOUS_DRAGON))
            continue;
        struct evm_slot_change slots[FUZZ_SLOTS];
        for (size_t k = 0; k < a->slot_count; k++)
            slots[k] = (struct evm_slot_change){a->keys[k], a->values[k]};
        struct evm_account_change change = {
            .addr = a->addr,
            .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE | EVM_WROTE_CREATED,
            .nonce = a->nonce,
            .balance = a->balance,
            .code = evm_codes_add(codes, (struct evm_bytes){a->code, a->code_size}),
            .slot_count = (uint32_t)a->slot_count,
        };
        struct evm_changes changes = {
            .accounts = &change,
            .slots = slots,
            .account_count = 1,
            .slot_count = (uint32_t)a->slot_count,
        };
        EVM_CHECK(evm_state_apply(s, &changes) == EVM_OK, "account %u does not go in", i);
    }
    evm_state_seal(s);
    return s;
}

/* A view that answers only when it is asked again, in some runs of questions. */
struct shy {
    struct evm_view real;
    uint64_t pattern, asked;
};

static bool hesitates(struct shy *s)
{
    s->asked++;
    return s->pattern >> s->asked % 8 & 1;
}

static enum evm_read shy_account(void *self, const struct evm_addr *addr, unsigned need,
                                 struct evm_account *out)
{
    struct shy *s = self;
    return hesitates(s) ? EVM_READ_PENDING : s->real.ops->account(s->real.self, addr, need, out);
}

static enum evm_read shy_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                              struct evm_u256 *out)
{
    struct shy *s = self;
    return hesitates(s) ? EVM_READ_PENDING : s->real.ops->slot(s->real.self, addr, key, out);
}

static void shy_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct shy *s = self;
    s->real.ops->block_hash(s->real.self, number, out);
}

static const struct evm_view_ops shy_ops = {shy_account, shy_slot, shy_block_hash};

struct ours {
    struct evm_journal *journal;
    struct evm_vm *vm;
    struct evm_vm_result result;
    struct evm_changes changes;
    struct evm_meter meter;
};

static void warm_up(struct evm_journal *j, const struct fuzz_world *w)
{
    for (unsigned i = 0; i < FUZZ_ACCOUNTS; i++) {
        const struct fuzz_account *a = &w->accounts[i];
        struct evm_jaccount *acc;
        struct evm_jslot *slot;
        if (!a->warm || !evm_rules_of(w->fork)->access_lists)
            continue;
        evm_journal_account(j, &a->addr, 0, &acc);
        evm_journal_warm_account(j, acc);
        for (unsigned k = 0; k < 2; k++) {
            struct evm_u256 key = evm_u256_of(k);
            if (!a->slot_warm[k])
                continue;
            evm_journal_slot(j, acc, &key, false, &slot);
            evm_journal_warm_slot(j, acc, slot);
        }
    }
}

/* How a run goes: which reads are pending at first, and in how many opcodes' slices. */
struct manner {
    enum evm_vm_tier tier;
    uint64_t pattern;
    bool metered;
    uint64_t budget;
};

static void run_ours(struct ours *o, const struct fuzz_world *w, const struct evm_state *state,
                     struct manner how)
{
    struct evm_block_hashes known = {hash_numbers, hashes, sizeof hashes / sizeof *hashes};
    struct evm_state_view base = {state, &known};
    struct shy shy = {.real = evm_state_view(&base), .pattern = how.pattern};
    struct evm_view view = {&shy_ops, &shy};
    const struct evm_rules *rules = evm_rules_of(w->fork);
    struct evm_block_env block = block_env();
    struct evm_tx_env tx = {
        .origin = w->accounts[4].addr,
        .gas_price = {{0x99, 0x1}},
        .blob_hashes = blobs,
        .blob_count = sizeof blobs / sizeof *blobs,
    };
    struct evm_msg msg = {
        .kind = w->create ? EVM_CREATE : EVM_CALL,
        .caller = w->accounts[4].addr,
        .to = w->to,
        .value = w->value,
        .input = w->input,
        .gas = w->gas,
    };
    memset(&o->meter, 0, sizeof o->meter);
    evm_journal_begin(o->journal, rules, view);
    warm_up(o->journal, w);
    evm_vm_set_tier(o->vm, how.tier);
    evm_vm_begin(o->vm, rules, &block, &tx, o->journal, &msg);
    while (evm_vm_step(o->vm, how.metered ? &o->meter : NULL, how.budget) != EVM_STEP_DONE)
        ;
    EVM_CHECK(evm_vm_result(o->vm, &o->result) == EVM_OK, "no memory%s", "");
    while (evm_journal_settle(o->journal) != EVM_READ_OK)
        ;
    EVM_CHECK(evm_journal_finish(o->journal, &o->changes) == EVM_OK, "no memory%s", "");
}

/* One vm for all runs, as everybody else uses it: what an earlier run left in it must not matter.
 */
static void ours_init(struct ours *o, struct evm_codes *codes)
{
    static struct evm_vm *vm;
    if (!vm)
        vm = evm_vm_create();
    o->journal = evm_journal_create(codes);
    o->vm = vm;
    evm_changes_init(&o->changes);
    EVM_CHECK(o->journal && o->vm, "no memory%s", "");
}

static void ours_fini(struct ours *o)
{
    evm_journal_destroy(o->journal);
    evm_changes_fini(&o->changes);
}

/* ---- the reference's side -----------------------------------------------------------------------
 */

static struct ref_word word_of(const struct evm_u256 *x)
{
    struct ref_word w;
    evm_u256_store_be(w.b, x);
    return w;
}

static struct ref_addr addr_of(const struct evm_addr *a)
{
    struct ref_addr out;
    memcpy(out.b, a->b, 20);
    return out;
}

static void fill_ref_world(struct ref *r, const struct fuzz_world *w)
{
    for (unsigned i = 0; i < FUZZ_ACCOUNTS; i++) {
        const struct fuzz_account *a = &w->accounts[i];
        struct ref_addr addr = addr_of(&a->addr);
        struct ref_account *acc = ref_account_at(&r->world, &addr);
        bool empty = !a->nonce && !a->code_size && evm_u256_is_zero(&a->balance);
        acc->warm = a->warm;
        for (unsigned k = 0; k < 2; k++) {
            struct ref_word key = ref_of(k);
            ref_slot_at(&r->world, &addr, &key)->warm = a->slot_warm[k];
        }
        if (!a->exists || (empty && !a->slot_count && w->fork >= EVM_SPURIOUS_DRAGON))
            continue;
        acc->exists = true;
        acc->nonce = a->nonce;
        acc->balance = word_of(&a->balance);
        acc->code = (struct ref_bytes){a->code, a->code_size};
        for (size_t k = 0; k < a->slot_count; k++) {
            struct ref_word key = word_of(&a->keys[k]);
            struct ref_slot *s = ref_slot_at(&r->world, &addr, &key);
            s->value = s->original = word_of(&a->values[k]);
        }
    }
}

static void run_ref(struct ref *r, const struct fuzz_world *w)
{
    static struct ref_word ref_hashes[3], ref_blobs[2];
    struct evm_block_env b = block_env();
    struct evm_u256 gas_price = {{0x99, 0x1}};
    for (int i = 0; i < 3; i++)
        memcpy(ref_hashes[i].b, hashes[i].b, 32);
    for (int i = 0; i < 2; i++)
        memcpy(ref_blobs[i].b, blobs[i].b, 32);
    memset(r, 0, sizeof *r);
    r->env = (struct ref_env){
        .fork = (enum ref_fork)w->fork,
        .number = b.number,
        .timestamp = b.timestamp,
        .gas_limit = b.gas_limit,
        .chain_id = b.chain_id,
        .coinbase = addr_of(&b.coinbase),
        .origin = addr_of(&w->accounts[4].addr),
        .difficulty = word_of(&b.difficulty),
        .base_fee = word_of(&b.base_fee),
        .blob_base_fee = word_of(&b.blob_base_fee),
        .gas_price = word_of(&gas_price),
        .blob_hashes = ref_blobs,
        .blob_count = 2,
        .hash_numbers = hash_numbers,
        .hashes = ref_hashes,
        .hash_count = 3,
    };
    memcpy(r->env.prev_randao.b, b.prev_randao.b, 32);
    fill_ref_world(r, w);
    struct ref_message m = {
        .create = w->create,
        .caller = addr_of(&w->accounts[4].addr),
        .to = addr_of(&w->to),
        .value = word_of(&w->value),
        .input = {w->input.data, w->input.size},
        .gas = w->gas,
    };
    ref_run(r, &m);
}

/* ---- the comparison -----------------------------------------------------------------------------
 */

static enum ref_status status_of(enum evm_halt h)
{
    return h == EVM_HALT_STOP ? REF_OK : h == EVM_HALT_REVERT ? REF_REVERT : REF_FAIL;
}

static void show(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void same_bytes(const char *what, const uint8_t *ours, const uint8_t *theirs, size_t n)
{
    char a[65] = "", b[65] = "";
    if (n == 0 || memcmp(ours, theirs, n) == 0)
        return;
    show(a, ours, n < 32 ? n : 32);
    show(b, theirs, n < 32 ? n : 32);
    evm_check_failed(__FILE__, __LINE__, "%s: %s, the reference has %s", what, a, b);
}

static void same_logs(const struct ours *o, const struct ref *r)
{
    uint32_t n = evm_journal_log_count(o->journal);
    const struct evm_log *logs = evm_journal_logs(o->journal);
    EVM_CHECK(n == r->world.log_count, "%u logs, the reference has %zu", n, r->world.log_count);
    for (uint32_t i = 0; i < n; i++) {
        const struct ref_log *log = &r->logs[i];
        same_bytes("log address", logs[i].addr.b, log->addr.b, 20);
        EVM_CHECK(logs[i].topic_count == log->topic_count,
                  "log %u: %u topics, the reference has %u", i, logs[i].topic_count,
                  log->topic_count);
        for (unsigned k = 0; k < log->topic_count; k++)
            same_bytes("log topic", logs[i].topics[k].b, log->topics[k].b, 32);
        EVM_CHECK(logs[i].data.size == log->size, "log %u: %zu bytes, the reference has %zu", i,
                  logs[i].data.size, log->size);
        same_bytes("log data", logs[i].data.data, log->data, log->size);
    }
}

/* The two worlds, account by account; what the other side has beyond is found by counting. */
struct meeting {
    const struct ref *r;
    const struct evm_state *state;
    size_t accounts, slots;
};

static void meet_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct meeting *m = self;
    unsigned name = addr->b[18] * 256u + addr->b[19];
    m->accounts++;
    for (size_t i = 0; i < m->r->world.account_count; i++) {
        const struct ref_account *a = &m->r->world.accounts[i];
        if (memcmp(a->addr.b, addr->b, 20) != 0)
            continue;
        struct ref_word balance = word_of(&acc->balance);
        const struct evm_code *code = evm_codes_find(evm_state_codes(m->state), &acc->code_hash);
        EVM_CHECK(a->exists, "account ..%04x is there, the reference has none", name);
        EVM_CHECK(a->nonce == acc->nonce, "..%04x: nonce %lu, the reference has %lu", name,
                  (unsigned long)acc->nonce, (unsigned long)a->nonce);
        same_bytes("balance", balance.b, a->balance.b, 32);
        EVM_CHECK(code && code->size == a->code.size,
                  "..%04x: %zu bytes of code, the reference has %zu", name, code ? code->size : 0,
                  a->code.size);
        same_bytes("code", code->bytes, a->code.data, a->code.size);
        return;
    }
    evm_check_failed(__FILE__, __LINE__, "account ..%04x is there, the reference has none", name);
}

static void meet_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct meeting *m = self;
    struct ref_word k = word_of(key), v = word_of(value);
    m->slots++;
    for (size_t i = 0; i < m->r->world.slot_count; i++) {
        const struct ref_slot *s = &m->r->world.slots[i];
        if (memcmp(s->addr.b, addr->b, 20) == 0 && ref_compare(&s->key, &k) == 0) {
            same_bytes("slot", v.b, s->value.b, 32);
            return;
        }
    }
    same_bytes("slot the reference has not", v.b, ref_of(0).b, 32);
}

static void same_world(const struct ours *o, struct evm_state *before, const struct ref *r)
{
    struct evm_state *after = evm_state_fork(before);
    EVM_CHECK(after && evm_state_apply(after, &o->changes) == EVM_OK, "no memory%s", "");
    evm_state_seal(after);
    struct meeting m = {.r = r, .state = after};
    EVM_CHECK(evm_state_each(after, meet_account, meet_slot, &m) == EVM_OK, "no memory%s", "");
    size_t accounts = 0, slots = 0;
    for (size_t i = 0; i < r->world.account_count; i++)
        accounts += r->world.accounts[i].exists;
    for (size_t i = 0; i < r->world.slot_count; i++)
        slots += !ref_zero(&r->world.slots[i].value);
    EVM_CHECK(m.accounts == accounts, "%zu accounts, the reference has %zu", m.accounts, accounts);
    EVM_CHECK(m.slots == slots, "%zu slots set, the reference has %zu", m.slots, slots);
    evm_state_unref(after);
}

static void same_as_reference(const struct ours *o, struct evm_state *before, const struct ref *r)
{
    enum ref_status status = status_of(o->result.halt);
    EVM_CHECK(status == r->status, "ends with %s, the reference with status %d",
              evm_halt_name(o->result.halt), (int)r->status);
    EVM_CHECK(o->result.gas_left == r->gas, "%s, %ld gas left, the reference has %ld",
              evm_halt_name(o->result.halt), (long)o->result.gas_left, (long)r->gas);
    EVM_CHECK(o->result.output.size == r->output_size, "%zu bytes of output, the reference has %zu",
              o->result.output.size, r->output_size);
    same_bytes("output", o->result.output.data, r->output, r->output_size);
    EVM_CHECK(evm_journal_refund(o->journal) == r->world.refund,
              "refund %ld, the reference has %ld", (long)evm_journal_refund(o->journal),
              (long)r->world.refund);
    same_logs(o, r);
    same_world(o, before, r);
}

/* ---- what the inputs met ------------------------------------------------------------------------
 */

static uint64_t executed[256], ended[3];
static int deepest;

static void tally(const struct ref *r)
{
    for (int op = 0; op < 256; op++)
        executed[op] += r->executed[op];
    ended[r->status]++;
    deepest = r->deepest > deepest ? r->deepest : deepest;
}

static bool reached(void)
{
    const struct evm_op_info *ops = evm_ops_of(EVM_OSAKA);
    uint64_t total = 0;
    bool ok = ended[REF_OK] > 200 && ended[REF_REVERT] > 100 && ended[REF_FAIL] > 200;
    for (int op = 0; op < 256; op++) {
        total += executed[op];
        if (ops[op].defined && op != EVM_OP_INVALID && !executed[op]) {
            printf("%s never went well\n", ops[op].name);
            ok = false;
        }
    }
    printf("%lu opcodes, calls %d deep; %lu ended well, %lu reverted, %lu failed\n",
           (unsigned long)total, deepest, (unsigned long)ended[REF_OK],
           (unsigned long)ended[REF_REVERT], (unsigned long)ended[REF_FAIL]);
    return ok && deepest == 1024;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_world w;
    struct ours o, counted;
    struct ref r;
    fuzz_world_make(&w, (struct evm_bytes){data, size});
    struct evm_codes *codes = evm_codes_create();
    EVM_CHECK(codes, "no memory%s", "");
    struct evm_state *state = make_state(&w, codes);
    run_ref(&r, &w);
    tally(&r);
    ours_init(&o, codes);
    run_ours(&o, &w, state, (struct manner){.tier = EVM_TIER_PLAIN});
    same_as_reference(&o, state, &r);
    run_ours(&o, &w, state, (struct manner){.tier = EVM_TIER_TRANSLATED});
    same_as_reference(&o, state, &r);
    if (w.cuts) {
        enum evm_vm_tier tier = w.cuts & 1 ? EVM_TIER_PLAIN : EVM_TIER_AUTO;
        struct manner whole = {.tier = tier, .metered = true};
        struct manner cut = {.tier = tier, .pattern = w.cuts & 0x7f, .metered = w.cuts & 0x80};
        cut.budget = cut.metered ? 1 + w.cuts % 9 : 0;
        ours_init(&counted, codes);
        run_ours(&counted, &w, state, whole);
        same_as_reference(&counted, state, &r);
        run_ours(&o, &w, state, cut);
        same_as_reference(&o, state, &r);
        for (int c = 0; cut.metered && c < EVM_COST_CLASS_COUNT; c++)
            EVM_CHECK(counted.meter.count[c] == o.meter.count[c], "cost class %d: %lu, cut up %lu",
                      c, (unsigned long)counted.meter.count[c], (unsigned long)o.meter.count[c]);
        ours_fini(&counted);
    }
    ours_fini(&o);
    evm_state_unref(state);
    evm_codes_destroy(codes);
    ref_fini(&r);
    return 0;
}
