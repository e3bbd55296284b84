/* sim/cli/text.h - a growing text for output that is made out of order or as JSON. */
#ifndef SIM_CLI_TEXT_H
#define SIM_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed means empty. Owned by the holder; when memory is out it is marked failed and keeps what it
 * has. */
struct cli_text {
    char *text; /* NULL, or ended by 0 */
    size_t size, capacity;
    bool failed;
};

void cli_text_add(struct cli_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The string as a JSON string, quotes included. */
void cli_text_json(struct cli_text *t, const char *string);
void cli_text_fini(struct cli_text *t);

#endif
