/* sim/base/err.h - bad input as a code and a text for a person.
 * A simulated outcome is data, never one of these; our own faults abort (sim/base/check.h). */
#ifndef SIM_BASE_ERR_H
#define SIM_BASE_ERR_H

enum err_code {
    ERR_OK = 0,
    ERR_INPUT,  /* a scenario, file or argument is wrong; the text says where and what is valid */
    ERR_MEMORY, /* an allocation failed; nothing was changed */
    ERR_IO,     /* a file could not be read or written; the text names it and says why */
    ERR_LIMIT,  /* a documented capacity is exhausted */
};

/* Owned by the caller; zeroed means no error. */
struct err {
    enum err_code code;
    char text[512];
};

/* Fills *err (which may be NULL) with a printf-formatted text, cut to fit, and returns code. */
enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
