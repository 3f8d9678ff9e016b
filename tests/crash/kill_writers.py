#!/usr/bin/env python3
"""A mount killed in the middle of twenty open writers: each file is there whole, if its close was
acknowledged, or not at all, if it was not begun to be closed; in between, one of both. The next
mount has nothing of them in its spool.
usage: kill_writers.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import errno
import os
import random
import subprocess
import sys
import time
import cli

KILLS, KILLS_FULL = 3, 50
WRITERS = 20
ROWS = 30000
PART, PAUSE = 4096, 0.005  # of a write, after it


class Run:
    def __init__(self, build, seed):
        self.seed, self.rng, self.folder = seed, random.Random(seed), cli.folder("bough-writers-")
        self.store, self.mnt = cli.Store(build, self.folder), f"{self.folder}/mnt"
        self.boughfs, self.bad = f"{build}/boughfs", []
        os.mkdir(self.mnt)
        self.store.must("import", "w.t", *cli.make_files(f"{self.folder}/in", 0, [3]))
        self.data, self.whole = f"{self.mnt}/w/t/data", {}
        self.open = self.closing = self.done = self.other = 0

    def body(self, name):
        path = f"{self.folder}/source-{name}"
        cli.parquet.write(path, {"op": self.rng.sample(range(10 ** 6), ROWS)})
        with open(path, "rb") as f:
            body = f.read()
        os.unlink(path)
        return body

    def write(self, name, body, told):
        """In a process of its own: tells c before it closes and d when that has returned."""
        try:
            fd = os.open(f"{self.data}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            for at in range(0, len(body), PART):
                os.write(fd, body[at:at + PART])
                time.sleep(PAUSE)
            os.write(told, b"c")
            os.close(fd)
            os.write(told, b"d")
        except OSError as e:
            if e.errno not in (errno.ENOTCONN, errno.ECONNABORTED):
                print(f"{name}: {e}", flush=True)
                os._exit(1)
        os._exit(0)

    def start(self, number):
        out, names = {}, [f"w{number}-{i}.parquet" for i in range(WRITERS)]
        bodies = [self.body(name) for name in names]
        for name, body in zip(names, bodies):
            come, told = os.pipe()
            pid = os.fork()
            if not pid:
                self.write(name, body, told)
            os.close(told)
            out[pid] = name, body, come
        return out

    def judge(self, writers):
        there = set(os.listdir(self.data))
        for name, body, said in writers:
            if name in there:
                with open(f"{self.data}/{name}", "rb") as f:
                    if f.read() != body:
                        self.bad.append(f"{name} is torn")
                self.whole[name] = body
            self.open, self.closing = self.open + (said == b""), self.closing + (said == b"c")
            self.done += said == b"cd"
            if said == b"cd" and name not in there:
                self.bad.append(f"{name} was acknowledged and is lost")
            if said == b"" and name in there:
                self.bad.append(f"{name} was never closed and is there")
        for name in self.whole.keys() - there:
            self.bad.append(f"{name} was there and is lost")
        left = [f for _, _, files in os.walk(f"{self.store.path}/spool") for f in files]
        if [f for f in left if f != "lock"]:
            self.bad.append(f"in the spool: {left}")

    def round(self, number):
        daemon = cli.mount(self.boughfs, self.store.path, self.mnt, 1 if number else 77)
        children = self.start(number)
        least = max(len(body) for _, body, _ in children.values()) / PART * PAUSE
        # every other time surely in the middle, else about their end
        time.sleep(least * self.rng.uniform(*((0.8, 1.8) if number % 2 else (0.1, 0.8))))
        daemon.kill()
        writers = []
        for pid, (name, body, come) in children.items():
            if os.waitpid(pid, 0)[1]:
                self.bad.append(f"the writer of {name} got another error")
            writers.append((name, body, os.read(come, 8)))
            os.close(come)
        daemon.wait()
        subprocess.run(["umount", self.mnt], check=True)
        daemon = cli.mount(self.boughfs, self.store.path, self.mnt)
        self.judge(writers)
        subprocess.run(["umount", self.mnt], check=True)
        daemon.wait()

    def run(self, kills):
        number = 0
        while number < kills and not self.bad:
            self.round(number)
            number += 1
        subprocess.run(["umount", "-q", self.mnt])
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"fsck: {found}")
        print(f"seed {self.seed}: {number} kills, {number * WRITERS} writers: {self.open} in the "
              f"middle of it, {self.closing} closing, {self.done} done; {len(self.bad)} wrong")
        if self.open + self.closing < kills:
            self.bad.append("too few were hit")
        return cli.verdict(self.bad, self.folder)


def main():
    seed, kills = cli.settings(KILLS, KILLS_FULL)
    sys.exit(Run(sys.argv[1], seed).run(kills))


main()
