#!/bin/bash
# The tables of a partitioned network (crossings, moves, routing, layers) against one another and against the summary.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi; }

cat >"$dir/s.yaml" <<YAML
duration: 16s
drain: 6s
signatures: modelled
network: {latency: {kind: constant, delay: 10ms}, topology: full-mesh}
layers: [{name: shard, count: 4, nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}}]
routing: {policy: clpa, epoch: 4s}
workload: [{kind: transfer, rate: 100/s, accounts: 500, pairs: {kind: communities, count: 8}}]
YAML
"$weft" run "$dir/s.yaml" -o "$dir/s.h5" --json >"$dir/s.json" 2>"$dir/err"
judge $? "a partitioned run"
"$weft" run "$dir/s.yaml" --set routing.policy=hash --set record.transactions=none -o "$dir/hash.h5" --json >"$dir/hash.json"
judge $? "one whose accounts stay, without rows of transactions"
"$weft" run "$dir/s.yaml" --set duration=3s --set drain=0s -o "$dir/short.h5" --json >"$dir/short.json"
judge $? "one that ends while crossings are open"
/usr/bin/python3 -c 'import h5py' 2>/dev/null || { echo "skip tables: no h5py for /usr/bin/python3"; exit 0; }
PYTHONPATH="$root/analysis" /usr/bin/python3 "$root/tests/run/check_partition.py" "$dir" || echo "not ok tables"
