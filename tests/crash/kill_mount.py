#!/usr/bin/env python3
"""A busy mount killed again and again: every caller gets ENOTCONN at once, the next mount is there
within a second, what was acknowledged is there, and nothing piles up: no descriptor, no memory of
one daemon after the other.
usage: kill_mount.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import errno
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import cli

ROUNDS = 100
READERS = 2
MORE_KB, MORE_FDS = 4096, 24  # the last daemons than the first; files being read vary
DEAD_S_MAX = 1.0
REMOUNT_S_MAX = 1.0


class Run:
    def __init__(self, build, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="bough-crash-")
        self.store = cli.Store(build, self.folder)
        self.boughfs = os.path.join(build, "boughfs")
        self.mnt = f"{self.folder}/mnt"
        os.mkdir(self.mnt)
        self.table = f"{self.mnt}/crash/t"
        self.made, self.unknown, self.gone = set(), set(), set()
        self.reads = self.busy = self.errors = 0
        self.slowest_dead = self.slowest_mount = 0.0
        self.anonymous, self.descriptors = [], []  # of each daemon when it was killed
        self.bad = []

    def mount(self):
        start = time.monotonic()
        p = subprocess.Popen([self.boughfs, "-f", self.store.path, self.mnt],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not cli.is_mounted(self.mnt):
            if p.poll() is not None or time.monotonic() > start + 10:
                print("cannot mount here")
                sys.exit(77)
            time.sleep(0.001)
        os.readlink(f"{self.table}/HEAD")
        self.slowest_mount = max(self.slowest_mount, time.monotonic() - start)
        return p

    def failed(self, e):
        """An error of a caller: only the loss of the daemon is one that may be."""
        self.errors += 1
        if e.errno not in (errno.ENOTCONN, errno.ECONNABORTED):
            self.bad.append(f"a caller got {e}")

    def look(self, folder):
        for name in os.listdir(folder):
            try:
                st = os.lstat(f"{folder}/{name}")
                if name.endswith(".parquet"):
                    with open(f"{folder}/{name}", "rb") as f:
                        if len(f.read()) != st.st_size:
                            self.bad.append(f"{name} is short")
            except FileNotFoundError:
                pass  # a branch that went after it was listed
            self.reads += 1

    def reader(self, rng):
        try:
            while True:
                self.look(f"{self.table}/{rng.choice(['data', '_b', '_ss', '_refs'])}")
        except OSError as e:
            self.failed(e)

    def writer(self, rng, number):
        try:
            for i in range(10 ** 6):
                name = f"r{number}-{i}"
                self.unknown.add(name)
                os.mkdir(f"{self.table}/_refs/{name}")
                self.made.add(name)
                self.unknown.discard(name)
                if rng.random() < 0.5:
                    self.made.discard(name)
                    self.unknown.add(name)
                    os.rmdir(f"{self.table}/_refs/{name}")
                    self.gone.add(name)
                    self.unknown.discard(name)
        except OSError as e:
            self.failed(e)

    def weigh(self, p):
        with open(f"/proc/{p.pid}/status") as f:
            self.anonymous += [int(line.split()[1]) for line in f if line.startswith("RssAnon")]
        self.descriptors.append(len(os.listdir(f"/proc/{p.pid}/fd")))

    def kill(self, p, threads):
        self.weigh(p)
        self.busy += all(t.is_alive() for t in threads)
        p.kill()
        p.wait()
        start = time.monotonic()
        self.bad += cli.judge_dead(self.mnt)
        for t in threads:
            t.join(10)
            if t.is_alive():
                self.bad.append("a caller hangs after the daemon's death")
        self.slowest_dead = max(self.slowest_dead, time.monotonic() - start)
        subprocess.run(["umount", self.mnt], check=True)

    def round(self, number):
        p = self.mount()
        threads = [threading.Thread(target=self.reader, args=(random.Random(number + i),),
                                    daemon=True) for i in range(READERS)]
        threads.append(threading.Thread(target=self.writer, args=(self.rng, number), daemon=True))
        for t in threads:
            t.start()
        time.sleep(self.rng.uniform(0.01, 0.15))
        self.kill(p, threads)
        if number % 10 == 9:
            found = self.store.fsck()
            if found:
                self.bad.append(f"fsck: {found}")

    def judge(self, fds, size):
        there = self.store.branches("crash.t")
        self.bad += [f"{n} was made and is lost" for n in self.made - there]
        self.bad += [f"{n} was removed and is back" for n in self.gone & there]
        self.bad += [f"{n}: nobody made it" for n in there - self.made - self.unknown]
        if cli.is_mounted(self.mnt):
            self.bad.append("a mount is left")
        if len(os.listdir("/proc/self/fd")) > fds:
            self.bad.append("descriptors are left")
        grown = os.stat(f"{self.store.path}/meta/data.mdb").st_blocks * 512 - size
        if grown > (4 << 20) + 20000 * (len(self.made) + len(self.gone)):
            self.bad.append(f"the metadata grew by {grown} bytes")
        some = max(1, len(self.anonymous) // 5)
        for weights, more in (self.anonymous, MORE_KB), (self.descriptors, MORE_FDS):
            first, last = (statistics.median(w) for w in (weights[:some], weights[-some:]))
            if last > first + more:
                self.bad.append(f"each daemon has more than the one before: {weights}")
        if self.slowest_dead > DEAD_S_MAX or self.slowest_mount > REMOUNT_S_MAX:
            self.bad.append("too slow")

    def run(self, rounds):
        for op in range(1, 4):
            self.store.must("import", "crash.t", *cli.make_files(f"{self.folder}/in", op, [9] * 20))
        fds = len(os.listdir("/proc/self/fd"))
        size = os.stat(f"{self.store.path}/meta/data.mdb").st_blocks * 512
        done = 0
        while done < rounds and not self.bad:
            self.round(done)
            done += 1
        self.judge(fds, size)
        print(f"seed {self.seed}: {done} kills, {self.busy} of a busy daemon; {self.reads} reads, "
              f"{len(self.made) + len(self.gone)} branches acknowledged, {len(self.unknown)} in "
              f"flight, {self.errors} callers lost it; slowest answer after death "
              f"{self.slowest_dead * 1e3:.0f} ms, slowest mount {self.slowest_mount * 1e3:.0f} ms; "
              f"a daemon has {statistics.median(self.anonymous)} KiB of its own, at most "
              f"{max(self.anonymous)}, and at most {max(self.descriptors)} descriptors")
        if self.busy < rounds * 9 // 10:
            self.bad.append("too few kills hit a busy daemon")
        return cli.verdict(self.bad, self.folder)


def main():
    seed, rounds = cli.settings(ROUNDS, ROUNDS)
    sys.exit(Run(sys.argv[1], seed).run(rounds))


main()
