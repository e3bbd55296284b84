#!/bin/bash
# The Python reader, and the digest computed a second way. docs/results-format.md is what the program prints.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if "$WEFT" format | cmp -s - "$root/docs/results-format.md"; then
    echo "ok format_reference_is_fresh"
else
    echo "not ok format_reference_is_fresh: run make docs"
fi
python=/usr/bin/python3
$python -c 'import h5py' 2>/dev/null || { echo "skip reader: no h5py for $python"; exit 0; }
digest=$("$WEFT_BUILD/tests/tools/sample_run" "$dir/run.h5" --layers 2 --seconds 20 --seed 77)
PYTHONDONTWRITEBYTECODE=1 $python "$root/tests/record/check_reader.py" "$root" "$dir/run.h5" "$digest" 2>&1 ||
    echo "not ok reader"
