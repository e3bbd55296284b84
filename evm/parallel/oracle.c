#include "evm/parallel/oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/alloc.h"

enum { PLAIN_TRANSFER_GAS = 21000 }; /* Yellow Paper, appendix G: G_transaction */

const char *evm_oracle_name(enum evm_oracle_model model)
{
    static const char *const names[EVM_ORACLE_MODELS] = {"field+nonce", "field", "account+lazy",
                                                         "account"};
    return names[model];
}

void evm_oracle_fini(struct evm_oracle *o)
{
    if (!o)
        return;
    free(o->first);
    free(o->on);
    *o = (struct evm_oracle){0};
}

/* ---- collecting dependencies ---- */

/* stamp[j] == i + 1 says that j is among those of i already. */
struct collector {
    struct evm_oracle *out;
    const struct evm_oracle_input *in;
    uint32_t *stamp;
};

static bool depend(struct collector *c, uint32_t tx, uint32_t on)
{
    struct evm_oracle *o = c->out;
    if (c->stamp[on] == tx + 1)
        return true;
    c->stamp[on] = tx + 1;
    if (o->count == o->capacity) {
        uint32_t capacity = o->capacity ? o->capacity * 2 : 256;
        uint32_t *grown = evm_realloc(o->on, capacity * sizeof *grown);
        if (!grown)
            return false;
        o->on = grown;
        o->capacity = capacity;
    }
    o->on[o->count++] = on;
    return true;
}

static bool is_beneficiary(const struct evm_oracle_input *in, const struct evm_addr *addr)
{
    return in->beneficiary && !memcmp(in->beneficiary->b, addr->b, sizeof addr->b);
}

static bool is_sender(const struct evm_oracle_input *in, uint32_t tx, const struct evm_addr *addr)
{
    return in->txs && !memcmp(in->txs[tx]->sender.b, addr->b, sizeof addr->b);
}

/* A real read of another's write. Its own balance and existence apart, the beneficiary's account
 * (code, slots) is one like any other. */
static bool reads_other(const struct evm_oracle_input *in, uint32_t tx, const struct evm_access *a)
{
    if (!(a->how & EVM_ACCESS_READ) || a->from >= tx)
        return false;
    return !((a->kind == EVM_MV_BALANCE || a->kind == EVM_MV_EXISTS) &&
             is_beneficiary(in, &a->addr));
}

bool evm_oracle_is_edge(const struct evm_oracle_input *in, uint32_t tx, const struct evm_access *a)
{
    if (!reads_other(in, tx, a))
        return false;
    /* A nonce that its own earlier transactions left behind is known without running them. */
    return !(a->kind == EVM_MV_NONCE && is_sender(in, tx, &a->addr) &&
             is_sender(in, a->from, &a->addr));
}

/* ---- field models ---- */

static enum evm_status by_fields(struct collector *c)
{
    const struct evm_access_sets *s = c->in->sets;
    for (uint32_t i = 0; i < s->tx_count; i++) {
        c->out->first[i] = c->out->count;
        for (uint32_t k = s->first[i]; k < s->first[i + 1]; k++)
            if (evm_oracle_is_edge(c->in, i, &s->list[k]) && !depend(c, i, s->list[k].from))
                return EVM_ERR_MEMORY;
    }
    c->out->first[s->tx_count] = c->out->count;
    return EVM_OK;
}

/* ---- accounts by number ---- */

/* Distinct addresses in ascending order; the number of one is its place. */
struct addresses {
    struct evm_addr *list;
    uint32_t count;
};

static int addr_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct evm_addr));
}

static void unique(struct addresses *a)
{
    uint32_t to = 0;
    if (a->count)
        qsort(a->list, a->count, sizeof *a->list, addr_order);
    for (uint32_t i = 0; i < a->count; i++)
        if (to == 0 || addr_order(&a->list[to - 1], &a->list[i]) != 0)
            a->list[to++] = a->list[i];
    a->count = to;
}

static uint32_t number(const struct addresses *a, const struct evm_addr *addr)
{
    const struct evm_addr *at = bsearch(addr, a->list, a->count, sizeof *a->list, addr_order);
    return (uint32_t)(at - a->list);
}

/* ---- senders in order ---- */

static enum evm_status senders_init(struct addresses *out, uint32_t **last,
                                    const struct evm_oracle_input *in)
{
    uint32_t n = in->sets->tx_count;
    out->list = evm_malloc(((size_t)n + 1) * sizeof *out->list);
    *last = evm_malloc(((size_t)n + 1) * sizeof **last);
    if (!out->list || !*last)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        out->list[i] = in->txs[i]->sender;
    out->count = n;
    unique(out);
    for (uint32_t i = 0; i < out->count; i++)
        (*last)[i] = EVM_NO_TX;
    return EVM_OK;
}

static enum evm_status by_fields_in_nonce_order(struct collector *c)
{
    const struct evm_access_sets *s = c->in->sets;
    struct addresses senders = {0};
    uint32_t *last = NULL;
    if (!c->in->txs)
        return by_fields(c);
    enum evm_status st = senders_init(&senders, &last, c->in);
    for (uint32_t i = 0; st == EVM_OK && i < s->tx_count; i++) {
        c->out->first[i] = c->out->count;
        uint32_t *mine = &last[number(&senders, &c->in->txs[i]->sender)];
        bool ok = *mine == EVM_NO_TX || depend(c, i, *mine);
        *mine = i;
        for (uint32_t k = s->first[i]; ok && k < s->first[i + 1]; k++)
            ok = !reads_other(c->in, i, &s->list[k]) || depend(c, i, s->list[k].from);
        st = ok ? EVM_OK : EVM_ERR_MEMORY;
    }
    c->out->first[s->tx_count] = c->out->count;
    free(senders.list);
    free(last);
    return st;
}

/* ---- account models ---- */

/* Who wrote an account last, and the lazy updates since, which a reader has to sum up. */
struct account {
    uint32_t writer, lazy;
};
struct lazy {
    uint32_t tx, next;
};
struct accounts {
    struct addresses all;
    struct account *state;
    struct lazy *pool;
    uint32_t pooled;
};

static enum evm_status accounts_init(struct accounts *t, const struct evm_access_sets *s)
{
    t->all.list = evm_malloc(((size_t)s->count + 1) * sizeof *t->all.list);
    t->state = evm_malloc(((size_t)s->count + 1) * sizeof *t->state);
    t->pool = evm_malloc(((size_t)s->count + 1) * sizeof *t->pool);
    if (!t->all.list || !t->state || !t->pool)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < s->count; i++)
        t->all.list[i] = s->list[i].addr;
    t->all.count = s->count;
    unique(&t->all);
    for (uint32_t i = 0; i < t->all.count; i++)
        t->state[i] = (struct account){EVM_NO_TX, EVM_NO_TX};
    return EVM_OK;
}

static void accounts_fini(struct accounts *t)
{
    free(t->all.list);
    free(t->state);
    free(t->pool);
}

static bool read_account(struct collector *c, const struct account *a, const struct accounts *t,
                         uint32_t tx)
{
    bool ok = a->writer == EVM_NO_TX || a->writer == tx || depend(c, tx, a->writer);
    for (uint32_t at = a->lazy; ok && at != EVM_NO_TX; at = t->pool[at].next)
        ok = t->pool[at].tx == tx || depend(c, tx, t->pool[at].tx);
    return ok;
}

/* Reads before writes: a transaction does not depend on itself. */
static bool account_rows(struct collector *c, struct accounts *t, uint32_t tx, bool lazy)
{
    const struct evm_access_sets *s = c->in->sets;
    bool ok = true;
    for (uint32_t k = s->first[tx]; ok && k < s->first[tx + 1]; k++) {
        const struct evm_access *a = &s->list[k];
        if (a->kind == EVM_MV_SLOT)
            ok = !reads_other(c->in, tx, a) || depend(c, tx, a->from);
        else if (!lazy && !is_beneficiary(c->in, &a->addr))
            ok = read_account(c, &t->state[number(&t->all, &a->addr)], t, tx);
    }
    for (uint32_t k = s->first[tx]; ok && k < s->first[tx + 1]; k++) {
        const struct evm_access *a = &s->list[k];
        if (a->kind == EVM_MV_SLOT || !(a->how & (EVM_ACCESS_WRITE | EVM_ACCESS_DELTA)))
            continue;
        struct account *state = &t->state[number(&t->all, &a->addr)];
        if (!lazy) {
            *state = (struct account){tx, EVM_NO_TX};
        } else if (state->lazy == EVM_NO_TX || t->pool[state->lazy].tx != tx) {
            t->pool[t->pooled] = (struct lazy){tx, state->lazy};
            state->lazy = t->pooled++;
        }
    }
    return ok;
}

static enum evm_status by_accounts(struct collector *c, bool lazies)
{
    const struct evm_access_sets *s = c->in->sets;
    struct accounts t = {0};
    enum evm_status st = accounts_init(&t, s);
    for (uint32_t i = 0; st == EVM_OK && i < s->tx_count; i++) {
        bool lazy = lazies && s->gas_used && s->gas_used[i] == PLAIN_TRANSFER_GAS;
        c->out->first[i] = c->out->count;
        st = account_rows(c, &t, i, lazy) ? EVM_OK : EVM_ERR_MEMORY;
    }
    c->out->first[s->tx_count] = c->out->count;
    accounts_fini(&t);
    return st;
}

enum evm_status evm_oracle_init(struct evm_oracle *out, const struct evm_oracle_input *in,
                                enum evm_oracle_model model)
{
    uint32_t n = in->sets->tx_count;
    struct collector c = {.out = out, .in = in};
    *out = (struct evm_oracle){.tx_count = n};
    out->first = evm_calloc((size_t)n + 1, sizeof *out->first);
    c.stamp = evm_calloc((size_t)n + 1, sizeof *c.stamp);
    enum evm_status st = out->first && c.stamp ? EVM_OK : EVM_ERR_MEMORY;
    if (st == EVM_OK && n > 0) /* an empty block may have no array at all */
        st = model == EVM_ORACLE_FIELD_NONCE ? by_fields(&c)
             : model == EVM_ORACLE_FIELD     ? by_fields_in_nonce_order(&c)
                                             : by_accounts(&c, model == EVM_ORACLE_ACCOUNT_LAZY);
    free(c.stamp);
    if (st != EVM_OK)
        evm_oracle_fini(out);
    return st;
}

/* ---- what it allows ---- */

static int64_t latest(const struct evm_oracle *o, const int64_t *finish, uint32_t tx, int64_t least)
{
    for (uint32_t k = o->first[tx]; k < o->first[tx + 1]; k++)
        if (finish[o->on[k]] > least)
            least = finish[o->on[k]];
    return least;
}

enum evm_status evm_oracle_chain(const struct evm_oracle *o, const int64_t *weights, int64_t *out)
{
    int64_t *finish = evm_malloc(((size_t)o->tx_count + 1) * sizeof *finish);
    *out = 0;
    if (!finish)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < o->tx_count; i++) {
        finish[i] = latest(o, finish, i, 0) + (weights ? weights[i] : 1);
        if (finish[i] > *out)
            *out = finish[i];
    }
    free(finish);
    return EVM_OK;
}

/* The root of a binary heap of times gets a later one. */
static void put_later(int64_t *heap, uint32_t count, int64_t time)
{
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < count) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= time)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = time;
}

enum evm_status evm_oracle_makespan(const struct evm_oracle *o, const int64_t *weights,
                                    uint32_t cores, int64_t *out)
{
    int64_t *finish = evm_malloc(((size_t)o->tx_count + 1) * sizeof *finish);
    int64_t *free_at = evm_calloc(cores, sizeof *free_at);
    enum evm_status st = finish && free_at ? EVM_OK : EVM_ERR_MEMORY;
    *out = 0;
    for (uint32_t i = 0; st == EVM_OK && i < o->tx_count; i++) {
        finish[i] = latest(o, finish, i, free_at[0]) + (weights ? weights[i] : 1);
        put_later(free_at, cores, finish[i]);
        if (finish[i] > *out)
            *out = finish[i];
    }
    free(finish);
    free(free_at);
    return st;
}

/* Costs, or gas where the sets have no costs. Their sum in *sum. NULL when memory is out. */
static int64_t *weigh(const struct evm_access_sets *s, int64_t *sum)
{
    int64_t *w = evm_malloc(((size_t)s->tx_count + 1) * sizeof *w);
    *sum = 0;
    for (uint32_t i = 0; w && s->cost_ns && i < s->tx_count; i++)
        *sum += w[i] = s->cost_ns[i];
    if (w && *sum == 0)
        for (uint32_t i = 0; i < s->tx_count; i++)
            *sum += w[i] = s->gas_used ? (int64_t)s->gas_used[i] : 1;
    return w;
}

enum evm_status evm_oracle_block(const struct evm_oracle_input *in, int64_t serial_ns,
                                 uint32_t cores, int64_t *out)
{
    struct evm_oracle o;
    int64_t sum, *weights = weigh(in->sets, &sum);
    *out = 0;
    if (!weights)
        return EVM_ERR_MEMORY;
    enum evm_status st = evm_oracle_init(&o, in, EVM_ORACLE_FIELD_NONCE);
    if (st == EVM_OK)
        st = evm_oracle_makespan(&o, weights, cores, out);
    if (st == EVM_OK && sum > 0)
        *out = (int64_t)llround((double)*out * ((double)serial_ns / (double)sum));
    evm_oracle_fini(&o);
    free(weights);
    return st;
}
