#!/usr/bin/env python3
"""Tables of random schemas and histories. After `bough sync` Databend 1.2.453, which reads what was
exported, and DuckDB, which reads the files of the same snapshot, must give the same rows, counts,
minima and maxima, also where statistics decide which blocks are read, for every ref.
usage: oracle.py BUILD [TABLES]     ($BOUGH_TEST_SEED repeats a run)"""
import datetime
import decimal
import importlib.util
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

try:
    import duckdb
    import msgpack  # noqa: F401
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard  # noqa: F401
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

here = os.path.dirname(os.path.abspath(__file__))
if not importlib.util.find_spec("databend"):  # importing it would write files here
    print("skipped: no databend")
    sys.exit(77)
sys.path.insert(0, os.path.join(here, "..", "support"))
import objects  # noqa: E402

WORDS = ["", "a", "zebra", "äöü", "0123456789abcdef", "0123456789abcdefg", "0123456789abcdeg",
         "\U0010fffd" * 20, "yes", "x" * 200,
         "日本語のとても長い文字列です、十六文字より長い"]
EPOCH = datetime.datetime(1970, 1, 1)


def integer(bits, signed):
    lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return lambda r: r.choice([lo, hi, 0, 1, r.randint(lo, hi), r.randint(0, 100)])


def floating(r):
    return r.choice([0.5, -1.25, 1e10, -3e-5, r.randint(-1000, 1000) / 8, math.inf, -math.inf,
                     math.nan if r.random() < 0.1 else 2.0])


def number(precision, scale):
    def make(r):
        top = 10 ** precision - 1
        value = r.choice([0, top, -top, r.randint(-top, top), r.randint(-99, 99)])
        with decimal.localcontext() as c:
            c.prec = 60
            return decimal.Decimal(value).scaleb(-scale)
    return make


def day(r):
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randint(-20000, 40000))


def moment(r):
    return EPOCH + datetime.timedelta(microseconds=r.randint(-10 ** 15, 4 * 10 ** 15))


def listing(make):
    return lambda r: [None if r.random() < 0.2 else make(r) for _ in range(r.randint(0, 4))]


SMALL = integer(16, True)
# arrow type, values, SQL type in Databend (None: not compared with literals)
TYPES = {
    "bool": (pa.bool_(), lambda r: r.random() < 0.5, None),
    "i8": (pa.int8(), integer(8, True), "TINYINT"), "i16": (pa.int16(), SMALL, "SMALLINT"),
    "i32": (pa.int32(), integer(32, True), "INT"), "i64": (pa.int64(), integer(64, True), "BIGINT"),
    "u8": (pa.uint8(), integer(8, False), "UINT8"),
    "u16": (pa.uint16(), integer(16, False), "UINT16"),
    "u32": (pa.uint32(), integer(32, False), "UINT32"),
    "u64": (pa.uint64(), integer(64, False), "UINT64"),
    "f32": (pa.float32(), floating, "FLOAT"), "f64": (pa.float64(), floating, "DOUBLE"),
    "text": (pa.string(), lambda r: r.choice(WORDS) + r.choice(["", "7", "z"]), "VARCHAR"),
    "blob": (pa.binary(), lambda r: r.randbytes(r.randint(0, 20)), None),
    "day": (pa.date32(), day, "DATE"), "moment": (pa.timestamp("us"), moment, "TIMESTAMP"),
    "d4": (pa.decimal128(4, 2), number(4, 2), "DECIMAL(4,2)"),
    "d9": (pa.decimal128(9, 0), number(9, 0), "DECIMAL(9,0)"),
    "d18": (pa.decimal128(18, 6), number(18, 6), "DECIMAL(18,6)"),
    "d38": (pa.decimal128(38, 10), number(38, 10), "DECIMAL(38,10)"),
    "list": (pa.list_(pa.int64()), listing(integer(64, True)), None),
    "texts": (pa.list_(pa.string()), listing(lambda r: r.choice(WORDS)), None),
    "pair": (pa.struct([("x", pa.int32()), ("y", pa.string())]),
             lambda r: {"x": r.randint(0, 9), "y": r.choice(WORDS)}, None),
    "map": (pa.map_(pa.string(), pa.int32()),
            lambda r: [(k, r.randint(0, 9)) for k in r.sample("abc", r.randint(0, 3))], None),
}


def plain(v):
    if isinstance(v, float):
        return str(v) if v != v or math.isinf(v) else v
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (datetime.date, datetime.datetime)):
        return v.isoformat()
    if isinstance(v, (bytes, bytearray)):
        return bytes(v).hex()
    if isinstance(v, dict):
        return [plain(x) for x in v.values()]
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


class Table:
    def __init__(self, oracle, name):
        self.o, self.r, self.name = oracle, oracle.random, name
        self.columns = {"id": "i64"}
        for kind in self.r.sample(list(TYPES), self.r.randint(3, 9)):
            self.columns[f"c_{kind}"] = kind
        self.next_id = 0
        self.values = {c: [] for c in self.columns}

    def column(self, name, rows):
        if name == "id":
            return list(range(self.next_id, self.next_id + rows))
        make, nulls = TYPES[self.columns[name]][1], self.r.choice([0, 0.2, 1 if rows < 50 else 0.5])
        out = [None if self.r.random() < nulls else make(self.r) for _ in range(rows)]
        self.values[name] += [v for v in out if v is not None]
        return out

    def file(self, path, first):
        rows = self.r.choice([1, 7, 40, 300])
        names = [c for c in self.columns if first or c == "id" or self.r.random() < 0.9]
        table = pa.table({c: pa.array(self.column(c, rows), TYPES[self.columns[c]][0])
                          for c in names})
        self.next_id += rows
        groups = self.r.choice([rows, max(1, rows // 3)])
        codec = self.r.choice(["zstd", "snappy", "gzip", "none", "lz4"])
        if self.r.random() < 0.5:
            pq.write_table(table, path, compression=codec, row_group_size=groups,
                           store_decimal_as_integer=True, use_dictionary=self.r.random() < 0.5,
                           data_page_version=self.r.choice(["1.0", "2.0"]))
            return
        codec = {"none": "uncompressed", "lz4": "lz4_raw"}.get(codec, codec)
        duckdb.from_arrow(table).query("f", f"COPY (SELECT * FROM f) TO '{path}' (FORMAT parquet, "
                                       f"COMPRESSION {codec}, ROW_GROUP_SIZE {groups})")

    def imports(self, ref, first=False):
        paths = []
        for _ in range(self.r.randint(1, 3)):
            paths.append(f"{self.o.folder}/{len(os.listdir(self.o.folder))}.parquet")
            self.file(paths[-1], first and len(paths) == 1)
        self.o.bough("import", ref, *paths)

    def history(self):
        refs = [self.name]
        self.imports(self.name, True)
        for i in range(self.r.randint(2, 5)):
            ref = self.r.choice(refs)
            if self.r.random() < 0.5:
                self.imports(ref)
                continue
            kind = self.r.choice(["branch", "tag"])
            source = ["--from", ref.split("/")[1]] if "/" in ref else []
            self.o.bough(kind, "create", f"{self.name}/r{i}", *source)
            if kind == "branch":
                refs.append(f"{self.name}/r{i}")

    def queries(self):
        """(SQL for Databend, the same for DuckDB)"""
        names = ", ".join(self.columns)
        pairs = names.replace("c_map", "map_entries(c_map)")  # in Python a map looks like a struct
        yield (f"SELECT {names} FROM {{t}} ORDER BY id", f"SELECT {pairs} FROM {{t}} ORDER BY id")
        yield ("SELECT count(*) FROM {t}",) * 2
        for c, kind in self.columns.items():
            sql = TYPES[kind][2]
            yield (f"SELECT count(*) FROM {{t}} WHERE {c} IS NULL",) * 2
            if not sql:
                continue
            if not any(v != v for v in self.values[c]):  # the engine cannot answer NaN to these
                yield (f"SELECT min({c}), max({c}) FROM {{t}}",) * 2
            mine = {"UINT8": "UTINYINT", "UINT16": "USMALLINT", "UINT32": "UINTEGER",
                    "UINT64": "UBIGINT"}.get(sql, sql)
            for op in (">", "<=", "="):
                if not self.values[c]:
                    continue
                text = str(plain(self.r.choice(self.values[c])))
                if sql == "TIMESTAMP":
                    text = text.replace("T", " ")
                if text in ("nan", "inf", "-inf") or "\\" in text or "'" in text:
                    continue
                where = f"SELECT count(*), min(id), max(id) FROM {{t}} WHERE {c} {op} "
                yield (f"{where}CAST('{text}' AS {sql})", f"{where}CAST('{text}' AS {mine})")


class Oracle:
    def __init__(self, build, tables):
        seed = int(os.environ.get("BOUGH_TEST_SEED", random.randrange(1 << 32)))
        print(f"BOUGH_TEST_SEED={seed}")
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="bough-oracle-")
        self.program, self.store = os.path.join(build, "bough"), f"{self.folder}/store"
        subprocess.run([self.program, "init", self.store], check=True, stdout=subprocess.DEVNULL)
        self.tables = [Table(self, f"o.t{i}") for i in range(tables)]
        self.refs = self.foreign = self.asked = 0
        self.bad = []

    def bough(self, *args):
        r = subprocess.run([self.program, "-s", self.store, *args], capture_output=True, text=True)
        if r.returncode:
            sys.exit(f"bough {args}: {r.stderr}")
        return r.stdout

    def duckdb(self, paths, sql):
        if not hasattr(self, "con"):
            self.con = duckdb.connect()
            self.con.execute("SET TimeZone = 'UTC'")
        source = f"read_parquet({paths!r}, union_by_name=true, hive_partitioning=false)"
        rows = self.con.execute(sql.replace("{t}", source)).fetchall()
        return [[plain(v) for v in row] for row in rows]

    def ask(self, table, states, docs):
        """Every ref of one table, in one process of the engine."""
        root, jobs = f"{self.store}/objects", []
        queries = list(table.queries())
        for name in sorted(n for n in states if n.rsplit("/", 1)[0] == table.name):
            ref = name.removesuffix("/main")
            if not json.loads(self.bough("show", ref, "--json"))["databend"]["attachable"]:
                self.foreign += 1
                continue
            jobs.append((name, states[name], docs[states[name]["id"]]["head"]["object"]))
        asked = "".join(json.dumps({"key": key, "sql": [q[0] for q in queries]}) + "\n"
                        for _, _, key in jobs)
        r = subprocess.run([sys.executable, "-B", f"{here}/databend453.py", root], input=asked,
                           capture_output=True, text=True)
        answers = [json.loads(line) for line in r.stdout.splitlines()]
        for i, (name, state, _) in enumerate(jobs):
            self.refs += 1
            paths = sorted({f"{root}/{b[0]}" for b in state["blocks"]})
            for k, (theirs, ours) in enumerate(queries):
                self.asked += 1
                at = i * len(queries) + k
                there = {"error": f"it died: {r.stderr[-300:]}"}
                if at < len(answers):
                    there = answers[at]
                here_ = {"rows": self.duckdb(paths, ours)}
                if there != here_:
                    self.differ(name, theirs, there, here_)

    def differ(self, name, sql, there, here_):
        if "rows" in there and len(there["rows"]) == len(here_["rows"]):
            for a, b in zip(there["rows"], here_["rows"]):
                if a != b:
                    pair = [(x, y) for x, y in zip(a, b) if x != y]
                    self.bad.append(f"{name}: {sql}: Databend, DuckDB: {pair}"[:600])
                    return
        self.bad.append(f"{name}: {sql}: Databend {str(there)[:300]}, DuckDB {str(here_)[:200]}")

    def run(self):
        for t in self.tables:
            t.history()
        self.bough("sync")
        alone = objects.Objects(f"{self.store}/objects")
        states, docs = alone.state(), alone.refs()
        for t in self.tables:
            self.ask(t, states, docs)
        print(f"{len(self.tables)} tables, {self.refs} refs, {self.asked} questions; "
              f"{self.foreign} refs are not for Databend; {len(self.bad)} answers differ")
        for b in self.bad[:40]:
            print(b)
        shutil.rmtree(self.folder)
        if self.refs <= self.foreign:
            sys.exit("too few refs could be asked for")
        return 1 if self.bad else 0


sys.exit(Oracle(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 32).run())
