"""What the benchmarks share: programs, mounts, timing of interleaved rounds, tables."""
import argparse
import atexit
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BOUGH_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
_cleanups = []


def program(name):
    for folder in ("", "tools", "fs", "tests/support", "tests/bench"):
        path = os.path.join(BUILD, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    sys.exit(f"{name} is not in {BUILD}: run meson compile first")


def options(description, **more):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    p.add_argument("--dir", default="/var/tmp/bough-bench", help="folder on the disk to measure")
    p.add_argument("--keep", action="store_true", help="keep synthetic stores for the next run")
    p.add_argument("--fifo", action="store_true",
                   help="real-time priority for all of it, on a machine with other work")
    for name, (default, text) in more.items():
        p.add_argument("--" + name.replace("_", "-"), default=default, help=text)
    o = p.parse_args()
    os.makedirs(o.dir, exist_ok=True)
    if o.fifo:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    return o


def at_end(fn, *args):
    _cleanups.append((fn, args))


@atexit.register
def _clean():
    for fn, args in reversed(_cleanups):
        try:
            fn(*args)
        except Exception as e:
            print(f"cleaning up: {e}", file=sys.stderr)


def run(*argv, **kw):
    kw.setdefault("check", True)
    return subprocess.run(argv, **kw)


def output(*argv):
    return run(*argv, stdout=subprocess.PIPE, text=True).stdout


def scratch(o, name):
    """A fresh folder that goes at the end."""
    path = os.path.join(o.dir, f"{name}-{os.getpid()}")
    os.makedirs(path)
    at_end(shutil.rmtree, path, True)
    return path


def made_store(o, blocks, *more):
    """A synthetic store; kept between runs with --keep."""
    path = os.path.join(o.dir, "-".join([f"store-{blocks}", *(m.strip("-") for m in more)]))
    if not os.path.exists(os.path.join(path, "format")):
        shutil.rmtree(path, True)
        print(output(program("mkstore"), path, str(blocks), *more), end="")
        run(program("bough"), "-s", path, "sync", stdout=subprocess.DEVNULL)  # no mount need do it
    if not o.keep:
        at_end(shutil.rmtree, path, True)
    return path


def wait_until(fn, seconds, what):
    end = time.monotonic() + seconds
    while not fn():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s for {what}")
        time.sleep(0.002)


def is_mounted(path):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == path for line in f)


def unmount(path, process):
    subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def mount_with(path, argv, seconds=60):
    """Start a foreground daemon and wait for its mount. Returns the process."""
    path = os.path.abspath(path)
    os.makedirs(path, exist_ok=True)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    at_end(unmount, path, process)
    wait_until(lambda: is_mounted(path) or process.poll() is not None, seconds, path)
    if process.poll() is not None:
        sys.exit(f"{argv[0]} ended with status {process.returncode}")
    return process


def mount(store, path, *more):
    """Mount a store in the foreground. Returns the process that serves it."""
    return mount_with(path, [program("bough"), "mount", store, path, "-f", *more])


def table_path(mountpoint):
    return os.path.join(mountpoint, "bench", "t")


class RawCommit:
    """A process that makes one durable LMDB commit per call; answers seconds. Ten puts,
    each of another kind of record, are what `mkdir _refs/x` writes."""

    def __init__(self, o, folder=None):
        """@folder: an environment shared by several."""
        self.process = subprocess.Popen(
            [program("rawcommit"), folder or scratch(o, "raw")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)
        at_end(self.process.kill)

    def __call__(self, puts=10):
        self.process.stdin.write(f"{puts}\n")
        return int(self.process.stdout.readline()) / 1e9


def timed(fn, *args):
    start = time.perf_counter()
    fn(*args)
    return time.perf_counter() - start


def median(samples):
    return statistics.median(samples)


def spread(samples):
    s = sorted(samples)
    return s[len(s) // 10], s[len(s) * 9 // 10]


def interleave(rounds, columns, warm=3):
    """columns: {name: fn -> seconds}, in turn in every round. Returns {name: [seconds]}."""
    samples = {name: [] for name in columns}
    for i in range(rounds + warm):
        for name, fn in columns.items():
            t = fn()
            if i >= warm:
                samples[name].append(t)
    return samples


def show(samples, unit=1e3, word="ms"):
    for name, s in samples.items():
        low, high = spread(s)
        print(f"  {name:34s} median {median(s) * unit:10.3f} {word}   "
              f"(10 % {low * unit:.3f}, 90 % {high * unit:.3f}, n {len(s)})")


def warn_if_noisy(samples):
    low, high = spread(samples)
    if high > 3 * low:
        print(f"  NOISY: the floor itself takes {low * 1e3:.2f} to {high * 1e3:.2f} ms; other work "
              "uses this machine: run again")


def verdict(what, value, limit, smaller=True):
    ok = value <= limit if smaller else value >= limit
    sign = "<=" if smaller else ">="
    print(f"  {what}: {value:.2f}   target {sign} {limit}: {'met' if ok else 'MISSED'}")
