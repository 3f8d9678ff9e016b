#!/usr/bin/env python3
"""After `bough sync` the objects alone say what the live store says of every ref, whatever was done
and whoever was killed while it exported; before it they give an older state, whole.
usage: export.py BUILD"""
import concurrent.futures
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import cli
import objects


def us(text):
    if not text:
        return 0
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int((t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) /
               datetime.timedelta(microseconds=1))


class Live(cli.Store):
    """The same as objects.Objects.state(), as the commands print it."""

    shown = {}

    def ask(self, *args):
        return json.loads(self.must(*args, "--json"))

    def show(self, name):
        """A snapshot or segment, which never changes."""
        if name not in self.shown:
            self.shown[name] = self.ask("show", name)
        return self.shown[name]

    def blocks(self, head):
        out = []
        for key, _ in head["segments"]:
            for b in self.show(os.path.basename(key))["blocks"]:
                metas = {int(k): v for k, v in b["col_metas"].items()}
                out.append((b["location"][0], b["row_count"], b["bough_name"], metas))
        return out

    def ref(self, show, ref):
        one = {k: show[k] for k in ("id", "type", "head", "base", "rows", "protected")}
        one.update(blocks=[], schema=None, expires=us(show["expires"]), directory=sorted(
            s["snapshot"] for s in self.ask("log", "--all", ref)))
        if show["head"]:
            head = self.show(show["head"])
            one["schema"] = head["schema"]
            one["blocks"] = self.blocks(head)
        return one

    def state(self):
        out = {}
        for t in self.ask("table", "list"):
            out[t["name"] + "/main"] = self.ref(self.ask("show", t["name"]), t["name"])
        for kind in ("branch", "tag"):
            for r in self.ask(kind, "list"):
                out[r["name"]] = self.ref(self.ask(kind, "show", r["name"]), r["name"])
        return out


class Test:
    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="bough-export-")
        self.store = Live(build, self.folder)
        self.objects = objects.Objects(os.path.join(self.store.path, "objects"))
        self.library = os.path.join(build, "tests/crash/libboughcut.so")
        self.op, self.cuts = 0, 0

    def files(self, rows):
        self.op += 1
        return cli.make_files(f"{self.folder}/op{self.op}", self.op, rows)

    def same(self, what):
        """After a sync: the objects alone are the live store."""
        self.store.must("sync")
        live, alone = self.store.state(), self.objects.state()
        if live != alone:
            for name in sorted(set(live) | set(alone)):
                if live.get(name) != alone.get(name):
                    print(f"{what}: {name}:\n  live  {live.get(name)}\n  alone {alone.get(name)}")
            sys.exit(1)
        found = self.store.fsck("--full")
        if found:
            sys.exit(f"{what}: fsck: {found}")
        return live

    def history(self):
        must = self.store.must
        must("db", "create", "a")
        must("table", "create", "a.empty")
        must("import", "a.t", *self.files([3, 4]))
        must("branch", "create", "a.t/dev")
        must("import", "a.t/dev", *self.files([5]))
        must("tag", "create", "a.t/v1", "--from", "dev")
        must("import", "a.t", *self.files([1]))
        must("branch", "create", "a.empty/none")
        must("branch", "create", "a.t/old", "--at", self.store.log("a.t")[-1]["snapshot"])
        assert len(self.same("branches and tags")) == 6
        must("branch", "create", "a.t/gone", "--retain", "7d")
        must("branch", "protect", "a.t/dev")
        self.same("expiry and protection")
        must("branch", "drop", "a.t/gone")
        must("branch", "rename", "a.t/old", "older")
        self.same("drop and rename")
        must("branch", "create", "a.t/gone")
        must("branch", "drop", "a.t/older")
        self.same("a name used again")
        must("table", "rename", "a.t", "b")
        must("db", "create", "c")
        must("table", "rename", "a.b", "c.t")
        self.same("tables renamed")
        must("db", "rename", "c", "d")
        must("import", "d.t/gone", *self.files([2]))
        assert "d.t/v1" in self.same("a database renamed")
        must("import", "d.u", *self.files([2]))
        must("branch", "create", "d.u/x")
        must("table", "drop", "d.u")
        assert not [n for n in self.same("a table dropped") if n.startswith("d.u/")]
        must("table", "undrop", "d.u")
        must("branch", "unprotect", "d.t/dev")
        assert "d.u/x" in self.same("a table brought back")
        must("branch", "drop", "d.u/x")
        assert "d.u/x" not in self.same("a branch in the trash")
        must("branch", "undrop", "d.u/x")
        assert "d.u/x" in self.same("a branch brought back")
        must("branch", "drop", "d.u/x")
        must("table", "drop", "d.u")
        must("trash", "empty", "--all")
        self.same("the trash emptied")

    def mount(self):
        mnt = f"{self.folder}/mnt"
        os.makedirs(mnt, exist_ok=True)
        p = subprocess.Popen([self.store.bough + "fs", "-f", self.store.path, mnt],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(f"{mnt}/.bough/version"):
            if p.poll() is not None:
                return None, mnt
            time.sleep(0.01)
        return p, mnt

    def through_a_mount(self):
        """Files written, moved between branches (one transaction), linked, removed; each time the
        daemon that exports is killed."""
        if os.geteuid() or not os.path.exists("/dev/fuse"):
            print("not through a mount: that takes root and /dev/fuse")
            return
        self.store.must("table", "create", "d.m")
        steps = (
            lambda t: shutil.copy(self.files([3])[0], f"{t}/data/a.parquet"),
            lambda t: os.mkdir(f"{t}/_refs/x"),
            lambda t: shutil.copy(self.files([2])[0], f"{t}/_refs/x/data/b.parquet"),
            lambda t: os.rename(f"{t}/_refs/x/data/b.parquet", f"{t}/data/moved.parquet"),
            lambda t: os.link(f"{t}/data/moved.parquet", f"{t}/_refs/x/data/again.parquet"),
            lambda t: shutil.copy(self.files([9])[0], f"{t}/_refs/x/data/a.parquet"),
            lambda t: os.rename(f"{t}/data/a.parquet", f"{t}/data/moved.parquet"),
            lambda t: os.unlink(f"{t}/_refs/x/data/again.parquet"),
            lambda t: os.rename(f"{t}/_refs/x", f"{t}/_refs/y"),
            lambda t: os.rmdir(f"{t}/_refs/y"))
        for n, step in enumerate(steps):
            p, mnt = self.mount()
            if not p:
                print("not through a mount: it cannot be made here")
                return
            step(f"{mnt}/d/m")
            p.kill()
            p.wait()
            subprocess.run(["umount", mnt], check=True)
            state = self.same(f"through a mount, step {n}")
            if n == 3:
                assert state["d.m/main"]["rows"] == 5 and state["d.m/x"]["rows"] == 3, state

    def processes(self):
        """Imports and branches by four processes at once."""
        def work(i):
            ref = "d.t" if i % 2 else "d.t/dev"
            for k in range(4):
                self.store.must("import", ref, *files[i][k])
                self.store.must("branch", "create", f"d.t/p{i}-{k}")
                if k % 2:
                    self.store.must("branch", "drop", f"d.t/p{i}-{k}")
        files = [[self.files([1 + i, 2]) for _ in range(4)] for i in range(4)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert self.same("several processes")["d.t/main"]["rows"] > 8

    def cut(self, at, after, *args):
        env = dict(os.environ, LD_PRELOAD=self.library, BOUGH_CUT_AT=str(at))
        if after:
            env["BOUGH_CUT_AFTER"] = "1"
        r = subprocess.run(self.store.argv(*args), env=env, capture_output=True, text=True)
        if r.returncode not in (0, -9):
            sys.exit(f"{args}: status {r.returncode}: {r.stderr}")
        self.cuts += r.returncode == -9
        return r.returncode

    def each_cut(self, what, before, command):
        """Kills @command at each of its durable calls. The objects alone hold one state or the
        other, then the next sync holds what is live."""
        for after in (False, True):
            at, status = 1, -9
            while status:
                old = self.same(f"{what}, before") if before() or at == 1 else new
                status = self.cut(at, after, *command())
                alone = self.objects.state()
                new = self.same(f"{what}, killed at call {at}")
                if alone not in (old, new):
                    sys.exit(f"{what}, call {at}: the objects hold neither state: {alone}")
                at += 1
            print(f"{what}: {at - 2} cuts {'after' if after else 'before'} a call", flush=True)

    def renamed(self):
        """The table's name decides where the next rename leads."""
        names = [t["name"] for t in self.store.ask("table", "list")]
        return ("k.t", "k.u") if "k.t" in names else ("k.u", "k.t")

    def kills(self):
        must = self.store.must
        must("import", "k.t", *self.files([2]))
        must("branch", "create", "k.t/x")
        must("tag", "create", "k.t/y")
        self.each_cut("import", lambda: None,
                      lambda: ["import", self.renamed()[0], *self.files([2])])
        self.each_cut("rename of a table", lambda: None,
                      lambda: ["table", "rename", *self.renamed()])

        def with_branch():
            t = self.renamed()[0]
            missing = f"{t}/z" not in [b["name"] for b in self.store.ask("branch", "list")]
            if missing:
                must("branch", "create", f"{t}/z")
            return missing
        self.each_cut("drop", with_branch, lambda: ["branch", "drop", self.renamed()[0] + "/z"])


def main():
    t = Test(sys.argv[1])
    t.history()
    t.processes()
    t.through_a_mount()
    shutil.rmtree(t.store.path)
    t.store.must("init", t.store.path, store=False)
    t.kills()
    print(f"{t.cuts} cuts")
    if t.cuts < 60:
        sys.exit("too few calls were cut: is the library loaded?")
    shutil.rmtree(t.folder)


main()
