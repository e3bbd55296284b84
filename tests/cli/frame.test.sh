#!/bin/bash
# The command line's frame, and what bad input gets: one line on stderr, nothing on stdout, status 2.
set -u
weft=${WEFT:-build/release/weft}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# expect NAME STATUS STDERR-PATTERN ARGUMENTS...: the pattern must match the only line of stderr ("": no line).
expect() {
    local name=$1 status=$2 pattern=$3 got lines
    shift 3
    "$weft" "$@" >"$work/out" 2>"$work/err"
    got=$?
    lines=$(wc -l <"$work/err")
    if [ $got -ne "$status" ]; then
        echo "not ok $name: status $got, expected $status: $(head -n 2 "$work/err")"
    elif [ -z "$pattern" ] && [ "$lines" -ne 0 ]; then
        echo "not ok $name: unexpected: $(head -n 1 "$work/err")"
    elif [ -n "$pattern" ] && { [ "$lines" -ne 1 ] || ! grep -qE "$pattern" "$work/err"; }; then
        echo "not ok $name: stderr is: $(cat "$work/err")"
    else
        echo "ok $name"
        return
    fi
    bad=1
}

expect "version" 0 "" --version
grep -qE '^weft [0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || { echo "not ok version text"; bad=1; }
expect "help" 0 "" --help
expect "help of a command" 0 "" help bench engine
"$weft" bench engine --help | cmp -s - "$work/out" || { echo "not ok help of a command is its page"; bad=1; }
expect "help of a family" 0 "" help bench
expect "help first" 0 "" --help replay
for word in $("$weft" --help | sed -nE '/^commands:/,/^$/s/^  ([a-z0-9]+).*/\1/p' | sort -u); do
    expect "help of $word" 0 "" "$word" --help
    grep -q . "$work/out" || { echo "not ok help of $word is empty"; bad=1; }
done
expect "no command" 2 "no command"
expect "unknown command" 2 "did you mean 'statetest'" statetset
expect "unknown option of the program" 2 "did you mean '--version'" --vershun
expect "unknown option" 2 "did you mean --fork" statetest --frok Cancun x
expect "option without its value" 2 "needs a value" statetest x --fork
expect "number out of range" 2 "out of range" replay x --top 101
expect "list of numbers" 2 "not whole numbers" replay x --cores 2,,4
expect "number in a list out of range" 2 "cores: 0 is out of range" replay x --cores 2,0
expect "not a number" 2 "not a whole number" replay x --seed two
expect "invalid choice" 2 "valid are: threads, virtual" replay x --driver thread
expect "unknown executor" 2 "valid are: .*serial" replay x --executor seriall
expect "unknown profile" 2 "profile" replay x --profile nonesuch
expect "unknown fork" 2 "no fork" statetest x --fork Atlantis
expect "operand missing" 2 "needs" replay
expect "file missing" 2 "No such file" replay "$work/none.json.gz"
expect "directory missing" 2 "No such file" statetest "$work/none"
mkdir "$work/empty"
expect "nothing in the directory" 2 "no recorded block" replay "$work/empty"

echo '{"block": {}, "prestate": {}}' >"$work/thin.json"
expect "block without fields" 2 "missing or bad 'parentHash'" replay "$work/thin.json"
echo '{"block": 3' >"$work/broken.json"
expect "broken JSON, replay" 2 "broken.json:[0-9]+:[0-9]+:" replay "$work/broken.json"
expect "broken JSON, statetest" 2 "broken.json:[0-9]+:[0-9]+:" statetest "$work/broken.json"
head -c 100000 /dev/urandom >"$work/noise.json"
expect "not JSON at all" 2 "noise.json" replay "$work/noise.json"

fixture=
for f in scenarios/recorded/*.json.gz "${WEFT_FIXTURES:-../shared}"/recorded/mainnet/46147.json.gz; do
    [ -f "$f" ] && fixture=$f && break
done
if [ -z "$fixture" ]; then
    echo "skip recorded file cut short: no recorded block at hand"
    exit $bad
fi
expect "a recorded block" 0 "" replay "$fixture"
size=$(stat -c %s "$fixture")
head -c $((size / 2)) "$fixture" >"$work/cut.json.gz"
expect "recorded file cut short" 2 "cut.json.gz: the compressed data end too early" replay "$work/cut.json.gz"
head -c $((size - 4)) "$fixture" >"$work/cut2.json.gz"
expect "recorded file without its last bytes" 2 "cut2.json.gz" replay "$work/cut2.json.gz"
cp "$fixture" "$work/flip.json.gz"
printf '\x55\xaa' | dd of="$work/flip.json.gz" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
expect "recorded file damaged" 2 "flip.json.gz" replay "$work/flip.json.gz"
# A block whose header claims another gas does not have its hash any more.
gzip -dc "$fixture" | sed -E 's/"gasUsed": ?"0x[0-9a-f]+"/"gasUsed":"0x5209"/' >"$work/lie.json"
expect "header that was changed" 2 "the header's fields do not give its hash" replay "$work/lie.json"
if [ -w /dev/full ]; then
    "$weft" replay "$fixture" >/dev/full 2>"$work/err"
    if [ $? -eq 2 ] && grep -q "No space left" "$work/err"; then echo "ok disk full"; else echo "not ok disk full: $(cat "$work/err")"; bad=1; fi
fi
exit $bad
