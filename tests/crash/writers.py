"""Writers for the crash tests: processes that change a store at the same time, each only names of
its own. What an operation changes is noted before it begins and again when it has returned, outside
the store; so after a crash what is there must be the state after the last acknowledgement, or that
with the one operation in flight as a whole.

A state is {key: value} of what is there; keys are
  ("ref", name): "branch" or "tag"           ("head", ref): a snapshot
  ("file", ref, name): the number in it      ("snap", ref, snapshot): True
and keys that begin with "_" are the writer's own notes, seen in no store.
"""
import errno
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
import cli

ROWS = 3
MAGIC = 0x0123456789abcdef
KEEP = 24  # files of a ref, before some of them go


class World:
    """A store with a table crash.t of @base commits on main, and where it is mounted."""

    def __init__(self, store, mnt, scratch, base=4):
        self.store, self.mnt, self.scratch = store, mnt, scratch
        self.table = f"{mnt}/crash/t"
        self.values = {}  # inode of a block -> the number in it; an inode never changes
        self.snapshots, self.files = [], []
        self.write(f"{scratch}/probe", MAGIC)
        with open(f"{scratch}/probe", "rb") as f:
            self.first = f.read().index(MAGIC.to_bytes(8, "little"))  # where the number begins
        for i in range(base):
            self.files.append(f"base-{i}.parquet")
            self.write(f"{scratch}/{self.files[i]}", i)
            self.store.must("import", "crash.t", f"{scratch}/{self.files[i]}")
            self.snapshots.append(self.store.log("crash.t")[0]["snapshot"])

    @staticmethod
    def write(path, number):
        """A file with @number in each of its rows."""
        cli.parquet.write(path, {"op": [number] * ROWS})

    def at(self, ref):
        return self.table if ref == "main" else f"{self.table}/_refs/{ref}"

    def value(self, path, inode):
        """The number that is in each row of a file; None: it is not whole."""
        if inode not in self.values:
            with open(path, "rb") as f:
                got = f.read()
            number = int.from_bytes(got[self.first:self.first + 8], "little")
            self.write(f"{self.scratch}/probe", number % 2 ** 62)
            with open(f"{self.scratch}/probe", "rb") as f:
                self.values[inode] = number if f.read() == got else None
        return self.values[inode]

    def observe(self):
        """The state of everything, as the mount shows it."""
        seen = {}
        for entry in os.scandir(f"{self.table}/_refs"):
            mode = entry.stat(follow_symlinks=False).st_mode
            seen[("ref", entry.name)] = "branch" if mode & 0o200 else "tag"
        for ref in ["main"] + [k[1] for k in seen if k[1].startswith("own-")]:
            at = self.at(ref)
            for entry in os.scandir(f"{at}/data"):
                seen[("file", ref, entry.name)] = self.value(entry.path, entry.inode())
            seen[("head", ref)] = os.path.basename(os.readlink(f"{at}/HEAD"))
            for name in os.listdir(at):
                if name.endswith("_v4.mpk"):
                    seen[("snap", ref, name)] = True
        return seen


class Killed(Exception):
    """A command was killed: nobody knows whether it has happened."""


def target(ref):
    return "crash.t" if ref == "main" else f"crash.t/{ref}"


class Writer:
    kind = None

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.me, self.own = f"{self.kind}{number}", f"own-{self.kind}{number}"
        self.state, self.serial, self.running = {}, 0, None
        self.path = f"{world.scratch}/journal-{self.me}"
        self.done = self.in_flight = 0

    def prepare(self):
        """Once, on the mounted store."""
        os.mkdir(self.world.at(self.own))
        self.state = {("ref", self.own): "branch"}
        for i, name in enumerate(self.world.files):
            self.state[("file", self.own, name)] = i

    def mine(self, key):
        """Is it for this writer to say whether @key is there?"""
        if key[0] == "ref":
            return key[1] == self.own or key[1].startswith(self.me + "-")
        if key[0] != "file":
            return False
        return key[1] == self.own or key[1] == "main" and key[2].startswith(self.me + "-")

    def next(self):
        """A name that was never used, and a number."""
        self.serial += 1
        return f"{self.me}-{self.start}-{self.serial}"

    def number_of(self, i=0):
        """That of the last name's i-th file."""
        return (((self.number + 1) * 1000 + self.start) * 10000 + self.serial) * 10 + i

    def files(self, ref):
        return [k[2] for k in self.state if k[0] == "file" and k[1] == ref]

    def step(self, rng):
        """What the next operation changes, and a function that does it and may tell more."""
        raise NotImplementedError

    def child(self, seed, start):
        """Works until the store is lost, in a process of its own; never returns."""
        out = os.open(self.path, os.O_WRONLY | os.O_APPEND)

        def note(what, changes):
            os.write(out, json.dumps([what, time.monotonic(), [*changes.items()]]).encode() + b"\n")
        rng, self.start, self.serial = random.Random(f"{seed}-{self.me}-{start}"), start, 0
        signal.signal(signal.SIGTERM, lambda *a: self.stop(rng))
        try:
            while True:
                changes, act = self.step(rng)
                note("begin", changes)
                more = act() or {}
                note("done", more)
                self.apply({**changes, **more})
        except Killed:
            os._exit(0)
        except OSError as e:
            note("lost", {("_error",): [e.errno, str(e)]})
            os._exit(0)
        except BaseException as e:  # a mistake in this file
            print(f"{self.me}: {e!r}", file=sys.stderr, flush=True)
            os._exit(1)

    def stop(self, rng):
        """The end, for those who would not be told by the store."""
        if self.running and rng.random() < 0.8:
            self.running.kill()
        if self.running:
            try:  # not its wait(): that may be what was interrupted, and holds its lock
                os.waitid(os.P_PID, self.running.pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                pass
        os._exit(0)

    def apply(self, changes):
        for key, value in changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value

    def forget_journal(self):
        with open(self.path, "w"):
            pass

    def acknowledged(self):
        """How many since then."""
        with open(self.path, "rb") as f:
            return f.read().count(b'["done"')

    def replay(self):
        """Reads the journal. Returns (changes in flight or {}, [time, errno, text] or None)."""
        flying, lost = {}, None
        with open(self.path) as f:
            for line in f:
                what, at, pairs = json.loads(line)
                changes = {tuple(k): v for k, v in pairs}
                if what == "begin":
                    flying = changes
                elif what == "done":
                    self.apply({**flying, **changes})
                    self.done += 1
                    flying = {}
                else:
                    lost = [at, *changes[("_error",)]]
        self.in_flight += bool(flying)
        return flying, lost

    def judge(self, seen, flying):
        """Compares with what is there, and takes that over. Returns complaints."""
        def visible(state):
            return {k: v for k, v in state.items() if self.mine(k)}
        there, before = visible(seen), visible(self.state)
        if flying:
            old = dict(self.state)
            self.apply(flying)
            if there == visible(self.state):
                return []
            self.state = old
        if there == before:
            return []
        keys = sorted(k for k in {*there, *before} if there.get(k) != before.get(k))
        return [f"{self.me}: {k}: is {there.get(k)}, was {before.get(k)}, in flight "
                f"{flying.get(k, 'nothing')}" for k in keys[:5]]


class Refs(Writer):
    """mkdir, also of tags, mv and rmdir of refs, through the mount."""
    kind = "refs"

    def step(self, rng):
        refs = f"{self.world.table}/_refs"
        old = [k[1] for k in self.state if k[0] == "ref" and k[1] != self.own]
        name, dice = self.next(), rng.random()
        if len(old) < 3 or dice < 0.4 and len(old) < KEEP:
            tag = rng.random() < 0.2
            return {("ref", name): "tag" if tag else "branch"}, \
                lambda: os.mkdir(f"{refs}/{name}", 0o555 if tag else 0o755)
        gone = rng.choice(old)
        if dice < 0.6:
            return {("ref", gone): None, ("ref", name): self.state[("ref", gone)]}, \
                lambda: os.rename(f"{refs}/{gone}", f"{refs}/{name}")
        return {("ref", gone): None}, lambda: os.rmdir(f"{refs}/{gone}")


class Heads(Writer):
    """ln of snapshots, ln over HEAD, rm of snapshots, through the mount."""
    kind = "heads"

    def prepare(self):
        super().prepare()
        names = {s[1:33]: s for s in os.listdir(f"{self.world.table}/_ss")}
        self.snaps = [names[s] for s in self.world.snapshots]
        self.state[("head", self.own)] = self.snaps[-1]
        self.state[("snap", self.own, self.snaps[-1])] = True

    def mine(self, key):
        return super().mine(key) or key[0] in ("head", "snap") and key[1] == self.own

    def moved(self, snap):
        """The head's files are those of the snapshot."""
        there = self.snaps.index(snap) + 1
        changes = {("head", self.own): snap, ("snap", self.own, snap): True}
        for i, name in enumerate(self.world.files):
            changes[("file", self.own, name)] = i if i < there else None
        return changes

    def move(self, snap):
        at = self.world.at(self.own)
        os.symlink(f"../../_ss/{snap}", f"{at}/new-head")
        os.rename(f"{at}/new-head", f"{at}/HEAD")

    def step(self, rng):
        at, head = self.world.at(self.own), self.state[("head", self.own)]
        snap = rng.choice([s for s in self.snaps if s != head])
        if ("snap", self.own, snap) not in self.state and rng.random() < 0.5:
            source = f"{self.world.table}/_ss/{snap}"
            return self.moved(snap), lambda: os.link(source, f"{at}/{snap}")
        if ("snap", self.own, snap) in self.state and rng.random() < 0.5:
            return {("snap", self.own, snap): None}, lambda: os.unlink(f"{at}/{snap}")
        return self.moved(snap), lambda: self.move(snap)


class Commands(Writer):
    """bough import, branch create, drop and reset, killed too."""
    kind = "cmd"
    durations = []

    def prepare(self):
        super().prepare()
        self.state[("_mark",)] = [self.world.snapshots[-1], [[n, i] for i, n in
                                                            enumerate(self.world.files)]]

    def run(self, rng, *args):
        """killed in one of ten runs, at a random moment of it: the last of this round."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # so that stop() knows of it
        self.running = p = subprocess.Popen(self.world.store.argv(*args), text=True,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        start, killed = time.monotonic(), False
        if len(self.durations) > 3 and rng.random() < 0.1:
            try:
                p.wait(rng.uniform(0, 1.2 * statistics.median(self.durations[-20:])))
            except subprocess.TimeoutExpired:
                p.kill()
                killed = True
        out, error = p.communicate()
        self.running = None
        if p.returncode == 0:
            self.durations.append(time.monotonic() - start)
            return out
        if killed or p.returncode == -9:
            raise Killed
        raise OSError(errno.EREMOTEIO, f"{' '.join(args[:3])}: {error}")

    def told(self, rng, *args):
        self.run(rng, *args)

    def imports(self, rng, ref):
        folder, name = f"{self.world.scratch}/{self.me}", self.next()
        changes, paths = {}, []
        os.makedirs(folder, exist_ok=True)
        for i in range(rng.choice((1, 1, 1, 2, 5))):
            paths.append(f"{folder}/{name}-{i}.parquet")
            self.world.write(paths[-1], self.number_of(i))
            changes[("file", ref, f"{name}-{i}.parquet")] = self.number_of(i)

        def act():
            got = json.loads(self.run(rng, "import", "--json", "-m", name, target(ref), *paths))
            for p in paths:
                os.unlink(p)
            if ref == "main":
                return {}
            files = [[f, self.state[("file", ref, f)]] for f in self.files(ref)]
            files += [[k[2], v] for k, v in changes.items()]
            return {("_mark",): [got["snapshot"], files]} if rng.random() < 0.1 else {}
        return changes, act

    def reset(self, rng):
        snapshot, files = self.state[("_mark",)]
        changes = {("file", self.own, f): None for f in self.files(self.own)}
        changes.update({("file", self.own, f): v for f, v in files})
        return changes, lambda: self.told(rng, "branch", "reset", target(self.own), snapshot)

    def step(self, rng):
        old = [k[1] for k in self.state if k[0] == "ref" and k[1] != self.own]
        dice = rng.random()
        if dice < 0.3:
            return self.imports(rng, "main")
        if dice < 0.6 and len(self.files(self.own)) < KEEP:
            return self.imports(rng, self.own)
        if dice < 0.7:
            return self.reset(rng)
        if old and dice < 0.85:
            name = rng.choice(old)
            return {("ref", name): None}, lambda: self.told(rng, "branch", "drop", target(name))
        name = self.next()
        return {("ref", name): "branch"}, lambda: self.told(rng, "branch", "create", target(name))


class Files(Writer):
    """cp, rm, mv and ln of files in data/, through the mount."""
    kind = "files"

    @staticmethod
    def works(world):
        """Can files be written through the mount?"""
        try:
            os.close(os.open(f"{world.table}/data/.probe", os.O_CREAT | os.O_WRONLY))
            os.unlink(f"{world.table}/data/.probe")
            return True
        except OSError as e:
            if e.errno in (errno.EPERM, errno.ENOSYS):
                return False
            raise

    def data(self, ref, name):
        return f"{self.world.at(ref)}/data/{name}"

    def write(self, ref, name, number):
        """As cp does it: an error may come with the close."""
        source = f"{self.world.scratch}/{self.me}.parquet"
        self.world.write(source, number)
        with open(source, "rb") as f:
            body = f.read()

        def act():
            fd = os.open(self.data(ref, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                os.write(fd, body)
            finally:
                os.close(fd)
        return {("file", ref, name): number}, act

    def step(self, rng):
        ref, dice, name = rng.choice(("main", self.own)), rng.random(), self.next() + ".parquet"
        old = [f for f in self.files(ref) if f.startswith(self.me)]
        other = self.own if ref == "main" else "main"
        if len(old) < 4 or dice < 0.4 and len(old) < KEEP:
            return self.write(ref, name, self.number_of())
        one = rng.choice(old)
        number = self.state[("file", ref, one)]
        if dice < 0.55:
            return self.write(ref, one, self.number_of())
        if dice < 0.7:
            return {("file", ref, one): None, ("file", ref, name): number}, \
                lambda: os.rename(self.data(ref, one), self.data(ref, name))
        is_new = number not in [self.state[("file", other, f)] for f in self.files(other)]
        if dice < 0.8 and is_new:
            return {("file", ref, one): None, ("file", other, name): number}, \
                lambda: os.rename(self.data(ref, one), self.data(other, name))
        if dice < 0.87 and is_new:
            return {("file", other, name): number}, \
                lambda: os.link(self.data(ref, one), self.data(other, name))
        return {("file", ref, one): None}, lambda: os.unlink(self.data(ref, one))
