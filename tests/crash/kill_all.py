#!/usr/bin/env python3
"""Everything at once, the mount's daemon and commands killed at random moments: several processes
make, move and drop branches and tags, move heads, and write files through a mount, others run
commands. After each kill: callers hear of it, the store is mounted again and holds what was
acknowledged, whole, and fsck is clean.
usage: kill_all.py BUILD [KIND=PROCESSES ...]
(BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import collections
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import cli
import writers

KILLS, KILLS_FULL = 6, 300
COMMITS_A_KILL = 101
ROUND_S = 0.5, 4  # most at least: a mount's first written files wait for its readers
PATIENCE_S = 20  # for so much to be done
HANG_S = 10
WRITERS = {"refs": (writers.Refs, 3), "heads": (writers.Heads, 1), "cmd": (writers.Commands, 2),
           "files": (writers.Files, 2)}


class Run:
    lost_codes = (errno.ENOTCONN, errno.ECONNABORTED)  # what a caller of a killed mount gets
    what = "kills of the daemon"

    def __init__(self, build, seed, kinds):
        self.seed, self.rng = seed, random.Random(seed)
        self.folder = cli.folder("bough-crash-")
        self.store = self.make_store(build)
        self.boughfs, self.mnt = os.path.join(build, "boughfs"), f"{self.folder}/mnt"
        os.mkdir(self.mnt)
        os.mkdir(f"{self.folder}/scratch")
        self.world = writers.World(self.store, self.mnt, f"{self.folder}/scratch")
        self.kinds, self.writers = kinds, []
        self.kills = self.cmd_kills = self.done = 0
        self.lost = collections.Counter()
        self.bad = []

    def make_store(self, build):
        return cli.Store(build, self.folder)

    def commits(self):
        return json.loads(self.store.must("stat", "--json"))["commit"]

    def prepare(self):
        self.daemon = cli.mount(self.boughfs, self.store.path, self.mnt, 77)
        if not writers.Files.works(self.world):
            self.kinds["files"] = 0
        for kind, n in self.kinds.items():
            self.writers += [WRITERS[kind][0](self.world, i) for i in range(n)]
        for w in self.writers:
            w.prepare()
        self.first_commit = self.commits()

    def acknowledged(self):
        """So far in this round."""
        return sum(w.acknowledged() for w in self.writers)

    def crash(self, children):
        """Waits until enough was done, and a bit; then kills."""
        start, wanted = time.monotonic(), self.rng.randrange(COMMITS_A_KILL * 2)
        soonest = start + self.rng.uniform(0, self.rng.choice(ROUND_S))
        while time.monotonic() < soonest or \
                self.acknowledged() < wanted and time.monotonic() < start + PATIENCE_S:
            time.sleep(0.005)
        time.sleep(self.rng.uniform(0, 0.01))
        self.crashed_at = time.monotonic()
        self.cut()
        for pid in children:
            os.kill(pid, signal.SIGTERM if children[pid].kind == "cmd" else 0)
        self.kills += 1

    def cut(self):
        self.daemon.kill()

    def wait(self, children):
        """A caller whose daemon is dead hears of it soon, whatever it waits for."""
        end = time.monotonic() + HANG_S
        for pid, w in children.items():
            got, status = os.waitpid(pid, os.WNOHANG)
            while not got and time.monotonic() < end:
                time.sleep(0.001)
                got, status = os.waitpid(pid, os.WNOHANG)
            if not got:
                self.bad.append(f"{w.me} hangs after the daemon's death: {cli.stacks(pid)}")
            elif status not in (0, signal.SIGTERM):
                self.bad.append(f"{w.me} failed")
        try:
            self.daemon.wait(HANG_S)
        except subprocess.TimeoutExpired:
            self.bad.append("the killed daemon does not end")
        if self.bad:
            subprocess.run(["umount", "-f", self.mnt], capture_output=True)

    def compare(self):
        seen = self.world.observe()
        for w in self.writers:
            before = w.done
            flying, lost = w.replay()
            self.done += w.done - before
            if lost:
                self.lost[errno.errorcode[lost[1]]] += 1
                if lost[1] not in self.lost_codes or lost[0] < self.crashed_at:
                    self.bad.append(f"{w.me}: {lost}")
            self.cmd_kills += w.kind == "cmd" and bool(flying)
            self.bad += w.judge(seen, flying)
        known = {k for w in self.writers for k in seen if w.mine(k)}
        for key in seen:
            if key not in known and key[0] == "file" and key[2] not in self.world.files:
                self.bad.append(f"{key}: nobody made it")

    def remount(self):
        self.bad += cli.judge_dead(self.mnt)
        subprocess.run(["umount", self.mnt], check=True)
        self.daemon = cli.mount(self.boughfs, self.store.path, self.mnt)

    def round(self, number):
        children = {}
        for w in self.writers:
            w.forget_journal()
            pid = os.fork()
            if not pid:
                w.child(self.seed, number)
            children[pid] = w
        self.crash(children)
        self.wait(children)
        if self.bad:
            return
        self.remount()
        self.compare()
        found = self.store.fsck()
        if found:
            self.bad.append(f"fsck: {found}")

    def judge_end(self):
        """Every import's commit is there once, with all its rows."""
        rows = self.store.log("crash.t")
        messages = collections.Counter(r["message"] for r in rows if r["operation"] == "append")
        self.bad += [f"{m} was committed {n} times" for m, n in messages.items()
                     if n > 1 and m.startswith("cmd")]
        files = [k for k in self.world.observe() if k[:2] == ("file", "main")]
        if rows[0]["rows"] != writers.ROWS * len(files):
            self.bad.append(f"{rows[0]['rows']} rows of main in {len(files)} files")
        commits = self.commits() - self.first_commit
        subprocess.run(["umount", self.mnt], check=True)
        self.daemon.wait()
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"fsck --full: {found}")
        return commits

    def clean(self):
        subprocess.run(["umount", "-q", self.mnt])

    def run(self, kills):
        try:
            self.prepare()
            while self.kills < kills and not self.bad:
                self.round(self.kills)
            commits = self.judge_end() if not self.bad else 0
        finally:
            self.daemon.kill()
            self.clean()
        by_kind = collections.Counter()
        for w in self.writers:
            by_kind[w.kind] += w.done
        flying = sum(w.in_flight for w in self.writers)
        print(f"seed {self.seed}: {self.kills} {self.what}, {self.cmd_kills} of commands; "
              f"{self.done} operations acknowledged ({dict(by_kind)}), {commits} commits, {flying} "
              f"in flight when killed; callers heard {dict(self.lost)}")
        if flying < self.kills // 2:
            self.bad.append("too few kills hit something")
        return cli.verdict(self.bad, self.folder)


def kinds_of(arguments):
    kinds = {k: n for k, (_, n) in WRITERS.items()}
    kinds.update((k, int(n)) for k, n in (a.split("=") for a in arguments))
    return kinds


def main():
    seed, kills = cli.settings(KILLS, KILLS_FULL)
    sys.exit(Run(sys.argv[1], seed, kinds_of(sys.argv[2:])).run(kills))


if __name__ == "__main__":
    main()
