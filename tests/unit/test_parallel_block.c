/* Real transactions through every executor and driver: changes, receipts, gas and money are those
 * of serial order, on several forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/buf.h"
#include "evm/core/u256.h"
#include "evm/parallel/executor.h"

enum { SENDERS = 7, CONTRACTS = 11, MOST = 80 };

struct fixture {
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    uint64_t seed;
    /* The block drawn last. */
    struct evm_state *pre;
    struct evm_block_env env;
    struct evm_tx txs[MOST];
    uint8_t inputs[MOST][40];
    const struct evm_tx *list[MOST];
    struct evm_block_input in;
    /* What happened in all blocks so far: a test that meets nothing tests nothing. */
    uint64_t aborts, failed, invalid, rejected, deleted, wiped, created, coinbase_txs;
    uint64_t hits, misses;
};

static uint64_t draw(struct fixture *f)
{
    uint64_t z = (f->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- the world ------------------------------------------------------------------------------- */

static const char *const programs[CONTRACTS] = {
    /* slot 0 counts */ "\x60\x00\x54\x60\x01\x01\x60\x00\x55\x00",
    /* slot[caller] += value */ "\x33\x54\x34\x01\x33\x55\x00",
    /* SELFDESTRUCT to the caller */ "\x33\xff",
    /* slot 0 = balance of the beneficiary */ "\x41\x31\x60\x00\x55\x00",
    /* CREATE of nothing, its address into slot 0 */
    "\x60\x00\x60\x00\x34\xf0\x60\x00\x55\x00",
    /* adds the value to slot 0 and reverts if that makes it odd */
    "\x60\x00\x54\x34\x01\x80\x60\x00\x55\x60\x01\x16\x60\x10\x57\x00\x5b\x60\x00\x60\x00\xfd",
    /* LOG1 with slot 0 as the topic, then counts */
    "\x60\x00\x54\x60\x00\x60\x00\xa1\x60\x00\x54\x60\x01\x01\x60\x00\x55\x00",
    /* CALL of the address in the input, with the value */
    "\x60\x00\x60\x00\x60\x00\x60\x00\x34\x60\x00\x35\x5a\xf1\x50\x00",
    /* slot 0 = size of that address's code + own balance */
    "\x60\x00\x35\x3b\x30\x31\x01\x60\x00\x55\x00",
    /* CREATE of a contract that stores its value in slot 1 and stays empty: 34600155 */
    "\x63\x34\x60\x01\x55\x60\x00\x52\x60\x04\x60\x1c\x34\xf0\x60\x00\x55\x00",
    /* CREATE of one that destroys itself for its creator's creator: 32ff (ORIGIN) */
    "\x61\x32\xff\x60\x00\x52\x60\x02\x60\x1e\x34\xf0\x60\x00\x55\x00",
};
static const uint8_t program_sizes[CONTRACTS] = {10, 7, 2, 6, 10, 22, 18, 16, 11, 18, 16};

static struct evm_addr sender(unsigned i)
{
    struct evm_addr a = {{0x20, (uint8_t)i, 0xee}};
    return a;
}

static struct evm_addr contract(unsigned i)
{
    struct evm_addr a = {{0x40, (uint8_t)i, 0xcc}};
    return a;
}

static void make_world(struct fixture *f)
{
    struct evm_changes c;
    evm_changes_init(&c);
    assert_int_equal(evm_changes_reserve(&c, SENDERS + CONTRACTS, CONTRACTS), EVM_OK);
    for (unsigned i = 0; i < SENDERS; i++)
        c.accounts[c.account_count++] = (struct evm_account_change){
            .addr = sender(i),
            .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CREATED,
            .nonce = i,
            .balance = evm_u256_of(draw(f) % 8 ? 40000000000 + draw(f) % 1000000 : 2500000)};
    for (unsigned i = 0; i < CONTRACTS; i++) {
        struct evm_account_change *a = &c.accounts[c.account_count++];
        struct evm_bytes code = {(const uint8_t *)programs[i], program_sizes[i]};
        *a = (struct evm_account_change){.addr = contract(i),
                                         .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE |
                                                  EVM_WROTE_CREATED | EVM_WROTE_CODE,
                                         .nonce = 1,
                                         .balance = evm_u256_of(draw(f) % 1000),
                                         .code = evm_codes_add(f->codes, code),
                                         .first_slot = c.slot_count,
                                         .slot_count = draw(f) % 2};
        if (a->slot_count)
            c.slots[c.slot_count++] =
                (struct evm_slot_change){evm_u256_of(0), evm_u256_of(1 + draw(f) % 9)};
    }
    f->pre = evm_state_create(f->codes);
    assert_non_null(f->pre);
    assert_int_equal(evm_state_apply(f->pre, &c), EVM_OK);
    evm_state_seal(f->pre);
    evm_changes_fini(&c);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void draw_target(struct fixture *f, struct evm_tx *tx, unsigned hot)
{
    uint64_t r = draw(f);
    if (r % 16 == 0) {
        tx->is_create = true;
        unsigned k = (unsigned)(draw(f) % CONTRACTS); /* runs as its own initcode */
        tx->input = (struct evm_bytes){(const uint8_t *)programs[k], program_sizes[k]};
    } else if (r % 16 < 4) {
        tx->to = sender((unsigned)(draw(f) % SENDERS)); /* sender 0 is the beneficiary at times */
    } else if (r % 16 < 5) {
        tx->to = (struct evm_addr){{9, 9, 9, (uint8_t)(draw(f) % 5)}}; /* nobody yet */
    } else {
        tx->to = contract(draw(f) % 256 < hot ? 0 : (unsigned)(draw(f) % CONTRACTS));
    }
}

static void draw_tx(struct fixture *f, unsigned i, uint64_t nonces[SENDERS], unsigned hot)
{
    struct evm_tx *tx = &f->txs[i];
    unsigned from = (unsigned)(draw(f) % SENDERS);
    uint64_t odd = draw(f) % 64;
    struct evm_addr target = contract((unsigned)(draw(f) % CONTRACTS));
    if (draw(f) % 4 == 0)
        target = sender(0);
    memset(f->inputs[i], 0, sizeof f->inputs[i]);
    memcpy(f->inputs[i] + 12, target.b, 20);
    *tx = (struct evm_tx){.type = EVM_TX_LEGACY,
                          .has_sender = true,
                          .sender = sender(from),
                          .nonce = nonces[from],
                          .gas_limit = 21000 + 21000 * (draw(f) % 10) + draw(f) % 5000,
                          .max_fee = evm_u256_of(10 + draw(f) % 9),
                          .value = evm_u256_of(draw(f) % 3 ? draw(f) % 50 : 0),
                          .input = {f->inputs[i], 32}};
    draw_target(f, tx, hot);
    tx->max_priority_fee = tx->max_fee;
    if (odd == 0)
        tx->nonce += 1 + draw(f) % 2; /* too high */
    else if (odd == 1)
        tx->gas_limit = 20000; /* below the intrinsic gas */
    else if (odd == 2)
        tx->value = evm_u256_of(1ull << 60); /* cannot be paid */
    else
        nonces[from]++;
    f->list[i] = tx;
}

static void draw_block(struct fixture *f, enum evm_fork fork, uint32_t most)
{
    uint64_t nonces[SENDERS];
    unsigned hot = draw(f) % 2 ? 0 : 200;
    for (unsigned i = 0; i < SENDERS; i++)
        nonces[i] = i;
    make_world(f);
    uint32_t n = (uint32_t)(draw(f) % (most + 1));
    f->env = (struct evm_block_env){.number = 100,
                                    .timestamp = 1000,
                                    .gas_limit = draw(f) % 4 ? 30000000 : 60000 * (uint64_t)n + 1,
                                    .chain_id = 1,
                                    .base_fee = evm_u256_of(draw(f) % 2 ? 10 : 0)};
    uint64_t who = draw(f) % 4;
    f->env.coinbase = who == 0   ? sender(0)
                      : who == 1 ? contract((unsigned)(draw(f) % CONTRACTS))
                                 : (struct evm_addr){{9, 9, 9, (uint8_t)(draw(f) % 5)}};
    for (uint32_t i = 0; i < n; i++)
        draw_tx(f, i, nonces, hot);
    f->in = (struct evm_block_input){.rules = evm_rules_of(fork),
                                     .env = &f->env,
                                     .txs = f->list,
                                     .tx_count = n,
                                     .pre = f->pre,
                                     .invalid_policy = draw(f) % 5 ? EVM_INVALID_IS_SKIPPED
                                                                   : EVM_INVALID_REJECTS_BLOCK};
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void same_changes(const struct evm_changes *a, const struct evm_changes *b)
{
    assert_int_equal(a->account_count, b->account_count);
    assert_int_equal(a->slot_count, b->slot_count);
    for (uint32_t i = 0; i < a->account_count; i++) {
        const struct evm_account_change *x = &a->accounts[i], *y = &b->accounts[i];
        assert_memory_equal(x->addr.b, y->addr.b, 20);
        assert_int_equal(x->wrote, y->wrote);
        assert_int_equal(x->slot_count, y->slot_count);
        if (x->wrote & EVM_WROTE_BALANCE)
            assert_true(evm_u256_eq(&x->balance, &y->balance));
        if (x->wrote & EVM_WROTE_NONCE)
            assert_int_equal(x->nonce, y->nonce);
        if (x->wrote & EVM_WROTE_CODE)
            assert_ptr_equal(x->code, y->code);
    }
    if (a->slot_count)
        assert_memory_equal(a->slots, b->slots, a->slot_count * sizeof *a->slots);
}

static void same_result(const struct evm_block_result *a, const struct evm_block_result *b)
{
    assert_int_equal(a->invalid, b->invalid);
    if (a->invalid != EVM_TX_VALID) {
        assert_int_equal(a->invalid_tx, b->invalid_tx);
        return;
    }
    assert_int_equal(a->gas_used, b->gas_used);
    assert_true(evm_u256_eq(&a->fees, &b->fees));
    assert_true(evm_u256_eq(&a->burnt, &b->burnt));
    assert_int_equal(a->receipt_count, b->receipt_count);
    for (uint32_t i = 0; i < a->receipt_count; i++) {
        struct evm_buf x = {0}, y = {0};
        evm_receipt_encode(&x, &a->receipts[i]);
        evm_receipt_encode(&y, &b->receipts[i]);
        assert_int_equal(x.size, y.size);
        assert_memory_equal(x.data, y.data, x.size);
        evm_buf_fini(&x);
        evm_buf_fini(&y);
    }
    same_changes(&a->changes, &b->changes);
}

struct money {
    uint64_t sum;
};

static void add_money(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    (void)addr;
    ((struct money *)self)->sum += acc->balance.w[0];
}

static void no_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                    const struct evm_u256 *value)
{
    (void)self, (void)addr, (void)key, (void)value;
}

/* What was there is there or burnt. */
static void money_is_kept(const struct fixture *f, const struct evm_block_result *r)
{
    struct money before = {0}, after = {0};
    struct evm_state *post = evm_state_fork(f->pre);
    assert_non_null(post);
    assert_int_equal(evm_state_apply(post, &r->changes), EVM_OK);
    evm_state_seal(post);
    assert_int_equal(evm_state_each(f->pre, add_money, no_slot, &before), EVM_OK);
    assert_int_equal(evm_state_each(post, add_money, no_slot, &after), EVM_OK);
    assert_int_equal(before.sum, after.sum + r->burnt.w[0]);
    evm_state_unref(post);
}

static void run(struct fixture *f, const struct evm_executor_ops *executor, enum evm_driver driver,
                uint32_t cores, uint64_t seed, struct evm_block_result *out)
{
    struct evm_err err = {0};
    struct evm_exec_config config = {.executor = executor,
                                     .driver = driver,
                                     .cores = cores,
                                     .seed = seed,
                                     .profile = evm_profile_find("validator-2025"),
                                     .keep_schedule = seed % 3 == 0,
                                     .pool = f->pool};
    if (evm_execute(&config, &f->in, out, &err) != EVM_OK)
        fail_msg("%s, seed %llu: %s", evm_executor_name(executor), (unsigned long long)seed,
                 err.text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->codes = evm_codes_create();
    f->pool = evm_exec_pool_create();
    return f->codes && f->pool ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    evm_exec_pool_destroy(f->pool);
    evm_codes_destroy(f->codes);
    free(f);
    return 0;
}

static void count(struct fixture *f, const struct evm_block_result *r)
{
    f->rejected += r->invalid != EVM_TX_VALID;
    for (uint32_t i = 0; i < f->in.tx_count; i++) {
        f->invalid += r->stats[i].invalid != EVM_TX_VALID;
        f->coinbase_txs += evm_addr_eq(&f->txs[i].sender, &f->env.coinbase);
    }
    for (uint32_t i = 0; i < r->receipt_count; i++)
        f->failed += !r->receipts[i].success;
    for (uint32_t i = 0; i < r->changes.account_count; i++) {
        unsigned wrote = r->changes.accounts[i].wrote;
        f->deleted += (wrote & EVM_WROTE_DELETED) != 0;
        f->created += (wrote & EVM_WROTE_CODE) != 0;
        f->wiped += (wrote & EVM_WROTE_WIPE) != 0;
    }
}

/* What a node might have executed beforehand: on this state, or one that other transactions had
 * changed; in this block, or another one. */
static void execute_ahead(struct fixture *f, uint64_t seed, struct evm_ahead *out)
{
    struct evm_block_env env = f->env;
    struct evm_state *state = evm_state_fork(f->pre);
    const uint32_t all = f->in.tx_count;
    if (seed % 2) {
        struct evm_block_result half;
        f->in.tx_count /= 2;
        run(f, evm_executor_find("serial"), EVM_DRIVER_THREADS, 1, seed, &half);
        f->in.tx_count = all;
        assert_int_equal(evm_state_apply(state, &half.changes), EVM_OK);
        evm_block_result_fini(&half);
    }
    evm_state_seal(state);
    if (seed % 3 == 0)
        env.coinbase = (struct evm_addr){{9, 9, 9, 7}};
    if (seed % 3) {
        env.number--;
        env.timestamp -= 12;
        env.gas_limit += seed % 5;
    }
    const struct evm_precompute_input in = {
        .rules = f->in.rules, .env = &env, .pre = state, .metered = seed % 4 > 0};
    assert_int_equal(evm_precompute_all(out, &in, f->list, all), EVM_OK);
    evm_state_unref(state);
}

static void one_agrees(struct fixture *f, const struct evm_executor_ops *executor,
                       const struct evm_block_result *serial, uint64_t seed)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    struct evm_block_result other;
    for (int c = 0; c < 5; c++) {
        run(f, executor, EVM_DRIVER_VIRTUAL, cores[c], seed, &other);
        same_result(serial, &other);
        f->aborts += other.aborts;
        f->hits += other.ahead_hits;
        f->misses += other.ahead_misses;
        evm_block_result_fini(&other);
    }
    for (uint32_t threads = 1; threads <= 4; threads++) {
        run(f, executor, EVM_DRIVER_THREADS, threads, seed, &other);
        same_result(serial, &other);
        evm_block_result_fini(&other);
    }
}

static void all_agree(struct fixture *f, enum evm_fork fork, uint64_t seed)
{
    const struct evm_executor_ops *executor;
    struct evm_block_result serial, other;
    struct evm_ahead ahead;
    f->seed = seed * 1000 + (uint64_t)fork;
    draw_block(f, fork, MOST);
    run(f, evm_executor_find("serial"), EVM_DRIVER_THREADS, 1, seed, &serial);
    if (serial.invalid == EVM_TX_VALID)
        money_is_kept(f, &serial);
    run(f, evm_executor_find("serial"), EVM_DRIVER_VIRTUAL, 4, seed, &other);
    same_result(&serial, &other);
    evm_block_result_fini(&other);
    for (size_t e = 1; (executor = evm_executor_at(e)) != NULL; e++)
        one_agrees(f, executor, &serial, seed);
    execute_ahead(f, seed, &ahead);
    f->in.ahead = ahead.txs;
    for (size_t e = 0; (executor = evm_executor_at(e)) != NULL; e++)
        one_agrees(f, executor, &serial, seed);
    f->in.ahead = NULL;
    evm_ahead_fini(&ahead);
    count(f, &serial);
    evm_block_result_fini(&serial);
    evm_state_unref(f->pre);
}

static void random_blocks(void **state)
{
    static const enum evm_fork forks[] = {EVM_CANCUN,   EVM_LONDON,    EVM_BERLIN, EVM_BYZANTIUM,
                                          EVM_FRONTIER, EVM_HOMESTEAD, EVM_PRAGUE};
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    const uint64_t share = 5; /* slow, and what they look for needs no exhaustion */
#else
    const uint64_t share = 1;
#endif
    for (uint64_t seed = 1; seed <= 210; seed += share)
        all_agree(*state, forks[seed % 7], seed);
    const struct fixture *f = *state;
    print_message(
        "%llu aborts, %llu failed, %llu invalid, %llu rejected, %llu deleted, %llu wiped, "
        "%llu created, %llu of the beneficiary; ahead: %llu hits, %llu misses\n",
        (unsigned long long)f->aborts, (unsigned long long)f->failed,
        (unsigned long long)f->invalid, (unsigned long long)f->rejected,
        (unsigned long long)f->deleted, (unsigned long long)f->wiped,
        (unsigned long long)f->created, (unsigned long long)f->coinbase_txs,
        (unsigned long long)f->hits, (unsigned long long)f->misses);
    assert_true(f->hits > 1000 / share && f->misses > 1000 / share);
    assert_true(f->aborts > 500 / share && f->failed > 200 / share && f->invalid > 100 / share);
    assert_true(f->rejected && f->deleted && f->created && f->wiped && f->coinbase_txs);
}

/* The ladder's story: the changes it tells one by one add up to the block's. */
static enum evm_status committed(void *self, uint32_t tx, const struct evm_changes *changes)
{
    struct evm_state **s = self;
    struct evm_state *next = evm_state_fork(*s);
    (void)tx;
    assert_non_null(next);
    assert_int_equal(evm_state_apply(next, changes), EVM_OK);
    evm_state_seal(next);
    evm_state_unref(*s);
    *s = next;
    return EVM_OK;
}

static size_t executors(void)
{
    size_t count = 0;
    while (evm_executor_at(count))
        count++;
    return count;
}

static void told_changes_add_up(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct evm_block_result r;
        struct evm_hash told, whole;
        f->seed = seed + 0xabcdef;
        draw_block(f, seed % 2 ? EVM_FRONTIER : EVM_SHANGHAI, MOST);
        f->in.invalid_policy = EVM_INVALID_IS_SKIPPED;
        struct evm_state *by_tx = evm_state_ref(f->pre), *at_once = evm_state_fork(f->pre);
        f->in.committed = committed;
        f->in.committed_self = &by_tx;
        run(f, evm_executor_at(seed % executors()), EVM_DRIVER_THREADS, 2, seed, &r);
        assert_int_equal(evm_state_apply(at_once, &r.changes), EVM_OK);
        evm_state_seal(at_once);
        assert_int_equal(evm_state_root(by_tx, &told), EVM_OK);
        assert_int_equal(evm_state_root(at_once, &whole), EVM_OK);
        assert_memory_equal(told.b, whole.b, 32);
        evm_block_result_fini(&r);
        evm_state_unref(by_tx);
        evm_state_unref(at_once);
        evm_state_unref(f->pre);
    }
}

static void bad_settings(void **state)
{
    struct fixture *f = *state;
    struct evm_block_result r;
    struct evm_err err = {0};
    f->seed = 3;
    draw_block(f, EVM_CANCUN, 5);
    struct evm_exec_config good = {.executor = evm_executor_find("ladder"),
                                   .driver = EVM_DRIVER_VIRTUAL,
                                   .cores = 4,
                                   .profile = evm_profile_at(0)};
    struct evm_exec_config bad = good;
    bad.cores = 0;
    assert_int_equal(evm_execute(&bad, &f->in, &r, &err), EVM_ERR_INPUT);
    assert_non_null(strstr(err.text, "0 cores"));
    bad.cores = 1025;
    assert_int_equal(evm_execute(&bad, &f->in, &r, &err), EVM_ERR_INPUT);
    bad = good;
    bad.profile = NULL;
    assert_int_equal(evm_execute(&bad, &f->in, &r, &err), EVM_ERR_INPUT);
    bad = good;
    bad.executor = evm_executor_find("psychic");
    assert_null(bad.executor);
    assert_int_equal(evm_execute(&bad, &f->in, &r, &err), EVM_ERR_INPUT);
    evm_block_result_fini(&r);
    f->in.tx_count = 0;
    assert_int_equal(evm_execute(&good, &f->in, &r, &err), EVM_OK);
    assert_int_equal(r.receipt_count, 0);
    assert_int_equal(r.changes.account_count, 0);
    evm_block_result_fini(&r);
    evm_state_unref(f->pre);
}

/* More wei than there can be: an error of the state given, in every executor and driver. */
static void beneficiary_overflows(void **state)
{
    struct fixture *f = *state;
    struct evm_changes c;
    const struct evm_executor_ops *executor;
    f->seed = 7;
    draw_block(f, EVM_CANCUN, 40);
    f->in.invalid_policy = EVM_INVALID_IS_SKIPPED;
    f->env.coinbase = (struct evm_addr){{0xfe, 0xed}};
    struct evm_state *rich = evm_state_fork(f->pre);
    evm_changes_init(&c);
    assert_int_equal(evm_changes_reserve(&c, 1, 0), EVM_OK);
    c.accounts[c.account_count++] =
        (struct evm_account_change){.addr = f->env.coinbase,
                                    .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                    .balance = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
    assert_int_equal(evm_state_apply(rich, &c), EVM_OK);
    evm_changes_fini(&c);
    evm_state_seal(rich);
    f->in.pre = rich;
    for (size_t e = 0; (executor = evm_executor_at(e)) != NULL; e++)
        for (int i = 0; i < 4; i++) {
            struct evm_err err = {0};
            struct evm_block_result r;
            struct evm_exec_config config = {.executor = executor,
                                             .driver =
                                                 i & 1 ? EVM_DRIVER_VIRTUAL : EVM_DRIVER_THREADS,
                                             .cores = i & 2 ? 3 : 1,
                                             .profile = evm_profile_at(0),
                                             .pool = f->pool};
            assert_int_equal(evm_execute(&config, &f->in, &r, &err), EVM_ERR_INPUT);
            assert_non_null(strstr(err.text, "2^256"));
            evm_block_result_fini(&r);
        }
    evm_state_unref(rich);
    evm_state_unref(f->pre);
}

#ifdef WEFT_TINY
static int failures_of(const struct fixture *f, const struct evm_executor_ops *executor,
                       enum evm_driver driver)
{
    int failures = 0;
    for (int64_t n = 0; n < 3000; n += 1 + n / 20) {
        struct evm_exec_config config = {.executor = executor,
                                         .driver = driver,
                                         .cores = 3,
                                         .keep_schedule = n % 2,
                                         .profile = evm_profile_at(0)};
        struct evm_block_result r;
        evm_alloc_fail_after(n);
        enum evm_status st = evm_execute(&config, &f->in, &r, NULL);
        evm_alloc_fail_after(-1);
        assert_true(st == EVM_OK || st == EVM_ERR_MEMORY);
        failures += st == EVM_ERR_MEMORY;
        evm_block_result_fini(&r);
    }
    return failures;
}
#endif

/* Every allocation fails once, on whatever worker it is: an error or success, never a hang. */
static void memory_runs_out(void **state)
{
#ifdef WEFT_TINY
    struct fixture *f = *state;
    const struct evm_executor_ops *executor;
    f->seed = 12;
    draw_block(f, EVM_CANCUN, 30);
    f->in.invalid_policy = EVM_INVALID_IS_SKIPPED;
    for (size_t e = 0; (executor = evm_executor_at(e)) != NULL; e++)
        for (int driver = 0; driver < 2; driver++)
            assert_true(failures_of(f, executor, (enum evm_driver)driver) > 10);
    evm_state_unref(f->pre);
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(told_changes_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beneficiary_overflows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_runs_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
