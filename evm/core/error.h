/* evm/core/error.h - how the EVM library reports bad input, and how it stops on its own faults.
 *
 * Three kinds of failure, never mixed: bad input gives an evm_status and a text in struct evm_err;
 * a simulated outcome (revert, out of gas, invalid transaction) is ordinary data with its own enum;
 * our own fault aborts through EVM_CHECK. The library never prints (save that abort) and never
 * exits. */
#ifndef EVM_CORE_ERROR_H
#define EVM_CORE_ERROR_H

enum evm_status {
    EVM_OK = 0,
    EVM_ERR_INPUT,  /* malformed bytes, JSON, or an argument out of range */
    EVM_ERR_MEMORY, /* an allocation failed; nothing was changed */
    EVM_ERR_IO,     /* a file could not be read or written */
    EVM_ERR_LIMIT,  /* a documented capacity is exhausted */
};

/* Text for a person. Owned by the caller; zeroed means no error. */
struct evm_err {
    enum evm_status code;
    char text[256];
};

/* Fills *err (which may be NULL) with a printf-formatted text, cut to fit, and returns code. */
enum evm_status evm_fail(struct evm_err *err, enum evm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints file, line and text to stderr and aborts. Only EVM_CHECK and EVM_DCHECK call it. */
_Noreturn void evm_check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* EVM_CHECK(cond, format, ...): always on; the text must show the values involved. */
#define EVM_CHECK(cond, ...)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            evm_check_failed(__FILE__, __LINE__, __VA_ARGS__);                                     \
    } while (0)

#ifdef WEFT_DEBUG
#define EVM_DCHECK(cond, ...) EVM_CHECK(cond, __VA_ARGS__)
#else
#define EVM_DCHECK(cond, ...) ((void)sizeof(cond))
#endif

#endif
