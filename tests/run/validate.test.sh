#!/bin/bash
# weft validate and expect.figures: held, explained and missed figures, their statuses, bad names.
set -u
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi; }

base() { # FIGURES
    cat <<EOF
duration: 3s
drain: 1s
layers: [{nodes: 4, consensus: {kind: tendermint, block_interval: 500ms}}]
workload: [{kind: transfer, rate: 20/s, accounts: 50}]
expect: {seeds: 2, figures: [$1]}
EOF
}
base '{figure: offered_per_s, target: 20, within: 50%, source: the rate above}' >"$dir/held.yaml"
base '{figure: offered_per_s, target: 90, because: 20 are sent}' >"$dir/explained.yaml"
base '{figure: blocks, target: 1000, bound: at-least}' >"$dir/missed.yaml"
base '{figure: latency_s.p5, target: 1}' >"$dir/bad.yaml"

out=$("$weft" validate "$dir/held.yaml" "$dir/explained.yaml")
judge $? "figures that hold or are explained are status 0"
grep -q '^held.yaml .* holds | the rate above$' <<<"$out"; judge $? "a row says that it holds, and the source"
grep -q 'because 20 are sent' <<<"$out"; judge $? "what is off is explained"
grep -q '^1 figures hold, 1 are off and explained, 0 are off$' <<<"$out"; judge $? "they are counted"
"$weft" validate "$dir/missed.yaml" >/dev/null; [ $? -eq 1 ]; judge $? "a missed figure is status 1"
"$weft" run "$dir/missed.yaml" -o "$dir/x.h5" -q; [ $? -eq 1 ]; judge $? "also of weft run"
err=$("$weft" validate "$dir/bad.yaml" 2>&1); [ $? -eq 2 ]; judge $? "a figure that is none is status 2"
grep -q 'bad.yaml:5:.*latency_s.p5; did you mean latency_s.p50' <<<"$err"; judge $? "with its place and the nearest name"
mkdir "$dir/none"
"$weft" validate "$dir/none" 2>/dev/null; [ $? -eq 2 ]; judge $? "a folder without scenarios is status 2"
