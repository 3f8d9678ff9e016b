#!/usr/bin/env python3
"""Tables of random schemas and histories, by the command line and through a mount. After
`bough sync` Databend 1.2.453, which reads what was exported, and DuckDB, which reads the files of
the same snapshot, must give the same rows, counts, minima and maxima, also where statistics decide
which blocks are read, for every ref; and the rows must be those of a model of the history.
usage: oracle.py BUILD [TABLES]   ($BOUGH_TEST_SEED repeats a run, $BOUGH_TEST_SCALE=full: more)"""
import atexit
import datetime
import decimal
import importlib.util
import json
import math
import os
import random
import re
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
DEFAULT_TABLES, FULL_TABLES = 6, 40


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


def clock(r):
    return (EPOCH + datetime.timedelta(microseconds=r.randrange(86400 * 10 ** 6))).time()


def watch(r):
    return (EPOCH + datetime.timedelta(milliseconds=r.randrange(86400 * 1000))).time()


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
    "utc": (pa.timestamp("us", "UTC"), moment, "TIMESTAMP"),
    "clock": (pa.time64("us"), clock, None), "watch": (pa.time32("ms"), watch, None),
    "json": (pa.string(), lambda r: json.dumps({"a": r.choice(WORDS)}), None),
    "lists": (pa.list_(pa.list_(pa.int32())), listing(listing(integer(32, True))), None),
    "deep": (pa.struct([("l", pa.list_(pa.string())),
                        ("s", pa.struct([("d", pa.decimal128(9, 2)), ("t", pa.date32())]))]),
             lambda r: {"l": listing(lambda r: r.choice(WORDS))(r),
                        "s": {"d": number(9, 2)(r), "t": day(r)}}, None),
    "pair": (pa.struct([("x", pa.int32()), ("y", pa.string())]),
             lambda r: {"x": r.randint(0, 9), "y": r.choice(WORDS)}, None),
    "map": (pa.map_(pa.string(), pa.int32()),
            lambda r: [(k, r.randint(0, 9)) for k in r.sample("abc", r.randint(0, 3))], None),
}


# What DuckDB must be asked for, so that Python shows it as the engine does, which knows no times.
SHOWN = {"map": "map_entries({c})", "clock": "epoch_us({c})", "watch": "epoch_ms({c})"}
# Not compared with literals, but asked for minima and maxima.
ORDERED = {**SHOWN, "json": "CAST({c} AS VARCHAR)"}
del ORDERED["map"]
# What a column of floats takes, too (and Databend then cannot read).
INTEGERS = {"f32": pa.int16(), "f64": pa.int32()}
NAMES = {"UINT8": "UTINYINT", "UINT16": "USMALLINT", "UINT32": "UINTEGER", "UINT64": "UBIGINT"}


def plain(v):
    if isinstance(v, float):
        return str(v) if v != v or math.isinf(v) else v
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, datetime.datetime):
        return v.replace(tzinfo=None).isoformat()
    if isinstance(v, datetime.date):
        return v.isoformat()
    if isinstance(v, (bytes, bytearray)):
        return bytes(v).hex()
    if isinstance(v, dict):
        return [plain(x) for x in v.values()]
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


class Table:
    """One table, and what its refs hold: {ref: {given name: block}}, {block: (first id, rows)}."""

    def __init__(self, oracle, name):
        self.o, self.r, self.name = oracle, oracle.random, name
        self.columns = {"id": "i64"}
        for kind in self.r.sample(list(TYPES), self.r.randint(3, 9)):
            self.columns[f"c_{kind}"] = kind
        # columns that are NOT NULL: only Arrow writes such files, and times in milliseconds
        self.required = {c for c in self.columns if self.r.random() < 0.5} \
            if self.r.random() < 0.3 else set()
        self.next_id = self.files = 0
        self.values = {c: [] for c in self.columns}
        self.refs, self.tags, self.dropped, self.blocks = {name: {}}, set(), {}, {}
        self.heads = {}  # {ref: {snapshot: what it held}}
        self.done = {}   # {operation: how often}

    def kind(self, name, first):
        """The type of a column in a new file."""
        kind = self.columns[name]
        if not first and kind in INTEGERS and self.r.random() < 0.03:
            return INTEGERS[kind]
        return TYPES[kind][0]

    def array(self, name, kind, rows):
        values = self.column(name, rows)
        if kind in INTEGERS.values() and self.columns[name] in INTEGERS:
            values = [v if v is None else int(v) % 1000 if math.isfinite(v) else 0 for v in values]
            self.values[name] += [v for v in values if v is not None]
        return pa.array(values, kind)

    def column(self, name, rows):
        if name == "id":
            return list(range(self.next_id, self.next_id + rows))
        make, nulls = TYPES[self.columns[name]][1], self.r.choice([0, 0.2, 1 if rows < 50 else 0.5])
        nulls = 0 if name in self.required else nulls
        out = [None if self.r.random() < nulls else make(self.r) for _ in range(rows)]
        self.values[name] += [v for v in out if v is not None]
        return out

    def file(self, folder, first=False):
        """A new file: (path, block)."""
        rows = self.r.choice([1, 7, 40, 300])
        names = [c for c in self.columns if first or c == "id" or c in self.required or
                 self.r.random() < 0.9]
        schema = pa.schema([pa.field(c, self.kind(c, first), c not in self.required)
                            for c in names])
        table = pa.table([self.array(c, schema.field(c).type, rows) for c in names], schema=schema)
        self.files += 1
        path = f"{folder}/{self.name}-{self.files}.parquet"
        block = (self.next_id, rows, frozenset(names))
        self.next_id += rows
        groups = self.r.choice([rows, max(1, rows // 3)])
        codec = self.r.choice(["zstd", "snappy", "gzip", "none", "lz4"])
        if self.required or "c_watch" in self.columns or self.r.random() < 0.5:
            some = [c for c in names if self.r.random() < 0.5]
            pq.write_table(table, path, compression=codec, row_group_size=groups,
                           write_statistics=self.r.choice([True, True, False, some]),
                           store_decimal_as_integer=True, use_dictionary=self.r.random() < 0.5,
                           data_page_version=self.r.choice(["1.0", "2.0"]))
            return path, block
        codec = {"none": "uncompressed", "lz4": "lz4_raw"}.get(codec, codec)
        columns = ", ".join(f"{c}::JSON AS {c}" if self.columns[c] == "json" else c for c in names)
        duckdb.from_arrow(table).query("f", f"COPY (SELECT {columns} FROM f) TO '{path}' (FORMAT "
                                       f"parquet, COMPRESSION {codec}, ROW_GROUP_SIZE {groups})")
        return path, block

    def data(self, ref):
        db, table = self.name.split(".")
        below = f"_refs/{ref.split('/')[1]}/" if "/" in ref else ""
        return f"{self.o.mnt}/{db}/{table}/{below}data"

    def imports(self, ref, first=False):
        new = [self.file(self.o.files, first and not i) for i in range(self.r.randint(1, 3))]
        self.o.bough("import", ref, *(path for path, _ in new))
        self.refs[ref].update({os.path.basename(path): block for path, block in new})

    def create(self, ref, kind, new):
        source = ["--from", ref.split("/")[1]] if "/" in ref else []
        self.o.bough(kind, "create", new, *source)
        self.refs[new] = dict(self.refs[ref])
        self.heads[new] = dict(self.heads.get(ref, {}))
        if kind == "tag":
            self.tags.add(new)

    def pick(self, ref):
        return self.r.choice(sorted(self.refs[ref]))

    # Each returns False where it cannot be done now.
    def op_import(self, ref):
        self.imports(ref)

    def op_branch(self, ref):
        self.create(ref, "branch", f"{self.name}/b{len(self.heads)}{self.next_id}")

    def op_tag(self, ref):
        if not self.refs[ref]:
            return False
        self.create(ref, "tag", f"{self.name}/v{len(self.heads)}{self.next_id}")

    def op_copy(self, ref):
        path, block = self.file(self.o.files)
        shutil.copyfile(path, f"{self.data(ref)}/{os.path.basename(path)}")
        self.refs[ref][os.path.basename(path)] = block

    def op_overwrite(self, ref):
        if not self.refs[ref]:
            return False
        path, block = self.file(self.o.files)
        name = self.pick(ref)
        shutil.copyfile(path, f"{self.data(ref)}/{name}")
        self.refs[ref][name] = block

    def op_remove(self, ref):
        if not self.refs[ref]:
            return False
        for _ in range(self.r.randint(1, min(3, len(self.refs[ref])))):  # a run is one snapshot
            name = self.pick(ref)
            os.unlink(f"{self.data(ref)}/{name}")
            del self.refs[ref][name]

    def op_rename(self, ref):
        if not self.refs[ref]:
            return False
        name, new = self.pick(ref), f"renamed-{self.r.randrange(10 ** 6)}.parquet"
        os.rename(f"{self.data(ref)}/{name}", f"{self.data(ref)}/{new}")
        self.refs[ref][new] = self.refs[ref].pop(name)

    def op_replace(self, ref):
        if len(self.refs[ref]) < 2:
            return False
        name, over = self.r.sample(sorted(self.refs[ref]), 2)
        os.rename(f"{self.data(ref)}/{name}", f"{self.data(ref)}/{over}")
        self.refs[ref][over] = self.refs[ref].pop(name)

    def between(self, ref):
        """Another writable ref, and a block here that it has not, under a name it has not."""
        there = self.r.choice([r for r in self.refs if r not in self.tags])
        names = [n for n, b in self.refs[ref].items()
                 if n not in self.refs[there] and b not in self.refs[there].values()]
        return (there, self.r.choice(sorted(names))) if there != ref and names else None

    def op_link(self, ref):
        found = self.between(ref)
        if not found:
            return False
        there, name = found
        os.link(f"{self.data(ref)}/{name}", f"{self.data(there)}/{name}")
        self.refs[there][name] = self.refs[ref][name]

    def op_move(self, ref):
        found = self.between(ref)
        if not found:
            return False
        there, name = found
        os.rename(f"{self.data(ref)}/{name}", f"{self.data(there)}/{name}")
        self.refs[there][name] = self.refs[ref].pop(name)

    def op_drop(self, ref):
        named = sorted(r for r in self.refs if "/" in r)
        if not named:
            return False
        ref = self.r.choice(named)
        self.o.bough("tag" if ref in self.tags else "branch", "drop", ref)
        self.dropped[ref] = self.refs.pop(ref)

    def op_undrop(self, ref):
        if not self.dropped:
            return False
        ref = self.r.choice(sorted(self.dropped))
        self.o.bough("tag" if ref in self.tags else "branch", "undrop", ref)
        self.refs[ref] = self.dropped.pop(ref)

    def op_reset(self, ref):
        known = self.heads.get(ref, {})
        found = [row["snapshot"] for row in json.loads(self.o.bough("log", ref, "--json"))]
        found = [h for h in found if h in known]
        if not found:
            return False
        head = self.r.choice(found)
        name = ref if "/" in ref else f"{ref}/main"
        self.o.bough("branch", "reset", name, head)
        self.refs[ref] = dict(known[head])

    def op_fold(self, ref):
        for _ in range(11):
            path, block = self.file(self.o.files)
            self.o.bough("import", ref, path)
            self.refs[ref][os.path.basename(path)] = block

    def note(self, ref):
        """What the head holds, for a reset."""
        if ref in self.refs and ref not in self.tags:
            head = json.loads(self.o.bough("log", ref, "-n", "1", "--json"))
            if head:
                self.heads.setdefault(ref, {})[head[0]["snapshot"]] = dict(self.refs[ref])

    def history(self):
        mounted = ["copy", "overwrite", "remove", "rename", "replace", "link", "move"]
        always = ["import", "branch", "tag", "drop", "undrop", "reset"]
        self.imports(self.name, True)
        if self.r.random() < 0.15:
            self.op_fold(self.name)
        self.note(self.name)
        for op in ["branch"] + self.r.choices(always + 2 * (mounted if self.o.mnt else []),
                                              k=self.r.randint(4, 10)):
            ref = self.r.choice([r for r in self.refs if r not in self.tags])
            if getattr(self, f"op_{op}")(ref) is not False:
                self.done[op] = self.done.get(op, 0) + 1
                self.note(ref)

    def source(self, ref, paths):
        """What DuckDB reads for {t}, and the columns that none of the files has."""
        there = frozenset().union(*(b[2] for b in self.refs[ref].values()))
        lacking = [c for c in self.columns if c not in there]
        source = f"read_parquet({paths!r}, union_by_name=true, hive_partitioning=false)"
        types = {c: TYPES[self.columns[c]][2] or "INTEGER" for c in lacking}
        nulls = "".join(f", NULL::{NAMES.get(t, t)} AS {c}" for c, t in types.items())
        plainly = ""  # Python gets times with a zone only by a package more
        if "c_utc" in there:
            plainly = " REPLACE (timezone('UTC', c_utc) AS c_utc)"
        return f"(SELECT *{plainly}{nulls} FROM {source})", lacking

    def conditions(self):
        """SQL conditions that statistics may answer: (for Databend, for DuckDB)"""
        lo = self.r.randrange(self.next_id)
        yield (f"id BETWEEN {lo} AND {lo + self.r.choice([0, 5, 100])}",) * 2
        yield (f"id IN ({lo}, {lo // 2}, {-1})",) * 2
        for c, kind in self.columns.items():
            sql = TYPES[kind][2]
            if not sql or not self.values[c]:
                continue
            for op in (">", "<=", "="):
                text = str(plain(self.r.choice(self.values[c])))
                if sql == "TIMESTAMP":
                    text = text.replace("T", " ")
                if text in ("nan", "inf", "-inf") or "\\" in text or "'" in text:
                    continue
                extra = self.r.choice(["", "", f" AND id > {lo}", f" OR id = {lo}"])
                cast = f"{c} {op} CAST('{text}' AS "
                yield f"{cast}{sql}){extra}", f"{cast}{NAMES.get(sql, sql)}){extra}"

    def queries(self):
        """(SQL for Databend, the same for DuckDB); in the latter {c} of what is shown otherwise."""
        names = ", ".join(self.columns)
        yield f"SELECT {names} FROM {{t}} ORDER BY id", "SELECT {columns} FROM {t} ORDER BY id"
        yield ("SELECT count(*) FROM {t}",) * 2
        for c, kind in self.columns.items():
            yield (f"SELECT count(*) FROM {{t}} WHERE {c} IS NULL",) * 2
            # the engine cannot answer NaN to these
            if TYPES[kind][2] and not any(v != v for v in self.values[c]):
                yield (f"SELECT min({c}), max({c}) FROM {{t}}",) * 2
            if kind in ORDERED:
                yield (f"SELECT min({c}), max({c}) FROM {{t}}",
                       f"SELECT min({{{c}}}), max({{{c}}}) FROM {{t}}")
        for theirs, ours in self.conditions():
            start = "SELECT count(*), min(id), max(id) FROM {t} WHERE "
            yield start + theirs, start + ours


def newer_engine():
    """A Python with Databend 1.2.895, which needs 3.12; None, and why."""
    python = os.environ.get("BOUGH_DATABEND_PYTHON", "python3.12")
    probe = ("import importlib.metadata as m, msgpack, pyarrow, zstandard; "
             "print(m.version('databend'))")
    r = subprocess.run(["env", python, "-B", "-c", probe], capture_output=True, text=True)
    if r.stdout.strip() == "1.2.895":
        return python
    print(f"skipped: what Databend 1.2.895 reads: '{python}' ($BOUGH_DATABEND_PYTHON) has not got "
          "it; it needs Python >= 3.12")
    return None


def pruned(plan):
    """(partitions, how many of them are read) of an EXPLAIN."""
    text = "\n".join(str(row[0]) for row in plan)
    total = re.search(r"partitions total: (\d+)", text)
    scanned = re.search(r"partitions scanned: (\d+)", text)
    return (int(total[1]), int(scanned[1])) if total and scanned else (0, 0)


class Oracle:
    def __init__(self, build, tables):
        seed = int(os.environ.get("BOUGH_TEST_SEED", random.randrange(1 << 32)))
        print(f"BOUGH_TEST_SEED={seed}")
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="bough-oracle-")
        self.program, self.store = os.path.join(build, "bough"), f"{self.folder}/store"
        self.files, self.mnt = f"{self.folder}/files", None
        os.mkdir(self.files)
        subprocess.run([self.program, "init", self.store], check=True, stdout=subprocess.DEVNULL)
        self.tables = [Table(self, f"o.t{i}") for i in range(tables)]
        self.refs = self.foreign = self.asked = self.pruned = self.ranged = 0
        self.bad = []
        self.engines = [(sys.executable, "databend453.py")]
        newer = newer_engine()
        if newer:
            self.engines.append((newer, "databend895.py"))

    def bough(self, *args):
        r = subprocess.run([self.program, "-s", self.store, *args], capture_output=True, text=True)
        if r.returncode:
            sys.exit(f"bough {args}: {r.stderr}")
        return r.stdout

    def mount(self):
        mnt = f"{self.folder}/mnt"
        os.mkdir(mnt)
        if not os.path.exists("/dev/fuse"):
            print("skipped: no /dev/fuse: no removals, renames, replacements, links, moves")
            return
        self.bough("mount", mnt)
        self.mnt = mnt
        atexit.register(self.unmount)

    def unmount(self):
        if self.mnt:
            subprocess.run([self.program, "umount", self.mnt], check=True,
                           stdout=subprocess.DEVNULL)
        self.mnt = None

    def duckdb(self, table, ref, paths, sql):
        if not hasattr(self, "con"):
            self.con = duckdb.connect()
            self.con.execute("SET TimeZone = 'UTC'")
        source, lacking = table.source(ref, paths)
        columns = ", ".join(c if c in lacking else SHOWN.get(kind, "{c}").format(c=c)
                            for c, kind in table.columns.items())
        for c, kind in table.columns.items():
            sql = sql.replace(f"{{{c}}}", c if c in lacking else ORDERED.get(kind, c).format(c=c))
        sql = sql.replace("{t}", source).replace("{columns}", columns)
        return [[plain(v) for v in row] for row in self.con.execute(sql).fetchall()]

    def expected(self, table, ref, paths):
        """The ids of the model: DuckDB must find them in the exported snapshot's files."""
        blocks = sorted(table.refs[ref].values(), key=lambda b: b[0])
        ids = [i for first, rows, _ in blocks for i in range(first, first + rows)]
        found = self.duckdb(table, ref, paths, "SELECT id FROM {t} ORDER BY id") if paths else []
        if ids != [row[0] for row in found]:
            self.bad.append(f"{ref}: its files hold other rows than its history: "
                            f"{len(found)}, not {len(ids)}")

    def ranges(self, ref, head):
        """Each column has minima and maxima in every segment, or in none: the engine's newer
        version merges those that are there."""
        def is_nested(t):
            return isinstance(t, dict) and any(is_nested(t[k]) if k == "Nullable" else
                                               k in ("Tuple", "Array", "Map") for k in t)
        alone = objects.Objects(f"{self.store}/objects")
        found = [objects.segment(alone.read(key))[1]["col_stats"] for key, _ in head["segments"]]
        for f in head["schema"]["fields"]:
            there = sum(f["column_id"] in stats for stats in found)
            self.ranged += bool(there)
            if there not in (0, len(found)) and not is_nested(f["data_type"]):
                self.bad.append(f"{ref}: {f['name']}: {there} of {len(found)} segments have ranges")

    def ask(self, table, states, docs):
        """Every ref of one table, in one process of the engine."""
        root, jobs = f"{self.store}/objects", []
        queries = list(table.queries())
        explain = f"EXPLAIN SELECT * FROM {{t}} WHERE id = {table.next_id // 2}"
        for name in sorted(n for n in states if n.rsplit("/", 1)[0] == table.name):
            ref = name.removesuffix("/main")
            if ref not in table.refs:
                self.bad.append(f"{ref}: it was dropped, and its objects do not say so")
                continue
            paths = sorted({f"{root}/{b[0]}" for b in states[name]["blocks"]})
            self.expected(table, ref, paths)
            key = docs[states[name]["id"]]["head"]["object"]
            with open(f"{root}/{key}", "rb") as f:
                self.ranges(ref, objects.snapshot(f.read()))
            if not json.loads(self.bough("show", ref, "--json"))["databend"]["attachable"]:
                self.foreign += 1
                continue
            jobs.append((ref, paths, key))
        asked = "".join(json.dumps({"key": key, "sql": [q[0] for q in queries] + [explain]}) + "\n"
                        for _, _, key in jobs)
        self.refs += len(jobs)
        for python, reader in self.engines:
            r = subprocess.run([python, "-B", f"{here}/{reader}", root], input=asked,
                               capture_output=True, text=True)
            answers = [json.loads(line) for line in r.stdout.splitlines()]
            died = {"error": f"it died: {r.stderr[-300:]}"}
            answers += [died] * (len(jobs) * (len(queries) + 1) - len(answers))
            for ref, paths, _ in jobs:
                self.compare(table, f"{reader}: {ref}", ref, paths, queries, answers)
                total, scanned = pruned(answers[len(queries)].get("rows", []))
                self.pruned += scanned < total
                del answers[:len(queries) + 1]

    def compare(self, table, name, ref, paths, queries, answers):
        for (theirs, ours), there in zip(queries, answers):
            self.asked += 1
            if paths:
                here_ = {"rows": self.duckdb(table, ref, paths, ours)}
            else:  # no file is left: no rows, or one of zeros and NULLs
                nothing = there.get("rows") == [] if "ORDER BY" in ours else \
                    all(v in (0, None) for row in there.get("rows", [[1]]) for v in row)
                here_ = there if nothing else {"rows": "none"}
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
        self.mount()
        for t in self.tables:
            t.history()
        self.unmount()
        self.bough("sync")
        alone = objects.Objects(f"{self.store}/objects")
        states, docs = alone.state(), alone.refs()
        for t in self.tables:
            for ref in t.refs:
                if (ref if "/" in ref else f"{ref}/main") not in states:
                    self.bad.append(f"{ref}: no object tells of it")
            self.ask(t, states, docs)
        done = {}
        for op, n in (pair for t in self.tables for pair in t.done.items()):
            done[op] = done.get(op, 0) + n
        print("operations: " + ", ".join(f"{n} {op}" for op, n in sorted(done.items())))
        kinds = {k for t in self.tables for k in t.columns.values()}
        print(f"types: {len(kinds)} of {len(TYPES)}")
        print(f"{len(self.tables)} tables, {self.refs} refs, {self.asked} questions, blocks pruned "
              f"for {self.pruned} refs, {self.ranged} columns with ranges; "
              f"{self.foreign} refs are not for Databend; "
              f"{len(self.bad)} answers differ")
        for b in self.bad[:40]:
            print(b)
        shutil.rmtree(self.folder)
        if self.refs <= self.foreign or (len(self.tables) >= DEFAULT_TABLES and not self.pruned):
            sys.exit("too few refs could be asked for, or nothing was pruned")
        return 1 if self.bad else 0


def how_many():
    if len(sys.argv) > 2:
        return int(sys.argv[2])
    scale = os.environ.get("BOUGH_TEST_SCALE", "1")
    return FULL_TABLES if scale == "full" else max(1, int(DEFAULT_TABLES * float(scale)))


sys.exit(Oracle(sys.argv[1], how_many()).run())
