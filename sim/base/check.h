/* sim/base/check.h - our own faults stop the program with the values involved.
 * CHECK is always on; DCHECK only in debug, sanitizer and tiny builds. */
#ifndef SIM_BASE_CHECK_H
#define SIM_BASE_CHECK_H

/* Prints file, line and text to stderr and aborts. Only the macros below call it. */
_Noreturn void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define CHECK(cond, ...)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(__FILE__, __LINE__, __VA_ARGS__);                                         \
    } while (0)

#ifdef WEFT_DEBUG
#define DCHECK(cond, ...) CHECK(cond, __VA_ARGS__)
#else
#define DCHECK(cond, ...) ((void)sizeof(cond))
#endif

#endif
