"""A disk of its own for the power-cut tests: a file system on a loop device that can be cut off at
any moment. What was fsynced stays; what was not may come back empty. Without the rights or the
programs for it the test is skipped."""
import os
import shutil
import subprocess
import sys
import cli

SIZE = {"ext4": 256 << 20, "xfs": 320 << 20}
MAKE = {"ext4": ["mkfs.ext4", "-q"], "xfs": ["mkfs.xfs", "-q"]}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


class Disk:
    def __init__(self, kind, folder):
        self.kind, self.image, self.path = kind, f"{folder}/{kind}.image", f"{folder}/{kind}"
        for program in (MAKE[kind][0], "xfs_io", "losetup"):
            if not shutil.which(program):
                skip(f"no {program}")
        if os.geteuid():
            skip("needs root")
        with open(self.image, "wb") as f:
            f.truncate(SIZE[kind])
        subprocess.run([*MAKE[kind], self.image], check=True)
        os.mkdir(self.path)
        r = subprocess.run(["mount", "-o", "loop", self.image, self.path], capture_output=True,
                           text=True)
        if r.returncode:
            skip(f"no {kind} on a loop device: {r.stderr}")

    def cut(self):
        """From now on every access fails, and nothing more reaches the device."""
        subprocess.run(["xfs_io", "-x", "-c", "shutdown", self.path], check=True,
                       stdout=subprocess.DEVNULL)

    def again(self):
        """As after the power came back. Whoever has a file open in it is about to end."""
        cli.unmount(self.path)
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True)

    def remove(self):
        subprocess.run(["umount", "-q", "-l", self.path])
        shutil.rmtree(self.path, True)
        os.unlink(self.image)
