#!/bin/bash
# Recorded mainnet blocks, London to Cancun, and the first block of the set: gas, receipts root and bloom equal the header's, whatever
# executor, driver, number of cores and seed. The whole set by hand: weft replay --executor block-stm ../shared/recorded/mainnet/*.gz
set -u
dir=$WEFT_FIXTURES/recorded/mainnet
if [ ! -d "$dir" ]; then
    echo "skip replay: no recorded blocks in $dir"
    exit 0
fi
files=()
for block in 46147 13217637 15537394 16146267 17666333 18988207 19426587 19929064 19933597; do
    [ -f "$dir/$block.json.gz" ] && files+=("$dir/$block.json.gz")
done
if [ ${#files[@]} -eq 0 ]; then
    echo "skip replay: none of the blocks of this test in $dir"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

replay() { # NAME OPTIONS...
    local name=$1
    shift
    if timeout 120 "$WEFT" replay "$@" "${files[@]}" >"$log" 2>&1; then
        echo "ok replay_$name"
    else
        echo "not ok replay_$name"
        grep -v ': ok' "$log" | head -5
    fi
}

replay serial --executor serial --driver threads --cores 1
for cores in 1 2; do
    replay "block_stm_threads_$cores" --executor block-stm --driver threads --cores $cores
done
for cores in 1 2 8 64; do
    replay "block_stm_virtual_$cores" --executor block-stm --driver virtual --cores $cores --seed $((cores * 11))
done
