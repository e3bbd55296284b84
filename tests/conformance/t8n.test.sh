#!/bin/bash
# State tests as blocks of one transaction through `weft t8n`, a fork a line: state root and logs as the fixtures say. More of them by
# hand: tests/conformance/t8n_cases.py build/release/weft ../shared 5
set -u
command -v python3 >/dev/null || { echo "skip t8n: no python3"; exit 0; }
if [ ! -d "$WEFT_FIXTURES/conformance" ]; then
    echo "skip t8n: no state tests in $WEFT_FIXTURES"
    exit 0
fi
timeout 600 python3 tests/conformance/t8n_cases.py "$WEFT" "$WEFT_FIXTURES"
