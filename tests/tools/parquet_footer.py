"""Thrift's compact protocol, as far as Parquet footers need it: read, change, write back.

A struct is {field id: (type, value)}, a list (element type, [values]).
"""
import struct

BOOL_TRUE, BOOL_FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class Input:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value, shift = 0, 0
        while True:
            b = self.byte()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    def int(self):
        n = self.varint()
        return n >> 1 ^ -(n & 1)

    def value(self, kind):
        if kind in (BOOL_TRUE, BOOL_FALSE):
            return kind == BOOL_TRUE
        if kind == BYTE:
            return self.byte()
        if kind in (I16, I32, I64):
            return self.int()
        if kind == DOUBLE:
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if kind == BINARY:
            n = self.varint()
            self.at += n
            return bytes(self.data[self.at - n:self.at])
        if kind in (LIST, SET):
            head = self.byte()
            n = head >> 4 if head < 0xF0 else self.varint()
            kind = head & 15
            if kind in (BOOL_TRUE, BOOL_FALSE):
                return kind, [self.byte() == 1 for _ in range(n)]
            return kind, [self.value(kind) for _ in range(n)]
        assert kind == STRUCT, kind
        return self.struct()

    def struct(self):
        fields, last = {}, 0
        while True:
            head = self.byte()
            if not head:
                return fields
            last = last + (head >> 4) if head >> 4 else self.int()
            fields[last] = head & 15, self.value(head & 15)


class Output:
    def __init__(self):
        self.data = bytearray()

    def varint(self, n):
        while n > 127:
            self.data.append(n & 127 | 128)
            n >>= 7
        self.data.append(n)

    def int(self, n):
        self.varint(n << 1 if n >= 0 else -n * 2 - 1)

    def value(self, kind, value):
        if kind == BYTE:
            self.data.append(value)
        elif kind in (I16, I32, I64):
            self.int(value)
        elif kind == DOUBLE:
            self.data += struct.pack("<d", value)
        elif kind == BINARY:
            self.varint(len(value))
            self.data += value
        elif kind in (LIST, SET):
            element, values = value
            self.data.append(min(len(values), 15) << 4 | element)
            if len(values) > 14:
                self.varint(len(values))
            for v in values:
                if element in (BOOL_TRUE, BOOL_FALSE):
                    self.data.append(1 if v else 2)
                else:
                    self.value(element, v)
        elif kind == STRUCT:
            self.struct(value)

    def struct(self, fields):
        last = 0
        for number, (kind, value) in sorted(fields.items()):
            if kind in (BOOL_TRUE, BOOL_FALSE):
                kind = BOOL_TRUE if value else BOOL_FALSE
            if 0 < number - last < 16:
                self.data.append(number - last << 4 | kind)
            else:
                self.data.append(kind)
                self.int(number)
            if kind not in (BOOL_TRUE, BOOL_FALSE):
                self.value(kind, value)
            last = number
        self.data.append(0)


def read(path):
    """The bytes before the footer, and the footer's fields."""
    data = open(path, "rb").read()
    n = struct.unpack("<I", data[-8:-4])[0]
    return data[:-8 - n], Input(data[-8 - n:-8]).struct()


def write(path, body, fields):
    out = Output()
    out.struct(fields)
    write_raw(path, body, bytes(out.data))


def write_raw(path, body, footer):
    with open(path, "wb") as f:
        f.write(body + footer + struct.pack("<I", len(footer)) + b"PAR1")


# Field ids of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData, Statistics.
FILE_SCHEMA, FILE_ROWS, FILE_GROUPS, FILE_ORDERS = 2, 3, 4, 7
GROUP_COLUMNS, GROUP_ROWS = 1, 3
CHUNK_META = 3
META_CODEC, META_OFFSET, META_DICTIONARY, META_STATS = 4, 9, 11, 12
NODE_REPETITION = 3
STATS_MAX_OLD, STATS_MIN_OLD, STATS_NULLS, STATS_MAX, STATS_MIN = 1, 2, 3, 5, 6
STATS_MAX_EXACT, STATS_MIN_EXACT = 7, 8


def metas(fields):
    """ColumnMetaData of every chunk."""
    for group in fields[FILE_GROUPS][1][1]:
        for chunk in group[GROUP_COLUMNS][1][1]:
            yield chunk[CHUNK_META][1]


def change(source, target, edit):
    body, fields = read(source)
    edit(fields)
    write(target, body, fields)
