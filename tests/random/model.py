"""What a store must hold, in plain dictionaries: databases, tables, refs, snapshots, the trash.

Nothing here looks at a store. The functions named may_* say which error an operation must get (0:
none), by the rules of semantics.md; those named do_* say what it changes.
"""
import errno as E
import re

SILENCE_S, RUN_S = 1.0, 60.0
REF_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Block:
    """A Parquet file: all of its rows carry @marker."""

    def __init__(self, marker, rows, size, ino):
        self.marker, self.rows, self.size, self.ino = marker, rows, size, ino
        self.own = None  # name of its own, learned where it is needed
        self.mtime_us = None  # that it must keep


class Snap:
    def __init__(self, name, parent, blocks, operation, schema, owner, message=None):
        self.name, self.parent, self.blocks = name, parent, tuple(blocks)
        self.operation, self.message, self.schema = operation, message, schema
        self.owner = owner  # who made it
        self.count = 0  # links, merge bases, entries of the trash, the queue

    def rows(self):
        return sum(b.rows for b, _ in self.blocks)

    def shown(self):
        """{name in data/: block}: of two with one name the older one shows it."""
        first = {}
        for b, given in self.blocks:
            if given not in first or b.ino < first[given].ino:
                first[given] = b
        return {given if first[given] is b else b.own: b for b, given in self.blocks}

    def given(self, block):
        return next(g for b, g in self.blocks if b is block)


class Ref:
    def __init__(self, table, name, kind):
        self.table, self.name, self.kind = table, name, kind
        self.head = self.base = self.base_ref = self.schema = None
        self.links = []  # its directory, in the order they came
        self.is_protected = self.in_trash = self.is_released = False
        self.expire = None  # (earliest, latest) it can be
        self.limbo = None  # round in which a short retention was set: left alone until it is over
        self.expired = False
        self.ino = None
        self.run = None  # the last one of removals: see may_squash()

    def chain(self):
        s = self.head
        while s:
            yield s
            s = s.parent

    def blocks(self):
        return self.head.blocks if self.head else ()

    def shown(self):
        return self.head.shown() if self.head else {}


class Table:
    def __init__(self, db, name):
        self.db, self.name = db, name
        self.main = Ref(self, "main", "main")
        self.refs = {}
        self.is_shared = False

    def all_refs(self):
        return [self.main, *self.refs.values()]


class Db:
    def __init__(self, name):
        self.name, self.tables = name, {}


class Entry:
    """Of the trash. kind: ref, snapshot or table."""

    def __init__(self, kind, table, name, ref=None, snap=None):
        self.kind, self.table, self.name, self.ref, self.snap = kind, table, name, ref, snap
        self.db, self.db_name = table.db, table.db.name
        self.id = None


def path_name(name):
    """A database's or table's name as the mount writes it."""
    out = "".join(f"%{ord(c):02X}" if c in "/%\x7f" or c < " " else c for c in name)
    return f"%{ord(out[0]):02X}" + out[1:] if out[0] in "._" else out


def good_ref_name(name):
    return bool(REF_NAME.fullmatch(name)) and not name.endswith((".", ".lock")) and \
        ".." not in name and name not in ("main", "HEAD", "data") and len(name) <= 255


def first_error(*errors):
    return next((e for e in errors if e), 0)


class World:
    """What one worker owns, and the table that it shares with others."""

    def __init__(self, owner):
        self.owner = owner
        self.dbs = {}
        self.shared = None
        self.trash = []  # in the order of its ids

    def tables(self):
        own = [t for d in self.dbs.values() for t in d.tables.values()]
        return own + ([self.shared] if self.shared else [])

    # Databases and tables

    def do_create_db(self, name):
        self.dbs[name] = Db(name)

    def may_create_db(self, name):
        return E.EEXIST if name in self.dbs else 0

    def do_drop_db(self, db):
        del self.dbs[db.name]

    def may_rename(self, taken, old, new):
        """Of a database or table; to its own name the kernel says nothing happens."""
        return E.EEXIST if new in taken and new != old else 0

    def do_rename_db(self, db, name):
        del self.dbs[db.name]
        db.name = name
        self.dbs[name] = db

    def do_create_table(self, db, name):
        t = Table(db, name)
        db.tables[name] = t
        return t

    def do_rename_table(self, table, db, name):
        del table.db.tables[table.name]
        table.db, table.name = db, name
        db.tables[name] = table

    def may_drop_table(self, table, whole):
        if not whole and (table.main.head or table.refs):
            return E.ENOTEMPTY
        return E.EPERM if any(r.is_protected for r in table.all_refs()) else 0

    def do_drop_table(self, table):
        self.trash.append(Entry("table", table, table.name))
        del table.db.tables[table.name]

    def home_db(self, entry):
        """Where a dropped table goes back to by itself; None: its database is gone."""
        db = self.dbs.get(entry.db.name)
        return db if db is entry.db else self.dbs.get(entry.db_name)

    def do_restore_table(self, entry, db, name):
        self.trash.remove(entry)
        entry.table.db, entry.table.name = db, name
        db.tables[name] = entry.table

    def is_live(self, table):
        return table is self.shared or any(t is table for t in table.db.tables.values()) and \
            self.dbs.get(table.db.name) is table.db

    def seen_trash(self):
        """Entries in a dropped table are not seen."""
        return [e for e in self.trash if e.kind == "table" or self.is_live(e.table)]

    # Refs

    def may_create(self, table, name, kind, source, at=None):
        head = at or source.head
        return first_error(not good_ref_name(name) and E.EINVAL, source.expired and E.ESTALE,
                           kind == "tag" and not head and E.ENODATA,
                           name in table.refs and E.EEXIST)

    def do_create(self, table, name, kind, source, at=None):
        ref = Ref(table, name, kind)
        ref.head = ref.base = at or source.head
        ref.base_ref, ref.schema = source, at.schema if at else source.schema
        if ref.head:
            ref.links = [ref.head]
            ref.head.count += 2
        table.refs[name] = ref
        return ref

    def may_drop(self, ref):
        return E.EPERM if ref.kind == "main" or ref.is_protected else 0

    def do_drop(self, ref):
        del ref.table.refs[ref.name]
        ref.in_trash = True
        self.trash.append(Entry("ref", ref.table, ref.name, ref=ref))

    def may_rename_ref(self, ref, name):
        return first_error(not good_ref_name(name) and E.EINVAL,
                           (ref.kind == "main" or ref.is_protected) and E.EPERM,
                           name != ref.name and name in ref.table.refs and E.EEXIST)

    def do_rename_ref(self, ref, name):
        del ref.table.refs[ref.name]
        ref.name = name
        ref.table.refs[name] = ref

    def may_restore_ref(self, entry, name):
        return first_error(not good_ref_name(name) and E.EINVAL,
                           not self.is_live(entry.table) and E.ENOENT,
                           name in entry.table.refs and E.EEXIST)

    def do_restore_ref(self, entry, name):
        self.trash.remove(entry)
        entry.ref.in_trash, entry.ref.name = False, name
        entry.table.refs[name] = entry.ref

    def may_change(self, ref):
        """What is refused to whoever moves a head or takes a snapshot away."""
        return first_error(ref.expired and E.ESTALE, ref.kind == "tag" and E.EROFS,
                           ref.is_protected and E.EPERM)

    def do_reset(self, ref, snap):
        if ref.head is not snap:
            self.link(ref, snap)
            ref.head, ref.schema = snap, snap.schema

    def link(self, ref, snap):
        if snap not in ref.links:
            ref.links.append(snap)
            snap.count += 1

    def nlink(self, snap, table):
        return sum(snap in r.links for r in table.all_refs())

    def do_take(self, ref, snap):
        ref.links.remove(snap)
        self.trash.append(Entry("snapshot", ref.table, ref.name, ref=ref, snap=snap))

    def may_restore_snap(self, entry):
        gone = entry.ref.in_trash or not self.is_live(entry.table)
        return first_error(gone and E.ENOENT, entry.ref.expired and E.ESTALE,
                           entry.ref.kind == "tag" and E.EROFS)

    def do_restore_snap(self, entry):
        self.trash.remove(entry)
        self.link(entry.ref, entry.snap)
        entry.snap.count -= 1

    def do_empty_trash(self):
        for e in self.trash:
            for ref in e.table.all_refs() if e.kind == "table" else [e.ref] * (e.kind == "ref"):
                ref.is_released = True
        self.trash = []

    # Commits

    def may_commit(self, ref):
        """Protection is against dropping, renaming and resetting."""
        return first_error(ref.expired and E.ESTALE, ref.kind == "tag" and E.EROFS)

    def do_commit(self, ref, name, blocks, operation, message=None):
        ref.schema = ref.schema or "the first file's"
        snap = Snap(name, ref.head, blocks, operation, ref.schema, self.owner, message)
        self.link(ref, snap)
        ref.head = snap
        return snap

    def may_squash(self, ref, mount, began, ended, strangers):
        """
        A removal through @mount, at some time between @began and @ended: may it, must it take the
        place of the head? @strangers: references to the head that others hold.
        """
        run, head = ref.run, ref.head
        if not run or run["mount"] != mount or run["snap"] is not head or not head.parent:
            return False, False
        if head.count + strangers != 1:
            return False, False
        longest, shortest = ended - run["last"][0], began - run["last"][1]
        may = shortest <= SILENCE_S and began - run["first"][1] <= RUN_S
        return may, may and longest <= SILENCE_S * 0.9 and ended - run["first"][0] <= RUN_S * 0.9

    def do_remove(self, ref, name, blocks, squashed, run):
        old = ref.head
        snap = Snap(name, old.parent if squashed else old, blocks, "delete", ref.schema,
                    self.owner)
        if squashed:
            ref.links.remove(old)
            run["first"] = ref.run["first"]
        self.link(ref, snap)
        ref.head, run["snap"] = snap, snap
        ref.run = run
        return snap
