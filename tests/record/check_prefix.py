"""check_prefix.py WHOLE.h5 CUT.h5...: each CUT, left behind by a killed run, opens with h5py's defaults and holds, in every
table and series, the first rows of WHOLE; and all of them stand at one instant."""
import sys

import h5py
import numpy as np

SNAPSHOT = ("nodes", "layers")


def datasets(f):
    found = {}
    f.visititems(lambda name, o: found.update({name: o}) if isinstance(o, h5py.Dataset) else None)
    return found


def check(whole, path):
    with h5py.File(path) as f:
        assert f.attrs["completed"] == 0, "says completed"
        assert f.attrs["digest"] == "", "has a digest"
        cut, rows = datasets(f), 0
        assert set(cut) == set(whole), "other datasets"
        for name, d in cut.items():
            if name in SNAPSHOT:
                continue
            got = d[()]
            assert got.tobytes() == whole[name][: len(got)].tobytes(), name + " differs"
            rows += len(got)
        samples = {len(d) for name, d in cut.items() if name.startswith("series/") and name[7:] not in ("layer", "node")}
        assert len(samples) == 1, "series of different lengths"
        blocks, txs = cut["blocks"][()], len(cut["transactions"])
        counts = np.cumsum(blocks["txs"][blocks["status"] == 0]) if len(blocks) else np.array([0])
        assert txs <= counts[-1], "transactions of a block that is not there"
        assert txs >= (counts[-2] if len(counts) > 1 else 0), "a block before the last lacks transactions"
        now = cut["series/time"][-1] if max(samples) else 0
        assert not len(blocks) or blocks["proposed"][-1] <= now + 200_000_000, "blocks ahead of the series"
        assert not len(blocks) or now <= blocks["proposed"][-1] + 6_000_000_000, "series ahead of the blocks"
        assert len(cut["nodes"]) in (0, 8) and len(cut["layers"]) in (0, 1), "half a snapshot"
        return rows


def main():
    with h5py.File(sys.argv[1]) as f:
        assert f.attrs["completed"] == 1
        whole = {name: d[()] for name, d in datasets(f).items()}
    total = sum(len(v) for v in whole.values())
    partial = 0
    for path in sys.argv[2:]:
        try:
            rows = check(whole, path)
        except (AssertionError, OSError, KeyError) as e:
            print(f"{path}: {e}")
            return 1
        partial += 0 < rows < total
    print(f"{len(sys.argv) - 2} files, {partial} of them with some rows and not all")
    return 0 if partial * 2 >= len(sys.argv) - 2 else 1


sys.exit(main())
