#!/bin/bash
# weft compare: a row a variant, in the order of the values; figures are weft run's; what cannot run.
set -u
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi; }

cat >"$dir/small.yaml" <<'YAML'
duration: 4s
drain: 2s
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh, blocks: direct}
layers:
  - {name: main, nodes: 4, consensus: {kind: tendermint, block_interval: 500ms, propose_timeout: 3s}}
workload:
  - {kind: transfer, rate: 40/s, accounts: 20}
YAML
kinds=layers.main.consensus.kind
interval=layers.main.consensus.block_interval

"$weft" compare "$dir/small.yaml" --vary $kinds=tendermint,pbft --vary $interval=500ms,1s --figure blocks >"$dir/out" 2>"$dir/err"
judge $? "variants that run are status 0"
[ "$(sed 's/  .*//' "$dir/out" | paste -sd'|')" = "variant|tendermint, 500ms|tendermint, 1s|pbft, 500ms|pbft, 1s" ]
judge $? "a row for each combination, the last --vary fastest"
[ "$(grep -c 'consensus is pbft now: propose_timeout: 3s dropped, since pbft has no such setting' "$dir/err")" -eq 2 ]
judge $? "what a variant drops is said"

# The figures are those of weft run with the same settings.
"$weft" run "$dir/small.yaml" --set $kinds=pbft --set $interval=1s -o "$dir/x.h5" --json >"$dir/json" 2>/dev/null
number() { grep -oE "\"$1\": [-0-9.e+]+" "$dir/json" | head -1 | sed 's/.*: //'; }
row=$(grep '^pbft, 1s ' "$dir/out" | sed 's/^pbft, 1s *//')
awk -v blocks="$(number blocks)" -v p50="$(grep -oE '"latency_s": \{[^}]*\}' "$dir/json" | grep -oE '"p50": [0-9.e-]+' | sed 's/.*: //')" \
    -v row="$row" 'BEGIN { split(row, c); exit !(c[1] == "100.00" && c[3] - p50 < 0.006 && p50 - c[3] < 0.006 && c[11] == blocks && c[12] == "load") }'
judge $? "a row has the figures of that run"
# PBFT, direct, four replicas: 3 pre-prepares and, of prepares and commits, 3 * 3 + 4 * 3 a block; a few
# more for blocks under way at the end.
awk -v row="$row" 'BEGIN { split(row, c); exit !(c[9] >= 24 && c[9] <= 30) }'
judge $? "messages a block are the protocol's"

"$weft" compare "$dir/small.yaml" --vary "layers.main.consensus={kind: pbft, block_interval: 1s},{kind: hotstuff}" --seeds 2 >"$dir/out" 2>/dev/null
[ $? -eq 0 ] && [ "$(wc -l <"$dir/out")" -eq 3 ] && grep -q '^{kind: pbft, block_interval: 1s} ' "$dir/out"
judge $? "commas within a map do not part values"
"$weft" compare "$dir/small.yaml" --vary $kinds=bullshark,pbft >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && grep -q '^pbft ' "$dir/out" && ! grep -q '^bullshark ' "$dir/out" && grep -q '^weft compare: bullshark:' "$dir/err"
judge $? "a variant that cannot run is status 2, and the others run"
for bad in "$kinds" "=pbft" "$kinds=pbft,,raft"; do
    "$weft" compare "$dir/small.yaml" --vary "$bad" >"$dir/out" 2>"$dir/err"
    [ $? -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && [ ! -s "$dir/out" ]
    judge $? "--vary '$bad' is refused in one line"
done
"$weft" compare "$dir/small.yaml" --figure nothing 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -q "no figure is called 'nothing'" "$dir/err"
judge $? "an unknown figure is refused"
"$weft" compare "$dir/small.yaml" >"$dir/out" && grep -q '^small.yaml ' "$dir/out"
judge $? "without --vary a row is a file"
cat >"$dir/unsafe.yaml" <<'YAML'
extends: small.yaml
faults: [{kind: equivocation, chosen: [1, 2], at: 1s}]
YAML
"$weft" compare "$dir/unsafe.yaml" >"$dir/out" 2>&1
[ $? -eq 3 ] && grep -q '^unsafe.yaml .* safety$' "$dir/out"
judge $? "broken safety is status 3"
