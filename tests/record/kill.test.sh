#!/bin/bash
# A writer that does little but flush, killed at 20 random moments: every file opens and holds the first rows of the whole run.
set -u
here=$(dirname "$0")
sample=$WEFT_BUILD/tests/tools/sample_run
python=/usr/bin/python3
$python -c 'import h5py' 2>/dev/null || { echo "skip kill: no h5py for $python"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$sample" "$dir/whole.h5" --seconds 60 >/dev/null || { echo "not ok kill: the whole run failed"; exit 1; }
RANDOM=${WEFT_SEED:-$$}
echo "# WEFT_SEED=${WEFT_SEED:-$$}"
files=() killed=0
for i in $(seq 20); do
    f=$dir/$i.h5
    "$sample" "$f" --seconds 60 --flush 1 >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $((150 + RANDOM % 500)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $? -eq 137 ] && killed=$((killed + 1))
    files+=("$f")
done
if [ "$killed" -ne 20 ]; then
    echo "not ok kill: only $killed of 20 runs were still going when killed"
elif out=$($python "$here/check_prefix.py" "$dir/whole.h5" "${files[@]}" 2>&1); then
    echo "# $out"
    echo "ok kill"
else
    echo "$out" | tail -3
    echo "not ok kill"
fi

# The next run to the same path removes what the killed one left, and nothing is left after it.
"$sample" "$dir/1.h5" --seconds 5 >/dev/null
left=$(find "$dir" -name '.1.h5.*' | wc -l)
if [ "$left" -eq 0 ]; then echo "ok kill_left_nothing"; else echo "not ok kill_left_nothing: $left hidden files"; fi
