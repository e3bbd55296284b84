"""check_partition.py FOLDER: tables of s.h5, hash.h5 and short.h5 against one another and against the summaries beside them."""
import json
import sys

import numpy as np
import weft

folder, failed = sys.argv[1], 0


def check(name, good, *shown):
    global failed
    failed |= not good
    print("ok" if good else "not ok", name, *(() if good else shown))


def near(name, a, b, tolerance=1e-9):
    check(name, abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-9), a, b)


def load(name):
    with open(f"{folder}/{name}.json") as f:
        return weft.open(f"{folder}/{name}.h5"), json.load(f)


run, summary = load("s")
crossings, moves, epochs, layers, txs = (run.frame(t) for t in ("crossings", "moves", "routing", "layers", "transactions"))

done = crossings["outcome"] == "done"
check("crossings_are_there", done.sum() > 200, done.sum())
times = [crossings[t][done] for t in ("opened", "started", "ready", "proposed", "done")]
check("a_crossing_goes_through_its_steps_in_order", all((a <= b).all() for a, b in zip(times, times[1:])) and not np.isnan(times).any())
check("the_protocol_is_named", set(crossings["protocol"]) == {"two-phase-commit"})
check("a_crossing_has_two_layers_at_least", (crossings["parties"][done] >= 2).all() and (crossings["bytes"][done] > 0).all())
crossed = set(txs["hash"][txs["crosses"]])
check("each_is_a_transaction_that_crosses", set(crossings["hash"]) == crossed, len(crossed))
final = np.isin(txs["status"], ["succeeded", "reverted"])
committed = dict(zip(txs["hash"][final], txs["committed"][final]))
check("done_is_the_commit_of_its_block", all(committed[h] == t for h, t in zip(crossings["hash"][done], crossings["done"][done])))
at = dict(zip(txs["hash"], txs["layer"]))
check("executed_where_it_says", all(at[h] == l for h, l in zip(crossings["hash"][done], crossings["layer"][done])))
check("layers_count_them", [(crossings["layer"][done] == i).sum() for i in layers["id"]] == layers["crossings"].tolist())
check("layers_count_what_waits", layers["txs_pending"].tolist() == [((txs["status"] == "pending") & (txs["layer"] == i)).sum() for i in layers["id"]])
near("share_of_crossings", summary["crossings"]["share"], txs["crosses"][final].mean())
near("their_median", summary["crossings"]["latency_p50_s"], np.quantile(txs["latency"][final & txs["crosses"]] / 1e9, 0.5, method="inverted_cdf"), 1e-6)
near("that_of_others", summary["crossings"]["local_p50_s"], np.quantile(txs["latency"][final & ~txs["crosses"]] / 1e9, 0.5, method="inverted_cdf"), 1e-6)
check("locks_were_held", (layers["locked_time"] > 0).all())

came = moves["outcome"] == "done"
check("accounts_moved", came.sum() > 50, came.sum())
check("a_move_is_ordered_leaves_and_comes", (moves["ordered"][came] < moves["left"][came]).all() and (moves["left"][came] < moves["came"][came]).all())
check("one_that_was_refused_stayed", np.isnan(moves["left"][moves["outcome"] == "refused"]).all())
check("layers_count_moves", [(moves["to"][came] == i).sum() for i in layers["id"]] == layers["moves_in"].tolist()
      and layers["moves_out"].sum() >= layers["moves_in"].sum())
near("moved_in_all", summary["moves"]["done"], came.sum())
near("bytes_moved", summary["moves"]["bytes"], moves["bytes"].sum())
check("the_policy_asked", set(moves["by"]) == {"clpa"})
end = {}
for account, a, b in zip(moves["account"][came], moves["from"][came], moves["to"][came]):
    check_chain = end.get(account, a) == a
    if not check_chain:
        break
    end[account] = b
check("each_account_leaves_from_where_it_came", check_chain)

check("an_epoch_every_4_s", epochs["time"].tolist() == [4e9 * i for i in range(1, len(epochs["time"]) + 1)] and len(epochs["time"]) == 5)
in_epochs = txs["committed"][final] <= epochs["time"][-1]
near("epochs_count_transactions", epochs["txs"].sum(), in_epochs.sum())
near("and_crossings", epochs["crossings"].sum(), (in_epochs & txs["crosses"][final]).sum())
near("and_gas", epochs["load_mean"].sum() * len(layers["id"]), txs["gas_used"][final][in_epochs].sum())
check("load_has_an_order", (epochs["load_least"] <= epochs["load_mean"]).all() and (epochs["load_mean"] <= epochs["load_most"]).all())
near("moves_arrived", epochs["arrived"].sum(), (came & (moves["came"] <= epochs["time"][-1])).sum())
near("moves_wished", epochs["moves"].sum(), len(moves["by"]) + 0, 0.1)
check("regret_is_that_of_the_times", np.allclose(epochs["regret"], epochs["policy_time"] / np.minimum(epochs["best_time"], epochs["policy_time"]) - 1))
near("regret_of_the_summary", summary["routing"]["regret"], epochs["regret"][epochs["time"] <= 16e9].mean())
check("reasons_are_given", all(r != "" for r in epochs["reason"]))
check("every_transaction_has_a_hash_of_its_own", len(set(txs["hash"])) == len(txs["hash"]))

run, summary = load("hash")
check("no_rows_of_crossings_without_those_of_transactions", len(run.table("crossings")) == 0 and summary["crossings"]["count"] > 0)
check("hash_moves_nothing", len(run.table("moves")) == 0 and summary["moves"]["done"] == 0)
check("the_warning_is_in_the_file", run.attrs["warning"] == summary["warning"] and "4 layers for" in summary["warning"])
check("hash_gives_no_reason", set(run.column("routing", "reason")) == {""})

run, summary = load("short")
outcomes = run.column("crossings", "outcome")
check("open_ones_have_rows", (outcomes == "open").sum() > 0 and np.isnan(run.column("crossings", "done")[outcomes == "open"]).all())
sys.exit(failed)
