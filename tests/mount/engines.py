"""split FLIGHTS FOLDER: a file a month.  compare DATA FILE ...: every engine sees the same rows."""
import sys

import chdb
import duckdb
import pandas
import pyarrow.dataset

COLUMNS = ["date", "delay", "distance", "origin", "destination"]


def split(flights, folder):
    for month in range(1, 7):
        duckdb.sql(f"COPY (SELECT * FROM '{flights}' WHERE month(date) = {month} LIMIT 40000) "
                   f"TO '{folder}/{month:02}.parquet' (FORMAT parquet)")


def facts_by_duckdb(paths):
    return duckdb.sql(
        f"SELECT count(*), sum(delay), sum(distance), count(DISTINCT origin), "
        f"epoch_ms(min(date)), epoch_ms(max(date)) FROM read_parquet({paths!r})").fetchone()


def facts_of_frame(frame):
    millis = frame["date"].astype("datetime64[ms]").astype("int64")
    return (len(frame), int(frame["delay"].sum()), int(frame["distance"].sum()),
            frame["origin"].nunique(), int(millis.min()), int(millis.max()))


def facts_by_pandas(paths):
    return facts_of_frame(pandas.concat(pandas.read_parquet(p) for p in paths))


def facts_by_arrow(paths):
    return facts_of_frame(pyarrow.dataset.dataset(paths).to_table().to_pandas())


def facts_by_clickhouse(glob):
    text = chdb.query(
        f"SELECT count(), sum(delay), sum(distance), uniqExact(origin), "
        f"toUnixTimestamp64Milli(toDateTime64(min(date), 3, 'UTC')), "
        f"toUnixTimestamp64Milli(toDateTime64(max(date), 3, 'UTC')) "
        f"FROM file('{glob}', Parquet)", "CSV")
    return tuple(int(field.strip('"')) for field in str(text).strip().split(","))


def compare(data, files):
    paths = sorted(duckdb.sql(f"SELECT file FROM glob('{data}/*.parquet')").fetchall())
    paths = [p[0] for p in paths]
    assert len(paths) == len(files), (paths, files)
    want = facts_by_duckdb(files)
    assert want[0] > 0
    got = {"DuckDB": facts_by_duckdb(paths), "pandas": facts_by_pandas(paths),
           "pyarrow": facts_by_arrow(paths), "ClickHouse": facts_by_clickhouse(data + "/*.parquet")}
    for engine, facts in got.items():
        assert tuple(facts) == tuple(want), (engine, facts, want)
    names = ", ".join(COLUMNS)
    missing = duckdb.sql(f"SELECT count(*) FROM (SELECT {names} FROM read_parquet({files!r}) "
                         f"EXCEPT ALL SELECT {names} FROM read_parquet({paths!r}))").fetchone()
    assert missing == (0,), missing


if sys.argv[1] == "split":
    split(*sys.argv[2:])
else:
    compare(sys.argv[2], sys.argv[3:])
