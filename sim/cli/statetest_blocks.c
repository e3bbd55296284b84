#include "sim/cli/statetest_blocks.h"

#include <string.h>

#include "evm/parallel/compare.h"

enum { LEAST = 6 };
static const uint64_t most_limit = 100000000, most_gas = 10000000;

/* One block under test. */
struct trial {
    struct statetest_blocks *b;
    const struct evm_statetest_offer *o;
    struct evm_tx txs[STATETEST_BLOCK];
    const struct evm_tx *list[STATETEST_BLOCK];
    struct evm_block_env env;
    struct evm_block_input in;
    struct evm_block_result serial;
    struct evm_exec_pool *pool;
};

static struct evm_addr sender_of(uint32_t i)
{
    return (struct evm_addr){{0xfe, 0xed, 0x5e, 0x4d, 0xe5, (uint8_t)(i >> 8), (uint8_t)i, 0x77}};
}

/* Copies of the test's sender, one for each transaction from the third on. */
static enum evm_status add_senders(struct trial *t, uint32_t n, struct evm_state *s)
{
    struct evm_account acc;
    struct evm_changes c;
    const struct evm_codes *codes = evm_state_codes(s);
    evm_changes_init(&c);
    enum evm_status st = evm_changes_reserve(&c, n, 0);
    for (uint32_t i = 2; i < n && st == EVM_OK; i++) {
        evm_state_account(t->o->pre, &t->txs[i].sender, &acc);
        const struct evm_code *code = evm_codes_find(codes, &acc.code_hash);
        bool coded = code && code != evm_code_empty();
        t->txs[i].sender = sender_of(i);
        if (!acc.exists)
            continue;
        c.accounts[c.account_count++] = (struct evm_account_change){
            .addr = sender_of(i),
            .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CREATED |
                     (coded ? (unsigned)EVM_WROTE_CODE : 0u),
            .balance = acc.balance,
            .nonce = acc.nonce,
            .code = coded ? code : NULL};
    }
    if (st == EVM_OK)
        st = evm_state_apply(s, &c);
    evm_changes_fini(&c);
    return st;
}

/* The block has room for all of them, whatever the test's had. */
static void fill(struct trial *t, uint32_t n)
{
    t->env = *t->o->env;
    uint64_t gas = 0;
    for (uint32_t i = 0; i < n; i++) {
        t->txs[i] = t->b->txs[i % t->b->count];
        t->list[i] = &t->txs[i];
        gas += t->txs[i].gas_limit;
    }
    if (n > 1)
        t->txs[1].nonce++; /* after the first one, of the same sender */
    if (t->env.gas_limit < gas)
        t->env.gas_limit = gas;
    t->in = (struct evm_block_input){.rules = t->o->rules,
                                     .env = &t->env,
                                     .txs = t->list,
                                     .tx_count = n,
                                     .invalid_policy = EVM_INVALID_IS_SKIPPED};
}

static enum evm_status try_one(struct trial *t, const struct evm_exec_config *config)
{
    struct evm_block_result r;
    struct evm_err err = {0};
    enum evm_status st = evm_execute(config, &t->in, &r, &err);
    if (st == EVM_OK)
        st = evm_block_result_compare(&t->serial, &r, &err);
    t->b->runs++;
    t->b->aborts += r.aborts;
    if (st != EVM_OK && st != EVM_ERR_MEMORY) {
        t->b->mismatches++;
        cli_text_add(&t->b->lines, "MISMATCH %s: %s: %s: %s, %s, %u cores, seed %llu: %s\n",
                     t->b->path, t->o->c->test, t->o->c->fork, evm_executor_name(config->executor),
                     config->driver == EVM_DRIVER_VIRTUAL ? "virtual" : "threads", config->cores,
                     (unsigned long long)config->seed, err.text);
        st = EVM_OK;
    }
    evm_block_result_fini(&r);
    return st;
}

static enum evm_status try_all(struct trial *t)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .cores = 1,
                                     .profile = evm_profile_at(0),
                                     .pool = t->pool};
    enum evm_status st = evm_execute(&config, &t->in, &t->serial, NULL);
    if (st == EVM_OK && t->serial.gas_used > most_gas) {
        t->b->left_out += t->b->count;
        return EVM_OK;
    }
    t->b->blocks++;
    t->b->transactions += t->in.tx_count;
    t->b->effective += t->serial.receipt_count;
    for (size_t e = 0; st == EVM_OK && (config.executor = evm_executor_at(e)); e++)
        for (size_t c = 0; c < sizeof cores / sizeof cores[0]; c++) {
            config.cores = cores[c];
            config.driver = EVM_DRIVER_THREADS;
            config.seed = 1;
            if (st == EVM_OK && cores[c] < 64) /* more than there are transactions, mostly */
                st = try_one(t, &config);
            config.driver = EVM_DRIVER_VIRTUAL;
            for (; config.seed <= t->b->seeds && st == EVM_OK; config.seed++)
                st = try_one(t, &config);
        }
    return st;
}

static enum evm_status execute(struct statetest_blocks *b, const struct evm_statetest_offer *o)
{
    struct trial t = {.b = b, .o = o};
    uint32_t n = b->count < LEAST ? LEAST : b->count;
    struct evm_state *s = evm_state_fork(o->pre);
    t.pool = evm_exec_pool_create(); /* forgets the codes before the file's store goes */
    enum evm_status st = s && t.pool ? EVM_OK : EVM_ERR_MEMORY;
    if (st == EVM_OK) {
        fill(&t, n);
        st = add_senders(&t, n, s);
    }
    if (st == EVM_OK) {
        evm_state_seal(s);
        t.in.pre = s;
        st = try_all(&t);
        evm_block_result_fini(&t.serial);
    }
    evm_exec_pool_destroy(t.pool);
    evm_state_unref(s);
    return st;
}

static void forget(struct statetest_blocks *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        evm_tx_fini(&b->txs[i]);
    b->count = 0;
}

enum evm_status statetest_blocks_add(struct statetest_blocks *b,
                                     const struct evm_statetest_offer *o)
{
    enum evm_status st = EVM_OK;
    if (b->count && (!o->tx || b->count == STATETEST_BLOCK)) {
        st = execute(b, o);
        forget(b);
    }
    if (o->tx && o->tx->gas_limit > most_limit) {
        b->left_out++;
    } else if (o->tx) {
        b->txs[b->count++] = *o->tx;
        *o->tx = (struct evm_tx){0};
    }
    return st;
}

void statetest_blocks_fini(struct statetest_blocks *b)
{
    forget(b);
    cli_text_fini(&b->lines);
}
