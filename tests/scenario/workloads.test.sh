#!/bin/bash
# The examples of docs/workloads.md are good scenarios.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
awk -v dir="$dir" '/^```yaml/ {inside = 1; n++; next} /^```/ {inside = 0} inside {print "  " $0 >(dir "/" n ".part")}' \
    "$root/docs/workloads.md"
ln -s "$root/scenarios" "$dir/scenarios"
count=0
for part in "$dir"/*.part; do
    count=$((count + 1))
    file=$dir/$(basename "$part" .part).yaml
    grep -q 'kind: layers' "$part" && echo 'routing: {policy: hash}' >"$file"
    { printf 'chain_id: 31337\nlayers: [{name: a, nodes: 4}, {name: b, nodes: 4}]\nworkload:\n'; cat "$part"; } >>"$file"
    if "$WEFT" check "$file" >"$dir/out" 2>&1; then echo "ok example_$count"; else echo "not ok example_$count: $(head -1 "$dir/out")"; fi
done
if [ "$count" -ge 5 ]; then echo "ok found"; else echo "not ok found: $count examples"; fi
