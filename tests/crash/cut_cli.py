#!/usr/bin/env python3
"""One import, one branch, one drop, one undrop, one repair, killed before and after each of their
durable calls in turn: afterwards the command has happened or not, fsck is clean, and the command
works when repeated.
usage: cut_cli.py BUILD"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import cli


class Cutter:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="bough-cut-")
        self.build = build
        self.library = os.path.join(build, "tests/crash/libboughcut.so")
        self.store = cli.Store(build, self.folder)
        self.cuts, self.bad, self.op = 0, [], 0
        self.expected, self.acknowledged = {}, []

    def run(self, args, at, after):
        """Returns the status; -9: it was cut."""
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_CUT_AT=str(at))
        if after:
            env["BOUGH_CUT_AFTER"] = "1"
        r = subprocess.run(self.store.argv(*args), env=env, capture_output=True, text=True)
        if r.returncode not in (0, -9):
            self.bad.append(f"{args}: status {r.returncode}: {r.stderr}")
        self.cuts += r.returncode == -9
        return r.returncode

    def check(self, what):
        found = self.store.fsck()
        if found:
            self.bad.append(f"{what}: fsck: {found}")

    def imports(self, at, after):
        self.op += 1
        paths = cli.make_files(f"{self.folder}/op", self.op, [5, 7])
        self.expected[self.op] = 12
        status = self.run(["import", "-m", f"op-{self.op}", "cut.t", *paths], at, after)
        shutil.rmtree(f"{self.folder}/op")
        if status == 0:
            self.acknowledged.append(self.op)
        self.check(f"import, call {at}")
        return status

    def branch(self, verb, at, after):
        name = f"cut.t/dev{self.op}"
        there = f"dev{self.op}" in self.store.branches("cut.t")
        if verb == "undrop" and there:
            self.store.must("branch", "drop", name)
        elif verb != "undrop" and there != (verb == "drop"):
            self.store.must("branch", "drop" if there else "create", name)
        status = self.run(["branch", verb, name], at, after)
        now = f"dev{self.op}" in self.store.branches("cut.t")
        if status == 0 and now != (verb != "drop"):
            self.bad.append(f"branch {verb}: acknowledged and not done")
        self.check(f"branch {verb}, call {at}")
        return status

    def repair(self, at, after):
        """What fsck finds afterwards is as before, or nothing."""
        folder = f"{self.folder}/broken"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([os.path.join(self.build, "tests/gc/fsck_break"), folder,
                        "count of a segment", "nlink", "name missing"], check=True)
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_CUT_AT=str(at))
        if after:
            env["BOUGH_CUT_AFTER"] = "1"
        argv = [self.store.argv()[0], "-s", folder, "fsck"]
        r = subprocess.run([*argv, "--repair"], env=env, capture_output=True, text=True)
        left = json.loads(subprocess.run([*argv, "--json"], capture_output=True).stdout)
        if left["errors"] not in ([0] if r.returncode == 0 else [0, 3]):
            self.bad.append(f"repair, call {at}: {left['findings']} {r.stdout} {r.stderr}")
        self.cuts += "the check was killed" in r.stderr
        return r.returncode

    def each_call(self, fn, *args):
        for after in (False, True):
            at = 1
            while not self.bad and fn(*args, at, after) != 0:
                at += 1
            print(f"{fn.__name__} {' '.join(args)}: {at - 1} cuts "
                  f"{'after' if after else 'before'} a call", flush=True)


def main():
    c = Cutter(sys.argv[1])
    c.op = 1
    c.expected[1] = 12
    c.store.must("import", "-m", "op-1", "cut.t", *cli.make_files(f"{c.folder}/op", 1, [5, 7]))
    c.acknowledged.append(1)
    c.each_call(c.branch, "create")
    c.each_call(c.branch, "drop")
    c.each_call(c.branch, "undrop")
    c.each_call(c.imports)
    c.each_call(c.repair)
    c.bad += cli.judge_log(c.store.log("cut.t"), c.expected, c.acknowledged)
    print(f"{c.cuts} cuts")
    if c.cuts < 30:
        c.bad.append("too few calls were cut: is the library loaded?")
    for b in c.bad:
        print(b)
    if not c.bad:
        shutil.rmtree(c.folder)
    sys.exit(1 if c.bad else 0)


main()
