"""What the objects of a store say without its metadata: a reader of its own, from refs/export.h and
the formats alone. Needs msgpack and zstandard; without them importing it ends the test with 77."""
import json
import os
import re
import struct
import sys

try:
    import msgpack
    import zstandard
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

VERSION = re.compile(r"(\d+)/(\d+)/_refs/(\d+)/r([0-9a-f]{16})[0-9a-f]{16}\.json")
SEAL = re.compile(rb'(.*),"crc32c":"([0-9a-f]{8})"}\n', re.DOTALL)
MARKER = re.compile(r"_export/m([0-9a-f]{4})([0-9a-f]{16})\.json")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def document(data):
    """A JSON object whose checksum fits."""
    sealed = SEAL.fullmatch(data)
    assert sealed and crc32c(sealed[1]) == int(sealed[2], 16), data
    return json.loads(data)


def part(encoding, compression, data):
    assert encoding == 2 and compression in (0, 1), (encoding, compression)
    if compression:
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return msgpack.unpackb(data, strict_map_key=False)


def snapshot(data):
    version, encoding, compression, n = struct.unpack_from("<QBBQ", data)
    assert version == 4 and len(data) == 18 + n
    assert compression == 1, "exported snapshots are compressed"
    return part(encoding, compression, data[18:])


def segment(data):
    version, encoding, compression, n, m = struct.unpack_from("<QBBQQ", data)
    assert version == 4 and len(data) == 26 + n + m
    return part(encoding, compression, data[26:26 + n]), part(encoding, compression, data[26 + n:])


class Objects:
    def __init__(self, root):
        self.root = root

    def read(self, key):
        with open(os.path.join(self.root, key), "rb") as f:
            return f.read()

    def keys(self):
        for folder, _, names in os.walk(self.root):
            for name in names:
                if not name.endswith(".tmp"):
                    yield os.path.relpath(os.path.join(folder, name), self.root)

    def marker(self):
        """The commit number of the newest one; 0 without."""
        found = [m.groups() for m in map(MARKER.fullmatch, self.keys()) if m]
        newest = int(max(found, default=("0", "0"))[1], 16)
        for incarnation, commit in found:
            if int(commit, 16) == newest:
                marker = self.read(f"_export/m{incarnation}{commit}.json")
                assert document(marker)["commit"] == newest
        return newest

    def refs(self):
        """{ref id: its newest version that counts}, dropped ones left out."""
        marker, newest = self.marker(), {}
        for key in self.keys():
            m = VERSION.fullmatch(key)
            if not m or int(m[4], 16) > marker:
                continue
            if key > newest.get(m[3], ""):
                newest[m[3]] = key
        docs = {}
        for ref, key in newest.items():
            doc = document(self.read(key))
            assert doc["ref_id"] == int(ref) and doc["commit"] == int(VERSION.fullmatch(key)[4], 16)
            if doc["state"] == "live":
                docs[int(ref)] = doc
        return docs

    def blocks(self, head):
        """(location, rows, given name, statistics) of each row group, and the sum of rows."""
        out, rows = [], 0
        for key, _ in head["segments"]:
            metas, summary = segment(self.read(key))
            assert summary["row_count"] == sum(b["row_count"] for b in metas)
            for b in metas:
                size = os.path.getsize(os.path.join(self.root, b["location"][0]))
                assert size == b["file_size"], b["location"]
                out.append((b["location"][0], b["row_count"], b["bough_name"], b["col_metas"]))
            rows += summary["row_count"]
        return out, rows

    def state(self):
        """{"db.table/ref": everything that a rebuild would make of it}"""
        out = {}
        for ref, doc in self.refs().items():
            one = {"id": ref, "type": doc["kind"], "head": None, "base": None, "rows": 0,
                   "blocks": [], "schema": None, "directory": sorted(doc["directory"]),
                   "expires": doc["expire_at_us"], "protected": doc["protected"]}
            if doc["base"]:
                one["base"] = doc["base"]["snapshot"]
                base = snapshot(self.read(doc["base"]["object"]))
                assert base["snapshot_id"].hex() == one["base"]
            if doc["head"]:
                head = snapshot(self.read(doc["head"]["object"]))
                one["head"] = head["snapshot_id"].hex()
                assert one["head"] == doc["head"]["snapshot"] and one["head"] in doc["directory"]
                one["schema"] = head["schema"]
                one["blocks"], one["rows"] = self.blocks(head)
                assert one["rows"] == head["summary"]["row_count"]
            name = f"{doc['database']}.{doc['table']}/{doc['ref']}"
            assert name not in out, f"two refs are called {name}"
            out[name] = one
        return out
