#!/bin/bash
# State tests made into blocks of 6 to 48 transactions, which every executor runs on threads and on 1 to 64 simulated cores; the result
# is serial order's. A slice of half a minute, of what is hardest on parallel execution. All of it takes hours; by hand:
#   weft statetest --as-blocks ../shared/conformance/SUITE
set -u
weft=${WEFT:-build/release/weft}
dir=${WEFT_FIXTURES:-../shared}/conformance
if [ ! -d "$dir" ]; then
    echo "skip parallel_statetests: no state tests in $dir"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

blocks() { # NAME PATH
    if [ ! -e "$dir/$2" ]; then
        echo "skip parallel_statetests_$1: no $2 there"
        return
    fi
    timeout 200 "$weft" statetest --as-blocks --seeds 1 "$dir/$2" >"$log" 2>&1
    local status=$?
    # The last line counts, and blocks there must be.
    if [ $status -eq 0 ] && tail -1 "$log" | grep -qE '^[1-9][0-9]* blocks .* 0 mismatches'; then
        echo "ok parallel_statetests_$1"
    else
        echo "not ok parallel_statetests_$1: status $status"
        { grep MISMATCH "$log" | head -5; tail -1 "$log"; }
    fi
}

blocks create legacy-frontier-to-constantinople/stCreateTest
blocks create2 ethereum-tests/stCreate2
blocks empty_accounts legacy-frontier-to-constantinople/stEIP158Specific
blocks transitions legacy-frontier-to-constantinople/stTransitionTest
blocks refunds legacy-frontier-to-constantinople/stRefundTest
blocks own_balance ethereum-tests/stSelfBalance
blocks code_hash ethereum-tests/stExtCodeHash
blocks fees ethereum-tests/stEIP1559
blocks self_destruction eest-prague/cancun/eip6780_selfdestruct/reentrancy_selfdestruct_revert
blocks beneficiary eest-prague/shanghai/eip3651_warm_coinbase
blocks delegation eest-prague/prague/eip7702_set_code_tx/set_code_txs_2
