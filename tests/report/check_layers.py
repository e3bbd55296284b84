"""check_layers.py NAME PAGE.html RUN.h5: what the page shows of layers is what the file says, computed a second way."""
import json
import re
import sys

import h5py
import numpy as np

run = sys.argv[1]
with open(sys.argv[2]) as page, h5py.File(sys.argv[3]) as f:
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read(), re.S).group(1))
    layers, epochs, moves, mail, txs, crossings = (f[t][()] for t in ("layers", "routing", "moves", "interlayer", "transactions", "crossings"))
    audits = f["audits"][()] if "audits" in f else None
    gas, fee, time = f["series/gas"][()], f["series/base_fee"][()], f["series/time"][()] / 1e9
    warning = f.attrs.get("warning", "")

several, failed, count = data["several"], 0, len(layers)


def check(name, good, *shown):
    global failed
    failed |= not good
    print("ok" if good else "not ok", f"{run}_{name}", *(() if good else shown))


def same(name, got, want, tolerance=1e-4):
    got = np.array([np.nan if v is None else v for v in got], dtype=float)
    want = np.array(want, dtype=float)
    check(name, got.shape == want.shape and np.allclose(got, want, rtol=tolerance, atol=1e-9, equal_nan=True), got[:6], want[:6])


rows = several["load"]["rows"]
order = np.lexsort((np.arange(count), -layers["gas_used"].astype(float)))
check("heat_has_the_most_and_the_least_used", rows == (list(range(count)) if count <= 64 else sorted(order[:32].tolist() + order[-32:].tolist())))
window = round(data["series"]["window"] / (time[1] - time[0]))
whole = len(time) // window * window
if len(time) // window <= 240:
    mean = gas[:whole, rows].reshape(-1, window, len(rows)).mean(axis=1) / 1e6
    same("heat_of_gas", np.array([r[: len(mean)] for r in several["load"]["gas"]]).T.ravel(), mean.ravel(), 1e-3)
if len(time) <= 240:
    same("heat_of_fees", np.array(several["load"]["fee"]).T.ravel(), (fee[:, rows] / 1e9).ravel(), 1e-4)
e = several["epochs"]
for column in ("txs", "crossings", "moves", "arrived", "imbalance", "regret", "busiest"):
    same(f"epochs_{column}", e[column], epochs[column])
same("epochs_end", e["time"], epochs["time"] / 1e9)
check("reasons", e["reason"] == [r.decode() for r in epochs["reason"]])
for column in ("crossings", "moves_in", "moves_out", "locked_time"):
    same(f"totals_{column}", several["totals"][column], layers[column])

together = several["pairs"]["together"]
size = -(-count // together)
check("rows_of_pairs", together == -(-count // 48), together)


def matrix(table, weight):
    m = np.zeros((size, size))
    np.add.at(m, (table["from"] // together, table["to"] // together), weight)
    return m.ravel()


moved = moves[moves["came"] >= 0]
same("pairs_moves", several["pairs"]["moves"], matrix(moved, 1))
other = mail[mail["from"] != mail["to"]]
same("pairs_items", several["pairs"]["items"], matrix(other, other["posted"]))
same("pairs_bytes", several["pairs"]["bytes"], matrix(other, other["bytes"]))
check("the_warning_is_the_run's", data["summary"]["warning"] == warning and ("carry this load" in warning), warning)

if len(crossings):
    done = crossings[crossings["outcome"] == 0]
    c = several["crossed"]
    check("crossings_by_outcome", [c[k] for k in ("done", "dropped", "local", "open")] == np.bincount(crossings["outcome"], minlength=4).tolist())
    same("steps_of_a_crossing", c["steps"], [(done[b] - done[a]).mean() / 1e9 for a, b in (("opened", "started"), ("started", "ready"), ("ready", "proposed"), ("proposed", "done"))])
    measured = txs[(txs["phase"] == 1) & (txs["latency"] >= 0)]
    for name, crosses in (("within a layer", False), ("across layers", True)):
        curve = next(c for c in data["latency"] if c["name"] == name)
        same(f"curve_{name.replace(' ', '_')}", [curve["x"][100]], [np.quantile(measured["latency"][measured["crosses"] == crosses] / 1e9, 0.5)])
    check("moves_were_made", len(moved) > 10, len(moved))
else:
    check("no_curve_without_transactions", "crossed" not in several and data["latency"] == [])
if audits is not None:
    same("audits", [sum(a["blocks"] for a in several["audits"])], [len(audits)])
sys.exit(failed)
