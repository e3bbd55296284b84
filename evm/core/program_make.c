/* The translation: one walk over the code, block after block (docs/evm.md). */
#include "evm/core/program_make.h"
#include "evm/core/alloc.h"

/* ---- entries --------------------------------------------------------------------------------- */

static bool is_jumpdest(const struct evm_code *code, uint64_t pc)
{
    return pc < code->size && (code->jumpdests[pc / 64] >> (pc % 64) & 1);
}

struct program_entry *make_entry_at(struct maker *m, uint32_t pc)
{
    struct evm_program *p = m->p;
    size_t i = is_jumpdest(m->code, pc) ? p->entry_at[pc] : m->entries++;
    EVM_DCHECK(i < p->entry_count, "entry %zu", i);
    p->entries[i].pc = pc;
    return &p->entries[i];
}

/* Where a constant target leads; the last entry is the one that fails. */
struct program_entry *make_target(struct maker *m, const struct evm_u256 *to)
{
    if (evm_u256_fits64(to) && is_jumpdest(m->code, to->w[0]))
        return &m->p->entries[m->p->entry_at[to->w[0]]];
    return &m->p->entries[m->p->entry_count - 1];
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* From here on opcodes count for `e` too. */
static void segment_begin(struct maker *m, struct program_entry *e)
{
    m->now = &m->segments[m->segment_count++];
    *m->now = (struct segment){
        .entry = e, .height = m->s.height, .low = m->s.height, .high = m->s.height};
    e->body = NULL;
    e->enter[1].number = m->used; /* the body, until its address is known */
}

static void block_begin(struct maker *m)
{
    struct program_entry *e = m->next ? m->next : make_entry_at(m, m->pc);
    m->next = NULL;
    m->open = true;
    places_reset(&m->s);
    m->segment_count = 0;
    segment_begin(m, e);
}

/* What an entry costs is what all segments from it on do. */
void make_block_end(struct maker *m)
{
    int64_t gas = 0;
    uint32_t ops = 0;
    uint16_t count[PROGRAM_CLASSES] = {0};
    int low = m->s.height, high = low;
    for (size_t i = m->segment_count; i-- > 0;) {
        const struct segment *g = &m->segments[i];
        struct program_entry *e = g->entry;
        gas += g->gas;
        ops += g->ops;
        for (int c = 0; c < PROGRAM_CLASSES; c++)
            count[c] = (uint16_t)(count[c] + g->count[c]);
        low = g->low < low ? g->low : low;
        high = g->high > high ? g->high : high;
        const size_t word = sizeof(struct evm_u256);
        unsigned need = (unsigned)(g->height - low), growth = (unsigned)(high - g->height);
        bool possible = need + growth <= VM_STACK_WORDS;
        e->gas = gas;
        e->ops = ops;
        memcpy(e->count, count, sizeof count);
        e->need = possible ? need * word : UINT64_MAX / 2;
        e->range = possible ? (VM_STACK_WORDS - need - growth) * word : 0;
        e->height = g->height * (int64_t)word;
    }
    m->open = false;
}

/* The opcode's fixed part on the account of the segment. */
static void jumpdest(struct maker *m)
{
    struct program_entry *e = &m->p->entries[m->p->entry_at[m->pc]];
    if (m->now->entry == e && m->now->ops == 0)
        return;
    emit_settle(m);
    e->pc = m->pc;
    segment_begin(m, e);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void count_stack(struct maker *m, const struct evm_op_info *info)
{
    struct segment *g = m->now;
    int low = m->s.height - info->pops, high = low + info->pushes;
    g->low = low < g->low ? low : g->low;
    g->high = high > g->high ? high : g->high;
}

/* The opcode at m->pc; moves on. */
static void translate_next(struct maker *m)
{
    uint8_t op = m->code->bytes[m->pc];
    const struct evm_op_info *info = &m->rules->ops[op];
    if (!m->open)
        block_begin(m);
    if (m->s.away > PLACES_SPARE - 8 || m->s.const_count > PLACES_CONSTS - 8)
        emit_settle(m);
    if (m->s.away == 0)
        m->s.const_count = 0;
    if (!info->defined) {
        make_ending(m, P_INVALID);
        m->pc++;
        return;
    }
    if (op == EVM_OP_JUMPDEST)
        jumpdest(m);
    count_stack(m, info);
    if (make_is_outside(op)) {
        make_outside(m, op);
        m->pc++;
        return;
    }
    make_count(m, op);
    make_translate_op(m, op);
    m->pc++;
    if (m->open && (m->s.height > PLACES_BOUND || m->s.height < -PLACES_BOUND))
        make_next_block(m, m->pc);
}

/* After a block that control does not leave downwards: the next JUMPDEST. */
static uint32_t next_jumpdest(const struct evm_code *code, uint32_t pc)
{
    while (pc < code->size) {
        uint64_t bits = code->jumpdests[pc / 64] >> (pc % 64);
        if (bits)
            return pc + (uint32_t)__builtin_ctzll(bits);
        pc = (pc / 64 + 1) * 64;
    }
    return pc;
}

/* Numbers the JUMPDESTs and finds how many entries there can be. */
static size_t number_entries(const struct evm_code *code, uint16_t *entry_at, size_t *jumpdests)
{
    size_t dests = 0, others = 2; /* the start and the one that fails */
    for (size_t w = 0; w < evm_jumpdest_words(code->size); w++)
        for (uint64_t bits = code->jumpdests[w]; bits; bits &= bits - 1)
            entry_at[w * 64 + (size_t)__builtin_ctzll(bits)] = (uint16_t)++dests;
    /* Push data that look like opcodes only make it more. */
    for (size_t i = 0; i < code->size; i++) {
        uint8_t op = code->bytes[i];
        others += op == EVM_OP_JUMPI || op == EVM_OP_GAS || make_outside_ops[op] != 0;
    }
    *jumpdests = dests;
    return dests + others + code->size / (PLACES_BOUND / 16);
}

static void walk(struct maker *m)
{
    m->next = &m->p->entries[0];
    m->next->pc = 0;
    while (!m->no_memory) {
        if (!m->open && !m->next)
            m->pc = next_jumpdest(m->code, m->pc);
        if (m->pc >= m->code->size && !m->open && !m->next)
            break;
        if (m->pc >= m->code->size) {
            if (!m->open)
                block_begin(m);
            make_ending(m, P_STOP);
            continue;
        }
        translate_next(m);
    }
    /* Where bad constant targets lead. */
    struct program_entry *bad = &m->p->entries[m->p->entry_count - 1];
    bad->enter[1].number = m->used;
    bad->range = UINT64_MAX;
    emit(m, P_BAD_JUMP, 2);
}

/* Entries were given words by number; the words stand still now. */
static void finish(struct maker *m)
{
    struct evm_program *p = m->p;
    union program_word *words = evm_realloc(m->words, m->used * sizeof *words);
    p->words = words ? words : m->words;
    p->word_count = m->used;
    for (size_t i = 0; i < p->entry_count; i++) {
        struct program_entry *e = &p->entries[i];
        e->body = p->words + e->enter[1].number;
        e->enter[0].op = m->handlers[P_ENTER];
        e->enter[1].to = e;
    }
}

struct evm_program *program_make(const struct evm_code *code, const struct evm_rules *rules)
{
    uint16_t *entry_at = evm_calloc(code->size + 1, sizeof *entry_at);
    struct maker *m = evm_calloc(1, sizeof *m);
    size_t jumpdests = 0, entries = entry_at ? number_entries(code, entry_at, &jumpdests) : 0;
    struct evm_program *p =
        entries ? evm_calloc(1, sizeof *p + entries * sizeof p->entries[0]) : NULL;
    struct segment *segments = m && p ? evm_malloc((entries + 1) * sizeof *segments) : NULL;
    if (segments) {
        p->rules = rules;
        p->entry_at = entry_at;
        p->entry_count = entries;
        p->code_size = code->size;
        m->room = 512 + code->size * 2;
        *m = (struct maker){.code = code,
                            .rules = rules,
                            .handlers = vm_program_handlers(),
                            .p = p,
                            .room = m->room,
                            .words = evm_malloc(m->room * sizeof *m->words),
                            .segments = segments};
        m->entries = jumpdests + 1;
        m->no_memory = !m->words;
        if (!m->no_memory)
            walk(m);
        if (!m->no_memory) {
            finish(m);
            free(segments);
            free(m);
            return p;
        }
        free(m->words);
    }
    free(segments);
    free(p);
    free(m);
    free(entry_at);
    return NULL;
}
