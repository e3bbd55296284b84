#!/bin/bash
# weft check, schema, models: every shipped scenario is good, reads back from its resolved form and fits the schema;
# bad input gets its lines on stderr and status 2; the reference page is the one in the tree.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
check() { # NAME CONDITION...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name: $(head -3 "$dir/err" 2>/dev/null)"; fi
}
refused() { # NAME PATTERN FILE ARGUMENTS...: status 2, nothing on stdout, the pattern on stderr
    local name=$1 pattern=$2
    shift 2
    "$WEFT" check "$@" >"$dir/out" 2>"$dir/err"
    check "$name" [ $? -eq 2 -a ! -s "$dir/out" -a "$(grep -c -- "$pattern" "$dir/err")" -ge 1 ]
}
mkdir "$dir/scenarios"
cp -r "$root"/scenarios/*.yaml "$root"/scenarios/recorded "$dir/scenarios"
good=$dir/scenarios/quickstart.yaml

while read -r file; do
    name=$(basename "$file" .yaml)
    "$WEFT" check "$file" >"$dir/out" 2>"$dir/err"
    check "good_$name" [ $? -eq 0 -a "$(cat "$dir/out")" = "$file: good" ]
    "$WEFT" check --resolved "$file" >"$dir/resolved.yaml" 2>"$dir/err"
    cp "$dir/resolved.yaml" "$(dirname "$file")/resolved.yaml" # its paths start at its folder
    "$WEFT" check --resolved "$(dirname "$file")/resolved.yaml" >"$dir/again.yaml" 2>>"$dir/err"
    rm "$(dirname "$file")/resolved.yaml"
    check "resolved_$name" cmp -s "$dir/resolved.yaml" "$dir/again.yaml"
    cp "$dir/resolved.yaml" "$dir/$name.full.yaml"
done < <(find "$dir/scenarios" -name '*.yaml' | sort)

"$WEFT" check --set seed=77 --set layers[0].nodes=5 --resolved "$good" >"$dir/out" 2>"$dir/err"
check set [ $? -eq 0 -a "$(grep -cE '^seed: 77$|^    nodes: 5$' "$dir/out")" -eq 2 ]
refused unknown_model 'layers\[0\].consensus: `tendermnt` is no consensus model; valid: .*; did you mean tendermint?' \
    "$good" --set layers[0].consensus.kind=tendermnt
refused missing_unit 'duration: `30` has no unit' "$good" --set duration=30
refused negative_rate 'rate: `-5/s` is negative' "$good" --set 'workload[0].rate=-5/s'
# Another model through --set: the settings that it shares with the old one stay, others are named.
kept() { # KIND SECTION DROPPED LINE...: runs, says what is dropped; these lines of the section are resolved
    local kind=$1 section=$2 dropped=$3 line
    shift 3
    "$WEFT" check "$good" --set "layers.main.$kind" --resolved 2>"$dir/err" >"$dir/out"
    "$WEFT" run "$good" --set "layers.main.$kind" --set duration=1s --set drain=1s -o "$dir/kind.h5" --quiet 2>>"$dir/err"
    check "runs_with_$kind" [ $? -eq 0 ]
    check "drops_of_$kind" [ "$(grep -c . "$dir/err")" -eq "$([ -n "$dropped" ] && echo 1 || echo 0)" ]
    if [ -n "$dropped" ]; then check "names_$dropped" grep -qF "$dropped dropped, since " "$dir/err"; fi
    sed -n "/^    $section:/,/^    [a-z]/p" "$dir/out" >"$dir/section"
    for line in "$@"; do check "keeps_$line" grep -qx "      $line" "$dir/section"; done
}
kept fees.kind=fixed fees 'initial_base_fee: 1gwei' 'kind: fixed' 'gas_limit: 60Mgas' 'base_fee: 0wei'
kept execution.kind=serial execution '' 'kind: serial' 'cores: 8' 'profile: validator-2025'
kept consensus.kind=poa consensus 'propose_timeout: 3s' 'kind: poa' 'block_interval: 1s'
refused setting_of_the_old_model 'initial_base_fee=2gwei: layers\[0\].fees.initial_base_fee: is no setting here' \
    "$good" --set layers.main.fees.kind=fixed --set layers.main.fees.initial_base_fee=2gwei
printf 'layers: [\n' >"$dir/broken.yaml"
refused broken_yaml "broken.yaml:2:1: not valid YAML: .*" "$dir/broken.yaml"
check one_line [ "$(wc -l <"$dir/err")" -eq 1 ]
refused no_file 'nothing.yaml: No such file or directory' "$dir/nothing.yaml"
refused a_folder 'Is a directory' "$dir"
head -c 4000 "$WEFT" >"$dir/binary"
refused binary 'not valid YAML' "$dir/binary"
refused no_operand 'FILE' 
"$WEFT" models consensus >"$dir/out" 2>"$dir/err"
check models [ $? -eq 0 -a "$(grep -c '^  tendermint$' "$dir/out")" -eq 1 ]
"$WEFT" models concensus >"$dir/out" 2>"$dir/err"
check models_unknown [ $? -eq 2 -a "$(grep -c 'did you mean consensus?' "$dir/err")" -eq 1 ]
"$WEFT" schema --markdown >"$dir/out" 2>"$dir/err"
check reference_is_fresh cmp -s "$dir/out" "$root/docs/scenario-reference.md"

"$WEFT" schema >"$dir/schema.json" 2>"$dir/err" || echo "not ok schema"
for python in python3 /usr/bin/python3; do
    $python -c 'import jsonschema, yaml' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "skip schema: no Python with jsonschema and yaml"
    exit 0
fi
cat >"$dir/validate.py" <<'PYTHON'
import json, sys, warnings
import jsonschema, yaml
warnings.simplefilter("ignore")
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    for error in validator.iter_errors(yaml.safe_load(open(path))):
        sys.exit(f"{path}: {error.json_path}: {error.message}")
base = yaml.safe_load(open(sys.argv[2]))
for path, value in (("duration", 30), ("duration", "30 parsecs"), ("sede", 1), ("seed", "many"), ("layers", {})):
    bad = dict(base)
    bad[path] = value
    if validator.is_valid(bad):
        sys.exit(f"the schema takes {path}: {value}")
PYTHON
cat >"$dir/short.yaml" <<'YAML'
name: short forms
network: {link: {up: 20Mbit/s, jitter: "lognormal(0ms, 5%)"}}
layers: [{name: main, nodes: 4, consensus: poa, fees: {kind: fixed, base_fee: 3gwei}}]
workload: [transfer, {kind: erc20, rate: 5/s, recipients: zipf(1.2)}]
YAML
"$WEFT" check "$dir/short.yaml" >"$dir/out" 2>"$dir/err"
check short_forms [ $? -eq 0 ]
$python "$dir/validate.py" "$dir/schema.json" "$dir"/*.full.yaml "$dir/short.yaml" >"$dir/err" 2>&1
check schema [ $? -eq 0 ]
