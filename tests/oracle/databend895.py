#!/usr/bin/env python3
"""Reads exported snapshots with the real engine, Databend 1.2.895 (Python >= 3.12). From this
project's own databend_read.py, made to read several snapshots in a process.

usage: databend895.py OBJECT_ROOT <JOBS        jobs and answers as of databend453.py

ATTACH TABLE wants a licence there, FLASHBACK none: the engine makes a table of its own with two
snapshots, the second one's predecessor becomes ours, and it is told to go back to that. So it takes
schema and head from our file, byte for byte, and reads our segments and blocks.
"""
import json
import os
import shutil
import struct
import sys
import tempfile
import msgpack
import zstandard
from databend453 import part, plain


def snapshot(data):
    return part(data[18:])


def snapshot_bytes(s):
    body = zstandard.ZstdCompressor().compress(msgpack.packb(s))
    return struct.pack("<QBBQ", 4, 2, 1, len(body)) + body


class Engine:
    def __init__(self, src, scratch):
        import databend
        self.src, self.root = src, os.path.join(scratch, "data")
        self.con, self.n = databend.connect(scratch), 0

    def rows(self, sql):
        t = self.con.sql(sql).arrow()
        columns = [[plain(v) for v in t.column(i).to_pylist()] for i in range(t.num_columns)]
        return [list(r) for r in zip(*columns)]

    def bring(self, key, to=None):
        to = os.path.join(self.root, to or key)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if not os.path.exists(to):
            shutil.copyfile(os.path.join(self.src, key), to)
        with open(to, "rb") as f:
            return f.read()

    def bring_snapshot(self, key, folder):
        head = snapshot(self.bring(key, f"{folder}/{os.path.basename(key)}"))
        for segment, _ in head["segments"]:
            data = self.bring(segment)
            n = struct.unpack_from("<Q", data, 10)[0]
            for block in part(data[26:26 + n]):
                self.bring(block["location"][0])
        return head

    def open(self, key):
        """A table whose head is the snapshot; its name."""
        self.n += 1
        t = f"foreign_{self.n}"
        self.rows(f"CREATE TABLE {t} (dummy INT) STORAGE_FORMAT='parquet' COMPRESSION='zstd'")
        self.rows(f"INSERT INTO {t} VALUES (0)")
        before = self.rows(f"SELECT snapshot_location FROM fuse_snapshot('default', '{t}')")[0][0]
        own = os.path.dirname(before)
        self.rows(f"ALTER TABLE {t} ADD COLUMN dummy2 INT")  # writes a snapshot that is not cached
        bridge, = (f for f in os.listdir(f"{self.root}/{own}") if f != os.path.basename(before))
        head = self.bring_snapshot(key, own)
        with open(f"{self.root}/{own}/{bridge}", "rb") as f:
            s = snapshot(f.read())
        s["prev_snapshot_id"] = [head["snapshot_id"], 4]
        with open(f"{self.root}/{own}/{bridge}", "wb") as f:
            f.write(snapshot_bytes(s))
        wanted = head["snapshot_id"].hex()
        self.rows(f"ALTER TABLE {t} FLASHBACK TO (SNAPSHOT => '{wanted}')")
        got = self.rows(f"SELECT snapshot_id FROM fuse_snapshot('default', '{t}') LIMIT 1")
        if got != [[wanted]]:
            raise RuntimeError(f"flashback did not take: head is {got}, wanted {wanted}")
        return t


def main():
    src, scratch = os.path.abspath(sys.argv[1]), tempfile.mkdtemp(prefix="bough-databend-")
    os.chdir(scratch)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    engine = Engine(src, scratch)
    for line in sys.stdin:
        job, table, failed = json.loads(line), None, None
        try:
            table = engine.open(job["key"])
        except BaseException as e:  # the engine's panics are BaseException
            failed = str(e)
        for sql in job["sql"]:
            try:
                answer = {"error": failed}
                if table:
                    answer = {"rows": engine.rows(sql.replace("{t}", table))}
            except BaseException as e:
                answer = {"error": str(e).split("\n\n")[0].strip()}
            out.write(json.dumps(answer) + "\n")
            out.flush()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)  # its threads would keep a plain exit waiting


main()
