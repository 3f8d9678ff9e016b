#!/usr/bin/env python3
"""A mount killed while it folds: the store is sound each time, nothing half done is to be seen, no
block is lost, and in the end all is folded.
usage: kill_fold.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import cli

ROUNDS = 8
BLOCKS, SEGMENT_BLOCKS = 12000, 100
FOLDED = BLOCKS // 1000 + 27  # the model's bound, tests/models/fold.py
FOLD_S_MAX = 60
TABLE = "bench.t"


def is_mounted(path):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == path for line in f)


class Run:
    def __init__(self, build, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="bough-crash-")
        self.fresh = f"{self.folder}/fresh"
        self.boughfs = os.path.join(build, "boughfs")
        self.mnt = f"{self.folder}/mnt"
        os.mkdir(self.mnt)
        subprocess.run([os.path.join(build, "tests/support/mkstore"), self.fresh, str(BLOCKS),
                        f"--segment-blocks={SEGMENT_BLOCKS}"], check=True,
                       stdout=subprocess.DEVNULL)
        self.store = cli.Store(build, self.folder)
        self.begin()
        self.in_stage = self.in_between = self.finished = 0
        self.bad = []

    def begin(self):
        shutil.rmtree(self.store.path)
        shutil.copytree(self.fresh, self.store.path)

    def mount(self):
        p = subprocess.Popen([self.boughfs, "-f", self.store.path, self.mnt],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not is_mounted(self.mnt):
            if p.poll() is not None or time.monotonic() > end:
                print("cannot mount here")
                sys.exit(77)
            time.sleep(0.001)
        return p

    def kill(self, p):
        p.kill()
        p.wait()
        subprocess.run(["umount", self.mnt], check=True)

    def shown(self):
        return json.loads(self.store.must("show", "--json", TABLE))

    def counted(self):
        return json.loads(self.store.must("fsck", "--json"))

    def names(self, folder):
        return sorted(os.listdir(f"{self.mnt}/bench/t/{folder}"))

    def judge(self, what):
        found, shown = self.store.fsck(), self.shown()
        if found:
            self.bad.append(f"{what}: fsck: {found}")
        if shown["blocks"] != BLOCKS:
            self.bad.append(f"{what}: {shown['blocks']} blocks")
        log = self.store.log(TABLE)
        if [r["message"] for r in log if r["operation"] == "append"] != [""]:
            self.bad.append(f"{what}: the first commit is gone: {log}")
        bad = [r for r in log if r["operation"] != "append" and
               (r["message"], r["rows_added"]) != ("fold segments", 0)]
        if bad:
            self.bad.append(f"{what}: commits that nobody made: {bad}")
        return shown["segments"]

    def round(self, number):
        p = self.mount()
        time.sleep(self.rng.uniform(0, 0.4))
        self.kill(p)
        segments = self.judge(f"kill {number}")
        if segments <= FOLDED:
            self.finished += 1
            self.begin()
        elif segments < BLOCKS // SEGMENT_BLOCKS:
            self.in_between += 1

    def finish(self):
        """Nothing kills it any more. What dead ones staged is counted but not shown."""
        p = self.mount()
        names, end = self.names("data"), time.monotonic() + FOLD_S_MAX
        while self.shown()["segments"] > FOLDED and time.monotonic() < end:
            time.sleep(0.05)
        if self.judge("the end") > FOLDED:
            self.bad.append("it is not folded")
        if self.names("data") != names or len(names) != BLOCKS:
            self.bad.append("data/ lists other names")
        self.in_stage = self.counted()["segments"] - len(self.names("_sg"))
        subprocess.run(["umount", self.mnt], check=True)
        p.wait()
        self.judge("unmounted")

    def run(self, rounds):
        done = 0
        while done < rounds and not self.bad:
            self.round(done)
            done += 1
        self.finish()
        print(f"seed {self.seed}: {done} kills, {self.in_between} between two folds, "
              f"{self.finished} after the last; at the end {self.in_stage} segments of dead "
              "processes wait for a sweep")
        return cli.verdict(self.bad, self.folder)


def main():
    seed, rounds = cli.settings(ROUNDS, 200)
    sys.exit(Run(sys.argv[1], seed).run(rounds))


main()
