#!/bin/bash
# The shared state tests and recorded blocks against the program, a suite a line. Failures must be exactly those listed in
# known_failures.txt: a failure that is not listed fails the run, and so does a listed case that passes.
#   --update            writes the list anew for the suites that ran
#   CONFORMANCE_ALL=1   the suites and files that take long as well
# WEFT, WEFT_FIXTURES: the program and the folder of reference material.
set -u
cd "$(dirname "$0")/../.." || exit 2
weft=${WEFT:-build/release/weft}
fixtures=${WEFT_FIXTURES:-../shared}
list=tests/conformance/known_failures.txt
suites="ethereum-tests eest-prague eest-osaka ethereum-tests-eips/stEIP2537 ethereum-tests-eips/stEOF \
legacy-frontier-to-constantinople evm-benchmarks"
slow="legacy-istanbul-to-cancun"
slow_files='CALLBlake2f_MaxRounds' # 2^32 rounds in one call: half a minute and more a case
# Suites that were filled by rules that no chain got: their fork's name means another rule set of forks.def.
declare -A rules=([ethereum-tests-eips/stEIP2537]=Prague=Prague-2537-draft)
jobs=$(nproc)
update=false status=0
[ "${1:-}" = --update ] && update=true
limit=1000
[ "${CONFORMANCE_ALL:-}" = 1 ] && suites="$suites $slow" limit=3000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "FAILED path: test: Fork[i] (...): reason: detail" becomes "reason | suite/path | test | Fork[i]".
normalise() {
    sed -nE "s#^FAILED .*/conformance/([^:]*\.json): (.*): ([A-Za-z0-9]+\[[0-9]+\]) \(data [^)]*\): ([a-z ]+): .*#\4 | \1 | \2 | \3#p" | sort
}

grep -E '^[a-z].* \| ' "$list" >"$work/all" 2>/dev/null
for suite in $suites; do
    folder=$fixtures/conformance/$suite
    if [ ! -d "$folder" ]; then
        echo "skip $suite: $folder is not there"
        continue
    fi
    skip=$slow_files
    [ "${CONFORMANCE_ALL:-}" = 1 ] && skip='^$'
    find "$folder" -name '*.json' | grep -vE "$skip" | sort >"$work/files"
    option=${rules[$suite]:-}
    timeout $limit xargs -s 1500000 -x -a "$work/files" "$weft" statetest --jobs "$jobs" ${option:+--rules "$option"} >"$work/out" 2>"$work/err"
    code=$?
    normalise <"$work/out" >"$work/got"
    grep " | $suite/" "$list" 2>/dev/null | sort >"$work/listed"
    grep -v " | $suite/" "$work/all" >"$work/others"
    cat "$work/others" "$work/got" >"$work/all"
    unlisted=$(comm -23 "$work/got" "$work/listed") stale=$(comm -13 "$work/got" "$work/listed")
    counts=$(grep -E '^[0-9]+ passed' "$work/out" | tail -n 1)
    # 123: xargs says that the program ended with 1, that is, cases failed; they are judged here.
    if { [ "$code" -ne 0 ] && [ "$code" -ne 123 ]; } || [ -z "$counts" ] || [ -s "$work/err" ]; then
        echo "not ok $suite: status $code: $(head -n 1 "$work/err")"
        status=1
    elif [ -n "$unlisted$stale" ] && ! $update; then
        echo "not ok $suite: $counts"
        [ -n "$unlisted" ] && printf 'fails, not listed:\n%s\n' "$(head -n 20 <<<"$unlisted")"
        [ -n "$stale" ] && printf 'listed, passes:\n%s\n' "$(head -n 20 <<<"$stale")"
        status=1
    else
        echo "ok $suite: $counts${option:+ (--rules $option)}"
    fi
done

recorded=$fixtures/recorded/mainnet
if [ -d "$recorded" ]; then
    for how in "serial threads 1" "block-stm threads 2" "block-stm virtual 1" "block-stm virtual 8" "block-stm virtual 64"; do
        set -- $how
        if "$weft" replay "$recorded" --executor "$1" --driver "$2" --cores "$3" >"$work/out" 2>&1; then
            echo "ok replay $how: $(tail -n 1 "$work/out")"
        else
            echo "not ok replay $how"
            grep -v ': ok' "$work/out" | head -n 20
            status=1
        fi
    done
else
    echo "skip replay: $recorded is not there"
fi

# Failures with a known cause stand under it.
group() { # PATTERN CAUSE: takes what matches out of $work/all
    grep -E "$1" "$work/all" | sort >"$work/group"
    [ -s "$work/group" ] || return
    echo "# $2"
    cat "$work/group"
    grep -vE "$1" "$work/all" >"$work/rest"
    mv "$work/rest" "$work/all"
}

if $update; then
    {
        echo "# State-test cases that fail, by reason: reason | file | test | fork[index]."
        echo "# Kept by tests/conformance/statetests.test.sh, which fails if this list is not exact; --update writes it anew."
        group 'stEOF/' "Tests of EOF (EIP-3540, 4750, 5450), which Prague did not get in the end."
        group '.' "Not explained yet."
    } >"$work/new"
    mv "$work/new" "$list"
    echo "$(grep -cE '^[a-z].* \| ' "$list") failures listed"
fi
exit $status
