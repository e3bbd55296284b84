#!/bin/bash
# weft run, killed at 20 moments spread over a run: a file each time, which opens, says that it did not end, and is consistent.
set -u
here=$(dirname "$0")
weft=${WEFT:-build/release/weft}
python=/usr/bin/python3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
RANDOM=${WEFT_SEED:-20250}
cat >"$dir/small.yaml" <<YAML
extends: $PWD/scenarios/quickstart.yaml
duration: 5s
drain: 2s
faults: [{kind: crash, at: 1500ms, nodes: 1, recover_after: 2s}]
record: {flush: 20ms}
YAML
now() { date +%s%N; }

start=$(now)
"$weft" run "$dir/small.yaml" -o "$dir/whole.h5" --quiet || { echo "not ok kill: the whole run failed"; exit 1; }
wall=$((($(now) - start) / 1000000)) # ms
whole=$("$weft" digest "$dir/whole.h5")

# Kill number i falls into the i-th twentieth of the run. A run that had ended already is tried again, killed earlier.
killed=0 files=() without=0
for i in $(seq 0 19); do
    at=$(((wall * i + wall * (RANDOM % 1000) / 1000) / 20))
    for try in 1 2 3; do
        "$weft" run "$dir/small.yaml" -o "$dir/$i.h5" --quiet >/dev/null 2>&1 &
        pid=$!
        sleep "$((at / 1000)).$(printf %03d $((at % 1000)))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ $? -eq 137 ] && [ "$("$weft" digest "$dir/$i.h5" 2>/dev/null)" != "$whole" ] && { killed=$((killed + 1)); break; }
        at=$((at * 3 / 4))
        rm -f "$dir/$i.h5"
    done
    if [ -e "$dir/$i.h5" ]; then files+=("$dir/$i.h5"); else without=$((without + 1)); fi
done
echo "# a run of $wall ms; $killed kills, ${#files[@]} files"
# The file is there some hundredths of a second after the start; a kill before that leaves none.
if [ "$killed" -eq 20 ] && [ "$without" -le 1 ]; then echo "ok 20 kills"; else echo "not ok 20 kills: $killed, $without without a file"; fi

bad=0
for f in "${files[@]}"; do
    "$weft" digest "$f" >"$dir/out" 2>"$dir/err"
    [ $? -eq 2 ] && [ ! -s "$dir/out" ] && grep -q 'did not end' "$dir/err" || { bad=$((bad + 1)); echo "    $f: $(cat "$dir/err")"; }
done
if [ $bad -eq 0 ]; then echo "ok none looks whole"; else echo "not ok none looks whole: $bad of ${#files[@]}"; fi
"$weft" report "${files[${#files[@]} / 2]}" -o "$dir/cut.html" >/dev/null 2>"$dir/err"
if [ $? -eq 0 ] && grep -q '"completed":false' "$dir/cut.html"; then echo "ok a killed run has a page"; else echo "not ok a killed run has a page: $(cat "$dir/err")"; fi

if ! $python -c 'import h5py' 2>/dev/null; then
    echo "skip killed files are consistent: no h5py for $python"
elif out=$($python "$here/check_killed.py" "$dir/whole.h5" "${files[@]}" 2>&1); then
    echo "# $out"
    echo "ok killed files are consistent"
else
    echo "$out" | tail -5
    echo "not ok killed files are consistent"
fi

# What the killed runs left beside their files is hidden; the next run to such a path clears it away, and its file is whole.
last=${files[${#files[@]} - 1]}
stray=$(find "$dir" -name '.*' -type f ! -name '.*.h5.weft-*-[abcd]' | wc -l)
if [ "$stray" -eq 0 ]; then echo "ok leftovers have their own names"; else echo "not ok leftovers have their own names: $(find "$dir" -name '.*' -type f)"; fi
"$weft" run "$dir/small.yaml" -o "$last" --quiet
left=$(find "$dir" -name ".$(basename "$last").*" | wc -l)
if [ "$left" -eq 0 ] && [ "$("$weft" digest "$last")" = "$whole" ]; then
    echo "ok the next run clears up"
else
    echo "not ok the next run clears up: $left hidden files"
fi
