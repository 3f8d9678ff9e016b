#!/usr/bin/env python3
"""The power cut while a mount and commands are busy: the store lies on ext4 and on xfs that go away
at random moments. Afterwards all that was acknowledged is there, nothing is torn, fsck is clean.
usage: power.py BUILD [KIND=PROCESSES ...]   (as kill_all.py)"""
import errno
import subprocess
import sys
import time
import cli
import disk
import kill_all

CUTS, CUTS_FULL = 3, 75  # of each file system


class Run(kill_all.Run):
    # what the daemon and the kernel say of a disk that is gone
    lost_codes = (errno.EIO, errno.EROFS, errno.ENOTCONN, errno.ECONNABORTED, errno.EREMOTEIO)

    def __init__(self, build, seed, kinds, kind):
        self.kind, self.what = kind, f"power cuts of {kind}"
        super().__init__(build, seed, kinds)

    def make_store(self, build):
        self.disk = disk.Disk(self.kind, self.folder)
        return cli.Store(build, self.disk.path)

    def cut(self):
        self.disk.cut()
        time.sleep(self.rng.choice((0, 0, 0.05)))  # the daemon may find out before it dies
        self.daemon.kill()

    def remount(self):
        subprocess.run(["umount", self.mnt], check=True)
        self.disk.again()
        self.daemon = cli.mount(self.boughfs, self.store.path, self.mnt)

    def clean(self):
        super().clean()
        self.daemon.wait()
        self.disk.remove()


def main():
    seed, cuts = cli.settings(CUTS, CUTS_FULL)
    status = 0
    for kind in ("ext4", "xfs"):
        status |= Run(sys.argv[1], seed, kill_all.kinds_of(sys.argv[2:]), kind).run(cuts)
    sys.exit(status)


main()
