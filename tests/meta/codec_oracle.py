#!/usr/bin/env python3
"""Second opinion on the samples: what Bough reads must be what Python's msgpack and zstandard say.

    codec_oracle.py SHOW_PROGRAM SAMPLES_DIR

SHOW_PROGRAM FILE prints, as JSON, {"shown": codec_show(), "decoded": what the typed decoders read}.
Without the two packages the Python of the tests' own environment is tried (tools/deps.sh --test);
without them there too the exit status is 77.
"""
import glob, io, json, math, os, struct, subprocess, sys

try:
    import msgpack, zstandard
except ImportError:
    other = os.environ.get("BOUGH_VENV", "/usr/local/lib/bough/venv") + "/bin/python"
    if sys.executable != other and os.path.exists(other):
        os.execv(other, [other] + sys.argv)
    print("skipped: no msgpack or zstandard (tools/deps.sh --test installs them)")
    sys.exit(77)

program, samples = sys.argv[1:3]


def parts(path):
    with open(path, "rb") as f:
        data = f.read()
    sizes = struct.unpack_from("<QQ", data, 10)
    spans = ([data[18:]] if len(data) == 18 + sizes[0]
             else [data[26:26 + sizes[0]], data[26 + sizes[0]:]])
    inflate = lambda b: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(b)).read()
    return [msgpack.unpackb(inflate(s) if data[9] else s, strict_map_key=False) for s in spans]


def plain(v):
    """A value as `bough show` promises it."""
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    return [plain(x) for x in v] if isinstance(v, list) else v


def ask(path):
    return json.loads(subprocess.run([program, path], check=True, capture_output=True).stdout)


def check(path, what, got, want):
    if got != want:
        sys.exit(f"{path}: {what}: {str(got)[:300]} instead of {str(want)[:300]}")


def columns(snapshot):
    return [[f["name"], f["column_id"], f["data_type"]] for f in snapshot["schema"]["fields"]]


def blocks(got_or_raw):
    return [[b["location"], b["row_count"]] for b in got_or_raw]


def check_file(path):
    raw, answer = parts(path), ask(path)
    shown, decoded = answer["shown"], answer["decoded"]
    if len(raw) == 1:
        check(path, "show", shown, plain(raw[0]))
        check(path, "columns", columns(decoded), columns(raw[0]))
        check(path, "id", decoded["snapshot_id"], raw[0]["snapshot_id"].hex())
        check(path, "previous", decoded["prev_snapshot_id"], plain(raw[0]["prev_snapshot_id"]))
        check(path, "rows", decoded["summary"]["row_count"], raw[0]["summary"]["row_count"])
        check(path, "segments", decoded["segments"], raw[0]["segments"])
    else:
        check(path, "show", shown, plain({"blocks": raw[0], "summary": raw[1]}))
        check(path, "blocks", blocks(decoded["blocks"]), blocks(raw[0]))
        check(path, "rows", decoded["summary"]["row_count"], raw[1]["row_count"])
    return decoded


def check_expected(root):
    with open(os.path.join(root, "expected.json")) as f:
        snapshots = json.load(f)["snapshots"]
    for want in snapshots:
        path = os.path.join(root, want["key"])
        got = check_file(path)
        check(path, "id", got["snapshot_id"], want["snapshot_id"])
        check(path, "time", got["timestamp"][:23] + "Z", want["timestamp"])
        check(path, "previous", (got["prev_snapshot_id"] or [None])[0], want["prev"])
        check(path, "columns", columns(got), want["columns"])
        check(path, "rows", got["summary"]["row_count"], want["row_count"])
        reached = [b for s, _ in got["segments"]
                   for b in blocks(check_file(os.path.join(root, s))["blocks"])]
        check(path, "rows of its blocks", sum(n for _, n in reached), want["row_count"])
    return len(snapshots)


def main():
    others = glob.glob(samples + "/legacy/*.mpk") + glob.glob(samples + "/databend-types/*.mpk")
    for path in others:
        check_file(path)
    n = check_expected(os.path.join(samples, "databend-table"))
    check("samples", "snapshots", n, 44)
    print(f"{n} snapshots and {len(others)} other files agree")


main()
