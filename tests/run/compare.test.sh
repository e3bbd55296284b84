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
"$weft" compare "$dir/small.yaml" --figure moves.accounts 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -q "valid: moves.done, " "$dir/err"
judge $? "and those of its family are named"
"$weft" compare "$dir/small.yaml" --vary layers.main.nods=4,7 >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && [ ! -s "$dir/out" ] && grep -q 'did you mean nodes' "$dir/err"
judge $? "where no variant can run there is no table"
"$weft" compare "$dir/small.yaml" >"$dir/out" && grep -q '^small.yaml ' "$dir/out"
judge $? "without --vary a row is a file"
cat >"$dir/unsafe.yaml" <<'YAML'
extends: small.yaml
faults: [{kind: equivocation, chosen: [1, 2], at: 1s}]
YAML
"$weft" compare "$dir/unsafe.yaml" >"$dir/out" 2>&1
[ $? -eq 3 ] && grep -q '^unsafe.yaml .* safety$' "$dir/out"
judge $? "broken safety is status 3"

# A scenario's own sweep: what it varies, how often, which columns; intervals are Student's; any number of processes.
cat >"$dir/sweep.yaml" <<'YAML'
extends: small.yaml
sweep:
  vary: ['workload[0].rate=20/s,40/s', 'layers.main.nodes=4,7']
  replications: 4
  figures: [achieved_per_s]
YAML
"$weft" compare "$dir/sweep.yaml" --threads 3 --csv "$dir/sweep.csv" >"$dir/three" 2>"$dir/err"
judge $? "a scenario's sweep runs"
[ "$(sed 's/  .*//' "$dir/three" | paste -sd'|')" = "variant|20/s, 4|20/s, 7|40/s, 4|40/s, 7" ] && head -1 "$dir/three" | grep -q 'achieved_per_s *limit$'
judge $? "it has a row for each combination, and its own columns"
[ "$(grep -o '±' "$dir/three" | wc -l)" -eq 40 ]
judge $? "figures of several runs have intervals"
"$weft" compare "$dir/sweep.yaml" --threads 1 >"$dir/one" 2>>"$dir/err"
cmp -s "$dir/one" "$dir/three"
judge $? "the number of processes changes nothing"
"$weft" compare "$dir/sweep.yaml" --vary layers.main.nodes=5 --seeds 2 --json >"$dir/json"
[ "$(grep -c '"variant": "5"' "$dir/json")" -eq 1 ] && [ "$(grep -c '"variant"' "$dir/json")" -eq 1 ] && grep -q '"runs": 2,' "$dir/json"
judge $? "--vary and --seeds go before the sweep"
"$weft" compare "$dir/sweep.yaml" --json >"$dir/json"
grep -m1 -F '"latency_s.p50"' "$dir/json" |
    sed -E 's/.*"mean": ([^,]*), "half_width_95": ([^,]*), "sd": ([^,]*), "values": \[([^]]*)\].*/\1 \2 \3 \4/; s/,//g' |
    awk '{ for (i = 4; i <= NF; i++) s += $i; n = NF - 3; for (i = 4; i <= NF; i++) q += ($i - s / n) ^ 2
           e = sqrt(q / (n - 1)); t = 3.182446305 * e / sqrt(n) # of Student, 3 degrees of freedom
           exit !(n == 4 && e > 0 && ($1 - s / n) ^ 2 < 1e-18 && ($3 - e) ^ 2 < 1e-18 && ($2 - t) ^ 2 < 1e-16) }'
judge $? "mean and interval are those of the runs that JSON lists"
for seed in 1 2; do "$weft" run "$dir/small.yaml" --set 'workload[0].rate=20/s' --set seed=$seed -o "$dir/x.h5" --json 2>/dev/null; done |
    grep -oE '"latency_s": \{[^}]*\}' | grep -oE '"p50": [0-9.e-]+' | sed 's/.*: //' | paste -sd, | sed 's/,/, /' >"$dir/runs"
[ -s "$dir/runs" ] && grep -m1 -F '"latency_s.p50"' "$dir/json" | grep -qF "$(cat "$dir/runs")"
judge $? "and those are runs of weft run, seed after seed"
head -1 "$dir/sweep.csv" | grep -q '^file,workload\[0\].rate,layers.main.nodes,runs,seed,limit,simulated_s,simulated_s.half_width_95,' &&
    [ "$(wc -l <"$dir/sweep.csv")" -eq 5 ] && [ "$(sed 's/[^,]//g' "$dir/sweep.csv" | sort -u | wc -l)" -eq 1 ] && grep -q ',20/s,7,4,1,load,' "$dir/sweep.csv"
judge $? "--csv has a line a variant, settings and figures in columns"
"$weft" compare "$dir/sweep.yaml" --csv "$dir/none/x.csv" >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" -eq 1 ]
judge $? "a CSV that cannot be written is refused before the runs"
sed 's/vary: .*/vary: [layers.main.nodes]/' "$dir/sweep.yaml" >"$dir/wrong.yaml"
"$weft" check "$dir/wrong.yaml" 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -q "sweep.vary: 'layers.main.nodes' is not PATH=A,B" "$dir/err"
judge $? "weft check knows a sweep that is none"

# Values with names, and a table a figure.
"$weft" compare "$dir/small.yaml" --across --figure blocks --figure offered --vary layers.main.nodes=4,7 \
    --vary 'workload=quiet: [{kind: transfer, rate: 20/s, accounts: 20}], busy: [{kind: transfer, rate: 80/s, accounts: 20}]' >"$dir/out" 2>"$dir/err"
[ $? -eq 0 ] && [ "$(grep -cE '^ +quiet +busy$' "$dir/out")" -eq 2 ] && [ "$(grep -c '^blocks: ' "$dir/out")" -eq 1 ]
judge $? "--across: a table a figure, its columns by name"
awk '/^offered/ { on = 1 } on && $1 == 4 { split($0, a) } on && $1 == 7 { split($0, b) }
     END { exit !(a[2] > 40 && a[2] < 120 && a[3] > 250 && a[3] < 390 && a[2] == b[2] && a[3] == b[3]) }' "$dir/out"
judge $? "each cell is its variant's"
"$weft" compare "$dir/small.yaml" --vary 'workload=quiet: [{kind: transfer, rate: 20/s}],[{kind: transfer, rate: 30/s}]' --csv "$dir/named.csv" >"$dir/out" 2>"$dir/err"
[ $? -eq 0 ] && grep -q '^quiet ' "$dir/out" && grep -qF '[{kind: transfer, rate: 30/s}] ' "$dir/out" && grep -q ',quiet,1,1,' "$dir/named.csv"
judge $? "names in rows and in CSV; a value without one is its own"
"$weft" compare "$dir/small.yaml" --across >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q 'no --figure' "$dir/err"
judge $? "--across without a figure is refused"

# Below the table: what to know of some rows before they are compared.
cat >"$dir/notes.yaml" <<'YAML'
duration: 8s
drain: 2s
signatures: modelled
network: {latency: {kind: constant, delay: 10ms}, topology: full-mesh}
routing: {policy: hash, epoch: 3s}
layers: [{name: shard, count: 4, nodes: 2, fees: {kind: eip1559, gas_limit: 1Mgas},
          consensus: {kind: tendermint, block_interval: 500ms}}]
workload: [{kind: transfer, rate: 30/s, accounts: 2000}]
YAML
"$weft" compare "$dir/notes.yaml" --vary 'layers[0].count=1,2' >"$dir/out" 2>"$dir/err"
[ "$(tail -n +4 "$dir/out" | paste -sd'|')" = '|Fewer layers would carry the load (so many; weft run says more): "2" (1)' ] && ! grep -q '\*' "$dir/out"
judge $? "rows with more layers than the load needs are named"
"$weft" compare "$dir/notes.yaml" --vary routing.policy=none,hash --vary 'workload[0].rate=20/s,400/s' >"$dir/out" 2>"$dir/err"
[ "$(grep -cE '^none, 400/s +[0-9.]+ %\* ' "$dir/out")" -eq 1 ] && [ "$(grep -c '%\*' "$dir/out")" -eq 1 ] &&
    [ "$(grep -c '^\* less than 95 % was committed' "$dir/out")" -eq 1 ] && [ "$(awk 'NR <= 5 { print match($0, /  [a-z]+$/) }' "$dir/out" | sort -u | wc -l)" -eq 1 ]
judge $? "a row of which little was committed has a mark, and a line says why; columns stay in place"
grep -qF 'Nothing is sent to layers (so many) of "none, 20/s" (3), "none, 400/s" (3)' "$dir/out"
judge $? "rows with idle layers are named"
"$weft" compare "$dir/notes.yaml" --set 'workload[0]={kind: erc20, rate: 60/s, accounts: 60}' --vary crosslayer=relay,two-phase-commit --across --figure latency_s.p50 >"$dir/out" 2>"$dir/err"
[ "$(grep -cE '^notes.yaml +[0-9.]+\* +[0-9.]+\*$' "$dir/out")" -eq 1 ] && grep -qF 'All that crossed were calls, which crosslayer_calls carries, not crosslayer: "relay"' "$dir/out" && ! grep -q 'crosslayer:.*two-phase' "$dir/out"
judge $? "a protocol that had nothing to carry is named; a table a figure has marks too"
