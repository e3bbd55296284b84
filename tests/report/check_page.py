"""check_page.py PAGE.html RUN.h5: the figures on the page are those of the file, computed a second way."""
import json
import re
import sys

import h5py
import numpy as np

with open(sys.argv[1]) as page, h5py.File(sys.argv[2]) as f:
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read(), re.S).group(1))
    blocks, txs, layers = f["blocks"][()], f["transactions"][()], f["layers"][()]
    phase, offered, time = f["series/phase"][()], f["series/offered"][()], f["series/time"][()] / 1e9
    achieved = f["series/achieved"][()]
    utilisation, schedule = f["series/utilisation"][()], f["schedule"][()]
    conflicts, edges, speedups = f["conflicts"][()], f["dependencies"][()], f["speedups"][()]
    verdict = f.attrs["verdict"]

s, failed = data["summary"], 0
measure = 1
final = blocks[(blocks["status"] == 0) & (blocks["phase"] == measure)]
done = txs[(txs["phase"] == measure) & (txs["latency"] >= 0)]
lat = np.sort(done["latency"] / 1e9)


def near(name, got, want, tolerance=1e-4):
    global failed
    good = abs(got - want) <= tolerance * max(abs(want), 1e-12)
    failed |= not good
    print("ok" if good else "not ok", name, "" if good else f": page {got}, file {want}")


near("offered", s["offered"], offered[phase == measure].sum(axis=1).mean())
near("latency_50", s["latency_50"], np.quantile(lat, 0.5))
near("latency_99", s["latency_99"], np.quantile(lat, 0.99))
near("base_fee", s["base_fee"], np.median(final["base_fee"]))
near("fee", s["fee"], np.median(done["fee"]))
near("block_fill", s["use_blocks"], final["gas_used"].sum() / final["gas_limit"].sum())
near("full_blocks", s["full_blocks"], (final["gas_used"] >= 0.95 * final["gas_limit"]).mean())
near("aborts", s["abort_share"], final["aborts"].sum() / final["executions"].sum())
near("speed_up", s["speed_up"], final["serial"].sum() / final["makespan"].sum())
near("stale_blocks", s["stale_blocks"], (blocks["status"] == 1).sum())
near("committed", s["committed_txs"], layers["txs_committed"].sum())
near("achieved", s["achieved"], achieved[phase == measure].sum(axis=1).mean())
near("blocks", s["blocks"], final.size)
near("all_blocks", s["all_blocks"], layers["blocks"].sum())
near("tip", s["tip"], np.median(done["tip"]))
near("cores", s["use_cores"], utilisation[phase == measure].mean())

same = verdict and s["verdict"] == verdict
failed |= not same
print("ok verdict_is_the_run's" if same else f"not ok verdict_is_the_run's: page {s['verdict']!r}, file {verdict!r}")

all_layers = data["series"]["groups"][0]
assert all_layers["layer"] == -1
sums = offered.sum(axis=1)
window = round(data["series"]["window"] / (time[1] - time[0]))
whole = len(sums) // window * window
near("line_of_offered_load", np.mean(all_layers["offered"]["m"]), sums[:whole].mean(), 1e-3)
near("times_end_with_the_run", data["series"]["t1"][-1], time[-1])
curve = data["latency"][0]
near("curve_of_latency", curve["x"][100], np.quantile(lat, 0.5))

block = max(data["gantt"], key=lambda b: b["aborts"])
rows = schedule[(schedule["height"] == block["height"]) & (schedule["layer"] == block["layer"])]
slices = np.array(block["slices"], dtype=float).reshape(-1, 7)
near("gantt_busy_time", slices[:, 6].sum(), (rows["end"] - rows["start"]).sum(), 0.01)
near("gantt_thrown_away", slices[slices[:, 4] == 1, 6].sum(), (rows["end"] - rows["start"])[rows["aborted"]].sum(), 0.02)
near("gantt_block_with_most_aborts", block["aborts"], max(
    b["aborts"] for b in blocks if b["status"] == 0 and ((schedule["height"] == b["height"]) & (schedule["layer"] == b["layer"])).any()))


def of_block(table):
    return table[(table["height"] == block["height"]) & (table["layer"] == block["layer"])]


keys, pairs, points = of_block(conflicts), of_block(edges), of_block(speedups)
near("hottest_keys_of_the_block", sum(k["conflicts"] for k in block["keys"]), keys["conflicts"].sum())
near("edges_are_counted", block["edge_count"], len(pairs))
shown = np.array(block["edges"]).reshape(-1, 3)
near("edges_are_evenly_chosen", shown[:, 0].mean(), pairs["reader"].mean(), 0.05)
points.sort(order="cores")
same = block["points"][0::3] == points["cores"].tolist() and np.allclose(block["points"][2::3], points["oracle"], rtol=1e-5)
failed |= not same
print("ok oracle_by_cores" if same else f"not ok oracle_by_cores: {block['points']}, file {points}")
near("makespan_on_the_run's_cores", sum(v or 0 for v in block["points"][1::3]), points["makespan"][points["makespan"] >= 0].sum())
near("hottest_keys_of_the_run", sum(k["conflicts"] for k in data["hottest"]), conflicts["conflicts"].sum())
sys.exit(failed)
