/* Who looks at which block, and what it costs: committees, their messages, their cores. Proofs and
 * stakes: audit_proof.c; rows and figures: audit_sum.c. */
#include "models/world/audit_internal.h"

#include "sim/base/check.h"

#include <string.h>

enum { HEADER_BYTES = 640, PERMUTATION_BYTES = 136 /* that one Keccak-f takes in */ };

FIELD_ENUM_DEFINE(world_on_fraud, WORLD_ON_FRAUD);
FIELD_DEFINE(world_validation, WORLD_VALIDATION_FIELDS,
             "Committees of other layers that execute a layer's blocks again.", NULL);

struct audit *audit_ref(struct audit *a)
{
    a->refs++;
    return a;
}

void audit_unref(struct audit *a)
{
    if (!a || --a->refs)
        return;
    block_unref(a->block);
    block_unref(a->subject);
    for (uint32_t i = 0; i < a->proof_count; i++)
        mem_free(a->proofs[i].by);
    mem_free(a->proofs);
    mem_free(a->culprits);
    mem_free(a);
}

/* ---- hardware ---- */

static bool same_hardware(const struct hardware_class *a, const struct hardware_class *b)
{
    return a->executor == b->executor && a->cores == b->cores &&
           memcmp(a->params, b->params, sizeof *a->params) == 0 &&
           memcmp(a->profile, b->profile, sizeof *a->profile) == 0;
}

static struct hardware_class *class_at(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    return &w->layers[n->layer].classes[n->class];
}

/* One after the other: what the layers have, each kind once. */
static enum err_code collect_kinds(const struct world *w, struct audits *au,
                                   const struct hardware_class **kinds, struct err *err)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        for (uint32_t c = 0; c < l->class_count; c++) {
            uint32_t k = 0;
            while (k < au->kinds && !same_hardware(kinds[k], &l->classes[c]))
                k++;
            if (k == EXECUTION_CLASSES_MAX)
                return scenario_fail(w->scenario, err, "validation",
                                     "nodes of more than %u kinds of hardware would execute each "
                                     "block; fewer kinds, or committee: 0",
                                     EXECUTION_CLASSES_MAX);
            if (k == au->kinds)
                kinds[au->kinds++] = &l->classes[c];
            au->kind_of[au->kind_first[i] + c] = k;
        }
    }
    return ERR_OK;
}

/* What blocks of one layer are executed on: its own classes, and those kinds that it lacks. */
static enum err_code add_guests(const struct world *w, struct audits *au, const struct layer *l,
                                const struct hardware_class *const *kinds, struct err *err)
{
    uint32_t count = l->class_count;
    bool has[EXECUTION_CLASSES_MAX] = {false};
    uint8_t *place = au->place + (size_t)l->id * au->kinds;
    if (count + au->kinds > EXECUTION_CLASSES_MAX)
        return scenario_fail(w->scenario, err, "validation",
                             "blocks of layer %s would be executed on %u kinds of hardware; %u can",
                             l->name, count + au->kinds, EXECUTION_CLASSES_MAX);
    struct hardware_class *all = mem_alloc(count + au->kinds, sizeof *all);
    if (!all)
        return err_set(err, ERR_MEMORY, "no memory for hardware classes");
    memcpy(all, l->classes, count * sizeof *all);
    for (uint32_t c = count; c-- > 0;) {
        uint32_t k = au->kind_of[au->kind_first[l->id] + c];
        has[k] = true;
        place[k] = (uint8_t)c;
    }
    for (uint32_t k = 0; k < au->kinds; k++)
        if (!has[k]) {
            place[k] = (uint8_t)count;
            all[count++] = *kinds[k];
        }
    au->classes[l->id] = all;
    au->class_counts[l->id] = count;
    return ERR_OK;
}

static enum err_code create_hardware(const struct world *w, struct audits *au, struct err *err)
{
    const struct hardware_class *kinds[EXECUTION_CLASSES_MAX];
    uint32_t classes = 0;
    au->kind_first = mem_alloc(w->layer_count, sizeof *au->kind_first);
    au->classes = mem_zalloc(w->layer_count, sizeof(struct hardware_class *));
    au->class_counts = mem_zalloc(w->layer_count, sizeof *au->class_counts);
    for (layer_id i = 0; au->kind_first && i < w->layer_count; i++) {
        au->kind_first[i] = classes;
        classes += w->layers[i].class_count;
    }
    au->kind_of = mem_alloc(classes, sizeof *au->kind_of);
    if (!au->kind_first || !au->classes || !au->class_counts || !au->kind_of)
        return err_set(err, ERR_MEMORY, "no memory for audits");
    enum err_code code = collect_kinds(w, au, kinds, err);
    if (code != ERR_OK)
        return code;
    au->place = mem_alloc((size_t)w->layer_count * au->kinds, 1);
    if (!au->place)
        return err_set(err, ERR_MEMORY, "no memory for audits");
    for (layer_id i = 0; code == ERR_OK && i < w->layer_count; i++)
        code = add_guests(w, au, &w->layers[i], kinds, err);
    return code;
}

void audits_execution(struct world *w, const struct layer *l, struct execution_config *config)
{
    const struct audits *au = w->audits;
    config->classes = au->classes[l->id];
    config->class_count = au->class_counts[l->id];
    config->guests = config->class_count - l->class_count;
    config->witness = &au->states[l->id];
}

/* ---- making ---- */

enum err_code audits_create(struct world *w, struct err *err)
{
    if (!w->cfg->validation.committee)
        return ERR_OK;
    struct audits *au = w->audits = mem_zalloc(1, sizeof *au);
    if (!au)
        return err_set(err, ERR_MEMORY, "no memory for audits");
    au->cfg = &w->cfg->validation;
    au->states = mem_zalloc(w->layer_count, sizeof *au->states);
    au->desks = mem_zalloc(w->node_count, sizeof *au->desks);
    if (!au->states || !au->desks)
        return err_set(err, ERR_MEMORY, "no memory for audits");
    return create_hardware(w, au, err);
}

struct census {
    double accounts, slots, contracts;
    struct evm_addr last;
};

static void count_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct census *c = self;
    (void)addr;
    (void)acc;
    c->accounts++;
}

static void count_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                       const struct evm_u256 *value)
{
    struct census *c = self;
    (void)key;
    (void)value;
    c->contracts += c->slots == 0 || !evm_addr_eq(addr, &c->last);
    c->last = *addr;
    c->slots++;
}

enum err_code audits_state(struct world *w, const struct layer *l, const struct evm_state *state,
                           struct err *err)
{
    struct audits *au = w->audits;
    struct census c = {0};
    double set = (double)au->cfg->state;
    if (evm_state_each(state, count_account, count_slot, &c) != EVM_OK)
        return err_set(err, ERR_MEMORY, "no memory for counting accounts");
    bool root = l->execution_cfg->state_root == EXECUTION_ROOT_MPT;
    double slots = c.contracts > 0 ? c.slots / c.contracts : 0;
    au->states[l->id] = (struct witness_state){
        .accounts = !root     ? 0
                    : set > 0 ? set
                              : c.accounts,
        .slots = set > 0 ? set : slots,
        .code = !w->cfg->routing.policy.model, /* partitioned: code is everywhere */
    };
    return ERR_OK;
}

void audits_destroy(struct world *w)
{
    struct audits *au = w->audits;
    if (!au)
        return;
    while (au->open) {
        struct audit *a = au->open;
        au->open = a->next;
        audit_unref(a);
    }
    for (layer_id i = 0; au->classes && i < w->layer_count; i++)
        mem_free(au->classes[i]);
    mem_free(au->classes);
    mem_free(au->class_counts);
    mem_free(au->kind_first);
    mem_free(au->kind_of);
    mem_free(au->place);
    mem_free(au->states);
    mem_free(au->desks);
    mem_free(au);
    w->audits = NULL;
}

/* ---- committees ---- */

bool audit_looks_away(const struct world *w, node_id node)
{
    return w->nodes[node].byzantine || w->nodes[node].lapses[LAPSE_CREDULOUS];
}

void audit_others(const struct world *w, const struct layer *l, uint64_t *n, uint64_t *bad)
{
    *n = *bad = 0;
    for (node_id i = 0; i < w->node_count; i++) {
        if (w->nodes[i].layer == l->id)
            continue;
        ++*n;
        *bad += !w->nodes[i].up || audit_looks_away(w, i);
    }
}

/* Everything about one block's committee comes from this, in this order: whether it has one, and
 * who. */
static struct sim_stream beacon(const struct world *w, const struct block *b)
{
    struct sim_stream s;
    uint64_t high = 0, low = 0;
    for (int i = 0; i < 8; i++) {
        high = high << 8 | b->hash.b[i];
        low = low << 8 | b->hash.b[8 + i];
    }
    sim_stream_init(&s, w->cfg->seed ^ high, (uint32_t)low, sim_purpose("world.audit"));
    return s;
}

static bool drawn(const struct audit *a, uint32_t count, node_id node)
{
    for (uint32_t i = 0; i < count; i++)
        if (a->members[i].node == node)
            return true;
    return false;
}

/* Floyd's way: `count` different ones of n, each set equally likely. O(count^2). */
static void draw_members(const struct world *w, struct audit *a, const struct layer *l,
                         struct sim_stream *s)
{
    node_id n = w->node_count - l->count;
    for (uint32_t i = 0; i < a->count; i++) {
        node_id last = n - a->count + i, pick = (node_id)sim_stream_below(s, (uint64_t)last + 1);
        node_id node = pick < l->first ? pick : pick + l->count;
        if (drawn(a, i, node))
            node = last < l->first ? last : last + l->count;
        a->members[i] = (struct audit_member){node, MEMBER_ASKED};
    }
}

static void measure(const struct world *w, struct audit *a)
{
    const struct layer *l = &w->layers[a->block->layer];
    uint64_t witness = execution_wait(a->subject->execution)->witness.bytes;
    uint64_t header = a->subject == a->block ? 0 : HEADER_BYTES;
    /* Where one chain orders all layers' blocks, everybody has them already. */
    uint64_t body = l->chain->layer_count > 1 ? HEADER_BYTES : a->subject->size;
    uint64_t request = header + body + witness;
    a->size.request = request < UINT32_MAX / 2 ? (uint32_t)request : UINT32_MAX / 2;
    a->size.hashed = a->subject->size + witness;
}

static struct audit *make(struct world *w, struct block *b, struct block *subject, uint32_t count)
{
    struct audits *au = w->audits;
    struct audit *a = mem_zalloc(1, sizeof *a + count * sizeof a->members[0]);
    if (!a) {
        world_out_of_memory(w);
        return NULL;
    }
    a->refs = 1;
    a->block = block_ref(b);
    a->subject = block_ref(subject);
    a->count = count;
    a->committed = sim_now(w->sim);
    a->found = a->proven = RECORD_NEVER;
    a->challenger = NODE_NONE;
    a->previous = au->open_last;
    *(au->open_last ? &au->open_last->next : &au->open) = a;
    au->open_last = a;
    world_schedule(w, a->committed + au->cfg->window, SIM_CLASS_TIMER,
                   world_source(w, SOURCE_AUDITS), EVENT_AUDIT, 0, sim_arg(audit_ref(a)));
    return a;
}

/* A node of the layer that speaks for it: who committed the block first, or the next one up. */
static node_id speaker(const struct world *w, const struct layer *l, node_id committer)
{
    if (w->nodes[committer].layer == l->id)
        return committer;
    for (node_id i = 0; i < l->count; i++) {
        node_id node = l->first + (committer + i) % l->count;
        if (w->nodes[node].up && !w->nodes[node].byzantine)
            return node;
    }
    return NODE_NONE;
}

static void ask(struct world *w, struct audit *a, node_id from)
{
    struct audits *au = w->audits;
    for (uint32_t i = 0; i < a->count && from != NODE_NONE; i++)
        audit_send(w, a, from, a->members[i].node, AUDIT_REQUEST, 0);
    au->audited++;
    au->asked += a->count;
    au->request_bytes += (uint64_t)a->count * a->size.request;
    au->witness_bytes += execution_wait(a->subject->execution)->witness.bytes;
}

void audits_signers(struct world *w, const struct block *b, const uint32_t *signers,
                    uint32_t signer_count)
{
    w->audits->signed_block = b;
    w->audits->signers = signers;
    w->audits->signer_count = signer_count;
}

void audits_committed(struct world *w, node_id node, struct block *b)
{
    struct audits *au = w->audits;
    struct layer *l = &w->layers[b->layer];
    struct block *subject = cores_rooted(w, b);
    au->blocks++;
    if (!subject || !chain_execute(w, l, subject)) {
        au->unknown++;
        return;
    }
    struct sim_stream s = beacon(w, b);
    bool fraud = !cores_truthful(w, b);
    bool sampled = sim_stream_double(&s) < au->cfg->sample;
    if (!sampled && !fraud)
        return;
    struct audit *a = make(w, b, subject, sampled ? (uint32_t)au->cfg->committee : 0);
    if (!a)
        return;
    draw_members(w, a, l, &s);
    measure(w, a);
    a->fraud = fraud;
    if (fraud) {
        uint64_t n, bad;
        audit_others(w, l, &n, &bad);
        a->chance = au->cfg->sample * audit_chance(n, bad, au->cfg->committee);
        audit_name_culprits(w, a);
    }
    if (sampled)
        ask(w, a, speaker(w, l, node));
}

/* ---- messages ---- */

static void release(struct message *m)
{
    audit_unref(((struct audit_payload *)m->payload)->audit);
}

void audit_send(struct world *w, struct audit *a, node_id from, node_id to, uint8_t type,
                uint32_t proof)
{
    struct message *m = message_create(CHANNEL_LAYER, type, sizeof(struct audit_payload));
    if (!m) {
        world_out_of_memory(w);
        return;
    }
    struct audit_payload *p = (struct audit_payload *)m->payload;
    *p = (struct audit_payload){audit_ref(a), proof};
    m->release = release;
    m->size = a->size.request;
    m->layer = w->nodes[from].layer;
    m->origin = from;
    m->verifies = (uint32_t)w->cfg->interlayer.signatures;
    if (m->verifies == 1) { /* of a quorum, aggregated: as all mail between layers */
        m->signature_kind = SIGNATURE_BLS;
        m->keys = w->layers[a->block->layer].chain->validators.count * 2 / 3 + 1;
    }
    net_send(w->net, from, to, m);
}

static struct audit_member *member_of(struct audit *a, node_id node)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->members[i].node == node)
            return &a->members[i];
    return NULL;
}

static void on_request(struct world *w, node_id node, struct audit *a)
{
    struct audit_member *m = member_of(a, node);
    CHECK(m, "node %u is asked for another's audit", node);
    if (m->state != MEMBER_ASKED)
        return;
    if (audit_looks_away(w, node))
        m->state = MEMBER_SILENT;
    else
        cores_audit(w, node, a->subject, a, 0);
}

static void on_proof(struct world *w, node_id node, struct audit *a, uint32_t proof)
{
    const struct audit_member *m = member_of(a, node);
    if (audit_looks_away(w, node) || audit_accepted(a, proof, w->nodes[node].layer))
        return;
    if (m && m->state == MEMBER_FRAUD) /* it knows */
        audit_accept(w, a, proof, w->nodes[node].layer);
    else
        cores_audit(w, node, a->subject, a, proof + 1);
}

const char *audits_message_name(const struct message *m)
{
    return m->type == AUDIT_REQUEST ? "audit" : m->type == AUDIT_PROOF ? "fraud proof" : NULL;
}

bool audits_message(struct world *w, node_id node, const struct message *m)
{
    if (!w->audits || m->channel != CHANNEL_LAYER ||
        (m->type != AUDIT_REQUEST && m->type != AUDIT_PROOF))
        return false;
    const struct audit_payload *p = (const struct audit_payload *)m->payload;
    if (m->type == AUDIT_REQUEST)
        on_request(w, node, p->audit);
    else
        on_proof(w, node, p->audit, p->proof);
    return true;
}

/* target: 0 for the end of the window, else a proof, counted from 1. */
void audits_on_event(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct audit *a = sim_arg_pointer(ev);
    (void)sim;
    if (ev->target)
        audit_retry(w, a, ev->target - 1);
    else
        audit_close(w, a);
    audit_unref(a);
}

/* ---- cores ---- */

/* The subject's schedule on the node's own hardware. */
static const struct execution_timing *timing_on(const struct world *w, node_id node,
                                                const struct audit *a)
{
    const struct audits *au = w->audits;
    const struct node *n = &w->nodes[node];
    uint32_t kind = au->kind_of[au->kind_first[n->layer] + n->class];
    uint32_t class = au->place[(size_t)a->block->layer * au->kinds + kind];
    return execution_wait_timing(a->subject->execution, class);
}

bool audits_begin(struct world *w, node_id node, const struct task *t, sim_time *duration,
                  int64_t *busy)
{
    const struct audit *a = t->audit;
    const struct hardware_class *class = class_at(w, node);
    const struct evm_profile *p = class->profile;
    bool proof = t->tag > 0;
    if (proof ? audit_accepted(a, (uint32_t)t->tag - 1, w->nodes[node].layer) : a->closed)
        return false;
    double spread = p->signature * a->subject->tx_count +
                    (double)a->size.hashed / PERMUTATION_BYTES * p->op[EVM_COST_KECCAK];
    *duration = (sim_time)(spread / class->cores);
    *busy = (int64_t)spread;
    if (a->subject->proposer == NODE_NONE)
        return true; /* the first state, which everybody knows */
    const struct execution_timing *e = timing_on(w, node, a);
    bool listed = w->layers[a->block->layer].with_list;
    *duration += listed ? e->listed_duration_ns : e->duration_ns;
    *busy += listed ? e->listed_busy_ns : e->busy_ns;
    return true;
}

static void verdict(struct world *w, node_id node, struct audit *a)
{
    struct audit_member *m = member_of(a, node);
    w->audits->executed++;
    w->audits->desks[node].executed++;
    a->executed++;
    m->state = a->fraud ? MEMBER_FRAUD : MEMBER_SOUND;
    *(a->fraud ? &a->frauds : &a->sound) += 1;
    if (!a->fraud)
        return;
    if (a->found == RECORD_NEVER)
        a->found = sim_now(w->sim);
    if (w->audits->cfg->on_fraud == WORLD_ON_FRAUD_PROVE && !a->decided && !a->closed)
        audit_challenge(w, a, node);
}

void audits_done(struct world *w, node_id node, const struct task *t, int64_t busy)
{
    struct audit *a = t->audit;
    w->audits->desks[node].core_time += busy;
    a->core_time += busy;
    if (!t->tag) {
        verdict(w, node, a);
        return;
    }
    w->audits->checked++;
    w->audits->desks[node].checked++;
    if (a->fraud)
        audit_accept(w, a, (uint32_t)t->tag - 1, w->nodes[node].layer);
}
