"""check_killed.py WHOLE.h5 CUT.h5...: WHOLE is a run that ended; each CUT is the same run, killed. Each opens with h5py's
defaults, says that it did not end, holds the first rows of WHOLE in every table and series, and every row that names another
row finds it."""
import sys

import h5py
import numpy as np

SNAPSHOTS = ("nodes", "layers")


def datasets(f):
    found = {}
    f.visititems(lambda name, o: found.update({name: o[()]}) if isinstance(o, h5py.Dataset) else None)
    return found


def references(cut):
    blocks, txs = cut["blocks"], cut["transactions"]
    final = blocks[blocks["status"] == 0]
    held = {(b["layer"], b["height"]): b["txs"] for b in final}
    named, counts = np.unique(txs[txs["height"] >= 0][["layer", "height"]], return_counts=True)
    for at, count in zip(named, counts):
        key = (at["layer"], at["height"])
        assert key in held, f"transactions of block {key}, which has no row"
        assert count == held[key], f"{count} of the {held[key]} transactions of block {key}"
    assert sum(held.values()) == counts.sum(), "a block lacks its transactions"
    assert len(np.unique(txs["hash"])) == len(txs) and len(np.unique(blocks["hash"])) == len(blocks), "a row twice"


def check(whole, path):
    with h5py.File(path) as f:
        for name, value in (("completed", 0), ("digest", ""), ("verdict", ""), ("end", "")):
            assert f.attrs[name] == value, f"{name} is {f.attrs[name]!r}"
        cut = datasets(f)
    assert set(cut) == set(whole), "other datasets"
    for name, got in cut.items():
        if name in SNAPSHOTS:
            assert len(got) in (0, len(whole[name])), f"half of {name}"
        else:
            assert got.tobytes() == whole[name][: len(got)].tobytes(), f"{name} differs"
    samples = {len(d) for name, d in cut.items() if name.startswith("series/") and name[7:] not in ("layer", "node")}
    assert len(samples) == 1, f"series of lengths {samples}"
    now = cut["series/time"][-1] if max(samples) else 0
    step = whole["series/time"][0]
    for table, column in (("blocks", "proposed"), ("transactions", "committed"), ("faults", "time"), ("events", "time")):
        late = cut[table][column].max(initial=0)
        assert late <= now + step, f"{table} knows of {late} ns, the last sample is of {now} ns"
    references(cut)
    return sum(len(d) for d in cut.values())


def main():
    with h5py.File(sys.argv[1]) as f:
        assert f.attrs["completed"] == 1
        whole = datasets(f)
    references(whole)
    total, partial = sum(len(d) for d in whole.values()), 0
    for path in sys.argv[2:]:
        try:
            partial += len(whole["nodes"]) < check(whole, path) < total
        except (AssertionError, OSError, KeyError) as e:
            print(f"{path}: {e}")
            return 1
    print(f"{len(sys.argv) - 2} files, {partial} of them with some rows and not all")
    return 0 if 2 * partial >= len(sys.argv) - 2 else 1


sys.exit(main())
