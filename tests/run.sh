#!/bin/bash
# run.sh BUILD: runs every test of BUILD and tests/, prints what failed, and one closing line that counts them all.
# A unit test is a cmocka program, a fuzz target one that prints lines as scripts do; a script tests/FOLDER/NAME.test.sh prints lines "ok NAME", "not ok NAME" or "skip NAME: why".
# MATCH: only names that match this pattern. UNIT_ONLY=1: no scripts. ONLY=FOLDER: only that folder's scripts; tests/conformance
# runs only so.
set -u
build=$1
export WEFT="$build/weft" WEFT_BUILD="$build"
export WEFT_FIXTURES="${WEFT_FIXTURES:-../shared}"
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1 ${TSAN_OPTIONS:-}"
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run() { # NAME COMMAND...
    local name=$1 status p f s
    shift
    [[ $name =~ ${MATCH:-.} ]] || return
    timeout 1200 "$@" >"$log" 2>&1
    status=$?
    # cmocka lists failed and skipped tests again behind its count: that part is left out.
    p=$(sed '/test(s) run\.$/q' "$log" | grep -cE '^(\[       OK \]|ok )')
    f=$(sed '/test(s) run\.$/q' "$log" | grep -cE '^(\[  FAILED  \] [A-Za-z0-9_]+$|not ok )')
    s=$(sed '/test(s) run\.$/q' "$log" | grep -cE '^(\[  SKIPPED \] [A-Za-z0-9_]+$|skip )')
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$status" -eq 0 ] && [ $((p + f + s)) -eq 0 ]; then f=1; echo "no test ran in $name"; fi
    if [ "$f" -gt 0 ]; then
        echo "FAILED $name (status $status)"
        tail -n 40 "$log" | sed 's/^/    /'
    fi
    grep -E '^skip ' "$log" | sed "s|^|$name: |"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '  %-48s %4d passed %3d failed %3d skipped\n' "$name" "$p" "$f" "$s"
}

if [ -z "${ONLY:-}" ]; then
    for source in tests/unit/test_*.c tests/property/test_*.c; do
        [ -f "$source" ] && run "${source%.c}" "$build/${source%.c}"
    done
    for source in tests/fuzz/fuzz_*.c; do # the committed corpus, then inputs of a fixed seed
        target=${source%.c}
        run "$target" "$build/$target" "tests/fuzz/corpus/${target#*fuzz_}"
    done
fi
if [ -z "${UNIT_ONLY:-}" ]; then
    for script in tests/${ONLY:-*}/*.test.sh; do
        [ -f "$script" ] || continue
        case $script in tests/conformance/*) [ "${ONLY:-}" = conformance ] || continue ;; esac
        run "${script%.test.sh}" bash "$script"
    done
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
