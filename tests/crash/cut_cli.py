#!/usr/bin/env python3
"""One import, branch, drop, undrop, reset, repair, killed before and after each of their durable
calls in turn: afterwards the command has happened or not, fsck is clean, and the command works when
repeated.
usage: cut_cli.py BUILD"""
import json
import os
import shutil
import subprocess
import sys
import cli


class Cutter:
    def __init__(self, build):
        self.folder = cli.folder("bough-cut-")
        self.build = build
        self.library = os.path.join(build, "tests/crash/libboughcut.so")
        self.env = {}
        self.store = self.make_store(build)
        self.cuts, self.bad, self.op = 0, [], 0
        self.expected, self.acknowledged = {}, []

    def make_store(self, build):
        return cli.Store(build, self.folder)

    def run(self, args, at, after):
        """Returns the status; -9: it was cut."""
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_CUT_AT=str(at), **self.env)
        if after:
            env["BOUGH_CUT_AFTER"] = "1"
        r = subprocess.run(self.store.argv(*args), env=env, capture_output=True, text=True)
        if r.returncode not in (0, -9):
            self.bad.append(f"{args}: status {r.returncode}: {r.stderr}")
        if r.returncode == -9:
            self.was_cut()
        return r.returncode

    def was_cut(self):
        self.cuts += 1

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

    def head(self):
        return json.loads(self.store.must("branch", "show", "--json", "cut.t/moved"))["head"]

    def reset(self, at, after):
        """A branch goes to and fro between two snapshots."""
        old = self.head()
        new = next(s for s in self.ends if s != old)
        status = self.run(["branch", "reset", "cut.t/moved", new], at, after)
        if self.head() not in ([new] if status == 0 else [old, new]):
            self.bad.append(f"reset, call {at}: the head is neither")
        self.check(f"reset, call {at}")
        return status

    def each_call(self, fn, *args, step=lambda: 1):
        for after in (False, True):
            at, before = step(), self.cuts
            while not self.bad and fn(*args, at, after) != 0:
                at += step()
            print(f"{fn.__name__} {' '.join(args)}: {self.cuts - before} cuts "
                  f"{'after' if after else 'before'} a call", flush=True)

    def prepare(self):
        for self.op in (1, 2):
            self.expected[self.op] = 12
            self.store.must("import", "-m", f"op-{self.op}", "cut.t",
                            *cli.make_files(f"{self.folder}/op", self.op, [5, 7]))
            self.acknowledged.append(self.op)
        self.store.must("branch", "create", "cut.t/moved")
        self.ends = [row["snapshot"] for row in self.store.log("cut.t")]

    def judge(self, least):
        self.bad += cli.judge_log(self.store.log("cut.t"), self.expected, self.acknowledged)
        print(f"{self.cuts} cuts")
        if self.cuts < least:
            self.bad.append("too few calls were cut: is the library loaded?")


def main():
    c = Cutter(sys.argv[1])
    c.prepare()
    c.each_call(c.branch, "create")
    c.each_call(c.branch, "drop")
    c.each_call(c.branch, "undrop")
    c.each_call(c.reset)
    c.each_call(c.imports)
    c.each_call(c.repair)
    c.judge(30)
    sys.exit(cli.verdict(c.bad, c.folder))


if __name__ == "__main__":
    main()
