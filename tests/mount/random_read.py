#!/usr/bin/env python3
"""Random reads of a mount, by pread, mmap, sendfile, read, while others commit: every byte is that
of the file as it was committed, whatever is imported, dropped, moved or written beside it. Refs
have files of the same names with other contents, so bytes of one seen in another are found.
usage: random_read.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import collections
import errno
import json
import mmap
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash"))
import cli  # noqa: E402

CHECKS, CHECKS_FULL = 50000, 1000000
READERS = 3
NAMES = [f"f{i}.parquet" for i in range(12)]
LARGEST = 60000  # rows of eight bytes
STEP = 10 ** 7  # from the first row of one file to that of the next
HEAD = 64  # bytes that tell them apart
WRITTEN = 3000, 40  # the first, and how many, that are written through the mount


class Contents:
    """A file is known by its number, which decides all of its rows."""

    def __init__(self, scratch):
        self.scratch, self.known, self.numbers = scratch, {}, {}
        for first, n in (100, len(NAMES)), (1000, len(NAMES)), (2000, len(NAMES)), WRITTEN:
            for number in range(first, first + n):
                self.numbers[self.make(number)[:HEAD]] = number

    def make(self, number):
        if number not in self.known:
            rows = random.Random(number).choice((1, 500, 4096, 30000, LARGEST))
            path = f"{self.scratch}/content"
            cli.parquet.write(path, {"n": range(number * STEP, number * STEP + rows)})
            with open(path, "rb") as f:
                self.known[number] = f.read()
        return self.known[number]


class Reader:
    """@allowed: {(ref, name): numbers it may have}; None: any that was ever written."""

    def __init__(self, mnt, contents, allowed, seed):
        self.mnt, self.contents, self.allowed = mnt, contents, allowed
        self.rng, self.open, self.counts = random.Random(seed), [], collections.Counter()
        self.sink = os.memfd_create("sink")

    def begin(self):
        ref, name = self.rng.choice(list(self.allowed))
        folder = "" if ref == "main" else f"_refs/{ref}/"
        try:
            fd = os.open(f"{self.mnt}/read/t/{folder}data/{name}", os.O_RDONLY)
        except FileNotFoundError:
            if ref != "written":
                raise
            return None
        number = self.contents.numbers.get(os.pread(fd, HEAD, 0))
        if number is None or number not in (self.allowed[(ref, name)] or [number]):
            return self.wrong(f"{ref}/{name} is file {number}, not {self.allowed[(ref, name)]}")
        body = self.contents.make(number)
        if os.fstat(fd).st_size != len(body):
            self.wrong(f"{ref}/{name} has {os.fstat(fd).st_size} bytes, not {len(body)}")
        self.open.append((fd, mmap.mmap(fd, 0, prot=mmap.PROT_READ), body, f"{ref}/{name}"))
        self.counts["opens"] += 1
        return None

    def wrong(self, text):
        self.counts["mismatches"] += 1
        print(text, flush=True)

    def check(self):
        fd, area, body, name = self.rng.choice(self.open)
        at = self.rng.randrange(len(body))
        n = min(self.rng.choice((1, 8, 700, 4096, 70000)), len(body) - at)
        how = self.rng.choice(("pread", "mmap", "sendfile", "read"))
        if how == "pread":
            got = os.pread(fd, n, at)
        elif how == "mmap":
            got = area[at:at + n]
        elif how == "sendfile":
            os.lseek(self.sink, 0, os.SEEK_SET)
            n = os.sendfile(self.sink, fd, at, n)
            got = os.pread(self.sink, n, 0)
        else:
            os.lseek(fd, at, os.SEEK_SET)
            got = os.read(fd, n)
        self.counts[how] += 1
        if got != body[at:at + n] or not n:
            self.wrong(f"{name}: {how} of {n} bytes at {at} differs")

    def run(self, checks):
        for i in range(checks):
            if i % 5 == 0:
                if len(self.open) >= 20:
                    fd, area, _, _ = self.open.pop(self.rng.randrange(20))
                    area.close()
                    os.close(fd)
                self.begin()
            if self.open:
                self.check()
        return self.counts


class Churn:
    """What goes on meanwhile: one of these in each of two processes."""

    def __init__(self, test, seed):
        self.test, self.rng, self.counts = test, random.Random(seed), collections.Counter()

    def imports(self):
        ref = self.rng.choice(("read.t", "read.t/same", "read.t/moved", "read.t/written"))
        self.test.store.must("import", ref, self.test.extra())

    def command(self):
        name = f"read.t/c{self.rng.randrange(10 ** 9)}"
        self.test.store.must("branch", "create", name)
        self.test.store.must("branch", "drop", name)

    def directory(self):
        path = f"{self.test.refs}/d{self.rng.randrange(10 ** 9)}"
        os.mkdir(path)
        os.rmdir(path)

    def head(self):
        at, snapshot = f"{self.test.refs}/moved", self.rng.choice(self.test.ends)
        os.symlink(snapshot, f"{at}/next{os.getpid()}")
        os.rename(f"{at}/next{os.getpid()}", f"{at}/HEAD")

    def file(self):
        """A file of a branch replaced, as cp does it, or removed."""
        path = f"{self.test.refs}/written/data/{self.rng.choice(NAMES)}"
        if self.rng.random() < 0.2:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            return
        with open(path, "wb") as f:
            f.write(self.test.contents.make(WRITTEN[0] + self.rng.randrange(WRITTEN[1])))

    def run(self, kinds):
        while True:
            kind = self.rng.choice(kinds)
            getattr(self, kind)()
            self.counts[kind] += 1
            os.write(self.test.told, json.dumps([kind, 1]).encode().ljust(64))


class Test:
    def __init__(self, build, seed):
        self.seed, self.folder = seed, cli.folder("bough-read-")
        self.store = cli.Store(build, self.folder)
        self.mnt, self.refs = f"{self.folder}/mnt", f"{self.folder}/mnt/read/t/_refs"
        for name in ("mnt", "scratch", "named"):
            os.mkdir(f"{self.folder}/{name}")
        self.contents = Contents(f"{self.folder}/scratch")
        self.boughfs, self.serial, self.counts = f"{build}/boughfs", 0, collections.Counter()

    def named(self, first):
        """Files of all names, numbered from @first; importing them keeps their names."""
        paths = []
        for i, name in enumerate(NAMES):
            paths.append(f"{self.folder}/named/{name}")
            with open(paths[-1], "wb") as f:
                f.write(self.contents.make(first + i))
        return paths

    def extra(self):
        self.serial += 1
        path = f"{self.folder}/scratch/extra-{os.getpid()}-{self.serial}.parquet"
        cli.parquet.write(path, {"n": [self.serial]})
        return path

    def prepare(self):
        must = self.store.must
        must("import", "read.t", self.extra())
        for ref, first in (("same", 1000), ("moved", 2000), ("written", 3000)):
            must("branch", "create", f"read.t/{ref}")
            must("import", f"read.t/{ref}", *self.named(first))
        old = self.store.log("read.t/moved")
        must("import", "read.t", *self.named(100))
        must("tag", "create", "read.t/tag", "--from", "same")
        self.daemon = cli.mount(self.boughfs, self.store.path, self.mnt, 77)
        self.mixed(old)
        self.allowed = {("main", n): [100 + i] for i, n in enumerate(NAMES)}
        for i, n in enumerate(NAMES):
            self.allowed.update({("same", n): [1000 + i], ("tag", n): [1000 + i],
                                 ("moved", n): [2000 + i, 1000 + i]})

    def mixed(self, old):
        """Two snapshots for the head that moves: its own and that of another branch."""
        own = os.readlink(f"{self.refs}/moved/HEAD")
        other = os.readlink(f"{self.refs}/same/HEAD")
        os.link(f"{self.refs}/same/{other}", f"{self.refs}/moved/{other}")
        self.ends = [own, other]
        assert old[0]["snapshot"] == own[1:33]

    def can_write(self):
        try:
            with open(f"{self.refs}/written/data/.probe", "wb"):
                pass
            return True
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.ENOSYS):
                raise
            return False

    def fork(self, work):
        """Returns the pid and where its results come from."""
        out, self.told = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work()
                status = 0
            except BaseException as e:
                print(f"{type(e).__name__}: {e}", flush=True)
            os._exit(status)
        os.close(self.told)
        return pid, out

    def read_in_child(self, i, checks):
        counts = Reader(self.mnt, self.contents, self.allowed, f"{self.seed}-r{i}").run(checks)
        for kind, n in counts.items():
            os.write(self.told, json.dumps([kind, n]).encode().ljust(64))

    def collect(self, out):
        with os.fdopen(out, "rb") as f:
            while record := f.read(64):
                kind, n = json.loads(record)
                self.counts[kind] += n

    def run(self, checks):
        kinds = ["imports", "command", "directory", "head"]
        if self.can_write():
            kinds += ["file"] * 4
            self.allowed.update({("written", n): None for n in NAMES})
        first = json.loads(self.store.must("stat", "--json"))["commit"]
        churns = [self.fork(lambda i=i: Churn(self, f"{self.seed}-c{i}").run(kinds))
                  for i in range(2)]
        readers = [self.fork(lambda i=i: self.read_in_child(i, checks // READERS + 1))
                   for i in range(READERS)]
        bad = []
        for pid, out in readers:
            self.collect(out)
            if os.waitpid(pid, 0)[1]:
                bad.append("a reader failed")
        for pid, out in churns:
            os.kill(pid, 9)
            if os.waitpid(pid, 0)[1] != 9:
                bad.append("what goes on meanwhile failed")
            self.collect(out)
        commits = json.loads(self.store.must("stat", "--json"))["commit"] - first
        done = sum(self.counts[k] for k in ("pread", "mmap", "sendfile", "read"))
        print(f"seed {self.seed}: {done} reads, {self.counts['mismatches']} mismatches; "
              f"{dict(self.counts)}; {commits} commits meanwhile")
        if self.counts["mismatches"] or done < checks or commits < 20:
            bad.append("wrong bytes, or too little done")
        return bad

    def end(self):
        subprocess.run(["umount", "-l", self.mnt])
        self.daemon.wait()
        return [f"fsck: {found}" for found in [self.store.fsck("--full")] if found]


def main():
    seed, checks = cli.settings(CHECKS, CHECKS_FULL)
    t = Test(sys.argv[1], seed)
    t.prepare()
    try:
        bad = t.run(checks)
    finally:
        bad_end = t.end()
    sys.exit(cli.verdict(bad + bad_end, t.folder))


main()
