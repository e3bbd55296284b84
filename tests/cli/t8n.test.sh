#!/bin/bash
# weft t8n: blocks as other projects' generators ask for them, what comes back, and what bad input gets: the tool's own exit status,
# one line that names file, field and value, and no file.
set -u
command -v python3 >/dev/null || { echo "skip blocks through t8n: no python3"; exit 0; }
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 2
bad=0
yes_if() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; bad=1; fi; }
# field FILE NAME...: the text of a member, by names and indexes from the root.
field() { python3 -c 'import json,sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2:]: v = v[int(k) if isinstance(v, list) else k]
print(v if isinstance(v, str) else json.dumps(v))' "$@"; }
same() { # NAME EXPECTED FILE FIELD...
    local name=$1 expected=$2 got
    shift 2
    got=$(field "$@" 2>&1 | tail -n 1)
    if [ "$got" = "$expected" ]; then echo "ok $name"; else echo "not ok $name: $got, not $expected"; bad=1; fi
}

# A sender with the secret 0x45a9…, a contract that logs and stores, one that asks for a block's hash, one that always fails.
a=0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b key=0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8
cat >alloc.json <<JSON
{"$a": {"balance": "0x56bc75e2d63100000", "nonce": "0x0"},
 "0x00000000000000000000000000000000000c0de1": {"code": "0x600160025560aa60bb60206000a200", "balance": "0x0"},
 "0x00000000000000000000000000000000000c0de2": {"code": "0x6001430340600055"},
 "0x00000000000000000000000000000000000c0de3": {"code": "0xfe"}}
JSON
cat >env.json <<'JSON'
{"currentCoinbase": "0xc94f5374fce5edbc8e2a8697c15331677e6ebf0b", "currentDifficulty": "0x20000", "currentGasLimit": "0x1c9c380",
 "currentNumber": "7", "currentTimestamp": "1000", "currentBaseFee": "0x7", "ommers": [{"delta": 2, "address": "0x00000000000000000000000000000000000000aa"}]}
JSON
tx() { # NONCE TO [MORE]
    printf '{"nonce": "%s", "to": %s, "gas": "0x186a0", "gasPrice": "0xa", "value": "0x0", "input": "0x", "v": "0x0", "r": "0x0", "s": "0x0", "secretKey": "%s"%s}' \
        "$1" "$2" "$key" "${3:-}"
}
printf '[%s, %s, %s, %s]' "$(tx 0x0 '"0x00000000000000000000000000000000000c0de1"')" "$(tx 0x5 '"0x00000000000000000000000000000000000c0de1"')" \
    "$(tx 0x1 '"0x00000000000000000000000000000000000c0de3"')" "$(tx 0x2 null)" >txs.json

# ---- what comes back
"$weft" t8n --state.fork London --state.reward 2000000000000000000 --state.chainid 5 --output.basedir out/deep --output.body txs.rlp --trace >said 2>&1
yes_if $? "a block of London: $(cat said)"
[ ! -s said ] && [ -z "$(find out -name '*.part')" ]
yes_if $? "nothing is said, nothing stays beside"
r=out/deep/result.json
same "rejected index" 1 $r rejected 0 index
same "rejected reason" "nonce too high" $r rejected 0 error
same "one log" '["0x00000000000000000000000000000000000000000000000000000000000000bb", "0x00000000000000000000000000000000000000000000000000000000000000aa"]' $r receipts 0 logs 0 topics
same "failed call" 0x0 $r receipts 1 status
same "failed call takes all gas" 0x186a0 $r receipts 1 gasUsed
same "an account stands at the created address" 0x1 out/deep/alloc.json "$(field $r receipts 2 contractAddress)" nonce
same "a call creates none" 0x0000000000000000000000000000000000000000 $r receipts 0 contractAddress
same "index counts what is in the block" 0x2 $r receipts 2 transactionIndex
same "effective price" 0xa $r receipts 0 effectiveGasPrice
same "difficulty" 0x20000 $r currentDifficulty
same "base fee" 0x7 $r currentBaseFee
same "uncle's reward: six eighths" 0x14d1120d7b160000 out/deep/alloc.json 0x00000000000000000000000000000000000000aa balance
same "storage" 0x0000000000000000000000000000000000000000000000000000000000000001 out/deep/alloc.json \
    0x00000000000000000000000000000000000c0de1 storage 0x0000000000000000000000000000000000000000000000000000000000000002
[ "$(find out -name 'trace-*.jsonl' | wc -l)" -eq 3 ] && [ -s "out/deep/trace-1-$(field $r receipts 1 transactionHash).jsonl" ]
yes_if $? "a trace for each transaction that is in the block"
tail -n 1 "out/deep/trace-1-$(field $r receipts 1 transactionHash).jsonl" | grep -q '"gasUsed":"0x186a0".*"error":"invalid opcode"'
yes_if $? "a trace ends with what was used and why it failed"
[ "$(grep -c opName "out/deep/trace-0-$(field $r receipts 0 transactionHash).jsonl")" -eq 9 ]
yes_if $? "a trace has a line for each opcode"

# The same block from the standard input, and from its own body as RLP: the same result but for what was rejected.
"$weft" t8n --state.fork London --state.reward 2000000000000000000 --state.chainid 5 --input.txs out/deep/txs.rlp --output.basedir rlp
same "RLP body gives the same state" "$(field $r stateRoot)" rlp/result.json stateRoot
same "RLP body gives the same transactions" "$(field $r txRoot)" rlp/result.json txRoot
printf '{"alloc": %s, "env": %s, "txs": %s}' "$(cat alloc.json)" "$(cat env.json)" "$(cat txs.json)" >all.json
"$weft" t8n --input.alloc=stdin --input.env=stdin --input.txs=stdin --state.fork London --state.reward=2000000000000000000 --state.chainid 5 \
    --output.alloc=stdout --output.result=stdout --output.body=stdout <all.json >streams.json
same "streams: state" "$(field $r stateRoot)" streams.json result stateRoot
same "streams: body" "$(field out/deep/txs.rlp)" streams.json body
same "streams: accounts" "$(field out/deep/alloc.json)" streams.json alloc
printf '{"alloc": %s, "env": %s, "txsRlp": %s}' "$(cat alloc.json)" "$(cat env.json)" "$(cat out/deep/txs.rlp)" >rlp.json
"$weft" t8n --input.alloc=stdin --input.env=stdin --input.txs=stdin --state.fork London --state.reward=2000000000000000000 --state.chainid 5 \
    --output.alloc= --output.result=stderr <rlp.json 2>streams.json
same "streams: RLP" "$(field $r stateRoot)" streams.json result stateRoot
"$weft" t8n --state.fork London --state.reward -1 --output.alloc /dev/null --output.result no-reward.json --state.chainid 5
[ -c /dev/null ] && [ "$(field no-reward.json stateRoot)" != "$(field $r stateRoot)" ]
yes_if $? "without a reward the state is another; a device is written to"

# Known blocks. The figures of the first stand in go-ethereum's description of its tool (cmd/evm/README.md).
mkdir known && cd known || exit 2
cat >alloc.json <<'JSON'
{"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {"balance": "0x5ffd4878be161d74", "nonce": "0xac"}, "0x8a8eafb1cf62bfbeb1741769dae1a9dd47996192": {"balance": "0xfeedbead"}}
JSON
echo '{"currentCoinbase": "0xc94f5374fce5edbc8e2a8697c15331677e6ebf0b", "currentDifficulty": "0x20000", "currentGasLimit": "0x750a163df65e8a", "currentNumber": "1", "currentTimestamp": "1000"}' >env.json
one='{"gas": "0x5208", "gasPrice": "0x2", "input": "0x", "nonce": "0x0", "v": "0x1b", "value": "0x1", "to": "0x8a8eafb1cf62bfbeb1741769dae1a9dd47996192",
  "r": "0x9500e8ba27d3c33ca7764e107410f44cbd8c19794bde214d694683a7aa998cdb", "s": "0x7235ae07e4bd6e0206d102b1f8979d6adab280466b6a82d2208ee08951f1f600"}'
echo "[$one, $one]" >txs.json
"$weft" t8n --state.fork Berlin --output.basedir out
same "known state root" 0x84208a19bc2b46ada7445180c1db162be5b39b9abc8c0a54b05d32943eae4e13 out/result.json stateRoot
same "known transactions root" 0xc4761fd7b87ff2364c7c60b6c5c8d02e522e815328aaea3f20e3b7b7ef52c42d out/result.json txRoot
same "known receipts root" 0x056b23fbba480696b65fe5a59b8f2148a1299103c4f57df839233af2cf4ca2d2 out/result.json receiptsRoot
same "known rejection" "nonce too low" out/result.json rejected 0 error
# The next two are cases of its own tests: rewards of two uncles (5), and the call of EIP-4788 with that EIP's contract (29).
echo '{}' >alloc.json
echo '{"currentCoinbase": "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "currentDifficulty": "0x20000", "currentGasLimit": "0x750a163df65e8a", "currentNumber": "1",
  "currentTimestamp": "1000", "ommers": [{"delta": 1, "address": "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}, {"delta": 2, "address": "0xcccccccccccccccccccccccccccccccccccccccc"}]}' >env.json
echo '[]' >txs.json
"$weft" t8n --state.fork Byzantium --state.reward 0x80 --output.basedir out
same "known state root, uncles" 0xa7312add33811645c6aa65d928a1a4f49d65d448801912c069a0aa8fe9c1f393 out/result.json stateRoot
cat >alloc.json <<'JSON'
{"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {"balance": "0x016345785d8a0000"}, "0x000f3df6d732807ef1319fb7b8bb8522d0beac02": {"balance": "0x1",
  "code": "0x3373fffffffffffffffffffffffffffffffffffffffe14604457602036146024575f5ffd5b620180005f350680545f35146037575f5ffd5b6201800001545f5260205ff35b6201800042064281555f359062018000015500"}}
JSON
cat >env.json <<'JSON'
{"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentNumber": "0x1", "currentTimestamp": "0x79e", "currentGasLimit": "0x7fffffffffffffff",
 "parentTimestamp": "0x3b6", "currentRandom": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421", "withdrawals": [], "parentBaseFee": "0xa",
 "parentGasUsed": "0x0", "parentGasLimit": "0x7fffffffffffffff", "parentExcessBlobGas": "0x0", "parentBlobGasUsed": "0x0",
 "parentBeaconBlockRoot": "0x0000beac00beac00beac00beac00beac00beac00beac00beac00beac00beac00"}
JSON
echo "[{\"type\": \"0x2\", \"chainId\": \"0x1\", \"nonce\": \"0x0\", \"gas\": \"0x10000000\", \"maxFeePerGas\": \"0xfa0\", \"maxPriorityFeePerGas\": \"0x0\", \"to\": \"0x1111111111111111111111111111111111111111\",
  \"value\": \"0x0\", \"input\": \"0x\", \"accessList\": [], \"secretKey\": \"$key\"}]" >txs.json
"$weft" t8n --state.fork Cancun --output.basedir out
same "known state root, beacon root" 0x19a4f821a7c0a6f4c934f9acb0fe9ce5417b68086e12513ecbc3e3f57e01573c out/result.json stateRoot
same "known transaction hash" 0x84f70aba406a55628a0620f26d260f90aeb6ccc55fed6ec2ac13dd4f727032ed out/result.json receipts 0 transactionHash
same "known receipts root, typed" 0xf78dfb743fbd92ade140711c8bbc542b5e307f0ab7984eff35d751969fe57efa out/result.json receiptsRoot
cd ..

# ---- what the environment may leave to the tool
env_of() { python3 -c 'import json,sys
env = json.load(open("env.json")); env.update(json.loads(sys.argv[1]))
json.dump({k: v for k, v in env.items() if v is not None}, open("env2.json", "w"))' "$1"; }
computed() { # NAME FORK ENV-CHANGES EXPECTED FIELD
    env_of "$3"
    echo '[]' >none.json
    "$weft" t8n --state.fork "$2" --input.env env2.json --input.txs none.json --output.alloc= --output.result=c.json >said 2>&1
    same "$1" "$4" c.json "$5"
}
old='"currentDifficulty": null, "parentDifficulty": "0x1000000", "parentTimestamp": "980"'
computed "difficulty of Frontier" Frontier "{$old}" 0xffe000 currentDifficulty
computed "difficulty of Homestead" Homestead "{$old, \"parentTimestamp\": \"991\"}" 0x1002000 currentDifficulty
computed "difficulty after uncles" Byzantium "{$old, \"parentTimestamp\": \"995\", \"parentUncleHash\": \"0x01$(printf '%062d' 0)\"}" 0x1004000 currentDifficulty
computed "difficulty of no known uncles" Byzantium "{$old, \"parentTimestamp\": \"995\", \"parentUncleHash\": \"0x$(printf '%064d' 0)\"}" 0x1002000 currentDifficulty
computed "bomb of Arrow Glacier" ArrowGlacier "{$old, \"currentNumber\": \"11200000\"}" 0xffe008 currentDifficulty
computed "bomb of Gray Glacier" GrayGlacier "{$old, \"currentNumber\": \"11200000\"}" 0xffe000 currentDifficulty
computed "base fee from the parent" London '{"currentBaseFee": null, "parentBaseFee": "0x3b9aca00", "parentGasUsed": "30025257", "parentGasLimit": "30029122"}' 0x430da58e currentBaseFee
computed "first base fee" BerlinToLondonAt7 '{"currentBaseFee": null}' 0x3b9aca00 currentBaseFee
computed "no base fee yet" BerlinToLondonAt8 '{}' 0x20000 currentDifficulty
new='"currentDifficulty": null, "currentRandom": "0x1", "withdrawals": [{"index": "0x1", "validatorIndex": "0x2", "address": "0x00000000000000000000000000000000000000aa", "amount": "0x3"}], "ommers": null'
computed "no difficulty from Paris on" Merge "{$new}" null currentDifficulty
computed "a withdrawals root" Shanghai "{$new, \"withdrawals\": []}" 0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421 withdrawalsRoot
root="\"parentBeaconBlockRoot\": \"0x$(printf '%064d' 1)\""
computed "excess of Cancun" Cancun "{$new, $root, \"parentExcessBlobGas\": \"0x40000\", \"parentBlobGasUsed\": \"0xc0000\"}" 0xa0000 currentExcessBlobGas
computed "excess of Prague" Prague "{$new, $root, \"parentExcessBlobGas\": \"0x40000\", \"parentBlobGasUsed\": \"0xc0000\"}" 0x40000 currentExcessBlobGas
computed "excess of Osaka while blobs are cheap" Osaka "{$new, $root, \"parentBaseFee\": \"0x3b9aca00\", \"parentExcessBlobGas\": \"0x40000\", \"parentBlobGasUsed\": \"0xc0000\"}" 0x80000 currentExcessBlobGas
computed "excess with BPO2" BPO2 "{$new, $root, \"parentBaseFee\": \"0x1\", \"parentExcessBlobGas\": \"0x400000\", \"parentBlobGasUsed\": \"0x200000\"}" 0x440000 currentExcessBlobGas
computed "requests of Prague" Prague "{$new, $root}" 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 requestsHash
env_of "{$new}"
"$weft" t8n --state.fork Shanghai --input.env env2.json --input.txs none.json --output.alloc=c.json --output.result= --state.reward -1
same "withdrawals are in gwei" 0xb2d05e00 c.json 0x00000000000000000000000000000000000000aa balance
for fork in Frontier Homestead EIP150 TangerineWhistle EIP158 SpuriousDragon Byzantium Constantinople ConstantinopleFix Petersburg Istanbul \
    MuirGlacier Berlin London ArrowGlacier GrayGlacier HomesteadToDaoAt7 ConstantinopleToPetersburgAt9; do
    "$weft" t8n --state.fork $fork --output.alloc= --output.result= >said 2>&1 || { echo "not ok fork $fork: $(cat said)"; bad=1; }
done
env_of "{$new, $root}"
for fork in Merge Paris Shanghai Cancun Prague Osaka BPO1 BPO2 ParisToShanghaiAtTime15k; do
    "$weft" t8n --state.fork $fork --input.env env2.json --output.alloc= --output.result= >said 2>&1 || { echo "not ok fork $fork: $(cat said)"; bad=1; }
    "$weft" t8n --help | grep -q "${fork%%To*}" || { echo "not ok help names $fork"; bad=1; }
done

# ---- bad input
fails() { # NAME STATUS PATTERN ARGUMENTS...
    local name=$1 status=$2 pattern=$3 got
    shift 3
    rm -rf fresh
    mkdir fresh
    "$weft" t8n --output.basedir fresh --trace "$@" >said 2>err </dev/null
    got=$?
    if [ $got -eq "$status" ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$pattern" err && [ -z "$(ls -A fresh)" ] && [ ! -s said ]; then
        echo "ok $name"
    else
        echo "not ok $name: status $got, not $status; $(ls fresh | tr '\n' ' ')said: $(head -c 400 err)"
        bad=1
    fi
}
change() { # FILE PYTHON-STATEMENT ON v: writes changed.json
    python3 -c 'import json,sys
v = json.load(open(sys.argv[1])); exec(sys.argv[2]); json.dump(v, open("changed.json", "w"))' "$1" "$2"
}
: >empty
echo '{"a": 1' >broken
echo '"0x1234"' >bad.rlp
echo '"0xc20102zz"' >nohex.rlp
fails "unknown option" 2 "unknown option '--state.frok'; did you mean --state.fork" --state.frok London
fails "reward that is no number" 2 "state.reward: 'much' is neither" --state.reward much
fails "unknown fork" 3 "no fork is called 'Atlantis'" --state.fork Atlantis
fails "no such file" 11 'none.txt: No such file' --state.fork London --input.alloc none.txt
fails "folder for a file" 11 'known: is a directory' --state.fork London --input.env known
fails "empty file" 10 '^weft t8n: empty:1:' --state.fork London --input.alloc empty
fails "broken JSON" 10 '^weft t8n: broken:[0-9]+:' --state.fork London --input.txs broken
fails "no RLP list" 12 'bad.rlp: the transactions are not one RLP list' --state.fork London --input.txs bad.rlp
fails "no hexadecimal" 10 'nohex.rlp: .*not hexadecimal' --state.fork London --input.txs nohex.rlp
fails "object for transactions" 10 'alloc.json: .*neither an array' --state.fork London --input.txs alloc.json
fails "array for accounts" 10 'txs.json: alloc: ' --state.fork London --input.alloc txs.json
fails "array for an environment" 10 'txs.json: the environment is not an object' --state.fork London --input.env txs.json
bad_env() { change env.json "$2"; fails "$1" "$3" "$4" --state.fork "${5:-London}" --input.env changed.json; }
bad_env "missing field" 'del v["currentCoinbase"]' 10 'changed.json: env: currentCoinbase is missing'
bad_env "bad number" 'v["currentNumber"] = "seven"' 10 "changed.json: env: currentNumber 'seven' is not a number"
bad_env "too large a number" 'v["currentGasLimit"] = "0x1" + 16 * "0"' 10 "currentGasLimit '0x10000000000000000' is not a number of 64 bits"
bad_env "bad address" 'v["currentCoinbase"] = "0x12"' 10 "currentCoinbase '0x12' is not an address"
bad_env "bad uncle" 'v["ommers"][0]["delta"] = 9' 10 'env, ommers 0: delta is more than 8'
bad_env "bad block hash" 'v["blockHashes"] = {"6": "0x12"}' 10 'blockHashes is not a map'
bad_env "no base fee" 'del v["currentBaseFee"]' 3 'env: from London on there must be a currentBaseFee'
bad_env "no difficulty" 'del v["currentDifficulty"]' 3 'neither currentDifficulty nor a parentDifficulty'
bad_env "parent from the future" 'del v["currentDifficulty"]; v["parentDifficulty"] = "1"; v["parentTimestamp"] = "1000"' 3 'currentTimestamp must be above'
bad_env "no random number" 'v["currentDifficulty"] = "0"' 3 'there must be a currentRandom' Merge
bad_env "difficulty after Paris" 'v["currentRandom"] = "0"' 3 'currentDifficulty must be 0 or missing' Merge
bad_env "no withdrawals" 'v.update(currentRandom="0", currentDifficulty="0")' 3 'there must be withdrawals' Shanghai
bad_env "no beacon root" 'v.update(currentRandom="0", currentDifficulty="0", withdrawals=[])' 3 'there must be a parentBeaconBlockRoot' Cancun
bad_tx() { change txs.json "$2"; fails "$1" 10 "$3" --state.fork London --input.txs changed.json; }
bad_tx "transaction that is none" 'v[1] = 5' 'changed.json: transaction 1 is not an object'
bad_tx "transaction type" 'v[1]["type"] = "0x5"' "transaction 1: type '0x5' is not one of 0 to 4"
bad_tx "transaction without gas" 'del v[2]["gas"]' 'transaction 2: gas is missing'
bad_tx "transaction to nowhere" 'v[2]["to"] = "0x1234"' "transaction 2: to '0x1234' is not an address"
bad_tx "odd digits" 'v[0]["input"] = "0x123"' "transaction 0: input '0x123' is not hexadecimal"
bad_tx "no secret" 'v[0]["secretKey"] = "0x" + 64 * "f"' "transaction 0: secretKey '0xf+' is not a secret key"
bad_tx "access list" 'v[0].update(type="0x1", accessList=[{"address": "0x0", "storageKeys": []}])' "transaction 0, accessList 0: address '0x0' is not an address"
change txs.json 'v[0]["to"] = "0x00000000000000000000000000000000000c0de2"'
fails "missing block hash" 4 'blockHashes lacks block 6' --state.fork London --input.txs changed.json
env_of "{\"blockHashes\": {\"6\": \"0x$(printf '%064d' 77)\"}}"
"$weft" t8n --state.fork London --input.txs changed.json --input.env env2.json --output.alloc c.json --output.result=
same "given block hash" "0x$(printf '%064d' 77)" c.json 0x00000000000000000000000000000000000c0de2 storage "0x$(printf '%064d' 0)"
# A deposit contract of ours that logs a deposit event without its data makes the block invalid.
change alloc.json 'v["0x00000000219ab540356cbb839cbe05303d7705fa"] = {"code": "0x7f649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c560006000a1"}'
mv changed.json deposit.json
change txs.json 'v[0]["to"] = "0x00000000219ab540356cbb839cbe05303d7705fa"'
env_of "{$new, $root}"
fails "deposit that is none" 2 'the block is invalid: malformed deposit event' --state.fork Prague --input.alloc deposit.json --input.env env2.json --input.txs changed.json
# Output that cannot be written: nothing is, not even what could be.
fails "output into a missing folder" 11 'fresh/no/result.json: No such file' --state.fork London --output.result no/result.json
fails "body into a missing folder" 11 'fresh/no/body: No such file' --state.fork London --output.body no/body
"$weft" t8n --state.fork London --output.basedir alloc.json >said 2>err
[ $? -eq 11 ] && grep -q 'alloc.json: ' err
yes_if $? "a file for a folder"
(ulimit -f 4; "$weft" t8n --state.fork London --output.basedir fresh --output.body body >said 2>err)
[ $? -eq 11 ] && grep -q 'File too large' err && [ -z "$(ls -A fresh)" ]
yes_if $? "a disk without room leaves nothing"
"$weft" t8n --state.fork London --output.alloc stdout --output.result= >/dev/full 2>err
[ $? -eq 11 ] && grep -q 'stdout: No space left' err
yes_if $? "a full standard output"
exit $bad
