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
check parallel '^hybrid +ladder +virtual +3 +[1-9]' parallel --recipe raw,hybrid --recipe chain-swap --txs 60 --executor all --cores 1,3 --repeat 1
check parallel_gas '"recipe": "erc20", "transactions": 113, "gas": 3001737, .*"cores": 2, .*"oracle_speedup": 1.98' parallel --recipe erc20 --gas 3M --cores 1,2 --driver virtual --repeat 1 --json
# What the oracle knows is the block's: neither the payments to one who has sent, nor a sender's next nonce.
for recipe in beneficiary-spends same-sender; do
    check "parallel_oracle_$recipe" '"cores": 16, .*"oracle_speedup": 1[0-9][.]' parallel --recipe $recipe --txs 200 --executor block-stm --cores 1,16 --driver virtual --repeat 1 --json
done
check parallel_rich '"executor": "ladder", .*"cores": 16, .*"aborts": [0-9][,}]' parallel --recipe beneficiary-last --txs 200 --executor ladder --cores 16 --driver virtual --repeat 1 --json
check parallel_list '^mainnet-like ' parallel --list
