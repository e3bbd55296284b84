/* sim/scenario/text.h - growing text. A failed allocation is remembered in `failed`, so a chain of
 * calls is checked once, at its end. */
#ifndef SIM_SCENARIO_TEXT_H
#define SIM_SCENARIO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct sc_text { /* zeroed is empty; data belongs to the holder (mem_free) */
    char *data;  /* ends with a 0 once anything was added */
    size_t size, capacity;
    bool failed;
};
void sc_text_add(struct sc_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sc_text_bytes(struct sc_text *t, const char *data, size_t size);
void sc_text_json(struct sc_text *t, const char *s); /* as a JSON string, quotes and all */
/* As a YAML scalar that reads back as s: plain where that is safe in any place, else quoted. */
void sc_text_yaml(struct sc_text *t, const char *s);
void sc_text_fini(struct sc_text *t);

#endif
