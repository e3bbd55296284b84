/* Fraud proofs on their way, and what becomes of stakes. */
#include "models/world/audit_internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <string.h>

/* ---- stakes ---- */

uint64_t audit_gwei(const struct field_wei *wei)
{
    struct evm_u256 x = {{wei->w[0], wei->w[1], wei->w[2], wei->w[3]}};
    evm_u256_div_u64(&x, &x, 1000000000);
    return x.w[0]; /* at most 10^15: the setting's range */
}

enum err_code audits_stakes(struct world *w, struct err *err)
{
    struct audits *au = w->audits;
    if (!au)
        return ERR_OK;
    uint64_t stake = audit_gwei(&au->cfg->stake);
    au->slash = (uint64_t)(au->cfg->slash * (double)stake);
    if (au->slash > stake)
        au->slash = stake;
    for (layer_id i = 0; i < w->chain_count; i++) {
        const struct validators *v = &w->chains[i].validators;
        if (stake && v->count > (UINT64_MAX - au->staked) / stake)
            return scenario_fail(w->scenario, err, "validation.stake",
                                 "the stakes of all validators are more than can be counted");
        for (uint32_t k = 0; k < v->count; k++)
            au->desks[v->nodes[k]].stake = stake;
        au->staked += stake * v->count;
    }
    return ERR_OK;
}

static void blame(struct audit *a, node_id node)
{
    for (uint32_t i = 0; i < a->culprit_count; i++)
        if (a->culprits[i] == node)
            return;
    a->culprits[a->culprit_count++] = node;
}

/* The proposer, and whoever of the layer voted for it as far as the first commit names voters.
 * Those of other layers that order it could not know. */
void audit_name_culprits(struct world *w, struct audit *a)
{
    const struct audits *au = w->audits;
    const struct validators *v = &w->layers[a->block->layer].chain->validators;
    uint32_t signers = au->signed_block == a->block && au->signers ? au->signer_count : 0;
    a->culprits = mem_alloc((size_t)signers + 1, sizeof *a->culprits);
    if (!a->culprits) {
        world_out_of_memory(w);
        return;
    }
    if (a->block->proposer != NODE_NONE)
        blame(a, a->block->proposer);
    for (uint32_t i = 0; i < signers; i++) {
        node_id node = v->nodes[au->signers[i]];
        if (w->nodes[node].layer == a->block->layer)
            blame(a, node);
    }
}

/* What is taken is given to the challenger or burnt, to the gwei. */
static void slash(struct world *w, struct audit *a, node_id challenger)
{
    struct audits *au = w->audits;
    for (uint32_t i = 0; i < a->culprit_count; i++) {
        struct audit_desk *d = &au->desks[a->culprits[i]];
        uint64_t part = d->stake < au->slash ? d->stake : au->slash;
        d->stake -= part;
        d->lost += part;
        a->slashed += part;
    }
    uint64_t reward = (uint64_t)(au->cfg->reward * (double)a->slashed);
    if (reward > a->slashed)
        reward = a->slashed;
    au->desks[challenger].earned += reward;
    au->rewarded += reward;
    au->burnt += a->slashed - reward;
}

/* ---- proofs ---- */

bool audit_accepted(const struct audit *a, uint32_t proof, layer_id by)
{
    return a->decided || a->proofs[proof].by[by];
}

/* Whom a layer's proof goes to: by turns, from a place that the block's hash and the challenger
 * decide; not to the challenger unless its layer has nobody else. */
static node_id court_of(const struct world *w, const struct audit *a, const struct audit_proof *p,
                        const struct layer *l)
{
    uint32_t from = (uint32_t)a->block->hash.b[16] << 8 | a->block->hash.b[17];
    from += p->challenger + p->tries;
    for (node_id i = 0; i < l->count; i++) {
        node_id node = l->first + (from + i) % l->count;
        if (w->nodes[node].up && (node != p->challenger || l->count == 1))
            return node;
    }
    return NODE_NONE;
}

static void send_proof(struct world *w, struct audit *a, uint32_t proof)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct audit_proof *p = &a->proofs[proof];
        if (i == a->block->layer || audit_accepted(a, proof, i))
            continue;
        node_id to = court_of(w, a, p, &w->layers[i]);
        if (to == p->challenger)
            audit_accept(w, a, proof, i);
        else if (to != NODE_NONE)
            audit_send(w, a, p->challenger, to, AUDIT_PROOF, proof);
    }
    world_schedule(w, sim_now(w->sim) + w->audits->cfg->retry, SIM_CLASS_TIMER,
                   world_source(w, SOURCE_AUDITS), EVENT_AUDIT, proof + 1, sim_arg(audit_ref(a)));
}

void audit_challenge(struct world *w, struct audit *a, node_id challenger)
{
    struct audit_proof *all = mem_resize(a->proofs, (size_t)a->proof_count + 1, sizeof *a->proofs);
    uint8_t *by = mem_zalloc(w->layer_count, 1);
    if (all)
        a->proofs = all;
    if (!all || !by) {
        mem_free(by);
        world_out_of_memory(w);
        return;
    }
    a->proofs[a->proof_count++] = (struct audit_proof){.challenger = challenger, .by = by};
    rows_event(w, RECORD_EVENT_LEVEL_WARNING, "fraud-proof", challenger, a->block->layer,
               "node %u challenges block %llu of layer %s", challenger,
               (unsigned long long)a->block->height, w->layers[a->block->layer].name);
    send_proof(w, a, a->proof_count - 1);
}

void audit_retry(struct world *w, struct audit *a, uint32_t proof)
{
    struct audit_proof *p = &a->proofs[proof];
    if (a->decided || a->closed || !w->nodes[p->challenger].up)
        return;
    p->tries++;
    send_proof(w, a, proof);
}

static void convict(struct world *w, struct audit *a, const struct audit_proof *p)
{
    a->decided = true;
    if (a->closed) { /* nobody is slashed any more */
        w->audits->late++;
        return;
    }
    a->proven = sim_now(w->sim);
    a->challenger = p->challenger;
    slash(w, a, p->challenger);
    rows_event(w, RECORD_EVENT_LEVEL_WARNING, "slashed", a->block->proposer, a->block->layer,
               "block %llu of layer %s is proven false %.3f s after its commit; %u validators lose "
               "%.4g ether",
               (unsigned long long)a->block->height, w->layers[a->block->layer].name,
               (double)(a->proven - a->committed) / 1e9, a->culprit_count,
               (double)a->slashed / 1e9);
}

void audit_accept(struct world *w, struct audit *a, uint32_t proof, layer_id by)
{
    struct audit_proof *p = &a->proofs[proof];
    if (audit_accepted(a, proof, by))
        return;
    p->by[by] = 1;
    p->accepted++;
    if (p->accepted > (w->layer_count - 1u) / 2)
        convict(w, a, p);
}
