#!/bin/bash
# Batches on which another client was asked (differential.mjs --vector): weft must give that client's state, gas and rejections.
# A vector has two lines: {fork, stateRoot, gasUsed, rejected}, and t8n's input {alloc, env, txs}.
set -u
cd "$(dirname "$0")/../.." || exit 2
member() { sed -n "1s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$1"; }
status=0
for vector in tests/differential/vectors/*.jsonl; do
    for tier in plain translated; do
        name="vectors/$(basename "$vector" .jsonl) $tier"
        given=$(sed -n 2p "$vector" | "$WEFT" t8n --input.alloc stdin --input.env stdin --input.txs stdin --state.fork "$(member "$vector" fork)" \
            --state.reward -1 --tier $tier --output.alloc '' --output.result stdout 2>&1)
        root=$(sed -n 's/.*"stateRoot": *"\([^"]*\)".*/\1/p' <<<"$given" | head -n 1)
        gas=$(grep -o '"gasUsed": *"[^"]*"' <<<"$given" | tail -n 1 | cut -d'"' -f4)
        rejected=$(grep -c '"error":' <<<"$given")
        if [ "$root" = "$(member "$vector" stateRoot)" ] && [ "$gas" = "$(member "$vector" gasUsed)" ] && [ "$rejected" = "$(member "$vector" rejected)" ]; then
            echo "ok $name"
        else
            echo "not ok $name: root $root, gas $gas, $rejected rejected; expected $(sed -n 1p "$vector")"
            status=1
        fi
    done
done
exit $status
