#!/bin/bash
# weft report: one page, whole or not at all, that loads nothing and runs without an error in a browser.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
sample=$WEFT_BUILD/tests/tools/sample_run
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
check() { # NAME CONDITION...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name: $(head -2 "$dir/err" 2>/dev/null)"; fi
}
complains() { # STATUS PATTERN: status 2 and one line that matches
    [ "$1" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "$2" "$dir/err"
}
[ -f /usr/share/javascript/dygraphs/dygraph.min.js ] || { echo "skip page: package libjs-dygraphs is missing"; exit 0; }

"$sample" "$dir/run.h5" --seconds 20 --layers 2 >/dev/null
"$sample" "$dir/long.h5" --seconds 400 --rate 60 >/dev/null
"$sample" "$dir/none.h5" --seconds 0 --rate 0 >/dev/null
"$sample" "$dir/cut.h5" --flush 1 --pause-us 20000 >/dev/null 2>&1 &
pid=$!
sleep 1
kill -9 $pid
wait $pid 2>/dev/null

for run in run long none cut; do
    "$WEFT" report "$dir/$run.h5" >"$dir/out" 2>"$dir/err"
    check "page_of_$run" [ $? -eq 0 -a "$(cat "$dir/out")" = "$dir/$run.html" -a -s "$dir/$run.html" ]
done
# A run whose messages were traced: they are on the page.
"$WEFT" run "$root/scenarios/poa.yaml" --set duration=6s --set drain=1s --trace 1s..4s -o "$dir/traced.h5" --report "$dir/traced.html" -q >"$dir/out" 2>"$dir/err"
check page_of_traced [ $? -eq 0 -a "$(grep -c '"messages":{' "$dir/traced.html")" -eq 1 ]
check page_without_messages [ "$(grep -c '"messages":{' "$dir/run.html")" -eq 0 ]
# A network whose accounts live on several layers: loads, epochs, moves, mail.
cat >"$dir/parted.yaml" <<YAML
duration: 14s
drain: 4s
signatures: modelled
network: {latency: {kind: constant, delay: 10ms}, topology: full-mesh}
layers: [{name: shard, count: 4, nodes: 4, consensus: {kind: tendermint, block_interval: 500ms}}]
routing: {policy: clpa, epoch: 3s}
validation: {committee: 2}
workload: [{kind: transfer, rate: 80/s, accounts: 300, pairs: {kind: communities, count: 6}}]
YAML
"$WEFT" run "$dir/parted.yaml" -o "$dir/parted.h5" --report "$dir/parted.html" -q >"$dir/out" 2>"$dir/err"
check page_of_parted [ $? -eq 0 -a "$(grep -c '"several":{' "$dir/parted.html")" -eq 1 ]
"$WEFT" run "$dir/parted.yaml" --set routing.policy=hash --set 'layers[0].count=100' --set 'layers[0].nodes=1' --set duration=4s --set validation.committee=0 --set record.transactions=none -o "$dir/wide.h5" --report "$dir/wide.html" -q >"$dir/out" 2>"$dir/err"
check page_of_wide [ $? -eq 0 -a "$(stat -c %s "$dir/wide.html")" -lt 1500000 ]
# Recorded blocks, replayed on simulated cores, in the same page.
recorded="$root/scenarios/recorded"
"$WEFT" replay "$recorded" --executor ladder --driver virtual --cores 2,8 --report "$dir/replay.html" >"$dir/out" 2>"$dir/err"
check page_of_replay [ $? -eq 0 -a -s "$dir/replay.html" ]
check replay_leaves_the_page_alone [ -z "$(find "$dir" -name 'replay.html.*')" ]
check replay_says_what_it_is grep -q '"kind":"replay"' "$dir/replay.html"
check replay_has_its_blocks [ "$(grep -o '"replayed":.*' "$dir/replay.html" | grep -o '"critical"' | wc -l)" -ge 15 ]
"$WEFT" replay "$recorded" --report "$dir/x.html" >/dev/null 2>"$dir/err"
check replay_on_threads_has_no_page complains $? 'give --driver virtual'
# The graph of conflicts, in both formats, has the same edges.
for file in graph.graphml graph.dot; do
    "$WEFT" replay "$recorded" --graph "$dir/$file" >/dev/null 2>"$dir/err"
    check "$file" [ $? -eq 0 -a -s "$dir/$file" ]
done
edges=$(grep -c '<edge ' "$dir/graph.graphml")
check graphs_agree [ "$edges" -gt 0 -a "$edges" -eq "$(grep -c -- '->' "$dir/graph.dot")" ]
check graphml_is_closed [ "$(tail -1 "$dir/graph.graphml")" = '</graphml>' -a "$(grep -c '<graph ' "$dir/graph.graphml")" -eq "$(grep -c '</graph>' "$dir/graph.graphml")" ]
"$WEFT" replay "$recorded" --executor ladder --driver virtual --cores 1,4 --oracle --json >"$dir/out" 2>"$dir/err"
check replay_totals_by_cores [ "$(grep -c '"oracle_speedup"' "$dir/out")" -eq 2 -a "$(grep -c '"model"' "$dir/out")" -eq 4 ]
check cut_run_has_no_verdict grep -q '"verdict":"This run did not end' "$dir/cut.html"
check no_temporary_left [ -z "$(find "$dir" -name '*.tmp-*')" ]
check small_enough [ "$(stat -c %s "$dir/long.html")" -lt 3000000 ]
# Nothing to fetch: no element with a source, no import; web addresses only in the library's licence comment.
check loads_nothing [ -z "$(grep -oE '<(script|link|img|iframe)[^>]* (src|href)=|@import|url\(' "$dir/run.html")" ]
cp "$dir/run.html" "$dir/first.html"
"$WEFT" report "$dir/run.h5" -o "$dir/again.html" >/dev/null
check same_page_twice cmp -s "$dir/first.html" "$dir/again.html"

"$WEFT" report "$dir/run.h5" --library "$dir" -o "$dir/x.html" >/dev/null 2>"$dir/err"
check missing_library_names_package complains $? libjs-dygraphs
"$WEFT" report "$root/Makefile" -o "$dir/x.html" >/dev/null 2>"$dir/err"
check not_hdf5 complains $? 'not an HDF5 file'
"$WEFT" report "$dir/absent.h5" -o "$dir/x.html" >/dev/null 2>"$dir/err"
check no_such_file complains $? 'No such file'
"$WEFT" report "$dir/run.h5" -o "$dir/no/x.html" >/dev/null 2>"$dir/err"
check unwritable_page complains $? 'No such file or directory'
(trap '' XFSZ; ulimit -f 100; "$WEFT" report "$dir/run.h5" -o "$dir/x.html" >/dev/null 2>"$dir/err")
check full_disk complains $? 'File too large'
check nothing_half_written [ ! -e "$dir/x.html" -a -z "$(find "$dir" -name '*.tmp-*')" ]

if /usr/bin/python3 -c 'import h5py' 2>/dev/null; then
    /usr/bin/python3 "$root/tests/report/check_page.py" "$dir/run.html" "$dir/run.h5" || echo "not ok figures"
    for run in parted wide; do
        /usr/bin/python3 "$root/tests/report/check_layers.py" $run "$dir/$run.html" "$dir/$run.h5" || echo "not ok layers of $run"
    done
else
    echo "skip figures: no h5py for /usr/bin/python3"
fi

if ! command -v chromium >/dev/null; then
    echo "skip browser: no chromium"
    exit 0
fi
browse() { # PAGE: what the browser's console says
    timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=3000 \
        --enable-logging=stderr --dump-dom "file://$1" 2>"$dir/console" >"$dir/dom"
    grep CONSOLE "$dir/console"
}
# A page that must complain, so that silence means something.
echo '<script>console.error("heard")</script>' >"$dir/loud.html"
if browse "$dir/loud.html" | grep -q heard; then
    for run in run long none cut replay; do
        said=$(browse "$dir/$run.html")
        check "browser_$run" [ -z "$said" -a "$(grep -c '<canvas' "$dir/dom")" -gt 0 ]
        [ -z "$said" ] || echo "$said" | head -3
    done
    for run in parted wide; do
        said=$(browse "$dir/$run.html")
        check "browser_$run" [ -z "$said" -a "$(grep -o '<canvas class="own"' "$dir/dom" | wc -l)" -ge 4 -a "$(grep -c 'id="layers-panel" hidden' "$dir/dom")" -eq 0 ]
        [ -z "$said" ] || echo "$said" | head -3
    done
    check "browser_names_layers" grep -q 'such layers* would carry this load' "$dir/dom"
    said=$(browse "$dir/traced.html")
    check "browser_traced" [ -z "$said" -a "$(grep -o '<polygon' "$dir/dom" | wc -l)" -gt 3 ]
else
    echo "skip browser: chromium does not start here"
fi
