"""slow.py DIR TABLE DAEMON: while one file's reader stands still until DIR/go is there, and while a
large file is committed, the other operations of the mount go on as before. A rename, which holds
the kernel's lock of its folder, commits without reading the file."""
import os
import statistics
import subprocess
import sys
import time

DIR, TABLE, DAEMON = sys.argv[1:4]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import parquet  # noqa: E402

LARGE_BYTES = (1 << 30) if os.environ.get("BOUGH_TEST_SCALE") == "full" else (160 << 20)
number = iter(range(10 ** 9))


def look():
    os.stat(f"{TABLE}/data/a.parquet")
    os.stat(f"{TABLE}/_refs/dev/HEAD")
    assert "a.parquet" in os.listdir(f"{TABLE}/data")
    with open(f"{TABLE}/data/a.parquet", "rb") as f:
        assert f.read(4) == b"PAR1"


def change():
    path = f"{TABLE}/_refs/x{next(number)}"
    os.mkdir(path)
    os.rename(path, path + "y")
    os.rmdir(path + "y")


def put():
    path = f"{TABLE}/_refs/dev/data/p.parquet"
    with open(path, "wb", buffering=0) as f:
        f.write(parquet.encode({"id": [1, 2, 3]}))
    os.rename(path, f"{TABLE}/_refs/dev/data/q.parquet")
    os.unlink(f"{TABLE}/_refs/dev/data/q.parquet")


def timed(fn):
    start = time.monotonic()
    fn()
    return time.monotonic() - start


def writer(source, name):
    return subprocess.Popen(["cp", "--sparse=never", source, f"{TABLE}/_refs/dev/data/{name}"])


def behind_a_reader_that_stands_still():
    parquet.write(f"{DIR}/still.parquet", {"id": [4, 5, 6]})
    process = writer(f"{DIR}/still.parquet", "still.parquet")
    while not os.path.exists(f"{DIR}/begun"):
        assert process.poll() is None
        time.sleep(0.01)
    for fn in (look, change, put):
        fn()
    look()
    assert process.poll() is None, "it did not wait for its reader"
    assert not os.path.exists(f"{TABLE}/_refs/dev/data/still.parquet")
    open(f"{DIR}/go", "w").close()
    assert process.wait() == 0


def beside_a_large_file():
    parquet.write(f"{DIR}/large.parquet", {"id": [7, 8, 9]}, LARGE_BYTES)
    before = {fn: statistics.median(timed(fn) for _ in range(9)) for fn in (look, change)}
    process = writer(f"{DIR}/large.parquet", "large.parquet")
    during = {fn: [] for fn in before}
    start = time.monotonic()
    while process.poll() is None:
        for fn, times in during.items():
            times.append(timed(fn))
    took = time.monotonic() - start
    assert process.returncode == 0
    for fn, times in during.items():
        median = statistics.median(times)
        print(f"{fn.__name__}: {before[fn] * 1e3:.1f} ms, beside a large one {median * 1e3:.1f} ms "
              f"({len(times)} times in {took:.1f} s, at most {max(times) * 1e3:.1f} ms)")
        assert median < 20 * before[fn] + 0.5, (fn.__name__, before[fn], median)


def bytes_read():
    with open(f"/proc/{DAEMON}/io") as f:
        return int(f.readline().split()[1])


def renamed():
    """As rsync and Spark do it: what is slow is done when the file is closed."""
    data = f"{TABLE}/_refs/dev/data"
    assert writer(f"{DIR}/large.parquet", ".large.tmp").wait() == 0
    before = bytes_read()
    os.rename(f"{data}/.large.tmp", f"{data}/renamed.parquet")
    read = bytes_read() - before
    assert read < LARGE_BYTES / 10, f"the rename read {read} bytes"
    with open(f"{DIR}/large.parquet", "rb") as a, open(f"{data}/renamed.parquet", "rb") as b:
        while part := a.read(1 << 20):
            assert b.read(1 << 20) == part


behind_a_reader_that_stands_still()
beside_a_large_file()
renamed()
