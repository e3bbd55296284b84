#!/bin/bash
# Several layers from one entry: the run is that of as many entries; sequential ones; where mistakes are named.
set -u
weft=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi; }

scenario() { # FILE LAYERS...
    local file=$1
    shift
    cat >"$dir/$file.yaml" <<YAML
duration: 2s
drain: 1s
signatures: modelled
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
layers: [$*]
workload:
  - {kind: transfer, rate: 40/s, accounts: 20, layer: shard-0}
  - {kind: transfer, rate: 90/s, accounts: 20, layer: shard-1}
YAML
}
run() { "$weft" run "$dir/$1.yaml" -o "$dir/$1.h5" --report "$dir/$1.html" --quiet 2>"$dir/err"; }
digest() { "$weft" digest "$dir/$1.h5"; }

models='consensus: {kind: tendermint, block_interval: 250ms}, execution: {kind: ladder, cores: 4, hardware: [{nodes: 1, cores: 2}]}'
scenario count "{name: shard, count: 2, nodes: 4, $models}"
scenario written "{name: shard-0, nodes: 4, $models}, {name: shard-1, nodes: 4, $models}"
run count && run written && [ "$(digest count)" = "$(digest written)" ]
judge $? "count: 2 gives the digest of two entries"
grep -oE '"name":"shard-[0-9]+","kind":"[a-z]+","consensus":"tendermint","executor":"[a-z]+"' "$dir/count.html" >"$dir/rows"
[ "$(cat "$dir/rows")" = '"name":"shard-0","kind":"parallel","consensus":"tendermint","executor":"ladder"
"name":"shard-1","kind":"parallel","consensus":"tendermint","executor":"ladder"' ]
judge $? "the report names each of them, and its kind"

# Sequential: what execution says of cores and of hardware does not matter; all else is as `serial` on one core.
scenario sequential "{name: shard, count: 2, kind: sequential, nodes: 4, $models}"
scenario serial "{name: shard, count: 2, nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}, execution: {kind: serial, cores: 1, hardware: [{nodes: 1, cores: 1}]}}"
figures() { "$weft" run "$dir/$1.yaml" -o "$dir/$1.h5" --json 2>/dev/null | grep -oE '"offered": .*"limit"'; }
figures sequential >"$dir/a" && figures serial >"$dir/b" && [ -s "$dir/a" ] && cmp -s "$dir/a" "$dir/b"
judge $? "kind: sequential executes as serial does on one core"
run sequential && [ "$(digest sequential)" != "$(digest count)" ]
judge $? "and not as parallel does"
[ "$(grep -oE '"kind":"sequential","consensus":"tendermint","executor":"serial"' "$dir/sequential.html" | wc -l)" -eq 2 ]
judge $? "the report shows it"

scenario fees "{name: shard, count: 3, nodes: 4}, {name: other, nodes: 2, execution: {kind: serial, hardware: [{nodes: 1, profile: nowhere.profile}]}}"
"$weft" run "$dir/fees.yaml" -o "$dir/x.h5" 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -qF 'layers[1]' "$dir/err"
judge $? "a mistake is named by its entry, not by the layer's number"
scenario many "{name: shard, count: 1000, nodes: 1}, {count: 25, nodes: 1}"
"$weft" check "$dir/many.yaml" 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -q '1025 in all; at most 1024: let `count` be smaller' "$dir/err"
judge $? "more than 1,024 layers are refused"
"$weft" check "$dir/count.yaml" --set 'layers[0].count=1' 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -qF "no layer is called 'shard-0'" "$dir/err"
judge $? "a workload on a layer that there is not is refused"
