#include "sim/record/record_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t rec_column_size(const struct record_column *c)
{
    switch (c->type) {
    case RECORD_U64:
    case RECORD_I64:
    case RECORD_F64: return 8;
    case RECORD_U32:
    case RECORD_I32: return 4;
    case RECORD_BOOLEAN:
    case RECORD_LABEL: return 1;
    case RECORD_HASH: return REC_HASH_TEXT;
    case RECORD_TEXT: return c->size - 1;
    }
    return 0;
}

size_t rec_table_row_size(const struct record_table *t)
{
    size_t size = 0;
    for (size_t i = 0; i < t->column_count; i++)
        size += rec_column_size(&t->columns[i]);
    return size;
}

double rec_number(double v)
{
    return isnan(v) ? (double)NAN : v;
}

static void put_hash(uint8_t *to, const uint8_t *hash)
{
    static const char digits[] = "0123456789abcdef";
    to[0] = '0';
    to[1] = 'x';
    for (size_t i = 0; i < 32; i++) {
        to[2 + 2 * i] = (uint8_t)digits[hash[i] >> 4];
        to[3 + 2 * i] = (uint8_t)digits[hash[i] & 15];
    }
}

static void put_text(uint8_t *to, const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    memcpy(to, text, length);
    memset(to + length, 0, size - length);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed rows are little-endian; a big-endian host needs swaps in rec_pack"
#endif

void rec_pack(const struct record_table *t, uint8_t *to, const void *row)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct record_column *c = &t->columns[i];
        const uint8_t *from = (const uint8_t *)row + c->offset;
        size_t size = rec_column_size(c);
        double number;
        switch (c->type) {
        case RECORD_HASH: put_hash(to, from); break;
        case RECORD_TEXT: put_text(to, (const char *)from, size); break;
        case RECORD_F64:
            memcpy(&number, from, sizeof number);
            number = rec_number(number);
            memcpy(to, &number, sizeof number);
            break;
        default: memcpy(to, from, size); break;
        }
        to += size;
    }
}

void rec_type_text(const struct record_column *c, char *text, size_t size)
{
    static const char *const names[] = {
        [RECORD_U64] = "u64",     [RECORD_I64] = "i64", [RECORD_U32] = "u32",
        [RECORD_I32] = "i32",     [RECORD_F64] = "f64", [RECORD_BOOLEAN] = "label:FALSE,TRUE",
        [RECORD_LABEL] = "label:"};
    if (c->type == RECORD_HASH || c->type == RECORD_TEXT) {
        snprintf(text, size, "text:%zu", rec_column_size(c));
        return;
    }
    snprintf(text, size, "%s", names[c->type]);
    if (c->type != RECORD_LABEL)
        return;
    for (size_t i = 0; i < c->labels->count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", i ? "," : "", c->labels->items[i].name);
    }
}
