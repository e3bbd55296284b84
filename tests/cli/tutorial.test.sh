#!/bin/bash
# docs/write-a-consensus.md, done by a machine: its code is taken from the page, built in an empty folder against installed
# headers, and gives what the page says.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
page=$PWD/docs/write-a-consensus.md
example=$PWD/examples/consensus/streamlet.c
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; head -n 30 out err 2>/dev/null | sed 's/^/    /'; fi; }
# block LANGUAGE NUMBER: that fenced block of the page
block() { awk -v want="$2" -v fence='```'"$1" '$0 == fence { n++; on = n == want; next } /^```/ { on = 0 } on' "$page"; }
all_said() { while IFS= read -r line; do said "$line" || { echo "not on the page: $line" >>err; return 1; }; done <"$1"; }
said() { grep -qF -- "$1" "$page"; } # a line is on the page

make --no-print-directory install PREFIX="$dir/usr" B="$(dirname "$weft")" -o all >"$dir/out" 2>&1
export PATH=$dir/usr/bin:$PATH PKG_CONFIG_PATH=$dir/usr/lib/pkgconfig
mkdir "$dir/mine" && cd "$dir/mine" || exit 1
build() { gcc -std=gnu17 -Wall -Werror -shared -fPIC -O2 $(pkg-config --cflags weft) "$1.c" -o "$1.so" >out 2>err; }

block c 1 >chief.c
build chief
judge $? "the first protocol builds"
weft models consensus --plugin ./chief.so | tail -4 >out
all_said out
judge $? "weft models says what the page says"
block yaml 1 >chief.yaml
weft run chief.yaml -o chief.h5 --report chief.html >out 2>err
judge $? "it runs"
grep -qE '^  blocks +39, one every 0.500 s' out && grep -qE ' 0 pending$' out
judge $? "a block every half second, and everything is committed"
weft conform consensus ./chief.so --case healthy --case crash --case equivocation --keep failures >out 2>err
[ $? -eq 1 ] && [ "$(grep -cE '^  (healthy|crash|equivocation)' out)" -eq 3 ]
judge $? "it is judged"
grep -qE '^  healthy +40 +holds +holds +- +holds +holds +holds' out && grep -qE '^  crash +40 +holds +holds +- +FAILS' out &&
    grep -qE '^  equivocation +40 +FAILS' out
judge $? "with the verdicts of the page"
weft trace failures/chief-equivocation-4-2.yaml --from 490ms --to 560ms >out 2>err
judge $? "its failure is traced"
[ "$(grep -c ' commit ' out)" -eq 4 ] && [ "$(grep -c ' never arrives' out)" -eq 3 ] && grep -q '  2  *agreement ' out
judge $? "four commits, three messages that a liar keeps from the other half, and a judge's word"
weft run failures/chief-equivocation-4-2.yaml -q -o f.h5 >out 2>err
[ $? -eq 3 ]
judge $? "and breaks safety in a run"

cp "$example" streamlet.c
build streamlet
judge $? "Streamlet builds"
weft conform consensus ./streamlet.so --seeds 2 >out 2>err
judge $? "and holds"
said "$(grep '^messages a block' out)" && said "$(grep '^from a block' out)"
judge $? "with the messages and hops of the page"

block c 2 >hasty.part
awk '/struct block \*parent = b->parent/ { while ((getline line < "hasty.part") > 0) print line; skip = 3 } skip > 0 { skip--; next } { print }' \
    streamlet.c | sed 's/{"streamlet",/{"hasty",/' >hasty.c
build hasty
judge $? "the hasty one builds"
weft conform consensus ./hasty.so --case asynchrony --keep failures >out 2>err
[ $? -eq 1 ] && grep -qE '^  asynchrony +40 +FAILS [0-9]+ +holds +holds +holds +holds +holds' out && grep -q 'another block of height' out
judge $? "and is caught as the page says"

sed '/s->voted = b->round;/d; s/{"streamlet",/{"twice",/' streamlet.c >twice.c
build twice
judge $? "the one that votes twice builds"
weft conform consensus ./twice.so --case equivocation --case equivocation-heard >out 2>err
[ $? -eq 1 ] && grep -E '^  equivocation|^certificates FAILS|a second .notarised|replay: .*--nodes 4' out >said && [ "$(wc -l <said)" -ge 5 ] && all_said said
judge $? "and is caught where both proposals are heard"

block c 3 >leads.part
block c 4 >names.part
awk '/^static bool leads/ { while ((getline line < "leads.part") > 0) print line; skip = 1 } skip && /^}/ { skip = 0; next } skip { next }
     /^static const struct consensus_ops/ { held = 1 } /clang-format off/ { while ((getline line < "names.part") > 0) print line } { print }' streamlet.c |
    sed 's/{"streamlet",/{"hashed",/; s/\.fini = fini,/.fini = fini, .message_name = message_name,/' >hashed.c
build hashed
judge $? "the variant builds"
block yaml 2 >compare.yaml
for p in streamlet hashed; do
    weft run compare.yaml --set layers.main.consensus.plugin=./$p.so -o $p.h5 2>err | sed -nE 's/^  latency .* p99 ([0-9.]+) s/\1/p' >$p.out
done
awk -v turns="$(cat streamlet.out)" -v drawn="$(cat hashed.out)" 'BEGIN { exit !(turns > 1 && drawn > 1.3 * turns) }'
judge $? "drawn leaders have longer bad luck"
weft trace hashed.h5 --from 6s --to 8s --nodes 0-3 --report hashed.html >out 2>err
[ $? -eq 0 ] && grep -q ' vote ' out && grep -q '"messages":{' hashed.html
judge $? "the variant is traced and drawn"
