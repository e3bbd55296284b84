#!/bin/bash
# State tests whose transactions are read from their parts: the shared files with "txbytes" taken out have the verdicts, the roots and the
# gas of the files as they are, case by case, for transactions of every type.
set -u
command -v python3 >/dev/null || { echo "skip statetest_parts: no python3"; exit 0; }
root=${WEFT_FIXTURES:-../shared}/conformance
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# strip FROM TO: the files of a folder that have the bytes of transactions, without them.
strip() {
    python3 - "$1" "$2" <<'PY'
import json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
for path in sorted(source.rglob("*.json")):
    tests = json.loads(path.read_text())
    stripped = [post.pop("txbytes", None) for test in tests.values() for posts in test.get("post", {}).values() for post in posts]
    if any(stripped):
        for where, content in (("whole", path.read_text()), ("parts", json.dumps(tests))):
            out = target / where / path.relative_to(source)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(content)
PY
}
# verdicts FOLDER: a line a case, without the words for an error (bytes and fields are told apart there).
verdicts() { (cd "$1" && timeout 120 "$weft" statetest . --json) | sed -E 's/, "error": "[^"]*"//'; }

for suite in ethereum-tests/stEIP2930 ethereum-tests/stEIP1559 ethereum-tests/stExample eest-prague/cancun/eip4844_blobs \
    eest-prague/prague/eip7702_set_code_tx; do
    if [ ! -d "$root/$suite" ]; then
        echo "skip statetest_parts $suite: not in $root"
        continue
    fi
    rm -rf "$dir"/whole "$dir"/parts
    strip "$root/$suite" "$dir"
    verdicts "$dir/whole" >"$dir/one"
    verdicts "$dir/parts" >"$dir/two"
    cases=$(grep -c '"pass": true' "$dir/one")
    if [ "$cases" -gt 0 ] && cmp -s "$dir/one" "$dir/two"; then
        echo "ok statetest_parts $suite: $cases cases pass"
    else
        echo "not ok statetest_parts $suite: $cases cases pass"
        diff "$dir/one" "$dir/two" | head -5 | cut -c1-300
    fi
done

# What cannot be understood is malformed, and is not judged by the root.
if [ -f "$root/ethereum-tests/stEIP1559/typeTwoBerlin.json" ]; then
    rm -rf "$dir"/whole "$dir"/parts
    strip "$root/ethereum-tests/stEIP1559" "$dir"
    file=$dir/parts/typeTwoBerlin.json
    sed -i -E 's/"maxFeePerGas": "[^"]*"/"maxFeePerGas": "0xzz"/; s/"expectException": "[^"]*", //g; s/, "expectException": "[^"]*"//g' "$file"
    "$weft" statetest "$file" >"$dir/log" 2>&1
    if [ $? -eq 1 ] && grep -qE "malformed: transaction: case 0/0/0: maxFeePerGas '0xzz' is not a number" "$dir/log"; then
        echo "ok statetest_parts malformed"
    else
        echo "not ok statetest_parts malformed: $(head -c 300 "$dir/log")"
    fi
fi
