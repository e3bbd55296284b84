#!/bin/bash
# weft statetest as a user drives it: filters, rule sets, exceptions by name, JSON, traces, damaged files.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 2
bad=0

# check NAME STATUS PATTERN ARGUMENTS...: the exit status, and a line of stdout that matches.
check() {
    local name=$1 status=$2 pattern=$3 got
    shift 3
    timeout 60 "$weft" statetest "$@" >out 2>err
    got=$?
    if [ $got -eq "$status" ] && grep -qE -- "$pattern" out; then
        echo "ok $name"
    else
        echo "not ok $name: status $got; $(head -c 400 out err)"
        bad=1
    fi
}
# refused NAME PATTERN ARGUMENTS...: status 2, nothing on stdout, one line on stderr that matches.
refused() {
    local name=$1 pattern=$2
    shift 2
    timeout 60 "$weft" statetest "$@" >out 2>err
    [ $? -eq 2 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$pattern" err
    yes_if $? "$name"
}
yes_if() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; bad=1; fi; }

# A transaction with two inputs and two gas limits (the second too low for the first input), a contract that stores its input.
zero=0x0000000000000000000000000000000000000000000000000000000000000000
nologs=0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347
fixture() { # ROOT0 ROOT1 ROOT2 EXCEPTION2
    local forks=
    post() { printf '{"hash": "%s", "logs": "%s", "indexes": {"data": %d, "gas": %d, "value": 0}%s}' "$1" $nologs "$2" "$3" "${4:-}"; }
    for fork in Cancun Shanghai Atlantis; do
        forks="$forks${forks:+, }\"$fork\": [$(post "$1" 0 0), $(post "$2" 1 0), $(post "$3" 0 1 ", \"expectException\": \"$4\"")]"
    done
    cat <<JSON
{"stores its input": {"env": {"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentGasLimit": "0x1000000",
  "currentNumber": "1", "currentTimestamp": "1000", "currentBaseFee": "0x0a", "currentRandom": "$zero", "currentDifficulty": "0",
  "currentExcessBlobGas": "0"},
 "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {"balance": "0xde0b6b3a7640000", "nonce": "0", "code": "0x", "storage": {}},
  "0x00000000000000000000000000000000c0de0001": {"balance": "0", "nonce": "1", "code": "0x600035600055", "storage": {}}},
 "transaction": {"data": ["0x00000000000000000000000000000000000000000000000000000000000000ff", "0x"], "gasLimit": ["0x186a0", "0x5209"],
  "gasPrice": "0x0a", "nonce": "0", "to": "0x00000000000000000000000000000000c0de0001", "value": ["0"],
  "secretKey": "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8"},
 "post": {$forks}}}
JSON
}
fixture $zero $zero $zero TransactionException.INTRINSIC_GAS_TOO_LOW >none.json
"$weft" statetest none.json --fork Cancun --json >roots
root() { sed -nE "$1s/.*\"stateRoot\": \"(0x[0-9a-f]{64})\".*/\1/p" roots; }
r0=$(root 1) r1=$(root 2) r2=$(root 3)
fixture "$r0" "$r1" "$r2" TransactionException.INTRINSIC_GAS_TOO_LOW >good.json
fixture "$r0" "$r1" "$r2" TR_NoFundsOrGas >old.json
fixture "$r0" "$r1" "$r2" "TransactionException.NONCE_IS_MAX|TransactionException.SENDER_NOT_EOA" >wrong.json
fixture "$r0" "$r1" "$r2" TransactionException.NO_SUCH_NAME >unknown.json
sed -E 's/("indexes": \{"data": 1, "gas": 0, "value": 0\})\}/\1, "expectException": "TR_NoFunds"}/g' good.json >valid.json
sed -E 's/"600035|0x600035600055/0x6000356000zz/' good.json >badcode.json
head -c 700 good.json >cut.json
mkdir -p folder/deep
cp good.json folder/deep/a.json
cp wrong.json folder/b.json

check "what passes" 0 '^6 passed, 0 failed, 3 skipped$' good.json
check "a name of the old filler" 0 '^6 passed, 0 failed, 3 skipped$' old.json
check "wrong roots" 1 'stores its input: Cancun\[1\] \(data 1, gas 0, value 0\): root mismatch: got [0-9a-f]{16} expected 0{16}$' none.json
check "wrong exception" 1 'Cancun\[2\] .*wrong exception: expected TransactionException.NONCE_IS_MAX\|.*, got gas limit below intrinsic gas$' wrong.json
check "a name without a row" 1 'Cancun\[2\] .*unknown exception: NO_SUCH_NAME has no row' unknown.json
check "valid, but an exception expected" 1 'Cancun\[1\] .*exception expected: TR_NoFunds' valid.json
check "code that is no code" 1 '^FAILED badcode.json: stores its input: .*malformed: account .*code' badcode.json
check "one fork" 0 '^3 passed, 0 failed, 0 skipped$' good.json --fork cancun
check "two forks" 0 '^6 passed, 0 failed, 0 skipped$' good.json --fork Cancun --fork Shanghai
check "a fork of the files that is not known" 0 '^3 passed, 0 failed, 0 skipped$' good.json --rules Atlantis=Cancun --fork Shanghai
check "a label that means other rules" 0 '^9 passed, 0 failed, 0 skipped$' good.json --rules Atlantis=Cancun
refused "rules that are none" "no rule set is called 'Nonesuch'" good.json --rules Cancun=Nonesuch
refused "rules without a label" "'Cancun' is not FORK=NAME" good.json --rules Cancun
check "a place in the list" 0 '^2 passed, 0 failed, 1 skipped$' good.json --case 1
check "data, gas and value" 0 '^2 passed, 0 failed, 1 skipped$' good.json --case 0/1/0
check "any gas" 0 '^4 passed, 0 failed, 2 skipped$' good.json --case '0/*/*'
refused "no case" "'1/x/0' is neither" good.json --case 1/x/0
check "a part of the name" 0 '^6 passed' good.json --test 'its in'
check "a name that is not there" 2 '^0 passed' good.json --test other
check "directories are searched" 1 '^10 passed, 2 failed, 6 skipped$' folder
printf '%s\n' good.json folder/deep/a.json | timeout 60 "$weft" statetest - >out 2>err
[ $? -eq 0 ] && grep -q '^12 passed, 0 failed, 6 skipped$' out
yes_if $? "a list on the standard input"

check "a damaged file among others" 2 '^12 passed, 1 failed, 6 skipped$' good.json cut.json old.json
[ "$(wc -l <err)" -eq 1 ] && grep -qE '^weft statetest: cut.json:[0-9]+:[0-9]+:' err
yes_if $? "which is told"

check "one object a case" 1 '^\{"file": "wrong.json", "name": "stores its input", "fork": "Cancun", "index": 2, .*"pass": false, "stateRoot": "0x[0-9a-f]{64}", "logsHash": "0x1dcc[0-9a-f]{60}", "gasUsed": 0, "error": "gas limit below intrinsic gas", "reason": "wrong exception"' wrong.json --json
grep -qE '"index": 0, "data": 0, "gas": 0, "value": 0, "pass": true, .*"gasUsed": 43[0-9]{3}\}$' out && tail -n 1 out | grep -qx '{"passed": 4, "failed": 2, "skipped": 3}'
yes_if $? "passed ones and the totals as well"
timeout 60 "$weft" statetest good.json wrong.json old.json none.json --json --jobs 1 >one 2>err
timeout 60 "$weft" statetest good.json wrong.json old.json none.json --json --jobs 4 >four 2>err
cmp -s one four
yes_if $? "any number of jobs prints the same"

check "a trace to stderr" 0 '^1 passed' good.json --fork Cancun --case 0 --trace
[ "$(wc -l <err)" -eq 6 ] &&
    sed -n 4p err | grep -q '^{"pc":5,"op":85,"gas":"0x[0-9a-f]*","gasCost":"0x5654","memSize":0,"stack":\["0xff","0x0"\],"returnData":"0x","depth":1,"refund":0,"opName":"SSTORE"}$' &&
    tail -n 1 err | grep -q "^{\"pass\":true,\"output\":\"0x\",\"gasUsed\":\"0x[0-9a-f]*\",\"stateRoot\":\"$r0\",\"fork\":\"Cancun\"}\$"
yes_if $? "which is EIP-3155"
check "traces into a folder" 0 '^6 passed' good.json --trace-dir traces --trace-memory
[ "$(ls traces | wc -l)" -eq 6 ] && grep -q '"memory":"0x"' traces/stores_its_input.Cancun.0.jsonl &&
    grep -qx "{\"pass\":false,\"output\":\"0x\",\"gasUsed\":\"0x0\",\"error\":\"gas limit below intrinsic gas\",\"stateRoot\":\"$r2\",\"fork\":\"Cancun\"}" traces/stores_its_input.Cancun.2.jsonl
yes_if $? "a file a case"
check "which is not written over" 2 '^6 passed, 1 failed' good.json --trace-dir traces
grep -q 'cannot write the trace traces/stores_its_input.Cancun.0.jsonl: File exists' err
yes_if $? "and says so"
check "tests of one name in several files" 0 '^12 passed, 0 failed' good.json old.json --trace-dir two
[ "$(ls two | wc -l)" -eq 12 ]
yes_if $? "have their own traces"
refused "trace and folder" 'exclude each other' good.json --trace --trace-dir traces
exit $bad
