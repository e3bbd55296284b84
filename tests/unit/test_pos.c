/* Gasper by its parts: committees, justification rule by rule, the fork choice against late and
 * withheld blocks, votes by gossip and in blocks, a validator's duties. */
#include "tests/unit/fake_consensus.h"

#include "models/consensus/pos.h"

extern const struct consensus_ops consensus_pos;

static const struct pos_cfg usual = {
    .block_interval = 12 * SIM_SEC,
    .slots_per_epoch = 8,
    .attest_at = 1.0 / 3,
    .aggregate_at = 2.0 / 3,
    .committees = 64,
    .committee_size = 128,
    .aggregators = 16,
    .block_attestations = 8,
    .proposer_boost = 0.4,
    .reorg_head = 0.2,
    .reorg_parent = 1.6,
};

/* ---- who and when ---- */

static void test_shuffle(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 7, 64, 333, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint32_t n = sizes[s], moved = 0;
        uint8_t seen[1000] = {0};
        struct pos_committees c = {.seed = 99, .spe = 32, .validators = n, .per_slot = 2};
        for (uint32_t i = 0; i < n; i++) {
            uint32_t at = pos_shuffled(&c, 5, i), first, size, index, position;
            uint64_t slot;
            assert_true(at < n && !seen[at]);
            seen[at] = 1;
            moved += at != i;
            assert_int_equal(pos_position(&c, 5, at), i);
            pos_duty(&c, 5, at, &slot, &index, &position);
            assert_true(slot / 32 == 5 && index < 2);
            pos_committee(&c, slot, index, &first, &size);
            assert_true(position < size);
            assert_int_equal(first + position, i);
        }
        assert_true(n < 64 || moved > n - n / 8);
        uint32_t total = 0;
        for (uint64_t slot = 160; slot < 192; slot++)
            for (uint32_t k = 0; k < 2; k++) {
                uint32_t first, size;
                pos_committee(&c, slot, k, &first, &size);
                assert_int_equal(first, total);
                assert_true(size >= n / 64 && size <= n / 64 + 1);
                total += size;
            }
        assert_int_equal(total, n);
    }
}

static void test_committee_count(void **state)
{
    (void)state;
    struct validators v = {.count = 1000};
    struct pos_cfg cfg = usual;
    cfg.slots_per_epoch = 32;
    assert_int_equal(pos_committees_of(&cfg, &v, 1).per_slot, 1);
    v.count = 32 * 128 * 3 + 5;
    assert_int_equal(pos_committees_of(&cfg, &v, 1).per_slot, 3);
    v.count = 1000000;
    assert_int_equal(pos_committees_of(&cfg, &v, 1).per_slot, 64);
}

/* Proposers come as often as they weigh: within four standard deviations. */
static void test_proposers(void **state)
{
    (void)state;
    const uint64_t weights[] = {1, 10, 5, 4}, upto[] = {1, 11, 16, 20};
    const node_id nodes[] = {0, 1, 2, 3};
    struct validators v = {nodes, weights, upto, 4, 20, false};
    enum { SLOTS = 20000 };
    double drawn[4] = {0};
    for (uint64_t slot = 1; slot <= SLOTS; slot++)
        drawn[pos_proposer(&v, 3, slot)]++;
    for (int i = 0; i < 4; i++) {
        double share = (double)weights[i] / 20, mean = SLOTS * share, off = drawn[i] - mean;
        assert_true(off * off < 16 * mean * (1 - share));
    }
}

/* ---- finality ---- */

/* A block whose seal holds votes of the first `voters` validators. */
static struct block *vote_block(struct fake *f, struct block *parent, uint64_t slot,
                                enum pos_set which, uint32_t voters)
{
    struct pos_draft d;
    assert_true(pos_draft_begin(&d, &f->validators, usual.slots_per_epoch, parent, slot));
    for (uint32_t i = 0; i < voters; i++)
        pos_draft_vote(&d, d.sets + (size_t)which * d.words, i);
    pos_draft_pull_up(&d);
    size_t sets = (size_t)POS_SETS * d.words * sizeof(uint64_t);
    struct block_seal *seal = block_seal_create(sizeof(struct pos_seal) + sets);
    assert_non_null(seal);
    struct pos_seal *s = (struct pos_seal *)seal->payload;
    s->state = d.state;
    s->words = d.words;
    memcpy(s->data, d.sets, sets);
    pos_draft_end(&d);
    return fake_block(parent, 0, slot, seal);
}

/* A letter an epoch from 1 on: the votes for its boundary are in blocks of that epoch (t), of the
 * next one (l), or nowhere (-). `finals`: the epoch that is final when each of them has ended. The
 * expectations are worked out by hand from the four rules. */
static void test_four_rules(void **state)
{
    (void)state;
    static const struct {
        const char *votes, *finals, *rule;
    } rows[] = {
        {"ttttt", "00234", "4: two in a row, with its own epoch's votes"},
        {"llllll", "000123", "1: three in a row, always an epoch late"},
        {"ttttll", "002334", "2: two in a row, an epoch late"},
        {"tttllt", "002234", "3: three in a row, the last in time"},
        {"tt--tt", "000005", "4: no vote at all in between"},
        {"t-t-t-t", "0000000", "never two in a row"},
    };
    struct fake f;
    fake_init(&f, 9, 5, VALIDATOR_NONE);
    uint64_t spe = usual.slots_per_epoch;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (uint32_t voters = 6; voters <= 7; voters++) { /* six of nine are two thirds, no more */
            struct block *top = block_ref(f.genesis);
            uint64_t best = 0;
            for (uint64_t e = 1; rows[r].votes[e - 1]; e++) {
                bool late = e > 1 && rows[r].votes[e - 2] == 'l';
                struct block *one = vote_block(&f, top, e * spe, POS_PREVIOUS, late ? voters : 0);
                struct block *two = vote_block(&f, one, e * spe + spe - 1, POS_CURRENT,
                                               rows[r].votes[e - 1] == 't' ? voters : 0);
                block_unref(top);
                block_unref(one);
                top = two;
                struct pos_state s;
                pos_state_of(top, spe, &s);
                uint64_t expected = (uint64_t)(rows[r].finals[e - 1] - '0');
                best = expected > best ? expected : best;
                if (s.pulled_finalized.epoch != (voters == 7 ? best : 0))
                    fail_msg("%s (%s), %u voters: epoch %llu final after epoch %llu", rows[r].votes,
                             rows[r].rule, voters, (unsigned long long)s.pulled_finalized.epoch,
                             (unsigned long long)e);
                /* The link's votes are there, and what is pulled up here is real a block later. */
                const uint64_t *set = pos_set_of(pos_seal_of(top), POS_PULLED_FINALIZED);
                assert_int_equal(set[0], s.pulled_finalized.epoch ? (1 << voters) - 1 : 0);
                struct block *next = vote_block(&f, top, (e + 1) * spe, POS_CURRENT, 0);
                struct pos_state after;
                pos_state_of(next, spe, &after);
                assert_memory_equal(&after.finalized, &s.pulled_finalized, sizeof after.finalized);
                assert_memory_equal(&after.justified, &s.pulled_justified, sizeof after.justified);
                block_unref(next);
            }
            block_unref(top);
        }
    fake_fini(&f);
}

/* The boundary of an epoch whose first slots are empty is the last block before it. */
static void test_boundaries(void **state)
{
    (void)state;
    struct fake f;
    struct pos_state s;
    fake_init(&f, 9, 5, VALIDATOR_NONE);
    struct block *a = vote_block(&f, f.genesis, 6, POS_CURRENT, 0);
    struct block *b = vote_block(&f, a, 11, POS_CURRENT, 0);
    struct block *c = vote_block(&f, b, 40, POS_CURRENT, 0); /* epochs 2 to 4 have no block */
    pos_state_of(b, 8, &s);
    assert_memory_equal(&s.boundary[0].root, &f.genesis->hash, 32);
    assert_memory_equal(&s.boundary[1].root, &a->hash, 32);
    pos_state_of(c, 8, &s);
    assert_int_equal(s.boundary[1].epoch, 5);
    assert_memory_equal(&s.boundary[1].root, &c->hash, 32);
    assert_memory_equal(&s.boundary[0].root, &b->hash, 32);
    block_unref(a);
    block_unref(b);
    block_unref(c);
    fake_fini(&f);
}

/* ---- the fork choice ---- */

struct choice {
    struct fake f, maker_fake;
    struct pos_cfg cfg;
    struct pos p, maker; /* maker: packs blocks, hears nothing unless told */
};

static void choice_init(struct choice *c, uint32_t me)
{
    fake_init(&c->f, 64, 32, me);
    fake_init(&c->maker_fake, 64, 32, VALIDATOR_NONE);
    c->cfg = usual;
    memset(&c->p, 0, sizeof c->p);
    memset(&c->maker, 0, sizeof c->maker);
    assert_int_equal(consensus_pos.init(&c->p, &c->cfg, &c->f.env, NULL), ERR_OK);
    c->maker_fake.env.genesis = c->f.genesis;
    assert_int_equal(consensus_pos.init(&c->maker, &c->cfg, &c->maker_fake.env, NULL), ERR_OK);
}

static void choice_fini(struct choice *c)
{
    consensus_pos.fini(&c->p);
    consensus_pos.fini(&c->maker);
    fake_fini(&c->f);
    fake_fini(&c->maker_fake);
}

static struct block *make(struct choice *c, struct block *parent, uint64_t slot)
{
    struct block_seal *seal = pos_pack(&c->maker, parent, slot);
    assert_non_null(seal);
    return fake_block(parent, pos_proposer(&c->f.validators, 7, slot), slot, seal);
}

static void at(struct choice *c, double seconds)
{
    c->f.now = c->maker_fake.now = (sim_time)(seconds * 1e9);
    pos_tick(&c->p);
}

/* Votes of members from .. to - 1 of a slot's committee for a head. */
static struct message *votes_for(struct choice *c, uint64_t slot, struct block *head, uint32_t from,
                                 uint32_t to)
{
    struct pos_committees k = pos_committees(&c->p);
    struct pos_state s;
    uint32_t first, size;
    pos_committee(&k, slot, 0, &first, &size);
    assert_true(to <= size);
    struct message *m =
        message_create(CHANNEL_CONSENSUS, POS_AGGREGATE,
                       sizeof(struct pos_aggregate) + 4 * size + pos_bit_bytes(size));
    struct pos_aggregate *a = (struct pos_aggregate *)m->payload;
    pos_state_of(head, 8, &s);
    bool earlier = head->round / 8 < slot / 8;
    a->data = (struct pos_data){
        .slot = slot,
        .head = head->hash,
        .head_height = head->height,
        .source = earlier ? s.pulled_justified : s.justified,
        .target =
            earlier ? (struct pos_checkpoint){slot / 8, head->height, head->hash} : s.boundary[1]};
    a->size = size;
    a->count = to - from;
    for (uint32_t i = 0; i < size; i++)
        a->members[i] = pos_shuffled(&k, slot / 8, first + i);
    for (uint32_t i = from; i < to; i++)
        pos_bits(a)[i / 8] |= (uint8_t)(1 << i % 8);
    return m;
}

static void hear(struct choice *c, struct pos *who, uint64_t slot, struct block *head,
                 uint32_t from, uint32_t to)
{
    struct message *m = votes_for(c, slot, head, from, to);
    consensus_pos.message(who, 3, m);
    message_unref(m);
}

static struct block *head_now(struct choice *c)
{
    pos_tick(&c->p);
    pos_follow(&c->p);
    return c->p.head;
}

/* Slot 2's proposer hides its block B from slot 3's, who builds C on A, and shows it then with
 * votes of its own: B and C are siblings. A slot's validators weigh 256, so the boost is 102. */
static void late_block(double boost, double c_arrives, uint32_t votes, bool b_wins, bool b_later)
{
    struct choice c;
    choice_init(&c, VALIDATOR_NONE);
    c.cfg.proposer_boost = boost;
    struct block *a = make(&c, c.f.genesis, 1), *b = make(&c, a, 2), *honest = make(&c, a, 3);
    at(&c, 13);
    consensus_pos.checked(&c.p, a, true, 0);
    assert_ptr_equal(c.p.head, a);
    at(&c, c_arrives);
    consensus_pos.checked(&c.p, honest, true, 0);
    assert_ptr_equal(c.p.head, honest);
    consensus_pos.checked(&c.p, b, true, 0);
    hear(&c, &c.p, 2, b, 0, votes);
    if (head_now(&c) != (b_wins ? b : honest))
        fail_msg("boost %g, C at %g s, %u votes: the wrong head", boost, c_arrives, votes);
    at(&c, 48.5); /* the boost is over, and nobody has voted for C */
    assert_ptr_equal(head_now(&c), b_later ? b : honest);
    hear(&c, &c.p, 3, honest, 0, 5); /* five of eight have */
    assert_ptr_equal(head_now(&c), votes < 5 ? honest : b);
    block_unref(a);
    block_unref(b);
    block_unref(honest);
    choice_fini(&c);
}

static void test_boost(void **state)
{
    (void)state;
    late_block(0.4, 37, 3, false, true); /* 96 against 102 */
    late_block(0.4, 37, 4, true, true);  /* 128 */
    late_block(0, 37, 1, true, true);
    late_block(0.4, 41, 1, true, true); /* C itself is late: no boost */
    late_block(0.4, 37, 6, true, true);
}

static void leaves_out(bool on, uint32_t for_b, double b_arrives, double proposes_at, bool left_out)
{
    struct choice c;
    choice_init(&c, VALIDATOR_NONE);
    c.cfg.proposer_reorg = on;
    struct block *a = make(&c, c.f.genesis, 1), *b = make(&c, a, 2);
    at(&c, 13);
    consensus_pos.checked(&c.p, a, true, 0);
    hear(&c, &c.p, 1, a, 0, 8);
    at(&c, b_arrives);
    consensus_pos.checked(&c.p, b, true, 0);
    hear(&c, &c.p, 2, b, 0, for_b);
    hear(&c, &c.p, 2, a, for_b, 8);
    at(&c, proposes_at);
    if (pos_proposer_head(&c.p) != (left_out ? a : b))
        fail_msg("B at %g s with %u votes, at %g s", b_arrives, for_b, proposes_at);
    assert_ptr_equal(c.f.head, c.p.head);
    block_unref(a);
    block_unref(b);
    choice_fini(&c);
}

static void test_proposer_reorg(void **state)
{
    (void)state;
    leaves_out(true, 1, 30, 36, true);
    leaves_out(false, 1, 30, 36, false);
    leaves_out(true, 2, 30, 36, false);   /* a quarter is not below a fifth */
    leaves_out(true, 1, 25, 36, false);   /* in time */
    leaves_out(true, 1, 30, 38.5, false); /* proposing late oneself */
    leaves_out(true, 1, 30, 48, false);   /* not the next slot */
}

/* ---- votes ---- */

static uint64_t weight_of(const struct pos *p, const struct block *b)
{
    uint32_t i = pos_find(p, &b->hash);
    return i == UINT32_MAX ? UINT64_MAX : p->tree[i].weight;
}

static void test_latest_messages(void **state)
{
    (void)state;
    struct choice c;
    choice_init(&c, VALIDATOR_NONE);
    struct block *a = make(&c, c.f.genesis, 1), *b = make(&c, c.f.genesis, 2);
    at(&c, 13);
    hear(&c, &c.p, 1, a, 0, 4); /* before the block itself */
    consensus_pos.checked(&c.p, a, true, 0);
    assert_int_equal(weight_of(&c.p, a), 0); /* not in the slot they are from */
    at(&c, 25);
    assert_int_equal(weight_of(&c.p, a), 4 * 32);
    hear(&c, &c.p, 1, a, 2, 7); /* three more */
    assert_int_equal(weight_of(&c.p, a), 7 * 32);
    hear(&c, &c.p, 1, a, 0, 8); /* all: those who were heard already count once */
    assert_int_equal(weight_of(&c.p, a), 8 * 32);
    consensus_pos.checked(&c.p, b, true, 0);
    hear(&c, &c.p, 1, b, 0, 8); /* a second vote in one epoch changes nothing */
    assert_int_equal(weight_of(&c.p, a), 8 * 32);
    assert_int_equal(weight_of(&c.p, b), 0);
    at(&c, 16 * 12 - 1); /* all vote again in epoch 1 */
    for (uint64_t slot = 8; slot < 15; slot++)
        hear(&c, &c.p, slot, b, 0, 8);
    uint64_t moved = weight_of(&c.p, b);
    assert_int_equal(moved, 7 * 8 * 32);
    assert_true(weight_of(&c.p, a) + moved <= 64 * 32);
    hear(&c, &c.p, 12, b, 0, 9 - 1);
    assert_int_equal(weight_of(&c.p, b), moved);
    block_unref(a);
    block_unref(b);
    choice_fini(&c);
}

/* A node that heard no vote by gossip learns them from a block, and its bytes are counted. */
static void test_votes_in_blocks(void **state)
{
    (void)state;
    struct choice c;
    choice_init(&c, VALIDATOR_NONE);
    struct block *a = make(&c, c.f.genesis, 1), *b = make(&c, a, 2);
    uint32_t empty = b->seal->size;
    at(&c, 25);
    consensus_pos.checked(&c.maker, a, true, 0);
    hear(&c, &c.maker, 1, a, 0, 5);
    hear(&c, &c.maker, 1, a, 3, 6); /* overlaps: cannot be added up; the larger one goes in */
    struct block *with = make(&c, a, 2);
    assert_int_equal(with->seal->size, empty + 4 + 236 + 1 + 8 / 8);
    assert_int_equal(pos_seal_of(with)->votes, 1);
    assert_int_equal(pos_seal_of(with)->voters, 5);
    assert_int_equal(pos_seal_of(with)->state.weight[1], 5 * 32);
    assert_memory_not_equal(&with->seal->hash, &b->seal->hash, 32);
    consensus_pos.checked(&c.p, a, true, 0);
    assert_int_equal(weight_of(&c.p, a), 0);
    consensus_pos.checked(&c.p, with, true, 0);
    assert_int_equal(weight_of(&c.p, a), 5 * 32);
    /* What the chain holds already is not packed again. */
    struct block *next = make(&c, with, 3);
    assert_int_equal(next->seal->size, empty);
    block_unref(a);
    block_unref(b);
    block_unref(with);
    block_unref(next);
    choice_fini(&c);
}

static void test_header(void **state)
{
    (void)state;
    struct choice c;
    choice_init(&c, VALIDATOR_NONE);
    struct block *a = make(&c, c.f.genesis, 1), *wrong = make(&c, c.f.genesis, 2);
    struct block *early = make(&c, c.f.genesis, 5);
    wrong->proposer = (wrong->proposer + 1) % 64;
    at(&c, 25);
    consensus_pos.checked(&c.p, wrong, true, 0);
    assert_ptr_equal(c.p.head, c.f.genesis);
    consensus_pos.checked(&c.p, early, true, 0); /* of a slot to come */
    assert_ptr_equal(c.p.head, c.f.genesis);
    consensus_pos.checked(&c.p, a, false, 0);
    assert_ptr_equal(c.p.head, c.f.genesis);
    consensus_pos.checked(&c.p, a, true, 0);
    assert_ptr_equal(c.p.head, a);
    block_unref(a);
    block_unref(wrong);
    block_unref(early);
    choice_fini(&c);
}

/* ---- duties ---- */

static sim_time timer_of(const struct fake *f, uint32_t kind)
{
    for (uint32_t i = 0; i < f->timer_count; i++)
        if (f->timers[i].kind == kind)
            return f->timers[i].at;
    return -1;
}

/* Attests once: when the slot's block is there, or else after a third of the slot. Everyone is an
 * aggregator here (committees of 8), so a vote goes to the seven others. */
static void duty(bool block_comes)
{
    struct choice c;
    enum { ATTEST = 3, AGGREGATE = 4 };
    choice_init(&c, 11);
    consensus_pos.start(&c.p);
    uint64_t slot = c.p.duty_slot;
    assert_int_equal(timer_of(&c.f, ATTEST), (sim_time)slot * 12 * SIM_SEC + 4 * SIM_SEC);
    assert_int_equal(timer_of(&c.f, AGGREGATE), (sim_time)slot * 12 * SIM_SEC + 8 * SIM_SEC);
    assert_true(slot > 0);
    struct block *b = make(&c, c.f.genesis, slot);
    if (block_comes) {
        at(&c, (double)slot * 12 + 1);
        consensus_pos.checked(&c.p, b, true, 0);
        assert_int_equal(c.f.sent_count, 7);
    }
    at(&c, (double)slot * 12 + 4);
    consensus_pos.timer(&c.p, ATTEST, slot);
    assert_int_equal(c.f.sent_count, 7);
    const struct message *m = c.f.sent[0];
    const struct pos_attestation *vote = (const struct pos_attestation *)m->payload;
    assert_memory_equal(&vote->data.head, block_comes ? &b->hash : &c.f.genesis->hash, 32);
    assert_int_equal(m->size, 240);
    assert_true(m->signs == 1 && m->keys == 1 && m->signature_kind == SIGNATURE_BLS);
    assert_ptr_equal(c.f.sent[6], m); /* one object, signed once */
    /* Two more of the committee say the same, and one pretends to be another. */
    struct pos_committees k = pos_committees(&c.p);
    uint32_t first, size, spoke = 0;
    pos_committee(&k, slot, 0, &first, &size);
    for (uint32_t i = 0; i < size && spoke < 3; i++) {
        if (i == c.p.duty_position)
            continue;
        struct message *other =
            message_create(CHANNEL_CONSENSUS, POS_ATTESTATION, sizeof(struct pos_attestation));
        *(struct pos_attestation *)other->payload = (struct pos_attestation){vote->data, i};
        other->origin = pos_shuffled(&k, 0, first + i) + (spoke == 2);
        consensus_pos.message(&c.p, other->origin, other);
        message_unref(other);
        spoke++;
    }
    at(&c, (double)slot * 12 + 8);
    consensus_pos.timer(&c.p, AGGREGATE, slot);
    assert_int_equal(c.f.sent_count, 8);
    const struct message *sum = c.f.sent[7];
    const struct pos_aggregate *a = (const struct pos_aggregate *)sum->payload;
    assert_int_equal(c.f.to[7], NODE_NONE);
    assert_int_equal(a->count, 3);
    assert_int_equal(sum->keys, 3);
    assert_int_equal(sum->size, 4 + 96 + 8 + 4 + 96 + 236 + 2);
    assert_int_equal(sum->verifies, 3);
    consensus_pos.timer(&c.p, AGGREGATE, slot);
    assert_int_equal(c.f.sent_count, 8);
    block_unref(b);
    choice_fini(&c);
}

static void test_duties(void **state)
{
    (void)state;
    duty(true);
    duty(false);
}

/* A validator that comes back does what is left of its epoch, and does not vote twice. */
static void test_recovered(void **state)
{
    (void)state;
    struct choice c;
    choice_init(&c, 11);
    consensus_pos.start(&c.p);
    uint64_t slot = c.p.duty_slot;
    at(&c, (double)slot * 12 + 4);
    consensus_pos.timer(&c.p, 3, slot);
    assert_int_equal(c.f.sent_count, 7);
    fake_forget(&c.f);
    consensus_pos.recovered(&c.p);
    assert_int_equal(timer_of(&c.f, 3), -1);
    assert_int_equal(timer_of(&c.f, 1), 96 * SIM_SEC);
    consensus_pos.timer(&c.p, 3, slot);
    assert_int_equal(c.f.sent_count, 0);
    choice_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shuffle),         cmocka_unit_test(test_committee_count),
        cmocka_unit_test(test_proposers),       cmocka_unit_test(test_four_rules),
        cmocka_unit_test(test_boundaries),      cmocka_unit_test(test_boost),
        cmocka_unit_test(test_proposer_reorg),  cmocka_unit_test(test_latest_messages),
        cmocka_unit_test(test_votes_in_blocks), cmocka_unit_test(test_header),
        cmocka_unit_test(test_duties),          cmocka_unit_test(test_recovered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
