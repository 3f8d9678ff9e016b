"""The helper itself, in both of its ways, gives up its rights before it looks at a file. (What is
left after that, test_confine.c asks.)
usage: test_confined.py BOUGH_READER SAMPLE"""
import json
import os
import socket
import struct
import subprocess
import sys

CAP_DAC_READ_SEARCH = 1 << 2
QUESTION = {"fields": 2, "columns": [[0, 0], [1, 1]], "groups": [3]}


def start(*args):
    ours, theirs = socket.socketpair()

    def give():
        os.dup2(theirs.fileno(), 3)
        os.set_inheritable(3, True)
    return ours, subprocess.Popen([sys.argv[1], *args], close_fds=False, preexec_fn=give)


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def check(pid, capabilities):
    found = status(pid)
    assert found["Seccomp"] == "2", found["Seccomp"]
    assert found["NoNewPrivs"] == "1"
    assert int(found["CapEff"], 16) & ~capabilities == 0, found["CapEff"]
    assert int(found["CapPrm"], 16) & ~capabilities == 0, found["CapPrm"]


def describing():
    sock, helper = start()
    assert sock.recv(1) == b"r"
    check(helper.pid, 0)
    sock.close()
    assert helper.wait() == 0


def finding_ranges():
    sock, helper = start("--ranges")
    question = json.dumps(QUESTION).encode()
    with open(sys.argv[2], "rb") as f:
        socket.send_fds(sock, [b"i"], [f.fileno()])
    sock.sendall(struct.pack("<I", len(question)) + question)
    os.waitid(os.P_PID, helper.pid, os.WEXITED | os.WNOWAIT)  # a zombie still says what it was
    check(helper.pid, CAP_DAC_READ_SEARCH)
    answer = sock.recv(1 << 16)
    assert json.loads(answer[4:])["ranges"] == [[0, 3, 2, "1", "3", 2, "a", "b"]], answer
    assert helper.wait() == 0


describing()
finding_ranges()
