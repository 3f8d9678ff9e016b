#!/usr/bin/env python3
"""Single bits flipped in everything that a store has on its disk: blocks, their footers, segments,
snapshots, pages of the metadata. Of objects fsck --full must name each one whose contents are not
the same; with a flipped page of the metadata fsck finds it or nothing has changed, and no command
ever shows anything else than what was stored.
usage: flips.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import collections
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import cli

FLIPS, FLIPS_FULL = 250, 1000  # of objects
PAGES = 10  # one of so many is a flip in the metadata as well
FOOTER = 160  # at least so many bytes are at the end of a block of this test
COMMANDS = [("log", "--json", "flip.t"), ("log", "--json", "--all", "flip.t/dev"),
            ("branch", "list", "--json"), ("tag", "list", "--json"), ("table", "list", "--json"),
            ("show", "--json", "flip.t/dev"), ("trash", "list", "--json")]


class Run:
    def __init__(self, build, seed):
        self.rng, self.folder = random.Random(seed), cli.folder("bough-flips-")
        self.store, self.bad = cli.Store(build, self.folder), []
        self.flips, self.found = collections.Counter(), collections.Counter()

    def prepare(self):
        must = self.store.must
        for op in range(8):
            must("import", "flip.t", *cli.make_files(f"{self.folder}/in", op, [3, 900, 40]))
            if op == 3:
                must("branch", "create", "flip.t/dev")
                must("tag", "create", "flip.t/v1")
            if op > 3:
                must("import", "flip.t/dev", *cli.make_files(f"{self.folder}/in", 10 + op, [5]))
            must("sync")
        must("branch", "create", "flip.t/gone")
        must("branch", "drop", "flip.t/gone")
        must("sync")
        found = self.store.fsck("--full")
        assert not found, found
        self.objects = {kind: sorted(glob.glob(f"{self.store.path}/objects/*/*/{kind}/*"))
                        for kind in ("_b", "_sg", "_ss")}
        self.data = f"{self.store.path}/meta/data.mdb"
        shutil.copyfile(self.data, f"{self.folder}/data")

    def place(self, kind, size):
        if kind == "block":
            return self.rng.randrange(size - FOOTER)
        return self.rng.randrange(size - FOOTER if kind == "footer" else 0, size)

    def flip(self, path, at, bit):
        with open(path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1 << bit]))

    def flip_objects(self):
        """One bit in each object, of different kinds; one fsck has to name all of them."""
        done = []
        for kind, folder in ("block", "_b"), ("segment", "_sg"), ("snapshot", "_ss"):
            for path in self.objects[folder]:
                what = self.rng.choice(("block", "footer")) if kind == "block" else kind
                done.append((what, path, self.place(what, os.path.getsize(path)),
                             self.rng.randrange(8)))
        for what, path, at, bit in done:
            os.chmod(path, 0o644)
            self.flip(path, at, bit)
        said = "\n".join(json.loads(self.store.run("fsck", "--full", "--json").stdout)["findings"])
        for what, path, at, bit in done:
            is_found = os.path.basename(path) in said
            now = None if is_found or what in ("block", "footer") else self.contents(path)
            self.flip(path, at, bit)
            self.flips[what] += 1
            self.found[what] += is_found
            if not is_found and (not now or now != self.contents(path)):
                self.bad.append(f"{path}: bit {bit} of byte {at} is not found")

    def contents(self, path):
        """Of a segment or snapshot: some bits of a compressed frame mean nothing."""
        return self.store.run("show", "--json", path).stdout

    def shown(self):
        """What each command prints; None: it fails."""
        out = []
        for args in COMMANDS:
            try:
                r = subprocess.run(self.store.argv(*args), capture_output=True, timeout=60)
                out.append(None if r.returncode else r.stdout)
            except subprocess.TimeoutExpired:
                self.bad.append(f"{args}: hangs")
        return out

    def flip_page(self):
        """A used byte, mostly: what is zero belongs to no record."""
        with open(f"{self.folder}/data", "rb") as f:
            body = f.read()
        at = self.rng.randrange(len(body))
        while not body[at] and self.rng.random() < 0.95:
            at = self.rng.randrange(len(body))
        bit = self.rng.randrange(8)
        shutil.copyfile(f"{self.folder}/data", self.data)
        self.flip(self.data, at, bit)
        try:
            status = subprocess.run(self.store.argv("fsck"), capture_output=True,
                                    timeout=60).returncode
        except subprocess.TimeoutExpired:
            return self.bad.append(f"data.mdb: bit {bit} of byte {at}: fsck hangs")
        self.flips["page"] += 1
        self.found["page"] += status != 0
        for args, got, right in zip(COMMANDS, self.shown(), self.right):
            if got != right and (got is not None or status == 0):
                self.bad.append(f"data.mdb: bit {bit} of byte {at}: fsck {status}, and {args} "
                                f"{'prints something else' if got is not None else 'fails'}")
            self.found["refused by a command"] += got is None
        return None

    def run(self, flips):
        self.prepare()
        self.right = self.shown()
        assert None not in self.right
        while sum(self.flips.values()) < flips and not self.bad:
            self.flip_objects()
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"flipped back: {found}")
        for _ in range(flips // PAGES):
            if not self.bad:
                self.flip_page()
        shutil.copyfile(f"{self.folder}/data", self.data)
        for what, n in self.flips.items():
            print(f"{what}: {n} flips, {self.found[what]} found by fsck, "
                  f"{n - self.found[what]} harmless")
        print(f"{self.found['refused by a command']} times a command refused; "
              f"{sum(self.flips.values())} flips, {len(self.bad)} wrong")
        if not self.found["page"]:
            self.bad.append("no flipped page was found")
        return cli.verdict(self.bad, self.folder)


def main():
    seed, flips = cli.settings(FLIPS, FLIPS_FULL)
    sys.exit(Run(sys.argv[1], seed).run(flips))


main()
