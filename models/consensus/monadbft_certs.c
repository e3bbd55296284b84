/* MonadBFT: certificates, the messages that carry them, and their sizes. Votes, timeouts and
 * no-endorsements are BLS signatures, aggregated in certificates. */
#include "evm/core/keccak.h"
#include "models/consensus/monadbft.h"
#include "sim/base/mem.h"

#include <string.h>

/* Bytes on the wire: views 8, hashes 32, validators 4, BLS signatures 96; a tip is a header. */
enum { SIGNATURE_BYTES = 96, VOTE_BYTES = 140, HEADER_BYTES = 640, NE_BYTES = 116 };

static uint32_t bitmap(const struct monadbft *t)
{
    return (t->n + 7) / 8;
}

static uint32_t qc_bytes(const struct monadbft *t)
{
    return 40 + bitmap(t) + SIGNATURE_BYTES;
}

/* Each timeout signs the views of its own tip and certificate, so those stand beside the bits. */
static uint32_t tc_bytes(const struct monadbft *t, const struct mb_tc *tc)
{
    if (!tc)
        return 0;
    return 8 + bitmap(t) + SIGNATURE_BYTES + 16 * tc->count + qc_bytes(t) +
           (tc->tip ? (uint32_t)HEADER_BYTES : 0);
}

uint64_t mb_parent_view(const struct block *b)
{
    return b->seal ? ((const struct mb_seal *)b->seal->payload)->view : 0;
}

/* ---- certificates ---- */

static uint32_t list(const struct monadbft *t, const uint64_t *set, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (set[i / 64] >> (i % 64) & 1)
            out[count++] = i;
    return count;
}

struct mb_qc *mb_qc_new(const struct monadbft *t, uint64_t view, struct block *b,
                        const uint64_t *voters)
{
    struct mb_qc *qc = mem_zalloc(1, sizeof *qc + t->n * sizeof(uint32_t));
    if (!qc)
        return NULL;
    qc->refs = 1;
    qc->view = view;
    qc->block = block_ref(b);
    qc->count = voters ? list(t, voters, qc->signers) : 0;
    return qc;
}

struct mb_qc *mb_qc_of_parent(struct block *b)
{
    static const struct mb_seal none;
    const struct mb_seal *s = b->seal ? (const struct mb_seal *)b->seal->payload : &none;
    struct mb_qc *qc = mem_zalloc(1, sizeof *qc + s->count * sizeof(uint32_t));
    if (!qc)
        return NULL;
    qc->refs = 1;
    qc->view = s->view;
    qc->block = block_ref(b->parent);
    qc->count = s->count;
    memcpy(qc->signers, s->signers, s->count * sizeof(uint32_t));
    return qc;
}

struct mb_qc *mb_qc_ref(struct mb_qc *qc)
{
    if (qc)
        qc->refs++;
    return qc;
}

void mb_qc_unref(struct mb_qc *qc)
{
    if (!qc || --qc->refs)
        return;
    block_unref(qc->block);
    mem_free(qc);
}

struct mb_tc *mb_tc_ref(struct mb_tc *tc)
{
    if (tc)
        tc->refs++;
    return tc;
}

void mb_tc_unref(struct mb_tc *tc)
{
    if (!tc || --tc->refs)
        return;
    mb_qc_unref(tc->high_qc);
    block_unref(tc->tip);
    mem_free(tc);
}

void mb_nec_unref(struct mb_nec *nec)
{
    if (nec && --nec->refs == 0)
        mem_free(nec);
}

struct mb_tc *mb_tc_new(const struct monadbft *t, struct mb_qc *high, struct block *tip)
{
    struct mb_tc *tc = mem_zalloc(1, sizeof *tc + t->n * sizeof(uint32_t));
    if (!tc)
        return NULL;
    tc->refs = 1;
    tc->view = t->view;
    tc->high_qc = mb_qc_ref(high);
    tc->tip = tip ? block_ref(tip) : NULL;
    for (uint32_t i = 0; i < t->n; i++)
        if (t->timeouts[i])
            tc->signers[tc->count++] = i;
    return tc;
}

struct mb_nec *mb_nec_new(const struct monadbft *t, uint64_t qc_view)
{
    struct mb_nec *nec = mem_zalloc(1, sizeof *nec + t->n * sizeof(uint32_t));
    if (!nec)
        return NULL;
    nec->refs = 1;
    nec->view = t->view;
    nec->qc_view = qc_view;
    nec->count = list(t, t->no_endorsers, nec->signers);
    return nec;
}

struct block_seal *mb_seal_new(const struct monadbft *t, const struct mb_qc *qc)
{
    size_t bytes = sizeof(struct mb_seal) + qc->count * sizeof(uint32_t);
    struct block_seal *seal = block_seal_create(bytes);
    if (!seal)
        return NULL;
    struct mb_seal *s = (struct mb_seal *)seal->payload;
    s->view = qc->view;
    s->count = qc->count;
    memcpy(s->signers, qc->signers, qc->count * sizeof(uint32_t));
    seal->size = qc_bytes(t);
    evm_keccak256(&seal->hash, (struct evm_bytes){seal->payload, bytes});
    return seal;
}

/* ---- messages ---- */

static void release_proposal(struct message *m)
{
    struct mb_proposal *p = (struct mb_proposal *)m->payload;
    mb_tc_unref(p->tc);
    mb_nec_unref(p->nec);
}

static void release_vote(struct message *m)
{
    block_unref(((struct mb_vote *)m->payload)->block);
}

static void release_timeout(struct message *m)
{
    struct mb_timeout *p = (struct mb_timeout *)m->payload;
    block_unref(p->tip);
    mb_qc_unref(p->high_qc);
    mb_tc_unref(p->tc);
}

static void release_advance(struct message *m)
{
    struct mb_advance *p = (struct mb_advance *)m->payload;
    mb_qc_unref(p->qc);
    mb_tc_unref(p->tc);
}

static void release_recover(struct message *m)
{
    mb_tc_unref(((struct mb_recover *)m->payload)->tc);
}

/* `certificates` are checked as one aggregate each, of `keys` keys in all. */
static void signatures(struct message *m, bool own, uint32_t certificates, uint32_t keys)
{
    m->signature_kind = SIGNATURE_BLS;
    m->signs = own;
    m->verifies = own + certificates;
    m->keys = keys;
}

struct message *mb_proposal(const struct monadbft *t, struct block *b, struct mb_tc *tc,
                            struct mb_nec *nec)
{
    struct message *m = message_create(CHANNEL_BLOCK, MSG_PROPOSAL, sizeof(struct mb_proposal));
    if (!m) {
        mb_nec_unref(nec);
        return NULL;
    }
    *(struct mb_proposal *)m->payload =
        (struct mb_proposal){.view = t->view, .tc = mb_tc_ref(tc), .nec = nec};
    m->release = release_proposal;
    m->size = 8 + SIGNATURE_BYTES + tc_bytes(t, tc) +
              (nec ? 16 + bitmap(t) + (uint32_t)SIGNATURE_BYTES : 0);
    message_set_block(m, b);
    uint32_t keys = b->seal ? ((const struct mb_seal *)b->seal->payload)->count : 0;
    signatures(m, true, 1u + (tc != NULL) + (nec != NULL),
               keys + (tc ? tc->count : 0) + (nec ? nec->count : 0));
    return m;
}

struct message *mb_vote(const struct monadbft *t, uint64_t view, struct block *b)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_VOTE, sizeof(struct mb_vote));
    if (!m)
        return NULL;
    *(struct mb_vote *)m->payload =
        (struct mb_vote){.view = view, .block = block_ref(b), .voter = t->env->me};
    m->release = release_vote;
    m->size = VOTE_BYTES;
    signatures(m, true, 0, 0);
    return m;
}

struct message *mb_timeout(const struct monadbft *t)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_TIMEOUT, sizeof(struct mb_timeout));
    if (!m)
        return NULL;
    struct mb_timeout *p = (struct mb_timeout *)m->payload;
    bool tip = t->cfg->reproposals && t->tip && t->tip->round > t->high->view;
    bool by_tc = t->high->view + 1 != t->view;
    *p = (struct mb_timeout){.view = t->view,
                             .voter = t->env->me,
                             .tip = tip ? block_ref(t->tip) : NULL,
                             .high_qc = mb_qc_ref(t->high),
                             .tc = by_tc ? mb_tc_ref(t->tc) : NULL,
                             .vote = tip};
    m->release = release_timeout;
    m->size = 12 + SIGNATURE_BYTES + qc_bytes(t) + tc_bytes(t, p->tc) +
              (tip ? (uint32_t)HEADER_BYTES + SIGNATURE_BYTES : 0);
    signatures(m, true, 1u + tip + (p->tc != NULL), t->high->count + (p->tc ? p->tc->count : 0));
    return m;
}

struct message *mb_advance(const struct monadbft *t, struct mb_qc *qc, struct mb_tc *tc)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_ADVANCE, sizeof(struct mb_advance));
    if (!m)
        return NULL;
    *(struct mb_advance *)m->payload = (struct mb_advance){mb_qc_ref(qc), mb_tc_ref(tc)};
    m->release = release_advance;
    m->size = (qc ? qc_bytes(t) : 0) + tc_bytes(t, tc);
    signatures(m, false, (uint32_t)(qc != NULL) + (tc != NULL),
               (qc ? qc->count : 0) + (tc ? tc->count : 0));
    return m;
}

struct message *mb_recover(const struct monadbft *t)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_RECOVER, sizeof(struct mb_recover));
    if (!m)
        return NULL;
    *(struct mb_recover *)m->payload = (struct mb_recover){t->view, mb_tc_ref(t->tc)};
    m->release = release_recover;
    m->size = 8 + SIGNATURE_BYTES + tc_bytes(t, t->tc);
    signatures(m, true, 1, t->tc->count);
    return m;
}

struct message *mb_block(struct block *b)
{
    struct message *m = message_create(CHANNEL_BLOCK, MSG_BLOCK, 0);
    if (m)
        message_set_block(m, b);
    return m;
}

struct message *mb_no_endorsement(const struct monadbft *t, uint64_t qc_view)
{
    struct message *m =
        message_create(CHANNEL_CONSENSUS, MSG_NO_ENDORSEMENT, sizeof(struct mb_no_endorsement));
    if (!m)
        return NULL;
    *(struct mb_no_endorsement *)m->payload =
        (struct mb_no_endorsement){t->view, qc_view, t->env->me};
    m->size = NE_BYTES;
    signatures(m, true, 0, 0);
    return m;
}
