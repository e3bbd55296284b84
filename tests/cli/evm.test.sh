#!/bin/bash
# weft evm run and weft evm disassemble as a user types them.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 2
bad=0
yes_if() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2: $(head -c 500 out err)"; bad=1; fi; }

# prints NAME TEXT ARGUMENTS...: status 0, nothing on stderr, and stdout is that text.
prints() {
    local name=$1 text=$2
    shift 2
    timeout 60 "$weft" evm "$@" >out 2>err
    [ $? -eq 0 ] && [ ! -s err ] && [ "$(cat out)" = "$text" ]
    yes_if $? "$name"
}
# shows NAME PATTERN ARGUMENTS...: the same, but a line of stdout matches.
shows() {
    local name=$1 pattern=$2
    shift 2
    timeout 60 "$weft" evm "$@" >out 2>err
    [ $? -eq 0 ] && [ ! -s err ] && grep -qE -- "$pattern" out
    yes_if $? "$name"
}
# refused NAME PATTERN ARGUMENTS...: status 2, nothing on stdout, one line on stderr that matches.
refused() {
    local name=$1 pattern=$2
    shift 2
    timeout 60 "$weft" evm "$@" >out 2>err
    [ $? -eq 2 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$pattern" err
    yes_if $? "$name"
}
word() { printf '%064x' "$1"; }

# ---- results
prints "a sum" "status     success
gas used   22 of 30000000
output     0x$(word 3) (32 bytes)" run --code 'PUSH1 1 PUSH1 2 ADD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN'
prints "the same in hexadecimal" "status     success
gas used   22 of 100000
output     0x$(word 3) (32 bytes)" run --code 60016002015f5260205ff3 --gas 100000
cat >sum.asm <<'ASM'
; adds the numbers from 10 down to 1
push0            # the sum
push1 10
loop:            // sum, n
  dup1, iszero, push @done, jumpi
  dup1 swap2 add swap1
  push1 1 swap1 sub
  push @loop jump
done:
  pop push0 mstore push1 32 push0 return
ASM
shows "labels, comments, a file" "^output     0x$(word 55) " run --code @sum.asm
printf '0x60016002015f5260205ff3\n' >sum.hex
shows "hexadecimal in a file" "^output     0x$(word 3) " run --code @sum.hex --fork shanghai
shows "input" "^output     0x0{60}beef " run --code 'PUSH1 0 CALLDATALOAD PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN' --input "0x$(printf '%060x' 0)beef"
printf '%060xbeef\n' 0 >input.hex
shows "input of a file" "^output     0x0{60}beef " run --code 'PUSH1 0 CALLDATALOAD PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN' --input @input.hex
shows "no code at all" '^status     success' run --code '; nothing'
shows "no gas" "^status     out of gas" run --code 'PUSH1 1' --gas 2
shows "memory that no gas buys" "^status     out of gas" run --code 'PUSH1 1 PUSH5 0x2000000000 MSTORE' --gas 13000000000
shows "gas with a unit" "^gas used   3 of 5000000$" run --code 'PUSH1 1' --gas 5Mgas
shows "an opcode of a later fork" "^status     invalid opcode" run --code PUSH0 --fork London
shows "a change of storage" '^  slot 0x1: 0x0 -> 0x5$' run --code 'PUSH1 5 PUSH1 1 SSTORE'
shows "a log" '^  topic 0  0x0{62}2a$' run --code 'PUSH1 42 PUSH1 32 PUSH0 LOG1'
shows "value with a unit" '^  balance: 1000000000000000000000000 -> 999999999999998500000000 wei$' run --code 'CALLVALUE POP' --value 1.5gwei
shows "sender and callee" '^output     0x0{24}0{36}0abc ' run --code 'CALLER PUSH0 MSTORE PUSH1 32 PUSH0 RETURN' --sender 0xabc --to 0x1234
shows "block number and time" '^output     0x0{62}1e ' run --code 'NUMBER TIMESTAMP ADD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN' --number 10 --timestamp 20
shows "a creation" '^created    0x[0-9a-f]{40}$' run --code 'PUSH1 0xfe PUSH0 MSTORE8 PUSH1 1 PUSH0 RETURN' --create
grep -q '^  code: 1 bytes$' out
yes_if $? "and its code"

# ---- reasons
selector_string=08c379a0$(word 32)$(word 3)$(printf '%-64s' 6f6800 | tr ' ' 0)
echo "{\"0x7777\": {}}" | sed 's/0x7777/0x0000000000000000000000000000000000007777/' >accounts.json
revert() { # HEX: a program that reverts with it, of whole words behind the selector
    local code= at=0 part hex=$1
    while [ -n "$hex" ]; do
        part=$(printf '%-64s' "${hex:0:64}" | tr ' ' 0)
        code="$code PUSH32 0x$part PUSH1 $at MSTORE"
        at=$((at + 32)) hex=${hex:64}
    done
    echo "$code PUSH1 $((${#1} / 2)) PUSH0 REVERT"
}
shows "Error(string)" '^reason     Error\("oh\."\)$' run --code "$(revert "$selector_string")"
shows "Panic" '^reason     Panic\(0x11\): arithmetic overflow or underflow$' run --code "$(revert 4e487b71"$(word 17)")"
shows "a panic that Solidity has not" '^reason     Panic\(0x99\): no code' run --code "$(revert 4e487b71"$(word 153)")"
shows "Error(string) cut short" '^status     reverted' run --code "$(revert 08c379a0"$(word 32)")"
grep -q '^reason' out
[ $? -ne 0 ]
yes_if $? "gives no reason"
shows "Error(string) that claims too much" '^status     reverted' run --code "$(revert 08c379a0"$(word 32)$(word 4000000000)")"
shows "a revert in JSON" '"pass": false, "status": "reverted".*"reason": "Panic\(0x1\): an assert is false"' run --json --code "$(revert 4e487b71"$(word 1)")"

# ---- states
cat >accounts.json <<'JSON'
{"0x000000000000000000000000000000000000c0de": {"code": "0x5f3560010180600155", "storage": {"0x01": "0x07"}},
 "0x0000000000000000000000000000000000005e4d": {"balance": "10"}}
JSON
shows "code of the state before" '^  slot 0x1: 0x7 -> 0x1$' run --prestate accounts.json
shows "a sender that is poor" '^status     insufficient balance$' run --prestate accounts.json --value 11
shows "a refused call costs nothing" '^gas used   0( |$)' run --prestate accounts.json --value 11
timeout 60 "$weft" evm run --code 'PUSH0 SLOAD PUSH1 1 ADD PUSH0 SSTORE' --dump one.json --json >out 2>err
for i in 2 3; do timeout 60 "$weft" evm run --prestate one.json --dump one.json --json >out 2>err; done
grep -q '"0x0\{64\}": "0x0\{63\}3"' one.json
yes_if $? "a dump is a state before"
timeout 60 "$weft" evm run --prestate one.json --dump - >out 2>err && [ ! -s err ] && grep -q '"0x0\{64\}": "0x0\{63\}4"' out && ! grep -q status out
yes_if $? "a dump alone on stdout"
refused "a dump that has no place" "cannot be written" run --code STOP --dump nowhere/dump.json
refused "code to show that is none" "^weft evm disassemble: CODE: " disassemble 0xzz
if command -v python3 >/dev/null; then
    timeout 60 "$weft" evm run --json --code 'PUSH1 7 PUSH1 1 SSTORE PUSH1 1 PUSH1 2 PUSH1 32 PUSH0 LOG2' >out 2>err
    python3 - out <<'PY' 2>err
import json, sys
r = json.load(open(sys.argv[1]))
assert r["pass"] and r["gasUsed"] + r["gasLeft"] == 30000000 and len(r["logs"][0]["topics"]) == 2
assert r["changes"]["0x" + "0" * 36 + "c0de"]["storage"] == {"0x1": {"from": "0x0", "to": "0x7"}}
PY
    yes_if $? "the JSON is JSON"
else
    echo "skip the JSON is JSON: no python3"
fi

# ---- traces, time
timeout 60 "$weft" evm run --code 'PUSH1 1 PUSH1 0 SSTORE' --trace >out 2>err
[ $? -eq 0 ] && [ "$(wc -l <err)" -eq 5 ] && sed -n 3p err | grep -q '"gasCost":"0x5654".*"opName":"SSTORE"}$' &&
    tail -n 1 err | grep -qE '^\{"pass":true,"output":"0x","gasUsed":"0x565a","stateRoot":"0x[0-9a-f]{64}","fork":"Osaka"\}$'
yes_if $? "a trace"
shows "time" '^time       [0-9]+ ns at least, [0-9]+ ns in the median$' run --code @sum.asm --bench --iterations 50
shows "time in JSON" '"iterations": 20, "first_ns": [0-9]+, "min_ns": [0-9]+, "median_ns": [0-9]+, "gas_per_s": [0-9]+\}' run --code @sum.asm --bench -n 20 --json

# ---- disassembly
prints "disassembly" "00000  PUSH1 0x01
00002  JUMPDEST
00003  0x0c
00004  PUSH2 0x0a ; the code ends within it" disassemble 0x60015b0c610a
"$weft" evm disassemble @sum.asm | sed -E 's/^[0-9a-f]{5}  //' >again.asm
timeout 60 "$weft" evm run --code @again.asm >out 2>err
grep -q "^output     0x$(word 55) " out
yes_if $? "a disassembly assembles"

# ---- what is refused
refused "no code" 'needs --code' run
refused "half a byte" '3 hexadecimal digits' run --code 0x123
refused "no hexadecimal" 'not hexadecimal at digit 3' run --code STOP --input 0x12zz
refused "no opcode" "'FROB' is no opcode" run --code 'PUSH1 1 FROB'
refused "too much for its PUSH" '300 needs 2 bytes, PUSH1 has 1' run --code 'PUSH1 300'
refused "a PUSH of nothing" 'ends behind a PUSH' run --code PUSH1
refused "a PUSH of no number" "'ADD' behind a PUSH is no number" run --code 'PUSH1 ADD'
refused "no such label" "no label 'there'" run --code 'PUSH @there JUMP'
refused "a label twice" "'a' stands twice" run --code 'a: a:'
refused "no file" 'No such file' run --code @none.hex
head -c 3000 /dev/urandom >noise
refused "a file of noise" 'weft evm run: --code: ' run --code @noise
refused "no fork" "did you mean Prague" run --code STOP --fork Prage
refused "no amount" 'value' run --code STOP --value 1apple
refused "more gas than there can be" '2\^63' run --code STOP --gas 0xffffffffffffffff
refused "no address" "'bob' is no address" run --code STOP --sender bob
refused "an address too long" 'is no address' run --code STOP --to 0x10000000000000000000000000000000000000000000
refused "prestate of noise" 'prestate' run --code STOP --prestate noise
echo '{"0x12": {"balance": "1"}}' >short.json
refused "prestate with a short address" "'0x12': not an address" run --code STOP --prestate short.json
refused "creation at an address" "the address follows" run --code STOP --create --to 0x12
refused "creation with input" "behind its code" run --code STOP --create --input 0x12
refused "time of a trace" 'neither' run --code STOP --bench --trace
refused "runs without time" 'for --bench' run --code STOP --iterations 5
refused "a number instead of code" 'one argument too many' run 0x00
refused "disassembly of nothing" 'needs CODE' disassemble
exit $bad
