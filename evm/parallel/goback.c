/* Partial re-execution: where runs save their state, and where they go back to. */
#include "evm/core/keccak_memo.h"
#include "evm/parallel/blockrun.h"

/* Gas worth of work from one saved state to the next: saving costs about as much as a tenth. */
enum { SAVE_EVERY = 2000 };

bool evm_run_may_save(const struct evm_run *run)
{
    const struct evm_blockrun *b = run->block;
    return (b->traits & EVM_TRAIT_PARTIAL) && !run->unguarded &&
           atomic_load(&b->boundary) != run->tx; /* at its turn all it reads is final */
}

/* Makes room by leaving out the one that lies closest behind its neighbour. */
static void drop_closest(struct evm_run *run)
{
    uint32_t at = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < run->save_count; i++) {
        uint64_t step = run->saves[i].gas - (i ? run->saves[i - 1].gas : 0);
        if (step < least) {
            least = step;
            at = i;
        }
    }
    run->save_count--;
    for (uint32_t i = at; i < run->save_count; i++)
        run->saves[i] = run->saves[i + 1];
}

static uint32_t free_slot(const struct evm_run *run)
{
    uint32_t used = 0, slot = 0;
    for (uint32_t i = 0; i < run->save_count; i++)
        used |= 1u << run->saves[i].slot;
    while (used >> slot & 1)
        slot++;
    return slot;
}

static uint32_t words(size_t bytes)
{
    return (uint32_t)((bytes + 31) / 32);
}

void evm_run_save(struct evm_run *run)
{
    const struct evm_blockrun *b = run->block;
    const struct evm_tx_record *r = &b->records[run->tx];
    uint64_t gas = b->body_ops->progress(run->body);
    uint64_t last = run->save_count ? run->saves[run->save_count - 1].gas : 0;
    if (gas < last + SAVE_EVERY)
        return;
    if (run->save_count == EVM_RUN_SAVES)
        drop_closest(run);
    uint32_t slot = free_slot(run);
    size_t copied = b->body_ops->save(run->body, slot);
    if (copied == 0)
        return;
    run->saves[run->save_count++] =
        (struct evm_run_save){.reads = r->log.count,
                              .slot = slot,
                              .gas = gas,
                              .read_stamp = r->read_stamp,
                              .took_turn = run->took_turn,
                              .guessed = run->guessed,
                              .meter = run->meter,
                              .cost = run->cost,
                              .waited = run->waited,
                              .hashed = run->meter.memo ? *run->meter.memo->last : 0};
    run->cost.copied += words(copied);
}

/* The last state that had read no more than `reads`. */
static const struct evm_run_save *find_state(const struct evm_run *run, uint32_t reads)
{
    const struct evm_tx_record *r = &run->block->records[run->tx];
    for (uint32_t i = run->save_count; i-- > 0;) {
        const struct evm_run_save *s = &run->saves[i];
        if (s->reads <= reads && !(s->guessed && r->wants_turn))
            return s;
    }
    return NULL;
}

/* Bounds come from the whole run, and the rest of it may be another one now: up to the state every
 * read counts by its value. If one has another by now, the run may still come out right (in the end
 * the amount may not matter), and it is checked against all changes since then. At the head, where
 * nobody may be wrong again, that is not good enough, nor after two attempts. */
static bool adopt(struct evm_run *run, const struct evm_run_save *s, uint64_t stamp, uint32_t core,
                  struct evm_mv_cost *checked)
{
    const struct evm_blockrun *b = run->block;
    struct evm_tx_record *r = &b->records[run->tx];
    uint32_t culprit;
    bool bounds = evm_mv_log_cut(&r->log, s->reads);
    if (!bounds || evm_mv_validate(b->mv, run->tx, &r->log, &culprit, core, checked)) {
        run->uneven = 0;
        r->read_stamp = stamp;
        return true;
    }
    r->read_stamp = s->read_stamp;
    return atomic_load(&b->boundary) != run->tx && ++run->uneven <= 2;
}

bool evm_run_go_back(struct evm_run *run, uint32_t core, struct evm_mv_cost *checked)
{
    struct evm_blockrun *b = run->block;
    struct evm_tx_record *r = &b->records[run->tx];
    uint32_t holds = r->log.count, culprit;
    uint64_t stamp = evm_mv_stamp(b->mv);
    if (!evm_mv_validate(b->mv, run->tx, &r->log, &culprit, core, checked))
        holds = r->log.broken;
    const struct evm_run_save *s = find_state(run, holds);
    if (!s || !adopt(run, s, stamp, core, checked))
        return false;
    checked->copied += words(b->body_ops->restore(run->body, s->slot));
    run->save_count = (uint32_t)(s - run->saves) + 1;
    run->took_turn = s->took_turn;
    run->guessed = s->guessed;
    run->meter = s->meter;
    run->cost = s->cost;
    run->waited = s->waited;
    run->hashed = s->hashed;
    run->unguarded = run->finished = false;
    run->returned = true;
    b->counts[core].returns++;
    b->counts[core].returned_gas += s->gas < run->spent ? s->gas : run->spent;
    return true;
}
