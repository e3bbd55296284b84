#!/bin/bash
# Bad input, over all subcommands: one clear line on stderr, status 2, and no file left behind that looks whole.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
mounted=
trap '[ -n "$mounted" ] && umount "$dir/small"; cd /; rm -rf "$dir"' EXIT
mkdir "$dir/work"
cd "$dir/work" || exit 2
bad=0

judge() { # NAME STATUS PATTERN: of what stands in ../err
    if [ "$2" -eq 2 ] && [ "$(wc -l <../err)" -eq 1 ] && grep -qE -- "$3" ../err && ! grep -qE 'ERROR|runtime|0x[0-9a-f]{8,16}([^0-9a-f]|$)' ../err; then
        echo "ok $1"
    else
        echo "not ok $1: status $2, said: $(head -c 600 ../err)"
        bad=1
    fi
}
refused() { # NAME PATTERN ARGUMENTS...
    local name=$1 pattern=$2
    shift 2
    timeout 60 "$weft" "$@" >../out 2>../err
    judge "$name" $? "$pattern"
}
yes_if() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; bad=1; fi; }

cat >good.yaml <<'YAML'
name: good
duration: 1s
drain: 1s
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
layers: [{name: main, nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}}]
workload: [{kind: transfer, rate: 40/s, accounts: 20}]
YAML
"$weft" run good.yaml -o good.h5 --quiet || { echo "not ok a good run"; exit 1; }
recorded=$root/scenarios/recorded
mkdir folder cut
for i in 1 2 3; do cp "$recorded/$i.json.gz" cut; done
head -c 3000 "$recorded/2.json.gz" >cut/2.json.gz
head -c 40000 good.h5 >cut.h5
: >empty
head -c 5000 /dev/urandom >noise
sed -E 's/rate: 40/rate: -40/' good.yaml >negative.yaml
sed -E 's/delay: 20ms/delay: 20/' good.yaml >nounit.yaml
sed -E 's/tendermint/tendermind/' good.yaml >unknown.yaml
sed -E 's/layers: \[/layers: [[/' good.yaml >broken.yaml
sed -E "s|^workload.*|workload: [{kind: recorded, source: cut, rate: 5/s}]|" good.yaml >recorded.yaml
fault() { { cat good.yaml; echo "faults: [{kind: crash, $2}]"; } >"$1.yaml"; }
fault many 'at: 1s, nodes: 99'
fault nobody 'at: 1s, chosen: [12]'
fault late 'at: 50s'
layer() { sed -E "s/kind: tendermint.*/$2}]/" good.yaml >"$1.yaml"; }
layer hardware 'kind: tendermint}, execution: {kind: serial, hardware: [{nodes: 20}]}'
layer roots 'kind: poa}, execution: {kind: serial, coupling: execute-after-order}'
layer deep 'kind: poa}, execution: {kind: serial, coupling: execute-after-order, root_delay: 4}'
cat >layers.yaml <<'YAML'
duration: 2s
network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}
routing: {policy: leiden, epoch: 1s, report_interval: 500ms}
layers: [{name: l, count: 3, nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}}]
workload: [{kind: transfer, rate: 40/s, accounts: 60, pairs: {kind: communities, count: 6}}]
YAML
find . | sort >../before
digest=$("$weft" digest good.h5)

# Scenarios.
"$weft" check deep.yaml >/dev/null && "$weft" run deep.yaml -o ../deep.h5 --json --set duration=6s | grep -q '"blocks": [1-9]'
yes_if $? "poa executes after order where roots are final in time"
# A run that is made shorter keeps its faults; those behind its end do not happen.
"$weft" check late.yaml >/dev/null
yes_if $? "a crash after the end is no mistake"
# What is valid and does nothing is noted.
noted() { # NAME PATTERN ARGUMENTS
    [ "$("$weft" check "${@:3}" 2>../noted)" = "$3: good" ] && [ "$(wc -l <../noted)" -eq 1 ] && grep -Eq "$2" ../noted
    yes_if $? "noted: $1"
}
[ -z "$("$weft" check layers.yaml 2>&1 >/dev/null)" ]
yes_if $? "nothing is noted of what does something"
noted "no epoch ends" '^routing: the load ends before the first epoch does' layers.yaml --set routing.epoch=5min
noted "late reports" '^routing: epochs are shorter than report_interval' layers.yaml --set routing.report_interval=1500ms
noted "no moves" '^routing: moves is 0' layers.yaml --set routing.moves=0
noted "one layer" '^routing: there is one layer' layers.yaml --set layers[0].count=1
noted "idle layers" '^workload: 2 of 3 layers get no transactions' layers.yaml --set routing.policy=none
noted "nothing crosses" '^crosslayer: nothing crosses' good.yaml --set crosslayer=relay
noted "no other layer to move to" '^workload: wallet: move has nowhere' good.yaml --set workload[0].wallet=move
for command in check run; do
    refused "$command broken YAML" '^broken.yaml:[0-9]+:[0-9]+: not valid YAML' $command broken.yaml
    refused "$command unknown model" '^unknown.yaml:5:.*`tendermind` is no consensus model; valid: .*did you mean tendermint\?' $command unknown.yaml
    refused "$command missing unit" '^nounit.yaml:4:.*`20` has no unit' $command nounit.yaml
    refused "$command negative rate" '^negative.yaml:6:.*`-40/s` is negative' $command negative.yaml
    refused "$command more crashes than nodes" 'many.yaml:7:[0-9]+: faults\[0\].*99 are to be struck, but only 4' $command many.yaml
    refused "$command crash of no node" 'nobody.yaml:7:[0-9]+: faults\[0\].*there is no node 12' $command nobody.yaml
    refused "$command hardware for more than there are" '^hardware.yaml:5:.*hardware is for 20 nodes, but there are 4' $command hardware.yaml
    refused "$command roots not final in time" '^roots.yaml:5:.*root_delay: 4 or more, not 3' $command roots.yaml
    refused "$command empty file" '^empty:1:1: nothing in it' $command empty
    refused "$command folder" '^folder: Is a directory' $command folder
    refused "$command no file" '^none.yaml: No such file' $command none.yaml
    refused "$command noise" '^noise:.*not valid YAML' $command noise
    refused "$command endless file" '^/dev/zero: is larger' $command /dev/zero
    refused "$command results for a scenario" '^good.h5:.*not valid YAML' $command good.h5
    refused "$command --set without a value" 'must be path=value' $command good.yaml --set seed
    refused "$command --set of nothing known" 'sede: is no setting here.*did you mean seed' $command good.yaml --set sede=1
    refused "$command lane that is no layer" 'crosslayer: layer: there is no layer 9 of 3' \
        $command layers.yaml --set 'crosslayer={kind: sequential-lane, layer: 9}'
    refused "$command protocol that cannot carry calls" 'crosslayer_calls: relay takes plain payments only; try' \
        $command layers.yaml --set crosslayer_calls=relay
    refused "$command committee larger than the others" 'validation: committee is 9, but other layers than layers\[0\] have 8 nodes' \
        $command layers.yaml --set validation.committee=9
    refused "$command committee of one layer" 'committee is 1, but other layers than layers\[0\] have 0 nodes' \
        $command good.yaml --set validation.committee=1
    refused "$command accounts over layers of bullshark" 'with which there can be no routing.policy' \
        $command layers.yaml --set layers[0].consensus=bullshark
    refused "$command the same with a coupling of its own" 'routing: layers\[0\] orders .* \(bullshark\); .* need another consensus' \
        $command layers.yaml --set layers[0].consensus=bullshark --set layers[0].execution.coupling=execute-after-order
    refused "$command a workload's layer under a policy" 'goes to its sender.s layer: leave `layer` out' \
        $command layers.yaml --set workload[0].layer=l-0
    refused "$command more hot groups than there are" 'hot: count is 40, among is 0 \(all\), and there are 6 groups' \
        $command layers.yaml --set 'workload[0].pairs.hot={count: 40}'
    refused "$command no operand" 'needs FILE' $command
    refused "$command two operands" 'one argument too many' $command good.yaml good.yaml
done
refused "run 2000 cores" '`2000` is out of range; valid: 1 to 1024' run good.yaml --set layers.main.execution.cores=2000
refused "run recorded workload cut short" 'recorded.yaml:6:.*cut/2.json.gz: the compressed data end too early' run recorded.yaml
refused "run of no results, with a page" 'report draws a results file' run good.yaml -o none --report x.html
"$weft" run good.yaml -o none | grep -q "^Digest:  $digest"
yes_if $? "a run that keeps no file has the same digest"
refused "run --threads 0" 'threads: 0 is out of range; valid is 1 to' run good.yaml --threads 0
refused "run --seed x" "seed: 'x' is not a whole number" run good.yaml --seed x
refused "run --seed too large" 'seed: 99999999999999999999 is out of range' run good.yaml --seed 99999999999999999999
refused "run unknown option" "unknown option '--thread'; did you mean --threads" run good.yaml --thread 2
rmdir results 2>/dev/null

# Where results and pages cannot go.
refused "results in a missing folder" "no/run.h5': No such file" run good.yaml -o no/run.h5
refused "results over a folder" "'folder': it is not a regular file" run good.yaml -o folder
refused "results over a device" "'/dev/full': it is not a regular file" run good.yaml -o /dev/full
refused "results over the scenario" "'good.yaml': a file is there that holds no results" run good.yaml -o good.yaml
refused "page in a missing folder" "no/x.html': No such file" report good.h5 -o no/x.html
refused "page over a folder" "'folder': it is not a regular file" report good.h5 -o folder
refused "page over its results" "'good.h5': a file is there that is no page" report good.h5 -o good.h5
refused "run's page in a missing folder" "no/x.html': No such file" run good.yaml -o good.h5 --report no/x.html
[ -s ../out ] && [ "$("$weft" digest good.h5)" = "$digest" ]
yes_if $? "the run itself is told and kept"
refused "no charting library" 'libjs-dygraphs' report good.h5 --library folder

# What are no results.
for command in digest report; do
    refused "$command of noise" "'noise' is not an HDF5 file" $command noise
    refused "$command of an empty file" "'empty' is not an HDF5 file" $command empty
    refused "$command of a scenario" "'good.yaml' is not an HDF5 file" $command good.yaml
    refused "$command of a folder" "cannot read 'folder': Is a directory" $command folder
    refused "$command of no file" "cannot read 'none.h5': No such file" $command none.h5
    refused "$command of a cut file" "'cut.h5' is damaged or cut short" $command cut.h5
    refused "$command unknown option" "unknown option '--frob'" $command good.h5 --frob
done

# Blocks and state tests.
for command in replay statetest explore; do
    refused "$command empty file" '^weft [a-z]+: empty:1:' $command empty
    refused "$command noise" '^weft [a-z]+: noise:1:' $command noise
    refused "$command no file" 'none.json: No such file' $command none.json
    refused "$command folder with nothing in it" 'no .* found there' $command folder
    refused "$command results" '^weft [a-z]+: good.h5:1:' $command good.h5
    refused "$command no operand" 'needs ' $command
done
refused "replay cut short" 'cut/2.json.gz: the compressed data end too early' replay cut
refused "replay 2000 cores" 'cores: 2000 is out of range; valid is 1 to 1024' replay cut/1.json.gz --cores 2000
refused "replay 0 cores" 'cores: 0 is out of range' replay cut/1.json.gz --cores 0
refused "replay unknown executor" "executor: 'magic' is not valid; valid are: " replay cut/1.json.gz --executor magic
refused "replay nearest executor" "valid are: .*; did you mean ladder?" replay cut/1.json.gz --executor lader
refused "replay unknown setting" "param windw=3: windw: is no setting here; valid: window, .*; did you mean window?" \
    replay cut/1.json.gz --executor ladder --param windw=3
refused "replay setting of another executor" "param window=3: window: is no setting here; valid: none" \
    replay cut/1.json.gz --executor serial --param window=3
refused "replay setting without a value" "param 'window' is not NAME=VALUE" \
    replay cut/1.json.gz --executor ladder --param window
refused "replay list of two blocks" "are for one block, here are 2" replay cut/1.json.gz cut/1.json.gz --bal cut/list
printf '\300\300' >cut/list
refused "replay bad access list" "verify-bal: cut/list: a block access list is one RLP list" \
    replay cut/1.json.gz --verify-bal cut/list
rm cut/list
refused "replay access list over a folder" "bal: cannot write 'folder': Is a directory" replay cut/1.json.gz --bal folder
refused "replay graph over a folder" "cannot write 'folder': Is a directory" replay cut/1.json.gz --graph folder
refused "replay graph in a missing folder" "cannot write 'no/x.dot': No such file" replay cut/1.json.gz --graph no/x.dot
refused "replay no access list" "verify-bal: .*nothing.*No such file" replay cut/1.json.gz --verify-bal cut/nothing
refused "replay setting out of range" "\`2M\` is out of range; valid: 0 to 1M" \
    replay cut/1.json.gz --executor ladder --param window=2M
refused "explore folder with nothing in it, beside a block" '^weft explore: folder: no recorded block found' explore folder cut/1.json.gz
recipe() { refused "explore recipe:raw:$1" "$2" explore "recipe:raw:$1"; } # NUMBERS PATTERN
recipe 4294967306:1 'transactions: 4294967306 is out of range; valid is 1 to 10000000$'
recipe 99999999999999999999999 'transactions: 9{23} is out of range'
recipe 0:1 'transactions: 0 is out of range'
recipe 10:99999999999999999999999 'the seed is beyond 64 bits'
for numbers in -1:1 10:-1 '+5' ' 5' 0x10 10: : '' 10:1:1 10x; do recipe "$numbers" 'is not recipe:NAME:TRANSACTIONS:SEED$'; done
refused "explore --seeds -1" "seeds: '-1' is not a whole number" explore recipe:raw:10 --seeds -1
refused "explore --seeds too large" 'seeds: 99999999999999999999 is out of range' explore recipe:raw:10 --seeds 99999999999999999999
for cores in 1,-2 1, '' 1,,2 ' 2' 0x2; do refused "explore --cores '$cores'" 'is not whole numbers' explore recipe:raw:10 --cores "$cores"; done
refused "bench parallel 4294967298 cores" 'cores: 4294967298 is out of range' bench parallel --cores 4294967298

# The world before a recorded block, damaged: the block's own roots say nothing of it.
command -v python3 >/dev/null || echo "skip damaged recorded blocks: no python3"
damaged() { # NAME PATTERN EXPRESSION: python on d, the file, p, its prestate, and a, an account of it
    command -v python3 >/dev/null || return 0
    zcat cut/1.json.gz | python3 -c "import json, sys
d = json.load(sys.stdin); p = d['prestate']; k = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'; a = p[k]
$3
json.dump(d, sys.stdout)" >../damaged.json || { echo "not ok damaged $1"; bad=1; }
    refused "replay damaged: $1" "^weft replay: ../damaged.json: $2" replay ../damaged.json
}
damaged "account a string" 'prestate: account 0xf39f.*: not an object' 'p[k] = "0x1"'
damaged "account null" 'prestate: account 0xf39f.*: not an object' 'p[k] = None'
damaged "balance missing" 'prestate: account 0xf39f.*: no balance' 'del a["balance"]'
damaged "balance null" 'prestate: account 0xf39f.*: bad balance' 'a["balance"] = None'
damaged "balance no number" 'prestate: account 0xf39f.*: bad balance' 'a["balance"] = "0x12g"'
damaged "balance too large" 'prestate: account 0xf39f.*: bad balance' 'a["balance"] = "0x1" + 64 * "0"'
damaged "nonce null" 'prestate: account 0xf39f.*: bad nonce' 'a["nonce"] = None'
damaged "nonce negative" 'prestate: account 0xf39f.*: bad nonce' 'a["nonce"] = -1'
damaged "code null" 'prestate: account 0xf39f.*: bad code' 'a["code"] = None'
damaged "code of half a byte" 'prestate: account 0xf39f.*: bad code' 'a["code"] = "0x600"'
damaged "storage a string" 'prestate: account 0xf39f.*: its storage is not an object' 'a["storage"] = "0x"'
damaged "storage null" 'prestate: account 0xf39f.*: its storage is not an object' 'a["storage"] = None'
damaged "slot null" 'prestate: account 0xf39f.*: bad storage slot 0x1' 'a["storage"] = {"0x1": None}'
damaged "slot twice" 'prestate: account 0xf39f.*: a storage slot stands twice' 'a["storage"] = {"0x1": "0x1", "0x01": "0x2"}'
damaged "account twice" 'prestate: account 0x[Ff]39.*stands twice' 'p["0xF" + k[3:]] = a'
damaged "no address" "prestate: account '0x12': not an address" 'p["0x12"] = a'
damaged "prestate missing" 'prestate: the accounts are not an object' 'del d["prestate"]'
damaged "prestate a list" 'prestate: the accounts are not an object' 'd["prestate"] = [a]'
damaged "ancestors a list" "block: missing or bad 'blockHashes'" 'd["blockHashes"] = ["0x1"]'
damaged "uncles a string" "block: missing or bad 'uncles'" 'd["block"]["uncles"] = "0x"'
damaged "chain a string" "chain: not an object with a 'name'" 'd["chain"] = "mainnet"'
damaged "transactions a string" "block: missing or bad 'transactions'" 'd["block"]["transactions"] = "0x"'
# Of a run that fails or is interrupted, nothing is left; what was there stays.
(cd .. && mkdir kept && cd kept && "$weft" replay "$recorded/1.json.gz" --graph g.dot --bal b && cp g.dot ../g && cp b ../b) >/dev/null
zcat cut/1.json.gz | sed 's/"transactions": *\[/"transactions": "0x", "was": [/' >../damaged.json
refused "replay graph of nothing that was executed" 'missing or bad' replay ../damaged.json --graph ../kept/g.dot
said=$(ulimit -f 0; timeout 60 "$weft" replay cut/1.json.gz --bal ../kept/b 2>&1 >/dev/null)
[[ $said == *"bal: cannot write '../kept/b': File too large" ]]
yes_if $? "replay access list over a file size limit"
for signal in INT TERM; do
    for _ in 1 2 3 4 5 6 7 8 9; do echo "$recorded"; done | # long enough to be interrupted
        xargs timeout -s $signal 0.5 "$weft" replay --driver virtual --cores 16 --executor ladder --graph ../kept/g.dot --report ../kept/r.html >../out 2>../err
    wait
    grep -q -i 'gas' ../out && [ "$(ls -A ../kept | tr '\n' ' ')" = 'b g.dot ' ] && cmp -s ../g ../kept/g.dot && cmp -s ../b ../kept/b
    yes_if $? "interrupted by $signal: $(ls -A ../kept | tr '\n' ' ')"
done
refused "statetest unknown fork" "fork" statetest empty --fork Atlantis

# The rest.
refused "schema takes nothing" 'one argument too many' schema x
refused "format takes nothing" 'one argument too many' format x
refused "models of no kind" "no models of kind 'fee'; valid: " models fee
refused "bench of nothing" "unknown 'evn'.*did you mean 'evm'" bench evn
for what in engine network parallel evm; do
    refused "bench $what unknown option" "unknown option '--frob'" bench $what --frob
done
refused "help on nothing known" "unknown command 'rum'; did you mean 'run'" help rum

# A full standard output.
for command in "models" "schema" "format" "check good.yaml" "digest good.h5" "run good.yaml --json -o good.h5" "help" "help run"; do
    timeout 60 "$weft" $command >/dev/full 2>../err
    judge "full output: ${command%% *}" $? 'cannot write to the standard output: No space left'
done

# Files that may not be read, folders that may not be written to: as another user, where we are root.
user=()
[ "$(id -u)" -eq 0 ] && user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
cp good.yaml ../secret.yaml
cp good.h5 ../secret.h5
cp "$recorded/1.json.gz" ../secret.json.gz
cp "$weft" ../weft 2>/dev/null
chmod 0 ../secret.*
chmod 755 .. . && chmod 755 ../weft
if "${user[@]}" ../weft --version >/dev/null 2>&1; then
    for command in "run ../secret.yaml -o /dev/null" "check ../secret.yaml" "digest ../secret.h5" "report ../secret.h5" "replay ../secret.json.gz" \
        "run good.yaml -o closed.h5" "report good.h5 -o closed.html"; do
        "${user[@]}" timeout 60 ../weft $command >../out 2>../err
        judge "not permitted: ${command%% -*}" $? 'Permission denied'
    done
else
    echo "skip not permitted: cannot become another user"
fi

# A disk without room, as a limit on files and as a small file system.
(ulimit -f 60; timeout 60 "$weft" run good.yaml -o full.h5 >../out 2>../err)
judge "file size limit, run" $? 'full.h5.: file size limit reached'
(ulimit -f 10; timeout 60 "$weft" report good.h5 -o full.html >../out 2>../err)
judge "file size limit, report" $? 'full.html.: File too large'
mkdir ../small
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=300k tmpfs ../small 2>/dev/null; then
    mounted=1
    refused "disk full, run" 'small/run.h5.: No space left' run good.yaml -o ../small/run.h5 --set duration=60s --set record.flush=10ms
    [ ! -e ../small/run.h5 ] || ! "$weft" digest ../small/run.h5 >/dev/null 2>&1
    yes_if $? "disk full, run: nothing looks whole"
    rm -f ../small/*
    head -c 250000 /dev/zero >../small/filling
    refused "disk full, report" 'small/x.html.: No space left' report good.h5 -o ../small/x.html
    [ "$(ls -A ../small)" = filling ]
    yes_if $? "disk full leaves nothing hidden"
else
    echo "skip disk full: cannot mount a small file system here"
fi

# After all of that the folder holds what it held, and the good files are good.
find . | sort | diff ../before - >../err
yes_if $? "nothing is left behind: $(tr '\n' ' ' <../err)"
[ "$("$weft" digest good.h5)" = "$digest" ] && "$weft" check good.yaml >/dev/null
yes_if $? "what was good is good"
exit $bad
