#!/usr/bin/env python3
"""Calls on files that fail, one in each run of a command, with EIO, ENOSPC, or by writing or
reading half: of an import, a branch, a drop, a reset and an export. Afterwards the command has
happened or not, what it acknowledged is there, fsck is clean, and after an fsync with EIO that file
is not synced again.
usage: fail_cli.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: "full" fails every call)"""
import collections
import errno
import os
import random
import subprocess
import sys
import cli
import cut_cli

STEP = 22  # on average, from one call that fails to the next
CODES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "half": 0}


class Failer(cut_cli.Cutter):
    def __init__(self, build):
        super().__init__(build)
        self.library = os.path.join(build, "tests/crash/libboughfail.so")
        self.told, self.code = f"{self.folder}/told", 0
        self.hits, self.refused = collections.Counter(), 0

    def run(self, args, at, after):
        """Returns the status, or -9 where a call failed: so that the next one is tried."""
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_FAIL_AT=str(at),
                   BOUGH_FAIL_CODE=str(self.code), BOUGH_FAIL_TOLD=self.told)
        r = subprocess.run(self.store.argv(*args), env=env, capture_output=True, text=True)
        if r.returncode not in (0, 1):
            self.bad.append(f"{args}, call {at}: status {r.returncode}: {r.stderr}")
        if not os.path.exists(self.told):
            return r.returncode
        with open(self.told) as f:
            name, *again = f.read().split()
        os.unlink(self.told)
        if again and self.code == errno.EIO:  # after ENOSPC another commit may be tried
            self.bad.append(f"{args}, call {at}: {name} failed and the file was synced again")
        self.hits[name] += 1
        self.refused += r.returncode == 1
        self.done = r.returncode == 0
        return -9

    def imports(self, at, after):
        status = super().imports(at, after)
        if status == -9 and self.done:
            self.acknowledged.append(self.op)
        return status

    def export(self, at, after):
        """A sync with something to export; the next one, whole, leaves nothing to be said."""
        self.op += 1
        self.expected[self.op] = 12
        paths = cli.make_files(f"{self.folder}/op", self.op, [5, 7])
        self.store.must("import", "-m", f"op-{self.op}", "cut.t", *paths)
        self.acknowledged.append(self.op)
        self.store.must("branch", "create", f"cut.t/sync{self.op}")
        status = self.run(["sync"], at, after)
        self.store.must("sync")
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"sync, call {at}: {found}")
        return status

    def each(self, fn, *args, step):
        for name, self.code in CODES.items():
            at, before = step(), sum(self.hits.values())
            while not self.bad and fn(*args, at, False) == -9:
                at += step()
            print(f"{fn.__name__} {' '.join(args)}: {sum(self.hits.values()) - before} calls "
                  f"failed ({name})", flush=True)


def main():
    seed, step = cli.settings(STEP, 1)
    rng, f = random.Random(seed), Failer(sys.argv[1])
    f.prepare()
    for fn, *args in ((f.branch, "create"), (f.branch, "drop"), (f.reset,), (f.imports,),
                      (f.export,)):
        f.each(fn, *args, step=lambda: rng.randint(1, 2 * step - 1))
    found = f.store.fsck("--full")
    found = f.store.fsck("--full")
    if found:
        f.bad.append(f"fsck --full: {found}")
    f.cuts = sum(f.hits.values())
    f.judge(15)
    print(f"{sum(f.hits.values())} faults hit, {f.refused} commands refused; {dict(f.hits)}")
    sys.exit(cli.verdict(f.bad, f.folder))


main()
