/* Raft: who leads (5.2): terms, time-outs, votes and pre-votes. raft.c describes the whole. */
#include "models/consensus/raft.h"
#include "sim/base/mem.h"

#include <stdio.h>

/* Bytes on the wire, counted as in raft.c. */
enum { REQUEST_BYTES = 29, VOTE_BYTES = 14 };

struct request_payload {
    uint64_t term, last_height, last_term;
    uint32_t candidate;
    bool pre;
};
struct vote_payload {
    uint64_t term;
    uint32_t voter;
    bool granted, pre;
};

void raft_wait_again(struct raft *r)
{
    sim_time t = r->cfg->election_timeout;
    r->deadline = env_now(r->env) + t + (sim_time)sim_stream_below(env_random(r->env), (uint64_t)t);
}

void raft_stop_leading(struct raft *r)
{
    mem_free(r->followers);
    mem_free(r->votes);
    r->followers = NULL;
    r->votes = NULL;
    r->building = false;
    r->role = ROLE_FOLLOWER;
}

void raft_follow(struct raft *r, uint64_t term)
{
    if (r->role == ROLE_LEADER)
        raft_wait_again(r);
    raft_stop_leading(r);
    if (term == r->term)
        return;
    r->term = term;
    r->voted_for = VALIDATOR_NONE;
    r->matched = r->committed->height;
}

/* 5.4.1: the one with the later last term, or the longer log. */
static bool up_to_date(const struct raft *r, const struct request_payload *p)
{
    return p->last_term > r->tip->round ||
           (p->last_term == r->tip->round && p->last_height >= r->tip->height);
}

/* A vote that counts; at a majority the next stage begins. */
static void count_vote(struct raft *r, uint32_t voter)
{
    if (r->votes[voter])
        return;
    r->votes[voter] = 1;
    r->vote_weight += r->env->validators->weights[voter];
}

static void run_for(struct raft *r, bool pre)
{
    uint32_t n = r->env->validators->count, me = r->env->me;
    raft_stop_leading(r);
    r->votes = mem_zalloc(n, 1);
    if (!r->votes)
        return;
    r->role = pre ? ROLE_PRE_CANDIDATE : ROLE_CANDIDATE;
    r->vote_weight = 0;
    if (!pre) {
        r->term++;
        r->voted_for = me;
        r->matched = r->committed->height;
        env_note(r->env, "round", r->tip->height + 1, r->term);
        raft_wait_again(r);
    }
    count_vote(r, me);
    struct message *m =
        message_create(CHANNEL_CONSENSUS, RAFT_REQUEST, sizeof(struct request_payload));
    if (m)
        *(struct request_payload *)m->payload =
            (struct request_payload){r->term + pre, r->tip->height, r->tip->round, me, pre};
    raft_send(r, NODE_NONE, m, REQUEST_BYTES);
    if (raft_majority(r, r->vote_weight)) {
        if (pre)
            run_for(r, false);
        else
            raft_lead(r);
    }
}

static void answer_request(struct raft *r, node_id to, uint64_t term, bool granted, bool pre)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, RAFT_VOTE, sizeof(struct vote_payload));
    if (m)
        *(struct vote_payload *)m->payload = (struct vote_payload){term, r->env->me, granted, pre};
    raft_send(r, to, m, VOTE_BYTES);
}

void raft_on_request(struct raft *r, const struct message *m)
{
    const struct request_payload *p = (const struct request_payload *)m->payload;
    if (r->env->me == VALIDATOR_NONE)
        return;
    if (p->pre) { /* thesis 9.6: would vote, and has not heard from a leader lately */
        bool lonely =
            r->role != ROLE_LEADER && env_now(r->env) - r->heard >= r->cfg->election_timeout;
        bool granted = p->term > r->term && lonely && up_to_date(r, p);
        answer_request(r, m->origin, granted ? p->term : r->term, granted, true);
        return;
    }
    if (p->term > r->term)
        raft_follow(r, p->term);
    bool granted = p->term == r->term && r->role == ROLE_FOLLOWER && up_to_date(r, p) &&
                   (r->voted_for == VALIDATOR_NONE || r->voted_for == p->candidate);
    if (granted) {
        r->voted_for = p->candidate;
        raft_wait_again(r);
    }
    answer_request(r, m->origin, r->term, granted, false);
}

void raft_on_vote(struct raft *r, const struct message *m)
{
    const struct vote_payload *p = (const struct vote_payload *)m->payload;
    bool pre = r->role == ROLE_PRE_CANDIDATE;
    if (!p->granted && p->term > r->term) {
        raft_follow(r, p->term);
        return;
    }
    if (!p->granted || p->pre != pre || p->term != r->term + pre ||
        (!pre && r->role != ROLE_CANDIDATE) || p->voter >= r->env->validators->count)
        return;
    count_vote(r, p->voter);
    if (!raft_majority(r, r->vote_weight))
        return;
    if (pre)
        run_for(r, false);
    else
        raft_lead(r);
}

void raft_on_election(struct raft *r)
{
    bool over = env_now(r->env) >= r->deadline;
    if (over)
        raft_wait_again(r);
    if (over && r->role != ROLE_LEADER)
        run_for(r, r->cfg->pre_vote);
    env_timer(r->env, r->deadline - env_now(r->env), RAFT_TIMER_ELECTION, 0);
}

void raft_describe_election(const struct message *m, char *out, size_t size)
{
    const struct request_payload *q = (const struct request_payload *)m->payload;
    const struct vote_payload *v = (const struct vote_payload *)m->payload;
    if (m->type == RAFT_REQUEST)
        snprintf(out, size, "%sterm %llu, log to %llu of term %llu", q->pre ? "pre-vote, " : "",
                 (unsigned long long)q->term, (unsigned long long)q->last_height,
                 (unsigned long long)q->last_term);
    else
        snprintf(out, size, "%sterm %llu, %s", v->pre ? "pre-vote, " : "",
                 (unsigned long long)v->term, v->granted ? "granted" : "refused");
}
