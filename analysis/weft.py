"""weft.py - a small reader of weft's results files. Needs h5py and numpy only.

    import weft
    run = weft.open("run.h5")
    run.attrs["seed"], run.completed
    run.tables()                          # ['blocks', 'events', ...]
    blocks = run.table("blocks")          # numpy structured array; labels and text stay coded
    run.column("blocks", "status")        # one column; labels as their texts, text as str
    run.units("blocks")["gas_used"]       # 'gas'
    run.column("transactions", "latency") # ns as float; NaN where the file's -1 means never
    t, offered = run.series("offered")    # seconds, and samples x layers
    pandas.DataFrame(run.frame("transactions"))
    run.frame("routing")["regret"]        # tables of some runs only: if "routing" in run.tables()

Everything it knows of the columns comes from the file itself.
"""
import h5py
import numpy as np

FORMAT_VERSION = 1
NEVER = "-1 is never"  # in the doc of every time that may be missing


class Run:
    """One results file, open for reading; closes itself in a `with` block."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        self.attrs = dict(self.file.attrs)
        version = self.attrs.get("format_version")
        if version is None or "completed" not in self.attrs:
            self.close()
            raise ValueError(f"{path}: not a results file of weft")
        if version > FORMAT_VERSION:
            self.close()
            raise ValueError(f"{path}: format {version}, this reader knows {FORMAT_VERSION}")

    def close(self):
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def completed(self):
        """False for a run that was cut: the rows up to its last flush are there."""
        return bool(self.attrs["completed"])

    def tables(self):
        return [name for name, item in self.file.items() if isinstance(item, h5py.Dataset)]

    def table(self, name):
        """All rows as a numpy structured array."""
        return self.file[name][()]

    def column(self, table, name):
        """One column; labels come as their texts, text as str, truth values as bool.

        Times that may be missing (their doc says "-1 is never") come as float, NaN for never."""
        return _ready(self.file[table].fields(name)[()], self.docs(table)[name])

    def frame(self, table):
        """{column: array}, ready for pandas.DataFrame."""
        rows, docs = self.table(table), self.docs(table)
        return {name: _ready(rows[name], docs[name]) for name in rows.dtype.names}

    def units(self, table):
        """{column: unit}, "" where there is none."""
        data = self.file[table]
        return dict(zip(data.dtype.names, map(_text, data.attrs["column_units"])))

    def docs(self, table):
        """{column: what it means}."""
        data = self.file[table]
        return dict(zip(data.dtype.names, map(_text, data.attrs["column_docs"])))

    def series_names(self):
        return [n for n in self.file["series"] if n not in ("time", "phase", "layer", "node")]

    def series(self, name):
        """(times in seconds, values): one row per sample, one column per layer or node."""
        group = self.file["series"]
        return group["time"][()] / 1e9, group[name][()]

    def series_unit(self, name):
        return _text(self.file["series"][name].attrs["units"])

    def phase(self):
        """The part of the run each sample belongs to: 'warm-up', 'measure' or 'drain'."""
        return _plain(self.file["series/phase"][()])


def open(path):  # noqa: A001 - weft.open reads well
    return Run(path)


def _text(v):
    return v.decode() if isinstance(v, bytes) else str(v)


def _ready(values, doc):
    values = _plain(values)
    if NEVER in doc:
        return np.where(values == -1, np.nan, values)
    return values


def _plain(values):
    labels = h5py.check_enum_dtype(values.dtype)
    if labels:
        names = np.full(max(labels.values()) + 1, "", dtype=object)
        for text, value in labels.items():
            names[value] = text
        return names[values]
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    return values
