#!/usr/bin/env python3
"""Several `bough import` and `bough branch` at once on several tables, killed at random moments:
nothing acknowledged is lost, nothing is torn, and fsck is clean after each kill.
usage: kill_cli.py BUILD   (BOUGH_TEST_SEED, BOUGH_TEST_SCALE: a factor, or "full")"""
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import cli

WORKERS = 4
TABLES = ("crash.a", "crash.b")
KILLS, KILLS_FULL = 100, 300
TIME_LIMIT_S = 240
LARGE_FILES = 300  # more than fit into one commit: staged in slices


class Run:
    def __init__(self, build, seed, kills):
        self.seed, self.kills_wanted = seed, kills
        self.folder = tempfile.mkdtemp(prefix="bough-crash-")
        self.store = cli.Store(build, self.folder)
        self.lock = threading.Lock()
        self.journal = open(os.path.join(self.folder, "journal"), "a")
        self.ops = self.attempts = self.hits = self.checks = self.refused = 0
        self.commits = self.acknowledged_commits = 0
        self.expected = {t: {} for t in TABLES}      # op -> rows
        self.on = {}                                  # op -> ref it was imported into
        self.acknowledged = set()
        self.branches = {t: {} for t in TABLES}      # name -> "there", "gone", "unknown"
        self.durations = {}
        self.bad = []
        self.large = cli.make_files(f"{self.folder}/large", 0, [1] * LARGE_FILES)

    def stop(self):
        return self.hits >= self.kills_wanted or self.bad

    def note(self, text):
        """Outside the store, and durable before anything else happens."""
        self.journal.write(text + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def command(self, rng, kind, *args):
        """Returns "done", "killed" or "refused"."""
        delay = None
        times = self.durations.setdefault(kind, [])
        if len(times) >= 2 and rng.random() < 0.7:
            delay = rng.uniform(0, 1.1 * statistics.median(times[-50:]))
        start = time.monotonic()
        p = subprocess.Popen(self.store.argv(*args), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        if delay is not None:
            try:
                p.wait(delay)
            except subprocess.TimeoutExpired:
                p.kill()
            with self.lock:
                self.attempts += 1
        error = p.communicate()[1]
        if p.returncode == 0:
            if delay is None:
                times.append(time.monotonic() - start)
            return "done"
        if p.returncode == -9:
            with self.lock:
                self.hits += 1
            return "killed"
        with self.lock:
            self.refused += 1
        if "exists" not in error and "unknown" not in error and "dropped" not in error:
            self.bad.append(f"{' '.join(args[:3])}: status {p.returncode}: {error}")
        return "refused"

    def imports(self, rng, table, ref, large=None):
        with self.lock:
            self.ops += 1
            op = self.ops
        large = rng.random() < 0.06 if large is None else large
        sizes = [1] * LARGE_FILES if large else \
            [rng.randrange(1, 400) for _ in range(rng.randrange(1, 6))]
        folder = f"{self.folder}/op-{op}"
        paths = [f"{self.folder}/large"] if large else cli.make_files(folder, op, sizes)
        target = table if ref == "main" else f"{table}/{ref}"
        with self.lock:
            self.expected[table][op] = sum(sizes)
            self.on[op] = (table, ref)
        outcome = self.command(rng, "large" if large else "import", "import", "-m", f"op-{op}",
                               target, *paths)
        if outcome == "done":
            self.note(f"import {op} {target}")
            with self.lock:
                self.acknowledged.add(op)
        shutil.rmtree(folder, True)
        return outcome

    def creates(self, rng, table, name):
        outcome = self.command(rng, "create", "branch", "create", f"{table}/{name}")
        if outcome == "done":
            self.note(f"create {table}/{name}")
        with self.lock:
            self.branches[table][name] = {"done": "there"}.get(outcome, "unknown")
        return outcome

    def drops(self, rng, table, name):
        outcome = self.command(rng, "drop", "branch", "drop", f"{table}/{name}")
        if outcome == "done":
            self.note(f"drop {table}/{name}")
        with self.lock:
            self.branches[table][name] = {"done": "gone"}.get(outcome, "unknown")
        return outcome

    def check(self):
        found = self.store.fsck()
        with self.lock:
            self.checks += 1
            if found:
                self.bad.append(f"fsck: {found}")

    def worker(self, number):
        rng = random.Random(f"{self.seed}-{number}")
        serial = 0
        while not self.stop() and time.monotonic() < self.deadline:
            table, step = rng.choice(TABLES), rng.random()
            own = [n for n, s in self.branches[table].items()
                   if s == "there" and n.startswith(f"w{number}-")]
            if step < 0.45 or not own and step > 0.75:
                outcome = self.imports(rng, table, "main")
            elif step < 0.60 and own:
                outcome = self.imports(rng, table, rng.choice(own))
            elif step < 0.82 or not own:
                serial += 1
                outcome = self.creates(rng, table, f"w{number}-{serial}")
            else:
                outcome = self.drops(rng, table, rng.choice(own))
            if outcome == "killed":
                self.check()

    def judge_table(self, table):
        there = self.store.branches(table)
        for name, state in self.branches[table].items():
            if state == "there" and name not in there or state == "gone" and name in there:
                self.bad.append(f"{table}/{name} should be {state}")
        for ref in ["main", *there]:
            target = table if ref == "main" else f"{table}/{ref}"
            must = [op for op in self.acknowledged if self.on[op] == (table, ref)]
            rows = self.store.log(target)
            self.commits += len(rows) if ref == "main" else 0
            self.bad += [f"{target}: {b}" for b in
                         cli.judge_log(rows, self.expected[table], must)]

    def run(self):
        self.deadline = time.monotonic() + TIME_LIMIT_S
        for t in TABLES:
            self.imports(random.Random(0), t, "main", large=True)
        threads = [threading.Thread(target=self.worker, args=(i,)) for i in range(WORKERS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for t in TABLES:
            self.judge_table(t)
        found = self.store.fsck("--full")
        if found:
            self.bad.append(f"fsck --full: {found}")
        print(f"seed {self.seed}: {self.ops} imports, {len(self.acknowledged)} acknowledged, "
              f"{self.commits} commits on main, {sum(map(len, self.branches.values()))} branches; "
              f"{self.attempts} kills tried, {self.hits} hit a running process; "
              f"{self.checks} checks, {self.refused} refused")
        if self.hits < self.kills_wanted:
            self.bad.append(f"only {self.hits} of {self.kills_wanted} kills hit")
        return cli.verdict(self.bad, self.folder)


def main():
    seed, kills = cli.settings(KILLS, KILLS_FULL)
    sys.exit(Run(sys.argv[1], seed, kills).run())


main()
