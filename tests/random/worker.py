"""A worker: its part of the model, the store through two mounts and the CLI, what it did."""
import collections
import errno
import os
import random
import re
import subprocess
import time

import model
import parquet  # of tests/support

# What the CLI says for each error that the mount has a number for.
SAYS = {
    errno.EEXIST: "exists already",
    errno.ENOENT: "unknown|has no |is gone|was dropped|no entry|cannot find",
    errno.EINVAL: "cannot name|is a (branch|tag), not|was a (branch|tag)|is not a Parquet|"
                  "is not in the table",
    errno.EPERM: "protected|cannot drop main|cannot rename main|main never expires",
    errno.EROFS: "is a tag: it never changes|read-only",
    errno.ESTALE: "expired",
    errno.ENODATA: "no data yet",
    errno.ENOTEMPTY: "is not empty",
}
LATE_S_MAX = 5


class Difference(Exception):
    pass


def name_of(number):
    return errno.errorcode.get(number, number) if number else "0"


def same(got, want, what):
    if got != want:
        raise Difference(f"{what}: {got!r}, not {want!r}")


def same_set(got, want, what):
    got, want = list(got), set(want)
    if len(got) != len(set(got)) or set(got) != want:
        more, less = sorted(set(got) - want, key=str), sorted(want - set(got), key=str)
        raise Difference(f"{what}: {len(got)} entries; not expected {more}, missing {less}")


class Worker:
    """@number 0 owns main of the shared table; the others their own databases and branches."""

    def __init__(self, number, seed, bough, store, mounts, folder):
        self.number, self.seed, self.bough, self.store = number, seed, bough, store
        self.mounts = mounts
        self.folder = os.path.join(folder, f"in{number}")
        os.makedirs(self.folder, exist_ok=True)
        self.world = model.World(number)
        self.prefix = f"w{number}"
        self.snaps, self.blocks = {}, {}  # all that were ever seen: by name, by inode
        self.strangers = {}  # references of other workers to my snapshots
        self.last_removed = None  # (ref, mount): rm of several goes on there
        self.squashes = [0, 0]  # of removals that belong to a run: a step of their own; none
        self.listed = {}  # {folder: names} at the last look
        self.late = 0  # looks at a name that was still there
        self.markers = self.op = self.round = self.compared = 0
        self.done = collections.Counter()
        self.refused = collections.Counter()
        self.kind = None
        self.outcome, self.acted = 0, False  # of this operation: first error; was there anything?
        self.clock = (0, 0, 0, 0)  # of the last call: monotonic before, after; Unix before, after
        self.journal = open(os.path.join(folder, f"worker{number}.log"), "w")
        self.rng = None

    def begin(self):
        self.op += 1
        self.outcome, self.acted = 0, False
        self.rng = random.Random(f"{self.seed}/{self.number}/{self.op}")

    def say(self, text):
        self.journal.write(f"{time.monotonic():.6f} {self.op} {self.kind}: {text}\n")
        self.journal.flush()

    # Doing

    def call(self, want, function, *args, **kw):
        """A system call that must succeed, or fail with @want."""
        words = " ".join(str(a) for a in args)
        self.say(f"{function.__name__} {words} -> {name_of(want)}")
        got, result = 0, None
        began = time.monotonic(), time.time()
        try:
            result = function(*args, **kw)
        except OSError as e:
            got = e.errno
        self.took(began)
        if got != want:
            raise Difference(f"{function.__name__} {words}: {name_of(got)}, not {name_of(want)}")
        self.outcome = self.outcome or want
        return result

    def took(self, began):
        self.clock = began[0], time.monotonic(), began[1], time.time()
        self.acted = True

    def cli(self, want, *args):
        self.say(f"bough {' '.join(args)} -> {name_of(want)}")
        began = time.monotonic(), time.time()
        r = subprocess.run([self.bough, "-s", self.store, *args], capture_output=True, text=True)
        self.took(began)
        said = r.stderr.strip()
        if r.returncode != (1 if want else 0) or (want and not re.search(SAYS[want], said)):
            raise Difference(f"bough {' '.join(args)}: status {r.returncode}, "
                             f"'{said}', not {name_of(want)}")
        self.outcome = self.outcome or want
        return r.stdout

    # Names

    def pick_mount(self):
        return self.rng.randrange(2)

    def path(self, m, table, *more):
        return "/".join([self.mounts[m], model.path_name(table.db.name),
                         model.path_name(table.name), *more])

    def ref_path(self, m, ref, *more):
        own = () if ref.kind == "main" else ("_refs", ref.name)
        return self.path(m, ref.table, *own, *more)

    def links_path(self, m, ref):
        return self.ref_path(m, ref, *(["_ss"] if ref.kind == "main" else []))

    def target(self, table, ref=None):
        """As the CLI names it."""
        plain = re.fullmatch(r"[^/@\"]+", table.name)
        quoted = table.name if plain else f'"{table.name}"'
        return f"{table.db.name}.{quoted}" + (f"/{ref}" if ref else "")

    def ref_names(self, table):
        names = ["a1", "b.2", "c_3", "D-4", "e5", "f6"]
        return [f"{self.prefix}.{n}" for n in names] if table.is_shared else names

    def owns(self, ref):
        return ref.kind != "main" or not ref.table.is_shared or not self.number

    def refs(self, table=None, kinds=("main", "branch", "tag")):
        """Those that may be touched now."""
        return [r for t in ([table] if table else self.world.tables()) for r in t.all_refs()
                if r.kind in kinds and r.limbo is None and self.owns(r)]

    def live_snaps(self, table):
        found = {}
        for ref in table.all_refs():
            if ref.limbo is None:
                found.update({s.name: s for s in ref.links})
        return list(found.values())

    # Files

    def new_bytes(self):
        """A file whose rows carry a marker that no other file has."""
        self.markers += 1
        marker = self.number * 10 ** 9 + self.markers
        rows = 1 + marker % 3
        return marker, rows, self.bytes_of(marker, rows)

    @staticmethod
    def bytes_of(marker, rows):
        return parquet.encode({"marker": [marker] * rows, "row": list(range(rows))})

    def wrong_bytes(self, ref):
        """Of a file that does not fit: no Parquet, or a column that the table has not."""
        if ref.schema and self.rng.random() < 0.5:
            return parquet.encode({"marker": [1], "colour": [2]})
        return b"no Parquet at all" * 9

    def learn_blocks(self, m, ref, expected):
        """
        Which inodes the new files in data/ of @ref have. @expected: {marker: (rows, size)}.
        Returns {marker: block}.
        """
        known = {b.ino for b, _ in ref.blocks()}
        found = {}
        folder = self.ref_path(m, ref, "data")
        for e in os.scandir(folder):
            if e.inode() in known:
                continue
            with open(e.path, "rb") as f:
                data = f.read()
            marker = next((k for k, (rows, _) in expected.items()
                           if data == self.bytes_of(k, rows)), None)
            if marker is None or marker in found:
                raise Difference(f"{e.path}: rows that nobody put there")
            rows, size = expected[marker]
            found[marker] = model.Block(marker, rows, size, e.inode())
            self.blocks[e.inode()] = found[marker]
        same_set(found, expected, f"new files in {folder}")
        return found

    def learn_own_names(self, m, table, blocks):
        """Of blocks that share a name with another."""
        given = collections.Counter(g for _, g in blocks)
        want = {b.ino: b for b, g in blocks if given[g] > 1 and not b.own}
        if want:
            for e in os.scandir(self.path(m, table, "_b")):
                if e.inode() in want:
                    want[e.inode()].own = e.name

    def new_head(self, m, ref):
        """The head that a commit made: one that nobody has seen before."""
        name = os.readlink(self.ref_path(m, ref, "HEAD")).rpartition("/")[2]
        if name in self.snaps:
            raise Difference(f"{self.ref_path(m, ref)}: HEAD is {name} as before")
        return name

    def commit(self, m, ref, blocks, operation, message=None):
        """What a commit on @ref made is read back and put into the model."""
        name = self.new_head(m, ref)
        self.learn_own_names(m, ref.table, blocks)
        snap = self.world.do_commit(ref, name, blocks, operation, message)
        self.snaps[name] = snap
        return snap

    def retained(self, ref, value):
        """Of a short retention nobody looks at the ref until it is surely over."""
        seconds = {"1s": 1, "1h": 3600, "7d": 7 * 86400}.get(value)
        ref.expire = seconds and (self.clock[2] + seconds, self.clock[3] + seconds)
        ref.limbo = self.round if value == "1s" else None

    def end_limbo(self):
        """Between rounds: what was to expire two rounds ago has expired."""
        held = [r for t in self.all_tables() for r in t.all_refs()]
        held += [e.ref for e in self.world.trash if e.kind == "ref"]
        for ref in held:
            if ref.limbo is not None and self.round - ref.limbo >= 2:
                time.sleep(max(0, ref.expire[1] - time.time() + 0.001))
                ref.limbo, ref.expired = None, True

    def all_tables(self):
        return self.world.tables() + [e.table for e in self.world.trash if e.kind == "table"]

    # The trash

    def is_mine(self, shown):
        """Of the trash, by db.table~ref~id or db.table/ref."""
        return shown.startswith(self.prefix) or re.match(rf"shared\.t[~/]{self.prefix}\.", shown)

    def shown_trash(self, e):
        db = e.table.db
        db_name = db.name if self.world.dbs.get(db.name) is db or e.table.is_shared else e.db_name
        table = e.name if e.kind == "table" else e.table.name
        name = f"{model.path_name(db_name)}.{model.path_name(table)}"
        return f"{name}~{e.id}" if e.kind == "table" else f"{name}~{e.name}~{e.id}"

    def check_trash(self, m):
        """The listing of .bough/trash, of which new numbers are learned."""
        self.compared += 1
        folder = f"{self.mounts[m]}/.bough/trash"
        names = {int(n.rpartition("~")[2]): n for n in os.listdir(folder) if self.is_mine(n)}
        entries = [e for e in self.world.seen_trash() if e.kind != "snapshot"]
        self.learn_ids(names, entries)
        same_set(names.values(), map(self.shown_trash, entries), folder)

    @staticmethod
    def learn_ids(ids, entries):
        """Numbers of entries rise with time."""
        known = {e.id for e in entries}
        fresh = sorted(i for i in ids if i not in known)
        for e, i in zip([e for e in entries if e.id is None], fresh):
            e.id = i

    def trash_name(self, m, entry):
        self.check_trash(m)
        return self.shown_trash(entry)

    # Looking

    def check_names(self, folder, want, mine=None):
        """
        What a folder lists, of that what is @mine; and what it had at the last look and has no
        more is not found.
        """
        want = set(want)
        self.compared += 1
        same_set(filter(mine or bool, os.listdir(folder)), want, folder)
        for name in self.listed.get(folder, want) - want:
            if mine:
                self.wait_until_gone(f"{folder}/{name}")
            self.call_quietly(errno.ENOENT, os.lstat, f"{folder}/{name}")
        self.listed[folder] = want

    def wait_until_gone(self, path):
        """
        In a directory where others work too: a mount with an operation under way in it forgets a
        name only when that is answered (protocol: What one sees of another).
        """
        until = time.monotonic() + LATE_S_MAX
        while os.path.lexists(path) and time.monotonic() < until:
            self.late += 1
            time.sleep(0.001)

    def check_ref(self, m, ref):
        """Its directory, HEAD and the names in data/, through one mount."""
        folder = self.ref_path(m, ref)
        if ref.limbo is not None:
            os.lstat(folder)
            return
        if ref.expired:
            self.call_quietly(errno.ESTALE, os.listdir, folder)
            os.lstat(folder)
            return
        links = [s.name for s in ref.links]
        head = ["HEAD"] if ref.head else []
        if ref.kind == "main":
            self.check_names(f"{folder}/_ss", links)
            self.check_names(folder, ["_b", "_refs", "_sg", "_ss", "data", *head])
        else:
            self.check_names(folder, [*links, *head, "data"])
        if ref.head:
            want = ("_ss/" if ref.kind == "main" else "") + ref.head.name
            same(os.readlink(f"{folder}/HEAD"), want, f"{folder}/HEAD")
        self.check_names(f"{folder}/data", ref.shown())

    def call_quietly(self, want, function, *args):
        self.compared += 1
        try:
            function(*args)
            got = 0
        except OSError as e:
            got = e.errno
        same(name_of(got), name_of(want), f"{function.__name__} {' '.join(map(str, args))}")

    def check_refs(self, m, table):
        """Names in _refs: all of them, or in the shared table mine."""
        mine = (lambda n: n.startswith(self.prefix + ".")) if table.is_shared else None
        self.check_names(self.path(m, table, "_refs"), table.refs, mine)

    def check_tables(self, m, db):
        folder = f"{self.mounts[m]}/{model.path_name(db.name)}"
        self.check_names(folder, map(model.path_name, db.tables))

    def check_dbs(self, m):
        self.check_names(self.mounts[m], map(model.path_name, self.world.dbs),
                         lambda n: n.startswith(self.prefix))
