/* clients: a closed loop. Each client keeps so many requests under way; each is a plain payment
 * with calldata, answered when enough replicas have executed it in a final block, and then followed
 * by the next one. Enough are f + 1, f of 3 f + 1 (Castro and Liskov, OSDI 1999, section 4.1).
 *
 * What a client measures, from its sending to the last answer that it needs, is the run's latency.
 * Without a region a request reaches every replica from the client itself after `link`, an answer
 * takes as long back. With one, the clients stand beside a replica of that region: requests enter
 * there and spread by the scenario's gossip of transactions, answers take the wire's mean delay.
 *
 * With `machines` the clients share so many, in turn. What a machine sends (a request to every
 * replica, or to the one beside it) and what it gets (`answer` bytes from every replica) goes over
 * its link, first come, first served; a request is at the replicas when its last copy is, and a
 * replica's answers of one block to one machine are there together. On the replicas' links neither
 * weighs anything. A request that is dropped is sent again after a second. */
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "models/workload/accounts.h"
#include "models/workload/workload.h"
#include "sim/base/mem.h"

#include <string.h>

#define WORKLOAD_CLIENTS_FIELDS(F, S)                                                              \
    WORKLOAD_COMMON_FIELDS(F, S)                                                                   \
    F(S, COUNT, clients, "16", "1", "1M", "Clients.")                                              \
    F(S, COUNT, outstanding, "100", "1", "100k", "Requests that each has under way.")              \
    F(S, SIZE, payload, "0B", "0B", "1024B", "Calldata of a request.")                             \
    F(S, DURATION, link, "1ms", "0s", "1h", "One way between a client and any replica.")           \
    F(S, STRING, region, "", NULL, NULL, "Where they stand instead, beside a replica.")            \
    F(S, COUNT, machines, "0", "0", "1k",                                                          \
      "Machines that they share; 0: what clients send and get takes no link's time.")              \
    F(S, BANDWIDTH, machine_link, "10Gbit/s", "1Mbit/s", "100Tbit/s",                              \
      "Each one's link, each way.")                                                                \
    F(S, SIZE, answer, "0B", "0B", "1MB", "Bytes of an answer on that link.")                      \
    F(S, COUNT, answers, "0", "0", "1M",                                                           \
      "Replicas whose answer a client waits for; 0 is f + 1, BFT-SMaRt waits for (n + f) / 2 + "   \
      "1.")                                                                                        \
    F(S, WEI, max_fee, "100gwei", "0wei", NULL, "Highest fee a gas; the tip is 1 gwei.")           \
    F(S, WEI, balance, "1000000ether", "0wei", NULL, "What every account begins with.")
FIELD_DECLARE(workload_clients_cfg, WORKLOAD_CLIENTS_FIELDS);
FIELD_DEFINE(workload_clients_cfg, WORKLOAD_CLIENTS_FIELDS, "Settings of clients.", NULL);

/* A request under way: its number is the account's, and the transaction's sender. */
struct request {
    sim_time sent;
    uint64_t nonce;
};

/* When a machine's link is free again, each way. */
struct machine {
    sim_time up, down;
};

/* A final block with requests of one machine, until all replicas have answered. */
struct answers {
    struct answers *next;
    const struct block *block; /* a reference */
    uint32_t machine;
    uint32_t replicas, heard; /* that have executed it; whose answer has arrived */
    uint32_t count;
    uint32_t requests[];
};

/* What is on its way: an answer, or a request. */
struct arrival {
    sim_time at;
    uint64_t serial;         /* among those of one moment: order of sending */
    struct answers *answers; /* NULL: a request */
    uint32_t request;
    bool whole; /* an answer: all of it is there, not its first byte */
};

struct clients {
    const struct workload_clients_cfg *cfg;
    const struct workload_env *env;
    struct accounts accounts;
    struct request *requests;
    uint32_t count;
    node_id place; /* the replica beside which they stand; NODE_NONE: none */
    uint32_t needed;
    struct machine *machines; /* at least one */
    uint32_t machine_count;
    struct answers *answers;
    struct arrival *heap;
    uint32_t heap_count, heap_room;
    uint32_t *ready; /* requests that are at their replicas now: a ring of count + 1 */
    uint32_t ready_first, ready_last;
    uint64_t serial;
    sim_time now, woken_for;
    bool started;
};

static enum err_code init(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err)
{
    struct clients *c = state;
    c->cfg = cfg;
    c->env = env;
    if (env->layer == LAYER_NONE)
        return err_set(err, ERR_INPUT,
                       "clients wait for the replicas of one layer, and a router decides which: "
                       "take another workload with routing.policy, or none with clients");
    uint64_t count = c->cfg->clients * c->cfg->outstanding;
    if (count > 16000000)
        return err_set(err, ERR_INPUT, "%llu requests under way are too many; 16M are the limit",
                       (unsigned long long)count);
    c->count = (uint32_t)count;
    c->place = NODE_NONE;
    c->woken_for = -1;
    c->requests = mem_zalloc(c->count, sizeof *c->requests);
    c->ready = mem_alloc((size_t)c->count + 1, sizeof *c->ready);
    c->machine_count = c->cfg->machines ? (uint32_t)c->cfg->machines : 1;
    c->machines = mem_zalloc(c->machine_count, sizeof *c->machines);
    if (!c->requests || !c->ready || !c->machines)
        return err_set(err, ERR_MEMORY, "no memory for %u requests", c->count);
    return accounts_init(&c->accounts, env->seed, env->instance, "clients", c->count, err);
}

static enum err_code genesis(void *state, struct genesis *g, struct err *err)
{
    struct clients *c = state;
    const struct field_wei *w = &c->cfg->balance;
    struct evm_u256 wei = {{w->w[0], w->w[1], w->w[2], w->w[3]}};
    for (uint32_t i = 0; i < c->count; i++) {
        enum err_code code = genesis_fund(g, &c->accounts.addrs[i], &wei, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* ---- what is on its way ---- */

static bool earlier(const struct arrival *a, const struct arrival *b)
{
    return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

static void push(struct clients *c, sim_time at, struct answers *answers, uint32_t request,
                 bool whole)
{
    if (c->heap_count == c->heap_room) {
        uint32_t room = c->heap_room ? c->heap_room * 2 : 64;
        struct arrival *heap = mem_resize(c->heap, room, sizeof *heap);
        if (!heap) {
            c->env->fail(c->env);
            return;
        }
        c->heap = heap;
        c->heap_room = room;
    }
    struct arrival a = {at, c->serial++, answers, request, whole};
    uint32_t i = c->heap_count++;
    while (i > 0 && earlier(&a, &c->heap[(i - 1) / 2])) {
        c->heap[i] = c->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    c->heap[i] = a;
    if (at != c->woken_for)
        c->env->wake(c->env, at);
    c->woken_for = at;
}

static struct arrival pop(struct clients *c)
{
    struct arrival top = c->heap[0], last = c->heap[--c->heap_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= c->heap_count)
            break;
        if (child + 1 < c->heap_count && earlier(&c->heap[child + 1], &c->heap[child]))
            child++;
        if (!earlier(&c->heap[child], &last))
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = last;
    return top;
}

static sim_time delay_to(const struct clients *c, node_id replica)
{
    return c->place == NODE_NONE ? c->cfg->link : c->env->delay(c->env, c->place, replica);
}

static uint32_t machine_of(const struct clients *c, uint32_t request)
{
    return request / (uint32_t)c->cfg->outstanding % c->machine_count;
}

/* Queues bytes on one way of a machine's link; when the last one is through. */
static sim_time through(const struct clients *c, sim_time *free, uint64_t bytes)
{
    if (!c->cfg->machines)
        return c->now;
    if (*free < c->now)
        *free = c->now;
    *free += (sim_time)((double)bytes * 8e9 / (double)c->cfg->machine_link);
    return *free;
}

static void send(struct clients *c, uint32_t request)
{
    /* A signed payment without calldata, to within a few bytes for its nonce. */
    enum { PAYMENT = 110 };
    uint64_t copies = c->place == NODE_NONE ? c->env->replicas : 1;
    sim_time *up = &c->machines[machine_of(c, request)].up;
    c->requests[request].sent = c->now;
    sim_time left = through(c, up, copies * (PAYMENT + c->cfg->payload));
    push(c, left + delay_to(c, c->place), NULL, request, false);
}

/* ---- answers ---- */

static void forget(struct clients *c, struct answers *a)
{
    struct answers **at = &c->answers;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    block_unref((struct block *)(uintptr_t)a->block);
    mem_free(a);
}

static bool asked_in(const struct clients *c, const struct tx *tx, uint32_t machine)
{
    return tx->workload == c->env->instance && machine_of(c, tx->sender) == machine;
}

static struct answers *answers_to(struct clients *c, const struct block *b, uint32_t machine)
{
    struct answers *a = c->answers;
    while (a && (a->block != b || a->machine != machine))
        a = a->next;
    if (a)
        return a;
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        count += asked_in(c, b->txs[i], machine);
    if (!count)
        return NULL;
    a = mem_zalloc(1, sizeof *a + count * sizeof(uint32_t));
    if (!a) {
        c->env->fail(c->env);
        return NULL;
    }
    /* const is dropped to count a reference; the block itself is not changed */
    a->block = block_ref((struct block *)(uintptr_t)b);
    a->machine = machine;
    for (uint32_t i = 0; i < b->tx_count; i++)
        if (asked_in(c, b->txs[i], machine))
            a->requests[a->count++] = b->txs[i]->sender;
    a->next = c->answers;
    c->answers = a;
    return a;
}

static void executed(void *state, const struct block *b, node_id replica, sim_time now)
{
    struct clients *c = state;
    c->now = now;
    for (uint32_t i = 0; i < c->machine_count; i++) {
        struct answers *a = answers_to(c, b, i);
        if (!a)
            continue;
        a->replicas++;
        push(c, now + delay_to(c, replica), a, 0, !c->cfg->machines);
    }
}

static void hear(struct clients *c, struct answers *a)
{
    a->heard++;
    if (a->heard == c->needed)
        for (uint32_t i = 0; i < a->count; i++) {
            c->env->answered(c->env, c->requests[a->requests[i]].sent);
            send(c, a->requests[i]);
        }
    if (a->heard == c->env->replicas)
        forget(c, a);
}

static void woken(void *state, sim_time now)
{
    struct clients *c = state;
    c->now = now;
    while (c->heap_count && c->heap[0].at <= now) {
        struct arrival a = pop(c);
        if (a.answers && a.whole) {
            hear(c, a.answers);
            continue;
        }
        if (a.answers) {
            uint64_t bytes = c->cfg->answer * a.answers->count;
            sim_time *down = &c->machines[a.answers->machine].down;
            push(c, through(c, down, bytes), a.answers, 0, true);
            continue;
        }
        c->ready[c->ready_last] = a.request;
        c->ready_last = (c->ready_last + 1) % (c->count + 1);
    }
}

/* ---- requests ---- */

static void start(struct clients *c)
{
    c->started = true;
    c->needed = (uint32_t)c->cfg->answers;
    if (!c->needed)
        c->needed = (c->env->replicas - 1) / 3 + 1;
    if (c->needed > c->env->replicas)
        c->needed = c->env->replicas;
    if (c->cfg->region[0])
        c->place = c->env->place(c->env, c->cfg->region);
    c->now = c->env->start;
    for (uint32_t i = 0; i < c->count; i++)
        send(c, i);
}

static void fill_payload(struct workload_tx *out, size_t size, uint32_t request, uint64_t nonce)
{
    uint64_t seed[2] = {request, nonce};
    struct evm_hash hash;
    evm_keccak256(&hash, (struct evm_bytes){(const uint8_t *)seed, sizeof seed});
    for (size_t i = 0; i < size; i++)
        out->input[i] = hash.b[i % 32] | 1; /* no zero byte: those would be cheaper */
    out->tx.input = (struct evm_bytes){out->input, size};
}

static bool next(void *state, struct workload_tx *out)
{
    struct clients *c = state;
    if (!c->started)
        start(c);
    if (c->ready_first == c->ready_last)
        return false;
    uint32_t i = c->ready[c->ready_first];
    struct request *r = &c->requests[i];
    c->ready_first = (c->ready_first + 1) % (c->count + 1);
    accounts_secret(&c->accounts, i, out->secret);
    out->at = c->now;
    out->from = c->accounts.addrs[i];
    out->sender = i;
    out->recipient = (i + 1) % c->count;
    out->entry = c->place;
    out->everywhere = c->place == NODE_NONE;
    out->tx.type = EVM_TX_DYNAMIC_FEE;
    out->tx.has_chain_id = true;
    out->tx.nonce = r->nonce++;
    out->tx.to = c->accounts.addrs[out->recipient];
    out->tx.value = evm_u256_of(1);
    out->tx.gas_limit = 21000 + 16 * c->cfg->payload;
    const struct field_wei *fee = &c->cfg->max_fee;
    out->tx.max_fee = (struct evm_u256){{fee->w[0], fee->w[1], fee->w[2], fee->w[3]}};
    out->tx.max_priority_fee = evm_u256_of(1000000000);
    if (evm_u256_lt(&out->tx.max_fee, &out->tx.max_priority_fee))
        out->tx.max_priority_fee = out->tx.max_fee;
    fill_payload(out, c->cfg->payload, i, r->nonce);
    return true;
}

static void observe(void *state, const struct tx *tx)
{
    struct clients *c = state;
    if (tx->phase != TX_DROPPED)
        return;
    c->requests[tx->sender].nonce = tx->evm.nonce;
    push(c, c->now + SIM_SEC, NULL, tx->sender, false);
}

static void fini(void *state)
{
    struct clients *c = state;
    while (c->answers)
        forget(c, c->answers);
    accounts_fini(&c->accounts);
    mem_free(c->requests);
    mem_free(c->ready);
    mem_free(c->machines);
    mem_free(c->heap);
}

const struct workload_ops workload_clients = {
    .model = {"clients", "A closed loop: each client waits for f + 1 answers before it goes on.",
              &workload_clients_cfg_table},
    .state_size = sizeof(struct clients),
    .reactive = true,
    .closed = true,
    .init = init,
    .genesis = genesis,
    .next = next,
    .observe = observe,
    .executed = executed,
    .woken = woken,
    .fini = fini,
};
