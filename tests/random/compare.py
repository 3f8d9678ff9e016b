"""The whole model against the store: each worker its part, the coordinator what is everybody's."""
import collections
import datetime
import json
import os
import stat

from cli_ops import CliOps
from data_ops import DataOps
from model import path_name
from mount_ops import MountOps
from worker import Difference, same, same_set
from write_ops import WriteOps

SAMPLE = 2  # files read at each comparison


class Comparer(MountOps, DataOps, WriteOps, CliOps):
    def compare(self):
        """All that is mine, through each mount; then what the others need to know."""
        self.kind = "compare"
        for m in range(len(self.mounts)):
            self.check_dbs(m)
            for db in self.world.dbs.values():
                self.check_tables(m, db)
            for table in self.world.tables():
                self.compare_table(m, table)
            self.check_trash(m)
        self.read_sample()
        refs = [r for r in self.refs() if not r.expired]
        if refs:
            self.log_check(self.rng.choice(refs))
        return self.digest()

    def compare_table(self, m, table):
        if self.number:
            self.check_refs(m, table)
        counted = collections.Counter()
        for ref in table.all_refs():
            counted.update(s.name for s in ref.links)
        for ref in (r for r in table.all_refs() if self.owns(r)):
            self.check_ref(m, ref)
            self.compare_ref(m, ref)
            if not ref.expired and ref.limbo is None:
                self.compare_links(m, ref, counted)
                self.compare_files(m, ref)

    def compare_ref(self, m, ref):
        if ref.kind == "main":
            return
        st = os.lstat(self.ref_path(m, ref))
        ref.ino = ref.ino or st.st_ino
        mode = 0o555 if ref.kind == "tag" else 0o755
        same((st.st_ino, stat.S_IMODE(st.st_mode)), (ref.ino, mode),
             f"inode and mode of {self.ref_path(m, ref)}")
        got = os.getxattr(self.ref_path(m, ref), "user.bough.protected").decode()
        same(got, "1" if ref.is_protected else "0", f"protected of {self.ref_path(m, ref)}")

    def compare_links(self, m, ref, counted):
        """A snapshot's links: one for each directory that it is in."""
        inodes = {}
        for s in ref.links:
            st = os.lstat(f"{self.links_path(m, ref)}/{s.name}")
            same(inodes.setdefault(s.name, st.st_ino), st.st_ino, f"inode of {s.name}")
            if s.owner == self.number and self.number:
                same(st.st_nlink, counted[s.name], f"links of {self.links_path(m, ref)}/{s.name}")
            self.compared += 1

    def compare_files(self, m, ref):
        """Shared blocks have one inode, whichever ref shows them."""
        for name, b in ref.shown().items():
            path = self.ref_path(m, ref, "data", name)
            st = os.lstat(path)
            same((st.st_ino, st.st_size), (b.ino, b.size), f"inode and size of {path}")
            if st.st_nlink < 2:
                raise Difference(f"{path}: {st.st_nlink} links, at least _b/ and a segment hold it")
            if b.mtime_us:
                same(st.st_mtime_ns // 1000, b.mtime_us, f"time of {path}")
            self.compared += 1

    def read_sample(self):
        files = [(r, n, b) for r in self.refs() if not r.expired for n, b in r.shown().items()]
        for ref, name, b in self.rng.sample(files, min(SAMPLE, len(files))):
            path = self.ref_path(self.pick_mount(), ref, "data", name)
            with open(path, "rb") as f:
                if f.read() != self.bytes_of(b.marker, b.rows):
                    raise Difference(f"{path}: its rows are not those of {b.marker}")
            self.compared += 1

    def digest(self):
        """For the coordinator: what the whole store must hold because of me."""
        shared = self.world.shared
        links = collections.Counter()
        for ref in shared.refs.values():
            links.update(s.name for s in ref.links if not s.owner)
        return {"dbs": [path_name(d) for d in self.world.dbs], "links": links,
                "shared": list(shared.refs), "refs": self.ref_rows(),
                "trash": [(e.id, e.kind) for e in self.world.seen_trash()],
                "done": self.done, "refused": self.refused, "compared": self.compared,
                "squashes": self.squashes, "late": self.late}

    def references(self):
        """How many I hold to snapshots of the shared table's main."""
        return {s.name: s.count for s in self.snaps.values() if not s.owner and s.count}

    # Of the coordinator

    def compare_all(self, digests):
        """Names, links and listings to which every worker adds."""
        self.kind = "compare"
        mine = self.digest()
        shared = self.world.shared
        everyone = [mine, *digests]
        dbs = ["shared", ".bough", *(n for d in digests for n in d["dbs"])]
        refs = [n for d in digests for n in d["shared"]]
        for m, mount in enumerate(self.mounts):
            self.check_names(mount, dbs)
            self.check_names(self.path(m, shared, "_refs"), refs)
            self.compare_table(m, shared)
            for s in shared.main.links:
                st = os.lstat(self.path(m, shared, "_ss", s.name))
                want = 1 + sum(d["links"][s.name] for d in digests)
                same(st.st_nlink, want, f"links of _ss/{s.name}")
                self.compared += 1
        self.read_sample()
        self.compare_ref_rows({k: v for d in everyone for k, v in d["refs"].items()})
        rows = json.loads(self.cli(0, "trash", "list", "--json"))
        same_set([r["id"] for r in rows if r["type"] != "snapshot"],
                 [i for d in everyone for i, kind in d["trash"] if kind != "snapshot"], "the trash")
        same(len(rows), sum(len(d["trash"]) for d in everyone), "entries of the trash")
        self.log_check(shared.main)

    def compare_ref_rows(self, want):
        rows = {}
        for kind in ("branch", "tag"):
            for r in json.loads(self.cli(0, kind, "list", "--json")):
                rows[r["database"], r["table"], r["ref"]] = r
        same_set(rows, want, "bough branch list, tag list")
        for key, w in want.items():
            for field, value in w.items():
                got = rows[key][field]
                if field == "expires":
                    self.compare_expiry(key, got, value)
                elif value is not None or field != "expired":
                    same(got, value, f"{field} of {key}")
            self.compared += 1

    @staticmethod
    def compare_expiry(key, got, want):
        if not want or not got:
            same(got, want, f"expiry of {key}")
            return
        at = datetime.datetime.fromisoformat(got.replace("Z", "+00:00")).timestamp()
        if not want[0] - 1e-3 <= at <= want[1] + 1e-3:
            raise Difference(f"expiry of {key}: {got}, which is not in {want}")

    def replica(self):
        """What the others must know of main of the shared table."""
        main = self.world.shared.main
        return {"head": main.head and main.head.name, "protected": main.is_protected,
                "schema": main.schema,
                "links": [(s.name, s.parent and s.parent.name, s.operation, s.schema,
                           [(b.marker, b.rows, b.size, b.ino, b.own, g) for b, g in s.blocks])
                          for s in main.links]}
