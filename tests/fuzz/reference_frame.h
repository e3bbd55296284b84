/* tests/fuzz/reference_frame.h - a running frame of the reference, for the two files of its
 * opcodes: reference_ops.c (one frame from its first byte of code to its end) and reference_state.c
 * (what looks at or changes the state). An operation that cannot go on sets `failed`, and whatever
 * it still does is undone with the whole frame. */
#ifndef TESTS_FUZZ_REFERENCE_FRAME_H
#define TESTS_FUZZ_REFERENCE_FRAME_H

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/reference_internal.h"

struct frame {
    struct ref *r;
    const struct ref_call *call;
    enum ref_fork fork;
    struct ref_word stack[1024];
    size_t height, pc, memory_size;
    uint8_t *memory;
    int64_t gas;
    uint8_t *returned; /* the last call's output */
    size_t returned_size;
    bool failed, done;
    enum ref_status status;
    size_t out_offset, out_size;
};

/* ---- gas, stack, memory ------------------------------------------------------------------------
 */

static inline void take(struct frame *f, int64_t gas)
{
    f->gas -= gas;
    if (f->gas < 0)
        f->failed = true;
}

/* The opcode is not there before that fork. */
static inline void since(struct frame *f, enum ref_fork fork)
{
    if (f->fork < fork)
        f->failed = true;
}

static inline void not_static(struct frame *f)
{
    if (f->call->is_static)
        f->failed = true;
}

static inline struct ref_word pop(struct frame *f)
{
    if (f->height == 0) {
        f->failed = true;
        return ref_of(0);
    }
    return f->stack[--f->height];
}

static inline void push(struct frame *f, struct ref_word w)
{
    if (f->height == 1024) {
        f->failed = true;
        return;
    }
    f->stack[f->height++] = w;
}

static inline void push_bytes(struct frame *f, const uint8_t *bytes, size_t n)
{
    struct ref_word w = {{0}};
    memcpy(w.b + 32 - n, bytes, n);
    push(f, w);
}

static inline struct ref_addr address(const struct ref_word *w)
{
    struct ref_addr a;
    memcpy(a.b, w->b + 12, 20);
    return a;
}

static inline int64_t memory_price(uint64_t words)
{
    return (int64_t)(3 * words + words * words / 512);
}

/* Makes memory [offset, offset + size) there and pays for it. False (and failed) if it cannot be
 * paid; nothing to do for size 0. Beyond 2^32 bytes memory costs more than any gas we run with. */
static inline bool reach(struct frame *f, const struct ref_word *offset,
                         const struct ref_word *size)
{
    uint64_t from = ref_small(offset), n = ref_small(size), most = (uint64_t)1 << 32;
    if (n == 0)
        return !f->failed;
    if (from > most || n > most) {
        f->failed = true;
        return false;
    }
    uint64_t words = (from + n + 31) / 32;
    if (words * 32 > f->memory_size) {
        take(f, memory_price(words) - memory_price(f->memory_size / 32));
        if (f->failed)
            return false;
        f->memory = realloc(f->memory, words * 32);
        if (!f->memory)
            abort();
        memset(f->memory + f->memory_size, 0, words * 32 - f->memory_size);
        f->memory_size = words * 32;
    }
    return !f->failed;
}

static inline void take_words(struct frame *f, const struct ref_word *size, int64_t price)
{
    uint64_t n = ref_small(size);
    if (n > (uint64_t)1 << 32)
        f->failed = true;
    else
        take(f, price * (int64_t)((n + 31) / 32));
}

/* The bytes of a range that was reached. */
static inline struct ref_bytes bytes_of(const struct frame *f, const struct ref_word *offset,
                                        const struct ref_word *size)
{
    if (f->failed || ref_zero(size))
        return (struct ref_bytes){NULL, 0};
    return (struct ref_bytes){f->memory + ref_small(offset), ref_small(size)};
}

/* Byte i of something that goes on in zeros. */
static inline uint8_t byte_at(struct ref_bytes from, uint64_t offset, uint64_t i)
{
    return offset < from.size && i < from.size - offset ? from.data[offset + i] : 0;
}

/* CALLDATACOPY, CODECOPY, EXTCODECOPY: 3 gas a word and the memory, then the copy. */
static inline void copy(struct frame *f, struct ref_bytes from, const struct ref_word *to,
                        const struct ref_word *offset, const struct ref_word *size)
{
    take_words(f, size, 3);
    if (!reach(f, to, size))
        return;
    for (uint64_t i = 0; i < ref_small(size); i++)
        f->memory[ref_small(to) + i] = byte_at(from, ref_small(offset), i);
}

/* ---- reference_state.c -------------------------------------------------------------------------
 */

/* The price of looking at an account: of the fork, or (EIP-2929) of the first time and later. */
void ref_take_account(struct frame *f, const struct ref_addr *a, int64_t first,
                      int64_t tangerine_whistle, int64_t istanbul);
void ref_op_extcodehash(struct frame *f);
void ref_op_sload(struct frame *f);
void ref_op_sstore(struct frame *f);
void ref_op_log(struct frame *f, unsigned topics);
void ref_op_selfdestruct(struct frame *f);
void ref_op_blockhash(struct frame *f);
void ref_op_call(struct frame *f, uint8_t op);
void ref_op_create(struct frame *f, bool two);

#endif
