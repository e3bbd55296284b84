#!/bin/bash
# run.sh OUT SECONDS TARGET...: each target in turn with libFuzzer, from the committed corpus and what earlier runs found in OUT.
# New inputs go to OUT/TARGET, one that breaks a property to OUT/TARGET-crash-*, which ends the run with status 1.
# MERGE=1: instead, adds to the committed corpus those inputs of OUT that reach more code than it does.
set -u
out=$1 seconds=$2 status=0
shift 2
export ASAN_OPTIONS="detect_leaks=1:${ASAN_OPTIONS:-}" UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
for target in "$@"; do
    program=build/fuzz/tests/fuzz/fuzz_$target corpus=tests/fuzz/corpus/$target
    mkdir -p "$out/$target" "$corpus"
    options=(-max_len=4096 -timeout=60 -rss_limit_mb=4096 -artifact_prefix="$out/$target-")
    [ -f "tests/fuzz/$target.dict" ] && options+=(-dict="tests/fuzz/$target.dict")
    if [ -n "${MERGE:-}" ]; then
        "$program" "${options[@]}" -set_cover_merge=1 "$corpus" "$out/$target" 2>&1 | tail -n 1 || status=1
        continue
    fi
    echo "== $target: $seconds s"
    "$program" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 -verbosity=1 "$out/$target" "$corpus" >"$out/$target.log" 2>&1
    if [ $? -ne 0 ]; then
        status=1
        tail -n 40 "$out/$target.log"
        echo "FAILED $target: the input is in $out/$target-*"
    fi
    grep -E '^stat::(number_of_executed_units|new_units_added)' "$out/$target.log" | sed 's/^stat::/  /'
done
exit $status
