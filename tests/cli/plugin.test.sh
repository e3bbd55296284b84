#!/bin/bash
# Models outside the tree: built against the installed headers in a folder of its own, seen by every command, refused for a
# reason.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
source=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; cat "$dir/out" "$dir/err" 2>/dev/null | head -n 20 | sed 's/^/    /'; fi; }

make --no-print-directory install PREFIX="$dir/usr" B="$(dirname "$weft")" -o all >"$dir/out" 2>&1
judge $? "the headers are installed"
flags=$(PKG_CONFIG_PATH="$dir/usr/lib/pkgconfig" pkg-config --cflags weft)
build() { gcc -std=gnu17 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -shared -fPIC -O1 $flags "$@" >"$dir/out" 2>"$dir/err"; }

mkdir -p "$dir/plugins" "$dir/sub"
make --no-print-directory plugin SRC=examples/consensus/streamlet.c OUT="$dir/made.so" >"$dir/out" 2>&1 && "$weft" models consensus --plugin "$dir/made.so" >/dev/null
judge $? "make plugin builds one"
[ "$(wc -l <examples/consensus/streamlet.c)" -lt 200 ]
judge $? "the example has fewer than 200 lines"
build examples/consensus/streamlet.c -o "$dir/plugins/streamlet.so"
judge $? "the example builds out of the tree, without a warning"

cat >"$dir/run.yaml" <<'YAML'
duration: 5s
drain: 2s
signatures: modelled
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
layers: [{name: main, nodes: 4, consensus: {plugin: plugins/streamlet.so, epoch: 100ms}}]
workload: [{kind: transfer, rate: 20/s, accounts: 20}]
YAML
cd / # paths are relative to the file
"$weft" run "$dir/run.yaml" -o "$dir/a.h5" --json >"$dir/out" 2>"$dir/err"
judge $? "a scenario runs a plug-in"
grep -qE '"committed": [1-9]' "$dir/out" && grep -q '"safety_violations": 0' "$dir/out"
judge $? "and it commits"
grep -aq "streamlet keccak256:[0-9a-f]\{64\}" "$dir/a.h5"
judge $? "the results file names the plug-in and its hash"
"$weft" check "$dir/run.yaml" --resolved >"$dir/sub/again.yaml" 2>"$dir/err"
mv "$dir/sub/again.yaml" "$dir/again.yaml"
"$weft" run "$dir/again.yaml" -o "$dir/b.h5" -q 2>"$dir/err" && [ "$("$weft" digest "$dir/a.h5")" = "$("$weft" digest "$dir/b.h5")" ]
judge $? "the resolved scenario gives the same run"
sed 's/consensus: {plugin: plugins.streamlet.so/plugins: [plugins\/streamlet.so], consensus: {kind: streamlet/' "$dir/run.yaml" |
    sed 's/^layers: \[{name: main, nodes: 4, \(plugins: [^]]*\]\), /\1\nlayers: [{name: main, nodes: 4, /' >"$dir/list.yaml"
"$weft" run "$dir/list.yaml" -o "$dir/c.h5" -q 2>"$dir/err" && [ "$("$weft" digest "$dir/a.h5")" = "$("$weft" digest "$dir/c.h5")" ]
judge $? "a list of plug-ins at the top does the same"
printf 'extends: ../run.yaml\nlayers: [{name: main, nodes: 4}]\n' >"$dir/sub/base.yaml"
"$weft" run "$dir/sub/base.yaml" --set "layers.main.consensus.plugin=$dir/plugins/streamlet.so" --set layers.main.consensus.epoch=100ms \
    -o "$dir/d.h5" -q 2>"$dir/err" && [ "$("$weft" digest "$dir/a.h5")" = "$("$weft" digest "$dir/d.h5")" ]
judge $? "--set names a plug-in"
"$weft" models consensus --plugin "$dir/plugins/streamlet.so" >"$dir/out" 2>"$dir/err" && grep -q "One leader's time" "$dir/out"
judge $? "weft models shows its settings"
"$weft" schema --plugin "$dir/plugins/streamlet.so" >"$dir/out" 2>"$dir/err" && grep -q '"consensus streamlet"' "$dir/out"
judge $? "weft schema knows it"

# refused NAME TEXT [SETS...]
refused() {
    local name=$1 text=$2
    shift 2
    "$weft" check "$dir/run.yaml" "$@" >"$dir/out" 2>"$dir/err"
    [ $? -eq 2 ] && grep -qF -- "$text" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ]
    judge $? "$name"
}
set_plugin() { echo "--set=layers.main.consensus.plugin=$dir/plugins/$1"; }
cd "$source" || exit 1
refused "no such file" "No such file" "$(set_plugin none.so)"
printf "extends: run.yaml\nlayers: [{name: main, nodes: 4, consensus: {plugin: gone.so, epoch: 1s}}]\n" >"$dir/gone.yaml"
"$weft" check "$dir/gone.yaml" >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "gone.yaml:2:.*: layers\[0\].consensus.plugin: .*No such file" "$dir/err"
judge $? "a file that names what is not there gets one line with its place"
echo "not an object" >"$dir/plugins/text.so"
refused "not a shared object" "text.so" "$(set_plugin text.so)"
head -c 9000 "$dir/plugins/streamlet.so" >"$dir/plugins/cut.so"
refused "a file that was cut off" "no whole shared object" "$(set_plugin cut.so)"
echo 'int x;' >"$dir/x.c"
build "$dir/x.c" -o "$dir/plugins/x.so"
refused "no plug-in inside" "it exports no weft_plugin" "$(set_plugin x.so)"
sed 's/^WEFT_PLUGIN.*/#undef WEFT_PLUGIN_SHAPE\n#define WEFT_PLUGIN_SHAPE 7\n&/' examples/consensus/streamlet.c >"$dir/old.c"
build "$dir/old.c" -o "$dir/plugins/old.so"
refused "headers of another version" "headers of another version" "$(set_plugin old.so)"
sed 's/^#include.*/&\nuint64_t weft_nonesuch(void);/; s/    s->env = env;/    s->env = env;\n    s->voted = weft_nonesuch();/' examples/consensus/streamlet.c >"$dir/call.c"
build "$dir/call.c" -o "$dir/plugins/call.so"
refused "calls what is not there" "undefined symbol: weft_nonesuch" "$(set_plugin call.so)"
sed 's/{"streamlet", /{"tendermint", /' examples/consensus/streamlet.c >"$dir/taken.c"
build "$dir/taken.c" -o "$dir/plugins/taken.so"
refused "a name that is taken" "there is a consensus model tendermint already" "$(set_plugin taken.so)"
sed 's/ \.recovered = start,//' examples/consensus/streamlet.c >"$dir/lacks.c"
build "$dir/lacks.c" -o "$dir/plugins/lacks.so"
refused "a function that is missing" "lacks recovered" "$(set_plugin lacks.so)"
sed 's/or more\.")/or more")/; s/{"streamlet", /{"other", /' examples/consensus/streamlet.c >"$dir/doc.c"
build "$dir/doc.c" -o "$dir/plugins/doc.so"
refused "a setting without a sentence" "epoch: its doc is no sentence" "$(set_plugin doc.so)"
refused "both a kind and a plug-in" "leave one" "--set=layers.main.consensus={kind: poa, plugin: $dir/plugins/streamlet.so}"
refused "a setting it lacks" "did you mean epoch" --set layers.main.consensus.epok=1s
