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
"$weft" run "$dir/twins.yaml" -o "$dir/e.h5" --set 'judges=[progress]' --quiet
judge $? "judges that are left out do not judge"

# Liveness is told of, and is no breach of safety.
"$weft" run "$dir/twins.yaml" -o "$dir/f.h5" --set 'faults=[{kind: silent-leader, chosen: [1, 2]}]' --set layers.main.nodes=7 \
    --set 'judges=[{kind: progress, patience: 1}]' --set duration=20s >"$dir/out"
test $? -eq 0 && grep -qE '^Liveness at [0-9.]+ s \(progress\): no block beyond height' "$dir/out" && grep -q '^Replay: ' "$dir/out"
judge $? "no progress is told of, with status 0"
