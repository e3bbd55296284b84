#include "evm/io/trace.h"

#include <stdarg.h>
#include <string.h>

#include "evm/core/u256.h"

/* ---- pieces of a line ------------------------------------------------------------------------ */

static void put(struct evm_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For short pieces: numbers, names of ours. */
static void put(struct evm_buf *b, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text)
        b->failed = true;
    else
        evm_buf_append(b, (struct evm_bytes){(const uint8_t *)text, (size_t)n});
}

static void put_hex(struct evm_buf *b, struct evm_bytes data)
{
    static const char digits[] = "0123456789abcdef";
    put(b, "\"0x");
    uint8_t *to = evm_buf_extend(b, 2 * data.size);
    for (size_t i = 0; to && i < data.size; i++) {
        to[2 * i] = (uint8_t)digits[data.data[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[data.data[i] & 15];
    }
    put(b, "\"");
}

static void put_stack(struct evm_buf *b, const struct evm_u256 *words, size_t count)
{
    put(b, ",\"stack\":[");
    for (size_t i = 0; i < count; i++) {
        const uint64_t *w = words[i].w;
        int top = w[3] ? 3 : w[2] ? 2 : w[1] ? 1 : 0;
        put(b, "%s\"0x%llx", i ? "," : "", (unsigned long long)w[top]);
        while (--top >= 0)
            put(b, "%016llx", (unsigned long long)w[top]);
        put(b, "\"");
    }
    put(b, "]");
}

static void put_string(struct evm_buf *b, const char *text)
{
    put(b, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            put(b, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            put(b, "\\u%04x", (unsigned)*c);
        else
            evm_buf_append(b, (struct evm_bytes){(const uint8_t *)c, 1});
    }
    put(b, "\"");
}

static void write_out(struct evm_trace *t, struct evm_buf *b)
{
    bool fine = !b->failed && fwrite(b->data, 1, b->size, t->out) == b->size;
    t->failed |= !fine;
    evm_buf_clear(b);
}

/* ---- the tracer ------------------------------------------------------------------------------ */

static void step(void *self, const struct evm_trace_step *s)
{
    struct evm_trace *t = self;
    struct evm_buf *b = &t->tail;
    put(&t->head, "{\"pc\":%llu,\"op\":%u,\"gas\":\"0x%llx\"", (unsigned long long)s->pc,
        (unsigned)s->op, (unsigned long long)s->gas);
    if (t->flags & EVM_TRACE_MEMORY) {
        put(b, ",\"memory\":");
        put_hex(b, s->memory);
    }
    put(b, ",\"memSize\":%zu", s->memory.size);
    if (!(t->flags & EVM_TRACE_NO_STACK))
        put_stack(b, s->stack, s->stack_size);
    if (!(t->flags & EVM_TRACE_NO_RETURN_DATA)) {
        put(b, ",\"returnData\":");
        put_hex(b, s->return_data);
    }
    put(b, ",\"depth\":%u,\"refund\":%lld,\"opName\":\"%s\"", (unsigned)s->depth,
        (long long)s->refund, s->name);
}

static void charged(void *self, uint64_t gas_cost, enum evm_halt halt)
{
    struct evm_trace *t = self;
    put(&t->head, ",\"gasCost\":\"0x%llx\"", (unsigned long long)gas_cost);
    if (halt != EVM_HALT_STOP && halt != EVM_HALT_REVERT)
        put(&t->tail, ",\"error\":\"%s\"", evm_halt_name(halt));
    put(&t->tail, "}\n");
    write_out(t, &t->head);
    write_out(t, &t->tail);
}

void evm_trace_init(struct evm_trace *t, FILE *out, unsigned flags)
{
    *t = (struct evm_trace){.out = out, .flags = flags};
    t->tracer = (struct evm_tracer){.step = step, .charged = charged, .self = t};
}

bool evm_trace_fini(struct evm_trace *t)
{
    bool fine = !t->failed && fflush(t->out) == 0;
    evm_buf_fini(&t->head);
    evm_buf_fini(&t->tail);
    return fine;
}

void evm_trace_summary(struct evm_trace *t, const struct evm_trace_summary *s)
{
    struct evm_buf *b = &t->head;
    put(b, "{\"pass\":%s,\"output\":", s->pass ? "true" : "false");
    put_hex(b, s->output);
    put(b, ",\"gasUsed\":\"0x%llx\"", (unsigned long long)s->gas_used);
    if (s->error) {
        put(b, ",\"error\":");
        put_string(b, s->error);
    }
    if (s->state_root) {
        put(b, ",\"stateRoot\":");
        put_hex(b, (struct evm_bytes){s->state_root->b, sizeof s->state_root->b});
    }
    if (s->fork) {
        put(b, ",\"fork\":");
        put_string(b, s->fork);
    }
    put(b, "}\n");
    write_out(t, b);
}
