"""Operations on the files in data/. One method each, op_*."""
import errno as E
import os
import re

from cli_ops import BLOCKS_MAX, FILE_NAMES
from model import first_error
from worker import Difference, Worker

BAD_FILE_NAMES = ["x.csv", ".x.parquet", "_x.parquet", "tmp_x.parquet", ".parquet"]
KINDS = ("main", "branch", "tag")


def commits(name):
    return bool(re.fullmatch(r"(?![._]|tmp_).+\.parquet", name, re.I | re.S))


class DataOps(Worker):
    def pick_file(self, changeable):
        """(ref, name in data/, block)."""
        refs = [r for r in self.refs(None, KINDS) if r.blocks() or r.expired]
        free = [r for r in refs if not self.world.may_commit(r) and r.blocks()]
        if changeable and free and self.rng.random() < 0.9:
            refs = free
        if not refs:
            return None, None, None
        ref = self.rng.choice(refs)
        if not ref.blocks():
            return ref, "f0.parquet", None
        name = self.rng.choice(sorted(ref.shown()))
        return ref, name, ref.shown()[name]

    def pick_file_name(self):
        x = self.rng.random()
        return self.rng.choice(BAD_FILE_NAMES if x < 0.03 else FILE_NAMES)

    def data(self, m, ref, *name):
        return self.ref_path(m, ref, "data", *name)

    def op_data_rm(self):
        """One commit, or with those just before it one (protocol: Squashing)."""
        m, rng = self.pick_mount(), self.rng
        ref, name, block = self.pick_file(True)
        if ref and self.last_removed and rng.random() < 0.7:  # rm of several
            again, m = self.last_removed
            there = again in self.refs(None, KINDS) and not self.world.may_commit(again)
            if there and again.blocks():
                ref, name = again, rng.choice(sorted(again.shown()))
                block = again.shown()[name]
        self.last_removed = None
        if not ref:
            return
        if rng.random() < 0.03:
            name, block = "none.parquet", None
        want = first_error(ref.expired and E.ESTALE, not block and E.ENOENT,
                           self.world.may_commit(ref))
        self.call(want, os.unlink, self.data(m, ref, name))
        if not want:
            self.removed(m, ref, block)
            self.last_removed = ref, m
        self.check_ref(1 - m, ref)

    def removed(self, m, ref, block):
        began, ended = self.clock[:2]
        old = ref.head
        may, must = self.world.may_squash(ref, m, began, ended, self.strangers.get(old.name, 0))
        name = self.new_head(m, ref)
        squashed = old.name not in os.listdir(self.links_path(m, ref))
        if squashed and not may:
            raise Difference(f"{self.ref_path(m, ref)}: {old.name} was replaced by {name}")
        self.squashes[squashed] += must
        run = {"mount": m, "first": (began, ended), "last": (began, ended)}
        blocks = [x for x in ref.blocks() if x[0] is not block]
        self.snaps[name] = self.world.do_remove(ref, name, blocks, squashed, run)

    def taken_twice(self, blocks, given, but):
        """Has another file than @but that name?"""
        return any(g == given and b not in but for b, g in blocks)

    def op_data_mv(self):
        """Within a ref: another name; what had that name goes."""
        m = self.pick_mount()
        ref, name, block = self.pick_file(True)
        if not ref:
            return
        new = self.pick_file_name()
        victim = ref.shown().get(new)
        but = {block, victim}
        want = first_error(ref.expired and E.ESTALE, self.world.may_commit(ref),
                           self.taken_twice(ref.blocks(), new, but) and E.EEXIST,
                           not commits(new) and E.EINVAL)
        if not ref.expired and victim is block:
            want = 0  # to its own name: the kernel does nothing
        self.call(want, os.rename, self.data(m, ref, name), self.data(m, ref, new))
        if not want and victim is not block:
            blocks = [(b, new if b is block else g) for b, g in ref.blocks() if b is not victim]
            self.commit(m, ref, blocks, "overwrite" if victim else "replace")
        self.check_ref(1 - m, ref)

    def pick_target(self, ref, block):
        """Where a file of @ref may go; mostly it can."""
        refs = self.refs(ref.table if self.rng.random() < 0.95 else None, KINDS)
        free = [r for r in refs if not self.world.may_commit(r) and len(r.blocks()) <= BLOCKS_MAX]
        lacks = [r for r in free if all(b is not block for b, _ in r.blocks())]
        x = self.rng.random()
        return self.rng.choice(lacks if lacks and x < 0.8 else free if free and x < 0.95 else refs)

    def link_schema(self, block, to):
        """Of the ref whose columns a linked file is read by: one with those of @to, if any."""
        holding = [to.table.main] + sorted(to.table.refs.values(), key=lambda r: r.ino)
        found = [r.schema for r in holding if r.limbo is None and not r.expired and
                 any(b is block for b, _ in r.blocks())]
        fits = [s for s in found if not to.schema or s == to.schema]
        return (fits or found[-1:] or [None])[0]

    def may_hold(self, block, to, new, schema, victim=None):
        holds = any(b is block for b, _ in to.blocks())
        return first_error(to.schema and schema != to.schema and E.EINVAL, holds and E.EEXIST,
                           self.taken_twice(to.blocks(), new, {victim}) and E.EEXIST,
                           not commits(new) and E.EINVAL)

    def op_data_ln(self):
        m, rng = self.pick_mount(), self.rng
        ref, name, block = self.pick_file(False)
        if not ref or (rng.random() < 0.7 and self.skips(ref)):
            return
        to = self.pick_target(ref, block)
        new = name if commits(name) and rng.random() < 0.3 else self.pick_file_name()
        if new in to.shown() and rng.random() < 0.7:
            new = f"linked{self.op}.parquet"
        schema = block and self.link_schema(block, to)
        want = first_error((ref.expired or to.expired) and E.ESTALE,
                           new in to.shown() and E.EEXIST, self.world.may_commit(to),
                           to.table is not ref.table and E.EXDEV,
                           block and self.may_hold(block, to, new, schema))
        self.call(want, os.link, self.data(m, ref, name), self.data(m, to, new))
        if not want:
            to.schema = to.schema or schema
            self.commit(m, to, [*to.blocks(), (block, new)], "append")
        self.check_ref(1 - m, to)

    def skips(self, ref):
        return ref.expired or not ref.blocks()

    def op_data_mv_across(self):
        """From ref to ref: one transaction, two snapshots."""
        m = self.pick_mount()
        ref, name, block = self.pick_file(True)
        if not ref:
            return
        to = self.pick_target(ref, block)
        if to is ref:
            return
        new = name if commits(name) and self.rng.random() < 0.5 else self.pick_file_name()
        victim = to.shown().get(new)
        want = first_error((ref.expired or to.expired) and E.ESTALE, self.world.may_commit(ref),
                           self.world.may_commit(to), to.table is not ref.table and E.EXDEV,
                           block and self.may_hold(block, to, new, ref.schema, victim))
        is_same = block and victim is block and want != E.ESTALE
        if is_same:
            want = 0  # two names of one file: the kernel does nothing
        self.call(want, os.rename, self.data(m, ref, name), self.data(m, to, new))
        if not want and not is_same:
            left = [x for x in ref.blocks() if x[0] is not block]
            to.schema = to.schema or ref.schema
            self.commit(m, ref, left, "delete")
            there = [x for x in to.blocks() if x[0] is not victim]
            self.commit(m, to, [*there, (block, new)], "overwrite" if victim else "append")
        self.check_ref(1 - m, ref)
        self.check_ref(1 - m, to)
