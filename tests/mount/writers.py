"""writers.py BOUGH STORE MOUNTPOINT: engines write into the branch dev of the empty table sales.w;
each time the rows are as they should be, the history too, and nothing is left over. Then, in
tables of their own: which files fit, and what is said of those that do not."""
import errno
import glob
import json
import os
import subprocess
import sys
import traceback

import chdb
import duckdb
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

BOUGH, STORE, MNT = sys.argv[1:4]
DATA = f"{MNT}/sales/w/_refs/dev/data"
known = 0  # steps of history that were looked at


def history():
    text = subprocess.run([BOUGH, "-s", STORE, "log", "--json", "sales.w/dev"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text)[::-1]


def steps(*operations, rows=None):
    """Since the last call these commits were made, and no other."""
    global known
    log = history()
    got = [s["operation"] for s in log[known:]]
    known = len(log)
    assert got == list(operations), (got, operations)
    if rows is not None:
        assert log[-1]["rows"] == rows, (log[-1], rows)


def table(first, n):
    return pyarrow.table({"id": pyarrow.array(range(first, first + n), pyarrow.int64()),
                          "name": [f"n{i}" for i in range(first, first + n)]})


def expect(name, first, n):
    """What the file has, read anew by two engines."""
    path = f"{DATA}/{name}"
    want = (n, first, first + n - 1, n)
    got = duckdb.sql("SELECT count(*), min(id), max(id), count(DISTINCT name) "
                     f"FROM read_parquet('{path}')").fetchone()
    assert got == want, (name, got, want)
    column = pyarrow.parquet.read_table(path).column("id").to_pylist()
    assert sorted(column) == list(range(first, first + n)), name


def rows():
    return duckdb.sql(f"SELECT count(*) FROM '{DATA}/*.parquet'").fetchone()[0]


def refused(fn, *args, **kw):
    try:
        fn(*args, **kw)
    except (OSError, duckdb.Error, RuntimeError):
        return
    raise AssertionError("it was taken")


def copy(first, n, name, options=""):
    duckdb.sql(f"COPY (SELECT range::BIGINT AS id, 'n' || range AS name FROM range({first}, "
               f"{first + n})) TO '{DATA}/{name}' (FORMAT parquet{options})")


def by_duckdb():
    copy(0, 1000, "duck.parquet")
    steps("append", rows=1000)
    expect("duck.parquet", 0, 1000)
    copy(5000, 2000, "duck.parquet")  # through tmp_duck.parquet
    steps("overwrite", rows=2000)
    expect("duck.parquet", 5000, 2000)
    copy(0, 10000, "groups.parquet", ", ROW_GROUP_SIZE 2048, COMPRESSION zstd")
    steps("append", rows=12000)
    expect("groups.parquet", 0, 10000)
    db = duckdb.connect()
    db.sql(f"COPY (SELECT * FROM '{DATA}/groups.parquet' WHERE id < 7000) "
           f"TO '{DATA}/groups.parquet' (FORMAT parquet)")  # reads what it replaces
    steps("overwrite", rows=9000)
    expect("groups.parquet", 0, 7000)
    refused(copy, 0, 10, "", ", PARTITION_BY (name)")
    steps()


def by_pandas():
    before = rows()
    frame = table(20000, 300).to_pandas()
    frame.to_parquet(f"{DATA}/pandas.parquet", index=False)
    steps("append", rows=before + 300)
    expect("pandas.parquet", 20000, 300)
    table(21000, 200).to_pandas().to_parquet(f"{DATA}/pandas.parquet", index=False)
    steps("overwrite", rows=before + 200)
    expect("pandas.parquet", 21000, 200)
    assert len(pandas.read_parquet(f"{DATA}/pandas.parquet")) == 200


def by_arrow():
    before = rows()
    pyarrow.parquet.write_table(table(30000, 500), f"{DATA}/arrow.parquet")
    steps("append", rows=before + 500)
    expect("arrow.parquet", 30000, 500)
    pyarrow.parquet.write_table(table(31000, 400), f"{DATA}/arrow.parquet", row_group_size=100)
    steps("overwrite", rows=before + 400)
    expect("arrow.parquet", 31000, 400)


def by_arrow_at_length():
    """A writer that stays open: nothing shows until it is closed, whatever it flushes."""
    before = rows()
    with open(f"{DATA}/long.parquet", "wb") as f:
        writer = pyarrow.parquet.ParquetWriter(f, table(0, 1).schema)
        for group in range(5):
            writer.write_table(table(40000 + 100 * group, 100))
            f.flush()
            os.fsync(f.fileno())
        assert "long.parquet" not in os.listdir(DATA)
        writer.close()
    steps("append", rows=before + 500)
    expect("long.parquet", 40000, 500)


def by_arrow_dataset():
    before = rows()

    def write(first, n):
        pyarrow.dataset.write_dataset(
            table(first, n), DATA, format="parquet", basename_template="set-{i}.parquet",
            existing_data_behavior="overwrite_or_ignore", max_rows_per_file=100,
            max_rows_per_group=50)

    write(50000, 300)
    steps("append", "append", "append", rows=before + 300)
    found = sorted(glob.glob(f"{DATA}/set-*.parquet"))
    assert [os.path.basename(p) for p in found] == [f"set-{i}.parquet" for i in range(3)], found
    write(51000, 300)
    steps("overwrite", "overwrite", "overwrite", rows=before + 300)
    ids = pyarrow.dataset.dataset(found).to_table().column("id").to_pylist()
    assert sorted(ids) == list(range(51000, 51300))


def by_clickhouse():
    before = rows()
    chdb.query("SELECT toInt64(number + 60000) AS id, concat('n', toString(number)) AS name "
               f"FROM numbers(250) INTO OUTFILE '{DATA}/house.parquet' FORMAT Parquet")
    steps("append", rows=before + 250)
    expect("house.parquet", 60000, 250)


def by_spark():
    """As its committer does: a checksum file beside each, a file that says that all are there."""
    before = rows()
    part = "part-00000-6f4b9c1e-1d0c-4c52-9a2a-3f1f3a2b9d10-c000.snappy.parquet"
    temporary = f"{DATA}/._COPYING_{part}"
    with open(f"{DATA}/.{part}.crc", "wb") as f:
        f.write(b"crc\0" + bytes(20))
    pyarrow.parquet.write_table(table(70000, 100), temporary, compression="snappy")
    steps()
    os.rename(temporary, f"{DATA}/{part}")
    open(f"{DATA}/_SUCCESS", "wb").close()
    steps("append", rows=before + 100)
    expect(part, 70000, 100)
    part = part.replace("00000", "00001")
    pyarrow.parquet.write_table(table(71000, 100), f"{DATA}/{part}", compression="snappy")
    steps("append", rows=before + 200)
    expect(part, 71000, 100)
    for name in os.listdir(DATA):
        if name.startswith((".", "_")):
            os.unlink(f"{DATA}/{name}")
    steps()


def by_a_failing_engine():
    """What dies or gives up on its way leaves the old file."""
    before = rows()
    refused(duckdb.sql, "COPY (SELECT CASE WHEN range < 300000 THEN range::BIGINT ELSE "
            f"error('no') END AS id, 'x' AS name FROM range(400000)) TO '{DATA}/duck.parquet' "
            "(FORMAT parquet, ROW_GROUP_SIZE 2048)")
    pid = os.fork()
    if not pid:
        writer = pyarrow.parquet.ParquetWriter(f"{DATA}/arrow.parquet", table(0, 1).schema)
        writer.write_table(table(0, 100000))
        os._exit(0)
    os.waitpid(pid, 0)
    steps()
    assert rows() == before
    expect("duck.parquet", 5000, 2000)
    expect("arrow.parquet", 31000, 400)


def nothing_odd():
    odd = [n for n in os.listdir(DATA)
           if n.startswith((".", "_", "tmp_")) or not n.endswith(".parquet")]
    assert not odd, odd
    assert not os.listdir(f"{MNT}/sales/w/data")  # main's


def file_of(**columns):
    """A file outside with these columns in that order."""
    pyarrow.parquet.write_table(pyarrow.table(columns), "put.parquet")
    return "put.parquet"


def put(source, to):
    with open(source, "rb") as f, open(to, "wb", buffering=0) as out:
        out.write(f.read())


def told():
    with open(f"{MNT}/.bough/errors") as f:
        return f.read().splitlines()


def not_taken(where, *words, **columns):
    """Refused when it is closed; the last of .bough/errors says why."""
    before = len(told())
    to = f"{where}/bad.parquet"
    try:
        put(file_of(**columns), to)
    except OSError as e:
        assert e.errno == errno.EINVAL, e
    else:
        raise AssertionError(f"{columns} was taken")
    assert not os.path.exists(to)
    said = [line for line in told()[before:] if "/bad.parquet EINVAL: " in line]
    assert said and all(w in said[0] for w in words), (words, said)


def ints(*values, kind=pyarrow.int64()):
    return pyarrow.array(values, kind)


def with_columns(where):
    """The first file decides: id BIGINT, name VARCHAR, n INT, x DOUBLE."""
    n, x = pyarrow.int32(), pyarrow.float64()
    put(file_of(id=ints(1, 2), name=["a", None], n=ints(1, 2, kind=n), x=ints(1, 2, kind=x)),
        f"{where}/1.parquet")
    put(file_of(x=ints(3, kind=x), name=["c"], id=ints(3), n=ints(3, kind=n)),
        f"{where}/order.parquet")
    put(file_of(id=ints(4), n=ints(4, kind=n)), f"{where}/missing.parquet")
    put(file_of(ID=ints(5), Name=["e"]), f"{where}/case.parquet")
    put(file_of(id=ints(6, kind=pyarrow.int16()), x=ints(6, kind=pyarrow.float32())),
        f"{where}/narrow.parquet")
    not_taken(where, "column 'extra'", id=ints(7), extra=ints(7))
    not_taken(where, "column 'id'", id=["seven"])
    not_taken(where, "column 'n'", id=ints(7), n=ints(7))
    not_taken(where, "column 'n'", id=ints(7), n=ints(7, kind=x))
    not_taken(where, "column 'name'", id=ints(7), name=ints(7))
    not_taken(where, "column 'name'", name=[["seven"]])
    not_taken(where, "column", other=ints(7))
    got = duckdb.sql("SELECT id, name, n, x FROM read_parquet("
                     f"'{where}/*.parquet', union_by_name=true) ORDER BY id").fetchall()
    assert got == [(1, "a", 1, 1.0), (2, None, 2, 2.0), (3, "c", 3, 3.0), (4, None, 4, None),
                   (5, "e", None, None), (6, None, None, 6.0)], got


def with_not_null(where):
    must = pyarrow.schema([pyarrow.field("id", pyarrow.int64(), nullable=False),
                           pyarrow.field("k", pyarrow.int64())])
    pyarrow.parquet.write_table(pyarrow.table({"id": [1], "k": [None]}, schema=must),
                                f"{where}/1.parquet")
    put(file_of(id=ints(2), k=ints(2)), f"{where}/2.parquet")
    not_taken(where, "column 'id'", "NULL", id=ints(3, None), k=ints(3, 4))
    not_taken(where, "column 'id'", k=ints(3))
    assert sorted(os.listdir(where)) == ["1.parquet", "2.parquet"]


def without_rows(where):
    """They are taken, decide nothing and show nothing; over a file they take it away."""
    put(file_of(other=ints()), f"{where}/none.parquet")
    assert not os.listdir(where)
    put(file_of(id=ints(1)), f"{where}/1.parquet")
    put(file_of(id=ints()), f"{where}/none.parquet")
    not_taken(where, "column 'other'", other=ints())
    assert os.listdir(where) == ["1.parquet"]
    put(file_of(id=ints()), f"{where}/1.parquet")
    assert not os.listdir(where)


ENGINES = (by_duckdb, by_pandas, by_arrow, by_arrow_at_length, by_arrow_dataset, by_clickhouse,
           by_spark, by_a_failing_engine)
SCHEMAS = (with_columns, with_not_null, without_rows)


def run_engine(fn):
    fn()
    nothing_odd()


def run_schema(fn):
    os.mkdir(f"{MNT}/sales/{fn.__name__}")
    fn(f"{MNT}/sales/{fn.__name__}/data")


def main():
    global known
    failed = 0
    for fn in ENGINES + SCHEMAS:
        known = len(history())
        try:
            (run_engine if fn in ENGINES else run_schema)(fn)
        except Exception:
            failed += 1
            print(f"FAILED {fn.__name__}", file=sys.stderr)
            traceback.print_exc(limit=-2)
    sys.exit(bool(failed))


main()
