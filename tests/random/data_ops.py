"""Operations on the files in data/. One method each, op_*."""
import errno as E
import os
import re

from cli_ops import BLOCKS_MAX, FILE_NAMES
from model import first_error
from worker import Difference, Worker, same

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

    def replaced(self, blocks, name, victim):
        """Without @victim; others that were given its name keep showing their own."""
        left = [x for x in blocks if x[0] is not victim]
        return [(b, b.own if g == name else g) for b, g in left] if victim else left

    def op_data_mv(self):
        """Within a ref: another name; what had that name goes."""
        m = self.pick_mount()
        ref, name, block = self.pick_file(True)
        if not ref:
            return
        new = self.pick_file_name()
        victim = ref.shown().get(new)
        want = first_error(ref.expired and E.ESTALE, self.world.may_commit(ref),
                           not commits(new) and E.EINVAL)
        if not ref.expired and victim is block:
            want = 0  # to its own name: the kernel does nothing
        self.call(want, os.rename, self.data(m, ref, name), self.data(m, ref, new))
        if not want and victim is not block:
            blocks = self.replaced(ref.blocks(), new, victim)
            blocks = [(b, new if b is block else g) for b, g in blocks]
            self.commit(m, ref, blocks, "overwrite" if victim else "replace")
        self.check_ref(1 - m, ref)

    def pick_target(self, ref, block):
        """Where a file of @ref may go; mostly it can."""
        refs = self.refs(ref.table if self.rng.random() < 0.95 else None, KINDS)
        free = [r for r in refs if not self.world.may_commit(r) and len(r.blocks()) <= BLOCKS_MAX]
        lacks = [r for r in free if not self.holds(r, block)]
        x = self.rng.random()
        return self.rng.choice(lacks if lacks and x < 0.8 else free if free and x < 0.95 else refs)

    @staticmethod
    def holds(ref, block):
        return any(b is block for b, _ in ref.blocks())

    def op_data_ln(self):
        m, rng = self.pick_mount(), self.rng
        ref, name, block = self.pick_file(False)
        if not ref or (rng.random() < 0.7 and self.skips(ref)):
            return
        to = self.pick_target(ref, block)
        new = name if commits(name) and rng.random() < 0.3 else self.pick_file_name()
        if new in to.shown() and rng.random() < 0.7:
            new = f"linked{self.op}.parquet"
        stale = (ref.expired or to.expired) and E.ESTALE
        if not stale and (not commits(new) or rng.random() < 0.3):
            self.ln_f(m, self.data(m, ref, name), block, to, new)
        else:
            want = first_error(stale, new in to.shown() and E.EEXIST, self.world.may_commit(to),
                               to.table is not ref.table and E.EXDEV,
                               self.holds(to, block) and E.EEXIST)
            self.call(want, os.link, self.data(m, ref, name), self.data(m, to, new))
            if not want:
                self.commit(m, to, [*to.blocks(), (block, new)], "append")
        self.check_ref(1 - m, to)

    def ln_f(self, m, path, block, to, new):
        """ln -f: under a name that commits nothing first; that name, renamed, replaces."""
        waits = self.data(m, to, f"Cu{self.rng.randrange(10 ** 6)}")
        want = first_error(self.world.may_commit(to), self.is_elsewhere(block, to) and E.EXDEV)
        self.call(want, os.link, path, waits)
        if want:
            return
        same(os.lstat(waits).st_ino, block.ino, waits)
        self.check_ref(m, to)  # it is not listed
        victim = to.shown().get(new)
        if commits(new):
            want = E.EEXIST if self.holds(to, block) and victim is not block else 0
            self.call(want, os.rename, waits, self.data(m, to, new))
        if commits(new) and not want and victim is not block:
            blocks = [*self.replaced(to.blocks(), new, victim), (block, new)]
            self.commit(m, to, blocks, "overwrite" if victim else "append")
        else:
            self.call(0, os.unlink, waits)
        self.call_quietly(E.ENOENT, os.lstat, waits)

    def is_elsewhere(self, block, to):
        return not any(self.holds(r, block) for r in to.table.all_refs())

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
                           self.holds(to, block) and E.EEXIST, not commits(new) and E.EINVAL)
        is_same = block and victim is block and want != E.ESTALE
        if is_same:
            want = 0  # two names of one file: the kernel does nothing
        self.call(want, os.rename, self.data(m, ref, name), self.data(m, to, new))
        if not want and not is_same:
            left = [x for x in ref.blocks() if x[0] is not block]
            self.commit(m, ref, left, "delete")
            there = [*self.replaced(to.blocks(), new, victim), (block, new)]
            self.commit(m, to, there, "overwrite" if victim else "append")
        self.check_ref(1 - m, ref)
        self.check_ref(1 - m, to)
