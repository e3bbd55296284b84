#!/bin/bash
# weft trace: messages of a window from a results file and from a scenario, the table /messages, the drawing in the report.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; head -n 30 "$dir/out" "$dir/err" 2>/dev/null | sed 's/^/    /'; fi; }
trace() { "$weft" trace "$@" >"$dir/out" 2>"$dir/err"; }

cat >"$dir/small.yaml" <<'YAML'
duration: 3s
drain: 1s
signatures: modelled
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh, blocks: direct, link: {loss: 0%}}
layers: [{name: main, nodes: 4, consensus: {kind: tendermint, block_interval: 500ms}}]
workload: [{kind: transfer, rate: 10/s, accounts: 10}]
faults: [{kind: crash, at: 1200ms, chosen: [1]}]
YAML
"$weft" run "$dir/small.yaml" -o "$dir/a.h5" -q
trace "$dir/a.h5" --from 990ms --to 1100ms
judge $? "a results file is traced"
cp "$dir/out" "$dir/first"
# Each of four nodes hears one proposal but its maker's, and of each other node a prevote and a precommit.
[ "$(grep -c ' proposal ' "$dir/out")" -eq 3 ] && [ "$(grep -c ' vote .* prevote ' "$dir/out")" -eq 12 ] &&
    [ "$(grep -c ' vote .* precommit ' "$dir/out")" -eq 12 ] && [ "$(grep -c ' commit ' "$dir/out")" -eq 4 ]
judge $? "one height of Tendermint: 3 proposals, 12 prevotes, 12 precommits, 4 commits"
[ ! -s "$dir/err" ] && awk 'NR > 1 && $1 + 0 < last { bad = 1 } { last = $1 + 0 } NR > 1 && / -> / && !/after 20\.[0-9]* ms/ { bad = 1 } END { exit bad }' "$dir/out"
judge $? "in order of time, and every message takes the 20 ms of its wire"
trace "$dir/small.yaml" --from 990ms --to 1100ms
cmp -s "$dir/out" "$dir/first"
judge $? "its scenario gives the same trace"
trace "$dir/small.yaml" --from 990ms --to 1100ms --nodes 2
[ "$(grep -c ' vote .* prevote ' "$dir/out")" -eq 6 ] && [ "$(grep -c ' commit ' "$dir/out")" -eq 1 ]
judge $? "--nodes shows what one node sends, hears and does"
trace "$dir/small.yaml" --from 1190ms --to 3s
grep -q '  1  *crash' "$dir/out" && grep -q -- '-> 1 .* never arrives' "$dir/out"
judge $? "a crash is there, and what the node that is down never gets"
trace "$dir/small.yaml" --from 0s --to 3s --all && grep -q ' transaction ' "$dir/out"
judge $? "--all shows transactions"
trace "$dir/small.yaml" --from 0s --to 3s --limit 10
[ "$(wc -l <"$dir/out")" -eq 12 ] && grep -q "^and [0-9]* more" "$dir/out"
judge $? "--limit ends the list and says so"
trace "$dir/a.h5" --to 1s --verify
judge $? "--verify finds the digest again"

"$weft" run "$dir/small.yaml" -o "$dir/b.h5" --trace 990ms..1100ms --report "$dir/b.html" -q >"$dir/out" 2>"$dir/err"
judge $? "weft run --trace"
if command -v python3 >/dev/null; then
    python3 - "$dir/b.h5" "$dir/first" >"$dir/out" 2>"$dir/err" <<'PY'
import sys
try:
    import h5py
except ImportError:
    sys.exit(0)
rows = h5py.File(sys.argv[1])["messages"][:]
lines = open(sys.argv[2]).read().splitlines()[1:]
assert len(rows) == len(lines), (len(rows), len(lines))
assert [r["sent"] for r in rows] == sorted(r["sent"] for r in rows)
assert all(r["arrived"] - r["sent"] >= 20_000_000 for r in rows if r["to"] >= 0)
PY
    judge $? "the table /messages holds the same rows"
else
    echo "skip the table /messages holds the same rows: no python3"
fi
grep -q '"messages":{"start":1000000000' "$dir/b.html" && grep -q 'id="messages-panel"' "$dir/b.html"
judge $? "the report has the messages"
"$weft" run "$dir/small.yaml" -o "$dir/c.h5" --trace 990ms..1100ms --threads 3 -q
[ "$("$weft" digest "$dir/b.h5")" = "$("$weft" digest "$dir/c.h5")" ]
judge $? "the table is part of the digest, and the same for any threads"
trace "$dir/a.h5" --from 990ms --to 1100ms --report "$dir/t.html"
[ $? -eq 0 ] && grep -q '"messages":{"start":1000000000' "$dir/t.html"
judge $? "weft trace --report draws them"
if command -v node >/dev/null; then
    node --check analysis/report/messages.js >"$dir/out" 2>"$dir/err"
    judge $? "the drawing's script is sound"
fi

bad() { # NAME TEXT ARGUMENTS...
    local name=$1 text=$2
    shift 2
    trace "$@"
    [ $? -eq 2 ] && grep -qF -- "$text" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ]
    judge $? "$name"
}
bad "no such file" "none.yaml" "$dir/none.yaml"
bad "a time without a unit" "--from" "$dir/small.yaml" --from 3
bad "a window that ends before it begins" "must be later" "$dir/small.yaml" --from 3s --to 2s
bad "no such node" "there is no node 9" "$dir/small.yaml" --nodes 9
bad "a results file is not changed" "run again as it was" "$dir/a.h5" --seed 2
bad "--verify needs a results file" "is no results file" "$dir/small.yaml" --verify
