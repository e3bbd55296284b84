#include "sim/base/vec.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

void vec_init(struct vec *v, size_t elem)
{
    CHECK(elem > 0, "vec_init: element of 0 bytes");
    *v = (struct vec){.elem = elem};
}

void vec_fini(struct vec *v)
{
    mem_free(v->data);
    *v = (struct vec){.elem = v->elem};
}

enum err_code vec_reserve(struct vec *v, size_t cap)
{
    if (cap <= v->cap)
        return ERR_OK;
    void *data = mem_resize(v->data, cap, v->elem);
    if (!data)
        return ERR_MEMORY;
    v->data = data;
    v->cap = cap;
    return ERR_OK;
}

enum err_code vec_push(struct vec *v, const void *element)
{
    if (v->len == v->cap && vec_reserve(v, v->cap + v->cap / 2 + 4) != ERR_OK)
        return ERR_MEMORY;
    memcpy((char *)v->data + v->len * v->elem, element, v->elem);
    v->len++;
    return ERR_OK;
}

void *vec_at(const struct vec *v, size_t i)
{
    CHECK(i < v->len, "vec_at: element %zu of %zu", i, v->len);
    return (char *)v->data + i * v->elem;
}
