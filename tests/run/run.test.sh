#!/bin/bash
# weft run from outside: statuses, files, interruption, one line for each mistake.
set -u
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ok() { echo "ok $1"; }
not() { echo "not ok $1"; }
judge() { if [ "$1" -eq 0 ]; then ok "$2"; else not "$2"; fi; }

cat >"$dir/small.yaml" <<'YAML'
name: small
duration: 2s
drain: 2s
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
layers:
  - {name: main, nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}}
workload:
  - {kind: transfer, rate: 40/s, accounts: 20}
YAML

# status SAYS WANTED ARGS...: exit status and a text on stderr, which is one line
status() {
    local name=$1 wanted=$2 text=$3
    shift 3
    "$weft" "$@" >"$dir/out" 2>"$dir/err"
    local got=$?
    if [ $got -ne "$wanted" ]; then
        echo "    status $got instead of $wanted: $(cat "$dir/err")"
        not "$name"
    elif [ -n "$text" ] && ! { grep -qF -- "$text" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ]; }; then
        echo "    said: $(cat "$dir/err")"
        not "$name"
    else
        ok "$name"
    fi
}

status "a run ends with status 0" 0 "" run "$dir/small.yaml" -o "$dir/a.h5" --quiet
test ! -s "$dir/out" && test ! -s "$dir/err"
judge $? "--quiet says nothing"
"$weft" digest "$dir/a.h5" >"$dir/a.digest"
judge $? "the file's digest holds"

"$weft" run "$dir/small.yaml" -o "$dir/b.h5" --threads 3 --json >"$dir/b.json" 2>/dev/null
"$weft" digest "$dir/b.h5" | cmp -s - "$dir/a.digest"
judge $? "any number of threads gives the same digest"
grep -q "\"digest\": \"$(cat "$dir/a.digest")\"" "$dir/b.json" && grep -q '"completed": true' "$dir/b.json"
judge $? "--json holds the digest"
grep -oE '"traffic": \{[^}]*\}|"messages": [0-9.]+, "bytes": [0-9.]+' "$dir/b.json" | tr -d '"{},' |
    awk '$1 == "messages:" && !all { all = $2; bytes = $4 }
         $1 == "traffic:" { for (i = 2; i < NF; i += 2) if ($i ~ /_messages/) m += $(i + 1); else { b += $(i + 1); kinds++ } }
         END { exit !(m > 0 && m == all && b == bytes && kinds == 6) }'
judge $? "messages and bytes by kind add up to all of them"
"$weft" run "$dir/small.yaml" -o "$dir/c.h5" --report "$dir/c.html" --quiet 2>"$dir/err"
limit=$(sed -n 's/.*"limit_text": "\([^"]*\)".*/\1/p' "$dir/b.json")
test -n "$limit" && grep -qF "\"verdict\":\"$limit\"" "$dir/c.html"
judge $? "the page's verdict is the summary's"
"$weft" digest "$dir/c.h5" | cmp -s - "$dir/a.digest" && test -s "$dir/c.html"
judge $? "the report changes nothing"
"$weft" run "$dir/small.yaml" -o "$dir/d.h5" --seed 2 --quiet
! "$weft" digest "$dir/d.h5" | cmp -s - "$dir/a.digest"
judge $? "another seed gives another run"

status "no such file" 2 "none.yaml" run "$dir/none.yaml" -o "$dir/x.h5"
status "unknown model" 2 "tendermint" run "$dir/small.yaml" -o "$dir/x.h5" --set layers.main.consensus=tendrmint
status "missing unit" 2 "duration" run "$dir/small.yaml" -o "$dir/x.h5" --set duration=5
status "negative rate" 2 "rate" run "$dir/small.yaml" -o "$dir/x.h5" --set 'workload[0].rate=-4/s'
status "unknown layer" 2 "no layer is called" run "$dir/small.yaml" -o "$dir/x.h5" --set 'workload[0].layer=other'
status "unknown profile" 2 "no cost profile" run "$dir/small.yaml" -o "$dir/x.h5" --set layers.main.execution.profile=toaster
status "output folder missing" 2 "$dir/no/x.h5" run "$dir/small.yaml" -o "$dir/no/x.h5"
status "expected trouble that does not come" 1 "" run "$dir/small.yaml" -o "$dir/x.h5" --quiet --set expect.unsafe=true
# Signers half a world apart take turns every 30 ms and call a block final after one more.
status "broken safety" 3 "" run "$dir/small.yaml" -o "$dir/y.h5" --quiet --set layers.main.nodes=5 \
    --set 'layers.main.consensus={kind: poa, block_interval: 30ms, wiggle: 1ms, confirmations: 1}' \
    --set 'network.latency={kind: regions, nodes: {us-east-1: 50%, ap-southeast-1: 50%}}'
status "broken safety that is expected" 0 "" run "$dir/small.yaml" -o "$dir/y.h5" --quiet \
    --set layers.main.nodes=5 --set expect.unsafe=true \
    --set 'layers.main.consensus={kind: poa, block_interval: 30ms, wiggle: 1ms, confirmations: 1}' \
    --set 'network.latency={kind: regions, nodes: {us-east-1: 50%, ap-southeast-1: 50%}}'
rm -f "$dir/x.h5"

# A long run, interrupted: closed, readable, marked as incomplete.
"$weft" run "$dir/small.yaml" -o "$dir/i.h5" --set duration=1000s >"$dir/out" 2>&1 &
pid=$!
sleep 1
kill -INT $pid
wait $pid
test $? -eq 1 && grep -q incomplete "$dir/out" && test -s "$dir/i.h5" &&
    grep -q '^What limited it: The run was stopped before its end' "$dir/out"
judge $? "an interrupted run is closed and says so"
"$weft" digest "$dir/i.h5" >/dev/null 2>"$dir/err"
test $? -eq 2
judge $? "an interrupted run has no digest"
leftovers=$(find "$dir" -name '.*weft*' | wc -l)
judge "$leftovers" "no hidden file is left behind"

# What was there survives a run that cannot begin: this one's fault is found when the world is set up.
cp "$dir/a.h5" "$dir/keep.h5"
status "an impossible fault" 2 "faults[0]" run "$dir/small.yaml" -o "$dir/keep.h5" --set 'faults=[{kind: crash, at: 1s, nodes: 99}]'
cmp -s "$dir/a.h5" "$dir/keep.h5"
judge $? "a run that cannot begin keeps the old results"
status "an impossible fault, no results yet" 2 "faults[0]" run "$dir/small.yaml" -o "$dir/new.h5" --set 'faults=[{kind: crash, at: 1s, nodes: 99}]'
test ! -e "$dir/new.h5" && test -z "$(find "$dir" -name '.*weft*')"
judge $? "a run that cannot begin leaves nothing"

# Signatures take time on the cores, and blocks go first: a backlog of them does not stop the chain.
cat >"$dir/slow.yaml" <<'YAML'
name: slow
duration: 4s
drain: 1s
signatures: modelled
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
layers: [{name: main, nodes: 4, execution: {kind: block-stm, slowdown: 200, cores: 2, ingress_wait: 300ms}}]
workload: [{kind: transfer, rate: 1000/s, accounts: 200}]
YAML
"$weft" run "$dir/slow.yaml" -o "$dir/slow.h5" --json >"$dir/slow.json"
number() { grep -oE "\"$1\": *[0-9.eE+-]+" "$dir/slow.json" | head -n 1 | sed 's/.*: *//'; }
awk -v blocks="$(number blocks)" -v committed="$(number committed)" -v shed="$(number shed)" -v used="$(number signature_utilisation)" \
    'BEGIN { exit !(blocks >= 3 && committed > 0 && shed > 0 && used > 0.5 && used < 1.5) }'
judge $? "blocks go on under a backlog of signatures"

# Stopped while it is still set up: status 1, and no file.
"$weft" run "$dir/small.yaml" --set layers.main.nodes=2M -o "$dir/large.h5" 2>"$dir/err" &
for _ in $(seq 200); do # its file is there before the work of setting up begins
    [ -e "$dir/large.h5" ] && break
    sleep 0.05
done
kill -TERM $!
wait $!
status=$?
if [ $status -ne 1 ] && ! grep -q "no memory" "$dir/err"; then echo "    status $status: $(cat "$dir/err")"; fi
[ $status -eq 1 ] && [ ! -e "$dir/large.h5" ]
judge $? "a run can be stopped while it is set up"

# What the summary says of a partitioned network.
cat >"$dir/layers.yaml" <<'YAML'
duration: 6s
drain: 2s
signatures: modelled
verify: serialisable
crosslayer: relay
network: {latency: {kind: constant, delay: 10ms}, topology: full-mesh}
routing: {policy: hash, epoch: 3s}
layers: [{name: shard, count: 4, nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}}]
workload: [{kind: transfer, rate: 40/s, accounts: 500}]
YAML
"$weft" run "$dir/layers.yaml" -o none >"$dir/out" 2>"$dir/err"
grep -qE '^  crossings +[0-9.]+ % of the committed \([0-9]+\), by relay; ' "$dir/out" && ! grep -q 'locked' "$dir/out"
judge $? "payments cross by relay, which locks nothing"
n=$(sed -nE 's/^  verified +([0-9]+) transactions in [0-9]+ blocks executed once more, on one state: the same$/\1/p' "$dir/out")
[ "${n:-0}" -gt 0 ] && grep -qE "^  transactions committed +$n by the end" "$dir/out"
judge $? "that all was verified is said"
grep -qE '^  base fees of layers +mean of a layer.s blocks: least [0-9.e-]+ \(shard-[0-3]\)   most [0-9.e-]+ gwei/gas \(shard-[0-3]\)$' "$dir/out"
judge $? "base fees are those of the layers' blocks"
"$weft" run "$dir/layers.yaml" -o none --set 'workload=[{kind: erc20, rate: 40/s, accounts: 500}]' >"$dir/out" 2>"$dir/err"
grep -q ', by two-phase-commit (all are calls; relay takes plain payments only); ' "$dir/out" && grep -q '^    accounts locked for ' "$dir/out"
judge $? "calls cross by the protocol that takes them"
"$weft" run "$dir/layers.yaml" -o none --set 'workload=[{kind: erc20, rate: 40/s, accounts: 500},{kind: transfer, rate: 40/s, accounts: 500}]' >"$dir/out" 2>"$dir/err"
grep -qE ', by relay \([0-9]+\) and, for calls, two-phase-commit \([0-9]+\); ' "$dir/out"
judge $? "of two protocols, each has its share"
