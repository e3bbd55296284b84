#!/bin/bash
# run.sh [--programs N] [--seed S] [--fork F,...] [--against ethereumjs|anvil] [--until SECONDS] [--replay FILE]
# Random programs and transactions on weft and on other clients from npm (docs/testing.md). The packages go to build/differential.
# Ends with "N programs, N transactions, N differences"; a difference is made small and kept in build/differential/found.
set -u
cd "$(dirname "$0")/../.." || exit 2
weft=$PWD/${WEFT:-build/release/weft}
here=tests/differential out=build/differential

skip() { echo "skip differential tests: $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
command -v node >/dev/null && command -v npm >/dev/null || skip "no Node"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] || skip "Node $(node --version) is older than 20"
[ -x "$weft" ] || { echo "no $weft: run make first"; exit 2; }

mkdir -p "$out"
if ! cmp -s $here/package-lock.json "$out/installed"; then
    cp $here/package.json $here/package-lock.json "$out/"
    (cd "$out" && timeout "${NPM_TIMEOUT:-300}" npm install --no-save --no-audit --no-fund --ignore-scripts >npm.log 2>&1) || skip "npm cannot install the other clients here"
    cp $here/package-lock.json "$out/installed"
fi
cp $here/*.mjs "$out/" # beside node_modules, where imports are looked up
exec node "$out/differential.mjs" --weft "$weft" "$@"
