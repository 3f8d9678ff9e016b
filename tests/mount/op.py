"""op.py: does what standard input says and prints 0 or the name of the error, a line each.

A request: the number of words that follow, then each on a line (a newline in it as \\n):
OPERATION PATH [ARGUMENT], one system call.
"""
import errno
import os
import sys


def opened(path, flags):
    os.close(os.open(path, flags, 0o644))


OPERATIONS = {
    "stat": lambda p, a: os.lstat(p),
    "list": lambda p, a: os.listdir(p),
    "read": lambda p, a: opened(p, os.O_RDONLY),
    "write": lambda p, a: opened(p, os.O_WRONLY),
    "rdwr": lambda p, a: opened(p, os.O_RDWR),
    "trunc_open": lambda p, a: opened(p, os.O_WRONLY | os.O_TRUNC),
    "append": lambda p, a: opened(p, os.O_WRONLY | os.O_APPEND),
    "create": lambda p, a: opened(p, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "truncate": lambda p, a: os.truncate(p, 0),
    "mkdir": lambda p, a: os.mkdir(p, int(a or "755", 8)),
    "rmdir": lambda p, a: os.rmdir(p),
    "unlink": lambda p, a: os.unlink(p),
    "rename": os.rename,
    "link": lambda p, a: os.link(p, a, follow_symlinks=False),
    "symlink": lambda p, a: os.symlink(a or "x", p),
    "mkfifo": lambda p, a: os.mkfifo(p),
    "chmod": lambda p, a: os.chmod(p, int(a, 8)),
    "chown": lambda p, a: os.chown(p, 1, 1, follow_symlinks=False),
    "utime": lambda p, a: os.utime(p, (1, 1), follow_symlinks=False),
    "readlink": lambda p, a: os.readlink(p),
    "setxattr": lambda p, a: os.setxattr(p, a.split("=")[0], (a.split("=") + ["1"])[1].encode()),
    "removexattr": lambda p, a: os.removexattr(p, a),
    "getxattr": lambda p, a: os.getxattr(p, a),
    "statfs": lambda p, a: os.statvfs(p),
}


def word():
    return sys.stdin.readline().rstrip("\n").replace("\\n", "\n")


while True:
    count = word()
    if not count:
        break
    op, path, *rest = [word() for _ in range(int(count))]
    try:
        OPERATIONS[op](path, rest[0] if rest else "")
        print("0", flush=True)
    except OSError as e:
        print(errno.errorcode.get(e.errno, e.errno), flush=True)
