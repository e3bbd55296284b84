/* Certificates: two of one kind and round are for one block, and, while no more weight is Byzantine
 * than the protocol tolerates, two of one kind that follow one another have an honest signer in
 * common. The first is what quorums are for; the second is why
 * they work (Malkhi and Reiter, "Byzantine quorum systems", Distributed Computing 1998, section 3):
 * two sets of signers whose intersection is Byzantine alone can certify two histories. Who signed
 * both is named: double voting, seen from outside.
 *
 * Of rounds that share a place in the table the later one is kept: 256 rounds a kind. */
#include "models/judges/judge.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <string.h>

FIELD_DECLARE_EMPTY(judge_certificates);
FIELD_DEFINE_EMPTY(judge_certificates, "Certificates do not contradict each other.");

enum { KINDS = 16, ROUNDS = 256 };

struct entry {
    uint64_t round;
    struct evm_hash hash; /* zero: for none */
    node_id node;
    bool used, told;
};
struct kind {
    const char *what;
    struct entry *entries; /* ROUNDS */
    uint64_t *signers;     /* ROUNDS runs of words */
    uint64_t newest;       /* round */
    bool any, told;        /* told: that quorums do not intersect; once */
};

struct certificates {
    struct judge_env *env;
    size_t words;
    struct kind kinds[KINDS];
    uint32_t kind_count;
};

static const struct evm_hash none;

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct certificates *s = state;
    (void)cfg;
    (void)err;
    s->env = env;
    s->words = ((size_t)env->validators->count + 63) / 64;
    return ERR_OK;
}

/* NULL: more kinds than a protocol has, or no memory. */
static struct kind *kind_of(struct certificates *s, const char *what)
{
    for (uint32_t i = 0; i < s->kind_count; i++)
        if (strcmp(s->kinds[i].what, what) == 0)
            return &s->kinds[i];
    if (s->kind_count == KINDS)
        return NULL;
    struct kind *k = &s->kinds[s->kind_count];
    k->entries = mem_zalloc(ROUNDS, sizeof *k->entries);
    k->signers = mem_zalloc(ROUNDS * s->words, sizeof *k->signers);
    if (!k->entries || !k->signers) {
        mem_free(k->entries);
        mem_free(k->signers);
        return NULL;
    }
    k->what = what;
    s->kind_count++;
    return k;
}

/* Which validators of a run of words the new certificate has too; the honest ones are counted. */
static uint32_t common(struct certificates *s, const uint64_t *words,
                       const struct judge_certificate *c, char *names, size_t size,
                       uint32_t *honest)
{
    uint32_t count = 0;
    size_t used = 0;
    *honest = 0;
    names[0] = 0;
    for (uint32_t i = 0; i < c->signer_count; i++) {
        uint32_t v = c->signers[i];
        if (v >= s->env->validators->count || !(words[v / 64] >> (v % 64) & 1))
            continue;
        *honest += s->env->host->honest(s->env, s->env->validators->nodes[v]);
        if (count++ < 8 && used < size)
            used += (size_t)snprintf(names + used, size - used, used ? ", %u" : "%u", v);
    }
    if (count > 8 && used < size)
        snprintf(names + used, size - used, ", ...");
    return count;
}

static void tell(struct certificates *s, const struct judge_certificate *c, const char *text)
{
    struct judge_violation v = {.node = c->node,
                                .height = c->block ? c->block->height : 0,
                                .round = judge_round(c->round, c->block),
                                .text = text};
    s->env->host->violation(s->env, &v);
}

static void contradicts(struct certificates *s, const uint64_t *words, const struct entry *e,
                        const struct judge_certificate *c)
{
    char text[200], names[48], where[32] = "";
    uint32_t honest, both = common(s, words, c, names, sizeof names, &honest);
    if (c->block)
        snprintf(where, sizeof where, " (height %llu)", (unsigned long long)c->block->height);
    snprintf(text, sizeof text,
             "two %s certificates of round %llu%s, at nodes %u and %u, for different blocks; "
             "%u validators signed both, %u of them honest: %s",
             c->what, (unsigned long long)judge_round(c->round, c->block), where, e->node, c->node,
             both, honest, both ? names : "none");
    tell(s, c, text);
}

/* Whether the protocol promises anything about quorums. O(validators). */
static bool promised(struct certificates *s)
{
    const struct validators *all = s->env->validators;
    uint64_t byzantine = 0, share = s->env->traits.fault_share;
    for (uint32_t i = 0; i < all->count; i++)
        if (!s->env->host->honest(s->env, all->nodes[i]))
            byzantine += all->weights[i];
    return byzantine == 0 || (share > 0 && byzantine < (all->total + share - 1) / share);
}

static void intersects(struct certificates *s, struct kind *k, const struct judge_certificate *c)
{
    char text[200], names[64];
    uint32_t honest;
    const struct entry *e = &k->entries[k->newest % ROUNDS];
    common(s, k->signers + (k->newest % ROUNDS) * s->words, c, names, sizeof names, &honest);
    if (honest > 0 || !promised(s))
        return;
    k->told = true;
    snprintf(
        text, sizeof text,
        "%s certificates of rounds %llu and %llu have no honest signer in common (nodes %u, %u)",
        c->what,
        (unsigned long long)(judge_round(c->round, c->block) == c->round ? e->round
                                                                         : e->round & 0xffff),
        (unsigned long long)judge_round(c->round, c->block), e->node, c->node);
    tell(s, c, text);
}

static void certificate(void *state, const struct judge_certificate *c)
{
    struct certificates *s = state;
    const struct evm_hash *hash = c->block ? &c->block->hash : &none;
    struct kind *k = kind_of(s, c->what);
    if (!k)
        return;
    struct entry *e = &k->entries[c->round % ROUNDS];
    uint64_t *words = k->signers + (c->round % ROUNDS) * s->words;
    if (e->used && e->round > c->round)
        return;
    if (e->used && e->round == c->round) {
        if (!evm_hash_eq(&e->hash, hash) && !e->told) {
            e->told = true;
            contradicts(s, words, e, c);
        }
        return;
    }
    if (k->any && !k->told && c->round > k->newest && s->env->traits.quorum != QUORUM_NONE)
        intersects(s, k, c);
    *e = (struct entry){
        .round = judge_round(c->round, c->block), .hash = *hash, .node = c->node, .used = true};
    memset(words, 0, s->words * sizeof *words);
    for (uint32_t i = 0; i < c->signer_count; i++)
        if (c->signers[i] < s->env->validators->count)
            words[c->signers[i] / 64] |= UINT64_C(1) << (c->signers[i] % 64);
    if (!k->any || c->round > k->newest)
        k->newest = c->round;
    k->any = true;
}

static void fini(void *state)
{
    struct certificates *s = state;
    for (uint32_t i = 0; i < s->kind_count; i++) {
        mem_free(s->kinds[i].entries);
        mem_free(s->kinds[i].signers);
    }
}

const struct judge_ops judge_certificates_model = {
    .model = {"certificates",
              "Certificates of one kind and round are for one block, and intersect.",
              &judge_certificates_table},
    .state_size = sizeof(struct certificates),
    .init = init,
    .certificate = certificate,
    .fini = fini,
};
