"""What Bough takes from footers, and finds where they lack it, against what pyarrow finds in the
data itself.

usage: test_reader.py PARQUET_DUMP
"""
import datetime
import decimal
import json
import os
import random
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SEED = int(os.environ.get("BOUGH_TEST_SEED") or random.randrange(1 << 32))
RANDOM = random.Random(SEED)
EPOCH = datetime.date(1970, 1, 1)


def maybe(value, nulls=0.2):
    return None if RANDOM.random() < nulls else value


def column(kind, n, shares=(0, 0.2, 1)):
    """@n random values of a type, some of them at its ends."""
    def integer(bits, signed):
        low, high = (-1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return RANDOM.choice([low, high, 0, RANDOM.randint(low, high), RANDOM.randint(low, high)])

    def text():
        return "".join(RANDOM.choice("aZ0 \\xÄ€😀\0") for _ in range(RANDOM.randrange(40)))

    def digits(precision, scale):
        n = RANDOM.randint(-10**precision + 1, 10**precision - 1)
        with decimal.localcontext() as c:
            c.prec = 80
            return decimal.Decimal(n).scaleb(-scale)

    if pa.types.is_integer(kind):
        make = lambda: integer(kind.bit_width, pa.types.is_signed_integer(kind))
    elif pa.types.is_floating(kind):
        make = lambda: RANDOM.choice([0.0, -0.0, 1.5, -2.25, float("nan")])
    elif pa.types.is_decimal(kind):
        make = lambda: digits(kind.precision, kind.scale)
    elif pa.types.is_date(kind):
        make = lambda: EPOCH + datetime.timedelta(RANDOM.randint(-700000, 2900000))
    elif pa.types.is_timestamp(kind):
        span = 10**9
        per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        make = lambda: RANDOM.randint(-5 * span * per, 5 * span * per)
    elif pa.types.is_boolean(kind):
        make = lambda: RANDOM.random() < 0.5
    elif pa.types.is_binary(kind):
        make = lambda: text().encode("utf-16")
    else:
        make = text
    nulls = RANDOM.choice(shares)
    return pa.array([maybe(make(), nulls) for _ in range(n)], kind)


KINDS = {
    "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
    "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
    "f32": pa.float32(), "f64": pa.float64(), "bool": pa.bool_(), "text": pa.string(),
    "large": pa.large_string(), "bin": pa.binary(), "date": pa.date32(),
    "ms": pa.timestamp("ms"), "us": pa.timestamp("us"), "utc": pa.timestamp("us", "UTC"),
    "ns": pa.timestamp("ns"), "d1": pa.decimal128(1, 0), "d9": pa.decimal128(9, 3),
    "d10": pa.decimal128(10, 10), "d18": pa.decimal128(18, 0), "d19": pa.decimal128(19, 6),
    "d38": pa.decimal128(38, 37), "d76": pa.decimal256(76, 5),
}
RANGES = {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "STRING",
          "DATE", "TIMESTAMP", "DECIMAL"}


def table(n, shares=(0, 0.2, 1)):
    columns = {name: column(kind, n, shares) for name, kind in KINDS.items()}
    columns["tuple"] = pa.StructArray.from_arrays(
        [column(pa.int32(), n, shares), column(pa.string(), n, shares)], ["x", "y"],
        mask=pa.array([RANDOM.random() < 0.1 for _ in range(n)], pa.bool_()))
    columns["list"] = pa.array([maybe([1, None]) for _ in range(n)], pa.list_(pa.int32()))
    columns["map"] = pa.array([maybe([("k", 1)]) for _ in range(n)],
                              pa.map_(pa.string(), pa.int32()))
    return pa.table(columns)


def by_pyarrow(folder):
    variants = [dict(compression=c) for c in ("none", "snappy", "gzip", "zstd", "brotli", "lz4")]
    variants += [
        dict(data_page_version="2.0"), dict(use_dictionary=False),
        dict(version="1.0", coerce_timestamps="us", allow_truncated_timestamps=True),
        dict(store_decimal_as_integer=True), dict(use_deprecated_int96_timestamps=True),
        dict(write_statistics=False), dict(write_page_index=True), dict(row_group_size=17),
        dict(store_schema=False), dict(coerce_timestamps="ms", allow_truncated_timestamps=True),
    ]
    for i, options in enumerate(variants):
        path = os.path.join(folder, f"pyarrow{i}.parquet")
        pq.write_table(table(RANDOM.choice([1, 50, 200])), path, **options)
        yield path
    path = os.path.join(folder, "uneven.parquet")
    t = table(300)
    with pq.ParquetWriter(path, t.schema, write_statistics=["i8", "text"]) as w:
        for i in sorted(RANDOM.sample(range(300), 40)):
            w.write_table(t.slice(i, RANDOM.randint(0, 9)))
    yield path
    path = os.path.join(folder, "delta.parquet")  # pyarrow cannot read these where all are NULL
    t = pa.table({"a": pa.array(range(99), pa.int32()), "t": [str(i % 9) for i in range(99)]})
    pq.write_table(t, path, use_dictionary=False,
                   column_encoding={"a": "DELTA_BINARY_PACKED", "t": "DELTA_BYTE_ARRAY"})
    yield path
    path = os.path.join(folder, "required.parquet")
    t = pa.table({"a": column(pa.int32(), 9).fill_null(0),
                  "t": column(pa.string(), 9).fill_null("")})
    pq.write_table(t.cast(pa.schema([f.with_nullable(False) for f in t.schema])), path)
    yield path
    path = os.path.join(folder, "empty.parquet")
    pq.write_table(table(0), path)
    yield path


def by_duckdb(folder):
    t = table(5000).drop_columns(["d76", "map"])
    # pyarrow cannot read DuckDB's DELTA_BINARY_PACKED of 32-bit columns with far jumps
    dense = table(5000, (0, 0.2)).drop_columns(["d76", "map", "i32", "u32", "tuple"])
    c = duckdb.connect()
    for i, options in enumerate(("", ", COMPRESSION zstd, ROW_GROUP_SIZE 2048",
                                 ", COMPRESSION gzip",
                                 ", PARQUET_VERSION v2", ", COMPRESSION lz4_raw",
                                 ", COMPRESSION brotli", ", COMPRESSION uncompressed")):
        path = os.path.join(folder, f"duckdb{i}.parquet")
        c.sql(f"COPY {'dense' if 'v2' in options else 't'} TO '{path}' (FORMAT parquet{options})")
        yield path
    path = os.path.join(folder, "duckdb_empty.parquet")
    c.sql(f"COPY (FROM t LIMIT 0) TO '{path}' (FORMAT parquet)")
    yield path


def leaves(array):
    """Flat leaf arrays of a column that is no list, in the file's order; None for others."""
    if pa.types.is_struct(array.type):
        for i in range(array.type.num_fields):
            yield from leaves(pc.struct_field(array, [i]))
    elif pa.types.is_list(array.type):
        yield None
    elif pa.types.is_map(array.type):
        yield None
        yield None
    else:
        yield array


def number(array):
    """Values as the store keeps them: days, microseconds, unscaled decimals."""
    kind = array.type
    if pa.types.is_date(kind):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        per = {"s": 10**6, "ms": 10**3, "us": 1}.get(kind.unit)
        return [None if v is None else v * per if per else v // 1000
                for v in array.cast(pa.int64()).to_pylist()]
    elif pa.types.is_decimal(kind):
        with decimal.localcontext() as c:
            c.prec = 80
            return [None if v is None else int(v.scaleb(kind.scale)) for v in array.to_pylist()]
    return array.to_pylist()


def bound(text, type_name):
    if type_name == "DECIMAL":
        return int.from_bytes(bytes.fromhex(text), "big", signed=True)
    return int(text)


def check_bounds(stats, values, type_name, where):
    low, high = min(values), max(values)
    if type_name == "STRING":
        values = [v.encode() for v in values]
        low, high = min(values), max(values)
        assert stats["min"].encode() <= low and high <= stats["max"].encode(), where
        assert len(stats["min"]) <= 16 and len(stats["max"]) <= 16, where
        assert low.startswith(stats["min"].encode()), where
        return
    assert bound(stats["min"], type_name) == low, (where, stats, low)
    assert bound(stats["max"], type_name) == high, (where, stats, high)


def must_have_range(column, type_name):
    """@column: of the file's schema. In one file as in another, whatever its footer says."""
    if type_name not in RANGES or "." in column.path or column.physical_type == "INT96":
        return False
    return "nanoseconds" not in str(column.logical_type) and column.precision <= 38


def check_stats(group, types, data, parquet, where):
    known, at, ranges = {s["leaf"]: s for s in group["stats"]}, 0, 0
    for name in data.column_names:
        array = data[name].combine_chunks()
        for leaf in leaves(array):
            stats, type_name = known.get(at), types[at]
            if must_have_range(parquet.column(at), type_name):
                assert "min" in (stats or {}), (where, name, type_name)
            at += 1
            if stats is None:
                continue
            assert leaf is not None, (where, name)
            assert stats["nulls"] == leaf.null_count, (where, name, stats, leaf.null_count)
            if "min" not in stats:
                continue
            values = [v for v in number(leaf) if v is not None]
            if not values:
                assert stats["min"] is None and stats["max"] is None, (where, name)
                continue
            assert type_name in RANGES, (where, name, type_name)
            check_bounds(stats, values, type_name, (where, name))
            ranges += 1
    return ranges


def leaf_types(columns):
    """Type names of the leaves, from the texts of the columns' types."""
    for _, text in columns:
        if text.startswith("TUPLE"):
            yield from (part.split()[1] for part in text[6:].split(", "))
        elif text.startswith("MAP"):
            yield from ("", "")
        else:
            yield "" if text.startswith("ARRAY") else text.split("(")[0].split(" ")[0]


def check_group(group, meta, where):
    assert group["rows"] == meta.num_rows, where
    assert len(group["columns"]) == meta.num_columns, where
    for leaf, offset, length, values in group["columns"]:
        c = meta.column(leaf)
        start = c.data_page_offset
        if c.has_dictionary_page and c.dictionary_page_offset:
            start = c.dictionary_page_offset
        assert (offset, length, values) == (start, c.total_compressed_size, c.num_values), where
    assert group["raw"] == sum(meta.column(i).total_uncompressed_size
                               for i in range(meta.num_columns)), where


def check_file(path, said):
    where = os.path.basename(path)
    assert "error" not in said, (where, said)
    f = pq.ParquetFile(path)
    metas = [(i, f.metadata.row_group(i)) for i in range(f.metadata.num_row_groups)]
    metas = [(i, m) for i, m in metas if m.num_rows]
    assert said["rows"] == f.metadata.num_rows and said["size"] == os.path.getsize(path), where
    assert len(said["groups"]) == len(metas), where
    types, ranges = list(leaf_types(said["columns"])), 0
    for group, (i, meta) in zip(said["groups"], metas):
        check_group(group, meta, where)
        ranges += check_stats(group, types, f.read_row_group(i), f.schema, where)
    return ranges


def twice(folder):
    """The same tables with and without statistics: [(path, path), ...]"""
    for i, options in enumerate((dict(), dict(row_group_size=17),
                                 dict(store_decimal_as_integer=True),
                                 dict(version="1.0", coerce_timestamps="ms",
                                      allow_truncated_timestamps=True))):
        t = table(RANDOM.choice([50, 200]))
        paths = [os.path.join(folder, f"twice{i}{s}.parquet") for s in ("with", "without")]
        pq.write_table(t, paths[0], **options)
        pq.write_table(t, paths[1], write_statistics=False, **options)
        yield paths


def check_twice(with_, without):
    """What was found in the data is what the other footer says."""
    compared = 0
    for a, b in zip(with_["groups"], without["groups"]):
        found = {s["leaf"]: s for s in b["stats"]}
        for s in a["stats"]:
            f = found.get(s["leaf"], {})
            if "min" in s and "min" in f:
                assert [s[k] for k in ("nulls", "min", "max")] == \
                    [f[k] for k in ("nulls", "min", "max")], (s, f)
                compared += 1
    return compared


def main():
    print("seed", SEED)
    with tempfile.TemporaryDirectory() as folder:
        pairs = list(twice(folder))
        paths = list(by_pyarrow(folder)) + list(by_duckdb(folder))
        paths += [p for two in pairs for p in two]
        lines = subprocess.run([sys.argv[1], *paths], check=True, capture_output=True,
                               text=True).stdout.splitlines()
        assert len(lines) == len(paths), "a file without an answer"
        said = {p: json.loads(line) for p, line in zip(paths, lines)}
        ranges = {os.path.basename(p): check_file(p, j) for p, j in said.items()}
        compared = sum(check_twice(said[a], said[b]) for a, b in pairs)
    print(ranges, compared)
    assert compared > 50, "hardly any bounds were compared"
    assert sum(ranges.values()) > 200, "hardly any bounds were taken"


if __name__ == "__main__":
    main()
