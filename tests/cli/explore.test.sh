#!/bin/bash
# weft explore: generated and recorded blocks, the case files, and what is wrong with arguments.
set -u
WEFT=${WEFT:-build/release/weft}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() { # NAME STATUS PATTERN COMMAND...
    local name=$1 status=$2 pattern=$3
    shift 3
    "$@" >"$dir/log" 2>&1
    local got=$?
    if [ $got -eq "$status" ] && grep -q -- "$pattern" "$dir/log"; then
        echo "ok $name"
    else
        echo "not ok $name: status $got"
        head -5 "$dir/log"
    fi
}

check explore_recipe 0 ' findings$' "$WEFT" explore recipe:erc20-hot:40 --seeds 20 --cores 2,5
check explore_one_seed 0 '^1 schedules explored, 0 findings$' \
    "$WEFT" explore recipe:chain-erc20:30:9 --executor ladder --cores 4 --seed 12 --depth 5
check explore_param 0 'ladder: ' "$WEFT" explore recipe:hybrid:30 --executor ladder --param window=4 --seeds 10
check explore_unknown_recipe 2 "no recipe is called 'nothing'" "$WEFT" explore recipe:nothing
check explore_bad_recipe 2 'is not recipe:NAME' "$WEFT" explore recipe:raw:x
check explore_bad_cores 2 "'1,x' is not whole numbers" "$WEFT" explore recipe:raw --cores 1,x
check explore_too_many_cores 2 '4294967298 is out of range' "$WEFT" explore recipe:raw --cores 2,4294967298
check explore_seed_beyond 2 'go beyond 64 bits' "$WEFT" explore recipe:raw:4 --first 18446744073709551615 --seeds 2
check explore_last_seed 0 '^1 schedules explored' \
    "$WEFT" explore recipe:raw:4 --executor serial --cores 2 --first 18446744073709551615 --seeds 1
check explore_too_deep 2 'depth' "$WEFT" explore recipe:raw --depth 17
check explore_param_of_whom 2 'needs --executor' "$WEFT" explore recipe:raw --param window=4

cat >"$dir/case.json" <<'END'
{"weft": "explored case", "block": "recipe:erc20-hot:40", "executor": "ladder", "params": ["window=8"],
 "cores": 4, "seed": "7", "depth": 2, "transactions": [3, 9, 17, 30]}
END
check explore_case 0 '^recipe:erc20-hot:40, 4 transactions, ladder: ' "$WEFT" explore "$dir/case.json"
check explore_case_more 0 '^20 schedules explored' "$WEFT" explore "$dir/case.json" --seeds 20
sed -i 's/30\]/40]/' "$dir/case.json"
check explore_case_beyond 2 'has no transaction 40' "$WEFT" explore "$dir/case.json"
sed -i 's/"cores": 4/"cores": 4000/' "$dir/case.json"
check explore_case_bad 2 'not a case' "$WEFT" explore "$dir/case.json"
sed -i 's/"cores": 4000/"cores": 0/' "$dir/case.json"
check explore_case_no_cores 2 'not a case' "$WEFT" explore "$dir/case.json"
