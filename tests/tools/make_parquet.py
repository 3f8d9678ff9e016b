"""Makes tests/samples/parquet: small files by pyarrow and DuckDB, some with changed footers.

usage: make_parquet.py FOLDER      (made with pyarrow 26.0.1 and duckdb 1.5.5)
"""
import datetime
import decimal
import os
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import parquet_footer as pf

D = decimal.Decimal
UTC = datetime.timezone.utc


def types():
    """One column of each type, three rows, most with a NULL."""
    return pa.table({
        "i8": pa.array([-128, 127, None], pa.int8()),
        "u32": pa.array([1, 2**32 - 1, 5], pa.uint32()),
        "u64": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "i64": pa.array([-2**63, 2**63 - 1, None], pa.int64()),
        "f32": pa.array([1.5, float("nan"), None], pa.float32()),
        "f64": pa.array([None, None, None], pa.float64()),
        "bool": [True, False, None],
        "text": ["ä\0b", "z" * 50, None],
        "hex": ["\\xFF", "a", "b"],
        "bin": pa.array([b"\xff", b"", None], pa.binary()),
        "date": pa.array([-800000, 0, None], pa.date32()),
        "us": pa.array([-1, 1582934400123456, None], pa.timestamp("us")),
        "utc": pa.array([-1, 1582934400123456, None], pa.timestamp("us", "UTC")),
        "d4": pa.array([D("-0.05"), D("99.99"), None], pa.decimal128(4, 2)),
        "d18": pa.array([D("-1.5"), D("1.5"), None], pa.decimal128(18, 6)),
        "d38": pa.array([D("-1.50"), D("9" * 36 + ".99"), None], pa.decimal128(38, 2)),
        "list": [[1, None], None, []],
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32())),
        "tuple": [{"x": 1, "y": "a"}, None, {"x": 3, "y": None}],
    })


def foreign():
    """Columns that have no exact counterpart."""
    return pa.table({
        "time": pa.array([datetime.time(1, 2), None, None], pa.time64("us")),
        "uuid": pa.array([b"0123456789abcdef"] * 3, pa.uuid()),
        "half": pa.array([1, 2, None], pa.float16()),
        "four": pa.array([b"abcd", None, None], pa.binary(4)),
        "ms": pa.array([-1, 1000, None], pa.timestamp("ms")),
        "ns": pa.array([-1, 1000, None], pa.timestamp("ns")),
        "d1": pa.array([D(1), D(-9), None], pa.decimal128(1, 0)),
        "d60": pa.array([D("-1.5"), D("9" * 58 + ".99"), None], pa.decimal256(60, 2)),
    })


def only_old_bounds(fields):
    for meta in pf.metas(fields):
        stats = meta[pf.META_STATS][1]
        for new, old in (pf.STATS_MAX, pf.STATS_MAX_OLD), (pf.STATS_MIN, pf.STATS_MIN_OLD):
            stats[old] = stats.pop(new)


def not_exact(fields):
    for meta in pf.metas(fields):
        stats = meta[pf.META_STATS][1]
        stats[pf.STATS_MAX_EXACT] = stats[pf.STATS_MIN_EXACT] = (pf.BOOL_FALSE, False)


def codec(number):
    def edit(fields):
        next(pf.metas(fields))[pf.META_CODEC] = (pf.I32, number)
    return edit


def without_orders(fields):
    del fields[pf.FILE_ORDERS]


def rows(of_file, of_group):
    def edit(fields):
        fields[pf.FILE_ROWS] = (pf.I64, of_file)
        fields[pf.FILE_GROUPS][1][1][0][pf.GROUP_ROWS] = (pf.I64, of_group)
    return edit


def far_offset(fields):
    meta = next(pf.metas(fields))
    meta[pf.META_OFFSET] = meta[pf.META_DICTIONARY] = (pf.I64, 1 << 40)


def empty_group(fields):
    """A row group of 0 rows before the others."""
    groups = fields[pf.FILE_GROUPS][1][1]
    groups.insert(0, {**groups[0], pf.GROUP_ROWS: (pf.I64, 0)})


def two_levels(fields):
    """list<element> without the middle level: the repeated node is the element."""
    root, outer, _, element = fields[pf.FILE_SCHEMA][1][1]
    element[pf.NODE_REPETITION] = (pf.I32, 2)
    fields[pf.FILE_SCHEMA][1][1][:] = root, outer, element


def huge_list(path):
    """A footer whose list of row groups declares 2^31 - 1 elements."""
    body, fields = pf.read(path)
    out = pf.Output()
    out.struct({1: fields[1], 2: fields[2], 3: fields[3]})
    footer = bytes(out.data[:-1]) + b"\x19\xfc\xff\xff\xff\xff\x07"
    return body, footer


def by_duckdb(folder):
    c = duckdb.connect()
    c.sql(f"""COPY (SELECT i::INT i, i % 7 = 0 b, 'k' || i t, i::DECIMAL(1,0) d1,
        (i / 4)::DECIMAL(9,2) d9, DATE '2024-02-28' + i::INT d,
        TIMESTAMP '2024-02-28 23:59:59.999999' + to_seconds(i) ts, [i, NULL] l, {{'x': i}} s,
        MAP {{'k': i}} m, '{{}}'::JSON j, INTERVAL (i) DAY iv FROM range(10) r(i))
        TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)""")


def make(folder):
    def path(name):
        return os.path.join(folder, name + ".parquet")

    def put(name, table, **options):
        pq.write_table(table, path(name), **{"store_schema": False, "compression": "zstd",
                                             **options})

    small = pa.table({"a": pa.array([3, 1, None], pa.int32()), "t": ["b", "a", None]})
    put("types", types(), store_decimal_as_integer=True)
    put("foreign", foreign())
    put("small", small)
    put("groups", pa.table({"a": range(10)}), row_group_size=4)
    put("no_rows", small.slice(0, 0))
    put("no_stats", small, write_statistics=False)
    put("int96", pa.table({"t": pa.array([1, 2], pa.timestamp("us"))}),
        use_deprecated_int96_timestamps=True)
    put("required", pa.table([[1, 2], ["a", "b"]], schema=pa.schema(
        [pa.field("a", pa.int32(), False), pa.field("t", pa.string(), False)])))
    put("twice", pa.table([[1], [2]], names=["a", "a"]))
    put("brotli", small, compression={"a": "brotli", "t": "zstd"})
    put("mixed", small, compression={"a": "snappy", "t": "zstd"})
    put("list", pa.table({"l": [[1], [2, 3]]}))
    pf.change(path("list"), path("two_levels"), two_levels)
    os.unlink(path("list"))
    by_duckdb(folder)
    for name, edit in (("old_bounds", only_old_bounds), ("not_exact", not_exact),
                       ("lz4", codec(5)), ("no_orders", without_orders),
                       ("rows_differ", rows(4, 3)), ("rows_huge", rows(1 << 62, 1 << 62)),
                       ("far_offset", far_offset), ("empty_group", empty_group)):
        pf.change(path("small"), path(name), edit)
    pf.write_raw(path("huge_list"), *huge_list(path("small")))
    data = open(path("small"), "rb").read()
    with open(path("encrypted"), "wb") as f:
        f.write(b"PARE" + data[4:-4] + b"PARE")


if __name__ == "__main__":
    make(sys.argv[1])
