#!/bin/bash
# run.sh BUILD: runs every test under BUILD and tests/, prints what failed, and one closing line that counts them all.
# A unit test is a cmocka program; a script in tests/*/ named *.test.sh prints "ok NAME", "not ok NAME" or "skip NAME: why".
set -u
build=$1
export WEFT="$build/weft" WEFT_BUILD="$build"
export WEFT_FIXTURES="${WEFT_FIXTURES:-../shared}"
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() { # LOG STATUS NAME
    local p f s
    p=$(grep -cE '^(\[       OK \]|ok )' "$1")
    f=$(grep -cE '^(\[  FAILED  \] [A-Za-z0-9_]+$|not ok )' "$1")
    s=$(grep -cE '^(\[  SKIPPED \] [A-Za-z0-9_]+$|skip )' "$1")
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$f" -gt 0 ]; then
        echo "FAILED $3 (status $2)"
        tail -n 40 "$1" | sed 's/^/    /'
    fi
    grep -E '^skip ' "$1" | sed "s|^|$3: |"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '  %-44s %4d passed %3d failed %3d skipped\n' "$3" "$p" "$f" "$s"
}

for t in "$build"/tests/unit/test_* "$build"/tests/property/test_*; do
    case $t in *.o | *.d) continue ;; esac
    [ -x "$t" ] || continue
    "$t" >"$log" 2>&1
    count "$log" $? "${t#"$build"/tests/}"
done
for t in tests/*/*.test.sh; do
    [ -f "$t" ] || continue
    bash "$t" >"$log" 2>&1
    count "$log" $? "${t#tests/}"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
