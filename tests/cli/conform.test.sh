#!/bin/bash
# weft conform consensus: a right protocol passes, five wrong ones are caught with a seed that shows it again, bad input gets
# one line. The wrong ones are made here, each by changing one rule of a right one.
set -u
weft=$(realpath "${WEFT:-build/release/weft}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
judge() { if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; head -n 40 "$dir/out" "$dir/err" 2>/dev/null | sed 's/^/    /'; fi; }
build() { gcc -std=gnu17 -shared -fPIC -O1 -I. "$dir/$1.c" -o "$dir/$1.so" >"$dir/out" 2>"$dir/err"; }
conform() { "$weft" conform consensus "$@" >"$dir/out" 2>"$dir/err"; }

right=examples/consensus/streamlet.c
cp $right "$dir/right.c"
build right
judge $? "the right protocol builds"
conform "$dir/right.so" --seeds 6
judge $? "the right protocol keeps all its promises"
grep -qE "grows as n\^2\.0" "$dir/out"
judge $? "votes of all to all are a square number of messages"
grep -qE "2\.00 hops \+ 1\.000 s" "$dir/out"
judge $? "its latency is two hops and an epoch"
conform tendermint --seeds 2 --nodes 4
grep -qE " 4 nodes: 27\.0 " "$dir/out" && grep -qE " 3\.00 hops \+ 0\.000 s" "$dir/out"
judge $? "Tendermint: 3 + 2 x 4 x 3 messages a block, three hops"

# wrong NAME PROPERTY SED-SCRIPT SOURCE ARGUMENTS...: builds it, finds the failure, shows it again
wrong() {
    local name=$1 property=$2 script=$3 from=$4 changed
    shift 4
    sed "$script" "$from" >"$dir/$name.c"
    changed=$(diff "$from" "$dir/$name.c" | grep -c '^>')
    [ "$changed" -gt 0 ] && build "$name"
    judge $? "$name: builds"
    conform "$dir/$name.so" "$@" --keep "$dir/kept"
    [ $? -eq 1 ] && grep -q "^$property FAILS in .* seed " "$dir/out"
    judge $? "$name: $property fails, and conform says so"
    again=$(sed -n "/^$property FAILS/,/replay:/s/^    replay: weft //p" "$dir/out" | head -n 1)
    scenario=$(sed -n "/^$property FAILS/,/scenario:/s/^    scenario: //p" "$dir/out" | head -n 1)
    eval "$weft $again" >"$dir/out" 2>"$dir/err"
    [ $? -eq 1 ] && grep -q "^$property FAILS" "$dir/out"
    judge $? "$name: its seed shows it again"
    "$weft" run "$scenario" -o "$dir/kept.h5" -q >"$dir/out" 2>"$dir/err"
    local status=$?
    [ $status -eq 3 ] || { [ "$property" != agreement ] && [ $status -le 1 ]; }
    judge $? "$name: its scenario runs"
}

wrong quorum-off-by-one certificates 's/validators_quorum(all, weight)/validators_quorum(all, weight + 1)/' $right \
    --seeds 5 --case equivocation --case healthy
wrong commits-too-early agreement 's/if (first && .*/if (parent)/; s/commit(s, parent, signers, count)/commit(s, b, signers, count)/
    s/, \*first = parent ? parent->parent : NULL;/;/' $right --seeds 20 --case asynchrony --case two-lives-asynchrony --patience 6
# Tendermint's rules with their lock left out: whoever precommitted votes for anything in the next round.
wrong lock-forgotten agreement 's/bool free_to_vote = .*/bool free_to_vote = true;/
    s/free_to_vote = t->locked_round <= vr .*/free_to_vote = true;/
    s/^    if (t->valid) {/    if (false) {/
    s/{"tendermint",/{"forgetful",/
    s/^const struct consensus_ops consensus_tendermint/#include "models\/world\/plugin.h"\nextern const struct consensus_ops forgetful;\nWEFT_PLUGIN(consensus, forgetful);\nconst struct consensus_ops forgetful/' \
    models/consensus/tendermint.c --seeds 60 --nodes 7,10 --case two-lives-loss --patience 6

# Whoever leads two lives gets a certificate for each where honest nodes vote twice in an epoch: only where both are heard.
wrong votes-twice certificates 's/s->voted = b->round;/;/' $right --seeds 3 --case equivocation --case equivocation-heard
[[ $again == *"--case equivocation-heard --nodes 4"* ]]
judge $? "votes-twice: in the case in which everybody hears both proposals"
# Blocks follow one another and hold nothing.
wrong drops-the-pool liveness 's/\.round = epoch}/.round = epoch, .gas = 1}/' $right --seeds 1 --nodes 4
conform "$dir/drops-the-pool.so" --seeds 1 --nodes 4 --case crash
grep -qE " 0 of [0-9]+ transactions became final" "$dir/out"
judge $? "drops-the-pool: no transaction is final"

# What a run is does not depend on the other runs of the command: a failure's scenario is that of its replay.
sed 's/^static const struct consensus_ops/static sim_time wait(const void *cfg, uint32_t n) { (void)cfg; return n * SIM_SEC; }\n&/
    s/\.fini = fini,/.fini = fini, .timeout = wait,/' "$dir/drops-the-pool.c" >"$dir/slower.c"
build slower
conform "$dir/slower.so" --case partition --nodes 4,7 --seeds 1 --keep "$dir/many"
again=$(sed -n 's/^    replay: weft //p' "$dir/out" | head -n 1)
kept=$(sed -n 's/^    scenario: //p' "$dir/out" | head -n 1)
eval "$weft $again --keep $dir/one" >"$dir/out" 2>"$dir/err"
[ -n "$kept" ] && cmp "$kept" "$dir/one/$(basename "$kept")" >>"$dir/out" 2>&1
judge $? "the replay of one of several numbers of nodes is the same run"

# A protocol that stops the program, or never returns from a handler, fails and stops nothing else.
sed 's/^    struct block \*voted = .*/&\n    if (m->type == VOTE \&\& env_now(s->env) > 5 * SIM_SEC)\n        __builtin_trap();/' $right >"$dir/trap.c"
build trap
conform "$dir/trap.so" --seeds 2 --nodes 4 --case healthy --case crash
[ $? -eq 1 ] && grep -qE "the program stopped with signal.*last seen at 5\.[0-9]+ s of 180 s: node [0-3], message" "$dir/out" && ! grep -q holds "$dir/out" && [ "$(grep -c '2 died' "$dir/out")" -eq 2 ]
judge $? "a protocol that stops the program is caught"

bad() { # NAME TEXT ARGUMENTS...
    local name=$1 text=$2
    shift 2
    conform "$@"
    [ $? -eq 2 ] && grep -qF -- "$text" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ] && [ ! -s "$dir/out" ]
    judge $? "$name"
}
bad "unknown protocol" "did you mean tendermint?" tendrmint
bad "unknown case" "did you mean crash" poa --case crush
bad "no plug-in" "No such file" ./none.so
bad "nodes that are no numbers" "no list of numbers" poa --nodes 4,x
bad "a setting that does not fit" "did you mean" poa --set layers.main.consensus.wigle=1s
bad "too many validators for the protocol" "at most 64 validators" "$dir/right.so" --nodes 65 --case healthy
"$weft" conform consensus --help | grep -q "^  agreement"
judge $? "help names the properties"
bad "nodes that a setting gives" "given by --nodes" poa --set layers.main.nodes=9
bad "seeds that a setting gives" "given by --seeds" poa --set seed=9
bad "no case of a name like it" "valid are: healthy, reordering" poa --case xyzzyxyzzy
"$weft" conform ./mine.so 2>&1 | grep -q "as in: weft conform consensus NAME"
judge $? "a forgotten second word is told"
"$weft" conform --help | sed -n '/^cases,/,/^options:/s/^  \([a-z-]*\)  .*/\1/p' >"$dir/cases"
for name in $(cat "$dir/cases"); do grep -q "^| \`$name\` |" docs/testing.md || echo "$name"; done >"$dir/out"
[ "$(wc -l <"$dir/cases")" -ge 23 ] && [ ! -s "$dir/out" ]
judge $? "every case is explained in docs/testing.md"
