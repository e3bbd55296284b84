/* evm/io/asm.h - EVM code as text and back, for people at a command line.
 *
 * Words with blanks or commas between: mnemonics of opcodes.def in any case; behind PUSH1 to PUSH32
 * its number (decimal, or 0x and hexadecimal); PUSH without a size takes as many bytes as the
 * number needs; "name:" is a JUMPDEST, and PUSH @name pushes its place in two bytes; a bare 0x..
 * stands for its bytes. From ; or # or // on a line is a comment. */
#ifndef EVM_IO_ASM_H
#define EVM_IO_ASM_H

#include "evm/core/buf.h"
#include "evm/core/error.h"
#include "evm/core/opcodes.h"

/* Appends the code. EVM_ERR_INPUT names the word that is wrong. Opcodes of every fork are known. */
enum evm_status evm_asm(const char *text, struct evm_buf *out, struct evm_err *err);

/* One opcode at code[at] (at < code.size) as those rules know it, cut where the code ends: its
 * place, name and operand in *text. Returns where the next one begins. */
size_t evm_disasm(const struct evm_rules *rules, struct evm_bytes code, size_t at, char text[128]);

#endif
