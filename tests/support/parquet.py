"""Small Parquet files without any library: INT64 columns, optional or not, plain, uncompressed."""
import struct


def _varint(n):
    out = bytearray()
    while True:
        if n < 0x80:
            out.append(n)
            return bytes(out)
        out.append(n & 0x7F | 0x80)
        n >>= 7


def _zigzag(n):
    return _varint((n << 1) ^ (n >> 63))


I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


def _struct(*fields):
    """Thrift compact struct of (id, type, encoded value), rising ids."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        out += value
        last = number
    return bytes(out) + b"\0"


def _list(kind, items):
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else \
        bytes([0xF0 | kind]) + _varint(len(items))
    return head + b"".join(items)


def _text(s):
    return _varint(len(s)) + s.encode()


def _page(values):
    # definition levels of an optional column: one RLE run of ones, its length before it
    levels = _varint(len(values) << 1) + b"\1"
    body = struct.pack("<I", len(levels)) + levels + struct.pack(f"<{len(values)}q", *values)
    header = _struct(
        (1, I32, _zigzag(0)), (2, I32, _zigzag(len(body))), (3, I32, _zigzag(len(body))),
        (5, STRUCT, _struct((1, I32, _zigzag(len(values))), (2, I32, _zigzag(0)),
                            (3, I32, _zigzag(3)), (4, I32, _zigzag(3)))))
    return header + body


def encode(columns, hole_bytes=0):
    """The bytes of a file. columns: {name: [int, ...]}, all of one length, at least one row.
    With @hole_bytes, they are right once so many bytes of anything stand after the first four."""
    names = list(columns)
    rows = len(columns[names[0]])
    body, chunks = bytearray(b"PAR1"), []
    for name in names:
        values = columns[name]
        offset, page = len(body) + hole_bytes, _page(values)
        body += page
        low, high = (struct.pack("<q", f(values)) for f in (min, max))
        stats = _struct((3, I64, _zigzag(0)), (5, BINARY, _varint(8) + high),
                        (6, BINARY, _varint(8) + low))
        meta = _struct(
            (1, I32, _zigzag(2)), (2, LIST, _list(I32, [_zigzag(0), _zigzag(3)])),
            (3, LIST, _list(BINARY, [_text(name)])), (4, I32, _zigzag(0)),
            (5, I64, _zigzag(rows)), (6, I64, _zigzag(len(page))), (7, I64, _zigzag(len(page))),
            (9, I64, _zigzag(offset)), (12, STRUCT, stats))
        chunks.append(_struct((2, I64, _zigzag(offset)), (3, STRUCT, meta)))
    schema = [_struct((4, BINARY, _text("schema")), (5, I32, _zigzag(len(names))))]
    schema += [_struct((1, I32, _zigzag(2)), (3, I32, _zigzag(1)), (4, BINARY, _text(name)))
               for name in names]
    size = len(body) - 4  # without the hole
    group = _struct((1, LIST, _list(STRUCT, chunks)), (2, I64, _zigzag(size)),
                    (3, I64, _zigzag(rows)))
    ordered = _struct((1, STRUCT, _struct()))  # else nobody takes minima and maxima
    footer = _struct((1, I32, _zigzag(1)), (2, LIST, _list(STRUCT, schema)),
                     (3, I64, _zigzag(rows)), (4, LIST, _list(STRUCT, [group])),
                     (6, BINARY, _text("bough tests")),
                     (7, LIST, _list(STRUCT, [ordered] * len(names))))
    return bytes(body) + footer + struct.pack("<I", len(footer)) + b"PAR1"


def write(path, columns, hole_bytes=0):
    """As encode(), into a file, which is as long as it says."""
    data = encode(columns, hole_bytes)
    with open(path, "wb") as f:
        f.write(data[:4])
        f.seek(hole_bytes, 1)
        f.write(data[4:])
