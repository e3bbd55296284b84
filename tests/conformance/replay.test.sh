#!/bin/bash
# Recorded mainnet blocks, 46147 to Cancun: gas, receipts root and bloom equal the header's, with every executor, on one to three
# threads and one to 64 simulated cores, under another seed each time.
set -u
weft=${WEFT:-build/release/weft}
dir=${WEFT_FIXTURES:-../shared}/recorded/mainnet
files=("$dir"/*.json.gz)
if [ ! -f "${files[0]}" ]; then
    echo "skip replay: no recorded blocks in $dir"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
seed=0

# A whole set takes a few seconds, most of it reading files and recovering senders.
replay() { # EXECUTOR DRIVER CORES [OPTION]
    seed=$((seed + 1))
    if timeout 200 "$weft" replay --executor "$1" --driver "$2" --cores "$3" ${4:-} --seed $seed "${files[@]}" >"$log" 2>&1; then
        echo "ok replay_$1_$2_$3${4:-}"
    else
        echo "not ok replay_$1_$2_$3${4:-} (seed $seed)"
        grep -v ': ok' "$log" | head -5
    fi
}

# The names of all executors stand in the complaint about one that there is not.
executors=$("$weft" replay --executor '?' x 2>&1 | sed -n 's/.*valid are: //p' | tr -d ,)
[ -n "$executors" ] || { echo "not ok replay: no list of executors"; exit 0; }
for executor in $executors; do
    if [ "$executor" = serial ]; then
        replay serial threads 1
        replay serial virtual 1
        continue
    fi
    for cores in 1 2 3; do
        replay "$executor" threads $cores
    done
    for cores in 1 2 3 8 64; do
        replay "$executor" virtual $cores
    done
    replay "$executor" threads 2 --precompute
    replay "$executor" virtual 8 --precompute
done

# A block's access list: written by serial, the same by others, and enough to schedule by.
lists=$(mktemp -d)
trap 'rm -rf "$log" "$lists"' EXIT
one=$(find "$dir" -name '19*.json.gz' 2>/dev/null | sort | tail -1)
listed() { # NAME ARGUMENTS...
    local name=$1
    shift
    if "$WEFT" replay "$one" --verify-bal "$lists/bal" "$@" >"$log" 2>&1; then echo "ok list_$name"; else echo "not ok list_$name"; head -3 "$log"; fi
}
if [ -n "$one" ] && "$WEFT" replay "$one" --bal "$lists/bal" >/dev/null; then
    listed serial --executor serial
    listed ladder --executor ladder --driver virtual --cores 16
    listed block_stm --executor block-stm --driver threads --cores 2
    listed access_list --executor access-list --param sets=bal --driver virtual --cores 16
fi
