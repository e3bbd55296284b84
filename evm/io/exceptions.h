/* evm/io/exceptions.h - the names that test fixtures have for why a transaction is invalid, and
 * which of our reasons each of them means. The rows are in exceptions.c. */
#ifndef EVM_IO_EXCEPTIONS_H
#define EVM_IO_EXCEPTIONS_H

#include "evm/block/txrun.h"

enum evm_exception_verdict {
    EVM_EXCEPTION_SAME,    /* one of the names means what was found */
    EVM_EXCEPTION_WRONG,   /* all names are known, none means that */
    EVM_EXCEPTION_UNKNOWN, /* none means that, and a name has no row */
};

/* `expected` is a name or several with '|' between ("TransactionException." before a name does not
 * count). `why` and `text` are what was found: the reason, and the decoder's words for a malformed
 * transaction (may be NULL), which must then speak of the right field. A transaction of a type
 * that is not supported and malformed as well (text is not empty) is either. With UNKNOWN, the
 * first unknown name is copied into *unknown, cut to fit. */
enum evm_exception_verdict evm_exception_check(const char *expected, enum evm_tx_invalid why,
                                               const char *text, char unknown[64]);

#endif
