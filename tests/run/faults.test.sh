#!/bin/bash
# weft run where safety breaks: what is printed, the status, and that the command it names shows it again.
set -u
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi; }

cat >"$dir/twins.yaml" <<'YAML'
name: twins
duration: 4s
drain: 1s
network: {latency: {kind: constant, delay: 30ms}, blocks: direct}
layers:
  - {name: main, nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}}
workload:
  - {kind: transfer, rate: 20/s, accounts: 20}
faults:
  - {kind: equivocation, chosen: [1, 2]}
YAML

"$weft" run "$dir/twins.yaml" -o "$dir/a.h5" --set 'drain=2s' >"$dir/out"
test $? -eq 3
judge $? "two of four that equivocate: status 3"
grep -qE '^Safety at [0-9.]+ s \(agreement\): node [03] commits block [0-9a-f]{8} at height [0-9]+, where node [03] committed' "$dir/out"
judge $? "the judge of agreement says who committed what"
grep -qE '^Safety at .*\(certificates\): .*2 validators signed both, 0 of them honest: 1, 2' "$dir/out"
judge $? "double voters are named"
replay=$(sed -n 's/^Replay: weft //p' "$dir/out")
eval "\"\$weft\" $replay -o \"\$dir/b.h5\"" >"$dir/again"
test $? -eq 3 && test "$("$weft" digest "$dir/a.h5")" = "$("$weft" digest "$dir/b.h5")" &&
    diff <(grep ^Safety "$dir/out") <(grep ^Safety "$dir/again") >/dev/null
judge $? "the command it prints replays it"
"$weft" run "$dir/twins.yaml" -o "$dir/c.h5" --set expect.unsafe=true --quiet
judge $? "broken safety that is expected: status 0"
"$weft" run "$dir/twins.yaml" -o "$dir/d.h5" --set 'faults[0].chosen=[1]' >"$dir/out"
test $? -eq 0 && ! grep -qE '^(Safety|Liveness|Replay)' "$dir/out"
judge $? "one of four that equivocates: status 0, and nothing to tell"
grep -qE '^  faults +equivocation of node 1 from 0 s on$' "$dir/out" && grep -qE '^  judges +7 looked on, and found nothing$' "$dir/out"
judge $? "the summary names the fault, its victim, and that judges found nothing"
"$weft" run "$dir/twins.yaml" -o "$dir/e.h5" --set 'judges=[progress]' --quiet
judge $? "judges that are left out do not judge"

# Liveness is told of, and is no breach of safety.
"$weft" run "$dir/twins.yaml" -o "$dir/f.h5" --set 'faults=[{kind: silent-leader, chosen: [1, 2]}]' --set layers.main.nodes=7 \
    --set 'judges=[{kind: progress, patience: 1}]' --set duration=20s >"$dir/out"
test $? -eq 0 && grep -qE '^Liveness at [0-9.]+ s \(progress\): no block beyond height' "$dir/out" && grep -q '^Replay: ' "$dir/out"
judge $? "no progress is told of, with status 0"
"$weft" run "$dir/twins.yaml" -o "$dir/f.h5" --set 'judges=[]' --set 'faults=[{kind: asynchrony, until: 1s, bound: 100ms}, {kind: crash, chosen: [0], at: 1500ms, recover_after: 1s}, {kind: partition, at: 3s, lasts: 500ms, shares: [25%, 75%]}, {kind: omission, chosen: [3], at: 2s, lasts: 250ms}]' >"$dir/out"
grep -A3 '^  faults ' "$dir/out" | sed 's/^  faults  /          /; s/^ *//' | paste -sd'|' >"$dir/faults"
[ "$(cat "$dir/faults")" = "asynchrony from 0 s to 1 s|crash of node 0 from 1.5 s to 2.5 s|omission of node 3 from 2 s to 2.25 s|partition from 3 s to 3.5 s" ] && ! grep -q '^  judges' "$dir/out"
judge $? "each kind of fault has a line with its begin and end"
"$weft" run "$dir/twins.yaml" -o "$dir/f.h5" --set 'faults=[{kind: crash, chosen: [0, 2], at: 1s, recover_after: 500ms}, {kind: equivocation, chosen: [1]}]' --json >"$dir/out"
grep -qF '"faults": [{"kind": "equivocation", "times": 1, "from_s": 0, "to_s": null, "nodes": [1], "and_others": false}, {"kind": "crash", "times": 2, "from_s": 1, "to_s": 1.5, "nodes": [0, 2], "and_others": false}], "judges": 7, ' "$dir/out"
judge $? "and a place in the JSON"
