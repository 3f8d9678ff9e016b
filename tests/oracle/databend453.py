#!/usr/bin/env python3
"""Reads exported snapshots with the real engine, Databend 1.2.453, by plain ATTACH TABLE. From this
project's own databend453_read.py and databend_read.py, made to read several snapshots in a process.

usage: databend453.py OBJECT_ROOT <JOBS
A job is one line of JSON: {"key": SNAPSHOT_KEY, "sql": ["SQL with {t}", ...]}
One JSON line a statement: {"rows": [...]} or {"error": text}.
OBJECT_ROOT is never written: what a snapshot needs is copied below a scratch folder. The engine
finds the head through a hint file (<root><key>, no slash between), under a name without the
leading h.
"""
import datetime
import decimal
import json
import os
import shutil
import struct
import sys
import tempfile
import msgpack
import zstandard


def part(data):
    data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return msgpack.unpackb(data, strict_map_key=False)


def bring(src, dst, key, to=None):
    to = os.path.join(dst, to or key)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if not os.path.exists(to):
        shutil.copyfile(os.path.join(src, key), to)
    with open(to, "rb") as f:
        return f.read()


def bring_snapshot(src, dst, key):
    """The snapshot, its segments and blocks. Returns the folder of the table."""
    prefix = "/".join(key.split("/")[:2])
    name = os.path.basename(key)[1:]
    head = part(bring(src, dst, key, f"{prefix}/_ss/{name}")[18:])
    for segment, _ in head["segments"]:
        data = bring(src, dst, segment)
        n = struct.unpack_from("<Q", data, 10)[0]
        for block in part(data[26:26 + n]):
            bring(src, dst, block["location"][0])
    with open(f"{dst}/{prefix}/last_snapshot_location_hint", "w") as f:
        f.write(f"{dst}{prefix}/_ss/{name}")
    return prefix


def plain(v):
    if isinstance(v, float):
        return str(v) if v != v or v in (float("inf"), float("-inf")) else v
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


def main():
    src, scratch = os.path.abspath(sys.argv[1]), tempfile.mkdtemp(prefix="bough-databend-")
    os.chdir(scratch)  # it writes logs to ./.databend
    os.environ["DATABEND_DATA_PATH"] = scratch + "/db"
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import databend
    ctx = databend.SessionContext()

    def rows(sql):
        found = []
        for b in ctx.sql(sql).to_py_arrow():
            columns = [[plain(v) for v in b.column(i).to_pylist()] for i in range(b.num_columns)]
            found += [list(r) for r in zip(*columns)]
        return found
    for n, line in enumerate(sys.stdin):
        job, table, attached = json.loads(line), f"t{n}", None
        try:
            root = f"{scratch}/{n}"
            prefix = bring_snapshot(src, root, job["key"])
            rows(f"ATTACH TABLE {table} 'fs://{root}/{prefix}/'")
        except BaseException as e:
            attached = str(e)
        for sql in job["sql"]:
            try:
                answer = {"error": attached}
                if not attached:
                    answer = {"rows": rows(sql.replace("{t}", table))}
            except BaseException as e:  # the engine's panics are BaseException
                answer = {"error": str(e).split("\n\n")[0].strip()}
            out.write(json.dumps(answer) + "\n")
            out.flush()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)  # its threads would keep a plain exit waiting


if __name__ == "__main__":
    main()
