"""Operations through a mount: databases, tables, refs, heads, snapshots. One method each, op_*."""
import errno as E
import os

from model import first_error, good_ref_name, path_name
from worker import Worker, same

BAD_REF_NAMES = ["main", "HEAD", "data", "-x", "_x", "x.", "a..b", "x.lock", "a b"]
BAD_NAMES = ["_x", ".x", "a%zz", "a%2fb"]
NO_SNAPSHOT = "h0199d2d0000070010000ffffffffffff_v4.mpk"
DBS_MAX, TABLES_MAX = 3, 3


class MountOps(Worker):
    # Databases and tables

    def db_path(self, m, name):
        return f"{self.mounts[m]}/{name}"

    def db_names(self):
        return [self.prefix + n for n in ("a", "b", "/c", "%d")]

    def pick_db(self):
        return self.rng.choice(list(self.world.dbs.values())) if self.world.dbs else None

    def pick_table(self, own=False):
        tables = [t for t in self.world.tables() if not (own and t.is_shared)]
        if not tables:
            return None
        shared = self.world.shared
        return shared if shared in tables and self.rng.random() < 0.3 else self.rng.choice(tables)

    def op_mkdir_db(self):
        m, rng = self.pick_mount(), self.rng
        if rng.random() < 0.1:
            self.call(E.EINVAL, os.mkdir, self.db_path(m, rng.choice(BAD_NAMES)))
            return
        name = rng.choice(self.db_names())
        want = self.world.may_create_db(name)
        if not want and len(self.world.dbs) >= DBS_MAX:
            self.op_rmdir_db()
            return
        self.call(want, os.mkdir, self.db_path(m, path_name(name)))
        if not want:
            self.world.do_create_db(name)
        self.check_dbs(1 - m)

    def op_rmdir_db(self):
        m, db = self.pick_mount(), self.pick_db()
        if not db or self.rng.random() < 0.1:
            gone = [n for n in self.db_names() if n not in self.world.dbs]
            self.call(E.ENOENT, os.rmdir, self.db_path(m, path_name(gone[0])))
            return
        want = E.ENOTEMPTY if db.tables else 0
        self.call(want, os.rmdir, self.db_path(m, path_name(db.name)))
        if not want:
            self.world.do_drop_db(db)
        self.check_dbs(1 - m)

    def op_mv_db(self):
        m, db, rng = self.pick_mount(), self.pick_db(), self.rng
        if not db:
            return
        old = self.db_path(m, path_name(db.name))
        if rng.random() < 0.1:
            self.call(E.EINVAL, os.rename, old, self.db_path(m, rng.choice(BAD_NAMES)))
            return
        name = rng.choice(self.db_names())
        want = self.world.may_rename(self.world.dbs, db.name, name)
        self.call(want, os.rename, old, self.db_path(m, path_name(name)))
        if not want:
            self.world.do_rename_db(db, name)
        self.check_dbs(1 - m)

    def table_names(self):
        return ["orders", "t/x", "größe", "a%b"]

    def op_mkdir_table(self):
        m, db, rng = self.pick_mount(), self.pick_db(), self.rng
        if not db:
            self.op_mkdir_db()
            return
        folder = self.db_path(m, path_name(db.name))
        if rng.random() < 0.1:
            self.call(E.EINVAL, os.mkdir, f"{folder}/{rng.choice(BAD_NAMES)}")
            return
        name = rng.choice(self.table_names())
        want = E.EEXIST if name in db.tables else 0
        if not want and len(db.tables) >= TABLES_MAX:
            return
        self.call(want, os.mkdir, f"{folder}/{path_name(name)}")
        if not want:
            self.world.do_create_table(db, name)
        self.check_tables(1 - m, db)

    def op_rmdir_table(self):
        m, table = self.pick_mount(), self.pick_table()
        if not table:
            return
        if table.is_shared:
            self.call(E.ENOTEMPTY, os.rmdir, self.path(m, table))
            return
        want = self.world.may_drop_table(table, whole=False)
        self.call(want, os.rmdir, self.path(m, table))
        if not want:
            self.world.do_drop_table(table)
        self.check_tables(1 - m, table.db)

    def op_mv_table(self):
        m, table, to, rng = self.pick_mount(), self.pick_table(True), self.pick_db(), self.rng
        if not table:
            return
        if rng.random() < 0.1:
            self.call(E.EPERM, os.rename, self.path(m, table), self.db_path(m, self.prefix + "zz"))
            return
        name = rng.choice(self.table_names())
        want = E.EEXIST if name in to.tables and to.tables[name] is not table else 0
        new = f"{self.db_path(m, path_name(to.name))}/{path_name(name)}"
        self.call(want, os.rename, self.path(m, table), new)
        old_db = table.db
        if not want:
            self.world.do_rename_table(table, to, name)
        self.check_tables(1 - m, old_db)
        self.check_tables(1 - m, to)

    # Refs

    def pick_ref(self, table=None, kinds=("branch", "tag")):
        refs = self.refs(table, kinds)
        return self.rng.choice(refs) if refs else None

    def pick_changeable(self, kinds):
        """Mostly one of which something can be changed."""
        refs = self.refs(None, kinds)
        free = [r for r in refs if not self.world.may_change(r)]
        refs = free if free and self.rng.random() < 0.85 else refs
        return self.rng.choice(refs) if refs else None

    def pick_ref_name(self, table):
        """Mostly one that is free."""
        if self.rng.random() < 0.05:
            return self.rng.choice(BAD_REF_NAMES)
        free = [n for n in self.ref_names(table) if n not in table.refs]
        if free and self.rng.random() < 0.8:
            return self.rng.choice(free)
        return self.rng.choice(self.ref_names(table))

    def op_mkdir_ref(self):
        m, table, rng = self.pick_mount(), self.pick_table(), self.rng
        if not table:
            self.op_mkdir_table()
            return
        kind = "tag" if rng.random() < 0.25 else "branch"
        name = self.pick_ref_name(table)
        want = first_error(name in table.refs and E.EEXIST,
                           self.world.may_create(table, name, kind, table.main))
        mode = 0o555 if kind == "tag" else 0o755
        self.call(want, os.mkdir, self.path(m, table, "_refs", name), mode)
        if not want:
            ref = self.world.do_create(table, name, kind, table.main)
            ref.ino = os.lstat(self.ref_path(m, ref)).st_ino
            self.check_ref(1 - m, ref)
        self.check_refs(1 - m, table)

    def op_rmdir_ref(self):
        m, ref = self.pick_mount(), self.pick_ref()
        if not ref:
            return
        if self.rng.random() < 0.05:
            self.call(E.ENOENT, os.rmdir, self.ref_path(m, ref) + "x")
            return
        want = self.world.may_drop(ref)
        self.call(want, os.rmdir, self.ref_path(m, ref))
        if not want:
            self.world.do_drop(ref)
        self.check_refs(1 - m, ref.table)

    def op_mv_ref(self):
        m, ref, rng = self.pick_mount(), self.pick_ref(), self.rng
        if not ref:
            return
        old = self.ref_path(m, ref)
        if rng.random() < 0.1:
            other = self.pick_table()
            inside = [] if other is ref.table else ["_refs"]
            self.call(E.EPERM, os.rename, old, self.path(m, other, *inside, "moved"))
            return
        name = self.pick_ref_name(ref.table)
        want = 0 if name == ref.name else self.world.may_rename_ref(ref, name)
        self.call(want, os.rename, old, self.path(m, ref.table, "_refs", name))
        if not want:
            self.world.do_rename_ref(ref, name)
            self.check_ref(1 - m, ref)
        self.check_refs(1 - m, ref.table)

    def op_chmod(self):
        m, ref, rng = self.pick_mount(), self.pick_ref(), self.rng
        if not ref:
            return
        freeze = rng.random() < 0.4
        if freeze and ref.kind != "tag":
            want = first_error(ref.expired and E.ESTALE, not ref.head and E.ENODATA)
        else:
            want = E.EPERM if ref.kind == "tag" and not freeze else 0
        self.call(want, os.chmod, self.ref_path(m, ref), 0o555 if freeze else 0o755)
        if not want and freeze:
            ref.kind = "tag"
        mode = os.lstat(self.ref_path(1 - m, ref)).st_mode & 0o777
        same(oct(mode), oct(0o555 if ref.kind == "tag" else 0o755), self.ref_path(1 - m, ref))

    def op_retain(self):
        m, ref, rng = self.pick_mount(), self.pick_ref(None, ("branch", "tag", "main")), self.rng
        if not ref:
            return
        path, name = self.ref_path(m, ref), "user.bough.retain"
        value = rng.choice(["0", "0", "1h", "7d", "1s", "soon"])
        want = first_error(value == "soon" and E.EINVAL, ref.expired and E.ESTALE,
                           ref.kind == "main" and E.EPERM)
        if value == "0" and rng.random() < 0.5:
            self.call(want, os.removexattr, path, name)
        else:
            self.call(want, os.setxattr, path, name, value.encode())
        if not want:
            self.retained(ref, value)

    # Heads and snapshots

    def snap_choices(self, ref):
        """What HEAD of @ref may be pointed to: (target, snapshot or None, error)."""
        rng, table = self.rng, ref.table
        x = rng.random()
        bare = ref.kind == "main"  # there a bare name is never in the directory
        if x < 0.5 and ref.links:
            s = rng.choice(ref.links)
            return ("_ss/" if bare else "") + s.name, s, 0
        live = self.live_snaps(table)
        if x < 0.8 and live:
            s = rng.choice(live)
            return f"../../_ss/{s.name}", s, 0
        if x < 0.85 and live:
            s = rng.choice(live)
            return s.name, s, E.ENOENT if bare or s not in ref.links else 0
        if x < 0.88:
            other = self.pick_table()
            s = self.live_snaps(other)[-1:] if other else []
            if s and other is not table:
                return f"../../../x/_ss/{s[0].name}", None, E.EXDEV
        if x < 0.94:
            gone = [r.head for r in table.all_refs() if r.limbo is None and r.head]
            gone = [s.parent for s in gone if s.parent and self.number == s.parent.owner]
            gone = [s for s in gone if not self.world.nlink(s, table)]
            if gone:
                return f"../../_ss/{rng.choice(gone).name}", None, E.ENOENT
        if x < 0.97:
            if live and rng.random() < 0.5:
                return f"../../_ss/{live[0].name[:-15]}ffffffff_v4.mpk", None, E.ENOENT
            return f"../../_ss/{NO_SNAPSHOT}", None, E.EINVAL
        return rng.choice(["nonsense", "../../data/f1.parquet"]), None, E.EINVAL

    def op_head(self):
        m, ref, rng = self.pick_mount(), self.pick_changeable(("main", "branch", "tag")), self.rng
        if not ref:
            return
        target, snap, wrong = self.snap_choices(ref)
        want = first_error(self.world.may_change(ref), wrong)
        path = self.ref_path(m, ref, "HEAD")
        if ref.head or ref.expired or rng.random() < 0.5:
            waiting = self.ref_path(m, ref, f"Cu{rng.randrange(10 ** 6)}")
            self.call(want, os.symlink, target, waiting)
            if not want:
                self.call(0, os.rename, waiting, path)
        else:
            self.call(want, os.symlink, target, path)
        if not want:
            self.world.do_reset(ref, snap)
        self.check_ref(1 - m, ref)

    def op_ln_snapshot(self):
        m, rng = self.pick_mount(), self.rng
        ref = self.pick_changeable(("branch", "tag"))
        source = self.pick_ref(ref.table if ref and rng.random() < 0.9 else None,
                               ("main", "branch", "tag"))
        if ref and ref.table.is_shared and rng.random() < 0.3:
            source = ref.table.main
        if not ref or not source or not source.links:
            return
        fresh = [s for s in source.links if s not in ref.links]
        snap = rng.choice(fresh if fresh and rng.random() < 0.9 else source.links)
        other_name = rng.random() < 0.05
        there = snap in ref.links and not other_name
        want = first_error((source.expired or ref.expired) and E.ESTALE, there and E.EEXIST,
                           self.world.may_change(ref), source.table is not ref.table and E.EXDEV,
                           other_name and E.EPERM)
        name = "other" if other_name else snap.name
        self.call(want, os.link, f"{self.links_path(m, source)}/{snap.name}",
                  self.ref_path(m, ref, name), follow_symlinks=False)
        if not want:
            self.world.do_reset(ref, snap)
        self.check_ref(1 - m, ref)

    def op_rm_snapshot(self):
        m, rng = self.pick_mount(), self.rng
        ref = self.pick_changeable(("branch", "branch", "main"))
        if rng.random() < 0.1:
            ref = self.pick_ref(None, ("branch", "tag", "main")) or ref
        elif rng.random() < 0.5:
            refs = [r for r in self.refs(None, ("branch",)) if not self.world.may_change(r)]
            ref = max(refs, key=lambda r: len(r.links), default=ref)
        if not ref:
            return
        if ref.kind == "main":
            self.rm_of_main(m, ref)
            return
        spare = [s for s in ref.links if s is not ref.head]
        x, snap, name, wrong = rng.random(), None, "HEAD", E.EBUSY if ref.head else E.ENOENT
        if x < 0.8 and spare:
            snap = rng.choice(spare)
            name, wrong = snap.name, 0
        elif x < 0.9 and ref.head:
            name = ref.head.name
        elif x < 0.95:
            name, wrong = NO_SNAPSHOT, E.ENOENT
        want = first_error(ref.expired and E.ESTALE, wrong == E.ENOENT and wrong,
                           self.world.may_change(ref), wrong)
        self.call(want, os.unlink, self.ref_path(m, ref, name))
        if not want:
            self.world.do_take(ref, snap)
        self.check_ref(1 - m, ref)

    def rm_of_main(self, m, ref):
        if ref.links and self.rng.random() < 0.7:
            name = self.rng.choice(ref.links).name
            self.call(E.EROFS, os.unlink, f"{self.links_path(m, ref)}/{name}")
        elif ref.head:
            want = E.EPERM if ref.is_protected else E.EBUSY
            self.call(want, os.unlink, self.ref_path(m, ref, "HEAD"))

    # The trash

    def op_mv_trash(self):
        m, rng = self.pick_mount(), self.rng
        entries = [e for e in self.world.seen_trash() if e.kind != "snapshot"]
        if not entries:
            return
        entry = rng.choice(entries)
        old = f"{self.mounts[m]}/.bough/trash/{self.trash_name(m, entry)}"
        if rng.random() < 0.1:
            self.call(E.EPERM, os.rename, old, self.db_path(m, self.prefix + "zz"))
        elif entry.kind == "ref":
            self.mv_ref_back(m, entry, old)
        else:
            self.mv_table_back(m, entry, old)

    def mv_ref_back(self, m, entry, old):
        name = entry.name if self.rng.random() < 0.5 else self.pick_ref_name(entry.table)
        want = self.world.may_restore_ref(entry, name)
        self.call(want, os.rename, old, self.path(m, entry.table, "_refs", name))
        if not want:
            self.world.do_restore_ref(entry, name)
            self.check_ref(1 - m, entry.ref)
        self.check_refs(1 - m, entry.table)

    def mv_table_back(self, m, entry, old):
        db, rng = self.pick_db(), self.rng
        if not db:
            return
        name = entry.name if rng.random() < 0.5 else rng.choice(self.table_names())
        want = E.EEXIST if name in db.tables else 0
        self.call(want, os.rename, old, f"{self.db_path(m, path_name(db.name))}/{path_name(name)}")
        if not want:
            self.world.do_restore_table(entry, db, name)
            self.check_refs(1 - m, entry.table)
        self.check_tables(1 - m, db)


assert all(not good_ref_name(n) for n in BAD_REF_NAMES)
