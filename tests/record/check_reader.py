"""check_reader.py ROOT FILE.h5 DIGEST: the Python reader gives what the run wrote, and the digest, computed here from its
description in docs/results-format.md, is the one that was stored."""
import hashlib
import sys

import h5py
import numpy as np

sys.path.insert(0, sys.argv[1] + "/analysis")
import weft  # noqa: E402


def type_text(t):
    labels = h5py.check_enum_dtype(t)
    if labels:
        return "label:" + ",".join(n for n, _ in sorted(labels.items(), key=lambda x: x[1]))
    if t == np.dtype(bool):
        return "label:FALSE,TRUE"
    if t.kind == "S":
        return f"text:{t.itemsize}"
    return f"{t.kind}{8 * t.itemsize}"


def digest(f):
    found = {}
    f.visititems(lambda name, o: found.update({"/" + name: o}) if isinstance(o, h5py.Dataset) else None)
    whole = hashlib.sha256(b"weft results 1\n")
    for path in sorted(found, key=str.encode):
        if path in ("/series/layer", "/series/node"):
            continue
        d = found[path]
        rows = d[()]
        text = path + "\n"
        if d.dtype.names:
            for name in d.dtype.names:
                text += f"{name} {type_text(d.dtype[name])}\n"
            assert d.dtype.itemsize == sum(d.dtype[n].itemsize for n in d.dtype.names), "gaps in " + path
        else:
            text += f"value {type_text(d.dtype)}" + (f"[{d.shape[1]}]" if d.ndim == 2 else "") + "\n"
        whole.update((text + f"rows {len(rows)}\n").encode())
        whole.update(hashlib.sha256(rows.tobytes()).digest())
    return whole.hexdigest()


def test_digest(run, stored):
    assert digest(run.file) == run.attrs["digest"] == stored


def test_attributes(run, _):
    assert run.completed and run.attrs["program"] == "weft" and run.attrs["seed"] == 77
    assert run.attrs["interval"] == 100_000_000 and "invented" in run.attrs["scenario"]


def test_tables(run, _):
    assert set(run.tables()) >= {"blocks", "transactions", "nodes", "layers", "faults", "events", "schedule", "conflicts", "dependencies", "speedups"}
    blocks = run.table("blocks")
    final = run.column("blocks", "status") == "canonical"
    layers = run.table("layers")
    assert final.sum() == layers["blocks"].sum() and blocks["txs"][final].sum() == layers["txs_committed"].sum()
    assert len(run.table("transactions")) == blocks["txs"][final].sum()
    committed, coded = run.column("blocks", "committed"), run.table("blocks")["committed"]
    assert (coded == -1).any() and (np.isnan(committed) == (coded == -1)).all()  # never is NaN
    assert (committed[coded != -1] == coded[coded != -1]).all()
    assert run.frame("blocks")["committed"].dtype == float
    assert run.frame("blocks")["proposed"].dtype.kind == "i"
    hashes = run.column("blocks", "hash")
    assert all(h.startswith("0x") and len(h) == 66 for h in hashes) and len(set(hashes)) == len(hashes)
    assert run.units("blocks")["gas_used"] == "gas" and run.docs("nodes")["region"]
    assert list(run.column("faults", "kind")) == ["crash", "recover"]
    assert run.column("schedule", "aborted").dtype == bool
    frame = run.frame("nodes")
    assert list(frame["name"][:2]) == ["validator-0", "validator-1"] and len(frame["id"]) == 8


def test_series(run, _):
    t, offered = run.series("offered")
    assert offered.shape == (len(t), 2) and np.all(np.diff(t) > 0) and run.series_unit("offered") == "1/s"
    assert run.series("utilisation")[1].shape == (len(t), 8)
    phase = run.phase()
    assert phase[0] == "warm-up" and phase[-1] == "drain" and "measure" in phase
    d = run.file["series/utilisation"]
    assert d.dims[0].keys() == ["time"] and d.dims[1].keys() == ["node"]
    assert set(run.series_names()) >= {"offered", "achieved", "base_fee", "utilisation"}


def main():
    failed = 0
    with weft.open(sys.argv[2]) as run:
        for name, test in sorted(globals().items()):
            if not name.startswith("test_"):
                continue
            try:
                test(run, sys.argv[3])
                print("ok", name[5:])
            except AssertionError as e:
                failed = 1
                print("not ok", name[5:], repr(e), "line", e.__traceback__.tb_next and e.__traceback__.tb_next.tb_lineno)
    return failed


sys.exit(main())
