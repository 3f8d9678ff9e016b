"""What the crash tests share: a store, commands on it, and how its history is judged."""
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import parquet  # noqa: E402


class Store:
    def __init__(self, build, folder):
        self.bough, self.folder = os.path.join(build, "bough"), folder
        self.path = os.path.join(folder, "store")
        if not os.path.exists(self.bough):
            print(f"{self.bough} is not built")
            sys.exit(77)
        self.must("init", self.path, store=False)

    def argv(self, *args, store=True):
        return [self.bough, *(["-s", self.path] if store else []), *args]

    def run(self, *args, store=True):
        return subprocess.run(self.argv(*args, store=store), capture_output=True, text=True)

    def must(self, *args, store=True):
        r = self.run(*args, store=store)
        if r.returncode:
            raise SystemExit(f"bough {' '.join(args)}: status {r.returncode}: {r.stderr}")
        return r.stdout

    def fsck(self, *more):
        """What fsck finds, or None."""
        r = self.run("fsck", *more)
        return None if not r.returncode else (r.stdout + r.stderr).strip()

    def log(self, ref):
        """The chain of a ref, newest first; [] where it has no commit."""
        return json.loads(self.must("log", "--json", ref))

    def branches(self, table):
        return {b["name"].split("/")[-1] for b in
                json.loads(self.must("branch", "list", "--json", table))}


def folder(prefix):
    """A fresh one: on the disk where the counts are full, else in memory if it can be."""
    on_disk = os.environ.get("BOUGH_TEST_SCALE") == "full" or not os.path.isdir("/dev/shm")
    where = os.environ.get("TMPDIR") or (None if on_disk else "/dev/shm")
    return tempfile.mkdtemp(prefix=prefix, dir=where)


def is_mounted(path):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == path for line in f)


def mount(boughfs, store, mnt, status=1, env=None):
    """The daemon, once the mount is there; without one the test ends with @status."""
    p = subprocess.Popen([boughfs, "-f", store, mnt], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=env)
    return wait_for_mount(p, mnt, status)


def unmount(path):
    """Somebody who looks at all mounts may be in it for a moment."""
    end = time.monotonic() + 10
    while subprocess.run(["umount", path], capture_output=True).returncode:
        if time.monotonic() > end:
            raise SystemExit(f"{path} cannot be unmounted")
        time.sleep(0.01)


def judge_dead(mnt):
    """What is wrong with a mount whose daemon was killed: it answers ENOTCONN."""
    try:
        os.listdir(mnt)
        return ["a dead mount can be listed"]
    except OSError as e:
        return [] if e.errno == errno.ENOTCONN else [f"ls of a dead mount: {e}"]


def wait_for_mount(p, mnt, status):
    start = time.monotonic()
    while not is_mounted(mnt):
        if p.poll() is not None or time.monotonic() > start + 30:
            print("cannot mount")
            sys.exit(status)
        time.sleep(0.001)
    return p


def stacks(pid):
    """Where the threads of a process and of its children are in the kernel."""
    out = []
    for task in os.listdir(f"/proc/{pid}/task"):
        at = f"/proc/{pid}/task/{task}"
        with open(f"{at}/comm") as comm, open(f"{at}/stack") as stack, open(f"{at}/children") as c:
            out.append(comm.read() + stack.read())
            out += [stacks(child) for child in c.read().split()]
    return "\n".join(out)


def make_files(folder, op, sizes):
    """One Parquet file per size, all of them marked with @op. Returns their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for i, rows in enumerate(sizes):
        path = os.path.join(folder, f"op-{op}-{i}.parquet")
        parquet.write(path, {"op": [op] * rows, "row": list(range(rows))})
        paths.append(path)
    return paths


def settings(count, full):
    """The seed, printed, and how often: by BOUGH_TEST_SEED, BOUGH_TEST_SCALE."""
    scale = os.environ.get("BOUGH_TEST_SCALE", "1")
    seed = os.environ.get("BOUGH_TEST_SEED") or str(int.from_bytes(os.urandom(4), "big"))
    print(f"seed {seed}", flush=True)
    return seed, full if scale == "full" else max(1, int(count * float(scale)))


def verdict(bad, folder):
    """Prints complaints; without any the folder goes. Returns the exit status."""
    for b in bad[:20]:
        print(b)
    if not bad:
        shutil.rmtree(folder, True)
    return 1 if bad else 0


def judge_log(rows, expected, acknowledged):
    """@expected: {op: rows}; @acknowledged: ops that must be there. Returns complaints."""
    bad, seen, total = [], {}, 0
    for row in rows:
        op = row["message"].removeprefix("op-")
        if not op.isdigit() or int(op) not in expected:
            bad.append(f"a commit that nobody made: {row}")
            continue
        seen[int(op)] = seen.get(int(op), 0) + 1
        total += row["rows_added"]
        if row["rows_added"] != expected[int(op)]:
            bad.append(f"op {op} is torn: {row['rows_added']} rows of {expected[int(op)]}")
    bad += [f"op {op} was committed {n} times" for op, n in seen.items() if n > 1]
    bad += [f"op {op} was acknowledged and is lost" for op in acknowledged if op not in seen]
    if rows and rows[0]["rows"] != total:
        bad.append(f"the head has {rows[0]['rows']} rows, its history adds {total}")
    return bad
