#!/bin/bash
# weft calibrate writes a profile that others take; whether its values are plausible, not how long anything takes.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$dir/log" 2>&1; then echo "ok calibrate_$name"; else echo "not ok calibrate_$name"; head -5 "$dir/log"; fi
}
value() { sed -n "s/^$1: \([0-9.e+-]*\).*/\1/p" "$dir/p.yaml"; }
between() { # KEY LEAST MOST: a thousandfold range, so that no machine fails it
    awk -v x="$(value "$1")" -v a="$2" -v b="$3" 'BEGIN { exit !(x != "" && x >= a && x <= b) }' || { echo "$1 is $(value "$1")"; return 1; }
}
complains() { # WHAT COMMAND...: status 2 and that text
    local what=$1
    shift
    "$@" >"$dir/out" 2>&1
    [ $? -eq 2 ] && grep -qF -- "$what" "$dir/out" || { cat "$dir/out"; return 1; }
}

check writes timeout 600 "$WEFT" calibrate -o "$dir/p.yaml" --name here --json
cp "$dir/log" "$dir/json"
check json grep -q '"op_keccak": [0-9]' "$dir/json"
check cheap_opcode between op_cheap 0.05 50
check keccak between op_keccak 20 20000
check signature between signature 3000 3000000
check validation between validate_entry 0.5 500
check memory between bandwidth 0.1 1000
check is_taken timeout 120 "$WEFT" bench parallel --profile "$dir/p.yaml" --recipe raw --txs 50 --repeat 1
printf 'name: bad\nbase: validator-2025\nwrite: quick\n' >"$dir/bad.yaml"
check damaged complains "bad.yaml:3: write: 'quick' is not a number" "$WEFT" bench parallel --profile "$dir/bad.yaml" --recipe raw
check missing complains "$dir/none.yaml" "$WEFT" bench parallel --profile "$dir/none.yaml" --recipe raw
# Before it measures, not after.
check no_folder complains "cannot write '$dir/none/p.yaml': No such file or directory" timeout 2 "$WEFT" calibrate -o "$dir/none/p.yaml"
check over_folder complains "cannot write '$dir': Is a directory" timeout 2 "$WEFT" calibrate -o "$dir"
check unknown complains "no cost profile is called 'abacus'" "$WEFT" bench parallel --profile abacus --recipe raw
