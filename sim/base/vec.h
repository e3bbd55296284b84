/* sim/base/vec.h - growing array of elements of one size.
 * Zeroed with elem set means empty; the elements move when it grows. One thread owns it. */
#ifndef SIM_BASE_VEC_H
#define SIM_BASE_VEC_H

#include "sim/base/err.h"

#include <stddef.h>

struct vec {
    void *data;
    size_t len;
    size_t cap;
    size_t elem; /* bytes an element */
};

void vec_init(struct vec *v, size_t elem);
void vec_fini(struct vec *v);

/* vec_reserve makes room for cap elements in all. ERR_MEMORY leaves the vector as it was. */
enum err_code vec_reserve(struct vec *v, size_t cap);

/* vec_push appends a copy of *element. Amortised O(1). */
enum err_code vec_push(struct vec *v, const void *element);

/* vec_at borrows element i, which must be below len (checked). */
void *vec_at(const struct vec *v, size_t i);

#endif
