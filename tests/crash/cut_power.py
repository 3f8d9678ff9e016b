#!/usr/bin/env python3
"""A power cut before and after the durable calls of a commit, a branch, a drop and a reset, each in
turn, on ext4 or xfs: the file system is shut down at that call. Afterwards the command has
happened or not, everything before it is there, and fsck is clean.
usage: cut_power.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: "full" cuts at every call)"""
import random
import sys
import cli
import cut_cli
import disk

STEP = 14  # on average, from one call that is cut to the next


class OnDisk:
    """A Cutter, the next base of a class, with its store on a disk that goes off at the cut."""

    def __init__(self, build, kind):
        self.kind = kind
        super().__init__(build)

    def make_store(self, build):
        self.disk = disk.Disk(self.kind, self.folder)
        self.env = {"BOUGH_CUT_DISK": self.disk.path}
        return cli.Store(build, self.disk.path)

    def was_cut(self):
        super().was_cut()
        self.disk.again()


class Cutter(OnDisk, cut_cli.Cutter):
    pass


def main():
    seed, percent = cli.settings(100, 100 * STEP)
    step = max(1, 100 * STEP // percent)
    rng, bad = random.Random(seed), 0
    kinds = ("ext4", "xfs") if step == 1 else (rng.choice(("ext4", "xfs")),)
    for kind in kinds:
        c = Cutter(sys.argv[1], kind)
        try:
            c.prepare()
            print(f"{kind}:")
            for fn, *args in ((c.branch, "create"), (c.branch, "drop"), (c.reset,), (c.imports,)):
                c.each_call(fn, *args, step=lambda: rng.randint(1, 2 * step - 1))
            found = c.store.fsck("--full")
            if found:
                c.bad.append(f"fsck --full: {found}")
            c.judge(15)
        finally:
            c.disk.remove()
        bad |= cli.verdict(c.bad, c.folder)
    sys.exit(bad)


if __name__ == "__main__":
    main()
