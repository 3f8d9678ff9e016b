#!/usr/bin/env python3
"""Every operation on every kind of node by root, by the owner and by another user: each answer is
that of errno_table.txt, whose rows are NODE, the answers of the three, and the operations.
usage: errno_table.py BUILD [--print]
--print: the table as it is now, to be read before it is believed"""
import errno
import fcntl
import itertools
import json
import mmap
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
import cli  # noqa: E402

OWNER, OTHER = 64001, 64002
USERS = (0, OWNER, OTHER)
TABLE = os.path.join(HERE, "errno_table.txt")


def opened(path, flags, then=None):
    fd = os.open(path, flags, 0o644)
    try:
        if then:
            then(fd)
    finally:
        os.close(fd)


def mapped(fd):
    mmap.mmap(fd, 1).close()


def may_write(path):
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "access", path)


# On the node itself.
OPERATIONS = {
    "stat": os.lstat,
    "list": os.listdir,
    "read": lambda p: opened(p, os.O_RDONLY | os.O_NOFOLLOW),
    "write": lambda p: opened(p, os.O_WRONLY | os.O_NOFOLLOW),
    "rdwr": lambda p: opened(p, os.O_RDWR | os.O_NOFOLLOW),
    "append": lambda p: opened(p, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW),
    "trunc_open": lambda p: opened(p, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW),
    "truncate": lambda p: os.truncate(p, 0),
    "mmap_write": lambda p: opened(p, os.O_RDWR | os.O_NOFOLLOW, mapped),
    "fsync": lambda p: opened(p, os.O_RDONLY | os.O_NOFOLLOW, os.fsync),
    "flock": lambda p: opened(p, os.O_RDONLY | os.O_NOFOLLOW,
                              lambda fd: fcntl.flock(fd, fcntl.LOCK_SH)),
    "readlink": os.readlink,
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "rename": lambda p: os.rename(p, p + "-new"),
    "link": lambda p: os.link(p, p + "-linked", follow_symlinks=False),
    "chmod": lambda p: os.chmod(p, 0o600),
    "chown": lambda p: os.chown(p, OWNER, OWNER, follow_symlinks=False),
    "utime": lambda p: os.utime(p, (1, 1), follow_symlinks=False),
    "statfs": os.statvfs,
    "access_w": may_write,
    "setxattr": lambda p: os.setxattr(p, "user.mine", b"1", follow_symlinks=False),
    "retain": lambda p: os.setxattr(p, "user.bough.retain", b"7d", follow_symlinks=False),
    "getxattr": lambda p: os.getxattr(p, "user.bough.id", follow_symlinks=False),
    "listxattr": lambda p: os.listxattr(p, follow_symlinks=False),
    "removexattr": lambda p: os.removexattr(p, "user.mine", follow_symlinks=False),
}

READING = ("stat", "list", "read", "readlink", "statfs", "access_w", "getxattr", "listxattr",
           "fsync", "flock")

# On a name that is not there, in the node.
INSIDE = {
    "lookup": os.lstat,
    "create": lambda p: opened(p, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "mkdir": os.mkdir,
    "symlink": lambda p: os.symlink("nowhere", p),
    "mkfifo": os.mkfifo,
    "mknod": lambda p: os.mknod(p, 0o600 | 0o020000, os.makedev(1, 3)),
    "rm_none": os.unlink,
    "rmdir_none": os.rmdir,
}


class User:
    """A process of that user, which does what it is asked to."""

    def __init__(self, user):
        asked, self.asks = os.pipe()
        self.tells, told = os.pipe()
        if os.fork():
            os.close(asked)
            os.close(told)
            self.answers = os.fdopen(self.tells)
            return
        os.close(self.asks)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        for line in os.fdopen(asked):
            op, path = json.loads(line)
            text = "0"
            try:
                {**OPERATIONS, **INSIDE}[op](path)
            except OSError as e:
                text = errno.errorcode[e.errno]
            os.write(told, text.encode() + b"\n")
        os._exit(0)

    def does(self, op, path):
        os.write(self.asks, json.dumps([op, path]).encode() + b"\n")
        return self.answers.readline().strip()


class Test:
    def __init__(self, build):
        self.folder = cli.folder("bough-errno-")
        os.chmod(self.folder, 0o755)
        self.store, self.mnt = cli.Store(build, self.folder), f"{self.folder}/mnt"
        os.mkdir(self.mnt)
        must = self.store.must
        must("import", "d.t", *cli.make_files(f"{self.folder}/in", 1, [3, 3]))
        must("branch", "create", "d.t/dev")
        must("import", "d.t/dev", *cli.make_files(f"{self.folder}/in", 2, [3]))
        must("tag", "create", "d.t/v1")
        must("branch", "create", "d.t/held")
        must("branch", "protect", "d.t/held")
        must("branch", "create", "d.t/old", "--retain", "1s")
        must("branch", "create", "d.t/gone")
        must("branch", "drop", "d.t/gone")
        must("db", "create", "e")
        must("table", "create", "e.empty")
        must("db", "create", "none")
        self.daemon = subprocess.Popen(
            [f"{build}/boughfs", "-f", "-o", f"allow_other,uid={OWNER},gid={OWNER}",
             self.store.path, self.mnt], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cli.wait_for_mount(self.daemon, self.mnt, 77)
        self.t = f"{self.mnt}/d/t"
        while os.path.exists(f"{self.t}/_refs/old/data"):
            time.sleep(0.05)  # until it has expired
        self.first, self.head = (s["snapshot"] for s in reversed(self.store.log("d.t/dev")))

    def nodes(self):
        t, one = self.t, "op-1-0.parquet"
        refs = f"{t}/_refs"
        ss, sg, b = (sorted(os.listdir(f"{t}/{f}"))[0] for f in ("_ss", "_sg", "_b"))
        older = next(n for n in os.listdir(f"{refs}/dev") if self.first in n)
        bough = f"{self.mnt}/.bough"
        return {
            "root": self.mnt, "database": f"{self.mnt}/d", "empty-database": f"{self.mnt}/none",
            "table": t, "empty-table": f"{self.mnt}/e/empty",
            "_ss": f"{t}/_ss", "_refs": f"{t}/_refs", "_sg": f"{t}/_sg", "_b": f"{t}/_b",
            "snapshot": f"{t}/_ss/{ss}", "segment": f"{t}/_sg/{sg}", "block": f"{t}/_b/{b}",
            "HEAD": f"{t}/HEAD", "data": f"{t}/data", "file": f"{t}/data/{one}",
            "branch": f"{refs}/dev", "branch-snapshot": f"{refs}/dev/{older}",
            "branch-HEAD": f"{refs}/dev/HEAD", "branch-data": f"{refs}/dev/data",
            "branch-file": f"{refs}/dev/data/{one}",
            "tag": f"{refs}/v1", "tag-snapshot": f"{refs}/v1/" + os.readlink(f"{refs}/v1/HEAD"),
            "tag-HEAD": f"{refs}/v1/HEAD", "tag-data": f"{refs}/v1/data",
            "tag-file": f"{refs}/v1/data/{one}",
            "protected": f"{refs}/held", "protected-HEAD": f"{refs}/held/HEAD",
            "protected-data": f"{refs}/held/data", "protected-file": f"{refs}/held/data/{one}",
            "expired": f"{refs}/old", "expired-data": f"{refs}/old/data",
            "expired-HEAD": f"{refs}/old/HEAD",
            ".bough": bough, "bough-file": f"{bough}/version", "trash": f"{bough}/trash",
            "trash-entry": f"{bough}/trash/" + next(
                n for n in os.listdir(f"{bough}/trash") if "gone" in n),
        }

    def names(self):
        """What may change here, before and after."""
        t = f"{self.t}/_refs/dev"
        return [sorted(os.listdir(f)) for f in
                (self.mnt, f"{self.mnt}/d", f"{self.mnt}/e", f"{self.mnt}/none", self.t,
                 f"{self.t}/_refs", f"{self.t}/_refs/held", f"{self.t}/_refs/held/data",
                 f"{self.t}/data", t, f"{t}/data")] + [os.readlink(f"{t}/HEAD")]

    def undo(self, op, path, inside):
        """An operation that was done is taken back."""
        t, dev = self.t, f"{self.t}/_refs/dev"
        if op == "create" and not os.path.exists(inside):
            pass  # staged for a commit, and empty
        elif op in ("create", "mkfifo", "symlink", "link"):
            os.unlink(path + "-linked" if op == "link" else inside)
        elif op == "mkdir":
            os.rmdir(inside)
        elif op == "rename":
            os.rename(path + "-new", path)
        elif op == "retain":
            os.setxattr(path, "user.bough.retain", b"0")
        elif op == "rmdir" and path.startswith(f"{t}/_refs/"):
            name = os.path.basename(path)
            self.store.must("tag" if name == "v1" else "branch", "undrop", f"d.t/{name}")
        elif op == "rmdir":
            os.mkdir(path)
        elif op == "unlink" and path.startswith(f"{t}/data/"):
            self.head_back(t, f"_ss/{self.main}")
        elif op == "unlink" and path.startswith(f"{dev}/data/"):
            self.head_back(dev, self.dev)
        elif op == "unlink" and "/held/data/" in path:
            self.store.must("branch", "unprotect", "d.t/held")
            self.head_back(f"{t}/_refs/held", self.held)
            self.store.must("branch", "protect", "d.t/held")
        elif op == "unlink" and path.startswith(dev):
            os.link(f"{t}/_ss/{os.path.basename(path)}", path)
            self.head_back(dev, self.dev)

    def head_back(self, at, snapshot):
        """What had been made for it goes too."""
        made = os.path.basename(os.readlink(f"{at}/HEAD"))
        os.symlink(snapshot, f"{at}/back")
        os.rename(f"{at}/back", f"{at}/HEAD")
        if at != self.t and made not in self.snapshots:
            os.unlink(f"{at}/{made}")

    def results(self):
        """{(node, op): answers}"""
        out, self.serial, users = {}, itertools.count(), [User(u) for u in USERS]
        self.main = os.path.basename(os.readlink(f"{self.t}/HEAD"))
        self.dev, self.held = (os.readlink(f"{self.t}/_refs/{r}/HEAD") for r in ("dev", "held"))
        before, self.snapshots = self.names(), os.listdir(f"{self.t}/_refs/dev")
        for node, path in self.nodes().items():
            is_dir = os.path.isdir(path) and not os.path.islink(path) or node.startswith("expired")
            for op in [*OPERATIONS, *(INSIDE if is_dir else [])]:
                got = []
                for user in users:
                    inside = f"{path}/new{next(self.serial)}.parquet"
                    got.append(user.does(op, inside if op in INSIDE else path))
                    if got[-1] != "0" or op in READING:
                        continue
                    self.undo(op, path, inside)
                    if self.names() != before:
                        raise SystemExit(f"{op} of {node} ({got}) left a change")
                out[(node, op)] = tuple(got)
        return out

    def end(self):
        subprocess.run(["umount", "-l", self.mnt])
        self.daemon.wait()
        return [f"fsck: {found}" for found in [self.store.fsck()] if found]


def show(results):
    rows = {}
    for (node, op), got in results.items():
        rows.setdefault((node, got), []).append(op)
    for (node, got), ops in rows.items():
        print(f"{node:16} {' '.join(f'{g:10}' for g in got)} {' '.join(ops)}")


def wanted():
    out = {}
    with open(TABLE) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                node, root, owner, other, *ops = line.split()
                out.update({(node, op): (root, owner, other) for op in ops})
    return out


def main():
    if os.geteuid():
        sys.exit(77)
    t = Test(sys.argv[1])
    try:
        results = t.results()
    finally:
        bad = t.end()
    if "--print" in sys.argv:
        show(results)
        sys.exit(cli.verdict(bad, t.folder))
    table = wanted()
    bad += [f"{node}: {op}: {got} by root, owner, other; not {table.get((node, op))}"
            for (node, op), got in results.items() if table.get((node, op)) != got]
    bad += [f"{cell}: not tried" for cell in table if cell not in results]
    print(f"{3 * len(results)} answers: {len({n for n, _ in results})} kinds of node, "
          f"{len({op for _, op in results})} operations, 3 users; {len(bad)} unexpected")
    sys.exit(cli.verdict(bad, t.folder))


main()
