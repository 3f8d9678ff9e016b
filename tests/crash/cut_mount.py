#!/usr/bin/env python3
"""One operation through a mount, its daemon killed before and after each of its durable calls in
turn; again with the store on ext4 or xfs and the power cut at that call. Whoever was told that it
is done finds it done; else it has happened or not, as a whole. All else is there and reads the same
bytes, fsck --full is clean, nothing waits in the spool, and the next one works.
usage: cut_mount.py BUILD [OPERATION ...]
(BOUGH_TEST_SEED, BOUGH_TEST_SCALE: "full" cuts at every call, on both file systems)"""
import collections
import errno
import mmap
import os
import random
import struct
import subprocess
import sys
import time
import cli
import cut_cli
import cut_power
import writers

CUTS, CUTS_POWER, OPERATIONS_POWER = 2, 2, 4  # before calls of an operation, about; after them
ALL, ENOUGH = 10 ** 6, 30
KEEP = 8  # files of a ref, before some of them go
EXPORT_S = 3  # the exporter is at work within a second, and then never idle for so long:
IDLE_S = 0.3
WRITE_BYTES = 100000
ANY, NEW = "any", "new"


class Control:
    """The struct control of cut.c, shared with a daemon."""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.truncate(mmap.PAGESIZE)
        with open(path, "r+b") as f:
            self.shared = mmap.mmap(f.fileno(), mmap.PAGESIZE)

    def put(self, number, value):
        struct.pack_into("l", self.shared, 8 * number, value)

    def arm(self, pid, at, after):
        for number, value in (3, 0), (2, after), (1, at), (0, pid):
            self.put(number, value)

    def disarm(self):
        self.put(0, 0)

    @property
    def calls(self):
        return struct.unpack_from("l", self.shared, 24)[0]

    @property
    def call(self):
        """The name of the one that was cut."""
        return self.shared[32:64].split(b"\0")[0].decode()


def read(path):
    """The bytes of a file; why there are none."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        return str(e)


def expected(before, change, seen):
    """The state @before with @change: {key: value}, None: gone. ANY is what is @seen there; NEW at
    the end of a key stands for the one that was not there before, and is the head that is such a
    snapshot."""
    def fresh(*key):
        return [k for k in seen if k not in before and k[:-1] == key]
    after = dict(before)
    for key, value in change.items():
        if key[-1] is NEW:
            key = (fresh(*key[:-1]) + [(*key[:-1], "missing")])[0]
        if value is NEW:
            value = (fresh("snap", *key[1:]) + ["missing"])[0][-1]
        after[key] = seen.get(key, "missing") if value is ANY else value
    return {k: v for k, v in after.items() if v is not None}


class Cutter(cut_cli.Cutter):
    lost_codes = (errno.ENOTCONN, errno.ECONNABORTED)  # what a caller of a killed mount gets

    def __init__(self, build):
        super().__init__(build)
        self.boughfs, self.mnt = os.path.join(build, "boughfs"), f"{self.folder}/mnt"
        os.mkdir(self.mnt)
        os.mkdir(f"{self.folder}/scratch")
        self.control = Control(f"{self.folder}/control")
        self.world = writers.World(self.store, self.mnt, f"{self.folder}/scratch")
        self.refs, self.trash = f"{self.world.table}/_refs", f"{self.mnt}/.bough/trash"
        self.number, self.heads = 100, {}  # head -> the files of a ref that has it
        self.told = self.happened = self.not_happened = 0
        self.calls = collections.Counter()
        self.store.must("branch", "create", "crash.t/dev")
        self.mount(77)

    def mount(self, status=1):
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_CUT_CONTROL=f"{self.folder}/control",
                   **self.env)
        self.control.disarm()
        self.daemon = cli.mount(self.boughfs, self.store.path, self.mnt, status, env)

    def end(self):
        """Takes the mount away. Returns the daemon's status, -9: it was cut."""
        cli.unmount(self.mnt)
        status = self.daemon.wait()
        if status == -9:
            self.calls[self.control.call] += 1
            self.was_cut()
        elif status:
            self.bad.append(f"the daemon ended with status {status}")
        return status

    def observe(self):
        """The state of everything, as the mount shows it; see writers.py. Each file is read."""
        seen, read_inodes = {}, {}

        def content(entry):
            if entry.inode() not in read_inodes:
                read_inodes[entry.inode()] = read(entry.path)
            return read_inodes[entry.inode()]
        for ref in ["main", *os.listdir(self.refs)]:
            at = self.world.at(ref)
            seen["head", ref] = os.path.basename(os.readlink(f"{at}/HEAD"))
            if ref != "main":
                seen["ref", ref] = os.getxattr(at, "user.bough.id")
            for entry in os.scandir(f"{at}/data"):
                seen["file", ref, entry.name] = content(entry)
            for entry in os.scandir(f"{at}/_ss" if ref == "main" else at):
                if entry.name.endswith("_v4.mpk"):
                    seen["snap", ref, entry.name] = content(entry)
            self.heads[seen["head", ref]] = self.files(seen, ref)
        for entry in os.scandir(f"{self.world.table}/_b"):
            seen["block", entry.name] = content(entry)
        for name in os.listdir(self.trash):
            seen["trash", name] = True
        return seen

    @staticmethod
    def files(seen, ref):
        return {k[2]: v for k, v in seen.items() if k[:2] == ("file", ref)}

    def through_mount(self, name, at, after):
        """Returns the daemon's status."""
        operation = getattr(self, name)()
        change = next(operation)
        self.store.must("sync")  # nor has the exporter anything else to do
        before = self.observe()
        self.control.arm(self.daemon.pid, at, after)
        is_told, error = True, None
        try:
            for _ in operation:
                pass
        except OSError as e:
            is_told, error = False, e
        status = self.end()
        what = f"{name}, {'after' if after else 'before'} call {at} ({self.control.call})"
        if error and (status != -9 or error.errno not in self.lost_codes):
            self.bad.append(f"{what}: {error}")
        try:
            self.mount()
        except SystemExit:
            print(what)
            raise
        self.judge_cut(what, before, change, is_told)
        return status

    def judge_cut(self, what, before, change, is_told):
        seen = self.observe()
        after = expected(before, change, seen)
        self.told += is_told
        self.happened += seen == after
        self.not_happened += seen == before
        if seen != after and (is_told or seen != before):
            wrong = [k for k in {*seen, *after} if seen.get(k) != after.get(k)]
            state = "not there" if seen == before else f"neither there nor not: {sorted(wrong)}"
            self.bad.append(f"{what}: {'acknowledged and ' if is_told else ''}{state}")
        spools = [os.listdir(f"{self.store.path}/spool/{d}")
                  for d in os.listdir(f"{self.store.path}/spool")]
        if spools != [[]]:
            self.bad.append(f"{what}: the spool holds {spools}")
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"{what}: fsck --full: {found}")

    # Operations: when all is prepared they yield what they change; then they do it.

    def data(self, ref, name):
        return f"{self.world.at(ref)}/data/{name}"

    def body(self, hole_bytes=0):
        """Of a file that never was, and its name."""
        self.number += 1
        path = f"{self.folder}/scratch/body"
        cli.parquet.write(path, {"op": [self.number] * writers.ROWS}, hole_bytes)
        return read(path), f"f-{self.number}.parquet"

    def copy(self, body, ref, name):
        """As cp does it: an error may come with the close."""
        fd = os.open(self.data(ref, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            for at in range(0, len(body), WRITE_BYTES):
                os.write(fd, body[at:at + WRITE_BYTES])
        finally:
            os.close(fd)

    def a_file(self, ref="dev"):
        """A new one, where there are not too many already."""
        for name in sorted(os.listdir(f"{self.world.at(ref)}/data"))[:-KEEP]:
            os.unlink(self.data(ref, name))
        body, name = self.body()
        self.copy(body, ref, name)
        return body, name

    def a_ref(self, is_there):
        if is_there != ("x" in os.listdir(self.refs)):
            (os.mkdir if is_there else os.rmdir)(f"{self.refs}/x")

    @staticmethod
    def commit(*refs):
        return {k: v for ref in refs
                for k, v in ((("snap", ref, NEW), ANY), (("head", ref), NEW))}

    def append(self):
        self.a_file()
        body, name = self.body(2 * WRITE_BYTES)
        yield {("file", "dev", name): body, ("block", NEW): body, **self.commit("dev")}
        self.copy(body, "dev", name)

    def replace(self):
        _, name = self.a_file()
        body, _ = self.body()
        yield {("file", "dev", name): body, ("block", NEW): body, **self.commit("dev")}
        self.copy(body, "dev", name)

    def publish(self):
        """As rsync does it, over a file: the rename commits."""
        _, name = self.a_file()
        body, _ = self.body()
        yield {("file", "dev", name): body, ("block", NEW): body, **self.commit("dev")}
        self.copy(body, "dev", "." + name)
        os.rename(self.data("dev", "." + name), self.data("dev", name))

    def remove(self):
        _, name = self.a_file()
        yield {("file", "dev", name): None, **self.commit("dev")}
        os.unlink(self.data("dev", name))

    def rename(self):
        body, name = self.a_file()
        yield {("file", "dev", name): None, ("file", "dev", "to-" + name): body,
               **self.commit("dev")}
        os.rename(self.data("dev", name), self.data("dev", "to-" + name))

    def move(self):
        """Between branches, over a file."""
        body, name = self.a_file()
        _, to = self.a_file("main")
        yield {("file", "dev", name): None, ("file", "main", to): body,
               **self.commit("dev", "main")}
        os.rename(self.data("dev", name), self.data("main", to))

    def link(self):
        self.a_file("main")
        body, name = self.a_file()
        yield {("file", "main", name): body, **self.commit("main")}
        os.link(self.data("dev", name), self.data("main", name))

    def reset(self):
        """To and fro between two snapshots."""
        there = self.observe()
        if there["head", "dev"] == there["head", "main"]:  # fresh
            self.a_file()
            there = self.observe()
        target = next(k[2] for k in there if k[:2] == ("snap", "dev") and k[2] in self.heads and
                      k[2] != there["head", "dev"])
        yield {**{k: None for k in there if k[:2] == ("file", "dev")},
               **{("file", "dev", k): v for k, v in self.heads[target].items()},
               ("head", "dev"): target}
        os.symlink(target, f"{self.refs}/dev/new-head")
        os.rename(f"{self.refs}/dev/new-head", f"{self.refs}/dev/HEAD")

    def create(self):
        self.a_ref(False)
        there = self.observe()
        head = there["head", "main"]
        yield {**{("file", "x", k): v for k, v in self.heads[head].items()}, ("ref", "x"): ANY,
               ("head", "x"): head, ("snap", "x", head): there["snap", "main", head]}
        os.mkdir(f"{self.refs}/x")

    def drop(self):
        self.a_ref(True)
        yield {**{k: None for k in self.observe() if "x" in k[1:2]}, ("trash", NEW): True}
        os.rmdir(f"{self.refs}/x")

    def undrop(self):
        self.a_ref(False)  # each snapshot that x has costs notifications
        self.a_ref(True)
        self.a_file("x")
        there, trash = self.observe(), os.listdir(self.trash)
        os.rmdir(f"{self.refs}/x")
        name, = {*os.listdir(self.trash)} - {*trash}
        yield {**{k: v for k, v in there.items() if "x" in k[1:2]}, ("trash", name): None}
        os.rename(f"{self.trash}/{name}", f"{self.refs}/x")

    def export(self):
        """As create; then what the exporter does with it."""
        yield from self.create()
        start = last = time.monotonic()
        calls = begun = self.control.calls
        while self.daemon.poll() is None and time.monotonic() < start + EXPORT_S:
            if calls != self.control.calls:
                calls, last = self.control.calls, time.monotonic()
            elif calls > begun and time.monotonic() > last + IDLE_S:
                break
            time.sleep(0.005)

    def close(self):
        self.daemon.kill()
        subprocess.run(["umount", "-q", "-l", self.mnt])
        self.daemon.wait()


class PowerCutter(cut_power.OnDisk, Cutter):
    # what the daemon and the kernel say of a disk that is gone
    lost_codes = (*Cutter.lost_codes, errno.EIO, errno.EROFS)

    def close(self):
        super().close()
        self.disk.remove()


OPERATIONS = ("append", "replace", "publish", "remove", "rename", "move", "link", "create", "drop",
              "undrop", "reset", "export")


def run(what, operations, cuts, rng, make):
    """Each operation on a store of its own, cut so often."""
    total, bad, not_happened = collections.Counter(), 0, 0
    for name in operations:
        c = make()
        try:
            c.through_mount(name, 0, False)
            farthest = 2 * max(1, c.control.calls // cuts) - 1
            c.each_call(c.through_mount, name, step=lambda: rng.randint(1, farthest))
        finally:
            c.close()
        print(f"  {what}: {dict(c.calls.most_common())}; {c.told} acknowledged, "
              f"{c.happened} there, {c.not_happened} not there", flush=True)
        if not c.cuts:
            c.bad.append("no call was cut: is the library loaded?")
        total, not_happened = total + c.calls, not_happened + c.not_happened
        bad |= cli.verdict(c.bad, c.folder)
    print(f"{what}: {total.total()} cuts: {dict(total.most_common())}", flush=True)
    if total.total() >= ENOUGH and not not_happened:
        print("no cut was in time")
        return 1
    return bad


def main():
    seed, cuts = cli.settings(CUTS, ALL)
    build, operations = sys.argv[1], sys.argv[2:] or OPERATIONS
    rng, kinds = random.Random(seed), ["ext4", "xfs"]
    bad = run("kill", operations, cuts, rng, lambda: Cutter(build))
    if cuts != ALL:
        cuts = max(1, cuts * CUTS_POWER // CUTS)
        kinds = [rng.choice(kinds)]
        operations = rng.sample(operations, min(len(operations), OPERATIONS_POWER))
    for kind in kinds:
        bad |= run(f"power cut of {kind}", operations, cuts, rng, lambda: PowerCutter(build, kind))
    sys.exit(bad)


if __name__ == "__main__":
    main()
