#!/usr/bin/env python3
"""Random operations by several processes on one store, compared with a plain model of it.

Workers with databases of their own, and branches of their own of one shared table, work at the
same time through two mounts of the store and through bough(1). What each did it sees at once
through another mount. After every 50 operations all pause: fsck must find nothing, and the whole
store must hold exactly what the model says.

usage: random_ops.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")
"""
import collections
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "crash"), os.path.join(HERE, "..", "support")]
import cli  # noqa: E402
import model  # noqa: E402
from compare import Comparer  # noqa: E402
from weights import WEIGHTS, WEIGHTS_OF_MAIN  # noqa: E402
from worker import Difference  # noqa: E402

OPERATIONS, OPERATIONS_FULL, SEEDS_FULL = 1500, 20000, 20
WORKERS, OF_WORKER, OF_MAIN = 3, 16, 2  # 50 operations a round
ROUND_S_MAX = 200
TRIES = 30


def one_operation(w, weights):
    """The next one of this worker: the same for the same seed."""
    w.begin()
    for _ in range(TRIES):
        w.kind = w.rng.choices(list(weights), weights.values())[0]
        getattr(w, f"op_{w.kind}")()
        if w.acted:
            break
    (w.refused if w.outcome else w.done)[w.kind] += 1


def take_replica(w, new):
    """Main of the shared table as the coordinator left it."""
    main = w.world.shared.main
    links = []
    for name, parent, operation, schema, blocks in new["links"]:
        snap = w.snaps.get(name)
        if not snap:
            files = []
            for marker, rows, size, ino, own, given in blocks:
                b = w.blocks.setdefault(ino, model.Block(marker, rows, size, ino))
                b.own = b.own or own
                files.append((b, given))
            snap = model.Snap(name, w.snaps.get(parent), files, operation, schema, 0)
            w.snaps[name] = snap
        links.append(snap)
    main.links, main.head = links, w.snaps.get(new["head"])
    main.is_protected, main.schema = new["protected"], new["schema"]


def serve(w, pipe):
    """A worker's life: told what to do, it answers with (error, result)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    w.world.shared = model.Table(model.Db("shared"), "t")
    w.world.shared.is_shared = True
    while True:
        what, argument = pipe.recv()
        try:
            if what == "end":
                return
            pipe.send((None, react(w, what, argument)))
        except Difference as e:
            pipe.send((f"worker {w.number}, operation {w.op} ({w.kind}): {e}", None))
        except Exception:  # a bug of the test, or an operation that may not fail
            pipe.send((f"worker {w.number}, operation {w.op} ({w.kind}): "
                       f"{traceback.format_exc()}", None))


def react(w, what, argument):
    if what == "run":
        w.round += 1
        for _ in range(argument):
            one_operation(w, WEIGHTS)
        w.end_limbo()
        return w.references()
    elif what == "compare":
        return w.compare()
    elif what == "main":
        take_replica(w, argument)
    elif what == "emptied":
        w.world.do_empty_trash()
    return None


def stack_of(pid):
    """Where in the kernel a process is."""
    try:
        with open(f"/proc/{pid}/stack") as f:
            return f.read()
    except OSError as e:
        return str(e)


class Run:
    def __init__(self, build, seed, operations):
        self.seed, self.operations = seed, operations
        self.folder = tempfile.mkdtemp(prefix="bough-random-")
        self.store = cli.Store(build, self.folder)
        self.boughfs = os.path.join(build, "boughfs")
        self.mounts, self.daemons, self.workers = [], [], []
        self.fscks = self.rounds = 0
        self.digests, self.bad = [], []
        self.main = None

    def mount(self):
        for name in ("one", "two"):
            path = f"{self.folder}/{name}"
            os.mkdir(path)
            p = subprocess.Popen([self.boughfs, "-f", self.store.path, path],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.daemons.append(p)
            until = time.monotonic() + 20
            while not os.path.ismount(path):
                if p.poll() is not None or time.monotonic() > until:
                    print("skipped: cannot mount here")
                    self.end()
                    shutil.rmtree(self.folder, True)
                    sys.exit(77)
                time.sleep(0.01)
            self.mounts.append(path)

    def new_worker(self, number):
        return Comparer(number, self.seed, self.store.bough, self.store.path, self.mounts,
                        self.folder)

    def start(self):
        self.mount()
        self.main = w = self.new_worker(0)
        w.world.shared = model.Table(model.Db("shared"), "t")
        w.world.shared.is_shared = True
        self.store.must("db", "create", "shared")
        self.store.must("table", "create", "shared.t")
        while not w.world.shared.main.head:
            one_operation(w, {"import": 1})
        for number in range(1, WORKERS + 1):
            mine, theirs = multiprocessing.Pipe()
            p = multiprocessing.Process(target=serve, args=(self.new_worker(number), theirs),
                                        daemon=True)
            p.start()
            self.workers.append((p, mine))

    def ask(self, what, argument=None):
        for _, pipe in self.workers:
            pipe.send((what, argument))

    def answers(self):
        results = []
        for number, (p, pipe) in enumerate(self.workers, 1):
            if not pipe.poll(5 if self.bad else ROUND_S_MAX):
                self.bad.append(f"worker {number} hangs: {stack_of(p.pid)}")
                continue
            error, result = pipe.recv()
            if error:
                self.bad.append(error)
            results.append(result)
        return results

    def of_main(self):
        """The coordinator's own operations, while all others pause."""
        w = self.main
        w.round += 1
        try:
            for _ in range(OF_MAIN):
                one_operation(w, WEIGHTS_OF_MAIN)
            if w.rng.random() < 0.05:
                w.cli(0, "trash", "empty", "--all")
                w.world.do_empty_trash()
                self.ask("emptied")
                self.answers()
        except Exception as e:
            self.fail(e)

    def fail(self, e):
        w = self.main
        words = str(e) if isinstance(e, Difference) else traceback.format_exc()
        self.bad.append(f"the coordinator, operation {w.op} ({w.kind}): {words}")

    def round(self):
        self.ask("main", self.main.replica())
        self.answers()
        self.ask("run", OF_WORKER)
        strangers = self.answers()
        if self.bad:
            return
        self.main.strangers = sum(map(collections.Counter, strangers), collections.Counter())
        self.of_main()
        if self.bad:
            return
        self.ask("compare")
        found = self.store.fsck()
        self.fscks += 1
        if found:
            self.bad.append(f"fsck: {found}")
        self.digests = self.answers()
        if not self.bad:
            try:
                self.main.compare_all(self.digests)
            except Exception as e:
                self.fail(e)
        self.rounds += 1

    def keep_errors(self):
        """What the mounts say went wrong goes with them."""
        for path in self.mounts:
            try:
                shutil.copyfile(f"{path}/.bough/errors", f"{path}.errors")
            except OSError as e:
                print(f"{path}/.bough/errors: {e}")

    def end(self):
        if self.bad:
            self.keep_errors()
        for p, pipe in self.workers:
            if p.is_alive() and not self.bad:
                pipe.send(("end", None))
            p.join(0 if self.bad else 10)
            if p.is_alive():
                p.kill()
        for path, p in zip(self.mounts, self.daemons):
            subprocess.run(["umount", *(["-l"] if self.bad else []), path], check=False)
        for p in self.daemons:
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    def report(self, seconds):
        done, refused = collections.Counter(), collections.Counter()
        compared, late, steps, squashed = 0, 0, 0, 0
        for d in [self.main.digest(), *(d for d in self.digests if d)]:
            done.update(d["done"])
            refused.update(d["refused"])
            compared, late = compared + d["compared"], late + d["late"]
            steps, squashed = steps + d["squashes"][0], squashed + d["squashes"][1]
        kinds = ", ".join(f"{k} {done[k]}+{refused[k]}" for k in sorted(done | refused))
        print(f"seed {self.seed}: {done.total() + refused.total()} operations in {seconds:.0f} s: "
              f"{done.total()} succeeded, {refused.total()} refused as they must be; "
              f"{compared} comparisons, {self.fscks} fsck; {late} looks at a name that others "
              f"kept from being forgotten; of removals that go on a run "
              f"{squashed} did and {steps} did not; {kinds}", flush=True)
        if steps > 5 + squashed:  # of two refs whose numbers fall together only one has a run
            self.bad.append("removals within a second of each other are steps of their own")

    def show_failure(self):
        for number in range(WORKERS + 1):
            print(f"--- the last of worker {number}:")
            with open(f"{self.folder}/worker{number}.log") as f:
                print("".join(f.readlines()[-12:]), end="")
        print(f"--- seed {self.seed}, the store is kept: {self.store.path}")

    def run(self):
        began = time.monotonic()
        self.start()
        try:
            while not self.bad and self.rounds * (WORKERS * OF_WORKER + OF_MAIN) < self.operations:
                self.round()
        finally:
            self.end()
        self.report(time.monotonic() - began)
        if self.bad:
            self.show_failure()
        return cli.verdict(self.bad, self.folder)


def main():
    if os.geteuid() or not os.path.exists("/dev/fuse"):
        print("skipped: needs root and /dev/fuse")
        sys.exit(77)
    seed, operations = cli.settings(OPERATIONS, OPERATIONS_FULL)
    full = os.environ.get("BOUGH_TEST_SCALE") == "full" and "BOUGH_TEST_SEED" not in os.environ
    for n in range(SEEDS_FULL if full else 1):
        status = Run(sys.argv[1], str(int(seed) + n), operations).run()
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main()
