#!/bin/bash
# transaction_instructions.sh [WEFT]: instructions a transaction by part of the program, for each load of `weft bench transactions`.
# Counted by callgrind (valgrind) in evm_execute: what a block of 1,000 costs the third time less the first, so without the growing of
# tables. What the compiler put inside another function counts there.
set -eu
weft=${1:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count() { # LOAD REPETITIONS: "instructions<TAB>part", summed
    valgrind --tool=callgrind --toggle-collect=evm_execute --callgrind-out-file="$dir/out" \
        "$weft" bench transactions --txs 1000 --load "$1" --repeat "$2" >/dev/null 2>"$dir/log"
    callgrind_annotate --auto=no --threshold=100 "$dir/out" | awk '
        /^ *[0-9,]+ \(/ && !/PROGRAM TOTALS/ {
            n = $1; gsub(",", "", n)
            name = $0; sub(/^[^)]*\) */, "", name); sub(/ \[.*/, "", name)
            file = name; sub(/:[^:]*$/, "", file); sub(/.*\//, "", file)
            fn = name; sub(/.*:/, "", fn)
            part = "libc"
            if (file ~ /^keccak/) part = "Keccak"
            else if (fn ~ /^evm_(bloom|receipt)/ || file ~ /^(bloom|receipt)/) part = "receipt, filter"
            else if (fn ~ /^(evm_vm|vm_|evm_buf|evm_precompile|evm_code)/ || file ~ /^(vm|code)/) part = "interpreter"
            else if (fn ~ /^(evm_txrun|evm_tx_)/ || file ~ /^txrun/) part = "checks, fees"
            else if (fn ~ /journal|jaccount|^account_find|^slot_find|^undo/ || file ~ /^(journal|changes)/) part = "journal"
            else if (fn ~ /^(evm_state|state_)/ || file ~ /^state/) part = "state before the block"
            else if (file ~ /^order/) part = "order of changes"
            else if (file ~ /^(direct|ladder|executor|blockrun)/ || fn ~ /^(evm_direct|evm_ladder|evm_execute|account_at|slot_at|view_)/) part = "state in the block"
            else if (file ~ /\.h$/) part = "other"
            sum[part] += n
        }
        END { for (p in sum) printf "%d\t%s\n", sum[p], p }' >"$dir/$2"
}
for load in transfer erc20 swap; do
    count $load 1
    count $load 3
    echo "$load"
    awk -F'\t' -v one="$dir/1" '
        BEGIN { while ((getline line <one) > 0) { split(line, f, "\t"); first[f[2]] = f[1] } }
        { n = ($1 - first[$2]) / 2000; total += n; printf "  %8.0f  %s\n", n, $2 }
        END { printf "  %8.0f  in all\n", total }' "$dir/3" | sort -rn
done
