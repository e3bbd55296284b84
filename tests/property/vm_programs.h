/* Random programs of everything that reads: calls, creations, storage, accounts, memory, logs. */
#ifndef TESTS_PROPERTY_VM_PROGRAMS_H
#define TESTS_PROPERTY_VM_PROGRAMS_H

#include "tests/property/vm_fixture.h"

static void push_range(struct program *p)
{
    push(p, rnd() % 70);  /* size */
    push(p, rnd() % 200); /* offset */
}

static void emit_call(struct program *p)
{
    static const uint8_t kinds[] = {EVM_OP_CALL, EVM_OP_CALL, EVM_OP_CALLCODE, EVM_OP_DELEGATECALL,
                                    EVM_OP_STATICCALL};
    uint8_t kind = kinds[rnd() % sizeof kinds];
    push_range(p);
    push_range(p);
    if (kind == EVM_OP_CALL || kind == EVM_OP_CALLCODE)
        push(p, rnd() % 3 ? 0 : rnd() % 2000);
    push_address(p);
    if (rnd() % 4)
        emit(p, EVM_OP_GAS);
    else
        push(p, rnd() % 30000);
    emit(p, kind);
}

/* Initcode in memory: code that stores a slot and returns a few bytes, or any bytes at all. */
static void emit_create(struct program *p)
{
    static const uint8_t init[] = {0x60, 0x07, 0x60, 0x01, 0x55, 0x60,
                                   0x05, 0x60, 0x00, 0xf3, 0x00, 0x00};
    bool two = rnd() % 2;
    emit(p, EVM_OP_PUSH1 + sizeof init - 1);
    for (size_t i = 0; i < sizeof init; i++)
        emit(p, rnd() % 16 ? init[i] : (uint8_t)rnd());
    push(p, 0);
    emit(p, EVM_OP_MSTORE);
    if (two)
        push(p, rnd() % 2); /* salt: collisions happen */
    push(p, sizeof init);
    push(p, 32 - sizeof init);
    push(p, rnd() % 4 ? 0 : rnd() % 2000);
    emit(p, two ? EVM_OP_CREATE2 : EVM_OP_CREATE);
}

static void emit_any(struct program *p)
{
    static const uint8_t account_ops[] = {EVM_OP_BALANCE, EVM_OP_EXTCODESIZE, EVM_OP_EXTCODEHASH};
    switch (rnd() % 16) {
    case 0:
    case 1:
    case 2: emit_call(p); break;
    case 3: emit_create(p); break;
    case 4:
    case 5:
        push(p, rnd() % 4);
        emit(p, EVM_OP_SLOAD);
        break;
    case 6:
    case 7:
    case 8:
        push(p, rnd() % 3);
        push(p, rnd() % 4);
        emit(p, EVM_OP_SSTORE);
        break;
    case 9:
        push_address(p);
        emit(p, account_ops[rnd() % 3]);
        break;
    case 10:
        push(p, rnd() % 50);
        push_range(p);
        push_address(p);
        emit(p, EVM_OP_EXTCODECOPY);
        break;
    case 11:
        push(p, rnd());
        push_range(p);
        emit(p, EVM_OP_LOG1);
        break;
    case 12:
        push(p, rnd() % 3);
        push(p, rnd() % 3);
        emit(p, rnd() % 2 ? EVM_OP_TSTORE : EVM_OP_ADD);
        break;
    case 13:
        push_range(p);
        emit(p, rnd() % 3 ? EVM_OP_KECCAK256 : EVM_OP_RETURN);
        break;
    case 14:
        if (rnd() % 8 == 0) {
            push_address(p);
            emit(p, EVM_OP_SELFDESTRUCT);
        } else {
            emit(p, EVM_OP_SELFBALANCE);
        }
        break;
    default: emit(p, rnd() % 6 ? EVM_OP_CALLVALUE : (uint8_t)rnd());
    }
}

static void emit_program(struct program *p)
{
    for (uint64_t n = 3 + rnd() % 20; n > 0; n--)
        emit_any(p);
}

#endif
