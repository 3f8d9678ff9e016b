"""Files whose footers have no minima and maxima: what `bough import` makes of them.

usage: test_ranges.py BUILD
"""
import ctypes
import datetime
import decimal
import os
import random
import shutil
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq

import parquet_footer as pf
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import objects  # noqa: E402

BUILD = sys.argv[1]
D = decimal.Decimal
UTC = datetime.timezone.utc
DAY, MOMENT = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30, 0, 123456)


def bough(store, *args):
    r = subprocess.run([f"{BUILD}/bough", "-s", store, *args], capture_output=True, text=True)
    assert not r.returncode, (args, r.stderr)
    return r.stdout


class Store:
    def __init__(self, folder):
        self.path = os.path.join(folder, "store")
        bough(self.path, "init", self.path)
        self.synced = False
        self.objects = objects.Objects(f"{self.path}/objects")

    def metas(self, table):
        """[{leaf: statistics} of each row group], newest segment first, and of each segment."""
        if not self.synced:
            bough(self.path, "sync")
        self.synced = True
        doc, = (d for d in self.objects.refs().values() if f"{d['database']}.{d['table']}" == table)
        head = objects.snapshot(self.objects.read(doc["head"]["object"]))
        parts = [objects.segment(self.objects.read(key)) for key, _ in head["segments"]]
        return [b["col_stats"] for metas, _ in parts for b in metas], \
            [summary["col_stats"] for _, summary in parts]

    def add(self, table, path):
        bough(self.path, "import", table, path)
        self.synced = False

    def take(self, table, path):
        self.add(table, path)
        return self.metas(table)


def plain(stats):
    return {k: stats[k] for k in ("min", "max", "null_count")}


def all_types():
    """{name: (values, with a NULL among them; has it ranges?)}"""
    def ints(kind):
        bits = kind.bit_width
        low, high = (-1 << bits - 1, (1 << bits - 1) - 1) if pa.types.is_signed_integer(kind) \
            else (0, (1 << bits) - 1)
        return pa.array([5, high, None, low, 0], kind), True
    columns = {str(k): ints(k) for k in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(),
                                         pa.uint16(), pa.uint32(), pa.uint64())}
    for precision, scale in ((2, 0), (4, 2), (9, 9), (18, 6), (19, 0), (38, 10)):
        top = D("9" * precision).scaleb(-scale, decimal.Context(prec=60))
        values = [top, None, top.copy_negate(), D(0), D(0)]
        columns[f"d{precision}"] = pa.array(values, pa.decimal128(precision, scale)), True
    old = datetime.datetime(1, 1, 1)
    columns |= {
        "text": (pa.array(["b", "ä" * 30, None, "", "a\0\\x00"]), True),
        "long": (pa.array(["z" * 5000, None, "Z" * 9000, "zz", "y"]), True),
        "day": (pa.array([DAY, None, datetime.date(1, 1, 1), DAY, DAY]), True),
        "us": (pa.array([MOMENT, None, old, MOMENT, MOMENT], pa.timestamp("us")), True),
        "utc": (pa.array([MOMENT, None, old, MOMENT, MOMENT], pa.timestamp("us", "UTC")), True),
        "ms": (pa.array([-1, None, 10**12, 5, 6], pa.timestamp("ms")), True),
        "none": (pa.nulls(5, pa.int32()), True), "null": (pa.nulls(5), True),
        "dictionary": (pa.array(["b", None, "a", "b", "c"]).dictionary_encode(), True),
        "f32": (pa.array([1, 2, None, 3, 4], pa.float32()), False),
        "f64": (pa.nulls(5, pa.float64()), False),
        "ns": (pa.array([-1, None, 10**12, 5, 6], pa.timestamp("ns")), False),
        "time": (pa.array([1, None, 2, 3, 4], pa.time64("us")), False),
        "d60": (pa.array([D(1), None, D(-5), D(2), D(3)], pa.decimal256(60, 2)), False),
        "bool": (pa.array([True, None, False, True, True]), False),
        "bin": (pa.array([b"a", None, b"\xff", b"", b"c"]), False),
    }
    return columns


def test_all_types(store, folder):
    columns = all_types()
    table = pa.table([c[0] for c in columns.values()], names=list(columns))
    for groups in (5, 2):
        for statistics in (True, False):
            path = f"{folder}/types-{groups}-{statistics}.parquet"
            pq.write_table(table, path, write_statistics=statistics, row_group_size=groups,
                           store_decimal_as_integer=True)
            store.add(f"r.t{groups}{statistics}", path)
    for groups in (5, 2):
        found = [store.metas(f"r.t{groups}{statistics}")[0] for statistics in (True, False)]
        assert len(found[0]) == len(found[1]) == -(-5 // groups)
        for with_, without in zip(*found):
            for leaf, (name, (_, has_ranges)) in enumerate(columns.items()):
                assert (leaf in without) == has_ranges, name
                if leaf in with_:
                    assert plain(with_[leaf]) == plain(without[leaf]), name
                else:  # a text that looks like DuckDB's for bytes, or is too long for Arrow
                    assert not has_ranges or name in ("text", "long"), name


NODE_CONVERTED, NODE_SCALE, NODE_PRECISION, NODE_NAME, NODE_LOGICAL = 6, 7, 8, 4, 10


def annotated(path, **types):
    """The same file, where columns have other, older types: (converted, precision, scale)."""
    def edit(fields):
        for node in fields[pf.FILE_SCHEMA][1][1]:
            converted = types.get(node[NODE_NAME][1].decode())
            if converted:
                node.pop(NODE_LOGICAL, None)
                for field, value in zip((NODE_CONVERTED, NODE_PRECISION, NODE_SCALE), converted):
                    node[field] = (pf.I32, value)
    pf.change(path, path, edit)


def number(stats):
    """Minimum and maximum of an integer, a day, a decimal, a text."""
    def value(v):
        v = next(iter(v.values())) if isinstance(v, dict) else v
        v = next(iter(v.values())) if isinstance(v, dict) else v
        if isinstance(v, list) and v and isinstance(v[0], (list, bytes)):
            v = v[0]
            return int.from_bytes(bytes(v), "big", signed=True)
        return bytes(v) if isinstance(v, list) else v
    return value(stats["min"]), value(stats["max"])


def test_old_types(store, folder):
    """What only other writers write."""
    def fixed(n, length):
        return n.to_bytes(length, "big", signed=True)
    path = f"{folder}/old.parquet"
    table = pa.table({
        "enum": ["b\\xFF", "a", None], "json": ['{"a": 1}', "[]", None],
        "short": pa.array([-5, 7, None], pa.int32()),
        "bytes": pa.array([fixed(-5, 1), fixed(70000, 3), None], pa.binary()),
        "five": pa.array([fixed(-5, 5), fixed(7, 5), None], pa.binary(5)),
        "digit": pa.array([1, 9, None], pa.int32()), "micros": pa.array([-1, 5, None]),
    })
    pq.write_table(table, path, write_statistics=False, store_schema=False)
    annotated(path, enum=(4,), json=(19,), short=(16,), bytes=(5, 9, 2), five=(5, 10, 1),
              digit=(5, 1, 0), micros=(10,))
    (stats,), _ = store.take("r.old", path)
    found = {name: number(stats[i]) for i, name in enumerate(table.column_names)}
    assert found == {"enum": (b"a", b"b\\xFF"), "json": (b"[]", b'{"a": 1}'), "short": (-5, 7),
                     "bytes": (-5, 70000), "five": (-5, 7), "digit": (1, 9),
                     "micros": (-1, 5)}, found
    assert all(s["null_count"] == 1 for s in stats.values())


def test_names(store, folder):
    """Columns are called by their places: names mean nothing."""
    names = ["a", "A", "file_row_number", "filename", "c0", "g", 'q"uote', "it's", "d.o.t",
             "new\nline", "); DROP TABLE x; --", "🦆", "count(*)", "x" * 300]
    path = f"{folder}/name='a'.parquet"
    pq.write_table(pa.table([pa.array([i, i + 100, i + 7]) for i in range(len(names))],
                            names=names), path, write_statistics=False, row_group_size=2)
    metas, _ = store.take("r.names", path)
    for i in range(len(names)):
        assert [number(m[i]) for m in metas] == [(i, i + 100), (i + 7, i + 7)], names[i]


def test_damaged(store, folder):
    """It is taken in as it is; what cannot be read has no range."""
    whole, path = f"{folder}/whole.parquet", f"{folder}/damaged.parquet"
    rng = random.Random(5)
    pq.write_table(pa.table({"a": [rng.randrange(10**9) for _ in range(5000)],
                             "t": [str(rng.random()) for _ in range(5000)]}), whole,
                   write_statistics=False, compression="zstd")
    data = open(whole, "rb").read()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    taken = []
    for i in range(12):
        broken = bytearray(data)
        if i < 4:
            broken[rng.randrange(4, footer - 200):footer - 100] = b""  # and moves the rest
        else:
            for _ in range(20):
                broken[rng.randrange(4, footer)] ^= 1 << rng.randrange(8)
        with open(path, "wb") as f:
            f.write(broken)
        r = subprocess.run([f"{BUILD}/bough", "-s", store.path, "import", f"r.damaged{i}", path],
                           capture_output=True, text=True)
        assert r.returncode in (0, 1), r
        assert not r.returncode or "is damaged" in r.stderr, r.stderr
        if not r.returncode:
            taken.append(f"r.damaged{i}")
            store.synced = False
    ranges = [len(m) for t in taken for m in store.metas(t)[0]]
    assert ranges and sum(ranges) < len(ranges), ranges
    with open(path, "wb") as f:
        f.write(data)
    assert len(store.take("r.repaired", path)[0][0]) == 2


def test_not_ours(store, folder):
    """A file that root may read, though its owner gave nobody the right to."""
    path = f"{folder}/private.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path, write_statistics=False)
    os.chmod(path, 0o600)
    if os.geteuid() == 0 and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0:  # it has landlock
        os.chown(path, 12345, 12345)
    assert len(store.take("r.private", path)[0][0]) == 1


def test_all_or_none(store, folder):
    """Of a table from all kinds of files each segment has the same ranges."""
    t = pa.table({"i": pa.array([1, 2, None]), "f": pa.array([1.5, None, 2]), "s": ["a", "b", "c"]})
    nulls = pa.table({"i": pa.nulls(2, pa.int64()), "f": pa.nulls(2, pa.float64()),
                      "s": pa.nulls(2, pa.string())})
    files = [(t, True), (t, False), (t, ["s"]), (nulls, True), (nulls, False),
             (t.select(["s"]), False),
             (t.set_column(1, "f", pa.array([1, 2, 3], pa.int32())), True)]
    for i, (table, statistics) in enumerate(files):
        pq.write_table(table, f"{folder}/mixed{i}.parquet", write_statistics=statistics)
        store.add("r.mixed", f"{folder}/mixed{i}.parquet")
    _, summaries = store.metas("r.mixed")
    assert all(sorted(s) == [0, 2] for s in summaries), summaries


def test_many(store, folder):
    """Several readers at work, and a folder of files that all lack them."""
    os.mkdir(f"{folder}/many")
    for i in range(30):
        pq.write_table(pa.table({"a": [i, i + 1000]}), f"{folder}/many/{i:02}.parquet",
                       write_statistics=False)
    metas, _ = store.take("r.many", f"{folder}/many")
    assert [number(m[0]) for m in metas] == [(i, i + 1000) for i in range(30)]


def main():
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            folder = tempfile.mkdtemp(prefix="bough-ranges-")
            test(Store(folder), folder)
            shutil.rmtree(folder)
            print(name, "ok", flush=True)


if __name__ == "__main__":
    main()
