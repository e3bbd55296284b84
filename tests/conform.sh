#!/bin/bash
# tests/conform.sh SEEDS [PROTOCOL...]: weft conform of every consensus protocol, or of those named: a line each, and what failed.
set -u
weft=${WEFT:-build/release/weft}
seeds=$1
shift
[ $# -gt 0 ] || set -- $("$weft" models consensus | sed -n 's/^  \([a-z][a-z0-9-]*\)$/\1/p')
passed=0 failed=0
for protocol; do
    start=$SECONDS
    out=$("$weft" conform consensus "$protocol" --seeds "$seeds" 2>&1)
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok $protocol ($((SECONDS - start)) s)"
    else
        failed=$((failed + 1))
        echo "not ok $protocol"
        sed 's/^/    /' <<<"$out"
    fi
    grep -E '^(messages a block|from a )' <<<"$out" | sed 's/^/    /'
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
