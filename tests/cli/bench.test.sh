#!/bin/bash
# The benchmarks that check what they compute, on a few transactions: here only that it is right, not how long it takes.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT

check() { # NAME PATTERN ARGUMENTS...
    local name=$1 pattern=$2
    shift 2
    if timeout 120 "$WEFT" bench "$@" >"$log" 2>&1 && grep -qE "$pattern" "$log"; then
        echo "ok bench_$name"
    else
        echo "not ok bench_$name"
        head -5 "$log"
    fi
}

check precompiles '^p256verify +6900 ' precompiles --iterations 1
check transactions '^swap +[1-9]' transactions --txs 50 --repeat 2
check transactions_json '"load": "erc20", "gas_per_tx": [1-9]' transactions --txs 3 --repeat 1 --json
check signatures '^sign +1' signatures --txs 20 --repeat 1 --threads 2
check stateroot '^accounts +100 +100 ' stateroot --items 3000 --repeat 1
