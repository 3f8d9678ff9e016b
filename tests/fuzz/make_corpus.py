#!/usr/bin/env python3
"""Make the codecs' corpus from tests/samples: only needed to change it.

    make_corpus.py      (needs: pip install msgpack zstandard)
"""
import io, os, struct
import msgpack, zstandard

here = os.path.dirname(os.path.abspath(__file__))
samples = os.path.join(here, "..", "samples")
TABLE = "databend-table/1/6/"
SNAPSHOTS = {
    "types": "databend-types/snapshot_v4.mpk",
    "customer": "legacy/c_sn_v4.mpk",
    "head": TABLE + "_ss/h01a1fcaee1b0716581a155c358f149ac_v4.mpk",
}
SEGMENTS = {
    "types": "databend-types/segment_v4.mpk",
    "nulls": TABLE + "_sg/h01a201d53d88751684b12719935215d9_v4.mpk",
    "floats": TABLE + "_sg/h01a201d53c357be4ab5c4b4f5ffee508_v4.mpk",
}


def read(path):
    with open(os.path.join(samples, path), "rb") as f:
        return f.read()


def write(folder, name, data):
    os.makedirs(os.path.join(here, "corpus", folder), exist_ok=True)
    with open(os.path.join(here, "corpus", folder, name), "wb") as f:
        f.write(data)


def inflate(data):
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()


def unpack(data):
    return msgpack.unpackb(data, strict_map_key=False)


def snapshot(payload, compression=1):
    body = zstandard.ZstdCompressor(19).compress(payload) if compression else payload
    return struct.pack("<QBBQ", 4, 2, compression, len(body)) + body


def segment(blocks, summary, compression=0):
    return struct.pack("<QBBQQ", 4, 2, compression, len(blocks), len(summary)) + blocks + summary


def samples_of(kind, table, header):
    for name, path in table.items():
        data = read(path)
        write("file", f"{kind}_{name}", data)
        sizes = struct.unpack_from("<QQ", data, 10)
        payload = inflate(data[header:header + sizes[0]])
        write("payload", f"{kind}_{name}", payload)
        if kind == "segment":
            summary = inflate(data[header + sizes[0]:])
            write("file", f"segment_{name}_none", segment(payload, summary))
        else:
            write("schema", name, msgpack.packb(unpack(payload)["schema"]))
            write("file", f"snapshot_{name}_none", snapshot(payload, 0))


def bombs():
    array32 = b"\xdd\xff\xff\xff\xff"
    whole = unpack(inflate(read(SNAPSHOTS["customer"])[18:]))
    for name, element, n in ("nils", b"\xc0", 1 << 29), ("numbers", b"\x07", 3 << 20):
        array = b"\xdd" + struct.pack(">I", n) + element * n
        write("file", f"bomb_{name}", snapshot(array))
    write("file", "bomb_array32", snapshot(array32))
    write("file", "bomb_map32", snapshot(b"\xdf\xff\xff\xff\xff"))
    write("file", "bomb_str32", snapshot(b"\xdb\xff\xff\xff\xff"))
    write("file", "bomb_blocks", segment(array32, b"\x80"))
    write("file", "bomb_sizes", struct.pack("<QBBQQ", 4, 2, 1, 2**64 - 4, 4))
    write("file", "deep", snapshot(b"\x91" * 100000 + b"\xc0"))
    # The cheapest locations there can be, and one byte cheaper.
    for size in 32, 31:
        whole["segments"] = [["p" * size, 4]] * 60000
        write("file", f"bomb_locations_{size}", snapshot(msgpack.packb(whole)))
    whole["segments"] = "here"
    payload = msgpack.packb(whole)
    for name, head in ("array32", array32), ("str32", b"\xdb\xff\xff\xff\xff"):
        write("payload", f"bomb_segments_{name}", payload.replace(b"\xa4here", head))
    # A schema of two million empty names and types.
    names = b"\xdc" + struct.pack(">H", 10000) + b"\xa0" * 10000
    pair = b"\x81\xa5Tuple\x82\xabfields_name" + names + b"\xabfields_type"
    tuples = pair.replace(names, b"\xdc" + struct.pack(">H", 190) + b"\xa0" * 190)
    tuples += b"\xdc" + struct.pack(">H", 190) + (pair + names) * 190
    whole["segments"] = []
    whole["schema"]["fields"][0]["data_type"] = "here"
    payload = msgpack.packb(whole).replace(b"\xa4here", tuples)
    write("file", "bomb_tuples", snapshot(payload))
    stats = b"\x91\x81\xa9col_stats"
    write("payload", "bomb_stats_map32", stats + b"\xdf\xff\xff\xff\xff")
    write("payload", "bomb_stats_string",
          stats + b"\x81\x00\x81\xa3min\x81\xa6String" + array32)


def schemas():
    def schema(*types):
        fields = [{"name": f"c{i}", "data_type": t, "column_id": 20 * i}
                  for i, t in enumerate(types)]
        return {"fields": fields, "metadata": {}, "next_column_id": 1000}

    deep = "String"
    for _ in range(40):
        deep = {"Nullable": {"Array": deep}}
    types = ["String", {"Array": "Date"}]
    pair = {"Tuple": {"fields_name": ["key", "value"], "fields_type": types}}
    write("schema", "deep", msgpack.packb(schema(deep)))
    nested = schema({"Map": pair}, pair, {"Map": {"Nullable": pair}})
    write("schema", "nested", msgpack.packb(nested))
    write("schema", "unknown", msgpack.packb(schema(
        {"Nullable": {"Nullable": "String"}}, {"Number": "Float16"}, {"Vector": {"Float32": 3}},
        {"Decimal": {"Decimal64": {"precision": 3, "scale": 1}}}, {"Geometry": {"srid": 4326}}, 7)))
    write("schema", "bomb_fields", b"\x81\xa6fields\xdd\xff\xff\xff\xff")
    write("schema", "bomb_tuple", b"\x81\xa6fields\x91\x81\xa9data_type\x81\xa5Tuple\x82\xab"
          b"fields_name\xdd\xff\xff\xff\xff\xabfields_type\xdd\xff\xff\xff\xff")


def texts():
    top = "\U0010ffff"
    for name, text in {
        "empty": "", "short": "abc", "ascii": "0123456789abcdefghij", "wide": "日本語テキスト🦆" * 4,
        "top": top * 20, "late_top": "x" + top * 20, "mixed": "a\0é" * 9 + top,
    }.items():
        write("text", name, text.encode())
    write("text", "surrogate", b"\xed\xa0\x80" * 8)
    write("text", "overlong", b"\xc0\x80\xf0\x80\x80\x80")
    write("text", "truncated", "日本語テキスト".encode()[:-1])


samples_of("snapshot", SNAPSHOTS, 18)
samples_of("segment", SEGMENTS, 26)
bombs()
schemas()
texts()
