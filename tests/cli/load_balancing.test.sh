#!/bin/bash
# docs/load-balancing.md, done by a machine: its files and commands are taken from the page into an empty folder, and
# what the runs say is what the page says of them.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
page=$PWD/docs/load-balancing.md
cheaper=$PWD/scenarios/cheaper-layer.yaml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; head -n 20 out err 2>/dev/null | sed 's/^/    /'; fi; }
# block LANGUAGE NUMBER: that fenced block of the page
block() { awk -v want="$2" -v fence='```'"$1" '$0 == fence { n++; on = n == want; next } /^```/ { on = 0 } on' "$page"; }
mkdir "$dir/mine" && cd "$dir/mine" || exit 1
weft() { "$weft" "$@"; }
# command BLOCK LINE: that line of a block of commands, done; its output goes to "out"
command() { block sh "$1" | sed -n "$2p" >line && [ -s line ] && . ./line >out 2>err; }
figure() { sed -nE "s/^ *$1.*/\1/p" out | head -1; }
than() { awk -v a="$1" -v b="$2" "BEGIN { exit !(a != \"\" && b != \"\" && $3) }"; }

block yaml 1 >town.yaml && block yaml 2 >moving.yaml && cp "$cheaper" .
weft check town.yaml >out 2>err && weft check moving.yaml >>out 2>>err
judge $? "the page's scenarios are good"

command 1 1
judge $? "the town runs by hash"
crossed=$(figure 'crossings +([0-9.]+) %') half=$(figure 'latency +p50 ([0-9.]+)')
command 1 2
judge $? "and by leiden"
than "$(figure 'crossings +([0-9.]+) %')" "$crossed" 'a < b / 2 && b > 70 && b < 80' && than "$(figure 'latency +p50 ([0-9.]+)')" "$half" 'a < b / 2'
judge $? "which more than halves crossings and latency"
grep -qE '"reason":\["by its own data, [^"]*leaves' leiden.html
judge $? "its report has the reasons"

command 3 1
judge $? "load that moves, by least-loaded"
late=$(figure 'latency .*p90 ([0-9.]+)')
command 3 2
judge $? "and by predictive"
than "$(figure 'latency .*p90 ([0-9.]+)')" "$late" 'a < b / 2'
judge $? "with which nine of ten take less than half of the time"
grep -qE 'rises by [0-9.]+ Mgas by its trend' predictive.html
judge $? "its report says which account rises"

command 4 1
judge $? "sixteen layers with little load"
grep -q '^Warning: 16 layers for 100 tx/s' out && grep -q '16 layers for 100 tx/s' few.html
judge $? "summary and report warn"
many=$(figure 'latency +p50 ([0-9.]+)')
command 4 2
judge $? "and one layer"
! grep -q '^Warning' out && than "$(figure 'latency +p50 ([0-9.]+)')" "$many" 'a < b / 2'
judge $? "which is faster, and without a warning"

command 6 1
judge $? "wallets that stay"
dear=$(figure 'base fees of layers .*most ([0-9.]+)')
command 6 2
judge $? "and wallets that move"
than "$(figure 'base fees of layers .*most ([0-9.]+)')" "$dear" 'a < b / 10'
judge $? "make the dear layer cheap"

# The tables: in a short form, with the figures and columns that the page shows.
for b in 2 5; do
    block sh $b >line
    sed -i 's/$/ --set duration=4s --set warm_up=2s --set drain=1s/' line
    . ./line >out 2>err
    judge $? "the page's table $b is made"
    grep -E '^ |^[a-z0-9_.]+( .*)?: ' out >heads
    [ "$(wc -l <heads)" -eq 4 ] && while IFS= read -r head; do grep -qxF -- "$head" "$page" || exit 1; done <heads
    judge $? "with the page's heads"
done
