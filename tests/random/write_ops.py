"""Files written into data/, in the ways that programs do it. One method each, op_*."""
import errno as E
import os

from cli_ops import BLOCKS_MAX, FILE_NAMES
from data_ops import KINDS
from model import first_error
from worker import Worker

STAGED_NAMES = ["x.tmp", ".f1.parquet.Ab3", "tmp_f2.parquet", "_f3.parquet", "notes.txt"]
YEAR_2001_NS = 10 ** 18


class WriteOps(Worker):
    def pick_written(self):
        """A ref into which something is written; mostly it may be."""
        refs = self.refs(None, KINDS)
        free = [r for r in refs if not self.world.may_commit(r) and len(r.blocks()) <= BLOCKS_MAX]
        if free and self.rng.random() < 0.93:
            refs = free
        return self.rng.choice(refs) if refs else None

    def pick_used_name(self, ref):
        """One that a file has, better one that several were given."""
        given = [g for _, g in ref.blocks()]
        twice = sorted({g for g in given if given.count(g) > 1})
        if twice and self.rng.random() < 0.7:
            return self.rng.choice(twice)
        return self.rng.choice(sorted(ref.shown()) or FILE_NAMES)

    def may_write(self, ref):
        return first_error(ref.expired and E.ESTALE, self.world.may_commit(ref))

    def new_file(self, ref):
        """(marker, rows, bytes, error of its commit)."""
        if self.rng.random() < 0.05:
            return None, 0, self.wrong_bytes(ref), E.EINVAL
        return *self.new_bytes(), 0

    def open_new(self, want, path, flags=os.O_TRUNC):
        return self.call(want, os.open, path, os.O_WRONLY | os.O_CREAT | flags, 0o644)

    def fill(self, fd, data):
        """In one or several writes, not in order; then the time that it is to keep."""
        cuts = sorted(self.rng.randrange(len(data)) for _ in range(self.rng.randrange(3)))
        parts = [(a, b) for a, b in zip([0, *cuts], [*cuts, len(data)]) if a < b]
        for a, b in self.rng.sample(parts, len(parts)):
            self.call(0, os.pwrite, fd, data[a:b], a)
        if self.rng.random() < 0.5:
            return None
        ns = YEAR_2001_NS + self.rng.randrange(10 ** 15) * 1000
        self.call(0, os.utime, fd, ns=(ns, ns))
        return ns

    def was_put(self, m, ref, name, marker, rows, size, mtime_ns):
        """The file is one commit: appended, or in the place of what had that name."""
        victim = ref.shown().get(name)
        block = self.learn_blocks(m, ref, {marker: (rows, size)})[marker]
        if mtime_ns:
            block.mtime_us = mtime_ns // 1000
        blocks = [*self.replaced(ref.blocks(), name, victim), (block, name)]
        self.commit(m, ref, blocks, "overwrite" if victim else "append")

    def op_write(self):
        """cp, cat >, a program that syncs: under a name that commits."""
        m, rng, ref = self.pick_mount(), self.rng, self.pick_written()
        if not ref:
            return
        name = self.pick_used_name(ref) if rng.random() < 0.4 else rng.choice(FILE_NAMES)
        path = self.ref_path(m, ref, "data", name)
        want = self.may_write(ref)
        fd = self.open_new(want, path)
        if want:
            return
        marker, rows, data, wrong = self.new_file(ref)
        if rng.random() < 0.3:  # as shells: a duplicate is closed before anything is written
            self.call(0, os.close, os.dup(fd))
        if rng.random() < 0.05:  # never anything
            self.call(0, os.close, fd)
            self.check_ref(m, ref)
            return
        ns = self.fill(fd, data)
        if rng.random() < 0.3:
            self.call(wrong if data[:4] == b"PAR1" else 0, os.fsync, fd)
        self.call(wrong, os.close, fd)
        if not wrong:
            self.was_put(m, ref, name, marker, rows, len(data), ns)
        self.check_ref(m, ref)
        self.check_ref(1 - m, ref)

    def op_write_again(self):
        """Synced, which commits, and written again: two commits, the second replaces the first."""
        m, ref = self.pick_mount(), self.pick_written()
        if not ref or self.may_write(ref):
            return
        name = self.rng.choice(FILE_NAMES)
        fd = self.open_new(0, self.ref_path(m, ref, "data", name))
        for last in (False, True):
            marker, rows, data = self.new_bytes()
            self.call(0, os.ftruncate, fd, 0)
            self.call(0, os.pwrite, fd, data, 0)
            self.call(0, os.close if last else os.fsync, fd)
            self.was_put(m, ref, name, marker, rows, len(data), None)
            self.check_ref(1 - m, ref)

    def op_write_dropped(self):
        """Its branch is dropped while it is written."""
        m, ref = self.pick_mount(), self.pick_ref(None, ("branch",))
        if not ref or self.may_write(ref) or self.world.may_drop(ref):
            return
        fd = self.open_new(0, self.ref_path(m, ref, "data", "late.parquet"))
        self.call(0, os.write, fd, self.new_bytes()[2])
        self.call(0, os.rmdir, self.ref_path(1 - m, ref))
        self.world.do_drop(ref)
        self.call(E.ESTALE, os.close, fd)
        self.check_refs(m, ref.table)

    def op_write_staged(self):
        """A name that does not commit: of this mount alone, until it is renamed or removed."""
        m, rng, ref = self.pick_mount(), self.rng, self.pick_written()
        if not ref:
            return
        name = rng.choice(STAGED_NAMES)
        path = self.ref_path(m, ref, "data", name)
        want = self.may_write(ref)
        fd = self.open_new(want, path, os.O_EXCL)
        if want:
            return
        marker, rows, data, wrong = self.new_file(ref)
        ns = self.fill(fd, data)
        if rng.random() < 0.3:
            self.call(0, os.fsync, fd)
        self.call(0, os.close, fd)
        self.staged(m, ref, name)
        if rng.random() < 0.2:
            name = rng.choice([n for n in STAGED_NAMES if n != name])
            self.call(0, os.rename, path, self.ref_path(m, ref, "data", name))
            path = self.ref_path(m, ref, "data", name)
            self.staged(m, ref, name)
        if rng.random() < 0.2:
            self.call(0, os.unlink, path)
        else:
            self.rename_staged(m, ref, path, (marker, rows, len(data), ns), wrong)
        self.check_ref(m, ref)
        self.check_ref(1 - m, ref)

    def staged(self, m, ref, name):
        self.check_names(self.ref_path(m, ref, "data"), [*ref.shown(), name])
        self.check_ref(1 - m, ref)

    def rename_staged(self, m, ref, path, file, wrong):
        """It is committed by that, maybe in another ref; refused it stays."""
        to = ref if self.rng.random() < 0.8 else self.pick_written() or ref
        if wrong and not to.schema:
            to = ref  # of a table without a schema any would be the first file
        new = self.rng.choice([self.pick_used_name(to), self.rng.choice(FILE_NAMES)])
        want = first_error(to.expired and E.ESTALE, self.may_write(to), wrong)
        self.call(want, os.rename, path, self.ref_path(m, to, "data", new))
        if want:
            self.call(0, os.unlink, path)
        else:
            self.was_put(m, to, new, *file)
        self.check_ref(1 - m, to)
