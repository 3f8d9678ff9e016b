"""Operations by bough(1) beside the mounts. One method each, op_*."""
import errno as E
import json
import os
import re

from model import first_error
from mount_ops import BAD_REF_NAMES, TABLES_MAX
from worker import Difference, Worker, same, same_set

BLOCKS_MAX = 12
FILE_NAMES = [f"f{i}.parquet" for i in range(8)]


class CliOps(Worker):
    def verb(self, ref_kind, verb):
        """bough branch VERB or bough tag VERB, at times the wrong one. Returns it and the error."""
        right = "tag" if ref_kind == "tag" else "branch"
        if self.rng.random() < 0.05:
            return ["branch" if right == "tag" else "tag", verb], E.EINVAL
        return [right, verb], 0

    # Importing

    def write_files(self, how_many, ref):
        """Returns their paths and {marker: (rows, size)}, {marker: given name}."""
        used = sorted({g for _, g in ref.blocks() if g in FILE_NAMES})
        paths, expected, given = [], {}, {}
        for i in range(how_many):
            marker, rows, data = self.new_bytes()
            name = self.rng.choice(used if used and self.rng.random() < 0.3 else FILE_NAMES)
            os.makedirs(f"{self.folder}/{i}", exist_ok=True)
            paths.append(f"{self.folder}/{i}/{name}")
            with open(paths[-1], "wb") as f:
                f.write(data)
            expected[marker], given[marker] = (rows, len(data)), name
        return paths, expected, given

    def op_import(self):
        rng, ref = self.rng, self.pick_ref(None, ("main", "main", "branch", "branch", "tag"))
        if not ref or len(ref.blocks()) > BLOCKS_MAX:
            return
        where = self.target(ref.table, None if ref.kind == "main" else ref.name)
        if rng.random() < 0.05:
            self.bad_import(ref, where)
            return
        want = self.world.may_commit(ref)
        paths, expected, given = self.write_files(rng.choice([1, 1, 1, 2, 3]), ref)
        message = f"import {self.number}-{self.op}"
        self.cli(want, "import", where, *paths, "-m", message)
        m = self.pick_mount()
        if not want:
            found = self.learn_blocks(m, ref, expected)
            for path, block in zip(paths, (found[k] for k in expected)):
                block.mtime_us = os.stat(path).st_mtime_ns // 1000
            blocks = [*ref.blocks(), *((found[k], given[k]) for k in found)]
            self.commit(m, ref, blocks, "append", message)
        self.check_ref(1 - m, ref)

    def bad_import(self, ref, where):
        """Of a ref that is not there, or of a file that does not fit."""
        paths, _, _ = self.write_files(1, ref)
        x = self.rng.random()
        if x < 0.4:
            self.cli(E.ENOENT, "import", self.target(ref.table, f"{self.prefix}.none"), *paths)
            return
        want = self.world.may_commit(ref)
        with open(paths[0], "wb") as f:
            f.write(self.wrong_bytes(ref))
        self.cli(want or E.EINVAL, "import", where, *paths)
        self.check_ref(self.pick_mount(), ref)

    # Databases and tables

    def op_cli_table(self):
        """table create, drop, rename."""
        rng, table, db = self.rng, self.pick_table(True), self.pick_db()
        verb = rng.choice(["create", "drop", "rename"])
        m = self.pick_mount()
        if not db or (verb != "create" and not table):
            return
        name = rng.choice(self.table_names())
        if verb == "create":
            if len(db.tables) >= TABLES_MAX:
                return
            want = E.EEXIST if name in db.tables else 0
            self.cli(want, "table", "create", self.place(db, name))
            if not want:
                self.world.do_create_table(db, name)
        elif verb == "drop":
            db = table.db
            want = self.world.may_drop_table(table, whole=True)
            self.cli(want, "table", "drop", self.target(table))
            if not want:
                self.world.do_drop_table(table)
        else:
            want = E.EEXIST if name in db.tables and db.tables[name] is not table else 0
            self.cli(want, "table", "rename", self.target(table), self.place(db, name))
            if not want:
                self.world.do_rename_table(table, db, name)
        self.check_tables(m, db)

    @staticmethod
    def place(db, name):
        return f'{db.name}."{name}"'

    def op_cli_undrop_table(self):
        rng, db, m = self.rng, self.pick_db(), self.pick_mount()
        dropped = [e.db for e in self.world.trash if e.kind == "table"]
        live = [d for d in self.world.dbs.values() if d in dropped]
        if live and rng.random() < 0.8:
            db = rng.choice(live)
        if not db or (not live and rng.random() < 0.8):
            return
        mine = [e for e in self.world.trash if e.kind == "table" and e.db is db]
        name = mine[-1].name if mine and rng.random() < 0.8 else rng.choice(self.table_names())
        fits = [e for e in mine if e.name == name]
        to = rng.choice(self.table_names()) if rng.random() < 0.5 else None
        want = E.ENOENT if not fits else E.EEXIST if (to or name) in db.tables else 0
        if not want and len(db.tables) > TABLES_MAX:
            return
        more = ["--as", self.word(to)] if to else []
        self.cli(want, "table", "undrop", self.place(db, name), *more)
        if not want:
            self.world.do_restore_table(fits[-1], db, to or name)
            self.check_refs(m, fits[-1].table)
        self.check_tables(m, db)

    @staticmethod
    def word(name):
        return name if re.fullmatch(r"\w+", name) else f'"{name}"'

    def op_cli_db(self):
        rng, m = self.rng, self.pick_mount()
        db = self.pick_db()
        if not db or rng.random() < 0.3:
            name = rng.choice(self.db_names())
            want = self.world.may_create_db(name)
            if not want and len(self.world.dbs) >= 3:
                return
            self.cli(want, "db", "create", name)
            if not want:
                self.world.do_create_db(name)
        elif rng.random() < 0.5:
            want = E.ENOTEMPTY if db.tables else 0
            self.cli(want, "db", "drop", db.name)
            if not want:
                self.world.do_drop_db(db)
        else:
            name = rng.choice(self.db_names())
            want = self.world.may_rename(self.world.dbs, db.name, name)
            self.cli(want, "db", "rename", db.name, name)
            if not want:
                self.world.do_rename_db(db, name)
        self.check_dbs(m)

    # Refs

    def op_cli_create(self):
        rng, table, m = self.rng, self.pick_table(), self.pick_mount()
        if not table:
            return
        kind = rng.choice(["branch", "branch", "tag"])
        name = self.pick_ref_name(table)
        if name in BAD_REF_NAMES[:5]:
            name = "x.lock"  # those the command line does not take for a name
        source = self.pick_ref(table, ("main", "branch", "tag")) if rng.random() < 0.7 else None
        more = ["--from", source.name] if source else []
        source, at, wrong = source or table.main, None, 0
        if rng.random() < 0.3 and source.head:
            at, wrong = self.pick_moment(source)
            more += ["--at", at.name[1:33]]
        retain = rng.choice([None] * 6 + ["1h", "1s"])
        more += ["--retain", retain] if retain else []
        want = first_error(wrong, self.world.may_create(table, name, kind, source, at))
        self.cli(want, kind, "create", self.target(table, name), *more)
        if not want:
            ref = self.world.do_create(table, name, kind, source, at)
            if retain:
                self.retained(ref, retain)
            ref.ino = os.lstat(self.ref_path(m, ref)).st_ino
            self.check_ref(m, ref)
        self.check_refs(m, table)

    def pick_moment(self, ref):
        """A snapshot, mostly of the ref's history or directory, and the error that it gives."""
        rng = self.rng
        mine = list(ref.chain())[:10] + [s for s in ref.links]
        snap = rng.choice(mine)
        if rng.random() < 0.15:
            snap = rng.choice(self.live_snaps(ref.table) or mine)
        known = snap in ref.links or any(s is snap for s in ref.chain())
        return snap, first_error(ref.expired and E.ESTALE, not known and E.ENOENT)

    def op_cli_drop(self):
        rng, m = self.rng, self.pick_mount()
        ref = self.pick_ref(None, ("branch", "branch", "tag", "main"))
        if not ref:
            return
        verb, wrong = self.verb(ref.kind, "drop")
        want = wrong or self.world.may_drop(ref)
        self.cli(want, *verb, self.target(ref.table, ref.name))
        if not want:
            self.world.do_drop(ref)
        self.check_refs(m, ref.table)

    def op_cli_rename(self):
        ref, m = self.pick_ref(), self.pick_mount()
        if not ref:
            return
        verb, wrong = self.verb(ref.kind, "rename")
        name = self.rng.choice(self.ref_names(ref.table))
        want = wrong or self.world.may_rename_ref(ref, name)
        self.cli(want, *verb, self.target(ref.table, ref.name), name)
        if not want:
            self.world.do_rename_ref(ref, name)
            self.check_ref(m, ref)
        self.check_refs(m, ref.table)

    def op_cli_reset(self):
        rng, m = self.rng, self.pick_mount()
        ref = self.pick_ref(None, ("main", "branch", "branch", "tag"))
        if not ref:
            return
        source = self.pick_ref(ref.table, ("main", "branch", "tag")) if rng.random() < 0.3 else ref
        if not source or not (source.head or source.links):
            return
        at, wrong = self.pick_moment(source)
        verb, wrong_kind = ["branch", "reset"], ref.kind == "tag" and E.EINVAL
        want = first_error(wrong_kind, wrong, self.world.may_change(ref))
        more = ["--from", source.name] if source is not ref else []
        self.cli(want, *verb, self.target(ref.table, ref.name), at.name[1:33], *more)
        if not want:
            self.world.do_reset(ref, at)
        self.check_ref(m, ref)

    def op_cli_protect(self):
        rng = self.rng
        refs = self.refs()
        held = [r for r in refs if r.is_protected]
        on = rng.random() < 0.4 or not held
        if not refs:
            return
        ref = rng.choice(refs if on else held)
        verb, wrong = self.verb(ref.kind, "protect" if on else "unprotect")
        want = first_error(wrong, ref.expired and E.ESTALE)
        self.cli(want, *verb, self.target(ref.table, ref.name))
        if not want:
            ref.is_protected = on
        m = self.pick_mount()
        got = os.getxattr(self.ref_path(m, ref), "user.bough.protected").decode()
        same(got, "1" if ref.is_protected else "0", f"protected of {self.ref_path(m, ref)}")

    def op_cli_retain(self):
        ref = self.pick_ref(None, ("branch", "branch", "tag", "main"))
        if not ref:
            return
        verb, wrong = self.verb(ref.kind, "retain")
        value = self.rng.choice(["0", "0", "1h", "7d", "1s"])
        want = first_error(wrong, ref.expired and E.ESTALE, ref.kind == "main" and E.EPERM)
        self.cli(want, *verb, self.target(ref.table, ref.name), value)
        if not want:
            self.retained(ref, value)

    # The trash

    def op_cli_undrop(self):
        rng, m = self.rng, self.pick_mount()
        entries = [e for e in self.world.seen_trash() if e.kind == "ref"]
        if not entries:
            return
        table, name = rng.choice([(e.table, e.name) for e in entries])
        entry = [e for e in entries if e.table is table and e.name == name][-1]
        verb, wrong = self.verb(entry.ref.kind, "undrop")
        to = rng.choice(self.ref_names(table)) if rng.random() < 0.4 else name
        want = wrong or self.world.may_restore_ref(entry, to)
        more = ["--as", to] if to != name else []
        self.cli(want, *verb, self.target(table, name), *more)
        if not want:
            self.world.do_restore_ref(entry, to)
            self.check_ref(m, entry.ref)
        self.check_refs(m, table)

    def trash_rows(self):
        """What the CLI says is in the trash, and is mine. Numbers are learned."""
        rows = [r for r in json.loads(self.cli(0, "trash", "list", "--json"))
                if self.is_mine(r["name"].replace('"', ""))]
        entries = self.world.seen_trash()
        self.learn_ids([r["id"] for r in rows], entries)
        got = [(r["id"], r["type"], r["snapshot"]) for r in rows]
        want = []
        for e in entries:
            head = e.snap or (e.ref and e.ref.head)
            want.append((e.id, e.ref.kind if e.kind == "ref" else e.kind,
                         head.name[1:33] if head else None))
        self.compared += 1
        same_set(got, want, "bough trash list")
        return entries

    def op_cli_trash(self):
        """trash restore, or empty of what is due: nothing is."""
        rng, m = self.rng, self.pick_mount()
        if rng.random() < 0.1:
            self.cli(0, "trash", "empty")
            return
        entries = self.trash_rows()
        snaps = [e for e in entries if e.kind == "snapshot"]
        if rng.random() < 0.05 or not entries:
            self.cli(E.ENOENT, "trash", "restore", str(10 ** 9))
            return
        entry = rng.choice(snaps if snaps and rng.random() < 0.7 else entries)
        if entry.kind == "snapshot":
            want = self.world.may_restore_snap(entry)
        elif entry.kind == "ref":
            want = self.world.may_restore_ref(entry, entry.name)
        else:
            db = self.world.home_db(entry)
            want = E.ENOENT if not db else E.EEXIST if entry.name in db.tables else 0
        if entry.kind == "snapshot" and entry.ref.limbo is not None:
            return
        self.cli(want, "trash", "restore", str(entry.id))
        if want:
            return
        if entry.kind == "snapshot":
            self.world.do_restore_snap(entry)
            self.check_ref(m, entry.ref)
        elif entry.kind == "ref":
            self.world.do_restore_ref(entry, entry.name)
            self.check_refs(m, entry.table)
        else:
            self.world.do_restore_table(entry, db, entry.name)
            self.check_tables(m, db)

    # Listings of the CLI

    def log_check(self, ref):
        """Its chain, or with --all its directory, newest first."""
        rows = json.loads(self.cli(0, "log", "--json", self.target(ref.table, ref.name)))
        got = [(f"h{r['snapshot']}_v4.mpk", r["operation"], r["rows"], r["rows_added"])
               for r in rows]
        want = [(s.name, s.operation, s.rows(), s.rows() - (s.parent.rows() if s.parent else 0))
                for s in ref.chain()]
        self.compared += 1
        same(got, want, f"bough log {self.target(ref.table, ref.name)}")
        for r, s in zip(rows, ref.chain()):
            if s.message and r["message"] != s.message:
                raise Difference(f"message of {s.name}: {r['message']}, not {s.message}")
        if self.rng.random() < 0.3:
            rows = json.loads(self.cli(0, "log", "--all", "--json",
                                       self.target(ref.table, ref.name)))
            same_set([f"h{r['snapshot']}_v4.mpk" for r in rows], [s.name for s in ref.links],
                     f"bough log --all {self.target(ref.table, ref.name)}")

    def ref_rows(self):
        """What bough branch list and tag list must say of my refs."""
        rows = {}
        for ref in (r for t in self.world.tables() for r in t.refs.values()):
            head, base = (s and s.name[1:33] for s in (ref.head, ref.base))
            b = ref.base_ref
            rows[ref.table.db.name, ref.table.name, ref.name] = {
                "type": ref.kind, "head": head, "base": base,
                "base_ref": None if b.in_trash or b.is_released else b.name,
                "rows": sum(b.rows for b, _ in ref.blocks()),
                "bytes": sum(b.size for b, _ in ref.blocks()), "blocks": len(ref.blocks()),
                "protected": ref.is_protected, "expires": ref.expire,
                "expired": None if ref.limbo is not None else ref.expired}
        return rows
